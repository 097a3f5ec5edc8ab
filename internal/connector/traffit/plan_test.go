package traffit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// brief renders parts as lines that are easy to compare.
func brief(ps []connector.Part) []string {
	var out []string
	for _, p := range ps {
		line := p.Unit.String() + " " + p.Kind
		if p.Part != "" {
			line += " " + p.Part
		}
		if p.Version != "" {
			line += " @" + p.Version
		}
		if p.Rank != 0 {
			line += fmt.Sprintf(" rank %d", p.Rank)
		}
		out = append(out, line+" "+string(p.Raw))
	}
	return out
}

func TestListings(t *testing.T) {
	f := newFake(t)
	f.lists["/users/"] = []string{
		`{"id":28,"permission_group":{"id":3,"name":"Admin"},"updated_at":"2022-12-22 11:51:23"}`, `{"id":29,"permission_group":null}`, `{"name":"no ID"}`,
	}
	f.lists["/dictionaries"] = []string{`{"id":5,"name":"Sources"}`}
	f.lists["/workflows"] = []string{`{"id":4,"name":"W","updated_at":"2025-03-26 09:18:05"}`}
	f.lists["/public/job_posts/published"] = []string{
		`{"id":900,"url":"/public/an/abc","advert":{"id":1,"recruitment":{"id":60}}}`, `{"id":901,"url":"https://x.example/y","advert":{"recruitment":{"id":60}}}`,
	}
	f.lists["/recruitments/"] = []string{`{"id":60,"is_closed":true,"updated_at":"2023-02-22 09:54:21"}`, `{"id":61,"is_closed":false}`}
	f.lists["/employees/"] = []string{`{"name":"B","id":1246,"_X":null}`}
	f.lists["/employees/recruitment_history"] = []string{
		`{"id":19,"employee":{"id":6708},"recruitment":{"id":52},"updated_at":"u"}`, `{"id":20,"employee":null,"recruitment":{"id":52}}`,
	}
	f.lists["/sources"] = []string{`{"id":5,"employee":{"id":6708},"dictionary_item":{"id":143}}`, `{"id":6}`}
	f.lists["/employees/activities"] = []string{
		`{"id":1,"content":"Zadzwonić do Jana","activity_date":"2022-07-19 06:59:26","employee":{"id":7}}`,
		`{"id":2,"content":"{\"to_state\":{\"id\":21},\"rejection\":{\"id\":34,\"name\":\"Po CV\"},\"description\":\"private\"}","activity_date":"2022-07-19 06:59:26","employee":{"id":7}}`,
		`{"id":3,"content":"{\"to_state\":{\"id\":22}}","activity_date":"2022-07-19 06:59:26","employee":{"id":7}}`,
		`{"id":4,"content":null,"employee":{"id":7}}`,
	}
	f.special["/public/job_posts/published"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the public feed got a token")
		}
		f.page(w, r, f.lists[r.URL.Path])
	}
	tn := f.open()
	for name, want := range map[string][][]string{
		"users": {
			{
				`user/28 list @2022-12-22 11:51:23 {"id":28,"permission_group":{"id":3,"name":"Admin"},"updated_at":"2022-12-22 11:51:23"}`,
				`role/3 users {"id":3,"name":"Admin"}`,
				`role/responsible_person users {"id":"responsible_person"}`,
			},
			{`user/29 list {"id":29,"permission_group":null}`},
			nil,
		},
		"dictionaries": {{`dictionary/5 list {"id":5,"name":"Sources"}`}},
		"workflows":    {{`workflow/4 list @2025-03-26 09:18:05 {"id":4,"name":"W","updated_at":"2025-03-26 09:18:05"}`}},
		"adverts": {
			{`recruitment/60 advert 900 {"advert":{"id":1,"recruitment":{"id":60}},"id":900,"url":"` + f.URL + `/public/an/abc"}`},
			{`recruitment/60 advert 901 {"advert":{"recruitment":{"id":60}},"id":901,"url":"https://x.example/y"}`},
		},
		"recruitments": {
			{`recruitment/60 list @2023-02-22 09:54:21 rank 1 {"id":60,"is_closed":true,"updated_at":"2023-02-22 09:54:21"}`},
			{`recruitment/61 list {"id":61,"is_closed":false}`},
		},
		"employees": {{`employee/1246 list {"_X":null,"id":1246,"name":"B"}`}},
		"history": {
			{`application/6708:52 move 19 @u {"employee":{"id":6708},"id":19,"recruitment":{"id":52},"updated_at":"u"}`},
			{`application/:52 move 20 {"employee":null,"id":20,"recruitment":{"id":52}}`},
		},
		"sources": {
			{`employee/6708 source 5 {"dictionary_item":{"id":143},"employee":{"id":6708},"id":5}`},
			{`employee/ source 6 {"id":6}`},
		},
		"activities": {
			nil,
			{`rejected/7@1658206766000 activity 2 {"date":"2022-07-19 06:59:26","rejection":{"id":"34","name":"Po CV"}}`},
			nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := step(t, tn, name)
			before := ats.TimeOf(tn.now())
			p, err := s.List.Page(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := p.Rows()
			if err != nil {
				t.Fatal(err)
			}
			var got [][]string
			for _, r := range rows {
				got = append(got, brief(r.Parts))
				covered := 0
				for _, part := range r.Parts {
					if part.ObservedAt.Milli() < before.Milli() {
						t.Error("a part was observed before it was asked for")
					}
					if c := s.List.Covers; len(c) > 0 && part.Entity == c[0].Entity && part.Kind == c[0].Kind {
						covered++
					}
				}
				if len(s.List.Covers) > 0 && len(r.Parts) > 0 && covered != 1 {
					t.Errorf("%d parts of the first cover in %v", covered, brief(r.Parts))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFetches(t *testing.T) {
	f := newFake(t)
	f.objects["/workflows/4"] = `[{"id":4,"name":"W","states":[
		{"id":21,"name":"Rejected","type":"end-bad","order":9999998},{"id":19,"name":"New","order":0},
		{"id":20,"order":"1"},{"id":18,"order":1},{"id":30},{"id":19},"odd"]}]`
	f.objects["/recruitments/60"] = `{"id":60,"workflow_id":4,"updated_at":"u"}`
	f.objects["/dictionaries/5"] = `{"id":5,"items":[{"id":143,"value":"LinkedIn"},{"value":"no ID"}]}`
	f.objects["/dictionaries/6"] = `[{"id":150,"value":"E-mail"}]`
	f.objects["/dictionaries/7"] = `[[{"id":150,"value":"E-mail"},{"id":151,"value":"Targi"}]]`
	f.objects["/dictionaries/8"] = `[{"id":8,"values":[{"id":160,"value":"X"}]}]`
	f.lists["/recruitments/60/rejections"] = []string{`{"id":34,"name":"Po CV"}`, `{"id":35,"value":"Inny"}`}
	f.lists["/employees/7/tags"] = []string{`{"id":1,"name":"java"}`, `{"tag":{"id":2,"name":"go"}}`}
	f.lists["/employees/8/tags"] = nil
	tn := f.open()
	for _, tc := range []struct {
		step string
		unit connector.Unit
		want []string
	}{
		{"workflow details", unit(workflow, "4"), []string{
			"-", // the workflow itself, compared below
			`state/19 workflow 4 {"id":19,"name":"New","order":0,"rank":0,"workflow_id":"4"}`,
			`state/18 workflow 4 {"id":18,"order":1,"rank":1,"workflow_id":"4"}`,
			`state/20 workflow 4 {"id":20,"order":"1","rank":2,"workflow_id":"4"}`,
			`state/21 workflow 4 {"id":21,"name":"Rejected","order":9999998,"rank":3,"type":"end-bad","workflow_id":"4"}`,
			`state/30 workflow 4 {"id":30,"rank":4,"workflow_id":"4"}`,
			`pipelines/all workflow 4 {"states":["19","18","20","21","30"],"workflow":"4"}`,
		}},
		{"recruitment details", unit(recruitment, "60"), []string{`recruitment/60 detail @u {"id":60,"updated_at":"u","workflow_id":4}`}},
		{"dictionary items", unit(dictionary, "5"), []string{
			`dictionary/5 detail {"items":2}`, `dictionary_item/143 dictionary 5 {"id":143,"value":"LinkedIn"}`,
		}},
		{"dictionary items", unit(dictionary, "6"), []string{
			`dictionary/6 detail {"items":1}`, `dictionary_item/150 dictionary 6 {"id":150,"value":"E-mail"}`,
		}},
		{"dictionary items", unit(dictionary, "7"), []string{
			`dictionary/7 detail {"items":2}`, `dictionary_item/150 dictionary 7 {"id":150,"value":"E-mail"}`,
			`dictionary_item/151 dictionary 7 {"id":151,"value":"Targi"}`,
		}},
		{"dictionary items", unit(dictionary, "8"), []string{`dictionary/8 detail {"items":1}`, `dictionary_item/160 dictionary 8 {"id":160,"value":"X"}`}},
		{"rejection reasons", unit(recruitment, "60"), []string{
			`recruitment/60 rejections {"rejections":["34","35"]}`,
			`rejection/34 recruitment 60 {"id":"34","name":"Po CV"}`, `rejection/35 recruitment 60 {"id":"35","name":"Inny"}`,
		}},
		{"tags", unit(employee, "7"), []string{
			`employee/7 tags {"tags":["1","2"]}`, `tag/1 candidate {"id":"1","name":"java"}`, `tag/2 candidate {"id":"2","name":"go"}`,
		}},
		{"tags", unit(employee, "8"), []string{`employee/8 tags {"tags":[]}`}},
	} {
		t.Run(tc.step, func(t *testing.T) {
			s := step(t, tn, tc.step)
			parts, err := s.Each.Fetch(t.Context(), tc.unit)
			if err != nil {
				t.Fatal(err)
			}
			if p := parts[0]; p.Unit != tc.unit || p.Kind != s.Each.Reads {
				t.Errorf("the first part is %s %s", p.Unit, p.Kind)
			}
			got := brief(parts)
			if tc.want[0] == "-" {
				got[0] = "-"
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, p := range parts[1:] {
				brought := slices.ContainsFunc(s.Each.Brings, func(c connector.Cover) bool {
					return c.Entity == p.Entity && c.Kind == p.Kind && p.Part == tc.unit.ID
				})
				if !brought && p.Entity != tag {
					t.Errorf("%s %s %s is not announced", p.Unit, p.Kind, p.Part)
				}
			}
		})
	}
}

// A shared address that does not exist must not make every unit below it look gone.
func TestFetchBelowAMissingAddress(t *testing.T) {
	f := newFake(t)
	f.objects["/employees/7"] = `{"id":7}`
	tn := f.open()
	fetch := step(t, tn, "tags").Each.Fetch
	if _, err := fetch(t.Context(), unit(employee, "7")); !is[*connector.AnswerError](err) || gone(err) {
		t.Errorf("a living candidate without the address: %v", err)
	}
	if _, err := fetch(t.Context(), unit(employee, "8")); !gone(err) {
		t.Errorf("a candidate who is gone: %v", err)
	}
	if _, err := step(t, tn, "recruitment details").Each.Fetch(t.Context(), unit(recruitment, "9")); !gone(err) {
		t.Errorf("a recruitment that is gone: %v", err)
	}
}

func TestShortListingsCostOneRequest(t *testing.T) {
	f := newFake(t)
	f.bare = true
	f.lists["/employees/7/tags"] = []string{`{"id":1,"name":"java"}`}
	if _, err := step(t, f.open(), "tags").Each.Fetch(t.Context(), unit(employee, "7")); err != nil {
		t.Fatal(err)
	}
	if n := len(f.sent(api + "/employees/7/tags")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestPlan(t *testing.T) {
	tn := newFake(t).open()
	names := map[string]bool{}
	loaded := map[ats.Model]bool{}
	for _, s := range tn.Plan() {
		if names[s.Name] {
			t.Errorf("two steps are called %q", s.Name)
		}
		names[s.Name] = true
		ways := 0
		for _, is := range []bool{s.List != nil, s.Each != nil, s.Fields != nil} {
			if is {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("%s has %d ways", s.Name, ways)
		}
		for _, m := range s.Loads {
			loaded[m] = true
		}
	}
	for _, m := range ats.Models() {
		if !loaded[m] {
			t.Errorf("no step loads %s", m)
		}
	}
	details := step(t, tn, "recruitment details").Each
	if details.MaxAge(rankOpen) != maxAgeOpen || details.MaxAge(rankClosed) != maxAgeClosed || details.MaxRank < rankClosed {
		t.Error("the ages of recruitment details are mixed up")
	}
}

func TestConfirms(t *testing.T) {
	f := newFake(t)
	f.objects["/employees/1"], f.objects["/recruitments/60"], f.objects["/users/28"] = `{"id":1}`, `{"id":60}`, `{"id":28}`
	f.special[api+"/employees/3"] = html(404)
	f.special[api+"/employees/4"] = answers(403, `{}`)
	confirms := f.open().Confirms()
	ask := func(entity, id string) (bool, error) {
		c := confirms[entity]
		u := unit(entity, id)
		present, err := c.Present(t.Context(), c.Group(u), []connector.Unit{u})
		return err == nil && present[0], err
	}
	for _, tc := range []struct {
		entity, id string
		present    bool
		fails      bool
	}{
		{employee, "1", true, false},
		{employee, "2", false, false},
		{employee, "3", false, true},
		{employee, "4", false, true},
		{recruitment, "60", true, false},
		{recruitment, "61", false, false},
		{user, "28", true, false},
		{user, "29", false, false},
	} {
		present, err := ask(tc.entity, tc.id)
		if present != tc.present || (err != nil) != tc.fails {
			t.Errorf("%s/%s: %v, %v", tc.entity, tc.id, present, err)
		}
	}
	for entity, c := range confirms {
		if c.Control != (entity != application) {
			t.Errorf("%s: control is %v", entity, c.Control)
		}
	}
}

func TestConfirmApplications(t *testing.T) {
	f := newFake(t)
	for i := range 150 {
		f.lists["/recruitments/60/employees"] = append(f.lists["/recruitments/60/employees"], fmt.Sprintf(`{"id":%d}`, i+1))
	}
	f.lists["/recruitments/61/employees"] = nil
	f.objects["/recruitments/62"] = `{"id":62}`
	f.special[api+"/recruitments/63/employees"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Result-Total-Count", "2")
		say(w, 200, `[{"id":1}]`)
	}
	c := f.open().Confirms()[application]
	units := []connector.Unit{unit(application, "150:60"), unit(application, "151:60"), unit(application, "1:60")}
	if g := c.Group(units[0]); g != "60" {
		t.Fatalf("group %q", g)
	}
	present, err := c.Present(t.Context(), "60", units)
	if diff := cmp.Diff([]bool{true, false, true}, present); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if present, err := c.Present(t.Context(), "61", units[:1]); err != nil || present[0] {
		t.Errorf("an empty recruitment: %v, %v", present, err)
	}
	if _, err := c.Present(t.Context(), "62", units); err == nil || gone(err) {
		t.Errorf("a recruitment whose candidates cannot be read: %v", err)
	}
	if _, err := c.Present(t.Context(), "63", units); err == nil || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("a listing that hides some: %v", err)
	}
	if _, err := c.Present(t.Context(), "64", units); !errors.Is(err, connector.ErrGone) {
		t.Errorf("a recruitment that is gone: %v", err)
	}
	if present, err := c.Present(t.Context(), "", []connector.Unit{unit(application, "1:")}); err != nil || present[0] {
		t.Errorf("an application of no recruitment: %v, %v", present, err)
	}
}
