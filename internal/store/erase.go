package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// What may not be stored any more goes in three steps. Recut takes it out of parts, which folds the
// living records anew. Erase deals with what no fold reaches: records that are marked deleted, what was
// done about them, and the bodies of logged requests. Scrub sees to what the database still keeps of it.

// UnitOf names the unit whose parts are the raw data of a record; false where there is none.
type UnitOf func(m ats.Model, remoteID string) (connector.Unit, bool)

// erasing is one kind of rows that Erase goes through. next deals with at most limit of them after a
// cursor, and gives the cursor after them; empty when none is left.
type erasing struct {
	name string
	next func(t *Tx, ctx context.Context, i Integration, after string, limit int) (string, error)
}

// erasings lists what Erase goes through, in its order: who carries a tag is known before it is asked
// whether anybody does.
func erasings(unitOf UnitOf) []erasing {
	models := []ats.Model{ats.Candidates, ats.CandidateTags}
	for _, m := range ats.Models() {
		if !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	var all []erasing
	for _, m := range models {
		all = append(all, erasing{string(m), func(t *Tx, ctx context.Context, i Integration, after string, limit int) (string, error) {
			return t.eraseRecords(ctx, m, i, unitOf, after, limit)
		}})
	}
	for _, name := range unitTables {
		all = append(all, erasing{name, func(t *Tx, ctx context.Context, i Integration, after string, limit int) (string, error) {
			return t.eraseUnits(ctx, name, i, after, limit)
		}})
	}
	return append(all, erasing{"actions", (*Tx).eraseActions}, erasing{"requests", (*Tx).eraseRequests})
}

// EraseNext erases the next rows of an erasing fan-out, at most limit, under the settings in force. It
// gives the cursor after them, empty when none is left.
func (t *Tx) EraseNext(ctx context.Context, f Fanout, i Integration, unitOf UnitOf, limit int) (string, error) {
	all := erasings(unitOf)
	name, after, _ := strings.Cut(f.Cursor, "/")
	at := max(0, slices.IndexFunc(all, func(e erasing) bool { return e.name == name }))
	after, err := all[at].next(t, ctx, i, after, limit)
	if err != nil {
		return "", fmt.Errorf("erase %s: %w", all[at].name, err)
	}
	if after != "" {
		return all[at].name + "/" + after, nil
	}
	if at+1 < len(all) {
		return all[at+1].name + "/", nil
	}
	return "", nil
}

// erasable is a stored record as Erase looks at it.
type erasable struct {
	id, remoteID, hash string
	owner              sql.NullString
	own, ref           []byte
	deleted            bool
}

// eraseRecords deals with the next records of a model. Those that may not live end, and those that have
// ended lose what may not be stored of them. Their end was told already, so that is no change.
func (t *Tx) eraseRecords(ctx context.Context, m ats.Model, i Integration, unitOf UnitOf, after string, limit int) (string, error) {
	tab := tables[m]
	owner := "NULL"
	if tab.owner != "" {
		owner = tab.owner
	}
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT id, remote_id, hash, %s, own, ref, remote_deleted_at IS NOT NULL FROM %s
		WHERE integration = $1 AND id > $2 ORDER BY id LIMIT $3`, owner, tab.name), t.no, after, limit)
	found, err := collect(rows, err, func(r *sql.Rows) (erasable, error) {
		var e erasable
		return e, r.Scan(&e.id, &e.remoteID, &e.hash, &e.owner, &e.own, &e.ref, &e.deleted)
	})
	if err != nil || len(found) == 0 {
		return "", err
	}
	foreign, err := t.foreign(ctx, m, i, found)
	if err != nil {
		return "", err
	}
	var gone []string
	var ends []change
	for n, e := range found {
		if !e.deleted && (foreign[n] || !i.Scopes.Model(m)) {
			gone = append(gone, e.id)
			ends = append(ends, change{id: e.id, op: deleted, owner: e.owner.String})
			found[n].deleted = true
		}
	}
	if len(gone) > 0 {
		t.wrote = true
		if err := t.markDeleted(ctx, tab, gone); err != nil {
			return "", err
		}
		if err := t.log(ctx, m, ends); err != nil {
			return "", err
		}
		if err := t.touch(ctx, tab, ends); err != nil {
			return "", err
		}
	}
	for n, e := range found {
		switch {
		case !e.deleted:
		case foreign[n]:
			err = t.forget(ctx, m, unitOf, e)
		case !i.Scopes.Whole():
			err = t.strip(ctx, m, i.Scopes, e)
		}
		if err != nil {
			return "", err
		}
	}
	if len(found) < limit {
		return "", nil
	}
	return found[len(found)-1].id, nil
}

// foreign tells of each record whether nothing of it may be left because only what was created through the
// API is kept. Such are also tags that nobody carries of whom something is kept, and reasons that have ended.
func (t *Tx) foreign(ctx context.Context, m ats.Model, i Integration, found []erasable) ([]bool, error) {
	out := make([]bool, len(found))
	if !i.Settings.OnlyCreated {
		return out, nil
	}
	query := ""
	switch m {
	case ats.Candidates:
		query = `SELECT EXISTS (SELECT 1 FROM tracked_applications WHERE integration = $1 AND candidate = $2)`
	case ats.Applications:
		query = `SELECT EXISTS (SELECT 1 FROM tracked_applications WHERE integration = $1 AND application = $2)`
	case ats.CandidateTags:
		query = `SELECT EXISTS (SELECT 1 FROM candidates WHERE integration = $1 AND id = $2 AND remote_deleted_at IS NULL)`
	case ats.Tags:
		carried, err := t.carried(ctx, found)
		for n, e := range found {
			out[n] = !carried[e.id]
		}
		return out, err
	case ats.RejectionReasons:
		for n, e := range found {
			out[n] = e.deleted
		}
		return out, nil
	default:
		return out, nil
	}
	for n, e := range found {
		key := e.remoteID
		if m == ats.CandidateTags {
			key = e.owner.String
		}
		var ours bool
		if err := t.tx.QueryRowContext(ctx, query, t.no, key).Scan(&ours); err != nil {
			return nil, fmt.Errorf("read what was created: %w", err)
		}
		out[n] = !ours
	}
	return out, nil
}

// carried gives those of the tags that a candidate carries.
func (t *Tx) carried(ctx context.Context, tags []erasable) (map[string]bool, error) {
	out := map[string]bool{}
	err := batches(t.store.dialect, tags, rowsPerStatement, func(batch []erasable) error {
		args := []any{t.no}
		for _, e := range batch {
			args = append(args, e.id)
		}
		rows, err := t.tx.QueryContext(ctx, `SELECT DISTINCT tag_id FROM candidate_tags
			WHERE integration = $1 AND remote_deleted_at IS NULL AND tag_id IN (`+placeholders(2, len(batch))+`)`, args...)
		_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
			var id string
			err := r.Scan(&id)
			out[id] = true
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which tags are carried: %w", err)
	}
	return out, nil
}

// forget leaves of a record nothing but our ID, by which clients know it, and when it ended. A connection
// is served only within others, so nothing is left of it.
func (t *Tx) forget(ctx context.Context, m ats.Model, unitOf UnitOf, e erasable) error {
	if u, ok := unitOf(m, e.remoteID); ok && e.remoteID != "" {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM parts WHERE integration = $1 AND entity = $2 AND entity_id = $3`, t.no, u.Entity, u.ID); err != nil {
			return err
		}
		if err := t.ForgetUnits(ctx, []connector.Unit{u}); err != nil {
			return err
		}
	}
	for _, stmt := range []string{
		`DELETE FROM request_mentions WHERE integration = $1 AND record_id = $2 AND model = '` + string(m) + `'`,
		`DELETE FROM uploads WHERE integration = $1 AND candidate_id = $2`,
		`DELETE FROM result_links WHERE integration = $1 AND record_id = $2`,
		`DELETE FROM candidate_emails WHERE integration = $1 AND candidate_id = $2`,
	} {
		if _, err := t.tx.ExecContext(ctx, stmt, t.no, e.id); err != nil {
			return err
		}
	}
	tab := tables[m]
	if m == ats.CandidateTags {
		_, err := t.tx.ExecContext(ctx, `DELETE FROM `+tab.name+` WHERE integration = $1 AND id = $2`, t.no, e.id)
		return err
	}
	own, ref, err := ats.Forget(m, e.own, e.ref)
	if err != nil {
		return err
	}
	return t.replace(ctx, tab, e, "", own, ref, tab.columns)
}

