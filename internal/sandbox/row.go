package sandbox

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Row is a JSON object that keeps the order of its fields. A field may be
// absent or null, which the vendor treats as two things. Rows are not changed
// after they were handed out.
type Row []Field

// Field is one member of a [Row]. The value is nil, a bool, int, string,
// json.Number, [Stamp], Row, or a slice of these.
type Field struct {
	Name  string
	Value any
}

// Get returns a field's value and whether the field is there.
func (r Row) Get(name string) (any, bool) {
	for i := range r {
		if r[i].Name == name {
			return r[i].Value, true
		}
	}
	return nil, false
}

// Value returns a field's value, nil when absent.
func (r Row) Value(name string) any { v, _ := r.Get(name); return v }

// ID returns the field "id", 0 when there is none.
func (r Row) ID() int { id, _ := r.Value("id").(int); return id }

// MarshalJSON keeps the order of the fields.
func (r Row) MarshalJSON() ([]byte, error) { return appendJSON(nil, r), nil }

// with returns a copy in which the field has the value, at its old place or at the end.
func (r Row) with(name string, value any) Row {
	out := slices.Clone(r)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append(out, Field{name, value})
}

// without returns a copy that lacks the named fields.
func (r Row) without(names ...string) Row {
	return slices.DeleteFunc(slices.Clone(r), func(f Field) bool { return slices.Contains(names, f.Name) })
}

// only returns the named fields in the given order, then the custom ones if asked for.
func (r Row) only(custom bool, names ...string) Row {
	out := make(Row, 0, len(r))
	for _, name := range names {
		if v, ok := r.Get(name); ok {
			out = append(out, Field{name, v})
		}
	}
	if custom {
		for _, f := range r {
			if strings.HasPrefix(f.Name, "_") {
				out = append(out, f)
			}
		}
	}
	return out
}

// ref is the nested object by which rows refer to each other (seen).
func ref(id int) Row { return Row{{"id", id}} }

// refID reads a reference back, 0 when it is none.
func refID(v any) int {
	r, _ := v.(Row)
	return r.ID()
}

// Stamp is a moment in Unix seconds. In JSON it is what the vendor sends: local
// time of Warsaw without a zone (seen), so that the doubled hour of autumn is ambiguous.
type Stamp int64

// Time returns the moment in Warsaw's time.
func (s Stamp) Time() time.Time { return time.Unix(int64(s), 0).In(warsaw) }

// String returns the vendor's form.
func (s Stamp) String() string { return s.Time().Format(time.DateTime) }

// parseStamp reads the vendor's form, or RFC 3339.
func parseStamp(s string) (Stamp, bool) {
	t, err := time.ParseInLocation(time.DateTime, s, warsaw)
	if err != nil {
		if t, err = time.Parse(time.RFC3339, s); err != nil {
			return 0, false
		}
	}
	return Stamp(t.Unix()), true
}

// fromJSON turns a decoded JSON value into one that a Row may hold. Objects
// get their keys sorted, since a Go map has no order.
func fromJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		row := make(Row, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			row = append(row, Field{name, fromJSON(v[name])})
		}
		return row
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fromJSON(v[i])
		}
		return out
	case json.Number:
		if n, err := strconv.Atoi(string(v)); err == nil {
			return n
		}
		return v
	case float64:
		if n := int(v); float64(n) == v {
			return n
		}
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case int64:
		return int(v)
	case time.Time:
		return Stamp(v.Unix())
	}
	return v
}

// appendJSON writes v. It is written by hand because pages are made of nested
// Rows, which encoding/json would scan again at every level.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case string:
		return appendString(b, v)
	case Stamp:
		b = append(b, '"')
		b = v.Time().AppendFormat(b, time.DateTime)
		return append(b, '"')
	case Row:
		b = append(b, '{')
		for i, f := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, f.Name), ':')
			b = appendJSON(b, f.Value)
		}
		return append(b, '}')
	case []Row:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	}
	raw, err := json.Marshal(v)
	if err != nil { // values come from this package or from decoded JSON
		panic(err)
	}
	return append(b, raw...)
}

func appendList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v)
	}
	return append(b, ']')
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // a broken byte becomes U+FFFD
			i += size
			continue
		}
		i++
	}
	return append(b, '"')
}
