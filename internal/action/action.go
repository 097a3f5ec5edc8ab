// Package action does things in an ATS so that they can be retried blindly: it keeps a journal of
// every action, sends each effect at most once, and finds out what became of a request whose
// answer was lost.
package action

import (
	"context"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// The operations, as the contract names its actions.
const (
	CreateCandidate          = "ats_create_candidate"
	CreateApplication        = "ats_create_application"
	AddApplicationAttachment = "ats_add_application_attachment"
	AddCandidateAttachment   = "ats_add_candidate_attachment"
	MoveApplication          = "ats_move_application_to_stage"
	RejectApplication        = "ats_reject_application"
	AddApplicationLink       = "ats_add_application_result_link"
	AddCandidateLink         = "ats_add_candidate_result_link"
	AddNote                  = "ats_add_application_note"
	AddTag                   = "ats_add_candidate_tag"
	RemoveTag                = "ats_remove_candidate_tag"
)

// InFlight is how many actions of an integration may be under way at once.
const InFlight = 30

// AnswerWithin is how long an action takes at most: clients give up after 300 seconds.
const AnswerWithin = 240 * time.Second

// Request is an action that a client wants.
type Request struct {
	Operation string
	Action    connector.Action
	// Key is the Idempotency-Key that the client sent; empty for none.
	Key string
	// RequestID is the ID of the API call, for the log.
	RequestID string
}

// Answer is what an action came to.
type Answer struct {
	ID                         string // of the journal's row
	CandidateID, ApplicationID string // the ATS's IDs
	Warnings                   []string
	Replayed                   bool // it is the answer to an earlier request
}

// Slot is the right to have one action under way.
type Slot struct {
	Limit, Remaining int
	// Leave gives it back.
	Leave func()
}

// Service does actions.
type Service interface {
	// Enter takes a slot; an *ats.Error with ConcurrencyLimited when none is free. The slot says in any
	// case how many there are.
	Enter(ctx context.Context, i store.Integration) (Slot, error)
	// Do carries an action out and answers within AnswerWithin, whether or not the client is still
	// there. Errors are *ats.Error. It takes over the contents of files and closes them.
	Do(ctx context.Context, i store.Integration, r Request) (Answer, error)
}
