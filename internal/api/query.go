package api

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// Bounds of what a query may hold.
const (
	defaultPageSize = 100
	maxPageSize     = 250
	maxValues       = 1000 // of one list parameter
	maxTextLength   = 500
)

// kind says how a parameter is written.
type kind int

const (
	textKind    kind = iota // one text
	listKind                // texts separated by commas
	enumKind                // one of the values
	enumsKind               // values separated by commas
	flagKind                // true or false
	instantKind             // a date, or a date and time, in UTC
	numberKind              // an integer
)

// param is a query parameter: how it is written, and where its value goes.
type param struct {
	name, doc  string
	kind       kind
	values     []string // enumKind, enumsKind
	min, max   int      // numberKind
	def        any
	deprecated bool
	// of is the field that a filter looks at: the tool may not cover it.
	of field
	// Exactly one of these, by kind.
	text    func(*listQuery, string)
	list    func(*listQuery, []string)
	flag    func(*listQuery, bool)
	instant func(*listQuery, int64)
	number  func(*listQuery, int)
}

// field is a field of a model as coverage names it.
type field struct {
	model ats.Model
	id    string
}

// listQuery is a parsed query.
type listQuery struct {
	store.Query
	cursor            string
	ignoreUnsupported bool
	// now: what is deleted is not kept any longer.
	now bool
	// nothing: the conditions contradict each other.
	nothing bool
	// requests are the conditions of the request log.
	requests store.RequestQuery
	// filtered lists the fields by which the query filters.
	filtered []field
}

// instantPattern is what the contract allows: no offsets, and the Z may be missing.
var instantPattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?)?Z?$`)

// parseQuery reads the parameters that an operation knows and complains about all of them at
// once. Others are ignored: clients of the contract may send more.
func parseQuery(raw RawQuery, params []param) (*listQuery, error) {
	q := &listQuery{}
	q.PageSize = defaultPageSize
	if raw.err != nil {
		return nil, ats.Errorf(ats.InputInvalid, "query: cannot be read (%v)", raw.err)
	}
	var complaints []string
	for _, p := range params {
		given := raw.values[p.name]
		if len(given) == 0 {
			continue
		}
		if err := p.read(q, given); err != nil {
			complaints = append(complaints, fmt.Sprintf("query.%s: %v", p.name, err))
		}
	}
	if len(complaints) > 0 {
		return nil, ats.Errorf(ats.InputInvalid, "%s", strings.Join(complaints, "; "))
	}
	return q, nil
}

func (p param) read(q *listQuery, given []string) error {
	if slices.ContainsFunc(given, func(v string) bool { return !validText(v) }) {
		return fmt.Errorf("must be valid UTF-8 without NUL characters")
	}
	if p.kind == listKind || p.kind == enumsKind {
		return p.readList(q, given)
	}
	if len(given) > 1 {
		return fmt.Errorf("must be given once, got it %d times", len(given))
	}
	v := given[0]
	switch p.kind {
	case textKind:
		if n := utf8.RuneCountInString(v); n > maxTextLength {
			return fmt.Errorf("must have at most %d characters, got %d", maxTextLength, n)
		}
		if v != "" {
			p.text(q, v)
			p.note(q)
		}
	case enumKind:
		if !slices.Contains(p.values, v) {
			return fmt.Errorf("must be one of %s, got %s", strings.Join(p.values, ", "), quote(v))
		}
		p.text(q, v)
		p.note(q)
	case flagKind:
		if v != "true" && v != "false" {
			return fmt.Errorf("must be true or false, got %s", quote(v))
		}
		p.flag(q, v == "true")
	case instantKind:
		at, ok := parseInstant(v)
		if !ok {
			return fmt.Errorf("must be a date or a UTC date and time such as 2026-05-31 or 2026-05-31T08:30:00.000Z, got %s", quote(v))
		}
		p.instant(q, at)
		p.note(q)
	case numberKind:
		n, err := strconv.Atoi(v)
		if err != nil || n < p.min || n > p.max || strconv.Itoa(n) != v {
			return fmt.Errorf("must be between %d and %d, got %s", p.min, p.max, shorten(v))
		}
		p.number(q, n)
	}
	return nil
}

// readList reads elements separated by commas; repeated parameters add up. Empty elements are
// dropped, and a list without any other is no filter.
func (p param) readList(q *listQuery, given []string) error {
	var all, unknown []string
	for _, v := range given {
		for e := range strings.SplitSeq(v, ",") {
			switch {
			case e == "":
			case p.kind == enumsKind && !slices.Contains(p.values, e):
				unknown = append(unknown, quote(e))
			default:
				all = append(all, e)
			}
		}
	}
	if len(all)+len(unknown) > maxValues {
		return fmt.Errorf("must have at most %d values, got %d", maxValues, len(all)+len(unknown))
	}
	if len(unknown) > 0 {
		return fmt.Errorf("must be one or more of %s, got %s", strings.Join(p.values, ", "), strings.Join(unknown[:min(len(unknown), 5)], ", "))
	}
	if len(all) > 0 {
		slices.Sort(all)
		p.list(q, slices.Compact(all))
		p.note(q)
	}
	return nil
}

func (p param) note(q *listQuery) {
	if p.of.id != "" {
		q.filtered = append(q.filtered, p.of)
	}
}

func parseInstant(v string) (ms int64, ok bool) {
	if !instantPattern.MatchString(v) {
		return 0, false
	}
	layout := "2006-01-02T15:04:05"
	v = strings.TrimSuffix(v, "Z")
	if len(v) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, v)
	return t.UnixMilli(), err == nil
}

// validText reports whether both databases can hold a text.
func validText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// quote shows a value that was given, cut to a length that a message can bear.
func quote(v string) string { return strconv.Quote(shorten(v)) }

func shorten(v string) string {
	const long = 60
	if utf8.RuneCountInString(v) <= long {
		return v
	}
	return string([]rune(v)[:long]) + "…"
}

// RawQuery is a request's query as it came; the operation's own table of parameters reads it.
type RawQuery struct {
	values url.Values
	err    error
}
