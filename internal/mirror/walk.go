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
type walkCursor struct {
	Next   int   `json:"next"`             // the next page to read
	Total  int   `json:"total"`            // what the page before it declared
	Holes  int   `json:"holes"`            // rows that read pages declared but did not show
	Back   int   `json:"back,omitempty"`   // a page to step back to before going on: rows may have moved there
	Failed []int `json:"failed,omitempty"` // pages that could not be read
	Again  bool  `json:"again,omitempty"`  // this is the second walk, after rows had moved unnoticed
}

// oldResume is how long a walk may rest before it steps back a page when it goes on.
const oldResume = 10 * time.Minute

// downAfter is how many pages in a row must fail before the ATS counts as down rather than the pages as broken.
const downAfter = 3

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
	var c walkCursor
	if s.Cursor == "" {
		c.Next = 1
	} else if err := json.Unmarshal([]byte(s.Cursor), &c); err != nil {
		return fmt.Errorf("read the cursor of %s: %w", p.Name, err)
	}
	last, err := w.Store.LastWalk(ctx, w.run.Integration, p.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if last.Run == w.run.ID {
		return nil // a worker that died had come to the walk's end
	}
	if s.Cursor == "" {
		if _, err := w.write(ctx, func(tx *store.Tx) error { return tx.DropUnfinished(ctx, p.Name, w.run.ID) }); err != nil {
			return err
		}
	}
	if c.Next > 1 && c.Back == 0 {
		before, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, c.Next-1)
		if err == nil && w.Store.Now()-before.ObservedAt > oldResume.Milliseconds() {
			c.Back = c.Next - 1
		}
	}
	for {
		if err := w.walkPages(ctx, p, s, &c, last); err != nil {
			return err
		}
		seen, err := w.Store.Seen(ctx, w.run.Integration, p.Name, w.run.ID)
		if err != nil {
			return err
		}
		lost := 0
		if len(p.List.Covers) > 0 && len(c.Failed) == 0 {
			lost = max(0, c.Total-c.Holes-distinct(p.List, seen))
		}
		if lost > 0 && !c.Again {
			// Rows moved between the pages in a way that no total showed: read everything once more.
			w.Log.InfoContext(ctx, "rows moved during the walk, walking again", "step", p.Name, "lost", lost)
			c = walkCursor{Next: 1, Again: true}
			continue
		}
		return w.conclude(ctx, p, s, c, last, seen, lost)
	}
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

// rowKey is the key of a part in a walk. Its lowest bit tells the first cover from the others.
func rowKey(k connector.PartKey, cover int) uint64 {
	h := store.KeyHash(k) &^ 1
	if cover > 0 {
		h |= 1
	}
	return h
}

// walkPages reads the pages that are left.
func (w *work) walkPages(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	if err := w.stepBack(ctx, p, s, c, last); err != nil {
		return err
	}
	ahead := w.pagesAhead(ctx, p.List, c.Next)
	defer ahead.stop()
	failedInRow := 0
	for {
		f := ahead.next(ctx)
		if f.err != nil {
			if ctx.Err() != nil || !pageFault(f.err) {
				return f.err
			}
			if failedInRow++; failedInRow >= downAfter || c.Next == 1 && ahead.pages == 0 {
				return f.err
			}
			c.Failed = append(c.Failed, f.number)
			continue
		}
		failedInRow = 0
		if f.page.Pages < f.number && f.page.Total >= c.Total { // beyond the end, and nothing moved
			return w.saveCursor(ctx, s, c)
		}
		if err := w.commitPage(ctx, p, s, c, last, f, false); err != nil {
			return err
		}
		if err := w.stepBack(ctx, p, s, c, last); err != nil {
			return err
		}
		if f.number >= f.page.Pages {
			return w.saveCursor(ctx, s, c)
		}
		if w.over() && ahead.empty() {
			return errSliceOver
		}
	}
}

// pageFault reports whether an error concerns a page and not the whole step or run.
func pageFault(err error) bool {
	_, retry := errors.AsType[*connector.RetryError](err)
	_, answer := errors.AsType[*connector.AnswerError](err)
	return retry || answer
}

