package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

const keyHeader = "Idempotency-Key"

// ActionHeaders are the headers of an action.
type ActionHeaders struct {
	Integration string `header:"X-Integration-Id" doc:"The integration to act in: the tool's name, a colon, 24 characters."`
	Key         string `header:"Idempotency-Key" maxLength:"255" pattern:"^[!-~]*$" doc:"Of your own making. A repeat with the same key gets the answer of the first request, or takes it up where it was interrupted."`
}

// ApplicationPath is an address below an application.
type ApplicationPath struct {
	ApplicationID string `path:"application_id" doc:"An application: Kladka's ID, or remote: and the ID of the ATS."`
}

// CandidatePath is an address below a candidate.
type CandidatePath struct {
	CandidateID string `path:"candidate_id" doc:"A candidate: Kladka's ID, or remote: and the ID of the ATS."`
}

// begin finds the integration of an action, and tells why it cannot be carried out, if so.
func (s *server) begin(ctx context.Context, id, operation string) (store.Integration, error) {
	i, err := s.active(ctx, id)
	if err != nil {
		return i, err
	}
	if err := actionOn(i, operation); err != nil {
		return i, err
	}
	for _, a := range s.toolOf(i).Actions {
		if a.ID == operation && a.Status == connector.Unsupported {
			return i, ats.Errorf(ats.ActionNotAvailable, "The tool %s offers no action %s. GET /v1/integrations/{integration_id} shows what it covers.", i.Tool, operation)
		}
	}
	return i, nil
}

// actionOn tells that an action is switched off, if so.
func actionOn(i store.Integration, operation string) error {
	if i.Scopes.Action(operation) {
		return nil
	}
	return ats.Errorf(ats.ActionDisabled, "The integration does not allow %s: its scope configuration, or the customer, switches it off. GET /v1/integrations/{integration_id} shows what it allows.", operation)
}

// do carries out an action that is well-formed.
func (s *server) do(ctx context.Context, i store.Integration, operation, key string, a connector.Action) (action.Answer, error) {
	if err := s.enter(ctx, i); err != nil {
		return action.Answer{}, err
	}
	answer, err := s.Actions.Do(ctx, i, action.Request{Operation: operation, Action: a, Key: key, RequestID: infoOf(ctx).id})
	if answer.Replayed {
		callOf(ctx).w.Header().Set("Idempotent-Replayed", "true")
	}
	if err != nil {
		return answer, fmt.Errorf("%s: %w", operation, fromATS(err))
	}
	return answer, nil
}

// simply is do for actions whose answer has no data.
func (s *server) simply(ctx context.Context, i store.Integration, operation, key string, a connector.Action) (done[nothing], error) {
	answer, err := s.do(ctx, i, operation, key, a)
	return done[nothing]{warnings: answer.Warnings}, err
}

// record is what a client named, as far as actions need it.
type record struct {
	RemoteID  string  `json:"remote_id"`
	Name      *string `json:"name"` // of a job
	Candidate *struct {
		RemoteID string `json:"remote_id"`
	} `json:"candidate"` // of an application
}

const remotePrefix = "remote:"

// nouns are the words for what a client names.
var nouns = map[ats.Model]string{
	ats.Jobs: "job", ats.ApplicationStages: "stage", ats.Candidates: "candidate", ats.Applications: "application",
	ats.RejectionReasons: "rejection reason", ats.Users: "user",
}

// look reads the record that a client named, by our ID or the ATS's; false when the store has none.
func (s *server) look(ctx context.Context, i store.Integration, m ats.Model, id string) (record, bool, error) {
	q := store.Query{Model: m, Integration: i.No, PageSize: 1, OnlyCreated: othersAreStored(i)}
	remote, isRemote := strings.CutPrefix(id, remotePrefix)
	switch {
	case isRemote && plainID(remote):
		q.RemoteIDs = []string{remote}
	case ats.ValidID(id):
		q.IDs = []string{id}
	default:
		return record{}, false, nil
	}
	page, err := s.Store.Page(ctx, q)
	if err != nil {
		return record{}, false, fmt.Errorf("look for a %s: %w", nouns[m], err)
	}
	if page.Count == 0 {
		return record{}, false, nil
	}
	var found record
	if err := json.Unmarshal(page.JSON, &found); err != nil {
		return record{}, false, fmt.Errorf("read a %s: %w", nouns[m], err)
	}
	return found, true, nil
}

// plainID reports whether an ID of the ATS can be one: letters, digits and what stands between them.
func plainID(id string) bool {
	return id != "" && len(id) <= maxRemoteID && !strings.ContainsFunc(id, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '-' || r == '_' || r == ':')
	})
}

