package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
)

var filePaths = []string{"attachments[].data", "attachment.data", "screening_question_answers[].answer.data"}

// unsifted puts the files back into a body that was sifted, as "file:" and the content or "bad".
func unsifted(t *testing.T, s api.Sifted, v any) any {
	switch v := v.(type) {
	case string:
		f, problem, ok := s.File(v)
		if !ok {
			return v
		}
		if problem != "" {
			return "bad"
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return "file:" + string(content)
	case []any:
		for i := range v {
			v[i] = unsifted(t, s, v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = unsifted(t, s, v[k])
		}
	}
	return v
}

// plainly does with a whole body what sifting does while it arrives.
func plainly(v any, path string) any {
	switch v := v.(type) {
	case string:
		if slices.Contains(filePaths, path) {
			content, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return "bad"
			}
			return "file:" + string(content)
		}
	case []any:
		for i := range v {
			v[i] = plainly(v[i], path+"[]")
		}
	case map[string]any:
		for k := range v {
			v[k] = plainly(v[k], strings.TrimPrefix(path+"."+k, "."))
		}
	}
	return v
}

// FuzzSift: sifting refuses what is no JSON, and nothing else, and gives what decoding would give.
func FuzzSift(f *testing.F) {
	for _, s := range []string{
		`{"attachments":[{"name":"a","data":"aGk="},{"data":""}],"x":{"data":"aGk="}}`, `{"attachment":{"data":"aG\/r\u0061\r\n=="}}`, `{"attachment" : { "d\u0061ta" :"aGk=", "data2":"aGk=" } }`, `{"attachments":[[{"data":"aGk="}]]}`,
		`{"attachments":{"data":"aGk="},"attachment":[{"data":"aGk="}]}`, `{"attachments":[{"data":"aGk=`, `{"attachments":[{"data":"a\q"}]}`, "{\"attachment\":{\"data\":\"a\n\"}}", `{"attachment":{"data":"a\u00"}}`, `{"attachment":{"data":"\ud83d\ude00"}}`,
		`{"attachment":{"data":"aGk="},"attachment":{"data":"aGkh"}}`, `{"attachment":{"data":"aGk=","data":"aG"}}`, `[{"attachments":[{"data":"aGk="}]}]`, `{"screening_question_answers":[{"answer":{"data":"aGk="}},{"answer":"data"}]}`,
		`{"a":[1,{"attachment":2}],"attachment":{"x":[{"y":"}"}],"data":"aGk="}}`, `{"attachment":{"name":"\"data\":","data":"aGk="}}`, "{\"attachment\":{\"data\":\"\xff\"}}", `"attachment"`, `{"attachment":{"data"`, `{"attachment":{:"data","x"}}`, `}{"attachment":{"data":"aGk="}}`, `{"attachment":{"data":"aGk=aGk="}}`,
		`{"attachment":{"data":"aGk=\n"}}`, `{"attachment":{"data":"aGk"}}`, `{"attachment":{"data":"aGj="}}`, `{"attachment":{"data":null}}`, `{"attachment":{"data":{"data":"x"}}}`, strings.Repeat("[", 100), `{"attachment":{"data":"\b\f\t\\\""}}`,
	} {
		f.Add([]byte(s))
	}
	spool, err := outbound.NewSpool(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 10000 {
			t.Skip("slow")
		}
		for _, in := range []io.Reader{bytes.NewReader(body), iotest.OneByteReader(bytes.NewReader(body))} {
			s, err := api.Sift(in, spool, 1<<20, 1<<20, filePaths...)
			t.Cleanup(func() { _ = s.Close() })
			if err != nil {
				if json.Valid(body) {
					t.Errorf("%q is refused: %v", body, err)
				}
				continue
			}
			if json.Valid(body) != json.Valid(s.Rest) {
				t.Fatalf("%q became %q", body, s.Rest)
			}
			var want, got any
			if json.Unmarshal(body, &want) != nil || s.Len() == 20 { // more than that are no files
				continue
			}
			if err := json.Unmarshal(s.Rest, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(plainly(want, ""), unsifted(t, s, got)); d != "" {
				t.Errorf("%q (-plainly +sifted):\n%s", body, d)
			}
		}
	})
}

func TestSiftBounds(t *testing.T) {
	spool, err := outbound.NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file := func(n int) string { return `{"data":"` + base64Of(strings.Repeat("x", n)) + `"}` }
	for name, c := range map[string]struct {
		body     string
		problems []string // of the files, in order; nil: the body is refused
	}{
		"as large as may be":  {`{"attachments":[` + file(1000) + `]}`, []string{""}},
		"a byte more":         {`{"attachments":[` + file(1001) + "," + file(3) + `]}`, []string{"must have at most 1000 bytes", ""}},
		"too many":            {`{"attachments":[` + strings.TrimSuffix(strings.Repeat(file(1)+",", 21), ",") + `]}`, append(slices.Repeat([]string{""}, 20), "is one of more than 20 files")},
		"much beside":         {`{"attachments":[` + file(1000) + `],"x":"` + strings.Repeat("x", 300) + `"}`, nil},
		"many keys beside":    {`{` + strings.Repeat(`"k":1,`, 100) + `"attachments":[]}`, nil},
		"deep":                {strings.Repeat("[", 100) + strings.Repeat("]", 100), []string{}},
		"much beside, escape": {`{"x":"` + strings.Repeat(`\"`, 300) + `"}`, nil},
	} {
		limit := 250
		if name == "too many" {
			limit = 2000
		}
		s, err := api.Sift(strings.NewReader(c.body), spool, 1000, limit, filePaths...)
		if (err != nil) != (c.problems == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			var got struct{ Attachments []struct{ Data string } }
			_ = json.Unmarshal(s.Rest, &got)
			var problems []string
			for _, a := range got.Attachments {
				_, p, _ := s.File(a.Data)
				problems = append(problems, p)
			}
			if fmt.Sprint(problems) != fmt.Sprint(c.problems) {
				t.Errorf("%s: %q, want %q", name, problems, c.problems)
			}
		}
		_ = s.Close()
	}
	broken := errors.New("the line broke")
	if _, err := api.Sift(io.MultiReader(strings.NewReader(`{"attachment":{"data":"aGkh`), iotest.ErrReader(broken)), spool, 1000, 250, filePaths...); !errors.Is(err, broken) {
		t.Errorf("a broken line: %v", err)
	}
}

// TestMarksCannotBeGuessed: what stands for one request's file is an ordinary text in another.
func TestMarksCannotBeGuessed(t *testing.T) {
	spool, err := outbound.NewSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var marks []string
	for range 2 {
		s, err := api.Sift(strings.NewReader(`{"attachment":{"data":"aGkh"}}`), spool, 1000, 250, filePaths...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Attachment struct{ Data string } }
		if err := json.Unmarshal(s.Rest, &got); err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			if _, _, ok := s.File(m); ok {
				t.Error("an older mark counts")
			}
		}
		marks = append(marks, got.Attachment.Data)
	}
}

