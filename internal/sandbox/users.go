package sandbox

import "strings"

var userFields = []string{"is_active", "created_by", "updated_by", "id", "permission_group", "username", "email", "name", "lastname", "updated_at"}

var permissionGroups = []string{"Administrator", "Rekruter", "Kierownik rekrutacji", "Hiring manager"}

func (d *data) userPerson(u int) (person, string) {
	dice := roll(d.seed, kindUser, u)
	p := dice.person()
	// Without Polish letters; the number keeps addresses apart.
	return p, p.handle(".") + string(rune('a'+u%26)) + "@" + strings.ReplaceAll(strings.ToLower(d.tenant), "_", "-") + ".example"
}

func (d *data) userEmail(u int) string { _, email := d.userPerson(u); return email }

// user makes generated user u. Most old ones are inactive; there is no date of creation (seen).
func (d *data) user(u int) Row {
	p, email := d.userPerson(u)
	dice := roll(d.seed, kindUser, -1-u)
	group := dice.weighted(10, 60, 20, 10)
	username := p.handle("_")
	where := dice.weighted(70, 20, 10)
	if u == 1 {
		where = 1
	}
	if where > 0 {
		username = email
	}
	row := Row{
		{"is_active", u >= d.users*2/5 || u == 0},
		{"created_by", ref(1)},
		{"updated_by", ref(1)},
		{"id", d.userIDs.id(u)},
		{"permission_group", Row{{"id", 2 + group}, {"name", permissionGroups[group]}}},
		{"username", username},
	}
	if where != 1 { // else only the username holds the address
		row = append(row, Field{"email", email})
	}
	if !dice.rare(300, u, 2) { // names are optional
		row = append(row, Field{"name", p.first}, Field{"lastname", p.last})
	}
	return append(row, Field{"updated_at", Stamp(d.later(&dice, d.edge(u, d.users), 200*day))})
}

// groupRows is a guess: [{"id","name"}].
func groupRows(base int, names []string) []Row {
	rows := make([]Row, len(names))
	for i, name := range names {
		rows[i] = Row{{"id", base + i}, {"name", name}}
	}
	return rows
}
