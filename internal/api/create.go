package api

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// CreatedApplication is an application with all that is known of its candidate.
type CreatedApplication struct {
	Application
	Candidate orNull[Candidate] `json:"candidate"`
}

// rendered is a record that is JSON already.
type rendered[T any] struct{ json []byte }

// Schema gives the record's schema.
func (rendered[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// MarshalJSON gives the record.
func (r rendered[T]) MarshalJSON() ([]byte, error) { return r.json, nil }

type createCandidateIn struct {
	ActionHeaders
	Body struct {
		ApplicantInput
		Application struct {
			JobID   string `json:"job_id" doc:"A job: Kladka's ID, or remote: and the ID of the ATS."`
			StageID string `json:"stage_id,omitempty" minLength:"1" doc:"A stage of the job; without it, where the ATS puts newcomers."`
		} `json:"application"`
	}
}

func (s *server) createCandidate(ctx context.Context, in *createCandidateIn) (done[rendered[Candidate]], error) {
	none := done[rendered[Candidate]]{}
	to := target{"body.application.job_id", in.Body.Application.JobID, "body.application.stage_id", in.Body.Application.StageID}
	made, err := s.create(ctx, in.ActionHeaders, action.CreateCandidate, in.Body.ApplicantInput, to)
	if err != nil {
		return none, err
	}
	text, err := s.createdCandidate(ctx, made)
	return done[rendered[Candidate]]{rendered[Candidate]{text}, made.Warnings}, err
}

type createApplicationIn struct {
	ActionHeaders
	JobID string `path:"job_id" doc:"A job: Kladka's ID, or remote: and the ID of the ATS."`
	Body  struct {
		ApplicantInput
		StageID string `json:"stage_id,omitempty" minLength:"1" doc:"A stage of the job; without it, where the ATS puts newcomers."`
	}
}

func (s *server) createApplication(ctx context.Context, in *createApplicationIn) (done[rendered[CreatedApplication]], error) {
	none := done[rendered[CreatedApplication]]{}
	to := target{"path.job_id", in.JobID, "body.stage_id", in.Body.StageID}
	made, err := s.create(ctx, in.ActionHeaders, action.CreateApplication, in.Body.ApplicantInput, to)
	if err != nil {
		return none, err
	}
	text, err := s.createdApplication(ctx, made)
	return done[rendered[CreatedApplication]]{rendered[CreatedApplication]{text}, made.Warnings}, err
}

// created is an application that was made, and what is known of it without the store.
type created struct {
	action.Answer
	in          store.Integration
	application connector.CreateApplication
	jobName     *string
}

// target is the job and the stage of an application, and where in the request they stand.
type target struct{ jobAt, jobID, stageAt, stageID string }

// create makes an application.
func (s *server) create(ctx context.Context, headers ActionHeaders, operation string, in ApplicantInput, to target) (created, error) {
	i, err := s.begin(ctx, headers.Integration, operation)
	if err != nil {
		return created{}, err
	}
	var c complaints
	out := created{in: i}
	out.application.Candidate, out.application.Files = c.applicant(in, callOf(ctx).contents)
	if err := c.err(); err != nil {
		return created{}, err
	}
	if err := s.place(ctx, &out, to); err != nil {
		return created{}, err
	}
	if in.SourcedBy != nil {
		user, err := s.find(ctx, i, ats.Users, "body.sourced_by.user_id", in.SourcedBy.UserID)
		if err != nil {
			return created{}, err
		}
		out.application.Candidate.SourcedBy = user.RemoteID
	}
	out.Answer, err = s.do(ctx, i, operation, headers.Key, &out.application)
	return out, err
}

// place finds the job and the stage of an application. A job by the ATS's ID may be newer than what
// the store has; then its stages are, too.
func (s *server) place(ctx context.Context, out *created, to target) error {
	a := &out.application
	newJob, byRemote := strings.CutPrefix(to.jobID, remotePrefix)
	job, ok, err := s.look(ctx, out.in, ats.Jobs, to.jobID)
	switch {
	case err != nil:
		return err
	case ok:
		a.JobID, out.jobName = job.RemoteID, job.Name
	case byRemote && plainID(newJob):
		a.JobID, a.JobUnknown = newJob, true
	default:
		_, err := s.find(ctx, out.in, ats.Jobs, to.jobAt, to.jobID)
		return err
	}
	if to.stageID == "" {
		return nil
	}
	newStage, byRemote := strings.CutPrefix(to.stageID, remotePrefix)
	byRemote = byRemote && plainID(newStage)
	if a.JobUnknown && byRemote {
		a.StageID = newStage
		return nil
	}
	stage, err := s.find(ctx, out.in, ats.ApplicationStages, to.stageAt, to.stageID)
	if err != nil && byRemote && ats.CodeOf(err) == ats.SetupSyncPending {
		a.StageID = newStage // the job came to the store before its stages, with an earlier application
		return nil
	}
	a.StageID = stage.RemoteID
	return err
}

// served reads a record as its list serves it; nil when the store does not have it.
func (s *server) served(ctx context.Context, i store.Integration, m ats.Model, remoteID string) ([]byte, error) {
	if remoteID == "" {
		return nil, nil
	}
	q := store.Query{Model: m, Integration: i.No, PageSize: 1, IDs: []string{ats.Namespace(i.ID).ID(m, remoteID)}, OnlyCreated: othersAreStored(i)}
	q.RemoteData = s.remoteData(i, m)
	page, err := s.Store.Page(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read what was made: %w", err)
	}
	if page.Count == 0 {
		return nil, nil
	}
	return page.JSON, nil
}

// createdCandidate shows the candidate of a new application.
func (s *server) createdCandidate(ctx context.Context, made created) ([]byte, error) {
	text, err := s.served(ctx, made.in, ats.Candidates, made.CandidateID)
	if err == nil && text == nil {
		text, err = s.newCandidate(made)
	}
	if err != nil {
		return nil, err
	}
	return ats.Hide(ats.Candidates, text, made.in.Scopes)
}

// newCandidate shows a candidate whom the store does not have yet: what the client said.
func (s *server) newCandidate(made created) ([]byte, error) {
	c := made.application.Candidate
	shown := ats.Candidate{
		RemoteID: made.CandidateID, FirstName: &c.FirstName, LastName: &c.LastName,
		EmailAddresses: []ats.EmailAddress{{EmailAddress: c.Email}},
	}
	r, err := ats.Render(ats.Namespace(made.in.ID), shown)
	if err != nil {
		return nil, err
	}
	return s.completed(r.Own, map[string]any{"applications": []any{}, "tags": []any{}})
}

// createdApplication shows a new application. Unlike in lists, its candidate is shown whole.
func (s *server) createdApplication(ctx context.Context, made created) ([]byte, error) {
	text, err := s.served(ctx, made.in, ats.Applications, made.ApplicationID)
	if err != nil {
		return nil, err
	}
	if text == nil {
		if text, err = s.newApplication(made); err != nil {
			return nil, err
		}
	}
	candidate, err := s.createdCandidate(ctx, made)
	if err != nil {
		return nil, err
	}
	if text, err = ats.Hide(ats.Applications, text, made.in.Scopes); err != nil {
		return nil, err
	}
	return with(text, map[string]any{"candidate": json.RawMessage(candidate)})
}

// newApplication shows an application that the store does not have yet.
func (s *server) newApplication(made created) ([]byte, error) {
	ids, a := ats.Namespace(made.in.ID), made.application
	r, err := ats.Render(ids, ats.Application{
		RemoteID: made.ApplicationID, Outcome: new(ats.Pending),
		CandidateRemoteID: made.CandidateID, JobRemoteID: a.JobID, StageRemoteID: a.StageID,
	})
	if err != nil {
		return nil, err
	}
	job, err := ats.Render(ids, ats.Job{RemoteID: a.JobID, Name: made.jobName})
	if err != nil {
		return nil, err
	}
	return s.completed(r.Own, map[string]any{"candidate": nil, "current_stage": nil, "job": json.RawMessage(job.Ref)})
}

// completed adds to a record what the store would splice in.
func (s *server) completed(own []byte, nested map[string]any) ([]byte, error) {
	nested["changed_at"], nested["remote_deleted_at"], nested["remote_data"] = ats.TimeOf(s.Now()), nil, nil
	return with(own, nested)
}

// with sets keys of an object.
func with(object []byte, keys map[string]any) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		return nil, fmt.Errorf("read a record: %w", err)
	}
	for name, value := range keys {
		text, err := marshal(value)
		if err != nil {
			return nil, err
		}
		all[name] = text
	}
	return marshal(all)
}
