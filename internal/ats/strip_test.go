package ats

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// filled gives an entity of a model whose every text says the same.
func filled(t *testing.T, m Model, text string) Entity {
	t.Helper()
	v := reflect.New(reflect.TypeOf(empty(m))).Elem()
	fill(v, text)
	e, ok := v.Interface().(Entity)
	if !ok {
		t.Fatalf("%T is no entity", e)
	}
	return e
}

func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"key": text}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), text)
			}
		}
	}
}

func keysOf(t *testing.T, object []byte) map[string]json.RawMessage {
	t.Helper()
	var out map[string]json.RawMessage
	if len(object) > 0 {
		if err := json.Unmarshal(object, &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A stored record that is stripped says what one says that was blanked before it was stored.
func TestStripEqualsBlank(t *testing.T) {
	for _, m := range Models() {
		full, err := Render("n", filled(t, m, "planted"))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range slices.Sorted(maps.Keys(keysOf(t, full.Own))) {
			if FixedField(m, field) {
				continue
			}
			s := ScopeConfig{Models: map[Model]ModelScope{m: {Fields: map[string]Setting{field: Disabled}}}}.Scopes(nil, false)
			blank, err := Render("n", Blank(m, filled(t, m, "planted"), s))
			if err != nil {
				t.Fatal(err)
			}
			own, ref, err := Strip(m, full.Own, full.Ref, s)
			if err != nil {
				t.Fatal(err)
			}
			if string(own) != string(blank.Own) || string(ref) != string(blank.Ref) {
				t.Errorf("%s without %s:\n%s\n%s, want\n%s\n%s", m, field, own, ref, blank.Own, blank.Ref)
			}
		}
	}
}

// Of a model that is off, and of a record that is forgotten, nothing is left but what tells it apart.
func TestStripOfAModel(t *testing.T) {
	for _, m := range Models() {
		r, err := Render("n", filled(t, m, "planted"))
		if err != nil {
			t.Fatal(err)
		}
		off := ScopeConfig{Models: map[Model]ModelScope{m: {Setting: Disabled}}}.Scopes(nil, false)
		own, ref, err := Strip(m, r.Own, r.Ref, off)
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range keysOf(t, own) {
			if strings.Contains(string(value), "planted") && key != "remote_id" {
				t.Errorf("%s is off, and says %s", m, own)
			}
		}
		if own, ref, err = Forget(m, own, ref); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(own)+string(ref), "planted") || string(keysOf(t, own)["id"]) != `"`+r.ID+`"` {
			t.Errorf("%s is forgotten, and says %s %s", m, own, ref)
		}
	}
}
