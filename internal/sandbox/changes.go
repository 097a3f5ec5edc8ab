package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Patch is a change of a row's fields. The options of adverts and the advert
// inside them are merged, everything else is replaced. A nil value is stored as
// null; [Absent] takes the field away. Stamps may be given as time.Time, as
// RFC 3339 or in the vendor's form.
type Patch map[string]any

type absent struct{}

// Absent is the value in a [Patch] that takes a field away, which is not the
// same as null.
var Absent absent

// Option changes how an update is made.
type Option int

// Quietly leaves updated_at as it is, as some of the vendor's changes do.
const Quietly Option = 1

// entity is a kind of rows that can be added, patched and deleted.
type entitySpec struct {
	name   string
	table  func(*Tenant) *table[Row]
	fields []string
	// blank is a new row before its patch.
	blank func(t *Tenant, id int) (Row, error)
}

var entities = []entitySpec{
	{"employees", func(t *Tenant) *table[Row] { return &t.employees }, append([]string{"linkedin_id"}, employeeFields...), (*Tenant).blankEmployee},
	{"recruitments", func(t *Tenant) *table[Row] { return &t.recruitments }, recruitmentFields, (*Tenant).blankRecruitment},
	{"users", func(t *Tenant) *table[Row] { return &t.users }, userFields, (*Tenant).blankUser},
	{"clients", func(t *Tenant) *table[Row] { return &t.clients }, clientFields, (*Tenant).blankClient},
	{"adverts", func(t *Tenant) *table[Row] { return &t.adverts }, advertFields, (*Tenant).blankAdvert},
	{"sources", func(t *Tenant) *table[Row] { return &t.sources }, sourceFields, (*Tenant).blankSource},
}

func entityNamed(name string) *entitySpec {
	i := slices.IndexFunc(entities, func(e entitySpec) bool { return e.name == name })
	if i < 0 {
		return nil
	}
	return &entities[i]
}

// Add adds a row to employees, recruitments, users, clients, adverts or
// sources and returns it. Fields that the patch lacks get what is usual.
func (t *Tenant) Add(entity string, p Patch) (Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.add(entity, p)
}

func (t *Tenant) add(name string, p Patch) (Row, error) {
	e := entityNamed(name)
	if e == nil {
		return nil, fmt.Errorf("%w: no entity %q", ErrNotFound, name)
	}
	table := e.table(t)
	row, err := e.blank(t, table.last+1)
	if err != nil {
		return nil, err
	}
	if row, err = patched(row, e.fields, p); err != nil {
		return nil, err
	}
	switch name {
	case "adverts":
		id := advertRecruitment(row)
		r, ok := t.recruitments.get(id)
		if !ok {
			return nil, fmt.Errorf("%w: advert of recruitment %d, which is not there", ErrInvalid, id)
		}
		about := Row{{"recruitment", Row{{"id", id}, {"nr_ref", r.Value("nrRef")}}}}
		row = row.with("advert", merged(row.Value("advert"), about))
	case "sources":
		if id := refID(row.Value("employee")); !t.employees.has(id) {
			return nil, fmt.Errorf("%w: source of candidate %d, who is not there", ErrInvalid, id)
		}
	}
	id := table.add(func(int) Row { return row })
	if name == "sources" {
		e := refID(row.Value("employee"))
		t.addedSources[e] = append(t.addedSources[e], id)
		return row.without("created_at"), nil
	}
	return row, nil
}

// Update patches a row and sets its updated_at to now, unless it has none or
// the change is made quietly or sets it itself. It returns the row.
func (t *Tenant) Update(entity string, id int, p Patch, options ...Option) (Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.update(entity, id, p, options...)
}

func (t *Tenant) update(name string, id int, p Patch, options ...Option) (Row, error) {
	e := entityNamed(name)
	if e == nil {
		return nil, fmt.Errorf("%w: no entity %q", ErrNotFound, name)
	}
	row, ok := e.table(t).get(id)
	if !ok {
		return nil, fmt.Errorf("%w: %s %d", ErrNotFound, name, id)
	}
	out, err := patched(row, e.fields, p)
	if err != nil {
		return nil, err
	}
	if name == "sources" && refID(out.Value("employee")) != refID(row.Value("employee")) {
		return nil, fmt.Errorf("%w: a source cannot go to another candidate", ErrInvalid)
	}
	_, has := row.Get("updated_at")
	if _, own := p["updated_at"]; has && !own && !slices.Contains(options, Quietly) {
		out = out.with("updated_at", t.stamp())
	}
	e.table(t).put(id, out)
	if _, replaced := p["files"]; replaced && name == "employees" {
		delete(t.uploads, id)
	}
	if name == "sources" {
		out = out.without("created_at")
	}
	return out, nil
}

