package connect

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// Sealer seals texts for a place, and opens what it sealed; secret.Keyring is one.
type Sealer interface {
	Seal(plain []byte, place string) string
	Open(sealed, place string) ([]byte, error)
}

// Config of a Service. All must be set unless the field says otherwise.
type Config struct {
	Store *store.Store
	// Keys seals what customers enter.
	Keys Sealer
	// LinkKeys and ActivationKeys make the tokens of links and activation tokens. They are of this
	// installation's own, each for its purpose.
	LinkKeys, ActivationKeys Sealer
	Connectors               map[string]connector.Connector
	// Connect prepares access to an account that is not stored yet, with the scopes of an integration.
	Connect func(conn connector.Connector, credentials map[string]string, i store.Integration) (connector.Tenant, error)
	// Open gives access to an integration's account.
	Open func(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error)
	// Account gives one name to all ways of writing an account.
	Account func(typed string) string
	// Seal seals credentials for an integration.
	Seal func(id string, credentials map[string]string) (string, error)
	// Enqueue asks, within a transaction, for a run to be worked on after a delay.
	Enqueue func(ctx context.Context, tx *sql.Tx, run string, after time.Duration) error
	// PublicURL gives the address under which customers reach this server.
	PublicURL func() string
	// OnlyCreated is what counts for new integrations when the link says nothing.
	OnlyCreated bool
	// Within bounds a check.
	Within time.Duration
	// Trail keeps the request log; nil: there is none.
	Trail *trail.Recorder
	Log   *slog.Logger
	// Point is called at named points of the work; nil: nothing is. Tests end the process there.
	Point func(name string)
}

// Service makes links, and takes customers through them. It is safe for concurrent use.
type Service struct {
	Config

	base   context.Context // of the checks
	cancel context.CancelCauseFunc
	checks sync.WaitGroup
	slots  chan struct{} // one for each check under way
	places chan struct{} // one for each that is under way or waits
}

// The bounds of what customers and strangers can set in motion.
const (
	maxAttempts   = 20  // of one link within store.AttemptLife
	maxChecks     = 8   // under way at once
	maxWaiting    = 100 // with those that are under way
	maxCredential = 2000
	maxToken      = 1000
	maxText       = 500 // of an organization's name
	maxMappings   = 500
)

// errClosing is why a check ends when the process does.
var errClosing = errors.New("the server is stopping")

