package sandbox

import "slices"

// dictionary is a list of labels that the tenant's admin keeps.
type dictionary struct {
	id    int
	name  string
	items []dictionaryItem
}

type dictionaryItem struct {
	id            int
	value, domain string
}

// row is how items appear in rows that refer to them (seen).
func (i dictionaryItem) row() Row { return Row{{"id", i.id}, {"value", i.value}} }

// The dictionaries, by place.
const (
	dictActivity = iota
	dictFileType
	dictSource
	dictBranch
)

func makeDictionaries() []dictionary {
	lists := []dictionary{
		{id: 4, name: "Typ aktywności"}, {id: 5, name: "Typ pliku"}, {id: 7, name: "Źródło"}, {id: 9, name: "Branża"},
	}
	fill := func(list, base int, labels ...string) {
		for i, label := range labels {
			lists[list].items = append(lists[list].items, dictionaryItem{id: base + 2*i, value: label})
		}
	}
	// The Polish labels of activities were seen.
	fill(dictActivity, 81, "Notatka", "Email", "Reply", "Rozmowa telefoniczna", "Spotkanie", "Zmiana etapu", "Import - dodany")
	fill(dictFileType, 105, "CV", "List motywacyjny", "Certyfikat", "Inny")
	fill(dictSource, 143, "LinkedIn", "Pracuj", "JustJoin", "Strona kariery", "Polecenie", "E-mail", "Targi pracy", "LinkedIn")
	fill(dictBranch, 201, branches...)
	for i, domain := range []string{"linkedin.example", "pracuj.example", "justjoin.example", "kariera.example"} {
		lists[dictSource].items[i].domain = domain
	}
	return lists
}

func (t *Tenant) item(list, id int) (dictionaryItem, bool) {
	items := t.data.lists[list].items
	i := slices.IndexFunc(items, func(item dictionaryItem) bool { return item.id == id })
	if i < 0 {
		return dictionaryItem{}, false
	}
	return items[i], true
}

// rows of a dictionary's items: [{"id","value"}] (guess).
func (d dictionary) rows() []Row {
	rows := make([]Row, len(d.items))
	for i, item := range d.items {
		rows[i] = item.row()
	}
	return rows
}

// answer is a dictionary in one of the shapes it might have (guess).
func (d dictionary) answer(shape string) any {
	switch shape {
	case "list":
		return d.rows()
	case "values":
		return Row{{"id", d.id}, {"name", d.name}, {"values", d.rows()}}
	}
	return d.truth()
}

func (d dictionary) truth() Row { return Row{{"id", d.id}, {"name", d.name}, {"items", d.rows()}} }

func (t *Tenant) dictionary(id int) (dictionary, bool) {
	i := slices.IndexFunc(t.data.lists, func(d dictionary) bool { return d.id == id })
	if i < 0 {
		return dictionary{}, false
	}
	return t.data.lists[i], true
}

func (t *Tenant) dictionarySummaries() []Row {
	rows := []Row{}
	for _, d := range t.data.lists {
		rows = append(rows, Row{{"id", d.id}, {"name", d.name}})
	}
	return rows
}

// Talents are pools of candidates; the list was seen, membership is a guess:
// [{"id","talent":{"id"},"employee":{"id"}}].
var talentNames = []string{"Programiści Go", "Programiści Java", "Testerzy", "Liderzy", "Magazyn – Łódź", "Stażyści 2024", "Srebrni medaliści"}

func talentRows() []Row { return groupRows(189, talentNames) }

const talentShare = 20 // one candidate of so many is in a pool

func (t *Tenant) listTalentMembers() listing {
	members := t.data.candidates / talentShare
	return listing{
		n: members,
		row: func(pos int) Row {
			dice := roll(t.data.seed, kindTalent, pos)
			return Row{
				{"id", 400 + pos},
				{"talent", ref(189 + dice.below(len(talentNames)))},
				{"employee", ref(t.data.employeeIDs.id(pos*talentShare + dice.below(talentShare)))},
			}
		},
		fields: []string{"id", "talent", "employee"},
		base:   members, origin: func(i int) int { return 400 + i },
	}
}

// Provisions are consents. Two exist (seen); their shapes are a guess.
func provisionRows() []Row {
	return []Row{
		{{"id", 3}, {"name", "Zgoda na przetwarzanie danych w tej rekrutacji"}, {"type", Row{{"id", 1}, {"value", "Obowiązkowa"}}}, {"is_required", true}},
		{{"id", 4}, {"name", "Zgoda na przyszłe rekrutacje"}, {"type", Row{{"id", 2}, {"value", "Dobrowolna"}}}, {"is_required", false}},
	}
}

func provisionTypeRows() []Row { return groupRows(1, []string{"Obowiązkowa", "Dobrowolna"}) }

// employeeProvisions is a guess: [{"id","provision":{"id"},"accepted","created_at"}].
func (t *Tenant) employeeProvisions(employee Row) []Row {
	dice := roll(t.data.seed, kindProvision, employee.ID())
	rows := []Row{}
	for i, p := range provisionRows() {
		rows = append(rows, Row{
			{"id", employee.ID()*2 + i},
			{"provision", ref(p.ID())},
			{"accepted", i == 0 || dice.permille(600)},
			{"created_at", employee.Value("created_at")},
		})
	}
	return rows
}

// formDetail is a guess.
func formDetail(id int) (Row, bool) {
	if id < 1 || id > 3 {
		return nil, false
	}
	field := func(name, kind string, required bool) Row {
		return Row{{"name", name}, {"type", kind}, {"required", required}}
	}
	return Row{{"id", id}, {"name", "Formularz aplikacyjny"}, {"fields", []Row{
		field("name", "text", true), field("lastname", "text", true),
		field("email", "email", true), field("mobile", "text", false), field("cv", "file", true),
	}}}, true
}
