package api_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/secret"
	"github.com/kladka/kladka/internal/store"
)

// activation is a token that the bench's links exchange for the full integration.
const activation = "v1.activation.c2VjcmV0"

// links makes real links; what came of them stands in a table.
type links struct {
	*connect.Service
	b *bench
}

func (l links) Exchange(ctx context.Context, token string) (store.Integration, error) {
	switch token {
	case activation:
		return l.b.store.Integration(ctx, full)
	case "expired":
		return store.Integration{}, connect.ErrExpired
	case "used":
		return store.Integration{}, connect.ErrCompleted
	case "deleted":
		return store.Integration{}, connect.ErrRevoked
	}
	return store.Integration{}, connect.ErrInvalid
}

// connects completes what a server needs to make links.
func (b *bench) connects(d *api.Deps, keys *secret.Keyring) {
	d.Connect = links{connect.New(connect.Config{
		Store: b.store, Keys: keys, LinkKeys: keys, ActivationKeys: keys, Log: d.Log,
		Connectors: map[string]connector.Connector{"traffit": nil}, PublicURL: func() string { return d.PublicURL },
	}), b}
}

func TestConnect(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	at := "/v1/integrations/" + url.PathEscape(full)
	with := func(more string) string {
		return `{"end_user_email":"anna@Example.com","end_user_organization_name":"Zakłady <Acme>"` + more + `}`
	}
	const made = `"link":"https://kladka.example.com/connect?token=`
	create := func(name, body string, status int, want ...string) scenario {
		return scenario{name: name, method: "POST", url: "/v1/connect/create-link", body: body, status: status, want: want}
	}
	b.run(t, j, []scenario{
		create("as little as possible", with(``), 200, made),
		create("as the SDK sends it", with(`,"end_user_origin_id":"42","integration_category":"ATS","integration_tool":"traffit","remote_environment":null,"language":"en","scope_config_id":null,"enable_filtering":false,"enable_field_mapping":false,"link_type":"EMBEDDED"`), 200, made),
		create("all nulls", with(`,"end_user_origin_id":null,"integration_tool":null,"remote_environment":null,"language":null,"scope_config_id":null,"only_created_applications":null`), 200, made),
		create("in Polish, by magic", with(`,"language":"pl","link_type":"MAGIC_LINK","scope_config_id":"default","enable_field_mapping":true,"only_created_applications":"ask"`), 200, made),
		create("the SDK's default category", with(`,"integration_category":"HRIS"`), 400, badInput, "body.integration_category", `pass integration_category: \"ATS\"`),
		create("unknown category", with(`,"integration_category":"CRM"`), 400, badInput, "body.integration_category"),
		create("unknown tool", with(`,"integration_tool":"lever"`), 400, badInput, `body.integration_tool: must be one of traffit, got \"lever\"`),
		create("environment without a tool", with(`,"remote_environment":"eu"`), 400, badInput, "body.remote_environment: can only be given together with integration_tool"),
		create("environment", with(`,"integration_tool":"traffit","remote_environment":"eu"`), 400, badInput, "body.remote_environment: the tool has no environments"),
		create("unknown scopes", with(`,"scope_config_id":"nope"`), 400, badInput, `body.scope_config_id: there is no scope configuration \"nope\"`),
		create("filtering", with(`,"enable_filtering":true`), 400, badInput, "body.enable_filtering"),
		create("unknown language", with(`,"language":"cs"`), 400, badInput, "body.language"),
		create("unknown type", with(`,"link_type":"POSTCARD"`), 400, badInput, "body.link_type"),
		create("no address", `{"end_user_email":"anna","end_user_organization_name":" "}`, 400, badInput, "body.end_user_email: must be an e-mail address", "body.end_user_organization_name: must not be blank"),
		create("an address that clients do not read", `{"end_user_email":"\"a b\"@example.com","end_user_organization_name":"x"}`, 400, badInput, "body.end_user_email"),
		create("nothing", `{}`, 400, badInput, "end_user_email", "end_user_organization_name"),

		{name: "relink", method: "POST", url: at + "/relink", body: `{"language":"en","link_type":"EMBEDDED"}`, status: 200, want: []string{made}},
		{name: "relink with other scopes", method: "POST", url: at + "/relink", body: `{"scope_config_id":"default","link_type":"MAGIC_LINK"}`, status: 200, want: []string{made}},
		{name: "relink with unknown scopes", method: "POST", url: at + "/relink", body: `{"scope_config_id":"nope"}`, status: 400, want: []string{badInput, "body.scope_config_id"}},
		{name: "relink nothing", method: "POST", url: "/v1/integrations/x/relink", body: `{}`, status: 404, want: []string{"PLATFORM.INTEGRATION_NOT_FOUND"}},
		{name: "setup", method: "POST", url: at + "/setup-link", body: `{"link_type":"EMBEDDED","language":"de"}`, status: 200, want: []string{made}},
		{name: "setup without a type", method: "POST", url: at + "/setup-link", body: `{}`, status: 400, want: []string{badInput, "link_type"}},

		{name: "exchange", url: "/v1/connect/integration-by-token/" + activation, status: 200, want: []string{`"id":"` + full, `"tool":"traffit"`, `"end_user_origin_id":"42"`, `"end_user_email":"anna@example.com"`, `"setup_status":"COMPLETED"`}},
		{name: "activate", method: "POST", url: "/v1/connect/activate-integration", body: `{"token":"` + activation + `"}`, status: 200, want: []string{`"id":"` + full}},
		{name: "exchange nonsense", url: "/v1/connect/integration-by-token/x", status: 404, want: []string{badInput, "path.token: is no activation token of this server"}},
		{name: "exchange too late", url: "/v1/connect/integration-by-token/expired", status: 404, want: []string{badInput, "path.token: has expired"}},
		{name: "exchange again", url: "/v1/connect/integration-by-token/used", status: 404, want: []string{badInput, "path.token: was exchanged already"}},
		{name: "exchange for what is gone", method: "POST", url: "/v1/connect/activate-integration", body: `{"token":"deleted"}`, status: 400, want: []string{badInput, "body.token: belongs to an integration that was deleted"}},

		{name: "list", url: "/v1/connect/links", status: 200, want: []string{`"kind":"SETUP"`, `"integration_id":"` + full, `"status":"OPEN"`, `"next":null`}, not: []string{"token"}},
		{name: "list in pages", url: "/v1/connect/links?page_size=2", status: 200, want: []string{`"next":"`}},
	})
	for op := range j.contract {
		if ofConnect(op) && !j.seen[op] {
			t.Errorf("no scenario proved the answer of %s", op)
		}
	}
	b.deps.Trail.Flush(t.Context())
	found, err := b.store.Requests(t.Context(), store.RequestQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		whole, err := b.store.Request(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		all := whole.Address + deref(whole.RequestBody) + deref(whole.ResponseBody)
		if strings.Contains(all, activation) || strings.Contains(all, "token=v1") {
			t.Errorf("the request log has a token: %s %s", r.Route, all)
		}
	}
	if strings.Contains(b.logs.String(), activation) || strings.Contains(b.logs.String(), "token=") {
		t.Error("the log has a token")
	}
}

// ofConnect reports whether an operation of the contract is proved by TestConnect.
func ofConnect(op string) bool {
	return strings.Contains(op, "/connect/") || strings.HasSuffix(op, "/relink") || strings.HasSuffix(op, "/setup-link")
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// What is listed is what was asked for, and what was revoked says so.
func TestLinksAreListedAndRevoked(t *testing.T) {
	b := newBench(t, nil)
	body := `{"end_user_email":"anna@Example.com","end_user_organization_name":" Acme ","language":"en","integration_tool":"traffit"}`
	var link struct{ Data api.CreatedLink }
	if err := json.Unmarshal([]byte(read(t, b.do("POST", "/v1/connect/create-link", body, nil))), &link); err != nil {
		t.Fatal(err)
	}
	listed := func() api.LinkSummary {
		t.Helper()
		var page struct{ Data api.Results[api.LinkSummary] }
		if err := json.Unmarshal([]byte(read(t, b.do("GET", "/v1/connect/links", "", nil))), &page); err != nil || len(page.Data.List) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		return page.Data.List[0]
	}
	want := api.LinkSummary{
		ID: link.Data.ID, Kind: "CONNECT", LinkType: "EMBEDDED", Status: "OPEN", Organization: new("Acme"), Email: new("anna@example.com"), Tool: new("traffit"),
	}
	got := listed()
	got.CreatedAt, got.ExpiresAt = "", ""
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for range 2 {
		if res := b.do("DELETE", "/v1/connect/links/"+link.Data.ID, "", nil); res.StatusCode != 200 {
			t.Fatal(read(t, res))
		}
	}
	if got := listed(); got.Status != "REVOKED" || got.RevokedAt == nil {
		t.Errorf("%+v", got)
	}
}
