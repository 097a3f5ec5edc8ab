package jobs

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The throw-away PostgreSQL of a test process lives as long as the process.
		goleak.IgnoreTopFunction("os/exec.(*Cmd).watchCtx"))
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, url string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "kladka.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.URL(t))
	})
}

// fixture is one process's share: a store, its jobs, and an engine that does what the test says.
type fixture struct {
	*Jobs
	engine *fakeEngine
}

func open(t *testing.T, url string) *fixture {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if os.Getenv("KLADKA_TEST_LOG") == "" {
		log = nil
	}
	j, err := New(t.Context(), Config{Store: s, Log: log, Tick: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{j, &fakeEngine{jobs: j, sliced: make(chan string, 100)}}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) { w.t.Logf("%s", b); return len(b), nil }

// work works until the test or the returned stop ends it.
func (f *fixture) work(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f.Work(ctx, f.engine) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Work: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// run stores a run; enqueued says whether its job is queued with it.
func (f *fixture) run(t *testing.T, enqueued bool) store.Run {
	t.Helper()
	i, err := f.Store.AddIntegration(t.Context(), store.Integration{
		ID: ats.NewIntegrationID("traffit"), Tool: "traffit", Status: store.StatusActive, SetupStatus: store.SetupSyncing,
		OrganizationName: "Acme", Tenant: "acme",
	}, "sealed")
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := f.Store.StartRun(t.Context(), ats.NewID(), i.No, store.FullSync, "test", func(tx *sql.Tx, r store.Run) error {
		if !enqueued {
			return nil
		}
		return f.Enqueue(t.Context(), tx, r.ID, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (f *fixture) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if err := f.Store.Transact(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), statement, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) count(t *testing.T, query string) int {
	t.Helper()
	db, _ := f.Store.JobsDB()
	var n int
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// fakeEngine tells which runs it was asked to work on.
type fakeEngine struct {
	jobs   *Jobs
	sliced chan string
	slice  func(ctx context.Context, run string) (mirror.Next, error) // nil: the run ends at once
}

func (e *fakeEngine) Start(ctx context.Context, i store.Integration, typ store.RunType, cause string) (store.Run, bool, error) {
	return e.jobs.Store.StartRun(ctx, ats.NewID(), i.No, typ, cause, func(tx *sql.Tx, r store.Run) error {
		return e.jobs.Enqueue(ctx, tx, r.ID, 0)
	})
}

func (e *fakeEngine) Slice(ctx context.Context, run string) (mirror.Next, error) {
	// Like the engine, leave a run alone that has ended: with so fast a tick a busy machine makes a
	// second job for a run that is between two slices.
	if r, err := e.jobs.Store.Run(ctx, run); err == nil && r.EndedAt != nil {
		return mirror.Next{Done: true}, nil
	}
	e.sliced <- run
	if e.slice != nil {
		return e.slice(ctx, run)
	}
	return mirror.Next{Done: true}, e.end(ctx, run)
}

// end ends a run, as the engine would.
func (e *fakeEngine) end(ctx context.Context, run string) error {
	r, err := e.jobs.Store.ClaimRun(ctx, run, "test", true)
	if errors.Is(err, store.ErrHeld) {
		return nil
	} else if err != nil {
		return err
	}
	return e.jobs.Store.FinishRun(ctx, *r.Lease(), store.RunSucceeded, "", "", func(*sql.Tx) error { return nil })
}

func expect(t *testing.T, sliced chan string, want string) {
	t.Helper()
	select {
	case got := <-sliced:
		if got != want {
			t.Fatalf("worked on run %s, want %s", got, want)
		}
	case <-time.After(15 * time.Second):
		t.Fatalf("run %s was not worked on", want)
	}
}

func expectNothing(t *testing.T, sliced chan string, within time.Duration) {
	t.Helper()
	select {
	case run := <-sliced:
		t.Fatalf("run %s was worked on", run)
	case <-time.After(within):
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to: %s", what)
		}
	}
}

func TestQueuedRunIsWorkedOn(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		before := f.run(t, true)
		f.work(t)
		expect(t, f.engine.sliced, before.ID)
		after := f.run(t, true)
		expect(t, f.engine.sliced, after.ID)
	})
}

func TestRolledBackRunIsNeverWorkedOn(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		f.work(t)
		fail := errors.New("changed my mind")
		err := f.Store.Transact(t.Context(), func(tx *sql.Tx) error {
			if err := f.Enqueue(t.Context(), tx, "nothing", 0); err != nil {
				t.Fatal(err)
			}
			return fail
		})
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
		expectNothing(t, f.engine.sliced, 500*time.Millisecond)
	})
}

func TestRunHasOneJobAtATime(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		enqueue := func() {
			t.Helper()
			if err := f.Store.Transact(t.Context(), func(tx *sql.Tx) error { return f.Enqueue(t.Context(), tx, "r1", 0) }); err != nil {
				t.Fatal(err)
			}
		}
		enqueue()
		enqueue()
		if n := f.count(t, `SELECT count(*) FROM river_job`); n != 1 {
			t.Fatalf("%d jobs, want 1", n)
		}
		f.work(t)
		expect(t, f.engine.sliced, "r1")
		eventually(t, "the job is completed", func() bool {
			return f.count(t, `SELECT count(*) FROM river_job WHERE state = 'completed'`) == 1
		})
		enqueue() // completed jobs are in nobody's way
		expect(t, f.engine.sliced, "r1")
	})
}

