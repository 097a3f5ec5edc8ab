package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// PageRow is what a walk keeps of one page of a listing.
type PageRow struct {
	Step       string
	Page       int
	Total      int
	Size       int
	Rows       int
	ObservedAt int64
	Hash       string // of the body; empty when it must not be relied on
	Keys       []uint64
}

func packKeys(keys []uint64) []byte {
	b := make([]byte, 0, 8*len(keys))
	for _, k := range keys {
		b = binary.BigEndian.AppendUint64(b, k)
	}
	return b
}

func unpackKeys(b []byte) []uint64 {
	keys := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		keys = append(keys, binary.BigEndian.Uint64(b))
	}
	return keys
}

// PutPage keeps a page of the walk that a run is on.
func (t *Tx) PutPage(ctx context.Context, run string, p PageRow) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO pages (integration, step, run_id, page, total, size, row_count, observed_at, hash, keys)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (integration, step, run_id, page) DO UPDATE SET total = excluded.total, size = excluded.size,
			row_count = excluded.row_count, observed_at = excluded.observed_at, hash = excluded.hash, keys = excluded.keys`,
		t.no, p.Step, run, p.Page, p.Total, p.Size, p.Rows, p.ObservedAt, p.Hash, packKeys(p.Keys))
	if err != nil {
		return fmt.Errorf("keep page %d of %s: %w", p.Page, p.Step, err)
	}
	return nil
}

// Walk is a listing's last complete walk.
type Walk struct {
	Run              string
	Total, Shortfall int
	CompletedAt      int64
}

// LastWalk gives the last complete walk of a step; ErrNotFound when there was none.
func (s *Store) LastWalk(ctx context.Context, no int64, step string) (Walk, error) {
	var w Walk
	err := s.read.QueryRowContext(ctx, `SELECT run_id, total, shortfall, completed_at FROM walks WHERE integration = $1 AND step = $2`, no, step).
		Scan(&w.Run, &w.Total, &w.Shortfall, &w.CompletedAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return w, err
}

// PageOf gives a page of a run's walk; ErrNotFound when it was not read.
func (s *Store) PageOf(ctx context.Context, no int64, step, run string, page int) (PageRow, error) {
	p := PageRow{Step: step, Page: page}
	var packed []byte
	err := s.read.QueryRowContext(ctx, `SELECT total, size, row_count, observed_at, hash, keys FROM pages
		WHERE integration = $1 AND step = $2 AND run_id = $3 AND page = $4`, no, step, run, page).
		Scan(&p.Total, &p.Size, &p.Rows, &p.ObservedAt, &p.Hash, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	p.Keys = unpackKeys(packed)
	return p, err
}

// Seen gathers all keys of a run's walk, sorted and without repetition: 8 bytes a row.
func (s *Store) Seen(ctx context.Context, no int64, step, run string) ([]uint64, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT keys FROM pages WHERE integration = $1 AND step = $2 AND run_id = $3`, no, step, run)
	var all []uint64
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var packed []byte
		err := r.Scan(&packed)
		all = append(all, unpackKeys(packed)...)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the pages of %s: %w", step, err)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// CompleteWalk makes a run's walk the last complete one and drops the pages of earlier ones.
func (t *Tx) CompleteWalk(ctx context.Context, step, run string, total, shortfall int) error {
	if _, err := t.tx.ExecContext(ctx, `INSERT INTO walks (integration, step, run_id, total, shortfall, completed_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (integration, step) DO UPDATE SET run_id = excluded.run_id,
			total = excluded.total, shortfall = excluded.shortfall, completed_at = excluded.completed_at`,
		t.no, step, run, total, shortfall, t.now); err != nil {
		return fmt.Errorf("complete the walk of %s: %w", step, err)
	}
	if _, err := t.tx.ExecContext(ctx, `DELETE FROM pages WHERE integration = $1 AND step = $2 AND run_id <> $3`, t.no, step, run); err != nil {
		return fmt.Errorf("drop old pages of %s: %w", step, err)
	}
	return nil
}

