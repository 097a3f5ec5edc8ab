package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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
const fillAtOnce = 500

// fillThrough is how many candidates are written through the store. What goes beyond are copies made
// in the database, or the largest one would take minutes.
const fillThrough = 50_000

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
	copies := max(1, c.Candidates/fillThrough)
	c.Candidates /= copies
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
		if from == 0 { // the plans of PostgreSQL must not stay those of empty tables
			if err := s.RefreshStatistics(ctx); err != nil {
				return nil, err
			}
		}
	}
	for _, table := range []string{"candidates", "applications", "candidate_tags"} {
		if err := multiply(ctx, c.Database, table, copies); err != nil {
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

// multiply makes so many of each row of a table, with IDs of their own, later in the list.
func multiply(ctx context.Context, database, table string, times int) error {
	db, err := openSQL(database)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // everything was committed
	if strings.HasPrefix(database, "sqlite:") {
		db.SetMaxOpenConns(1)
		if _, err := db.ExecContext(ctx, `PRAGMA cache_size = -200000`); err != nil {
			return err
		}
	}
	columns, err := columnsOf(ctx, db, table)
	if err != nil {
		return err
	}
	for n := 1; n < times; n++ {
		var values []string
		for _, c := range columns {
			switch c {
			case "id", "candidate_id", "remote_id":
				c = fmt.Sprintf("%s || '-%d'", c, n)
			case "touched_at":
				c = fmt.Sprintf("%s + %d", c, n*int(time.Hour/time.Millisecond))
			}
			values = append(values, c)
		}
		// The copies of an earlier turn are told by their IDs.
		statement := fmt.Sprintf(`INSERT INTO %[1]s (%[2]s) SELECT %[3]s FROM %[1]s WHERE id NOT LIKE '%%-%%'`,
			table, strings.Join(columns, ", "), strings.Join(values, ", "))
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
	}
	return nil
}

func columnsOf(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
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
