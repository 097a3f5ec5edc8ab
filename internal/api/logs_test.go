package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// failureOf reads an error answer.
func failureOf(t *testing.T, res *http.Response) (code string, logURL *string) {
	t.Helper()
	var f struct {
		Error struct {
			Code   string
			LogURL *string `json:"log_url"`
		}
	}
	body := read(t, res)
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return f.Error.Code, f.Error.LogURL
}

// Every error about an integration says where its log entry is, and the entry is there.
func TestLogURL(t *testing.T) {
	b := newBench(t, nil)
	at := "/v1/integrations/" + full
	for name, c := range map[string]struct {
		method, url, body, integration string
		route                          string // of the entry; "none": there is no integration
	}{
		"handler":        {"GET", "/v1/ats/offers", "", full, "GET /v1/ats/offers"},
		"query":          {"GET", "/v1/ats/jobs?page_size=0", "", full, "GET /v1/ats/jobs"},
		"body":           {"POST", "/v1/force-sync", `{"type":1}`, full, "POST /v1/force-sync"},
		"no JSON":        {"PUT", at + "/enabled", `{`, "", "PUT /v1/integrations/{integration_id}/enabled"},
		"long body":      {"PUT", at + "/enabled", strings.Repeat("x", 2<<20), "", "PUT /v1/integrations/{integration_id}/enabled"},
		"no such":        {"GET", at + "/nothing", "", "", ""},
		"wrong method":   {"PATCH", at, "{}", "", ""},
		"no integration": {"GET", "/v1/ats/jobs", "", "", "none"},
		"removed":        {"GET", "/v1/ats/jobs", "", removed, "none"},
		"unknown":        {"GET", "/v1/integrations/x", "", full, "none"},
		"no such path":   {"GET", "/v1/nothing", "", "", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			res := b.do(c.method, c.url, c.body, on(c.integration))
			code, logURL := failureOf(t, res)
			id := res.Header.Get("X-Request-Id")
			if c.route == "none" {
				if logURL != nil {
					t.Errorf("log_url %s of a request about no integration", *logURL)
				}
				return
			}
			if logURL == nil || *logURL != "https://kladka.example.com/logs/"+id {
				t.Fatalf("log_url %v, want that of request %s", logURL, id)
			}
			r, err := b.store.Request(t.Context(), id)
			if err != nil {
				t.Fatalf("the entry is not there with the answer: %v", err)
			}
			if r.Route != c.route || r.Status != res.StatusCode || !r.Failed || r.Error == nil || !strings.HasPrefix(*r.Error, code+": ") || r.ResponseBody == nil {
				t.Errorf("entry %+v", r)
			}
			if c.body == `{"type":1}` && (r.RequestBody == nil || *r.RequestBody != c.body) {
				t.Errorf("the request's body is not kept: %+v", r)
			}
			if page := b.do("GET", strings.TrimPrefix(*logURL, "https://kladka.example.com"), "", nil); page.StatusCode != http.StatusOK {
				t.Errorf("the page answers %d", page.StatusCode)
			}
		})
	}
	if res := b.do("GET", "/v1/ats/offers", "", map[string]string{"X-Integration-Id": full, "Authorization": ""}); res.StatusCode != 401 {
		t.Errorf("without a key: %d", res.StatusCode)
	} else if _, logURL := failureOf(t, res); logURL != nil {
		t.Errorf("without a key there is an entry: %s", *logURL)
	}
}

func TestNoLog(t *testing.T) {
	b := newBench(t, func(d *api.Deps) { d.Trail = nil })
	res := b.do("GET", "/v1/ats/offers", "", on(full))
	if _, logURL := failureOf(t, res); logURL != nil {
		t.Errorf("log_url %s without a log", *logURL)
	}
	if body := read(t, b.do("GET", "/v1/integrations/"+full+"/requests", "", nil)); !strings.Contains(body, noResult) {
		t.Errorf("the log has %s", body)
	}
}

