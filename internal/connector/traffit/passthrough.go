package traffit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// The bounds of a request that is passed through.
const (
	maxPassPath    = 8 << 10  // of the path with its query
	maxPassAddress = 16 << 10 // with the parameters
	maxPassParams  = 100
	maxPassHeaders = 50
	maxPassHeader  = 16 << 10 // all names and values
	maxPassAnswer  = 32 << 20
	// passTimeout bounds one sending, and passAgain says until when another one is begun, so that
	// there is an answer before clients give up at 300 seconds.
	passTimeout  = 180 * time.Second
	passAgain    = 20 * time.Second
	passAttempts = 3
)

// Passthrough sends a request of the client's own, to an address below the Integration API and
// nowhere else. It is sent once: again only with a new token when TRAFFIT said that it did not take
// the old one, and, for a GET, after a broken connection.
func (t *tenant) Passthrough(ctx context.Context, r connector.PassthroughRequest) (connector.PassthroughAnswer, error) {
	req, err := t.passRequest(ctx, r)
	if err != nil {
		return connector.PassthroughAnswer{}, err
	}
	for n := 1; ; n++ {
		g, err := t.tokens.get(ctx)
		if err != nil {
			return connector.PassthroughAnswer{}, err
		}
		g.uses.Add(1)
		req.Header.Set("Authorization", "Bearer "+g.token)
		resp, err := t.through(req)
		if err != nil {
			return connector.PassthroughAnswer{}, t.passFailed(req, err)
		}
		if resp.Status == http.StatusUnauthorized && n == 1 {
			t.tokens.drop(g.token)
			continue
		}
		return connector.PassthroughAnswer{URL: req.URL.String(), Status: resp.Status, Header: passable(resp.Header), Body: resp.Body}, nil
	}
}

// through sends the request. Any status is an answer, also one that asks to come back later.
func (t *tenant) through(req *http.Request) (*outbound.Response, error) {
	client := &outbound.Client{
		Transport: t.http.Transport, Now: t.http.Now, Sleep: t.http.Sleep, Redirect: t.stayBelow,
		Attempts: 1, AttemptTimeout: passTimeout, MaxWait: math.MaxInt64, MaxBody: maxPassAnswer,
	}
	started := t.now()
	for n := 1; ; n++ {
		resp, err := client.Do(req)
		if err == nil || req.Method != http.MethodGet || req.GetBody != nil || n == passAttempts || t.now().Sub(started) > passAgain ||
			!brokenOff(req.Context(), err) {
			return resp, err
		}
		if err := client.Pause(req.Context(), n); err != nil {
			return nil, err
		}
	}
}

// brokenOff reports whether there was no answer for a reason that may be gone in a moment.
func brokenOff(ctx context.Context, err error) bool {
	_, large := errors.AsType[*outbound.TooLargeError](err)
	_, late := errors.AsType[*outbound.TimeoutError](err)
	_, budget := errors.AsType[*connector.RetryError](err)
	_, later := errors.AsType[*outbound.RetryAfterError](err)
	_, unsent := errors.AsType[*outbound.UnsentError](err)
	return ctx.Err() == nil && !large && !late && !budget && !later && !unsent
}

// passFailed explains a request that got no answer.
func (t *tenant) passFailed(req *http.Request, err error) error {
	if _, large := errors.AsType[*outbound.TooLargeError](err); large {
		return ats.Errorf(ats.InputInvalid, "the answer of %s %s is larger than %d MB, which is the most that is passed through; ask for less at once",
			req.Method, req.URL.Path, maxPassAnswer>>20)
	}
	failed := t.unreachable(req.Context(), strings.TrimPrefix(req.URL.Path, t.base.Path), err)
	_, unsent := errors.AsType[*outbound.UnsentError](err)
	op, _ := errors.AsType[*net.OpError](err)
	if req.Method == http.MethodGet || unsent || op != nil && op.Op == "dial" {
		return failed
	}
	return &connector.UnclearError{Err: failed}
}

// stayBelow follows redirects of reads within the Integration API.
func (t *tenant) stayBelow(req *http.Request, via []*http.Request) error {
	if err := outbound.SameHost(req, via); err != nil {
		return err
	}
	root := t.base.EscapedPath() + api + "/"
	rest, below := strings.CutPrefix(req.URL.EscapedPath(), root)
	if _, reason := passPath(rest); !below || reason != "" {
		return http.ErrUseLastResponse
	}
	return nil
}

