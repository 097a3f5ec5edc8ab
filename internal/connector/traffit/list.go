package traffit

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

const (
	// pageSize is the most that every listing but one takes; above it some answer 400 and others
	// cut silently (seen).
	pageSize = 100
	// sourcePage is the most that the list of sources takes; above it, it answers 500. On some
	// tenants the limit is sourceSlice, and single pages fail at any size (seen).
	sourcePage, sourceSlice = 50, 10
	// maxUndeclared bounds a listing that does not say how long it is.
	maxUndeclared = 50

	// byID is the sort that the Integration API takes (seen; it may ignore it).
	byID = `{"id":"ASC"}`
	// byIDPublic is the spelling of the public feed (documented).
	byIDPublic = `{"sort_by":"id","direction":"ASC"}`
)

// listing is one page of a listing.
type listing struct {
	total, pages, size int
	body               []byte
	sent               ats.Time
}

// list reads page n of a listing. Its length says nothing: pages in the middle come up short
// (seen), so that only the declared numbers count.
func (c *client) list(ctx context.Context, r call, n int) (listing, error) {
	r.page = n
	a, err := c.rows(ctx, r)
	if err != nil {
		return listing{}, err
	}
	total, declared := headerInt(a.header, "X-Result-Total-Count")
	if !declared {
		return c.undeclared(ctx, r, a)
	}
	l := listing{total: total, size: r.size, body: a.body, sent: a.sent}
	if size, ok := headerInt(a.header, "X-Result-Page-Size"); ok && size > 0 {
		l.size = size
	}
	if pages, ok := headerInt(a.header, "X-Result-Total-Pages"); ok {
		l.pages = min(pages, total+maxUndeclared) // a page has a row, but totals are not always right
	} else {
		l.pages = (total-1)/l.size + 1
	}
	l.pages = max(1, l.pages) // an empty listing has its first page, too
	return l, nil
}

// rows sends a call whose answer must be a list.
func (c *client) rows(ctx context.Context, r call) (*answer, error) {
	a, err := c.get(ctx, r)
	if errors.Is(err, connector.ErrGone) {
		return nil, r.problem(http.StatusNotFound, "TRAFFIT has no such listing")
	}
	if err != nil {
		return nil, err
	}
	if a.body[0] != '[' {
		return nil, r.problem(http.StatusOK, "the answer is an object where a list belongs")
	}
	return a, nil
}

// undeclared reads a listing whose answers do not say how long it is (guess: short ones may
// not). It is read to its end, which only an empty page proves, or the same page once more
// from an endpoint that knows no pages, and counts as one page.
func (c *client) undeclared(ctx context.Context, r call, first *answer) (listing, error) {
	l := listing{pages: 1, size: r.size, body: []byte("[]"), sent: first.sent}
	if r.page > 1 {
		return l, nil
	}
	var all []any
	last := first.body
	for a := first; ; {
		v, err := decode(a.body)
		if err != nil {
			return listing{}, r.problem(http.StatusOK, "the answer is broken JSON")
		}
		rows, _ := v.([]any)
		if len(rows) == 0 || r.page > 1 && bytes.Equal(a.body, last) {
			break
		}
		all, last = append(all, rows...), a.body
		if r.short && len(rows) < r.size {
			break
		}
		if r.page++; r.page > maxUndeclared {
			return listing{}, r.problem(http.StatusOK, "the answers do not say how many rows there are, and there is no end after %d pages", maxUndeclared)
		}
		if a, err = c.rows(ctx, r); err != nil {
			return listing{}, err
		}
	}
	l.total = len(all)
	if all != nil {
		l.body = encode(all)
	}
	return l, nil
}

// all reads a listing to its end.
func (c *client) all(ctx context.Context, r call) (rows []object, total int, sent ats.Time, err error) {
	r.size = pageSize
	for n, pages := 1, 1; n <= pages; n++ {
		l, err := c.list(ctx, r, n)
		if err != nil {
			return nil, 0, sent, err
		}
		if n == 1 {
			sent = l.sent
		}
		pages, total = l.pages, l.total
		page, err := l.objects(r)
		if err != nil {
			return nil, 0, sent, err
		}
		rows = append(rows, page...)
	}
	return rows, total, sent, nil
}

// objects decodes the rows. Rows that are no objects are kept as nil, so that they count.
func (l listing) objects(r call) ([]object, error) {
	v, err := decode(l.body)
	if err != nil {
		return nil, r.problem(http.StatusOK, "the answer is broken JSON")
	}
	list, _ := v.([]any)
	rows := make([]object, len(list))
	for i, row := range list {
		rows[i] = asObject(row)
	}
	return rows, nil
}

// step makes a listing into a step of the plan; parts cuts a row into its parts.
func (c *client) step(r call, parts func(row object, sent ats.Time) []connector.Part, covers ...connector.Cover) *connector.List {
	return &connector.List{
		Covers: covers,
		Page: func(ctx context.Context, n int) (connector.Page, error) {
			l, err := c.list(ctx, r, n)
			if err != nil {
				return connector.Page{}, err
			}
			return l.page(r, parts), nil
		},
	}
}

func (l listing) page(r call, parts func(row object, sent ats.Time) []connector.Part) connector.Page {
	return connector.Page{
		Total: l.total, Pages: l.pages, Size: l.size, Body: l.body,
		Rows: func() ([]connector.Row, error) {
			objects, err := l.objects(r)
			if err != nil {
				return nil, err
			}
			rows := make([]connector.Row, len(objects))
			for i, o := range objects {
				rows[i].Parts = parts(o, l.sent)
			}
			return rows, nil
		},
	}
}

// maxDeclared bounds the numbers that answers declare; walks are planned with them.
const maxDeclared = 1e9

// headerInt reads a number of the answer's header.
func headerInt(h http.Header, name string) (int, bool) {
	n, err := strconv.Atoi(h.Get(name))
	return n, err == nil && n >= 0 && n <= maxDeclared
}
