package trail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
	"github.com/kladka/kladka/internal/trail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a recorder on a database of its own, and a server that plays the ATS.
type desk struct {
	*testing.T
	store    *store.Store
	recorder *trail.Recorder
	of       trail.Integration
	ats      *httptest.Server
	client   *http.Client
	inner    *http.Transport
}

// newDesk makes a desk. Records are mentioned by their number in the path: /candidates/7.
func newDesk(t *testing.T, answer http.HandlerFunc) *desk {
	t.Helper()
	s := storetest.SQLite(t).Open(t)
	i := storetest.NewIntegration(t, s)
	d := &desk{T: t, store: s, recorder: trail.New(trail.Config{Store: s}), of: trail.Integration{No: i.No, ID: i.ID}}
	t.Cleanup(func() { _ = d.recorder.Close() })
	d.of.Mentions = func(path string, _ []byte) []connector.Mention {
		if _, id, ok := strings.Cut(path, "/candidates/"); ok {
			return []connector.Mention{{Model: ats.Candidates, RemoteID: id}}
		}
		return nil
	}
	d.ats = httptest.NewServer(answer)
	t.Cleanup(d.ats.Close)
	d.inner = &http.Transport{}
	t.Cleanup(d.inner.CloseIdleConnections)
	d.client = &http.Client{Transport: d.recorder.Transport(d.inner, d.of)}
	return d
}

// send sends a request and reads the answer to its end.
func (d *desk) send(ctx context.Context, method, path, contentType, body string) string {
	d.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.ats.URL+path, reader)
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer very-secret-token-0123456789")
	resp, err := d.client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(got)
}

// rows gives everything that was recorded, oldest first, with bodies.
func (d *desk) rows() []store.Request {
	d.Helper()
	d.recorder.Flush(d.Context())
	list, err := d.store.Requests(d.Context(), store.RequestQuery{Integration: d.of.No, Limit: 10_000})
	if err != nil {
		d.Fatal(err)
	}
	slices.Reverse(list)
	for n := range list {
		if list[n], err = d.store.Request(d.Context(), list[n].ID); err != nil {
			d.Fatal(err)
		}
	}
	return list
}

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func TestWhatIsKept(t *testing.T) {
	d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "bad") {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = fmt.Fprintf(w, `{"got":%d}`, len(body))
	})
	sync := trail.With(t.Context(), trail.Cause{Run: "run"})
	act := trail.With(trail.With(t.Context(), trail.Cause{Request: "call"}), trail.Cause{Action: "act", Bodies: true})
	d.send(sync, "GET", "/list?page=3&email=a@b.pl&access_token=x", "", "")
	d.send(sync, "POST", "/search", "application/json", `{"name":"Łucja"}`)
	d.send(sync, "POST", "/bad", "application/json", `{"name":"Łucja"}`)
	d.send(act, "POST", "/new", "application/json", `{"name":"Łucja"}`)
	d.ats.Close()
	d.send(act, "GET", "/away", "", "")

	type row struct{ run, parent, action, address, request, response string }
	want := []row{
		{"run", "", "", "/list?page=3&email=REDACTED&access_token=REDACTED", "-", "-"},
		{"run", "", "", "/search", "-", "-"},
		{"run", "", "", "/bad", `{"name":"Łucja"}`, `{"got":17}`},
		{"", "call", "act", "/new", `{"name":"Łucja"}`, `{"got":17}`},
		{"", "call", "act", "/away", "-", "-"},
	}
	rows := d.rows()
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for n, r := range rows {
		got := row{r.Run, r.Parent, r.Action, strings.TrimPrefix(r.Address, d.ats.URL), text(r.RequestBody), text(r.ResponseBody)}
		if got != want[n] {
			t.Errorf("row %d:\n got %+v\nwant %+v", n, got, want[n])
		}
		if r.Kind != store.ATSRequest || len(r.ID) != 16 {
			t.Errorf("row %d: %+v", n, r)
		}
	}
	if r := rows[1]; r.RequestSize != 17 || r.ResponseSize != 10 || r.Status != 200 || r.Failed {
		t.Errorf("the search: %+v", r)
	}
	if r := rows[4]; r.Status != 0 || !r.Failed || !strings.Contains(text(r.Error), "refused") {
		t.Errorf("without an answer: %+v, %s", r, text(r.Error))
	}
}

