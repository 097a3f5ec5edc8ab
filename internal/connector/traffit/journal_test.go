package traffit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// clock is a time that passes when somebody waits.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// acting connects to a simulated tenant that takes writes, with a time of its own.
func acting(t *testing.T, switches map[string]string, change ...func(*connector.Config)) (*sandbox.Sandbox, *tenant, *clock) {
	t.Helper()
	now := newClock()
	box, err := sandbox.New(sandbox.Config{Switches: switches, Now: now.now, Candidates: 30, Recruitments: 5})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	cfg := connector.Config{Now: now.now, Credentials: map[string]string{
		credentialTenant: "demo", credentialID: box.Credentials().ClientID, credentialSecret: box.Credentials().ClientSecret,
	}}
	for _, c := range change {
		c(&cfg)
	}
	opened, err := New(Options{URL: server.URL}).Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tn := opened.(*tenant)
	tn.http.Sleep = func(_ context.Context, d time.Duration) error { now.pass(d); return nil }
	return box, tn, now
}

// errKilled is how a journal ends an action whose process is killed.
var errKilled = errors.New("killed")

// journal keeps one action's effects in memory, as the real one does in the store.
type journal struct {
	clock    *clock
	kill     string // the effect after whose sending the process is killed, once
	begun    map[string]bool
	done     map[string]connector.Done
	sent     map[string]int
	warnings []string
}

func newJournal(c *clock) *journal {
	return &journal{clock: c, begun: map[string]bool{}, done: map[string]connector.Done{}, sent: map[string]int{}}
}

func (j *journal) Begun(name string) bool { return j.begun[name] }

func (j *journal) Mark() string { return "k7f3q9" }

func (j *journal) Warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(j.warnings, text) {
		j.warnings = append(j.warnings, text)
	}
}

func (j *journal) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	if done, ok := j.done[e.Name]; ok {
		return done, nil
	}
	if !j.begun[e.Name] && e.Look != nil && !e.Blind {
		s, err := e.Look(ctx)
		if err != nil {
			return connector.Done{}, err
		}
		if s.Found {
			return j.finish(e, s.RemoteID, true), nil
		}
	}
	for until := j.clock.now().Add(time.Hour); ; {
		if !j.begun[e.Name] || e.Repeatable {
			j.begun[e.Name] = true
			j.sent[e.Name]++
			id, err := e.Send(ctx)
			if j.kill == e.Name {
				j.kill = ""
				return connector.Done{}, errKilled
			}
			if err == nil {
				return j.finish(e, id, false), nil
			}
			if _, unclear := errors.AsType[*connector.UnclearError](err); !unclear {
				delete(j.begun, e.Name)
				return connector.Done{}, err
			}
		}
		if e.Repeatable {
			j.clock.pass(2 * time.Second)
		} else if done, err := j.search(ctx, e); err != nil || done {
			return j.done[e.Name], err
		}
		if j.clock.now().After(until) {
			return connector.Done{}, ats.Errorf(ats.TimedOut, "it is not known what became of %s", e.Name)
		}
	}
}

// search looks for an effect until it is found, or known to be missing.
func (j *journal) search(ctx context.Context, e connector.Effect) (bool, error) {
	sent := j.clock.now()
	for _, after := range []time.Duration{2, 10, 30, 90, 125} {
		j.clock.pass(sent.Add(after * time.Second).Sub(j.clock.now()))
		s, err := e.Look(ctx)
		if err != nil {
			return false, err
		}
		if s.Found {
			j.finish(e, s.RemoteID, false)
			return true, nil
		}
		if after > 120 && s.Proven {
			delete(j.begun, e.Name)
		}
	}
	return false, nil
}

func (j *journal) finish(e connector.Effect, id string, existed bool) connector.Done {
	j.begun[e.Name] = true
	j.done[e.Name] = connector.Done{RemoteID: id, Existed: existed}
	return j.done[e.Name]
}

// someone adds a candidate, and gives the ID.
func someone(t *testing.T, box *sandbox.Sandbox) (int, string) {
	t.Helper()
	row, err := box.AddEmployee(sandbox.Patch{"name": "Żaneta", "lastname": "Łoś", "email": "zaneta.los@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return row.ID(), fmt.Sprint(row.ID())
}

// turn changes a switch.
func turn(t *testing.T, box *sandbox.Sandbox, name, value string) {
	t.Helper()
	if err := box.Set(name, value); err != nil {
		t.Fatal(err)
	}
}

// readJSON reads the object that was sent.
func readJSON(t *testing.T, r *http.Request) object {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	v, err := decode(b)
	if err != nil {
		t.Errorf("%q: %v", b, err)
	}
	return asObject(v)
}
