package traffit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// api is the root of the Integration API.
const api = "/api/integration/v2"

// client sends requests to one tenant.
type client struct {
	base               *url.URL
	tenant, id, secret string

	http   *outbound.Client
	brief  *outbound.Client // with fewer attempts, for requests that are likely to fail
	writes *outbound.Client // for what changes something: it may take longer, and is sent once
	tokens *tokens
	habits *habits
	wanted []string // the scopes that tokens are asked for
	// spelling is that of sorts until a listing shows that it takes another one.
	spelling int
	now      func() time.Time
	log      *slog.Logger
}

// call is one GET.
type call struct {
	path  string
	scope string // what the endpoint asks for; empty for public ones, which get no token
	// page and size ask for a page of a listing; zero sends neither.
	page, size int
	sort       string // a JSON object
	filter     string // a JSON object
	// schema asks for the fields instead of the rows.
	schema bool
	// short says that a page that is not full and declares nothing is the whole listing: for
	// listings that hold a handful, where looking for a second page would double the requests.
	short bool
	form  bodyForm
	keys  *rowKeys // that every row has; see sparse
	// brief spends fewer attempts.
	brief bool
}

// bodyForm is what an answer must look like to be one.
type bodyForm int

const (
	formAny   bodyForm = iota
	formRows           // a list
	formItems          // a list, or an object that holds one
)

// fits reports whether JSON has the form.
func (f bodyForm) fits(body []byte) bool {
	switch f {
	case formRows:
		return bytes.TrimSpace(body)[0] == '['
	case formItems:
		_, ok := itemsOf(body)
		return ok
	}
	return true
}

// answer is a JSON answer with status 200.
type answer struct {
	call
	header http.Header
	body   []byte
	sent   ats.Time
}

// problem makes an AnswerError about a call.
func (r call) problem(status int, format string, args ...any) *connector.AnswerError {
	return &connector.AnswerError{Status: status, Method: http.MethodGet, Path: r.path, Message: fmt.Sprintf(format, args...)}
}

// garbled is how often an answer is asked for that has status 200 and is none: broken JSON, a page,
// something else than was asked for. Other clients guard against these; a proxy in trouble or an
// overloaded server gives them, and mostly not twice.
const garbled = 3

// get sends a call, again when the answer is none.
func (c *client) get(ctx context.Context, r call) (*answer, error) {
	for n := 1; ; n++ {
		a, err := c.admitted(ctx, r)
		none, ok := errors.AsType[*connector.AnswerError](err)
		if !ok || none.Status != http.StatusOK || n == garbled {
			return a, err
		}
		if err := c.http.Pause(ctx, n); err != nil {
			return nil, err
		}
	}
}

// attempts is the client that sends a call.
func (c *client) attempts(r call) *outbound.Client {
	if r.brief {
		return c.brief
	}
	return c.http
}

// deadTokens is how many tokens in a row a call may find dead: more than the 16 calls that a sync has
// under way at most, each of which may use up the last life of a token before another.
const deadTokens = 20

// oldGrant is the age at which a token that lacks a scope is replaced before that is believed: an
// administrator may have added the scope since.
const oldGrant = time.Minute

// admitted sends a call, with a token if it needs one.
func (c *client) admitted(ctx context.Context, r call) (a *answer, err error) {
	if r.scope == "" {
		return c.send(ctx, r, "")
	}
	err = c.withToken(ctx, r.scope, func(token string) error {
		a, err = c.send(ctx, r, token)
		return err
	})
	return a, err
}

// withToken has something sent with a token, and again with another one where that is not taken: it
// may have died early.
func (c *client) withToken(ctx context.Context, scope string, send func(token string) error) error {
	for n := 1; ; n++ {
		g, err := c.tokens.get(ctx)
		if err != nil {
			return err
		}
		g.uses.Add(1)
		err = send(g.token)
		_, lacks := errors.AsType[*connector.ScopeError](err)
		refused, dead := errors.AsType[*connector.AuthError](err)
		if !dead && !(lacks && n == 1 && c.now().Sub(g.sent) > oldGrant) {
			return err
		}
		c.log.DebugContext(ctx, "the access token is not accepted any more", "scope", scope)
		c.tokens.drop(g.token)
		// Another's request may have used up the token's last life, but one that nobody else has used
		// should not have died. Either tokens are good for nothing, or this is how the lack of a scope
		// looks.
		if n > 1 && (g.uses.Load() == 1 || n == deadTokens) {
			if c.works(ctx, scope) {
				return &connector.ScopeError{Scope: scope, Message: refused.Message}
			}
			return err
		}
	}
}

// works reports whether tokens are taken where another scope is needed.
func (c *client) works(ctx context.Context, other string) bool {
	for _, e := range endpoints {
		if e.scope == other || !slices.Contains(c.wanted, e.scope) || !e.list || e.of != "" {
			continue
		}
		g, err := c.tokens.get(ctx)
		if err != nil {
			return false
		}
		g.uses.Add(1)
		_, err = c.send(ctx, call{path: e.path, scope: e.scope, page: 1, size: 1, brief: true}, g.token)
		if _, known := errors.AsType[*connector.ScopeError](err); known || err == nil {
			return true
		}
		c.tokens.drop(g.token)
	}
	return false
}

