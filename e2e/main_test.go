package e2e

import (
	"flag"
	"os"
	"testing"

	"github.com/kladka/kladka/internal/pgtest"
)

var long = flag.Bool("e2e.long", os.Getenv("KLADKA_E2E_LONG") != "", "run the long forms too")

// TestMain runs the tests, or, in a process that a test started, a server.
func TestMain(m *testing.M) {
	if settings := os.Getenv(childEnv); settings != "" {
		os.Exit(serveChild(settings))
	}
	// The tests wait more than they work: for queued jobs, pauses of retries, processes that start.
	_ = flag.Set("test.parallel", "5")
	pgtest.Main(m)
}

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(t *testing.T, c config)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, onPostgres(t)) })
}
