package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
)

// effect is what the journal knows of one request.
type effect struct {
	State    effectState `json:"state"`
	RemoteID string      `json:"remote_id,omitempty"`
	Existed  bool        `json:"existed,omitempty"`
	// Since is when the request was sent, or when its answer was found to be lost (epoch ms): what
	// follows is counted from there.
	Since int64 `json:"since,omitempty"`
	// Sent counts how often it was sent.
	Sent int `json:"sent,omitempty"`
	// Repeatable: it does no harm not to know what became of it.
	Repeatable bool `json:"repeatable,omitempty"`
	// Content is what was sent of a file that was fetched: its address may give another one later.
	Content *content `json:"content,omitempty"`
}

// content tells the content of a file.
type content struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// effectState is where an effect stands. One that is not in the journal was never sent, or its
// request is known to have had none.
type effectState string

const (
	effectSending effectState = "sending"
	effectDone    effectState = "done"
)

// sendAtMost bounds how often one effect is sent after its absence was proven.
const sendAtMost = 5

// provable is how long ago a request may have been sent whose absence a look can prove: looks at what
// is newest reach back a day.
const provable = 23 * time.Hour

// journal is the connector.Journal of one action.
type journal struct {
	*Service
	row      store.Action
	effects  map[string]effect
	fetched  map[string]content // by the effect that uploads it
	warnings []string
	// hasty: nobody waits for the answer, so that there is no waiting between two looks either. The
	// action is put off until the next one.
	hasty bool
}

func (s *Service) journal(row store.Action) (*journal, error) {
	j := &journal{Service: s, row: row, effects: map[string]effect{}, fetched: map[string]content{}, warnings: []string{}}
	if err := json.Unmarshal(row.Effects, &j.effects); err != nil {
		return nil, fmt.Errorf("read the effects of action %s: %w", row.ID, err)
	}
	return j, nil
}

// Mark is the beginning of the row's ID.
func (j *journal) Mark() string { return j.row.ID[:10] }

// Warn keeps a warning for the answer, once.
func (j *journal) Warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(j.warnings, text) {
		j.warnings = append(j.warnings, text)
	}
}

// Begun tells whether an effect was sent by this action, or found, before.
func (j *journal) Begun(name string) bool { return j.effects[name].State != "" }

func (j *journal) done(name string) bool { return j.effects[name].State == effectDone }

// made reports whether one of the action's effects was to make what has an ID in the ATS.
func (j *journal) made(remoteID string) bool {
	for _, e := range j.effects {
		if remoteID != "" && e.State == effectDone && !e.Existed && e.RemoteID == remoteID {
			return true
		}
	}
	return false
}

// open names an effect of which it is not known what became of it, and for which that matters; empty
// when there is none.
func (j *journal) open() string {
	for name, e := range j.effects {
		if e.State == effectSending && !e.Repeatable {
			return name
		}
	}
	return ""
}

// Do brings an effect about.
func (j *journal) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	switch known := j.effects[e.Name]; known.State {
	case effectDone:
		return connector.Done{RemoteID: known.RemoteID, Existed: known.Existed}, nil
	case effectSending:
		return j.recover(ctx, e)
	}
	if e.Look != nil && !e.Blind {
		sight, err := e.Look(ctx)
		if err != nil {
			return connector.Done{}, err
		}
		if sight.Found {
			return j.found(ctx, e, sight, true)
		}
	}
	return j.send(ctx, e)
}

// send sends an effect. Before its first byte the journal says so.
func (j *journal) send(ctx context.Context, e connector.Effect) (connector.Done, error) {
	if err := context.Cause(ctx); err != nil {
		return connector.Done{}, err
	}
	sent := j.effects[e.Name].Sent + 1
	sending := effect{State: effectSending, Since: j.Store.Now(), Sent: sent, Repeatable: e.Repeatable}
	if c, ok := j.fetched[e.Name]; ok {
		sending.Content = &c
	}
	if err := j.save(ctx, e.Name, sending); err != nil {
		return connector.Done{}, err
	}
	j.Point("action sending")
	id, err := e.Send(outbound.AskLate(ctx, func() error { return j.hold(ctx, e.Name) }))
	j.Point("action sent")
	if err == nil {
		return j.found(ctx, e, connector.Sight{RemoteID: id}, false)
	}
	if _, unclear := errors.AsType[*connector.UnclearError](err); unclear {
		j.Log.WarnContext(ctx, "an answer was lost", "action", j.row.ID, "effect", e.Name, "err", err)
		sending.Since = j.Store.Now()
		if err := j.save(ctx, e.Name, sending); err != nil {
			return connector.Done{}, err
		}
		return j.recover(ctx, e)
	}
	if saveErr := j.save(ctx, e.Name, effect{Sent: sent}); saveErr != nil {
		return connector.Done{}, saveErr
	}
	return connector.Done{}, err
}

