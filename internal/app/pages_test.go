package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/sandbox"
)

// customer is a browser that runs no scripts and keeps no cookies.
type customer struct {
	*testing.T
	server  *httptest.Server
	address string // of the page, after redirections
	body    string
	fields  url.Values // of the page's form
	action  string
}

// read takes a page in.
func (c *customer) read(answer *http.Response, err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	c.address, c.body, c.fields, c.action = answer.Request.URL.Path, string(body), url.Values{}, ""
	root, err := html.Parse(strings.NewReader(c.body))
	if err != nil {
		c.Fatal(err)
	}
	for n := range root.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		_, checked := attr["checked"]
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form":
			c.action = attr["action"]
		case n.Data == "meta" && attr["http-equiv"] == "refresh":
			c.Error("the page goes on by itself where scripts run")
		case n.Data == "input" && (checked || attr["type"] != "checkbox" && attr["type"] != "radio"):
			c.fields.Add(attr["name"], attr["value"])
		}
	}
}

func (c *customer) open(address string) {
	c.Helper()
	u, err := url.Parse(address)
	if err != nil {
		c.Fatal(err)
	}
	c.read(c.server.Client().Get(c.server.URL + u.RequestURI()))
}

// send fills in the page's form and sends it.
func (c *customer) send(pairs ...string) {
	c.Helper()
	for n := 0; n+1 < len(pairs); n += 2 {
		c.fields.Set(pairs[n], pairs[n+1])
	}
	c.read(c.server.Client().PostForm(c.server.URL+c.action, c.fields))
}

// waits reloads the page of the check until it has ended.
func (c *customer) waits(attempt string) {
	c.Helper()
	for c.address == "/connect/check" {
		if c.Context().Err() != nil {
			c.Fatal("the check does not end")
		}
		time.Sleep(20 * time.Millisecond) // between two looks
		c.open("/connect/check?" + attempt)
	}
}

func (c *customer) sees(step, text string) {
	c.Helper()
	if c.address != step || !strings.Contains(c.body, text) {
		c.Fatalf("at %s, want %s with %q:\n%s", c.address, step, text, c.body)
	}
}

// A customer connects an account without scripts: first with a wrong secret, then with the right one, and
// presses the last button twenty times.
func TestCustomerConnects(t *testing.T) {
	box, err := sandbox.New(sandbox.Config{ClientSecret: "right-s3cret", Candidates: 5, Recruitments: 2, Users: 2, Adverts: 1})
	if err != nil {
		t.Fatal(err)
	}
	vendor := httptest.NewServer(box)
	defer vendor.Close()
	a, err := Open(t.Context(), Config{DataDir: t.TempDir(), TraffitURL: vendor.URL + "/t/{tenant}", AllowPrivateNetworks: true, PublicURL: "http://kladka.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	h, err := a.handler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	_, link, err := a.Links().Create(t.Context(), connect.Connect, connect.MagicLink, nil, connect.LinkSettings{
		Email: "admin@example.com", Organization: "Zażółć & Söhne", Tool: "traffit",
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	c := &customer{T: t, server: server}
	attempt := func() string {
		q := token.Query()
		_, id, _ := strings.Cut(c.body, "attempt=")
		id, _, _ = strings.Cut(id, "&amp;")
		q.Set("attempt", id)
		return q.Encode()
	}

	c.open(link)
	c.sees("/connect", "Generate Client Secret")
	c.open("/connect/form?" + token.RawQuery)
	c.send("credential-tenant", "https://demo.traffit.com/", "credential-client_id", "demo_kladka", "credential-client_secret", "wrong-s3cret")
	c.waits(attempt())
	c.sees("/connect/form", "does not accept these access details")
	if strings.Contains(c.body, "s3cret") || c.fields.Get("credential-client_id") != "demo_kladka" {
		t.Errorf("the form came back with %v", c.fields)
	}
	c.send("credential-client_secret", "right-s3cret")
	c.waits(attempt())
	c.sees("/connect/confirm", "Zażółć &amp; Söhne")
	var sent sync.WaitGroup
	for range 20 {
		sent.Go(func() {
			answer, err := server.Client().PostForm(server.URL+c.action, c.fields)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if answer.Request.URL.Path != "/connect/done" || answer.StatusCode != http.StatusOK {
				t.Errorf("the end: %d at %s", answer.StatusCode, answer.Request.URL.Path)
			}
		})
	}
	sent.Wait()
	c.send()
	c.sees("/connect/done", "data-activation-token=")
	all, err := a.Store.Integrations(t.Context(), 0, 10)
	if err != nil || len(all) != 1 || all[0].OrganizationName != "Zażółć & Söhne" {
		t.Errorf("the integrations: %v, %v", all, err)
	}
	c.open(link)
	c.sees("/connect", "Already connected")
}
