package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
)

// table says how a model is stored.
type table struct {
	name    string
	columns []string // beside the common ones; ats.Record.Values has them by name
	// owner is the foreign ID by which a change of this record touches the one that embeds it.
	owner string
	// touches lists whose touched_at moves with a record of this model: the contract's table of
	// what updated_after counts.
	touches []touch
}

// touch says that the records of table whose column holds an ID are touched.
type touch struct {
	table, column string
	// byOwner: the ID is the changed record's owner, else its own.
	byOwner bool
	// membership: only coming and going counts, not a change of content.
	membership bool
	// through reads the touched IDs from a connection: SELECT id FROM through WHERE column holds the ID.
	through, id string
	// wide: a single record may touch very many.
	wide bool
}

var tables = map[ats.Model]table{
	ats.Roles:             {name: "roles", columns: []string{"scope"}, touches: []touch{{table: "users", column: "role_id", wide: true}}},
	ats.Users:             {name: "users", columns: []string{"email", "status", "role_id"}, touches: []touch{{table: "jobs", column: "user_id", through: "hiring_team", id: "job_id", membership: true}}},
	ats.ApplicationStages: {name: "application_stages", touches: []touch{{table: "applications", column: "current_stage_id", wide: true}}},
	ats.RejectionReasons:  {name: "rejection_reasons"},
	ats.Tags:              {name: "tags"},
	ats.Jobs:              {name: "jobs", columns: []string{"name_folded", "job_code", "post_url", "status", "visibility", "employment_type", "remote_created_at"}},
	ats.JobStages:         {name: "job_stages", columns: []string{"job_id", "stage_id", "rank"}, owner: "job_id", touches: []touch{{table: "jobs", column: "id", byOwner: true}}},
	ats.HiringTeam:        {name: "hiring_team", columns: []string{"job_id", "user_id", "rank"}, owner: "job_id", touches: []touch{{table: "jobs", column: "id", byOwner: true}}},
	ats.JobPostings:       {name: "job_postings", columns: []string{"job_id", "rank"}, owner: "job_id", touches: []touch{{table: "jobs", column: "id", byOwner: true}}},
	ats.Candidates:        {name: "candidates", columns: []string{"first_name_folded", "last_name_folded"}, touches: []touch{{table: "applications", column: "candidate_id"}}},
	ats.CandidateTags:     {name: "candidate_tags", columns: []string{"candidate_id", "tag_id"}, owner: "candidate_id", touches: []touch{{table: "candidates", column: "id", byOwner: true}}},
	ats.Applications:      {name: "applications", columns: []string{"candidate_id", "job_id", "current_stage_id", "outcome", "remote_created_at"}, owner: "candidate_id", touches: []touch{{table: "candidates", column: "id", byOwner: true}}},
}

// RecordSet is the complete set of records of one model that belong to an owner. Stored ones
// that are missing from it are marked deleted.
type RecordSet struct {
	Model ats.Model
	// Column and Owner say which stored records belong to the set; with an empty Column it is the
	// record with the ID Owner.
	Column, Owner string
	Records       []ats.Record
}

type stored struct {
	id, hash string
	owner    sql.NullString
	own      []byte
	deleted  bool
}

type operation string

const (
	created  operation = "created"
	updated  operation = "updated"
	deleted  operation = "deleted"
	restored operation = "restored"
)

// change is one record's change on its way into the log.
type change struct {
	id     string
	op     operation
	fields []string
	owner  string
}

// Apply compares sets with what is stored and writes the difference: records, change log and the
// touches of records that embed them.
func (t *Tx) Apply(ctx context.Context, sets []RecordSet) error {
	type group struct {
		model  ats.Model
		column string
	}
	grouped := map[group][]RecordSet{}
	for _, s := range sets {
		g := group{s.Model, s.Column}
		grouped[g] = append(grouped[g], s)
	}
	for _, m := range ats.Models() {
		for g, sets := range grouped {
			if g.model != m {
				continue
			}
			if err := batches(t.store.dialect, sets, rowsPerStatement, func(batch []RecordSet) error {
				return t.applyBatch(ctx, m, g.column, batch)
			}); err != nil {
				return fmt.Errorf("apply %s: %w", m, err)
			}
		}
	}
	return nil
}

