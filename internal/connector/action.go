package connector

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/kladka/kladka/internal/ats"
)

// Action is one thing to do in the ATS: one of the structs below. It names records by the ATS's
// own IDs, so that it can be carried out, and be taken up again by another process, without the
// store. Its JSON leaves out the contents of files.
type Action interface {
	// Attached gives the files whose contents the action needs.
	Attached() []*File
}

// CreateApplication brings a candidate into a job. A candidate who is there already, by e-mail
// address, gets the application and nothing else about them changes.
type CreateApplication struct {
	Candidate NewCandidate `json:"candidate"`
	JobID     string       `json:"job_id"`
	// JobUnknown is set for a job that the store does not have yet: what makes it known has to come
	// along with the outcome.
	JobUnknown bool `json:"-"`
	// StageID is empty for the stage in which the ATS puts newcomers.
	StageID string `json:"stage_id,omitempty"`
	Files   []File `json:"files,omitempty"`
	// KnownAs lists the candidates that the store has under the address, for tenants that do not let
	// themselves be searched.
	KnownAs []string `json:"-"`
}

// NewCandidate is what is known of somebody. Empty texts and nil mean that it was not said.
type NewCandidate struct {
	FirstName   string             `json:"first_name"`
	LastName    string             `json:"last_name"`
	Email       string             `json:"email"`
	MoreEmails  []string           `json:"more_emails,omitempty"`
	Phones      []string           `json:"phones,omitempty"`
	Company     string             `json:"company,omitempty"`
	Title       string             `json:"title,omitempty"`
	Location    *ats.Location      `json:"location,omitempty"`
	SocialLinks []string           `json:"social_links,omitempty"`
	Source      string             `json:"source,omitempty"`
	Gender      string             `json:"gender,omitempty"`       // MALE, FEMALE or OTHER
	AvailableOn string             `json:"available_on,omitempty"` // YYYY-MM-DD
	Salary      *SalaryExpectation `json:"salary,omitempty"`
	Consent     *Consent           `json:"consent,omitempty"`
	SourcedBy   string             `json:"sourced_by,omitempty"` // a user
	Answers     int                `json:"answers,omitempty"`    // how many screening questions were answered
}

// SalaryExpectation is what somebody wants to earn.
type SalaryExpectation struct {
	Period string  `json:"period"` // MONTH or YEAR
	Amount float64 `json:"amount"`
}

// Consent is somebody's word about the processing of their data.
type Consent struct {
	Given     *bool     `json:"given,omitempty"`
	ExpiresAt *ats.Time `json:"expires_at,omitempty"`
}

// FileType says what a file is for.
type FileType string

// The contract's types of files.
const (
	CV          FileType = "CV"
	CoverLetter FileType = "COVER_LETTER"
	OtherFile   FileType = "OTHER"
)

// File is a file to upload.
type File struct {
	Name        string   `json:"name"` // with extension, in NFC
	ContentType string   `json:"content_type,omitempty"`
	Type        FileType `json:"type"`
	// URL is where the content is fetched from; empty when it came along.
	URL string `json:"url,omitempty"`
	// SHA256 (hex) and Size belong to the content; unknown while it has not been fetched.
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	// Open gives the content, again at each call. ErrNoContent: it is not there any more.
	Open func() (io.ReadCloser, error) `json:"-"`
}

// ErrNoContent means that a file's content is lost: the process to which it was sent has ended.
var ErrNoContent = fmt.Errorf("the content of the file is not there any more")

// AddFile adds a file to a candidate, or to an application where the ATS can.
type AddFile struct {
	CandidateID   string `json:"candidate_id"`
	ApplicationID string `json:"application_id,omitempty"`
	File          File   `json:"file"`
}

// MoveApplication puts an application into another stage of its job.
type MoveApplication struct {
	ApplicationID string `json:"application_id"`
	StageID       string `json:"stage_id"`
}

// RejectApplication rejects an application.
type RejectApplication struct {
	ApplicationID string `json:"application_id"`
	ReasonID      string `json:"reason_id"`
	Note          string `json:"note,omitempty"`
}

// AddResultLink leaves a link to a result at a candidate, with values for custom fields.
type AddResultLink struct {
	CandidateID   string      `json:"candidate_id"`
	ApplicationID string      `json:"application_id,omitempty"`
	Label         string      `json:"label"`
	URL           string      `json:"url"`
	FieldPrefix   string      `json:"field_prefix,omitempty"`
	Attributes    []Attribute `json:"attributes,omitempty"`
	// Replaces is set when a link of this label was left before, with another URL or attributes.
	Replaces bool `json:"-"`
}

// Attribute is one value of a result.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// AddNote adds a plain text to an application.
type AddNote struct {
	ApplicationID string `json:"application_id"`
	Content       string `json:"content"`
}

// AddTag puts a tag on a candidate; it is made when there is none of that name.
type AddTag struct {
	CandidateID string `json:"candidate_id"`
	Name        string `json:"name"`
}

// RemoveTag takes a tag off a candidate. One that is not there is no error.
type RemoveTag struct {
	CandidateID string `json:"candidate_id"`
	Name        string `json:"name"`
}

// Attached gives the application's files.
func (a *CreateApplication) Attached() []*File {
	files := make([]*File, len(a.Files))
	for i := range a.Files {
		files[i] = &a.Files[i]
	}
	return files
}

