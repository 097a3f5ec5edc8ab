package traffit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// document is a file with a content that is there.
func document(name, content string) connector.File {
	sum := sha256.Sum256([]byte(content))
	return connector.File{
		Name: name, ContentType: "application/pdf", Type: connector.CV, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

// uploaded tells what was uploaded to a candidate: name, label, content.
func (b *bench) uploaded(id int) [][3]string {
	var got [][3]string
	for _, u := range b.Uploads(id) {
		label := u.Label
		if u.Public {
			label += ", public"
		}
		got = append(got, [3]string{u.Name, label, string(u.Content)})
	}
	return got
}

const cvName = "CV Żaneta Łoś – \"2026\" 履歴書.pdf"

func TestAddFile(t *testing.T) {
	cv := [][3]string{{cvName, "CV", "%PDF bytes \x00\xff\r\n--"}}
	bare := [][3]string{{cvName, "", "%PDF bytes \x00\xff\r\n--"}}
	none := "attachment 1: TRAFFIT has no label for files of the type CV; it was uploaded without one"
	for name, c := range map[string]struct {
		switches map[string]string
		label    string // that the operator set
		want     [][3]string
		warning  string
	}{
		"as assumed":                    {want: cv},
		"an answer with an ID":          {switches: map[string]string{"file.answer": "id"}, want: cv},
		"always 200":                    {switches: map[string]string{"write.status": "200"}, want: cv},
		"always 204":                    {switches: map[string]string{"write.status": "204", "single.wrap": "true"}, want: cv},
		"no slash at the end":           {switches: map[string]string{"redirects.writes": "bare"}, want: cv},
		"a slash at the end":            {switches: map[string]string{"redirects.writes": "slash"}, want: cv},
		"strict":                        {switches: map[string]string{"write.validation": "strict", "file.label": "refused"}, want: cv},
		"a dictionary that is a list":   {switches: map[string]string{"dictionary.shape": "list", "file.label": "refused"}, want: cv},
		"a dictionary of values":        {switches: map[string]string{"dictionary.shape": "values"}, want: cv},
		"a label of the operator":       {label: "Certyfikat", want: [][3]string{{cvName, "Certyfikat", cv[0][2]}}},
		"an unknown label":              {label: "Życiorys", want: bare}, // which TRAFFIT ignores silently
		"an unknown label, refused":     {label: "Życiorys", switches: map[string]string{"file.label": "refused"}, want: bare, warning: none},
		"an unknown label, with a page": {label: "?", switches: map[string]string{"file.label": "refused", "write.errors": "html"}, want: bare, warning: none},
		"no dictionaries":               {switches: map[string]string{"scopes.denied": "dictionary"}, want: bare, warning: none},
		"broken dictionaries":           {switches: map[string]string{"broken.endpoints": "dictionaries/{id}"}, warning: "-"},
		"dying tokens":                  {switches: map[string]string{"token.uses": "3"}, want: cv},
		"files that vanish":             {switches: map[string]string{"files.vanish": "1"}, want: cv},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.switches, func(cfg *connector.Config) {
				cfg.FileLabels = map[connector.FileType]string{connector.CV: c.label}
			})
			id, text := b.someone()
			j := b.journal()
			out, err := b.tenant.Act(t.Context(), &connector.AddFile{CandidateID: text, ApplicationID: text + ":1", File: document(cvName, cv[0][2])}, j)
			if c.warning == "-" {
				if _, later := errors.AsType[*connector.RetryError](err); !later || len(b.Uploads(id)) > 0 {
					t.Errorf("%v; a dictionary that cannot be read now is worth waiting for", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, b.uploaded(id)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if got := strings.Join(j.warnings, "|"); got != c.warning {
				t.Errorf("warnings %q, want %q", got, c.warning)
			}
			if out.CandidateID != text || out.ApplicationID != text+":1" || len(out.Parts) != 1 || !bytes.Contains(out.Parts[0].Raw, []byte("履歴書")) {
				t.Errorf("%+v", out)
			}
		})
	}
}

// A file that is there is not sent again; the same name alone does not make it one.
func TestAddFileTwice(t *testing.T) {
	b := newBench(t, nil)
	id, text := b.someone()
	add := func(name, content string) []string {
		t.Helper()
		j := b.journal()
		if _, err := b.tenant.Act(t.Context(), &connector.AddFile{CandidateID: text, File: document(name, content)}, j); err != nil {
			t.Fatal(err)
		}
		return j.warnings
	}
	was := []string{"attachment 1: the candidate had a file of this name and content already; it was not sent again"}
	for _, c := range []struct {
		name, content string
		warnings      []string
		files         int
	}{
		{"CV.pdf", "one", nil, 1},
		{"CV.pdf", "one", was, 1},
		{"cv.PDF", "one", was, 1},
		{"CV.pdf", "two", nil, 2},
		{"CV.pdf", "three", nil, 3},
		{"CV.pdf", "one", was, 3},
		{"other.pdf", "one", nil, 4},
		{"other.pdf", "", nil, 5},
		{"other.pdf", "", was, 5},
	} {
		if d := cmp.Diff(c.warnings, add(c.name, c.content)); d != "" {
			t.Errorf("%+v: %s", c, d)
		}
		if n := len(b.Uploads(id)); n != c.files {
			t.Errorf("%+v: %d files", c, n)
		}
	}
}

// Whatever becomes of answers and processes, a file is there once.
func TestAddFileOnce(t *testing.T) {
	for name, c := range map[string]struct {
		switches map[string]string
		kill     string
		sent     int // how often it is sent; more than once only if nothing came of it
	}{
		"a lost answer":                {switches: map[string]string{"write.lost": "1"}, sent: 1},
		"a wrong answer":               {switches: map[string]string{"write.unsure": "1"}, sent: 1},
		"a late effect":                {switches: map[string]string{"write.lost": "1", "write.late": "100s"}, sent: 1},
		"a killed process":             {kill: "file/1", sent: 1},
		"a killed process, late":       {switches: map[string]string{"write.lost": "1", "write.late": "25s"}, kill: "file/1", sent: 1},
		"a failure that had no effect": {switches: map[string]string{"write.fail": "0.999999"}, sent: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.switches)
			id, text := b.someone()
			j := b.journal()
			j.kill = c.kill
			a := &connector.AddFile{CandidateID: text, File: document(cvName, "content")}
			if c.sent > 1 {
				a.File.Open = b.mended(a.File.Open)
			}
			_, err := b.tenant.Act(t.Context(), a, j)
			if c.kill != "" && errors.Is(err, errKilled) {
				_, err = b.tenant.Act(t.Context(), a, j)
			}
			if err != nil || j.sent["file/1"] != c.sent || len(b.Uploads(id)) != 1 {
				t.Errorf("%v; sent %d times, %d files", err, j.sent["file/1"], len(b.Uploads(id)))
			}
		})
	}
}

