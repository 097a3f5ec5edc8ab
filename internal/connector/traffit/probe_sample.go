package traffit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Bounds of a sample.
const (
	sampleRows  = 3  // of a listing
	sampleItems = 40 // of any list within
	sampleText  = 40 // runes
	sampleDepth = 12
)

// samples are answers without what could be personal. An ID has the same small number in all of
// them, so that references can be followed.
type samples struct {
	save func(name string, sample []byte) error // nil: nobody wants them
	ids  map[string]int
	kept map[string][]string // by name, so that what says nothing new is left out
}

func newSamples(save func(string, []byte) error) *samples {
	return &samples{save: save, ids: map[string]int{}, kept: map[string][]string{}}
}

// sample is the form in which an answer is kept.
type sample struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Page    int               `json:"page,omitempty"`
	Size    int               `json:"page_size,omitempty"`
	Sort    any               `json:"sort,omitempty"`
	Filter  any               `json:"filter,omitempty"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Rows    int               `json:"rows,omitempty"` // of which Body shows the first
	Body    any               `json:"body"`
}

// keep saves an answer under a name; a number is added to those that say something else.
func (s *samples) keep(name string, a *reply) error {
	if s.save == nil {
		return nil
	}
	out := sample{
		Method: a.method, Path: strings.Replace(a.path, strings.TrimPrefix(a.path, api), pattern(a.path), 1),
		Page: a.page, Size: a.size, Status: a.status, Headers: s.headers(a.header),
	}
	if v, err := decode([]byte(a.sort)); err == nil {
		out.Sort = v
	}
	if v, err := decode([]byte(a.filter)); err == nil {
		out.Filter = s.value("", v, 0)
	}
	body := a.value
	if rows, list := body.([]any); list && len(rows) > sampleRows {
		out.Rows, body = len(rows), rows[:sampleRows]
	}
	if body == nil {
		body = string(a.body[:min(len(a.body), 1<<20)])
	}
	out.Body = s.value("", body, 0)
	var text bytes.Buffer
	if err := json.Indent(&text, encode(out), "", "  "); err != nil {
		return fmt.Errorf("keep a sample of %s: %w", name, err)
	}
	text.WriteByte('\n')
	if slices.Contains(s.kept[name], text.String()) {
		return nil
	}
	s.kept[name] = append(s.kept[name], text.String())
	if n := len(s.kept[name]); n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	if err := s.save(name, text.Bytes()); err != nil {
		return fmt.Errorf("keep the sample %s: %w", name, err)
	}
	return nil
}

// headers keeps those that say how a list is paged, and the type of the body.
func (s *samples) headers(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		switch {
		case len(values) == 0:
		case strings.HasPrefix(name, "X-Result-"):
			if _, number := headerInt(h, name); number {
				out[name] = values[0]
			} else {
				out[name] = shape(values[0])
			}
		case name == "Content-Type":
			if kind, _, err := mime.ParseMediaType(values[0]); err == nil && slices.Contains([]string{"application/json", "text/html", "text/plain"}, kind) {
				out[name] = kind
			}
		case name == "Retry-After":
			out[name] = shape(values[0])
		}
	}
	return out
}

// value strips a JSON value that stands under a key.
func (s *samples) value(key string, v any, depth int) any {
	if depth > sampleDepth {
		return nil
	}
	switch v := v.(type) {
	case string:
		return s.text(key, v)
	case json.Number:
		return s.number(key, v)
	case []any:
		out := make([]any, 0, min(len(v), sampleItems))
		for _, item := range v[:min(len(v), sampleItems)] {
			out = append(out, s.value(key, item, depth+1))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range object(v).keys() {
			name := s.key(k)
			for n := 2; ; n++ { // keys that look alike now
				if _, taken := out[name]; !taken {
					break
				}
				name = fmt.Sprintf("%s~%d", s.key(k), n)
			}
			out[name] = s.value(k, v[k], depth+1)
		}
		return out
	}
	return v // true, false, null
}

// plainKey is how TRAFFIT names its own fields.
var plainKey = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,39}(\.translation)?$`)

