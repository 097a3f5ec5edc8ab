package mirror_test

import (
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/store"
)

// Credentials that are gone for good, or that nobody is to bear with, are given up at the first refusal; others
// for as long as was said.
func TestWhenCredentialsAreGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		final bool
		wait  time.Duration
		want  []string // the status after each sync
	}{
		"the usual time":        {0, false, store.InvalidAfter, []string{store.StatusActive, store.StatusInvalid}},
		"an hour":               {time.Hour, false, time.Hour, []string{store.StatusActive, store.StatusInvalid}},
		"not yet":               {time.Hour, false, 30 * time.Minute, []string{store.StatusActive, store.StatusActive}},
		"at the first refusal":  {-1, false, 0, []string{store.StatusInvalid}},
		"refused once for good": {time.Hour, true, 0, []string{store.StatusInvalid}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, 3, func(t *testing.T, b *bench) {
				config := b.config(nil)
				config.InvalidAfter = c.after
				b.engine = mirror.New(config)
				b.ats.fail = func(string) error { return &connector.AuthError{Message: "invalid_client", Final: c.final} }
				for _, want := range c.want {
					b.wantState(b.sync(), store.RunAuthentication)
					if i, err := b.store.IntegrationByNo(t.Context(), b.integration.No); err != nil || i.Status != want {
						t.Errorf("it is %s, want %s, %v", i.Status, want, err)
					}
					b.db.Clock.Add(c.wait)
				}
			})
		})
	}
}

// New credentials are not given up because a sync that was under way finds the old ones refused.
func TestReconnectedDuringASync(t *testing.T) {
	each(t, 15, func(t *testing.T, b *bench) {
		b.db.Clock.Add(time.Minute)
		b.ats.before = func(request string) {
			if request == "people 1" {
				b.ats.before = nil
				b.db.Clock.Add(time.Minute)
				if err := b.store.SetCredentials(t.Context(), b.integration.No, "new"); err != nil {
					t.Error(err)
				}
				b.ats.fail = func(string) error { return &connector.AuthError{Message: "invalid_client", Final: true} }
			}
		}
		b.wantState(b.sync(), store.RunAuthentication)
		b.db.Clock.Add(time.Second)
		b.reread()
		if b.integration.Status != store.StatusActive || b.integration.AuthFailingSince != nil {
			t.Errorf("it is %s", b.integration.Status)
		}
		if due, err := b.store.DueFull(t.Context()); err != nil || len(due) != 1 {
			t.Errorf("due is %v, %v", due, err)
		}
		b.wantState(b.sync(), store.RunAuthentication) // the new ones are no good either
		if b.reread(); b.integration.Status != store.StatusInvalid {
			t.Errorf("it is %s", b.integration.Status)
		}
	})
}
