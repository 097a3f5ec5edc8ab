package api

import (
	"context"
	"fmt"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/media"
	"github.com/kladka/kladka/internal/store"
)

// Uploads knows as what files were uploaded, which the ATS does not tell: by our ID of the candidate
// and the digest of the files' names.
type Uploads interface {
	UploadedTypes(ctx context.Context, no int64, candidateID string) (map[string]connector.FileType, error)
}

type applicationAttachmentIn struct {
	ActionHeaders
	ApplicationPath
	Body attachmentBody
}

type candidateAttachmentIn struct {
	ActionHeaders
	CandidatePath
	Body attachmentBody
}

type attachmentBody struct {
	Attachment AttachmentInput `json:"attachment"`
	RemoteFields
}

func (s *server) addApplicationAttachment(ctx context.Context, in *applicationAttachmentIn) (done[nothing], error) {
	i, file, err := s.attaching(ctx, in.ActionHeaders, action.AddApplicationAttachment, in.Body)
	if err != nil {
		return done[nothing]{}, err
	}
	application, candidate, err := s.application(ctx, i, in.ApplicationID)
	if err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.AddApplicationAttachment, in.Key, &connector.AddFile{CandidateID: candidate, ApplicationID: application, File: file})
}

func (s *server) addCandidateAttachment(ctx context.Context, in *candidateAttachmentIn) (done[nothing], error) {
	i, file, err := s.attaching(ctx, in.ActionHeaders, action.AddCandidateAttachment, in.Body)
	if err != nil {
		return done[nothing]{}, err
	}
	candidate, err := s.candidate(ctx, i, in.CandidateID)
	if err != nil {
		return done[nothing]{}, err
	}
	return s.simply(ctx, i, action.AddCandidateAttachment, in.Key, &connector.AddFile{CandidateID: candidate, File: file})
}

// attaching judges a file that is to be added.
func (s *server) attaching(ctx context.Context, headers ActionHeaders, operation string, in attachmentBody) (store.Integration, connector.File, error) {
	i, err := s.begin(ctx, headers.Integration, operation)
	if err != nil {
		return i, connector.File{}, err
	}
	var c complaints
	file := c.attachment("body.attachment", in.Attachment, callOf(ctx).contents)
	return i, file, c.err()
}

// Attachments are all files of a candidate.
type Attachments[T any] struct {
	Results []T `json:"results"`
}

// Attachment is a file.
type Attachment struct {
	Identity
	Type        string `json:"type" enum:"CV,COVER_LETTER,OTHER" doc:"As what it was uploaded here; OTHER for all others, since the ATS does not say."`
	FileName    string `json:"file_name"`
	ContentType string `json:"content_type" doc:"By the name's extension."`
	DataURL     string `json:"data_url" format:"uri" doc:"Where the content can be downloaded for an hour, without a key."`
	RemoteTimes
}

// CandidateAttachment is a file of a candidate.
type CandidateAttachment struct {
	Attachment
	ApplicationID *string `json:"application_id" doc:"Null where files belong to candidates."`
	CandidateID   string  `json:"candidate_id"`
}

type applicationAttachmentsIn struct {
	ApplicationPath
	Integration string `header:"X-Integration-Id" doc:"The integration to read."`
}

type candidateAttachmentsIn struct {
	CandidatePath
	Integration string `header:"X-Integration-Id" doc:"The integration to read."`
}

func (s *server) applicationAttachments(ctx context.Context, in *applicationAttachmentsIn) (done[Attachments[Attachment]], error) {
	none := done[Attachments[Attachment]]{}
	i, err := s.reading(ctx, in.Integration, ats.Applications, ats.Candidates)
	if err != nil {
		return none, err
	}
	_, candidate, err := s.application(ctx, i, in.ApplicationID)
	if err != nil {
		return none, err
	}
	files, err := s.attachments(ctx, i, candidate)
	return done[Attachments[Attachment]]{data: Attachments[Attachment]{files}}, err
}

func (s *server) candidateAttachments(ctx context.Context, in *candidateAttachmentsIn) (done[Attachments[CandidateAttachment]], error) {
	none := done[Attachments[CandidateAttachment]]{}
	i, err := s.reading(ctx, in.Integration, ats.Candidates)
	if err != nil {
		return none, err
	}
	candidate, err := s.candidate(ctx, i, in.CandidateID)
	if err != nil {
		return none, err
	}
	files, err := s.attachments(ctx, i, candidate)
	if err != nil {
		return none, err
	}
	out := make([]CandidateAttachment, len(files))
	for n, f := range files {
		out[n] = CandidateAttachment{Attachment: f, CandidateID: ats.Namespace(i.ID).ID(ats.Candidates, candidate)}
	}
	return done[Attachments[CandidateAttachment]]{data: Attachments[CandidateAttachment]{out}}, nil
}

