package sandbox

import (
	"sort"
	"strconv"
)

// A source row tells where a candidate came from (seen). It has no date, though
// clients filter by one.
var sourceFields = []string{"id", "domain", "url", "employee", "dictionary_item", "employee_application", "created_at"}

// sourceOwner finds the candidate of a generated source row and its number among the candidate's.
func (d *data) sourceOwner(s int) (i, n int) {
	i = sort.Search(d.candidates, func(i int) bool { return int(d.sourceStart[i+1]) > s })
	return i, s - int(d.sourceStart[i])
}

// source makes generated source row s.
func (d *data) source(s int) Row {
	dice := roll(d.seed, kindSource, s)
	i, n := d.sourceOwner(s)
	item := d.lists[dictSource].items[dice.weighted(30, 25, 15, 10, 8, 5, 4, 3)]
	row := Row{{"id", d.sourceIDs.id(s)}, {"domain", nil}, {"url", nil}}
	if item.domain != "" {
		row[1].Value = "https://" + item.domain
		row[2].Value = "https://" + item.domain + "/oferta/" + strconv.Itoa(1000+dice.below(9000)) + "?utm_source=traffit&ref=" + strconv.Itoa(s)
	}
	entry := ref(item.id)
	if dice.permille(250) { // mostly without its label (seen), which clients expect
		entry = item.row()
	}
	row = append(row, Field{"employee", ref(d.employeeIDs.id(i))}, Field{"dictionary_item", entry})
	if a := int(d.appStart[i]) + n; a < int(d.appStart[i+1]) && d.danglingOf(a) != lostEmployee && dice.permille(800) {
		_, recruitment := d.applicationIDs(a)
		row = append(row, Field{"employee_application", Row{{"recruitment", ref(recruitment)}}})
	}
	return row
}

// sourceCreated is the hidden date by which sources can be filtered.
func (d *data) sourceCreated(s int) Stamp {
	i, n := d.sourceOwner(s)
	if a := int(d.appStart[i]) + n; a < int(d.appStart[i+1]) {
		return Stamp(d.start + int64(d.apps[a].after))
	}
	return d.employeeCreated(i)
}

func (t *Tenant) listSources() listing {
	l := t.listTable(&t.sources, sourceFields, map[string]func(int) any{
		"created_at": func(s int) any { return t.data.sourceCreated(s) },
	})
	return withStrangers(l, &t.sources, t.settings().counts("dangling")["sources"], func(k, s, id int) Row {
		return t.data.source(s).with("id", id).with("employee", ref(t.data.employeeIDs.unused(k%t.data.candidates)))
	})
}

// sourcesOf lists the ids of a candidate's source rows, rising.
func (t *Tenant) sourcesOf(employee int) []int {
	var out []int
	d := t.data
	if i, ok := d.employeeIDs.index(employee); ok && i < d.candidates {
		for s := int(d.sourceStart[i]); s < int(d.sourceStart[i+1]); s++ {
			if id := d.sourceIDs.id(s); t.sources.has(id) {
				out = append(out, id)
			}
		}
	}
	for _, id := range t.addedSources[employee] {
		if t.sources.has(id) {
			out = append(out, id)
		}
	}
	return out
}
