// Package jobs runs the work that takes time: it is the only importer of River.
//
// River brings what is easy to get wrong in one's own queue: fetching without two workers taking
// the same row, notifications, retries, snoozing, a clean stop, and the same behaviour on SQLite
// and PostgreSQL. It is not trusted with the truth. What has to be done stands in our own tables
// (runs with their lease and fence, integrations with their next sync), and a job's arguments
// name it by ID only. So a job row that is lost, doubled or stuck costs a moment and nothing
// else: the tick (tick.go) makes a new one from those tables.
package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/store"
)

// Engine does what the jobs ask for. The sync engine is one.
type Engine interface {
	// Start queues a sync of an integration unless one is active.
	Start(ctx context.Context, i store.Integration, typ store.RunType, cause string) (store.Run, bool, error)
	// Slice works on a run for a while and says what follows.
	Slice(ctx context.Context, run string) (mirror.Next, error)
}

// Config of Jobs. Zero values mean the defaults.
type Config struct {
	Store *store.Store
	Log   *slog.Logger
	// Workers is how many runs this process works on at once (default 8).
	Workers int
	// Tick is how often due and abandoned work is looked for (default 5 s).
	Tick time.Duration
	// KeepRequests is how long the request log is kept; 0 keeps nothing of it.
	KeepRequests time.Duration
	// Clean deletes what else is too old, a bounded number of rows at a time; nil: there is nothing.
	Clean func(ctx context.Context) error
	// Idle is how long a run may look as if its worker had died between two slices before it is
	// believed (default 4 s).
	Idle time.Duration
}

// Jobs queues work and, once Work is called, does it. It is safe for concurrent use.
type Jobs struct {
	Config
	driver riverdriver.Driver[*sql.Tx]
	queue  *river.Client[*sql.Tx] // inserts and lists; it works on nothing
}

// New prepares the job tables of the store's database. Several processes may do so at once.
func New(ctx context.Context, c Config) (*Jobs, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.Tick == 0 {
		c.Tick = 5 * time.Second
	}
	if c.Idle == 0 {
		c.Idle = 4 * time.Second
	}
	if c.Clean == nil {
		c.Clean = func(context.Context) error { return nil }
	}
	j := &Jobs{Config: c}
	db, listener := c.Store.JobsDB()
	switch {
	case c.Store.Embedded():
		j.driver = riversqlite.New(db)
	case listener != nil:
		j.driver = riverdatabasesql.NewWithPgxListener(db, listener)
	default:
		j.driver = riverdatabasesql.New(db)
	}
	if err := j.migrate(ctx); err != nil {
		return nil, fmt.Errorf("bring the job tables up to date: %w", err)
	}
	var err error
	if j.queue, err = river.NewClient(j.driver, &river.Config{Logger: quiet(c.Log)}); err != nil {
		return nil, fmt.Errorf("prepare the job queue: %w", err)
	}
	return j, nil
}

// migrateTries bounds how often migrating starts again. River's migrator takes no lock: where
// processes start together, one of them loses each version to another and has to look again.
const migrateTries = 30

func (j *Jobs) migrate(ctx context.Context) error {
	m, err := rivermigrate.New(j.driver, &rivermigrate.Config{Logger: quiet(j.Log)})
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err == nil || try == migrateTries || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(20*time.Millisecond + rand.N(60*time.Millisecond)):
		}
	}
}

// Enqueue asks, within a transaction, for a run to be worked on after a delay. It is mirror.Enqueue.
func (j *Jobs) Enqueue(ctx context.Context, tx *sql.Tx, run string, after time.Duration) error {
	// Only InsertTx will do: a plain insert would go through River's own handle and, on SQLite, wait
	// for the lock that tx holds.
	if _, err := j.queue.InsertTx(ctx, tx, syncRun{Run: run}, &river.InsertOpts{ScheduledAt: scheduled(after)}); err != nil {
		return fmt.Errorf("queue the work on run %s: %w", run, err)
	}
	return nil
}

// scheduled is the moment after a delay; the zero time, at once, for none.
func scheduled(after time.Duration) time.Time {
	if after <= 0 {
		return time.Time{}
	}
	return time.Now().Add(after)
}

const syncQueue = "sync"

// syncRun works on a run until it has ended.
type syncRun struct {
	Run string `json:"run_id" river:"unique"`
	// Generation tells the job of a take-over from the one that it replaces, which may hold its
	// unique key for as long as River believes its dead worker to be alive.
	Generation int64 `json:"generation" river:"unique"`
}

// Kind names the job in the table.
func (syncRun) Kind() string { return "sync_run" }

// InsertOpts makes the job unique while it is alive. River's default counts completed jobs too,
// and nothing could be queued twice.
func (syncRun) InsertOpts() river.InsertOpts {
	return river.InsertOpts{
		Queue:       syncQueue,
		MaxAttempts: 10_000, // a run ends by its own rules, not by this number
		UniqueOpts:  river.UniqueOpts{ByArgs: true, ByState: append(waiting(), rivertype.JobStateRunning)},
	}
}

// waiting lists the states in which a job will be worked on without anybody's help.
func waiting() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending,
		rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}
}
