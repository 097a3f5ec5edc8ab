package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// Several queries below join a list of keys with a table. They say CROSS JOIN with the condition in
// WHERE, because SQLite then keeps the order and probes the table's key for each of the list; left
// to itself it may walk the table and probe the list.

// rowsPerStatement is how many rows one statement carries: measured, beyond it nothing is gained.
const rowsPerStatement = 100

// Digest identifies a content. Half a SHA-256 is more than two contents will ever share.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// PutParts stores what was observed and gives the units whose content changed. An observation
// older than the stored one is dropped; one that says nothing new writes nothing.
func (t *Tx) PutParts(ctx context.Context, parts []connector.Part, revision string) ([]connector.Unit, error) {
	parts = lastOfEach(parts)
	var changed []connector.Part
	err := batches(t.store.dialect, parts, rowsPerStatement, func(batch []connector.Part) error {
		stored, err := t.storedParts(ctx, batch)
		if err != nil {
			return err
		}
		for _, p := range batch {
			old, known := stored[p.PartKey]
			switch {
			case !known && p.Raw == nil: // nothing to withdraw, but an older answer may be on its way
			case known && old.observed > p.ObservedAt.Milli():
				continue
			case known && old.hash == hashOf(p) && (p.Raw == nil || old.version == p.Version):
				continue // the version may move alone, where what it is made of may not be stored
			}
			changed = append(changed, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := batches(t.store.dialect, changed, rowsPerStatement, func(batch []connector.Part) error {
		return t.writeParts(ctx, batch, revision)
	}); err != nil {
		return nil, err
	}
	t.stats.Parts += int64(len(changed))
	return unitsOf(changed), nil
}

func hashOf(p connector.Part) string {
	if p.Raw == nil {
		return ""
	}
	return Digest(p.Raw)
}

// lastOfEach keeps the last of several observations of one part: a statement must not meet a key twice.
func lastOfEach(parts []connector.Part) []connector.Part {
	at := make(map[connector.PartKey]int, len(parts))
	out := make([]connector.Part, 0, len(parts))
	for _, p := range parts {
		if i, seen := at[p.PartKey]; seen {
			out[i] = p
			continue
		}
		at[p.PartKey] = len(out)
		out = append(out, p)
	}
	return out
}

func unitsOf(parts []connector.Part) []connector.Unit {
	seen := make(map[connector.Unit]bool, len(parts))
	var out []connector.Unit
	for _, p := range parts {
		if !seen[p.Unit] {
			seen[p.Unit] = true
			out = append(out, p.Unit)
		}
	}
	return out
}

type storedPart struct {
	hash, version string
	observed      int64
}

func (t *Tx) storedParts(ctx context.Context, batch []connector.Part) (map[connector.PartKey]storedPart, error) {
	args := make([]any, 0, 1+4*len(batch))
	for _, p := range batch {
		args = append(args, p.Entity, p.ID, p.Kind, p.Part)
	}
	args = append(args, t.no)
	out := make(map[connector.PartKey]storedPart, len(batch))
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT p.entity, p.entity_id, p.kind, p.part, p.hash, p.version, p.observed_at
		FROM (VALUES %s) AS k CROSS JOIN parts p
		WHERE p.integration = $%d AND p.entity = k.column1 AND p.entity_id = k.column2 AND p.kind = k.column3 AND p.part = k.column4`, tuples(1, len(batch), 4), len(args)), args...)
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var k connector.PartKey
		var p storedPart
		err := r.Scan(&k.Entity, &k.ID, &k.Kind, &k.Part, &p.hash, &p.version, &p.observed)
		out[k] = p
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read stored parts: %w", err)
	}
	return out, nil
}

func (t *Tx) writeParts(ctx context.Context, batch []connector.Part, revision string) error {
	args := make([]any, 0, 11*len(batch))
	for _, p := range batch {
		var raw any
		if p.Raw != nil {
			raw = string(p.Raw)
		}
		args = append(args, t.no, p.Entity, p.ID, p.Kind, p.Part, raw, hashOf(p), p.Version, p.Rank, revision, p.ObservedAt.Milli())
	}
	_, err := t.tx.ExecContext(ctx, `INSERT INTO parts
		(integration, entity, entity_id, kind, part, raw, hash, version, rank, revision, observed_at)
		VALUES `+tuples(1, len(batch), 11)+`
		ON CONFLICT (integration, entity, entity_id, kind, part) DO UPDATE SET
			raw = excluded.raw, hash = excluded.hash, version = excluded.version, rank = excluded.rank,
			revision = excluded.revision, observed_at = excluded.observed_at`, args...)
	if err != nil {
		return fmt.Errorf("write parts: %w", err)
	}
	return nil
}

// RewriteParts replaces what is stored of parts, whatever it was. They keep their moments.
func (t *Tx) RewriteParts(ctx context.Context, parts []connector.Part, revision string) error {
	t.stats.Parts += int64(len(parts))
	return batches(t.store.dialect, parts, rowsPerStatement, func(batch []connector.Part) error {
		return t.writeParts(ctx, batch, revision)
	})
}

// EraseParts removes parts as if they had never been there, and gives the units that lost a living one.
func (t *Tx) EraseParts(ctx context.Context, keys []connector.PartKey) ([]connector.Unit, error) {
	var erased []connector.Part
	err := batches(t.store.dialect, keys, rowsPerStatement, func(batch []connector.PartKey) error {
		parts := make([]connector.Part, len(batch))
		for i, k := range batch {
			parts[i].PartKey = k
		}
		stored, err := t.storedParts(ctx, parts)
		if err != nil {
			return err
		}
		for k, old := range stored {
			if _, err := t.tx.ExecContext(ctx, `DELETE FROM parts WHERE integration = $1 AND entity = $2 AND entity_id = $3 AND kind = $4 AND part = $5`,
				t.no, k.Entity, k.ID, k.Kind, k.Part); err != nil {
				return fmt.Errorf("erase parts: %w", err)
			}
			if old.hash != "" {
				erased = append(erased, connector.Part{PartKey: k})
			}
		}
		return nil
	})
	t.stats.Parts += int64(len(erased))
	return unitsOf(erased), err
}

// ForgetWithdrawn removes what is kept of the parts of units that were withdrawn: their keys.
func (t *Tx) ForgetWithdrawn(ctx context.Context, units []connector.Unit) error {
	for _, u := range units {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM parts WHERE integration = $1 AND entity = $2 AND entity_id = $3 AND raw IS NULL`, t.no, u.Entity, u.ID); err != nil {
			return fmt.Errorf("forget what was withdrawn of %s: %w", u, err)
		}
	}
	return nil
}

// unitTables lists what is kept of units beside their parts.
var unitTables = []string{"reads", "nominations", "dependencies"}

// ForgetUnits removes what is kept of those of the units of which no part is left.
func (t *Tx) ForgetUnits(ctx context.Context, units []connector.Unit) error {
	for _, u := range units {
		var left bool
		if err := t.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM parts WHERE integration = $1 AND entity = $2 AND entity_id = $3)`, t.no, u.Entity, u.ID).Scan(&left); err != nil {
			return fmt.Errorf("look for parts of %s: %w", u, err)
		}
		if left {
			continue
		}
		for _, name := range unitTables {
			if _, err := t.tx.ExecContext(ctx, `DELETE FROM `+name+` WHERE integration = $1 AND entity = $2 AND entity_id = $3`, t.no, u.Entity, u.ID); err != nil {
				return fmt.Errorf("forget %s: %w", u, err)
			}
		}
	}
	return nil
}

// LivingParts gives the living parts of units, ordered by kind and part. Units without any are
// missing from the result.
func (t *Tx) LivingParts(ctx context.Context, units []connector.Unit) (map[connector.Unit][]connector.Part, error) {
	out := make(map[connector.Unit][]connector.Part, len(units))
	err := batches(t.store.dialect, units, rowsPerStatement, func(batch []connector.Unit) error {
		args := make([]any, 0, 1+2*len(batch))
		for _, u := range batch {
			args = append(args, u.Entity, u.ID)
		}
		args = append(args, t.no)
		rows, err := t.tx.QueryContext(ctx, livingParts(len(batch)), args...)
		_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
			p, err := scanPart(r)
			out[p.Unit] = append(out[p.Unit], p)
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	return out, nil
}

// livingParts reads the living parts of n units of one integration, which is the last argument.
func livingParts(n int) string {
	return fmt.Sprintf(`SELECT p.entity, p.entity_id, p.kind, p.part, p.raw, p.version, p.rank, p.observed_at
		FROM (VALUES %s) AS k CROSS JOIN parts p
		WHERE p.integration = $%d AND p.entity = k.column1 AND p.entity_id = k.column2 AND p.raw IS NOT NULL
		ORDER BY p.entity, p.entity_id, p.kind, p.part`, tuples(1, n, 2), 2*n+1)
}

// LivingKeys is LivingParts without what the parts say, for those who only ask whether they are there.
func (t *Tx) LivingKeys(ctx context.Context, units []connector.Unit) (map[connector.Unit][]connector.Part, error) {
	out := make(map[connector.Unit][]connector.Part, len(units))
	err := batches(t.store.dialect, units, rowsPerStatement, func(batch []connector.Unit) error {
		args := make([]any, 0, 1+2*len(batch))
		for _, u := range batch {
			args = append(args, u.Entity, u.ID)
		}
		args = append(args, t.no)
		rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT p.entity, p.entity_id, p.kind, p.part
			FROM (VALUES %s) AS k CROSS JOIN parts p
			WHERE p.integration = $%d AND p.entity = k.column1 AND p.entity_id = k.column2 AND p.raw IS NOT NULL`, tuples(1, len(batch), 2), len(args)), args...)
		_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
			var p connector.Part
			err := r.Scan(&p.Entity, &p.ID, &p.Kind, &p.Part)
			out[p.Unit] = append(out[p.Unit], p)
			return struct{}{}, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which parts there are: %w", err)
	}
	return out, nil
}

