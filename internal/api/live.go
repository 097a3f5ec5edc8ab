package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Live requests ask the ATS while the client waits. They may last, bring files, and take one of the
// integration's slots.

// Bounds of a live request. Clients give up after five minutes, so the ATS may take four.
const (
	uploadWithin = 5 * time.Minute
	answerWithin = 5 * time.Minute
	askWithin    = 4 * time.Minute
)

// Actions carries out what changes something in an ATS; action.Service is one.
type Actions interface {
	// Enter takes a slot. Whether or not there is one, it says how many there are.
	Enter(ctx context.Context, i store.Integration) (action.Slot, error)
	// Do carries an action out and answers within four minutes. The contents of files must stay open
	// until it returns.
	Do(ctx context.Context, i store.Integration, r action.Request) (action.Answer, error)
}

// Open gives access to an integration's tenant.
type Open func(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error)

// call is what a live request holds.
type call struct {
	w        http.ResponseWriter
	slot     *action.Slot
	contents *contents
}

type callKey struct{}

// callOf gives the live request of a context.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// live serves a live request: it bounds how long the parts of it may take, takes the files out of
// its body, and gives back at the end what it held.
func (s *server) live(op operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, contents: newContents(s.Spool, s.MaxFile)}
		defer func() {
			if c.slot != nil {
				c.slot.Leave()
			}
			if err := c.contents.close(); err != nil {
				s.Log.WarnContext(r.Context(), "throw files of a request away", "id", infoOf(r.Context()).id, "err", err)
			}
		}()
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		conn := http.NewResponseController(w) // without a connection there are no deadlines either
		_ = conn.SetWriteDeadline(time.Now().Add(uploadWithin + answerWithin))
		if len(r.Header.Values(keyHeader)) > 1 {
			s.refuse(w, r, op.class, ats.Errorf(ats.InputInvalid, "header.%s: must be given once", keyHeader))
			return
		}
		if len(op.files) > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(uploadWithin))
			if r.ContentLength > maxBody || r.ContentLength < 0 {
				// Whoever has no slot need not send a large body. Small ones are looked at first: what is
				// wrong with them takes no slot.
				if err := s.admit(r.Context(), r.Header.Get(integrationHeader), op.action); err != nil {
					s.refuse(w, r, op.class, err)
					return
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers a request whose body is not worth reading.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, class class, err error) {
	w.Header().Set("Connection", "close")
	write(w, s.fail(r.Context(), class, err))
}

func (s *server) admit(ctx context.Context, id, operation string) error {
	i, err := s.active(ctx, id)
	if err == nil {
		err = actionOn(i, operation)
	}
	if err != nil {
		return err
	}
	return s.enter(ctx, i)
}

// active finds the integration that a live request names, and tells why the ATS cannot be asked.
func (s *server) active(ctx context.Context, id string) (store.Integration, error) {
	i, err := s.integrationOfHeader(ctx, id)
	if err != nil {
		return i, err
	}
	switch i.Status {
	case store.StatusInactive:
		return i, ats.Errorf(ats.Inactive, "The integration is switched off. PUT /v1/integrations/{integration_id}/enabled switches it on.")
	case store.StatusInvalid:
		return i, ats.Errorf(ats.CredentialsInvalid, "The ATS rejects the credentials of the integration. It has to be connected again.")
	}
	if i.SetupStatus == store.SetupIncomplete {
		return i, ats.Errorf(ats.SetupIncomplete, "The setup of the integration has open steps.")
	}
	return i, nil
}

// enter takes a slot for a request that has none yet, and says in the answer how many are left.
func (s *server) enter(ctx context.Context, i store.Integration) error {
	c := callOf(ctx)
	if c.slot != nil {
		return nil
	}
	slot, err := s.Actions.Enter(ctx, i)
	if slot.Limit > 0 {
		c.w.Header().Set("Concurrency-Limit", strconv.Itoa(slot.Limit))
		c.w.Header().Set("Concurrency-Remaining", strconv.Itoa(slot.Remaining))
	}
	if err != nil {
		return fmt.Errorf("take a slot: %w", err)
	}
	c.slot = &slot
	return nil
}

// tenant enters and gives access to an integration's tenant.
func (s *server) tenant(ctx context.Context, i store.Integration) (connector.Tenant, error) {
	if err := s.enter(ctx, i); err != nil {
		return nil, err
	}
	_, tenant, err := s.Open(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", i.ID, err)
	}
	return tenant, nil
}

// fromATS gives the code for what went wrong while an ATS was asked.
func fromATS(err error) error {
	if _, known := errors.AsType[*ats.Error](err); known {
		return err
	}
	if _, ok := errors.AsType[*connector.UnclearError](err); ok {
		return &ats.Error{Code: ats.TimedOut, Message: "It is not known what became of the request: the ATS gave no answer to it. Look there before you send it again.", Err: err}
	}
	if _, ok := errors.AsType[*connector.AuthError](err); ok {
		return &ats.Error{Code: ats.CredentialsInvalid, Message: "The ATS rejects the credentials of the integration.", Err: err}
	}
	if scope, ok := errors.AsType[*connector.ScopeError](err); ok {
		return &ats.Error{Code: ats.PermissionMissing, Message: scope.Error(), Err: err}
	}
	if refused, ok := errors.AsType[*connector.RefusedError](err); ok {
		return &ats.Error{Code: ats.RemoteInputInvalid, Message: refused.Error(), Err: err}
	}
	answer, answered := errors.AsType[*connector.AnswerError](err)
	if retry, ok := errors.AsType[*connector.RetryError](err); ok {
		if answered && answer.Status == http.StatusTooManyRequests {
			message := "The ATS asks for fewer requests. Try again in a while."
			if retry.After > 0 {
				message = fmt.Sprintf("The ATS asks for fewer requests. Try again in %s.", retry.After.Round(time.Second))
			}
			return &ats.Error{Code: ats.RemoteRateLimited, Message: message, Err: err}
		}
		return &ats.Error{Code: ats.RemoteUnavailable, Message: "The ATS does not answer. Try again in a while.", Err: err}
	}
	if answered {
		return &ats.Error{Code: ats.RemoteError, Message: fmt.Sprintf("The ATS answered %d, which is not what it should.", answer.Status), Err: err}
	}
	return err
}
