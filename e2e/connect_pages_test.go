package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
	"github.com/kladka/kladka/internal/store"
)

var update = flag.Bool("update", false, "write the pictures of the connect pages into docs/pictures")

// hostPage is an integrator's page: it opens the link with the npm package as it is, and notes how that ended.
const hostPage = `<!DOCTYPE html>
<html lang="en">
<head><title>Integrator</title></head>
<body>
<main><h1>Integrator</h1><button>Something else</button></main>
<script type="module">
import { showKomboConnect } from "/connect.mjs";
showKomboConnect(new URLSearchParams(location.search).get("link")).then(
  token => { window.outcome = "token " + token; },
  error => { window.outcome = error.name; });
</script>
</body>
</html>`

// connecting is a server with its pages, a TRAFFIT whose tenants are those of the cases, an integrator's page
// of another site, and a browser.
type connecting struct {
	*server
	u       *upstream
	browser *browser
	host    string
}

func newConnecting(t *testing.T) *connecting {
	t.Helper()
	b := newBrowser(t)
	u := newUpstream(t, sandbox.Config{Candidates: 12, Recruitments: 4, Adverts: 2})
	c := onSQLite(t)
	c.TraffitURL = u.tenants()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, hostPage)
	})
	mux.HandleFunc("GET /connect.mjs", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		http.ServeFile(w, r, connectModule)
	})
	host := httptest.NewServer(mux)
	t.Cleanup(host.Close)
	return &connecting{server: start(t, c), u: u, browser: b, host: strings.Replace(host.URL, "127.0.0.1", "localhost", 1)}
}

// in is the same for a subtest.
func (c *connecting) in(t *testing.T) *connecting {
	in := *c
	in.server = c.server.in(t)
	return &in
}

// tenant opens a tenant with switches.
func (c *connecting) tenant(name string, switches ...string) *sandbox.Tenant {
	c.Helper()
	t, err := c.u.Open(name)
	if err != nil {
		c.Fatal(err)
	}
	for i := 0; i < len(switches); i += 2 {
		c.set(t, switches[i], switches[i+1])
	}
	return t
}

func (c *connecting) set(t *sandbox.Tenant, name, value string) {
	c.Helper()
	if err := t.Set(name, value); err != nil {
		c.Fatal(err)
	}
}

// link makes a link with more than the usual.
func (c *connecting) link(more object) string {
	c.Helper()
	body := object{
		"end_user_email": "anna@example.com", "end_user_organization_name": "Żółw & Syn", "integration_category": "ATS", "integration_tool": "traffit",
	}
	for key, v := range more {
		body[key] = v
	}
	return c.data("POST", "/v1/connect/create-link", "", body)["link"].(string)
}

// framed opens a link in the integrator's page, and gives the page and the frame.
func (c *connecting) framed(link string) (host, frame *tab) {
	c.Helper()
	host = c.browser.open(c.T, c.host+"/?"+url.Values{"link": {link}}.Encode())
	return host, host.frame()
}

// outcome waits for what the package tells the integrator's page.
func (p *tab) outcome() string {
	p.Helper()
	p.until("window.outcome")
	if eval[bool](p, "!!document.querySelector('iframe')") {
		p.Error("the frame is still there")
	}
	return eval[string](p, "window.outcome")
}

// at waits for a page.
func (p *tab) at(name string) {
	p.Helper()
	p.has(`[data-page="` + name + `"]`)
}

// What is clicked.
const (
	next     = "#continue"
	send     = `main form button[type="submit"]`
	cancel   = `.actions a[data-close="close"]`
	problems = "#problems"
	secret   = "sandbox-secret"
)

func field(key string) string { return `input[name="credential-` + key + `"]` }

// submit fills the form and sends it.
func (p *tab) submit(tenant, id, secret string) {
	p.Helper()
	p.at("form")
	for _, typed := range [][2]string{{"tenant", tenant}, {"client_id", id}, {"client_secret", secret}} {
		if typed[1] != "" {
			p.fill(field(typed[0]), typed[1])
		}
	}
	p.click(send)
}

// connectTo goes the whole way to the summary.
func (p *tab) connectTo(tenant string) {
	p.Helper()
	p.at("guide")
	p.click(next)
	p.submit(tenant, tenant+"_kladka", secret)
	p.at("confirm")
}