// reading finds the integration whose files are to be read. Files belong to candidates: where those are
// switched off, nothing of them is served.
func (s *server) reading(ctx context.Context, id string, models ...ats.Model) (store.Integration, error) {
	i, err := s.active(ctx, id)
	for _, m := range models {
		if err == nil {
			err = modelOn(i, m)
		}
	}
	return i, err
}

// attachments asks the ATS for the files of a candidate.
func (s *server) attachments(ctx context.Context, i store.Integration, candidate string) ([]Attachment, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	tenant, err := s.tenant(ctx, i)
	if err != nil {
		return nil, err
	}
	files, err := tenant.Attachments(ctx, candidate)
	if err != nil {
		return nil, fmt.Errorf("list the files of a candidate: %w", fromATS(err))
	}
	var uploaded map[string]connector.FileType
	if s.Uploads != nil {
		if uploaded, err = s.Uploads.UploadedTypes(ctx, i.No, ats.Namespace(i.ID).ID(ats.Candidates, candidate)); err != nil {
			return nil, err
		}
	}
	out := make([]Attachment, len(files))
	for n, f := range files {
		out[n] = Attachment{
			Identity: Identity{ID: ats.Namespace(i.ID).ID(ats.Attachments, candidate+":"+f.ID), RemoteID: f.ID},
			Type:     string(connector.OtherFile), FileName: f.Name, ContentType: media.TypeOf(f.Name),
		}
		if typ, ok := uploaded[store.Digest([]byte(f.Name))]; ok {
			out[n].Type = string(typ)
		}
		if f.CreatedAt != nil {
			out[n].RemoteCreatedAt = new(f.CreatedAt.String())
		}
		if out[n].DataURL, err = s.downloadURL(i, candidate, f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AttachmentRestrictions say which files an action takes.
type AttachmentRestrictions struct {
	TotalSize *int64 `json:"total_size_bytes"`
	Types     struct {
		CV          FileRestrictions `json:"CV"`
		CoverLetter FileRestrictions `json:"COVER_LETTER"`
		Other       FileRestrictions `json:"OTHER"`
	} `json:"types"`
}

// FileRestrictions say what files of a type may be like. Null means no bound of its own.
type FileRestrictions struct {
	Supported bool      `json:"is_supported"`
	Min       *int64    `json:"min_amount"`
	Max       *int64    `json:"max_amount"`
	MaxSize   *int64    `json:"max_file_size_bytes"`
	Accepted  *[]string `json:"accepted_mime_types" nullable:"true"`
}

type actionIn struct {
	Integration string `header:"X-Integration-Id" doc:"The integration in which the action would be carried out."`
	Action      string `path:"action" doc:"An action, as GET /v1/integrations/{integration_id} names it."`
}

// ActionDetails say what an action takes beyond its schema.
type ActionDetails struct {
	Restrictions orNull[AttachmentRestrictions] `json:"attachment_restrictions" doc:"Null for actions that take no files."`
}

func (s *server) getAction(ctx context.Context, in *actionIn) (*ActionDetails, error) {
	if _, err := s.integrationOfHeader(ctx, in.Integration); err != nil {
		return nil, err
	}
	most := int64(0)
	switch in.Action {
	case action.CreateCandidate, action.CreateApplication:
		most = maxFiles
	case action.AddApplicationAttachment, action.AddCandidateAttachment:
		most = 1
	case action.MoveApplication, action.RejectApplication, action.AddApplicationLink, action.AddCandidateLink, action.AddNote, action.AddTag, action.RemoveTag:
		return &ActionDetails{}, nil
	default:
		return nil, noSuch("path.action: there is no action %s", quote(in.Action))
	}
	each := FileRestrictions{Supported: true, Min: new(int64(0)), Max: &most, MaxSize: &s.MaxFile}
	out := AttachmentRestrictions{TotalSize: new(max(maxAllData, s.MaxFile))}
	out.Types.CV, out.Types.CoverLetter, out.Types.Other = each, each, each
	return &ActionDetails{orNull[AttachmentRestrictions]{&out}}, nil
}
