package action_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// clockedBench is a bench whose clock the test sets.
func clockedBench(t *testing.T, db storetest.DB, timing action.Timing) (*bench, *storetest.Clock) {
	t.Helper()
	clock := storetest.NewClock()
	s, err := store.Open(t.Context(), db.URL, store.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := &bench{T: t, store: s, integration: storetest.NewIntegration(t, s), ats: &fakeATS{}}
	b.service = b.another(timing)
	return b, clock
}

// A process that was stopped for minutes, with its machine for instance, finds its own leases run out
// when it goes on. What it is doing is not to be done a second time beside that.
func TestNobodyTakesOverWhatIsUnderWayHere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b, clock := clockedBench(t, db, quick)
		sending, goOn := make(chan struct{}), make(chan struct{})
		var begun atomic.Bool
		b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
			text := a.(*connector.AddNote).Content + " " + j.Mark()
			_, err := j.Do(ctx, connector.Effect{
				Name: "note", Blind: true,
				Look: func(context.Context) (connector.Sight, error) { return f.look(text), nil },
				Send: func(context.Context) (string, error) {
					if !begun.Swap(true) {
						close(sending)
						<-goOn
					}
					return "", f.write(text)
				},
			})
			return connector.Outcome{ApplicationID: "1:2"}, err
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.do(note("a", "k"))
			b.wantCode(err, "")
		})
		<-sending
		clock.Add(10 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_ = b.service.Work(ctx)
		close(goOn)
		wg.Wait()
		b.wantNotes("a")
	})
}

// An action that ends while its repeat is being written down: the repeat must not count as new. On
// PostgreSQL a statement may see an action as unfinished that has ended when it looks for what is in
// its way.
func TestRepeatAtTheVeryEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b := newBench(t, db, quick)
		if b.store.Embedded() {
			t.Skip("one transaction writes at a time")
		}
		row := store.Action{
			ID: ats.NewID(), Integration: b.integration.No, Operation: action.AddNote, Owner: "a", RequestID: "r",
			Content: "content", NaturalKey: "note",
		}
		first, _, err := b.store.BeginAction(t.Context(), row, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		first.State, first.Final, first.Answer = store.ActionConfirmed, true, []byte("{}")
		began := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			<-began
			again := row
			again.ID, again.Owner = ats.NewID(), "b"
			found, begun, err := b.store.BeginAction(t.Context(), again, time.Minute)
			if begun == store.BegunNew && err == nil {
				t.Errorf("the repeat is new: %+v", found)
			}
		})
		if err := b.store.EndAction(t.Context(), first, func(*sql.Tx) error {
			close(began)
			time.Sleep(300 * time.Millisecond) // the repeat comes to wait for this transaction
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	})
}

// Looks that were missed, while the server was away for instance, are not made up for all at once.
func TestMissedLooks(t *testing.T) {
	b, clock := clockedBench(t, storetest.SQLite(t), action.Timing{
		Answer: 300 * time.Millisecond, Looks: []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second}, Absent: 2 * time.Minute,
	})
	b.ats.lose = func(int) fault { return fault{after: lost} }
	b.ats.blind, b.ats.unproven = true, true
	_, err := b.do(note("a", "k"))
	b.wantCode(err, ats.TimedOut)
	clock.Add(10 * time.Hour)
	b.ats.looks = 0
	_, err = b.do(note("a", "k"))
	b.wantCode(err, ats.TimedOut)
	if b.ats.looks > 2 {
		t.Errorf("%d looks at once", b.ats.looks)
	}
}

// Looks reach back a day. What was sent before is not proven absent by them.
func TestOldRequestsAreNotSentAgain(t *testing.T) {
	b, clock := clockedBench(t, storetest.SQLite(t), action.Timing{
		Answer: 300 * time.Millisecond, Looks: []time.Duration{time.Millisecond}, Absent: 2 * time.Minute,
	})
	b.ats.lose = func(int) fault { return fault{after: lost} }
	b.ats.blind = true
	_, err := b.do(note("a", "k"))
	b.wantCode(err, ats.TimedOut)
	clock.Add(26 * time.Hour)
	_, err = b.do(note("a", "k"))
	b.wantCode(err, ats.TimedOut)
	b.wantNotes("a")
	b.ats.blind = false
	_, err = b.do(note("a", "k"))
	b.wantCode(err, "")
	b.wantNotes("a")
}

