package traffit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
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

// everythingSaid is a candidate of whom everything is said.
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

// create creates an application.
func (b *bench) create(a *connector.CreateApplication, j *journal) (connector.Outcome, error) {
	b.t.Helper()
	return b.tenant.Act(b.t.Context(), a, j)
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
	j := b.journal()
	to := b.stateOf("interview")
	out, err := b.create(&connector.CreateApplication{Candidate: everythingSaid(), JobID: b.open, StageID: to, JobUnknown: true}, j)
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
	if d := cmp.Diff(warnings, j.warnings); d != "" {
		t.Error(d)
	}
	b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove, employee+" "+kindSource, recruitment+" "+kindList, recruitment+" "+kindDetail)
	known := world(out.Parts)
	made := known.fold(t, unit(application, out.ApplicationID)).Sets[0].Records
	if len(made) != 1 || made[0].(ats.Application).StageRemoteID != to || *made[0].(ats.Application).Outcome != ats.Pending {
		t.Errorf("the application folds into %+v", made)
	}
	who := known.fold(t, unit(employee, out.CandidateID)).Sets[0].Records[0].(ats.Candidate)
	if *who.Source != "Polecenie" || *who.Title != "Testerka" || len(who.PhoneNumbers) != 2 || *who.SocialMedia[0].Username != "zaneta" || *who.Location.City != "Łódź" {
		t.Errorf("the candidate folds into %+v", who)
	}

	// The same action again, in another process.
	b.restart()
	again, err := b.create(&connector.CreateApplication{Candidate: everythingSaid(), JobID: b.open, StageID: to}, j)
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
			j := b.journal()
			candidate := newcomer()
			candidate.Title, candidate.Phones = "Testerka", []string{"+48601000001"}
			out, err := b.create(&connector.CreateApplication{Candidate: candidate, JobID: b.open, StageID: to}, j)
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
			if len(j.warnings) > 0 {
				t.Errorf("warnings %q", j.warnings)
			}
			b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove)

			// Once more, as somebody else's wish.
			if _, err := b.create(&connector.CreateApplication{Candidate: newcomer(), JobID: b.open}, b.journal()); codeOf(err) != ats.ApplicationExists {
				t.Errorf("again: %v", err)
			}
			known := b.with(sandbox.Patch{"name": "Jan", "lastname": "Nowak", "email": "jan.nowak@example.com"})
			b.clock.pass(time.Second)
			before := b.WriteCounts()["create"]
			j = b.journal()
			was := connector.NewCandidate{FirstName: "Janusz", LastName: "Nowak", Email: "Jan.Nowak@Example.com"}
			out, err = b.create(&connector.CreateApplication{Candidate: was, JobID: b.open}, j)
			b.SettleWrites()
			if err != nil || out.CandidateID != known || b.WriteCounts()["create"] != before || len(j.warnings) > 0 {
				t.Errorf("of a known candidate: %s, %v, %q", out.CandidateID, err, j.warnings)
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

// A process may be killed after any request; another one goes on, and nothing happens twice.
func TestCreateApplicationGoesOn(t *testing.T) {
	for _, lost := range []string{"0", "1"} {
		for _, effect := range []string{"candidate", "application", "stage"} {
			t.Run(effect+" "+lost, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, map[string]string{"write.lost": lost, "write.late": "20s", "create.duplicate": "taken"})
				j := b.journal()
				j.kill = effect
				a := &connector.CreateApplication{Candidate: newcomer(), JobID: b.open, StageID: b.stateOf("interview")}
				if _, err := b.create(a, j); err == nil || codeOf(err) == ats.ApplicationExists {
					t.Fatalf("the process was not killed: %v", err)
				}
				b.restart()
				out, err := b.create(a, j)
				if err != nil {
					t.Fatal(err)
				}
				b.SettleWrites()
				if d := cmp.Diff(map[string]int{"create": 1, "assign": 1, "move": 1}, b.WriteCounts()); d != "" {
					t.Error(d)
				}
				if stays := b.stays(out.ApplicationID); len(stays) != 2 || stays[1] != a.StageID {
					t.Errorf("stays %v", stays)
				}
			})
		}
	}
}

