package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// What errors say to an action.

// refusedWrite gives TRAFFIT's refusal of a write; false where that may have had an effect all the
// same, and where it is to be sent later.
func refusedWrite(err error) (*connector.RefusedError, bool) {
	_, unclear := errors.AsType[*connector.UnclearError](err)
	if _, later := errors.AsType[*connector.RetryError](err); later || unclear {
		return nil, false
	}
	return errors.AsType[*connector.RefusedError](err)
}

// invalid reports whether TRAFFIT did not like what was sent.
func invalid(err error) bool {
	refused, ok := refusedWrite(err)
	return ok && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusUnprocessableEntity)
}

var existsAlready = regexp.MustCompile(`(?i)already exist|już istnieje`)

// duplicate reports whether TRAFFIT says that it has such a candidate: by its status, or in words (both
// told by another client's code).
func duplicate(err error) bool {
	refused, ok := refusedWrite(err)
	return ok && (refused.Status == http.StatusConflict || existsAlready.MatchString(refused.Message))
}

// noSuchWay reports whether TRAFFIT does not know the address, or not with that method. How tags are
// written is a guess, so one way is tried after the other.
func noSuchWay(err error) bool {
	refused, ok := refusedWrite(err)
	return ok && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone}, refused.Status)
}

// lost reports whether an effect got no answer however often it was sent. Of values that TRAFFIT fails
// at, or takes without a word, the row tells.
func lost(err error) bool {
	_, ok := errors.AsType[*connector.LostError](err)
	return ok
}

// lasting reports whether an error is an answer that a repetition will not change.
func lasting(err error) bool {
	if _, later := errors.AsType[*connector.RetryError](err); later {
		return false
	}
	_, refused := errors.AsType[*connector.RefusedError](err)
	_, answered := errors.AsType[*connector.AnswerError](err)
	_, scope := errors.AsType[*connector.ScopeError](err)
	return refused || answered || scope || errors.Is(err, connector.ErrGone)
}

// unknown reports whether TRAFFIT says that it does not know a record. That its answer may be a page is
// no reason for doubt here, where nothing is deleted for it.
func unknown(err error) bool { return errors.Is(err, connector.ErrGone) || unknownPath(err) }

// unknownPath reports whether TRAFFIT answers as to an address that it does not have at all.
func unknownPath(err error) bool {
	return statusOf(err) == http.StatusNotFound && !errors.Is(err, connector.ErrGone)
}

// noJob says that the job to which an input leads is not in TRAFFIT.
func noJob(input string, err error) error {
	return ats.Errorf(ats.InputInvalid, "%s: TRAFFIT does not have the job any more: %w", input, err)
}

// orGone says of an error that it comes from the candidate's not being there any more, if that is so.
func (t *tenant) orGone(ctx context.Context, employeeID string, err error) error {
	cause := err
	if refused, ok := refusedWrite(err); ok && refused.Status == http.StatusNotFound {
		_, _, cause = t.single(ctx, "/employees/", "employee", unit(employee, employeeID))
	}
	if errors.Is(cause, connector.ErrGone) {
		return ats.Errorf(ats.InputInvalid, "TRAFFIT has no candidate %s any more: %w", employeeID, cause)
	}
	return err
}

// partly makes a warning of the failure of a step without which an action is a success still. Errors
// after which it is not known what has happened, or that a later try may mend, are handed on.
func partly(err error, j connector.Journal, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if refused, ok := refusedWrite(err); ok {
		j.Warn("%s: TRAFFIT answered %d", what, refused.Status)
		return nil
	}
	if scope, ok := errors.AsType[*connector.ScopeError](err); ok {
		j.Warn("%s: the API client lacks the scope %s", what, scope.Scope)
		return nil
	}
	if known, ok := errors.AsType[*ats.Error](err); ok && slices.Contains(partial, known.Code) {
		j.Warn("%s: %s", what, known.Message)
		return nil
	}
	return err
}

// partial are the codes of definite failures, which may be part of a success.
var partial = []ats.Code{ats.InputInvalid, ats.RemoteInputInvalid, ats.ActionNotAvailable, ats.PermissionMissing}
