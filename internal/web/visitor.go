package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
)

// visitor is one request of a person: what its address and its form say, and the visit that the token opens.
type visitor struct {
	*server
	connect.Visit
	w   *recorder
	r   *http.Request
	ctx context.Context // the request's; a visitor lives no longer
	id  string

	token, switched, tool, attempt string
	language                       string
	switching                      bool // a form was sent only for another language
}

// read takes the state from the address, or from the form that was sent.
func (v *visitor) read() error {
	v.language = v.languages.choose("", "", v.r)
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	// What else is wrong with a query or a form costs no more than the value that it is about.
	if _, large := errors.AsType[*http.MaxBytesError](v.r.ParseForm()); large {
		return errTooLarge
	}
	v.token, v.attempt = v.value("token"), v.value("attempt")
	v.tool, v.switched = v.value("tool"), v.value("lang")
	if to := v.r.PostForm.Get("switch"); to != "" {
		v.switched, v.switching = to, true
	}
	if !slices.Contains(connector.Languages(), v.switched) {
		v.switched = ""
	}
	v.language = v.languages.choose(v.switched, "", v.r)
	return nil
}

// value gives one value of the request; what is longer than anything that is given out here counts as empty.
func (v *visitor) value(name string) string {
	if s := v.r.Form.Get(name); len(s) <= maxValue {
		return s
	}
	return ""
}

// open finds out what the token opens. With ErrCompleted the visit is there all the same.
func (v *visitor) open() error {
	visit, err := v.Page.Visit(v.ctx, v.token)
	v.Visit = visit
	v.language = v.languages.choose(v.switched, v.Link.Settings.Language, v.r)
	if err != nil {
		return fmt.Errorf("open the link: %w", err)
	}
	if len(v.Tools) == 0 {
		return errors.New("the link offers no tool")
	}
	return nil
}

// selected is the tool that was chosen, or that there is no choice about.
func (v *visitor) selected() (connector.Tool, bool) {
	if len(v.Tools) == 1 {
		return v.Tools[0], true
	}
	n := slices.IndexFunc(v.Tools, func(t connector.Tool) bool { return t.Slug == v.tool })
	if n < 0 {
		return connector.Tool{}, false
	}
	return v.Tools[n], true
}

// to gives the address of a step, with the state that belongs to it and more pairs of names and values.
func (v *visitor) to(step string, pairs ...string) string {
	q := url.Values{}
	if v.token != "" {
		q.Set("token", v.token)
	}
	if v.switched != "" {
		q.Set("lang", v.switched)
	}
	if v.tool != "" && len(v.Tools) > 1 {
		q.Set("tool", v.tool)
	}
	for n := 0; n+1 < len(pairs); n += 2 {
		if pairs[n+1] != "" {
			q.Set(pairs[n], pairs[n+1])
		}
	}
	return v.base + strings.TrimSuffix(root+"/"+step, "/") + "?" + q.Encode()
}

// lead sends the browser to another step.
func (v *visitor) lead(step string, pairs ...string) error {
	http.Redirect(v.w, v.r, v.to(step, pairs...), http.StatusSeeOther)
	return nil
}

