package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// told gives what the events after a number tell of, in short.
func told(t *testing.T, s *store.Store, after int64) (lines []string, last int64) {
	t.Helper()
	events, err := s.Events(t.Context(), after, 100)
	if err != nil {
		t.Fatal(err)
	}
	last = after
	for _, e := range events {
		var p struct {
			ID        string    `json:"id"`
			State     string    `json:"state"`
			Setup     string    `json:"setup_status"`
			DeletedAt *ats.Time `json:"deleted_at"`
		}
		if err := json.Unmarshal(e.Data, &p); err != nil {
			t.Fatal(err)
		}
		line := string(e.Type)
		if e.Type == store.IntegrationStateChanged {
			line += " " + p.State + " " + p.Setup
		}
		if p.DeletedAt != nil {
			line += " at " + p.DeletedAt.String()
		}
		lines, last = append(lines, line), e.No
	}
	return lines, last
}

// Each change of state is told once, with the state that it leads to, and what changes nothing is not told.
func TestStatesAndEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		_, last := told(t, s, 0)
		ended := func(state store.RunState, patience time.Duration) func() error {
			return func() error {
				return s.Transact(ctx, func(tx *sql.Tx) error {
					return s.RunEnded(ctx, tx, store.Run{Integration: i.No, CreatedAt: s.Now()}, state, store.Restriction{}, time.Hour, patience)
				})
			}
		}
		enabled := func(on bool) func() error {
			return func() error { return s.SetEnabled(ctx, i.No, on) }
		}
		setUp := func() error {
			_, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error { return tx.CompleteSetup(ctx) })
			return err
		}
		reconnect := func() error { return s.SetCredentials(ctx, i.No, "sealed again") }
		const days = store.InvalidAfter
		for n, step := range []struct {
			name   string
			wait   time.Duration
			do     func() error
			status string
			want   []string
		}{
			{"the setup ends", 0, setUp, "ACTIVE", []string{"integration-state-changed ACTIVE COMPLETED"}},
			{"it ends again", 0, setUp, "ACTIVE", nil},
			{"on when on", 0, enabled(true), "ACTIVE", nil},
			{"off", 0, enabled(false), "INACTIVE", []string{"integration-state-changed INACTIVE COMPLETED"}},
			{"off when off", 0, enabled(false), "INACTIVE", nil},
			{"on", 0, enabled(true), "ACTIVE", []string{"integration-state-changed ACTIVE COMPLETED"}},
			{"new credentials for one that works", 0, reconnect, "ACTIVE", nil},
			{"refused once", 0, ended(store.RunAuthentication, days), "ACTIVE", nil},
			{"refused a while later", days - time.Minute, ended(store.RunAuthentication, days), "ACTIVE", nil},
			{"works in between", 0, ended(store.RunSucceeded, days), "ACTIVE", nil},
			{"refused anew", time.Minute, ended(store.RunAuthentication, days), "ACTIVE", nil},
			{"another failure", days, ended(store.RunFailed, days), "ACTIVE", nil},
			{"refused for three days", 0, ended(store.RunAuthentication, days), "INVALID", []string{"integration-state-changed INVALID COMPLETED"}},
			{"refused on", time.Hour, ended(store.RunAuthentication, days), "INVALID", nil},
			{"off when invalid", 0, enabled(false), "INACTIVE", []string{"integration-state-changed INACTIVE COMPLETED"}},
			{"on when invalid", 0, enabled(true), "INVALID", []string{"integration-state-changed INVALID COMPLETED"}},
			{"reconnected", 0, reconnect, "ACTIVE", []string{"integration-state-changed ACTIVE COMPLETED"}},
			{"refused for good", 0, ended(store.RunAuthentication, 0), "INVALID", []string{"integration-state-changed INVALID COMPLETED"}},
			{"synced by hand", 0, ended(store.RunPartial, days), "ACTIVE", []string{"integration-state-changed ACTIVE COMPLETED"}},
			{"off again", 0, enabled(false), "INACTIVE", []string{"integration-state-changed INACTIVE COMPLETED"}},
			{"refused while off", 0, ended(store.RunAuthentication, 0), "INACTIVE", nil},
			{"reconnected while off", 0, reconnect, "INACTIVE", nil},
			{"and on", 0, enabled(true), "ACTIVE", []string{"integration-state-changed ACTIVE COMPLETED"}},
			{"the key is lost", 0, func() error { return s.ForgetSealed(ctx) }, "INVALID", []string{"integration-state-changed INVALID COMPLETED"}},
			{"and again", 0, func() error { return s.ForgetSealed(ctx) }, "INVALID", nil},
			{"other settings", 0, func() error { return s.SetOnlyCreated(ctx, i.No, true) }, "INVALID", nil},
		} {
			db.Clock.Add(step.wait)
			if err := step.do(); err != nil {
				t.Fatalf("%d %s: %v", n, step.name, err)
			}
			var got []string
			got, last = told(t, s, last)
			if d := cmp.Diff(step.want, got); d != "" {
				t.Errorf("%d %s: events (-want +got):\n%s", n, step.name, d)
			}
			if now, err := s.Integration(ctx, i.ID); err != nil || now.Status != step.status {
				t.Fatalf("%d %s: it is %s, want %s, %v", n, step.name, now.Status, step.status, err)
			}
		}
		if err := s.RemoveIntegration(ctx, i.No, time.Hour); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"removed twice":   s.RemoveIntegration(ctx, i.No, time.Hour),
			"reconnected":     reconnect(),
			"other settings":  s.SetOnlyCreated(ctx, i.No, false),
			"other scopes":    s.SetScopeConfig(ctx, i.No, "default"),
			"another mapping": s.Remap(ctx, i.No, ats.Jobs, "name", nil),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s after the removal: %v, want ErrNotFound", name, err)
			}
		}
		for _, do := range []func() error{enabled(false), enabled(true), ended(store.RunAuthentication, 0), ended(store.RunSucceeded, 0)} {
			if err := do(); err != nil {
				t.Error(err)
			}
		}
		got, _ := told(t, s, last)
		if d := cmp.Diff([]string{"integration-deleted at " + ats.TimeOf(db.Clock.Now()).String()}, got); d != "" {
			t.Errorf("after the removal (-want +got):\n%s", d)
		}
	})
}