// key keeps the names of TRAFFIT's fields. A tenant's own field, which starts with an underscore,
// keeps two letters, so that one can be told from another; a number is an ID.
func (s *samples) key(k string) string {
	switch own, ending := strings.CutSuffix(k, translated); {
	case plainKey.MatchString(k):
		return k
	case digits.MatchString(k):
		return s.id(k)
	case strings.HasPrefix(own, "_"):
		runes := []rune(own)
		cut := min(len(runes), 3)
		k = string(runes[:cut]) + shape(string(runes[cut:]))
		if ending {
			k += translated
		}
		return k
	}
	return shape(k)
}

// telling are the keys whose values are words of TRAFFIT's.
var telling = []string{"type", "status", "sid", "field_id", "error", "comparison", "token_type"}

var (
	ownWord   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	operator  = regexp.MustCompile(`^[<>=!]{1,2}$`)
	stampForm = regexp.MustCompile(`^\d{4}[-/]\d\d[-/]\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?( ?(Z|[+-]\d\d:?\d\d))?$`)
	oneDigit  = regexp.MustCompile(`\d`)
	secretKey = regexp.MustCompile(`(?i)token|secret|password`)
)

func (s *samples) text(key, text string) string {
	trimmed := strings.TrimSpace(text)
	switch {
	case secretKey.MatchString(key) && key != "token_type":
		return "(left out)"
	case key == "scope":
		return scopeWords(text)
	case slices.Contains(telling, key) && (ownWord.MatchString(text) || operator.MatchString(text)):
		return text
	case stampForm.MatchString(text):
		return oneDigit.ReplaceAllString(text, "0")
	case idKey(key) && digits.MatchString(text):
		return s.id(text)
	}
	if looksLikeJSON([]byte(trimmed)) {
		if v, err := decode([]byte(trimmed)); err == nil {
			return string(encode(s.value(key, v, 1)))
		}
	}
	if tags, html := tagsOf(text); html {
		return tags
	}
	return shape(text)
}

// scopeWords keeps the scopes that are known.
func scopeWords(text string) string {
	fields := strings.Fields(text)
	for i, f := range fields {
		if !slices.Contains(allScopes, f) {
			fields[i] = shape(f)
		}
	}
	return strings.Join(fields[:min(len(fields), sampleItems)], " ")
}

func idKey(key string) bool { return key == "id" || strings.HasSuffix(key, "_id") }

// number keeps what is no ID and says something: a truth value, a state's order, a code.
func (s *samples) number(key string, n json.Number) json.Number {
	switch text := n.String(); {
	case text == "0" || text == "1" || key == "order" || key == "code" && len(text) <= 3 || key == "expires_in":
		return n
	case digits.MatchString(text):
		return json.Number(s.id(text))
	}
	return "0.5"
}

// id gives an ID its small number.
func (s *samples) id(text string) string {
	n, known := s.ids[text]
	if !known {
		n = 101 + len(s.ids)
		s.ids[text] = n
	}
	return fmt.Sprint(n)
}

// shape keeps how a text looks: letters become x, digits 0, and ASCII marks stay.
func shape(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > sampleText {
			return b.String() + "…"
		}
		switch {
		case unicode.IsDigit(r):
			b.WriteByte('0')
		case r == ' ' || r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)):
			b.WriteRune(r)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteByte('x')
		}
	}
	return b.String()
}

var (
	anyTag    = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>`)
	knownTags = strings.Fields("html head body title p br div span a b i u em strong ul ol li h1 h2 h3 h4 h5 h6 table tbody thead tr td th img pre code blockquote hr form input")
)

// tagsOf cuts HTML to its tags.
func tagsOf(text string) (tags string, html bool) {
	var b strings.Builder
	for _, m := range anyTag.FindAllStringSubmatch(text, sampleItems) {
		name := strings.ToLower(m[2])
		if slices.Contains(knownTags, name) {
			html = true
			b.WriteString("<" + m[1] + name + ">")
		}
	}
	return b.String(), html
}
