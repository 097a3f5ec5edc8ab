package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// walkCursor is how far a walk has come. Its pages are rows of the store.
//
// A walk goes from the last page to the first. Listings are sorted by ID, so new rows come at the
// end and move nothing, and when an early row goes, those behind it move to pages that are still
// to be read: they are seen twice, never not at all. Only pages that were asked for at the same
// time may be answered in another order. A total that rises from one page to the next tells that
// (checkPages); where an insertion hid it, the place of a marked row does (moved), and a second pass
// asks for one page at a time. Where rows come in no order, passes go on until all were seen.
type walkCursor struct {
	Next      int    `json:"next"`             // the next page to read; 0 when all are
	Last      int    `json:"last"`             // the last page, as it was when the walk began
	LastTotal int    `json:"last_total"`       // the total that it declared
	Total     int    `json:"total"`            // the total that the page read last declared
	Holes     int    `json:"holes"`            // rows that read pages declared but did not show
	Check     int    `json:"check,omitempty"`  // a page to read again before going on: rows may have moved there
	Mark      int    `json:"mark,omitempty"`   // where the marked row stood, from 0
	Marked    uint64 `json:"marked,omitempty"` // the key of the marked row: the first of the last page
	Failed    []int  `json:"failed,omitempty"` // pages that could not be read
	Lost      []int  `json:"lost,omitempty"`   // rows that could not be read, of pages that could
	Pass      int    `json:"pass,omitempty"`   // how often the listing was walked before, in this walk
	Moving    bool   `json:"moving,omitempty"` // a page showed rows in this pass that it had not shown before
	Salt      string `json:"salt,omitempty"`   // by which the keys of its pages were made
}

// maxPasses bounds how often a listing is walked whose rows move. Each pass over rows in random
// order sees two thirds of those not seen yet.
const maxPasses = 12

// oldResume is how long a walk may rest before it reads its last page again when it goes on.
const oldResume = 10 * time.Minute

// fetched is the answer for one page.
type fetched struct {
	number   int
	observed int64 // when the request was sent
	page     connector.Page
	err      error
}

// walk reads a listing page by page. Pages are asked for ahead and committed in order, each with
// the progress it means. At the end it draws the conclusions that a complete walk allows.
func (w *work) walk(ctx context.Context, p connector.Step, s *store.RunStep) error {
	last, err := w.Store.LastWalk(ctx, w.run.Integration, p.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if last.Run == w.run.ID {
		return nil // a worker that died had come to the walk's end
	}
	var c walkCursor
	if s.Cursor != "" {
		if err := json.Unmarshal([]byte(s.Cursor), &c); err != nil {
			return fmt.Errorf("read the cursor of %s: %w", p.Name, err)
		}
		if c.Salt != w.saltName() { // its keys cannot be compared
			s.Cursor, s.Done = "", 0
			if _, err := w.write(ctx, func(tx *store.Tx) error { return tx.DropPages(ctx, p.Name, w.run.ID) }); err != nil {
				return err
			}
		}
	}
	if s.Cursor == "" {
		c = walkCursor{Salt: w.saltName()}
		if _, err := w.write(ctx, func(tx *store.Tx) error { return tx.DropUnfinished(ctx, p.Name, w.run.ID) }); err != nil {
			return err
		}
		if err := w.beginWalk(ctx, p, s, &c, last); err != nil {
			return err
		}
	} else if c.Check == 0 {
		before, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, c.Next+1)
		if err == nil && w.Store.Now()-before.ObservedAt > oldResume.Milliseconds() {
			c.Check = c.Next + 1
		}
	}
	for {
		if err := w.walkPages(ctx, p, s, &c, last); err != nil {
			return err
		}
		if err := w.retryFailed(ctx, p, s, &c, last); err != nil {
			return err
		}
		if err := w.readTail(ctx, p, s, &c, last); err != nil {
			return err
		}
		seen, err := w.Store.Seen(ctx, w.run.Integration, p.Name, w.run.ID)
		if err != nil {
			return err
		}
		lost := 0
		if len(c.Failed) == 0 {
			lost = max(0, c.Total-c.Holes-distinct(p.List, seen))
		}
		again := lost > 0 && (c.Pass == 0 || c.Moving && c.Pass+1 < maxPasses)
		if lost == 0 && c.Pass == 0 {
			if again, err = w.moved(ctx, p.List, c); err != nil {
				return err
			}
		}
		if again {
			w.Log.InfoContext(ctx, "rows moved during the walk, walking again", "step", p.Name, "missing", lost)
			c = walkCursor{Pass: c.Pass + 1, Salt: c.Salt}
			if err := w.beginWalk(ctx, p, s, &c, last); err != nil {
				return err
			}
			continue
		}
		return w.conclude(ctx, p, s, c, last, seen, lost)
	}
}