// serve makes a real server with short bounds.
func (b *bench) serve(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(b.api)
	s.Config.ReadTimeout, s.Config.WriteTimeout = 250*time.Millisecond, 250*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// slow gives a text in two pieces, with a pause.
func slow(text string, pause time.Duration) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, text[:len(text)/2])
		time.Sleep(pause)
		_, _ = io.WriteString(w, text[len(text)/2:])
		_ = w.Close()
	}()
	return r
}

// TestLiveRequestsMayLast: the bounds of ordinary requests cut off neither a slow upload nor an
// action that takes long, and still bound the others.
func TestLiveRequestsMayLast(t *testing.T) {
	b := newBench(t, nil)
	s := b.serve(t)
	const pause = 500 * time.Millisecond
	var calls atomic.Int32
	b.actions.do = func(store.Integration, action.Request) (action.Answer, error) {
		calls.Add(1)
		time.Sleep(pause)
		return action.Answer{}, nil
	}
	const url = "/v1/ats/candidates/remote:1000/attachments"
	body := actionBodies()["POST /v1/ats/candidates/{candidate_id}/attachments"]
	for name, length := range map[string]int64{"known length": int64(len(body)), "unknown length": -1} {
		if status, text := b.post(t, s, url, slow(body, pause), length); status != 200 {
			t.Errorf("%s: answered %d: %s", name, status, text)
		}
	}
	if status, text := b.post(t, s, "/v1/ats/candidates/remote:1000/tags", strings.NewReader(`{"tag":{"name":"VIP"}}`), -1); status != 200 || calls.Load() != 3 {
		t.Errorf("a tag: answered %d after %d actions: %s", status, calls.Load(), text)
	}
	if status, text := b.post(t, s, "/v1/force-sync", slow(`{"type":"FULL"}`, pause), -1); status != http.StatusRequestTimeout && status != 0 {
		t.Errorf("another slow body: answered %d: %s", status, text)
	}
}

