package traffit

import (
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// scope is a permission of an API client.
type scope struct {
	name string
	// lost is what stops working without it.
	lost string
	// actions need it; aided ones do without where the tenant is as was seen.
	actions, aided []string
}

// everyAction are the actions of the contract: each of them writes to a candidate.
var everyAction = slices.Concat(jobActions, []string{
	"ats_add_application_attachment", "ats_add_candidate_attachment", "ats_add_application_result_link", "ats_add_candidate_result_link",
	"ats_add_application_note", "ats_add_candidate_tag", "ats_remove_candidate_tag",
})

// jobActions read or change a recruitment.
var jobActions = []string{"ats_create_candidate", "ats_create_application", "ats_move_application_to_stage", "ats_reject_application"}

// scopes are the permissions that reading and writing use, the indispensable ones first.
var scopes = []scope{
	{"employee", "candidates, applications, tags and rejection reasons of applications", everyAction, nil},
	{"recruitment", "jobs, hiring teams, rejection reasons, and the proof that an application is gone", jobActions, nil},
	{
		"workflow", "application stages and the stages of jobs", nil,
		[]string{"ats_create_candidate", "ats_create_application", "ats_move_application_to_stage"},
	},
	{"user", "users and roles", nil, nil},
	{"source", "the source of candidates", nil, nil},
	{
		"dictionary", "the labels of sources that come without one, and of types of files", nil,
		[]string{"ats_create_candidate", "ats_create_application", "ats_add_application_attachment", "ats_add_candidate_attachment"},
	},
}

// Permissions lists the scopes of TRAFFIT's API that are needed.
func (*traffit) Permissions(s ats.Scopes) []connector.Permission { return permissions(s) }

func permissions(s ats.Scopes) []connector.Permission {
	var needed []connector.Permission
	for _, scope := range scopes {
		p := connector.Permission{Name: scope.name, Optional: true}
		use := map[ats.Model]bool{}
		for _, m := range ownModels {
			use[m.model] = m.scope == scope.name && anyOn(extraFields(m.model), s)
		}
		for _, step := range plan {
			if step.scope != scope.name || !step.needed(s) {
				continue
			}
			for _, k := range kindsOfParts {
				for _, f := range k.needs {
					use[f.model] = use[f.model] || k.step == step.name && f.on(s)
				}
			}
			p.Optional = p.Optional && !slices.ContainsFunc(step.loads, s.Model)
		}
		for _, m := range ats.Models() {
			if use[m] {
				p.Models = append(p.Models, m)
			}
		}
		for _, action := range everyAction {
			strict := slices.Contains(scope.actions, action)
			if s.Action(action) && (strict || slices.Contains(scope.aided, action)) {
				p.Actions = append(p.Actions, action)
				p.Optional = p.Optional && !strict
			}
		}
		if len(p.Models)+len(p.Actions) > 0 {
			needed = append(needed, p)
		}
	}
	return needed
}
