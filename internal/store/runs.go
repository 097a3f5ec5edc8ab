package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// RunType tells the kinds of syncs apart.
type RunType string

// The kinds of syncs.
const (
	FullSync  RunType = "FULL"
	DeltaSync RunType = "DELTA"
)

// RunState is where a run stands. The final ones are those of the contract's sync-finished webhook.
type RunState string

// The states of a run. A run whose ended_at is set is in one of the last six.
const (
	RunQueued         RunState = "QUEUED"
	RunRunning        RunState = "RUNNING"
	RunSucceeded      RunState = "SUCCEEDED"
	RunPartial        RunState = "PARTIALLY_FAILED"
	RunFailed         RunState = "FAILED"
	RunAuthentication RunState = "AUTHENTICATION_FAILED"
	RunCancelled      RunState = "CANCELLED"
	RunTimedOut       RunState = "TIMED_OUT"
)

// Usable reports whether the data may be relied on after a run that ended so.
func (s RunState) Usable() bool { return s == RunSucceeded || s == RunPartial }

// LeaseTime is how long a worker may be silent before another takes its run over; RenewEvery is
// how often it says that it lives.
const (
	LeaseTime  = 30 * time.Second
	RenewEvery = 10 * time.Second
)

// Run is one sync of one integration. Times are milliseconds since the Unix epoch.
type Run struct {
	ID          string
	Integration int64
	Type        RunType
	State       RunState
	Cause       string // schedule, api, cli, connect
	Owner       string
	Fence       int64
	LeaseUntil  int64
	CreatedAt   int64
	StartedAt   *int64
	ProgressAt  *int64
	SetupAt     *int64 // when all but the background steps were done
	EndedAt     *int64
	ErrorCode   *string
	Error       *string
	CancelAsked bool
}

// stalledAfter is how long an active run may be silent before it is shown as stalled. A slow page
// of a slow ATS takes less.
const stalledAfter = 4 * time.Minute

// Stalled reports whether an active run has made no progress for some minutes: nobody works on it,
// or the ATS does not answer.
func (r Run) Stalled(now int64) bool {
	last := r.CreatedAt
	if r.ProgressAt != nil {
		last = *r.ProgressAt
	}
	return r.EndedAt == nil && now-last > stalledAfter.Milliseconds()
}

// Lease gives the right to write that the run's last claim gave.
func (r Run) Lease() *Lease { return &Lease{Run: r.ID, Fence: r.Fence} }

const runColumns = `id, integration, type, state, cause, owner, fence, lease_until, created_at,
	started_at, progress_at, setup_at, ended_at, error_code, error, cancel_asked`

func scanRun(row interface{ Scan(...any) error }) (Run, error) {
	var r Run
	var cancel int64
	err := row.Scan(&r.ID, &r.Integration, &r.Type, &r.State, &r.Cause, &r.Owner, &r.Fence, &r.LeaseUntil, &r.CreatedAt,
		&r.StartedAt, &r.ProgressAt, &r.SetupAt, &r.EndedAt, &r.ErrorCode, &r.Error, &cancel)
	r.CancelAsked = cancel != 0
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return r, err
}

// StartRun queues a run with a new ID, unless one of the same type is active: then it gives that
// one and true. then runs in the same transaction, to enqueue the work.
func (s *Store) StartRun(ctx context.Context, id string, no int64, typ RunType, cause string, then func(*sql.Tx, Run) error) (Run, bool, error) {
	var run Run
	var already bool
	err := s.Transact(ctx, func(tx *sql.Tx) (err error) {
		run, already, err = s.startRun(ctx, tx, id, no, typ, cause, then)
		return err
	})
	return run, already, err
}

func (s *Store) startRun(ctx context.Context, tx *sql.Tx, id string, no int64, typ RunType, cause string, then func(*sql.Tx, Run) error) (Run, bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO runs (id, integration, type, state, cause, owner, fence, lease_until, created_at, cancel_asked)
		VALUES ($1, $2, $3, $4, $5, '', 0, 0, $6, 0) ON CONFLICT (integration, type) WHERE ended_at IS NULL DO NOTHING`,
		id, no, string(typ), string(RunQueued), cause, s.Now())
	if err != nil {
		return Run{}, false, fmt.Errorf("queue a run: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return Run{}, false, err
	}
	run, err := scanRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs
		WHERE integration = $1 AND type = $2 AND ended_at IS NULL`, no, string(typ)))
	if err != nil {
		return Run{}, false, fmt.Errorf("read the queued run: %w", err)
	}
	if n == 0 {
		return run, true, nil
	}
	return run, false, then(tx, run)
}

// ErrHeld means that another worker holds the run's lease, or that the run has ended.
var ErrHeld = errors.New("the run is held by another worker or has ended")