// Delete deletes a row. What refers to it stays and dangles, as with the vendor (seen).
func (t *Tenant) Delete(entity string, id int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remove(entity, id)
}

func (t *Tenant) remove(name string, id int) error {
	e := entityNamed(name)
	if e == nil || !e.table(t).remove(id) {
		return fmt.Errorf("%w: %s %d", ErrNotFound, name, id)
	}
	return nil
}

// AddEmployee adds a candidate.
func (t *Tenant) AddEmployee(p Patch) (Row, error) { return t.Add("employees", p) }

// UpdateEmployee changes a candidate.
func (t *Tenant) UpdateEmployee(id int, p Patch, options ...Option) (Row, error) {
	return t.Update("employees", id, p, options...)
}

// DeleteEmployee deletes a candidate, whose history stays.
func (t *Tenant) DeleteEmployee(id int) error { return t.Delete("employees", id) }

// AddRecruitment adds a recruitment.
func (t *Tenant) AddRecruitment(p Patch) (Row, error) { return t.Add("recruitments", p) }

// UpdateRecruitment changes a recruitment.
func (t *Tenant) UpdateRecruitment(id int, p Patch, options ...Option) (Row, error) {
	return t.Update("recruitments", id, p, options...)
}

// DeleteRecruitment deletes a recruitment, whose history stays.
func (t *Tenant) DeleteRecruitment(id int) error { return t.Delete("recruitments", id) }

// Publish adds an advert of a recruitment. With Add the patch must name the
// recruitment: {"advert":{"recruitment":{"id":n}}}.
func (t *Tenant) Publish(recruitment int, p Patch) (Row, error) {
	with := Patch{"advert": map[string]any{"recruitment": map[string]any{"id": recruitment}}}
	t.mu.Lock()
	defer t.mu.Unlock()
	row, err := t.add("adverts", with)
	if err != nil || len(p) == 0 {
		return row, err
	}
	out, err := t.update("adverts", row.ID(), p)
	if err != nil {
		t.adverts.remove(row.ID())
	}
	return out, err
}

// Unpublish takes an advert away.
func (t *Tenant) Unpublish(id int) error { return t.Delete("adverts", id) }

// SetTags gives a candidate the named tags in place of the old ones. It does
// not touch updated_at. Unknown names become new tags.
func (t *Tenant) SetTags(employee int, names []string) ([]Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.setTags(employee, names)
}

func (t *Tenant) setTags(employee int, names []string) ([]Row, error) {
	if !t.employees.has(employee) {
		return nil, fmt.Errorf("%w: employees %d", ErrNotFound, employee)
	}
	ids := []int{}
	for _, name := range names {
		i := slices.Index(t.tagNames, name)
		if i < 0 {
			i = len(t.tagNames)
			t.tagNames = append(t.tagNames, name)
		}
		if id := tagID(i); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	t.tagSets[employee] = ids
	return t.tagRows(employee), nil
}

// patched applies a patch to a row. Unknown fields are refused unless they are
// custom ones, to find misspellings.
func patched(row Row, fields []string, p Patch) (Row, error) {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if name == "id" || !slices.Contains(fields, name) && !strings.HasPrefix(name, "_") {
			return nil, fmt.Errorf("%w: field %q cannot be set", ErrInvalid, name)
		}
		if p[name] == Absent {
			row = row.without(name)
			continue
		}
		v := fromJSON(p[name])
		if text, ok := v.(string); ok && isDate(name) && !strings.HasPrefix(name, "_") {
			stamp, ok := parseStamp(text)
			if !ok {
				return nil, fmt.Errorf("%w: field %q is %q, want a date and time", ErrInvalid, name, text)
			}
			v = stamp
		}
		v = asRows(v)
		if name == "advert" || name == "options" {
			v = merged(row.Value(name), v)
		}
		row = row.with(name, v)
	}
	return row, nil
}

