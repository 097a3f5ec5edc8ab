package traffit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// selection is the rows that a filter has left, on one page.
type selection struct {
	rows  []object
	sent  ats.Time
	whole bool // there are no more
}

// filtered asks for the rows of a listing that fulfil a condition, and gives those that do. TRAFFIT may
// refuse a filter, or ignore it and answer what it likes (both seen): then it was not applied, and is
// not tried again. That all rows were answered, or some that are only alike, does no harm.
func (t *tenant) filtered(ctx context.Context, r call, filter object, fits func(object) bool) (s selection, applied bool, err error) {
	if t.habits.get(r.path).unfiltered {
		return selection{}, false, nil
	}
	r.page, r.size, r.filter = 1, pageSize, string(encode(filter))
	a, err := t.rows(ctx, r)
	if err != nil && !badRequest(err) {
		return selection{}, false, err
	}
	refused, answered := err != nil, 0
	if !refused {
		rows, err := a.objects()
		if err != nil {
			return selection{}, false, err
		}
		total, declared := headerInt(a.header, "X-Result-Total-Count")
		answered = len(rows)
		s.rows = slices.DeleteFunc(rows, func(row object) bool { return !fits(row) })
		s.sent, s.whole = a.sent, declared && total <= answered || !declared && answered < sliceSize
	}
	if refused || len(s.rows) < answered && !s.whole {
		t.habits.note(r.path, func(h *habit) { h.unfiltered = true })
		return selection{}, false, nil
	}
	return s, true, nil
}

// sameAddress compares e-mail addresses as people do.
func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// search is a look for candidates by their e-mail address.
type search struct {
	address string
	knownAs []string // whom the store has under the address
}

// mostKnown bounds the candidates of the store that are looked at.
const mostKnown = 10

// find gives the candidates with the address. prove says that nobody's absence is to be proven as
// well, which takes more requests.
func (t *tenant) find(ctx context.Context, s search, prove bool) (found []object, proven bool, err error) {
	found, applied, err := t.byAddress(ctx, s.address)
	if err != nil || len(found) > 0 {
		return found, true, err
	}
	for _, id := range s.knownAs[:min(len(s.knownAs), mostKnown)] {
		row, _, err := t.single(ctx, "/employees/", "employee", unit(employee, id))
		if errors.Is(err, connector.ErrGone) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if sameAddress(row.text("email"), s.address) {
			found = append(found, row)
		}
	}
	if len(found) > 0 || applied && !prove {
		return found, len(found) > 0, nil
	}
	if applied {
		if proven, err = t.searchWorks(ctx); err != nil || proven {
			return nil, proven, err
		}
	}
	return t.amongNewest(ctx, s.address)
}

// byAddress asks TRAFFIT for the candidates with an address, in the way it was written and in lower
// case, in case that makes a difference there. Each row is checked.
func (t *tenant) byAddress(ctx context.Context, address string) (found []object, applied bool, err error) {
	spelled := []string{address}
	if lower := strings.ToLower(address); lower != address {
		spelled = append(spelled, lower)
	}
	r := call{path: api + "/employees/", scope: "employee"}
	for _, spelling := range spelled {
		s, applied, err := t.filtered(ctx, r, condition("email", "=", spelling), func(row object) bool { return sameAddress(row.text("email"), address) })
		if err != nil || !applied || len(s.rows) > 0 {
			return s.rows, applied, err
		}
	}
	return nil, true, nil
}

// searchWorks reports whether a search for an address that is known to be there finds its candidate:
// one of the newest, or any where those cannot be told.
func (t *tenant) searchWorks(ctx context.Context) (bool, error) {
	var known object
	look := func(rows []object, _ ats.Time) bool {
		at := slices.IndexFunc(rows, func(row object) bool { return email(row.text("email")) != nil })
		if at >= 0 {
			known = rows[at]
		}
		return known == nil
	}
	r := call{path: api + "/employees/", scope: "employee", size: sliceSize}
	if _, err := t.newest(ctx, r, look); err != nil {
		return false, err
	}
	if known == nil {
		r.page, r.size = 1, pageSize
		a, err := t.rows(ctx, r)
		if err != nil {
			return false, err
		}
		rows, err := a.objects()
		if err != nil {
			return false, err
		}
		look(rows, a.sent)
	}
	if known == nil {
		return false, nil
	}
	found, applied, err := t.byAddress(ctx, known.text("email"))
	return applied && slices.ContainsFunc(found, func(row object) bool { return row.id("id") == known.id("id") }), err
}

// amongNewest looks for an address among the candidates who came last.
func (t *tenant) amongNewest(ctx context.Context, address string) (found []object, proven bool, err error) {
	_, proven, err = t.lately(ctx, call{path: api + "/employees/", scope: "employee"}, func(rows []object, _ ats.Time) bool {
		for _, row := range rows {
			if sameAddress(row.text("email"), address) {
				found = append(found, row)
			}
		}
		return len(found) == 0
	})
	return found, len(found) > 0 || proven, err
}

// choose picks one of several candidates with one address: the one who is in the recruitment already,
// else the active one who was changed last.
func (t *tenant) choose(ctx context.Context, found []object, job string) (object, error) {
	if len(found) == 1 {
		return found[0], nil
	}
	in, _, err := t.candidatesIn(ctx, job)
	if err != nil && !lasting(err) {
		return nil, err
	}
	rank := func(o object) int {
		switch {
		case in[o.id("id")]:
			return 2
		case slices.Contains([]string{"active", "aktywny"}, strings.ToLower(o.text("status"))):
			return 1
		}
		return 0
	}
	return slices.MaxFunc(found, func(a, b object) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)), cmp.Compare(milli(a.time("updated_at")), milli(b.time("updated_at"))), compareIDs(a.id("id"), b.id("id")),
		)
	}), nil
}
