package ats

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Setting says whether something may be read or done.
type Setting string

// The settings of the contract.
const (
	Enabled  Setting = "ENABLED"
	Disabled Setting = "DISABLED"
	// Optional: the customer may decline it.
	Optional Setting = "OPTIONAL"
)

// ScopeConfig is what an integrator wants to read and to do. What it does not name is enabled, but
// for remote_data, which is served only where somebody asked for it.
type ScopeConfig struct {
	Models  map[Model]ModelScope `json:"models,omitempty"`
	Actions map[string]Setting   `json:"actions,omitempty"`
}

// ModelScope is the setting of a model, and those of its fields that differ from it.
type ModelScope struct {
	Setting Setting            `json:"setting,omitempty"`
	Fields  map[string]Setting `json:"fields,omitempty"`
}

// Model gives the setting of a model.
func (c ScopeConfig) Model(m Model) Setting { return or(c.Models[m].Setting, Enabled) }

// Action gives the setting of an action.
func (c ScopeConfig) Action(id string) Setting { return or(c.Actions[id], Enabled) }

// Field gives the setting of a field by itself.
func (c ScopeConfig) Field(m Model, field string) Setting {
	if field == remoteData {
		return or(c.Models[m].Fields[field], Disabled)
	}
	return or(c.Models[m].Fields[field], Enabled)
}

func or(s, otherwise Setting) Setting {
	if s == "" {
		return otherwise
	}
	return s
}

const remoteData = "remote_data"

// Scopes is what may be read, stored, served and done for one integration. The zero value allows
// everything but remote_data.
type Scopes struct {
	off        map[string]bool // model, model.field and action
	remoteData bool            // serve remote_data where the configuration says nothing
	asked      map[Model]bool  // the configuration says that remote_data is served
}

// Scopes gives what a configuration allows after the customer has declined some of what is optional:
// "model", "model.field" or an action. With remoteData, raw rows are served where it does not forbid them.
func (c ScopeConfig) Scopes(declined []string, remoteDataToo bool) Scopes {
	s := Scopes{off: map[string]bool{}, remoteData: remoteDataToo, asked: map[Model]bool{}}
	judge := func(what string, setting Setting) {
		if setting == Disabled || setting == Optional && slices.Contains(declined, what) {
			s.off[what] = true
		}
	}
	for m, scope := range c.Models {
		judge(string(m), scope.Setting)
		for f, setting := range scope.Fields {
			judge(string(m)+"."+f, setting)
			if f == remoteData {
				s.asked[m] = !s.off[string(m)+"."+f]
			}
		}
	}
	for a, setting := range c.Actions {
		judge(a, setting)
	}
	return s
}

// needs lists the models without which the records of another mean nothing.
var needs = map[Model][]Model{
	CandidateTags: {Candidates, Tags},
	JobStages:     {Jobs, ApplicationStages},
	HiringTeam:    {Jobs, Users},
	JobPostings:   {Jobs},
}

// carried says in which field of which model the records of a model are served, and nowhere else.
var carried = map[Model]struct {
	in    Model
	field string
}{
	CandidateTags: {Candidates, "tags"},
	JobStages:     {Jobs, "stages"},
	HiringTeam:    {Jobs, "hiring_team"},
	JobPostings:   {Jobs, "job_postings"},
}

// embeds names the models whose records stand in a field of another.
var embeds = map[string]Model{
	string(Applications) + ".candidate":     Candidates,
	string(Applications) + ".job":           Jobs,
	string(Applications) + ".current_stage": ApplicationStages,
	string(Candidates) + ".applications":    Applications,
	string(Candidates) + ".tags":            CandidateTags,
	string(Users) + ".system_roles":         Roles,
	string(Jobs) + ".stages":                JobStages,
	string(Jobs) + ".hiring_team":           HiringTeam,
	string(Jobs) + ".job_postings":          JobPostings,
	string(HiringTeam) + ".roles":           Roles,
}

