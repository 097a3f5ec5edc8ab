package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/sandbox"
)

// aWeek is after which everything that nothing announces has been read again.
const aWeek = 8 * 24 * time.Hour

// Whatever vanishes upstream is marked here, and only that.
func TestDeletions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		u := newUpstream(t, small)
		c.TraffitURL = u.base
		s := start(t, c)
		i := s.connect(u.Name())
		u.equal(s, i)

		// Three open applications, each of another candidate and another recruitment.
		var apps []object
		for _, a := range s.list(i, oracle.Applications, nil) {
			if a["outcome"] == "PENDING" && a["current_stage"] != nil && !slices.ContainsFunc(apps, func(b object) bool {
				return a["job_id"] == b["job_id"] || a["candidate_id"] == b["candidate_id"]
			}) {
				apps = append(apps, a)
			}
		}
		half := func(a object, which int) string { return strings.Split(a["remote_id"].(string), ":")[which] }
		u.admin("DELETE", "employees/"+half(apps[0], 0), nil)
		u.admin("POST", "employees", object{"lastname": "Nowa"}) // as many as before
		u.admin("DELETE", "recruitments/"+half(apps[1], 1), nil)
		u.admin("DELETE", "recruitments/"+half(apps[2], 1)+"/employees/"+half(apps[2], 0), nil)
		u.removeState(apps[3]["current_stage"].(object)["remote_id"].(string))

		taken := 0
		for _, r := range u.rows("employees") { // tag links
			if id := fmt.Sprint(r["id"]); len(r["tags"].([]any)) > 1 && id != half(apps[0], 0) && taken < 2 {
				u.admin("PUT", "employees/"+id+"/tags", []string{r["tags"].([]any)[0].(object)["name"].(string), "Zupełnie nowy"})
				taken++
			}
		}
		published := slices.DeleteFunc(u.rows("adverts"), func(a object) bool { return a["published"] != true })
		u.admin("DELETE", fmt.Sprintf("adverts/%v", published[0]["id"]), nil)
		taken = 0
		for _, r := range u.rows("recruitments") { // team members, and one of them as a user too
			if team, _ := r["responsible_person"].([]any); len(team) == 2 && taken < 2 {
				u.admin("PATCH", fmt.Sprintf("recruitments/%v", r["id"]), object{"responsible_person": team[1:]})
				if taken == 0 {
					u.admin("DELETE", fmt.Sprintf("users/%v", team[0].(object)["id"]), nil)
				}
				taken++
			}
		}
		before := u.past[i][0]
		c.clock.forward(aWeek)
		s.succeed(i)
		u.equal(s, i)
		u.deletionsMarked(s, i, before)

		// What was found to be gone stays gone, and costs nothing.
		seen := c.dump(t, contents...)
		s.succeed(i)
		unchanged(t, "a sync after deletions", seen, c.dump(t, contents...))
	})
}

// deletionsMarked compares what is served as deleted with what has vanished from the truth.
func (u *upstream) deletionsMarked(s *server, integration string, before oracle.Expected) {
	s.Helper()
	now := u.expect(u.Name(), integration)
	total := 0
	for _, list := range oracle.Lists() {
		want := maps.Clone(before[list])
		maps.DeleteFunc(want, func(id string, _ object) bool { return now[list][id] != nil })
		got := s.deleted(integration, list)
		if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
			s.Errorf("deleted %s (-want +got):\n%s", list, d)
		}
		total += len(want)
	}
	s.Logf("%d records of the lists are gone", total)
}

// removeState removes a state from its workflow.
func (u *upstream) removeState(id string) {
	u.t.Helper()
	for _, w := range u.rows("workflows") {
		for _, st := range w["states"].([]any) {
			if fmt.Sprint(st.(object)["id"]) == id {
				u.admin("DELETE", fmt.Sprintf("workflows/%v/states/%s", w["id"], id), nil)
				return
			}
		}
	}
	u.t.Fatalf("no workflow has state %s", id)
}

