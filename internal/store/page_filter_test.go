package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func TestPageFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		w, other := newWorld(t, s), newWorld(t, s)
		day := func(d, h int) *ats.Time { return new(ats.TimeOf(time.Date(2026, 5, d, h, 0, 0, 0, time.UTC))) }
		for _, w := range []world{w, other} {
			w.put(t,
				ats.Job{RemoteID: "1", Name: new("Älterer Łódź_1"), JobCode: new("A"), PostURL: new("https://x/1"), Status: new("OPEN"), EmploymentType: new("FULL_TIME"), RemoteCreatedAt: day(3, 23)},
				ats.Job{RemoteID: "2", Name: new("łódźx1 100% \\"), JobCode: new("B"), Status: new("CLOSED"), Visibility: new("PUBLIC"), RemoteCreatedAt: day(4, 0)},
				ats.Job{RemoteID: "3"},
				ats.Candidate{RemoteID: "1", FirstName: new("Żaneta"), LastName: new("STRASSE"), EmailAddresses: []ats.EmailAddress{{EmailAddress: "Ż@x.pl"}, {EmailAddress: "two@x.pl"}, {EmailAddress: "TWO@x.pl"}}},
				ats.Candidate{RemoteID: "2", FirstName: new("żaneta"), LastName: new("Straße"), EmailAddresses: []ats.EmailAddress{{EmailAddress: "two@x.pl"}}},
				ats.Candidate{RemoteID: "3"},
				ats.Application{RemoteID: "1:1", CandidateRemoteID: "1", JobRemoteID: "1", StageRemoteID: "1", Outcome: new(ats.Hired), RemoteCreatedAt: day(3, 12)},
				ats.Application{RemoteID: "2:2", CandidateRemoteID: "2", JobRemoteID: "2", StageRemoteID: "2", Outcome: new(ats.Pending)},
				ats.Application{RemoteID: "3:1", CandidateRemoteID: "3", JobRemoteID: "1"},
				ats.User{RemoteID: "1", Email: new("Boss@X.pl")}, ats.User{RemoteID: "2"},
				ats.Role{RemoteID: "1", Scope: new("SYSTEM")}, ats.Role{RemoteID: "2", Scope: new("JOB")})
			w.remove(t, ats.Applications, w.ids.ID(ats.Applications, "3:1"))
		}
		id := func(m ats.Model, remote string) string { return w.ids.ID(m, remote) }
		for name, c := range map[string]struct {
			q    store.Query
			want string // remote IDs
		}{
			"all":                     {store.Query{Model: ats.Jobs}, "1 2 3"},
			"ids":                     {store.Query{Model: ats.Jobs, IDs: []string{id(ats.Jobs, "3"), id(ats.Jobs, "1"), "x"}}, "1 3"},
			"remote ids":              {store.Query{Model: ats.Jobs, RemoteIDs: []string{"2", "9", "3"}}, "2 3"},
			"both":                    {store.Query{Model: ats.Jobs, RemoteIDs: []string{"2", "3"}, IDs: []string{id(ats.Jobs, "3")}}, "3"},
			"job codes":               {store.Query{Model: ats.Jobs, JobCodes: []string{"A", "a"}}, "1"},
			"post url":                {store.Query{Model: ats.Jobs, PostURL: new("https://x/1")}, "1"},
			"statuses":                {store.Query{Model: ats.Jobs, Statuses: []string{"OPEN", "DRAFT"}}, "1"},
			"employment":              {store.Query{Model: ats.Jobs, EmploymentTypes: []string{"FULL_TIME"}}, "1"},
			"visibility":              {store.Query{Model: ats.Jobs, Visibilities: []string{"PUBLIC"}}, "2"},
			"name":                    {store.Query{Model: ats.Jobs, NameContains: new("ŁÓDŹ")}, "1 2"},
			"name decomposed":         {store.Query{Model: ats.Jobs, NameContains: new("ŁO\u0301DZ\u0301")}, "1 2"},
			"name with underscore":    {store.Query{Model: ats.Jobs, NameContains: new("ź_1")}, "1"},
			"name with percent":       {store.Query{Model: ats.Jobs, NameContains: new("0% \\")}, "2"},
			"name with quotes":        {store.Query{Model: ats.Jobs, NameContains: new(`'"; --`)}, ""},
			"created on the day":      {store.Query{Model: ats.Jobs, RemoteCreatedAfter: new(day(3, 23).Milli() + 999)}, "1 2"},
			"created the next day":    {store.Query{Model: ats.Jobs, RemoteCreatedAfter: new(day(4, 1).Milli())}, "2"},
			"email":                   {store.Query{Model: ats.Candidates, Email: new("TWO@X.PL")}, "1 2"},
			"email folded":            {store.Query{Model: ats.Candidates, Email: new("ż@X.pl")}, "1"},
			"part of an email":        {store.Query{Model: ats.Candidates, Email: new("two@x")}, ""},
			"first name":              {store.Query{Model: ats.Candidates, FirstName: new("ŻANETA")}, "1 2"},
			"last name":               {store.Query{Model: ats.Candidates, LastName: new("Strasse")}, "1 2"},
			"names":                   {store.Query{Model: ats.Candidates, FirstName: new("ŻANETA"), LastName: new("x")}, ""},
			"candidates of a job":     {store.Query{Model: ats.Candidates, JobIDs: []string{id(ats.Jobs, "1")}}, "1"},
			"outcomes":                {store.Query{Model: ats.Applications, Outcomes: []string{"HIRED", "DECLINED"}}, "1:1"},
			"applications of jobs":    {store.Query{Model: ats.Applications, JobIDs: []string{id(ats.Jobs, "1"), id(ats.Jobs, "2")}}, "1:1 2:2"},
			"of jobs by remote id":    {store.Query{Model: ats.Applications, JobRemoteIDs: []string{"1"}}, "1:1"},
			"with deleted":            {store.Query{Model: ats.Applications, JobRemoteIDs: []string{"1"}, IncludeDeleted: true}, "1:1 3:1"},
			"in a stage":              {store.Query{Model: ats.Applications, CurrentStageIDs: []string{id(ats.ApplicationStages, "2")}}, "2:2"},
			"applications created":    {store.Query{Model: ats.Applications, RemoteCreatedAfter: new(day(3, 13).Milli())}, "1:1"},
			"users by email":          {store.Query{Model: ats.Users, Emails: []string{"BOSS@x.PL", "y"}}, "1"},
			"roles by scope":          {store.Query{Model: ats.Roles, Scopes: []string{"JOB"}}, "2"},
			"updated in the future":   {store.Query{Model: ats.Jobs, UpdatedAfter: new(db.Clock.Now().Add(time.Hour).UnixMilli())}, ""},
			"updated, with look-back": {store.Query{Model: ats.Jobs, UpdatedAfter: new(db.Clock.Now().Add(store.Lookback).UnixMilli())}, "1 2 3"},
		} {
			for _, size := range []int{1, 50} {
				q := c.q
				q.Integration, q.PageSize = w.no, size
				got := []string{}
				for _, r := range walk(t, s, q) {
					got = append(got, r["remote_id"].(string))
				}
				slices.Sort(got)
				if diff := gocmp.Diff(strings.Fields(c.want), got); diff != "" {
					t.Errorf("%s in pages of %d (-want +got):\n%s", name, size, diff)
				}
			}
		}
		for name, q := range map[string]store.Query{
			"a filter of another model": {Model: ats.Tags, PageSize: 1, Emails: []string{"x"}},
			"an unknown model":          {Model: ats.Offers, PageSize: 1},
			"an empty list":             {Model: ats.Jobs, PageSize: 1, IDs: []string{}},
			"no page size":              {Model: ats.Jobs},
		} {
			if _, err := s.Page(t.Context(), q); err == nil {
				t.Errorf("%s is no error", name)
			}
		}
	})
}

