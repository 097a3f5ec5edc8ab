package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

type integrationsCmd struct {
	Add        integrationsAddCmd        `cmd:"" help:"Connect a customer's account."`
	List       integrationsListCmd       `cmd:"" help:"List the integrations."`
	Show       integrationsShowCmd       `cmd:"" help:"Show an integration with its models and its last syncs."`
	Scopes     integrationsScopesCmd     `cmd:"" help:"Give an integration another scope configuration."`
	Only       integrationsOnlyCmd       `cmd:"" name:"only-created" help:"Keep only applications that are created through the API, or all."`
	RemoteData integrationsRemoteDataCmd `cmd:"" name:"remote-data" help:"Serve TRAFFIT's raw rows in remote_data, or stop it."`
	Enable     integrationsEnableCmd     `cmd:"" help:"Switch an integration on."`
	Disable    integrationsDisableCmd    `cmd:"" help:"Switch an integration off; its credentials and data stay."`
	FileLabels integrationsFileLabelsCmd `cmd:"" help:"Show or set what files of each type are called in TRAFFIT."`
	Reconnect  integrationsReconnectCmd  `cmd:"" help:"Give an integration new credentials; its data and IDs stay."`
	Remove     integrationsRemoveCmd     `cmd:"" help:"Remove an integration with all its data."`
	Purge      integrationsPurgeCmd      `cmd:"" help:"Delete what is still kept of a removed integration."`
}

type integrationsAddCmd struct {
	Traffit addTraffitCmd `cmd:"" help:"Connect a TRAFFIT tenant."`
}

type addTraffitCmd struct {
	Tenant           string   `required:"" help:"The name before .traffit.com in the address of the customer's TRAFFIT." placeholder:"NAME"`
	ClientID         string   `required:"" name:"client-id" help:"Client ID of the API client that an administrator made in TRAFFIT." placeholder:"ID"`
	ClientSecretFile string   `required:"" help:"File with the client secret; - reads it from standard input." placeholder:"FILE"`
	Organization     string   `required:"" help:"The customer's name, as your application shows it." placeholder:"NAME"`
	ID               string   `name:"id" help:"Use this integration ID: a rebuilt database then gives the same record IDs." placeholder:"ID"`
	OriginID         string   `name:"origin-id" help:"Your application's own ID of the customer." placeholder:"ID"`
	Email            string   `help:"Address of the person who connects it." placeholder:"ADDRESS"`
	Scopes           string   `help:"Scope configuration, by ID or name; default: that of new integrations." placeholder:"CONFIG"`
	RemoteData       bool     `help:"Serve TRAFFIT's raw rows in remote_data."`
	MissingScopes    bool     `name:"accept-missing-scopes" help:"Connect although the API client lacks permissions; what needs them stays empty."`
	Sync             bool     `negatable:"" default:"true" help:"Queue the first sync."`
	Wait             bool     `help:"Wait for the first sync and show its progress."`
	Settings         settings `embed:""`
}

// Help is shown by --help.
func (*addTraffitCmd) Help() string {
	return `Verifies the credentials with TRAFFIT, stores them encrypted, and prints the integration ID, alone, on standard output.
The first sync starts as soon as a server runs; --wait does it here and now.

An administrator of the tenant makes the API client in TRAFFIT under Settings, Integrations, API, with the scopes
employee, recruitment, workflow, user, source and dictionary.

With --default-only-created nothing is kept of candidates and applications that were not created through the API.

Examples:

  kladka integrations add traffit --tenant acme --client-id acme_kladka --client-secret-file secret.txt --organization 'Acme Ltd'
  pass traffit/acme | kladka integrations add traffit --tenant acme --client-id acme_kladka --client-secret-file - \
    --organization 'Acme Ltd' --wait`
}

