package store_test

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// lines runs a query and gives its rows as text, sorted.
func lines(t *testing.T, s *store.Store, query string, args ...any) []string {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			texts = append(texts, v.String)
		}
		out = append(out, strings.Join(texts, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// Both queries give the same words for the same thing: int, text or bytes, null or not.
const (
	sqliteColumns = `SELECT t.name || '.' || c.name,
			CASE c.type WHEN 'INTEGER' THEN 'int' WHEN 'TEXT' THEN 'text' WHEN 'BLOB' THEN 'bytes' ELSE c.type END,
			CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN 'not null' ELSE 'null' END,
			CASE WHEN c.pk > 0 THEN 'key ' || c.pk ELSE '' END
		FROM sqlite_schema t JOIN pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> 'goose_db_version'`
	postgresColumns = `SELECT t.relname || '.' || c.attname,
			CASE c.atttypid WHEN 'bigint'::regtype THEN 'int' WHEN 'text'::regtype THEN 'text' WHEN 'bytea'::regtype THEN 'bytes'
				ELSE c.atttypid::regtype::text END,
			CASE WHEN c.attnotnull THEN 'not null' ELSE 'null' END,
			COALESCE('key ' || (SELECT array_position(i.indkey::int[], c.attnum::int) + CASE WHEN array_lower(i.indkey::int[], 1) = 0 THEN 1 ELSE 0 END
				FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary AND c.attnum = ANY (i.indkey::int[])), '')
		FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum > 0 AND NOT c.attisdropped
		WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace AND t.relname <> 'goose_db_version'`
	// Indexes that come from a UNIQUE in a table have names that the databases choose themselves.
	sqliteIndexes = `SELECT t.name, CASE WHEN i.origin = 'c' THEN i.name ELSE 'unique' END, i."unique", i.partial,
			(SELECT group_concat(c.name, ',' ORDER BY c.seqno) FROM pragma_index_info(i.name) c) AS columns
		FROM sqlite_schema t JOIN pragma_index_list(t.name) i
		WHERE t.type = 'table' AND t.name <> 'goose_db_version' AND i.origin <> 'pk'`
	postgresIndexes = `SELECT t.relname, CASE WHEN k.oid IS NULL THEN x.relname ELSE 'unique' END, i.indisunique::int, (i.indpred IS NOT NULL)::int,
			(SELECT string_agg(c.attname, ',' ORDER BY p.ord) FROM unnest(i.indkey::int[]) WITH ORDINALITY p(no, ord)
				JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = p.no)
		FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
			LEFT JOIN pg_constraint k ON k.conindid = x.oid AND k.contype = 'u'
		WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'goose_db_version' AND NOT i.indisprimary`
)

func TestDatabasesHaveTheSameSchema(t *testing.T) {
	postgres, sqlite := storetest.Postgres(t).Open(t), storetest.SQLite(t).Open(t)
	want := lines(t, sqlite, sqliteColumns)
	if len(want) < 100 {
		t.Fatalf("only %d columns were found", len(want))
	}
	if d := cmp.Diff(want, lines(t, postgres, postgresColumns)); d != "" {
		t.Errorf("columns (-sqlite +postgres):\n%s", d)
	}
	want = lines(t, sqlite, sqliteIndexes)
	if len(want) < 30 {
		t.Fatalf("only %d indexes were found", len(want))
	}
	if d := cmp.Diff(want, lines(t, postgres, postgresIndexes)); d != "" {
		t.Errorf("indexes (-sqlite +postgres):\n%s", d)
	}
	// Keyset pages agree only when both databases order texts by their bytes.
	if bad := lines(t, postgres, `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'goose_db_version' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`); len(bad) > 0 {
		t.Errorf("text columns without COLLATE \"C\": %q", bad)
	}
}

func TestProcessesMigrateTogether(t *testing.T) {
	storetest.EachEmpty(t, func(t *testing.T, db storetest.DB) {
		var group sync.WaitGroup
		start := make(chan struct{})
		for range 4 {
			group.Go(func() {
				<-start
				s, err := store.Open(context.Background(), db.URL, store.Options{Now: db.Clock.Now})
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
		close(start)
		group.Wait()
		if got := lines(t, db.Open(t), `SELECT version_id FROM goose_db_version WHERE version_id > 0`); len(got) == 0 || hasTwice(got) {
			t.Errorf("versions %q, want each once", got)
		}
	})
}

func hasTwice(sorted []string) bool {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return true
		}
	}
	return false
}

// modernc.org/sqlite works with exactly one version of modernc.org/libc, and nothing but its own
// go.mod says which: `go get -u` picks another.
func TestLibcIsTheOneThatSQLiteWants(t *testing.T) {
	list := func(format, module string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).Output()
		if err != nil {
			t.Fatalf("go list -m %s: %v", module, err)
		}
		return strings.TrimSpace(string(out))
	}
	mod, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^\s*(?:require\s+)?modernc\.org/libc (\S+)`).FindSubmatch(mod)
	if wanted == nil {
		t.Fatal("modernc.org/sqlite does not name modernc.org/libc any more; is this test still needed?")
	}
	if got := list("{{.Version}}", "modernc.org/libc"); got != string(wanted[1]) {
		t.Errorf("modernc.org/libc is %s, but modernc.org/sqlite wants %[2]s: go get modernc.org/libc@%[2]s", got, wanted[1])
	}
}
