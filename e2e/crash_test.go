package e2e

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/sandbox"
	"github.com/kladka/kladka/internal/store"
)

// What a crash may cost: the pages in flight, a new token, and the schemas when it comes that early.
const (
	inFlight  = 4
	perCrash  = inFlight + 1
	allowance = 4
)

// afterCrash is how long a crash was ago for the process that is started next: long enough for
// the lease of the dead one to have run out.
const afterCrash = store.LeaseTime + 5*time.Second

// The points at which a process dies, and the hit that it dies at.
var points = []struct {
	name string
	hit  int
}{
	{"before fetch", 9},
	{"step done", 5},
	{"page fetched", 30},
	{"before commit", 12},
	{"after commit", 21},
	{"before completion", 1},
	{"after completion", 1},
}

// crashing is a first sync that is worked on by one process after another.
type crashing struct {
	*testing.T
	u                *upstream
	c                config
	key, integration string
	run              string
	kills            int
}

// newCrashing prepares a first sync, on which nobody works yet.
func newCrashing(t *testing.T, c config, sc sandbox.Config, wrap ...func(http.Handler) http.Handler) *crashing {
	t.Helper()
	u := newUpstream(t, sc, wrap...)
	c.TraffitURL = u.base
	a, err := app.Open(t.Context(), c.app(testLog{t}))
	if err != nil {
		t.Fatal(err)
	}
	k := &crashing{T: t, u: u, c: c, key: newKey(t, a)}
	k.integration, k.run = connect(t, a, u.Name())
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	u.ResetRequests()
	return k
}

// crashed notes that a process died.
func (k *crashing) crashed() {
	k.kills++
	k.c.Ahead += afterCrash
}

// server is the process p as its clients see it.
func (k *crashing) server(p *child) *server {
	return &server{T: k.T, config: k.c, base: p.base, key: k.key}
}

// finish lets a last process finish and checks all that must hold after so many crashes.
func (k *crashing) finish(undisturbed int) {
	k.Helper()
	last := spawn(k.T, k.c)
	defer last.kill()
	s := k.server(last)
	s.succeeded(s.finish(k.run))
	k.u.equal(s, k.integration)
	requests := k.u.Requests().Total
	repeated, allowed := requests-undisturbed, k.kills*perCrash+allowance
	k.Logf("%d kills: %d requests, %d undisturbed, %d repeated of %d allowed", k.kills, requests, undisturbed, repeated, allowed)
	if repeated > allowed {
		k.Errorf("%d requests were repeated after %d kills, want at most %d", repeated, k.kills, allowed)
	}
}

// undisturbed counts the requests of a first sync that nothing disturbs.
func undisturbed(t *testing.T, sc sandbox.Config) int {
	t.Helper()
	sc.Latency = 0
	k := newCrashing(t, onSQLite(t), sc)
	s := k.server(spawn(t, k.c))
	s.succeeded(s.finish(k.run))
	return k.u.Requests().Total
}

// A process killed at any point of the work loses nothing and repeats little, in a first sync and in
// one that finds changes and deletions.
func TestKilledAtPoints(t *testing.T) {
	t.Parallel()
	requests := undisturbed(t, small)
	onBoth(t, func(t *testing.T, c config) {
		k := newCrashing(t, c, small)
		k.dieEverywhere()
		k.finish(requests)

		k.u.admin("POST", "random?n=60&seed=5", nil)
		for row := range k.u.Truth("employees") {
			if row.ID()%5 == 0 {
				k.u.admin("DELETE", "employees/"+strconv.Itoa(row.ID()), nil)
			}
		}
		k.c.Ahead += aWeek // a sync is due as soon as a process starts
		k.dieEverywhere()
		s := k.server(spawn(t, k.c))
		runs := s.data("GET", "/v1/integrations/"+url.PathEscape(k.integration)+"/syncs", "", nil)["results"].([]any)
		if len(runs) != 2 {
			t.Errorf("there were %d syncs, want 2", len(runs))
		}
		s.succeeded(s.finish(runs[0].(object)["id"].(string)))
		k.u.equal(s, k.integration)
	})
}

// dieEverywhere lets one process after another die, each at another point.
func (k *crashing) dieEverywhere() {
	k.Helper()
	for _, p := range points {
		k.c.KillAt, k.c.KillHit = p.name, p.hit
		victim := spawn(k.T, k.c)
		select {
		case <-victim.ended:
		case <-time.After(30 * time.Second):
			k.Fatalf("nothing came to %q", p.name)
		}
		select {
		case point := <-victim.point:
			k.Logf("killed at %q, hit %d", point, p.hit)
		default:
			k.Fatalf("the process ended before it came to %q", p.name)
		}
		k.crashed()
	}
	k.c.KillAt = ""
}

// A process killed at any moment, again and again, loses nothing and repeats little.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	sc, kills, pause := small, 8, 700*time.Millisecond
	sc.Latency = 40 * time.Millisecond
	if *long {
		sc, kills, pause = sandbox.Config{Candidates: 5000, Recruitments: 400, Latency: 60 * time.Millisecond}, 30, 3500*time.Millisecond
	}
	requests := undisturbed(t, sc)
	onBoth(t, func(t *testing.T, c config) {
		k := newCrashing(t, c, sc)
		began, seed := time.Now(), rand.Uint64()
		dice := rand.New(rand.NewPCG(seed, 0))
		for range kills {
			p := spawn(t, k.c)
			time.Sleep(time.Duration(dice.Int64N(int64(pause)))) // the moment of the crash, not a wait for something
			if s := k.server(p); p.base != "" && s.data("GET", "/v1/syncs/"+k.run, "", nil)["ended_at"] != nil {
				break // too late: it is done
			}
			p.kill()
			k.crashed()
		}
		k.finish(requests)
		t.Logf("seed %d: %d kills in %v", seed, k.kills, time.Since(began).Round(time.Millisecond))
	})
}
