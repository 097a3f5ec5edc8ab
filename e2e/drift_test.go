package e2e

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/sandbox"
)

// drift changes the tenant between the pages of a walk: whenever a page after the first is asked
// for, an early row goes, and, if so wanted, another one comes at the end.
type drift struct {
	u    *upstream
	add  bool
	once bool // only once in a walk
	on   atomic.Bool
	mu   sync.Mutex
	done map[string]bool // the pages before which something moved
}

// between answers one request at a time, so that no page shows a change that is half done.
func (d *drift) between(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.change(r)
		next.ServeHTTP(w, r)
	})
}

func (d *drift) change(r *http.Request) {
	page := r.Header.Get("X-Request-Current-Page")
	if d.once && page > "1" {
		page = "once"
	}
	if !d.on.Load() || page <= "1" || d.done[r.URL.Path+page] {
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/employees/"):
		for row := range d.u.Truth("employees") {
			_ = d.u.DeleteEmployee(row.ID())
			break
		}
		if d.add {
			_, _ = d.u.AddEmployee(sandbox.Patch{"lastname": "Spóźniona"})
		}
	case strings.HasSuffix(r.URL.Path, "/published"):
		d.movePosting()
	case strings.HasSuffix(r.URL.Path, "/recruitment_history"):
		d.moveApplication()
	default:
		return
	}
	d.done[r.URL.Path+page] = true
}

// moveApplication takes the candidate of the oldest application out of its recruitment.
func (d *drift) moveApplication() {
	id := func(row sandbox.Row, key string) int {
		v, _ := row.Value(key).(sandbox.Row)
		return v.ID()
	}
	for row := range d.u.Truth("history") {
		employee, recruitment := id(row, "employee"), id(row, "recruitment")
		if d.u.RemoveFromRecruitment(recruitment, employee) != nil {
			continue // one of those that belong to nobody
		}
		if d.add {
			_, _ = d.u.Apply(recruitment, employee)
		}
		return
	}
}

// movePosting takes the oldest published advert away.
func (d *drift) movePosting() {
	for row := range d.u.Truth("adverts") {
		if row.Value("published") != true {
			continue
		}
		_ = d.u.Unpublish(row.ID())
		if advert, ok := row.Value("advert").(sandbox.Row); ok && d.add {
			recruitment, _ := advert.Value("recruitment").(sandbox.Row)
			_, _ = d.u.Publish(recruitment.ID(), nil)
		}
		return
	}
}

// moved is how often something moved since the last time.
func (d *drift) moved() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.done)
	d.done = map[string]bool{}
	return n
}

// Rows that move from page to page while a listing is walked are not lost, and not taken for deleted.
// Not even when an early row goes and another comes at the same moment, so that the total says nothing.
func TestPageDrift(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*drift{"deleted": {}, "deleted and added": {add: true}, "deleted and added once": {add: true, once: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			d.done = map[string]bool{}
			u := newUpstream(t, sandbox.Config{Candidates: 420, Recruitments: 20, Adverts: 130}, d.between)
			d.u = u
			c.TraffitURL = u.base
			s := start(t, c)
			d.on.Store(true)
			i := s.connect(u.Name())
			lost, moved := u.lost(s, i), d.moved()
			t.Logf("first sync: %d moves, %d rows lost", moved, lost)
			if moved == 0 || lost > 0 {
				t.Errorf("%d rows were lost in %d moves", lost, moved)
			}

			s.succeed(i)
			lost, moved = u.lost(s, i), d.moved()
			t.Logf("second sync: %d moves, %d rows lost", moved, lost)
			if moved == 0 || lost > 0 {
				t.Errorf("%d rows were lost in %d moves", lost, moved)
			}

			d.on.Store(false)
			s.succeed(i)
			u.equal(s, i)
		})
	}
}

// lost counts the candidates, applications and postings that are there and not served.
func (u *upstream) lost(s *server, integration string) int {
	s.Helper()
	want, lost := u.expect(u.Name(), integration), 0
	for _, list := range []string{oracle.Candidates, oracle.Applications} {
		got := keyed(s.T, list, s.list(integration, list, nil))
		for id := range want[list] {
			if got[id] == nil {
				lost++
			}
		}
	}
	served := map[any]bool{}
	for _, j := range s.list(integration, oracle.Jobs, nil) {
		for _, p := range j["job_postings"].([]any) {
			served[p.(object)["id"]] = true
		}
	}
	for _, j := range want[oracle.Jobs] {
		for _, p := range j["job_postings"].([]any) {
			if !served[p.(object)["id"]] {
				lost++
			}
		}
	}
	return lost
}
