package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

const hostile = `Zażółć "& Söhne" <script>alert(1)</script> {{.}} שלום`

// every lists all pages in all of their states: how to get there, and what tells it from the others.
var every = []struct {
	name    string
	prepare func(*fake)
	step    string
	pairs   []string
	says    string // in English
}{
	{"choice", two, "", nil, "Which recruiting software"},
	{"guide", nil, "", nil, "Get the access details from TRAFFIT"},
	{"guide of a relink", again, "", nil, "You are reconnecting"},
	{"guide for everybody", nil, "guide/traffit", nil, "your personal link"},
	{"form", nil, "form", nil, "Copy the access details"},
	{"form of a relink", again, "form", nil, "Enter the access details of"},
	{"form after a choice", two, "form", []string{"tool", "traffit"}, "Step 3 of 5"},
	{"form with problems", failed, "form", []string{"attempt", "a1"}, "That did not work yet"},
	{"check that begins", begins, "check", []string{"attempt", "a1"}, "The check begins."},
	{"check", checks, "check", []string{"attempt", "a1"}, "3 of 5 checked"},
	{"summary", passed, "confirm", []string{"attempt", "a1"}, "Connect now"},
	{"summary with everything", full, "confirm", []string{"attempt", "a1"}, "You decide"},
	{"summary of a relink", again, "confirm", []string{"attempt", "a1"}, "What changes"},
	{"mapping", setup, "confirm", nil, "Assign your fields"},
	{"mapping of nothing", func(f *fake) { setup(f); f.visit.CustomFields = nil }, "confirm", nil, "nothing to assign"},
	{"end", func(f *fake) { passed(f); completed(f) }, "done", []string{"attempt", "a1"}, "The first data is being read"},
	{"end of a relink", func(f *fake) { again(f); completed(f) }, "done", []string{"attempt", "a1"}, "again."},
	{"end of a mapping", func(f *fake) { setup(f); completed(f) }, "done", nil, "Your fields are assigned."},
	{"cancelled", nil, "cancelled", nil, "Nothing was connected"},
	{"expired", func(f *fake) { f.err = connect.ErrExpired }, "", nil, "This link has expired"},
	{"revoked", func(f *fake) { f.err = connect.ErrRevoked }, "form", nil, "This link was withdrawn"},
	{"completed", completed, "", nil, "Already connected"},
	{"replaced", nil, "check", []string{"attempt", "old"}, "Continued elsewhere"},
	{"internal", func(f *fake) { f.err = errors.New("disk full") }, "", nil, "Something went wrong here"},
	{"unknown", nil, "nowhere", nil, "Page not found"},
	{"unknown guide", nil, "guide/nobody", nil, "Page not found"},
}

func two(f *fake) { f.visit.Tools = append(f.visit.Tools, other) }
func begins(f *fake) {
	f.attempts["a1"] = connect.Attempt{ID: "a1", Tool: "traffit", State: connect.Checking}
}
func checks(f *fake) { f.attempts["a1"] = checking }
func passed(f *fake) { f.attempts["a1"] = ready }

func completed(f *fake) {
	at := int64(1_795_510_800_000)
	f.visit.Link.CompletedAt, f.err = &at, connect.ErrCompleted
}

func failed(f *fake) {
	f.attempts["a1"] = connect.Attempt{
		ID: "a1", Tool: "traffit", State: connect.Failed,
		Typed:  map[string]string{"tenant": hostile, "client_id": "acme_k", "client_secret": "never"},
		Report: connector.CheckReport{Scopes: []connector.ScopeCheck{{Scope: "employee", Problem: "403"}, {Scope: "user", Problem: "403"}, {Scope: "extra", Problem: "403"}}},
		Problems: []connector.Problem{
			{Code: connector.ProblemTenant, Credential: "tenant", Message: "a page instead of JSON"},
			{Code: connector.ProblemPermissions, Message: "employee: 403"},
			{Code: connector.ProblemPermissions, Message: "extra: 403"},
			{Code: "new", Message: "of a newer connector"},
		},
	}
}

func again(f *fake) {
	passed(f)
	f.visit.Link.Kind = connect.Relink
	before := ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{ats.Candidates: {Fields: map[string]ats.Setting{"phone_numbers": ats.Disabled}}}}
	f.visit.Integration = store.Integration{Tenant: "acme", Tool: "traffit", OrganizationName: hostile, ScopeConfig: store.ScopeConfig{Config: before}, Scopes: before.Scopes(nil, false)}
	f.visit.Scopes = ats.ScopeConfig{
		Models:  map[ats.Model]ats.ModelScope{ats.Users: {Setting: ats.Disabled}},
		Actions: map[string]ats.Setting{"ats_reject_application": ats.Disabled},
	}
}

