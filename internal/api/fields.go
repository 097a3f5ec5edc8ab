package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

const maxFieldPageSize = 2000

// FieldDetails is a vendor's field that may be passed through.
type FieldDetails struct {
	ID          string       `json:"id"`
	Key         string       `json:"key"`
	Model       string       `json:"model"`
	Type        string       `json:"type" enum:"DEFAULT,CUSTOM"`
	Label       *string      `json:"label"`
	Passthrough bool         `json:"is_passthrough_enabled"`
	Writable    literalFalse `json:"is_writable"`
}

// MappedField is the vendor's field that a custom field takes its value from.
type MappedField struct {
	ID    string  `json:"id"`
	Key   string  `json:"key"`
	Type  string  `json:"type" enum:"DEFAULT,CUSTOM"`
	Label *string `json:"label"`
}

// CustomFieldDetails is a key of the operator and its mapping.
type CustomFieldDetails struct {
	ID          string              `json:"id"`
	Key         string              `json:"key"`
	Mapped      orNull[MappedField] `json:"integration_field"`
	Model       string              `json:"model"`
	Label       *string             `json:"label"`
	Description *string             `json:"description"`
}

// FieldResults is a page of fields: these lists say twice where the next one begins.
type FieldResults[T any] struct {
	Results[T]
	NextCursor *string `json:"next_cursor" doc:"The same as next."`
}

type fieldsIn struct {
	RawQuery
	IntegrationPath
}

func (s *server) listIntegrationFields(ctx context.Context, in *fieldsIn) (*FieldResults[FieldDetails], error) {
	return listFields(ctx, s, in, maxFieldPageSize, "integration-fields", s.Store.IntegrationFields, fieldDetails, func(f store.IntegrationField) string { return f.ID })
}

func (s *server) listCustomFields(ctx context.Context, in *fieldsIn) (*FieldResults[CustomFieldDetails], error) {
	return listFields(ctx, s, in, maxPageSize, "custom-fields", s.Store.CustomFields, customFieldDetails, func(f store.CustomField) string { return f.ID })
}

func listFields[F, T any](ctx context.Context, s *server, in *fieldsIn, most int, list string,
	read func(context.Context, int64, string, int) ([]F, error), show func(F) T, id func(F) string,
) (*FieldResults[T], error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q, c, err := paged(in.RawQuery, most, list, i.ID)
	if err != nil {
		return nil, err
	}
	found, err := read(ctx, i.No, c.id, q.PageSize+1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", list, err)
	}
	page := pageOf(found, q.PageSize, show, func(f F) cursor { return cursor{list, i.ID, 0, id(f)} })
	return &FieldResults[T]{Results: *page, NextCursor: page.Next}, nil
}

func fieldDetails(f store.IntegrationField) FieldDetails {
	return FieldDetails{ID: f.ID, Key: f.Key, Model: string(f.Model), Type: f.Type, Label: f.Label, Passthrough: f.Passthrough}
}

func customFieldDetails(f store.CustomField) CustomFieldDetails {
	out := CustomFieldDetails{ID: f.ID, Key: f.Key, Model: string(f.Model), Label: f.Label, Description: f.Description}
	if f.Mapped != nil {
		out.Mapped.Value = &MappedField{f.Mapped.ID, f.Mapped.Key, f.Mapped.Type, f.Mapped.Label}
	}
	return out
}

type passthroughIn struct {
	IntegrationPath
	FieldID string `path:"integration_field_id"`
	Body    struct {
		Enable *bool `json:"enable_passthrough" doc:"Null is the default: off."`
	}
}

func (s *server) updateIntegrationField(ctx context.Context, in *passthroughIn) (*FieldDetails, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !validText(in.FieldID) {
		return nil, noSuch("path.integration_field_id: the integration has no field %s", quote(in.FieldID))
	}
	f, err := s.Store.SetPassthrough(ctx, i.No, in.FieldID, in.Body.Enable != nil && *in.Body.Enable)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("path.integration_field_id: the integration has no field %s", quote(in.FieldID))
	} else if err != nil {
		return nil, fmt.Errorf("change field %s: %w", in.FieldID, err)
	}
	return new(fieldDetails(f)), nil
}

