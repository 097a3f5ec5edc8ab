package traffit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kladka/kladka/internal/ats"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2022-08-09 10:00:15":       "2022-08-09T08:00:15.000Z", // summer
		"2022-01-09 10:00:15":       "2022-01-09T09:00:15.000Z", // winter
		"2022-08-09 10:00:15.5":     "2022-08-09T08:00:15.500Z",
		"2022-08-09T10:00:15":       "2022-08-09T08:00:15.000Z",
		"2022-08-09T10:00:15Z":      "2022-08-09T10:00:15.000Z",
		"2022-08-09T10:00:15+0100":  "2022-08-09T09:00:15.000Z",
		"2022-08-09 10:00:15+01:00": "2022-08-09T09:00:15.000Z",
		" 2022-08-09 10:00:15 ":     "2022-08-09T08:00:15.000Z",
		"2022-08-09 10:00":          "2022-08-09T08:00:00.000Z",
		"2022-08-09":                "2022-08-08T22:00:00.000Z",
		"2022/08/09":                "2022-08-08T22:00:00.000Z",

		// The hour that autumn repeats is read as the summer one.
		"2022-10-30 01:59:59": "2022-10-29T23:59:59.000Z",
		"2022-10-30 02:00:00": "2022-10-30T00:00:00.000Z",
		"2022-10-30 02:30:00": "2022-10-30T00:30:00.000Z",
		"2022-10-30 02:59:59": "2022-10-30T00:59:59.000Z",
		"2022-10-30 03:00:00": "2022-10-30T02:00:00.000Z",

		// The hour that spring leaves out is moved on by an hour.
		"2023-03-26 01:59:59": "2023-03-26T00:59:59.000Z",
		"2023-03-26 02:00:00": "2023-03-26T01:00:00.000Z",
		"2023-03-26 02:30:00": "2023-03-26T01:30:00.000Z",
		"2023-03-26 03:00:00": "2023-03-26T01:00:00.000Z",

		"": "", "soon": "", "0000-00-00 00:00:00": "", "2022-13-01 00:00:00": "", "0001-01-01 00:00:00": "", "1661767815": "",
	} {
		got := ""
		if at := parseTime(in); at != nil {
			got = at.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// An instant that Warsaw's clocks show is found again, but for the second pass of the doubled hour.
func TestTimeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "seconds"), 0)
		got := parseTime(at.In(warsaw).Format("2006-01-02 15:04:05"))
		if got == nil {
			t.Fatal("not read")
		}
		diff := at.UnixMilli() - got.Milli()
		doubled := at.Add(-time.Hour).In(warsaw).Format(time.TimeOnly) == at.In(warsaw).Format(time.TimeOnly)
		if diff != 0 && !(doubled && diff == time.Hour.Milliseconds()) {
			t.Fatalf("%v came back %d ms earlier", at, diff)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2022-08-09 10:00:15", "2022/08/09", "2022-08-09T10:00:15Z", "9999-12-31 23:59:59", "0001-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at := parseTime(s)
		if at == nil {
			return
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", at.String()); err != nil {
			t.Errorf("%q became %s", s, at)
		}
	})
}

