package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Meta reads a fact about the database; empty when it was never set.
func (s *Store) Meta(ctx context.Context, name string) (string, error) {
	var value string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return value, nil
}

// SetMeta sets a fact about the database unless it is set already: of several processes that start
// together the first wins, and all read its value.
func (s *Store) SetMeta(ctx context.Context, name, value string) error {
	if _, err := s.write.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}
