package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maxDrained bounds what is read of a request after its answer, so that a
// client which is still sending gets to hear it and keeps its connection.
const maxDrained = 64 << 20

// writing is one write of a route: how its body is read, and what it does.
type writing struct {
	kind    string
	creates bool // answered 201
	// fields are what X-Request-Metadata asks for.
	fields func(t *Tenant) Row
	// there tells whether the vendor has it; nil is always.
	there func(s *settings) bool
	// read takes the body, outside of all locks.
	read func(c *call) (sent, *failure)
	// plan checks what was sent against the data and says what comes of it. It
	// is called under the tenant's lock.
	plan func(c *call, ids []int, b sent) (plan, *failure)
}

// sent is the body of a write: a JSON object, a list of names or a file.
type sent struct {
	row   Row
	names []string
	file  Upload
}

// recorded is the body as [Write] tells it.
func (b sent) recorded() any {
	switch {
	case b.names != nil:
		return b.names
	case b.file.Name != "":
		return b.file.about()
	}
	return b.row
}

// plan is a write that may take effect.
type plan struct {
	employee, recruitment int
	// do makes the change under the tenant's lock, perhaps long after the plan:
	// done is false if there is nothing to change.
	do func() (r result, done bool)
}

// result is what a write made.
type result struct {
	id     int
	answer any // nil where the vendor tells nothing
}

// nothing is the plan of a write that is accepted without an effect.
func nothing() plan { return plan{do: func() (result, bool) { return result{}, false }} }

func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// readable tells whether a route answers GET.
func (rt *route) readable() bool {
	return rt.list != nil || rt.one != nil || rt.file != nil || rt.handle != nil
}

// write finds what a method does to a route; nil if the vendor has no such thing.
func (rt *route) write(method string, s *settings) *writing {
	w := rt.writes[method]
	if w == nil || w.there != nil && !w.there(s) {
		return nil
	}
	return w
}

// methods lists what a route takes.
func (rt *route) methods(s *settings) []string {
	var out []string
	if rt.readable() {
		out = append(out, http.MethodGet)
	}
	for _, method := range slices.Sorted(maps.Keys(rt.writes)) {
		if rt.write(method, s) != nil {
			out = append(out, method)
		}
	}
	return out
}

// redirectWrite tells where a write is sent that came to the wrong form of its
// path. That this happens to writes is a guess.
func (rt *route) redirectWrite(path string, s *settings) (to string, ok bool) {
	slash := strings.HasSuffix(path, "/")
	switch s.text("redirects.writes") {
	case "slash":
		return path + "/", !slash
	case "bare":
		return strings.TrimRight(path, "/"), slash
	}
	return rt.redirect(path, s.text("redirects"))
}

// drain reads what is left of a request.
func (c *call) drain() { _, _ = io.CopyN(io.Discard, c.r.Body, maxDrained) }

// write carries a write out, or loses it, or its answer.
func (c *call) write(w *writing, ids []int) {
	if strings.EqualFold(c.r.Header.Get("X-Request-Metadata"), "true") {
		c.json(http.StatusOK, Row{{"fields", w.fields(c.t)}})
		return
	}
	if c.chance("write.fail") {
		c.error(http.StatusInternalServerError)
		return
	}
	lost, unsure := c.chance("write.lost"), c.chance("write.unsure")
	b, failed := w.read(c)
	var answer any
	if failed == nil {
		answer, failed = c.perform(w, ids, b, lost || unsure)
	}
	switch {
	case failed != nil:
		c.refuse(failed)
	case lost:
		panic(http.ErrAbortHandler)
	case unsure:
		c.error(http.StatusInternalServerError)
	default:
		c.accept(w, answer)
	}
}

// perform checks a write and lets it take effect, at once or late.
func (c *call) perform(w *writing, ids []int, b sent, unanswered bool) (answer any, failed *failure) {
	t := c.t
	t.mu.Lock()
	defer t.mu.Unlock()
	p, failed := w.plan(c, ids, b)
	if failed != nil {
		return nil, failed
	}
	one := lateWrite{plan: p, write: Write{
		Kind: w.kind, Path: strings.TrimPrefix(c.path, apiBase), Employee: p.employee, Recruitment: p.recruitment, Body: b.recorded(),
	}}
	if late := c.s.duration("write.late"); unanswered && late > 0 {
		t.delay(one, late)
		return nil, nil
	}
	return t.carryOut(one), nil
}

