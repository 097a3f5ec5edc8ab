// Package mirror is the sync engine: it walks a connector's plan, keeps what was read as parts,
// folds the parts into records and proves deletions.
//
// A record goes one way: page → part → record, folded from its parts → compared with what is
// stored → record and change in one transaction. All state of a run is in the store: its steps,
// the pages of its walks, the units still to read. So a run is worked on in slices, by any
// process, and a process that dies costs the requests that were in flight.
package mirror

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/budget"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Enqueue asks the job engine, within a transaction, to call Slice for a run after a delay.
type Enqueue func(ctx context.Context, tx *sql.Tx, run string, after time.Duration) error

// Open gives access to an integration's tenant, its credentials opened.
type Open func(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error)

// Config of an Engine. Zero values mean the defaults.
type Config struct {
	Store   *store.Store
	Open    Open
	Enqueue Enqueue
	Log     *slog.Logger
	// Slice is how long a run is worked on before others get their turn (default 20 s).
	Slice time.Duration
	// InFlight is how many requests are under way at once while answers come fast (default 4).
	InFlight int
	// Stalled is how long a run may go without progress before it ends as TIMED_OUT (default 30 min).
	Stalled time.Duration
	// ConfirmEvery is the time from one confirming request to the next, so that they take their share
	// of a tenant's request budget and no more (default: no wait).
	ConfirmEvery time.Duration
	// Salt keeps the keys of rows in pages from being guessed. All processes must have the same.
	Salt []byte
	// InvalidAfter is how long credentials may be refused by every sync before they are given up (default
	// store.InvalidAfter; negative: at the first refusal).
	InvalidAfter time.Duration
	// Point is called at named points of the work. Tests stop the process there.
	Point func(name string)
}

// Engine works on runs. It is safe for concurrent use.
type Engine struct {
	Config
	owner string
}