// DropPages drops the pages of a run's walk: it begins anew.
func (t *Tx) DropPages(ctx context.Context, step, run string) error {
	if _, err := t.tx.ExecContext(ctx, `DELETE FROM pages WHERE integration = $1 AND step = $2 AND run_id = $3`, t.no, step, run); err != nil {
		return fmt.Errorf("drop the pages of %s: %w", step, err)
	}
	return nil
}

// DropUnfinished drops the pages of earlier walks that did not come to their end. They brought
// something that the pages of the last complete walk do not know of, so those are distrusted.
func (t *Tx) DropUnfinished(ctx context.Context, step, run string) error {
	res, err := t.tx.ExecContext(ctx, `DELETE FROM pages WHERE integration = $1 AND step = $2 AND run_id <> $3
		AND run_id NOT IN (SELECT run_id FROM walks WHERE integration = $4 AND step = $5)`, t.no, step, run, t.no, step)
	if err != nil {
		return fmt.Errorf("drop the pages of unfinished walks of %s: %w", step, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return t.DistrustPages(ctx, step)
}

// DistrustPages makes the next walk decode every page of a step: something was withdrawn that an
// unchanged page would bring back.
func (t *Tx) DistrustPages(ctx context.Context, step string) error {
	if _, err := t.tx.ExecContext(ctx, `UPDATE pages SET hash = '' WHERE integration = $1 AND step = $2 AND hash <> ''`, t.no, step); err != nil {
		return fmt.Errorf("distrust the pages of %s: %w", step, err)
	}
	return nil
}

// PartAt is a living part and when it was observed.
type PartAt struct {
	connector.PartKey
	ObservedAt int64
}

// Living lists the living parts of a kind in key order, after a key, at most limit.
func (s *Store) Living(ctx context.Context, no int64, entity, kind string, after connector.PartKey, limit int) ([]PartAt, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT entity_id, part, observed_at FROM parts
		WHERE integration = $1 AND entity = $2 AND kind = $3 AND (entity_id, part) > ($4, $5) AND raw IS NOT NULL
		ORDER BY entity_id, part LIMIT $6`, no, entity, kind, after.ID, after.Part, limit)
	found, err := collect(rows, err, func(r *sql.Rows) (PartAt, error) {
		p := PartAt{PartKey: connector.PartKey{Unit: connector.Unit{Entity: entity}, Kind: kind}}
		return p, r.Scan(&p.ID, &p.Part, &p.ObservedAt)
	})
	if err != nil {
		return nil, fmt.Errorf("list the %s parts of %s: %w", kind, entity, err)
	}
	return found, nil
}

// Due is a unit whose detail has to be read.
type Due struct {
	connector.Unit
	Version string
	Rank    int64
}

// DueQuery says which units to read.
type DueQuery struct {
	Of       connector.Cover
	Reads    string
	MaxRank  int64
	Revision string
	// StaleOpen and StaleOther are the moments before which a read of a unit of rank 0, or of a
	// higher one, has become too old.
	StaleOpen, StaleOther int64
	AfterRank             int64
	AfterID               string
	Limit                 int
}

// dueWhere asks for the read of each unit in a subquery of its own: both databases then look it up
// by its whole key. Of a join PostgreSQL with old statistics made a comparison of each with each.
const dueWhere = ` FROM parts l
	WHERE l.integration = $1 AND l.entity = $2 AND l.kind = $3 AND l.raw IS NOT NULL AND l.rank <= $4
		AND (l.rank, l.entity_id) > ($5, $6)
		AND COALESCE((SELECT CASE WHEN r.version <> l.version OR r.revision <> $7
				OR r.read_at < CASE WHEN l.rank = 0 THEN CAST($8 AS BIGINT) ELSE CAST($9 AS BIGINT) END THEN 1 ELSE 0 END
			FROM reads r WHERE r.integration = l.integration AND r.entity = l.entity AND r.entity_id = l.entity_id AND r.kind = $10), 1) = 1`

func (q DueQuery) args(no int64) []any {
	return []any{no, q.Of.Entity, q.Of.Kind, q.MaxRank, q.AfterRank, q.AfterID, q.Revision, q.StaleOpen, q.StaleOther, q.Reads}
}

// Due lists units to read, the lowest rank first.
func (s *Store) Due(ctx context.Context, no int64, q DueQuery) ([]Due, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT l.entity_id, l.version, l.rank`+dueWhere+` ORDER BY l.rank, l.entity_id LIMIT $11`, append(q.args(no), q.Limit)...)
	due, err := collect(rows, err, func(r *sql.Rows) (Due, error) {
		d := Due{Unit: connector.Unit{Entity: q.Of.Entity}}
		return d, r.Scan(&d.ID, &d.Version, &d.Rank)
	})
	if err != nil {
		return nil, fmt.Errorf("list the %s whose %s is due: %w", q.Of.Entity, q.Reads, err)
	}
	return due, nil
}

// Outgrown lists units of which something was read and is not read any more: their rank is above
// the query's, or the part by which they are listed is gone.
func (s *Store) Outgrown(ctx context.Context, no int64, q DueQuery) ([]connector.Unit, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT r.entity, r.entity_id FROM reads r
		WHERE r.integration = $1 AND r.entity = $2 AND r.kind = $3
			AND COALESCE((SELECT 1 FROM parts l WHERE l.integration = r.integration AND l.entity = r.entity AND l.entity_id = r.entity_id
				AND l.kind = $4 AND l.part = '' AND l.raw IS NOT NULL AND l.rank <= $5), 0) = 0
		ORDER BY r.entity_id LIMIT $6`, no, q.Of.Entity, q.Reads, q.Of.Kind, q.MaxRank, q.Limit)
	units, err := collect(rows, err, scanUnit)
	if err != nil {
		return nil, fmt.Errorf("list the %s whose %s are not read any more: %w", q.Of.Entity, q.Reads, err)
	}
	return units, nil
}

// CountDue counts the units to read.
func (s *Store) CountDue(ctx context.Context, no int64, q DueQuery) (int64, error) {
	var n int64
	if err := s.read.QueryRowContext(ctx, `SELECT count(*)`+dueWhere, q.args(no)...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the %s whose %s is due: %w", q.Of.Entity, q.Reads, err)
	}
	return n, nil
}

// MarkRead notes that something of a unit was read at a version of its listing.
func (t *Tx) MarkRead(ctx context.Context, u connector.Unit, kind, version, revision string, at int64) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO reads (integration, entity, entity_id, kind, version, revision, read_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (integration, entity, entity_id, kind) DO UPDATE SET
			version = excluded.version, revision = excluded.revision, read_at = excluded.read_at`,
		t.no, u.Entity, u.ID, kind, version, revision, at)
	if err != nil {
		return fmt.Errorf("note that %s was read: %w", u, err)
	}
	return nil
}

