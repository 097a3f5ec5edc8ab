package sandbox

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Write is a write through the API that took effect.
type Write struct {
	// Kind is create, update, upload, note, assign, move, reject, tag, untag or tags.
	Kind string `json:"kind"`
	Path string `json:"path"` // below the API's base
	// ID is that of what it made or changed: the candidate, the file, the
	// activity of a note, the history row of a move, the tag.
	ID          int `json:"id"`
	Employee    int `json:"employee"`
	Recruitment int `json:"recruitment,omitempty"`
	// Body is the [Row] that was sent, a list of names, or what is known of a
	// file. It is nil if the sandbox holds too many bodies already.
	Body any   `json:"body"`
	At   Stamp `json:"-"`
}

// Bounds of what is remembered of writes, of each tenant.
const (
	maxWrites     = 100_000
	maxWriteBytes = 64 << 20
	maxLate       = 10_000
)

// lateWrite is a write that is about to take effect.
type lateWrite struct {
	plan  plan
	write Write
	due   time.Time
}

// carryOut lets a write take effect and remembers it.
func (t *Tenant) carryOut(one lateWrite) (answer any) {
	r, done := one.plan.do()
	if !done {
		return r.answer
	}
	w := one.write
	w.ID, w.At = r.id, t.stamp()
	if w.Employee == 0 {
		w.Employee = r.id
	}
	size := len(appendJSON(nil, w.Body))
	if t.writeBytes+size > maxWriteBytes {
		w.Body, size = nil, 0
	}
	t.writeBytes += size
	t.writeCounts[w.Kind]++
	if len(t.writes) < maxWrites {
		t.writes = append(t.writes, w)
	}
	return r.answer
}

// delay keeps a write until it is due. Nothing knows of it before: another of
// the same kind is not taken for its repetition.
func (t *Tenant) delay(one lateWrite, late time.Duration) {
	if len(t.late) >= maxLate {
		t.carryOut(t.late[0])
		t.late = t.late[1:]
	}
	one.due = t.now().Add(late)
	t.late = append(t.late, one)
}

// settle lets the late writes take effect that are due, or all. It is called
// before whatever looks at the data.
func (t *Tenant) settle(all bool) (n int) {
	t.mu.RLock()
	none := len(t.late) == 0
	t.mu.RUnlock()
	if none {
		return 0
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = slices.DeleteFunc(t.late, func(one lateWrite) bool {
		due := all || !now.Before(one.due)
		if due {
			t.carryOut(one)
			n++
		}
		return due
	})
	return n
}

// SettleWrites lets all writes take effect that write.late holds back, and returns their number.
func (t *Tenant) SettleWrites() int { return t.settle(true) }

// Writes returns the writes that took effect since the start or the last reset,
// in their order: the first hundred thousand of them.
func (t *Tenant) Writes() []Write {
	t.settle(false)
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]Write{}, t.writes...)
}

// WriteCounts returns how many writes of each kind took effect since the start or the last reset.
func (t *Tenant) WriteCounts() map[string]int {
	t.settle(false)
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.writeCounts)
}

// ResetWrites forgets which writes took effect, not what they did.
func (t *Tenant) ResetWrites() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes, t.writeBytes, t.writeCounts = nil, 0, map[string]int{}
}

// Note is a note that was written through the API.
type Note struct {
	ID      int    `json:"id"`      // of its activity
	Content string `json:"content"` // as it was sent
}

// Notes returns the notes that were written to a candidate through the API, in their order.
func (t *Tenant) Notes(employee int) []Note {
	t.settle(false)
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]Note{}, t.notes[employee]...)
}

// noteHTML is a text as an editor of HTML would have saved it.
func noteHTML(text string) string {
	return strings.NewReplacer("\r\n", "<br>", "\n", "<br>").Replace(escapeHTML(text))
}