func setup(f *fake) {
	f.visit.Link.Kind = connect.Setup
	f.visit.Integration = store.Integration{Tenant: "acme", Tool: "traffit", OrganizationName: hostile}
	label, description := "Shirt size <b>", hostile
	f.visit.CustomFields = []store.CustomField{
		{ID: "c1", Model: ats.Candidates, Key: "shirt", Label: &label, Description: &description, Mapped: &store.IntegrationField{Model: ats.Candidates, Type: "DEFAULT", Key: "size"}},
		{ID: "c2", Model: ats.Jobs, Key: "money"},
	}
}

func full(f *fake) {
	setup(f)
	f.visit.Link.Kind, f.visit.Link.Settings.FieldMapping, f.visit.Link.Settings.OnlyCreated = connect.Connect, true, connect.OnlyCreatedAsk
	f.visit.Integration = store.Integration{}
	f.visit.Scopes = ats.ScopeConfig{
		Models: map[ats.Model]ats.ModelScope{
			ats.Candidates:    {Fields: map[string]ats.Setting{"phone_numbers": ats.Optional, "last_name": ats.Disabled, "remote_data": ats.Enabled}},
			ats.Jobs:          {Setting: ats.Optional},
			ats.CandidateTags: {Setting: ats.Optional},
			ats.Users:         {Setting: ats.Disabled},
		},
		Actions: map[string]ats.Setting{"ats_reject_application": ats.Optional, "ats_create_application": ats.Disabled},
	}
	a := ready
	a.Twin = true
	a.Report = connector.CheckReport{Scopes: []connector.ScopeCheck{{Scope: "employee", Granted: true}}}
	f.attempts["a1"] = a
}

func TestEveryPage(t *testing.T) {
	for _, tc := range every {
		t.Run(tc.name, func(t *testing.T) {
			seen := map[string]string{}
			for _, language := range connector.Languages() {
				s := newSite(t)
				s.visit.Link.Settings.Organization = hostile
				if tc.prepare != nil {
					tc.prepare(s.fake)
				}
				p := s.get(tc.step, slices.Concat(tc.pairs, []string{"lang", language})...)
				p.sound(t, language)
				p.lacks(t, "<script>alert", "&lt;no value&gt;", "{tool}", "{organization}", "{tenant}", "refused.", "problem.", "never")
				if language == "en" {
					p.has(t, tc.says)
				}
				if other, twice := seen[p.title]; twice && tc.name != "check that begins" {
					t.Errorf("the title %q is that of %s and of %s", p.title, other, language)
				}
				seen[p.title] = language
				for name, want := range map[string]string{
					"Content-Type": "text/html; charset=utf-8", "Content-Language": language, "Content-Security-Policy": policy,
					"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				} {
					if got := p.header.Get(name); got != want {
						t.Errorf("%s: %q, want %q", name, got, want)
					}
				}
				if p.header.Get("X-Frame-Options") != "" || p.header.Get("Set-Cookie") != "" {
					t.Errorf("the page cannot be framed, or sets a cookie: %v", p.header)
				}
				// The switcher keeps the step and what belongs to it.
				for _, n := range p.elements(t) {
					if n.Data == "button" && attr(n, "name") == "switch" {
						to := attr(n, "value")
						there := s.send(http.MethodPost, attr(n, "formaction"), url.Values{"token": {goodToken}, "attempt": {attempt(tc.pairs)}, "switch": {to}})
						if there.status != p.status {
							t.Errorf("in %s the status is %d, not %d", to, there.status, p.status)
						}
						there.sound(t, to)
					}
					if !has(n, "hreflang") || strings.HasPrefix(tc.name, "unknown") {
						continue
					}
					there := s.send(http.MethodGet, attr(n, "href"), nil)
					if there.status != p.status {
						t.Errorf("in %s the status is %d, not %d", attr(n, "hreflang"), there.status, p.status)
					}
					there.sound(t, attr(n, "hreflang"))
				}
			}
		})
	}
}

