package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// A model is readable since its first complete load, however often it is loaded again.
func TestLoaded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		mark := func(models ...ats.Model) {
			t.Helper()
			if _, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error {
				for _, m := range models {
					if err := tx.MarkLoaded(ctx, m); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		loaded := func(no int64) map[string]string {
			t.Helper()
			m, err := s.Loaded(ctx, no)
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]string{}
			for model, at := range m {
				out[string(model)] = at.String()
			}
			return out
		}
		first := ats.TimeOf(db.Clock.Now()).String()
		mark(ats.Jobs)
		db.Clock.Add(time.Hour)
		mark(ats.Jobs, ats.Tags)
		want := map[string]string{"ats_jobs": first, "ats_tags": ats.TimeOf(db.Clock.Now()).String()}
		if d := cmp.Diff(want, loaded(i.No)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := loaded(other.No); len(got) != 0 {
			t.Errorf("another integration: %v", got)
		}
	})
}
