package connect_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/connector/traffit"
	"github.com/kladka/kladka/internal/store"
)

func TestCustomerConnects(t *testing.T) {
	each(t, nil, func(r *rig) {
		l, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		v := r.visit(token)
		if d := cmp.Diff(l.Settings, v.Link.Settings); d != "" || len(v.Tools) != 1 || v.Tools[0].Slug != traffit.Slug {
			r.Errorf("%+v\n%s", v, d)
		}
		a, err := r.service.Submit(r.Context(), v, traffit.Slug, good("demo"))
		r.must(err)
		if a.State != connect.Checking || a.Typed["client_id"] != "demo_kladka" || a.Typed["client_secret"] != "" {
			r.Errorf("%+v", a)
		}
		if a = r.settled(v, a); a.State != connect.Ready || a.Twin || len(a.Report.Scopes) == 0 || len(a.Report.Endpoints) == 0 {
			r.Fatalf("%+v", a)
		}
		out := r.finish(v, a.ID, connect.Choices{})
		i := out.Integration
		if !ats.ValidIntegrationID(i.ID) || i.Tool != traffit.Slug || i.Tenant != "demo" || i.OrganizationName != "Zakłady Acme" || *i.CreatorEmail != "anna@example.com" ||
			*i.OriginID != "42" || i.Status != store.StatusActive || i.SetupStatus != store.SetupSyncing || i.Settings.OnlyCreated {
			r.Errorf("%+v", i)
		}
		runs, err := r.store.Runs(r.Context(), i.No, nil, 10)
		r.must(err)
		if len(runs) != 1 || runs[0].Type != store.FullSync || runs[0].Cause != "connect" {
			r.Fatalf("%+v", runs)
		}
		if _, queued := r.queued.Load(runs[0].ID); !queued {
			r.Error("nobody was asked to work on the first sync")
		}
		_, tenant, err := r.config.Open(r.Context(), i)
		r.must(err)
		if _, err := tenant.Check(r.Context(), nil); err != nil {
			r.Error(err)
		}
		if n := r.count(`SELECT count(*) FROM attempts`); n != 0 {
			r.Errorf("%d attempts are left", n)
		}
		if created := r.events(store.IntegrationCreated); len(created) != 1 || created[0]["id"] != i.ID {
			r.Errorf("%+v", created)
		}
		got, err := r.service.Exchange(r.Context(), out.ActivationToken)
		r.must(err)
		if got.ID != i.ID {
			r.Errorf("the token gives %s, want %s", got.ID, i.ID)
		}
		if in := r.found(planted); len(in) > 0 {
			r.Errorf("the secret stands in %v", in)
		}
	})
}

