package traffit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/connector"
)

// endpoint is one kind of address that a sync reads.
type endpoint struct {
	path, scope string
	lost        string // what stops working without it
	step        string // of the plan, that needs it
	list        bool
	of          string // with {id} in path: the list whose first row is taken
	detail      string // may be known to be missing, by this detail
}

// endpoints are all addresses that a sync reads. The first one of each scope is the list that
// tells whether it is granted.
var endpoints = []endpoint{
	{path: api + "/employees/", scope: "employee", list: true, step: "employees", lost: "candidates"},
	{path: api + "/recruitments/", scope: "recruitment", list: true, step: "recruitments", lost: "jobs"},
	{path: api + "/workflows", scope: "workflow", list: true, step: "workflows", lost: "application stages"},
	{path: api + "/users/", scope: "user", list: true, step: "users", lost: "users and roles"},
	{path: api + "/sources", scope: "source", list: true, step: "sources", lost: "the source of candidates"},
	{
		path: api + "/dictionaries", scope: "dictionary", list: true, step: "dictionaries",
		lost: "the labels of sources that come without one, and of types of files",
	},
	{path: api + "/employees/recruitment_history", scope: "employee", list: true, step: "history", lost: "applications"},
	{path: api + "/employees/activities", scope: "employee", list: true, step: "activities", lost: "the reason of each rejection"},
	{path: api + "/employees/{id}", of: api + "/employees/", scope: "employee", step: "employees", lost: "the proof that a candidate is gone"},
	{path: api + "/employees/{id}/tags", of: api + "/employees/", scope: "employee", list: true, step: "tags", lost: "tags", detail: "tags.shape"},
	{
		path: api + "/recruitments/{id}", of: api + "/recruitments/", scope: "recruitment", step: "recruitments",
		lost: "the stages and the hiring team of jobs",
	},
	{
		path: api + "/recruitments/{id}/employees", of: api + "/recruitments/", scope: "recruitment", list: true, step: "history",
		lost: "the proof that an application is gone",
	},
	{
		path: api + "/recruitments/{id}/rejections", of: api + "/recruitments/", scope: "recruitment", list: true, step: "rejection reasons",
		lost: "rejection reasons",
	},
	{
		path: api + "/workflows/{id}", of: api + "/workflows", scope: "workflow", step: "workflow details",
		lost: "application stages and the stages of jobs",
	},
	{path: api + "/users/{id}", of: api + "/users/", scope: "user", step: "users", lost: "the proof that a user is gone"},
	{
		path: api + "/dictionaries/{id}", of: api + "/dictionaries", scope: "dictionary", step: "dictionary items",
		lost: "the labels of sources that come without one, and of types of files",
	},
	{path: "/public/job_posts/published", list: true, step: "adverts", lost: "job postings, and the descriptions and places of jobs"},
}

// examined gives the endpoints that a check tries: those of the steps of the plan, and the first one of
// each scope that only actions need.
func (t *tenant) examined() []endpoint {
	var some []endpoint
	first := map[string]bool{}
	for _, e := range endpoints {
		tells := e.scope != "" && !first[e.scope] && slices.Contains(t.wanted, e.scope)
		first[e.scope] = true
		stepped := slices.ContainsFunc(plan, func(p planned) bool { return p.name == e.step && p.needed(t.scopes) })
		if (tells || stepped) && (e.detail == "" || t.confirmed[e.detail] != "missing") {
			some = append(some, e)
		}
	}
	return some
}

// report is a check as far as it has come.
type report struct {
	connector.CheckReport
	tell func(connector.CheckReport)
}

// told shows the report.
func (r *report) told() {
	if r.tell != nil {
		r.tell(connector.CheckReport{Scopes: slices.Clone(r.Scopes), Endpoints: slices.Clone(r.Endpoints)})
	}
}

// judge notes of a scope what was found out; an empty problem means that it is granted. Of one that is
// not granted, nothing is tried.
func (r *report) judge(name, problem string) {
	for i := range r.Scopes {
		if s := &r.Scopes[i]; s.Scope == name {
			s.Granted, s.Pending, s.Problem = problem == "", false, problem
		}
	}
	if problem != "" {
		r.Endpoints = slices.DeleteFunc(r.Endpoints, func(e connector.EndpointCheck) bool { return e.Scope == name })
	}
}

