package connect

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// Fields lists the vendor's fields that custom fields can be mapped to.
func (s *Service) Fields(ctx context.Context, v Visit, attempt string) ([]connector.Field, error) {
	wanted := func(f connector.Field) bool {
		return slices.ContainsFunc(v.CustomFields, func(c store.CustomField) bool { return c.Model == f.Model })
	}
	if attempt == "" {
		return s.fieldsOf(ctx, v.Integration, wanted)
	}
	row, rec, err := s.stored(ctx, v, attempt)
	if err != nil {
		return nil, err
	}
	if row.State != store.AttemptReady {
		return nil, fmt.Errorf("attempt %s is not ready: %w", row.ID, store.ErrNotFound)
	}
	if rec.Fields != nil {
		return rec.Fields, nil
	}
	credentials, err := s.credentials(row)
	if err != nil {
		return nil, err
	}
	i := store.Integration{Tool: row.Tool, Scopes: v.Allowed()}
	tenant, err := s.Connect(s.Connectors[row.Tool], credentials, i)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if rec.Fields, err = s.ask(trail.With(ctx, trail.Cause{Request: row.RequestID}), tenant, wanted); err != nil {
		return nil, err
	}
	// Another page's answer is as good as this one.
	if err := s.Store.NoteFields(ctx, row.ID, rec.json()); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return rec.Fields, nil
}

// fieldsOf lists the fields of an integration: those that are stored, or the account's before its first sync.
func (s *Service) fieldsOf(ctx context.Context, i store.Integration, wanted func(connector.Field) bool) ([]connector.Field, error) {
	const most = 5000
	stored, err := s.Store.IntegrationFields(ctx, i.No, "", most)
	if err != nil {
		return nil, fmt.Errorf("list the fields of %s: %w", i.ID, err)
	}
	fields := []connector.Field{}
	for _, f := range stored {
		field := connector.Field{Model: f.Model, Key: f.Key, Type: f.Type}
		if f.Label != nil {
			field.Label = *f.Label
		}
		if wanted(field) {
			fields = append(fields, field)
		}
	}
	if len(fields) > 0 {
		slices.SortFunc(fields, byName)
		return fields, nil
	}
	_, tenant, err := s.Open(ctx, i)
	if err != nil {
		return nil, err
	}
	if fields, err = s.ask(ctx, tenant, wanted); err != nil {
		return nil, err
	}
	return fields, s.Store.PutFields(ctx, i.No, fields)
}

// ask asks the account for its fields.
func (s *Service) ask(ctx context.Context, tenant connector.Tenant, wanted func(connector.Field) bool) ([]connector.Field, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Within, errSlow)
	defer cancel()
	found := []connector.Field{}
	for _, step := range tenant.Plan() {
		if step.Fields == nil {
			continue
		}
		some, err := step.Fields(ctx)
		if _, denied := errors.AsType[*connector.ScopeError](err); denied {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("ask for the account's fields: %w", err)
		}
		for _, f := range some {
			if wanted(f) && !slices.ContainsFunc(found, func(o connector.Field) bool { return o.Model == f.Model && o.Type == f.Type && o.Key == f.Key }) {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, byName)
	return found, nil
}

// credentials opens those of an attempt.
func (s *Service) credentials(row store.Attempt) (map[string]string, error) {
	plain, err := s.Keys.Open(row.Credentials, attemptPlace(row.ID))
	if err != nil {
		return nil, fmt.Errorf("open the credentials of attempt %s: %w", row.ID, err)
	}
	var credentials map[string]string
	if err := json.Unmarshal(plain, &credentials); err != nil {
		return nil, fmt.Errorf("read the credentials of attempt %s: %w", row.ID, err)
	}
	return credentials, nil
}

// Finish completes the link.
func (s *Service) Finish(ctx context.Context, v Visit, attempt string, c Choices) (Outcome, error) {
	done, err := s.completion(ctx, v, attempt, c)
	if err == nil {
		_, _, err = s.Store.CompleteLink(ctx, done)
	}
	if err == nil || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrNotFound) || errors.Is(err, ErrReplaced) {
		// Whoever was first may have taken the attempt with them.
		if out, now := s.outcome(ctx, v.Link.ID); !errors.Is(now, errOpen) {
			return out, now
		}
	}
	return Outcome{}, err
}

var errOpen = errors.New("the link was not completed")

