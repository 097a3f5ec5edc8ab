package traffit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// off gives scopes without a field, or without a model when it has no name.
func off(remoteData bool, fields ...field) ats.Scopes {
	config := ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{}}
	for _, f := range fields {
		scope := config.Models[f.model]
		if scope.Fields == nil {
			scope.Fields = map[string]ats.Setting{}
		}
		if f.name == "" {
			scope.Setting = ats.Disabled
		} else {
			scope.Fields[f.name] = ats.Disabled
		}
		config.Models[f.model] = scope
	}
	return config.Scopes(nil, remoteData)
}

// claimed lists the fields that coverage.go claims and that can be switched off.
func claimed() []field {
	var all []field
	for _, m := range New(Options{}).Tool().Models {
		for _, f := range m.Fields {
			claims := f.Status == connector.Supported || f.Status == connector.CoverageUnknown
			if claims && !ats.FixedField(m.Model, f.ID) && f.ID != "remote_data" {
				all = append(all, field{m.Model, f.ID})
			}
		}
	}
	return all
}

// kept applies Keep to a world.
func (w world) kept(t testing.TB, s ats.Scopes) world {
	t.Helper()
	var out world
	for _, p := range w {
		raw, err := New(Options{}).Keep(p.PartKey, p.Raw, s)
		if err != nil {
			t.Fatal(err)
		}
		if raw != nil {
			p.Raw = raw
			out = append(out, p)
		}
	}
	return out
}

// mirror reads a simulated tenant as a first sync does.
func read(t testing.TB, tn *tenant) world {
	t.Helper()
	var w world
	for _, step := range tn.Plan() {
		switch {
		case step.List != nil:
			for n, pages := 1, 1; n <= pages; n++ {
				p, err := step.List.Page(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				pages = p.Pages
				rows, err := p.Rows()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					w = append(w, r.Parts...)
				}
			}
		case step.Each != nil:
			for _, p := range slices.Clone(w) {
				if p.Entity != step.Each.Of.Entity || p.Kind != step.Each.Of.Kind || p.Rank > step.Each.MaxRank {
					continue
				}
				parts, err := step.Each.Fetch(t.Context(), p.Unit)
				if err != nil {
					t.Fatal(err)
				}
				w = append(w, parts...)
			}
		}
	}
	return w
}

