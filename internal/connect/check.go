package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// How often whoever checks says so, after how long without a word nobody does, and how long writing may take.
const (
	beatEvery   = 5 * time.Second
	silence     = 30 * time.Second
	writeWithin = 10 * time.Second
)

// record is what is stored of an attempt beside its credentials.
type record struct {
	Typed    map[string]string     `json:"typed,omitempty"`
	Report   connector.CheckReport `json:"report"`
	Problems []connector.Problem   `json:"problems,omitempty"`
	// Fields are the vendor's, once they were asked for.
	Fields []connector.Field `json:"fields,omitempty"`
}

func (r record) json() json.RawMessage {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // it holds texts and numbers only
	}
	return text
}

func recordOf(a store.Attempt) (r record, err error) {
	if err := json.Unmarshal(a.Report, &r); err != nil {
		return r, fmt.Errorf("read the report of attempt %s: %w", a.ID, err)
	}
	return r, nil
}

// sealed credentials of an attempt are bound to it.
func attemptPlace(id string) string { return "attempts|credentials|" + id }

// Submit takes credentials and begins their check in the background.
func (s *Service) Submit(ctx context.Context, v Visit, tool string, typed map[string]string) (Attempt, error) {
	conn, known := s.Connectors[tool]
	if !known || !slices.ContainsFunc(v.Tools, func(t connector.Tool) bool { return t.Slug == tool }) {
		return Attempt{}, fmt.Errorf("tool %q: %w", tool, store.ErrNotFound)
	}
	select {
	case s.places <- struct{}{}:
	default:
		return Attempt{}, ErrTooMany
	}
	began := false
	defer func() {
		if !began {
			<-s.places
		}
	}()
	credentials, rec := entered(conn, typed)
	plain, err := json.Marshal(credentials)
	if err != nil {
		return Attempt{}, fmt.Errorf("seal the credentials: %w", err)
	}
	id := ats.NewID()
	row, err := s.Store.AddAttempt(ctx, store.Attempt{
		ID: id, Link: v.Link.ID, Tool: tool, Tenant: conn.Account(credentials[connector.AccountCredential]),
		Credentials: s.Keys.Seal(plain, attemptPlace(id)), Report: rec.json(), RequestID: trail.NewID(),
	}, maxAttempts)
	switch {
	case errors.Is(err, store.ErrTooMany):
		return Attempt{}, ErrTooMany
	case errors.Is(err, store.ErrClosed):
		return Attempt{}, s.whyClosed(ctx, v.Link.ID)
	case err != nil:
		return Attempt{}, err
	}
	s.Point("connect.submitted")
	if len(rec.Problems) == 0 && v.Link.Kind == Relink && row.Tenant != v.Integration.Tenant {
		rec.Problems = []connector.Problem{{
			Code: connector.ProblemAccount, Credential: connector.AccountCredential,
			Message: fmt.Sprintf("this link reconnects the account %q, and no other", v.Integration.Tenant),
		}}
	}
	var tenant connector.Tenant
	if len(rec.Problems) == 0 {
		i := v.Integration
		i.No, i.Settings.Confirmed, i.Scopes = 0, nil, v.Allowed()
		if tenant, err = s.Connect(conn, credentials, i); err != nil {
			rec.Problems = []connector.Problem{conn.Explain(err)}
		}
	}
	c := check{Service: s, visit: v, row: row, record: rec, conn: conn, tenant: tenant}
	if len(rec.Problems) > 0 {
		if err := c.fail(ctx); err != nil {
			return Attempt{}, err
		}
		return c.attempt(store.AttemptFailed), nil
	}
	a := c.attempt(store.AttemptChecking)
	began = true
	s.checks.Go(func() {
		defer func() { <-s.places }()
		c.run()
	})
	return a, nil
}

// entered gives the credentials that a connector knows, and what is wrong with them as texts.
func entered(conn connector.Connector, typed map[string]string) (map[string]string, record) {
	rec := record{Typed: map[string]string{}}
	credentials := map[string]string{}
	for _, c := range conn.Credentials() {
		text := strings.TrimSpace(strings.ToValidUTF8(typed[c.Key], "�"))
		problem := ""
		switch {
		case text == "":
			problem = "it is missing"
		case utf8.RuneCountInString(text) > maxCredential:
			problem = fmt.Sprintf("it has more than %d characters", maxCredential)
			text = string([]rune(text)[:maxCredential])
		case strings.ContainsFunc(text, unicode.IsControl):
			problem = "it has line breaks or control characters"
			text = strings.Map(func(r rune) rune {
				if unicode.IsControl(r) {
					return ' '
				}
				return r
			}, text)
		}
		if problem != "" {
			rec.Problems = append(rec.Problems, connector.Problem{Code: connector.ProblemInput, Credential: c.Key, Message: c.Label + ": " + problem})
		}
		credentials[c.Key] = text
		if !c.Secret {
			rec.Typed[c.Key] = text
		}
	}
	return credentials, rec
}

