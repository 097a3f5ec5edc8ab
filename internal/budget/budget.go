// Package budget spaces the requests to a tenant. All processes share one budget per tenant, and
// within a process the urgent goes first: an action that a client waits for is never behind the
// pages of a full sync.
package budget

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kladka/kladka/internal/outbound"
)

// Lane is how urgent a request is.
type Lane int

// The lanes, the most urgent first. Requests without a lane are actions: somebody waits for them.
const (
	Action Lane = iota
	Webhook
	Delta
	Full
	Background
	lanes
)

type (
	laneKey    struct{}
	counterKey struct{}
)

// WithLane puts the requests made with a context into a lane.
func WithLane(ctx context.Context, l Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, l)
}

// LaneOf is the lane of a context's requests.
func LaneOf(ctx context.Context) Lane {
	l, _ := ctx.Value(laneKey{}).(Lane)
	return min(max(l, Action), Background)
}

// WithCounter counts the requests that are sent with a context.
func WithCounter(ctx context.Context, n *atomic.Int64) context.Context {
	return context.WithValue(ctx, counterKey{}, n)
}

// Reserve takes the next free send time of a tenant, all processes considered, and gives how long
// it is until then. interval is the distance between two requests.
type Reserve func(ctx context.Context, tenant string, interval time.Duration) (time.Duration, error)

// Budgets hands out the send times of all tenants. It is safe for concurrent use.
type Budgets struct {
	reserve  Reserve
	interval time.Duration

	mu      sync.Mutex
	tenants map[string]*queue
}

// New makes budgets of rps requests per second and tenant; 0 means no limit.
func New(rps float64, reserve Reserve) *Budgets {
	b := &Budgets{reserve: reserve, tenants: map[string]*queue{}}
	if rps > 0 {
		b.interval = time.Duration(float64(time.Second) / rps)
	}
	return b
}

// queue is what waits in this process for one tenant. One goroutine, run only while somebody
// waits, reserves a time, sleeps until then and gives it to whoever is most urgent at that
// moment: so a process holds one unsent reservation, and an action overtakes the pages that
// waited before it.
type queue struct {
	mu      sync.Mutex
	waiting [lanes][]*waiter
	serving bool
	left    chan struct{} // signalled when the last waiter gave up
}

// waiter is a request that is not sent yet. ready receives nil when it may be sent.
type waiter struct{ ready chan error }

// Wait blocks until a request of the tenant may be sent, in the lane of the context.
func (b *Budgets) Wait(ctx context.Context, tenant string) error {
	if b.interval == 0 {
		return ctx.Err()
	}
	b.mu.Lock()
	q := b.tenants[tenant]
	if q == nil {
		q = &queue{left: make(chan struct{}, 1)}
		b.tenants[tenant] = q
	}
	b.mu.Unlock()

	lane := LaneOf(ctx)
	w := &waiter{ready: make(chan error, 1)}
	q.mu.Lock()
	q.waiting[lane] = append(q.waiting[lane], w)
	if !q.serving {
		q.serving = true
		go b.serve(q, tenant)
	}
	q.mu.Unlock()
	select {
	case err := <-w.ready:
		return err
	case <-ctx.Done():
		q.drop(lane, w)
		return ctx.Err()
	}
}

// serve gives out send times until nobody waits. It belongs to the waiters: it ends with the last
// one that gets its time or gives up.
func (b *Budgets) serve(q *queue, tenant string) {
	for {
		// Nobody's context is used: the time is reserved for whoever is first when it comes.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		delay, err := b.reserve(ctx, tenant, b.interval)
		cancel()
		if !q.sleep(delay) || !q.give(err) {
			return
		}
	}
}

// sleep waits for a reserved time. It ends early and reports false when nobody waits any more; a
// waiter that came after the last one left has to wait for the same time.
func (q *queue) sleep(delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-q.left:
			q.mu.Lock()
			q.serving = !q.empty()
			serving := q.serving
			q.mu.Unlock()
			if !serving {
				return false
			}
		}
	}
}

// give lets the most urgent waiter go and reports whether others are left.
func (q *queue) give(err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.pop(); w != nil {
		w.ready <- err
	}
	q.serving = !q.empty()
	return q.serving
}

func (q *queue) pop() *waiter {
	for l := range q.waiting {
		if len(q.waiting[l]) > 0 {
			w := q.waiting[l][0]
			q.waiting[l] = q.waiting[l][1:]
			return w
		}
	}
	return nil
}

func (q *queue) empty() bool {
	for l := range q.waiting {
		if len(q.waiting[l]) > 0 {
			return false
		}
	}
	return true
}

func (q *queue) drop(l Lane, w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, other := range q.waiting[l] {
		if other == w {
			q.waiting[l] = append(q.waiting[l][:i], q.waiting[l][i+1:]...)
			if q.empty() {
				select {
				case q.left <- struct{}{}:
				default:
				}
			}
			return
		}
	}
}

// Transport waits for the tenant's budget before each request and counts what is sent.
func (b *Budgets) Transport(inner http.RoundTripper, tenant string) http.RoundTripper {
	return transport{b, inner, tenant}
}

type transport struct {
	budgets *Budgets
	inner   http.RoundTripper
	tenant  string
}

// RoundTrip sends the request when its time has come.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.budgets.Wait(req.Context(), t.tenant); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &outbound.UnsentError{Err: err}
	}
	if n, ok := req.Context().Value(counterKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
	return t.inner.RoundTrip(req)
}
