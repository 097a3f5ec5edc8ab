package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// Track notes that a candidate, and where there is one their application, was created through the API.
// It is noted whatever the settings are: they may change. Of an integration that was removed meanwhile nothing
// is: nobody would delete it any more.
func (s *Store) Track(ctx context.Context, tx *sql.Tx, no int64, candidate, application string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO tracked_applications (integration, candidate, application, tracked_at)
		SELECT no, $1, $2, $3 FROM integrations WHERE no = $4 AND deleted_at IS NULL
		ON CONFLICT (integration, candidate, application) DO NOTHING`, candidate, application, s.Now(), no)
	if err != nil {
		return fmt.Errorf("note what was created: %w", err)
	}
	return nil
}

// Tracked holds the applications that were created through the API, by candidate.
type Tracked map[string][]string

// Has reports whether something about a candidate, or about one application of theirs, is about what was
// created through the API.
func (t Tracked) Has(candidate, application string) bool {
	applications, known := t[candidate]
	return known && (application == "" || slices.Contains(applications, application))
}

// Tracked gives those of the candidates that were created through the API, or applied through it.
func (t *Tx) Tracked(ctx context.Context, candidates []string) (Tracked, error) {
	out := Tracked{}
	err := batches(t.store.dialect, candidates, rowsPerStatement, func(batch []string) error {
		args := []any{t.no}
		for _, c := range batch {
			args = append(args, c)
		}
		rows, err := t.tx.QueryContext(ctx, `SELECT candidate, application FROM tracked_applications
			WHERE integration = $1 AND candidate IN (`+placeholders(2, len(batch))+`)`, args...)
		_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
			var candidate, application string
			err := r.Scan(&candidate, &application)
			out[candidate] = append(out[candidate], application)
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was created: %w", err)
	}
	return out, nil
}

// CountTracked counts what was created through the API.
func (s *Store) CountTracked(ctx context.Context, no int64) (int64, error) {
	var n int64
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM tracked_applications WHERE integration = $1`, no).Scan(&n); err != nil {
		return 0, fmt.Errorf("count what was created: %w", err)
	}
	return n, nil
}
