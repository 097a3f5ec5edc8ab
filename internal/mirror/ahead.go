package mirror

import (
	"context"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// How many answers are waited for at once follows from how long they take: with few of slow ones
// the request budget would not be used. The wait for a turn in the budget counts, but what waits for
// that is not sent yet; a crash costs what is.
const (
	slowAnswer   = 500 * time.Millisecond
	mostInFlight = 16
)

// ahead runs requests several at a time and hands out their answers in the order of asking.
type ahead[T any] struct {
	ctx    context.Context
	cancel context.CancelFunc
	w      *work
	queue  []chan timed[T]
}

// timed is an answer and how long it took.
type timed[T any] struct {
	answer T
	took   time.Duration
}

func askAhead[T any](ctx context.Context, w *work) ahead[T] {
	ctx, cancel := context.WithCancel(ctx)
	return ahead[T]{ctx: ctx, cancel: cancel, w: w}
}

// ask starts a request. Its answer is the next one that is not handed out yet.
func (a *ahead[T]) ask(request func(ctx context.Context) T) {
	ch := make(chan timed[T], 1)
	a.queue = append(a.queue, ch)
	go func() {
		began := time.Now()
		answer := request(a.ctx)
		ch <- timed[T]{answer, time.Since(began)}
	}()
}

// take waits for the next answer; false when the context ended first.
func (a *ahead[T]) take(ctx context.Context) (answer T, ok bool) {
	ch := a.queue[0]
	a.queue = a.queue[1:]
	select {
	case t := <-ch:
		return a.taken(t), true
	case <-ctx.Done():
		<-ch // nothing outlives the slice
		return answer, false
	}
}

// ready gives the next answer if it is there already.
func (a *ahead[T]) ready() (answer T, ok bool) {
	if len(a.queue) == 0 {
		return answer, false
	}
	select {
	case t := <-a.queue[0]:
		a.queue = a.queue[1:]
		return a.taken(t), true
	default:
		return answer, false
	}
}

// taken gives an answer and notes how long it took.
func (a *ahead[T]) taken(t timed[T]) T {
	if t.took > slowAnswer {
		a.w.inFlight = min(2*a.w.inFlight, max(mostInFlight, a.w.InFlight))
	}
	return t.answer
}

// empty reports that nothing is asked for any more.
func (a *ahead[T]) empty() bool { return len(a.queue) == 0 }

// stop ends the requests that are still under way and waits for them.
func (a *ahead[T]) stop() {
	a.cancel()
	for _, ch := range a.queue {
		<-ch
	}
}

// pagesAhead reads the pages of a listing, from a page to the first.
type pagesAhead struct {
	ahead[fetched]
	list   *connector.List
	number int // the next page to ask for
	single bool
	begun  bool
}

// pagesAhead begins at a page. single asks for one page at a time.
func (w *work) pagesAhead(ctx context.Context, l *connector.List, from int, single bool) *pagesAhead {
	return &pagesAhead{ahead: askAhead[fetched](ctx, w), list: l, number: from, single: single}
}

// next gives the next page. The first one is asked for alone: a walk's mark is in it, which must be
// older than all that follows.
func (p *pagesAhead) next(ctx context.Context) fetched {
	for p.number > 0 && (p.empty() || p.begun && !p.single && len(p.queue) < p.w.inFlight && !p.w.over()) {
		number := p.number
		p.number--
		p.ask(func(ctx context.Context) fetched { return p.w.fetch(ctx, p.list, number) })
	}
	p.begun = true
	f, ok := p.take(ctx)
	if !ok {
		return fetched{err: context.Cause(ctx)}
	}
	return f
}

func (w *work) fetch(ctx context.Context, l *connector.List, number int) fetched {
	w.Point("before fetch")
	f := fetched{number: number, observed: w.Store.Now()}
	f.page, f.err = l.Page(ctx, number)
	return f
}

// mustFetch reads a page that the walk cannot do without.
func (w *work) mustFetch(ctx context.Context, p connector.Step, number int) (f fetched, err error) {
	err = w.must(ctx, p.Name, func() error {
		f = w.fetch(ctx, p.List, number)
		return f.err
	})
	return f, err
}

// unitRead is the answer about one unit.
type unitRead struct {
	due      store.Due
	observed int64
	parts    []connector.Part
	err      error
}

// unitsAhead reads something of each of several units.
type unitsAhead struct {
	ahead[unitRead]
	each *connector.Each
	left []store.Due
}

func (w *work) unitsAhead(ctx context.Context, each *connector.Each, due []store.Due) *unitsAhead {
	return &unitsAhead{ahead: askAhead[unitRead](ctx, w), each: each, left: due}
}

// next gives the answers about the next units: one at least, and those after it that are there.
func (u *unitsAhead) next(ctx context.Context) []unitRead {
	for len(u.left) > 0 && (u.empty() || len(u.queue) < u.w.inFlight && !u.w.over()) {
		due := u.left[0]
		u.left = u.left[1:]
		u.ask(func(ctx context.Context) unitRead {
			u.w.Point("before fetch")
			r := unitRead{due: due, observed: u.w.Store.Now()}
			r.parts, r.err = u.each.Fetch(ctx, due.Unit)
			return r
		})
	}
	r, ok := u.take(ctx)
	if !ok {
		return []unitRead{{err: context.Cause(ctx)}}
	}
	all := []unitRead{r}
	for {
		if r, ok = u.ready(); !ok {
			return all
		}
		all = append(all, r)
	}
}
