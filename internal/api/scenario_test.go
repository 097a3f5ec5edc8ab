package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/ats"
)

// scenario is one request and what must come of it.
type scenario struct {
	name, method, url string
	headers           map[string]string
	body              string
	status            int
	want, not         []string // fragments of the answer
	allow             string   // the header, when it must be there
}

// longError is more than any error needs, however long what it complains about.
const longError = 4 << 10

func (b *bench) run(t *testing.T, j *judge, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			if s.method == "" {
				s.method = http.MethodGet
			}
			res := b.do(s.method, s.url, s.body, s.headers)
			body := read(t, res)
			if res.StatusCode != s.status {
				t.Errorf("status %d, want %d", res.StatusCode, s.status)
			}
			for _, f := range s.want {
				if !strings.Contains(body, f) {
					t.Errorf("the answer lacks %s", f)
				}
			}
			for _, f := range s.not {
				if strings.Contains(body, f) {
					t.Errorf("the answer has %s", f)
				}
			}
			if s.status != http.StatusOK && len(body) > longError {
				t.Errorf("the error has %d bytes", len(body))
			}
			if got := res.Header.Get("Allow"); s.allow != "" && got != s.allow {
				t.Errorf("Allow %q, want %q", got, s.allow)
			}
			if s.status == http.StatusUnauthorized && strings.Contains(body, `"PLATFORM.`) && res.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Error("no WWW-Authenticate")
			}
			if s.method != http.MethodHead && strings.HasPrefix(s.url, "/v1/") {
				j.check(t, httptest.NewRequest(s.method, s.url, strings.NewReader(s.body)), res, body)
			}
			if t.Failed() {
				t.Logf("%.20s %.300s answered %d: %.2000s", s.method, s.url, res.StatusCode, body)
			}
		})
	}
}

func on(id string) map[string]string { return map[string]string{"X-Integration-Id": id} }

const (
	badInput = `"code":"PLATFORM.INPUT_INVALID","title":"Invalid input"`
	noResult = `"results":[]`
)

