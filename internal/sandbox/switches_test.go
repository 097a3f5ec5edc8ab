package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// trial is a sandbox with a switch set, beside one of the same data without.
type trial struct {
	*testing.T
	s     *Sandbox
	c     client
	plain client
	now   time.Time
}

var (
	byID     = []string{"X-Request-Sort", `{"id":"ASC"}`}
	fallByID = []string{"X-Request-Sort", `{"id":"DESC"}`}
	byDocID  = []string{"X-Request-Sort", `{"sort_by":"id","direction":"DESC"}`}
)

func sized(size, page int) []string {
	return []string{"X-Request-Page-Size", fmt.Sprint(size), "X-Request-Current-Page", fmt.Sprint(page)}
}

func (b *trial) get(path string, header ...string) answer {
	b.Helper()
	return get(b, b.c, path, header...)
}

// status checks the status of an answer and returns it.
func (b *trial) status(want int, path string, header ...string) answer {
	b.Helper()
	a := b.get(path, header...)
	if a.status != want {
		b.Errorf("%s %v: status %d, want %d: %.200s", path, header, a.status, want, a.body)
	}
	return a
}

func (b *trial) same(what string, got, want any) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s (-want +got): %s", what, diff)
	}
}

// all reads a whole list, in the order of ids if that can be had.
func (b *trial) all(path string) []map[string]any {
	b.Helper()
	return b.c.walk(b, path, 50)
}

func (b *trial) ids(path string, header ...string) []float64 {
	b.Helper()
	var out []float64
	for _, r := range b.status(200, path, header...).rows(b) {
		out = append(out, r["id"].(float64))
	}
	return out
}

// employee is the path of candidate i, recruitment that of an open one with candidates.
func (b *trial) employee(i int) string { return fmt.Sprintf("/employees/%d", b.s.employees.at(i).ID()) }

func (b *trial) recruitment() string {
	for pos := b.s.recruitments.len() - 1; ; pos-- {
		if r := b.s.recruitments.at(pos); len(b.s.applicants(r.ID())) > 1 && r.Value("is_closed") == false {
			return fmt.Sprintf("/recruitments/%d", r.ID())
		}
	}
}

// tagged is the path of a candidate who has tags.
func (b *trial) tagged() string {
	for i := 0; ; i++ {
		if len(b.s.data.employeeTags(i)) > 0 {
			return b.employee(i) + "/tags"
		}
	}
}

// over asks over the network, where connections can end early.
func (b *trial) over(path, host string) (answer, error) {
	b.Helper()
	server := httptest.NewServer(b.s)
	defer server.Close()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+apiBase+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+b.c.token)
	res, err := server.Client().Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body}, err
}

func (b *trial) closed(path, host string) {
	b.Helper()
	if a, err := b.over(path, host); err == nil {
		b.Errorf("%s was answered %d", path, a.status)
	}
}

func (b *trial) html(a answer) {
	b.Helper()
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !bytes.HasPrefix(a.body, []byte("<!DOCTYPE html>")) {
		b.Errorf("not HTML: %v %.100s", a.header, a.body)
	}
}

// token asks for a token with changes of the usual form.
func (b *trial) token(change map[string]string) answer {
	b.Helper()
	form := map[string]string{"client_id": "demo_kladka", "client_secret": "sandbox-secret", "grant_type": "client_credentials"}
	maps.Copy(form, change)
	body, _ := json.Marshal(form)
	return do(b, b.s, "POST", "/oauth2/token", string(body), "Content-Type", "application/json")
}

// each looks at a field of all rows; has tells whether it is there.
func each(rows []map[string]any, field string, look func(v any, has bool)) {
	for _, r := range rows {
		v, has := r[field]
		look(v, has)
	}
}

func tally(rows []map[string]any, field string, is func(v any, has bool) bool) (n int) {
	each(rows, field, func(v any, has bool) {
		if is(v, has) {
			n++
		}
	})
	return n
}

func there(_ any, has bool) bool { return has }

func isNull(v any, has bool) bool { return has && v == nil }

func isText(v any, _ bool) bool { _, ok := v.(string); return ok }

func isObject(v any, _ bool) bool { _, ok := v.(map[string]any); return ok }

func isBlank(v any, _ bool) bool { return v == "" }

// at goes down into a decoded answer by names and numbers.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func (a answer) any(t testing.TB) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v in %.200s", err, a.body)
	}
	return v
}

type switchTest struct {
	name, value string
	with        map[string]string // further switches that it needs
	truth       bool              // whether the truth changes with it
	check       func(b *trial)
}

