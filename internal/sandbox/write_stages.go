package sandbox

import (
	"cmp"
	"net/http"
	"slices"
)

func planAssign(c *call, ids []int, _ sent) (plan, *failure) {
	t, recruitment, employee := c.t, ids[0], ids[1]
	r, ok := t.recruitments.get(recruitment)
	if !ok || !t.employees.has(employee) {
		return plan{}, c.goneFor()
	}
	if len(t.moves(pair{employee, recruitment})) > 0 {
		switch how := c.s.text("assign.repeat"); how {
		case "ignored":
			return nothing(), nil
		default:
			return plan{}, refusal(number(how), "Employee %d is already in recruitment %d", employee, recruitment)
		}
	}
	if r.Value("is_closed") == true && c.s.on("assign.closed", "refused") {
		return plan{}, refusal(http.StatusBadRequest, "Recruitment %d is closed", recruitment)
	}
	into, ok := c.entrance(recruitment)
	if !ok {
		return plan{}, refusal(http.StatusBadRequest, "Recruitment %d has no state to begin with", recruitment)
	}
	return plan{employee, recruitment, func() (result, bool) {
		if len(t.moves(pair{employee, recruitment})) > 0 || !t.employees.has(employee) {
			return result{}, false
		}
		now, by := t.stamp(), t.firstUser().ID()
		m := t.addMove(move{employee: employee, recruitment: recruitment, state: into.id, date: now, updated: now, createdBy: by, updatedBy: by})
		return result{id: m.id}, true
	}}, nil
}

// entrance is the state in which newcomers land.
func (c *call) entrance(recruitment int) (state, bool) {
	w, err := c.t.workflowFor(recruitment)
	if err != nil || len(w.states) == 0 {
		return state{}, false
	}
	if c.s.on("assign.state", "first") {
		return slices.MinFunc(w.states, func(a, b state) int { return cmp.Compare(a.order, b.order) }), true
	}
	return w.of("start")
}

func planMove(c *call, ids []int, _ sent) (plan, *failure) {
	return c.planMove(ids[1], ids[0], Move{State: ids[2]})
}

// planMove moves a candidate who is in the recruitment to a state of its workflow.
func (c *call) planMove(recruitment, employee int, to Move) (plan, *failure) {
	t := c.t
	w, err := t.workflowFor(recruitment)
	now, ok := current(t.moves(pair{employee, recruitment}))
	switch {
	case err != nil, !ok, !t.employees.has(employee), !slices.ContainsFunc(w.states, func(s state) bool { return s.id == to.State }):
		return plan{}, c.goneFor()
	case now.state != to.State || c.s.on("move.repeat", "again"):
	case c.s.on("move.repeat", "ignored"):
		return nothing(), nil
	default:
		return plan{}, refusal(http.StatusBadRequest, "Employee %d is already in state %d", employee, to.State)
	}
	return plan{employee, recruitment, func() (result, bool) {
		moved, err := t.move(recruitment, employee, to)
		return result{id: moved.Opened.ID()}, err == nil
	}}, nil
}

func planReject(c *call, ids []int, b sent) (plan, *failure) {
	t, employee, recruitment := c.t, ids[0], ids[1]
	w, err := t.workflowFor(recruitment)
	if err != nil {
		return plan{}, c.goneFor()
	}
	bad, ok := w.of("end-bad")
	if !ok {
		return plan{}, refusal(http.StatusBadRequest, "Recruitment %d has no state for the rejected", recruitment)
	}
	reason, _ := b.row.Value("rejection_id").(int)
	known := t.rejection(recruitment, reason) != 0
	switch {
	case known:
	case reason != 0 && c.strict():
		return plan{}, refusal(http.StatusBadRequest, "rejection_id: This value is not valid")
	case c.s.on("reject.reason", "required"):
		return plan{}, refusal(http.StatusBadRequest, "rejection_id: This value should not be blank")
	default:
		reason = 0
	}
	description, _ := b.row.Value("description").(string)
	return c.planMove(recruitment, employee, Move{State: bad.id, Rejection: reason, Description: description})
}
