package main

import (
	"fmt"

	"github.com/kladka/kladka/internal/app"
)

type deletionsCmd struct {
	List    deletionsListCmd    `cmd:"" help:"List what is missing from TRAFFIT and not yet confirmed to be deleted."`
	Approve deletionsApproveCmd `cmd:"" help:"Let the next sync confirm deletions that are held back."`
}

// Help is shown by --help.
func (*deletionsCmd) Help() string {
	return `What a complete listing no longer shows is deleted here only after TRAFFIT itself says that it does not exist. When more
than 50 records and more than 2 % of a model are missing at once, nothing is asked: that may be a lost permission. They
are held back until you approve; approved ones are still confirmed one by one.`
}

type deletionsListCmd struct {
	Integration string   `arg:"" optional:"" help:"Integration ID or tenant name; default: all."`
	JSON        bool     `name:"json" help:"Print JSON."`
	Settings    settings `embed:""`
}

// deletionJSON is a row for scripts.
type deletionJSON struct {
	IntegrationID string `json:"integration_id"`
	Model         string `json:"model"`
	Missing       int64  `json:"missing"`
	Living        int64  `json:"living"`
	Held          bool   `json:"held"`
}

// Run lists deletions.
func (c *deletionsListCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		some, err := chosen(s, a, c.Integration)
		if err != nil {
			return err
		}
		out := []deletionJSON{}
		t := newTable("INTEGRATION", "MODEL", "MISSING", "OF", "STATE")
		for _, i := range some {
			waiting, err := a.Deletions(s.ctx, i)
			if err != nil {
				return err
			}
			for _, d := range waiting {
				out = append(out, deletionJSON{i.ID, string(d.Model), d.Waiting, d.Living, d.Held})
				state := "confirmed with the next sync"
				if d.Held {
					state = "waits: kladka deletions approve " + i.ID + " " + string(d.Model)
				}
				t.row(i.ID, string(d.Model), fmt.Sprint(d.Waiting), fmt.Sprint(d.Living), state)
			}
		}
		switch {
		case c.JSON:
			return printJSON(s.stdout, out)
		case len(out) == 0:
			s.say("Nothing is missing.")
			return nil
		}
		return t.write(s.stdout)
	})
}

type deletionsApproveCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Model       string   `arg:"" optional:"" help:"Model, such as ats_candidates or candidates; default: all that are held back."`
	Settings    settings `embed:""`
}

// Run approves deletions.
func (c *deletionsApproveCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		waiting, err := a.Deletions(s.ctx, i)
		if err != nil {
			return err
		}
		var approved int64
		for _, d := range waiting {
			if !d.Held || c.Model != "" && !d.Named(c.Model) {
				continue
			}
			n, err := a.Store.ApproveDeletions(s.ctx, i.No, d.Entity)
			if err != nil {
				return err
			}
			approved += n
			s.say("%d of %s may be confirmed now.", n, d.Model)
		}
		if approved == 0 {
			return fmt.Errorf("nothing of %s is held back; `kladka deletions list` shows what is missing", i.OrganizationName)
		}
		s.say("The next sync asks TRAFFIT about each of them: kladka sync %s --wait", i.ID)
		return nil
	})
}
