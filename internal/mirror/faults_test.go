package mirror_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// failing makes requests fail with a status: single ones, or all that begin with a word.
func (b *bench) failing(status int, after time.Duration, requests ...string) {
	b.ats.change(func() {
		b.ats.fail = func(request string) error {
			for _, r := range requests {
				if request == r || strings.HasPrefix(request, r+" ") {
					return &connector.RetryError{After: after, Err: &connector.AnswerError{Status: status, Path: request, Message: "no"}}
				}
			}
			return nil
		}
	})
}

// A listing that always fails while the ATS answers elsewhere fails its step; the others go on,
// nothing is taken away, and when it answers again, the next run reads it.
func TestListingThatAlwaysFails(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.failing(500, 0, "groups")
		b.ats.change(func() { b.ats.people[3].Name = "Inna"; b.ats.removeAt(7) })
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "groups"); s.State != store.StepFailed || !strings.Contains(*s.Error, "but not this") {
			t.Errorf("the step ended %s: %v", s.State, s.Error)
		}
		b.wantTruth()
		b.failing(500, 0)
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// When nothing answers, the ATS is down: the run waits, and no page counts as broken.
func TestAllDown(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.failing(500, 0, "people", "groups")
		run := b.start()
		for range 3 {
			next, err := b.engine.Slice(t.Context(), run.ID)
			if err != nil || next.Done || next.After == 0 {
				t.Fatalf("next %+v, %v", next, err)
			}
			b.db.Clock.Add(next.After)
		}
		b.failing(500, 0)
		if next, err := b.engine.Slice(t.Context(), run.ID); err != nil || !next.Done {
			t.Fatalf("next %+v, %v", next, err)
		}
		b.wantState(b.run(run.ID), store.RunSucceeded)
		b.wantTruth()
	})
}

// Many broken pages side by side are left out, and the rest is read; nobody on them is deleted.
func TestManyBrokenPages(t *testing.T) {
	each(t, 120, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.failing(500, 0, "people 3", "people 4", "people 5", "people 6", "people 7")
		b.ats.change(func() { b.ats.people[2].Name = "Inna" })
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "people"); s.Missing != 50 || !strings.Contains(*s.Error, "pages 3, 4, 5, 6, 7 ") {
			t.Errorf("missing %d: %v", s.Missing, *s.Error)
		}
		b.wantTruth()
	})
}

// So many broken pages in a row are not pages that are broken: the step is given up, and says what
// it did not read.
func TestHopelessListing(t *testing.T) {
	each(t, 200, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		var broken []string
		for n := 2; n <= 15; n++ {
			broken = append(broken, fmt.Sprintf("people %d", n))
		}
		b.failing(500, 0, broken...)
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "people"); s.State != store.StepFailed || s.Missing != 150 || !strings.Contains(*run.Error, "(150 of 200 were not read)") {
			t.Errorf("%s, missing %d: %v", s.State, s.Missing, *run.Error)
		}
		b.wantTruth()
		b.failing(500, 0)
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Being asked to slow down says nothing about a page.
func TestBusy(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.failing(429, 0, "people 3")
		run := b.start()
		next, err := b.engine.Slice(t.Context(), run.ID)
		if err != nil || next.Done || next.After == 0 {
			t.Fatalf("next %+v, %v", next, err)
		}
		b.failing(429, 0)
		if next, err := b.engine.Slice(t.Context(), run.ID); err != nil || !next.Done {
			t.Fatalf("next %+v, %v", next, err)
		}
		b.wantState(b.run(run.ID), store.RunSucceeded)
		b.wantTruth()
	})
}

