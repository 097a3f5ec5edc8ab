package traffit

import (
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// Keep gives what may be stored of a part.
func (*traffit) Keep(_ connector.PartKey, raw []byte, _ ats.Scopes) ([]byte, error) { return raw, nil }

// About names the candidate and the application that a part is about.
func (*traffit) About(connector.Part) (candidate, application string) { return "", "" }

// Permissions lists the scopes of TRAFFIT's API that are needed.
func (*traffit) Permissions(ats.Scopes) []connector.Permission { return nil }

// Explain finds out what is wrong with a connection.
func (*traffit) Explain(err error) connector.Problem {
	return connector.Problem{Code: connector.ProblemOther, Message: err.Error()}
}
