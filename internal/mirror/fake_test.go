package mirror_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// fakeATS is an ATS of the simplest kind: people in one paged list, a note on each, and groups
// whose names the people's records show. It is its own connector and tenant.
type fakeATS struct {
	connector.Actor // nil: nothing is done here
	mu              sync.Mutex
	size            int            // of a page
	people          []person       // in ID order
	hidden          int            // rows that the list declares but never shows: at the end of page 1
	notes           map[int]string // by person
	groups          map[int]string
	requests        []string
	before          func(request string)       // called before a request is answered, unlocked
	fail            func(request string) error // answers a request with an error
	revision        string
	// What stands for a new way to cut rows into parts, and vendor fields that folds come upon.
	suffix      string
	hiddenGroup int // declared but not shown
	fields      bool
	restless    *rand.Rand   // the list comes in another order at each request
	lost        map[int]bool // people whose rows the list cannot answer
	sparse      map[int]bool // people whose rows come without the group
	leftOut     string       // a step that the plan does not have
	// Applications, in a list of their own, and what people are tagged with; nil: there are no such steps.
	applied []applied
	tags    map[int]string // by person
}

// applied is an application.
type applied struct {
	Person  int    `json:"person"`
	Job     int    `json:"job"`
	Comment string `json:"comment"`
}

func (a applied) unit() connector.Unit {
	return connector.Unit{Entity: "application", ID: fmt.Sprintf("%d:%d", a.Person, a.Job)}
}

type person struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Group int    `json:"group"`
	Mail  string `json:"mail,omitempty"`
}

func newFake(people int) *fakeATS {
	f := &fakeATS{size: 10, notes: map[int]string{}, groups: map[int]string{1: "Zarząd", 2: "Kadry"}, revision: "1"}
	for n := range people {
		id := 100 + 3*n
		f.people = append(f.people, person{ID: id, Name: fmt.Sprintf("Osoba %d", n), Group: 1 + n%2})
		f.notes[id] = "note " + strconv.Itoa(n)
	}
	return f
}

func (f *fakeATS) answer(request string, fn func() error) error {
	if f.before != nil {
		f.before(request)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, request)
	if f.fail != nil {
		if err := f.fail(request); err != nil {
			return err
		}
	}
	return fn()
}

func (f *fakeATS) change(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

func (f *fakeATS) removeAt(i int) { f.people = slices.Delete(f.people, i, i+1) }

func (f *fakeATS) count(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if len(r) >= len(prefix) && r[:len(prefix)] == prefix {
			n++
		}
	}
	return n
}

