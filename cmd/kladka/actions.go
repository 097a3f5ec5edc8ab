package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

type actionsCmd struct {
	List actionsListCmd `cmd:"" help:"List an integration's actions, newest first."`
	Show actionsShowCmd `cmd:"" help:"Show one with each of its requests that changes something."`
}

// Help is shown by --help.
func (*actionsCmd) Help() string {
	return `The journal of write actions. An action is

  requested   nothing was sent to TRAFFIT yet
  sending     something was sent, or is about to be
  unknown     an answer was lost; the server goes on looking for what became of the request
  confirmed   done
  failed      ended without success; the code says whether a repeat can help

What was asked for is not shown: it is encrypted, and forgotten when the action ends. Entries are kept for 30 days.`
}

type actionsListCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Open        bool     `help:"Only those that have not ended."`
	Limit       int      `help:"How many; default: ${default}." default:"50" placeholder:"N"`
	JSON        bool     `name:"json" help:"Print JSON."`
	Settings    settings `embed:""`
}

// actionJSON is an action for scripts.
type actionJSON struct {
	ID            string   `json:"id"`
	Operation     string   `json:"operation"`
	State         string   `json:"state"`
	RequestID     string   `json:"request_id"`
	CreatedAt     *string  `json:"created_at"`
	EndedAt       *string  `json:"ended_at"`
	CandidateID   *string  `json:"remote_candidate_id"`
	ApplicationID *string  `json:"remote_application_id"`
	Code          *string  `json:"code"`
	Message       *string  `json:"message"`
	Warnings      []string `json:"warnings"`
	// Effects are part of show only.
	Effects []effectJSON `json:"effects,omitempty"`
}

type effectJSON struct {
	Name     string  `json:"name"`
	State    string  `json:"state"` // sending, done, none
	RemoteID *string `json:"remote_id"`
	Existed  bool    `json:"existed"`
	Sent     int     `json:"sent"`
}

func actionAsJSON(row store.Action) (actionJSON, error) {
	e, err := action.Read(row)
	if err != nil {
		return actionJSON{}, err
	}
	out := actionJSON{
		ID: row.ID, Operation: row.Operation, State: string(row.State), RequestID: row.RequestID,
		CreatedAt: stamp(&row.CreatedAt), EndedAt: stamp(row.EndedAt),
		CandidateID: nullable(e.CandidateID), ApplicationID: nullable(e.ApplicationID),
		Code: nullable(string(e.Code)), Message: nullable(e.Message), Warnings: append([]string{}, e.Warnings...),
	}
	for _, f := range e.Effects {
		if f.State == "" {
			f.State = "none"
		}
		out.Effects = append(out.Effects, effectJSON{f.Name, f.State, nullable(f.RemoteID), f.Existed, f.Sent})
	}
	return out, nil
}

// came says in short what came of an action.
func (j actionJSON) came() string {
	switch {
	case j.Code != nil:
		return *j.Code + ": " + oneLine(text(j.Message))
	case len(j.Warnings) == 1:
		return "1 warning"
	case len(j.Warnings) > 1:
		return fmt.Sprintf("%d warnings", len(j.Warnings))
	}
	return "-"
}

// Run lists actions.
func (c *actionsListCmd) Run(s *surroundings) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		rows, err := a.Store.Actions(s.ctx, i.No, c.Open, c.Limit)
		if err != nil {
			return err
		}
		out := []actionJSON{}
		t := newTable("ID", "WHEN", "OPERATION", "STATE", "REQUEST", "OUTCOME")
		for _, row := range rows {
			j, err := actionAsJSON(row)
			if err != nil {
				return err
			}
			t.row(j.ID, ago(&row.CreatedAt, time.Now()), j.Operation, j.State, j.RequestID, j.came())
			j.Effects = nil
			out = append(out, j)
		}
		switch {
		case c.JSON:
			return printJSON(s.stdout, out)
		case len(rows) == 0 && c.Open:
			s.say("No action is under way.")
			return nil
		case len(rows) == 0:
			s.say("There was no action within 30 days.")
			return nil
		}
		return t.write(s.stdout)
	})
}

type actionsShowCmd struct {
	ID       string   `arg:"" help:"The action's ID, as list and messages about timeouts give it."`
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// Run shows an action.
func (c *actionsShowCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		row, err := a.Store.Action(s.ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the journal has no action %q; `kladka actions list INTEGRATION` shows what it has", c.ID)
		} else if err != nil {
			return err
		}
		j, err := actionAsJSON(row)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.stdout, j)
		}
		printAction(s, j)
		return nil
	})
}

func printAction(s *surroundings, j actionJSON) {
	s.detail("ID", j.ID)
	s.detail("operation", j.Operation)
	s.detail("state", j.State)
	s.detail("began", *j.CreatedAt)
	s.detail("ended", orDash(text(j.EndedAt)))
	s.detail("candidate", orDash(text(j.CandidateID)))
	s.detail("application", orDash(text(j.ApplicationID)))
	s.detail("outcome", j.came())
	for _, w := range j.Warnings {
		s.detail("warning", oneLine(w))
	}
	for _, e := range j.Effects {
		about := e.Name + ": " + e.State
		if e.Existed {
			about = e.Name + ": it was there before"
		}
		if e.Sent > 1 {
			about += fmt.Sprintf(", sent %d times", e.Sent)
		}
		if e.RemoteID != nil {
			about += ", ID " + *e.RemoteID
		}
		s.detail("request", about)
	}
	s.print("\nWhat was said: kladka requests show %s", j.RequestID)
}
