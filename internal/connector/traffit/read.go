package traffit

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// pathID makes an ID safe inside a path.
func pathID(id string) string { return url.PathEscape(id) }

// single reads one unit's own address. The answer must be about that unit.
func (c *client) single(ctx context.Context, folder, scope string, u connector.Unit) (object, ats.Time, error) {
	r := call{path: api + folder + pathID(u.ID), scope: scope}
	o, sent, err := c.one(ctx, r)
	if err != nil {
		return nil, sent, err
	}
	if o.id("id") != u.ID {
		return nil, sent, r.problem(http.StatusOK, "the answer is about another ID or none")
	}
	return o, sent, nil
}

// below reads a whole listing below a unit. When TRAFFIT says that there is none, the unit
// itself is asked for: only its own 404 says that it is gone, not that of an address that may
// be wrong.
func (c *client) below(ctx context.Context, folder, sub, scope string, u connector.Unit) ([]object, ats.Time, error) {
	r := call{path: api + folder + pathID(u.ID) + sub, scope: scope, short: true, form: formItems}
	rows, _, sent, err := c.all(ctx, r)
	answer, ok := errors.AsType[*connector.AnswerError](err)
	if ok && answer.Status == http.StatusNotFound {
		if _, _, gone := c.single(ctx, folder, scope, u); errors.Is(gone, connector.ErrGone) {
			return nil, sent, gone
		}
	}
	return rows, sent, err
}
