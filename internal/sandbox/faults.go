package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// spoil is what a fault does to an answer that is made all the same.
type spoil int

const (
	_           spoil = iota
	cutShort          // JSON that ends before its Content-Length
	cutText           // a piece of JSON, with 200 and its own length
	pageInstead       // a page in its place, with 200
)

// chance draws for a switch that is a share of requests: the same seed and
// number of request draw the same.
func (c *call) chance(name string) bool {
	p := c.s.fraction(name)
	return p > 0 && share(mix(mix(c.t.data.seed, hashText(name)), c.turn)) < p
}

// share turns a drawn number into one from 0 to 1, 1 excluded.
func share(drawn uint64) float64 { return float64(drawn>>11) / (1 << 53) }

// fails plays the faults that come before any answer, and says whether it answered.
func (c *call) fails(overLimit bool) bool {
	if c.s.on("host.www", "refuse") && strings.HasPrefix(strings.ToLower(c.r.Host), "www.") {
		panic(http.ErrAbortHandler)
	}
	c.pause(c.s.duration("latency"))
	switch c.s.text("down") {
	case "503html":
		notATenant(c.w)
		return true
	case "200html":
		c.placeholder()
		return true
	case "close":
		panic(http.ErrAbortHandler)
	}
	isToken := c.route != nil && c.route.pattern == "/oauth2/token"
	switch {
	case c.chance("fail.close"):
		panic(http.ErrAbortHandler)
	case overLimit, c.inBurst():
		c.tooMany()
		return true
	case c.chance("fail.503html"):
		notATenant(c.w)
		return true
	case c.chance("fail.500"), c.route != nil && c.s.lists("broken.endpoints", c.route.endpoint()):
		c.error(http.StatusInternalServerError)
		return true
	case c.chance("fail.cut"):
		c.spoil = cutShort
	case !isToken && c.chance("fail.garbage"):
		c.spoil = cutText
		if mix(hashText("garbage"), c.turn)%2 == 0 {
			if !isWrite(c.r.Method) {
				c.placeholder()
				return true
			}
			c.spoil = pageInstead // after its effect
		}
	}
	return false
}

// pause waits, but not longer than the client does.
func (c *call) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.r.Context().Done():
	}
}

// inBurst tells whether a request is answered 429 as part of a burst, or begins one.
func (c *call) inBurst() bool {
	left := &c.t.burst
	if c.s.fraction("fail.429") == 0 {
		left.Store(0)
		return false
	}
	for n := left.Load(); n > 0; n = left.Load() {
		if left.CompareAndSwap(n, n-1) {
			return true
		}
	}
	if c.chance("fail.429") {
		left.Store(int64(c.s.number("burst") - 1))
		return true
	}
	return false
}

// tooMany answers 429 and tells when to come back, by the tenant's clock if it is a date.
func (c *call) tooMany() {
	seconds := c.s.number("retry.seconds")
	switch c.s.text("retry.after") {
	case "seconds":
		c.w.Header().Set("Retry-After", strconv.Itoa(seconds))
	case "date":
		now := c.t.now().UTC()
		c.w.Header().Set("Date", now.Format(http.TimeFormat))
		later := now.Add(time.Duration(seconds)*time.Second + time.Second - time.Nanosecond) // the form has no fractions
		c.w.Header().Set("Retry-After", later.Format(http.TimeFormat))
	}
	c.error(http.StatusTooManyRequests)
}

// beforePage plays what happens to list pages alone, and says whether it answered.
func (c *call) beforePage() bool {
	if c.chance("slow") {
		c.pause(c.s.duration("slow.time"))
	}
	if c.chance("fail.object") {
		c.json(http.StatusOK, Row{{"message", "An error occurred, try again later"}})
		return true
	}
	if c.chance("churn") {
		c.t.churn(c.turn)
	}
	return false
}

// churn makes one change between two pages. Deletions are more frequent than
// at work, since they move rows to pages that a client has read.
func (t *Tenant) churn(turn uint64) {
	dice := roll(t.data.seed, hashText("churn"), int(turn))
	if dice.permille(200) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if n := t.employees.len(); n > 1 {
			id, _, _ := t.employees.locate(dice.below(n))
			_ = t.remove("employees", id) // it is there
		}
		return
	}
	for range 20 { // some changes find nothing to do
		if _, ok := t.randomChange(&dice); ok {
			return
		}
	}
}