func TestPhones(t *testing.T) {
	for in, want := range map[string][]string{
		"":                              nil,
		"brak":                          nil,
		" +48 600 700 800 ":             {"+48 600 700 800"},
		"600700800/601701801":           {"600700800", "601701801"},
		"600 700 800, +48 601 701 801":  {"600 700 800", "+48 601 701 801"},
		"600700800;601701801|602702802": {"600700800", "601701801", "602702802"},
		"600700800\n601701801":          {"600700800", "601701801"},
		"600 700 800 lub 601 701 801":   {"600 700 800", "601 701 801"},
		"600 700 800 or 601 701 801":    {"600 700 800", "601 701 801"},
		"71/3435465":                    {"71/3435465"},
		"600700800 / 71/3435465":        {"600700800", "71/3435465"},
		"(22) 123-45-67, wew. 12":       {"(22) 123-45-67, wew. 12"},
		"+48 600,700,800":               {"+48 600,700,800"},
		"600700800 (prywatny)":          {"600700800 (prywatny)"},
	} {
		var got []string
		for _, p := range phones(in) {
			got = append(got, p.PhoneNumber)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func FuzzPhones(f *testing.F) {
	f.Add("600700800 / 71/3435465 lub 600")
	f.Add(",,1|2")
	f.Fuzz(func(t *testing.T, s string) {
		digits := 0
		for _, p := range phones(s) {
			if strings.TrimSpace(p.PhoneNumber) == "" {
				t.Errorf("%q gave an empty number", s)
			}
			digits += countDigits(p.PhoneNumber)
		}
		if digits != countDigits(s) {
			t.Errorf("%q: %d digits of %d are left", s, digits, countDigits(s))
		}
	})
}

func TestAmount(t *testing.T) {
	none := -1.0
	for in, want := range map[string]float64{
		"12000": 12000, "12 000": 12000, "12\u00a0000": 12000, "12.000": 12000, "12,000": 12000, "1.200.000": 1200000,
		"12000,50": 12000.5, "12 000,50 PLN": 12000.5, "12.000,50": 12000.5, "12,000.5": 12000.5, "150.25": 150.25,
		"31.5": 31.5, "zł 100": 100, "7": 7,
		"": none, "do uzgodnienia": none, "100-200": none, "-5": none, "1.2.3": none,
	} {
		got := none
		if a := amount(in); a != nil {
			got = *a
		}
		if got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func FuzzAmount(f *testing.F) {
	f.Add("12 000,50 PLN")
	f.Fuzz(func(t *testing.T, s string) {
		if a := amount(s); a != nil && *a < 0 {
			t.Errorf("%q gave %v", s, *a)
		}
	})
}

func TestMeanings(t *testing.T) {
	for _, tc := range []struct {
		words []word
		in    any
		want  string
	}{
		{employmentTypes, "full-time", "FULL_TIME"},
		{employmentTypes, "Full time", "FULL_TIME"},
		{employmentTypes, "full_time", "FULL_TIME"},
		{employmentTypes, "Pełny etat", "FULL_TIME"},
		{employmentTypes, "Pełny wymiar", "FULL_TIME"},
		{employmentTypes, "Niepełny etat", "PART_TIME"},
		{employmentTypes, "Część etatu", "PART_TIME"},
		{employmentTypes, "część etatu", "PART_TIME"},
		{employmentTypes, "Kontrakt B2B", "CONTRACT"},
		{employmentTypes, "Umowa zlecenie", "CONTRACT"},
		{employmentTypes, "Contract", "CONTRACT"},
		{employmentTypes, "Employment contract", ""},
		{employmentTypes, "Umowa o pracę", ""},
		{employmentTypes, "Praca sezonowa", "SEASONAL"},
		{employmentTypes, "Staż", "INTERNSHIP"},
		{employmentTypes, "Praktyki", "INTERNSHIP"},
		{employmentTypes, "Internship", "INTERNSHIP"},
		{employmentTypes, "International", ""},
		{employmentTypes, []any{"Umowa o pracę", "Pełny etat"}, "FULL_TIME"},
		{employmentTypes, []any{}, ""},
		{employmentTypes, nil, ""},
		{workModels, "Hybrydowa (częściowo zdalna)", "HYBRID"},
		{workModels, "Praca zdalna", "REMOTE"},
		{workModels, "Remote", "REMOTE"},
		{workModels, "Home office", "REMOTE"},
		{workModels, "Stacjonarna", "ON_SITE"},
		{workModels, "On-site", "ON_SITE"},
		{workModels, "office", "ON_SITE"},
		{salaryPeriods, "Month", "MONTH"},
		{salaryPeriods, "miesięcznie", "MONTH"},
		{salaryPeriods, "godzina", "HOUR"},
		{salaryPeriods, "hourly", "HOUR"},
		{salaryPeriods, "dzień", "DAY"},
		{salaryPeriods, "rocznie", "YEAR"},
		{salaryPeriods, "tydzień", "WEEK"},
		{salaryPeriods, "?", ""},
	} {
		got := ""
		if s := meaning(tc.words, tc.in); s != nil {
			got = *s
		}
		if got != tc.want {
			t.Errorf("%v: %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestLocation(t *testing.T) {
	full := `{"latitude":"51.1","longitude":"17.0","locality":"Wrocław","iso":"pl","region1":"dolnośląskie","region2":"","region3":"","postcode":"50-001","country":"Polska"}`
	want := &ats.Location{
		City: ref("Wrocław"), Country: ref("PL"), Raw: ref("Wrocław, dolnośląskie, Polska"),
		State: ref("dolnośląskie"), ZipCode: ref("50-001"),
	}
	v, err := decode([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in   any
		want *ats.Location
	}{
		"object":           {v, want},
		"JSON in a string": {full, want},
		"list":             {[]any{nil, "", v}, want},
		"JSON list":        {"[" + full + "]", want},
		"JSON twice":       {string(encode(full)), want},
		"text":             {" Kraków ", &ats.Location{Raw: ref("Kraków")}},
		"postcode":         {"50001", &ats.Location{Raw: ref("50001")}},
		"broken JSON":      {"{Kraków", &ats.Location{Raw: ref("{Kraków")}},
		"country only":     {map[string]any{"country": "Polska"}, &ats.Location{Country: ref("Polska"), Raw: ref("Polska")}},
		"nothing":          {nil, nil},
		"null":             {"null", nil},
		"empty":            {"", nil},
		"empty object":     {"{}", nil},
		"empty list":       {"[]", nil},
		"empty keys":       {map[string]any{"locality": "", "iso": nil}, nil},
		"a truth":          {true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, location(tc.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzLocation(f *testing.F) {
	f.Add(`{"locality":"X"}`)
	f.Add(`"\"[1]\""`)
	f.Add(`[[[[{"iso":"pl"}]]]]`)
	f.Fuzz(func(t *testing.T, s string) {
		if l := location(s); l != nil && *l == (ats.Location{}) {
			t.Errorf("%q gave an empty place", s)
		}
	})
}

func TestEmail(t *testing.T) {
	for in, valid := range map[string]bool{
		"jan@example.com": true, "jan.k+x@mail.example.co.uk": true, "żółw@przykład.pl": true,
		"": false, "jan": false, "jan@": false, "jan@localhost": false, "a b@example.com": false,
		"jan@example.com, anna@example.com": false, "jan@@example.com": false, "jan@example..com": false, "<jan@example.com>": false,
	} {
		if got := email(in) != nil; got != valid {
			t.Errorf("%q: %v, want %v", in, got, valid)
		}
	}
}

func TestProfiles(t *testing.T) {
	for in, want := range map[string][]ats.SocialMedia{
		"":                                     nil,
		"https://www.linkedin.com/in/jan-k/":   {{Type: ref("LINKEDIN"), Link: ref("https://www.linkedin.com/in/jan-k/"), Username: ref("jan-k")}},
		"linkedin.com/in/jan-k?trk=1":          {{Type: ref("LINKEDIN"), Link: ref("https://linkedin.com/in/jan-k?trk=1"), Username: ref("jan-k")}},
		"https://www.linkedin.com/pub/jan/1/2": {{Type: ref("LINKEDIN"), Link: ref("https://www.linkedin.com/pub/jan/1/2")}},
		"jan-k":                                {{Type: ref("LINKEDIN"), Username: ref("jan-k")}},
	} {
		if diff := cmp.Diff(want, profiles(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestStageChange(t *testing.T) {
	inner := `{"from_state":{"id":23},"to_state":{"id":21,"name":"X"},"rejection":{"id":34,"name":"Po CV"}}`
	v, err := decode([]byte(inner))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in   any
		want string
	}{
		"string":           {inner, "34"},
		"object":           {v, "34"},
		"nested string":    {map[string]any{"content": inner}, "34"},
		"nested object":    {map[string]any{"content": v}, "34"},
		"twice a string":   {string(encode(inner)), "34"},
		"a note":           {"Rozmowa z kandydatem", ""},
		"HTML":             {"<p>x</p>", ""},
		"a number":         {"5", ""},
		"null":             {nil, ""},
		"empty":            {"", ""},
		"broken":           {`{"to_state":`, ""},
		"without a reason": {`{"to_state":{"id":1}}`, ""},
		"reason is null":   {`{"to_state":{"id":1},"rejection":null}`, ""},
	} {
		if got := stageChange(tc.in).object("rejection").id("id"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func FuzzStageChange(f *testing.F) {
	f.Add(`{"content":"{\"content\":\"{}\"}"}`)
	f.Fuzz(func(_ *testing.T, s string) { stageChange(s).object("rejection").label() })
}

// Whatever stands in an advert, folding it neither fails nor gives a blank text.
func FuzzAdvertValues(f *testing.F) {
	f.Add([]byte(`[{"field_id":"description","value":"<p>x</p>"},{"field_id":"geolocation","value":"{}"}]`), []byte(`{"job_type":["B2B"],"_Salary_MIN":"1"}`))
	f.Add([]byte(`{"field_id":5}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, values, options []byte) {
		v, err := decode(values)
		if err != nil {
			t.Skip()
		}
		o, err := decode(options)
		if err != nil {
			t.Skip()
		}
		all := adverts(parts{{kind: kindAdvert, key: "1", raw: object{"advert": map[string]any{"values": v}, "options": o}}})
		var j ats.Job
		all[0].fill(&j)
		if j.Description != nil && strings.TrimSpace(*j.Description) == "" {
			t.Error("the description is blank")
		}
	})
}

func TestCompareIDs(t *testing.T) {
	ordered := []string{"0", "7", "10", "099", "100", "1000000000000000000000", "", "a", "b"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := compareIDs(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compare %q with %q: %d", a, b, got)
			}
		}
	}
}

func TestEncodeIsCanonical(t *testing.T) {
	v, err := decode([]byte("{\"b\":1.50,\"a\":{\"d\":\"<p>&amp;</p>\",\"c\":12345678901234567890}}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(encode(v)), `{"a":{"c":12345678901234567890,"d":"<p>&amp;</p>"},"b":1.50}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestShowsNull(t *testing.T) {
	for body, want := range map[string]bool{
		`[]`:                                      false,
		`[{"a":null}]`:                            true,
		`[{"a":1,"b": null },{"a":2}]`:            true,
		`[{"a":{"b":null}},{"a":[null],"c":{}}]`:  false,
		`[{"a":{"b":null},"c":null}]`:             true,
		`[{"a":"\":null,","b\\":"{"},{"c":[{}]}]`: false,
		`[{"a":"{","b":null}]`:                    true,
		`[{"null":"null"`:                         false,
		`[{"a":"\`:                                false,
	} {
		if got := showsNull([]byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}
