package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEmployeeChanges(t *testing.T) {
	now := testNow
	s := testSandbox(t, Config{Now: func() time.Time { return now }})
	c := newClient(t, s)
	now = now.Add(time.Hour)

	a := do(t, s, "POST", "/_sandbox/employees", `{"name":"Żaneta","lastname":"Próbna","email":"z@example.com","_own":{"x":1},"_n":5}`)
	if a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	created := a.row(t)
	path := fmt.Sprintf("/employees/%.0f", created["id"])
	if diff := cmp.Diff(created, c.get(t, path).row(t)); diff != "" {
		t.Error(diff)
	}
	if created["updated_at"] != Stamp(now.Unix()).String() || created["_n"] != 5.0 {
		t.Errorf("created %v", created)
	}
	last := c.get(t, "/employees/", "X-Request-Sort", `{"id":"DESC"}`).rows(t)[0]
	if diff := cmp.Diff(created, last); diff != "" {
		t.Error(diff)
	}

	first := s.employees.at(0)
	firstPath := fmt.Sprintf("/employees/%d", first.ID())
	old := first.Value("updated_at").(Stamp).String()
	for _, test := range []struct{ query, body, updated string }{
		{"?bump=false", `{"lastname":"Cicha"}`, old},
		{"?absent=linkedin", `{"candidate_about":null,"lastname":"Głośna"}`, Stamp(now.Unix()).String()},
		{"", `{"updated_at":"2020-01-02 03:04:05"}`, "2020-01-02 03:04:05"},
	} {
		a := do(t, s, "PATCH", "/_sandbox"+firstPath+test.query, test.body)
		got := c.get(t, firstPath).row(t)
		if diff := cmp.Diff(a.row(t), got); diff != "" {
			t.Error(diff)
		}
		if got["updated_at"] != test.updated {
			t.Errorf("%s %s: updated_at %v, want %s", test.query, test.body, got["updated_at"], test.updated)
		}
	}
	row := c.get(t, firstPath).row(t)
	if _, there := row["linkedin"]; there || row["lastname"] != "Głośna" || row["candidate_about"] != nil {
		t.Errorf("row %v", row)
	}
	since := c.walk(t, "/employees/", 100, "X-Request-Filter", `{"updated_at":{"value":"2020-01-02","comparison":"="}}`)
	if len(since) != 1 || since[0]["id"] != row["id"] {
		t.Errorf("filter on a changed row found %v", since)
	}
	for _, bad := range []string{`{"nmae":"x"}`, `{"id":7}`, `{"created_at":"soon"}`, `[]`} {
		if a := do(t, s, "PATCH", "/_sandbox"+firstPath, bad); a.status != 400 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}

	history := len(truth(t, s, "history"))
	if a := do(t, s, "DELETE", "/_sandbox"+firstPath, ""); a.status != 204 {
		t.Errorf("delete: %d", a.status)
	}
	if a := c.get(t, firstPath); a.status != 404 || string(a.body) != `{"code":404,"message":"Not Found"}` {
		t.Errorf("deleted: %d %s", a.status, a.body)
	}
	if a := c.get(t, firstPath+"/files"); a.status != 404 {
		t.Errorf("files of a deleted candidate: %d", a.status)
	}
	if a := do(t, s, "DELETE", "/_sandbox"+firstPath, ""); a.status != 404 {
		t.Errorf("delete twice: %d", a.status)
	}
	if n := len(truth(t, s, "history")); n != history {
		t.Errorf("history went from %d to %d", history, n)
	}
	if rows := c.walk(t, "/employees/", 100); len(rows) != 300 || rows[0]["id"] == row["id"] {
		t.Errorf("%d rows, first %v", len(rows), rows[0]["id"])
	}

	tags := do(t, s, "PUT", "/_sandbox"+path+"/tags", `["Go","Całkiem nowy","Go"]`).rows(t)
	if len(tags) != 2 || tags[1]["name"] != "Całkiem nowy" {
		t.Errorf("tags %v", tags)
	}
	if diff := cmp.Diff(tags, c.get(t, path+"/tags").rows(t)); diff != "" {
		t.Error(diff)
	}
	note := do(t, s, "POST", "/_sandbox"+path+"/notes", `{"content":"Słowo"}`)
	if got := c.get(t, path+"/activities").rows(t); note.status != 201 || got[0]["content"] != "Słowo" {
		t.Errorf("note %s, activities %v", note.body, got)
	}
	source := do(t, s, "POST", "/_sandbox/sources", fmt.Sprintf(`{"employee":{"id":%.0f},"dictionary_item":{"id":151}}`, created["id"]))
	if got := c.get(t, path+"/sources").rows(t); source.status != 201 || len(got) != 1 {
		t.Errorf("source %s, sources %v", source.body, got)
	}
	newest := c.get(t, "/sources", "X-Request-Filter", `{"created_at":{"value":"2026-11-03","comparison":">="}}`).rows(t)
	if len(newest) != 1 || !cmp.Equal(newest[0], source.row(t)) {
		t.Errorf("sources of today %v", newest)
	}
}

