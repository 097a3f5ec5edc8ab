package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/store"
)

type linksCmd struct {
	Create linksCreateCmd `cmd:"" help:"Make a link by which a customer connects, and print its address, alone, on standard output."`
	List   linksListCmd   `cmd:"" help:"List links, newest first, without their addresses."`
	Revoke linksRevokeCmd `cmd:"" help:"Make a link useless. What came of it stays."`
}

type linksCreateCmd struct {
	Organization string   `help:"The customer's name, as your application shows it." placeholder:"NAME"`
	Email        string   `help:"Address of the person who will connect." placeholder:"ADDRESS"`
	OriginID     string   `name:"origin-id" help:"Your application's own ID of the customer." placeholder:"ID"`
	Tool         string   `help:"The customer chooses no other: traffit." placeholder:"TOOL"`
	Magic        bool     `help:"A page of its own, valid for a year; without it the link is for a frame of your page, and valid for an hour."`
	Language     string   `help:"Of the pages: ${enum}; default: the browser's." enum:",en,pl,de,fr,it,es" default:"" placeholder:"LANGUAGE"`
	Scopes       string   `help:"Scope configuration, by ID or name; default: the default one." placeholder:"CONFIG"`
	OnlyCreated  string   `help:"Keep only applications that were created through the API: on, off, or ask the customer; default: the server's." enum:",on,off,ask" default:"" placeholder:"on|off|ask"`
	MapFields    bool     `help:"Ask the customer which fields your custom fields are."`
	Relink       string   `help:"Reconnect this integration: ID or tenant name." placeholder:"INTEGRATION" xor:"kind"`
	Setup        string   `help:"Let the customer map fields of this integration." placeholder:"INTEGRATION" xor:"kind"`
	JSON         bool     `name:"json" help:"Print JSON."`
	Settings     settings `embed:""`
}

// Help is shown by --help.
func (*linksCreateCmd) Help() string {
	return `Whoever has the address can connect an account in the customer's name, so send it to them alone. It begins with
KLADKA_PUBLIC_URL. docs/connect.md says how a link is shown in a frame of your own page.

Examples:

  kladka links create --organization 'Acme Ltd' --email anna@acme.example --magic --language pl
  kladka links create --relink acme --magic
  kladka links create --setup acme --magic`
}

// Run makes a link.
func (c *linksCreateCmd) Run(s *surroundings) error {
	about := c.Relink + c.Setup
	switch {
	case about == "" && (strings.TrimSpace(c.Organization) == "" || c.Email == ""):
		return usageError("--organization and --email are needed, or --relink or --setup with an integration")
	case about != "" && c.Organization+c.Email+c.OriginID+c.Tool != "":
		return usageError("--organization, --email, --origin-id and --tool are the integration's own with --relink and --setup")
	case about != "" && c.MapFields:
		return usageError("--map-fields is for new connections; --setup maps fields of an integration")
	case c.Setup != "" && c.Scopes+c.OnlyCreated != "":
		return usageError("--setup changes neither scopes nor which applications are kept; --relink does")
	}
	if c.Settings.PublicURL == "" {
		c.Settings.PublicURL = "http://" + app.DefaultAddr
		s.say("KLADKA_PUBLIC_URL is not set, so the link leads to %s, on this machine.", c.Settings.PublicURL)
	}
	return c.Settings.with(s, func(a *app.App) error {
		l, address, err := c.create(s, a)
		if bad, ok := errors.AsType[*ats.Error](err); ok && bad.Code == ats.InputInvalid {
			return usageError("%s", strings.TrimPrefix(bad.Message, "body."))
		} else if err != nil {
			return err
		}
		if c.JSON {
			out := linkAsJSON(l, "")
			out.Link = address
			return printJSON(s.stdout, out)
		}
		s.print("%s", address)
		s.say("The link %s is valid until %s.", l.ID, *stamp(&l.ExpiresAt))
		return nil
	})
}

