package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/connector/traffit"
	"github.com/kladka/kladka/internal/sandbox"
)

// lists are the listings that a sync walks.
const lists = "users,recruitments,employees,history,activities,sources,dictionaries,workflows"

// trial is a value of a switch and what a sync under it has to come to. By default the store equals
// the truth, or the run is PARTIALLY_FAILED and names what is missing.
type trial struct {
	value string
	// with are switches that the value needs to matter, as name=value.
	with []string
	// names is what the error of a sync under the value must name; "-" demands success.
	names []string
	// long trials wait a lot and belong to the long form.
	long bool
	// alone trials bear no others beside them.
	alone bool
}

func ok(value string, with ...string) trial {
	return trial{value: value, with: with, names: []string{"-"}}
}

// trials has every switch of the simulator that a client who only reads can notice. A switch that
// chooses between values needs no row for those whose outcome is the default one: they are added.
var trials = map[string][]trial{
	"page.max":      {ok("7", "page.strict="), ok("10", "page.strict=")},
	"page.strict":   {ok(lists)},
	"page.beyond":   {ok("last"), ok("400"), ok("404"), ok("last", "totals=none"), ok("400", "totals=none"), ok("404", "totals=count")},
	"totals":        {ok("count"), ok("none")},
	"sources.limit": {ok("10"), ok("20")},
	"ghosts":        {ok("employees:3,history:5,recruitments:1,users:1,activities:2,sources:2")},
	"broken.rows": {
		{value: "employees:2", names: []string{"employees: 2 could not be read: rows "}},
		{value: "history:3,sources:2,recruitments:1", names: []string{"history: 3 could not be read: rows ", "sources: 2", "recruitments: 1"}},
		{value: "users:1,activities:2", with: []string{"page.max=10", "page.strict="}, names: []string{"users: 1", "activities: 2"}},
	},
	"broken.endpoints": {
		{value: "users,sources", names: []string{"users: the ATS answers, but not this", "sources: the ATS answers, but not this"}},
		{value: "employees,recruitments/{id}/employees", names: []string{"employees: the ATS answers, but not this"}, long: true},
		{value: "history,dictionaries", names: []string{"history: ", "dictionaries: "}, long: true},
		{value: "recruitments", names: []string{"recruitments: "}, long: true},
		{value: "recruitments/{id}", names: []string{"recruitment details: "}, long: true},
		{value: "workflows", names: []string{"workflows: "}, long: true},
		{value: "workflows/{id},dictionaries/{id}", names: []string{"workflow details: ", "dictionary items: "}, long: true},
		{value: "activities,tags", names: []string{"activities: ", "tags: "}, long: true},
		{value: "rejections,adverts", names: []string{"rejection reasons: ", "adverts: "}, long: true},
	},
	"order":            {ok("desc", "sort.ignore="+lists), ok("shuffled", "sort.ignore="+lists), ok("restless", "sort.ignore="+lists, "page.max=20", "page.strict=")},
	"churn":            {{value: "0.2", alone: true}}, // until it is over, there is no truth to compare with
	"dangling":         {ok("history:9,activities:5,sources:5")},
	"filter.ignore":    {ok(lists)},
	"filter.refuse":    {ok(lists)},
	"sort.ignore":      {ok(lists)},
	"sort.spelling":    {ok("field", "order=desc"), ok("documented", "order=desc"), ok("documented", "order=shuffled", "sort.unknown=refuse"), ok("field", "sort.unknown=refuse")},
	"fail.500":         {{value: "0.04"}},
	"fail.503html":     {{value: "0.04"}},
	"fail.cut":         {{value: "0.04"}},
	"fail.garbage":     {{value: "0.04"}},
	"fail.object":      {{value: "0.1"}},
	"fail.close":       {{value: "0.04"}},
	"fail.429":         {{value: "0.01"}, {value: "0.01", with: []string{"retry.after=date"}}, {value: "0.01", with: []string{"retry.after=none", "burst=2"}}},
	"rate.limit":       {{value: "60"}},
	"latency":          {ok("15ms")},
	"slow":             {{value: "0.05", with: []string{"slow.time=2s"}}, {value: "0.02", with: []string{"slow.time=60s"}, long: true}},
	"token.ttl":        {ok("1s", "latency=10ms")},
	"token.life":       {ok("1s", "latency=10ms")},
	"token.uses":       {ok("5"), {value: "1", names: []string{"-"}, alone: true}}, // a redirect takes a use of its own
	"scopes.denied":    {},
	"oauth.scopes":     {{value: "refuse", with: []string{"scopes.denied=source"}, names: []string{"sources: "}}},
	"oauth.error":      {{value: "html", with: []string{"scopes.denied=source", "oauth.scopes=refuse"}, names: []string{"sources: "}}, ok("message")},
	"sparse":           {{value: "0.3"}},
	"empty":            {ok("null"), ok("absent"), ok("text")},
	"dirt":             {ok("40")},
	"error.shape":      {{value: "html"}, ok("message"), ok("error"), ok("symfony")},
	"tags.shape":       {{value: "missing", names: []string{"tags: "}}, ok("value"), ok("nested"), ok("wrapped")},
	"redirects":        {ok("none"), ok("slash")},
	"adverts.hidden":   {ok("show")},
	"files.vanish":     {ok("0.5")},
	"dictionary.shape": {ok("list", "sources.value=absent"), ok("values", "sources.value=absent")},
}

