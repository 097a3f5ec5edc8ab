package sandbox

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestToken(t *testing.T) {
	s := testSandbox(t, Config{})
	form := func(change url.Values) url.Values {
		v := url.Values{"client_id": {"demo_kladka"}, "client_secret": {"sandbox-secret"}, "grant_type": {"client_credentials"}, "scope": {"employee recruitment"}}
		for name := range change {
			v.Set(name, change.Get(name))
		}
		return v
	}
	const urlencoded = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		name   string
		change url.Values
		status int
		want   string
	}{
		{"good", nil, 200, ""},
		{"secret", url.Values{"client_secret": {"x"}}, 400, "invalid_client"},
		{"client", url.Values{"client_id": {"x"}}, 400, "invalid_client"},
		{"grant", url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		{"no grant", url.Values{"grant_type": {""}}, 400, "invalid_request"},
		{"scope", url.Values{"scope": {"employee everything"}}, 400, "invalid_scope"},
	} {
		a := do(t, s, "POST", "/oauth2/token", form(test.change).Encode(), "Content-Type", urlencoded)
		if got, _ := a.row(t)["error"].(string); a.status != test.status || got != test.want {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
	}

	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name := range form(nil) {
		_ = m.WriteField(name, form(nil).Get(name))
	}
	_ = m.Close()
	for kind, body := range map[string]string{
		urlencoded: form(nil).Encode(), m.FormDataContentType(): body.String(),
		"application/json": `{"client_id":"demo_kladka","client_secret":"sandbox-secret","grant_type":"client_credentials","scope":"employee recruitment"}`,
	} {
		a := do(t, s, "POST", "/oauth2/token", body, "Content-Type", kind)
		row := a.row(t)
		id, _ := row["access_token"].(string)
		if len(id) != 40 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Errorf("%s: token %q", kind, id)
		}
		delete(row, "access_token")
		if diff := cmp.Diff(map[string]any{"expires_in": 2592000.0, "token_type": "Bearer", "scope": "employee recruitment"}, row); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	if a := do(t, s, "POST", "/oauth2/token", strings.Repeat("x", 1<<20), "Content-Type", urlencoded); a.status != 400 {
		t.Errorf("large body: %d", a.status)
	}
	if a := do(t, s, "GET", "/oauth2/token", ""); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

func TestTokenLife(t *testing.T) {
	now := testNow
	s := testSandbox(t, Config{Now: func() time.Time { return now }, Switches: map[string]string{"token.ttl": "1h"}})
	c := newClient(t, s)
	status := func(want int) {
		t.Helper()
		if a := c.get(t, "/users/"); a.status != want {
			t.Errorf("%d %s, want %d", a.status, a.body, want)
		}
	}
	status(200)
	now = now.Add(time.Hour)
	status(401)
	c = newClient(t, s)
	status(200)
	if n := s.RevokeTokens(); n != 1 {
		t.Errorf("revoked %d", n)
	}
	status(401)
	if a := do(t, s, "GET", apiBase+"/users/", ""); a.status != 401 || a.row(t)["error"] != "invalid_token" {
		t.Errorf("without token: %d %s", a.status, a.body)
	}
}

func TestScopes(t *testing.T) {
	s := testSandbox(t, Config{})
	for i := range routes {
		rt := &routes[i]
		if rt.scope == "" {
			continue
		}
		path := "/" + strings.ReplaceAll(rt.pattern, "{id}", "1")
		for _, scope := range []string{rt.scope, "message"} {
			c := client{s, tokenOf(t, s, "", "demo_kladka", scope)}
			a := c.get(t, path)
			if denied := a.status == 403; denied != (scope != rt.scope) {
				t.Errorf("%s with %s: %d", path, scope, a.status)
			}
		}
	}
	if err := s.Set("scopes.denied", "source, file"); err != nil {
		t.Fatal(err)
	}
	a := do(t, s, "POST", "/oauth2/token", `{"client_id":"demo_kladka","client_secret":"sandbox-secret","grant_type":"client_credentials","scope":"source user"}`)
	if got := a.row(t)["scope"]; got != "user" {
		t.Errorf("scope %v", got)
	}
	if a := newClient(t, s).get(t, "/sources"); a.status != 403 || a.row(t)["error"] != "insufficient_scope" {
		t.Errorf("denied: %d %s", a.status, a.body)
	}
}

func TestPaging(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	for _, test := range []struct {
		path, size, page       string
		status                 int
		count, applied, pages_ int
	}{
		{"/employees/", "", "", 200, 20, 20, 15},
		{"/employees", "50", "6", 200, 50, 50, 6},
		{"/employees/", "500", "3", 200, 100, 100, 3},
		{"/employees/", "100", "4", 200, 0, 100, 3},
		{"/employees/", "100", "999999999999", 200, 0, 100, 3},
		{"/employees/", "x", "-1", 200, 20, 20, 15},
		{"/workflows", "100", "", 200, 2, 100, 1},
		{"/workflows", "101", "", 400, 0, 0, 0},
		{"/sources", "50", "1", 200, 50, 50, 10},
		{"/sources", "51", "1", 500, 0, 0, 0},
		{"/users/", "7", "2", 200, 5, 7, 2},
	} {
		a := c.get(t, test.path, "X-Request-Page-Size", test.size, "X-Request-Current-Page", test.page)
		if a.status != test.status {
			t.Errorf("%+v: %d %s", test, a.status, a.body)
			continue
		}
		if test.status != 200 {
			continue
		}
		got := []int{len(a.rows(t)), a.number(t, "X-Result-Count"), a.number(t, "X-Result-Page-Size"), a.number(t, "X-Result-Total-Pages")}
		if diff := cmp.Diff([]int{test.count, test.count, test.applied, test.pages_}, got); diff != "" {
			t.Errorf("%+v: %s", test, diff)
		}
		if test.count == 0 && strings.TrimSpace(string(a.body)) != "[]" {
			t.Errorf("empty page is %s", a.body)
		}
	}
	if a := c.get(t, "/employees/"); a.number(t, "X-Result-Total-Count") != 300 || a.number(t, "X-Result-Current-Page") != 1 {
		t.Errorf("headers %v", a.header)
	}
}

func TestGhosts(t *testing.T) {
	s := testSandbox(t, Config{Switches: map[string]string{"ghosts": "employees:7"}})
	c := newClient(t, s)
	ids := func(rows []map[string]any) (out []float64) {
		for _, r := range rows {
			out = append(out, r["id"].(float64))
		}
		return out
	}
	want := ids(truth(t, s, "employees"))
	if diff := cmp.Diff(want, ids(c.walk(t, "/employees/", 100))); diff != "" {
		t.Error(diff)
	}
	desc := ids(c.walk(t, "/employees/", 30, "X-Request-Sort", `{"id":"DESC"}`))
	slices.Reverse(desc)
	if diff := cmp.Diff(want, desc); diff != "" {
		t.Error(diff)
	}
	a := c.get(t, "/employees/", "X-Request-Page-Size", "100", "X-Request-Current-Page", "2")
	if a.number(t, "X-Result-Total-Count") != 307 || a.number(t, "X-Result-Count") != 97 {
		t.Errorf("headers %v", a.header)
	}
	before := ids(a.rows(t))
	// Rows added at the end move neither ghosts nor pages.
	for range 150 {
		if _, err := s.AddEmployee(nil); err != nil {
			t.Fatal(err)
		}
	}
	a = c.get(t, "/employees/", "X-Request-Page-Size", "100", "X-Request-Current-Page", "2")
	if diff := cmp.Diff(before, ids(a.rows(t))); diff != "" {
		t.Error(diff)
	}
	for _, id := range want[:290] {
		if err := s.DeleteEmployee(int(id)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(ids(truth(t, s, "employees")), ids(c.walk(t, "/employees/", 10))); diff != "" {
		t.Error(diff)
	}

	persons := c.get(t, "/crm_persons/", "X-Request-Page-Size", "100")
	if total := persons.number(t, "X-Result-Total-Count"); total != len(persons.rows(t))+crmGhosts {
		t.Errorf("crm persons: total %d, %d rows", total, len(persons.rows(t)))
	}
}

func TestFilters(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	someone := s.employees.at(50)
	id, email := someone.ID(), someone.Value("email").(string)
	day := someone.Value("updated_at").(Stamp).String()[:10]
	for _, test := range []struct {
		path, filter string
		want         func(row map[string]any) bool // nil: 400
	}{
		{"employees", fmt.Sprintf(`{"id":{"value":%d,"comparison":"="}}`, id), func(r map[string]any) bool { return r["id"] == float64(id) }},
		{"employees", fmt.Sprintf(`{"id":{"value":"%d","comparison":">="}}`, id), func(r map[string]any) bool { return r["id"].(float64) >= float64(id) }},
		{"employees", fmt.Sprintf(`{"id":{"value":[%d,9],"comparison":"in"}}`, id), func(r map[string]any) bool { return r["id"] == float64(id) }},
		{"employees", fmt.Sprintf(`{"id":{"value":"%d,9","comparison":"in"}}`, id), func(r map[string]any) bool { return r["id"] == float64(id) }},
		{"employees", fmt.Sprintf(`{"id":{"value":%d,"comparison":"!="}}`, id), func(r map[string]any) bool { return r["id"] != float64(id) }},
		{"employees", fmt.Sprintf(`{"email":{"value":%q,"comparison":"="}}`, email), func(r map[string]any) bool { return r["email"] == email }},
		{"employees", `{"email":{"value":"%@example.org","comparison":"like"}}`, func(r map[string]any) bool {
			e, _ := r["email"].(string)
			return strings.HasSuffix(e, "@example.org")
		}},
		{"employees", `{"lastname":{"value":"ska","comparison":"like"}}`, func(r map[string]any) bool {
			l, _ := r["lastname"].(string)
			return strings.Contains(strings.ToLower(l), "ska")
		}},
		{"employees", `{"updated_at":{"value":"2026-06-15","comparison":">="}}`, func(r map[string]any) bool { return r["updated_at"].(string) >= "2026-06-15" }},
		{"employees", `{"updated_at":{"value":"2026-06-15 23:59:59","comparison":">="}}`, func(r map[string]any) bool { return r["updated_at"].(string) >= "2026-06-15" }},
		{"employees", `{"updated_at":{"value":"2026-06-15","comparison":"<="}}`, func(r map[string]any) bool { return r["updated_at"].(string) < "2026-06-16" }},
		{"employees", fmt.Sprintf(`{"updated_at":{"value":%q,"comparison":"="}}`, day), func(r map[string]any) bool { return r["updated_at"].(string)[:10] == day }},
		{"employees", `{"updated_at":{"value":"2025-01-01","comparison":">="},"status":{"value":"active","comparison":"="}}`, func(r map[string]any) bool {
			return r["updated_at"].(string) >= "2025-01-01" && r["status"] == "active"
		}},
		{"recruitments", `{"is_closed":{"value":"0","comparison":"="}}`, func(r map[string]any) bool { return r["is_closed"] == false }},
		{"recruitments", `{"updated_at":{"value":"2026-10-01","comparison":">="}}`, func(r map[string]any) bool { return r["updated_at"].(string) >= "2026-10-01" }},
		{"history", `{"created_at":{"value":"2026-10-01","comparison":">="}}`, func(map[string]any) bool { return true }},
		{"history", `{"updated_at":{"value":"2026-10-01","comparison":">="}}`, func(r map[string]any) bool { return r["updated_at"].(string) >= "2026-10-01" }},
		{"activities", `{"created_at":{"value":"2026-10-01","comparison":">="}}`, func(r map[string]any) bool { return r["created_at"].(string) >= "2026-10-01" }},
		{"employees", `{"nonsense":{"value":"1","comparison":"="}}`, nil},
		{"employees", `{"id":{"value":"1","comparison":"<"}}`, nil},
		{"employees", `{"updated_at":{"value":"yesterday","comparison":">="}}`, nil},
		{"employees", `{"id":`, nil},
		{"employees", `{"id":{"value":{},"comparison":"="}}`, nil},
	} {
		path := map[string]string{"employees": "/employees/", "recruitments": "/recruitments/", "history": "/employees/recruitment_history", "activities": "/employees/activities"}[test.path]
		if test.want == nil {
			if a := c.get(t, path, "X-Request-Filter", test.filter); a.status != 400 {
				t.Errorf("%s: %d", test.filter, a.status)
			}
			continue
		}
		want, got := []any{}, []any{}
		for _, r := range truth(t, s, test.path) {
			if test.want(r) {
				want = append(want, r["id"])
			}
		}
		for _, r := range c.walk(t, path, 100, "X-Request-Filter", test.filter) {
			got = append(got, r["id"])
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s %s: %d rows: %s", path, test.filter, len(want), diff)
		}
	}
	total := func(path string) int {
		return c.get(t, path, "X-Request-Filter", `{"created_at":{"value":"2026-10-01","comparison":">="}}`).number(t, "X-Result-Total-Count")
	}
	if n := total("/sources"); n == 0 || n == s.sources.len() {
		t.Errorf("sources since October: %d", n)
	}
	if err := s.Set("filter.ignore", "employees"); err != nil {
		t.Fatal(err)
	}
	if n := total("/employees/"); n != 300 {
		t.Errorf("ignored filter left %d", n)
	}
}

func TestSorts(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	for _, test := range []struct {
		path, sort, field string
		desc              bool
	}{
		{"/employees/", "", "id", false},
		{"/employees/", `{"id":"ASC"}`, "id", false},
		{"/employees/", `{"id":"DESC"}`, "id", true},
		{"/employees/", `{"sort_by":"id","direction":"DESC"}`, "id", true},
		{"/employees/", `{"sort_by":"updated_at","direction":"ASC"}`, "updated_at", false},
		{"/employees/", `{"updated_at":"desc"}`, "updated_at", true},
		{"/recruitments/", `{"name":"ASC"}`, "name", false},
		{"/employees/recruitment_history", `{"id":"DESC"}`, "id", true},
		{"/employees/recruitment_history", `{"date":"DESC"}`, "date", true},
	} {
		rows := c.walk(t, test.path, 100, "X-Request-Sort", test.sort)
		ordered := slices.IsSortedFunc(rows, func(a, b map[string]any) int {
			n := 0
			switch v := a[test.field].(type) {
			case float64:
				n = int(v - b[test.field].(float64))
			case string:
				n = strings.Compare(v, b[test.field].(string))
			}
			if test.desc {
				n = -n
			}
			return n
		})
		if !ordered {
			t.Errorf("%s %s: not in order", test.path, test.sort)
		}
	}
	for _, bad := range []string{`{"x":"ASC"}`, `{"id":"UP"}`, `nonsense`, `{"id":"ASC","name":"ASC"}`, `{}`} {
		if a := c.get(t, "/employees/", "X-Request-Sort", bad); a.status != 400 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	if err := s.Set("sort.ignore", "employees"); err != nil {
		t.Fatal(err)
	}
	if a, b := c.get(t, "/employees/"), c.get(t, "/employees/", "X-Request-Sort", `{"id":"DESC"}`); !cmp.Equal(a.rows(t), b.rows(t)) {
		t.Error("sort was not ignored")
	}
}

func TestPathsAndMethods(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	for _, name := range []string{"talents", "workflows", "sources", "provisions"} {
		for prefix, token := range map[string]string{"": c.token, "/t/other": tokenOf(t, s, "/t/other", "other_kladka", "")} {
			path := prefix + apiBase + "/" + name
			a := do(t, s, "GET", path+"/", "", "Authorization", "Bearer "+token)
			if a.status != 301 || a.header.Get("Location") != path {
				t.Errorf("%s/: %d to %q", path, a.status, a.header.Get("Location"))
			}
		}
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/employees/", 200},
		{"GET", "/employees", 200},
		{"GET", "/users/", 200},
		{"GET", "/dictionaries/", 200},
		{"GET", "/job_posts/", 404},
		{"GET", "/nothing", 404},
		{"GET", "/employees/1", 404},
		{"GET", "/employees/x", 404},
		{"GET", "/recruitments/1/states", 404},
		{"GET", "/employees/1/files", 404},
		{"GET", "/workflows/1", 404},
		{"GET", "/sources/1", 404},
		{"GET", "/dictionaries/1", 404},
		{"GET", "/forms/9", 404},
		{"GET", "/recruitments/1/states/19", 404},
		{"GET", "/employees/1/activities", 404},
		{"PUT", "/employees/", 405},
		{"POST", "/employees/1", 405},
		{"DELETE", "/users/1", 405},
		{"GET", "/recruitments/1/employees/1", 405},
		{"GET", "/employees/1/recruitments/1/states/1/_move", 405},
		{"PATCH", "/employees/1", 404},
		{"POST", "/employees/1/recruitments/1/states/1/_leave", 404},
	} {
		a := do(t, s, test.method, apiBase+test.path, "{}", "Authorization", "Bearer "+c.token)
		if a.status != test.status {
			t.Errorf("%s %s: %d", test.method, test.path, a.status)
		}
		if test.status >= 400 {
			if diff := cmp.Diff(map[string]any{"code": float64(test.status), "message": http.StatusText(test.status)}, a.row(t)); diff != "" {
				t.Errorf("%s %s: %s", test.method, test.path, diff)
			}
		}
	}
	a := do(t, s, "DELETE", apiBase+"/employees/1", "", "Authorization", "Bearer "+c.token)
	if got := a.header.Get("Allow"); got != "GET, PATCH, PUT" {
		t.Errorf("allowed: %s", got)
	}
	for _, bad := range []string{"/t/-x/api/integration/v2/users/", "/t//", "/t/a.b/oauth2/token", "/t/Unknown-firm/oauth2/token"} {
		if a := do(t, s, "GET", bad, ""); a.status != 503 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
}

func TestFiles(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	kinds := map[string]bool{}
	for pos := range 60 {
		e := decoded(t, s.employees.at(pos))
		base := fmt.Sprintf("/employees/%v/files", e["id"])
		files := c.get(t, base).rows(t)
		if len(files) != len(e["files"].([]any)) {
			t.Fatalf("candidate %v has %d files of %v", e["id"], len(files), e["files"])
		}
		for i, f := range files {
			if f["name"] != e["files"].([]any)[i].(map[string]any)["filename"] {
				t.Errorf("file %d of %v is %v", i, e["id"], f)
			}
			path := fmt.Sprintf("%s/%.0f", base, f["id"])
			if diff := cmp.Diff(f, c.get(t, path).row(t)); diff != "" {
				t.Error(diff)
			}
			a := c.get(t, path+"/content")
			kinds[a.header.Get("Content-Type")] = true
			if a.status != 200 || !bytes.Equal(a.body, c.get(t, path+"/content").body) {
				t.Errorf("%s: %d", path, a.status)
			}
			if strings.HasSuffix(f["name"].(string), ".pdf") && !bytes.HasPrefix(a.body, []byte("%PDF-")) {
				t.Errorf("%s is no PDF", path)
			}
		}
		if a := c.get(t, base+"/1/content"); a.status != 404 {
			t.Errorf("no such file: %d", a.status)
		}
	}
	if len(kinds) != 2 {
		t.Errorf("kinds of files: %v", kinds)
	}
}

func TestPublic(t *testing.T) {
	s := testSandbox(t, Config{})
	all := do(t, s, "GET", "/public/job_posts/published", "")
	rows := all.rows(t)
	published := 0
	for _, a := range truth(t, s, "adverts") {
		if a["published"] == true {
			published++
		}
	}
	if len(rows) != published || published < 15 || all.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d rows of %d published, %v", len(rows), published, all.header)
	}
	paged := do(t, s, "GET", "/public/job_posts/published", "", "X-Request-Page-Size", "7", "X-Request-Current-Page", "2")
	if diff := cmp.Diff(rows[7:14], paged.rows(t)); diff != "" || paged.number(t, "X-Result-Total-Count") != published {
		t.Error(diff, paged.header)
	}
	one := do(t, s, "GET", "/public/job_posts/published", "", "X-Request-Filter", fmt.Sprintf(`{"job_post_id":{"value":"%.0f","comparison":"="}}`, rows[3]["id"]))
	if diff := cmp.Diff(rows[3:4], one.rows(t)); diff != "" {
		t.Error(diff)
	}
	widget := do(t, s, "GET", "/public/an/list/?limit=5&offset=2", "").row(t)
	items := widget["items"].([]any)
	if widget["count"] != float64(published) || len(items) != 5 || items[0].(map[string]any)["advertPublishId"] != rows[2]["id"] {
		t.Errorf("widget %v", widget)
	}
	for _, name := range []string{"url", "application_form"} {
		u, _ := url.Parse(rows[0][name].(string))
		if a := do(t, s, "GET", u.RequestURI(), ""); a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d", u, a.status)
		}
	}
	if err := s.Set("adverts.hidden", "show"); err != nil {
		t.Fatal(err)
	}
	if n := len(do(t, s, "GET", "/public/job_posts/published", "").rows(t)); n != 25 {
		t.Errorf("%d adverts", n)
	}
}

// TestTruth walks every list and compares it with the truth.
func TestTruth(t *testing.T) {
	s := testSandbox(t, Config{Candidates: 150, Recruitments: 40})
	if _, err := s.Random(3, 150); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s)
	for path, entity := range map[string]string{
		"/users/": "users", "/clients/": "clients", "/crm_persons/": "crm_persons", "/sources": "sources",
		"/employees/recruitment_history": "history", "/employees/activities": "activities", "/recruitments/": "recruitments", "/employees/": "employees",
	} {
		want := truth(t, s, entity)
		for i := range want {
			for name := range want[i] {
				switch {
				case name == "tags":
					delete(want[i], name)
				case entity == "recruitments" && !slices.Contains(recruitmentListFields, name):
					delete(want[i], name)
				}
			}
		}
		if diff := cmp.Diff(want, c.walk(t, path, 50)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}

	recruitments := map[string]map[string]any{}
	for _, want := range truth(t, s, "recruitments") {
		id := fmt.Sprintf("%.0f", want["id"])
		recruitments[id] = want
		got := c.get(t, "/recruitments/"+id).row(t)
		delete(want, "is_confidential")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("recruitment %s: %s", id, diff)
		}
	}
	// Who is in a recruitment follows from the history.
	employees, want := map[string]bool{}, map[string][]string{}
	activities := map[string][]any{}
	for _, e := range truth(t, s, "employees") {
		id := fmt.Sprintf("%.0f", e["id"])
		employees[id] = true
		if diff := cmp.Diff(e["tags"], any(list(c.get(t, "/employees/"+id+"/tags").rows(t)))); diff != "" {
			t.Errorf("tags of %s: %s", id, diff)
		}
		for _, a := range c.walk(t, "/employees/"+id+"/activities", 50) {
			activities[id] = append(activities[id], a["id"])
		}
	}
	for _, r := range truth(t, s, "activities") {
		id := fmt.Sprintf("%.0f", r["employee"].(map[string]any)["id"])
		if employees[id] {
			if len(activities[id]) == 0 || activities[id][0] != r["id"] {
				t.Fatalf("activity %v is missing from candidate %s: %v", r["id"], id, activities[id])
			}
			activities[id] = activities[id][1:]
		}
	}
	for id, rest := range activities {
		if len(rest) > 0 {
			t.Errorf("candidate %s has activities %v beyond the global ones", id, rest)
		}
	}
	for _, r := range truth(t, s, "history") {
		e := fmt.Sprintf("%.0f", r["employee"].(map[string]any)["id"])
		rid := fmt.Sprintf("%.0f", r["recruitment"].(map[string]any)["id"])
		if employees[e] && recruitments[rid] != nil && !slices.Contains(want[rid], e) {
			want[rid] = append(want[rid], e)
		}
	}
	for rid := range recruitments {
		var got []string
		for _, e := range c.walk(t, "/recruitments/"+rid+"/employees", 50) {
			got = append(got, fmt.Sprintf("%.0f", e["id"]))
		}
		slices.Sort(got)
		slices.Sort(want[rid])
		if diff := cmp.Diff(want[rid], got); diff != "" {
			t.Errorf("employees of %s: %s", rid, diff)
		}
		inStates := 0
		for _, st := range c.get(t, "/recruitments/"+rid+"/states").rows(t) {
			inStates += c.get(t, fmt.Sprintf("/recruitments/%s/states/%v", rid, st["id"])).number(t, "X-Result-Total-Count")
		}
		if inStates > len(got) {
			t.Errorf("recruitment %s: %d in states, %d candidates", rid, inStates, len(got))
		}
	}
}

func list(rows []map[string]any) []any {
	out := []any{}
	for _, r := range rows {
		out = append(out, r)
	}
	return out
}

func TestFaults(t *testing.T) {
	var seen sync.Map
	s := testSandbox(t, Config{OnRequest: func(r *http.Request) { seen.Store(r.URL.Path, true) }})
	c := newClient(t, s)
	set := func(name, value string) {
		t.Helper()
		if err := s.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	set("fail.500", "0.5")
	failed := 0
	for range 200 {
		if c.get(t, "/users/").status == 500 {
			failed++
		}
	}
	if failed < 60 || failed > 140 {
		t.Errorf("%d of 200 failed", failed)
	}
	set("fail.500", "0")
	set("down", "503html")
	if a := c.get(t, "/users/"); a.status != 503 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("down: %d", a.status)
	}
	set("down", "none")
	set("rate.limit", "1")
	limited := 0
	for range 20 {
		if a := c.get(t, "/users/"); a.status == 429 {
			limited++
			if a.header.Get("Retry-After") != "1" {
				t.Errorf("headers %v", a.header)
			}
		}
	}
	if limited < 15 {
		t.Errorf("%d of 20 limited", limited)
	}
	set("rate.limit", "0")
	set("latency", "30ms")
	start := time.Now()
	c.get(t, "/users/")
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("took %v", took)
	}
	set("latency", "0s")
	if _, ok := seen.Load(apiBase + "/users/"); !ok {
		t.Error("OnRequest did not see the request")
	}

	server := httptest.NewServer(s)
	defer server.Close()
	set("down", "close")
	if res, err := fetch(t, server.URL+apiBase+"/users/"); err == nil {
		_ = res.Body.Close()
		t.Errorf("closed connection answered %s", res.Status)
	}
	if res, err := fetch(t, server.URL+"/_sandbox/switches"); err != nil {
		t.Error("admin endpoints are down too")
	} else {
		_ = res.Body.Close()
	}
	for name, value := range map[string]string{"nonsense": "1", "down": "maybe", "latency": "-1s", "fail.500": "2", "rate.limit": "x", "single.wrap": "perhaps"} {
		if err := s.Set(name, value); err == nil {
			t.Errorf("switch %s took %q", name, value)
		}
		if _, err := New(Config{Switches: map[string]string{name: value}}); err == nil {
			t.Errorf("New took switch %s = %q", name, value)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := testSandbox(t, Config{Candidates: 120})
	c := newClient(t, s)
	var group sync.WaitGroup
	for worker := range 6 {
		group.Go(func() {
			for i := range 25 {
				switch worker % 3 {
				case 0:
					if _, err := s.Random(uint64(worker*100+i), 3); err != nil {
						t.Error(err)
					}
					_ = s.Set("ghosts", "employees:"+strconv.Itoa(i%3))
				case 1:
					for _, path := range []string{"/employees/", "/employees/recruitment_history", "/employees/activities", "/sources", "/workflows/details", "/recruitments/"} {
						if a := c.get(t, path, "X-Request-Sort", `{"id":"DESC"}`); a.status != 200 {
							t.Errorf("%s: %d", path, a.status)
						}
					}
				case 2:
					for range s.Truth("employees") {
					}
					_ = s.Requests()
					if _, err := s.Open("t" + strconv.Itoa(i)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	if r := s.Requests(); r.Total == 0 || r.PeakConcurrent < 1 {
		t.Errorf("%+v", r)
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add(`{"id":{"value":"1","comparison":">="}}`, `{"id":"DESC"}`)
	f.Add(`{"updated_at":{"value":"2026-06-15","comparison":"in"},"name":{"value":"a%b","comparison":"like"}}`, `{"sort_by":"name","direction":"ASC"}`)
	f.Add(`{"files":{"value":null},"created_by":{"value":[1,true,"x"],"comparison":"in"}}`, `{"files":"ASC"}`)
	f.Add(`{"updated_at":{"value":"łłłłłłłł"}}`, `{}`)
	s := testSandbox(f, Config{Candidates: 20, Recruitments: 10})
	c := newClient(f, s)
	f.Fuzz(func(t *testing.T, filter, sort string) {
		a := c.get(t, "/employees/", "X-Request-Filter", filter, "X-Request-Sort", sort)
		if a.status != 200 && a.status != 400 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}
