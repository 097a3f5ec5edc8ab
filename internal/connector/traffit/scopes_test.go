package traffit

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

func planOf(t testing.TB, s ats.Scopes) []connector.Step {
	t.Helper()
	opened, err := New(Options{}).Connect(connector.Config{
		Credentials: map[string]string{credentialTenant: "acme", credentialID: "acme_kladka", credentialSecret: "s3cret"}, Scopes: s,
	})
	if err != nil {
		t.Fatal(err)
	}
	return opened.Plan()
}

func stepNames(steps []connector.Step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return names
}

// What is read follows from the scopes: whole ones read everything, and what serves nothing that is on
// is left out.
func TestPlanByScopes(t *testing.T) {
	everyStep := stepNames(planOf(t, ats.Scopes{}))
	if len(everyStep) != len(plan)+1 {
		t.Errorf("steps: %v", everyStep)
	}
	fields := func(m ats.Model, names ...string) []field { return of(m, names...) }
	advertised := fields(ats.Jobs, "custom_fields", "integration_fields", "visibility", "description", "post_url", "employment_type", "category", "department",
		"experience_level", "remote_work_status", "salary_amount", "salary_amount_from", "salary_amount_to", "salary_currency", "salary_period", "location")
	for name, tc := range map[string]struct {
		off     []field
		without []string
	}{
		"a field of many":         {off: fields(ats.Jobs, "name")},
		"actions alone":           {},
		"source":                  {off: fields(ats.Candidates, "source"), without: []string{"dictionaries", "dictionary items", "sources"}},
		"rejection reason's name": {off: fields(ats.Applications, "rejection_reason_name"), without: []string{"activities"}},
		"tags of candidates":      {off: fields(ats.Candidates, "tags")}, // the tags themselves are still found at candidates
		"tags":                    {off: models(ats.Tags), without: []string{"tags"}},
		"rejection reasons":       {off: models(ats.RejectionReasons), without: []string{"rejection reasons"}},
		"users":                   {off: models(ats.Users)}, // roles come with them
		"users and roles":         {off: models(ats.Users, ats.Roles), without: []string{"users"}},
		"postings":                {off: models(ats.JobPostings)}, // they fill fields of jobs
		"what adverts fill":       {off: append(advertised, field{model: ats.JobPostings}), without: []string{"adverts"}},
		"stages":                  {off: models(ats.ApplicationStages)}, // their types tell what became of applications
		"stages and what follows": {
			off:     append(models(ats.ApplicationStages), standingFields...),
			without: []string{"workflows", "workflow details", "activities"},
		},
		"details of jobs": {
			off:     append(models(ats.JobStages, ats.HiringTeam), fields(ats.Jobs, "status", "confidential", "visibility", "custom_fields", "integration_fields")...),
			without: []string{"recruitment details"},
		},
		"own fields":   {off: append(extraFields(ats.Jobs), extraFields(ats.Candidates)...), without: []string{"fields"}},
		"applications": {off: models(ats.Applications), without: []string{"history", "activities"}},
		"candidates": {
			off: models(ats.Candidates), without: []string{"dictionaries", "dictionary items", "sources"}, // applications and tags need to know them
		},
		"people": {
			off:     models(ats.Candidates, ats.Applications, ats.Tags),
			without: []string{"dictionaries", "dictionary items", "employees", "history", "sources", "tags", "activities"},
		},
		"jobs": {off: models(ats.Jobs), without: []string{"adverts", "recruitment details"}},
		"jobs and what refers to them": {
			off: models(ats.Jobs, ats.Applications, ats.RejectionReasons), without: []string{
				"adverts", "recruitments", "recruitment details", "rejection reasons", "history", "activities",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := slices.DeleteFunc(slices.Clone(everyStep), func(s string) bool { return slices.Contains(tc.without, s) })
			if diff := cmp.Diff(want, stepNames(planOf(t, off(true, tc.off...)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// randomly switches off some models and fields.
func randomly(dice *rand.Rand) ats.Scopes {
	var some []field
	for _, f := range claimed() {
		if dice.IntN(3) == 0 {
			some = append(some, f)
		}
	}
	for _, m := range ats.Models() {
		if dice.IntN(4) == 0 {
			some = append(some, field{model: m})
		}
	}
	return off(false, some...)
}

// Under any scopes, each model that is on becomes readable, each step finds the units that it reads
// one by one, and every scope that a step or an action needs is asked for.
func TestPlansHoldTogether(t *testing.T) {
	for seed := range uint64(500) {
		s := randomly(rand.New(rand.NewPCG(seed, 1)))
		steps := planOf(t, s)
		loaded := map[ats.Model]bool{}
		brought := map[string]bool{}
		asked := map[string]bool{"": true}
		for _, p := range permissions(s) {
			asked[p.Name] = true
			if len(p.Models)+len(p.Actions) == 0 || slices.ContainsFunc(p.Models, func(m ats.Model) bool { return !s.Model(m) }) {
				t.Errorf("%v off: %+v", s.Off(), p)
			}
		}
		for _, step := range steps {
			for _, m := range append(slices.Clone(step.Loads), step.Improves...) {
				loaded[m] = true
				if !s.Model(m) {
					t.Errorf("%v off: the step %q is for %s", s.Off(), step.Name, m)
				}
			}
			if each := step.Each; each != nil && !brought[each.Of.Entity+" "+each.Of.Kind] {
				t.Errorf("%v off: the step %q finds nothing of %v", s.Off(), step.Name, each.Of)
			}
			at := slices.IndexFunc(plan, func(p planned) bool { return p.name == step.Name })
			if at >= 0 && !asked[plan[at].scope] {
				t.Errorf("%v off: the scope %s is not asked for", s.Off(), plan[at].scope)
			}
			for _, k := range kindsOfParts {
				if k.step == step.Name && k.needed(s) {
					brought[k.entity+" "+k.kind] = true
				}
			}
		}
		for _, m := range ats.Models() {
			if s.Model(m) && !loaded[m] {
				t.Errorf("%v off: nothing loads %s", s.Off(), m)
			}
		}
	}
}

// without gives scopes of which some things are off: actions, models and fields by name.
func scopesWithout(what ...string) ats.Scopes {
	config := ats.ScopeConfig{Actions: map[string]ats.Setting{}, Models: map[ats.Model]ats.ModelScope{}}
	for _, w := range what {
		m, f, isField := strings.Cut(w, ".")
		switch {
		case isField:
			scope := config.Models[ats.Model(m)]
			if scope.Fields == nil {
				scope.Fields = map[string]ats.Setting{}
			}
			scope.Fields[f] = ats.Disabled
			config.Models[ats.Model(m)] = scope
		case slices.Contains(ats.Models(), ats.Model(m)):
			scope := config.Models[ats.Model(m)]
			scope.Setting = ats.Disabled
			config.Models[ats.Model(m)] = scope
		default:
			config.Actions[w] = ats.Disabled
		}
	}
	return config.Scopes(nil, false)
}

// What the customer has to tick shrinks with what is wanted, and says for what it is.
func TestPermissions(t *testing.T) {
	named := func(s ats.Scopes) (names, optional []string) {
		for _, p := range New(Options{}).Permissions(s) {
			names = append(names, p.Name)
			if p.Optional {
				optional = append(optional, p.Name)
			}
		}
		return names, optional
	}
	all := []string{"employee", "recruitment", "workflow", "user", "source", "dictionary"}
	people := []string{string(ats.Candidates), string(ats.Applications), string(ats.Tags)}
	stages := []string{string(ats.ApplicationStages), string(ats.Applications)}
	jobs := []string{string(ats.Jobs), string(ats.RejectionReasons)}
	users := []string{string(ats.Users), string(ats.Roles)}
	for name, tc := range map[string]struct {
		off             []string
		names, optional []string
	}{
		"everything":          {nil, all, []string{"source", "dictionary"}},
		"read only":           {everyAction, all, []string{"source", "dictionary"}},
		"no users":            {users, []string{"employee", "recruitment", "workflow", "source", "dictionary"}, []string{"source", "dictionary"}},
		"no source":           {[]string{"ats_candidates.source"}, []string{"employee", "recruitment", "workflow", "user", "dictionary"}, []string{"dictionary"}}, // files have labels
		"no source, no files": {append([]string{"ats_candidates.source"}, everyAction...), all[:4], nil},
		"no stages":           {append([]string{string(ats.ApplicationStages)}, everyAction...), all, []string{"workflow", "source", "dictionary"}},
		"no jobs, read only":  {slices.Concat(jobs, stages, users, everyAction), []string{"employee", "source", "dictionary"}, []string{"source", "dictionary"}},
		"users alone":         {slices.Concat(jobs, stages, people, everyAction), []string{"user"}, nil},
		"actions alone":       {slices.Concat(jobs, stages, people, users), []string{"employee", "recruitment", "workflow", "dictionary"}, []string{"workflow", "dictionary"}},
		"notes alone": {
			slices.Concat(jobs, stages, people, users, slices.DeleteFunc(slices.Clone(everyAction), func(a string) bool { return a == "ats_add_application_note" })),
			[]string{"employee"},
			nil,
		},
		"nothing": {slices.Concat(jobs, stages, people, users, everyAction), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			names, optional := named(scopesWithout(tc.off...))
			if diff := cmp.Diff(tc.names, names); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.optional, optional); diff != "" {
				t.Errorf("optional (-want +got):\n%s", diff)
			}
		})
	}
	p := New(Options{}).Permissions(scopesWithout("ats_move_application_to_stage", string(ats.RejectionReasons)))
	want := connector.Permission{
		Name: "recruitment", Models: []ats.Model{ats.Jobs, ats.JobStages, ats.HiringTeam, ats.JobPostings, ats.Applications},
		Actions: []string{"ats_create_candidate", "ats_create_application", "ats_reject_application"},
	}
	if diff := cmp.Diff(want, p[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	known := New(Options{}).Tool().Actions
	for _, action := range everyAction {
		if !slices.ContainsFunc(known, func(a connector.ActionCoverage) bool { return a.ID == action }) {
			t.Errorf("there is no action %s", action)
		}
	}
	if len(known) != len(everyAction) {
		t.Errorf("%d actions need permissions, of %d", len(everyAction), len(known))
	}
}

// Tokens are asked for what is needed and for nothing else.
func TestTokensAskForWhatIsNeeded(t *testing.T) {
	for want, s := range map[string]ats.Scopes{
		"employee recruitment workflow user source dictionary": {},
		"employee recruitment workflow user dictionary":        scopesWithout("ats_candidates.source"),
		"employee source dictionary": scopesWithout(append([]string{
			string(ats.Jobs), string(ats.RejectionReasons), string(ats.ApplicationStages), string(ats.Applications), string(ats.Users), string(ats.Roles),
		}, everyAction...)...),
	} {
		f := newFake(t)
		var asked string
		f.special["/oauth2/token"] = func(w http.ResponseWriter, r *http.Request) {
			var in map[string]string
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			asked = in["scope"]
			say(w, 200, `{"access_token":"x","scope":"`+asked+`"}`)
		}
		if _, err := f.open(func(c *connector.Config) { c.Scopes = s }).tokens.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if asked != want {
			t.Errorf("asked for %q, want %q", asked, want)
		}
	}
}

// Only what TRAFFIT names as OAuth does is final.
func TestFinalRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		final  bool
	}{
		"no such client":          {answers(400, `{"error":"invalid_client","error_description":"x"}`), true},
		"no such client, 401":     {answers(401, `{"error":"invalid_client"}`), true},
		"a client that may not":   {answers(400, `{"error":"unauthorized_client"}`), true},
		"forbidden":               {answers(403, `{"error":"invalid_client"}`), false},
		"a grant":                 {answers(400, `{"error":"invalid_grant"}`), false},
		"unnamed":                 {answers(400, `{"message":"The client credentials are invalid"}`), false},
		"unnamed, 401":            {answers(401, `{"message":"invalid_client"}`), false},
		"an error that is a list": {answers(401, `{"error":["invalid_client"]}`), false},
		"a page":                  {html(401), false},
		"a page with 400":         {html(400), false},
		"something else":          {answers(401, `{"error":"temporarily_unavailable"}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.special["/oauth2/token"] = tc.answer
			_, err := f.open().tokens.get(t.Context())
			refused, ok := errors.AsType[*connector.AuthError](err)
			if !ok || refused.Final != tc.final {
				t.Errorf("%v: %+v", err, refused)
			}
		})
	}
	t.Run("a 401 of an endpoint", func(t *testing.T) {
		f := newFake(t)
		f.special[api+"/users/"] = answers(401, `{"error":"invalid_client"}`)
		for _, path := range []string{"/employees/", "/recruitments/", "/workflows", "/sources", "/dictionaries"} {
			f.special[api+path] = f.special[api+"/users/"]
		}
		_, err := f.open().users().Page(t.Context(), 1)
		if refused, ok := errors.AsType[*connector.AuthError](err); !ok || refused.Final {
			t.Errorf("%v", err)
		}
	})
}

// A row that left out a key which is not stored is whole.
func TestSparseRowsUnderScopes(t *testing.T) {
	f := newFake(t)
	f.lists["/employees/"] = []string{
		`{"id":1,"name":null,"lastname":"A","email":"a@example.com","mobile":null,"linkedin":null,"candidate_location":null,"updated_at":"u"}`, // no status, no created_at
	}
	for _, tc := range []struct {
		scopes ats.Scopes
		sparse bool
	}{
		{ats.Scopes{}, true},
		{scopesWithout("ats_candidates.remote_created_at"), true},
		{scopesWithout("ats_candidates.remote_created_at", "ats_candidates.custom_fields", "ats_candidates.integration_fields"), false},
	} {
		tn := f.open(func(c *connector.Config) { c.Scopes = tc.scopes })
		p, err := step(t, tn, "employees").List.Page(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := p.Rows()
		if err != nil {
			t.Fatal(err)
		}
		if got := rows[0].Parts[0].Complete != nil; got != tc.sparse {
			t.Errorf("without %v: sparse is %v", tc.scopes.Off(), got)
		}
	}
}

// A check shows first all that it will try, and then one result after the other.
func TestCheckIsWatched(t *testing.T) {
	_, tn := simulated(t, map[string]string{"scopes.denied": "source"})
	var seen []connector.CheckReport
	last, err := tn.Check(t.Context(), func(r connector.CheckReport) { seen = append(seen, r) })
	if err != nil {
		t.Fatal(err)
	}
	open := func(r connector.CheckReport) int {
		n := 0
		for _, s := range r.Scopes {
			if s.Pending {
				n++
			}
			if s.Pending && (s.Granted || s.Problem != "") {
				t.Errorf("%+v", s)
			}
		}
		for _, e := range r.Endpoints {
			if e.Pending {
				n++
			}
			if e.Pending && (e.Status != 0 || e.Problem != "" || e.Took != 0) || e.Path == "" || e.Needed == "" {
				t.Errorf("%+v", e)
			}
		}
		return n
	}
	if len(seen[0].Scopes) != len(scopes) || len(seen[0].Endpoints) != len(endpoints) || open(seen[0]) != len(scopes)+len(endpoints) {
		t.Errorf("it begins with %+v", seen[0])
	}
	for i := 1; i < len(seen); i++ {
		if open(seen[i]) > open(seen[i-1]) {
			t.Errorf("after %d requests more is open than before", i)
		}
	}
	if diff := cmp.Diff(last, seen[len(seen)-1]); diff != "" || open(last) != 0 {
		t.Errorf("it ends with %d open (-returned +shown):\n%s", open(last), diff)
	}
	if len(seen) < len(last.Endpoints) {
		t.Errorf("%d reports about %d endpoints", len(seen), len(last.Endpoints))
	}
	for _, s := range last.Scopes {
		if s.Granted != (s.Scope != "source") {
			t.Errorf("%+v", s)
		}
	}
}

// What is not needed is not tried, unless it tells whether actions may be done.
func TestCheckTriesWhatIsNeeded(t *testing.T) {
	paths := func(s ats.Scopes) (tried, names []string) {
		f := newFake(t)
		for _, e := range endpoints {
			if e.list && e.of == "" {
				f.lists[strings.TrimPrefix(e.path, api)] = nil
			}
		}
		report, err := f.open(func(c *connector.Config) { c.Scopes = s }).Check(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range report.Endpoints {
			tried = append(tried, strings.TrimPrefix(e.Path, api))
		}
		for _, s := range report.Scopes {
			names = append(names, s.Scope)
		}
		return tried, names
	}
	models := []string{
		string(ats.Candidates), string(ats.Applications), string(ats.Tags), string(ats.Jobs), string(ats.RejectionReasons), string(ats.ApplicationStages), string(ats.Roles),
	}
	tried, names := paths(scopesWithout(slices.Concat(models, everyAction)...))
	if diff := cmp.Diff([][]string{{"/users/"}, {"user"}}, [][]string{tried, names}); diff != "" {
		t.Errorf("users alone (-want +got):\n%s", diff)
	}
	tried, names = paths(scopesWithout(slices.Concat(models, []string{string(ats.Users)}, without(everyAction, "ats_reject_application"))...))
	if diff := cmp.Diff([][]string{{"/employees/", "/recruitments/"}, {"employee", "recruitment"}}, [][]string{tried, names}); diff != "" {
		t.Errorf("rejections alone (-want +got):\n%s", diff)
	}
	tried, _ = paths(scopesWithout("ats_applications.rejection_reason_name", string(ats.JobPostings)))
	if slices.Contains(tried, "/employees/activities") || !slices.Contains(tried, "/public/job_posts/published") {
		t.Errorf("tried %v", tried)
	}
}

// With no more permissions than are asked for, everything is read that makes the records which are on.
func TestWhatIsAskedForIsEnough(t *testing.T) {
	small := func(c *sandbox.Config) { c.Candidates, c.Recruitments, c.Adverts, c.Users = 12, 6, 4, 4 }
	_, whole := simulated(t, nil, small)
	truth := read(t, whole)
	units := truth.units()
	for seed := range uint64(12) {
		s := randomly(rand.New(rand.NewPCG(seed, 3)))
		if seed == 0 {
			s = ats.Scopes{}
		}
		var granted []string
		for _, p := range permissions(s) {
			granted = append(granted, p.Name)
		}
		denied := slices.DeleteFunc(sandbox.Scopes(), func(scope string) bool { return slices.Contains(granted, scope) })
		box, _ := simulated(t, map[string]string{"scopes.denied": strings.Join(denied, ","), "oauth.scopes": "refuse"}, small)
		server := httptest.NewServer(box)
		t.Cleanup(server.Close)
		opened, err := New(Options{URL: server.URL}).Connect(connector.Config{Scopes: s, Credentials: map[string]string{
			credentialTenant: "demo", credentialID: box.Credentials().ClientID, credentialSecret: box.Credentials().ClientSecret,
		}})
		if err != nil {
			t.Fatal(err)
		}
		tn := opened.(*tenant)
		report, err := tn.Check(t.Context(), nil)
		if err != nil {
			t.Fatalf("without %v: %v", s.Off(), err)
		}
		for _, c := range report.Scopes {
			if !c.Granted {
				t.Errorf("without %v: %+v", s.Off(), c)
			}
		}
		for _, c := range report.Endpoints {
			if c.Problem != "" {
				t.Errorf("without %v: %+v", s.Off(), c)
			}
		}
		stored := read(t, tn)
		if !s.Whole() {
			stored = stored.kept(t, s)
		}
		none := connector.FieldSettings{}
		if diff := cmp.Diff(truth.folded(t, units, s, none), stored.folded(t, units, s, none)); diff != "" {
			t.Errorf("without %v (-want +got):\n%s", s.Off(), diff)
		}
	}
}
