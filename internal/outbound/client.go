// Package outbound holds the parts from which Kladka builds its outgoing HTTP: repeated reads
// with bounded answers, a dialer that refuses addresses inside the own network, contents of
// files in temporary files, and redaction for logs. Connectors, webhooks and actions share it,
// so that each of these traps is dealt with once.
package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"time"
)

// What a Client does where a field is left zero.
const (
	DefaultAttempts       = 4
	DefaultAttemptTimeout = 200 * time.Second
	DefaultTotal          = 10 * time.Minute
	DefaultMaxWait        = 20 * time.Second
	DefaultMaxBody        = 64 << 20

	firstPause = 500 * time.Millisecond
)

// Client sends requests and gives whole answers. Reads are repeated when that may help: after
// a broken connection, a cut answer, and the statuses 429, 500, 502, 503 and 504. Whatever
// could have had an effect is sent once.
//
// The zero Client works. It is safe for concurrent use as long as its fields stay as they are.
type Client struct {
	// Transport sends each attempt; nil is http.DefaultTransport. An error that no repetition
	// will mend should be a *RetryAfterError: it is handed on as it is.
	Transport http.RoundTripper
	// Redirect is http.Client's CheckRedirect; nil follows up to ten on the same host only.
	Redirect func(req *http.Request, via []*http.Request) error

	Attempts int
	// AttemptTimeout bounds one attempt from the moment it asks for a connection to the end of
	// the body. The time before, in which a Transport may wait for a budget, does not count.
	AttemptTimeout time.Duration
	// Total bounds all attempts together: none is started that would begin later.
	Total time.Duration
	// MaxWait is the longest pause slept here; a longer Retry-After becomes a *RetryAfterError.
	MaxWait time.Duration
	MaxBody int64

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Response is an answer that was read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// RetryAfterError means that the other side asked for a pause that is too long to sleep
// through. Whoever runs the work should put it off by After.
type RetryAfterError struct {
	After time.Duration
	Err   error
}

func (e *RetryAfterError) Error() string {
	return fmt.Sprintf("%v (try again in %v)", e.Err, e.After.Round(time.Second))
}

// Unwrap gives the failure that came with the request to wait.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// UnsentError means that a request was given up before its first byte went out. Transports that
// wait for a turn give it.
type UnsentError struct{ Err error }

func (e *UnsentError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *UnsentError) Unwrap() error { return e.Err }

// TooLargeError means that a body went on beyond what the reader is ready to hold.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes", e.Limit)
}

// TimeoutError means that an attempt took longer than AttemptTimeout.
type TimeoutError struct{ After time.Duration }

func (e *TimeoutError) Error() string { return fmt.Sprintf("no complete answer within %v", e.After) }

// Timeout reports true, as net.Error wants it.
func (e *TimeoutError) Timeout() bool { return true }

// Do sends a request. When every attempt ended in a status that is worth repeating, the last
// answer is returned without an error: its status says more than an error could.
func (c *Client) Do(req *http.Request) (*Response, error) {
	attempts := 1
	if repeatable(req) {
		attempts = cmp.Or(c.Attempts, DefaultAttempts)
	}
	return c.do(req, attempts)
}

// Repeat is Do for a request that may be repeated although its method does not say so: one
// that fetches a token, for instance. A body needs GetBody, which http.NewRequest sets.
func (c *Client) Repeat(req *http.Request) (*Response, error) {
	return c.do(req, cmp.Or(c.Attempts, DefaultAttempts))
}