// attempt finds the attempt among pairs of names and values.
func attempt(pairs []string) string {
	if n := slices.Index(pairs, "attempt"); n >= 0 {
		return pairs[n+1]
	}
	return ""
}

// Another language keeps what was typed and chosen, submits nothing, and puts nothing of it into an address.
func TestSwitchingKeepsEntries(t *testing.T) {
	s := newSite(t)
	failed(s.fake)
	p := s.post("form", "switch", "de", "attempt", "a1", "lang", "pl", "credential-tenant", hostile, "credential-client_id", "acme_new", "credential-client_secret", "s3cret")
	p.sound(t, "de")
	p.has(t, `value="acme_new"`, `name="lang" value="de"`, "Das hat noch nicht geklappt", "erneut ein")
	p.lacks(t, "s3cret")
	if got := attr(p.byID(t, "credential-tenant"), "value"); got != hostile {
		t.Errorf("the tenant came back as %q", got)
	}
	for _, n := range p.elements(t) {
		if a := attr(n, "href") + attr(n, "formaction"); strings.Contains(a, "acme_new") {
			t.Errorf("an address holds what was typed: %s", a)
		}
	}
	p = s.post("form", "switch", "de", "credential-tenant", "acme")
	p.has(t, `value="acme"`)
	p.lacks(t, `id="problems"`, `id="again-client_secret"`)
	if len(s.submitted) > 0 {
		t.Errorf("submitted: %v", s.submitted)
	}

	s = newSite(t)
	full(s.fake)
	p = s.post("confirm", "attempt", "a1", "switch", "fr", "share", "ats_jobs", "only_created", "yes", "mapping", "yes", "map-c1", "CUSTOM:size")
	p.sound(t, "fr")
	p.has(t, `value="ats_jobs" checked`, `name="only_created" value="yes" checked`, `value="CUSTOM:size" selected`, `value="ats_candidates.phone_numbers">`)
	p.lacks(t, `value="DEFAULT:size" selected`)
	if len(s.finished) > 0 {
		t.Errorf("finished: %v", s.finished)
	}
}

// What the server does where a link says nothing is said.
func TestDefaultOfOnlyCreated(t *testing.T) {
	for said, want := range map[connect.OnlyCreated]bool{"": true, connect.OnlyCreatedOff: false} {
		s := newSite(t)
		passed(s.fake)
		s.visit.OnlyCreated, s.visit.Link.Settings.OnlyCreated = true, said
		if got := strings.Contains(s.get("confirm", "attempt", "a1").body, "Nothing about other candidates is stored."); got != want {
			t.Errorf("the link says %q: told %v", said, got)
		}
	}
}

func TestRefusedLinks(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
		title  string
	}{
		"expired":   {connect.ErrExpired, http.StatusGone, "This link has expired"},
		"revoked":   {connect.ErrRevoked, http.StatusGone, "This link was withdrawn"},
		"completed": {connect.ErrCompleted, http.StatusOK, "Already connected"},
		"internal":  {errors.New("the disk is full of secrets"), http.StatusInternalServerError, "Something went wrong here"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			passed(s.fake)
			s.err = tc.err
			for _, step := range []string{"", "form", "check", "confirm"} {
				p := s.get(step, "attempt", "a1")
				if p.status != tc.status || !strings.HasPrefix(p.title, tc.title) {
					t.Errorf("GET %s: %d %q", step, p.status, p.title)
				}
				p.lacks(t, "secrets")
			}
			p := s.post("form", "credential-tenant", "acme", "credential-client_id", "acme_k", "credential-client_secret", "s3cret")
			if p.status != tc.status || len(s.submitted) > 0 {
				t.Errorf("POST form: %d %q, submitted %v", p.status, p.title, s.submitted)
			}
			p = s.post("confirm", "attempt", "a1")
			if name != "completed" && (p.status != tc.status || len(s.finished) > 0) {
				t.Errorf("POST confirm: %d %q, finished %v", p.status, p.title, s.finished)
			}
		})
	}
	t.Run("forged", func(t *testing.T) {
		s := newSite(t)
		passed(s.fake)
		for _, token := range []string{"", "forged", goodToken + "x", strings.Repeat("x", maxValue+1)} {
			for _, step := range []string{"/connect", "/connect/form", "/connect/check", "/connect/confirm", "/connect/done"} {
				p := s.send(http.MethodGet, step+"?attempt=a1&token="+url.QueryEscape(token), nil)
				if p.status != http.StatusNotFound || !strings.HasPrefix(p.title, "This link is not valid") {
					t.Errorf("GET %s with %.20q: %d %q", step, token, p.status, p.title)
				}
			}
			for _, step := range []string{"form", "confirm"} {
				p := s.send(http.MethodPost, "/connect/"+step, url.Values{"token": {token}, "attempt": {"a1"}})
				if p.status != http.StatusNotFound {
					t.Errorf("POST %s with %.20q: %d %q", step, token, p.status, p.title)
				}
			}
		}
		if len(s.submitted)+len(s.finished) > 0 {
			t.Error("something happened")
		}
	})
}

