package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// change is a row of the change log.
type change struct {
	Seq       int64
	Model     string
	ID        string
	Operation string
	Fields    string
	At        int64
}

func changes(t *testing.T, s *store.Store, no int64) []change {
	t.Helper()
	var out []change
	err := s.Transact(t.Context(), func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT seq, model, record_id, operation, fields, changed_at FROM changes WHERE integration = $1 ORDER BY seq`, no)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c change
			if err := rows.Scan(&c.Seq, &c.Model, &c.ID, &c.Operation, &c.Fields, &c.At); err != nil {
				return err
			}
			out = append(out, c)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func candidate(t *testing.T, ids ats.Namespace, remote, firstName string) store.RecordSet {
	t.Helper()
	r, err := ats.Render(ids, ats.Candidate{RemoteID: remote, FirstName: &firstName})
	if err != nil {
		t.Fatal(err)
	}
	return store.RecordSet{Model: ats.Candidates, Owner: r.ID, Records: []ats.Record{r}}
}

func put(ctx context.Context, t *testing.T, s *store.Store, no int64, sets func(ids ats.Namespace) []store.RecordSet) store.Written {
	t.Helper()
	w, err := s.Write(ctx, no, nil, "test", func(tx *store.Tx) error { return tx.Apply(ctx, sets(tx.IDs())) })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Invariant 1: whatever many writers of two processes do, sequence numbers follow the order of
// commits without a gap, and a rollback takes none.
func TestWritersTakeTurns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		stores := []*store.Store{db.Open(t), db.Open(t)}
		i := storetest.NewIntegration(t, stores[0])
		const writers, each = 8, 12
		oops := errors.New("oops")
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				s := stores[w%len(stores)]
				for n := range each {
					_, err := s.Write(t.Context(), i.No, nil, "test", func(tx *store.Tx) error {
						if err := tx.Apply(t.Context(), []store.RecordSet{candidate(t, tx.IDs(), fmt.Sprintf("%d-%d", w, n), "Zażółć")}); err != nil {
							return err
						}
						if n%3 == 2 {
							return oops
						}
						return nil
					})
					if err != nil && !errors.Is(err, oops) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		log := changes(t, stores[0], i.No)
		if want := writers * each * 2 / 3; len(log) != want {
			t.Fatalf("%d changes, want %d", len(log), want)
		}
		for n, c := range log {
			if c.Seq != int64(n+1) {
				t.Fatalf("change %d has sequence %d", n+1, c.Seq)
			}
			if n > 0 && c.At <= log[n-1].At {
				t.Errorf("change %d is stamped %d, after %d", c.Seq, c.At, log[n-1].At)
			}
		}
	})
}

// Invariant 1: who lost the lease writes nothing.
func TestFencedWriterWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		run, _, err := s.StartRun(ctx, "run", i.No, store.FullSync, "test", func(*sql.Tx, store.Run) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		first, err := s.ClaimRun(ctx, run.ID, "first", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ClaimRun(ctx, run.ID, "second", false); !errors.Is(err, store.ErrHeld) {
			t.Fatalf("claim of a held run: %v, want ErrHeld", err)
		}
		db.Clock.Add(store.LeaseTime + time.Second)
		second, err := s.ClaimRun(ctx, run.ID, "second", false)
		if err != nil {
			t.Fatal(err)
		}
		write := func(l *store.Lease, name string) error {
			_, err := s.Write(ctx, i.No, l, "test", func(tx *store.Tx) error {
				return tx.Apply(ctx, []store.RecordSet{candidate(t, tx.IDs(), "1", name)})
			})
			return err
		}
		if err := write(first.Lease(), "late"); !errors.Is(err, store.ErrFenced) {
			t.Errorf("write under the old fence: %v, want ErrFenced", err)
		}
		if err := write(second.Lease(), "new"); err != nil {
			t.Error(err)
		}
		if _, err := s.RenewLease(ctx, *first.Lease()); !errors.Is(err, store.ErrFenced) {
			t.Errorf("renewal under the old fence: %v, want ErrFenced", err)
		}
		if n := len(changes(t, s, i.No)); n != 1 {
			t.Errorf("%d changes, want 1", n)
		}
	})
}

func part(entity, id, kind, key, raw string, at int64) connector.Part {
	p := connector.Part{PartKey: connector.PartKey{Unit: connector.Unit{Entity: entity, ID: id}, Kind: kind, Part: key}, ObservedAt: ats.Milli(at)}
	if raw != "" {
		p.Raw = []byte(raw)
	}
	return p
}

// Invariant 2: an older observation never replaces a newer one, nor brings back what was
// withdrawn since.
func TestOlderReadsLose(t *testing.T) {
	tests := []struct {
		name  string
		parts []connector.Part
		want  string // the living raw
	}{
		{"newer wins", []connector.Part{part("e", "1", "list", "", "1", 10), part("e", "1", "list", "", "2", 20)}, "2"},
		{"older loses", []connector.Part{part("e", "1", "list", "", "2", 20), part("e", "1", "list", "", "1", 10)}, "2"},
		{"withdrawn", []connector.Part{part("e", "1", "list", "", "1", 10), part("e", "1", "list", "", "", 20)}, ""},
		{"older does not bring back", []connector.Part{part("e", "1", "list", "", "1", 10), part("e", "1", "list", "", "", 20), part("e", "1", "list", "", "1", 15)}, ""},
		{"newer brings back", []connector.Part{part("e", "1", "list", "", "", 20), part("e", "1", "list", "", "1", 30)}, "1"},
		{"older withdrawal loses", []connector.Part{part("e", "1", "list", "", "1", 20), part("e", "1", "list", "", "", 10)}, "1"},
		{"withdrawn before it was known", []connector.Part{part("e", "1", "list", "", "", 20), part("e", "1", "list", "", "1", 10)}, ""},
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				i := storetest.NewIntegration(t, s)
				for _, p := range tt.parts {
					if _, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error {
						_, err := tx.PutParts(ctx, []connector.Part{p}, "r")
						return err
					}); err != nil {
						t.Fatal(err)
					}
				}
				got := ""
				if _, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error {
					u := connector.Unit{Entity: "e", ID: "1"}
					living, err := tx.LivingParts(ctx, []connector.Unit{u})
					for _, p := range living[u] {
						got += string(p.Raw)
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if got != tt.want {
					t.Errorf("living %q, want %q", got, tt.want)
				}
			})
		}
	})
}

// Invariant 6: writing what is stored already takes no number and no stamp.
func TestNothingNewWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		same := func(ids ats.Namespace) []store.RecordSet { return []store.RecordSet{candidate(t, ids, "1", "Łucja")} }
		put(ctx, t, s, i.No, same)
		before := changes(t, s, i.No)
		db.Clock.Add(time.Hour)
		if w := put(ctx, t, s, i.No, same); w.Changed() != 0 {
			t.Errorf("wrote %+v", w)
		}
		if d := cmp.Diff(before, changes(t, s, i.No)); d != "" {
			t.Errorf("change log (-before +after):\n%s", d)
		}
		after, err := s.IntegrationByNo(ctx, i.No)
		if err != nil {
			t.Fatal(err)
		}
		if after.LastSeq != 1 {
			t.Errorf("sequence %d, want 1", after.LastSeq)
		}
	})
}

// Invariant 5: stamps rise even when the clock falls back, and one write has one stamp.
func TestStampsRise(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		for n := range 5 {
			put(ctx, t, s, i.No, func(ids ats.Namespace) []store.RecordSet {
				return []store.RecordSet{candidate(t, ids, "a"+strconv.Itoa(n), "x"), candidate(t, ids, "b"+strconv.Itoa(n), "x")}
			})
			db.Clock.Add(-time.Minute)
		}
		log := changes(t, s, i.No)
		for n := 0; n < len(log); n += 2 {
			if log[n].At != log[n+1].At {
				t.Errorf("one write has the stamps %d and %d", log[n].At, log[n+1].At)
			}
			if n > 0 && log[n].At <= log[n-1].At {
				t.Errorf("stamp %d after %d", log[n].At, log[n-1].At)
			}
		}
	})
}

// Invariant 5: a write that takes too long is rolled back whole.
func TestSlowWriteRollsBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		t.Parallel()
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		_, err := s.Write(ctx, i.No, nil, "test", func(tx *store.Tx) error {
			if err := tx.Apply(ctx, []store.RecordSet{candidate(t, tx.IDs(), "1", "x")}); err != nil {
				return err
			}
			for start := time.Now(); time.Since(start) < store.SlowWrite+time.Second; {
				if _, err := tx.LivingParts(ctx, []connector.Unit{{Entity: "e", ID: "1"}}); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, store.ErrSlow) {
			t.Errorf("got %v, want ErrSlow", err)
		}
		if n := len(changes(t, s, i.No)); n != 0 {
			t.Errorf("%d changes were written", n)
		}
	})
}

// The change log names operations and fields, and a record that comes back is the same record.
func TestChangeLog(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		id := ats.Namespace(i.ID).ID(ats.Candidates, "1")
		one := func(name string) func(ats.Namespace) []store.RecordSet {
			return func(ids ats.Namespace) []store.RecordSet { return []store.RecordSet{candidate(t, ids, "1", name)} }
		}
		none := func(ats.Namespace) []store.RecordSet { return []store.RecordSet{{Model: ats.Candidates, Owner: id}} }
		for _, step := range []func(ats.Namespace) []store.RecordSet{one("Jan"), one("Janusz"), none, none, one("Janusz")} {
			put(ctx, t, s, i.No, step)
			db.Clock.Add(time.Second)
		}
		var got []string
		for _, c := range changes(t, s, i.No) {
			if c.ID != id || c.Model != string(ats.Candidates) {
				t.Errorf("unexpected change %+v", c)
			}
			got = append(got, c.Operation+" "+c.Fields)
		}
		want := []string{"created ", "updated first_name", "deleted ", "restored "}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("operations (-want +got):\n%s", d)
		}
	})
}
