package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// foldAtOnce bounds how many units one transaction folds because something else changed; what
// goes beyond is left as follow-up work.
const foldAtOnce = 200

// put stores parts and folds every unit that they changed, and every unit that depends on one.
// It gives the units whose own parts changed.
func (w *work) put(ctx context.Context, tx *store.Tx, parts []connector.Part) ([]connector.Unit, error) {
	parts, barred, err := w.permitted(ctx, tx, parts)
	if err != nil {
		return nil, err
	}
	changed, err := tx.PutParts(ctx, parts, w.reading)
	if err != nil {
		return nil, err
	}
	erased, err := tx.EraseParts(ctx, barred)
	if err != nil {
		return nil, err
	}
	for _, u := range erased {
		if !slices.Contains(changed, u) {
			changed = append(changed, u)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	dependents, err := w.dependents(ctx, tx, changed)
	if err != nil {
		return nil, err
	}
	if err := w.fold(ctx, tx, append(changed[:len(changed):len(changed)], dependents...)); err != nil {
		return nil, err
	}
	return changed, tx.ForgetUnits(ctx, erased)
}

// complete fills the parts that left something out with what is stored of it, and counts those
// of which too little is.
func (w *work) complete(ctx context.Context, tx *store.Tx, parts []connector.Part) ([]connector.Part, error) {
	var units []connector.Unit
	for _, p := range parts {
		if p.Complete != nil {
			units = append(units, p.Unit)
		}
	}
	if units == nil {
		return parts, nil
	}
	stored, err := tx.LivingParts(ctx, units)
	if err != nil {
		return nil, err
	}
	filled := slices.Clone(parts)
	for i, p := range parts {
		if p.Complete == nil {
			continue
		}
		var known []byte
		for _, s := range stored[p.Unit] {
			if s.PartKey == p.PartKey {
				known = s.Raw
			}
		}
		part, whole, err := p.Complete(known)
		if err != nil {
			return nil, fmt.Errorf("complete %s: %w", p.Unit, err)
		}
		part.ObservedAt = p.ObservedAt
		filled[i] = part
		if !whole {
			w.lacking++
		}
	}
	return filled, nil
}

// dependents gives the units to fold again because others changed: those that fit into this
// transaction. The rest becomes a fan-out.
func (w *work) dependents(ctx context.Context, tx *store.Tx, changed []connector.Unit) ([]connector.Unit, error) {
	causes, err := tx.Depended(ctx, changed)
	if err != nil {
		return nil, err
	}
	seen := make(map[connector.Unit]bool, len(changed))
	for _, u := range changed {
		seen[u] = true
	}
	var out []connector.Unit
	for _, cause := range causes {
		units, err := tx.Dependents(ctx, cause, connector.Unit{}, foldAtOnce+1)
		if err != nil {
			return nil, err
		}
		if len(out)+len(units) > foldAtOnce {
			if err := tx.AddFanout(ctx, store.RefoldDependents(cause)); err != nil {
				return nil, err
			}
			continue
		}
		for _, u := range units {
			if !seen[u] {
				seen[u] = true
				out = append(out, u)
			}
		}
	}
	return out, nil
}

// fold makes the records of units from their stored parts and writes what differs.
func (w *work) fold(ctx context.Context, tx *store.Tx, units []connector.Unit) error {
	parts, err := tx.LivingParts(ctx, units)
	if err != nil {
		return err
	}
	needs := make([][]connector.Need, len(units))
	for i, u := range units {
		needs[i] = w.conn.Needs(u, parts[u])
	}
	looked, err := look(ctx, tx, needs)
	if err != nil {
		return err
	}
	var sets []store.RecordSet
	var deps []store.Dependency
	for i, u := range units {
		in := connector.FoldInput{Unit: u, Parts: parts[u], IDs: tx.IDs(), Fields: w.fields, Others: make(map[connector.Unit][]connector.Part, len(needs[i]))}
		for _, n := range needs[i] {
			in.Others[n.Unit] = looked[n.Unit]
			if !exists(n, looked[n.Unit]) {
				deps = append(deps, store.Dependency{Unit: u, On: n.Unit})
			}
		}
		folded, err := w.conn.Fold(in)
		if err != nil {
			return fmt.Errorf("fold %s: %w", u, err)
		}
		for _, s := range folded.Sets {
			set, err := w.recordSet(tx.IDs(), u, s)
			if err != nil {
				return err
			}
			sets = append(sets, set)
		}
		for _, f := range folded.Fields {
			if !w.noted[f] {
				w.found = append(w.found, f)
			}
		}
	}
	if err := tx.SetDependencies(ctx, units, deps); err != nil {
		return err
	}
	return tx.Apply(ctx, sets)
}

// look reads what folds need of other units: all of them, or, where only that matters, whether they
// are there.
func look(ctx context.Context, tx *store.Tx, needs [][]connector.Need) (map[connector.Unit][]connector.Part, error) {
	whole := make(map[connector.Unit]bool) // of the units that are needed: more than whether they exist
	for _, list := range needs {
		for _, n := range list {
			whole[n.Unit] = whole[n.Unit] || n.Exists == ""
		}
	}
	var contents, existence []connector.Unit
	for u, all := range whole {
		if all {
			contents = append(contents, u)
		} else {
			existence = append(existence, u)
		}
	}
	looked, err := tx.LivingParts(ctx, contents)
	if err != nil {
		return nil, err
	}
	there, err := tx.LivingKeys(ctx, existence)
	if err != nil {
		return nil, err
	}
	maps.Copy(looked, there)
	return looked, nil
}

// exists reports whether a fold that only asked for a unit's existence got its answer for good.
func exists(n connector.Need, parts []connector.Part) bool {
	return n.Exists != "" && slices.ContainsFunc(parts, func(p connector.Part) bool { return p.Kind == n.Exists })
}

// recordSet renders what may be stored of a set: the complete one is empty where its model is off.
func (w *work) recordSet(ids ats.Namespace, u connector.Unit, s connector.Set) (store.RecordSet, error) {
	out := store.RecordSet{Model: s.Model, Column: s.Column, Owner: s.Owner}
	if s.Column == "" {
		out.Owner = ids.ID(s.Model, u.ID)
	}
	if !w.integration.Scopes.Model(s.Model) {
		return out, nil
	}
	for _, entity := range s.Records {
		if !w.whole {
			entity = ats.Blank(s.Model, entity, w.integration.Scopes)
		}
		r, err := ats.Render(ids, entity)
		if err != nil {
			return store.RecordSet{}, err
		}
		out.Records = append(out.Records, r)
	}
	return out, nil
}

// drainFanouts does the follow-up work that is due, in bounded transactions: in smaller ones when they
// take too long.
func (w *work) drainFanouts(ctx context.Context) error {
	smaller := 1
	for {
		f, err := w.Store.NextFanout(ctx, w.run.Integration)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if f.Scrubs() {
			if err := w.scrub(ctx); err != nil {
				return err
			}
		}
		_, err = w.write(ctx, func(tx *store.Tx) error { return w.followUp(ctx, tx, f, smaller) })
		switch {
		case errors.Is(err, store.ErrSlow) && smaller < foldAtOnce:
			smaller *= 4
		case err != nil:
			return err
		}
		w.Point("fanout step done")
		if w.over() {
			return errSliceOver
		}
	}
}

// followUp does the next step of follow-up work; smaller divides how much that is.
func (w *work) followUp(ctx context.Context, tx *store.Tx, f store.Fanout, smaller int) error {
	var cursor string
	var err error
	switch {
	case f.Touches():
		cursor, err = tx.TouchNext(ctx, f, 500)
	case f.Scrubs():
	case f.Erases():
		if cursor, err = tx.EraseNext(ctx, f, w.integration, w.conn.UnitOf, max(1, 500/smaller)); err == nil && cursor == "" {
			err = tx.AddFanout(ctx, store.Scrub())
		}
	default:
		var units []connector.Unit
		if units, cursor, err = tx.FanoutUnits(ctx, f, max(1, foldAtOnce/smaller)); err != nil {
			return err
		}
		switch {
		case !f.Recuts():
			err = w.fold(ctx, tx, units)
		case cursor != "":
			err = w.recut(ctx, tx, units)
		default: // what it left to others goes first
			err = tx.AddFanout(ctx, store.Erase())
		}
	}
	if err != nil {
		return err
	}
	return tx.MoveFanout(ctx, f, cursor)
}

// scrub makes the database forget what was erased. Nothing depends on it, so no run fails for it.
func (w *work) scrub(ctx context.Context) error {
	err := w.Store.Scrub(ctx)
	if err != nil && ctx.Err() == nil {
		w.Log.WarnContext(ctx, "the files of the database still hold what was erased", "err", err)
		return nil
	}
	return err
}
