package jobs

import (
	"testing"
	"time"

	"github.com/kladka/kladka/internal/store"
)

func TestDueSyncIsStarted(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		done := f.run(t, true)
		f.work(t)
		expect(t, f.engine.sliced, done.ID)
		eventually(t, "the run has ended", func() bool {
			r, err := f.Store.Run(t.Context(), done.ID)
			return err == nil && r.EndedAt != nil
		})
		expectNothing(t, f.engine.sliced, 200*time.Millisecond) // nothing is due
		f.exec(t, `UPDATE integrations SET next_full_at = $1 WHERE no = $2`, f.Store.Now()-1, done.Integration)
		select {
		case run := <-f.engine.sliced:
			r, err := f.Store.Run(t.Context(), run)
			if err != nil || r.Cause != "schedule" || r.Integration != done.Integration {
				t.Errorf("started %+v, %v", r, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the due sync was not started")
		}
	})
}

func TestSwitchedOffIsNotStarted(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		r := f.run(t, false)
		if err := f.engine.end(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		f.exec(t, `UPDATE integrations SET next_full_at = $1, status = $2 WHERE no = $3`, f.Store.Now()-1, store.StatusInactive, r.Integration)
		f.work(t)
		expectNothing(t, f.engine.sliced, 300*time.Millisecond)
	})
}

// A worker that is killed leaves its job running and its run leased. Once the lease has run out
// the run goes on elsewhere, although the dead job still holds its unique key.
func TestRunOfKilledWorkerIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		r := f.run(t, true)
		if _, err := f.Store.ClaimRun(t.Context(), r.ID, "killed", false); err != nil {
			t.Fatal(err)
		}
		tick := &ticker{Jobs: f.Jobs, engine: f.engine}
		kill := func() { f.exec(t, `UPDATE river_job SET state = 'running' WHERE state = 'available'`) }
		kill()
		if err := tick.tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := f.count(t, `SELECT count(*) FROM river_job`); n != 1 {
			t.Fatalf("%d jobs while the lease holds, want 1", n)
		}
		f.exec(t, `UPDATE runs SET lease_until = $1 WHERE id = $2`, f.Store.Now()-1, r.ID)
		for range 2 { // a second look finds the job that waits
			if err := tick.tick(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.count(t, `SELECT count(*) FROM river_job WHERE state = 'available'`); n != 1 {
			t.Fatalf("%d waiting jobs after the lease ran out, want 1", n)
		}
		// The one that takes over is killed too, before it claimed the run: its key is held as well.
		kill()
		if err := tick.tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := f.count(t, `SELECT count(*) FROM river_job WHERE state = 'available'`); n != 1 {
			t.Fatalf("%d waiting jobs after the second death, want 1", n)
		}
	})
}

// Between two slices a run has no lease, and for a moment its job is still running.
func TestPauseBetweenSlicesIsNoDeath(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		f.run(t, true)
		f.exec(t, `UPDATE river_job SET state = 'running'`)
		tick := &ticker{Jobs: f.Jobs, engine: f.engine}
		for n, want := range []int{1, 1, 2} {
			if n == 2 {
				f.Idle = 0 // enough time has passed
			}
			if err := tick.tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := f.count(t, `SELECT count(*) FROM river_job`); got != want {
				t.Fatalf("%d jobs after tick %d, want %d", got, n+1, want)
			}
		}
	})
}

func TestLostJobIsMadeAgain(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		r := f.run(t, false)
		f.work(t)
		expect(t, f.engine.sliced, r.ID)
	})
}

// On SQLite the rows of a killed process are given back at the start.
func TestRestartAfterKill(t *testing.T) {
	f := open(t, "sqlite:"+t.TempDir()+"/kladka.db")
	r := f.run(t, true)
	if _, err := f.Store.ClaimRun(t.Context(), r.ID, "killed", false); err != nil {
		t.Fatal(err)
	}
	f.exec(t, `UPDATE river_job SET state = 'running', attempt = 1`)
	f.work(t)
	expect(t, f.engine.sliced, r.ID) // long before the lease runs out
}

func TestRemovedIntegrationIsPurged(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		r := f.run(t, true)
		if err := f.Store.RemoveIntegration(t.Context(), r.Integration, 0); err != nil {
			t.Fatal(err)
		}
		f.work(t)
		eventually(t, "nothing of it is left", func() bool {
			return f.count(t, `SELECT count(*) FROM integrations`) == 0 && f.count(t, `SELECT count(*) FROM runs`) == 0
		})
	})
}

// The data of a removed integration that is kept for a while stay until then.
func TestRemovedIntegrationIsKept(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		r := f.run(t, true)
		if err := f.Store.RemoveIntegration(t.Context(), r.Integration, time.Hour); err != nil {
			t.Fatal(err)
		}
		tick := &ticker{Jobs: f.Jobs, engine: f.engine}
		if err := tick.tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := f.count(t, `SELECT count(*) FROM integrations`); n != 1 {
			t.Errorf("%d integrations are kept, want 1", n)
		}
		f.exec(t, `UPDATE events SET created_at = 0 WHERE type = 'integration-created'`)
		f.exec(t, `UPDATE integrations SET purge_at = 1`)
		if err := tick.tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := f.count(t, `SELECT count(*) FROM integrations`); n != 0 {
			t.Errorf("%d integrations are kept, want none", n)
		}
		if n := f.count(t, `SELECT count(*) FROM events`); n != 1 {
			t.Errorf("%d events are left, want the new one", n)
		}
	})
}

// Each tick deletes what is older than the log is kept, and leaves the rest.
func TestOldRequestsGo(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		f := open(t, url)
		now := f.Store.Now()
		if err := f.Store.AddRequests(t.Context(), []store.Request{
			{ID: "old", Kind: store.ATSRequest, StartedAt: now - 2*time.Hour.Milliseconds()}, {ID: "new", Kind: store.ATSRequest, StartedAt: now - 1},
		}, nil); err != nil {
			t.Fatal(err)
		}
		f.KeepRequests = time.Hour
		tick := &ticker{Jobs: f.Jobs, engine: f.engine}
		left := func() (ids []string) {
			t.Helper()
			if err := tick.tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			found, err := f.Store.Requests(t.Context(), store.RequestQuery{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range found {
				ids = append(ids, r.ID)
			}
			return ids
		}
		if got := left(); len(got) != 1 || got[0] != "new" {
			t.Errorf("left: %q", got)
		}
		f.KeepRequests = 0 // the log was switched off
		if got := left(); len(got) != 0 {
			t.Errorf("left of a log that is off: %q", got)
		}
	})
}