func (c *client) send(ctx context.Context, r call, token string) (*answer, error) {
	req, err := c.request(ctx, r, token)
	if err != nil {
		return nil, err
	}
	sent := ats.TimeOf(c.now())
	resp, err := c.attempts(r).Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, r.path, err)
	}
	if err := c.judge(r, resp); err != nil {
		return nil, err
	}
	return &answer{call: r, header: resp.Header, body: bytes.TrimSpace(resp.Body), sent: sent}, nil
}

// request makes the HTTP request of a call.
func (c *client) request(ctx context.Context, r call, token string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(r.path), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.path, err)
	}
	req.Header.Set("Accept", "application/json")
	// The documentation sends a content type even on reads.
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r.page > 0 {
		req.Header.Set("X-Request-Current-Page", strconv.Itoa(r.page))
		req.Header.Set("X-Request-Page-Size", strconv.Itoa(r.size))
	}
	if r.sort != "" {
		req.Header.Set("X-Request-Sort", r.sort)
	}
	if r.filter != "" {
		req.Header.Set("X-Request-Filter", r.filter)
	}
	if r.schema {
		req.Header.Set("X-Response-Metadata", "true")
	}
	return req, nil
}

// judge gives the error that an answer stands for; nil for JSON with status 200. Only JSON is
// TRAFFIT's own word: its front answers HTML for unknown paths and tenants (seen).
func (c *client) judge(r call, resp *outbound.Response) error {
	spoken := looksLikeJSON(resp.Body) && json.Valid(resp.Body)
	if resp.Status == http.StatusOK && spoken {
		if !r.form.fits(resp.Body) {
			return r.problem(http.StatusOK, "the answer is an object where a list belongs")
		}
		return nil
	}
	message := c.noJSON(resp.Body)
	if spoken {
		v, _ := decode(resp.Body) // valid as just checked
		message = said(asObject(v))
	}
	refusal := r.problem(resp.Status, "%s", message)
	switch {
	case passing(resp.Status):
		return c.later(resp, refusal)
	case resp.Status >= 300 && resp.Status < 400:
		return r.problem(resp.Status, "it points to %s, which is not followed", outbound.RedactURL(resp.Header.Get("Location")))
	case r.scope == "":
		return refusal
	case resp.Status == http.StatusUnauthorized:
		return &connector.AuthError{Message: message}
	case resp.Status == http.StatusForbidden && !looksLikeHTML(resp):
		return &connector.ScopeError{Scope: r.scope, Message: message}
	case spoken && (resp.Status == http.StatusNotFound || resp.Status == http.StatusGone):
		return fmt.Errorf("%w: %w", connector.ErrGone, refusal)
	}
	return refusal
}

// address gives the full address of a path.
func (c *client) address(path string) string { return c.base.String() + path }

// unreachable explains a request that got no answer.
func (c *client) unreachable(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*connector.RetryError](err); ok {
		return err // the transport's own word about the request budget
	}
	if late, ok := errors.AsType[*outbound.RetryAfterError](err); ok {
		return &connector.RetryError{After: late.After, Err: fmt.Errorf("read %s: %w", path, err)}
	}
	if large, ok := errors.AsType[*outbound.TooLargeError](err); ok {
		return &connector.AnswerError{Method: http.MethodGet, Path: path, Status: http.StatusOK, Message: large.Error()}
	}
	return &connector.RetryError{Err: fmt.Errorf("TRAFFIT cannot be reached at %s; check the tenant name and the network: %w", outbound.RedactURL(c.base.String()), err)}
}

// later makes the error of a status that may be another one in a while.
func (c *client) later(resp *outbound.Response, err error) error {
	after, _ := outbound.RetryAfter(resp.Header, c.now())
	return &connector.RetryError{After: after, Err: err}
}

// noJSON says what is wrong with a body that should have been JSON. Every name below
// traffit.com resolves, so a tenant that does not exist shows up as a page (seen).
func (c *client) noJSON(body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "the answer is empty"
	}
	if looksLikeJSON(body) {
		return "the answer is broken JSON"
	}
	return fmt.Sprintf("the answer is no JSON; is %q the right tenant?", c.tenant)
}

// said gives the words of an error answer, whose form varies.
func said(o object) string {
	var words []string
	for _, key := range []string{"error", "error_description", "message"} {
		if s := o.text(key); s != "" {
			words = append(words, s)
		}
	}
	text := []rune(strings.Join(words, ": "))
	if len(text) == 0 {
		return "no explanation was given"
	}
	return string(text[:min(len(text), 200)])
}

// passing reports whether a status may be another one in a while.
func passing(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

func looksLikeHTML(resp *outbound.Response) bool {
	return strings.Contains(resp.Header.Get("Content-Type"), "html") || bytes.HasPrefix(bytes.TrimSpace(resp.Body), []byte("<"))
}

// one reads a single object.
func (c *client) one(ctx context.Context, r call) (object, ats.Time, error) {
	a, err := c.get(ctx, r)
	if err != nil {
		return nil, ats.Time{}, err
	}
	v, err := decode(a.body)
	if err != nil {
		return nil, ats.Time{}, r.problem(http.StatusOK, "the answer is broken JSON")
	}
	o := asObject(v)
	if o == nil {
		return nil, ats.Time{}, r.problem(http.StatusOK, "the answer is no object")
	}
	return o, a.sent, nil
}
