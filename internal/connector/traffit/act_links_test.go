package traffit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

func link(candidate, application string, attributes ...string) *connector.AddResultLink {
	a := &connector.AddResultLink{CandidateID: candidate, ApplicationID: application, Label: "Test języka", URL: "https://tests.example/r?id=1&x=ą"}
	for i := 0; i < len(attributes); i += 2 {
		a.Attributes = append(a.Attributes, connector.Attribute{Key: attributes[i], Value: attributes[i+1]})
	}
	return a
}

// values are what fields of a candidate truly hold.
func (b *bench) values(id int, keys ...string) map[string]any {
	b.t.Helper()
	rows, err := b.TruthPage("employees", id-1, 1)
	if err != nil || len(rows) != 1 {
		b.t.Fatal(err)
	}
	got := map[string]any{}
	for _, key := range keys {
		if v := rows[0].Value(key); v != nil {
			got[key] = v
		}
	}
	return got
}

func TestAddResultLink(t *testing.T) {
	for _, how := range []string{"seen", "index", "label", "either"} {
		for name, switches := range map[string]map[string]string{
			"lenient":                 nil,
			"strict":                  {"write.validation": "strict"},
			"strict, told by a page":  {"write.validation": "strict", "write.errors": "html", "write.status": "200", "redirects.writes": "slash"},
			"lost answers":            {"write.lost": "0.3"},
			"failures":                {"write.fail": "0.3"},
			"effects without answers": {"write.unsure": "0.3", "write.validation": "strict"},
		} {
			t.Run(how+", "+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, switches)
				b.turn("choice.write", how)
				id, text := b.someone()
				j := b.journal()
				out, err := b.tenant.Act(t.Context(), link(text, "",
					"position", "Główny księgowy", "SALARY Expectation", "12000", "available_from", "2026-05-01", "education", "WYŻSZE informatyczne",
					"nationality", "Litwa", "relocation", "Tak", "nonsense", "x", "salaryexpectation", "1", "available-from", "soon"), j)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]any{
					"_Position": "Główny księgowy", "_salary_expectation": 12000, "_available_from": "2026-05-01",
					"_education": []string{"Wyższe informatyczne"}, "_nationality": "Litwa", "_relocation": "1",
				}
				if d := cmp.Diff(want, b.values(id, "_Position", "_salary_expectation", "_available_from", "_education", "_nationality", "_relocation")); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				missing := "candidates have no custom field of this name; it stands in the note alone"
				warnings := []string{
					"attribute 7 (nonsense): " + missing,
					"attribute 8 (salaryexpectation): an earlier attribute has the same custom field; it stands in the note alone",
					"attribute 9 (available-from): " + missing,
				}
				if d := cmp.Diff(warnings, j.warnings); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				if notes := b.Notes(id); len(notes) != 1 || !strings.HasPrefix(notes[0].Content, "Test języka\nhttps://tests.example/r?id=1&x=ą\n\nposition: Główny księgowy\n") {
					t.Errorf("%+v", notes)
				}
				if len(out.Parts) != 1 || out.Parts[0].Kind != kindList || !strings.Contains(string(out.Parts[0].Raw), `"_Position":"Główny księgowy"`) {
					t.Errorf("%+v", out.Parts)
				}
			})
		}
	}
}

