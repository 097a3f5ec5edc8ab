package sandbox

import (
	"cmp"
	"slices"
)

// move is a row of the stage history: a candidate's stay in a state.
type move struct {
	id, employee, recruitment, state int
	date, end, updated               Stamp // end is 0 while the stay lasts
	createdBy, updatedBy             int   // createdBy is 0 where the key is absent
}

// maxMoves bounds the stays of one generated application; a stay's number has four bits in a history key.
const maxMoves = 8

// A history key orders history rows by time: 29 bits of seconds from the
// calendar's start, 31 bits of application, 4 bits of the stay's number.
func (d *data) historyKey(date Stamp, a, k int) uint64 {
	return uint64(int64(date)-d.start)<<35 | uint64(a)<<4 | uint64(k)
}

func (d *data) indexHistory() {
	d.historyKeys = make([]uint64, 0, len(d.apps)*7/2)
	var buf [maxMoves]move
	for a := range d.apps {
		for k, m := range d.path(buf[:0], a) {
			d.historyKeys = append(d.historyKeys, d.historyKey(m.date, a, k))
		}
	}
	slices.Sort(d.historyKeys)
}

// path appends the generated stays of application a, without their ids.
func (d *data) path(buf []move, a int) []move {
	app := d.apps[a]
	dice := roll(d.seed, kindPath, a)
	w := d.workflowOf(int(app.recruitment))
	wf := &d.workflows[w]
	normal := wf.states[1 : len(wf.states)-3]
	start, good, bad, wait := wf.states[0], wf.states[len(wf.states)-3], wf.states[len(wf.states)-2], wf.states[len(wf.states)-1]

	// The way: start, some states in order, mostly an end.
	way := append(make([]int, 0, maxMoves), start.id)
	steps := dice.weighted(25, 35, 20, 12, 8)
	if a == 9 {
		steps = 3 // the planted application with several open rows needs some
	}
	at := -1
	for range steps {
		if at += 1 + dice.below(3); at >= len(normal) {
			break
		}
		id := normal[at].id
		if at == 2 && int64(app.after) < (d.end-d.start)*2/5 && dice.permille(600) {
			id = d.removed[w].id
		}
		way = append(way, id)
	}
	switch dice.weighted(580, 60, 15, 345) {
	case 0:
		way = append(way, bad.id)
		if len(way) < maxMoves-1 && dice.permille(15) {
			way = append(way, normal[0].id) // taken up again
		}
	case 1:
		way = append(way, good.id)
	case 2:
		way = append(way, wait.id)
	}

	employee, recruitment := d.applicationIDs(a)
	date := Stamp(d.start + int64(app.after))
	for k, id := range way {
		if k > 0 {
			gap := 10*minute + dice.below(1+dice.below(12*day))
			if k == 1 && dice.permille(150) {
				gap = 0 // moved on in the same second (seen)
			}
			if int64(date)+int64(gap) >= d.end {
				break
			}
			date += Stamp(gap)
			last := &buf[len(buf)-1]
			last.end, last.updated = date, date
		}
		by := d.author(&dice)
		m := move{employee: employee, recruitment: recruitment, state: id, date: date, updated: date, createdBy: by, updatedBy: by}
		if k == 0 && dice.permille(400) {
			m.createdBy = 0 // applied in public (seen)
		}
		if k > 0 {
			buf[len(buf)-1].updatedBy = by
		}
		buf = append(buf, m)
	}
	// Two faults of real histories: a row that was not closed although another
	// followed, and an application whose rows are all closed.
	if n := len(buf); dice.rare(5, a, 9) && n > 1 {
		buf[n-2].end, buf[n-2].updated = 0, buf[n-2].date
	} else if dice.rare(5, a, 10) {
		last := &buf[n-1]
		last.end = min(last.date+Stamp(3*day), Stamp(d.end-1))
		last.updated = last.end
	}
	return buf
}

// historyRow makes generated history row h.
func (d *data) historyRow(h int) move {
	key := d.historyKeys[h]
	var buf [maxMoves]move
	m := d.path(buf[:0], int(key>>4&(1<<31-1)))[key&15]
	m.id = d.historyIDs.id(h)
	return m
}

// historyIndex finds the number of stay k of application a.
func (d *data) historyIndex(date Stamp, a, k int) int {
	h, _ := slices.BinarySearch(d.historyKeys, d.historyKey(date, a, k))
	return h
}

