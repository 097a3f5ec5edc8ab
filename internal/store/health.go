package store

import (
	"context"
	"fmt"
	"time"
)

// Health is what a person who looks after the database wants to know of it.
type Health struct {
	Version string        // of the database system
	Schema  int64         // the newest migration that is in
	Answers time.Duration // how long a question that touches nothing takes
	Size    int64         // bytes of everything, -1 when it cannot be told

	// SQLite only.
	Damage []string // what the check of the file found; empty when it is sound
	// Unchecked: the file is too large to be checked in the time given.
	Unchecked bool
	WAL       int64 // bytes that are not yet in the main file

	// PostgreSQL only.
	Connections, MaxConnections int64         // used by everybody, and allowed
	Ahead                       time.Duration // how far the database's clock is ahead of ours
}

// Health examines the database. The check of an SQLite file takes no longer than within.
func (s *Store) Health(ctx context.Context, within time.Duration) (Health, error) {
	var h Health
	began := time.Now()
	if err := s.Ping(ctx); err != nil {
		return h, fmt.Errorf("reach the database: %w", err)
	}
	h.Answers = time.Since(began)
	err := s.read.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version`).Scan(&h.Schema)
	if err != nil {
		return h, fmt.Errorf("read the version of the schema: %w", err)
	}
	return h, s.examine(ctx, &h, within)
}
