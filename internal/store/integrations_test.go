package store_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func TestSwitchingAnIntegration(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		run, _, err := s.StartRun(ctx, "run", i.No, store.FullSync, "test", func(*sql.Tx, store.Run) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetEnabled(ctx, i.No, false); err != nil {
			t.Fatal(err)
		}
		if i, err = s.Integration(ctx, i.ID); err != nil || i.Status != store.StatusInactive {
			t.Errorf("switched off: %s, %v", i.Status, err)
		}
		if run, err = s.Run(ctx, run.ID); err != nil || !run.CancelAsked {
			t.Errorf("its run goes on: %+v, %v", run, err)
		}
		if err := s.SetEnabled(ctx, i.No, true); err != nil {
			t.Fatal(err)
		}
		due, err := s.DueFull(ctx)
		if err != nil || len(due) != 1 || due[0] != i.No {
			t.Errorf("switched on, due: %v, %v", due, err)
		}
	})
}

// A removed integration is gone at once, its ID is free again, and its rows go in bounded steps
// without touching those of others.
func TestRemovedIntegrationIsPurged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		gone, stays := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		for _, i := range []store.Integration{gone, stays} {
			put(ctx, t, s, i.No, func(ids ats.Namespace) []store.RecordSet { return []store.RecordSet{candidate(t, ids, "1", "Łucja")} })
			if _, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error {
				_, err := tx.PutParts(ctx, []connector.Part{part("e", "1", "list", "", "1", 1)}, "r")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.RemoveIntegration(ctx, gone.No, 0); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveIntegration(ctx, gone.No, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("removed twice: %v, want ErrNotFound", err)
		}
		if _, err := s.Integration(ctx, gone.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("read after the removal: %v, want ErrNotFound", err)
		}
		again := gone
		again.No = 0
		if _, err := s.AddIntegration(ctx, again, "sealed"); err != nil {
			t.Errorf("the ID is not free: %v", err)
		}
		for n := 0; ; n++ {
			more, err := s.PurgeRemoved(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
			if n > 10 {
				t.Fatal("the purge does not end")
			}
		}
		if n := len(changes(t, s, gone.No)); n != 0 {
			t.Errorf("%d changes of the removed integration are left", n)
		}
		if n := len(changes(t, s, stays.No)); n != 1 {
			t.Errorf("%d changes of the other integration, want 1", n)
		}
	})
}
