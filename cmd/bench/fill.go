package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

// fillConfig says how large a database is to be: so many candidates, and as many applications.
type fillConfig struct {
	Database   string
	Candidates int
}

// filled is what is in it.
type filled struct{ Integration string }

// fillAtOnce is how many candidates one transaction writes.
const fillAtOnce = 1000

// fill writes records through the store, as a sync would leave them.
func fill(ctx context.Context, config []byte, _ func(any) error) (any, error) {
	var c fillConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, c.Database, store.Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // everything was committed
	i, err := s.AddIntegration(ctx, store.Integration{
		ID: ats.NewIntegrationID("traffit"), Tool: "traffit", Status: store.StatusActive, SetupStatus: store.SetupCompleted,
		OrganizationName: "Bench", Tenant: "bench",
	}, "")
	if err != nil {
		return nil, err
	}
	jobs := max(1, min(4000, c.Candidates/12))
	if err := write(ctx, s, i, func(add func(ats.Entity)) {
		for n := range 12 {
			add(ats.ApplicationStage{RemoteID: fmt.Sprint(n), Name: text("Etap %d", n), Status: text("ACTIVE"), Index: number64(n), GlobalIndex: number64(n)})
		}
		for n := range 60 {
			add(ats.Tag{RemoteID: fmt.Sprint(n), Name: text("etykieta %d", n)})
		}
		for n := range jobs {
			add(ats.Job{RemoteID: fmt.Sprint(n), Name: text("Specjalista ds. rekrutacji i rozwoju %d", n), Status: text("OPEN")})
		}
	}); err != nil {
		return nil, err
	}
	for from := 0; from < c.Candidates; from += fillAtOnce {
		if err := write(ctx, s, i, func(add func(ats.Entity)) {
			for n := from; n < min(from+fillAtOnce, c.Candidates); n++ {
				person(n, jobs, add)
			}
		}); err != nil {
			return nil, err
		}
	}
	if _, err := s.Write(ctx, i.No, nil, "bench", func(tx *store.Tx) error {
		for _, m := range ats.Models() {
			if err := tx.MarkLoaded(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return filled{i.ID}, s.RefreshStatistics(ctx)
}

// person adds a candidate with an application and two tags.
func person(n, jobs int, add func(ats.Entity)) {
	id := fmt.Sprint(n)
	at := ats.TimeOf(time.Date(2020, 1, 1, 0, n, 0, 0, time.UTC))
	add(ats.Candidate{
		RemoteID: id, FirstName: text("Katarzyna"), LastName: text("Wiśniewska-Kowalczyk %d", n),
		Company: text("Zakłady Przemysłowe Południe S.A."), Title: text("Starszy specjalista ds. logistyki"), Source: text("pracuj.pl"),
		EmailAddresses:  []ats.EmailAddress{{EmailAddress: fmt.Sprintf("katarzyna.wisniewska%d@poczta.example", n)}},
		PhoneNumbers:    []ats.PhoneNumber{{PhoneNumber: fmt.Sprintf("+48 600 %06d", n)}},
		SocialMedia:     []ats.SocialMedia{{Type: text("LINKEDIN"), Link: text("https://www.linkedin.com/in/katarzyna-wisniewska-%d", n), Username: text("katarzyna-wisniewska-%d", n)}},
		Location:        &ats.Location{City: text("Bydgoszcz"), Country: text("PL"), Raw: text("Bydgoszcz, kujawsko-pomorskie, Polska")},
		RemoteCreatedAt: &at, RemoteUpdatedAt: &at,
	})
	outcome := []ats.Outcome{ats.Pending, ats.Declined, ats.Hired}[n%3]
	add(ats.Application{
		RemoteID: id, CandidateRemoteID: id, JobRemoteID: fmt.Sprint(n % jobs), StageRemoteID: fmt.Sprint(n % 12),
		Outcome: &outcome, RemoteCreatedAt: &at, RemoteUpdatedAt: &at,
	})
	for k := range 2 {
		add(ats.CandidateTag{CandidateRemoteID: id, TagRemoteID: fmt.Sprint((n + 7*k) % 60)})
	}
}

func text(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}

func number64(n int) *int64 {
	v := int64(n)
	return &v
}

// write writes entities in one transaction.
func write(ctx context.Context, s *store.Store, i store.Integration, entities func(add func(ats.Entity))) error {
	ids := ats.Namespace(i.ID)
	var sets []store.RecordSet
	var failed error
	entities(func(e ats.Entity) {
		r, err := ats.Render(ids, e)
		if err != nil {
			failed = err
		}
		set := store.RecordSet{Model: r.Model, Owner: r.ID, Records: []ats.Record{r}}
		sets = append(sets, set)
	})
	if failed != nil {
		return failed
	}
	_, err := s.Write(ctx, i.No, nil, "bench", func(tx *store.Tx) error { return tx.Apply(ctx, sets) })
	return err
}
