package traffit

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// employeeField is a field of candidates, as the tenant's schema declares it.
type employeeField struct {
	key, label string
	kind       string // text, integer, date, choice, …; empty where the schema does not tell
	choices    []string
	multiple   bool
}

// schemaAge is how long a schema is taken as it was read: an administrator may change it any time.
const schemaAge = 5 * time.Minute

// employeeFields reads which fields candidates have.
func (t *tenant) employeeFields(ctx context.Context) ([]employeeField, error) {
	return t.ownFields.get(t.now, schemaAge, func() ([]employeeField, error) {
		v, err := t.schema(ctx, "/employees/", "employee")
		if err != nil {
			return nil, err
		}
		return declaredFields(v), nil
	})
}

// declaredFields reads a schema. An endpoint that ignores the request for it answers rows, whose keys
// then are all that is known.
func declaredFields(v any) []employeeField {
	fields := []employeeField{}
	o, ok := v.(map[string]any)
	declared := object(o).object("fields")
	if !ok || declared == nil {
		for _, key := range asObject(v).keys() {
			fields = append(fields, employeeField{key: key})
		}
		return fields
	}
	for _, key := range declared.keys() {
		d := declared.object(key)
		f := employeeField{key: key, label: d.text("name"), kind: d.text("type")}
		if several := d.bool("multiple"); several != nil {
			f.multiple = *several
		}
		for _, c := range d.list("choices") {
			f.choices = append(f.choices, scalar(c)) // one that is no text keeps its place
		}
		fields = append(fields, f)
	}
	return fields
}

// plainName is a name without what people write in different ways.
func plainName(name string) string {
	return ats.Fold(strings.NewReplacer(" ", "", "_", "").Replace(name))
}

// fieldsNamed gives the tenant's own fields with a name: the label, or the key without its underscore.
func fieldsNamed(fields []employeeField, name string) []employeeField {
	plain := plainName(name)
	var found []employeeField
	for _, f := range fields {
		if custom(f.key) && plain != "" && (plainName(f.key) == plain || plainName(f.label) == plain) {
			found = append(found, f)
		}
	}
	return found
}

// fieldNamed finds one of the tenant's own fields: the first name that fits wins, and of several
// fields the first by key.
func fieldNamed(fields []employeeField, names ...string) (employeeField, bool) {
	for _, name := range names {
		if found := fieldsNamed(fields, name); len(found) > 0 {
			return found[0], true
		}
	}
	return employeeField{}, false
}

var (
	wholeNumber = regexp.MustCompile(`^-?[0-9]{1,18}$`)
	anyNumber   = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,9})?$`)
)

// fieldValue gives the forms in which a field may want a text, the likeliest first: the next one is to
// be tried where one is refused, or not shown afterwards. None: it is no value for this field.
func (t *tenant) fieldValue(f employeeField, text string) []any {
	text = strings.TrimSpace(text)
	switch f.kind {
	case "choice":
		return t.choiceValue(f, text)
	case "integer":
		if wholeNumber.MatchString(text) {
			return []any{json.Number(text)}
		}
	case "number", "float", "decimal":
		if anyNumber.MatchString(text) {
			return []any{json.Number(text)}
		}
	case "boolean":
		if b := (object{"": text}).bool(""); b != nil {
			return []any{*b}
		}
	case "date":
		if at := parseTime(text); at != nil {
			return []any{dateOf(*at)}
		}
	case "datetime":
		if at := parseTime(text); at != nil {
			return []any{wallTime(*at).Format(time.DateTime)}
		}
	case "", "text", "textarea", "string", "url", "email", "phone":
		return []any{text}
	}
	return nil // entities, places and files take no text
}

// byIndex are the choice fields that are written by the place of the choice, others by its label: so
// it was seen on one tenant.
var byIndex = []string{"candidate_languages", "_nationality"}

// choiceValue is fieldValue for a choice. Labels repeat (seen); the first one counts.
func (t *tenant) choiceValue(f employeeField, text string) []any {
	at := slices.Index(f.choices, text)
	if at < 0 {
		at = slices.IndexFunc(f.choices, func(c string) bool { return c != "" && plainName(c) == plainName(text) })
	}
	if at < 0 || text == "" {
		return nil
	}
	var index, label any = at, f.choices[at]
	if f.multiple {
		index, label = []any{index}, []any{label}
	}
	first := t.confirmed["choice.write"]
	if first == "index" || first != "label" && slices.Contains(byIndex, f.key) {
		return []any{index, label}
	}
	return []any{label, index}
}

// fieldShows reports whether a candidate's row has, in a field, the value that was written as text.
// Choices come back as labels (seen), or as the place of the choice where that was taken for one.
func fieldShows(f employeeField, row object, text string) bool {
	text = strings.TrimSpace(text)
	wanted := []string{text}
	switch f.kind {
	case "choice":
		for i, c := range f.choices {
			if plainName(c) == plainName(text) {
				wanted = append(wanted, c, strconv.Itoa(i))
			}
		}
	case "date", "datetime":
		want, have := parseTime(text), row.time(f.key)
		return want != nil && have != nil && dateOf(*want) == dateOf(*have)
	case "boolean":
		want, have := (object{"": text}).bool(""), row.bool(f.key)
		return want != nil && have != nil && *want == *have
	}
	return slices.ContainsFunc(row.list(f.key), func(v any) bool { return slices.Contains(wanted, scalar(v)) })
}

// dateOf is the day of an instant in Warsaw.
func dateOf(at ats.Time) string { return wallTime(at).Format(time.DateOnly) }

func wallTime(at ats.Time) time.Time { return time.UnixMilli(at.Milli()).In(warsaw) }