func (c *Client) do(req *http.Request, attempts int) (*Response, error) {
	started := c.now()
	for n := 1; ; n++ {
		resp, err := c.attempt(req)
		switch {
		case err != nil && !worthRepeating(req.Context(), err):
			return nil, err
		case err == nil && !passing(resp.Status):
			return resp, nil
		}
		pause := jitter(n)
		if resp != nil {
			if asked, ok := RetryAfter(resp.Header, c.now()); ok {
				if asked > cmp.Or(c.MaxWait, DefaultMaxWait) {
					return nil, &RetryAfterError{After: asked, Err: fmt.Errorf("%s answered %d", req.URL.Host, resp.Status)}
				}
				pause = max(pause, asked)
			}
		}
		if n >= attempts || c.now().Add(pause).Sub(started) > cmp.Or(c.Total, DefaultTotal) {
			return resp, err
		}
		if err := c.sleep(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// attempt sends the request once and reads the answer to its end.
func (c *Client) attempt(req *http.Request) (*Response, error) {
	limit := cmp.Or(c.AttemptTimeout, DefaultAttemptTimeout)
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	// The clock runs from the request for a connection: before it, the transport may have been
	// waiting for its turn, which says nothing about the other side.
	timer := time.AfterFunc(math.MaxInt64, func() { cancel(&TimeoutError{After: limit}) })
	defer timer.Stop()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { timer.Reset(limit) },
	})
	req = req.WithContext(ctx)
	if req.GetBody != nil { // an earlier attempt may have read the body
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("send the body again: %w", err)
		}
		req.Body = body
	}
	redirect := c.Redirect
	if redirect == nil {
		redirect = SameHost
	}
	resp, err := (&http.Client{Transport: c.Transport, CheckRedirect: redirect}).Do(req)
	if err != nil {
		return nil, because(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // what matters was read; there is nothing to flush
	body, err := ReadBody(resp, cmp.Or(c.MaxBody, DefaultMaxBody))
	if err != nil {
		return nil, because(ctx, err)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// because replaces the bare "context canceled" of a timed-out attempt by its cause.
func because(ctx context.Context, err error) error {
	if late, ok := errors.AsType[*TimeoutError](context.Cause(ctx)); ok {
		return late
	}
	return err
}

// ReadBody reads a body of at most limit bytes.
func ReadBody(resp *http.Response, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, &TooLargeError{Limit: limit}
	}
	return body, nil
}

// SameHost follows redirects of reads within one host. net/http keeps every header but the
// credentials on a redirect to a stranger, so strangers are not visited at all; and it turns
// a redirected POST into a GET, so that is not followed either. The answer is then the
// redirect itself.
func SameHost(req *http.Request, via []*http.Request) error {
	first := via[0]
	same := req.URL.Host == first.URL.Host && req.URL.Scheme == first.URL.Scheme
	if !same || !repeatable(first) || len(via) >= 10 {
		return http.ErrUseLastResponse
	}
	return nil
}

// RetryAfter reads the header of that name, in seconds or as a date. It is never negative.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second), true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// repeatable reports whether a request can be sent twice without harm.
func repeatable(req *http.Request) bool {
	bodyless := req.Body == nil || req.Body == http.NoBody
	return bodyless && (req.Method == "" || req.Method == http.MethodGet || req.Method == http.MethodHead)
}

// passing reports whether a status may be another one in a moment.
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// worthRepeating reports whether an error may be gone in a moment. net/http has many unnamed
// errors for broken connections, so what is named here are those that stay.
func worthRepeating(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	_, later := errors.AsType[*RetryAfterError](err)
	_, large := errors.AsType[*TooLargeError](err)
	_, forbidden := errors.AsType[*AddressError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return !later && !large && !forbidden && !certificate
}

// jitter gives the pause after the nth attempt: doubled each time, and spread over its upper
// half so that several processes do not come back together.
func jitter(n int) time.Duration {
	pause := firstPause << min(n-1, 6)
	return pause/2 + rand.N(pause/2)
}

// Pause waits as long as before the attempt after the nth one, for callers that judge answers by
// more than their status.
func (c *Client) Pause(ctx context.Context, n int) error { return c.sleep(ctx, jitter(n)) }

// Wait is Pause of at least a time that the other side asked for.
func (c *Client) Wait(ctx context.Context, n int, least time.Duration) error {
	return c.sleep(ctx, max(jitter(n), least))
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
