package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// sent is a file with its content.
type sent struct {
	connector.File
	Content string
}

// carry makes the service carry everything out, and gives what it was asked for and the files.
func (b *bench) carry(a action.Answer) (asked *[]action.Request, files *[]sent) {
	asked, files = &[]action.Request{}, &[]sent{}
	b.actions.do = func(_ store.Integration, r action.Request) (action.Answer, error) {
		*asked = append(*asked, r)
		for _, f := range r.Action.Attached() {
			s := sent{File: *f}
			if f.Open != nil {
				content, err := f.Open()
				if err != nil {
					return action.Answer{}, err
				}
				text, err := io.ReadAll(content)
				if err != nil {
					return action.Answer{}, err
				}
				s.Content = string(text)
			}
			*files = append(*files, s)
		}
		return a, nil
	}
	return asked, files
}

// TestActions sends each action with all that it takes.
func TestActions(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	ids := ats.Namespace(full)
	everything := `"candidate":{"first_name":" Zoë ","last_name":"O'Hara-Żak","email_address":"zoe+jobs@example.com","additional_email_addresses":[{"type":"WORK","email_address":"z@work.example.com"}],
		"company":"Acme","title":"Tester","phone_number":"+48 123","additional_phone_numbers":[{"type":"OTHER","phone_number":"(22) 1"}],"location":{"country":"PL","city":"Łódź","zip_code":"90-001","state":" ","street_1":"Piotrkowska 1"},
		"gender":"OTHER","availability_date":"2026-09-01T22:00:00.000Z","salary_expectations":{"period":"MONTH","amount":12000.5},"social_links":[{"url":"https://example.com/zoë"}]},
		"attachments":[` + aFile("Zycio\u0301rys.pdf", "application/pdf", aPDF) + `,{"name":"list.txt","data_url":"https://files.example.com/list.txt?sig=1","type":"COVER_LETTER"}],
		"source":{"id":"9","name":"LinkedIn"},"sourced_by":{"user_id":"remote:1"},"gdpr_consent":{"given":true,"expires_at":"2027-01-01T00:00:00Z"},
		"screening_question_answers":[{"question_id":"q","answer":["a","b"]},{"question_id":"r","answer":{"name":"x.txt","content_type":"text/plain","data":"eA=="}}],"remote_fields":{"traffit":{"x":1}},"unknown":[{}]`
	wanted := connector.CreateApplication{
		Candidate: connector.NewCandidate{
			FirstName: "Zoë", LastName: "O'Hara-Żak", Email: "zoe+jobs@example.com", MoreEmails: []string{"z@work.example.com"}, Phones: []string{"+48 123", "(22) 1"}, Company: "Acme", Title: "Tester",
			Location: &ats.Location{Country: new("PL"), City: new("Łódź"), ZipCode: new("90-001"), Street1: new("Piotrkowska 1")}, SocialLinks: []string{"https://example.com/zoë"}, Source: "LinkedIn", Gender: "OTHER", AvailableOn: "2026-09-01",
			Salary: &connector.SalaryExpectation{Period: "MONTH", Amount: 12000.5}, Consent: &connector.Consent{Given: new(true), ExpiresAt: new(ats.TimeOf(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))}, SourcedBy: "1", Answers: 2,
		},
		JobID: "100", StageID: "10",
		Files: []connector.File{
			{Name: "Zyciórys.pdf", ContentType: "application/pdf", Type: connector.CV, SHA256: "8e101b9712405dbe8bacfc8bbcb268211b4011f9198db4916275b19141a1d9b4", Size: int64(len(aPDF))},
			{Name: "list.txt", Type: connector.CoverLetter, URL: "https://files.example.com/list.txt?sig=1"},
		},
	}
	link := connector.AddResultLink{CandidateID: "1000", Label: "Test", URL: "https://example.com/r/1", FieldPrefix: "Test ", Attributes: []connector.Attribute{{Key: "score", Value: "7"}}}
	onApplication := link
	onApplication.ApplicationID = "1000:100"
	file := connector.File{Name: "cv.pdf", ContentType: "application/pdf", Type: connector.CV, SHA256: wanted.Files[0].SHA256, Size: int64(len(aPDF))}
	newJob := connector.CreateApplication{
		Candidate: connector.NewCandidate{FirstName: "Anna", LastName: "Nowak", Email: "LUCJA@example.com"},
		JobID:     "555", JobUnknown: true, StageID: "99",
	}
	bodies := actionBodies()
	candidate, application, stage, job := ids.ID(ats.Candidates, "1000"), ids.ID(ats.Applications, "1000:100"), ids.ID(ats.ApplicationStages, "10"), ids.ID(ats.Jobs, "100")
	for _, c := range []struct {
		name, method, url, body, operation string
		want                               connector.Action
		shown                              []string
	}{
		{"candidate", "POST", "/v1/ats/candidates", `{` + everything + `,"application":{"job_id":"` + job + `","stage_id":"` + stage + `"}}`, action.CreateCandidate, &wanted, []string{`"id":"` + candidate + `"`, `"applications":[{`, `"tags":[{`}},
		{"application", "POST", "/v1/ats/jobs/remote%3A100/applications", `{` + everything + `,"stage_id":"remote:10"}`, action.CreateApplication, &wanted, []string{`"id":"` + application + `"`, `"confidential":null`, `"job":{`, `"current_stage":{`}},
		{"unknown job", "POST", "/v1/ats/jobs/remote:555/applications", `{"candidate":` + strings.Replace(somebody, "anna@", "LUCJA@", 1) + `,"stage_id":"remote:99"}`, action.CreateApplication, &newJob, nil},
		{"file of an application", "POST", "/v1/ats/applications/" + application + "/attachments", bodies["POST /v1/ats/applications/{application_id}/attachments"], action.AddApplicationAttachment, &connector.AddFile{CandidateID: "1000", ApplicationID: "1000:100", File: file}, nil},
		{"file of a candidate", "POST", "/v1/ats/candidates/remote:1000/attachments", bodies["POST /v1/ats/candidates/{candidate_id}/attachments"], action.AddCandidateAttachment, &connector.AddFile{CandidateID: "1000", File: file}, nil},
		{"move", "PUT", "/v1/ats/applications/remote:1000:100/stage", `{"stage_id":"` + stage + `"}`, action.MoveApplication, &connector.MoveApplication{ApplicationID: "1000:100", StageID: "10"}, nil},
		{"link at an application", "POST", "/v1/ats/applications/" + application + "/result-links", aLink, action.AddApplicationLink, &onApplication, nil},
		{"link at a candidate", "POST", "/v1/ats/candidates/" + candidate + "/result-links", aLink, action.AddCandidateLink, &link, nil},
		{"note", "POST", "/v1/ats/applications/" + application + "/notes", `{"content":" a\n\u017c <b>","content_type":"PLAIN_TEXT","remote_fields":null}`, action.AddNote, &connector.AddNote{ApplicationID: "1000:100", Content: " a\nż <b>"}, nil},
		{"reject", "POST", "/v1/ats/applications/" + application + "/reject", `{"rejection_reason_id":"` + ids.ID(ats.RejectionReasons, "5") + `","note":"a\nb"}`, action.RejectApplication, &connector.RejectApplication{ApplicationID: "1000:100", ReasonID: "5", Note: "a\nb"}, nil},
		{"tag", "POST", "/v1/ats/candidates/" + candidate + "/tags", `{"tag":{"name":" VIP "}}`, action.AddTag, &connector.AddTag{CandidateID: "1000", Name: "VIP"}, nil},
		{"tag off", "DELETE", "/v1/ats/candidates/remote:1000/tags", `{"tag":{"name":"VIP"}}`, action.RemoveTag, &connector.RemoveTag{CandidateID: "1000", Name: "VIP"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, files := b.carry(action.Answer{CandidateID: "1000", ApplicationID: "1000:100", Warnings: []string{"left out"}, Replayed: true})
			res := b.do(c.method, c.url, c.body, map[string]string{"X-Integration-Id": full, "Idempotency-Key": "k~1"})
			body := read(t, res)
			j.check(t, httptest.NewRequest(c.method, c.url, nil), res, body)
			if res.StatusCode != 200 || len(*asked) != 1 {
				t.Fatalf("answered %d, %d actions: %s", res.StatusCode, len(*asked), body)
			}
			r := (*asked)[0]
			if r.Operation != c.operation || r.Key != "k~1" || r.RequestID == "" || r.RequestID != res.Header.Get("X-Request-Id") {
				t.Errorf("asked for %s with key %q of request %q", r.Operation, r.Key, r.RequestID)
			}
			if d := cmp.Diff(c.want, r.Action, cmpopts.IgnoreFields(connector.File{}, "Open"), cmp.AllowUnexported(ats.Time{})); d != "" {
				t.Errorf("asked for (-want +got):\n%s", d)
			}
			for _, f := range *files {
				if f.URL == "" && f.Content != aPDF {
					t.Errorf("the file holds %q", f.Content)
				}
				if f.URL == "" {
					if _, err := f.Open(); err == nil {
						t.Error("the file is still there after the answer")
					}
				}
			}
			for name, want := range map[string]string{"Concurrency-Limit": "30", "Concurrency-Remaining": "29", "Idempotent-Replayed": "true"} {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
			for _, f := range append(c.shown, `"warnings":[{"message":"left out"}]`) {
				if !strings.Contains(body, f) {
					t.Errorf("the answer lacks %s: %s", f, body)
				}
			}
		})
	}
	if b.actions.taken != 0 {
		t.Errorf("%d slots are still taken", b.actions.taken)
	}
}

// TestCreatedBeforeItIsStored: what was made is shown whole, also when the store does not have it.
func TestCreatedBeforeItIsStored(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	ids := ats.Namespace(full)
	b.carry(action.Answer{CandidateID: "77", ApplicationID: "77:100"})
	for url, body := range map[string]string{
		"/v1/ats/candidates":                   `{"candidate":` + somebody + `,"application":{"job_id":"remote:100"}}`,
		"/v1/ats/jobs/remote:100/applications": `{"candidate":` + somebody + `,"stage_id":"remote:10"}`,
	} {
		res := b.do("POST", url, body, on(full))
		text := read(t, res)
		j.check(t, httptest.NewRequest("POST", url, nil), res, text)
		for _, want := range []string{`"remote_id":"77"`, `"first_name":"Anna"`, `"email_address":"anna@example.com"`, `"tags":[]`, `"warnings":[]`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %s: %s", url, want, text)
			}
		}
		if strings.Contains(url, "jobs") {
			for _, want := range []string{`"current_stage_id":"` + ids.ID(ats.ApplicationStages, "10") + `"`, `"name":"Ślusarz 100%_pewny"`, `"outcome":"PENDING"`} {
				if !strings.Contains(text, want) {
					t.Errorf("%s lacks %s: %s", url, want, text)
				}
			}
		}
		if res.Header.Get("Idempotent-Replayed") != "" {
			t.Error("a first answer counts as replayed")
		}
	}
}

