package traffit

import (
	"bytes"
	"context"
	"net/http"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// addNote leaves a note. TRAFFIT keeps notes at candidates, so it says which recruitment it is about.
func (t *tenant) addNote(ctx context.Context, a *connector.AddNote, j connector.Journal) (connector.Outcome, error) {
	candidate, job := splitApplication(a.ApplicationID)
	out := connector.Outcome{CandidateID: candidate, ApplicationID: a.ApplicationID}
	return out, t.orGone(ctx, candidate, t.leaveNote(ctx, j, candidate, job, a.Content))
}

// leaveNote leaves a note at a candidate as the effect "note" of an action. The text stays as it is;
// a last line names the recruitment, if there is one, and holds the mark by which the note is found
// again: an answer gives no ID that could be relied on (told), and a note cannot be taken back.
func (t *tenant) leaveNote(ctx context.Context, j connector.Journal, employeeID, recruitmentID, text string) error {
	line := "ref " + j.Mark()
	if recruitmentID != "" {
		r, _, err := t.single(ctx, "/recruitments/", "recruitment", unit(recruitment, recruitmentID))
		if err != nil && !lasting(err) {
			return err
		}
		if name := r.text("name"); name != "" {
			line = name + " | " + line
		}
	}
	_, err := j.Do(ctx, connector.Effect{
		Name:  "note",
		Blind: true, // nobody else knows the mark
		Look:  func(ctx context.Context) (connector.Sight, error) { return t.seeNote(ctx, employeeID, j.Mark()) },
		Send: func(ctx context.Context) (string, error) {
			_, err := t.change(ctx, write{
				method: http.MethodPost, path: employeePath(employeeID) + "/notes", scope: "employee",
				body: object{"content": text + "\n\n[" + line + "]"},
			})
			return "", err
		},
	})
	return err
}

// seeNote looks for a note by its mark in the log of the candidate, where all notes show up (seen):
// the address to which they are sent gives the candidate instead (seen). The mark is made of letters
// and digits, which come back as they were sent whatever is done to the rest.
func (t *tenant) seeNote(ctx context.Context, employeeID, mark string) (connector.Sight, error) {
	var sight connector.Sight
	r := call{path: employeePath(employeeID) + "/activities", scope: "employee"}
	_, proven, err := t.lately(ctx, r, func(rows []object, _ ats.Time) bool {
		for _, row := range rows {
			if bytes.Contains(encode(row["content"]), []byte(mark)) {
				sight = connector.Sight{Found: true, RemoteID: row.id("id")}
			}
		}
		return !sight.Found
	})
	if err != nil {
		return connector.Sight{}, err
	}
	sight.Proven = sight.Found || proven
	return sight, nil
}
