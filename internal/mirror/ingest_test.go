package mirror_test

import (
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// personPart is what a list would say of somebody.
func (b *bench) personPart(p person, at time.Time) connector.Part {
	return connector.Part{
		PartKey: connector.PartKey{Unit: unit("person", p.ID), Kind: "list"}, Version: p.Name, Raw: raw(p), ObservedAt: ats.TimeOf(at),
	}
}

func (b *bench) ingest(parts ...connector.Part) {
	b.t.Helper()
	if err := b.engine.Ingest(b.t.Context(), b.integration, parts, "action:x"); err != nil {
		b.t.Fatal(err)
	}
}

// What an action read back is readable at once, and a sync that reads the same changes nothing.
func TestIngest(t *testing.T) {
	each(t, 35, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.ats.change(func() { b.ats.people[3].Name = "Zmieniona" })
		b.ingest(b.personPart(b.ats.people[3], b.db.Clock.Now()))
		b.wantTruth()
		seq := b.lastSeq()
		b.ingest(b.personPart(b.ats.people[3], b.db.Clock.Now()))
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		if got := b.lastSeq(); got != seq {
			t.Errorf("a sync that reads the same logged %d changes", got-seq)
		}
		b.ats.change(func() { b.ats.people = append(b.ats.people, person{ID: 900, Name: "Nowa", Group: 1}) })
		b.ingest(b.personPart(b.ats.people[35], b.db.Clock.Now()))
		if b.stored()["900"] == "" {
			t.Error("a new one is not readable at once")
		}
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
	})
}

// Invariant 2 holds for what is ingested, too: pages that were asked for before do not undo it, and
// it does not undo what was read later.
func TestIngestDuringASync(t *testing.T) {
	each(t, 35, func(t *testing.T, b *bench) {
		old := b.db.Clock.Now()
		b.wantState(b.sync(), store.RunSucceeded)
		var once sync.Once
		b.ats.before = func(request string) {
			if request != "people 1" { // the walk goes from the last page to the first
				return
			}
			once.Do(func() {
				b.db.Clock.Add(time.Second)
				b.ats.change(func() {
					b.ats.people[34].Name = "Po akcji"
					b.ats.people = append(b.ats.people, person{ID: 900, Name: "Nowa", Group: 1})
				})
				b.ingest(b.personPart(b.ats.people[34], b.db.Clock.Now()), b.personPart(b.ats.people[35], b.db.Clock.Now()))
			})
		}
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantTruth()
		b.ingest(b.personPart(person{ID: 103, Name: "Dawna", Group: 1}, old))
		b.wantTruth()
	})
}