func TestLists(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	ids := ats.Namespace(full)
	job, stage, candidate := ids.ID(ats.Jobs, "100"), ids.ID(ats.ApplicationStages, "10"), ids.ID(ats.Candidates, "1000")
	id := func(s string) string { return `"id":"` + s + `"` }
	remote := func(s string) string { return `"remote_id":"` + s + `"` }
	many := strings.Repeat("x,", 1000)
	all := []scenario{
		{name: "jobs", url: "/v1/ats/jobs", status: 200, want: []string{remote("100"), remote("101"), `"next":null`, `"hiring_team":[{`, `"job_roles":[{`, `"job_postings":[{`, `<p>a & b</p>`, `"remote_data":null`}},
		{name: "candidates without deleted", url: "/v1/ats/candidates", status: 200, want: []string{id(candidate), `"tags":[{`, `"applications":[{`}, not: []string{remote("1002")}},
		{name: "candidates with deleted", url: "/v1/ats/candidates?include_deleted=true", status: 200, want: []string{remote("1002"), `"remote_deleted_at":"2026-05-31T08:3`}},
		{name: "applications", url: "/v1/ats/applications", status: 200, want: []string{`"candidate":null`, `"current_stage":null`, `"job":null`, `"rejected_at":"2026-05-30T23:59:59.000Z"`}},
		{name: "users", url: "/v1/ats/users", status: 200, want: []string{`"system_roles":[{`, `"system_roles":[]`}},
		{name: "roles", url: "/v1/ats/roles", status: 200, want: []string{`"scope":"SYSTEM"`}},
		{name: "tags", url: "/v1/ats/tags", status: 200, want: []string{`"name":"VIP"`}},
		{name: "rejection reasons", url: "/v1/ats/rejection-reasons", status: 200, want: []string{"Too far"}},
		{name: "stages", url: "/v1/ats/application-stages", status: 200, want: []string{`"global_index":3`, `"global_index":null`}},
		{name: "defaults spelled out", url: "/v1/ats/jobs?page_size=100&include_deleted=false&ignore_unsupported_filters=false", status: 200, want: []string{remote("100")}},
		{name: "unknown parameters are ignored", url: "/v1/ats/jobs?utm=1&%00=2&name=x", status: 200, want: []string{remote("100")}},

		{name: "ids", url: "/v1/ats/jobs?ids=" + job + "%2Cnope", status: 200, want: []string{id(job)}, not: []string{remote("101")}},
		{name: "ids repeated", url: "/v1/ats/jobs?ids=nope&ids=" + job, status: 200, want: []string{id(job)}, not: []string{remote("101")}},
		{name: "ids with empty elements", url: "/v1/ats/jobs?ids=,," + job + ",", status: 200, want: []string{id(job)}, not: []string{remote("101")}},
		{name: "an empty list is no filter", url: "/v1/ats/jobs?ids=", status: 200, want: []string{remote("100"), remote("101")}},
		{name: "remote ids", url: "/v1/ats/applications?remote_ids=1000%3A100", status: 200, want: []string{remote("1000:100")}, not: []string{remote("1001:101")}},
		{name: "a thousand ids", url: "/v1/ats/jobs?ids=" + many[:len(many)-1], status: 200, want: []string{noResult}},
		{name: "more than a thousand ids", url: "/v1/ats/jobs?ids=" + many + job, status: 400, want: []string{badInput, "query.ids: must have at most 1000 values, got 1001"}},
		{name: "odd unicode in ids", url: "/v1/ats/jobs?ids=%F0%9F%98%80%2C%E2%80%AE%2C'%3B--", status: 200, want: []string{noResult}},
		{name: "broken unicode", url: "/v1/ats/jobs?ids=%ff", status: 400, want: []string{"query.ids: must be valid UTF-8"}},
		{name: "NUL", url: "/v1/ats/jobs?name_contains=a%00", status: 400, want: []string{"query.name_contains: must be valid UTF-8 without NUL"}},
		{name: "broken escape", url: "/v1/ats/jobs?ids=%zz", status: 400, want: []string{badInput, "query: cannot be read"}},

		{name: "name contains, folded", url: "/v1/ats/jobs?name_contains=%C5%9ALUSARZ", status: 200, want: []string{remote("100")}, not: []string{remote("101")}},
		{name: "name contains a wildcard", url: "/v1/ats/jobs?name_contains=0%25_", status: 200, want: []string{remote("100")}, not: []string{remote("101")}},
		{name: "wildcards are letters", url: "/v1/ats/jobs?name_contains=%25", status: 200, want: []string{remote("100")}, not: []string{remote("101")}},
		{name: "long text", url: "/v1/ats/jobs?name_contains=" + strings.Repeat("ż", 501), status: 400, want: []string{"query.name_contains: must have at most 500 characters, got 501"}},
		{name: "statuses", url: "/v1/ats/jobs?statuses=OPEN%2CCLOSED", status: 200, want: []string{remote("100")}, not: []string{remote("101")}},
		{name: "status", url: "/v1/ats/jobs?status=DRAFT", status: 200, want: []string{remote("101")}, not: []string{remote("100")}},
		{name: "status against statuses", url: "/v1/ats/jobs?status=DRAFT&statuses=OPEN", status: 200, want: []string{noResult}},
		{name: "unknown statuses", url: "/v1/ats/jobs?statuses=OPEN,open,GONE", status: 400, want: []string{`query.statuses: must be one or more of OPEN, CLOSED, DRAFT, ARCHIVED, got \"open\", \"GONE\"`}},
		{name: "post url", url: "/v1/ats/jobs?post_url=https%3A%2F%2Fjobs.example.com%2F101", status: 200, want: []string{remote("101")}, not: []string{remote("100")}},
		{name: "created after, by day", url: "/v1/ats/jobs?remote_created_after=2026-05-30T23:59:59.999Z", status: 200, want: []string{remote("100")}, not: []string{remote("101")}},
		{name: "created after the day", url: "/v1/ats/jobs?remote_created_after=2026-05-31", status: 200, want: []string{noResult}},
		{name: "unsupported filter", url: "/v1/ats/jobs?job_codes=J%2C1", status: 200, want: []string{noResult}},
		{name: "unsupported filter ignored", url: "/v1/ats/jobs?job_codes=nope&ignore_unsupported_filters=true&statuses=OPEN", status: 200, want: []string{remote("100")}, not: []string{remote("101")}},
		{name: "unbuilt filter", url: "/v1/ats/jobs?visibilities=PUBLIC", status: 200, want: []string{noResult}},
		{name: "unconfirmed filter works", url: "/v1/ats/jobs?employment_types=FULL_TIME", status: 200, want: []string{noResult}},

		{name: "email", url: "/v1/ats/candidates?email=LUCJA%40example.COM", status: 200, want: []string{id(candidate)}, not: []string{remote("1001")}},
		{name: "names", url: "/v1/ats/candidates?first_name=%C5%81UCJA&last_name=%C5%BC%C3%B3%C5%82%C4%87", status: 200, want: []string{id(candidate)}, not: []string{remote("1001")}},
		{name: "first name alone", url: "/v1/ats/candidates?first_name=nobody", status: 200, want: []string{noResult}},
		{name: "candidates of a job", url: "/v1/ats/candidates?job_ids=" + job, status: 200, want: []string{id(candidate)}, not: []string{remote("1001")}},
		{name: "outcomes", url: "/v1/ats/applications?outcomes=DECLINED", status: 200, want: []string{remote("1000:100")}, not: []string{remote("1001:101")}},
		{name: "outcome", url: "/v1/ats/applications?outcome=PENDING", status: 200, want: []string{remote("1001:101")}, not: []string{remote("1000:100")}},
		{name: "applications of a job", url: "/v1/ats/applications?job_ids=" + job + "&current_stage_ids=" + stage, status: 200, want: []string{remote("1000:100")}, not: []string{remote("1001:101")}},
		{name: "applications of a job of the ATS", url: "/v1/ats/applications?job_remote_ids=101", status: 200, want: []string{remote("1001:101")}, not: []string{remote("1000:100")}},
		{name: "users by address", url: "/v1/ats/users?emails=zoe%40example.com", status: 200, want: []string{remote("1")}, not: []string{remote("2")}},
		{name: "roles by scope", url: "/v1/ats/roles?scopes=JOB", status: 200, want: []string{noResult}},
		{name: "updated long after", url: "/v1/ats/jobs?updated_after=2027-01-01", status: 200, want: []string{noResult}},
		{name: "updated after, without Z", url: "/v1/ats/jobs?updated_after=2026-01-01T00:00:00", status: 200, want: []string{remote("100")}},
		{name: "updated after reaches back", url: "/v1/ats/jobs?updated_after=2026-05-31T08:30:15.000Z", status: 200, want: []string{remote("100")}},
		{name: "updated after does not reach further", url: "/v1/ats/jobs?updated_after=2026-05-31T08:30:15.001Z", status: 200, want: []string{noResult}},

		{
			name: "all bad at once", url: "/v1/ats/jobs?page_size=0&updated_after=yesterday&include_deleted=yes", status: 400,
			want: []string{badInput, "query.page_size: must be between 1 and 250, got 0", "query.updated_after: must be a date", `query.include_deleted: must be true or false, got \"yes\"`},
		},
		{name: "page size beyond", url: "/v1/ats/jobs?page_size=251", status: 400, want: []string{"query.page_size"}},
		{name: "page size huge", url: "/v1/ats/jobs?page_size=" + strings.Repeat("9", 400), status: 400, want: []string{"query.page_size", "…"}, not: []string{strings.Repeat("9", 100)}},
		{name: "page size fraction", url: "/v1/ats/jobs?page_size=1.5", status: 400, want: []string{"query.page_size"}},
		{name: "page size twice", url: "/v1/ats/jobs?page_size=1&page_size=2", status: 400, want: []string{"query.page_size: must be given once, got it 2 times"}},
		{name: "boolean in capitals", url: "/v1/ats/jobs?include_deleted=TRUE", status: 400, want: []string{"query.include_deleted"}},
		{name: "impossible day", url: "/v1/ats/jobs?updated_after=2026-02-30", status: 400, want: []string{"query.updated_after"}},
		{name: "date with offset", url: "/v1/ats/jobs?updated_after=2026-02-03T00:00:00%2B02:00", status: 400, want: []string{"query.updated_after"}},
		{name: "broken cursor", url: "/v1/ats/jobs?cursor=hello", status: 400, want: []string{badInput, "query.cursor: is not a cursor"}},
		{name: "empty cursor", url: "/v1/ats/jobs?cursor=", status: 200, want: []string{remote("100")}},

		{name: "interviews", url: "/v1/ats/interviews?job_ids=1", status: 400, want: []string{"INTEGRATION.MODEL_NOT_AVAILABLE"}},
		{name: "offers", url: "/v1/ats/offers", status: 400, want: []string{"INTEGRATION.MODEL_NOT_AVAILABLE"}},
		{name: "offers with a bad query", url: "/v1/ats/offers?page_size=x", status: 400, want: []string{badInput}},
	}
	for i := range all {
		all[i].headers = on(full)
	}
	none := []string{`"code":"PLATFORM.INTEGRATION_NOT_FOUND"`}
	all = append(all,
		scenario{name: "no integration", url: "/v1/ats/jobs", status: 404, want: none},
		scenario{name: "malformed integration", url: "/v1/ats/jobs", headers: on("traffit"), status: 404, want: none},
		scenario{name: "odd integration", url: "/v1/ats/jobs", headers: on("Ł\xff:" + strings.Repeat("1", 24)), status: 404, want: none},
		scenario{name: "unknown integration", url: "/v1/ats/jobs", headers: on("traffit:" + strings.Repeat("9", 24)), status: 404, want: none},
		scenario{name: "removed integration", url: "/v1/ats/jobs", headers: on(removed), status: 404, want: none},
		scenario{name: "switched off", url: "/v1/ats/jobs", headers: on(off), status: 409, want: []string{"INTEGRATION.INACTIVE"}},
		scenario{name: "rejected credentials", url: "/v1/ats/jobs", headers: on(invalid), status: 200, want: []string{remote("100")}},
		scenario{
			name: "first sync running", url: "/v1/ats/jobs", headers: on(empty), status: 409,
			want: []string{"INTEGRATION.SETUP_SYNC_PENDING", "1 of 3 steps are done; employees at 1200 of 44000", b.runID},
		},
		scenario{name: "no sync yet", url: "/v1/ats/jobs", headers: on(unstart), status: 409, want: []string{"INTEGRATION.SETUP_SYNC_PENDING", "No sync has been started"}},
		scenario{name: "setup open", url: "/v1/ats/jobs", headers: on(setup), status: 409, want: []string{"INTEGRATION.SETUP_INCOMPLETE"}},
		scenario{name: "sync while the setup is open", method: "POST", url: "/v1/force-sync", headers: on(setup), body: `{}`, status: 400, want: []string{"has open steps", "setup-link"}},
		scenario{name: "remote data", url: "/v1/ats/jobs", headers: on(withData), status: 200, want: []string{`"remote_data":{"/rows/100":{"model":"ats_jobs"}}`}},
		scenario{name: "header name in any case", url: "/v1/ats/tags", headers: map[string]string{"x-integration-id": full}, status: 200},
	)
	b.run(t, j, all)
}

