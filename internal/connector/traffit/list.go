package traffit

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

const (
	// pageSize is the most that every listing but one takes; above it some answer 400 and others
	// cut silently (seen).
	pageSize = 100
	// sourcePage is the most that the list of sources takes; above it, it answers 500. On some
	// tenants the limit is sliceSize, and single pages fail at any size (seen).
	sourcePage = 50
	// sliceSize is the size in which a page is read that cannot be read as a whole.
	sliceSize = 10
	// strayPages is how many pages more may be declared than the declared rows would fill.
	strayPages = 50
)

// listing is one page of a listing.
type listing struct {
	total, pages, size int
	body               []byte
	sent               ats.Time
	lost               []int // the numbers, from 1, of rows that TRAFFIT could not answer
	sendsNull          bool  // what is empty comes as null
}

// list reads page n of a listing. Its length says nothing: pages in the middle come up short
// (seen), so that only the declared numbers count.
func (c *client) list(ctx context.Context, r call, n int) (listing, error) {
	r.page = n
	a, err := c.sorted(ctx, r)
	if err != nil && n > 1 && isRefusal(err) {
		return c.beyond(ctx, r, n, err)
	}
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
		l.pages = min(pages, total+strayPages) // a page has a row, but totals are not always right
	} else {
		l.pages = (total-1)/l.size + 1
	}
	l.pages = max(1, l.pages) // an empty listing has its first page, too
	return l, nil
}

// isRefusal reports whether TRAFFIT did not like a request.
func isRefusal(err error) bool {
	answer, ok := errors.AsType[*connector.AnswerError](err)
	return ok && (answer.Status == http.StatusBadRequest || answer.Status == http.StatusNotFound)
}

// beyond answers for a page that was refused: as an empty one when the listing ends before it.
// Whether TRAFFIT refuses such pages is not known.
func (c *client) beyond(ctx context.Context, r call, n int, refusal error) (listing, error) {
	l, err := c.list(ctx, r, 1)
	if err != nil || l.pages >= n {
		return listing{}, refusal
	}
	l.body = []byte("[]")
	return l, nil
}

// rows sends a call whose answer must be a list.
func (c *client) rows(ctx context.Context, r call) (*answer, error) {
	if r.form == formAny {
		r.form = formRows
	}
	a, err := c.get(ctx, r)
	if errors.Is(err, connector.ErrGone) {
		return nil, r.problem(http.StatusNotFound, "TRAFFIT has no such listing")
	}
	if err == nil && r.form == formItems {
		list, _ := itemsOf(a.body) // it has the form, as was checked
		a.body = encode(append([]object{}, list...))
	}
	return a, err
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

// objects decodes the rows of one page.
func (a *answer) objects() ([]object, error) { return listing{body: a.body}.objects(a.call) }

// step makes a listing into a step of the plan; parts cuts a row into its parts.
func (c *client) step(r call, parts func(row object, sent ats.Time) []connector.Part, covers ...connector.Cover) *connector.List {
	return &connector.List{
		Covers: covers,
		Page: func(ctx context.Context, n int) (connector.Page, error) {
			l, err := c.page(ctx, r, n)
			if err != nil {
				return connector.Page{}, err
			}
			if r.keys != nil {
				l.sendsNull = c.sendsNull(ctx, r, n, l)
			}
			return l.page(r, parts), nil
		},
	}
}

// sendsNull reports whether a listing sends null for what is empty, as far as its walk has come. A
// listing that shows none is judged by the candidates, of whom hardly one has everything.
func (c *client) sendsNull(ctx context.Context, r call, n int, l listing) bool {
	const candidates = api + "/employees/"
	shown := showsNull(l.body)
	known := c.habits.note(r.path, func(h *habit) {
		h.judged = h.judged && n > 1
		h.sendsNull = shown || h.sendsNull && n > 1
	})
	if known.sendsNull || known.judged || r.path == candidates {
		return known.sendsNull
	}
	rows, err := l.objects(r)
	if err != nil || !slices.ContainsFunc(rows, func(o object) bool { return r.keys.lacking(o, true) != nil }) {
		return false // it makes no difference
	}
	a, err := c.rows(ctx, call{path: candidates, scope: "employee", page: 1, size: pageSize})
	if err != nil {
		return false
	}
	others := showsNull(a.body)
	c.habits.note(r.path, func(h *habit) { h.judged, h.sendsNull = true, others })
	return others
}

// showsNull reports whether a row of a listing has null for a field. Null within a field says nothing:
// places have it that were written with no more than is known of them.
func showsNull(body []byte) bool {
	if !bytes.Contains(body, []byte("null")) {
		return false
	}
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case 'n': // of null: nothing else begins with it
			if depth == 2 {
				return true
			}
		}
	}
	return false
}

func (l listing) page(r call, parts func(row object, sent ats.Time) []connector.Part) connector.Page {
	return connector.Page{
		Total: l.total, Pages: l.pages, Size: l.size, Lost: l.lost, Body: l.body,
		Rows: func() ([]connector.Row, error) {
			objects, err := l.objects(r)
			if err != nil {
				return nil, err
			}
			rows := make([]connector.Row, len(objects))
			for i, o := range objects {
				rows[i] = connector.Row{Parts: parts(o, l.sent), Key: o.id("id")}
			}
			if r.keys != nil {
				sparse(rows, objects, *r.keys, l.sendsNull, func(o object) []connector.Part { return parts(o, l.sent) })
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
