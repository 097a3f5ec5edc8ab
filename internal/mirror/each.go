package mirror

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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
		Of: each.Of, Reads: each.Reads, MaxRank: each.MaxRank, Revision: w.reading,
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
	if err := w.withdrawOutgrown(ctx, each, s, q); err != nil {
		return err
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

// withdrawOutgrown takes back what units brought that are not read any more: nothing would ever say
// that it has changed.
func (w *work) withdrawOutgrown(ctx context.Context, each *connector.Each, s *store.RunStep, q store.DueQuery) error {
	if len(each.Brings) == 0 {
		return nil
	}
	q.Limit = foldAtOnce
	for {
		units, err := w.Store.Outgrown(ctx, w.run.Integration, q)
		if err != nil || len(units) == 0 {
			return err
		}
		for _, u := range units {
			saved := *s
			if _, err := w.write(ctx, func(tx *store.Tx) error {
				brought, err := broughtBy(ctx, tx, each, u)
				if err != nil {
					return err
				}
				if _, err := w.put(ctx, tx, withdrawn(brought, w.Store.Now())); err != nil {
					return err
				}
				count(s, tx.Written())
				return tx.ForgetRead(ctx, u, each.Reads)
			}); err != nil {
				*s = saved
				return err
			}
		}
		if w.over() {
			return errSliceOver
		}
	}
}

// broughtBy gives the living parts of other units that answers about a unit brought.
func broughtBy(ctx context.Context, tx *store.Tx, each *connector.Each, u connector.Unit) ([]connector.PartKey, error) {
	var all []connector.PartKey
	for _, cover := range each.Brings {
		keys, err := tx.PartsBroughtBy(ctx, u, cover.Entity)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	return all, nil
}

// readDue reads units in their order, several at once.
func (w *work) readDue(ctx context.Context, each *connector.Each, s *store.RunStep, due []store.Due, failedInRow *int) error {
	ahead := w.unitsAhead(ctx, each, due)
	defer ahead.stop()
	for n := 0; n < len(due); {
		answers := ahead.next(ctx)
		n += len(answers)
		if err := w.commitAnswers(ctx, each, s, answers, failedInRow); err != nil {
			return err
		}
		// In the middle of failures the slice goes on until it is known what they mean: the next one
		// would count from the beginning, and slow failures would never be told to be for good.
		if w.over() && ahead.empty() && *failedInRow == 0 {
			return errSliceOver
		}
	}
	return nil
}

// commitAnswers stores what was read of units. What could not be read is counted and left for the
// next run, unless there is so much of it that the step cannot go on: see endure.
func (w *work) commitAnswers(ctx context.Context, each *connector.Each, s *store.RunStep, answers []unitRead, failedInRow *int) error {
	good := answers
	var stop error
	for n, r := range answers {
		if stop = w.judge(ctx, s.Step, r.err, failedInRow); stop != nil {
			good = answers[:n]
			break
		}
	}
	if err := w.commitUnits(ctx, each, s, good); err != nil {
		return err
	}
	return stop
}

// judge gives the error of an answer about a unit if the step cannot go on with the next one.
func (w *work) judge(ctx context.Context, step string, err error, failedInRow *int) error {
	switch {
	case err == nil, errors.Is(err, connector.ErrGone):
		*failedInRow = 0
		return nil
	case ctx.Err() == nil && pageFault(err):
		*failedInRow++
		return w.endure(ctx, step, *failedInRow, err)
	}
	return err
}

// commitUnits stores answers about units and the progress that they mean in one transaction. When
// that takes too long, it is split.
func (w *work) commitUnits(ctx context.Context, each *connector.Each, s *store.RunStep, answers []unitRead) error {
	if len(answers) == 0 {
		return nil
	}
	w.Point("page fetched")
	saved := *s
	save := func(tx *store.Tx) error {
		for _, r := range answers {
			if err := w.noteRead(ctx, tx, each, s, r); err != nil {
				return err
			}
		}
		parts, err := w.partsOf(ctx, tx, each, answers)
		if err != nil {
			return err
		}
		changed, err := w.put(ctx, tx, parts)
		if err != nil {
			return err
		}
		s.Unchanged += unchanged(answers, changed)
		count(s, tx.Written())
		if err := w.save(ctx, tx, s); err != nil {
			return err
		}
		w.Point("before commit")
		return nil
	}
	_, err := w.write(ctx, save)
	if errors.Is(err, store.ErrSlow) {
		*s = saved
		if half := len(answers) / 2; half > 0 {
			if err := w.commitUnits(ctx, each, s, answers[:half]); err != nil {
				return err
			}
			return w.commitUnits(ctx, each, s, answers[half:])
		}
		if parts := observed(answers[0]); len(parts) > 1 {
			// Very much follows from this answer: write its parts in smaller steps, then what is left.
			if err := w.commitParts(ctx, s, nil, parts, nil); err != nil {
				return err
			}
			saved = *s
			_, err = w.write(ctx, save)
		}
	}
	if err != nil {
		*s = saved
		return err
	}
	w.Point("after commit")
	return w.refreshStatistics(ctx, saved.Written, s.Written)
}

// noteRead notes that a unit was read, or that it could not be, and how far the step is.
func (w *work) noteRead(ctx context.Context, tx *store.Tx, each *connector.Each, s *store.RunStep, r unitRead) error {
	s.Cursor = fmt.Sprintf("%d/%s", r.due.Rank, r.due.ID)
	s.Done++
	switch {
	case r.err == nil:
		return tx.MarkRead(ctx, r.due.Unit, each.Reads, r.due.Version, w.reading, r.observed)
	case errors.Is(r.err, connector.ErrGone):
		return tx.Nominate(ctx, w.run.ID, []connector.Unit{r.due.Unit})
	}
	s.Missing++
	s.Error = new(w.said(r.err))
	return nil
}

// observed gives the parts of an answer with the moment of its request.
func observed(r unitRead) []connector.Part {
	parts := slices.Clone(r.parts)
	for i := range parts {
		parts[i].ObservedAt = ats.Milli(r.observed)
	}
	return parts
}

// unchanged counts the answers that said nothing new.
func unchanged(answers []unitRead, changed []connector.Unit) (n int64) {
	for _, r := range answers {
		news := slices.ContainsFunc(r.parts, func(p connector.Part) bool { return slices.Contains(changed, p.Unit) })
		if r.err == nil && !news {
			n++
		}
	}
	return n
}

// partsOf gives the parts of answers and the withdrawal of those that an earlier answer about a
// unit brought and this one did not.
func (w *work) partsOf(ctx context.Context, tx *store.Tx, each *connector.Each, answers []unitRead) ([]connector.Part, error) {
	var all []connector.Part
	for _, r := range answers {
		if r.err != nil {
			continue
		}
		parts, err := w.withoutGone(ctx, tx, each, r)
		if err != nil {
			return nil, err
		}
		all = append(all, parts...)
	}
	return all, nil
}

// withoutGone adds to an answer's parts the withdrawal of those that an earlier answer about the
// unit brought and this one did not.
func (w *work) withoutGone(ctx context.Context, tx *store.Tx, each *connector.Each, r unitRead) ([]connector.Part, error) {
	brought := make(map[connector.PartKey]bool, len(r.parts))
	for _, p := range r.parts {
		brought[p.PartKey] = true
	}
	stored, err := broughtBy(ctx, tx, each, r.due.Unit)
	if err != nil {
		return nil, err
	}
	gone := slices.DeleteFunc(stored, func(k connector.PartKey) bool { return brought[k] })
	return append(observed(r), withdrawn(gone, r.observed)...), nil
}
