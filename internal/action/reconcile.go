package action

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// How the reconciler works: how often it looks, how many actions it takes up at a time, how many of
// them at once, and how long the journal is kept.
const (
	reconcileEvery  = 2 * time.Second
	reconcileAtOnce = 20
	reconcileBeside = 4
	keepJournal     = 30 * 24 * time.Hour
	forgetEvery     = 10 * time.Minute
)

// Work goes on, until the context ends, with actions of which it was not known what became of them,
// and with those whose process died. It finishes what it can without the client; files that came
// with a request are gone with the process that received them.
func (s *Service) Work(ctx context.Context) error {
	every := time.NewTicker(reconcileEvery)
	defer every.Stop()
	var group errgroup.Group
	group.SetLimit(reconcileBeside)
	defer group.Wait() //nolint:errcheck // they give no errors
	var forgot time.Time
	for {
		if err := s.reconcile(ctx, &group); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "going on with unfinished actions failed", "err", err)
		}
		if time.Since(forgot) > forgetEvery {
			forgot = time.Now()
			if _, err := s.Store.ForgetActions(ctx, s.Store.Now()-keepJournal.Milliseconds()); err != nil && ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "forgetting old actions failed", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

// reconcile takes up what is due, as far as there is room beside what is under way. Some may take
// minutes; the others do not wait for them.
func (s *Service) reconcile(ctx context.Context, group *errgroup.Group) error {
	due, err := s.Store.DueActions(ctx, reconcileAtOnce)
	if err != nil {
		return err
	}
	for _, row := range due {
		i, err := s.Store.IntegrationByNo(ctx, row.Integration)
		if errors.Is(err, store.ErrNotFound) {
			continue // it was removed; the row goes with it
		} else if err != nil {
			return err
		}
		if !group.TryGo(func() error { s.resume(ctx, i, row); return nil }) {
			return nil
		}
	}
	return nil
}

// next is how long an action of which it is not known what became of it is left alone: longer each
// time, judged by its age.
func (s *Service) next(row store.Action) time.Duration {
	age := time.Duration(s.Store.Now()-row.CreatedAt) * time.Millisecond
	return min(max(age/4, s.Timing.Looks[0]), 15*time.Minute)
}

// resume takes up an action that nobody works on.
func (s *Service) resume(ctx context.Context, i store.Integration, row store.Action) {
	owner, disown, err := s.own()
	if err != nil {
		return
	}
	defer disown()
	row, err = s.Store.ClaimAction(ctx, row.ID, owner, "", s.known)
	if err != nil {
		if !errors.Is(err, store.ErrHeld) {
			s.Log.WarnContext(ctx, "take an action up", "action", row.ID, "err", err)
		}
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Timing.Answer, errTimeOver)
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	a, err := s.unseal(row)
	switch {
	case err == nil && s.Store.Now()-row.CreatedAt > keepLooking.Milliseconds():
		err = fmt.Errorf("nothing told what became of it for %v", keepLooking)
		fallthrough
	case err != nil:
		s.abandon(ctx, row, err)
		return
	}
	if _, err := s.run(ctx, i, row, a, true); err != nil {
		s.Log.InfoContext(ctx, "an action that was taken up again", "action", row.ID, "err", err)
	}
}

// unseal reads what was asked for.
func (s *Service) unseal(row store.Action) (connector.Action, error) {
	input, err := s.Keys.Open(row.Input, sealedIn(row.ID))
	if err != nil {
		return nil, err
	}
	a := blank(row.Operation)
	if a == nil {
		return nil, fmt.Errorf("the operation %q is not known", row.Operation)
	}
	return a, json.Unmarshal(input, a)
}

// abandon ends an action that nobody can go on with. What the journal knows stays.
func (s *Service) abandon(ctx context.Context, row store.Action, cause error) {
	s.Log.ErrorContext(ctx, "an action is given up", "action", row.ID, "err", cause)
	j, err := s.journal(row)
	if err != nil {
		j = &journal{}
	}
	row.State = store.ActionFailed
	message := "It was not finished, and nothing more is sent for it. Send the same request again to go on."
	if j.open() != "" {
		row.State = store.ActionUnknown
		message = "It could not be found out what became of it. Look into the ATS before sending it again."
	}
	if row.Answer, err = json.Marshal(recorded{Code: ats.TimedOut, Message: message}); err != nil {
		return
	}
	if err := s.Store.EndAction(ctx, row, func(*sql.Tx) error { return nil }); err != nil {
		s.Log.WarnContext(ctx, "end an action", "action", row.ID, "err", err)
	}
}