// beginWalk asks for the first page to learn how many there are. Where it is the only one, it is
// the whole walk.
func (w *work) beginWalk(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	f, err := w.mustFetch(ctx, p, 1)
	if err != nil {
		return err
	}
	c.Last, c.LastTotal, c.Total = max(1, f.page.Pages), f.page.Total, f.page.Total
	c.Next = c.Last
	if c.Last == 1 {
		return w.commitPage(ctx, p, s, c, last, f, false)
	}
	return nil
}

// moved reports whether rows moved in a way that the totals need not have shown: the marked row
// stands farther in front, and not by exactly as much as the total fell.
func (w *work) moved(ctx context.Context, l *connector.List, c walkCursor) (bool, error) {
	if c.Marked == 0 || len(c.Failed) > 0 {
		return false, nil
	}
	size := max(1, c.Mark/max(1, c.Last-1))
	f := w.fetch(ctx, l, (c.Mark-max(0, c.LastTotal-c.Total))/size+1)
	if f.err != nil {
		if pageFault(f.err) && !busy(f.err) {
			return true, nil // it cannot be ruled out
		}
		return false, f.err
	}
	_, keys, _, err := w.contents(l, f)
	if err != nil {
		return false, err
	}
	rows := slices.DeleteFunc(keys, func(k uint64) bool { return k&1 != 0 })
	at := slices.Index(rows, c.Marked)
	shift := c.Mark - ((f.number-1)*size + at)
	return at < 0 || shift != 0 && shift != c.LastTotal-f.page.Total, nil
}

// distinct is how many different rows a walk saw: those with a key of the first cover.
func distinct(l *connector.List, seen []uint64) int {
	if len(l.Covers) <= 1 {
		return len(seen)
	}
	rows := 0
	for _, k := range seen {
		if k&1 == 0 {
			rows++
		}
	}
	return rows
}

// walkPages reads the pages that are left.
func (w *work) walkPages(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	if err := w.checkPages(ctx, p, s, c, last); err != nil {
		return err
	}
	ahead := w.pagesAhead(ctx, p.List, c.Next, c.Pass > 0)
	defer ahead.stop()
	failedInRow := 0
	for c.Next > 0 {
		f := ahead.next(ctx)
		if f.err != nil {
			if ctx.Err() != nil || !pageFault(f.err) {
				return f.err
			}
			failedInRow++
			if err := w.endure(ctx, p.Name, failedInRow, f.err); err != nil {
				return err
			}
			c.Failed = append(c.Failed, f.number)
			c.Next = f.number - 1
			continue
		}
		failedInRow = 0
		if err := w.commitPage(ctx, p, s, c, last, f, false); err != nil {
			return err
		}
		if err := w.checkPages(ctx, p, s, c, last); err != nil {
			return err
		}
		if w.over() && ahead.empty() && c.Next > 0 {
			return errSliceOver
		}
	}
	return nil
}

