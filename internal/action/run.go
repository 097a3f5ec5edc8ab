package action

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/media"
	"github.com/kladka/kladka/internal/store"
)

// run carries out an action whose row is ours, from the beginning or on; see journal.hasty.
func (s *Service) run(ctx context.Context, i store.Integration, row store.Action, a connector.Action, hasty bool) (Answer, error) {
	ctx = s.Correlate(ctx, row.RequestID, row.ID)
	j, err := s.journal(row)
	if err != nil {
		return Answer{}, err
	}
	j.hasty = hasty
	link, err := s.link(ctx, i, a)
	if err != nil {
		return Answer{}, s.settle(ctx, i, j, a, link, connector.Outcome{}, err)
	}
	var outcome connector.Outcome
	if !link.same() {
		outcome, err = s.act(ctx, i, j, a)
		s.mention(ctx, outcome)
	}
	if err := s.settle(ctx, i, j, a, link, outcome, err); err != nil {
		return Answer{ID: row.ID}, err
	}
	return Answer{ID: row.ID, CandidateID: outcome.CandidateID, ApplicationID: outcome.ApplicationID, Warnings: j.warnings}, nil
}

// mention tells the request log whom an action was about, so that an erasure reaches its bodies.
func (s *Service) mention(ctx context.Context, o connector.Outcome) {
	if o.CandidateID != "" {
		s.Mention(ctx, ats.Candidates, o.CandidateID)
	}
	if o.ApplicationID != "" {
		s.Mention(ctx, ats.Applications, o.ApplicationID)
	}
}

// act lets the connector work, and makes readable what it read back.
func (s *Service) act(ctx context.Context, i store.Integration, j *journal, a connector.Action) (connector.Outcome, error) {
	_, tenant, err := s.Open(ctx, i)
	if err != nil {
		return connector.Outcome{}, err
	}
	release, err := s.fetch(ctx, j, a)
	defer release()
	if err != nil {
		return connector.Outcome{}, err
	}
	if create, ok := a.(*connector.CreateApplication); ok {
		if err := s.look(ctx, i, create); err != nil {
			return connector.Outcome{}, err
		}
	}
	outcome, err := tenant.Act(ctx, a, j)
	// Also when the time is over: what has happened has happened.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	if created(j, a, outcome) {
		s.Point("before tracking")
		if err := s.Store.Transact(ctx, func(tx *sql.Tx) error { return s.track(ctx, tx, i, j, a, outcome) }); err != nil {
			s.Log.WarnContext(ctx, "what was created is noted only with the end of the action", "action", j.row.ID, "err", err)
		}
	}
	if len(outcome.Parts) > 0 {
		if err := s.Ingest(ctx, i, outcome.Parts, "action:"+j.row.ID); err != nil {
			s.Log.ErrorContext(ctx, "what an action read back is readable only with the next sync", "action", j.row.ID, "err", err)
			j.Warn("It was done, but it becomes readable only with the next sync.")
		}
	}
	return outcome, err
}

// created reports whether an action has created an application, or at least its candidate.
func created(j *journal, a connector.Action, outcome connector.Outcome) bool {
	_, creates := a.(*connector.CreateApplication)
	return creates && (outcome.ApplicationID != "" || j.made(outcome.CandidateID))
}

// track notes what was created. That is done before it is read back, and once more with the action's end: it
// may be all that is kept.
func (s *Service) track(ctx context.Context, tx *sql.Tx, i store.Integration, j *journal, a connector.Action, outcome connector.Outcome) error {
	if !created(j, a, outcome) {
		return nil
	}
	return s.Store.Track(ctx, tx, i.No, outcome.CandidateID, outcome.ApplicationID)
}

// look notes what the store knows of a candidate and a job.
func (s *Service) look(ctx context.Context, i store.Integration, create *connector.CreateApplication) error {
	var err error
	if create.KnownAs, err = s.Store.CandidatesByEmail(ctx, i.No, ats.Fold(create.Candidate.Email)); err != nil {
		return err
	}
	known, err := s.Store.Known(ctx, i.No, ats.Jobs, create.JobID)
	create.JobUnknown = !known
	return err
}

