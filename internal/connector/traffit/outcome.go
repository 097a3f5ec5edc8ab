package traffit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// stillOld warns that an outcome lacks parts.
const stillOld = "TRAFFIT does not show the new state yet; it becomes visible with the next sync"

// readBackWithin bounds the reading of what an action has brought about.
const readBackWithin = 8 * time.Second

// readBack makes a context for that. It has a moment also where the action's own time is over: what has
// happened shall be readable at once.
func readBack(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited || time.Until(end) > readBackWithin || errors.Is(ctx.Err(), context.Canceled) {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), readBackWithin)
}

// applicationParts gives what TRAFFIT says of an application and its candidate after an action. The
// action has happened, so that what cannot be read is left to the next sync.
func (t *tenant) applicationParts(ctx context.Context, applicationID string, j connector.Journal, shows func(standing) bool) []connector.Part {
	candidate, _ := splitApplication(applicationID)
	parts := t.candidateParts(ctx, candidate)
	s, err := t.settled(ctx, applicationID, shows)
	if err != nil {
		t.log.WarnContext(ctx, "an application cannot be read after an action", "error", err)
	}
	if err != nil || parts == nil || !shows(s) {
		j.Warn(stillOld)
	}
	return append(parts, s.parts...)
}

// candidateParts gives what TRAFFIT says of a candidate: a list and an own address say the same (seen).
func (t *tenant) candidateParts(ctx context.Context, id string) []connector.Part {
	_, parts, err := t.employeeNow(ctx, id)
	if err != nil {
		t.log.WarnContext(ctx, "a candidate cannot be read after an action", "error", err)
	}
	return parts
}

// sourceNow gives the source of a candidate who has just been created, if it is easily found.
func (t *tenant) sourceNow(ctx context.Context, employeeID string) (parts []connector.Part) {
	r := call{path: api + "/sources", scope: "source", size: sliceSize, brief: true}
	_, err := t.newest(ctx, r, func(rows []object, sent ats.Time) bool {
		for _, row := range rows {
			if row.id("employee") == employeeID {
				parts = append(parts, sourceParts(row, sent)...)
			}
		}
		return false
	})
	if err != nil {
		t.log.DebugContext(ctx, "the source of a new candidate cannot be read yet", "error", err)
	}
	return parts
}

// jobParts gives what TRAFFIT says of a recruitment: its row in the list, which is looked for among
// the newest, and its detail.
func (t *tenant) jobParts(ctx context.Context, at offer) []connector.Part {
	own := at.detail // it stands for the row until a sync brings that
	sent := at.sent
	r := call{path: api + "/recruitments/", scope: "recruitment"}
	_, err := t.newest(ctx, r, func(rows []object, when ats.Time) bool {
		found := slices.IndexFunc(rows, func(row object) bool { return row.id("id") == at.id })
		if found >= 0 {
			own, sent = rows[found], when
		}
		return found < 0
	})
	if err != nil {
		t.log.WarnContext(ctx, "a recruitment cannot be looked for after an action", "error", err)
	}
	parts := t.alone(r.path, own, t.keysOf(recruitment), func(o object) []connector.Part { return recruitmentParts(o, sent) })
	return append(parts, recruitmentDetail(at.id, at.detail, at.sent))
}

// alone gives the parts of a single row of a listing, which may lack keys as those of a page may.
func (t *tenant) alone(path string, row object, keys rowKeys, cut func(object) []connector.Part) []connector.Part {
	page := []connector.Row{{Parts: cut(row)}}
	sparse(page, []object{row}, keys, t.habits.get(path).sendsNull, cut)
	return page[0].Parts
}
