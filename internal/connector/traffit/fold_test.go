package traffit

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

const namespace ats.Namespace = "traffit:test"

// world holds parts as a mirror would.
type world []connector.Part

func (w world) put(entity, id, kind, key, raw string) world {
	return append(w, connector.Part{
		PartKey: connector.PartKey{Unit: unit(entity, id), Kind: kind, Part: key}, Raw: []byte(raw),
	})
}

func (w world) without(entity, id, kind string) world {
	return slices.DeleteFunc(slices.Clone(w), func(p connector.Part) bool { return p.Unit == unit(entity, id) && p.Kind == kind })
}

func (w world) of(u connector.Unit) []connector.Part {
	var out []connector.Part
	for _, p := range w {
		if p.Unit == u {
			out = append(out, p)
		}
	}
	return out
}

// fold folds a unit with what its needs name and nothing else.
func (w world) fold(t testing.TB, u connector.Unit, settings ...connector.FieldSettings) connector.Fold {
	t.Helper()
	c := New(Options{})
	in := connector.FoldInput{Unit: u, Parts: w.of(u), Others: map[connector.Unit][]connector.Part{}, IDs: namespace}
	for _, n := range c.Needs(u, in.Parts) {
		in.Others[n.Unit] = w.of(n.Unit)
	}
	for _, s := range settings {
		in.Fields = s
	}
	f, err := c.Fold(in)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// records gives the records of a model; known tells whether the fold names the model at all.
func records[E ats.Entity](f connector.Fold, m ats.Model) (out []E, known bool) {
	for _, s := range f.Sets {
		if s.Model == m {
			known = true
			for _, r := range s.Records {
				out = append(out, r.(E))
			}
		}
	}
	return out, known
}

func only[E ats.Entity](t testing.TB, f connector.Fold, m ats.Model) E {
	t.Helper()
	all, _ := records[E](f, m)
	if len(all) != 1 {
		t.Fatalf("%d records of %s", len(all), m)
	}
	return all[0]
}

// at is an instant as the API writes it.
func at(s string) *ats.Time {
	var t ats.Time
	if err := json.Unmarshal([]byte(`"`+s+`"`), &t); err != nil {
		panic(err)
	}
	return &t
}

var sameTime = cmp.Comparer(func(a, b ats.Time) bool { return a == b })

// rich is a tenant in which everything that is covered has a value.
func rich() world {
	return world{}.
		put(user, "49", kindList, "", `{"id":49,"name":" Anna ","lastname":"Nowak","email":"anna@example.com","username":"anowak","is_active":true,"permission_group":{"id":3,"name":"Administrator"}}`).
		put(role, "3", kindUsers, "", `{"id":3,"name":"Administrator"}`).
		put(role, "responsible_person", kindUsers, "", `{"id":"responsible_person"}`).
		put(pipelines, "all", workflow, "4", `{"workflow":"4","states":["19","24","20","21"]}`).
		put(pipelines, "all", workflow, "10", `{"workflow":"10","states":["70"]}`).
		put(state, "24", workflow, "4", `{"id":24,"name":"Rozmowa","type":"interview","order":5,"is_rejection":false,"rank":1,"workflow_id":"4"}`).
		put(state, "70", workflow, "10", `{"id":70,"name":"Start","type":"start","order":0,"rank":0,"workflow_id":"10"}`).
		put(recruitment, "60", kindList, "", `{"id":60,"name":"Tester","nrRef":"/12/08/2022/EP","is_closed":false,"is_confidential":false,"closing_date":"2023-02-22 09:54:21","created_at":"2022-08-09 09:59:10","updated_at":"2022-12-22 09:54:21","client":{"id":1,"name":"ACME"}}`).
		put(recruitment, "60", kindDetail, "", `{"id":60,"status":"active","workflow_id":4,"responsible_person":[{"id":49,"email":"anna@example.com"}],"_cost_center":"K-7"}`).
		put(recruitment, "60", kindAdvert, "900", `{"id":900,"url":"https://acme.traffit.com/public/an/abc","valid_start":"2022-08-10 00:00:00","valid_end":null,
			"advert":{"id":1,"name":"Tester oprogramowania","language":"pl","recruitment":{"id":60},"locations":[],"values":[
				{"field_id":"benefits","value":"<p>Kawa</p>"},{"field_id":"requirements","value":"<ul><li>Java</li></ul>"},
				{"field_id":"description","value":"<p>O nas</p>"},{"field_id":"responsibilities","value":" <p>Testy</p> "},
				{"field_id":"geolocation","value":"{\"locality\":\"Wrocław\",\"iso\":\"pl\",\"region1\":\"dolnośląskie\",\"postcode\":\"50-001\",\"country\":\"Polska\"}"}]},
			"options":{"job_type":["full"],"job_type.translation":["Pełny etat"],"branches":["it"],"branches.translation":["IT","QA"],"remote":"1",
				"_department":"Jakość","_Salary_MIN":"12 000","_Salary_MAX":"15000,50","_Salary_Currency":"pln","_Salary_Rate":"month","_salary":"13000","_seniority":"Mid"}}`).
		put(employee, "6712", kindList, "", `{"id":6712,"name":"Jan","lastname":"Kowalski [zatrudniony]","email":"jan@example.com","mobile":"600700800 / 601701801","linkedin":"https://www.linkedin.com/in/jan-k","candidate_location":{"locality":"Kraków","iso":"pl"},"candidate_about":"x","_Position":"Tester","_company":["ACME"],"created_at":"2019-05-12 00:00:00","updated_at":"2022-07-19 06:59:26"}`).
		put(employee, "6712", kindSource, "10", `{"id":10,"employee":{"id":6712},"dictionary_item":{"id":150,"value":"Later"}}`).
		put(employee, "6712", kindSource, "9", `{"id":9,"employee":{"id":6712},"dictionary_item":{"id":143}}`).
		put(employee, "6712", kindTags, "", `{"tags":["1","2"]}`).
		put(dictionaryItem, "143", dictionary, "5", `{"id":143,"value":"LinkedIn"}`).
		put(tag, "1", kindCandidate, "", `{"id":"1","name":"java"}`).
		put(rejection, "34", recruitment, "60", `{"id":"34","name":"Po CV"}`).
		put(application, "6712:60", kindMove, "24", `{"id":24,"date":"2022-08-09 10:00:15","end_date":"2022-08-09 10:00:15","updated_at":"2022-08-26 09:08:02","workflow_state":{"id":19,"type":"start"}}`).
		put(application, "6712:60", kindMove, "27", `{"id":27,"date":"2022-08-09 10:00:15","updated_at":"2022-08-09 10:00:15","workflow_state":{"id":21,"type":"end-bad"}}`).
		put(rejected, "6712@1660032015000", kindActivity, "5", `{"date":"2022-08-09 10:00:15","rejection":{"id":"34","name":"Po CV"}}`)
}

func TestFoldUser(t *testing.T) {
	got := only[ats.User](t, rich().fold(t, unit(user, "49")), ats.Users)
	want := ats.User{RemoteID: "49", FirstName: ref("Anna"), LastName: ref("Nowak"), Email: ref("anna@example.com"), Status: ref("ACTIVE"), RoleRemoteID: "3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, tc := range map[string]struct {
		raw  string
		want ats.User
	}{
		"login is no name":      {`{"id":1,"username":"user"}`, ats.User{RemoteID: "1"}},
		"login is an address":   {`{"id":1,"username":"a@example.com","is_active":false}`, ats.User{RemoteID: "1", Email: ref("a@example.com"), Status: ref("INACTIVE")}},
		"blank names":           {`{"id":1,"name":" ","lastname":"","email":null}`, ats.User{RemoteID: "1"}},
		"address that is none":  {`{"id":1,"email":"nobody"}`, ats.User{RemoteID: "1"}},
		"activity as a number":  {`{"id":1,"is_active":1}`, ats.User{RemoteID: "1", Status: ref("ACTIVE")}},
		"group as a bare value": {`{"id":1,"permission_group":3}`, ats.User{RemoteID: "1"}},
	} {
		got := only[ats.User](t, world{}.put(user, "1", kindList, "", tc.raw).fold(t, unit(user, "1")), ats.Users)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFoldRoles(t *testing.T) {
	for id, want := range map[string]ats.Role{
		"3":                  {RemoteID: "3", Label: ref("Administrator"), Scope: ref("SYSTEM")},
		"responsible_person": {RemoteID: "responsible_person", Label: ref("Responsible person"), Scope: ref("JOB")},
	} {
		if diff := cmp.Diff(want, only[ats.Role](t, rich().fold(t, unit(role, id)), ats.Roles)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestFoldStages(t *testing.T) {
	for id, want := range map[string]ats.ApplicationStage{
		"24": {RemoteID: "24", Name: ref("Rozmowa"), Status: ref("ACTIVE"), Index: ref(int64(1)), GlobalIndex: ref(int64(1))},
		"70": {RemoteID: "70", Name: ref("Start"), Status: ref("ACTIVE"), Index: ref(int64(0)), GlobalIndex: ref(int64(4))},
	} {
		if diff := cmp.Diff(want, only[ats.ApplicationStage](t, rich().fold(t, unit(state, id)), ats.ApplicationStages)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	alone := rich().without(pipelines, "all", workflow)
	if got := only[ats.ApplicationStage](t, alone.fold(t, unit(state, "24")), ats.ApplicationStages); *got.Index != 1 || got.GlobalIndex != nil {
		t.Errorf("without the order of all: %v", got)
	}
}

func TestFoldRecruitment(t *testing.T) {
	settings := connector.FieldSettings{
		Passthrough: map[ats.Model][]connector.PassthroughField{ats.Jobs: {
			{ID: "f1", Key: "client", Type: defaultField, Label: ref("Client")}, {ID: "f2", Key: "missing", Type: customField},
		}},
		Custom: map[ats.Model]map[string]string{ats.Jobs: {"cost_center": "_cost_center", "nothing": "_none"}},
	}
	f := rich().fold(t, unit(recruitment, "60"), settings)
	job := ats.Job{
		RemoteID: "60", Name: ref("Tester"), JobCode: ref("/12/08/2022/EP"),
		Description:  ref("<p>O nas</p>\n<p>Testy</p>\n<ul><li>Java</li></ul>\n<p>Kawa</p>"),
		Confidential: ref(false), EmploymentType: ref("FULL_TIME"), Status: ref("OPEN"), Visibility: ref("PUBLIC"),
		Category: ref("IT, QA"), Department: ref("Jakość"), PostURL: ref("https://acme.traffit.com/public/an/abc"),
		ExperienceLevel: ref("Mid"), RemoteWorkStatus: ref("REMOTE"),
		SalaryAmount: ref(13000.0), SalaryAmountFrom: ref(12000.0), SalaryAmountTo: ref(15000.5), SalaryCurrency: ref("PLN"), SalaryPeriod: ref("MONTH"),
		Location:     &ats.Location{City: ref("Wrocław"), Country: ref("PL"), Raw: ref("Wrocław, dolnośląskie, Polska"), State: ref("dolnośląskie"), ZipCode: ref("50-001")},
		CustomFields: map[string]any{"cost_center": "K-7", "nothing": nil},
		IntegrationFields: []ats.IntegrationField{
			{ID: "f1", Key: "client", Type: "DEFAULT", Label: ref("Client"), Value: map[string]any{"id": json.Number("1"), "name": "ACME"}},
			{ID: "f2", Key: "missing", Type: "CUSTOM"},
		},
		OpenedAt: at("2022-08-09T07:59:10.000Z"), ClosedAt: at("2023-02-22T08:54:21.000Z"),
		RemoteCreatedAt: at("2022-08-09T07:59:10.000Z"), RemoteUpdatedAt: at("2022-12-22T08:54:21.000Z"),
	}
	if diff := cmp.Diff(job, only[ats.Job](t, f, ats.Jobs), sameTime); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	posting := ats.JobPosting{
		RemoteID: "900", Title: ref("Tester oprogramowania"), DescriptionHTML: job.Description,
		Status: ref("ACTIVE"), Visibility: ref("PUBLIC"), URL: job.PostURL, JobRemoteID: "60",
	}
	if diff := cmp.Diff(posting, only[ats.JobPosting](t, f, ats.JobPostings)); diff != "" {
		t.Errorf("posting (-want +got):\n%s", diff)
	}
	got, _ := records[ats.JobStage](f, ats.JobStages)
	var want []ats.JobStage
	for i, id := range []string{"19", "24", "20", "21"} {
		want = append(want, ats.JobStage{JobRemoteID: "60", StageRemoteID: id, Index: int64(i)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	member := ats.HiringTeamMember{JobRemoteID: "60", UserRemoteID: "49", Roles: []ats.EmbeddedRole{responsible().Embedded()}}
	if diff := cmp.Diff(member, only[ats.HiringTeamMember](t, f, ats.HiringTeam)); diff != "" {
		t.Errorf("team (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(f.Fields, func(f connector.Field) bool {
		return f.Key == "_cost_center" && f.Type == customField && f.Model == ats.Jobs
	}) {
		t.Errorf("fields met: %v", f.Fields)
	}
}

// Parts that were never read clear nothing; parts that are gone do.
func TestFoldRecruitmentWithMissingParts(t *testing.T) {
	u := unit(recruitment, "60")
	f := rich().without(recruitment, "60", kindDetail).fold(t, u)
	for _, m := range []ats.Model{ats.JobStages, ats.HiringTeam} {
		if _, known := records[ats.Entity](f, m); known {
			t.Errorf("without a detail, %s is named", m)
		}
	}
	f = rich().without(pipelines, "all", workflow).fold(t, u)
	if _, known := records[ats.Entity](f, ats.JobStages); known {
		t.Error("without any pipeline, stages are named")
	}
}

func TestFoldWithoutTheWorkflow(t *testing.T) {
	w := slices.DeleteFunc(rich(), func(p connector.Part) bool { return p.Unit == allPipelines && p.Part == "4" })
	stages, known := records[ats.JobStage](w.fold(t, unit(recruitment, "60")), ats.JobStages)
	if !known || len(stages) != 0 {
		t.Errorf("a job of a workflow that is gone: %v, %v", known, stages)
	}
}

func TestFoldWithoutAnAdvert(t *testing.T) {
	f := rich().without(recruitment, "60", kindAdvert).fold(t, unit(recruitment, "60"))
	j := only[ats.Job](t, f, ats.Jobs)
	if j.Description != nil || j.Location != nil || j.PostURL != nil || j.SalaryAmountFrom != nil || j.Category != nil || *j.Visibility != "INTERNAL" {
		t.Errorf("%+v", j)
	}
	if postings, known := records[ats.JobPosting](f, ats.JobPostings); !known || len(postings) != 0 {
		t.Errorf("postings: %v, %v", known, postings)
	}
}

func TestMainAdvert(t *testing.T) {
	w := world{}.put(recruitment, "1", kindList, "", `{"id":1}`).
		put(recruitment, "1", kindAdvert, "1000", `{"id":1000,"advert":{"name":"B","values":[{"field_id":"description","value":"second"}]}}`).
		put(recruitment, "1", kindAdvert, "900", `{"id":900,"advert":{"name":"A","values":[{"field_id":"description","value":"first"}]}}`)
	f := w.fold(t, unit(recruitment, "1"))
	if j := only[ats.Job](t, f, ats.Jobs); *j.Description != "first" {
		t.Errorf("description %q", *j.Description)
	}
	postings, _ := records[ats.JobPosting](f, ats.JobPostings)
	if len(postings) != 2 || postings[0].RemoteID != "900" || postings[0].Rank != 0 || postings[1].Rank != 1 {
		t.Errorf("postings: %+v", postings)
	}
}

func TestJobStatusAndVisibility(t *testing.T) {
	for _, tc := range []struct{ list, detail, status, visibility string }{
		{`{"is_closed":false}`, `{"status":"active"}`, "OPEN", "INTERNAL"},
		{`{"is_closed":true}`, `{"status":"active"}`, "CLOSED", "INTERNAL"},
		{`{"is_closed":true}`, `{"status":"archived"}`, "CLOSED", "INTERNAL"},
		{`{"is_closed":false}`, `{"status":"draft"}`, "DRAFT", "INTERNAL"},
		{`{"is_closed":false}`, `{"status":"Szkic"}`, "DRAFT", "INTERNAL"},
		{`{"is_closed":false}`, `{"status":"archived"}`, "ARCHIVED", "INTERNAL"},
		{`{"is_closed":false}`, `{"status":"Archiwalna"}`, "ARCHIVED", "INTERNAL"},
		{`{"is_closed":false,"is_confidential":true}`, `{}`, "OPEN", "CONFIDENTIAL"},
		{`{}`, `{"is_closed":true,"is_confidential":"1"}`, "CLOSED", "CONFIDENTIAL"},
		{`{}`, `{}`, "", "INTERNAL"},
	} {
		w := world{}.put(recruitment, "1", kindList, "", tc.list).put(recruitment, "1", kindDetail, "", tc.detail)
		j := only[ats.Job](t, w.fold(t, unit(recruitment, "1")), ats.Jobs)
		status := ""
		if j.Status != nil {
			status = *j.Status
		}
		if status != tc.status || *j.Visibility != tc.visibility {
			t.Errorf("%s %s: %s, %s", tc.list, tc.detail, status, *j.Visibility)
		}
	}
}

func TestResponsiblePersonShapes(t *testing.T) {
	for in, want := range map[string][]string{
		`[{"id":49,"email":"x"},{"id":50}]`: {"49", "50"},
		`[{"id":49},{"id":"49"}]`:           {"49"},
		`{"id":49}`:                         {"49"},
		`{"user":{"id":49}}`:                {"49"},
		`[{"user":{"id":49}}]`:              {"49"},
		`{"user":49}`:                       {"49"},
		`[{"id":7,"user":{"id":49}}]`:       {"49"},
		`49`:                                {"49"},
		`["49",null]`:                       {"49"},
		`[]`:                                nil,
		`null`:                              nil,
		`""`:                                nil,
	} {
		w := world{}.put(recruitment, "1", kindList, "", `{}`).put(recruitment, "1", kindDetail, "", `{"responsible_person":`+in+`}`)
		members, known := records[ats.HiringTeamMember](w.fold(t, unit(recruitment, "1")), ats.HiringTeam)
		var got []string
		for i, m := range members {
			got = append(got, m.UserRemoteID)
			if m.Rank != int64(i) {
				t.Errorf("%s: rank %d", in, m.Rank)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || !known {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestFoldEmployee(t *testing.T) {
	settings := connector.FieldSettings{
		Passthrough: map[ats.Model][]connector.PassthroughField{ats.Candidates: {{ID: "f1", Key: "candidate_about", Type: defaultField}}},
		Custom:      map[ats.Model]map[string]string{ats.Candidates: {"position": "_Position"}},
	}
	f := rich().fold(t, unit(employee, "6712"), settings)
	want := ats.Candidate{
		RemoteID: "6712", FirstName: ref("Jan"), LastName: ref("Kowalski [zatrudniony]"), Company: ref("ACME"), Title: ref("Tester"),
		Source:            ref("LinkedIn"),
		PhoneNumbers:      []ats.PhoneNumber{{PhoneNumber: "600700800"}, {PhoneNumber: "601701801"}},
		EmailAddresses:    []ats.EmailAddress{{EmailAddress: "jan@example.com"}},
		SocialMedia:       []ats.SocialMedia{{Link: ref("https://www.linkedin.com/in/jan-k"), Type: ref("LINKEDIN"), Username: ref("jan-k")}},
		Location:          &ats.Location{City: ref("Kraków"), Country: ref("PL"), Raw: ref("Kraków")},
		CustomFields:      map[string]any{"position": "Tester"},
		IntegrationFields: []ats.IntegrationField{{ID: "f1", Key: "candidate_about", Type: "DEFAULT", Value: "x"}},
		RemoteCreatedAt:   at("2019-05-11T22:00:00.000Z"), RemoteUpdatedAt: at("2022-07-19T04:59:26.000Z"),
	}
	if diff := cmp.Diff(want, only[ats.Candidate](t, f, ats.Candidates), sameTime); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	links, _ := records[ats.CandidateTag](f, ats.CandidateTags)
	if diff := cmp.Diff([]ats.CandidateTag{{CandidateRemoteID: "6712", TagRemoteID: "1"}, {CandidateRemoteID: "6712", TagRemoteID: "2"}}, links); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if _, known := records[ats.CandidateTag](rich().without(employee, "6712", kindTags).fold(t, unit(employee, "6712")), ats.CandidateTags); known {
		t.Error("tags that were never read are named")
	}
}

func TestCandidateSource(t *testing.T) {
	for name, tc := range map[string]struct {
		w    world
		want string
	}{
		"of the first row": {world{}.put(employee, "1", kindSource, "10", `{"dictionary_item":{"id":2,"value":"B"}}`).put(employee, "1", kindSource, "9", `{"dictionary_item":{"id":1,"value":"A"}}`), "A"},
		"label unknown":    {world{}.put(employee, "1", kindSource, "9", `{"dictionary_item":{"id":1}}`), "own"},
		"item by name":     {world{}.put(employee, "1", kindSource, "9", `{"dictionary_item":{"id":1}}`).put(dictionaryItem, "1", dictionary, "5", `{"id":1,"name":"N"}`), "N"},
		"row without item": {world{}.put(employee, "1", kindSource, "9", `{"dictionary_item":null}`), "own"},
		"no row":           {world{}, "own"},
	} {
		w := tc.w.put(employee, "1", kindList, "", `{"id":1,"source":{"id":7,"value":"own"}}`)
		c := only[ats.Candidate](t, w.fold(t, unit(employee, "1")), ats.Candidates)
		if c.Source == nil || *c.Source != tc.want {
			t.Errorf("%s: %v", name, c.Source)
		}
	}
}

func TestFoldApplication(t *testing.T) {
	got := only[ats.Application](t, rich().fold(t, unit(application, "6712:60")), ats.Applications)
	want := ats.Application{
		RemoteID: "6712:60", Outcome: ref(ats.Declined), RejectionReasonName: ref("Po CV"), RejectedAt: at("2022-08-09T08:00:15.000Z"),
		RemoteCreatedAt: at("2022-08-09T08:00:15.000Z"), RemoteUpdatedAt: at("2022-08-26T07:08:02.000Z"),
		CandidateRemoteID: "6712", JobRemoteID: "60", StageRemoteID: "21",
	}
	if diff := cmp.Diff(want, got, sameTime); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCurrentMove(t *testing.T) {
	type row struct{ id, raw string }
	const in = `"workflow_state":{"id":24,"type":"interview"}`
	const hired = `"workflow_state":{"id":20,"type":"end-good"}`
	for name, tc := range map[string]struct {
		rows    []row
		stage   string
		outcome ats.Outcome
	}{
		"one that is open":            {[]row{{"1", `{"date":"2022-01-01 10:00:00","end_date":"2022-01-02 10:00:00",` + hired + `}`}, {"2", `{"date":"2021-01-01 10:00:00",` + in + `}`}}, "24", ats.Pending},
		"several open: the latest":    {[]row{{"1", `{"date":"2022-01-01 10:00:00",` + hired + `}`}, {"2", `{"date":"2021-01-01 10:00:00",` + in + `}`}}, "20", ats.Hired},
		"several open, same second":   {[]row{{"9", `{"date":"2022-01-01 10:00:00",` + in + `}`}, {"10", `{"date":"2022-01-01 10:00:00",` + hired + `}`}}, "20", ats.Hired},
		"none open: the last":         {[]row{{"1", `{"date":"2022-01-01 10:00:00","end_date":"x",` + in + `}`}, {"2", `{"date":"2022-01-02 10:00:00","end_date":"x",` + hired + `}`}}, "20", ats.Hired},
		"none open, same second":      {[]row{{"99", `{"date":"2022-01-01 10:00:00","end_date":"x",` + in + `}`}, {"100", `{"date":"2022-01-01 10:00:00","end_date":"x",` + hired + `}`}}, "20", ats.Hired},
		"end is null":                 {[]row{{"1", `{"date":"2022-01-01 10:00:00","end_date":null,` + in + `}`}, {"2", `{"date":"2022-01-02 10:00:00","end_date":"x",` + hired + `}`}}, "24", ats.Pending},
		"date missing: created_at":    {[]row{{"1", `{"created_at":"2022-01-01 10:00:00",` + hired + `}`}, {"2", `{"date":"2021-01-01 10:00:00",` + in + `}`}}, "20", ats.Hired},
		"waiting is under way":        {[]row{{"1", `{"date":"2022-01-01 10:00:00","workflow_state":{"id":22,"type":"wait"}}`}}, "22", ats.Pending},
		"flag on the state":           {[]row{{"1", `{"date":"2022-01-01 10:00:00","workflow_state":{"id":50,"type":"wait"}}`}}, "50", ats.Declined},
		"flag on the row":             {[]row{{"1", `{"date":"2022-01-01 10:00:00","workflow_state":{"id":22,"type":"wait","is_rejection":true}}`}}, "22", ats.Declined},
		"type only on the state":      {[]row{{"1", `{"date":"2022-01-01 10:00:00","workflow_state":{"id":51}}`}}, "51", ats.Hired},
		"no state at all":             {[]row{{"1", `{"date":"2022-01-01 10:00:00"}`}}, "", ats.Pending},
		"a hired state with the flag": {[]row{{"1", `{"date":"2022-01-01 10:00:00","workflow_state":{"id":20,"type":"end-good","is_rejection":true}}`}}, "20", ats.Hired},
	} {
		t.Run(name, func(t *testing.T) {
			w := world{}.put(employee, "1", kindList, "", `{}`).put(recruitment, "2", kindList, "", `{}`).
				put(state, "50", workflow, "4", `{"id":50,"type":"wait","is_rejection":true}`).
				put(state, "51", workflow, "4", `{"id":51,"type":"end-good"}`)
			for _, r := range tc.rows {
				w = w.put(application, "1:2", kindMove, r.id, r.raw)
			}
			a := only[ats.Application](t, w.fold(t, unit(application, "1:2")), ats.Applications)
			if a.StageRemoteID != tc.stage || *a.Outcome != tc.outcome {
				t.Errorf("stage %q, outcome %s", a.StageRemoteID, *a.Outcome)
			}
			if (a.RejectedAt != nil) != (tc.outcome == ats.Declined) || a.RejectionReasonName != nil {
				t.Errorf("rejected at %v for %v", a.RejectedAt, a.RejectionReasonName)
			}
		})
	}
}

// A reason that was given and taken back again must not stay on the application.
func TestReasonOnlyForTheDeclined(t *testing.T) {
	w := rich().put(application, "6712:60", kindMove, "30", `{"id":30,"date":"2022-09-01 10:00:00","workflow_state":{"id":24,"type":"interview"}}`)
	a := only[ats.Application](t, w.fold(t, unit(application, "6712:60")), ats.Applications)
	if *a.Outcome != ats.Pending || a.RejectionReasonName != nil || a.RejectedAt != nil {
		t.Errorf("%+v", a)
	}
}

// A unit whose own row is gone gives empty sets, so that its records end.
func TestFoldOfWhatIsGone(t *testing.T) {
	for _, tc := range []struct {
		w      world
		unit   connector.Unit
		models []ats.Model
	}{
		{world{}, unit(user, "49"), []ats.Model{ats.Users}},
		{world{}, unit(role, "3"), []ats.Model{ats.Roles}},
		{world{}, unit(role, "responsible_person"), []ats.Model{ats.Roles}},
		{world{}, unit(state, "24"), []ats.Model{ats.ApplicationStages}},
		{world{}, unit(tag, "1"), []ats.Model{ats.Tags}},
		{world{}, unit(rejection, "34"), []ats.Model{ats.RejectionReasons}},
		{rich().without(recruitment, "60", kindList), unit(recruitment, "60"), []ats.Model{ats.Jobs, ats.JobStages, ats.HiringTeam, ats.JobPostings}},
		{rich().without(employee, "6712", kindList), unit(employee, "6712"), []ats.Model{ats.Candidates, ats.CandidateTags}},
		{rich().without(application, "6712:60", kindMove), unit(application, "6712:60"), []ats.Model{ats.Applications}},
		{rich().without(employee, "6712", kindList), unit(application, "6712:60"), []ats.Model{ats.Applications}},
		{rich().without(recruitment, "60", kindList), unit(application, "6712:60"), []ats.Model{ats.Applications}},
		{rich(), unit(workflow, "4"), nil},
		{rich(), unit(dictionaryItem, "143"), nil},
		{rich(), allPipelines, nil},
	} {
		f := tc.w.fold(t, tc.unit)
		var models []ats.Model
		for _, s := range f.Sets {
			models = append(models, s.Model)
			if len(s.Records) != 0 {
				t.Errorf("%s still gives %v", tc.unit, s.Records)
			}
		}
		if diff := cmp.Diff(tc.models, models); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.unit, diff)
		}
	}
}

// Connections belong to the record whose ID, not remote ID, stands in the column.
func TestOwners(t *testing.T) {
	for _, u := range []connector.Unit{unit(recruitment, "60"), unit(employee, "6712")} {
		for _, s := range rich().fold(t, u).Sets {
			for _, e := range s.Records {
				r, err := ats.Render(namespace, e)
				if err != nil {
					t.Fatal(err)
				}
				if s.Column == "" && r.RemoteID != u.ID || s.Column != "" && r.Values[s.Column] != s.Owner {
					t.Errorf("%s %s does not belong to the set of %s", s.Model, r.RemoteID, u)
				}
			}
		}
	}
}

func TestNeeds(t *testing.T) {
	c := New(Options{})
	for _, tc := range []struct {
		unit connector.Unit
		want []connector.Need
	}{
		{unit(user, "49"), nil},
		{unit(state, "24"), []connector.Need{{Unit: allPipelines}}},
		{unit(recruitment, "60"), []connector.Need{{Unit: allPipelines}}},
		{unit(employee, "6712"), []connector.Need{{Unit: unit(dictionaryItem, "143")}}},
		{unit(application, "6712:60"), []connector.Need{
			{Unit: unit(employee, "6712"), Exists: kindList}, {Unit: unit(recruitment, "60"), Exists: kindList}, {Unit: unit(rejected, "6712@1660032015000")},
		}},
	} {
		if diff := cmp.Diff(tc.want, c.Needs(tc.unit, rich().of(tc.unit))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.unit, diff)
		}
	}
}

func TestFoldReportsBrokenParts(t *testing.T) {
	_, err := New(Options{}).Fold(connector.FoldInput{Unit: unit(user, "1"), Parts: world{}.put(user, "1", kindList, "", `{`)})
	if err == nil {
		t.Error("a broken part was folded")
	}
}
