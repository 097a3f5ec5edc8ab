package connect_test

import (
	"errors"
	"testing"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/store"
)

// What stands in an address in place of an attempt's ID is no attempt, and no failure of the server either.
func TestOddAttempts(t *testing.T) {
	each(t, nil, func(r *rig) {
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		v := r.visit(token)
		for _, id := range []string{"\x00", "a\x00b", "\xff", "' OR 1=1 --", ""} {
			if _, err := r.service.Attempt(r.Context(), v, id); !errors.Is(err, store.ErrNotFound) {
				r.Errorf("attempt %q: %v", id, err)
			}
			if _, err := r.service.Finish(r.Context(), v, id, connect.Choices{}); !errors.Is(err, store.ErrNotFound) {
				r.Errorf("finish %q: %v", id, err)
			}
		}
	})
}