func scanPart(r *sql.Rows) (connector.Part, error) {
	var p connector.Part
	var raw string
	var observed int64
	err := r.Scan(&p.Entity, &p.ID, &p.Kind, &p.Part, &raw, &p.Version, &p.Rank, &observed)
	p.Raw, p.ObservedAt = []byte(raw), ats.Milli(observed)
	return p, err
}

// PartsBroughtBy gives the living parts of an entity's units that unit u's answer brought: those
// with u's entity as kind and u's ID as part.
func (t *Tx) PartsBroughtBy(ctx context.Context, u connector.Unit, entity string) ([]connector.PartKey, error) {
	rows, err := t.tx.QueryContext(ctx, `SELECT entity, entity_id, kind, part FROM parts
		WHERE integration = $1 AND entity = $2 AND kind = $3 AND part = $4 AND raw IS NOT NULL`, t.no, entity, u.Entity, u.ID)
	keys, err := collect(rows, err, func(r *sql.Rows) (connector.PartKey, error) {
		var k connector.PartKey
		return k, r.Scan(&k.Entity, &k.ID, &k.Kind, &k.Part)
	})
	if err != nil {
		return nil, fmt.Errorf("read the parts that %s brought: %w", u, err)
	}
	return keys, nil
}

// Dependents gives the units whose folds looked at one of the given units, in order, beginning
// after a unit, at most limit.
func (t *Tx) Dependents(ctx context.Context, on connector.Unit, after connector.Unit, limit int) ([]connector.Unit, error) {
	rows, err := t.tx.QueryContext(ctx, `SELECT entity, entity_id FROM dependencies
		WHERE integration = $1 AND on_entity = $2 AND on_id = $3 AND (entity, entity_id) > ($4, $5)
		ORDER BY entity, entity_id LIMIT $6`, t.no, on.Entity, on.ID, after.Entity, after.ID, limit)
	units, err := collect(rows, err, scanUnit)
	if err != nil {
		return nil, fmt.Errorf("read what depends on %s: %w", on, err)
	}
	return units, nil
}

