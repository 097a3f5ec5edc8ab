package traffit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// What may be stored of what TRAFFIT answers follows from the tables of this file, and from nothing
// else: which parts are needed at all, and which field of which model needs which of their keys. From
// the same tables follows what is read (plan.go) and what the customer has to allow (permissions.go).

// field names a field of a model, or the model itself when it has no name.
type field struct {
	model ats.Model
	name  string
}

func (f field) on(s ats.Scopes) bool {
	if f.name == "" {
		return s.Model(f.model)
	}
	return s.Field(f.model, f.name)
}

func anyOn(fields []field, s ats.Scopes) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.on(s) })
}

// of names fields of a model.
func of(m ats.Model, names ...string) []field {
	fields := make([]field, 0, len(names))
	for _, name := range names {
		fields = append(fields, field{m, name})
	}
	return fields
}

// models names models themselves.
func models(ms ...ats.Model) []field {
	fields := make([]field, 0, len(ms))
	for _, m := range ms {
		fields = append(fields, field{model: m})
	}
	return fields
}

// extraFields are the fields that hold keys of the tenant's own, and TRAFFIT's that have no better place.
func extraFields(m ats.Model) []field { return of(m, "custom_fields", "integration_fields") }

// use says what a key is for.
type use struct {
	// always: it tells that something exists, or what it refers to.
	always bool
	// serves are the fields that take their value from it. It is kept while one of them is on, and
	// nobody else gets it when none is.
	serves []field
	// tells are fields of which it tells as much as they do, without serving them. It is kept only
	// while all of them are on and it has another use.
	tells []field
	// inner is what is kept of the object, or of each object in the list, that it holds.
	inner *outline
}

// outline says what is kept of an object.
type outline struct {
	// model is the one whose record it belongs to: its raw data may hold what has no use by itself.
	// Where there is none, that is not kept.
	model ats.Model
	uses  map[string]use
	// also are further fields that hold what has no use by itself.
	also []field
	// about is the outline of the thing itself where this is what others say of it: what may not be
	// stored of the one may not be stored of the other.
	about *outline
	// loose names are compared whatever their case, as options of adverts are.
	loose bool
	// own: custom fields and integration fields are looked for here.
	own bool
	// by is the key whose value takes the place of a key's name: it is a list of names and values.
	by string
}

var stays = use{always: true}

func serves(fields ...[]field) use { return use{serves: slices.Concat(fields...)} }

func tells(fields ...[]field) use { return use{tells: slices.Concat(fields...)} }

// holding gives a use whose object is cut as well.
func (u use) holding(inner *outline) use {
	u.inner = inner
	return u
}

// demoted gives an outline whose keys of some names serve nothing: the fold takes those from another part.
func (o *outline) demoted(names ...string) *outline {
	other := *o
	other.uses = map[string]use{}
	for name, u := range o.uses {
		if slices.Contains(names, name) {
			u = use{tells: u.serves, inner: u.inner}
		}
		other.uses[name] = u
	}
	return &other
}

// find gives the use of a key that has one.
func (o *outline) find(name string) (use, bool) {
	if o.loose {
		name = strings.ToLower(strings.ToUpper(name)) // as strings.EqualFold does, which a letter may need both for
	}
	if u, ok := o.uses[name]; ok {
		return u, true
	}
	if o.own && o.model == ats.Candidates && custom(name) {
		switch {
		case nameAt(name, employerNames) >= 0:
			return serves(of(ats.Candidates, "company")), true
		case nameAt(name, positionNames) >= 0:
			return serves(of(ats.Candidates, "title")), true
		}
	}
	return use{}, false
}