// fetch reads the files that clients gave addresses of, before anything is sent; those that have
// arrived need not be there any more.
func (s *Service) fetch(ctx context.Context, j *journal, a connector.Action) (release func(), err error) {
	var open []io.Closer
	release = func() {
		for _, c := range open {
			_ = c.Close() // a temporary file that was only read
		}
	}
	for n, f := range a.Attached() {
		if f.URL == "" || j.done(connector.FileEffect(n)) {
			if f.Open == nil {
				f.Open = func() (io.ReadCloser, error) { return nil, connector.ErrNoContent }
			}
			continue
		}
		name := connector.FileEffect(n)
		before := j.effects[name].Content
		got, err := s.Fetch(ctx, f.URL, s.MaxFile)
		if err == nil {
			open = append(open, got.Spooled)
		}
		if before != nil && (err != nil || got.SHA256 != before.SHA256) {
			// It may have been sent, so it is that content which is looked for; there is nothing to send any more.
			f.SHA256, f.Size = before.SHA256, before.Size
			f.Open = func() (io.ReadCloser, error) { return nil, connector.ErrNoContent }
			continue
		}
		if err != nil && ctx.Err() != nil { // which is not the file's fault
			return release, fmt.Errorf("fetch file %d: %w", n, errors.Join(context.Cause(ctx), err))
		}
		if err != nil {
			return release, fmt.Errorf("fetch file %d: %w", n, &unfetchedError{at: placeOf(a, n), err: err})
		}
		f.SHA256, f.Size, f.Open = got.SHA256, got.Size, got.Open
		j.fetched[name] = content{got.SHA256, got.Size}
		declared := f.ContentType
		if declared == "" {
			declared = media.TypeOf(f.Name) // a login page is no PDF, whatever its server calls it
		}
		if err := media.Check(declared, got.Head); err != nil {
			return release, &unfetchedError{at: placeOf(a, n), err: err}
		}
	}
	return release, nil
}

// unfetchedError means that a file could not be read from its address.
type unfetchedError struct {
	at  string // the place in the request
	err error
}

// placeOf is where a client gave the address of an action's nth file, from 0.
func placeOf(a connector.Action, n int) string {
	if _, single := a.(*connector.AddFile); single {
		return "body.attachment.data_url"
	}
	return fmt.Sprintf("body.attachments[%d].data_url", n)
}

func (e *unfetchedError) Error() string { return e.at + ": " + e.err.Error() }

func (e *unfetchedError) Unwrap() error { return e.err }

// settle ends an action in the journal, or leaves it to be looked at again, and gives the error for
// the client.
func (s *Service) settle(ctx context.Context, i store.Integration, j *journal, a connector.Action, link link, outcome connector.Outcome, err error) error {
	// The action's context may be over; saving how it went must not be.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	if errors.Is(err, store.ErrFenced) {
		return &ats.Error{Code: ats.TimedOut, Err: err, Message: "Another process goes on with this action. Send the same request again to learn what became of it."}
	}
	if open := j.open(); open != "" { // also when the connector made light of it
		j.row.State = store.ActionUnknown
		s.Log.WarnContext(ctx, "it is not known yet what became of an action", "action", j.row.ID, "effect", open, "err", err)
		if err := s.Store.ReleaseAction(ctx, j.row, s.next(j.row)); err != nil {
			s.Log.WarnContext(ctx, "hand an action on", "action", j.row.ID, "err", err)
		}
		return &ats.Error{Code: ats.TimedOut, Err: err, Message: fmt.Sprintf(
			"The ATS did not say in time what became of a request (%s). Kladka goes on looking; send the same request with the same Idempotency-Key again to learn it. Action %s.", open, j.row.ID)}
	}
	answer := recorded{CandidateID: outcome.CandidateID, ApplicationID: outcome.ApplicationID, Warnings: j.warnings}
	j.row.State, j.row.Final = store.ActionConfirmed, true
	var failure *ats.Error
	if err != nil {
		failure = explain(err)
		j.row.State, j.row.Final = store.ActionFailed, lasting(failure.Code) && !passes(err)
		answer = recorded{Code: failure.Code, Message: failure.Message}
	}
	var encodeErr error
	if j.row.Answer, encodeErr = json.Marshal(answer); encodeErr != nil {
		return encodeErr
	}
	s.Point("before action end")
	if err := s.Store.EndAction(ctx, j.row, func(tx *sql.Tx) error { return s.note(ctx, tx, i, j, a, link, outcome, failure) }); err != nil {
		// The row stays open, and is taken up again; what was done is known from its effects.
		s.Log.WarnContext(ctx, "end an action", "action", j.row.ID, "err", err)
	}
	if failure != nil {
		return failure
	}
	return nil
}

// note writes down what the ATS does not tell: as what files were uploaded, which links were left.
func (s *Service) note(ctx context.Context, tx *sql.Tx, i store.Integration, j *journal, a connector.Action, link link, outcome connector.Outcome, failure *ats.Error) error {
	if err := s.track(ctx, tx, i, j, a, outcome); err != nil {
		return err
	}
	for n, f := range a.Attached() {
		if outcome.CandidateID != "" && j.done(connector.FileEffect(n)) {
			id := ats.Namespace(i.ID).ID(ats.Candidates, outcome.CandidateID)
			if err := s.Store.PutUpload(ctx, tx, i.No, id, f.Name, f.Type); err != nil {
				return err
			}
		}
	}
	if link.record != "" && failure == nil {
		return s.Store.PutResultLink(ctx, tx, i.No, link.record, link.label, link.content)
	}
	return nil
}

