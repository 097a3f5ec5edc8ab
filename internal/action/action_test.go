package action_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// fakeATS keeps notes. Its requests go wrong as a test says.
type fakeATS struct {
	connector.Connector
	connector.Tenant

	mu    sync.Mutex
	notes []string
	sent  int
	// lose says what happens to the nth request to write, from 1; nil: all go well.
	lose func(n int) fault
	// blind hides what is there from looks; unproven looks prove no absence.
	blind, unproven bool
	looks           int
	// act replaces what Act does.
	act func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error)
}

// fault is how a request goes wrong.
type fault struct {
	before error // it had no effect
	after  error // it had its effect
}

func (f *fakeATS) write(text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent++
	var wrong fault
	if f.lose != nil {
		wrong = f.lose(f.sent)
	}
	if wrong.before != nil {
		return wrong.before
	}
	f.notes = append(f.notes, text)
	return wrong.after
}

func (f *fakeATS) look(text string) connector.Sight {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	at := slices.Index(f.notes, text)
	if at < 0 || f.blind && !strings.HasPrefix(text, "seen") {
		return connector.Sight{Proven: !f.unproven}
	}
	return connector.Sight{Found: true, RemoteID: fmt.Sprint(at)}
}

func (f *fakeATS) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.notes)
}

// Act writes a note.
func (f *fakeATS) Act(ctx context.Context, a connector.Action, j connector.Journal) (connector.Outcome, error) {
	if f.act != nil {
		return f.act(ctx, f, a, j)
	}
	note := a.(*connector.AddNote)
	text := note.Content + " " + j.Mark()
	_, err := j.Do(ctx, connector.Effect{
		Name: "note", Blind: true,
		Look: func(context.Context) (connector.Sight, error) { return f.look(text), nil },
		Send: func(ctx context.Context) (string, error) {
			if err := outbound.StillWanted(ctx); err != nil { // as the transport does
				return "", err
			}
			return "", f.write(text)
		},
	})
	return connector.Outcome{ApplicationID: note.ApplicationID}, err
}

// plain keeps texts as they are.
type plain struct{}

func (plain) Seal(b []byte, place string) string { return place + "\n" + string(b) }
func (plain) Open(sealed, place string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, place+"\n")
	if !ok {
		return nil, errors.New("another place")
	}
	return []byte(text), nil
}

type bench struct {
	*testing.T
	store       *store.Store
	integration store.Integration
	ats         *fakeATS
	service     *action.Service
}

// quick is a patience that tests can wait for.
var quick = action.Timing{
	Answer: 20 * time.Second,
	Looks:  []time.Duration{time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond},
	Absent: 100 * time.Millisecond,
}

// newBench makes a service on a database whose clock runs.
func newBench(t *testing.T, db storetest.DB, timing action.Timing) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), db.URL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := &bench{T: t, store: s, integration: storetest.NewIntegration(t, s), ats: &fakeATS{}}
	b.service = b.another(timing)
	return b
}