// refused waits for a form that says what is wrong, and for the focus there.
func (p *tab) refused(texts ...string) {
	p.Helper()
	p.at("form")
	p.until(`document.activeElement === document.querySelector("` + problems + `")`)
	for _, text := range texts {
		p.reads(text)
	}
	if v := eval[string](p, `document.querySelector('`+field("client_secret")+`').value`); v != "" {
		p.Errorf("the secret %q came back", v)
	}
}

// integration exchanges the token of an outcome.
func (c *connecting) integration(outcome string) object {
	c.Helper()
	token, ok := strings.CutPrefix(outcome, "token ")
	if !ok {
		c.Fatalf("the outcome is %q", outcome)
	}
	return c.data("GET", "/v1/connect/integration-by-token/"+url.PathEscape(token), "", nil)
}

// loaded waits until a list can be read, and gives how long it is.
func (c *connecting) loaded(integration, list string) int {
	c.Helper()
	for deadline := time.Now().Add(syncWithin); ; time.Sleep(20 * time.Millisecond) {
		if status, _ := c.call("GET", "/v1/ats/"+list, integration, nil); status == http.StatusOK {
			return len(c.list(integration, list, nil))
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s cannot be read", list)
		}
	}
}

// The ways of a customer through the pages, in a real browser, in a frame that the npm package makes.
func TestConnectPages(t *testing.T) {
	t.Parallel()
	c := newConnecting(t)
	for name, test := range map[string]func(*connecting){
		"success":            (*connecting).success,
		"cancel":             (*connecting).cancel,
		"wrong secret":       (*connecting).wrongSecret,
		"wrong fields":       (*connecting).wrongFields,
		"missing scope":      (*connecting).missingScope,
		"down":               (*connecting).down,
		"links that are off": (*connecting).linksThatAreOff,
		"two windows":        (*connecting).twoWindows,
		"reconnect":          (*connecting).reconnect,
		"magic link":         (*connecting).magicLink,
		"choices":            (*connecting).choices,
		"languages":          (*connecting).languages,
		"without scripts":    (*connecting).withoutScripts,
		"keyboard":           (*connecting).keyboard,
		"guide alone":        (*connecting).guideAlone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(c.in(t))
		})
	}
}

func (c *connecting) success() {
	needSDK(c.T)
	c.tenant("success")
	made := c.sdk("", sdkCall{Method: "connect.createConnectionLink", Args: object{
		"end_user_email": "anna@example.com", "end_user_organization_name": "Żółw & Syn", "end_user_origin_id": "customer-1",
		"integration_category": "ATS", "integration_tool": "traffit",
	}})[0]
	if made.Error != nil {
		c.Fatalf("the link: %+v", *made.Error)
	}
	link := made.Data["link"].(string)
	host, f := c.framed(link)
	f.at("guide")
	f.inspect("guide")
	f.connectTo("success")
	f.inspect("confirm")
	f.click(send)
	outcome := host.outcome()
	made = c.sdk("", sdkCall{Method: "connect.getIntegrationByToken", Args: object{"token": strings.TrimPrefix(outcome, "token ")}})[0]
	if made.Error != nil {
		c.Fatalf("the token: %+v", *made.Error)
	}
	i, _ := made.Data["id"].(string)
	want := object{
		"id": i, "tool": "traffit", "end_user_origin_id": "customer-1", "end_user_organization_name": "Żółw & Syn", "end_user_email": "anna@example.com",
		"setup_status": made.Data["setup_status"],
	}
	if d := cmp.Diff(want, made.Data); d != "" {
		c.Errorf("the integration (-want +got):\n%s", d)
	}
	if n := c.loaded(i, "candidates"); n != 12 {
		c.Errorf("%d candidates were read", n)
	}
	cookies, err := chromedp.CallBrowser(host.page, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: chromedp.FromContext(host.page).BrowserContextID})
	if err != nil || len(cookies.Cookies) > 0 {
		c.Errorf("cookies: %v, %v", cookies.Cookies, err)
	}
	// The link is used up, and another one for the same account is warned about.
	_, again := c.framed(link)
	again.has(`[data-refused="completed"]`)
	again.inspect("completed")
	_, twin := c.framed(c.link(nil))
	twin.connectTo("success")
	twin.has("#twin")
	twin.inspect("twin")
}

