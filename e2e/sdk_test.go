package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/store"
)

// sdkCall is one call through the SDK.
type sdkCall struct {
	Method      string `json:"method"`
	Args        object `json:"args,omitempty"`
	Key         string `json:"api_key,omitempty"`
	Integration string `json:"integration_id,omitempty"`
	Headers     object `json:"headers,omitempty"`
}

// sdkAnswer is what the SDK made of the answer.
type sdkAnswer struct {
	Pages [][]object `json:"pages"`
	Data  object     `json:"data"`
	// Warnings are those of an action.
	Warnings []struct{ Message string } `json:"warnings"`
	Error    *sdkError                  `json:"error"`
}

type sdkError struct {
	Class, Code, Title, Message string
	Status                      int
}

func (a sdkAnswer) all() []object { return slices.Concat(a.Pages...) }

// sdk makes calls through the SDK, all in one Node process. What a call leaves out of key and
// integration is the server's and the given one.
func (s *server) sdk(integration string, calls ...sdkCall) []sdkAnswer {
	s.Helper()
	for i := range calls {
		if calls[i].Key == "" {
			calls[i].Key = s.key
		}
		if calls[i].Integration == "" {
			calls[i].Integration = integration
		}
		if calls[i].Integration == "none" {
			calls[i].Integration = ""
		}
	}
	input, err := json.Marshal(object{"server_url": s.base + "/v1", "calls": calls})
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.Context(), "node", "calls.mjs")
	cmd.Dir, cmd.Stdin = "sdk", bytes.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("node: %v\n%s", err, complaints.String())
	}
	var answers []sdkAnswer
	if err := json.Unmarshal(out, &answers); err != nil {
		s.Fatal(err)
	}
	return answers
}

// needSDK skips a test where Node or the packages are missing, unless they are required.
func needSDK(t *testing.T) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "node is not installed"
	} else if found, _ := filepath.Glob("sdk/node_modules/@kombo-api/sdk/package.json"); len(found) == 0 {
		missing = "the SDK is not installed; run npm ci in e2e/sdk"
	}
	switch {
	case missing == "":
	case pgtest.Required("node"):
		t.Fatal(missing)
	default:
		t.Skip("skipped: " + missing)
	}
}

// methods names the SDK's method for each list.
var methods = map[string]string{
	oracle.Users: "ats.getUsers", oracle.Roles: "ats.getRoles", oracle.Jobs: "ats.getJobs", oracle.Candidates: "ats.getCandidates",
	oracle.Applications: "ats.getApplications", oracle.Stages: "ats.getApplicationStages", oracle.Tags: "ats.getTags",
	oracle.RejectionReasons: "ats.getRejectionReasons",
}

// The official SDK, unmodified, reads everything, page by page, and sees the truth.
func TestSDK(t *testing.T) {
	t.Parallel()
	needSDK(t)
	c := onSQLite(t)
	u := newUpstream(t, small)
	c.TraffitURL = u.base
	s := start(t, c)
	i := s.connect(u.Name())
	truth := u.expect(u.Name(), i)

	t.Run("lists", func(t *testing.T) {
		s := s.in(t)
		var calls []sdkCall
		for _, list := range oracle.Lists() {
			calls = append(calls, sdkCall{Method: methods[list], Args: object{"page_size": 7}}, sdkCall{Method: methods[list]})
		}
		answers := s.sdk(i, calls...)
		for n, list := range oracle.Lists() {
			for _, a := range answers[2*n : 2*n+2] {
				if a.Error != nil {
					t.Errorf("%s: %+v", list, *a.Error)
					continue
				}
				got := keyed(t, list, a.all())
				want := map[string]object{}
				for id, r := range truth[list] {
					want[id], _ = project(r, got[id]).(object)
				}
				compare(t, list, want, got)
			}
			if want := (len(truth[list]) + 6) / 7; len(answers[2*n].Pages) != want {
				t.Errorf("%s came in %d pages of 7, want %d", list, len(answers[2*n].Pages), want)
			}
		}
	})
	t.Run("filters", func(t *testing.T) { s.in(t).filters(i, truth) })
	t.Run("general", func(t *testing.T) { s.in(t).general(i) })
	t.Run("errors", func(t *testing.T) { s.in(t).refusals(i) })
	t.Run("fields", func(t *testing.T) { s.in(t).fields(u, i) })
}

