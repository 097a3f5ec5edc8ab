package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Ingest stores parts that were read outside of a run, after an action for instance, and folds
// them at once. It goes through the same door as a run: an answer older than what is stored changes
// nothing, and cause stands in the change log.
func (e *Engine) Ingest(ctx context.Context, i store.Integration, parts []connector.Part, cause string) error {
	if len(parts) == 0 {
		return nil
	}
	w := &work{Engine: e, run: store.Run{Integration: i.No}, cause: cause, noted: map[connector.Field]bool{}}
	var err error
	if w.conn, _, err = e.Open(ctx, i); err != nil {
		return err
	}
	w.reading = w.conn.Revision()
	if w.fields, err = e.Store.FieldSettings(ctx, i.No); err != nil {
		return err
	}
	if err := w.ingest(ctx, parts); err != nil {
		return fmt.Errorf("take in what was read: %w", err)
	}
	return nil
}

func (w *work) ingest(ctx context.Context, parts []connector.Part) error {
	_, err := w.write(ctx, func(tx *store.Tx) error {
		// The settings may have changed since the action began, and what is stored been cut already.
		i, err := tx.Integration(ctx)
		if err != nil {
			return err
		}
		w.restrict(i)
		_, err = w.put(ctx, tx, parts)
		return err
	})
	if half := len(parts) / 2; errors.Is(err, store.ErrSlow) && half > 0 {
		return errors.Join(w.ingest(ctx, parts[:half]), w.ingest(ctx, parts[half:]))
	}
	return err
}
