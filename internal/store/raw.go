package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/kladka/kladka/internal/connector"
)

// Raw gives the living parts of units for reading, ordered by kind and part.
func (s *Store) Raw(ctx context.Context, no int64, units []connector.Unit) ([]connector.Part, error) {
	var out []connector.Part
	err := batches(s.dialect, units, rowsPerStatement, func(batch []connector.Unit) error {
		args := make([]any, 0, 1+2*len(batch))
		for _, u := range batch {
			args = append(args, u.Entity, u.ID)
		}
		args = append(args, no)
		rows, err := s.read.QueryContext(ctx, livingParts(len(batch)), args...)
		parts, err := collect(rows, err, func(r *sql.Rows) (connector.Part, error) { return scanPart(r) })
		out = append(out, parts...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read raw data: %w", err)
	}
	return out, nil
}
