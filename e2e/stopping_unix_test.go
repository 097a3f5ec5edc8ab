//go:build unix

package e2e

import (
	"net/http"
	"syscall"
	"testing"
	"time"
)

// A server that is told to stop in the midst of an action leaves it to the next one, which finishes it
// without any client.
func TestStopsInTheMidst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		c.Patience = patient
		c.Patience.Answer = syncWithin // it is the stop that ends it
		s := newSlow(t, c)
		p := spawn(t, s.c)
		s.f.put(0, p.base)
		answered := make(chan reply, 1)
		go func() {
			r, _ := s.f.ask(t.Context(), s.note("stopped"))
			answered <- r
		}()
		s.hung(1)
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		stopped := time.Now()
		select {
		case <-p.ended:
		case <-time.After(time.Minute):
			t.Fatal("it does not stop")
		}
		if code := p.ProcessState.ExitCode(); code != 0 {
			t.Errorf("it ended with %d", code)
		}
		t.Logf("it stopped after %v", time.Since(stopped).Round(time.Millisecond))
		if r := <-answered; r.status != http.StatusGatewayTimeout || r.code() != "PLATFORM.TASK_TIMED_OUT" {
			t.Errorf("the client was answered %d %s", r.status, r.code())
		}
		if state := s.state(); state != "unknown" {
			t.Errorf("the journal says %s, want unknown", state)
		}
		s.open()
		s.f.put(0, spawn(t, s.c).base)
		await(t, "the reconciler", func() bool { return s.state() == "confirmed" })
		r, err := s.f.ask(t.Context(), s.note("stopped"))
		if err != nil || r.status != http.StatusOK || r.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("a repeat was answered %d, %v: %v", r.status, err, r.body["error"])
		}
		s.wantOne()
	})
}
