package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

type syncIn struct {
	Integration string `header:"X-Integration-Id" doc:"The integration to sync."`
	Body        *struct {
		Type *string `json:"type,omitempty" enum:"FULL,DELTA" default:"FULL" doc:"FULL reads everything and finds deletions; DELTA reads what changed."`
	}
}

type startedSync struct {
	AlreadyQueued bool   `json:"already_queued"`
	SyncID        string `json:"sync_id"`
	Type          string `json:"type" enum:"FULL,DELTA" doc:"May differ from what was asked for."`
}

func (s *server) forceSync(ctx context.Context, in *syncIn) (*startedSync, error) {
	i, err := s.integrationOfHeader(ctx, in.Integration)
	if err != nil {
		return nil, err
	}
	if i.Status == store.StatusInactive {
		return nil, ats.Errorf(ats.Inactive, "The integration is switched off. PUT /v1/integrations/{integration_id}/enabled switches it on.")
	}
	if i.SetupStatus == store.SetupIncomplete {
		return nil, ats.Errorf(ats.SetupIncomplete, "The setup of the integration has open steps; POST /v1/integrations/{integration_id}/setup-link makes a link for them.")
	}
	typ := store.FullSync
	if in.Body != nil && in.Body.Type != nil {
		typ = store.RunType(*in.Body.Type)
	}
	run, already, err := s.StartSync(ctx, i, typ, "api")
	if err != nil {
		return nil, fmt.Errorf("start a sync of %s: %w", i.ID, err)
	}
	return &startedSync{AlreadyQueued: already, SyncID: run.ID, Type: string(run.Type)}, nil
}

// Sync is one sync.
type Sync struct {
	ID            string  `json:"id"`
	IntegrationID string  `json:"integration_id"`
	Type          string  `json:"type" enum:"FULL,DELTA"`
	State         string  `json:"state" enum:"QUEUED,RUNNING,SUCCEEDED,PARTIALLY_FAILED,FAILED,AUTHENTICATION_FAILED,CANCELLED,TIMED_OUT"`
	Cause         string  `json:"cause" doc:"What started it: schedule, api, cli, connect."`
	CreatedAt     string  `json:"created_at" format:"date-time"`
	StartedAt     *string `json:"started_at" format:"date-time"`
	ProgressAt    *string `json:"progress_at" format:"date-time" doc:"When it last got on."`
	Stalled       bool    `json:"stalled" doc:"Active, but without progress for some minutes: nobody works on it, or the ATS does not answer."`
	SetUpAt       *string `json:"set_up_at" format:"date-time" doc:"When all but the steps in the background were done."`
	EndedAt       *string `json:"ended_at" format:"date-time"`
	ErrorCode     *string `json:"error_code"`
	Error         *string `json:"error"`
	Steps         []Step  `json:"steps"`
}

// Step is the progress of one step of a sync.
type Step struct {
	Name       string  `json:"name"`
	Background bool    `json:"background"`
	State      string  `json:"state" enum:"PENDING,RUNNING,DONE,FAILED"`
	Total      *int64  `json:"total" doc:"How many rows there are to read; null while unknown."`
	Done       int64   `json:"done"`
	Written    int64   `json:"written" doc:"Records made or changed."`
	Unchanged  int64   `json:"unchanged"`
	Deleted    int64   `json:"deleted"`
	Missing    int64   `json:"missing" doc:"Rows that could not be read."`
	Requests   int64   `json:"requests" doc:"Requests sent to the ATS."`
	StartedAt  *string `json:"started_at" format:"date-time"`
	EndedAt    *string `json:"ended_at" format:"date-time"`
	Error      *string `json:"error"`
}

type syncPath struct {
	ID string `path:"sync_id" doc:"The sync's ID."`
}

func (s *server) getSync(ctx context.Context, in *syncPath) (*Sync, error) {
	if !ats.ValidID(in.ID) {
		return nil, noSuch("path.sync_id: there is no sync %s", quote(in.ID))
	}
	run, err := s.Store.Run(ctx, in.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("path.sync_id: there is no sync %s", quote(in.ID))
	} else if err != nil {
		return nil, fmt.Errorf("read sync %s: %w", in.ID, err)
	}
	i, err := s.Store.IntegrationByNo(ctx, run.Integration)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("path.sync_id: the integration of sync %s was deleted", quote(in.ID))
	} else if err != nil {
		return nil, fmt.Errorf("read the integration of sync %s: %w", in.ID, err)
	}
	s.about(ctx, i)
	out, err := s.showSync(ctx, i, run)
	return &out, err
}

type syncsIn struct {
	RawQuery
	IntegrationPath
}

func (s *server) listSyncs(ctx context.Context, in *syncsIn) (*Results[Sync], error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q, c, err := paged(in.RawQuery, maxPageSize, "syncs", i.ID)
	if err != nil {
		return nil, err
	}
	var before *store.Run
	if c.id != "" {
		before = &store.Run{CreatedAt: c.at, ID: c.id}
	}
	runs, err := s.Store.Runs(ctx, i.No, before, q.PageSize+1)
	if err != nil {
		return nil, fmt.Errorf("list syncs: %w", err)
	}
	shown := make([]Sync, len(runs))
	for n, run := range runs[:min(len(runs), q.PageSize)] {
		if shown[n], err = s.showSync(ctx, i, run); err != nil {
			return nil, err
		}
	}
	return pageOf(shown, q.PageSize, func(v Sync) Sync { return v }, func(v Sync) cursor {
		last := runs[q.PageSize-1]
		return cursor{"syncs", i.ID, last.CreatedAt, last.ID}
	}), nil
}

func (s *server) showSync(ctx context.Context, i store.Integration, run store.Run) (Sync, error) {
	steps, err := s.Store.Steps(ctx, run.ID)
	if err != nil {
		return Sync{}, fmt.Errorf("read the steps of sync %s: %w", run.ID, err)
	}
	out := Sync{
		ID: run.ID, IntegrationID: i.ID, Type: string(run.Type), State: string(run.State), Cause: run.Cause,
		CreatedAt: ats.Milli(run.CreatedAt).String(), StartedAt: instant(run.StartedAt), ProgressAt: instant(run.ProgressAt), Stalled: run.Stalled(s.Now().UnixMilli()),
		SetUpAt: instant(run.SetupAt), EndedAt: instant(run.EndedAt), ErrorCode: run.ErrorCode, Error: run.Error,
		Steps: make([]Step, 0, len(steps)),
	}
	for _, p := range steps {
		out.Steps = append(out.Steps, Step{
			Name: p.Step, Background: p.Background, State: string(p.State), Total: p.Total, Done: p.Done, Written: p.Written,
			Unchanged: p.Unchanged, Deleted: p.Deleted, Missing: p.Missing, Requests: p.Requests,
			StartedAt: instant(p.StartedAt), EndedAt: instant(p.EndedAt), Error: p.Error,
		})
	}
	return out, nil
}
