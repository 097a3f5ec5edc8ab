// Package trail keeps the request log: a row for every call of the API that is about an integration
// and for every request to an ATS, with what it was made for. Bodies are kept of what changes
// something, of attempts to connect and of what fails; secrets and contents of files never are.
//
// Rows are written in batches by one goroutine, so that nobody waits for them but those who hand out
// an address of the log. When the database does not keep up, rows are dropped and counted.
package trail

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kladka/kladka/internal/store"
)

// Store keeps the log; store.Store is one.
type Store interface {
	AddRequests(ctx context.Context, requests []store.Request, mentions []store.RequestMention) error
}

// The bounds of the queue, and when it is written.
const (
	maxQueued  = 5000
	maxHeld    = 32 << 20 // bytes of bodies
	fullBatch  = 200
	flushEvery = 250 * time.Millisecond
	// writeWithin bounds one batch, tries how often it is written when the database is busy or away.
	writeWithin = 10 * time.Second
	tries       = 3
)

// Config of a Recorder.
type Config struct {
	Store Store
	Now   func() time.Time // nil is time.Now
	Log   *slog.Logger     // nil logs nothing
}

// Recorder writes the log. A nil Recorder records nothing. It is safe for concurrent use.
type Recorder struct {
	store Store
	now   func() time.Time
	log   *slog.Logger

	dropped atomic.Int64
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}

	mu             sync.Mutex
	queue          batch
	added, written int64         // entries since the beginning
	wrote          chan struct{} // closed, and replaced, when a batch was written
	closed         bool
	warned         bool
}

// batch is what is written at once.
type batch struct {
	requests []store.Request
	mentions []store.RequestMention
	bodies   int // bytes
}

func (b batch) len() int { return len(b.requests) + len(b.mentions) }

// New makes a recorder; Close ends it.
func New(c Config) *Recorder {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{
		store: c.Store, now: c.Now, log: c.Log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}), wrote: make(chan struct{}),
	}
	go r.run()
	return r
}

// Close writes what is queued and ends the recorder. What comes later is dropped.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.mu.Unlock()
	if !again {
		close(r.stop)
	}
	<-r.stopped
	return nil
}

// Dropped is how many entries were lost because the database did not keep up.
func (r *Recorder) Dropped() int64 {
	if r == nil {
		return 0
	}
	return r.dropped.Load()
}

// Flush waits until everything recorded so far is written, or the context ends.
func (r *Recorder) Flush(ctx context.Context) {
	if r == nil {
		return
	}
	r.mu.Lock()
	target := r.added
	r.mu.Unlock()
	r.nudge()
	for {
		r.mu.Lock()
		done, wrote := r.written >= target, r.wrote
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-wrote:
		case <-ctx.Done():
			return
		case <-r.stopped:
			return
		}
	}
}

// add queues entries, and reports whether there was room for them.
func (r *Recorder) add(requests []store.Request, mentions []store.RequestMention) bool {
	bodies := 0
	for _, q := range requests {
		bodies += length(q.RequestBody) + length(q.ResponseBody)
	}
	more := batch{requests, mentions, bodies}
	r.mu.Lock()
	if r.closed || r.queue.len()+more.len() > maxQueued || r.queue.bodies+bodies > maxHeld {
		warn := !r.warned
		r.warned = true
		r.mu.Unlock()
		r.dropped.Add(int64(more.len()))
		if warn {
			r.log.Warn("the request log does not keep up; entries are dropped (kladka_request_log_dropped_total counts them)")
		}
		return false
	}
	r.queue.requests = append(r.queue.requests, requests...)
	r.queue.mentions = append(r.queue.mentions, mentions...)
	r.queue.bodies += bodies
	r.added += int64(more.len())
	full := r.queue.len() >= fullBatch
	r.mu.Unlock()
	if full {
		r.nudge()
	}
	return true
}

func length(text *string) int {
	if text == nil {
		return 0
	}
	return len(*text)
}

// nudge wakes the writer before its time.
func (r *Recorder) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run writes what is queued until the recorder is closed.
func (r *Recorder) run() {
	defer close(r.stopped)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.wake:
		case <-r.stop:
			r.writeQueued()
			return
		}
		r.writeQueued()
	}
}

// writeQueued writes what is queued now.
func (r *Recorder) writeQueued() {
	r.mu.Lock()
	b := r.queue
	r.queue = batch{}
	r.mu.Unlock()
	if b.len() == 0 {
		return
	}
	if err := r.write(b); err != nil {
		r.dropped.Add(int64(b.len()))
		r.log.Warn("a part of the request log could not be written", "entries", b.len(), "err", err)
	}
	r.mu.Lock()
	r.written += int64(b.len())
	close(r.wrote)
	r.wrote = make(chan struct{})
	r.mu.Unlock()
}

// write stores a batch. It belongs to no request, so no request's context bounds it.
func (r *Recorder) write(b batch) error {
	for n := 1; ; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
		err := r.store.AddRequests(ctx, b.requests, b.mentions)
		cancel()
		if err == nil || n == tries || !store.Transient(err) {
			return err
		}
		select {
		case <-r.stop:
		case <-time.After(flushEvery):
		}
	}
}

// NewID makes the ID of a request.
func NewID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// ValidID reports whether a text has the form of a request's ID.
func ValidID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 8 && hex.EncodeToString(b) == id
}

// Note writes down something that is no call of the API, but for which an ATS was asked under its ID: an
// attempt to connect.
func (r *Recorder) Note(row store.Request) {
	if r == nil {
		return
	}
	if row.Error != nil {
		row.Error = new(short(mask(*row.Error), maxError))
	}
	r.add([]store.Request{row}, nil)
}
