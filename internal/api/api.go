// Package api serves /v1: the recruiting data of all integrations, and the operations that
// manage them.
//
// A request goes through the middleware (New has it in order), then to a route (routes.go has
// them all), then to a handler that parses, calls and answers. Handlers are plain functions from
// an input struct to an output struct. Only register.go and errors.go know the library that
// turns them into HTTP and into the OpenAPI document. Lists go out as the store spliced them,
// without being decoded or encoded here.
package api

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Bounds of a request.
const (
	requestTimeout = 60 * time.Second
	maxBody        = 1 << 20
)

// Deps is what the API works with. All must be set unless the field says otherwise.
type Deps struct {
	Records      Records
	Integrations Integrations
	Keys         Keys
	Fields       Fields
	Syncs        Syncs
	// Tools describes the connectors.
	Tools []connector.Tool
	// RemoteData reads raw rows for integrations that serve them; nil: remote_data stays null.
	RemoteData func(in Integration) store.RemoteData
	// Ready reports whether requests can be served; nil means always.
	Ready func(ctx context.Context) error
	// Metrics serves /metrics; nil: there is no such page.
	Metrics http.Handler

	Now func() time.Time
	Log *slog.Logger
	// Version is the program's, PublicURL the address under which clients reach it.
	Version, PublicURL string
	// EnvironmentID tells installations apart for clients of several.
	EnvironmentID string
	// RPM bounds the requests per key and minute; 0 means no bound.
	RPM int
}

// Records reads records. store.Store is one.
type Records interface {
	Page(ctx context.Context, q store.Query) (store.Page, error)
	// Loaded tells which models of an integration are readable, and since when.
	Loaded(ctx context.Context, no int64) (map[ats.Model]ats.Time, error)
}

// Integration is a connected account as far as the API looks at it.
type Integration struct {
	No                     int64
	ID, Tool               string
	Status                 string // ACTIVE, INVALID, INACTIVE
	SetupStatus            string // INCOMPLETE, FINAL_SYNC_PENDING, COMPLETED
	OrganizationName       string
	CreatorEmail, OriginID *string
	CreatedAt              int64
	DataExpiredAt          *int64
	ServesRemoteData       bool
}

// Integrations reads and manages integrations. An unknown or deleted one is store.ErrNotFound.
type Integrations interface {
	Integration(ctx context.Context, id string) (Integration, error)
	IntegrationByNo(ctx context.Context, no int64) (Integration, error)
	// ListIntegrations gives at most limit living ones in the order of their numbers, beyond after.
	ListIntegrations(ctx context.Context, after int64, limit int) ([]Integration, error)
	SetEnabled(ctx context.Context, id string, enabled bool) error
	DeleteIntegration(ctx context.Context, id string) error
}

// Key is an API key that was recognised.
type Key struct{ ID, Name string }

// Keys recognises API keys; one that is unknown or revoked is store.ErrNotFound. The look-up is
// by hash, so that its time says nothing about how much of a key was right.
type Keys interface {
	Authenticate(ctx context.Context, secret string) (Key, error)
}

// IntegrationField is a vendor's field that may be passed through.
type IntegrationField struct {
	ID          string
	Model       ats.Model
	Key, Type   string
	Label       *string
	Passthrough bool
}

// CustomField is an operator's key and the vendor's field that it is mapped to, if any.
type CustomField struct {
	ID                 string
	Model              ats.Model
	Key                string
	Label, Description *string
	Mapped             *IntegrationField
}

// Fields reads and changes fields of an integration. An unknown one is store.ErrNotFound; one
// that does not fit is an ats.Error. Lists are in the order of IDs, beyond after.
type Fields interface {
	IntegrationFields(ctx context.Context, no int64, after string, limit int) ([]IntegrationField, error)
	SetPassthrough(ctx context.Context, no int64, fieldID string, on bool) (IntegrationField, error)
	CustomFields(ctx context.Context, no int64, after string, limit int) ([]CustomField, error)
	MapCustomField(ctx context.Context, no int64, customFieldID string, fieldID *string) (CustomField, error)
}

// Syncs starts and shows syncs. Reading is what store.Store does.
type Syncs interface {
	// StartSync queues a sync, unless one is active already: then it gives that one and true.
	StartSync(ctx context.Context, in Integration, typ store.RunType) (run store.Run, already bool, err error)
	Run(ctx context.Context, id string) (store.Run, error)
	Runs(ctx context.Context, no int64, before *store.Run, limit int) ([]store.Run, error)
	Steps(ctx context.Context, run string) ([]store.RunStep, error)
}

//go:embed assets
var assets embed.FS

// server holds what handlers share.
type server struct {
	Deps
	tools map[string]connector.Tool
	doc   []byte
}

// New makes the handler of /v1, /openapi.json, /healthz, /readyz, /metrics and /assets.
func New(d Deps) (http.Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Deps: d, tools: map[string]connector.Tool{}}
	for _, t := range d.Tools {
		s.tools[t.Slug] = t
	}
	mux := http.NewServeMux()
	r := newRegistrar(mux, d.Version, strings.TrimRight(d.PublicURL, "/"), s.fail)
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
	var h http.Handler = mux
	h = s.routed(mux, h)
	h = s.limited(h)
	h = s.authenticated(h)
	h = timed(h)
	h = s.recovered(h)
	h = compress(h)
	return s.logged(h), nil
}

// fail turns an error into its answer and keeps what the client must not see for the log.
func (s *server) fail(ctx context.Context, class class, err error) *failure {
	f := toFailure(ctx, class, err)
	infoOf(ctx).err = err
	return f
}