func raw(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func unit(entity string, id int) connector.Unit {
	return connector.Unit{Entity: entity, ID: strconv.Itoa(id)}
}

func (f *fakeATS) Tool() connector.Tool                            { return connector.Tool{Slug: "fake"} }
func (f *fakeATS) Credentials() []connector.Credential             { return nil }
func (f *fakeATS) Account(typed string) string                     { return typed }
func (f *fakeATS) Revision() string                                { return f.revision }
func (f *fakeATS) UnitOf(ats.Model, string) (connector.Unit, bool) { return connector.Unit{}, false }
func (f *fakeATS) Endpoint(connector.PartKey) (string, bool)       { return "", false }
func (f *fakeATS) Mentions(string, []byte) []connector.Mention     { return nil }
func (f *fakeATS) Connect(connector.Config) (connector.Tenant, error) {
	return f, nil
}

// Keep cuts people's rows and drops what serves a single field that is off.
func (f *fakeATS) Keep(k connector.PartKey, stored []byte, s ats.Scopes) ([]byte, error) {
	off := false
	switch {
	case k.Entity == "group":
		off = !s.Field(ats.Candidates, "company")
	case k.Entity == "application":
		off = !s.Model(ats.Applications)
		var a applied
		if err := json.Unmarshal(stored, &a); err != nil {
			return nil, err
		}
		if !s.Field(ats.Applications, "rejection_reason_name") {
			a.Comment = ""
		}
		stored = raw(a)
	case k.Entity == "tag":
		off = !s.Model(ats.Tags)
	case k.Kind == "tags":
		off = !s.Model(ats.CandidateTags)
	case k.Kind == "note":
		off = !s.Field(ats.Candidates, "title")
	case !s.Model(ats.Candidates):
		off = true
	default:
		var x person
		if err := json.Unmarshal(stored, &x); err != nil {
			return nil, err
		}
		if !s.Field(ats.Candidates, "first_name") {
			x.Name = ""
		}
		if !s.Field(ats.Candidates, "company") {
			x.Group = 0
		}
		if !s.Field(ats.Candidates, "email_addresses") {
			x.Mail = ""
		}
		stored = raw(x)
	}
	if off {
		return nil, nil
	}
	return stored, nil
}

// About knows people, applications and what people are tagged with.
func (f *fakeATS) About(p connector.Part) (candidate, application string) {
	switch p.Entity {
	case "person":
		return p.ID, ""
	case "application":
		candidate, _, _ = strings.Cut(p.ID, ":")
		return candidate, p.ID
	case "tag":
		return p.Part, ""
	}
	return "", ""
}

func (f *fakeATS) Permissions(ats.Scopes) []connector.Permission { return nil }
func (f *fakeATS) Guide(string, ats.Scopes) connector.Guide      { return connector.Guide{} }
func (f *fakeATS) Explain(error) connector.Problem               { return connector.Problem{} }

func (f *fakeATS) Check(context.Context, func(connector.CheckReport)) (connector.CheckReport, error) {
	return connector.CheckReport{}, nil
}

func (f *fakeATS) Probe(context.Context, func(string, []byte) error) ([]connector.Finding, error) {
	return nil, nil
}

func (f *fakeATS) Plan() []connector.Step {
	steps := []connector.Step{
		{Name: "groups", List: &connector.List{Covers: []connector.Cover{{Entity: "group", Kind: "list", Absent: connector.Withdraw}}, Page: f.groupPage}},
		{Name: "people", Loads: []ats.Model{ats.Candidates}, List: &connector.List{Covers: []connector.Cover{{Entity: "person", Kind: "list", Absent: connector.Nominate}}, Page: f.page}},
		{Name: "notes", Improves: []ats.Model{ats.Candidates}, Each: &connector.Each{Of: connector.Cover{Entity: "person", Kind: "list"}, Reads: "note", Fetch: f.note}},
	}
	if f.applied != nil {
		steps = append(steps, connector.Step{Name: "applied", Loads: []ats.Model{ats.Applications}, List: &connector.List{Page: f.appliedPage}})
	}
	if f.tags != nil {
		steps = append(steps, connector.Step{Name: "tags", Loads: []ats.Model{ats.Tags, ats.CandidateTags}, Each: &connector.Each{
			Of: connector.Cover{Entity: "person", Kind: "list"}, Reads: "tags", Brings: []connector.Cover{{Entity: "tag", Kind: "person"}}, Fetch: f.tagsOf,
		}})
	}
	return slices.DeleteFunc(steps, func(s connector.Step) bool { return f.leftOut == s.Name })
}

func (f *fakeATS) groupPage(_ context.Context, n int) (p connector.Page, err error) {
	err = f.answer(fmt.Sprintf("groups %d", n), func() error {
		p = connector.Page{Total: len(f.groups), Pages: 1, Size: 100, Body: raw([]any{f.groups, f.hiddenGroup})}
		groups, hidden := f.groups, f.hiddenGroup
		p.Rows = func() ([]connector.Row, error) {
			var rows []connector.Row
			for id, name := range groups {
				if id == hidden {
					continue
				}
				rows = append(rows, connector.Row{Parts: []connector.Part{{PartKey: connector.PartKey{Unit: unit("group", id), Kind: "list"}, Raw: raw(name)}}})
			}
			return rows, nil
		}
		return nil
	})
	return p, err
}

func (f *fakeATS) page(_ context.Context, n int) (p connector.Page, err error) {
	err = f.answer(fmt.Sprintf("people %d", n), func() error {
		total := len(f.people) + f.hidden
		from, to := min((n-1)*f.size, total), min(n*f.size, total)
		// The hidden rows stand at the end of the first page.
		at := func(i int) int {
			if i < f.size-f.hidden {
				return i
			}
			return max(f.size-f.hidden, i-f.hidden)
		}
		suffix := f.suffix
		people := f.people
		if f.restless != nil {
			people = slices.Clone(people)
			f.restless.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
		}
		shown := slices.Clone(people[min(at(from), len(people)):min(at(to), len(people))])
		p = connector.Page{Total: total, Pages: (total + f.size - 1) / f.size, Size: f.size}
		for i, x := range shown {
			if f.lost[x.ID] {
				p.Lost = append(p.Lost, from+i+1)
			}
		}
		shown = slices.DeleteFunc(shown, func(x person) bool { return f.lost[x.ID] })
		p.Body = raw(shown)
		sparse := maps.Clone(f.sparse)
		p.Rows = func() ([]connector.Row, error) {
			var rows []connector.Row
			for _, x := range shown {
				x.Name += suffix
				part := connector.Part{PartKey: connector.PartKey{Unit: unit("person", x.ID), Kind: "list"}, Version: x.Name}
				if sparse[x.ID] {
					part.Complete = func(stored []byte) (connector.Part, bool, error) {
						var known person
						_ = json.Unmarshal(stored, &known)
						filled := part
						filled.Complete = nil
						filled.Raw = raw(person{ID: x.ID, Name: x.Name, Group: known.Group})
						return filled, known.Group != 0, nil
					}
					x.Group = 0
				}
				part.Raw = raw(x)
				rows = append(rows, connector.Row{Parts: []connector.Part{part}})
			}
			return rows, nil
		}
		return nil
	})
	return p, err
}

func (f *fakeATS) note(_ context.Context, u connector.Unit) (parts []connector.Part, err error) {
	err = f.answer("note "+u.ID, func() error {
		id, _ := strconv.Atoi(u.ID)
		if !slices.ContainsFunc(f.people, func(p person) bool { return p.ID == id }) {
			return connector.ErrGone
		}
		parts = []connector.Part{{PartKey: connector.PartKey{Unit: u, Kind: "note"}, Raw: raw(f.notes[id])}}
		return nil
	})
	return parts, err
}

func (f *fakeATS) appliedPage(_ context.Context, n int) (p connector.Page, err error) {
	err = f.answer(fmt.Sprintf("applied %d", n), func() error {
		list := slices.Clone(f.applied)
		p = connector.Page{Total: len(list), Pages: 1, Size: 1000, Body: raw(list)}
		p.Rows = func() ([]connector.Row, error) {
			var rows []connector.Row
			for _, a := range list {
				rows = append(rows, connector.Row{Key: a.unit().ID, Parts: []connector.Part{{PartKey: connector.PartKey{Unit: a.unit(), Kind: "list"}, Raw: raw(a)}}})
			}
			return rows, nil
		}
		return nil
	})
	return p, err
}

func (f *fakeATS) tagsOf(_ context.Context, u connector.Unit) (parts []connector.Part, err error) {
	err = f.answer("tags "+u.ID, func() error {
		id, _ := strconv.Atoi(u.ID)
		tag := f.tags[id]
		parts = []connector.Part{{PartKey: connector.PartKey{Unit: u, Kind: "tags"}, Raw: raw(tag)}}
		if tag != "" {
			parts = append(parts, connector.Part{PartKey: connector.PartKey{Unit: connector.Unit{Entity: "tag", ID: "t" + u.ID}, Kind: "person", Part: u.ID}, Raw: raw(tag)})
		}
		return nil
	})
	return parts, err
}

func (f *fakeATS) Confirms() map[string]connector.Confirm {
	return map[string]connector.Confirm{"person": {
		Model: ats.Candidates, Control: true,
		Group: func(u connector.Unit) string { return u.ID },
		Present: func(_ context.Context, _ string, units []connector.Unit) (present []bool, err error) {
			err = f.answer("confirm "+units[0].ID, func() error {
				id, _ := strconv.Atoi(units[0].ID)
				present = []bool{slices.ContainsFunc(f.people, func(p person) bool { return p.ID == id })}
				return nil
			})
			return present, err
		},
	}}
}

func (f *fakeATS) Needs(u connector.Unit, parts []connector.Part) []connector.Need {
	for _, p := range parts {
		var x person
		if u.Entity == "person" && p.Kind == "list" && json.Unmarshal(p.Raw, &x) == nil {
			return []connector.Need{{Unit: unit("group", x.Group)}}
		}
	}
	return nil
}

// Fold makes a candidate: the name of the list, the note as title, the group's name as company.
func (f *fakeATS) Fold(in connector.FoldInput) (connector.Fold, error) {
	switch in.Unit.Entity {
	case "application":
		return foldApplied(in)
	case "tag":
		set := connector.Set{Model: ats.Tags}
		if len(in.Parts) > 0 {
			name := new(string)
			if err := json.Unmarshal(in.Parts[0].Raw, name); err != nil {
				return connector.Fold{}, err
			}
			set.Records = append(set.Records, ats.Tag{RemoteID: in.Unit.ID, Name: name})
		}
		return connector.Fold{Sets: []connector.Set{set}}, nil
	case "group":
		return connector.Fold{}, nil
	}
	set := connector.Set{Model: ats.Candidates}
	tags := connector.Set{Model: ats.CandidateTags, Column: "candidate_id", Owner: in.IDs.ID(ats.Candidates, in.Unit.ID)}
	c := ats.Candidate{RemoteID: in.Unit.ID}
	alive := false
	for _, p := range in.Parts {
		switch p.Kind {
		case "list":
			var x person
			if err := json.Unmarshal(p.Raw, &x); err != nil {
				return connector.Fold{}, err
			}
			alive, c.FirstName = true, &x.Name
			for _, g := range in.Others[unit("group", x.Group)] {
				c.Company = new(string)
				if err := json.Unmarshal(g.Raw, c.Company); err != nil {
					return connector.Fold{}, err
				}
			}
			if x.Mail != "" {
				c.EmailAddresses = append(c.EmailAddresses, ats.EmailAddress{EmailAddress: x.Mail})
			}
		case "tags":
			var tag string
			if err := json.Unmarshal(p.Raw, &tag); err != nil {
				return connector.Fold{}, err
			}
			if tag != "" {
				tags.Records = append(tags.Records, ats.CandidateTag{CandidateRemoteID: in.Unit.ID, TagRemoteID: "t" + in.Unit.ID})
			}
		case "note":
			c.Title = new(string)
			if err := json.Unmarshal(p.Raw, c.Title); err != nil {
				return connector.Fold{}, err
			}
		}
	}
	if alive {
		set.Records = append(set.Records, c)
	}
	fold := connector.Fold{Sets: []connector.Set{set, tags}}
	if f.fields {
		fold.Fields = []connector.Field{{Model: ats.Candidates, Key: "_" + in.Unit.ID, Type: "CUSTOM"}}
	}
	return fold, nil
}

func foldApplied(in connector.FoldInput) (connector.Fold, error) {
	set := connector.Set{Model: ats.Applications}
	for _, p := range in.Parts {
		var a applied
		if err := json.Unmarshal(p.Raw, &a); err != nil {
			return connector.Fold{}, err
		}
		set.Records = append(set.Records, ats.Application{
			RemoteID: in.Unit.ID, RejectionReasonName: &a.Comment,
			CandidateRemoteID: strconv.Itoa(a.Person), JobRemoteID: strconv.Itoa(a.Job),
		})
	}
	return connector.Fold{Sets: []connector.Set{set}}, nil
}

// truth is what the store must hold: remote ID to "name|note|group".
func (f *fakeATS) truth() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]string{}
	for _, p := range f.people {
		out[strconv.Itoa(p.ID)] = fmt.Sprintf("%s|%s|%s", p.Name+f.suffix, f.notes[p.ID], f.groups[p.Group])
	}
	return out
}

