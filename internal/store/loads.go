package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/kladka/kladka/internal/ats"
)

// MarkLoaded makes a model readable: its first load is complete.
func (t *Tx) MarkLoaded(ctx context.Context, m ats.Model) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO loads (integration, model, loaded_at) VALUES ($1, $2, $3)
		ON CONFLICT (integration, model) DO NOTHING`, t.no, string(m), t.now)
	if err != nil {
		return fmt.Errorf("mark %s as loaded: %w", m, err)
	}
	return nil
}

// Loaded tells since when each model of an integration is readable; models that are missing are not yet.
func (s *Store) Loaded(ctx context.Context, no int64) (map[ats.Model]ats.Time, error) {
	out := map[ats.Model]ats.Time{}
	rows, err := s.read.QueryContext(ctx, `SELECT model, loaded_at FROM loads WHERE integration = $1`, no)
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var m ats.Model
		var at int64
		err := r.Scan(&m, &at)
		out[m] = ats.Milli(at)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read which models are loaded: %w", err)
	}
	return out, nil
}
