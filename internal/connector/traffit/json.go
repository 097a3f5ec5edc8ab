package traffit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Every row is decoded when it comes, encoded for its part, and decoded again when it is folded, so
// this is done by hand: encoding/json takes several times as long for values without a type. Both
// directions agree with it to the byte, and hand it what is rare.

// deepest is how deep values may be nested, as in encoding/json.
const deepest = 10_000

var errJSON = errors.New("invalid JSON")

// decode reads JSON and keeps numbers as they were written.
func decode(b []byte) (any, error) {
	d := decoder{in: b}
	if d.next() == '[' {
		d.keys = make(map[string]string, 64)
	}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(b) {
		return nil, fmt.Errorf("there is more after the JSON value")
	}
	return v, nil
}

type decoder struct {
	in []byte
	at int
	// keys holds the keys that were met, since the rows of a page have the same ones; nil for one row.
	keys map[string]string
}

func (d *decoder) space() {
	for d.at < len(d.in) {
		switch d.in[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips space and gives the byte that follows; 0 at the end, which begins nothing.
func (d *decoder) next() byte {
	d.space()
	if d.at == len(d.in) {
		return 0
	}
	return d.in[d.at]
}

func (d *decoder) value(depth int) (any, error) {
	if depth > deepest {
		return nil, errJSON
	}
	switch c := d.next(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.list(depth)
	case c == '"':
		return d.text()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	switch {
	case d.word("null"):
		return nil, nil
	case d.word("true"):
		return true, nil
	case d.word("false"):
		return false, nil
	}
	return nil, errJSON
}

func (d *decoder) word(w string) bool {
	if !bytes.HasPrefix(d.in[d.at:], []byte(w)) {
		return false
	}
	d.at += len(w)
	return true
}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	o := map[string]any{}
	if d.next() == '}' {
		d.at++
		return o, nil
	}
	for {
		if d.next() != '"' {
			return nil, errJSON
		}
		key, err := d.key()
		if err != nil {
			return nil, err
		}
		if d.next() != ':' {
			return nil, errJSON
		}
		d.at++
		if o[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
		switch d.next() {
		case ',':
			d.at++
		case '}':
			d.at++
			return o, nil
		default:
			return nil, errJSON
		}
	}
}

func (d *decoder) list(depth int) (any, error) {
	d.at++
	l := []any{}
	if d.next() == ']' {
		d.at++
		return l, nil
	}
	for {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		switch d.next() {
		case ',':
			d.at++
		case ']':
			d.at++
			return l, nil
		default:
			return nil, errJSON
		}
	}
}

func (d *decoder) key() (string, error) {
	raw, plain, err := d.quoted()
	if err != nil || !plain {
		return unquote(raw, err)
	}
	key, known := d.keys[string(raw[1:len(raw)-1])]
	if !known {
		key = string(raw[1 : len(raw)-1])
		if d.keys != nil {
			d.keys[key] = key
		}
	}
	return key, nil
}

func (d *decoder) text() (any, error) {
	raw, plain, err := d.quoted()
	if err != nil || !plain {
		return unquote(raw, err)
	}
	return string(raw[1 : len(raw)-1]), nil
}

// quoted gives a string with its quotes, and whether it stands for itself.
func (d *decoder) quoted() (raw []byte, plain bool, err error) {
	ascii := true
	plain = true
	for i := d.at + 1; i < len(d.in); i++ {
		switch c := d.in[i]; {
		case c == '"':
			raw = d.in[d.at : i+1]
			d.at = i + 1
			return raw, plain && (ascii || utf8.Valid(raw)), nil
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			return nil, false, errJSON
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false, errJSON
}

func unquote(raw []byte, err error) (string, error) {
	var s string
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
}

func (d *decoder) number() (any, error) {
	from := d.at
	digits := func() bool {
		start := d.at
		for d.at < len(d.in) && d.in[d.at] >= '0' && d.in[d.at] <= '9' {
			d.at++
		}
		return d.at > start
	}
	one := func(of string) bool {
		if d.at < len(d.in) && bytes.IndexByte([]byte(of), d.in[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	one("-")
	if !one("0") && !digits() {
		return nil, errJSON
	}
	if one(".") && !digits() {
		return nil, errJSON
	}
	if one("eE") {
		one("+-")
		if !digits() {
			return nil, errJSON
		}
	}
	return json.Number(d.in[from:d.at]), nil
}

// encode gives the form in which parts are kept: sorted keys, so that the same content always
// has the same bytes, and HTML left as it is.
func encode(v any) []byte { return appendJSON(nil, v) }

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendText(b, v)
	case json.Number:
		if v != "" {
			return append(b, v...)
		}
	case object:
		return appendObject(b, v)
	case map[string]any:
		return appendObject(b, v)
	case []any:
		if v != nil {
			b = append(b, '[')
			for i, e := range v {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendJSON(b, e)
			}
			return append(b, ']')
		}
	}
	return appendRare(b, v)
}

func appendObject(b []byte, o map[string]any) []byte {
	if o == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(appendText(b, key), ':'), o[key])
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == '"' || c == '\\':
			return appendRare(b, s)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !verbatim(s) {
		return appendRare(b, s)
	}
	return append(append(append(b, '"'), s...), '"')
}

// verbatim reports whether encoding/json writes a text as it is: it must be valid, and without the
// two line ends that JavaScript knows.
func verbatim(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

func appendRare(b []byte, v any) []byte {
	out := bytes.NewBuffer(b)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("traffit: encode decoded JSON: %v", err)) // only for values that JSON cannot hold
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
