// Package app wires Kladka together: it opens the store, the keys and the connectors, builds the
// engine, the jobs and the API on top of them, and closes everything in reverse order. The
// command line is its only caller.
package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector/traffit"
	"github.com/kladka/kladka/internal/jobs"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/secret"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
	"github.com/kladka/kladka/internal/web"
)

// App is an opened application. It is safe for concurrent use.
type App struct {
	Config Config
	Store  *store.Store

	keys    *secret.Keyring
	trail   *trail.Recorder // nil: no request log is kept
	tenants *tenants
	jobs    *jobs.Jobs
	engine  *mirror.Engine
	spool   *outbound.Spool
	actions *action.Service
	connect *connect.Service
	close   []func() error // in the order of opening
}

// Open opens the application. The context bounds the opening only.
func Open(ctx context.Context, c Config) (_ *App, err error) {
	c, err = c.WithDefaults()
	if err != nil {
		return nil, err
	}
	a := &App{Config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.Store, err = openStore(ctx, c); err != nil {
		return nil, err
	}
	a.close = append(a.close, a.Store.Close)
	if a.keys, err = openKeys(ctx, c, a.Store); err != nil {
		return nil, err
	}
	keep := time.Duration(c.RequestLogDays) * 24 * time.Hour
	clean := func(ctx context.Context) error { return a.connect.Clean(ctx) }
	if a.jobs, err = jobs.New(ctx, jobs.Config{Store: a.Store, Log: c.Log, KeepRequests: keep, Clean: clean}); err != nil {
		return nil, err
	}
	if keep > 0 {
		a.trail = trail.New(trail.Config{Store: a.Store, Now: c.Now, Log: c.Log})
		a.close = append(a.close, a.trail.Close)
	}
	a.tenants = newTenants(c, a.Store, a.keys, a.trail, traffit.New(traffit.Options{URL: c.TraffitURL}))
	a.close = append(a.close, a.tenants.close)
	salt, err := a.keys.DeriveKey(ctx, a.Store, "rows")
	if err != nil {
		return nil, fmt.Errorf("prepare the key for the rows of listings: %w", err)
	}
	engine := mirror.Config{
		Store: a.Store, Open: a.tenants.open, Enqueue: a.jobs.Enqueue, Log: c.Log, Salt: salt, Point: c.Point, InvalidAfter: c.InvalidAfter,
	}
	if c.TraffitRPS > 0 {
		engine.ConfirmEvery = time.Duration(mirror.ConfirmShare / c.TraffitRPS * float64(time.Second))
	}
	a.engine = mirror.New(engine)
	if err := a.openActions(); err != nil {
		return nil, err
	}
	return a, a.openConnect(ctx)
}

// openActions prepares what changes things in an ATS.
func (a *App) openActions() (err error) {
	dir := "" // the system's folder for temporary files
	if a.Store.Embedded() {
		dir = filepath.Join(filepath.Dir(a.Store.Path()), "spool")
	}
	if a.spool, err = outbound.NewSpool(dir); err != nil {
		return err
	}
	a.actions = action.New(action.Config{
		Store: a.Store, Open: a.tenants.open, Ingest: a.engine.Ingest, Keys: a.keys,
		Fetch: a.fetch, MaxFile: a.maxFile(),
		Timing: a.Config.Patience, Log: a.Config.Log, Point: a.Config.Point,
		Correlate: func(ctx context.Context, request, action string) context.Context {
			return trail.With(ctx, trail.Cause{Request: request, Action: action, Bodies: true})
		},
		Mention: trail.Mention,
	})
	a.close = append(a.close, a.actions.Close)
	return nil
}

// fetch reads a file from an address that a client gave.
func (a *App) fetch(ctx context.Context, address string, limit int64) (outbound.Fetched, error) {
	f := outbound.Fetcher{Guard: outbound.Guard{AllowPrivate: a.Config.AllowPrivateNetworks}, Spool: a.spool}
	return f.Fetch(ctx, address, limit)
}

func (a *App) maxFile() int64 { return int64(a.Config.MaxFileMB) << 20 }

// openStore opens the database; what goes wrong there is nearly always the configuration.
func openStore(ctx context.Context, c Config) (*store.Store, error) {
	s, err := store.Open(ctx, c.DatabaseURL, store.Options{Now: c.Now, Log: c.Log})
	if err == nil {
		return s, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	path, file := strings.CutPrefix(c.DatabaseURL, "sqlite:")
	if file && filepath.Dir(path) == filepath.Clean(c.DataDir) {
		return nil, &ConfigError{Setting: "KLADKA_DATA_DIR", Message: fmt.Sprintf("the data folder %s cannot be used", c.DataDir), Err: err}
	}
	return nil, &ConfigError{Setting: "KLADKA_DATABASE_URL", Message: "the database cannot be opened", Err: err}
}

// Close closes everything in the reverse order of opening.
func (a *App) Close() error {
	var errs []error
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	a.close = nil
	return errors.Join(errs...)
}

// Role says which part of the work a process does.
type Role string

// The roles of a process. On SQLite one process does everything.
const (
	RoleAll    Role = "all"
	RoleAPI    Role = "api"
	RoleWorker Role = "worker"
)

// Run serves until the context ends, then stops gracefully. The listener is nil for RoleWorker.
func (a *App) Run(ctx context.Context, role Role, l net.Listener) (err error) {
	if a.Store.Embedded() && role != RoleAll {
		return &ConfigError{Setting: "KLADKA_DATABASE_URL", Message: fmt.Sprintf("--role %s needs PostgreSQL; with SQLite one process does everything", role)}
	}
	if a.Config.PublicURL == "" && l != nil {
		a.Config.PublicURL = urlOf(l.Addr())
	}
	group, ctx := errgroup.WithContext(ctx)
	if role != RoleAPI {
		release, err := a.Store.LockWork()
		if errors.Is(err, store.ErrLocked) {
			return fmt.Errorf("%w; stop it first, or use PostgreSQL for several processes", err)
		} else if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		group.Go(func() error { return a.jobs.Work(ctx, traced{a.engine}) })
		group.Go(func() error { return a.actions.Work(ctx) })
	}
	if a.Store.Embedded() {
		if err := a.Store.ClearSlots(ctx); err != nil {
			return err
		}
	}
	group.Go(func() error { return a.actions.KeepLeases(ctx, drainActions) })
	address := ""
	if role != RoleWorker {
		h, err := a.handler(ctx)
		if err != nil {
			return err
		}
		address = urlOf(l.Addr())
		group.Go(func() error { return ServeHTTP(ctx, l, h, a.Config.Log) })
	}
	a.Config.Log.InfoContext(ctx, "kladka started", "version", a.Config.Version, "database", a.DatabaseKind(), "role", string(role), "address", address)
	err = group.Wait()
	a.Config.Log.Info("kladka stopped")
	return err
}

// DatabaseKind names the database for people.
func (a *App) DatabaseKind() string {
	if a.Store.Embedded() {
		return "sqlite " + a.Store.Path()
	}
	return "postgresql"
}

// Ready reports whether requests can be served: the schema is up to date since Open, so only
// the database can be missing.
func (a *App) Ready(ctx context.Context) error { return a.Store.Ping(ctx) }

func (a *App) handler(ctx context.Context) (http.Handler, error) {
	environment, err := a.environment(ctx)
	if err != nil {
		return nil, err
	}
	links, err := a.keys.Derive(ctx, a.Store, "downloads")
	if err != nil {
		return nil, fmt.Errorf("prepare the key for download addresses: %w", err)
	}
	h, err := api.New(api.Deps{
		Store: a.Store, StartSync: a.engine.Start, Tools: a.Tools(), RemoteData: a.remoteData,
		Actions: a.actions, Open: a.tenants.open, Uploads: a.Store, Links: links, Connect: a.connect,
		Spool: a.spool, Fetch: a.fetch, MaxFile: a.maxFile(),
		Ready: a.Ready, Metrics: metrics(a.Store, a.trail, a.Config.Version, a.Config.Log), Trail: a.trail,
		Now: a.Config.Now, Log: a.Config.Log,
		Version: a.Config.Version, PublicURL: a.Config.PublicURL,
		EnvironmentID: environment, RPM: a.Config.APIRPM, DeleteAfter: a.deleteAfter(),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the API: %w", err)
	}
	pages, err := web.New(web.Deps{
		Page: a.connect, Tools: a.Tools(), Log: a.Config.Log, Now: a.Config.Now, PublicURL: a.Config.PublicURL, Version: a.Config.Version,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the pages: %w", err)
	}
	// A ServeMux would redirect what the API answers itself.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/connect" || strings.HasPrefix(r.URL.Path, "/connect/") {
			pages.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}), nil
}

// environment is the installation's own ID, made at the first start.
func (a *App) environment(ctx context.Context) (string, error) {
	const name = "environment_id"
	id, err := a.Store.Meta(ctx, name)
	if err != nil || id != "" {
		return id, err
	}
	if err := a.Store.SetMeta(ctx, name, ats.NewID()); err != nil {
		return "", err
	}
	return a.Store.Meta(ctx, name)
}

// traced is the engine whose requests the log shows under their run.
type traced struct{ *mirror.Engine }

// Slice works on a run for a while.
func (t traced) Slice(ctx context.Context, run string) (mirror.Next, error) {
	return t.Engine.Slice(trail.With(ctx, trail.Cause{Run: run}), run)
}

// StartSync queues a sync of an integration, unless one is active: then it gives that and true.
func (a *App) StartSync(ctx context.Context, i store.Integration, typ store.RunType, cause string) (store.Run, bool, error) {
	return a.engine.Start(ctx, i, typ, cause)
}
