package store_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// world is a small set of things that refer to one another; its entities come and go at random.
type world struct {
	s   *store.Store
	no  int64
	ids ats.Namespace
}

func newWorld(t *testing.T, s *store.Store) world {
	i := storetest.NewIntegration(t, s)
	return world{s, i.No, ats.Namespace(i.ID)}
}

// put stores entities one after the other, each as the complete set of its own record.
func (w world) put(t fataler, entities ...ats.Entity) {
	t.Helper()
	w.write(t, func(tx *store.Tx) error {
		for _, e := range entities {
			r, err := ats.Render(w.ids, e)
			if err != nil {
				return err
			}
			if err := tx.Apply(context.Background(), []store.RecordSet{{Model: r.Model, Owner: r.ID, Records: []ats.Record{r}}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w world) remove(t fataler, m ats.Model, id string) {
	t.Helper()
	w.write(t, func(tx *store.Tx) error {
		return tx.Apply(context.Background(), []store.RecordSet{{Model: m, Owner: id}})
	})
}

func (w world) write(t fataler, fn func(*store.Tx) error) {
	t.Helper()
	if _, err := w.s.Write(context.Background(), w.no, nil, "test", fn); err != nil {
		t.Fatal(err)
	}
}

// randomEntity draws something from a world of a few jobs, people and links.
func randomEntity(t *rapid.T) ats.Entity {
	id := func(what string) string { return fmt.Sprint(rapid.IntRange(1, 4).Draw(t, what)) }
	maybe := func(what string) string {
		if rapid.Bool().Draw(t, what+"?") {
			return id(what)
		}
		return ""
	}
	text := func() *string {
		return rapid.SampledFrom([]*string{nil, new("Łódź <b>"), new(`quote " and \ back`), new("100%_sure"), new("ŻÓŁW")}).Draw(t, "text")
	}
	outcome := rapid.SampledFrom([]*ats.Outcome{nil, new(ats.Pending), new(ats.Hired), new(ats.Declined)}).Draw(t, "outcome")
	when := rapid.SampledFrom([]*ats.Time{nil, new(ats.Milli(1_700_000_000_000)), new(ats.Milli(1_700_200_000_123))}).Draw(t, "when")
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		return ats.Role{RemoteID: id("role"), Label: text(), Scope: new("SYSTEM")}
	case 1:
		return ats.User{RemoteID: id("user"), FirstName: text(), Email: text(), RoleRemoteID: maybe("role")}
	case 2:
		return ats.ApplicationStage{RemoteID: id("stage"), Name: text(), Index: new(int64(3))}
	case 3:
		return ats.RejectionReason{RemoteID: id("reason"), Name: text()}
	case 4:
		return ats.Tag{RemoteID: id("tag"), Name: text()}
	case 5:
		return ats.Job{RemoteID: id("job"), Name: text(), JobCode: text(), PostURL: text(), Status: text(), RemoteCreatedAt: when}
	case 6:
		return ats.JobStage{JobRemoteID: id("job"), StageRemoteID: id("stage"), Index: int64(rapid.IntRange(0, 2).Draw(t, "rank"))}
	case 7:
		return ats.HiringTeamMember{
			JobRemoteID: id("job"), UserRemoteID: id("user"), Rank: int64(rapid.IntRange(0, 2).Draw(t, "rank")),
			UnifiedRoles: []string{"RECRUITER"},
		}
	case 8:
		return ats.JobPosting{RemoteID: id("posting"), JobRemoteID: id("job"), Title: text(), Rank: int64(rapid.IntRange(0, 2).Draw(t, "rank"))}
	case 9:
		c := ats.Candidate{RemoteID: id("candidate"), FirstName: text(), LastName: text()}
		if e := text(); e != nil {
			c.EmailAddresses = []ats.EmailAddress{{EmailAddress: *e}, {EmailAddress: "Anna@Example.com"}}
		}
		return c
	case 10:
		return ats.CandidateTag{CandidateRemoteID: id("candidate"), TagRemoteID: id("tag")}
	default:
		c, j := maybe("candidate"), maybe("job")
		return ats.Application{
			RemoteID: c + ":" + j, CandidateRemoteID: c, JobRemoteID: j, StageRemoteID: maybe("stage"),
			Outcome: outcome, RemoteCreatedAt: when,
		}
	}
}

// TestPageEqualsNaiveRendering changes a world at random and compares every list with one that
// decodes all stored texts and puts the records together with maps and slices.
func TestPageEqualsNaiveRendering(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(t, s)
			rt.Repeat(map[string]func(*rapid.T){
				"put": func(rt *rapid.T) {
					w.put(rt, rapid.SliceOfN(rapid.Custom(randomEntity), 1, 12).Draw(rt, "entities")...)
				},
				"remove": func(rt *rapid.T) {
					r, err := ats.Render(w.ids, randomEntity(rt))
					if err != nil {
						rt.Fatal(err)
					}
					w.remove(rt, r.Model, r.ID)
				},
			})
			n := readAll(t, w)
			for _, m := range listed {
				deleted := rapid.Bool().Draw(rt, "include deleted")
				size := rapid.IntRange(1, 5).Draw(rt, "page size")
				got := walk(rt, s, store.Query{Model: m, Integration: w.no, PageSize: size, IncludeDeleted: deleted})
				want := n.list(m, deleted)
				if diff := gocmp.Diff(want, got); diff != "" {
					rt.Fatalf("%s (-naive +page):\n%s", m, diff)
				}
				for _, r := range want {
					one, err := s.Record(t.Context(), w.no, m, r["id"].(string))
					if err != nil {
						rt.Fatal(err)
					}
					if diff := gocmp.Diff(r, decode[map[string]any](rt, one)); diff != "" {
						rt.Fatalf("%s record (-naive +Record):\n%s", m, diff)
					}
				}
			}
		})
	})
}

