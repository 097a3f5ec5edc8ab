package mirror_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/store"
)

// finish works on a run to its end, dead workers taken over.
func (b *bench) finish(id string) store.Run {
	b.t.Helper()
	for range 2000 {
		if b.slice(id) && b.run(id).EndedAt != nil {
			return b.run(id)
		}
		b.db.Clock.Add(store.LeaseTime + time.Second)
	}
	b.t.Fatal("the run does not end")
	return store.Run{}
}

// dieOnce is a point at which the process dies once.
func dieOnce(at func(name string) bool) func(string) {
	died := false
	return func(name string) {
		if !died && at(name) {
			died = true
			panic(stopped{name})
		}
	}
}

// countPages counts the pages of walks that are kept.
func (b *bench) countPages() (n int) {
	b.t.Helper()
	db, _ := b.store.JobsDB()
	if err := db.QueryRowContext(b.t.Context(), `SELECT count(*) FROM pages`).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// Invariant 8: a worker that dies after a walk was completed does not leave behind a walk that is
// compared with itself: that the listing hides more than before still withdraws nothing.
func TestCompleteWalkIsConcludedOnce(t *testing.T) {
	each(t, 20, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() { b.ats.hiddenGroup = 2 })
		b.db.Clock.Add(time.Minute)
		b.engine = b.newEngine(dieOnce(func(name string) bool { return name == "walk complete" }))
		b.wantState(b.finish(b.start().ID), store.RunSucceeded)
		b.wantTruth()
	})
}

// A page that is broken for good does not stop a run whose slice begins with it.
func TestBrokenPageAtTheBeginningOfASlice(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.engine = b.slicedEngine(1, nil)
		b.ats.fail = func(request string) error {
			if request == "people 3" {
				return &connector.RetryError{Err: &connector.AnswerError{Status: 500}}
			}
			return nil
		}
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "people"); s.Missing != 10 {
			t.Errorf("missing %d", s.Missing)
		}
		if n := len(b.stored()); n != 40 {
			t.Errorf("%d stored, want 40", n)
		}
	})
}

// Invariant 7: a walk that dies while rows move from page to page loses none of them.
func TestMovesAndADeathLoseNothing(t *testing.T) {
	each(t, 100, func(t *testing.T, b *bench) {
		deleted, after := false, 0
		b.ats.before = func(request string) {
			if request == "people 6" && !deleted {
				deleted = true
				b.ats.change(func() { b.ats.people = b.ats.people[25:] })
			}
		}
		b.engine = b.newEngine(dieOnce(func(name string) bool {
			if deleted && name == "after commit" {
				after++
			}
			return after == 2 // page 6 and the one after it
		}))
		run := b.start()
		b.engine.InFlight = 1
		b.wantState(b.finish(run.ID), store.RunSucceeded)
		stored := b.stored()
		for id := range b.ats.truth() {
			if _, ok := stored[id]; !ok {
				t.Errorf("%s was lost", id)
			}
		}
	})
}

