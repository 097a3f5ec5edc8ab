package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kladka/kladka/internal/ats"
)

// verdict is how a code is answered.
type verdict struct {
	status int
	title  string
}

// verdicts holds the status and the fixed title of every code of the contract.
var verdicts = map[ats.Code]verdict{
	ats.RateLimited:        {http.StatusTooManyRequests, "Rate limit exceeded"},
	ats.ConcurrencyLimited: {http.StatusTooManyRequests, "Too many actions at once"},
	ats.NoIntegration:      {http.StatusNotFound, "Integration not found"},
	ats.InputInvalid:       {http.StatusBadRequest, "Invalid input"},
	ats.Unknown:            {http.StatusInternalServerError, "Internal error"},
	ats.AddressForbidden:   {http.StatusForbidden, "Address not allowed"},
	ats.Unauthenticated:    {http.StatusUnauthorized, "Invalid API key"},
	ats.TimedOut:           {http.StatusGatewayTimeout, "Timed out"},

	ats.PermissionMissing:  {http.StatusForbidden, "Permission missing in the ATS"},
	ats.CredentialsInvalid: {http.StatusUnauthorized, "Credentials rejected by the ATS"},
	ats.QAFailed:           {http.StatusConflict, "Quality check failed"},
	ats.SetupSyncPending:   {http.StatusConflict, "First sync not finished"},
	ats.SetupIncomplete:    {http.StatusConflict, "Setup not finished"},
	ats.Inactive:           {http.StatusConflict, "Integration switched off"},
	ats.ModelNotAvailable:  {http.StatusBadRequest, "Model not available"},
	ats.ModelDisabled:      {http.StatusForbidden, "Model switched off"},
	ats.ActionNotAvailable: {http.StatusBadRequest, "Action not available"},
	ats.ActionDisabled:     {http.StatusForbidden, "Action switched off"},

	ats.RemoteUnavailable:  {http.StatusServiceUnavailable, "ATS not reachable"},
	ats.RemoteRateLimited:  {http.StatusTooManyRequests, "Rate limit of the ATS exceeded"},
	ats.RemoteInputInvalid: {http.StatusBadRequest, "Input rejected by the ATS"},
	ats.RemoteError:        {http.StatusBadGateway, "Unexpected answer of the ATS"},

	ats.JobClosed:         {http.StatusBadRequest, "Job closed"},
	ats.ApplicationExists: {http.StatusConflict, "Application exists"},
}

// failure is an error as it goes over the wire. All four keys of the inner object are always there.
type failure struct {
	Status string        `json:"status"`
	Detail failureDetail `json:"error"`
	http   int
}

type failureDetail struct {
	Code    ats.Code `json:"code"`
	Title   string   `json:"title"`
	Message string   `json:"message"`
	LogURL  *string  `json:"log_url"`
}

// Error makes a failure an error.
func (f *failure) Error() string { return string(f.Detail.Code) + ": " + f.Detail.Message }

// GetStatus gives the HTTP status.
func (f *failure) GetStatus() int { return f.http }

func newFailure(code ats.Code, message string) *failure {
	v := verdicts[code]
	return &failure{Status: "error", Detail: failureDetail{Code: code, Title: v.title, Message: message}, http: v.status}
}

// noSuch is the answer for a path that names nothing. The contract has no code of its own for
// it, except for integrations.
func noSuch(format string, args ...any) error {
	f := newFailure(ats.InputInvalid, fmt.Sprintf(format, args...))
	f.http = http.StatusNotFound
	return f
}

// toFailure turns any error into what the client may see. Codes beyond PLATFORM.* make clients of
// the general operations fail while they read the answer, so there they become INPUT_INVALID
// with the message that they had. The text of other errors is for the log only.
func toFailure(ctx context.Context, class class, err error) *failure {
	return located(ctx, judged(ctx, class, err))
}

// located adds the address under which the log says more.
func located(ctx context.Context, f *failure) *failure {
	if u := infoOf(ctx).logURL; u != "" {
		f.Detail.LogURL = &u
	}
	return f
}

func judged(ctx context.Context, class class, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if e, ok := errors.AsType[*ats.Error](err); ok && verdicts[e.Code].status != 0 {
		code := e.Code
		if class == general && !strings.HasPrefix(string(code), "PLATFORM.") {
			code = ats.InputInvalid
		}
		return newFailure(code, e.Message)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		f := newFailure(ats.InputInvalid, "The client closed the connection before the answer was there.")
		f.http = http.StatusRequestTimeout
		return f
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if op := infoOf(ctx).op; op.live {
			return newFailure(ats.TimedOut, "It took too long to ask the ATS. Try again.")
		}
		return newFailure(ats.TimedOut, fmt.Sprintf("The request took longer than %s. Try again; ask for a smaller page if it happens again.", requestTimeout))
	}
	return newFailure(ats.Unknown, fmt.Sprintf("Something went wrong inside Kladka. Its log says more, under request ID %s.", infoOf(ctx).id))
}

// useEnvelope replaces the error format of huma, which is a global of that package: once, and
// with a function that keeps no state, so that any number of servers may live in a process.
var useEnvelope = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true // as readJSON does
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		if status >= http.StatusInternalServerError {
			return newFailure(ats.Unknown, "Something went wrong inside Kladka while it read the request or wrote the answer.")
		}
		f := newFailure(ats.InputInvalid, describe(message, errs))
		switch status {
		case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout, http.StatusUnsupportedMediaType:
			f.http = status
		}
		return f
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		err := huma.NewError(status, message, errs...)
		if f, ok := errors.AsType[*failure](err); ok {
			return located(ctx.Context(), f)
		}
		return err
	}
})

// describe joins all complaints of the validation: where, which rule, and what was given.
func describe(message string, errs []error) string {
	if len(errs) == 0 {
		return message
	}
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			detail := d.ErrorDetail()
			lines[i] = complaint(detail.Location, detail.Message, detail.Value)
		}
	}
	return strings.Join(lines, "; ")
}

// longRule bounds the texts of others in messages: they may quote what was sent.
const longRule = 200

// complaint names a place, a rule, and the value if it is short enough to help.
func complaint(where, rule string, value any) string {
	const long = 60
	if r := []rune(rule); len(r) > longRule {
		rule = string(r[:longRule]) + "…"
	}
	switch v := value.(type) {
	case string:
		if where != "body" && len(v) <= long {
			return fmt.Sprintf("%s: %s, got %q", where, rule, v)
		}
	case bool, float64, int:
		return fmt.Sprintf("%s: %s, got %v", where, rule, v)
	}
	return fmt.Sprintf("%s: %s", where, rule)
}