// passRequest makes the HTTP request, all but its token.
func (t *tenant) passRequest(ctx context.Context, r connector.PassthroughRequest) (*http.Request, error) {
	if r.API != "v2" {
		return nil, ats.Errorf(ats.InputInvalid, "TRAFFIT has the API v2 and no %q", r.API)
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, r.Method) {
		return nil, ats.Errorf(ats.InputInvalid, "method must be GET, POST, PUT, PATCH or DELETE")
	}
	address, err := t.passAddress(r.Path, r.Params)
	if err != nil {
		return nil, err
	}
	header, err := passHeader(r)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, address, http.NoBody)
	if err != nil {
		return nil, ats.Errorf(ats.InputInvalid, "path makes no address: %w", err)
	}
	req.Header = header
	if r.Open != nil && r.Size > 0 {
		req.ContentLength, req.GetBody = r.Size, r.Open
	}
	return req, nil
}

// passAddress gives the full address of a path below the Integration API.
func (t *tenant) passAddress(typed string, params map[string]string) (string, error) {
	if len(typed) > maxPassPath {
		return "", ats.Errorf(ats.InputInvalid, "path must not be longer than %d bytes", maxPassPath)
	}
	if len(params) > maxPassParams {
		return "", ats.Errorf(ats.InputInvalid, "params must not hold more than %d", maxPassParams)
	}
	typed, query, _ := strings.Cut(typed, "?")
	path, reason := passPath(strings.TrimPrefix(typed, "/"))
	if typed == "" {
		reason = "must not be empty; / is the root of the API"
	}
	if reason == "" {
		query, reason = passQuery(query)
	}
	if reason != "" {
		return "", ats.Errorf(ats.InputInvalid, "path %s", reason)
	}
	more := url.Values{}
	for name, value := range params {
		more.Set(name, value)
	}
	if len(more) > 0 {
		query = strings.TrimPrefix(strings.TrimSuffix(query, "&")+"&"+more.Encode(), "&")
	}
	address := t.address(api+"/") + path
	if query != "" {
		address += "?" + query
	}
	if len(address) > maxPassAddress {
		return "", ats.Errorf(ats.InputInvalid, "path and params must not be longer than %d bytes together", maxPassAddress)
	}
	return address, nil
}

// passPath gives a path in the form in which it is sent, relative to the root, or what is wrong with
// it. Who looks at it on its way, and how often that one decodes, is not known, so whatever any
// reader could take for a way up or out is refused; what is left is kept as the client wrote it.
func passPath(typed string) (path, reason string) {
	if reason := passText(typed); reason != "" {
		return "", reason
	}
	if strings.Contains(typed, "#") {
		return "", "must not have a fragment"
	}
	segments := strings.Split(typed, "/")
	if strings.ContainsAny(segments[0], ":@") {
		return "", "must lead below the API's root, and name neither a scheme nor a host"
	}
	for i, segment := range segments {
		if segment == "" && i == len(segments)-1 {
			continue // the last slash, or the root
		}
		if reason := passSegment(segment); reason != "" {
			return "", reason
		}
		segments[i] = escape(segment, pathBytes)
	}
	return strings.Join(segments, "/"), ""
}

