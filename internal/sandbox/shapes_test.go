package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keys names a row's keys, those of nested objects as "a.b", those in lists as "a[].b".
func keys(prefix string, v any, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			out[prefix+name] = true
			keys(prefix+name+".", e, out)
		}
	case []any:
		for _, e := range v {
			keys(strings.TrimSuffix(prefix, ".")+"[].", e, out)
		}
	}
}

// TestShapes compares with keys seen on a real tenant: which are always there,
// and which may be.
func TestShapes(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	rid := s.recruitments.at(55).ID()
	for s.applicants(rid) == nil {
		rid--
	}
	eid := s.applicants(rid)[0]
	const location = " candidate_location.country candidate_location.iso candidate_location.region1 candidate_location.region2 candidate_location.region3" +
		" candidate_location.postcode candidate_location.locality candidate_location.latitude candidate_location.longitude"
	const employee = "id name lastname status files email created_at updated_at updated_by updated_by.id mobile candidate_about candidate_location " +
		"candidate_languages linkedin _nationality _experience _education _technologie _certificates _previous_employers _Position " +
		"_salary_expectation _available_from _relocation _portfolio"
	const employeeMaybe = "created_by created_by.id files[].filename files[].file_uploaded" + location
	for _, test := range []struct{ path, always, maybe string }{
		{"/users/", "is_active created_by created_by.id updated_by updated_by.id id permission_group permission_group.id permission_group.name username updated_at", "email name lastname"},
		{"/clients/", "id name created_by created_by.id updated_by updated_by.id created_at updated_at status", ""},
		{"/crm_persons/", "id name lastname email status created_by created_by.id updated_by updated_by.id created_at updated_at", "client client.id"},
		{"/workflows", "id name updated_at", ""},
		{"/workflows/details", "id name states states[].id states[].name states[].type states[].order states[].is_public states[].is_rejection states[].sid states[].time_limit", ""},
		{"/recruitments/", "is_confidential id name is_closed closing_date nrRef created_by created_by.id updated_by updated_by.id created_at updated_at", "client client.id client.name"},
		{fmt.Sprintf("/recruitments/%d/states", rid), "id name type workflow workflow.id order", "sid"},
		{fmt.Sprintf("/recruitments/%d/employees", rid), employee, employeeMaybe + " source source.id source.value owner owner.id"},
		{fmt.Sprintf("/recruitments/%d/rejections", rid), "id name", ""},
		{"/employees/", employee, employeeMaybe},
		{fmt.Sprintf("/employees/%d/files", eid), "id name", ""},
		{fmt.Sprintf("/employees/%d/activities", eid), "id activity_date type type.id type.value content created_at updated_at", "created_by created_by.id updated_by updated_by.id content.content"},
		{"/employees/activities", "id activity_date type type.id type.value content created_at updated_at employee employee.id", "created_by created_by.id updated_by updated_by.id content.content"},
		{
			"/employees/recruitment_history", "id date employee employee.id recruitment recruitment.id workflow_state workflow_state.id workflow_state.name workflow_state.type created_at updated_at updated_by updated_by.id",
			"end_date workflow_state.sid created_by created_by.id",
		},
		{"/sources", "id domain url employee employee.id dictionary_item dictionary_item.id", "dictionary_item.value employee_application employee_application.recruitment employee_application.recruitment.id"},
		{"/talents", "id name", ""},
	} {
		always, ever := map[string]bool{}, map[string]bool{}
		for i, row := range c.walk(t, test.path, 50) {
			got := map[string]bool{}
			keys("", row, got)
			if i == 0 {
				always = maps.Clone(got)
			}
			maps.DeleteFunc(always, func(k string, _ bool) bool { return !got[k] })
			maps.Copy(ever, got)
		}
		want := strings.Fields(test.always)
		allowed := append(strings.Fields(test.maybe), want...)
		for _, key := range want {
			if !always[key] {
				t.Errorf("%s: key %s is not always there", test.path, key)
			}
		}
		for key := range ever {
			if !slices.Contains(allowed, key) {
				t.Errorf("%s: key %s is not known", test.path, key)
			}
		}
		for _, key := range allowed {
			if !ever[key] && !strings.Contains(test.path, "/"+fmt.Sprint(eid)+"/") {
				if !strings.Contains(test.path, "/"+fmt.Sprint(rid)+"/") {
					t.Errorf("%s: key %s is never there", test.path, key)
				}
			}
		}
	}
}

