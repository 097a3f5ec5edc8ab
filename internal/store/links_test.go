package store_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// A link is used by attempts in turn, and what becomes of them is written down once.
func TestAttemptsOfALink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		link := store.Link{ID: ats.NewID(), Kind: "CONNECT", Type: "EMBEDDED", Settings: json.RawMessage(`{}`), CreatedAt: s.Now(), ExpiresAt: s.Now() + time.Hour.Milliseconds()}
		if err := s.AddLink(ctx, link); err != nil {
			t.Fatal(err)
		}
		add := func() (store.Attempt, error) {
			return s.AddAttempt(ctx, store.Attempt{ID: ats.NewID(), Link: link.ID, Tool: "traffit", Credentials: "sealed", Report: json.RawMessage(`{}`)}, 2)
		}
		first, err := add()
		if err != nil {
			t.Fatal(err)
		}
		second, err := add()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := add(); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("a third: %v", err)
		}
		if a, err := s.Attempt(ctx, first.ID); err != nil || a.State != store.AttemptReplaced || a.Credentials != "" {
			t.Errorf("%+v, %v", a, err)
		}
		if err := s.SaveAttempt(ctx, first.ID, json.RawMessage(`{}`)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("whoever checks a replaced one is told %v", err)
		}
		if err := s.FailAttempt(ctx, second, second.BeatAt-1, store.FlowFailed{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("failed although somebody is at it: %v", err)
		}
		if err := s.AttemptIsReady(ctx, second.ID, json.RawMessage(`{}`)); err != nil {
			t.Error(err)
		}
		if err := s.FailAttempt(ctx, second, second.BeatAt, store.FlowFailed{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("failed although it is ready: %v", err)
		}
		if events, err := s.Events(ctx, 0, 10); err != nil || len(events) != 0 {
			t.Errorf("%+v, %v", events, err)
		}
		if err := s.ExchangeLink(ctx, link.ID, time.Minute); !errors.Is(err, store.ErrClosed) {
			t.Errorf("exchanged before its end: %v", err)
		}
		db.Clock.Add(time.Hour)
		if _, err := add(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("an expired link: %v", err)
		}
	})
}

// What a removed integration leaves behind goes with it: its links name people.
func TestLinksGoWithTheirIntegration(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		link := store.Link{ID: ats.NewID(), Kind: "RELINK", Type: "EMBEDDED", Integration: i.No, Settings: json.RawMessage(`{}`), CreatedAt: s.Now(), ExpiresAt: s.Now() + 1}
		if err := s.AddLink(ctx, link); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveIntegration(ctx, i.No, 0); err != nil {
			t.Fatal(err)
		}
		db.Clock.Add(365 * 24 * time.Hour) // however long data are kept
		for more := true; more; {
			var err error
			if more, err = s.PurgeRemoved(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Link(ctx, link.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the link is there: %v", err)
		}
	})
}