// asRows gives a list of objects the type that generated rows have.
func asRows(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	rows := make([]Row, len(list))
	for i, e := range list {
		if rows[i], ok = e.(Row); !ok {
			return v
		}
	}
	return rows
}

// merged lays the fields of b over those of a, where both are objects.
func merged(a, b any) any {
	old, ok := a.(Row)
	if !ok {
		return b
	}
	changes, ok := b.(Row)
	if !ok {
		return b
	}
	for _, f := range changes {
		old = old.with(f.Name, asRows(merged(old.Value(f.Name), f.Value)))
	}
	return old
}

func (t *Tenant) blankEmployee(id int) (Row, error) {
	row := make(Row, 0, len(employeeFields))
	for _, name := range employeeFields {
		row = append(row, Field{name, nil})
	}
	first := t.firstUser()
	for name, v := range map[string]any{
		"id": id, "name": "Nowy", "lastname": "Kandydat", "status": "active", "files": []Row{},
		"created_at": t.stamp(), "updated_at": t.stamp(), "created_by": first, "updated_by": first,
	} {
		row = row.with(name, v)
	}
	return row, nil
}

func (t *Tenant) blankRecruitment(id int) (Row, error) {
	var client any
	if t.clients.len() > 0 {
		client = t.clients.at(0).only(false, "id", "name")
	}
	first := t.firstUser()
	return Row{
		{"is_confidential", false},
		{"workflow_id", t.workflows[0].id},
		{"id", id},
		{"status", "active"},
		{"name", "Nowa rekrutacja"},
		{"client", client},
		{"is_closed", false},
		{"closing_date", nil},
		{"nrRef", fmt.Sprintf("1/%s/%d", t.stamp().Time().Format("1/2006"), id)},
		{"responsible_person", []Row{}},
		{"created_by", first},
		{"updated_by", first},
		{"created_at", t.stamp()},
		{"updated_at", t.stamp()},
	}, nil
}

func (t *Tenant) blankUser(id int) (Row, error) {
	username := fmt.Sprintf("user%d", id)
	return Row{
		{"is_active", true},
		{"created_by", ref(1)},
		{"updated_by", ref(1)},
		{"id", id},
		{"permission_group", Row{{"id", 3}, {"name", permissionGroups[1]}}},
		{"username", username},
		{"email", username + "@" + strings.ToLower(t.name) + ".example"},
		{"updated_at", t.stamp()},
	}, nil
}

func (t *Tenant) blankClient(id int) (Row, error) {
	first := t.firstUser()
	return Row{
		{"id", id},
		{"name", "Nowy klient"},
		{"created_by", first},
		{"updated_by", first},
		{"created_at", t.stamp()},
		{"updated_at", t.stamp()},
		{"status", clientStatuses[0]},
	}, nil
}

func (t *Tenant) blankAdvert(id int) (Row, error) {
	page, form := t.data.advertLinks(id)
	return Row{
		{"id", id},
		{"advert", Row{
			{"id", 5000 + id},
			{"name", "Nowe ogłoszenie"},
			{"language", "pl"},
			{"values", []Row{{{"field_id", "description"}, {"value", "<p>Opis</p>"}}}},
			{"recruitment", Row{{"id", 0}, {"nr_ref", ""}}},
			{"locations", []Row{}},
		}},
		{"url", page},
		{"application_form", form},
		{"valid_start", t.stamp()},
		{"valid_end", nil},
		{"awarded", false},
		{"huntoo_link", nil},
		{"options", Row{{"remote", "0"}}},
	}, nil
}

func (t *Tenant) blankSource(id int) (Row, error) {
	return Row{
		{"id", id},
		{"domain", nil},
		{"url", nil},
		{"employee", nil},
		{"dictionary_item", ref(t.data.lists[dictSource].items[0].id)},
		{"created_at", t.stamp()},
	}, nil
}

func (t *Tenant) firstUser() Row {
	if t.users.len() == 0 {
		return ref(1)
	}
	id, _, _ := t.users.locate(0)
	return ref(id)
}
