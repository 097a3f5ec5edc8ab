package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// What the doctor takes for slow or old.
const (
	slowAnswer = 10 * time.Second
	oldData    = 24 * time.Hour
	lateAction = 10 * time.Minute
)

// countedActions bounds how many unfinished actions are looked at.
const countedActions = 1000

// integration examines one integration; in detail it tells of every address.
func (e *exam) integration(a *app.App, i store.Integration, detail bool) error {
	what := i.Tenant
	switch i.Status {
	case store.StatusInactive:
		e.warn(what, "switch it on: PUT /v1/integrations/"+i.ID+"/enabled", "%s (%s) is switched off", i.OrganizationName, i.ID)
	case store.StatusInvalid:
		e.problem(what, reconnect(i), "the credentials of %s (%s) have been refused for days; it is not synced any more", i.OrganizationName, i.ID)
	default:
		e.ok(what, "%s (%s), setup %s", i.OrganizationName, i.ID, i.SetupStatus)
	}
	report, traffic, err := a.Check(e.s.ctx, i)
	if err != nil {
		if stopped(e.s.ctx, err) {
			return err
		}
		e.refused(i, err)
	} else {
		e.scopes(what, report.Scopes)
		e.endpoints(what, report.Endpoints, detail)
	}
	e.traffic(what, traffic)
	if err := e.actions(a, i); err != nil {
		return err
	}
	return e.lastSyncs(a, i)
}

// actions tells of actions that should have ended by now.
func (e *exam) actions(a *app.App, i store.Integration) error {
	open, err := a.Store.Actions(e.s.ctx, i.No, true, countedActions)
	if err != nil {
		return err
	}
	old := 0
	for _, row := range open {
		if a.Store.Now()-row.CreatedAt > lateAction.Milliseconds() {
			old++
		}
	}
	if old > 0 {
		e.warn(i.Tenant, "kladka actions list "+i.Tenant+" --open; a running server goes on with them",
			"%d write actions have not ended after %v", old, lateAction)
	}
	return nil
}

func reconnect(i store.Integration) string {
	return "copy client ID and secret again from TRAFFIT (Settings, Integrations, API): kladka integrations reconnect " + i.Tenant + " --client-id ID --client-secret-file FILE"
}

const tickScope = "an administrator ticks the scope for the API client in TRAFFIT's settings"

// refused says why an integration cannot be asked at all, in words of our own: TRAFFIT's may hold
// anything.
func (e *exam) refused(i store.Integration, err error) {
	if _, ok := errors.AsType[*connector.AuthError](err); ok {
		e.problem(i.Tenant, reconnect(i), "TRAFFIT refuses the client ID or the client secret")
		return
	}
	if _, ok := errors.AsType[*connector.VersionError](err); ok {
		e.problem(i.Tenant, "make a client in TRAFFIT with API V1 switched off; then: "+reconnect(i), "the API client is one of API V1")
		return
	}
	if _, ok := errors.AsType[*connector.ScopeError](err); ok {
		e.problem(i.Tenant, strings.Replace(tickScope, "scope", "scopes", 1), "the API client has none of the scopes")
		return
	}
	answer, answered := errors.AsType[*connector.AnswerError](err)
	retry, passes := errors.AsType[*connector.RetryError](err)
	switch {
	case answered && passes:
		e.problem(i.Tenant, "wait; if it stays so, see that the tenant is called so, or ask TRAFFIT", "TRAFFIT answers %d", answer.Status)
	case answered:
		e.problem(i.Tenant, "correct the tenant's name or KLADKA_TRAFFIT_URL", "this is not how TRAFFIT answers: status %d without JSON", answer.Status)
	case passes && retry.After > 0:
		e.problem(i.Tenant, "wait that long; lower KLADKA_TRAFFIT_RPS if it happens again", "TRAFFIT asks to wait %v", retry.After.Round(time.Second))
	case passes:
		e.problem(i.Tenant, "see that the network, a proxy and KLADKA_TRAFFIT_URL lead there", "%s", oneLine(err.Error()))
	default:
		e.problem(i.Tenant, "see that KLADKA_MASTER_KEY_FILE is the key of this database; then: "+reconnect(i), "%v", err)
	}
}

