package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/sandbox"
)

// hasty is how patient actions are in tests: what shows late in the simulator shows within lateness.
var hasty = action.Timing{
	Answer: 30 * time.Second,
	Looks:  []time.Duration{20 * time.Millisecond, 80 * time.Millisecond, 200 * time.Millisecond},
	Absent: 350 * time.Millisecond,
}

const lateness = "150ms"

// scene is a small tenant connected to a server, with those whom actions are about.
type scene struct {
	*server
	u     *upstream
	i     string // the integration
	files string // where contents can be fetched

	open, other, closed int // recruitments
	late                int // one that is newer than the first sync
	states              []object
	user                int
	regular             int // a candidate in the open recruitment
	unseen              int // a candidate who is newer than the first sync

	patient bool        // the client repeats what the server could not finish
	keyless bool        // it sends no idempotency keys
	doubled bool        // it sends everything twice at once,
	second  *scene      // the other time there
	raced   atomic.Bool // a colleague was faster
	repeats int
}

const (
	zaneta   = "Zaneta.Zolc@example.com"
	brief    = "brief@example.com"
	racer    = "racer@example.com"
	regular  = "regular@example.com"
	unseen   = "Un.Seen@example.com"
	cvName   = "Życiorys – Żaneta (wersja 2).pdf"
	listName = "list.txt"
	taskName = "Zadanie ✓.pdf"
	cvText   = "%PDF-1.7\nżyciorys\n%%EOF\n"
	listText = "Szanowni Państwo,\r\nzażółć gęślą jaźń.\r\n"
	taskText = "%PDF-1.4\nzadanie\x00\xff\n%%EOF"
	twice    = ", twice"
	noteText = "Rozmowa: „świetna” <b>nie</b> pogrubione & 100%\n\n– Zażółć gęślą jaźń 👍"
)

// newScene makes a tenant under switches and connects it; others come after the first sync.
func newScene(t *testing.T, c config, before, after map[string]string) *scene {
	t.Helper()
	sc := newCast(t, before)
	c.TraffitURL = sc.u.base
	if c.Patience.Answer == 0 {
		c.Patience = hasty
	}
	sc.server = start(t, c)
	sc.i = sc.connect(sc.u.Name())
	sc.goOn(after)
	return sc
}

// newCast makes the tenant of a scene.
func newCast(t *testing.T, switches map[string]string) *scene {
	t.Helper()
	sc := &scene{}
	box := sandbox.Config{Candidates: 12, Recruitments: 4, Adverts: 1, Users: 3, OnRequest: sc.beforehand}
	sc.u = newUpstream(t, box)
	sc.u.admin("PUT", "switches", switches)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content := map[string]string{"/list": listText, "/task": taskText}[r.URL.Path]
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, content) // the server complains when it gets less
	}))
	t.Cleanup(files.Close)
	sc.files = files.URL
	for _, w := range sc.u.rows("workflows")[0]["states"].([]any) {
		sc.states = append(sc.states, w.(object))
	}
	sc.user = int(sc.u.rows("users")[0]["id"].(float64))
	sc.open = sc.made(sc.u.AddRecruitment(sandbox.Patch{"name": "Magazynier – zmiana II"}))
	sc.other = sc.made(sc.u.AddRecruitment(sandbox.Patch{"name": "Kierowca"}))
	sc.closed = sc.made(sc.u.AddRecruitment(sandbox.Patch{"name": "Zamknięta", "is_closed": true}))
	sc.regular = sc.made(sc.u.AddEmployee(sandbox.Patch{"name": "Stała", "lastname": "Bywalczyni", "email": regular, "mobile": "601 000 001"}))
	if _, err := sc.u.SetTags(sc.regular, []string{"Java"}); err != nil {
		t.Fatal(err)
	}
	sc.made(sc.u.Apply(sc.open, sc.regular))
	return sc
}

// made gives the ID of a new row.
func (sc *scene) made(row sandbox.Row, err error) int {
	sc.u.t.Helper()
	if err != nil {
		sc.u.t.Fatal(err)
	}
	return row.ID()
}

// twin is the same scene at another server.
func (sc *scene) twin(s *server) *scene {
	twin := &scene{server: s, i: sc.i}
	twin.key = sc.key
	return twin
}

// goOn lets happen what a first sync does not see.
func (sc *scene) goOn(switches map[string]string) {
	sc.Helper()
	sc.u.past[sc.i] = append(sc.u.past[sc.i], sc.u.expect(sc.u.Name(), sc.i)) // tags outlast what had them
	sc.late = sc.made(sc.u.AddRecruitment(sandbox.Patch{"name": "Zupełnie nowa"}))
	sc.unseen = sc.made(sc.u.AddEmployee(sandbox.Patch{"name": "Jeszcze", "lastname": "Nieznany", "email": unseen, "linkedin": "nieznany"}))
	sc.u.admin("PUT", "switches", switches)
}

// beforehand lets a colleague type the racer in just before the request that creates them arrives.
func (sc *scene) beforehand(r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/v2/employees") {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever reads it next learns it
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte(racer)) && sc.raced.CompareAndSwap(false, true) {
		_, _ = sc.u.AddEmployee(sandbox.Patch{"name": "Ktoś", "lastname": "Pierwszy", "email": racer}) // the truth will tell
	}
}

