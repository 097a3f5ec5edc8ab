package traffit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// write is one request that changes something in TRAFFIT.
type write struct {
	method, path, scope string
	body                any     // goes out as JSON; nil: none, unless there is an upload
	upload              *upload // goes out as a multipart form
}

// upload is a body that is too large to be held.
type upload struct {
	contentType string
	size        int64
	open        func() (io.ReadCloser, error)
}

// change sends a write, once. It is sent again only after an answer which says that nothing has
// happened: a token that died, or a redirect to the same address with or without its last slash.
// An error that is no *connector.UnclearError says the same.
func (c *client) change(ctx context.Context, w write) (object, error) {
	path, moved := w.path, false
	for n := 1; ; n++ {
		g, err := c.tokens.get(ctx)
		if err != nil {
			return nil, err
		}
		g.uses.Add(1)
		resp, err := c.deliver(ctx, w, path, g.token)
		if err != nil {
			return nil, err
		}
		if to, ok := c.otherSlash(path, resp); ok && !moved {
			path, moved = to, true
			continue
		}
		o, err := c.verdict(w, resp)
		if _, dead := errors.AsType[*connector.AuthError](err); dead && n < deadTokens {
			// Another's request may have used up the token's last life, but one that nobody else has
			// used should not have died: then it is how a missing scope looks, or the end.
			c.tokens.drop(g.token)
			if g.uses.Load() > 1 || n == 1 {
				continue
			}
			if c.works(ctx, w.scope) {
				return nil, &connector.ScopeError{Scope: w.scope, Message: err.Error()}
			}
		}
		return o, err
	}
}

// deliver sends the request and reads the answer.
func (c *client) deliver(ctx context.Context, w write, path, token string) (*outbound.Response, error) {
	req, err := http.NewRequestWithContext(ctx, w.method, c.address(path), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", w.method, path, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	switch {
	case w.upload != nil:
		req.Header.Set("Content-Type", w.upload.contentType)
		req.ContentLength, req.GetBody = w.upload.size, w.upload.open
	case w.body != nil:
		body := encode(w.body)
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(body))), nil }
	default:
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.writes.Do(req)
	switch {
	case err == nil:
		return resp, nil
	case unsent(err):
		return nil, c.unreachable(ctx, path, err)
	}
	return nil, &connector.UnclearError{Err: fmt.Errorf("%s %s: %w", w.method, path, err)}
}

// unsent reports whether an error came before the first byte of a request went out.
func unsent(err error) bool {
	if _, ok := errors.AsType[*outbound.UnsentError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*outbound.RetryAfterError](err); ok {
		return true // a refusal with the wish to come back later
	}
	if _, ok := errors.AsType[*connector.RetryError](err); ok {
		return true // the transport's own word about the request budget
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || errors.Is(err, connector.ErrNoContent)
}

// verdict reads the answer to a write. Success may come without a body, or with one that nobody
// has described; only its JSON is of interest.
func (c *client) verdict(w write, resp *outbound.Response) (object, error) {
	spoken := looksLikeJSON(resp.Body) && json.Valid(resp.Body)
	message := "no explanation was given"
	var o object
	if spoken {
		v, _ := decode(resp.Body) // valid as just checked
		o = asObject(v)
		message = said(o)
	} else if text := strings.TrimSpace(string(resp.Body)); text != "" && !looksLikeHTML(resp) {
		message = string([]rune(strings.ToValidUTF8(text, "�"))[:min(len([]rune(text)), 200)])
	}
	refused := &connector.RefusedError{Status: resp.Status, Message: message}
	switch status := resp.Status; {
	case status >= 200 && status < 300 && !spoken && len(strings.TrimSpace(string(resp.Body))) > 0 && looksLikeHTML(resp):
		// TRAFFIT's front answers pages with 200 for tenants that are away (seen).
		return nil, &connector.UnclearError{Err: fmt.Errorf("%s %s answered %d with a page", w.method, w.path, status)}
	case status >= 200 && status < 300:
		return o, nil
	case status == http.StatusTooManyRequests:
		return nil, c.later(resp, refused)
	case status >= 500:
		return nil, &connector.UnclearError{Err: fmt.Errorf("%s %s: %w", w.method, w.path, refused)}
	case status == http.StatusUnauthorized:
		return nil, &connector.AuthError{Message: message}
	case status == http.StatusForbidden && !looksLikeHTML(resp):
		return nil, &connector.ScopeError{Scope: w.scope, Message: message}
	}
	return nil, refused
}

// otherSlash gives the path to which a redirect points, if all that differs is the last slash.
func (c *client) otherSlash(path string, resp *outbound.Response) (string, bool) {
	if resp.Status < 300 || resp.Status >= 400 {
		return "", false
	}
	from, err := url.Parse(c.address(path))
	if err != nil {
		return "", false
	}
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || to.Host != from.Host || to.Scheme != from.Scheme || to.RawQuery != from.RawQuery || to.Path == from.Path ||
		strings.TrimSuffix(to.Path, "/") != strings.TrimSuffix(from.Path, "/") {
		return "", false
	}
	if strings.HasSuffix(to.Path, "/") {
		return path + "/", true
	}
	return strings.TrimSuffix(path, "/"), true
}