// New makes a service; Close ends it.
func New(c Config) *Service {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Point == nil {
		c.Point = func(string) {}
	}
	s := &Service{Config: c, slots: make(chan struct{}, maxChecks), places: make(chan struct{}, maxWaiting)}
	s.base, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Close breaks off the checks that are under way, and waits until that is written down.
func (s *Service) Close() error {
	s.cancel(errClosing)
	s.checks.Wait()
	return nil
}

func (s *Service) now() int64 { return s.Store.Now() }

// What tokens say, and the places that bind them to their purpose.
const (
	linkPlace       = "connect|link"
	activationPlace = "connect|activation"
)

type linkToken struct {
	Link  string `json:"l"`
	Until int64  `json:"u"` // milliseconds since the Unix epoch
}

type activationToken struct {
	Link        string `json:"l"`
	Integration string `json:"i"`
	Until       int64  `json:"u"`
}

// token makes a token.
func token(keys Sealer, place string, says any) (string, error) {
	plain, err := json.Marshal(says)
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return keys.Seal(plain, place), nil
}

// read reads a token. Whatever is wrong with it, it was not made here.
func read(keys Sealer, place, token string, into any) error {
	if len(token) > maxToken {
		return ErrInvalid
	}
	plain, err := keys.Open(token, place)
	if err != nil || json.Unmarshal(plain, into) != nil {
		return ErrInvalid
	}
	return nil
}

func linkOf(row store.Link) (Link, error) {
	l := Link{
		ID: row.ID, Kind: Kind(row.Kind), Type: LinkType(row.Type), Integration: row.Integration,
		CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt, CompletedAt: row.CompletedAt,
	}
	if err := json.Unmarshal(row.Settings, &l.Settings); err != nil {
		return l, fmt.Errorf("read the settings of link %s: %w", row.ID, err)
	}
	return l, nil
}

// Create makes a link and gives its address.
func (s *Service) Create(ctx context.Context, kind Kind, typ LinkType, i *store.Integration, settings LinkSettings) (Link, string, error) {
	settings.Email = lowerDomain(settings.Email)
	l := Link{ID: ats.NewID(), Kind: kind, Type: typ, Settings: settings, CreatedAt: s.now()}
	l.ExpiresAt = l.CreatedAt + typ.Valid().Milliseconds()
	if i != nil {
		l.Integration = i.No
	}
	if err := s.judge(ctx, l, i); err != nil {
		return Link{}, "", err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return Link{}, "", err
	}
	secret, err := token(s.LinkKeys, linkPlace, linkToken{l.ID, l.ExpiresAt})
	if err != nil {
		return Link{}, "", err
	}
	err = s.Store.AddLink(ctx, store.Link{
		ID: l.ID, Kind: string(kind), Type: string(typ), Integration: l.Integration, Settings: text, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	})
	if err != nil {
		return Link{}, "", err
	}
	return l, strings.TrimRight(s.PublicURL(), "/") + "/connect?token=" + secret, nil
}

// judge tells what is wrong with a link that is to be made, in the words of the API's body.
func (s *Service) judge(ctx context.Context, l Link, i *store.Integration) error {
	bad := func(field, format string, args ...any) error {
		return ats.Errorf(ats.InputInvalid, "body."+field+": "+format, args...)
	}
	set := l.Settings
	switch {
	case l.Type != Embedded && l.Type != MagicLink:
		return bad("link_type", "must be %s or %s, got %q", Embedded, MagicLink, l.Type)
	case set.Language != "" && !slices.Contains(connector.Languages(), set.Language):
		return bad("language", "must be one of %s, got %q", strings.Join(connector.Languages(), ", "), set.Language)
	case set.OnlyCreated != "" && !slices.Contains([]OnlyCreated{OnlyCreatedOn, OnlyCreatedOff, OnlyCreatedAsk}, set.OnlyCreated):
		return bad("only_created_applications", "must be on, off or ask, got %q", set.OnlyCreated)
	case l.Kind == Connect && !oneLine(set.Organization, maxText):
		return bad("end_user_organization_name", "must be one line of 1 to %d characters", maxText)
	case l.Kind == Connect && !emailLike(set.Email):
		return bad("end_user_email", "must be an e-mail address")
	case set.OriginID != nil && !oneLine(*set.OriginID, maxText):
		return bad("end_user_origin_id", "must be one line of 1 to %d characters", maxText)
	}
	if _, known := s.Connectors[set.Tool]; set.Tool != "" && !known {
		return bad("integration_tool", "must be one of %s, got %q", strings.Join(slices.Sorted(maps.Keys(s.Connectors)), ", "), set.Tool)
	}
	if set.ScopeConfig != "" {
		if _, err := s.Store.ScopeConfig(ctx, set.ScopeConfig); errors.Is(err, store.ErrNotFound) {
			return bad("scope_config_id", "there is no scope configuration %q", set.ScopeConfig)
		} else if err != nil {
			return err
		}
	}
	if l.Kind != Setup {
		return nil
	}
	custom, err := s.customFields(ctx, *i)
	if err == nil && len(custom) == 0 {
		return ats.Errorf(ats.InputInvalid, "There is nothing to set up: the setup maps custom fields, and none is defined. POST /v1/custom-fields or `kladka fields add` makes one.")
	}
	return err
}

// oneLine reports whether a text is one, and neither blank nor too long.
func oneLine(text string, most int) bool {
	return strings.TrimSpace(text) != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, unicode.IsControl)
}

// lowerDomain writes the domain of an address small.
func lowerDomain(address string) string {
	at := strings.LastIndexByte(address, '@') + 1
	return address[:at] + strings.ToLower(address[at:])
}

// emailPattern is what clients take for an e-mail address when they read it again.
var emailPattern = regexp.MustCompile(`^[\w'+,.-]*[\w+-]@([a-z\d][a-z\d-]*\.)+[a-z]{2,}$`)

func emailLike(text string) bool {
	const long = 254
	return len(text) <= long && emailPattern.MatchString(text) && !strings.HasPrefix(text, ".") && !strings.Contains(text, "..")
}