// RewriteReads replaces the versions at which things were read of units.
func (t *Tx) RewriteReads(ctx context.Context, units []connector.Unit, version func(string) string) error {
	type read struct{ kind, version string }
	for _, u := range units {
		rows, err := t.tx.QueryContext(ctx, `SELECT kind, version FROM reads WHERE integration = $1 AND entity = $2 AND entity_id = $3`, t.no, u.Entity, u.ID)
		found, err := collect(rows, err, func(r *sql.Rows) (read, error) {
			var f read
			return f, r.Scan(&f.kind, &f.version)
		})
		if err != nil {
			return fmt.Errorf("read what was read of %s: %w", u, err)
		}
		for _, f := range found {
			v := version(f.version)
			if v == f.version {
				continue
			}
			if _, err := t.tx.ExecContext(ctx, `UPDATE reads SET version = $1 WHERE integration = $2 AND entity = $3 AND entity_id = $4 AND kind = $5`,
				v, t.no, u.Entity, u.ID, f.kind); err != nil {
				return fmt.Errorf("rewrite what was read of %s: %w", u, err)
			}
		}
	}
	return nil
}

// ForgetReads forgets what was read of a unit that is not there any more: should it come back, it
// is read again, although its version stood still.
func (t *Tx) ForgetReads(ctx context.Context, u connector.Unit) error {
	_, err := t.tx.ExecContext(ctx, `DELETE FROM reads WHERE integration = $1 AND entity = $2 AND entity_id = $3`, t.no, u.Entity, u.ID)
	if err != nil {
		return fmt.Errorf("forget what was read of %s: %w", u, err)
	}
	return nil
}

