package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

// kladkaConfig is what the product is started with.
type kladkaConfig struct {
	Database, Tenant string // URLs
	ClientID, Secret string
	RPS              float64
	// Sync asks for one sync: the first, which connects the tenant, or another. Without it the
	// process serves until it is told to end.
	Sync bool
	// Server is the process of the database, whose CPU time counts too.
	Server int
}

// syncResult is what a sync took.
type syncResult struct {
	State string
	Error string
	Wall  time.Duration
	Steps []stepResult
}

// stepResult is what a step of it took.
type stepResult struct {
	Name                    string
	Done, Written, Requests int64
	CPU, Database, Wall     time.Duration
}

type kladkaReady struct{ URL, Key, Integration string }

// kladka is the product, as `kladka serve` runs it.
func kladka(ctx context.Context, config []byte, say func(any) error) (any, error) {
	var c kladkaConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	// The log is written as it is by default, to where nobody reads it.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close() //nolint:errcheck // nothing was written
	meter := &meter{server: c.Server}
	dir, remove, err := dataDir(c.Database)
	if err != nil {
		return nil, err
	}
	defer remove()
	a, err := app.Open(ctx, app.Config{
		DataDir: dir, DatabaseURL: c.Database, MasterKey: masterKey(c.Database),
		TraffitURL: c.Tenant, TraffitRPS: c.RPS, AllowPrivateNetworks: true, RequestLogDays: app.DefaultRequestLogDays,
		Log: slog.New(slog.NewTextHandler(null, nil)), Version: "bench", Point: meter.point,
	})
	if err != nil {
		return nil, err
	}
	defer a.Close() //nolint:errcheck // the process ends
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, app.RoleAll, l) }()
	result, err := work(ctx, a, c, l, meter, say)
	stop()
	return result, errors.Join(err, <-ended)
}

func work(ctx context.Context, a *app.App, c kladkaConfig, l net.Listener, m *meter, say func(any) error) (any, error) {
	if c.Sync {
		return syncOnce(ctx, a, c, m)
	}
	all, err := a.Integrations(ctx)
	if err != nil || len(all) != 1 {
		return nil, errors.Join(fmt.Errorf("the database has %d integrations", len(all)), err)
	}
	_, key, err := a.Store.CreateKey(ctx, "bench")
	if err != nil {
		return nil, err
	}
	if err := say(kladkaReady{"http://" + l.Addr().String(), key, all[0].ID}); err != nil {
		return nil, err
	}
	<-ctx.Done()
	return nil, nil
}

// dataDir is where the key file is: beside the database file, or anywhere where there is none.
func dataDir(database string) (string, func(), error) {
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		return filepath.Dir(path), func() {}, nil
	}
	dir, err := os.MkdirTemp("", "kladka-bench-data-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// masterKey is the key that a database other than a file asks for.
func masterKey(database string) string {
	if strings.HasPrefix(database, "sqlite:") {
		return ""
	}
	return "bench:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
}

// syncOnce syncs the tenant once.
func syncOnce(ctx context.Context, a *app.App, c kladkaConfig, m *meter) (any, error) {
	all, err := a.Integrations(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		if err := connect(ctx, a, c); err != nil {
			return nil, err
		}
		if all, err = a.Integrations(ctx); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	m.begin()
	run, _, err := a.StartSync(ctx, all[0], store.FullSync, "cli")
	if err != nil {
		return nil, err
	}
	for run.EndedAt == nil {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
		if run, err = a.Store.Run(ctx, run.ID); err != nil {
			return nil, err
		}
	}
	r := syncResult{State: string(run.State), Wall: time.Since(began)}
	if run.Error != nil {
		r.Error = *run.Error
	}
	steps, err := a.Store.Steps(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	for n, s := range steps {
		one := stepResult{Name: s.Step, Done: s.Done, Written: s.Written, Requests: s.Requests}
		if n < len(m.steps) {
			one.CPU, one.Database, one.Wall = m.steps[n].own, m.steps[n].database, m.steps[n].wall
		}
		r.Steps = append(r.Steps, one)
	}
	return r, nil
}

// connect connects the tenant, and forgets the requests that its credentials are checked with.
func connect(ctx context.Context, a *app.App, c kladkaConfig) error {
	if _, _, err := a.AddIntegration(ctx, app.NewIntegration{
		Tool: "traffit", OrganizationName: "Bench", NoSync: true,
		Credentials: map[string]string{"tenant": "bench", "client_id": c.ClientID, "client_secret": c.Secret},
	}); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Tenant+"/_bench/counts", nil)
	if err != nil {
		return err
	}
	resp, err := newClient().Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// meter notes at the end of each step what it took.
type meter struct {
	server int
	last   reading
	steps  []reading
}

type reading struct {
	own, database, wall time.Duration
}

var started = time.Now()

func (m *meter) read() reading {
	r := reading{own: ownCPU(), wall: time.Since(started)}
	if m.server != 0 {
		r.database = cpuOfTree(m.server)
	}
	return r
}

func (m *meter) begin() { m.last = m.read() }

// point is called by the engine, from one goroutine at a time.
func (m *meter) point(name string) {
	if name != "step done" {
		return
	}
	now := m.read()
	m.steps = append(m.steps, reading{now.own - m.last.own, now.database - m.last.database, now.wall - m.last.wall})
	m.last = now
}