func TestDelayIsKept(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		f.work(t)
		if err := f.Store.Transact(t.Context(), func(tx *sql.Tx) error { return f.Enqueue(t.Context(), tx, "later", time.Hour) }); err != nil {
			t.Fatal(err)
		}
		expectNothing(t, f.engine.sliced, 300*time.Millisecond)
		if n := f.count(t, `SELECT count(*) FROM river_job WHERE state = 'scheduled'`); n != 1 {
			t.Errorf("%d scheduled jobs, want 1", n)
		}
	})
}

func TestSlicesFollowOneAnother(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		left := 3
		f.engine.slice = func(ctx context.Context, run string) (mirror.Next, error) {
			if left--; left > 0 {
				return mirror.Next{}, nil
			}
			return mirror.Next{Done: true}, f.engine.end(ctx, run)
		}
		r := f.run(t, true)
		f.work(t)
		for range 3 {
			expect(t, f.engine.sliced, r.ID)
		}
		expectNothing(t, f.engine.sliced, 300*time.Millisecond)
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		f.engine.slice = func(context.Context, string) (mirror.Next, error) { return mirror.Next{After: time.Hour}, nil }
		r := f.run(t, true)
		f.work(t)
		expect(t, f.engine.sliced, r.ID)
		// The run has no lease now; the tick must not take its pause for death.
		expectNothing(t, f.engine.sliced, 500*time.Millisecond)
	})
}

func TestBrokenSliceIsTriedAgain(t *testing.T) {
	for name, breaks := range map[string]func() error{
		"error": func() error { return errors.New("the database is away") },
		"panic": func() error { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, url string) {
				f := open(t, url)
				first := true
				f.engine.slice = func(ctx context.Context, run string) (mirror.Next, error) {
					if first {
						first = false
						return mirror.Next{}, breaks()
					}
					return mirror.Next{Done: true}, f.engine.end(ctx, run)
				}
				r := f.run(t, true)
				f.work(t)
				expect(t, f.engine.sliced, r.ID)
				expect(t, f.engine.sliced, r.ID)
			})
		})
	}
}

func TestStopHandsBack(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		f.engine.slice = func(ctx context.Context, _ string) (mirror.Next, error) {
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				t.Errorf("the slice was stopped by %v, want a plain cancellation", cause)
			}
			return mirror.Next{}, nil
		}
		r := f.run(t, true)
		stop := f.work(t)
		expect(t, f.engine.sliced, r.ID)
		stop()
		if n := f.count(t, `SELECT count(*) FROM river_job WHERE state = 'available'`); n != 1 {
			t.Fatalf("%d available jobs after the stop, want 1", n)
		}
		f.engine.slice = nil
		f.work(t)
		expect(t, f.engine.sliced, r.ID)
	})
}

func TestProcessesStartTogether(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		first, err := store.Open(t.Context(), url, store.Options{}) // the store's own migrations are not what is tested
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { first.Close() })
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				s, err := store.Open(t.Context(), url, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if _, err := New(t.Context(), Config{Store: s}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}
