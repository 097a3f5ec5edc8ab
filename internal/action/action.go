// Package action does things in an ATS so that they can be retried blindly.
//
// An action is a plain procedure of the connector (connector.Actor.Act) whose effects go through a
// journal. A row stands in the journal before anything is sent, and says what is about to be sent
// before its first byte leaves. When an answer is lost, or the process dies, the effect is looked
// for in the ATS; it is sent again only when its absence is proven. Whoever takes an action up
// again, a repeat by the client, another node, or the reconciler, starts the procedure from its
// beginning: reads are repeated, effects are not.
package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
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

// blank makes the action of an operation, to be filled from the journal.
func blank(operation string) connector.Action {
	switch operation {
	case CreateCandidate, CreateApplication:
		return &connector.CreateApplication{}
	case AddApplicationAttachment, AddCandidateAttachment:
		return &connector.AddFile{}
	case MoveApplication:
		return &connector.MoveApplication{}
	case RejectApplication:
		return &connector.RejectApplication{}
	case AddApplicationLink, AddCandidateLink:
		return &connector.AddResultLink{}
	case AddNote:
		return &connector.AddNote{}
	case AddTag:
		return &connector.AddTag{}
	case RemoveTag:
		return &connector.RemoveTag{}
	}
	return nil
}

// InFlight is how many actions of an integration may be under way at once, on all nodes together.
const InFlight = 30

// repeatWithin is how long the same content without an idempotency key counts as a repeat.
const repeatWithin = 10 * time.Minute

// saveWithin bounds what is saved after the end of an action's time.
const saveWithin = 10 * time.Second

// keepLooking is how long the reconciler tries to find out what became of a request.
const keepLooking = 24 * time.Hour

// Timing says how patient actions are. Zero values mean the defaults.
type Timing struct {
	// Answer is how long an action takes at most, but for reading back and saving what came of it (210 s): clients give
	// up after 300, and are promised an answer within 240.
	Answer time.Duration
	// Looks are the moments after a lost answer at which the effect is looked for (2, 10, 30, 90 s);
	// after the last one, again at its distance to the one before.
	Looks []time.Duration
	// Absent is when an absence begins to count (120 s).
	Absent time.Duration
}

func (t Timing) withDefaults() Timing {
	if t.Answer == 0 {
		t.Answer = 210 * time.Second
	}
	if len(t.Looks) == 0 {
		t.Looks = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 90 * time.Second}
	}
	if t.Absent == 0 {
		t.Absent = 120 * time.Second
	}
	return t
}

// Keys encrypt texts for a place in the database; secret.Keyring is one.
type Keys interface {
	Seal(plain []byte, place string) string
	Open(sealed, place string) ([]byte, error)
}

// Config of a Service. All but Timing and what follows it must be set.
type Config struct {
	Store *store.Store
	// Open gives access to an integration's tenant.
	Open func(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error)
	// Ingest makes what an action read back readable.
	Ingest func(ctx context.Context, i store.Integration, parts []connector.Part, cause string) error
	// Keys hide what was asked for, until the action has ended.
	Keys Keys
	// Fetch reads a file from an address that a client gave, of at most limit bytes.
	Fetch   func(ctx context.Context, url string, limit int64) (outbound.Fetched, error)
	MaxFile int64 // bytes

	Timing Timing
	Log    *slog.Logger
	// Correlate marks a context as belonging to an action, for the request log, and Mention says
	// which record it is about.
	Correlate func(ctx context.Context, request, action string) context.Context
	Mention   func(ctx context.Context, m ats.Model, remoteID string)
	// Point is called at named points of the work. Tests end the process there.
	Point func(name string)
}

// Service does actions. It is safe for concurrent use.
type Service struct {
	Config

	mu      sync.Mutex
	owners  map[string]bool // of the actions and slots of this process
	stopped bool
	running sync.WaitGroup
	stop    context.Context
	cancel  context.CancelCauseFunc
}

