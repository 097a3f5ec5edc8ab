package traffit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/sandbox"
)

// checked connects with credentials to a simulated TRAFFIT and checks that; what is wrong is explained.
func checked(t *testing.T, ctx context.Context, o Options, credentials map[string]string, transport http.RoundTripper) (connector.Problem, error) {
	t.Helper()
	c := New(o)
	all := map[string]string{credentialTenant: "demo", credentialID: "demo_kladka", credentialSecret: "sandbox-secret"}
	for k, v := range credentials {
		all[k] = v
	}
	opened, err := c.Connect(connector.Config{Credentials: all, Transport: transport})
	if err == nil {
		tn := opened.(*tenant)
		tn.http.Sleep = func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }
		tn.brief.Sleep = tn.http.Sleep
		_, err = tn.Check(ctx, nil)
	}
	if err == nil {
		return connector.Problem{}, nil
	}
	return c.Explain(fmt.Errorf("check it: %w", err)), err
}

// What can go wrong when somebody connects has a code and a place of its own.
func TestExplain(t *testing.T) {
	const every = "employee,recruitment,workflow,user,source,dictionary"
	for name, tc := range map[string]struct {
		credentials map[string]string
		switches    map[string]string
		want        connector.ProblemCode
		credential  string
		says        string
	}{
		"nothing": {},
		"no name": {credentials: map[string]string{"tenant": "acme gmbh"}, want: connector.ProblemInput, credential: "tenant", says: "before .traffit.com"},
		"no ID":   {credentials: map[string]string{"client_id": " "}, want: connector.ProblemInput, credential: "client_id"},
		"no secret": {
			credentials: map[string]string{"client_secret": ""}, want: connector.ProblemInput, credential: "client_secret",
		},
		"wrong secret": {
			credentials: map[string]string{"client_secret": "wrong"}, want: connector.ProblemCredentials, says: "the client ID or the client secret",
		},
		"wrong ID": {
			credentials: map[string]string{"client_id": "demo_other"}, want: connector.ProblemCredentials, says: "the client ID or the client secret",
		},
		"ID without its instance": {
			credentials: map[string]string{"client_id": "kladka"}, want: connector.ProblemCredentials, credential: "client_id", says: "demo_NAME",
		},
		"name written otherwise": {
			credentials: map[string]string{"tenant": "de-mo", "client_id": "demo_kladka"}, want: connector.ProblemCredentials, says: "the client ID or the client secret",
		},
		"ID of another instance": {
			credentials: map[string]string{"client_id": "acme_kladka"}, want: connector.ProblemCredentials, credential: "client_id", says: "another instance",
		},
		"refusal without a name":    {credentials: map[string]string{"client_secret": "x"}, switches: map[string]string{"oauth.error": "message"}, want: connector.ProblemCredentials},
		"refusal as a page":         {credentials: map[string]string{"client_secret": "x"}, switches: map[string]string{"oauth.error": "html"}, want: connector.ProblemCredentials},
		"client of API V1":          {switches: map[string]string{"client": "v1"}, want: connector.ProblemVersion, credential: "client_id"},
		"client of API V1, 401":     {switches: map[string]string{"client": "v1", "client.v1": "401"}, want: connector.ProblemVersion, credential: "client_id"},
		"client of API V1, a page":  {switches: map[string]string{"client": "v1", "error.shape": "html"}, want: connector.ProblemVersion, credential: "client_id"},
		"client of API V1, 404":     {switches: map[string]string{"client": "v1", "client.v1": "404"}, want: connector.ProblemVersion, credential: "client_id"},
		"deleted client":            {switches: map[string]string{"client": "deleted"}, want: connector.ProblemCredentials},
		"no scope, none is given":   {switches: map[string]string{"scopes.denied": every, "oauth.scopes": "refuse"}, want: connector.ProblemPermissions},
		"unknown name":              {credentials: map[string]string{"tenant": "unknown"}, want: connector.ProblemTenant, credential: "tenant"},
		"unknown name, 200":         {switches: map[string]string{"down": "200html"}, want: connector.ProblemTenant, credential: "tenant"},
		"it ends connections":       {switches: map[string]string{"down": "close"}, want: connector.ProblemUnreachable},
		"it fails":                  {switches: map[string]string{"fail.500": "1"}, want: connector.ProblemDown},
		"too many requests":         {switches: map[string]string{"fail.429": "1", "burst": "1000"}, want: connector.ProblemDown},
		"too many, for a long time": {switches: map[string]string{"fail.429": "1", "burst": "1000", "retry.seconds": "3600"}, want: connector.ProblemDown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, err := sandbox.New(sandbox.Config{Candidates: 3, Recruitments: 2, Switches: tc.switches})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(box)
			t.Cleanup(server.Close)
			got, err := checked(t, t.Context(), Options{URL: server.URL + "/t/{tenant}"}, tc.credentials, http.DefaultTransport)
			if got.Code != tc.want || got.Credential != tc.credential || !strings.Contains(got.Message, tc.says) {
				t.Errorf("%v is explained as %+v", err, got)
			}
			if strings.Contains(got.Message, "sandbox-secret") || strings.Contains(got.Message, "wrong") && tc.credentials["client_secret"] == "wrong" && !strings.Contains(got.Message, "is wrong") {
				t.Errorf("the secret is in %q", got.Message)
			}
		})
	}
}

