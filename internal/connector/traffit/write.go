package traffit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

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

// throttled is how often a write waits that was sent too early.
const throttled = 3

// change sends a write, once. It is sent again only after an answer which says that nothing has
// happened: a token that is not taken, a request to come later, or a redirect to the same address with
// or without its last slash. An error that is no *connector.UnclearError says the same.
func (c *client) change(ctx context.Context, w write) (object, error) {
	for moved, waits := false, 0; ; {
		var resp *outbound.Response
		var o object
		err := c.withToken(ctx, w.scope, func(token string) (err error) {
			if resp, err = c.deliver(ctx, w, token); err != nil {
				return err
			}
			o, err = c.verdict(w, resp)
			return err
		})
		if resp == nil {
			return nil, err
		}
		if to, ok := c.otherSlash(w.path, resp); ok && !moved {
			w.path, moved = to, true
			continue
		}
		later, early := errors.AsType[*connector.RetryError](err)
		if !early || resp.Status != http.StatusTooManyRequests || waits == throttled || later.After > outbound.DefaultMaxWait {
			return o, err
		}
		waits++
		if err := c.http.Wait(ctx, waits, later.After); err != nil {
			return nil, err
		}
	}
}

// deliver sends the request and reads the answer.
func (c *client) deliver(ctx context.Context, w write, token string) (*outbound.Response, error) {
	var asked, connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(traced, w.method, c.address(w.path), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", w.method, w.path, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	switch {
	case w.upload != nil:
		req.Header.Set("Content-Type", w.upload.contentType)
		req.ContentLength, req.GetBody = w.upload.size, w.upload.open
	case w.body != nil:
		body := string(encode(w.body))
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	}
	resp, err := c.writes.Do(req)
	_, turned := errors.AsType[*outbound.UnsentError](err)
	switch {
	case err == nil:
		return resp, nil
	case errors.Is(err, connector.ErrNoContent):
		return nil, fmt.Errorf("%s %s: %w", w.method, w.path, err)
	case turned, asked.Load() && !connected.Load(): // there was nothing to write the request to
		return nil, c.unreachable(ctx, w.path, err)
	}
	return nil, w.unclear(err)
}

// unclear makes the error of a write that may have had an effect.
func (w write) unclear(err error) error {
	return &connector.UnclearError{Err: fmt.Errorf("%s %s: %w", w.method, w.path, err)}
}

// verdict reads the answer to a write. Success may come without a body, or with one that nobody
// has described; only its JSON is of interest.
func (c *client) verdict(w write, resp *outbound.Response) (object, error) {
	body := strings.TrimSpace(string(resp.Body))
	spoken := looksLikeJSON(resp.Body) && json.Valid(resp.Body)
	refused := &connector.RefusedError{Status: resp.Status, Message: explanation(resp)}
	switch status := resp.Status; {
	case status >= 200 && status < 300 && !spoken && body != "" && (looksLikeHTML(resp) || looksLikeJSON(resp.Body)):
		// TRAFFIT's front answers pages with 200 for tenants that are away (seen), and answers may be cut.
		return nil, w.unclear(fmt.Errorf("it answered %d with a page or broken JSON", status))
	case status >= 200 && status < 300:
		if !spoken {
			return nil, nil
		}
		v, _ := decode(resp.Body) // valid as just checked
		return asObject(v), nil
	case status == http.StatusTooManyRequests:
		return nil, c.later(resp, refused)
	case status == http.StatusUnauthorized:
		return nil, &connector.AuthError{Message: refused.Message}
	case status == http.StatusForbidden && !looksLikeHTML(resp):
		return nil, &connector.ScopeError{Scope: w.scope, Message: refused.Message}
	case elsewhere(status):
		refused.Message = "it points to " + outbound.RedactURL(resp.Header.Get("Location")) + ", which is not followed"
		return nil, refused
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout:
		return nil, refused
	}
	// Failures come before or after the effect. So do other redirects: they may show the way to what
	// has just been done.
	return nil, w.unclear(refused)
}

// elsewhere reports whether a status says that a request belongs to another address and was not
// carried out at this one.
func elsewhere(status int) bool {
	return status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
}

// otherSlash gives the path to which a redirect points, if all that differs is the last slash.
func (c *client) otherSlash(path string, resp *outbound.Response) (string, bool) {
	if !elsewhere(resp.Status) {
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

var (
	markup = regexp.MustCompile(`(?s)<(?:style|script|head)\b.*?</(?:style|script|head)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
	// mailAddress is hidden in what is said: it would end up in logs.
	mailAddress = regexp.MustCompile(`(?i)[^\s"'<>()\[\],;:=@%]+(?:@|%40)[^\s"'<>()\[\],;:=@]+`)
)

// explanation is what the answer to a refused write says: the words of its JSON, of a plain text or of
// a page, without e-mail addresses.
func explanation(resp *outbound.Response) string {
	text := strings.ToValidUTF8(string(resp.Body), "�")
	if v, err := decode(resp.Body); err == nil && looksLikeJSON(resp.Body) {
		o := asObject(v)
		text = strings.Join(complaints(o["errors"], []string{said(o)}), "; ")
	} else if looksLikeHTML(resp) {
		text = markup.ReplaceAllString(text, " ")
	}
	text = mailAddress.ReplaceAllString(text, "(an address)")
	short := []rune(strings.TrimSpace(spaces.ReplaceAllString(text, " ")))
	if len(short) == 0 {
		return "no explanation was given"
	}
	return string(short[:min(len(short), 300)])
}

// complaints collects the texts of a tree of errors, as forms have them.
func complaints(v any, into []string) []string {
	switch v := v.(type) {
	case string:
		return append(into, v)
	case []any:
		for _, inner := range v {
			into = complaints(inner, into)
		}
	case map[string]any:
		for _, key := range object(v).keys() {
			into = complaints(v[key], into)
		}
	}
	return into
}
