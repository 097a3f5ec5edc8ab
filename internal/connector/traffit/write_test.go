package traffit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// through is a transport that a test looks into.
type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// dies answers nothing.
func dies(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func page(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><head><title>Oops</title></head><body><h1>"+text+"</h1></body></html>")
	}
}

func plain(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

func pointsTo(status int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

func with(key, value string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(key, value)
		h(w, r)
	}
}

// A write is sent again only when the answer says that it had no effect, and its error tells whether
// it may have had one.
func TestChange(t *testing.T) {
	const path = api + "/employees/"
	broken := errors.New("broken")
	refused := func(err error) bool { _, ok := errors.AsType[*connector.RefusedError](err); return ok }
	later := func(err error) bool { _, ok := errors.AsType[*connector.RetryError](err); return ok }
	scope := func(err error) bool { _, ok := errors.AsType[*connector.ScopeError](err); return ok }
	for name, tc := range map[string]struct {
		answers   []http.HandlerFunc // of the address, the last one again and again
		other     http.HandlerFunc   // of the address without its last slash
		transport func(*http.Request) (*http.Response, error)
		sent      int64
		id        string
		unclear   bool
		is        func(error) bool
		says      string
	}{
		"201 with an ID":      {answers: []http.HandlerFunc{answers(201, `{"id":7}`)}, sent: 1, id: "7"},
		"a list of one":       {answers: []http.HandlerFunc{answers(200, ` [{"id":7}]`)}, sent: 1, id: "7"},
		"204":                 {answers: []http.HandlerFunc{answers(204, "")}, sent: 1},
		"200 without a body":  {answers: []http.HandlerFunc{answers(200, "")}, sent: 1},
		"200 with a word":     {answers: []http.HandlerFunc{plain(200, "OK")}, sent: 1},
		"JSON as a page":      {answers: []http.HandlerFunc{with("Content-Type", "text/html", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":7}`) })}, sent: 1, id: "7"},
		"200 with a page":     {answers: []http.HandlerFunc{page(200, "Maintenance")}, sent: 1, unclear: true},
		"200 with cut JSON":   {answers: []http.HandlerFunc{answers(200, `{"id":`)}, sent: 1, unclear: true},
		"no answer":           {answers: []http.HandlerFunc{dies}, sent: 1, unclear: true},
		"a cut body":          {answers: []http.HandlerFunc{with("Content-Length", "100", answers(201, `{"id":7`))}, sent: 1, unclear: true},
		"500":                 {answers: []http.HandlerFunc{answers(500, `{"message":"oops"}`)}, sent: 1, unclear: true, says: "oops"},
		"503, come later":     {answers: []http.HandlerFunc{with("Retry-After", "900", answers(503, ``))}, sent: 1, unclear: true},
		"500, come soon":      {answers: []http.HandlerFunc{with("Retry-After", "1", answers(500, ``))}, sent: 1, unclear: true},
		"502 with a page":     {answers: []http.HandlerFunc{page(502, "Bad gateway")}, sent: 1, unclear: true},
		"408":                 {answers: []http.HandlerFunc{answers(408, ``)}, sent: 1, unclear: true},
		"429, come soon":      {answers: []http.HandlerFunc{with("Retry-After", "1", answers(429, ``)), answers(429, ``), answers(201, `{"id":7}`)}, sent: 3, id: "7"},
		"429 for good":        {answers: []http.HandlerFunc{with("Retry-After", "1", answers(429, ``))}, sent: 1 + throttled, is: later},
		"429, come later":     {answers: []http.HandlerFunc{with("Retry-After", "900", answers(429, ``))}, sent: 1, is: later},
		"a dead token":        {answers: []http.HandlerFunc{answers(401, `{"error":"invalid_token"}`), answers(201, `{"id":7}`)}, sent: 2, id: "7"},
		"no token is taken":   {answers: []http.HandlerFunc{answers(401, `{"error":"invalid_token"}`)}, sent: 2, is: scope, says: "invalid_token"},
		"403":                 {answers: []http.HandlerFunc{answers(403, `{"error":"insufficient_scope"}`)}, sent: 1, is: scope, says: "insufficient_scope"},
		"403 with a page":     {answers: []http.HandlerFunc{page(403, "Forbidden")}, sent: 1, is: refused, says: "answered 403: Forbidden"},
		"the other slash":     {answers: []http.HandlerFunc{pointsTo(301, api+"/employees")}, other: answers(201, `{"id":7}`), sent: 1, id: "7"},
		"308":                 {answers: []http.HandlerFunc{pointsTo(308, api+"/employees")}, other: answers(201, `{"id":7}`), sent: 1, id: "7"},
		"slashes in a circle": {answers: []http.HandlerFunc{pointsTo(301, api+"/employees")}, other: pointsTo(301, path), sent: 1, is: refused, says: "not followed"},
		"elsewhere":           {answers: []http.HandlerFunc{pointsTo(301, "https://elsewhere.example/?token=hush")}, sent: 1, is: refused, says: "elsewhere.example"},
		"no place named":      {answers: []http.HandlerFunc{pointsTo(301, "")}, sent: 1, is: refused},
		"see what was done":   {answers: []http.HandlerFunc{pointsTo(303, api+"/employees")}, other: answers(200, `{"id":7}`), sent: 1, unclear: true},
		"302":                 {answers: []http.HandlerFunc{pointsTo(302, "/login")}, sent: 1, unclear: true},
		"400":                 {answers: []http.HandlerFunc{answers(400, `{"code":400,"message":"Validation Failed","errors":{"children":{"email":{"errors":["It already exists"]}}}}`)}, sent: 1, is: refused, says: "answered 400: Validation Failed; It already exists"},
		"400 with a text":     {answers: []http.HandlerFunc{plain(400, "A candidate already exists\n")}, sent: 1, is: refused, says: "400: A candidate already exists"},
		"404":                 {answers: []http.HandlerFunc{answers(404, ``)}, sent: 1, is: refused, says: "no explanation"},
		"409 with a page":     {answers: []http.HandlerFunc{page(409, "It <b>already</b> exists")}, sent: 1, is: refused, says: "409: It already exists"},
		"413":                 {answers: []http.HandlerFunc{page(413, "Too large")}, sent: 1, is: refused},
		"the budget gives up": {transport: func(*http.Request) (*http.Response, error) { return nil, &outbound.UnsentError{Err: broken} }, is: later, says: "broken"},
		"a transport that does not tell": {
			transport: func(*http.Request) (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: broken} }, unclear: true,
		},
		"nobody listens": {
			transport: func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.URL.Host = "127.0.0.1:1" // tcpmux, which nobody has
				return http.DefaultTransport.RoundTrip(r)
			},
			is: later, says: "connection refused",
		},
		"the handshake fails": {
			transport: func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.URL.Scheme = "https"
				return http.DefaultTransport.RoundTrip(r)
			},
			is: later,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lists["/recruitments/"] = nil
			var sent atomic.Int64
			f.special[path] = func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); string(body) != `{"name":"Ewa & Jan"}` || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %s %q", r.Method, r.Header, body)
				}
				n := int(sent.Add(1))
				tc.answers[min(n, len(tc.answers))-1](w, r)
			}
			if tc.other != nil {
				f.special[strings.TrimSuffix(path, "/")] = tc.other
			}
			tn := f.open(func(cfg *connector.Config) {
				cfg.Transport = through(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == path && tc.transport != nil {
						return tc.transport(r)
					}
					return http.DefaultTransport.RoundTrip(r)
				})
			})
			o, err := tn.change(t.Context(), write{method: "POST", path: path, scope: "employee", body: object{"name": "Ewa & Jan"}})
			_, unclear := errors.AsType[*connector.UnclearError](err)
			switch {
			case unclear != tc.unclear:
				t.Errorf("error %v, unclear: %v", err, unclear)
			case !tc.unclear && tc.is == nil && err != nil:
				t.Error(err)
			case tc.is != nil && (err == nil || !tc.is(err)):
				t.Errorf("error %T: %v", err, err)
			case tc.says != "" && !strings.Contains(err.Error(), tc.says):
				t.Errorf("error %q, want %q in it", err, tc.says)
			case strings.Contains(asText(err), "hush"):
				t.Errorf("error %q", err)
			}
			if o.id("id") != tc.id {
				t.Errorf("ID %q, want %q", o.id("id"), tc.id)
			}
			if sent.Load() != tc.sent {
				t.Errorf("sent %d times, want %d", sent.Load(), tc.sent)
			}
		})
	}
}

