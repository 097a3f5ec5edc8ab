package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// NewIntegration is what it takes to connect an account.
type NewIntegration struct {
	Tool             string
	Credentials      map[string]string
	OrganizationName string
	// ID keeps the IDs of a rebuilt database; empty makes a new one.
	ID                     string
	OriginID, CreatorEmail string
	RemoteData             bool
	// ScopeConfig names its scope configuration, by ID or name; empty is the default one.
	ScopeConfig string
	// OnlyCreated keeps applications that are created through the API, and no others.
	OnlyCreated bool
	// AcceptMissingScopes connects although permissions are missing.
	AcceptMissingScopes bool
	// NoSync leaves the first sync to somebody else.
	NoSync bool
}

// checkWithin bounds the verification of credentials, its requests' turns in the budget apart:
// somebody is waiting for it.
const (
	checkWithin   = time.Minute
	checkRequests = 30 // a generous guess
)

// AddIntegration verifies credentials with the ATS, stores them sealed, and queues the first sync.
func (a *App) AddIntegration(ctx context.Context, n NewIntegration) (store.Integration, store.Run, error) {
	none := store.Run{}
	conn, ok := a.tenants.connectors[n.Tool]
	if !ok {
		return store.Integration{}, none, fmt.Errorf("there is no connector for %q", n.Tool)
	}
	if n.OrganizationName = strings.TrimSpace(n.OrganizationName); n.OrganizationName == "" {
		return store.Integration{}, none, errors.New("the organization needs a name")
	}
	if n.ID == "" {
		n.ID = ats.NewIntegrationID(n.Tool)
	} else if !ats.ValidIntegrationID(n.ID) || !strings.HasPrefix(n.ID, n.Tool+":") {
		return store.Integration{}, none, fmt.Errorf("%q is no integration ID: it must look like %s: and 24 base58 characters", n.ID, n.Tool)
	}
	if _, err := a.Store.Integration(ctx, n.ID); err == nil {
		return store.Integration{}, none, fmt.Errorf("integration %s exists already; remove it first or leave the ID out", n.ID)
	}
	scopes, err := a.FindScopeConfig(ctx, n.ScopeConfig)
	if err != nil {
		return store.Integration{}, none, err
	}
	tried := store.Integration{ID: n.ID, Scopes: scopes.Config.Scopes(nil, n.RemoteData)}
	if err := a.check(ctx, conn, tried, n.Credentials, n.AcceptMissingScopes); err != nil {
		return store.Integration{}, none, err
	}
	sealed, err := sealCredentials(a.keys, n.ID, n.Credentials)
	if err != nil {
		return store.Integration{}, none, err
	}
	i, err := a.Store.AddIntegration(ctx, store.Integration{
		ID: n.ID, Tool: n.Tool, Status: store.StatusActive, SetupStatus: store.SetupSyncing,
		OrganizationName: n.OrganizationName, OriginID: optional(n.OriginID), CreatorEmail: optional(n.CreatorEmail),
		Tenant: accountOf(n.Credentials[connector.AccountCredential]), ScopeConfig: scopes,
		Settings: store.Settings{RemoteData: n.RemoteData, OnlyCreated: n.OnlyCreated},
	}, sealed)
	if err != nil || n.NoSync {
		return i, none, err
	}
	run, _, err := a.engine.Start(ctx, i, store.FullSync, "connect")
	if err != nil {
		return i, none, fmt.Errorf("%s is connected as %s, but its first sync could not be queued: %w", i.OrganizationName, i.ID, err)
	}
	return i, run, nil
}

// Reconnect gives an integration new credentials for the same account, verified, and makes a sync
// due. Its data and IDs stay.
func (a *App) Reconnect(ctx context.Context, i store.Integration, credentials map[string]string, acceptMissingScopes bool) error {
	conn, ok := a.tenants.connectors[i.Tool]
	if !ok {
		return fmt.Errorf("there is no connector for %q", i.Tool)
	}
	if err := a.check(ctx, conn, i, credentials, acceptMissingScopes); err != nil {
		return err
	}
	sealed, err := sealCredentials(a.keys, i.ID, credentials)
	if err != nil {
		return err
	}
	return a.Store.SetCredentials(ctx, i.No, sealed)
}

// check verifies new credentials. Nothing that is known of the tenant is used.
func (a *App) check(ctx context.Context, conn connector.Connector, i store.Integration, credentials map[string]string, acceptMissingScopes bool) error {
	i.Settings.Confirmed = nil
	tenant, err := a.tenants.connect(conn, credentials, i)
	if err != nil {
		return err
	}
	report, err := a.checkTenant(trail.With(ctx, trail.Cause{Bodies: true}), tenant)
	if err != nil {
		return explain(err)
	}
	if missing := missingScopes(report); len(missing) > 0 && !acceptMissingScopes {
		return fmt.Errorf("the API client lacks %s; an administrator ticks them in TRAFFIT's settings, or --accept-missing-scopes connects without", strings.Join(missing, ", "))
	}
	return nil
}

// checkTenant asks the ATS, but not for ever.
func (a *App) checkTenant(ctx context.Context, tenant connector.Tenant) (connector.CheckReport, error) {
	within := checkWithin + a.turns(checkRequests)
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it gave no answer within %v", within))
	defer cancel()
	return tenant.Check(ctx, nil)
}

// turns is how long a number of requests waits for the budget at least.
func (a *App) turns(requests int) time.Duration {
	if a.Config.TraffitRPS <= 0 {
		return 0
	}
	return time.Duration(float64(requests) / a.Config.TraffitRPS * float64(time.Second))
}

