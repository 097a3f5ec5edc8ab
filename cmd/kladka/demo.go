package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/sandbox"
	"github.com/kladka/kladka/internal/store"
)

type demoCmd struct {
	Dir        string `help:"Keep the data in this folder; default: a temporary one that is removed at the end." placeholder:"FOLDER"`
	Addr       string `help:"Address of the server; default: 127.0.0.1:8080, or a free port when that is taken." placeholder:"HOST:PORT"`
	Postgres   string `help:"Use this PostgreSQL database instead of SQLite." placeholder:"URL"`
	Candidates int    `help:"Number of made-up candidates; default: ${default}." default:"300"`
	Seed       uint64 `help:"Seed of the made-up data; default: ${default}." default:"1"`
}

// Help is shown by --help.
func (*demoCmd) Help() string {
	return `Starts a simulated TRAFFIT and a server, connects one to the other, runs the first sync, and prints an API key with
calls that work when pasted. It runs until it is interrupted. Nothing has to be installed or set up, and nothing outside of
this machine is contacted.

Examples:

  kladka demo
  kladka demo --candidates 5000 --dir ./demo      # a second start goes on with the same data`
}

// demoTenant is the simulated tenant's name.
const demoTenant = "demo"

// Run plays the demo.
func (c *demoCmd) Run(s *surroundings) error {
	l, err := c.listen(s)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // serving closes it too
	dir, remove, err := c.folder()
	if err != nil {
		return err
	}
	defer remove()
	box, boxListener, err := c.sandbox(s)
	if err != nil {
		return err
	}
	defer boxListener.Close() //nolint:errcheck // serving closes it too
	boxURL := "http://" + boxListener.Addr().String()

	a, err := app.Open(s.ctx, app.Config{
		DataDir: dir, DatabaseURL: c.Postgres, MasterKey: demoKey(c.Postgres),
		PublicURL:  "http://" + l.Addr().String(),
		TraffitURL: boxURL + "/t/{tenant}", TraffitRPS: 0, AllowPrivateNetworks: true, RequestLogDays: app.DefaultRequestLogDays,
		Env: s.env, Log: s.quietly(), Version: version(),
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(s.ctx)
	group.Go(func() error { return app.ServeHTTP(ctx, boxListener, box, s.quietly()) })
	group.Go(func() error { return a.Run(ctx, app.RoleAll, l) })
	group.Go(func() error { return c.play(ctx, s, a, box, boxURL, "http://"+l.Addr().String()) })
	err = group.Wait()
	if stopped(s.ctx, err) {
		err = nil // it was interrupted, which is how a demo ends
	}
	if err == nil && c.Dir == "" && c.Postgres == "" {
		s.say("The demo has ended and its data are removed.")
	}
	return errors.Join(err, a.Close())
}

// play does what a person would do first, and tells what to do next.
func (c *demoCmd) play(ctx context.Context, s *surroundings, a *app.App, box *sandbox.Sandbox, boxURL, url string) error {
	s.say("Simulated TRAFFIT with %d candidates: %s", c.Candidates, boxURL)
	s.say("Server (%s): %s", a.DatabaseKind(), url)
	i, run, err := c.connect(ctx, a, box)
	if err != nil {
		return err
	}
	s.say("First sync of the tenant %q:", demoTenant)
	ended, err := newProgress(s.stderr).follow(ctx, a.Store, run.ID)
	if err != nil {
		return err
	}
	if !ended.State.Usable() {
		return runOutcome(ended)
	}
	_, key, err := a.Store.CreateKey(ctx, "demo")
	if err != nil {
		return err
	}
	job, err := openJob(ctx, a, i)
	if err != nil {
		return err
	}
	_, link, err := a.Links().Create(ctx, connect.Connect, connect.MagicLink, nil, connect.LinkSettings{
		Organization: "Acme Ltd", Email: "admin@acme.example", Tool: "traffit", OnlyCreated: connect.OnlyCreatedAsk,
	})
	if err != nil {
		return err
	}
	s.print("%s", strings.NewReplacer("$URL", url, "$KEY", key, "$INTEGRATION", i.ID, "$SANDBOX", boxURL, "$JOB", job,
		"$LINK", link, "$SECRET", box.Credentials().ClientSecret).Replace(welcome))
	<-ctx.Done()
	return nil
}

// connect connects the simulated tenant, or finds it connected by an earlier start.
func (c *demoCmd) connect(ctx context.Context, a *app.App, box *sandbox.Sandbox) (store.Integration, store.Run, error) {
	all, err := a.Integrations(ctx)
	if err != nil {
		return store.Integration{}, store.Run{}, err
	}
	for _, i := range all {
		if i.Tenant == demoTenant {
			run, _, err := a.StartSync(ctx, i, store.FullSync, "cli")
			return i, run, err
		}
	}
	credentials := box.Credentials()
	return a.AddIntegration(ctx, app.NewIntegration{
		Tool: "traffit", OrganizationName: "Demo Ltd",
		Credentials: map[string]string{
			"tenant": demoTenant, "client_id": credentials.ClientID, "client_secret": credentials.ClientSecret,
		},
	})
}

// openJob gives the ID of a job to which people may apply.
func openJob(ctx context.Context, a *app.App, i store.Integration) (string, error) {
	page, err := a.Store.Page(ctx, store.Query{Model: ats.Jobs, Integration: i.No, PageSize: 1, Statuses: []string{"OPEN"}})
	if err != nil || page.Count == 0 {
		return "", errors.Join(err, errors.New("the simulated TRAFFIT has no open job"))
	}
	var job struct {
		ID string `json:"id"`
	}
	return job.ID, json.Unmarshal(page.JSON, &job)
}

const welcome = `
API key      $KEY
Integration  $INTEGRATION
API          $URL/v1, described at $URL/openapi.json

Paste these:

  curl -H 'Authorization: Bearer $KEY' -H 'X-Integration-Id: $INTEGRATION' '$URL/v1/ats/candidates?page_size=2'
  curl -H 'Authorization: Bearer $KEY' -H 'X-Integration-Id: $INTEGRATION' '$URL/v1/ats/jobs?page_size=2'
  curl -H 'Authorization: Bearer $KEY' -H 'X-Integration-Id: $INTEGRATION' '$URL/v1/ats/applications?page_size=2'

Let somebody apply, as often as you like: it happens once. Then see what arrived in the simulated TRAFFIT:

  curl -H 'Authorization: Bearer $KEY' -H 'X-Integration-Id: $INTEGRATION' -H 'Content-Type: application/json' -H 'Idempotency-Key: first' -d '{"candidate":{"first_name":"Ada","last_name":"Nowak","email_address":"ada@example.com"},"attachments":[{"name":"cv.txt","content_type":"text/plain","type":"CV","data":"SGVsbG8h"}]}' $URL/v1/ats/jobs/$JOB/applications
  curl '$SANDBOX/_sandbox/writes'

From JavaScript, with the official client:

  npm install @kombo-api/sdk

  import { Kombo } from "@kombo-api/sdk";
  const kombo = new Kombo({
    api_key: "$KEY",
    integration_id: "$INTEGRATION",
    server_url: "$URL/v1",
  });
  for await (const page of await kombo.ats.getJobs({})) console.log(page.result.data.results);

Be the administrator of a second customer and connect it in the browser: the subdomain is acme, the client ID acme_kladka, the
secret $SECRET.

  $LINK

Then it is the second of your integrations, and its records can be read with its own ID:

  curl -H 'Authorization: Bearer $KEY' $URL/v1/integrations

Change something in the simulated TRAFFIT, then sync again:

  curl -X POST '$SANDBOX/_sandbox/random?n=20'
  curl -X POST -H 'Authorization: Bearer $KEY' -H 'X-Integration-Id: $INTEGRATION' -H 'Content-Type: application/json' -d '{}' $URL/v1/force-sync

What else the simulator can do: $SANDBOX/_sandbox/
Stop with Ctrl-C.`

// listen opens the asked address, or the default one, or any where that is taken.
func (c *demoCmd) listen(s *surroundings) (net.Listener, error) {
	if c.Addr != "" {
		return app.Listen(s.ctx, c.Addr)
	}
	l, err := app.Listen(s.ctx, app.DefaultAddr)
	if errors.Is(err, syscall.EADDRINUSE) {
		s.say("Another program listens on %s, so the server takes a free port.", app.DefaultAddr)
		return freeListener(s)
	}
	return l, err
}

// folder gives the data folder and what to do with it at the end.
func (c *demoCmd) folder() (string, func(), error) {
	if c.Dir != "" {
		dir, err := filepath.Abs(c.Dir)
		return dir, func() {}, err
	}
	dir, err := os.MkdirTemp("", "kladka-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a temporary folder (--dir names another): %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil // the system cleans up what we cannot
}

func (c *demoCmd) sandbox(s *surroundings) (*sandbox.Sandbox, net.Listener, error) {
	l, err := freeListener(s)
	if err != nil {
		return nil, nil, err
	}
	config := sandboxSize{Seed: c.Seed, Candidates: c.Candidates, Users: 12}.config()
	config.Tenant, config.PublicURL = demoTenant, "http://"+l.Addr().String()
	box, err := sandbox.New(config)
	if err != nil {
		return nil, nil, errors.Join(usageError("%w", err), l.Close())
	}
	return box, l, nil
}

// demoKey is the master key of a demo on PostgreSQL, where none is made by itself. What it
// protects are the credentials of a simulator.
func demoKey(postgres string) string {
	if postgres == "" {
		return ""
	}
	return "demo:ZGVtb2RlbW9kZW1vZGVtb2RlbW9kZW1vZGVtb2RlbW8="
}
