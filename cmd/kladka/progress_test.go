package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/store"
)

// film is a run as it looks at one poll after another.
type film struct {
	at     int
	frames []frame
}

type frame struct {
	run   store.Run
	steps []store.RunStep
}

func (f *film) Run(context.Context, string) (store.Run, error) {
	f.at = min(f.at+1, len(f.frames))
	return f.frames[f.at-1].run, nil
}

func (f *film) Steps(context.Context, string) ([]store.RunStep, error) {
	return f.frames[f.at-1].steps, nil
}

var filmed = time.UnixMilli(1_800_000_000_000)

func ms(after time.Duration) *int64 { return new(filmed.Add(after).UnixMilli()) }

func step(name string, state store.StepState, done, total int64) store.RunStep {
	s := store.RunStep{Step: name, State: state, Done: done, Written: done, Requests: done / 10}
	if total > 0 {
		s.Total = &total
	}
	if state != store.StepPending {
		s.StartedAt = ms(0)
	}
	if state == store.StepDone {
		s.EndedAt = ms(3 * time.Second)
	}
	return s
}

func filmOfARun() *film {
	running := store.Run{State: store.RunRunning, StartedAt: ms(0)}
	ended := store.Run{State: store.RunPartial, StartedAt: ms(0), EndedAt: ms(20 * time.Second), Error: new("sources: 2 could not be read")}
	partly := step("sources", store.StepDone, 98, 100)
	partly.Missing = 2
	return &film{frames: []frame{
		{run: store.Run{State: store.RunQueued}},
		{running, []store.RunStep{step("users", store.StepDone, 12, 12), step("employees", store.StepRunning, 100, 400), step("sources", store.StepPending, 0, 0)}},
		{running, []store.RunStep{step("users", store.StepDone, 12, 12), step("employees", store.StepDone, 400, 400), step("sources", store.StepRunning, 50, 100)}},
		{ended, []store.RunStep{step("users", store.StepDone, 12, 12), step("employees", store.StepDone, 400, 400), partly}},
	}}
}

func TestPlainProgressHasALinePerChange(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.now = func() time.Time { return filmed.Add(5 * time.Second) }
	r, err := p.follow(t.Context(), filmOfARun(), "r")
	if err != nil || r.State != store.RunPartial {
		t.Fatal(r, err)
	}
	want := `users: done, 12 of 12, 12 written, 1 request
employees: running, 100 of 400, 100 written, 10 requests, 15 s left
employees: done, 400 of 400, 400 written, 40 requests
sources: running, 50 of 100, 50 written, 5 requests, 5.0 s left
sources: done, 98 of 100, 98 written, 9 requests, 2 missing
PARTIALLY_FAILED in 20 s: 510 written, 0 deleted, 50 requests
  sources: 2 could not be read
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestPlainProgressSpeaksUpNowAndThen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	now := filmed
	p.now = func() time.Time { return now }
	p.next = now.Add(plainEvery)
	steps := []store.RunStep{step("employees", store.StepRunning, 1, 1000)}
	for range 21 {
		p.show(store.Run{State: store.RunRunning}, steps)
		now = now.Add(time.Second)
	}
	if n := strings.Count(out.String(), "\n"); n != 3 { // the change, and twice ten seconds
		t.Errorf("%d lines in 21 seconds:\n%s", n, out.String())
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.width = 60
	p.now = func() time.Time { return filmed.Add(5 * time.Second) }
	if _, err := p.follow(t.Context(), filmOfARun(), "r"); err != nil {
		t.Fatal(err)
	}
	screen := out.String()
	for _, line := range strings.Split(screen, "\n") {
		if i := strings.LastIndex(line, "\x1b[J"); i >= 0 {
			line = line[i+3:]
		}
		line, drawn := strings.CutSuffix(line, "\x1b[K")
		if !drawn {
			continue // said once, below the table
		}
		if i := strings.Index(line, "A"); strings.HasPrefix(line, "\x1b[") && i >= 0 {
			line = line[i+1:]
		}
		if n := utf8.RuneCountInString(line); n > 60 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	for _, want := range []string{"› employees  ████░░░░░░░░░░░░", "! sources", "\x1b[4A", "PARTIALLY_FAILED"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q is missing from:\n%q", want, screen)
		}
	}
}

func TestFollowingStopsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &film{frames: []frame{{run: store.Run{State: store.RunQueued}}}}
	if _, err := newProgress(&bytes.Buffer{}).follow(ctx, f, "r"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0.0 s", 9500 * time.Millisecond: "9.5 s", 42 * time.Second: "42 s", 5 * time.Minute: "5 min", 3 * time.Hour: "3.0 h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
