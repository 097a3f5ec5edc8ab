package api

import (
	"strings"
	"testing"
)

// FuzzCursor: whatever a client sends, it is refused or a place in the list and integration that
// are asked for, and the same place again when it is written anew.
func FuzzCursor(f *testing.F) {
	const list, scope = "ats_jobs", "traffit:8d1hpPsbjxUkoCoa1veLZGe5"
	f.Add(cursor{list, scope, 1780216210000, "JKdqVHFoYG6Ko2vKobFZD4kz"}.String(), int64(1), "x")
	f.Add(cursor{list, scope, 0, ""}.String(), int64(0), "")
	f.Add(cursor{"ats_tags", scope, 5, "x"}.String()+"==", int64(1<<62), "żółć")
	f.Add("hello", int64(-1), " ")
	f.Fuzz(func(t *testing.T, text string, at int64, id string) {
		c, err := parseCursor(text, list, scope)
		switch {
		case err != nil && len(err.Error()) > 500:
			t.Errorf("%d bytes of error", len(err.Error()))
		case err == nil:
			again, err := parseCursor(c.String(), list, scope)
			if err != nil || *again != *c || c.list != list || c.scope != scope || c.at < 0 || !validText(c.id) {
				t.Errorf("%+v became %+v, %v", c, again, err)
			}
		}
		if at < 0 || !validText(id) || strings.Contains(id, " ") {
			return // no list has such a place
		}
		given := cursor{list, scope, at, id}
		if c, err := parseCursor(given.String(), list, scope); err != nil || *c != given {
			t.Errorf("%+v became %+v, %v", given, c, err)
		}
	})
}

// FuzzInstant: a date that is taken lies within the years that can be written, and is the same
// with or without the Z.
func FuzzInstant(f *testing.F) {
	for _, s := range []string{"2026-05-31", "2026-05-31T08:30:00.000Z", "0000-01-01", "9999-12-31T23:59:59.999999999999", "2026-02-29Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ms, ok := parseInstant(s)
		if !ok {
			return
		}
		if first, last := int64(-62167219200000), int64(253402300799999); ms < first || ms > last {
			t.Errorf("%q became %d", s, ms)
		}
		if bare, ok := parseInstant(strings.TrimSuffix(s, "Z")); !ok || bare != ms {
			t.Errorf("%q is %d, without the Z %d", s, ms, bare)
		}
	})
}

// FuzzReadJSON: what is taken is taken as written: no key of another case, none twice.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"value":true}`, `{"value":true,"VALUE":false}`, `{"value":true,"value":false}`, `[1e999]`, "\ufeff{}", `{"\u0076alue":1,"x":{"value":{}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v any
		err := readJSON(body, &v)
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
			return
		}
		var in struct {
			Value any `json:"value"`
		}
		object, _ := v.(map[string]any)
		if err := readJSON(body, &in); object != nil && (err != nil || (in.Value == nil) != (object["value"] == nil)) {
			t.Errorf("%q: validated %v, decoded %v, %v", body, object["value"], in.Value, err)
		}
	})
}
