package api

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// IntegrationPath is an address below an integration.
type IntegrationPath struct {
	ID string `path:"integration_id" doc:"The integration's ID."`
}

// nothing is an answer without content.
type nothing struct{}

// IntegrationSummary is an integration as the list shows it.
type IntegrationSummary struct {
	ID            string  `json:"id"`
	Tool          string  `json:"tool" doc:"The tool's name, as in its ID."`
	Category      string  `json:"category" enum:"ATS"`
	Status        string  `json:"status" enum:"ACTIVE,INVALID,INACTIVE" doc:"INVALID: the ATS rejects the credentials. INACTIVE: switched off."`
	SetupStatus   string  `json:"setup_status" enum:"INCOMPLETE,FINAL_SYNC_PENDING,COMPLETED"`
	EndUser       EndUser `json:"end_user"`
	DataExpiredAt *string `json:"data_expired_at" format:"date-time" doc:"Set while the data does not match changed settings."`
	CreatedAt     string  `json:"created_at" format:"date-time"`
}

// EndUser is the customer whose account is connected.
type EndUser struct {
	OrganizationName string  `json:"organization_name"`
	CreatorEmail     *string `json:"creator_email"`
	OriginID         *string `json:"origin_id" doc:"Your own ID of the customer."`
}

// IntegrationDetails is an integration with everything that it covers.
type IntegrationDetails struct {
	IntegrationSummary
	Tool         IntegrationTool   `json:"tool"`
	ScopeConfig  ScopeConfig       `json:"scope_config"`
	Beta         bool              `json:"beta"`
	ReadModels   []AvailableModel  `json:"read_models"`
	WriteActions []AvailableAction `json:"write_actions"`
}

// IntegrationTool is the tool of an integration.
type IntegrationTool struct {
	ID            string  `json:"id"`
	Label         string  `json:"label"`
	InternalLabel *string `json:"internal_label"`
	Logo          string  `json:"logo_url" format:"uri"`
	Icon          string  `json:"icon_url" format:"uri"`
}

// ScopeConfig names the settings that say what is read. There is one, with everything on.
type ScopeConfig struct {
	ID   string  `json:"id"`
	Name *string `json:"name"`
}

// Availability says whether something can be used, and if not, why.
type Availability struct {
	ID        string             `json:"id"`
	Available bool               `json:"is_available"`
	Status    connector.Coverage `json:"coverage_status" enum:"SUPPORTED,UNSUPPORTED,NOT_IMPLEMENTED,UNKNOWN"`
}

// Choice says what operator and customer chose.
type Choice struct {
	Setting  string `json:"scope_config_setting" enum:"ENABLED,DISABLED,OPTIONAL"`
	OptedOut bool   `json:"opted_out_by_customer"`
}

// AvailableModel is a model that an integration may give.
type AvailableModel struct {
	Availability
	Label string `json:"label"`
	Choice
	Fields []AvailableField `json:"fields"`
}

// AvailableField is a field of a model.
type AvailableField struct {
	Availability
	Choice
}

// AvailableAction is a write action.
type AvailableAction struct {
	Availability
	Label string `json:"label"`
	Choice
	Fields []Availability `json:"fields"`
}

func (s *server) summary(i store.Integration) IntegrationSummary {
	return IntegrationSummary{
		ID: i.ID, Tool: i.Tool, Category: "ATS", Status: i.Status, SetupStatus: i.SetupStatus,
		EndUser:       EndUser{i.OrganizationName, i.CreatorEmail, i.OriginID},
		DataExpiredAt: instant(i.DataExpiredAt), CreatedAt: ats.Milli(i.CreatedAt).String(),
	}
}

func instant(ms *int64) *string {
	if ms == nil {
		return nil
	}
	return new(ats.Milli(*ms).String())
}

func (s *server) listIntegrations(ctx context.Context, in *struct{ RawQuery }) (*Results[IntegrationSummary], error) {
	q, c, err := paged(in.RawQuery, maxPageSize, "integrations", noScope)
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Integrations(ctx, c.at, q.PageSize+1)
	if err != nil {
		return nil, fmt.Errorf("list integrations: %w", err)
	}
	return pageOf(found, q.PageSize, s.summary, func(i store.Integration) cursor { return cursor{"integrations", noScope, i.No, ""} }), nil
}

