package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// touched is a candidate's row after somebody changed it.
func (t *Tenant) touched(row Row) Row {
	return row.with("updated_at", t.stamp()).with("updated_by", t.firstUser())
}

func planCreate(c *call, _ []int, b sent) (plan, *failure) {
	w, failed := c.writtenFields(b.row)
	if failed != nil {
		return plan{}, failed
	}
	t := c.t
	email, _ := w.fields.Value("email").(string)
	if !c.s.on("create.duplicate", "taken") && email != "" && t.emailTaken(email) {
		f := refusal(http.StatusConflict, "Employee with email %s already exists", email)
		switch c.s.text("create.duplicate") {
		case "text":
			f.status, f.form = http.StatusBadRequest, "text"
		case "html":
			f.form = "html"
		}
		return plan{}, f
	}
	return plan{do: func() (result, bool) {
		row, _ := t.blankEmployee(t.employees.last + 1) // never fails
		row = row.with("name", nil).with("lastname", nil)
		for _, f := range w.fields {
			row = row.with(f.Name, f.Value)
		}
		id := t.employees.add(func(int) Row { return row })
		t.addSource(id, w.source)
		return result{id, c.created(row)}, true
	}}, nil
}

// created is the answer to a new candidate. Clients rely on the id alone, in
// whatever shape it comes.
func (c *call) created(row Row) any {
	id := ref(row.ID())
	switch c.s.text("create.answer") {
	case "row":
		return c.shape()(row)
	case "wrapped":
		return []Row{id}
	case "nested":
		return Row{{"employee", id}}
	}
	return id
}

// emailTaken tells whether a candidate has the address.
func (t *Tenant) emailTaken(address string) bool {
	email := t.listEmployees().quick["email"]
	for pos := range t.employees.len() {
		if has, _ := email(pos).(string); strings.EqualFold(has, address) {
			return true
		}
	}
	return false
}

// addSource tells where a candidate came from; nil is not known.
func (t *Tenant) addSource(employee int, item *dictionaryItem) {
	if item == nil {
		return
	}
	_, _ = t.add("sources", Patch{"employee": ref(employee), "dictionary_item": item.row()}) // the candidate is there
}

func planPatch(c *call, ids []int, b sent) (plan, *failure) { return c.planUpdate(ids[0], b, false) }

// planPut resets the fields that are not sent (guess).
func planPut(c *call, ids []int, b sent) (plan, *failure) { return c.planUpdate(ids[0], b, true) }

func (c *call) planUpdate(id int, b sent, whole bool) (plan, *failure) {
	t := c.t
	if !t.employees.has(id) {
		return plan{}, c.goneFor()
	}
	w, failed := c.writtenFields(b.row)
	if failed != nil {
		return plan{}, failed
	}
	return plan{employee: id, do: func() (result, bool) {
		row, ok := t.employees.get(id)
		if !ok {
			return result{}, false
		}
		if whole {
			for _, f := range writableFields(t) {
				if _, has := row.Get(f.Name); has && f.Name != "status" {
					row = row.with(f.Name, nil)
				}
			}
		}
		for _, f := range w.fields {
			row = row.with(f.Name, f.Value)
		}
		t.employees.put(id, t.touched(row))
		t.addSource(id, w.source)
		return result{id: id}, true
	}}, nil
}

func planNote(c *call, ids []int, b sent) (plan, *failure) {
	t, employee := c.t, ids[0]
	if !t.employees.has(employee) {
		return plan{}, c.goneFor()
	}
	text, failed := b.requiredText("content")
	if failed != nil {
		return plan{}, failed
	}
	content := text
	if c.s.on("note.content", "html") {
		content = noteHTML(text)
	}
	return plan{employee: employee, do: func() (result, bool) {
		if !t.employees.has(employee) {
			return result{}, false
		}
		a := t.addNote(employee, content)
		t.notes[employee] = append(t.notes[employee], Note{a.id, text})
		return result{id: a.id}, true
	}}, nil
}

// tagsBy tells of which kind the writes of tags are. None of them is known.
func tagsBy(how string) func(*settings) bool {
	return func(s *settings) bool { return s.on("tags.write", how) }
}

func planTag(c *call, ids []int, b sent) (plan, *failure) {
	name, failed := b.requiredText("name")
	if failed != nil {
		return plan{}, failed
	}
	return c.planTags(ids[0], func(names []string) []string {
		if slices.Contains(names, name) {
			return nil
		}
		return append(names, name)
	}, func(tags []Row) int { return tags[len(tags)-1].ID() })
}

func planUntag(c *call, ids []int, _ sent) (plan, *failure) {
	t, tag := c.t, ids[1]
	if !slices.Contains(t.tagsOf(ids[0]), tag) {
		return plan{}, c.goneFor()
	}
	name := t.tagNames[tagIndex(tag)]
	return c.planTags(ids[0], func(names []string) []string {
		return slices.DeleteFunc(names, func(has string) bool { return has == name })
	}, func([]Row) int { return tag })
}

func planTags(c *call, ids []int, b sent) (plan, *failure) {
	return c.planTags(ids[0], func([]string) []string { return b.names }, func([]Row) int { return ids[0] })
}

// planTags replaces a candidate's tags by what change makes of their names; nil
// is no change. id is what the write is remembered by.
func (c *call) planTags(employee int, change func(names []string) []string, id func(tags []Row) int) (plan, *failure) {
	t := c.t
	if !t.employees.has(employee) {
		return plan{}, c.goneFor()
	}
	return plan{employee: employee, do: func() (result, bool) {
		names := []string{}
		for _, tag := range t.tagsOf(employee) {
			names = append(names, t.tagNames[tagIndex(tag)])
		}
		names = change(names)
		if names == nil || !t.employees.has(employee) {
			return result{}, false
		}
		tags, _ := t.setTags(employee, names) // the candidate is there
		return result{id: id(tags)}, true
	}}, nil
}