// show renders a page.
func (v *visitor) show(status int, page string, content any) error {
	var b bytes.Buffer
	if err := v.pages[page].Execute(&b, view{words: v.languages.words[v.language], visitor: v, Page: page, P: content}); err != nil {
		return fmt.Errorf("render the page %s: %w", page, err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.language)
	h.Add("Vary", "Accept-Language")
	v.w.WriteHeader(status)
	if _, err := v.w.Write(b.Bytes()); err != nil {
		v.Log.DebugContext(v.ctx, "the browser left", "error", err)
	}
	return nil
}

// view is what templates see.
type view struct {
	words
	*visitor
	Page string
	P    any
}

// Lang is the code of the page's language.
func (v view) Lang() string { return v.language }

// Token is the link's, for forms.
func (v view) Token() string { return v.token }

// Switched is the language that was switched to; empty for none.
func (v view) Switched() string { return v.switched }

// Attempt is the ID of the attempt that the page is about.
func (v view) Attempt() string { return v.attempt }

// Chosen is the tool's slug, where there was a choice.
func (v view) Chosen() string {
	if len(v.Tools) > 1 {
		return v.tool
	}
	return ""
}

// To gives the address of a step.
func (v view) To(step string, pairs ...string) string { return v.to(step, pairs...) }

// Asset gives the address of a file.
func (v view) Asset(name string) string { return v.assets[name].address }

// Framed reports whether the browser says that the page stands in a frame. Scripts find out for those that do not.
func (v view) Framed() bool {
	return slices.Contains([]string{"iframe", "frame", "embed", "object"}, v.r.Header.Get("Sec-Fetch-Dest"))
}

// ToolName is what the tool is called; empty while it is not chosen.
func (v view) ToolName() string {
	t, _ := v.selected()
	return t.Label
}

// Organization is the customer's name, as the integrator gave it or the integration has it.
func (v view) Organization() string {
	if v.Integration.OrganizationName != "" {
		return v.Integration.OrganizationName
	}
	return v.Link.Settings.Organization
}

// Again and Mapping tell the kinds of links apart.
func (v view) Again() bool { return v.Link.Kind == connect.Relink }

// Mapping reports whether the link only asks for a mapping.
func (v view) Mapping() bool { return v.Link.Kind == connect.Setup }

// step is a step as the indicator shows it.
type step struct {
	Name    string
	Number  int
	Current bool
	Done    bool
}

// Steps lists the steps of the way; none for pages beside it.
func (v view) Steps() []step {
	names := []string{"guide", "form", "check", "confirm"}
	if len(v.Tools) > 1 {
		names = append([]string{"choose"}, names...)
	}
	at := slices.Index(names, v.Page)
	if at < 0 || v.Mapping() {
		return nil
	}
	var steps []step
	for n, name := range names {
		steps = append(steps, step{name, n + 1, n == at, n < at})
	}
	return steps
}

// StepText says where one is, in words; empty for pages beside the way.
func (v view) StepText() string {
	steps := v.Steps()
	for _, s := range steps {
		if s.Current {
			return v.T("step.of", "n", fmt.Sprint(s.Number), "total", fmt.Sprint(len(steps)))
		}
	}
	return ""
}

// tongue is a language that can be switched to.
type tongue struct {
	Code, Name, Address string
	Current             bool
}

// tongues are the languages' own names.
var tongues = map[string]string{"en": "English", "pl": "Polski", "de": "Deutsch", "fr": "Français", "it": "Italiano", "es": "Español"}

// step is the one of the request; empty for the first and for addresses without a page.
func (v view) step() string {
	_, step, _ := strings.Cut(v.r.Pattern, root)
	step = strings.Replace(step, "{tool}", url.PathEscape(v.r.PathValue("tool")), 1)
	return strings.Trim(strings.TrimSuffix(step, "{$}"), "/")
}

// Here gives the address of this step, for another try.
func (v view) Here() string { return v.to(v.step(), "attempt", v.attempt) }

// Switchable reports whether the page has a form whose entries are kept when the language is switched.
func (v view) Switchable() bool { return v.Page == "form" || v.Page == "confirm" }

// Languages lists the languages with the addresses of this page in them.
func (v view) Languages() []tongue {
	var all []tongue
	for _, code := range connector.Languages() {
		all = append(all, tongue{code, tongues[code], v.to(v.step(), "attempt", v.attempt, "lang", code), code == v.language})
	}
	return all
}

// Action gives the address that a form is sent to; the state goes along in its fields.
func (v view) Action(step string) string { return v.base + root + "/" + step }

// With gives the view with other content, for the parts of a page.
func (v view) With(content any) view {
	v.P = content
	return v
}