// in is the server for a subtest.
func (s *server) in(t *testing.T) *server {
	in := *s
	in.T = t
	return &in
}

// project cuts a record to the keys that the SDK knows.
func project(full, known any) any {
	switch known := known.(type) {
	case object:
		from, ok := full.(object)
		if !ok {
			return full
		}
		out := object{}
		for key, v := range known {
			if value, ok := from[key]; ok {
				out[key] = project(value, v)
			}
		}
		if len(known) == 0 { // an object of free form
			return full
		}
		return out
	case []any:
		from, ok := full.([]any)
		if !ok || len(from) != len(known) {
			return full
		}
		out := make([]any, len(from))
		for i := range from {
			out[i] = project(from[i], known[i])
		}
		return out
	}
	return full
}

// filters compares what each filter finds with the same condition on the truth.
func (s *server) filters(i string, truth oracle.Expected) {
	first := func(list string, has func(object) bool) object {
		for _, id := range slices.Sorted(maps.Keys(truth[list])) {
			if r := truth[list][id]; has(r) {
				return r
			}
		}
		s.Fatalf("no %s fits the test", list)
		return nil
	}
	published := first(oracle.Jobs, func(r object) bool { return r["post_url"] != nil && r["employment_type"] != nil })
	application := first(oracle.Applications, func(r object) bool { return r["outcome"] == "DECLINED" })
	stage, _ := application["current_stage_id"].(string)
	named := first(oracle.Candidates, func(r object) bool {
		return r["first_name"] != nil && r["last_name"] != nil && len(r["email_addresses"].([]any)) > 0 && !strings.Contains(r["first_name"].(string), "🚀")
	})
	mail := named["email_addresses"].([]any)[0].(object)["email_address"].(string)
	user := first(oracle.Users, func(r object) bool { return r["email"] != nil })
	created := "2024-06-15T13:00:00.000Z" // counts by its day
	since := func(r object) bool { v, _ := r["remote_created_at"].(string); return v >= "2024-06-15T00:00:00.000Z" }
	word := strings.ToUpper(strings.Fields(published["name"].(string))[0])
	is := func(key string, values ...any) func(object) bool {
		return func(r object) bool { return slices.Contains(values, r[key]) }
	}
	fold := func(key, value string) func(object) bool {
		return func(r object) bool { v, _ := r[key].(string); return strings.EqualFold(v, value) }
	}
	all := func(object) bool { return true }
	none := func(object) bool { return false }
	cases := []struct {
		list string
		args object
		keep func(object) bool
	}{
		{oracle.Jobs, object{"job_codes": []any{published["job_code"], "nobody's"}}, is("job_code", published["job_code"])},
		{oracle.Jobs, object{"post_url": published["post_url"]}, is("post_url", published["post_url"])},
		{oracle.Jobs, object{"statuses": []any{"CLOSED", "DRAFT"}}, is("status", "CLOSED", "DRAFT")},
		{oracle.Jobs, object{"employment_types": []any{published["employment_type"]}}, is("employment_type", published["employment_type"])},
		{oracle.Jobs, object{"visibilities": []any{"CONFIDENTIAL", "PUBLIC"}}, is("visibility", "CONFIDENTIAL", "PUBLIC")},
		{oracle.Jobs, object{"remote_created_after": created}, since},
		{oracle.Jobs, object{"name_contains": word}, func(r object) bool { return strings.Contains(strings.ToUpper(r["name"].(string)), word) }},
		{oracle.Jobs, object{"ids": []any{published["id"], "111111111111111111111111"}}, is("id", published["id"])},
		{oracle.Jobs, object{"remote_ids": []any{published["remote_id"]}, "statuses": []any{"CLOSED"}}, none},
		{oracle.Jobs, object{"updated_after": "2020-01-01T00:00:00.000Z"}, all},
		{oracle.Jobs, object{"updated_after": "2100-01-01T00:00:00.000Z"}, none},
		{oracle.Applications, object{"outcomes": []any{"HIRED", "DECLINED"}}, is("outcome", "HIRED", "DECLINED")},
		{oracle.Applications, object{"job_ids": []any{application["job_id"]}}, is("job_id", application["job_id"])},
		{oracle.Applications, object{"job_remote_ids": []any{application["job"].(object)["remote_id"]}}, is("job_id", application["job_id"])},
		{oracle.Applications, object{"current_stage_ids": []any{stage}}, is("current_stage_id", stage)},
		{oracle.Applications, object{"remote_created_after": created}, since},
		{oracle.Applications, object{"remote_ids": []any{application["remote_id"]}}, is("id", application["id"])},
		{oracle.Candidates, object{"email": strings.ToUpper(mail)}, func(r object) bool {
			return slices.ContainsFunc(r["email_addresses"].([]any), func(e any) bool { return strings.EqualFold(e.(object)["email_address"].(string), mail) })
		}},
		{oracle.Candidates, object{"first_name": strings.ToUpper(named["first_name"].(string))}, fold("first_name", named["first_name"].(string))},
		{oracle.Candidates, object{"last_name": strings.ToLower(named["last_name"].(string))}, fold("last_name", named["last_name"].(string))},
		{oracle.Candidates, object{"job_ids": []any{application["job_id"]}}, func(r object) bool {
			return slices.ContainsFunc(r["applications"].([]any), func(a any) bool { return a.(object)["job"].(object)["id"] == application["job_id"] })
		}},
		{oracle.Users, object{"emails": []any{strings.ToUpper(user["email"].(string))}}, fold("email", user["email"].(string))},
		{oracle.Roles, object{"scopes": []any{"JOB"}}, is("scope", "JOB")},
		{oracle.Tags, object{"include_deleted": true, "ignore_unsupported_filters": true}, all},
		{oracle.Stages, object{"include_deleted": true}, all},
		{oracle.RejectionReasons, object{"updated_after": "2100-01-01T00:00:00.000Z"}, none},
	}
	calls := make([]sdkCall, len(cases))
	for n, c := range cases {
		args := maps.Clone(c.args)
		args["page_size"] = 5 // the SDK repeats the filters with each page
		calls[n] = sdkCall{Method: methods[c.list], Args: args}
	}
	for n, a := range s.sdk(i, calls...) {
		c := cases[n]
		if a.Error != nil {
			s.Errorf("%s %v: %+v", c.list, c.args, *a.Error)
			continue
		}
		var want, got []string
		for id, r := range truth[c.list] {
			if c.keep(r) {
				want = append(want, id)
			}
		}
		for _, r := range a.all() {
			got = append(got, r["id"].(string))
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			s.Errorf("%s with %v finds something else (-want +got):\n%s", c.list, c.args, cut(d))
		}
	}
}