// What is told and what is true are one transaction.
func TestEventsAreAtomic(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		_, last := told(t, s, 0)
		broken := errors.New("broken")
		if err := s.Transact(ctx, func(tx *sql.Tx) error {
			if err := s.RunEnded(ctx, tx, store.Run{Integration: i.No}, store.RunAuthentication, store.Restriction{}, time.Hour, 0); err != nil {
				t.Error(err)
			}
			return broken
		}); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if _, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error { return errors.Join(tx.CompleteSetup(ctx), broken) }); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if got, _ := told(t, s, last); len(got) > 0 {
			t.Errorf("told of what was rolled back: %v", got)
		}
		if now, err := s.Integration(ctx, i.ID); err != nil || now.Status != store.StatusActive || now.SetupStatus != store.SetupSyncing {
			t.Errorf("it is %s, %s, %v", now.Status, now.SetupStatus, err)
		}
	})
}

// The data of a removed integration stay for as long as was said, or go on demand; what was told of it stays
// in both cases, for as long as events do.
func TestRetentionOfRemovedIntegrations(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		const days = 14 * 24 * time.Hour
		id := ats.NewIntegrationID("traffit")
		add := func() store.Integration {
			t.Helper()
			i, err := s.AddIntegration(ctx, store.Integration{
				ID: id, Tool: "traffit", Status: store.StatusActive, SetupStatus: store.SetupSyncing, OrganizationName: "Acme", Tenant: "acme",
			}, "sealed")
			if err != nil {
				t.Fatal(err)
			}
			put(ctx, t, s, i.No, func(ids ats.Namespace) []store.RecordSet { return []store.RecordSet{candidate(t, ids, "1", "Łucja")} })
			return i
		}
		purge := func() {
			t.Helper()
			for n := 0; ; n++ {
				more, err := s.PurgeRemoved(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if !more {
					return
				}
				if n > 10 {
					t.Fatal("the purge does not end")
				}
			}
		}
		left := func() []string { return lines(t, s, `SELECT own FROM candidates`) }
		first := add()
		if err := s.RemoveIntegration(ctx, first.No, days); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, s, `SELECT credentials FROM integrations`); got[0] != "" {
			t.Errorf("the credentials are kept: %v", got)
		}
		db.Clock.Add(days - time.Second)
		purge()
		if n := len(left()); n != 1 {
			t.Fatalf("%d candidates are left before the time has come, want 1", n)
		}
		removed, err := s.RemovedIntegrations(ctx)
		if err != nil || len(removed) != 1 || removed[0].ID != id || removed[0].PurgeAt-removed[0].DeletedAt != days.Milliseconds() {
			t.Errorf("removed: %+v, %v", removed, err)
		}
		db.Clock.Add(time.Second)
		purge()
		if n := len(left()); n != 0 {
			t.Errorf("%d candidates are left, want none", n)
		}

		second := add()
		if err := s.PurgeNow(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("purge of one that was not removed: %v, want ErrNotFound", err)
		}
		if err := s.RemoveIntegration(ctx, second.No, days); err != nil {
			t.Fatal(err)
		}
		third := add()
		if err := s.PurgeNow(ctx, id); err != nil {
			t.Fatal(err)
		}
		purge()
		if n := len(left()); n != 1 {
			t.Errorf("%d candidates are left, want that of the living integration", n)
		}
		if _, err := s.IntegrationByNo(ctx, third.No); err != nil {
			t.Errorf("the living integration: %v", err)
		}

		if err := s.RemoveIntegration(ctx, third.No, 0); err != nil {
			t.Fatal(err)
		}
		purge()
		if n := len(left()); n != 0 {
			t.Errorf("%d candidates are left after a removal at once", n)
		}
		got, _ := told(t, s, 0)
		if len(got) != 6 {
			t.Errorf("told: %v, want three creations and three deletions", got)
		}
		const month = 30 * 24 * time.Hour
		db.Clock.Add(month - days + time.Second)
		if more, err := s.PurgeEvents(ctx, s.Now()-month.Milliseconds()); err != nil || more {
			t.Fatal(more, err)
		}
		if got, _ = told(t, s, 0); len(got) != 4 {
			t.Errorf("after a month since the first: %v, want the later four", got)
		}
	})
}