// whyClosed tells why a link cannot be used any more.
func (s *Service) whyClosed(ctx context.Context, id string) error {
	row, err := s.Store.Link(ctx, id)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case err == nil && row.CompletedAt != nil:
		return ErrCompleted
	case err == nil && row.RevokedAt == nil:
		return ErrExpired
	}
	return ErrRevoked
}

// check is one check of credentials.
type check struct {
	*Service
	visit  Visit
	row    store.Attempt
	record record
	conn   connector.Connector
	tenant connector.Tenant
}

// errSlow ends a check that takes too long.
var errSlow = errors.New("it gave no answer in time")

// run checks the credentials and writes down what came of it.
func (c *check) run() {
	// The wait for a slot is not the account's fault.
	ctx, stop := context.WithCancelCause(c.base)
	defer stop(nil)
	ctx = trail.With(ctx, trail.Cause{Request: c.row.RequestID, Bodies: true})
	news := make(chan connector.CheckReport, 1)
	done := make(chan struct{})
	beating, rest := context.WithCancel(ctx)
	go func() {
		defer close(done)
		c.beat(beating, stop, news)
	}()
	report, err := c.ask(ctx, news)
	rest()
	<-done
	if errors.Is(context.Cause(ctx), ErrReplaced) {
		c.note(connector.Problem{Code: connector.ProblemInterrupted, Message: ErrReplaced.Error()})
		return
	}
	if err == nil {
		c.record.Report = report
	}
	c.record.Problems = c.judge(ctx, report, err)
	c.Point("connect.checked")
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWithin)
	defer cancel()
	if len(c.record.Problems) > 0 {
		err = c.fail(writing)
	} else {
		c.note(connector.Problem{})
		err = c.Store.AttemptIsReady(writing, c.row.ID, c.record.json())
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		c.Log.ErrorContext(writing, "the outcome of a check could not be written", "attempt", c.row.ID, "err", err)
	}
}

// ask asks the ATS, when it is its turn.
func (c *check) ask(ctx context.Context, news chan connector.CheckReport) (connector.CheckReport, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return connector.CheckReport{}, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Within, errSlow)
	defer cancel()
	report, err := c.tenant.Check(ctx, func(r connector.CheckReport) {
		r.Scopes, r.Endpoints = slices.Clone(r.Scopes), slices.Clone(r.Endpoints)
		select {
		case <-news: // only the newest counts
		default:
		}
		news <- r
	})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return report, err
}

// beat writes down how far the check has come, and that it goes on. It stops the check when nobody waits for
// it any more.
func (c *check) beat(ctx context.Context, stop context.CancelCauseFunc, news <-chan connector.CheckReport) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	rec := c.record
	for {
		select {
		case <-ctx.Done():
			return
		case rec.Report = <-news:
		case <-tick.C:
		}
		err := c.Store.SaveAttempt(ctx, c.row.ID, rec.json())
		switch {
		case errors.Is(err, store.ErrNotFound):
			stop(ErrReplaced)
			return
		case err != nil && ctx.Err() == nil:
			c.Log.WarnContext(ctx, "the progress of a check could not be written", "attempt", c.row.ID, "err", err)
		}
	}
}

// judge tells what keeps an account from being connected.
func (c *check) judge(ctx context.Context, report connector.CheckReport, err error) []connector.Problem {
	switch {
	case errors.Is(context.Cause(ctx), errClosing):
		return []connector.Problem{{Code: connector.ProblemInterrupted, Message: errClosing.Error()}}
	case errors.Is(err, errSlow):
		return []connector.Problem{{Code: connector.ProblemDown, Message: fmt.Sprintf("the check did not end within %v", c.Within)}}
	case err != nil:
		return []connector.Problem{c.conn.Explain(err)}
	}
	optional := map[string]bool{}
	for _, p := range c.conn.Permissions(c.visit.Allowed()) {
		optional[p.Name] = p.Optional
	}
	var problems []connector.Problem
	for _, p := range report.Scopes {
		if !p.Granted && !optional[p.Scope] {
			problems = append(problems, connector.Problem{Code: connector.ProblemPermissions, Message: p.Scope + ": " + p.Problem})
		}
	}
	failing := func(e connector.EndpointCheck) bool { return e.Problem != "" }
	if len(problems) == 0 && len(report.Endpoints) > 0 && !slices.ContainsFunc(report.Endpoints, func(e connector.EndpointCheck) bool { return !failing(e) }) {
		e := report.Endpoints[0]
		code := connector.ProblemOther
		if e.Status == 0 || e.Status >= 500 {
			code = connector.ProblemDown
		}
		problems = append(problems, connector.Problem{Code: code, Message: e.Path + ": " + e.Problem})
	}
	return problems
}

