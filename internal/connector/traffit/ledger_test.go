package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// hours are a time that goes by only when somebody waits.
type hours struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hours) read() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *hours) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// bench is a simulated tenant in which applications are made.
type bench struct {
	*sandbox.Sandbox
	t      *testing.T
	time   *hours
	server *httptest.Server
	tenant *tenant
	open   string   // an open recruitment
	stages []object // of the open one, by order
}

func newBench(t *testing.T, switches map[string]string, change ...func(*connector.Config)) *bench {
	t.Helper()
	b := &bench{t: t, time: &hours{now: time.Now().Add(time.Hour)}}
	box, err := sandbox.New(sandbox.Config{Now: b.time.read, Candidates: 120, Recruitments: 12})
	if err != nil {
		t.Fatal(err)
	}
	b.Sandbox = box
	for row := range box.Truth("recruitments") {
		if row.Value("is_closed") == false {
			b.open = asID(row)
		}
	}
	b.server = httptest.NewServer(box)
	t.Cleanup(b.server.Close)
	b.restart()
	if b.stages, err = b.tenant.statesOf(t.Context(), b.open); err != nil {
		t.Fatal(err)
	}
	b.restart(change...)
	if err := box.SetAll(switches); err != nil {
		t.Fatal(err)
	}
	return b
}

// restart connects anew, as another process does.
func (b *bench) restart(change ...func(*connector.Config)) {
	b.t.Helper()
	cfg := connector.Config{Now: b.time.read, Credentials: map[string]string{
		credentialTenant: "demo", credentialID: b.Credentials().ClientID, credentialSecret: b.Credentials().ClientSecret,
	}}
	for _, c := range change {
		c(&cfg)
	}
	opened, err := New(Options{URL: b.server.URL}).Connect(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.tenant = opened.(*tenant)
	b.tenant.http.Sleep = func(_ context.Context, d time.Duration) error { b.time.wait(d); return nil }
}

// stateOf gives the ID of the first state of a type, or with another type than one.
func (b *bench) stateOf(kind string) string {
	b.t.Helper()
	at := slices.IndexFunc(b.stages, func(s object) bool { return s.text("type") == kind })
	if at < 0 {
		b.t.Fatalf("no state of the type %s in %v", kind, b.stages)
	}
	return b.stages[at].id("id")
}

// with adds a candidate.
func (b *bench) with(p sandbox.Patch) string {
	b.t.Helper()
	row, err := b.AddEmployee(p)
	if err != nil {
		b.t.Fatal(err)
	}
	return asID(row)
}

// job adds a recruitment.
func (b *bench) job(p sandbox.Patch) string {
	b.t.Helper()
	p["name"] = "Another"
	row, err := b.AddRecruitment(p)
	if err != nil {
		b.t.Fatal(err)
	}
	return asID(row)
}

func asID(row sandbox.Row) string { return strconv.Itoa(row.ID()) }

func (b *bench) apply(recruitment, employee string) {
	b.t.Helper()
	r, _ := strconv.Atoi(recruitment)
	e, _ := strconv.Atoi(employee)
	if _, err := b.Apply(r, e); err != nil {
		b.t.Fatal(err)
	}
}

// row gives the true row of a candidate.
func (b *bench) row(id string) sandbox.Row {
	for row := range b.Truth("employees") {
		if asID(row) == id {
			return row
		}
	}
	return nil
}

// under counts the candidates with an address.
func (b *bench) under(address string) (n int) {
	for row := range b.Truth("employees") {
		if has, _ := row.Value("email").(string); sameAddress(has, address) {
			n++
		}
	}
	return n
}

// stays gives the states of an application in their order.
func (b *bench) stays(id string) (states []string) {
	for row := range b.Truth("history") {
		of := func(key string) string { return asID(row.Value(key).(sandbox.Row)) }
		if of("employee")+":"+of("recruitment") == id {
			states = append(states, of("workflow_state"))
		}
	}
	return states
}

// errKill is how a ledger ends an action whose process is killed.
var errKill = errors.New("the process is killed")

// ledger is a journal in memory, by the rules of the real one.
type ledger struct {
	time     *hours
	killAt   string // the effect after whose sending the process is killed, once
	sent     func() // is called after each sending, if set
	begun    map[string]bool
	done     map[string]connector.Done
	sends    map[string]int
	warnings []string
}

func (b *bench) ledger() *ledger {
	return &ledger{time: b.time, begun: map[string]bool{}, done: map[string]connector.Done{}, sends: map[string]int{}}
}

func (l *ledger) Begun(name string) bool { return l.begun[name] }

func (l *ledger) Mark() string { return "kmark1" }

func (l *ledger) Warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.warnings, text) {
		l.warnings = append(l.warnings, text)
	}
}

func (l *ledger) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	if done, ok := l.done[e.Name]; ok {
		return done, nil
	}
	finish := func(id string, existed bool) (connector.Done, error) {
		l.begun[e.Name], l.done[e.Name] = true, connector.Done{RemoteID: id, Existed: existed}
		return l.done[e.Name], nil
	}
	if !l.begun[e.Name] && !e.Blind && e.Look != nil {
		s, err := e.Look(ctx)
		if err != nil {
			return connector.Done{}, err
		}
		if s.Found {
			return finish(s.RemoteID, true)
		}
	}
	for range 5 {
		if !l.begun[e.Name] || e.Repeatable {
			l.begun[e.Name] = true
			l.sends[e.Name]++
			id, err := e.Send(ctx)
			if l.sent != nil {
				l.sent()
			}
			if l.killAt == e.Name {
				l.killAt = ""
				return connector.Done{}, errKill
			}
			if err == nil {
				return finish(id, false)
			}
			if _, unclear := errors.AsType[*connector.UnclearError](err); !unclear {
				delete(l.begun, e.Name)
				return connector.Done{}, err
			}
		}
		since := l.time.read()
		for _, after := range []time.Duration{2, 10, 30, 90, 125} {
			l.time.wait(since.Add(after * time.Second).Sub(l.time.read()))
			if e.Repeatable {
				break
			}
			s, err := e.Look(ctx)
			if err != nil {
				return connector.Done{}, err
			}
			if s.Found {
				return finish(s.RemoteID, false)
			}
			if s.Proven && after > 120 {
				delete(l.begun, e.Name)
			}
		}
	}
	return connector.Done{}, ats.Errorf(ats.TimedOut, "it is not known what became of %s", e.Name)
}
