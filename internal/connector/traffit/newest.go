package traffit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

const (
	// newestPages bounds a look at the newest rows of a listing.
	newestPages = 5
	// recent is how far back a look for something goes that has just been written: far enough for one
	// that is taken up again after a night.
	recent = 24 * time.Hour
)

// The ways to a listing's newest rows, in the order in which they are tried: the two spellings of a
// sort, or the end of the listing in its own order.
const (
	anyWay = iota
	byFieldDown
	byPublicDown
	fromTheEnd
)

func downward(way int) string {
	return strings.Replace(spellings[way-byFieldDown], "ASC", "DESC", 1)
}

// reach is how far a look at the newest rows came.
type reach struct {
	ordered bool // the rows are the newest of the listing
	whole   bool // they are all of it
}

// lately is newest for something that may have been written lately: it ends with the first row that is
// too old for that. proven says that it would have been among the rows that were seen.
func (c *client) lately(ctx context.Context, r call, more func(rows []object, sent ats.Time) bool) (reached reach, proven bool, err error) {
	past := false
	reached, err = c.newest(ctx, r, func(rows []object, sent ats.Time) bool {
		for _, row := range rows {
			at := row.time("created_at")
			past = past || at != nil && c.now().Sub(time.UnixMilli(at.Milli())) > recent
		}
		return more(rows, sent) && !past
	})
	return reached, reached.whole || reached.ordered && past, err
}

// newest reads a listing from its newest rows on, a page at a time, while more says so. That a sort is
// refused or ignored is noticed by the order of the IDs.
func (c *client) newest(ctx context.Context, r call, more func(rows []object, sent ats.Time) bool) (reach, error) {
	if r.size == 0 {
		r.size = pageSize
	}
	known := c.habits.get(r.path).newest
	for way := byFieldDown; way <= byPublicDown; way++ {
		if known != anyWay && known != way {
			continue
		}
		r.page, r.sort = 1, downward(way)
		a, err := c.rows(ctx, r)
		if err != nil && badRequest(err) {
			continue
		}
		if err != nil {
			return reach{}, err
		}
		rows, err := a.objects()
		if err != nil {
			return reach{}, err
		}
		if !falling(rows) {
			continue
		}
		if len(rows) > 1 { // otherwise it tells nothing
			c.habits.note(r.path, func(h *habit) { h.newest = way })
		}
		return c.onward(ctx, r, a, rows, more)
	}
	if known == anyWay {
		c.habits.note(r.path, func(h *habit) { h.newest = fromTheEnd })
	}
	r.sort = byID
	return c.backward(ctx, r, more)
}

// onward reads on from the first page of a listing in falling order. Where its length is not declared,
// it ends with a page that is refused or brings nothing new.
func (c *client) onward(ctx context.Context, r call, a *answer, rows []object, more func([]object, ats.Time) bool) (reach, error) {
	pages, declared := headerInt(a.header, "X-Result-Total-Pages")
	if total, ok := headerInt(a.header, "X-Result-Total-Count"); ok && !declared {
		pages, declared = (total+r.size-1)/r.size, true
	}
	for r.page = 1; ; {
		if declared && r.page >= pages || len(rows) == 0 {
			more(rows, a.sent)
			return reach{ordered: true, whole: true}, nil
		}
		if !more(rows, a.sent) || r.page == newestPages {
			return reach{ordered: true}, nil
		}
		r.page++
		before := a
		var err error
		if a, err = c.rows(ctx, r); err != nil && isRefusal(err) || err == nil && sameRows(a.body, before.body) {
			return reach{ordered: true, whole: true}, nil
		}
		if err != nil {
			return reach{}, err
		}
		if rows, err = a.objects(); err != nil {
			return reach{}, err
		}
	}
}

