package e2e

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/sandbox"
)

// customer goes through the pages of a link without scripts.
type customer struct {
	*testing.T
	languages string // that the browser asks for
	link      *url.URL

	at, language, body string // where the customer is
	action             string // of the page's form
	fields             url.Values
	token              string // the activation token, at the end
}

func newCustomer(t *testing.T, link string) *customer {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	c := &customer{T: t, link: u, languages: "pl"}
	c.open("")
	return c
}

func (c *customer) send(req *http.Request, err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Accept-Language", c.languages)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		c.Fatal(err)
	}
	c.at, c.body, c.action, c.fields = strings.TrimPrefix(res.Request.URL.Path, c.link.Path), string(body), "", url.Values{}
	for n := range root.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		_, checked := attr["checked"]
		_, selected := attr["selected"]
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "html":
			c.language = attr["lang"]
		case n.Data == "form":
			c.action = attr["action"]
		case n.Data == "input" && (checked || attr["type"] != "checkbox" && attr["type"] != "radio"):
			c.fields.Add(attr["name"], attr["value"])
		case n.Data == "option" && selected:
			for _, a := range n.Parent.Attr {
				if a.Key == "name" {
					c.fields.Set(a.Val, attr["value"])
				}
			}
		}
		if attr["data-activation-token"] != "" {
			c.token = attr["data-activation-token"]
		}
	}
}

// open shows a step of the link.
func (c *customer) open(step string, pairs ...string) {
	c.Helper()
	u, query := *c.link, c.link.Query()
	for n := 0; n+1 < len(pairs); n += 2 {
		query.Set(pairs[n], pairs[n+1])
	}
	u.Path, u.RawQuery = u.Path+step, query.Encode()
	c.send(http.NewRequestWithContext(c.Context(), http.MethodGet, u.String(), nil))
}

// submit sends the page's form.
func (c *customer) submit(pairs ...string) {
	c.Helper()
	for n := 0; n+1 < len(pairs); n += 2 {
		c.fields.Set(pairs[n], pairs[n+1])
	}
	to := *c.link
	to.Path, to.RawQuery = c.action, ""
	c.send(http.NewRequestWithContext(c.Context(), http.MethodPost, to.String(), strings.NewReader(c.fields.Encode())))
}

// enter enters the credentials of a tenant, and waits for what the check says.
func (c *customer) enter(tenant, secret string) {
	c.Helper()
	c.open("/form")
	c.submit("credential-tenant", tenant, "credential-client_id", tenant+"_kladka", "credential-client_secret", secret)
	_, attempt, _ := strings.Cut(c.body, "attempt=")
	attempt, _, _ = strings.Cut(attempt, "&amp;")
	for deadline := time.Now().Add(syncWithin); c.at == "/check"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatal("the check does not end")
		}
		c.open("/check", "attempt", attempt)
	}
}

// finish presses the last button, and gives the activation token.
func (c *customer) finish(pairs ...string) string {
	c.Helper()
	if c.at != "/confirm" {
		c.Fatalf("at %q, where nothing can be finished:\n%s", c.at, c.body)
	}
	c.submit(pairs...)
	if c.at != "/done" || c.token == "" {
		c.Fatalf("at %q, without a token:\n%s", c.at, c.body)
	}
	return c.token
}

// hub makes calls through the SDK whose answers are held to what clients demand.
type hub struct {
	*server
	watch *watch
}

// ok makes one call that must succeed.
func (h *hub) ok(method string, args object) sdkAnswer {
	h.Helper()
	a := h.sdk("none", sdkCall{Method: method, Args: args})[0]
	if a.Error != nil {
		h.Fatalf("%s %v: %+v", method, args, *a.Error)
	}
	return a
}

// of is ok about an integration.
func (h *hub) of(integration, method string, body object) sdkAnswer {
	h.Helper()
	args := object{"integration_id": integration}
	if body != nil {
		args["body"] = body
	}
	return h.ok(method, args)
}