// mended makes writes work from the second sending on, each of which opens the file twice.
func (b *bench) mended(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	n := 0
	return func() (io.ReadCloser, error) {
		if n++; n == 3 {
			if err := b.Set("write.fail", "0"); err != nil {
				return nil, err
			}
		}
		return open()
	}
}

// A name that TRAFFIT has changed does not hide a file whose answer was lost, nor is a copy of it one.
func TestAddFileUnderAnotherName(t *testing.T) {
	f := newFake(t)
	f.lists["/employees/7/files"] = []string{`{"id":1,"name":"copy.pdf"}`}
	f.objects["/employees/7"] = `{"id":7}`
	f.special[api+"/employees/7/files/1/content"] = answers(200, `content`)
	f.special[api+"/employees/7/files/2/content"] = answers(200, `content`)
	f.special[api+"/employees/7/files/"] = func(http.ResponseWriter, *http.Request) {
		f.lists["/employees/7/files"] = append(f.lists["/employees/7/files"], `{"id":2,"name":"zaneta-los_cv.pdf"}`)
		panic(http.ErrAbortHandler)
	}
	f.lists["/dictionaries"] = nil
	j := newJournal(newClock())
	if _, err := f.open().Act(t.Context(), &connector.AddFile{CandidateID: "7", File: document("Żaneta Łoś – CV.pdf", "content")}, j); err != nil {
		t.Fatal(err)
	}
	if j.sent["file/1"] != 1 || j.done["file/1"].RemoteID != "2" {
		t.Errorf("sent %d times, done %+v", j.sent["file/1"], j.done["file/1"])
	}
}