func TestFailuresAreToldAndCanBeRepaired(t *testing.T) {
	slow := func(c *connect.Config) { c.Within = 300 * time.Millisecond }
	for name, c := range map[string]struct {
		change  func(*connect.Config)
		spoil   func(*rig, map[string]string)
		problem connector.ProblemCode // empty: whatever the connector finds
		key     string
	}{
		"nothing typed":       {spoil: func(_ *rig, c map[string]string) { delete(c, "client_id") }, problem: connector.ProblemInput, key: "client_id"},
		"too much typed":      {spoil: func(_ *rig, c map[string]string) { c["client_id"] = strings.Repeat("ż", 2001) }, problem: connector.ProblemInput, key: "client_id"},
		"control characters":  {spoil: func(_ *rig, c map[string]string) { c["tenant"] = "de\x00mo" }, problem: connector.ProblemInput, key: "tenant"},
		"no tenant's name":    {spoil: func(_ *rig, c map[string]string) { c["tenant"] = "a b" }},
		"wrong secret":        {spoil: func(_ *rig, c map[string]string) { c["client_secret"] = planted + "x" }},
		"missing scope":       {spoil: func(r *rig, _ map[string]string) { r.must(r.box.Set("scopes.denied", "recruitment")) }, problem: connector.ProblemPermissions},
		"slower than allowed": {change: slow, spoil: func(r *rig, _ map[string]string) { r.must(r.box.Set("latency", "500ms")) }, problem: connector.ProblemDown},
		"never answers": {change: slow, spoil: func(r *rig, _ map[string]string) {
			r.before(func(_ http.ResponseWriter, req *http.Request) bool {
				_, _ = io.Copy(io.Discard, req.Body) // only then is it noticed that nobody waits
				<-req.Context().Done()
				return true
			})
		}, problem: connector.ProblemDown},
		"lies": {spoil: func(r *rig, _ map[string]string) {
			r.before(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"access_token":"` + planted + `","expires_in":3600,"scope":"employee recruitment workflow user source dictionary"}`))
				return true
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			on := each
			if name != "wrong secret" { // what TRAFFIT does is the same to all databases
				on = onSQLite
			}
			on(t, c.change, func(r *rig) {
				_, token := r.link(connect.Connect, connect.MagicLink, nil, acme())
				v, credentials := r.visit(token), good("demo")
				c.spoil(r, credentials)
				a := r.submit(v, credentials)
				if a.State != connect.Failed || len(a.Problems) == 0 || c.problem != "" && a.Problems[0].Code != c.problem || a.Problems[0].Credential != c.key && c.key != "" {
					r.Errorf("%+v", a)
				}
				if _, err := r.service.Finish(r.Context(), v, a.ID, connect.Choices{}); !errors.Is(err, store.ErrNotFound) {
					r.Errorf("finished with what failed: %v", err)
				}
				failed := r.events(store.ConnectionFlowFailed)
				if len(failed) != 1 {
					r.Fatalf("%d events", len(failed))
				}
				log, _ := failed[0]["log_url"].(string)
				delete(failed[0], "log_url")
				want := map[string]any{
					"integration_tool": "traffit", "integration_category": "ATS",
					"end_user": map[string]any{"organization_name": "Zakłady Acme", "creator_email": "anna@example.com", "origin_id": "42"},
				}
				if d := cmp.Diff(want, failed[0]); d != "" {
					r.Error(d)
				}
				r.config.Trail.Flush(r.Context())
				logged, err := r.store.Request(r.Context(), strings.TrimPrefix(log, "https://kladka.example.com/logs/"))
				if err != nil || !logged.Failed || logged.Status != http.StatusSeeOther || logged.Integration != 0 {
					r.Errorf("the log has %+v, %v", logged, err)
				}
				if in := r.found(planted); len(in) > 0 {
					r.Errorf("the secret stands in %v", in)
				}
				if n := r.count(`SELECT count(*) FROM attempts WHERE credentials <> ''`); n != 0 {
					r.Error("credentials that failed are kept")
				}
				r.before(nil)
				r.must(r.box.SetAll(map[string]string{"scopes.denied": "", "latency": "0s"}))
				if c.change != nil {
					return // the next one would not be in time either
				}
				if a = r.submit(v, good("demo")); a.State != connect.Ready {
					r.Fatalf("%+v", a)
				}
				r.finish(v, a.ID, connect.Choices{})
			})
		})
	}
}

func TestProgressIsSeenByEveryProcess(t *testing.T) {
	each(t, nil, func(r *rig) {
		hold := make(chan struct{})
		r.before(func(_ http.ResponseWriter, req *http.Request) bool {
			if strings.Contains(req.URL.Path, "/recruitments") {
				select {
				case <-hold:
				case <-req.Context().Done():
				}
			}
			return false
		})
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		v := r.visit(token)
		a, err := r.service.Submit(r.Context(), v, traffit.Slug, good("demo"))
		r.must(err)
		other := connect.New(r.config)
		defer func() { _ = other.Close() }()
		if seen, err := other.Attempt(r.Context(), v, a.ID); err != nil || seen.State != connect.Checking {
			r.Errorf("%+v, %v", seen, err)
		}
		close(hold)
		r.settled(v, a)
		if seen, err := other.Attempt(r.Context(), v, a.ID); err != nil || seen.State != connect.Ready {
			r.Errorf("%+v, %v", seen, err)
		}
	})
}

func TestHundredSubmissionsMakeOneIntegration(t *testing.T) {
	each(t, nil, func(r *rig) {
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		v := r.visit(token)
		var ready atomic.Pointer[string]
		var accepted, refused atomic.Int64
		parallel(100, func(int) {
			a, err := r.service.Submit(r.Context(), v, traffit.Slug, good("demo"))
			switch {
			case errors.Is(err, connect.ErrTooMany):
				refused.Add(1)
				return
			case err != nil:
				r.Error(err)
				return
			}
			accepted.Add(1)
			for a.State == connect.Checking {
				time.Sleep(5 * time.Millisecond)
				if a, err = r.service.Attempt(r.Context(), v, a.ID); err != nil {
					if !errors.Is(err, connect.ErrReplaced) {
						r.Error(err)
					}
					return
				}
			}
			if a.State == connect.Ready {
				ready.Store(&a.ID)
			}
		})
		if accepted.Load() != 20 || refused.Load() != 80 {
			r.Errorf("%d were accepted, %d refused", accepted.Load(), refused.Load())
		}
		if n := r.count(`SELECT count(*) FROM attempts WHERE credentials <> ''`); n != 1 {
			r.Errorf("%d attempts have credentials", n)
		}
		last := ready.Load()
		if last == nil {
			r.Fatal("none is ready")
		}
		var mu sync.Mutex
		ids := map[string]int{}
		parallel(100, func(int) {
			out, err := r.service.Finish(r.Context(), v, *last, connect.Choices{})
			if err != nil {
				r.Error(err)
				return
			}
			if got, err := r.service.Exchange(r.Context(), out.ActivationToken); out.ActivationToken != "" && (err != nil || got.ID != out.Integration.ID) {
				r.Errorf("the token gives %s, %v", got.ID, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[out.Integration.ID]++
		})
		if all := r.integrations(); len(all) != 1 || ids[all[0].ID] != 100 {
			r.Errorf("%d integrations: %v", len(all), ids)
		}
		if n := len(r.events(store.IntegrationCreated)); n != 1 {
			r.Errorf("%d events", n)
		}
		if n := r.count(`SELECT count(*) FROM runs`); n != 1 {
			r.Errorf("%d syncs", n)
		}
	})
}

func parallel(n int, do func(int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// Two tabs of one link: the newer attempt counts, whoever finishes first wins, and both see the same end.
func TestTwoTabs(t *testing.T) {
	each(t, nil, func(r *rig) {
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		one, two := r.visit(token), r.visit(token)
		first := r.submit(one, good("demo"))
		second := r.submit(two, good("demo"))
		if _, err := r.service.Attempt(r.Context(), one, first.ID); !errors.Is(err, connect.ErrReplaced) {
			r.Errorf("the first tab is told %v", err)
		}
		if _, err := r.service.Finish(r.Context(), one, first.ID, connect.Choices{}); !errors.Is(err, connect.ErrReplaced) {
			r.Errorf("the first tab is told %v", err)
		}
		out := r.finish(two, second.ID, connect.Choices{})
		if again := r.finish(one, first.ID, connect.Choices{}); again.Integration.ID != out.Integration.ID || again.ActivationToken == "" {
			r.Errorf("%+v", again)
		}
		if _, err := r.service.Submit(r.Context(), one, traffit.Slug, good("demo")); !errors.Is(err, connect.ErrCompleted) {
			r.Errorf("submitting once more: %v", err)
		}
		v, err := r.service.Visit(r.Context(), token)
		if !errors.Is(err, connect.ErrCompleted) || v.Integration.ID != out.Integration.ID {
			r.Errorf("%+v, %v", v, err)
		}
		r.db.Clock.Add(11 * time.Minute)
		if late := r.finish(v, "", connect.Choices{}); late.Integration.ID != out.Integration.ID || late.ActivationToken != "" {
			r.Errorf("%+v", late)
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, nil, func(r *rig) {
		l, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		out := r.connected("demo", acme())
		other := r.connected("second", acme())
		activation := out.ActivationToken
		flip := func(s string, at int) string {
			b := []byte(s)
			if b[at]++; b[at] > 'z' || b[at] == '.' || b[at] == ':' {
				b[at] = 'A'
			}
			return string(b)
		}
		forged := []string{"", "x", "v1.links.", "v1.links.AAAA", strings.Repeat("a", 5000), l.ID, activation, token + "A", strings.Replace(token, "links", "activation", 1)}
		for at := range token {
			forged = append(forged, flip(token, at))
		}
		for _, f := range forged {
			if _, err := r.service.Visit(r.Context(), f); !errors.Is(err, connect.ErrInvalid) {
				r.Errorf("the link token %q: %v", f, err)
			}
		}
		forged = []string{"", "x", token, out.Integration.ID, activation + "A", strings.Replace(activation, "activation", "links", 1)}
		for at := range activation {
			forged = append(forged, flip(activation, at))
		}
		for _, f := range forged {
			if _, err := r.service.Exchange(r.Context(), f); !errors.Is(err, connect.ErrInvalid) {
				r.Errorf("the activation token %q: %v", f, err)
			}
		}
		exchange := func(token string, want error) {
			r.Helper()
			if i, err := r.service.Exchange(r.Context(), token); !errors.Is(err, want) || err == nil && i.ID != out.Integration.ID {
				r.Errorf("%s, %v; want %v", i.ID, err, want)
			}
		}
		// One of another installation: the same master key, other derived keys.
		foreign := newRig(r.TB, r.db2(), nil).connected("demo", acme())
		exchange(foreign.ActivationToken, connect.ErrInvalid)
		exchange(activation, nil)
		r.db.Clock.Add(59 * time.Second)
		exchange(activation, nil)
		r.db.Clock.Add(2 * time.Second)
		exchange(activation, connect.ErrCompleted)
		r.must(r.store.RemoveIntegration(r.Context(), other.Integration.No, 0))
		exchange(other.ActivationToken, connect.ErrRevoked)
		r.db.Clock.Add(15 * time.Minute)
		exchange(activation, connect.ErrExpired)

		r.db.Clock.Add(43*time.Minute + 58*time.Second)
		r.visit(token)
		r.db.Clock.Add(time.Second)
		if _, err := r.service.Visit(r.Context(), token); !errors.Is(err, connect.ErrExpired) {
			r.Errorf("after an hour: %v", err)
		}
		_, magic := r.link(connect.Connect, connect.MagicLink, nil, acme())
		r.db.Clock.Add(365*24*time.Hour - time.Second)
		r.visit(magic)
		r.db.Clock.Add(time.Second)
		if _, err := r.service.Visit(r.Context(), magic); !errors.Is(err, connect.ErrExpired) {
			r.Errorf("after a year: %v", err)
		}
		r.db.Clock.Add(40 * 24 * time.Hour)
		r.must(r.service.Clean(r.Context()))
		if n := r.count(`SELECT count(*) FROM links`); n != 0 {
			r.Errorf("%d links are left", n)
		}
		if _, err := r.service.Visit(r.Context(), magic); !errors.Is(err, connect.ErrExpired) {
			r.Errorf("long after: %v", err)
		}
	})
}

// The steps of one link lead nowhere with the attempt of another.
func TestAttemptsBelongToTheirLink(t *testing.T) {
	each(t, nil, func(r *rig) {
		_, mine := r.link(connect.Connect, connect.Embedded, nil, acme())
		_, theirs := r.link(connect.Connect, connect.Embedded, nil, connect.LinkSettings{Email: "eve@example.com", Organization: "Eve"})
		a := r.submit(r.visit(mine), good("demo"))
		v := r.visit(theirs)
		if _, err := r.service.Attempt(r.Context(), v, a.ID); !errors.Is(err, store.ErrNotFound) {
			r.Errorf("seen: %v", err)
		}
		if _, err := r.service.Finish(r.Context(), v, a.ID, connect.Choices{}); !errors.Is(err, store.ErrNotFound) {
			r.Errorf("finished: %v", err)
		}
		if _, err := r.service.Submit(r.Context(), v, "other", good("demo")); !errors.Is(err, store.ErrNotFound) {
			r.Errorf("an unknown tool: %v", err)
		}
		if len(r.integrations()) != 0 {
			r.Error("there is an integration")
		}
	})
}

func TestRevoked(t *testing.T) {
	each(t, nil, func(r *rig) {
		l, token := r.link(connect.Connect, connect.MagicLink, nil, acme())
		v := r.visit(token)
		a := r.submit(v, good("demo"))
		r.must(r.service.Revoke(r.Context(), l.ID))
		r.must(r.service.Revoke(r.Context(), l.ID))
		if err := r.service.Revoke(r.Context(), ats.NewID()); !errors.Is(err, store.ErrNotFound) {
			r.Errorf("revoked what is not there: %v", err)
		}
		_, visited := r.service.Visit(r.Context(), token)
		_, finished := r.service.Finish(r.Context(), v, a.ID, connect.Choices{})
		_, submitted := r.service.Submit(r.Context(), v, traffit.Slug, good("demo"))
		for _, err := range []error{visited, finished, submitted} {
			if !errors.Is(err, connect.ErrRevoked) {
				r.Errorf("got %v", err)
			}
		}
		if n := r.count(`SELECT count(*) FROM attempts`); n != 0 || len(r.integrations()) != 0 {
			r.Error("something is left")
		}
		r.db.Clock.Add(time.Second)
		out := r.connected("demo", acme())
		all, err := r.service.List(r.Context(), nil, 10)
		r.must(err)
		r.must(r.service.Revoke(r.Context(), all[0].ID)) // it was completed
		if all, err = r.service.List(r.Context(), nil, 10); err != nil || all[0].RevokedAt != nil || all[0].Integration != out.Integration.No || all[1].RevokedAt == nil {
			r.Errorf("%+v, %v", all, err)
		}
		if next, err := r.service.List(r.Context(), &all[0], 10); err != nil || len(next) != 1 || next[0].ID != l.ID {
			r.Errorf("%+v, %v", next, err)
		}
	})
}

func TestRelink(t *testing.T) {
	each(t, nil, func(r *rig) {
		out := r.connected("demo", acme())
		i := out.Integration
		less := ats.ScopeConfig{
			Models:  map[ats.Model]ats.ModelScope{ats.Tags: {Setting: ats.Disabled}, ats.Users: {Setting: ats.Optional}},
			Actions: map[string]ats.Setting{"ats_add_tag_to_candidate": ats.Optional},
		}
		config, err := r.store.AddScopeConfig(r.Context(), "less", less)
		r.must(err)
		_, token := r.link(connect.Relink, connect.Embedded, &i, connect.LinkSettings{ScopeConfig: config.ID, OnlyCreated: connect.OnlyCreatedAsk})
		_, second := r.link(connect.Relink, connect.Embedded, &i, connect.LinkSettings{})
		v := r.visit(token)
		if d := cmp.Diff(less, v.Scopes); d != "" || v.Integration.ID != i.ID {
			r.Errorf("%+v\n%s", v, d)
		}
		if a := r.submit(v, good("second")); a.State != connect.Failed || a.Problems[0].Code != connector.ProblemAccount || a.Problems[0].Credential != "tenant" {
			r.Errorf("another account: %+v", a)
		}
		if failed := r.events(store.ConnectionFlowFailed); len(failed) != 1 || failed[0]["end_user"].(map[string]any)["organization_name"] != "Zakłady Acme" {
			r.Errorf("%+v", failed)
		}
		r.must(r.store.Transact(r.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE integrations SET status = 'INVALID', auth_failing_since = 1`)
			return err
		}))
		a := r.submit(v, good("demo"))
		if a.State != connect.Ready || a.Twin {
			r.Fatalf("%+v", a)
		}
		now, err := r.store.IntegrationByNo(r.Context(), i.No)
		r.must(err)
		if now.Status != store.StatusInvalid || now.ScopeConfig.ID != "default" {
			r.Errorf("something changed before the end: %+v", now)
		}
		again := r.finish(v, a.ID, connect.Choices{Declined: []string{"ats_users", "ats_add_tag_to_candidate", "ats_candidates"}, OnlyCreated: true}).Integration
		if again.ID != i.ID || again.Status != store.StatusActive || again.ScopeConfig.ID != config.ID || !again.Settings.OnlyCreated || again.DataExpiredAt == nil || again.AuthFailingSince != nil ||
			again.Scopes.Model(ats.Users) || again.Scopes.Model(ats.Tags) || !again.Scopes.Model(ats.Candidates) || again.Scopes.Action("ats_add_tag_to_candidate") {
			r.Errorf("%+v", again)
		}
		if d := cmp.Diff([]string{"ats_add_tag_to_candidate", "ats_users"}, again.Settings.Declined); d != "" {
			r.Error(d)
		}
		if due, err := r.store.DueFull(r.Context()); err != nil || !slices.Equal(due, []int64{i.No}) {
			r.Errorf("due are %v, %v", due, err)
		}
		changed := r.events(store.IntegrationStateChanged)
		if len(changed) != 1 || changed[0]["state"] != "ACTIVE" {
			r.Errorf("%+v", changed)
		}
		if len(r.integrations()) != 1 || len(r.events(store.IntegrationCreated)) != 1 {
			r.Error("it is another integration")
		}
		r.must(r.store.RemoveIntegration(r.Context(), i.No, 0))
		if _, err := r.service.Visit(r.Context(), second); !errors.Is(err, connect.ErrRevoked) {
			r.Errorf("the integration is gone: %v", err)
		}
		if _, err := r.service.Finish(r.Context(), v, "", connect.Choices{}); !errors.Is(err, connect.ErrRevoked) {
			r.Errorf("the integration is gone: %v", err)
		}
	})
}

