package api

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/store"
)

// LinkLanguage is what all links may say.
type LinkLanguage struct {
	Language *string `json:"language,omitempty" enum:"en,de,fr,it,es,pl" doc:"Of the pages. Without one, and with en, which clients send when nothing was chosen, it is the browser's."`
}

// chosen is the language that was really chosen.
func (l LinkLanguage) chosen() string {
	if l.Language == nil || *l.Language == "en" {
		return ""
	}
	return *l.Language
}

// createLinkIn asks for a link by which a customer connects an account.
type createLinkIn struct {
	Body struct {
		Email        string  `json:"end_user_email" minLength:"1" example:"anna@example.com" doc:"Of the person who will connect."`
		Organization string  `json:"end_user_organization_name" minLength:"1" example:"Acme"`
		OriginID     *string `json:"end_user_origin_id,omitempty" minLength:"1" doc:"Your own ID of the customer."`
		Category     string  `json:"integration_category,omitempty" enum:"HRIS,ATS,ASSESSMENT,LMS" default:"ATS" doc:"ATS is the only one that there is. Clients may send HRIS when nothing is passed."`
		Tool         *string `json:"integration_tool,omitempty" example:"traffit" doc:"The customer chooses no other. Null: any."`
		Environment  *string `json:"remote_environment,omitempty" doc:"No tool of this version has several."`
		LinkLanguage
		ScopeConfig  *string `json:"scope_config_id,omitempty" doc:"Null: the default one."`
		Filtering    bool    `json:"enable_filtering,omitempty" doc:"Not for the category ATS."`
		FieldMapping bool    `json:"enable_field_mapping,omitempty" doc:"Ask the customer which fields your custom fields are."`
		LinkType     string  `json:"link_type,omitempty" enum:"EMBEDDED,MAGIC_LINK" default:"EMBEDDED" doc:"EMBEDDED: for a frame of your page, valid for an hour. MAGIC_LINK: a page of its own, valid for a year."`
		OnlyCreated  *string `json:"only_created_applications,omitempty" enum:"on,off,ask" doc:"Keep only applications that were created through this API; ask: the customer decides. Null: the server's default."`
	}
}

// CreatedLink is a link for a customer.
type CreatedLink struct {
	Link string `json:"link" format:"uri" doc:"Whoever has it can connect an account in the customer's name."`
	ID   string `json:"id" doc:"By which the link is revoked."`
}