// Of an account of which not everything may be stored, the log holds no answers, nothing that is sent to
// it, and not whom a sync asks for; what clients send is theirs.
func TestUnkept(t *testing.T) {
	d := newDesk(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"code":"X","message":"Łucja"}}`)
	})
	d.of.Unkept = true
	d.client = &http.Client{Transport: d.recorder.Transport(d.inner, d.of)}
	d.send(trail.With(t.Context(), trail.Cause{Run: "run"}), "GET", "/api/v2/people/1246/tags?page=3", "", "")
	d.send(trail.With(t.Context(), trail.Cause{Action: "act", Bodies: true}), "POST", "/api/v2/people/7", "application/json", `{"name":"Łucja"}`)
	call := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/passthrough/x/y", strings.NewReader(`{"path":"/x"}`))
	c, call := d.recorder.Begin(call, "00000000000000aa")
	_, _ = io.Copy(io.Discard, call.Body)
	answer := c.Answer(http.StatusBadRequest, http.Header{})
	_, _ = io.WriteString(answer, `{"error":{"code":"X","message":"Łucja"}}`)
	c.End(d.of, "POST /v1/passthrough/{tool}/{api}", http.StatusBadRequest, answer)

	want := [][3]string{{"/api/v2/people/REDACTED/tags?page=3", "-", "-"}, {"/api/v2/people/7", "-", "-"}, {"/v1/passthrough/x/y", `{"path":"/x"}`, "-"}}
	for n, r := range d.rows() {
		if got := [3]string{strings.TrimPrefix(r.Address, d.ats.URL), text(r.RequestBody), text(r.ResponseBody)}; got != want[n] {
			t.Errorf("row %d is %q, want %q", n, got, want[n])
		}
		if r.ResponseSize == 0 || !r.Failed || strings.Contains(text(r.Error), "Łucja") {
			t.Errorf("row %d: %+v", n, r)
		}
	}
}

// It is not settled yet what may be stored of an account that is being connected: of answers, what went
// wrong is.
func TestAttempts(t *testing.T) {
	d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, "Łucja")
	})
	d.of = trail.Integration{}
	d.client = &http.Client{Transport: d.recorder.Transport(d.inner, d.of)}
	attempt := trail.With(t.Context(), trail.Cause{Bodies: true})
	d.send(attempt, "POST", "/people", "text/plain", "a")
	d.send(attempt, "POST", "/bad", "text/plain", "a")
	var got []string
	for _, r := range d.rows() {
		got = append(got, text(r.RequestBody)+" "+text(r.ResponseBody))
	}
	if want := []string{"a -", "a Łucja"}; !slices.Equal(want, got) {
		t.Errorf("kept %q, want %q", got, want)
	}
}

// A row is written when a body is given up, and when it breaks off; and once only.
func TestBodiesThatDoNotEnd(t *testing.T) {
	d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(make([]byte, 1000))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/breaks" {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.ats.URL+"/given-up", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	if n := len(d.rows()); n != 0 {
		t.Errorf("%d rows before the end", n)
	}
	_ = resp.Body.Close()
	_ = resp.Body.Close()
	d.send(t.Context(), "GET", "/breaks", "", "")
	rows := d.rows()
	if len(rows) != 2 || rows[0].Failed || rows[0].ResponseSize != 500 || !rows[1].Failed || rows[1].Status != 200 || rows[1].Error == nil {
		t.Errorf("%+v", rows)
	}
}

// What passes is what was sent, also a body that is sent again.
func TestNothingIsChanged(t *testing.T) {
	var seen []string
	d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprint(len(body), r.ContentLength, len(r.TransferEncoding)))
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect) // sends the body again, by GetBody
			return
		}
		_, _ = w.Write(body)
	})
	long := strings.Repeat("ż", 200_000)
	if got := d.send(trail.With(t.Context(), trail.Cause{Bodies: true}), "POST", "/moved", "text/plain", long); got != long {
		t.Errorf("%d bytes came back, want %d", len(got), len(long))
	}
	if want := []string{"400000 400000 0", "400000 400000 0"}; !slices.Equal(seen, want) {
		t.Errorf("the server saw %q, want %q", seen, want)
	}
	for _, r := range d.rows() {
		if r.Status == 200 && (len(text(r.ResponseBody)) != 64<<10 || !r.ResponseCut || r.ResponseSize != 400_000 || !r.RequestCut || r.RequestSize != 400_000) {
			t.Errorf("%d of %d bytes, cut %t; request %d, %t", len(text(r.ResponseBody)), r.ResponseSize, r.ResponseCut, r.RequestSize, r.RequestCut)
		}
	}
}

// Erasing a record reaches all that was kept for an action which mentions it, before and after.
func TestMentionsSpread(t *testing.T) {
	d := newDesk(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "bad") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "Łucja")
	})
	call := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/x", strings.NewReader("Łucja"))
	c, call := d.recorder.Begin(call, "00000000000000aa")
	_, _ = io.ReadAll(call.Body)
	act := trail.With(call.Context(), trail.Cause{Action: "act"})
	d.send(act, "POST", "/new", "text/plain", "Łucja")
	d.send(act, "GET", "/candidates/7", "", "")
	d.send(act, "GET", "/check", "", "")
	trail.Mention(act, ats.Applications, "7:1")
	answer := c.Answer(200, http.Header{})
	_, _ = io.WriteString(answer, "Łucja")
	c.End(d.of, "POST /v1/x", 200, answer)
	run := trail.With(t.Context(), trail.Cause{Run: "run"})
	d.send(run, "GET", "/bad/candidates/8", "", "")
	d.send(run, "GET", "/bad/candidates/9", "", "")
	if n := len(d.rows()); n != 6 {
		t.Fatalf("%d rows, want 6", n)
	}
	forget := func(m ats.Model, remote string) (left int) {
		t.Helper()
		if err := d.store.ForgetRequests(t.Context(), d.of.No, m, ats.Namespace(d.of.ID).ID(m, remote)); err != nil {
			t.Fatal(err)
		}
		for _, r := range d.rows() {
			if r.ResponseBody != nil || r.RequestBody != nil {
				left++
			}
		}
		return left
	}
	if left := forget(ats.Candidates, "5"); left != 6 {
		t.Errorf("forgetting somebody else left %d", left)
	}
	if left := forget(ats.Candidates, "8"); left != 5 {
		t.Errorf("a sync's requests: %d are left, want 5", left)
	}
	if left := forget(ats.Applications, "7:1"); left != 1 {
		t.Errorf("the action's requests: %d are left, want 1", left)
	}
	for _, r := range d.rows() {
		if r.Kind == store.APIRequest && (r.Action != "act" || r.Route != "POST /v1/x") {
			t.Errorf("the call: %+v", r)
		}
	}
}

// slow is a store that waits, and may fail.
type slow struct {
	mu   sync.Mutex
	wait chan struct{}
	fail []error
	got  int
}

func (s *slow) AddRequests(_ context.Context, requests []store.Request, _ []store.RequestMention) error {
	if s.wait != nil {
		<-s.wait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fail) > 0 {
		err := s.fail[0]
		s.fail = s.fail[1:]
		return err
	}
	s.got += len(requests)
	return nil
}

// ping sends requests that get no answer through a recorder.
func ping(t *testing.T, r *trail.Recorder, n int) {
	t.Helper()
	transport := r.Transport(away{}, trail.Integration{No: 1})
	for range n {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := transport.RoundTrip(req); err == nil {
			resp.Body.Close()
			t.Fatal("an answer")
		}
	}
}

type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("away") }

// A database that does not keep up costs entries, and holds nobody up.
func TestDropsAreCounted(t *testing.T) {
	s := &slow{wait: make(chan struct{})}
	r := trail.New(trail.Config{Store: s})
	began := time.Now()
	ping(t, r, 20_000)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the requests took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r.Flush(ctx) // gives up with its context
	if ctx.Err() == nil {
		t.Error("flushed what was not written")
	}
	close(s.wait)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s.got == 0 || r.Dropped() < 9000 || int64(s.got)+r.Dropped() != 20_000 {
		t.Errorf("%d written, %d dropped of 20000", s.got, r.Dropped())
	}
	ping(t, r, 1) // after the end
	r.Flush(t.Context())
}

// What is queued is written at the end; a busy database is tried again.
func TestCloseWrites(t *testing.T) {
	s := &slow{fail: []error{io.ErrUnexpectedEOF}} // as a connection that broke
	r := trail.New(trail.Config{Store: s})
	ping(t, r, 150)
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	if s.got != 150 || r.Dropped() != 0 {
		t.Errorf("%d written, %d dropped", s.got, r.Dropped())
	}
	s = &slow{fail: []error{errors.New("no such table")}}
	r = trail.New(trail.Config{Store: s})
	ping(t, r, 3)
	r.Flush(t.Context())
	if r.Dropped() != 3 {
		t.Errorf("%d dropped of 3", r.Dropped())
	}
	ping(t, r, 1)
	if err := r.Close(); err != nil || s.got != 1 {
		t.Errorf("%d written after a failure", s.got)
	}
}

func TestNoRecorder(t *testing.T) {
	var r *trail.Recorder
	if r.Transport(away{}, trail.Integration{}) != (away{}) || r.Dropped() != 0 || r.Close() != nil {
		t.Error("a recorder that is none does something")
	}
	r.Flush(t.Context())
	trail.Mention(t.Context(), ats.Jobs, "1")
}

func BenchmarkTransport(b *testing.B) {
	s := storetest.SQLite(b).Open(b)
	i := storetest.NewIntegration(b, s)
	body := strings.Repeat(`{"id":1,"first_name":"Anna","tags":["a","b"]},`, 1000)
	for name, cause := range map[string]trail.Cause{"sync": {Run: "run"}, "bodies": {Bodies: true}} {
		b.Run(name, func(b *testing.B) {
			r := trail.New(trail.Config{Store: s})
			transport := r.Transport(answering(body), trail.Integration{No: i.No, ID: i.ID})
			ctx := context.Background()
			for b.Loop() {
				// A scope for each, as every slice and every call has.
				req, err := http.NewRequestWithContext(trail.With(ctx, cause), http.MethodGet, "http://acme/x", nil)
				if err != nil {
					b.Fatal(err)
				}
				resp, err := transport.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			_ = r.Close()
			b.ReportMetric(float64(r.Dropped())/float64(b.N), "dropped/op")
		})
	}
}

type answering string

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}