// A customer can leave at every step, and come back with the same link.
func (c *connecting) cancel() {
	c.tenant("slow", "latency", "700ms")
	link := c.link(nil)
	for _, step := range []struct {
		name string
		to   func(*tab)
	}{
		{"guide", func(*tab) {}},
		{"form", func(f *tab) { f.click(next) }},
		{"form", func(f *tab) { f.click(next); f.submit("not a name!", "x", "x"); f.has(problems) }},
		{"check", func(f *tab) { f.click(next); f.submit("slow", "slow_kladka", secret) }},
		{"confirm", func(f *tab) { c.tenant("quick"); f.connectTo("quick") }},
	} {
		host, f := c.framed(link)
		f.at("guide")
		step.to(f)
		f.at(step.name)
		if step.name == "check" {
			f.has("li.ok")
			eval[chromedp.Void](f, "window.fetch = () => new Promise(() => {})") // what is looked at stands still
			f.inspect("check")
		}
		f.click(cancel)
		if got := host.outcome(); got != "KomboConnectCancelledError" {
			c.Errorf("%s: the outcome is %q", step.name, got)
		}
	}
	// The cross at the top does the same.
	host, f := c.framed(link)
	f.click("header .close")
	if got := host.outcome(); got != "KomboConnectCancelledError" {
		c.Errorf("the cross: the outcome is %q", got)
	}
	// So does Escape, unless something was typed.
	host, f = c.framed(link)
	f.click(next)
	f.at("form")
	f.fill(field("tenant"), "x")
	f.press(kb.Escape)
	f.fill(field("tenant"), "")
	f.at("form")
	f.press(kb.Escape)
	if got := host.outcome(); got != "KomboConnectCancelledError" {
		c.Errorf("Escape: the outcome is %q", got)
	}
	p := c.browser.open(c.T, link)
	p.click(cancel)
	p.at("cancelled")
	p.inspect("cancelled")
}

func (c *connecting) wrongSecret() {
	c.tenant("wrong")
	host, f := c.framed(c.link(nil))
	f.click(next)
	f.at("form")
	f.inspect("form")
	f.click(send) // the browser itself asks for what is missing
	f.at("form")
	f.submit("https://wrong.traffit.com/#/recruitments", "wrong_kladka", "no "+secret)
	f.refused("TRAFFIT does not accept these access details.")
	f.inspect("wrong-secret")
	if v := eval[string](f, `document.querySelector('`+field("client_id")+`').value`); v != "wrong_kladka" {
		c.Errorf("the client ID is %q", v)
	}
	f.fill(field("client_secret"), secret)
	f.click("button.show")
	f.until(`document.querySelector('` + field("client_secret") + `').type === "text"`)
	f.click(send)
	f.at("confirm")
	f.click(send)
	if i := c.integration(host.outcome()); i["id"] == nil {
		c.Errorf("the integration is %v", i)
	}
}

// What can be said of one field stands beside it.
func (c *connecting) wrongFields() {
	c.tenant("fields")
	c.tenant("version", "client", "v1")
	_, f := c.framed(c.link(nil))
	f.click(next)
	for _, wrong := range []struct{ tenant, id, beside, reads, name string }{
		{"no name!", "x_kladka", "tenant", "This does not look right.", "no-subdomain"},
		{"unknowncompany", "unknowncompany_kladka", "tenant", "TRAFFIT does not seem to know this account.", "unknown-tenant"},
		{"fields", "other_kladka", "client_id", "TRAFFIT does not accept these access details.", "other-client"},
		{"version", "version_kladka", "client_id", "This client is meant for another version of the API.", "api-v1"},
	} {
		f.submit(wrong.tenant, wrong.id, secret)
		f.refused(wrong.reads)
		got := eval[[]string](f, `[...document.querySelectorAll("main [aria-invalid]")].map(e => e.name)`)
		if d := cmp.Diff([]string{"credential-" + wrong.beside}, got); d != "" {
			c.Errorf("%s: wrong fields (-want +got):\n%s", wrong.name, d)
		}
		f.inspect(wrong.name)
		eval[chromedp.Void](f, `document.querySelector("`+problems+`").remove()`) // so that the next one is waited for
	}
	f.submit("fields", "fields_kladka", secret)
	f.at("confirm")
}

