// Package traffit connects TRAFFIT: it reads a tenant through the Integration API v2 and the
// public feed of job posts, folds what it read into unified records, and carries out actions.
//
// What TRAFFIT answers is only partly documented. A comment names the evidence where it
// matters: "documented" (the public documentation says so), "seen" (observed on a real
// tenant), "told" (by a summary of the documentation, or by another client's code), "guess" (ours;
// nobody confirmed it). Where several forms are possible, all are read, and writes try one after the
// other.
package traffit

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// Slug is the connector's name in IDs and addresses.
const Slug = "traffit"

// DefaultURL is where tenants live. The documentation prints the host with a leading "www.",
// whose certificate does not cover it (seen).
const DefaultURL = "https://{tenant}.traffit.com"

// revision changes with every change of the folds that changes records.
const revision = "1"

// The keys of the credentials.
const (
	credentialTenant = connector.AccountCredential
	credentialID     = "client_id"
	credentialSecret = "client_secret"
)

// Options says where TRAFFIT is.
type Options struct {
	// URL is the address of a tenant, with {tenant} in place of its name. Empty is DefaultURL; an
	// address without {tenant} points to a simulator or a proxy that serves one tenant.
	URL string
}

// New makes the connector.
func New(o Options) connector.Connector {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	return &traffit{url: o.URL}
}

type traffit struct{ url string }

// Credentials lists what a connection needs. An administrator of the tenant makes client and
// secret in TRAFFIT's settings; the secret is shown once.
func (*traffit) Credentials() []connector.Credential {
	return []connector.Credential{
		{Key: credentialTenant, Label: "Tenant (the name before .traffit.com)"},
		{Key: credentialID, Label: "Client ID"},
		{Key: credentialSecret, Label: "Client secret", Secret: true},
	}
}

// Revision names the version of the folds.
func (*traffit) Revision() string { return revision }

// Connect prepares access to a tenant.
func (t *traffit) Connect(cfg connector.Config) (connector.Tenant, error) {
	name, err := tenantName(cfg.Credentials[credentialTenant])
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(strings.TrimRight(strings.ReplaceAll(t.url, "{tenant}", name), "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("the address of TRAFFIT is %q; it must look like %s", t.url, DefaultURL)
	}
	id := strings.TrimSpace(cfg.Credentials[credentialID])
	secret := strings.TrimSpace(cfg.Credentials[credentialSecret])
	if id == "" || secret == "" {
		missing := credentialID
		if id != "" {
			missing = credentialSecret
		}
		return nil, &inputError{credential: missing, message: "client ID and client secret are needed: an administrator makes them in TRAFFIT under Settings, Integrations, API"}
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var wanted []string
	for _, p := range permissions(cfg.Scopes) {
		wanted = append(wanted, p.Name)
	}
	c := &client{
		base: base, tenant: name, id: id, secret: secret,
		http:  &outbound.Client{Transport: cfg.Transport, Now: cfg.Now},
		brief: &outbound.Client{Transport: cfg.Transport, Now: cfg.Now, Attempts: 2},
		writes: &outbound.Client{
			Transport: cfg.Transport, Now: cfg.Now, Attempts: 1, AttemptTimeout: writeTimeout, Redirect: stay,
			MaxWait: math.MaxInt64, // every answer is handed on, whatever it asks for: its status says what has happened
		},
		habits: newHabits(), wanted: wanted,
		now: cfg.Now, log: cfg.Log,
	}
	if cfg.Confirmed["sort.spelling"] == "documented" {
		c.spelling = slices.Index(spellings, byIDPublic)
	}
	c.tokens = &tokens{fetch: c.fetchToken, now: cfg.Now}
	return &tenant{
		client: c, scopes: cfg.Scopes, confirmed: cfg.Confirmed, fileLabels: cfg.FileLabels,
		ownFields: &remembered[[]employeeField]{}, ownLabels: &remembered[map[connector.FileType]string]{}, tagForm: newTagForm(),
	}, nil
}

// writeTimeout bounds one write: after it there must be time to find out what became of it before
// the client's patience is over.
const writeTimeout = 90 * time.Second

// stay follows no redirect.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// tenant is one customer's TRAFFIT.
type tenant struct {
	*client
	scopes     ats.Scopes
	confirmed  map[string]string                          // variants by detail, as a probe found them
	fileLabels map[connector.FileType]string              // the tenant's words for types of files
	ownFields  *remembered[[]employeeField]               // of candidates
	ownLabels  *remembered[map[connector.FileType]string] // those of its dictionary
	tagForm    *tagForm
}

// The connector's words for the things in TRAFFIT.
const (
	user           = "user"
	role           = "role"
	dictionary     = "dictionary"
	dictionaryItem = "dictionary_item"
	workflow       = "workflow"
	state          = "state"
	pipelines      = "pipelines" // one unit, "all": the order of all states
	recruitment    = "recruitment"
	rejection      = "rejection" // a reason that can be given
	employee       = "employee"
	tag            = "tag"
	application    = "application"
	rejected       = "rejected" // the reason that was given at one moment
)

// The kinds of parts.
const (
	kindList       = "list"
	kindDetail     = "detail"
	kindAdvert     = "advert"
	kindSource     = "source"
	kindMove       = "move"
	kindTags       = "tags"
	kindRejections = "rejections"
	kindActivity   = "activity"
	kindUsers      = "users"     // of a role, from the list of users
	kindCandidate  = "candidate" // of a tag, from a candidate's tags
)

var (
	allPipelines    = connector.Unit{Entity: pipelines, ID: "all"}
	responsibleRole = connector.Unit{Entity: role, ID: "responsible_person"}
)

// unit is short for a connector.Unit.
func unit(entity, id string) connector.Unit { return connector.Unit{Entity: entity, ID: id} }

// ref makes a pointer; models take those for everything that may be null.
func ref[T any](v T) *T { return &v }
