package e2e

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/store"
)

// config is what a server is started with. It goes to processes as JSON.
type config struct {
	DataDir, DatabaseURL, MasterKey string
	TraffitURL                      string
	Role                            app.Role
	RPS                             float64 // 0 is no limit
	// Ahead is how far the server's clock is ahead: to a process that starts after a crash, the
	// crash was so long ago.
	Ahead time.Duration
	// KillAt names a point of a sync or an action at which the process ends itself at the KillHit-th time.
	KillAt  string
	KillHit int
	// Patience is how long actions wait for what.
	Patience action.Timing

	clock *clock
	point func(string) // is called at the named points of the work
}

func onSQLite(t *testing.T) config {
	dir := t.TempDir()
	return config{DataDir: dir, DatabaseURL: "sqlite:" + filepath.Join(dir, "kladka.db"), Role: app.RoleAll, clock: &clock{}}
}

func onPostgres(t *testing.T) config {
	return config{
		DataDir: t.TempDir(), DatabaseURL: pgtest.URL(t), Role: app.RoleAll, clock: &clock{},
		MasterKey: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}
}

// app gives the application's own configuration.
func (c config) app(log io.Writer) app.Config {
	a := app.Config{
		DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, MasterKey: c.MasterKey, TraffitURL: c.TraffitURL, TraffitRPS: c.RPS,
		RequestLogDays: app.DefaultRequestLogDays, Patience: c.Patience, AllowPrivateNetworks: true, // files are fetched from loopback addresses
		Point: c.point,
		Log:   slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	switch {
	case c.clock != nil:
		a.Now = c.clock.now
	case c.Ahead > 0:
		a.Now = func() time.Time { return time.Now().Add(c.Ahead) }
	}
	return a
}

// clock is the wall clock, which a test may put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// testLog writes to the test's log.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("server: %s", p)
	return len(p), nil
}

// start runs a server in this process until the test ends.
func start(t *testing.T, c config) *server {
	t.Helper()
	a, err := app.Open(t.Context(), c.app(testLog{t}))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, c.Role, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the server ended: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	s := &server{T: t, config: c, base: "http://" + l.Addr().String(), app: a}
	s.key = newKey(t, a)
	return s
}

func newKey(t *testing.T, a *app.App) string {
	t.Helper()
	_, plain, err := a.Store.CreateKey(t.Context(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// connect connects a tenant of the sandbox and queues its first sync, whose ID it gives too.
func connect(t *testing.T, a *app.App, tenant string) (integration, run string) {
	t.Helper()
	return connectUnder(t, a, tenant, func() {})
}

// connectUnder is connect with a first sync that begins under other circumstances than the connecting.
func connectUnder(t *testing.T, a *app.App, tenant string, change func()) (integration, run string) {
	t.Helper()
	i, _, err := a.AddIntegration(t.Context(), app.NewIntegration{
		Tool: "traffit", OrganizationName: "E2E", AcceptMissingScopes: true, NoSync: true,
		Credentials: map[string]string{"tenant": tenant, "client_id": tenant + "_kladka", "client_secret": "sandbox-secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	change()
	r, _, err := a.StartSync(t.Context(), i, store.FullSync, "connect")
	if err != nil {
		t.Fatal(err)
	}
	return i.ID, r.ID
}