func init() {
	for scope, step := range map[string]string{
		"employee": "employees: ", "recruitment": "recruitments: ", "workflow": "workflows: ", "user": "users: ", "source": "sources: ", "dictionary": "dictionaries: ",
	} {
		for _, status := range []string{"403", "401", "404"} {
			trials["scope.missing"] = append(trials["scope.missing"], trial{value: status, with: []string{"scopes.denied=" + scope}, names: []string{step}, long: status != "401" && scope != "user"})
		}
	}
}

// elsewhere are switches that no sync can notice, or that have a test of their own.
var elsewhere = []string{
	"down", "host.www", // TestDown, TestHost
	"burst", "retry.after", "retry.seconds", "slow.time", // with fail.429 and slow
	"scopes.denied",       // with scope.missing
	"client", "client.v1", // TestClients
}

// Each quirk of TRAFFIT, each fault, and each variant of what is not known of it.
func TestQuirks(t *testing.T) {
	t.Parallel()
	box, err := sandbox.New(sandbox.Config{Candidates: 1, Recruitments: 1, Adverts: 1})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]sandbox.Switch{}
	for _, s := range box.Switches() {
		known[s.Name] = s
		mine := trials[s.Name]
		untried := slices.Contains(elsewhere, s.Name) || slices.Contains(written, s.Name)
		if untried {
			mine = nil
		} else if len(s.Values) > 1 { // it chooses
			for _, v := range s.Values {
				if v != s.Default && !slices.ContainsFunc(mine, func(c trial) bool { return c.value == v }) {
					mine = append(mine, ok(v))
				}
			}
		}
		if len(mine) == 0 && !untried {
			t.Errorf("nothing tries the switch %s", s.Name)
		}
		for _, c := range mine {
			t.Run(strings.Join(append([]string{s.Name + "=" + c.value}, c.with...), " "), func(t *testing.T) {
				t.Parallel()
				if c.long && !*long {
					t.Skip("a long form: run with -e2e.long")
				}
				try(t, onSQLite(t), c.switches(s.Name), c.names, 1)
			})
		}
	}
	// What the connector calls unconfirmed can be tried out here.
	for _, d := range traffit.New(traffit.Options{}).Tool().Details {
		for n, v := range d.Variants {
			for name, value := range variant(d, v) {
				s, ok := known[name]
				if !ok || len(s.Values) > 1 && !slices.Contains(s.Values, value) {
					t.Errorf("the simulator has no switch %s=%s", name, value)
				}
			}
			if n > 0 && len(variant(d, v)) == 0 {
				t.Errorf("no switch for %s %s", d.ID, v.Name)
			}
		}
	}
}

// variant gives the switches that make a variant of an unconfirmed detail: mostly one of its name.
func variant(d connector.Detail, v connector.Variant) map[string]string {
	if d.ID == "filter.updated_at" {
		return map[string]map[string]string{
			"ignored": {"filter.ignore": "employees,recruitments"}, "refused": {"filter.refuse": "employees,recruitments"},
		}[v.Name]
	}
	return map[string]string{d.ID: v.Name}
}