// id is our ID of a record.
func (sc *scene) id(model string, remote any) string {
	return oracle.ID(sc.i, "ats_"+model, fmt.Sprint(remote))
}

// state gives the ID of a workflow's state by its place.
func (sc *scene) state(n int) int { return int(sc.states[n]["id"].(float64)) }

// deed is one action of the script.
type deed struct {
	name, method, path string
	body               object
	code               ats.Code // of the error that it has to come to; empty for success
	warns              []string // with what its warnings begin
}

// key is the deed's idempotency key.
func (d deed) key() string { return strings.ReplaceAll(d.name, " ", "-") }

// script does everything that can be done, and what must be refused. Nothing in it depends on what
// was done before but for the candidates' e-mail addresses.
func (sc *scene) script() []deed {
	application := "/v1/ats/applications/" + sc.id("applications", fmt.Sprintf("%d:%d", sc.regular, sc.open))
	candidate := "/v1/ats/candidates/" + sc.id("candidates", sc.regular)
	stage := sc.id("application_stages", sc.state(3))
	who := func(first, last, email string) object {
		return object{"first_name": first, "last_name": last, "email_address": email}
	}
	everything := who("Żaneta", "Żółć", zaneta)
	maps.Copy(everything, object{
		"phone_number": "+48 601 222 333", "title": "Operatorka wózka", "company": "Dawna Firma", "availability_date": "2027-03-01",
		"location": object{"country": "PL", "city": "Łódź", "zip_code": "90-001"}, "salary_expectations": object{"period": "MONTH", "amount": 7000},
		"social_links": []any{object{"url": "https://www.linkedin.com/in/zaneta"}, object{"url": "https://example.com/zaneta"}}, "gender": "FEMALE",
		"additional_email_addresses": []any{object{"type": "WORK", "email_address": "z@example.org"}},
		"additional_phone_numbers":   []any{object{"type": "OTHER", "phone_number": "22 600 00 01"}},
	})
	link := func(url, score string) object {
		return object{"label": "Test wiedzy", "url": url, "details": object{"custom_field_name_prefix": "", "attributes": []any{
			object{"key": "Technologie", "value": score},
			object{"key": "Experience", "value": "5+"},
			object{"key": "nationality", "value": "Polska"},
			object{"key": "salary expectation", "value": "9100"},
			object{"key": "wynik", "value": score},
		}}}
	}
	tag := func(name string) object { return object{"tag": object{"name": name}} }
	file := func(f object, kind string) object {
		f["type"] = kind
		return f
	}
	data := func(name, content string) object {
		return object{"name": name, "content_type": "application/pdf", "data": base64.StdEncoding.EncodeToString([]byte(content))}
	}
	nowhere := []string{"attribute 5 (wynik): candidates have no custom field of this name"}
	return []deed{
		{name: "everything", method: "POST", path: "/v1/ats/candidates", body: object{
			"candidate": everything, "application": object{"job_id": sc.id("jobs", sc.open), "stage_id": fmt.Sprintf("remote:%d", sc.state(2))},
			"attachments": []any{file(data(cvName, cvText), "CV"), file(object{"name": listName, "data_url": sc.files + "/list"}, "COVER_LETTER")},
			"source":      object{"name": "Polecenie"}, "sourced_by": object{"user_id": sc.id("users", sc.user)},
			"gdpr_consent":               object{"given": true, "expires_at": "2028-01-01T00:00:00.000Z"},
			"screening_question_answers": []any{object{"question_id": "q", "answer": "Tak"}},
		}, warns: []string{
			"candidate.additional_email_addresses could not be written", "sourced_by could not be written", "screening_question_answers could not be written",
			"candidate.company could not be written", "candidate.gender could not be written",
			"gdpr_consent.given could not be written", "gdpr_consent.expires_at could not be written", "candidate.social_links could not be written",
		}},
		{name: "unknown to the store", method: "POST", path: "/v1/ats/jobs/" + sc.id("jobs", sc.other) + "/applications", body: object{
			"candidate": who("Nikt", "Inny", strings.ToLower(unseen)), "stage_id": stage,
		}},
		{name: "there already", method: "POST", path: fmt.Sprintf("/v1/ats/jobs/remote:%d/applications", sc.other), body: object{
			"candidate": who("Nikt", "Inny", unseen),
		}, code: ats.ApplicationExists},
		{name: "new job", method: "POST", path: fmt.Sprintf("/v1/ats/jobs/remote:%d/applications", sc.late), body: object{"candidate": who("Krótko", "Mówiąc", brief)}},
		{name: "colleague", method: "POST", path: "/v1/ats/candidates", body: object{
			"candidate": who("Ktoś", "Drugi", racer), "application": object{"job_id": fmt.Sprintf("remote:%d", sc.open)},
		}},
		{name: "closed", method: "POST", path: "/v1/ats/jobs/" + sc.id("jobs", sc.closed) + "/applications", body: object{"candidate": who("Za", "Późno", "za@example.com")}, code: ats.JobClosed},
		{name: "no such stage", method: "POST", path: fmt.Sprintf("/v1/ats/jobs/remote:%d/applications", sc.open), body: object{
			"candidate": who("Za", "Daleko", "za@example.com"), "stage_id": "remote:99999",
		}, code: ats.InputInvalid},
		{name: "no address", method: "POST", path: fmt.Sprintf("/v1/ats/jobs/remote:%d/applications", sc.open), body: object{"candidate": who("Bez", "Adresu", "nobody")}, code: ats.InputInvalid},
		{name: "move", method: "PUT", path: application + "/stage", body: object{"stage_id": stage}},
		{name: "move again", method: "PUT", path: application + "/stage", body: object{"stage_id": fmt.Sprintf("remote:%d", sc.state(3))}},
		{name: "move nowhere", method: "PUT", path: application + "/stage", body: object{"stage_id": "remote:99999"}, code: ats.InputInvalid},
		{name: "note", method: "POST", path: application + "/notes", body: object{"content": noteText, "content_type": "PLAIN_TEXT"}},
		{name: "link", method: "POST", path: application + "/result-links", body: link("https://example.com/r/1", "61%"), warns: nowhere},
		{name: "link again", method: "POST", path: application + "/result-links", body: link("https://example.com/r/1", "61%")},
		{name: "link changed", method: "POST", path: application + "/result-links", body: link("https://example.com/r/2", "84%"), warns: nowhere},
		{name: "link of a candidate", method: "POST", path: candidate + "/result-links", body: object{"label": "Wideo", "url": "https://example.com/v?x=1&y=ż"}},
		{name: "file", method: "POST", path: application + "/attachments", body: object{"attachment": file(data(cvName, cvText), "CV")}},
		{name: "file of a candidate", method: "POST", path: candidate + "/attachments", body: object{
			"attachment": file(object{"name": taskName, "content_type": "application/pdf", "data_url": sc.files + "/task"}, "OTHER"),
		}},
		{name: "file again", method: "POST", path: application + "/attachments", body: object{"attachment": file(data(cvName, cvText), "CV")}, warns: []string{"attachment 1: the candidate had a file"}},
		{name: "tag", method: "POST", path: candidate + "/tags", body: tag("Wózki widłowe")},
		{name: "tag again", method: "POST", path: candidate + "/tags", body: tag("wózki WIDŁOWE")},
		{name: "second tag", method: "POST", path: candidate + "/tags", body: tag("a/b?c%")},
		{name: "tag off", method: "DELETE", path: candidate + "/tags", body: tag("java")},
		{name: "tag off again", method: "DELETE", path: candidate + "/tags", body: tag("Java")},
		{name: "reject", method: "POST", path: application + "/reject", body: object{"rejection_reason_id": sc.reason(), "note": "Wrócić w Q3.\nMoże."}},
		{name: "no such reason", method: "POST", path: application + "/reject", body: object{"rejection_reason_id": "remote:99999"}, code: ats.InputInvalid},
		{name: "import", method: "POST", path: "/v1/ats/import-tracked-application", body: object{"tracked_at": "2026-05-31T08:30:00.000Z"}, code: ats.ActionNotAvailable},
	}
}

