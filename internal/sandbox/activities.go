package sandbox

import "slices"

// activity is a row of the candidate log, which also carries notes, mails and
// the reasons of rejections (seen).
type activity struct {
	id, employee         int
	kind                 dictionaryItem
	date, created        Stamp
	updated              Stamp
	content              any
	change               *stageChange // what the content of a stage change is made of
	createdBy, updatedBy int          // 0 where the key is absent
}

// stageChange is a move as the log tells it.
type stageChange struct {
	from, to    state
	recruitment int
	rejection   int // number of the reason from 1, 0 without one
	description string
}

// Kinds of activities, by their place in the dictionary.
const (
	actNote = iota
	actEmail
	actReply
	actCall
	actMeeting
	actStageChange
	actImport
)

const notesPerCandidate = 8 // numbers set aside for one candidate

// An activity key orders activities by creation: 29 bits of seconds, one bit
// that tells notes from stage changes, 34 bits of note number or history row.
func (d *data) activityKey(created Stamp, note bool, n int) uint64 {
	key := uint64(int64(created)-d.start)<<35 | uint64(n)
	if note {
		key |= 1 << 34
	}
	return key
}

func (d *data) indexActivities() {
	var notes []uint64
	for i := range d.candidates {
		for n := range d.noteCount(i) {
			notes = append(notes, d.activityKey(d.noteTime(i, n), true, i*notesPerCandidate+n))
		}
	}
	slices.Sort(notes)
	// Stage changes come in order from the history, so a merge will do.
	d.activityKeys = make([]uint64, 0, len(notes)+len(d.historyKeys)-len(d.apps))
	for h, key := range d.historyKeys {
		if key&15 == 0 {
			continue // entering the first state is no change
		}
		k := key>>35<<35 | uint64(h)
		for len(notes) > 0 && notes[0] < k {
			d.activityKeys, notes = append(d.activityKeys, notes[0]), notes[1:]
		}
		d.activityKeys = append(d.activityKeys, k)
	}
	d.activityKeys = append(d.activityKeys, notes...)
}

func (d *data) noteCount(i int) int {
	dice := roll(d.seed, kindNoteCount, i)
	return dice.weighted(200, 250, 250, 150, 100, 50)
}

func (d *data) noteTime(i, n int) Stamp {
	created := int64(d.employeeCreated(i))
	if n == 0 {
		return Stamp(created) // the import or first mail
	}
	dice := roll(d.seed, kindNote, i*notesPerCandidate+n)
	return Stamp(d.later(&dice, created, d.end))
}

// activityRow makes generated activity p.
func (d *data) activityRow(p int) activity {
	key := d.activityKeys[p]
	n := int(key & (1<<34 - 1))
	var a activity
	if key>>34&1 == 1 {
		a = d.note(n, Stamp(d.start+int64(key>>35)))
	} else {
		a = d.stageChange(n)
	}
	a.id = d.activityIDs.id(p)
	return a
}

func (d *data) note(n int, created Stamp) activity {
	i := n / notesPerCandidate
	dice := roll(d.seed, kindNote, n)
	dice.next() // the time's
	by := d.author(&dice)
	a := activity{employee: d.employeeIDs.id(i), date: created, created: created, updated: created, createdBy: by}
	kind := dice.weighted(45, 20, 10, 15, 10)
	var content any = pick(&dice, noteTexts)
	switch {
	case n%notesPerCandidate == 0 && dice.permille(500):
		kind, content = actImport, "Kandydat dodany z pliku CV"
	case kind == actEmail || kind == actReply:
		content = "<div>Dzień dobry,<br/>" + pick(&dice, noteTexts) + "<br/>Pozdrawiam</div>"
	case dice.rare(8, n, 1):
		content = nil
	case dice.permille(8):
		content = ""
	case n%(64*notesPerCandidate) == 1:
		content = Row{{"content", content}} // rare, told by a client's code
	}
	a.kind, a.content = d.activityKind(kind), content
	if kind == actNote && dice.permille(100) { // dated back (seen)
		a.date = max(created-Stamp(dice.between(hour, 5*day)), Stamp(d.start))
	}
	if dice.permille(80) { // edited (seen)
		a.updated = Stamp(d.later(&dice, int64(created), 9*day))
		a.updatedBy = by
	}
	return a
}