// What would be in vain is not sent, and what has become so since is finished.
func TestCreateApplicationRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		switches map[string]string
		change   func(b *bench, a *connector.CreateApplication)
		code     ats.Code
		says     string
	}{
		"a closed job": {change: func(b *bench, a *connector.CreateApplication) {
			a.JobID = b.job(sandbox.Patch{"name": "Closed", "is_closed": true})
		}, code: ats.JobClosed},
		"no job":          {change: func(_ *bench, a *connector.CreateApplication) { a.JobID = "999999" }, code: ats.InputInvalid, says: "job_id"},
		"no job, a page":  {switches: map[string]string{"error.shape": "html"}, change: func(_ *bench, a *connector.CreateApplication) { a.JobID = "999999" }, code: ats.InputInvalid, says: "job_id"},
		"no job, 410":     {switches: map[string]string{"gone.status": "410"}, change: func(_ *bench, a *connector.CreateApplication) { a.JobID = "999999" }, code: ats.InputInvalid, says: "job_id"},
		"a foreign stage": {change: func(_ *bench, a *connector.CreateApplication) { a.StageID = "999999" }, code: ats.InputInvalid, says: "stage_id"},
		"an odd job":      {change: func(_ *bench, a *connector.CreateApplication) { a.JobID = "../../../oauth2" }, code: ats.InputInvalid, says: "job_id"},
		"an applicant": {change: func(b *bench, a *connector.CreateApplication) {
			b.apply(b.open, b.with(sandbox.Patch{"email": a.Candidate.Email}))
		}, code: ats.ApplicationExists},
		"a hidden address": {switches: map[string]string{"filter.ignore": "employees", "sort.ignore": "employees", "order": "shuffled"}, change: func(b *bench, a *connector.CreateApplication) { b.many(600); a.Candidate.Email = b.someAddress() }, code: ats.RemoteInputInvalid, says: "shows none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.switches)
			a := &connector.CreateApplication{Candidate: newcomer(), JobID: b.open}
			tc.change(b, a)
			_, err := b.create(a, b.journal())
			if codeOf(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v", err)
			}
			if counts := b.WriteCounts(); len(counts) > 0 {
				t.Errorf("written: %v", counts)
			}
		})
	}
}

// many adds candidates with no address.
func (b *bench) many(n int) {
	for range n {
		b.with(sandbox.Patch{"name": "X"})
	}
}

// someAddress is that of a candidate who alone has it, and came first.
func (b *bench) someAddress() string {
	for row := range b.Truth("employees") {
		if has, _ := row.Value("email").(string); has != "" && b.under(has) == 1 {
			return has
		}
	}
	b.t.Fatal("nobody has an address")
	return ""
}

// A candidate whom TRAFFIT's search does not give is known to the store, or by the refusal of another.
func TestCreateApplicationOfAKnownCandidate(t *testing.T) {
	unfiltered := map[string]string{"filter.ignore": "employees", "sort.ignore": "employees", "order": "shuffled"}
	for name, tc := range map[string]struct {
		switches map[string]string
		known    bool
		many     int
	}{
		"by the search":         {},
		"by the store":          {switches: unfiltered, known: true, many: 600},
		"among the newest":      {switches: map[string]string{"filter.refuse": "employees"}, many: 600},
		"by the refusal alone":  {switches: map[string]string{"filter.ignore": "employees", "sort.ignore": "employees"}},
		"of a tenant unsorted":  {switches: unfiltered},
		"the end of the list":   {switches: map[string]string{"filter.ignore": "employees", "sort.ignore": "employees"}, many: 600},
		"the end, with no ends": {switches: map[string]string{"filter.ignore": "employees", "sort.ignore": "employees", "totals": "none"}, many: 600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.switches)
			a := &connector.CreateApplication{JobID: b.open, Candidate: newcomer()}
			var id string
			if tc.known {
				id = b.with(sandbox.Patch{"email": address})
				a.KnownAs = []string{"999999", b.with(sandbox.Patch{"email": "other@example.com"}), id}
				b.many(tc.many)
			} else {
				b.many(tc.many)
				id = b.with(sandbox.Patch{"email": strings.ToUpper(address)})
			}
			a.Candidate.Title = "Testerka"
			j := b.journal()
			out, err := b.create(a, j)
			if err != nil || out.CandidateID != id {
				t.Fatalf("candidate %s, %v", out.CandidateID, err)
			}
			if d := cmp.Diff(map[string]int{"assign": 1}, b.WriteCounts()); d != "" {
				t.Error(d)
			}
			if row := b.row(id); row.Value("_Position") == "Testerka" {
				t.Error("the candidate was changed")
			}
			if len(j.warnings) != 1 || !strings.Contains(j.warnings[0], "was changed") {
				t.Errorf("warnings %q", j.warnings)
			}
		})
	}
}

