package traffit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

// applied makes an application, and gives its ID.
func (b *bench) applied() string {
	b.t.Helper()
	id := b.with(sandbox.Patch{"name": "Jan", "email": "jan@example.com"})
	b.apply(b.open, id)
	b.clock.pass(time.Minute)
	return id + ":" + b.open
}

func (b *bench) moves(id, state string) {
	b.t.Helper()
	candidate, job := splitApplication(id)
	e, _ := strconv.Atoi(candidate)
	r, _ := strconv.Atoi(job)
	s, _ := strconv.Atoi(state)
	if _, err := b.MoveInRecruitment(r, e, sandbox.Move{State: s}); err != nil {
		b.t.Fatal(err)
	}
	b.clock.pass(time.Minute)
}

// reason is the first reason for a rejection that a recruitment offers.
func (b *bench) reason(job string) string {
	b.t.Helper()
	rows, _, err := b.tenant.below(b.t.Context(), "/recruitments/", "/rejections", "recruitment", unit(recruitment, job))
	if err != nil || len(rows) == 0 {
		b.t.Fatalf("no reasons: %v", err)
	}
	return rows[0].id("id")
}

var waysOfWriting = map[string]map[string]string{
	"as assumed":                 {},
	"strict":                     {"write.validation": "strict"},
	"always 200":                 {"write.status": "200"},
	"always 204":                 {"write.status": "204"},
	"again":                      {"move.repeat": "again"},
	"refused again":              {"move.repeat": "refused", "write.errors": "html"},
	"to the slash":               {"redirects.writes": "slash"},
	"lost":                       {"write.lost": "1"},
	"lost, late":                 {"write.lost": "1", "write.late": "60s", "move.repeat": "again"},
	"unsure":                     {"write.unsure": "1", "write.late": "5s", "move.repeat": "again"},
	"lost, unfiltered":           {"write.lost": "1", "write.late": "60s", "move.repeat": "again", "filter.ignore": "history"},
	"lost, unfiltered, unsorted": {"write.lost": "1", "write.late": "60s", "move.repeat": "again", "filter.ignore": "history", "sort.ignore": "history"},
	"other shapes":               {"rejections.shape": "wrapped", "activity.content": "nested", "history.end": "null", "stamps": "zoned"},
	"reasons of their own":       {"rejections.ids": "recruitment", "rejections.shape": "value", "history.end": "text", "activity.content": "object"},
	"reasons are optional":       {"reject.reason": "optional", "states.rejection": "set"},
}

