package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// send writes to the API.
func (c client) send(t testing.TB, method, path, body string, header ...string) answer {
	t.Helper()
	return do(t, c.s, method, apiBase+path, body, append([]string{"Authorization", "Bearer " + c.token, "Content-Type", "application/json"}, header...)...)
}

// upload is a form as clients send it, and its type.
func upload(name, content string, fields ...string) (body, kind string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	if name != "" {
		part, _ := w.CreateFormFile("file[file]", name)
		_, _ = io.WriteString(part, content)
	}
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

func (c client) upload(t testing.TB, path, name, content string, fields ...string) answer {
	t.Helper()
	body, kind := upload(name, content, fields...)
	return do(t, c.s, "POST", apiBase+path, body, "Authorization", "Bearer "+c.token, "Content-Type", kind)
}

// accepted checks that a write was accepted with a status and, unless empty, a body.
func accepted(t testing.TB, a answer, status int, body string) {
	t.Helper()
	if a.status != status || string(a.body) != body {
		t.Errorf("answer %d %.200s, want %d %s", a.status, a.body, status, body)
	}
}

// openRecruitments are two open recruitments with candidates.
func openRecruitments(s *Sandbox) (out []int) {
	for pos := s.recruitments.len() - 1; len(out) < 2; pos-- {
		if r := s.recruitments.at(pos); r.Value("is_closed") == false && len(s.applicants(r.ID())) > 0 {
			out = append(out, r.ID())
		}
	}
	return out
}

// TestWrites follows one candidate through everything that can be written, and
// looks at each step through the API's reads and at the truth.
func TestWrites(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	before := s.employees.last

	a := c.send(t, "POST", "/employees/", `{"name":"Żaneta","lastname":"Próbna","email":"zaneta@example.com","mobile":"+48190000000",
		"source":"Polecenie","candidate_languages":[1,21],"_nationality":24,"_education":["Wyższe"],"_technologie":"Go, SQL",
		"_salary_expectation":12000,"_relocation":"Tak","candidate_location":{"locality":"Łódź"},"unheard":"of"}`)
	id := int(a.row(t)["id"].(float64))
	if accepted(t, a, 201, fmt.Sprintf(`{"id":%d}`, id)); id <= before {
		t.Errorf("id %d is not above %d", id, before)
	}
	path := fmt.Sprintf("/employees/%d", id)
	row := c.get(t, path).row(t)
	want := map[string]any{
		"name": "Żaneta", "lastname": "Próbna", "email": "zaneta@example.com", "mobile": "+48190000000", "status": "active", "linkedin": nil,
		"candidate_languages": []any{"Angielski", "Białoruski"}, "_nationality": "Litwa", "_education": []any{"Wyższe"}, "_technologie": "Go, SQL",
		"_salary_expectation": 12000.0, "_relocation": "1", "files": []any{}, "created_at": "2026-11-03 15:30:00", "updated_at": "2026-11-03 15:30:00",
	}
	for name, v := range want {
		if diff := cmp.Diff(v, row[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if place := row["candidate_location"].(map[string]any); place["locality"] != "Łódź" || len(place) != 9 {
		t.Errorf("location %v", place)
	}
	if found := c.get(t, "/employees/", "X-Request-Filter", `{"email":{"value":"zaneta@example.com","comparison":"="}}`).rows(t); len(found) != 1 || found[0]["id"] != float64(id) {
		t.Errorf("found %v", found)
	}
	if sources := c.get(t, path+"/sources").rows(t); len(sources) != 1 || sources[0]["dictionary_item"].(map[string]any)["value"] != "Polecenie" {
		t.Errorf("sources %v", sources)
	}

	accepted(t, c.send(t, "PATCH", path, `{"lastname":"Inna","_technologie":null}`), 204, "")
	if row = c.get(t, path).row(t); row["name"] != "Żaneta" || row["lastname"] != "Inna" || row["_technologie"] != nil {
		t.Errorf("patched %v", row)
	}
	accepted(t, c.send(t, "PUT", path, `{"lastname":"Druga","email":"zaneta@example.com"}`), 204, "")
	if row = c.get(t, path).row(t); row["name"] != nil || row["lastname"] != "Druga" || row["status"] != "active" {
		t.Errorf("put %v", row)
	}

	accepted(t, c.upload(t, path+"/files/", "życiorys (1).pdf", "%PDF-1.4 treść", "file[isPublic]", "1", "dictionary_file_type", "CV"), 201, "")
	accepted(t, c.upload(t, path+"/files", "życiorys (1).pdf", "%PDF-1.4 inna"), 201, "")
	files := c.get(t, path+"/files").rows(t)
	if len(files) != 2 || files[0]["name"] != "życiorys (1).pdf" || files[0]["id"] == files[1]["id"] {
		t.Fatalf("files %v", files)
	}
	content := c.get(t, fmt.Sprintf("%s/files/%.0f/content", path, files[1]["id"]))
	if string(content.body) != "%PDF-1.4 inna" || content.header.Get("Content-Type") != "application/pdf; charset=binary" {
		t.Errorf("content %s %v", content.body, content.header)
	}
	if list := c.get(t, path).row(t)["files"].([]any); len(list) != 2 || at(list, 1, "file_uploaded") != "2026-11-03 15:30:00" {
		t.Errorf("files of the candidate %v", list)
	}
	sum := sha256.Sum256([]byte("%PDF-1.4 treść"))
	wantUpload := Upload{int(files[0]["id"].(float64)), "życiorys (1).pdf", "CV", true, 16, fmt.Sprintf("%x", sum), []byte("%PDF-1.4 treść")}
	if got := s.Uploads(id); len(got) != 2 || !cmp.Equal(wantUpload, got[0]) || got[1].Label != "" || got[1].Public {
		t.Errorf("uploads %+v", got)
	}

	accepted(t, c.send(t, "POST", path+"/notes", `{"content":"Pierwsza <b>linia</b>\ndruga"}`), 204, "")
	notes := c.get(t, path+"/activities").rows(t)
	if len(notes) != 1 || notes[0]["content"] != "Pierwsza <b>linia</b>\ndruga" || at(notes[0], "type", "value") != "Notatka" {
		t.Errorf("activities %v", notes)
	}
	if diff := cmp.Diff([]Note{{int(notes[0]["id"].(float64)), "Pierwsza <b>linia</b>\ndruga"}}, s.Notes(id)); diff != "" {
		t.Errorf("notes: %s", diff)
	}

	accepted(t, c.send(t, "POST", path+"/tags", `{"name":"Go"}`), 204, "")
	accepted(t, c.send(t, "POST", path+"/tags", `{"name":"Całkiem nowy"}`), 204, "")
	accepted(t, c.send(t, "POST", path+"/tags", `{"name":"Go"}`), 204, "")
	tags := c.get(t, path+"/tags").rows(t)
	if len(tags) != 2 || tags[1]["name"] != "Całkiem nowy" {
		t.Fatalf("tags %v", tags)
	}
	accepted(t, c.send(t, "DELETE", fmt.Sprintf("%s/tags/%.0f", path, tags[0]["id"]), ""), 204, "")
	if a := c.send(t, "DELETE", fmt.Sprintf("%s/tags/%.0f", path, tags[0]["id"]), ""); a.status != 404 {
		t.Errorf("a tag that is gone: %d", a.status)
	}
	if diff := cmp.Diff([]map[string]any{tags[1]}, c.get(t, path+"/tags").rows(t)); diff != "" {
		t.Errorf("tags: %s", diff)
	}

	rid := openRecruitments(s)[0]
	w, _ := s.workflowFor(rid)
	into, bad := w.states[3], w.states[len(w.states)-2]
	accepted(t, c.send(t, "POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, id), ""), 204, "")
	accepted(t, c.send(t, "POST", fmt.Sprintf("%s/recruitments/%d/states/%d/_move", path, rid, into.id), "{}"), 204, "")
	accepted(t, c.send(t, "POST", fmt.Sprintf("%s/recruitments/%d/states/_move_to_reject_state", path, rid), `{"rejection_id":34,"description":"Za daleko"}`), 204, "")
	history := c.get(t, "/employees/recruitment_history", append(sized(3, 1), fallByID...)...).rows(t)
	slices.Reverse(history)
	for i, state := range []state{w.states[0], into, bad} {
		_, ended := history[i]["end_date"]
		if at(history[i], "employee", "id") != float64(id) || at(history[i], "workflow_state", "id") != float64(state.id) || ended != (i < 2) {
			t.Errorf("history row %d: %v", i, history[i])
		}
	}
	log := c.get(t, path+"/activities").rows(t)
	var change map[string]any
	if err := json.Unmarshal([]byte(log[2]["content"].(string)), &change); err != nil {
		t.Fatal(err)
	}
	if at(change, "rejection", "id") != 34.0 || change["description"] != "Za daleko" || log[2]["activity_date"] != history[2]["date"] {
		t.Errorf("rejection %v", log[2])
	}
	var here []float64
	for _, r := range c.walk(t, fmt.Sprintf("/recruitments/%d/employees", rid), 100) {
		here = append(here, r["id"].(float64))
	}
	if !slices.Contains(here, float64(id)) {
		t.Errorf("recruitment has %v", here)
	}

	if diff := cmp.Diff(map[string]int{"create": 1, "update": 2, "upload": 2, "note": 1, "tag": 2, "untag": 1, "assign": 1, "move": 1, "reject": 1}, s.WriteCounts()); diff != "" {
		t.Errorf("counts: %s", diff)
	}
	told := do(t, s, "GET", "/_sandbox/writes", "").row(t)
	if n := at(told, "counts", "upload"); n != 2.0 {
		t.Errorf("told %v", told)
	}
	wantWrites := []map[string]any{
		{"kind": "move", "path": fmt.Sprintf("%s/recruitments/%d/states/%d/_move", path, rid, into.id), "id": history[1]["id"], "employee": float64(id), "recruitment": float64(rid), "body": map[string]any{}},
		{"kind": "reject", "path": fmt.Sprintf("%s/recruitments/%d/states/_move_to_reject_state", path, rid), "id": history[2]["id"], "employee": float64(id), "recruitment": float64(rid), "body": map[string]any{"rejection_id": 34.0, "description": "Za daleko"}},
	}
	writes := told["writes"].([]any)
	for i, want := range wantWrites {
		if diff := cmp.Diff(any(want), writes[len(writes)-2+i]); diff != "" {
			t.Errorf("write: %s", diff)
		}
	}
	if list := do(t, s, "GET", "/_sandbox"+path+"/uploads", "").rows(t); len(list) != 2 || list[0]["sha256"] != fmt.Sprintf("%x", sum) {
		t.Errorf("uploads %v", list)
	}
	if list := do(t, s, "GET", "/_sandbox"+path+"/notes", "").rows(t); len(list) != 1 || list[0]["content"] != "Pierwsza <b>linia</b>\ndruga" {
		t.Errorf("notes %v", list)
	}
	do(t, s, "DELETE", "/_sandbox/writes", "")
	if len(s.Writes()) != 0 || len(s.WriteCounts()) != 0 {
		t.Error("the writes were not forgotten")
	}

	// The truth agrees with the reads.
	for entity, path := range map[string]string{"employees": "/employees/", "history": "/employees/recruitment_history", "activities": "/employees/activities", "sources": "/sources"} {
		rows := truth(t, s, entity)
		for _, r := range rows {
			delete(r, "tags")
		}
		if diff := cmp.Diff(c.walk(t, path, 50), rows, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %.2000s", entity, diff)
		}
	}
}

// TestRefusedWrites tries what cannot be done. None of it leaves a trace.
func TestRefusedWrites(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	before := allTruth(s)
	employee := s.employees.at(3).ID()
	rid := openRecruitments(s)[0]
	in := s.applicants(rid)[0]
	outside := employee
	for slices.Contains(s.applicants(rid), outside) {
		outside = s.employees.at(s.employees.seek(outside)).ID()
	}
	w, _ := s.workflowFor(rid)
	path := fmt.Sprintf("/employees/%d", employee)
	email := s.employees.at(50).Value("email").(string)
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/employees/", `{`, 400},
		{"POST", "/employees/", `[]`, 400},
		{"POST", "/employees/", `{} {}`, 400},
		{"POST", "/employees/", fmt.Sprintf(`{"email":%q}`, strings.ToUpper(email)), 409},
		{"POST", "/employees/", strings.Repeat(" ", maxBody+1), 413},
		{"PATCH", "/employees/1", `{}`, 404},
		{"PATCH", "/employees/x", `{}`, 404},
		{"PUT", "/employees/1", `{}`, 404},
		{"POST", "/employees/1/notes", `{"content":"x"}`, 404},
		{"POST", path + "/notes", `{"content":" "}`, 400},
		{"POST", path + "/notes", `{"content":5}`, 400},
		{"POST", path + "/notes", ``, 400},
		{"POST", "/employees/1/tags", `{"name":"x"}`, 404},
		{"POST", path + "/tags", `{}`, 400},
		{"DELETE", path + "/tags/1", ``, 404},
		{"DELETE", "/employees/1/tags/12", ``, 404},
		{"POST", path + "/files/", `{}`, 400},
		{"POST", fmt.Sprintf("/recruitments/1/employees/%d", employee), ``, 404},
		{"POST", fmt.Sprintf("/recruitments/%d/employees/1", rid), ``, 404},
		{"POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, in), ``, 400},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/%d/_move", outside, rid, w.states[2].id), ``, 404},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/1/_move", in, rid), ``, 404},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/1/states/%d/_move", in, w.states[2].id), ``, 404},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/_move_to_reject_state", in, rid), `{}`, 400},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/_move_to_reject_state", in, rid), `{"rejection_id":1}`, 400},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/_move_to_reject_state", outside, rid), `{"rejection_id":34}`, 404},
		{"POST", fmt.Sprintf("/employees/%d/recruitments/1/states/_move_to_reject_state", in), `{"rejection_id":34}`, 404},
	} {
		if a := c.send(t, test.method, test.path, test.body); a.status != test.status {
			t.Errorf("%s %s %.50s: %d %s, want %d", test.method, test.path, test.body, a.status, a.body, test.status)
		}
	}
	for name, a := range map[string]answer{
		"no candidate": c.upload(t, "/employees/1/files/", "cv.pdf", "x"),
		"no file":      c.upload(t, path+"/files/", "", "", "dictionary_file_type", "CV"),
		"cut":          do(t, s, "POST", apiBase+path+"/files/", "--x\r\nContent-Disposition: form-data; name=\"file[file]\"; filename=\"a\"\r\n\r\nabc", "Authorization", "Bearer "+c.token, "Content-Type", "multipart/form-data; boundary=x"),
	} {
		if a.status != 404 && a.status != 400 {
			t.Errorf("upload, %s: %d", name, a.status)
		}
	}
	poor := client{s, tokenOf(t, s, "", "demo_kladka", "recruitment")}
	if a := poor.send(t, "POST", "/employees/", `{"name":"x"}`); a.status != 403 {
		t.Errorf("without the scope: %d", a.status)
	}
	poor = client{s, tokenOf(t, s, "", "demo_kladka", "employee")}
	if a := poor.send(t, "POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, outside), ""); a.status != 403 {
		t.Errorf("without the scope: %d", a.status)
	}
	if a := do(t, s, "POST", apiBase+"/employees/", `{}`); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	if !bytes.Equal(before, allTruth(s)) || len(s.WriteCounts()) > 0 {
		t.Errorf("something was written: %v", s.Writes())
	}
}

