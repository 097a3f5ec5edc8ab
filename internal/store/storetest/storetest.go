// Package storetest runs tests of whatever uses the store on each of its databases: SQLite in a
// temporary folder, and PostgreSQL where there is one (package pgtest says when a test is
// skipped). A package whose tests use it may call pgtest.Main in its TestMain.
package storetest

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/store"
)

// DB is an empty database that belongs to one test.
type DB struct {
	// URL is what store.Open takes.
	URL string
	// Clock is the clock of all stores that Open gives.
	Clock *Clock
}

// Each runs a test once on each database, as the subtests sqlite and postgres.
func Each(t *testing.T, fn func(t *testing.T, db DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

// EachEmpty is Each with databases in which there is not even a schema, for tests of how that comes about.
func EachEmpty(t *testing.T, fn func(t *testing.T, db DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, DB{URL: pgtest.URL(t), Clock: NewClock()}) })
}

// SQLite makes an empty SQLite database for a test.
func SQLite(t testing.TB) DB {
	t.Helper()
	return DB{URL: "sqlite:" + filepath.Join(t.TempDir(), "kladka.db"), Clock: NewClock()}
}

// migrated is a PostgreSQL database with the schema and nothing in it.
var migrated = pgtest.Template{Prepare: func(url string) error {
	s, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}}

// Postgres makes a PostgreSQL database without contents for a test, or skips it.
func Postgres(t testing.TB) DB {
	t.Helper()
	return DB{URL: migrated.URL(t), Clock: NewClock()}
}

// Open opens the database and closes it at the test's end. Opened again it is the same database:
// what another process would see, or the same one after a restart.
func (db DB) Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), db.URL, store.Options{Now: db.Clock.Now})
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the test's database: %v", err)
		}
	})
	return s
}

// NewIntegration adds an active integration of a tenant of its own.
func NewIntegration(t testing.TB, s *store.Store) store.Integration {
	t.Helper()
	id := ats.NewIntegrationID("traffit")
	i, err := s.AddIntegration(t.Context(), store.Integration{
		ID: id, Tool: "traffit", Status: store.StatusActive, SetupStatus: store.SetupSyncing,
		OrganizationName: "Acme", Tenant: id,
	}, "sealed")
	if err != nil {
		t.Fatalf("add an integration: %v", err)
	}
	return i
}

// Clock is a clock that moves only when it is told to. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock makes a clock that stands at 10 o'clock UTC of 1 November 2026.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, time.November, 1, 10, 0, 0, 0, time.UTC)}
}

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set sets the time, also backwards.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Add moves the time on; a negative duration moves it back.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Decline lets the customer of an integration decline what is named, by the way that there is: a link.
func Decline(ctx context.Context, s *store.Store, no int64, declined ...string) error {
	link := store.Link{
		ID: ats.NewID(), Kind: "RELINK", Type: "EMBEDDED", Integration: no, Settings: []byte(`{}`),
		CreatedAt: s.Now(), ExpiresAt: s.Now() + time.Hour.Milliseconds(),
	}
	if err := s.AddLink(ctx, link); err != nil {
		return err
	}
	_, _, err := s.CompleteLink(ctx, store.Completion{
		Link: link.ID, Settings: func(settings *store.Settings) { settings.Declined = declined },
	})
	return err
}
