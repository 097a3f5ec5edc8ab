package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

const integrationHeader = "X-Integration-Id"

type listIn struct {
	RawQuery
	Integration string `header:"X-Integration-Id" doc:"The integration to read: the tool's name, a colon, 24 characters."`
}

// list makes the handler of a list.
func (s *server) list(l list) func(context.Context, *listIn) (*spliced, error) {
	params := l.params()
	return func(ctx context.Context, in *listIn) (*spliced, error) {
		q, err := parseQuery(in.RawQuery, params)
		if err != nil {
			return nil, err
		}
		i, err := s.integrationOfHeader(ctx, in.Integration)
		if err != nil {
			return nil, err
		}
		tool := s.toolOf(i)
		if err := s.readable(ctx, tool, i, l.model); err != nil {
			return nil, err
		}
		if q, err = supported(tool, i.Scopes, q, in.RawQuery, params); err != nil {
			return nil, err
		}
		if q.cursor != "" {
			c, err := parseCursor(q.cursor, string(l.model), i.ID)
			if err != nil {
				return nil, ats.Errorf(ats.InputInvalid, "query.cursor: %w", err)
			}
			q.After = &store.Cursor{TouchedAt: c.at, ID: c.id}
		}
		if q.nothing {
			return &spliced{}, nil
		}
		q.Model, q.Query.Integration = l.model, i.No
		q.Query.RemoteData = s.remoteData(i, l.model)
		q.OnlyCreated = othersAreStored(i)
		page, err := s.Store.Page(ctx, q.Query)
		if err != nil {
			return nil, err
		}
		out := &spliced{}
		if out.records, err = hide(i, l.model, page.JSON); err != nil {
			return nil, err
		}
		if page.Next != nil {
			out.next = new(cursor{string(l.model), i.ID, page.Next.TouchedAt, page.Next.ID}.String())
		}
		return out, nil
	}
}

// othersAreStored reports that applications may be stored that were not created through the API, although no
// others are kept: the next sync erases them.
func othersAreStored(i store.Integration) bool {
	return i.Settings.OnlyCreated && i.DataExpiredAt != nil
}

// remoteData gives the reader of a model's raw rows; nil where they are not served.
func (s *server) remoteData(i store.Integration, m ats.Model) store.RemoteData {
	if s.RemoteData == nil || !i.Scopes.Field(m, "remote_data") {
		return nil
	}
	return s.RemoteData(i)
}

// hide takes out of records, separated by commas, what the integration's scopes switch off. Most of it is not
// stored any more after the next sync; what records embed stays stored for its own list.
func hide(i store.Integration, m ats.Model, records []byte) ([]byte, error) {
	if i.Scopes.Whole() || len(records) == 0 {
		return records, nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(slices.Concat([]byte("["), records, []byte("]")), &all); err != nil {
		return nil, fmt.Errorf("read records of %s: %w", m, err)
	}
	out := make([]byte, 0, len(records))
	for n, record := range all {
		hidden, err := ats.Hide(m, record, i.Scopes)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, ',')
		}
		out = append(out, hidden...)
	}
	return out, nil
}

// supported deals with filters on fields that the tool does not cover, or that are switched off: they find
// nothing, or are left out when the client says so.
func supported(tool connector.Tool, scopes ats.Scopes, q *listQuery, raw RawQuery, params []param) (*listQuery, error) {
	missing := func(f field) bool { return !covers(tool, f) || !scopes.Field(f.model, f.id) }
	if !slices.ContainsFunc(q.filtered, missing) {
		return q, nil
	}
	if !q.ignoreUnsupported {
		q.nothing = true
		return q, nil
	}
	return parseQuery(raw, slices.DeleteFunc(slices.Clone(params), func(p param) bool { return p.of.id != "" && missing(p.of) }))
}

// covers reports whether a tool has a field. One that its coverage does not mention may be there.
func covers(t connector.Tool, f field) bool {
	for _, m := range t.Models {
		if m.Model != f.model {
			continue
		}
		for _, c := range m.Fields {
			if c.ID == f.id {
				return c.Status != connector.Unsupported && c.Status != connector.NotImplemented
			}
		}
	}
	return true
}

// integrationOfHeader finds the integration that a request names. Whatever is wrong with the
// header, the answer is the contract's code for an integration that is not there.
func (s *server) integrationOfHeader(ctx context.Context, id string) (store.Integration, error) {
	if id == "" {
		return store.Integration{}, ats.Errorf(ats.NoIntegration, "The header %s is missing. GET /v1/integrations lists what can be named.", integrationHeader)
	}
	return s.integration(ctx, id)
}