// fail writes down that the attempt has failed.
func (c *check) fail(ctx context.Context) error {
	c.note(c.record.Problems[0])
	c.row.Report = c.record.json()
	return c.failed(ctx, c.visit, c.row, math.MaxInt64)
}

// note writes the attempt into the request log, where what was asked of the ATS for it stands.
func (c *check) note(p connector.Problem) {
	row := store.Request{
		ID: c.row.RequestID, Kind: store.APIRequest, Route: "POST /connect", Method: "POST", Address: "/connect",
		Status:    http.StatusSeeOther, // the form leads on to the check
		StartedAt: c.row.CreatedAt, Took: time.Duration(c.now()-c.row.CreatedAt) * time.Millisecond,
	}
	if p.Code != "" {
		row.Failed, row.Error = true, new(string(p.Code)+": "+p.Message)
	}
	c.Trail.Note(row)
}

// failed ends an attempt that nobody has been at since a moment.
func (s *Service) failed(ctx context.Context, v Visit, row store.Attempt, silentSince int64) error {
	f := store.FlowFailed{OrganizationName: v.Link.Settings.Organization, OriginID: v.Link.Settings.OriginID, LogURL: s.logURL(row)}
	if v.Link.Settings.Email != "" {
		f.CreatorEmail = &v.Link.Settings.Email
	}
	if i := v.Integration; i.No != 0 {
		f.OrganizationName, f.CreatorEmail, f.OriginID = i.OrganizationName, i.CreatorEmail, i.OriginID
	}
	err := s.Store.FailAttempt(ctx, row, silentSince, f)
	if err == nil {
		s.Log.InfoContext(ctx, "an attempt to connect failed", "link", row.Link, "tool", row.Tool, "log_url", f.LogURL)
	}
	return err
}

func (s *Service) logURL(row store.Attempt) string {
	return strings.TrimRight(s.PublicURL(), "/") + "/logs/" + row.RequestID
}

// interrupted ends an attempt whose check was broken off, and gives it as it is then.
func (s *Service) interrupted(ctx context.Context, row store.Attempt) (store.Attempt, error) {
	link, err := s.Store.Link(ctx, row.Link)
	if err != nil {
		return row, fmt.Errorf("read the link of attempt %s: %w", row.ID, err)
	}
	l, err := linkOf(link)
	if err != nil {
		return row, err
	}
	v := Visit{Link: l}
	if l.Integration != 0 {
		if v.Integration, err = s.Store.IntegrationByNo(ctx, l.Integration); err != nil && !errors.Is(err, store.ErrNotFound) {
			return row, err
		}
	}
	rec, err := recordOf(row)
	if err != nil {
		return row, err
	}
	rec.Problems = []connector.Problem{{Code: connector.ProblemInterrupted, Message: "the server stopped while it checked"}}
	c := check{Service: s, row: row}
	c.note(rec.Problems[0])
	row.Report = rec.json()
	if err := s.failed(ctx, v, row, row.BeatAt); err != nil && !errors.Is(err, store.ErrNotFound) {
		return row, err
	}
	return s.Store.Attempt(ctx, row.ID)
}

// attempt shows the attempt.
func (c *check) attempt(state string) Attempt {
	return Attempt{
		ID: c.row.ID, Tool: c.row.Tool, State: AttemptState(state), Typed: maps.Clone(c.record.Typed),
		Report: c.record.Report, Problems: c.record.Problems,
	}
}

// stored reads an attempt of a link.
func (s *Service) stored(ctx context.Context, v Visit, id string) (store.Attempt, record, error) {
	if !ats.ValidID(id) { // it comes from an address
		return store.Attempt{}, record{}, store.ErrNotFound
	}
	row, err := s.Store.Attempt(ctx, id)
	if err == nil && row.Link != v.Link.ID {
		err = store.ErrNotFound
	}
	if err == nil && row.State == store.AttemptChecking && row.BeatAt <= s.now()-silence.Milliseconds() {
		row, err = s.interrupted(ctx, row)
	}
	if err == nil && row.State == store.AttemptReplaced {
		err = ErrReplaced
	}
	if err != nil {
		return row, record{}, err
	}
	rec, err := recordOf(row)
	return row, rec, err
}

// Attempt reads an attempt of the link.
func (s *Service) Attempt(ctx context.Context, v Visit, id string) (Attempt, error) {
	row, rec, err := s.stored(ctx, v, id)
	if err != nil {
		return Attempt{}, err
	}
	c := check{row: row, record: rec}
	a := c.attempt(row.State)
	if a.State == Ready { // before that, nobody has shown that the account is theirs
		twin, err := s.Store.Twin(ctx, row.Tool, row.Tenant, v.Integration.No)
		if err != nil {
			return Attempt{}, err
		}
		a.Twin = twin != ""
	}
	return a, nil
}