func (e *exam) scopes(what string, scopes []connector.ScopeCheck) {
	granted := 0
	for _, scope := range scopes {
		if scope.Granted {
			granted++
			continue
		}
		e.warn(what, tickScope, "scope %s is missing; without it: %s", scope.Scope, scope.Needed)
	}
	if granted == 0 {
		e.problem(what, strings.Replace(tickScope, "scope", "scopes", 1), "the credentials hold, but none of the scopes is granted")
		return
	}
	e.ok(what, "the credentials hold; %d of %d scopes are granted", granted, len(scopes))
}

func (e *exam) endpoints(what string, endpoints []connector.EndpointCheck, detail bool) {
	var slowest connector.EndpointCheck
	answered := 0
	for _, c := range endpoints {
		line := fmt.Sprintf("GET %s", c.Path)
		if c.Took > slowest.Took {
			slowest = c
		}
		switch {
		case c.Problem != "":
			e.warn(what, endpointAdvice(c), "%s: %s after %v; without it: %s", line, c.Problem, rounded(c.Took), c.Needed)
			continue
		case c.Took > slowAnswer:
			e.warn(what, "syncs will take long; ask TRAFFIT if it stays so", "%s took %v for one row", line, rounded(c.Took))
		case detail:
			e.ok(what, "%s: %d after %v", line, c.Status, rounded(c.Took))
		}
		answered++
	}
	if answered > 0 {
		e.ok(what, "%d of %d kinds of addresses that a sync reads answer; the slowest is %s with %v", answered, len(endpoints), slowest.Path, rounded(slowest.Took))
	}
}

func endpointAdvice(c connector.EndpointCheck) string {
	switch {
	case c.Status == http.StatusUnauthorized || c.Status == http.StatusForbidden:
		return tickScope + " (" + c.Scope + "), or asks TRAFFIT what else it takes"
	case c.Status == http.StatusNotFound || c.Status == http.StatusGone:
		return "this tenant may not have it; `kladka doctor INTEGRATION --probe` finds out, and its report helps us"
	case c.Status >= http.StatusInternalServerError || c.Status == http.StatusTooManyRequests || c.Status == 0:
		return "the next sync tries again; if it stays so, ask TRAFFIT"
	}
	return "send us the report of `kladka doctor INTEGRATION --probe --save DIR`"
}

func rounded(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d < time.Second:
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

func (e *exam) traffic(what string, t app.Traffic) {
	if t.Throttled > 0 {
		e.warn(what, "lower KLADKA_TRAFFIT_RPS; see what else uses this API client", "%d of %d requests were refused as too many", t.Throttled, t.Requests)
	}
	if t.Median > 0 {
		e.ok(what, "%d requests of this check were answered within %v (median), %v at most", t.Requests, rounded(t.Median), rounded(t.Slowest))
	}
}

func (e *exam) lastSyncs(a *app.App, i store.Integration) error {
	runs, err := a.Store.Runs(e.s.ctx, i.No, nil, 3)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		e.warn(i.Tenant, "kladka sync "+i.Tenant+" --wait", "it was never synced")
	}
	for n, r := range runs {
		words := "sync of " + *stamp(&r.CreatedAt) + ": " + string(r.State)
		if r.EndedAt != nil {
			words += " " + ago(r.EndedAt, time.Now())
		}
		if n > 0 {
			e.ok(i.Tenant, "%s", words)
			continue
		}
		steps, err := a.Store.Steps(e.s.ctx, r.ID)
		if err != nil {
			return err
		}
		e.lastSync(a, i, r, steps, words)
	}
	if err := e.age(a, i); err != nil {
		return err
	}
	held, err := a.Deletions(e.s.ctx, i)
	if err != nil {
		return nil //nolint:nilerr // the check of the credentials has told
	}
	for _, d := range held {
		if d.Held {
			e.warn(i.Tenant, "if they are really deleted: kladka deletions approve "+i.ID+" "+string(d.Model), "%d of %d %s are missing from TRAFFIT", d.Waiting, d.Living, d.Model)
		}
	}
	return nil
}

