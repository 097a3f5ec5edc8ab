package sandbox

import (
	"strconv"
	"strings"
)

// Employee is the vendor's word for a candidate.

// employeeFields are the fields of a candidate: the first line as seen on a
// tenant, its custom fields, and four more of types that others have.
var employeeFields = []string{
	"id", "name", "lastname", "status", "files", "email", "created_at", "updated_at", "created_by", "updated_by", "mobile",
	"candidate_about", "candidate_location", "candidate_languages", "linkedin",
	"_nationality", "_experience", "_education", "_technologie", "_certificates", "_previous_employers", "_Position",
	"_salary_expectation", "_available_from", "_relocation", "_portfolio",
}

func (d *data) employeeCreated(i int) Stamp {
	dice := roll(d.seed, kindCreated, i)
	return Stamp(d.moment(&dice, i, d.candidates))
}

func (d *data) employeeUpdated(i int) Stamp {
	created := int64(d.employeeCreated(i))
	dice := roll(d.seed, kindUpdated, i)
	switch dice.weighted(15, 45, 40) {
	case 0:
		return Stamp(created)
	case 1:
		return Stamp(d.later(&dice, created, 6*day))
	}
	return Stamp(d.later(&dice, created, d.end))
}

func (d *data) employeePerson(i int) person {
	dice := roll(d.seed, kindPerson, i)
	return dice.person()
}

// email is unique but for one in a hundred, who has the address of somebody
// before, and a few who have none. Some are empty text instead of null.
func (d *data) employeeEmail(i int) any {
	dice := roll(d.seed, kindPerson, i)
	p := dice.person()
	if i > 3 && dice.rare(10, i, 8) {
		return d.ownEmail(d.employeePerson(i-3), i-3)
	}
	if of := i - i%4; of != i && d.dirtier("email", i, 10) {
		return d.ownEmail(d.employeePerson(of), of)
	}
	switch v := dice.below(1000); {
	case v < 20:
		return nil
	case v < 26:
		return ""
	}
	return d.ownEmail(p, i)
}

func (d *data) ownEmail(p person, i int) string {
	domain := [...]string{"poczta.example", "mail.example", "example.com", "example.org", "example.net"}[mix(d.seed, uint64(i))%5]
	return p.handle(".") + "." + strconv.FormatInt(int64(d.employeeIDs.id(i)), 36) + "@" + domain
}

// employeeName returns the name as recruiters left it: blank, null, or polluted with marks (seen).
func (d *data) employeeName(i int) (first, last any) {
	dice := roll(d.seed, kindPerson, i)
	p := dice.person()
	dice = roll(d.seed, kindPerson, -1-i)
	first, last = p.first, p.last
	switch {
	case dice.rare(2, i, 7):
		first = p.first + " 🚀"
	case dice.rare(2, i, 13):
		first, last = "Zoe\u0301", "Mu\u0308ller-"+p.last // combining marks, not composed
	case dice.rare(3, i, 16):
		first, last = nil, nil
	case dice.rare(3, i, 17):
		first = ""
	case dice.rare(6, i, 19):
		last = p.last + " [zatrudniony]"
	case dice.rare(3, i, 21):
		last = "[BLACK LIST] " + p.last
	case dice.permille(4):
		first = "  " + strings.ToUpper(p.first) + " "
	case d.dirtier("blank name", i, 6):
		first, last = [...]any{nil, ""}[i%2], [...]any{nil, ""}[i%2]
	case d.dirtier("name", i, 9):
		last = [...]string{p.last + " [zatrudniony]", "[BLACK LIST] " + p.last}[i%2]
	}
	return first, last
}

// dirtier is true for more rows the dirtier the data is: for as many again as
// the odds tell, in a thousand, with each step above the usual. It draws by
// itself, so that everything else of a row stays.
func (d *data) dirtier(what string, i, permille int) bool {
	more := int(d.dirt.Load()) - 1
	if more <= 0 {
		return false
	}
	dice := roll(d.seed, hashText("dirt "+what), i)
	return dice.permille(min(more*permille, 1000))
}

func (d *data) employeeMobile(dice *dice, i int) any {
	mobile := usualMobile(dice, i)
	if d.dirtier("phone", i, 10) {
		return "+48 190 000 " + strconv.Itoa(100+i%900) + " lub przez kolegę: +48 190 111 222"
	}
	return mobile
}

