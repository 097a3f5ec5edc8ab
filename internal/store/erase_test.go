package store_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// erase goes through everything that an erasing fan-out goes through, in steps of a few rows.
func erase(t *testing.T, s *store.Store, no int64) {
	t.Helper()
	i, err := s.IntegrationByNo(t.Context(), no)
	if err != nil {
		t.Fatal(err)
	}
	f := store.Erase()
	for range 200 {
		if _, err := s.Write(t.Context(), no, nil, "test", func(tx *store.Tx) (err error) {
			f.Cursor, err = tx.EraseNext(t.Context(), f, i, func(ats.Model, string) (connector.Unit, bool) { return connector.Unit{}, false }, 2)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if f.Cursor == "" {
			return
		}
	}
	t.Fatal("it does not end")
}

func set(t *testing.T, s *store.Store, no int64, settings string) {
	t.Helper()
	execute(t, s, `UPDATE integrations SET settings = $1 WHERE no = $2`, settings, no)
}

func execute(t *testing.T, s *store.Store, statement string, args ...any) {
	t.Helper()
	if err := s.Transact(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// people writes candidates with an application, a tag and a name each; each is one transaction.
func people(t *testing.T, s *store.Store, no int64, remote ...string) {
	t.Helper()
	for _, r := range remote {
		put(t.Context(), t, s, no, func(ids ats.Namespace) []store.RecordSet {
			render := func(m ats.Model, e ats.Entity) store.RecordSet {
				rendered, err := ats.Render(ids, e)
				if err != nil {
					t.Fatal(err)
				}
				return store.RecordSet{Model: m, Owner: rendered.ID, Records: []ats.Record{rendered}}
			}
			name := "Planted " + r
			return []store.RecordSet{
				render(ats.Candidates, ats.Candidate{RemoteID: r, FirstName: &name, EmailAddresses: []ats.EmailAddress{{EmailAddress: r + "@planted.example"}}}),
				render(ats.Applications, ats.Application{RemoteID: r + ":7", RejectionReasonName: &name, CandidateRemoteID: r, JobRemoteID: "7"}),
				render(ats.Tags, ats.Tag{RemoteID: "tag-" + r, Name: &name}),
				render(ats.CandidateTags, ats.CandidateTag{CandidateRemoteID: r, TagRemoteID: "tag-" + r}),
			}
		})
	}
}

// end marks everything of one of the people deleted.
func end(t *testing.T, s *store.Store, no int64, remote string) {
	t.Helper()
	put(t.Context(), t, s, no, func(ids ats.Namespace) []store.RecordSet {
		return []store.RecordSet{
			{Model: ats.Candidates, Owner: ids.ID(ats.Candidates, remote)},
			{Model: ats.Applications, Owner: ids.ID(ats.Applications, remote+":7")},
			{Model: ats.Tags, Owner: ids.ID(ats.Tags, "tag-"+remote)},
			{Model: ats.CandidateTags, Owner: ids.ID(ats.CandidateTags, remote+":tag-"+remote)},
		}
	})
}

// rowsOf gives a table's rows as texts.
func rowsOf(t *testing.T, s *store.Store, query string, args ...any) (out []string) {
	t.Helper()
	if err := s.Transact(t.Context(), func(tx *sql.Tx) error {
		rows, err := tx.Query(query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			out = append(out, text)
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Where only what was created through the API is kept, others leave a row that says that a record has
// ended, and nothing else: no remote ID, no e-mail address, nothing that was done about them.
func TestForgottenRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		people(t, s, i.No, "101", "102", "103")
		end(t, s, i.No, "103")
		other := ats.Namespace(i.ID).ID(ats.Candidates, "102")
		if err := s.Transact(ctx, func(tx *sql.Tx) error {
			return errors.Join(s.Track(ctx, tx, i.No, "101", "101:7"), s.PutUpload(ctx, tx, i.No, other, "planted.pdf", "CV"))
		}); err != nil {
			t.Fatal(err)
		}
		for n, candidate := range []string{"101", "102", ""} {
			a := newAction(i.No, "n"+candidate, "c", "k"+candidate, "o")
			row, _, err := s.BeginAction(ctx, a, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			row.State, row.Final, row.Answer = store.ActionConfirmed, true, []byte(`{"candidate_id":"`+candidate+`"}`)
			if err := s.EndAction(ctx, row, noMore); err != nil {
				t.Fatal(n, err)
			}
		}
		addRequests(t, s, []store.Request{
			logged("sync", i.No, func(r *store.Request) { r.Run, r.Address = "run", "https://planted.example/employees/102" }),
			logged("ask", i.No, func(r *store.Request) { r.Error = new("Łucja") }),
			logged("call", i.No, func(r *store.Request) { r.Kind = store.APIRequest }),
		}, store.RequestMention{Integration: i.No, Model: ats.Candidates, RecordID: other, RequestID: "call"})

		set(t, s, i.No, `{"only_created":true}`)
		before := len(changes(t, s, i.No))
		erase(t, s, i.No)

		for _, m := range []string{"candidates", "applications", "tags", "candidate_tags"} {
			for _, row := range rowsOf(t, s, `SELECT remote_id || own || ref FROM `+m+` WHERE integration = $1`, i.No) {
				if !strings.Contains(row, "101") && strings.Contains(strings.ToLower(row), "planted") {
					t.Errorf("%s: %s", m, row)
				}
			}
		}
		if got := rowsOf(t, s, `SELECT remote_id FROM candidates WHERE integration = $1 ORDER BY remote_id`, i.No); !cmp.Equal(got, []string{"", "", "101"}) {
			t.Errorf("candidates %q", got)
		}
		if got := rowsOf(t, s, `SELECT remote_id FROM candidate_tags WHERE integration = $1`, i.No); !cmp.Equal(got, []string{"101:tag-101"}) {
			t.Errorf("connections %q", got)
		}
		if got := rowsOf(t, s, `SELECT email FROM candidate_emails WHERE integration = $1`, i.No); !cmp.Equal(got, []string{"101@planted.example"}) {
			t.Errorf("addresses %q", got)
		}
		if got := rowsOf(t, s, `SELECT answer FROM actions WHERE integration = $1 ORDER BY answer`, i.No); !cmp.Equal(got, []string{`{"candidate_id":""}`, `{"candidate_id":"101"}`}) {
			t.Errorf("actions %q", got)
		}
		for _, name := range []string{"uploads", "request_mentions"} {
			if got := rowsOf(t, s, `SELECT 'row' FROM `+name+` WHERE integration = $1`, i.No); got != nil {
				t.Errorf("%d rows of %s", len(got), name)
			}
		}
		if got := rowsOf(t, s, `SELECT id || ' ' || COALESCE(request_body, '-') || ' ' || COALESCE(response_body, '-') || ' ' || COALESCE(error, '-') FROM requests WHERE integration = $1 ORDER BY id`, i.No); !cmp.Equal(got, []string{"ask - - -", `call {"a":"Łucja"} - -`}) {
			t.Errorf("requests %q", got)
		}
		// Those that lived have ended: a candidate, an application, a tag and who carried it.
		if got := changes(t, s, i.No)[before:]; len(got) != 4 || got[0].Operation != "deleted" {
			t.Errorf("changes %+v", got)
		}
		// What is left is served as a record that was deleted.
		page, err := s.Page(ctx, store.Query{Model: ats.Candidates, Integration: i.No, PageSize: 10, IncludeDeleted: true, IDs: []string{other}})
		if err != nil {
			t.Fatal(err)
		}
		var served map[string]any
		if err := json.Unmarshal(page.JSON, &served); err != nil {
			t.Fatal(err)
		}
		if served["id"] != other || served["remote_id"] != "" || served["first_name"] != nil || served["remote_deleted_at"] == nil || !cmp.Equal(served["email_addresses"], []any{}) {
			t.Errorf("served %s", page.JSON)
		}
		seq := len(changes(t, s, i.No))
		erase(t, s, i.No)
		if got := len(changes(t, s, i.No)); got != seq {
			t.Errorf("erasing again logged %d changes", got-seq)
		}
		// Should one come back, it is whole again.
		people(t, s, i.No, "102")
		if got := rowsOf(t, s, `SELECT remote_id FROM candidates WHERE integration = $1 AND id = $2`, i.No, other); !cmp.Equal(got, []string{"102"}) {
			t.Errorf("came back as %q", got)
		}
	})
}

// A model that is off ends, and a record that has ended loses what is off, with its columns.
func TestStrippedRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		people(t, s, i.No, "101", "102")
		end(t, s, i.No, "102")
		c, err := s.AddScopeConfig(ctx, "some", ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{
			ats.Candidates:   {Fields: map[string]ats.Setting{"first_name": ats.Disabled, "email_addresses": ats.Disabled}},
			ats.Applications: {Setting: ats.Disabled},
		}})
		if err != nil {
			t.Fatal(err)
		}
		execute(t, s, `UPDATE integrations SET scope_config = $1 WHERE no = $2`, c.ID, i.No)
		erase(t, s, i.No)
		if got := rowsOf(t, s, `SELECT remote_id || ' ' || COALESCE(first_name_folded, '-') FROM candidates WHERE integration = $1 ORDER BY remote_id`, i.No); !cmp.Equal(got, []string{"101 planted 101", "102 -"}) {
			t.Errorf("candidates %q: those that live are another's", got)
		}
		if got := rowsOf(t, s, `SELECT own FROM candidates WHERE integration = $1 AND remote_id = '102'`, i.No); strings.Contains(strings.ToLower(strings.Join(got, "")), "planted") {
			t.Errorf("says %q", got)
		}
		if got := rowsOf(t, s, `SELECT email FROM candidate_emails WHERE integration = $1`, i.No); !cmp.Equal(got, []string{"101@planted.example"}) {
			t.Errorf("addresses %q", got)
		}
		for _, own := range rowsOf(t, s, `SELECT own || COALESCE(CAST(remote_deleted_at AS TEXT), 'lives') FROM applications WHERE integration = $1`, i.No) {
			if strings.Contains(own, "Planted") || strings.Contains(own, "lives") || !strings.Contains(own, `:7"`) {
				t.Errorf("an application says %s", own)
			}
		}
	})
}

func TestRestriction(t *testing.T) {
	none, one, two := store.Restriction{}, store.Restriction{Off: []string{"a"}}, store.Restriction{Off: []string{"a", "b"}}
	created := store.Restriction{OnlyCreated: true}
	for _, c := range []struct {
		name string
		r    store.Restriction
		than store.Restriction
		want bool
	}{
		{"nothing changes", one, one, false},
		{"something goes off", two, one, false},
		{"something comes on", one, two, true},
		{"the one for the other", store.Restriction{Off: []string{"b"}}, one, true},
		{"only created", created, none, false},
		{"all again", none, created, true},
		{"fields in place of others", one, created, true},
	} {
		if got := c.r.Wider(c.than); got != c.want {
			t.Errorf("%s: wider is %t", c.name, got)
		}
	}
	if none.Revision() != "" || one.Revision() == two.Revision() || created.Revision() == none.Revision() {
		t.Error("revisions do not tell restrictions apart")
	}
}