// general calls what is not about records.
func (s *server) general(i string) {
	a := s.sdk(i,
		sdkCall{Method: "general.checkApiKey", Integration: "none"},
		sdkCall{Method: "general.getIntegrationDetails", Args: object{"integration_id": i}, Integration: "none"},
		sdkCall{Method: "general.getTools", Args: object{"category": "ats"}},
		sdkCall{Method: "general.getTools", Args: object{"category": "hris"}},
		sdkCall{Method: "general.triggerSync", Args: object{"type": "FULL"}},
		sdkCall{Method: "general.setIntegrationEnabled", Args: object{"integration_id": i, "body": object{"value": true}}},
	)
	for n, answer := range a {
		if answer.Error != nil {
			s.Fatalf("call %d: %+v", n, *answer.Error)
		}
	}
	if a[0].Data["environment_id"] == "" {
		s.Error("there is no environment ID")
	}
	if d := a[1].Data; d["id"] != i || d["status"] != "ACTIVE" || d["setup_status"] != "COMPLETED" || d["tool"].(object)["id"] != "traffit" {
		s.Errorf("the integration is %v", d)
	}
	if tools := a[2].Data["tools"].([]any); len(tools) != 1 || tools[0].(object)["id"] != "traffit" {
		s.Errorf("the tools are %v", tools)
	}
	if tools := a[3].Data["tools"].([]any); len(tools) != 0 {
		s.Errorf("the tools for hris are %v", tools)
	}
	if a[4].Data["type"] != "FULL" || a[4].Data["already_queued"] != false {
		s.Errorf("the sync is %v", a[4].Data)
	}
	s.succeeded(s.finish(a[4].Data["sync_id"].(string)))
}