func TestApplicationChanges(t *testing.T) {
	now := testNow
	s := testSandbox(t, Config{Now: func() time.Time { return now }})
	c := newClient(t, s)
	job, err := s.AddRecruitment(Patch{"name": "Latarnik", "workflow_id": 7})
	if err != nil {
		t.Fatal(err)
	}
	rid, eid := job.ID(), s.employees.at(33).ID()
	path := fmt.Sprintf("/_sandbox/recruitments/%d/employees/%d", rid, eid)
	if a := do(t, s, "POST", path, ""); a.status != 201 || a.row(t)["workflow_state"].(map[string]any)["type"] != "start" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := do(t, s, "POST", path, ""); a.status != 409 {
		t.Errorf("applied twice: %d", a.status)
	}
	now = now.Add(90 * time.Second)
	bad := s.workflows[1].states[len(s.workflows[1].states)-2]
	a := do(t, s, "POST", path+"/move", fmt.Sprintf(`{"state_id":%d,"rejection_id":34,"description":"Zbyt daleko"}`, bad.id))
	moved := a.row(t)
	closed, opened, act := moved["closed"].(map[string]any), moved["opened"].(map[string]any), moved["activity"].(map[string]any)
	at := Stamp(now.Unix()).String()
	for what, got := range map[string]any{"end_date": closed["end_date"], "updated_at": closed["updated_at"], "date": opened["date"], "activity_date": act["activity_date"]} {
		if got != at {
			t.Errorf("%s is %v, want %s", what, got, at)
		}
	}
	var content map[string]any
	if err := json.Unmarshal([]byte(act["content"].(string)), &content); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"from_state": map[string]any{"id": 59.0, "name": "Nowy"}, "to_state": map[string]any{"id": float64(bad.id), "name": "Odrzucony"},
		"rejection": map[string]any{"id": 34.0, "name": "Po rozmowie"}, "description": "Zbyt daleko",
	}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Error(diff)
	}
	newest := c.get(t, "/employees/recruitment_history", "X-Request-Sort", `{"id":"DESC"}`).rows(t)
	if diff := cmp.Diff([]map[string]any{opened, closed}, newest[:2]); diff != "" {
		t.Error(diff)
	}
	in := c.get(t, fmt.Sprintf("/recruitments/%d/states/%d", rid, bad.id)).rows(t)
	if len(in) != 1 || in[0]["id"] != float64(eid) {
		t.Errorf("in state: %v", in)
	}
	for _, test := range []struct {
		body   string
		status int
	}{{`{"state_id":1}`, 400}, {`{"state_id":19}`, 400}, {fmt.Sprintf(`{"state_id":%d,"rejection_id":1}`, bad.id), 400}, {`{"state_id":63,"rejection_id":34}`, 400}} {
		if a := do(t, s, "POST", path+"/move", test.body); a.status != test.status {
			t.Errorf("%s: %d", test.body, a.status)
		}
	}
	if a := do(t, s, "DELETE", path, ""); a.status != 204 {
		t.Errorf("remove: %d", a.status)
	}
	if rows := c.get(t, fmt.Sprintf("/recruitments/%d/employees", rid)).rows(t); len(rows) != 0 {
		t.Errorf("still there: %v", rows)
	}

	// The same with a generated application.
	var generated move
	for pos := range s.history.len() {
		if m := s.history.at(pos); s.employees.has(m.employee) && s.recruitments.has(m.recruitment) && m.end == 0 {
			generated = m
		}
	}
	p := pair{generated.employee, generated.recruitment}
	r, _ := s.recruitments.get(p.recruitment)
	w, _ := s.workflow(r.Value("workflow_id").(int))
	out, err := s.MoveInRecruitment(p.recruitment, p.employee, Move{State: w.states[1].id})
	if err != nil || out.Closed.ID() != s.moves(p)[len(s.moves(p))-2].id {
		t.Fatalf("%v %v", out, err)
	}
	if err := s.RemoveFromRecruitment(p.recruitment, p.employee); err != nil {
		t.Fatal(err)
	}
	for row := range s.Truth("history") {
		if refID(row.Value("employee")) == p.employee && refID(row.Value("recruitment")) == p.recruitment {
			t.Errorf("row %v is left", row)
		}
	}
	if slices.Contains(s.applicants(p.recruitment), p.employee) || slices.Contains(s.applicationsOf(p.employee), p.recruitment) {
		t.Error("the candidate is still in the recruitment")
	}
	if _, err := s.Apply(p.recruitment, p.employee); err != nil {
		t.Error(err)
	}
	if !slices.Contains(s.applicants(p.recruitment), p.employee) || len(s.moves(p)) != 1 {
		t.Error("the candidate is not back in the recruitment")
	}
	if err := s.DeleteRecruitment(p.recruitment); err != nil {
		t.Fatal(err)
	}
	if a := c.get(t, fmt.Sprintf("/recruitments/%d/employees", p.recruitment)); a.status != 404 {
		t.Errorf("deleted recruitment: %d", a.status)
	}
}

