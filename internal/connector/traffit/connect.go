package traffit

import (
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// Guide tells how an administrator makes an API client.
func (*traffit) Guide(string, ats.Scopes) connector.Guide { return connector.Guide{} }
