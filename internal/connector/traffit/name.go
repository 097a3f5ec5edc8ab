package traffit

import (
	"fmt"
	"regexp"
	"strings"
)

// domain is where tenants live.
const domain = ".traffit.com"

// tenantPattern is what a tenant may be called. Underscores occur (seen), although host names
// should not have them.
var tenantPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`)

// reserved are names below traffit.com that belong to TRAFFIT itself.
var reserved = map[string]bool{"www": true, "api": true, "knowledge": true}

// inputError means that something that was typed cannot be right.
type inputError struct{ credential, message string }

func (e *inputError) Error() string { return e.message }

// tenantName reads the tenant's name from what was typed: the name itself, or an address pasted from
// the browser.
func tenantName(typed string) (string, error) {
	name := strings.ToLower(strings.Trim(strings.TrimSpace(typed), `"'<>`))
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	if at := strings.IndexAny(name, `/?#\:`); at >= 0 {
		name = name[:at]
	}
	name = strings.TrimSuffix(name, ".")
	name = strings.TrimPrefix(name, "www.")
	name = strings.TrimSuffix(name, domain)
	if !tenantPattern.MatchString(name) || reserved[name] {
		return "", &inputError{credentialTenant, fmt.Sprintf(
			"%q is no tenant name: it is the part before %s in the address of your TRAFFIT, made of letters, digits, - and _", shortened(typed), domain,
		)}
	}
	return name, nil
}

// shortened keeps what somebody typed from filling a page.
func shortened(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