// reason is the ID of a reason for which the open recruitment rejects.
func (sc *scene) reason() string {
	found := 0
	for _, r := range sc.u.rows("rejections") {
		id := int(r["id"].(float64))
		if r["name"] == "Rezygnacja kandydata" && (found == 0 || id/100 == sc.open) {
			found = id
		}
	}
	return fmt.Sprintf("remote:%d", found)
}

// passing are the codes after which a client sends the same request again.
var passing = []ats.Code{ats.TimedOut, ats.RemoteUnavailable, ats.RemoteRateLimited, ats.RemoteError, ats.Unknown, ats.CredentialsInvalid}

// do carries a deed out under a key of its own, if any, and gives the answer.
func (sc *scene) do(d deed) (code ats.Code, body object) {
	sc.Helper()
	key := d.key()
	if sc.keyless {
		key = ""
	}
	for n := 1; ; n++ {
		again := make(chan ats.Code, 1)
		if sc.doubled {
			go func() {
				code, _, err := sc.second.send(d, key)
				if err != nil {
					sc.Errorf("%s, at the same time: %v", d.name, err)
				}
				again <- code
			}()
		}
		var err error
		if code, body, err = sc.send(d, key); err != nil {
			sc.Fatalf("%s: %v", d.name, err)
		}
		if sc.doubled {
			other := <-again
			if sc.keyless && code == ats.ApplicationExists { // the other one was done before this one began
				code, other = other, code
			}
			late := sc.keyless && code == "" && other == ats.ApplicationExists
			if other != code && !late && !slices.Contains(passing, other) && !slices.Contains(passing, code) {
				sc.Errorf("%s: of two at the same time one came to %q, the other to %q", d.name, code, other)
			}
		}
		if !sc.patient || n == 60 || !slices.Contains(passing, code) {
			return code, body
		}
		sc.repeats++
	}
}