func TestInternalErrors(t *testing.T) {
	for name, prepare := range map[string]func(*site){
		"error": func(s *site) { s.failing = errors.New("the disk is full") },
		"panic": func(s *site) {
			s.visit.Tools = []connector.Tool{tool}
			s.attempts = nil
			s.failing = nil
			s.panics = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			prepare(s)
			p := s.post("form", "credential-tenant", "acme", "credential-client_id", "acme_k", "credential-client_secret", "s3cret")
			id := p.header.Get("X-Request-Id")
			if p.status != http.StatusInternalServerError || id == "" {
				t.Fatalf("status %d, request %q", p.status, id)
			}
			p.has(t, "Number of this request: "+id, "Kladka 1.2.3", "Try again")
			p.lacks(t, "disk", "s3cret")
			if log := s.log.String(); !strings.Contains(log, id) || !strings.Contains(log, "the disk is full") || strings.Contains(log, goodToken) || strings.Contains(log, "s3cret") {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

func TestProblemsBesideTheirFields(t *testing.T) {
	s := newSite(t)
	failed(s.fake)
	p := s.get("form", "attempt", "a1")
	p.has(t, "Error:", "tick these permissions", "of a newer connector")
	tenant, secret := p.byID(t, "credential-tenant"), p.byID(t, "credential-client_secret")
	if attr(tenant, "aria-invalid") != "true" || attr(tenant, "value") != hostile || !strings.Contains(attr(tenant, "aria-describedby"), "error-tenant") {
		t.Errorf("the field of the tenant: %v", tenant.Attr)
	}
	if got := text(p.byID(t, "error-tenant")); got != "TRAFFIT does not seem to know this account. Please compare it with the address of your TRAFFIT in the browser, and copy that address here. If it is right, TRAFFIT may be under maintenance; then try again in a few minutes." {
		t.Errorf("the error of the tenant: %q", got)
	}
	if has(secret, "value") || has(secret, "aria-invalid") || attr(secret, "autocomplete") != "off" {
		t.Errorf("the field of the secret: %v", secret.Attr)
	}
	if again := "again-client_secret"; !strings.Contains(text(p.byID(t, again)), "is not shown again") || attr(secret, "aria-describedby") != again {
		t.Errorf("the secret is not asked for again: %v", secret.Attr)
	}
	alert := p.byID(t, "problems")
	if !has(alert, "autofocus") || attr(alert, "tabindex") != "-1" {
		t.Errorf("the alert does not take the focus: %v", alert.Attr)
	}
	said := text(alert)
	for _, want := range []string{"Permissions are missing.", "employee", "Needed to read: candidates.", "extra", "TRAFFIT could not be connected.", "TRAFFIT subdomain: TRAFFIT does not seem to know"} {
		want = strings.Replace(want, "TRAFFIT subdomain", "Subdomain", 1)
		if !strings.Contains(said, want) {
			t.Errorf("the alert has no %q: %s", want, said)
		}
	}
	if strings.Contains(said, "users of the recruiting software") {
		t.Errorf("the alert asks for a permission that is optional: %s", said)
	}
}

func TestEveryProblemHasWords(t *testing.T) {
	for _, code := range problems {
		for _, credential := range []string{"", "tenant", "client_secret"} {
			s := newSite(t)
			again(s.fake)
			s.attempts["a1"] = connect.Attempt{ID: "a1", Tool: "traffit", State: connect.Failed, Problems: []connector.Problem{{Code: code, Credential: credential}}}
			p := s.get("form", "attempt", "a1", "lang", "pl")
			p.sound(t, "pl")
			if code == connector.ProblemTenant && credential == "tenant" {
				code = problemAsleep // it was known before
			}
			p.has(t, strings.ReplaceAll(mustWords(t, "pl")["problem."+string(code)+".title"], "{tool}", "TRAFFIT"))
			p.lacks(t, "problem.", "{tool}", "{tenant}")
		}
	}
}

func mustWords(t *testing.T, language string) words {
	t.Helper()
	l, err := loadLanguages()
	if err != nil {
		t.Fatal(err)
	}
	return l.words[language]
}

func TestFormIsJudgedBeforeItIsSubmitted(t *testing.T) {
	s := newSite(t)
	p := s.post("form", "credential-tenant", hostile, "credential-client_id", "  ", "credential-client_secret", strings.Repeat("s", maxValue+1))
	if p.status != http.StatusUnprocessableEntity || len(s.submitted) > 0 {
		t.Fatalf("status %d, submitted %v", p.status, s.submitted)
	}
	p.sound(t, "en")
	p.lacks(t, "ssss")
	if got := attr(p.byID(t, "credential-tenant"), "value"); got != hostile {
		t.Errorf("the tenant came back as %q", got)
	}
	if got := text(p.byID(t, "error-client_id")); !strings.HasPrefix(got, "This field is empty.") {
		t.Errorf("the client ID: %q", got)
	}
	if got := text(p.byID(t, "error-client_secret")); !strings.HasPrefix(got, "This text is too long.") {
		t.Errorf("the secret: %q", got)
	}

	p = s.post("form", "credential-tenant", "acme", "credential-client_id", "x", "credential-client_secret", "s3cret", "more", strings.Repeat("m", maxForm))
	if p.status != http.StatusRequestEntityTooLarge || len(s.submitted) > 0 {
		t.Errorf("a form that is too large: %d", p.status)
	}

	s.failing = connect.ErrTooMany
	p = s.post("form", "credential-tenant", "acme", "credential-client_id", "x", "credential-client_secret", "s3cret")
	if p.status != http.StatusTooManyRequests {
		t.Errorf("too many attempts: %d", p.status)
	}
	p.has(t, "Too many attempts", `value="acme"`)
	p.lacks(t, "s3cret")
}

// Whoever is at a step where the link is not gets to the right one.
func TestStepsLeadToWhereTheLinkIs(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*fake)
		step    string
		pairs   []string
		to      string
	}{
		"check of nothing":     {nil, "check", nil, "/connect"},
		"summary of nothing":   {nil, "confirm", nil, "/connect"},
		"end before the end":   {passed, "done", []string{"attempt", "a1"}, "/connect"},
		"form while it checks": {checks, "form", []string{"attempt", "a1"}, "/connect/check"},
		"summary too early":    {checks, "confirm", []string{"attempt", "a1"}, "/connect/check"},
		"check that passed":    {passed, "check", []string{"attempt", "a1"}, "/connect/confirm"},
		"check that failed":    {failed, "check", []string{"attempt", "a1"}, "/connect/form"},
		"summary of a failure": {failed, "confirm", []string{"attempt", "a1"}, "/connect/check"},
		"form without a tool":  {two, "form", nil, "/connect"},
		"form of no such tool": {two, "form", []string{"tool", "none"}, "/connect"},
		"start of a setup":     {setup, "", nil, "/connect/confirm"},
		"form of a setup":      {setup, "form", nil, "/connect/confirm"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if tc.prepare != nil {
				tc.prepare(s.fake)
			}
			p := s.get(tc.step, slices.Concat(tc.pairs, []string{"lang", "de"})...)
			to, err := url.Parse(p.header.Get("Location"))
			if err != nil || p.status != http.StatusSeeOther || to.Path != tc.to {
				t.Fatalf("%d to %q, want %s", p.status, p.header.Get("Location"), tc.to)
			}
			if q := to.Query(); q.Get("token") != goodToken || q.Get("lang") != "de" {
				t.Errorf("the way loses the token or the language: %v", q)
			}
		})
	}
}

func TestChoiceOfATool(t *testing.T) {
	s := newSite(t)
	two(s.fake)
	p := s.get("", "tool", "nonsense")
	p.has(t, "Which recruiting software", "Other &lt;ATS&gt;", "Step 1 of 5")
	for _, n := range p.elements(t) {
		if attr(n, "class") == "tool" && text(n) == "Other <ATS>" {
			p = s.send(http.MethodGet, attr(n, "href"), nil)
		}
	}
	p.has(t, "Get the access details from Other &lt;ATS&gt;", "Step 2 of 5")
	p = s.post("form", "tool", "other", "credential-tenant", "a", "credential-client_id", "b", "credential-client_secret", "c")
	if got := s.attempts["att1"].Tool; got != "other" {
		t.Errorf("submitted for %q: %d", got, p.status)
	}
	s.leads(p).has(t, "Other &lt;ATS&gt; is being checked", "Step 4 of 5")
}

func TestSummary(t *testing.T) {
	s := newSite(t)
	full(s.fake)
	p := s.get("confirm", "attempt", "a1")
	reads, writes := text(p.byID(t, "reads")), text(p.byID(t, "writes"))
	for _, want := range []string{"Candidates", "First name, e-mail addresses", "complete entries", "Applications", "Recruiting stages"} {
		if !strings.Contains(reads, want) {
			t.Errorf("it does not say that it reads %q: %s", want, reads)
		}
	}
	for _, never := range []string{"ast name", "hone numbers", "Jobs", "Tags of candidates", "Users", "Interviews", "remote", "changed at"} {
		if strings.Contains(reads, never) {
			t.Errorf("it says that it always reads %q: %s", never, reads)
		}
	}
	if writes != "This may be done in TRAFFIT Something new" {
		t.Errorf("it says that it writes: %s", writes)
	}
	asks := text(p.byID(t, "choices"))
	for _, want := range []string{"Phone numbers", "Jobs: name, description", "Tags of candidates", "Reject applications"} {
		if !strings.Contains(asks, want) {
			t.Errorf("it does not ask about %q: %s", want, asks)
		}
	}
	p.byID(t, "twin")
	p.byID(t, "mapping")
	if got := text(p.byID(t, "map-c1")); !strings.Contains(got, "Größe <i> (size)") {
		t.Errorf("the fields to choose from: %s", got)
	}
	p.has(t, `value="DEFAULT:size" selected`)

	p = s.post("confirm", "attempt", "a1", "share", "ats_candidates.phone_numbers", "share", "ats_users", "share", "ats_reject_application",
		"only_created", "yes", "mapping", "yes", "map-c1", "CUSTOM:size", "map-c2", "CUSTOM:size")
	s.leads(p).has(t, "Connected")
	want := connect.Choices{
		Declined: []string{"ats_jobs", "ats_join_candidates_tags"}, OnlyCreated: true,
		Mapping: map[string]connect.FieldRef{"c1": {Model: ats.Candidates, Type: "CUSTOM", Key: "size"}, "c2": {}},
	}
	if diff := cmp.Diff(want, s.finished[0]); diff != "" {
		t.Errorf("the choices (-want +got):\n%s", diff)
	}
}

// When scopes are changed while the customer looks at the summary, nothing is decided about what was not shown.
func TestScopesChangeBeforeTheEnd(t *testing.T) {
	s := newSite(t)
	full(s.fake)
	seen := func(p page) string {
		for _, n := range p.elements(t) {
			if attr(n, "name") == "seen" {
				return attr(n, "value")
			}
		}
		t.Fatal("the form does not say what it showed")
		return ""
	}
	first := seen(s.get("confirm", "attempt", "a1"))
	s.fake.visit.Scopes.Models[ats.Tags] = ats.ModelScope{Setting: ats.Optional}
	p := s.post("confirm", "attempt", "a1", "seen", first, "share", "ats_jobs")
	p.sound(t, "en")
	p.byID(t, "changed")
	if p.status != http.StatusConflict || len(s.finished) > 0 {
		t.Errorf("it answered %d and finished %v", p.status, s.finished)
	}
	s.leads(s.post("confirm", "attempt", "a1", "seen", seen(p), "share", "ats_jobs")).has(t, "Connected")
	s.get("confirm", "attempt", "a1").lacks(t, `id="changed"`)
}

// What a link does not ask for cannot be chosen.
func TestNothingIsChosenUnasked(t *testing.T) {
	s := newSite(t)
	passed(s.fake)
	p := s.get("confirm", "attempt", "a1")
	p.lacks(t, `id="twin"`, `id="choices"`, `id="mapping"`, `id="only-created"`, `id="lacking"`, `id="changes"`)
	s.post("confirm", "attempt", "a1", "only_created", "yes", "mapping", "yes", "map-c1", "CUSTOM:size")
	if diff := cmp.Diff([]connect.Choices{{}}, s.finished); diff != "" {
		t.Errorf("the choices (-want +got):\n%s", diff)
	}
}

func TestSummaryOfWhatIsMissing(t *testing.T) {
	s := newSite(t)
	full(s.fake)
	s.visit.Scopes = ats.ScopeConfig{}
	s.visit.Link.Settings.OnlyCreated = connect.OnlyCreatedOn
	a := s.attempts["a1"]
	a.Report.Scopes = append(a.Report.Scopes, connector.ScopeCheck{Scope: "user", Problem: "403"})
	s.attempts["a1"] = a
	s.fieldsFail = errors.New("TRAFFIT is down")
	p := s.get("confirm", "attempt", "a1")
	p.sound(t, "en")
	if got := text(p.byID(t, "lacking")); !strings.Contains(got, "user") || strings.Contains(got, "employee") {
		t.Errorf("what is lacking: %s", got)
	}
	if got := text(p.byID(t, "only-created")); !strings.Contains(got, "Nothing about other candidates is stored.") {
		t.Errorf("only created: %s", got)
	}
	p.byID(t, "unmapped")
	s.leads(s.post("confirm", "attempt", "a1")).has(t, "Connected")
	if s.finished[0].Mapping != nil {
		t.Errorf("mapped unasked: %v", s.finished[0].Mapping)
	}
}

func TestRelink(t *testing.T) {
	s := newSite(t)
	again(s.fake)
	s.visit.Integration.Settings = store.Settings{Declined: []string{"ats_candidates.phone_numbers"}, OnlyCreated: true}
	s.visit.OnlyCreated = true
	s.visit.Scopes.Models[ats.Candidates] = ats.ModelScope{Fields: map[string]ats.Setting{"phone_numbers": ats.Optional}}
	p := s.get("form")
	if n := p.byID(t, "credential-tenant"); attr(n, "value") != "acme" || !has(n, "readonly") {
		t.Errorf("the tenant can be changed: %v", n.Attr)
	}
	p = s.post("form", "credential-tenant", "stranger", "credential-client_id", "acme_k", "credential-client_secret", "s3cret")
	if p.status != http.StatusSeeOther || s.submitted[0]["tenant"] != "acme" {
		t.Fatalf("%d, submitted %v", p.status, s.submitted)
	}
	s.attempts["a1"] = ready
	p = s.get("confirm", "attempt", "a1")
	p.has(t, "Reconnect now")
	changes := text(p.byID(t, "changes"))
	if want := "What changes New Candidates: phone numbers No longer Jobs: hiring team Users of the recruiting software Reject applications"; changes != want {
		t.Errorf("the changes: %q, want %q", changes, want)
	}
	for _, n := range p.elements(t) {
		if attr(n, "value") == "ats_candidates.phone_numbers" && has(n, "checked") {
			t.Error("what was declined before is offered as wanted")
		}
	}
	p.byID(t, "only-created")

	s = newSite(t)
	again(s.fake)
	s.visit.Scopes = s.visit.Integration.ScopeConfig.Config
	s.get("confirm", "attempt", "a1").has(t, "stays the same")
}

func TestSetup(t *testing.T) {
	s := newSite(t)
	setup(s.fake)
	p := s.leads(s.get(""))
	p.has(t, "Shirt size &lt;b&gt;", "Save")
	p.lacks(t, "Step ", "Confirm the connection", `id="reads"`)
	p = s.leads(s.post("confirm", "mapping", "yes", "map-c2", "CUSTOM:budget"))
	p.has(t, "Your fields are assigned.", `data-activation-token="activation-1"`)
	want := []connect.Choices{{Mapping: map[string]connect.FieldRef{"c1": {}, "c2": {Model: ats.Jobs, Type: "CUSTOM", Key: "budget"}}}}
	if diff := cmp.Diff(want, s.finished[:1]); diff != "" {
		t.Errorf("the choices (-want +got):\n%s", diff)
	}

	s = newSite(t)
	setup(s.fake)
	s.fieldsFail = errors.New("TRAFFIT is down")
	if p := s.get("confirm"); p.status != http.StatusInternalServerError {
		t.Errorf("without fields: %d %q", p.status, p.title)
	}
}

// A link whose token was exchanged gives none again.
func TestEndWithoutAToken(t *testing.T) {
	s := newSite(t)
	passed(s.fake)
	completed(s.fake)
	s.exchanged = true
	p := s.get("done", "attempt", "a1")
	p.has(t, "Already connected")
	p.lacks(t, "data-activation-token")
}

func TestInAFrame(t *testing.T) {
	s := newSite(t)
	s.get("").lacks(t, `class="framed"`)
	s.header.Set("Sec-Fetch-Dest", "iframe")
	p := s.get("")
	p.has(t, `class="framed"`)
	cancel := 0
	for _, n := range p.elements(t) {
		if attr(n, "data-close") == "close" {
			cancel++
		}
	}
	if cancel != 2 {
		t.Errorf("%d ways to cancel", cancel)
	}
}

func TestAssets(t *testing.T) {
	s := newSite(t)
	for _, n := range s.get("").elements(t) {
		address := attr(n, "src")
		if n.Data == "link" {
			address = attr(n, "href")
		}
		if n.Data != "link" && n.Data != "script" {
			continue
		}
		p := s.send(http.MethodGet, address, nil)
		if p.status != http.StatusOK || !strings.Contains(p.header.Get("Cache-Control"), "immutable") || p.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", address, p.status, p.header)
		}
		if p := s.send(http.MethodGet, strings.Replace(address, "/assets/", "/assets/0", 1), nil); p.status != http.StatusNotFound {
			t.Errorf("another version of %s: %d", address, p.status)
		}
	}
}

