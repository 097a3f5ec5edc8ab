package traffit

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// guideFiles holds the guide's words by language, and a picture for each step, in which nothing is written.
//
//go:embed guide
var guideFiles embed.FS

// guideSteps are the steps in their order, by the names of their pictures. That a client is made in the
// settings, of Latin letters and digits, for one version of the API, is documented; where the newer
// interface has it, and that the secret is shown once, is told.
var guideSteps = []string{"address", "settings", "client", guideScopes, "secret"}

// guideScopes is the step in which scopes are ticked.
const guideScopes = "scopes"

// guideText is the guide in one language.
type guideText struct {
	Prerequisites []string
	Steps         map[string]struct{ Title, Text, Caption string }
	Fields        map[string]connector.FieldHint
}

// readGuide reads the words of a language, or the English ones.
func readGuide(language string) guideText {
	if !slices.Contains(connector.Languages(), language) {
		language = connector.Languages()[0]
	}
	var text guideText
	if err := json.Unmarshal(guideFile(language+".json"), &text); err != nil {
		panic(fmt.Sprintf("traffit: the guide in %s: %v", language, err)) // it is embedded, and tested
	}
	return text
}

// guideFile gives an embedded file.
func guideFile(name string) []byte {
	b, err := guideFiles.ReadFile("guide/" + name)
	if err != nil {
		panic(fmt.Sprintf("traffit: %v", err)) // it is embedded, and tested
	}
	return b
}

// Guide tells how an administrator makes an API client. Scopes decide only about the permissions in it.
func (*traffit) Guide(language string, _ ats.Scopes) connector.Guide {
	text := readGuide(language)
	g := connector.Guide{Prerequisites: text.Prerequisites, Fields: text.Fields}
	for _, name := range guideSteps {
		step := text.Steps[name]
		g.Steps = append(g.Steps, connector.GuideStep{
			Title: step.Title, Text: step.Text, Caption: step.Caption,
			Picture: guideFile(name + ".svg"), Permissions: name == guideScopes,
		})
	}
	return g
}
