package main

import (
	"context"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

type syncCmd struct {
	Integration string   `arg:"" help:"Integration ID, or the tenant's name if only one integration has it."`
	Type        string   `help:"Kind of sync: ${enum}; default: ${default}." enum:"full,delta" default:"full" placeholder:"TYPE"`
	Wait        bool     `help:"Wait for the end and show the progress; exit code 3 or 4 unless it succeeded."`
	JSON        bool     `name:"json" help:"Print the sync as JSON: its state at the end with --wait, else as queued."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*syncCmd) Help() string {
	return `Queues a sync, or joins the one that is under way, and prints its ID. A running server works on it; with --wait and
without a server this command does the work itself. Interrupting it loses nothing: the next worker goes on where it was.

Examples:

  kladka sync acme --wait
  kladka sync traffit:7xKXtg2CW87d97TXJSDpbD5j --json`
}

// Run syncs an integration.
func (c *syncCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		if i.Status == store.StatusInactive {
			return fmt.Errorf("%s is switched off; switch it on first: kladka integrations enable %s", i.OrganizationName, i.ID)
		}
		typ := store.FullSync
		if c.Type == "delta" {
			typ = store.DeltaSync
		}
		run, already, err := a.StartSync(s.ctx, i, typ, "cli")
		if err != nil {
			return err
		}
		if already {
			s.say("A sync of %s is under way already; this is that one.", i.OrganizationName)
		}
		if !c.Wait {
			s.say("The sync is queued. A running server works on it; --wait shows its progress, and does it without a server.")
			return c.print(s, run)
		}
		followErr := followRun(s, a, run)
		if run, err = a.Store.Run(s.ctx, run.ID); err == nil && run.EndedAt != nil {
			err = c.print(s, run)
		}
		if followErr != nil {
			return followErr
		}
		return err
	})
}

func (c *syncCmd) print(s *surroundings, r store.Run) error {
	if c.JSON {
		return printJSON(s.stdout, runAsJSON(r))
	}
	s.print("%s", r.ID)
	return nil
}

// followRun shows a run to its end, working on it where nobody else does.
func followRun(s *surroundings, a *app.App, run store.Run) error {
	done := make(chan error, 1)
	ctx, cancel := context.WithCancelCause(s.ctx)
	go func() {
		err := a.WorkOn(ctx, run.ID)
		if err != nil {
			cancel(err)
		}
		done <- err
	}()
	ended, err := newProgress(s.stderr).follow(ctx, a.Store, run.ID)
	cancel(nil)
	workErr := <-done
	if stopped(s.ctx, err) {
		return fmt.Errorf("interrupted; the sync goes on where it was with the next `kladka sync` or server: %w", err)
	}
	if err != nil {
		return err
	}
	if ended.EndedAt == nil {
		return workErr
	}
	return runOutcome(ended)
}

// runJSON is a sync for scripts.
type runJSON struct {
	ID          string  `json:"id"`
	Type        string  `json:"type"`
	State       string  `json:"state"`
	Cause       string  `json:"cause"`
	CreatedAt   *string `json:"created_at"`
	StartedAt   *string `json:"started_at"`
	CompletedAt *string `json:"completed_at"`
	ErrorCode   *string `json:"error_code"`
	Error       *string `json:"error"`
}

func runAsJSON(r store.Run) runJSON {
	return runJSON{r.ID, string(r.Type), string(r.State), r.Cause, stamp(&r.CreatedAt), stamp(r.StartedAt), stamp(r.EndedAt), r.ErrorCode, r.Error}
}

// describeRun is a sync in a few words.
func describeRun(r store.Run) string {
	words := string(r.State)
	if r.EndedAt != nil {
		words += " " + ago(r.EndedAt, time.Now())
	}
	if r.Error != nil && *r.Error != "" {
		words += ": " + oneLine(*r.Error)
	}
	return words
}