// strip takes out of a record what scopes switch off.
func (t *Tx) strip(ctx context.Context, m ats.Model, s ats.Scopes, e erasable) error {
	if m == ats.Candidates && !s.Field(m, "email_addresses") {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM candidate_emails WHERE integration = $1 AND candidate_id = $2`, t.no, e.id); err != nil {
			return err
		}
	}
	own, ref, err := ats.Strip(m, e.own, e.ref, s)
	if err != nil {
		return err
	}
	tab := tables[m]
	var off []string
	for _, c := range tab.columns {
		if field := columnField(m, c); field != "" && !s.Stays(m, field) {
			off = append(off, c)
		}
	}
	return t.replace(ctx, tab, e, e.remoteID, own, ref, off)
}

// columnField names the field whose value a column holds; empty for what only connects and orders.
func columnField(m ats.Model, column string) string {
	switch {
	case tables[m].owner != "" && m != ats.Applications:
		return ""
	case column == "role_id":
		return "system_roles"
	}
	return strings.TrimSuffix(column, "_folded")
}

// replace stores what is left of a record that has ended. Nothing is compared with its hash any more.
func (t *Tx) replace(ctx context.Context, tab table, e erasable, remoteID string, own, ref []byte, null []string) error {
	if e.hash == "" && e.remoteID == remoteID && bytes.Equal(e.own, own) && bytes.Equal(e.ref, ref) {
		return nil
	}
	set := ""
	for _, c := range null {
		set += ", " + c + " = NULL"
	}
	_, err := t.tx.ExecContext(ctx, `UPDATE `+tab.name+` SET remote_id = $1, own = $2, ref = $3, hash = ''`+set+` WHERE integration = $4 AND id = $5`,
		remoteID, string(own), string(ref), t.no, e.id)
	return err
}

// eraseUnits forgets units of which no part is left, in one of the tables that keep something of them.
func (t *Tx) eraseUnits(ctx context.Context, name string, i Integration, after string, limit int) (string, error) {
	if !i.Settings.OnlyCreated {
		return "", nil
	}
	var from connector.Unit
	from.Entity, from.ID, _ = strings.Cut(after, "/")
	rows, err := t.tx.QueryContext(ctx, `SELECT DISTINCT entity, entity_id FROM `+name+`
		WHERE integration = $1 AND (entity, entity_id) > ($2, $3) ORDER BY entity, entity_id LIMIT $4`, t.no, from.Entity, from.ID, limit)
	units, err := collect(rows, err, scanUnit)
	if err != nil || len(units) == 0 {
		return "", err
	}
	return units[len(units)-1].String(), t.ForgetUnits(ctx, units)
}

// eraseActions forgets what was done about candidates that were not created through the API.
func (t *Tx) eraseActions(ctx context.Context, i Integration, after string, limit int) (string, error) {
	if !i.Settings.OnlyCreated {
		return "", nil
	}
	type ended struct{ id, answer string }
	rows, err := t.tx.QueryContext(ctx, `SELECT id, answer FROM actions WHERE integration = $1 AND id > $2 AND ended_at IS NOT NULL ORDER BY id LIMIT $3`, t.no, after, limit)
	found, err := collect(rows, err, func(r *sql.Rows) (ended, error) {
		var e ended
		return e, r.Scan(&e.id, &e.answer)
	})
	if err != nil || len(found) == 0 {
		return "", err
	}
	by := map[string]string{} // candidate by action
	for _, e := range found {
		var answer struct {
			CandidateID string `json:"candidate_id"`
		}
		if err := json.Unmarshal([]byte(e.answer), &answer); err == nil && answer.CandidateID != "" {
			by[e.id] = answer.CandidateID
		}
	}
	tracked, err := t.Tracked(ctx, slices.Compact(slices.Sorted(maps.Values(by))))
	if err != nil {
		return "", err
	}
	for id, candidate := range by {
		if tracked.Has(candidate, "") {
			continue
		}
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM actions WHERE id = $1`, id); err != nil {
			return "", err
		}
	}
	return found[len(found)-1].id, nil
}

