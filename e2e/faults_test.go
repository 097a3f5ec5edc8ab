package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/sandbox"
)

// Whatever TRAFFIT does to its answers, what is served in the end is the truth.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, switches := range [][]string{
		{"adverts.hidden", "show"},
		{"dictionary.shape", "list", "responsible.shape", "object", "single.wrap", "true"},
		{"responsible.shape", "user"},
		{"sort.ignore", "employees,recruitments,users,history,sources,activities"},
		{"filter.ignore", "employees,recruitments,users,history,sources,activities"},
		{"token.ttl", "1s", "latency", "10ms"},
		{"rate.limit", "60"},
		{"fail.500", "0.03"},
	} {
		t.Run(strings.Join(switches, " "), func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			u := newUpstream(t, sandbox.Config{Candidates: 110, Recruitments: 25, Adverts: 8})
			if slices.Contains(switches, "object") { // that form has room for one person
				u.oneResponsible()
			}
			u.set(switches...)
			c.TraffitURL = u.base
			s := start(t, c)
			began := time.Now()
			i := s.connect(u.Name())
			u.equal(s, i)
			u.admin("POST", "random?n=30&seed=7", nil)
			c.clock.forward(aWeek)
			s.succeed(i)
			u.equal(s, i)
			t.Logf("%d requests in %v", u.Requests().Total, time.Since(began).Round(time.Millisecond))
		})
	}
}

// oneResponsible leaves every recruitment with one responsible person at most.
func (u *upstream) oneResponsible() {
	u.t.Helper()
	for _, r := range u.rows("recruitments") {
		if team, _ := r["responsible_person"].([]any); len(team) > 1 {
			u.admin("PATCH", fmt.Sprintf("recruitments/%v", r["id"]), object{"responsible_person": team[:1]})
		}
	}
}