// A proxy may serve everything below a path of its own.
func TestBelowAPath(t *testing.T) {
	s := newSite(t)
	h, err := New(Deps{Page: s.fake, Log: s.logger, Now: s.now, PublicURL: "https://example.com/kladka/", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	s.handler = h
	for _, n := range s.get("").elements(t) {
		for _, name := range []string{"href", "src"} {
			if a := attr(n, name); a != "" && !strings.HasPrefix(a, "/kladka/connect") && !strings.HasPrefix(a, "#") && !strings.HasPrefix(a, "data:") {
				t.Errorf("%s leads to %s", n.Data, a)
			}
		}
	}
	p := s.post("form", "credential-tenant", "a", "credential-client_id", "b", "credential-client_secret", "c")
	if to := p.header.Get("Location"); !strings.HasPrefix(to, "/kladka/connect/check?") {
		t.Errorf("the form leads to %s", to)
	}
}

// Links come through mail programs and other pages, which add things of their own.
func TestOddQueries(t *testing.T) {
	s := newSite(t)
	for _, more := range []string{"&sdkv=1.3.0", "&utm;x=1", "&%zz=1", "&token=second", "&tool=%00", "&lang=de%22%3E", "&attempt=a&attempt=b"} {
		p := s.send(http.MethodGet, address("")+more, nil)
		if p.status != http.StatusOK {
			t.Errorf("%s: %d %q", more, p.status, p.title)
		}
		p.sound(t, "en")
	}
	for method, status := range map[string]int{http.MethodHead: http.StatusOK, http.MethodPut: http.StatusNotFound, http.MethodDelete: http.StatusNotFound} {
		if p := s.send(method, address("form"), nil); p.status != status {
			t.Errorf("%s: %d, want %d", method, p.status, status)
		}
	}
	if p := s.send(http.MethodGet, "/connect/?"+strings.TrimPrefix(address(""), "/connect?"), nil); p.status != http.StatusOK {
		t.Errorf("with a slash at its end: %d", p.status)
	}
}

// The guide can be read by somebody who has no link.
func TestGuideForEverybody(t *testing.T) {
	s := newSite(t)
	for _, language := range connector.Languages() {
		s.header.Set("Accept-Language", language)
		p := s.send(http.MethodGet, "/connect/guide/traffit", nil)
		if p.status != http.StatusOK || p.header.Get("Content-Language") != language {
			t.Errorf("%s: %d in %q", language, p.status, p.header.Get("Content-Language"))
		}
		p.has(t, "Generate the secret", `<code translate="no">employee</code>`, `href="/connect/guide/traffit?lang=`)
		p.lacks(t, "token", "/cancelled")
	}
	if len(s.opened) > 0 {
		t.Errorf("links were opened: %q", s.opened)
	}
}

// Of two windows that send the last form at once, both come to the end.
func TestOvertaken(t *testing.T) {
	s := newSite(t)
	passed(s.fake)
	s.overtaken = true
	p := s.post("confirm", "attempt", "a1")
	if to := p.header.Get("Location"); p.status != http.StatusSeeOther || !strings.HasPrefix(to, "/connect/done?") {
		t.Errorf("the form leads to %q with %d:\n%s", to, p.status, p.body)
	}
}