type mappingIn struct {
	IntegrationPath
	CustomFieldID string `path:"custom_field_id"`
	Body          struct {
		FieldID *string `json:"integration_field_id" doc:"Null takes the mapping away."`
	}
}

func (s *server) mapCustomField(ctx context.Context, in *mappingIn) (*CustomFieldDetails, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.FieldID != nil && !validText(*in.Body.FieldID) {
		return nil, ats.Errorf(ats.InputInvalid, "body.integration_field_id: the integration has no field %s", quote(*in.Body.FieldID))
	}
	if !validText(in.CustomFieldID) {
		return nil, noSuch("path.custom_field_id: there is no custom field %s", quote(in.CustomFieldID))
	}
	custom, err := s.Store.CustomField(ctx, i.No, in.CustomFieldID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("path.custom_field_id: there is no custom field %s", quote(in.CustomFieldID))
	} else if err != nil {
		return nil, fmt.Errorf("read custom field %s: %w", in.CustomFieldID, err)
	}
	if in.Body.FieldID != nil {
		if err := s.mappable(ctx, i, custom, *in.Body.FieldID); err != nil {
			return nil, err
		}
	}
	if err := s.Store.MapCustomField(ctx, i.No, custom.ID, in.Body.FieldID); err != nil {
		return nil, fmt.Errorf("map custom field %s: %w", custom.ID, err)
	}
	if custom, err = s.Store.CustomField(ctx, i.No, custom.ID); err != nil {
		return nil, fmt.Errorf("read custom field %s: %w", in.CustomFieldID, err)
	}
	return new(customFieldDetails(custom)), nil
}

// mappable tells why a custom field cannot take its value from a vendor's field, if so.
func (s *server) mappable(ctx context.Context, i store.Integration, custom store.CustomField, fieldID string) error {
	f, err := s.Store.IntegrationField(ctx, i.No, fieldID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ats.Errorf(ats.InputInvalid, "body.integration_field_id: the integration has no field %s", quote(fieldID))
	case err != nil:
		return fmt.Errorf("read field %s: %w", fieldID, err)
	case f.Model != custom.Model:
		return ats.Errorf(ats.InputInvalid, "body.integration_field_id: the field is one of %s, the custom field one of %s", f.Model, custom.Model)
	}
	return nil
}

type customFieldIn struct {
	Body struct {
		Model       string  `json:"model" enum:"ats_candidates,ats_jobs"`
		Key         string  `json:"key" pattern:"^[a-z][a-z0-9_]{0,62}$" example:"notice_period" doc:"The key in custom_fields."`
		Label       *string `json:"label,omitempty" nullable:"true" maxLength:"200"`
		Description *string `json:"description,omitempty" nullable:"true" maxLength:"2000"`
	}
}

