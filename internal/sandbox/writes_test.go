package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	now := testNow
	s := testSandbox(t, Config{Now: func() time.Time { return now }})
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

	now = now.Add(time.Minute)
	accepted(t, c.send(t, "PATCH", path, `{"lastname":"Inna","_technologie":null}`), 204, "")
	if row = c.get(t, path).row(t); row["updated_at"] != "2026-11-03 15:31:00" || row["name"] != "Żaneta" || row["lastname"] != "Inna" || row["_technologie"] != nil {
		t.Errorf("patched %v", row)
	}
	accepted(t, c.send(t, "PUT", path, `{"lastname":"Druga","email":"zaneta@example.com"}`), 204, "")
	if row = c.get(t, path).row(t); row["name"] != nil || row["lastname"] != "Druga" || row["status"] != "active" {
		t.Errorf("put %v", row)
	}

	now = now.Add(time.Minute)
	accepted(t, c.upload(t, path+"/files/", "życiorys (1).pdf", "%PDF-1.4 treść", "file[isPublic]", "1", "dictionary_file_type", "CV"), 201, "")
	accepted(t, c.upload(t, path+"/files", "życiorys (1).pdf", "%PDF-1.4 inna", "file[isPublic]", "0"), 201, "")
	files := c.get(t, path+"/files").rows(t)
	if len(files) != 2 || files[0]["name"] != "życiorys (1).pdf" || files[0]["id"] == files[1]["id"] {
		t.Fatalf("files %v", files)
	}
	content := c.get(t, fmt.Sprintf("%s/files/%.0f/content", path, files[1]["id"]))
	if string(content.body) != "%PDF-1.4 inna" || content.header.Get("Content-Type") != "application/pdf; charset=binary" {
		t.Errorf("content %s %v", content.body, content.header)
	}
	row = c.get(t, path).row(t)
	if list := row["files"].([]any); len(list) != 2 || at(list, 1, "file_uploaded") != "2026-11-03 15:32:00" || row["updated_at"] != "2026-11-03 15:32:00" {
		t.Errorf("files of the candidate %v", row)
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
		if at(history[i], "employee", "id") != float64(id) || at(history[i], "workflow_state", "id") != float64(state.id) || ended != (i < 2) || history[i]["created_by"] == nil {
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
	if at(writes, 0, "kind") != "create" || at(writes, 0, "employee") != float64(id) || at(writes, 0, "body", "unheard") != "of" {
		t.Errorf("first write %v", writes[0])
	}
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

	// Whoever replaces the files behind the API's back replaces the uploaded ones.
	if _, err := s.UpdateEmployee(id, Patch{"files": []any{map[string]any{"filename": "inny.pdf", "file_uploaded": "2026-11-03 10:00:00"}}}); err != nil {
		t.Fatal(err)
	}
	if files = c.get(t, path+"/files").rows(t); len(files) != 1 || len(s.Uploads(id)) != 0 || int(files[0]["id"].(float64)) != fileID(id, 0) {
		t.Errorf("files %v", files)
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

// TestFaultsOfWrites tells faults before a write, which leave no effect, from
// those of its answer.
func TestFaultsOfWrites(t *testing.T) {
	for _, test := range []struct {
		name, value string
		status      int // 0: no answer, -1: one that is cut
		effect      bool
	}{
		{"fail.500", "1", 500, false},
		{"fail.503html", "1", 503, false},
		{"fail.429", "1", 429, false},
		{"fail.close", "1", 0, false},
		{"down", "200html", 200, false},
		{"broken.endpoints", "employees", 500, false},
		{"write.fail", "1", 500, false},
		{"fail.object", "1", 201, true}, // of lists alone
		{"fail.cut", "1", -1, true},
		{"fail.garbage", "1", 200, true},
		{"write.lost", "1", 0, true},
		{"write.unsure", "1", 500, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &trial{T: t, s: testSandbox(t, Config{Candidates: 5, Recruitments: 2, Adverts: 1})}
			b.c = newClient(t, b.s)
			if err := b.s.Set(test.name, test.value); err != nil {
				t.Fatal(err)
			}
			path := b.employee(0)
			for n := range 6 {
				a, err := b.sendOver("POST", "/employees/", fmt.Sprintf(`{"email":"a%d@example.com"}`, n))
				switch {
				case test.status > 0 && (err != nil || a.status != test.status), test.status <= 0 && err == nil:
					t.Errorf("answer %d %s, %v", a.status, a.body, err)
				case test.name == "fail.garbage" && json.Valid(a.body):
					t.Errorf("answer is JSON: %s", a.body)
				}
				// What has no body to spoil gets one.
				if a, err = b.sendOver("PATCH", path, `{"name":"Ewa"}`); strings.HasPrefix(test.name, "fail.") && test.effect && a.status == 204 && err == nil && test.name != "fail.object" {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			want := 0
			if test.effect {
				want = 6
			}
			if n := b.s.WriteCounts()["create"]; n != want {
				t.Errorf("%d candidates were made, want %d", n, want)
			}
		})
	}
}

// TestSameAddressAtOnce has many create the same candidate at the same time.
func TestSameAddressAtOnce(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	rid := openRecruitments(s)[0]
	var wg sync.WaitGroup
	var made, refused atomic.Int64
	for n := range 16 {
		wg.Go(func() {
			switch a := c.send(t, "POST", "/employees/", `{"email":"a@example.com"}`); a.status {
			case 201:
				made.Add(1)
			case 409:
				refused.Add(1)
			}
			own := c.send(t, "POST", "/employees/", fmt.Sprintf(`{"email":"a%d@example.com"}`, n))
			c.send(t, "POST", fmt.Sprintf("/recruitments/%d/employees/%.0f", rid, own.row(t)["id"]), "")
			c.upload(t, fmt.Sprintf("/employees/%.0f/files/", own.row(t)["id"]), "cv.pdf", strings.Repeat("x", n))
			c.walk(t, "/employees/", 100)
		})
	}
	wg.Wait()
	if made.Load() != 1 || refused.Load() != 15 {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
	if diff := cmp.Diff(map[string]int{"create": 17, "assign": 16, "upload": 16}, s.WriteCounts()); diff != "" {
		t.Errorf("counts: %s", diff)
	}
}

// TestLargeUploads sends files over the network. Whoever is refused hears of it,
// though the sandbox did not want to read on.
func TestLargeUploads(t *testing.T) {
	s := testSandbox(t, Config{Candidates: 5, Recruitments: 2, Adverts: 1})
	b := &trial{T: t, s: s, c: newClient(t, s)}
	large := strings.Repeat("0123456789abcdef", 512<<10)
	send := func(path, content string) answer {
		t.Helper()
		body, kind := upload("zażółć \"gęślą\" jaźń.docx", content, "dictionary_file_type", "CV")
		server := httptest.NewServer(s)
		defer server.Close()
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+apiBase+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+b.c.token)
		r.Header.Set("Content-Type", kind)
		r.ContentLength = -1 // as a stream
		client := server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.Close {
			t.Errorf("%d, and the connection ends", res.StatusCode)
		}
		raw, _ := io.ReadAll(res.Body)
		return answer{res.StatusCode, res.Header, raw}
	}
	id := s.employees.at(0).ID()
	accepted(t, send(b.path(id)+"/files/", large), 201, "")
	if got := s.Uploads(id); len(got) != 1 || got[0].Name != `zażółć "gęślą" jaźń.docx` || string(got[0].Content) != large || got[0].Size != len(large) {
		t.Errorf("%d uploads", len(got))
	}
	for _, set := range []struct {
		name, value, path string
		status            int
	}{
		{"file.max", "8388607", b.path(id) + "/files/", 413},
		{"gone.status", "410", "/employees/1/files/", 410},
		{"redirects.writes", "bare", b.path(id) + "/files/", 301},
		{"fail.500", "1", b.path(id) + "/files/", 500},
		{"scopes.denied", "employee", b.path(id) + "/files/", 403},
	} {
		before := s.settings().texts[set.name]
		if err := s.Set(set.name, set.value); err != nil {
			t.Fatal(err)
		}
		if a := send(set.path, large); a.status != set.status {
			t.Errorf("%s: %d %s", set.name, a.status, a.body)
		}
		if err := s.Set(set.name, before); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set("file.max", fmt.Sprint(maxUploads)); err != nil {
		t.Fatal(err)
	}
	s.uploadBytes += maxUploads - 2*len(large) + 1
	if a := send(b.path(id)+"/files/", large); a.status != 413 {
		t.Errorf("more than the sandbox holds: %d", a.status)
	}
	if n := s.WriteCounts()["upload"]; n != 1 {
		t.Errorf("%d uploads", n)
	}
}

// TestLateWrites has the data change before what was delayed takes effect.
func TestLateWrites(t *testing.T) {
	now := testNow
	s := testSandbox(t, Config{Now: func() time.Time { return now }, Switches: map[string]string{"write.unsure": "1", "write.late": "5s"}})
	b := &trial{T: t, s: s, c: newClient(t, s)}
	rid, gone, there := b.open(), b.newcomer(), b.newcomer()
	w, _ := s.workflowFor(rid)
	for _, id := range []int{gone, there} {
		for _, write := range []struct{ method, path, body string }{
			{"PATCH", b.path(id), `{"name":"Ewa"}`},
			{"POST", b.path(id) + "/notes", `{"content":"x"}`},
			{"POST", b.path(id) + "/tags", `{"name":"Go"}`},
			{"POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, id), ""},
			{"POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, id), ""}, // nobody knows of the first
		} {
			b.wrote(500, write.method, write.path, write.body)
		}
		b.same("upload", b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x").status, 500)
	}
	in := s.applicants(rid)[0]
	b.wrote(500, "POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/%d/_move", in, rid, w.states[5].id), "{}")
	if err := s.DeleteEmployee(gone); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveFromRecruitment(rid, in); err != nil {
		t.Fatal(err)
	}
	b.same("at once", len(s.Writes()), 0)
	now = now.Add(5 * time.Second)
	b.same("row", b.status(200, b.path(there)).row(b)["name"], any("Ewa"))
	if diff := cmp.Diff(map[string]int{"update": 1, "note": 1, "tag": 1, "assign": 1, "upload": 1}, s.WriteCounts()); diff != "" {
		t.Errorf("counts: %s", diff)
	}
	b.status(404, b.path(gone))
	if err := s.Set("write.unsure", "0"); err != nil {
		t.Fatal(err)
	}
	b.wrote(204, "PATCH", b.path(there), `{"name":"Iga"}`)
	b.same("answered", b.status(200, b.path(there)).row(b)["name"], any("Iga"))
	if moves := s.moves(pair{there, rid}); len(moves) != 1 || moves[0].date != Stamp(now.Unix()) {
		t.Errorf("moves %v", moves)
	}
}

// What follows writes for the tests of the switches.

func (b *trial) path(id int) string { return fmt.Sprintf("/employees/%d", id) }

// wrote checks the status of a write and returns the answer.
func (b *trial) wrote(want int, method, path, body string) answer {
	b.Helper()
	a := b.c.send(b, method, path, body)
	if a.status != want {
		b.Errorf("%s %s %s: status %d, want %d: %.200s", method, path, body, a.status, want, a.body)
	}
	return a
}

// create adds a candidate, at the path without a slash.
func (b *trial) create(email string) answer {
	b.Helper()
	return b.c.send(b, "POST", "/employees", fmt.Sprintf(`{"email":%q}`, email))
}

// again creates a candidate whose address somebody has.
func (b *trial) again(want int) answer {
	b.Helper()
	email := b.s.employees.at(20).Value("email").(string)
	return b.wrote(want, "POST", "/employees/", fmt.Sprintf(`{"email":%q}`, strings.ToUpper(email)))
}

// known counts the candidates with an address.
func (b *trial) known(email string) int {
	b.Helper()
	return len(b.status(200, "/employees/", "X-Request-Filter", fmt.Sprintf(`{"email":{"value":%q,"comparison":"="}}`, email)).rows(b))
}

func (b *trial) newcomer() int {
	b.Helper()
	row, err := b.s.AddEmployee(nil)
	if err != nil {
		b.Fatal(err)
	}
	return row.ID()
}

func (b *trial) open() int { return openRecruitments(b.s)[0] }

// sendOver writes over the network, where answers can be lost.
func (b *trial) sendOver(method, path, body string) (answer, error) {
	b.Helper()
	server := httptest.NewServer(b.s)
	defer server.Close()
	r, err := http.NewRequestWithContext(b.Context(), method, server.URL+apiBase+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.GetBody = nil // so that it is sent once
	r.Header.Set("Authorization", "Bearer "+b.c.token)
	res, err := server.Client().Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, raw}, err
}

// wrong are changes of a candidate of which nothing can be taken.
var wrong = []string{
	`{"unheard":1}`, `{"id":5}`, `{"created_at":"2026-01-01 00:00:00"}`, `{"status":"gone"}`, `{"status":null}`, `{"email":"nobody"}`, `{"name":5}`,
	`{"_salary_expectation":"much"}`, `{"_available_from":"soon"}`, `{"candidate_location":{"street":"x"}}`, `{"candidate_location":5}`, `{"source":"Wróble"}`,
	`{"candidate_languages":[99]}`, `{"candidate_languages":1}`, `{"_nationality":-1}`, `{"_nationality":"Litwa"}`, `{"_education":[1]}`, `{"_education":["Żadne"]}`,
}

// writesTo are the statuses of writes to paths without and with a slash.
func (b *trial) writesTo() (out []int) {
	b.Helper()
	for _, to := range []struct{ method, path string }{
		{"POST", "/employees"}, {"POST", "/employees/"}, {"PATCH", b.employee(0)}, {"PATCH", b.employee(0) + "/"},
	} {
		out = append(out, b.c.send(b, to.method, to.path, "{}").status)
	}
	return out
}

// writeAll makes writes of all kinds and tells the status of each, with a plus for a body.
func (b *trial) writeAll() (out []string) {
	b.Helper()
	id, rid := b.newcomer(), b.open()
	w, _ := b.s.workflowFor(rid)
	for _, a := range []answer{
		b.create("a@example.com"),
		b.c.send(b, "PATCH", b.path(id), `{"name":"Ewa"}`),
		b.c.upload(b, b.path(id)+"/files/", "a.pdf", "x"),
		b.c.send(b, "POST", b.path(id)+"/notes", `{"content":"x"}`),
		b.c.send(b, "POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, id), ""),
		b.c.send(b, "POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/%d/_move", id, rid, w.states[2].id), "{}"),
	} {
		body := ""
		if len(a.body) > 0 {
			body = "+"
		}
		out = append(out, fmt.Sprint(a.status)+body)
	}
	return out
}

// choices tells for each choice field whether a number is taken, and a label.
func (b *trial) choices() string {
	b.Helper()
	id := b.newcomer()
	var out []string
	for _, field := range []struct{ name, number, label, read string }{
		{"candidate_languages", "[2,21]", `["Niemiecki","Białoruski"]`, "[Niemiecki Białoruski]"},
		{"_nationality", "24", `"Litwa"`, "Litwa"},
		{"_education", "[1]", `["Wyższe informatyczne"]`, "[Wyższe informatyczne]"},
		{"_relocation", "1", `"Tak"`, "1"},
	} {
		taken := ""
		for _, value := range []string{field.number, field.label} {
			b.wrote(204, "PATCH", b.path(id), fmt.Sprintf(`{%q:%s}`, field.name, value))
			switch v := b.get(b.path(id)).row(b)[field.name]; {
			case v == nil:
				taken += "0"
			case fmt.Sprint(v) == field.read:
				taken += "1"
			default:
				b.Errorf("%s written as %s is read as %v", field.name, value, v)
			}
			b.wrote(204, "PATCH", b.path(id), fmt.Sprintf(`{%q:null}`, field.name))
		}
		out = append(out, taken)
	}
	return strings.Join(out, " ")
}

// assign adds a newcomer to a recruitment n times.
func (b *trial) assign(rid, n int) (out []int) {
	b.Helper()
	id := b.newcomer()
	for range n {
		out = append(out, b.c.send(b, "POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, id), "").status)
	}
	return out
}

// landing adds to a recruitment whose process starts with its second state, and
// tells in which state the newcomer lands, by its order.
func (b *trial) landing() string {
	b.Helper()
	w, _ := b.s.workflowFor(b.open())
	screening, start := "screening", "start"
	for i, kind := range []*string{&screening, &start} {
		if _, err := b.s.UpdateState(w.id, w.states[i].id, StatePatch{Type: kind}); err != nil {
			b.Fatal(err)
		}
	}
	b.assign(b.open(), 1)
	landed := at(b.status(200, "/employees/recruitment_history", fallByID...).rows(b)[0], "workflow_state", "id")
	return fmt.Sprint(slices.IndexFunc(w.states, func(s state) bool { return float64(s.id) == landed }))
}

// moveTwice moves a newcomer to the same state twice, with a status for the
// second time, and counts the history rows.
func (b *trial) moveTwice(again int) int {
	b.Helper()
	id, rid := b.newcomer(), b.open()
	w, _ := b.s.workflowFor(rid)
	b.wrote(204, "POST", fmt.Sprintf("/recruitments/%d/employees/%d", rid, id), "")
	path := fmt.Sprintf("/employees/%d/recruitments/%d/states/%d/_move", id, rid, w.states[4].id)
	b.wrote(204, "POST", path, "{}")
	b.wrote(again, "POST", path, "{}")
	return len(b.s.moves(pair{id, rid}))
}

// reject rejects candidates with the given bodies. No reason may be told of them.
func (b *trial) reject(bodies ...string) (out []int) {
	b.Helper()
	rid := b.open()
	w, _ := b.s.workflowFor(rid)
	bad, _ := w.of("end-bad")
	for _, body := range bodies {
		id := b.s.applicants(rid)[0]
		for _, e := range b.s.applicants(rid) {
			if m, _ := current(b.s.moves(pair{e, rid})); m.state != bad.id {
				id = e
			}
		}
		a := b.c.send(b, "POST", fmt.Sprintf("/employees/%d/recruitments/%d/states/_move_to_reject_state", id, rid), body)
		if m, _ := current(b.s.moves(pair{id, rid})); (m.state == bad.id) != (a.status == 204) {
			b.Errorf("%s: %d, and the candidate is in state %d", body, a.status, m.state)
		}
		out = append(out, a.status)
	}
	return out
}

// note writes a note and reads it back from the log.
func (b *trial) note(text string) any {
	b.Helper()
	body, _ := json.Marshal(map[string]string{"content": text})
	b.wrote(204, "POST", b.employee(0)+"/notes", string(body))
	b.same("sent", b.s.Notes(b.s.employees.at(0).ID())[0].Content, text)
	return b.get("/employees/activities", fallByID...).rows(b)[0]["content"]
}

// writeTags are the statuses of adding a tag, setting all, and removing one.
func (b *trial) writeTags() (out []int) {
	b.Helper()
	path := b.tagged()
	tag := b.get(path).rows(b)[0]["id"].(float64)
	for _, w := range []struct{ method, path, body string }{
		{"POST", path, `{"name":"Nowy"}`}, {"PUT", path, `["VIP","Nowy"]`}, {"DELETE", fmt.Sprintf("%s/%.0f", path, tag), ""},
	} {
		out = append(out, b.c.send(b, w.method, w.path, w.body).status)
	}
	return out
}
