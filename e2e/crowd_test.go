package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/sandbox"
)

// gate holds requests back until it is opened.
type gate struct {
	holds  func(*http.Request) bool
	opened chan struct{}
	held   atomic.Int64
}

func newGate(holds func(*http.Request) bool) *gate {
	return &gate{holds: holds, opened: make(chan struct{})}
}

// before puts the gate before a handler. Whoever gives up waiting is let in all the same: what was sent
// has been sent.
func (g *gate) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.holds(r) {
			g.held.Add(1)
			<-g.opened
			r = r.WithContext(context.WithoutCancel(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

// crowd is what a hundred clients want at once, each something else.
type crowd struct {
	wishes     []wish
	applicants []applicant
	notes      map[string]int    // by content: the candidate in TRAFFIT
	moves      map[string]string // the application: the stage that it shall be in
}

// newCrowd makes creations, notes and moves.
func newCrowd(u *upstream, s *server, integration string) crowd {
	s.Helper()
	c := crowd{applicants: u.applicants(40, true), notes: map[string]int{}, moves: map[string]string{}}
	for _, a := range c.applicants {
		c.wishes = append(c.wishes, a.wish)
	}
	stages := map[any][]any{} // by job
	for _, j := range s.list(integration, "jobs", nil) {
		stages[j["id"]], _ = j["stages"].([]any)
	}
	for _, a := range s.list(integration, "applications", nil) {
		job, _ := a["job"].(object)
		now, _ := a["current_stage"].(object)
		other := slices.IndexFunc(stages[job["id"]], func(v any) bool { return v.(object)["id"] != now["id"] })
		id, remote := a["id"].(string), a["remote_id"].(string)
		switch {
		case a["outcome"] != "PENDING" || other < 0 || len(c.wishes) == 100:
		case len(c.notes) <= len(c.moves):
			employee, _ := applicationOf(a)
			content := "Zaproszona na rozmowę (" + remote + ")."
			c.notes[content] = employee
			c.wishes = append(c.wishes, wish{
				path: "/v1/ats/applications/" + id + "/notes", key: "note-" + remote,
				body: object{"content": content, "content_type": "PLAIN_TEXT"},
			})
		default:
			c.moves[id] = stages[job["id"]][other].(object)["id"].(string)
			c.wishes = append(c.wishes, wish{
				method: http.MethodPut, path: "/v1/ats/applications/" + id + "/stage", key: "move-" + remote,
				body: object{"stage_id": c.moves[id]},
			})
		}
	}
	if len(c.wishes) != 100 {
		s.Fatalf("the tenant has room for %d actions, want 100", len(c.wishes))
	}
	return c
}

// applicationOf gives the candidate and the recruitment of an application in TRAFFIT.
func applicationOf(served object) (employee, recruitment int) {
	_, _ = fmt.Sscanf(served["remote_id"].(string), "%d:%d", &employee, &recruitment) // 0 is nobody
	return employee, recruitment
}

// Of a hundred actions at once, beside a full sync, thirty are let in and the others told to come
// again; in the end each has happened once.
func TestActionsBesideASync(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		var closed atomic.Bool
		g := newGate(func(*http.Request) bool { return closed.Load() })
		open := sync.OnceFunc(func() { closed.Store(false); close(g.opened) })
		u := newUpstream(t, small, g.before)
		c.TraffitURL = u.base
		s := start(t, c)
		t.Cleanup(open)
		i := s.connect(u.Name())
		want := newCrowd(u, s, i)
		f := &fleet{key: s.key, integration: i, bases: []string{s.base}}

		u.ResetRequests()
		closed.Store(true)
		ctx, cancel := context.WithTimeoutCause(t.Context(), syncWithin, errors.New("the clients gave up"))
		defer cancel()
		var refused, taken atomic.Int64
		var clients sync.WaitGroup
		var mu sync.Mutex
		var left []string // what those who were let in at once were told
		replies := make([]reply, len(want.wishes))
		for n, w := range want.wishes {
			clients.Go(func() {
				r, err := f.ask(ctx, w)
				if err == nil && r.status == http.StatusTooManyRequests {
					if r.code() != "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED" || r.header.Get("Concurrency-Limit") != "30" || r.header.Get("Concurrency-Remaining") != "0" {
						t.Errorf("refused with %s and %v", r.code(), r.header)
					}
					refused.Add(1)
					<-g.opened
					r, _, err = f.insist(ctx, w)
				} else {
					mu.Lock()
					left = append(left, fmt.Sprintf("%02s of %s", r.header.Get("Concurrency-Remaining"), r.header.Get("Concurrency-Limit")))
					mu.Unlock()
				}
				if err != nil {
					t.Errorf("%s: %v", w.path, err)
				}
				replies[n] = r
				taken.Add(1)
			})
		}
		db := c.open(t)
		await(t, "the crowd to be before the gate", func() bool { return refused.Load() == 70 && g.held.Load() == action.InFlight })
		if n := count(t, db, "action_slots"); n != action.InFlight {
			t.Errorf("%d slots are taken, want %d", n, action.InFlight)
		}
		run := s.data("POST", "/v1/force-sync", i, object{"type": "FULL"})["sync_id"].(string)
		open()
		most := 0
		for taken.Load() < int64(len(want.wishes)) && ctx.Err() == nil {
			most = max(most, count(t, db, "action_slots"))
			time.Sleep(2 * time.Millisecond) // between two samples
		}
		clients.Wait()
		if most > action.InFlight {
			t.Errorf("%d actions were under way at once, want at most %d", most, action.InFlight)
		}
		var exact []string
		for n := range action.InFlight {
			exact = append(exact, fmt.Sprintf("%02d of 30", n))
		}
		slices.Sort(left)
		if d := cmp.Diff(exact, left); d != "" {
			t.Errorf("what those were told who were let in (-want +got):\n%s", d)
		}
		t.Logf("at most %d at once; TRAFFIT got %d requests, at most %d at once", most, u.Requests().Total, u.Requests().PeakConcurrent)

		for n, r := range replies {
			if r.status != http.StatusOK {
				t.Errorf("%s was answered %d: %v", want.wishes[n].path, r.status, r.body["error"])
			}
		}
		want.happened(u, s, i, replies)
		s.succeeded(s.finish(run))
		want.happened(u, s, i, replies)
		s.succeed(i)
		u.equal(s, i)
	})
}

// happened checks that all of it has happened, once, and is served.
func (c crowd) happened(u *upstream, s *server, integration string, replies []reply) {
	s.Helper()
	for content, employee := range c.notes {
		notes := u.Notes(employee)
		others := slices.DeleteFunc(slices.Clone(notes), func(n sandbox.Note) bool { return strings.HasPrefix(n.Content, content) })
		if len(others) != len(notes)-1 {
			s.Errorf("the candidate %d has the notes %v, want one that begins with %q", employee, notes, content)
		}
	}
	for _, a := range s.list(integration, "applications", nil) {
		now, _ := a["current_stage"].(object)
		if stage, ok := c.moves[a["id"].(string)]; ok && stage != now["id"] {
			s.Errorf("the application %v is served in the stage %v, want %s", a["remote_id"], now["id"], stage)
		}
	}
	moved := map[string]int{}
	counts := u.WriteCounts()
	for _, w := range u.Writes() {
		if w.Kind == "move" {
			moved[fmt.Sprintf("%d:%d", w.Employee, w.Recruitment)]++
		}
	}
	if len(moved) != len(c.moves) || counts["move"] != len(c.moves) || counts["note"] != len(c.notes) {
		s.Errorf("%d applications were moved, %v, want %d moves and %d notes", len(moved), counts, len(c.moves), len(c.notes))
	}
	u.wantCreated(s, integration, c.applicants, replies[:len(c.applicants)], true)
}

// A request of an action waits for at most one of a sync that runs beside it.
func TestActionsGoFirst(t *testing.T) {
	t.Parallel()
	var reads, waiting atomic.Int64
	var mu sync.Mutex
	var behind []int64 // how many requests of the sync were sent while a write waited
	sc := small
	sc.OnRequest = func(r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			reads.Add(1)
		case !strings.HasPrefix(r.URL.Path, "/oauth2/"):
			mu.Lock()
			defer mu.Unlock()
			behind = append(behind, reads.Load()-waiting.Load())
		}
	}
	k := newCrashing(t, onSQLite(t), sc)
	first := spawn(t, k.c)
	k.server(first).succeeded(k.server(first).finish(k.run))
	first.kill()

	k.c.RPS = 20
	k.c.point = func(name string) {
		if name == "action sending" { // the actions come one at a time
			waiting.Store(reads.Load())
		}
	}
	s := start(t, k.c)
	f := &fleet{key: s.key, integration: k.integration, bases: []string{s.base}}
	want := newCrowd(k.u, s, k.integration)
	run := s.data("POST", "/v1/force-sync", k.integration, object{"type": "FULL"})["sync_id"].(string)
	before := reads.Load()
	await(t, "the sync to be on its way", func() bool { return reads.Load() > before+3 })
	for _, n := range []int{0, 40, 41, 42, 43} { // a creation, notes and moves
		w := want.wishes[n]
		if r, err := f.ask(t.Context(), w); err != nil || r.status != http.StatusOK {
			t.Fatalf("%s was answered %d: %v %v", w.path, r.status, r.body["error"], err)
		}
	}
	if r := s.data("GET", "/v1/syncs/"+run, "", nil); r["ended_at"] != nil {
		t.Errorf("the sync ended too early: %s", show(r))
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("requests of the sync before each write: %v; %d reads in all", behind, reads.Load()-before)
	if len(behind) != 7 || slices.Max(behind) > 1 {
		t.Errorf("while writes waited, %v requests of the sync were sent, want 7 writes and at most 1", behind)
	}
}
