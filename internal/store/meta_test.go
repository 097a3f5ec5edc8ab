package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kladka/kladka/internal/store/storetest"
)

// Of several processes that set the same fact the first wins, and all read its value.
func TestMetaIsSetOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		a, b := db.Open(t), db.Open(t)
		if got, err := a.Meta(t.Context(), "fact"); got != "" || err != nil {
			t.Errorf("before it was set: %q, %v", got, err)
		}
		var group sync.WaitGroup
		for n := range 8 {
			s := a
			if n%2 == 1 {
				s = b
			}
			group.Go(func() {
				if err := s.SetMeta(t.Context(), "fact", fmt.Sprint("value ", n)); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		fromA, errA := a.Meta(t.Context(), "fact")
		fromB, errB := b.Meta(t.Context(), "fact")
		if errA != nil || errB != nil || fromA == "" || fromA != fromB {
			t.Errorf("read %q and %q (%v, %v)", fromA, fromB, errA, errB)
		}
		if err := b.SetMeta(t.Context(), "fact", "late"); err != nil {
			t.Error(err)
		}
		if again, err := b.Meta(t.Context(), "fact"); again != fromA || err != nil {
			t.Errorf("a late value replaced it: %q, %v", again, err)
		}
	})
}

// TestForgetSealed: keys that were sealed with a lost one go, other facts stay.
func TestForgetSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		for _, name := range []string{"canary", "key_downloads", "keyless", "environment_id"} {
			if err := s.SetMeta(t.Context(), name, "x"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.ForgetSealed(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"canary": "", "key_downloads": "", "keyless": "x", "environment_id": "x"} {
			if got, err := s.Meta(t.Context(), name); got != want || err != nil {
				t.Errorf("%s is %q, %v; want %q", name, got, err, want)
			}
		}
	})
}
