package traffit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"

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
	// mostPages bounds the search for the end of a listing that does not say how long it is.
	mostPages = 1 << 20
)

// The spellings of a sort by ID, in the order in which they are tried on the Integration API: the
// first is the one that was seen to work there, the second that of the documentation of the
// public feed. An API that takes neither decides on the order itself.
const (
	byID       = `{"id":"ASC"}`
	byIDPublic = `{"sort_by":"id","direction":"ASC"}`
)

var spellings = []string{byID, byIDPublic, ""}

// habits are what was learned of a tenant's listings, by path.
type habits struct {
	mu      sync.Mutex
	lengths map[string]length // of those that do not tell
	sorts   map[string]int    // the spelling that works
	sizes   map[string]int    // the page size that is applied, where it is not the one asked for
	sliced  map[string]bool   // read in slices from the start, since whole pages fail
	nulls   map[string]bool   // holds null for something
	fragile map[string]bool   // pages fail for the sake of single rows, so few attempts are made at them
}

func newHabits() *habits {
	return &habits{
		lengths: map[string]length{}, sorts: map[string]int{}, sizes: map[string]int{},
		sliced: map[string]bool{}, nulls: map[string]bool{}, fragile: map[string]bool{},
	}
}

// length is how long a listing is that does not say so itself.
type length struct{ total, pages, size int }

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
	if l.size < r.size && l.size > 1 && r.sort != "" {
		c.habits.mu.Lock()
		c.habits.sizes[r.path] = l.size
		c.habits.mu.Unlock()
	}
	if pages, ok := headerInt(a.header, "X-Result-Total-Pages"); ok {
		l.pages = min(pages, total+maxUndeclared) // a page has a row, but totals are not always right
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

// sorted sends a call for rows. When its sort is refused, or the first page shows that it was
// ignored, the other spellings are tried; what works is remembered.
func (c *client) sorted(ctx context.Context, r call) (*answer, error) {
	if r.sort != byID {
		return c.rows(ctx, r)
	}
	c.habits.mu.Lock()
	known, tried := c.habits.sorts[r.path]
	c.habits.mu.Unlock()
	r.sort = spellings[known]
	a, err := c.rows(ctx, r)
	ignored := err == nil && r.page == 1 && !tried && !ascending(a.body)
	if !ignored && (err == nil || !badRequest(err)) {
		return a, err
	}
	for i, spelling := range spellings {
		if i == known {
			continue
		}
		again := r
		again.sort = spelling
		b, other := c.rows(ctx, again)
		if other != nil || ignored && !ascending(b.body) {
			continue
		}
		c.remember(r.path, i)
		return b, nil
	}
	if ignored {
		c.remember(r.path, known) // no spelling is heeded, so the first is as good as any
	}
	return a, err
}

func (c *client) remember(path string, spelling int) {
	c.habits.mu.Lock()
	defer c.habits.mu.Unlock()
	c.habits.sorts[path] = spelling
}

func badRequest(err error) bool {
	answer, ok := errors.AsType[*connector.AnswerError](err)
	return ok && answer.Status == http.StatusBadRequest
}

// ascending reports whether rows come in the order of their IDs.
func ascending(body []byte) bool {
	var rows []struct{ ID json.Number }
	if json.Unmarshal(body, &rows) != nil {
		return true // nothing to judge by
	}
	return slices.IsSortedFunc(rows, func(a, b struct{ ID json.Number }) int {
		return compareIDs(a.ID.String(), b.ID.String())
	})
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

// undeclared reads a page of a listing whose answers do not say how long it is. On its first page
// the end is looked for, with about twice as many requests as the number of pages has binary
// digits; the answer is used for the other pages of the walk.
func (c *client) undeclared(ctx context.Context, r call, a *answer) (listing, error) {
	c.habits.mu.Lock()
	known, measured := c.habits.lengths[r.path]
	c.habits.mu.Unlock()
	if !measured || r.page == 1 {
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
		if known.pages > 1 { // or every candidate's tags would be remembered
			c.habits.mu.Lock()
			c.habits.lengths[r.path] = known
			c.habits.mu.Unlock()
		}
	}
	l := listing{total: known.total, pages: known.pages, size: known.size, body: a.body, sent: a.sent}
	if r.page > known.pages {
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

// page reads page n of a listing that is walked. Single pages fail for good on some tenants, and
// the page size that an endpoint bears may be smaller than that of others (both seen with the
// sources): such a page is read in slices, and a slice that fails row by row.
func (c *client) page(ctx context.Context, r call, n int) (listing, error) {
	c.habits.mu.Lock()
	if n == 1 {
		delete(c.habits.sliced, r.path) // each walk finds out anew
		delete(c.habits.fragile, r.path)
	}
	sliced := c.habits.sliced[r.path]
	r.brief = c.habits.fragile[r.path]
	c.habits.mu.Unlock()
	if sliced {
		if l, err := c.slices(ctx, r, n); err == nil {
			return l, nil
		}
	}
	l, err := c.list(ctx, r, n)
	if !broken(err) {
		return l, err
	}
	whole, cut := c.slices(ctx, r, n)
	if cut != nil {
		return listing{}, err
	}
	c.habits.mu.Lock()
	defer c.habits.mu.Unlock()
	if whole.lost == nil {
		c.habits.sliced[r.path] = true
	} else {
		c.habits.fragile[r.path] = true
	}
	return whole, nil
}

// slices reads page n in slices, and by row where a slice fails. It fails when none of a few rows
// of the page can be read: then it is not they that are broken.
func (c *client) slices(ctx context.Context, r call, n int) (listing, error) {
	c.habits.mu.Lock()
	size, ok := c.habits.sizes[r.path]
	c.habits.mu.Unlock()
	if !ok {
		size = r.size
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
		if err == nil {
			if err := add(l); err != nil {
				return listing{}, err
			}
			continue
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
	c.habits.mu.Lock()
	if n == 1 {
		delete(c.habits.nulls, r.path)
	}
	if bytes.Contains(l.body, []byte(":null")) {
		c.habits.nulls[r.path] = true
	}
	known := c.habits.nulls[r.path]
	c.habits.mu.Unlock()
	if known || r.path == candidates {
		return known
	}
	rows, err := l.objects(r)
	if err != nil || !slices.ContainsFunc(rows, func(o object) bool { return r.keys.lacking(o, true) != nil }) {
		return false // it makes no difference
	}
	a, err := c.rows(ctx, call{path: candidates, scope: "employee", page: 1, size: pageSize})
	return err == nil && bytes.Contains(a.body, []byte(":null"))
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