// A link that was left, then replaced, and is wanted again, is left again: what stands there is another.
func TestLinkThatComesBack(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), quick)
	b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
		_, err := j.Do(ctx, connector.Effect{Name: "note", Blind: true, Send: func(context.Context) (string, error) {
			return "", f.write(a.(*connector.AddResultLink).URL + " " + j.Mark())
		}})
		return connector.Outcome{CandidateID: "1"}, err
	}
	leave := func(url string) {
		t.Helper()
		_, err := b.do(action.Request{Operation: action.AddCandidateLink, Action: &connector.AddResultLink{CandidateID: "1", Label: "Test", URL: url}})
		b.wantCode(err, "")
	}
	for _, url := range []string{"https://x/1", "https://x/1", "https://x/2", "https://x/1", "https://x/1"} {
		leave(url)
	}
	b.wantNotes("https://x/1", "https://x/2", "https://x/1")
}

// The while in which the same content counts as a repeat begins when it has come about: somebody who is
// told to ask again may do so only after it was found out.
func TestRepeatAfterALongSearch(t *testing.T) {
	b, clock := clockedBench(t, storetest.SQLite(t), action.Timing{
		Answer: 300 * time.Millisecond, Looks: []time.Duration{time.Millisecond}, Absent: time.Hour,
	})
	b.ats.lose = func(int) fault { return fault{after: lost} }
	b.ats.blind, b.ats.unproven = true, true
	_, err := b.do(note("a", ""))
	b.wantCode(err, ats.TimedOut)
	clock.Add(9 * time.Minute)
	b.ats.blind = false
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = b.service.Work(ctx)
	clock.Add(2 * time.Minute)
	_, err = b.do(note("a", ""))
	b.wantCode(err, "")
	b.wantNotes("a")
}

// A node is stopped after it has written down that it sends, and goes on when another one has sent what
// was to be sent. It asks at the last moment whether that is still its business.
func TestStoppedBeforeTheFirstByte(t *testing.T) {
	b, clock := clockedBench(t, storetest.Postgres(t), quick)
	sending, goOn := make(chan struct{}), make(chan struct{})
	var begun atomic.Bool
	b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
		text := a.(*connector.AddNote).Content
		_, err := j.Do(ctx, connector.Effect{
			Name: "note", Blind: true,
			Look: func(context.Context) (connector.Sight, error) { return f.look(text + " x"), nil },
			Send: func(ctx context.Context) (string, error) {
				if !begun.Swap(true) {
					close(sending)
					<-goOn
				}
				if err := outbound.StillWanted(ctx); err != nil {
					return "", &connector.RetryError{Err: err}
				}
				return "", f.write(text + " x")
			},
		})
		return connector.Outcome{ApplicationID: "1:2"}, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := b.do(note("a", "k"))
		if ats.CodeOf(err) != ats.TimedOut {
			t.Errorf("the stopped node answered %v", err)
		}
	})
	<-sending
	clock.Add(10 * time.Minute)
	if _, err := b.another(quick).Do(t.Context(), b.integration, note("a", "k")); err != nil {
		t.Error(err)
	}
	close(goOn)
	wg.Wait()
	b.wantNotes("a")
}

// What waited for its turn before it was sent was sent late: from then on it is counted.
func TestAbsenceIsCountedFromTheFirstByte(t *testing.T) {
	b, clock := clockedBench(t, storetest.SQLite(t), quick)
	b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
		_, err := j.Do(ctx, connector.Effect{
			Name: "note", Blind: true,
			Send: func(ctx context.Context) (string, error) {
				clock.Add(time.Minute)
				if err := outbound.StillWanted(ctx); err != nil {
					return "", err
				}
				open, err := b.store.Actions(t.Context(), b.integration.No, true, 1)
				if err != nil {
					return "", err
				}
				if since := fmt.Sprintf(`"since":%d`, clock.Now().UnixMilli()); !strings.Contains(string(open[0].Effects), since) || open[0].LeaseUntil < clock.Now().UnixMilli() {
					t.Errorf("the journal says %+v, want %s", open[0], since)
				}
				return "", f.write("a x")
			},
		})
		return connector.Outcome{}, err
	}
	_, err := b.do(note("a", ""))
	b.wantCode(err, "")
}

