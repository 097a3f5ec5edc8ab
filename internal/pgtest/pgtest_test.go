package pgtest_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kladka/kladka/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	a, b := connect(t, pgtest.URL(t)), connect(t, pgtest.URL(t))
	if _, err := a.Exec(t.Context(), `CREATE TABLE x (id BIGINT)`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(t.Context(), `CREATE TABLE x (id BIGINT)`); err != nil {
		t.Errorf("the databases are not apart: %v", err)
	}
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	var url string
	t.Run("inner", func(t *testing.T) {
		url = pgtest.URL(t)
		connect(t, url)
	})
	if url == "" {
		t.Skip("skipped: no PostgreSQL")
	}
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database outlives its test")
	}
}

func TestRestartKeepsTheData(t *testing.T) {
	url := pgtest.URL(t)
	before := connect(t, url)
	if _, err := before.Exec(t.Context(), `CREATE TABLE x (id BIGINT)`); err != nil {
		t.Fatal(err)
	}
	pgtest.Restart(t)
	if err := before.Ping(t.Context()); err == nil {
		t.Error("the connection survived the restart")
	}
	if _, err := connect(t, url).Exec(t.Context(), `INSERT INTO x VALUES (1)`); err != nil {
		t.Error(err)
	}
}

func TestRequired(t *testing.T) {
	for value, want := range map[string]bool{"": false, "all": true, "postgres": true, "node, postgres": true, "node": false} {
		t.Setenv("KLADKA_TEST_REQUIRE", value)
		if got := pgtest.Required("postgres"); got != want {
			t.Errorf("with %q: %t", value, got)
		}
	}
}

// TestHang is no test: it is what TestKilledProcessLeavesNothing kills.
func TestHang(t *testing.T) {
	if os.Getenv("PGTEST_HANG") == "" {
		return
	}
	url := pgtest.URL(t)
	if _, err := os.Stdout.WriteString("database " + url + "\n"); err != nil {
		t.Fatal(err)
	}
	select {} // the test binary's own time limit ends it at the latest
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	if os.Getenv("PGTEST_URL") != "" {
		t.Skip("skipped: PGTEST_URL names a server that stays")
	}
	pgtest.URL(t) // skips where there is no PostgreSQL
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHang$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "PGTEST_HANG=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	url := ""
	for url == "" && lines.Scan() {
		url, _ = strings.CutPrefix(lines.Text(), "database ")
		if url == lines.Text() {
			url = ""
		}
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(config.Host); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", config.Host)
		}
	}
}
