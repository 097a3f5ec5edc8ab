package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// simulated connects to a simulated tenant.
func simulated(t *testing.T, switches map[string]string, change ...func(*sandbox.Config)) (*sandbox.Sandbox, *tenant) {
	t.Helper()
	config := sandbox.Config{Switches: switches}
	for _, c := range change {
		c(&config)
	}
	box, err := sandbox.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	opened, err := New(Options{URL: server.URL}).Connect(connector.Config{Credentials: map[string]string{
		credentialTenant: "demo", credentialID: box.Credentials().ClientID, credentialSecret: box.Credentials().ClientSecret,
	}})
	if err != nil {
		t.Fatal(err)
	}
	tn := opened.(*tenant)
	tn.http.Sleep = func(context.Context, time.Duration) error { return nil }
	return box, tn
}

func found(findings []connector.Finding, detail string) connector.Finding {
	for _, f := range findings {
		if f.Detail == detail {
			return f
		}
	}
	return connector.Finding{}
}

func TestEveryDetailHasAProbe(t *testing.T) {
	known := map[string]bool{}
	for _, d := range details {
		known[d.ID] = true
		if probes[d.ID] == nil {
			t.Errorf("nobody finds out %s", d.ID)
		}
	}
	for id := range probes {
		if !known[id] {
			t.Errorf("%s is found out and no detail", id)
		}
	}
	if !known[greedy] {
		t.Errorf("%s is no detail", greedy)
	}
}

// onlyByChance names what a probe cannot tell of a tenant that answers as assumed.
var onlyByChance = map[string]bool{
	"sort.unknown": true, "oauth.scopes": true, "oauth.error": true, "retry.after": true,
}

// neverTold names what no probe can tell, whatever the tenant.
var neverTold = map[string]bool{
	"workflow.stamp": true, "write.validation": true, "write.status": true, "write.errors": true, "create.duplicate": true,
	"create.answer": true, "assign.repeat": true, "assign.closed": true, "assign.state": true, "move.repeat": true, "reject.reason": true,
	"client.v1": true, "file.label": true, "file.answer": true, "note.content": true, "tags.write": true, "choice.write": true,
}

