package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/budget"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/secret"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// tenants opens customers' accounts. Those that are open are kept, so that a sync, which is done
// in many short slices, does not fetch a new access token for each.
type tenants struct {
	config     Config
	store      *store.Store
	keys       *secret.Keyring
	trail      *trail.Recorder
	connectors map[string]connector.Connector
	transport  *http.Transport
	budgets    *budget.Budgets
	skew       atomic.Pointer[time.Duration] // the clock of the last answer minus ours

	mu     sync.Mutex
	opened map[int64]opened
}

// opened is a tenant together with what it was opened with: other credentials mean that it was
// reconnected, other details that it was probed.
type opened struct {
	sealed     string
	confirmed  map[string]string
	fileLabels map[connector.FileType]string
	scopes     string // what is read and done: see scopesOf
	tenant     connector.Tenant
}

// scopesOf tells apart what tenants are asked for, and with which permissions.
func scopesOf(conn connector.Connector, i store.Integration) string {
	names := []string{i.Restriction().Revision()}
	for _, p := range conn.Permissions(i.Scopes) {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

func newTenants(c Config, s *store.Store, keys *secret.Keyring, requests *trail.Recorder, connectors ...connector.Connector) *tenants {
	t := &tenants{
		config: c, store: s, keys: keys, trail: requests,
		connectors: map[string]connector.Connector{},
		transport: &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			// Enough for all actions at once beside a sync; more would only be a burden on the other side.
			MaxConnsPerHost: action.InFlight + 16, MaxIdleConnsPerHost: 8, MaxIdleConns: 200,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
			ForceAttemptHTTP2: true,
		},
		budgets: budget.New(c.TraffitRPS, s.ReserveBudget),
		opened:  map[int64]opened{},
	}
	for _, conn := range connectors {
		t.connectors[conn.Tool().Slug] = conn
	}
	return t
}

func (t *tenants) close() error {
	t.transport.CloseIdleConnections()
	return nil
}

// open is mirror.Open.
func (t *tenants) open(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error) {
	conn, ok := t.connectors[i.Tool]
	if !ok {
		return nil, nil, fmt.Errorf("integration %s: there is no connector for %q", i.ID, i.Tool)
	}
	sealed, err := t.store.Credentials(ctx, i.No)
	if err != nil {
		return nil, nil, fmt.Errorf("read the credentials of %s: %w", i.ID, err)
	}
	t.mu.Lock()
	known, ok := t.opened[i.No]
	t.mu.Unlock()
	if ok && known.sealed == sealed && maps.Equal(known.confirmed, i.Settings.Confirmed) && maps.Equal(known.fileLabels, i.Settings.FileLabels) && known.scopes == scopesOf(conn, i) {
		return conn, known.tenant, nil
	}
	credentials, err := openCredentials(t.keys, i.ID, sealed)
	if err != nil {
		return nil, nil, err
	}
	tenant, err := t.connect(conn, credentials, i)
	if err != nil {
		return nil, nil, fmt.Errorf("connect %s: %w", i.ID, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened[i.No] = opened{sealed, i.Settings.Confirmed, i.Settings.FileLabels, scopesOf(conn, i), tenant}
	return conn, tenant, nil
}

// connect prepares access to an account whose requests share one budget. The integration need not be
// stored yet.
func (t *tenants) connect(conn connector.Connector, credentials map[string]string, i store.Integration) (connector.Tenant, error) {
	slug := conn.Tool().Slug
	recorded := t.trail.Transport(wire{t}, trail.Integration{No: i.No, ID: i.ID, Mentions: conn.Mentions, Unkept: !i.Restriction().None()})
	return conn.Connect(connector.Config{
		Credentials: credentials,
		Transport:   t.budgets.Transport(recorded, slug+":"+accountOf(credentials[connector.AccountCredential])),
		Now:         t.config.Now,
		Log:         t.config.Log.With("tool", slug),
		Confirmed:   i.Settings.Confirmed,
		FileLabels:  i.Settings.FileLabels,
		Scopes:      i.Scopes,
	})
}

// accountOf gives one name to all ways of writing an account, so that they share a budget.
func accountOf(typed string) string {
	name := strings.ToLower(strings.TrimSpace(typed))
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "www."), "/")
	name, _, _ = strings.Cut(name, ".")
	return name
}

// wire sends requests: it asks whether they still are to be sent, says who asks, and notes how the
// other side's clock differs.
type wire struct{ *tenants }

// RoundTrip sends a request with a User-Agent.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", "kladka/"+w.config.Version)
	}
	if err := outbound.StillWanted(req.Context()); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // nothing of it was read
		}
		return nil, err
	}
	sent := time.Now()
	resp, err := w.transport.RoundTrip(req)
	noteTraffic(req.Context(), time.Since(sent), resp)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		w.skew.Store(new(date.Sub(w.config.Now())))
	}
	return resp, nil
}
