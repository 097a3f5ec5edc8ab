// Package pgtest gives tests a throw-away PostgreSQL: one server per test process, started when
// the first test asks for it, and an empty database of its own for each test that asks.
//
// The server is found on PATH or below /usr/lib/postgresql, listens on a Unix socket in a
// temporary folder, and does not care for durability. A shell that waits for the end of the test
// process stops it and removes the folder, so that nothing is left behind even by a kill.
//
// PGTEST_URL names a running server to use instead; the user must be allowed to create databases.
// Without any PostgreSQL tests are skipped, unless KLADKA_TEST_REQUIRE says `all` or lists
// `postgres`: then they fail.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing means that this machine has no PostgreSQL to start.
var ErrMissing = errors.New("PostgreSQL is not installed (initdb is neither on PATH nor below /usr/lib/postgresql) and PGTEST_URL is not set")

// used is the server of this test process, once there is one.
var used atomic.Pointer[server]

// shared starts the server of this test process.
var shared = sync.OnceValues(func() (*server, error) {
	if raw := os.Getenv("PGTEST_URL"); raw != "" {
		u, err := url.Parse(raw)
		if err != nil {
			return nil, errors.New("PGTEST_URL is no URL") // the error would repeat the password
		}
		used.Store(&server{url: u, stop: func() {}})
		return used.Load(), nil
	}
	s, err := start()
	used.Store(s)
	return s, err
})

// server is a running PostgreSQL.
type server struct {
	url *url.URL // of a database that is always there
	// restart ends all connections and comes back with the same data; nil when the server is not ours.
	restart func() error
	stop    func() // ends the server and waits for its end
}

// Main runs the tests of a package, stops the server and gives the exit code, for a TestMain. A
// package does without it: then the server stops a moment after the process.
func Main(m *testing.M) int {
	code := m.Run()
	if s := used.Load(); s != nil {
		s.stop()
	}
	return code
}

// Required reports whether a test that needs a thing must fail where the thing is missing:
// KLADKA_TEST_REQUIRE is `all` or lists it, separated by commas.
func Required(thing string) bool {
	for name := range strings.SplitSeq(os.Getenv("KLADKA_TEST_REQUIRE"), ",") {
		if name = strings.TrimSpace(name); name == "all" || name == thing {
			return true
		}
	}
	return false
}

// Start gives a server to a program that is no test: the URL of a database that is always there, and
// what stops the server. It is ErrMissing where there is none.
func Start() (u *url.URL, stop func(), err error) {
	s, err := shared()
	if err != nil {
		return nil, nil, err
	}
	return s.url, s.stop, nil
}

// URL makes an empty database for a test and gives its postgres:// URL. The database is dropped
// at the test's end, whoever is still connected.
func URL(t testing.TB) string {
	t.Helper()
	return running(t).database(t, "")
}

// Template is a database that is made once in a process and copied for each test, which is faster than to
// make each anew.
type Template struct {
	// Prepare fills the database of a URL, and leaves no connection open.
	Prepare func(url string) error

	once sync.Once
	name string
	err  error
}

// URL is like the function URL, with a copy of the template.
func (m *Template) URL(t testing.TB) string {
	t.Helper()
	s := running(t)
	if s.restart == nil { // a server that goes on would keep the template
		return s.database(t, "")
	}
	m.once.Do(func() {
		m.name = newName()
		if m.err = s.exec(context.Background(), "CREATE DATABASE "+m.name); m.err == nil {
			m.err = m.Prepare(s.urlOf(m.name))
		}
	})
	if m.err != nil {
		t.Fatalf("make the database that tests copy: %v", m.err)
	}
	return s.database(t, " TEMPLATE "+m.name)
}

func newName() string { return "kladka_test_" + strings.ToLower(rand.Text()) }

func (s *server) urlOf(name string) string {
	u := *s.url
	u.Path = "/" + name
	return u.String()
}

// database makes a database, which goes with the test.
func (s *server) database(t testing.TB, options string) string {
	t.Helper()
	name := newName()
	if err := s.exec(context.Background(), "CREATE DATABASE "+name+options); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return s.urlOf(name)
}

// Restart restarts the server, which ends every connection to it, and returns once it answers
// again. No other test of the process may use PostgreSQL meanwhile. It skips the test when
// PGTEST_URL names the server.
func Restart(t testing.TB) {
	t.Helper()
	s := running(t)
	if s.restart == nil {
		t.Skip("skipped: the server of PGTEST_URL is not restarted")
	}
	if err := s.restart(); err != nil {
		t.Fatalf("restart PostgreSQL: %v", err)
	}
}

// running gives the server, or skips or fails the test.
func running(t testing.TB) *server {
	t.Helper()
	s, err := shared()
	switch {
	case errors.Is(err, ErrMissing) && !Required("postgres"):
		t.Skip("skipped: " + err.Error())
	case err != nil:
		t.Fatalf("start PostgreSQL: %v", err)
	}
	return s
}

// exec runs one statement on a connection of its own.
func (s *server) exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
