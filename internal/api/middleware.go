package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// info is what is learned about a request on its way. Inner layers fill it, the log reads it.
type info struct {
	id          string
	route       string // the pattern; empty when there is none for the request
	op          operation
	unrouted    http.Handler // what answers a request without a route
	key         string
	integration store.Integration // with an empty ID: none
	logURL      string            // where the log entry is to be read; empty: nowhere
	err         error
}

type infoKey struct{}

// infoOf gives the request's info; outside a request an empty one.
func infoOf(ctx context.Context) *info {
	if i, ok := ctx.Value(infoKey{}).(*info); ok {
		return i
	}
	return &info{}
}

// logged gives every request an ID and writes one line about it. The line holds the route, not
// the address: that may carry tokens and, in its query, people's names.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := &info{id: trail.NewID()}
		rec := &recorder{ResponseWriter: w}
		began := s.Now()
		rec.Header().Set("X-Request-Id", i.id)
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), infoKey{}, i)))
		level, attrs := slog.LevelInfo, []slog.Attr{
			slog.String("id", i.id), slog.String("method", shorten(r.Method)), slog.String("route", i.route), slog.Int("status", rec.status()),
			slog.Int64("bytes", rec.written), slog.Duration("took", s.Now().Sub(began)),
		}
		if i.key != "" {
			attrs = append(attrs, slog.String("key", i.key))
		}
		if i.integration.ID != "" {
			attrs = append(attrs, slog.String("integration", i.integration.ID))
		}
		if i.err != nil {
			attrs = append(attrs, slog.Any("error", i.err))
		}
		if rec.status() >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.Log.LogAttrs(r.Context(), level, "request", attrs...)
	})
}

// matched finds the route of a request: it decides how long the request may take.
func matched(mux *http.ServeMux, operations map[string]operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tidy(r.URL.EscapedPath()) {
			i := infoOf(r.Context())
			i.unrouted, i.route = mux.Handler(r)
			i.op = operations[i.route]
		}
		next.ServeHTTP(w, r)
	})
}

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	code    int
	written int64
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.written += int64(n)
	return n, err
}

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// compression packs answers above a kilobyte for clients that accept it. There are no entity
// tags: a page is cheap to make, clients ask with updated_after, and a tag over a page would have
// to be computed from all that it embeds.
func compression() (func(http.Handler) http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.EnableZstd(true), gzhttp.PreferZstd(false))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	return func(h http.Handler) http.Handler { return wrap(h) }, nil
}

// recovered answers a panic like any other internal error. Once the answer has begun, nothing
// but breaking the connection tells the client that it is not whole.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			err, ok := p.(error)
			if !ok {
				err = fmt.Errorf("%v", p)
			}
			infoOf(r.Context()).err = fmt.Errorf("panic: %w", err)
			if r.Context().Err() == nil {
				s.Log.ErrorContext(r.Context(), "panic", "id", infoOf(r.Context()).id, "panic", err, "stack", string(debug.Stack()))
			}
			if rec.code != 0 {
				panic(http.ErrAbortHandler)
			}
			for _, name := range []string{"Content-Length", "Content-Encoding"} {
				w.Header().Del(name)
			}
			write(w, toFailure(r.Context(), general, infoOf(r.Context()).err))
		}()
		next.ServeHTTP(rec, r)
	})
}

// timed bounds the work on a request. Reads come from our own store: one that takes this long is
// better asked again with a smaller page. Live requests have bounds of their own within theirs.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), infoOf(r.Context()).op.within())
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// routed answers what the mux would answer in plain text: unknown paths, wrong methods, and
// addresses that it would redirect to a tidier form, which clients of an API do not expect.
func (s *server) routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := infoOf(r.Context())
		if i.route != "" {
			found := received(i.op, mux)
			if i.op.live {
				found = s.live(i.op, found)
			}
			found.ServeHTTP(w, r)
			return
		}
		status, allow := http.StatusNotFound, ""
		if i.unrouted != nil {
			probe := probe{header: http.Header{}}
			i.unrouted.ServeHTTP(&probe, r)
			status, allow = probe.status, probe.header.Get("Allow")
		}
		f := newFailure(ats.InputInvalid, fmt.Sprintf("%s %s is not available in this version of Kladka; /openapi.json lists what is.", shorten(r.Method), shorten(r.URL.EscapedPath())))
		f.http = http.StatusNotFound
		if status == http.StatusMethodNotAllowed {
			f.http = status
			w.Header().Set("Allow", allow)
			f.Detail.Message = fmt.Sprintf("This address does not answer %s, only %s.", shorten(r.Method), allow)
		}
		write(w, located(r.Context(), f))
	})
}

// received reads the body of a request before anything else looks at it, so that what goes wrong
// on the way is the client's to know. How long it may take is the server's ReadTimeout, for files
// uploadWithin; the work that follows is not bound by it.
func received(op operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		body, err := receive(op, w, r)
		if err != nil {
			infoOf(r.Context()).err = fmt.Errorf("read the body: %w", err)
			w.Header().Set("Connection", "close") // what is left of the body is not worth reading
			write(w, located(r.Context(), unread(r.Context(), err)))
			return
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // there is none where there is no connection
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// receive reads a body, without the files that it may bring.
func receive(op operation, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := int64(maxBody)
	if len(op.files) > 0 {
		limit = callOf(r.Context()).contents.maxUpload()
	}
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	in := http.MaxBytesReader(w, r.Body, limit)
	if len(op.files) > 0 {
		return sift(in, callOf(r.Context()).contents, op.files, maxBody)
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(in)
	return body.Bytes(), err
}

// unread tells why a body could not be read.
func unread(ctx context.Context, err error) *failure {
	f := newFailure(ats.InputInvalid, "body: broke off or was sent wrongly; send it again")
	large, isLarge := errors.AsType[*http.MaxBytesError](err)
	rest, isRest := errors.AsType[*restTooLarge](err)
	_, full := errors.AsType[*outbound.SpoolError](err)
	switch {
	case isLarge:
		f.Detail.Message, f.http = fmt.Sprintf("body: must have at most %d bytes", large.Limit), http.StatusRequestEntityTooLarge
	case isRest:
		f.Detail.Message, f.http = fmt.Sprintf("body: must have at most %d bytes beside its files", rest.limit), http.StatusRequestEntityTooLarge
	case full:
		f = toFailure(ctx, general, err)
	case errors.Is(err, errJSON):
		f.Detail.Message = "body: must be JSON; a text in it breaks off or is written wrongly"
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.Detail.Message, f.http = "body: took too long to arrive; send it again", http.StatusRequestTimeout
	}
	return f
}

func tidy(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/"
}

// probe asks a handler for its status and headers.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// write sends a failure.
func write(w http.ResponseWriter, f *failure) {
	body, err := marshal(f)
	if err != nil { // it holds strings only
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.http)
	_, _ = w.Write(body) // the client may be gone
}

// versioned reports whether a path belongs to the API proper, which needs a key.
func versioned(p string) bool {
	return (p == "/v1" || strings.HasPrefix(p, "/v1/")) && p != "/v1/openapi.json"
}
