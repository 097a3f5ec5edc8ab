package store_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// FuzzFilters: a filter finds what equals or holds the text after folding, and nothing else,
// whatever either of them is.
func FuzzFilters(f *testing.F) {
	for _, c := range [][2]string{
		{"Ślusarz 100%_pewny", "śLUSARZ"}, {"Straße", "STRASSE"}, {"İstanbul", "i"}, {"x", "%"}, {"a_b", "_"}, {`\`, `\`}, {"'; --", "'"}, {"e\u0301", "É"}, {"ﬃ", "f"}, {"\u202e😀", "😀"}, {"*?[a]", "*"}, {"Łódź", "Lodz"},
	} {
		f.Add(c[0], c[1])
	}
	s := storetest.SQLite(f).Open(f)
	i := storetest.NewIntegration(f, s)
	w := world{s, i.No, ats.Namespace(i.ID)}
	count := func(t *testing.T, q store.Query) int {
		t.Helper()
		q.Integration, q.PageSize = w.no, 10
		page, err := s.Page(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(page.JSON), `"remote_deleted_at"`)
	}
	f.Fuzz(func(t *testing.T, text, asked string) {
		if !utf8.ValidString(text) || !utf8.ValidString(asked) || strings.Contains(text+asked, "\x00") || text == "" || asked == "" || len(text+asked) > 300 {
			t.Skip("the API and the connectors let no such text through")
		}
		w.put(t,
			ats.Job{RemoteID: "1", Name: &text, PostURL: &text},
			ats.Candidate{RemoteID: "1", FirstName: &text, LastName: &text, EmailAddresses: []ats.EmailAddress{{EmailAddress: text}}})
		same, holds, exact := ats.Fold(text) == ats.Fold(asked), strings.Contains(ats.Fold(text), ats.Fold(asked)), text == asked
		for name, c := range map[string]struct {
			q     store.Query
			found bool
		}{
			"name_contains": {store.Query{Model: ats.Jobs, NameContains: &asked}, holds},
			"post_url":      {store.Query{Model: ats.Jobs, PostURL: &asked}, exact},
			"first_name":    {store.Query{Model: ats.Candidates, FirstName: &asked}, same},
			"last_name":     {store.Query{Model: ats.Candidates, LastName: &asked}, same},
			"email":         {store.Query{Model: ats.Candidates, Email: &asked}, same},
			"remote_ids":    {store.Query{Model: ats.Candidates, RemoteIDs: []string{asked}}, asked == "1"},
			"ids":           {store.Query{Model: ats.Candidates, IDs: []string{asked}}, asked == w.ids.ID(ats.Candidates, "1")},
		} {
			if n := count(t, c.q); n > 1 || (n == 1) != c.found {
				t.Errorf("%s %q finds %d records of %q", name, asked, n, text)
			}
		}
	})
}

// TestLongTexts: texts of any length are stored and served on both databases; beyond the bound of
// an index they are not found by it.
func TestLongTexts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		w := newWorld(t, s)
		var b strings.Builder // what cannot be compressed
		for b.Len() < 20000 {
			b.WriteString(ats.NewID())
		}
		long := b.String()
		fits := long[:1000]
		w.put(t,
			ats.User{RemoteID: "1", Email: &long},
			ats.Job{RemoteID: "1", Name: &long, JobCode: &long, PostURL: &long, Description: &long},
			ats.Job{RemoteID: "2", Name: &fits, JobCode: &fits, PostURL: &fits},
			ats.Candidate{RemoteID: "1", FirstName: &long, LastName: &long, EmailAddresses: []ats.EmailAddress{{EmailAddress: long}, {EmailAddress: "a@b.c"}}},
			ats.Candidate{RemoteID: "2", FirstName: &fits, LastName: &fits, EmailAddresses: []ats.EmailAddress{{EmailAddress: fits}}})
		for name, c := range map[string]struct {
			q    store.Query
			want string
		}{
			"part of a name":  {store.Query{Model: ats.Jobs, NameContains: new(long[15000:15100])}, "1"},
			"code":            {store.Query{Model: ats.Jobs, JobCodes: []string{fits, long}}, "2"},
			"names":           {store.Query{Model: ats.Candidates, FirstName: &fits, LastName: &fits}, "2"},
			"email":           {store.Query{Model: ats.Candidates, Email: &fits}, "2"},
			"another address": {store.Query{Model: ats.Candidates, Email: new("A@b.c")}, "1"},
			"no filter":       {store.Query{Model: ats.Users}, "1"},
		} {
			q := c.q
			q.Integration, q.PageSize = w.no, 10
			var got []string
			for _, r := range walk(t, s, q) {
				got = append(got, r["remote_id"].(string))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: found %v, want %s", name, got, c.want)
			}
		}
	})
}
