package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
)

// site is a browser without scripts on the pages over a fake service.
type site struct {
	*fake
	t       *testing.T
	handler http.Handler
	log     *strings.Builder
	logger  *slog.Logger
	header  http.Header
	now     func() time.Time
}

func newSite(t *testing.T) *site {
	s := &site{fake: newFake(), t: t, log: &strings.Builder{}, header: http.Header{}, now: time.Now}
	s.logger = slog.New(slog.NewTextHandler(s.log, nil))
	h, err := New(Deps{
		Page: s.fake, Tools: []connector.Tool{tool}, Log: s.logger, Now: s.now,
		PublicURL: "https://kladka.example.com", Version: "1.2.3",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.handler = h
	return s
}

// page is an answer as somebody sees it.
type page struct {
	status int
	header http.Header
	body   string
	title  string
}

func (s *site) send(method, address string, form url.Values) page {
	s.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range s.header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		s.t.Fatal(err)
	}
	_, title, _ := strings.Cut(string(body), "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	return page{w.Code, w.Result().Header, string(body), title}
}

// address of a step with the good token.
func address(step string, pairs ...string) string {
	q := url.Values{"token": {goodToken}}
	for n := 0; n+1 < len(pairs); n += 2 {
		q.Set(pairs[n], pairs[n+1])
	}
	return strings.TrimSuffix("/connect/"+step, "/") + "?" + q.Encode()
}

func (s *site) get(step string, pairs ...string) page {
	s.t.Helper()
	return s.send(http.MethodGet, address(step, pairs...), nil)
}

func (s *site) post(step string, pairs ...string) page {
	s.t.Helper()
	form := url.Values{"token": {goodToken}}
	for n := 0; n+1 < len(pairs); n += 2 {
		form.Add(pairs[n], pairs[n+1])
	}
	return s.send(http.MethodPost, "/connect/"+step, form)
}

// leads follows a redirection.
func (s *site) leads(p page) page {
	s.t.Helper()
	if p.status != http.StatusSeeOther {
		s.t.Fatalf("status %d, want 303\n%s", p.status, p.body)
	}
	return s.send(http.MethodGet, p.header.Get("Location"), nil)
}

func (p page) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%q (status %d) has no %q:\n%s", p.title, p.status, text, p.body)
		}
	}
}

func (p page) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			t.Errorf("%q (status %d) has %q:\n%s", p.title, p.status, text, p.body)
		}
	}
}

// The attempts of the tests.
var (
	checking = connect.Attempt{ID: "a1", Tool: "traffit", State: connect.Checking, Report: connector.CheckReport{
		Scopes:    []connector.ScopeCheck{{Scope: "employee", Granted: true}, {Scope: "user", Problem: "403"}, {Scope: "workflow", Pending: true}},
		Endpoints: []connector.EndpointCheck{{Path: "/employees/{id}", Status: 200}, {Path: "/users/", Pending: true}},
	}}
	ready = connect.Attempt{ID: "a1", Tool: "traffit", State: connect.Ready, Report: connector.CheckReport{
		Scopes: []connector.ScopeCheck{{Scope: "employee", Granted: true}},
	}}
)

func TestWholeWay(t *testing.T) {
	s := newSite(t)
	p := s.get("", "sdkv", "1.3.0", "unknown", "x")
	p.has(t, "Step 1 of 4", "Open the settings", "You are an administrator.", "The menu of the settings", "data:image/svg&#43;xml;base64,",
		"employee", "Needed to read: candidates.", "Needed to: create applications.", "optional")
	p = s.get("form")
	p.has(t, "Step 2 of 4", `for="credential-tenant"`, "Subdomain", "acme_kladka")
	p = s.post("form", "credential-tenant", " acme ", "credential-client_id", "acme_k", "credential-client_secret", "s3cret")
	if got := s.submitted[0]["tenant"]; got != "acme" {
		t.Errorf("submitted the tenant %q", got)
	}
	p = s.leads(p)
	p.has(t, "Step 3 of 4", `http-equiv="refresh"`, "The check begins.")
	a := s.attempts["att1"]
	a.Report = checking.Report
	s.attempts["att1"] = a
	p = s.get("check", "attempt", "att1")
	p.has(t, "3 of 5 checked", "Granted", "Missing", "Waiting", "/employees/{id}", `role="status"`)
	a.State = connect.Ready
	s.attempts["att1"] = a
	p = s.leads(s.get("check", "attempt", "att1"))
	p.has(t, "Step 4 of 4", "Confirm the connection", "Reject applications", "Something new", "phone numbers", `value="att1"`)
	p = s.leads(s.post("confirm", "attempt", "att1"))
	p.has(t, `data-activation-token="activation-1"`, "Connected", "You can close this page.")
	// Whoever goes back, reloads or sends twice gets the same end.
	s.get("done", "attempt", "att1").has(t, `data-activation-token="activation-1"`)
	s.leads(s.post("confirm", "attempt", "att1")).has(t, `data-activation-token="activation-1"`)
	s.get("").has(t, "Already connected", "Completed on 24 November 2026.")
	s.get("confirm", "attempt", "att1").has(t, "Already connected")
	s.get("form").has(t, "Already connected")
}