func asText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A request that was given up has had no effect only if it was not on its way.
func TestChangeGivenUp(t *testing.T) {
	for name, tc := range map[string]struct {
		arrived bool
		unclear bool
	}{
		"before it was sent": {},
		"while it was away":  {arrived: true, unclear: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			gone := errors.New("the client is gone")
			f := newFake(t)
			done := make(chan struct{})
			slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				cancel(gone)
				<-done
			}))
			defer slow.Close()
			defer close(done)
			tn := f.open(func(cfg *connector.Config) {
				cfg.Transport = through(func(r *http.Request) (*http.Response, error) {
					if !strings.HasSuffix(r.URL.Path, "/notes") {
						return http.DefaultTransport.RoundTrip(r)
					}
					if !tc.arrived {
						cancel(gone)
						return nil, &outbound.UnsentError{Err: context.Cause(r.Context())}
					}
					r = r.Clone(r.Context())
					r.URL.Host = strings.TrimPrefix(slow.URL, "http://")
					return http.DefaultTransport.RoundTrip(r)
				})
			})
			_, err := tn.change(ctx, write{method: "POST", path: api + "/employees/1/notes", scope: "employee", body: object{}})
			if _, unclear := errors.AsType[*connector.UnclearError](err); unclear != tc.unclear || !tc.unclear && !errors.Is(err, gone) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// An upload is sent from its beginning each time; one whose content is lost is not sent.
