package traffit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// createApplication brings a candidate into a recruitment. Everything that would make it pointless is
// asked for before anything is sent; what goes wrong after the candidate is in, is a warning.
func (t *tenant) createApplication(ctx context.Context, a *connector.CreateApplication, j connector.Journal) (connector.Outcome, error) {
	applied := j.Begun("application") // what was begun is not judged by what has changed since
	job, err := t.jobNow(ctx, a.JobID)
	switch {
	case err != nil:
		return connector.Outcome{}, err
	case job.closed() && !applied:
		return connector.Outcome{}, ats.Errorf(ats.JobClosed, "the job is closed in TRAFFIT; open it there, or name another job_id")
	}
	if a.StageID != "" && !applied {
		if err := t.checkStage(ctx, a.JobID, a.StageID); err != nil {
			return connector.Outcome{}, err
		}
	}
	who, err := t.candidate(ctx, a, j)
	if err != nil {
		return connector.Outcome{}, err
	}
	out := connector.Outcome{CandidateID: who.id}
	if !who.existed {
		if err := t.complete(ctx, who, j); err != nil {
			return out, err
		}
	}
	id := who.id + ":" + a.JobID
	if err := t.assign(ctx, id, job, !who.existed, j); err != nil {
		out.Parts = t.candidateParts(ctx, who.id)
		return out, err
	}
	out.ApplicationID = id
	shows := func(s standing) bool { return s.found }
	if a.StageID != "" {
		err := t.toStage(ctx, id, a.StageID, true, j)
		if err == nil {
			shows = func(s standing) bool { return s.in(a.StageID) }
		} else if err := partly(err, j, "the application was created, but not moved to the stage"); err != nil {
			return out, err
		}
	}
	for i := range a.Files {
		err := t.uploadFile(ctx, j, connector.FileEffect(i), who.id, &a.Files[i])
		if err := partly(err, j, "the application was created, but attachment %d was not added", i+1); err != nil {
			return out, err
		}
	}
	ctx, cancel := readBack(ctx)
	defer cancel()
	out.Parts = t.applicationParts(ctx, id, j, shows)
	if a.Candidate.Source != "" && !who.existed {
		out.Parts = append(out.Parts, t.sourceNow(ctx, who.id)...)
	}
	if a.JobUnknown {
		out.Parts = append(out.Parts, t.jobParts(ctx, job)...)
	}
	return out, nil
}

// offer is a recruitment as it is now.
type offer struct {
	id     string
	detail object
	sent   ats.Time
}

func (o offer) closed() bool {
	closed := o.detail.bool("is_closed")
	return closed != nil && *closed
}

func (t *tenant) jobNow(ctx context.Context, id string) (offer, error) {
	o, sent, err := t.single(ctx, "/recruitments/", "recruitment", unit(recruitment, id))
	if unknown(err) {
		return offer{}, noJob("job_id", err)
	}
	return offer{id, o, sent}, err
}

// statesOf reads the states of a recruitment: its own (seen), else those of its workflow.
func (t *tenant) statesOf(ctx context.Context, jobID string) ([]object, error) {
	states, _, err := t.below(ctx, "/recruitments/", "/states", "recruitment", unit(recruitment, jobID))
	if !unknownPath(err) {
		return states, err
	}
	job, err := t.jobNow(ctx, jobID)
	if err != nil {
		return nil, err
	}
	flow, _, err := t.single(ctx, "/workflows/", "workflow", unit(workflow, cmp.Or(job.detail.id("workflow_id"), job.detail.id("workflow"))))
	if err != nil {
		return nil, err
	}
	return ranked(flow.list("states")), nil
}