// refused makes calls that must fail, in one go.
func (h *hub) refused(cases []refusedCall) {
	h.Helper()
	var calls []sdkCall
	for _, c := range cases {
		if c.call.Integration == "" {
			c.call.Integration = "none"
		}
		calls = append(calls, c.call)
	}
	for n, a := range h.sdk("", calls...) {
		c, class := cases[n], "KomboGeneralError"
		if strings.HasPrefix(c.call.Method, "ats.") {
			class = "KomboAtsError"
		}
		if a.Error == nil || a.Error.Class != class || a.Error.Code != string(c.code) || !strings.Contains(a.Error.Message, c.says) {
			h.Errorf("%s %v: got %+v, want a %s with %s that says %q", c.call.Method, c.call.Args, a.Error, class, c.code, c.says)
		}
	}
}

type refusedCall struct {
	call sdkCall
	code ats.Code
	says string
}

// asked makes the arguments of a link.
func asked(more object) object {
	args := object{
		"end_user_email": "anna@example.com", "end_user_organization_name": "Żółw & Syn", "integration_category": "ATS", "integration_tool": "traffit",
	}
	for k, v := range more {
		args[k] = v
	}
	return args
}

// Everything about connecting a customer, from the link to the end of the integration, goes through the official
// SDK, unmodified; and each answer has all that stricter clients demand.
func TestSDKConnect(t *testing.T) {
	t.Parallel()
	needSDK(t)
	u := newUpstream(t, sandbox.Config{Candidates: 12, Recruitments: 4, Adverts: 2})
	c := onSQLite(t)
	c.TraffitURL = u.tenants()
	if _, err := u.Open("acme"); err != nil {
		t.Fatal(err)
	}
	w := newWatch(t)
	s := start(t, c)
	s.base = w.before(s.base)
	h := &hub{s, w}

	h.links()
	scopes := h.data("POST", "/v1/scope-configs", "", object{
		"name": "Little",
		"models": object{
			"ats_candidates": object{"fields": object{"phone_numbers": "DISABLED", "title": "OPTIONAL"}},
			"ats_tags":       object{"setting": "OPTIONAL"}, "ats_roles": object{"setting": "OPTIONAL"}, "ats_rejection_reasons": object{"setting": "DISABLED"},
		},
		"actions": object{"ats_reject_application": "DISABLED", "ats_add_application_note": "OPTIONAL"},
	})["id"].(string)
	i := h.connected(scopes)
	h.scoped(i, scopes)
	h.setup(i)
	h.relinked(i, scopes)
	h.switchedOffAndDeleted(i)
	w.covers("POST /v1/connect/create-link", "GET /v1/connect/integration-by-token/{token}", "POST /v1/connect/activate-integration", "POST /v1/integrations/{integration_id}/relink",
		"POST /v1/integrations/{integration_id}/setup-link", "GET /v1/integrations/{integration_id}", "PUT /v1/integrations/{integration_id}/enabled",
		"DELETE /v1/integrations/{integration_id}", "GET /v1/integrations/{integration_id}/custom-fields",
		"PUT /v1/integrations/{integration_id}/custom-fields/{custom_field_id}", "GET /v1/integrations/{integration_id}/integration-fields",
		"PATCH /v1/integrations/{integration_id}/integration-fields/{integration_field_id}", "GET /v1/tools/{category}", "POST /v1/force-sync",
		"GET /v1/ats/candidates", "GET /v1/ats/tags", "error general", "error ats")
}