func TestChangeUploads(t *testing.T) {
	f := newFake(t)
	path := api + "/employees/1/files/"
	n := 0
	f.special[path] = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if n++; string(body) != "content" || r.ContentLength != 7 || r.Header.Get("Content-Type") != "multipart/form-data; boundary=x" {
			t.Errorf("%q, %d, %s", body, r.ContentLength, r.Header)
		}
		if n == 1 {
			say(w, 401, `{}`)
			return
		}
		say(w, 201, ``)
	}
	tn := f.open()
	w := write{method: "POST", path: path, scope: "employee", upload: &upload{
		contentType: "multipart/form-data; boundary=x", size: 7,
		open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("content")), nil },
	}}
	if _, err := tn.change(t.Context(), w); err != nil || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
	w.upload.open = func() (io.ReadCloser, error) { return nil, connector.ErrNoContent }
	_, err := tn.change(t.Context(), w)
	if _, unclear := errors.AsType[*connector.UnclearError](err); !errors.Is(err, connector.ErrNoContent) || unclear || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
}

// A scope that was added to the client takes effect at once.
func TestChangeAfterAGrant(t *testing.T) {
	f := newFake(t)
	path := api + "/employees/1/notes"
	f.special[path] = func(w http.ResponseWriter, _ *http.Request) {
		if f.issued == 1 {
			say(w, 403, `{"error":"insufficient_scope"}`)
			return
		}
		say(w, 204, ``)
	}
	now := time.Now()
	tn := f.open(func(c *connector.Config) { c.Now = func() time.Time { return now } })
	if _, err := tn.tokens.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(oldGrant + time.Second)
	if _, err := tn.change(t.Context(), write{method: "POST", path: path, scope: "employee", body: object{}}); err != nil {
		t.Error(err)
	}
}

// What TRAFFIT says about a refused write goes into logs and the journal: addresses do not.
func TestExplanationsNameNobody(t *testing.T) {
	for _, body := range []string{
		`{"message":"Employee Jan.Kowalski+x@example.com already exists"}`, `{"errors":{"email":["'jan.kowalski@example.com' already exists"]}}`,
		"<p>mail:<b>jan.kowalski@example.com</b> already exists</p>", "mailto:jan.kowalski%40example.com already exists",
	} {
		got := explanation(&outbound.Response{Status: 400, Header: http.Header{}, Body: []byte(body)})
		if strings.Contains(strings.ToLower(got), "kowalski") || !strings.Contains(got, "already exists") {
			t.Errorf("%s is told as %q", body, got)
		}
	}
}
