package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
)

// updated_after counts the nested changes that the contract names, and no others.
func TestUpdatedAfter(t *testing.T) {
	t.Parallel()
	c := onSQLite(t)
	u := newUpstream(t, small)
	c.TraffitURL = u.base
	s := start(t, c)
	i := s.connect(u.Name())
	u.equal(s, i)

	var app object // an open application whose candidate has no other and whose stage is known
	candidates := map[any]object{}
	for _, r := range s.list(i, oracle.Candidates, nil) {
		candidates[r["id"]] = r
	}
	for _, a := range s.list(i, oracle.Applications, nil) {
		if a["outcome"] == "PENDING" && a["current_stage"] != nil && len(candidates[a["candidate_id"]]["applications"].([]any)) == 1 {
			app = a
		}
	}
	employee, recruitment, _ := strings.Cut(app["remote_id"].(string), ":")
	stage := app["current_stage"].(object)["remote_id"].(string)
	id := func(list, remote string) string {
		for id, r := range u.past[i][0][list] {
			if r["remote_id"] == remote {
				return id
			}
		}
		t.Fatalf("there is no %s %s", list, remote)
		return ""
	}
	var inStage []string
	for _, a := range s.list(i, oracle.Applications, url.Values{"current_stage_ids": {app["current_stage_id"].(string)}}) {
		inStage = append(inStage, a["id"].(string))
	}
	slices.Sort(inStage)
	var workflow, team, member any
	for _, w := range u.rows("workflows") {
		for _, st := range w["states"].([]any) {
			if fmt.Sprint(st.(object)["id"]) == stage {
				workflow = w["id"]
			}
		}
	}
	for _, r := range u.rows("recruitments") {
		if people, _ := r["responsible_person"].([]any); len(people) == 2 && fmt.Sprint(r["id"]) != recruitment {
			team, member = r["id"], people[1].(object)["id"]
		}
	}
	advert := slices.DeleteFunc(u.rows("adverts"), func(a object) bool { return a["published"] != true })[0]
	posted := fmt.Sprint(advert["advert"].(object)["recruitment"].(object)["id"])
	own, job, who := app["id"].(string), id(oracle.Jobs, recruitment), id(oracle.Candidates, employee)

	for _, change := range []struct {
		what         string
		method, path string
		body         any
		want         map[string][]string
	}{
		{
			"a stage is renamed", "PATCH", fmt.Sprintf("workflows/%v/states/%s", workflow, stage),
			object{"name": "Inaczej"},
			map[string][]string{oracle.Stages: {id(oracle.Stages, stage)}, oracle.Applications: inStage},
		},
		{
			"a candidate is renamed", "PATCH", "employees/" + employee,
			object{"lastname": "Inna"},
			map[string][]string{oracle.Candidates: {who}, oracle.Applications: {own}},
		},
		{
			"a candidate gets a tag that others have", "PUT", "employees/" + employee + "/tags", u.someTags(),
			map[string][]string{oracle.Candidates: {who}},
		},
		{
			"a job is renamed", "PATCH", "recruitments/" + recruitment,
			object{"name": "Inna praca"},
			map[string][]string{oracle.Jobs: {job}},
		},
		{
			"a user is renamed", "PATCH", fmt.Sprintf("users/%v", member),
			object{"name": "Inny"},
			map[string][]string{oracle.Users: {id(oracle.Users, fmt.Sprint(member))}},
		},
		{
			"a hiring team changes", "PATCH", fmt.Sprintf("recruitments/%v?bump=false", team),
			object{"responsible_person": []any{}},
			map[string][]string{oracle.Jobs: {id(oracle.Jobs, fmt.Sprint(team))}},
		},
		{
			"a posting changes", "PATCH", fmt.Sprintf("adverts/%v", advert["id"]),
			object{"advert": object{"name": "Inne ogłoszenie"}},
			map[string][]string{oracle.Jobs: {id(oracle.Jobs, posted)}},
		},
		{
			"a posting goes", "DELETE", fmt.Sprintf("adverts/%v", advert["id"]), nil,
			map[string][]string{oracle.Jobs: {id(oracle.Jobs, posted)}},
		},
		{
			"an application moves", "POST", "recruitments/" + recruitment + "/employees/" + employee + "/move",
			object{"state_id": u.endGood(workflow)},
			map[string][]string{oracle.Candidates: {who}, oracle.Applications: {own}},
		},
		{
			"an application goes", "DELETE", "recruitments/" + recruitment + "/employees/" + employee, nil,
			map[string][]string{oracle.Candidates: {who}, oracle.Applications: {own}},
		},
	} {
		c.clock.forward(time.Minute) // beyond what updated_after reaches back
		since := c.clock.now()
		u.admin(change.method, change.path, change.body)
		c.clock.forward(aWeek)
		s.succeed(i)
		for _, list := range oracle.Lists() {
			got := []string{}
			for _, r := range s.list(i, list, url.Values{"updated_after": {since.UTC().Format("2006-01-02T15:04:05.000Z")}, "include_deleted": {"true"}}) {
				got = append(got, r["id"].(string))
			}
			slices.Sort(got)
			if d := cmp.Diff(append([]string{}, change.want[list]...), got); d != "" {
				t.Errorf("when %s, updated_after finds other %s (-want +got):\n%s", change.what, list, cut(d))
			}
		}
	}
}

// someTags names the tags of a candidate who has some.
func (u *upstream) someTags() []string {
	u.t.Helper()
	for _, e := range u.rows("employees") {
		var names []string
		for _, tag := range e["tags"].([]any) {
			names = append(names, tag.(object)["name"].(string))
		}
		if len(names) > 2 {
			return names
		}
	}
	u.t.Fatal("nobody has tags")
	return nil
}

// endGood is the state of the hired in a workflow.
func (u *upstream) endGood(workflow any) any {
	u.t.Helper()
	for _, w := range u.rows("workflows") {
		for _, st := range w["states"].([]any) {
			if w["id"] == workflow && st.(object)["type"] == "end-good" {
				return st.(object)["id"]
			}
		}
	}
	u.t.Fatalf("workflow %v hires nobody", workflow)
	return nil
}