// judgeAll notes that no scope is granted.
func (r *report) judgeAll(problem string) {
	for _, s := range slices.Clone(r.Scopes) {
		r.judge(s.Scope, problem)
	}
	r.Endpoints = nil
}

// pending reports whether it is still open whether a scope is granted.
func (r *report) pending(name string) bool {
	return slices.ContainsFunc(r.Scopes, func(s connector.ScopeCheck) bool { return s.Scope == name && s.Pending })
}

// denied reports whether a scope is known to be missing.
func (r *report) denied(name string) bool {
	return slices.ContainsFunc(r.Scopes, func(s connector.ScopeCheck) bool { return s.Scope == name && s.Problem != "" })
}

// tried puts what an endpoint came to into its place; nil takes it out.
func (r *report) tried(path string, check *connector.EndpointCheck) {
	at := slices.IndexFunc(r.Endpoints, func(e connector.EndpointCheck) bool { return e.Path == path })
	if check == nil {
		r.Endpoints = slices.Delete(r.Endpoints, at, at+1)
		return
	}
	r.Endpoints[at] = *check
}

// Check fetches a token and tries every kind of address with the smallest request there is.
func (t *tenant) Check(ctx context.Context, watch func(connector.CheckReport)) (connector.CheckReport, error) {
	r := &report{tell: watch}
	for _, s := range scopes {
		if slices.Contains(t.wanted, s.name) {
			r.Scopes = append(r.Scopes, connector.ScopeCheck{Scope: s.name, Needed: s.lost, Pending: true})
		}
	}
	examined := t.examined()
	for _, e := range examined {
		r.Endpoints = append(r.Endpoints, connector.EndpointCheck{Path: e.path, Scope: e.scope, Needed: e.lost, Pending: true})
	}
	r.told()
	if err := t.examine(ctx, r, examined); err != nil {
		if end := ctx.Err(); end != nil && !errors.Is(err, end) {
			err = fmt.Errorf("%w (%w)", err, end)
		}
		return connector.CheckReport{}, err
	}
	return r.CheckReport, nil
}

func (t *tenant) examine(ctx context.Context, r *report, examined []endpoint) error {
	t.tokens.drop("") // scopes may have been added since
	g, err := t.tokens.get(ctx)
	if err != nil {
		return err
	}
	for _, s := range r.Scopes {
		if !slices.Contains(g.scopes, s.Scope) {
			r.judge(s.Scope, "the API client does not have it; tick it for the client in TRAFFIT's settings")
		}
	}
	r.told()
	firsts := map[string]string{} // a row's ID by list
	refusal, taken := error(nil), false
	for _, e := range examined {
		if r.denied(e.scope) {
			continue
		}
		path := e.path
		if e.of != "" {
			if firsts[e.of] == "" { // there is no record to ask for
				r.tried(e.path, nil)
				r.told()
				continue
			}
			path = strings.Replace(path, "{id}", pathID(firsts[e.of]), 1)
		}
		check, first, err := t.try(ctx, e, path)
		refused := slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, check.Status)
		if fatal(ctx, err) {
			_, expired := errors.AsType[*refusedError](err) // no new token was given
			switch {
			case !refused || expired || taken || refusal != nil:
				return err
			case g.opens(t.wanted):
				return ofV1(err)
			}
			r.judgeAll(err.Error())
			r.told()
			return nil
		}
		if r.pending(e.scope) && refused && check.Status != http.StatusUnauthorized {
			r.judge(e.scope, err.Error())
			refusal = cmp.Or(refusal, err)
			r.told()
			continue
		}
		r.judge(e.scope, "")
		taken = taken || e.scope != ""
		firsts[e.path] = first
		r.tried(e.path, &check)
		r.told()
	}
	if refusal != nil && !taken && g.opens(t.wanted) {
		return ofV1(refusal)
	}
	return nil
}

// opens reports whether a token should open something: one that is said to have none of the scopes
// should not.
func (g grant) opens(wanted []string) bool {
	return g.said == nil || slices.ContainsFunc(g.said, func(s string) bool { return slices.Contains(wanted, s) })
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
