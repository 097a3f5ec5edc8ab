package store_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func noMore(*sql.Tx) error { return nil }

func elsewhere(string) store.OwnerState { return store.OwnerElsewhere }

// newAction makes a row of the journal of which everything but the ID is given.
func newAction(no int64, natural, content, key, owner string) store.Action {
	return store.Action{
		ID: ats.NewID(), Integration: no, Operation: "ats_add_application_note", NaturalKey: natural, Content: content, Key: key,
		RequestID: "r", Input: "sealed", Owner: owner,
	}
}

func TestBeginAction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		begin := func(a store.Action, want store.Begun, wantID string) store.Action {
			t.Helper()
			row, begun, err := s.BeginAction(ctx, a, 10*time.Minute)
			if wantID == "" {
				wantID = a.ID
			}
			if err != nil || begun != want || row.ID != wantID {
				t.Fatalf("began %d with %s, %v; want %d with %s", begun, row.ID, err, want, wantID)
			}
			return row
		}
		first := begin(newAction(i.No, "n1", "c1", "k1", "o1"), store.BegunNew, "")
		begin(newAction(i.No, "n1", "c1", "k1", "o2"), store.BegunSameKey, first.ID)
		begin(newAction(i.No, "n2", "c2", "k1", "o2"), store.BegunSameKey, first.ID) // the caller compares the content
		begin(newAction(i.No, "n1", "c2", "k2", "o2"), store.BegunBusy, first.ID)
		begin(newAction(i.No, "n1", "c1", "", "o2"), store.BegunBusy, first.ID)
		begin(newAction(other.No, "n1", "c1", "k1", "o2"), store.BegunNew, "")
		stranger := newAction(i.No, "n3", "c1", "k1", "o2")
		stranger.Operation = "ats_reject_application"
		begin(stranger, store.BegunNew, "")

		first.State, first.Final, first.Answer = store.ActionConfirmed, true, []byte(`{"a":1}`)
		if err := s.EndAction(ctx, first, noMore); err != nil {
			t.Fatal(err)
		}
		begin(newAction(i.No, "n1", "c1", "", "o2"), store.BegunRepeat, first.ID)
		begin(newAction(i.No, "n1", "c1", "k1", "o2"), store.BegunSameKey, first.ID)
		db.Clock.Add(11 * time.Minute)
		second := begin(newAction(i.No, "n1", "c1", "", "o2"), store.BegunNew, "")
		begin(newAction(i.No, "n1", "c1", "k1", "o2"), store.BegunSameKey, first.ID)

		got, err := s.Action(ctx, first.ID)
		if err != nil || got.Input != "" || string(got.Answer) != `{"a":1}` || got.EndedAt == nil || !got.Final {
			t.Errorf("the ended action is %+v, %v", got, err)
		}
		open, err := s.Actions(ctx, i.No, true, 10)
		if err != nil || len(open) != 2 {
			t.Errorf("unfinished: %d, %v", len(open), err)
		}
		if all, err := s.Actions(ctx, i.No, false, 10); err != nil || len(all) != 3 || all[0].ID != second.ID {
			t.Errorf("all: %d, %v", len(all), err)
		}
	})
}

// Many nodes begin the same at once: one row, one owner.
func TestBeginActionAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i := storetest.NewIntegration(t, s)
		var mu sync.Mutex
		begun := map[store.Begun]int{}
		var wg sync.WaitGroup
		for n := range 16 {
			wg.Go(func() {
				key := []string{"k", ""}[n%2]
				for {
					_, b, err := s.BeginAction(t.Context(), newAction(i.No, "n", "c", key, "o"), time.Minute)
					if errors.Is(err, store.ErrNotFound) {
						continue
					}
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					begun[b]++
					mu.Unlock()
					return
				}
			})
		}
		wg.Wait()
		if begun[store.BegunNew] != 1 || begun[store.BegunBusy]+begun[store.BegunSameKey] != 15 {
			t.Errorf("begun: %v", begun)
		}
	})
}

