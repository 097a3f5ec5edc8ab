package budget_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/budget"
)

// shared is a reservation book as the store keeps it, for several processes.
type shared struct {
	mu   sync.Mutex
	next time.Time
}

func (s *shared) reserve(_ context.Context, _ string, interval time.Duration) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.next.Before(now) {
		s.next = now
	}
	at := s.next
	s.next = at.Add(interval)
	return at.Sub(now), nil
}

func TestUrgentGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book shared
		b := budget.New(5, book.reserve)
		var mu sync.Mutex
		var order []budget.Lane
		var wg sync.WaitGroup
		wait := func(l budget.Lane) {
			wg.Go(func() {
				if err := b.Wait(budget.WithLane(t.Context(), l), "t"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, l)
				mu.Unlock()
			})
			synctest.Wait()
		}
		for _, l := range []budget.Lane{budget.Background, budget.Background, budget.Full, budget.Delta, budget.Webhook, budget.Action} {
			wait(l)
		}
		wg.Wait()
		want := []budget.Lane{budget.Background, budget.Action, budget.Webhook, budget.Delta, budget.Full, budget.Background}
		if d := cmp.Diff(want, order); d != "" {
			t.Errorf("order (-want +got):\n%s", d)
		}
	})
}

func TestProcessesShareTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book shared
		start := time.Now()
		var wg sync.WaitGroup
		for range 2 {
			b := budget.New(5, book.reserve)
			for range 10 {
				wg.Go(func() {
					if err := b.Wait(t.Context(), "t"); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		if took := time.Since(start); took != 19*200*time.Millisecond {
			t.Errorf("20 requests at 5 a second took %s, want 3.8s", took)
		}
	})
}

func TestCancelledWaiterLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book shared
		b := budget.New(1, book.reserve)
		if err := b.Wait(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := b.Wait(ctx, "t"); err == nil {
			t.Error("want an error")
		}
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("left after %s", took)
		}
	})
}

// A reservation outlives the waiter that gave up: who comes next must not be sent before its time.
func TestWaiterAfterACancelledOneKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book shared
		b := budget.New(1, func(ctx context.Context, tenant string, interval time.Duration) (time.Duration, error) {
			time.Sleep(10 * time.Millisecond) // as a database would
			return book.reserve(ctx, tenant, interval)
		})
		if err := b.Wait(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = b.Wait(ctx, "t") }()
		synctest.Wait()
		cancel()
		synctest.Wait() // it left while its time was still being reserved
		if err := b.Wait(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Second {
			t.Errorf("sent %s after the last one, want a second", took)
		}
	})
}

// Nobody waits for a time that could not be reserved, and the next one tries again.
func TestFailedReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		oops := errors.New("oops")
		var book shared
		var failed bool
		b := budget.New(1, func(ctx context.Context, tenant string, interval time.Duration) (time.Duration, error) {
			if !failed {
				failed = true
				return 0, oops
			}
			return book.reserve(ctx, tenant, interval)
		})
		if err := b.Wait(t.Context(), "t"); !errors.Is(err, oops) {
			t.Errorf("got %v", err)
		}
		if err := b.Wait(t.Context(), "t"); err != nil {
			t.Error(err)
		}
	})
}

type sent struct{ n atomic.Int64 }

func (s *sent) RoundTrip(*http.Request) (*http.Response, error) {
	s.n.Add(1)
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

func TestTransportCountsWhatIsSent(t *testing.T) {
	var inner sent
	tr := budget.New(0, nil).Transport(&inner, "t")
	var n atomic.Int64
	for range 3 {
		req, err := http.NewRequestWithContext(budget.WithCounter(t.Context(), &n), http.MethodGet, "http://t.example", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if n.Load() != 3 || inner.n.Load() != 3 {
		t.Errorf("counted %d, sent %d, want 3", n.Load(), inner.n.Load())
	}
}