// passSegment says what is wrong with a segment of a path; empty for nothing.
func passSegment(segment string) string {
	const deepest = 5
	if !wellEscaped(segment) {
		return "has a % that begins no escape; write it as %25"
	}
	for range deepest {
		if reason := passText(segment); reason != "" {
			return reason
		}
		seen := norm.NFKC.String(segment) // some readers take wide dots and slashes for plain ones
		if strings.ContainsAny(seen, `/\`) {
			return "must not contain an encoded slash or backslash"
		}
		name, _, _ := strings.Cut(seen, ";") // some readers drop what follows
		name = strings.TrimSpace(name)
		if name == "" {
			return "must not contain an empty segment"
		}
		if strings.Trim(name, ".") == "" {
			return "must not contain a segment of dots"
		}
		decoded := unescape(segment)
		if decoded == segment {
			return ""
		}
		segment = decoded
	}
	return "is encoded too many times"
}

// passText says what no part of a path may contain.
func passText(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "must be UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
	}):
		return "must not contain control characters"
	case strings.ContainsRune(s, '\\'):
		return "must not contain a backslash"
	}
	return ""
}

// passQuery gives a query in the form in which it is sent, or what is wrong with it.
func passQuery(typed string) (query, reason string) {
	switch {
	case !utf8.ValidString(typed):
		return "", "must be UTF-8"
	case strings.ContainsFunc(typed, unicode.IsControl):
		return "", "must not contain control characters"
	case strings.Contains(typed, "#"):
		return "", "must not have a fragment"
	case !wellEscaped(typed):
		return "", "has a % that begins no escape; write it as %25"
	}
	return escape(typed, queryBytes), ""
}

const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	// pathBytes and queryBytes may stand in a path's segment and in a query as they are.
	pathBytes  = unreserved + "!$&'()*+,;=:@%"
	queryBytes = pathBytes + "/?"
)

// escape encodes what may not stand as it is.
func escape(s, plain string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(plain, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// wellEscaped reports whether each % begins an escape.
func wellEscaped(s string) bool {
	for i := range len(s) {
		if s[i] == '%' && !escapeAt(s, i) {
			return false
		}
	}
	return true
}

func escapeAt(s string, i int) bool {
	const hex = "0123456789abcdefABCDEF"
	return i+2 < len(s) && s[i] == '%' && strings.IndexByte(hex, s[i+1]) >= 0 && strings.IndexByte(hex, s[i+2]) >= 0
}

// unescape decodes once, and leaves alone what is no escape, as careless readers do.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if escapeAt(s, i) {
			decoded, _ := url.PathUnescape(s[i : i+3]) // an escape, as just checked
			b.WriteString(decoded)
			i += 2
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// notPassed are the headers that are ours or the connection's, those by which some frameworks let
// themselves be told another address or method, and those by which net/http takes a request for one
// that it may send twice; TRAFFIT knows nothing of the last.
var notPassed = []string{
	"Authorization", "Host", "Content-Length", "Accept-Encoding", "Cookie", "Cookie2", "Set-Cookie", "Expect", "Forwarded", "Via",
	"X-Real-Ip", "X-Host", "X-Original-Host", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override",
	"Idempotency-Key", "X-Idempotency-Key",
}

// hopByHop are the headers that concern one connection.
var hopByHop = []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings"}

// refusedHeader reports whether a client may not set a header.
func refusedHeader(name string) bool {
	return slices.Contains(notPassed, name) || slices.Contains(hopByHop, name) ||
		strings.HasPrefix(name, "Proxy-") || strings.HasPrefix(name, "X-Forwarded-")
}

// passHeader gives the headers that are sent.
func passHeader(r connector.PassthroughRequest) (http.Header, error) {
	if len(r.Header) > maxPassHeaders {
		return nil, ats.Errorf(ats.InputInvalid, "headers must not hold more than %d", maxPassHeaders)
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}}
	if r.ContentType != "" {
		header.Set("Content-Type", r.ContentType)
	}
	size, set := 0, map[string]bool{}
	for typed, value := range r.Header {
		name := http.CanonicalHeaderKey(typed)
		size += len(typed) + len(value)
		switch {
		case !isToken(typed):
			return nil, ats.Errorf(ats.InputInvalid, "headers: %.50q is no name of a header", typed)
		case strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) || !utf8.ValidString(value):
			return nil, ats.Errorf(ats.InputInvalid, "headers: the value of %.50q must not contain line breaks or other control characters", typed)
		case refusedHeader(name):
			return nil, ats.Errorf(ats.InputInvalid, "headers: %.50q cannot be set", typed)
		case set[name]:
			return nil, ats.Errorf(ats.InputInvalid, "headers: %.50q is there more than once", name)
		case name == "Content-Type" && strings.HasPrefix(r.ContentType, "multipart/"):
			return nil, ats.Errorf(ats.InputInvalid, "headers: %q cannot be set for a form, which has its own", name)
		}
		set[name] = true
		header.Set(name, value)
	}
	if size > maxPassHeader {
		return nil, ats.Errorf(ats.InputInvalid, "headers must not be longer than %d bytes together", maxPassHeader)
	}
	return header, nil
}

// isToken reports whether a text may be the name of a header.
func isToken(s string) bool {
	const plain = unreserved + "!#$%&'*+^`|"
	return s != "" && strings.Trim(s, plain) == ""
}

// passable leaves out of an answer's headers what concerns the connection or would set a cookie.
func passable(h http.Header) http.Header {
	out := h.Clone()
	for _, listed := range h.Values("Connection") {
		for name := range strings.SplitSeq(listed, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for name := range out {
		if slices.Contains(hopByHop, name) || strings.HasPrefix(name, "Proxy-") || strings.HasPrefix(name, "Set-Cookie") {
			out.Del(name)
		}
	}
	return out
}