// links makes links with everything that can be said about one, and looks where they lead.
func (h *hub) links() {
	h.Helper()
	spoken := []struct{ language, browser, want string }{
		{"de", "pl", "de"},
		{"fr", "pl", "fr"},
		{"it", "pl", "it"},
		{"es", "pl", "es"},
		{"en", "pl", "pl"}, // the SDK sends it when nothing was chosen
		{"", "de-AT,de;q=0.9", "de"},
		{"", "cs", "en"},
	}
	calls := make([]sdkCall, len(spoken))
	for n, c := range spoken {
		args := asked(object{
			"end_user_origin_id": "customer-1", "remote_environment": nil, "scope_config_id": nil, "enable_filtering": false, "enable_field_mapping": true,
			"link_type": []string{"EMBEDDED", "MAGIC_LINK"}[n%2],
		})
		if c.language != "" {
			args["language"] = c.language
		}
		calls[n] = sdkCall{Method: "connect.createConnectionLink", Args: args, Integration: "none"}
	}
	seen := map[string]bool{}
	for n, a := range h.sdk("", calls...) {
		c := spoken[n]
		if a.Error != nil {
			h.Fatalf("a link in %q: %+v", c.language, *a.Error)
		}
		link, _ := a.Data["link"].(string)
		if seen[link] {
			h.Errorf("the link %q was given out twice", link)
		}
		seen[link] = true
		u, err := url.Parse(link)
		if err != nil {
			h.Fatal(err)
		}
		customer := &customer{T: h.T, languages: c.browser, link: u}
		customer.open("")
		if customer.language != c.want || !strings.Contains(customer.body, "Generate Client Secret") {
			h.Errorf("a link in %q opens in %q for a browser in %q:\n%s", c.language, customer.language, c.browser, customer.body)
		}
	}
	create := func(more object) sdkCall {
		return sdkCall{Method: "connect.createConnectionLink", Args: asked(more)}
	}
	silent := create(nil)
	delete(silent.Args, "integration_category")
	h.refused([]refusedCall{
		{silent, ats.InputInvalid, `body.integration_category: must be ATS, got HRIS; pass integration_category: "ATS"`},
		{create(object{"integration_category": "LMS"}), ats.InputInvalid, "body.integration_category: must be ATS, got LMS"},
		{create(object{"integration_tool": "lever"}), ats.InputInvalid, `body.integration_tool: must be one of traffit, got "lever"`},
		{create(object{"remote_environment": "eu"}), ats.InputInvalid, "body.remote_environment: the tool has no environments"},
		{create(object{"scope_config_id": "nope"}), ats.InputInvalid, `body.scope_config_id: there is no scope configuration "nope"`},
		{create(object{"enable_filtering": true}), ats.InputInvalid, "body.enable_filtering: is for the category HRIS only"},
		{create(object{"end_user_email": "anna"}), ats.InputInvalid, "body.end_user_email: must be an e-mail address"},
		{create(object{"end_user_organization_name": " "}), ats.InputInvalid, "body.end_user_organization_name: must not be blank"},
		{sdkCall{Method: "connect.createConnectionLink", Args: asked(nil), Key: "wrong"}, ats.Unauthenticated, ""},
	})
}

// exchange gives the integration of an activation token.
func (h *hub) exchange(token string) object {
	h.Helper()
	return h.ok("connect.getIntegrationByToken", object{"token": token}).Data
}

// connected lets a customer connect an account, who declines what can be declined, and gives the integration.
func (h *hub) connected(scopes string) string {
	h.Helper()
	link := h.ok("connect.createConnectionLink", asked(object{"end_user_origin_id": "customer-1", "scope_config_id": scopes})).Data["link"].(string)
	c := newCustomer(h.T, link)
	c.enter("acme", "wrong")
	if c.at != "/form" {
		h.Fatalf("a wrong secret leads to %q:\n%s", c.at, c.body)
	}
	c.enter("acme", secret)
	token := c.finish("share", "ats_roles") // and nothing else of what can be declined
	h.refused([]refusedCall{
		{sdkCall{Method: "connect.getIntegrationByToken", Args: object{"token": "nonsense"}}, ats.InputInvalid, "path.token: is no activation token"},
		{sdkCall{Method: "connect.getIntegrationByToken", Args: object{"token": c.link.Query().Get("token")}}, ats.InputInvalid, "path.token: is no activation token"},
		{sdkCall{Method: "connect.getIntegrationByToken", Args: object{"token": token}, Key: "wrong"}, ats.Unauthenticated, ""},
	})
	made := h.exchange(token)
	i, _ := made["id"].(string)
	want := object{
		"id": i, "tool": "traffit", "end_user_origin_id": "customer-1", "end_user_organization_name": "Żółw & Syn", "end_user_email": "anna@example.com",
		"setup_status": made["setup_status"],
	}
	if d := cmp.Diff(want, made); d != "" {
		h.Errorf("the integration (-want +got):\n%s", d)
	}
	// The SDK has no method for the older operation, which does the same.
	if d := cmp.Diff(want, h.data("POST", "/v1/connect/activate-integration", "", object{"token": token})); d != "" {
		h.Errorf("the same once more (-want +got):\n%s", d)
	}
	h.succeed(i)
	return i
}

