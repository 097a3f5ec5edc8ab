package mirror_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// off switches models and fields off, "model" or "model.field", and all others on.
func (b *bench) off(what ...string) {
	b.t.Helper()
	config := ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{}}
	for _, w := range what {
		model, field, isField := strings.Cut(w, ".")
		scope := config.Models[ats.Model(model)]
		if isField {
			if scope.Fields == nil {
				scope.Fields = map[string]ats.Setting{}
			}
			scope.Fields[field] = ats.Disabled
		} else {
			scope.Setting = ats.Disabled
		}
		config.Models[ats.Model(model)] = scope
	}
	c, err := b.store.AddScopeConfig(b.t.Context(), ats.NewID(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec(`UPDATE integrations SET scope_config = $1, data_expired_at = $2`, c.ID, b.store.Now())
	b.reread()
}

// onlyCreated keeps what was created through the API and nothing else, or everything again.
func (b *bench) onlyCreated(on bool) {
	b.t.Helper()
	settings := `{}`
	if on {
		settings = `{"only_created":true}`
	}
	b.exec(`UPDATE integrations SET settings = $1, data_expired_at = $2`, settings, b.store.Now())
	b.reread()
}

func (b *bench) reread() {
	b.t.Helper()
	i, err := b.store.IntegrationByNo(b.t.Context(), b.integration.No)
	if err != nil {
		b.t.Fatal(err)
	}
	b.integration = i
}

func (b *bench) exec(statement string, args ...any) {
	b.t.Helper()
	if err := b.store.Transact(b.t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) track(candidate, application string) {
	b.t.Helper()
	if err := b.store.Transact(b.t.Context(), func(tx *sql.Tx) error {
		return b.store.Track(b.t.Context(), tx, b.integration.No, candidate, application)
	}); err != nil {
		b.t.Fatal(err)
	}
}

// wantNowhere fails when a text is found anywhere in the database: in the bytes of SQLite's files, in the
// rows of PostgreSQL's tables.
func (b *bench) wantNowhere(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if where := b.find(text); where != "" {
			b.t.Errorf("%q stands in %s", text, where)
		}
	}
}

// wantSomewhere fails unless a text is found in the database: the search would find it.
func (b *bench) wantSomewhere(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if b.find(text) == "" {
			b.t.Errorf("%q stands nowhere", text)
		}
	}
}

func (b *bench) find(text string) string {
	b.t.Helper()
	text = strings.ToLower(text)
	if b.store.Embedded() {
		for _, end := range []string{"", "-wal"} {
			content, err := os.ReadFile(b.store.Path() + end)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				b.t.Fatal(err)
			}
			if strings.Contains(strings.ToLower(string(content)), text) {
				return "the file" + end + " (" + b.table(text) + ")"
			}
		}
		return ""
	}
	return b.table(text)
}

