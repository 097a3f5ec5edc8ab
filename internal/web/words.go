package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// words are the texts of one language by their keys, with {placeholders}.
type words map[string]string

// languages holds the words of all languages.
type languages struct {
	words   map[string]words
	matcher language.Matcher
}

func loadLanguages() (languages, error) {
	l := languages{words: map[string]words{}}
	var tags []language.Tag
	for _, code := range connector.Languages() {
		text, err := files.ReadFile("words/" + code + ".json")
		if err != nil {
			return l, fmt.Errorf("read the words of %s: %w", code, err)
		}
		w := words{}
		if err := json.Unmarshal(text, &w); err != nil {
			return l, fmt.Errorf("read the words of %s: %w", code, err)
		}
		l.words[code] = w
		tags = append(tags, language.Make(code))
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// choose gives the language of a page: the one that was switched to, else the link's, else what the browser
// likes best of those that there are.
func (l languages) choose(switched, link string, r *http.Request) string {
	for _, code := range []string{switched, link} {
		if _, ok := l.words[code]; ok {
			return code
		}
	}
	_, n := language.MatchStrings(l.matcher, r.Header.Get("Accept-Language"))
	return connector.Languages()[n]
}

// T gives a text; pairs are the names and values of its placeholders.
func (w words) T(key string, pairs ...string) string {
	text, ok := w[key]
	if !ok {
		return key
	}
	replaced := make([]string, 0, len(pairs))
	for n := 0; n+1 < len(pairs); n += 2 {
		replaced = append(replaced, "{"+pairs[n]+"}", isolated(pairs[n+1]))
	}
	return strings.NewReplacer(replaced...).Replace(text)
}

// Date gives the day of an instant in milliseconds, as the language writes it.
func (w words) Date(ms int64) string { return time.UnixMilli(ms).UTC().Format(w["date"]) }

// pair gives a name and what belongs to it, as it stands alone.
func (w words) pair(name, value string) string {
	return w.T("pair", "name", standing(name), "value", value)
}

// standing gives a label as it stands alone; in the words, labels are as they stand within a sentence.
func standing(label string) string {
	r, size := utf8.DecodeRuneInString(label)
	return string(unicode.ToUpper(r)) + label[size:]
}

// Marked gives a text of a guide, in which the English names of an ATS's interface stand between backquotes, so
// that they are read out as English, not translated, and found at a glance.
func (words) Marked(text string) template.HTML {
	var b strings.Builder
	for n, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if n%2 == 1 {
			part = `<b lang="en" translate="no">` + part + `</b>`
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// isolated keeps a name that is written from the right from turning the words around it.
func isolated(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana)
	}) {
		return "\u2068" + name + "\u2069"
	}
	return name
}

// modelLabel is what people call a model's records.
func (w words) modelLabel(m ats.Model) string { return w.T("model." + string(m)) }

// fieldLabel is what people call a field; fields without a word of their own go by their name.
func (w words) fieldLabel(m ats.Model, field string) string {
	for _, key := range []string{"field." + string(m) + "." + field, "field." + field} {
		if text, ok := w[key]; ok {
			return text
		}
	}
	return strings.ReplaceAll(field, "_", " ")
}

// actionLabel says what an action does; actions without words go by what their tool calls them.
func (w words) actionLabel(id, otherwise string) string {
	if text, ok := w["action."+id]; ok {
		return text
	}
	if otherwise == "" {
		return id
	}
	return otherwise
}