// fresh is how old what the journal says of a request may be when its first byte leaves.
const fresh = time.Second

// hold is asked right before the first byte of a request leaves. It may have waited for its turn, or
// its process been stopped, since the journal said that it is sent: then the journal says so again,
// unless the action is another's by now.
func (j *journal) hold(ctx context.Context, name string) error {
	e, now := j.effects[name], j.Store.Now()
	if age := now - e.Since; age >= 0 && age < fresh.Milliseconds() {
		return nil
	}
	e.Since = now
	return j.save(ctx, name, e)
}

// errNotKnownYet means that the next look is due later.
var errNotKnownYet = errors.New("it is not known yet what became of a request")

// recover finds out what became of a request whose answer nobody has, and sends it again when it
// had no effect.
func (j *journal) recover(ctx context.Context, e connector.Effect) (connector.Done, error) {
	known := j.effects[e.Name]
	since := time.UnixMilli(known.Since)
	var last error
	// Looks that were missed are not made up for: one now is enough.
	for due := j.Timing.Looks[0]; ; due = j.nextLook(time.UnixMilli(j.Store.Now()).Sub(since)) {
		if wait := due - time.UnixMilli(j.Store.Now()).Sub(since); wait > 0 {
			if j.hasty && wait > j.Timing.Looks[0] {
				return connector.Done{}, errors.Join(errNotKnownYet, last)
			}
			if err := pause(ctx, wait); err != nil {
				return connector.Done{}, errors.Join(err, last)
			}
		}
		if e.Repeatable {
			if known.Sent >= sendAtMost {
				return connector.Done{}, j.giveUp(ctx, e, known)
			}
			return j.send(ctx, e)
		}
		if e.Look == nil {
			continue // nothing will ever tell; the end of the time will
		}
		looked := j.Store.Now()
		sight, err := e.Look(ctx)
		switch {
		case err != nil:
			last = err
			if ctx.Err() != nil {
				return connector.Done{}, errors.Join(context.Cause(ctx), err)
			}
		case sight.Found:
			return j.found(ctx, e, sight, false)
		case sight.Proven && looked-known.Since >= j.Timing.Absent.Milliseconds() && looked-known.Since < provable.Milliseconds():
			if known.Sent >= sendAtMost {
				return connector.Done{}, j.giveUp(ctx, e, known)
			}
			return j.send(ctx, e)
		}
	}
}

// nextLook is when, after an answer was lost, the next look is due that comes later than a moment.
func (j *journal) nextLook(after time.Duration) time.Duration {
	looks := j.Timing.Looks
	for _, at := range looks {
		if at > after {
			return at
		}
	}
	last := looks[len(looks)-1]
	step := last
	if len(looks) > 1 {
		step = last - looks[len(looks)-2]
	}
	next := after + step - (after-last)%step
	if after < j.Timing.Absent && j.Timing.Absent < next {
		return j.Timing.Absent // the moment from which an absence counts
	}
	return next
}

// giveUp notes that an effect is not to be waited for any more, after several tries.
func (j *journal) giveUp(ctx context.Context, e connector.Effect, known effect) error {
	if err := j.save(ctx, e.Name, effect{Sent: known.Sent}); err != nil {
		return err
	}
	return &connector.RetryError{Err: &connector.LostError{Effect: e.Name, Times: known.Sent}}
}

// found notes that an effect is there.
func (j *journal) found(ctx context.Context, e connector.Effect, sight connector.Sight, existed bool) (connector.Done, error) {
	known := effect{State: effectDone, RemoteID: sight.RemoteID, Existed: existed, Sent: j.effects[e.Name].Sent}
	if err := j.save(ctx, e.Name, known); err != nil {
		return connector.Done{}, err
	}
	return connector.Done{RemoteID: known.RemoteID, Existed: existed}, nil
}

// save commits what is known of an effect. It does so also when the time is over: the journal must
// not know less than has happened.
func (j *journal) save(ctx context.Context, name string, e effect) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	before, had := j.effects[name]
	j.effects[name] = e
	row := j.row
	row.State = store.ActionSending
	var err error
	if row.Effects, err = json.Marshal(j.effects); err != nil {
		return fmt.Errorf("write down the effects of action %s: %w", row.ID, err)
	}
	if err := j.Store.SaveAction(ctx, row); err != nil {
		if delete(j.effects, name); had {
			j.effects[name] = before
		}
		return err
	}
	j.row = row
	return nil
}
