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
	createdBy, updatedBy int // 0 where the key is absent
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
			rejection = rejectionID(dice.below(len(rejectionNames)))
		}
		if dice.permille(400) {
			description = pick(&dice, rejectionNotes)
		}
	}
	return activity{
		employee: m.employee, kind: d.activityKind(actStageChange), date: m.date, created: m.date, updated: m.date,
		content: stageChangeContent(d.states[path[k-1].state], to, rejection, description), createdBy: m.createdBy,
	}
}

// stageChangeContent is a JSON document inside a string (seen).
func stageChangeContent(from, to state, rejection int, description string) string {
	row := Row{{"from_state", Row{{"id", from.id}, {"name", from.name}}}, {"to_state", Row{{"id", to.id}, {"name", to.name}}}}
	if rejection != 0 {
		row = append(row, Field{"rejection", Row{{"id", rejection}, {"name", rejectionName(rejection)}}})
	}
	if description != "" {
		row = append(row, Field{"description", description})
	}
	return string(appendJSON(nil, row))
}

func (d *data) activityKind(kind int) dictionaryItem { return d.lists[dictActivity].items[kind] }

// row renders an activity; the global feed names the employee, the candidate's
// own list does not (seen).
func (a activity) row(global bool) Row {
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
	return listing{
		n:   t.activities.len(),
		row: func(pos int) Row { return t.activities.at(pos).row(true) },
		quick: map[string]func(int) any{
			"id":         func(pos int) any { id, _, _ := t.activities.locate(pos); return id },
			"created_at": created,
			"updated_at": func(pos int) any { return t.activities.at(pos).updated },
		},
		fields: activityFields,
	}
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
