package mirror

import (
	"context"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// ahead runs requests several at a time and hands out their answers in the order of asking.
type ahead[T any] struct {
	ctx    context.Context
	cancel context.CancelFunc
	queue  []chan T
}

func askAhead[T any](ctx context.Context) ahead[T] {
	ctx, cancel := context.WithCancel(ctx)
	return ahead[T]{ctx: ctx, cancel: cancel}
}

// ask starts a request. Its answer is the next one that is not handed out yet.
func (a *ahead[T]) ask(request func(ctx context.Context) T) {
	ch := make(chan T, 1)
	a.queue = append(a.queue, ch)
	go func() { ch <- request(a.ctx) }()
}

// take waits for the next answer; false when the context ended first.
func (a *ahead[T]) take(ctx context.Context) (answer T, ok bool) {
	ch := a.queue[0]
	a.queue = a.queue[1:]
	select {
	case answer = <-ch:
		return answer, true
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
	case answer = <-a.queue[0]:
		a.queue = a.queue[1:]
		return answer, true
	default:
		return answer, false
	}
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
	w      *work
	list   *connector.List
	number int // the next page to ask for
	most   int // how many are asked for at once
	begun  bool
}

func (w *work) pagesAhead(ctx context.Context, l *connector.List, from, most int) *pagesAhead {
	return &pagesAhead{ahead: askAhead[fetched](ctx), w: w, list: l, number: from, most: most}
}

// next gives the next page. The first one is asked for alone: a walk's mark is in it, which must be
// older than all that follows.
func (p *pagesAhead) next(ctx context.Context) fetched {
	for p.number > 0 && (p.empty() || p.begun && len(p.queue) < p.most && !p.w.over()) {
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
	w    *work
	each *connector.Each
	left []store.Due
}

func (w *work) unitsAhead(ctx context.Context, each *connector.Each, due []store.Due) *unitsAhead {
	return &unitsAhead{ahead: askAhead[unitRead](ctx), w: w, each: each, left: due}
}

// next gives the answers about the next units: one at least, and those after it that are there.
func (u *unitsAhead) next(ctx context.Context) []unitRead {
	for len(u.left) > 0 && (u.empty() || len(u.queue) < u.w.InFlight && !u.w.over()) {
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