func (c trial) switches(name string) map[string]string {
	out := map[string]string{name: c.value}
	for _, w := range c.with {
		k, v, _ := strings.Cut(w, "=")
		out[k] = v
	}
	return out
}

// All at once: everything that can be true of one tenant together.
func TestAllQuirksTogether(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		try(t, c, map[string]string{
			"page.max": "20", "page.strict": "", "page.beyond": "last", "totals": "count", "sources.limit": "10", "ghosts": "history:4,activities:2", "broken.rows": "sources:2",
			"dangling": "history:5,sources:3", "sort.ignore": "users,sources", "order": "shuffled", "sort.spelling": "documented", "redirects": "slash", "fail.500": "0.01",
			"fail.503html": "0.01", "fail.cut": "0.01", "fail.garbage": "0.01", "fail.close": "0.01", "fail.429": "0.005", "retry.after": "date",
			"token.uses": "40", "scopes.denied": "file,message", "oauth.scopes": "refuse", "scope.missing": "401", "error.shape": "symfony",
			"gone.status": "410", "empty": "text", "guid": "always", "schema": "ignored", "single.wrap": "true", "dirt": "10",
			"recruitments.list": "full", "responsible.shape": "user", "rejections.shape": "wrapped", "workflow.stamp": "still", "states.order": "plain",
			"location.shape": "json", "tags.shape": "nested", "history.end": "text", "activity.content": "nested", "sources.value": "absent",
			"users.email": "username", "dictionary.shape": "values", "adverts.geolocation": "object", "adverts.options": "list", "files.vanish": "0.3",
		}, nil, 3)
	})
}

// Any few of them together, by seed.
func TestRandomQuirks(t *testing.T) {
	t.Parallel()
	combinations := 4
	if *long {
		combinations = 200
	}
	box, err := sandbox.New(sandbox.Config{Candidates: 1, Recruitments: 1, Adverts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range combinations {
		dice := rand.New(rand.NewPCG(uint64(seed), 7))
		switches := map[string]string{}
		all := box.Switches()
		for len(switches) < 3+dice.IntN(5) {
			s := all[dice.IntN(len(all))]
			mine := slices.DeleteFunc(slices.Clone(trials[s.Name]), func(c trial) bool { return c.long || c.alone })
			switch {
			case slices.Contains(elsewhere, s.Name), slices.Contains(written, s.Name):
			case len(mine) > 0 && dice.IntN(2) == 0:
				maps.Copy(switches, mine[dice.IntN(len(mine))].switches(s.Name))
			case len(s.Values) > 1:
				switches[s.Name] = s.Values[dice.IntN(len(s.Values))]
			}
		}
		t.Run(fmt.Sprintf("%d %v", seed, switches), func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			if seed%5 == 4 {
				c = onPostgres(t)
			}
			try(t, c, switches, nil, uint64(seed)+1)
		})
	}
}

// While nothing of TRAFFIT answers, a sync waits, or says that it failed; when it is back, all is read.
func TestDown(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"503html", "200html", "close"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			u := newUpstream(t, tiny(1))
			c.TraffitURL = u.base
			s := start(t, c)
			i := s.connect(u.Name())
			u.set("down", how)
			u.admin("POST", "random?n=10&seed=3", nil)
			before := u.Requests().Total
			run := s.data("POST", "/v1/force-sync", i, object{"type": "FULL"})["sync_id"].(string)
			s.until("requests that fail", func() bool { return u.Requests().Total >= before+4 })
			if how == "200html" {
				if r := s.finish(run); r["state"] != "FAILED" || r["error"] == nil {
					t.Errorf("the sync ended %v: %v", r["state"], r["error"])
				}
				u.set("down", "none")
				s.succeed(i)
			} else {
				if r := s.data("GET", "/v1/syncs/"+run, "", nil); r["ended_at"] != nil {
					t.Errorf("the sync ended %v: %v", r["state"], r["error"])
				}
				u.set("down", "none")
				s.succeeded(s.finish(run))
			}
			c.clock.forward(aWeek)
			s.succeed(i)
			u.equal(s, i)
		})
	}
}

