package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// failing is a store whose pages fail.
type failing struct {
	api.Store
	page func(context.Context) (store.Page, error)
	key  func() error
}

func (f failing) Page(ctx context.Context, q store.Query) (store.Page, error) {
	if f.page == nil {
		return f.Store.Page(ctx, q)
	}
	return f.page(ctx)
}

func (f failing) KeyByPlain(ctx context.Context, plain string) (store.APIKey, error) {
	if f.key != nil {
		return store.APIKey{}, f.key()
	}
	return f.Store.KeyByPlain(ctx, plain)
}

func TestErrorsInside(t *testing.T) {
	secret := "pq: relation \"candidates\" of anna@example.com"
	for name, c := range map[string]struct {
		fail   failing
		status int
		want   string
		logged string
	}{
		"error": {failing{page: func(context.Context) (store.Page, error) { return store.Page{}, errors.New(secret) }}, 500, "PLATFORM.UNKNOWN_ERROR", "relation"},
		"panic": {failing{page: func(context.Context) (store.Page, error) { panic(secret) }}, 500, "PLATFORM.UNKNOWN_ERROR", "middleware.go"},
		"deadline": {failing{page: func(context.Context) (store.Page, error) {
			return store.Page{}, fmt.Errorf("read: %w", context.DeadlineExceeded)
		}}, 504, "PLATFORM.TASK_TIMED_OUT", "read: "},
		"remote": {failing{page: func(context.Context) (store.Page, error) {
			return store.Page{}, ats.Errorf(ats.RemoteUnavailable, "busy: %w", errors.New(secret))
		}}, 503, "REMOTE.SERVICE_UNAVAILABLE", "busy"},
		"no code": {failing{page: func(context.Context) (store.Page, error) { return store.Page{}, ats.Errorf("HRIS.SOMETHING", "odd") }}, 500, "PLATFORM.UNKNOWN_ERROR", "odd"},
		"keys":    {failing{key: func() error { return errors.New(secret) }}, 500, "PLATFORM.UNKNOWN_ERROR", "relation"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(d *api.Deps) { c.fail.Store = d.Store; d.Store = c.fail })
			j := newJudge(b)
			res := b.do("GET", "/v1/ats/jobs", "", on(full))
			body := read(t, res)
			j.check(t, httptest.NewRequest("GET", "/v1/ats/jobs", nil), res, body)
			if res.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("answered %d: %s", res.StatusCode, body)
			}
			if name != "remote" && (strings.Contains(body, "relation") || strings.Contains(body, "anna@")) {
				t.Errorf("the client sees the cause: %s", body)
			}
			if !strings.Contains(b.logs.String(), c.logged) {
				t.Errorf("the log does not name the cause: %s", b.logs)
			}
			if id := res.Header.Get("X-Request-Id"); id == "" || !strings.Contains(b.logs.String(), id) {
				t.Errorf("request ID %q is not in the log", id)
			} else if c.want == "PLATFORM.UNKNOWN_ERROR" && !strings.Contains(body, id) {
				t.Errorf("the answer does not name the request ID: %s", body)
			}
		})
	}
}

// TestGoneClient: a client that hangs up is no error of ours, whatever the database says of it.
func TestGoneClient(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	b := newBench(t, func(d *api.Deps) {
		d.Store = failing{Store: d.Store, page: func(context.Context) (store.Page, error) {
			hangUp()
			return store.Page{}, errors.New("interrupted")
		}}
	})
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/ats/jobs", nil)
	req.Header.Set("Authorization", "Bearer "+b.key)
	req.Header.Set("X-Integration-Id", full)
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, req)
	if w.Code != http.StatusRequestTimeout || strings.Contains(b.logs.String(), `"level":"ERROR"`) {
		t.Errorf("answered %d, logged %s", w.Code, b.logs)
	}
}