// A file whose content was fetched may not be there any more, or be another one, when it is asked what
// became of its upload: the content that was sent is what is looked for.
func TestFetchedFilesThatChange(t *testing.T) {
	for _, then := range []string{"", "other"} {
		t.Run(then, func(t *testing.T) {
			b := newBench(t, storetest.SQLite(t), quick)
			spool, err := outbound.NewSpool(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			content := "first"
			b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
				file := &a.(*connector.AddFile).File
				_, err := j.Do(ctx, connector.Effect{
					Name: connector.FileEffect(0),
					Look: func(context.Context) (connector.Sight, error) { return f.look(file.SHA256 + " x"), nil },
					Send: func(context.Context) (string, error) {
						body, err := file.Open()
						if err != nil {
							return "", err
						}
						return "", errors.Join(f.write(file.SHA256+" x"), body.Close())
					},
				})
				return connector.Outcome{CandidateID: "1"}, err
			}
			service := func(point func(string)) *action.Service {
				config := b.config(quick, point)
				config.Fetch = func(context.Context, string, int64) (outbound.Fetched, error) {
					if content == "" {
						return outbound.Fetched{}, errors.New("it answered 404")
					}
					kept, err := spool.Keep(strings.NewReader(content), 100)
					return outbound.Fetched{Spooled: kept}, err
				}
				return action.New(config)
			}
			request := func() action.Request {
				return action.Request{Operation: action.AddCandidateAttachment, Key: "k", Action: &connector.AddFile{
					CandidateID: "1", File: connector.File{Name: "a.txt", URL: "https://x/a.txt", Type: connector.OtherFile},
				}}
			}
			dead := make(chan struct{})
			died := service(func(p string) {
				if p == "action sent" {
					close(dead)
					select {} // it never comes back
				}
			})
			go func() { _, _ = died.Do(context.Background(), b.integration, request()) }()
			<-dead
			content = then
			next := service(nil)
			defer next.Close()
			_, err = next.Do(t.Context(), b.integration, request())
			b.wantCode(err, "")
			if n := len(b.ats.all()); n != 1 {
				t.Errorf("%d files were uploaded", n)
			}
		})
	}
}

// Nothing is asked for an integration that is switched off or removed, and others do not wait for it.
func TestReconcilerLeavesSwitchedOffAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		timing := quick
		timing.Answer = 50 * time.Millisecond
		b := newBench(t, db, timing)
		b.ats.lose = func(int) fault { return fault{after: lost} }
		b.ats.blind, b.ats.unproven = true, true
		other := storetest.NewIntegration(t, b.store)
		removed := storetest.NewIntegration(t, b.store)
		leave := func(i store.Integration, content string) string {
			t.Helper()
			for t.Context().Err() == nil {
				answer, err := b.service.Do(t.Context(), i, note(content, ""))
				b.wantCode(err, ats.TimedOut)
				if answer.ID != "" { // otherwise the machine was so busy that nothing was even written down
					return answer.ID
				}
			}
			return ""
		}
		var off []string
		for n := range 12 {
			off = append(off, leave(b.integration, fmt.Sprint("off", n)))
			leave(removed, fmt.Sprint("removed", n))
		}
		last := leave(other, "other")
		if err := b.store.SetEnabled(t.Context(), b.integration.No, false); err != nil {
			t.Fatal(err)
		}
		if err := b.store.RemoveIntegration(t.Context(), removed.No, 0); err != nil {
			t.Fatal(err)
		}
		b.ats.mu.Lock()
		b.ats.blind = false
		b.ats.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = b.service.Work(ctx) })
		for until := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			row, err := b.store.Action(t.Context(), last)
			if err != nil {
				t.Fatal(err)
			}
			if row.EndedAt != nil {
				break
			}
			if time.Now().After(until) {
				t.Error("the other integration's action is not finished")
				break
			}
		}
		cancel()
		wg.Wait()
		for _, id := range off {
			if row, err := b.store.Action(t.Context(), id); err != nil || row.EndedAt != nil {
				t.Errorf("the integration that is switched off was asked: %+v, %v", row, err)
				break
			}
		}
	})
}
