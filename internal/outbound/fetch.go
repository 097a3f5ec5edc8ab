package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Fetcher reads contents from addresses that users give.
type Fetcher struct {
	Guard Guard
	Spool *Spool
	// Within bounds one fetch (default: a minute).
	Within time.Duration

	// dial connects; nil is the guard's.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Fetched is a content that was read from an address.
type Fetched struct {
	*Spooled
	ContentType string // as the other side declared it, without parameters; may be empty
}

// FetchError says why an address could not be read, in words for whoever gave the address: with its
// host, but without its query and without what names resolve to.
type FetchError struct {
	Host   string // empty when the address has none
	Reason string
	// Err is the cause for the log.
	Err error
}

func (e *FetchError) Error() string {
	if e.Host == "" {
		return "the address cannot be read: " + e.Reason
	}
	return fmt.Sprintf("%s cannot be read: %s", e.Host, e.Reason)
}

// Unwrap gives the cause.
func (e *FetchError) Unwrap() error { return e.Err }

const (
	defaultWithin  = time.Minute
	fetchAttempts  = 3
	fetchRedirects = 5
	maxAddress     = 8 << 10
	maxHost        = 255
	maxFetchHeader = 64 << 10
)

// Fetch reads an address, of http or https, and keeps at most limit bytes. A *FetchError can be
// told to the client; it wraps a *TooLargeError or *AddressError where that is the reason. Errors
// of any other type are ours: the spool's, or the end of the context.
func (f Fetcher) Fetch(ctx context.Context, address string, limit int64) (Fetched, error) {
	u, err := readAddress(address)
	if err != nil {
		return Fetched{}, err
	}
	within := cmp.Or(f.Within, defaultWithin)
	bounded, cancel := context.WithTimeoutCause(ctx, within, &TimeoutError{After: within})
	defer cancel()
	transport := f.transport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: followFetch}
	for n := 1; ; n++ {
		got, err := f.attempt(bounded, client, u, limit)
		switch {
		case err == nil:
			return got, nil
		case ctx.Err() != nil:
			return Fetched{}, context.Cause(ctx)
		case n == fetchAttempts || !worthFetching(bounded, err):
			return Fetched{}, explain(bounded, u.Host, err)
		}
		if new(Client).Pause(bounded, n) != nil {
			return Fetched{}, explain(bounded, u.Host, err)
		}
	}
}

// transport makes the transport of one fetch. Addresses are many and rarely the same, so no
// connection is kept.
func (f Fetcher) transport() *http.Transport {
	t := f.Guard.Transport()
	t.DisableKeepAlives, t.ForceAttemptHTTP2 = true, false
	t.MaxResponseHeaderBytes = maxFetchHeader
	if f.dial != nil {
		t.DialContext = f.dial
	}
	return t
}

// attempt reads the address once.
func (f Fetcher) attempt(ctx context.Context, client *http.Client, u *url.URL, limit int64) (Fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Fetched{}, err
	}
	req.Header.Set("User-Agent", "Kladka")
	req.Header.Set("Accept", "*/*")
	// What comes is what counts against the limit, and the file is wanted as it is.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := client.Do(req)
	if err != nil {
		return Fetched{}, err
	}
	defer func() { _ = resp.Body.Close() }() // what matters was read; there is nothing to flush
	encoding := resp.Header.Get("Content-Encoding")
	switch {
	case resp.StatusCode != http.StatusOK:
		return Fetched{}, statusError(resp.StatusCode)
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return Fetched{}, refusal("it answers in a compressed form that was not asked for")
	case resp.ContentLength > limit:
		return Fetched{}, &TooLargeError{Limit: limit}
	}
	kept, err := f.Spool.Keep(resp.Body, limit)
	if err != nil {
		return Fetched{}, err
	}
	declared, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		declared = ""
	}
	return Fetched{Spooled: kept, ContentType: declared}, nil
}

// statusError is a status that is not 200.
type statusError int

func (e statusError) Error() string { return "it answered " + strconv.Itoa(int(e)) }

// refusal is what is wrong with an address, or with what stands there.
type refusal string

func (e refusal) Error() string { return string(e) }

// readAddress reads an address that a user gave. Where it leads is the guard's business; here it is
// refused what different readers might understand differently.
func readAddress(address string) (*url.URL, error) {
	no := func(host, reason string) (*url.URL, error) { return nil, &FetchError{Host: host, Reason: reason} }
	if len(address) > maxAddress {
		return no("", fmt.Sprintf("it is longer than %d bytes", maxAddress))
	}
	if strings.ContainsRune(address, '\\') {
		return no("", "it contains a backslash")
	}
	u, err := url.Parse(address)
	if err != nil {
		return no("", "it is no address of the form https://host/path")
	}
	if len(u.Host) > maxHost {
		return no("", "its host is too long")
	}
	if reason := judgeAddress(u); reason != "" {
		return no(u.Host, reason)
	}
	return u, nil
}

// judgeAddress says what is wrong with an address; empty for nothing.
func judgeAddress(u *url.URL) string {
	if u.Scheme != "http" && u.Scheme != "https" {
		return "only http and https are read"
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return "it names no host"
	}
	if u.User != nil {
		return "it must not contain a user name or password"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "its port is none"
		}
	}
	return ""
}

// followFetch judges a redirect as the first address was. The guard will judge where it leads.
func followFetch(req *http.Request, via []*http.Request) error {
	// It would hand the query of a signed address to a stranger.
	req.Header.Del("Referer")
	if len(via) > fetchRedirects {
		return refusal(fmt.Sprintf("it redirects more than %d times", fetchRedirects))
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme == "http" {
		return refusal("it redirects from https to http")
	}
	if reason := judgeAddress(req.URL); reason != "" {
		return refusal("it redirects to an address that cannot be used: " + reason)
	}
	return nil
}

// worthFetching reports whether an error may be gone in a moment: a busy server or a broken
// connection. What net/http says of answers that are none stays.
func worthFetching(ctx context.Context, err error) bool {
	if status, ok := errors.AsType[statusError](err); ok {
		return passing(int(status))
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return false
	}
	return broken(err) && worthRepeating(ctx, err)
}

// broken reports whether an error is that of a connection.
func broken(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// explain puts an error into words for the client; our own stay as they are.
func explain(ctx context.Context, host string, err error) error {
	if _, ours := errors.AsType[*SpoolError](err); ours {
		return err
	}
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err // its text has the whole address
	}
	return &FetchError{Host: host, Reason: reasonOf(ctx, err), Err: err}
}

func reasonOf(ctx context.Context, err error) string {
	if late, ok := errors.AsType[*TimeoutError](context.Cause(ctx)); ok {
		return late.Error()
	}
	if large, ok := errors.AsType[*TooLargeError](err); ok {
		return large.Error()
	}
	if forbidden, ok := errors.AsType[*AddressError](err); ok {
		return "it leads where nobody may be sent: " + forbidden.Reason // what a name resolves to stays here
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return status.Error()
	}
	if refused, ok := errors.AsType[refusal](err); ok {
		return refused.Error()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not valid"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name cannot be resolved"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "no connection could be made"
	}
	if broken(err) {
		return "the connection broke"
	}
	return "it gave no proper answer"
}