// bench is an engine on a database with one integration of a fake ATS.
type bench struct {
	t           *testing.T
	db          storetest.DB
	store       *store.Store
	integration store.Integration
	ats         *fakeATS
	engine      *mirror.Engine
}

func newBench(t *testing.T, db storetest.DB, f *fakeATS) *bench {
	t.Helper()
	b := &bench{t: t, db: db, store: db.Open(t), ats: f}
	b.integration = storetest.NewIntegration(t, b.store)
	b.engine = b.newEngine(nil)
	return b
}

func (b *bench) newEngine(point func(string)) *mirror.Engine {
	return b.slicedEngine(time.Minute, point)
}

// slicedEngine works in slices of a length of its own; of a nanosecond, each does the least that
// a slice can do.
func (b *bench) slicedEngine(slice time.Duration, point func(string)) *mirror.Engine {
	config := b.config(point)
	config.Slice = slice
	return mirror.New(config)
}

func (b *bench) config(point func(string)) mirror.Config {
	return mirror.Config{
		Store: b.store, Point: point,
		Open: func(context.Context, store.Integration) (connector.Connector, connector.Tenant, error) {
			return b.ats, b.ats, nil
		},
		Enqueue: func(context.Context, *sql.Tx, string, time.Duration) error { return nil },
	}
}

