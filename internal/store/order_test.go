package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// Invariant 1: whoever needs an integration's row and the rows of its runs takes them in one order.
func TestLocksAreTakenInOneOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.NewIntegration(t, s)
		ctx := t.Context()
		none := func(*sql.Tx, store.Run) error { return nil }
		start := func() store.Run {
			r, _, err := s.StartRun(ctx, ats.NewID(), i.No, store.FullSync, "test", none)
			if err != nil {
				t.Fatal(err)
			}
			if r, err = s.ClaimRun(ctx, r.ID, "me", true); err != nil {
				t.Fatal(err)
			}
			return r
		}
		end := time.Now().Add(2 * time.Second)
		var wg sync.WaitGroup
		var mu sync.Mutex
		run := start()
		wg.Go(func() { // the worker
			for time.Now().Before(end) {
				for range 20 {
					if _, err := s.Write(ctx, i.No, run.Lease(), "test", func(tx *store.Tx) error { return nil }); err != nil {
						t.Errorf("write: %v", err)
						return
					}
				}
				if err := s.FinishRun(ctx, *run.Lease(), store.RunSucceeded, "", "", func(tx *sql.Tx) error {
					return s.RunEnded(context.Background(), tx, run, store.RunSucceeded, store.Restriction{}, time.Hour, store.InvalidAfter)
				}); err != nil {
					t.Errorf("finish: %v", err)
					return
				}
				mu.Lock()
				run = start()
				mu.Unlock()
			}
		})
		wg.Go(func() { // the operator
			for on := false; time.Now().Before(end); on = !on {
				if err := s.SetEnabled(ctx, i.No, on); err != nil {
					t.Errorf("switch: %v", err)
					return
				}
			}
		})
		wg.Wait()
	})
}

// Invariant 1, when an integration is removed while a worker writes.
func TestRemoveLocksInOrder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		ctx := t.Context()
		none := func(*sql.Tx, store.Run) error { return nil }
		for range 60 {
			i := storetest.NewIntegration(t, s)
			r, _, err := s.StartRun(ctx, ats.NewID(), i.No, store.FullSync, "test", none)
			if err != nil {
				t.Fatal(err)
			}
			if r, err = s.ClaimRun(ctx, r.ID, "me", true); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					if _, err := s.Write(ctx, i.No, r.Lease(), "test", func(tx *store.Tx) error { return nil }); err != nil {
						if !errors.Is(err, store.ErrNotFound) {
							t.Errorf("write: %v", err)
						}
						return
					}
				}
			})
			time.Sleep(5 * time.Millisecond)
			if err := s.RemoveIntegration(ctx, i.No, 0); err != nil {
				t.Errorf("remove: %v", err)
				if err := s.RemoveIntegration(ctx, i.No, 0); err != nil {
					t.Fatal(err)
				}
			}
			wg.Wait()
			if t.Failed() {
				return
			}
		}
	})
}

// Invariant 3: a record that two units show while it moves from one to the other is the new one's.
func TestRecordMovesToAnotherOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.NewIntegration(t, s)
		ctx := t.Context()
		title := ""
		postings := func(ids ats.Namespace, job string, remote ...string) store.RecordSet {
			set := store.RecordSet{Model: ats.JobPostings, Column: "job_id", Owner: ids.ID(ats.Jobs, job)}
			for _, id := range remote {
				r, err := ats.Render(ids, ats.JobPosting{RemoteID: id, JobRemoteID: job, Title: &title})
				if err != nil {
					t.Fatal(err)
				}
				set.Records = append(set.Records, r)
			}
			return set
		}
		apply := func(jobs map[string][]string, order ...string) {
			put(ctx, t, s, i.No, func(ids ats.Namespace) (sets []store.RecordSet) {
				for _, job := range order {
					sets = append(sets, postings(ids, job, jobs[job]...))
				}
				return sets
			})
		}
		for _, order := range [][]string{{"1", "2"}, {"2", "1"}} {
			title = "before"
			apply(map[string][]string{"1": {"7"}}, "1", "2")
			title = "after"
			apply(map[string][]string{"1": {"7"}, "2": {"7"}}, order...)
			apply(nil, "1") // the old owner shows it no more
			n, err := s.CountLiving(ctx, i.No, ats.JobPostings)
			if err != nil || n != 1 {
				t.Errorf("in the order %v %d postings live, want 1, %v", order, n, err)
			}
		}
	})
}

// An integration that was switched off stays so when its last run finds its credentials refused.
func TestRefusedCredentialsOfOneSwitchedOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.NewIntegration(t, s)
		ctx := t.Context()
		for n := range 2 {
			if n == 1 {
				if err := s.SetEnabled(ctx, i.No, false); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Transact(ctx, func(tx *sql.Tx) error {
				return s.RunEnded(ctx, tx, store.Run{Integration: i.No}, store.RunAuthentication, store.Restriction{}, time.Hour, store.InvalidAfter)
			}); err != nil {
				t.Fatal(err)
			}
			db.Clock.Add(store.InvalidAfter)
		}
		if got, err := s.IntegrationByNo(ctx, i.No); err != nil || got.Status != store.StatusInactive {
			t.Errorf("it is %s, %v", got.Status, err)
		}
	})
}