// find is look for what must be there, at a place of the request.
func (s *server) find(ctx context.Context, i store.Integration, m ats.Model, where, id string) (record, error) {
	found, ok, err := s.look(ctx, i, m, id)
	if err != nil || ok {
		return found, err
	}
	if err := s.readable(ctx, s.toolOf(i), i, m); err != nil {
		return record{}, err // it may be the store that is behind
	}
	return record{}, noRecord(m, where, id)
}

func noRecord(m ats.Model, where, id string) error {
	const format = "%s: the integration has no %s %s"
	if strings.HasPrefix(where, "path.") {
		return noSuch(format, where, nouns[m], quote(id))
	}
	return ats.Errorf(ats.InputInvalid, format, where, nouns[m], quote(id))
}

// application finds the application that an address names, with its candidate.
func (s *server) application(ctx context.Context, i store.Integration, id string) (application, candidate string, err error) {
	found, err := s.find(ctx, i, ats.Applications, "path.application_id", id)
	if err != nil {
		return "", "", err
	}
	if found.Candidate == nil {
		if err := modelOn(i, ats.Candidates); err != nil {
			return "", "", err
		}
		return "", "", ats.Errorf(ats.InputInvalid, "path.application_id: the application %s has no candidate any more", quote(id))
	}
	return found.RemoteID, found.Candidate.RemoteID, nil
}

// candidate finds the candidate that an address names.
func (s *server) candidate(ctx context.Context, i store.Integration, id string) (string, error) {
	found, err := s.find(ctx, i, ats.Candidates, "path.candidate_id", id)
	return found.RemoteID, err
}

type moveIn struct {
	ActionHeaders
	ApplicationPath
	Body struct {
		StageID string `json:"stage_id" doc:"A stage of the application's job: Kladka's ID, or remote: and the ID of the ATS."`
		RemoteFields
	}
}

func (s *server) moveApplication(ctx context.Context, in *moveIn) (done[nothing], error) {
	i, err := s.begin(ctx, in.Integration, action.MoveApplication)
	if err != nil {
		return done[nothing]{}, err
	}
	application, err := s.find(ctx, i, ats.Applications, "path.application_id", in.ApplicationID)
	if err != nil {
		return done[nothing]{}, err
	}
	stage, err := s.find(ctx, i, ats.ApplicationStages, "body.stage_id", in.Body.StageID)
	if err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.MoveApplication, in.Key, &connector.MoveApplication{ApplicationID: application.RemoteID, StageID: stage.RemoteID})
}

// ResultLinkInput is a link to a result.
type ResultLinkInput struct {
	Label   string              `json:"label" example:"Coding test" doc:"By which a link is told from others at the same record."`
	URL     string              `json:"url" example:"https://tests.example.com/r/17"`
	Details *ResultDetailsInput `json:"details,omitempty"`
	RemoteFields
}

// ResultDetailsInput are values that go into custom fields.
type ResultDetailsInput struct {
	Prefix     string           `json:"custom_field_name_prefix" maxLength:"200" doc:"What stands before the key in the names of the custom fields."`
	Attributes []AttributeInput `json:"attributes" maxItems:"100"`
}

// AttributeInput is one value.
type AttributeInput struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (in ResultLinkInput) link() (*connector.AddResultLink, error) {
	var c complaints
	out := &connector.AddResultLink{Label: c.required("body.label", in.Label, 200), URL: c.address("body.url", in.URL)}
	if d := in.Details; d != nil {
		out.FieldPrefix = d.Prefix // blanks at its end may be meant
		c.line("body.details.custom_field_name_prefix", d.Prefix)
		seen := map[string]bool{}
		for n, a := range d.Attributes {
			at := fmt.Sprintf("body.details.attributes[%d].", n)
			key := c.required(at+"key", a.Key, 200)
			if seen[key] {
				c.add(at+"key", "must differ from those before it")
			}
			seen[key] = true
			out.Attributes = append(out.Attributes, connector.Attribute{Key: key, Value: c.text(at+"value", a.Value, 10000)})
		}
	}
	return out, c.err()
}

type applicationLinkIn struct {
	ActionHeaders
	ApplicationPath
	Body ResultLinkInput
}

func (s *server) addApplicationLink(ctx context.Context, in *applicationLinkIn) (done[nothing], error) {
	i, err := s.begin(ctx, in.Integration, action.AddApplicationLink)
	if err != nil {
		return done[nothing]{}, err
	}
	link, err := in.Body.link()
	if err != nil {
		return done[nothing]{}, err
	}
	if link.ApplicationID, link.CandidateID, err = s.application(ctx, i, in.ApplicationID); err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.AddApplicationLink, in.Key, link)
}

type candidateLinkIn struct {
	ActionHeaders
	CandidatePath
	Body ResultLinkInput
}

func (s *server) addCandidateLink(ctx context.Context, in *candidateLinkIn) (done[nothing], error) {
	i, err := s.begin(ctx, in.Integration, action.AddCandidateLink)
	if err != nil {
		return done[nothing]{}, err
	}
	link, err := in.Body.link()
	if err != nil {
		return done[nothing]{}, err
	}
	if link.CandidateID, err = s.candidate(ctx, i, in.CandidateID); err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.AddCandidateLink, in.Key, link)
}