func TestDetailShapes(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	plain := s.recruitments.at(0)
	for i := 0; len(plain.only(true)) > 0 || len(plain.Value("responsible_person").([]Row)) == 0; i++ {
		plain = s.recruitments.at(i)
	}
	wantKeys := func(a answer, want string) {
		t.Helper()
		got := slices.Sorted(maps.Keys(a.row(t)))
		if diff := cmp.Diff(slices.Sorted(slices.Values(strings.Fields(want))), got); diff != "" {
			t.Error(diff)
		}
	}
	path := fmt.Sprintf("/recruitments/%d", plain.ID())
	wantKeys(c.get(t, path), "workflow_id id status name client is_closed closing_date nrRef responsible_person created_by updated_by created_at updated_at")
	wantKeys(c.get(t, "/workflows/4"), "id name states")

	person := c.get(t, path).row(t)["responsible_person"].([]any)[0].(map[string]any)
	for shape, want := range map[string]any{"object": person, "user": map[string]any{"user": person}} {
		if err := s.Set("responsible.shape", shape); err != nil {
			t.Fatal(err)
		}
		got := c.get(t, path).row(t)["responsible_person"]
		if list, ok := got.([]any); ok {
			got = list[0]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", shape, diff)
		}
	}
	if err := s.Set("single.wrap", "true"); err != nil {
		t.Fatal(err)
	}
	if rows := c.get(t, path).rows(t); len(rows) != 1 {
		t.Errorf("wrapped detail has %d rows", len(rows))
	}

	employee := s.employees.at(0)
	notes := do(t, s, "GET", apiBase+fmt.Sprintf("/employees/%d/notes", employee.ID()), "", "Authorization", "Bearer "+c.token).rows(t)[0]
	if diff := cmp.Diff(decoded(t, employee), notes); diff != "" {
		t.Errorf("notes are not the candidate: %s", diff)
	}
}

func TestMetadata(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	for path, fields := range map[string]int{"/employees/": 28, "/recruitments/": 9, "/clients/": 9, "/crm_persons/": 12, "/sources": 5} {
		got := c.get(t, path, "X-Response-Metadata", "true").row(t)["fields"].(map[string]any)
		if len(got) < fields {
			t.Errorf("%s: %d fields, want at least %d", path, len(got), fields)
		}
		if diff := cmp.Diff(map[string]any{"type": "integer", "required": true, "structure": []any{}}, got["id"]); diff != "" {
			t.Errorf("%s id: %s", path, diff)
		}
	}
	location := c.get(t, "/employees/", "X-Response-Metadata", "true").row(t)["fields"].(map[string]any)["candidate_location"].(map[string]any)
	if n := len(location["structure"].([]any)); n != 9 {
		t.Errorf("location has %d parts", n)
	}
}

func TestKeyOrderVaries(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	if a, b := c.get(t, "/employees/"), c.get(t, "/employees/"); string(a.body) == string(b.body) {
		t.Error("two answers have the keys in the same order")
	} else if diff := cmp.Diff(a.rows(t), b.rows(t)); diff != "" {
		t.Error(diff)
	}
}