// checkStage verifies that a state belongs to a recruitment.
func (t *tenant) checkStage(ctx context.Context, jobID, stageID string) error {
	states, err := t.statesOf(ctx, jobID)
	if errors.Is(err, connector.ErrGone) {
		return noJob("stage_id", err)
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(states, func(s object) bool { return s.id("id") == stageID }) {
		return ats.Errorf(ats.InputInvalid, "stage_id: the job has no such stage; its stages are in the field stages of the job")
	}
	return nil
}

// person is the candidate whom an action is about.
type person struct {
	id      string
	existed bool // nothing about them changes
	profile profile
	bare    bool // only name and address were taken
}

// candidate finds the candidate by the e-mail address, or creates them.
func (t *tenant) candidate(ctx context.Context, a *connector.CreateApplication, j connector.Journal) (person, error) {
	profile, err := t.profileOf(ctx, a.Candidate)
	if err != nil {
		return person{}, err
	}
	who := person{profile: profile}
	s := search{address: a.Candidate.Email, knownAs: a.KnownAs}
	sent, several := j.Begun("candidate"), false
	done, err := j.Do(ctx, connector.Effect{
		Name: "candidate",
		Look: func(ctx context.Context) (connector.Sight, error) {
			found, proven, err := t.find(ctx, s, sent)
			if err != nil || len(found) == 0 {
				return connector.Sight{Proven: proven}, err
			}
			several = len(found) > 1
			chosen, err := t.choose(ctx, found, a.JobID)
			return connector.Sight{Found: true, RemoteID: chosen.id("id")}, err
		},
		Send: func(ctx context.Context) (id string, err error) {
			sent = true
			id, who.bare, err = t.create(ctx, profile)
			return id, err
		},
	})
	who.id, who.existed = done.RemoteID, done.Existed
	if duplicate(err) {
		who.existed = true
		if who.id, several, err = t.twin(ctx, s, a.JobID, err); err != nil {
			return who, err
		}
	}
	if err != nil {
		return who, err
	}
	if several {
		j.Warn("several candidates in TRAFFIT have this e-mail address; of the active ones, the one who was changed last got the application")
	}
	if who.existed && len(profile.wishes)+len(profile.homeless) > 0 {
		j.Warn("the candidate was in TRAFFIT already; nothing of what it knows of them was changed")
	}
	return who, nil
}

// create sends a new candidate. A form that is refused is followed by the next one.
func (t *tenant) create(ctx context.Context, p profile) (id string, bare bool, err error) {
	bodies := p.bodies()
	for n, body := range bodies {
		bare = n > 0 && n == len(bodies)-1
		var o object
		o, err = t.change(ctx, write{method: http.MethodPost, path: api + "/employees/", scope: "employee", body: body})
		if err == nil {
			if id = newID(o); id == "" {
				err = &connector.UnclearError{Err: errors.New("the answer to a new candidate names no ID")}
			}
			return id, bare, err
		}
		if !invalid(err) || duplicate(err) {
			break
		}
	}
	return "", false, err
}

// newID reads the ID of what was created: on its own, with the row, or inside of one (guesses).
func newID(o object) string {
	for _, key := range []string{"id", "employee", "candidate", "data"} {
		if id := o.id(key); id != "" {
			return id
		}
	}
	return ""
}

// twin finds the candidate of whom TRAFFIT says that they exist.
func (t *tenant) twin(ctx context.Context, s search, jobID string, refusal error) (id string, several bool, err error) {
	found, _, err := t.find(ctx, s, true)
	if err == nil && len(found) == 0 {
		found, _, err = t.amongNewest(ctx, s.address)
	}
	if err != nil {
		return "", false, err
	}
	if len(found) == 0 {
		return "", false, ats.Errorf(ats.RemoteInputInvalid,
			"TRAFFIT says that it has a candidate with this e-mail address, but shows none; look for them there: %w", refusal)
	}
	chosen, err := t.choose(ctx, found, jobID)
	return chosen.id("id"), len(found) > 1, err
}

// complete sees to it that a new candidate has what was wished for: what does not show is written once
// more, by itself and in each of its forms.
func (t *tenant) complete(ctx context.Context, who person, j connector.Journal) error {
	for _, input := range who.profile.homeless {
		j.Warn("%s could not be written: TRAFFIT has no field for it", input)
	}
	if len(who.profile.wishes) == 0 {
		return nil
	}
	row, err := t.newRow(ctx, who.id)
	if err != nil || row == nil {
		return err // nothing can be said of a row that does not show
	}
	for _, w := range who.profile.wishes {
		fulfilled := w.shown(row) && !who.bare
		for n := 0; n < len(w.forms) && !fulfilled; n++ {
			form := n
			if !who.bare { // the likeliest one was tried before
				form = len(w.forms) - 1 - n
			}
			if fulfilled, err = t.fulfil(ctx, who.id, w, form, j); err != nil {
				return err
			}
		}
		if !fulfilled {
			j.Warn("%s could not be written: TRAFFIT did not take it", w.input)
		}
	}
	return nil
}

// fulfil writes one field of a new candidate, and reports whether it shows.
func (t *tenant) fulfil(ctx context.Context, employeeID string, w wish, form int, j connector.Journal) (bool, error) {
	_, err := j.Do(ctx, connector.Effect{
		Name: fmt.Sprintf("field/%s/%d", w.key, form+1), Repeatable: true,
		Send: func(ctx context.Context) (string, error) {
			return "", t.patch(ctx, employeeID, object{w.key: w.forms[form]})
		},
	})
	if _, refused := refusedWrite(err); refused {
		return false, nil
	}
	if err != nil && !lost(err) {
		return false, err
	}
	row, err := t.newRow(ctx, employeeID)
	return row != nil && w.shown(row), err
}

// patch writes fields of a candidate.
func (t *tenant) patch(ctx context.Context, employeeID string, fields object) error {
	_, err := t.change(ctx, write{method: http.MethodPatch, path: employeePath(employeeID), scope: "employee", body: fields})
	return err
}

// newRow reads the row of a new candidate; nil when it does not show after a moment.
func (t *tenant) newRow(ctx context.Context, id string) (object, error) {
	for n := 1; ; n++ {
		row, _, err := t.single(ctx, "/employees/", "employee", unit(employee, id))
		switch {
		case err == nil || !lasting(err):
			return row, err
		case n == 3 || !unknown(err):
			return nil, nil
		}
		if err := t.http.Pause(ctx, n); err != nil {
			return nil, err
		}
	}
}

// assign adds a candidate to a recruitment. Somebody new cannot be in one.
func (t *tenant) assign(ctx context.Context, applicationID string, at offer, isNew bool, j connector.Journal) error {
	candidate, _ := splitApplication(applicationID)
	look := func(ctx context.Context) (connector.Sight, error) {
		in, total, err := t.candidatesIn(ctx, at.id)
		if err != nil && !lasting(err) {
			return connector.Sight{}, err
		}
		if err == nil && (in[candidate] || len(in) >= total) {
			return connector.Sight{Found: in[candidate], Proven: true}, nil
		}
		s, err := t.standing(ctx, applicationID)
		if err != nil && !lasting(err) {
			return connector.Sight{}, err
		}
		return connector.Sight{Found: s.found}, nil
	}
	before := j.Begun("application") // so that what is there may be ours
	sent := before
	done, err := j.Do(ctx, connector.Effect{
		Name: "application", Look: look, Blind: isNew,
		Send: func(ctx context.Context) (string, error) {
			before, sent = sent, true
			_, err := t.change(ctx, write{
				method: http.MethodPost, path: api + "/recruitments/" + pathID(at.id) + "/employees/" + pathID(candidate), scope: "recruitment",
			})
			return applicationID, err
		},
	})
	refused, ok := refusedWrite(err)
	switch {
	case err == nil && done.Existed:
		return errApplied
	case !ok:
		return err
	}
	sight, failed := look(ctx)
	switch {
	case failed != nil:
		return failed
	case sight.Found && before:
		return nil
	case sight.Found, refused.Status == http.StatusConflict && !sight.Proven:
		return errApplied
	}
	if now, failed := t.jobNow(ctx, at.id); failed == nil && now.closed() {
		return ats.Errorf(ats.JobClosed, "the job is closed in TRAFFIT, which takes no candidates for it: %w", err)
	}
	return err
}

var errApplied = ats.Errorf(ats.ApplicationExists, "the candidate is in this job already")