// TestLargeUploads sends bodies of all sizes to a real server.
func TestLargeUploads(t *testing.T) {
	b := newBench(t, func(d *api.Deps) { d.MaxFile = 0 })
	asked, _ := b.carry(action.Answer{CandidateID: "1000"})
	s := b.serve(t)
	const url = "/v1/ats/candidates"
	body := func(sizes ...int64) io.Reader {
		parts := []io.Reader{strings.NewReader(`{"candidate":` + somebody + `,"application":{"job_id":"remote:100"},"attachments":[`)}
		for n, size := range sizes {
			comma := ","
			if n == len(sizes)-1 {
				comma = ""
			}
			parts = append(parts, strings.NewReader(fmt.Sprintf(`{"name":"%d.bin","content_type":"application/octet-stream","type":"OTHER","data":"`, n)), io.LimitReader(zeros{}, size/3*4), strings.NewReader(`"}`+comma))
		}
		return io.MultiReader(append(parts, strings.NewReader(`]}`))...)
	}
	const mb = 1 << 20
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		status int
		want   string
	}{
		"a file of 24 MB":           {body(24 * mb), -1, 200, `"warnings":[]`},
		"a file of 27 MB":           {body(27 * mb), -1, 413, "body.attachments[0].data: must have at most 26214400 bytes"},
		"five files of 21 MB":       {body(21*mb, 21*mb, 21*mb, 21*mb, 21*mb), -1, 413, "body.attachments[4].data: makes all files together larger than 104857600 bytes"},
		"a body that says too much": {strings.NewReader("{}"), 200 * mb, 413, "body: must have at most 158334976 bytes"},
	} {
		if testing.Short() && strings.HasPrefix(name, "five") {
			continue
		}
		if c.length > 0 {
			c.body = io.LimitReader(zeros{}, c.length)
		}
		before := len(*asked)
		status, text := b.post(t, s, url, c.body, c.length)
		if status == 0 && c.length > 0 {
			continue
		}
		if status != c.status || !strings.Contains(text, c.want) || len(*asked)-before != map[int]int{200: 1}[c.status] {
			t.Errorf("%s: answered %d: %.500s", name, status, text)
		}
	}
	if b.actions.taken != 0 {
		t.Errorf("%d slots are still taken", b.actions.taken)
	}
}

// post sends a body to a real server. No status: the server hung up while it was being sent.
func (b *bench) post(t *testing.T, s *httptest.Server, url string, body io.Reader, length int64) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	req.Header = http.Header{"Authorization": {"Bearer " + b.key}, "X-Integration-Id": {full}, "Content-Type": {"application/json"}}
	res, err := s.Client().Do(req)
	if err != nil {
		if _, network := errors.AsType[*net.OpError](err); !network {
			t.Error(err)
		}
		return 0, ""
	}
	defer res.Body.Close()
	return res.StatusCode, read(t, res)
}

// zeros is base64 of zeros without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

// TestUploadTakesLittleMemory: a file of 25 MB is never held.
func TestUploadTakesLittleMemory(t *testing.T) {
	b := newBench(t, func(d *api.Deps) { d.MaxFile = 0 })
	var size atomic.Int64
	var most uint64
	b.actions.do = func(_ store.Integration, r action.Request) (action.Answer, error) {
		most = max(most, heap())
		size.Store(r.Action.Attached()[0].Size)
		return action.Answer{}, nil
	}
	send := func() {
		head := `{"attachment":{"name":"a.bin","content_type":"application/octet-stream","type":"CV","data":"`
		body := io.MultiReader(strings.NewReader(head), &watched{r: io.LimitReader(zeros{}, 25<<20/3*4), most: &most}, strings.NewReader(`"}}`))
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/ats/candidates/remote:1000/attachments", body)
		req.Header = http.Header{"Authorization": {"Bearer " + b.key}, "X-Integration-Id": {full}, "Content-Type": {"application/json"}}
		w := httptest.NewRecorder()
		b.api.ServeHTTP(w, req)
		if w.Code != 200 {
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
	}
	before := heap()
	send()
	const limit = 10 << 20
	if more := int64(most) - int64(before); more > limit {
		t.Errorf("it took %d bytes more", more)
	} else {
		t.Logf("%d bytes of a file took %d bytes of memory", size.Load(), more)
	}
	if size.Load() < 24<<20 {
		t.Errorf("%d bytes arrived", size.Load())
	}
}

// heap is what is in use after all that can go is gone.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// watched looks at the memory in use every few megabytes, garbage and all.
type watched struct {
	r    io.Reader
	n    int
	most *uint64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.n/(1<<20) != (w.n+n)/(1<<20) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		*w.most = max(*w.most, m.HeapInuse+m.StackInuse)
	}
	w.n += n
	return n, err
}

// TestFullDisk: that there is no room is our trouble and not the client's.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, func(d *api.Deps) {
		spool, err := outbound.NewSpool(dir)
		if err != nil {
			t.Fatal(err)
		}
		d.Spool = spool
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	res := b.do("POST", "/v1/ats/candidates/remote:1000/attachments", actionBodies()["POST /v1/ats/candidates/{candidate_id}/attachments"], on(full))
	if body := read(t, res); res.StatusCode != 500 || !strings.Contains(body, "PLATFORM.UNKNOWN_ERROR") || strings.Contains(body, dir) {
		t.Errorf("answered %d: %s", res.StatusCode, body)
	}
	if !strings.Contains(b.logs.String(), dir) {
		t.Errorf("the log does not name the folder: %s", b.logs)
	}
}
