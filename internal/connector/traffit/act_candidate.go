package traffit

import (
	"context"

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
	parts := t.alone(api+"/employees/", row, t.keysOf(employee), func(o object) []connector.Part { return listed(employee, o, sent) })
	return row, parts, nil
}