// What succeeds is logged without its body, unless it changed something; nobody's name is in an address.
func TestLoggedCalls(t *testing.T) {
	b := newBench(t, nil)
	b.do("GET", "/v1/ats/candidates?email=lucja%40example.com&first_name=%C5%81ucja&page_size=5", "", on(full))
	b.do("PUT", "/v1/integrations/"+full+"/enabled", `{"value":true}`, nil)
	b.do("GET", "/v1/integrations", "", nil)
	b.do("GET", "/healthz", "", on(full))
	b.do("GET", "/v1/ats/jobs", "", on(withData))
	b.deps.Trail.Flush(t.Context())
	i, err := b.store.Integration(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := b.store.Requests(t.Context(), store.RequestQuery{Integration: i.No, Limit: 10})
	if err != nil || len(rows) != 2 {
		t.Fatalf("%+v, %v", rows, err)
	}
	list, _ := b.store.Request(t.Context(), rows[1].ID)
	if list.Address != "/v1/ats/candidates?email=REDACTED&first_name=REDACTED&page_size=5" || list.ResponseBody != nil || list.ResponseSize == 0 || list.Failed {
		t.Errorf("a list: %+v", list)
	}
	change, _ := b.store.Request(t.Context(), rows[0].ID)
	if change.RequestBody == nil || *change.RequestBody != `{"value":true}` || change.ResponseBody == nil || change.Status != 200 {
		t.Errorf("a change: %+v", change)
	}
}

func TestListOfRequests(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	i, _ := b.store.Integration(t.Context(), full)
	other, _ := b.store.Integration(t.Context(), withData)
	row := func(id string, change func(*store.Request)) store.Request {
		r := store.Request{ID: id, Integration: i.No, Kind: store.ATSRequest, Method: "GET", Address: "https://x/", Status: 200, StartedAt: 1000, RequestBody: new("{}"), ResponseBody: new(`{"a":[1]}`)}
		change(&r)
		return r
	}
	const sync, child, call, late, foreign = "00000000000000a1", "00000000000000a2", "00000000000000a3", "00000000000000a4", "00000000000000a5"
	b.must2(func() error {
		return b.store.AddRequests(t.Context(), []store.Request{
			row(sync, func(r *store.Request) { r.Run, r.Status, r.Failed, r.Error = "run", 0, true, new("no answer") }),
			row(child, func(r *store.Request) { r.Parent, r.Action = call, "act" }),
			row(call, func(r *store.Request) {
				r.Kind, r.Route, r.Action, r.Status, r.Failed = store.APIRequest, "POST /v1/x", "act", 502, true
			}),
			row(late, func(r *store.Request) { r.Action = "act" }),
			row(foreign, func(r *store.Request) { r.Integration, r.Parent = other.No, call }),
		}, nil)
	})
	list := "/v1/integrations/" + full + "/requests"
	ids := func(url string) (out []string, next string) {
		t.Helper()
		res := b.do("GET", url, "", nil)
		body := read(t, res)
		j.check(t, httptest.NewRequest("GET", list, nil), res, body)
		var p struct {
			Data struct {
				Next    *string
				Results []struct{ ID string }
			}
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatalf("%s: %v: %s", url, err, body)
		}
		for _, r := range p.Data.Results {
			if strings.HasPrefix(r.ID, "00000000") { // not those of this test itself
				out = append(out, r.ID)
			}
		}
		if p.Data.Next != nil {
			next = *p.Data.Next
		}
		return out, next
	}
	for query, want := range map[string][]string{
		"?run=run": {sync}, "?action=act": {late, call, child}, "?action=act&failed=true": {call}, "?failed=true&kind=ats": {sync},
		"?kind=ats": {late, child, sync}, "?action=act&kind=api&failed=false": {call}, "?run=run&action=act": nil,
	} {
		if got, _ := ids(list + query); !cmp.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	var walked []string
	for next := ""; ; {
		page, more := ids(list + "?kind=ats&page_size=1" + next)
		walked = append(walked, page...)
		if more == "" {
			break
		}
		next = "&cursor=" + more
	}
	if want := []string{late, child, sync}; !cmp.Equal(walked, want) {
		t.Errorf("in pages: %q, want %q", walked, want)
	}

	res := b.do("GET", "/v1/requests/"+call, "", nil)
	body := read(t, res)
	j.check(t, httptest.NewRequest("GET", "/v1/requests/x", nil), res, body)
	if res.StatusCode != 200 || !strings.Contains(body, child) || !strings.Contains(body, late) || strings.Contains(body, foreign) || !strings.Contains(body, `"response_body":"{\"a\":[1]}"`) {
		t.Errorf("answered %d: %s", res.StatusCode, body)
	}
	b.must2(func() error { return b.store.RemoveIntegration(t.Context(), i.No, 0) })
	if res := b.do("GET", "/v1/requests/"+call, "", nil); res.StatusCode != 404 {
		t.Errorf("of a removed integration: %d", res.StatusCode)
	}
}

func TestLogPage(t *testing.T) {
	b := newBench(t, nil)
	i, _ := b.store.Integration(t.Context(), full)
	const call, child, attempt = "00000000000000b1", "00000000000000b2", "00000000000000b3"
	nasty := `<script>alert("Łucja & co")</script>`
	b.must2(func() error {
		return b.store.AddRequests(t.Context(), []store.Request{
			{ID: child, Integration: i.No, Kind: store.ATSRequest, Parent: call, Method: "POST", Address: "https://acme/" + nasty, Status: 400, Failed: true, ResponseBody: &nasty, Took: 7 * time.Millisecond},
			{ID: call, Integration: i.No, Kind: store.APIRequest, Method: "POST", Address: "/v1/x", Status: 502, Failed: true, Error: &nasty, RequestBody: new(`{"a":{"b":1}}`), RequestCut: true},
			{ID: attempt, Kind: store.ATSRequest, Method: "POST", Address: "https://acme/oauth2/token"},
		}, nil)
	})
	basic := func(user, password string) map[string]string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return map[string]string{"Authorization": r.Header.Get("Authorization")}
	}
	for name, c := range map[string]struct {
		url     string
		headers map[string]string
		status  int
		want    []string
	}{
		"by Bearer":          {"/logs/" + call, nil, 200, []string{"POST /v1/x", "POST https://acme/", "7 ms", "&#34;a&#34;: {\n", "There was more of it", "Łucja &amp; co"}},
		"by Basic":           {"/logs/" + call, basic("me", b.key), 200, []string{"POST /v1/x"}},
		"without a user":     {"/logs/" + call, basic("", b.key), 200, []string{"POST /v1/x"}},
		"one request":        {"/logs/" + child, nil, 200, []string{"https://acme/", call}},
		"attempt to connect": {"/logs/" + attempt, nil, 200, []string{"/oauth2/token", "no answer"}},
		"wrong key":          {"/logs/" + call, basic("me", "kladka_wrong"), 401, []string{"API key as the password"}},
		"key as the user":    {"/logs/" + call, basic(b.key, ""), 401, []string{"API key as the password"}},
		"no key":             {"/logs/" + call, map[string]string{"Authorization": ""}, 401, []string{"API key as the password"}},
		"unknown":            {"/logs/00000000000000ff", nil, 404, []string{"the log has no request"}},
		"no ID":              {"/logs/%3Cscript%3E", nil, 404, []string{"&lt;script&gt;"}},
		"unknown, no key":    {"/logs/x", map[string]string{"Authorization": ""}, 401, nil},
	} {
		t.Run(name, func(t *testing.T) {
			res := b.do("GET", c.url, "", c.headers)
			body := read(t, res)
			if res.StatusCode != c.status || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("answered %d, %s", res.StatusCode, res.Header.Get("Content-Type"))
			}
			for _, w := range c.want {
				if !strings.Contains(body, w) {
					t.Errorf("%q is missing from %s", w, body)
				}
			}
			if strings.Contains(strings.ToLower(body), "<script") || strings.Contains(body, b.key) || strings.Contains(body, "ZgotmplZ") {
				t.Errorf("the page holds what it must not: %s", body)
			}
			_, style, _ := strings.Cut(body, "<style>")
			style, _, _ = strings.Cut(style, "</style>")
			sum := sha256.Sum256([]byte(style))
			allowed := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
			if policy := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, allowed) || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
			if got := res.Header.Get("WWW-Authenticate"); (c.status == 401) != strings.HasPrefix(got, "Basic ") {
				t.Errorf("WWW-Authenticate %q", got)
			}
			if res.Header.Get("Cache-Control") != "no-store" {
				t.Error("the page may be kept")
			}
		})
	}
	if res := b.do("POST", "/logs/"+call, "", nil); res.StatusCode != 405 {
		t.Errorf("POST: %d", res.StatusCode)
	}
}