func TestProbeOfAnOrdinaryTenant(t *testing.T) {
	box, tn := simulated(t, nil)
	findings, err := tn.Probe(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != len(details) {
		t.Fatalf("%d findings for %d details", len(findings), len(details))
	}
	for n, d := range details {
		f := findings[n]
		want := d.Variants[0].Name
		if onlyByChance[d.ID] || neverTold[d.ID] {
			want = ""
		}
		if f.Detail != d.ID || f.Variant != want || f.Variant == "" && f.Note == "" {
			t.Errorf("%s: %+v, want %q", d.ID, f, want)
		}
	}
	if n := box.Requests().Total; n > probeRequests {
		t.Errorf("%d requests", n)
	} else {
		t.Logf("%d requests", n)
	}
}

// Every variant of every detail is told from the others.
func TestProbeTellsVariantsApart(t *testing.T) {
	// What a detail shows up with; the switch of its own name is set anyway.
	with := map[string]map[string]string{
		"sort.unknown":              {"sort.spelling": "field"},
		"oauth.scopes":              {"scopes.denied": "webhook"},
		"oauth.error":               {"scopes.denied": "webhook", "oauth.scopes": "refuse"},
		"retry.after":               {"rate.limit": "12"},
		"filter.updated_at/ignored": {"filter.ignore": "employees,recruitments"},
		"filter.updated_at/refused": {"filter.refuse": "employees,recruitments"},
		// Details that meet in one answer.
		"totals/none":                {"page.beyond": "last"},
		"page.beyond/last":           {"totals": "count"},
		"page.beyond/404":            {"error.shape": "html"},
		"sort.spelling/field":        {"order": "shuffled"},
		"sort.spelling/documented":   {"sort.unknown": "refuse", "error.shape": "html"},
		"filter.precision/day":       {"totals": "none"},
		"filter.precision/second":    {"stamps": "zoned"},
		"filter.several/first":       {"filter.precision": "second"},
		"gone.status/410":            {"error.shape": "html"},
		"error.shape/symfony":        {"gone.status": "410", "single.wrap": "true"},
		"responsible.shape/user":     {"single.wrap": "true", "recruitments.list": "full"},
		"rejections.shape/value":     {"rejections.ids": "recruitment"},
		"rejections.ids/recruitment": {"rejections.shape": "wrapped", "single.wrap": "true"},
		"dictionary.shape/list":      {"single.wrap": "true"},
		"dictionary.shape/values":    {"single.wrap": "true"},
		"tags.shape/nested":          {"sort.spelling": "documented", "sort.unknown": "refuse"},
		"tags.shape/wrapped":         {"single.wrap": "true"},
		"tags.shape/missing":         {"gone.status": "410", "error.shape": "html"},
		"activity.content/nested":    {"totals": "none"},
		"sources.value/absent":       {"sources.limit": "10"},
		"scope.missing/401":          {"oauth.scopes": "refuse", "scopes.denied": "user"},
		"scope.missing/404":          {"error.shape": "message"},
	}
	for _, d := range details {
		if neverTold[d.ID] {
			continue
		}
		for _, v := range d.Variants {
			t.Run(d.ID+"="+v.Name, func(t *testing.T) {
				t.Parallel()
				switches := map[string]string{}
				if d.ID != "filter.updated_at" {
					switches[d.ID] = v.Name
				}
				for _, more := range []map[string]string{with[d.ID], with[d.ID+"/"+v.Name]} {
					for name, value := range more {
						switches[name] = value
					}
				}
				_, tn := simulated(t, switches)
				findings, err := tn.Probe(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if f := found(findings, d.ID); f.Variant != v.Name {
					t.Errorf("%+v, want %s with %v", f, v.Name, switches)
				}
			})
		}
	}
}

// Whatever an endpoint answers, the others are probed, and nothing is decided by what does not fit.
func TestProbeOfAnOddTenant(t *testing.T) {
	for name, c := range map[string]struct {
		switches map[string]string
		change   func(*sandbox.Config)
		open     map[string]string // undecided, and what the note says
		decided  map[string]string
	}{
		"missing scopes": {
			switches: map[string]string{"scopes.denied": "employee,source"},
			open:     map[string]string{"filter.updated_at": "answered 403", "tags.shape": "answered 403", "sources.value": "answered 403"},
			decided:  map[string]string{"totals": "all", "page.beyond": "empty", "oauth.scopes": "narrow", "gone.status": "404"},
		},
		"missing scopes, told by the token": {
			switches: map[string]string{"scopes.denied": "employee,source", "oauth.scopes": "refuse"},
			open:     map[string]string{"filter.updated_at": "lacks the scope employee", "tags.shape": "scope employee", "sources.value": "scope source"},
			decided:  map[string]string{"totals": "all", "oauth.scopes": "refuse", "gone.status": "404"},
		},
		"one scope": {
			switches: map[string]string{"scopes.denied": strings.Join(without(sandbox.Scopes(), "user"), ","), "oauth.scopes": "refuse"},
			open:     map[string]string{"scope.missing": "one scope only", "error.shape": "no record"},
			decided:  map[string]string{"users.names": "present", "sort.spelling": "either"},
		},
		"lists that differ in filters": {
			switches: map[string]string{"filter.ignore": "recruitments"},
			open:     map[string]string{"filter.updated_at": "applied: employees; ignored: recruitments"},
			decided:  map[string]string{"filter.precision": "day"},
		},
		"filters that do nothing": {
			switches: map[string]string{"filter.ignore": "employees,recruitments"},
			open:     map[string]string{"filter.precision": "no listing applies", "filter.several": "no listing applies"},
		},
		"sorts that do nothing": {
			switches: map[string]string{"sort.ignore": "employees,recruitments,users"},
			open:     map[string]string{"sort.spelling": "neither spelling sorts"},
		},
		"an endpoint that fails for good": {
			switches: map[string]string{"broken.endpoints": "employees/{id}/tags,sources"},
			open:     map[string]string{"tags.shape": "answered 500", "sources.value": "answered 500"},
			decided:  map[string]string{"totals": "all", "rejections.ids": "global"},
		},
		"pages that fail": {
			switches: map[string]string{"fail.garbage": "0.3"},
		},
		"answers that are cut": {
			switches: map[string]string{"fail.cut": "0.1", "fail.object": "0.2"},
		},
		"a handful of everything": {
			change:  func(c *sandbox.Config) { c.Candidates, c.Recruitments, c.Users, c.Adverts = 1, 1, 1, 1 },
			decided: map[string]string{"totals": "all", "single.wrap": "false"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, tn := simulated(t, c.switches, func(cfg *sandbox.Config) {
				if c.change != nil {
					c.change(cfg)
				}
			})
			findings, err := tn.Probe(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for detail, says := range c.open {
				if f := found(findings, detail); f.Variant != "" || !strings.Contains(f.Note, says) {
					t.Errorf("%+v, want undecided: %s", f, says)
				}
			}
			for detail, want := range c.decided {
				if f := found(findings, detail); f.Variant != want {
					t.Errorf("%+v, want %s", f, want)
				}
			}
			for _, f := range findings {
				if f.Variant == "" && f.Note == "" {
					t.Errorf("%s is undecided for no reason", f.Detail)
				}
			}
		})
	}
}

func without(all []string, one string) (rest []string) {
	for _, s := range all {
		if s != one {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestProbeEnds(t *testing.T) {
	t.Run("refused credentials", func(t *testing.T) {
		_, tn := simulated(t, nil)
		tn.secret = "wrong"
		_, err := tn.Probe(t.Context(), nil)
		if _, refused := errors.AsType[*connector.AuthError](err); !refused {
			t.Error(err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		box, tn := simulated(t, nil)
		if err := box.Set("down", "close"); err != nil {
			t.Fatal(err)
		}
		_, err := tn.Probe(t.Context(), nil)
		if _, away := errors.AsType[*connector.RetryError](err); !away {
			t.Error(err)
		}
	})
	t.Run("nobody there after a while", func(t *testing.T) {
		var box *sandbox.Sandbox
		var n atomic.Int64
		box, tn := simulated(t, nil, func(c *sandbox.Config) {
			c.OnRequest = func(*http.Request) {
				if n.Add(1) == 20 {
					_ = box.Set("down", "close")
				}
			}
		})
		_, err := tn.Probe(t.Context(), nil)
		if _, away := errors.AsType[*connector.RetryError](err); !away {
			t.Error(err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		var n atomic.Int64
		why := errors.New("enough")
		_, tn := simulated(t, nil, func(c *sandbox.Config) {
			c.OnRequest = func(*http.Request) {
				if n.Add(1) == 10 {
					stop(why)
				}
			}
		})
		if _, err := tn.Probe(ctx, nil); !errors.Is(err, why) {
			t.Error(err)
		}
	})
	t.Run("the disk is full", func(t *testing.T) {
		_, tn := simulated(t, nil)
		full := errors.New("no space left")
		if _, err := tn.Probe(t.Context(), func(string, []byte) error { return full }); !errors.Is(err, full) {
			t.Error(err)
		}
	})
}

// A tenant that keeps the probe busy gets no more than its bound.
func TestProbeIsBounded(t *testing.T) {
	for name, switches := range map[string]map[string]string{
		"everything fails half of the time": {"fail.503html": "0.5"},
		"nobody has tags":                   {"broken.endpoints": "employees/{id}"},
		"refused one by one":                {"scopes.denied": "user", "oauth.scopes": "refuse"},
	} {
		box, tn := simulated(t, switches, func(c *sandbox.Config) { c.Candidates = 500 })
		findings, err := tn.Probe(t.Context(), nil)
		if err != nil && name != "everything fails half of the time" {
			t.Errorf("%s: %v", name, err)
		}
		if n := box.Requests().Total; n > probeRequests {
			t.Errorf("%s: %d requests", name, n)
		}
		_ = findings
	}
}

// The log of a real tenant holds stage changes far apart.
func TestProbeFindsDetailsInTheFake(t *testing.T) {
	f := newFake(t)
	f.lists["/employees/"] = []string{`{"id":1,"updated_at":"2026-01-02 03:04:05"}`}
	f.lists["/employees/activities"] = []string{`{"id":9,"content":"a note"}`}
	f.special[api+"/employees/1/tags"] = answers(404, `{"message":"Not Found"}`)
	f.objects["/employees/1"] = `[{"id":1}]`
	findings, err := f.open().Probe(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, id := range []string{"tags.shape", "single.wrap", "stamps", "activity.content", "gone.status", "error.shape", "oauth.scopes", "oauth.error"} {
		got[id] = found(findings, id).Variant
	}
	want := map[string]string{
		"tags.shape": "missing", "single.wrap": "true", "stamps": "naive", "activity.content": "", "gone.status": "404", "error.shape": "code",
		"oauth.scopes": "refuse", "oauth.error": "oauth",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s\n%v", d, fmt.Sprint(findings))
	}
}
