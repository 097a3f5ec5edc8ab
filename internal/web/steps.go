package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// start is where links lead: the choice of a tool, or else the guide.
func (s *server) start(v *visitor) error {
	if err := v.open(); err != nil {
		return err
	}
	if v.Link.Kind == connect.Setup {
		return v.lead("confirm")
	}
	tool, ok := v.selected()
	if !ok {
		return v.show(http.StatusOK, "choose", nil)
	}
	return v.show(http.StatusOK, "guide", v.guideOf(tool))
}

// manual is a tool's guide for everybody, with all permissions that anything could need.
func (s *server) manual(v *visitor) error {
	n := slices.IndexFunc(s.Tools, func(t connector.Tool) bool { return t.Slug == v.r.PathValue("tool") })
	if n < 0 {
		return errUnknown
	}
	v.Visit.Tools = s.Tools[n : n+1]
	return v.show(http.StatusOK, "manual", v.guideOf(s.Tools[n]))
}

// guide is what the guide's page shows.
type guide struct {
	Prerequisites []string
	Steps         []guideStep
	// Permissions are shown in the step that is about them, or here when no step is.
	Permissions []permission
}

type guideStep struct {
	Title, Text, Caption string
	Picture              template.URL
	Permissions          []permission
}

// permission is one that the customer has to give, and why, in words.
type permission struct {
	Name         string
	Reads, Write string // lists of what needs it; empty for none
	Optional     bool
}

func (v *visitor) guideOf(tool connector.Tool) guide {
	from, _, permissions := v.guidance(tool)
	g := guide{Prerequisites: from.Prerequisites, Permissions: permissions}
	for _, s := range from.Steps {
		step := guideStep{Title: s.Title, Text: s.Text, Caption: s.Caption}
		if len(s.Picture) > 0 {
			// As an image of its own it can run nothing, whatever is in it.
			step.Picture = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(s.Picture))
		}
		if s.Permissions {
			step.Permissions, g.Permissions = g.Permissions, nil
		}
		g.Steps = append(g.Steps, step)
	}
	return g
}

// guidance is what the tool's connector tells about credentials and permissions.
func (v *visitor) guidance(tool connector.Tool) (connector.Guide, []connector.Credential, []permission) {
	g, credentials, permissions := v.Page.Guide(tool.Slug, v.language, v.Allowed())
	return g, credentials, v.permissions(tool, permissions)
}

func (v *visitor) permissions(tool connector.Tool, from []connector.Permission) []permission {
	w := v.languages.words[v.language]
	all := make([]permission, 0, len(from))
	for _, p := range from {
		var reads, writes []string
		for _, m := range order {
			if slices.Contains(p.Models, m) {
				reads = append(reads, w.modelLabel(m))
			}
		}
		for _, a := range p.Actions {
			writes = append(writes, w.actionLabel(a, toolsAction(tool, a)))
		}
		all = append(all, permission{p.Name, strings.Join(reads, ", "), strings.Join(writes, ", "), p.Optional})
	}
	return all
}

// toolsAction is what a tool calls an action.
func toolsAction(tool connector.Tool, id string) string {
	for _, a := range tool.Actions {
		if a.ID == id {
			return a.Label
		}
	}
	return ""
}

// credentials is what the form's page shows.
type credentials struct {
	Fields []credential
	// Alerts are what is wrong with the whole; the fields have theirs beside them.
	Alerts []alert
	Guide  guide
	Failed bool // something is wrong
}

// credential is one field of the form.
type credential struct {
	Key, Label, Hint, Example, Value string
	Secret, Fixed                    bool
	Again                            bool // a secret that has to be typed once more
	Problem                          *alert
}

// Describes lists the IDs of the texts that explain the field.
func (c credential) Describes() string {
	var ids []string
	if c.Problem != nil {
		ids = append(ids, "error-"+c.Key)
	}
	if c.Hint != "" || c.Example != "" {
		ids = append(ids, "hint-"+c.Key)
	}
	if c.Fixed {
		ids = append(ids, "fixed-"+c.Key)
	}
	if c.Again {
		ids = append(ids, "again-"+c.Key)
	}
	return strings.Join(ids, " ")
}