// send sends a deed once.
func (sc *scene) send(d deed, key string) (ats.Code, object, error) {
	raw, err := json.Marshal(d.body)
	if err != nil {
		return "", nil, err
	}
	req, err := http.NewRequestWithContext(sc.Context(), d.method, sc.base+d.path, bytes.NewReader(raw))
	if err != nil {
		return "", nil, err
	}
	req.Header.Set("Authorization", "Bearer "+sc.key)
	req.Header.Set("X-Integration-Id", sc.i)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	var body object
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return "", nil, fmt.Errorf("answered %d without JSON: %w", res.StatusCode, err)
	}
	if failure, ok := body["error"].(object); ok {
		return ats.Code(failure["code"].(string)), body, nil
	}
	return "", body, nil
}

// play carries the whole script out. codes are errors that deeds come to otherwise than usual.
func (sc *scene) play(codes map[string]ats.Code, warns bool) {
	sc.Helper()
	for _, d := range sc.script() {
		if code, ok := codes[d.name]; ok {
			d.code = code
		}
		code, body := sc.do(d)
		if code != d.code {
			sc.Errorf("%s: got %q, want %q: %v", d.name, code, d.code, body)
		}
		if !warns || code != "" {
			continue
		}
		var got []string
		for _, w := range body["warnings"].([]any) {
			got = append(got, w.(object)["message"].(string))
		}
		if !slices.EqualFunc(got, d.warns, strings.HasPrefix) {
			sc.Errorf("%s: the warnings are %q, want %q", d.name, got, d.warns)
		}
	}
}

// effects is how often what has to happen in all.
func effects() map[string]int {
	return map[string]int{"create": 2, "assign": 4, "move": 3, "note": 4, "upload": 4, "update": 2, "tag": 2, "untag": 1, "reject": 1}
}

// picture is what the truth says of those whom the script is about.
type picture struct {
	Fields map[string]object // by address
	Stays  map[string][]string
	Tags   []string
	Notes  []string
	Files  map[string][]upload // by address
	Reject object
	Counts map[string]int
}

type upload struct{ Name, Label, Content string }

// expected is the picture after the script.
func (sc *scene) expected() picture {
	at := func(recruitment string, states ...int) (stays []string) {
		for _, n := range states {
			stays = append(stays, recruitment+": "+sc.states[n]["name"].(string))
		}
		return stays
	}
	const job, other, late = "Magazynier – zmiana II", "Kierowca", "Zupełnie nowa"
	end := slices.IndexFunc(sc.states, func(s object) bool { return s["type"] == "end-bad" })
	link := func(url, score, more string) string {
		return "Test wiedzy\n" + url + "\n\nTechnologie: " + score + "\nExperience: 5+\nnationality: Polska\nsalary expectation: 9100\nwynik: " + score + more
	}
	reason := 0
	_, _ = fmt.Sscanf(sc.reason(), "remote:%d", &reason) // it is one
	return picture{
		Fields: map[string]object{
			zaneta: {
				"name": "Żaneta", "lastname": "Żółć", "mobile": "+48 601 222 333, 22 600 00 01", "linkedin": "https://www.linkedin.com/in/zaneta",
				"place": "Łódź 90-001 pl", "_Position": "Operatorka wózka", "_available_from": "2027-03-01", "_salary_expectation": 7000.0,
				"status": "active", "source": "Polecenie",
			},
			brief:  {"name": "Krótko", "lastname": "Mówiąc", "status": "active"},
			racer:  {"name": "Ktoś", "lastname": "Pierwszy", "status": "active"},
			unseen: {"name": "Jeszcze", "lastname": "Nieznany", "linkedin": "nieznany", "status": "active"},
			regular: {
				"name": "Stała", "lastname": "Bywalczyni", "mobile": "601 000 001", "status": "active", "_technologie": "84%",
				"_experience": []any{"5+"}, "_nationality": "Polska", "_salary_expectation": 9100.0,
			},
		},
		Stays: map[string][]string{
			zaneta: at(job, 0, 2), brief: at(late, 0), racer: at(job, 0), unseen: at(other, 0, 3), regular: at(job, 0, 3, end),
		},
		Tags: []string{"Wózki widłowe", "a/b?c%"},
		Notes: []string{
			noteText + "\n\n[" + job + " | ref]", link("https://example.com/r/1", "61%", "") + "\n\n[" + job + " | ref]",
			link("https://example.com/r/2", "84%", "\n\nThis replaces what was left here before under the same name.") + "\n\n[" + job + " | ref]",
			"Wideo\nhttps://example.com/v?x=1&y=ż\n\n[ref]",
		},
		Files: map[string][]upload{
			zaneta:  {{cvName, "CV", cvText}, {listName, "List motywacyjny", listText}},
			regular: {{cvName, "CV", cvText}, {taskName, "Inny", taskText}},
		},
		Reject: object{"rejection_id": reason, "description": "Wrócić w Q3.\nMoże."},
		Counts: effects(),
	}
}