// keeps tells whether a key is kept.
func (o *outline) keeps(name string, s ats.Scopes) (use, bool) {
	name = strings.TrimSuffix(name, translated) // a label goes where its value goes
	u, known := o.find(name)
	switch {
	case u.always || anyOn(u.serves, s):
		return u, true
	case u.serves != nil || slices.ContainsFunc(u.tells, func(f field) bool { return !f.on(s) }):
		return u, false
	case o.model == "":
		return u, false
	case o.about != nil:
		itself, lets := o.about.keeps(name, s)
		if !lets {
			return u, false
		}
		u.inner = itself.inner
	case o.own && (!known && custom(name) || standard(o.model, name)):
		return u, anyOn(extraFields(o.model), s)
	}
	return u, s.Field(o.model, "remote_data") || anyOn(o.also, s)
}

// standard tells whether a key is one of standardFields.
func standard(m ats.Model, name string) bool {
	return slices.ContainsFunc(standardFields, func(f connector.Field) bool { return f.Model == m && f.Key == name })
}

// cut gives what is kept of a value.
func (o *outline) cut(v any, s ats.Scopes) any {
	if single := asObject(v); single != nil && o.by != "" {
		v = []any{map[string]any(single)}
	}
	switch v := v.(type) {
	case map[string]any:
		kept := object{}
		for name, value := range v {
			if u, ok := o.keeps(name, s); ok {
				if u.inner != nil {
					value = u.inner.cut(value, s)
				}
				kept[name] = value
			}
		}
		return kept
	case []any:
		kept := []any{}
		for _, item := range v {
			if o.by == "" {
				kept = append(kept, o.cut(item, s))
			} else if _, ok := o.keeps(asObject(item).text(o.by), s); ok {
				kept = append(kept, item)
			}
		}
		return kept
	}
	return v
}

// kindOfPart is a kind of parts: what it is read for, and its outline.
type kindOfPart struct {
	entity, kind string
	step         string // of the plan, that brings it
	// needs are the fields and models for which it is read: while all of them are off, nothing of it
	// is stored.
	needs   []field
	outline *outline
}

func (k kindOfPart) needed(s ats.Scopes) bool { return anyOn(k.needs, s) }

// The fields that follow from where an application stands.
var standingFields = of(ats.Applications, "outcome", "rejected_at", "rejection_reason_name")