// TestPlanted looks for the oddities of real tenants in the data of the default size.
func TestPlanted(t *testing.T) {
	s := testSandbox(t, Config{})
	found := map[string]int{}
	see := func(what string, ok bool) {
		if ok {
			found[what]++
		} else if _, there := found[what]; !there {
			found[what] = 0
		}
	}
	emails, employees := map[any]int{}, map[any]bool{}
	var previous float64
	for _, r := range truth(t, s, "employees") {
		name, _ := r["name"].(string)
		last, _ := r["lastname"].(string)
		mobile, _ := r["mobile"].(string)
		if r["email"] != nil && r["email"] != "" {
			emails[r["email"]]++
		}
		employees[r["id"]] = true
		see("emoji", strings.Contains(name, "🚀"))
		see("combining mark", strings.Contains(name, "\u0301"))
		see("null name", r["name"] == nil)
		see("blank name", r["name"] == "")
		see("tag in name", strings.Contains(last, "["))
		see("long phone", len(mobile) > 30)
		see("no author", r["created_by"] == nil)
		see("doubled hour", strings.Contains(r["created_at"].(string), "-10-") && r["created_at"].(string)[11:13] == "02")
		see("sparse ids", r["id"].(float64) > previous+1)
		previous = r["id"].(float64)
		see(fmt.Sprintf("location %T", r["candidate_location"]), true)
		see(fmt.Sprintf("languages %T", r["candidate_languages"]), true)
	}
	for _, n := range emails {
		see("duplicate email", n > 1)
	}
	recruitments, refs := map[any]bool{}, map[any]int{}
	for _, r := range truth(t, s, "recruitments") {
		recruitments[r["id"]] = true
		refs[r["nrRef"]]++
		see("no client", r["client"] == nil)
		see("confidential", r["is_confidential"] == true)
		see("custom fields", r["_stack"] != nil)
		see(fmt.Sprintf("responsible %d", len(r["responsible_person"].([]any))), true)
		see("planned closing", r["closing_date"] != nil && r["closing_date"].(string) > Stamp(testNow.Unix()).String())
		if r["is_closed"] == true {
			see("closed but active", r["status"] == "active")
		}
	}
	for _, n := range refs {
		see("duplicate nrRef", n > 1)
	}
	states := map[any]bool{}
	names := map[any]int{}
	for _, w := range truth(t, s, "workflows") {
		for _, st := range w["states"].([]any) {
			states[st.(map[string]any)["id"]] = true
			names[fmt.Sprint(w["id"], st.(map[string]any)["name"])]++
			see("order sentinel", st.(map[string]any)["order"].(float64) == orderWait)
		}
	}
	for _, n := range names {
		see("duplicate state name", n > 1)
	}
	open, rows, kinds, dates := map[string]int{}, map[string]int{}, map[string]string{}, map[string]int{}
	for _, r := range truth(t, s, "history") {
		id := func(name string) any { return r[name].(map[string]any)["id"] }
		app := fmt.Sprint(id("employee"), "/", id("recruitment"))
		rows[app]++
		if r["end_date"] == nil {
			open[app]++
		}
		kinds[fmt.Sprint(id("employee"), r["date"])] = r["workflow_state"].(map[string]any)["type"].(string)
		dates[fmt.Sprint(app, r["date"])]++
		see("lost employee", !employees[id("employee")])
		see("lost recruitment", !recruitments[id("recruitment")])
		see("removed state", !states[id("workflow_state")])
		see("history without author", r["created_by"] == nil)
		see("rows in one second", dates[fmt.Sprint(app, r["date"])] > 1)
	}
	for app := range rows {
		see("no open row", open[app] == 0)
		see("several open rows", open[app] > 1)
	}
	rejections := 0
	for _, r := range truth(t, s, "activities") {
		if content, _ := r["content"].(string); strings.Contains(content, `"rejection"`) {
			rejections++
			if kind := kinds[fmt.Sprint(r["employee"].(map[string]any)["id"], r["activity_date"])]; kind != "end-bad" {
				t.Errorf("activity %v: rejection at a row of type %q", r["id"], kind)
			}
		}
		see("empty content", r["content"] == nil || r["content"] == "")
		see("dated back", r["activity_date"].(string) < r["created_at"].(string))
	}
	see("rejections", rejections > 20)
	for _, r := range truth(t, s, "adverts") {
		options := r["options"].(map[string]any)
		see("not published", r["published"] == false)
		see("salary", options["_Salary_MIN"] != nil)
		see(fmt.Sprintf("job type %T", options["job_type"]), true)
		see(fmt.Sprintf("geolocation %T", options["job_location"]), true)
		see("english", r["advert"].(map[string]any)["language"] == "en")
	}
	for _, what := range []string{
		"location <nil>", "location string", "location map[string]interface {}", "languages <nil>", "languages string",
		"languages []interface {}", "responsible 0", "responsible 1", "responsible 2", "job type string", "job type []interface {}",
		"geolocation <nil>", "geolocation string", "geolocation map[string]interface {}",
	} {
		see(what, found[what] > 0)
	}
	for what, n := range found {
		if n == 0 {
			t.Errorf("no %s", what)
		}
	}
	t.Log(found)
}

// TestStampsOfTheYear checks that no stamp is later than the clock or in the
// hour that spring leaves out.
func TestStampsOfTheYear(t *testing.T) {
	s := testSandbox(t, Config{Candidates: 2000})
	now := Stamp(testNow.Unix()).String()
	changes := map[string]bool{}
	for _, c := range s.data.changes {
		changes[Stamp(c).String()[:10]] = true
	}
	count := 0
	var check func(name string, v any)
	check = func(name string, v any) {
		switch v := v.(type) {
		case Row:
			for _, f := range v {
				check(f.Name, f.Value)
			}
		case []Row:
			for _, r := range v {
				check(name, r)
			}
		case Stamp:
			text := v.String()
			if text > now && name != "closing_date" && name != "valid_end" && name != "valid_start" {
				t.Errorf("%s is %s, after the clock", name, text)
			}
			if changes[text[:10]] {
				count++
				if text[5:7] == "03" && text[11:13] == "02" {
					t.Errorf("%s is %s, which no clock in Warsaw showed", name, text)
				}
			}
		}
	}
	for _, entity := range []string{"users", "clients", "crm_persons", "recruitments", "employees", "history", "activities", "adverts"} {
		for row := range s.Truth(entity) {
			check("", row)
		}
	}
	if count < 20 {
		t.Errorf("only %d stamps on days when the clocks change", count)
	}
	for utc, want := range map[int64]string{1761436800: "2025-10-26 02:00:00", 1761440400: "2025-10-26 02:00:00", 1743296400: "2025-03-30 03:00:00", 1743296399: "2025-03-30 01:59:59"} {
		if got := Stamp(utc).String(); got != want {
			t.Errorf("stamp of %d is %s, want %s", utc, got, want)
		}
	}
}
