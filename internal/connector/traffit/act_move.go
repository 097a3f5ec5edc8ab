package traffit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// moveApplication moves a candidate to another state of the recruitment's workflow.
func (t *tenant) moveApplication(ctx context.Context, a *connector.MoveApplication, j connector.Journal) (connector.Outcome, error) {
	candidate, jobID := splitApplication(a.ApplicationID)
	out := connector.Outcome{CandidateID: candidate, ApplicationID: a.ApplicationID}
	if !j.Begun("stage") { // a stage may be gone that was there when it was begun
		if err := t.checkStage(ctx, jobID, a.StageID); err != nil {
			return out, err
		}
	}
	if err := t.toStage(ctx, a.ApplicationID, a.StageID, false, j); err != nil {
		return out, err
	}
	ctx, cancel := readBack(ctx)
	defer cancel()
	out.Parts = t.applicationParts(ctx, a.ApplicationID, j, func(s standing) bool { return s.in(a.StageID) })
	return out, nil
}

// toStage moves an application to a state, unless it is there.
func (t *tenant) toStage(ctx context.Context, applicationID, stageID string, isNew bool, j connector.Journal) error {
	candidate, jobID := splitApplication(applicationID)
	_, err := t.pass(ctx, j, passage{
		name: "stage", applicationID: applicationID, isNew: isNew,
		there: func(state object) bool { return state.id("id") == stageID },
		send: func(ctx context.Context) error {
			_, err := t.change(ctx, write{
				method: http.MethodPost, scope: "employee", body: object{},
				path: employeePath(candidate) + "/recruitments/" + pathID(jobID) + "/states/" + pathID(stageID) + "/_move",
			})
			return err
		},
	})
	return err
}

// passage is the way of an application from one state into another.
type passage struct {
	name          string
	applicationID string
	isNew         bool // the history may take a moment to show it
	there         func(state object) bool
	send          func(context.Context) error
}

// pass brings an application into another state, and reports whether it was there before. The history
// tells: after a lost answer by a stay that began later than the last one that was seen before.
func (t *tenant) pass(ctx context.Context, j connector.Journal, p passage) (was bool, err error) {
	sent, before := j.Begun(p.name), ""
	resumed := sent // what was the last stay before is not known
	done, err := j.Do(ctx, connector.Effect{
		Name: p.name,
		Look: func(ctx context.Context) (connector.Sight, error) {
			s, err := t.settled(ctx, p.applicationID, func(s standing) bool { return s.found || sent || !p.isNew })
			switch {
			case err != nil && !lasting(err):
				return connector.Sight{}, err
			case s.found && p.there(s.now.state()), before != "" && s.since(before, p.there):
				return connector.Sight{Found: true, RemoteID: s.now.id}, nil
			case !sent:
				before = s.now.id
			case resumed && s.lately(p.there, t.now()):
				// It may have been ours, and somebody moved it on since: it is not moved back.
				return connector.Sight{}, nil
			}
			return connector.Sight{Proven: s.proven}, nil
		},
		Send: func(ctx context.Context) (string, error) {
			sent = true
			return "", p.send(ctx)
		},
	})
	if _, refused := refusedWrite(err); refused {
		// Where it is already, TRAFFIT may not want it again.
		if s, failed := t.standing(ctx, p.applicationID); failed == nil && s.found && p.there(s.now.state()) {
			return false, nil
		}
	}
	return done.Existed, err
}

// rejectApplication rejects a candidate for one of the recruitment's reasons.
func (t *tenant) rejectApplication(ctx context.Context, a *connector.RejectApplication, j connector.Journal) (connector.Outcome, error) {
	candidate, jobID := splitApplication(a.ApplicationID)
	out := connector.Outcome{CandidateID: candidate, ApplicationID: a.ApplicationID}
	if !j.Begun("rejection") {
		if err := t.checkReason(ctx, jobID, a.ReasonID); err != nil {
			return out, err
		}
	}
	body := object{"rejection_id": asNumber(a.ReasonID)}
	if a.Note != "" {
		body["description"] = a.Note
	}
	send := func(ctx context.Context) error {
		_, err := t.change(ctx, write{
			method: http.MethodPost, scope: "employee", body: body,
			path: employeePath(candidate) + "/recruitments/" + pathID(jobID) + "/states/_move_to_reject_state",
		})
		return err
	}
	was, err := t.pass(ctx, j, passage{
		name: "rejection", applicationID: a.ApplicationID, there: declined,
		send: func(ctx context.Context) error {
			err := send(ctx)
			if invalid(err) && a.Note != "" { // a description may be more than it takes
				delete(body, "description")
				err = send(ctx)
			}
			return err
		},
	})
	if err != nil {
		return out, err
	}
	ctx, cancel := readBack(ctx)
	defer cancel()
	out.Parts = t.applicationParts(ctx, a.ApplicationID, j, func(s standing) bool { return s.found && declined(s.now.state()) })
	if was {
		j.Warn("the application was rejected already; nothing was sent, and its reason stays as it is")
		return out, nil
	}
	reason, described := t.reasonNow(ctx, a.ApplicationID, out.Parts)
	out.Parts = append(out.Parts, reason...)
	if a.Note == "" || described {
		return out, nil
	}
	_, err = t.addNote(ctx, &connector.AddNote{ApplicationID: a.ApplicationID, Content: a.Note}, j)
	return out, partly(err, j, "the application was rejected, but the note was not added")
}

// declined reports whether a state is one of rejected candidates.
func declined(state object) bool {
	flag := state.bool("is_rejection")
	return state.text("type") == endBad || flag != nil && *flag
}

// asNumber gives an ID as TRAFFIT has it.
func asNumber(id string) any {
	if digits.MatchString(id) {
		return json.Number(id)
	}
	return id
}

// checkReason verifies that a recruitment offers a reason. One that shows none may take it all the same.
func (t *tenant) checkReason(ctx context.Context, jobID, reasonID string) error {
	reasons, _, err := t.below(ctx, "/recruitments/", "/rejections", "recruitment", unit(recruitment, jobID))
	switch {
	case errors.Is(err, connector.ErrGone):
		return noJob("application_id", err)
	case err != nil && !lasting(err):
		return err
	case len(reasons) > 0 && !slices.ContainsFunc(reasons, func(r object) bool { return r.id("id") == reasonID }):
		return ats.Errorf(ats.InputInvalid, "rejection_reason_id: the job has no such reason for a rejection; TRAFFIT may have others for each job")
	}
	return nil
}

// reasonNow reads the activity of a rejection, which has the reason: of the moment at which the
// application came to where it is. described says that it also has the description.
func (t *tenant) reasonNow(ctx context.Context, applicationID string, known []connector.Part) (reason []connector.Part, described bool) {
	ps, err := decodeParts(known)
	if err != nil {
		return nil, false
	}
	candidate, _ := splitApplication(applicationID)
	now, ok := current(moves(ps))
	moment, dated := now.reason(candidate)
	if !ok || !dated {
		return nil, false
	}
	rows, sent, err := t.below(ctx, "/employees/", "/activities", "employee", unit(employee, candidate))
	if err != nil {
		t.log.WarnContext(ctx, "the reason of a rejection cannot be read yet", "error", err)
		return nil, false
	}
	for _, row := range rows {
		for _, p := range reasonParts(candidate, row, sent) {
			if p.Unit == moment {
				reason = append(reason, p)
				described = described || stageChange(row["content"]).text("description") != ""
			}
		}
	}
	return reason, described
}