// standing is what the details say about a model, a field or an action.
type standing struct {
	Setting             string
	Declined, Available bool
}

// standings reads the details by the IDs of models, fields (model.field) and actions.
func (h *hub) standings(i string) (object, map[string]standing) {
	h.Helper()
	d := h.of(i, "general.getIntegrationDetails", nil).Data
	all := map[string]standing{}
	note := func(name string, v object) {
		all[name] = standing{v["scope_config_setting"].(string), v["opted_out_by_customer"].(bool), v["is_available"].(bool)}
	}
	for _, v := range d["read_models"].([]any) {
		m := v.(object)
		note(m["id"].(string), m)
		for _, f := range m["fields"].([]any) {
			note(m["id"].(string)+"."+f.(object)["id"].(string), f.(object))
		}
	}
	for _, v := range d["write_actions"].([]any) {
		note(v.(object)["id"].(string), v.(object))
	}
	return d, all
}

// scoped checks what the details say about scopes, and that calls keep to it.
func (h *hub) scoped(i, scopes string) {
	h.Helper()
	d, got := h.standings(i)
	if d["status"] != "ACTIVE" || d["setup_status"] != "COMPLETED" || d["scope_config"].(object)["id"] != scopes || d["scope_config"].(object)["name"] != "Little" {
		h.Errorf("the integration is %v, %v with %v", d["status"], d["setup_status"], d["scope_config"])
	}
	for name, want := range map[string]standing{
		"ats_candidates":                {"ENABLED", false, true},
		"ats_candidates.first_name":     {"ENABLED", false, true},
		"ats_candidates.phone_numbers":  {"DISABLED", false, false},
		"ats_candidates.title":          {"OPTIONAL", true, false},
		"ats_candidates.remote_data":    {"DISABLED", false, false},
		"ats_tags":                      {"OPTIONAL", true, false},
		"ats_roles":                     {"OPTIONAL", false, true},
		"ats_rejection_reasons":         {"DISABLED", false, false},
		"ats_interviews":                {"ENABLED", false, false},
		"ats_reject_application":        {"DISABLED", false, false},
		"ats_add_application_note":      {"OPTIONAL", true, false},
		"ats_move_application_to_stage": {"ENABLED", false, true},
	} {
		if got[name] != want {
			h.Errorf("%s is %+v, want %+v", name, got[name], want)
		}
	}
	candidates := h.sdk(i, sdkCall{Method: "ats.getCandidates"}, sdkCall{Method: "ats.getApplications"}, sdkCall{Method: "ats.getRoles"})
	for n, a := range candidates {
		if a.Error != nil || len(a.all()) == 0 {
			h.Fatalf("call %d: %d records, %+v", n, len(a.all()), a.Error)
		}
	}
	for _, r := range candidates[0].all() {
		if phones, ok := r["phone_numbers"].([]any); !ok || len(phones) > 0 || r["title"] != nil || r["remote_data"] != nil || r["first_name"] == nil {
			h.Errorf("a candidate is served as %v", r)
		}
	}
	application := candidates[1].all()[0]["id"]
	h.refused([]refusedCall{
		{sdkCall{Method: "ats.getTags", Integration: i}, ats.ModelDisabled, "ats_tags"},
		{sdkCall{Method: "ats.getRejectionReasons", Integration: i}, ats.ModelDisabled, "ats_rejection_reasons"},
		{sdkCall{Method: "ats.rejectApplication", Integration: i, Args: object{"application_id": application, "body": object{"rejection_reason_id": "remote:1"}}}, ats.ActionDisabled, "ats_reject_application"},
		{sdkCall{Method: "ats.addApplicationNote", Integration: i, Args: object{"application_id": application, "body": object{"content": "A note", "content_type": "PLAIN_TEXT"}}}, ats.ActionDisabled, "ats_add_application_note"},
	})

	tools := h.ok("general.getTools", object{"category": "ats"}).Data["tools"].([]any)
	tool := tools[0].(object)
	for _, f := range tool["coverage"].(object)["features"].([]any) {
		if f.(object)["coverage_status"] != "SUPPORTED" && slices.Contains([]string{"connection_guide", "custom_fields", "passthrough"}, f.(object)["id"].(string)) {
			h.Errorf("a feature is %v", f)
		}
	}
	address, _ := tool["connection_guide_url"].(string)
	guide := newCustomer(h.T, address)
	if guide.language != "pl" || !strings.Contains(guide.body, "Generate Client Secret") {
		h.Errorf("the guide at %q is in %q:\n%s", address, guide.language, guide.body)
	}
}

