package traffit

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// mostPages bounds the search for the end of a listing.
const mostPages = 1 << 20

// length is how long a listing is that does not say so itself, in pages of the size that was asked for.
type length struct{ total, pages, size, asked int }

// undeclared reads a page of a listing whose answers do not say how long it is. On its first page
// the end is looked for, with about twice as many requests as the number of pages has binary
// digits; the answer is used for the other pages of the walk, and for their slices.
func (c *client) undeclared(ctx context.Context, r call, a *answer) (listing, error) {
	known := c.habits.get(r.path).length
	measured := known.pages > 0
	if !measured || r.size > known.asked || r.page == 1 && r.size == known.asked {
		first := a
		if r.page > 1 {
			again := r
			again.page = 1
			var err error
			if first, err = c.rows(ctx, again); err != nil {
				return listing{}, err
			}
		}
		var err error
		if known, err = c.measure(ctx, r, first.body); err != nil {
			return listing{}, err
		}
		known.asked = r.size
		if known.pages > 1 || measured { // or every candidate's tags would be remembered
			c.habits.note(r.path, func(h *habit) { h.length = known })
		}
	}
	l := listing{total: known.total, pages: known.pages, size: known.size, body: a.body, sent: a.sent}
	if r.size < known.asked {
		l.pages, l.size = max(1, (known.total-1)/r.size+1), r.size
	}
	if r.page > l.pages {
		l.body = []byte("[]") // where a page beyond the end answers the last one once more
	}
	return l, nil
}

// measure finds the end of a listing: the first page after which nothing new comes, be it that
// later ones are empty, refused, or the same once more.
func (c *client) measure(ctx context.Context, r call, first []byte) (length, error) {
	size, err := countRows(first)
	if err != nil {
		return length{}, r.problem(http.StatusOK, "the answer is broken JSON")
	}
	if size == 0 || r.short && size < r.size {
		return length{total: size, pages: 1, size: max(r.size, 1)}, nil
	}
	page := func(n int) ([]byte, error) {
		r.page = n
		a, err := c.rows(ctx, r)
		if err != nil && isRefusal(err) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
		if n, err := countRows(a.body); err != nil || n == 0 {
			return nil, err
		}
		return a.body, nil
	}
	// low is a page with rows, last its body; high is a page without, or one with the same rows.
	low, high, last, repeats := 1, 1, first, false
	for {
		if high *= 2; high > mostPages {
			return length{}, r.problem(http.StatusOK, "the answers do not say how many rows there are, and there is no end after %d pages", mostPages)
		}
		body, err := page(high)
		if err != nil {
			return length{}, err
		}
		if repeats = body != nil && sameRows(body, last); repeats || body == nil {
			break
		}
		low, last = high, body
	}
	if repeats { // low is the end or beyond it already
		low, high = low/2, low
	}
	for high-low > 1 {
		middle := (low + high) / 2
		body, err := page(middle)
		if err != nil {
			return length{}, err
		}
		if body == nil || repeats && sameRows(body, last) {
			high = middle
		} else if low = middle; !repeats {
			last = body
		}
	}
	if repeats {
		low = high
	}
	tail, err := countRows(last)
	if err != nil {
		return length{}, r.problem(http.StatusOK, "the answer is broken JSON")
	}
	if low == 1 {
		size = max(r.size, tail) // one page says nothing about the size that is applied
	}
	return length{total: (low-1)*size + tail, pages: low, size: size}, nil
}

// sameRows reports whether two pages are one and the same. The bytes may differ, since TRAFFIT
// answers keys in any order (seen).
func sameRows(a, b []byte) bool {
	ids := func(body []byte) []string {
		v, _ := decode(body)
		list, _ := v.([]any)
		var ids []string
		for _, row := range list {
			ids = append(ids, asObject(row).id("id"))
		}
		return ids
	}
	return slices.Equal(ids(a), ids(b))
}

// countRows is how many elements a JSON list has.
func countRows(body []byte) (int, error) {
	var rows []json.RawMessage
	err := json.Unmarshal(body, &rows)
	return len(rows), err
}