func TestGeneral(t *testing.T) {
	b := newBench(t, nil)
	b.tenant.pass = answer(404, "application/json", `{"no":1}`)
	j := newJudge(b)
	fullNo, err := b.store.Integration(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := b.store.IntegrationFields(t.Context(), fullNo.No, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	custom, err := b.store.CustomFields(t.Context(), fullNo.No, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var jobField, candidateField string
	for _, f := range fields {
		if f.Model == ats.Jobs {
			jobField = f.ID
		} else {
			candidateField = f.ID
		}
	}
	at := "/v1/integrations/" + url.PathEscape(full)
	escaped := "/v1/integrations/" + strings.ReplaceAll(full, ":", "%3A")
	none := `"code":"PLATFORM.INTEGRATION_NOT_FOUND"`
	b.run(t, j, []scenario{
		{name: "check", url: "/v1/check-api-key", status: 200, want: []string{`"environment_id":"env-1"`}},
		{name: "scheme in any case", url: "/v1/check-api-key", headers: map[string]string{"Authorization": "bEaReR " + b.key}, status: 200},
		{name: "no key", url: "/v1/check-api-key", headers: map[string]string{"Authorization": ""}, status: 401, want: []string{"PLATFORM.AUTHENTICATION_INVALID", "carries no API key"}},
		{name: "wrong key", url: "/v1/check-api-key", headers: map[string]string{"Authorization": "Bearer " + b.key + "x"}, status: 401, want: []string{"unknown or was revoked"}, not: []string{b.key}},
		{name: "other scheme", url: "/v1/ats/jobs", headers: map[string]string{"Authorization": "Basic " + b.key}, status: 401, want: []string{"PLATFORM.AUTHENTICATION_INVALID"}},
		{name: "scheme alone", url: "/v1/ats/jobs", headers: map[string]string{"Authorization": "Bearer "}, status: 401, want: []string{"PLATFORM.AUTHENTICATION_INVALID"}},
		{name: "unknown path without key", url: "/v1/nope", headers: map[string]string{"Authorization": ""}, status: 401, want: []string{"PLATFORM.AUTHENTICATION_INVALID"}},

		{name: "sync", method: "POST", url: "/v1/force-sync", headers: on(full), body: `{"type":"FULL"}`, status: 200, want: []string{`"already_queued":false`, `"type":"FULL"`, `"sync_id":"`}},
		{name: "sync again without body", method: "POST", url: "/v1/force-sync", headers: on(full), status: 200, want: []string{`"already_queued":true`}},
		{name: "sync with an empty object", method: "POST", url: "/v1/force-sync", headers: on(full), body: `{}`, status: 200, want: []string{`"type":"FULL"`}},
		{name: "delta sync", method: "POST", url: "/v1/force-sync", headers: on(full), body: `{"type":"DELTA","more":1}`, status: 200, want: []string{`"type":"DELTA"`}},
		{name: "sync of no type", method: "POST", url: "/v1/force-sync", headers: on(full), body: `{"type":"HALF"}`, status: 400, want: []string{badInput, "body.type"}},
		{name: "sync of broken JSON", method: "POST", url: "/v1/force-sync", headers: on(full), body: `{"type":`, status: 400, want: []string{badInput, "body"}},
		{name: "sync of an array", method: "POST", url: "/v1/force-sync", headers: on(full), body: `[]`, status: 400, want: []string{badInput}},
		{name: "sync of nothing", method: "POST", url: "/v1/force-sync", status: 404, want: []string{none}},
		{name: "sync switched off", method: "POST", url: "/v1/force-sync", headers: on(off), status: 400, want: []string{badInput, "switched off"}},

		{name: "list", url: "/v1/integrations", status: 200, want: []string{full, `"Łódzkie Zakłady <Acme>"`, `"next":null`}, not: []string{removed}},
		{name: "list in pages", url: "/v1/integrations?page_size=1", status: 200, want: []string{full, `"next":"`}, not: []string{off}},
		{name: "list with a strange cursor", url: "/v1/integrations?cursor=MSB4", status: 400, want: []string{"query.cursor"}},
		{name: "details", url: at, status: 200, want: []string{`"read_models":[{`, `"ats_jobs"`, `"coverage_status":"UNSUPPORTED"`, `"origin_id":"42"`, `"is_available":false`}},
		{name: "details escaped", url: escaped, status: 200, want: []string{full}},
		{name: "details of nothing", url: "/v1/integrations/x", status: 404, want: []string{none}},
		{name: "details of a path", url: "/v1/integrations/a%2Fb", status: 404, want: []string{none, "a/b"}},
		{name: "details of a removed one", url: "/v1/integrations/" + removed, status: 404, want: []string{none}},
		{name: "switch off", method: "PUT", url: escaped + "/enabled", body: `{"value":false}`, status: 200, want: []string{`"data":{}`}},
		{name: "is off", url: escaped, status: 200, want: []string{`"status":"INACTIVE"`}},
		{name: "switch on", method: "PUT", url: escaped + "/enabled", body: `{"value":true}`, status: 200},
		{name: "switch nowhere", method: "PUT", url: escaped + "/enabled", body: `{}`, status: 400, want: []string{badInput, "body", "value"}},
		{name: "switch by text", method: "PUT", url: escaped + "/enabled", body: `{"value":"true"}`, status: 400, want: []string{"body.value: expected boolean"}},
		{name: "switch without body", method: "PUT", url: escaped + "/enabled", status: 400, want: []string{badInput, "body"}},

		{name: "integration fields", url: escaped + "/integration-fields?page_size=2000", status: 200, want: []string{`"is_writable":false`, `"next_cursor":null`, "Numer <ref>"}},
		{name: "integration fields in pages", url: escaped + "/integration-fields?page_size=2", status: 200, want: []string{`"next":"`, `"next_cursor":"`}},
		{name: "too many integration fields", url: escaped + "/integration-fields?page_size=2001", status: 400, want: []string{"between 1 and 2000"}},
		{name: "pass through", method: "PATCH", url: escaped + "/integration-fields/" + jobField, body: `{"enable_passthrough":true}`, status: 200, want: []string{`"is_passthrough_enabled":true`}},
		{name: "pass through by default", method: "PATCH", url: escaped + "/integration-fields/" + jobField, body: `{"enable_passthrough":null}`, status: 200, want: []string{`"is_passthrough_enabled":false`}},
		{name: "pass through without the key", method: "PATCH", url: escaped + "/integration-fields/" + jobField, body: `{}`, status: 400, want: []string{"enable_passthrough"}},
		{name: "pass nothing through", method: "PATCH", url: escaped + "/integration-fields/%00%ff", body: `{"enable_passthrough":true}`, status: 404, want: []string{badInput}},
		{name: "custom fields", url: escaped + "/custom-fields", status: 200, want: []string{`"integration_field":null`, "notice_period"}},
		{name: "too many custom fields", url: escaped + "/custom-fields?page_size=251", status: 400, want: []string{"between 1 and 250"}},
		{name: "map", method: "PUT", url: escaped + "/custom-fields/" + custom[0].ID, body: fmt.Sprintf(`{"integration_field_id":%q}`, candidateField), status: 200, want: []string{`"integration_field":{"id":"` + candidateField}},
		{name: "mapped", url: escaped + "/custom-fields", status: 200, want: []string{`"integration_field":{`}},
		{name: "unmap", method: "PUT", url: escaped + "/custom-fields/" + custom[0].ID, body: `{"integration_field_id":null}`, status: 200, want: []string{`"integration_field":null`}},
		{name: "map across models", method: "PUT", url: escaped + "/custom-fields/" + custom[0].ID, body: fmt.Sprintf(`{"integration_field_id":%q}`, jobField), status: 400, want: []string{"body.integration_field_id: the field is one of ats_jobs"}},
		{name: "map to nothing", method: "PUT", url: escaped + "/custom-fields/" + custom[0].ID, body: `{"integration_field_id":"\u0000"}`, status: 400, want: []string{"body.integration_field_id"}},
		{name: "map nothing", method: "PUT", url: escaped + "/custom-fields/nope", body: `{"integration_field_id":null}`, status: 404, want: []string{"path.custom_field_id"}},
		{name: "map without the key", method: "PUT", url: escaped + "/custom-fields/" + custom[0].ID, body: `{}`, status: 400, want: []string{"integration_field_id"}},

		{name: "syncs", url: escaped + "/syncs?page_size=1", status: 200, want: []string{`"next":"`, `"cause":"api"`, `"steps":[]`}},
		{name: "sync progress", url: "/v1/syncs/" + b.runID, status: 200, want: []string{`"state":"RUNNING"`, `"name":"employees"`, `"done":1200`, `"total":44000`, `"background":true`, empty}},
		{name: "no such sync", url: "/v1/syncs/" + strings.Repeat("1", 24), status: 404, want: []string{badInput}},
		{name: "odd sync", url: "/v1/syncs/%F0%9F%98%80", status: 404, want: []string{badInput}},

		{name: "tools", url: "/v1/tools/ats", status: 200, want: []string{`"id":"traffit"`, `https://kladka.example.com/assets/tools/traffit.svg`}},
		{name: "other tools", url: "/v1/tools/hris", status: 200, want: []string{`"tools":[]`}},
		{name: "tools in capitals", url: "/v1/tools/ATS", status: 404, want: []string{badInput}},

		{name: "delete with body", method: "DELETE", url: "/v1/integrations/" + unstart, body: `{}`, status: 200, want: []string{`"data":{}`}},
		{name: "delete again", method: "DELETE", url: "/v1/integrations/" + unstart, status: 404, want: []string{none}},

		{name: "passthrough", method: "POST", url: "/v1/passthrough/traffit/v2", headers: on(full), body: `{"method":"GET","path":"/x"}`, status: 200, want: []string{`"status":404`, `"data":{"no":1}`, `"warnings":[]`}},
		{name: "action is not there", method: "POST", url: "/v1/ats/applications/x/interviews", status: 404, want: []string{"not available in this version"}},
		{name: "wrong method", method: "DELETE", url: "/v1/check-api-key", status: 405, want: []string{badInput, "GET"}},
		{name: "write to a list", method: "POST", url: "/v1/ats/jobs", headers: on(full), status: 405, want: []string{badInput}},
		{name: "trailing slash", url: "/v1/ats/jobs/", headers: on(full), status: 404, want: []string{badInput}},
		{name: "doubled slash", url: "/v1//ats/jobs", headers: on(full), status: 404, want: []string{badInput}},
		{name: "dots", url: "/v1/ats/../ats/jobs", headers: on(full), status: 404, want: []string{badInput}},
		{name: "beside the API", url: "/nope", status: 404, want: []string{badInput}},
		{name: "head", method: "HEAD", url: "/v1/check-api-key", status: 200},
		{name: "health", url: "/healthz", headers: map[string]string{"Authorization": ""}, status: 200, want: []string{`"version":"1.2.3"`}},
		{name: "ready", url: "/readyz", headers: map[string]string{"Authorization": ""}, status: 200},
		{name: "no metrics", url: "/metrics", status: 404},
		{name: "picture", url: "/assets/tools/traffit-black.svg", headers: map[string]string{"Authorization": ""}, status: 200, want: []string{"<svg"}},
		{name: "no picture", url: "/assets/tools/..%2Ftools", status: 404, want: []string{badInput}},
		{name: "document", url: "/openapi.json", headers: map[string]string{"Authorization": ""}, status: 200, want: []string{`"openapi":"3.1.0"`}, not: []string{"ombo"}},
	})
	for op := range j.contract {
		if strings.Contains(op, "/v1/") && !strings.Contains(op, "/ats/") && !ofConnect(op) && !j.seen[op] {
			t.Errorf("no scenario proved the answer of %s", op)
		}
	}
}
