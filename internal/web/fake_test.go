package web

import (
	"context"
	"fmt"
	"sync"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// fake is a connect service that a test puts into the state that it wants.
type fake struct {
	mu         sync.Mutex
	visit      connect.Visit
	err        error // of opening the link
	attempts   map[string]connect.Attempt
	fields     []connector.Field
	failing    error // of everything but opening
	fieldsFail error
	panics     bool // when credentials are submitted
	exchanged  bool // the activation token was asked for
	overtaken  bool // another window completes the link while this one reads the attempt

	submitted []map[string]string
	finished  []connect.Choices
	opened    []string // tokens
	languages []string // in which guides were asked for
}

const goodToken = "tok~en.1+2/3&x=<y>"

var tool = connector.Tool{
	Slug: "traffit", Label: "TRAFFIT",
	Models: []connector.ModelCoverage{
		model(ats.Users, "first_name", "last_name", "email", "system_roles", "remote_data"),
		model(ats.Roles, "remote_label"),
		model(ats.Jobs, "name", "description", "stages", "hiring_team", "location", "remote_data"),
		model(ats.Candidates, "first_name", "last_name", "phone_numbers", "email_addresses", "tags", "applications", "custom_fields", "remote_data"),
		model(ats.ApplicationStages, "name", "status"),
		model(ats.Applications, "outcome", "candidate_id", "candidate", "rejected_at", "remote_data"),
		model(ats.Tags, "name"),
		model(ats.RejectionReasons, "name"),
		model(ats.CandidateTags, "candidate_id", "tag_id"),
		{Model: ats.Interviews, Label: "Interviews", Status: connector.Unsupported},
	},
	Actions: []connector.ActionCoverage{
		{ID: "ats_create_application", Label: "Create application", Status: connector.Supported},
		{ID: "ats_reject_application", Label: "Reject application", Status: connector.Supported},
		{ID: "ats_new_action", Label: "Something new", Status: connector.Supported},
	},
}

var other = connector.Tool{Slug: "other", Label: "Other <ATS>"}

func model(m ats.Model, fields ...string) connector.ModelCoverage {
	c := connector.ModelCoverage{Model: m, Label: string(m), Status: connector.Supported}
	for _, f := range append([]string{"id", "remote_id", "changed_at"}, fields...) {
		c.Fields = append(c.Fields, connector.FieldCoverage{ID: f, Status: connector.Supported})
	}
	return c
}

// newFake is a link to connect, which nobody has used yet.
func newFake() *fake {
	return &fake{
		attempts: map[string]connect.Attempt{},
		visit: connect.Visit{
			Link:  connect.Link{ID: "lnk1", Kind: connect.Connect, Type: connect.Embedded, Settings: connect.LinkSettings{Organization: "Acme <b>Ltd</b>"}},
			Tools: []connector.Tool{tool},
		},
		fields: []connector.Field{
			{Model: ats.Candidates, Key: "size", Type: "CUSTOM", Label: "Größe <i>"},
			{Model: ats.Candidates, Key: "size", Type: "DEFAULT"},
			{Model: ats.Jobs, Key: "budget", Type: "CUSTOM", Label: "Budget"},
		},
	}
}

func (f *fake) Visit(_ context.Context, token string) (connect.Visit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, token)
	if token != goodToken {
		return connect.Visit{}, connect.ErrInvalid
	}
	return f.visit, f.err
}

const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 120"><rect width="320" height="120" fill="#dde6f3"/><rect x="20" y="20" width="200" height="20" fill="#89a"/></svg>`

func (f *fake) Guide(slug, language string, s ats.Scopes) (connector.Guide, []connector.Credential, []connector.Permission) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.languages = append(f.languages, language)
	permissions := []connector.Permission{{Name: "employee", Models: []ats.Model{ats.Candidates}, Actions: []string{"ats_create_application"}}}
	if s.Model(ats.Users) {
		permissions = append(permissions, connector.Permission{Name: "user", Models: []ats.Model{ats.Users}, Optional: true})
	}
	guide := connector.Guide{
		Prerequisites: []string{"You are an administrator."},
		Steps: []connector.GuideStep{
			{Title: "Open the settings", Text: "Choose “Integrations”.", Picture: []byte(picture), Caption: "The menu of the settings"},
			{Title: "Choose the scopes", Text: "Tick what is needed.", Permissions: true},
			{Title: "Generate the secret", Text: "It is shown once."},
		},
		Fields: map[string]connector.FieldHint{
			"tenant":        {Label: "Subdomain", Hint: "The part before .traffit.com.", Example: "acme"},
			"client_id":     {Label: "Client ID", Hint: "It stands in the list of clients.", Example: "acme_kladka"},
			"client_secret": {Label: "Client secret"},
		},
	}
	credentials := []connector.Credential{
		{Key: "tenant", Label: "Tenant"}, {Key: "client_id", Label: "Client ID"}, {Key: "client_secret", Label: "Client secret", Secret: true},
	}
	return guide, credentials, permissions
}

func (f *fake) Submit(_ context.Context, _ connect.Visit, slug string, credentials map[string]string) (connect.Attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.panics {
		panic("the disk is full")
	}
	if f.failing != nil {
		return connect.Attempt{}, f.failing
	}
	f.submitted = append(f.submitted, credentials)
	a := connect.Attempt{ID: fmt.Sprintf("att%d", len(f.submitted)), Tool: slug, State: connect.Checking}
	clear(f.attempts)
	f.attempts[a.ID] = a
	return a, nil
}

func (f *fake) Attempt(_ context.Context, _ connect.Visit, id string) (connect.Attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing != nil {
		return connect.Attempt{}, f.failing
	}
	if f.overtaken {
		clear(f.attempts)
		completed(f)
	}
	a, ok := f.attempts[id]
	if !ok {
		return connect.Attempt{}, fmt.Errorf("attempt: %w", store.ErrNotFound)
	}
	return a, nil
}

func (f *fake) Fields(context.Context, connect.Visit, string) ([]connector.Field, error) {
	return f.fields, f.fieldsFail
}

func (f *fake) Finish(_ context.Context, v connect.Visit, attempt string, c connect.Choices) (connect.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing != nil {
		return connect.Outcome{}, f.failing
	}
	if _, ok := f.attempts[attempt]; !ok && v.Link.Kind != connect.Setup {
		return connect.Outcome{}, connect.ErrReplaced
	}
	f.finished = append(f.finished, c)
	now := int64(1_795_510_800_000)
	f.visit.Link.CompletedAt, f.err = &now, connect.ErrCompleted
	out := connect.Outcome{Integration: store.Integration{ID: "traffit:1", OrganizationName: f.visit.Link.Settings.Organization}}
	if !f.exchanged {
		out.ActivationToken = "activation-1"
	}
	return out, nil
}
