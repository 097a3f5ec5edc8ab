package ats_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
)

// off gives scopes in which one model or field is off.
func off(what string) ats.Scopes {
	model, field, isField := strings.Cut(what, ".")
	scope := ats.ModelScope{Setting: ats.Disabled}
	if isField {
		scope = ats.ModelScope{Fields: map[string]ats.Setting{field: ats.Disabled}}
	}
	return ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{ats.Model(model): scope}}.Scopes(nil, false)
}

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What is hidden of a record until the next sync is what that sync leaves out of it.
func TestHiddenIsWhatIsBlank(t *testing.T) {
	at, one := ats.Milli(1), int64(1)
	text, yes, number := "x", true, 1.5
	values := map[string]any{"a": 1}
	fields := []ats.IntegrationField{{ID: "i", Key: "k", Type: "CUSTOM"}}
	place := &ats.Location{City: &text}
	entities := map[ats.Model]ats.Entity{
		ats.Users: ats.User{RemoteID: "1", FirstName: &text, LastName: &text, Email: &text, Status: &text},
		ats.Roles: ats.Role{RemoteID: "1", Label: &text, Scope: &text, UnifiedType: &text},
		ats.Jobs: ats.Job{
			RemoteID: "1", Name: &text, JobCode: &text, Description: &text, Confidential: &yes, WeeklyHours: &number, EmploymentType: &text, Status: &text, Visibility: &text, Category: &text,
			Department: &text, PostURL: &text, ExperienceLevel: &text, RemoteWorkStatus: &text, SalaryAmount: &number, SalaryAmountFrom: &number, SalaryAmountTo: &number, SalaryCurrency: &text,
			SalaryPeriod: &text, Location: place, CustomFields: values, IntegrationFields: fields, RemoteURL: &text, OpenedAt: &at, ClosedAt: &at, RemoteCreatedAt: &at, RemoteUpdatedAt: &at, ContactID: &text,
		},
		ats.JobPostings: ats.JobPosting{RemoteID: "1", Title: &text, DescriptionHTML: &text, Status: &text, Visibility: &text, URL: &text},
		ats.Candidates: ats.Candidate{
			RemoteID: "1", FirstName: &text, LastName: &text, Company: &text, Title: &text, Confidential: &yes, Source: &text, PhoneNumbers: []ats.PhoneNumber{{PhoneNumber: "1"}},
			EmailAddresses: []ats.EmailAddress{{EmailAddress: "a@example.com"}}, SocialMedia: []ats.SocialMedia{{Link: &text}}, Location: place, CustomFields: values, IntegrationFields: fields,
			RemoteURL: &text, RemoteCreatedAt: &at, RemoteUpdatedAt: &at,
		},
		ats.ApplicationStages: ats.ApplicationStage{RemoteID: "1", Name: &text, Status: &text, CustomFields: values, GlobalIndex: &one, Index: &one},
		ats.Applications: ats.Application{
			RemoteID: "1", Outcome: new(ats.Pending), RejectionReasonName: &text, RejectedAt: &at, CustomFields: values, IntegrationFields: fields, RemoteURL: &text,
			RemoteCreatedAt: &at, RemoteUpdatedAt: &at, CandidateRemoteID: "1", JobRemoteID: "1", StageRemoteID: "1",
		},
		ats.Tags:             ats.Tag{RemoteID: "1", Name: &text},
		ats.RejectionReasons: ats.RejectionReason{RemoteID: "1", Name: &text},
	}
	ids := ats.Namespace("traffit:1")
	for m, e := range entities {
		whole, err := ats.Render(ids, e)
		if err != nil {
			t.Fatal(err)
		}
		differ := 0
		for field := range decoded(t, whole.Own) {
			s := off(string(m) + "." + field)
			blank, err := ats.Render(ids, ats.Blank(m, e, s))
			if err != nil {
				t.Fatal(err)
			}
			hidden, err := ats.Hide(m, whole.Own, s)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(decoded(t, blank.Own), decoded(t, hidden)); d != "" {
				t.Errorf("%s.%s (-blank +hidden):\n%s", m, field, d)
			}
			if string(blank.Own) != string(whole.Own) {
				differ++
			}
		}
		if differ == 0 {
			t.Errorf("%s: no field could be switched off", m)
		}
	}
}

// Roles that stand in a hiring team are cut like those in their own list.
func TestRolesOfATeam(t *testing.T) {
	member := ats.HiringTeamMember{
		JobRemoteID: "1", UserRemoteID: "2", UnifiedRoles: []string{"RECRUITER"},
		Roles: []ats.EmbeddedRole{{RemoteID: "r", Label: new("Rekruter"), Scope: new("JOB"), UnifiedType: new("RECRUITER")}},
	}
	role := func(label, unified *string) []ats.EmbeddedRole {
		return []ats.EmbeddedRole{{RemoteID: "r", Label: label, Scope: new("JOB"), UnifiedType: unified}}
	}
	for what, want := range map[string]ats.HiringTeamMember{
		"ats_users.email":           member,
		"ats_roles.scope":           member,
		"ats_roles.remote_label":    {JobRemoteID: "1", UserRemoteID: "2", UnifiedRoles: []string{"RECRUITER"}, Roles: role(nil, new("RECRUITER"))},
		"ats_roles.unified_type":    {JobRemoteID: "1", UserRemoteID: "2", Roles: role(new("Rekruter"), nil)},
		"ats_roles":                 {JobRemoteID: "1", UserRemoteID: "2"},
		"ats_join_jobs_users.roles": {JobRemoteID: "1", UserRemoteID: "2"},
	} {
		if d := cmp.Diff(ats.Entity(want), ats.Blank(ats.HiringTeam, member, off(what))); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	if *member.Roles[0].Label != "Rekruter" {
		t.Error("the member itself was changed")
	}
}

// The scopes of one model leave everything of the others out.
func TestScopesOfOneModel(t *testing.T) {
	s := off("ats_jobs.name").Only(ats.Jobs)
	for field, want := range map[string]bool{"name": false, "description": true, "hiring_team": false, "stages": false} {
		if got := s.Field(ats.Jobs, field); got != want {
			t.Errorf("jobs.%s: %v, want %v", field, got, want)
		}
	}
	if s.Model(ats.Candidates) || s.Model(ats.JobPostings) || s.Whole() {
		t.Error("other models are on")
	}
	if (ats.Scopes{}).Only(ats.Tags).Model(ats.Users) || !(ats.Scopes{}).Only(ats.Tags).Model(ats.Tags) {
		t.Error("the zero value allows what it should not, or not what it should")
	}
}