func usualMobile(dice *dice, i int) any {
	// The prefix 19 belongs to no subscriber.
	number := func() string {
		n := strconv.Itoa(19_000_000 + dice.below(1_000_000))
		return n[:3] + " " + n[3:6] + " " + n[6:] + strconv.Itoa(dice.below(10))
	}
	switch {
	case dice.rare(10, i, 4):
		return "+48 " + number() + ", +48 " + number() + " (po 17:00)" // above 30 characters (seen)
	case dice.permille(120):
		return nil
	case dice.permille(40):
		return ""
	case dice.permille(300):
		return strings.ReplaceAll(number(), " ", "")
	}
	return "+48" + strings.ReplaceAll(number(), " ", "")
}

// location has the nine keys of the vendor's location type; that it may be a
// plain text too is told by a client's code.
func (d *data) employeeLocation(dice *dice) any {
	c := pick(dice, cities)
	switch dice.weighted(40, 45, 15) {
	case 0:
		return nil
	case 1:
		return c.location()
	}
	return c.name
}

func (c city) location() Row {
	return Row{
		{"country", "Polska"},
		{"iso", "pl"},
		{"region1", c.region},
		{"region2", c.county},
		{"region3", ""},
		{"postcode", c.postcode},
		{"locality", c.name},
		{"latitude", c.lat},
		{"longitude", c.lon},
	}
}

// employee makes generated candidate i. Empty fields are there as null (seen).
func (d *data) employee(i int) Row {
	dice := roll(d.seed, kindEmployee, i)
	p := d.employeePerson(i)
	first, last := d.employeeName(i)
	status := "active"
	if dice.permille(20) {
		status = pick(&dice, []string{"inactive", "passive", "blacklisted"})
	}
	row := append(make(Row, 0, len(employeeFields)),
		Field{"id", d.employeeIDs.id(i)}, Field{"name", first}, Field{"lastname", last}, Field{"status", status},
		Field{"files", d.employeeFiles(i)}, Field{"email", d.employeeEmail(i)},
		Field{"created_at", d.employeeCreated(i)}, Field{"updated_at", d.employeeUpdated(i)})
	by := d.author(&dice)
	if !dice.permille(120) {
		row = append(row, Field{"created_by", ref(by)})
	}
	maybe := func(permille int, v any) any {
		if dice.permille(permille) {
			return v
		}
		return nil
	}
	var linkedin any
	switch dice.weighted(50, 35, 15) {
	case 1:
		linkedin = "https://www.linkedin.com/in/" + p.handle("-") + "-" + strconv.Itoa(d.employeeIDs.id(i))
	case 2:
		linkedin = p.handle("") + strconv.Itoa(d.employeeIDs.id(i))
	}
	row = append(row,
		Field{"updated_by", ref(d.author(&dice))},
		Field{"mobile", d.employeeMobile(&dice, i)},
		Field{"candidate_about", maybe(150, pick(&dice, noteTexts))},
		Field{"candidate_location", d.employeeLocation(&dice)},
		Field{"candidate_languages", d.employeeLanguages(&dice)},
		Field{"linkedin", linkedin},
		Field{"_nationality", maybe(300, countries[max(0, dice.below(3*len(countries))-2*len(countries))])},
		Field{"_experience", d.employeeExperience(&dice)},
		Field{"_education", maybe(400, []string{pick(&dice, education)})},
		Field{"_technologie", maybe(550, pick(&dice, skills)+", "+pick(&dice, skills)+", "+pick(&dice, skills))},
		Field{"_certificates", maybe(100, "ISTQB Foundation; PRINCE2")},
		Field{"_previous_employers", maybe(200, "1. "+pick(&dice, companies)+"\n2. "+pick(&dice, companies))},
		Field{"_Position", maybe(500, pick(&dice, jobTitles))},
		Field{"_salary_expectation", maybe(250, 1000*dice.between(5, 30))},
		Field{"_available_from", maybe(200, (Stamp(d.employeeCreated(i)) + Stamp(day*dice.between(7, 90))).String()[:10])},
		Field{"_relocation", maybe(500, strconv.Itoa(dice.below(2)))},
		Field{"_portfolio", maybe(80, "https://portfolio.example/"+p.handle("-")+"?id="+strconv.Itoa(i))},
	)
	return row
}

