package sandbox

import (
	"fmt"
	"slices"
)

// Apply puts a candidate into a recruitment: a history row in the start state.
func (t *Tenant) Apply(recruitment, employee int) (Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.apply(recruitment, employee)
}

func (t *Tenant) apply(recruitment, employee int) (Row, error) {
	w, err := t.workflowFor(recruitment)
	if err != nil {
		return nil, err
	}
	if !t.employees.has(employee) {
		return nil, fmt.Errorf("%w: employees %d", ErrNotFound, employee)
	}
	p := pair{employee, recruitment}
	if len(t.moves(p)) > 0 {
		return nil, fmt.Errorf("%w: candidate %d is in recruitment %d already", ErrConflict, employee, recruitment)
	}
	start, ok := w.of("start")
	if !ok {
		return nil, fmt.Errorf("%w: workflow %d has no start state", ErrConflict, w.id)
	}
	now := t.stamp()
	m := t.addMove(move{employee: employee, recruitment: recruitment, state: start.id, date: now, updated: now, updatedBy: t.firstUser().ID()})
	return t.moveRow(m), nil
}

func (t *Tenant) workflowFor(recruitment int) (*workflow, error) {
	r, ok := t.recruitments.get(recruitment)
	if !ok {
		return nil, fmt.Errorf("%w: recruitments %d", ErrNotFound, recruitment)
	}
	id, _ := r.Value("workflow_id").(int)
	w, ok := t.workflow(id)
	if !ok {
		return nil, fmt.Errorf("%w: workflow %d of recruitment %d", ErrNotFound, id, recruitment)
	}
	return w, nil
}

func (t *Tenant) addMove(m move) move {
	id := t.history.add(func(id int) move { m.id = id; return m })
	p := pair{m.employee, m.recruitment}
	t.addedMoves[p] = append(t.addedMoves[p], id)
	if !slices.Contains(t.addedTo[m.recruitment], m.employee) {
		t.addedTo[m.recruitment] = append(t.addedTo[m.recruitment], m.employee)
	}
	return m
}

// Move is a change of a candidate's state in a recruitment.
type Move struct {
	State int `json:"state_id"`
	// Rejection and Description go into the activity only; they belong to
	// states of the type end-bad. 0 is no reason.
	Rejection   int    `json:"rejection_id,omitempty"`
	Description string `json:"description,omitempty"`
}

// Moved is what a move wrote: the row that it closed (absent when none was
// open), the row that it opened, and the stage-change activity.
type Moved struct {
	Closed   Row `json:"closed,omitempty"`
	Opened   Row `json:"opened"`
	Activity Row `json:"activity"`
}

// MoveInRecruitment moves a candidate to a state: it closes the open history
// row and opens the next in the same second.
func (t *Tenant) MoveInRecruitment(recruitment, employee int, to Move) (Moved, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.move(recruitment, employee, to)
}

func (t *Tenant) move(recruitment, employee int, to Move) (Moved, error) {
	w, err := t.workflowFor(recruitment)
	if err != nil {
		return Moved{}, err
	}
	moves := t.moves(pair{employee, recruitment})
	last, ok := current(moves)
	if !ok || !t.employees.has(employee) {
		return Moved{}, fmt.Errorf("%w: candidate %d in recruitment %d", ErrNotFound, employee, recruitment)
	}
	i := slices.IndexFunc(w.states, func(s state) bool { return s.id == to.State })
	switch {
	case i < 0:
		return Moved{}, fmt.Errorf("%w: state %d is not in workflow %d", ErrInvalid, to.State, w.id)
	case to.Rejection != 0 && t.rejection(recruitment, to.Rejection) == 0:
		return Moved{}, fmt.Errorf("%w: no rejection reason %d", ErrInvalid, to.Rejection)
	case to.Rejection != 0 && w.states[i].kind != "end-bad":
		return Moved{}, fmt.Errorf("%w: a rejection reason with a state of type %s", ErrInvalid, w.states[i].kind)
	}
	now, by, from, target := max(t.stamp(), last.date), t.firstUser().ID(), t.states[last.state], w.states[i]
	var out Moved
	if last.end == 0 {
		last.end, last.updated, last.updatedBy = now, now, by
		t.history.put(last.id, last)
		out.Closed = t.moveRow(last)
	}
	m := t.addMove(move{employee: employee, recruitment: recruitment, state: target.id, date: now, updated: now, createdBy: by, updatedBy: by})
	out.Opened = t.moveRow(m)
	out.Activity = t.activityRow(t.addActivity(activity{
		employee: employee, kind: t.data.activityKind(actStageChange), date: now, createdBy: by,
		change: &stageChange{from, target, recruitment, t.rejection(recruitment, to.Rejection), to.Description},
	}), true)
	return out, nil
}

func (t *Tenant) addActivity(a activity) activity {
	a.created = t.stamp()
	a.updated = a.created
	t.activities.add(func(id int) activity { a.id = id; return a })
	t.addedActivities[a.employee] = append(t.addedActivities[a.employee], a.id)
	return a
}

// AddNote adds an activity of the type note and returns it.
func (t *Tenant) AddNote(employee int, text string) (Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.employees.has(employee) {
		return nil, fmt.Errorf("%w: employees %d", ErrNotFound, employee)
	}
	return t.activityRow(t.addNote(employee, text), true), nil
}

