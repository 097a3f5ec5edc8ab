// Package connect brings customers' accounts in: links that an integrator makes, the way of a customer
// through a link, and what the integrator's server gets at its end.
//
// A link is a row; its token in the address only names and proves it, so a link can be revoked. What the
// customer enters is an attempt: sealed credentials and how far their check has come, in the store, so that
// any process can show any step. The first attempt that is finished makes the integration, in one
// transaction with the link. Package web shows the pages, package api answers integrators.
package connect

import (
	"context"
	"errors"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Kind is what a link is for.
type Kind string

// The kinds of links.
const (
	Connect Kind = "CONNECT" // a new integration
	Relink  Kind = "RELINK"  // new credentials for an integration, and maybe other scopes
	Setup   Kind = "SETUP"   // the steps after the credentials
)

// LinkType is how a link is opened.
type LinkType string

// The types of links, after the contract.
const (
	Embedded  LinkType = "EMBEDDED"   // in a frame of the integrator's page; valid for an hour
	MagicLink LinkType = "MAGIC_LINK" // as a page of its own; valid for a year
)

// Valid is how long links of a type can be used.
func (t LinkType) Valid() time.Duration {
	if t == MagicLink {
		return 365 * 24 * time.Hour
	}
	return time.Hour
}

// OnlyCreated is what a link says about keeping only applications that were created through the API.
type OnlyCreated string

// The choices; an empty one is the server's default.
const (
	OnlyCreatedOn  OnlyCreated = "on"
	OnlyCreatedOff OnlyCreated = "off"
	OnlyCreatedAsk OnlyCreated = "ask" // the customer chooses
)

// LinkSettings are what an integrator says when making a link. They are stored as JSON.
type LinkSettings struct {
	Email        string  `json:"email,omitempty"`
	Organization string  `json:"organization,omitempty"`
	OriginID     *string `json:"origin_id,omitempty"`
	// Tool is the slug of the only one that can be chosen; empty: any.
	Tool string `json:"tool,omitempty"`
	// Language of the pages; empty: the browser's.
	Language string `json:"language,omitempty"`
	// ScopeConfig is the ID of the scopes that come into force when the link is completed; empty: the default
	// of new integrations, or no change.
	ScopeConfig string `json:"scope_config,omitempty"`
	// FieldMapping asks the customer which fields the integrator's custom fields are.
	FieldMapping bool        `json:"field_mapping,omitempty"`
	OnlyCreated  OnlyCreated `json:"only_created,omitempty"`
}

// Link is a link. Times are milliseconds since the Unix epoch.
type Link struct {
	ID       string
	Kind     Kind
	Type     LinkType
	Settings LinkSettings
	// Integration is the number of the one that it is about; 0 for a connection that was not completed.
	Integration            int64
	CreatedAt, ExpiresAt   int64
	RevokedAt, CompletedAt *int64
}

// LinkState is what has become of a link.
type LinkState string

// The states of links.
const (
	Open      LinkState = "OPEN"
	Completed LinkState = "COMPLETED"
	Expired   LinkState = "EXPIRED"
	Revoked   LinkState = "REVOKED"
)

// State is what has become of the link by now, in milliseconds since the Unix epoch.
func (l Link) State(now int64) LinkState {
	switch {
	case l.CompletedAt != nil:
		return Completed
	case l.RevokedAt != nil:
		return Revoked
	case now >= l.ExpiresAt:
		return Expired
	}
	return Open
}

// Why a link or a token is refused. Messages for people are the pages' business.
var (
	ErrInvalid   = errors.New("it was not made here")
	ErrExpired   = errors.New("it has expired")
	ErrRevoked   = errors.New("it was revoked")
	ErrCompleted = errors.New("it was used already")
	ErrReplaced  = errors.New("a newer attempt has taken its place")
	// ErrTooMany: the link has had too many attempts within an hour, or too many accounts are being checked.
	ErrTooMany = errors.New("there are too many attempts; try again later")
)

// AttemptState is how far an attempt has come.
type AttemptState string

// The states of an attempt.
const (
	Checking AttemptState = "CHECKING"
	Failed   AttemptState = "FAILED"
	Ready    AttemptState = "READY" // the credentials are good; it waits for the customer's choices
)

// Attempt is credentials that a customer entered, and how their check goes.
type Attempt struct {
	ID    string
	Tool  string
	State AttemptState
	// Typed is what was entered, without secrets, by the keys of credentials: for the form, once more.
	Typed map[string]string
	// Report is the check as far as it has come.
	Report connector.CheckReport
	// Problems says why it failed; one for each credential or permission that is wrong.
	Problems []connector.Problem
	// Twin: another integration is connected to the same account already. It is not said which.
	Twin bool
}

// Choices are what the customer decides at the end.
type Choices struct {
	// Declined lists what is optional and not wanted: see ats.ScopeConfig.Scopes.
	Declined []string
	// OnlyCreated counts where the link asks.
	OnlyCreated bool
	// Mapping is the vendor's field by the ID of a custom field; empty for none. Nil: nothing was asked.
	Mapping map[string]FieldRef
}

// FieldRef names a vendor's field.
type FieldRef struct {
	Model     ats.Model
	Type, Key string
}

// Outcome is what a completed link gives.
type Outcome struct {
	Integration store.Integration
	// ActivationToken is what the page hands to the integrator's page; valid for a short time. It is empty
	// when the integrator has had one already, and a while after the link was completed.
	ActivationToken string
}

// Visit is a customer on a link's pages.
type Visit struct {
	Link Link
	// Integration is the one that a relink or setup link is about.
	Integration store.Integration
	// Scopes is what will be read and done, before the customer has declined anything.
	Scopes ats.ScopeConfig
	// Tools are those that can be chosen; one for links that name theirs.
	Tools []connector.Tool
	// CustomFields are the fields to map, with what they are mapped to.
	CustomFields []store.CustomField
}

// Allowed is what may be read and done while nothing is declined.
func (v Visit) Allowed() ats.Scopes { return v.Scopes.Scopes(nil, false) }

// Page is what package web needs of the service.
type Page interface {
	// Visit opens a link by the token in its address. The error is one of those above, or internal. With
	// ErrCompleted the visit is whole all the same; with ErrExpired and ErrRevoked it may have the link.
	Visit(ctx context.Context, token string) (Visit, error)
	// Guide tells how credentials for the tool are made, in a language.
	Guide(tool, language string, scopes ats.Scopes) (connector.Guide, []connector.Credential, []connector.Permission)
	// Submit takes credentials and begins their check in the background; it replaces earlier attempts. What
	// cannot be right is an attempt that has failed; a tool that is not the visit's is store.ErrNotFound.
	Submit(ctx context.Context, v Visit, tool string, credentials map[string]string) (Attempt, error)
	// Attempt reads an attempt of the link; store.ErrNotFound when it has none of that ID (any more),
	// ErrReplaced when a newer one counts.
	Attempt(ctx context.Context, v Visit, id string) (Attempt, error)
	// Fields lists the vendor's fields that custom fields can be mapped to, of the attempt's account, or
	// of the integration of a setup link, whose attempt is empty.
	Fields(ctx context.Context, v Visit, attempt string) ([]connector.Field, error)
	// Finish completes the link with an attempt that is Ready, or a setup link with an empty attempt. It
	// can be repeated, also on a link that is completed: the same link gives the same integration, and only
	// one. A mapping that names no such field is an ats error with the code PLATFORM.INPUT_INVALID.
	Finish(ctx context.Context, v Visit, attempt string, c Choices) (Outcome, error)
}

// Links is what package api and the command line need of the service.
type Links interface {
	// Create makes a link and gives its address. An unknown tool, scope configuration or language is an
	// ats error with the code PLATFORM.INPUT_INVALID that names the field of the API's body.
	Create(ctx context.Context, kind Kind, typ LinkType, i *store.Integration, s LinkSettings) (Link, string, error)
	// List lists links, newest first, before a link.
	List(ctx context.Context, before *Link, limit int) ([]Link, error)
	// Revoke makes a link useless. It is no error when it was revoked or completed before.
	Revoke(ctx context.Context, id string) error
	// Exchange gives the integration behind an activation token, and notes that it was asked for. The error
	// is one of those above: ErrCompleted when it was asked for before.
	Exchange(ctx context.Context, token string) (store.Integration, error)
}
