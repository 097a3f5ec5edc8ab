package e2e

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/action"
)

// slow is a server whose TRAFFIT hangs on notes until the gate is opened.
type slow struct {
	*crashing
	gate *gate
	open func()
	path string // of the notes of an application
	who  int    // its candidate in TRAFFIT
	f    *fleet
	db   *sql.DB
}

// newSlow prepares one whose first sync is done, and no server.
func newSlow(t *testing.T, c config) *slow {
	t.Helper()
	g := newGate(func(r *http.Request) bool { return strings.HasSuffix(strings.Trim(r.URL.Path, "/"), "notes") })
	k := newCrashing(t, c, small, g.before)
	open := sync.OnceFunc(func() { close(g.opened) })
	t.Cleanup(open)
	first := spawn(t, k.c)
	s := k.server(first)
	s.succeeded(s.finish(k.run))
	a := s.list(k.integration, "applications", nil)[0]
	first.kill()
	who, _ := applicationOf(a)
	return &slow{
		crashing: k, gate: g, open: open, who: who, path: "/v1/ats/applications/" + a["id"].(string) + "/notes",
		f: &fleet{key: k.key, integration: k.integration, bases: make([]string, 1)}, db: k.c.open(t),
	}
}

func (s *slow) note(key string) wish {
	return wish{path: s.path, key: key, body: object{"content": "Oddzwonić", "content_type": "PLAIN_TEXT"}}
}

// hung waits until TRAFFIT hangs on n requests.
func (s *slow) hung(n int64) {
	s.Helper()
	await(s.T, "TRAFFIT to hang", func() bool { return s.gate.held.Load() == n })
}

// state is how the journal says that the only action stands.
func (s *slow) state() (state string) {
	s.Helper()
	if err := s.db.QueryRowContext(s.Context(), "SELECT state FROM actions").Scan(&state); err != nil {
		s.Fatal(err)
	}
	return state
}

// wantOne fails unless TRAFFIT has the note once.
func (s *slow) wantOne() {
	s.Helper()
	if notes := s.u.Notes(s.who); len(notes) != 1 || s.gate.held.Load() != 1 {
		s.Errorf("TRAFFIT has %d notes after %d requests, want one of each", len(notes), s.gate.held.Load())
	}
}

// patient waits less for TRAFFIT than TRAFFIT takes, and does not take what it does not see for absent.
var patient = action.Timing{
	Answer: 2 * time.Second,
	Looks:  []time.Duration{100 * time.Millisecond, 300 * time.Millisecond},
	Absent: syncWithin,
}

// Whatever TRAFFIT does, there is an answer in time; what became of the request is learned later.
func TestSlowTraffit(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		c.Patience = patient
		s := newSlow(t, c)
		s.f.put(0, spawn(t, s.c).base)
		began := time.Now()
		r, err := s.f.ask(t.Context(), s.note("slow"))
		took := time.Since(began)
		if err != nil || r.status != http.StatusGatewayTimeout || r.code() != "PLATFORM.TASK_TIMED_OUT" {
			t.Fatalf("answered %d %s, %v", r.status, r.code(), err)
		}
		if margin := 5 * time.Second; took < patient.Answer || took > patient.Answer+margin {
			t.Errorf("the answer took %v, want %v and at most %v more", took, patient.Answer, margin)
		}
		if state := s.state(); state != "unknown" {
			t.Errorf("the journal says %s, want unknown", state)
		}
		if r, err := s.f.ask(t.Context(), s.note("slow")); err != nil || r.status != http.StatusGatewayTimeout {
			t.Errorf("while TRAFFIT hangs, a repeat is answered %d, %v", r.status, err)
		}
		s.open()
		if r, _, err := s.f.insist(t.Context(), s.note("slow")); err != nil || r.status != http.StatusOK {
			t.Errorf("in the end it is answered %d: %v %v", r.status, r.body["error"], err)
		}
		s.wantOne()
		if state := s.state(); state != "confirmed" {
			t.Errorf("the journal says %s, want confirmed", state)
		}
	})
}

// An action goes on when its client is gone, and the next one gets its answer.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	c := onSQLite(t)
	c.Patience = unhurried
	s := newSlow(t, c)
	s.f.put(0, spawn(t, s.c).base)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := s.f.ask(ctx, s.note("left"))
		left <- err
	}()
	s.hung(1)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("the client got %v", err)
	}
	// A second client comes before TRAFFIT answers, a third one after.
	second := make(chan reply, 1)
	go func() {
		r, _, err := s.f.insist(t.Context(), s.note("left"))
		if err != nil {
			t.Error(err)
		}
		second <- r
	}()
	s.open()
	await(t, "the action to end", func() bool { return s.state() == "confirmed" })
	third, err := s.f.ask(t.Context(), s.note("left"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []reply{<-second, third} {
		if r.status != http.StatusOK || r.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("a repeat was answered %d with %v: %v", r.status, r.header, r.body["error"])
		}
	}
	s.wantOne()
}