// accept answers a write that was taken.
func (c *call) accept(w *writing, answer any) {
	status := http.StatusNoContent
	switch how := c.s.text("write.status"); {
	case how == "200", answer == nil && c.spoil != 0: // nothing cannot be spoiled
		status = http.StatusOK
	case answer != nil, how == "seen" && w.creates:
		status = http.StatusCreated
	}
	if answer == nil && status == http.StatusOK {
		answer = Row{{"status", "ok"}}
	}
	if answer == nil {
		c.w.WriteHeader(status)
		return
	}
	c.json(status, answer)
}

// refuse answers a write that was not taken.
func (c *call) refuse(f *failure) {
	switch cmp.Or(f.form, c.s.text("write.errors")) {
	case "text":
		c.text(f.status, f.message)
	case "html":
		c.html(f.status, errorPage(f.message))
	default:
		c.problem(f.status, f.message)
	}
}

func extraField(name string) *failure {
	return refusal(http.StatusBadRequest, "This form should not contain extra fields: %s", name)
}

func refusal(status int, format string, args ...any) *failure {
	return &failure{status: status, message: fmt.Sprintf(format, args...)}
}

// goneFor answers a write about a record that does not exist.
func (c *call) goneFor() *failure { return fail(c.goneStatus()) }

// strict tells whether what is wrong in a write gets it refused.
func (c *call) strict() bool { return c.s.on("write.validation", "strict") }

// readJSON reads a body; none is an empty object, since some writes have nothing to say.
func (c *call) readJSON() (any, *failure) {
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, refusal(http.StatusBadRequest, "The request body could not be read")
	case len(raw) > maxBody:
		return nil, fail(http.StatusRequestEntityTooLarge)
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); errors.Is(err, io.EOF) {
		return Row{}, nil
	} else if err != nil || dec.More() {
		return nil, refusal(http.StatusBadRequest, "Invalid JSON")
	}
	return fromJSON(v), nil
}

// readObject takes a JSON object.
func readObject(c *call) (sent, *failure) {
	v, failed := c.readJSON()
	if failed != nil {
		return sent{}, failed
	}
	row, ok := v.(Row)
	if !ok {
		return sent{}, refusal(http.StatusBadRequest, "The request body is not an object")
	}
	return sent{row: row}, nil
}

// readMembers takes a JSON object, in strict validation of none but the named members.
func readMembers(names ...string) func(c *call) (sent, *failure) {
	return func(c *call) (sent, *failure) {
		b, failed := readObject(c)
		for _, f := range b.row {
			if c.strict() && !slices.Contains(names, f.Name) {
				return sent{}, extraField(f.Name)
			}
		}
		return b, failed
	}
}

// readNames takes a JSON list of texts.
func readNames(c *call) (sent, *failure) {
	v, failed := c.readJSON()
	if failed != nil {
		return sent{}, failed
	}
	list, ok := v.([]any)
	names := make([]string, len(list))
	for i := range list {
		if names[i], _ = list[i].(string); strings.TrimSpace(names[i]) == "" {
			ok = false
		}
	}
	if !ok {
		return sent{}, refusal(http.StatusBadRequest, "The request body is not a list of names")
	}
	return sent{names: names}, nil
}

// requiredText reads a member that must be there.
func (b sent) requiredText(name string) (string, *failure) {
	text, _ := b.row.Value(name).(string)
	if strings.TrimSpace(text) == "" {
		return "", refusal(http.StatusBadRequest, "%s: This value should not be blank", name)
	}
	return text, nil
}

func noFields(*Tenant) Row { return Row{} }

func fieldsOf(parts ...Row) func(*Tenant) Row {
	return func(*Tenant) Row { return slices.Concat(parts...) }
}