func TestWorkflowChanges(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	states := func() (out []string) {
		for _, st := range c.get(t, "/workflows/4").row(t)["states"].([]any) {
			st := st.(map[string]any)
			out = append(out, fmt.Sprintf("%v %v %.0f", st["id"], st["name"], st["order"]))
		}
		return out
	}
	before := states()
	a := do(t, s, "POST", "/_sandbox/workflows/4/states", `{"name":"Kawa","type":"interview"}`)
	if a.status != 201 || len(states()) != len(before)+1 || !strings.Contains(states()[12], "Kawa 12") {
		t.Errorf("added: %d %v", a.status, states())
	}
	do(t, s, "PATCH", "/_sandbox/workflows/4/states/19", `{"name":"Świeży"}`)
	if states()[0] != "19 Świeży 0" {
		t.Errorf("renamed: %v", states())
	}
	for row := range s.Truth("history") {
		if st := row.Value("workflow_state").(Row); st.ID() == 19 && st.Value("name") != "Świeży" {
			t.Fatalf("history has %v", st)
		}
	}
	do(t, s, "DELETE", "/_sandbox/workflows/4/states/23", "")
	if len(states()) != len(before) || strings.Contains(fmt.Sprint(states()), "Screening") {
		t.Errorf("removed: %v", states())
	}
	found := false
	for row := range s.Truth("history") {
		found = found || row.Value("workflow_state").(Row).Value("name") == "Screening"
	}
	if !found {
		t.Error("history lost the removed state")
	}
	var ids []int
	for _, st := range s.workflows[0].states {
		if st.order < orderGood {
			ids = append(ids, st.id)
		}
	}
	slices.Reverse(ids)
	raw, _ := json.Marshal(ids)
	if a := do(t, s, "PUT", "/_sandbox/workflows/4/order", string(raw)); a.status != 200 || !strings.HasSuffix(states()[0], "Kawa 0") {
		t.Errorf("ordered: %d %v", a.status, states())
	}
	if a := do(t, s, "PUT", "/_sandbox/workflows/4/order", "[19]"); a.status != 400 {
		t.Errorf("bad order: %d", a.status)
	}
	if got := c.get(t, "/workflows").rows(t)[0]["updated_at"]; got != Stamp(testNow.Unix()).String() {
		t.Errorf("updated_at %v", got)
	}
}

