package traffit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/kladka/kladka/internal/connector"
)

// The spellings of a sort by ID, in the order in which they are tried on the Integration API: the
// first is the one that was seen to work there, the second that of the documentation of the
// public feed. An API that takes neither decides on the order itself.
const (
	byID       = `{"id":"ASC"}`
	byIDPublic = `{"sort_by":"id","direction":"ASC"}`
)

var spellings = []string{byID, byIDPublic, ""}

// sorted sends a call for rows. When its sort is refused, or the first page shows that it was
// ignored, the other spellings are tried; what works is remembered.
func (c *client) sorted(ctx context.Context, r call) (*answer, error) {
	if r.sort != byID {
		return c.rows(ctx, r)
	}
	learned := c.habits.get(r.path)
	known := learned.spelling
	if !learned.sorted {
		known = c.spelling
	}
	r.sort = spellings[known]
	a, err := c.rows(ctx, r)
	ignored := err == nil && r.page == 1 && !learned.sorted && !ascending(a.body)
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
	c.habits.note(path, func(h *habit) { h.spelling, h.sorted = spelling, true })
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