// New makes a service. Close ends it.
func New(c Config) *Service {
	c.Timing = c.Timing.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Correlate == nil {
		c.Correlate = func(ctx context.Context, _, _ string) context.Context { return ctx }
	}
	if c.Mention == nil {
		c.Mention = func(context.Context, ats.Model, string) {}
	}
	if c.Point == nil {
		c.Point = func(string) {}
	}
	s := &Service{Config: c, owners: map[string]bool{}}
	s.stop, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// errStopping is why actions end when the process does.
var errStopping = errors.New("the server is stopping")

// KeepLeases renews the leases of what is under way until the context ends, then lets it come to an
// end for a while and cuts off the rest.
func (s *Service) KeepLeases(ctx context.Context, drain time.Duration) error {
	every := time.NewTicker(store.ActionLease / 4)
	defer every.Stop()
	ended := ctx.Done()
	var cut <-chan time.Time
	drained := make(chan struct{})
	for {
		select {
		case <-every.C:
			s.renew()
		case <-ended:
			ended = nil
			timer := time.NewTimer(drain)
			defer timer.Stop()
			cut = timer.C
			go func() { s.drain(); close(drained) }()
		case <-cut:
			s.cancel(errStopping)
		case <-drained:
			return nil
		}
	}
}

func (s *Service) renew() {
	s.mu.Lock()
	owners := make([]string, 0, len(s.owners))
	for o := range s.owners {
		owners = append(owners, o)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), store.ActionLease/4)
	defer cancel()
	if err := s.Store.RenewActions(ctx, owners); err != nil {
		s.Log.WarnContext(ctx, "renew the leases of actions", "err", err)
	}
}

// drain waits for what is under way; nothing new begins.
func (s *Service) drain() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.running.Wait()
}

// Close cuts off what is under way and waits for it.
func (s *Service) Close() error {
	s.cancel(errStopping)
	s.drain()
	return nil
}

// own makes an owner whose leases are kept until disown is called.
func (s *Service) own() (owner string, disown func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return "", nil, ats.Errorf(ats.RemoteUnavailable, "The server is stopping. Try again in a moment.")
	}
	owner = ats.NewID()
	s.owners[owner] = true
	s.running.Add(1)
	return owner, func() {
		s.mu.Lock()
		delete(s.owners, owner)
		s.mu.Unlock()
		s.running.Done()
	}, nil
}

// known tells what this process knows of an owner: on the embedded database there is no other one.
func (s *Service) known(owner string) store.OwnerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.owners[owner]:
		return store.OwnerLives
	case s.Store.Embedded():
		return store.OwnerGone
	}
	return store.OwnerElsewhere
}

// Slot is the right to have one action under way.
type Slot struct {
	Limit, Remaining int
	// Leave gives it back; it may be called on any slot, once.
	Leave func()
}

// Enter takes a slot; an *ats.Error with ConcurrencyLimited when none is free. The slot says in any
// case how many there are.
func (s *Service) Enter(ctx context.Context, i store.Integration) (Slot, error) {
	slot := Slot{Limit: InFlight, Leave: func() {}}
	owner, disown, err := s.own()
	if err != nil {
		return slot, err
	}
	left, ok, err := s.Store.TakeSlot(ctx, i.No, owner, InFlight)
	if err != nil || !ok {
		disown()
		if err != nil {
			return slot, err
		}
		return slot, ats.Errorf(ats.ConcurrencyLimited, "%d actions of this integration are under way, which is the most there may be. Try again in a second.", InFlight)
	}
	slot.Remaining = left
	slot.Leave = func() {
		defer disown()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := s.Store.LeaveSlot(ctx, i.No, owner); err != nil {
			s.Log.WarnContext(ctx, "an action's slot is free only when its lease ends", "err", err)
		}
	}
	return slot, nil
}

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

// recorded is how an answer stands in the journal.
type recorded struct {
	CandidateID   string   `json:"candidate_id,omitempty"`
	ApplicationID string   `json:"application_id,omitempty"`
	Warnings      []string `json:"warnings,omitempty"`
	Code          ats.Code `json:"code,omitempty"`
	Message       string   `json:"message,omitempty"`
}

// replay gives the recorded answer of an action that has ended.
func replay(row store.Action) (Answer, error) {
	var r recorded
	if err := json.Unmarshal(row.Answer, &r); err != nil {
		return Answer{}, fmt.Errorf("read the answer of action %s: %w", row.ID, err)
	}
	if r.Code != "" {
		return Answer{ID: row.ID, Replayed: true}, &ats.Error{Code: r.Code, Message: r.Message}
	}
	return Answer{ID: row.ID, CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, Warnings: r.Warnings, Replayed: true}, nil
}

// Do carries an action out and answers within Timing.Answer, whether or not the client is still
// there. Its errors are for the client. The contents of files must stay open until it returns.
func (s *Service) Do(ctx context.Context, i store.Integration, r Request) (Answer, error) {
	owner, disown, err := s.own()
	if err != nil {
		return Answer{}, err
	}
	defer disown()
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.Timing.Answer, errTimeOver)
	defer cancel()
	defer context.AfterFunc(s.stop, cancel)()
	return s.do(ctx, i, owner, r)
}

// errTimeOver is why an action ends when it has taken as long as it may.
var errTimeOver = errors.New("the time for an answer is over")