// outcome gives what a completed link gave.
func (s *Service) outcome(ctx context.Context, link string) (Outcome, error) {
	row, err := s.Store.Link(ctx, link)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Outcome{}, ErrRevoked
	case err != nil:
		return Outcome{}, err
	case row.CompletedAt == nil && row.RevokedAt == nil && s.now() < row.ExpiresAt:
		return Outcome{}, errOpen
	case row.CompletedAt == nil:
		return Outcome{}, s.whyClosed(ctx, link)
	}
	i, err := s.Store.IntegrationByNo(ctx, row.Integration)
	if errors.Is(err, store.ErrNotFound) {
		return Outcome{}, ErrRevoked
	} else if err != nil {
		return Outcome{}, fmt.Errorf("read the integration of link %s: %w", link, err)
	}
	out := Outcome{Integration: i}
	if row.ExchangedAt == nil && s.now() < *row.CompletedAt+reopenWithin.Milliseconds() {
		out.ActivationToken, err = token(s.ActivationKeys, activationPlace, activationToken{link, i.ID, s.now() + activationLasts.Milliseconds()})
	}
	return out, err
}

// completion says what the customer's last step changes.
func (s *Service) completion(ctx context.Context, v Visit, attempt string, c Choices) (store.Completion, error) {
	done := store.Completion{
		Link: v.Link.ID, Attempt: attempt,
		Run: func(tx *sql.Tx, r store.Run) error {
			err := s.Enqueue(ctx, tx, r.ID, 0)
			s.Point("connect.queued")
			return err
		},
	}
	if v.Link.CompletedAt != nil {
		return done, store.ErrClosed
	}
	var err error
	if len(v.CustomFields) > 0 && c.Mapping != nil {
		if done.Mapping, err = s.mapping(ctx, v, attempt, c.Mapping); err != nil {
			return done, err
		}
	}
	if v.Link.Kind == Setup {
		done.Attempt, done.SetUp = "", true
		return done, nil
	}
	row, _, err := s.stored(ctx, v, attempt)
	if err != nil {
		return done, err
	}
	if row.State != store.AttemptReady {
		return done, fmt.Errorf("attempt %s is not ready: %w", row.ID, store.ErrNotFound)
	}
	credentials, err := s.credentials(row)
	if err != nil {
		return done, err
	}
	set := v.Link.Settings
	declined := optional(v.Scopes, c.Declined)
	id := v.Integration.ID
	if v.Link.Kind == Relink {
		done.ScopeConfig = set.ScopeConfig
		done.Settings = func(settings *store.Settings) {
			settings.Declined = declined
			settings.OnlyCreated = chosen(set.OnlyCreated, c.OnlyCreated, settings.OnlyCreated)
		}
	} else {
		id = ats.NewIntegrationID(row.Tool)
		done.New = &store.Integration{
			ID: id, Tool: row.Tool, Status: store.StatusActive, SetupStatus: store.SetupSyncing,
			OrganizationName: set.Organization, CreatorEmail: &set.Email, OriginID: set.OriginID, Tenant: row.Tenant,
			Settings:    store.Settings{Declined: declined, OnlyCreated: chosen(set.OnlyCreated, c.OnlyCreated, s.OnlyCreated)},
			ScopeConfig: store.ScopeConfig{ID: set.ScopeConfig},
		}
		if len(v.CustomFields) > 0 && c.Mapping == nil {
			done.New.SetupStatus = store.SetupIncomplete
		}
	}
	done.Credentials, err = s.Seal(id, credentials)
	return done, err
}

// chosen says whether only created applications are kept.
func chosen(link OnlyCreated, customer, otherwise bool) bool {
	switch link {
	case OnlyCreatedOn:
		return true
	case OnlyCreatedOff:
		return false
	case OnlyCreatedAsk:
		return customer
	}
	return otherwise
}

// optional gives those of what was declined that may be.
func optional(c ats.ScopeConfig, declined []string) []string {
	var may []string
	for m, scope := range c.Models {
		if scope.Setting == ats.Optional {
			may = append(may, string(m))
		}
		for f, setting := range scope.Fields {
			if setting == ats.Optional {
				may = append(may, string(m)+"."+f)
			}
		}
	}
	for a, setting := range c.Actions {
		if setting == ats.Optional {
			may = append(may, a)
		}
	}
	slices.Sort(may)
	return slices.DeleteFunc(may, func(what string) bool { return !slices.Contains(declined, what) })
}

// mapping gives the vendor's field for each custom field, after what there is to choose from.
func (s *Service) mapping(ctx context.Context, v Visit, attempt string, chosen map[string]FieldRef) (map[string]*connector.Field, error) {
	fields, err := s.Fields(ctx, v, attempt)
	if err != nil {
		return nil, err
	}
	out := map[string]*connector.Field{}
	for _, custom := range v.CustomFields {
		ref := chosen[custom.ID]
		out[custom.ID] = nil
		if ref == (FieldRef{}) {
			continue
		}
		at := slices.IndexFunc(fields, func(f connector.Field) bool { return f.Model == ref.Model && f.Type == ref.Type && f.Key == ref.Key })
		if at < 0 || ref.Model != custom.Model {
			return nil, ats.Errorf(ats.InputInvalid, "custom field %s: there is no field %q that it can be mapped to", custom.Key, ref.Key)
		}
		out[custom.ID] = &fields[at]
	}
	return out, nil
}