// retryFailed reads pages once more that could not be read: what kept them away may be over.
func (w *work) retryFailed(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	if len(c.Failed) > hopeless {
		return nil
	}
	for _, n := range slices.Clone(c.Failed) {
		f := w.fetch(ctx, p.List, n)
		if f.err != nil {
			if ctx.Err() != nil || !pageFault(f.err) || busy(f.err) {
				return f.err
			}
			continue
		}
		_, _, rows, err := w.contents(p.List, f)
		if err != nil {
			return err
		}
		c.Failed = slices.DeleteFunc(c.Failed, func(failed int) bool { return failed == n })
		c.Holes += holes(f.page, n, rows)
		if err := w.commitPage(ctx, p, s, c, last, f, true); err != nil {
			return err
		}
	}
	return nil
}

// readTail reads the rows that came while the walk was under way.
func (w *work) readTail(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	if c.Total <= c.LastTotal {
		return nil
	}
	for n := c.Last; ; n++ {
		f, err := w.mustFetch(ctx, p, n)
		if err != nil {
			return err
		}
		if f.page.Pages >= n {
			if err := w.commitPage(ctx, p, s, c, last, f, true); err != nil {
				return err
			}
		}
		if n >= f.page.Pages {
			return nil
		}
	}
}

// checkPages reads pages again after the total rose from one page to the next. Either this page was
// answered before the one behind it, and a row moved to it since; or rows came that do not stand
// at the end, and others moved to pages that were read already. So it reads this page again, and
// then those behind it, until one shows a row that an earlier read of it showed too.
func (w *work) checkPages(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	for c.Check > 0 {
		before, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, c.Check)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		f, err := w.mustFetch(ctx, p, c.Check)
		if err != nil {
			return err
		}
		if f.page.Pages < c.Check { // behind the end
			c.Check = 0
			return nil
		}
		_, keys, _, err := w.contents(p.List, f)
		if err != nil {
			return err
		}
		// Where to go on is saved with the page: once it is stored, it would overlap with itself.
		itself := c.Check == c.Next+1
		c.Check++
		if !itself && slices.ContainsFunc(keys, func(k uint64) bool {
			_, found := slices.BinarySearch(before.Keys, k)
			return found
		}) {
			c.Check = 0
		}
		if err := w.commitPage(ctx, p, s, c, last, f, true); err != nil {
			return err
		}
	}
	return nil
}

// contents decodes a page into its parts, the keys of those that the listing covers, and the
// number of its rows.
func (w *work) contents(l *connector.List, f fetched) (parts []connector.Part, keys []uint64, n int, err error) {
	rows, err := f.page.Rows()
	if err != nil {
		return nil, nil, 0, err
	}
	for _, r := range rows {
		if len(l.Covers) == 0 && r.Key != "" {
			keys = append(keys, w.rowKey(connector.PartKey{Part: r.Key}, 0))
		}
		for _, part := range r.Parts {
			part.ObservedAt = ats.Milli(f.observed)
			parts = append(parts, part)
			n := slices.IndexFunc(l.Covers, func(k connector.Cover) bool { return k.Entity == part.Entity && k.Kind == part.Kind })
			if n >= 0 {
				keys = append(keys, w.rowKey(part.PartKey, n))
			}
		}
	}
	return parts, keys, len(rows), nil
}

