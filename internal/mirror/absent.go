package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// conclude ends a walk: it becomes the last complete one, and what it did not show is withdrawn
// or nominated, if it was complete enough for that.
func (w *work) conclude(ctx context.Context, p connector.Step, s *store.RunStep, c walkCursor, last store.Walk, seen []uint64, lost int) error {
	switch {
	case lost > 0:
		s.Missing += int64(lost)
		s.Error = new(fmt.Sprintf("%d rows moved between the pages and were not seen", lost))
		return nil
	case len(c.Failed) > 0:
		first, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, 1)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		s.Missing += int64(len(c.Failed) * max(1, first.Size))
		s.Error = new("pages " + numbers(c.Failed) + " could not be read")
		return nil
	case LooksLikeAccident(int64(c.Holes-len(c.Lost)), int64(c.Total)):
		// A few rows that a total counts and no page shows were seen; this many are something else.
		s.Missing += int64(c.Holes)
		s.Error = new(fmt.Sprintf("%d of %d rows are counted and not shown", c.Holes, c.Total))
	case len(c.Lost) > 0:
		s.Missing += int64(len(c.Lost))
		s.Error = new("rows " + numbers(c.Lost) + " could not be read")
	}
	// The rows that the listing declares but never shows must be as many as the last time, or one
	// of them may be a row that is only hidden.
	if c.Holes == last.Shortfall {
		for n, cover := range p.List.Covers {
			// A row that could not be read is no row that is gone: only a direct read tells them apart.
			if cover.Absent == connector.Keep || cover.Absent == connector.Withdraw && len(c.Lost) > 0 {
				continue
			}
			if err := w.absent(ctx, p, s, cover, n, seen); err != nil {
				return err
			}
		}
	} else {
		w.Log.InfoContext(ctx, "no deletions are looked for: the listing hides another number of rows than before",
			"step", p.Name, "hidden", c.Holes, "before", last.Shortfall)
	}
	if _, err := w.write(ctx, func(tx *store.Tx) error {
		// Who goes on after this does not come here again, so what is missing is saved as well.
		if err := w.save(ctx, tx, s); err != nil {
			return err
		}
		return tx.CompleteWalk(ctx, p.Name, w.run.ID, c.Total, c.Holes)
	}); err != nil {
		return err
	}
	w.Point("walk complete")
	return nil
}

// numbers lists numbers in their order, the first of many.
func numbers(list []int) string {
	const most = 20
	var texts []string
	for i, n := range slices.Sorted(slices.Values(list)) {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		texts = append(texts, strconv.Itoa(n))
	}
	return strings.Join(texts, ", ")
}

// absent finds the stored parts that a complete walk did not show, and withdraws them or
// nominates their units.
func (w *work) absent(ctx context.Context, p connector.Step, s *store.RunStep, cover connector.Cover, n int, seen []uint64) error {
	const batch = 1000
	var after connector.PartKey
	var unit connector.Unit
	var missing []connector.PartKey // of unit
	present := false                // unit has a part that was seen
	var nominees, back []connector.Unit
	var gone []connector.PartKey
	living := 0
	nominated := map[connector.Unit]bool{}
	if cover.Absent == connector.Nominate {
		earlier, err := w.Store.Nominations(ctx, w.run.Integration, cover.Entity, "", nominationsAtOnce)
		if err != nil {
			return err
		}
		for _, u := range earlier {
			nominated[u] = true
		}
	}
	next := func(u connector.Unit) {
		switch {
		case len(missing) > 0 && cover.Absent == connector.Nominate && !present:
			nominees = append(nominees, unit)
		case len(missing) > 0:
			gone = append(gone, missing...)
		}
		if present && nominated[unit] {
			back = append(back, unit)
		}
		unit, missing, present = u, nil, false
	}
	for {
		found, err := w.Store.Living(ctx, w.run.Integration, cover.Entity, cover.Kind, after, batch)
		if err != nil {
			return err
		}
		living += len(found)
		for _, part := range found {
			if part.Unit != unit {
				next(part.Unit)
			}
			if _, shown := slices.BinarySearch(seen, w.rowKey(part.PartKey, n)); shown || part.ObservedAt >= *s.StartedAt {
				present = true
			} else {
				missing = append(missing, part.PartKey)
			}
		}
		if len(found) < batch {
			next(connector.Unit{})
		} else {
			after = found[batch-1].PartKey
		}
		if err := w.nominate(ctx, nominees, back); err != nil {
			return err
		}
		nominees, back = nil, nil
		if len(found) < batch {
			break
		}
	}
	if cover.Absent == connector.Withdraw {
		believed, err := w.believed(ctx, p, s, cover, len(gone), living)
		if err != nil || !believed {
			return err
		}
	}
	return w.withdraw(ctx, p, s, cover, gone)
}

