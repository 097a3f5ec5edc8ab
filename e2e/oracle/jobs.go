package oracle

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// state is a workflow's state at its rank.
type state struct {
	row
	workflow, remote string
	rank, global     int
	rejection        bool
}

// readStates ranks the states: within a workflow by TRAFFIT's order, then by number; over all
// workflows by the workflow's number.
func (d *deriver) readStates() {
	flows := slices.Clone(d.truth["workflows"])
	slices.SortFunc(flows, func(a, b row) int { return cmp.Compare(number(a.id()), number(b.id())) })
	global := 0
	for _, w := range flows {
		states := w.rows("states")
		slices.SortFunc(states, func(a, b row) int {
			return cmp.Or(cmp.Compare(number(text(a["order"])), number(text(b["order"]))), cmp.Compare(number(a.id()), number(b.id())))
		})
		for rank, s := range states {
			d.states[s.id()] = &state{row: s, workflow: w.id(), remote: s.id(), rank: rank, global: global, rejection: s["is_rejection"] == true}
			global++
		}
	}
}

func (d *deriver) addStages(out Expected) {
	for _, s := range d.states {
		o := d.record(Stages, s.remote)
		o["name"], o["status"], o["custom_fields"], o["global_index"] = orNull(text(s.row["name"])), "ACTIVE", Object{}, float64(s.global)
		out.add(Stages, o)
		d.embedded[o["id"].(string)] = embeddedStage(o, float64(s.rank))
	}
}

// embeddedStage is the form in which jobs and applications show a stage. The index of one that
// was removed is not known any more; see [AnyIndex].
func embeddedStage(s Object, index any) Object {
	if index == nil {
		index = AnyIndex
	}
	return Object{
		"id": s["id"], "remote_id": s["remote_id"], "name": s["name"], "index": index,
		"status": s["status"], "custom_fields": Object{}, "remote_data": nil,
	}
}

// AnyIndex stands for the index of a stage that was removed: whichever it had.
const AnyIndex = "any index"

func (d *deriver) addReasons(out Expected) {
	open := slices.ContainsFunc(d.truth["recruitments"], func(r row) bool { return r["is_closed"] != true })
	if !open {
		return // reasons are read from open recruitments
	}
	for _, r := range d.truth["rejections"] {
		o := d.record(RejectionReasons, r.id())
		o["name"] = orNull(text(r["name"]))
		out.add(RejectionReasons, o)
	}
}

func (d *deriver) addJobs(out Expected) {
	for _, r := range d.truth["recruitments"] {
		o := d.record(Jobs, r.id())
		for k, v := range (Object{
			"name": orNull(text(r["name"])), "job_code": orNull(text(r["nrRef"])), "confidential": r["is_confidential"],
			"status": "OPEN", "visibility": "INTERNAL", "weekly_hours": nil, "contact_id": nil, "remote_url": nil,
			"opened_at": served(r["created_at"]), "closed_at": served(r["closing_date"]),
			"remote_created_at": served(r["created_at"]), "remote_updated_at": served(r["updated_at"]),
			"custom_fields": Object{}, "integration_fields": []any{}, "screening_questions": []any{},
			"description": nil, "location": nil, "post_url": nil, "employment_type": nil, "remote_work_status": nil, "category": nil,
			"department": nil, "experience_level": nil, "salary_amount": nil, "salary_amount_from": nil, "salary_amount_to": nil,
			"salary_currency": nil, "salary_period": nil,
			"stages": d.stagesOf(r), "hiring_team": d.teamOf(r),
		}) {
			o[k] = v
		}
		if r["is_closed"] == true {
			o["status"] = "CLOSED"
		}
		adverts, posted := d.adverts[r.id()], []any{}
		for _, a := range adverts {
			posted = append(posted, Object{
				"id": d.id(postings, a.id()), "remote_id": a.id(), "title": orNull(text(a.at("advert")["name"])),
				"description_html": orNull(description(a)), "status": "ACTIVE", "visibility": "PUBLIC", "url": orNull(text(a["url"])), "remote_data": nil,
			})
		}
		o["job_postings"] = posted
		if len(adverts) > 0 {
			o["visibility"] = "PUBLIC"
			for k, v := range fromAdvert(adverts[0]) {
				o[k] = v
			}
		}
		if r["is_confidential"] == true {
			o["visibility"] = "CONFIDENTIAL"
		}
		out.add(Jobs, o)
	}
}

