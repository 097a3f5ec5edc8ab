package connect_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/connector/traffit"
	"github.com/kladka/kladka/internal/sandbox"
	"github.com/kladka/kladka/internal/secret"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
	"github.com/kladka/kladka/internal/trail"
)

// planted is the secret that must be found nowhere.
const planted = "Sekret-Plantowany-4711"

// rig is a service with a simulated TRAFFIT, and what a customer and an integrator do with it.
type rig struct {
	testing.TB
	db      storetest.DB
	store   *store.Store
	service *connect.Service
	box     *sandbox.Sandbox
	logs    *safeBuffer
	config  connect.Config
	queued  *sync.Map // runs
	vendor  string    // TRAFFIT's address
	spoiled atomic.Pointer[instead]
}

// instead may answer in TRAFFIT's place.
type instead func(http.ResponseWriter, *http.Request) (answered bool)

// before lets something answer in TRAFFIT's place; nil: nothing.
func (r *rig) before(do instead) { r.spoiled.Store(&do) }

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// each runs a test on both databases.
func each(t *testing.T, change func(*connect.Config), test func(*rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db storetest.DB) { test(newRig(t, db, change)) })
}

// onSQLite runs a test for which the database does not matter.
func onSQLite(t *testing.T, change func(*connect.Config), test func(*rig)) {
	t.Helper()
	test(newRig(t, storetest.SQLite(t), change))
}

