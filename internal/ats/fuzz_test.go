package ats_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/kladka/kladka/internal/ats"
)

// FuzzFold: folding twice is folding once, and how marks are composed does not matter. Of Cherokee
// x/text makes small letters of capitals and capitals of small ones.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"Łódź", "Straße", "İstanbul", "ıI", "e\u0301", "ﬃ", "\u1e9e", "Σς", "\u0345", "\u03b1\u0345\u0301", "\xff", "K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Cherokee, r) }) {
			t.Skip("Cherokee")
		}
		once := ats.Fold(s)
		if utf8.ValidString(s) && !utf8.ValidString(once) {
			t.Errorf("%q became %q", s, once)
		}
		if twice := ats.Fold(once); utf8.ValidString(s) && twice != once {
			t.Errorf("%q became %q, then %q", s, once, twice)
		}
		if apart := ats.Fold(norm.NFD.String(s)); apart != once {
			t.Errorf("%q became %q, and with its marks apart %q", s, once, apart)
		}
	})
}

// FuzzIDs: whatever an ID is derived from, it has the form of one, and what has the form of one
// can be kept and sent.
func FuzzIDs(f *testing.F) {
	f.Add("traffit:8d1hpPsbjxUkoCoa1veLZGe5", "100")
	f.Add("", "\x00")
	f.Fuzz(func(t *testing.T, namespace, remote string) {
		if id := ats.Namespace(namespace).ID(ats.Jobs, remote); !ats.ValidID(id) || ats.Namespace(namespace).ID(ats.Tags, remote) == id {
			t.Errorf("%q and %q gave %q", namespace, remote, id)
		}
		if ats.ValidIntegrationID(namespace) && !strings.HasSuffix(namespace, ":") && len(namespace) < 26 {
			t.Errorf("%q passes for an integration", namespace)
		}
	})
}

// FuzzTime: what is read is written as the same millisecond.
func FuzzTime(f *testing.F) {
	for _, s := range []string{`"2026-05-31T08:30:10.123Z"`, `"2026-05-31T08:30:10+02:00"`, `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.9999999-23:59"`, `""`, `5`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var at, again ats.Time
		if json.Unmarshal([]byte(s), &at) != nil {
			return
		}
		b, err := json.Marshal(at)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", s, err)
		}
		if y := at.String()[:5]; !strings.HasSuffix(y, "-") || strings.HasPrefix(at.String(), "-") {
			return // an offset moved it beyond the years that can be written
		}
		if err := json.Unmarshal(b, &again); err != nil || again != at {
			t.Errorf("%s was written as %s, which is %v, %v", s, b, again, err)
		}
	})
}
