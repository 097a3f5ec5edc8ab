package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/kladka/kladka/internal/store"
)

// keepTicking looks for work at once and then at every tick, until the context ends.
//
// It is no periodic job of River's: those run on an elected leader, and after a leader's death it
// takes a while to elect another. Here every worker looks for itself. That several find the same
// does no harm: a run is unique per integration, and its job by its generation.
func (j *Jobs) keepTicking(ctx context.Context, e Engine) {
	t := &ticker{Jobs: j, engine: e}
	every := time.NewTicker(j.Tick)
	defer every.Stop()
	for {
		if err := t.tick(ctx); err != nil && ctx.Err() == nil {
			j.Log.ErrorContext(ctx, "looking for due work failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

type ticker struct {
	*Jobs
	engine Engine
	// idle holds the runs that the last tick found with a running job but without a lease.
	idle map[string]idle
}

// idle is since when a run was found so, under which fence.
type idle struct {
	fence int64
	since time.Time
}

func (t *ticker) tick(ctx context.Context) error {
	active, err := t.Store.ActiveRuns(ctx)
	if err != nil {
		return fmt.Errorf("list the active runs: %w", err)
	}
	return errors.Join(t.startDue(ctx, active), t.takeOver(ctx, active), t.purge(ctx, t.Store.PurgeRemoved), t.purge(ctx, t.oldRequests), t.purge(ctx, t.oldEvents), t.Clean(ctx))
}

// purgeAtOnce bounds how long one tick deletes what is not wanted any more: what removed integrations
// left behind, and old entries of the request log and old events.
const purgeAtOnce = time.Second

// purge deletes step by step, until nothing is left or the time is up.
func (t *ticker) purge(ctx context.Context, step func(context.Context) (more bool, err error)) error {
	for end := time.Now().Add(purgeAtOnce); time.Now().Before(end); {
		if more, err := step(ctx); err != nil || !more {
			return err
		}
	}
	return nil
}

func (t *ticker) oldRequests(ctx context.Context) (more bool, err error) {
	return t.Store.PurgeRequests(ctx, t.Store.Now()-t.KeepRequests.Milliseconds())
}

// keepEvents is how long events are kept for those to whom they could not be delivered yet.
const keepEvents = 30 * 24 * time.Hour

func (t *ticker) oldEvents(ctx context.Context) (more bool, err error) {
	return t.Store.PurgeEvents(ctx, t.Store.Now()-keepEvents.Milliseconds())
}

// startDue queues the full syncs whose time has come.
func (t *ticker) startDue(ctx context.Context, active []store.Run) error {
	syncing := map[int64]bool{}
	for _, r := range active {
		if r.Type == store.FullSync {
			syncing[r.Integration] = true
		}
	}
	due, err := t.Store.DueFull(ctx)
	if err != nil {
		return fmt.Errorf("list the due syncs: %w", err)
	}
	var errs []error
	for _, no := range due {
		if syncing[no] {
			continue // stays due until the run has ended
		}
		i, err := t.Store.IntegrationByNo(ctx, no)
		if errors.Is(err, store.ErrNotFound) {
			continue // removed a moment ago
		}
		if err == nil {
			_, _, err = t.engine.Start(ctx, i, store.FullSync, "schedule")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("start the due sync of integration %d: %w", no, err))
		}
	}
	return errors.Join(errs...)
}

// takeOver queues the runs again that nobody works on and nobody is going to work on.
func (t *ticker) takeOver(ctx context.Context, active []store.Run) error {
	now := t.Store.Now()
	var free []store.Run
	for _, r := range active {
		if r.LeaseUntil < now {
			free = append(free, r)
		}
	}
	stillIdle := map[string]idle{}
	defer func() { t.idle = stillIdle }()
	if len(free) == 0 {
		return nil
	}
	jobs, err := t.syncJobs(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range free {
		job := jobs[r.ID]
		if job.waits {
			continue
		}
		// A run without a lease may be a moment before its slice or a moment after it. If it stays so,
		// its worker died there.
		if r.LeaseUntil == 0 && job.runs {
			known, seen := t.idle[r.ID]
			if !seen || known.fence != r.Fence {
				known = idle{r.Fence, time.Now()}
			}
			if time.Since(known.since) < t.Idle {
				stillIdle[r.ID] = known
				continue
			}
		}
		args := syncRun{Run: r.ID, Generation: max(r.Fence, job.generation+1)}
		result, err := t.queue.Insert(ctx, args, nil)
		if err != nil {
			errs = append(errs, fmt.Errorf("queue run %s again: %w", r.ID, err))
		} else if !result.UniqueSkippedAsDuplicate {
			t.Log.WarnContext(ctx, "nobody was working on a run; it is queued again", "run", r.ID, "fence", r.Fence)
		}
	}
	return errors.Join(errs...)
}

// syncJob sums up the living jobs of a run.
type syncJob struct {
	waits, runs bool
	generation  int64 // the highest; -1 without a job
}

// syncJobs lists the runs that have a living job. There is about one for each active run.
func (t *ticker) syncJobs(ctx context.Context) (map[string]syncJob, error) {
	jobs := map[string]syncJob{}
	params := river.NewJobListParams().Kinds(syncRun{}.Kind()).States(append(waiting(), rivertype.JobStateRunning)...).First(1000)
	for {
		page, err := t.queue.JobList(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("list the jobs: %w", err)
		}
		for _, row := range page.Jobs {
			var args syncRun
			if err := json.Unmarshal(row.EncodedArgs, &args); err != nil {
				return nil, fmt.Errorf("read the arguments of job %d: %w", row.ID, err)
			}
			j, seen := jobs[args.Run]
			if !seen {
				j.generation = -1
			}
			j.generation = max(j.generation, args.Generation)
			j.runs = j.runs || row.State == rivertype.JobStateRunning
			j.waits = j.waits || row.State != rivertype.JobStateRunning
			jobs[args.Run] = j
		}
		if page.LastCursor == nil || len(page.Jobs) < 1000 {
			return jobs, nil
		}
		params = params.After(page.LastCursor)
	}
}
