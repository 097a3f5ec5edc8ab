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