func TestFieldMapping(t *testing.T) {
	each(t, nil, func(r *rig) {
		custom, err := r.store.AddCustomField(r.Context(), store.CustomField{Model: ats.Candidates, Key: "notice", Label: new("Notice period")})
		r.must(err)
		want := acme()
		want.FieldMapping = true
		_, token := r.link(connect.Connect, connect.Embedded, nil, want)
		v := r.visit(token)
		if len(v.CustomFields) != 1 || v.CustomFields[0].Mapped != nil {
			r.Fatalf("%+v", v.CustomFields)
		}
		a := r.submit(v, good("demo"))
		fields, err := r.service.Fields(r.Context(), v, a.ID)
		r.must(err)
		if len(fields) == 0 || slices.ContainsFunc(fields, func(f connector.Field) bool { return f.Model != ats.Candidates }) {
			r.Fatalf("%+v", fields)
		}
		_, err = r.service.Finish(r.Context(), v, a.ID, connect.Choices{Mapping: map[string]connect.FieldRef{custom.ID: {Model: ats.Candidates, Type: "CUSTOM", Key: "nope"}}})
		wantCode(r, err, `there is no field "nope"`)
		chosen := connect.FieldRef{Model: fields[0].Model, Type: fields[0].Type, Key: fields[0].Key}
		out := r.finish(v, a.ID, connect.Choices{Mapping: map[string]connect.FieldRef{custom.ID: chosen}})
		settings, err := r.store.FieldSettings(r.Context(), out.Integration.No)
		if err != nil || settings.Custom[ats.Candidates]["notice"] != fields[0].Key || out.Integration.SetupStatus != store.SetupSyncing {
			r.Errorf("%+v, %v", settings, err)
		}
	})
}