type noteIn struct {
	ActionHeaders
	ApplicationPath
	Body struct {
		Content     string `json:"content" minLength:"1" maxLength:"100000" example:"Called on Monday."`
		ContentType string `json:"content_type" enum:"PLAIN_TEXT"`
		RemoteFields
	}
}

func (s *server) addNote(ctx context.Context, in *noteIn) (done[nothing], error) {
	i, err := s.begin(ctx, in.Integration, action.AddNote)
	if err != nil {
		return done[nothing]{}, err
	}
	var c complaints
	content := c.text("body.content", in.Body.Content, 100000)
	if strings.TrimSpace(content) == "" {
		c.add("body.content", "must not be blank")
	}
	if err := c.err(); err != nil {
		return done[nothing]{}, err
	}
	application, err := s.find(ctx, i, ats.Applications, "path.application_id", in.ApplicationID)
	if err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.AddNote, in.Key, &connector.AddNote{ApplicationID: application.RemoteID, Content: content})
}

type rejectIn struct {
	ActionHeaders
	ApplicationPath
	Body struct {
		ReasonID string `json:"rejection_reason_id" doc:"A rejection reason: Kladka's ID, or remote: and the ID of the ATS."`
		Note     string `json:"note,omitempty" maxLength:"10000"`
		RemoteFields
	}
}

func (s *server) rejectApplication(ctx context.Context, in *rejectIn) (done[nothing], error) {
	i, err := s.begin(ctx, in.Integration, action.RejectApplication)
	if err != nil {
		return done[nothing]{}, err
	}
	var c complaints
	note := strings.TrimSpace(c.text("body.note", in.Body.Note, 10000))
	if err := c.err(); err != nil {
		return done[nothing]{}, err
	}
	application, err := s.find(ctx, i, ats.Applications, "path.application_id", in.ApplicationID)
	if err != nil {
		return done[nothing]{}, err
	}
	reason, err := s.find(ctx, i, ats.RejectionReasons, "body.rejection_reason_id", in.Body.ReasonID)
	if err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.RejectApplication, in.Key, &connector.RejectApplication{ApplicationID: application.RemoteID, ReasonID: reason.RemoteID, Note: note})
}

type tagIn struct {
	ActionHeaders
	CandidatePath
	Body struct {
		Tag struct {
			Name string `json:"name"`
		} `json:"tag"`
		RemoteFields
	}
}

func (s *server) addTag(ctx context.Context, in *tagIn) (done[nothing], error) {
	return s.tag(ctx, in, action.AddTag, func(candidate, name string) connector.Action {
		return &connector.AddTag{CandidateID: candidate, Name: name}
	})
}

func (s *server) removeTag(ctx context.Context, in *tagIn) (done[nothing], error) {
	return s.tag(ctx, in, action.RemoveTag, func(candidate, name string) connector.Action {
		return &connector.RemoveTag{CandidateID: candidate, Name: name}
	})
}

func (s *server) tag(ctx context.Context, in *tagIn, operation string, of func(candidate, name string) connector.Action) (done[nothing], error) {
	i, err := s.begin(ctx, in.Integration, operation)
	if err != nil {
		return done[nothing]{}, err
	}
	var c complaints
	name := c.required("body.tag.name", in.Body.Tag.Name, 200)
	if err := c.err(); err != nil {
		return done[nothing]{}, err
	}
	candidate, err := s.candidate(ctx, i, in.CandidateID)
	if err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, operation, in.Key, of(candidate, name))
}

type importIn struct {
	ActionHeaders
	Body struct {
		TrackedAt *string `json:"tracked_at" nullable:"true" doc:"When the application was tracked."`
	}
}

// ImportedApplication is an application that was found by what a tracking pixel saw.
type ImportedApplication struct {
	ID         string         `json:"id"`
	TrackedAt  *string        `json:"tracked_at" format:"date-time"`
	ImportedID map[string]any `json:"imported_id"`
}

func (s *server) importTracked(ctx context.Context, in *importIn) (done[ImportedApplication], error) {
	i, err := s.active(ctx, in.Integration)
	if err != nil {
		return done[ImportedApplication]{}, err
	}
	if in.Body.TrackedAt != nil {
		var c complaints
		c.moment("body.tracked_at", *in.Body.TrackedAt)
		if err := c.err(); err != nil {
			return done[ImportedApplication]{}, err
		}
	}
	return done[ImportedApplication]{}, ats.Errorf(ats.ActionNotAvailable,
		"The tool %s has nothing by which a tracked application could be found. Create applications with POST /v1/ats/jobs/{job_id}/applications.", i.Tool)
}
