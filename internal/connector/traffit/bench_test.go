package traffit

import (
	"context"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// bench is a simulated tenant that takes writes, with a time of its own.
type bench struct {
	*sandbox.Sandbox
	t      *testing.T
	clock  *clock
	server *httptest.Server
	tenant *tenant
	open   string   // an open recruitment
	stages []object // of the open one, by order
}

func newBench(t *testing.T, switches map[string]string, change ...func(*connector.Config)) *bench {
	t.Helper()
	b := &bench{t: t, clock: newClock()}
	box, err := sandbox.New(sandbox.Config{Now: b.clock.now, Candidates: 120, Recruitments: 12})
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
	cfg := connector.Config{Now: b.clock.now, Credentials: map[string]string{
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
	b.tenant.http.Sleep = func(_ context.Context, d time.Duration) error { b.clock.pass(d); return nil }
}

// turn changes a switch.
func (b *bench) turn(name, value string) {
	b.t.Helper()
	if err := b.Set(name, value); err != nil {
		b.t.Fatal(err)
	}
}

// journal makes a journal for one action.
func (b *bench) journal() *journal { return newJournal(b.clock) }

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

// someone adds a candidate, and gives the ID in both its forms.
func (b *bench) someone() (int, string) {
	b.t.Helper()
	text := b.with(sandbox.Patch{"name": "Żaneta", "lastname": "Łoś", "email": "zaneta.los@example.com"})
	id, _ := strconv.Atoi(text)
	return id, text
}

// somewhere adds a recruitment whose name has to be escaped in some places.
func (b *bench) somewhere() string {
	b.t.Helper()
	return b.job(sandbox.Patch{"name": "Główny <księgowy> & co."})
}

// job adds a recruitment.
func (b *bench) job(p sandbox.Patch) string {
	b.t.Helper()
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

// BenchmarkKeep cuts a candidate's row, as each row is that is read under scopes.
func BenchmarkKeep(b *testing.B) {
	c, s := New(Options{}), off(false, field{ats.Jobs, "name"})
	for _, p := range plantedWorld() {
		if p.Entity != employee && p.Entity != application {
			continue
		}
		b.Run(p.Entity+" "+p.Kind, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Keep(p.PartKey, p.Raw, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
