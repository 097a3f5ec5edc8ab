package traffit

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

const noteText = "Rozmowa: \"świetna\" <b>nie</b> pogrubione & 100%\n\n– Zażółć gęślą jaźń 👍\n"

func TestAddNote(t *testing.T) {
	for name, switches := range map[string]map[string]string{
		"as assumed":          nil,
		"always 200":          {"write.status": "200"},
		"always 204":          {"write.status": "204"},
		"strict":              {"write.validation": "strict"},
		"a slash at the end":  {"redirects.writes": "slash"},
		"notes as HTML":       {"note.content": "html"},
		"dying tokens":        {"token.uses": "2"},
		"lists of one":        {"single.wrap": "true"},
		"a list of the notes": {"notes.answer": "list"},
		"no length of a list": {"totals": "none"},
	} {
		for _, lost := range []string{"0", "1"} {
			t.Run(name+", lost "+lost, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, switches)
				b.turn("write.lost", lost)
				id, text := b.someone()
				job := b.somewhere()
				j := b.journal()
				out, err := b.tenant.Act(t.Context(), &connector.AddNote{ApplicationID: text + ":" + job, Content: noteText}, j)
				if err != nil {
					t.Fatal(err)
				}
				want := noteText + "\n\n[Główny <księgowy> & co. | ref " + j.Mark() + "]"
				if notes := b.Notes(id); len(notes) != 1 || notes[0].Content != want {
					t.Errorf("notes: %+v", notes)
				}
				if d := cmp.Diff(connector.Outcome{CandidateID: text, ApplicationID: text + ":" + job}, out); d != "" || j.warnings != nil {
					t.Errorf("%s %v", d, j.warnings)
				}
			})
		}
	}
}

// A note is written once, whatever becomes of its answer and of the process.
func TestAddNoteOnce(t *testing.T) {
	for name, c := range map[string]struct {
		switches map[string]string
		kill     string
	}{
		"a wrong answer":      {switches: map[string]string{"write.unsure": "1"}},
		"a late effect":       {switches: map[string]string{"write.lost": "1", "write.late": "110s", "note.content": "html"}},
		"killed":              {kill: "note"},
		"killed, late effect": {switches: map[string]string{"write.unsure": "1", "write.late": "50s"}, kill: "note"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.switches)
			id, text := b.someone()
			for range 5 {
				if _, err := b.AddNote(id, noteText); err != nil {
					t.Fatal(err)
				}
			}
			a := &connector.AddNote{ApplicationID: text + ":" + b.somewhere(), Content: noteText}
			j := b.journal()
			j.kill = c.kill
			_, err := b.tenant.Act(t.Context(), a, j)
			if errors.Is(err, errKilled) {
				_, err = b.tenant.Act(t.Context(), a, j)
			}
			if err != nil || j.sent["note"] != 1 || len(b.Notes(id)) != 1 {
				t.Errorf("%v; sent %d times, %d notes", err, j.sent["note"], len(b.Notes(id)))
			}
			if _, err := b.tenant.Act(t.Context(), a, j); err != nil || len(b.Notes(id)) != 1 {
				t.Errorf("carried out again: %v, %d notes", err, len(b.Notes(id)))
			}
		})
	}
}

// A request that failed without an effect is sent again once that is certain.
func TestAddNoteAfterAFailure(t *testing.T) {
	f := newFake(t)
	f.objects["/recruitments/3"] = `{"id":3}`
	f.objects["/employees/7"] = `{"id":7}`
	f.lists["/employees/7/activities"] = []string{`{"id":1,"content":null}`, `{"id":2,"content":{"content":"x"}}`}
	n := 0
	f.special[api+"/employees/7/notes"] = func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			say(w, 500, `{"message":"no"}`)
			return
		}
		say(w, 201, `{"id":9}`)
	}
	j := newJournal(newClock())
	if _, err := f.open().Act(t.Context(), &connector.AddNote{ApplicationID: "7:3", Content: "x"}, j); err != nil || n != 2 {
		t.Errorf("%v after %d requests: %+v", err, n, j.done)
	}
}

func TestSeeNote(t *testing.T) {
	f := newFake(t)
	f.objects["/employees/7"] = `{"id":7}`
	rows := func(n int, stamp string) (rows []string) {
		for i := range n {
			rows = append(rows, fmt.Sprintf(`{"id":%d,"content":"x","created_at":%q}`, i+1, stamp))
		}
		return rows
	}
	today := time.Now().In(warsaw).Format(time.DateTime)
	for name, c := range map[string]struct {
		rows []string
		want connector.Sight
	}{
		"nothing":           {nil, connector.Sight{Proven: true}},
		"another mark":      {[]string{`{"id":1,"content":"text [ref k7f3q8]"}`}, connector.Sight{Proven: true}},
		"HTML":              {[]string{`{"id":1,"content":"<p>text<br>[A &amp; B | ref&nbsp;k7f3q9]<\/p>"}`}, connector.Sight{Found: true, Proven: true, RemoteID: "1"}},
		"an object":         {[]string{`{"id":1}`, `{"id":2,"content":{"content":"text [ref k7f3q9]"}}`}, connector.Sight{Found: true, Proven: true, RemoteID: "2"}},
		"old notes":         {rows(990, "2020-01-02 03:04:05"), connector.Sight{Proven: true}},
		"many notes of now": {rows(990, today), connector.Sight{}},
		"one of many":       {append(rows(990, today), `{"id":1001,"content":"[ref k7f3q9]"}`), connector.Sight{Found: true, Proven: true, RemoteID: "1001"}},
	} {
		f.lists["/employees/7/activities"] = c.rows
		got, err := f.open().seeNote(t.Context(), "7", "k7f3q9")
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}

// The note of a recruitment that is gone does without its name; a candidate who is gone gets none.
func TestAddNoteToWhatIsGone(t *testing.T) {
	b := newBench(t, nil)
	id, text := b.someone()
	if _, err := b.tenant.Act(t.Context(), &connector.AddNote{ApplicationID: text + ":99999", Content: "x"}, b.journal()); err != nil {
		t.Fatal(err)
	}
	if notes := b.Notes(id); len(notes) != 1 || notes[0].Content != "x\n\n[ref k7f3q9]" {
		t.Errorf("%+v", notes)
	}
	_, err := b.tenant.Act(t.Context(), &connector.AddNote{ApplicationID: "999999:1", Content: "x"}, b.journal())
	if ats.CodeOf(err) != ats.InputInvalid || !errors.Is(err, connector.ErrGone) {
		t.Error(err)
	}
}
