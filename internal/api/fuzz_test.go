package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/store"
)

// fuzzer sends requests to the real handler and judges the answers.
type fuzzer struct {
	*bench
	judge *judge
	world world
}

func newFuzzer(f *testing.F) fuzzer {
	b := newBench(f, nil)
	b.actions.do = func(store.Integration, action.Request) (action.Answer, error) {
		return action.Answer{CandidateID: "1000", ApplicationID: "1000:100"}, nil
	}
	b.tenant.pass = answer(200, "application/json", `{"a":[1]}`)
	return fuzzer{b, newJudge(b), newWorld(b)}
}

// send expects an answer of the contract that blames the client at most, and nothing of another
// integration.
func (z fuzzer) send(t *testing.T, req *http.Request, integration string) {
	t.Helper()
	var sent bytes.Buffer
	_, _ = sent.ReadFrom(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(sent.Bytes()))
	named := req.URL.String() + sent.String()
	req.Header.Set("Authorization", "Bearer "+z.key)
	req.Header.Set("X-Integration-Id", integration)
	w := httptest.NewRecorder()
	z.api.ServeHTTP(w, req)
	res := w.Result()
	body := read(t, res)
	if res.StatusCode >= 500 {
		t.Errorf("%s %q answered %d: %s", req.Method, req.URL, res.StatusCode, body)
	}
	if res.StatusCode != http.StatusOK && len(body) > longError {
		t.Errorf("%s %q: the error has %d bytes", req.Method, req.URL, len(body))
	}
	quotes := strings.HasSuffix(req.URL.Path, "/requests") // the log says what was asked before, whatever it named
	if integration == full && !strings.Contains(req.URL.Path, withData) && !quotes {
		for _, id := range z.world.foreign {
			if strings.Contains(body, id) && !strings.Contains(named, id) {
				t.Errorf("%s %q shows what is another integration's: %s", req.Method, req.URL, body)
			}
		}
	}
	if req.Method != http.MethodHead && strings.HasPrefix(req.URL.Path, "/v1/") {
		z.judge.check(t, req, res, body)
	}
}

// request is one that no client library would send.
func (z fuzzer) request(t *testing.T, method, path, query string, body []byte) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	req.Method = method
	u := &url.URL{Path: path, RawQuery: query}
	if p, err := url.PathUnescape(path); err == nil {
		u.Path, u.RawPath = p, path
	}
	req.URL, req.RequestURI = u, path+"?"+query
	return req
}

func (z fuzzer) with(what func(served) bool) []served {
	var all []served
	for _, o := range z.judge.operations {
		if what(o) {
			all = append(all, o)
		}
	}
	return all
}

func FuzzQueries(f *testing.F) {
	z := newFuzzer(f)
	ops := z.with(func(o served) bool { return len(o.query) > 0 })
	seen := map[string]bool{}
	for n, o := range ops {
		for _, s := range z.world.badQueries(f, o) {
			if len(s.url) < 200 && !seen[s.url] {
				seen[s.url] = true
				f.Add(uint8(n), strings.TrimPrefix(s.url, "?"))
			}
		}
		f.Add(uint8(n), "page_size=1&include_deleted=true&updated_after=2026-01-01")
	}
	for _, q := range []string{
		"ids=a,b,,&remote_ids=100&job_ids=x", "name_contains=%C5%9A&statuses=OPEN,DRAFT&status=OPEN", "email=lucja@example.com&first_name=%C5%81ucja", "outcome=PENDING&outcomes=HIRED,PENDING",
		"cursor=MSBhdHNfam9icyB0cmFmZml0OjhkMWhwUHNianhVa29Db2ExdmVMWkdlNSAxNzgwMjE2MjEwMDAwIEpLZHFWSEZvWUc2S28ydktvYkZaRDRreg", "job_codes=x&ignore_unsupported_filters=true", "emails=ZOE@example.com&scopes=JOB",
	} {
		for n := range ops {
			f.Add(uint8(n), q)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, query string) {
		o := ops[int(n)%len(ops)]
		z.send(t, z.request(t, o.method, z.world.at(t, o, nil), query, nil), full)
	})
}

func FuzzBodies(f *testing.F) {
	z := newFuzzer(f)
	ops := z.with(func(o served) bool { return o.body != nil })
	for n, o := range ops {
		for _, s := range append(z.world.badBodies(f, o), z.world.particular()[o.String()]...) {
			if len(s.body) < 1000 {
				f.Add(uint8(n), "application/json", []byte(s.body))
			}
		}
		f.Add(uint8(n), "application/json; charset=utf-8", []byte(z.world.valid(o)))
		f.Add(uint8(n), "text/plain", []byte("x"))
	}
	f.Fuzz(func(t *testing.T, n uint8, contentType string, body []byte) {
		o := ops[int(n)%len(ops)]
		req := z.request(t, o.method, z.world.at(t, o, nil), "", body)
		req.Header.Set("Content-Type", contentType)
		z.send(t, req, full)
	})
}

func FuzzPaths(f *testing.F) {
	z := newFuzzer(f)
	for _, o := range z.judge.operations {
		f.Add(o.method, z.world.at(f, o, nil), full)
		for _, s := range z.world.badPaths(f, o) {
			if len(s.url) < 200 {
				f.Add(o.method, s.url, full)
			}
		}
	}
	f.Add("CONNECT", "", "traffit")
	f.Add("OPTIONS", "*", withData)
	f.Add("get", "/v1/ats/jobs", "traffit:\xff")
	f.Add("GET", "/assets/tools/..%2F", "")
	f.Fuzz(func(t *testing.T, method, path, integration string) {
		if method == http.MethodDelete && strings.Contains(path, full[len("traffit:"):]) {
			t.Skip("what follows needs the integration")
		}
		z.send(t, z.request(t, method, path, "", nil), integration)
	})
}