// another makes a further service on the same database, of another node.
func (b *bench) another(timing action.Timing) *action.Service {
	b.Helper()
	s := b.mortal(timing, nil)
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// mortal makes one that nobody closes.
func (b *bench) mortal(timing action.Timing, point func(string)) *action.Service {
	return action.New(b.config(timing, point))
}

func (b *bench) config(timing action.Timing, point func(string)) action.Config {
	return action.Config{
		Store: b.store, Keys: plain{}, MaxFile: 1 << 20, Timing: timing, Point: point,
		Open: func(context.Context, store.Integration) (connector.Connector, connector.Tenant, error) {
			return b.ats, b.ats, nil
		},
		Ingest: func(context.Context, store.Integration, []connector.Part, string) error { return nil },
		Fetch: func(context.Context, string, int64) (outbound.Fetched, error) {
			return outbound.Fetched{}, errors.New("nothing there")
		},
	}
}

func note(content, key string) action.Request {
	return action.Request{Operation: action.AddNote, Key: key, Action: &connector.AddNote{ApplicationID: "1:2", Content: content}}
}

func (b *bench) do(r action.Request) (action.Answer, error) {
	return b.service.Do(b.Context(), b.integration, r)
}

// wantCode fails unless the error has the code; empty means no error.
func (b *bench) wantCode(err error, want ats.Code) {
	b.Helper()
	var got ats.Code
	if err != nil {
		got = ats.CodeOf(err)
	}
	if got != want {
		b.Fatalf("the error is %v, want the code %q", err, want)
	}
}

// wantNotes fails unless the ATS has these notes, their marks apart.
func (b *bench) wantNotes(want ...string) {
	b.Helper()
	var got []string
	for _, n := range b.ats.all() {
		got = append(got, n[:strings.LastIndex(n, " ")])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.Fatalf("notes in the ATS (-want +got):\n%s", diff)
	}
}

var (
	lost    = &connector.UnclearError{Err: io.ErrUnexpectedEOF}
	refused = &connector.RefusedError{Status: 400, Message: "no"}
	away    = &connector.RetryError{Err: errors.New("connection refused")}
)

// Invariant 10: an effect is sent once, whatever becomes of its answer.
func TestWhatBecomesOfARequest(t *testing.T) {
	once := func(f fault) func(int) fault {
		return func(n int) fault {
			if n == 1 {
				return f
			}
			return fault{}
		}
	}
	for name, tc := range map[string]struct {
		lose     func(int) fault
		blind    bool
		unproven bool
		code     ats.Code
		notes    []string
		sent     int
	}{
		"well":                              {notes: []string{"a"}, sent: 1},
		"refused":                           {lose: once(fault{before: refused}), code: ats.RemoteInputInvalid, sent: 1},
		"not reached":                       {lose: once(fault{before: away}), code: ats.RemoteUnavailable, sent: 1},
		"answer lost, done":                 {lose: once(fault{after: lost}), notes: []string{"a"}, sent: 1},
		"answer lost, not done":             {lose: once(fault{before: lost}), notes: []string{"a"}, sent: 2},
		"lost, and no look proves anything": {lose: once(fault{before: lost}), unproven: true, code: ats.TimedOut, sent: 1},
		"lost, done, and looks are blind":   {lose: once(fault{after: lost}), blind: true, unproven: true, code: ats.TimedOut, notes: []string{"a"}, sent: 1},
		"lost each time":                    {lose: func(int) fault { return fault{before: lost} }, code: ats.RemoteUnavailable, sent: 5},
		"refused after a lost answer": {lose: func(n int) fault {
			return map[int]fault{1: {before: lost}, 2: {before: refused}}[n]
		}, code: ats.RemoteInputInvalid, sent: 2},
	} {
		t.Run(name, func(t *testing.T) {
			timing := quick
			if tc.code == ats.TimedOut {
				timing.Answer = 400 * time.Millisecond
			}
			b := newBench(t, storetest.SQLite(t), timing)
			b.ats.lose, b.ats.blind, b.ats.unproven = tc.lose, tc.blind, tc.unproven
			_, err := b.do(note("a", ""))
			b.wantCode(err, tc.code)
			b.wantNotes(tc.notes...)
			if b.ats.sent != tc.sent {
				t.Errorf("sent %d times, want %d", b.ats.sent, tc.sent)
			}
		})
	}
}

// An absence counts only after a while: TRAFFIT may still be at it.
func TestAbsenceCountsLate(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), quick)
	b.ats.lose = func(n int) fault {
		if n == 1 {
			return fault{after: lost}
		}
		return fault{}
	}
	b.ats.blind = true
	seen := time.AfterFunc(70*time.Millisecond, func() {
		b.ats.mu.Lock()
		defer b.ats.mu.Unlock()
		b.ats.blind = false
	})
	defer seen.Stop()
	_, err := b.do(note("a", ""))
	b.wantCode(err, "")
	b.wantNotes("a")
}

func TestIdempotencyKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b := newBench(t, db, quick)
		first, err := b.do(note("a", "k"))
		b.wantCode(err, "")
		again, err := b.do(note("a", "k"))
		b.wantCode(err, "")
		if !again.Replayed || first.Replayed || again.ID != first.ID || again.ApplicationID != "1:2" {
			t.Errorf("the repeat was answered %+v after %+v", again, first)
		}
		_, err = b.do(note("b", "k"))
		b.wantCode(err, ats.InputInvalid)
		b.wantNotes("a")
		_, err = b.do(note("a", "other"))
		b.wantCode(err, "")
		b.wantNotes("a", "a")
		// The key is one of the operation and of the integration.
		elsewhere := storetest.NewIntegration(t, b.store)
		if _, err := b.service.Do(t.Context(), elsewhere, note("a", "k")); err != nil {
			t.Fatal(err)
		}
		b.wantNotes("a", "a", "a")
	})
}

func TestOnlyFinalAnswersAreKept(t *testing.T) {
	for name, tc := range map[string]struct {
		wrong       error
		first, then ats.Code
		notes       []string
	}{
		"refused":     {wrong: refused, first: ats.RemoteInputInvalid, then: ats.RemoteInputInvalid},
		"not reached": {wrong: away, first: ats.RemoteUnavailable, notes: []string{"a"}},
		"limited":     {wrong: &connector.RetryError{Err: &connector.RefusedError{Status: 429}}, first: ats.RemoteRateLimited, notes: []string{"a"}},
		"credentials": {wrong: &connector.AuthError{}, first: ats.CredentialsInvalid, notes: []string{"a"}},
		"scope":       {wrong: &connector.ScopeError{}, first: ats.PermissionMissing, notes: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, storetest.SQLite(t), quick)
			b.ats.lose = func(n int) fault {
				if n == 1 {
					return fault{before: tc.wrong}
				}
				return fault{}
			}
			_, err := b.do(note("a", "k"))
			b.wantCode(err, tc.first)
			_, err = b.do(note("a", "k"))
			b.wantCode(err, tc.then)
			b.wantNotes(tc.notes...)
		})
	}
}

// Without a key, the same content within a while is a repeat, and after it a new note.
func TestRepeatsWithoutAKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		now := time.Now()
		var mu sync.Mutex
		s, err := store.Open(t.Context(), db.URL, store.Options{Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		b := &bench{T: t, store: s, integration: storetest.NewIntegration(t, s), ats: &fakeATS{}}
		b.service = b.another(quick)
		for range 3 {
			_, err := b.do(note("a", ""))
			b.wantCode(err, "")
		}
		_, err = b.do(note("b", ""))
		b.wantCode(err, "")
		b.wantNotes("a", "b")
		mu.Lock()
		now = now.Add(11 * time.Minute)
		mu.Unlock()
		_, err = b.do(note("a", ""))
		b.wantCode(err, "")
		b.wantNotes("a", "b", "a")
	})
}

