package store_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// Two processes that reserve at once get times that are all different and one interval apart.
func TestReserveBudget(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		stores := []*store.Store{db.Open(t), db.Open(t)}
		const interval = 200 * time.Millisecond
		var mu sync.Mutex
		var got, want []time.Duration
		var group sync.WaitGroup
		for n := range 20 {
			want = append(want, time.Duration(n)*interval)
			group.Go(func() {
				delay, err := stores[n%2].ReserveBudget(t.Context(), "traffit:acme", interval)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got = append(got, delay)
			})
		}
		group.Wait()
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("delays (-want +got):\n%s", d)
		}
		reserve := func(tenant string) time.Duration {
			t.Helper()
			delay, err := stores[0].ReserveBudget(t.Context(), tenant, interval)
			if err != nil {
				t.Fatal(err)
			}
			return delay
		}
		if delay := reserve("traffit:other"); delay != 0 {
			t.Errorf("another tenant waits %s", delay)
		}
		db.Clock.Add(20*interval - 50*time.Millisecond)
		if delay := reserve("traffit:acme"); delay != 50*time.Millisecond {
			t.Errorf("50 ms before the next free time: %s", delay)
		}
		// A process whose clock was an hour ahead must not stop the others.
		db.Clock.Add(time.Hour)
		reserve("traffit:acme")
		db.Clock.Add(-time.Hour)
		if delay := reserve("traffit:acme"); delay != 0 {
			t.Errorf("after another's clock went wrong: %s", delay)
		}
		// What was not used is not saved up: requests never come in bursts.
		db.Clock.Add(time.Hour)
		if first, second := reserve("traffit:acme"), reserve("traffit:acme"); first != 0 || second != interval {
			t.Errorf("after a pause: %s and %s, want 0s and %s", first, second, interval)
		}
	})
}