// link is a result link by its digests; empty for other actions.
type link struct{ record, label, content, before string }

func (l link) same() bool { return l.record != "" && l.before == l.content }

// link looks for what was left under the same label before.
func (s *Service) link(ctx context.Context, i store.Integration, a connector.Action) (link, error) {
	add, ok := a.(*connector.AddResultLink)
	if !ok {
		return link{}, nil
	}
	l := link{record: ats.Namespace(i.ID).ID(ats.Applications, add.ApplicationID), label: store.Digest([]byte(add.Label))}
	if add.ApplicationID == "" {
		l.record = ats.Namespace(i.ID).ID(ats.Candidates, add.CandidateID)
	}
	content := append([]string{add.URL, add.FieldPrefix}, attributes(add.Attributes)...)
	l.content = store.Digest([]byte(strings.Join(content, "\x00")))
	var err error
	l.before, err = s.Store.ResultLink(ctx, i.No, l.record, l.label)
	add.Replaces = l.before != ""
	return l, err
}

func attributes(all []connector.Attribute) (texts []string) {
	for _, a := range all {
		texts = append(texts, a.Key, a.Value)
	}
	return texts
}

// lasting reports whether an error of this code will be the same however often the request is sent.
func lasting(code ats.Code) bool {
	return slices.Contains([]ats.Code{ats.InputInvalid, ats.RemoteInputInvalid, ats.JobClosed, ats.ApplicationExists, ats.ActionNotAvailable}, code)
}

// passes reports whether an error that looks lasting may be gone in a while.
func passes(err error) bool {
	_, unfetched := errors.AsType[*unfetchedError](err)
	return unfetched
}

// explain says of an error what the client may know, under the contract's code.
func explain(err error) *ats.Error {
	if e, ok := errors.AsType[*unfetchedError](err); ok {
		return &ats.Error{Code: ats.InputInvalid, Message: e.Error(), Err: err}
	}
	if e, ok := errors.AsType[*ats.Error](err); ok {
		return e
	}
	refused, wasRefused := errors.AsType[*connector.RefusedError](err)
	answer, answered := errors.AsType[*connector.AnswerError](err)
	if _, ok := errors.AsType[*connector.RetryError](err); ok {
		limited := wasRefused && refused.Status == 429 || answered && answer.Status == 429
		if limited {
			return &ats.Error{Code: ats.RemoteRateLimited, Message: "The ATS asks for fewer requests. Nothing is half done that a repeat would not finish; try again in a while.", Err: err}
		}
		return &ats.Error{Code: ats.RemoteUnavailable, Message: "The ATS does not answer as it should. Nothing is half done that a repeat would not finish; try again in a while.", Err: err}
	}
	if e, ok := errors.AsType[*connector.AuthError](err); ok {
		return &ats.Error{Code: ats.CredentialsInvalid, Message: "The ATS refused the credentials of this integration: " + e.Message + ". Reconnect it.", Err: err}
	}
	if e, ok := errors.AsType[*connector.ScopeError](err); ok {
		return &ats.Error{Code: ats.PermissionMissing, Message: e.Error(), Err: err}
	}
	switch {
	case wasRefused:
		return &ats.Error{Code: ats.RemoteInputInvalid, Message: fmt.Sprintf("The ATS refused this (%d): %s", refused.Status, refused.Message), Err: err}
	case errors.Is(err, connector.ErrGone):
		return &ats.Error{Code: ats.RemoteInputInvalid, Message: "The ATS says that the record does not exist any more.", Err: err}
	case errors.Is(err, connector.ErrNoContent):
		return &ats.Error{Code: ats.TimedOut, Message: "The server was restarted before all files were sent. Send the same request again to go on.", Err: err}
	case answered:
		return &ats.Error{Code: ats.RemoteError, Message: fmt.Sprintf("The ATS answered %d where something else was expected: %s", answer.Status, answer.Message), Err: err}
	case errors.Is(err, errTimeOver) || errors.Is(err, context.DeadlineExceeded):
		return &ats.Error{Code: ats.TimedOut, Message: "The ATS was too slow. Nothing is half done that a repeat would not finish; send the same request again.", Err: err}
	case errors.Is(err, errStopping) || errors.Is(err, context.Canceled):
		return &ats.Error{Code: ats.RemoteUnavailable, Message: "The server is stopping. Send the same request again to go on.", Err: err}
	}
	return &ats.Error{Code: ats.Unknown, Message: "Something went wrong inside Kladka. Its log says more.", Err: err}
}