// The same request sent many times at once, to two nodes, with and without a key.
func TestSameRequestAtOnce(t *testing.T) {
	for _, key := range []string{"", "k"} {
		storetest.Each(t, func(t *testing.T, db storetest.DB) {
			b := newBench(t, db, quick)
			b.ats.lose = func(n int) fault {
				time.Sleep(30 * time.Millisecond) // so that the others come meanwhile
				return fault{}
			}
			nodes := []*action.Service{b.service, b.another(quick)}
			if b.store.Embedded() {
				nodes = nodes[:1] // one process works on the file
			}
			var wg sync.WaitGroup
			for n := range 12 {
				wg.Go(func() {
					if _, err := nodes[n%len(nodes)].Do(t.Context(), b.integration, note("a", key)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			b.wantNotes("a")
		})
	}
}

// A repeat goes on with an action whose process died at a point of it.
func TestKilledProcess(t *testing.T) {
	for _, key := range []string{"", "k"} {
		for _, point := range []string{"action sending", "action sent", "before action end"} {
			t.Run(point+" "+key, func(t *testing.T) {
				b := newBench(t, storetest.SQLite(t), quick)
				dead := make(chan struct{})
				died := b.mortal(quick, func(p string) {
					if p == point {
						close(dead)
						select {} // it never comes back; the test's process keeps the goroutine
					}
				})
				go func() { _, _ = died.Do(context.Background(), b.integration, note("a", key)) }()
				<-dead
				_, err := b.do(note("a", key))
				b.wantCode(err, "")
				b.wantNotes("a")
			})
		}
	}
}

// What was unknown at the end of the time is found out later, and the same key gets it.
func TestReconciler(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		timing := quick
		timing.Answer = 300 * time.Millisecond
		b := newBench(t, db, timing)
		b.ats.lose = func(int) fault { return fault{after: lost} }
		b.ats.blind, b.ats.unproven = true, true
		_, err := b.do(note("a", "k"))
		b.wantCode(err, ats.TimedOut)
		open, err := b.store.Actions(t.Context(), b.integration.No, true, 10)
		if err != nil || len(open) != 1 || open[0].State != store.ActionUnknown {
			t.Fatalf("unfinished in the journal: %+v, %v", open, err)
		}
		if count, err := b.store.OpenActions(t.Context()); err != nil || len(count) != 1 || count[store.ActionUnknown] != 1 {
			t.Errorf("unfinished by state: %v, %v", count, err)
		}
		entry, err := action.Read(open[0])
		if d := cmp.Diff(action.Entry{Effects: []action.EntryEffect{{Name: "note", State: "sending", Sent: 1}}}, entry); err != nil || d != "" {
			t.Errorf("what it tells (-want +got):\n%s%v", d, err)
		}
		b.ats.mu.Lock()
		b.ats.blind = false
		b.ats.mu.Unlock()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = b.service.Work(ctx) })
		deadline := time.Now().Add(20 * time.Second)
		for {
			row, err := b.store.Action(t.Context(), open[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			if row.State == store.ActionConfirmed {
				if row.Input != "" {
					t.Error("the journal keeps what was asked for")
				}
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the action is %s", row.State)
			}
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
		wg.Wait()
		answer, err := b.do(note("a", "k"))
		b.wantCode(err, "")
		if !answer.Replayed || answer.ApplicationID != "1:2" {
			t.Errorf("the repeat got %+v", answer)
		}
		b.wantNotes("a")
	})
}

// An action is not done while it is not known what became of one of its effects, whatever the
// connector makes of that; but effects that may be repeated keep no answer back.
func TestOpenEffects(t *testing.T) {
	for name, tc := range map[string]struct {
		repeatable bool
		then       error
		code       ats.Code
		state      store.ActionState
	}{
		"passed over":                {code: ats.TimedOut, state: store.ActionUnknown},
		"before a definite end":      {then: refused, code: ats.TimedOut, state: store.ActionUnknown},
		"repeatable, passed over":    {repeatable: true, state: store.ActionConfirmed},
		"repeatable, before the end": {repeatable: true, then: refused, code: ats.RemoteInputInvalid, state: store.ActionFailed},
	} {
		t.Run(name, func(t *testing.T) {
			timing := quick
			timing.Answer = 200 * time.Millisecond
			if tc.repeatable {
				timing.Looks = []time.Duration{time.Minute} // it is not sent again before the time is over
			}
			b := newBench(t, storetest.SQLite(t), timing)
			b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
				_, err := j.Do(ctx, connector.Effect{
					Name: "note", Repeatable: tc.repeatable,
					Look: func(context.Context) (connector.Sight, error) { return connector.Sight{}, nil },
					Send: func(context.Context) (string, error) { return "", lost },
				})
				if err == nil {
					t.Error("the effect came about")
				}
				return connector.Outcome{}, tc.then
			}
			_, err := b.do(note("a", "k"))
			b.wantCode(err, tc.code)
			rows, err := b.store.Actions(t.Context(), b.integration.No, false, 10)
			if err != nil || len(rows) != 1 || rows[0].State != tc.state {
				t.Errorf("the journal has %+v, %v; want one that is %s", rows, err, tc.state)
			}
		})
	}
}

// Those of which nothing is to be learned do not keep the reconciler from the others.
func TestReconcilerWaitsForNone(t *testing.T) {
	timing := quick
	timing.Answer = 100 * time.Millisecond
	b := newBench(t, storetest.SQLite(t), timing)
	b.ats.lose = func(int) fault { return fault{after: lost} }
	b.ats.blind, b.ats.unproven = true, true
	for n := range 6 {
		_, err := b.do(note(fmt.Sprintf("hidden %d", n), ""))
		b.wantCode(err, ats.TimedOut)
	}
	died := make(chan struct{})
	dead := b.mortal(timing, func(p string) {
		if p == "action sent" {
			close(died)
			select {}
		}
	})
	go func() { _, _ = dead.Do(context.Background(), b.integration, note("seen", "")) }()
	<-died
	if err := b.store.Transact(t.Context(), func(tx *sql.Tx) error { // all are due, the one that can be told is the last
		_, err := tx.ExecContext(t.Context(), `UPDATE actions SET lease_until = 0`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	patient := timing
	patient.Answer, patient.Looks = 10*time.Minute, []time.Duration{time.Millisecond, 5 * time.Minute}
	reconciler := b.another(patient)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = reconciler.Work(ctx) })
	defer wg.Wait()
	defer cancel()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		open, err := b.store.Actions(t.Context(), b.integration.No, true, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 6 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d actions are open", len(open))
		}
	}
}

// An unfinished action on the same thing is finished first.
func TestSameThingTakesTurns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b := newBench(t, db, quick)
		var mu sync.Mutex
		under, most := 0, 0
		b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
			mu.Lock()
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			under--
			mu.Unlock()
			return connector.Outcome{CandidateID: "1"}, nil
		}
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				r := action.Request{Operation: action.CreateApplication, Action: &connector.CreateApplication{
					Candidate: connector.NewCandidate{Email: []string{"a@b.pl", "A@B.PL"}[n%2]}, JobID: fmt.Sprint(n),
				}}
				if _, err := b.do(r); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most != 1 {
			t.Errorf("%d actions on one candidate at once", most)
		}
	})
}