func TestSetup(t *testing.T) {
	each(t, nil, func(r *rig) {
		first := r.connected("demo", acme()).Integration
		_, _, err := r.service.Create(r.Context(), connect.Setup, connect.Embedded, &first, connect.LinkSettings{})
		wantCode(r, err, "nothing to set up")
		custom, err := r.store.AddCustomField(r.Context(), store.CustomField{Model: ats.Candidates, Key: "notice"})
		r.must(err)
		want := acme()
		want.FieldMapping = true
		i := r.connected("second", want).Integration // the pages did not ask
		if runs, err := r.store.Runs(r.Context(), i.No, nil, 10); err != nil || len(runs) != 0 || i.SetupStatus != store.SetupIncomplete {
			r.Fatalf("%+v %+v, %v", i, runs, err)
		}
		_, token := r.link(connect.Setup, connect.MagicLink, &i, connect.LinkSettings{})
		v := r.visit(token)
		fields, err := r.service.Fields(r.Context(), v, "")
		r.must(err)
		if len(fields) == 0 {
			r.Fatal("the account has no fields")
		}
		chosen := connect.FieldRef{Model: fields[0].Model, Type: fields[0].Type, Key: fields[0].Key}
		out := r.finish(v, "", connect.Choices{Mapping: map[string]connect.FieldRef{custom.ID: chosen}})
		if out.Integration.ID != i.ID || out.Integration.SetupStatus != store.SetupSyncing {
			r.Errorf("%+v", out.Integration)
		}
		if runs, err := r.store.Runs(r.Context(), i.No, nil, 10); err != nil || len(runs) != 1 {
			r.Errorf("%+v, %v", runs, err)
		}
		if changed := r.events(store.IntegrationStateChanged); len(changed) != 1 || changed[0]["setup_status"] != store.SetupSyncing {
			r.Errorf("%+v", changed)
		}
		mapped, err := r.store.CustomField(r.Context(), i.No, custom.ID)
		if err != nil || mapped.Mapped == nil || mapped.Mapped.Key != fields[0].Key {
			r.Errorf("%+v, %v", mapped, err)
		}
	})
}