// List lists links, newest first, before a link.
func (s *Service) List(ctx context.Context, before *Link, limit int) ([]Link, error) {
	at, id := int64(1)<<62, ""
	if before != nil {
		at, id = before.CreatedAt, before.ID
	}
	rows, err := s.Store.Links(ctx, at, id, limit)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links := make([]Link, 0, len(rows))
	for _, row := range rows {
		l, err := linkOf(row)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

// Revoke makes a link useless; store.ErrNotFound when there is none.
func (s *Service) Revoke(ctx context.Context, id string) error { return s.Store.RevokeLink(ctx, id) }

// Visit opens a link by the token in its address.
func (s *Service) Visit(ctx context.Context, secret string) (Visit, error) {
	var t linkToken
	if err := read(s.LinkKeys, linkPlace, secret, &t); err != nil {
		return Visit{}, err
	}
	row, err := s.Store.Link(ctx, t.Link)
	if errors.Is(err, store.ErrNotFound) { // rows go long after their end, or with their integration
		if s.now() < t.Until {
			return Visit{}, ErrRevoked
		}
		return Visit{}, ErrExpired
	} else if err != nil {
		return Visit{}, err
	}
	l, err := linkOf(row)
	if err != nil {
		return Visit{}, err
	}
	switch v := (Visit{Link: l}); {
	case l.RevokedAt != nil:
		return v, ErrRevoked
	case s.now() >= l.ExpiresAt:
		return v, ErrExpired
	}
	v, err := s.visit(ctx, l)
	if err == nil && l.CompletedAt != nil {
		err = ErrCompleted
	}
	return v, err
}

// visit gathers what the pages of a link show.
func (s *Service) visit(ctx context.Context, l Link) (Visit, error) {
	v := Visit{Link: l}
	only := l.Settings.Tool
	if l.Integration != 0 {
		i, err := s.Store.IntegrationByNo(ctx, l.Integration)
		if errors.Is(err, store.ErrNotFound) {
			return v, ErrRevoked
		} else if err != nil {
			return v, err
		}
		v.Integration, v.Scopes, only = i, i.ScopeConfig.Config, i.Tool
	}
	if l.Integration == 0 || l.Settings.ScopeConfig != "" && l.CompletedAt == nil {
		c, err := s.Store.ScopeConfig(ctx, l.Settings.ScopeConfig)
		if err != nil {
			return v, err
		}
		v.Scopes = c.Config
	}
	for _, slug := range slices.Sorted(maps.Keys(s.Connectors)) {
		if only == "" || only == slug {
			v.Tools = append(v.Tools, s.Connectors[slug].Tool())
		}
	}
	if l.Kind == Setup || l.Settings.FieldMapping {
		custom, err := s.customFields(ctx, v.Integration)
		if err != nil {
			return v, err
		}
		allowed := v.Allowed()
		v.CustomFields = slices.DeleteFunc(custom, func(f store.CustomField) bool { return !allowed.Model(f.Model) })
	}
	return v, nil
}

// customFields lists the operator's fields, as an integration maps them.
func (s *Service) customFields(ctx context.Context, i store.Integration) ([]store.CustomField, error) {
	found, err := s.Store.CustomFields(ctx, i.No, "", maxMappings)
	if err != nil {
		return nil, fmt.Errorf("list the custom fields: %w", err)
	}
	return found, nil
}

// Guide tells how credentials for a tool are made.
func (s *Service) Guide(tool, language string, scopes ats.Scopes) (connector.Guide, []connector.Credential, []connector.Permission) {
	conn, known := s.Connectors[tool]
	if !known {
		return connector.Guide{}, nil, nil
	}
	return conn.Guide(language, scopes), conn.Credentials(), conn.Permissions(scopes)
}

// How long activation tokens are good for, how long after its end a completed link gives one, and how long
// one that was exchanged can be exchanged again: the answer may have been lost.
const (
	activationLasts = 15 * time.Minute
	reopenWithin    = 10 * time.Minute
	exchangeAgain   = time.Minute
)

// Exchange gives the integration behind an activation token.
func (s *Service) Exchange(ctx context.Context, secret string) (store.Integration, error) {
	var t activationToken
	if err := read(s.ActivationKeys, activationPlace, secret, &t); err != nil {
		return store.Integration{}, err
	}
	if s.now() >= t.Until {
		return store.Integration{}, ErrExpired
	}
	row, err := s.Store.Link(ctx, t.Link)
	if errors.Is(err, store.ErrNotFound) {
		return store.Integration{}, ErrRevoked
	} else if err != nil {
		return store.Integration{}, err
	}
	i, err := s.Store.IntegrationByNo(ctx, row.Integration)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Integration{}, ErrRevoked
	case err != nil:
		return store.Integration{}, fmt.Errorf("read the integration of link %s: %w", row.ID, err)
	case i.ID != t.Integration:
		return store.Integration{}, ErrInvalid
	}
	if err := s.Store.ExchangeLink(ctx, row.ID, exchangeAgain); errors.Is(err, store.ErrClosed) {
		return store.Integration{}, ErrCompleted
	} else if err != nil {
		return store.Integration{}, err
	}
	return i, nil
}

// Clean ends what nobody is at any more, and deletes what is too old.
func (s *Service) Clean(ctx context.Context) error {
	silent, err := s.Store.SilentAttempts(ctx, s.now()-silence.Milliseconds(), maxWaiting)
	if err != nil {
		return fmt.Errorf("look for checks that were broken off: %w", err)
	}
	for _, a := range silent {
		if _, err := s.interrupted(ctx, a); err != nil {
			return err
		}
	}
	return s.Store.PurgeLinks(ctx)
}

// byName orders fields for people.
func byName(a, b connector.Field) int {
	return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(cmp.Or(a.Label, a.Key), cmp.Or(b.Label, b.Key)), cmp.Compare(a.Key, b.Key))
}