// switchTests show for each switch and value what a client sees.
var switchTests = []switchTest{
	{name: "page.max", value: "7", check: func(b *trial) {
		for _, path := range []string{"/employees/", "/users/", "/public/job_posts/published"} {
			a := b.status(200, path, sized(50, 1)...)
			b.same(path, []int{len(a.rows(b)), a.number(b, "X-Result-Page-Size")}, []int{7, 7})
		}
	}},
	{name: "page.strict", value: "employees,adverts", check: func(b *trial) {
		b.status(400, "/employees/", sized(101, 1)...)
		b.status(400, "/public/job_posts/published", sized(101, 1)...)
		b.status(200, "/workflows", sized(101, 1)...)
	}},
	{name: "page.beyond", value: "empty", check: func(b *trial) {
		a := b.status(200, "/users/", sized(5, 9)...)
		b.same("rows", string(a.body)+a.header.Get("X-Result-Current-Page"), "[]9")
	}},
	{name: "page.beyond", value: "last", check: func(b *trial) {
		a := b.status(200, "/users/", sized(5, 9)...)
		b.same("rows", a.rows(b), b.get("/users/", sized(5, 3)...).rows(b))
		b.same("page", a.number(b, "X-Result-Current-Page"), 3)
	}},
	{name: "page.beyond", value: "400", check: func(b *trial) { b.status(400, "/users/", sized(5, 9)...) }},
	{name: "page.beyond", value: "404", check: func(b *trial) {
		b.status(404, "/users/", sized(5, 9)...)
		b.status(200, "/users/", sized(5, 3)...)
	}},
	{name: "totals", value: "all", check: func(b *trial) { b.same("headers", resultHeaders(b.get("/users/")), 5) }},
	{name: "totals", value: "count", check: func(b *trial) {
		a := b.get("/users/")
		b.same("headers", resultHeaders(a), 4)
		b.same("pages", a.header.Get("X-Result-Total-Pages"), "")
	}},
	{name: "totals", value: "none", check: func(b *trial) { b.same("headers", resultHeaders(b.get("/users/")), 0) }},
	{name: "sources.limit", value: "10", check: func(b *trial) {
		b.status(500, "/sources", sized(11, 1)...)
		b.status(200, "/sources", sized(10, 1)...)
	}},
	{name: "sources.limit", value: "0", check: func(b *trial) { b.status(200, "/sources", sized(100, 1)...) }},
	{name: "ghosts", value: "employees:3,history:5, users:2,rejections:1,crm_persons:0", check: func(b *trial) {
		for path, ghosts := range map[string]int{
			"/employees/": 3, "/employees/recruitment_history": 5, "/users/": 2, b.recruitment() + "/rejections": 1, "/crm_persons/": 0, "/clients/": 0,
		} {
			for _, header := range [][]string{byID, {"X-Request-Sort", `{"id":"DESC"}`}} {
				total := b.get(path, header...).number(b, "X-Result-Total-Count")
				if shown := len(b.c.walk(b, path, 7, header...)); total-shown != ghosts {
					b.Errorf("%s: %d of %d shown, want all but %d", path, shown, total, ghosts)
				}
			}
		}
		b.same("sorted otherwise", b.get("/users/", "X-Request-Sort", `{"name":"ASC"}`).number(b, "X-Result-Total-Count"), 14)
	}},
	{name: "broken.rows", value: "employees:4,sources:2", check: func(b *trial) {
		total := b.s.employees.len()
		broken := func(header ...string) (places []int) {
			for n := range total {
				if b.get("/employees/", append(sized(1, n+1), header...)...).status == 500 {
					places = append(places, n)
				}
			}
			return places
		}
		places := broken()
		if len(places) != 4 || places[3]-places[0] < total/2 {
			b.Errorf("broken rows at %v of %d", places, total)
		}
		mirrored := broken(fallByID...)
		slices.Reverse(mirrored)
		for i := range mirrored {
			mirrored[i] = total - 1 - mirrored[i]
		}
		b.same("the other way round", mirrored, places)
		for n := range (total + 6) / 7 { // at any size
			want := 200
			if slices.ContainsFunc(places, func(p int) bool { return p/7 == n }) {
				want = 500
			}
			b.status(want, "/employees/", sized(7, n+1)...)
		}
		var added []int
		for range 10 {
			row, err := b.s.AddEmployee(nil)
			if err != nil {
				b.Fatal(err)
			}
			added = append(added, row.ID())
		}
		b.same("after additions", broken(), places)
		for _, id := range added {
			if err := b.s.DeleteEmployee(id); err != nil {
				b.Error(err)
			}
		}
	}},
	{name: "broken.endpoints", value: "history,recruitments/{id}/states,employees/{id}", check: func(b *trial) {
		b.status(500, "/employees/recruitment_history")
		b.status(500, b.recruitment()+"/states")
		b.status(500, b.employee(0))
		b.status(200, "/employees/")
	}},
	{name: "order", value: "id", check: func(b *trial) { b.same("ids", slices.IsSorted(b.ids("/employees/")), true) }},
	{name: "order", value: "desc", check: func(b *trial) {
		b.same("ids", b.ids("/employees/"), b.ids("/employees/", fallByID...))
		b.same("asked", slices.IsSorted(b.ids("/employees/", byID...)), true)
	}},
	{name: "order", value: "shuffled", with: map[string]string{"ghosts": "employees:3"}, check: func(b *trial) {
		rows := b.c.walk(b, "/employees/", 7)
		b.same("again", rows, b.c.walk(b, "/employees/", 7))
		var ids []float64
		each(rows, "id", func(v any, _ bool) { ids = append(ids, v.(float64)) })
		b.same("in order", slices.IsSorted(ids), false)
		slices.Sort(ids)
		b.same("rows", len(slices.Compact(ids)), b.s.employees.len())
		b.same("asked", slices.IsSorted(b.ids("/employees/", byID...)), true)
	}},
	{name: "order", value: "restless", check: func(b *trial) {
		b.same("same order twice", cmp.Equal(b.ids("/employees/", sized(60, 1)...), b.ids("/employees/", sized(60, 1)...)), false)
	}},
	{name: "churn", value: "1", truth: true, check: func(b *trial) {
		for range 60 {
			b.status(200, "/employees/recruitment_history")
		}
		if len(b.s.employees.gone) == 0 || len(b.s.employees.added) == 0 {
			b.Errorf("%d candidates gone, %d added", len(b.s.employees.gone), len(b.s.employees.added))
		}
	}},
	{name: "dangling", value: "history:4,activities:3,sources:2", check: func(b *trial) {
		for path, test := range map[string]struct {
			entity string
			extra  int
		}{"/employees/recruitment_history": {"history", 4}, "/employees/activities": {"activities", 3}, "/sources": {"sources", 2}} {
			rows, known := b.all(path), map[any]bool{}
			for _, r := range truth(b, b.s, test.entity) {
				known[r["id"]] = true
			}
			b.same(path+" rows", len(rows)-len(known), test.extra)
			b.same(path+" total", b.get(path).number(b, "X-Result-Total-Count"), len(rows))
			b.same(path+" in order", slices.IsSortedFunc(rows, func(x, y map[string]any) int { return int(x["id"].(float64) - y["id"].(float64)) }), true)
			for _, r := range rows {
				e, _ := at(r, "employee", "id").(float64)
				j, job := at(r, "recruitment", "id").(float64)
				if !known[r["id"]] && b.s.employees.has(int(e)) && (!job || b.s.recruitments.has(int(j))) {
					b.Errorf("%s: row %v refers to what exists", path, r)
				}
			}
		}
	}},

	{name: "filter.ignore", value: "history,/employees", check: func(b *trial) {
		for _, path := range []string{"/employees/", "/employees/recruitment_history"} {
			b.same(path, len(b.ids(path, "X-Request-Filter", `{"id":{"value":1}}`)), 20)
		}
		b.same("/users/", len(b.ids("/users/", "X-Request-Filter", `{"id":{"value":1}}`)), 0)
	}},
	{name: "filter.refuse", value: "users", check: func(b *trial) {
		b.status(400, "/users/", "X-Request-Filter", `{"id":{"value":1}}`)
		b.status(200, "/users/")
		b.status(200, "/employees/", "X-Request-Filter", `{"id":{"value":1}}`)
	}},
	{name: "filter.precision", value: "day", check: func(b *trial) { b.same("found", justAfter(b), true) }},
	{name: "filter.precision", value: "second", check: func(b *trial) { b.same("found", justAfter(b), false) }},
	{name: "filter.several", value: "all", check: func(b *trial) { b.same("ids", b.ids("/employees/", several(b)...), []float64(nil)) }},
	{name: "filter.several", value: "first", check: func(b *trial) { b.same("rows", len(b.ids("/employees/", several(b)...)), 1) }},
	{name: "filter.several", value: "refuse", check: func(b *trial) { b.status(400, "/employees/", several(b)...) }},
	{name: "sort.ignore", value: "activities", check: func(b *trial) {
		b.same("activities", b.ids("/employees/activities", fallByID...), b.ids("/employees/activities"))
		b.same("users", slices.IsSorted(b.ids("/users/", fallByID...)), false)
	}},
	{name: "sort.spelling", value: "either", check: func(b *trial) { b.same("falling", spellings(b), []bool{true, true, true, true}) }},
	{name: "sort.spelling", value: "field", check: func(b *trial) { b.same("falling", spellings(b), []bool{true, false, false, true}) }},
	{name: "sort.spelling", value: "documented", check: func(b *trial) { b.same("falling", spellings(b), []bool{false, true, false, true}) }},
	{name: "sort.unknown", value: "ignore", with: map[string]string{"sort.spelling": "field"}, check: func(b *trial) { b.status(200, "/users/", byDocID...) }},
	{name: "sort.unknown", value: "refuse", with: map[string]string{"sort.spelling": "field"}, check: func(b *trial) {
		b.status(400, "/users/", byDocID...)
		b.status(200, "/users/", byID...)
	}},

	{name: "host.www", value: "serve", check: func(b *trial) {
		if _, err := b.over("/users/", "www.demo.traffit.example"); err != nil {
			b.Error(err)
		}
	}},
	{name: "host.www", value: "refuse", check: func(b *trial) {
		b.closed("/users/", "www.demo.traffit.example")
		if _, err := b.over("/users/", "demo.traffit.example"); err != nil {
			b.Error(err)
		}
	}},
	{name: "redirects", value: "bare", check: func(b *trial) { b.same("statuses", redirects(b), []int{301, 200, 200, 200}) }},
	{name: "redirects", value: "none", check: func(b *trial) { b.same("statuses", redirects(b), []int{200, 200, 200, 200}) }},
	{name: "redirects", value: "slash", check: func(b *trial) {
		b.same("statuses", redirects(b), []int{301, 200, 200, 301})
		b.same("location", b.get("/employees").header.Get("Location"), apiBase+"/employees/")
		b.status(200, "/employees/recruitment_history")
	}},
	{name: "down", value: "none", check: func(b *trial) { b.status(200, "/users/") }},
	{name: "down", value: "503html", check: func(b *trial) { b.html(b.status(503, "/users/")) }},
	{name: "down", value: "200html", check: func(b *trial) { b.html(b.status(200, "/users/")) }},
	{name: "down", value: "close", check: func(b *trial) { b.closed("/users/", "") }},

	{name: "fail.500", value: "0.3", check: func(b *trial) {
		failed := 0
		for range 200 {
			if b.get("/users/").status == 500 {
				failed++
			}
		}
		if failed < 30 || failed > 90 {
			b.Errorf("%d of 200 failed", failed)
		}
	}},
	{name: "fail.503html", value: "1", check: func(b *trial) {
		b.html(b.status(503, "/users/"))
		b.same("token", b.token(nil).status, 503)
	}},
	{name: "fail.cut", value: "1", check: func(b *trial) {
		a, err := b.over("/users/", "")
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(a.body) == 0 || a.status != 200 {
			b.Errorf("%d, %d bytes, %v", a.status, len(a.body), err)
		}
	}},
	{name: "fail.garbage", value: "1", check: func(b *trial) {
		pages, texts := 0, 0
		for range 20 {
			a := b.status(200, "/users/")
			switch {
			case json.Valid(a.body):
				b.Errorf("JSON: %s", a.body)
			case strings.HasPrefix(a.header.Get("Content-Type"), "text/html"):
				pages++
			case a.number(b, "Content-Length") == len(a.body) && len(a.body) > 0:
				texts++
			}
		}
		if pages < 4 || texts < 4 || pages+texts != 20 {
			b.Errorf("%d pages and %d texts of 20", pages, texts)
		}
		b.same("token", b.token(nil).status, 200)
	}},
	{name: "fail.object", value: "1", check: func(b *trial) {
		b.same("list", len(b.status(200, "/users/").row(b)), 1)
		b.same("detail", b.status(200, b.employee(0)).row(b)["id"] != nil, true)
	}},
	{name: "fail.close", value: "1", check: func(b *trial) { b.closed("/users/", "") }},
	{name: "fail.429", value: "1", check: func(b *trial) { b.status(429, "/users/") }},
	{name: "burst", value: "4", with: map[string]string{"fail.429": "0.05"}, check: func(b *trial) {
		runs, run := 0, 0
		for range 200 {
			if b.get("/users/").status == 429 {
				run++
				continue
			}
			if run > 0 && run%4 != 0 {
				b.Errorf("%d answers of 429 in a row", run)
			}
			if run > 0 {
				runs++
			}
			run = 0
		}
		if runs < 2 {
			b.Errorf("%d bursts", runs)
		}
	}},
	{name: "rate.limit", value: "1", check: func(b *trial) {
		limited := 0
		for range 20 {
			if b.get("/users/").status == 429 {
				limited++
			}
		}
		if limited < 15 {
			b.Errorf("%d of 20 limited", limited)
		}
	}},
	{name: "retry.after", value: "seconds", with: map[string]string{"fail.429": "1"}, check: func(b *trial) {
		b.same("header", b.status(429, "/users/").header.Get("Retry-After"), "1")
	}},
	{name: "retry.after", value: "date", with: map[string]string{"fail.429": "1"}, check: func(b *trial) {
		b.same("header", b.status(429, "/users/").header.Get("Retry-After"), "Tue, 03 Nov 2026 14:30:01 GMT")
	}},
	{name: "retry.after", value: "none", with: map[string]string{"fail.429": "1"}, check: func(b *trial) {
		b.same("header", b.status(429, "/users/").header["Retry-After"], []string(nil))
	}},
	{name: "retry.seconds", value: "7", with: map[string]string{"fail.429": "1"}, check: func(b *trial) {
		b.same("header", b.status(429, "/users/").header.Get("Retry-After"), "7")
	}},
	{name: "latency", value: "20ms", check: func(b *trial) { b.same("late", took(b, b.employee(0)) >= 20*time.Millisecond, true) }},
	{name: "slow", value: "1", with: map[string]string{"slow.time": "20ms"}, check: func(b *trial) {
		b.same("list is late", took(b, "/users/") >= 20*time.Millisecond, true)
	}},
	{name: "slow.time", value: "40ms", with: map[string]string{"slow": "1"}, check: func(b *trial) {
		b.same("list is late", took(b, "/users/") >= 40*time.Millisecond, true)
	}},

	{name: "token.ttl", value: "1h", check: func(b *trial) { b.same("expires_in", b.token(nil).row(b)["expires_in"], any(3600.0)) }},
	{name: "token.life", value: "1m", check: func(b *trial) {
		row := b.token(nil).row(b)
		b.same("expires_in", row["expires_in"], any(2592000.0))
		b.c.token = row["access_token"].(string)
		b.status(200, "/users/")
		b.now = b.now.Add(time.Minute)
		b.status(401, "/users/")
	}},
	{name: "token.uses", value: "2", check: func(b *trial) {
		b.c = newClient(b, b.s)
		b.status(200, "/users/")
		b.status(200, "/users/")
		b.status(401, "/users/")
	}},
	{name: "client", value: "valid", check: func(b *trial) { b.status(200, "/users/") }},
	{name: "client", value: "v1", check: func(b *trial) {
		b.c.token = b.token(nil).row(b)["access_token"].(string)
		b.same("error", b.status(403, "/users/").row(b)["error"], any("invalid_token"))
		b.status(403, "/employees/1")
		b.status(200, "/public/job_posts/published")
	}},
	{name: "client", value: "deleted", check: func(b *trial) {
		b.status(401, "/users/") // with a token that was good
		a := b.token(nil)
		b.same("answer", []any{a.status, a.row(b)["error"]}, []any{400, "invalid_client"})
	}},
	{name: "client.v1", value: "403", with: map[string]string{"client": "v1"}, check: func(b *trial) { b.status(403, "/users/") }},
	{name: "client.v1", value: "401", with: map[string]string{"client": "v1"}, check: func(b *trial) { b.status(401, "/users/") }},
	{name: "client.v1", value: "404", with: map[string]string{"client": "v1"}, check: func(b *trial) {
		b.same("error", keysOf(b.status(404, "/users/").row(b)), "code message")
	}},
	{name: "scopes.denied", value: "source", check: func(b *trial) { b.status(403, "/sources") }},
	{name: "oauth.scopes", value: "narrow", with: map[string]string{"scopes.denied": "source"}, check: func(b *trial) {
		b.same("scope", b.token(map[string]string{"scope": "user source"}).row(b)["scope"], any("user"))
	}},
	{name: "oauth.scopes", value: "refuse", with: map[string]string{"scopes.denied": "source"}, check: func(b *trial) {
		a := b.token(map[string]string{"scope": "user source"})
		b.same("answer", []any{a.status, a.row(b)["error"]}, []any{400, "invalid_scope"})
		b.same("without", b.token(map[string]string{"scope": "user"}).status, 200)
	}},
	{name: "oauth.error", value: "oauth", check: func(b *trial) { b.same("error", keysOf(badLogin(b).row(b)), "error error_description") }},
	{name: "oauth.error", value: "message", check: func(b *trial) { b.same("error", keysOf(badLogin(b).row(b)), "message") }},
	{name: "oauth.error", value: "html", check: func(b *trial) { b.html(badLogin(b)) }},
	{name: "scope.missing", value: "403", with: map[string]string{"scopes.denied": "source"}, check: func(b *trial) {
		b.same("error", b.status(403, "/sources").row(b)["error"], any("insufficient_scope"))
	}},
	{name: "scope.missing", value: "401", with: map[string]string{"scopes.denied": "source"}, check: func(b *trial) { b.status(401, "/sources") }},
	{name: "scope.missing", value: "404", with: map[string]string{"scopes.denied": "source"}, check: func(b *trial) {
		b.same("error", keysOf(b.status(404, "/sources").row(b)), "code message")
	}},
	{name: "error.shape", value: "code", check: func(b *trial) { b.same("error", keysOf(b.status(404, "/employees/1").row(b)), "code message") }},
	{name: "error.shape", value: "message", check: func(b *trial) {
		b.same("error", keysOf(b.status(404, "/employees/1").row(b)), "message")
		b.c.token = "none"
		b.same("denied", keysOf(b.status(401, "/users/").row(b)), "message")
	}},
	{name: "error.shape", value: "error", check: func(b *trial) { b.same("error", keysOf(b.status(404, "/employees/1").row(b)), "error") }},
	{name: "error.shape", value: "symfony", check: func(b *trial) {
		b.same("error", keysOf(b.status(400, "/users/", "X-Request-Sort", "x").row(b)), "code errors message")
	}},
	{name: "error.shape", value: "html", check: func(b *trial) { b.html(b.status(404, "/employees/1")) }},
	{name: "gone.status", value: "404", check: func(b *trial) { b.status(404, "/employees/1") }},
	{name: "gone.status", value: "410", check: func(b *trial) {
		for _, path := range []string{"/employees/1", "/employees/1/files", "/employees/1/files/1/content", "/recruitments/1/states"} {
			b.status(410, path)
		}
		b.status(404, "/nothing")
	}},

	{name: "empty", value: "seen", check: func(b *trial) {
		rows := b.all("/employees/")
		b.same("null, blank and absent", []bool{tally(rows, "mobile", isNull) > 0, tally(rows, "mobile", isBlank) > 0, tally(rows, "created_by", there) < len(rows)}, []bool{true, true, true})
	}},
	{name: "empty", value: "null", check: func(b *trial) {
		rows := b.all("/employees/")
		b.same("null, blank", []bool{tally(rows, "mobile", isNull) > 0, tally(rows, "mobile", isBlank) > 0}, []bool{true, false})
		b.same("created_by", []bool{tally(rows, "created_by", there) == len(rows), tally(rows, "created_by", isNull) > 0}, []bool{true, true})
	}},
	{name: "empty", value: "absent", check: func(b *trial) {
		rows := append(b.all("/employees/"), b.all(b.recruitment()+"/employees")...)
		b.same("null, blank", []int{tally(rows, "mobile", isNull), tally(rows, "mobile", isBlank)}, []int{0, 0})
		b.same("absent", tally(rows, "mobile", there) < len(rows), true)
		b.same("closing_date", tally(b.all("/recruitments/"), "closing_date", isNull), 0)
	}},
	{name: "empty", value: "text", check: func(b *trial) {
		rows := b.all("/employees/")
		b.same("null, blank", []bool{tally(rows, "mobile", isNull) > 0, tally(rows, "mobile", isBlank) > 0}, []bool{false, true})
	}},
	{name: "sparse", value: "1", check: func(b *trial) {
		for _, path := range []string{"/employees/", "/recruitments/"} {
			want := b.plain.walk(b, path, 50)
			for i, r := range b.all(path) {
				if len(r) >= len(want[i]) {
					b.Errorf("%s: row %v is whole", path, r["id"])
				}
				for name := range want[i] {
					if _, has := r[name]; !has && (name == "id" || name[0] == '_') {
						b.Errorf("%s: row %v lacks %s", path, r["id"], name)
					}
				}
			}
		}
		b.same("detail", len(b.get(b.employee(0)).row(b)), len(get(b, b.plain, b.employee(0)).row(b)))
	}},
	{name: "stamps", value: "naive", check: func(b *trial) {
		each(b.all("/employees/"), "created_at", func(v any, _ bool) {
			if _, err := time.Parse(time.DateTime, v.(string)); err != nil {
				b.Error(err)
			}
		})
	}},
	{name: "stamps", value: "zoned", truth: true, check: func(b *trial) {
		b.same("truth", truth(b, b.s, "history")[0]["date"], b.all("/employees/recruitment_history")[0]["date"])
		plain := b.plain.walk(b, "/employees/recruitment_history", 50)
		for i, r := range b.all("/employees/recruitment_history") {
			got, err := time.Parse(time.RFC3339, r["date"].(string))
			if err != nil || got.Format(time.DateTime) != plain[i]["date"] {
				b.Fatalf("%v for %v: %v", r["date"], plain[i]["date"], err)
			}
		}
		file := at(b.get(b.employee(1)).any(b), "files", 0, "file_uploaded")
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(file)); file != nil && err != nil {
			b.Error(err)
		}
		b.same("advert", strings.Contains(b.get("/public/job_posts/published").rows(b)[0]["valid_start"].(string), "T"), true)
	}},
	{name: "guid", value: "never", check: func(b *trial) { b.same("rows with guid", tally(b.all("/employees/"), "guid", there), 0) }},
	{name: "guid", value: "always", check: func(b *trial) {
		guids := map[any]bool{}
		for _, path := range []string{"/employees/", "/recruitments/", "/clients/"} {
			each(b.all(path), "guid", func(v any, has bool) {
				if guids[v] || !has {
					b.Errorf("%s: guid %v", path, v)
				}
				guids[v] = true
			})
		}
		b.same("detail", guids[b.get(b.employee(0)).row(b)["guid"]], true)
	}},
	{name: "schema", value: "seen", check: func(b *trial) { b.same("nrRef", declared(b, "/recruitments/")["nrRef"], nil) }},
	{name: "schema", value: "full", check: func(b *trial) {
		for _, path := range []string{"/recruitments/", "/employees/", "/users/"} {
			fields := declared(b, path)
			for _, r := range b.all(path) {
				for name := range r {
					if fields[name] == nil {
						b.Fatalf("%s: %s is not declared", path, name)
					}
				}
			}
		}
	}},
	{name: "schema", value: "ignored", check: func(b *trial) {
		b.same("rows", len(b.get("/employees/", "X-Response-Metadata", "true").rows(b)), 20)
	}},
	{name: "single.wrap", value: "false", check: func(b *trial) { b.get(b.employee(0)).row(b) }},
	{name: "single.wrap", value: "true", check: func(b *trial) { b.same("rows", len(b.get(b.employee(0)).rows(b)), 1) }},
	{name: "dirt", value: "40", truth: true, check: func(b *trial) {
		for _, test := range []struct {
			path, field string
			is          func(v any, has bool) bool
		}{
			{"/employees/", "mobile", func(v any, _ bool) bool { s, _ := v.(string); return len(s) > 30 }},
			{"/employees/", "lastname", func(v any, _ bool) bool { s, _ := v.(string); return s == "" || strings.Contains(s, "[") }},
			{"/recruitments/", "nrRef", func(v any, _ bool) bool { return v == "/12/08/2022/EP" }},
			{"/employees/recruitment_history", "workflow_state", func(v any, _ bool) bool { return at(v, "name") == "Zaakceptowany" }},
		} {
			was, is := tally(b.plain.walk(b, test.path, 50), test.field, test.is), tally(b.all(test.path), test.field, test.is)
			if is <= 2*was {
				b.Errorf("%s of %s: %d dirty, %d before", test.field, test.path, is, was)
			}
		}
		emails := map[any]int{}
		each(b.all("/employees/"), "email", func(v any, _ bool) { emails[v]++ })
		if len(emails) > 50 {
			b.Errorf("%d e-mails for 60 candidates", len(emails))
		}
		want := truth(b, b.s, "employees")
		for i, r := range b.all("/employees/") {
			delete(want[i], "tags")
			b.same("truth", r, want[i])
		}
		b.same("everything else", want[30]["candidate_location"], get(b, b.plain, b.employee(30)).row(b)["candidate_location"])
	}},

	{name: "recruitments.list", value: "seen", check: func(b *trial) { b.same("status", tally(b.all("/recruitments/"), "status", there), 0) }},
	{name: "recruitments.list", value: "full", check: func(b *trial) {
		want := truth(b, b.s, "recruitments")
		b.same("rows", b.all("/recruitments/"), want)
	}},
	{name: "recruitments.detail", value: "seen", check: func(b *trial) {
		_, has := b.get(b.recruitment()).row(b)["is_confidential"]
		b.same("is_confidential", has, false)
	}},
	{name: "recruitments.detail", value: "full", check: func(b *trial) {
		_, has := b.get(b.recruitment()).row(b)["is_confidential"]
		b.same("is_confidential", has, true)
	}},
	{name: "recruitments.status", value: "lies", with: map[string]string{"recruitments.list": "full"}, check: func(b *trial) { b.same("states", statuses(b), "active") }},
	{name: "recruitments.status", value: "tells", with: map[string]string{"recruitments.list": "full"}, check: func(b *trial) { b.same("states", statuses(b), "active closed") }},
	{name: "responsible.shape", value: "list", check: func(b *trial) { b.same("id", at(responsible(b), 0, "id") != nil, true) }},
	{name: "responsible.shape", value: "object", check: func(b *trial) { b.same("id", at(responsible(b), "id") != nil, true) }},
	{name: "responsible.shape", value: "user", check: func(b *trial) { b.same("id", at(responsible(b), 0, "user", "id") != nil, true) }},
	{name: "rejections.shape", value: "plain", check: func(b *trial) { b.same("keys", keysOf(b.get(b.recruitment() + "/rejections").rows(b)[0]), "id name") }},
	{name: "rejections.shape", value: "value", check: func(b *trial) { b.same("keys", keysOf(b.get(b.recruitment() + "/rejections").rows(b)[0]), "id value") }},
	{name: "rejections.shape", value: "wrapped", check: func(b *trial) {
		b.same("reason", at(b.get(b.recruitment()+"/rejections").any(b), "rejections", 0, "name"), any("Po CV"))
	}},
	{name: "rejections.ids", value: "global", check: func(b *trial) { b.same("ids", b.ids(b.recruitment() + "/rejections")[:2], []float64{31, 34}) }},
	{name: "rejections.ids", value: "recruitment", truth: true, check: func(b *trial) {
		open, known := 0, map[any]bool{}
		for _, r := range b.all("/recruitments/") {
			if r["is_closed"] == false {
				open++
				for _, id := range b.ids(fmt.Sprintf("/recruitments/%v/rejections", r["id"])) {
					if known[id] {
						b.Fatalf("reason %v twice", id)
					}
					known[id] = true
				}
			}
		}
		reasons := truth(b, b.s, "rejections")
		b.same("reasons", len(reasons), open*len(rejectionNames))
		for _, r := range reasons {
			if !known[r["id"]] {
				b.Errorf("reason %v is in no recruitment", r["id"])
			}
		}
		// An activity names the reason by the ID of its recruitment.
		rid, eid := 0, 0
		if _, err := fmt.Sscanf(b.recruitment(), "/recruitments/%d", &rid); err != nil {
			b.Fatal(err)
		}
		eid = b.s.applicants(rid)[0]
		w, _ := b.s.workflowFor(rid)
		bad, _ := w.of("end-bad")
		moved, err := b.s.MoveInRecruitment(rid, eid, Move{State: bad.id, Rejection: rid*100 + 2})
		if err != nil {
			b.Fatal(err)
		}
		if content := moved.Activity.Value("content").(string); !strings.Contains(content, fmt.Sprintf(`"rejection":{"id":%d,"name":"Po rozmowie"}`, rid*100+2)) {
			b.Error(content)
		}
		if _, err := b.s.MoveInRecruitment(rid, eid, Move{State: bad.id, Rejection: 34}); !errors.Is(err, ErrInvalid) {
			b.Errorf("another recruitment's reason: %v", err)
		}
	}},
	{name: "workflow.stamp", value: "moves", truth: true, check: func(b *trial) { b.same("moved", renamed(b), true) }},
	{name: "workflow.stamp", value: "still", truth: true, check: func(b *trial) { b.same("moved", renamed(b), false) }},
	{name: "states.order", value: "seen", check: func(b *trial) { b.same("orders", orders(b), []any{0.0, 1.0, 9999997.0, 9999999.0}) }},
	{name: "states.order", value: "plain", check: func(b *trial) { b.same("orders", orders(b), []any{0.0, 1.0, 12.0, 14.0}) }},
	{name: "states.order", value: "absent", check: func(b *trial) { b.same("orders", orders(b), []any{nil, nil, nil, nil}) }},
	{name: "states.rejection", value: "seen", check: func(b *trial) { b.same("flags", rejecting(b), []any{false, true}) }},
	{name: "states.rejection", value: "set", truth: true, check: func(b *trial) { b.same("flags", rejecting(b), []any{true, true}) }},

	{name: "location.shape", value: "seen", check: func(b *trial) {
		rows := b.all("/employees/")
		b.same("object, text, null", []bool{tally(rows, "candidate_location", isObject) > 0, tally(rows, "candidate_location", isText) > 0, tally(rows, "candidate_location", isNull) > 0}, []bool{true, true, true})
	}},
	{name: "location.shape", value: "object", truth: true, check: func(b *trial) {
		rows := b.all("/employees/")
		b.same("texts", tally(rows, "candidate_location", isText), 0)
		b.same("truth", tally(truth(b, b.s, "employees"), "candidate_location", isObject), tally(rows, "candidate_location", isObject))
	}},
	{name: "location.shape", value: "json", check: func(b *trial) {
		rows := append(b.all("/employees/"), b.all(b.recruitment()+"/employees")...)
		b.same("objects", tally(rows, "candidate_location", isObject), 0)
		b.same("JSON", tally(rows, "candidate_location", func(v any, _ bool) bool { s, _ := v.(string); return json.Valid([]byte(s)) }) > 0, true)
	}},
	{name: "notes.answer", value: "employee", check: func(b *trial) {
		b.same("id", fmt.Sprintf("/employees/%v", b.get(b.employee(3) + "/notes").row(b)["id"]), b.employee(3))
	}},
	{name: "notes.answer", value: "list", check: func(b *trial) {
		found := 0
		for i := range 20 {
			for _, r := range b.get(b.employee(i) + "/notes").rows(b) {
				b.same("type", at(r, "type", "value"), any("Notatka"))
				found++
			}
		}
		b.same("found", found > 0, true)
	}},
	{name: "files.vanish", value: "0.5", check: func(b *trial) {
		statuses := map[int]int{}
		for i := range 40 {
			for _, f := range b.get(b.employee(i) + "/files").rows(b) {
				path := fmt.Sprintf("%s/files/%.0f", b.employee(i), f["id"])
				b.status(200, path)
				statuses[b.get(path+"/content").status]++
			}
		}
		if len(statuses) != 2 || statuses[200] < 5 || statuses[404] < 5 {
			b.Errorf("statuses %v", statuses)
		}
	}},
	{name: "tags.shape", value: "plain", check: func(b *trial) { b.same("keys", keysOf(b.get(b.tagged()).rows(b)[0]), "id name") }},
	{name: "tags.shape", value: "value", check: func(b *trial) { b.same("keys", keysOf(b.get(b.tagged()).rows(b)[0]), "id value") }},
	{name: "tags.shape", value: "nested", check: func(b *trial) {
		r := b.get(b.tagged()).rows(b)[0]
		b.same("keys", keysOf(r)+" / "+keysOf(r["tag"].(map[string]any)), "id tag / id name")
		b.same("same id", r["id"] == at(r, "tag", "id"), false)
	}},
	{name: "tags.shape", value: "wrapped", check: func(b *trial) { b.same("name", at(b.get(b.tagged()).any(b), "tags", 0, "name") != nil, true) }},
	{name: "tags.shape", value: "missing", truth: true, check: func(b *trial) {
		b.status(404, b.tagged())
		each(truth(b, b.s, "employees"), "tags", func(v any, _ bool) { b.same("tags", v, any([]any{})) })
	}},
	{name: "history.end", value: "absent", check: func(b *trial) { b.same("ends", ends(b), []bool{true, false, false}) }},
	{name: "history.end", value: "null", check: func(b *trial) { b.same("ends", ends(b), []bool{false, true, false}) }},
	{name: "history.end", value: "text", check: func(b *trial) { b.same("ends", ends(b), []bool{false, false, true}) }},
	{name: "activity.content", value: "text", check: func(b *trial) {
		b.same("content", json.Valid([]byte(content(b, "/employees/activities").(string))), true)
	}},
	{name: "activity.content", value: "object", check: func(b *trial) {
		b.same("state", at(content(b, "/employees/activities"), "to_state", "id") != nil, true)
		b.same("own list", at(content(b, ""), "to_state", "id") != nil, true)
	}},
	{name: "activity.content", value: "nested", check: func(b *trial) {
		b.same("state", at(content(b, "/employees/activities"), "content", "to_state", "id") != nil, true)
	}},
	{name: "sources.value", value: "seen", check: func(b *trial) { b.same("labels", labels(b) > 0 && labels(b) < len(b.all("/sources")), true) }},
	{name: "sources.value", value: "absent", truth: true, check: func(b *trial) {
		b.same("labels", labels(b), 0)
		b.same("truth", truth(b, b.s, "sources"), b.all("/sources"))
	}},
	{name: "sources.value", value: "present", truth: true, check: func(b *trial) {
		b.same("labels", labels(b), len(b.all("/sources")))
		b.same("truth", truth(b, b.s, "sources"), b.all("/sources"))
	}},

	{name: "users.names", value: "seen", check: func(b *trial) { b.same("some", countNames(b) > 0 && countNames(b) < 12, true) }},
	{name: "users.names", value: "present", truth: true, check: func(b *trial) { b.same("all", countNames(b), 12) }},
	{name: "users.names", value: "absent", truth: true, check: func(b *trial) { b.same("none", countNames(b), 0) }},
	{name: "users.email", value: "seen", check: func(b *trial) { b.same("some", addresses(b) > 0 && addresses(b) < 12, true) }},
	{name: "users.email", value: "present", truth: true, check: func(b *trial) { b.same("all", addresses(b), 12) }},
	{name: "users.email", value: "username", truth: true, check: func(b *trial) {
		b.same("none", addresses(b), 0)
		before := truth(b, b.plain.s, "users")
		for i, u := range b.all("/users/") {
			if want, has := before[i]["email"]; has {
				b.same("username", u["username"], want)
			}
		}
	}},
	{name: "dictionary.shape", value: "object", check: func(b *trial) {
		b.same("label", at(b.get("/dictionaries/4").any(b), "items", 0, "value"), any("Notatka"))
	}},
	{name: "dictionary.shape", value: "list", check: func(b *trial) { b.same("label", at(b.get("/dictionaries/4").any(b), 0, "value"), any("Notatka")) }},
	{name: "dictionary.shape", value: "values", check: func(b *trial) {
		b.same("label", at(b.get("/dictionaries/4").any(b), "values", 0, "value"), any("Notatka"))
	}},

	{name: "adverts.hidden", value: "hide", check: func(b *trial) { b.same("some", len(b.get("/public/job_posts/published").rows(b)) < 12, true) }},
	{name: "adverts.hidden", value: "show", truth: true, check: func(b *trial) { b.same("all", len(b.get("/public/job_posts/published").rows(b)), 12) }},
	{name: "adverts.geolocation", value: "string", check: func(b *trial) { b.same("texts", geolocations(b, isText) > geolocations(b, isObject), true) }},
	{name: "adverts.geolocation", value: "object", check: func(b *trial) {
		b.same("texts", geolocations(b, isText), 0)
		b.same("objects", geolocations(b, isObject) > 0, true)
	}},
	{name: "adverts.options", value: "seen", check: func(b *trial) { b.same("texts and lists", options(b), []bool{true, true}) }},
	{name: "adverts.options", value: "text", check: func(b *trial) { b.same("texts and lists", options(b), []bool{true, false}) }},
	{name: "adverts.options", value: "list", check: func(b *trial) { b.same("texts and lists", options(b), []bool{false, true}) }},
	{name: "redirects.writes", value: "none", truth: true, check: func(b *trial) { b.same("statuses", b.writesTo(), []int{201, 201, 204, 204}) }},
	{name: "redirects.writes", value: "slash", truth: true, check: func(b *trial) {
		b.same("statuses", b.writesTo(), []int{301, 201, 301, 204})
		b.same("location", b.create("").header.Get("Location"), apiBase+"/employees/")
		b.status(200, "/employees")
	}},
	{name: "redirects.writes", value: "bare", truth: true, with: map[string]string{"redirects": "slash"}, check: func(b *trial) {
		b.same("statuses", b.writesTo(), []int{201, 301, 204, 301})
		b.status(301, "/employees")
	}},
	{name: "write.validation", value: "lenient", truth: true, check: func(b *trial) {
		id := b.newcomer()
		for _, body := range wrong {
			b.wrote(204, "PATCH", b.path(id), body)
		}
		b.same("row", b.get(b.path(id)).row(b)["status"], any("active"))
		b.wrote(204, "POST", b.path(id)+"/notes", `{"content":"x","public":true}`)
		accepted(b, b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x", "more", "x", "file[isPublic]", "perhaps"), 201, "")
	}},
	{name: "write.validation", value: "strict", truth: true, check: func(b *trial) {
		id := b.newcomer()
		before := allTruth(b.s)
		for _, body := range wrong {
			b.wrote(400, "PATCH", b.path(id), body)
			b.wrote(400, "POST", "/employees/", body)
		}
		b.wrote(400, "POST", b.path(id)+"/notes", `{"content":"x","public":true}`)
		b.same("extra part", b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x", "more", "x").status, 400)
		b.same("wrong part", b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x", "file[isPublic]", "perhaps").status, 400)
		b.same("effect", bytes.Equal(before, allTruth(b.s)), true)
		b.wrote(204, "PATCH", b.path(id), `{"name":"Ewa","email":"ewa@example.com","source":"Pracuj","status":"passive","_available_from":"2026-12-01","mobile":null}`)
	}},
	{name: "write.status", value: "seen", truth: true, check: func(b *trial) { b.same("answers", b.writeAll(), []string{"201+", "204", "201", "204", "204", "204"}) }},
	{name: "write.status", value: "200", truth: true, check: func(b *trial) {
		b.same("answers", b.writeAll(), []string{"200+", "200+", "200+", "200+", "200+", "200+"})
	}},
	{name: "write.status", value: "204", truth: true, check: func(b *trial) {
		b.same("answers", b.writeAll(), []string{"201+", "204", "204", "204", "204", "204"})
	}},
	{name: "write.errors", value: "json", check: func(b *trial) { b.same("code", b.wrote(404, "PATCH", "/employees/1", "{}").row(b)["code"], any(404.0)) }},
	{name: "write.errors", value: "text", check: func(b *trial) {
		a := b.wrote(404, "PATCH", "/employees/1", "{}")
		b.same("body", a.header.Get("Content-Type")+"|"+string(a.body), "text/plain; charset=UTF-8|Not Found")
	}},
	{name: "write.errors", value: "html", check: func(b *trial) {
		b.html(b.wrote(404, "PATCH", "/employees/1", "{}"))
		b.same("reads", b.status(404, "/employees/1").row(b)["code"], any(404.0))
	}},
	{name: "write.fail", value: "1", check: func(b *trial) {
		b.same("writes", b.create("a@example.com").status, 500)
		b.status(200, "/employees/")
	}},
	{name: "write.lost", value: "1", truth: true, check: func(b *trial) {
		if a, err := b.sendOver("POST", "/employees/", `{"email":"a@example.com"}`); err == nil {
			b.Errorf("answered %d", a.status)
		}
		b.same("effect", b.known("a@example.com"), 1)
		a, err := b.sendOver("POST", "/employees/", `{"email":"a@example.com"}`) // without effect
		b.same("refused", fmt.Sprint(a.status, err), "409 <nil>")
	}},
	{name: "write.unsure", value: "1", truth: true, check: func(b *trial) {
		b.same("status", b.create("a@example.com").status, 500)
		b.same("effect", b.known("a@example.com"), 1)
	}},
	{name: "write.late", value: "30s", truth: true, with: map[string]string{"write.unsure": "1"}, check: func(b *trial) {
		b.create("a@example.com")
		id := b.s.employees.at(0).ID()
		b.wrote(500, "POST", b.path(id)+"/notes", `{"content":"x"}`)
		b.now = b.now.Add(29 * time.Second)
		b.same("early", []int{b.known("a@example.com"), len(b.s.Notes(id)), len(b.s.WriteCounts())}, []int{0, 0, 0})
		b.create("a@example.com") // nothing knows of the first
		b.now = b.now.Add(time.Second)
		b.same("in time", []int{b.known("a@example.com"), len(b.s.Notes(id)), len(b.s.Writes())}, []int{1, 1, 2})
		b.same("the rest", do(b, b.s, "POST", "/_sandbox/writes/settle", "").row(b)["settled"], any(1.0))
		b.same("effect", b.known("a@example.com"), 2)
	}},
	{name: "create.duplicate", value: "409", check: func(b *trial) {
		b.same("message", strings.Contains(fmt.Sprint(b.again(409).row(b)["message"]), "already exists"), true)
	}},
	{name: "create.duplicate", value: "text", check: func(b *trial) {
		a := b.again(400)
		b.same("text", a.header.Get("Content-Type")+fmt.Sprint(bytes.Contains(a.body, []byte("already exists"))), "text/plain; charset=UTF-8true")
	}},
	{name: "create.duplicate", value: "html", check: func(b *trial) { b.html(b.again(409)) }},
	{name: "create.duplicate", value: "taken", truth: true, check: func(b *trial) { b.again(201) }},
	{name: "create.answer", value: "id", truth: true, check: func(b *trial) { b.same("answer", keysOf(b.create("").row(b)), "id") }},
	{name: "create.answer", value: "row", truth: true, check: func(b *trial) {
		row := b.create("a@example.com").row(b)
		b.same("answer", row, b.get(b.path(int(row["id"].(float64)))).row(b))
	}},
	{name: "create.answer", value: "wrapped", truth: true, check: func(b *trial) { b.same("answer", keysOf(b.create("").rows(b)[0]), "id") }},
	{name: "create.answer", value: "nested", truth: true, check: func(b *trial) {
		id, _ := at(b.create("").any(b), "employee", "id").(float64)
		b.status(200, b.path(int(id)))
	}},
	{name: "choice.write", value: "seen", truth: true, check: func(b *trial) { b.same("taken", b.choices(), "10 10 01 01") }},
	{name: "choice.write", value: "index", truth: true, check: func(b *trial) { b.same("taken", b.choices(), "10 10 10 10") }},
	{name: "choice.write", value: "label", truth: true, check: func(b *trial) { b.same("taken", b.choices(), "01 01 01 01") }},
	{name: "choice.write", value: "either", truth: true, check: func(b *trial) { b.same("taken", b.choices(), "11 11 11 11") }},
	{name: "assign.repeat", value: "400", truth: true, check: func(b *trial) { b.same("twice", b.assign(b.open(), 2), []int{204, 400}) }},
	{name: "assign.repeat", value: "409", truth: true, check: func(b *trial) { b.same("twice", b.assign(b.open(), 2), []int{204, 409}) }},
	{name: "assign.repeat", value: "ignored", truth: true, check: func(b *trial) {
		b.same("twice", b.assign(b.open(), 2), []int{204, 204})
		b.same("effects", b.s.WriteCounts()["assign"], 1)
	}},
	{name: "assign.closed", value: "accepted", truth: true, check: func(b *trial) { b.same("closed", b.assign(b.s.recruitments.at(0).ID(), 1), []int{204}) }},
	{name: "assign.closed", value: "refused", truth: true, check: func(b *trial) {
		b.same("closed", b.assign(b.s.recruitments.at(0).ID(), 1), []int{400})
		b.same("open", b.assign(b.open(), 1), []int{204})
	}},
	{name: "assign.state", value: "start", truth: true, check: func(b *trial) { b.same("state", b.landing(), "1") }},
	{name: "assign.state", value: "first", truth: true, check: func(b *trial) { b.same("state", b.landing(), "0") }},
	{name: "move.repeat", value: "ignored", truth: true, check: func(b *trial) { b.same("rows", b.moveTwice(204), 2) }},
	{name: "move.repeat", value: "again", truth: true, check: func(b *trial) { b.same("rows", b.moveTwice(204), 3) }},
	{name: "move.repeat", value: "refused", truth: true, check: func(b *trial) { b.same("rows", b.moveTwice(400), 2) }},
	{name: "reject.reason", value: "required", check: func(b *trial) {
		b.same("reject", b.reject(`{}`, `{"rejection_id":1}`, `{"rejection_id":"34"}`), []int{400, 400, 400})
	}},
	{name: "reject.reason", value: "optional", truth: true, check: func(b *trial) { b.same("reject", b.reject(`{}`, `{"rejection_id":1}`, ``), []int{204, 204, 204}) }},
	{name: "file.label", value: "ignored", truth: true, check: func(b *trial) {
		id := b.newcomer()
		accepted(b, b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x", "dictionary_file_type", "Życiorys"), 201, "")
		b.same("label", b.s.Uploads(id)[0].Label, "")
	}},
	{name: "file.label", value: "refused", truth: true, check: func(b *trial) {
		id := b.newcomer()
		b.same("unknown", b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x", "dictionary_file_type", "Życiorys").status, 400)
		accepted(b, b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x", "dictionary_file_type", "List motywacyjny"), 201, "")
		b.same("label", b.s.Uploads(id)[0].Label, "List motywacyjny")
	}},
	{name: "file.answer", value: "empty", truth: true, check: func(b *trial) { accepted(b, b.c.upload(b, b.employee(0)+"/files/", "a.pdf", "x"), 201, "") }},
	{name: "file.answer", value: "id", truth: true, check: func(b *trial) {
		id := b.c.upload(b, b.employee(0)+"/files/", "a.pdf", "x").row(b)["id"]
		b.same("content", string(b.status(200, fmt.Sprintf("%s/files/%.0f/content", b.employee(0), id)).body), "x")
	}},
	{name: "file.max", value: "10", truth: true, check: func(b *trial) {
		accepted(b, b.c.upload(b, b.employee(0)+"/files/", "a.pdf", "0123456789"), 201, "")
		b.same("larger", b.c.upload(b, b.employee(0)+"/files/", "a.pdf", "0123456789a").status, 413)
		b.same("uploads", b.s.WriteCounts()["upload"], 1)
	}},
	{name: "note.content", value: "plain", truth: true, check: func(b *trial) { b.same("note", b.note("a < b\nc"), any("a < b\nc")) }},
	{name: "note.content", value: "html", truth: true, check: func(b *trial) { b.same("note", b.note("a < b\nc"), any("a &lt; b<br>c")) }},
	{name: "tags.write", value: "post", truth: true, check: func(b *trial) { b.same("statuses", b.writeTags(), []int{204, 405, 204}) }},
	{name: "tags.write", value: "put", truth: true, check: func(b *trial) {
		b.same("statuses", b.writeTags(), []int{405, 204, 404})
		b.same("tags", len(b.get(b.tagged()).rows(b)), 2)
	}},
	{name: "tags.write", value: "missing", check: func(b *trial) { b.same("statuses", b.writeTags(), []int{405, 405, 404}) }},
}

func resultHeaders(a answer) (n int) {
	for name := range a.header {
		if strings.HasPrefix(name, "X-Result-") {
			n++
		}
	}
	return n
}

// justAfter tells whether a filter finds a row from a second after its date on.
func justAfter(b *trial) bool {
	e := b.s.employees.at(7)
	at := e.Value("updated_at").(Stamp) + 1
	filter := fmt.Sprintf(`{"updated_at":{"value":%q,"comparison":">="}}`, at)
	return slices.Contains(b.ids("/employees/", append(sized(100, 1), "X-Request-Filter", filter)...), float64(e.ID()))
}

// several is a filter whose first field finds a candidate, and whose second finds none.
func several(b *trial) []string {
	return []string{"X-Request-Filter", fmt.Sprintf(`{"id":{"value":%d},"created_at":{"value":"2000-01-01","comparison":"<="}}`, b.s.employees.at(4).ID())}
}

// spellings tells which spellings sort in the Integration API and in public.
func spellings(b *trial) (falling []bool) {
	for _, path := range []string{"/users/", "/public/job_posts/published"} {
		for _, sort := range [][]string{fallByID, byDocID} {
			ids := b.ids(path, sort...)
			falling = append(falling, ids[0] > ids[1])
		}
	}
	return falling
}

func redirects(b *trial) []int {
	var out []int
	for _, path := range []string{"/sources/", "/sources", "/employees/", "/employees"} {
		out = append(out, b.get(path).status)
	}
	return out
}

func took(b *trial, path string) time.Duration {
	start := time.Now()
	b.status(200, path)
	return time.Since(start)
}

func badLogin(b *trial) answer {
	a := b.token(map[string]string{"client_secret": "x"})
	b.same("status", a.status, 400)
	return a
}

func keysOf(row map[string]any) string { return strings.Join(slices.Sorted(maps.Keys(row)), " ") }

func declared(b *trial, path string) map[string]any {
	fields, _ := b.get(path, "X-Response-Metadata", "true").row(b)["fields"].(map[string]any)
	return fields
}

func statuses(b *trial) string {
	found := map[string]any{}
	each(b.all("/recruitments/"), "status", func(v any, _ bool) { found[v.(string)] = true })
	return keysOf(found)
}

func responsible(b *trial) any {
	for pos := 0; ; pos++ {
		r := b.s.recruitments.at(pos)
		if list, _ := r.Value("responsible_person").([]Row); len(list) > 0 {
			return b.get(fmt.Sprintf("/recruitments/%d", r.ID())).row(b)["responsible_person"]
		}
	}
}

// renamed renames a state and tells whether the workflow's date moved.
func renamed(b *trial) bool {
	before := b.get("/workflows").rows(b)[0]["updated_at"]
	do(b, b.s, "PATCH", "/_sandbox/workflows/4/states/19", `{"name":"Świeży"}`)
	b.same("name", at(b.get("/workflows/4").any(b), "states", 0, "name"), any("Świeży"))
	return b.get("/workflows").rows(b)[0]["updated_at"] != before
}

// orders are those of some states of a workflow, which must be the same everywhere.
func orders(b *trial) []any {
	var out []any
	states := at(b.get("/workflows/4").any(b), "states")
	for _, i := range []int{0, 1, 12, 14} {
		out = append(out, at(states, i, "order"))
	}
	b.same("details", at(b.get("/workflows/details").any(b), 0, "states"), states)
	for _, r := range b.all("/recruitments/") {
		for i, s := range b.get(fmt.Sprintf("/recruitments/%v/states", r["id"])).rows(b) {
			if at(s, "workflow", "id") == 4.0 {
				b.same("of a recruitment", s["order"], at(states, i, "order"))
			}
		}
	}
	return out
}

func rejecting(b *trial) (flags []any) {
	for i, w := range b.get("/workflows/details").rows(b) {
		for k, s := range w["states"].([]any) {
			if at(s, "type") == "end-bad" {
				flags = append(flags, at(s, "is_rejection"))
				b.same("truth", at(truth(b, b.s, "workflows")[i], "states", k, "is_rejection"), at(s, "is_rejection"))
			}
		}
	}
	return flags
}

// ends tells which forms of an end that is not there occur: absent, null, blank.
func ends(b *trial) []bool {
	rows := b.all("/employees/recruitment_history")
	return []bool{tally(rows, "end_date", there) < len(rows), tally(rows, "end_date", isNull) > 0, tally(rows, "end_date", isBlank) > 0}
}

// content is that of a stage change, in the global log or the candidate's.
func content(b *trial, path string) any {
	for _, a := range truth(b, b.s, "activities") {
		id, _ := at(a, "employee", "id").(float64)
		if at(a, "type", "value") != "Zmiana etapu" || !b.s.employees.has(int(id)) {
			continue
		}
		if path == "" {
			path = fmt.Sprintf("/employees/%.0f/activities", id)
		}
		for _, r := range b.all(path) {
			if r["id"] == a["id"] {
				return r["content"]
			}
		}
	}
	return nil
}

func labels(b *trial) int {
	return tally(b.all("/sources"), "dictionary_item", func(v any, _ bool) bool { return at(v, "value") != nil })
}

func countNames(b *trial) int {
	rows := b.all("/users/")
	b.same("truth", truth(b, b.s, "users"), rows)
	return tally(rows, "name", there)
}

func addresses(b *trial) int {
	rows := b.all("/users/")
	b.same("truth", truth(b, b.s, "users"), rows)
	return tally(rows, "email", there)
}

func geolocations(b *trial, is func(any, bool) bool) (n int) {
	for _, a := range b.get("/public/job_posts/published").rows(b) {
		for _, v := range at(a, "advert", "values").([]any) {
			if at(v, "field_id") == "geolocation" && is(at(v, "value"), true) {
				n++
			}
		}
	}
	return n
}

// options tells whether any options are texts, and any lists.
func options(b *trial) []bool {
	found := []bool{false, false}
	for _, a := range b.get("/public/job_posts/published").rows(b) {
		for _, v := range a["options"].(map[string]any) {
			_, list := v.([]any)
			found[0], found[1] = found[0] || isText(v, true), found[1] || list
		}
	}
	return found
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	size := Config{Candidates: 60, Recruitments: 20, Adverts: 12}
	plain := testSandbox(t, size)
	before := allTruth(plain)
	for _, test := range switchTests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			b := &trial{T: t, now: testNow, plain: newClient(t, plain)}
			config := size
			config.Now = func() time.Time { return b.now }
			b.s = testSandbox(t, config)
			b.c = newClient(t, b.s)
			set := map[string]string{test.name: test.value}
			maps.Copy(set, test.with)
			body, _ := json.Marshal(set)
			if a := do(t, b.s, "PUT", "/_sandbox/switches", string(body)); a.status != 200 {
				t.Fatalf("%s", a.body)
			}
			test.check(b)
			if changed := !bytes.Equal(before, allTruth(b.s)); changed != test.truth {
				t.Errorf("the truth changed: %v, want %v", changed, test.truth)
			}
		})
	}
}

// TestEverySwitchIsTested also tries values that must be refused.
func TestEverySwitchIsTested(t *testing.T) {
	s := testSandbox(t, Config{Candidates: 1, Recruitments: 1, Adverts: 1})
	bad := map[string][]string{
		"count":    {"", "x", "-1", "1.5", "1000000000000"},
		"fraction": {"", "x", "-0.1", "1.1", "NaN"},
		"duration": {"", "x", "-1s", "5"},
		"names":    {"nonsense", "users,nonsense", "employees/{x}"},
		"counts":   {"nonsense:1", "employees", "employees:", "employees:-1", "employees:x", "users/{id}:1"},
		"scopes":   {"nonsense", "user,nonsense"},
	}
	entries := switchEntries()
	for _, e := range entries {
		values := e.kind.values
		refused, isKind := bad[values[0]]
		switch {
		case isKind:
			values = []string{""} // any
		default:
			refused = []string{"", "nonsense"}
		}
		for _, value := range values {
			if !slices.ContainsFunc(switchTests, func(test switchTest) bool {
				return test.name == e.name && (value == "" || test.value == value)
			}) {
				t.Errorf("switch %s has no test with value %q", e.name, value)
			}
		}
		if e.about == "" || e.evidence == "" {
			t.Errorf("switch %s tells nothing of itself", e.name)
		}
		for _, value := range refused {
			if err := s.Set(e.name, value); !errors.Is(err, ErrInvalid) {
				t.Errorf("switch %s took %q: %v", e.name, value, err)
			}
			if _, err := New(Config{Switches: map[string]string{e.name: value}}); !errors.Is(err, ErrInvalid) {
				t.Errorf("New took switch %s = %q: %v", e.name, value, err)
			}
		}
	}
	for _, test := range switchTests {
		if !slices.ContainsFunc(entries, func(e switchEntry) bool { return e.name == test.name }) {
			t.Errorf("test of switch %s, which is not there", test.name)
		}
	}
	for name, value := range map[string]string{"filter.ignore": "users/{id}", "dangling": "employees:1", "page.max": "0", "burst": "0", "dirt": "0"} {
		if err := s.Set(name, value); !errors.Is(err, ErrInvalid) {
			t.Errorf("switch %s took %q", name, value)
		}
	}
	for _, w := range s.Switches() {
		if w.Name == "totals" {
			want := Switch{Name: "totals", Default: "all", Value: "all", Values: []string{"all", "count", "none"}, About: w.About}
			if diff := cmp.Diff(want, w); diff != "" || !strings.Contains(w.About, "seen") {
				t.Errorf("%s%s", w.About, diff)
			}
		}
	}
}
