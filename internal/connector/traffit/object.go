package traffit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
)

// object is a JSON object as TRAFFIT sent it. Types vary between tenants and endpoints
// (numbers as strings, references as objects or bare numbers), so every reading is tolerant,
// and what cannot be read counts as missing.
type object map[string]any

// decode reads JSON and keeps numbers as they were written.
func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) { // More takes a stray bracket for the end
		return nil, fmt.Errorf("there is more after the JSON value")
	}
	return v, nil
}

// encode gives the form in which parts are kept: sorted keys, so that the same content always
// has the same bytes, and HTML left as it is.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("traffit: encode decoded JSON: %v", err)) // only for values that JSON cannot hold
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// asObject gives v when it is an object, also inside a list of one: TRAFFIT wraps single objects
// on some endpoints (known from other clients). Nil otherwise.
func asObject(v any) object {
	switch v := v.(type) {
	case map[string]any:
		return v
	case object:
		return v
	case []any:
		if len(v) == 1 {
			return asObject(v[0])
		}
	}
	return nil
}

// scalar gives a string or number as trimmed text; empty for anything else. NUL is left out:
// PostgreSQL has no texts with it.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(strings.ReplaceAll(v, "\x00", ""))
	case json.Number:
		return v.String()
	}
	return ""
}

// text gives a string or number as trimmed text; empty when there is none.
func (o object) text(key string) string { return scalar(o[key]) }

// opt is text with nil for none.
func (o object) opt(key string) *string { return opt(o.text(key)) }

func opt(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// id reads a reference: {"id": 5}, 5 or "5".
func (o object) id(key string) string { return idOf(o[key]) }

// maxKey bounds IDs and names of fields, in bytes: they become keys of tables, and those have
// bounds. What is longer is not TRAFFIT's.
const maxKey = 200

func idOf(v any) string {
	if inner := asObject(v); inner != nil {
		v = inner["id"]
	}
	id := scalar(v)
	if len(id) > maxKey {
		return ""
	}
	return id
}

// object gives a nested object; nil, which reads as an empty one, when there is none.
func (o object) object(key string) object { return asObject(o[key]) }

// list gives a nested list; a single value counts as a list of one.
func (o object) list(key string) []any {
	switch v := o[key].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// bool reads a truth value, also as 1, "1" or "true"; nil when there is none.
func (o object) bool(key string) *bool {
	if b, ok := o[key].(bool); ok {
		return &b
	}
	switch strings.ToLower(o.text(key)) {
	case "1", "true":
		return ref(true)
	case "0", "false":
		return ref(false)
	}
	return nil
}

// time reads an instant; nil when there is none or it cannot be read.
func (o object) time(key string) *ats.Time { return parseTime(o.text(key)) }

// join gives a text, or the texts of a list separated by commas; nil when there are none.
func join(v any) *string {
	list, ok := v.([]any)
	if !ok {
		return opt(scalar(v))
	}
	var texts []string
	for _, item := range list {
		if s := scalar(item); s != "" && !slices.Contains(texts, s) {
			texts = append(texts, s)
		}
	}
	return opt(strings.Join(texts, ", "))
}

// keys gives the keys in order.
func (o object) keys() []string {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// compareIDs orders IDs by number; IDs that are no numbers come after those that are.
func compareIDs(a, b string) int {
	switch na, nb := digits.MatchString(a), digits.MatchString(b); {
	case na && nb:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if len(a) != len(b) {
			return len(a) - len(b)
		}
	case na:
		return -1
	case nb:
		return 1
	}
	return strings.Compare(a, b)
}
