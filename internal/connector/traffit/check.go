package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/connector"
)

// scope is a permission of an API client.
type scope struct {
	name string
	// lost is what stops working without it.
	lost string
}

// scopes are the permissions that reading uses, the indispensable ones first.
var scopes = []scope{
	{"employee", "candidates, applications, tags and rejection reasons of applications"},
	{"recruitment", "jobs, hiring teams, rejection reasons, and the proof that an application is gone"},
	{"workflow", "application stages and the stages of jobs"},
	{"user", "users and roles"},
	{"source", "the source of candidates"},
	{"dictionary", "the labels of sources that come without one, and of types of files"},
}

// endpoint is one kind of address that a sync reads.
type endpoint struct {
	path, scope string
	lost        string // what stops working without it
	list        bool
	of          string // with {id} in path: the list whose first row is taken
	detail      string // may be known to be missing, by this detail
}

// endpoints are all addresses that a sync reads. The first one of each scope is the list that
// tells whether it is granted.
var endpoints = []endpoint{
	{path: api + "/employees/", scope: "employee", list: true, lost: "candidates"},
	{path: api + "/recruitments/", scope: "recruitment", list: true, lost: "jobs"},
	{path: api + "/workflows", scope: "workflow", list: true, lost: "application stages"},
	{path: api + "/users/", scope: "user", list: true, lost: "users and roles"},
	{path: api + "/sources", scope: "source", list: true, lost: "the source of candidates"},
	{path: api + "/dictionaries", scope: "dictionary", list: true, lost: "the labels of sources that come without one, and of types of files"},
	{path: api + "/employees/recruitment_history", scope: "employee", list: true, lost: "applications"},
	{path: api + "/employees/activities", scope: "employee", list: true, lost: "the reason of each rejection"},
	{path: api + "/employees/{id}", of: api + "/employees/", scope: "employee", lost: "the proof that a candidate is gone"},
	{path: api + "/employees/{id}/tags", of: api + "/employees/", scope: "employee", list: true, lost: "tags", detail: "tags.shape"},
	{path: api + "/recruitments/{id}", of: api + "/recruitments/", scope: "recruitment", lost: "the stages and the hiring team of jobs"},
	{path: api + "/recruitments/{id}/employees", of: api + "/recruitments/", scope: "recruitment", list: true, lost: "the proof that an application is gone"},
	{path: api + "/recruitments/{id}/rejections", of: api + "/recruitments/", scope: "recruitment", list: true, lost: "rejection reasons"},
	{path: api + "/workflows/{id}", of: api + "/workflows", scope: "workflow", lost: "application stages and the stages of jobs"},
	{path: api + "/users/{id}", of: api + "/users/", scope: "user", lost: "the proof that a user is gone"},
	{path: api + "/dictionaries/{id}", of: api + "/dictionaries", scope: "dictionary", lost: "the labels of sources that come without one, and of types of files"},
	{path: "/public/job_posts/published", list: true, lost: "job postings, and the descriptions and places of jobs"},
}

// Check fetches a token and tries every kind of address with the smallest request there is.
func (t *tenant) Check(ctx context.Context, _ func(connector.CheckReport)) (connector.CheckReport, error) {
	t.tokens.drop("") // scopes may have been added since
	g, err := t.tokens.get(ctx)
	if err != nil {
		return connector.CheckReport{}, err
	}
	report := connector.CheckReport{}
	problems := map[string]string{} // by scope
	for _, s := range scopes {
		if !slices.Contains(g.scopes, s.name) {
			problems[s.name] = "the API client does not have it; tick it for the client in TRAFFIT's settings"
		}
	}
	firsts := map[string]string{} // a row's ID by list
	tried := map[string]bool{"": true}
	for _, e := range endpoints {
		if problems[e.scope] != "" || e.detail != "" && t.confirmed[e.detail] == "missing" {
			continue
		}
		path := e.path
		if e.of != "" {
			if firsts[e.of] == "" {
				continue // there is no record to ask for
			}
			path = strings.Replace(path, "{id}", pathID(firsts[e.of]), 1)
		}
		check, first, err := t.try(ctx, e, path)
		if fatal(ctx, err) {
			return connector.CheckReport{}, err
		}
		if !tried[e.scope] && slices.Contains([]int{http.StatusForbidden, http.StatusNotFound}, check.Status) {
			problems[e.scope] = err.Error()
			continue
		}
		tried[e.scope], firsts[e.path] = true, first
		report.Endpoints = append(report.Endpoints, check)
	}
	for _, s := range scopes {
		report.Scopes = append(report.Scopes, connector.ScopeCheck{
			Scope: s.name, Needed: s.lost, Granted: problems[s.name] == "", Problem: problems[s.name],
		})
	}
	return report, nil
}

// try asks one address, and gives the ID of a list's first row.
func (t *tenant) try(ctx context.Context, e endpoint, path string) (connector.EndpointCheck, string, error) {
	check := connector.EndpointCheck{Path: e.path, Scope: e.scope, Needed: e.lost}
	r := call{path: path, scope: e.scope}
	if e.list {
		r.page, r.size = 1, 1
	}
	// The request is sent when a connection is asked for; before that, it waits for the budget.
	sent := t.now()
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) { sent = t.now() }})
	a, err := t.get(traced, r)
	check.Took = t.now().Sub(sent)
	if err == nil {
		check.Status = http.StatusOK
		v, _ := decode(a.body) // valid, or it would not be an answer
		rows, _ := v.([]any)
		_, holdsOne := itemsOf(a.body)
		switch {
		case e.list && !holdsOne:
			check.Problem = "it answers an object where a list belongs"
		case !e.list && e.of != "" && asObject(v) == nil && !holdsOne:
			check.Problem = "it answers no object"
		case e.list && len(rows) > 0:
			return check, asObject(rows[0]).id("id"), nil
		}
		return check, "", nil
	}
	check.Status = statusOf(err)
	switch check.Status {
	case 0:
		check.Problem = "it gave no answer"
	case http.StatusOK:
		check.Problem = "it answers no usable JSON"
	default:
		check.Problem = fmt.Sprintf("it answers %d", check.Status)
	}
	return check, "", err
}

// statusOf is the status that an error stands for; 0 when there was no answer.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*connector.AnswerError](err); ok {
		return answer.Status
	}
	if _, ok := errors.AsType[*connector.ScopeError](err); ok {
		return http.StatusForbidden
	}
	if _, ok := errors.AsType[*connector.AuthError](err); ok {
		return http.StatusUnauthorized
	}
	return 0
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