// ClaimRun takes a run over: the fence rises, so that whoever held it before writes nothing any
// more. It succeeds when the lease is free or ran out; seize ignores the lease, for the embedded
// database, where the worker lock proves that no other worker lives.
func (s *Store) ClaimRun(ctx context.Context, id, owner string, seize bool) (Run, error) {
	now := s.Now()
	free := now
	if seize {
		free = now + LeaseTime.Milliseconds() + 1
	}
	run, err := scanRun(s.write.QueryRowContext(ctx, `UPDATE runs SET owner = $1, fence = fence + 1, lease_until = $2, state = $3,
			started_at = COALESCE(started_at, $4), progress_at = COALESCE(progress_at, $5)
		WHERE id = $6 AND ended_at IS NULL AND lease_until < $7 RETURNING `+runColumns,
		owner, now+LeaseTime.Milliseconds(), string(RunRunning), now, now, id, free))
	if errors.Is(err, ErrNotFound) {
		return Run{}, ErrHeld
	} else if err != nil {
		return Run{}, fmt.Errorf("claim run %s: %w", id, err)
	}
	return run, nil
}

// RenewLease says that the worker lives and reports whether the run shall be cancelled.
func (s *Store) RenewLease(ctx context.Context, l Lease) (cancelAsked bool, err error) {
	var cancel int64
	err = s.write.QueryRowContext(ctx, `UPDATE runs SET lease_until = $1 WHERE id = $2 AND fence = $3 AND ended_at IS NULL RETURNING cancel_asked`,
		s.Now()+LeaseTime.Milliseconds(), l.Run, l.Fence).Scan(&cancel)
	if errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("run %s: %w", l.Run, ErrFenced)
	} else if err != nil {
		return false, fmt.Errorf("renew the lease of run %s: %w", l.Run, err)
	}
	return cancel != 0, nil
}

// ReleaseLease hands a run back between two slices. Losing the lease in between is no error.
func (s *Store) ReleaseLease(ctx context.Context, l Lease) error {
	if _, err := s.write.ExecContext(ctx, `UPDATE runs SET lease_until = 0 WHERE id = $1 AND fence = $2 AND ended_at IS NULL`, l.Run, l.Fence); err != nil {
		return fmt.Errorf("release run %s: %w", l.Run, err)
	}
	return nil
}

// MarkSetUp notes that all steps but those in the background are done.
func (t *Tx) MarkSetUp(ctx context.Context, run string) error {
	_, err := t.tx.ExecContext(ctx, `UPDATE runs SET setup_at = COALESCE(setup_at, $1) WHERE id = $2`, t.now, run)
	return err
}

// FinishRun ends a run whose lease is held. then runs in the same transaction.
func (s *Store) FinishRun(ctx context.Context, l Lease, state RunState, code, message string, then func(*sql.Tx) error) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		// The integration's row first, as everywhere: then may change it.
		if _, err := tx.ExecContext(ctx, `UPDATE integrations SET last_seq = last_seq
			WHERE no = (SELECT integration FROM runs WHERE id = $1)`, l.Run); err != nil {
			return fmt.Errorf("end run %s: %w", l.Run, err)
		}
		now := s.Now()
		res, err := tx.ExecContext(ctx, `UPDATE runs SET state = $1, ended_at = $2, lease_until = 0, error_code = $3, error = $4
			WHERE id = $5 AND fence = $6 AND ended_at IS NULL`, string(state), now, nullable(code), nullable(message), l.Run, l.Fence)
		if err != nil {
			return fmt.Errorf("end run %s: %w", l.Run, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("run %s: %w", l.Run, ErrFenced), err)
		}
		return then(tx)
	})
}

// CancelRun asks a run to stop; whoever works on it ends it at the next page.
func (s *Store) CancelRun(ctx context.Context, id string) error {
	if _, err := s.write.ExecContext(ctx, `UPDATE runs SET cancel_asked = 1 WHERE id = $1 AND ended_at IS NULL`, id); err != nil {
		return fmt.Errorf("cancel run %s: %w", id, err)
	}
	return nil
}

// Run reads a run.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	return scanRun(s.read.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = $1`, id))
}

// ActiveRuns lists the runs of all integrations that have not ended.
func (s *Store) ActiveRuns(ctx context.Context) ([]Run, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+runColumns+` FROM runs WHERE ended_at IS NULL ORDER BY created_at, id`)
	return collect(rows, err, func(r *sql.Rows) (Run, error) { return scanRun(r) })
}

