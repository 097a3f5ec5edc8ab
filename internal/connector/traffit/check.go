package traffit

import (
	"context"
	"errors"
	"slices"

	"github.com/kladka/kladka/internal/connector"
)

// scope is a permission of an API client, and a cheap request that needs it.
type scope struct {
	name, path string
	// lost is what stops working without it.
	lost string
}

// scopes are the permissions that reading uses, the indispensable ones first.
var scopes = []scope{
	{"employee", "/employees/", "candidates, applications, tags and rejection reasons of applications"},
	{"recruitment", "/recruitments/", "jobs, hiring teams, rejection reasons, and the proof that an application is gone"},
	{"workflow", "/workflows", "application stages and the stages of jobs"},
	{"user", "/users/", "users and roles"},
	{"source", "/sources", "the source of candidates"},
	{"dictionary", "/dictionaries", "the labels of sources that come without one"},
}

// Check fetches a token and tries every scope with the smallest request there is.
func (t *tenant) Check(ctx context.Context) (connector.CheckReport, error) {
	t.tokens.drop("") // scopes may have been added since
	g, err := t.tokens.get(ctx)
	if err != nil {
		return connector.CheckReport{}, err
	}
	var report connector.CheckReport
	for _, s := range scopes {
		check := connector.ScopeCheck{Scope: s.name, Needed: s.lost}
		if !slices.Contains(g.scopes, s.name) {
			check.Problem = "the API client does not have it; tick it for the client in TRAFFIT's settings"
		} else if err := t.try(ctx, s); err != nil {
			if fatal(ctx, err) {
				return connector.CheckReport{}, err
			}
			check.Problem = err.Error()
		}
		check.Granted = check.Problem == ""
		report.Scopes = append(report.Scopes, check)
	}
	return report, nil
}

func (t *tenant) try(ctx context.Context, s scope) error {
	_, err := t.rows(ctx, call{path: api + s.path, scope: s.name, page: 1, size: 1})
	return err
}

// fatal reports whether an error is about the whole connection and not about one endpoint.
func fatal(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if _, ok := errors.AsType[*connector.AuthError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*connector.RetryError](err); !ok {
		return false
	}
	_, answered := errors.AsType[*connector.AnswerError](err)
	return !answered // a single endpoint may fail for good; no answer at all is another matter
}