func TestGeneralSendsPlatformCodesOnly(t *testing.T) {
	b := newBench(t, func(d *api.Deps) {
		d.StartSync = func(context.Context, store.Integration, store.RunType, string) (store.Run, bool, error) {
			return store.Run{}, false, ats.Errorf(ats.CredentialsInvalid, "The ATS rejects the credentials.")
		}
	})
	res := b.do("POST", "/v1/force-sync", `{}`, on(full))
	body := read(t, res)
	newJudge(b).check(t, httptest.NewRequest("POST", "/v1/force-sync", nil), res, body)
	if res.StatusCode != 400 || !strings.Contains(body, "The ATS rejects the credentials.") {
		t.Errorf("answered %d: %s", res.StatusCode, body)
	}
}

func TestPaging(t *testing.T) {
	b := newBench(t, nil)
	type page struct {
		Data struct {
			Next    *string
			Results []struct {
				RemoteID string `json:"remote_id"`
				ID       string `json:"id"`
			}
		}
	}
	get := func(url, integration string) (page, int, string) {
		res := b.do("GET", url, "", on(integration))
		body := read(t, res)
		var p page
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		return p, res.StatusCode, body
	}
	for _, base := range []string{"/v1/ats/applications?page_size=1", "/v1/integrations?page_size=1", "/v1/integrations/" + full + "/integration-fields?page_size=1", "/v1/integrations/" + full + "/custom-fields?page_size=1"} {
		all, _, _ := get(strings.Replace(base, "page_size=1", "page_size=100", 1), full)
		if len(all.Data.Results) < 2 || all.Data.Next != nil {
			t.Fatalf("%s: %d results, next %v", base, len(all.Data.Results), all.Data.Next)
		}
		var walked page
		for next := ""; ; {
			p, status, body := get(base+next, full)
			if status != 200 || len(p.Data.Results) != 1 {
				t.Fatalf("%s%s answered %d: %s", base, next, status, body)
			}
			walked.Data.Results = append(walked.Data.Results, p.Data.Results...)
			if p.Data.Next == nil {
				break
			}
			// Clients may add padding and spell out defaults.
			next = "&include_deleted=false&cursor=" + *p.Data.Next + "%3D"
		}
		if diff := cmp.Diff(all.Data.Results, walked.Data.Results); diff != "" {
			t.Errorf("%s (-at once +in pages):\n%s", base, diff)
		}
	}

	first, _, _ := get("/v1/ats/jobs?page_size=1", full)
	cursor := "cursor=" + *first.Data.Next
	for name, c := range map[string]struct{ url, integration, want string }{
		"another list":        {"/v1/ats/candidates?" + cursor, full, "query.cursor: belongs to another list (ats_jobs)"},
		"another integration": {"/v1/ats/jobs?" + cursor, withData, "query.cursor: belongs to another integration"},
		"another version":     {"/v1/ats/jobs?cursor=OSBhIGIgYyBk", full, "another version of Kladka"},
		"another operation":   {"/v1/integrations?" + cursor, full, "belongs to another list"},
	} {
		if _, status, body := get(c.url, c.integration); status != 400 || !strings.Contains(body, c.want) {
			t.Errorf("%s: answered %d: %s", name, status, body)
		}
	}
}

