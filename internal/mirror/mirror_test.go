package mirror_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// each runs a test on both databases; in short mode, which the race detector uses, on SQLite only
// and not with many people.
func each(t *testing.T, people int, fn func(t *testing.T, b *bench)) {
	if testing.Short() {
		if people > 150 {
			t.Skip("not in short mode: many people")
		}
		fn(t, newBench(t, storetest.SQLite(t), newFake(people)))
		return
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) { fn(t, newBench(t, db, newFake(people))) })
}

func (b *bench) wantTruth() {
	b.t.Helper()
	if d := cmp.Diff(b.ats.truth(), b.stored()); d != "" {
		b.t.Errorf("stored (-truth +stored):\n%s", d)
	}
}

// Invariant 6: a second sync of an unchanged tenant asks for the pages and nothing else, and
// writes no record.
func TestSecondSyncWritesNothing(t *testing.T) {
	each(t, 35, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		seq, notes := b.lastSeq(), b.ats.count("note")
		second := b.sync()
		b.wantState(second, store.RunSucceeded)
		b.wantTruth()
		if got := b.lastSeq(); got != seq {
			t.Errorf("the second sync logged %d changes", got-seq)
		}
		if got := b.ats.count("note"); got != notes {
			t.Errorf("the second sync read %d details", got-notes)
		}
		if s := b.step(second, "people"); s.Done != 35 || s.Unchanged != 35 || s.Written != 0 {
			t.Errorf("progress %+v", s)
		}
	})
}

// Invariant 3: a detail that could not be read clears nothing, and what a fold looked at folds
// it again when it changes, however many look at it.
func TestFoldFollowsItsParts(t *testing.T) {
	each(t, 450, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() {
			b.ats.groups[1] = "Rada" // 225 people show it: more than one transaction folds
			b.ats.people[7].Name = "Świeża"
			b.ats.fail = func(request string) error {
				if strings.HasPrefix(request, "note") {
					return &connector.AnswerError{Status: 500, Message: "broken"}
				}
				return nil
			}
		})
		run := b.sync()
		b.wantState(run, store.RunPartial)
		b.wantTruth()
		if s := b.step(run, "notes"); s.Missing != 1 {
			t.Errorf("%d details missing, want 1", s.Missing)
		}
	})
}

// A change of the rules folds everything again without reading anything again.
func TestNewRevisionFoldsAgain(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		seq := b.lastSeq()
		b.ats.change(func() { b.ats.revision = "2" })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		if got := b.lastSeq(); got != seq {
			t.Errorf("the same contents were written again: %d changes", got-seq)
		}
	})
}

// Invariant 7: rows that move because an early one is deleted between every pair of pages are not
// lost.
func TestDeletionBetweenPagesLosesNothing(t *testing.T) {
	for _, deleteEach := range []int{1, 3, 12} {
		t.Run(fmt.Sprint(deleteEach, " at a time"), func(t *testing.T) {
			each(t, 150, func(t *testing.T, b *bench) {
				b.ats.before = func(request string) {
					if strings.HasPrefix(request, "people") && request != "people 1" {
						b.ats.change(func() {
							for range deleteEach {
								if len(b.ats.people) > 40 {
									b.ats.removeAt(0)
								}
							}
						})
					}
				}
				b.sync()
				b.ats.before = nil
				living, stored := b.ats.truth(), b.stored()
				for id := range living {
					if _, ok := stored[id]; !ok {
						t.Errorf("%s was lost", id)
					}
				}
			})
		})
	}
}

// Invariant 8: what a complete walk does not show is asked for directly and marked only then.
func TestDeletionIsConfirmed(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() { b.ats.removeAt(4); b.ats.removeAt(20) })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		if n := b.ats.count("confirm"); n != 3 { // two and a control
			t.Errorf("%d confirming requests, want 3", n)
		}
		// One that comes back is the same record again.
		b.ats.change(func() { b.ats.people = newFake(30).people })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Invariant 8: a row that the list hides today but that a direct read finds is not deleted.