func TestAddFileRefused(t *testing.T) {
	b := newBench(t, map[string]string{"file.max": "1000"})
	id, text := b.someone()
	big := document("big.pdf", strings.Repeat("x", 1001))
	_, err := b.tenant.Act(t.Context(), &connector.AddFile{CandidateID: text, File: big}, b.journal())
	if refused, ok := errors.AsType[*connector.RefusedError](err); !ok || refused.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %v", err)
	}
	lost := document("cv.pdf", "x")
	lost.Open = func() (io.ReadCloser, error) { return nil, connector.ErrNoContent }
	_, err = b.tenant.Act(t.Context(), &connector.AddFile{CandidateID: text, File: lost}, b.journal())
	if _, unclear := errors.AsType[*connector.UnclearError](err); !errors.Is(err, connector.ErrNoContent) || unclear {
		t.Errorf("no content: %v", err)
	}
	_, err = b.tenant.Act(t.Context(), &connector.AddFile{CandidateID: "999999", File: document("cv.pdf", "x")}, b.journal())
	if !errors.Is(err, connector.ErrGone) || ats.CodeOf(err) != ats.InputInvalid {
		t.Errorf("nobody: %v", err)
	}
	if n := len(b.Uploads(id)); n != 0 || len(b.WriteCounts()) > 0 {
		t.Errorf("%d files, %v", n, b.WriteCounts())
	}
}

