package traffit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/connector"
)

// addResultLink leaves a result as a note, and its attributes in the candidate's custom fields as
// well: TRAFFIT has no links of its own.
func (t *tenant) addResultLink(ctx context.Context, a *connector.AddResultLink, j connector.Journal) (connector.Outcome, error) {
	out := connector.Outcome{CandidateID: a.CandidateID, ApplicationID: a.ApplicationID}
	fillings, err := t.fillings(ctx, a, j)
	if err != nil {
		return out, err
	}
	if out.Parts, err = t.fill(ctx, a.CandidateID, fillings, j); err != nil {
		return out, t.orGone(ctx, a.CandidateID, err)
	}
	_, job := splitApplication(a.ApplicationID)
	return out, t.orGone(ctx, a.CandidateID, t.leaveNote(ctx, j, a.CandidateID, job, linkText(a)))
}

// linkText is what the note about a result says.
func linkText(a *connector.AddResultLink) string {
	var b strings.Builder
	b.WriteString(a.Label + "\n" + a.URL)
	if len(a.Attributes) > 0 {
		b.WriteString("\n")
	}
	for _, attribute := range a.Attributes {
		b.WriteString("\n" + attribute.Key + ": " + attribute.Value)
	}
	if a.Replaces {
		b.WriteString("\n\nThis replaces what was left here before under the same name.")
	}
	return b.String()
}

// filling is an attribute that goes to a custom field.
type filling struct {
	name  string // for warnings
	field employeeField
	text  string
	forms []any // in which the field may want it
}

// fillings finds the custom fields of a result's attributes. Those that have none are warned about.
func (t *tenant) fillings(ctx context.Context, a *connector.AddResultLink, j connector.Journal) ([]filling, error) {
	if len(a.Attributes) == 0 {
		return nil, nil
	}
	fields, err := t.employeeFields(ctx)
	if err != nil && !lasting(err) {
		return nil, fmt.Errorf("read which fields candidates have: %w", err)
	}
	var found []filling
	for i, attribute := range a.Attributes {
		f := filling{name: fmt.Sprintf("attribute %d (%s)", i+1, attribute.Key), text: attribute.Value}
		fits := fieldsNamed(fields, a.FieldPrefix+attribute.Key)
		if len(fits) == 1 {
			f.field = fits[0]
			f.forms = t.fieldValue(f.field, f.text)
		}
		switch {
		case len(fits) == 0:
			j.Warn("%s: candidates have no custom field of this name; it stands in the note alone", f.name)
		case len(fits) > 1:
			j.Warn("%s: candidates have %d custom fields of this name; it stands in the note alone", f.name, len(fits))
		case slices.ContainsFunc(found, func(other filling) bool { return other.field.key == f.field.key }):
			j.Warn("%s: an earlier attribute has the same custom field; it stands in the note alone", f.name)
		case f.forms == nil:
			j.Warn("%s: it is no value for a custom field of the type %s; it stands in the note alone", f.name, f.field.kind)
		default:
			found = append(found, f)
		}
	}
	return found, nil
}

// fillEffects are the effects of filling fields: each tries the next form of those values that the
// one before it left open.
var fillEffects = []string{"fields", "fields in another form"}

// fill writes values into a candidate's fields, and gives the parts of the candidate afterwards. What
// does not show is warned about: fields may ignore what they do not like.
func (t *tenant) fill(ctx context.Context, employeeID string, open []filling, j connector.Journal) ([]connector.Part, error) {
	var parts []connector.Part
	for n, effect := range fillEffects {
		values := object{}
		for _, f := range open {
			if n < len(f.forms) {
				values[f.field.key] = f.forms[n]
			}
		}
		if len(values) == 0 {
			break
		}
		_, err := j.Do(ctx, connector.Effect{
			Name: effect, Repeatable: true,
			Send: func(ctx context.Context) (string, error) { return "", t.patchEach(ctx, employeeID, values) },
		})
		if err != nil && !lost(err) {
			return parts, err
		}
		row, now, err := t.employeeNow(ctx, employeeID)
		if err != nil {
			return parts, err
		}
		parts = now
		open = slices.DeleteFunc(open, func(f filling) bool { return fieldShows(f.field, row, f.text) })
	}
	for _, f := range open {
		j.Warn("%s: its custom field does not show the value; it stands in the note", f.name)
	}
	return parts, nil
}

// patchEach writes values into fields. Where TRAFFIT refuses them together they are sent one by one, so
// that one field does not cost the others. A refusal is no error: the fields tell what was taken.
func (t *tenant) patchEach(ctx context.Context, employeeID string, values object) error {
	err := t.patch(ctx, employeeID, values)
	if _, refused := refusedWrite(err); !refused {
		return err
	}
	if len(values) == 1 {
		return nil
	}
	for _, key := range values.keys() {
		if err := t.patchEach(ctx, employeeID, object{key: values[key]}); err != nil {
			return err
		}
	}
	return nil
}