// setup asks a customer for fields, and maps them through the API too.
func (h *hub) setup(i string) {
	h.Helper()
	setupLink := sdkCall{Method: "general.createSetupLink", Args: object{"integration_id": i, "body": object{"link_type": "EMBEDDED"}}}
	h.refused([]refusedCall{{setupLink, ats.InputInvalid, "custom fields"}})
	custom := h.data("POST", "/v1/custom-fields", "", object{"model": "ats_candidates", "key": "skills", "label": "Skills"})["id"].(string)

	link, _ := h.of(i, "general.createSetupLink", object{"link_type": "MAGIC_LINK", "language": "fr"}).Data["link"].(string)
	c := newCustomer(h.T, link)
	if c.language != "fr" {
		h.Errorf("the setup link opens in %q", c.language)
	}
	if made := h.exchange(c.finish("map-"+custom, "CUSTOM:_technologie")); made["id"] != i {
		h.Errorf("the setup is that of %v", made)
	}
	mapped := func(want any) {
		h.Helper()
		all := h.of(i, "general.getCustomFields", nil).all()
		if len(all) != 1 || all[0]["key"] != "skills" || all[0]["label"] != "Skills" {
			h.Fatalf("the custom fields are %v", all)
		}
		var got any
		if f, ok := all[0]["integration_field"].(object); ok {
			got = f["key"]
		}
		if got != want {
			h.Errorf("the field is mapped to %v, want %v", got, want)
		}
	}
	mapped("_technologie")
	h.ok("general.updateCustomFieldMapping", object{"integration_id": i, "custom_field_id": custom, "body": object{"integration_field_id": nil}})
	mapped(nil)

	var field string
	for _, f := range h.ok("general.getIntegrationFields", object{"integration_id": i, "page_size": 5}).all() {
		if f["model"] == "ats_candidates" && f["key"] == "_technologie" {
			field = f["id"].(string)
		}
	}
	h.ok("general.updateCustomFieldMapping", object{"integration_id": i, "custom_field_id": custom, "body": object{"integration_field_id": field}})
	mapped("_technologie")
	changed := h.ok("general.updateIntegrationField", object{"integration_id": i, "integration_field_id": field, "body": object{"enable_passthrough": true}}).Data
	if changed["id"] != field || changed["is_passthrough_enabled"] != true {
		h.Errorf("the field is %v", changed)
	}
	nobody := "111111111111111111111111"
	h.refused([]refusedCall{
		{sdkCall{Method: "general.updateCustomFieldMapping", Args: object{"integration_id": i, "custom_field_id": nobody, "body": object{"integration_field_id": field}}}, ats.InputInvalid, nobody},
		{sdkCall{Method: "general.updateCustomFieldMapping", Args: object{"integration_id": i, "custom_field_id": custom, "body": object{"integration_field_id": nobody}}}, ats.InputInvalid, nobody},
		{sdkCall{Method: "general.updateIntegrationField", Args: object{"integration_id": i, "integration_field_id": nobody, "body": object{"enable_passthrough": true}}}, ats.InputInvalid, nobody},
		{sdkCall{Method: "general.getCustomFields", Args: object{"integration_id": "traffit:" + nobody}}, ats.NoIntegration, ""},
	})
}

