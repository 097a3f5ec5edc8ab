package api

import (
	"context"
	"errors"
	"fmt"

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
