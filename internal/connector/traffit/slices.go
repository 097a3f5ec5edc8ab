package traffit

import (
	"context"
	"errors"
	"net/http"

	"github.com/kladka/kladka/internal/connector"
)

// page reads page n of a listing that is walked. Single pages fail for good on some tenants, and
// the page size that an endpoint bears may be smaller than that of others (both seen with the
// sources): such a page is read in slices, and a slice that fails row by row.
func (c *client) page(ctx context.Context, r call, n int) (listing, error) {
	known := c.habits.get(r.path)
	if n == 1 && (known.sliced || known.fragile) { // each walk finds out anew
		known = c.habits.note(r.path, func(h *habit) { h.sliced, h.fragile = false, false })
	}
	r.brief = known.fragile
	if known.sliced {
		if l, err := c.slices(ctx, r, n); err == nil {
			return l, nil
		}
	}
	l, err := c.list(ctx, r, n)
	if err == nil && l.size > 1 && l.size != known.size {
		c.habits.note(r.path, func(h *habit) { h.size = l.size })
	}
	if !broken(err) {
		return l, err
	}
	whole, cut := c.slices(ctx, r, n)
	switch {
	case cut != nil && beyondRows(cut):
		return listing{}, cut
	case cut != nil:
		return listing{}, err
	}
	c.habits.note(r.path, func(h *habit) { h.sliced, h.fragile = whole.lost == nil, whole.lost != nil })
	return whole, nil
}

// beyondRows reports whether an error is about more than the rows that were asked for: TRAFFIT wants to be
// asked later, or does not take the token any more.
func beyondRows(err error) bool {
	answer, answered := errors.AsType[*connector.AnswerError](err)
	if !answered {
		return !errors.Is(err, errRestless)
	}
	return passing(answer.Status) && !broken(err)
}

// errRestless means that the slices of a page do not fit together: rows came or went meanwhile, and
// those that moved to a slice that was read before were not seen; or the slices are smaller than asked.
var errRestless = errors.New("the listing changed while a page was read in slices")

// steady is how often a page is read in slices until its listing keeps still.
const steady = 3

// slices reads page n in slices, all of one state of the listing as far as its total tells.
func (c *client) slices(ctx context.Context, r call, n int) (l listing, err error) {
	for range steady {
		if l, err = c.slicesOnce(ctx, r, n); !errors.Is(err, errRestless) {
			break
		}
	}
	return l, err
}

// slicesOnce reads page n in slices, and by row where a slice fails. It fails when none of a few rows
// of the page can be read: then it is not they that are broken.
func (c *client) slicesOnce(ctx context.Context, r call, n int) (listing, error) {
	size := r.size
	if applied := c.habits.get(r.path).size; applied > 0 {
		size = applied
	}
	r.brief = true
	part := func(size, n int) (listing, error) {
		r := r
		r.size = size
		return c.list(ctx, r, n)
	}
	first, last := (n-1)*size, n*size
	var sound listing
	var err error
	for _, at := range []int{first, first + size/2, last - 1} {
		if sound, err = part(1, at+1); err == nil {
			break
		}
	}
	if err != nil {
		return listing{}, err
	}
	page := listing{total: sound.total, pages: max(1, (sound.total+size-1)/size), size: size, sent: sound.sent}
	last = min(last, sound.total)
	all := []any{}
	add := func(l listing) error {
		if l.total != sound.total {
			return errRestless
		}
		v, err := decode(l.body)
		if err != nil {
			return r.problem(http.StatusOK, "the answer is broken JSON")
		}
		rows, _ := v.([]any)
		all = append(all, rows...)
		return nil
	}
	slice := min(sliceSize, size)
	for from := first - first%slice; from < last; from += slice {
		l, err := part(slice, from/slice+1)
		if err == nil && l.size > 1 && l.size < slice { // no whole page had shown it
			c.habits.note(r.path, func(h *habit) { h.size = l.size })
			return listing{}, errRestless
		}
		if err == nil {
			if err := add(l); err != nil {
				return listing{}, err
			}
			continue
		}
		if beyondRows(err) {
			return listing{}, err
		}
		for at := max(from, first); at < min(from+slice, last); at++ {
			l, err := part(1, at+1)
			switch {
			case err == nil:
				if err := add(l); err != nil {
					return listing{}, err
				}
			case broken(err):
				page.lost = append(page.lost, at+1)
			default:
				return listing{}, err
			}
		}
	}
	page.body = encode(all)
	return page, nil
}

// broken reports whether TRAFFIT failed at a request in the way it does for single rows (seen).
func broken(err error) bool {
	answer, ok := errors.AsType[*connector.AnswerError](err)
	return ok && answer.Status == http.StatusInternalServerError
}
