package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

const (
	// downAfter is how many pages or units in a row must fail before it is asked whether the ATS is
	// down or what the step reads is broken.
	downAfter = 3
	// hopeless is how many must fail in a row before a step is given up that is broken.
	hopeless = 10
	// controlListings is how many other listings are asked to tell the one from the other.
	controlListings = 3
)

// brokenError means that what a step reads fails for good, while the ATS answers elsewhere.
type brokenError struct{ err error }

// Error does not lead to the failure itself, which may ask for another try.
func (e *brokenError) Error() string {
	return fmt.Sprintf("the ATS answers, but not this: %v", e.err)
}

// pageFault reports whether an error concerns a page and not the whole step or run.
func pageFault(err error) bool {
	_, retry := errors.AsType[*connector.RetryError](err)
	_, answer := errors.AsType[*connector.AnswerError](err)
	return retry || answer
}

// busy reports whether the ATS asks for fewer requests, which says nothing about what was read.
func busy(err error) bool {
	retry, ok := errors.AsType[*connector.RetryError](err)
	if !ok {
		return false
	}
	answer, answered := errors.AsType[*connector.AnswerError](err)
	return retry.After > 0 || answered && answer.Status == http.StatusTooManyRequests
}

// endure says what follows when as many pages or units of a step failed in a row as inRow counts:
// nil to go on with the next one, or the error that ends the step or puts the run off.
func (w *work) endure(ctx context.Context, step string, inRow int, err error) error {
	_, retry := errors.AsType[*connector.RetryError](err)
	switch {
	case busy(err):
		return err
	case inRow < downAfter:
		return nil
	case !retry: // answers that are none, again and again
		return err
	case inRow == downAfter && !w.answersElsewhere(ctx, step):
		return err
	case inRow >= hopeless:
		return &brokenError{err}
	}
	return nil
}

// must reads what a step cannot go on without. When it fails although the ATS answers elsewhere, it
// is read once more, since the ATS may just have come back, and then counts as broken.
func (w *work) must(ctx context.Context, step string, read func() error) error {
	err := read()
	if !passes(err) || !w.answersElsewhere(ctx, step) {
		return err
	}
	if err = read(); passes(err) {
		return &brokenError{err}
	}
	return err
}

// passes reports whether an error may be gone in a while, and is not a request to slow down.
func passes(err error) bool {
	_, retry := errors.AsType[*connector.RetryError](err)
	return retry && !busy(err)
}

// answersElsewhere reports whether another listing of the plan can be read now, one that could be
// read before if possible.
func (w *work) answersElsewhere(ctx context.Context, step string) bool {
	tried := 0
	for _, state := range []store.StepState{store.StepDone, store.StepPending} {
		for n, p := range w.plan {
			if p.List == nil || p.List.Public || p.Name == step || w.steps[n].State != state {
				continue
			}
			if _, err := p.List.Page(ctx, 1); err == nil {
				return true
			}
			if tried++; tried == controlListings || ctx.Err() != nil {
				return false
			}
		}
	}
	return false
}
