package traffit

import (
	"context"
	"net/http"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// The two types of vendor fields.
const (
	defaultField = "DEFAULT"
	customField  = "CUSTOM"
)

// standardFields are TRAFFIT's own fields that have no, or only a narrower, unified field.
var standardFields = []connector.Field{
	{Model: ats.Jobs, Key: "client", Type: defaultField, Label: "Client"},
	{Model: ats.Jobs, Key: "closing_date", Type: defaultField, Label: "Closing date"},
	{Model: ats.Jobs, Key: "is_closed", Type: defaultField, Label: "Closed"},
	{Model: ats.Jobs, Key: "is_confidential", Type: defaultField, Label: "Confidential"},
	{Model: ats.Jobs, Key: "nrRef", Type: defaultField, Label: "Reference number"},
	{Model: ats.Jobs, Key: "responsible_person", Type: defaultField, Label: "Responsible people"},
	{Model: ats.Jobs, Key: "status", Type: defaultField, Label: "Status"},
	{Model: ats.Jobs, Key: "workflow_id", Type: defaultField, Label: "Workflow"},
	{Model: ats.Candidates, Key: "candidate_about", Type: defaultField, Label: "About"},
	{Model: ats.Candidates, Key: "candidate_languages", Type: defaultField, Label: "Languages"},
	{Model: ats.Candidates, Key: "candidate_location", Type: defaultField, Label: "Location"},
	{Model: ats.Candidates, Key: "linkedin", Type: defaultField, Label: "LinkedIn"},
	{Model: ats.Candidates, Key: "linkedin_id", Type: defaultField, Label: "LinkedIn ID"},
	{Model: ats.Candidates, Key: "mobile", Type: defaultField, Label: "Phone"},
	{Model: ats.Candidates, Key: "owner", Type: defaultField, Label: "Owner"},
	{Model: ats.Candidates, Key: "status", Type: defaultField, Label: "Status"},
}

// fields asks for the schemas of candidates and recruitments, which name the tenant's own
// fields and their labels. Schemas and rows disagree (seen), so the folds report what else
// they meet.
func (t *tenant) fields(ctx context.Context) ([]connector.Field, error) {
	var fields []connector.Field
	for _, m := range ownModels {
		if !anyOn(extraFields(m.model), t.scopes) {
			continue
		}
		v, err := t.schema(ctx, m.path, m.scope)
		if err != nil {
			return nil, err
		}
		// An endpoint that ignores the request answers rows; it then declares no fields.
		var declared object
		if o, ok := v.(map[string]any); ok {
			declared = object(o).object("fields")
		}
		for _, f := range standardFields {
			if f.Model == m.model {
				if label := declared.object(f.Key).text("name"); label != "" {
					f.Label = label
				}
				fields = append(fields, f)
			}
		}
		for _, key := range declared.keys() {
			if custom(key) {
				fields = append(fields, connector.Field{
					Model: m.model, Key: key, Type: customField, Label: declared.object(key).text("name"),
				})
			}
		}
	}
	return fields, nil
}

// schema asks a listing for its fields instead of its rows.
func (t *tenant) schema(ctx context.Context, path, scope string) (any, error) {
	r := call{path: api + path, scope: scope, page: 1, size: 1, schema: true}
	a, err := t.get(ctx, r)
	if err != nil {
		return nil, err
	}
	v, err := decode(a.body)
	if err != nil {
		return nil, r.problem(http.StatusOK, "the answer is broken JSON")
	}
	return v, nil
}

// custom reports whether a key is a field of the tenant's own: those start with an underscore
// (seen). Keys like "_x.translation" repeat another field as a label.
func custom(key string) bool {
	return strings.HasPrefix(key, "_") && len(key) > 1 && len(key) <= maxKey && !strings.HasSuffix(key, translated) && !strings.Contains(key, "\x00")
}

// extras is what an operator asked to see of a vendor's fields.
type extras struct {
	custom      map[string]any
	integration []ats.IntegrationField
	met         []connector.Field
}

// pick looks the operator's fields up in the objects; the first one that has a key wins.
func pick(m ats.Model, s connector.FieldSettings, from ...object) extras {
	look := func(key string) any {
		for _, o := range from {
			if v, ok := o[key]; ok {
				return v
			}
		}
		return nil
	}
	var e extras
	for _, f := range s.Passthrough[m] {
		e.integration = append(e.integration, ats.IntegrationField{ID: f.ID, Key: f.Key, Type: f.Type, Label: f.Label, Value: look(f.Key)})
	}
	for own, key := range s.Custom[m] {
		if e.custom == nil {
			e.custom = map[string]any{}
		}
		e.custom[own] = look(key)
	}
	seen := map[string]bool{}
	for _, o := range from {
		for _, key := range o.keys() {
			if custom(key) && !seen[key] {
				seen[key] = true
				e.met = append(e.met, connector.Field{Model: m, Key: key, Type: customField})
			}
		}
	}
	return e
}
