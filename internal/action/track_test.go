package action_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// tracked lists what is noted as created, as candidate and application.
func (b *bench) tracked() (pairs [][2]string) {
	b.Helper()
	if err := b.store.Transact(b.Context(), func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT candidate, application FROM tracked_applications WHERE integration = $1 ORDER BY 1, 2`, b.integration.No)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p [2]string
			if err := rows.Scan(&p[0], &p[1]); err != nil {
				return err
			}
			pairs = append(pairs, p)
		}
		return rows.Err()
	}); err != nil {
		b.Fatal(err)
	}
	return pairs
}

// creates makes the ATS create candidate 7 and application 7:2, or find the candidate, and refuse the
// application.
func (b *bench) creates(known, refuse bool) {
	b.ats.act = func(ctx context.Context, f *fakeATS, _ connector.Action, j connector.Journal) (connector.Outcome, error) {
		_, err := j.Do(ctx, connector.Effect{
			Name: "candidate",
			Look: func(context.Context) (connector.Sight, error) {
				return connector.Sight{Found: known || len(f.all()) > 0, RemoteID: "7", Proven: true}, nil
			},
			Send: func(context.Context) (string, error) { return "7", f.write("candidate") },
		})
		if err != nil {
			return connector.Outcome{}, err
		}
		out := connector.Outcome{CandidateID: "7", Parts: []connector.Part{{}}}
		if refuse {
			return out, refused
		}
		out.ApplicationID = "7:2"
		return out, nil
	}
}

func creation(key string) action.Request {
	return action.Request{Operation: action.CreateApplication, Key: key, Action: &connector.CreateApplication{
		Candidate: connector.NewCandidate{Email: "a@example.com"}, JobID: "2",
	}}
}

// What is created through the API is noted, and before anything of it is stored.
func TestCreationsAreTracked(t *testing.T) {
	for _, c := range []struct {
		name          string
		known, refuse bool
		want          [][2]string
	}{
		{"both", false, false, [][2]string{{"7", "7:2"}}},
		{"an application of somebody known", true, false, [][2]string{{"7", "7:2"}}},
		{"only the candidate", false, true, [][2]string{{"7", ""}}},
		{"nothing", true, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db storetest.DB) {
				b := newBench(t, db, quick)
				b.creates(c.known, c.refuse)
				config := b.config(quick, nil)
				var before [][2]string
				config.Ingest = func(context.Context, store.Integration, []connector.Part, string) error {
					before = b.tracked()
					return nil
				}
				s := action.New(config)
				defer s.Close() //nolint:errcheck // it gives no error
				_, err := s.Do(t.Context(), b.integration, creation("k"))
				if refused := err != nil; refused != c.refuse {
					t.Fatal(err)
				}
				for _, got := range [][][2]string{before, b.tracked()} {
					if d := cmp.Diff(c.want, got); d != "" {
						t.Errorf("noted (-want +got):\n%s", d)
					}
				}
			})
		})
	}
}

// Other actions create nothing.
func TestOtherActionsAreNotTracked(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), quick)
	_, err := b.do(note("a", "k"))
	b.wantCode(err, "")
	if got := b.tracked(); got != nil {
		t.Errorf("noted %v", got)
	}
}

// A process that dies with the answer in its hands: whoever goes on notes what was created.
func TestTrackedAfterAKill(t *testing.T) {
	for _, point := range []string{"before tracking", "before action end"} {
		t.Run(point, func(t *testing.T) {
			b := newBench(t, storetest.SQLite(t), quick)
			b.creates(false, false)
			dead := make(chan struct{})
			died := b.mortal(quick, func(p string) {
				if p == point {
					close(dead)
					select {} // it never comes back; the test's process keeps the goroutine
				}
			})
			go func() { _, _ = died.Do(context.Background(), b.integration, creation("k")) }()
			<-dead
			_, err := b.do(creation("k"))
			b.wantCode(err, "")
			if d := cmp.Diff([][2]string{{"7", "7:2"}}, b.tracked()); d != "" {
				t.Errorf("noted (-want +got):\n%s", d)
			}
		})
	}
}
