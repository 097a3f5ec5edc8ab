package store_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/kladka/kladka/internal/store/storetest"
)

// before opens a database whose schema is that of an earlier version.
func before(t *testing.T, db storetest.DB, version int64) *sql.DB {
	t.Helper()
	driver, name, dialect, folder := "pgx", db.URL, goose.DialectPostgres, "migrations/postgres"
	if path, ok := strings.CutPrefix(db.URL, "sqlite:"); ok {
		driver, name, dialect, folder = "sqlite", path, goose.DialectSQLite3, "migrations/sqlite"
	}
	old, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = old.Close() })
	p, err := goose.NewProvider(dialect, old, os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	return old
}

// What was created through the API before that was noted is noted by the upgrade: it would be erased once no
// other applications are kept.
func TestCreatedBeforeTheUpgrade(t *testing.T) {
	storetest.EachEmpty(t, func(t *testing.T, db storetest.DB) {
		old := before(t, db, 3)
		for _, a := range []struct{ id, operation, state, answer string }{
			{"a", "ats_create_application", "confirmed", `{"candidate_id":"7","application_id":"7:1"}`},
			{"b", "ats_create_candidate", "confirmed", `{"candidate_id":"8","application_id":"8:1"}`},
			{"c", "ats_create_application", "confirmed", `{"candidate_id":"7","application_id":"7:1"}`},
			{"d", "ats_create_application", "failed", `{"code":"ATS.JOB_CLOSED","message":"no \"application_id\""}`},
			{"e", "ats_create_application", "running", ``},
			{"f", "ats_reject_application", "confirmed", `{"candidate_id":"9","application_id":"9:1"}`},
		} {
			if _, err := old.ExecContext(t.Context(), `INSERT INTO actions (id, integration, operation, natural_key, content, request_id, state, final,
					input, effects, answer, owner, lease_until, next_at, created_at, ended_at)
				VALUES ($1, 1, $2, $3, '', '', $4, 1, '', '{}', $5, '', 0, 0, 1, 2)`, a.id, a.operation, a.id, a.state, a.answer); err != nil {
				t.Fatal(err)
			}
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		got := lines(t, db.Open(t), `SELECT integration, candidate, application FROM tracked_applications`)
		if d := cmp.Diff([]string{"1 7 7:1", "1 8 8:1"}, got); d != "" {
			t.Errorf("noted (-want +got):\n%s", d)
		}
	})
}