func TestMoveApplication(t *testing.T) {
	for name, switches := range waysOfWriting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, switches)
			id, to := b.applied(), b.stateOf("interview")
			a := &connector.MoveApplication{ApplicationID: id, StageID: to}
			j := b.journal()
			out, err := b.tenant.Act(t.Context(), a, j)
			if err != nil {
				t.Fatal(err)
			}
			b.SettleWrites()
			want := []string{b.stateOf("start"), to}
			if d := cmp.Diff(want, b.stays(id)); d != "" {
				t.Error(d)
			}
			candidate, _ := splitApplication(id)
			if out.CandidateID != candidate || out.ApplicationID != id || len(j.warnings) > 0 {
				t.Errorf("%s, %s, %q", out.CandidateID, out.ApplicationID, j.warnings)
			}
			b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove)

			// Where it is already, nothing is sent.
			if _, err := b.tenant.Act(t.Context(), a, b.journal()); err != nil {
				t.Error(err)
			}
			b.SettleWrites()
			if d := cmp.Diff(want, b.stays(id)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(map[string]int{"move": 1}, b.WriteCounts()); d != "" {
				t.Error(d)
			}
			// And back again.
			b.clock.pass(time.Minute)
			if _, err := b.tenant.Act(t.Context(), &connector.MoveApplication{ApplicationID: id, StageID: want[0]}, b.journal()); err != nil {
				t.Error(err)
			}
			b.SettleWrites()
			if d := cmp.Diff([]string{want[0], to, want[0]}, b.stays(id)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Somebody moves the application on before the lost answer is looked for.
func TestMoveApplicationThatMovesOn(t *testing.T) {
	b := newBench(t, map[string]string{"write.lost": "1", "move.repeat": "again"})
	id, to, on := b.applied(), b.stateOf("interview"), b.stateOf("end-good")
	j := b.journal()
	j.onSent = func() { b.moves(id, on) }
	if _, err := b.tenant.Act(t.Context(), &connector.MoveApplication{ApplicationID: id, StageID: to}, j); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{b.stateOf("start"), to, on}, b.stays(id)); d != "" {
		t.Error(d)
	}
}

// The same, and the process that moved it is not there any more: nobody knows which stay was the last
// one before. Whoever takes the action up does not move the application back.
func TestMoveApplicationThatMovesOnAfterAKill(t *testing.T) {
	b := newBench(t, map[string]string{"move.repeat": "again"})
	id, to, on := b.applied(), b.stateOf("interview"), b.stateOf("end-good")
	j := b.journal()
	j.kill, j.onSent = "stage", func() { b.moves(id, on) }
	move := &connector.MoveApplication{ApplicationID: id, StageID: to}
	if _, err := b.tenant.Act(t.Context(), move, j); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	b.restart()
	j.onSent = nil
	if _, err := b.tenant.Act(t.Context(), move, j); err == nil {
		t.Error("it is not known that the move was this action's")
	}
	if d := cmp.Diff([]string{b.stateOf("start"), to, on}, b.stays(id)); d != "" {
		t.Error(d)
	}
}

func TestMoveApplicationRefused(t *testing.T) {
	b := newBench(t, nil)
	id := b.applied()
	for name, tc := range map[string]struct {
		action connector.Action
		code   ats.Code
		says   string
	}{
		"a foreign stage":  {&connector.MoveApplication{ApplicationID: id, StageID: "999999"}, ats.InputInvalid, "stage_id"},
		"no job":           {&connector.MoveApplication{ApplicationID: "1:999999", StageID: b.stateOf("start")}, ats.InputInvalid, "job"},
		"not in the job":   {&connector.MoveApplication{ApplicationID: b.with(sandbox.Patch{}) + ":" + b.open, StageID: b.stateOf("start")}, ats.Unknown, "answered 404"},
		"a foreign reason": {&connector.RejectApplication{ApplicationID: id, ReasonID: "999999"}, ats.InputInvalid, "rejection_reason_id"},
		"no job to reject": {&connector.RejectApplication{ApplicationID: "1:999999", ReasonID: "1"}, ats.InputInvalid, "job"},
	} {
		if _, err := b.tenant.Act(t.Context(), tc.action, b.journal()); codeOf(err) != tc.code || !strings.Contains(asText(err), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if counts := b.WriteCounts(); len(counts) > 0 {
		t.Errorf("written: %v", counts)
	}
}

func TestRejectApplication(t *testing.T) {
	for name, switches := range waysOfWriting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, switches)
			id, reason := b.applied(), b.reason(b.open)
			a := &connector.RejectApplication{ApplicationID: id, ReasonID: reason, Note: "Brak znajomości Go"}
			j := b.journal()
			out, err := b.tenant.Act(t.Context(), a, j)
			if err != nil {
				t.Fatal(err)
			}
			b.SettleWrites()
			want := []string{b.stateOf("start"), b.stateOf(endBad)}
			if d := cmp.Diff(want, b.stays(id)); d != "" {
				t.Error(d)
			}
			if len(j.warnings) > 0 {
				t.Errorf("warnings %q", j.warnings)
			}
			b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove, rejected+" "+kindActivity)
			known := append(world(out.Parts), part(recruitment, b.open, kindList, "", object{"id": b.open}, ats.Time{}))
			folded := known.fold(t, unit(application, id)).Sets[0].Records[0].(ats.Application)
			if *folded.Outcome != ats.Declined || folded.RejectionReasonName == nil {
				t.Errorf("folded: %+v", folded)
			}
			if writes := b.Writes(); len(writes) != 1 || writes[0].Body.(sandbox.Row).Value("description") != a.Note {
				t.Errorf("writes %v", writes)
			}

			j = b.journal()
			if _, err := b.tenant.Act(t.Context(), a, j); err != nil || len(j.warnings) != 1 || !strings.Contains(j.warnings[0], "rejected already") {
				t.Errorf("again: %v, %q", err, j.warnings)
			}
			if d := cmp.Diff(map[string]int{"reject": 1}, b.WriteCounts()); d != "" {
				t.Error(d)
			}
		})
	}
}

