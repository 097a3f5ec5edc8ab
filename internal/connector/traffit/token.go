package traffit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// grant is an access token and what came with it.
type grant struct {
	token string
	sent  time.Time // when it was asked for
	renew time.Time
	// scopes are those that the token was asked for and got; said are those that the answer names, nil
	// where it names none.
	scopes, said []string
	uses         *atomic.Int64 // how many calls it was used for
}

// tokens keeps the access token. Any number of calls may want one at once: one of them fetches
// it, the others wait for that.
type tokens struct {
	fetch func(context.Context) (grant, error)
	now   func() time.Time

	mu      sync.Mutex
	current grant
	flight  *flight // nil when no fetch is under way
}

// flight is a fetch that is under way; grant and err are readable once done is closed.
type flight struct {
	done  chan struct{}
	grant grant
	err   error
}

// get gives a token that is good for now.
func (t *tokens) get(ctx context.Context) (grant, error) {
	t.mu.Lock()
	if t.current.token != "" && t.now().Before(t.current.renew) {
		defer t.mu.Unlock()
		return t.current, nil
	}
	f := t.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		t.flight = f
		// The fetch serves everybody who waits, so it outlives the call that began it, and what that asks for.
		go t.run(outbound.AskLate(context.WithoutCancel(ctx), nil), f)
	}
	t.mu.Unlock()
	select {
	case <-f.done:
		return f.grant, f.err
	case <-ctx.Done():
		return grant{}, context.Cause(ctx)
	}
}

func (t *tokens) run(ctx context.Context, f *flight) {
	f.grant, f.err = t.fetch(ctx)
	t.mu.Lock()
	if f.err == nil {
		t.current = f.grant
	}
	t.flight = nil
	t.mu.Unlock()
	close(f.done)
}

// drop forgets a token that TRAFFIT no longer accepts, unless it was replaced already. With an
// empty token it forgets whichever there is.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if token == "" || t.current.token == token {
		t.current = grant{}
	}
}

// scopeRefusal means that the token endpoint did not like the scopes, as far as one can tell.
type scopeRefusal struct {
	message string
	certain bool // it said invalid_scope
}

func (e *scopeRefusal) Error() string { return e.message }

// fetchToken gets a token for every scope that is needed and that the client was given. A client has the
// scopes that an administrator ticked, and asking for one more is refused as a whole (guess, after the
// usual OAuth servers), so each is then tried by itself.
func (c *client) fetchToken(ctx context.Context) (grant, error) {
	g, err := c.grantToken(ctx)
	if _, refused := errors.AsType[*connector.AuthError](err); refused {
		err = &refusedError{err: err, tenant: c.tenant, client: c.id}
	}
	return g, err
}

func (c *client) grantToken(ctx context.Context) (grant, error) {
	g, err := c.askToken(ctx, c.wanted)
	refusal, ok := errors.AsType[*scopeRefusal](err)
	if !ok {
		return g, err
	}
	var granted []string
	for _, scope := range c.wanted {
		one, err := c.askToken(ctx, []string{scope})
		if err == nil {
			granted, g = append(granted, scope), one
		} else if _, ok := errors.AsType[*scopeRefusal](err); !ok {
			return grant{}, err
		}
	}
	switch {
	case len(granted) == 0 && refusal.certain && len(c.wanted) > 0:
		return grant{}, &connector.ScopeError{Message: "the API client has none of the scopes " + strings.Join(c.wanted, ", ") + "; tick them for the client in TRAFFIT's settings"}
	case len(granted) == 0:
		return grant{}, &connector.AuthError{Message: refusal.message}
	case len(granted) == 1:
		return g, nil
	}
	g, err = c.askToken(ctx, granted)
	if _, ok := errors.AsType[*scopeRefusal](err); ok {
		return grant{}, &connector.AuthError{Message: "each of the scopes " + strings.Join(granted, ", ") + " is granted alone, but not together: " + err.Error()}
	}
	return g, err
}

