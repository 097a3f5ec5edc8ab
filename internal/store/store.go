// Package store keeps everything in one SQL database: SQLite in a file, or PostgreSQL.
//
// There is one SQL text for both, with $N in rising order; dialect.go is the only file that
// knows which database it talks to. Times are milliseconds since the Unix epoch from the
// injected clock, never the database's own. The package knows no connector: what parts mean and
// how they fold is the business of its callers.
//
// Records change through one door, Write (door.go): its first statement takes the integration's
// counter row, so that writers of all goroutines and processes take turns and the order of
// sequence numbers is the order of commits.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// ErrNotFound is returned when a row that was asked for by its key does not exist.
var ErrNotFound = errors.New("not found")

// Options of Open.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log receives warnings; nil means none.
	Log *slog.Logger
	// MaxConns bounds the connections of the general pool on PostgreSQL (default 8).
	MaxConns int
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dialect dialect
	// write serves everything that changes rows. On SQLite it is a single connection whose
	// transactions begin immediate; on PostgreSQL write and read are one pool.
	write *sql.DB
	read  *sql.DB
	// jobs belongs to the job engine alone, so that neither starves the other.
	jobs   *sql.DB
	listen *pgxpool.Pool // PostgreSQL only: for LISTEN
	now    func() time.Time
	log    *slog.Logger
	path   string // SQLite only: the file
	// arenas holds the memory in which pages were put together.
	arenas sync.Pool
}

// Open opens the database at a URL (`sqlite:PATH` or `postgres://…`) and brings its schema up
// to date. Several processes may do so at once.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxConns == 0 {
		o.MaxConns = 8
	}
	s := &Store{now: o.Now, log: o.Log}
	var err error
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		err = s.openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"))
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		err = s.openPostgres(ctx, url, o.MaxConns)
	default:
		return nil, fmt.Errorf("database URL %q: must start with sqlite: or postgres://", redactURL(url))
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes all connections.
func (s *Store) Close() error {
	var errs []error
	if s.listen != nil {
		s.listen.Close()
	}
	closed := map[*sql.DB]bool{nil: true}
	for _, db := range []*sql.DB{s.jobs, s.read, s.write} {
		if !closed[db] {
			closed[db] = true
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

// Now is the store's clock, in milliseconds since the Unix epoch.
func (s *Store) Now() int64 { return s.now().UnixMilli() }

// Embedded reports whether the database is a file that one process at a time works on.
func (s *Store) Embedded() bool { return s.dialect == sqlite }

// Path is the database file; empty on PostgreSQL.
func (s *Store) Path() string { return s.path }

// JobsDB is the handle for the job engine, and Listener the pool on which it may LISTEN
// (nil on SQLite).
func (s *Store) JobsDB() (db *sql.DB, listener *pgxpool.Pool) { return s.jobs, s.listen }

func (s *Store) migrate(ctx context.Context) (err error) {
	unlock, err := s.lockMigrations(ctx)
	if err != nil {
		return fmt.Errorf("bring the database schema up to date: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	dir, err := fs.Sub(migrations, "migrations/"+s.dialect.String())
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(s.dialect.goose(), s.write, dir, s.dialect.migrationLock()...)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the database schema up to date: %w", err)
	}
	return nil
}

// RefreshStatistics tells the query planner about rows that were just loaded, rather than let it
// go on for a minute with what it knew of empty tables.
func (s *Store) RefreshStatistics(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, s.dialect.refreshStatistics()); err != nil {
		return fmt.Errorf("refresh the statistics: %w", err)
	}
	return nil
}

// Transact runs fn in one transaction for everything that is not records: runs, keys, fields.
// Records have a door of their own.
func (s *Store) Transact(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it reports only that it is too late
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
