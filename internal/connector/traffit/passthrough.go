package traffit

import (
	"context"

	"github.com/kladka/kladka/internal/connector"
)

// Passthrough sends a request of the client's own.
func (t *tenant) Passthrough(context.Context, connector.PassthroughRequest) (connector.PassthroughAnswer, error) {
	_, err := notYet("pass a request through")
	return connector.PassthroughAnswer{}, err
}

// Mentions names the records that a request to a path, or its answer, is about.
func (*traffit) Mentions(string, []byte) []connector.Mention { return nil }
