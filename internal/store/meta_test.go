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