var (
	roleOutline = &outline{model: ats.Roles, uses: map[string]use{
		"id": stays, "name": serves(of(ats.Roles, "remote_label")),
		"value": serves(of(ats.Roles, "remote_label")), "label": serves(of(ats.Roles, "remote_label")),
	}}
	userOutline = &outline{model: ats.Users, uses: map[string]use{
		"id": stays, "name": serves(of(ats.Users, "first_name")), "lastname": serves(of(ats.Users, "last_name")),
		"email": serves(of(ats.Users, "email")), "username": serves(of(ats.Users, "email")), "is_active": serves(of(ats.Users, "status")),
		"permission_group": serves(of(ats.Users, "system_roles")).holding(&outline{model: ats.Users, about: roleOutline, uses: map[string]use{"id": stays}}),
		"created_by":       tells().holding(somebody(ats.Users)), "updated_by": tells().holding(somebody(ats.Users)),
	}}
	stateOutline = &outline{model: ats.ApplicationStages, uses: map[string]use{
		"id": stays, "rank": serves(models(ats.ApplicationStages)), "name": serves(of(ats.ApplicationStages, "name")),
		"type": serves(standingFields), "is_rejection": serves(standingFields),
	}}
	jobOutline = &outline{model: ats.Jobs, own: true, uses: map[string]use{
		"id": stays, "name": serves(of(ats.Jobs, "name")), "nrRef": serves(of(ats.Jobs, "job_code")),
		"is_closed": serves(of(ats.Jobs, "status")), "status": serves(of(ats.Jobs, "status")),
		"is_confidential": serves(of(ats.Jobs, "confidential", "visibility")), "closing_date": serves(of(ats.Jobs, "closed_at")),
		"created_at": serves(of(ats.Jobs, "opened_at", "remote_created_at")), "updated_at": serves(of(ats.Jobs, "remote_updated_at")),
		"workflow_id": serves(models(ats.JobStages)), "workflow": serves(models(ats.JobStages)),
		"responsible_person": serves(models(ats.HiringTeam)).holding(member.with("user", stays.holding(member))),
		"created_by":         tells().holding(somebody(ats.Jobs)), "updated_by": tells().holding(somebody(ats.Jobs)),
	}}
	// member is a user on a job; as an integration field, the team has what is known of users.
	member = &outline{model: ats.Jobs, also: extraFields(ats.Jobs), about: userOutline, uses: map[string]use{"id": stays}}

	candidateOutline = &outline{model: ats.Candidates, own: true, uses: map[string]use{
		"id": stays, "name": serves(of(ats.Candidates, "first_name")), "lastname": serves(of(ats.Candidates, "last_name")),
		"email": serves(of(ats.Candidates, "email_addresses")), "mobile": serves(of(ats.Candidates, "phone_numbers")),
		"linkedin": serves(of(ats.Candidates, "social_media")), "linkedin_id": tells(of(ats.Candidates, "social_media")),
		"candidate_location": serves(of(ats.Candidates, "location")), "source": serves(of(ats.Candidates, "source")),
		"created_at": serves(of(ats.Candidates, "remote_created_at")), "updated_at": serves(of(ats.Candidates, "remote_updated_at")),
		"created_by": tells().holding(somebody(ats.Candidates)), "updated_by": tells().holding(somebody(ats.Candidates)),
		"owner": tells().holding(somebody(ats.Candidates, extraFields(ats.Candidates)...)),
	}}
	labelled = &outline{uses: map[string]use{
		"id": stays, "value": serves(of(ats.Candidates, "source")), "name": serves(of(ats.Candidates, "source")), "label": serves(of(ats.Candidates, "source")),
	}}
	// bare is what is kept of things of which only the existence counts.
	bare = &outline{uses: map[string]use{"id": stays}}

	optionOutline = &outline{model: ats.Jobs, own: true, loose: true, uses: map[string]use{
		"job_location": serves(of(ats.Jobs, "location")), "job_type": serves(of(ats.Jobs, "employment_type")),
		"branches": serves(of(ats.Jobs, "category")), "remote": serves(of(ats.Jobs, "remote_work_status")),
		"_work_model": serves(of(ats.Jobs, "remote_work_status")), "work_model": serves(of(ats.Jobs, "remote_work_status")),
		"_department": serves(of(ats.Jobs, "department")), "department": serves(of(ats.Jobs, "department")),
		"_experience_level": serves(of(ats.Jobs, "experience_level")), "experience_level": serves(of(ats.Jobs, "experience_level")),
		"_seniority": serves(of(ats.Jobs, "experience_level")), "_experience": serves(of(ats.Jobs, "experience_level")),
		"_salary": serves(of(ats.Jobs, "salary_amount")), "_salary_amount": serves(of(ats.Jobs, "salary_amount")),
		"_salary_min": serves(of(ats.Jobs, "salary_amount_from")), "_salary_from": serves(of(ats.Jobs, "salary_amount_from")),
		"_salary_max": serves(of(ats.Jobs, "salary_amount_to")), "_salary_to": serves(of(ats.Jobs, "salary_amount_to")),
		"_salary_currency": serves(of(ats.Jobs, "salary_currency")),
		"_salary_rate":     serves(of(ats.Jobs, "salary_period")), "_salary_period": serves(of(ats.Jobs, "salary_period")),
	}}
	described      = slices.Concat(of(ats.Jobs, "description"), of(ats.JobPostings, "description_html"))
	sectionOutline = &outline{model: ats.Jobs, by: "field_id", uses: map[string]use{
		"description": serves(described), "responsibilities": serves(described), "requirements": serves(described),
		"benefits": serves(described), "geolocation": serves(of(ats.Jobs, "location")),
	}}
	advertOutline = &outline{model: ats.Jobs, uses: map[string]use{
		"id": stays, "url": serves(of(ats.Jobs, "post_url"), of(ats.JobPostings, "url")),
		"options": stays.holding(optionOutline),
		"advert": stays.holding(&outline{model: ats.Jobs, uses: map[string]use{
			"id": stays, "name": serves(of(ats.JobPostings, "title")), "locations": serves(of(ats.Jobs, "location")),
			"values": stays.holding(sectionOutline),
			"recruitment": stays.holding(&outline{model: ats.Jobs, uses: map[string]use{
				"id": stays, "nr_ref": tells(of(ats.Jobs, "job_code")), "workflow_id": tells(models(ats.JobStages)),
			}}),
		}}),
	}}
	moveOutline = &outline{model: ats.Applications, uses: map[string]use{
		"id": stays, "employee": stays.holding(&outline{model: ats.Applications, about: candidateOutline, uses: map[string]use{"id": stays}}),
		"recruitment": stays.holding(&outline{model: ats.Applications, about: jobOutline, uses: map[string]use{"id": stays}}),
		"workflow_state": stays.holding(&outline{model: ats.Applications, about: stateOutline, uses: map[string]use{
			"id": serves(of(ats.Applications, "current_stage_id"), standingFields), "type": serves(standingFields), "is_rejection": serves(standingFields),
		}}),
		// Which of several stays is the current one is told by when they began and ended.
		"date":       serves(of(ats.Applications, "remote_created_at", "current_stage_id"), standingFields),
		"created_at": serves(of(ats.Applications, "remote_created_at", "current_stage_id"), standingFields),
		"end_date":   serves(of(ats.Applications, "current_stage_id"), standingFields),
		"updated_at": serves(of(ats.Applications, "remote_updated_at")),
		"created_by": tells().holding(somebody(ats.Applications)), "updated_by": tells().holding(somebody(ats.Applications)),
	}}
)

