package traffit

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// tagForm is how a tenant's tags are written: one by one, until that shows not to be the way.
type tagForm struct {
	lists atomic.Bool   // the whole list at once
	turn  chan struct{} // held by the one who writes a list
}

func newTagForm() *tagForm { return &tagForm{turn: make(chan struct{}, 1)} }

// addTag puts a tag on a candidate.
func (t *tenant) addTag(ctx context.Context, a *connector.AddTag, j connector.Journal) (connector.Outcome, error) {
	u := unit(employee, a.CandidateID)
	return t.changeTags(ctx, j, u, func(tags []object) bool { return len(named(tags, a.Name)) > 0 }, func(ctx context.Context) error {
		if !t.tagForm.lists.Load() {
			_, err := t.change(ctx, write{method: http.MethodPost, path: employeePath(u.ID) + "/tags", scope: "employee", body: object{"name": a.Name}})
			if !noSuchWay(err) {
				return err
			}
		}
		return t.putTags(ctx, u, func(tags []object) []object {
			if len(named(tags, a.Name)) > 0 {
				return tags
			}
			return append(tags, object{"name": a.Name})
		})
	})
}

// removeTag takes a tag off a candidate.
func (t *tenant) removeTag(ctx context.Context, a *connector.RemoveTag, j connector.Journal) (connector.Outcome, error) {
	u := unit(employee, a.CandidateID)
	return t.changeTags(ctx, j, u, func(tags []object) bool { return len(named(tags, a.Name)) == 0 }, func(ctx context.Context) error {
		if !t.tagForm.lists.Load() {
			tags, _, err := t.tagsOf(ctx, u)
			for _, tag := range named(tags, a.Name) {
				if err == nil {
					_, err = t.change(ctx, write{method: http.MethodDelete, path: employeePath(u.ID) + "/tags/" + pathID(tag.id("id")), scope: "employee"})
				}
			}
			if !noSuchWay(err) {
				return err
			}
		}
		return t.putTags(ctx, u, func(tags []object) []object {
			return slices.DeleteFunc(tags, func(tag object) bool { return len(named([]object{tag}, a.Name)) > 0 })
		})
	})
}

// changeTags changes a candidate's tags, unless they are as they should be, and gives their parts.
func (t *tenant) changeTags(
	ctx context.Context, j connector.Journal, u connector.Unit, right func([]object) bool, send func(context.Context) error,
) (connector.Outcome, error) {
	out := connector.Outcome{CandidateID: u.ID}
	_, err := j.Do(ctx, connector.Effect{
		Name: "tag",
		Look: func(ctx context.Context) (connector.Sight, error) {
			tags, _, err := t.tagsOf(ctx, u)
			if unknownPath(err) {
				return connector.Sight{}, errNoTags
			}
			return connector.Sight{Found: err == nil && right(tags), Proven: true}, err
		},
		Send: func(ctx context.Context) (string, error) { return "", send(ctx) },
	})
	if err != nil {
		return out, t.orGone(ctx, u.ID, err)
	}
	tags, sent, err := t.tagsOf(ctx, u)
	if err != nil {
		t.log.WarnContext(ctx, "the tags of a candidate cannot be read after an action", "error", err)
		j.Warn(stillOld)
		return out, nil
	}
	out.Parts = tagParts(u, tags, sent)
	return out, nil
}

var errNoTags = ats.Errorf(ats.ActionNotAvailable, "tags cannot be changed through the API of this TRAFFIT")

// named gives the tags with a name, in whatever case it is written.
func named(tags []object, name string) []object {
	var found []object
	for _, tag := range tags {
		if ats.Fold(tag.text("name")) == ats.Fold(scalar(name)) {
			found = append(found, tag)
		}
	}
	return found
}

// putTags writes the whole list of a candidate's tags. Of two lists that are written at once the
// second would undo what the first has done, so they take turns, at least in this process.
func (t *tenant) putTags(ctx context.Context, u connector.Unit, change func([]object) []object) error {
	select {
	case t.tagForm.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-t.tagForm.turn }()
	tags, _, err := t.tagsOf(ctx, u)
	if err != nil {
		return err
	}
	before := len(tags)
	tags = change(tags)
	if len(tags) == before {
		return nil // somebody else did it
	}
	names := []string{}
	for _, tag := range tags {
		names = append(names, tag.text("name"))
	}
	_, err = t.change(ctx, write{method: http.MethodPut, path: employeePath(u.ID) + "/tags", scope: "employee", body: names})
	if noSuchWay(err) {
		return errNoTags
	}
	if err == nil {
		t.tagForm.lists.Store(true)
	}
	return err
}