func TestClaimAction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		row, _, err := s.BeginAction(ctx, newAction(i.No, "n", "c", "", "first"), 0)
		if err != nil {
			t.Fatal(err)
		}
		claim := func(owner string, known func(string) store.OwnerState, want error) {
			t.Helper()
			if _, err := s.ClaimAction(ctx, row.ID, owner, "", known); !errors.Is(err, want) {
				t.Fatalf("%s claims: %v, want %v", owner, err, want)
			}
		}
		claim("second", elsewhere, store.ErrHeld)
		claim("second", func(o string) store.OwnerState {
			if o == "first" {
				return store.OwnerGone
			}
			return store.OwnerElsewhere
		}, nil)
		row.State, row.Effects, row.Answer = store.ActionSending, []byte(`{"note":{"state":"sending"}}`), []byte(`{}`)
		for what, err := range map[string]error{
			"save":    s.SaveAction(ctx, row),
			"release": s.ReleaseAction(ctx, row, 0), "end": s.EndAction(ctx, row, noMore),
		} {
			if !errors.Is(err, store.ErrFenced) {
				t.Errorf("%s by the first: %v", what, err)
			}
		}
		row.Owner = "second"
		if err := s.SaveAction(ctx, row); err != nil {
			t.Fatal(err)
		}
		// Its lease is renewed as long as its owner lives, then it is due.
		for range 3 {
			db.Clock.Add(store.ActionLease - time.Second)
			if err := s.RenewActions(ctx, []string{"second"}); err != nil {
				t.Fatal(err)
			}
			claim("third", elsewhere, store.ErrHeld)
		}
		if due, err := s.DueActions(ctx, 10); err != nil || len(due) != 0 {
			t.Errorf("due: %v, %v", due, err)
		}
		db.Clock.Add(store.ActionLease + time.Second)
		if due, err := s.DueActions(ctx, 10); err != nil || len(due) != 1 || string(due[0].Effects) != string(row.Effects) {
			t.Errorf("due: %v, %v", due, err)
		}
		claim("third", func(string) store.OwnerState { return store.OwnerLives }, store.ErrHeld)
		claim("third", elsewhere, nil)
		row.Owner, row.State = "third", store.ActionUnknown
		if err := s.ReleaseAction(ctx, row, time.Minute); err != nil {
			t.Fatal(err)
		}
		if due, err := s.DueActions(ctx, 10); err != nil || len(due) != 0 {
			t.Errorf("due at once: %v, %v", due, err)
		}
		db.Clock.Add(time.Minute)
		if due, err := s.DueActions(ctx, 10); err != nil || len(due) != 1 {
			t.Errorf("due after a minute: %v, %v", due, err)
		}
		// An ended one is taken up again, unless its answer is final or another works on the same.
		claim("fourth", elsewhere, nil)
		row.Owner, row.State = "fourth", store.ActionFailed
		if err := s.EndAction(ctx, row, noMore); err != nil {
			t.Fatal(err)
		}
		rival, begun, err := s.BeginAction(ctx, newAction(i.No, "n", "other", "", "rival"), 0)
		if err != nil || begun != store.BegunNew {
			t.Fatal(begun, err)
		}
		claim("fifth", elsewhere, store.ErrHeld)
		rival.State, rival.Final, rival.Answer = store.ActionConfirmed, true, []byte(`{}`)
		if err := s.EndAction(ctx, rival, noMore); err != nil {
			t.Fatal(err)
		}
		claim("fifth", elsewhere, nil)
		row.Owner, row.Final = "fifth", true
		if err := s.EndAction(ctx, row, noMore); err != nil {
			t.Fatal(err)
		}
		claim("sixth", elsewhere, store.ErrHeld)
	})
}

// What follows in the transaction of the end is there with it, or not at all.
func TestEndActionIsOneTransaction(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		row, _, err := s.BeginAction(ctx, newAction(i.No, "n", "c", "", "o"), 0)
		if err != nil {
			t.Fatal(err)
		}
		row.State, row.Final, row.Answer = store.ActionConfirmed, true, []byte(`{}`)
		broken := errors.New("broken")
		put := func(then error) error {
			return s.EndAction(ctx, row, func(tx *sql.Tx) error {
				if err := s.PutUpload(ctx, tx, i.No, "candidate", "Życiorys.pdf", connector.CV); err != nil {
					return err
				}
				if err := s.PutResultLink(ctx, tx, i.No, "record", "label", "content"); err != nil {
					return err
				}
				return then
			})
		}
		known := func() (map[string]connector.FileType, string) {
			types, err := s.UploadedTypes(ctx, i.No, "candidate")
			link, err2 := s.ResultLink(ctx, i.No, "record", "label")
			if err := errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			return types, link
		}
		if err := put(broken); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if types, link := known(); len(types) != 0 || link != "" {
			t.Errorf("a transaction that failed left %v and %q", types, link)
		}
		if err := put(nil); err != nil {
			t.Fatal(err)
		}
		types, link := known()
		if diff := cmp.Diff(map[string]connector.FileType{store.Digest([]byte("Życiorys.pdf")): connector.CV}, types); diff != "" || link != "content" {
			t.Errorf("%s%q", diff, link)
		}
		db.Clock.Add(time.Hour)
		if more, err := s.ForgetActions(ctx, s.Now()-time.Minute.Milliseconds()); err != nil || more {
			t.Error(more, err)
		}
		if _, err := s.Action(ctx, row.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the forgotten action: %v", err)
		}
	})
}