// eraseRequests removes from the request log what the ATS said, and what we said of it. What clients sent
// is theirs. Where only what was created through the API is kept, requests of syncs go as a whole: their
// addresses name others.
func (t *Tx) eraseRequests(ctx context.Context, i Integration, after string, limit int) (string, error) {
	if i.Restriction().None() {
		return "", nil
	}
	from := int64(0)
	if after != "" {
		from = parseInt([]byte(after))
	}
	var to sql.NullInt64
	if err := t.tx.QueryRowContext(ctx, `SELECT MAX(no) FROM (SELECT no FROM requests WHERE integration = $1 AND no > $2 ORDER BY no LIMIT $3) AS few`,
		t.no, from, limit).Scan(&to); err != nil || !to.Valid {
		return "", err
	}
	if i.Settings.OnlyCreated {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM requests WHERE integration = $1 AND no > $2 AND no <= $3 AND run_id IS NOT NULL`, t.no, from, to.Int64); err != nil {
			return "", err
		}
	}
	_, err := t.tx.ExecContext(ctx, `UPDATE requests SET request_body = CASE WHEN kind = 'api' THEN request_body END, response_body = NULL, error = NULL
		WHERE integration = $1 AND no > $2 AND no <= $3`, t.no, from, to.Int64)
	return fmt.Sprint(to.Int64), err
}

// Scrub sees to it that the database does not go on keeping what was erased: on SQLite in its log of
// writes, on PostgreSQL in dead rows and in statistics.
func (s *Store) Scrub(ctx context.Context) error {
	names := append(slices.Clone(unitTables), "parts", "candidate_emails", "actions", "requests", "request_mentions", "pages")
	for _, m := range ats.Models() {
		names = append(names, tables[m].name)
	}
	if err := s.dialect.scrub(ctx, s.write, names); err != nil {
		return fmt.Errorf("scrub the database: %w", err)
	}
	return nil
}
