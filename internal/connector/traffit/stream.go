package traffit

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

const (
	// streamAttempts is how often a content is asked for: single refusals of a moment were seen.
	streamAttempts = 3
	// streamPatience is how long a content may keep its reader waiting.
	streamPatience = time.Minute
	// maxRefusal bounds what is read of an answer that is no content.
	maxRefusal = 64 << 10
)

// stream begins a GET whose answer is no JSON and too large to be held.
func (c *client) stream(ctx context.Context, r call) (connector.Content, error) {
	for n := 1; ; n++ {
		var content connector.Content
		err := c.withToken(ctx, r.scope, func(token string) (err error) {
			content, err = c.begin(ctx, r, token)
			return err
		})
		later, passes := errors.AsType[*connector.RetryError](err)
		if !passes || later.After > outbound.DefaultMaxWait || n >= streamAttempts {
			return content, err
		}
		if err := c.http.Wait(ctx, n, later.After); err != nil {
			return connector.Content{}, err
		}
	}
}

// begin sends the request of a stream.
func (c *client) begin(ctx context.Context, r call, token string) (connector.Content, error) {
	f, own := newFlow(ctx)
	// As with other requests, waiting for the budget does not count.
	traced := httptrace.WithClientTrace(own, &httptrace.ClientTrace{GetConn: func(string) { f.timer.Reset(streamPatience) }})
	req, err := c.request(traced, r, token)
	if err != nil {
		f.end()
		return connector.Content{}, err
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity")                                                      // so that the size is told
	resp, err := (&http.Client{Transport: c.http.Transport, CheckRedirect: outbound.SameHost}).Do(req) //nolint:bodyclose // the flow closes it
	if err != nil {
		f.end()
		return connector.Content{}, c.unreachable(ctx, r.path, f.because(err))
	}
	f.timer.Stop()
	f.body = resp.Body
	page := strings.Contains(resp.Header.Get("Content-Type"), "html") && resp.Header.Get("Content-Disposition") == ""
	if resp.StatusCode == http.StatusOK && !page {
		return connector.Content{Body: f, Size: resp.ContentLength}, nil
	}
	defer func() { _ = f.Close() }() // what matters of it is read
	if resp.StatusCode == http.StatusOK {
		return connector.Content{}, r.problem(resp.StatusCode, "%s", c.noJSON([]byte("a page")))
	}
	said, err := io.ReadAll(io.LimitReader(f, maxRefusal))
	if err != nil {
		return connector.Content{}, c.unreachable(ctx, r.path, err)
	}
	return connector.Content{}, c.judge(r, &outbound.Response{Status: resp.StatusCode, Header: resp.Header, Body: said})
}

// flow is a body that ends when it keeps its reader waiting for too long.
type flow struct {
	body  io.ReadCloser
	timer *time.Timer
	stop  context.CancelCauseFunc
	cause func() error
}

// newFlow makes a flow that has no body yet, and the context of its request.
func newFlow(ctx context.Context) (*flow, context.Context) {
	own, stop := context.WithCancelCause(ctx)
	return &flow{
		timer: time.AfterFunc(math.MaxInt64, func() { stop(&outbound.TimeoutError{After: streamPatience}) }),
		stop:  stop, cause: func() error { return context.Cause(own) },
	}, own
}

func (f *flow) Read(p []byte) (int, error) {
	f.timer.Reset(streamPatience)
	n, err := f.body.Read(p)
	f.timer.Stop()
	return n, f.because(err)
}

// because replaces the bare "context canceled" by its cause.
func (f *flow) because(err error) error {
	if late, ok := errors.AsType[*outbound.TimeoutError](f.cause()); ok && err != nil {
		return late
	}
	return err
}

// Close ends the request, read to its end or not.
func (f *flow) Close() error {
	f.end()
	return f.body.Close()
}

func (f *flow) end() {
	f.timer.Stop()
	f.stop(nil)
}
