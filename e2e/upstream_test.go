package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/sandbox"
)

// upstream is a sandbox behind HTTP.
type upstream struct {
	*sandbox.Sandbox
	t    *testing.T
	base string
	// past is what was expected after each earlier comparison, by integration.
	past map[string][]oracle.Expected
}

// small is a tenant with everything in it that still syncs within a second or two.
var small = sandbox.Config{Candidates: 120, Recruitments: 32, Adverts: 10}

// newUpstream starts a sandbox, whose answers go through wrap, if there is one. Servers reach its main
// tenant at base, further ones at tenants.
func newUpstream(t *testing.T, c sandbox.Config, wrap ...func(http.Handler) http.Handler) *upstream {
	t.Helper()
	s, err := sandbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = s
	for _, w := range wrap {
		handler = w(handler)
	}
	h := httptest.NewServer(handler)
	t.Cleanup(h.Close)
	return &upstream{Sandbox: s, t: t, base: h.URL, past: map[string][]oracle.Expected{}}
}

// tenants is the address at which each tenant is found by its name.
func (u *upstream) tenants() string { return u.base + "/t/{tenant}" }

// admin sends a request to the sandbox's own endpoints and decodes its answer.
func (u *upstream) admin(method, path string, body any) (answer any) {
	u.t.Helper()
	var send bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&send).Encode(body); err != nil {
			u.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(u.t.Context(), method, u.base+"/_sandbox/"+path, &send)
	if err != nil {
		u.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode >= 300 {
		u.t.Fatalf("%s %s answered %s", method, path, res.Status)
	}
	if res.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			u.t.Fatal(err)
		}
	}
	return answer
}

// set changes switches for the rest of the test.
func (u *upstream) set(pairs ...string) {
	u.t.Helper()
	changes := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		changes[pairs[i]] = pairs[i+1]
	}
	u.admin("PUT", "switches", changes)
}

// rows gives the main tenant's true rows of an entity.
func (u *upstream) rows(entity string) []object {
	u.t.Helper()
	var out []object
	for _, r := range u.admin("GET", "truth/"+entity+"?limit=10000", nil).([]any) {
		out = append(out, r.(object))
	}
	return out
}

// expect derives what should be served of a tenant now.
func (u *upstream) expect(tenant, integration string) oracle.Expected {
	u.t.Helper()
	base := u.base
	if tenant != u.Name() {
		base += "/t/" + tenant
	}
	e, err := oracle.Read(http.DefaultClient, base, integration, u.past[integration]...)
	if err != nil {
		u.t.Fatal(err)
	}
	return e
}