func (t *Tenant) addNote(employee int, text string) activity {
	return t.addActivity(activity{
		employee: employee, kind: t.data.activityKind(actNote), date: t.stamp(), content: text,
		createdBy: t.firstUser().ID(),
	})
}

// RemoveFromRecruitment takes a candidate out of a recruitment: the history
// rows go and nothing is said of it, the activities stay.
func (t *Tenant) RemoveFromRecruitment(recruitment, employee int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := pair{employee, recruitment}
	moves := t.moves(p)
	if len(moves) == 0 {
		return fmt.Errorf("%w: candidate %d in recruitment %d", ErrNotFound, employee, recruitment)
	}
	for _, m := range moves {
		t.history.remove(m.id)
	}
	if a, ok := t.data.findApplication(employee, recruitment); ok {
		t.removedApps[a] = true
	}
	delete(t.addedMoves, p)
	t.addedTo[recruitment] = slices.DeleteFunc(t.addedTo[recruitment], func(e int) bool { return e == employee })
	return nil
}

// StatePatch describes a workflow state to add, or what to change of one; nil leaves a value.
type StatePatch struct {
	Name      *string `json:"name"`
	Type      *string `json:"type"`
	SID       *string `json:"sid"`
	TimeLimit *int    `json:"time_limit"`
	Rejection *bool   `json:"is_rejection"`
}

func (p StatePatch) applyTo(s *state) error {
	if p.Type != nil && !slices.Contains([]string{
		"start", "screening", "initial_accept", "technical_verification", "task",
		"client_verification", "interview", "end-good", "end-bad", "wait",
	}, *p.Type) {
		return fmt.Errorf("%w: state type %q", ErrInvalid, *p.Type)
	}
	set(&s.name, p.Name)
	set(&s.kind, p.Type)
	set(&s.sid, p.SID)
	set(&s.limit, p.TimeLimit)
	set(&s.rejection, p.Rejection)
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// changeWorkflow changes a copy and puts it in place; rows handed out keep the old one.
func (t *Tenant) changeWorkflow(id int, change func(w *workflow) error) (Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.workflows, func(w *workflow) bool { return w.id == id })
	if i < 0 {
		return nil, fmt.Errorf("%w: workflows %d", ErrNotFound, id)
	}
	w := t.workflows[i].clone()
	if err := change(w); err != nil {
		return nil, err
	}
	order := 0
	for i := range w.states {
		if w.states[i].order < orderGood {
			w.states[i].order = order
			order++
		}
		t.states[w.states[i].id] = w.states[i]
	}
	if t.settings().on("workflow.stamp", "moves") {
		w.updated = t.stamp()
	}
	t.workflows[i] = w
	return t.shown(w).truth(), nil
}

// AddState adds a state before the terminal ones and returns the workflow.
func (t *Tenant) AddState(workflowID int, p StatePatch) (Row, error) {
	return t.changeWorkflow(workflowID, func(w *workflow) error {
		s := state{workflow: w.id, name: "Nowy etap", kind: "initial_accept"}
		for id := range t.states {
			s.id = max(s.id, id+1)
		}
		if err := p.applyTo(&s); err != nil {
			return err
		}
		at := slices.IndexFunc(w.states, func(s state) bool { return s.order >= orderGood })
		if at < 0 {
			at = len(w.states)
		}
		w.states = slices.Insert(w.states, at, s)
		return nil
	})
}

func findState(w *workflow, id int) (int, error) {
	i := slices.IndexFunc(w.states, func(s state) bool { return s.id == id })
	if i < 0 {
		return 0, fmt.Errorf("%w: state %d in workflow %d", ErrNotFound, id, w.id)
	}
	return i, nil
}

// UpdateState renames or otherwise changes a state. History shows the new name.
func (t *Tenant) UpdateState(workflowID, stateID int, p StatePatch) (Row, error) {
	return t.changeWorkflow(workflowID, func(w *workflow) error {
		i, err := findState(w, stateID)
		if err != nil {
			return err
		}
		return p.applyTo(&w.states[i])
	})
}

// RemoveState removes a state, to which history still refers (seen).
func (t *Tenant) RemoveState(workflowID, stateID int) (Row, error) {
	return t.changeWorkflow(workflowID, func(w *workflow) error {
		i, err := findState(w, stateID)
		if err != nil {
			return err
		}
		w.states = slices.Delete(w.states, i, i+1)
		return nil
	})
}

// OrderStates puts the states that are not terminal into the order of the given ids.
func (t *Tenant) OrderStates(workflowID int, ids []int) (Row, error) {
	return t.changeWorkflow(workflowID, func(w *workflow) error {
		var normal, terminal []state
		for _, s := range w.states {
			if s.order >= orderGood {
				terminal = append(terminal, s)
			} else {
				normal = append(normal, s)
			}
		}
		ordered := make([]state, 0, len(w.states))
		for _, id := range ids {
			i := slices.IndexFunc(normal, func(s state) bool { return s.id == id })
			if i < 0 {
				return fmt.Errorf("%w: state %d is not there to be ordered, or twice", ErrInvalid, id)
			}
			ordered = append(ordered, normal[i])
			normal = slices.Delete(normal, i, i+1)
		}
		if len(normal) > 0 {
			return fmt.Errorf("%w: state %d has no place in the order", ErrInvalid, normal[0].id)
		}
		w.states = append(ordered, terminal...)
		return nil
	})
}