func (t *Tx) applyBatch(ctx context.Context, m ats.Model, column string, sets []RecordSet) error {
	tab := tables[m]
	if column == "" {
		column = "id"
	}
	existing, err := t.existing(ctx, tab, column, sets)
	if err != nil {
		return err
	}
	var write []ats.Record
	var hashes []string
	var changes []change
	var gone []string
	kept := make(map[string]bool)
	for _, r := range eachOnce(tab, sets, existing) {
		kept[r.ID] = true
		hash := recordHash(tab, r)
		old, known := existing[r.ID]
		c := change{id: r.ID, op: created, owner: ownerOf(tab, r)}
		switch {
		case known && !old.deleted && old.hash == hash:
			continue
		case known && old.deleted:
			c.op = restored
		case known:
			c.op = updated
			if c.fields, err = changedFields(old.own, r.Own); err != nil {
				return fmt.Errorf("compare %s: %w", r.ID, err)
			}
		}
		write, hashes, changes = append(write, r), append(hashes, hash), append(changes, c)
	}
	for _, id := range slices.Sorted(keys(existing)) {
		if old := existing[id]; !kept[id] && !old.deleted {
			gone = append(gone, id)
			changes = append(changes, change{id: id, op: deleted, owner: old.owner.String})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	t.wrote = true
	if err := t.upsert(ctx, tab, write, hashes); err != nil {
		return err
	}
	if err := t.markDeleted(ctx, tab, gone); err != nil {
		return err
	}
	if m == ats.Candidates {
		if err := t.putEmails(ctx, write); err != nil {
			return err
		}
	}
	if err := t.log(ctx, m, changes); err != nil {
		return err
	}
	return t.touch(ctx, tab, changes)
}

// eachOnce gives the records of all sets. One that moves between two owners may stand in both of
// their sets: it belongs to the one under which it is not stored yet.
func eachOnce(tab table, sets []RecordSet, existing map[string]stored) []ats.Record {
	var out []ats.Record
	at := make(map[string]int)
	for _, s := range sets {
		for _, r := range s.Records {
			i, twice := at[r.ID]
			switch {
			case !twice:
				at[r.ID] = len(out)
				out = append(out, r)
			case ownerOf(tab, r) != existing[r.ID].owner.String:
				out[i] = r
			}
		}
	}
	return out
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (t *Tx) existing(ctx context.Context, tab table, column string, sets []RecordSet) (map[string]stored, error) {
	owner := "NULL"
	if tab.owner != "" {
		owner = tab.owner
	}
	args := []any{t.no}
	for _, s := range sets {
		args = append(args, s.Owner)
	}
	out := map[string]stored{}
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT id, hash, own, %s, remote_deleted_at IS NOT NULL FROM %s
		WHERE integration = $1 AND %s IN (%s)`, owner, tab.name, column, placeholders(2, len(sets))), args...)
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var s stored
		err := r.Scan(&s.id, &s.hash, &s.own, &s.owner, &s.deleted)
		out[s.id] = s
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read stored records: %w", err)
	}
	return out, nil
}

// recordHash covers everything that a write would store.
func recordHash(tab table, r ats.Record) string {
	var b bytes.Buffer
	b.Write(r.Own)
	b.WriteByte(0)
	b.Write(r.Ref)
	for _, c := range tab.columns {
		fmt.Fprintf(&b, "\x00%v", r.Values[c])
	}
	return Digest(b.Bytes())
}

func ownerOf(tab table, r ats.Record) string {
	owner, _ := r.Values[tab.owner].(string)
	return owner
}

// changedFields names the keys whose values differ, in order.
func changedFields(before, after []byte) ([]string, error) {
	var a, b map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(before, &a), json.Unmarshal(after, &b)); err != nil {
		return nil, err
	}
	var out []string
	for k, v := range b {
		if !bytes.Equal(a[k], v) {
			out = append(out, k)
		}
	}
	for k := range a {
		if _, still := b[k]; !still {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (t *Tx) upsert(ctx context.Context, tab table, records []ats.Record, hashes []string) error {
	columns := append([]string{"integration", "id", "remote_id", "own", "ref", "hash", "changed_at", "touched_at", "remote_deleted_at"}, tab.columns...)
	var set []string
	for _, c := range columns[2:] { // the remote ID, too: it may have been erased
		set = append(set, c+" = excluded."+c)
	}
	return batches(t.store.dialect, records, rowsPerStatement, func(batch []ats.Record) error {
		args := make([]any, 0, len(batch)*len(columns))
		for i, r := range batch {
			args = append(args, t.no, r.ID, r.RemoteID, string(r.Own), string(r.Ref), hashes[i], t.stamp, t.stamp, nil)
			for _, c := range tab.columns {
				args = append(args, r.Values[c])
			}
		}
		if _, err := t.tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO %s (%s) VALUES %s ON CONFLICT (integration, id) DO UPDATE SET %s`,
			tab.name, strings.Join(columns, ", "), tuples(1, len(batch), len(columns)), strings.Join(set, ", ")), args...); err != nil {
			return fmt.Errorf("write records: %w", err)
		}
		hashes = hashes[len(batch):]
		return nil
	})
}

