package traffit

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// tagNames are the tags that a candidate truly has.
func (b *bench) tagNames(id int) []string {
	b.t.Helper()
	rows, err := b.TruthPage("tags", id-1, 1)
	if err != nil || len(rows) != 1 || rows[0].ID() != id {
		b.t.Fatal(rows, err)
	}
	names := []string{}
	for _, tag := range rows[0].Value("tags").([]sandbox.Row) {
		names = append(names, tag.Value("name").(string))
	}
	return names
}

// shown are the names that the parts of an outcome hold for a candidate.
func shown(t *testing.T, candidate string, parts []connector.Part) []string {
	t.Helper()
	if len(parts) == 0 || parts[0].Unit != unit(employee, candidate) || parts[0].Kind != kindTags {
		t.Fatalf("%+v", parts)
	}
	names := []string{}
	for _, p := range parts[1:] {
		o, err := decode(p.Raw)
		if err != nil || p.Entity != tag || p.ID != asObject(o).text("id") {
			t.Fatalf("%+v", p)
		}
		names = append(names, asObject(o).text("name"))
	}
	return names
}

func TestTags(t *testing.T) {
	for _, how := range []string{"post", "put"} {
		for name, switches := range map[string]map[string]string{
			"as assumed": nil,
			"values":     {"tags.shape": "value", "write.status": "200"},
			"nested":     {"tags.shape": "nested", "write.status": "204"},
			"wrapped":    {"tags.shape": "wrapped", "single.wrap": "true"},
			"strict":     {"write.validation": "strict", "redirects.writes": "slash"},
			"pages":      {"write.errors": "html", "error.shape": "html"},
			"410":        {"gone.status": "410"},
			"lost":       {"write.lost": "1"},
			"late":       {"write.unsure": "1", "write.late": "60s"},
		} {
			t.Run(how+", "+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, switches)
				b.turn("tags.write", how)
				id, text := b.someone()
				if _, err := b.SetTags(id, []string{"Java"}); err != nil {
					t.Fatal(err)
				}
				for _, c := range []struct {
					action connector.Action
					want   []string
					sent   int
				}{
					{&connector.AddTag{CandidateID: text, Name: "Główny księgowy"}, []string{"Java", "Główny księgowy"}, 1},
					{&connector.AddTag{CandidateID: text, Name: " GŁÓWNY księgowy "}, []string{"Java", "Główny księgowy"}, 0},
					{&connector.AddTag{CandidateID: text, Name: "x/y?%"}, []string{"Java", "Główny księgowy", "x/y?%"}, 1},
					{&connector.RemoveTag{CandidateID: text, Name: "java"}, []string{"Główny księgowy", "x/y?%"}, 1},
					{&connector.RemoveTag{CandidateID: text, Name: "java"}, []string{"Główny księgowy", "x/y?%"}, 0},
					{&connector.RemoveTag{CandidateID: text, Name: "x/y?%"}, []string{"Główny księgowy"}, 1},
					{&connector.RemoveTag{CandidateID: text, Name: "Główny księgowy"}, []string{}, 1},
				} {
					j := b.journal()
					out, err := b.tenant.Act(t.Context(), c.action, j)
					if err != nil {
						t.Fatalf("%+v: %v", c.action, err)
					}
					if d := cmp.Diff(c.want, b.tagNames(id)) + cmp.Diff(c.want, shown(t, text, out.Parts)); d != "" {
						t.Errorf("%+v: %s", c.action, d)
					}
					if j.sent["tag"] != c.sent || j.warnings != nil {
						t.Errorf("%+v: sent %d times, %v", c.action, j.sent["tag"], j.warnings)
					}
				}
				want := map[string]int{"tag": 2, "untag": 3}
				if how == "put" {
					want = map[string]int{"tags": 5}
				}
				if d := cmp.Diff(want, b.WriteCounts()); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func TestTagsThatCannotBeChanged(t *testing.T) {
	for name, switches := range map[string]map[string]string{
		"no way to write them":         {"tags.write": "missing"},
		"no way, told by a page":       {"tags.write": "missing", "error.shape": "html", "write.errors": "html"},
		"no tags at all":               {"tags.shape": "missing"},
		"no tags at all, told by page": {"tags.shape": "missing", "error.shape": "html"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, switches)
			id, text := b.someone()
			if _, err := b.SetTags(id, []string{"Java"}); err != nil {
				t.Fatal(err)
			}
			for _, a := range []connector.Action{&connector.AddTag{CandidateID: text, Name: "x"}, &connector.RemoveTag{CandidateID: text, Name: "Java"}} {
				if _, err := b.tenant.Act(t.Context(), a, b.journal()); ats.CodeOf(err) != ats.ActionNotAvailable {
					t.Errorf("%T: %v", a, err)
				}
			}
			if len(b.WriteCounts()) > 0 {
				t.Errorf("%v", b.WriteCounts())
			}
		})
	}
	b := newBench(t, nil)
	for _, a := range []connector.Action{&connector.AddTag{CandidateID: "999999", Name: "x"}, &connector.RemoveTag{CandidateID: "999999", Name: "x"}} {
		if _, err := b.tenant.Act(t.Context(), a, b.journal()); !errors.Is(err, connector.ErrGone) {
			t.Errorf("%T of nobody: %v", a, err)
		}
	}
}

// Tags that are added at once do not undo each other, even where whole lists are written.
func TestTagsAtOnce(t *testing.T) {
	for _, how := range []string{"post", "put"} {
		b := newBench(t, map[string]string{"tags.write": how})
		id, text := b.someone()
		names := strings.Split("abcdefghijkl", "")
		var wg sync.WaitGroup
		for _, name := range names {
			wg.Go(func() {
				if _, err := b.tenant.Act(t.Context(), &connector.AddTag{CandidateID: text, Name: name}, b.journal()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := b.tagNames(id); len(got) != len(names) {
			t.Errorf("%s: %v", how, got)
		}
	}
}
