package sandbox

import (
	"net/http"
	"slices"
	"sort"
	"strconv"
)

const (
	defaultPage = 20  // guess
	maxPage     = 100 // seen
)

// listing is what an endpoint pages over: rows by position, in the order of ids.
type listing struct {
	n      int
	row    func(pos int) Row
	render func(Row) Row                // cuts a row for the answer; nil leaves it whole
	quick  map[string]func(pos int) any // fields that can be had without making the row
	fields []string                     // what may be filtered and sorted by
	deaf   string                       // a field whose filter is ignored
	ghosts int                          // rows that are counted but not answered
	// ghostBase is the number of rows among which the ghosts stand at fixed
	// places, so that rows added later do not move them.
	ghostBase int
}

// listRows pages over rows that are at hand.
func listRows(rows []Row) listing {
	l := listing{n: len(rows), row: func(pos int) Row { return rows[pos] }, fields: []string{"id"}}
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
	}
}

// listTable pages over a table. columns make single fields of generated rows.
func (t *Tenant) listTable(table *table[Row], fields []string, columns map[string]func(i int) any) listing {
	l := listing{n: table.len(), row: table.at, fields: fields, quick: map[string]func(int) any{
		"id": func(pos int) any { id, _, _ := table.locate(pos); return id },
	}}
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

func (l *listing) value(pos int, field string) any {
	if quick, ok := l.quick[field]; ok {
		return quick(pos)
	}
	return l.row(pos).Value(field)
}

// ghostsBefore counts the ghosts at positions below pos, and tells whether pos is one.
func (l *listing) ghostsBefore(pos int) (n int, ghost bool) {
	if l.ghosts == 0 {
		return 0, false
	}
	place := func(g int) int { return (2*g + 1) * (l.ghostBase + l.ghosts) / (2 * l.ghosts) }
	n = sort.Search(l.ghosts, func(g int) bool { return place(g) >= pos })
	return n, n < l.ghosts && place(n) == pos
}

// selection is the positions that an answer pages over.
type selection struct {
	total int
	at    func(i int) (pos int, ok bool) // ok is false for a ghost
}

// choose applies a filter and an order.
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
	if order.field != "id" {
		keys := make(map[int]any, len(found))
		for _, pos := range found {
			keys[pos] = l.value(pos, order.field)
		}
		slices.SortStableFunc(found, func(a, b int) int { return compareValues(keys[a], keys[b]) })
	}
	if order.desc {
		slices.Reverse(found)
	}
	return selection{len(found), func(i int) (int, bool) { return found[i], true }}
}

// page is what the paging headers ask for.
type page struct{ size, number int }

// readPage reads the paging headers. What is no positive number counts as not sent (guess).
func readPage(h http.Header) (p page, asked bool) {
	p = page{defaultPage, 1}
	if n, err := strconv.Atoi(h.Get("X-Request-Page-Size")); err == nil && n > 0 {
		p.size, asked = n, true
	}
	if n, err := strconv.Atoi(h.Get("X-Request-Current-Page")); err == nil && n > 0 {
		p.number, asked = n, true
	}
	return p, asked
}

// answerPage makes a page's rows and its headers.
func (l *listing) answerPage(s selection, p page, h http.Header) []Row {
	rows := make([]Row, 0, min(p.size, s.total))
	if p.number-1 <= s.total/p.size {
		for i := (p.number - 1) * p.size; i < min(p.number*p.size, s.total); i++ {
			pos, ok := s.at(i)
			if !ok {
				continue
			}
			row := l.row(pos)
			if l.render != nil {
				row = l.render(row)
			}
			rows = append(rows, row)
		}
	}
	for name, v := range map[string]int{
		"X-Result-Count": len(rows), "X-Result-Current-Page": p.number, "X-Result-Page-Size": p.size,
		"X-Result-Total-Count": s.total, "X-Result-Total-Pages": (s.total + p.size - 1) / p.size,
	} {
		h.Set(name, strconv.Itoa(v))
	}
	return rows
}
