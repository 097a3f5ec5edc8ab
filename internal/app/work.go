package app

import (
	"context"
	"errors"
	"time"

	"github.com/kladka/kladka/internal/store"
)

// When a command works on a run itself: a server, if there is one, takes a queued run within a
// moment, and takes a dead worker's run over once its lease has run out.
const (
	queuedFor    = 3 * time.Second
	abandonedFor = store.LeaseTime + 15*time.Second
	watchEvery   = 500 * time.Millisecond
)

// WorkOn sees to it that a run is worked on until it has ended: by others where there are any,
// else here. On SQLite it works only while it holds the worker lock.
//
// On SQLite the lock tells for sure whether others are at work; on PostgreSQL patience does.
//
// It does not go through the job queue: whoever claims a run's lease may work on it, and a job
// that finds the run ended or held is done.
func (a *App) WorkOn(ctx context.Context, run string) error {
	var free time.Time // since when nobody has held the run
	ours := a.Store.Embedded()
	for {
		r, err := a.Store.Run(ctx, run)
		if err != nil {
			return err
		}
		if r.EndedAt != nil {
			return nil
		}
		now := time.Now()
		patience := abandonedFor
		if r.State == store.RunQueued {
			patience = queuedFor
		}
		switch {
		case r.LeaseUntil >= a.Store.Now():
			free = time.Time{}
		case free.IsZero():
			free = now
		case now.Sub(free) >= patience:
			ours = true // nobody else cares for it
		}
		pause := watchEvery
		if ours {
			if pause, err = a.workOnce(ctx, run); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// workOnce does slices of the run until it has to pause or somebody else has it.
func (a *App) workOnce(ctx context.Context, run string) (time.Duration, error) {
	release, err := a.Store.LockWork()
	if errors.Is(err, store.ErrLocked) {
		return watchEvery, nil // a server is at work
	} else if err != nil {
		return 0, err
	}
	for {
		next, err := traced{a.engine}.Slice(ctx, run)
		if err != nil || next.Done || next.After > 0 || ctx.Err() != nil {
			return max(next.After, watchEvery), errors.Join(err, release())
		}
	}
}
