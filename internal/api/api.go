// Package api serves /v1: the recruiting data of all integrations, actions in their ATS, and the
// operations that manage them.
//
// A request goes through the middleware (New has it in order), then to a route (routes.go has
// them all), then to a handler that parses, calls and answers. Handlers are plain functions from
// an input struct to an output struct. Only register.go and errors.go know the library that
// turns them into HTTP and into the OpenAPI document. Lists go out as the store spliced them,
// without being decoded or encoded here. Operations that ask the ATS while the client waits are
// live (live.go): files are taken out of their bodies, and they need one of the integration's slots.
package api

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// Bounds of a request.
const (
	requestTimeout = 60 * time.Second
	maxBody        = 1 << 20
)

// Deps is what the API works with. All must be set unless the field says otherwise.
type Deps struct {
	Store     Store
	StartSync StartSync
	// Tools describes the connectors, nothing of their details confirmed.
	Tools []connector.Tool
	// Actions changes things in an ATS, Open reads live from it.
	Actions Actions
	Open    Open
	// Connect makes links for customers, and says what came of them.
	Connect connect.Links
	// Spool keeps files that come with requests; Fetch gets those for passthrough that stand at an
	// address, of at most limit bytes.
	Spool *outbound.Spool
	Fetch func(ctx context.Context, url string, limit int64) (outbound.Fetched, error)
	// MaxFile is how many bytes one file may have; 0 means DefaultMaxFile.
	MaxFile int64
	// Uploads knows as what files were uploaded; nil: nothing is known.
	Uploads Uploads
	// Links seals what download addresses say.
	Links Sealer
	// RemoteData reads raw rows for integrations that serve them; nil: remote_data stays null.
	RemoteData func(i store.Integration) store.RemoteData
	// Ready reports whether requests can be served; nil means always.
	Ready func(ctx context.Context) error
	// Metrics serves /metrics; nil: there is no such page.
	Metrics http.Handler
	// Trail keeps the request log; nil: there is none.
	Trail *trail.Recorder

	Now func() time.Time
	Log *slog.Logger
	// Version is the program's, PublicURL the address under which clients reach it.
	Version, PublicURL string
	// EnvironmentID tells installations apart for clients of several.
	EnvironmentID string
	// DeleteAfter is how long the data of deleted integrations are kept.
	DeleteAfter time.Duration
	// RPM bounds the requests per key and minute; 0 means no bound.
	RPM int
}

// Store is what the API reads and changes; store.Store is one. What does not exist is
// store.ErrNotFound.
type Store interface {
	Records
	Integrations
	ScopeConfigs
	Fields
	Runs
	Keys
	Requests
}

// Records reads records.
type Records interface {
	Page(ctx context.Context, q store.Query) (store.Page, error)
	// Loaded tells which models of an integration are readable, and since when.
	Loaded(ctx context.Context, no int64) (map[ats.Model]ats.Time, error)
}

// Integrations reads and manages integrations. Removed ones do not exist.
type Integrations interface {
	Integration(ctx context.Context, id string) (store.Integration, error)
	IntegrationByNo(ctx context.Context, no int64) (store.Integration, error)
	Integrations(ctx context.Context, after int64, limit int) ([]store.Integration, error)
	// Duplicates gives, by number, the other integrations of the same accounts.
	Duplicates(ctx context.Context, nos []int64) (map[int64][]string, error)
	SetEnabled(ctx context.Context, no int64, enabled bool) error
	SetOnlyCreated(ctx context.Context, no int64, on bool) error
	SetRemoteData(ctx context.Context, no int64, on bool) error
	SetScopeConfig(ctx context.Context, no int64, id string) error
	RemoveIntegration(ctx context.Context, no int64, after time.Duration) error
}

// ScopeConfigs reads and changes scope configurations. They are never deleted.
type ScopeConfigs interface {
	ScopeConfigs(ctx context.Context) ([]store.ScopeConfig, error)
	ScopeConfig(ctx context.Context, id string) (store.ScopeConfig, error)
	AddScopeConfig(ctx context.Context, name string, config ats.ScopeConfig) (store.ScopeConfig, error)
	UpdateScopeConfig(ctx context.Context, id, name string, config ats.ScopeConfig) (store.ScopeConfig, error)
	SetDefaultScopeConfig(ctx context.Context, id string) error
}