// refusals checks which errors the SDK makes of refused calls.
func (s *server) refusals(i string) {
	const wrong = "not-a-key"
	cases := []struct {
		call  sdkCall
		class string
		code  ats.Code
	}{
		{sdkCall{Method: "ats.getJobs", Key: wrong}, "KomboAtsError", ats.Unauthenticated},
		{sdkCall{Method: "general.checkApiKey", Key: wrong}, "KomboGeneralError", ats.Unauthenticated},
		{sdkCall{Method: "ats.getJobs", Integration: "none"}, "KomboAtsError", ats.NoIntegration},
		{sdkCall{Method: "ats.getJobs", Integration: "traffit:111111111111111111111111"}, "KomboAtsError", ats.NoIntegration},
		{sdkCall{Method: "general.getIntegrationDetails", Args: object{"integration_id": "traffit:111111111111111111111111"}}, "KomboGeneralError", ats.NoIntegration},
		{sdkCall{Method: "general.triggerSync", Args: object{"type": "FULL"}, Integration: "none"}, "KomboGeneralError", ats.NoIntegration},
		{sdkCall{Method: "ats.getInterviews"}, "KomboAtsError", ats.ModelNotAvailable},
		{sdkCall{Method: "ats.getOffers"}, "KomboAtsError", ats.ModelNotAvailable},
		{sdkCall{Method: "ats.getJobs", Args: object{"page_size": 251}}, "KomboAtsError", ats.InputInvalid},
		{sdkCall{Method: "ats.getJobs", Args: object{"statuses": []any{"SHUT"}}}, "KomboAtsError", ats.InputInvalid},
		{sdkCall{Method: "ats.getJobs", Args: object{"cursor": "nonsense"}}, "KomboAtsError", ats.InputInvalid},
		{sdkCall{Method: "general.getIntegrationFields", Args: object{"integration_id": i, "page_size": 2001}}, "KomboGeneralError", ats.InputInvalid},
	}
	var calls []sdkCall
	for _, c := range cases {
		calls = append(calls, c.call)
	}
	for n, a := range s.sdk(i, calls...) {
		c := cases[n]
		if a.Error == nil || a.Error.Class != c.class || a.Error.Code != string(c.code) || a.Error.Message == "" {
			s.Errorf("%s %v with integration %q: got %+v, want a %s with %s", c.call.Method, c.call.Args, c.call.Integration, a.Error, c.class, c.code)
		}
	}
}

// fields passes a vendor's field through and maps one to a key of the operator's.
func (s *server) fields(u *upstream, i string) {
	custom, err := s.app.Store.AddCustomField(s.Context(), store.CustomField{Model: ats.Candidates, Key: "skills"})
	if err != nil {
		s.Fatal(err)
	}
	lists := s.sdk(i,
		sdkCall{Method: "general.getIntegrationFields", Args: object{"integration_id": i, "page_size": 4}},
		sdkCall{Method: "general.getCustomFields", Args: object{"integration_id": i}},
	)
	var technologies, languages string
	for _, f := range lists[0].all() {
		switch {
		case f["model"] != "ats_candidates":
		case f["key"] == "_technologie":
			technologies, _ = f["id"].(string)
		case f["key"] == "candidate_languages":
			languages, _ = f["id"].(string)
		}
	}
	if technologies == "" || languages == "" || len(lists[1].all()) != 1 {
		s.Fatalf("fields %+v, custom fields %+v", lists[0], lists[1])
	}
	set := func(on bool, field any) {
		for n, a := range s.sdk(i,
			sdkCall{Method: "general.updateIntegrationField", Args: object{
				"integration_id": i, "integration_field_id": languages, "body": object{"enable_passthrough": on},
			}},
			sdkCall{Method: "general.updateCustomFieldMapping", Args: object{
				"integration_id": i, "custom_field_id": custom.ID, "body": object{"integration_field_id": field},
			}},
		) {
			if a.Error != nil {
				s.Fatalf("call %d: %+v", n, *a.Error)
			}
		}
		s.succeed(i) // the records are made anew with the next sync
	}
	set(true, technologies)
	served := keyed(s.T, oracle.Candidates, s.list(i, oracle.Candidates, nil))
	for _, e := range u.rows("employees") {
		remote, _ := json.Marshal(e["id"])
		c := served[oracle.ID(i, "ats_candidates", string(remote))]
		want := object{"languages": e["candidate_languages"], "skills": e["_technologie"]}
		got := object{"skills": c["custom_fields"].(object)["skills"]}
		if list, _ := c["integration_fields"].([]any); len(list) == 1 && list[0].(object)["key"] == "candidate_languages" {
			got["languages"] = list[0].(object)["value"]
		}
		if d := cmp.Diff(want, got); d != "" {
			s.Errorf("candidate %s (-want +got):\n%s", remote, d)
			break
		}
	}
	set(false, nil)
	want := u.expect(u.Name(), i)[oracle.Candidates]
	for _, c := range want {
		c["custom_fields"] = object{"skills": nil}
	}
	got := keyed(s.T, oracle.Candidates, s.list(i, oracle.Candidates, nil))
	for _, c := range got {
		if len(c["custom_fields"].(object)) == 0 {
			c["custom_fields"] = object{"skills": nil} // a key without a mapping may be there or not
		}
	}
	compare(s.T, oracle.Candidates, want, got)
}

