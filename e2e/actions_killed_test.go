package e2e

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/app"
)

// A process killed in the middle of actions, again and again, does everything once; the client repeats
// its requests until they are answered.
func TestActionsKilled(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		began := time.Now()
		sc := newCast(t, nil)
		c.TraffitURL, c.Patience = sc.u.base, hasty
		a, err := app.Open(t.Context(), c.app(testLog{t}))
		if err != nil {
			t.Fatal(err)
		}
		sc.server = &server{T: t, config: c, key: newKey(t, a)}
		i, run := connect(t, a, sc.u.Name())
		sc.i = i
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		p := spawn(t, c)
		sc.base = p.base
		sc.succeeded(sc.finish(run))
		sc.goOn(nil)
		p.kill()

		seed := rand.Uint64()
		dice, kills := rand.New(rand.NewPCG(seed, 0)), 0
		for _, d := range sc.script() {
			for n := 0; ; n++ {
				if n == 30 {
					t.Fatalf("%s came to no end (seed %d)", d.name, seed)
				}
				if !p.alive() {
					c.KillAt, c.KillHit = actionPoints[dice.IntN(len(actionPoints))], 1+dice.IntN(3)
					p = spawn(t, c)
					sc.base = p.base
				}
				if p.base == "" { // it died over what it took up again
					kills++
					c.Ahead += afterCrash
					continue
				}
				code, body, err := sc.send(d, d.key())
				if err != nil {
					select {
					case <-p.ended:
					case <-time.After(10 * time.Second):
						t.Fatalf("%s: %v", d.name, err)
					}
					kills++
					c.Ahead += afterCrash
					continue
				}
				if slices.Contains(passing, code) {
					continue
				}
				if code != d.code {
					t.Errorf("%s: got %q, want %q: %v (seed %d)", d.name, code, d.code, body, seed)
				}
				break
			}
		}
		p.kill()
		c.KillAt = ""
		c.Ahead += afterCrash
		sc.base = spawn(t, c).base
		sc.judge(performance{resent: true})
		t.Logf("seed %d: %d kills, all in %v", seed, kills, time.Since(began).Round(time.Millisecond))
	})
}
