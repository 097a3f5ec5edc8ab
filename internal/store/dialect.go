package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	modernc "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// dialect is the database that the store talks to. Whatever differs between them is in this file.
type dialect int

const (
	sqlite dialect = iota
	postgres
)

func (d dialect) String() string {
	if d == sqlite {
		return "sqlite"
	}
	return "postgres"
}

func (d dialect) goose() goose.Dialect {
	if d == sqlite {
		return goose.DialectSQLite3
	}
	return goose.DialectPostgres
}

// migrationLock keeps processes that start together from migrating at once. On SQLite a
// lock beside the file does it (lock.go).
func (d dialect) migrationLock() []goose.ProviderOption {
	if d == sqlite {
		return nil
	}
	// Asked for every second, for at most five minutes: by default a process waits five seconds
	// for a migration that takes some milliseconds.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil // only invalid options fail, and there are none
	}
	return []goose.ProviderOption{goose.WithSessionLocker(locker)}
}

// openSQLite opens three handles on one file: a writer with a single connection, a few readers
// that cannot write, and one connection for the job engine.
func (s *Store) openSQLite(ctx context.Context, path string) error {
	s.dialect, s.path = sqlite, path
	if path == "" {
		return errors.New("database URL sqlite: names no file")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create the data folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database file (is the data folder writable?): %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	// busy_timeout comes first: the others may already meet a lock. secure_delete overwrites what
	// is deleted, which erasure relies on. temp_store keeps what would undo a single statement in
	// memory. A checkpoint every 32 MB rather than every 4 writes a page that changes often, as those of
	// indexes do, more seldom.
	common := []string{
		"_pragma=busy_timeout(10000)", "_pragma=journal_mode(WAL)", "_pragma=synchronous(NORMAL)",
		"_pragma=foreign_keys(1)", "_pragma=secure_delete(1)", "_pragma=temp_store(MEMORY)", "_pragma=wal_autocheckpoint(8000)",
	}
	name := func(extra ...string) string {
		u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: strings.Join(append(common, extra...), "&")}
		return u.String()
	}
	// A page takes twice its size in the driver's memory.
	limit := func(db *sql.DB, max int) *sql.DB {
		db.SetMaxOpenConns(max)
		db.SetMaxIdleConns(max)
		return db
	}
	s.write = limit(openPreparing(&modernc.Driver{}, name("_txlock=immediate", "_pragma=cache_size(-10000)")), 1)
	s.read = limit(openPreparing(&modernc.Driver{}, name("_pragma=query_only(1)", "_pragma=cache_size(-8000)")), 4)
	if s.jobs, err = sql.Open("sqlite", name("_txlock=immediate", "_pragma=cache_size(-1000)")); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	limit(s.jobs, 1)
	if err := firstContact(ctx, s.write); err != nil {
		return fmt.Errorf("open %s (is it a Kladka database?): %w", path, err)
	}
	return nil
}

// firstContact opens the first connection, which makes a new file a WAL database. Of processes
// that do so at once SQLite turns some away without regard to busy_timeout; they try again.
func firstContact(ctx context.Context, db *sql.DB) error {
	for tries := 0; ; tries++ {
		err := db.PingContext(ctx)
		if e, ok := errors.AsType[*modernc.Error](err); !ok || e.Code()&0xff != sqlitelib.SQLITE_BUSY || tries == 100 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// idleInTransaction bounds how long a stopped process can hold the counter row. A writer that
// sleeps longer loses its transaction, and whoever took its run over goes on.
const idleInTransaction = 10 * time.Second

func (s *Store) openPostgres(ctx context.Context, dsn string, maxConns int) error {
	s.dialect = postgres
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("database URL: %w", redact(err))
	}
	cfg.RuntimeParams["application_name"] = "kladka"
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(idleInTransaction.Milliseconds())
	jobs := cfg.Copy() // the job engine knows its queries best
	// Every query here has an index to walk. A planner whose statistics are from before a first load
	// takes a table for small and reads it whole, again for each row of a join.
	cfg.RuntimeParams["enable_seqscan"] = "off"
	s.write = stdlib.OpenDB(*cfg)
	s.write.SetMaxOpenConns(maxConns)
	s.write.SetMaxIdleConns(maxConns)
	s.read = s.write
	s.jobs = stdlib.OpenDB(*jobs)
	s.jobs.SetMaxOpenConns(4)
	s.jobs.SetMaxIdleConns(4)
	pool, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("database URL: %w", redact(err))
	}
	pool.MaxConns = 2
	if s.listen, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return fmt.Errorf("database URL: %w", redact(err))
	}
	pingCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.write.PingContext(pingCtx); err != nil {
		return fmt.Errorf("connect to PostgreSQL (check host, port, database, user and password in KLADKA_DATABASE_URL): %w", redact(err))
	}
	return nil
}

// batch is how many of n rows one statement carries, where full is the most. Each number is a
// statement of its own to prepare: on SQLite, where that is what takes time, there are few numbers; on
// PostgreSQL few statements.
func (d dialect) batch(n, full int) int {
	if d == sqlite && n < full {
		return 1 << (bits.Len(uint(n)) - 1)
	}
	return n
}