// Run connects a tenant.
func (c *addTraffitCmd) Run(s *surroundings) error {
	if c.Wait && !c.Sync {
		return usageError("--wait has nothing to wait for with --no-sync")
	}
	secret, err := readSecret(s, c.ClientSecretFile)
	if err != nil {
		return err
	}
	return c.Settings.with(s, func(a *app.App) error {
		i, run, err := a.AddIntegration(s.ctx, app.NewIntegration{
			Tool:             "traffit",
			Credentials:      map[string]string{"tenant": c.Tenant, "client_id": c.ClientID, "client_secret": secret},
			OrganizationName: c.Organization, ID: c.ID, OriginID: c.OriginID, CreatorEmail: c.Email,
			ScopeConfig: c.Scopes, OnlyCreated: c.Settings.OnlyCreated,
			RemoteData: c.RemoteData, AcceptMissingScopes: c.MissingScopes, NoSync: !c.Sync,
		})
		if err != nil {
			return err
		}
		s.print("%s", i.ID)
		switch {
		case !c.Sync:
			s.say("%s is connected. Sync it with: kladka sync %s", i.OrganizationName, i.ID)
			return nil
		case !c.Wait:
			s.say("%s is connected and its first sync is queued. `kladka sync %s --wait` shows how it advances.", i.OrganizationName, i.ID)
			return nil
		}
		s.say("%s is connected; first sync:", i.OrganizationName)
		return followRun(s, a, run)
	})
}

type integrationsReconnectCmd struct {
	Integration      string   `arg:"" help:"Integration ID or tenant name."`
	ClientID         string   `required:"" name:"client-id" help:"Client ID of the API client." placeholder:"ID"`
	ClientSecretFile string   `required:"" help:"File with the client secret; - reads it from standard input." placeholder:"FILE"`
	MissingScopes    bool     `name:"accept-missing-scopes" help:"Reconnect although the API client lacks permissions."`
	Settings         settings `embed:""`
}

// Run reconnects an integration.
func (c *integrationsReconnectCmd) Run(s *surroundings) error {
	secret, err := readSecret(s, c.ClientSecretFile)
	if err != nil {
		return err
	}
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		credentials := map[string]string{"tenant": i.Tenant, "client_id": c.ClientID, "client_secret": secret}
		if err := a.Reconnect(s.ctx, i, credentials, c.MissingScopes); err != nil {
			return err
		}
		s.say("%s is reconnected; its next sync is due.", i.OrganizationName)
		return nil
	})
}

// readSecret reads a secret from a file or from standard input.
func readSecret(s *surroundings, file string) (string, error) {
	const most = 64 << 10
	in := s.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", usageError("--client-secret-file: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", usageError("--client-secret-file: %w", err)
	}
	secret := strings.TrimSpace(string(b))
	if secret == "" {
		return "", usageError("--client-secret-file: there is no secret in it")
	}
	return secret, nil
}

// integrationJSON is an integration for scripts.
type integrationJSON struct {
	ID           string  `json:"id"`
	Tool         string  `json:"tool"`
	Tenant       string  `json:"tenant"`
	Organization string  `json:"organization"`
	Status       string  `json:"status"`
	SetupStatus  string  `json:"setup_status"`
	OriginID     *string `json:"origin_id"`
	RemoteData   bool    `json:"remote_data"`
	OnlyCreated  bool    `json:"only_created"`
	ScopeConfig  string  `json:"scope_config"`
	ExpiredAt    *string `json:"data_expired_at"`
	CreatedAt    *string `json:"created_at"`
	NextSyncAt   *string `json:"next_sync_at"`
	// Syncs and Models are part of show only.
	Syncs  []runJSON          `json:"syncs,omitempty"`
	Models map[string]*string `json:"models,omitempty"`
}

func asJSON(i store.Integration) integrationJSON {
	return integrationJSON{
		ID: i.ID, Tool: i.Tool, Tenant: i.Tenant, Organization: i.OrganizationName, Status: i.Status, SetupStatus: i.SetupStatus,
		OriginID: i.OriginID, RemoteData: i.Settings.RemoteData,
		OnlyCreated: i.Settings.OnlyCreated, ScopeConfig: i.ScopeConfig.ID, ExpiredAt: stamp(i.DataExpiredAt), CreatedAt: stamp(&i.CreatedAt), NextSyncAt: stamp(i.NextFullAt),
	}
}

