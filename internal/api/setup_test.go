package api_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// The integrations of a bench.
const (
	full     = "traffit:8d1hpPsbjxUkoCoa1veLZGe5" // everything loaded
	empty    = "traffit:111111111111111111111111" // first sync running
	off      = "traffit:222222222222222222222222" // switched off
	invalid  = "traffit:333333333333333333333333" // rejected credentials, everything loaded
	setup    = "traffit:444444444444444444444444" // setup not finished
	unstart  = "traffit:555555555555555555555555" // no sync yet
	removed  = "traffit:666666666666666666666666"
	withData = "traffit:777777777777777777777777" // serves remote data
)

// bench is a server on a store with a few records.
type bench struct {
	testing.TB
	store *store.Store
	api   http.Handler
	deps  api.Deps
	key   string
	clock *clock
	logs  *safeBuffer
	runID string // of the running first sync

	actions *actions
	tenant  *tenant
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newBench makes a bench; change may alter what the server works with.
func newBench(t testing.TB, change func(*api.Deps)) *bench {
	t.Helper()
	b := &bench{TB: t, clock: &clock{at: time.Date(2026, 5, 31, 8, 30, 10, 0, time.UTC)}, logs: &safeBuffer{}}
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "k.db"), store.Options{Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b.store = s
	b.must2(func() error { _, b.key, err = s.CreateKey(t.Context(), "test"); return err })
	b.fill()
	b.deps = api.Deps{
		Store: s,
		StartSync: func(ctx context.Context, i store.Integration, typ store.RunType, cause string) (store.Run, bool, error) {
			return s.StartRun(ctx, ats.NewID(), i.No, typ, cause, noWork)
		},
		Tools:     []connector.Tool{tool()},
		Now:       b.clock.now,
		Log:       slog.New(slog.NewJSONHandler(b.logs, nil)),
		Version:   "1.2.3",
		PublicURL: "https://kladka.example.com/", EnvironmentID: "env-1", RPM: 0,
		RemoteData: func(i store.Integration) store.RemoteData {
			return func(_ context.Context, m ats.Model, ids []string) (map[string][]byte, error) {
				out := map[string][]byte{}
				for _, id := range ids {
					out[id] = fmt.Appendf(nil, `{"/rows/%s":{"model":%q}}`, id, m)
				}
				return out, nil
			}
		},
	}
	b.act(&b.deps)
	b.deps.Trail = trail.New(trail.Config{Store: s, Now: b.clock.now, Log: b.deps.Log})
	t.Cleanup(func() { _ = b.deps.Trail.Close() })
	if change != nil {
		change(&b.deps)
	}
	if b.api, err = api.New(b.deps); err != nil {
		t.Fatal(err)
	}
	return b
}

func noWork(*sql.Tx, store.Run) error { return nil }

func noTx(*sql.Tx) error { return nil }

func (b *bench) must2(fn func() error) {
	b.Helper()
	if err := fn(); err != nil {
		b.Fatal(err)
	}
}

// tool is a connector's self-description with every kind of coverage.
func tool() connector.Tool {
	model := func(m ats.Model, label string, fields ...connector.FieldCoverage) connector.ModelCoverage {
		return connector.ModelCoverage{Model: m, Label: label, Status: connector.Supported, Fields: fields}
	}
	unsupported := model(ats.Interviews, "Interviews")
	unsupported.Status = connector.Unsupported
	return connector.Tool{
		Slug: "traffit", Label: "TRAFFIT", Passthrough: []string{"v2"},
		Models: []connector.ModelCoverage{
			model(ats.Users, "Users"), model(ats.Roles, "Roles"), model(ats.Tags, "Tags"),
			model(ats.ApplicationStages, "Stages"), model(ats.RejectionReasons, "Rejection reasons"),
			model(ats.Jobs, "Jobs", connector.FieldCoverage{ID: "name", Status: connector.Supported}, connector.FieldCoverage{ID: "job_code", Status: connector.Unsupported},
				connector.FieldCoverage{ID: "employment_type", Status: connector.CoverageUnknown}, connector.FieldCoverage{ID: "visibility", Status: connector.NotImplemented}),
			model(ats.Candidates, "Candidates", connector.FieldCoverage{ID: "id", Status: connector.Supported}, connector.FieldCoverage{ID: "phone_numbers", Status: connector.Supported},
				connector.FieldCoverage{ID: "remote_data", Status: connector.Supported}),
			model(ats.Applications, "Applications"), unsupported,
		},
		Remappable: map[ats.Model][]string{ats.Jobs: {"department", "category"}},
		Actions:    []connector.ActionCoverage{{ID: "ats_create_application", Label: "Create application", Status: connector.NotImplemented, Fields: []connector.FieldCoverage{{ID: "candidate.first_name", Status: connector.NotImplemented}}}},
		Features:   []connector.FeatureCoverage{{ID: "passthrough", Label: "Passthrough", Status: connector.NotImplemented}},
	}
}

// fill stores integrations and records.
func (b *bench) fill() {
	b.Helper()
	ctx := b.Context()
	for _, i := range []store.Integration{
		{ID: full, Status: store.StatusActive, SetupStatus: store.SetupCompleted, CreatorEmail: new("anna@example.com"), OriginID: new("42")},
		{ID: empty, Status: store.StatusActive, SetupStatus: store.SetupSyncing},
		{ID: off, Status: store.StatusInactive, SetupStatus: store.SetupCompleted},
		{ID: invalid, Status: store.StatusInvalid, SetupStatus: store.SetupCompleted},
		{ID: setup, Status: store.StatusActive, SetupStatus: store.SetupIncomplete},
		{ID: unstart, Status: store.StatusActive, SetupStatus: store.SetupSyncing},
		{ID: removed, Status: store.StatusActive, SetupStatus: store.SetupCompleted},
		{ID: withData, Status: store.StatusActive, SetupStatus: store.SetupCompleted, Settings: store.Settings{RemoteData: true}},
	} {
		i.Tool, i.OrganizationName, i.Tenant = "traffit", "Łódzkie Zakłady <Acme>", i.ID
		i, err := b.store.AddIntegration(ctx, i, "")
		if err != nil {
			b.Fatal(err)
		}
		switch i.ID {
		case full, invalid, withData:
			b.load(i)
		case empty:
			b.startFirstSync(i)
		case removed:
			b.must2(func() error { return b.store.RemoveIntegration(ctx, i.No, 0) })
		}
	}
	i, _ := b.store.Integration(ctx, full)
	b.must2(func() error {
		return b.store.PutFields(ctx, i.No, []connector.Field{
			{Model: ats.Jobs, Key: "reference", Type: "CUSTOM", Label: "Numer <ref>"}, {Model: ats.Candidates, Key: "notice", Type: "DEFAULT"}, {Model: ats.Candidates, Key: "wage", Type: "CUSTOM"},
		})
	})
	for _, key := range []string{"notice_period", "wage"} {
		b.must2(func() error {
			_, err := b.store.AddCustomField(ctx, store.CustomField{Model: ats.Candidates, Key: key, Label: new("Label")})
			return err
		})
	}
}

func (b *bench) startFirstSync(i store.Integration) {
	b.Helper()
	ctx := b.Context()
	run, _, err := b.store.StartRun(ctx, ats.NewID(), i.No, store.FullSync, "cli", noWork)
	if err == nil {
		run, err = b.store.ClaimRun(ctx, run.ID, "me", false)
	}
	if err == nil {
		b.runID = run.ID
		_, err = b.store.Write(ctx, i.No, run.Lease(), "test", func(tx *store.Tx) error {
			return errors.Join(
				tx.PlanSteps(ctx, run.ID, []store.RunStep{{Step: "users", Ordinal: 1}, {Step: "employees", Ordinal: 2}, {Step: "tags", Ordinal: 3, Background: true}}),
				tx.SaveStep(ctx, run.ID, store.RunStep{Step: "users", State: store.StepDone, Done: 7, Total: new(int64(7))}),
				tx.SaveStep(ctx, run.ID, store.RunStep{Step: "employees", State: store.StepRunning, Done: 1200, Total: new(int64(44000))}))
		})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// load stores a small world and marks all models as loaded.
func (b *bench) load(i store.Integration) {
	b.Helper()
	ctx := b.Context()
	ids := ats.Namespace(i.ID)
	at := ats.TimeOf(time.Date(2026, 5, 30, 23, 59, 59, 0, time.UTC))
	place := &ats.Location{City: new("Łódź"), Country: new("PL")}
	entities := []ats.Entity{
		ats.Role{RemoteID: "admin", Label: new("Admin"), Scope: new("SYSTEM"), UnifiedType: new("ADMIN")},
		ats.User{RemoteID: "1", FirstName: new("Zoë"), Email: new("Zoe@Example.com"), Status: new("ACTIVE"), RoleRemoteID: "admin"},
		ats.User{RemoteID: "2"},
		ats.ApplicationStage{RemoteID: "10", Name: new("New"), Status: new("ACTIVE"), Index: new(int64(0)), GlobalIndex: new(int64(3))},
		ats.ApplicationStage{RemoteID: "11"},
		ats.RejectionReason{RemoteID: "5", Name: new("Too far")},
		ats.Tag{RemoteID: "7", Name: new("VIP")},
		ats.Job{RemoteID: "100", Name: new("Ślusarz 100%_pewny"), Status: new("OPEN"), Location: place, RemoteCreatedAt: &at, Description: new("<p>a & b</p>"), JobCode: new("J,1")},
		ats.Job{RemoteID: "101", Name: new("Tester"), Status: new("DRAFT"), PostURL: new("https://jobs.example.com/101")},
		ats.JobStage{JobRemoteID: "100", StageRemoteID: "10"},
		ats.JobStage{JobRemoteID: "100", StageRemoteID: "11", Index: 1},
		ats.HiringTeamMember{
			JobRemoteID: "100", UserRemoteID: "1", UnifiedRoles: []string{"RECRUITER"},
			Roles: []ats.EmbeddedRole{{RemoteID: "r", Label: new("Recruiter"), Scope: new("JOB"), UnifiedType: new("RECRUITER")}},
		},
		ats.JobPosting{RemoteID: "900", JobRemoteID: "100", Title: new("Ślusarz"), Status: new("ACTIVE"), Visibility: new("PUBLIC")},
		ats.Candidate{
			RemoteID: "1000", FirstName: new("Łucja"), LastName: new("ŻÓŁĆ"), Location: place,
			EmailAddresses: []ats.EmailAddress{{EmailAddress: "Lucja@Example.com"}}, PhoneNumbers: []ats.PhoneNumber{{PhoneNumber: "+48 1", Type: new("WORK")}},
			SocialMedia:       []ats.SocialMedia{{Link: new("https://example.com/l")}},
			IntegrationFields: []ats.IntegrationField{{ID: "f", Key: "k", Type: "CUSTOM", Value: []any{1, "x"}}},
		},
		ats.Candidate{RemoteID: "1001"},
		ats.Candidate{RemoteID: "1002", FirstName: new("Deleted")},
		ats.CandidateTag{CandidateRemoteID: "1000", TagRemoteID: "7"},
		ats.Application{RemoteID: "1000:100", CandidateRemoteID: "1000", JobRemoteID: "100", StageRemoteID: "10", Outcome: new(ats.Declined), RejectedAt: &at, RemoteCreatedAt: &at},
		ats.Application{RemoteID: "1001:101", CandidateRemoteID: "1001", JobRemoteID: "101", Outcome: new(ats.Pending)},
		ats.Application{RemoteID: "x:y"},
	}
	var sets []store.RecordSet
	for _, e := range entities {
		r, err := ats.Render(ids, e)
		if err != nil {
			b.Fatal(err)
		}
		sets = append(sets, store.RecordSet{Model: r.Model, Owner: r.ID, Records: []ats.Record{r}})
	}
	write := func(fn func(*store.Tx) error) {
		if _, err := b.store.Write(ctx, i.No, nil, "test", fn); err != nil {
			b.Fatal(err)
		}
	}
	write(func(tx *store.Tx) error { return tx.Apply(ctx, sets) })
	b.clock.advance(time.Minute)
	write(func(tx *store.Tx) error {
		return tx.Apply(ctx, []store.RecordSet{{Model: ats.Candidates, Owner: ids.ID(ats.Candidates, "1002")}})
	})
	write(func(tx *store.Tx) error {
		var errs []error
		for _, m := range ats.Models() {
			errs = append(errs, tx.MarkLoaded(ctx, m))
		}
		return errors.Join(errs...)
	})
}

// do sends a request with the bench's key, unless the headers say otherwise.
func (b *bench) do(method, url, body string, headers map[string]string) *http.Response {
	b.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(b.Context(), method, url, reader)
	req.Header.Set("Authorization", "Bearer "+b.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range headers {
		if v == "" {
			req.Header.Del(k)
		} else {
			req.Header.Set(k, v)
		}
	}
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, req)
	return w.Result()
}

func read(t testing.TB, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
