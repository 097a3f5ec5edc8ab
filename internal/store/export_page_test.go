package store

import "database/sql"

// Statement exposes the SQL of a page to tests that look at its plan.
func (q Query) Statement() (string, []any, error) { return q.statement() }

// DB exposes the handle that writes.
func (s *Store) DB() *sql.DB { return s.write }