// Invariants 2 and 6: pages that an unfinished walk brought make those of the last complete one
// worthless, and are not kept for ever.
func TestUnfinishedWalk(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		name := b.ats.people[3].Name
		b.ats.change(func() {
			b.ats.people[3].Name = "Inna"
			b.ats.fail = func(request string) error {
				if request == "people 3" {
					return &connector.AnswerError{Status: 500}
				}
				return nil
			}
		})
		b.wantState(b.sync(), store.RunPartial)
		b.wantTruth()
		pages := b.countPages()
		b.wantState(b.sync(), store.RunPartial)
		b.wantState(b.sync(), store.RunPartial)
		if n := b.countPages(); n > pages {
			t.Errorf("%d pages are kept after three unfinished walks, %d after one", n, pages)
		}
		b.ats.change(func() { b.ats.people[3].Name, b.ats.fail = name, nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Invariant 3: a connector that cuts rows in another way reads pages again that stand still.
func TestNewRevisionCutsPagesAgain(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() { b.ats.revision, b.ats.suffix = "2", "!" })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Invariant 8: confirming requests keep their distance, over slices as well, and a run goes on with them
// for an hour.
func TestConfirmationKeepsToItsShare(t *testing.T) {
	each(t, 40, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		const distance = 10 * time.Millisecond
		config := b.config(nil)
		config.Slice, config.ConfirmEvery = time.Nanosecond, distance
		b.engine = mirror.New(config)
		var asked []time.Time
		b.ats.change(func() {
			b.ats.people = b.ats.people[:20]
			b.ats.before = func(request string) {
				if strings.HasPrefix(request, "confirm") {
					asked = append(asked, time.Now())
					b.db.Clock.Add(6 * time.Minute)
				}
			}
		})
		for n := 1; len(b.stored()) > 20; n++ {
			asked = nil
			began := time.Now()
			b.wantState(b.sync(), store.RunSucceeded)
			if len(asked) > 11 {
				t.Errorf("run %d made %d confirming requests within an hour of six minutes each", n, len(asked))
			}
			for i, at := range asked { // one may be late, but none is early
				if took := at.Sub(began); took < time.Duration(i+1)*distance {
					t.Errorf("run %d: %d confirming requests within %v", n, i+1, took)
				}
			}
			if n > 6 {
				t.Fatal("the deletions do not come to an end")
			}
		}
		b.wantTruth()
	})
}

// Invariant 8: what was missing once and is listed again needs neither a question nor an approval.
func TestNominatedUnitComesBack(t *testing.T) {
	each(t, 400, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		all := b.ats.people
		b.ats.change(func() { b.ats.people = all[:100] })
		b.wantState(b.sync(), store.RunPartial)
		b.ats.change(func() { b.ats.people = all })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		if n := b.ats.count("confirm"); n != 0 {
			t.Errorf("%d confirming requests", n)
		}
	})
}

// Invariant 8: units whose records are gone already, with what they belonged to, wait for nobody.
func TestNominationsWithoutRecords(t *testing.T) {
	each(t, 20, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		var units []connector.Unit
		for id := range 60 {
			units = append(units, unit("person", 9000+id))
		}
		if _, err := b.store.Write(t.Context(), b.integration.No, nil, "test", func(tx *store.Tx) error {
			return tx.Nominate(t.Context(), "test", units)
		}); err != nil {
			t.Fatal(err)
		}
		b.wantState(b.sync(), store.RunSucceeded)
		if n := b.ats.count("confirm"); n != 0 {
			t.Errorf("%d confirming requests", n)
		}
		if left, err := b.store.Nominations(t.Context(), b.integration.No, "person", "", 100); err != nil || len(left) != 0 {
			t.Errorf("%d nominations are left, %v", len(left), err)
		}
	})
}

// Vendor fields that folds come upon are kept, whatever slice or life of the process found them.
func TestFoundFieldsAreKept(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.ats.fields = true
		run := b.start()
		b.engine = b.slicedEngine(1, dieOnce(func(name string) bool { return name == "after commit" }))
		b.wantState(b.finish(run.ID), store.RunSucceeded)
		fields, err := b.store.IntegrationFields(t.Context(), b.integration.No, "", 1000)
		if err != nil || len(fields) != 50 {
			t.Errorf("%d fields are kept, want 50, %v", len(fields), err)
		}
	})
}

// While the ATS is down, the confirmation of deletions does not go through all it might ask.
func TestDownWhileConfirming(t *testing.T) {
	each(t, 60, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() {
			b.ats.people = b.ats.people[20:]
			b.ats.fail = func(request string) error {
				if strings.HasPrefix(request, "confirm") && request != "confirm 160" {
					return &connector.RetryError{After: time.Minute, Err: &connector.AnswerError{Status: 503}}
				}
				return nil
			}
		})
		b.wantState(b.sync(), store.RunPartial)
		if n := b.ats.count("confirm"); n != 4 { // a control and three that fail
			t.Errorf("%d confirming requests, want 4", n)
		}
		b.ats.change(func() { b.ats.fail = nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// A plan that loses a step, or gets one, while a run is under way: the run goes on with the steps of
// the new plan, each with its own progress.
func TestPlanChangesDuringARun(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"a step goes":  {"", "notes"},
		"a step comes": {"groups", ""},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, 30, func(t *testing.T, b *bench) {
				b.ats.leftOut = c.before
				b.engine = b.slicedEngine(1, nil)
				run := b.start()
				for range 2 {
					b.slice(run.ID)
				}
				b.ats.change(func() { b.ats.leftOut = c.after })
				run = b.finish(run.ID)
				b.wantState(run, store.RunSucceeded)
				steps, err := b.store.Steps(t.Context(), run.ID)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, s := range steps {
					names = append(names, s.Step)
					if s.State != store.StepDone {
						t.Errorf("%s is %s", s.Step, s.State)
					}
				}
				want := []string{}
				for _, p := range b.ats.Plan() {
					want = append(want, p.Name)
				}
				if want = append(want, "deletions"); !slices.Equal(names, want) {
					t.Errorf("steps %q, want %q", names, want)
				}
				if people := b.step(run, "people"); people.Done != 30 {
					t.Errorf("%d people were read", people.Done)
				}
			})
		})
	}
}