// integration finds an integration by its public ID.
func (s *server) integration(ctx context.Context, id string) (store.Integration, error) {
	none := func() error {
		return ats.Errorf(ats.NoIntegration, "There is no integration %s. GET /v1/integrations lists those that are there.", quote(id))
	}
	if !ats.ValidIntegrationID(id) || !validText(id) {
		return store.Integration{}, none()
	}
	if i := infoOf(ctx).integration; i.ID == id {
		return i, nil
	}
	i, err := s.Store.Integration(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Integration{}, none()
	} else if err != nil {
		return store.Integration{}, fmt.Errorf("read integration %s: %w", id, err)
	}
	s.about(ctx, i)
	return i, nil
}

// readable tells why a model of an integration cannot be read, if so. Rejected credentials do
// not matter: what is stored stays readable.
func (s *server) readable(ctx context.Context, tool connector.Tool, i store.Integration, m ats.Model) error {
	at := slices.IndexFunc(tool.Models, func(c connector.ModelCoverage) bool { return c.Model == m })
	if at < 0 || tool.Models[at].Status == connector.Unsupported || tool.Models[at].Status == connector.NotImplemented {
		return ats.Errorf(ats.ModelNotAvailable, "The tool %s offers no %s. GET /v1/integrations/{integration_id} shows what it covers.", i.Tool, m)
	}
	if err := modelOn(i, m); err != nil {
		return err
	}
	if i.Status == store.StatusInactive {
		return ats.Errorf(ats.Inactive, "The integration is switched off. PUT /v1/integrations/{integration_id}/enabled switches it on.")
	}
	loaded, err := s.Store.Loaded(ctx, i.No)
	if err != nil {
		return fmt.Errorf("read which models are loaded: %w", err)
	}
	if _, ok := loaded[m]; ok {
		return nil
	}
	if i.SetupStatus == store.SetupIncomplete {
		return ats.Errorf(ats.SetupIncomplete, "The setup of the integration has open steps; nothing has been read yet.")
	}
	how, err := s.firstSync(ctx, i)
	if err != nil {
		return err
	}
	return ats.Errorf(ats.SetupSyncPending, "The first sync has not brought all %s yet. %s", m, how)
}

// modelOn tells that a model is switched off, if so.
func modelOn(i store.Integration, m ats.Model) error {
	if i.Scopes.Model(m) {
		return nil
	}
	return ats.Errorf(ats.ModelDisabled, "The integration shares no %s: its scope configuration, or the customer, switches them off. GET /v1/integrations/{integration_id} shows which.", m)
}

// firstSync says how far the first sync is.
func (s *server) firstSync(ctx context.Context, i store.Integration) (string, error) {
	runs, err := s.Store.Runs(ctx, i.No, nil, 10)
	if err != nil {
		return "", fmt.Errorf("read the syncs: %w", err)
	}
	if len(runs) == 0 {
		return "No sync has been started; POST /v1/force-sync starts one.", nil
	}
	at := slices.IndexFunc(runs, func(r store.Run) bool { return r.EndedAt == nil })
	if at < 0 {
		return fmt.Sprintf("The last one ended %s; GET /v1/syncs/%s says why, POST /v1/force-sync starts another.", runs[0].State, runs[0].ID), nil
	}
	run := runs[at]
	if run.State == store.RunQueued {
		return fmt.Sprintf("It is queued: GET /v1/syncs/%s.", run.ID), nil
	}
	steps, err := s.Store.Steps(ctx, run.ID)
	if err != nil {
		return "", fmt.Errorf("read the steps of sync %s: %w", run.ID, err)
	}
	done, now := 0, []string{}
	for _, p := range steps {
		switch p.State {
		case store.StepDone, store.StepFailed:
			done++
		case store.StepRunning:
			line := fmt.Sprintf("%s at %d", p.Step, p.Done)
			if p.Total != nil {
				line += fmt.Sprintf(" of %d", *p.Total)
			}
			now = append(now, line)
		}
	}
	out := fmt.Sprintf("%d of %d steps are done", done, len(steps))
	if len(now) > 0 {
		out += "; " + strings.Join(now, ", ")
	}
	return out + fmt.Sprintf(". GET /v1/syncs/%s has more.", run.ID), nil
}