func (s *server) createLink(ctx context.Context, in *createLinkIn) (*CreatedLink, error) {
	b := in.Body
	var c complaints
	set := connect.LinkSettings{
		Email: c.email("body.end_user_email", b.Email), Organization: c.required("body.end_user_organization_name", b.Organization, maxOrganization),
		Tool: trimmed(b.Tool), Language: b.chosen(), ScopeConfig: trimmed(b.ScopeConfig), FieldMapping: b.FieldMapping,
		OnlyCreated: connect.OnlyCreated(trimmed(b.OnlyCreated)),
	}
	if b.OriginID != nil {
		set.OriginID = new(c.required("body.end_user_origin_id", *b.OriginID, maxOrganization))
	}
	if b.Category != "ATS" {
		c.add("body.integration_category", `must be ATS, got %s; pass integration_category: "ATS" (clients send HRIS when nothing is passed)`, b.Category)
	}
	if env := trimmed(b.Environment); env != "" && set.Tool == "" {
		c.add("body.remote_environment", "can only be given together with integration_tool")
	} else if env != "" {
		c.add("body.remote_environment", "the tool has no environments to choose from; leave it out")
	}
	if b.Filtering {
		c.add("body.enable_filtering", "is for the category HRIS only; leave it out or pass false")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return s.makeLink(ctx, connect.Connect, b.LinkType, nil, set)
}

// maxOrganization bounds names and IDs of customers, in characters.
const maxOrganization = 500

func trimmed(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

type relinkIn struct {
	IntegrationPath
	Body struct {
		LinkLanguage
		ScopeConfig *string `json:"scope_config_id,omitempty" doc:"Comes into force when the customer has finished. Null: no change."`
		LinkType    string  `json:"link_type,omitempty" enum:"EMBEDDED,MAGIC_LINK" default:"EMBEDDED"`
		OnlyCreated *string `json:"only_created_applications,omitempty" enum:"on,off,ask" doc:"As at create-link; null: no change."`
	}
}

func (s *server) relink(ctx context.Context, in *relinkIn) (*CreatedLink, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.makeLink(ctx, connect.Relink, in.Body.LinkType, &i, connect.LinkSettings{
		Language: in.Body.chosen(), ScopeConfig: trimmed(in.Body.ScopeConfig), OnlyCreated: connect.OnlyCreated(trimmed(in.Body.OnlyCreated)),
	})
}

type setupLinkIn struct {
	IntegrationPath
	Body struct {
		LinkLanguage
		LinkType string `json:"link_type" enum:"EMBEDDED,MAGIC_LINK"`
	}
}

func (s *server) setupLink(ctx context.Context, in *setupLinkIn) (*CreatedLink, error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.makeLink(ctx, connect.Setup, in.Body.LinkType, &i, connect.LinkSettings{Language: in.Body.chosen()})
}

func (s *server) makeLink(ctx context.Context, kind connect.Kind, typ string, i *store.Integration, set connect.LinkSettings) (*CreatedLink, error) {
	l, address, err := s.Connect.Create(ctx, kind, connect.LinkType(typ), i, set)
	if err != nil {
		return nil, fmt.Errorf("make a link: %w", err)
	}
	return &CreatedLink{Link: address, ID: l.ID}, nil
}

// ConnectedIntegration is what a customer has connected.
type ConnectedIntegration struct {
	Tool         string  `json:"tool"`
	ID           string  `json:"id" doc:"Keep it: it names the integration in all other operations."`
	OriginID     *string `json:"end_user_origin_id"`
	Organization string  `json:"end_user_organization_name"`
	Email        *string `json:"end_user_email"`
	SetupStatus  string  `json:"setup_status" enum:"INCOMPLETE,FINAL_SYNC_PENDING,COMPLETED"`
}

func (s *server) integrationByToken(ctx context.Context, in *struct {
	Token string `path:"token" doc:"The activation token that the page handed to yours."`
},
) (*ConnectedIntegration, error) {
	return s.exchange(ctx, "path.token", in.Token)
}

func (s *server) activateIntegration(ctx context.Context, in *struct {
	Body struct {
		Token string `json:"token" doc:"The activation token that the page handed to yours."`
	}
},
) (*ConnectedIntegration, error) {
	return s.exchange(ctx, "body.token", in.Body.Token)
}

func (s *server) exchange(ctx context.Context, where, token string) (*ConnectedIntegration, error) {
	i, err := s.Connect.Exchange(ctx, token)
	for _, known := range []struct {
		err error
		say string
	}{
		{connect.ErrInvalid, "is no activation token of this server; pass the one that the connect page handed to your page, unchanged"},
		{connect.ErrExpired, "has expired: an activation token is good for 15 minutes; the webhook integration-created names the integration, too, and GET /v1/integrations lists it"},
		{connect.ErrCompleted, "was exchanged already, which works once; keep the integration's ID from the first answer, or find it with GET /v1/integrations"},
		{connect.ErrRevoked, "belongs to an integration that was deleted since; make a new link"},
	} {
		if !errors.Is(err, known.err) {
			continue
		}
		if strings.HasPrefix(where, "path.") {
			return nil, noSuch("%s: %s", where, known.say)
		}
		return nil, ats.Errorf(ats.InputInvalid, "%s: %s", where, known.say)
	}
	if err != nil {
		return nil, fmt.Errorf("exchange an activation token: %w", err)
	}
	s.about(ctx, i)
	return &ConnectedIntegration{
		Tool: i.Tool, ID: i.ID, OriginID: i.OriginID, Organization: i.OrganizationName, Email: i.CreatorEmail, SetupStatus: i.SetupStatus,
	}, nil
}

// LinkSummary is a link as the list shows it: nobody can open it with that.
type LinkSummary struct {
	ID            string  `json:"id"`
	Kind          string  `json:"kind" enum:"CONNECT,RELINK,SETUP"`
	LinkType      string  `json:"link_type" enum:"EMBEDDED,MAGIC_LINK"`
	Status        string  `json:"status" enum:"OPEN,COMPLETED,EXPIRED,REVOKED"`
	IntegrationID *string `json:"integration_id" doc:"The one that it is about, or that came of it. Null: none, or it was deleted."`
	Organization  *string `json:"end_user_organization_name"`
	Email         *string `json:"end_user_email"`
	OriginID      *string `json:"end_user_origin_id"`
	Tool          *string `json:"integration_tool"`
	Language      *string `json:"language"`
	ScopeConfig   *string `json:"scope_config_id"`
	FieldMapping  bool    `json:"enable_field_mapping"`
	OnlyCreated   *string `json:"only_created_applications" enum:"on,off,ask"`
	CreatedAt     string  `json:"created_at" format:"date-time"`
	ExpiresAt     string  `json:"expires_at" format:"date-time"`
	CompletedAt   *string `json:"completed_at" format:"date-time"`
	RevokedAt     *string `json:"revoked_at" format:"date-time"`
}

func (s *server) listLinks(ctx context.Context, in *struct{ RawQuery }) (*Results[LinkSummary], error) {
	q, c, err := paged(in.RawQuery, maxPageSize, "links", noScope)
	if err != nil {
		return nil, err
	}
	var before *connect.Link
	if q.cursor != "" {
		before = &connect.Link{CreatedAt: c.at, ID: c.id}
	}
	found, err := s.Connect.List(ctx, before, q.PageSize+1)
	if err != nil {
		return nil, err
	}
	ids := map[int64]*string{}
	for _, l := range found {
		if _, seen := ids[l.Integration]; seen || l.Integration == 0 {
			continue
		}
		i, err := s.Store.IntegrationByNo(ctx, l.Integration)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("read the integration of link %s: %w", l.ID, err)
		}
		ids[l.Integration] = known(i.ID)
	}
	now := s.Now().UnixMilli()
	return pageOf(found, q.PageSize,
		func(l connect.Link) LinkSummary { return linkSummary(l, ids[l.Integration], now) },
		func(l connect.Link) cursor { return cursor{"links", noScope, l.CreatedAt, l.ID} }), nil
}

func linkSummary(l connect.Link, integration *string, now int64) LinkSummary {
	set := l.Settings
	return LinkSummary{
		ID: l.ID, Kind: string(l.Kind), LinkType: string(l.Type), Status: string(l.State(now)), IntegrationID: integration,
		Organization: known(set.Organization), Email: known(set.Email), OriginID: set.OriginID, Tool: known(set.Tool), Language: known(set.Language),
		ScopeConfig: known(set.ScopeConfig), FieldMapping: set.FieldMapping, OnlyCreated: known(string(set.OnlyCreated)),
		CreatedAt: ats.Milli(l.CreatedAt).String(), ExpiresAt: ats.Milli(l.ExpiresAt).String(),
		CompletedAt: instant(l.CompletedAt), RevokedAt: instant(l.RevokedAt),
	}
}

func (s *server) revokeLink(ctx context.Context, in *struct {
	ID string `path:"link_id"`
},
) (*nothing, error) {
	none := func() error { return noSuch("path.link_id: there is no link %s", quote(in.ID)) }
	if !ats.ValidID(in.ID) {
		return nil, none()
	}
	if err := s.Connect.Revoke(ctx, in.ID); errors.Is(err, store.ErrNotFound) {
		return nil, none()
	} else if err != nil {
		return nil, fmt.Errorf("revoke link %s: %w", in.ID, err)
	}
	return &nothing{}, nil
}