// A listed content that cannot be read proves nothing about a lost answer.
func TestSeeFile(t *testing.T) {
	f := newFake(t)
	f.lists["/employees/7/files"] = []string{`{"id":1,"name":"cv.pdf"}`, `{"id":2,"name":"x.pdf"}`}
	f.objects["/employees/7"] = `{"id":7}`
	tn := f.open()
	for name, c := range map[string]struct {
		content http.HandlerFunc
		want    connector.Sight
	}{
		"the same":  {answers(200, "content"), connector.Sight{Found: true, RemoteID: "1"}},
		"as long":   {answers(200, "c0ntent"), connector.Sight{Proven: true}},
		"longer":    {answers(200, "content and more"), connector.Sight{Proven: true}},
		"gone":      {answers(404, `{"message":"Not Found"}`), connector.Sight{Proven: true}},
		"a page":    {html(200), connector.Sight{}},
		"a failure": {answers(500, `{"message":"oh"}`), connector.Sight{}},
	} {
		f.special[api+"/employees/7/files/1/content"] = c.content
		cv := document("cv.pdf", "content")
		got, err := tn.seeFile(t.Context(), "7", &cv, false)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	if n := len(f.sent(api + "/employees/7/files/2/content")); n > 0 {
		t.Errorf("a file of another name was read %d times", n)
	}
}

func TestLabelsIn(t *testing.T) {
	for _, c := range []struct {
		items string
		want  map[connector.FileType]string
	}{
		{
			`[{"id":1,"value":"cv"},{"id":2,"value":"CV"},{"id":3,"name":"LIST MOTYWACYJNY"},{"id":4,"label":"Inny"}]`,
			map[connector.FileType]string{connector.CV: "cv", connector.CoverLetter: "LIST MOTYWACYJNY", connector.OtherFile: "Inny"},
		},
		{`[{"id":1,"value":"CV od klienta"},{"id":2},{"id":3,"value":5}]`, map[connector.FileType]string{}},
	} {
		items, _ := itemsOf([]byte(c.items))
		if d := cmp.Diff(c.want, labelsIn(items)); d != "" {
			t.Errorf("%s: %s", c.items, d)
		}
	}
}

// The dictionary of labels is known by its name, or by what is in it; it is read once.
func TestFileLabel(t *testing.T) {
	f := newFake(t)
	f.lists["/dictionaries"] = []string{`{"id":1,"name":"Status"}`, `{"id":2,"name":"Rodzaj dokumentu"}`, `{"id":3,"name":"Źródła"}`}
	f.objects["/dictionaries/1"] = `{"items":[{"id":1,"value":"Inny"},{"id":2,"value":"Nowy"}]}`
	f.objects["/dictionaries/2"] = `{"items":[{"id":3,"value":"CV"}]}`
	f.objects["/dictionaries/3"] = `{"items":[{"id":4,"value":"CV"},{"id":5,"value":"Cover letter"}]}`
	tn := f.open()
	for _, c := range []struct {
		kind connector.FileType
		want string
	}{{connector.CV, "CV"}, {connector.CoverLetter, ""}, {connector.OtherFile, ""}} {
		if got, err := tn.fileLabel(t.Context(), c.kind); got != c.want || err != nil {
			t.Errorf("%s: %q, %v", c.kind, got, err)
		}
	}
	if n := len(f.sent(api + "/dictionaries")); n != 1 {
		t.Errorf("dictionaries were read %d times", n)
	}
	f.lists["/dictionaries"] = []string{f.lists["/dictionaries"][0], f.lists["/dictionaries"][2]}
	if got, err := f.open().fileLabel(t.Context(), connector.CoverLetter); got != "Cover letter" || err != nil {
		t.Errorf("by its items: %q, %v", got, err)
	}
}

func TestAttachments(t *testing.T) {
	b := newBench(t, map[string]string{"file.answer": "id"})
	_, text := b.someone()
	for _, f := range []connector.File{document("CV.pdf", "one"), document("CV.pdf", "two"), document("list ó.txt", "three")} {
		if _, err := b.tenant.Act(t.Context(), &connector.AddFile{CandidateID: text, File: f}, b.journal()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.tenant.Attachments(t.Context(), text)
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	for i, want := range []string{"one", "two", "three"} {
		a := got[i]
		if dated := a.CreatedAt != nil; dated != (i == 2) {
			t.Errorf("%s has the date %v", a.Name, a.CreatedAt)
		} else if dated && b.clock.now().Sub(wallTime(*a.CreatedAt)).Abs() > 2e9 {
			t.Errorf("%s is from %v", a.Name, wallTime(*a.CreatedAt))
		}
		content, err := b.tenant.OpenAttachment(t.Context(), text, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(content.Body)
		if string(read) != want || err != nil || content.Size != int64(len(want)) {
			t.Errorf("%s: %q of %d bytes, %v", a.Name, read, content.Size, err)
		}
		if err := content.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	b.RevokeTokens()
	content, err := b.tenant.OpenAttachment(t.Context(), text, got[0].ID)
	if err != nil {
		t.Fatalf("with a token that died: %v", err)
	}
	_ = content.Body.Close()
	for id, file := range map[string]string{text: "999", "999999": got[0].ID} {
		if _, err := b.tenant.OpenAttachment(t.Context(), id, file); !errors.Is(err, connector.ErrGone) {
			t.Errorf("%s/%s: %v", id, file, err)
		}
	}
	if _, err := b.tenant.Attachments(t.Context(), "999999"); !errors.Is(err, connector.ErrGone) {
		t.Errorf("the files of nobody: %v", err)
	}
}

func TestOpenAttachment(t *testing.T) {
	f := newFake(t)
	const path = api + "/employees/7/files/1/content"
	tn := f.open()
	n := 0
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		sent   int
		check  func(connector.Content, error) bool
	}{
		"an ID with a way out": {nil, 0, func(_ connector.Content, err error) bool { return errors.Is(err, connector.ErrGone) }},
		"a page instead of it": {html(200), 1, isAnswer(200)},
		"no such page":         {html(404), 1, isAnswer(404)},
		"a refusal": {answers(403, `{"message":"no"}`), 1, func(_ connector.Content, err error) bool {
			_, ok := errors.AsType[*connector.ScopeError](err)
			return ok
		}},
		"refused for good": {answers(401, `{"message":"no"}`), 2, func(_ connector.Content, err error) bool {
			_, ok := errors.AsType[*connector.AuthError](err)
			return ok
		}},
		"a failure": {answers(500, `{}`), streamAttempts, func(_ connector.Content, err error) bool {
			_, ok := errors.AsType[*connector.RetryError](err)
			return ok
		}},
		"a failure that passes": {func(w http.ResponseWriter, r *http.Request) {
			if n++; n < 3 {
				answers(503, "")(w, r)
				return
			}
			answers(200, "content")(w, r)
		}, 3, func(c connector.Content, err error) bool { return err == nil && c.Size == 7 }},
		"a document that is a page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Disposition", `attachment; filename="cv.html"`)
			_, _ = w.Write([]byte("<p>CV</p>"))
		}, 1, func(c connector.Content, err error) bool { return err == nil && c.Size == 9 }},
		"of unknown size": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
		}, 1, func(c connector.Content, err error) bool { return err == nil && c.Size == -1 }},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		}, 1, func(c connector.Content, err error) bool {
			if err != nil {
				return false
			}
			_, err = io.ReadAll(c.Body)
			return errors.Is(err, io.ErrUnexpectedEOF)
		}},
	} {
		before := len(f.sent(path))
		f.special[path] = c.answer
		id := "1"
		if c.answer == nil {
			id = "../1"
		}
		content, err := tn.OpenAttachment(t.Context(), "7", id)
		if !c.check(content, err) || len(f.sent(path))-before != c.sent {
			t.Errorf("%s: %+v, %v; %d requests", name, content, err, len(f.sent(path))-before)
		}
		if err == nil {
			_ = content.Body.Close()
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := tn.OpenAttachment(ctx, "7", "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func isAnswer(status int) func(connector.Content, error) bool {
	return func(_ connector.Content, err error) bool {
		answer, ok := errors.AsType[*connector.AnswerError](err)
		_, later := errors.AsType[*connector.RetryError](err)
		return ok && !later && answer.Status == status && !errors.Is(err, connector.ErrGone)
	}
}

// endless gives as many bytes as are wanted, of a kind that cannot be compressed.
type endless struct{ *rand.ChaCha8 }

func (endless) Close() error { return nil }

// A large file is neither held when it is sent nor when it is read.
func TestLargeFileIsStreamed(t *testing.T) {
	const size = 25 << 20
	content := func() io.Reader { return io.LimitReader(endless{rand.NewChaCha8([32]byte{})}, size) }
	sum := sha256.New()
	if _, err := io.Copy(sum, content()); err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	f.lists["/employees/7/files"] = []string{`{"id":1,"name":"Large.pdf"}`}
	f.objects["/employees/7"] = `{"id":7}`
	f.lists["/dictionaries"] = nil
	received := sha256.New()
	f.special[api+"/employees/7/files/"] = func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < size || r.ContentLength > size+2000 {
			t.Errorf("announced as %d bytes", r.ContentLength)
		}
		form, err := r.MultipartReader()
		for err == nil {
			part, end := form.NextPart()
			if err = end; err == nil && part.FormName() == "file[file]" {
				_, err = io.Copy(received, part)
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		say(w, 201, `{"id":2}`)
	}
	f.special[api+"/employees/7/files/1/content"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, content())
	}
	file := connector.File{
		Name: "large.pdf", Type: connector.CV, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(content()), nil },
	}
	tn := f.open()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	j := newJournal(newClock())
	if _, err := tn.Act(t.Context(), &connector.AddFile{CandidateID: "7", File: file}, j); err != nil || !j.done["file/1"].Existed {
		t.Fatal(err, j.done)
	}
	file.Name = "new.pdf"
	j = newJournal(newClock())
	if _, err := tn.Act(t.Context(), &connector.AddFile{CandidateID: "7", File: file}, j); err != nil || j.done["file/1"].RemoteID != "2" {
		t.Fatal(err, j.done)
	}
	runtime.ReadMemStats(&after)
	if got := fmt.Sprintf("%x", received.Sum(nil)); got != file.SHA256 {
		t.Error("other bytes arrived")
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes were allocated on the way", used)
	}
}