func (s *server) createCustomField(ctx context.Context, in *customFieldIn) (*CustomFieldDetails, error) {
	var c complaints
	f := store.CustomField{Model: ats.Model(in.Body.Model), Key: in.Body.Key}
	if in.Body.Label != nil {
		f.Label = new(c.text("body.label", *in.Body.Label, 200))
	}
	if in.Body.Description != nil {
		f.Description = new(c.text("body.description", *in.Body.Description, 2000))
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	f, err := s.Store.AddCustomField(ctx, f)
	if errors.Is(err, store.ErrExists) {
		return nil, ats.Errorf(ats.InputInvalid, "body.key: there is a custom field %s of %s already", f.Key, f.Model)
	} else if errors.Is(err, store.ErrTooMany) {
		return nil, ats.Errorf(ats.InputInvalid, "body: there are %d custom fields already, which is as many as there may be", store.MaxCustomFields)
	} else if err != nil {
		return nil, err
	}
	return new(customFieldDetails(f)), nil
}

type customFieldPath struct {
	ID string `path:"custom_field_id"`
}

func (s *server) deleteCustomField(ctx context.Context, in *customFieldPath) (*nothing, error) {
	none := noSuch("path.custom_field_id: there is no custom field %s", quote(in.ID))
	if !validText(in.ID) {
		return nil, none
	}
	if err := s.Store.RemoveCustomField(ctx, in.ID); errors.Is(err, store.ErrNotFound) {
		return nil, none
	} else if err != nil {
		return nil, err
	}
	return &nothing{}, nil
}

// Remapping says from which fields of the ATS a field takes its value.
type Remapping struct {
	Model   string        `json:"model"`
	Field   string        `json:"field"`
	Sources []MappedField `json:"sources" doc:"The first that has a value counts; none of them: the usual source."`
}

// Remappings are all fields that can be remapped.
type Remappings struct {
	Results []Remapping `json:"results"`
}

func (s *server) listRemappings(ctx context.Context, in *IntegrationPath) (*Remappings, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	stored, err := s.Store.Remappings(ctx, i.No)
	if err != nil {
		return nil, err
	}
	out := Remappings{Results: []Remapping{}}
	remappable := s.toolOf(i).Remappable
	for _, m := range ats.Models() {
		for _, f := range remappable[m] {
			out.Results = append(out.Results, remapping(m, f, stored))
		}
	}
	return &out, nil
}

func remapping(m ats.Model, field string, stored []store.Remapping) Remapping {
	out := Remapping{Model: string(m), Field: field, Sources: []MappedField{}}
	for _, r := range stored {
		if r.Model == m && r.Field == field {
			for _, f := range r.Sources {
				out.Sources = append(out.Sources, MappedField{f.ID, f.Key, f.Type, f.Label})
			}
		}
	}
	return out
}

// maxSources bounds from how many fields one may take its value.
const maxSources = 10

type remappingIn struct {
	IntegrationPath
	Body struct {
		Model   string   `json:"model"`
		Field   string   `json:"field"`
		Sources []string `json:"sources" maxItems:"10" doc:"Fields of the ATS of the same model, by ID or by key, in the order in which they are tried. Empty: the usual source again."`
	}
}

func (s *server) setRemapping(ctx context.Context, in *remappingIn) (*Remapping, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	m := ats.Model(in.Body.Model)
	remappable := s.toolOf(i).Remappable
	if len(remappable[m]) == 0 {
		return nil, ats.Errorf(ats.InputInvalid, "body.model: no field of %s can be remapped; GET …/remappings lists those that can", quote(in.Body.Model))
	}
	if !slices.Contains(remappable[m], in.Body.Field) {
		return nil, ats.Errorf(ats.InputInvalid, "body.field: must be one of %s, got %s", strings.Join(remappable[m], ", "), quote(in.Body.Field))
	}
	ids, err := s.sources(ctx, i, m, in.Body.Sources)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Remap(ctx, i.No, m, in.Body.Field, ids); err != nil {
		return nil, fmt.Errorf("remap a field of %s: %w", i.ID, err)
	}
	stored, err := s.Store.Remappings(ctx, i.No)
	if err != nil {
		return nil, err
	}
	return new(remapping(m, in.Body.Field, stored)), nil
}

// sources finds the fields of the ATS that a client named, by ID or key.
func (s *server) sources(ctx context.Context, i store.Integration, m ats.Model, named []string) ([]string, error) {
	var c complaints
	if len(named) > maxSources {
		c.add("body.sources", "must have at most %d", maxSources)
		return nil, c.err()
	}
	ids := make([]string, 0, len(named))
	for n, name := range named {
		at := fmt.Sprintf("body.sources[%d]", n)
		if !validText(name) {
			c.add(at, "must be valid UTF-8 without NUL characters")
			continue
		}
		found, err := s.Store.FindIntegrationFields(ctx, i.No, m, name)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0:
			c.add(at, "the integration has no field %s of %s", quote(name), m)
		case len(found) > 1:
			c.add(at, "several fields have the key %s; give the ID of one", quote(name))
		case slices.Contains(ids, found[0].ID):
			c.add(at, "must differ from those before it")
		default:
			ids = append(ids, found[0].ID)
		}
	}
	return ids, c.err()
}