func TestHiddenRowIsNotDeleted(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		want := b.stored()
		b.ats.change(func() { b.ats.hidden = 2; b.ats.size = 10 })
		for range 3 {
			b.sync()
			if d := cmp.Diff(want, b.stored()); d != "" {
				t.Fatalf("stored (-before +after):\n%s", d)
			}
		}
	})
}

// Invariant 8: when nothing can be found directly any more, absence proves nothing.
func TestFailedControlDeletesNothing(t *testing.T) {
	each(t, 30, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		want := b.stored()
		b.ats.change(func() {
			b.ats.removeAt(3)
			b.ats.fail = func(request string) error {
				if strings.HasPrefix(request, "confirm") {
					return &connector.AnswerError{Status: 404, Message: "no JSON"}
				}
				return nil
			}
		})
		b.wantState(b.sync(), store.RunPartial)
		if d := cmp.Diff(want, b.stored()); d != "" {
			t.Errorf("stored (-before +after):\n%s", d)
		}
		b.ats.change(func() { b.ats.fail = nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Invariant 8: more than max(50, 2 %) at once waits for a person, and is then confirmed one by one.
func TestMassDeletionWaits(t *testing.T) {
	each(t, 400, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		before := b.stored()
		b.ats.change(func() { b.ats.people = b.ats.people[:100] })
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if !strings.Contains(*run.Error, "300") || !strings.Contains(*run.Error, "kladka deletions") {
			t.Errorf("the run says %q", *run.Error)
		}
		if d := cmp.Diff(before, b.stored()); d != "" {
			t.Errorf("stored (-before +after):\n%s", d)
		}
		if n := b.ats.count("confirm"); n != 0 {
			t.Errorf("%d confirming requests before the approval", n)
		}
		if n, err := b.store.ApproveDeletions(t.Context(), b.integration.No, "person"); err != nil || n != 300 {
			t.Fatalf("approved %d, %v", n, err)
		}
		b.wantState(b.sync(), store.RunSucceeded)
		if n := b.ats.count("confirm"); n != 301 {
			t.Errorf("%d confirming requests, want one for each and a control", n)
		}
		b.wantTruth()
	})
}

// A page that cannot be read is counted and named; what it would have shown is not deleted, and
// the next run brings it.
func TestBrokenPage(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.ats.fail = func(request string) error {
			if request == "people 3" {
				return &connector.RetryError{Err: &connector.AnswerError{Status: 500}}
			}
			return nil
		}
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "people"); s.Missing != 10 || !strings.Contains(*s.Error, "pages 3 ") {
			t.Errorf("missing %d: %v", s.Missing, *s.Error)
		}
		if n := len(b.stored()); n != 40 {
			t.Errorf("%d stored, want 40", n)
		}
		b.ats.change(func() { b.ats.fail = nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		b.ats.change(func() {
			b.ats.fail = func(request string) error {
				if request == "people 3" {
					return &connector.RetryError{Err: &connector.AnswerError{Status: 500}}
				}
				return nil
			}
		})
		b.wantState(b.sync(), store.RunPartial)
		b.wantTruth()
	})
}

// While the ATS is down the run waits where it is; without progress for too long it says so.
func TestDown(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		b.ats.fail = func(request string) error {
			if strings.HasPrefix(request, "people") {
				return &connector.RetryError{After: 7 * time.Second, Err: &connector.AnswerError{Status: 503}}
			}
			return nil
		}
		run := b.start()
		next, err := b.engine.Slice(t.Context(), run.ID)
		if err != nil || next.Done || next.After != 7*time.Second {
			t.Fatalf("next %+v, %v", next, err)
		}
		b.db.Clock.Add(31 * time.Minute)
		if next, err = b.engine.Slice(t.Context(), run.ID); err != nil || !next.Done {
			t.Fatalf("next %+v, %v", next, err)
		}
		b.wantState(b.run(run.ID), store.RunTimedOut)
	})
}