func TestAdvertChanges(t *testing.T) {
	s := testSandbox(t, Config{})
	rid := s.recruitments.at(59).ID()
	a := do(t, s, "POST", "/_sandbox/adverts", fmt.Sprintf(`{"advert":{"name":"Latarnik","recruitment":{"id":%d}}}`, rid))
	if a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id := int(a.row(t)["id"].(float64))
	feed := func() map[string]any {
		rows := do(t, s, "GET", "/public/job_posts/published", "", "X-Request-Filter", fmt.Sprintf(`{"id":{"value":%d,"comparison":"="}}`, id)).rows(t)
		if len(rows) == 0 {
			return nil
		}
		return rows[0]
	}
	if diff := cmp.Diff(a.row(t), feed()); diff != "" {
		t.Error(diff)
	}
	b := do(t, s, "PATCH", fmt.Sprintf("/_sandbox/adverts/%d", id), `{"advert":{"name":"Latarniczka"},"options":{"remote":"1"},"valid_end":"2027-01-01 12:00:00"}`)
	got := feed()
	if diff := cmp.Diff(b.row(t), got); diff != "" {
		t.Error(diff)
	}
	advert := got["advert"].(map[string]any)
	if advert["name"] != "Latarniczka" || advert["recruitment"].(map[string]any)["id"] != float64(rid) || got["options"].(map[string]any)["remote"] != "1" {
		t.Errorf("advert %v", got)
	}
	if err := s.Unpublish(id); err != nil || feed() != nil {
		t.Errorf("unpublished: %v %v", err, feed())
	}
	p, err := s.Publish(rid, Patch{"valid_end": testNow.Add(-time.Hour)})
	if err != nil || s.published(p) {
		t.Errorf("an advert of the past is shown: %v %v", p, err)
	}
	if _, err := s.Publish(1, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("advert of no recruitment: %v", err)
	}
	before := len(do(t, s, "GET", "/public/job_posts/published", "").rows(t))
	shown := 0
	for !s.published(s.adverts.at(shown)) {
		shown++
	}
	if _, err := s.UpdateRecruitment(advertRecruitment(s.adverts.at(shown)), Patch{"is_closed": true}); err != nil {
		t.Fatal(err)
	}
	if n := len(do(t, s, "GET", "/public/job_posts/published", "").rows(t)); n >= before {
		t.Errorf("%d adverts before and %d after a recruitment was closed", before, n)
	}
}

