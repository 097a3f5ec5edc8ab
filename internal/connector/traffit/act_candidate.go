package traffit

import (
	"context"
	"errors"
	"net/http"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// employeeNow reads a candidate, and gives the parts of what was read.
func (t *tenant) employeeNow(ctx context.Context, id string) (object, []connector.Part, error) {
	row, sent, err := t.single(ctx, "/employees/", "employee", unit(employee, id))
	if err != nil {
		return nil, nil, err
	}
	cut := func(o object) []connector.Part { return listed(employee, o, sent) }
	page := []connector.Row{{Parts: cut(row)}}
	sparse(page, []object{row}, employeeKeys, t.habits.get(api+"/employees/").sendsNull, cut)
	return row, page[0].Parts, nil
}

// afterwards gives the parts of a candidate who was changed.
func (t *tenant) afterwards(ctx context.Context, j connector.Journal, employeeID string) []connector.Part {
	_, parts, err := t.employeeNow(ctx, employeeID)
	if err != nil {
		t.notShown(ctx, j, err)
	}
	return parts
}

// notShown tells that a change cannot be read. It has happened all the same, so that the action is a
// success, which the next sync will show.
func (t *tenant) notShown(ctx context.Context, j connector.Journal, err error) {
	t.log.WarnContext(ctx, "a candidate cannot be read after a change", "error", err)
	j.Warn("the change was made, but cannot be read yet: it shows up with the next sync")
}

// orGone says of an error that it comes from the candidate's not being there any more, if that is so.
func (t *tenant) orGone(ctx context.Context, employeeID string, err error) error {
	cause := err
	if refused, ok := errors.AsType[*connector.RefusedError](err); ok && refused.Status == http.StatusNotFound {
		_, _, cause = t.single(ctx, "/employees/", "employee", unit(employee, employeeID))
	}
	if errors.Is(cause, connector.ErrGone) {
		return ats.Errorf(ats.InputInvalid, "TRAFFIT has no candidate %s any more: %w", employeeID, cause)
	}
	return err
}