// TestActionErrors: what the service and the ATS say reaches the client with its code, and nothing
// else does.
func TestActionErrors(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	const url, body = "/v1/ats/applications/remote:1000:100/notes", `{"content":"Good.","content_type":"PLAIN_TEXT"}`
	for _, c := range []struct {
		err      error
		replayed bool
		status   int
		want     string
	}{
		{ats.Errorf(ats.ApplicationExists, "there is one"), true, 409, "ATS.APPLICATION_ALREADY_EXISTS"},
		{ats.Errorf(ats.TimedOut, "not known"), false, 504, "PLATFORM.TASK_TIMED_OUT"},
		{errors.New("disk of anna@example.com"), false, 500, "PLATFORM.UNKNOWN_ERROR"},
		{&connector.AuthError{Message: "no"}, false, 401, "INTEGRATION.AUTHENTICATION_INVALID"},
		{&connector.ScopeError{Scope: "x"}, false, 403, "INTEGRATION.PERMISSION_MISSING"},
		{&connector.RefusedError{Status: 400, Message: "no such thing as Anna"}, false, 400, "no such thing"},
		{&connector.RetryError{After: time.Second, Err: &connector.AnswerError{Status: 429}}, false, 429, "REMOTE.RATE_LIMIT_EXCEEDED"},
		{&connector.RetryError{Err: errors.New("refused")}, false, 503, "REMOTE.SERVICE_UNAVAILABLE"},
		{&connector.AnswerError{Status: 418}, false, 502, "REMOTE.UNKNOWN_HTTP_ERROR"},
	} {
		b.actions.do = func(store.Integration, action.Request) (action.Answer, error) {
			return action.Answer{Replayed: c.replayed}, c.err
		}
		res := b.do("POST", url, body, on(full))
		text := read(t, res)
		j.check(t, httptest.NewRequest("POST", url, nil), res, text)
		if res.StatusCode != c.status || !strings.Contains(text, c.want) || strings.Contains(text, "anna@") {
			t.Errorf("%v was answered %d: %s", c.err, res.StatusCode, text)
		}
		if got := res.Header.Get("Idempotent-Replayed") == "true"; got != c.replayed {
			t.Errorf("%v: replayed %v", c.err, got)
		}
	}
	if strings.Contains(b.logs.String(), "Anna") {
		t.Errorf("the log has the words of the ATS: %s", b.logs)
	}
}

