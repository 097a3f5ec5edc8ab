package traffit

import (
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// The types of final states (seen). The others are steps on the way.
const (
	endGood = "end-good"
	endBad  = "end-bad"
)

// move is one stay of a candidate in a state.
type move struct {
	id            string
	row           object
	date, updated *ats.Time
	ended         bool
}

func moves(ps parts) []move {
	var all []move
	for _, p := range ps.of(kindMove) {
		m := move{id: p.key, row: p.raw, date: p.raw.time("date"), updated: p.raw.time("updated_at")}
		if m.date == nil {
			m.date = p.raw.time("created_at")
		}
		m.ended = p.raw.text("end_date") != ""
		all = append(all, m)
	}
	return all
}

// later reports whether m begins after o; two moves of one second are told apart by their IDs
// (seen).
func (m move) later(o move) bool {
	if a, b := milli(m.date), milli(o.date); a != b {
		return a > b
	}
	return compareIDs(m.id, o.id) > 0
}

func milli(t *ats.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Milli()
}

// current gives the move that says where an application stands: the one without an end, the
// latest of several; when all have ended, the last one.
func current(all []move) (move, bool) {
	var best move
	found := false
	for _, m := range all {
		if !found || !m.ended && best.ended || m.ended == best.ended && m.later(best) {
			best, found = m, true
		}
	}
	return best, found
}

func (m move) state() object { return m.row.object("workflow_state") }

// reason is the unit in which the reason for a rejection at this moment stands.
func (m move) reason(candidate string) (connector.Unit, bool) {
	if m.date == nil {
		return connector.Unit{}, false
	}
	return unit(rejected, rejectedID(candidate, *m.date)), true
}

// applicationNeeds names the candidate, the recruitment, and what may tell more about the
// current state. Final states speak for themselves, which spares most applications the watch
// over their state.
func applicationNeeds(u connector.Unit, ps parts) []connector.Need {
	candidate, job := splitApplication(u.ID)
	needs := []connector.Need{
		{Unit: unit(employee, candidate), Exists: kindList},
		{Unit: unit(recruitment, job), Exists: kindList},
	}
	m, ok := current(moves(ps))
	if !ok || m.state().text("type") == endGood {
		return needs
	}
	if id := m.state().id("id"); id != "" && m.state().text("type") != endBad {
		needs = append(needs, connector.Need{Unit: unit(state, id)})
	}
	if reason, ok := m.reason(candidate); ok {
		needs = append(needs, connector.Need{Unit: reason})
	}
	return needs
}

// foldApplication makes an application of its moves. Moves of candidates and recruitments that
// are not there (seen: about one in a thousand) give none.
func foldApplication(in input) (connector.Fold, error) {
	candidate, job := splitApplication(in.Unit.ID)
	all := moves(in.parts)
	m, ok := current(all)
	if !ok || !in.exists(unit(employee, candidate)) || !in.exists(unit(recruitment, job)) {
		return sets(own[ats.Application](ats.Applications)), nil
	}
	a := ats.Application{
		RemoteID: in.Unit.ID, CandidateRemoteID: candidate, JobRemoteID: job, StageRemoteID: m.state().id("id"),
	}
	for _, m := range all {
		if m.date != nil && (a.RemoteCreatedAt == nil || m.date.Milli() < a.RemoteCreatedAt.Milli()) {
			a.RemoteCreatedAt = m.date
		}
		if m.updated != nil && m.updated.Milli() > milli(a.RemoteUpdatedAt) {
			a.RemoteUpdatedAt = m.updated
		}
	}
	outcome, err := outcome(in, m)
	if err != nil {
		return connector.Fold{}, err
	}
	a.Outcome = &outcome
	if outcome == ats.Declined {
		a.RejectedAt = m.date
		if a.RejectionReasonName, err = reasonName(in, candidate, m); err != nil {
			return connector.Fold{}, err
		}
	}
	return sets(own(ats.Applications, a)), nil
}

// outcome reads the type of the current state. The flag that marks rejections was false on
// every state of a real tenant, final ones included, so it only adds to the type.
func outcome(in input, m move) (ats.Outcome, error) {
	kind := m.state().text("type")
	flags := []object{m.state()}
	if kind != endGood && kind != endBad {
		known, err := in.other(unit(state, m.state().id("id")))
		if err != nil {
			return "", err
		}
		for _, p := range known.of(workflow) {
			flags = append(flags, p.raw)
			if kind == "" {
				kind = p.raw.text("type")
			}
		}
	}
	switch kind {
	case endGood:
		return ats.Hired, nil
	case endBad:
		return ats.Declined, nil
	}
	for _, o := range flags {
		if b := o.bool("is_rejection"); b != nil && *b {
			return ats.Declined, nil
		}
	}
	return ats.Pending, nil
}

// reasonName finds the reason that was given at the moment of the rejection.
func reasonName(in input, candidate string, m move) (*string, error) {
	u, ok := m.reason(candidate)
	if !ok {
		return nil, nil
	}
	known, err := in.other(u)
	if err != nil {
		return nil, err
	}
	for _, p := range known.of(kindActivity) {
		if s := p.raw.object("rejection").label(); s != nil {
			return s, nil
		}
	}
	return nil, nil
}
