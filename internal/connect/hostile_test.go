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

// However an account is written, it is the same one: for those who reconnect it, and for who has it already.
func TestSpellingsOfAnAccount(t *testing.T) {
	onSQLite(t, nil, func(r *rig) {
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		credentials := good("demo")
		credentials["tenant"] = `"demo"`
		v := r.visit(token)
		first := r.finish(v, r.submit(v, credentials).ID, connect.Choices{}).Integration
		if first.Tenant != "demo" {
			r.Errorf("it is stored as %q", first.Tenant)
		}
		_, token = r.link(connect.Relink, connect.Embedded, &first, connect.LinkSettings{})
		again := r.visit(token)
		_, token = r.link(connect.Connect, connect.Embedded, nil, acme())
		another := r.visit(token)
		for _, typed := range []string{"demo", " Demo ", "https://https://demo.traffit.com/#/x", "demo.traffit.com:443", "www.demo.traffit.com", "\u200bdemo"} {
			credentials["tenant"] = typed
			if a := r.submit(again, credentials); a.State != connect.Ready {
				r.Errorf("reconnected as %q: %+v", typed, a)
			}
			if a := r.submit(another, credentials); a.State != connect.Ready || !a.Twin {
				r.Errorf("connected as %q: %+v", typed, a)
			}
		}
	})
}