func (d *deriver) stagesOf(r row) []any {
	var theirs []*state
	for _, s := range d.states {
		if s.workflow == text(r["workflow_id"]) {
			theirs = append(theirs, s)
		}
	}
	slices.SortFunc(theirs, func(a, b *state) int { return a.rank - b.rank })
	list := []any{}
	for _, s := range theirs {
		list = append(list, d.embedded[d.id(Stages, s.remote)])
	}
	return list
}

// teamOf gives the responsible people whom /users knows, in TRAFFIT's order.
func (d *deriver) teamOf(r row) []any {
	list := []any{}
	for _, p := range r.rows("responsible_person") {
		u, ok := d.users[p.id()]
		if !ok {
			continue
		}
		o := person(u)
		o["id"], o["remote_id"] = d.id(Users, p.id()), p.id()
		o["hiring_team_roles"], o["job_roles"] = []any{}, []any{responsible()}
		list = append(list, o)
	}
	return list
}

// value gives what an advert says about a field.
func value(a row, field string) any {
	for _, v := range a.at("advert").rows("values") {
		if text(v["field_id"]) == field {
			return v["value"]
		}
	}
	return nil
}

func description(a row) string {
	var parts []string
	for _, field := range []string{"description", "responsibilities", "requirements", "benefits"} {
		if s := text(value(a, field)); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// fromAdvert gives what a job has of its main advert.
func fromAdvert(a row) Object {
	options := a.at("options")
	labelled := func(key string) []string {
		if l := texts(options[key+".translation"]); len(l) > 0 {
			return l
		}
		return texts(options[key])
	}
	first := func(key string) string { return strings.Join(labelled(key)[:min(1, len(labelled(key)))], "") }
	where := place(value(a, "geolocation"))
	if where == nil {
		where = place(a.at("advert")["locations"])
	}
	if where == nil {
		where = place(options["job_location"])
	}
	model := word(first("_work_model"), "hybryd", "HYBRID", "hybrid", "HYBRID", "zdaln", "REMOTE", "remote", "REMOTE", "stacjonarn", "ON_SITE", "office", "ON_SITE")
	if model == nil && text(options["remote"]) == "1" {
		model = "REMOTE"
	}
	return Object{
		"description": orNull(description(a)), "location": where, "post_url": orNull(text(a["url"])),
		"employment_type":    word(first("job_type"), "część etatu", "PART_TIME", "pełny etat", "FULL_TIME", "b2b", "CONTRACT", "kontrakt", "CONTRACT"),
		"remote_work_status": model,
		"category":           orNull(strings.Join(labelled("branches"), ", ")),
		"department":         orNull(strings.Join(labelled("_department"), ", ")),
		"salary_amount_from": money(first("_Salary_MIN")), "salary_amount_to": money(first("_Salary_MAX")),
		"salary_currency": orNull(strings.ToUpper(first("_Salary_Currency"))),
		"salary_period":   word(first("_Salary_Rate"), "month", "MONTH", "hour", "HOUR"),
	}
}

// word finds the meaning of the first word that a label contains.
func word(label string, pairs ...string) any {
	for i := 0; i < len(pairs); i += 2 {
		if strings.Contains(strings.ToLower(label), pairs[i]) {
			return pairs[i+1]
		}
	}
	return nil
}

func money(s string) any {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil
	}
	return f
}
