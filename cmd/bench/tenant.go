package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kladka/kladka/internal/sandbox"
)

// tenantSize is how large a tenant is.
type tenantSize struct{ Candidates, Recruitments int }

type tenantConfig struct {
	tenantSize
	Latency time.Duration
}

// request is one of the requests that a sync has to make: page of a listing, or one thing.
type request struct {
	Path       string
	Page, Size int
	Schema     bool
}

func requestOf(r *http.Request) request {
	q := request{Path: r.URL.Path, Schema: r.Header.Get("X-Response-Metadata") != ""}
	q.Page, _ = strconv.Atoi(r.Header.Get("X-Request-Current-Page"))
	q.Size, _ = strconv.Atoi(r.Header.Get("X-Request-Page-Size"))
	return q
}

func (q request) http(ctx context.Context, base string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+q.Path, nil)
	if err != nil {
		return nil, err
	}
	if q.Page > 0 {
		r.Header.Set("X-Request-Current-Page", strconv.Itoa(q.Page))
		r.Header.Set("X-Request-Page-Size", strconv.Itoa(q.Size))
	}
	if q.Schema {
		r.Header.Set("X-Response-Metadata", "true")
	}
	return r, nil
}

// step names the step of a sync to which a request belongs, as the product calls it.
func (q request) step() string {
	path, integration := strings.CutPrefix(q.Path, integrationAPI)
	switch {
	case q.Path == "/oauth2/token":
		return "token"
	case !integration:
		return "adverts"
	case q.Schema:
		return "fields"
	case strings.HasSuffix(path, "/tags"):
		return "tags"
	case strings.HasSuffix(path, "/rejections"):
		return "rejection reasons"
	}
	if s, ok := listings[path]; ok {
		return s
	}
	folder, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return details[folder]
}

const integrationAPI = "/api/integration/v2"

// The steps of a sync by the address that they read.
var (
	listings = map[string]string{
		"/users/": "users", "/dictionaries": "dictionaries", "/workflows": "workflows", "/recruitments/": "recruitments",
		"/employees/": "employees", "/employees/recruitment_history": "history", "/sources": "sources", "/employees/activities": "activities",
	}
	details = map[string]string{
		"dictionaries": "dictionary items", "workflows": "workflow details", "recruitments": "recruitment details",
		"employees": "deletions",
	}
)

// answer is what is kept of an answer of the simulator.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// stored collects an answer.
func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(s int)   { a.status = s }
func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// responder answers a tenant's requests from memory.
type responder struct {
	box     *sandbox.Sandbox
	latency time.Duration
	token   string
	// needed lists the requests that a first sync has to make, in the order of its steps.
	needed []request

	mu      sync.Mutex
	answers map[request]*answer
	counts  map[string]int // requests by step
	missed  int            // answers that were not there yet
}

// tenantReady is what a tenant process says when it can be asked.
type tenantReady struct {
	URL, ClientID, Secret string
}

// tenant simulates a TRAFFIT tenant whose answers were all made before the first request.
func tenant(ctx context.Context, config []byte, say func(any) error) (any, error) {
	var c tenantConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	base := "http://" + l.Addr().String()
	box, err := sandbox.New(sandbox.Config{
		Candidates: c.Candidates, Recruitments: c.Recruitments, Users: 40, Adverts: min(c.Recruitments, 60), PublicURL: base,
	})
	if err != nil {
		return nil, err
	}
	s := &responder{box: box, latency: c.Latency, answers: map[request]*answer{}, counts: map[string]int{}}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_bench/requests", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.needed)
	})
	mux.HandleFunc("POST /_bench/reorder", func(_ http.ResponseWriter, r *http.Request) { s.reorder(r.Context()) })
	mux.HandleFunc("POST /_bench/counts", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.counts["missed"] = s.missed
		_ = json.NewEncoder(w).Encode(s.counts)
		s.counts, s.missed = map[string]int{}, 0
	})
	mux.HandleFunc("/", s.answer)
	credentials := box.Credentials()
	if err := say(tenantReady{base, credentials.ClientID, credentials.ClientSecret}); err != nil {
		return nil, err
	}
	return nil, serveUntil(ctx, l, mux)
}