var listed = []ats.Model{ats.Roles, ats.Users, ats.ApplicationStages, ats.RejectionReasons, ats.Tags, ats.Jobs, ats.Candidates, ats.Applications}

type fataler interface {
	Fatal(...any)
	Helper()
}

func decode[T any](t fataler, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(fmt.Sprintf("%v in %s", err, b))
	}
	return v
}

// walk pages through a list to its end.
func walk(t fataler, s *store.Store, q store.Query) []map[string]any {
	t.Helper()
	out := []map[string]any{}
	for {
		page, err := s.Page(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		records := decode[[]map[string]any](t, []byte("["+string(page.JSON)+"]"))
		if len(records) != page.Count || page.Count > q.PageSize {
			t.Fatal(fmt.Sprintf("a page of %d counts %d and holds %d", q.PageSize, page.Count, len(records)))
		}
		out = append(out, records...)
		if page.Next == nil {
			return out
		}
		q.After = page.Next
	}
}

// naive is all stored records, decoded.
type naive map[ats.Model]map[string]row

type row struct {
	own, ref                                             map[string]any
	changed, touched, rank                               int64
	deleted                                              *int64
	job, stage, user, candidate, tag, role, currentStage string
}

func readAll(t *testing.T, w world) naive {
	t.Helper()
	columns := map[ats.Model]string{
		ats.Roles: "0, '', '', '', '', '', '', ''", ats.RejectionReasons: "0, '', '', '', '', '', '', ''",
		ats.Tags: "0, '', '', '', '', '', '', ''", ats.ApplicationStages: "0, '', '', '', '', '', '', ''",
		ats.Jobs: "0, '', '', '', '', '', '', ''", ats.Candidates: "0, '', '', '', '', '', '', ''",
		ats.Users:         "0, '', '', '', '', '', COALESCE(role_id, ''), ''",
		ats.JobStages:     "rank, job_id, stage_id, '', '', '', '', ''",
		ats.HiringTeam:    "rank, job_id, '', user_id, '', '', '', ''",
		ats.JobPostings:   "rank, job_id, '', '', '', '', '', ''",
		ats.CandidateTags: "0, '', '', '', candidate_id, tag_id, '', ''",
		ats.Applications:  "0, COALESCE(job_id, ''), '', '', COALESCE(candidate_id, ''), '', '', COALESCE(current_stage_id, '')",
	}
	out := naive{}
	for m, extra := range columns {
		out[m] = map[string]row{}
		rows, err := w.s.DB().QueryContext(t.Context(), fmt.Sprintf(`SELECT id, own, ref, changed_at, touched_at, remote_deleted_at, %s
			FROM %s WHERE integration = $1`, extra, tableOf(m)), w.no)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var r row
			var id, own, ref string
			if err := rows.Scan(&id, &own, &ref, &r.changed, &r.touched, &r.deleted, &r.rank, &r.job, &r.stage, &r.user,
				&r.candidate, &r.tag, &r.role, &r.currentStage); err != nil {
				t.Fatal(err)
			}
			r.own = decode[map[string]any](t, []byte(own))
			if ref != "" {
				r.ref = decode[map[string]any](t, []byte(ref))
			}
			out[m][id] = r
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func tableOf(m ats.Model) string {
	return map[ats.Model]string{
		ats.Roles: "roles", ats.Users: "users", ats.ApplicationStages: "application_stages", ats.RejectionReasons: "rejection_reasons",
		ats.Tags: "tags", ats.Jobs: "jobs", ats.JobStages: "job_stages", ats.HiringTeam: "hiring_team", ats.JobPostings: "job_postings",
		ats.Candidates: "candidates", ats.CandidateTags: "candidate_tags", ats.Applications: "applications",
	}[m]
}

// living gives the living rows of a model that match, by rank and ID.
func (n naive) living(m ats.Model, match func(row) bool) []row {
	var out []row
	for _, id := range slices.Sorted(maps.Keys(n[m])) {
		if r := n[m][id]; r.deleted == nil && match(r) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(a.rank, b.rank) })
	return out
}

func (n naive) list(m ats.Model, deleted bool) []map[string]any {
	ids := slices.SortedFunc(maps.Keys(n[m]), func(a, b string) int {
		return cmp.Or(cmp.Compare(n[m][a].touched, n[m][b].touched), strings.Compare(a, b))
	})
	out := []map[string]any{}
	for _, id := range ids {
		r := n[m][id]
		if r.deleted != nil && !deleted {
			continue
		}
		record := maps.Clone(r.own)
		record["changed_at"], record["remote_deleted_at"], record["remote_data"] = ats.Milli(r.changed).String(), any(nil), any(nil)
		if r.deleted != nil {
			record["remote_deleted_at"] = ats.Milli(*r.deleted).String()
		}
		n.nest(record, m, id, r)
		out = append(out, record)
	}
	return out
}

func (n naive) nest(record map[string]any, m ats.Model, id string, r row) {
	ref := func(m ats.Model, id string) any {
		if r, ok := n[m][id]; ok {
			return r.ref
		}
		return nil
	}
	each := func(rows []row, make func(row) any) []any {
		out := []any{}
		for _, r := range rows {
			if v := make(r); v != nil {
				out = append(out, v)
			}
		}
		return out
	}
	tags := func(candidate string) []any {
		return each(n.living(ats.CandidateTags, func(l row) bool { return l.candidate == candidate }), func(l row) any { return ref(ats.Tags, l.tag) })
	}
	switch m {
	case ats.Users:
		record["system_roles"] = []any{}
		if role, ok := n[ats.Roles][r.role]; ok && role.deleted == nil {
			record["system_roles"] = []any{role.ref}
		}
	case ats.Jobs:
		ofJob := func(l row) bool { return l.job == id }
		record["stages"] = each(n.living(ats.JobStages, ofJob), func(l row) any {
			if s, ok := n[ats.ApplicationStages][l.stage]; ok && s.deleted == nil {
				return s.ref
			}
			return nil
		})
		record["hiring_team"] = each(n.living(ats.HiringTeam, ofJob), func(l row) any {
			u, ok := n[ats.Users][l.user]
			if !ok || u.deleted != nil {
				return nil
			}
			member := maps.Clone(u.ref)
			maps.Copy(member, l.ref)
			return member
		})
		record["job_postings"] = each(n.living(ats.JobPostings, ofJob), func(p row) any {
			posting := maps.Clone(p.own)
			posting["remote_data"] = nil
			return posting
		})
	case ats.Candidates:
		record["tags"] = tags(id)
		record["applications"] = each(n.living(ats.Applications, func(a row) bool { return a.candidate == id }), func(a row) any {
			summary := maps.Clone(a.ref)
			summary["changed_at"] = ats.Milli(a.changed).String()
			summary["current_stage"], summary["job"] = ref(ats.ApplicationStages, a.currentStage), ref(ats.Jobs, a.job)
			return summary
		})
	case ats.Applications:
		record["candidate"], record["current_stage"], record["job"] = nil, ref(ats.ApplicationStages, r.currentStage), ref(ats.Jobs, r.job)
		if c, ok := n[ats.Candidates][r.candidate]; ok {
			candidate := maps.Clone(c.ref)
			candidate["tags"] = tags(r.candidate)
			record["candidate"] = candidate
		}
	}
}