func TestAdminEndpoints(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	do(t, s, "DELETE", "/_sandbox/requests", "")
	c.get(t, "/employees/1246")
	c.get(t, "/employees/1247")
	c.get(t, "/users/")
	var r Requests
	if err := json.Unmarshal(do(t, s, "GET", "/_sandbox/requests", "").body, &r); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, n := range r.Counts {
		if n.Endpoint == "GET /employees/{id}" {
			count += n.Count
		}
	}
	if r.Total != 3 || count != 2 || r.PeakConcurrent != 1 || r.PeakPerSecond < 1 {
		t.Errorf("requests %+v", r)
	}

	if a := do(t, s, "PUT", "/_sandbox/switches", `{"single.wrap":"true","nonsense":"1"}`); a.status != 400 || s.settings().yes("single.wrap") {
		t.Errorf("half a change of switches: %d", a.status)
	}
	if a := do(t, s, "PUT", "/_sandbox/switches", `{"rate.limit":"9"}`); a.status != 200 || s.settings().number("rate.limit") != 9 {
		t.Errorf("switches: %d", a.status)
	}
	if n := len(do(t, s, "GET", "/_sandbox/switches", "").rows(t)); n != len(switchEntries()) {
		t.Errorf("%d switches", n)
	}

	page := do(t, s, "GET", "/_sandbox/truth/history?after=100&limit=5", "").rows(t)
	if len(page) != 5 || page[0]["id"].(float64) <= 100 {
		t.Errorf("truth %v", page)
	}
	for _, bad := range []string{"truth/nothing", "truth/users?after=x"} {
		if a := do(t, s, "GET", "/_sandbox/"+bad, ""); a.status/100 != 4 || a.row(t)["error"] == nil {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	if a := do(t, s, "POST", "/_sandbox/random?seed=4&n=12", ""); len(a.rows(t)) != 12 {
		t.Errorf("random: %s", a.body)
	}
	if a := do(t, s, "POST", "/_sandbox/tokens/revoke", ""); a.row(t)["revoked"] != 1.0 {
		t.Errorf("revoke: %s", a.body)
	}
	docs := do(t, s, "GET", "/_sandbox/", "").row(t)
	api := docs["api"].([]any)
	if len(docs["admin"].([]any)) < 30 || len(api) < len(routes) || !slices.Contains(api, "PATCH "+apiBase+"/employees/{id}") {
		t.Errorf("docs %v", docs)
	}
	if got := do(t, s, "GET", "/_sandbox/credentials", "").row(t); got["base_url"] != "http://example.com" || got["client_secret"] != "sandbox-secret" {
		t.Errorf("credentials %v", got)
	}
	if a := do(t, s, "PATCH", "/_sandbox/employees/1246", strings.Repeat(" ", maxBody+1)); a.status != 400 {
		t.Errorf("large body: %d", a.status)
	}
}

func TestTenants(t *testing.T) {
	s := testSandbox(t, Config{Candidates: 30, Recruitments: 10, Adverts: 3})
	a := do(t, s, "GET", "/t/acme/_sandbox/truth/employees?limit=3", "").rows(t)
	b := do(t, s, "GET", "/_sandbox/truth/employees?limit=3", "").rows(t)
	same := do(t, s, "GET", "/t/demo/_sandbox/truth/employees?limit=3", "").rows(t)
	if cmp.Equal(a, b) || !cmp.Equal(b, same) {
		t.Error("tenants share data, or the main one has two sets")
	}
	if a := do(t, s, "GET", "/t/acme"+apiBase+"/users/", "", "Authorization", "Bearer "+newClient(t, s).token); a.status != 401 {
		t.Errorf("token of another tenant: %d", a.status)
	}
	opened := 0
	for i := range maxTenants + 5 {
		if _, err := s.Open(fmt.Sprintf("tenant%d", i)); err == nil {
			opened++
		} else if !errors.Is(err, ErrConflict) {
			t.Error(err)
		}
	}
	if opened != maxTenants-1 { // acme is one
		t.Errorf("opened %d", opened)
	}
	for _, c := range []Config{{Candidates: -1}, {Tenant: "a b"}, {Latency: -1}, {Workflows: 1000}, {Now: func() time.Time { return time.Time{} }}} {
		if _, err := New(c); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []Config{{Candidates: 1, Recruitments: 1, Users: 1, Adverts: 1, Workflows: 1}, {Candidates: 5, Recruitments: 200, Adverts: 1}} {
		tiny := testSandbox(t, c)
		if len(allTruth(tiny)) == 0 {
			t.Error("no data")
		}
	}
}
