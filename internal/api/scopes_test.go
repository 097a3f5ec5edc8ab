package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// scope gives an integration a scope configuration in which some things are off: models, model.field or actions.
func (b *bench) scope(id string, setting ats.Setting, off ...string) store.Integration {
	b.Helper()
	config := ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{}, Actions: map[string]ats.Setting{}}
	for _, what := range off {
		model, field, isField := strings.Cut(what, ".")
		scope := config.Models[ats.Model(model)]
		switch {
		case isField:
			if scope.Fields == nil {
				scope.Fields = map[string]ats.Setting{}
			}
			scope.Fields[field] = setting
		case strings.HasPrefix(what, "ats_add"), strings.HasPrefix(what, "ats_remove"), strings.HasPrefix(what, "ats_create"), strings.HasPrefix(what, "ats_move"), strings.HasPrefix(what, "ats_reject_"):
			config.Actions[what] = setting
			continue
		default:
			scope.Setting = setting
		}
		config.Models[ats.Model(model)] = scope
	}
	i, err := b.store.Integration(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	c, err := b.store.AddScopeConfig(b.Context(), ats.NewID(), config)
	if err == nil {
		err = b.store.SetScopeConfig(b.Context(), i.No, c.ID)
	}
	if err == nil {
		i, err = b.store.Integration(b.Context(), id)
	}
	if err != nil {
		b.Fatal(err)
	}
	return i
}

// everyList holds the lists that have records, by model.
var everyList = map[ats.Model]string{
	ats.Users: "users", ats.Roles: "roles", ats.Jobs: "jobs", ats.Candidates: "candidates", ats.Applications: "applications",
	ats.ApplicationStages: "application-stages", ats.Tags: "tags", ats.RejectionReasons: "rejection-reasons",
}

// What is off is hidden at once: the records are still stored as they were.
func TestHiddenBeforeTheNextSync(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	var all []string // all texts of the bench's records
	for _, path := range everyList {
		all = append(all, read(t, b.do("GET", "/v1/ats/"+path, "", on(full))))
	}
	before := strings.Join(all, "\n")
	for off, gone := range map[string][]string{
		"ats_candidates":                      {"Łucja", "ŻÓŁĆ", "ucja@Example", "+48 1", "//example.com/l", `"candidate":{`},
		"ats_candidates.first_name":           {"Łucja"},
		"ats_candidates.last_name":            {"ŻÓŁĆ"},
		"ats_candidates.phone_numbers":        {"+48 1", "WORK"},
		"ats_candidates.email_addresses":      {"ucja@Example"},
		"ats_candidates.social_media":         {"//example.com/l"},
		"ats_candidates.integration_fields":   {`"key":"k"`},
		"ats_candidates.applications":         {`"applications":[{`},
		"ats_candidates.tags":                 {`"tags":[{`},
		"ats_join_candidates_tags":            {`"tags":[{`},
		"ats_tags":                            {`"tags":[{`, "VIP"},
		"ats_tags.name":                       {"VIP"},
		"ats_applications":                    {`"applications":[{`, "1000:100"},
		"ats_applications.candidate":          {`"candidate":{`},
		"ats_applications.job":                {`"job":{`},
		"ats_applications.current_stage":      {`"current_stage":{`},
		"ats_applications.current_stage_id":   {`"current_stage":{`, `"current_stage_id":"`},
		"ats_applications.outcome":            {"DECLINED", "PENDING"},
		"ats_applications.rejected_at":        {`"rejected_at":"`},
		"ats_application_stages":              {`"current_stage":{`, `"stages":[{`, `"global_index":3`},
		"ats_application_stages.name":         {`"name":"New"`},
		"ats_application_stages.global_index": {`"global_index":3`},
		"ats_join_jobs_application_stages":    {`"stages":[{`},
		"ats_jobs":                            {"Ślusarz", "Tester", `"job":{`},
		"ats_jobs.name":                       {"100%_pewny", "Tester"},
		"ats_jobs.description":                {"a & b"},
		"ats_jobs.location":                   {},
		"ats_jobs.stages":                     {`"stages":[{`},
		"ats_jobs.job_postings":               {`"job_postings":[{`},
		"ats_job_postings":                    {`"job_postings":[{`},
		"ats_job_postings.title":              {`"title":"Ślusarz"`},
		"ats_jobs.hiring_team":                {`"hiring_team":[{`},
		"ats_join_jobs_users":                 {`"hiring_team":[{`},
		"ats_join_jobs_users.roles":           {`"hiring_team_roles":["`, `"job_roles":[{`},
		"ats_users":                           {"Zoë", "Zoe@Example", `"hiring_team":[{`},
		"ats_users.first_name":                {"Zoë"},
		"ats_users.email":                     {"Zoe@Example"},
		"ats_users.system_roles":              {`"system_roles":[{`},
		"ats_roles":                           {`"system_roles":[{`, `"job_roles":[{`, `"remote_label":"Admin"`, `"hiring_team_roles":["`},
		"ats_roles.remote_label":              {`"remote_label":"`},
		"ats_roles.unified_type":              {`"unified_type":"`, `"hiring_team_roles":["`},
		"ats_roles.scope":                     {},
		"ats_rejection_reasons.name":          {"Too far"},
	} {
		b.scope(full, ats.Disabled, off)
		model, _, isField := strings.Cut(off, ".")
		var scenarios []scenario
		for m, path := range everyList {
			s := scenario{name: off + " in " + path, url: "/v1/ats/" + path + "?include_deleted=true", headers: on(full), status: 200, not: gone}
			if !isField && string(m) == model {
				s.status, s.want = 403, []string{`"code":"INTEGRATION.MODEL_DISABLED"`, string(m)}
			}
			scenarios = append(scenarios, s)
		}
		b.run(t, j, scenarios)
		for _, text := range gone {
			if !strings.Contains(before, text) {
				t.Errorf("%s: nothing had %q before", off, text)
			}
		}
	}
	b.scope(full, ats.Optional, "ats_candidates", "ats_candidates.phone_numbers")
	b.run(t, j, []scenario{{name: "optional", url: "/v1/ats/candidates", headers: on(full), status: 200, want: []string{"+48 1"}}})
}

