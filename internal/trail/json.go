package trail

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kladka/kladka/internal/outbound"
)

// jsonText copies JSON as it passes, without the values of secret names and without the contents of
// files. It takes what is broken or cut as far as it goes, and a long value costs no memory.
type jsonText struct {
	bounded
	open   []byte // the brackets that are open
	isKey  bool   // the next text is a key
	name   string // the last key
	string jsonString
	// hiding is how many brackets were open where a value began that is hidden; -1 for none.
	hiding int
}

// jsonString is the text that is being read.
type jsonString struct {
	reading, escaped bool
	key, data        bool
	kept             []byte // of a key, and of data until it is too long
	size             int64
}

const (
	// maxName bounds the part of a key that is looked at.
	maxName = 200
	// maxData is how long a value of the name data may be without being taken for a file.
	maxData = 100
)

func newJSONText() *jsonText { return &jsonText{hiding: -1} }

func (t *jsonText) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if t.full {
			return n, nil
		}
		if t.string.reading {
			p = t.readString(p)
			continue
		}
		t.readOutside(p[0])
		p = p[1:]
	}
	return n, nil
}

// readOutside takes a byte that belongs to no text.
func (t *jsonText) readOutside(c byte) {
	switch c {
	case '"':
		t.string = jsonString{reading: true, key: t.isKey, data: !t.isKey && t.name == "data" && t.hiding < 0}
		t.isKey = false
		t.emit(c)
		return
	case '{', '[':
		if len(t.open) == maxBody { // what is hidden may be deep
			t.full = true
			return
		}
		t.emit(c)
		t.open = append(t.open, c)
		t.isKey = c == '{'
		return
	case '}', ']':
		if len(t.open) > 0 {
			t.open = t.open[:len(t.open)-1]
		}
		if len(t.open) < t.hiding { // the bracket around what is hidden
			t.hiding = -1
		}
		t.isKey = false
	case ',':
		if len(t.open) == t.hiding {
			t.hiding = -1
		}
		t.isKey = len(t.open) > 0 && t.open[len(t.open)-1] == '{'
		if t.isKey {
			t.name = ""
		}
	case ':':
		t.emit(c)
		if outbound.SecretField(t.name) && t.hiding < 0 {
			t.hiding = len(t.open)
			t.addString(`"` + hidden + `"`)
		}
		return
	}
	t.emit(c)
}

func (t *jsonText) emit(c byte) {
	if t.hiding < 0 {
		t.add([]byte{c})
	}
}

// readString takes bytes of a text up to its end and gives the rest.
func (t *jsonText) readString(p []byte) []byte {
	s := &t.string
	end := -1
	for i, c := range p {
		if s.escaped {
			s.escaped = false
		} else if c == '\\' {
			s.escaped = true
		} else if c == '"' {
			end = i
			break
		}
	}
	part, rest := p, []byte(nil)
	if end >= 0 {
		part, rest = p[:end], p[end+1:]
	}
	s.size += int64(len(part))
	switch {
	case s.key:
		s.kept = append(s.kept, part[:min(len(part), maxName-len(s.kept))]...)
		t.show(part)
	case s.data:
		if s.size <= maxData {
			s.kept = append(s.kept, part...)
		}
	default:
		t.show(part)
	}
	if end >= 0 {
		t.endString()
	}
	return rest
}

func (t *jsonText) show(part []byte) {
	if t.hiding < 0 {
		t.add(part)
	}
}

func (t *jsonText) endString() {
	s := &t.string
	if s.key {
		t.name = string(s.kept)
		if strings.Contains(t.name, `\`) { // a secret's name may be escaped
			_ = json.Unmarshal([]byte(`"`+t.name+`"`), &t.name)
		}
	}
	if s.data {
		t.addData()
	}
	t.emit('"')
	t.string = jsonString{}
}

// addData shows a value of the name data, or how long it is.
func (t *jsonText) addData() {
	if t.string.size <= maxData {
		t.add(t.string.kept)
		return
	}
	t.addString(fmt.Sprintf("(%d characters)", t.string.size))
}

func (t *jsonText) text() (string, bool) {
	if t.string.reading && t.string.data { // the body broke off
		t.addData()
	}
	return mask(strings.TrimPrefix(t.b.String(), "\ufeff")), t.full
}