func TestCreateApplicationOfOneOfSeveral(t *testing.T) {
	b := newBench(t, nil)
	b.with(sandbox.Patch{"email": address})
	b.clock.pass(time.Minute)
	last := b.with(sandbox.Patch{"email": strings.ToLower(address)})
	b.clock.pass(time.Minute)
	passive := b.with(sandbox.Patch{"email": address, "status": "inactive"})
	j := b.journal()
	out, err := b.create(&connector.CreateApplication{JobID: b.open, Candidate: newcomer()}, j)
	if err != nil || out.CandidateID != last {
		t.Errorf("candidate %s, want %s; %v", out.CandidateID, last, err)
	}
	if len(j.warnings) != 1 || !strings.Contains(j.warnings[0], "several candidates") {
		t.Errorf("warnings %q", j.warnings)
	}
	other := b.job(sandbox.Patch{"name": "Another"})
	b.apply(other, passive)
	if _, err := b.create(&connector.CreateApplication{JobID: other, Candidate: newcomer()}, b.journal()); codeOf(err) != ats.ApplicationExists {
		t.Errorf("of one who is in the job: %v", err)
	}
}

// What cannot be written of a new candidate does not keep the application from being made.
func TestCreateApplicationWithoutSome(t *testing.T) {
	for _, validation := range []string{"lenient", "strict"} {
		t.Run(validation, func(t *testing.T) {
			b := newBench(t, map[string]string{"write.validation": validation})
			b.open = b.job(sandbox.Patch{"name": "Another"})
			c := newcomer()
			c.Source, c.Title = "Nowhere", "Testerka"
			c.AvailableOn = "2026-03-01"
			j := b.journal()
			out, err := b.create(&connector.CreateApplication{JobID: b.open, Candidate: c}, j)
			if err != nil {
				t.Fatal(err)
			}
			if row := b.row(out.CandidateID); row.Value("_Position") != "Testerka" || row.Value("_available_from") != "2026-03-01" {
				t.Errorf("row %v", row)
			}
			var want []string
			if validation == "strict" { // else nobody can tell
				want = []string{"source could not be written: TRAFFIT did not take it"}
			}
			if d := cmp.Diff(want, j.warnings); d != "" {
				t.Error(d)
			}
			if b.under(address) != 1 || b.WriteCounts()["create"] != 1 {
				t.Errorf("%v", b.WriteCounts())
			}
		})
	}
}

// What goes wrong once the candidate is in the job is told, and not called a failure.
func TestCreateApplicationInPart(t *testing.T) {
	b := newBench(t, nil)
	interview := b.stateOf("interview")
	b.fail(func(path string) int {
		if strings.HasSuffix(path, "/_move") {
			return 400
		}
		return 0
	})
	j := b.journal()
	out, err := b.create(&connector.CreateApplication{
		JobID: b.open, StageID: interview, Candidate: newcomer(), Files: []connector.File{{Name: "Żaneta.pdf", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("x")), nil
		}, Size: 1, Type: connector.CV}},
	}, j)
	if err != nil || out.ApplicationID == "" {
		t.Fatalf("%+v, %v", out, err)
	}
	if len(j.warnings) == 0 || j.warnings[0] != "the application was created, but not moved to the stage: TRAFFIT answered 400" {
		t.Errorf("warnings %q", j.warnings)
	}
	for _, w := range j.warnings {
		if strings.Contains(w, "Żaneta") {
			t.Errorf("warning %q", w)
		}
	}
	b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove)
}

// What TRAFFIT wants to have later is not given up: the action is taken up again where it was.
func TestPutOff(t *testing.T) {
	b := newBench(t, nil)
	known, busy := b.with(sandbox.Patch{"email": "jan@example.com"}), ""
	b.fail(func(path string) int {
		if busy != "" && strings.HasSuffix(path, busy) {
			return http.StatusTooManyRequests
		}
		return 0
	})
	apply := &connector.CreateApplication{
		JobID: b.open, StageID: b.stateOf("interview"), Candidate: newcomer(), Files: []connector.File{document("cv.pdf", "x")},
	}
	for _, tc := range []struct {
		action connector.Action
		busy   []string
	}{
		{apply, []string{"/employees/", "/_move", "/files/"}},
		{link(known, "", "position", "Kierowca"), []string{"/employees/" + known, "/notes"}},
	} {
		j := b.journal()
		for _, busy = range tc.busy {
			_, err := b.tenant.Act(t.Context(), tc.action, j)
			if _, later := errors.AsType[*connector.RetryError](err); !later || len(j.warnings) > 0 {
				t.Errorf("%T, %s: %v, %q", tc.action, busy, err, j.warnings)
			}
		}
		busy = ""
		if _, err := b.tenant.Act(t.Context(), tc.action, j); err != nil || len(j.warnings) > 0 {
			t.Errorf("%T: %v, %q", tc.action, err, j.warnings)
		}
	}
}