// A client of API V1 and one that is gone are told apart, whichever form that takes. One that comes back
// goes on.
func TestClients(t *testing.T) {
	t.Parallel()
	conn := func(base string) (connector.Connector, connector.Tenant) {
		c := traffit.New(traffit.Options{URL: base})
		tenant, err := c.Connect(connector.Config{
			Credentials: map[string]string{"tenant": "demo", "client_id": "demo_kladka", "client_secret": "sandbox-secret"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return c, tenant
	}
	u := newUpstream(t, tiny(1))
	for _, status := range []string{"403", "401", "404"} {
		u.admin("PUT", "switches", map[string]string{"client": "v1", "client.v1": status})
		c, tenant := conn(u.base)
		_, err := tenant.Check(t.Context(), nil)
		if p := c.Explain(err); p.Code != connector.ProblemVersion {
			t.Errorf("a client of API V1, refused with %s: %+v", status, p)
		}
	}
	u.set("client", "valid")
	c, tenant := conn(u.base)
	if _, err := tenant.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for form, final := range map[string]bool{"oauth": true, "message": false, "html": false} {
		u.admin("PUT", "switches", map[string]string{"client": "deleted", "oauth.error": form})
		_, err := tenant.Check(t.Context(), nil)
		refused, ok := errors.AsType[*connector.AuthError](err)
		if p := c.Explain(err); !ok || refused.Final != final || p.Code != connector.ProblemCredentials {
			t.Errorf("a deleted client, told as %s: %v, %+v", form, err, p)
		}
	}
	u.set("client", "valid")
	if _, err := tenant.Check(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// The documentation prints hosts with www., which the certificate does not cover: whatever somebody
// pastes, the tenant is asked without.
func TestHost(t *testing.T) {
	t.Parallel()
	u := newUpstream(t, tiny(1))
	u.set("host.www", "refuse")
	wire := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(u.base, "http://"))
	}}
	t.Cleanup(wire.CloseIdleConnections)
	if _, err := (&http.Client{Transport: wire}).Get("http://www.demo.traffit.example/public/job_posts/published"); err == nil {
		t.Error("the simulator serves www.")
	}
	for _, typed := range []string{"demo", "www.demo.traffit.com", "https://www.demo.traffit.com/dashboard"} {
		tenant, err := traffit.New(traffit.Options{URL: "http://{tenant}.traffit.example"}).Connect(connector.Config{
			Transport:   wire,
			Credentials: map[string]string{"tenant": typed, "client_id": "demo_kladka", "client_secret": "sandbox-secret"},
		})
		if err != nil {
			t.Fatal(err)
		}
		report, err := tenant.Check(t.Context(), nil)
		if err != nil {
			t.Fatalf("%s: %v", typed, err)
		}
		for _, s := range report.Scopes {
			if !s.Granted {
				t.Errorf("%s: %s: %s", typed, s.Scope, s.Problem)
			}
		}
	}
}

// until waits for a condition.
func (s *server) until(what string, met func() bool) {
	s.Helper()
	for deadline := time.Now().Add(syncWithin); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("waited in vain for %s", what)
		}
	}
}

// oneResponsible leaves every recruitment with one responsible person at most.
func (u *upstream) oneResponsible() {
	u.t.Helper()
	for _, r := range u.rows("recruitments") {
		if team, _ := r["responsible_person"].([]any); len(team) > 1 {
			u.admin("PATCH", fmt.Sprintf("recruitments/%v", r["id"]), object{"responsible_person": team[:1]})
		}
	}
}

func tiny(seed uint64) sandbox.Config {
	return sandbox.Config{Candidates: 45, Recruitments: 12, Adverts: 5, Users: 14, Seed: seed}
}

// try syncs a tenant under switches from its first page on, changes it and syncs again, and then
// without the switches.
func try(t *testing.T, c config, switches map[string]string, names []string, seed uint64) {
	began := time.Now()
	u := newUpstream(t, tiny(seed))
	if switches["responsible.shape"] == "object" { // that form has room for one person
		u.oneResponsible()
	}
	c.TraffitURL = u.base
	s := start(t, c)
	i, run := connectUnder(t, s.app, u.Name(), func() { u.admin("PUT", "switches", switches) })
	u.judge(s, i, s.finish(run), names)
	u.admin("POST", fmt.Sprintf("random?n=12&seed=%d", seed+10), nil)
	if switches["responsible.shape"] == "object" {
		u.oneResponsible()
	}
	c.clock.forward(aWeek)
	u.judge(s, i, s.sync(i), names)

	defaults := map[string]string{}
	for _, w := range u.Switches() {
		defaults[w.Name] = w.Default
	}
	u.admin("PUT", "switches", defaults)
	c.clock.forward(aWeek)
	s.succeed(i)
	u.equal(s, i)
	t.Logf("%d requests in %v", u.Requests().Total, time.Since(began).Round(time.Millisecond))
}