func TestLinkText(t *testing.T) {
	b := newBench(t, nil)
	id, text := b.someone()
	job := b.somewhere()
	a := link(text, text+":"+job, "Wynik", "87%", "Uwagi", "dobre, \"bardzo\"")
	a.Replaces = true
	if _, err := b.tenant.Act(t.Context(), a, b.journal()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.tenant.Act(t.Context(), link(text, ""), b.journal()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range b.Notes(id) {
		got = append(got, n.Content)
	}
	want := []string{`Test języka
https://tests.example/r?id=1&x=ą

Wynik: 87%
Uwagi: dobre, "bardzo"

This replaces what was left here before under the same name.

[Główny <księgowy> & co. | ref k7f3q9]`, `Test języka
https://tests.example/r?id=1&x=ą

[ref k7f3q9]`}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if n := b.WriteCounts()["update"]; n > 0 {
		t.Errorf("%d updates", n)
	}
}

// The fields of a result are those whose names begin with the prefix.
func TestFillings(t *testing.T) {
	f := newFake(t)
	f.special[api+"/employees/"] = answers(200, `{"fields":{
		"score":{"type":"text","name":"Test score"},
		"_Test_Score":{"type":"number"},"_b":{"type":"text","name":"test ŁĄCZNIE"},
		"_c":{"type":"text","name":"Test twice"},"_test_twice":{"type":"text"},
		"_f":{"type":"file","name":"Test file"},"_g":{"type":"choice","name":"Test level","choices":["A1","A2","A1"]},
		"_h":{"type":"client_entity","name":"Test client"}}}`)
	tn := f.open()
	a := &connector.AddResultLink{FieldPrefix: "Test_", Attributes: []connector.Attribute{
		{Key: "score", Value: "87.5"},
		{Key: " ł ącznie", Value: "x"},
		{Key: "twice", Value: "x"},
		{Key: "file", Value: "x"},
		{Key: "level", Value: "a1"},
		{Key: "LEVEL", Value: "B1"},
		{Key: "client", Value: "1"},
		{Key: "", Value: "x"},
		{Key: "łącznie", Value: "y"},
	}}
	j := newJournal(newClock())
	got, err := tn.fillings(t.Context(), a, j)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for _, f := range got {
		fields[f.field.key] = f.text
	}
	if d := cmp.Diff(map[string]string{"_Test_Score": "87.5", "_b": "x", "_g": "a1"}, fields); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want := []string{
		"attribute 3 (twice): candidates have 2 custom fields of this name; it stands in the note alone",
		"attribute 4 (file): it is no value for a custom field of the type file; it stands in the note alone",
		"attribute 6 (LEVEL): an earlier attribute has the same custom field; it stands in the note alone",
		"attribute 7 (client): it is no value for a custom field of the type client_entity; it stands in the note alone",
		"attribute 8 (): candidates have no custom field of this name; it stands in the note alone",
		"attribute 9 (łącznie): an earlier attribute has the same custom field; it stands in the note alone",
	}
	if d := cmp.Diff(want, j.warnings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	f.special[api+"/employees/"] = answers(403, `{"message":"no"}`)
	if got, err := f.open().fillings(t.Context(), a, newJournal(newClock())); err != nil || got != nil {
		t.Errorf("without a schema: %v, %v", got, err)
	}
	f.special[api+"/employees/"] = answers(503, `{"message":"no"}`)
	_, err = f.open().fillings(t.Context(), a, newJournal(newClock()))
	if _, later := errors.AsType[*connector.RetryError](err); !later {
		t.Errorf("without an answer: %v", err)
	}
}

// What TRAFFIT does not take costs neither the other fields nor the note.
func TestFieldsThatAreNotTaken(t *testing.T) {
	for name, c := range map[string]struct {
		patch    func(body object) int
		warnings []string
	}{
		"one is refused":     {func(body object) int { return map[bool]int{true: 400, false: 204}[body["_b"] != nil] }, []string{"attribute 2 (b)"}},
		"one is ignored":     {func(body object) int { delete(body, "_b"); return 204 }, []string{"attribute 2 (b)"}},
		"all are refused":    {func(object) int { return 422 }, []string{"attribute 1 (a)", "attribute 2 (b)"}},
		"no such way exists": {func(object) int { return 405 }, []string{"attribute 1 (a)", "attribute 2 (b)"}},
	} {
		f := newFake(t)
		f.special[api+"/employees/"] = answers(200, `{"fields":{"_a":{"type":"text"},"_b":{"type":"text"}}}`)
		row := object{"id": "7", "_a": "old", "_b": nil}
		f.special[api+"/employees/7"] = func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				say(w, 200, string(encode(row)))
				return
			}
			body := object{}
			for key, v := range readJSON(t, r) {
				body[key] = v
			}
			status := c.patch(body)
			if status < 300 {
				for key, v := range body {
					row[key] = v
				}
			}
			say(w, status, "")
		}
		f.special[api+"/employees/7/notes"] = answers(204, "")
		j := newJournal(newClock())
		out, err := f.open().Act(t.Context(), link("7", "", "a", "new", "b", "new"), j)
		if err != nil || len(f.sent(api+"/employees/7/notes")) != 1 {
			t.Fatalf("%s: %v", name, err)
		}
		var warned []string
		for _, w := range j.warnings {
			about, rest, _ := strings.Cut(w, ":")
			if rest != " its custom field does not show the value; it stands in the note" {
				t.Errorf("%s: %q", name, w)
			}
			warned = append(warned, about)
		}
		if d := cmp.Diff(c.warnings, warned); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := cmp.Diff(string(encode(row)), string(out.Parts[0].Raw)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if out.Parts[0].Complete == nil {
			t.Errorf("%s: the row lacks fields, and nobody says so", name)
		}
	}
}

// A link whose process was killed is finished where it was left.
func TestAddResultLinkAfterAKill(t *testing.T) {
	for _, effect := range []string{"fields", "note"} {
		b := newBench(t, nil)
		id, text := b.someone()
		j := b.journal()
		j.kill = effect
		a := link(text, "", "position", "x", "nothing", "y")
		if _, err := b.tenant.Act(t.Context(), a, j); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if _, err := b.tenant.Act(t.Context(), a, j); err != nil || len(b.Notes(id)) != 1 || len(j.warnings) != 1 {
			t.Errorf("%v; %v; %v", err, b.Notes(id), j.warnings)
		}
	}
	b := newBench(t, nil)
	_, err := b.tenant.Act(t.Context(), link("999999", "", "position", "x"), b.journal())
	if !errors.Is(err, connector.ErrGone) || ats.CodeOf(err) != ats.InputInvalid {
		t.Errorf("a link for nobody: %v", err)
	}
}

// mute is a journal whose requests that fill fields never get an answer.
type mute struct {
	*journal
	effect bool // they take effect all the same
}

func (m mute) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	if !e.Repeatable {
		return m.journal.Do(ctx, e)
	}
	if m.effect {
		if _, err := e.Send(ctx); err != nil {
			return connector.Done{}, err
		}
	}
	return connector.Done{}, &connector.RetryError{Err: &connector.LostError{Effect: e.Name, Times: 5}}
}

// A field at which TRAFFIT fails for good costs neither the result nor the application.
func TestFieldsWithoutAnswers(t *testing.T) {
	for _, effect := range []bool{true, false} {
		b := newBench(t, nil)
		id, text := b.someone()
		j := mute{b.journal(), effect}
		if _, err := b.tenant.Act(t.Context(), link(text, "", "position", "Kierowca"), j); err != nil {
			t.Fatal(err)
		}
		if len(b.Notes(id)) != 1 || (b.values(id, "_Position")["_Position"] == "Kierowca") != effect || (len(j.warnings) == 0) != effect {
			t.Errorf("%v: %d notes, %q", effect, len(b.Notes(id)), j.warnings)
		}
		j = mute{b.journal(), effect}
		c := newcomer()
		c.Email, c.Title, c.Source = "somebody.else@example.com", "Kierowca", "Nieznane" // a source for which everything else is refused, too
		b.turn("write.validation", "strict")
		out, err := b.tenant.Act(t.Context(), &connector.CreateApplication{Candidate: c, JobID: b.somewhere()}, j)
		if err != nil || out.ApplicationID == "" || slices.Contains(j.warnings, "candidate.title could not be written: TRAFFIT did not take it") == effect {
			t.Errorf("%v: %v, %q", effect, err, j.warnings)
		}
	}
}

// readJSON reads the object that was sent.
func readJSON(t *testing.T, r *http.Request) object {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	v, err := decode(b)
	if err != nil {
		t.Errorf("%q: %v", b, err)
	}
	return asObject(v)
}
