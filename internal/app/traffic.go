package app

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Traffic is what some requests to an ATS looked like. Times are from the sending to the head of
// the answer; waiting for the request budget does not count.
type Traffic struct {
	Requests int
	// Throttled is how many were refused as too many, Unanswered how many got no answer.
	Throttled, Unanswered int
	Median, Slowest       time.Duration
}

type trafficKey struct{}

// traffic gathers what the requests made with a context look like.
type traffic struct {
	mu    sync.Mutex
	seen  Traffic
	times []time.Duration
}

func withTraffic(ctx context.Context) (context.Context, *traffic) {
	t := &traffic{}
	return context.WithValue(ctx, trafficKey{}, t), t
}

// noteTraffic notes a request, if somebody wants to know.
func noteTraffic(ctx context.Context, took time.Duration, resp *http.Response) {
	t, ok := ctx.Value(trafficKey{}).(*traffic)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen.Requests++
	switch {
	case resp == nil:
		t.seen.Unanswered++
		return
	case resp.StatusCode == http.StatusTooManyRequests:
		t.seen.Throttled++
	}
	t.times = append(t.times, took)
}

func (t *traffic) sum() Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.times) > 0 {
		slices.Sort(t.times)
		t.seen.Median, t.seen.Slowest = t.times[len(t.times)/2], t.times[len(t.times)-1]
	}
	return t.seen
}