// fixed are the fields by which records are told apart and found; nobody can switch them off.
var fixed = []string{
	"id", "remote_id", "changed_at", "remote_deleted_at",
	string(Applications) + ".candidate_id", string(Applications) + ".job_id",
	string(CandidateTags) + ".candidate_id", string(CandidateTags) + ".tag_id",
	string(JobStages) + ".job_id", string(JobStages) + ".stage_id", string(JobStages) + ".index",
	string(HiringTeam) + ".job_id", string(HiringTeam) + ".user_id",
}

// FixedField reports whether a field cannot be switched off, because records are told apart by it.
func FixedField(m Model, field string) bool {
	return slices.Contains(fixed, field) || slices.Contains(fixed, string(m)+"."+field)
}

// Model reports whether records of a model may be stored.
func (s Scopes) Model(m Model) bool {
	if s.off[string(m)] {
		return false
	}
	if c, ok := carried[m]; ok && s.off[string(c.in)+"."+c.field] {
		return false
	}
	return !slices.ContainsFunc(needs[m], func(n Model) bool { return !s.Model(n) })
}

// Field reports whether a field of a model may be stored and served.
func (s Scopes) Field(m Model, field string) bool {
	if !s.Model(m) {
		return false
	}
	if FixedField(m, field) {
		return true
	}
	name := string(m) + "." + field
	if field == remoteData {
		asked, said := s.asked[m]
		return asked || !said && s.remoteData
	}
	if s.off[name] {
		return false
	}
	inner, embedded := embeds[name]
	return !embedded || s.Model(inner)
}

// Action reports whether an action may be carried out.
func (s Scopes) Action(id string) bool { return !s.off[id] }

// Whole reports that no model and no field is switched off. Whether raw rows are served does not
// matter: nothing more is stored for it.
func (s Scopes) Whole() bool { return len(s.Off()) == 0 }

// Only gives what scopes allow of one model; everything else is off.
func (s Scopes) Only(m Model) Scopes {
	s.off = maps.Clone(s.off)
	if s.off == nil {
		s.off = map[string]bool{}
	}
	for _, other := range Models() {
		if other != m {
			s.off[string(other)] = true
		}
	}
	return s
}

// isRead tells a model or a field from an action.
func isRead(what string) bool {
	model, _, _ := strings.Cut(what, ".")
	return slices.Contains(Models(), Model(model))
}

// Off lists what may not be stored of models and fields, as model or model.field, in order: what is switched
// off, and then also the raw rows that nobody may see, of which only what serves something is kept. Empty:
// everything may be stored.
func (s Scopes) Off() []string {
	off := []string{}
	for what := range s.off {
		if isRead(what) && !strings.HasSuffix(what, "."+remoteData) {
			off = append(off, what)
		}
	}
	if len(off) == 0 {
		return off
	}
	for _, m := range Models() {
		if s.Model(m) && !s.Field(m, remoteData) {
			off = append(off, string(m)+"."+remoteData)
		}
	}
	slices.Sort(off)
	return off
}

// Blank gives an entity without the fields that scopes switch off. Its identity stays.
func Blank(m Model, e Entity, s Scopes) Entity {
	if s.Whole() {
		return e
	}
	if l, ok := e.(HiringTeamMember); ok {
		e = l.blankRoles(s)
	}
	v := reflect.New(reflect.TypeOf(e)).Elem()
	v.Set(reflect.ValueOf(e))
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("scope")
		if name == "" {
			name, _, _ = strings.Cut(f.Tag.Get("json"), ",")
		}
		if name != "" && name != "-" && !s.Field(m, name) {
			v.Field(i).SetZero()
		}
	}
	blanked, ok := v.Interface().(Entity)
	if !ok {
		panic(fmt.Sprintf("ats: %T is no entity", e)) // it came in as one
	}
	return blanked
}

// blankRoles takes out of a team member what scopes switch off of the roles. That they are of a job stands
// in every role, and says nothing.
func (l HiringTeamMember) blankRoles(s Scopes) HiringTeamMember {
	l.Roles = slices.Clone(l.Roles)
	for i := range l.Roles {
		if !s.Field(Roles, "remote_label") {
			l.Roles[i].Label = nil
		}
		if !s.Field(Roles, "unified_type") {
			l.Roles[i].UnifiedType = nil
		}
	}
	if !s.Field(Roles, "unified_type") {
		l.UnifiedRoles = nil
	}
	return l
}