// Attached gives the file.
func (a *AddFile) Attached() []*File { return []*File{&a.File} }

// Attached gives nothing.
func (*MoveApplication) Attached() []*File { return nil }

// Attached gives nothing.
func (*RejectApplication) Attached() []*File { return nil }

// Attached gives nothing.
func (*AddResultLink) Attached() []*File { return nil }

// Attached gives nothing.
func (*AddNote) Attached() []*File { return nil }

// Attached gives nothing.
func (*AddTag) Attached() []*File { return nil }

// Attached gives nothing.
func (*RemoveTag) Attached() []*File { return nil }

// Outcome is what an action came to.
type Outcome struct {
	// CandidateID and ApplicationID are the ATS's IDs of what the action was about.
	CandidateID, ApplicationID string
	// Parts is what the ATS says of it now. Folding them makes the new state readable at once.
	Parts []Part
}

// Journal carries the effects of one action over lost answers and killed processes. An action is
// a plain procedure: it may be started again from its beginning, reads what it needs to know
// afresh, and leaves to the journal what has happened already.
type Journal interface {
	// Do brings an effect about, unless it is there. Its errors end the action: what Send and Look
	// give, or the journal's own when the time is over before it is known what became of a request.
	Do(ctx context.Context, e Effect) (Done, error)
	// Begun tells whether this action has sent, or found, the effect of that name before.
	Begun(name string) bool
	// Warn tells the client that something was left out or is odd. It must not hold personal data.
	Warn(format string, args ...any)
	// Mark is a short text of letters and digits by which what this action writes can be found.
	Mark() string
}

// Effect is one request that changes something in the ATS.
type Effect struct {
	// Name tells the effects of an action apart. It is the same at each start of the action, and
	// nothing personal.
	Name string
	// Look looks for the effect in the ATS: before it is sent for the first time, so that what is
	// there is not made twice, and when it is not known what became of a request. Nil where the
	// effect cannot be seen.
	Look func(ctx context.Context) (Sight, error)
	// Blind leaves out the look before the first sending.
	Blind bool
	// Send sends the request, once. An *UnclearError says that it may have had an effect; any other
	// error, that it had none.
	Send func(ctx context.Context) (remoteID string, err error)
	// Repeatable effects may be sent again without a look: sent twice, they are as sent once.
	Repeatable bool
}

// FileEffect is the name of the effect that uploads an action's nth file, from 0. By it the journal
// knows which files have arrived.
func FileEffect(n int) string { return fmt.Sprintf("file/%d", n+1) }

// Sight is what a look found.
type Sight struct {
	Found    bool
	RemoteID string
	// Proven says, of what was not found, that the look would have found it: the listing is whole, or
	// it showed what is known to be there.
	Proven bool
}

// Done is an effect that has come about.
type Done struct {
	RemoteID string
	// Existed: it was there before this action sent anything for it.
	Existed bool
}

// UnclearError means that a request may or may not have had its effect.
type UnclearError struct{ Err error }

func (e *UnclearError) Error() string {
	return "it is not known what became of a request: " + e.Err.Error()
}

// Unwrap gives what happened.
func (e *UnclearError) Unwrap() error { return e.Err }

// LostError means that an effect was sent again and again, and that no answer said that it came about.
// An action goes on without what it can do without.
type LostError struct {
	Effect string
	Times  int
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s was sent %d times, and the ATS lost it each time", e.Effect, e.Times)
}

// RefusedError means that the ATS did not want a request, and that it had no effect.
type RefusedError struct {
	Status  int
	Message string // what the ATS said about it, short
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the ATS answered %d: %s", e.Status, e.Message)
}

// Actor does things in a tenant.
type Actor interface {
	// Act carries an action out, or on. Besides the errors of reading it gives *ats.Error for what the
	// contract has a code for, and *RefusedError. The outcome holds what came about even when it ends
	// with an error.
	Act(ctx context.Context, a Action, j Journal) (Outcome, error)
	// Attachments lists the files of a candidate.
	Attachments(ctx context.Context, candidateID string) ([]Attachment, error)
	// OpenAttachment begins to read a file's content; ErrGone when there is none. The caller closes it.
	OpenAttachment(ctx context.Context, candidateID, attachmentID string) (Content, error)
	// Passthrough sends a request of the client's own. Any status is an answer. *ats.Error with
	// InputInvalid: the request leads out of what it may reach.
	Passthrough(ctx context.Context, r PassthroughRequest) (PassthroughAnswer, error)
}

// Attachment is a file of a candidate.
type Attachment struct {
	ID, Name  string
	CreatedAt *ats.Time // nil when the ATS does not say
}

// Content is a file's content on its way.
type Content struct {
	Body io.ReadCloser
	Size int64 // -1 when unknown
}

// PassthroughRequest is a request to the ATS in the client's own words.
type PassthroughRequest struct {
	API    string // of the tool: v2
	Method string
	Path   string // below the tenant's base; may have a query
	Params map[string]string
	Header map[string]string
	// ContentType, Size and Open describe the body; a nil Open means none.
	ContentType string
	Size        int64
	Open        func() (io.ReadCloser, error)
}

// PassthroughAnswer is what the ATS answered.
type PassthroughAnswer struct {
	URL    string
	Status int
	Header http.Header
	Body   []byte
}

// Mention is a record that a request or an answer of the ATS is about.
type Mention struct {
	Model    ats.Model
	RemoteID string
}