// Files that died with their process stop an action only until they are sent again.
func TestFilesOfADeadProcess(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), quick)
	var uploaded []string
	b.ats.act = func(ctx context.Context, f *fakeATS, a connector.Action, j connector.Journal) (connector.Outcome, error) {
		for n, file := range a.Attached() {
			if _, err := j.Do(ctx, connector.Effect{Name: connector.FileEffect(n), Send: func(context.Context) (string, error) {
				r, err := file.Open()
				if err != nil {
					return "", err
				}
				content, err := io.ReadAll(r)
				uploaded = append(uploaded, string(content))
				return "7", err
			}}); err != nil {
				return connector.Outcome{CandidateID: "1"}, err
			}
		}
		return connector.Outcome{CandidateID: "1"}, nil
	}
	request := func(open func() (io.ReadCloser, error)) action.Request {
		return action.Request{Operation: action.AddCandidateAttachment, Key: "k", Action: &connector.AddFile{
			CandidateID: "1", File: connector.File{Name: "cv.pdf", Type: connector.CV, SHA256: "x", Size: 3, Open: open},
		}}
	}
	_, err := b.do(request(nil))
	b.wantCode(err, ats.TimedOut)
	_, err = b.do(request(func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("pdf")), nil }))
	b.wantCode(err, "")
	if diff := cmp.Diff([]string{"pdf"}, uploaded); diff != "" {
		t.Error(diff)
	}
	types, err := b.store.UploadedTypes(t.Context(), b.integration.No, ats.Namespace(b.integration.ID).ID(ats.Candidates, "1"))
	if err != nil || types[store.Digest([]byte("cv.pdf"))] != connector.CV {
		t.Errorf("the upload is known as %v, %v", types, err)
	}
}

// That a file cannot be fetched in time is not the client's fault; that it cannot be fetched is.
func TestFetchOutOfTime(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), action.Timing{Answer: 50 * time.Millisecond})
	request := action.Request{Operation: action.AddCandidateAttachment, Key: "k", Action: &connector.AddFile{
		CandidateID: "1", File: connector.File{Name: "cv.pdf", Type: connector.CV, URL: "https://files.example/cv.pdf"},
	}}
	b.service.Fetch = func(ctx context.Context, _ string, _ int64) (outbound.Fetched, error) {
		<-ctx.Done()
		return outbound.Fetched{}, &outbound.FetchError{}
	}
	_, err := b.do(request)
	b.wantCode(err, ats.TimedOut)
	b.service.Fetch = func(context.Context, string, int64) (outbound.Fetched, error) {
		return outbound.Fetched{}, errors.New("nothing there")
	}
	_, err = b.do(request)
	b.wantMessage(err, "body.attachment.data_url: nothing there")
	_, err = b.do(action.Request{Operation: action.CreateApplication, Action: &connector.CreateApplication{
		Files: []connector.File{{Name: "a.txt"}, {Name: "cv.pdf", URL: "https://files.example/cv.pdf"}},
	}})
	b.wantMessage(err, "body.attachments[1].data_url: nothing there")
}