func (s *Service) do(ctx context.Context, i store.Integration, owner string, r Request) (Answer, error) {
	row, input, err := s.row(i, owner, r)
	if err != nil {
		return Answer{}, err
	}
	same := "" // the row of the same request, on which somebody else is at work
	repeat := repeatWithin
	for n := 1; ; n++ {
		if same != "" {
			if done, err := s.Store.Action(ctx, same); err == nil && done.Final {
				return replay(done)
			}
		}
		found, begun, err := s.Store.BeginAction(ctx, row, repeat)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue // it ended in between
		case err != nil:
			return Answer{}, s.overdue(ctx, err)
		case begun == store.BegunNew:
			return s.run(ctx, i, found, r.Action, false)
		case begun == store.BegunSameKey && found.Content != row.Content:
			return Answer{}, ats.Errorf(ats.InputInvalid, "header.Idempotency-Key: was used for another request of this operation; use a new key for a new request")
		case begun == store.BegunSameKey && found.Final,
			begun == store.BegunRepeat && found.State == store.ActionConfirmed && repeats(r.Operation):
			return replay(found)
		case begun == store.BegunRepeat && found.Final:
			repeat = 0 // what came to its end before is not this request
			continue
		case begun != store.BegunBusy || found.Content == row.Content && row.Key == "":
			// The same request: take it up again, unless somebody is working on it.
			claimed, err := s.Store.ClaimAction(ctx, found.ID, owner, s.seal(found.ID, input), s.known)
			if err == nil {
				return s.run(ctx, i, claimed, r.Action, false)
			} else if !errors.Is(err, store.ErrHeld) && !errors.Is(err, store.ErrNotFound) {
				return Answer{}, s.overdue(ctx, err)
			}
			same = found.ID
		case found.NextAt <= s.Store.Now() && (found.LeaseUntil < s.Store.Now() || s.known(found.Owner) == store.OwnerGone):
			s.resume(ctx, i, found) // nobody is working on what is in the way
		}
		if err := pause(ctx, min(time.Second, time.Duration(n)*50*time.Millisecond)); err != nil {
			return Answer{}, s.overdue(ctx, err)
		}
	}
}

// repeats reports whether the same content within a while counts as a repeat. Creations look for
// what is there in any case, links are held against the last one that was left, and moves and tags
// may well go back and forth.
func repeats(operation string) bool {
	switch operation {
	case AddNote, AddApplicationAttachment, AddCandidateAttachment:
		return true
	}
	return false
}

// overdue says that the time is over before anything of this request was sent.
func (s *Service) overdue(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return &ats.Error{
		Code: ats.TimedOut, Err: err,
		Message: "An earlier action on the same record is not finished yet. Nothing was sent for this one; try again in a while.",
	}
}

// row makes the journal's row of a request, and gives what was asked for as it is written down.
func (s *Service) row(i store.Integration, owner string, r Request) (row store.Action, input []byte, err error) {
	if input, err = json.Marshal(r.Action); err != nil {
		return store.Action{}, nil, fmt.Errorf("write down the action: %w", err)
	}
	row = store.Action{
		ID: ats.NewID(), Integration: i.No, Operation: r.Operation, Owner: owner, RequestID: r.RequestID,
		Content: store.Digest(append([]byte(r.Operation+"\x00"), input...)),
	}
	row.NaturalKey = store.Digest([]byte(naturalKey(r.Action, row.Content)))
	if r.Key != "" {
		row.Key = store.Digest([]byte(r.Key))
	}
	row.Input = s.seal(row.ID, input)
	return row, input, nil
}

// seal hides what was asked for, bound to its row.
func (s *Service) seal(id string, input []byte) string { return s.Keys.Seal(input, sealedIn(id)) }

func sealedIn(id string) string { return "actions|input|" + id }

// naturalKey names what only one action may work on at a time.
func naturalKey(a connector.Action, content string) string {
	switch a := a.(type) {
	case *connector.CreateApplication:
		return "candidate:" + ats.Fold(a.Candidate.Email)
	case *connector.AddFile:
		return "file:" + a.CandidateID + ":" + ats.Fold(a.File.Name)
	case *connector.MoveApplication:
		return "stage:" + a.ApplicationID
	case *connector.RejectApplication:
		return "stage:" + a.ApplicationID
	case *connector.AddResultLink:
		return "link:" + a.CandidateID // they share the candidate's fields
	case *connector.AddTag:
		return "tags:" + a.CandidateID
	case *connector.RemoveTag:
		return "tags:" + a.CandidateID
	}
	return "content:" + content
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