// stageChange makes the activity that went with history row h. Its date is that
// row's to the second, which is the only tie between them (seen).
func (d *data) stageChange(h int) activity {
	key := d.historyKeys[h]
	var buf [maxMoves]move
	k := int(key & 15)
	path := d.path(buf[:0], int(key>>4&(1<<31-1)))
	m := path[k]
	dice := roll(d.seed, kindStageChange, h)
	to := d.states[m.state]
	rejection, description := 0, ""
	if to.kind == "end-bad" {
		if dice.permille(900) {
			rejection = 1 + dice.below(len(rejectionNames))
		}
		if dice.permille(400) {
			description = pick(&dice, rejectionNotes)
		}
	}
	return activity{
		employee: m.employee, kind: d.activityKind(actStageChange), date: m.date, created: m.date, updated: m.date,
		change: &stageChange{d.states[path[k-1].state], to, m.recruitment, rejection, description}, createdBy: m.createdBy,
	}
}

// content is a JSON document inside a string (seen).
func (m *stageChange) content(t *Tenant) string {
	from, to := t.data.named(m.from), t.data.named(m.to)
	row := Row{{"from_state", Row{{"id", from.id}, {"name", from.name}}}, {"to_state", Row{{"id", to.id}, {"name", to.name}}}}
	if m.rejection != 0 {
		i := m.rejection - 1
		row = append(row, Field{"rejection", Row{{"id", t.rejectionID(m.recruitment, i)}, {"name", rejectionNames[i]}}})
	}
	if m.description != "" {
		row = append(row, Field{"description", m.description})
	}
	return string(appendJSON(nil, row))
}

func (d *data) activityKind(kind int) dictionaryItem { return d.lists[dictActivity].items[kind] }

// activityRow renders an activity; the global feed names the employee, the
// candidate's own list does not (seen).
func (t *Tenant) activityRow(a activity, global bool) Row {
	if a.change != nil {
		a.content = a.change.content(t)
	}
	row := append(make(Row, 0, 10), Field{"id", a.id}, Field{"activity_date", a.date}, Field{"type", a.kind.row()}, Field{"content", a.content})
	if a.createdBy != 0 {
		row = append(row, Field{"created_by", ref(a.createdBy)})
	}
	if a.updatedBy != 0 {
		row = append(row, Field{"updated_by", ref(a.updatedBy)})
	}
	row = append(row, Field{"created_at", a.created}, Field{"updated_at", a.updated})
	if global {
		row = append(row, Field{"employee", ref(a.employee)})
	}
	return row
}

var activityFields = []string{"id", "activity_date", "type", "content", "created_by", "updated_by", "created_at", "updated_at", "employee"}

func (t *Tenant) listActivities() listing {
	created := func(pos int) any {
		_, p, fresh := t.activities.locate(pos)
		if fresh {
			return Stamp(t.data.start + int64(t.data.activityKeys[p]>>35))
		}
		return t.activities.at(pos).created
	}
	l := listOf(&t.activities, func(pos int) Row { return t.activityRow(t.activities.at(pos), true) })
	l.fields = activityFields
	l.quick["created_at"] = created
	l.quick["updated_at"] = func(pos int) any { return t.activities.at(pos).updated }
	return withStrangers(l, &t.activities, t.settings().counts("dangling")["employees/activities"], func(k, p, id int) Row {
		a := t.data.activityRow(p)
		a.id, a.employee = id, t.data.employeeIDs.unused(k%t.data.candidates)
		return t.activityRow(a, true)
	})
}

// notesOf lists a candidate's notes, in the shape of activities (guess).
func (t *Tenant) notesOf(employee int) []Row {
	rows, note := []Row{}, t.data.activityKind(actNote).id
	for _, id := range t.activitiesOf(employee) {
		if a, _ := t.activities.get(id); a.kind.id == note {
			rows = append(rows, t.activityRow(a, false))
		}
	}
	return rows
}

// activitiesOf lists the ids of a candidate's activities, rising.
func (t *Tenant) activitiesOf(employee int) []int {
	d := t.data
	var out []int
	add := func(key uint64) {
		if p, ok := slices.BinarySearch(d.activityKeys, key); ok {
			if id := d.activityIDs.id(p); t.activities.has(id) {
				out = append(out, id)
			}
		}
	}
	if i, ok := d.employeeIDs.index(employee); ok && i < d.candidates {
		for n := range d.noteCount(i) {
			add(d.activityKey(d.noteTime(i, n), true, i*notesPerCandidate+n))
		}
		for a := int(d.appStart[i]); a < int(d.appStart[i+1]); a++ {
			if d.danglingOf(a) == lostEmployee {
				continue
			}
			var buf [maxMoves]move
			for k, m := range d.path(buf[:0], a) {
				if k > 0 {
					add(d.activityKey(m.date, false, d.historyIndex(m.date, a, k)))
				}
			}
		}
	}
	for _, id := range t.addedActivities[employee] {
		if t.activities.has(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
