package traffit

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

const address = "Zaneta.Los@example.com"

func newcomer() connector.NewCandidate {
	return connector.NewCandidate{FirstName: "Żaneta", LastName: "Łoś", Email: address}
}

// rich is a candidate of whom everything is said.
func everythingSaid() connector.NewCandidate {
	c := newcomer()
	c.Phones = []string{"+48 601 000 001", "22 600 00 02"}
	c.MoreEmails, c.Title, c.Source = []string{"z@example.org"}, "Testerka", "Polecenie"
	c.Location = &ats.Location{City: ref("Łódź"), Country: ref("PL"), ZipCode: ref("90-001"), Street1: ref("Piotrkowska 1")}
	c.SocialLinks = []string{"https://github.com/zaneta", "https://www.linkedin.com/in/zaneta"}
	c.Gender, c.AvailableOn, c.Salary = "FEMALE", "2026-03-01", &connector.SalaryExpectation{Period: "MONTH", Amount: 12000.4}
	c.Consent, c.Answers = &connector.Consent{Given: ref(true)}, 2
	return c
}

// check creates an application, and verifies what came of it.
func (b *bench) create(a *connector.CreateApplication, l *ledger) (connector.Outcome, error) {
	b.t.Helper()
	return b.tenant.Act(b.t.Context(), a, l)
}

func codeOf(err error) ats.Code {
	if err == nil {
		return ""
	}
	return ats.CodeOf(err)
}

// synced reads a step of the plan as a sync does, and gives the part with a key.
func (b *bench) synced(name string, key connector.PartKey) *connector.Part {
	b.t.Helper()
	s := step(b.t, b.tenant, name)
	for n, pages := 1, 1; n <= pages; n++ {
		p, err := s.List.Page(b.t.Context(), n)
		if err != nil {
			b.t.Fatal(err)
		}
		pages = p.Pages
		rows, err := p.Rows()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, row := range rows {
			for _, p := range row.Parts {
				if p.PartKey == key {
					return &p
				}
			}
		}
	}
	return nil
}

// sameAsSynced verifies that the parts of an outcome are those of a sync.
func (b *bench) sameAsSynced(parts []connector.Part, kinds ...string) {
	b.t.Helper()
	steps := map[string]string{
		employee + " " + kindList: "employees", application + " " + kindMove: "history", employee + " " + kindSource: "sources",
		recruitment + " " + kindList: "recruitments", rejected + " " + kindActivity: "activities",
	}
	found := map[string]bool{}
	for _, p := range parts {
		kind := p.Entity + " " + p.Kind
		found[kind] = true
		if steps[kind] == "" {
			continue
		}
		want := b.synced(steps[kind], p.PartKey)
		if want == nil {
			b.t.Errorf("a sync does not bring %v", p.PartKey)
		} else if string(want.Raw) != string(p.Raw) || want.Version != p.Version || want.Rank != p.Rank {
			b.t.Errorf("%v: %s", p.PartKey, cmp.Diff(string(want.Raw), string(p.Raw)))
		}
	}
	for _, kind := range kinds {
		if !found[kind] {
			b.t.Errorf("no part %s in %v", kind, slices.Sorted(maps.Keys(found)))
		}
	}
}

func TestCreateApplicationOfANewCandidate(t *testing.T) {
	b := newBench(t, nil)
	l := b.ledger()
	to := b.stateOf("interview")
	out, err := b.create(&connector.CreateApplication{Candidate: everythingSaid(), JobID: b.open, StageID: to, JobUnknown: true}, l)
	if err != nil {
		t.Fatal(err)
	}
	if out.ApplicationID != out.CandidateID+":"+b.open {
		t.Errorf("outcome %s, %s", out.CandidateID, out.ApplicationID)
	}
	row := b.row(out.CandidateID)
	got := map[string]any{}
	for _, key := range []string{"name", "lastname", "email", "mobile", "linkedin", "_Position", "_salary_expectation", "_available_from"} {
		got[key] = row.Value(key)
	}
	want := map[string]any{
		"name": "Żaneta", "lastname": "Łoś", "email": address, "mobile": "+48 601 000 001, 22 600 00 02",
		"linkedin": "https://www.linkedin.com/in/zaneta", "_Position": "Testerka", "_salary_expectation": 12000, "_available_from": "2026-03-01",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the candidate: %s", d)
	}
	place, _ := row.Value("candidate_location").(sandbox.Row)
	if place.Value("locality") != "Łódź" || place.Value("iso") != "pl" {
		t.Errorf("place %v", place)
	}
	if n := len(phones(got["mobile"].(string))); n != 2 {
		t.Errorf("%d phone numbers are read again", n)
	}
	if d := cmp.Diff(map[string]int{"create": 1, "assign": 1, "move": 1}, b.WriteCounts()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{b.stateOf("start"), to}, b.stays(out.ApplicationID)); d != "" {
		t.Error(d)
	}
	var warnings []string
	for _, input := range []string{
		"candidate.location.street_1", "candidate.additional_email_addresses", "screening_question_answers", "candidate.gender",
		"gdpr_consent.given", "candidate.social_links",
	} {
		warnings = append(warnings, input+" could not be written: TRAFFIT has no field for it")
	}
	if d := cmp.Diff(warnings, l.warnings); d != "" {
		t.Error(d)
	}
	b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove, employee+" "+kindSource, recruitment+" "+kindList, recruitment+" "+kindDetail)

	// The same action again, in another process.
	b.restart()
	again, err := b.create(&connector.CreateApplication{Candidate: everythingSaid(), JobID: b.open, StageID: to}, l)
	if err != nil || again.ApplicationID != out.ApplicationID {
		t.Errorf("%+v, %v", again, err)
	}
	if d := cmp.Diff(map[string]int{"create": 1, "assign": 1, "move": 1}, b.WriteCounts()); d != "" {
		t.Error(d)
	}
}

