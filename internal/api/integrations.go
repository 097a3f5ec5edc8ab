package api

import (
	"context"
	"fmt"
	"slices"
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
	ID            string   `json:"id"`
	Tool          string   `json:"tool" doc:"The tool's name, as in its ID."`
	Category      string   `json:"category" enum:"ATS"`
	Status        string   `json:"status" enum:"ACTIVE,INVALID,INACTIVE" doc:"INVALID: the ATS rejects the credentials. INACTIVE: switched off."`
	SetupStatus   string   `json:"setup_status" enum:"INCOMPLETE,FINAL_SYNC_PENDING,COMPLETED"`
	EndUser       EndUser  `json:"end_user"`
	DataExpiredAt *string  `json:"data_expired_at" format:"date-time" doc:"Set while the data does not match changed settings."`
	CreatedAt     string   `json:"created_at" format:"date-time"`
	OnlyCreated   bool     `json:"only_created_applications" doc:"Whether only applications that were created through this API are kept."`
	Duplicates    []string `json:"duplicates" doc:"Other integrations that connect the same account."`
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
	ScopeConfig  ScopeConfigName   `json:"scope_config"`
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

// ScopeConfigName names the scope configuration of an integration.
type ScopeConfigName struct {
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
	Setting  ats.Setting `json:"scope_config_setting" enum:"ENABLED,DISABLED,OPTIONAL"`
	OptedOut bool        `json:"opted_out_by_customer"`
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

func summary(i store.Integration, duplicates []string) IntegrationSummary {
	return IntegrationSummary{
		ID: i.ID, Tool: i.Tool, Category: "ATS", Status: i.Status, SetupStatus: i.SetupStatus,
		EndUser:       EndUser{i.OrganizationName, i.CreatorEmail, i.OriginID},
		DataExpiredAt: instant(i.DataExpiredAt), CreatedAt: ats.Milli(i.CreatedAt).String(),
		OnlyCreated: i.Settings.OnlyCreated, Duplicates: append([]string{}, duplicates...),
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
	nos := make([]int64, len(found))
	for n, i := range found {
		nos[n] = i.No
	}
	duplicates, err := s.Store.Duplicates(ctx, nos)
	if err != nil {
		return nil, err
	}
	show := func(i store.Integration) IntegrationSummary { return summary(i, duplicates[i.No]) }
	return pageOf(found, q.PageSize, show, func(i store.Integration) cursor { return cursor{"integrations", noScope, i.No, ""} }), nil
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
	duplicates, err := s.Store.Duplicates(ctx, []int64{i.No})
	if err != nil {
		return nil, err
	}
	tool := s.toolOf(i)
	pictures := s.assetsOf(i.Tool)
	out := &IntegrationDetails{
		IntegrationSummary: summary(i, duplicates[i.No]),
		Tool:               IntegrationTool{ID: tool.Slug, Label: tool.Label, Logo: pictures.Logo, Icon: pictures.Icon},
		ScopeConfig:        ScopeConfigName{ID: i.ScopeConfig.ID, Name: &i.ScopeConfig.Name},
		ReadModels:         make([]AvailableModel, 0, len(tool.Models)),
		WriteActions:       make([]AvailableAction, 0, len(tool.Actions)),
	}
	config := i.ScopeConfig.Config
	for _, m := range tool.Models {
		model := AvailableModel{
			availability(string(m.Model), m.Status, i.Scopes.Model(m.Model)), m.Label,
			chosen(i, string(m.Model), config.Model(m.Model)), make([]AvailableField, 0, len(m.Fields)),
		}
		for _, f := range m.Fields {
			setting := config.Field(m.Model, f.ID)
			if f.ID == "remote_data" && config.Models[m.Model].Fields[f.ID] == "" && i.Settings.RemoteData {
				setting = ats.Enabled
			}
			model.Fields = append(model.Fields, AvailableField{
				availability(f.ID, f.Status, i.Scopes.Field(m.Model, f.ID)), chosen(i, string(m.Model)+"."+f.ID, setting),
			})
		}
		out.ReadModels = append(out.ReadModels, model)
	}
	for _, a := range tool.Actions {
		on := i.Scopes.Action(a.ID)
		action := AvailableAction{availability(a.ID, a.Status, on), a.Label, chosen(i, a.ID, config.Action(a.ID)), make([]Availability, 0, len(a.Fields))}
		for _, f := range a.Fields {
			action.Fields = append(action.Fields, availability(f.ID, f.Status, on))
		}
		out.WriteActions = append(out.WriteActions, action)
	}
	return out, nil
}

// chosen tells the setting of a model, a field or an action, and whether the customer declined it.
func chosen(i store.Integration, what string, setting ats.Setting) Choice {
	return Choice{Setting: setting, OptedOut: setting == ats.Optional && slices.Contains(i.Settings.Declined, what)}
}

// toolOf gives an integration's tool as its tenant has it.
func (s *server) toolOf(i store.Integration) connector.Tool {
	return s.tools[i.Tool].Confirmed(i.Settings.Confirmed)
}

// availability judges by coverage, and by whether it is switched on. What rests on an unconfirmed detail of
// the ATS is there, and its status says so.
func availability(id string, c connector.Coverage, on bool) Availability {
	return Availability{ID: id, Available: on && (c == connector.Supported || c == connector.CoverageUnknown), Status: c}
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

// deleteParams are the parameters of a deletion.
func deleteParams() []param {
	return []param{{
		name: "now", kind: flagKind, def: "false", doc: "Whether the data are deleted at once, and not kept for a while.",
		flag: func(q *listQuery, v bool) { q.now = v },
	}}
}

type deleteIn struct {
	RawQuery
	IntegrationPath
}

func (s *server) deleteIntegration(ctx context.Context, in *deleteIn) (*nothing, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q, err := parseQuery(in.RawQuery, deleteParams())
	if err != nil {
		return nil, err
	}
	after := s.DeleteAfter
	if q.now {
		after = 0
	}
	if err := s.Store.RemoveIntegration(ctx, i.No, after); err != nil {
		return nil, fmt.Errorf("delete integration %s: %w", i.ID, err)
	}
	return &nothing{}, nil
}

// IntegrationSettings are what can be chosen for one integration.
type IntegrationSettings struct {
	OnlyCreated bool `json:"only_created_applications" doc:"Whether only applications that were created through this API are kept."`
	RemoteData  bool `json:"remote_data" doc:"Whether raw rows are served in remote_data where the scope configuration does not say."`
}

type settingsIn struct {
	IntegrationPath
	Body struct {
		OnlyCreated *bool `json:"only_created_applications,omitempty" nullable:"true" doc:"Keep only applications that were created through this API, with their candidates. Switching it on erases the others with the next sync, switching it off reads them."`
		RemoteData  *bool `json:"remote_data,omitempty" nullable:"true" doc:"Serve raw rows in remote_data where the scope configuration does not say."`
	}
}

func (s *server) updateSettings(ctx context.Context, in *settingsIn) (*IntegrationSettings, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := IntegrationSettings{i.Settings.OnlyCreated, i.Settings.RemoteData}
	for _, one := range []struct {
		given *bool
		now   *bool
		set   func(context.Context, int64, bool) error
	}{
		{in.Body.OnlyCreated, &out.OnlyCreated, s.Store.SetOnlyCreated},
		{in.Body.RemoteData, &out.RemoteData, s.Store.SetRemoteData},
	} {
		if one.given == nil {
			continue
		}
		if err := one.set(ctx, i.No, *one.given); err != nil {
			return nil, fmt.Errorf("change the settings of %s: %w", i.ID, err)
		}
		*one.now = *one.given
	}
	return &out, nil
}