// serveUntil serves until the context ends.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// prepare makes the answers of a whole sync.
func (s *responder) prepare(ctx context.Context) error {
	c := s.box.Credentials()
	body, err := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": c.ClientID, "client_secret": c.ClientSecret})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/oauth2/token", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	a := &answer{header: http.Header{}}
	s.box.ServeHTTP(a, r)
	var grant struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &grant); err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	s.token = grant.Token

	for _, path := range []string{"/recruitments/", "/employees/"} {
		s.need(ctx, request{Path: integrationAPI + path, Page: 1, Size: 1, Schema: true})
	}
	s.list(ctx, integrationAPI+"/users/", 100)
	for _, o := range s.list(ctx, integrationAPI+"/dictionaries", 100) {
		s.need(ctx, request{Path: integrationAPI + "/dictionaries/" + o.id()})
	}
	for _, o := range s.list(ctx, integrationAPI+"/workflows", 100) {
		s.need(ctx, request{Path: integrationAPI + "/workflows/" + o.id()})
	}
	s.list(ctx, "/public/job_posts/published", 100)
	recruitments := s.list(ctx, integrationAPI+"/recruitments/", 100)
	for _, o := range recruitments {
		s.need(ctx, request{Path: integrationAPI + "/recruitments/" + o.id()})
	}
	employees := s.list(ctx, integrationAPI+"/employees/", 100)
	s.list(ctx, integrationAPI+"/employees/recruitment_history", 100)
	s.list(ctx, integrationAPI+"/sources", 50)
	for _, o := range recruitments {
		if closed, _ := o["is_closed"].(bool); !closed {
			s.need(ctx, request{Path: integrationAPI + "/recruitments/" + o.id() + "/rejections", Page: 1, Size: 100})
		}
	}
	for _, o := range employees {
		s.need(ctx, request{Path: integrationAPI + "/employees/" + o.id() + "/tags", Page: 1, Size: 100})
	}
	s.list(ctx, integrationAPI+"/employees/activities", 100)
	return nil
}

type row map[string]any

func (o row) id() string { return fmt.Sprint(o["id"]) }

// list needs all pages of a listing and gives the rows of those that others hang below.
func (s *responder) list(ctx context.Context, path string, size int) []row {
	var all []row
	parents := strings.HasSuffix(path, "/employees/") || !strings.Contains(path, "/employees/") && !strings.HasSuffix(path, "/sources")
	for n, pages := 1, 1; n <= pages; n++ {
		a := s.need(ctx, request{Path: path, Page: n, Size: size})
		pages, _ = strconv.Atoi(a.header.Get("X-Result-Total-Pages"))
		if !parents {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(a.body))
		d.UseNumber()
		var rows []row
		if d.Decode(&rows) == nil {
			all = append(all, rows...)
		}
	}
	return all
}

func (s *responder) need(ctx context.Context, q request) *answer {
	s.needed = append(s.needed, q)
	return s.render(ctx, q)
}

func (s *responder) render(ctx context.Context, q request) *answer {
	r, err := q.http(ctx, "")
	if err != nil {
		panic(err) // all addresses are ours
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	a := &answer{status: http.StatusOK, header: http.Header{}}
	s.box.ServeHTTP(a, r)
	a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[q] = a
	return a
}

// reorder makes the answers anew whose keys TRAFFIT writes in another order each time.
func (s *responder) reorder(ctx context.Context) {
	for _, q := range s.needed {
		if step := q.step(); step == "employees" || step == "recruitments" {
			s.render(ctx, q)
		}
	}
}

func (s *responder) answer(w http.ResponseWriter, r *http.Request) {
	if s.latency > 0 {
		time.Sleep(s.latency)
	}
	q := requestOf(r)
	s.mu.Lock()
	s.counts[q.step()]++
	a := s.answers[q]
	if a == nil && r.Method == http.MethodGet {
		s.missed++
	}
	s.mu.Unlock()
	if a == nil {
		s.box.ServeHTTP(w, r)
		return
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}