// Links end with the integration that they are about, and so do credentials that were entered on them.
func TestLinksEndWithTheirIntegration(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		if err := s.Transact(ctx, func(tx *sql.Tx) error {
			for _, of := range []store.Integration{i, other} {
				if _, err := tx.ExecContext(ctx, `INSERT INTO links (id, kind, type, integration, settings, created_at, expires_at)
					VALUES ($1, 'RELINK', 'EMBEDDED', $2, '{}', 0, 0)`, fmt.Sprint(of.No), of.No); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `INSERT INTO attempts (id, link, tool, tenant, credentials, state, report, created_at, beat_at)
					VALUES ($1, $2, 'traffit', 'acme', 'sealed', 'READY', '{}', 0, 0)`, fmt.Sprint(of.No), fmt.Sprint(of.No)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveIntegration(ctx, i.No, time.Hour); err != nil {
			t.Fatal(err)
		}
		want := []string{fmt.Sprintf("%d revoked", i.No), fmt.Sprintf("%d", other.No)}
		got := lines(t, s, `SELECT id || CASE WHEN revoked_at IS NULL THEN '' ELSE ' revoked' END FROM links ORDER BY integration`)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("links (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{fmt.Sprint(other.No)}, lines(t, s, `SELECT id FROM attempts`)); d != "" {
			t.Errorf("attempts (-want +got):\n%s", d)
		}
	})
}

// Settings under which other things would be stored make the data expire and a sync due; others do not.
func TestSettingsExpireData(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		read, unread := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		if err := s.PutFields(ctx, read.No, []connector.Field{
			{Model: ats.Jobs, Key: "wage", Type: "CUSTOM"}, {Model: ats.Jobs, Key: "pay", Type: "DEFAULT"}, {Model: ats.Candidates, Key: "wage", Type: "CUSTOM"},
		}); err != nil {
			t.Fatal(err)
		}
		fields := byKey(t, s, read.No)
		wage, pay, other := fields["ats_jobs CUSTOM wage"].ID, fields["ats_jobs DEFAULT pay"].ID, fields["ats_candidates CUSTOM wage"].ID
		custom, err := s.AddCustomField(ctx, store.CustomField{Model: ats.Jobs, Key: "salary"})
		if err != nil {
			t.Fatal(err)
		}
		phones := func(setting ats.Setting) ats.ScopeConfig {
			return ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{ats.Candidates: {Fields: map[string]ats.Setting{"phone_numbers": setting}}}}
		}
		config, err := s.AddScopeConfig(ctx, "no phones", phones(ats.Disabled))
		if err != nil {
			t.Fatal(err)
		}
		update := func(name string, c ats.ScopeConfig) func() error {
			return func() error {
				_, err := s.UpdateScopeConfig(ctx, config.ID, name, c)
				return err
			}
		}
		done := func() error {
			now, err := s.IntegrationByNo(ctx, read.No)
			if err != nil {
				return err
			}
			return s.Transact(ctx, func(tx *sql.Tx) error {
				return s.RunEnded(ctx, tx, store.Run{Integration: read.No, CreatedAt: s.Now(), StartedAt: new(s.Now())}, store.RunSucceeded, now.Restriction(), time.Hour, 0)
			})
		}
		if _, _, err := s.StartRun(ctx, "run", read.No, store.FullSync, "test", func(*sql.Tx, store.Run) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for n, step := range []struct {
			name    string
			do      func() error
			expires bool
		}{
			{"only created", func() error { return s.SetOnlyCreated(ctx, read.No, true) }, true},
			{"only created again", func() error { return s.SetOnlyCreated(ctx, read.No, true) }, false},
			{"all again", func() error { return s.SetOnlyCreated(ctx, read.No, false) }, true},
			{"raw rows are served", func() error { return s.SetRemoteData(ctx, read.No, true) }, false},
			{"other scopes", func() error { return s.SetScopeConfig(ctx, read.No, config.ID) }, true},
			{"the same scopes", func() error { return s.SetScopeConfig(ctx, read.No, config.ID) }, false},
			{"another name", update("phoneless", phones(ats.Disabled)), false},
			{"an action is off", update("phoneless", ats.ScopeConfig{
				Models: phones(ats.Disabled).Models, Actions: map[string]ats.Setting{"ats_create_candidate": ats.Disabled},
			}), false},
			{"optional, and not declined", update("phoneless", phones(ats.Optional)), true},
			{"declined", func() error { return storetest.Decline(ctx, s, read.No, "ats_candidates.phone_numbers") }, true},
			{"off and declined", update("phoneless", phones(ats.Disabled)), false},
			{"declined what is not optional", func() error { return storetest.Decline(ctx, s, read.No, "ats_jobs") }, false},
			{"passed through", func() error { _, err := s.SetPassthrough(ctx, read.No, wage, true); return err }, true},
			{"passed through already", func() error { _, err := s.SetPassthrough(ctx, read.No, wage, true); return err }, false},
			{"mapped", func() error { return s.MapCustomField(ctx, read.No, custom.ID, &wage) }, true},
			{"mapped already", func() error { return s.MapCustomField(ctx, read.No, custom.ID, &wage) }, false},
			{"mapped elsewhere", func() error { return s.MapCustomField(ctx, read.No, custom.ID, &pay) }, true},
			{"unmapped", func() error { return s.MapCustomField(ctx, read.No, custom.ID, nil) }, true},
			{"unmapped already", func() error { return s.MapCustomField(ctx, read.No, custom.ID, nil) }, false},
			{"remapped", func() error { return s.Remap(ctx, read.No, ats.Jobs, "salary_amount", []string{wage, pay}) }, true},
			{"remapped alike", func() error { return s.Remap(ctx, read.No, ats.Jobs, "salary_amount", []string{wage, pay}) }, false},
			{"the other way round", func() error { return s.Remap(ctx, read.No, ats.Jobs, "salary_amount", []string{pay, wage}) }, true},
			{"as usual", func() error { return s.Remap(ctx, read.No, ats.Jobs, "salary_amount", nil) }, true},
			{"as usual already", func() error { return s.Remap(ctx, read.No, ats.Jobs, "salary_amount", nil) }, false},
			{"a custom field that nobody maps goes", func() error { return s.RemoveCustomField(ctx, custom.ID) }, false},
		} {
			db.Clock.Add(time.Minute)
			if err := step.do(); err != nil {
				t.Fatalf("%d %s: %v", n, step.name, err)
			}
			now, err := s.Integration(ctx, read.ID)
			if err != nil || (now.DataExpiredAt != nil) != step.expires {
				t.Errorf("%d %s: expired at %v, %v", n, step.name, now.DataExpiredAt, err)
			}
			if due, err := s.DueFull(ctx); err != nil || (len(due) > 0) != step.expires {
				t.Errorf("%d %s: due %v, %v", n, step.name, due, err)
			}
			db.Clock.Add(time.Millisecond)
			if err := done(); err != nil {
				t.Fatal(err)
			}
		}
		for name, err := range map[string]error{
			"a field of another model": s.Remap(ctx, read.No, ats.Jobs, "salary_amount", []string{other}),
			"no field":                 s.Remap(ctx, read.No, ats.Jobs, "salary_amount", []string{wage, "none"}),
			"scopes that do not exist": s.SetScopeConfig(ctx, read.No, "none"),
			"a default that does not":  s.SetDefaultScopeConfig(ctx, "none"),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
		if err := s.SetOnlyCreated(ctx, unread.No, true); err != nil {
			t.Fatal(err)
		}
		if now, err := s.Integration(ctx, unread.ID); err != nil || now.DataExpiredAt != nil || now.NextFullAt != nil {
			t.Errorf("one that was never read: %+v, %v", now, err)
		}
	})
}

