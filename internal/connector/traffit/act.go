package traffit

import (
	"context"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// Act carries an action out.
func (t *tenant) Act(ctx context.Context, a connector.Action, j connector.Journal) (connector.Outcome, error) {
	switch a := a.(type) {
	case *connector.CreateApplication:
		return t.createApplication(ctx, a, j)
	case *connector.MoveApplication:
		return t.moveApplication(ctx, a, j)
	case *connector.RejectApplication:
		return t.rejectApplication(ctx, a, j)
	case *connector.AddFile:
		return t.addFile(ctx, a, j)
	case *connector.AddNote:
		return t.addNote(ctx, a, j)
	case *connector.AddResultLink:
		return t.addResultLink(ctx, a, j)
	case *connector.AddTag:
		return t.addTag(ctx, a, j)
	case *connector.RemoveTag:
		return t.removeTag(ctx, a, j)
	}
	return connector.Outcome{}, ats.Errorf(ats.ActionNotAvailable, "TRAFFIT has nothing that would do as %T", a)
}
