package oracle

import (
	"encoding/json"
	"time"
)

// application is a candidate's way through a recruitment, told by the history's rows.
type application struct {
	employee, recruitment string
	current               row
	created, updated      time.Time
	outcome               string
	rejectedAt, reason    any
}

// applications groups the history. Rows of candidates or recruitments that do not exist give none.
func (d *deriver) applications() map[string]*application {
	reasons := d.reasons()
	all := map[string]*application{}
	for _, h := range d.truth["history"] { // by number, so the later of one second comes later
		who, where := h.at("employee").id(), h.at("recruitment").id()
		if d.employees[who] == nil || d.recruitments[where] == nil {
			continue
		}
		a := all[who+":"+where]
		if a == nil {
			a = &application{employee: who, recruitment: where}
			all[who+":"+where] = a
		}
		date, _ := instant(h["date"])
		updated, _ := instant(h["updated_at"])
		if a.created.IsZero() || date.Before(a.created) {
			a.created = date
		}
		if updated.After(a.updated) {
			a.updated = updated
		}
		if a.current == nil || stands(h, a.current) {
			a.current = h
		}
	}
	for _, a := range all {
		at := a.current.at("workflow_state")
		a.outcome = "PENDING"
		s := d.states[at.id()]
		switch kind := text(at["type"]); {
		case kind == "end-good":
			a.outcome = "HIRED"
		case kind == "end-bad", s != nil && s.rejection:
			a.outcome = "DECLINED"
			a.rejectedAt = served(a.current["date"])
			a.reason = reasons[a.employee+" "+text(a.current["date"])]
		}
	}
	return all
}

// stands reports whether row a, which has the higher number, tells more of the present than b: an
// open row before an ended one, then the later one.
func stands(a, b row) bool {
	openA, openB := text(a["end_date"]) == "", text(b["end_date"]) == ""
	if openA != openB {
		return openA
	}
	x, _ := instant(a["date"])
	y, _ := instant(b["date"])
	return !x.Before(y)
}

// reasons finds the reasons of rejections in the log of candidates, by candidate and second. When
// somebody was turned down twice within a second, the log does not tell which is which; the
// entry with the lowest number is taken.
func (d *deriver) reasons() map[string]any {
	found := map[string]any{}
	for _, a := range d.truth["activities"] {
		content, ok := a["content"].(string)
		if !ok {
			continue
		}
		var change struct {
			Rejection *struct{ Name string }
		}
		if json.Unmarshal([]byte(content), &change) != nil || change.Rejection == nil || change.Rejection.Name == "" {
			continue
		}
		key := a.at("employee").id() + " " + text(a["activity_date"])
		if _, taken := found[key]; !taken {
			found[key] = change.Rejection.Name
		}
	}
	return found
}

func (a *application) remote() string { return a.employee + ":" + a.recruitment }

// own gives what is the application's own wherever it is shown.
func (a *application) own(d *deriver) Object {
	const form = "2006-01-02T15:04:05.000Z"
	return Object{
		"id": d.id(Applications, a.remote()), "remote_id": a.remote(), "outcome": a.outcome, "rejection_reason_name": a.reason,
		"rejected_at": a.rejectedAt, "remote_url": nil,
		"remote_created_at": a.created.UTC().Format(form), "remote_updated_at": a.updated.UTC().Format(form),
		"current_stage": a.stage(d), "job": d.jobRef(a.recruitment),
	}
}

func (a *application) stageID(d *deriver) string {
	return d.id(Stages, a.current.at("workflow_state").id())
}

// stage shows the current stage; of one that was removed before it was ever read, only the ID is known.
func (a *application) stage(d *deriver) any {
	if s, ok := d.embedded[a.stageID(d)]; ok {
		return s
	}
	return nil
}

func (d *deriver) jobRef(remote string) Object {
	return Object{"id": d.id(Jobs, remote), "remote_id": remote, "name": orNull(text(d.recruitments[remote]["name"]))}
}

// summary is the application as its candidate shows it.
func (a *application) summary(d *deriver) Object { return a.own(d) }

func (d *deriver) addApplications(out Expected, applications map[string]*application) {
	for _, a := range applications {
		o := d.record(Applications, a.remote())
		for k, v := range a.own(d) {
			o[k] = v
		}
		c := out[Candidates][d.id(Candidates, a.employee)]
		candidate := Object{}
		for _, key := range []string{"id", "remote_id", "first_name", "last_name", "email_addresses", "phone_numbers", "social_media", "source", "remote_url", "tags"} {
			candidate[key] = c[key]
		}
		o["candidate"], o["candidate_id"], o["job_id"], o["current_stage_id"] = candidate, c["id"], d.id(Jobs, a.recruitment), a.stageID(d)
		o["custom_fields"], o["integration_fields"] = Object{}, []any{}
		o["screening_question_answers"], o["interviews"], o["offers"] = []any{}, []any{}, []any{}
		out.add(Applications, o)
	}
}