// folded gives all records of a world's units, blanked, by model and remote ID.
func (w world) folded(t testing.TB, units []connector.Unit, s ats.Scopes, settings connector.FieldSettings) map[string]string {
	t.Helper()
	byUnit := map[connector.Unit][]connector.Part{}
	for _, p := range w {
		byUnit[p.Unit] = append(byUnit[p.Unit], p)
	}
	c := New(Options{})
	out := map[string]string{}
	for _, u := range units {
		in := connector.FoldInput{Unit: u, Parts: byUnit[u], Others: map[connector.Unit][]connector.Part{}, IDs: namespace, Fields: settings}
		for _, n := range c.Needs(u, in.Parts) {
			in.Others[n.Unit] = byUnit[n.Unit]
		}
		f, err := c.Fold(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range f.Sets {
			if !s.Model(set.Model) {
				continue
			}
			for _, e := range set.Records {
				r, err := ats.Render(namespace, ats.Blank(set.Model, e, s))
				if err != nil {
					t.Fatal(err)
				}
				values, _ := json.Marshal(r.Values)
				out[string(set.Model)+" "+r.RemoteID] = string(r.Own) + string(r.Ref) + string(values)
			}
		}
	}
	return out
}

func (w world) units() []connector.Unit {
	var units []connector.Unit
	seen := map[connector.Unit]bool{}
	for _, p := range w {
		if !seen[p.Unit] {
			seen[p.Unit] = true
			units = append(units, p.Unit)
		}
	}
	return units
}

// Whatever is switched off, what stays makes the same records without it.
func TestKeptPartsFoldTheSame(t *testing.T) {
	_, tn := simulated(t, nil, func(c *sandbox.Config) { c.Candidates, c.Recruitments, c.Adverts = 25, 12, 12 })
	settings := connector.FieldSettings{
		Passthrough: map[ats.Model][]connector.PassthroughField{
			ats.Jobs: {{ID: "f", Key: "client", Type: defaultField}}, ats.Candidates: {{ID: "f", Key: "candidate_about", Type: defaultField}},
		},
		Custom: map[ats.Model]map[string]string{ats.Jobs: {"a": "_cost_center", "b": "_stack"}, ats.Candidates: {"a": "_education"}},
	}
	narrow := claimed()
	for _, m := range ats.Models() {
		narrow = append(narrow, field{model: m})
	}
	for name, w := range map[string]world{"fixtures": rich(), "simulator": read(t, tn)} {
		units := w.units()
		for _, f := range narrow {
			t.Run(fmt.Sprintf("%s %s.%s", name, f.model, f.name), func(t *testing.T) {
				s := off(false, f)
				if s.Whole() {
					t.Fatal("nothing is off")
				}
				if diff := cmp.Diff(w.folded(t, units, s, settings), w.kept(t, s).folded(t, units, s, settings)); diff != "" {
					t.Errorf("(-uncut +kept):\n%s", diff)
				}
			})
		}
	}
}

// plantedWorld is one part of each kind in which every key holds its own path, as mapping.md names it.
// Objects are as deep as they were seen, and deeper where others might be.
func plantedWorld() world {
	const person = `{"id":1,"name":"%s.name","lastname":"%s.lastname","email":"%s.email","username":"%s.username","more":"%s.more"}`
	who := func(path string) string { return strings.ReplaceAll(person, "%s", path) }
	by := func(path string) string {
		return `"created_by":` + who(path+".created_by") + `,"updated_by":` + who(path+".updated_by") + `,"other":"` + path + `.other","_own":"` + path + `._own"`
	}
	values := func(path string, keys ...string) string {
		var b strings.Builder
		for _, key := range keys {
			fmt.Fprintf(&b, `%q:%q,`, key, path+"."+key)
		}
		return b.String()
	}
	job := func(path string) string {
		return `{"id":60,` + values(path, "name", "nrRef", "is_closed", "status", "is_confidential", "closing_date", "created_at", "updated_at", "workflow_id", "workflow") +
			`"client":{"id":1,"name":"` + path + `.client"},"responsible_person":[` + who(path+".responsible_person") + `,{"user":` + who(path+".responsible_person.user") + `}],` + by(path) + `}`
	}
	person6712 := func(path string) string {
		return `{"id":6712,` + values(path, "name", "lastname", "email", "mobile", "linkedin", "linkedin_id", "candidate_location", "candidate_about", "source",
			"_Position", "_job_title", "_firma", "_Company", "status", "created_at", "updated_at") + by(path) + `}`
	}
	stage := func(path string) string {
		return `{"id":24,` + values(path, "name", "type", "is_rejection", "rank") + `"other":"` + path + `.other"}`
	}
	return world{}.
		put(user, "49", kindList, "", `{"id":49,`+values("user", "name", "lastname", "email", "username", "is_active", "updated_at")+
			`"permission_group":{"id":"user.permission_group","name":"user.permission_group.name"},`+by("user")+`}`).
		put(role, "3", kindUsers, "", `{"id":3,"name":"role.name","other":"role.other"}`).
		put(dictionary, "5", kindList, "", `{"id":5,"name":"dictionary.name","updated_at":"dictionary.updated_at"}`).
		put(dictionary, "5", kindDetail, "", `{"items":2}`).
		put(dictionaryItem, "143", dictionary, "5", `{"id":143,"value":"dictionary_item.value","name":"dictionary_item.name","other":"dictionary_item.other"}`).
		put(workflow, "4", kindList, "", `{"id":4,"name":"workflow.name"}`).
		put(workflow, "4", kindDetail, "", `{"id":4,"name":"workflow.name","states":[`+stage("workflow.state")+`]}`).
		put(state, "24", workflow, "4", stage("state")).
		put(pipelines, "all", workflow, "4", `{"workflow":"4","states":["24"]}`).
		put(recruitment, "60", kindList, "", job("job")).
		put(recruitment, "60", kindDetail, "", job("detail")).
		put(recruitment, "60", kindRejections, "", `{"rejections":["34"]}`).
		put(recruitment, "60", kindAdvert, "900", `{"id":900,"url":"advert.url","other":"advert.other","advert":{"id":1,"name":"advert.name","locations":["advert.locations"],
			"recruitment":{"id":60,"nr_ref":"advert.nr_ref","workflow_id":"advert.workflow_id"},"values":[{"field_id":"description","value":"advert.description"},
			{"field_id":"benefits","value":"advert.benefits"},{"field_id":"requirements","value":"advert.requirements"},{"field_id":"responsibilities","value":"advert.responsibilities"},
			{"field_id":"geolocation","value":"advert.geolocation"},{"field_id":"slogan","value":"advert.slogan"}]},"options":{`+
			values("option", "job_type", "Job_Type.translation", "branches", "remote", "_work_model", "work_model", "_Department", "department.translation", "job_location",
				"_experience_level", "experience_level", "_seniority", "_experience", "_Salary", "_salary_amount", "_Salary_MIN", "_salary_from", "_Salary_MAX", "_salary_to",
				"_Salary_Currency", "_Salary_Rate", "_salary_period", "emp_number")+`"_own":"option._own","_own.translation":"option._own"}}`).
		put(rejection, "34", recruitment, "60", `{"id":"34","name":"rejection.name"}`).
		put(employee, "6712", kindList, "", person6712("candidate")).
		put(employee, "6712", kindSource, "9", `{"id":9,"employee":`+person6712("source.employee")+`,"dictionary_item":{"id":143,"value":"source.value"},"url":"source.url"}`).
		put(employee, "6712", kindTags, "", `{"tags":["tags.ids"]}`).
		put(tag, "1", kindCandidate, "", `{"id":"1","name":"tag.name"}`).
		put(application, "6712:60", kindMove, "24", `{"id":24,`+values("move", "date", "end_date", "created_at", "updated_at")+`"employee":`+person6712("move.employee")+
			`,"recruitment":`+job("move.recruitment")+`,"workflow_state":`+strings.Replace(stage("move.state"), `"id":24`, `"id":"move.state.id"`, 1)+`,`+by("move")+`}`).
		put(rejected, "6712@1660032015000", kindActivity, "5", `{"date":"activity.date","rejection":{"id":"activity.id","name":"activity.name"}}`)
}

// standsIn says where the values of a field come from, and which of those another field needs as well.
var standsIn = map[field]struct{ only, shared []string }{
	{ats.Users, "first_name"}:   {only: people("name")},
	{ats.Users, "last_name"}:    {only: people("lastname")},
	{ats.Users, "email"}:        {only: append(people("email"), people("username")...)},
	{ats.Users, "status"}:       {only: []string{"user.is_active"}},
	{ats.Users, "system_roles"}: {only: []string{"user.permission_group"}},
	{ats.Roles, "remote_label"}: {only: []string{"role.name", "user.permission_group.name"}},
	{ats.Roles, "scope"}:        {}, // our own words

	{ats.Jobs, "name"}:     {only: []string{"job.name", "detail.name", "move.recruitment.name"}},
	{ats.Jobs, "job_code"}: {only: []string{"job.nrRef", "detail.nrRef", "advert.nr_ref", "move.recruitment.nrRef"}},
	{ats.Jobs, "description"}: {
		shared: []string{"advert.description", "advert.benefits", "advert.requirements", "advert.responsibilities"}, // description_html
	},
	{ats.Jobs, "confidential"}: {shared: []string{"job.is_confidential", "detail.is_confidential"}}, // visibility
	{ats.Jobs, "visibility"}:   {shared: []string{"job.is_confidential", "detail.is_confidential"}}, // confidential
	{ats.Jobs, "status"}: {only: []string{
		"job.is_closed", "job.status", "detail.is_closed", "detail.status", "move.recruitment.is_closed", "move.recruitment.status",
	}},
	{ats.Jobs, "category"}:           {only: []string{"option.branches"}},
	{ats.Jobs, "post_url"}:           {shared: []string{"advert.url"}}, // of postings
	{ats.Jobs, "remote_work_status"}: {only: []string{"option._work_model", "option.work_model", "option.remote"}},
	{ats.Jobs, "location"}:           {only: []string{"advert.geolocation", "advert.locations", "option.job_location"}},
	{ats.Jobs, "custom_fields"}:      {shared: []string{"job._own", "detail._own", "option._own"}}, // integration_fields
	{ats.Jobs, "integration_fields"}: {shared: []string{"job._own", "detail._own", "option._own"}}, // custom_fields
	{ats.Jobs, "opened_at"}:          {shared: []string{"job.created_at"}},                         // remote_created_at
	{ats.Jobs, "remote_created_at"}:  {shared: []string{"job.created_at"}},                         // opened_at
	{ats.Jobs, "closed_at"}:          {only: []string{"job.closing_date", "detail.closing_date", "move.recruitment.closing_date"}},
	{ats.Jobs, "remote_updated_at"}:  {only: []string{"job.updated_at", "detail.updated_at", "move.recruitment.updated_at"}},
	{ats.Jobs, "stages"}: {only: []string{
		"job.workflow", "detail.workflow", "advert.workflow_id", "move.recruitment.workflow",
	}},
	{ats.Jobs, "job_postings"}: {only: []string{"advert.name"}},
	{ats.Jobs, "hiring_team"}: {only: []string{
		"job.responsible_person", "detail.responsible_person", "move.recruitment.responsible_person",
	}},
	{ats.Jobs, "employment_type"}:    {only: []string{"option.job_type", "option.Job_Type"}},
	{ats.Jobs, "department"}:         {only: []string{"option._Department", "option.department"}},
	{ats.Jobs, "experience_level"}:   {only: []string{"option._experience", "option.experience_level", "option._seniority"}},
	{ats.Jobs, "salary_amount"}:      {only: []string{`"option._Salary"`, "option._salary_amount"}},
	{ats.Jobs, "salary_amount_from"}: {only: []string{"option._Salary_MIN", "option._salary_from"}},
	{ats.Jobs, "salary_amount_to"}:   {only: []string{"option._Salary_MAX", "option._salary_to"}},
	{ats.Jobs, "salary_currency"}:    {only: []string{"option._Salary_Currency"}},
	{ats.Jobs, "salary_period"}:      {only: []string{"option._Salary_Rate", "option._salary_period"}},
	{ats.JobPostings, "title"}:       {only: []string{"advert.name"}},
	{ats.JobPostings, "description_html"}: {
		shared: []string{"advert.description", "advert.benefits", "advert.requirements", "advert.responsibilities"}, // description
	},
	{ats.JobPostings, "url"}:        {shared: []string{"advert.url"}}, // post_url
	{ats.JobPostings, "status"}:     {},                               // our own words
	{ats.JobPostings, "visibility"}: {},
	{ats.HiringTeam, "roles"}:       {},

	{ats.Candidates, "first_name"}:      {only: candidates("name")},
	{ats.Candidates, "last_name"}:       {only: candidates("lastname")},
	{ats.Candidates, "source"}:          {only: append(candidates("source"), "source.value", "dictionary_item.value", "dictionary_item.name")},
	{ats.Candidates, "phone_numbers"}:   {only: candidates("mobile")},
	{ats.Candidates, "email_addresses"}: {only: candidates("email")},
	{ats.Candidates, "social_media"}:    {only: candidates("linkedin", "linkedin_id")},
	{ats.Candidates, "location"}:        {only: candidates("candidate_location")},
	{ats.Candidates, "company"}:         {only: candidates("_firma", "_Company")},
	{ats.Candidates, "title"}:           {only: candidates("_Position", "_job_title")},
	{ats.Candidates, "custom_fields"}: {
		shared: []string{"candidate._own", "candidate.candidate_about"}, // integration_fields
	},
	{ats.Candidates, "integration_fields"}: {shared: []string{"candidate._own", "candidate.candidate_about"}}, // custom_fields
	{ats.Candidates, "remote_created_at"}:  {only: candidates("created_at")},
	{ats.Candidates, "remote_updated_at"}:  {only: candidates("updated_at")},
	{ats.Candidates, "applications"}:       {}, // records of their own
	{ats.Candidates, "tags"}:               {only: []string{"tags.ids"}},

	{ats.ApplicationStages, "name"}:         {only: []string{"state.name", "move.state.name"}},
	{ats.ApplicationStages, "status"}:       {},
	{ats.ApplicationStages, "global_index"}: {shared: []string{"state.rank"}}, // the index, which stages always have
	{ats.Tags, "name"}:                      {only: []string{"tag.name"}},
	{ats.RejectionReasons, "name"}:          {only: []string{"rejection.name"}}, // activity.name is rejection_reason_name

	// What an application is now follows from the moments of all its moves, and the state of the last one.
	{ats.Applications, "outcome"}:               {shared: whereItStands},
	{ats.Applications, "rejected_at"}:           {shared: whereItStands},
	{ats.Applications, "rejection_reason_name"}: {only: []string{"activity"}, shared: whereItStands},
	{ats.Applications, "current_stage_id"}:      {shared: []string{"move.state.id", "move.date", "move.end_date"}},
	{ats.Applications, "remote_created_at"}:     {shared: []string{"move.date", "move.created_at"}},
	{ats.Applications, "remote_updated_at"}:     {only: []string{"move.updated_at"}},
	{ats.Applications, "candidate"}:             {},
	{ats.Applications, "current_stage"}:         {},
	{ats.Applications, "job"}:                   {},
}

var whereItStands = []string{
	"move.date", "move.end_date", "move.created_at", "move.state.id", "move.state.type", "state.type", "move.state.is_rejection", "state.is_rejection",
}

// people are the places where users are named.
func people(key string) []string {
	paths := []string{"user." + key}
	for _, in := range []string{"user", "job", "detail", "candidate", "move", "source.employee", "move.employee", "move.recruitment"} {
		paths = append(paths, in+".created_by."+key, in+".updated_by."+key)
	}
	for _, in := range []string{"job", "detail", "move.recruitment"} {
		paths = append(paths, in+".responsible_person."+key, in+".responsible_person.user."+key)
	}
	return paths
}

// candidates are the places where a key of a candidate stands.
func candidates(keys ...string) []string {
	var paths []string
	for _, in := range []string{"candidate", "source.employee", "move.employee"} {
		for _, key := range keys {
			paths = append(paths, in+"."+key)
		}
	}
	return paths
}

// finds tells whether a path, or one below it, stands in what is stored.
func (w world) finds(path string) (connector.Part, bool) {
	path = strings.Trim(path, `"`)
	for _, p := range w {
		for _, end := range []string{`"`, `.`} {
			if bytes.Contains(p.Raw, []byte(`"`+path+end)) {
				return p, true
			}
		}
	}
	return connector.Part{}, false
}

// Nothing of a field that is off is stored, be it in raw data or as a custom field, unless another
// field that is on takes its value from the same key.
func TestNothingOfAFieldThatIsOff(t *testing.T) {
	all := plantedWorld()
	for _, f := range claimed() {
		places, listed := standsIn[f]
		if !listed {
			t.Errorf("nothing says where %s.%s comes from", f.model, f.name)
		}
		for _, remoteData := range []bool{false, true} {
			kept := all.kept(t, off(remoteData, f))
			for _, path := range places.only {
				if _, planted := all.finds(path); !planted && !strings.Contains(path, "user.created_by") {
					t.Errorf("%s.%s: %s is planted nowhere", f.model, f.name, path)
				}
				if p, found := kept.finds(path); found {
					t.Errorf("%s.%s is off, and %s stands in %s %s", f.model, f.name, path, p.Unit, p.Kind)
				}
			}
			for _, path := range places.shared {
				if _, found := kept.finds(path); !found {
					t.Errorf("%s.%s is off, and %s is not kept for others", f.model, f.name, path)
				}
			}
			// Without the others, what is shared goes as well.
			alone := []field{f}
			for other, o := range standsIn {
				if slices.ContainsFunc(o.shared, func(path string) bool { return slices.Contains(places.shared, path) }) {
					alone = append(alone, other)
				}
			}
			if f.model == ats.ApplicationStages { // the index is always there
				continue
			}
			kept = all.kept(t, off(remoteData, alone...))
			for _, path := range places.shared {
				if p, found := kept.finds(path); found {
					t.Errorf("%v are off, and %s stands in %s %s", alone, path, p.Unit, p.Kind)
				}
			}
		}
	}
}

// Nothing of a model that is off is stored but that its records exist.
func TestNothingOfAModelThatIsOff(t *testing.T) {
	all := plantedWorld()
	for _, m := range ats.Models() {
		for _, remoteData := range []bool{false, true} {
			kept := all.kept(t, off(remoteData, field{model: m}))
			for f, places := range standsIn {
				if f.model != m {
					continue
				}
				for _, path := range places.only {
					if p, found := kept.finds(path); found {
						t.Errorf("%s is off, and %s stands in %s %s", m, path, p.Unit, p.Kind)
					}
				}
			}
		}
	}
}

// Raw data hold what serves nothing only where somebody asked for them.
func TestNothingThatServesNothing(t *testing.T) {
	all := plantedWorld()
	someField := field{ats.Jobs, "department"} // so that the scopes are not whole
	for _, remoteData := range []bool{false, true} {
		kept := all.kept(t, off(remoteData, someField))
		for _, path := range []string{
			"user.other", "job.other", "detail.other", "candidate.other", "move.other", "advert.other", "advert.slogan", "option.emp_number",
			"source.url", "move.employee.mobile", "move.recruitment.name", "move.state.name", "job.created_by.name", "user.permission_group.name", "state.other",
		} {
			if _, found := kept.finds(path); found != remoteData {
				t.Errorf("remote_data %v: %s is kept: %v", remoteData, path, found)
			}
		}
		for _, path := range []string{"workflow.name", "dictionary.name", "activity.id", "activity.date"} {
			if _, found := kept.finds(path); found {
				t.Errorf("%s is kept", path)
			}
		}
	}
	nothing := []field{}
	for _, m := range ats.Models() {
		nothing = append(nothing, field{model: m})
	}
	if kept := all.kept(t, off(true, nothing...)); len(kept) > 0 {
		t.Errorf("all models are off, and %v stay", brief(kept))
	}
}

// Every kind of part that the plan brings has its place in the table, and the table no other.
func TestEveryKindOfPart(t *testing.T) {
	_, tn := simulated(t, nil, func(c *sandbox.Config) { c.Candidates, c.Recruitments = 25, 12 })
	met, planted := map[string]bool{}, map[string]bool{}
	for _, p := range read(t, tn) {
		met[p.Entity+" "+p.Kind] = true
	}
	for _, p := range plantedWorld() {
		planted[p.Entity+" "+p.Kind] = true
	}
	for _, k := range kindsOfParts {
		what := k.entity + " " + k.kind
		if !met[what] || !planted[what] {
			t.Errorf("%s is read: %v, planted: %v", what, met[what], planted[what])
		}
		delete(met, what)
		if !slices.ContainsFunc(plan, func(p planned) bool { return p.name == k.step }) {
			t.Errorf("%s comes with the step %q, which there is not", what, k.step)
		}
	}
	for what := range met {
		t.Errorf("%s is read and not in the table", what)
	}
}

func TestKeepOfOddParts(t *testing.T) {
	s := off(false, field{ats.Jobs, "name"})
	for name, tc := range map[string]struct {
		key       connector.PartKey
		raw, want string
		fails     bool
	}{
		"withdrawn":    {key: connector.PartKey{Unit: unit(user, "1"), Kind: kindList}},
		"unknown kind": {key: connector.PartKey{Unit: unit(user, "1"), Kind: "new"}, raw: `{"id":1}`},
		"broken":       {key: connector.PartKey{Unit: unit(user, "1"), Kind: kindList}, raw: `{`, fails: true},
		"bare values": {
			key: connector.PartKey{Unit: unit(recruitment, "1"), Kind: kindDetail}, raw: `{"id":1,"responsible_person":49,"name":"x"}`,
			want: `{"id":1,"responsible_person":49}`,
		},
		"a text that is alone": {
			key: connector.PartKey{Unit: unit(recruitment, "1"), Kind: kindAdvert, Part: "9"}, raw: `{"advert":{"values":{"field_id":"benefits","value":"x"}},"id":9}`,
			want: `{"advert":{"values":[{"field_id":"benefits","value":"x"}]},"id":9}`,
		},
		"null": {key: connector.PartKey{Unit: unit(application, "1:2"), Kind: kindMove}, raw: `{"employee":null,"id":1}`, want: `{"employee":null,"id":1}`},
	} {
		var raw []byte
		if tc.raw != "" {
			raw = []byte(tc.raw)
		}
		got, err := New(Options{}).Keep(tc.key, raw, s)
		if string(got) != tc.want || (err != nil) != tc.fails {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// Whoever a part is about is named, and nobody else.
func TestAbout(t *testing.T) {
	_, tn := simulated(t, map[string]string{"dangling": "history:3,sources:3,activities:3"}, func(c *sandbox.Config) { c.Candidates, c.Recruitments = 25, 12 })
	c := New(Options{})
	personal := []string{employee, application, rejected}
	for _, p := range append(read(t, tn), plantedWorld()...) {
		candidate, app := c.About(p)
		if slices.Contains(personal, p.Entity) != (candidate != "") {
			t.Errorf("%s %s is about %q", p.Unit, p.Kind, candidate)
		}
		if (p.Entity == application) != (app != "") {
			t.Errorf("%s %s is about the application %q", p.Unit, p.Kind, app)
		}
	}
	for key, want := range map[connector.PartKey][2]string{
		{Unit: unit(employee, "7"), Kind: kindList}:                      {"7", ""},
		{Unit: unit(employee, "7"), Kind: kindTags}:                      {"7", ""},
		{Unit: unit(employee, "7"), Kind: kindSource, Part: "9"}:         {"7", ""},
		{Unit: unit(employee, ""), Kind: kindSource, Part: "9"}:          {nobody, ""},
		{Unit: unit(application, "7:60"), Kind: kindMove, Part: "1"}:     {"7", "7:60"},
		{Unit: unit(application, ":60"), Kind: kindMove, Part: "1"}:      {nobody, ":60"},
		{Unit: unit(rejected, "7@1660032015000"), Kind: kindActivity}:    {"7", ""},
		{Unit: unit(tag, "1"), Kind: kindCandidate}:                      {"", ""},
		{Unit: unit(recruitment, "60"), Kind: kindList}:                  {"", ""},
		{Unit: unit(rejection, "34"), Kind: recruitment, Part: "60"}:     {"", ""},
		{Unit: unit(dictionaryItem, "143"), Kind: dictionary, Part: "5"}: {"", ""},
	} {
		candidate, app := c.About(connector.Part{PartKey: key})
		if [2]string{candidate, app} != want {
			t.Errorf("%s %s is about %q and %q", key.Unit, key.Kind, candidate, app)
		}
	}
}