func (c *connecting) missingScope() {
	t := c.tenant("scopes", "scopes.denied", "workflow")
	host, f := c.framed(c.link(nil))
	f.click(next)
	f.submit("scopes", "scopes_kladka", secret)
	f.refused()
	got := eval[[]string](f, `[...document.querySelectorAll("`+problems+` .permissions code")].map(e => e.textContent)`)
	if d := cmp.Diff([]string{"workflow"}, got); d != "" {
		c.Errorf("scopes that are missing (-want +got):\n%s", d)
	}
	f.inspect("missing-scope")
	c.set(t, "scopes.denied", "")
	f.submit("", "", secret)
	f.at("confirm")
	f.click(send)
	c.integration(host.outcome())
}

func (c *connecting) down() {
	t := c.tenant("down", "fail.500", "1")
	_, f := c.framed(c.link(nil))
	f.click(next)
	f.submit("down", "down_kladka", secret)
	f.refused("TRAFFIT is not available at the moment.")
	f.inspect("down")
	c.set(t, "fail.500", "0")
	f.submit("", "", secret)
	f.at("confirm")
}

func (c *connecting) linksThatAreOff() {
	config := onSQLite(c.T)
	config.TraffitURL = c.u.tenants()
	other := *c
	other.server = start(c.T, config)
	looked := map[string]bool{}
	refused := func(link, why string) {
		c.Helper()
		host, f := c.framed(link)
		f.has(`[data-refused="` + why + `"]`)
		if !looked[why] {
			looked[why] = true
			f.inspect(why)
		}
		f.click(`.actions a[data-close="close"]`)
		if got := host.outcome(); got != "KomboConnectCancelledError" {
			c.Errorf("%s: the outcome is %q", why, got)
		}
	}
	refused(strings.Replace(c.link(nil), "token=", "token=x", 1), "invalid")
	refused(strings.Replace(other.link(nil), other.base, c.base, 1), "invalid")
	revoked := other.link(nil)
	links, err := other.app.Links().List(c.Context(), nil, 1)
	if err != nil {
		c.Fatal(err)
	}
	if err := other.app.Links().Revoke(c.Context(), links[0].ID); err != nil {
		c.Fatal(err)
	}
	refused(revoked, "revoked")
	embedded, magic := other.link(nil), other.link(object{"link_type": "MAGIC_LINK"})
	config.clock.forward(61 * time.Minute)
	refused(embedded, "expired")
	c.browser.open(c.T, magic).at("guide")
	config.clock.forward(365 * 24 * time.Hour)
	refused(magic, "expired")
	p := c.browser.open(c.T, c.base+"/connect/nowhere")
	p.has(`[data-refused="unknown"]`)
	p.inspect("unknown")
}

// Of two windows with one link the later one counts, and the other says so; only one integration comes of it.
func (c *connecting) twoWindows() {
	c.tenant("first")
	c.tenant("second")
	link := c.link(nil)
	one, f := c.framed(link)
	f.connectTo("first")
	two, g := c.framed(link)
	g.connectTo("second")
	f.click(send)
	f.has(`[data-refused="replaced"]`)
	f.inspect("replaced")
	g.click(send)
	i := c.integration(two.outcome())
	f.click(`.actions a:not([data-close])`) // again from the beginning
	f.has(`[data-refused="completed"]`)
	f.click(cancel)
	if got := one.outcome(); got != "KomboConnectCancelledError" {
		c.Errorf("the outcome of the first window is %q", got)
	}
	if made, err := c.app.Store.Integration(c.Context(), i["id"].(string)); err != nil || made.Tenant != "second" {
		c.Errorf("the integration is connected to %q: %v", made.Tenant, err)
	}
}

