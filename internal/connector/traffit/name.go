package traffit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// domain is where tenants live.
const domain = ".traffit.com"

// tenantPattern is what a tenant may be called. Underscores occur (seen), although host names
// should not have them.
var tenantPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`)

// reserved are names below traffit.com that belong to TRAFFIT itself.
var reserved = map[string]bool{"www": true, "api": true, "knowledge": true}

// inputError means that something that was typed cannot be right. What was typed stands in the error
// for whoever typed it, and not in its explanation: it may be a secret in the wrong place.
type inputError struct{ credential, typed, message string }

func (e *inputError) Error() string {
	if e.typed == "" {
		return e.message
	}
	return fmt.Sprintf("%q is no tenant name: %s", e.typed, e.message)
}

// tenantName reads the tenant's name from what was typed: the name itself, or an address pasted from
// the browser.
func tenantName(typed string) (string, error) {
	name := strings.ToLower(strings.TrimFunc(typed, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"'<>`, r) // Cf: what is not seen
	}))
	for {
		scheme, rest, ok := strings.Cut(name, "://")
		if !ok || strings.ContainsAny(scheme, "/?#.") {
			break
		}
		name = rest // again where an address was pasted behind a prefilled https://
	}
	if at := strings.IndexAny(name, `/?#\`); at >= 0 {
		name = name[:at]
	}
	if host, port, ok := strings.Cut(name, ":"); ok && strings.Trim(port, "0123456789") == "" {
		name = host
	}
	name = strings.TrimSuffix(name, ".")
	name = strings.TrimPrefix(name, "www.")
	name = strings.TrimSuffix(name, domain)
	if !tenantPattern.MatchString(name) || reserved[name] {
		return "", &inputError{credentialTenant, shortened(typed), "it is the part before " + domain +
			" in the address of your TRAFFIT, made of letters, digits, - and _"}
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