// TestSlots: at most thirty at once, the others are told; what is malformed takes none, but a large
// body needs one before it is read.
func TestSlots(t *testing.T) {
	b := newBench(t, nil)
	release := make(chan struct{})
	var begun sync.WaitGroup
	begun.Add(allSlots)
	b.actions.do = func(store.Integration, action.Request) (action.Answer, error) {
		begun.Done()
		<-release
		return action.Answer{}, nil
	}
	const url, body = "/v1/ats/applications/remote:1000:100/notes", `{"content":"Good.","content_type":"PLAIN_TEXT"}`
	var running sync.WaitGroup
	for range allSlots {
		running.Go(func() {
			if res := b.do("POST", url, body, on(full)); res.StatusCode != 200 {
				t.Errorf("answered %d", res.StatusCode)
			}
		})
	}
	begun.Wait()
	large := `{"attachment":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`
	for name, c := range map[string]struct {
		method, url, body string
		status            int
	}{
		"another": {"POST", url, body, 429}, "attachments": {"GET", "/v1/ats/candidates/remote:1000/attachments", "", 429}, "passthrough": {"POST", "/v1/passthrough/traffit/v2", `{"method":"GET","path":"/"}`, 429},
		"malformed": {"POST", url, `{}`, 400}, "large": {"POST", "/v1/ats/candidates/remote:1000/attachments", large, 429}, "a list": {"GET", "/v1/ats/jobs", "", 200},
	} {
		res := b.do(c.method, c.url, c.body, on(full))
		text := read(t, res)
		if res.StatusCode != c.status || c.status == 429 && !strings.Contains(text, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED") {
			t.Errorf("%s was answered %d: %s", name, res.StatusCode, text)
		}
		if got, want := res.Header.Get("Concurrency-Remaining"), map[bool]string{true: "0"}[c.status == 429]; got != want {
			t.Errorf("%s: Concurrency-Remaining %q, want %q", name, got, want)
		}
	}
	close(release)
	running.Wait()
	if b.actions.taken != 0 || b.actions.most != allSlots {
		t.Errorf("%d slots are still taken, at most %d were", b.actions.taken, b.actions.most)
	}
}

