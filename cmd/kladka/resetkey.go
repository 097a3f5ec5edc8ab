package main

import "github.com/kladka/kladka/internal/app"

type resetKeyCmd struct {
	Yes      bool     `help:"Do it: the stored credentials are lost anyway."`
	Settings settings `embed:""`
}

// Help is shown by --help.
func (*resetKeyCmd) Help() string {
	return `Without the master key the stored credentials cannot be read by anybody. This gives them up, so that the next start can use
another key. Records, IDs, API keys and the change log stay; each integration waits until its credentials are entered
again with: kladka integrations reconnect`
}

// Run gives up what a lost key sealed.
func (c *resetKeyCmd) Run(s *surroundings) error {
	if !c.Yes {
		return usageError("this gives up the stored credentials of all integrations; say --yes if the master key is really lost")
	}
	if err := app.ResetMasterKey(s.ctx, c.Settings.config(s)); err != nil {
		return err
	}
	s.say("Done. Start with another key, then reconnect each integration: kladka integrations list")
	return nil
}
