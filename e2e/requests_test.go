package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// An action leaves its call and its requests to TRAFFIT in the log, with their bodies, and erasing
// the candidate removes what they say.
func TestRequestLogOfActions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]config{"sqlite": onSQLite(t), "postgres": onPostgres(t)} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, small)
			c.TraffitURL = u.base
			s := start(t, c)
			i := s.connect(u.Name())
			var job object
			for _, j := range s.list(i, "jobs", nil) {
				if j["status"] == "OPEN" {
					job = j
				}
			}
			const name = "Zdzisława-Sekretna"
			made := s.data("POST", "/v1/ats/jobs/"+job["id"].(string)+"/applications", i, object{
				"candidate": object{"first_name": name, "last_name": "X", "email_address": "zdzislawa@sekretna.example.com"},
			})
			candidate := made["candidate_id"]
			if candidate == nil {
				candidate, _ = made["candidate"].(object)["id"].(string)
			}
			db := s.app.Store
			integration, err := db.Integration(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			find := func(q store.RequestQuery) []store.Request {
				t.Helper()
				q.Integration, q.Limit = integration.No, 1000
				found, err := db.Requests(context.WithoutCancel(t.Context()), q)
				if err != nil {
					t.Fatal(err)
				}
				for n := range found {
					if found[n], err = db.Request(t.Context(), found[n].ID); err != nil {
						t.Fatal(err)
					}
				}
				return found
			}
			says := func() (n int) {
				for _, r := range find(store.RequestQuery{}) {
					for _, body := range []*string{r.RequestBody, r.ResponseBody} {
						if body != nil && strings.Contains(*body, "ekretna") {
							n++
						}
					}
				}
				return n
			}
			calls := find(store.RequestQuery{Kind: store.APIRequest})
			call := calls[0]
			if call.Action == "" || call.RequestBody == nil || !strings.Contains(*call.RequestBody, name) || call.Status != 200 {
				t.Fatalf("the call: %+v", call)
			}
			asked, err := db.RequestsFor(t.Context(), call, 100)
			if err != nil || len(asked) < 2 {
				t.Fatalf("%d requests to TRAFFIT, %v", len(asked), err)
			}
			for _, r := range asked {
				if r.Parent != call.ID || r.Action != call.Action || r.ResponseBody == nil && r.ResponseSize > 0 {
					t.Errorf("made for the call: %+v", r)
				}
			}
			if n := says(); n < 2 {
				t.Errorf("the name stands in %d bodies", n)
			}
			if err := db.ForgetRequests(t.Context(), integration.No, ats.Candidates, candidate.(string)); err != nil {
				t.Fatal(err)
			}
			if n := says(); n != 0 {
				t.Errorf("after the erasure the name stands in %d bodies", n)
			}
		})
	}
}
