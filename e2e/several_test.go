package e2e

import (
	"net/url"
	"testing"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/app"
)

// Two processes share a database: one works, the other serves. Two tenants share it too, and
// see nothing of each other.
func TestSeveralProcessesAndTenants(t *testing.T) {
	t.Parallel()
	c := onPostgres(t)
	u := newUpstream(t, small)
	c.TraffitURL = u.tenants()
	a, err := app.Open(t.Context(), c.app(testLog{t}))
	if err != nil {
		t.Fatal(err)
	}
	tenants := []string{u.Name(), "other"}
	integrations, runs := make([]string, 2), make([]string, 2)
	for n, tenant := range tenants {
		integrations[n], runs[n] = connect(t, a, tenant)
	}
	s := &server{T: t, config: c, key: newKey(t, a)}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	c.Role = app.RoleAPI
	s.base = spawn(t, c).base
	if status, _ := s.call("GET", "/v1/ats/jobs", integrations[0], nil); status != 409 {
		t.Errorf("without a worker the first page answers %d, want 409", status)
	}
	c.Role = app.RoleWorker
	spawn(t, c)
	for n, tenant := range tenants {
		s.succeeded(s.finish(runs[n]))
		u.equalTenant(s, tenant, integrations[n])
	}

	for n := range tenants {
		own, other := integrations[n], integrations[1-n]
		for _, list := range oracle.Lists() {
			theirs := s.list(other, list, url.Values{"include_deleted": {"true"}})
			ids := theirs[0]["id"].(string) + "," + theirs[len(theirs)-1]["id"].(string)
			if found := s.list(own, list, url.Values{"ids": {ids}, "include_deleted": {"true"}}); len(found) > 0 {
				t.Errorf("%s of another tenant are served: %v", list, found[0]["id"])
			}
			mine := map[any]bool{}
			for _, r := range s.list(own, list, url.Values{"include_deleted": {"true"}}) {
				mine[r["id"]] = true
			}
			for _, r := range theirs {
				if mine[r["id"]] {
					t.Errorf("%s %v belongs to both tenants", list, r["id"])
				}
			}
		}
		// A cursor leads nowhere else either.
		page := s.data("GET", "/v1/ats/candidates?page_size=1", other, nil)
		if status, _ := s.call("GET", "/v1/ats/candidates?cursor="+url.QueryEscape(page["next"].(string)), own, nil); status != 400 {
			t.Errorf("the cursor of another tenant answers %d, want 400", status)
		}
	}
}