// commitPage stores a page: its parts, the records they fold into, its keys, and the progress, in
// one transaction. A page that is to the byte that of the last walk brings nothing new.
func (w *work) commitPage(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk, f fetched, again bool) error {
	row := store.PageRow{
		Step: p.Name, Page: f.number, Total: f.page.Total, Size: f.page.Size,
		ObservedAt: f.observed, Hash: store.Digest(append([]byte(w.paging+"\x00"+w.saltName()+"\x00"), f.page.Body...)),
	}
	earlier, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, f.number)
	reread := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var parts []connector.Part
	same := false
	if last.Run != "" && !reread {
		before, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, last.Run, f.number)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if same = err == nil && before.Hash == row.Hash; same {
			row.Rows, row.Keys = before.Rows, before.Keys
		}
	}
	if !same {
		if parts, row.Keys, row.Rows, err = w.contents(p.List, f); err != nil {
			return err
		}
	}
	if reread { // rows that have left this page were seen all the same
		c.Moving = c.Moving || slices.ContainsFunc(row.Keys, func(k uint64) bool {
			_, before := slices.BinarySearch(earlier.Keys, k)
			return !before
		})
		row.Keys, row.Hash = append(row.Keys, earlier.Keys...), ""
	}
	slices.Sort(row.Keys)
	row.Keys = slices.Compact(row.Keys)
	for _, n := range f.page.Lost {
		if !slices.Contains(c.Lost, n) {
			c.Lost = append(c.Lost, n)
		}
		row.Hash = "" // next time it may be whole
	}
	w.Point("page fetched")
	s.Total = new(int64(f.page.Total))
	if !reread {
		s.Done += int64(row.Rows)
	}
	if !again {
		c.Holes += holes(f.page, f.number, row.Rows)
		if f.page.Total > c.Total {
			c.Check = f.number
		}
		if f.number == c.Last && c.Last > 1 && c.Pass == 0 {
			if err := w.mark(c, p.List, f); err != nil {
				return err
			}
		}
		c.Next, c.Total = f.number-1, f.page.Total
	}
	return w.commitParts(ctx, s, c, parts, &row)
}

// mark remembers where the first row of a page stands.
func (w *work) mark(c *walkCursor, l *connector.List, f fetched) error {
	_, keys, _, err := w.contents(l, f)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(keys, func(k uint64) bool { return k&1 == 0 }); i >= 0 {
		c.Mark, c.Marked = (f.number-1)*f.page.Size, keys[i]
	}
	return nil
}

// holes is how many rows a page declared but did not show.
func holes(p connector.Page, number, rows int) int {
	expected := min(p.Size, p.Total-(number-1)*p.Size)
	return max(0, expected-rows)
}

// commitParts writes parts and, with the last of them, the page and the step's progress. When a
// transaction takes too long, it is split.
func (w *work) commitParts(ctx context.Context, s *store.RunStep, c *walkCursor, parts []connector.Part, row *store.PageRow) error {
	saved := *s
	written, err := w.write(ctx, func(tx *store.Tx) error {
		changed, err := w.put(ctx, tx, parts)
		if err != nil {
			return err
		}
		if w.lacking > 0 {
			s.Missing += w.lacking
			s.Error = new("rows came without all of their fields")
		}
		if row == nil {
			return nil
		}
		if w.lacking > 0 {
			row.Hash = "" // nor must the page be skipped when it comes again
		}
		if c != nil {
			b, err := json.Marshal(c)
			if err != nil {
				return err
			}
			s.Cursor = string(b)
		}
		if err := tx.PutPage(ctx, w.run.ID, *row); err != nil {
			return err
		}
		s.Unchanged += max(0, int64(row.Rows-len(changed)))
		count(s, tx.Written())
		if err := w.save(ctx, tx, s); err != nil {
			return err
		}
		w.Point("before commit")
		return nil
	})
	if errors.Is(err, store.ErrSlow) && len(parts) > 1 {
		*s = saved
		half := len(parts) / 2
		if err := w.commitParts(ctx, s, nil, parts[:half], nil); err != nil {
			return err
		}
		return w.commitParts(ctx, s, c, parts[half:], row)
	}
	if err != nil {
		*s = saved
		return err
	}
	if row == nil {
		count(s, written)
		return nil
	}
	w.Point("after commit")
	return w.refreshStatistics(ctx, saved.Written, s.Written)
}

func count(s *store.RunStep, w store.Written) {
	s.Written += w.Created + w.Updated
	s.Deleted += w.Deleted
}