type integrationsListCmd struct {
	Removed  bool     `help:"List the removed integrations whose data are still kept."`
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// Run lists the integrations.
func (c *integrationsListCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		if c.Removed {
			return listRemoved(s, a, c.JSON)
		}
		all, err := a.Integrations(s.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			out := []integrationJSON{}
			for _, i := range all {
				out = append(out, asJSON(i))
			}
			return printJSON(s.stdout, out)
		}
		if len(all) == 0 {
			s.say("There is no integration yet. Connect one: kladka integrations add traffit --help")
			return nil
		}
		t := newTable("ID", "ORGANIZATION", "TENANT", "STATUS", "SETUP", "LAST SYNC")
		for _, i := range all {
			last, err := lastSync(s, a, i)
			if err != nil {
				return err
			}
			t.row(i.ID, i.OrganizationName, i.Tenant, i.Status, i.SetupStatus, last)
		}
		return t.write(s.stdout)
	})
}

// removedJSON is a removed integration for scripts.
type removedJSON struct {
	ID           string  `json:"id"`
	Organization string  `json:"organization"`
	DeletedAt    *string `json:"deleted_at"`
	PurgeAt      *string `json:"purge_at"`
}

func listRemoved(s *surroundings, a *app.App, asJSON bool) error {
	all, err := a.Store.RemovedIntegrations(s.ctx)
	if err != nil {
		return err
	}
	out := []removedJSON{}
	t := newTable("ID", "ORGANIZATION", "REMOVED", "KEPT UNTIL")
	for _, i := range all {
		out = append(out, removedJSON{i.ID, i.OrganizationName, stamp(&i.DeletedAt), stamp(&i.PurgeAt)})
		t.row(i.ID, i.OrganizationName, *stamp(&i.DeletedAt), *stamp(&i.PurgeAt))
	}
	switch {
	case asJSON:
		return printJSON(s.stdout, out)
	case len(all) == 0:
		s.say("Nothing is kept of removed integrations.")
		return nil
	}
	return t.write(s.stdout)
}

type integrationsShowCmd struct {
	Integration string   `arg:"" help:"Integration ID, or the tenant's name if only one integration has it."`
	JSON        bool     `name:"json" help:"Print JSON."`
	Settings    settings `embed:""`
}

// Run shows an integration.
func (c *integrationsShowCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		runs, err := a.Store.Runs(s.ctx, i.No, nil, 5)
		if err != nil {
			return err
		}
		loaded, err := a.Store.Loaded(s.ctx, i.No)
		if err != nil {
			return err
		}
		out := asJSON(i)
		out.Models = map[string]*string{}
		for _, m := range app.Models() {
			if at, ok := loaded[m]; ok {
				ms := at.Milli()
				out.Models[string(m)] = stamp(&ms)
			} else {
				out.Models[string(m)] = nil
			}
		}
		for _, r := range runs {
			out.Syncs = append(out.Syncs, runAsJSON(r))
		}
		if c.JSON {
			return printJSON(s.stdout, out)
		}
		showIntegration(s, i, runs)
		t := newTable("MODEL", "RECORDS", "READABLE SINCE")
		for _, m := range app.Models() {
			n, err := a.Store.CountLiving(s.ctx, i.No, m)
			if err != nil {
				return err
			}
			since := "not yet"
			if at := out.Models[string(m)]; !i.Scopes.Model(m) {
				since = "switched off by scopes"
			} else if at != nil {
				since = *at
			}
			t.row(string(m), fmt.Sprint(n), since)
		}
		return t.write(s.stdout)
	})
}

func showIntegration(s *surroundings, i store.Integration, runs []store.Run) {
	s.detail("ID", i.ID)
	s.detail("organization", i.OrganizationName)
	s.detail("tenant", i.Tenant)
	s.detail("status", i.Status)
	s.detail("setup", i.SetupStatus)
	s.detail("scopes", i.ScopeConfig.Name+" ("+i.ScopeConfig.ID+")")
	kept := "all"
	if i.Settings.OnlyCreated {
		kept = "only those created through the API"
	}
	s.detail("applications", kept)
	if i.DataExpiredAt != nil {
		s.detail("expired", *stamp(i.DataExpiredAt)+" by changed settings; the next sync puts the data right")
	}
	s.detail("origin ID", orDash(text(i.OriginID)))
	s.detail("connected by", orDash(text(i.CreatorEmail)))
	s.detail("connected", *stamp(&i.CreatedAt))
	s.detail("next sync", orDash(text(stamp(i.NextFullAt))))
	for n, r := range runs {
		label := ""
		if n == 0 {
			label = "last syncs"
		}
		s.detail(label, *stamp(&r.CreatedAt)+" "+describeRun(r))
	}
	s.print("")
}