// call is a deed as a call through the SDK.
func (d deed) call() sdkCall {
	c := sdkCall{Args: object{"body": d.body}, Headers: object{"Idempotency-Key": d.key()}}
	parts := strings.Split(strings.TrimPrefix(d.path, "/v1/ats/"), "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 {
		c.Args[strings.TrimSuffix(parts[0], "s")+"_id"] = parts[1]
	} else {
		c.Args = d.body
	}
	c.Method = map[string]string{
		"POST candidates": "createCandidate", "POST jobs applications": "createApplication", "POST import-tracked-application": "importTrackedApplication",
		"PUT applications stage": "moveApplicationToStage", "POST applications notes": "addApplicationNote", "POST applications reject": "rejectApplication",
		"POST applications result-links": "addApplicationResultLink", "POST candidates result-links": "addCandidateResultLink",
		"POST applications attachments": "addApplicationAttachment", "POST candidates attachments": "addCandidateAttachment",
		"POST candidates tags": "addCandidateTag", "DELETE candidates tags": "removeCandidateTag",
	}[strings.Join(slices.Compact([]string{d.method, parts[0], last}), " ")]
	c.Method = "ats." + c.Method
	return c
}

// The official SDK carries every action out, and reads back what came of it.
func TestSDKActions(t *testing.T) {
	t.Parallel()
	needSDK(t)
	sc := newScene(t, onSQLite(t), nil, nil)
	script := sc.script()
	var calls []sdkCall
	for _, d := range script {
		calls = append(calls, d.call())
	}
	calls = append(calls, sdkCall{Method: "ats.getApplications"}, sdkCall{Method: "ats.getCandidates"})
	answers := sc.sdk(sc.i, calls...)
	for n, d := range script {
		a := answers[n]
		switch {
		case d.code == "" && a.Error != nil:
			t.Errorf("%s: %+v", d.name, *a.Error)
		case d.code != "" && (a.Error == nil || a.Error.Class != "KomboAtsError" || a.Error.Code != string(d.code) || a.Error.Message == ""):
			t.Errorf("%s: got %+v, want a KomboAtsError with %s", d.name, a.Error, d.code)
		case len(a.Warnings) != len(d.warns):
			t.Errorf("%s: the warnings are %+v, want %q", d.name, a.Warnings, d.warns)
		}
	}
	// The new state is served as soon as the actions are done, by the lists and in their answers.
	truth := sc.u.expect(sc.u.Name(), sc.i)
	for n, list := range []string{oracle.Applications, oracle.Candidates} {
		got := keyed(t, list, answers[len(script)+n].all())
		want := map[string]object{}
		for id, r := range truth[list] {
			want[id], _ = project(r, got[id]).(object)
		}
		compare(t, list, want, got)
	}
	for n, d := range script[:5] { // the creations
		if d.code != "" {
			continue
		}
		made, list := answers[n].Data, oracle.Candidates
		if strings.HasSuffix(d.path, "applications") {
			list = oracle.Applications
			candidate, _ := made["candidate"].(object)
			if id, _ := candidate["id"].(string); truth[oracle.Candidates][id] == nil {
				t.Errorf("%s: the candidate is %v", d.name, made["candidate"])
			}
		}
		if id, _ := made["id"].(string); truth[list][id] == nil || made["remote_id"] != truth[list][id]["remote_id"] {
			t.Errorf("%s: answered with %v", d.name, made)
		}
	}
	sc.judge(performance{})
	sc.filesBySDK()
	sc.passBySDK()
}

