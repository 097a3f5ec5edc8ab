package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// The bounds of one job. A slice is short, but a request in it may be repeated for ten minutes
// before it counts as failed, and that is no reason to stop it. Taking over the run of a dead
// worker does not wait for rescueAfter: that is the tick's business.
const (
	jobTimeout  = 20 * time.Minute
	rescueAfter = 21 * time.Minute
	keepDone    = time.Hour
)

// stopWithin bounds a stop: what a cancelled slice may take to hand its run back.
const stopWithin = 10 * time.Second

// Work does what is queued until the context ends, then hands back what is under way. On SQLite
// the caller must hold the worker lock: nobody else may be working.
func (j *Jobs) Work(ctx context.Context, e Engine) error {
	if err := j.releaseStuck(ctx); err != nil {
		return err
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &syncWorker{engine: e, workers: j.Workers}); err != nil {
		return fmt.Errorf("prepare the workers: %w", err)
	}
	client, err := river.NewClient(j.driver, &river.Config{
		Queues:                      map[string]river.QueueConfig{syncQueue: {MaxWorkers: j.Workers}},
		Workers:                     workers,
		Logger:                      quiet(j.Log),
		ErrorHandler:                failures{j.Log},
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: keepDone,
	})
	if err != nil {
		return fmt.Errorf("prepare the workers: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the workers: %w", err)
	}
	j.keepTicking(ctx, e)

	// A slice has saved what it did up to its last page, so there is nothing to wait for.
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := client.StopAndCancel(stopCtx); err != nil {
		return fmt.Errorf("stop the workers: %w", err)
	}
	return nil
}

// releaseStuck gives back the rows that a killed process left running. Only on SQLite is it known
// that no other process works on them.
func (j *Jobs) releaseStuck(ctx context.Context) error {
	if !j.Store.Embedded() {
		return nil
	}
	db, _ := j.Store.JobsDB()
	if _, err := db.ExecContext(ctx, `UPDATE river_job SET state = 'available', attempt = max(attempt - 1, 0) WHERE state = 'running'`); err != nil {
		return fmt.Errorf("give back the jobs of a process that was killed: %w", err)
	}
	return nil
}

// syncWorker hands runs to the engine.
type syncWorker struct {
	river.WorkerDefaults[syncRun]
	engine  Engine
	workers int
	busy    atomic.Int64
}

// turn is how long a job goes on with its run before it goes back into the queue in any case.
const turn = 5 * time.Minute

// Work does slices of a run, and puts the job off when the run has to wait, or when other runs
// may be waiting for this worker. Going through the queue after each slice would cost River's
// polling interval each time.
func (w *syncWorker) Work(ctx context.Context, job *river.Job[syncRun]) error {
	defer w.busy.Add(-1)
	w.busy.Add(1)
	// A stop or a timeout must look like a plain cancellation, after which a slice hands its run
	// back, and not like an error of River's that would end the run.
	sliceCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()

	for end := time.Now().Add(turn); ; {
		next, err := w.engine.Slice(sliceCtx, job.Args.Run)
		if err != nil || next.Done {
			return err
		}
		crowded := w.busy.Load() >= int64(w.workers)
		if next.After > 0 || crowded || ctx.Err() != nil || time.Now().After(end) {
			return river.JobSnooze(next.After)
		}
	}
}

// The pause before a slice is tried again that failed for reasons of our own, such as a database
// that is away.
const (
	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
)

// NextRetry doubles the pause up to a minute.
func (*syncWorker) NextRetry(job *river.Job[syncRun]) time.Time {
	pause := firstRetry << min(max(job.Attempt-1, 0), 5)
	return time.Now().Add(min(pause, lastRetry))
}

// failures logs what goes wrong in jobs: River itself mentions it only in passing.
type failures struct{ log *slog.Logger }

// HandleError logs a job's error; nil leaves the retry to River.
func (f failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if !errors.Is(err, context.Canceled) {
		f.log.ErrorContext(ctx, "job failed and will be tried again", "kind", job.Kind, "args", string(job.EncodedArgs), "attempt", job.Attempt, "err", err)
	}
	return nil
}

// HandlePanic logs a panic with its trace.
func (f failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "job panicked and will be tried again", "kind", job.Kind, "args", string(job.EncodedArgs), "panic", panicked, "trace", trace)
	return nil
}

// quiet keeps River's own everyday messages out of the log.
func quiet(l *slog.Logger) *slog.Logger { return slog.New(warnings{l.Handler()}) }

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