// TestWriteContracts asks what a write takes, which must not write.
func TestWriteContracts(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	before := allTruth(s)
	path := fmt.Sprintf("/employees/%d", s.employees.at(0).ID())
	for _, test := range []struct {
		method, path string
		want         []string
	}{
		{"POST", "/employees/", []string{"name", "email", "source", "_nationality"}},
		{"PATCH", path, []string{"lastname", "candidate_languages"}},
		{"POST", path + "/notes", []string{"content"}},
		{"POST", path + "/tags", []string{"name"}},
		{"POST", path + "/files/", []string{"file[file]", "file[isPublic]", "dictionary_file_type"}},
		{"POST", path + "/recruitments/1/states/_move_to_reject_state", []string{"rejection_id"}},
	} {
		a := c.send(t, test.method, test.path, `{"name":"x"}`, "X-Request-Metadata", "true")
		fields, _ := a.row(t)["fields"].(map[string]any)
		for _, name := range test.want {
			if a.status != http.StatusOK || fields[name] == nil {
				t.Errorf("%s %s: %d %s, want %s", test.method, test.path, a.status, a.body, name)
			}
		}
		if fields["id"] != nil || fields["created_at"] != nil {
			t.Errorf("%s %s: what cannot be written: %v", test.method, test.path, fields)
		}
	}
	if !bytes.Equal(before, allTruth(s)) {
		t.Error("something was written")
	}
}
