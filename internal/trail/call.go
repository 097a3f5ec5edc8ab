package trail

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/kladka/kladka/internal/store"
)

// Call is a call of our API on its way.
type Call struct {
	recorder *Recorder
	state    state
	id       string
	began    time.Time
	request  *http.Request
	body     *Body // nil: it has none
}

// Begin starts to record a call under an ID. What is done for the call gets the request that is
// given back: its context says what for. Bodies are kept of calls that change something.
func (r *Recorder) Begin(req *http.Request, id string) (*Call, *http.Request) {
	changes := req.Method != http.MethodGet && req.Method != http.MethodHead
	ctx := With(req.Context(), Cause{Request: id, Bodies: changes})
	c := &Call{recorder: r, id: id, began: r.now(), request: req}
	c.state, _ = ctx.Value(stateKey{}).(state)
	req = req.WithContext(ctx)
	if changes && req.Body != nil && req.Body != http.NoBody {
		c.body = newBody(req.Header, true)
		req.Body = &watched{req.Body, c.body, nil}
	}
	return c, req
}

// Kept reports whether the log keeps the body of an answer with a status.
func (c *Call) Kept(status int) bool { return c.state.cause.Bodies || failed(status) }

// Answer prepares to note an answer.
func (c *Call) Answer(status int, h http.Header) *Body { return newBody(h, c.Kept(status)) }

// End records the call. A nil answer is one that broke off before its first byte.
func (c *Call) End(of Integration, route string, status int, answer *Body) {
	c.state.scope.mu.Lock()
	action := c.state.scope.action
	c.state.scope.mu.Unlock()
	row := store.Request{
		ID: c.id, Integration: of.No, Kind: store.APIRequest, Action: action, Route: route,
		Method: short(c.request.Method, maxMethod), Address: address(c.request.URL, route),
		Status: status, Failed: answer == nil || failed(status), StartedAt: c.began.UnixMilli(), Took: c.recorder.now().Sub(c.began),
	}
	if c.body != nil {
		row.RequestSize, row.RequestBody, row.RequestCut = c.body.result()
	}
	if answer != nil {
		row.ResponseSize, row.ResponseBody, row.ResponseCut = answer.result()
	}
	if row.Failed && row.ResponseBody != nil {
		row.Error = reason(*row.ResponseBody)
	}
	if of.Unkept {
		row.ResponseBody, row.ResponseCut, row.Error = nil, false, nil
	}
	c.recorder.record(c.state, of, row, nil)
}

// reason gives the error that an answer carries.
func reason(body string) *string {
	var envelope struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil || envelope.Error.Code == "" {
		return nil
	}
	text := short(envelope.Error.Code+": "+envelope.Error.Message, maxError)
	return &text
}