func newRig(t testing.TB, db storetest.DB, change func(*connect.Config)) *rig {
	t.Helper()
	r := &rig{TB: t, db: db, store: db.Open(t), logs: &safeBuffer{}, queued: &sync.Map{}}
	var err error
	if r.box, err = sandbox.New(sandbox.Config{ClientSecret: planted, Candidates: 20, Recruitments: 5, Users: 4, Adverts: 2}); err != nil {
		t.Fatal(err)
	}
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if do := r.spoiled.Load(); do == nil || *do == nil || !(*do)(w, req) {
			r.box.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(func() {
		vendor.CloseClientConnections() // some wait for ever
		vendor.Close()
	})
	r.vendor = vendor.URL
	log := slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	recorder := trail.New(trail.Config{Store: r.store, Now: db.Clock.Now, Log: log})
	t.Cleanup(func() { _ = recorder.Close() })
	r.config = serviceConfig(t.Context(), r.store, vendor.URL, recorder, log)
	r.config.Enqueue = func(_ context.Context, _ *sql.Tx, run string, _ time.Duration) error {
		r.queued.Store(run, true)
		return nil
	}
	if change != nil {
		change(&r.config)
	}
	r.service = connect.New(r.config)
	t.Cleanup(func() { _ = r.service.Close() })
	return r
}

// serviceConfig is what a service on a store and a TRAFFIT needs.
func serviceConfig(ctx context.Context, s *store.Store, vendor string, recorder *trail.Recorder, log *slog.Logger) connect.Config {
	keys, err := secret.Load(secret.Options{Value: base64.StdEncoding.EncodeToString(make([]byte, secret.KeySize))})
	if err != nil {
		panic(err)
	}
	links, err := keys.Derive(ctx, s, "links")
	if err != nil {
		panic(err)
	}
	activation, err := keys.Derive(ctx, s, "activation")
	if err != nil {
		panic(err)
	}
	conn := traffit.New(traffit.Options{URL: vendor + "/t/{tenant}"})
	open := func(c connector.Connector, credentials map[string]string, i store.Integration) (connector.Tenant, error) {
		transport := recorder.Transport(http.DefaultTransport, trail.Integration{No: i.No, ID: i.ID, Mentions: c.Mentions})
		return c.Connect(connector.Config{Credentials: credentials, Scopes: i.Scopes, Log: log, Transport: transport})
	}
	place := func(id string) string { return "integrations|credentials|" + id }
	return connect.Config{
		Store: s, Keys: keys, LinkKeys: links, ActivationKeys: activation,
		Connectors: map[string]connector.Connector{traffit.Slug: conn}, Connect: open,
		Open: func(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error) {
			sealed, err := s.Credentials(ctx, i.No)
			if err != nil {
				return nil, nil, err
			}
			plain, err := keys.Open(sealed, place(i.ID))
			if err != nil {
				return nil, nil, err
			}
			var credentials map[string]string
			if err := json.Unmarshal(plain, &credentials); err != nil {
				return nil, nil, err
			}
			tenant, err := open(conn, credentials, i)
			return conn, tenant, err
		},
		Seal: func(id string, credentials map[string]string) (string, error) {
			plain, err := json.Marshal(credentials)
			return keys.Seal(plain, place(id)), err
		},
		PublicURL: func() string { return "https://kladka.example.com/" },
		Within:    time.Minute, Trail: recorder, Log: log,
		Enqueue: func(context.Context, *sql.Tx, string, time.Duration) error { return nil },
	}
}

// db2 is another database of the same kind.
func (r *rig) db2() storetest.DB {
	t, ok := r.TB.(*testing.T)
	if ok && !r.store.Embedded() {
		return storetest.Postgres(t)
	}
	return storetest.SQLite(r.TB)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// acme is what most links say.
func acme() connect.LinkSettings {
	return connect.LinkSettings{Email: "anna@example.com", Organization: "Zakłady Acme", OriginID: new("42")}
}

// link makes a link and gives the token in its address.
func (r *rig) link(kind connect.Kind, typ connect.LinkType, i *store.Integration, s connect.LinkSettings) (connect.Link, string) {
	r.Helper()
	l, address, err := r.service.Create(r.Context(), kind, typ, i, s)
	r.must(err)
	u, err := url.Parse(address)
	r.must(err)
	if u.Host != "kladka.example.com" || u.Path != "/connect" {
		r.Fatalf("the address is %s", address)
	}
	return l, u.Query().Get("token")
}

func (r *rig) visit(token string) connect.Visit {
	r.Helper()
	v, err := r.service.Visit(r.Context(), token)
	r.must(err)
	return v
}

// good are credentials that the simulator takes.
func good(tenant string) map[string]string {
	return map[string]string{"tenant": tenant, "client_id": tenant + "_kladka", "client_secret": planted}
}

// submit enters credentials and waits for the end of their check.
func (r *rig) submit(v connect.Visit, credentials map[string]string) connect.Attempt {
	r.Helper()
	a, err := r.service.Submit(r.Context(), v, traffit.Slug, credentials)
	r.must(err)
	return r.settled(v, a)
}

// settled waits for the end of a check.
func (r *rig) settled(v connect.Visit, a connect.Attempt) connect.Attempt {
	r.Helper()
	for end := time.Now().Add(30 * time.Second); a.State == connect.Checking; {
		if time.Now().After(end) {
			r.Fatalf("the check goes on and on: %+v", a)
		}
		time.Sleep(5 * time.Millisecond)
		var err error
		a, err = r.service.Attempt(r.Context(), v, a.ID)
		r.must(err)
	}
	return a
}

func (r *rig) finish(v connect.Visit, attempt string, c connect.Choices) connect.Outcome {
	r.Helper()
	out, err := r.service.Finish(r.Context(), v, attempt, c)
	r.must(err)
	return out
}

// connected takes a customer through a link to its end.
func (r *rig) connected(tenant string, s connect.LinkSettings) connect.Outcome {
	r.Helper()
	_, token := r.link(connect.Connect, connect.Embedded, nil, s)
	v := r.visit(token)
	a := r.submit(v, good(tenant))
	if a.State != connect.Ready {
		r.Fatalf("%+v", a)
	}
	return r.finish(v, a.ID, connect.Choices{})
}

// integrations lists all integrations.
func (r *rig) integrations() []store.Integration {
	r.Helper()
	all, err := r.store.Integrations(r.Context(), 0, 1000)
	r.must(err)
	return all
}

// events gives the payloads of a type.
func (r *rig) events(typ store.EventType) []map[string]any {
	r.Helper()
	all, err := r.store.Events(r.Context(), 0, 1000)
	r.must(err)
	var out []map[string]any
	for _, e := range all {
		if e.Type == typ {
			var data map[string]any
			r.must(json.Unmarshal(e.Data, &data))
			out = append(out, data)
		}
	}
	return out
}

// count counts the rows of a query.
func (r *rig) count(query string) (n int) {
	r.Helper()
	r.must(r.store.Transact(r.Context(), func(tx *sql.Tx) error { return tx.QueryRow(query).Scan(&n) }))
	return n
}

// found lists the tables in which a text stands.
func (r *rig) found(text string) (in []string) {
	r.Helper()
	r.config.Trail.Flush(r.Context())
	list := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if !r.store.Embedded() {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	tables := r.rows(list)
	if !slices.ContainsFunc(tables, func(line string) bool { return strings.Contains(line, "attempts") }) {
		r.Fatal("the search sees no tables")
	}
	for _, table := range tables {
		for _, line := range r.rows(`SELECT * FROM "` + strings.Trim(table, "|") + `"`) {
			if strings.Contains(line, text) {
				in = append(in, strings.Trim(table, "|"))
				break
			}
		}
	}
	if strings.Contains(r.logs.String(), text) {
		in = append(in, "the log")
	}
	return in
}

func (r *rig) rows(query string) (out []string) {
	r.Helper()
	r.must(r.store.Transact(r.Context(), func(tx *sql.Tx) error {
		rows, err := tx.Query(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for n := range values {
				into[n] = &values[n]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			line := "|"
			for _, v := range values {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				line += fmt.Sprint(v) + "|"
			}
			out = append(out, line)
		}
		return rows.Err()
	}))
	return out
}

// wantCode checks that an error is one of the API's that says something.
func wantCode(t testing.TB, err error, says string) {
	t.Helper()
	if e, ok := errors.AsType[*ats.Error](err); !ok || e.Code != ats.InputInvalid || !strings.Contains(e.Message, says) {
		t.Errorf("got %v, want PLATFORM.INPUT_INVALID with %q", err, says)
	}
}