// tokenPath is where tokens are asked for.
const tokenPath = "/oauth2/token"

// tokenRequest makes a request for a token. The body may be JSON (seen).
func (c *client) tokenRequest(ctx context.Context, wanted []string) (*http.Request, error) {
	body := map[string]any{"grant_type": "client_credentials", "client_id": c.id, "client_secret": c.secret}
	if len(wanted) > 0 { // otherwise the client's own ones
		body["scope"] = strings.Join(wanted, " ")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address(tokenPath), bytes.NewReader(encode(body)))
	if err != nil {
		return nil, fmt.Errorf("ask TRAFFIT for a token: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// askToken sends one token request.
func (c *client) askToken(ctx context.Context, wanted []string) (grant, error) {
	req, err := c.tokenRequest(ctx, wanted)
	if err != nil {
		return grant{}, err
	}
	sent := c.now()
	resp, err := c.http.Repeat(req) // a token too many does no harm
	if err != nil {
		return grant{}, c.unreachable(ctx, tokenPath, err)
	}
	answer := &connector.AnswerError{Status: resp.Status, Method: http.MethodPost, Path: tokenPath}
	v, err := decode(resp.Body)
	o := asObject(v)
	if err != nil || o == nil {
		answer.Message = c.noJSON(resp.Body)
		switch {
		case resp.Status == http.StatusServiceUnavailable:
			return grant{}, &strangerError{c.later(resp, answer)}
		case passing(resp.Status):
			return grant{}, c.later(resp, answer)
		case resp.Status == http.StatusBadRequest: // a refusal all the same, of whatever
			return grant{}, &scopeRefusal{message: answer.Message}
		case resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden:
			return grant{}, &connector.AuthError{Message: answer.Message}
		}
		return grant{}, &strangerError{answer}
	}
	answer.Message = said(o)
	switch {
	case passing(resp.Status):
		return grant{}, c.later(resp, answer)
	case resp.Status == http.StatusBadRequest:
		return grant{}, tokenRefused(o)
	case resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden:
		return grant{}, &connector.AuthError{Message: answer.Message, Final: resp.Status == http.StatusUnauthorized && final(o)}
	case resp.Status != http.StatusOK:
		return grant{}, answer
	case o.text("access_token") == "":
		answer.Message = "the answer holds no access token"
		return grant{}, answer
	}
	g := grant{token: o.text("access_token"), sent: sent, renew: sent.Add(useful(o)), scopes: wanted, uses: new(atomic.Int64)}
	if named, ok := o["scope"].(string); ok {
		g.said = strings.Fields(named)
	}
	return g, nil
}

// tokenRefused reads a 400 of the token endpoint. The names are OAuth's; TRAFFIT's own texts
// were not seen, so an unnamed refusal may be about the scopes as well.
func tokenRefused(o object) error {
	switch o.text("error") {
	case "invalid_scope":
		return &scopeRefusal{message: said(o), certain: true}
	case "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type":
		return &connector.AuthError{Message: said(o), Final: final(o)}
	}
	return &scopeRefusal{message: said(o)}
}

// final reports whether a refusal names its reason as OAuth does, and the reason is that there is no
// such client, or none that may ask. That TRAFFIT says so of nothing else is a guess: see the detail
// oauth.error.
func final(o object) bool {
	return slices.Contains([]string{"invalid_client", "unauthorized_client"}, o.text("error"))
}

// useful is how long a token is used: up to five minutes less than it lasts. A lifetime of 30
// days was seen, the documentation shows an hour; an answer without one counts as an hour.
func useful(o object) time.Duration {
	seconds, err := json.Number(o.text("expires_in")).Float64()
	if err != nil || !(seconds >= 1 && seconds <= 10*365*24*3600) { // also NaN
		seconds = 3600
	}
	life := time.Duration(seconds * float64(time.Second))
	return life - min(5*time.Minute, life/5)
}
