package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/kladka/kladka/internal/store"
)

// The rhythm of the progress display.
const (
	pollEvery  = 250 * time.Millisecond
	plainEvery = 10 * time.Second
)

// runReader reads what the display shows; the store is one.
type runReader interface {
	Run(ctx context.Context, id string) (store.Run, error)
	Steps(ctx context.Context, run string) ([]store.RunStep, error)
}

// progress shows how a run advances: a table that is drawn over and over on a terminal, plain
// lines elsewhere.
type progress struct {
	out   io.Writer
	width int // columns of the terminal; 0: not a terminal
	now   func() time.Time

	drawn int // lines of the table on the terminal
	said  map[string]store.StepState
	next  time.Time // when the next plain line is due
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out, now: time.Now, said: map[string]store.StepState{}}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.width = 80
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			p.width = w
		}
	}
	return p
}

// follow shows a run until it has ended or the context has, and gives its last state.
func (p *progress) follow(ctx context.Context, from runReader, id string) (store.Run, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	p.next = p.now().Add(plainEvery)
	for {
		r, err := from.Run(ctx, id)
		if err != nil {
			return r, fmt.Errorf("read the run: %w", err)
		}
		steps, err := from.Steps(ctx, id)
		if err != nil {
			return r, fmt.Errorf("read the run's steps: %w", err)
		}
		p.show(r, steps)
		if r.EndedAt != nil {
			p.end(r, steps)
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (p *progress) show(r store.Run, steps []store.RunStep) {
	if p.width > 0 {
		p.draw(r, steps)
		return
	}
	now := p.now()
	due := !now.Before(p.next)
	if due {
		p.next = now.Add(plainEvery)
	}
	for _, s := range steps {
		changed := p.said[s.Step] != s.State && s.State != store.StepPending
		if changed || due && s.State == store.StepRunning {
			p.said[s.Step] = s.State
			line(p.out, "%s", p.plain(s))
		}
	}
	if due && r.State == store.RunQueued {
		line(p.out, "waiting for a worker")
	}
}

// plain is a step as one line.
func (p *progress) plain(s store.RunStep) string {
	text := fmt.Sprintf("%s: %s, %s, %d written, %s", s.Step, strings.ToLower(string(s.State)), count(s), s.Written, requests(s))
	if left := p.left(s); left != "" {
		text += ", " + left + " left"
	}
	if s.Missing > 0 {
		text += fmt.Sprintf(", %d missing", s.Missing)
	}
	if s.Error != nil {
		text += ": " + oneLine(*s.Error)
	}
	return text
}

// draw puts the table over the one drawn before.
func (p *progress) draw(r store.Run, steps []store.RunStep) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	lines := p.table(r, steps)
	for _, line := range lines {
		b.WriteString(cut(line, p.width-1) + "\x1b[K\n") // a full line would wrap and count twice
	}
	b.WriteString("\x1b[J")
	p.drawn = len(lines)
	_, _ = io.WriteString(p.out, b.String()) // a terminal that is gone is no reason to stop
}

const barWidth = 16

func (p *progress) table(r store.Run, steps []store.RunStep) []string {
	if len(steps) == 0 {
		return []string{"  waiting for a worker"}
	}
	widest := 0
	for _, s := range steps {
		widest = max(widest, len(s.Step))
	}
	lines := []string{fmt.Sprintf("  %-*s  %-*s  %17s %9s %9s  %s", widest, "step", barWidth, "", "read", "written", "requests", "time")}
	for _, s := range steps {
		took := p.took(s)
		if left := p.left(s); left != "" {
			took += ", " + left + " left"
		}
		line := fmt.Sprintf("%s %-*s  %s  %17s %9d %9d  %s", mark(s), widest, s.Step, bar(s), count(s), s.Written, s.Requests, took)
		if s.Error != nil {
			line += "  " + oneLine(*s.Error)
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	if r.SetupAt != nil && r.EndedAt == nil {
		lines = append(lines, "  All models can be read; the rest is refined in the background.")
	}
	return lines
}

// end says how the run went.
func (p *progress) end(r store.Run, steps []store.RunStep) {
	var total store.RunStep
	for _, s := range steps {
		total.Written += s.Written
		total.Deleted += s.Deleted
		total.Requests += s.Requests
	}
	took := ""
	if r.StartedAt != nil {
		took = " in " + short(time.Duration(*r.EndedAt-*r.StartedAt)*time.Millisecond)
	}
	line(p.out, "%s%s: %d written, %d deleted, %s", r.State, took, total.Written, total.Deleted, requests(total))
	if r.Error != nil && *r.Error != "" {
		for _, what := range strings.Split(*r.Error, "; ") {
			line(p.out, "  %s", what)
		}
	}
}

func mark(s store.RunStep) string {
	switch {
	case s.State == store.StepFailed:
		return "✗"
	case s.State == store.StepDone && s.Missing > 0:
		return "!"
	case s.State == store.StepDone:
		return "✓"
	case s.State == store.StepRunning:
		return "›"
	default:
		return " "
	}
}

func bar(s store.RunStep) string {
	full := 0
	switch {
	case s.State == store.StepDone:
		full = barWidth
	case s.Total != nil && *s.Total > 0:
		full = int(min(s.Done*barWidth / *s.Total, barWidth))
	}
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// count is what was read, of how many.
func count(s store.RunStep) string {
	if s.Total != nil && *s.Total > 0 {
		return fmt.Sprintf("%d of %d", s.Done, *s.Total)
	}
	return strconv.FormatInt(s.Done, 10) + " read"
}

func requests(s store.RunStep) string {
	if s.Requests == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", s.Requests)
}

func (p *progress) took(s store.RunStep) string {
	if s.StartedAt == nil {
		return ""
	}
	end := p.now().UnixMilli()
	if s.EndedAt != nil {
		end = *s.EndedAt
	}
	return short(time.Duration(max(end-*s.StartedAt, 0)) * time.Millisecond)
}

// left estimates the rest of a running step from its pace so far; empty before there is one.
func (p *progress) left(s store.RunStep) string {
	if s.State != store.StepRunning || s.StartedAt == nil || s.Total == nil || s.Done <= 0 || s.Done >= *s.Total {
		return ""
	}
	elapsed := p.now().UnixMilli() - *s.StartedAt
	if elapsed < 2000 {
		return ""
	}
	return short(time.Duration(float64(elapsed)/float64(s.Done)*float64(*s.Total-s.Done)) * time.Millisecond)
}

// short is a duration for people.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}

// cut shortens a line to so many columns.
func cut(line string, columns int) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:columns])
}

// runOutcome turns a run's end into the command's.
func runOutcome(r store.Run) error {
	switch r.State {
	case store.RunSucceeded:
		return nil
	case store.RunPartial:
		return &exitError{code: exitPartial}
	default:
		return &exitError{code: exitRun}
	}
}

// stopped reports whether an error only says that the command was interrupted.
func stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}
