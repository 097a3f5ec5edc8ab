package sandbox

import (
	"fmt"
	"strconv"
)

// A recruitment's list and detail carry different fields (seen). Rows are
// stored as the union of both and cut when answered.
var (
	recruitmentListFields = []string{
		"is_confidential", "id", "name", "client", "is_closed", "closing_date", "nrRef",
		"created_by", "updated_by", "created_at", "updated_at",
	}
	recruitmentDetailFields = []string{
		"workflow_id", "id", "status", "name", "client", "is_closed", "closing_date", "nrRef",
		"responsible_person", "created_by", "updated_by", "created_at", "updated_at",
	}
	recruitmentFields = append([]string{"is_confidential"}, recruitmentDetailFields...)
)

// workflowOf is the workflow of a generated recruitment.
func (d *data) workflowOf(r int) int {
	h := mix(d.seed^kindRecruitment, uint64(r))
	if h%10 < 7 {
		return 0
	}
	return int(h>>8%1024) % len(d.workflows)
}

// recruitmentTitle is the number of a generated recruitment's title; titles repeat.
func (d *data) recruitmentTitle(r int) int {
	return int(mix(d.seed^kindAdvert, uint64(r)) % uint64(len(jobTitles)))
}

func (d *data) recruitment(r int) Row {
	dice := roll(d.seed, kindRecruitment, r)
	created := d.recruited[r]
	at := Stamp(created).Time()
	title := jobTitles[d.recruitmentTitle(r)]
	if dice.permille(250) {
		title += " (" + pick(&dice, cities).name + ")"
	}
	closed := r < d.firstOpen && !dice.permille(10)

	updated := d.later(&dice, created, d.end)
	var closing any
	switch ends := created + 100*day; {
	case closed:
		updated = d.later(&dice, ends, 100*day)
		closing = Stamp(updated)
	case dice.permille(600):
		closing = Stamp(officeTime(d.end + int64(dice.between(5*day, 90*day)))) // planned
	case dice.permille(400):
		closing = Stamp(d.later(&dice, created+hour, 60*day)) // overdue
	}

	nrRef := fmt.Sprintf("%d/%d/%d/%s/%d", dice.between(1, 28), at.Month(), at.Year(), pick(&dice, []string{"EP", "AW", "MK"}), 100+r)
	if dice.rare(20, r, 3) || r == 11 || d.dirtier("number", r, 20) {
		nrRef = "/12/08/2022/EP" // numbers are not unique (seen)
	}
	row := Row{
		{"is_confidential", dice.rare(40, r, 15)},
		{"workflow_id", d.workflows[d.workflowOf(r)].id},
		{"id", d.recruitmentIDs.id(r)},
		{"status", "active"}, // closed ones too (seen)
		{"name", title},
	}
	client := dice.below(d.clients)
	switch { // clients may be missing or unknown (seen)
	case dice.rare(4, r, 6):
	case dice.rare(3, r, 9):
		row = append(row, Field{"client", Row{{"id", d.clientIDs.unused(client)}, {"name", "Usunięty klient"}}})
	default:
		row = append(row, Field{"client", Row{{"id", d.clientIDs.id(client)}, {"name", d.clientName(client)}}})
	}
	row = append(row, Field{"is_closed", closed}, Field{"closing_date", closing}, Field{"nrRef", nrRef},
		Field{"responsible_person", d.responsible(&dice, r)}, Field{"created_by", ref(d.author(&dice))}, Field{"updated_by", ref(d.author(&dice))},
		Field{"created_at", Stamp(created)}, Field{"updated_at", Stamp(updated)})
	if dice.rare(300, r, 2) { // custom fields on a part of them: a guess
		row = append(row,
			Field{"_budget", 1000 * dice.between(8, 32)},
			Field{"_start_date", Stamp(created + 45*day).String()[:10]},
			Field{"_remote", strconv.Itoa(dice.below(2))},
			Field{"_priority", pick(&dice, []string{"Niski", "Średni", "Wysoki"})},
			Field{"_stack", []string{pick(&dice, skills), pick(&dice, skills)}},
			Field{"_brief", "https://intranet.example/brief/" + strconv.Itoa(r)},
			Field{"_cost_center", nil})
	}
	return row
}

// responsible lists nobody, one or two users; now and then one that /users does not know.
func (d *data) responsible(dice *dice, r int) []Row {
	list := []Row{}
	first := d.users - 1 - dice.below(min(d.users, 8))
	for n := range dice.weighted(80, 720, 200) {
		u := (first + n) % d.users
		if n > 0 && u == first {
			break
		}
		list = append(list, Row{{"id", d.userIDs.id(u)}, {"email", d.userEmail(u)}})
	}
	if dice.rare(10, r, 4) {
		list = append(list, Row{{"id", d.userIDs.unused(first)}, {"email", "dawny.pracownik@example.com"}})
	}
	return list
}

func (t *Tenant) listRecruitments() listing {
	d := t.data
	l := t.listTable(&t.recruitments, recruitmentFields, map[string]func(int) any{
		"created_at": func(r int) any { return Stamp(d.recruited[r]) },
	})
	l.fields = append([]string{"guid", "synchro_time"}, l.fields...)
	return l
}

// recruitmentStates lists the states of a recruitment's workflow.
func (t *Tenant) recruitmentStates(row Row) []Row {
	rows := []Row{}
	id, _ := row.Value("workflow_id").(int)
	if w, ok := t.workflow(id); ok {
		for _, s := range t.shown(w).states {
			rows = append(rows, s.ofRecruitment())
		}
	}
	return rows
}

// inState lists the candidates who stand in a state. That they come as in
// /recruitments/{id}/employees is a guess.
func (t *Tenant) inState(recruitment, state int) []int {
	var out []int
	for _, e := range t.applicants(recruitment) {
		if m, ok := current(t.moves(pair{e, recruitment})); ok && m.state == state {
			out = append(out, e)
		}
	}
	return out
}

// rejectionID is the id of reason i. That ids hold for the whole tenant is a
// guess; a switch gives each recruitment ids of its own.
func (t *Tenant) rejectionID(recruitment, i int) int {
	if t.settings().on("rejections.ids", "recruitment") {
		return recruitment*100 + i + 1
	}
	return 31 + 3*i
}

// rejection finds the number of a reason, from 1, by its id; 0 is none.
func (t *Tenant) rejection(recruitment, id int) int {
	for i := range rejectionNames {
		if t.rejectionID(recruitment, i) == id {
			return i + 1
		}
	}
	return 0
}

func (t *Tenant) rejectionRows(recruitment int) []Row {
	rows := make([]Row, len(rejectionNames))
	for i, name := range rejectionNames {
		rows[i] = Row{{"id", t.rejectionID(recruitment, i)}, {"name", name}}
	}
	return rows
}

// allRejections are the reasons of the tenant, or of all its open recruitments.
func (t *Tenant) allRejections() []Row {
	if t.settings().on("rejections.ids", "global") {
		return t.rejectionRows(0)
	}
	var rows []Row
	for pos := range t.recruitments.len() {
		if r := t.recruitments.at(pos); r.Value("is_closed") == false {
			rows = append(rows, t.rejectionRows(r.ID())...)
		}
	}
	return rows
}