func scanUnit(r *sql.Rows) (connector.Unit, error) {
	var u connector.Unit
	return u, r.Scan(&u.Entity, &u.ID)
}

// Depended gives those of the units on which anything depends.
func (t *Tx) Depended(ctx context.Context, units []connector.Unit) ([]connector.Unit, error) {
	var out []connector.Unit
	err := batches(t.store.dialect, units, rowsPerStatement, func(batch []connector.Unit) error {
		args := make([]any, 0, 1+2*len(batch))
		for _, u := range batch {
			args = append(args, u.Entity, u.ID)
		}
		args = append(args, t.no)
		rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT k.column1, k.column2 FROM (VALUES %s) AS k
			WHERE EXISTS (SELECT 1 FROM dependencies d WHERE d.integration = $%d AND d.on_entity = k.column1 AND d.on_id = k.column2)`,
			tuples(1, len(batch), 2), len(args)), args...)
		found, err := collect(rows, err, scanUnit)
		out = append(out, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read dependencies: %w", err)
	}
	return out, nil
}

// Dependency says that the fold of Unit looked at On.
type Dependency struct{ Unit, On connector.Unit }

// SetDependencies replaces what the given units depend on.
func (t *Tx) SetDependencies(ctx context.Context, units []connector.Unit, want []Dependency) error {
	wanted := make(map[Dependency]bool, len(want))
	for _, d := range want {
		wanted[d] = true
	}
	err := batches(t.store.dialect, units, rowsPerStatement, func(batch []connector.Unit) error {
		args := make([]any, 0, 1+2*len(batch))
		for _, u := range batch {
			args = append(args, u.Entity, u.ID)
		}
		args = append(args, t.no)
		rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT d.entity, d.entity_id, d.on_entity, d.on_id
			FROM (VALUES %s) AS k CROSS JOIN dependencies d
			WHERE d.integration = $%d AND d.entity = k.column1 AND d.entity_id = k.column2`, tuples(1, len(batch), 2), len(args)), args...)
		stored, err := collect(rows, err, func(r *sql.Rows) (Dependency, error) {
			var d Dependency
			return d, r.Scan(&d.Unit.Entity, &d.Unit.ID, &d.On.Entity, &d.On.ID)
		})
		if err != nil {
			return err
		}
		for _, d := range stored {
			if wanted[d] {
				delete(wanted, d)
				continue
			}
			if _, err := t.tx.ExecContext(ctx, `DELETE FROM dependencies
				WHERE integration = $1 AND on_entity = $2 AND on_id = $3 AND entity = $4 AND entity_id = $5`,
				t.no, d.On.Entity, d.On.ID, d.Unit.Entity, d.Unit.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare dependencies: %w", err)
	}
	var missing []Dependency
	for _, d := range want {
		if wanted[d] {
			missing = append(missing, d)
			delete(wanted, d)
		}
	}
	err = batches(t.store.dialect, missing, rowsPerStatement, func(batch []Dependency) error {
		args := make([]any, 0, 5*len(batch))
		for _, d := range batch {
			args = append(args, t.no, d.On.Entity, d.On.ID, d.Unit.Entity, d.Unit.ID)
		}
		_, err := t.tx.ExecContext(ctx, `INSERT INTO dependencies (integration, on_entity, on_id, entity, entity_id)
			VALUES `+tuples(1, len(batch), 5), args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("write dependencies: %w", err)
	}
	return nil
}
