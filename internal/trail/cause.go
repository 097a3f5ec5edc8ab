package trail

import (
	"context"
	"slices"
	"sync"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Cause says what the requests made with a context are for.
type Cause struct {
	// Request is the ID of the API call, Run that of a sync, Action that of an action.
	Request, Run, Action string
	// Bodies keeps the bodies also of requests that succeed.
	Bodies bool
}

type stateKey struct{}

// state is what a context knows.
type state struct {
	cause Cause
	scope *scope
}

// scope holds together what is recorded for one API call or action: its rows speak of the same
// records, and what one of them mentions may stand in the bodies of the others.
type scope struct {
	mu       sync.Mutex
	action   string // the last that was begun
	mentions []connector.Mention
	rows     []kept
}

// kept is a row with bodies.
type kept struct {
	recorder *Recorder
	of       Integration
	id       string
}

// maxMentions bounds the records that one scope, or one row, is linked to.
const maxMentions = 500

// With says what the requests made with a context are for. Fields that are empty stay as they were.
func With(ctx context.Context, c Cause) context.Context {
	s, ok := ctx.Value(stateKey{}).(state)
	if !ok {
		s.scope = &scope{}
	}
	if c.Request != "" {
		s.cause.Request = c.Request
	}
	if c.Run != "" {
		s.cause.Run = c.Run
	}
	if c.Action != "" {
		s.cause.Action = c.Action
		s.scope.mu.Lock()
		s.scope.action = c.Action
		s.scope.mu.Unlock()
	}
	s.cause.Bodies = s.cause.Bodies || c.Bodies
	return context.WithValue(ctx, stateKey{}, s)
}

// Mention says that what is recorded under a context, before or after, is about a record. It
// matters only where bodies are kept.
func Mention(ctx context.Context, m ats.Model, remoteID string) {
	if s, ok := ctx.Value(stateKey{}).(state); ok && remoteID != "" {
		s.scope.mention([]connector.Mention{{Model: m, RemoteID: remoteID}})
	}
}

// mention notes records, and links those that are new to all rows of the scope.
func (s *scope) mention(some []connector.Mention) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []connector.Mention
	for _, m := range some {
		if len(s.mentions) < maxMentions && !slices.Contains(s.mentions, m) {
			s.mentions = append(s.mentions, m)
			fresh = append(fresh, m)
		}
	}
	if len(fresh) == 0 {
		return
	}
	for _, row := range s.rows {
		row.recorder.add(nil, links(row.of, row.id, fresh))
	}
}

// join gives the mentions to which a new row with bodies is to be linked, and makes it one of the
// scope's.
func (s *scope) join(row kept) []connector.Mention {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, row)
	return slices.Clone(s.mentions)
}

// links tells which records a row mentions.
func links(of Integration, id string, mentions []connector.Mention) []store.RequestMention {
	ids := ats.Namespace(of.ID)
	out := make([]store.RequestMention, 0, len(mentions))
	for _, m := range mentions {
		out = append(out, store.RequestMention{Integration: of.No, Model: m.Model, RecordID: ids.ID(m.Model, m.RemoteID), RequestID: id})
	}
	return out
}

// record queues a row. mentions are the records that its own bodies mention.
func (r *Recorder) record(s state, of Integration, row store.Request, mentions []connector.Mention) {
	var all []store.RequestMention
	if row.RequestBody != nil || row.ResponseBody != nil {
		mentions = mentions[:min(len(mentions), maxMentions)]
		if s.scope != nil && s.cause.Bodies {
			s.scope.mention(mentions)
			mentions = append(slices.Clip(mentions), s.scope.join(kept{r, of, row.ID})...)
		}
		all = links(of, row.ID, mentions)
	}
	r.add([]store.Request{row}, all)
}