// alert is something that is wrong, by its problem's words.
type alert struct {
	Code    connector.ProblemCode
	Missing []permission // permissions that were not given
	Details []string     // for those who help; in English or the ATS's language
}

// Title and Text are the keys of its words.
func (a alert) Title() string { return "problem." + string(a.Code) + ".title" }
func (a alert) Text() string  { return "problem." + string(a.Code) + ".text" }

// form asks for credentials; after an attempt that failed, it says what was wrong with them.
func (s *server) form(v *visitor) error {
	if err := v.open(); err != nil {
		return err
	}
	if v.Link.Kind == connect.Setup {
		return v.lead("confirm")
	}
	var a connect.Attempt
	if v.attempt != "" {
		var err error
		if a, err = s.Page.Attempt(v.ctx, v.Visit, v.attempt); err != nil {
			return fmt.Errorf("read the attempt: %w", err)
		}
		if a.State != connect.Failed {
			return v.lead("check", "attempt", a.ID)
		}
		v.tool = a.Tool
	}
	tool, ok := v.selected()
	if !ok {
		return v.lead("")
	}
	return v.show(http.StatusOK, "form", v.formOf(tool, a))
}

// formOf makes the form, with what an attempt says about it.
func (v *visitor) formOf(tool connector.Tool, a connect.Attempt) credentials {
	hints, fields, permissions := v.guidance(tool)
	f := credentials{Guide: v.guideOf(tool), Failed: len(a.Problems) > 0 || a.State == connect.Failed}
	for _, c := range fields {
		hint := hints.Fields[c.Key]
		if hint.Label == "" {
			hint.Label = c.Label
		}
		field := credential{Key: c.Key, Label: hint.Label, Hint: hint.Hint, Example: hint.Example, Secret: c.Secret, Value: a.Typed[c.Key]}
		if c.Secret {
			field.Value, field.Again = "", f.Failed || a.Typed[c.Key] != "" // it never comes back
		}
		if c.Key == connector.AccountCredential && v.Link.Kind == connect.Relink {
			field.Value, field.Fixed = v.Integration.Tenant, true
		}
		f.Fields = append(f.Fields, field)
	}
	for _, p := range a.Problems {
		f.add(p, missing(a.Report, permissions, false))
	}
	if f.Failed && len(a.Problems) == 0 {
		f.add(connector.Problem{Code: connector.ProblemOther}, nil)
	}
	return f
}

// missing lists the permissions that a check did not find, with why they are needed: the optional ones or
// the others.
func missing(report connector.CheckReport, needed []permission, optional bool) []permission {
	var all []permission
	for _, c := range report.Scopes {
		if c.Granted || c.Pending {
			continue
		}
		p := permission{Name: c.Scope}
		if n := slices.IndexFunc(needed, func(p permission) bool { return p.Name == c.Scope }); n >= 0 {
			p = needed[n]
		}
		if p.Optional == optional {
			all = append(all, p)
		}
	}
	return all
}

// add puts a problem beside its field, or above the form.
func (f *credentials) add(p connector.Problem, missing []permission) {
	a := alert{Code: known(p.Code)}
	if p.Message != "" {
		a.Details = []string{p.Message}
	}
	if n := slices.IndexFunc(f.Fields, func(c credential) bool { return c.Key == p.Credential }); n >= 0 {
		if f.Fields[n].Fixed && a.Code == connector.ProblemTenant {
			a.Code = problemAsleep
		}
		if f.Fields[n].Problem == nil {
			f.Fields[n].Problem = &a
		}
		return
	}
	if a.Code == connector.ProblemPermissions {
		a.Missing = missing
	}
	if n := slices.IndexFunc(f.Alerts, func(other alert) bool { return other.Code == a.Code }); n >= 0 {
		f.Alerts[n].Details = append(f.Alerts[n].Details, a.Details...)
		return
	}
	f.Alerts = append(f.Alerts, a)
}

// known gives a code that there are words for.
func known(code connector.ProblemCode) connector.ProblemCode {
	if slices.Contains(problems, code) {
		return code
	}
	return connector.ProblemOther
}

