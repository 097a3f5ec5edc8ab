package outbound

import (
	"net/http"
	"net/url"
	"strings"
)

// hidden stands in logs in place of what they may not hold.
const hidden = "REDACTED"

// secretWords mark names whose values no log may hold.
var secretWords = []string{
	"secret", "token", "password", "passwd", "signature", "credential", "authorization", "cookie",
	"apikey", "api_key", "api-key",
}

// secretNames are names that hide something although they contain none of the words.
var secretNames = map[string]bool{"key": true, "sig": true, "code": true, "pwd": true, "auth": true, "hmac": true}

func secretLike(name string) bool {
	return SecretField(name) || secretNames[strings.ToLower(name)]
}

// SecretField reports whether the value under a name in a body is one that no log may hold. Some
// names that hide something in an address, such as code and key, are ordinary there.
func SecretField(name string) bool {
	name = strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// RedactURL gives an address for logs: without user information and fragment, and with the
// values of secret-like query parameters replaced. The order of parameters is kept.
func RedactURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(unreadable address)"
	}
	if u.User != nil {
		u.User = url.User(hidden)
	}
	u.Fragment, u.RawFragment = "", ""
	if u.RawQuery != "" {
		u.RawQuery = RedactPairs(u.RawQuery, func(name, _ string) bool { return secretLike(name) })
	}
	return u.String()
}

// RedactPairs replaces values of a query or a form: those that hide wants hidden by their name and by
// the value as it is written, and those whose names cannot be read.
func RedactPairs(text string, hide func(name, value string) bool) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || hide(plain, value) {
			pairs[i] = name + "=" + hidden
		}
	}
	return strings.Join(pairs, "&")
}

// RedactHeader copies a header for logs, with the values of secret-like names replaced.
func RedactHeader(h http.Header) http.Header {
	out := h.Clone()
	for name := range out {
		if secretLike(name) {
			out[name] = []string{hidden}
		}
	}
	return out
}
