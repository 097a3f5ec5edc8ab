package traffit

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// remappedJob folds a job whose field takes its value from keys.
func remappedJob(t *testing.T, field, raw string, keys ...string) ats.Job {
	t.Helper()
	w := world{}.put(recruitment, "1", kindList, "", `{"id":1,"name":"usual","nrRef":"N1"}`).put(recruitment, "1", kindDetail, "", raw).
		put(recruitment, "1", kindAdvert, "9", `{"id":9,"options":{"_level":["m"],"_level.translation":["Średni"],"_city":"Gdynia"}}`)
	return only[ats.Job](t, w.fold(t, unit(recruitment, "1"), connector.FieldSettings{
		Remapped: map[ats.Model]map[string][]string{ats.Jobs: {field: keys}},
	}), ats.Jobs)
}

func remappedCandidate(t *testing.T, field, raw string, keys ...string) ats.Candidate {
	t.Helper()
	w := world{}.put(employee, "1", kindList, "", raw)
	return only[ats.Candidate](t, w.fold(t, unit(employee, "1"), connector.FieldSettings{
		Remapped: map[ats.Model]map[string][]string{ats.Candidates: {field: keys}},
	}), ats.Candidates)
}

func TestRemappedJobs(t *testing.T) {
	for name, tc := range map[string]struct {
		field, raw string
		keys       []string
		get        func(ats.Job) any
		want       any
	}{
		"text":                   {"name", `{"_x":"A"}`, []string{"_x"}, func(j ats.Job) any { return j.Name }, ref("A")},
		"number as a text":       {"job_code", `{"_x":17}`, []string{"_x"}, func(j ats.Job) any { return j.JobCode }, ref("17")},
		"a list is joined":       {"category", `{"_x":["A","B","A"]}`, []string{"_x"}, func(j ats.Job) any { return j.Category }, ref("A, B")},
		"label of a choice":      {"department", `{"_x":[{"id":3,"name":"Dział IT"}]}`, []string{"_x"}, func(j ats.Job) any { return j.Department }, ref("Dział IT")},
		"label beside an option": {"experience_level", `{}`, []string{"_level"}, func(j ats.Job) any { return j.ExperienceLevel }, ref("Średni")},
		"first usable":           {"name", `{"_x":" ","_y":null,"_z":"C","_w":"D"}`, []string{"_none", "_x", "_y", "_z", "_w"}, func(j ats.Job) any { return j.Name }, ref("C")},
		"none usable is null":    {"name", `{"_x":""}`, []string{"_x", "_none"}, func(j ats.Job) any { return j.Name }, (*string)(nil)},
		"no keys is null":        {"name", `{}`, []string{}, func(j ats.Job) any { return j.Name }, (*string)(nil)},
		"a standard key":         {"name", `{}`, []string{"nrRef"}, func(j ats.Job) any { return j.Name }, ref("N1")},
		"truth":                  {"confidential", `{"_x":"Tak"}`, []string{"_x"}, func(j ats.Job) any { return j.Confidential }, ref(true)},
		"truth as a number":      {"confidential", `{"_x":[0]}`, []string{"_x"}, func(j ats.Job) any { return j.Confidential }, ref(false)},
		"no truth":               {"confidential", `{"_x":"może"}`, []string{"_x"}, func(j ats.Job) any { return j.Confidential }, (*bool)(nil)},
		"number":                 {"weekly_hours", `{"_x":37.125}`, []string{"_x"}, func(j ats.Job) any { return j.WeeklyHours }, ref(37.125)},
		"amount":                 {"salary_amount", `{"_x":"od 12 000 PLN"}`, []string{"_x"}, func(j ats.Job) any { return j.SalaryAmount }, ref(12000.0)},
		"no amount":              {"salary_amount", `{"_x":"do uzgodnienia"}`, []string{"_x"}, func(j ats.Job) any { return j.SalaryAmount }, (*float64)(nil)},
		"word in any case":       {"employment_type", `{"_x":"part_Time"}`, []string{"_x"}, func(j ats.Job) any { return j.EmploymentType }, ref("PART_TIME")},
		"word that is none":      {"employment_type", `{"_x":"etat","_y":"CONTRACT"}`, []string{"_x", "_y"}, func(j ats.Job) any { return j.EmploymentType }, ref("CONTRACT")},
		"status":                 {"status", `{"status":"active","_x":"draft"}`, []string{"status", "_x"}, func(j ats.Job) any { return j.Status }, ref("DRAFT")},
		"date in Warsaw":         {"opened_at", `{"_x":"2026-07-01"}`, []string{"_x"}, func(j ats.Job) any { return j.OpenedAt }, at("2026-06-30T22:00:00.000Z")},
		"no date":                {"closed_at", `{"_x":"wkrótce"}`, []string{"_x"}, func(j ats.Job) any { return j.ClosedAt }, (*ats.Time)(nil)},
		"place as a text":        {"location", `{}`, []string{"_city"}, func(j ats.Job) any { return j.Location }, &ats.Location{Raw: ref("Gdynia")}},
		"unread field is filled": {"remote_url", `{"_x":"https://x.example"}`, []string{"_x"}, func(j ats.Job) any { return j.RemoteURL }, ref("https://x.example")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.get(remappedJob(t, tc.field, tc.raw, tc.keys...)), sameTime); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemappedCandidates(t *testing.T) {
	for name, tc := range map[string]struct {
		field, raw string
		get        func(ats.Candidate) any
		want       any
	}{
		"one address": {
			"email_addresses", `{"email":"usual@example.com","_x":"a@example.com"}`,
			func(c ats.Candidate) any { return c.EmailAddresses },
			[]ats.EmailAddress{{EmailAddress: "a@example.com"}},
		},
		"several addresses": {
			"email_addresses", `{"_x":["a@example.com; b@example.com","none","a@example.com"]}`,
			func(c ats.Candidate) any { return c.EmailAddresses },
			[]ats.EmailAddress{{EmailAddress: "a@example.com"}, {EmailAddress: "b@example.com"}},
		},
		"no address": {
			"email_addresses", `{"email":"usual@example.com","_x":"brak"}`,
			func(c ats.Candidate) any { return c.EmailAddresses }, []ats.EmailAddress(nil),
		},
		"phones": {
			"phone_numbers", `{"_x":["600700800, 601701801",602702802]}`,
			func(c ats.Candidate) any { return c.PhoneNumbers },
			[]ats.PhoneNumber{{PhoneNumber: "600700800"}, {PhoneNumber: "601701801"}, {PhoneNumber: "602702802"}},
		},
		"links": {
			"social_media", `{"_x":"https://github.com/jan linkedin.com/in/jan, jan"}`,
			func(c ats.Candidate) any { return c.SocialMedia },
			[]ats.SocialMedia{{Link: ref("https://github.com/jan")}, {Link: ref("https://linkedin.com/in/jan"), Type: ref("LINKEDIN"), Username: ref("jan")}},
		},
		"place": {
			"location", `{"_x":{"locality":"Łódź","iso":"pl"}}`,
			func(c ats.Candidate) any { return c.Location }, &ats.Location{City: ref("Łódź"), Country: ref("PL"), Raw: ref("Łódź")},
		},
		"title": {"title", `{"_position":"usual","_x":["Tester","QA"]}`, func(c ats.Candidate) any { return c.Title }, ref("Tester, QA")},
		"source": {
			"source", `{"source":"usual","_x":"Targi"}`,
			func(c ats.Candidate) any { return c.Source }, ref("Targi"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.get(remappedCandidate(t, tc.field, tc.raw, "_x"))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every field that is offered for remapping takes a value, is cleared without one, and is a field of
// its model; nothing else of the record changes.
func TestRemappable(t *testing.T) {
	values := `{"_text":"CLOSED PUBLIC","_a":"FULL_TIME","_b":"CLOSED","_c":"UNLISTED","_d":"TEMPORARY","_e":"WEEK","_n":5,"_t":"2026-01-02 03:04:05","_f":true,` +
		`"_m":"x@example.com","_p":"600700800","_l":"https://x.example"}`
	row := asObject(func() any { v, _ := decode([]byte(values)); return v }())
	keys := row.keys()
	tool := New(Options{}).Tool()
	for m, fields := range tool.Remappable {
		at := slices.IndexFunc(tool.Models, func(c connector.ModelCoverage) bool { return c.Model == m })
		for _, f := range fields {
			if !slices.ContainsFunc(tool.Models[at].Fields, func(c connector.FieldCoverage) bool { return c.ID == f }) || ats.FixedField(m, f) {
				t.Errorf("%s.%s is no field that can be remapped", m, f)
			}
			with := connector.FieldSettings{Remapped: map[ats.Model]map[string][]string{m: {f: keys}}}
			without := connector.FieldSettings{Remapped: map[ats.Model]map[string][]string{m: {f: nil}}}
			off := ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{m: {Fields: map[string]ats.Setting{f: ats.Disabled}}}}.Scopes(nil, false)
			var filled, empty, usual ats.Entity
			switch m {
			case ats.Jobs:
				a, b := ats.Job{}, ats.Job{Name: ref("x")}
				c := b
				remapped(&a, jobRemaps, m, with, row)
				remapped(&b, jobRemaps, m, without, row)
				filled, empty, usual = a, b, c
			case ats.Candidates:
				a, b := ats.Candidate{}, ats.Candidate{FirstName: ref("x")}
				c := b
				remapped(&a, candidateRemaps, m, with, row)
				remapped(&b, candidateRemaps, m, without, row)
				filled, empty, usual = a, b, c
			default:
				t.Fatalf("nobody remaps %s", m)
			}
			if cmp.Equal(ats.Blank(m, filled, off), filled, sameTime) {
				t.Errorf("%s.%s stays empty", m, f)
			}
			if !cmp.Equal(ats.Blank(m, usual, off), empty, sameTime) {
				t.Errorf("%s.%s is not cleared, or something else is", m, f)
			}
		}
	}
}
