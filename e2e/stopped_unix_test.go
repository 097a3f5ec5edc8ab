//go:build unix

package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/sandbox"
)

// A worker that stands still for longer than its lease loses its run to another, and writes
// nothing when it wakes up.
func TestStoppedWorker(t *testing.T) {
	if !*long {
		t.Skip("skipped: it takes two minutes; -e2e.long runs it")
	}
	t.Parallel()
	const standstill = 90 * time.Second
	k := newCrashing(t, onPostgres(t), sandbox.Config{Candidates: 1000, Recruitments: 100, Latency: 100 * time.Millisecond})
	k.c.Role = app.RoleAPI
	s := k.server(spawn(t, k.c))
	k.c.Role = app.RoleWorker
	sleeper := spawn(t, k.c)
	await(t, "the first worker to be in the middle of it", func() bool {
		r := s.data("GET", "/v1/syncs/"+k.run, "", nil)
		return step(r, "tags")["state"] == "RUNNING"
	})
	spawn(t, k.c)
	signal := func(what syscall.Signal) {
		if err := sleeper.Process.Signal(what); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	stopped := time.Now()
	run := s.finish(k.run)
	t.Logf("the other worker finished %v after the first one had stopped", time.Since(stopped).Round(time.Second))
	s.succeeded(run)
	k.u.equal(s, k.integration)
	time.Sleep(time.Until(stopped.Add(standstill)))

	tables := append([]string{"runs", "run_steps", "pages", "walks", "nominations", "fanouts"}, contents...)
	before := k.c.dump(t, tables...)
	signal(syscall.SIGCONT)
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
		unchanged(t, "a worker that woke up", before, k.c.dump(t, tables...))
	}
	if !sleeper.alive() {
		t.Error("the worker ended when it woke up")
	}
	k.u.equal(s, k.integration)
	t.Logf("%d requests in all", k.u.Requests().Total)
}

// await polls until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(syncWithin); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