// table names the tables that have a row with a text.
func (b *bench) table(text string) string {
	b.t.Helper()
	var found []string
	if err := b.store.Transact(b.t.Context(), func(tx *sql.Tx) error {
		list := `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`
		if b.store.Embedded() {
			list = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
		}
		names, err := texts(tx, list)
		if err != nil {
			return err
		}
		for _, name := range names {
			row := "t::text"
			if b.store.Embedded() {
				columns, err := texts(tx, `SELECT 'COALESCE(CAST("' || name || '" AS TEXT), '''')' FROM pragma_table_info('`+name+`')`)
				if err != nil {
					return err
				}
				row = strings.Join(columns, " || ' ' || ")
			}
			rows, err := texts(tx, `SELECT `+row+` FROM `+name+` AS t`)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if strings.Contains(strings.ToLower(r), text) {
					found = append(found, name)
					break
				}
			}
		}
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(found, ", ")
}

func texts(tx *sql.Tx, query string) (out []string, err error) {
	rows, err := tx.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}

// planted gives everybody an address, applications and tags, and one person who goes after the first sync.
func planted(b *bench) {
	b.ats.applied, b.ats.tags = []applied{}, map[int]string{}
	for n := range b.ats.people {
		p := &b.ats.people[n]
		p.Mail = fmt.Sprintf("post%d@planted.example", p.ID)
		b.ats.applied = append(b.ats.applied, applied{p.ID, 7, fmt.Sprintf("Komentarz %d", p.ID)})
		b.ats.tags[p.ID] = fmt.Sprintf("Etykieta-%d", p.ID)
	}
}

// marks are texts of which each is a value of one model or field.
var marks = map[string][]string{
	"ats_candidates.first_name":              {"Osoba "},
	"ats_candidates.title":                   {"note "},
	"ats_candidates.company":                 {"Zarząd", "Kadry"},
	"ats_candidates.email_addresses":         {"planted.example"},
	"ats_candidates":                         {"Osoba ", "note ", "planted.example"},
	"ats_applications":                       {"Komentarz"},
	"ats_applications.rejection_reason_name": {"Komentarz"},
	"ats_tags":                               {"Etykieta"},
	"ats_candidates.tags":                    nil, // who carries which is IDs only
	"ats_join_candidates_tags":               nil,
}

// eachMark runs a test of one mark on both databases, of those of which others are alike on SQLite only.
func eachMark(t *testing.T, what string, fn func(t *testing.T, b *bench)) {
	if what == "ats_candidates.email_addresses" || what == "ats_candidates" || what == "ats_tags" {
		each(t, 25, fn)
		return
	}
	fn(t, newBench(t, storetest.SQLite(t), newFake(25)))
}

// What is off at the first sync is never stored.
func TestOffIsNeverStored(t *testing.T) {
	for what, texts := range marks {
		t.Run(what, func(t *testing.T) {
			eachMark(t, what, func(t *testing.T, b *bench) {
				planted(b)
				b.off(what)
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantNowhere(texts...)
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantNowhere(texts...)
			})
		})
	}
}

// What is switched off later is gone after the next sync, also from records that were deleted before, and
// nothing is read again for it. Switched on, all of it comes back, although no page has changed.
func TestOffIsErased(t *testing.T) {
	for what, texts := range marks {
		t.Run(what, func(t *testing.T) {
			eachMark(t, what, func(t *testing.T, b *bench) {
				planted(b)
				b.wantState(b.sync(), store.RunSucceeded)
				b.ats.change(func() { b.ats.removeAt(3) })
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantTruth()
				whole := b.everything()
				b.wantSomewhere(texts...)
				details := b.ats.count("note") + b.ats.count("tags")

				b.off(what)
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantNowhere(texts...)
				if n := b.ats.count("note") + b.ats.count("tags") - details; n > 0 {
					t.Errorf("%d details were read again", n)
				}
				seq := b.lastSeq()
				b.wantState(b.sync(), store.RunSucceeded)
				if got := b.lastSeq(); got != seq {
					t.Errorf("the sync after it logged %d changes", got-seq)
				}
				b.ats.change(func() { b.ats.people[5].Name = "Osoba nowa" })
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantNowhere(texts...)
				b.ats.change(func() { b.ats.people[5].Name = "Osoba 6" })

				b.off()
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantTruth()
				if d := cmp.Diff(whole, b.everything()); d != "" {
					t.Errorf("records that live (-before +after):\n%s", d)
				}
			})
		})
	}
}

// SQLite moves rows between its pages and leaves pieces behind of those that it deletes: they are gone, too.
func TestNothingIsLeftInPages(t *testing.T) {
	if testing.Short() {
		t.Skip("not in short mode: many people")
	}
	b := newBench(t, storetest.SQLite(t), newFake(1000))
	b.ats.size = 100
	for n, p := range b.ats.people {
		b.ats.notes[p.ID] = fmt.Sprint("Sekret ", n, strings.Repeat("x", n%700))
	}
	b.wantState(b.sync(), store.RunSucceeded)
	b.wantSomewhere("Sekret")
	b.off("ats_candidates.title")
	b.wantState(b.sync(), store.RunSucceeded)
	b.wantNowhere("Sekret")
}

// everything is all living records, by model, without their stamps.
func (b *bench) everything() map[string][]string {
	b.t.Helper()
	out := map[string][]string{}
	if err := b.store.Transact(b.t.Context(), func(tx *sql.Tx) (err error) {
		for _, name := range []string{"candidates", "applications", "tags", "candidate_tags"} {
			if out[name], err = texts(tx, `SELECT remote_id || own || ref FROM `+name+` WHERE remote_deleted_at IS NULL ORDER BY id`); err != nil {
				return err
			}
		}
		out["emails"], err = texts(tx, `SELECT email || candidate_id FROM candidate_emails WHERE candidate_id IN (SELECT id FROM candidates WHERE remote_deleted_at IS NULL) ORDER BY email`)
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// A version that moves while what it is made of is not stored still makes the detail due.
func TestVersionThatIsOff(t *testing.T) {
	each(t, 25, func(t *testing.T, b *bench) {
		b.off("ats_candidates.first_name")
		b.wantState(b.sync(), store.RunSucceeded)
		notes := b.ats.count("note")
		b.ats.change(func() {
			b.ats.people[4].Name = "Inna"
			b.ats.notes[b.ats.people[4].ID] = "inna"
		})
		b.wantState(b.sync(), store.RunSucceeded)
		if got := b.ats.count("note") - notes; got != 1 {
			t.Errorf("%d details were read, want 1", got)
		}
		id := strconv.Itoa(b.ats.people[4].ID)
		if got := b.stored()[id]; got != "|inna|Zarząd" {
			t.Errorf("stored %q", got)
		}
	})
}

// A process that dies in the middle of erasing leaves the rest to the next one.
func TestErasingResumes(t *testing.T) {
	each(t, 450, func(t *testing.T, b *bench) {
		b.wantState(b.sync(), store.RunSucceeded)
		b.off("ats_candidates.first_name")
		b.db.Clock.Add(time.Minute)
		run := b.start()
		steps := 0
		b.engine = b.newEngine(func(name string) {
			if name == "fanout step done" {
				steps++
				panic(stopped{name}) // each does the least that it can
			}
		})
		for !b.slice(run.ID) {
			b.db.Clock.Add(store.LeaseTime + time.Second)
		}
		b.wantState(b.run(run.ID), store.RunSucceeded)
		b.wantNowhere("Osoba ")
		if steps < 20 { // 452 units, then the models, and so on
			t.Errorf("erased in %d steps", steps)
		}
	})
}

// Only what was created through the API is kept: of others nothing is stored, neither at the first sync
// nor when everything was before.
func TestOnlyCreated(t *testing.T) {
	for _, later := range []bool{false, true} {
		t.Run(fmt.Sprint("later ", later), func(t *testing.T) {
			each(t, 25, func(t *testing.T, b *bench) {
				planted(b)
				ours, other := b.ats.people[4], b.ats.people[9]
				b.ats.applied = append(b.ats.applied, applied{ours.ID, 8, "Inna sprawa"})
				var whole map[string][]string
				if later {
					b.wantState(b.sync(), store.RunSucceeded)
					b.ats.change(func() { b.ats.removeAt(20) })
					b.wantState(b.sync(), store.RunSucceeded)
					whole = b.everything()
				}
				b.track(strconv.Itoa(ours.ID), fmt.Sprint(ours.ID, ":7"))
				b.onlyCreated(true)
				for range 2 {
					b.wantState(b.sync(), store.RunSucceeded)
					b.wantOnly(ours.ID, "Inna sprawa")
				}
				// An event about somebody else brings nothing in.
				b.ingest(b.personPart(other, b.db.Clock.Now()))
				b.wantOnly(ours.ID, "Inna sprawa")
				if !later {
					return
				}
				b.onlyCreated(false)
				b.wantState(b.sync(), store.RunSucceeded)
				b.wantTruth()
				if d := cmp.Diff(whole, b.everything()); d != "" {
					t.Errorf("records that live (-before +after):\n%s", d)
				}
			})
		})
	}
}

// wantOnly fails unless one person is all of whom anything is stored.
func (b *bench) wantOnly(id int, more ...string) {
	b.t.Helper()
	for _, p := range b.ats.people {
		if p.ID == id {
			b.wantSomewhere(p.Name, p.Mail, fmt.Sprint("Etykieta-", p.ID), fmt.Sprint("Komentarz ", p.ID))
			continue
		}
		b.wantNowhere(p.Mail, fmt.Sprint("Etykieta-", p.ID), fmt.Sprint("Komentarz ", p.ID))
	}
	b.wantNowhere(more...)
	if got, want := b.stored(), map[string]string{fmt.Sprint(id): b.ats.truth()[fmt.Sprint(id)]}; !cmp.Equal(want, got) {
		b.t.Errorf("stored %v, want %v", got, want)
	}
	for _, name := range []string{"parts", "reads", "dependencies", "nominations"} {
		units := map[string]bool{}
		if err := b.store.Transact(b.t.Context(), func(tx *sql.Tx) error {
			all, err := texts(tx, `SELECT entity || '/' || entity_id FROM `+name)
			for _, u := range all {
				units[u] = true
			}
			return err
		}); err != nil {
			b.t.Fatal(err)
		}
		for u := range units {
			entity, rest, _ := strings.Cut(u, "/")
			if entity != "group" && !strings.Contains(rest, strconv.Itoa(id)) {
				b.t.Errorf("%s knows %s", name, u)
			}
		}
	}
}

// What is created while a sync is under way, or was when its page was read, comes in.
func TestTrackedDuringASync(t *testing.T) {
	each(t, 25, func(t *testing.T, b *bench) {
		planted(b)
		b.onlyCreated(true)
		b.wantState(b.sync(), store.RunSucceeded)
		if got := b.stored(); len(got) != 0 {
			t.Fatalf("stored %v", got)
		}
		first, second := b.ats.people[2], b.ats.people[24]
		done := false
		b.ats.before = func(request string) {
			if request == "people 2" && !done { // page 3, with the second one, is decoded already
				done = true
				for _, p := range []person{first, second} {
					b.track(strconv.Itoa(p.ID), fmt.Sprint(p.ID, ":7"))
				}
			}
		}
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantState(b.sync(), store.RunSucceeded)
		truth := b.ats.truth()
		want := map[string]string{}
		for _, p := range []person{first, second} {
			want[strconv.Itoa(p.ID)] = truth[strconv.Itoa(p.ID)]
		}
		if d := cmp.Diff(want, b.stored()); d != "" {
			t.Errorf("stored (-want +got):\n%s", d)
		}
	})
}

// Walks of listings of which most is not kept are judged as ever: rows that move are found, and what is
// kept and goes is noticed.
func TestOnlyCreatedDeletion(t *testing.T) {
	each(t, 35, func(t *testing.T, b *bench) {
		for _, n := range []int{3, 30} {
			b.track(strconv.Itoa(b.ats.people[n].ID), "")
		}
		b.onlyCreated(true)
		b.wantState(b.sync(), store.RunSucceeded)
		gone := b.ats.people[30]
		b.ats.change(func() { b.ats.removeAt(30) })
		run := b.sync()
		b.wantState(run, store.RunSucceeded)
		if s := b.step(run, "people"); s.Done != 34 || s.Missing != 0 {
			t.Errorf("progress %+v", s)
		}
		if _, there := b.stored()[strconv.Itoa(gone.ID)]; there || len(b.stored()) != 1 {
			t.Errorf("stored %v", b.stored())
		}
		// The last one, with nobody left to compare with.
		b.ats.change(func() { b.ats.removeAt(3) })
		b.wantState(b.sync(), store.RunSucceeded)
		if got := b.stored(); len(got) != 0 {
			t.Errorf("stored %v", got)
		}
	})
}

// What the ATS says of an error may quote anybody, so it is not written down.
func TestErrorsOfRestricted(t *testing.T) {
	each(t, 25, func(t *testing.T, b *bench) {
		b.onlyCreated(true)
		b.track("112", "")
		b.ats.fail = func(request string) error {
			answer := &connector.AnswerError{Status: 500, Method: "GET", Path: "/" + request, Message: "Jan Tajny"}
			switch {
			case strings.HasPrefix(request, "groups"):
				return &connector.RetryError{Err: answer}
			case strings.HasPrefix(request, "note"):
				return answer
			}
			return nil
		}
		run := b.sync()
		b.wantState(run, store.RunPartial)
		b.wantNowhere("Tajny")
		if !strings.Contains(*run.Error, "answered 500") {
			t.Errorf("the run says %q", *run.Error)
		}
	})
}

// Data count as expired until a sync has ended under the settings in force.
func TestDataExpired(t *testing.T) {
	each(t, 25, func(t *testing.T, b *bench) {
		expired := func() bool {
			b.reread()
			return b.integration.DataExpiredAt != nil
		}
		b.wantState(b.sync(), store.RunSucceeded)
		b.off("ats_candidates.title")
		changed := false
		b.ats.before = func(request string) {
			if request == "people 1" && !changed {
				changed = true
				b.off("ats_candidates.first_name")
			}
		}
		b.wantState(b.sync(), store.RunSucceeded)
		if !expired() {
			t.Error("a change in the middle of a sync counts as done")
		}
		if due, err := b.store.DueFull(t.Context()); err != nil || len(due) != 1 {
			t.Errorf("due is %v, %v: the next sync must follow at once", due, err)
		}
		b.wantState(b.sync(), store.RunSucceeded)
		if expired() {
			t.Error("the next sync did not do it")
		}
		b.wantNowhere("Osoba ")
	})
}

// When more is allowed in the middle of a run, it begins anew and ends with everything.
func TestWidenedDuringASync(t *testing.T) {
	each(t, 25, func(t *testing.T, b *bench) {
		planted(b)
		b.off("ats_candidates.first_name", "ats_tags")
		b.wantState(b.sync(), store.RunSucceeded)
		run := b.start()
		b.engine = b.newEngine(func(name string) {
			if name == "walk complete" && !b.integration.Scopes.Whole() {
				b.off()
				panic(stopped{name})
			}
		})
		for !b.slice(run.ID) {
			b.db.Clock.Add(store.LeaseTime + time.Second)
		}
		b.wantState(b.run(run.ID), store.RunSucceeded)
		b.wantTruth()
		b.wantSomewhere("Etykieta-103")
		loaded, err := b.store.Loaded(context.Background(), b.integration.No)
		if _, ok := loaded[ats.Tags]; err != nil || !ok {
			t.Errorf("loaded %v, %v", loaded, err)
		}
		if b.reread(); b.integration.DataExpiredAt != nil {
			t.Error("the data still count as expired")
		}
	})
}

// The keys of rows in pages cannot be made by whoever has the database alone.
func TestRowKeysAreKeyed(t *testing.T) {
	keys := map[string]bool{}
	for _, salt := range []string{"a", "b", "b"} {
		b := newBench(t, storetest.SQLite(t), newFake(5))
		config := b.config(nil)
		config.Salt = []byte(salt)
		b.engine = mirror.New(config)
		b.wantState(b.sync(), store.RunSucceeded)
		if err := b.store.Transact(t.Context(), func(tx *sql.Tx) error {
			all, err := texts(tx, `SELECT hex(keys) FROM pages WHERE step = 'people'`)
			keys[strings.Join(all, " ")] = true
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(keys) != 2 {
		t.Errorf("two salts gave %d sets of keys", len(keys))
	}
}

// What comes in while everything was allowed for a moment, between two syncs, is erased as well.
func TestWidenedBetweenSyncs(t *testing.T) {
	each(t, 25, func(t *testing.T, b *bench) {
		planted(b)
		b.onlyCreated(true)
		b.wantState(b.sync(), store.RunSucceeded)
		other := b.ats.people[9]
		b.db.Clock.Add(time.Second)
		b.onlyCreated(false)
		b.ingest(b.personPart(other, b.db.Clock.Now()))
		b.wantSomewhere(other.Mail)
		b.db.Clock.Add(time.Second)
		b.onlyCreated(true)
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantNowhere(other.Mail)

		b.onlyCreated(false)
		b.off("ats_candidates.email_addresses")
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantNowhere("planted.example")
		b.off()
		b.ingest(b.personPart(other, b.db.Clock.Now()))
		b.wantSomewhere(other.Mail)
		b.db.Clock.Add(time.Second)
		b.off("ats_candidates.email_addresses")
		b.wantState(b.sync(), store.RunSucceeded)
		b.wantNowhere("planted.example")
		b.wantState(b.sync(), store.RunSucceeded)
		if b.reread(); b.integration.DataExpiredAt != nil {
			t.Error("the data still count as expired")
		}
	})
}

// A run that was queued for an integration that is switched off reads nothing.
func TestRunOfWhatIsSwitchedOff(t *testing.T) {
	each(t, 5, func(t *testing.T, b *bench) {
		run := b.start()
		b.exec(`UPDATE integrations SET status = 'INACTIVE'`)
		b.slice(run.ID)
		b.wantState(b.run(run.ID), store.RunCancelled)
		if n := b.ats.count(""); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}