func TestSyncsInPages(t *testing.T) {
	b := newBench(t, nil)
	var want []string
	for range 3 {
		for _, typ := range []string{"FULL", "DELTA"} {
			body := read(t, b.do("POST", "/v1/force-sync", fmt.Sprintf(`{"type":%q}`, typ), on(full)))
			_, id, _ := strings.Cut(body, `"sync_id":"`)
			run, err := b.store.ClaimRun(t.Context(), id[:24], "me", true)
			if err == nil {
				err = b.store.FinishRun(t.Context(), *run.Lease(), store.RunFailed, "REMOTE.SERVICE_UNAVAILABLE", "no answer", noTx)
			}
			if err != nil {
				t.Fatal(err)
			}
			want = append([]string{id[:24]}, want...)
			b.clock.advance(time.Second)
		}
	}
	var got []string
	next := ""
	for {
		var p struct {
			Data struct {
				Next    *string
				Results []struct{ ID, Error string }
			}
		}
		body := read(t, b.do("GET", "/v1/integrations/"+full+"/syncs?page_size=4"+next, "", nil))
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Data.Results {
			got = append(got, r.ID)
		}
		if p.Data.Next == nil {
			break
		}
		next = "&cursor=" + *p.Data.Next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
}

func TestRateLimit(t *testing.T) {
	b := newBench(t, func(d *api.Deps) { d.RPM = 3 })
	_, other, err := b.store.CreateKey(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Minute - time.Duration(b.clock.now().Second())*time.Second + 3*time.Second)
	ask := func(key string) (int, []string) {
		res := b.do("GET", "/v1/check-api-key", "", map[string]string{"Authorization": "Bearer " + key})
		h := res.Header
		if res.StatusCode == 429 && !strings.Contains(read(t, res), "PLATFORM.RATE_LIMIT_EXCEEDED") {
			t.Error("429 without its code")
		}
		return res.StatusCode, []string{h.Get("ratelimit-limit"), h.Get("ratelimit-remaining"), h.Get("ratelimit-reset"), h.Get("Retry-After")}
	}
	type answer struct {
		Status  int
		Headers []string
	}
	var got []answer
	note := func(status int, headers []string) { got = append(got, answer{status, headers}) }
	for range 4 {
		note(ask(b.key))
	}
	note(ask(other))
	b.clock.advance(56500 * time.Millisecond)
	note(ask(b.key))
	b.clock.advance(time.Second)
	note(ask(b.key))
	want := []answer{
		{200, []string{"3", "2", "57", ""}},
		{200, []string{"3", "1", "57", ""}},
		{200, []string{"3", "0", "57", ""}},
		{429, []string{"3", "0", "57", "57"}},
		{200, []string{"3", "2", "57", ""}},
		{429, []string{"3", "0", "1", "1"}},
		{200, []string{"3", "2", "60", ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if res := b.do("GET", "/v1/nope", "", nil); res.Header.Get("ratelimit-limit") != "3" {
		t.Error("an unknown path of /v1 carries no ratelimit headers")
	}
	if res := b.do("GET", "/healthz", "", nil); res.Header.Get("ratelimit-limit") != "" {
		t.Error("/healthz counts")
	}
}

func TestCompression(t *testing.T) {
	b := newBench(t, nil)
	plain := read(t, b.do("GET", "/v1/ats/jobs", "", on(full)))
	if len(plain) < 1024 {
		t.Fatalf("%d bytes are too few to be packed", len(plain))
	}
	unpack := map[string]func(io.Reader) (io.Reader, error){
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	}
	for accept, want := range map[string]string{"": "", "identity": "", "gzip, deflate": "gzip", "zstd": "zstd", "gzip;q=0": "", "br": "", "gzip, zstd": "gzip"} {
		res := b.do("GET", "/v1/ats/jobs", "", map[string]string{"X-Integration-Id": full, "Accept-Encoding": accept})
		got := res.Header.Get("Content-Encoding")
		packed := read(t, res)
		if got != want {
			t.Errorf("Accept-Encoding %q: packed as %q, want %q", accept, got, want)
		}
		if l := res.Header.Get("Content-Length"); l != "" && l != fmt.Sprint(len(packed)) {
			t.Errorf("Accept-Encoding %q: Content-Length %s of %d bytes", accept, l, len(packed))
		}
		r, err := unpack[got](strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		if body.String() != plain {
			t.Errorf("Accept-Encoding %q: another answer", accept)
		}
		if !strings.Contains(res.Header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("Accept-Encoding %q: no Vary", accept)
		}
	}
	res := b.do("GET", "/v1/check-api-key", "", map[string]string{"Accept-Encoding": "gzip"})
	if res.Header.Get("Content-Encoding") != "" {
		t.Error("a short answer is packed")
	}
}

func TestLargeBody(t *testing.T) {
	b := newBench(t, nil)
	res := b.do("POST", "/v1/force-sync", `{"type":"FULL","x":"`+strings.Repeat("x", 1<<20)+`"}`, on(full))
	body := read(t, res)
	if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "PLATFORM.INPUT_INVALID") || len(body) > 500 {
		t.Errorf("answered %d: %.500s", res.StatusCode, body)
	}
}

func TestAllowedMethods(t *testing.T) {
	b := newBench(t, nil)
	res := b.do("PATCH", "/v1/integrations/"+full, `{}`, nil)
	if allow := res.Header.Get("Allow"); res.StatusCode != 405 || !strings.Contains(allow, "GET") || !strings.Contains(allow, "DELETE") {
		t.Errorf("answered %d, Allow %q", res.StatusCode, allow)
	}
}

// TestLogHoldsNoPeople sends what must not be logged, in every place that a request has.
func TestLogHoldsNoPeople(t *testing.T) {
	b := newBench(t, nil)
	b.do("GET", "/v1/ats/candidates?email=anna%40example.com&first_name=Anna", "", on(full))
	b.do("GET", "/v1/ats/candidates?email=anna%40example.com&page_size=0", "", on(full))
	b.do("GET", "/v1/anna@example.com", "", nil)
	b.do("PUT", "/v1/integrations/"+full+"/enabled", `{"value":"anna@example.com"}`, nil)
	for _, s := range []string{"anna", "Anna", b.key, "Bearer"} {
		if strings.Contains(b.logs.String(), s) {
			t.Errorf("the log has %q: %s", s, b.logs)
		}
	}
	if n := strings.Count(b.logs.String(), `"msg":"request"`); n != 4 {
		t.Errorf("%d lines for 4 requests", n)
	}
}

func TestConcurrentRequests(t *testing.T) {
	b := newBench(t, func(d *api.Deps) { d.RPM = 100000 })
	want := read(t, b.do("GET", "/v1/ats/jobs", "", on(full)))
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 20 {
				if got := read(t, b.do("GET", "/v1/ats/jobs", "", on(full))); got != want {
					t.Errorf("another answer: %s", got)
				}
				b.do("GET", fmt.Sprintf("/v1/ats/candidates?page_size=%d", n), "", on(full))
				b.do("PUT", "/v1/integrations/"+off+"/enabled", `{"value":true}`, nil)
				b.do("GET", "/openapi.json", "", nil)
			}
		})
	}
	wg.Wait()
}

// TestJudgeSees proves that the checks of the other tests are not blind.
func TestJudgeSees(t *testing.T) {
	c := readContract(t)
	good := `{"status":"success","data":{"next":null,"results":[{"id":"a","remote_id":null,"name":null,"changed_at":"2026-05-31T08:30:10.000Z","remote_deleted_at":null,"remote_data":null}]}}`
	for _, change := range [][2]string{{"", ""}, {`"id":"a",`, ""}, {`"id":"a"`, `"id":null`}, {`:null}]`, `:1}]`}, {`08:30:10.000Z`, `08:30`}, {`success`, `ok`}, {`"results":[`, `"results":[3,`}} {
		var v any
		if err := json.Unmarshal([]byte(strings.Replace(good, change[0], change[1], 1)), &v); err != nil {
			t.Fatal(err)
		}
		if got := differences("", c["GET /v1/ats/tags"], v); (len(got) > 0) != (change[0] != "") {
			t.Errorf("change %q: %v", change, got)
		}
	}
	b := newBench(t, nil)
	j := newJudge(b)
	for _, change := range []string{`"id":"a","extra":1`, `"id":7`} {
		res := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}}
		res.Body = io.NopCloser(strings.NewReader(strings.Replace(good, `"id":"a"`, change, 1)))
		if ok, _ := j.validator.ValidateHttpResponse(httptest.NewRequest("GET", "/v1/ats/tags", nil), res); ok {
			t.Errorf("the document allows %s", change)
		}
	}
}