// TestPagePlans looks at how both databases would read a page: always along an index. Without a
// selective filter it is the page index, from the cursor on and without a sort, so that a page
// deep in the list costs what the first one costs.
func TestPagePlans(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		w := newWorld(t, s)
		postgres := strings.HasPrefix(db.URL, "postgres")
		fillMany(t, s, w)
		if postgres { // whose autovacuum does it; nothing does on SQLite
			if _, err := s.DB().ExecContext(t.Context(), `ANALYZE`); err != nil {
				t.Fatal(err)
			}
		}
		list := []string{"a", "b", "c"}
		after := &store.Cursor{TouchedAt: 2500, ID: "m"}
		for name, c := range map[string]struct {
			q     store.Query
			index string
		}{
			"first page":        {store.Query{Model: ats.Applications}, "applications_page"},
			"deep page":         {store.Query{Model: ats.Applications, After: after}, "applications_page"},
			"with deleted":      {store.Query{Model: ats.Applications, After: after, IncludeDeleted: true}, "applications_page"},
			"updated after":     {store.Query{Model: ats.Applications, UpdatedAfter: new(int64(2_490_000))}, "applications_page"},
			"updated, deep":     {store.Query{Model: ats.Applications, UpdatedAfter: new(int64(1000)), After: after}, "applications_page"},
			"outcomes":          {store.Query{Model: ats.Applications, After: after, Outcomes: []string{"PENDING"}}, "applications_page"},
			"candidates, deep":  {store.Query{Model: ats.Candidates, After: after}, "candidates_page"},
			"ids":               {store.Query{Model: ats.Applications, IDs: list}, "applications_pkey|sqlite_autoindex_applications_1"},
			"remote ids":        {store.Query{Model: ats.Applications, RemoteIDs: list, After: after}, "applications_remote"},
			"jobs":              {store.Query{Model: ats.Applications, JobIDs: list}, "applications_job"},
			"job remote ids":    {store.Query{Model: ats.Applications, JobRemoteIDs: list}, "applications_job"},
			"stages":            {store.Query{Model: ats.Applications, CurrentStageIDs: list}, "applications_stage"},
			"email":             {store.Query{Model: ats.Candidates, Email: new("x@y.z")}, "candidate_emails_pkey|PRIMARY KEY"},
			"last name":         {store.Query{Model: ats.Candidates, LastName: new("x")}, "candidates_name"},
			"both names":        {store.Query{Model: ats.Candidates, LastName: new("x"), FirstName: new("y")}, "candidates_name"},
			"candidates of job": {store.Query{Model: ats.Candidates, JobIDs: list}, "applications_job"},
			"job codes":         {store.Query{Model: ats.Jobs, JobCodes: list}, "jobs_code"},
			"post url":          {store.Query{Model: ats.Jobs, PostURL: new("x")}, "jobs_post_url"},
			"user emails":       {store.Query{Model: ats.Users, Emails: list}, "users_email"},
		} {
			c.q.Integration, c.q.PageSize = w.no, 100
			statement, args, err := c.q.Statement()
			if err != nil {
				t.Fatal(err)
			}
			plan := explain(t, s, postgres, statement, args)
			if !regexp.MustCompile(c.index).MatchString(plan) {
				t.Errorf("%s does not use %s:\n%s\n%s", name, c.index, statement, plan)
			}
			if strings.HasSuffix(c.index, "_page") && regexp.MustCompile(`Sort|TEMP B-TREE|Seq Scan|SCAN `).MatchString(plan) {
				t.Errorf("%s sorts or scans:\n%s\n%s", name, statement, plan)
			}
			deep := c.q.After != nil || c.q.UpdatedAfter != nil
			if ranged := regexp.MustCompile(`Index Cond: .*touched_at|touched_at(,id\)>|>\?)|\(touched_at,id\)>`).MatchString(plan); strings.HasSuffix(c.index, "_page") && deep && !ranged {
				t.Errorf("%s does not start at its lower bound:\n%s\n%s", name, statement, plan)
			}
		}
	})
}

