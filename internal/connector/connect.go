package connector

import "github.com/kladka/kladka/internal/ats"

// Permission is something that the customer has to allow when making credentials.
type Permission struct {
	Name string // as the ATS shows it
	// Models and Actions are those that need it, among what the scopes allow.
	Models  []ats.Model
	Actions []string
	// Optional: without it, some fields stay empty and nothing fails.
	Optional bool
}

// Languages are those in which guides and pages are written, as ISO 639-1 codes.
func Languages() []string { return []string{"en", "pl", "de", "fr", "it", "es"} }

// Guide tells an administrator how to make credentials.
type Guide struct {
	// Prerequisites are sentences: what one must be, have and know before. In them, in texts and in hints, English
	// names of the ATS's interface stand between backquotes.
	Prerequisites []string
	Steps         []GuideStep
	// Fields explains, by the key of a credential, where it is found.
	Fields map[string]FieldHint
}

// GuideStep is one step: what to do, and a picture of where.
type GuideStep struct {
	Title, Text string
	// Picture is an SVG document without texts; Caption says what it shows. Empty for none.
	Picture []byte
	Caption string
	// Permissions: this is the step in which the permissions are ticked, so they are listed here.
	Permissions bool
}

// FieldHint says what a credential is called, where it is found, and how one looks.
type FieldHint struct{ Label, Hint, Example string }

// ProblemCode says why an account could not be connected; pages have words for each.
type ProblemCode string

// The problems of a connection.
const (
	ProblemInput       ProblemCode = "input"       // what was typed cannot be right
	ProblemTenant      ProblemCode = "tenant"      // the ATS knows no such tenant
	ProblemCredentials ProblemCode = "credentials" // client or secret is refused
	ProblemPermissions ProblemCode = "permissions" // permissions are missing; the report says which
	ProblemVersion     ProblemCode = "version"     // the credentials are for another API of the ATS
	ProblemUnreachable ProblemCode = "unreachable" // no connection
	ProblemDown        ProblemCode = "down"        // it answers, but not now
	ProblemInterrupted ProblemCode = "interrupted" // the check did not come to its end
	ProblemAccount     ProblemCode = "account"     // it is another account than the one that is to be reconnected
	ProblemOther       ProblemCode = "other"
)

// Problem is what is wrong with a connection.
type Problem struct {
	Code ProblemCode
	// Credential is the key of the one that it is about; empty for none.
	Credential string
	Message    string // for the log and for those who speak the ATS's language
}