// nominate notes units that a walk did not show, and forgets nominations of those that it did.
func (w *work) nominate(ctx context.Context, nominees, back []connector.Unit) error {
	if len(nominees)+len(back) == 0 {
		return nil
	}
	_, err := w.write(ctx, func(tx *store.Tx) error {
		for _, u := range back {
			if err := tx.DropNomination(ctx, u); err != nil {
				return err
			}
		}
		return tx.Nominate(ctx, w.run.ID, nominees)
	})
	return err
}

// believed reports whether absence from a listing may be taken for an end, where nothing else can
// be asked. When very much is missing at once, or all of it, the listing may be lying: then a
// second walk has to say the same.
func (w *work) believed(ctx context.Context, p connector.Step, s *store.RunStep, cover connector.Cover, gone, living int) (bool, error) {
	doubt := connector.Unit{Entity: "doubt", ID: p.Name + "/" + cover.Kind}
	before, err := w.Store.NominatedBefore(ctx, w.run.Integration, doubt, w.run.ID)
	if err != nil {
		return false, err
	}
	strange := LooksLikeAccident(int64(gone), int64(living)) || gone == living && gone > 1
	switch {
	case strange && !before:
		s.Missing += int64(gone)
		s.Error = new(fmt.Sprintf("%d of %d are missing at once; they count as gone when the next sync misses them too", gone, living))
		if err := w.nominate(ctx, []connector.Unit{doubt}, nil); err != nil {
			return false, err
		}
		w.Point("doubted")
		return false, nil
	case before:
		return true, w.nominate(ctx, nil, []connector.Unit{doubt})
	}
	return true, nil
}

// withdraw ends parts that are gone, and what their units brought.
func (w *work) withdraw(ctx context.Context, p connector.Step, s *store.RunStep, cover connector.Cover, gone []connector.PartKey) error {
	for chunk := range slices.Chunk(gone, foldAtOnce) {
		written, err := w.write(ctx, func(tx *store.Tx) error {
			all := slices.Clone(chunk)
			for _, k := range chunk {
				if w.isRead(cover) {
					if err := tx.ForgetReads(ctx, k.Unit); err != nil {
						return err
					}
				}
				for _, entity := range cover.Derived {
					brought, err := tx.PartsBroughtBy(ctx, k.Unit, entity)
					if err != nil {
						return err
					}
					all = append(all, brought...)
				}
			}
			// The next walk must not skip a page that still shows what is withdrawn now.
			if err := tx.DistrustPages(ctx, p.Name); err != nil {
				return err
			}
			_, err := w.put(ctx, tx, withdrawn(all, *s.StartedAt))
			return err
		})
		if err != nil {
			return err
		}
		count(s, written)
	}
	return nil
}

// isRead reports whether the plan reads details of the units that a listing covers.
func (w *work) isRead(cover connector.Cover) bool {
	return slices.ContainsFunc(w.plan, func(p connector.Step) bool {
		return p.Each != nil && p.Each.Of.Entity == cover.Entity && p.Each.Of.Kind == cover.Kind
	})
}

// withdrawn makes the parts that say: not there any more.
func withdrawn(keys []connector.PartKey, observed int64) []connector.Part {
	parts := make([]connector.Part, len(keys))
	for i, k := range keys {
		parts[i] = connector.Part{PartKey: k, ObservedAt: ats.Milli(observed)}
	}
	return parts
}
