package traffit

import (
	"context"
	"errors"
	"net/http"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// employeePath is the address of a candidate.
func employeePath(id string) string { return api + "/employees/" + pathID(id) }

// employeeNow reads a candidate, and gives the parts of what was read.
func (t *tenant) employeeNow(ctx context.Context, id string) (object, []connector.Part, error) {
	row, sent, err := t.single(ctx, "/employees/", "employee", unit(employee, id))
	if err != nil {
		return nil, nil, err
	}
	parts := t.alone(api+"/employees/", row, employeeKeys, func(o object) []connector.Part { return listed(employee, o, sent) })
	return row, parts, nil
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