func TestTwinsAreNoticed(t *testing.T) {
	each(t, nil, func(r *rig) {
		first := r.connected("demo", acme()).Integration
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		v := r.visit(token)
		credentials := good("demo")
		credentials["client_secret"] = "wrong"
		if a := r.submit(v, credentials); a.Twin {
			r.Error("a stranger is told who is connected")
		}
		a := r.submit(v, good("demo"))
		if !a.Twin {
			r.Errorf("%+v", a)
		}
		second := r.finish(v, a.ID, connect.Choices{}).Integration
		if second.ID == first.ID {
			r.Error("it is the same integration")
		}
		if log := r.logs.String(); strings.Contains(log, planted) {
			r.Error(log)
		}
		if twin, err := r.store.Twin(r.Context(), second.Tool, second.Tenant, second.No); err != nil || twin != first.ID {
			r.Errorf("%s, %v", twin, err)
		}
	})
}

func TestOnlyCreated(t *testing.T) {
	for name, c := range map[string]struct {
		byDefault bool
		link      connect.OnlyCreated
		customer  bool
		want      bool
	}{
		"off":                  {},
		"the server's default": {byDefault: true, want: true},
		"the link says off":    {byDefault: true, link: connect.OnlyCreatedOff, customer: true},
		"the link says on":     {link: connect.OnlyCreatedOn, want: true},
		"asked and chosen":     {link: connect.OnlyCreatedAsk, customer: true, want: true},
		"asked and declined":   {byDefault: true, link: connect.OnlyCreatedAsk},
	} {
		t.Run(name, func(t *testing.T) {
			onSQLite(t, func(config *connect.Config) { config.OnlyCreated = c.byDefault }, func(r *rig) {
				set := acme()
				set.OnlyCreated = c.link
				_, token := r.link(connect.Connect, connect.Embedded, nil, set)
				v := r.visit(token)
				a := r.submit(v, good("demo"))
				if got := r.finish(v, a.ID, connect.Choices{OnlyCreated: c.customer}).Integration.Settings.OnlyCreated; got != c.want {
					r.Errorf("got %v", got)
				}
			})
		})
	}
}

