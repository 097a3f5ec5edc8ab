package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	modernc "modernc.org/sqlite"
)

func TestPositional(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT 1`:                              `SELECT 1`,
		`UPDATE t SET a = $1 WHERE b = $2`:      `UPDATE t SET a = ? WHERE b = ?`,
		`INSERT INTO t VALUES ($1,$2), ($3,$4)`: `INSERT INTO t VALUES (?,?), (?,?)`,
		`a = $1 AND b = $1`:                     `a = $1 AND b = $1`,
		`a = $2 AND b = $1`:                     `a = $2 AND b = $1`,
		`a = $1 AND b = $20`:                    `a = $1 AND b = $20`,
		`a = $10`:                               `a = $10`,
	} {
		if got := positional(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	twelve := "f(" + placeholders(1, 12) + ")"
	if got := positional(twelve); got != "f(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" {
		t.Errorf("%s: %s", twelve, got)
	}
}

// Statements that are kept give what statements give: inside of one another, after the schema
// changed, and when there are more of them than are kept.
func TestPreparedStatements(t *testing.T) {
	ctx := t.Context()
	db := openPreparing(&modernc.Driver{}, "file:"+filepath.Join(t.TempDir(), "x.db"))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(ctx, query, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE t (a INTEGER, b TEXT); CREATE INDEX t_a ON t (a)`)
	for n := range 10 {
		exec(`INSERT INTO t (a, b) VALUES ($1, $2)`, n, fmt.Sprint("row ", n))
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := nested(ctx, t, tx, 3); got != "row 0 (row 0 (row 0))" {
		t.Errorf("the same query within its own rows: %q", got)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	exec(`ALTER TABLE t ADD COLUMN c TEXT`)
	exec(`INSERT INTO t (a, b) VALUES ($1, $2)`, 10, "after")
	for n := range 2 * keptStatements {
		var sum int
		if err := db.QueryRowContext(ctx, fmt.Sprintf(`SELECT sum(a) + %d FROM t WHERE a <= $1`, n), 10).Scan(&sum); err != nil || sum != 55+n {
			t.Fatal(n, sum, err)
		}
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO nowhere VALUES ($1)`, 1); err == nil {
		t.Error("a statement about a table that is not there succeeded")
	}
}

// nested asks the same while the rows of the same are being read.
func nested(ctx context.Context, t *testing.T, tx *sql.Tx, depth int) string {
	t.Helper()
	if depth == 0 {
		return ""
	}
	rows, err := tx.QueryContext(ctx, `SELECT b FROM t WHERE a >= $1 ORDER BY a`, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got string
	if !rows.Next() || rows.Scan(&got) != nil {
		t.Fatal("there is no row", rows.Err())
	}
	if inner := nested(ctx, t, tx, depth-1); inner != "" {
		got += " (" + inner + ")"
	}
	return got
}