// What the vendor says about the credentials ends the run with its own state.
func TestRefusedCredentials(t *testing.T) {
	each(t, 5, func(t *testing.T, b *bench) {
		b.ats.fail = func(string) error { return &connector.AuthError{Message: "invalid_client"} }
		b.wantState(b.sync(), store.RunAuthentication)
		i, err := b.store.IntegrationByNo(t.Context(), b.integration.No)
		if err != nil || i.Status != store.StatusActive || i.AuthFailingSince == nil {
			t.Fatalf("after one failure: %+v, %v", i, err)
		}
		b.db.Clock.Add(store.InvalidAfter)
		b.wantState(b.sync(), store.RunAuthentication)
		if i, err = b.store.IntegrationByNo(t.Context(), b.integration.No); err != nil || i.Status != store.StatusInvalid {
			t.Errorf("after three days: %+v, %v", i, err)
		}
	})
}

// A run can be stopped, and one that is asked to stop before it began never begins.
func TestCancel(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		run := b.start()
		if err := b.store.CancelRun(t.Context(), run.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := b.engine.Slice(t.Context(), run.ID); err != nil {
			t.Fatal(err)
		}
		b.wantState(b.run(run.ID), store.RunCancelled)
	})
}

// stopped is what a point panics with in place of the process's death.
type stopped struct{ point string }

// A run that is cut off at any point goes on with what was not committed: the requests that it
// repeats are those that were in flight.
func TestResumeAtEveryPoint(t *testing.T) {
	for _, point := range []string{"page fetched", "before commit", "after commit", "step done", "before completion"} {
		t.Run(point, func(t *testing.T) {
			each(t, 60, func(t *testing.T, b *bench) {
				undisturbed := newBench(t, storetest.SQLite(t), newFake(60))
				undisturbed.wantState(undisturbed.sync(), store.RunSucceeded)
				clean := len(undisturbed.ats.requests)

				run := b.start()
				var hits atomic.Int64
				cuts := 0
				b.engine = b.newEngine(func(name string) {
					if name == point && hits.Add(1)%3 == 1 && cuts < 6 {
						cuts++
						panic(stopped{name})
					}
				})
				for !b.slice(run.ID) {
					b.db.Clock.Add(store.LeaseTime + time.Second)
				}
				b.wantState(b.run(run.ID), store.RunSucceeded)
				b.wantTruth()
				if cuts == 0 {
					t.Fatal("the point was never hit")
				}
				const inFlight = 4
				if repeated := len(b.ats.requests) - clean; repeated > cuts*(inFlight+1) {
					t.Errorf("%d requests were repeated after %d cuts", repeated, cuts)
				}
			})
		})
	}
}

// slice works on a run and reports whether it is done; a point may cut it off.
func (b *bench) slice(id string) (done bool) {
	b.t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stopped); !ok {
				panic(r)
			}
		}
	}()
	next, err := b.engine.Slice(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return next.Done
}

// A worker whose run was taken over stops at its next write.
func TestTakenOverRunWritesNothing(t *testing.T) {
	each(t, 50, func(t *testing.T, b *bench) {
		run := b.start()
		other := b.newEngine(nil)
		taken := false
		b.engine = b.newEngine(func(name string) {
			if name == "page fetched" && !taken {
				taken = true
				b.db.Clock.Add(store.LeaseTime + time.Second)
				for {
					next, err := other.Slice(context.Background(), run.ID)
					if err != nil {
						t.Error(err)
					}
					if next.Done {
						return
					}
				}
			}
		})
		next, err := b.engine.Slice(t.Context(), run.ID)
		if err != nil && !errors.Is(err, store.ErrFenced) || !next.Done {
			t.Errorf("the first worker got %+v, %v", next, err)
		}
		b.wantState(b.run(run.ID), store.RunSucceeded)
		b.wantTruth()
	})
}