// New makes an engine.
func New(c Config) *Engine {
	if c.Slice == 0 {
		c.Slice = 20 * time.Second
	}
	if c.InFlight == 0 {
		c.InFlight = 4
	}
	if c.Stalled == 0 {
		c.Stalled = 30 * time.Minute
	}
	if c.InvalidAfter == 0 {
		c.InvalidAfter = store.InvalidAfter
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Point == nil {
		c.Point = func(string) {}
	}
	return &Engine{Config: c, owner: ats.NewID()}
}

// Start queues a sync of an integration, unless one of its type is active already: then it gives
// that one and true. Delta syncs are not built yet: a full one is queued in their place.
func (e *Engine) Start(ctx context.Context, i store.Integration, typ store.RunType, cause string) (store.Run, bool, error) {
	if typ == store.DeltaSync {
		typ = store.FullSync
	}
	return e.Store.StartRun(ctx, ats.NewID(), i.No, typ, cause, func(tx *sql.Tx, r store.Run) error {
		return e.Enqueue(ctx, tx, r.ID, 0)
	})
}

// Next says what follows a slice.
type Next struct {
	// Done: the run has ended, or another worker holds it.
	Done bool
	// After is how long to wait before the next slice.
	After time.Duration
}

// Causes for which a slice stops early.
var (
	errCancelled = errors.New("the run was cancelled")
	errSliceOver = errors.New("the slice is over")
)

// Slice works on a run for a while. Whatever it did is saved when it returns.
func (e *Engine) Slice(ctx context.Context, runID string) (Next, error) {
	run, err := e.Store.ClaimRun(ctx, runID, e.owner, e.Store.Embedded())
	if errors.Is(err, store.ErrHeld) {
		return Next{Done: true}, nil
	} else if err != nil {
		return Next{}, err
	}
	ctx, stop := e.keepLease(ctx, run)
	defer stop()
	w, err := e.prepare(ctx, run)
	if err == nil {
		err = w.work(ctx)
	}
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	stop() // or a renewal under way could give the lease back to a run that is handed on
	return e.settle(run, w, err)
}

// keepLease renews the run's lease until stop is called, and cancels the context when the lease is
// lost or the run shall be cancelled.
func (e *Engine) keepLease(ctx context.Context, run store.Run) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(store.RenewEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			cancelAsked, err := e.Store.RenewLease(ctx, *run.Lease())
			switch {
			case errors.Is(err, store.ErrFenced):
				cancel(err)
				return
			case err != nil:
				e.Log.WarnContext(ctx, "renew lease", "run", run.ID, "err", err)
			case cancelAsked:
				cancel(errCancelled)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// work is one slice of a run.
type work struct {
	*Engine
	run         store.Run
	cause       string // of a write without a run; see Ingest
	integration store.Integration
	conn        connector.Connector
	tenant      connector.Tenant
	plan        []connector.Step
	steps       []store.RunStep // as saved, in the order of plan, then the deletions
	fields      connector.FieldSettings
	restriction store.Restriction // what may not be stored
	whole       bool              // no model and no field is off
	hash        hash.Hash         // see keyed
	revision    string            // of the rules of folding
	reading     string            // of the rules of reading
	paging      string            // of the rules under which pages were decoded
	until       time.Time
	requests    atomic.Int64
	inFlight    int               // how many requests are under way at once
	confirmed   time.Time         // when the last confirming request was made; at first, when the slice began
	found       []connector.Field // vendor fields that the folds of the write under way came upon
	noted       map[connector.Field]bool
	patience    time.Duration // how long refused credentials are borne
	lacking     int64         // parts of the write under way that came without all that they should have
}

// deletionsStep is the name of the last step of every full sync: it confirms what may be gone.
const deletionsStep = "deletions"

// prepare opens the tenant, plans the run's steps and sees to it that records are folded under the
// rules in force.
func (e *Engine) prepare(ctx context.Context, run store.Run) (*work, error) {
	w := &work{Engine: e, run: run, patience: max(e.InvalidAfter, 0), inFlight: e.InFlight, until: time.Now().Add(e.Config.Slice), confirmed: time.Now(), noted: map[connector.Field]bool{}}
	if run.CancelAsked {
		return w, errCancelled
	}
	var err error
	i, err := e.Store.IntegrationByNo(ctx, run.Integration)
	if err != nil {
		return w, fmt.Errorf("read the integration: %w", err)
	}
	w.restrict(i)
	if i.Status == store.StatusInactive { // it was switched off while the run was being queued
		return w, errCancelled
	}
	if w.conn, w.tenant, err = e.Open(ctx, w.integration); err != nil {
		return w, err
	}
	if w.fields, err = e.Store.FieldSettings(ctx, run.Integration); err != nil {
		return w, err
	}
	w.revision = w.conn.Revision() + "/" + store.FieldRevision(w.fields)
	if r := w.restriction.Revision(); r != "" {
		w.revision += "/" + r
	}
	w.plan = w.tenant.Plan()
	planned := make([]store.RunStep, 0, len(w.plan)+1)
	for n, s := range w.plan {
		planned = append(planned, store.RunStep{Step: s.Name, Ordinal: n, Background: s.Background})
	}
	planned = append(planned, store.RunStep{Step: deletionsStep, Ordinal: len(w.plan), Background: true})
	if _, err = w.write(ctx, func(tx *store.Tx) error {
		if err := w.adopt(ctx, tx); err != nil {
			return err
		}
		return tx.PlanSteps(ctx, run.ID, planned)
	}); err != nil {
		return w, err
	}
	w.paging = w.reading
	if w.restriction.OnlyCreated {
		// What was created since is on pages that were decoded when it was still left out.
		n, err := e.Store.CountTracked(ctx, run.Integration)
		if err != nil {
			return w, err
		}
		w.paging += fmt.Sprintf("+%d", n)
	}
	w.steps, err = e.Store.Steps(ctx, run.ID)
	return w, err
}

func (w *work) write(ctx context.Context, fn func(*store.Tx) error) (store.Written, error) {
	w.found, w.lacking = nil, 0
	lease, cause := w.run.Lease(), "run:"+w.run.ID
	if w.cause != "" { // no run: see Ingest
		lease, cause = nil, w.cause
	}
	written, err := w.Store.Write(ctx, w.run.Integration, lease, cause, func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.PutFields(ctx, w.found)
	})
	if err == nil {
		for _, f := range w.found {
			w.noted[f] = true
		}
	}
	return written, err
}

// over reports that the slice's time is up.
func (w *work) over() bool { return time.Now().After(w.until) }

// work takes the steps in their order until the run or the slice ends.
func (w *work) work(ctx context.Context) error {
	ctx = budget.WithCounter(budget.WithLane(ctx, budget.Full), &w.requests)
	for n := range w.steps {
		s := &w.steps[n]
		if s.State == store.StepDone || s.State == store.StepFailed {
			continue
		}
		if err := w.drainFanouts(ctx); err != nil {
			return err
		}
		stepCtx := ctx
		if s.Background {
			if err := w.finishSetup(ctx); err != nil {
				return err
			}
			stepCtx = budget.WithLane(ctx, budget.Background)
		}
		if err := w.step(stepCtx, n, s); err != nil {
			return err
		}
		w.Point("step done")
	}
	if err := w.drainFanouts(ctx); err != nil {
		return err
	}
	return w.finishSetup(ctx)
}

// step works on one step. What makes the step fail but not the run is saved with it.
func (w *work) step(ctx context.Context, n int, s *store.RunStep) error {
	if s.StartedAt == nil {
		now := w.Store.Now()
		s.StartedAt, s.State = &now, store.StepRunning
		if _, err := w.write(ctx, func(tx *store.Tx) error { return w.save(ctx, tx, s) }); err != nil {
			return err
		}
	}
	var err error
	switch {
	case n == len(w.plan):
		err = w.confirmDeletions(ctx, s)
	case w.plan[n].List != nil:
		err = w.walk(ctx, w.plan[n], s)
	case w.plan[n].Each != nil:
		err = w.readEach(ctx, w.plan[n].Each, s)
	default:
		err = w.readFields(ctx, w.plan[n])
	}
	if retry, ok := errors.AsType[*connector.RetryError](err); ok {
		return retry // the ATS is down: the step goes on later
	}
	state := store.StepDone
	if failsStep(err) {
		s.Error = new(w.said(err))
		if s.Total != nil {
			s.Missing += max(0, *s.Total-s.Done)
		}
		state, err = store.StepFailed, nil
	}
	if err != nil {
		return err
	}
	now := w.Store.Now()
	s.State, s.EndedAt = state, &now
	if _, err := w.write(ctx, func(tx *store.Tx) error {
		if err := w.save(ctx, tx, s); err != nil {
			return err
		}
		return w.markLoads(ctx, tx)
	}); err != nil {
		return err
	}
	if s.Written >= manyWritten {
		if err := w.Store.RefreshStatistics(ctx); err != nil {
			return err
		}
	}
	return nil
}

// manyWritten is after how many written records of a step the databases' statistics are renewed.
const manyWritten = 1000

// refreshStatistics renews the statistics once a step has written many records, and not only at its
// end: PostgreSQL goes on with plans that were made for the table when it was empty.
func (w *work) refreshStatistics(ctx context.Context, before, written int64) error {
	if before >= manyWritten || written < manyWritten {
		return nil
	}
	return w.Store.RefreshStatistics(ctx)
}

// failsStep reports whether an error ends a step and lets the run go on with the others: a missing
// permission, an answer that is none, an endpoint that is not there or always fails.
func failsStep(err error) bool {
	_, broken := errors.AsType[*brokenError](err)
	_, scope := errors.AsType[*connector.ScopeError](err)
	_, answer := errors.AsType[*connector.AnswerError](err)
	return broken || scope || answer || errors.Is(err, connector.ErrGone)
}

// save stores a step's progress with the requests made since the last time.
func (w *work) save(ctx context.Context, tx *store.Tx, s *store.RunStep) error {
	s.Requests += w.requests.Swap(0)
	return tx.SaveStep(ctx, w.run.ID, *s)
}

// markLoads makes models readable whose steps have all ended well.
func (w *work) markLoads(ctx context.Context, tx *store.Tx) error {
	for _, m := range ats.Models() {
		named, ready := false, w.integration.Scopes.Model(m)
		for n, p := range w.plan {
			state := w.steps[n].State
			for _, l := range p.Loads {
				if l == m {
					named = true
					ready = ready && state == store.StepDone
				}
			}
			for _, l := range p.Improves {
				if l == m {
					ready = ready && (state == store.StepDone || state == store.StepFailed)
				}
			}
		}
		if named && ready {
			if err := tx.MarkLoaded(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishSetup marks the moment at which everything but the background is done.
func (w *work) finishSetup(ctx context.Context) error {
	if w.run.SetupAt != nil {
		return nil
	}
	if _, err := w.write(ctx, func(tx *store.Tx) error {
		if err := tx.MarkSetUp(ctx, w.run.ID); err != nil {
			return err
		}
		return tx.CompleteSetup(ctx)
	}); err != nil {
		return err
	}
	w.run.SetupAt = new(w.Store.Now())
	return nil
}

func (w *work) readFields(ctx context.Context, p connector.Step) error {
	var fields []connector.Field
	if err := w.must(ctx, p.Name, func() (err error) {
		fields, err = p.Fields(ctx)
		return err
	}); err != nil {
		return err
	}
	return w.Store.PutFields(ctx, w.run.Integration, fields)
}

// next is how long to wait for the next full sync: the integration's interval or the default,
// spread by a tenth so that integrations do not march in step; less after a failure.
func (e *Engine) next(i store.Integration, state store.RunState) time.Duration {
	every := i.Settings.FullEvery
	if every == 0 {
		every = DefaultFullEvery
	}
	if !state.Usable() {
		every = min(every, retryFailed)
	}
	return every + time.Duration((rand.Float64()-0.5)*0.2*float64(every))
}

// DefaultFullEvery is how often an integration is synced when its settings do not say.
const DefaultFullEvery = 3 * time.Hour

// retryFailed is how soon a failed sync is tried again.
const retryFailed = 15 * time.Minute

// settle turns the outcome of a slice into what follows.
func (e *Engine) settle(run store.Run, w *work, err error) (Next, error) {
	// The slice's context may be cancelled; saving how it ended must not be.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	lease := *run.Lease()
	switch {
	case errors.Is(err, store.ErrFenced), errors.Is(err, store.ErrNotFound):
		return Next{Done: true}, nil
	case errors.Is(err, errSliceOver):
		return Next{}, e.Store.ReleaseLease(ctx, lease)
	case errors.Is(err, errCancelled):
		return e.finish(ctx, run, w, store.RunCancelled, "", "cancelled on request")
	}
	if auth, ok := errors.AsType[*connector.AuthError](err); ok {
		if auth.Final {
			w.patience = 0
		}
		return e.finish(ctx, run, w, store.RunAuthentication, string(ats.CredentialsInvalid), auth.Error())
	}
	if retry, ok := errors.AsType[*connector.RetryError](err); ok {
		if e.stalled(ctx, run) {
			return e.finish(ctx, run, w, store.RunTimedOut, string(ats.RemoteUnavailable),
				fmt.Sprintf("no progress for %s: %s", e.Stalled, w.said(retry)))
		}
		e.Log.InfoContext(ctx, "sync waits", "run", run.ID, "after", retry.After, "err", w.said(retry))
		return Next{After: max(retry.After, 5*time.Second)}, e.Store.ReleaseLease(ctx, lease)
	}
	busy := errors.Is(err, store.ErrSlow) || store.Transient(err)
	if busy && !e.stalled(ctx, run) { // the machine or the database is: try again
		e.Log.WarnContext(ctx, "the database is busy or away", "run", run.ID, "err", err)
		if err := e.Store.ReleaseLease(ctx, lease); err != nil { // then it runs out
			e.Log.WarnContext(ctx, "hand the run back", "run", run.ID, "err", err)
		}
		return Next{After: 2 * time.Second}, nil
	}
	if errors.Is(err, context.Canceled) && !busy { // the process is stopping: hand the run back
		return Next{}, e.Store.ReleaseLease(ctx, lease)
	}
	if err != nil {
		e.Log.ErrorContext(ctx, "sync failed", "run", run.ID, "err", w.said(err))
		return e.finish(ctx, run, w, store.RunFailed, string(ats.CodeOf(err)), w.said(err))
	}
	state, message := outcome(w.steps)
	return e.finish(ctx, run, w, state, "", message)
}

// stalled reports whether a run has made no progress for too long.
func (e *Engine) stalled(ctx context.Context, run store.Run) bool {
	fresh, err := e.Store.Run(ctx, run.ID)
	return err == nil && fresh.ProgressAt != nil && e.Store.Now()-*fresh.ProgressAt > e.Stalled.Milliseconds()
}

// outcome says how a run whose steps have all ended went: PARTIALLY_FAILED names what is missing.
func outcome(steps []store.RunStep) (store.RunState, string) {
	var failed, read int
	message := ""
	for _, s := range steps {
		if s.Done > 0 {
			read++
		}
		switch {
		case s.State == store.StepFailed:
			failed++
			message = join(message, fmt.Sprintf("%s: %s", s.Step, *s.Error))
			if s.Missing > 0 && s.Done > 0 {
				message += fmt.Sprintf(" (%d of %d were not read)", s.Missing, s.Missing+s.Done)
			}
		case s.Missing > 0 && s.Error != nil:
			message = join(message, fmt.Sprintf("%s: %d could not be read: %s", s.Step, s.Missing, *s.Error))
		case s.Missing > 0:
			message = join(message, fmt.Sprintf("%s: %d could not be read", s.Step, s.Missing))
		}
	}
	switch {
	case failed > 0 && read == 0:
		return store.RunFailed, message
	case message != "":
		return store.RunPartial, message
	}
	return store.RunSucceeded, ""
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func (e *Engine) finish(ctx context.Context, run store.Run, w *work, state store.RunState, code, message string) (Next, error) {
	e.Point("before completion")
	err := e.Store.FinishRun(ctx, *run.Lease(), state, code, message, func(tx *sql.Tx) error {
		if w == nil {
			return nil
		}
		return e.Store.RunEnded(ctx, tx, run, state, w.restriction, e.next(w.integration, state), w.patience)
	})
	if errors.Is(err, store.ErrFenced) {
		err = nil
	}
	e.Point("after completion")
	return Next{Done: true}, err
}