// backward reads a listing from its last page on. One that is not in the order of its IDs has no
// newest end; a short one is read as a whole.
func (c *client) backward(ctx context.Context, r call, more func([]object, ats.Time) bool) (reach, error) {
	first, err := c.list(ctx, r, 1)
	if err != nil {
		return reach{}, err
	}
	ordered := ascending(first.body)
	if !ordered && first.pages > newestPages {
		return reach{}, nil
	}
	for n, seen := first.pages, 0; ; n-- {
		l := first
		if n > 1 {
			if l, err = c.list(ctx, r, n); err != nil {
				return reach{}, err
			}
		}
		rows, err := l.objects(r)
		if err != nil {
			return reach{}, err
		}
		ordered = ordered && ascending(l.body)
		slices.Reverse(rows)
		seen++
		if !more(rows, l.sent) && ordered || n <= 1 || seen == newestPages {
			return reach{ordered: ordered, whole: n <= 1}, nil
		}
	}
}

// falling reports whether rows come in the order of falling IDs.
func falling(rows []object) bool {
	rows = slices.DeleteFunc(slices.Clone(rows), func(o object) bool { return o.id("id") == "" })
	return slices.IsSortedFunc(rows, func(a, b object) int { return compareIDs(b.id("id"), a.id("id")) })
}

// standing is what the history says of an application.
type standing struct {
	parts  []connector.Part
	moves  []move // the stays that were seen, which are the newest
	now    move
	found  bool
	proven bool // a stay that began lately would have been seen
}

// in reports whether the application is, as far as is known, in a state.
func (s standing) in(stateID string) bool { return s.found && s.now.state().id("id") == stateID }

// since reports whether the application came into such a state after a stay.
func (s standing) since(stayID string, there func(state object) bool) bool {
	return slices.ContainsFunc(s.moves, func(m move) bool { return compareIDs(m.id, stayID) > 0 && there(m.state()) })
}

// lately reports whether the application came into such a state not long ago.
func (s standing) lately(there func(state object) bool, now time.Time) bool {
	return slices.ContainsFunc(s.moves, func(m move) bool {
		return there(m.state()) && (m.date == nil || now.Sub(time.UnixMilli(m.date.Milli())) < recent)
	})
}

// standing reads where an application stands. The history of one candidate is asked for; where that
// is not heeded, the newest rows of all are looked through.
func (t *tenant) standing(ctx context.Context, applicationID string) (standing, error) {
	candidate, job := splitApplication(applicationID)
	r := call{path: api + "/employees/recruitment_history", scope: "employee"}
	var s standing
	take := func(rows []object, sent ats.Time) {
		for _, row := range rows {
			if row.id("employee") == candidate && row.id("recruitment") == job {
				s.parts = append(s.parts, moveParts(row, sent)...)
			}
		}
	}
	own, applied, err := t.filtered(ctx, r, condition("employee", "=", candidate), func(row object) bool { return row.id("employee") == candidate })
	if err != nil {
		return standing{}, err
	}
	if applied && own.whole {
		take(own.rows, own.sent)
		s.proven = len(s.parts) > 0
	}
	if !s.proven {
		s.parts = nil
		reached, proven, err := t.lately(ctx, r, func(rows []object, sent ats.Time) bool {
			take(rows, sent)
			return len(s.parts) == 0
		})
		if err != nil {
			return standing{}, err
		}
		s.proven = proven || reached.ordered && len(s.parts) > 0
	}
	ps, err := decodeParts(s.parts)
	if err != nil {
		return standing{}, err
	}
	s.moves = moves(ps)
	s.now, s.found = current(s.moves)
	return s, nil
}

// settled reads where an application stands until that shows what has just been done, three times at
// most: TRAFFIT may take a moment.
func (t *tenant) settled(ctx context.Context, applicationID string, shows func(standing) bool) (standing, error) {
	for n := 1; ; n++ {
		s, err := t.standing(ctx, applicationID)
		if err != nil || shows(s) || n == 3 {
			return s, err
		}
		if err := t.http.Pause(ctx, n); err != nil {
			return standing{}, err
		}
	}
}