type integrationsFileLabelsCmd struct {
	Integration string   `arg:"" help:"Integration ID, or the tenant's name if only one integration has it."`
	Labels      []string `arg:"" optional:"" help:"TYPE=LABEL; the types are CV, COVER_LETTER and OTHER. An empty label removes what was set."`
	JSON        bool     `name:"json" help:"Print JSON."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*integrationsFileLabelsCmd) Help() string {
	return `A file that is uploaded gets the label that the tenant's dictionary has for its type: CV; List motywacyjny or Cover letter;
Inne, Inny or Other. Where the tenant calls them otherwise, set the label here, as it stands in TRAFFIT's dictionary. It
takes effect with the next file.

Example:

  kladka integrations file-labels acme CV=Życiorys 'OTHER=Inne dokumenty'`
}

// maxFileLabel bounds a label, in characters.
const maxFileLabel = 200

// Run shows or sets labels.
func (c *integrationsFileLabelsCmd) Run(s *surroundings) error {
	types := []connector.FileType{connector.CV, connector.CoverLetter, connector.OtherFile}
	set := map[connector.FileType]string{}
	for _, arg := range c.Labels {
		word, label, ok := strings.Cut(arg, "=")
		label = strings.TrimSpace(label)
		switch {
		case !ok || !slices.Contains(types, connector.FileType(word)):
			return usageError("%q: must be TYPE=LABEL with one of the types CV, COVER_LETTER and OTHER", arg)
		case utf8.RuneCountInString(label) > maxFileLabel || strings.ContainsFunc(label, unicode.IsControl):
			return usageError("%s: a label has at most %d characters and one line", word, maxFileLabel)
		}
		set[connector.FileType(word)] = label
	}
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		labels := i.Settings.FileLabels
		if len(set) > 0 {
			if labels, err = a.Store.SetFileLabels(s.ctx, i.No, set); err != nil {
				return err
			}
		}
		if c.JSON {
			out := map[connector.FileType]*string{}
			for _, typ := range types {
				out[typ] = nullable(labels[typ])
			}
			return printJSON(s.stdout, out)
		}
		t := newTable("TYPE", "LABEL")
		for _, typ := range types {
			label := "as in the tenant's dictionary"
			if labels[typ] != "" {
				label = labels[typ]
			}
			t.row(string(typ), label)
		}
		return t.write(s.stdout)
	})
}

type integrationsRemoveCmd struct {
	Integration string   `arg:"" help:"Integration ID, or the tenant's name if only one integration has it."`
	Yes         bool     `help:"Remove it without being asked."`
	Now         bool     `help:"Delete its data at once."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*integrationsRemoveCmd) Help() string {
	return `The credentials are forgotten and the data are no longer served at once. The data are deleted after the time that
KLADKA_DELETE_AFTER says, by a server in the background; with --now here and at once. Nothing changes in TRAFFIT.`
}

// Run removes an integration.
func (c *integrationsRemoveCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		if !c.Yes {
			return usageError("this deletes all data of %s (%s); add --yes to do it", i.OrganizationName, i.ID)
		}
		if err := a.Remove(s.ctx, i, c.Now); err != nil {
			return err
		}
		if c.Now {
			s.say("%s (%s) was removed with all its data.", i.OrganizationName, i.ID)
		} else {
			s.say("%s (%s) was removed. `kladka integrations list --removed` shows how long its data are kept.", i.OrganizationName, i.ID)
		}
		return nil
	})
}

type integrationsPurgeCmd struct {
	ID       string   `arg:"" help:"The ID that the removed integration had."`
	Settings settings `embed:""`
}

// Help is shown by --help.
func (*integrationsPurgeCmd) Help() string {
	return `Without it a server does that after the time that KLADKA_DELETE_AFTER says. It cannot be undone.

Examples:

  kladka integrations list --removed
  kladka integrations purge traffit:7xKXtg2CW87d97TXJSDpbD5j`
}