func (c *linksCreateCmd) create(s *surroundings, a *app.App) (connect.Link, string, error) {
	set := connect.LinkSettings{
		Email: c.Email, Organization: strings.TrimSpace(c.Organization), OriginID: nullable(c.OriginID), Tool: c.Tool, Language: c.Language,
		FieldMapping: c.MapFields, OnlyCreated: connect.OnlyCreated(c.OnlyCreated),
	}
	kind, typ := connect.Connect, connect.Embedded
	if c.Magic {
		typ = connect.MagicLink
	}
	if c.Scopes != "" {
		config, err := a.FindScopeConfig(s.ctx, c.Scopes)
		if err != nil {
			return connect.Link{}, "", err
		}
		set.ScopeConfig = config.ID
	}
	if c.Relink+c.Setup == "" {
		return a.Links().Create(s.ctx, kind, typ, nil, set)
	}
	i, err := a.FindIntegration(s.ctx, c.Relink+c.Setup)
	if err != nil {
		return connect.Link{}, "", err
	}
	kind = connect.Relink
	if c.Setup != "" {
		kind = connect.Setup
	}
	return a.Links().Create(s.ctx, kind, typ, &i, set)
}

// linkJSON is a link for scripts.
type linkJSON struct {
	ID           string  `json:"id"`
	Link         string  `json:"link,omitempty"` // only of a new one
	Kind         string  `json:"kind"`
	Type         string  `json:"type"`
	State        string  `json:"state,omitempty"` // only in lists
	Organization *string `json:"organization"`
	Email        *string `json:"email"`
	OriginID     *string `json:"origin_id"`
	CreatedAt    *string `json:"created_at"`
	ExpiresAt    *string `json:"expires_at"`
	CompletedAt  *string `json:"completed_at"`
	RevokedAt    *string `json:"revoked_at"`
}

func linkAsJSON(l connect.Link, state string) linkJSON {
	return linkJSON{
		ID: l.ID, Kind: string(l.Kind), Type: string(l.Type), State: state,
		Organization: nullable(l.Settings.Organization), Email: nullable(l.Settings.Email), OriginID: l.Settings.OriginID,
		CreatedAt: stamp(&l.CreatedAt), ExpiresAt: stamp(&l.ExpiresAt), CompletedAt: stamp(l.CompletedAt), RevokedAt: stamp(l.RevokedAt),
	}
}

// maxLinks is how many links are listed at most.
const maxLinks = 500

type linksListCmd struct {
	Limit    int      `help:"How many at most; default: ${default}." default:"50" placeholder:"N"`
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// Run lists links.
func (c *linksListCmd) Run(s *surroundings) error {
	if c.Limit < 1 || c.Limit > maxLinks {
		return usageError("--limit: must be from 1 to %d", maxLinks)
	}
	return c.Settings.with(s, func(a *app.App) error {
		all, err := a.Links().List(s.ctx, nil, c.Limit)
		if err != nil {
			return err
		}
		out := []linkJSON{}
		t := newTable("ID", "KIND", "TYPE", "STATE", "ORGANIZATION", "CREATED", "EXPIRES")
		for _, l := range all {
			state := l.State(a.Store.Now())
			out = append(out, linkAsJSON(l, string(state)))
			organization := l.Settings.Organization
			if organization == "" && l.Integration != 0 {
				i, err := a.Store.IntegrationByNo(s.ctx, l.Integration)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				organization = i.OrganizationName
			}
			t.row(l.ID, string(l.Kind), string(l.Type), string(state), orDash(organization), *stamp(&l.CreatedAt), *stamp(&l.ExpiresAt))
		}
		if c.JSON {
			return printJSON(s.stdout, out)
		}
		if len(all) == 0 {
			s.say("There is no link. Make one: kladka links create --help")
			return nil
		}
		return t.write(s.stdout)
	})
}

type linksRevokeCmd struct {
	ID       string   `arg:"" help:"The link's ID, as list shows it."`
	Settings settings `embed:""`
}

// Run revokes a link.
func (c *linksRevokeCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		err := a.Links().Revoke(s.ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no link with the ID %q; `kladka links list` shows them", c.ID)
		} else if err != nil {
			return err
		}
		s.say("The link cannot be used any more.")
		return nil
	})
}
