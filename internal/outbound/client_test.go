package outbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// script answers with one function per attempt; the last one repeats.
type script struct {
	n     atomic.Int64
	steps []func(*http.Request) (*http.Response, error)
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	i := min(int(s.n.Add(1))-1, len(s.steps)-1)
	return s.steps[i](r)
}

func answer(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func fail(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func cut(*http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader("[1,"), errReader{io.ErrUnexpectedEOF})
	return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}, nil
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type steps = []func(*http.Request) (*http.Response, error)

func TestRepeats(t *testing.T) {
	broken := errors.New("connection reset")
	for name, tc := range map[string]struct {
		method string
		body   string
		steps  steps
		sent   int64
		status int
		err    error
	}{
		"success":                  {steps: steps{answer(200, "ok")}, sent: 1, status: 200},
		"definite":                 {steps: steps{answer(404, "")}, sent: 1, status: 404},
		"500 then success":         {steps: steps{answer(500, ""), answer(200, "ok")}, sent: 2, status: 200},
		"502 503 504 then success": {steps: steps{answer(502, ""), answer(503, ""), answer(504, ""), answer(200, "")}, sent: 4, status: 200},
		"500 for good":             {steps: steps{answer(500, "")}, sent: 4, status: 500},
		"429 with seconds":         {steps: steps{answer(429, "", "Retry-After", "7"), answer(200, "")}, sent: 2, status: 200},
		"broken then success":      {steps: steps{fail(broken), answer(200, "")}, sent: 2, status: 200},
		"broken for good":          {steps: steps{fail(broken)}, sent: 4, err: broken},
		"cut body then success":    {steps: steps{cut, answer(200, "")}, sent: 2, status: 200},
		"a POST is sent once":      {method: "POST", body: "{}", steps: steps{answer(503, "")}, sent: 1, status: 503},
		"a broken POST too":        {method: "POST", steps: steps{fail(broken)}, sent: 1, err: broken},
		"the transport says later": {steps: steps{fail(&RetryAfterError{Err: broken})}, sent: 1, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{steps: tc.steps}
				req, err := http.NewRequestWithContext(t.Context(), tc.method, "http://ats.example/x", strings.NewReader(tc.body))
				if err != nil {
					t.Fatal(err)
				}
				resp, err := (&Client{Transport: s}).Do(req)
				if s.n.Load() != tc.sent {
					t.Errorf("sent %d requests, want %d", s.n.Load(), tc.sent)
				}
				if !errors.Is(err, tc.err) {
					t.Errorf("error %v, want %v", err, tc.err)
				}
				if tc.err == nil && resp.Status != tc.status {
					t.Errorf("status %d, want %d", resp.Status, tc.status)
				}
			})
		})
	}
}

func TestRepeatSendsTheBodyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		keep := func(then func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				bodies = append(bodies, string(b))
				return then(r)
			}
		}
		s := &script{steps: steps{keep(answer(503, "")), keep(fail(io.EOF)), keep(answer(200, ""))}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://ats.example/token", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := (&Client{Transport: s}).Repeat(req); err != nil || resp.Status != 200 {
			t.Errorf("got %v, %v", resp, err)
		}
		if strings.Join(bodies, " ") != "{} {} {}" {
			t.Errorf("bodies %q", bodies)
		}
	})
}

func TestHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{answer(429, "", "Retry-After", "7"), answer(200, "")}}
		started := time.Now()
		if _, err := (&Client{Transport: s}).Do(get(t, "http://ats.example")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took != 7*time.Second {
			t.Errorf("waited %v, want 7s", took)
		}
	})
}

func TestLongRetryAfterIsHandedOn(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"90", now.Add(90 * time.Second).Format(http.TimeFormat)} {
		s := &script{steps: steps{answer(503, "", "Retry-After", text)}}
		_, err := (&Client{Transport: s, Now: func() time.Time { return now }}).Do(get(t, "http://ats.example"))
		later, ok := errors.AsType[*RetryAfterError](err)
		if !ok || later.After != 90*time.Second {
			t.Errorf("Retry-After %q gave %v", text, err)
		}
		if s.n.Load() != 1 {
			t.Errorf("sent %d requests", s.n.Load())
		}
	}
}

func TestTotalBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Minute)
			return answer(503, "")(r)
		}}}
		resp, err := (&Client{Transport: s, Total: 90 * time.Second}).Do(get(t, "http://ats.example"))
		if err != nil || resp.Status != 503 || s.n.Load() != 2 {
			t.Errorf("got %v, %v after %d requests", resp, err, s.n.Load())
		}
	})
}

func TestCancelEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		s := &script{steps: steps{answer(503, "")}}
		_, err := (&Client{Transport: s}).Do(get(t, "http://ats.example").WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) || s.n.Load() != 1 {
			t.Errorf("got %v after %d requests", err, s.n.Load())
		}
	})
}

func TestBodyBound(t *testing.T) {
	s := &script{steps: steps{answer(200, "12345")}}
	_, err := (&Client{Transport: s, MaxBody: 4}).Do(get(t, "http://ats.example"))
	if large, ok := errors.AsType[*TooLargeError](err); !ok || large.Limit != 4 {
		t.Errorf("got %v", err)
	}
	if s.n.Load() != 1 {
		t.Error("a body that is too large was asked for again")
	}
	if resp, err := (&Client{Transport: s, MaxBody: 5}).Do(get(t, "http://ats.example")); err != nil || string(resp.Body) != "12345" {
		t.Errorf("a body of just the limit gave %v, %v", resp, err)
	}
}

func TestAttemptTimeoutCoversTheBody(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			_, _ = io.WriteString(w, "[1,")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "[1]")
	}))
	defer server.Close()
	c := &Client{AttemptTimeout: 50 * time.Millisecond, Sleep: func(context.Context, time.Duration) error { return nil }}
	resp, err := c.Do(get(t, server.URL))
	if err != nil || string(resp.Body) != "[1]" || n.Load() != 2 {
		t.Errorf("got %v, %v after %d requests", resp, err, n.Load())
	}
	n.Store(0)
	c.Attempts = 1
	if _, err := c.Do(get(t, server.URL)); err == nil {
		t.Error("a stalled body was accepted")
	} else if _, ok := errors.AsType[*TimeoutError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestWaitingForATurnIsNotTimed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	slow := &script{steps: steps{func(r *http.Request) (*http.Response, error) {
		time.Sleep(300 * time.Millisecond) // the budget's queue
		return http.DefaultTransport.RoundTrip(r)
	}}}
	if _, err := (&Client{Transport: slow, AttemptTimeout: 200 * time.Millisecond, Attempts: 1}).Do(get(t, server.URL)); err != nil {
		t.Error(err)
	}
}

func TestRedirects(t *testing.T) {
	var seen http.Header
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the stranger was visited")
	}))
	defer stranger.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slash/":
			http.Redirect(w, r, "/slash", http.StatusMovedPermanently)
		case "/away":
			http.Redirect(w, r, stranger.URL, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			seen = r.Header.Clone()
		}
	}))
	defer server.Close()
	ask := func(path string) *Response {
		req := get(t, server.URL+path)
		req.Header.Set("Authorization", "Bearer x")
		req.Header.Set("X-Request-Page-Size", "100")
		resp, err := (&Client{}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	if resp := ask("/slash/"); resp.Status != 200 {
		t.Errorf("status %d", resp.Status)
	}
	if seen.Get("Authorization") != "Bearer x" || seen.Get("X-Request-Page-Size") != "100" {
		t.Errorf("the redirect lost headers: %v", seen)
	}
	for _, path := range []string{"/away", "/loop"} {
		if resp := ask(path); resp.Status != http.StatusFound {
			t.Errorf("%s: status %d", path, resp.Status)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":       -1,
		"soon":   -1,
		"0":      0,
		" 3 ":    3 * time.Second,
		"-5":     0,
		"999999": 999999 * time.Second,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		got, ok := RetryAfter(http.Header{"Retry-After": {text}}, now)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