// Reconnecting keeps the integration and its data, and the account.
func (c *connecting) reconnect() {
	t := c.tenant("again")
	host, f := c.framed(c.link(nil))
	f.connectTo("again")
	f.click(send)
	i := c.integration(host.outcome())["id"].(string)
	before := c.loaded(i, "jobs")
	c.succeed(i)
	c.set(t, "client", "deleted") // of which TRAFFIT says that it is no more
	c.sync(i)
	if status := c.data("GET", "/v1/integrations/"+i, "", nil)["status"]; status != "INVALID" {
		c.Errorf("with a deleted client the integration is %v", status)
	}
	c.set(t, "client", "valid")
	host, f = c.framed(c.data("POST", "/v1/integrations/"+i+"/relink", "", object{"language": "en"})["link"].(string))
	f.at("guide")
	f.inspect("reconnect")
	f.click(next)
	f.at("form")
	if got := eval[bool](f, `document.querySelector('`+field("tenant")+`').readOnly`); !got {
		c.Error("another account can be typed")
	}
	f.submit("", "again_kladka", secret)
	f.at("confirm")
	f.inspect("reconnect-confirm")
	f.click(send)
	if got := c.integration(host.outcome())["id"]; got != i {
		c.Errorf("the integration is %v, want %v", got, i)
	}
	if status := c.data("GET", "/v1/integrations/"+i, "", nil)["status"]; status != "ACTIVE" {
		c.Errorf("with a new client the integration is %v", status)
	}
	if after := c.loaded(i, "jobs"); after != before {
		c.Errorf("%d jobs after it, %d before", after, before)
	}
}

// A magic link is a page of its own, with nobody to tell.
func (c *connecting) magicLink() {
	c.tenant("magic")
	p := c.browser.window(c.T)
	p.size(360, 640)
	p.visit(c.link(object{"link_type": "MAGIC_LINK"}))
	p.connectTo("magic")
	p.click(send)
	p.at("done")
	p.inspect("done")
	p.do(chromedp.Reload())
	p.at("done")
	if shown := eval[bool](p, `[...document.querySelectorAll(".framed-only")].some(e => e.getClientRects().length > 0)`); shown {
		c.Error("there is something to close, and no frame around it")
	}
	// Frames in frames of others get no message from it either.
	if n := eval[int](p, "history.length"); n < 4 {
		c.Errorf("the way took %d pages", n)
	}
}

// What is optional can be declined, and the customer is asked for the rest.
func (c *connecting) choices() {
	c.tenant("choices")
	config, err := c.app.Store.AddScopeConfig(c.Context(), "some", ats.ScopeConfig{
		Models: map[ats.Model]ats.ModelScope{
			ats.Users:      {Setting: ats.Optional},
			ats.Candidates: {Fields: map[string]ats.Setting{"phone_numbers": ats.Optional, "email_addresses": ats.Optional, "social_links": ats.Disabled}},
			ats.Tags:       {Setting: ats.Disabled},
		},
		Actions: map[string]ats.Setting{"ats_create_candidate": ats.Optional, "ats_reject_application": ats.Disabled},
	})
	if err != nil {
		c.Fatal(err)
	}
	label, about := "Shoe size", "As the candidate tells it."
	if _, err := c.app.Store.AddCustomField(c.Context(), store.CustomField{Model: ats.Candidates, Key: "shoe_size", Label: &label, Description: &about}); err != nil {
		c.Fatal(err)
	}
	host, f := c.framed(c.link(object{"scope_config_id": config.ID, "enable_field_mapping": true, "only_created_applications": "ask"}))
	f.connectTo("choices")
	f.inspect("confirm-choices")
	offered := eval[[]string](f, `[...document.querySelectorAll("input[name=share]")].map(e => e.value).sort()`)
	if d := cmp.Diff([]string{"ats_candidates.email_addresses", "ats_candidates.phone_numbers", "ats_create_candidate", "ats_users"}, offered); d != "" {
		c.Errorf("what may be declined (-want +got):\n%s", d)
	}
	for _, css := range []string{
		`input[name="share"][value="ats_users"]`, `input[name="share"][value="ats_candidates.phone_numbers"]`, `input[name="only_created"][value="yes"]`,
	} {
		f.click(css)
	}
	eval[chromedp.Void](f, `(e => { e.value = e.options[1].value; })(document.querySelector("select[name^=map-]"))`)
	f.click(send)
	id, _ := c.integration(host.outcome())["id"].(string)
	i, err := c.app.Store.Integration(c.Context(), id)
	if err != nil {
		c.Fatal(err)
	}
	slices.Sort(i.Settings.Declined)
	if d := cmp.Diff([]string{"ats_candidates.phone_numbers", "ats_users"}, i.Settings.Declined); d != "" || !i.Settings.OnlyCreated {
		c.Errorf("only created: %v, declined (-want +got):\n%s", i.Settings.OnlyCreated, d)
	}
	fields := c.data("GET", "/v1/integrations/"+id+"/custom-fields", "", nil)["results"].([]any)
	if len(fields) != 1 || fields[0].(object)["integration_field"] == nil {
		c.Errorf("the mapping is %v", fields)
	}
	// The mapping can be done again by itself.
	host, f = c.framed(c.data("POST", "/v1/integrations/"+id+"/setup-link", "", object{"link_type": "EMBEDDED"})["link"].(string))
	f.at("confirm")
	f.inspect("mapping")
	f.click(send)
	if got := c.integration(host.outcome())["id"]; got != id {
		c.Errorf("the integration is %v, want %v", got, id)
	}
}

