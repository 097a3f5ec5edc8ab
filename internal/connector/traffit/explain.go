package traffit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

// strangerError means that the place where tokens are given does not speak as TRAFFIT does. Every name
// below traffit.com is answered, with a page and mostly with 503 where there is no such tenant (seen).
type strangerError struct{ err error }

func (e *strangerError) Error() string { return e.err.Error() }

// Unwrap gives the answer.
func (e *strangerError) Unwrap() error { return e.err }

// refusedError means that no token is given to a client.
type refusedError struct {
	err            error
	tenant, client string
}

func (e *refusedError) Error() string { return e.err.Error() }

// Unwrap gives the refusal.
func (e *refusedError) Unwrap() error { return e.err }

// ofV1 is the error of a client to whom a token is given, and then accepted nowhere: a client belongs to
// one version of the API (documented), and this one not to v2.
func ofV1(refusal error) error {
	return &connector.VersionError{Message: "TRAFFIT gives the API client a token and accepts it nowhere, so it must be one of API V1; make another one with API V1 switched off (" + refusal.Error() + ")"}
}

// Explain finds out what is wrong with a connection whose Connect or Check failed.
func (*traffit) Explain(err error) connector.Problem {
	problem := connector.Problem{Code: connector.ProblemOther}
	if err == nil {
		return problem
	}
	problem.Message = err.Error()
	if input, ok := errors.AsType[*inputError](err); ok {
		problem.Code, problem.Credential, problem.Message = connector.ProblemInput, input.credential, input.message
		return problem
	}
	if errors.Is(err, context.Canceled) {
		problem.Code = connector.ProblemInterrupted
		return problem
	}
	if errors.Is(err, context.DeadlineExceeded) {
		problem.Code = connector.ProblemDown
		return problem
	}
	if _, ok := errors.AsType[*connector.VersionError](err); ok {
		problem.Code, problem.Credential = connector.ProblemVersion, credentialID
		return problem
	}
	if refused, ok := errors.AsType[*refusedError](err); ok {
		problem.Code = connector.ProblemCredentials
		problem.Credential, problem.Message = refused.explain()
		return problem
	}
	if _, ok := errors.AsType[*connector.AuthError](err); ok {
		problem.Code = connector.ProblemCredentials
		return problem
	}
	if _, ok := errors.AsType[*connector.ScopeError](err); ok {
		problem.Code = connector.ProblemPermissions
		return problem
	}
	if _, ok := errors.AsType[*strangerError](err); ok {
		problem.Code, problem.Credential = connector.ProblemTenant, credentialTenant
		return problem
	}
	problem.Code, problem.Credential = network(err)
	return problem
}

// network judges errors of the way to TRAFFIT.
func network(err error) (code connector.ProblemCode, credential string) {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return connector.ProblemTenant, credentialTenant
	}
	if answer, ok := errors.AsType[*connector.AnswerError](err); ok {
		if passing(answer.Status) {
			return connector.ProblemDown, ""
		}
		return connector.ProblemOther, ""
	}
	if _, ok := errors.AsType[*outbound.TimeoutError](err); ok {
		return connector.ProblemDown, ""
	}
	if later, ok := errors.AsType[*connector.RetryError](err); ok {
		if later.After > 0 { // it is there, and wants to be asked later
			return connector.ProblemDown, ""
		}
		return connector.ProblemUnreachable, ""
	}
	return connector.ProblemOther, ""
}

// explain says what to do about a refused client. Which of ID and secret is wrong TRAFFIT does not
// tell, but an ID begins with the name of its instance (documented).
func (e *refusedError) explain() (credential, message string) {
	switch {
	case !strings.Contains(e.client, "_"):
		return credentialID, fmt.Sprintf("the client ID is incomplete: TRAFFIT shows it as %s_NAME (%v)", e.tenant, e.err)
	case !strings.HasPrefix(letters(e.client), letters(e.tenant)):
		return credentialID, fmt.Sprintf("the client ID does not begin with %s_: it, or the tenant's name, is another instance's (%v)", e.tenant, e.err)
	}
	return "", fmt.Sprintf("the client ID or the client secret is wrong; copy both again from TRAFFIT (%v)", e.err)
}

// letters leaves out what the names of an instance may differ in.
func letters(s string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
}
