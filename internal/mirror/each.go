package mirror

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// dueAtOnce is how many units to read are listed at once: each time the store looks through all
// units of the kind, so they are many.
const dueAtOnce = 5000

// readEach reads something of every unit for which it is due. The units to read are found by
// their stored parts, so a resumed step goes on with those that are left.
func (w *work) readEach(ctx context.Context, each *connector.Each, s *store.RunStep) error {
	q := store.DueQuery{
		Of: each.Of, Reads: each.Reads, MaxRank: each.MaxRank, Revision: w.conn.Revision(),
		AfterRank: math.MinInt64, Limit: dueAtOnce,
	}
	now := w.Store.Now()
	if each.MaxAge != nil {
		if age := each.MaxAge(0); age > 0 {
			q.StaleOpen = now - age.Milliseconds()
		}
		if age := each.MaxAge(1); age > 0 {
			q.StaleOther = now - age.Milliseconds()
		}
	}
	if s.Cursor != "" {
		rank, id, _ := strings.Cut(s.Cursor, "/")
		n, err := strconv.ParseInt(rank, 10, 64)
		if err != nil {
			return fmt.Errorf("read the cursor %q: %w", s.Cursor, err)
		}
		q.AfterRank, q.AfterID = n, id
	}
	if s.Total == nil {
		total, err := w.Store.CountDue(ctx, w.run.Integration, q)
		if err != nil {
			return err
		}
		s.Total = &total
	}
	failedInRow := 0
	for {
		due, err := w.Store.Due(ctx, w.run.Integration, q)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			return nil
		}
		if err := w.readDue(ctx, each, s, due, &failedInRow); err != nil {
			return err
		}
		q.AfterRank, q.AfterID = due[len(due)-1].Rank, due[len(due)-1].ID
	}
}

// readDue reads units in their order, several at once.
func (w *work) readDue(ctx context.Context, each *connector.Each, s *store.RunStep, due []store.Due, failedInRow *int) error {
	ahead := w.unitsAhead(ctx, each, due)
	defer ahead.stop()
	for _, d := range due {
		if err := w.commitUnit(ctx, each, s, d, ahead.next(ctx), failedInRow); err != nil {
			return err
		}
		if w.over() && ahead.empty() {
			return errSliceOver
		}
	}
	return nil
}

// commitUnit stores what was read of one unit. What could not be read is counted and left for the
// next run; several failures in a row mean that the ATS is down.
func (w *work) commitUnit(ctx context.Context, each *connector.Each, s *store.RunStep, d store.Due, r unitRead, failedInRow *int) error {
	missing := false
	switch {
	case r.err == nil:
		*failedInRow = 0
	case errors.Is(r.err, connector.ErrGone):
		*failedInRow = 0
	case ctx.Err() == nil && pageFault(r.err):
		*failedInRow++
		if err := w.endure(ctx, s.Step, *failedInRow, r.err); err != nil {
			return err
		}
		missing = true
		s.Missing++
		s.Error = new(r.err.Error())
	default:
		return r.err
	}
	for i := range r.parts {
		r.parts[i].ObservedAt = ats.Milli(r.observed)
	}
	w.Point("page fetched")
	saved := *s
	save := func(tx *store.Tx) error {
		s.Cursor = fmt.Sprintf("%d/%s", d.Rank, d.ID)
		s.Done++
		switch {
		case missing:
		case r.err != nil:
			if err := tx.Nominate(ctx, w.run.ID, []connector.Unit{d.Unit}); err != nil {
				return err
			}
		default:
			parts, err := w.withoutGone(ctx, tx, each, d.Unit, r)
			if err != nil {
				return err
			}
			changed, err := w.put(ctx, tx, parts)
			if err != nil {
				return err
			}
			if len(changed) == 0 {
				s.Unchanged++
			}
			if err := tx.MarkRead(ctx, d.Unit, each.Reads, d.Version, w.conn.Revision(), r.observed); err != nil {
				return err
			}
		}
		count(s, tx.Written())
		if err := w.save(ctx, tx, s); err != nil {
			return err
		}
		w.Point("before commit")
		return nil
	}
	_, err := w.write(ctx, save)
	if errors.Is(err, store.ErrSlow) && len(r.parts) > 1 {
		// Very much follows from this answer: write its parts in smaller steps, then what is left.
		*s = saved
		if err := w.commitParts(ctx, s, nil, r.parts, nil); err != nil {
			return err
		}
		saved = *s
		_, err = w.write(ctx, save)
	}
	if err != nil {
		*s = saved
		return err
	}
	w.Point("after commit")
	return nil
}

// withoutGone adds to an answer's parts the withdrawal of those that an earlier answer about the
// unit brought and this one did not.
func (w *work) withoutGone(ctx context.Context, tx *store.Tx, each *connector.Each, u connector.Unit, r unitRead) ([]connector.Part, error) {
	brought := make(map[connector.PartKey]bool, len(r.parts))
	for _, p := range r.parts {
		brought[p.PartKey] = true
	}
	parts := r.parts
	for _, cover := range each.Brings {
		stored, err := tx.PartsBroughtBy(ctx, u, cover.Entity)
		if err != nil {
			return nil, err
		}
		var gone []connector.PartKey
		for _, k := range stored {
			if !brought[k] {
				gone = append(gone, k)
			}
		}
		parts = append(parts, withdrawn(gone, r.observed)...)
	}
	return parts, nil
}