// One field that is off leaves everything else as it is.
func TestHidingChangesNothingElse(t *testing.T) {
	b := newBench(t, nil)
	shown := func() (out any) {
		t.Helper()
		if err := json.Unmarshal([]byte(read(t, b.do("GET", "/v1/ats/applications", "", on(full)))), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := shown()
	b.scope(full, ats.Disabled, "ats_candidates.phone_numbers")
	results := document{map[string]any{"x": before}}.dig("x", "data", "results")
	for _, r := range results.([]any) { //nolint:forcetypeassert // a test may panic
		if candidate, ok := r.(map[string]any)["candidate"].(map[string]any); ok { //nolint:forcetypeassert // likewise
			candidate["phone_numbers"] = []any{}
		}
	}
	if d := cmp.Diff(before, shown()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A filter on what is off is like one on what the tool does not cover.
func TestFiltersOnWhatIsOff(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	b.scope(full, ats.Disabled, "ats_candidates.first_name", "ats_applications.outcome", "ats_jobs.name")
	at := on(full)
	b.run(t, j, []scenario{
		{name: "name", url: "/v1/ats/candidates?first_name=%C5%81ucja", headers: at, status: 200, want: []string{noResult}},
		{name: "ignored", url: "/v1/ats/candidates?first_name=nobody&ignore_unsupported_filters=true", headers: at, status: 200, want: []string{`"remote_id":"1000"`, `"remote_id":"1001"`}},
		{name: "another name", url: "/v1/ats/candidates?last_name=%C5%BC%C3%B3%C5%82%C4%87", headers: at, status: 200, want: []string{`"remote_id":"1000"`}},
		{name: "outcome", url: "/v1/ats/applications?outcomes=DECLINED", headers: at, status: 200, want: []string{noResult}},
		{name: "part of a name", url: "/v1/ats/jobs?name_contains=pewny", headers: at, status: 200, want: []string{noResult}},
	})
	b.scope(full, ats.Disabled, "ats_applications")
	b.run(t, j, []scenario{
		{name: "by the job of what is off", url: "/v1/ats/candidates?job_ids=" + ats.Namespace(full).ID(ats.Jobs, "100"), headers: at, status: 200, want: []string{noResult}},
	})
}

// Raw rows follow the configuration where it says something, else the integration's setting.
func TestRemoteDataByScopes(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	raw, none := []string{`"remote_data":{"/rows/100"`}, []string{`"remote_data":null`}
	jobs := func(id string) scenario {
		return scenario{url: "/v1/ats/jobs?remote_ids=100", headers: on(id), status: 200}
	}
	for name, c := range map[string]struct {
		id      string
		setting ats.Setting
		want    []string
	}{
		"switched on":             {full, ats.Enabled, raw},
		"off, whatever else":      {withData, ats.Disabled, none},
		"of another model":        {withData, "", raw},
		"of another model, again": {full, "", none},
	} {
		if c.setting == "" {
			b.scope(c.id, ats.Disabled, "ats_candidates.remote_data")
		} else {
			b.scope(c.id, c.setting, "ats_jobs.remote_data")
		}
		s := jobs(c.id)
		s.name, s.want = name, c.want
		b.run(t, j, []scenario{s})
	}
}

// Actions that are off are refused before anything else happens: no slot, no file, no question to the ATS.
func TestActionsThatAreOff(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	all := []string{
		action.CreateCandidate, action.CreateApplication, action.AddApplicationAttachment, action.AddCandidateAttachment, action.MoveApplication, action.RejectApplication,
		action.AddApplicationLink, action.AddCandidateLink, action.AddNote, action.AddTag, action.RemoveTag,
	}
	b.scope(full, ats.Disabled, all...)
	w := newWorld(b)
	n := 0
	for _, o := range j.operations {
		body, isAction := actionBodies()[o.String()]
		if !isAction || strings.Contains(o.path, "import-tracked") || strings.Contains(o.path, "passthrough") {
			continue
		}
		n++
		b.run(t, j, []scenario{{name: o.String(), method: o.method, url: w.at(t, o, nil), headers: on(full), body: body, status: 403, want: []string{`"code":"INTEGRATION.ACTION_DISABLED"`}}})
		if strings.Contains(o.path, "attachments") || strings.HasSuffix(o.path, "/candidates") {
			large := strings.TrimSuffix(body, "}") + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`
			b.run(t, j, []scenario{{name: o.String() + " with a large body", method: o.method, url: w.at(t, o, nil), headers: on(full), body: large, status: 403, want: []string{`"code":"INTEGRATION.ACTION_DISABLED"`}}})
		}
	}
	if n != len(all) {
		t.Errorf("%d actions were tried, there are %d", n, len(all))
	}
	if b.actions.entered > 0 || len(b.actions.asked) > 0 {
		t.Errorf("%d slots were taken, %d actions carried out", b.actions.entered, len(b.actions.asked))
	}
	b.scope(full, ats.Disabled, action.AddNote)
	b.carry(action.Answer{})
	b.run(t, j, []scenario{{
		name: "another action", method: "POST", url: "/v1/ats/candidates/remote:1000/tags", headers: on(full), body: `{"tag":{"name":"VIP"}}`, status: 200,
	}})
}

// Files are their candidate's.
func TestFilesOfModelsThatAreOff(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	var files struct {
		Data struct {
			Results []struct {
				URL string `json:"data_url"`
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, b.do("GET", "/v1/ats/candidates/remote:1000/attachments", "", on(full)))), &files); err != nil || len(files.Data.Results) == 0 {
		t.Fatal(files, err)
	}
	download := strings.TrimPrefix(files.Data.Results[0].URL, "https://kladka.example.com")
	disabled := []string{`"code":"INTEGRATION.MODEL_DISABLED"`}
	for model, status := range map[string][2]int{"ats_candidates": {403, 403}, "ats_applications": {403, 200}} {
		b.scope(full, ats.Disabled, model)
		all := []scenario{
			{name: model + ": of an application", url: "/v1/ats/applications/remote:1000:100/attachments", headers: on(full), status: status[0]},
			{name: model + ": of a candidate", url: "/v1/ats/candidates/remote:1000/attachments", headers: on(full), status: status[1]},
		}
		for n := range all {
			if all[n].status == 403 {
				all[n].want = disabled
			}
		}
		b.run(t, j, all)
		if got := b.do("GET", download, "", map[string]string{"Authorization": ""}).StatusCode; got != status[1] {
			t.Errorf("%s is off: the download answered %d, want %d", model, got, status[1])
		}
	}
	link := func(status int, want string) scenario {
		return scenario{
			name: fmt.Sprint("a link at an application without its candidate: ", status), method: "POST", url: "/v1/ats/applications/remote:x:y/result-links", headers: on(full),
			body: `{"label":"Test","url":"https://example.com/r"}`, status: status, want: []string{want},
		}
	}
	b.scope(full, ats.Disabled, "ats_candidates")
	b.run(t, j, []scenario{link(403, `"code":"INTEGRATION.MODEL_DISABLED"`)})
	b.scope(full, ats.Enabled)
	b.run(t, j, []scenario{link(400, "has no candidate any more")})
}

// What is created is shown as lists would show it.
func TestCreatedWithFieldsThatAreOff(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	b.scope(full, ats.Disabled, "ats_candidates.email_addresses", "ats_applications.outcome")
	for name, made := range map[string]action.Answer{
		"in the store already": {ApplicationID: "1000:100", CandidateID: "1000"},
		"not in the store":     {ApplicationID: "2000:100", CandidateID: "2000"},
	} {
		b.carry(made)
		b.run(t, j, []scenario{
			{
				name: name + ", application", method: "POST", url: "/v1/ats/jobs/remote:100/applications", headers: on(full), status: 200,
				body: `{"candidate":{"first_name":"Łucja","last_name":"Żak","email_address":"lucja@example.com"}}`,
				want: []string{`"outcome":null`, `"email_addresses":[]`}, not: []string{"xample.com\""},
			},
			{
				name: name + ", candidate", method: "POST", url: "/v1/ats/candidates", headers: on(full), status: 200,
				body: `{"candidate":{"first_name":"Łucja","last_name":"Żak","email_address":"lucja@example.com"},"application":{"job_id":"remote:100"}}`,
				want: []string{`"email_addresses":[]`}, not: []string{"xample.com\""},
			},
		})
	}
}

// TestScopeConfigs makes, changes and uses scope configurations.
func TestScopeConfigs(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	type config struct {
		Data struct{ ID string }
	}
	create := func(body string) string {
		t.Helper()
		var c config
		text := read(t, b.do("POST", "/v1/scope-configs", body, nil))
		if err := json.Unmarshal([]byte(text), &c); err != nil || c.Data.ID == "" {
			t.Fatal(text, err)
		}
		return c.Data.ID
	}
	id := create(`{"name":" No phones ","models":{"ats_candidates":{"fields":{"phone_numbers":"DISABLED"}},"ats_tags":{"setting":"OPTIONAL"}},"actions":{"ats_create_application":"OPTIONAL"}}`)
	at := "/v1/scope-configs/" + id
	details := "/v1/integrations/" + full
	b.run(t, j, []scenario{
		{name: "created", url: at, status: 200, want: []string{
			`"name":"No phones"`, `"is_default":false`, `"ats_candidates":{"setting":"ENABLED","fields":{"phone_numbers":"DISABLED"}}`, `"ats_tags":{"setting":"OPTIONAL","fields":{}}`, `"actions":{"ats_create_application":"OPTIONAL"}`,
		}},
		{name: "taken", method: "POST", url: "/v1/scope-configs", body: `{"name":"No phones"}`, status: 400, want: []string{badInput, "body.name: another scope configuration is called"}},
		{name: "list", url: "/v1/scope-configs", status: 200, want: []string{`"name":"Everything","is_default":true`, id, `"next":null`}},
		{name: "list in pages", url: "/v1/scope-configs?page_size=1", status: 200, want: []string{`"name":"Everything"`, `"next":"`}, not: []string{id}},
		{name: "use it", method: "PUT", url: details + "/scope-config", body: fmt.Sprintf(`{"scope_config_id":%q}`, id), status: 200, want: []string{`"data":{}`}},
		{name: "hidden at once", url: "/v1/ats/candidates", headers: on(full), status: 200, want: []string{`"phone_numbers":[]`}, not: []string{"+48 1"}},
		{name: "shown", url: details, status: 200, want: []string{
			fmt.Sprintf(`"scope_config":{"id":%q,"name":"No phones"}`, id), `"data_expired_at":"2026`,
			`{"id":"phone_numbers","is_available":false,"coverage_status":"SUPPORTED","scope_config_setting":"DISABLED","opted_out_by_customer":false}`,
			`{"id":"remote_data","is_available":false,"coverage_status":"SUPPORTED","scope_config_setting":"DISABLED","opted_out_by_customer":false}`,
			`{"id":"ats_tags","is_available":true,"coverage_status":"SUPPORTED","label":"Tags","scope_config_setting":"OPTIONAL","opted_out_by_customer":false`,
		}},
	})
	i, err := b.store.Integration(t.Context(), full)
	if err == nil {
		err = storetest.Decline(t.Context(), b.store, i.No, "ats_tags", "ats_create_application")
	}
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, j, []scenario{
		{name: "declined", url: details, status: 200, want: []string{
			`{"id":"ats_tags","is_available":false,"coverage_status":"SUPPORTED","label":"Tags","scope_config_setting":"OPTIONAL","opted_out_by_customer":true`,
			`"scope_config_setting":"OPTIONAL","opted_out_by_customer":true,"fields":[{"id":"candidate.first_name","is_available":false`,
		}},
		{name: "declined list", url: "/v1/ats/tags", headers: on(full), status: 403, want: []string{"INTEGRATION.MODEL_DISABLED"}},
		{
			name: "declined action", method: "POST", url: "/v1/ats/jobs/remote:100/applications", headers: on(full), body: actionBodies()["POST /v1/ats/jobs/{job_id}/applications"],
			status: 403, want: []string{"INTEGRATION.ACTION_DISABLED"},
		},
		{name: "replace", method: "PUT", url: at, body: `{"name":"All but jobs","models":{"ats_jobs":{"setting":"DISABLED"}}}`, status: 200, want: []string{`"name":"All but jobs"`, `"actions":{}`}},
		{name: "counts at once", url: "/v1/ats/jobs", headers: on(full), status: 403, want: []string{"INTEGRATION.MODEL_DISABLED"}},
		{name: "tags again", url: "/v1/ats/tags", headers: on(full), status: 200, want: []string{"VIP"}},
		{name: "its own name", method: "PUT", url: at, body: `{"name":"All but jobs"}`, status: 200},
		{name: "the name of another", method: "PUT", url: at, body: `{"name":"Everything"}`, status: 400, want: []string{"body.name: another"}},
		{name: "default", method: "PUT", url: at + "/default", status: 200, want: []string{`"data":{}`}},
		{name: "is the default", url: "/v1/scope-configs", status: 200, want: []string{`"name":"Everything","is_default":false`, `"name":"All but jobs","is_default":true`}},
	})
	added, err := b.store.AddIntegration(t.Context(), store.Integration{ID: ats.NewIntegrationID("traffit"), Tool: "traffit", Status: store.StatusActive, SetupStatus: store.SetupSyncing, OrganizationName: "x", Tenant: full}, "")
	if err != nil || added.ScopeConfig.ID != id {
		t.Errorf("a new integration has %+v, %v", added.ScopeConfig, err)
	}
	b.run(t, j, []scenario{
		{name: "duplicates", url: details, status: 200, want: []string{fmt.Sprintf(`"duplicates":[%q]`, added.ID)}},
		{name: "duplicates in the list", url: "/v1/integrations", status: 200, want: []string{fmt.Sprintf(`"duplicates":[%q]`, full), `"duplicates":[]`}},
	})
}

// TestSettings changes what can be chosen for one integration.
func TestSettings(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	at := "/v1/integrations/" + full
	b.run(t, j, []scenario{
		{name: "nothing is set", url: at, status: 200, want: []string{`"only_created_applications":false`, `"data_expired_at":null`}},
		{name: "raw rows", method: "PATCH", url: at + "/settings", body: `{"remote_data":true}`, status: 200, want: []string{`"only_created_applications":false,"remote_data":true`}},
		{name: "raw rows are served", url: "/v1/ats/jobs", headers: on(full), status: 200, want: []string{`"remote_data":{"/rows/100"`}},
		{name: "raw rows in the details", url: at, status: 200, want: []string{`{"id":"remote_data","is_available":true,"coverage_status":"SUPPORTED","scope_config_setting":"ENABLED"`, `"data_expired_at":null`}},
		{name: "only created", method: "PATCH", url: at + "/settings", body: `{"only_created_applications":true,"remote_data":null}`, status: 200, want: []string{`"only_created_applications":true,"remote_data":true`}},
		{name: "only created, shown", url: at, status: 200, want: []string{`"only_created_applications":true`, `"data_expired_at":"2026`}},
		{name: "others are hidden at once", url: "/v1/ats/candidates", headers: on(full), status: 200, want: []string{noResult}},
		{name: "only created, listed", url: "/v1/integrations", status: 200, want: []string{`"only_created_applications":true`}},
		{name: "of nothing", method: "PATCH", url: "/v1/integrations/x/settings", body: `{}`, status: 404, want: []string{"PLATFORM.INTEGRATION_NOT_FOUND"}},
	})
}

// TestRemappings lets fields take their value from elsewhere.
func TestRemappings(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	i, err := b.store.Integration(t.Context(), full)
	if err == nil {
		err = b.store.PutFields(t.Context(), i.No, []connector.Field{{Model: ats.Jobs, Key: "branch", Type: "DEFAULT"}, {Model: ats.Jobs, Key: "branch", Type: "CUSTOM", Label: "Branch"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := b.store.FindIntegrationFields(t.Context(), i.No, ats.Jobs, "branch")
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	at := "/v1/integrations/" + full + "/remappings"
	b.run(t, j, []scenario{
		{name: "none", url: at, status: 200, want: []string{`{"model":"ats_jobs","field":"department","sources":[]},{"model":"ats_jobs","field":"category","sources":[]}`}},
		{name: "by key and ID", method: "PUT", url: at, body: fmt.Sprintf(`{"model":"ats_jobs","field":"department","sources":["reference",%q]}`, found[0].ID), status: 200, want: []string{`"sources":[{"id":`, `"key":"reference","type":"CUSTOM"`, `"key":"branch"`}},
		{name: "an unclear key", method: "PUT", url: at, body: `{"model":"ats_jobs","field":"department","sources":["branch"]}`, status: 400, want: []string{"body.sources[0]: several fields have the key"}},
		{name: "set", url: at, status: 200, want: []string{`"key":"reference"`, `{"model":"ats_jobs","field":"category","sources":[]}`}},
		{name: "expired", url: "/v1/integrations/" + full, status: 200, want: []string{`"data_expired_at":"2026`}},
		{name: "as usual", method: "PUT", url: at, body: `{"model":"ats_jobs","field":"department","sources":[]}`, status: 200, want: []string{`"sources":[]`}},
	})
	f, err := b.store.FieldSettings(t.Context(), i.No)
	if err != nil || f.Remapped != nil {
		t.Errorf("left: %+v, %v", f.Remapped, err)
	}
}

// TestCustomFieldsByTheAPI makes and deletes keys of the operator.
func TestCustomFieldsByTheAPI(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	var made struct{ Data struct{ ID string } }
	text := read(t, b.do("POST", "/v1/custom-fields", `{"model":"ats_jobs","key":"cost_centre","label":"Cost centre","description":null}`, nil))
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Data.ID == "" {
		t.Fatal(text, err)
	}
	list := "/v1/integrations/" + full + "/custom-fields"
	b.run(t, j, []scenario{
		{name: "made", url: list, status: 200, want: []string{made.Data.ID, `"key":"cost_centre"`, `"label":"Cost centre"`}},
		{name: "again", method: "POST", url: "/v1/custom-fields", body: `{"model":"ats_jobs","key":"cost_centre"}`, status: 400, want: []string{"body.key: there is a custom field"}},
		{name: "of another model", method: "POST", url: "/v1/custom-fields", body: `{"model":"ats_candidates","key":"cost_centre"}`, status: 200, want: []string{`"integration_field":null`}},
		{name: "delete", method: "DELETE", url: "/v1/custom-fields/" + made.Data.ID, status: 200, want: []string{`"data":{}`}},
		{name: "deleted", url: list, status: 200, not: []string{made.Data.ID}},
		{name: "delete again", method: "DELETE", url: "/v1/custom-fields/" + made.Data.ID, status: 404, want: []string{"path.custom_field_id"}},
	})
}

// A deleted integration's data stay for as long as the server keeps them, or go at once.
func TestDeleteIntegration(t *testing.T) {
	const hour = 60 * 60 * 1000
	b := newBench(t, func(d *api.Deps) { d.DeleteAfter = hour * 1_000_000 })
	j := newJudge(b)
	b.run(t, j, []scenario{
		{name: "not clearly", method: "DELETE", url: "/v1/integrations/" + full + "?now=yes", status: 400, want: []string{"query.now: must be true or false"}},
		{name: "for a while", method: "DELETE", url: "/v1/integrations/" + full, status: 200, want: []string{`"data":{}`}},
		{name: "at once", method: "DELETE", url: "/v1/integrations/" + withData + "?now=true", status: 200},
		{name: "gone", url: "/v1/integrations/" + full, status: 404, want: []string{"PLATFORM.INTEGRATION_NOT_FOUND"}},
	})
	kept, err := b.store.RemovedIntegrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, i := range kept {
		got[i.ID] = i.PurgeAt - i.DeletedAt
	}
	if d := cmp.Diff(map[string]int64{full: hour, withData: 0, removed: 0}, got); d != "" {
		t.Errorf("kept for (-want +got):\n%s", d)
	}
}

// Switched to created applications alone, others can neither be read nor acted upon, before they are erased.
func TestOthersAreHiddenAtOnce(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	i, err := b.store.Integration(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	var files struct {
		Data struct {
			Results []struct {
				URL string `json:"data_url"`
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, b.do("GET", "/v1/ats/candidates/remote:1000/attachments", "", on(full)))), &files); err != nil || len(files.Data.Results) == 0 {
		t.Fatal(files, err)
	}
	download := strings.TrimPrefix(files.Data.Results[0].URL, "https://kladka.example.com")
	if err := b.store.SetOnlyCreated(t.Context(), i.No, true); err != nil {
		t.Fatal(err)
	}
	b.carry(action.Answer{CandidateID: "1000"})
	at := "/v1/ats/applications/remote:1000:100"
	b.run(t, j, []scenario{
		{name: "list", url: "/v1/ats/candidates", headers: on(full), status: 200, not: []string{`"1000"`}},
		{name: "files", url: "/v1/ats/candidates/remote:1000/attachments", headers: on(full), status: 404},
		{name: "reject", method: "POST", url: at + "/reject", headers: on(full), body: `{"rejection_reason_id":"remote:1"}`, status: 404},
		{name: "note", method: "POST", url: at + "/notes", headers: on(full), body: `{"content":"x","content_type":"PLAIN_TEXT"}`, status: 404},
		{name: "tag", method: "POST", url: "/v1/ats/candidates/remote:1000/tags", headers: on(full), body: `{"tag":{"name":"VIP"}}`, status: 404},
	})
	if len(b.actions.asked) > 0 {
		t.Errorf("%d actions were carried out", len(b.actions.asked))
	}
	if got := b.do("GET", download, "", map[string]string{"Authorization": ""}).StatusCode; got == 200 {
		t.Error("an address of a file that was given out before still works")
	}
}