// filesBySDK reads the files of the candidate whom the script is about.
func (sc *scene) filesBySDK() {
	sc.Helper()
	candidate, application := sc.id("candidates", sc.regular), sc.id("applications", fmt.Sprintf("%d:%d", sc.regular, sc.open))
	for n, a := range sc.sdk(sc.i,
		sdkCall{Method: "ats.getCandidateAttachments", Args: object{"candidate_id": candidate}},
		sdkCall{Method: "ats.getApplicationAttachments", Args: object{"application_id": application}},
	) {
		if a.Error != nil {
			sc.Fatalf("call %d: %+v", n, *a.Error)
		}
		var got []upload
		for _, r := range a.Data["results"].([]any) {
			f := r.(object)
			got = append(got, upload{f["file_name"].(string), fmt.Sprint(f["type"], " ", f["content_type"]), download(sc.T, f["data_url"].(string))})
		}
		if d := cmp.Diff([]upload{{cvName, "CV application/pdf", cvText}, {taskName, "OTHER application/pdf", taskText}}, got); d != "" {
			sc.Errorf("call %d (-want +got):\n%s", n, d)
		}
	}
}

// passBySDK sends requests in TRAFFIT's own words.
func (sc *scene) passBySDK() {
	sc.Helper()
	employee := fmt.Sprintf("/employees/%d", sc.regular)
	pass := func(body object) sdkCall {
		return sdkCall{Method: "general.sendPassthroughRequest", Args: object{"tool": "traffit", "api": "v2", "body": body}}
	}
	file := fmt.Sprintf("%s/files/%d/content", employee, sc.u.Uploads(sc.regular)[1].ID)
	a := sc.sdk(sc.i,
		pass(object{"method": "GET", "path": employee}),
		pass(object{"method": "GET", "path": "/employees/", "params": object{"unused": "ż &=?"}, "headers": object{"X-Request-Page-Size": "10"}}),
		pass(object{"method": "POST", "path": employee + "/notes", "data": object{"content": "Wprost: ąę"}}),
		pass(object{"method": "POST", "path": employee + "/files/", "multipart_form_data": []any{
			object{"name": "file[isPublic]", "value": "1"},
			object{"name": "file[file]", "value": object{"name": "wprost ę.pdf", "content_type": "application/pdf", "data": base64.StdEncoding.EncodeToString([]byte(taskText))}},
			object{"name": "dictionary_file_type", "value": "Certyfikat"},
		}}),
		pass(object{"method": "POST", "path": employee + "/files/", "multipart_form_data": []any{
			object{"name": "file[file]", "value": object{"name": "list.txt", "data_url": sc.files + "/list"}},
		}}),
		pass(object{"method": "GET", "path": file, "response_as_base64": true}),
		pass(object{"method": "GET", "path": "/employees/999999"}),
		pass(object{"method": "GET", "path": "/../../../oauth2/token"}),
	)
	for n, answer := range a[:7] {
		if answer.Error != nil {
			sc.Fatalf("call %d: %+v", n, *answer.Error)
		}
	}
	if row, _ := a[0].Data["data"].(object); a[0].Data["status"] != 200.0 || row["email"] != regular {
		sc.Errorf("reading a candidate: %v", a[0].Data)
	}
	if rows, _ := a[1].Data["data"].([]any); len(rows) != 10 || !strings.HasSuffix(a[1].Data["url"].(string), "/employees/?unused=%C5%BC+%26%3D%3F") {
		sc.Errorf("reading a list: %d rows, %v", len(rows), a[1].Data["url"])
	}
	notes := sc.u.Notes(sc.regular)
	if a[2].Data["status"] != 204.0 || len(notes) != 5 || notes[4].Content != "Wprost: ąę" {
		sc.Errorf("writing a note: %v, %+v", a[2].Data, notes)
	}
	var got []upload
	for _, u := range sc.u.Uploads(sc.regular)[2:] {
		got = append(got, upload{u.Name, fmt.Sprint(u.Label, " ", u.Public), string(u.Content)})
	}
	if d := cmp.Diff([]upload{{"wprost ę.pdf", "Certyfikat true", taskText}, {"list.txt", " false", listText}}, got); d != "" {
		sc.Errorf("uploading files: %v (-want +got):\n%s", a[3].Data, d)
	}
	content, err := base64.StdEncoding.DecodeString(a[5].Data["data"].(string))
	if err != nil || string(content) != taskText {
		sc.Errorf("reading a file: %v, %q", err, content)
	}
	if a[6].Data["status"] != 404.0 {
		sc.Errorf("reading nobody: %v", a[6].Data)
	}
	if e := a[7].Error; e == nil || e.Class != "KomboGeneralError" || e.Code != string(ats.InputInvalid) {
		sc.Errorf("leaving the base: %+v", e)
	}
}