// busy is a log that cannot be written until somebody lets go.
type busy struct {
	*store.Store
	free chan struct{}
}

func (l busy) AddRequests(ctx context.Context, r []store.Request, m []store.RequestMention) error {
	<-l.free
	return l.Store.AddRequests(ctx, r, m)
}

// An answer that names its entry waits for it; any other does not.
func TestAnswersWaitForTheirEntry(t *testing.T) {
	log := busy{free: make(chan struct{})}
	b := newBench(t, func(d *api.Deps) {
		log.Store, _ = d.Store.(*store.Store)
		d.Trail = trail.New(trail.Config{Store: log})
		t.Cleanup(func() { _ = d.Trail.Close() })
	})
	if res := b.do("GET", "/v1/ats/jobs", "", on(full)); res.StatusCode != 200 {
		t.Fatal(res.StatusCode)
	}
	failed := make(chan *http.Response)
	go func() { failed <- b.do("GET", "/v1/ats/offers", "", on(full)) }()
	select {
	case <-failed:
		t.Error("the answer did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(log.free)
	res := <-failed
	if _, err := b.store.Request(t.Context(), res.Header.Get("X-Request-Id")); err != nil {
		t.Error(err)
	}
}

// A panic that breaks an answer off is in the log too.
func TestBrokenAnswersAreLogged(t *testing.T) {
	b := newBench(t, func(d *api.Deps) {
		d.Store = failing{Store: d.Store, page: func(context.Context) (store.Page, error) { panic("oh") }}
	})
	res := b.do("GET", "/v1/ats/jobs", "", on(full))
	_, logURL := failureOf(t, res)
	r, err := b.store.Request(t.Context(), res.Header.Get("X-Request-Id"))
	if err != nil || logURL == nil || r.Status != 500 || !r.Failed || strings.Contains(*r.Error, "oh") {
		t.Errorf("%+v, %v, log_url %v", r, err, logURL)
	}
}
