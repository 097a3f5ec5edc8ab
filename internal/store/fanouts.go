package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// The kinds of fan-outs.
const (
	fanoutTouch  = "touch"  // touched_at of the records whose column holds an ID
	fanoutRefold = "refold" // units that depend on a unit
	fanoutAll    = "all"    // all units, because the rules changed
	fanoutRecut  = "recut"  // all units, because less of them may be stored
	fanoutErase  = "erase"  // everything else that may not be stored any more
	fanoutScrub  = "scrub"  // what the database keeps of erased rows
)

// Fanout is follow-up work that goes on in bounded steps after the transaction that caused it.
type Fanout struct {
	No             int64
	Kind           string
	OnEntity, OnID string
	Cursor         string
}

// Touches reports whether the fan-out only touches records. One that does nothing of this and what
// follows folds units again.
func (f Fanout) Touches() bool { return f.Kind == fanoutTouch }

// Recuts reports whether it takes out of units what may not be stored before it folds them again.
func (f Fanout) Recuts() bool { return f.Kind == fanoutRecut }

// Erases reports whether it takes out of everything else what may not be stored.
func (f Fanout) Erases() bool { return f.Kind == fanoutErase }

// Scrubs reports whether it only sees to what the database keeps of erased rows.
func (f Fanout) Scrubs() bool { return f.Kind == fanoutScrub }

// RefoldDependents is the fan-out for all units that depend on one.
func RefoldDependents(on connector.Unit) Fanout {
	return Fanout{Kind: fanoutRefold, OnEntity: on.Entity, OnID: on.ID}
}

// RefoldAll is the fan-out for all units of an integration.
func RefoldAll() Fanout { return Fanout{Kind: fanoutAll} }

// Recut is the fan-out for all units of an integration of which less may be stored than before. Erase
// follows it, and Scrub that.
func Recut() Fanout { return Fanout{Kind: fanoutRecut} }

// Erase is the fan-out for what is no unit: see Tx.EraseNext.
func Erase() Fanout { return Fanout{Kind: fanoutErase} }

// Scrub is the fan-out for what the database keeps of erased rows: see Store.Scrub.
func Scrub() Fanout { return Fanout{Kind: fanoutScrub} }

// AddFanout leaves follow-up work, in the transaction of its cause.
func (t *Tx) AddFanout(ctx context.Context, f Fanout) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO fanouts (integration, kind, on_entity, on_id, cursor, created_at)
		VALUES ($1, $2, $3, $4, '', $5)`, t.no, f.Kind, f.OnEntity, f.OnID, t.now)
	if err != nil {
		return fmt.Errorf("leave follow-up work: %w", err)
	}
	return nil
}

// NextFanout gives the oldest follow-up work of an integration; ErrNotFound when there is none.
func (s *Store) NextFanout(ctx context.Context, no int64) (Fanout, error) {
	var f Fanout
	err := s.read.QueryRowContext(ctx, `SELECT no, kind, on_entity, on_id, cursor FROM fanouts WHERE integration = $1 ORDER BY no LIMIT 1`, no).
		Scan(&f.No, &f.Kind, &f.OnEntity, &f.OnID, &f.Cursor)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return f, err
}

// FanoutUnits gives the next units to fold again, at most limit, and the cursor after them.
func (t *Tx) FanoutUnits(ctx context.Context, f Fanout, limit int) ([]connector.Unit, string, error) {
	var after connector.Unit
	after.Entity, after.ID, _ = strings.Cut(f.Cursor, "/")
	var units []connector.Unit
	var err error
	if f.Kind == fanoutRefold {
		units, err = t.Dependents(ctx, connector.Unit{Entity: f.OnEntity, ID: f.OnID}, after, limit)
	} else {
		var rows *sql.Rows
		rows, err = t.tx.QueryContext(ctx, `SELECT DISTINCT entity, entity_id FROM parts
			WHERE integration = $1 AND (entity, entity_id) > ($2, $3) ORDER BY entity, entity_id LIMIT $4`, t.no, after.Entity, after.ID, limit)
		units, err = collect(rows, err, scanUnit)
	}
	if err != nil || len(units) == 0 {
		return nil, "", err
	}
	return units, units[len(units)-1].String(), nil
}

// TouchNext touches the next records of a touching fan-out and gives the cursor after them,
// empty when none is left.
func (t *Tx) TouchNext(ctx context.Context, f Fanout, limit int) (string, error) {
	tableName, column, _ := strings.Cut(f.OnEntity, ".")
	if !touchable(tableName, column) {
		return "", fmt.Errorf("touch %q: no such column", f.OnEntity)
	}
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT id FROM %s WHERE integration = $1 AND %s = $2 AND id > $3 ORDER BY id LIMIT $4`,
		tableName, column), t.no, f.OnID, f.Cursor, limit)
	ids, err := collect(rows, err, func(r *sql.Rows) (string, error) {
		var id string
		return id, r.Scan(&id)
	})
	if err != nil || len(ids) == 0 {
		return "", err
	}
	t.wrote = true
	err = batches(t.store.dialect, ids, rowsPerStatement, func(batch []string) error {
		args := []any{t.stamp, t.no}
		for _, id := range batch {
			args = append(args, id)
		}
		_, err := t.tx.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET touched_at = $1 WHERE integration = $2 AND id IN (%s)`,
			tableName, placeholders(3, len(batch))), args...)
		return err
	})
	return ids[len(ids)-1], err
}

// touchable keeps what stands in a stored row from becoming SQL.
func touchable(tableName, column string) bool {
	for _, tab := range tables {
		for _, rule := range tab.touches {
			if rule.wide && rule.table == tableName && rule.column == column {
				return true
			}
		}
	}
	return false
}

// MoveFanout saves how far follow-up work has come; an empty cursor ends it.
func (t *Tx) MoveFanout(ctx context.Context, f Fanout, cursor string) error {
	var err error
	if cursor == "" {
		_, err = t.tx.ExecContext(ctx, `DELETE FROM fanouts WHERE no = $1`, f.No)
	} else {
		_, err = t.tx.ExecContext(ctx, `UPDATE fanouts SET cursor = $1 WHERE no = $2`, cursor, f.No)
	}
	if err != nil {
		return fmt.Errorf("save follow-up work: %w", err)
	}
	return nil
}

// RecordsBy gives the remote IDs of the living records of a model whose column holds an ID, in
// order, after a remote ID.
func (t *Tx) RecordsBy(ctx context.Context, m ats.Model, column, id, after string, limit int) ([]string, error) {
	tab := tables[m]
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`SELECT remote_id FROM %s WHERE integration = $1 AND %s = $2 AND remote_id > $3
		AND remote_deleted_at IS NULL ORDER BY remote_id LIMIT $4`, tab.name, column), t.no, id, after, limit)
	return collect(rows, err, func(r *sql.Rows) (string, error) {
		var remote string
		return remote, r.Scan(&remote)
	})
}
