package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers by which dumps read
	_ "modernc.org/sqlite"
)

// recordTables hold all that a client could see, and contents what it is made of.
var (
	recordTables = []string{
		"roles", "users", "application_stages", "rejection_reasons", "tags", "jobs", "job_stages", "hiring_team",
		"job_postings", "candidates", "candidate_emails", "candidate_tags", "applications",
	}
	contents = append([]string{"parts", "changes"}, recordTables...)
)

// open opens the server's database beside it.
func (c config) open(t *testing.T) *sql.DB {
	t.Helper()
	driver, source := "pgx", c.DatabaseURL
	if path, ok := strings.CutPrefix(c.DatabaseURL, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// dump gives the rows of tables as lines, and the counter that every change moves.
func (c config) dump(t *testing.T, tables ...string) map[string][]string {
	t.Helper()
	db := c.open(t)
	out := map[string][]string{}
	for _, table := range tables {
		out[table] = lines(t, db, "SELECT * FROM "+table)
	}
	out["counter"] = lines(t, db, "SELECT no, last_seq, last_stamp FROM integrations")
	return out
}

func lines(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	return texts(t, db, query+" ORDER BY 1, 2, 3")
}

// texts gives rows as lines.
func texts(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for i, v := range values {
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprintf(&b, "%s=%v ", columns[i], v)
		}
		out = append(out, b.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// unchanged compares two dumps.
func unchanged(t *testing.T, what string, before, after map[string][]string) {
	t.Helper()
	for table := range before {
		if len(before[table]) != len(after[table]) {
			t.Errorf("%s: %s had %d rows and has %d", what, table, len(before[table]), len(after[table]))
			continue
		}
		n := 0
		for i := range before[table] {
			if before[table][i] == after[table][i] {
				continue
			}
			if n++; n <= shown {
				t.Errorf("%s: a row of %s changed\nfrom %s\nto   %s", what, table, cut(before[table][i]), cut(after[table][i]))
			}
		}
		if n > shown {
			t.Errorf("%s: %d rows of %s changed in all", what, n, table)
		}
	}
}
