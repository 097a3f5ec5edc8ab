package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/kladka/kladka/internal/pgtest"
)

// database makes empty databases of one kind.
type database struct {
	name string
	// make gives the URL of a new one, and what removes it.
	make func(ctx context.Context) (url string, remove func() error, err error)
	// server is the process whose CPU time counts as well; 0 where the database is in the process.
	server int
}

// openDatabases gives the asked databases that this machine has.
func openDatabases(b *bench, names []string) (all []database, stop func(), err error) {
	stop = func() {}
	for _, name := range names {
		switch name {
		case "sqlite":
			all = append(all, database{name: "SQLite", make: b.sqliteFile})
		case "postgres":
			u, end, err := pgtest.Start()
			if errors.Is(err, pgtest.ErrMissing) {
				b.say("PostgreSQL is skipped: %v", err)
				b.table.line("PostgreSQL was skipped: it is not installed.\n")
				continue
			} else if err != nil {
				return nil, stop, err
			}
			stop = end
			all = append(all, database{name: "PostgreSQL", server: serverPID(u), make: func(ctx context.Context) (string, func() error, error) {
				return postgresDatabase(ctx, u)
			}})
		default:
			return nil, stop, fmt.Errorf("there is no database %q", name)
		}
	}
	return all, stop, nil
}

func (b *bench) sqliteFile(context.Context) (string, func() error, error) {
	dir, err := os.MkdirTemp(b.dir, "db-")
	return "sqlite:" + filepath.Join(dir, "kladka.db"), func() error { return os.RemoveAll(dir) }, err
}

func postgresDatabase(ctx context.Context, server *url.URL) (string, func() error, error) {
	name := fmt.Sprintf("bench_%d", time.Now().UnixNano())
	exec := func(statement string) error {
		db, err := sql.Open("pgx", server.String())
		if err != nil {
			return err
		}
		defer db.Close() //nolint:errcheck // nothing is lost
		_, err = db.ExecContext(ctx, statement)
		return err
	}
	u := *server
	u.Path = "/" + name
	return u.String(), func() error { return exec("DROP DATABASE " + name + " WITH (FORCE)") }, exec("CREATE DATABASE " + name)
}

// serverPID finds the process of a server that listens on a socket in the folder above its data.
func serverPID(u *url.URL) int {
	b, err := os.ReadFile(filepath.Join(u.Query().Get("host"), "data", "postmaster.pid"))
	if err != nil {
		return 0 // a server that is not ours: its CPU time is not known
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(first)
	return pid
}

// openSQL opens a database for the programs that are compared with, with the same settings.
func openSQL(u string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(u, "sqlite:"); ok {
		return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate")
	}
	return sql.Open("pgx", u)
}