// Whatever a tenant does with writes, a new candidate comes into the job once, with all that there is a
// field for; and so does one who was there already.
func TestCreateApplicationInEveryVariant(t *testing.T) {
	variants := map[string]map[string]string{"": {}}
	for _, d := range details {
		if word, _, _ := strings.Cut(d.ID, "."); slices.Contains([]string{"write", "create", "assign", "move"}, word) {
			for _, v := range d.Variants {
				variants[d.ID+"="+v.Name] = map[string]string{d.ID: v.Name}
			}
		}
	}
	for name, more := range map[string]map[string]string{
		"strict":                      {"write.validation": "strict"},
		"errors as text":              {"write.errors": "text", "create.duplicate": "text", "assign.repeat": "409"},
		"errors as pages":             {"write.errors": "html", "create.duplicate": "html"},
		"errors as forms":             {"error.shape": "symfony"},
		"redirects to the slash":      {"redirects.writes": "slash"},
		"redirects to the bare path":  {"redirects.writes": "bare"},
		"filters are ignored":         {"filter.ignore": "employees,history"},
		"filters are refused":         {"filter.refuse": "employees,history"},
		"sorts are ignored":           {"sort.ignore": "employees,history,recruitments,sources"},
		"nothing is heeded":           {"filter.ignore": "employees,history", "sort.ignore": "employees,history,recruitments"},
		"nothing is heeded, reversed": {"filter.ignore": "employees,history", "sort.ignore": "employees,history,recruitments", "order": "desc"},
		"the documented sort":         {"sort.spelling": "documented", "sort.unknown": "refuse", "filter.refuse": "employees,history"},
		"the other sort is refused":   {"sort.spelling": "field", "sort.unknown": "refuse", "filter.ignore": "employees,history"},
		"no lengths":                  {"totals": "none", "filter.ignore": "employees,history"},
		"no lengths, the last page":   {"totals": "none", "page.beyond": "last", "filter.ignore": "employees,history"},
		"all answers are lost":        {"write.lost": "1"},
		"lost, and late":              {"write.lost": "1", "write.late": "60s"},
		"all answers are failures":    {"write.unsure": "1"},
		"unsure, late, unfiltered":    {"write.unsure": "1", "write.late": "25s", "filter.ignore": "employees,history"},
		"lost, unsorted, unfiltered":  {"write.lost": "1", "write.late": "5s", "filter.refuse": "employees,history", "sort.ignore": "employees,history"},
		"throttled":                   {"fail.429": "0.1", "burst": "1"},
		"tokens die":                  {"token.uses": "3"},
		"wrapped":                     {"single.wrap": "true", "create.answer": "nested"},
		"empty is left out":           {"empty": "absent"},
		"nobody can be listed":        {"ghosts": "recruitments/{id}/employees:2"},
	} {
		variants[name] = more
	}
	for name, switches := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, switches, func(c *connector.Config) { c.Confirmed = switches })
			to := b.stateOf("interview")
			l := b.ledger()
			candidate := newcomer()
			candidate.Title, candidate.Phones = "Testerka", []string{"+48601000001"}
			out, err := b.create(&connector.CreateApplication{Candidate: candidate, JobID: b.open, StageID: to}, l)
			if err != nil {
				t.Fatal(err)
			}
			b.SettleWrites()
			if n := b.under(address); n != 1 {
				t.Errorf("%d candidates", n)
			}
			if stays := b.stays(out.ApplicationID); len(stays) != 2 || stays[1] != to {
				t.Errorf("stays %v", stays)
			}
			if row := b.row(out.CandidateID); row.Value("_Position") != "Testerka" || row.Value("mobile") != "+48601000001" {
				t.Errorf("row %v", row)
			}
			if len(l.warnings) > 0 {
				t.Errorf("warnings %q", l.warnings)
			}
			b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove)

			// Once more, as somebody else's wish.
			if _, err := b.create(&connector.CreateApplication{Candidate: newcomer(), JobID: b.open}, b.ledger()); codeOf(err) != ats.ApplicationExists {
				t.Errorf("again: %v", err)
			}
			known := b.with(sandbox.Patch{"name": "Jan", "lastname": "Nowak", "email": "jan.nowak@example.com"})
			b.time.wait(time.Second)
			before := b.WriteCounts()["create"]
			l = b.ledger()
			was := connector.NewCandidate{FirstName: "Janusz", LastName: "Nowak", Email: "Jan.Nowak@Example.com"}
			out, err = b.create(&connector.CreateApplication{Candidate: was, JobID: b.open}, l)
			b.SettleWrites()
			if err != nil || out.CandidateID != known || b.WriteCounts()["create"] != before || len(l.warnings) > 0 {
				t.Errorf("of a known candidate: %s, %v, %q", out.CandidateID, err, l.warnings)
			}
			if stays := b.stays(out.ApplicationID); len(stays) != 1 {
				t.Errorf("stays %v", stays)
			}
			if row := b.row(known); row.Value("name") != "Jan" {
				t.Errorf("row %v", row)
			}
		})
	}
}