// seen is the picture as it is.
func (sc *scene) seen() picture {
	sc.Helper()
	p := picture{Fields: map[string]object{}, Stays: map[string][]string{}, Files: map[string][]upload{}, Counts: sc.u.WriteCounts()}
	sources := map[float64]string{}
	labels := map[float64]string{}
	for _, d := range sc.u.rows("dictionaries") {
		for _, item := range d["items"].([]any) {
			labels[item.(object)["id"].(float64)] = item.(object)["value"].(string)
		}
	}
	for _, s := range sc.u.rows("sources") {
		sources[s["employee"].(object)["id"].(float64)] = labels[s["dictionary_item"].(object)["id"].(float64)]
	}
	names := map[float64]string{}
	for _, r := range sc.u.rows("recruitments") {
		names[r["id"].(float64)], _ = r["name"].(string)
	}
	address := map[float64]string{}
	for _, e := range sc.u.rows("employees") {
		email, _ := e["email"].(string)
		id := e["id"].(float64)
		if !slices.Contains([]string{zaneta, brief, racer, unseen, regular}, email) {
			if int(id) > sc.unseen {
				sc.Errorf("there is somebody new, %v", email)
			}
			continue
		}
		fields := object{}
		for _, key := range []string{"name", "lastname", "mobile", "linkedin", "status", "_Position", "_available_from", "_salary_expectation", "_technologie", "_experience", "_nationality", "_education"} {
			if e[key] != nil {
				fields[key] = e[key]
			}
		}
		if place, ok := e["candidate_location"].(object); ok {
			fields["place"] = fmt.Sprint(place["locality"], " ", place["postcode"], " ", place["iso"])
		}
		if s := sources[id]; s != "" {
			fields["source"] = s
		}
		if p.Fields[email] != nil {
			email += twice
		}
		p.Fields[email], address[id] = fields, email
		for _, f := range sc.u.Uploads(int(id)) {
			p.Files[email] = append(p.Files[email], upload{f.Name, f.Label, string(f.Content)})
		}
		if email == regular {
			for _, t := range e["tags"].([]any) {
				p.Tags = append(p.Tags, t.(object)["name"].(string))
			}
		}
	}
	for _, h := range sc.u.rows("history") {
		if who := address[h["employee"].(object)["id"].(float64)]; who != "" {
			stay := names[h["recruitment"].(object)["id"].(float64)] + ": " + h["workflow_state"].(object)["name"].(string)
			p.Stays[who] = append(p.Stays[who], stay)
		}
	}
	for _, n := range sc.u.Notes(sc.regular) {
		p.Notes = append(p.Notes, withoutMark(n.Content))
	}
	for _, w := range sc.u.Writes() {
		if row, ok := w.Body.(sandbox.Row); ok && w.Kind == "reject" {
			p.Reject = object{"rejection_id": row.Value("rejection_id"), "description": row.Value("description")}
		}
	}
	return p
}

// withoutMark takes from a note the mark by which Kladka finds it again.
func withoutMark(text string) string {
	at := strings.LastIndex(text, "ref ")
	if at < 0 {
		return text
	}
	return text[:at] + "ref]"
}

// performance is a value of a switch under which the script is played.
type performance struct {
	value string
	with  []string
	// later: it begins after the first sync.
	later bool
	// fault: it does, ends before the next sync, and the client is patient.
	fault bool
	// keyless and doubled say how the client sends, nodes that it does so to two servers of one database.
	keyless, doubled, nodes bool
	// syncing: one sync follows the other meanwhile.
	syncing bool
	// resent: what can be repeated without harm may have been, as under a fault.
	resent bool
	// codes are deeds that come to another error than usual, change is what is different afterwards.
	codes  map[string]ats.Code
	change func(p *picture)
	// behind: what is served is not the truth before the next sync.
	behind bool
}

// perform plays the script under switches and checks what came of it: exactly what was wanted, once,
// in the tenant, in what is served at once, and in what a sync makes of it.
func perform(t *testing.T, c config, switches map[string]string, p performance) {
	began := time.Now()
	before, after := switches, map[string]string{}
	if p.fault || p.later {
		before, after = after, before
	}
	sc := newScene(t, c, before, after)
	connected := time.Since(began)
	sc.patient, sc.keyless, sc.doubled, sc.second = p.fault, p.keyless, p.doubled, sc
	if p.nodes {
		c.TraffitURL, c.Patience = sc.u.base, hasty
		sc.second = sc.twin(start(t, c))
	}
	syncs := func() {}
	if p.syncing {
		syncs = sc.syncOn()
	}
	sc.play(p.codes, len(switches) == 0 && !p.keyless && !p.doubled)
	syncs()
	played := time.Since(began) - connected
	sc.judge(p)
	t.Logf("connected in %v, played in %v with %d repeats, all in %v", connected.Round(time.Millisecond), played.Round(time.Millisecond), sc.repeats, time.Since(began).Round(time.Millisecond))
}

// judge compares what there is after the script with what there should be.
func (sc *scene) judge(p performance) {
	t := sc.T
	t.Helper()
	if n := sc.u.SettleWrites(); n > 0 {
		t.Errorf("%d writes came later than the answers to their actions", n)
	}
	want, got := sc.expected(), sc.seen()
	if p.change != nil {
		p.change(&want)
	}
	if p.fault || p.resent {
		want.Counts["update"] = max(want.Counts["update"], got.Counts["update"])
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("the truth is not what it should be (-want +got):\n%s", d)
	}
	if p.fault || p.later {
		sc.u.reset()
	}
	if !p.fault && !p.behind {
		sc.u.equal(sc.server, sc.i)
		sc.readFiles()
	}
	visible := append([]string{"changes"}, recordTables...)
	served := sc.config.dump(t, visible...)
	sc.succeed(sc.i)
	if !p.fault && !p.behind {
		unchanged(t, "a sync after the actions", served, sc.config.dump(t, visible...))
	}
	sc.u.equal(sc.server, sc.i)
}