// missingScopes names the permissions that a check found missing, and what is lost with each.
func missingScopes(report connector.CheckReport) []string {
	var missing []string
	for _, s := range report.Scopes {
		if !s.Granted {
			missing = append(missing, fmt.Sprintf("the scope %s (%s)", s.Scope, s.Needed))
		}
	}
	return missing
}

// explain says of a connector's error what to do about it.
func explain(err error) error {
	if auth, ok := errors.AsType[*connector.AuthError](err); ok {
		return fmt.Errorf("TRAFFIT refused the client ID or the client secret (%s); copy both again from TRAFFIT, Settings, Integrations, API", auth.Message)
	}
	if scope, ok := errors.AsType[*connector.ScopeError](err); ok {
		return fmt.Errorf("%w; an administrator ticks the scopes of the API client in TRAFFIT's settings", scope)
	}
	if answer, ok := errors.AsType[*connector.AnswerError](err); ok {
		return fmt.Errorf("this is not how TRAFFIT answers (%w); check the tenant's name and KLADKA_TRAFFIT_URL", answer)
	}
	return err
}

// FindIntegration finds an integration by its ID, or by its tenant's name where that is unique.
func (a *App) FindIntegration(ctx context.Context, named string) (store.Integration, error) {
	i, err := a.Store.Integration(ctx, named)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return i, err
	}
	all, err := a.Integrations(ctx)
	if err != nil {
		return store.Integration{}, err
	}
	found := slices.DeleteFunc(all, func(i store.Integration) bool { return i.Tenant != named })
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return store.Integration{}, fmt.Errorf("there is no integration %q; `kladka integrations list` shows them", named)
	default:
		return store.Integration{}, fmt.Errorf("%d integrations have the tenant %q; give the ID that `kladka integrations list` shows", len(found), named)
	}
}

// Integrations lists all integrations, oldest first.
func (a *App) Integrations(ctx context.Context) ([]store.Integration, error) {
	return allIntegrations(ctx, a.Store)
}

func allIntegrations(ctx context.Context, s *store.Store) ([]store.Integration, error) {
	const page = 500
	var all []store.Integration
	for after := int64(0); ; {
		some, err := s.Integrations(ctx, after, page)
		if err != nil {
			return nil, fmt.Errorf("list the integrations: %w", err)
		}
		all = append(all, some...)
		if len(some) < page {
			return all, nil
		}
		after = some[len(some)-1].No
	}
}

// FindScopeConfig finds a scope configuration by its ID or its name; with neither, the default one.
func (a *App) FindScopeConfig(ctx context.Context, named string) (store.ScopeConfig, error) {
	c, err := a.Store.ScopeConfig(ctx, named)
	if errors.Is(err, store.ErrNotFound) {
		c, err = a.Store.ScopeConfigNamed(ctx, named)
	}
	if errors.Is(err, store.ErrNotFound) {
		return c, fmt.Errorf("there is no scope configuration %q; `kladka scopes list` shows them", named)
	}
	return c, err
}

// CheckScopes tells what in a scope configuration cannot be, if anything.
func (a *App) CheckScopes(c ats.ScopeConfig) []connector.ScopeProblem {
	return connector.CheckScopes(c, a.Tools())
}

// Tools describes the connectors, nothing of their details confirmed.
func (a *App) Tools() []connector.Tool {
	var tools []connector.Tool
	for _, c := range a.tenants.connectors {
		tools = append(tools, c.Tool())
	}
	return tools
}

// Remappable lists the fields of an integration that can be remapped, by model.
func (a *App) Remappable(i store.Integration) map[ats.Model][]string {
	conn, ok := a.tenants.connectors[i.Tool]
	if !ok {
		return nil
	}
	return conn.Tool().Remappable
}

// Remove removes an integration. Its data are hidden at once, and deleted after a while, or now.
func (a *App) Remove(ctx context.Context, i store.Integration, now bool) error {
	after := a.deleteAfter()
	if now {
		after = 0
	}
	if err := a.Store.RemoveIntegration(ctx, i.No, after); err != nil || !now {
		return err
	}
	return a.purge(ctx)
}

// Purge deletes the data of a removed integration that is still kept, by the ID that it had.
func (a *App) Purge(ctx context.Context, id string) error {
	err := a.Store.PurgeNow(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("no removed integration %q is kept; `kladka integrations list --removed` shows them", id)
	} else if err != nil {
		return err
	}
	return a.purge(ctx)
}

// purge deletes everything whose time has come.
func (a *App) purge(ctx context.Context) error {
	for {
		if more, err := a.Store.PurgeRemoved(ctx); err != nil || !more {
			return err
		}
	}
}

// deleteAfter is how long the data of a removed integration are kept.
func (a *App) deleteAfter() time.Duration { return max(a.Config.DeleteAfter, 0) }

// Models lists the models that are mirrored.
func Models() []ats.Model { return ats.Models() }

// Check asks the ATS whether an integration's credentials still hold, which scopes they have, and
// whether everything that a sync reads answers.
func (a *App) Check(ctx context.Context, i store.Integration) (connector.CheckReport, Traffic, error) {
	_, tenant, err := a.tenants.open(ctx, i)
	if err != nil {
		return connector.CheckReport{}, Traffic{}, err
	}
	ctx, seen := withTraffic(ctx)
	report, err := a.checkTenant(ctx, tenant)
	return report, seen.sum(), err
}

// ClockSkew is how far the clock of the last ATS that answered is ahead of ours; false before an
// answer.
func (a *App) ClockSkew() (time.Duration, bool) {
	ahead := a.tenants.skew.Load()
	if ahead == nil {
		return 0, false
	}
	return *ahead, true
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