// lastSync judges the newest sync.
func (e *exam) lastSync(a *app.App, i store.Integration, r store.Run, steps []store.RunStep, words string) {
	again := "kladka sync " + i.Tenant + " --wait"
	switch r.State {
	case store.RunAuthentication:
		e.problem(i.Tenant, reconnect(i), "%s: TRAFFIT refused the credentials; after %s of that the integration is not synced any more", words, period(max(a.Config.InvalidAfter, 0)))
	case store.RunTimedOut:
		e.problem(i.Tenant, "see whether TRAFFIT answers now; then "+again+", which goes on from what is stored", "%s: TRAFFIT gave no usable answer for half an hour", words)
	case store.RunFailed:
		e.problem(i.Tenant, "the log of the server says more; then "+again, "%s%s", words, reasons(r.Error))
	case store.RunPartial:
		e.warn(i.Tenant, "see what follows; the next sync tries again", "%s: something could not be read", words)
	case store.RunQueued, store.RunRunning:
		if r.Stalled(a.Store.Now()) {
			e.warn(i.Tenant, "see that a server runs and that TRAFFIT answers", "%s, without progress since %s", words, ago(lastProgress(r), time.Now()))
			break
		}
		e.ok(i.Tenant, "%s", words)
	default:
		e.ok(i.Tenant, "%s", words)
	}
	for _, s := range steps {
		if s.State == store.StepFailed || s.Missing > 0 {
			e.warn(i.Tenant, stepAdvice(s), "step %q: %s", s.Step, strings.TrimPrefix(missingOf(s)+reasons(s.Error), ": "))
		}
	}
	e.rate(a, i, steps)
}

func lastProgress(r store.Run) *int64 {
	if r.ProgressAt != nil {
		return r.ProgressAt
	}
	return &r.CreatedAt
}

func missingOf(s store.RunStep) string {
	if s.Missing > 0 {
		return fmt.Sprintf("%d could not be read", s.Missing)
	}
	return ""
}

// theirWords is where a message goes on with what TRAFFIT said, which may hold anything.
var theirWords = regexp.MustCompile(`(answered \d{3}|lack the scope "[a-z_]*"|lack a permission|refused the credentials): [^;]*`)

// recordID is somebody's number within a path.
var recordID = regexp.MustCompile(`/[0-9]+\b`)

// reasons gives a stored message without TRAFFIT's own words, and without records' IDs.
func reasons(message *string) string {
	if message == nil || *message == "" {
		return ""
	}
	return ": " + recordID.ReplaceAllString(theirWords.ReplaceAllString(oneLine(*message), "$1"), "/{id}")
}

func stepAdvice(s store.RunStep) string {
	message := text(s.Error)
	switch {
	case strings.Contains(message, "lack the scope") || strings.Contains(message, "lack a permission"):
		return tickScope
	case strings.Contains(message, "kladka deletions"):
		return "kladka deletions list shows them; approve them if they are really deleted"
	case strings.Contains(message, "answered 404"):
		return "this tenant may not have it; `kladka doctor INTEGRATION --probe` finds out"
	case strings.Contains(message, "answered 5"):
		return "TRAFFIT's own error: the next sync tries again; if it stays so, ask TRAFFIT"
	case strings.Contains(message, "moved between the pages"):
		return "people were at work while it was read; the next sync reads it again"
	}
	return "the next sync tries again; if it stays so, send us the report of `kladka doctor INTEGRATION --probe`"
}

// rate tells how fast the steps that have ended were read.
func (e *exam) rate(a *app.App, i store.Integration, steps []store.RunStep) {
	var requests int64
	var took time.Duration
	for _, s := range steps {
		if s.StartedAt != nil && s.EndedAt != nil {
			requests += s.Requests
			took += time.Duration(*s.EndedAt-*s.StartedAt) * time.Millisecond
		}
	}
	if requests == 0 || took < time.Second {
		return
	}
	limit := "no limit"
	if a.Config.TraffitRPS > 0 {
		limit = fmt.Sprintf("the budget of %g", a.Config.TraffitRPS)
	}
	e.ok(i.Tenant, "it took %d requests in %v: %.1f a second, with %s", requests, took.Round(time.Second), float64(requests)/took.Seconds(), limit)
}

// age judges how old the data are.
func (e *exam) age(a *app.App, i store.Integration) error {
	last, err := a.Store.LastRun(e.s.ctx, i.No, store.FullSync)
	if errors.Is(err, store.ErrNotFound) || i.Status != store.StatusActive {
		return nil // what was said already says it
	} else if err != nil {
		return err
	}
	old := max(oldData, 2*i.Settings.FullEvery)
	if last.EndedAt != nil && time.Duration(a.Store.Now()-*last.EndedAt)*time.Millisecond > old {
		e.warn(i.Tenant, "see the syncs above and that a server runs; then kladka sync "+i.Tenant+" --wait", "the data are from %s", ago(last.EndedAt, time.Now()))
	}
	return nil
}
