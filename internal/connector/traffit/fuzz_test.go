package traffit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// canned answers every request alike, but for tokens.
type canned struct {
	status      int
	header      http.Header
	body, token []byte
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := c.status, c.body
	if strings.HasPrefix(r.URL.Path, "/oauth2/") {
		if c.token == nil {
			status, body = 200, []byte(`{"access_token":"x","expires_in":3600}`)
		} else {
			body = c.token
		}
	}
	return &http.Response{StatusCode: status, Header: c.header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// sameCompletion compares whether parts are complete; how they are completed cannot be compared.
var sameCompletion = cmp.Comparer(func(a, b func([]byte) (connector.Part, bool, error)) bool { return (a == nil) == (b == nil) })

func (c canned) open(t testing.TB) *tenant {
	opened, err := New(Options{URL: "http://traffit.test"}).Connect(connector.Config{
		Credentials: map[string]string{"tenant": "acme", "client_id": "acme_kladka", "client_secret": "s3cret"},
		Transport:   c, Now: func() time.Time { return time.Date(2026, 5, 31, 8, 30, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	tn := opened.(*tenant)
	tn.http.Attempts, tn.brief.Attempts = 1, 1
	tn.http.Sleep = func(context.Context, time.Duration) error { return nil }
	return tn
}

// storable reports whether both databases can keep a text as a key.
func storable(s string) bool {
	return utf8.ValidString(s) && !strings.Contains(s, "\x00") && len(s) <= 1000
}

// turned writes JSON with its keys in falling order.
func turned(v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		var all [][]byte
		keys := object(v).keys()
		slices.Reverse(keys)
		for _, k := range keys {
			all = append(all, slices.Concat(encode(k), []byte(": "), turned(v[k])))
		}
		return slices.Concat([]byte("{ "), bytes.Join(all, []byte(",")), []byte(" }"))
	case []any:
		var all [][]byte
		for _, e := range v {
			all = append(all, turned(e))
		}
		return slices.Concat([]byte("["), bytes.Join(all, []byte(" ,")), []byte("]"))
	}
	return encode(v)
}

// foldAll folds every unit and renders what comes of it.
func (w world) foldAll(t testing.TB, settings connector.FieldSettings) []string {
	t.Helper()
	var out []string
	seen := map[connector.Unit]bool{}
	for _, p := range w {
		if seen[p.Unit] {
			continue
		}
		seen[p.Unit] = true
		f := w.fold(t, p.Unit, settings)
		for _, field := range f.Fields {
			if !storable(field.Key) || strings.Contains(field.Label, "\x00") {
				t.Errorf("%s met the field %q, %q", p.Unit, field.Key, field.Label)
			}
			out = append(out, fmt.Sprint(field))
		}
		for _, s := range f.Sets {
			for _, e := range s.Records {
				r, err := ats.Render(namespace, e)
				if err != nil {
					t.Fatalf("%s: %v", p.Unit, err)
				}
				checkRecord(t, r)
				out = append(out, fmt.Sprintf("%s %s %s %s %s %v %v", s.Model, s.Owner, r.RemoteID, r.Own, r.Ref, r.Values, r.Emails))
			}
		}
	}
	return out
}

func checkRecord(t testing.TB, r ats.Record) {
	t.Helper()
	texts := append([]string{r.RemoteID}, r.Emails...)
	for column, v := range r.Values {
		if s, ok := v.(string); ok && column != "name_folded" { // that one has no index
			texts = append(texts, s)
		} else if ok && (!utf8.ValidString(s) || strings.Contains(s, "\x00")) {
			t.Errorf("%s %q: %q cannot be stored", r.Model, r.RemoteID, s)
		}
	}
	for _, s := range texts {
		if !storable(s) {
			t.Errorf("%s %q: %.100q cannot be stored", r.Model, r.RemoteID, s)
		}
	}
	for _, doc := range [][]byte{r.Own, r.Ref} {
		if doc != nil && (!json.Valid(doc) || doc[0] != '{') {
			t.Errorf("%s %q became %s", r.Model, r.RemoteID, doc)
		}
	}
}

// checkParts looks at what an answer was cut into, and folds it: in both orders of keys alike.
func checkParts(t *testing.T, read func(body []byte) []connector.Part, body []byte) {
	t.Helper()
	parts := read(body)
	for _, p := range parts {
		if p.Entity == "" || p.Kind == "" || !storable(p.ID) || !storable(p.Part) || strings.Contains(p.Version, "\x00") {
			t.Errorf("%.200q cannot be stored", p.PartKey)
		}
		v, err := decode(p.Raw)
		if err != nil || !bytes.Equal(encode(v), p.Raw) {
			t.Errorf("%s: the part %s is not canonical: %v", p.Unit, p.Raw, err)
		}
	}
	folded := world(parts).foldAll(t, everything)
	v, err := decode(body)
	if err != nil {
		return
	}
	again := read(turned(v))
	if diff := cmp.Diff(parts, again, sameTime, sameCompletion); diff != "" {
		t.Errorf("another order of keys gives other parts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(folded, world(again).foldAll(t, everything)); diff != "" {
		t.Errorf("another order of keys gives other records (-want +got):\n%s", diff)
	}
}

// everything passes what it can through.
var everything = connector.FieldSettings{
	Passthrough: map[ats.Model][]connector.PassthroughField{
		ats.Jobs:       {{ID: "f1", Key: "client", Type: defaultField}, {ID: "f2", Key: "_x", Type: customField}},
		ats.Candidates: {{ID: "f3", Key: "status", Type: defaultField}, {ID: "f4", Key: "_x", Type: customField}},
	},
	Custom: map[ats.Model]map[string]string{ats.Jobs: {"a": "_x", "b": "status"}, ats.Candidates: {"a": "_x", "b": "candidate_about"}},
}

// seeds are rows of all kinds, and odd ones.
func seeds() []string {
	var all []string
	for _, p := range rich() {
		all = append(all, string(p.Raw))
	}
	return append(all,
		`null`, `[]`, `{}`, `"x"`, `1e999`, `{"id":null}`, `{"id":"\u0000","name":"a\u0000b","lastname":"\ud800","email":"a\u0000@b.c","_\u0000":1}`, `{"id":[{"id":[5]}],"name":-0}`,
		`{"id":1,"employee":{"id":2},"recruitment":{"id":3},"date":"2026-03-29 02:30:00","workflow_state":"x"}`, `{"id":18446744073709551616,"name":1e400,"is_closed":"1"}`,
		`{"id":4,"employee":5,"activity_date":"2022-08-09 10:00:15","content":"{\"to_state\":{\"id\":1},\"rejection\":{\"id\":34,\"name\":\"Po CV\"}}"}`,
		`{"id":7,"states":[{"id":1,"order":"5"},{"id":"1"},{"id":2,"order":-9e99},null,[{"id":3}]]}`, `{"items":[{"id":1,"value":"x"},[{"id":2}],{}]}`, `[[{"id":1,"tag":{"id":9,"name":"t"}}]]`,
		`{"id":"`+strings.Repeat("7", 3000)+`","name":"`+strings.Repeat("ł", 3000)+`","nrRef":"`+strings.Repeat("x", 3000)+`","email":"`+strings.Repeat("e", 3000)+`@example.com"}`,
	)
}

func FuzzListings(f *testing.F) {
	for _, s := range seeds() {
		f.Add(uint8(0), "1", "1", "100", []byte("["+s+"]"))
		f.Add(uint8(5), "", "", "", []byte("["+s+","+s+"]"))
	}
	f.Add(uint8(1), "9223372036854775807", "", "3", []byte(`[{"id":1}]`))
	f.Add(uint8(2), "-1", "0", "0", []byte(`[{"id":1},7]`))
	f.Add(uint8(3), "5", "99999999999", "99999999999", []byte(`{"error":"x"}`))
	var steps []string
	for _, s := range (canned{}).open(f).Plan() {
		if s.List != nil {
			steps = append(steps, s.Name)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, total, pages, size string, body []byte) {
		name := steps[int(n)%len(steps)]
		read := func(body []byte) []connector.Part {
			h := http.Header{}
			for name, v := range map[string]string{"X-Result-Total-Count": total, "X-Result-Total-Pages": pages, "X-Result-Page-Size": size} {
				if v != "" {
					h.Set(name, v)
				}
			}
			page, err := step(t, canned{200, h, body, nil}.open(t), name).List.Page(t.Context(), 1)
			if err != nil {
				return nil
			}
			if page.Pages < 1 || page.Pages > page.Total+strayPages || page.Size < 1 || page.Size > maxDeclared || page.Total < 0 || page.Total > maxDeclared || page.Pages == 1 && page.Total > page.Size && pages == "" && total != "" {
				t.Errorf("%s: %d rows on %d pages of %d", name, page.Total, page.Pages, page.Size)
			}
			rows, err := page.Rows()
			if err != nil {
				return nil
			}
			var parts []connector.Part
			for _, r := range rows {
				parts = append(parts, r.Parts...)
			}
			return parts
		}
		checkParts(t, read, body)
	})
}

func FuzzDetails(f *testing.F) {
	for _, s := range seeds() {
		for n := range uint8(5) {
			f.Add(n, "60", []byte(s))
		}
		f.Add(uint8(4), "6712", []byte("["+s+"]"))
	}
	f.Add(uint8(1), "../x?y", []byte(`{"id":"../x?y","states":[{"id":1}]}`))
	var steps []string
	for _, s := range (canned{}).open(f).Plan() {
		if s.Each != nil {
			steps = append(steps, s.Name)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, id string, body []byte) {
		if !storable(id) || id == "" {
			t.Skip("no unit is called so")
		}
		each := func(body []byte) []connector.Part {
			e := step(t, canned{200, http.Header{}, body, nil}.open(t), steps[int(n)%len(steps)]).Each
			parts, err := e.Fetch(t.Context(), unit(e.Of.Entity, id))
			if err != nil {
				return nil
			}
			if parts[0].Unit != unit(e.Of.Entity, id) || parts[0].Kind != e.Reads {
				t.Errorf("the first part of %s is %v", id, parts[0].PartKey)
			}
			return parts
		}
		checkParts(t, each, body)
	})
}

// FuzzFolds puts anything in the place of one part of a whole tenant.
func FuzzFolds(f *testing.F) {
	for _, s := range seeds() {
		for n := range rich() {
			f.Add(uint8(n), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, raw []byte) {
		v, err := decode(raw)
		if err != nil {
			t.Skip("a part is JSON")
		}
		w := rich()
		at := int(n) % len(w)
		w[at].Raw = encode(v)
		want := w.foldAll(t, everything)
		w[at].Raw = turned(v)
		if diff := cmp.Diff(want, w.foldAll(t, everything)); diff != "" {
			t.Errorf("another order of keys gives other records (-want +got):\n%s", diff)
		}
	})
}

// FuzzRemapped takes every field that can be remapped from one key with anything in it.
func FuzzRemapped(f *testing.F) {
	for _, s := range []string{
		`"Tester"`, `["FULL_TIME",5]`, `{"id":1,"name":"Kraków"}`, `1e999`, `-0.5`, `true`, `"2026-01-02 03:04:05"`, `"a@b.pl, 600700800 https://x.example"`, `[[1]]`, `"\u0000"`,
		`"` + strings.Repeat("ł", 3000) + `"`,
	} {
		f.Add([]byte(s))
	}
	remapped := connector.FieldSettings{Remapped: map[ats.Model]map[string][]string{}}
	for m, fields := range remappable() {
		remapped.Remapped[m] = map[string][]string{}
		for _, field := range fields {
			remapped.Remapped[m][field] = []string{"_none", "_x"}
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		v, err := decode(value)
		if err != nil {
			t.Skip("a value is JSON")
		}
		row := string(encode(map[string]any{"id": 1, "_x": v}))
		w := world{}.put(employee, "1", kindList, "", row).put(recruitment, "1", kindList, "", row)
		_ = w.foldAll(t, remapped)
	})
}

// FuzzKeep cuts anything under any scopes: what is cut once is not cut further, and nothing comes to it.
func FuzzKeep(f *testing.F) {
	for n, p := range plantedWorld() {
		f.Add(uint8(n), uint64(n), []byte(p.Raw))
	}
	for n, s := range seeds() {
		f.Add(uint8(n), uint64(n), []byte(s))
	}
	kinds, c := plantedWorld(), New(Options{})
	f.Fuzz(func(t *testing.T, n uint8, seed uint64, raw []byte) {
		key, s := kinds[int(n)%len(kinds)].PartKey, randomly(rand.New(rand.NewPCG(seed, 2)))
		kept, err := c.Keep(key, raw, s)
		if err != nil || kept == nil {
			return
		}
		again, err := c.Keep(key, kept, s)
		if err != nil || !bytes.Equal(again, kept) {
			t.Errorf("%s is cut to %s, and that to %s, %v", raw, kept, again, err)
		}
		if len(kept) > len(encode(mustDecode(t, raw))) {
			t.Errorf("%s is cut to more: %s", raw, kept)
		}
	})
}

func mustDecode(t *testing.T, raw []byte) any {
	t.Helper()
	v, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzTokens(f *testing.F) {
	f.Add(uint16(200), []byte(`{"access_token":"x","expires_in":3600}`))
	f.Add(uint16(200), []byte(`[{"access_token":5,"expires_in":"NaN"}]`))
	f.Add(uint16(200), []byte(`{"access_token":"x","expires_in":1e308}`))
	f.Add(uint16(200), []byte(`{"access_token":"x","expires_in":-1}`))
	f.Add(uint16(400), []byte(`{"error":"invalid_scope","error_description":"no"}`))
	f.Add(uint16(400), []byte(`{"error":5}`))
	f.Add(uint16(302), []byte(`<html>`))
	f.Add(uint16(503), []byte(``))
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		tn := canned{status: int(status%500) + 100, header: http.Header{}, token: append([]byte{}, body...)}.open(t)
		g, err := tn.fetchToken(t.Context())
		if err != nil {
			return
		}
		if life := g.renew.Sub(tn.now()); g.token == "" || life <= 0 || life > 10*365*24*time.Hour {
			t.Errorf("%d %q gave a token %q for %v", status, body, g.token, life)
		}
	})
}

// FuzzStages: the content of an activity gives the same whether it comes as it is or in a text.
func FuzzStages(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Add(`{"to_state":{"id":1},"content":{"rejection":{"name":"x"}}}`)
	f.Fuzz(func(t *testing.T, s string) {
		v, err := decode([]byte(s))
		if err != nil {
			return
		}
		if _, ok := v.(map[string]any); !ok {
			return
		}
		if diff := cmp.Diff(stageChange(v), stageChange(string(encode(v)))); diff != "" && !strings.Contains(s, "content") { // what is nested deep is given up one level earlier
			t.Errorf("(-as it is +in a text):\n%s", diff)
		}
	})
}

func FuzzMeanings(f *testing.F) {
	for _, s := range []string{"Pełny etat", "B2B", "1/2", "x", "\xff", "dzień", strings.Repeat("część", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, ws := range [][]word{employmentTypes, workModels, salaryPeriods} {
			got := meaning(ws, s)
			if diff := cmp.Diff(got, meaning(ws, []any{nil, s})); diff != "" {
				t.Errorf("%q means another thing in a list: %s", s, diff)
			}
			if got != nil && !slices.ContainsFunc(ws, func(w word) bool { return w.value == *got }) {
				t.Errorf("%q means %q", s, *got)
			}
		}
	})
}

func FuzzContacts(f *testing.F) {
	for _, s := range []string{"jan@example.com", "a@b", "https://www.linkedin.com/in/jan-k/", "linkedin.com/in/%", "LINKEDIN./", "\x00@x.y", "ż@ż.pl"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e := email(s); e != nil && (*e != s || strings.Count(s, "@") != 1 || strings.ContainsAny(s, " \t\r\n,;<>")) {
			t.Errorf("%q is taken for an address", s)
		}
		for _, p := range profiles(s) {
			if p.Link == nil && p.Username == nil || p.Link != nil && *p.Link == "" || p.Username != nil && *p.Username == "" {
				t.Errorf("%q gave an empty profile", s)
			}
		}
	})
}

// FuzzAmounts: a sum that is read is one that JSON can say, and its plain form reads as the same.
func FuzzAmounts(f *testing.F) {
	for _, s := range []string{"12 000,50 PLN", "1e5", "1.2.3", "0,001", "1'000'000", strings.Repeat("9", 400), "12\u202f000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := amount(s)
		if a == nil {
			return
		}
		if math.IsInf(*a, 0) || math.IsNaN(*a) || *a < 0 {
			t.Errorf("%q gave %v", s, *a)
		}
		if again := amount(strconv.FormatFloat(*a, 'f', 2, 64)); again == nil || math.Abs(*again-*a) > math.Max(0.005, *a*1e-9) {
			t.Errorf("%q gave %v, which gave %v", s, *a, again)
		}
	})
}

func FuzzIDs(f *testing.F) {
	f.Add("6712:60")
	f.Add(":")
	f.Add("a:b:c")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		candidate, job := splitApplication(s)
		if strings.Contains(s, ":") && candidate+":"+job != s {
			t.Errorf("%q became %q and %q", s, candidate, job)
		}
		if a := compareIDs(candidate, job); a != -compareIDs(job, candidate) && (a < 0) == (compareIDs(job, candidate) < 0) {
			t.Errorf("%q and %q are each before the other", candidate, job)
		}
		if name, err := tenantName(s); err == nil && !tenantPattern.MatchString(name) {
			t.Errorf("%q is the tenant %q", s, name)
		}
	})
}

// FuzzInstants: a stamp with a zone is believed, one without is the time of clocks in Warsaw.
func FuzzInstants(f *testing.F) {
	f.Add(int64(1660032015000), int16(0), uint8(0))
	f.Add(int64(1774746000000), int16(60), uint8(1)) // the changes of 2026
	f.Add(int64(1792890000000), int16(-720), uint8(2))
	f.Add(int64(1792893600000), int16(840), uint8(3))
	f.Add(int64(-62135596800000), int16(-1), uint8(0))
	f.Add(int64(253402300799999), int16(1), uint8(0))
	f.Fuzz(func(t *testing.T, ms int64, minutes int16, n uint8) {
		at := time.UnixMilli(ms).UTC()
		zone := time.FixedZone("", int(minutes%(14*60))*60)
		if y := at.In(zone).Year(); at.Year() < 1 || at.Year() > 9999 || y < 1 || y > 9999 {
			t.Skip("not a year of four digits")
		}
		layout := strings.Replace(zoned[int(n)%len(zoned)], ":05", ":05.000", 1)
		text := at.In(zone).Format(layout)
		if got := parseTime(text); got == nil || got.Milli() != ms {
			t.Errorf("%q became %v, want %v", text, got, at)
		}
		local := at.In(warsaw)
		if local.Year() > 9999 || local.Year() < 1920 { // before, Warsaw's offsets had seconds and changed by minutes
			return
		}
		got := parseTime(local.Format("2006-01-02 15:04:05.000"))
		if got == nil {
			t.Fatalf("%v is not read", local)
		}
		if shown := time.UnixMilli(got.Milli()).In(warsaw); shown.Format(time.DateTime) != local.Format(time.DateTime) {
			t.Errorf("clocks showed %v; read as %v", local, shown)
		}
		if got.Milli() > ms {
			t.Errorf("%v is read as the later %v", local, got)
		}
	})
}

// TestClockChanges: the hours of both changes of each year, and the seconds around them, as
// docs/mapping.md has it.
func TestClockChanges(t *testing.T) {
	for _, change := range []struct{ spring, autumn string }{
		{"2019-03-31", "2019-10-27"},
		{"2020-03-29", "2020-10-25"},
		{"2021-03-28", "2021-10-31"},
		{"2022-03-27", "2022-10-30"},
		{"2023-03-26", "2023-10-29"},
		{"2024-03-31", "2024-10-27"},
		{"2025-03-30", "2025-10-26"},
		{"2026-03-29", "2026-10-25"},
		{"2027-03-28", "2027-10-31"},
		{"2028-03-26", "2028-10-29"},
		{"2029-03-25", "2029-10-28"},
		{"2030-03-31", "2030-10-27"},
	} {
		for _, c := range []struct{ day, clock, utc string }{
			{change.spring, "00:59:59", "-23:59:59"}, // of the day before
			{change.spring, "01:00:00", "00:00:00"},
			{change.spring, "01:59:59", "00:59:59"},
			{change.spring, "02:00:00", "01:00:00"}, // these do not happen
			{change.spring, "02:30:00", "01:30:00"},
			{change.spring, "02:59:59", "01:59:59"},
			{change.spring, "03:00:00", "01:00:00"},
			{change.spring, "03:00:01", "01:00:01"},
			{change.spring, "03:59:59", "01:59:59"},
			{change.spring, "04:00:00", "02:00:00"},

			{change.autumn, "01:00:00", "-23:00:00"},
			{change.autumn, "01:59:59", "-23:59:59"},
			{change.autumn, "02:00:00", "00:00:00"}, // these happen twice
			{change.autumn, "02:30:00", "00:30:00"},
			{change.autumn, "02:59:59", "00:59:59"},
			{change.autumn, "03:00:00", "02:00:00"},
			{change.autumn, "03:00:01", "02:00:01"},
			{change.autumn, "04:00:00", "03:00:00"},
		} {
			clock, before := strings.CutPrefix(c.utc, "-")
			want, err := time.Parse(time.DateTime, c.day+" "+clock)
			if err != nil {
				t.Fatal(err)
			}
			if before {
				want = want.AddDate(0, 0, -1)
			}
			if got := parseTime(c.day + " " + c.clock); got == nil || got.Milli() != want.UnixMilli() {
				t.Errorf("%s %s: %v, want %v", c.day, c.clock, got, want)
			}
		}
	}
}