// Runs lists an integration's runs, newest first, before a run (nil: from the newest).
func (s *Store) Runs(ctx context.Context, no int64, before *Run, limit int) ([]Run, error) {
	at, id := int64(1<<62), ""
	if before != nil {
		at, id = before.CreatedAt, before.ID
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+runColumns+` FROM runs
		WHERE integration = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4`, no, at, id, limit)
	return collect(rows, err, func(r *sql.Rows) (Run, error) { return scanRun(r) })
}

// LastRun gives the newest run of a type that ended with usable data.
func (s *Store) LastRun(ctx context.Context, no int64, typ RunType) (Run, error) {
	return scanRun(s.read.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs
		WHERE integration = $1 AND type = $2 AND state IN ($3, $4) ORDER BY created_at DESC, id DESC LIMIT 1`,
		no, string(typ), string(RunSucceeded), string(RunPartial)))
}

// StepState is where a step of a run stands.
type StepState string

// The states of a step.
const (
	StepPending StepState = "PENDING"
	StepRunning StepState = "RUNNING"
	StepDone    StepState = "DONE"
	StepFailed  StepState = "FAILED"
)

// RunStep is the progress of one step.
type RunStep struct {
	Step       string
	Ordinal    int
	Background bool
	State      StepState
	Cursor     string // where to go on
	Total      *int64 // rows that the ATS declares, or units to read; nil while unknown
	Done       int64  // rows or units read
	Written    int64  // records created or updated
	Unchanged  int64  // rows that said nothing new
	Deleted    int64
	Missing    int64 // rows or units that could not be read
	Requests   int64
	StartedAt  *int64
	EndedAt    *int64
	Error      *string
}

// PlanSteps writes the steps of a run that are not there yet. The plan may have changed since the
// run began: the stored steps are those of the plan, in its order.
func (t *Tx) PlanSteps(ctx context.Context, run string, steps []RunStep) error {
	names := []any{run}
	for _, p := range steps {
		names = append(names, p.Step)
	}
	if _, err := t.tx.ExecContext(ctx, `DELETE FROM run_steps WHERE run_id = $1 AND step NOT IN (`+placeholders(2, len(steps))+`)`, names...); err != nil {
		return fmt.Errorf("drop steps that are not planned any more: %w", err)
	}
	for _, p := range steps {
		if _, err := t.tx.ExecContext(ctx, `INSERT INTO run_steps
			(run_id, step, ordinal, background, state, cursor, done, written, unchanged, deleted, missing, requests)
			VALUES ($1, $2, $3, $4, $5, '', 0, 0, 0, 0, 0, 0)
			ON CONFLICT (run_id, step) DO UPDATE SET ordinal = excluded.ordinal WHERE run_steps.ordinal <> excluded.ordinal`,
			run, p.Step, p.Ordinal, flag(p.Background), string(StepPending)); err != nil {
			return fmt.Errorf("plan step %s: %w", p.Step, err)
		}
	}
	return nil
}

// SaveStep stores a step's progress, in the transaction of the rows that it counts. It is what
// counts as progress of the run.
func (t *Tx) SaveStep(ctx context.Context, run string, p RunStep) error {
	_, err := t.tx.ExecContext(ctx, `UPDATE run_steps SET state = $1, cursor = $2, total = $3, done = $4, written = $5, unchanged = $6,
			deleted = $7, missing = $8, requests = $9, started_at = $10, ended_at = $11, error = $12
		WHERE run_id = $13 AND step = $14`, string(p.State), p.Cursor, p.Total, p.Done, p.Written, p.Unchanged,
		p.Deleted, p.Missing, p.Requests, p.StartedAt, p.EndedAt, p.Error, run, p.Step)
	if err != nil {
		return fmt.Errorf("save step %s: %w", p.Step, err)
	}
	if _, err := t.tx.ExecContext(ctx, `UPDATE runs SET progress_at = $1 WHERE id = $2`, t.now, run); err != nil {
		return fmt.Errorf("note the progress of run %s: %w", run, err)
	}
	return nil
}

// Steps reads the steps of a run in their order.
func (s *Store) Steps(ctx context.Context, run string) ([]RunStep, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT step, ordinal, background, state, cursor, total, done, written, unchanged,
			deleted, missing, requests, started_at, ended_at, error
		FROM run_steps WHERE run_id = $1 ORDER BY ordinal`, run)
	return collect(rows, err, func(r *sql.Rows) (RunStep, error) {
		var p RunStep
		var background int64
		err := r.Scan(&p.Step, &p.Ordinal, &background, &p.State, &p.Cursor, &p.Total, &p.Done, &p.Written, &p.Unchanged,
			&p.Deleted, &p.Missing, &p.Requests, &p.StartedAt, &p.EndedAt, &p.Error)
		p.Background = background != 0
		return p, err
	})
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
