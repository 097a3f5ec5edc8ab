// Package web serves the pages that people see: the connect pages of package connect, with their styles,
// scripts and words. Everything is embedded; the pages work in a frame, without cookies and without scripts.
//
// All state is in the address and in forms: the link's token, the attempt, the tool and the language. So
// every step can be reloaded, left and opened again, by any process. A step that the link is not at leads to
// the one where it is. Scripts only improve what works without them.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// Bounds of what comes in.
const (
	maxForm  = 256 << 10 // a mapping of very many fields
	maxValue = 4 << 10   // one thing that was typed, or a token
)

// root is where the pages are mounted.
const root = "/connect"

// Deps is what the pages work with. All must be set.
type Deps struct {
	Page connect.Page
	// Tools are those whose guides can be read without a link.
	Tools []connector.Tool
	Log   *slog.Logger
	Now   func() time.Time
	// PublicURL is under what address the server is seen; only its path matters here.
	PublicURL string
	// Version is told where something went wrong inside.
	Version string
}

type server struct {
	Deps
	base      string // the path before /connect, where a proxy adds one
	languages languages
	pages     map[string]*template.Template
	assets    map[string]asset
}

// asset is a file whose address changes with its content, so it can be kept for ever.
type asset struct {
	address, contentType string
	content              []byte
}

//go:embed pages assets words
var files embed.FS

// policy allows what is served here and pictures within pages, and everybody to frame them.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors *"

// New makes the handler of /connect and everything below it.
func New(d Deps) (http.Handler, error) {
	s := &server{Deps: d}
	public, err := url.Parse(d.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("read the public address: %w", err)
	}
	s.base = strings.TrimSuffix(public.Path, "/")
	if s.languages, err = loadLanguages(); err != nil {
		return nil, err
	}
	if s.pages, err = loadPages(); err != nil {
		return nil, err
	}
	if s.assets, err = loadAssets(s.base); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for pattern, step := range map[string]func(*visitor) error{
		"GET " + root:                   s.start,
		"GET " + root + "/{$}":          s.start,
		"GET " + root + "/form":         s.form,
		"POST " + root + "/form":        s.submit,
		"GET " + root + "/check":        s.check,
		"GET " + root + "/confirm":      s.confirm,
		"POST " + root + "/confirm":     s.finish,
		"GET " + root + "/done":         s.done,
		"GET " + root + "/cancelled":    s.cancelled,
		"GET " + root + "/guide/{tool}": s.manual,
	} {
		mux.Handle(pattern, s.serve(pattern, step))
	}
	mux.HandleFunc("GET "+root+"/assets/{hash}/{file}", s.asset)
	mux.Handle("/", s.serve("unknown", func(*visitor) error { return errUnknown }))
	return mux, nil
}

func loadPages() (map[string]*template.Template, error) {
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, name := range names {
		name = path.Base(name)
		if name == "layout.html" || name == "parts.html" {
			continue
		}
		t, err := template.New("layout.html").ParseFS(files, "pages/layout.html", "pages/parts.html", "pages/"+name)
		if err != nil {
			return nil, fmt.Errorf("read the page %s: %w", name, err)
		}
		pages[strings.TrimSuffix(name, ".html")] = t
	}
	return pages, nil
}

func loadAssets(base string) (map[string]asset, error) {
	assets := map[string]asset{}
	for name, contentType := range map[string]string{"connect.css": "text/css; charset=utf-8", "connect.js": "text/javascript; charset=utf-8"} {
		content, err := files.ReadFile("assets/" + name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		assets[name] = asset{base + root + "/assets/" + hex.EncodeToString(sum[:6]) + "/" + name, contentType, content}
	}
	return assets, nil
}

func (s *server) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("file")]
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !ok || s.base+r.URL.Path != a.address {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, r.PathValue("file"), time.Time{}, bytes.NewReader(a.content))
}

// errUnknown means that there is no such page.
var errUnknown = errors.New("there is no such page")

// errTooLarge means that a form is larger than any that a page here could send.
var errTooLarge = errors.New("the form is too large")

// serve makes a handler of a step: it reads the form, and shows the page for the error that the step ends with.
func (s *server) serve(route string, step func(*visitor) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		v := &visitor{server: s, w: &recorder{ResponseWriter: w}, r: r, id: trail.NewID(), ctx: r.Context()}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer") // tokens are in addresses
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Robots-Tag", "noindex")
		h.Set("X-Request-Id", v.id)
		err := v.read()
		if err == nil {
			err = s.safely(v, step)
		}
		if err != nil {
			err = v.refuse(err)
		}
		level, attrs := slog.LevelInfo, []slog.Attr{
			slog.String("id", v.id), slog.String("route", route), slog.Int("status", v.w.status), slog.Duration("took", s.Now().Sub(began)),
		}
		if v.Link.ID != "" {
			attrs = append(attrs, slog.String("link", v.Link.ID))
		}
		if err != nil {
			level, attrs = slog.LevelError, append(attrs, slog.Any("error", err))
		}
		s.Log.LogAttrs(r.Context(), level, "connect page", attrs...)
	})
}

// safely turns a panic into an error, so that people see a page that says what to do.
func (s *server) safely(v *visitor, step func(*visitor) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return step(v)
}

// refuse shows the page for an error. It gives back only what somebody should look at.
func (v *visitor) refuse(err error) error {
	for _, known := range []struct {
		err    error
		name   string
		status int
	}{
		{errUnknown, "unknown", http.StatusNotFound},
		{errTooLarge, "too_large", http.StatusRequestEntityTooLarge},
		{connect.ErrInvalid, "invalid", http.StatusNotFound},
		{connect.ErrExpired, "expired", http.StatusGone},
		{connect.ErrRevoked, "revoked", http.StatusGone},
		{connect.ErrCompleted, "completed", http.StatusOK},
		{connect.ErrReplaced, "replaced", http.StatusConflict},
		{store.ErrNotFound, "replaced", http.StatusConflict},
	} {
		if errors.Is(err, known.err) {
			return v.show(known.status, "refused", refusal{Name: known.name, CompletedAt: v.Link.CompletedAt})
		}
	}
	return errors.Join(err, v.show(http.StatusInternalServerError, "refused", refusal{Name: "internal", RequestID: v.id, Version: v.Version}))
}

// refusal is a page that says why it does not go on, and what to do.
type refusal struct {
	Name               string
	RequestID, Version string
	CompletedAt        *int64
}

// recorder notes the status that was answered.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
