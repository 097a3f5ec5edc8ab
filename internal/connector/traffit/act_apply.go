package traffit

import (
	"context"

	"github.com/kladka/kladka/internal/connector"
)

func (t *tenant) createApplication(context.Context, *connector.CreateApplication, connector.Journal) (connector.Outcome, error) {
	return notYet("create an application")
}

func (t *tenant) moveApplication(context.Context, *connector.MoveApplication, connector.Journal) (connector.Outcome, error) {
	return notYet("move an application")
}

func (t *tenant) rejectApplication(context.Context, *connector.RejectApplication, connector.Journal) (connector.Outcome, error) {
	return notYet("reject an application")
}