// somebody is a user named in the record of a model.
func somebody(m ats.Model, also ...field) *outline {
	return &outline{model: m, also: also, about: namedUser, uses: map[string]use{"id": stays}}
}

// namedUser is what is kept of a user wherever one is named.
var namedUser = &outline{model: ats.Users, uses: map[string]use{
	"name": serves(of(ats.Users, "first_name")), "lastname": serves(of(ats.Users, "last_name")),
	"email": serves(of(ats.Users, "email")), "username": serves(of(ats.Users, "email")),
}}

// with gives an outline with one more use.
func (o *outline) with(name string, u use) *outline {
	other := *o
	other.uses = map[string]use{name: u}
	for n, u := range o.uses {
		other.uses[n] = u
	}
	return &other
}

// kindsOfParts are all kinds of parts that the plan and the actions bring.
var kindsOfParts = []kindOfPart{
	{user, kindList, "users", models(ats.Users), userOutline},
	{role, kindUsers, "users", models(ats.Roles), roleOutline},

	{dictionary, kindList, "dictionaries", of(ats.Candidates, "source"), bare},
	{dictionary, kindDetail, "dictionary items", of(ats.Candidates, "source"), bare},
	{dictionaryItem, dictionary, "dictionary items", of(ats.Candidates, "source"), labelled},

	{workflow, kindList, "workflows", slices.Concat(models(ats.ApplicationStages, ats.JobStages), standingFields), bare},
	{workflow, kindDetail, "workflow details", slices.Concat(models(ats.ApplicationStages, ats.JobStages), standingFields), bare},
	{state, workflow, "workflow details", slices.Concat(models(ats.ApplicationStages), standingFields), stateOutline},
	{pipelines, workflow, "workflow details", models(ats.ApplicationStages, ats.JobStages), &outline{uses: map[string]use{"workflow": stays, "states": stays}}},

	{recruitment, kindAdvert, "adverts", slices.Concat(
		models(ats.JobPostings), extraFields(ats.Jobs), of(ats.Jobs, "visibility", "description", "post_url", "employment_type", "category", "department",
			"experience_level", "remote_work_status", "salary_amount", "salary_amount_from", "salary_amount_to", "salary_currency", "salary_period", "location"),
	), advertOutline},
	{
		recruitment, kindList, "recruitments", models(ats.Jobs, ats.JobPostings, ats.RejectionReasons, ats.Applications),
		jobOutline.demoted("status", "workflow_id", "workflow", "responsible_person"),
	},
	{
		recruitment, kindDetail, "recruitment details",
		slices.Concat(models(ats.JobStages, ats.HiringTeam), of(ats.Jobs, "status", "confidential", "visibility"), extraFields(ats.Jobs)),
		jobOutline.demoted("name", "nrRef", "closing_date", "created_at", "updated_at"),
	},
	{recruitment, kindRejections, "rejection reasons", models(ats.RejectionReasons), &outline{uses: map[string]use{"rejections": stays}}},
	{rejection, recruitment, "rejection reasons", models(ats.RejectionReasons), &outline{model: ats.RejectionReasons, uses: map[string]use{
		"id": stays, "name": serves(of(ats.RejectionReasons, "name")),
	}}},

	{employee, kindList, "employees", models(ats.Candidates, ats.Tags, ats.Applications), candidateOutline},
	{employee, kindSource, "sources", of(ats.Candidates, "source"), &outline{model: ats.Candidates, uses: map[string]use{
		"id": stays, "employee": stays.holding(&outline{model: ats.Candidates, about: candidateOutline, uses: map[string]use{"id": stays}}),
		"dictionary_item": stays.holding(&outline{model: ats.Candidates, uses: map[string]use{"id": stays, "value": serves(of(ats.Candidates, "source"))}}),
	}}},
	{employee, kindTags, "tags", models(ats.Tags, ats.CandidateTags), &outline{uses: map[string]use{"tags": serves(models(ats.CandidateTags))}}},
	{tag, kindCandidate, "tags", models(ats.Tags), &outline{model: ats.Tags, uses: map[string]use{"id": stays, "name": serves(of(ats.Tags, "name"))}}},

	{application, kindMove, "history", models(ats.Applications), moveOutline},
	{rejected, kindActivity, "activities", of(ats.Applications, "rejection_reason_name"), &outline{uses: map[string]use{
		"rejection": stays.holding(&outline{uses: map[string]use{"name": serves(of(ats.Applications, "rejection_reason_name"))}}),
	}}},
}