// ForgetRead forgets one thing that was read of a unit.
func (t *Tx) ForgetRead(ctx context.Context, u connector.Unit, kind string) error {
	_, err := t.tx.ExecContext(ctx, `DELETE FROM reads WHERE integration = $1 AND entity = $2 AND entity_id = $3 AND kind = $4`, t.no, u.Entity, u.ID, kind)
	if err != nil {
		return fmt.Errorf("forget that %s of %s was read: %w", kind, u, err)
	}
	return nil
}

// Nominate notes units that may be gone.
func (t *Tx) Nominate(ctx context.Context, run string, units []connector.Unit) error {
	return batches(t.store.dialect, units, rowsPerStatement, func(batch []connector.Unit) error {
		args := make([]any, 0, 6*len(batch))
		for _, u := range batch {
			args = append(args, t.no, u.Entity, u.ID, run, t.now, 0)
		}
		_, err := t.tx.ExecContext(ctx, `INSERT INTO nominations (integration, entity, entity_id, run_id, nominated_at, approved)
			VALUES `+tuples(1, len(batch), 6)+` ON CONFLICT (integration, entity, entity_id) DO NOTHING`, args...)
		if err != nil {
			return fmt.Errorf("nominate: %w", err)
		}
		return nil
	})
}

// DropNomination forgets a nomination: the unit is confirmed gone, or lives.
func (t *Tx) DropNomination(ctx context.Context, u connector.Unit) error {
	_, err := t.tx.ExecContext(ctx, `DELETE FROM nominations WHERE integration = $1 AND entity = $2 AND entity_id = $3`, t.no, u.Entity, u.ID)
	return err
}

// Nominations lists nominated units of an entity in order, after an ID, at most limit.
func (s *Store) Nominations(ctx context.Context, no int64, entity, after string, limit int) ([]connector.Unit, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT entity, entity_id FROM nominations
		WHERE integration = $1 AND entity = $2 AND entity_id > $3 ORDER BY entity_id LIMIT $4`, no, entity, after, limit)
	return collect(rows, err, scanUnit)
}

// NominatedBefore reports whether another run than the given one nominated a unit.
func (s *Store) NominatedBefore(ctx context.Context, no int64, u connector.Unit, run string) (bool, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM nominations
		WHERE integration = $1 AND entity = $2 AND entity_id = $3 AND run_id <> $4`, no, u.Entity, u.ID, run).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read whether %s was nominated: %w", u, err)
	}
	return n > 0, nil
}

// NominatedWithoutRecord lists nominated units of an entity whose record of a model does not live,
// at most limit.
func (s *Store) NominatedWithoutRecord(ctx context.Context, no int64, entity string, m ats.Model, limit int) ([]connector.Unit, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT n.entity, n.entity_id FROM nominations n
		WHERE n.integration = $1 AND n.entity = $2 AND NOT EXISTS (SELECT 1 FROM `+tables[m].name+` r
			WHERE r.integration = n.integration AND r.remote_id = n.entity_id AND r.remote_deleted_at IS NULL)
		ORDER BY n.entity_id LIMIT $3`, no, entity, limit)
	return collect(rows, err, scanUnit)
}

// CountNominations counts the nominated units of an entity whose deletion nobody has approved.
func (s *Store) CountNominations(ctx context.Context, no int64, entity string) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM nominations WHERE integration = $1 AND entity = $2 AND approved = 0`, no, entity).Scan(&n)
	return n, err
}