// sync runs a full sync to its end, a minute after the last one.
func (b *bench) sync() store.Run {
	b.t.Helper()
	b.db.Clock.Add(time.Minute)
	run := b.start()
	for range 1000 {
		next, err := b.engine.Slice(b.t.Context(), run.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		if next.Done {
			return b.run(run.ID)
		}
		b.db.Clock.Add(next.After)
	}
	b.t.Fatal("the run does not end")
	return store.Run{}
}

func (b *bench) start() store.Run {
	b.t.Helper()
	run, already, err := b.engine.Start(b.t.Context(), b.integration, store.FullSync, "test")
	if err != nil || already {
		b.t.Fatal(already, err)
	}
	return run
}

func (b *bench) run(id string) store.Run {
	b.t.Helper()
	run, err := b.store.Run(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return run
}

func (b *bench) wantState(run store.Run, want store.RunState) {
	b.t.Helper()
	if run.State != want {
		msg := ""
		if run.Error != nil {
			msg = *run.Error
		}
		b.t.Fatalf("the run ended %s (%s), want %s", run.State, msg, want)
	}
}

func (b *bench) step(run store.Run, name string) store.RunStep {
	b.t.Helper()
	steps, err := b.store.Steps(b.t.Context(), run.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range steps {
		if s.Step == name {
			return s
		}
	}
	b.t.Fatalf("no step %q", name)
	return store.RunStep{}
}

// stored is what the store serves, in the form of truth.
func (b *bench) stored() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	var after *store.Cursor
	for {
		page, err := b.store.Page(b.t.Context(), store.Query{Model: ats.Candidates, Integration: b.integration.No, PageSize: 100, After: after})
		if err != nil {
			b.t.Fatal(err)
		}
		var records []struct {
			RemoteID  string `json:"remote_id"`
			FirstName string `json:"first_name"`
			Title     string `json:"title"`
			Company   string `json:"company"`
		}
		if err := json.Unmarshal([]byte("["+string(page.JSON)+"]"), &records); err != nil {
			b.t.Fatal(err)
		}
		for _, r := range records {
			out[r.RemoteID] = fmt.Sprintf("%s|%s|%s", r.FirstName, r.Title, r.Company)
		}
		if after = page.Next; after == nil {
			return out
		}
	}
}

// lastSeq is the number of the last change.
func (b *bench) lastSeq() int64 {
	b.t.Helper()
	i, err := b.store.IntegrationByNo(b.t.Context(), b.integration.No)
	if err != nil {
		b.t.Fatal(err)
	}
	return i.LastSeq
}
