package action_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// clockedBench is a bench whose clock the test sets.
func clockedBench(t *testing.T, db storetest.DB, timing action.Timing) (*bench, *storetest.Clock) {
	t.Helper()
	clock := storetest.NewClock()
	s, err := store.Open(t.Context(), db.URL, store.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := &bench{T: t, store: s, integration: storetest.NewIntegration(t, s), ats: &fakeATS{}}
	b.service = b.another(timing)
	return b, clock
}

// A process that was stopped for minutes, with its machine for instance, finds its own leases run out
// when it goes on. What it is doing is not to be done a second time beside that.
func TestNobodyTakesOverWhatIsUnderWayHere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b, clock := clockedBench(t, db, quick)
		sending, goOn := make(chan struct{}), make(chan struct{})
		var begun atomic.Bool
		b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
			text := a.(*connector.AddNote).Content + " " + j.Mark()
			_, err := j.Do(ctx, connector.Effect{
				Name: "note", Blind: true,
				Look: func(context.Context) (connector.Sight, error) { return f.look(text), nil },
				Send: func(context.Context) (string, error) {
					if !begun.Swap(true) {
						close(sending)
						<-goOn
					}
					return "", f.write(text)
				},
			})
			return connector.Outcome{ApplicationID: "1:2"}, err
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.do(note("a", "k"))
			b.wantCode(err, "")
		})
		<-sending
		clock.Add(10 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_ = b.service.Work(ctx)
		close(goOn)
		wg.Wait()
		b.wantNotes("a")
	})
}