// relinked lets the customer enter credentials anew, with other scopes.
func (h *hub) relinked(i, before string) {
	h.Helper()
	all := h.data("GET", "/v1/scope-configs", "", nil)["results"].([]any)
	n := slices.IndexFunc(all, func(v any) bool { return v.(object)["is_default"] == true })
	scopes := all[n].(object)["id"].(string)
	h.refused([]refusedCall{
		{sdkCall{Method: "general.createReconnectionLink", Args: object{"integration_id": i, "body": object{"scope_config_id": "nope"}}}, ats.InputInvalid, "body.scope_config_id"},
		{sdkCall{Method: "general.createReconnectionLink", Args: object{"integration_id": "traffit:111111111111111111111111", "body": object{}}}, ats.NoIntegration, ""},
	})
	link, _ := h.of(i, "general.createReconnectionLink", object{"scope_config_id": scopes, "link_type": "MAGIC_LINK", "language": "it"}).Data["link"].(string)
	c := newCustomer(h.T, link)
	if c.language != "it" {
		h.Errorf("the relink opens in %q", c.language)
	}
	c.enter("acme", secret)
	if d := h.of(i, "general.getIntegrationDetails", nil).Data; d["scope_config"].(object)["id"] != before {
		h.Errorf("before the customer has finished, the scopes are %v", d["scope_config"])
	}
	if made := h.exchange(c.finish()); made["id"] != i {
		h.Errorf("the relink gives %v", made)
	}
	h.succeed(i)
	d, got := h.standings(i)
	if d["scope_config"].(object)["id"] != scopes || got["ats_tags"] != (standing{"ENABLED", false, true}) || got["ats_candidates.title"] != (standing{"ENABLED", false, true}) {
		h.Errorf("after the relink the scopes are %v, tags are %+v", d["scope_config"], got["ats_tags"])
	}
	if a := h.sdk(i, sdkCall{Method: "ats.getTags"})[0]; a.Error != nil || len(a.all()) == 0 {
		h.Errorf("the tags are %v, %+v", a.all(), a.Error)
	}
	if a := h.sdk(i, sdkCall{Method: "ats.getCandidates"})[0]; !slices.ContainsFunc(a.all(), func(r object) bool { return len(r["phone_numbers"].([]any)) > 0 }) {
		h.Error("no candidate has a phone number again")
	}
}

// switchedOffAndDeleted ends an integration.
func (h *hub) switchedOffAndDeleted(i string) {
	h.Helper()
	queued := h.sdk(i, sdkCall{Method: "general.triggerSync", Args: object{"type": "FULL"}})[0]
	if queued.Error != nil || queued.Data["type"] != "FULL" {
		h.Errorf("the sync is %v, %+v", queued.Data, queued.Error)
	}
	h.of(i, "general.setIntegrationEnabled", object{"value": false})
	if d := h.of(i, "general.getIntegrationDetails", nil).Data; d["status"] != "INACTIVE" {
		h.Errorf("switched off it is %v", d["status"])
	}
	h.refused([]refusedCall{
		{sdkCall{Method: "ats.getJobs", Integration: i}, ats.Inactive, ""},
		{sdkCall{Method: "general.triggerSync", Integration: i, Args: object{"type": "FULL"}}, ats.InputInvalid, ""},
	})
	h.of(i, "general.setIntegrationEnabled", object{"value": true})
	if a := h.sdk(i, sdkCall{Method: "ats.getJobs"})[0]; a.Error != nil || len(a.all()) == 0 {
		h.Errorf("switched on again it gives %d jobs, %+v", len(a.all()), a.Error)
	}
	h.of(i, "general.deleteIntegration", object{})
	h.refused([]refusedCall{
		{sdkCall{Method: "general.getIntegrationDetails", Args: object{"integration_id": i}}, ats.NoIntegration, ""},
		{sdkCall{Method: "general.deleteIntegration", Args: object{"integration_id": i, "body": object{}}}, ats.NoIntegration, ""},
		{sdkCall{Method: "general.createSetupLink", Args: object{"integration_id": i, "body": object{"link_type": "EMBEDDED"}}}, ats.NoIntegration, ""},
		{sdkCall{Method: "ats.getJobs", Integration: i}, ats.NoIntegration, ""},
	})
}
