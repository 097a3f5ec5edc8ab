package store_test

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		if err := s.RemoveIntegration(ctx, gone.No); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveIntegration(ctx, gone.No); !errors.Is(err, store.ErrNotFound) {
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

func TestKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		k, plain, err := s.CreateKey(ctx, "aplikacja")
		if err != nil {
			t.Fatal(err)
		}
		if found, err := s.KeyByPlain(ctx, plain); err != nil || found.ID != k.ID {
			t.Errorf("found %+v, %v", found, err)
		}
		if _, err := s.KeyByPlain(ctx, plain+"x"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another key: %v, want ErrNotFound", err)
		}
		first := db.Clock.Now().UnixMilli()
		for _, step := range []struct {
			after time.Duration
			want  int64
		}{{30 * time.Second, first}, {31 * time.Second, first + 61_000}} {
			db.Clock.Add(step.after)
			if _, err := s.KeyByPlain(ctx, plain); err != nil {
				t.Fatal(err)
			}
			all, err := s.Keys(ctx)
			if err != nil || len(all) != 1 || all[0].LastUsedAt == nil || *all[0].LastUsedAt != step.want {
				t.Errorf("listed %+v, %v, want last use %d", all, err, step.want)
			}
		}
		if err := s.RevokeKey(ctx, k.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.KeyByPlain(ctx, plain); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a revoked key: %v, want ErrNotFound", err)
		}
		if err := s.RevokeKey(ctx, k.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoked twice: %v, want ErrNotFound", err)
		}
	})
}

func TestFieldSettings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		none, err := s.FieldSettings(ctx, i.No)
		if err != nil {
			t.Fatal(err)
		}
		field := connector.Field{Model: ats.Candidates, Key: "_nationality", Type: "CUSTOM", Label: "Narodowość"}
		for range 2 {
			if err := s.PutFields(ctx, i.No, []connector.Field{field, {Model: ats.Candidates, Key: "_nationality", Type: "CUSTOM"}}); err != nil {
				t.Fatal(err)
			}
		}
		fields, err := s.IntegrationFields(ctx, i.No, "", 10)
		if err != nil || len(fields) != 1 || fields[0].Label == nil || *fields[0].Label != "Narodowość" {
			t.Fatalf("fields %+v, %v", fields, err)
		}
		if _, err := s.SetPassthrough(ctx, i.No, fields[0].ID, true); err != nil {
			t.Fatal(err)
		}
		custom, err := s.AddCustomField(ctx, store.CustomField{Model: ats.Candidates, Key: "nationality"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddCustomField(ctx, store.CustomField{Model: ats.Candidates, Key: "nationality"}); !errors.Is(err, store.ErrExists) {
			t.Errorf("the same key twice: %v, want ErrExists", err)
		}
		if err := s.MapCustomField(ctx, i.No, custom.ID, &fields[0].ID); err != nil {
			t.Fatal(err)
		}
		got, err := s.FieldSettings(ctx, i.No)
		if err != nil {
			t.Fatal(err)
		}
		label := "Narodowość"
		want := connector.FieldSettings{
			Passthrough: map[ats.Model][]connector.PassthroughField{ats.Candidates: {{ID: fields[0].ID, Key: "_nationality", Type: "CUSTOM", Label: &label}}},
			Custom:      map[ats.Model]map[string]string{ats.Candidates: {"nationality": "_nationality"}},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("settings (-want +got):\n%s", d)
		}
		if store.FieldRevision(none) == store.FieldRevision(got) {
			t.Error("the revision stood still")
		}
		if err := s.MapCustomField(ctx, i.No, custom.ID, nil); err != nil {
			t.Fatal(err)
		}
		if c, err := s.CustomField(ctx, i.No, custom.ID); err != nil || c.Mapped != nil {
			t.Errorf("unmapped: %+v, %v", c, err)
		}
	})
}