// Each language has its own words on every page, and all of them a way to the others.
func (c *connecting) languages() {
	steps := map[string]string{
		"en": "Open the API settings", "pl": "Otwórz ustawienia API", "de": "Die API-Einstellungen öffnen",
		"fr": "Ouvrez les paramètres de l’API", "it": "Apra le impostazioni API", "es": "Abra los ajustes de la API",
	}
	titles := map[string]string{}
	for _, language := range connector.Languages() {
		_, f := c.framed(c.link(object{"language": language}))
		if language == "en" { // which nobody may have chosen
			f.click(`footer a[lang="en"], footer [lang="en"]`)
		}
		f.until("document.documentElement.lang === " + quote(language))
		f.reads(steps[language])
		title := eval[string](f, "document.title")
		if other, twice := titles[title]; twice {
			c.Errorf("the title %q is that of %s and %s", title, other, language)
		}
		titles[title] = language
		f.axe("the guide in "+language, accessible...)
		f.fits("the guide in " + language)
	}
	// The switch stays on all the way.
	c.tenant("tongues")
	host, f := c.framed(c.link(object{"language": "pl"}))
	f.at("guide")
	f.click(`footer a[lang="de"]`)
	f.reads(steps["de"])
	f.click(next)
	f.submit("tongues", "tongues_kladka", "falsch")
	f.refused()
	f.fill(field("client_id"), "tongues_other")
	f.fill(field("client_secret"), "unsent")
	f.click(`footer button[lang="pl"]`)
	f.until(`document.documentElement.lang === "pl"`)
	f.refused()
	if v := eval[string](f, `document.querySelector('`+field("client_id")+`').value + location.search`); !strings.HasPrefix(v, "tongues_other?") || strings.Contains(v, "unsent") {
		c.Errorf("after the switch: %q", v)
	}
	f.fill(field("client_id"), "tongues_kladka")
	f.inspect("form-pl")
	f.submit("", "", secret)
	f.at("confirm")
	f.until(`document.documentElement.lang === "pl"`)
	f.inspect("confirm-pl")
	f.click(send)
	c.integration(host.outcome())
	// Otherwise the browser is asked.
	p := c.browser.window(c.T)
	call(p, p.page, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Mozilla/5.0", AcceptLanguage: "it-IT,en"})
	p.visit(c.link(object{"language": "en"}))
	p.reads(steps["it"])
}

func (c *connecting) withoutScripts() {
	c.tenant("plain", "latency", "100ms")
	p := c.browser.window(c.T)
	call(p, p.page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.visit(c.link(object{"link_type": "MAGIC_LINK"}))
	p.connectTo("plain")
	p.click(send)
	p.at("done")
}

// The whole way without a mouse, from the page around the frame.
func (c *connecting) keyboard() {
	c.tenant("keys")
	host, f := c.framed(c.link(nil))
	f.at("guide")
	f.tabTo(next)
	f.press(kb.Enter)
	f.at("form")
	for _, typed := range [][2]string{{"tenant", "keys"}, {"client_id", "keys_kladka"}, {"client_secret", "wrong"}} {
		f.tabTo(field(typed[0]))
		f.press(typed[1])
	}
	f.press(kb.Enter)
	f.refused()
	f.tabTo(field("client_secret"))
	f.press(secret)
	f.tabTo(send)
	f.press(" ")
	f.at("confirm")
	f.tabTo(send)
	f.press(kb.Enter)
	c.integration(host.outcome())
}

// tabTo presses Tab until an element has the focus, which can be seen.
func (p *tab) tabTo(css string) {
	p.Helper()
	p.has(css)
	var way []string
	for range 60 {
		p.press(kb.Tab)
		at := eval[struct {
			There, Seen bool
			HTML        string
		}](p, `(e => {
			const s = getComputedStyle(e);
			return {There: e.matches(`+quote(css)+`), Seen: s.outlineStyle !== "none" || s.boxShadow !== "none", HTML: e.outerHTML.slice(0, 120)};
		})(document.activeElement)`)
		way = append(way, at.HTML)
		if at.There {
			if !at.Seen {
				p.Errorf("the focus on %s cannot be seen", css)
			}
			return
		}
	}
	p.Fatalf("Tab does not lead to %s, only to\n%s", css, strings.Join(slices.Compact(way), "\n"))
}

// inspect checks what the page looks like: wide, narrow and dark. With -update it keeps a picture.
func (p *tab) inspect(name string) {
	p.Helper()
	p.axe(name, accessible...)
	p.fits(name)
	p.axe(name+", narrow", accessible...)
	p.size(1000, 800)
	p.dark(true)
	p.axe(name+", dark", colours...)
	p.dark(false)
	if *update {
		p.picture(name)
	}
	p.size(1000, 800)
}

// fits checks that nothing is cut off in a window as narrow as a telephone.
func (p *tab) fits(name string) {
	p.Helper()
	p.size(360, 640)
	p.until("innerWidth === 360")
	for _, html := range eval[[]string](p, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
		.map(e => e.outerHTML.slice(0, 120))`) {
		p.Errorf("%s: in a narrow window this is cut off: %s", name, html)
	}
}

// picture writes what is shown into the documentation.
func (p *tab) picture(name string) {
	p.Helper()
	p.size(720, 400)
	p.until("innerWidth === 720")
	height := max(400, eval[int64](p, "document.documentElement.scrollHeight"))
	p.size(720, height)
	p.until(fmt.Sprintf("innerHeight === %d", height))
	eval[chromedp.Void](p, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
	shot := call(p, p.page, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	img, err := png.Decode(bytes.NewReader(shot.Data))
	if err != nil {
		p.Fatal(err)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, fewColours(img)); err != nil {
		p.Fatal(err)
	}
	if b.Len() > 150<<10 {
		p.Errorf("the picture %s has %d bytes", name, b.Len())
	}
	if err := os.WriteFile(filepath.Join("..", "docs", "pictures", "connect-"+name+".png"), b.Bytes(), 0o644); err != nil {
		p.Fatal(err)
	}
}

// fewColours reduces a picture to its 256 most frequent colours.
func fewColours(img image.Image) *image.Paletted {
	count := map[color.Color]int{}
	size := img.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			count[img.At(x, y)]++
		}
	}
	var palette color.Palette
	for c := range count {
		palette = append(palette, c)
	}
	rank := func(c color.Color) uint32 { r, g, b, _ := c.RGBA(); return r<<16 ^ g<<8 ^ b }
	slices.SortFunc(palette, func(a, b color.Color) int {
		if d := count[b] - count[a]; d != 0 {
			return d
		}
		return int(rank(a)) - int(rank(b))
	})
	palette = palette[:min(len(palette), 256)]
	out := image.NewPaletted(size, palette)
	nearest := map[color.Color]uint8{}
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			c := img.At(x, y)
			n, known := nearest[c]
			if !known {
				n = uint8(palette.Index(c))
				nearest[c] = n
			}
			out.SetColorIndex(x, y, n)
		}
	}
	return out
}

// The guide can be read without a link.
func (c *connecting) guideAlone() {
	p := c.browser.open(c.T, c.base+"/connect/guide/traffit")
	p.at("manual")
	p.reads("Generate Client Secret")
	p.inspect("guide-alone")
	p.click(`[hreflang="pl"]`)
	p.has(`html[lang="pl"] [data-page="manual"]`)
}
