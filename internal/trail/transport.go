package trail

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Integration is whose requests are recorded. No is 0 for one that is not connected yet.
type Integration struct {
	No int64
	ID string
	// Unkept says that no answers are kept, nor what is sent to the ATS, nor whom a sync asks for: that may
	// be what must not be stored of it.
	Unkept bool
	// Mentions names the records that a request to a path, or its answer, is about: the connector's.
	// Nil: none.
	Mentions func(path string, body []byte) []connector.Mention
}

// Transport records the requests that go through it, each attempt by itself. It belongs below what
// waits for a turn, so that the time is that of the ATS.
func (r *Recorder) Transport(inner http.RoundTripper, of Integration) http.RoundTripper {
	if r == nil {
		return inner
	}
	return &transport{r, inner, of}
}

type transport struct {
	*Recorder
	inner http.RoundTripper
	of    Integration
}

// exchange is a request to the ATS until its answer was read or given up.
type exchange struct {
	*transport
	state            state
	request          *http.Request
	sent             time.Time
	status           int
	outgoing, answer *Body
	once             sync.Once
}

// RoundTrip sends a request. It is recorded when there is no answer, or when the body of the answer
// has ended or was closed.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	e := &exchange{transport: t, request: req, sent: t.now()}
	e.state, _ = req.Context().Value(stateKey{}).(state)
	req = e.watchRequest(req)
	resp, err := t.inner.RoundTrip(req)
	if err != nil {
		e.end(err)
		return nil, err
	}
	e.status = resp.StatusCode
	e.answer = newBody(resp.Header, e.kept(resp.StatusCode))
	resp.Body = &watched{resp.Body, e.answer, e.end}
	return resp, nil
}

// kept reports whether an answer with a status is kept. Of an account that is not connected yet it is not
// settled what may be stored, so those that hold something are not.
func (e *exchange) kept(status int) bool {
	return !e.of.Unkept && (failed(status) || e.state.cause.Bodies && e.of.No != 0)
}

// failed reports whether a status says that a request failed.
func failed(status int) bool { return status >= http.StatusBadRequest }

// watchRequest gives the request with a body that is noted as it is sent. What is sent is kept in
// any case: few requests without an effect have a body, and whether it fails is known later.
func (e *exchange) watchRequest(req *http.Request) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	e.outgoing = newBody(req.Header, !e.of.Unkept)
	again := req.GetBody
	req = req.Clone(req.Context())
	req.Body = &watched{req.Body, e.outgoing, nil}
	if again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			e.outgoing.reset()
			return &watched{body, e.outgoing, nil}, nil
		}
	}
	return req
}

// end records the request. The error is nil at the end of the answer, and when it was not read to
// its end.
func (e *exchange) end(err error) {
	e.once.Do(func() {
		row := store.Request{
			ID: NewID(), Integration: e.of.No, Kind: store.ATSRequest,
			Parent: e.state.cause.Request, Run: e.state.cause.Run, Action: e.state.cause.Action,
			Method: short(method(e.request), maxMethod), Address: address(e.request.URL, ""), Status: e.status,
			Failed: err != nil || failed(e.status), StartedAt: e.sent.UnixMilli(), Took: e.now().Sub(e.sent),
		}
		if e.of.Unkept && row.Run != "" {
			row.Address = withoutIDs(row.Address)
		}
		if err != nil {
			text := short(mask(err.Error()), maxError)
			row.Error = &text
		}
		keep := e.state.cause.Bodies || row.Failed
		var mentions []connector.Mention
		take := func(b *Body, size *int64, text **string, cut *bool) {
			if b == nil {
				return
			}
			n, kept, broken := b.result()
			*size = n
			if !keep || kept == nil {
				return
			}
			*text, *cut = kept, broken
			if e.of.Mentions != nil {
				mentions = append(mentions, e.of.Mentions(e.request.URL.Path, []byte(*kept))...)
			}
		}
		take(e.outgoing, &row.RequestSize, &row.RequestBody, &row.RequestCut)
		take(e.answer, &row.ResponseSize, &row.ResponseBody, &row.ResponseCut)
		e.record(e.state, e.of, row, mentions)
	})
}

func method(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

// watched notes a body as it is read.
type watched struct {
	io.ReadCloser
	body *Body
	end  func(error) // called at the end, and when it is closed; nil: nobody waits for it
}

// Read reads on.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	_, _ = w.body.Write(p[:n]) // it does not fail
	if err != nil && w.end != nil {
		if errors.Is(err, io.EOF) {
			w.end(nil)
		} else {
			w.end(err)
		}
	}
	return n, err
}

// Close gives the body up.
func (w *watched) Close() error {
	if w.end != nil {
		w.end(nil)
	}
	return w.ReadCloser.Close()
}