// problems are the codes that there are words for. The last are the pages' own.
var problems = []connector.ProblemCode{
	connector.ProblemInput, connector.ProblemTenant, connector.ProblemCredentials, connector.ProblemPermissions, connector.ProblemVersion,
	connector.ProblemUnreachable, connector.ProblemDown, connector.ProblemInterrupted, connector.ProblemAccount, connector.ProblemOther,
	problemEmpty, problemLong, problemTooMany, problemAsleep,
}

const (
	problemEmpty   connector.ProblemCode = "empty"
	problemLong    connector.ProblemCode = "long"
	problemTooMany connector.ProblemCode = "too_many"
	problemAsleep  connector.ProblemCode = "asleep" // an account that was connected before is not there
)

// submit takes credentials and begins their check.
func (s *server) submit(v *visitor) error {
	if err := v.open(); err != nil {
		return err
	}
	tool, ok := v.selected()
	if !ok || v.Link.Kind == connect.Setup {
		return v.lead("")
	}
	if v.switching {
		return v.retype(tool)
	}
	_, fields, _ := v.guidance(tool)
	typed, problems := map[string]string{}, []connector.Problem(nil)
	for _, c := range fields {
		value := strings.TrimSpace(v.r.PostForm.Get("credential-" + c.Key))
		if c.Key == connector.AccountCredential && v.Link.Kind == connect.Relink {
			value = v.Integration.Tenant
		}
		switch {
		case value == "":
			problems = append(problems, connector.Problem{Code: problemEmpty, Credential: c.Key})
		case len(value) > maxValue:
			problems = append(problems, connector.Problem{Code: problemLong, Credential: c.Key})
			value = ""
		}
		typed[c.Key] = value
	}
	if len(problems) > 0 {
		return v.show(http.StatusUnprocessableEntity, "form", v.formOf(tool, connect.Attempt{Typed: typed, Problems: problems}))
	}
	a, err := s.Page.Submit(v.ctx, v.Visit, tool.Slug, typed)
	if errors.Is(err, connect.ErrTooMany) {
		again := connect.Attempt{Typed: typed, Problems: []connector.Problem{{Code: problemTooMany}}}
		return v.show(http.StatusTooManyRequests, "form", v.formOf(tool, again))
	} else if err != nil {
		return fmt.Errorf("submit credentials: %w", err)
	}
	return v.lead("check", "attempt", a.ID)
}

// retype shows the form in another language, with what was typed but the secrets, and what was wrong before.
func (v *visitor) retype(tool connector.Tool) error {
	var a connect.Attempt
	if v.attempt != "" {
		var err error
		if a, err = v.server.Page.Attempt(v.ctx, v.Visit, v.attempt); err != nil {
			return fmt.Errorf("read the attempt: %w", err)
		}
	}
	_, fields, _ := v.guidance(tool)
	typed := map[string]string{}
	for _, c := range fields {
		if value := v.r.PostForm.Get("credential-" + c.Key); value != "" && len(value) <= maxValue {
			typed[c.Key] = value
		}
	}
	a.Typed = typed
	return v.show(http.StatusOK, "form", v.formOf(tool, a))
}

// progress is what the check's page shows.
type progress struct {
	Permissions []check
	Endpoints   []check
	Done, Total int
}

// check is one thing that is tried.
type check struct {
	Name, Reads string
	State       string // pending, ok or failed
}

// check shows how a check goes, and leads on when it has ended.
func (s *server) check(v *visitor) error {
	if err := v.open(); err != nil {
		return err
	}
	if v.attempt == "" {
		return v.lead("")
	}
	a, err := s.Page.Attempt(v.ctx, v.Visit, v.attempt)
	if err != nil {
		return fmt.Errorf("read the attempt: %w", err)
	}
	v.tool = a.Tool
	switch a.State {
	case connect.Failed:
		return v.lead("form", "attempt", a.ID)
	case connect.Ready:
		return v.lead("confirm", "attempt", a.ID)
	}
	tool, _ := v.selected()
	_, _, permissions := v.guidance(tool)
	return v.show(http.StatusOK, "check", progressOf(a.Report, permissions))
}

