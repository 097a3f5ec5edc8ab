package sandbox

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Scopes are all scopes that a client can have (seen).
func Scopes() []string {
	return strings.Fields("advert advert_publish client crm_activity crm_person dictionary employee file form message " +
		"provision recruitment source talent user webhook workflow")
}

// Credentials are what a customer's admin would hand over.
type Credentials struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Scopes       []string `json:"scopes"`
	// BaseURL is what the API's paths follow. It is empty in process, where the
	// sandbox does not know its address.
	BaseURL string `json:"base_url"`
}

// Credentials returns the tenant's only client.
func (t *Tenant) Credentials() Credentials {
	return Credentials{ClientID: t.name + "_kladka", ClientSecret: t.config.ClientSecret, Scopes: t.allowedScopes()}
}

func (t *Tenant) allowedScopes() []string {
	denied := t.settings().names("scopes.denied")
	return slices.DeleteFunc(Scopes(), func(s string) bool { return slices.Contains(denied, s) })
}

type token struct {
	expires time.Time
	scopes  []string
	used    int
}

// tokens are the live access tokens. Their number is bounded: the first to
// expire makes room.
type tokens struct {
	mu   sync.Mutex
	live map[string]token
}

const maxTokens = 10_000

func (ts *tokens) add(tk token) string {
	var raw [20]byte
	_, _ = rand.Read(raw[:]) // never fails
	id := hex.EncodeToString(raw[:])
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.live) >= maxTokens {
		first := ""
		for id, tk := range ts.live {
			if first == "" || tk.expires.Before(ts.live[first].expires) {
				first = id
			}
		}
		delete(ts.live, first)
	}
	ts.live[id] = tk
	return id
}

// find returns a live token and counts its use. With uses above 0 it dies after so many.
func (ts *tokens) find(now time.Time, id string, uses int) (token, bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	tk, ok := ts.live[id]
	switch {
	case !ok:
		return token{}, false
	case !now.Before(tk.expires), uses > 0 && tk.used >= uses:
		delete(ts.live, id)
		return token{}, false
	}
	tk.used++
	ts.live[id] = tk
	return tk, true
}

// RevokeTokens ends all live tokens before their time, as happens to real ones
// (seen), and returns their number.
func (t *Tenant) RevokeTokens() int {
	t.tokens.mu.Lock()
	defer t.tokens.mu.Unlock()
	n := len(t.tokens.live)
	clear(t.tokens.live)
	return n
}

// serveToken answers POST /oauth2/token.
func serveToken(c *call) {
	form, ok := tokenForm(c.w, c.r)
	if !ok {
		c.oauthError(http.StatusBadRequest, "invalid_request", "The request body could not be read")
		return
	}
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	want := c.t.Credentials()
	switch form["grant_type"] {
	case "client_credentials":
	case "":
		c.oauthError(http.StatusBadRequest, "invalid_request", "The grant type was not specified in the request")
		return
	default:
		c.oauthError(http.StatusBadRequest, "unsupported_grant_type", "Grant type \""+form["grant_type"]+"\" not supported")
		return
	}
	if !same(form["client_id"], want.ClientID) || !same(form["client_secret"], want.ClientSecret) || c.s.on("client", "deleted") {
		c.oauthError(http.StatusBadRequest, "invalid_client", "The client credentials are invalid")
		return
	}
	scopes := want.Scopes
	if asked := strings.Fields(form["scope"]); len(asked) > 0 {
		for _, s := range asked {
			if !slices.Contains(Scopes(), s) || !slices.Contains(scopes, s) && c.s.on("oauth.scopes", "refuse") {
				c.oauthError(http.StatusBadRequest, "invalid_scope", "An unsupported scope was requested")
				return
			}
		}
		scopes = slices.DeleteFunc(scopes, func(s string) bool { return !slices.Contains(asked, s) })
	}
	ttl, life := c.s.duration("token.ttl"), c.s.duration("token.life")
	if life == 0 {
		life = ttl
	}
	id := c.t.tokens.add(token{expires: c.t.now().Add(life), scopes: scopes})
	c.w.Header().Set("Cache-Control", "no-store")
	c.json(http.StatusOK, Row{{"access_token", id}, {"expires_in", int(ttl / time.Second)}, {"token_type", "Bearer"}, {"scope", strings.Join(scopes, " ")}})
}

// tokenForm reads the body: JSON, multipart (both seen) or a form.
func tokenForm(w http.ResponseWriter, r *http.Request) (map[string]string, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	out := map[string]string{}
	var values url.Values
	switch kind {
	case "multipart/form-data":
		if err := r.ParseMultipartForm(64 << 10); err != nil {
			return nil, false
		}
		values = r.MultipartForm.Value
	case "application/x-www-form-urlencoded":
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, false
		}
		if values, err = url.ParseQuery(string(raw)); err != nil {
			return nil, false
		}
	default:
		return out, json.NewDecoder(r.Body).Decode(&out) == nil
	}
	for name := range values {
		out[name] = values.Get(name)
	}
	return out, true
}

// authorized checks the token and its scope, and answers when they do not do.
func (c *call) authorized(scope string) bool {
	scheme, id, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	tk, ok := c.t.tokens.find(c.t.now(), strings.TrimSpace(id), c.s.number("token.uses"))
	if !ok || !strings.EqualFold(scheme, "Bearer") || c.s.on("client", "deleted") {
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="Service", error="invalid_token"`)
		c.denied(http.StatusUnauthorized, "invalid_token", "The access token provided is invalid")
		return false
	}
	if c.s.on("client", "v1") {
		c.refuseToken(number(c.s.text("client.v1")), "invalid_token", "The access token provided is invalid")
		return false
	}
	if scope != "" && (!slices.Contains(tk.scopes, scope) || c.s.lists("scopes.denied", scope)) {
		c.refuseToken(number(c.s.text("scope.missing")), "insufficient_scope", "The request requires higher privileges than provided by the access token")
		return false
	}
	return true
}

// refuseToken answers a request whose token holds and does not do.
func (c *call) refuseToken(status int, code, description string) {
	if status == http.StatusNotFound {
		c.error(status)
		return
	}
	c.denied(status, code, description)
}