// stepBack reads pages again after the total fell: rows that were on the next page moved to one
// already read. It goes back until a page shows a row that an earlier read of it showed too; then
// no row can lie between.
func (w *work) stepBack(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk) error {
	for c.Back > 0 {
		before, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, c.Back)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		f := w.fetch(ctx, p.List, c.Back)
		if f.err != nil {
			return f.err
		}
		if f.page.Pages < c.Back { // the list has become shorter than that
			c.Back = f.page.Pages
			continue
		}
		_, keys, _, err := contents(p.List, f)
		if err != nil {
			return err
		}
		// Where to go on is saved with the page: once it is stored, it would overlap with itself.
		c.Back--
		if len(p.List.Covers) == 0 || slices.ContainsFunc(keys, func(k uint64) bool {
			_, found := slices.BinarySearch(before.Keys, k)
			return found
		}) {
			c.Back = 0
		}
		if err := w.commitPage(ctx, p, s, c, last, f, true); err != nil {
			return err
		}
	}
	return nil
}

// contents decodes a page into its parts, the keys of those that the listing covers, and the
// number of its rows.
func contents(l *connector.List, f fetched) (parts []connector.Part, keys []uint64, n int, err error) {
	rows, err := f.page.Rows()
	if err != nil {
		return nil, nil, 0, err
	}
	for _, r := range rows {
		for _, part := range r.Parts {
			part.ObservedAt = ats.Milli(f.observed)
			parts = append(parts, part)
			n := slices.IndexFunc(l.Covers, func(k connector.Cover) bool { return k.Entity == part.Entity && k.Kind == part.Kind })
			if n >= 0 {
				keys = append(keys, rowKey(part.PartKey, n))
			}
		}
	}
	return parts, keys, len(rows), nil
}

func (w *work) saveCursor(ctx context.Context, s *store.RunStep, c *walkCursor) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.Cursor = string(b)
	_, err = w.write(ctx, func(tx *store.Tx) error { return w.save(ctx, tx, s) })
	return err
}

// commitPage stores a page: its parts, the records they fold into, its keys, and the progress, in
// one transaction. A page that is to the byte that of the last walk brings nothing new.
func (w *work) commitPage(ctx context.Context, p connector.Step, s *store.RunStep, c *walkCursor, last store.Walk, f fetched, back bool) error {
	row := store.PageRow{
		Step: p.Name, Page: f.number, Total: f.page.Total, Size: f.page.Size,
		ObservedAt: f.observed, Hash: store.Digest(append([]byte(w.conn.Revision()+"\x00"), f.page.Body...)),
	}
	earlier, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, w.run.ID, f.number)
	again := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var parts []connector.Part
	same := false
	if last.Run != "" && !again {
		before, err := w.Store.PageOf(ctx, w.run.Integration, p.Name, last.Run, f.number)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if same = err == nil && before.Hash == row.Hash; same {
			row.Rows, row.Keys = before.Rows, before.Keys
		}
	}
	if !same {
		if parts, row.Keys, row.Rows, err = contents(p.List, f); err != nil {
			return err
		}
	}
	if again { // rows that have left this page were seen all the same
		row.Keys, row.Hash = append(row.Keys, earlier.Keys...), ""
	}
	slices.Sort(row.Keys)
	row.Keys = slices.Compact(row.Keys)
	w.Point("page fetched")
	s.Total = new(int64(f.page.Total))
	if !again {
		s.Done += int64(row.Rows)
	}
	if !back {
		c.Holes += holes(f.page, f.number, row.Rows)
		if f.number > 1 && f.page.Total < c.Total {
			c.Back = f.number - 1
		}
		c.Next, c.Total = f.number+1, f.page.Total
	}
	return w.commitParts(ctx, s, c, parts, &row)
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
		if row == nil {
			return nil
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
	return nil
}

func count(s *store.RunStep, w store.Written) {
	s.Written += w.Created + w.Updated
	s.Deleted += w.Deleted
}