func (d dialect) refreshStatistics() string {
	if d == sqlite {
		return "PRAGMA optimize"
	}
	return "ANALYZE"
}

// scrub takes what was deleted out of the files. SQLite has overwritten it (secure_delete), but moves
// rows between pages and leaves pieces behind; so the file is written anew. Its log of writes holds the
// pages as they were until it is emptied, which waits for those who read from it.
func (d dialect) scrub(ctx context.Context, db *sql.DB, names []string) error {
	if d == postgres {
		_, err := db.ExecContext(ctx, "VACUUM (ANALYZE) "+strings.Join(names, ", "))
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it only goes back to the pool
	// The copy does not belong into memory.
	if _, err := conn.ExecContext(ctx, "PRAGMA temp_store=FILE"); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "VACUUM")
	if _, back := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA temp_store=MEMORY"); err != nil || back != nil {
		return errors.Join(err, back)
	}
	var busy, log, done int64
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("somebody reads from the log of writes without end")
	}
	return nil
}

// examine fills in what only one of the databases has.
func (s *Store) examine(ctx context.Context, h *Health, within time.Duration) error {
	if s.dialect == postgres {
		return s.examinePostgres(ctx, h)
	}
	return s.examineSQLite(ctx, h, within)
}

func (s *Store) examineSQLite(ctx context.Context, h *Health, within time.Duration) error {
	var pages, size int64
	if err := s.read.QueryRowContext(ctx, `SELECT sqlite_version(), page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&h.Version, &pages, &size); err != nil {
		return fmt.Errorf("read the size of the database: %w", err)
	}
	h.Size = pages * size
	if info, err := os.Stat(s.path + "-wal"); err == nil {
		h.WAL = info.Size()
	}
	checkCtx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	rows, err := s.read.QueryContext(checkCtx, `PRAGMA quick_check(5)`)
	found, err := collect(rows, err, func(r *sql.Rows) (string, error) {
		var line string
		return line, r.Scan(&line)
	})
	switch {
	case checkCtx.Err() != nil && ctx.Err() == nil:
		h.Unchecked = true
	case err != nil:
		h.Damage = []string{err.Error()}
	case len(found) != 1 || found[0] != "ok":
		h.Damage = found
	}
	return ctx.Err()
}

func (s *Store) examinePostgres(ctx context.Context, h *Health) error {
	var millis float64
	asked := s.now()
	// Others' connections are counted without their queries, which every role may see.
	err := s.read.QueryRowContext(ctx, `SELECT current_setting('server_version'), pg_database_size(current_database()),
			(SELECT sum(numbackends)::bigint FROM pg_stat_database), current_setting('max_connections')::bigint,
			extract(epoch FROM clock_timestamp())::float8 * 1000`).Scan(&h.Version, &h.Size, &h.Connections, &h.MaxConnections, &millis)
	if err != nil {
		return fmt.Errorf("examine PostgreSQL: %w", err)
	}
	answered := s.now()
	middle := asked.Add(answered.Sub(asked) / 2)
	h.Ahead = time.UnixMilli(int64(millis)).Sub(middle)
	return nil
}

// Transient reports whether an error says that the database is away or busy for a while, so that
// the same work may succeed later.
func Transient(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:2] {
		case "08", "40", "53", "57": // connection, serialization and deadlock, resources, intervention
			return true
		}
		return false
	}
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return e.Code()&0xff == sqlitelib.SQLITE_BUSY
	}
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connect || network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isUniqueViolation reports whether a statement failed because a unique key exists.
func isUniqueViolation(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	if e, ok := errors.AsType[*modernc.Error](err); ok {
		return e.Code() == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

// redactURL hides the password of a database URL.
func redactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return "(unreadable)"
	}
	return u.Redacted()
}

// redact keeps a driver's parse error from repeating the URL with its password.
func redact(err error) error {
	if e, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		return errors.New(redactedParse(e.Error()))
	}
	return err
}

func redactedParse(msg string) string {
	if i := strings.LastIndex(msg, "`"); i >= 0 {
		return "cannot be read" + msg[i+1:]
	}
	return "cannot be read"
}

// primaryKeys lists the keys of the tables that SQLite keeps without a row number.
var primaryKeys = map[string]string{
	"parts":            "integration, entity, entity_id, kind, part",
	"reads":            "integration, entity, entity_id, kind",
	"dependencies":     "integration, on_entity, on_id, entity, entity_id",
	"nominations":      "integration, entity, entity_id",
	"changes":          "integration, seq",
	"candidate_emails": "integration, email, candidate_id",
	"action_slots":     "integration, slot",
	"uploads":          "integration, candidate_id, name",
	"result_links":     "integration, record_id, label",
	"request_mentions": "integration, model, record_id, request_id",

	"tracked_applications": "integration, candidate, application",
	"remappings":           "integration, model, field, position",
}

// deleteSome deletes at most $2 rows of integration $1.
func (d dialect) deleteSome(name string) string {
	key := "ctid"
	if d == sqlite {
		key = "rowid"
		if pk, ok := primaryKeys[name]; ok {
			key = pk
		}
	}
	return fmt.Sprintf(`DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE integration = $1 LIMIT $2)`, name, key)
}