// Candidates who vanish in great number are held back until somebody approves, and then asked
// about a few at a time.
func TestMassDeletion(t *testing.T) {
	t.Parallel()
	sc, vanish := sandbox.Config{Candidates: 400, Recruitments: 40}, 130
	if *long {
		sc, vanish = sandbox.Config{Candidates: 5300, Recruitments: 200}, 5000
	}
	c := onSQLite(t)
	u := newUpstream(t, sc)
	c.TraffitURL = u.base
	s := start(t, c)
	i := s.connect(u.Name())
	u.equal(s, i)

	for row := range u.Truth("employees") {
		if vanish--; vanish < 0 {
			break
		}
		if err := u.DeleteEmployee(row.ID()); err != nil {
			t.Fatal(err)
		}
	}
	before := c.dump(t, recordTables...)
	run := s.sync(i)
	unchanged(t, "a mass deletion that nobody approved", before, c.dump(t, recordTables...))
	if run["state"] != "PARTIALLY_FAILED" || !strings.Contains(fmt.Sprint(run["error"]), "deletions") {
		t.Errorf("the sync ended %v (%v); want PARTIALLY_FAILED and where to look", run["state"], run["error"])
	}

	stored, err := s.app.Store.Integration(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := s.app.Deletions(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range waiting {
		t.Logf("%s: %d of %d wait, held back: %v", d.Model, d.Waiting, d.Living, d.Held)
		if d.Held {
			if _, err := s.app.Store.ApproveDeletions(t.Context(), stored.No, d.Entity); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := 1; ; round++ {
		u.ResetRequests()
		s.succeed(i)
		asked, others := 0, 0
		for _, n := range u.Requests().Counts {
			if strings.Contains(n.Endpoint, "/employees/{id}") && strings.HasSuffix(n.Endpoint, "{id}") {
				asked += n.Count
			} else {
				others += n.Count
			}
		}
		if most := max(100, others/5) + 1; asked > most {
			t.Errorf("%d confirming requests in a sync with %d others, want at most %d", asked, others, most)
		}
		if asked == 0 {
			t.Logf("gone after %d syncs", round-1)
			break
		}
		if round > 100 {
			t.Fatal("the deletions come to no end")
		}
	}
	u.equal(s, i)
}

// Trouble is no proof of absence.
func TestNothingDeleted(t *testing.T) {
	t.Parallel()
	c := onSQLite(t)
	u := newUpstream(t, small)
	c.TraffitURL = u.base
	s := start(t, c)
	i := s.connect(u.Name())
	u.equal(s, i)
	before := c.dump(t, recordTables...)
	same := func(what string) {
		t.Helper()
		unchanged(t, what, before, c.dump(t, recordTables...))
		if t.Failed() {
			t.FailNow()
		}
	}

	for _, scope := range []string{"employee", "recruitment", "user", "workflow", "source", "dictionary"} {
		u.set("scopes.denied", scope)
		u.admin("POST", "tokens/revoke", nil)
		c.clock.forward(aWeek)
		run := s.sync(i)
		t.Logf("without the scope %s: %v: %v", scope, run["state"], run["error"])
		same("a sync without the scope " + scope)
	}
	u.set("scopes.denied", "")
	u.admin("POST", "tokens/revoke", nil)
	s.succeed(i)
	u.equal(s, i)

	for _, down := range []string{"503html", "close"} {
		u.set("down", down)
		u.ResetRequests()
		run := s.data("POST", "/v1/force-sync", i, object{})["sync_id"].(string)
		for deadline := time.Now().Add(20 * time.Second); u.Requests().Total < 2; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the sync asks for nothing")
			}
		}
		same("a sync while TRAFFIT is down (" + down + ")")
		u.set("down", "none")
		s.succeeded(s.finish(run))
	}
	u.equal(s, i)
}

// Candidates that TRAFFIT counts and never shows are no deletions.
func TestGhosts(t *testing.T) {
	t.Parallel()
	c := onSQLite(t)
	u := newUpstream(t, small)
	u.set("ghosts", "employees:3")
	c.TraffitURL = u.base
	s := start(t, c)
	i := s.connect(u.Name())
	u.equal(s, i)
	before := u.past[i][0]

	u.admin("DELETE", fmt.Sprintf("employees/%v", u.rows("employees")[7]["id"]), nil)
	s.succeed(i)
	u.equal(s, i)
	u.deletionsMarked(s, i, before)

	// As long as the number of ghosts changes, nothing can be told; then it can.
	u.admin("DELETE", fmt.Sprintf("employees/%v", u.rows("employees")[11]["id"]), nil)
	u.set("ghosts", "employees:5")
	s.succeed(i)
	if gone := s.deleted(i, oracle.Candidates); len(gone) != 1 {
		t.Errorf("%d candidates are deleted although the listing hides more than before, want 1", len(gone))
	}
	s.succeed(i)
	u.equal(s, i)
	u.deletionsMarked(s, i, before)
}
