package e2e

import (
	"testing"
	"time"
)

// What is served equals the truth, a second sync writes nothing, and changes arrive.
func TestSyncTruth(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		u := newUpstream(t, small)
		c.TraffitURL = u.base
		s := start(t, c)
		i := s.connect(u.Name())
		u.equal(s, i)

		before := c.dump(t, contents...)
		u.ResetRequests()
		s.succeed(i)
		unchanged(t, "a sync of an unchanged tenant", before, c.dump(t, contents...))
		t.Logf("requests of a sync without changes: %d", u.Requests().Total)

		for round := range 3 {
			u.admin("POST", "random?n=40&seed="+string(rune('1'+round)), nil)
			// Nothing announces changed tags; within a week they are read again.
			c.clock.forward(8 * 24 * time.Hour)
			s.succeed(i)
			u.equal(s, i)
		}
	})
}