func (t *Tx) markDeleted(ctx context.Context, tab table, ids []string) error {
	return batches(t.store.dialect, ids, rowsPerStatement, func(batch []string) error {
		args := []any{t.stamp, t.stamp, t.stamp, t.no}
		for _, id := range batch {
			args = append(args, id)
		}
		if _, err := t.tx.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET remote_deleted_at = $1, changed_at = $2, touched_at = $3
			WHERE integration = $4 AND id IN (%s)`, tab.name, placeholders(5, len(batch))), args...); err != nil {
			return fmt.Errorf("mark deleted: %w", err)
		}
		return nil
	})
}

func (t *Tx) putEmails(ctx context.Context, candidates []ats.Record) error {
	return batches(t.store.dialect, candidates, rowsPerStatement, func(batch []ats.Record) error {
		args := []any{t.no}
		for _, c := range batch {
			args = append(args, c.ID)
		}
		if _, err := t.tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM candidate_emails WHERE integration = $1 AND candidate_id IN (%s)`,
			placeholders(2, len(batch))), args...); err != nil {
			return fmt.Errorf("clear e-mail addresses: %w", err)
		}
		args = args[:0]
		for _, c := range batch {
			for _, e := range slices.Compact(slices.Sorted(slices.Values(c.Emails))) {
				args = append(args, t.no, e, c.ID)
			}
		}
		if len(args) == 0 {
			return nil
		}
		if _, err := t.tx.ExecContext(ctx, `INSERT INTO candidate_emails (integration, email, candidate_id) VALUES `+
			tuples(1, len(args)/3, 3), args...); err != nil {
			return fmt.Errorf("write e-mail addresses: %w", err)
		}
		return nil
	})
}

// log writes changes into the change log: what, when and on whose behalf, never the contents.
func (t *Tx) log(ctx context.Context, m ats.Model, changes []change) error {
	return batches(t.store.dialect, changes, rowsPerStatement, func(batch []change) error {
		args := make([]any, 0, 8*len(batch))
		for _, c := range batch {
			t.seq++
			args = append(args, t.no, t.seq, string(m), c.id, string(c.op), strings.Join(c.fields, ","), t.cause, t.stamp)
			switch c.op {
			case created, restored:
				t.stats.Created++
			case updated:
				t.stats.Updated++
			case deleted:
				t.stats.Deleted++
			}
		}
		if _, err := t.tx.ExecContext(ctx, `INSERT INTO changes
			(integration, seq, model, record_id, operation, fields, cause, changed_at) VALUES `+tuples(1, len(batch), 8), args...); err != nil {
			return fmt.Errorf("write the change log: %w", err)
		}
		return nil
	})
}

// touchAtOnce bounds how many records a single change may touch within its own transaction; what
// goes beyond is done in steps from a row written with the cause.
const touchAtOnce = 500

func (t *Tx) touch(ctx context.Context, tab table, changes []change) error {
	for _, rule := range tab.touches {
		ids := map[string]bool{}
		for _, c := range changes {
			if rule.membership && c.op == updated {
				continue
			}
			id := c.id
			if rule.byOwner {
				id = c.owner
			}
			if id != "" {
				ids[id] = true
			}
		}
		if rule.wide {
			if err := t.touchWide(ctx, rule, ids); err != nil {
				return err
			}
			continue
		}
		if err := batches(t.store.dialect, slices.Sorted(keys(ids)), rowsPerStatement, func(batch []string) error {
			args := []any{t.stamp, t.no}
			for _, id := range batch {
				args = append(args, id)
			}
			where := fmt.Sprintf("%s IN (%s)", rule.column, placeholders(3, len(batch)))
			if rule.through != "" {
				where = fmt.Sprintf("id IN (SELECT %s FROM %s WHERE integration = %s.integration AND %s)", rule.id, rule.through, rule.table, where)
			}
			_, err := t.tx.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET touched_at = $1 WHERE integration = $2 AND %s`, rule.table, where), args...)
			return err
		}); err != nil {
			return fmt.Errorf("touch %s: %w", rule.table, err)
		}
	}
	return nil
}

// touchWide touches the records that hold an ID at once where they are few, else leaves a fan-out.
func (t *Tx) touchWide(ctx context.Context, rule touch, ids map[string]bool) error {
	for _, id := range slices.Sorted(keys(ids)) {
		var n int
		if err := t.tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %s
			WHERE integration = $1 AND %s = $2 LIMIT $3) AS few`, rule.table, rule.column), t.no, id, touchAtOnce+1).Scan(&n); err != nil {
			return fmt.Errorf("count %s to touch: %w", rule.table, err)
		}
		if n > touchAtOnce {
			if err := t.AddFanout(ctx, Fanout{Kind: fanoutTouch, OnEntity: rule.table + "." + rule.column, OnID: id}); err != nil {
				return err
			}
			continue
		}
		if n == 0 {
			continue
		}
		if _, err := t.tx.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET touched_at = $1 WHERE integration = $2 AND %s = $3`,
			rule.table, rule.column), t.stamp, t.no, id); err != nil {
			return fmt.Errorf("touch %s: %w", rule.table, err)
		}
	}
	return nil
}
