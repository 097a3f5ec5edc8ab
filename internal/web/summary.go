package web

import (
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// summary is what the last step shows.
type summary struct {
	Reads   []group  // what is always read
	Writes  []string // what is always done
	Asks    []ask    // what the customer may decline
	Changes *changes // of a relink
	Twin    bool
	// Lacking are permissions that are missing without harm.
	Lacking []permission
	// OnlyCreated: ask, on, or empty for neither; Created is what is chosen.
	OnlyCreated string
	Created     bool
	Mapping     []mapped
	// Unmapped: the ATS's fields could not be read.
	Unmapped bool
}

// group is a model with the fields that are read of it.
type group struct{ Label, Fields string }

// ask is a group of things that may be declined.
type ask struct {
	Label   string
	Choices []choice
}

// choice is one thing that may be declined.
type choice struct {
	Value, Label string
	Checked      bool
}

// changes is what a relink makes different.
type changes struct{ More, Less []string }

// mapped is a group of custom fields of one model.
type mapped struct {
	Label  string
	Fields []mappedField
}

type mappedField struct {
	ID, Label, Description string
	Choices                []choice
}

// order is how models are told to people: what they care about first.
var order = []ats.Model{
	ats.Candidates, ats.Applications, ats.Jobs, ats.JobPostings, ats.HiringTeam, ats.JobStages, ats.ApplicationStages,
	ats.Tags, ats.CandidateTags, ats.RejectionReasons, ats.Users, ats.Roles,
}

// connections are told as a field of the records that they belong to, unless they can be declined.
var connections = map[ats.Model]string{
	ats.CandidateTags: "ats_candidates.tags", ats.JobStages: "ats_jobs.stages", ats.HiringTeam: "ats_jobs.hiring_team",
}

// shownElsewhere: fields that hold records of another model, which stands in the list itself.
var shownElsewhere = map[string]bool{
	"ats_candidates.applications": true, "ats_jobs.job_postings": true,
	"ats_applications.candidate": true, "ats_applications.job": true, "ats_applications.current_stage": true, "ats_users.system_roles": true,
}

// part is a model, a field or an action that scopes allow.
type part struct {
	model    ats.Model
	field    string // empty for the model itself
	action   string
	name     string // as scopes name it
	label    string
	optional bool
}

// parts lists everything that scopes allow of what a tool has, in the order in which people are told.
func (v *visitor) parts(tool connector.Tool, c ats.ScopeConfig, s ats.Scopes) []part {
	w := v.languages.words[v.language]
	var all []part
	for _, m := range order {
		n := slices.IndexFunc(tool.Models, func(t connector.ModelCoverage) bool { return t.Model == m })
		if n < 0 || !covered(tool.Models[n].Status) || !s.Model(m) {
			continue
		}
		whole := part{model: m, name: string(m), label: w.modelLabel(m), optional: c.Model(m) == ats.Optional}
		if connections[m] != "" && !whole.optional {
			continue
		}
		all = append(all, whole)
		for _, f := range tool.Models[n].Fields {
			if !covered(f.Status) || ats.FixedField(m, f.ID) || !s.Field(m, f.ID) || f.ID == "remote_data" && c.Field(m, f.ID) == ats.Disabled {
				continue
			}
			name, optional := string(m)+"."+f.ID, c.Field(m, f.ID) == ats.Optional
			if !optional && (shownElsewhere[name] || c.Model(connection(name)) == ats.Optional) {
				continue
			}
			all = append(all, part{model: m, field: f.ID, name: name, label: w.fieldLabel(m, f.ID), optional: optional})
		}
	}
	for _, a := range tool.Actions {
		if covered(a.Status) && s.Action(a.ID) {
			all = append(all, part{action: a.ID, name: a.ID, label: w.actionLabel(a.ID, a.Label), optional: c.Action(a.ID) == ats.Optional})
		}
	}
	return all
}

// connection is the model whose records stand in a field; empty for none.
func connection(field string) ats.Model {
	for m, f := range connections {
		if f == field {
			return m
		}
	}
	return ""
}

func covered(c connector.Coverage) bool {
	return c == connector.Supported || c == connector.CoverageUnknown
}

// showSummary shows the last step.
func (v *visitor) showSummary(status int, a connect.Attempt) error {
	sum := summary{Twin: a.Twin}
	var err error
	if sum.Mapping, err = v.mapping(); err != nil {
		if v.Link.Kind == connect.Setup {
			return err // there is nothing else to do
		}
		v.Log.WarnContext(v.ctx, "the fields to map could not be read", "link", v.Link.ID, "error", err)
		sum.Unmapped = true
	}
	if v.Link.Kind == connect.Setup {
		return v.show(status, "confirm", sum)
	}
	tool, _ := v.selected()
	v.tell(tool, &sum)
	_, _, needed := v.guidance(tool)
	sum.Lacking = missing(a.Report, needed, true)
	switch said := v.Link.Settings.OnlyCreated; {
	case said == connect.OnlyCreatedAsk:
		sum.OnlyCreated, sum.Created = "ask", v.Integration.Settings.OnlyCreated
	case said == connect.OnlyCreatedOn, said == "" && v.Integration.Settings.OnlyCreated:
		sum.OnlyCreated = "on"
	}
	return v.show(status, "confirm", sum)
}

// tell sorts what scopes allow into what is always read and done, and what may be declined.
func (v *visitor) tell(tool connector.Tool, sum *summary) {
	w := v.languages.words[v.language]
	declined := v.Integration.Settings.Declined
	all := v.parts(tool, v.Scopes, v.Allowed())
	offer := func(label string, p part) {
		c := choice{p.name, standing(p.label), !slices.Contains(declined, p.name)}
		if n := len(sum.Asks); n > 0 && sum.Asks[n-1].Label == standing(label) {
			sum.Asks[n-1].Choices = append(sum.Asks[n-1].Choices, c)
			return
		}
		sum.Asks = append(sum.Asks, ask{standing(label), []choice{c}})
	}
	for n := 0; n < len(all); {
		p := all[n]
		if p.action != "" {
			if p.optional {
				offer(w.T("confirm.ask_writes"), p)
			} else {
				sum.Writes = append(sum.Writes, standing(p.label))
			}
			n++
			continue
		}
		label, whole, fields := p.label, p.optional, []string(nil)
		if whole {
			offer(label, p)
		}
		for n++; n < len(all) && all[n].field != ""; n++ {
			if all[n].optional {
				offer(label, all[n])
			} else {
				fields = append(fields, all[n].label)
			}
		}
		if whole && len(fields) > 0 {
			last := &sum.Asks[len(sum.Asks)-1].Choices[0]
			last.Label = w.pair(label, strings.Join(fields, ", "))
		} else if !whole {
			sum.Reads = append(sum.Reads, group{standing(label), standing(strings.Join(fields, ", "))})
		}
	}
	if v.Link.Kind == connect.Relink {
		sum.Changes = v.changes(tool, all)
	}
}

// changes compares what a relink allows with what is in force.
func (v *visitor) changes(tool connector.Tool, after []part) *changes {
	w := v.languages.words[v.language]
	before := v.parts(tool, v.Integration.ScopeConfig.Config, v.Integration.Scopes)
	less := func(in, than []part) []string {
		gone := map[ats.Model]bool{}
		var all []string
		for _, p := range in {
			if slices.ContainsFunc(than, func(q part) bool { return q.name == p.name }) {
				continue
			}
			switch {
			case p.action != "":
				all = append(all, standing(p.label))
			case p.field == "":
				gone[p.model] = true
				all = append(all, standing(p.label))
			case !gone[p.model] && !shownElsewhere[p.name]:
				all = append(all, w.pair(w.modelLabel(p.model), p.label))
			}
		}
		return all
	}
	return &changes{More: less(after, before), Less: less(before, after)}
}

// asksMapping reports whether the customer is asked which fields the custom fields are.
func (v *visitor) asksMapping() bool {
	return len(v.CustomFields) > 0 && (v.Link.Settings.FieldMapping || v.Link.Kind == connect.Setup)
}

// mapping lists the custom fields with the vendor's fields that they can be.
func (v *visitor) mapping() ([]mapped, error) {
	if !v.asksMapping() {
		return nil, nil
	}
	fields, err := v.Page.Fields(v.ctx, v.Visit, v.attempt)
	if err != nil {
		return nil, err
	}
	w := v.languages.words[v.language]
	var all []mapped
	for _, m := range order {
		group := mapped{Label: standing(w.modelLabel(m))}
		for _, c := range v.CustomFields {
			if c.Model != m {
				continue
			}
			field := mappedField{ID: c.ID, Label: c.Key}
			if c.Label != nil && *c.Label != "" {
				field.Label = *c.Label
			}
			if c.Description != nil {
				field.Description = *c.Description
			}
			for _, f := range fields {
				if f.Model == m {
					field.Choices = append(field.Choices, fieldChoice(f, c.Mapped))
				}
			}
			group.Fields = append(group.Fields, field)
		}
		if len(group.Fields) > 0 {
			all = append(all, group)
		}
	}
	return all, nil
}

// fieldChoice is a vendor's field as it can be chosen; labels repeat, keys do not.
func fieldChoice(f connector.Field, now *store.IntegrationField) choice {
	label := f.Key
	if f.Label != "" && f.Label != f.Key {
		label = f.Label + " (" + f.Key + ")"
	}
	return choice{fieldValue(f), label, now != nil && now.Key == f.Key && now.Type == f.Type}
}

func fieldValue(f connector.Field) string { return f.Type + ":" + f.Key }

// choices reads what the customer decided. What was not offered is not looked at.
func (v *visitor) choices() (connect.Choices, error) {
	c := connect.Choices{}
	if v.Link.Kind != connect.Setup {
		tool, _ := v.selected()
		shared := v.r.PostForm["share"]
		for _, p := range v.parts(tool, v.Scopes, v.Allowed()) {
			if p.optional && !slices.Contains(shared, p.name) {
				c.Declined = append(c.Declined, p.name)
			}
		}
		c.OnlyCreated = v.Link.Settings.OnlyCreated == connect.OnlyCreatedAsk && v.r.PostForm.Get("only_created") == "yes"
	}
	if !v.asksMapping() || v.r.PostForm.Get("mapping") == "" {
		return c, nil
	}
	fields, err := v.Page.Fields(v.ctx, v.Visit, v.attempt)
	if err != nil {
		return c, err
	}
	c.Mapping = map[string]connect.FieldRef{}
	for _, custom := range v.CustomFields {
		ref := connect.FieldRef{}
		value := v.r.PostForm.Get("map-" + custom.ID)
		for _, f := range fields {
			if f.Model == custom.Model && fieldValue(f) == value {
				ref = connect.FieldRef{Model: f.Model, Type: f.Type, Key: f.Key}
			}
		}
		c.Mapping[custom.ID] = ref
	}
	return c, nil
}
