package traffit

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
)

const schemaAnswer = `{"fields":{"id":{"type":"integer"},"name":{"type":"text"},
	"candidate_languages":{"type":"choice","multiple":true,"choices":["Polski","Angielski","Polski"],"name":"Języki"},
	"_nationality":{"type":"choice","choices":["Polska","Litwa","Litwa"],"name":"Narodowość"},
	"_education":{"type":"choice","multiple":true,"choices":["Średnie","Wyższe"],"name":"Wykształcenie"},
	"_score":{"type":"integer","name":"Test score"},"_Position":{"type":"text","name":"Stanowisko"},
	"_from":{"type":"date","name":"Dostępność od"},"_cv":{"type":"file"}}}`

func TestEmployeeFields(t *testing.T) {
	f := newFake(t)
	rows := false
	f.special[api+"/employees/"] = func(w http.ResponseWriter, r *http.Request) {
		if rows {
			say(w, 200, `[{"id":1,"_Position":null}]`)
			return
		}
		if r.Header.Get("X-Response-Metadata") != "true" {
			t.Error("no schema is asked for")
		}
		say(w, 200, schemaAnswer)
	}
	now := time.Now()
	tn := f.open(func(c *connector.Config) { c.Now = func() time.Time { return now } })
	for range 2 {
		fields, err := tn.employeeFields(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"position": "_Position", "STANOWISKO": "_Position", "testscore": "_score", "Test_Score": "_score", "name": "", "dostępność od": "_from",
		} {
			if got, _ := fieldNamed(fields, "no such", name); got.key != want {
				t.Errorf("%q is the field %q, want %q", name, got.key, want)
			}
		}
	}
	if n := len(f.sent(api + "/employees/")); n != 1 {
		t.Errorf("the schema was read %d times", n)
	}
	now, rows = now.Add(schemaAge), true
	fields, err := tn.employeeFields(t.Context())
	if d := cmp.Diff([]employeeField{{key: "_Position"}, {key: "id"}}, fields, cmp.AllowUnexported(employeeField{})); d != "" || err != nil {
		t.Errorf("of a row: %v, %s", err, d)
	}
}

func TestFieldValue(t *testing.T) {
	v, err := decode([]byte(schemaAnswer))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]employeeField{}
	for _, f := range declaredFields(v) {
		fields[f.key] = f
	}
	for _, tc := range []struct {
		field, confirmed, text string
		want                   []any
	}{
		{"_Position", "", " Tester ", []any{"Tester"}},
		{"_score", "", "12", []any{json.Number("12")}},
		{"_score", "", "a dozen", nil},
		{"_score", "", "1.5", nil},
		{"_from", "", "2026-03-01T23:30:00Z", []any{"2026-03-02"}},
		{"_from", "", "soon", nil},
		{"_cv", "", "x", nil},
		{"_nationality", "", "Litwa", []any{1, "Litwa"}},
		{"_nationality", "seen", "litwa", []any{1, "Litwa"}},
		{"_nationality", "label", "Litwa", []any{"Litwa", 1}},
		{"_nationality", "", "Atlantyda", nil},
		{"_nationality", "", "", nil},
		{"_education", "", "Wyższe", []any{[]any{"Wyższe"}, []any{1}}},
		{"_education", "index", "Wyższe", []any{[]any{1}, []any{"Wyższe"}}},
		{"candidate_languages", "either", "Polski", []any{[]any{0}, []any{"Polski"}}},
	} {
		tn := &tenant{confirmed: map[string]string{"choice.write": tc.confirmed}}
		if d := cmp.Diff(tc.want, tn.fieldValue(fields[tc.field], tc.text)); d != "" {
			t.Errorf("%s, %q: %s", tc.field, tc.text, d)
		}
	}
	for _, tc := range []struct {
		field, row, text string
		want             bool
	}{
		{"_Position", `"Tester"`, "Tester", true},
		{"_Position", `"tester"`, "Tester", false},
		{"_Position", `null`, "Tester", false},
		{"_score", `12`, "12", true},
		{"_score", `"12"`, "12", true},
		{"_nationality", `"Litwa"`, "litwa", true},
		{"_nationality", `"2"`, "Litwa", true},
		{"_nationality", `"Polska"`, "Litwa", false},
		{"_education", `["Średnie","Wyższe"]`, "Wyższe", true},
		{"_education", `[]`, "Wyższe", false},
		{"_from", `"2026-03-02"`, "2026-03-01T23:30:00Z", true},
	} {
		row, err := decode([]byte(`{"` + tc.field + `":` + tc.row + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := fieldShows(fields[tc.field], asObject(row), tc.text); got != tc.want {
			t.Errorf("%s = %s shows %q: %v", tc.field, tc.row, tc.text, got)
		}
	}
}