// fail answers requests for some paths with a status.
func (b *bench) fail(status func(path string) int) {
	b.restart(func(c *connector.Config) {
		c.Transport = through(func(r *http.Request) (*http.Response, error) {
			if s := status(r.URL.Path); s != 0 && r.Method != http.MethodGet {
				return &http.Response{StatusCode: s, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
}

// A job that was closed while the action was under way is no reason to leave it half done.
func TestCreateApplicationClosedMeanwhile(t *testing.T) {
	for name, tc := range map[string]struct {
		effect, refuses string
		code            ats.Code
	}{
		"the candidate alone is there": {"candidate", "accepted", ats.JobClosed},
		"the application is there":     {"application", "refused", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, map[string]string{"assign.closed": tc.refuses})
			j := b.journal()
			j.kill = tc.effect
			a := &connector.CreateApplication{Candidate: newcomer(), JobID: b.open}
			if _, err := b.create(a, j); err == nil {
				t.Fatal("the process was not killed")
			}
			id, _ := strconv.Atoi(b.open)
			if _, err := b.UpdateRecruitment(id, sandbox.Patch{"is_closed": true}); err != nil {
				t.Fatal(err)
			}
			if _, err := b.create(a, j); codeOf(err) != tc.code {
				t.Errorf("error %v", err)
			}
		})
	}
}

// impatient is a journal that sends an effect a second time, as after an absence that was proven and
// was none all the same.
type impatient struct {
	*journal
	effect string
}

func (i impatient) Begun(name string) bool { return name == i.effect || i.journal.Begun(name) }

func (i impatient) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	if e.Name != i.effect {
		return i.journal.Do(ctx, e)
	}
	if _, err := e.Send(ctx); err != nil {
		return connector.Done{}, err
	}
	id, err := e.Send(ctx)
	return connector.Done{RemoteID: id}, err
}

// A refusal because of what the action itself has done is none.
func TestOwnEffectsAreNoObstacle(t *testing.T) {
	for _, effect := range []string{"candidate", "application", "stage"} {
		t.Run(effect, func(t *testing.T) {
			b := newBench(t, map[string]string{"move.repeat": "refused"})
			j := b.journal()
			out, err := b.tenant.Act(t.Context(), &connector.CreateApplication{
				Candidate: newcomer(), JobID: b.open, StageID: b.stateOf("interview"),
			}, impatient{j, effect})
			if err != nil || len(j.warnings) > 0 {
				t.Errorf("%v, %q", err, j.warnings)
			}
			if stays := b.stays(out.ApplicationID); len(stays) != 2 {
				t.Errorf("stays %v", stays)
			}
		})
	}
}

// misled makes searches of the tenant look for nobody, if their address is one of some.
func (b *bench) misled(some func(filter string) bool) {
	b.restart(func(c *connector.Config) {
		c.Transport = through(func(r *http.Request) (*http.Response, error) {
			if filter := r.Header.Get("X-Request-Filter"); strings.Contains(filter, "email") && some(filter) {
				r = r.Clone(r.Context())
				r.Header.Set("X-Request-Filter", `{"email":{"value":"nobody@example.com","comparison":"="}}`)
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
}

// Nobody's absence is proven by a search that finds nobody.
func TestFind(t *testing.T) {
	ours := func(filter string) bool { return strings.Contains(strings.ToLower(filter), "zaneta") }
	all := func(string) bool { return true }
	for name, tc := range map[string]struct {
		switches      map[string]string
		many          int
		misled        func(string) bool
		there         bool
		found, proven bool
	}{
		"a search that works":               {proven: true},
		"a search that works, shuffled":     {switches: map[string]string{"sort.ignore": "employees", "order": "shuffled"}, many: 600, proven: true},
		"a search that finds nobody":        {misled: all, proven: true}, // by the whole list
		"nobody, of many":                   {misled: all, many: 600, proven: false},
		"nobody, shuffled":                  {misled: all, many: 600, switches: map[string]string{"sort.ignore": "employees", "order": "shuffled"}},
		"nobody, but there":                 {misled: all, there: true, found: true, proven: true},
		"a search that is particular":       {misled: ours, proven: true},
		"a search that is ignored, of many": {switches: map[string]string{"filter.ignore": "employees"}, many: 600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.switches)
			b.many(tc.many)
			if tc.there {
				b.with(sandbox.Patch{"email": address})
			}
			if tc.misled != nil {
				b.misled(tc.misled)
			}
			found, proven, err := b.tenant.find(t.Context(), search{address: address}, true)
			if err != nil || len(found) > 0 != tc.found || proven != tc.proven {
				t.Errorf("%d found, proven: %v, %v", len(found), proven, err)
			}
		})
	}
}

// TRAFFIT's word that somebody exists weighs more than a search that does not find them.
func TestCreateApplicationOfATwin(t *testing.T) {
	b := newBench(t, nil)
	id := b.with(sandbox.Patch{"email": address})
	b.with(sandbox.Patch{"email": "somebody@example.com"})
	b.misled(func(filter string) bool { return strings.Contains(strings.ToLower(filter), "zaneta") })
	out, err := b.create(&connector.CreateApplication{Candidate: newcomer(), JobID: b.open}, b.journal())
	if err != nil || out.CandidateID != id {
		t.Errorf("%s, want %s; %v", out.CandidateID, id, err)
	}
}

// The tenant's own fields are found by their names in Polish or English, and take choices in the form
// that shows.
func TestOwnFieldsOfACandidate(t *testing.T) {
	const schema = `{"fields":{"_plec":{"type":"choice","choices":["Kobieta","Mężczyzna"],"name":"Płeć"},
		"_rodo":{"type":"choice","choices":["Nie","Tak"],"name":"Zgoda RODO"},"_until":{"type":"date","name":"Zgoda ważna do"},
		"_money":{"type":"text","name":"Oczekiwania finansowe"},"_firma":{"type":"text","name":"Firma"},
		"_gh":{"type":"text","name":"GitHub"}}}`
	for _, byLabel := range []bool{true, false} {
		f := newFake(t)
		row := object{"id": json.Number("7")}
		take := func(r *http.Request) {
			v, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			body, _ := decode(v)
			for key, value := range asObject(body) {
				at, isNumber := value.(json.Number)
				if key == "_plec" || key == "_rodo" {
					if isNumber == byLabel {
						continue // ignored
					}
					if isNumber {
						n, _ := at.Int64()
						value = map[string][]string{"_plec": {"Kobieta", "Mężczyzna"}, "_rodo": {"Nie", "Tak"}}[key][n]
					}
				}
				row[key] = value
			}
		}
		f.special[api+"/employees/"] = func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("X-Response-Metadata") == "true":
				say(w, 200, schema)
			case r.Method == http.MethodPost:
				take(r)
				say(w, 201, `{"id":7}`)
			default:
				say(w, 200, `[]`)
			}
		}
		f.special[api+"/employees/7"] = func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPatch {
				take(r)
				w.WriteHeader(204)
				return
			}
			say(w, 200, string(encode(row)))
		}
		f.objects["/recruitments/3"] = `{"id":3,"is_closed":false}`
		f.special[api+"/recruitments/3/employees/7"] = answers(204, "")
		f.lists["/employees/recruitment_history"] = []string{`{"id":1,"date":"2026-01-02 10:00:00","employee":{"id":7},"recruitment":{"id":3},"workflow_state":{"id":4}}`}
		tn := f.open()
		c := newcomer()
		c.Gender, c.Company, c.SocialLinks = "FEMALE", "ACME", []string{"https://github.com/zaneta"}
		c.Consent = &connector.Consent{Given: ref(true), ExpiresAt: ref(ats.TimeOf(time.Date(2027, 5, 1, 12, 0, 0, 0, time.UTC)))}
		c.Salary = &connector.SalaryExpectation{Period: "YEAR", Amount: 120000}
		j := newJournal(newClock())
		if _, err := tn.Act(t.Context(), &connector.CreateApplication{Candidate: c, JobID: "3"}, j); err != nil {
			t.Fatal(err)
		}
		want := object{
			"id": json.Number("7"), "name": "Żaneta", "lastname": "Łoś", "email": address, "_plec": "Kobieta", "_rodo": "Tak", "_until": "2027-05-01",
			"_money": "120000 / year", "_firma": "ACME", "_gh": "https://github.com/zaneta",
		}
		if d := cmp.Diff(want, row); d != "" || len(j.warnings) > 0 {
			t.Errorf("by label: %v: %s, %q", byLabel, d, j.warnings)
		}
	}
}

// A job that the store does not know comes along, even where the list does not show it.
func TestCreateApplicationForAnUnknownJob(t *testing.T) {
	b := newBench(t, nil)
	b.restart(func(c *connector.Config) {
		c.Transport = through(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == api+"/recruitments/" {
				return &http.Response{StatusCode: 403, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	out, err := b.create(&connector.CreateApplication{Candidate: newcomer(), JobID: b.open, JobUnknown: true}, b.journal())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{kindList, kindDetail} {
		at := slices.IndexFunc(out.Parts, func(p connector.Part) bool { return p.Unit == unit(recruitment, b.open) && p.Kind == kind })
		if at < 0 || !strings.Contains(string(out.Parts[at].Raw), `"id":`+b.open) {
			t.Errorf("no part %s", kind)
		}
	}
}

// Whatever fails on the way and however often the process is killed: everybody comes into the job once.
func TestCreateApplicationsUnderFaults(t *testing.T) {
	for name, switches := range map[string]map[string]string{
		"searched":   {},
		"unsearched": {"filter.ignore": "employees,history"},
		"unsorted":   {"filter.refuse": "employees,history", "sort.ignore": "employees,history"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for key, value := range map[string]string{
				"write.fail": "0.15", "write.lost": "0.15", "write.unsure": "0.1", "write.late": "40s", "create.duplicate": "taken", "move.repeat": "again",
				"assign.repeat": "ignored", "fail.cut": "0.03", "fail.close": "0.03", "fail.garbage": "0.03", "fail.429": "0.01", "token.uses": "50",
			} {
				switches[key] = value
			}
			b := newBench(t, switches)
			to := b.stateOf("interview")
			dice := rand.New(rand.NewPCG(7, 7))
			killed := 0
			for n := range 30 {
				c := connector.NewCandidate{FirstName: "N", LastName: strconv.Itoa(n), Email: fmt.Sprintf("n%d@example.com", n), Phones: []string{"+48601000001"}}
				j := b.journal()
				var out connector.Outcome
				for tries := 1; ; tries++ {
					j.kill = []string{"", "candidate", "application", "stage"}[dice.IntN(4)]
					var err error
					if out, err = b.create(&connector.CreateApplication{Candidate: c, JobID: b.open, StageID: to}, j); err == nil {
						break
					}
					if _, later := errors.AsType[*connector.RetryError](err); !later && !errors.Is(err, errKilled) || tries == 50 {
						t.Fatalf("%d: %v", n, err)
					}
					if errors.Is(err, errKilled) {
						killed++
						b.restart()
					}
				}
				b.clock.pass(time.Minute)
				if there := b.under(c.Email); there != 1 {
					t.Errorf("%d candidates %s", there, c.Email)
				}
				if stays := b.stays(out.ApplicationID); len(stays) != 2 || stays[1] != to {
					t.Errorf("%s: stays %v", c.Email, stays)
				}
			}
			t.Logf("%v, killed %d times", b.WriteCounts(), killed)
		})
	}
}

// A search that gives people with like addresses is of use still.
func TestFindAmongTheLike(t *testing.T) {
	f := newFake(t)
	f.lists["/employees/"] = []string{`{"id":1,"email":"Żaneta.los@example.com"}`, `{"id":2,"email":"zaneta.los@example.com"}`}
	tn := f.open()
	for range 2 {
		found, proven, err := tn.find(t.Context(), search{address: address}, false)
		if err != nil || !proven || len(found) != 1 || found[0].id("id") != "2" {
			t.Errorf("%v, %v, %v", found, proven, err)
		}
	}
	if n := len(f.sent(api + "/employees/")); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// An answer that names no ID is looked behind.
func TestCreateApplicationWithoutAnID(t *testing.T) {
	b := newBench(t, nil)
	b.restart(func(c *connector.Config) {
		c.Transport = through(func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err == nil && r.Method == http.MethodPost && r.URL.Path == api+"/employees/" {
				_ = resp.Body.Close()
				resp.Body, resp.ContentLength = http.NoBody, 0
			}
			return resp, err
		})
	})
	j := b.journal()
	out, err := b.create(&connector.CreateApplication{Candidate: newcomer(), JobID: b.open}, j)
	if err != nil || b.row(out.CandidateID).Value("email") != address {
		t.Errorf("%+v, %v", out, err)
	}
	if j.sent["candidate"] != 1 {
		t.Errorf("sent %d times", j.sent["candidate"])
	}
}