// fillMany writes enough rows for PostgreSQL to prefer an index, and of a second integration too.
func fillMany(t *testing.T, s *store.Store, w world) {
	t.Helper()
	other := newWorld(t, s)
	err := s.Transact(t.Context(), func(tx *sql.Tx) error {
		for _, no := range []int64{w.no, other.no} {
			for _, stmt := range []string{
				`INSERT INTO applications (integration, id, remote_id, own, ref, hash, changed_at, touched_at, candidate_id, job_id, current_stage_id, outcome)
					SELECT %[1]d, 'a' || n, 'r' || n, '{}', '{}', '', n, n, 'c' || n, 'j' || (n %% 300), 's' || (n %% 200), 'PENDING' FROM numbers`,
				`INSERT INTO candidates (integration, id, remote_id, own, ref, hash, changed_at, touched_at, first_name_folded, last_name_folded)
					SELECT %[1]d, 'c' || n, 'r' || n, '{}', '{}', '', n, n, 'f' || (n %% 900), 'l' || (n %% 1000) FROM numbers`,
				`INSERT INTO candidate_emails (integration, email, candidate_id) SELECT %[1]d, 'e' || n, 'c' || n FROM numbers`,
				`INSERT INTO jobs (integration, id, remote_id, own, ref, hash, changed_at, touched_at, job_code, post_url)
					SELECT %[1]d, 'j' || n, 'r' || n, '{}', '{}', '', n, n, 'k' || n, 'p' || n FROM numbers`,
				`INSERT INTO users (integration, id, remote_id, own, ref, hash, changed_at, touched_at, email)
					SELECT %[1]d, 'u' || n, 'r' || n, '{}', '{}', '', n, n, 'e' || n FROM numbers`,
			} {
				into, rest, _ := strings.Cut(fmt.Sprintf(stmt, no), "SELECT")
				if _, err := tx.ExecContext(t.Context(), into+` WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000) SELECT`+rest); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func explain(t *testing.T, s *store.Store, postgres bool, statement string, args []any) string {
	t.Helper()
	prefix := "EXPLAIN QUERY PLAN "
	if postgres {
		prefix = "EXPLAIN "
	}
	rows, err := s.DB().QueryContext(context.Background(), prefix+statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out strings.Builder
	for rows.Next() {
		var line, ignored string
		into := []any{&ignored, &ignored, &ignored, &line}
		if postgres {
			into = []any{&line}
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Until a sync has erased the others, only what was created through the API is shown.
func TestOnlyCreatedIsShown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		put(ctx, t, s, i.No, func(ids ats.Namespace) (sets []store.RecordSet) {
			for _, e := range []ats.Entity{
				ats.Candidate{RemoteID: "1"},
				ats.Candidate{RemoteID: "2"},
				ats.Job{RemoteID: "7"},
				ats.Application{RemoteID: "1:7", CandidateRemoteID: "1", JobRemoteID: "7"},
				ats.Application{RemoteID: "1:8", CandidateRemoteID: "1"},
				ats.Application{RemoteID: "2:7", CandidateRemoteID: "2", JobRemoteID: "7"},
			} {
				r, err := ats.Render(ids, e)
				if err != nil {
					t.Fatal(err)
				}
				sets = append(sets, store.RecordSet{Model: r.Model, Owner: r.ID, Records: []ats.Record{r}})
			}
			return sets
		})
		if err := s.Transact(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO tracked_applications (integration, candidate, application, tracked_at) VALUES ($1, '1', '1:7', 0)`, i.No)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			model ats.Model
			only  bool
			want  []string // remote IDs, those of embedded applications in brackets
		}{
			{ats.Candidates, false, []string{"1[1:7 1:8]", "2[2:7]"}},
			{ats.Candidates, true, []string{"1[1:7]"}},
			{ats.Applications, false, []string{"1:7[]", "1:8[]", "2:7[]"}},
			{ats.Applications, true, []string{"1:7[]"}},
			{ats.Jobs, true, []string{"7[]"}},
		} {
			page, err := s.Page(ctx, store.Query{Model: c.model, Integration: i.No, PageSize: 10, OnlyCreated: c.only})
			if err != nil {
				t.Fatal(err)
			}
			type record struct {
				RemoteID     string   `json:"remote_id"`
				Applications []record `json:"applications"`
			}
			var all []record
			if err := json.Unmarshal(slices.Concat([]byte("["), page.JSON, []byte("]")), &all); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range all {
				var embedded []string
				for _, a := range r.Applications {
					embedded = append(embedded, a.RemoteID)
				}
				slices.Sort(embedded)
				got = append(got, fmt.Sprint(r.RemoteID, embedded))
			}
			slices.Sort(got)
			if d := gocmp.Diff(c.want, got); d != "" {
				t.Errorf("%s, only created: %v (-want +got):\n%s", c.model, c.only, d)
			}
		}
	})
}