func TestBadLinksAreNotMade(t *testing.T) {
	onSQLite(t, nil, func(r *rig) {
		for says, spoil := range map[string]func(*connect.LinkSettings){
			"body.end_user_email":                                                 func(s *connect.LinkSettings) { s.Email = "anna@" },
			"body.end_user_email: ":                                               func(s *connect.LinkSettings) { s.Email = "a..b@example.com" },
			"body.end_user_organization_name":                                     func(s *connect.LinkSettings) { s.Organization = " \n" },
			"body.end_user_origin_id":                                             func(s *connect.LinkSettings) { s.OriginID = new("") },
			`body.integration_tool: must be one of traffit, got "lever"`:          func(s *connect.LinkSettings) { s.Tool = "lever" },
			`body.language: must be one of en, pl, de, fr, it, es, got "cz"`:      func(s *connect.LinkSettings) { s.Language = "cz" },
			`body.scope_config_id: there is no scope configuration "x"`:           func(s *connect.LinkSettings) { s.ScopeConfig = "x" },
			`body.only_created_applications: must be on, off or ask, got "maybe"`: func(s *connect.LinkSettings) { s.OnlyCreated = "maybe" },
		} {
			s := acme()
			spoil(&s)
			_, _, err := r.service.Create(r.Context(), connect.Connect, connect.Embedded, nil, s)
			wantCode(r, err, says)
		}
		_, _, err := r.service.Create(r.Context(), connect.Connect, "POSTCARD", nil, acme())
		wantCode(r, err, "body.link_type")
	})
}

// An error in the middle of the last step leaves nothing behind, and the step can be repeated.
func TestFinishIsWholeOrNothing(t *testing.T) {
	broken := errors.New("the queue is broken")
	var fail atomic.Bool
	fail.Store(true)
	each(t, func(c *connect.Config) {
		fail.Store(true)
		c.Enqueue = func(context.Context, *sql.Tx, string, time.Duration) error {
			if fail.Load() {
				return broken
			}
			return nil
		}
	}, func(r *rig) {
		_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
		v := r.visit(token)
		a := r.submit(v, good("demo"))
		if _, err := r.service.Finish(r.Context(), v, a.ID, connect.Choices{}); !errors.Is(err, broken) {
			r.Fatal(err)
		}
		if len(r.integrations()) != 0 || r.count(`SELECT count(*) FROM runs`) != 0 || r.count(`SELECT count(*) FROM events`) != 0 {
			r.Error("something is left")
		}
		fail.Store(false)
		r.finish(r.visit(token), a.ID, connect.Choices{})
	})
}
