package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Config says how large and how lively a [Sandbox] is. The zero value is a
// pleasant demo.
type Config struct {
	// Tenant is served at the root; default "demo". A client's ID is the
	// tenant's name and "_kladka".
	Tenant string
	// Seed of the generated data; default 1. Every tenant's data depends on its name too.
	Seed uint64
	// Sizes, for each tenant: 0 means the default, which is 300 candidates, 60
	// recruitments, 12 users, 25 adverts and 2 workflows. About 1.3
	// applications per candidate, 3 history rows per application, 5 activities
	// and 1.7 sources per candidate follow.
	Candidates, Recruitments, Users, Adverts, Workflows int
	// ClientSecret of all tenants; default "sandbox-secret".
	ClientSecret string
	// Latency added to each API answer; default none. It is the switch "latency".
	Latency time.Duration
	// Now is the clock of the data and of tokens; default time.Now. Generated
	// data ends at the start of the day on which a tenant is made.
	Now func() time.Time
	// PublicURL begins the links to adverts; default "https://<tenant>.traffit.example".
	// With a value, further tenants get /t/<tenant> appended.
	PublicURL string
	// OnRequest is called before an API request (none below /_sandbox/) is
	// served, outside of all locks; default none.
	OnRequest func(*http.Request)
	// Switches at start, for each tenant; see [Tenant.Switches].
	Switches map[string]string
}

// maxTenants bounds the further tenants, which are made when first asked for.
const maxTenants = 64

// unknownTenant begins the names of tenants that there are not.
const unknownTenant = "unknown"

var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// Sandbox is the simulator: an HTTP handler that serves its main tenant at the
// root and further ones below /t/{tenant}/. The embedded Tenant is the main one.
// All methods are safe for concurrent use.
type Sandbox struct {
	*Tenant
	config Config

	mu      sync.Mutex
	tenants map[string]func() *Tenant
}

// New makes a simulator. It fails on bad values and unknown switches.
func New(c Config) (*Sandbox, error) {
	for _, size := range []struct {
		name            string
		value           *int
		standard, limit int
	}{
		{"Candidates", &c.Candidates, 300, 10_000_000},
		{"Recruitments", &c.Recruitments, 60, 1_000_000},
		{"Users", &c.Users, 12, 100_000},
		{"Adverts", &c.Adverts, 25, 100_000},
		{"Workflows", &c.Workflows, 2, 100},
	} {
		if *size.value == 0 {
			*size.value = size.standard
		}
		if *size.value < 1 || *size.value > size.limit {
			return nil, fmt.Errorf("%w: %s is %d, want 1 to %d", ErrInvalid, size.name, *size.value, size.limit)
		}
	}
	if c.Tenant == "" {
		c.Tenant = "demo"
	}
	if !tenantName.MatchString(c.Tenant) {
		return nil, fmt.Errorf("%w: tenant name %q", ErrInvalid, c.Tenant)
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.ClientSecret == "" {
		c.ClientSecret = "sandbox-secret"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Latency < 0 {
		return nil, fmt.Errorf("%w: Latency is negative", ErrInvalid)
	}
	if c.Now().Before(time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return nil, fmt.Errorf("%w: the clock is before 2021, and the data begins in 2019", ErrInvalid)
	}
	initial, err := defaultSettings().with(map[string]string{"latency": c.Latency.String()})
	if err != nil {
		return nil, err
	}
	if initial, err = initial.with(c.Switches); err != nil {
		return nil, err
	}
	s := &Sandbox{config: c, tenants: map[string]func() *Tenant{}}
	s.Tenant = newTenant(c, initial, c.Tenant, c.PublicURL)
	s.tenants[c.Tenant] = func() *Tenant { return s.Tenant }
	return s, nil
}

// Open returns a tenant and makes it if need be. At most 64 further ones are made.
func (s *Sandbox) Open(name string) (*Tenant, error) {
	if !tenantName.MatchString(name) {
		return nil, fmt.Errorf("%w: tenant name %q", ErrInvalid, name)
	}
	s.mu.Lock()
	open, ok := s.tenants[name]
	if !ok {
		if len(s.tenants) > maxTenants {
			s.mu.Unlock()
			return nil, fmt.Errorf("%w: there are %d tenants already", ErrConflict, len(s.tenants))
		}
		open = sync.OnceValue(func() *Tenant {
			public := s.config.PublicURL
			if public != "" {
				public += "/t/" + name
			}
			// The switches were checked by New.
			initial, _ := defaultSettings().with(map[string]string{"latency": s.config.Latency.String()})
			initial, _ = initial.with(s.config.Switches)
			return newTenant(s.config, initial, name, public)
		})
		s.tenants[name] = open
	}
	s.mu.Unlock()
	return open(), nil
}

// ServeHTTP serves the vendor's API and the endpoints below /_sandbox/. Names of further tenants that
// begin with "unknown" are answered as any name is that is nobody's.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/t/")
	if !ok {
		s.Tenant.serve(w, r, "", r.URL.Path)
		return
	}
	name, path, _ := strings.Cut(rest, "/")
	if strings.HasPrefix(strings.ToLower(name), unknownTenant) {
		notATenant(w)
		return
	}
	t, err := s.Open(name)
	if err != nil {
		notATenant(w)
		return
	}
	t.serve(w, r, "/t/"+name, "/"+path)
}