func progressOf(report connector.CheckReport, needed []permission) progress {
	p := progress{Total: len(report.Scopes) + len(report.Endpoints)}
	state := func(pending, ok bool) string {
		if pending {
			return "pending"
		}
		p.Done++
		if ok {
			return "ok"
		}
		return "failed"
	}
	for _, c := range report.Scopes {
		one := check{Name: c.Scope, State: state(c.Pending, c.Granted)}
		if n := slices.IndexFunc(needed, func(p permission) bool { return p.Name == c.Scope }); n >= 0 {
			one.Reads = needed[n].Reads
		}
		p.Permissions = append(p.Permissions, one)
	}
	for _, c := range report.Endpoints {
		p.Endpoints = append(p.Endpoints, check{Name: c.Path, State: state(c.Pending, c.Problem == "")})
	}
	return p
}

// confirm shows what will be read and done, and asks for what is the customer's choice.
func (s *server) confirm(v *visitor) error {
	if err := v.open(); err != nil {
		return err
	}
	a, err := v.ready()
	if err != nil || a == nil {
		return err
	}
	return v.showSummary(http.StatusOK, *a, nil)
}

// ready gives the attempt that can be confirmed; nil when it led elsewhere. A setup link has an empty one.
func (v *visitor) ready() (*connect.Attempt, error) {
	if v.Link.Kind == connect.Setup {
		v.attempt = ""
		return &connect.Attempt{Tool: v.Integration.Tool}, nil
	}
	if v.attempt == "" {
		return nil, v.lead("")
	}
	a, err := v.server.Page.Attempt(v.ctx, v.Visit, v.attempt)
	if err != nil {
		return nil, fmt.Errorf("read the attempt: %w", err)
	}
	v.tool = a.Tool
	if a.State != connect.Ready {
		return nil, v.lead("check", "attempt", a.ID)
	}
	return &a, nil
}

// finish completes the link with the customer's choices. What is sent twice comes to the same end.
func (s *server) finish(v *visitor) error {
	err := s.complete(v)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, connect.ErrReplaced) {
		// Whoever was first may have taken the attempt with them.
		if now := v.open(); errors.Is(now, connect.ErrCompleted) {
			err = now
		}
	}
	if errors.Is(err, connect.ErrCompleted) {
		return v.lead("done", "attempt", v.attempt)
	}
	return err
}

func (s *server) complete(v *visitor) error {
	if err := v.open(); err != nil {
		return err
	}
	a, err := v.ready()
	if err != nil || a == nil {
		return err
	}
	if seen := v.r.PostForm.Get("seen"); seen != "" && seen != v.seen() && v.Link.Kind != connect.Setup {
		return v.showSummary(http.StatusConflict, *a, nil)
	}
	choices, err := v.choices()
	if err != nil {
		return err
	}
	if v.switching {
		return v.showSummary(http.StatusOK, *a, &choices)
	}
	if _, err := s.Page.Finish(v.ctx, v.Visit, v.attempt, choices); err != nil {
		return fmt.Errorf("complete the link: %w", err)
	}
	return v.lead("done", "attempt", v.attempt)
}

// done tells that the link is complete, and hands the activation token to the page around the frame. A
// repetition gives it again, so reloading is harmless.
func (s *server) done(v *visitor) error {
	err := v.open()
	if err == nil {
		return v.lead("") // it is not complete
	} else if !errors.Is(err, connect.ErrCompleted) {
		return err
	}
	if v.attempt == "" && v.Link.Kind != connect.Setup {
		return err
	}
	outcome, err := s.Page.Finish(v.ctx, v.Visit, v.attempt, connect.Choices{})
	if err != nil {
		return fmt.Errorf("give the activation token: %w", err)
	}
	if outcome.ActivationToken == "" {
		return connect.ErrCompleted
	}
	v.Integration = outcome.Integration
	return v.show(http.StatusOK, "done", outcome.ActivationToken)
}

// cancelled says that nothing was done. It needs no valid link.
func (s *server) cancelled(v *visitor) error {
	_ = v.open() // only for the language and the names
	return v.show(http.StatusOK, "cancelled", nil)
}
