package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readOnly are the fields of a candidate's schema that cannot be written.
var readOnly = []string{"id", "created_at", "updated_at", "created_by", "updated_by", "guid", "synchro_time"}

// employeeStatuses are what a candidate may be.
var employeeStatuses = []string{"active", "inactive", "passive", "blacklisted"}

// writableFields are the fields of a candidate that can be written, by the
// schema. The source is not among the candidate's fields (seen in a client's payload).
func writableFields(*Tenant) Row {
	fields, _ := schemas["employees"].Value("fields").(Row)
	return append(fields.without(readOnly...), field("source", "text", false)...)
}

// profile is what a write says about a candidate: values in the form in which
// they are read, and an entry of the dictionary of sources.
type profile struct {
	fields Row
	source *dictionaryItem
}

// writtenFields reads the members of a write. What is unknown or wrong is
// ignored or refused: which of them is a guess.
func (c *call) writtenFields(body Row) (w profile, failed *failure) {
	specs := writableFields(c.t)
	for _, f := range body {
		spec, known := specs.Get(f.Name)
		v, good := f.Value, known
		switch {
		case !known:
		case f.Name == "source":
			w.source, good = c.t.sourceLabelled(v)
		default:
			v, good = c.writtenValue(f.Name, spec.(Row), v)
		}
		switch {
		case good && f.Name != "source":
			w.fields = append(w.fields, Field{f.Name, v})
		case good || !c.strict():
		case known:
			return w, refusal(http.StatusBadRequest, "%s: This value is not valid", f.Name)
		default:
			return w, extraField(f.Name)
		}
	}
	return w, nil
}

// sourceLabelled finds a source by its label: the first of the same.
func (t *Tenant) sourceLabelled(v any) (*dictionaryItem, bool) {
	items := t.data.lists[dictSource].items
	i := slices.IndexFunc(items, func(item dictionaryItem) bool { return item.value == v })
	if i < 0 {
		return nil, false
	}
	return &items[i], true
}

// writtenValue reads a value as its field's type wants it. Null clears (guess).
func (c *call) writtenValue(name string, spec Row, v any) (any, bool) {
	if v == nil {
		return nil, name != "status"
	}
	if name == "status" {
		text, _ := v.(string)
		return v, slices.Contains(employeeStatuses, text)
	}
	text, isText := v.(string)
	switch spec.Value("type") {
	case "integer":
		_, ok := v.(int)
		return v, ok
	case "date":
		_, err := time.Parse(time.DateOnly, text)
		return v, err == nil
	case "email":
		return v, text == "" || strings.Count(text, "@") == 1 && !strings.ContainsAny(text, " \t\n,;")
	case "choice":
		return c.writtenChoice(name, spec, v)
	case "coordinates_with_location":
		if place, ok := v.(Row); ok {
			return writtenPlace(place)
		}
	}
	return v, isText
}

// writtenPlace completes a location.
func writtenPlace(place Row) (any, bool) {
	full := city{}.location()
	for _, f := range place {
		if _, known := full.Get(f.Name); !known {
			return nil, false
		}
	}
	for i, f := range full {
		full[i].Value = ""
		if v, ok := place.Get(f.Name); ok {
			full[i].Value = v
		}
	}
	return full, true
}

// indexed are the choice fields of which a client writes the number of the
// choice in the schema, while it writes the labels of others (seen).
var indexed = []string{"candidate_languages", "_nationality"}

// writtenChoice turns what was written of a choice into labels. Choices are always read as such (seen).
func (c *call) writtenChoice(name string, spec Row, v any) (any, bool) {
	how := c.s.text("choice.write")
	byIndex := how == "index" || how == "either" || how == "seen" && slices.Contains(indexed, name)
	byLabel := how == "label" || how == "either" || how == "seen" && !byIndex
	choices, _ := spec.Value("choices").([]string)
	find := func(v any) (int, bool) {
		switch v := v.(type) {
		case int:
			return v, byIndex && v >= 0 && v < len(choices)
		case string:
			i := slices.Index(choices, v)
			return i, byLabel && i >= 0
		}
		return 0, false
	}
	if spec.Value("multiple") != true {
		i, ok := find(v)
		switch {
		case !ok:
			return nil, false
		case name == "_relocation": // this one is read as its number in a text
			return strconv.Itoa(i), true
		}
		return choices[i], true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	var labels []string
	for _, one := range list {
		i, ok := find(one)
		if !ok {
			return nil, false
		}
		labels = append(labels, choices[i])
	}
	if labels == nil {
		return nil, true
	}
	return labels, true
}