// kindOf finds the kind of a part.
func kindOf(k connector.PartKey) (kindOfPart, bool) {
	i := slices.IndexFunc(kindsOfParts, func(p kindOfPart) bool { return p.entity == k.Entity && p.kind == k.Kind })
	if i < 0 {
		return kindOfPart{}, false
	}
	return kindsOfParts[i], true
}

// Keep gives what may be stored of a part.
func (*traffit) Keep(k connector.PartKey, raw []byte, s ats.Scopes) ([]byte, error) {
	kind, known := kindOf(k)
	if raw == nil || !known || !kind.needed(s) {
		return nil, nil
	}
	v, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("cut the part %s %s %s: %w", k.Unit, k.Kind, k.Part, err)
	}
	return encode(kind.outline.cut(v, s)), nil
}

// nobody is the candidate of rows that name none. It is nobody's ID, so that such rows count as those
// of a stranger.
const nobody = "-"

// About names the candidate and the application that a part is about.
func (*traffit) About(p connector.Part) (candidate, applicationID string) {
	switch p.Entity {
	case employee:
		candidate = p.ID
	case application:
		candidate, _ = splitApplication(p.ID)
		applicationID = p.ID
	case rejected:
		candidate, _, _ = strings.Cut(p.ID, "@")
	default:
		return "", ""
	}
	if candidate == "" {
		candidate = nobody
	}
	return candidate, applicationID
}