// readFiles reads back what was uploaded, as a client who has no key for the contents.
func (sc *scene) readFiles() {
	sc.Helper()
	for _, path := range []string{
		"/v1/ats/candidates/" + sc.id("candidates", sc.regular) + "/attachments",
		"/v1/ats/applications/" + sc.id("applications", fmt.Sprintf("%d:%d", sc.regular, sc.open)) + "/attachments",
	} {
		var got []upload
		for _, r := range sc.data("GET", path, sc.i, nil)["results"].([]any) {
			f := r.(object)
			got = append(got, upload{f["file_name"].(string), f["type"].(string), download(sc.T, f["data_url"].(string))})
		}
		slices.SortFunc(got, func(a, b upload) int { return strings.Compare(b.Name, a.Name) })
		if d := cmp.Diff([]upload{{cvName, "CV", cvText}, {taskName, "OTHER", taskText}}, got); d != "" {
			sc.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

// download reads an address without any credentials.
func download(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("a download answered %s: %v", res.Status, err)
	}
	return string(content)
}

// All actions, on both databases.
func TestActions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) { perform(t, c, nil, performance{}) })
}

// fault is a performance under a switch that spoils requests.
func fault(value string, with ...string) performance {
	return performance{value: value, with: with, fault: true}
}

// without takes the tags of the script out of the picture; has are those that stay.
func without(has ...string) func(p *picture) {
	return func(p *picture) {
		p.Tags = has
		delete(p.Counts, "tag")
		delete(p.Counts, "untag")
	}
}

// tagging are the deeds about tags, with the code that they come to.
func tagging(code ats.Code) map[string]ats.Code {
	return map[string]ats.Code{"tag": code, "tag again": code, "second tag": code, "tag off": code, "tag off again": code}
}

// creatingEnds are the deeds that need a recruitment, with the code that they come to.
func creationsEnd(code ats.Code) map[string]ats.Code {
	return map[string]ats.Code{
		"everything": code, "unknown to the store": code, "there already": code, "new job": code, "colleague": code, "closed": code,
		"move": code, "move again": code,
	}
}

// performances has the switches that actions could notice, with the values under which something is
// different and those that cannot be enumerated. Where a switch chooses between values, the others
// are added: the script has to come to the same under them.
var performances = map[string][]performance{
	"write.fail":   {fault("0.2")},
	"write.lost":   {fault("0.4"), fault("1")},
	"write.unsure": {fault("0.4"), fault("1")},
	"write.late":   {fault(lateness, "write.lost=0.5"), fault(lateness, "write.unsure=1"), fault(lateness, "write.lost=0.3", "write.unsure=0.3", "write.fail=0.1")},
	"fail.500":     {fault("0.05")},
	"fail.503html": {fault("0.05")},
	"fail.cut":     {fault("0.05")},
	"fail.garbage": {fault("0.05")},
	"fail.close":   {fault("0.05")},
	"fail.429":     {fault("0.05", "retry.after=none", "burst=2")},
	"token.uses":   {fault("1"), fault("5")},
	"token.life":   {fault("1s", "latency=10ms")},

	"filter.ignore": {{value: lists}, {value: lists, with: []string{"sort.ignore=" + lists, "create.duplicate=text"}}},
	"filter.refuse": {{value: lists}},
	"sort.ignore":   {{value: lists, with: []string{"order=desc"}}, {value: lists, with: []string{"order=shuffled"}}},
	"page.max":      {{value: "10", with: []string{"page.strict=", "filter.refuse=employees"}}},
	"write.errors":  {{value: "text", with: []string{"write.validation=strict"}}, {value: "html", with: []string{"write.validation=strict"}}},
	"error.shape":   {{value: "symfony", with: []string{"write.validation=strict"}}, {value: "html", with: []string{"write.validation=strict", "gone.status=410"}}},
	"assign.repeat": {{value: "409", with: []string{"error.shape=html"}}},
	"choice.write":  {{value: "index", change: sentAgain}, {value: "label", change: sentAgain}, {value: "index", with: []string{"write.validation=strict"}, change: func(p *picture) { p.Counts["update"] = 7 }}}, // one by one
	"create.duplicate": {{value: "taken", change: func(p *picture) {
		// Nobody can prevent that two are typed in at once. The action is true to its own candidate.
		p.Fields[racer+twice] = object{"name": "Ktoś", "lastname": "Drugi", "status": "active"}
		p.Stays[racer+twice] = p.Stays[racer]
		delete(p.Stays, racer)
		p.Counts["create"] = 3
	}, behind: true}},
	"file.max": {{value: "10", change: func(p *picture) {
		p.Files = map[string][]upload{}
		delete(p.Counts, "upload")
	}, codes: map[string]ats.Code{"file": ats.RemoteInputInvalid, "file again": ats.RemoteInputInvalid, "file of a candidate": ats.RemoteInputInvalid}, behind: true}},
	"rejections.ids": {{value: "recruitment", behind: true}}, // those of the new job come with a sync
	"schema": {{value: "ignored", change: func(p *picture) {
		// Nothing tells what a field takes.
		delete(p.Fields[zaneta], "_salary_expectation")
		for _, key := range []string{"_salary_expectation", "_experience", "_nationality"} {
			delete(p.Fields[regular], key)
		}
		p.Counts["update"] = 3
	}}},
	"tags.write": {{value: "missing", codes: tagging(ats.ActionNotAvailable), change: without("Java")}, {value: "put", change: func(p *picture) {
		without(p.Tags...)(p)
		p.Counts["tags"] = 3
	}}},
	"tags.shape": {{value: "missing", later: true, codes: tagging(ats.ActionNotAvailable), change: without(), behind: true}},
	"scope.missing": {
		lacking("403", "source,dictionary", nil, unlabelled), lacking("401", "source,dictionary", nil, unlabelled), lacking("404", "source,dictionary", nil, unlabelled),
		lacking("403", "recruitment", creationsEnd(ats.PermissionMissing), noneCreated), lacking("401", "recruitment", creationsEnd(ats.PermissionMissing), noneCreated),
	},
}

