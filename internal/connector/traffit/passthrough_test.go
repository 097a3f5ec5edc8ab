package traffit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// pass is a request with a path; change alters it.
func pass(path string, change ...func(*connector.PassthroughRequest)) connector.PassthroughRequest {
	r := connector.PassthroughRequest{API: "v2", Method: http.MethodGet, Path: path}
	for _, c := range change {
		c(&r)
	}
	return r
}

func withBody(method, body string) func(*connector.PassthroughRequest) {
	return func(r *connector.PassthroughRequest) {
		r.Method, r.ContentType, r.Size = method, "application/json", int64(len(body))
		r.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	}
}

func withHeader(name, value string) func(*connector.PassthroughRequest) {
	return func(r *connector.PassthroughRequest) { r.Header = map[string]string{name: value} }
}

// escapes are paths that would lead out of the Integration API, for some reader at least.
var escapes = []string{
	// Dot segments.
	"/..", "/../", "../", "..", ".", "/.", "/./employees", "/../../../oauth2/token", "/employees/..", "/employees/../../v1/employees", "/employees/./1", "employees/../../../../",
	"/%2e%2e/", "/%2E%2E/x", "/.%2e/", "/%2e./", "/%2e", "/employees/%2e%2e/%2e%2e", "/%252e%252e/", "/%25252e%25252e/", "/%2525252525252e%2525252525252e/x", "/.%252e/", "/%252e./",
	"/..;/", "/..;a=b/", "/%2e%2e;/x", "/..%3b/", "/.;/", "/..%253b/x", "/.. /", "/..%20/", "/%20../", "/..%09/", "/.../", "/．．/", "/‥/", "/․․/", "/%EF%BC%8E%EF%BC%8E/",
	"/%c0%ae%c0%ae/", "/%e0%80%ae%e0%80%ae/", "/%2e%2e%25zz%2f..%2f",
	// Slashes.
	"/..%2f", "/..%2F..%2foauth2", "/employees%2f1", "/%2f%2fevil.example", "/employees%252f..", "/%25252f", "/..%c0%af", "/employees／..／..", "/℀",
	`/..\`, `/..\..\x`, `\employees`, "/..%5c", "/..%5C..%5cx", "/%255c%255c", `\\evil.example\x`, `/\evil.example`, "/＼",
	// Other addresses.
	"http://evil.example/", "https://evil.example/api/integration/v2/employees/", "//evil.example/", "///evil.example", "//", "http:/evil.example", "HTTP:evil.example", "file:///etc/passwd", "javascript:alert(1)",
	"@evil.example/", "/@evil.example/", ".evil.example@x/", ":8080/", ":80@evil.example/", "user:pass@evil.example", "/employees//1", "//employees", "/;/x", "/;x/employees", "employees/ /1",
	// Characters.
	"/employees/\x00", "/employees/%00", "/employees/%2500", "/employees/1\r\nX-A: b", "/employees/%0d%0aX-A:%20b", "/employees/%250d%250a", "/employees/1 HTTP/1.1\r\nHost: evil\r\n\r\n",
	"/employees/\t1", "/employees/\x7f", "/employees/\u0085", "/employees/\u202e1", "/employees/\u200b", "/\u2028", "\ufeff/employees", "/employees/\xff", "/employees/%ff", "/employees/%", "/employees/%2", "/employees/%zz", "/employees/1?x=%zz",
	"/employees#", "/employees#/../..", "#", "/employees?a=b#c", "/employees?a=b\r\nX-A: b", "/employees?\x00", "/employees?\xff",
	// Size.
	"", "?", "?a=b", "/" + strings.Repeat("a", maxPassPath), "/employees?" + strings.Repeat("a", maxPassPath),
}

func TestPassthroughEscapes(t *testing.T) {
	f := newFake(t)
	tn := f.open()
	for _, path := range escapes {
		for _, r := range []connector.PassthroughRequest{pass(path), pass(path, withBody(http.MethodPost, "{}"))} {
			answer, err := tn.Passthrough(t.Context(), r)
			refused, ok := errors.AsType[*ats.Error](err)
			if !ok || refused.Code != ats.InputInvalid || !strings.HasPrefix(refused.Message, "path ") {
				t.Errorf("%q: %s, %v", path, answer.URL, err)
			}
		}
	}
	if len(f.seen) > 0 {
		t.Errorf("%d requests were sent, the first to %s", len(f.seen), f.seen[0].RequestURI)
	}
	t.Logf("%d paths", len(escapes))
}

// What looks odd and is not wrong must work, and arrive as it was meant.
func TestPassthroughPaths(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, tokenPath) {
			say(w, 200, `{"access_token":"x"}`)
			return
		}
		got = r.RequestURI
		say(w, 200, "[]")
	}))
	defer server.Close()
	opened, err := New(Options{URL: server.URL + "/t/{tenant}"}).Connect(connector.Config{Credentials: map[string]string{"tenant": "acme", "client_id": "a", "client_secret": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/":                                "/",
		"/employees/":                      "/employees/",
		"/employees":                       "/employees",
		"employees/1..2":                   "/employees/1..2",
		"/employees/..1/...a/1.":           "/employees/..1/...a/1.",
		"/employees/Jan Kowalski":          "/employees/Jan%20Kowalski",
		"/employees/Jan%20Kowalski":        "/employees/Jan%20Kowalski",
		"/employees/Zażółć":                "/employees/Za%C5%BC%C3%B3%C5%82%C4%87",
		"/employees/Za%C5%BC%c3%b3":        "/employees/Za%C5%BC%c3%b3",
		"/employees/100%25":                "/employees/100%25",
		"/employees/100%2525":              "/employees/100%2525",
		`/employees/"<a>|{b}^[c]`:          "/employees/%22%3Ca%3E%7C%7Bb%7D%5E%5Bc%5D",
		"/employees/a;b=c,d":               "/employees/a;b=c,d",
		"/employees/a@b.pl:1":              "/employees/a@b.pl:1",
		"/employees/%3Fa%23b":              "/employees/%3Fa%23b",
		"/employees/'*~!$&()+=":            "/employees/'*~!$&()+=",
		"/employees/?":                     "/employees/",
		"/employees/?a=b/c&d=%2F..%2f&e":   "/employees/?a=b/c&d=%2F..%2f&e",
		"/employees/?a=../..&b=//x@y:1?z":  "/employees/?a=../..&b=//x@y:1?z",
		`/employees/?a="ż ó"|\`:            "/employees/?a=%22%C5%BC%20%C3%B3%22%7C%5C",
		"/employees/?a=b%0d%0a":            "/employees/?a=b%0d%0a",
		"/recruitments/60/states/3/_move/": "/recruitments/60/states/3/_move/",
	} {
		answer, err := opened.Passthrough(t.Context(), pass(path))
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		want = "/t/acme" + api + want
		if got != want || answer.URL != server.URL+want {
			t.Errorf("%q became %q, told as %q; want %q", path, got, answer.URL, want)
		}
	}
	for path, want := range map[string]string{
		"/employees/": "?a=1&b=%C5%BC%26c%3Dd%2F..&q+r=", "/employees/?": "?a=1&b=%C5%BC%26c%3Dd%2F..&q+r=",
		"/employees/?x=y": "?x=y&a=1&b=%C5%BC%26c%3Dd%2F..&q+r=", "/employees/?x=y&": "?x=y&a=1&b=%C5%BC%26c%3Dd%2F..&q+r=",
	} {
		if _, err := opened.Passthrough(t.Context(), pass(path, func(r *connector.PassthroughRequest) {
			r.Params = map[string]string{"b": "ż&c=d/..", "a": "1", "q r": ""}
		})); err != nil {
			t.Error(err)
		}
		if want = "/t/acme" + api + "/employees/" + want; got != want {
			t.Errorf("%q with params became %q, want %q", path, got, want)
		}
	}
}

func TestPassthroughInput(t *testing.T) {
	f := newFake(t)
	tn := f.open()
	many, wide := map[string]string{}, map[string]string{}
	for n := range maxPassParams + 1 {
		many[fmt.Sprint("x", n)] = "y"
	}
	wide["x"] = strings.Repeat("y", maxPassAddress)
	form := func(r *connector.PassthroughRequest) {
		withBody(http.MethodPost, "--x--")(r)
		r.ContentType = "multipart/form-data; boundary=x"
	}
	type change = func(*connector.PassthroughRequest)
	cases := map[string]struct {
		change []change
		says   string
	}{
		"API v1":          {[]change{func(r *connector.PassthroughRequest) { r.API = "v1" }}, "v2"},
		"no API":          {[]change{func(r *connector.PassthroughRequest) { r.API = "" }}, "v2"},
		"no method":       {[]change{func(r *connector.PassthroughRequest) { r.Method = "" }}, "method"},
		"TRACE":           {[]change{func(r *connector.PassthroughRequest) { r.Method = "TRACE" }}, "method"},
		"a small method":  {[]change{func(r *connector.PassthroughRequest) { r.Method = "get" }}, "method"},
		"a method's tail": {[]change{func(r *connector.PassthroughRequest) { r.Method = "GET /x HTTP/1.1\r\nA: b" }}, "method"},
		"many params":     {[]change{func(r *connector.PassthroughRequest) { r.Params = many }}, "params"},
		"large params":    {[]change{func(r *connector.PassthroughRequest) { r.Params = wide }}, "path and params"},
		"many headers":    {[]change{func(r *connector.PassthroughRequest) { r.Header = many }}, "headers must not hold"},
		"large headers":   {[]change{func(r *connector.PassthroughRequest) { r.Header = wide }}, "headers must not be longer"},
		"a name twice":    {[]change{func(r *connector.PassthroughRequest) { r.Header = map[string]string{"X-A": "1", "x-a": "2"} }}, `"X-A" is there more than once`},
		"a form's type":   {[]change{form, withHeader("content-type", "text/plain")}, "has its own"},
	}
	for _, name := range []string{
		"Authorization", "authorization", "Proxy-Authorization", "Proxy-Connection", "Host", "hOST", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
		"Upgrade", "Expect", "Cookie", "Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "Accept-Encoding", "Via", "Idempotency-Key", "x-idempotency-key",
	} {
		cases["header "+name] = struct {
			change []change
			says   string
		}{[]change{withHeader(name, "x")}, fmt.Sprintf("headers: %q cannot be set", name)}
	}
	for _, name := range []string{"", " ", "X A", "X:A", "X\r\nA", "X-A\n", " X-A", "X-A ", "Żółw", "X\x00", "(x)", "Host:", "Host\t"} {
		cases["header "+fmt.Sprintf("%q", name)] = struct {
			change []change
			says   string
		}{[]change{withHeader(name, "x")}, "is no name of a header"}
	}
	for _, value := range []string{"a\r\nHost: evil", "a\n b", "a\rb", "\x00", "a\x7f", "\u0085", "\xff"} {
		cases["value "+fmt.Sprintf("%q", value)] = struct {
			change []change
			says   string
		}{[]change{withHeader("X-A", value)}, `the value of "X-A"`}
	}
	for name, tc := range cases {
		_, err := tn.Passthrough(t.Context(), pass("/employees/", tc.change...))
		if refused, ok := errors.AsType[*ats.Error](err); !ok || refused.Code != ats.InputInvalid || !strings.Contains(refused.Message, tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.seen) > 0 {
		t.Errorf("%d requests were sent", len(f.seen))
	}
}

// What is passed through arrives as it was given, and any status is an answer.
func TestPassthrough(t *testing.T) {
	f := newFake(t)
	tn := f.open()
	var body string
	var header http.Header
	for path, status := range map[string]int{"/ok": 200, "/created": 201, "/empty": 204, "/bad": 400, "/forbidden": 403, "/gone": 404, "/busy": 429, "/broken": 500, "/away": 503} {
		f.special[api+path] = func(w http.ResponseWriter, r *http.Request) {
			got, _ := io.ReadAll(r.Body)
			body, header = string(got), r.Header.Clone()
			header.Set("Length", fmt.Sprint(r.ContentLength, r.TransferEncoding))
			for _, name := range []string{"Set-Cookie", "Keep-Alive", "Upgrade", "Proxy-Authenticate", "X-Hop"} {
				w.Header().Set(name, "x")
			}
			w.Header().Add("X-Two", "a")
			w.Header().Add("X-Two", "b")
			w.Header().Set("Connection", "x-hop")
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(status)
			if status != 204 {
				_, _ = io.WriteString(w, "<p>"+r.Method)
			}
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			before := len(f.sent(api + path))
			answer, err := tn.Passthrough(t.Context(), pass(path, withBody(method, `{"a":"ż"}`), withHeader("x-request-filter", `{"email":{"value":"ż@b.pl","comparison":"="}}`)))
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
				continue
			}
			want := "<p>" + method
			if status == 204 {
				want = ""
			}
			if answer.Status != status || string(answer.Body) != want || answer.URL != f.URL+api+path {
				t.Errorf("%s %s: %d %q from %s", method, path, answer.Status, answer.Body, answer.URL)
			}
			if body != `{"a":"ż"}` || header.Get("X-Request-Filter") != `{"email":{"value":"ż@b.pl","comparison":"="}}` || header.Get("Content-Type") != "application/json" ||
				header.Get("Length") != "10 []" || header.Get("Authorization") != "Bearer "+f.valid {
				t.Errorf("%s %s: %q came with %v", method, path, body, header)
			}
			for _, name := range []string{"Set-Cookie", "Keep-Alive", "Upgrade", "Proxy-Authenticate", "Connection", "X-Hop"} {
				if answer.Header.Get(name) != "" {
					t.Errorf("%s %s: the answer has %s", method, path, name)
				}
			}
			if diff := cmp.Diff([]string{"a", "b"}, answer.Header["X-Two"]); diff != "" {
				t.Error(diff)
			}
			if n := len(f.sent(api+path)) - before; n != 1 {
				t.Errorf("%s %s: sent %d times", method, path, n)
			}
		}
	}
	// A type of one's own, and no body.
	if _, err := tn.Passthrough(t.Context(), pass("/ok", withHeader("content-type", "text/plain"))); err != nil || header.Get("Content-Type") != "text/plain" || body != "" {
		t.Errorf("%v; %q came with %v", err, body, header)
	}
}

func TestPassthroughToken(t *testing.T) {
	f := newFake(t)
	f.objects["/users/1"] = `{"id":1}`
	f.special[api+"/closed"] = answers(401, `{"message":"no"}`)
	tn := f.open()
	for _, kill := range []bool{false, true, false} {
		if kill {
			f.mu.Lock()
			f.valid = "revoked"
			f.mu.Unlock()
		}
		answer, err := tn.Passthrough(t.Context(), pass("/users/1", withBody(http.MethodPost, "{}")))
		if err != nil || answer.Status != 200 {
			t.Errorf("%d, %v", answer.Status, err)
		}
	}
	if f.issued != 2 {
		t.Errorf("%d tokens were fetched", f.issued)
	}
	answer, err := tn.Passthrough(t.Context(), pass("/closed", withBody(http.MethodPost, "{}")))
	if n := len(f.sent(api + "/closed")); err != nil || answer.Status != 401 || n != 2 {
		t.Errorf("%d, %v after %d requests", answer.Status, err, n)
	}
}

func TestPassthroughRedirects(t *testing.T) {
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the stranger was visited") }))
	defer stranger.Close()
	f := newFake(t)
	f.objects["/talents"] = `{"id":1}`
	tn := f.open()
	out := func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was visited", r.RequestURI) }
	f.special["/oauth2/me"], f.special["/api/integration/v1/x"], f.special["/public/x"] = out, out, out
	for location, followed := range map[string]bool{
		f.URL + api + "/talents": true, api + "/talents": true, "./talents": true, "talents?a=b": true,
		stranger.URL + api + "/talents": false, "//" + strings.TrimPrefix(stranger.URL, "http://") + api + "/talents": false,
		"/oauth2/me": false, "../../../oauth2/me": false, "../v1/x": false, api + "/%2e%2e/v1/x": false, api + "/..%2fv1/x": false, api + "x": false, "/public/x": false,
		strings.Replace(f.URL, "http:", "https:", 1) + api + "/talents": false, "file:///etc/passwd": false,
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost} {
			for _, status := range []int{301, 302, 307} {
				f.mu.Lock()
				f.special[api+"/start"] = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				}
				f.mu.Unlock()
				answer, err := tn.Passthrough(t.Context(), pass("/start", func(r *connector.PassthroughRequest) { r.Method = method }))
				want := status
				if followed && method == http.MethodGet {
					want = 200
				}
				if err != nil || answer.Status != want {
					t.Errorf("%s to %s with %d: %d, %v", method, location, status, answer.Status, err)
				}
			}
		}
	}
	f.special[api+"/loop"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, api+"/loop", 302) }
	if answer, err := tn.Passthrough(t.Context(), pass("/loop")); err != nil || answer.Status != 302 {
		t.Errorf("a loop: %d, %v", answer.Status, err)
	}
}

func TestPassthroughWithoutAnswer(t *testing.T) {
	f := newFake(t)
	tn := f.open()
	hang := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	f.special[api+"/dead"] = hang
	// net/http repeats a read by itself when a connection that it kept breaks.
	for method, most := range map[string]int{"GET": 6, "POST": 1, "PUT": 1, "PATCH": 1, "DELETE": 1} {
		f.mu.Lock()
		f.seen = nil
		f.mu.Unlock()
		_, err := tn.Passthrough(t.Context(), pass("/dead", func(r *connector.PassthroughRequest) { r.Method = method }))
		_, later := errors.AsType[*connector.RetryError](err)
		_, unclear := errors.AsType[*connector.UnclearError](err)
		if n := len(f.sent(api + "/dead")); !later || unclear != (method != "GET") || n > most || n < min(most, 3) {
			t.Errorf("%s: %v after %d requests", method, err, n)
		}
	}
	var n atomic.Int64
	f.special[api+"/flaky"] = func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			hang(w, r)
			return
		}
		say(w, 200, "[]")
	}
	if answer, err := tn.Passthrough(t.Context(), pass("/flaky")); err != nil || answer.Status != 200 {
		t.Errorf("%d, %v", answer.Status, err)
	}
	f.special[api+"/large"] = func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range maxPassAnswer>>20 + 1 {
			_, _ = w.Write(chunk)
		}
	}
	_, err := tn.Passthrough(t.Context(), pass("/large"))
	if refused, ok := errors.AsType[*ats.Error](err); !ok || refused.Code != ats.InputInvalid || !strings.Contains(refused.Message, "32 MB") || len(f.sent(api+"/large")) != 1 {
		t.Errorf("a large answer: %v", err)
	}
	f.Close()
	_, err = tn.Passthrough(t.Context(), pass("/users/", withBody(http.MethodPost, "{}")))
	_, later := errors.AsType[*connector.RetryError](err)
	if _, unclear := errors.AsType[*connector.UnclearError](err); !later || unclear {
		t.Errorf("a request that was never sent: %v", err)
	}
}

// FuzzPassthrough: whatever the path, the request goes to the tenant's host and below the API, for
// whoever decodes it and however often.
func FuzzPassthrough(f *testing.F) {
	for _, path := range escapes {
		if len(path) < 100 {
			f.Add(path)
		}
	}
	f.Add("/employees/Zażółć gęślą/100%25?a=b&c=%2f")
	opened, err := New(Options{URL: "http://traffit.test/t/acme"}).Connect(connector.Config{Credentials: map[string]string{"tenant": "acme", "client_id": "a", "client_secret": "b"}})
	if err != nil {
		f.Fatal(err)
	}
	const root = "/t/acme" + api + "/"
	f.Fuzz(func(t *testing.T, typed string) {
		req, err := opened.(*tenant).passRequest(context.Background(), pass(typed))
		if err != nil {
			if refused, ok := errors.AsType[*ats.Error](err); !ok || refused.Code != ats.InputInvalid {
				t.Errorf("%q: %v", typed, err)
			}
			return
		}
		line := req.URL.RequestURI()
		if req.URL.Host != "traffit.test" || req.URL.Scheme != "http" || req.URL.User != nil || !strings.HasPrefix(line, root) || strings.ContainsAny(line, " \t\r\n#\\\x00") {
			t.Fatalf("%q became %s", typed, req.URL)
		}
		sent, _, _ := strings.Cut(line, "?")
		for decoded, n := sent, 0; n < 8; decoded, n = unescape(decoded), n+1 {
			if !strings.HasPrefix(path.Clean(decoded)+"/", root) || strings.Count(decoded, "/") != strings.Count(sent, "/") || strings.ContainsAny(decoded, "\\\r\n\x00") {
				t.Fatalf("%q became %s, which is %q for some", typed, req.URL, decoded)
			}
		}
	})
}

// Waiting for the answer ends with the caller.
func TestPassthroughEnds(t *testing.T) {
	f := newFake(t)
	tn := f.open()
	if _, err := tn.Passthrough(t.Context(), pass("/warm")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, errors.New("the client has gone"))
	defer cancel()
	f.special[api+"/slow"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	if _, err := tn.Passthrough(ctx, pass("/slow")); err == nil || !strings.Contains(err.Error(), "the client has gone") {
		t.Errorf("got %v", err)
	}
}