// Fields reads and changes the fields of an integration. Lists are in the order of IDs.
type Fields interface {
	IntegrationFields(ctx context.Context, no int64, after string, limit int) ([]store.IntegrationField, error)
	IntegrationField(ctx context.Context, no int64, id string) (store.IntegrationField, error)
	SetPassthrough(ctx context.Context, no int64, id string, on bool) (store.IntegrationField, error)
	CustomFields(ctx context.Context, no int64, after string, limit int) ([]store.CustomField, error)
	CustomField(ctx context.Context, no int64, id string) (store.CustomField, error)
	MapCustomField(ctx context.Context, no int64, id string, fieldID *string) error
	AddCustomField(ctx context.Context, f store.CustomField) (store.CustomField, error)
	RemoveCustomField(ctx context.Context, id string) error
	// FindIntegrationFields gives the fields of a model with an ID or a key.
	FindIntegrationFields(ctx context.Context, no int64, m ats.Model, named string) ([]store.IntegrationField, error)
	Remappings(ctx context.Context, no int64) ([]store.Remapping, error)
	Remap(ctx context.Context, no int64, m ats.Model, field string, sources []string) error
}

// Runs shows syncs.
type Runs interface {
	Run(ctx context.Context, id string) (store.Run, error)
	Runs(ctx context.Context, no int64, before *store.Run, limit int) ([]store.Run, error)
	Steps(ctx context.Context, run string) ([]store.RunStep, error)
}

// Keys recognises API keys. The look-up is by hash, so that its time says nothing about how much
// of a key was right.
type Keys interface {
	KeyByPlain(ctx context.Context, plain string) (store.APIKey, error)
}

// Requests shows the request log.
type Requests interface {
	Requests(ctx context.Context, q store.RequestQuery) ([]store.Request, error)
	Request(ctx context.Context, id string) (store.Request, error)
	RequestsFor(ctx context.Context, r store.Request, limit int) ([]store.Request, error)
}

// StartSync queues a sync, unless one of its type is active already: then it gives that one and true.
type StartSync func(ctx context.Context, i store.Integration, typ store.RunType, cause string) (run store.Run, already bool, err error)

//go:embed assets
var assets embed.FS

// server holds what handlers share.
type server struct {
	Deps
	tools map[string]connector.Tool
	doc   []byte
}

// New makes the handler of /v1, /files, /logs, /openapi.json, /healthz, /readyz, /metrics and /assets.
func New(d Deps) (http.Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.MaxFile <= 0 {
		d.MaxFile = DefaultMaxFile
	}
	d.PublicURL = strings.TrimRight(d.PublicURL, "/")
	s := &server{Deps: d, tools: map[string]connector.Tool{}}
	for _, t := range d.Tools {
		s.tools[t.Slug] = t
	}
	mux := http.NewServeMux()
	r := newRegistrar(mux, d.Version, d.PublicURL, s.fail)
	s.routes(r)
	var err error
	if s.doc, err = r.finish(); err != nil {
		return nil, fmt.Errorf("build the OpenAPI document: %w", err)
	}
	compress, err := compression()
	if err != nil {
		return nil, err
	}
	// Read from the inside out: what stands last sees the request first.
	h := s.routed(mux)
	h = s.named(h)
	h = s.limited(h)
	h = s.authenticated(h)
	h = timed(h)
	h = s.recovered(h)
	h = s.recorded(h)
	h = compress(h)
	h = matched(mux, r.operations, h)
	return s.logged(h), nil
}

// fail turns an error into its answer and keeps what the client must not see for the log.
func (s *server) fail(ctx context.Context, class class, err error) *failure {
	f := toFailure(ctx, class, err)
	infoOf(ctx).err = err
	if f.Detail.Code == ats.RemoteInputInvalid {
		infoOf(ctx).err = errors.New("the ATS did not want the input") // its words may quote it
	}
	return f
}