// The newest rows are found whatever a listing does with sorts, or their absence is noticed.
func TestNewest(t *testing.T) {
	for name, tc := range map[string]struct {
		switches map[string]string
		many     int
		want     reach
		pages    int
	}{
		"sorted":              {many: 300, want: reach{ordered: true}, pages: 3},
		"few":                 {want: reach{ordered: true, whole: true}, pages: 2},
		"documented":          {switches: map[string]string{"sort.spelling": "documented", "sort.unknown": "refuse"}, many: 300, want: reach{ordered: true}, pages: 3},
		"no lengths":          {switches: map[string]string{"totals": "none"}, many: 300, want: reach{ordered: true}, pages: 3},
		"few, no lengths":     {switches: map[string]string{"totals": "none", "page.beyond": "400"}, want: reach{ordered: true, whole: true}, pages: 2},
		"few, the last again": {switches: map[string]string{"totals": "none", "page.beyond": "last"}, want: reach{ordered: true, whole: true}, pages: 2},
		"ignored":             {switches: map[string]string{"sort.ignore": "employees"}, many: 300, want: reach{ordered: true}, pages: 3},
		"falling anyway":      {switches: map[string]string{"sort.ignore": "employees", "order": "desc"}, many: 300, want: reach{ordered: true}, pages: 3},
		"shuffled":            {switches: map[string]string{"sort.ignore": "employees", "order": "shuffled"}, many: 600},
		"shuffled, few":       {switches: map[string]string{"sort.ignore": "employees", "order": "shuffled"}, want: reach{whole: true}, pages: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.switches)
			b.many(tc.many)
			last := b.with(sandbox.Patch{"name": "Last"})
			for range 2 { // the second time, it is known how
				pages, found := 0, false
				got, err := b.tenant.newest(t.Context(), call{path: api + "/employees/", scope: "employee"}, func(rows []object, _ ats.Time) bool {
					pages++
					at := slices.IndexFunc(rows, func(o object) bool { return o.id("id") == last })
					found = found || at >= 0
					if tc.want.ordered && pages == 1 && at != 0 {
						t.Errorf("the newest row is number %d", at)
					}
					return pages < 3
				})
				if err != nil || got != tc.want || pages != tc.pages || found != (tc.pages > 0) {
					t.Errorf("%+v, %d pages, %v, %v", got, pages, found, err)
				}
			}
		})
	}
}

// Where a rejection takes no description, the note is left as one.
func TestRejectApplicationWithANote(t *testing.T) {
	b := newBench(t, nil)
	id, reason := b.applied(), b.reason(b.open)
	b.restart(func(c *connector.Config) {
		c.Transport = through(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/_move_to_reject_state") {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				if strings.Contains(string(body), "description") {
					return &http.Response{StatusCode: 400, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
				}
				r = r.Clone(r.Context())
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	j := b.journal()
	if _, err := b.tenant.Act(t.Context(), &connector.RejectApplication{ApplicationID: id, ReasonID: reason, Note: "Brak znajomości Go"}, j); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{b.stateOf("start"), b.stateOf(endBad)}, b.stays(id)); d != "" {
		t.Error(d)
	}
	candidate, _ := splitApplication(id)
	e, _ := strconv.Atoi(candidate)
	name := ""
	for row := range b.Truth("recruitments") {
		if asID(row) == b.open {
			name = row.Value("name").(string)
		}
	}
	want := "Brak znajomości Go\n\n[" + name + " | ref " + j.Mark() + "]"
	if notes := b.Notes(e); len(notes) != 1 || notes[0].Content != want || len(j.warnings) > 0 {
		t.Errorf("notes %+v, want %q; warnings %q", notes, want, j.warnings)
	}
}

// lastMoment is a context whose time is over at the moment at which end is called.
type lastMoment struct {
	context.Context
	over chan struct{}
}

func (l *lastMoment) end() { close(l.over) }

func (l *lastMoment) Deadline() (time.Time, bool) { return time.Now().Add(time.Second), true }

func (l *lastMoment) Done() <-chan struct{} { return l.over }

func (l *lastMoment) Err() error {
	select {
	case <-l.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// endingJournal ends the time of an action with its last effect.
type endingJournal struct {
	*journal
	last string
	time *lastMoment
}

func (j endingJournal) Do(ctx context.Context, e connector.Effect) (connector.Done, error) {
	done, err := j.journal.Do(ctx, e)
	if e.Name == j.last {
		j.time.end()
	}
	return done, err
}

// What was done in the last moment is readable at once all the same.
func TestReadBackWhenTheTimeIsOver(t *testing.T) {
	b := newBench(t, nil)
	id, to := b.applied(), b.stateOf("interview")
	within := &lastMoment{Context: t.Context(), over: make(chan struct{})}
	j := b.journal()
	out, err := b.tenant.Act(within, &connector.MoveApplication{ApplicationID: id, StageID: to}, endingJournal{j, "stage", within})
	if err != nil || len(j.warnings) > 0 {
		t.Fatalf("%v, warnings %q", err, j.warnings)
	}
	b.sameAsSynced(out.Parts, employee+" "+kindList, application+" "+kindMove)
}
