package traffit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// clock is a time that passes when somebody waits.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// errKilled is how a journal ends an action whose process is killed.
var errKilled = errors.New("killed")

// journal keeps one action's effects in memory, by the rules of the real one.
type journal struct {
	clock    *clock
	kill     string // the effect after whose sending the process is killed, once
	onSent   func() // is called after each sending, if set
	begun    map[string]bool
	done     map[string]connector.Done
	sent     map[string]int
	warnings []string
}

func newJournal(c *clock) *journal {
	return &journal{clock: c, begun: map[string]bool{}, done: map[string]connector.Done{}, sent: map[string]int{}}
}

func (j *journal) Begun(name string) bool { return j.begun[name] }

func (j *journal) Mark() string { return "k7f3q9" }

func (j *journal) Warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(j.warnings, text) {
		j.warnings = append(j.warnings, text)
	}
}

func (j *journal) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	if done, ok := j.done[e.Name]; ok {
		return done, nil
	}
	finish := func(id string, existed bool) (connector.Done, error) {
		j.begun[e.Name], j.done[e.Name] = true, connector.Done{RemoteID: id, Existed: existed}
		return j.done[e.Name], nil
	}
	if !j.begun[e.Name] && !e.Blind && e.Look != nil {
		s, err := e.Look(ctx)
		if err != nil {
			return connector.Done{}, err
		}
		if s.Found {
			return finish(s.RemoteID, true)
		}
	}
	for until := j.clock.now().Add(time.Hour); !j.clock.now().After(until); {
		if !j.begun[e.Name] || e.Repeatable {
			j.begun[e.Name] = true
			j.sent[e.Name]++
			id, err := e.Send(ctx)
			if j.onSent != nil {
				j.onSent()
			}
			if j.kill == e.Name {
				j.kill = ""
				return connector.Done{}, errKilled
			}
			if err == nil {
				return finish(id, false)
			}
			if _, unclear := errors.AsType[*connector.UnclearError](err); !unclear {
				delete(j.begun, e.Name)
				return connector.Done{}, err
			}
		}
		since := j.clock.now()
		for _, after := range []time.Duration{2, 10, 30, 90, 125} {
			j.clock.pass(since.Add(after * time.Second).Sub(j.clock.now()))
			if e.Repeatable {
				break
			}
			s, err := e.Look(ctx)
			if err != nil {
				return connector.Done{}, err
			}
			if s.Found {
				return finish(s.RemoteID, false)
			}
			if s.Proven && after > 120 {
				delete(j.begun, e.Name)
			}
		}
	}
	return connector.Done{}, ats.Errorf(ats.TimedOut, "it is not known what became of %s", e.Name)
}
