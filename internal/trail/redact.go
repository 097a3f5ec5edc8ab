package trail

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/kladka/kladka/internal/outbound"
)

// hidden stands in place of what the log may not hold.
const hidden = "REDACTED"

var (
	// credentials are what gives access wherever it stands: an Authorization header that was copied
	// into a text, or a key of ours.
	credentials = regexp.MustCompile(`(?i)\b(bearer|basic)(\s+|%20)[\w.~+/-]{16,}=*|\b(kladka)_[\w-]{20,}`)
	// signed are the secret parameters of addresses in a text.
	signed = regexp.MustCompile(`(?i)([?&][\w.%-]*(?:secret|token|password|signature|credential|sig|api[_-]?key)[\w.%-]*=)[^&\s"'<>\\]+`)
)

// mask hides secrets in a text of any form. The patterns are slow, so it looks first whether they can
// match at all.
func mask(text string) string {
	lower := strings.ToLower(text)
	if strings.Contains(lower, "bearer") || strings.Contains(lower, "basic") || strings.Contains(lower, "kladka_") {
		text = credentials.ReplaceAllString(text, "$1$3 "+hidden)
	}
	if strings.ContainsAny(text, "?&") && strings.Contains(text, "=") {
		text = signed.ReplaceAllString(text, "${1}"+hidden)
	}
	return text
}

// plainValue are the values of parameters that cannot be about anybody: small numbers and switches.
var plainValue = regexp.MustCompile(`^(\d{1,6}|true|false)?$`)

// address gives an address as the log holds it: of its query the names, and such values as cannot be
// personal; no e-mail address in its path, and nothing for which the route, where there is one, has a
// secret name.
func address(u *url.URL, route string) string {
	u, err := url.Parse(outbound.RedactURL(u.String()))
	if err != nil {
		return "(unreadable address)"
	}
	query := ""
	if u.RawQuery != "" {
		query = "?" + outbound.RedactPairs(u.RawQuery, func(_, value string) bool { return !plainValue.MatchString(value) })
	}
	_, pattern, _ := strings.Cut(route, " ")
	names := strings.Split(pattern, "/")
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		secret := i < len(names) && strings.HasPrefix(names[i], "{") && outbound.SecretField(names[i])
		if secret || strings.Contains(s, "@") || strings.Contains(strings.ToLower(s), "%40") {
			segments[i] = hidden
		}
	}
	whole := strings.Join(segments, "/") + query
	if u.Host != "" {
		whole = u.Scheme + "://" + u.Host + whole
	}
	return short(whole, maxAddress)
}

var (
	// pathID are segments of a path that hold a number, and are no version of an API.
	pathID    = regexp.MustCompile(`/[^/?]*\d[^/?]*`)
	isVersion = regexp.MustCompile(`^/v\d{1,2}$`)
)

// withoutIDs hides in the path of an address what may be somebody's ID.
func withoutIDs(address string) string {
	at := 0
	if _, rest, ok := strings.Cut(address, "://"); ok { // the host may hold numbers
		at = len(address) - len(rest)
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			at += slash
		} else {
			return address
		}
	}
	path, query, asks := strings.Cut(address[at:], "?")
	path = pathID.ReplaceAllStringFunc(path, func(segment string) string {
		if isVersion.MatchString(segment) {
			return segment
		}
		return "/" + hidden
	})
	if asks {
		path += "?" + query
	}
	return address[:at] + path
}

// The bounds of the other texts of a row.
const (
	maxAddress = 2000
	maxError   = 500
	maxMethod  = 20
)

// short bounds a text and makes it one that both databases hold.
func short(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