// TestPersonalInputIsNotLogged sends people's data in everything that is wrong with it.
func TestPersonalInputIsNotLogged(t *testing.T) {
	b := newBench(t, nil)
	for _, body := range []string{
		`{"candidate":{"first_name":"Anna\u0000","last_name":"","email_address":"anna.secret"},"application":{"job_id":"remote:100"}}`,
		`{"candidate":{"first_name":"Anna","last_name":"Nowak","email_address":"anna.secret","location":{"country":"Anna"},"social_links":[{"url":"ftp://anna"}]},"application":{"job_id":"remote:100"},"attachments":[{"name":"anna/","content_type":"x","data":"anna!","type":"CV"}]}`,
	} {
		if res := b.do("POST", "/v1/ats/candidates", body, on(full)); res.StatusCode != 400 {
			t.Errorf("answered %d", res.StatusCode)
		}
	}
	if strings.Contains(strings.ToLower(b.logs.String()), "anna") || !strings.Contains(b.logs.String(), `"status":400`) {
		t.Errorf("logged %s", b.logs)
	}
}

// TestKeyTwice: two keys name no request.
func TestKeyTwice(t *testing.T) {
	b := newBench(t, nil)
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/ats/candidates/remote:1000/tags", strings.NewReader(`{"tag":{"name":"VIP"}}`))
	req.Header = http.Header{"Authorization": {"Bearer " + b.key}, "X-Integration-Id": {full}, "Idempotency-Key": {"a", "b"}, "Content-Type": {"application/json"}}
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, req)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "header.Idempotency-Key: must be given once") {
		t.Errorf("answered %d: %s", w.Code, w.Body)
	}
}

func TestActionDetails(t *testing.T) {
	b := newBench(t, nil)
	for name, want := range map[string]any{action.CreateApplication: 20.0, action.AddCandidateAttachment: 1.0, action.AddNote: nil} {
		var got struct {
			Data struct {
				Restrictions *struct {
					Total float64 `json:"total_size_bytes"`
					Types map[string]map[string]any
				} `json:"attachment_restrictions"`
			}
		}
		res := b.do("GET", "/v1/ats/actions/"+name, "", on(off))
		if err := json.Unmarshal([]byte(read(t, res)), &got); err != nil {
			t.Fatal(err)
		}
		r := got.Data.Restrictions
		if (r == nil) != (want == nil) {
			t.Errorf("%s: %v", name, r)
		} else if r != nil && (r.Total != 100<<20 || fmt.Sprint(r.Types["COVER_LETTER"]) != fmt.Sprintf("map[accepted_mime_types:<nil> is_supported:true max_amount:%v max_file_size_bytes:%v min_amount:0]", want, float64(1<<20))) {
			t.Errorf("%s: %v %v", name, r.Total, r.Types)
		}
	}
}
