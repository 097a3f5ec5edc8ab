package sandbox

import (
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
)

const defaultPage = 20 // guess

// listing is what an endpoint pages over: rows by position, in the order of ids.
type listing struct {
	n      int
	row    func(pos int) Row
	quick  map[string]func(pos int) any // fields that can be had without making the row
	fields []string                     // what may be filtered and sorted by
	deaf   string                       // a field whose filter is ignored
	// base rows came with the data, and origin is the id of one of them. Ghosts
	// and broken rows stand at fixed places among them, so that rows added later
	// do not move them.
	base   int
	origin func(i int) int
	ghosts int // rows that are counted but not answered
}

// listRows pages over rows that are at hand.
func listRows(rows []Row) listing {
	l := listing{
		n: len(rows), row: func(pos int) Row { return rows[pos] }, fields: []string{"id"},
		base: len(rows), origin: func(i int) int { return rows[i].ID() },
	}
	if len(rows) > 0 {
		for _, f := range rows[0] {
			l.fields = append(l.fields, f.Name)
		}
	}
	return l
}

// listIDs pages over rows made from ids that are at hand.
func listIDs(ids []int, fields []string, row func(id int) Row) listing {
	return listing{
		n: len(ids), row: func(pos int) Row { return row(ids[pos]) }, fields: fields,
		quick: map[string]func(int) any{"id": func(pos int) any { return ids[pos] }},
		base:  len(ids), origin: func(i int) int { return ids[i] },
	}
}

// listTable pages over a table. columns make single fields of generated rows.
func (t *Tenant) listTable(table *table[Row], fields []string, columns map[string]func(i int) any) listing {
	l := listOf(table, table.at)
	l.fields = fields
	for name, column := range columns {
		l.quick[name] = func(pos int) any {
			id, i, fresh := table.locate(pos)
			if fresh {
				return column(i)
			}
			return table.overlay[id].Value(name)
		}
	}
	return l
}

// listOf pages over a table of any kind of rows.
func listOf[T any](table *table[T], row func(pos int) Row) listing {
	return listing{
		n: table.len(), row: row, base: table.n, origin: table.ids.id,
		quick: map[string]func(int) any{"id": func(pos int) any { id, _, _ := table.locate(pos); return id }},
	}
}

// value is a field of the row at a position; ghosts, which stand at -1 and below, have none.
func (l *listing) value(pos int, field string) any {
	if pos < 0 {
		return nil
	}
	if quick, ok := l.quick[field]; ok {
		return quick(pos)
	}
	return l.row(pos).Value(field)
}

// spread gives thing g of count its place when they are spread over size places.
func spread(g, count, size int) int { return (2*g + 1) * size / (2 * count) }

// ghostsBefore counts the ghosts at positions below pos, and tells whether pos is one.
func (l *listing) ghostsBefore(pos int) (n int, ghost bool) {
	if l.ghosts == 0 {
		return 0, false
	}
	place := func(g int) int { return spread(g, l.ghosts, l.base+l.ghosts) }
	n = sort.Search(l.ghosts, func(g int) bool { return place(g) >= pos })
	return n, n < l.ghosts && place(n) == pos
}

// broken are the ids of count rows that cannot be answered.
func (l *listing) broken(count int) map[int]bool {
	if count = min(count, l.base); count == 0 {
		return nil
	}
	ids := make(map[int]bool, count)
	for g := range count {
		ids[l.origin(spread(g, count, l.base))] = true
	}
	return ids
}

// withStrangers adds rows which their table does not have: made of the
// generated rows at some places, each under an id that is free beside it.
func withStrangers[T any](l listing, table *table[T], count int, make func(k, i, id int) Row) listing {
	if count = min(count, table.n); count == 0 {
		return l
	}
	var places []int
	rows := map[int]Row{}
	for k := range count {
		i := spread(k, count, table.n)
		id := table.ids.unused(i)
		place := table.seek(id) + k
		places, rows[place] = append(places, place), make(k, i, id)
	}
	inner := func(pos int) int { return pos - sort.SearchInts(places, pos) }
	out := l
	out.n = l.n + count
	out.row = func(pos int) Row {
		if row, ok := rows[pos]; ok {
			return row
		}
		return l.row(inner(pos))
	}
	out.quick = map[string]func(int) any{}
	for name, quick := range l.quick {
		out.quick[name] = func(pos int) any {
			if row, ok := rows[pos]; ok {
				return row.Value(name)
			}
			return quick(inner(pos))
		}
	}
	return out
}

// selection is the positions that an answer pages over.
type selection struct {
	total int
	at    func(i int) (pos int, ok bool) // ok is false for a ghost
}

