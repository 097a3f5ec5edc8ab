package connect_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connect"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/connector/traffit"
	"github.com/kladka/kladka/internal/store"
)

// The variables of a process that is to die: at which point, on which database and TRAFFIT, and for which link.
const (
	crashAt     = "KLADKA_TEST_CRASH_AT"
	crashURL    = "KLADKA_TEST_CRASH_DATABASE"
	crashVendor = "KLADKA_TEST_CRASH_VENDOR"
	crashToken  = "KLADKA_TEST_CRASH_TOKEN"
	crashExit   = 77
)

// crash takes a customer through a link, and ends the process without any farewell at a point.
func crash() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	moment, err := time.Parse(time.RFC3339Nano, os.Getenv("KLADKA_TEST_CRASH_NOW"))
	check(err)
	s, err := store.Open(ctx, os.Getenv(crashURL), store.Options{Now: func() time.Time { return moment }})
	check(err)
	config := serviceConfig(ctx, s, os.Getenv(crashVendor), nil, slog.New(slog.DiscardHandler))
	config.Point = func(name string) {
		if name == os.Getenv(crashAt) {
			os.Exit(crashExit)
		}
	}
	service := connect.New(config)
	v, err := service.Visit(ctx, os.Getenv(crashToken))
	check(err)
	a, err := service.Submit(ctx, v, traffit.Slug, good("demo"))
	check(err)
	for a.State == connect.Checking {
		time.Sleep(5 * time.Millisecond)
		a, err = service.Attempt(ctx, v, a.ID)
		check(err)
	}
	_, err = service.Finish(ctx, v, a.ID, connect.Choices{})
	check(err)
}

// Wherever the process dies, the customer can go on, and nothing is there by halves or twice.
func TestProcessDies(t *testing.T) {
	for _, at := range []string{"connect.submitted", "connect.checked", "connect.queued"} {
		t.Run(at, func(t *testing.T) {
			each(t, nil, func(r *rig) {
				_, token := r.link(connect.Connect, connect.Embedded, nil, acme())
				child := exec.CommandContext(r.Context(), os.Args[0])
				child.Env = append(os.Environ(), crashAt+"="+at, crashURL+"="+r.db.URL, crashVendor+"="+r.vendor, crashToken+"="+token,
					"KLADKA_TEST_CRASH_NOW="+r.db.Clock.Now().Format(time.RFC3339Nano))
				said, err := child.CombinedOutput()
				if child.ProcessState.ExitCode() != crashExit {
					r.Fatalf("%v: %s", err, said)
				}
				if len(r.integrations()) != 0 || r.count(`SELECT count(*) FROM events`) != 0 {
					r.Fatal("there is something by halves")
				}
				v := r.visit(token)
				id := r.rows(`SELECT id FROM attempts`)[0][1:25]
				r.db.Clock.Add(31 * time.Second)
				switch a, err := r.service.Attempt(r.Context(), v, id); {
				case err != nil:
					r.Fatal(err)
				case at == "connect.queued":
					if a.State != connect.Ready {
						r.Fatalf("%+v", a)
					}
					r.finish(v, a.ID, connect.Choices{})
				default:
					if a.State != connect.Failed || a.Problems[0].Code != connector.ProblemInterrupted || a.Typed["tenant"] != "demo" {
						r.Fatalf("%+v", a)
					}
					if n := len(r.events(store.ConnectionFlowFailed)); n != 1 || r.count(`SELECT count(*) FROM attempts WHERE credentials <> ''`) != 0 {
						r.Errorf("%d events", n)
					}
					a = r.submit(v, good("demo"))
					r.finish(v, a.ID, connect.Choices{})
				}
				if len(r.integrations()) != 1 || r.count(`SELECT count(*) FROM runs`) != 1 {
					r.Error("it is not one integration")
				}
			})
		})
	}
}

// A server that stops while it checks says so, and whoever looks for old things ends what was forgotten.
func TestServerStopsWhileItChecks(t *testing.T) {
	each(t, nil, func(r *rig) {
		r.must(r.box.Set("latency", "500ms"))
		_, token := r.link(connect.Connect, connect.MagicLink, nil, acme())
		v := r.visit(token)
		a, err := r.service.Submit(r.Context(), v, traffit.Slug, good("demo"))
		r.must(err)
		r.must(r.service.Close())
		if a, err = r.service.Attempt(r.Context(), v, a.ID); err != nil || a.State != connect.Failed || a.Problems[0].Code != connector.ProblemInterrupted {
			r.Errorf("%+v, %v", a, err)
		}
	})
}

// What a customer entered is gone an hour later, also when they went away.
func TestNothingStaysOfWhoWentAway(t *testing.T) {
	each(t, nil, func(r *rig) {
		_, token := r.link(connect.Connect, connect.MagicLink, nil, acme())
		v := r.visit(token)
		a := r.submit(v, good("demo"))
		r.db.Clock.Add(store.AttemptLife)
		if _, err := r.service.Attempt(r.Context(), v, a.ID); err == nil {
			r.Error("it is still there")
		}
		if _, err := r.service.Finish(r.Context(), v, a.ID, connect.Choices{}); err == nil {
			r.Error("it could still be finished")
		}
		r.must(r.service.Clean(r.Context()))
		if n := r.count(`SELECT count(*) FROM attempts`); n != 0 {
			r.Errorf("%d attempts are left", n)
		}
	})
}