// row renders a move in the shape of /employees/recruitment_history (seen).
func (m move) row(s state) Row {
	row := append(make(Row, 0, 10), Field{"id", m.id}, Field{"date", m.date})
	if m.end != 0 {
		row = append(row, Field{"end_date", m.end})
	}
	row = append(row, Field{"employee", ref(m.employee)}, Field{"recruitment", ref(m.recruitment)},
		Field{"workflow_state", s.appendTo(make(Row, 0, 4))}, Field{"created_at", m.date}, Field{"updated_at", m.updated})
	if m.createdBy != 0 {
		row = append(row, Field{"created_by", ref(m.createdBy)})
	}
	return append(row, Field{"updated_by", ref(m.updatedBy)})
}

func (t *Tenant) listHistory() listing {
	l := listOf(&t.history, func(pos int) Row { return t.moveRow(t.history.at(pos)) })
	l.quick["date"] = func(pos int) any { return t.history.at(pos).date }
	l.quick["updated_at"] = func(pos int) any { return t.history.at(pos).updated }
	l.fields = []string{"id", "date", "end_date", "employee", "recruitment", "workflow_state", "created_at", "updated_at", "created_by", "updated_by"}
	l.deaf = "created_at" // accepted and ignored (seen)
	return withStrangers(l, &t.history, t.settings().counts("dangling")["employees/recruitment_history"], func(k, h, id int) Row {
		m := t.data.historyRow(h)
		if m.id = id; k%2 == 0 {
			m.employee = t.data.employeeIDs.unused(k % t.data.candidates)
		} else {
			m.recruitment = t.data.recruitmentIDs.unused(k % t.data.recruitments)
		}
		return t.moveRow(m)
	})
}

// moveRow renders a move with its state as that is called now.
func (t *Tenant) moveRow(m move) Row { return m.row(t.data.named(t.states[m.state])) }

// pair names an application by the ids of its two sides.
type pair struct{ employee, recruitment int }

// moves returns the living history rows of an application, oldest first.
func (t *Tenant) moves(p pair) []move {
	var out []move
	if a, ok := t.data.findApplication(p.employee, p.recruitment); ok && !t.removedApps[a] {
		var buf [maxMoves]move
		for k, m := range t.data.path(buf[:0], a) {
			id := t.data.historyIDs.id(t.data.historyIndex(m.date, a, k))
			if m, ok := t.history.get(id); ok {
				out = append(out, m)
			}
		}
	}
	for _, id := range t.addedMoves[p] {
		if m, ok := t.history.get(id); ok {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b move) int { return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.id, b.id)) })
	return out
}

// current is the row that tells where an application stands: the latest without
// an end, else the last.
func current(moves []move) (move, bool) {
	for _, m := range slices.Backward(moves) {
		if m.end == 0 {
			return m, true
		}
	}
	if len(moves) == 0 {
		return move{}, false
	}
	return moves[len(moves)-1], true
}

// applicants lists the ids of the living candidates in a recruitment, rising.
func (t *Tenant) applicants(recruitment int) []int {
	var out []int
	if r, ok := t.data.recruitmentIDs.index(recruitment); ok && r < t.data.recruitments {
		for _, a := range t.data.recApps[t.data.recStart[r]:t.data.recStart[r+1]] {
			if t.data.danglingOf(int(a)) == sound && !t.removedApps[int(a)] {
				out = append(out, t.data.employeeIDs.id(int(t.data.apps[a].candidate)))
			}
		}
	}
	for _, e := range t.addedTo[recruitment] {
		if len(t.moves(pair{e, recruitment})) > 0 && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	out = slices.DeleteFunc(out, func(id int) bool { return !t.employees.has(id) })
	slices.Sort(out)
	return out
}

// applicationsOf lists the ids of the recruitments a candidate is in, living ones only.
func (t *Tenant) applicationsOf(employee int) []int {
	var out []int
	if i, ok := t.data.employeeIDs.index(employee); ok && i < t.data.candidates {
		for a := int(t.data.appStart[i]); a < int(t.data.appStart[i+1]); a++ {
			if t.data.danglingOf(a) == sound && !t.removedApps[a] {
				out = append(out, t.data.recruitmentIDs.id(int(t.data.apps[a].recruitment)))
			}
		}
	}
	for p := range t.addedMoves {
		if p.employee == employee && len(t.moves(p)) > 0 && !slices.Contains(out, p.recruitment) {
			out = append(out, p.recruitment)
		}
	}
	out = slices.DeleteFunc(out, func(id int) bool { return !t.recruitments.has(id) })
	slices.Sort(out)
	return out
}