// explains names the steps that can be the reason when a list differs from the truth.
var explains = map[string][]string{
	oracle.Users:            {"users", "deletions"},
	oracle.Roles:            {"users"},
	oracle.Stages:           {"workflows", "workflow details"},
	oracle.RejectionReasons: {"rejection reasons", "recruitments"},
	oracle.Tags:             {"tags", "employees"},
	oracle.Jobs:             {"recruitments", "recruitment details", "adverts", "workflows", "workflow details", "users", "deletions"},
	oracle.Candidates: {
		"employees", "sources", "dictionaries", "dictionary items", "tags", "history", "activities", "recruitments", "workflows", "workflow details", "deletions",
	},
	oracle.Applications: {
		"history", "employees", "recruitments", "activities", "sources", "dictionaries", "dictionary items", "tags", "workflows", "workflow details", "deletions",
	},
}

// judge checks a sync under difficulties: the truth, or a state that says what it is short of.
func (u *upstream) judge(s *server, integration string, run object, names []string) {
	s.Helper()
	text, _ := run["error"].(string)
	for _, name := range names {
		switch {
		case name == "-":
			s.succeeded(run)
		case run["state"] != "PARTIALLY_FAILED" || !strings.Contains(text, name):
			s.Fatalf("the sync ended %v, which does not name %q: %v\n%s", run["state"], name, text, show(run))
		}
	}
	switch run["state"] {
	case "SUCCEEDED":
		if u.churning() {
			u.remember(s, integration)
			return
		}
		u.equal(s, integration)
	case "PARTIALLY_FAILED":
		want := u.expect(u.Name(), integration)
		defer u.remember(s, integration)
		if u.churning() {
			return
		}
		for _, list := range oracle.Lists() {
			ids := differing(want[list], s.some(integration, list))
			named := slices.ContainsFunc(explains[list], func(step string) bool { return strings.Contains("; "+text, "; "+step+": ") })
			if len(ids) > 0 && !named {
				s.Errorf("%d of %d %s differ, which the sync does not explain: %s\n%s", len(ids), len(want[list]), list, text, show(run))
			}
		}
	default:
		s.Fatalf("the sync ended %v: %v\n%s", run["state"], text, show(run))
	}
}

// churning reports whether the tenant changes while it is read: what was read then is the truth of
// many moments.
func (u *upstream) churning() bool {
	return slices.ContainsFunc(u.Switches(), func(s sandbox.Switch) bool { return s.Name == "churn" && s.Value != s.Default })
}

// remember takes what is served for the truth that later comparisons refer to: tags and stages
// outlast what had them.
func (u *upstream) remember(s *server, integration string) {
	s.Helper()
	u.past[integration] = append(u.past[integration], oracle.Expected{
		oracle.Tags: s.some(integration, oracle.Tags), oracle.Stages: s.some(integration, oracle.Stages),
	})
}

// some reads all of a list; nothing where it is not loaded.
func (s *server) some(integration, list string) map[string]object {
	s.Helper()
	if status, body := s.call("GET", "/v1/ats/"+list, integration, nil); status == http.StatusConflict {
		if code := body["error"].(object)["code"]; code != "INTEGRATION.SETUP_SYNC_PENDING" {
			s.Errorf("%s answers %v", list, code)
		}
		return nil
	}
	return keyed(s.T, list, s.list(integration, list, url.Values{}))
}

// differing gives the IDs of records that are not as they should be.
func differing(want, got map[string]object) []string {
	all := maps.Clone(want)
	maps.Copy(all, got)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(id string) bool {
		return reflect.DeepEqual(want[id], got[id]) || cmp.Equal(want[id], got[id], anyIndex)
	})
}