// noneCreated leaves of the picture what happens without recruitments.
func noneCreated(p *picture) {
	for _, who := range []string{zaneta, brief, racer} {
		delete(p.Fields, who)
		delete(p.Stays, who)
		delete(p.Files, who)
	}
	delete(p.Stays, unseen)
	p.Stays[regular] = slices.Delete(p.Stays[regular], 1, 2)
	for n := range p.Notes {
		p.Notes[n] = strings.ReplaceAll(p.Notes[n], "[Magazynier – zmiana II | ref]", "[ref]")
	}
	p.Counts["upload"] -= 2
	for _, kind := range []string{"create", "assign", "move"} {
		delete(p.Counts, kind)
	}
}

// unlabelled takes the words for types of files out of the picture.
func unlabelled(p *picture) {
	for _, files := range p.Files {
		for n := range files {
			files[n].Label = ""
		}
	}
}

// sentAgain is a value that was first sent in a form that the tenant did not take.
func sentAgain(p *picture) { p.Counts["update"]++ }

// lacking is a performance without some scopes.
func lacking(status, scopes string, codes map[string]ats.Code, change func(p *picture)) performance {
	return performance{value: status, with: []string{"scopes.denied=" + scopes}, later: true, codes: codes, change: change, behind: true}
}

// reset puts all switches back.
func (u *upstream) reset() {
	u.t.Helper()
	defaults := map[string]string{}
	for _, w := range u.Switches() {
		defaults[w.Name] = w.Default
	}
	u.admin("PUT", "switches", defaults)
	u.RevokeTokens() // those of a client that lacked something go on lacking it
}

// unheeded are switches of what no action looks at.
var unheeded = []string{
	"adverts.hidden", "adverts.geolocation", "adverts.options", "users.names", "users.email", "workflow.stamp", "recruitments.status", "oauth.scopes", "oauth.error",
}

// written are switches that nothing but actions notices.
var written = []string{
	"write.validation", "write.status", "write.errors", "write.fail", "write.lost", "write.unsure", "write.late", "redirects.writes",
	"create.duplicate", "create.answer", "choice.write", "assign.repeat", "assign.closed", "assign.state", "move.repeat", "reject.reason",
	"file.label", "file.answer", "file.max", "note.content", "tags.write",
}

// performancesOf lists the performances under a switch.
func performancesOf(s sandbox.Switch) []performance {
	mine := slices.Clone(performances[s.Name])
	if len(s.Values) > 1 && !slices.Contains(slices.Concat(elsewhere, unheeded), s.Name) {
		for _, v := range s.Values {
			if v != s.Default && !slices.ContainsFunc(mine, func(p performance) bool { return p.value == v }) {
				mine = append(mine, performance{value: v})
			}
		}
	}
	return mine
}