// Run deletes the data of a removed integration.
func (c *integrationsPurgeCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		if err := a.Purge(s.ctx, c.ID); err != nil {
			return err
		}
		s.say("Nothing is kept of %s any more.", c.ID)
		return nil
	})
}

// change changes something of an integration, and says when it counts.
func (t settings) change(s *surroundings, named string, do func(*app.App, store.Integration) error) error {
	return t.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, named)
		if err != nil {
			return err
		}
		if err := do(a, i); err != nil {
			return err
		}
		return s.changed(a, i.No)
	})
}

// changed says when a change of an integration counts.
func (s *surroundings) changed(a *app.App, no int64) error {
	i, err := a.Store.IntegrationByNo(s.ctx, no)
	if err != nil {
		return err
	}
	switch {
	case i.DataExpiredAt == nil:
		s.say("Done.")
	case i.Status != store.StatusActive:
		s.say("Done. The data are put right when it is synced again; now it is %s.", i.Status)
	default:
		s.say("Done. The next sync puts the data right. A running server starts it soon, or: kladka sync %s --wait", i.ID)
	}
	return nil
}

type integrationsScopesCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Config      string   `arg:"" help:"Scope configuration, by ID or name."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*integrationsScopesCmd) Help() string {
	return `What it switches off is hidden at once and erased by the next sync; what it switches on is read by it. Where that needs
permissions that the API client in TRAFFIT lacks, let the customer add them: kladka links create --relink acme --scopes …

Example:

  kladka integrations scopes acme 'No phones'`
}

// Run gives an integration other scopes.
func (c *integrationsScopesCmd) Run(s *surroundings) error {
	return c.Settings.change(s, c.Integration, func(a *app.App, i store.Integration) error {
		config, err := a.FindScopeConfig(s.ctx, c.Config)
		if err != nil {
			return err
		}
		return a.Store.SetScopeConfig(s.ctx, i.No, config.ID)
	})
}

type integrationsOnlyCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Switch      string   `arg:"" enum:"on,off" help:"on or off."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*integrationsOnlyCmd) Help() string {
	return `Switched on, the next sync erases all candidates and applications but those that were created through the API; jobs, stages
and users stay. Switched off, it reads them.

Example:

  kladka integrations only-created acme on`
}

// Run switches the setting.
func (c *integrationsOnlyCmd) Run(s *surroundings) error {
	return c.Settings.change(s, c.Integration, func(a *app.App, i store.Integration) error {
		return a.Store.SetOnlyCreated(s.ctx, i.No, c.Switch == "on")
	})
}

type integrationsRemoteDataCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Switch      string   `arg:"" enum:"on,off" help:"on or off."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*integrationsRemoteDataCmd) Help() string {
	return `It counts where the integration's scope configuration does not say whether remote_data is served.`
}

// Run switches the setting.
func (c *integrationsRemoteDataCmd) Run(s *surroundings) error {
	return c.Settings.change(s, c.Integration, func(a *app.App, i store.Integration) error {
		return a.Store.SetRemoteData(s.ctx, i.No, c.Switch == "on")
	})
}

type integrationsEnableCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Settings    settings `embed:""`
}

// Run switches an integration on.
func (c *integrationsEnableCmd) Run(s *surroundings) error {
	return c.Settings.change(s, c.Integration, func(a *app.App, i store.Integration) error {
		return a.Store.SetEnabled(s.ctx, i.No, true)
	})
}

type integrationsDisableCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Settings    settings `embed:""`
}

// Run switches an integration off.
func (c *integrationsDisableCmd) Run(s *surroundings) error {
	return c.Settings.change(s, c.Integration, func(a *app.App, i store.Integration) error {
		return a.Store.SetEnabled(s.ctx, i.No, false)
	})
}

func lastSync(s *surroundings, a *app.App, i store.Integration) (string, error) {
	runs, err := a.Store.Runs(s.ctx, i.No, nil, 1)
	if err != nil || len(runs) == 0 {
		return "none", err
	}
	return describeRun(runs[0]), nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// with opens the application for a command, and closes it.
func (t settings) with(s *surroundings, do func(*app.App) error) error {
	a, err := t.open(s)
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}
