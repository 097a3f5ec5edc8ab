package traffit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connector"
)

// fake is a small TRAFFIT: fixed answers by path, paged, behind a token.
type fake struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	granted []string
	issued  int
	valid   string
	ttl     any
	lists   map[string][]string // rows by path
	objects map[string]string
	special map[string]http.HandlerFunc
	seen    []*http.Request
	bare    bool // no X-Result headers
	noPages bool // no X-Result-Total-Pages
}

func newFake(t testing.TB) *fake {
	f := &fake{
		t: t, ttl: 2592000, lists: map[string][]string{}, objects: map[string]string{}, special: map[string]http.HandlerFunc{},
		granted: []string{"employee", "recruitment", "workflow", "user", "source", "dictionary", "webhook"},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, r.Clone(context.Background()))
	if h := f.special[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	if r.URL.Path == "/oauth2/token" {
		f.token(w, r)
		return
	}
	path, private := strings.CutPrefix(r.URL.Path, api)
	if private && r.Header.Get("Authorization") != "Bearer "+f.valid {
		say(w, 401, `{"error":"invalid_token","error_description":"expired"}`)
		return
	}
	if o, ok := f.objects[path]; ok {
		say(w, 200, o)
		return
	}
	rows, ok := f.lists[path]
	if !ok {
		say(w, 404, `{"code":404,"message":"Not Found"}`)
		return
	}
	f.page(w, r, rows)
}

func (f *fake) page(w http.ResponseWriter, r *http.Request, rows []string) {
	page, _ := strconv.Atoi(r.Header.Get("X-Request-Current-Page"))
	size, _ := strconv.Atoi(r.Header.Get("X-Request-Page-Size"))
	if page < 1 || size < 1 || size > 100 {
		f.t.Errorf("%s: page %d of size %d", r.URL.Path, page, size)
	}
	if !f.bare {
		w.Header().Set("X-Result-Total-Count", strconv.Itoa(len(rows)))
		w.Header().Set("X-Result-Page-Size", strconv.Itoa(size))
		if !f.noPages {
			w.Header().Set("X-Result-Total-Pages", strconv.Itoa((len(rows)+size-1)/size))
		}
	}
	from, to := min((page-1)*size, len(rows)), min(page*size, len(rows))
	say(w, 200, "["+strings.Join(rows[from:to], ",")+"]")
}

func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	var in map[string]string
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in["grant_type"] != "client_credentials" {
		say(w, 400, `{"error":"invalid_request"}`)
		return
	}
	if in["client_id"] != "acme_kladka" || in["client_secret"] != "s3cret" {
		say(w, 400, `{"error":"invalid_client","error_description":"The client credentials are invalid"}`)
		return
	}
	for _, s := range strings.Fields(in["scope"]) {
		if !slices.Contains(f.granted, s) {
			say(w, 400, `{"error":"invalid_scope","error_description":"no `+s+`"}`)
			return
		}
	}
	f.issued++
	f.valid = fmt.Sprintf("token-%d", f.issued)
	body := encode(map[string]any{"access_token": f.valid, "token_type": "Bearer", "expires_in": f.ttl, "scope": in["scope"]})
	say(w, 200, string(body))
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func html(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html><body>Nothing here</body></html>"))
	}
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { say(w, status, body) }
}

// open connects to the fake; pauses between repetitions are left out.
func (f *fake) open(change ...func(*connector.Config)) *tenant {
	f.t.Helper()
	cfg := connector.Config{
		Credentials: map[string]string{"tenant": "acme", "client_id": "acme_kladka", "client_secret": "s3cret"},
		Transport:   http.DefaultTransport, Now: time.Now,
	}
	for _, c := range change {
		c(&cfg)
	}
	opened, err := New(Options{URL: f.URL}).Connect(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	tn := opened.(*tenant)
	tn.http.Sleep = func(context.Context, time.Duration) error { return nil }
	tn.brief.Sleep = tn.http.Sleep
	return tn
}

// sent gives the requests for a path.
func (f *fake) sent(path string) []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*http.Request
	for _, r := range f.seen {
		if r.URL.Path == path {
			out = append(out, r)
		}
	}
	return out
}

// step finds a step of the plan.
func step(t testing.TB, tn *tenant, name string) connector.Step {
	t.Helper()
	for _, s := range tn.Plan() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no step %q", name)
	return connector.Step{}
}