// A sync that became due while another one ran is not forgotten when that one ends.
func TestDueDuringARun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		run, _, err := s.StartRun(ctx, "run", i.No, store.FullSync, "test", func(*sql.Tx, store.Run) error { return nil })
		if err == nil {
			run, err = s.ClaimRun(ctx, run.ID, "me", false)
		}
		if err != nil {
			t.Fatal(err)
		}
		end := func() {
			t.Helper()
			db.Clock.Add(time.Second)
			if err := s.Transact(ctx, func(tx *sql.Tx) error {
				return s.RunEnded(context.Background(), tx, run, store.RunCancelled, store.Restriction{}, time.Hour, 0)
			}); err != nil {
				t.Fatal(err)
			}
		}
		end()
		if due, err := s.DueFull(ctx); err != nil || len(due) != 0 {
			t.Errorf("after a quiet run, due: %v, %v", due, err)
		}
		run.StartedAt = new(s.Now())
		db.Clock.Add(time.Second)
		for _, on := range []bool{false, true} {
			if err := s.SetEnabled(ctx, i.No, on); err != nil {
				t.Fatal(err)
			}
		}
		end()
		if due, err := s.DueFull(ctx); err != nil || len(due) != 1 {
			t.Errorf("switched off and on during a run, due: %v, %v", due, err)
		}
	})
}