// Rows that cannot be read are named, and are not deleted; who is gone is found all the same.
func TestLostRows(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() { b.ats.lost = map[int]bool{b.ats.people[12].ID: true, b.ats.people[30].ID: true} })
		for range 2 {
			run := b.sync()
			b.wantState(run, store.RunPartial)
			if s := b.step(run, "people"); s.Missing != 2 || !strings.Contains(*s.Error, "rows 13, 31 could") {
				t.Errorf("missing %d: %v", s.Missing, *s.Error)
			}
			b.wantTruth()
		}
		b.ats.change(func() { b.ats.removeAt(40) })
		b.wantState(b.sync(), store.RunPartial)
		b.wantTruth()
		b.ats.change(func() { b.ats.lost = nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// What a walk could not read is still told when the worker dies right after its end, and a listing
// that is doubted is not believed because the same run asks again.
func TestKilledAtTheEndOfAWalk(t *testing.T) {
	for point, spoil := range map[string]func(*fakeATS){
		"walk complete": func(f *fakeATS) { f.lost = map[int]bool{f.people[12].ID: true} },
		"doubted":       func(f *fakeATS) { f.groups = nil },
	} {
		t.Run(point, func(t *testing.T) {
			each(t, 50, func(t *testing.T, b *bench) {
				b.wantState(b.sync(), store.RunSucceeded)
				want := b.stored()
				b.ats.change(func() { spoil(b.ats) })
				// Each cut is a walk that ended; those that have nothing to tell end once more.
				cuts := 0
				b.engine = b.newEngine(func(name string) {
					if name == point && cuts < 2 {
						cuts++
						panic(stopped{name})
					}
				})
				b.db.Clock.Add(time.Minute)
				run := b.start()
				for !b.slice(run.ID) {
					b.db.Clock.Add(store.LeaseTime + time.Second)
				}
				b.wantState(b.run(run.ID), store.RunPartial)
				if d := cmp.Diff(want, b.stored()); d != "" {
					t.Errorf("something was taken away (-before +after):\n%s", d)
				}
				if cuts == 0 {
					t.Fatal("the point was never hit")
				}
			})
		})
	}
}

// A step is given up however short its slices are, and counts what failed and what was not asked for.
func TestHopelessUnits(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.failing(500, 0, "note")
		b.engine = b.slicedEngine(1, nil)
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "notes"); s.State != store.StepFailed || s.Missing != 50 {
			t.Errorf("%s, missing %d: %v", s.State, s.Missing, *run.Error)
		}
	})
}

// A list that comes in another order at each request is walked until all of it was seen.
func TestRestlessOrder(t *testing.T) {
	each(t, 60, func(t *testing.T, b *bench) {
		b.ats.restless = rand.New(rand.NewPCG(1, 2))
		run := b.sync()
		b.wantState(run, store.RunSucceeded)
		b.wantTruth()
	})
}

// A row that leaves something out takes nothing away, and where nothing is known of it, it is told.
func TestSparseRows(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		first := b.ats.people[4].ID
		b.ats.sparse = map[int]bool{first: true}
		for range 2 {
			run := b.sync()
			b.wantState(run, store.RunPartial)
			if s := b.step(run, "people"); s.Missing != 1 || !strings.Contains(*s.Error, "without all of their fields") {
				t.Errorf("missing %d: %v", s.Missing, s.Error)
			}
		}
		b.ats.change(func() { b.ats.sparse = nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		b.ats.change(func() { b.ats.sparse = map[int]bool{first: true}; b.ats.people[4].Name = "Inna" })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// What fails only until the ATS is back is read after all.
func TestPagesThatComeBack(t *testing.T) {
	each(t, 80, func(t *testing.T, b *bench) {
		left := map[string]int{"people 5": 1, "people 4": 1, "people 3": 1, "people 1": 1}
		b.ats.change(func() {
			b.ats.fail = func(request string) error {
				if left[request] > 0 {
					left[request]--
					return &connector.RetryError{Err: &connector.AnswerError{Status: 503, Path: request}}
				}
				return nil
			}
		})
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// A few hidden rows are a habit of listings; many are rows that were not read.
func TestManyHiddenRows(t *testing.T) {
	each(t, 300, func(t *testing.T, b *bench) {
		b.ats.hidden = 60
		b.ats.size = 100
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "people"); s.Missing != 60 || !strings.Contains(*s.Error, "60 of 360 rows") {
			t.Errorf("missing %d: %v", s.Missing, *s.Error)
		}
		b.ats.change(func() { b.ats.hidden = 3 })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}