// All actions under each quirk that could matter for them, each fault, and each variant of what is
// not known of writes.
func TestActionQuirks(t *testing.T) {
	t.Parallel()
	box, err := sandbox.New(sandbox.Config{Candidates: 1, Recruitments: 1, Adverts: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range box.Switches() {
		mine := performancesOf(s)
		if len(mine) == 0 && slices.Contains(written, s.Name) {
			t.Errorf("nothing tries the switch %s", s.Name)
		}
		for _, p := range mine {
			t.Run(strings.Join(append([]string{s.Name + "=" + p.value}, p.with...), " "), func(t *testing.T) {
				t.Parallel()
				perform(t, onSQLite(t), p.switches(s.Name), p)
			})
		}
	}
}

func (p performance) switches(name string) map[string]string {
	return trial{value: p.value, with: p.with}.switches(name)
}

// All actions under any few of them together, by seed.
func TestRandomActionQuirks(t *testing.T) {
	t.Parallel()
	combinations := 3
	if *long {
		combinations = 150
	}
	box, err := sandbox.New(sandbox.Config{Candidates: 1, Recruitments: 1, Adverts: 1})
	if err != nil {
		t.Fatal(err)
	}
	all := box.Switches()
	for seed := range combinations {
		dice := rand.New(rand.NewPCG(uint64(seed), 11))
		together, switches := performance{}, map[string]string{}
		for len(switches) < 4+dice.IntN(5) {
			s := all[dice.IntN(len(all))]
			mine := slices.DeleteFunc(performancesOf(s), func(p performance) bool { return p.change != nil || p.behind })
			if _, taken := switches[s.Name]; taken || len(mine) == 0 {
				continue
			}
			p := mine[dice.IntN(len(mine))]
			together.fault = together.fault || p.fault
			maps.Copy(switches, p.switches(s.Name))
		}
		t.Run(fmt.Sprintf("%d %v", seed, switches), func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			if seed%5 == 2 {
				c = onPostgres(t)
			}
			perform(t, c, switches, together)
		})
	}
}

// syncOn syncs without a pause until the returned function is called, which waits for the last one.
func (sc *scene) syncOn() (stop func()) {
	var over atomic.Bool
	done := make(chan int)
	go func() {
		n := 0
		for ; !over.Load() && !sc.Failed(); n++ {
			status, body, err := sc.server.try("POST", "/v1/force-sync", sc.i, object{"type": "FULL"})
			if err != nil || status != http.StatusOK {
				sc.Errorf("a sync was not started: %d, %v", status, err)
				break
			}
			run := body["data"].(object)["sync_id"].(string)
			for ended := false; !ended && err == nil; time.Sleep(5 * time.Millisecond) {
				_, body, err = sc.server.try("GET", "/v1/syncs/"+run, "", nil)
				data, _ := body["data"].(object)
				ended = data["ended_at"] != nil
			}
		}
		done <- n
	}()
	return func() {
		over.Store(true)
		sc.Logf("%d syncs meanwhile", <-done)
	}
}

// An action that takes longer than a client waits is answered by a repeat, or later, by itself.
func TestActionsOutOfTime(t *testing.T) {
	t.Parallel()
	for _, faults := range []map[string]string{{"write.unsure": "0.6", "write.late": "320ms"}, {"write.lost": "0.3", "write.fail": "0.2"}} {
		t.Run(fmt.Sprint(faults), func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			c.Patience = hasty
			c.Patience.Answer = 300 * time.Millisecond // less than an absence takes
			perform(t, c, faults, performance{fault: true})
		})
	}
}

// What actions say of records is not undone by a sync that read them before.
func TestActionsDuringSyncs(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		perform(t, c, map[string]string{"latency": "4ms"}, performance{syncing: true})
	})
}

// However carelessly a client repeats itself, everything happens once.
func TestActionRepeats(t *testing.T) {
	t.Parallel()
	for _, faults := range []map[string]string{nil, {"write.lost": "0.3", "write.fail": "0.1", "fail.close": "0.02"}, {"write.unsure": "0.4", "write.late": lateness}} {
		for _, p := range []performance{{keyless: true}, {doubled: true}, {keyless: true, doubled: true}} {
			p.fault = len(faults) > 0
			t.Run(fmt.Sprintf("keyless %v, doubled %v, %v", p.keyless, p.doubled, faults), func(t *testing.T) {
				t.Parallel()
				perform(t, onSQLite(t), faults, p)
			})
			if p.doubled {
				t.Run(fmt.Sprintf("two nodes, keyless %v, %v", p.keyless, faults), func(t *testing.T) {
					t.Parallel()
					p := p
					p.nodes = true
					perform(t, onPostgres(t), faults, p)
				})
			}
		}
	}
}

// Applications can be created while the first sync is still under way, by the IDs of the ATS.
func TestActionsBeforeFirstSync(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		sc := newCast(t, map[string]string{"latency": "20ms"})
		c.TraffitURL, c.Patience = sc.u.base, hasty
		sc.server = start(t, c)
		i, run := connect(t, sc.app, sc.u.Name())
		sc.i = i
		for n := range 4 {
			email := fmt.Sprintf("early%d@example.com", n)
			code, body, err := sc.send(deed{method: "POST", path: fmt.Sprintf("/v1/ats/jobs/remote:%d/applications", sc.open), body: object{
				"candidate": object{"first_name": "Wczesny", "last_name": "Ptak", "email_address": email, "location": object{"country": "PL", "city": "Łódź"}},
				"stage_id":  fmt.Sprintf("remote:%d", sc.state(1+n%3)),
			}}, "")
			if code != "" || err != nil {
				t.Errorf("%s: %v %v", email, err, body)
			}
			if r := sc.data("GET", "/v1/syncs/"+run, "", nil); n == 0 && r["ended_at"] != nil {
				t.Errorf("the sync had ended before: %v", r["state"])
			}
		}
		sc.succeeded(sc.finish(run))
		sc.u.equal(sc.server, sc.i)
		if d := cmp.Diff(map[string]int{"create": 4, "assign": 4, "move": 4}, sc.u.WriteCounts()); d != "" {
			t.Error(d)
		}
		sc.u.set("latency", "0s")
		sc.succeed(sc.i)
		sc.u.equal(sc.server, sc.i)
	})
}
