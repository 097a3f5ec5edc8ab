package sandbox

// Clients are the firms that recruit; CRM persons are the people there.

var (
	clientFields    = []string{"id", "name", "created_by", "updated_by", "created_at", "updated_at", "status"}
	crmPersonFields = []string{"id", "name", "lastname", "email", "status", "client", "created_by", "updated_by", "created_at", "updated_at"}
	crmActionFields = []string{"id", "activity_date", "type", "content", "client", "crm_person", "created_by", "created_at", "updated_at"}
	clientStatuses  = []string{"Aktywny", "Nieaktywny", "Prospekt", "Aktualny klient", "Ex-klient"}
)

func (d *data) clientName(c int) string {
	name := companies[c%len(companies)]
	if c >= len(companies) {
		name += " – oddział " + cities[c/len(companies)%len(cities)].name
	}
	return name
}

// written appends who made and changed a generated row, and when.
func (d *data) written(row Row, dice *dice, i, n int) Row {
	created := d.moment(dice, i, n)
	updated := created
	if dice.permille(400) {
		updated = d.later(dice, created, d.end)
	}
	by := ref(d.author(dice))
	return append(row, Field{"created_by", by}, Field{"updated_by", by}, Field{"created_at", Stamp(created)}, Field{"updated_at", Stamp(updated)})
}

func (d *data) client(c int) Row {
	dice := roll(d.seed, kindClient, c)
	status := clientStatuses[dice.weighted(60, 15, 10, 10, 5)]
	if dice.permille(50) {
		status = "active" // seen beside the labels
	}
	row := Row{{"id", d.clientIDs.id(c)}, {"name", d.clientName(c)}}
	return append(d.written(row, &dice, c, d.clients), Field{"status", status})
}

// crmPerson may lack its client or have one that is no more (seen).
func (d *data) crmPerson(i int) Row {
	dice := roll(d.seed, kindCRMPerson, i)
	p := dice.person()
	c := dice.below(d.clients)
	var first, email any = p.first, p.handle(".") + "@firma.example"
	if dice.permille(50) {
		first = nil
	}
	if dice.permille(150) {
		email = nil
	}
	row := Row{{"id", d.personIDs.id(i)}, {"name", first}, {"lastname", p.last}, {"email", email}, {"status", "active"}}
	switch {
	case dice.rare(10, i, 5):
	case dice.rare(10, i, 7):
		row = append(row, Field{"client", ref(d.clientIDs.unused(c))})
	default:
		row = append(row, Field{"client", ref(d.clientIDs.id(c))})
	}
	return d.written(row, &dice, i, d.crmPersons)
}

// crmGhosts are counted in the total and never answered (seen), which makes pages short.
const crmGhosts = 3

func (t *Tenant) listCRMPersons() listing {
	l := t.listTable(&t.crmPersons, crmPersonFields, nil)
	l.ghosts = crmGhosts
	return l
}

// crmActivity has a guessed shape.
func (d *data) crmActivity(i int) Row {
	dice := roll(d.seed, kindCRMActivity, i)
	row := Row{
		{"id", d.crmActivityIDs.id(i)},
		{"activity_date", Stamp(d.edge(i, d.crmActivities))},
		{"type", d.activityKind(dice.weighted(40, 20, 0, 20, 20)).row()},
		{"content", pick(&dice, noteTexts)},
		{"client", ref(d.clientIDs.id(dice.below(d.clients)))},
		{"crm_person", ref(d.personIDs.id(dice.below(d.crmPersons)))},
	}
	return d.written(row, &dice, i, d.crmActivities).without("updated_by")
}