// choose applies a filter and an order. Ghosts match no filter.
func (l *listing) choose(filter []condition, order ordering) selection {
	filter = slices.DeleteFunc(filter, func(c condition) bool { return c.field == l.deaf })
	if len(filter) == 0 && order.field == "id" {
		total := l.n + l.ghosts
		return selection{total, func(i int) (int, bool) {
			if order.desc {
				i = total - 1 - i
			}
			before, ghost := l.ghostsBefore(i)
			return i - before, !ghost && i-before < l.n
		}}
	}
	found := make([]int, 0, 64)
	for pos := range l.n {
		if !slices.ContainsFunc(filter, func(c condition) bool { return !c.match(l.value(pos, c.field)) }) {
			found = append(found, pos)
		}
	}
	if len(filter) == 0 {
		for g := range l.ghosts {
			found = append(found, -1-g)
		}
	}
	if order.field != "id" {
		keys := make(map[int]any, len(found))
		for _, pos := range found {
			keys[pos] = order.key(l, pos)
		}
		slices.SortStableFunc(found, func(a, b int) int { return compareValues(keys[a], keys[b]) })
	}
	if order.desc {
		slices.Reverse(found)
	}
	return selection{len(found), func(i int) (int, bool) { return found[i], found[i] >= 0 }}
}

// page is what the paging headers ask for.
type page struct{ size, number int }

// readPage reads the paging headers. What is no positive number counts as not sent (guess).
func readPage(h http.Header, most int) (p page, asked bool) {
	p = page{min(defaultPage, most), 1}
	if n, err := strconv.Atoi(h.Get("X-Request-Page-Size")); err == nil && n > 0 {
		p.size, asked = n, true
	}
	if n, err := strconv.Atoi(h.Get("X-Request-Current-Page")); err == nil && n > 0 {
		p.number, asked = n, true
	}
	return p, asked
}

// failure is an answer in place of a page.
type failure struct {
	status  int
	message string
	form    string // of a refused write: text or html; empty is what a switch says
}

func fail(status int) *failure { return refusal(status, "%s", http.StatusText(status)) }

// page answers one page of the route's listing, or all of it if that is usual
// and no paging header was sent.
func (c *call) page(ids []int, usuallyAll bool) {
	most := c.s.number("page.max")
	p, asked := readPage(c.r.Header, most)
	endpoint := c.route.endpoint()
	switch limit := c.s.number("sources.limit"); {
	case endpoint == "sources" && limit > 0 && p.size > limit:
		c.error(http.StatusInternalServerError)
		return
	case p.size > most && c.s.lists("page.strict", endpoint):
		c.error(http.StatusBadRequest)
		return
	}
	p.size = min(p.size, most) // silently (seen)
	if usuallyAll && !asked {
		p.size = 0
	}
	if c.beforePage() {
		return
	}
	c.t.mu.RLock() // the listing is made and read under the lock
	body, failed := c.readList(p, ids)
	c.t.mu.RUnlock()
	if failed != nil {
		c.problem(failed.status, failed.message)
		return
	}
	c.json(http.StatusOK, body)
}

// readList makes the listing and reads a page of it, or its schema.
func (c *call) readList(p page, ids []int) (any, *failure) {
	l, ok := c.route.list(c.t, ids)
	if !ok {
		return nil, fail(c.goneStatus())
	}
	endpoint, header := c.route.endpoint(), c.r.Header
	if strings.EqualFold(header.Get("X-Response-Metadata"), "true") && !c.s.on("schema", "ignored") {
		return schemaOf(endpoint, l, c.s.on("schema", "full")), nil
	}
	if n, named := c.s.counts("ghosts")[endpoint]; named {
		l.ghosts = n
	}
	filter, failed := c.readFilter(l.fields)
	if failed != nil {
		return nil, failed
	}
	order, failed := c.readSort(l.fields)
	if failed != nil {
		return nil, failed
	}
	selected := l.choose(filter, order)
	if p.size == 0 {
		p.size = max(selected.total, 1)
	}
	rows, failed := c.readPage(l, selected, p)
	if failed != nil {
		return nil, failed
	}
	return c.enveloped(rows), nil
}

// readPage makes a page's rows and its headers.
func (c *call) readPage(l listing, s selection, p page) ([]Row, *failure) {
	pages := (s.total + p.size - 1) / p.size
	rows := make([]Row, 0, min(p.size, s.total))
	if p.number > max(pages, 1) {
		switch beyond := c.s.text("page.beyond"); beyond {
		case "400", "404":
			return nil, fail(number(beyond))
		case "last":
			p.number = max(pages, 1)
		}
	}
	if p.number <= pages {
		shape, broken := c.shape(), l.broken(c.s.counts("broken.rows")[c.route.endpoint()])
		for i := (p.number - 1) * p.size; i < min(p.number*p.size, s.total); i++ {
			pos, ok := s.at(i)
			if !ok {
				continue
			}
			row := l.row(pos)
			if broken[row.ID()] {
				return nil, fail(http.StatusInternalServerError)
			}
			rows = append(rows, shape(row))
		}
	}
	c.resultHeaders(map[string]int{
		"X-Result-Count": len(rows), "X-Result-Current-Page": p.number, "X-Result-Page-Size": p.size,
		"X-Result-Total-Count": s.total, "X-Result-Total-Pages": pages,
	})
	return rows, nil
}

func (c *call) resultHeaders(all map[string]int) {
	sent := c.s.text("totals")
	for name, v := range all {
		if sent == "all" || sent == "count" && name != "X-Result-Total-Pages" {
			c.w.Header().Set(name, strconv.Itoa(v))
		}
	}
}
