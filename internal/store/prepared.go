package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
)

// This file keeps SQLite's statements prepared, as the driver for PostgreSQL does by itself: to
// parse a statement with a thousand values takes longer than to run it.

// keptStatements bounds how many statements a connection keeps. A sync uses about a hundred.
const keptStatements = 200

// preparing opens connections that keep their statements.
type preparing struct {
	driver driver.Driver
	name   string
}

// Driver gives the driver.
func (p preparing) Driver() driver.Driver { return p.driver }

// openPreparing is sql.Open for a driver whose connections are to keep their statements.
func openPreparing(d driver.Driver, name string) *sql.DB {
	return sql.OpenDB(preparing{d, name})
}

// Connect opens a connection.
func (p preparing) Connect(context.Context) (driver.Conn, error) {
	c, err := p.driver.Open(p.name)
	if err != nil {
		return nil, err
	}
	inner, ok := c.(fullConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver's connections lack something"), c.Close())
	}
	return &preparedConn{fullConn: inner, kept: map[string]*preparedStmt{}}, nil
}

// fullConn and fullStmt are what the driver's types offer.
type (
	fullConn interface {
		driver.Conn
		driver.ConnBeginTx
		driver.ConnPrepareContext
		driver.ExecerContext
		driver.QueryerContext
		driver.Pinger
		driver.SessionResetter
		driver.Validator
	}
	fullStmt interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
)

// preparedConn is a connection with the statements that it was used for last.
type preparedConn struct {
	fullConn
	kept map[string]*preparedStmt
	uses int
}

type preparedStmt struct {
	fullStmt
	used int  // when it was used last
	busy bool // its rows are still being read
}

// ExecContext runs a statement.
func (c *preparedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.fullConn.ExecContext(ctx, query, args)
	}
	return s.ExecContext(ctx, args)
}

// QueryContext runs a query.
func (c *preparedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.fullConn.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &preparedRows{rows, s}, nil
}

// Close ends the connection and its statements.
func (c *preparedConn) Close() error {
	var errs []error
	for _, s := range c.kept {
		errs = append(errs, s.Close())
	}
	clear(c.kept)
	return errors.Join(append(errs, c.fullConn.Close())...)
}

// stmt gives the prepared form of a statement; nil where it is better run as it is: because its
// rows are being read, or because it is none of those that come again.
func (c *preparedConn) stmt(ctx context.Context, query string) (*preparedStmt, error) {
	s := c.kept[query]
	if s == nil {
		if !comesAgain(query) {
			return nil, nil
		}
		made, err := c.PrepareContext(ctx, positional(query))
		if err != nil {
			return nil, err
		}
		inner, ok := made.(fullStmt)
		if !ok {
			return nil, made.Close()
		}
		if err := c.makeRoom(); err != nil {
			return nil, errors.Join(err, made.Close())
		}
		s = &preparedStmt{fullStmt: inner}
		c.kept[query] = s
	}
	if s.busy {
		return nil, nil
	}
	c.uses++
	s.used = c.uses
	return s, nil
}

// makeRoom ends the statement that was not used for the longest time.
func (c *preparedConn) makeRoom() error {
	if len(c.kept) < keptStatements {
		return nil
	}
	oldest := ""
	for query, s := range c.kept {
		if !s.busy && (oldest == "" || s.used < c.kept[oldest].used) {
			oldest = query
		}
	}
	if oldest == "" {
		return nil
	}
	s := c.kept[oldest]
	delete(c.kept, oldest)
	return s.Close()
}

// comesAgain reports whether a statement is worth keeping: not what changes the schema or the
// connection, and no list of several statements.
func comesAgain(query string) bool {
	query = strings.TrimSpace(query)
	for _, verb := range []string{"SELECT ", "INSERT ", "UPDATE ", "DELETE "} {
		if strings.HasPrefix(query, verb) {
			return !strings.Contains(query, ";")
		}
	}
	return false
}

// positional writes $1, $2, … as question marks where each stands once and in its order. SQLite
// takes $1 for a name, and looks names up one by one.
func positional(query string) string {
	var b strings.Builder
	next := 1
	for rest := query; ; next++ {
		at := strings.IndexByte(rest, '$')
		if at < 0 {
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(rest[:at])
		b.WriteByte('?')
		digits, found := strings.CutPrefix(rest[at+1:], strconv.Itoa(next))
		if !found || digits != "" && digits[0] >= '0' && digits[0] <= '9' {
			return query
		}
		rest = digits
	}
}

// preparedRows gives its statement free when it is closed.
type preparedRows struct {
	driver.Rows
	stmt *preparedStmt
}

// Close ends the reading.
func (r *preparedRows) Close() error {
	r.stmt.busy = false
	return r.Rows.Close()
}