// wantMessage fails unless the client is told just this about its request.
func (b *bench) wantMessage(err error, want string) {
	b.Helper()
	told, ok := errors.AsType[*ats.Error](err)
	if !ok || told.Code != ats.InputInvalid || told.Message != want {
		b.Errorf("told %v, want %s", err, want)
	}
}

func TestResultLinks(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), quick)
	var sent []bool
	b.ats.act = func(_ context.Context, _ *fakeATS, a connector.Action, _ connector.Journal) (connector.Outcome, error) {
		sent = append(sent, a.(*connector.AddResultLink).Replaces)
		return connector.Outcome{CandidateID: "1", ApplicationID: "1:2"}, nil
	}
	leave := func(application, label, url, key string) {
		t.Helper()
		_, err := b.do(action.Request{Operation: action.AddApplicationLink, Key: key, Action: &connector.AddResultLink{
			CandidateID: "1", ApplicationID: application, Label: label, URL: url, Attributes: []connector.Attribute{{Key: "score", Value: "7"}},
		}})
		b.wantCode(err, "")
	}
	leave("1:2", "test", "https://x/1", "a")
	leave("1:2", "test", "https://x/1", "b") // the same
	leave("1:2", "test", "https://x/1", "")
	leave("1:2", "test", "https://x/2", "c") // another address
	leave("1:2", "more", "https://x/2", "d") // another label
	leave("1:3", "test", "https://x/2", "e") // another application
	if diff := cmp.Diff([]bool{false, true, false, false}, sent); diff != "" {
		t.Error(diff)
	}
}

func TestSlots(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b := newBench(t, db, quick)
		other := storetest.NewIntegration(t, b.store)
		var slots []action.Slot
		for n := range action.InFlight {
			s, err := b.service.Enter(t.Context(), b.integration)
			b.wantCode(err, "")
			if s.Limit != 30 || s.Remaining != action.InFlight-1-n {
				t.Errorf("slot %d: %d of %d left", n, s.Remaining, s.Limit)
			}
			slots = append(slots, s)
		}
		full, err := b.service.Enter(t.Context(), b.integration)
		b.wantCode(err, ats.ConcurrencyLimited)
		if full.Limit != 30 || full.Remaining != 0 {
			t.Errorf("a refused one is told %+v", full)
		}
		full.Leave()
		free, err := b.service.Enter(t.Context(), other)
		b.wantCode(err, "")
		free.Leave()
		slots[3].Leave()
		again, err := b.service.Enter(t.Context(), b.integration)
		b.wantCode(err, "")
		again.Leave()
		for n, s := range slots {
			if n != 3 {
				s.Leave()
			}
		}
	})
}

// Many clients at once never have more than the limit, and all slots come back.
func TestSlotsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		b := newBench(t, db, quick)
		var mu sync.Mutex
		in, most := 0, 0
		var wg sync.WaitGroup
		for range 60 {
			wg.Go(func() {
				s, err := b.service.Enter(t.Context(), b.integration)
				defer s.Leave()
				if err != nil {
					b.wantCode(err, ats.ConcurrencyLimited)
					return
				}
				mu.Lock()
				in++
				most = max(most, in)
				mu.Unlock()
				time.Sleep(20 * time.Millisecond)
				mu.Lock()
				in--
				mu.Unlock()
			})
		}
		wg.Wait()
		if most > action.InFlight {
			t.Errorf("%d at once", most)
		}
		s, err := b.service.Enter(t.Context(), b.integration)
		b.wantCode(err, "")
		if s.Remaining != action.InFlight-1 {
			t.Errorf("%d slots are left of %d", s.Remaining, s.Limit)
		}
		s.Leave()
	})
}