// Without any permission nothing usable comes of a run, and it says so.
func TestNoPermissionAtAll(t *testing.T) {
	each(t, 20, func(t *testing.T, b *bench) {
		b.ats.fail = func(string) error { return &connector.ScopeError{Scope: "people", Message: "insufficient_scope"} }
		run := b.sync()
		b.wantState(run, store.RunFailed)
		if run.Error == nil || !strings.Contains(*run.Error, `"people"`) {
			t.Errorf("the run does not name the scope: %v", run.Error)
		}
		b.ats.change(func() { b.ats.fail = nil })
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// A database that is away for a moment does not end the run.
func TestDatabaseAwayForAMoment(t *testing.T) {
	each(t, 20, func(t *testing.T, b *bench) {
		away := true
		b.ats.fail = func(string) error {
			if away {
				away = false
				return fmt.Errorf("write parts: %w", driver.ErrBadConn)
			}
			return nil
		}
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Invariants 7 and 8: a deletion that an insertion hides from the totals loses nothing either, and
// nothing that lives is taken for deleted.
func TestHiddenMovesLoseNothing(t *testing.T) {
	each(t, 150, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		for round := range 2 {
			changed := map[string]bool{}
			b.ats.before = func(request string) {
				b.ats.change(func() {
					if strings.HasPrefix(request, "people") && request != "people 1" && !changed[request] {
						changed[request] = true
						b.ats.removeAt(0)
						id := b.ats.people[len(b.ats.people)-1].ID + 3
						b.ats.people = append(b.ats.people, person{ID: id, Name: "Spóźniona", Group: 1})
						b.ats.notes[id] = "late"
					}
				})
			}
			b.wantState(b.sync(), store.RunSucceeded)
			b.ats.before = nil
			stored := b.stored()
			for id := range b.ats.truth() {
				if _, ok := stored[id]; !ok {
					t.Errorf("round %d: %s was lost", round, id)
				}
			}
		}
	})
}

// Invariant 7: should a listing not be sorted as it was asked to be, and rows come at its front,
// those that move to pages that were read already are not lost.
func TestInsertionInFrontLosesNothing(t *testing.T) {
	each(t, 150, func(t *testing.T, b *bench) {
		for _, people := range []int{0, 1, 3} {
			changed := map[string]bool{}
			b.ats.before = func(request string) {
				b.ats.change(func() {
					if strings.HasPrefix(request, "people") && !changed[request] {
						changed[request] = true
						for range people {
							id := b.ats.people[0].ID - 1
							b.ats.people = append([]person{{ID: id, Name: "Nowa", Group: 1}}, b.ats.people...)
							b.ats.notes[id] = "new"
						}
					}
				})
			}
			before := b.ats.truth()
			b.sync()
			b.ats.before = nil
			stored := b.stored()
			for id := range before {
				if _, ok := stored[id]; !ok {
					t.Errorf("%d at a time: %s was lost", people, id)
				}
			}
		}
	})
}

// Invariant 8: a listing that is empty all of a sudden has to be so twice, where nothing else can
// be asked.
func TestSuddenlyEmptyListingIsDoubted(t *testing.T) {
	each(t, 20, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		want, groups := b.stored(), b.ats.groups
		b.ats.change(func() { b.ats.groups = map[int]string{} })
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if run.Error == nil || !strings.Contains(*run.Error, "groups: 2 could not be read: 2 of 2 are missing at once") {
			t.Errorf("the run says %v", run.Error)
		}
		if d := cmp.Diff(want, b.stored()); d != "" {
			t.Errorf("after one empty answer (-before +after):\n%s", d)
		}
		b.ats.change(func() { b.ats.groups = groups })
		b.wantState(b.sync(), store.RunSucceeded) // it was a lie, and is forgotten
		b.ats.change(func() { b.ats.groups = map[int]string{} })
		b.wantState(b.sync(), store.RunPartial)
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// A listing that is not there at this ATS fails its step, takes nothing away, and stops nothing else.
func TestListingThatIsNotThere(t *testing.T) {
	each(t, 20, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() {
			b.ats.people[3].Name = "Inna"
			b.ats.fail = func(request string) error {
				if strings.HasPrefix(request, "groups") {
					return connector.ErrGone
				}
				return nil
			}
		})
		run := b.sync()
		b.wantState(run, store.RunPartial)
		if s := b.step(run, "groups"); s.State != store.StepFailed {
			t.Errorf("the step ended %s", s.State)
		}
		b.wantTruth()
	})
}
