package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func TestDefaults(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: folders differ")
	}
	for name, c := range map[string]struct {
		env      map[string]string
		config   Config
		dir, url string
	}{
		"user's folder":        {env: map[string]string{"HOME": "/home/me"}, dir: "/home/me/.local/share/kladka", url: "sqlite:/home/me/.local/share/kladka/kladka.db"},
		"user's data folder":   {env: map[string]string{"HOME": "/home/me", "XDG_DATA_HOME": "/data"}, dir: "/data/kladka", url: "sqlite:/data/kladka/kladka.db"},
		"given folder":         {config: Config{DataDir: "/var/lib/kladka"}, dir: "/var/lib/kladka", url: "sqlite:/var/lib/kladka/kladka.db"},
		"PostgreSQL, no home":  {config: Config{DatabaseURL: "postgres://db/x"}, url: "postgres://db/x"},
		"relative XDG is none": {env: map[string]string{"HOME": "/h", "XDG_DATA_HOME": "data"}, dir: "/h/.local/share/kladka", url: "sqlite:/h/.local/share/kladka/kladka.db"},
	} {
		c.config.Env = environment(c.env)
		got, err := c.config.WithDefaults()
		if err != nil || got.DataDir != c.dir || got.DatabaseURL != c.url {
			t.Errorf("%s: %q, %q, %v", name, got.DataDir, got.DatabaseURL, err)
		}
	}
	_, err := Config{Env: environment(nil)}.WithDefaults()
	if bad, ok := errors.AsType[*ConfigError](err); !ok || bad.Setting != "KLADKA_DATA_DIR" {
		t.Errorf("without a home folder: %v", err)
	}
}

func TestURLOf(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80", "0.0.0.0:8080": "http://localhost:8080", "[::]:1": "http://localhost:1", "[::1]:1": "http://[::1]:1",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := urlOf(tcp); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func openApp(t *testing.T, dir string) *App {
	t.Helper()
	a, err := Open(t.Context(), Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestCredentialsStayWithTheirIntegration(t *testing.T) {
	a := openApp(t, t.TempDir())
	sealed, err := sealCredentials(a.keys, "traffit:a", map[string]string{"client_secret": "hush"})
	if err != nil || strings.Contains(sealed, "hush") {
		t.Fatal(sealed, err)
	}
	if got, err := openCredentials(a.keys, "traffit:a", sealed); err != nil || got["client_secret"] != "hush" {
		t.Error(got, err)
	}
	if _, err := openCredentials(a.keys, "traffit:b", sealed); err == nil {
		t.Error("the credentials opened for another integration")
	}
}

func TestEnvironmentIDLasts(t *testing.T) {
	dir := t.TempDir()
	first, err := openApp(t, dir).environment(t.Context())
	if err != nil || first == "" {
		t.Fatal(first, err)
	}
	if again, err := openApp(t, dir).environment(t.Context()); err != nil || again != first {
		t.Error(again, err)
	}
}

func TestOneProcessWorks(t *testing.T) {
	dir := t.TempDir()
	a, b := openApp(t, dir), openApp(t, dir)
	release, err := a.Store.LockWork()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := b.Run(t.Context(), RoleAll, l); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second worker: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, stop)
	if err := b.Run(ctx, RoleAll, l); err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
}

func TestRunningRequestsFinish(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	begun, served := make(chan struct{}), make(chan error, 1)
	go func() {
		served <- ServeHTTP(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			time.Sleep(200 * time.Millisecond)
			w.WriteHeader(http.StatusTeapot)
		}), slog.New(slog.DiscardHandler))
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() { <-begun; stop() }()
	resp, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTeapot {
		t.Errorf("status %d", resp.StatusCode)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&connector.AuthError{Message: "invalid_client"}, "refused the client ID or the client secret (invalid_client)"},
		{&connector.ScopeError{Scope: "employee", Message: "no"}, `"employee"`},
		{&connector.AnswerError{Status: 404, Method: "POST", Path: "/oauth2/token", Message: "a page"}, "check the tenant's name"},
		{&connector.RetryError{Err: errors.New("cannot be reached")}, "cannot be reached"},
	} {
		if got := explain(c.err).Error(); !strings.Contains(got, c.want) {
			t.Errorf("%q lacks %q", got, c.want)
		}
	}
}

func TestFindIntegration(t *testing.T) {
	a := openApp(t, filepath.Join(t.TempDir(), "new"))
	add := func(id, tenant string) {
		t.Helper()
		if _, err := a.Store.AddIntegration(t.Context(), store.Integration{ID: id, Tool: "traffit", Status: store.StatusActive, Tenant: tenant}, "x"); err != nil {
			t.Fatal(err)
		}
	}
	add("traffit:1", "acme")
	add("traffit:2", "twin")
	add("traffit:3", "twin")
	for named, want := range map[string]string{"traffit:2": "traffit:2", "acme": "traffit:1"} {
		if got, err := a.FindIntegration(t.Context(), named); err != nil || got.ID != want {
			t.Errorf("%s: %s, %v", named, got.ID, err)
		}
	}
	for _, named := range []string{"twin", "nobody", ""} {
		if got, err := a.FindIntegration(t.Context(), named); err == nil {
			t.Errorf("%q found %s", named, got.ID)
		}
	}
}