// fails is a transport that gives an error, as net/http does.
type fails struct{ err error }

func (f fails) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// The way to TRAFFIT can fail in many ways.
func TestExplainTheNetwork(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, end := context.WithTimeoutCause(t.Context(), time.Nanosecond, errors.New("it gave no answer within a moment"))
	defer end()
	<-late.Done()
	strange := httptest.NewUnstartedServer(http.NotFoundHandler()) // whose certificate nobody knows
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	t.Cleanup(strange.Close)
	for name, tc := range map[string]struct {
		ctx  context.Context
		url  string
		err  error
		want connector.ProblemCode
	}{
		"no such name":          {err: &net.DNSError{Err: "no such host", Name: "x.traffit.com", IsNotFound: true}, want: connector.ProblemTenant},
		"no names at all":       {err: &net.DNSError{Err: "server misbehaving", Name: "x.traffit.com", IsTemporary: true}, want: connector.ProblemUnreachable},
		"refused":               {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, want: connector.ProblemUnreachable},
		"a certificate":         {err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}, want: connector.ProblemUnreachable},
		"another's certificate": {url: strange.URL, want: connector.ProblemUnreachable},
		"a private address":     {err: &outbound.AddressError{Reason: "it is loopback"}, want: connector.ProblemUnreachable},
		"too slow":              {err: &outbound.TimeoutError{After: time.Minute}, want: connector.ProblemDown},
		"the budget":            {err: &connector.RetryError{After: time.Minute, Err: errors.New("the budget is used up")}, want: connector.ProblemDown},
		"given up":              {ctx: canceled, want: connector.ProblemInterrupted},
		"time is over":          {ctx: late, want: connector.ProblemDown},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, o, transport := tc.ctx, Options{}, http.RoundTripper(fails{&url.Error{Op: "Post", URL: "x", Err: tc.err}})
			if ctx == nil {
				ctx = t.Context()
			}
			if tc.url != "" {
				o, transport = Options{URL: tc.url}, http.DefaultTransport
			}
			got, err := checked(t, ctx, o, nil, transport)
			if got.Code != tc.want {
				t.Errorf("%v is explained as %+v", err, got)
			}
		})
	}
	if got := New(Options{}).Explain(errors.New("who knows")); got.Code != connector.ProblemOther || got.Message != "who knows" {
		t.Errorf("%+v", got)
	}
	if got := New(Options{}).Explain(nil); got.Code != connector.ProblemOther {
		t.Errorf("%+v", got)
	}
}

// Whatever stands in the field for the tenant: it is understood, or the field is named and what was
// typed is not repeated where it is explained, since it may be a secret.
func TestPastedNames(t *testing.T) {
	for typed, want := range map[string]string{
		"acme.traffit.com.": "acme", "ACME.TRAFFIT.COM": "acme", "\thttps://acme.traffit.com/path?x=1#top \n": "acme", "acme.traffit.com:443": "acme",
		"acme.traffit.com?x": "acme", "https://www.acme.traffit.com": "acme", "\u200bacme\ufeff": "acme", `"acme"`: "acme", "<https://acme.traffit.com/>": "acme",
		`acme.traffit.com\login`: "acme", "a": "a", "1st": "1st",
		"аcme": "", "acme。traffit.com": "", "ａcme": "", "anna@acme.traffit.com": "", "mailto:anna@acme.pl": "", "https://": "", "www.traffit.com": "",
		"traffit.com": "", ".traffit.com": "", "acme.traffit.com.evil.example": "", "acme.traffit.pl": "", "acme_": "", "a\x00b": "", "acme traffit": "",
		"https://https://acme.traffit.com": "acme", "xn--80ak6aa92e": "xn--80ak6aa92e",
	} {
		got, err := tenantName(typed)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", typed, got, err, want)
		}
		if err != nil {
			if p := New(Options{}).Explain(err); p.Code != connector.ProblemInput || p.Credential != credentialTenant {
				t.Errorf("%q is explained as %+v", typed, p)
			}
		}
	}
	_, err := tenantName("S3cr3t!S3cr3t")
	if p := New(Options{}).Explain(err); strings.Contains(p.Message, "S3cr3t") || !strings.Contains(p.Message, "before .traffit.com") {
		t.Errorf("what was typed is explained as %q", p.Message)
	}
}

func FuzzTenantNames(f *testing.F) {
	for _, typed := range []string{"acme", "https://www.acme.traffit.com/x?y", "acme.traffit.com.", "аcme", "a@b.traffit.com", "<acme>"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name, err := tenantName(typed)
		if err != nil {
			if name != "" || New(Options{}).Explain(err).Code != connector.ProblemInput {
				t.Errorf("%q: %q, %v", typed, name, err)
			}
			return
		}
		u, parsed := url.Parse(strings.Replace(DefaultURL, "{tenant}", name, 1))
		if parsed != nil || !tenantPattern.MatchString(name) || u.Hostname() != name+domain || u.Path != "" || u.User != nil {
			t.Errorf("%q is read as %q", typed, name)
		}
		if again, err := tenantName("https://" + name + domain + "/x"); err != nil || again != name {
			t.Errorf("%q is read as %q, and that as %q, %v", typed, name, again, err)
		}
	})
}