// noScope stands in cursors of lists that belong to no integration.
const noScope = "-"

// paged reads the parameters of a paged operation, and more of them where it has any. Without a
// cursor it gives an empty one.
func paged(raw RawQuery, most int, list, scope string, more ...param) (*listQuery, cursor, error) {
	q, err := parseQuery(raw, append(pageParams(most), more...))
	if err != nil || q.cursor == "" {
		return q, cursor{}, err
	}
	c, err := parseCursor(q.cursor, list, scope)
	if err != nil {
		return nil, cursor{}, ats.Errorf(ats.InputInvalid, "query.cursor: %w", err)
	}
	return q, *c, nil
}

// pageOf makes a page of what was found; one more than its size means that there is a next one.
func pageOf[F, T any](found []F, size int, show func(F) T, place func(F) cursor) *Results[T] {
	out := &Results[T]{List: make([]T, 0, min(len(found), size))}
	for _, f := range found[:min(len(found), size)] {
		out.List = append(out.List, show(f))
	}
	if len(found) > size {
		out.Next = new(place(found[size-1]).String())
	}
	return out
}

func (s *server) getIntegration(ctx context.Context, in *IntegrationPath) (*IntegrationDetails, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if _, known := s.tools[i.Tool]; !known {
		return nil, fmt.Errorf("integration %s is of the unknown tool %s", i.ID, strconv.Quote(i.Tool))
	}
	tool := s.toolOf(i)
	pictures := s.assetsOf(i.Tool)
	out := &IntegrationDetails{
		IntegrationSummary: s.summary(i),
		Tool:               IntegrationTool{ID: tool.Slug, Label: tool.Label, Logo: pictures.Logo, Icon: pictures.Icon},
		ScopeConfig:        ScopeConfig{ID: "default", Name: new("Everything")},
		ReadModels:         make([]AvailableModel, 0, len(tool.Models)),
		WriteActions:       make([]AvailableAction, 0, len(tool.Actions)),
	}
	enabled := Choice{Setting: "ENABLED"}
	for _, m := range tool.Models {
		model := AvailableModel{availability(string(m.Model), m.Status), m.Label, enabled, make([]AvailableField, 0, len(m.Fields))}
		for _, f := range m.Fields {
			model.Fields = append(model.Fields, AvailableField{availability(f.ID, f.Status), enabled})
		}
		out.ReadModels = append(out.ReadModels, model)
	}
	for _, a := range tool.Actions {
		action := AvailableAction{availability(a.ID, a.Status), a.Label, enabled, make([]Availability, 0, len(a.Fields))}
		for _, f := range a.Fields {
			action.Fields = append(action.Fields, availability(f.ID, f.Status))
		}
		out.WriteActions = append(out.WriteActions, action)
	}
	return out, nil
}

// toolOf gives an integration's tool as its tenant has it.
func (s *server) toolOf(i store.Integration) connector.Tool {
	return s.tools[i.Tool].Confirmed(i.Settings.Confirmed)
}

// availability judges by coverage. What rests on an unconfirmed detail of the ATS is there, and
// its status says so.
func availability(id string, c connector.Coverage) Availability {
	return Availability{ID: id, Available: c == connector.Supported || c == connector.CoverageUnknown, Status: c}
}

type enabledIn struct {
	IntegrationPath
	Body struct {
		Value bool `json:"value"`
	}
}

func (s *server) setEnabled(ctx context.Context, in *enabledIn) (*nothing, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.Store.SetEnabled(ctx, i.No, in.Body.Value); err != nil {
		return nil, fmt.Errorf("switch integration %s: %w", i.ID, err)
	}
	return &nothing{}, nil
}

func (s *server) deleteIntegration(ctx context.Context, in *IntegrationPath) (*nothing, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.Store.RemoveIntegration(ctx, i.No); err != nil {
		return nil, fmt.Errorf("delete integration %s: %w", i.ID, err)
	}
	return &nothing{}, nil
}