func (d *data) employeeLanguages(dice *dice) any {
	at := dice.below(len(languages) - 1)
	one, two := languages[at], languages[at+1]
	switch dice.weighted(50, 15, 20, 15) {
	case 1:
		return one
	case 2:
		return []string{one}
	case 3:
		return []string{one, two}
	}
	return nil
}

func (d *data) employeeExperience(dice *dice) any {
	one := pick(dice, experience)
	switch dice.weighted(50, 45, 5) {
	case 1:
		return []string{one}
	case 2:
		return one
	}
	return nil
}

// employeeTags returns the numbers of the generated tags of candidate i.
func (d *data) employeeTags(i int) []int {
	dice := roll(d.seed, kindTags, i)
	out := make([]int, 0, 4)
	first, step := dice.below(len(tagNames)), 1+dice.below(5)
	for n := range dice.weighted(350, 250, 200, 120, 80) {
		out = append(out, (first+n*step)%len(tagNames))
	}
	return out
}

func (t *Tenant) listEmployees() listing {
	d := t.data
	l := t.listTable(&t.employees, employeeFields, map[string]func(int) any{
		"created_at": func(i int) any { return d.employeeCreated(i) },
		"updated_at": func(i int) any { return d.employeeUpdated(i) },
		"email":      d.employeeEmail,
		"name":       func(i int) any { first, _ := d.employeeName(i); return first },
		"lastname":   func(i int) any { _, last := d.employeeName(i); return last },
	})
	l.fields = append([]string{"linkedin_id", "guid", "synchro_time"}, l.fields...)
	return l
}

// employeeRecruitments is a guess: [{"recruitment":{"id","name"},"state":{"id","name","type"[,"sid"]},"created_at"}].
func (t *Tenant) employeeRecruitments(id int) []Row {
	rows := []Row{}
	for _, rid := range t.applicationsOf(id) {
		moves := t.moves(pair{id, rid})
		now, ok := current(moves)
		if !ok {
			continue
		}
		r, _ := t.recruitments.get(rid)
		rows = append(rows, Row{{"recruitment", r.only(false, "id", "name")}, {"state", t.data.named(t.states[now.state]).appendTo(nil)}, {"created_at", moves[0].date}})
	}
	return rows
}

// employeeInRecruitment is a candidate as a recruitment lists it: with the source
// and the owner, but without state or date of application (seen).
func (t *Tenant) employeeInRecruitment(id int) Row {
	row, _ := t.employees.get(id)
	out := make(Row, 0, len(row)+2)
	for _, f := range row {
		out = append(out, f)
		if f.Name != "email" {
			continue
		}
		if sources := t.sourcesOf(id); len(sources) > 0 {
			s, _ := t.sources.get(sources[0])
			if item, ok := t.item(dictSource, refID(s.Value("dictionary_item"))); ok {
				out = append(out, Field{"source", item.row()})
			}
		}
		if h := mix(t.data.seed, uint64(id)); h%10 != 0 {
			out = append(out, Field{"owner", ref(t.data.userIDs.id(int(h>>8) % t.data.users))})
		}
	}
	return out
}

// tagsOf returns the ids of a candidate's tags.
func (t *Tenant) tagsOf(id int) []int {
	if ids, ok := t.tagSets[id]; ok {
		return ids
	}
	i, ok := t.data.employeeIDs.index(id)
	if !ok || i >= t.data.candidates {
		return nil
	}
	out := t.data.employeeTags(i)
	for k := range out {
		out[k] = tagID(out[k])
	}
	return out
}

// trueTags are a candidate's tags, none where the vendor has no endpoint for them.
func (t *Tenant) trueTags(id int) []Row {
	if t.settings().on("tags.shape", "missing") {
		return []Row{}
	}
	return t.tagRows(id)
}

// tagRows renders a candidate's tags. The shape [{"id","name"}] is a guess.
func (t *Tenant) tagRows(id int) []Row {
	rows := []Row{}
	for _, tag := range t.tagsOf(id) {
		rows = append(rows, Row{{"id", tag}, {"name", t.tagNames[tagIndex(tag)]}})
	}
	return rows
}

func tagID(i int) int     { return 12 + 3*i }
func tagIndex(id int) int { return (id - 12) / 3 }
