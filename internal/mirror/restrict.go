package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// What may not be stored is taken out of parts before they are: put does it with all that comes in, a
// fan-out with what is there when less is allowed than before. Folds blank records besides, so that a
// record does not depend on whether its parts have been cut already.

// restrict notes under which restriction the work is done.
func (w *work) restrict(i store.Integration) {
	w.integration = i
	w.restriction = i.Restriction()
	w.whole = i.Scopes.Whole()
}

// adopt sees to it that everything is stored, folded and read under the rules in force, as far as that was
// not so before: less may be stored, so what is there is cut; more, so it is read again; or only the rules
// of folding changed. A run that began under a narrower restriction begins anew.
func (w *work) adopt(ctx context.Context, tx *store.Tx) error {
	before, err := tx.Folding(ctx)
	if err != nil {
		return err
	}
	now := store.Folding{Revision: w.revision, Under: w.restriction, Reads: before.Reads, Change: before.Change}
	if at := w.integration.DataExpiredAt; at != nil {
		now.Change = *at
	}
	// Since the last sync more may have been allowed for a while, and come in.
	unsure := now.Change != before.Change && !now.Under.None()
	if now.Under.Wider(before.Under) {
		now.Reads++
		if err := tx.RestartRun(ctx, w.run.ID); err != nil {
			return err
		}
	}
	w.reading = w.conn.Revision()
	if now.Reads > 0 {
		w.reading += fmt.Sprintf("/%d", now.Reads)
	}
	if now.Revision == before.Revision && now.Reads == before.Reads && !unsure {
		return nil
	}
	switch {
	case before.Under.Wider(now.Under) || unsure:
		err = w.narrow(ctx, tx)
	case before.Revision != "":
		err = tx.AddFanout(ctx, store.RefoldAll())
	}
	if err != nil {
		return err
	}
	return tx.SetFolding(ctx, now)
}

// narrow begins to erase what may not be stored any more.
func (w *work) narrow(ctx context.Context, tx *store.Tx) error {
	var off []ats.Model
	for _, m := range ats.Models() {
		if !w.integration.Scopes.Model(m) {
			off = append(off, m)
		}
	}
	if err := tx.Unload(ctx, off); err != nil {
		return err
	}
	steps := []string{deletionsStep}
	for _, p := range w.plan {
		steps = append(steps, p.Name)
	}
	if err := tx.DropWalks(ctx, steps); err != nil {
		return err
	}
	return tx.AddFanout(ctx, store.Recut())
}

// permitted gives what may be stored of parts, completed, and the keys of those of which nothing may.
func (w *work) permitted(ctx context.Context, tx *store.Tx, parts []connector.Part) (kept []connector.Part, barred []connector.PartKey, err error) {
	if w.restriction.None() {
		kept, err = w.complete(ctx, tx, parts)
		return kept, nil, err
	}
	kept = parts
	if w.restriction.OnlyCreated {
		if kept, barred, err = w.created(ctx, tx, parts); err != nil {
			return nil, nil, err
		}
	}
	if kept, err = w.complete(ctx, tx, kept); err != nil {
		return nil, nil, err
	}
	if kept, err = w.there(ctx, tx, kept); err != nil || w.whole {
		return kept, barred, err
	}
	cut := make([]connector.Part, 0, len(kept))
	for _, p := range kept {
		if p.Raw != nil {
			if p.Raw, err = w.conn.Keep(p.PartKey, p.Raw, w.integration.Scopes); err != nil {
				return nil, nil, fmt.Errorf("cut %s: %w", p.Unit, err)
			}
			if p.Raw == nil {
				barred = append(barred, p.PartKey)
				continue
			}
		}
		p.Version = w.sealed(p.Version)
		cut = append(cut, p)
	}
	return cut, barred, nil
}

// created tells the parts about what was created through the API, or about nobody, from all others.
func (w *work) created(ctx context.Context, tx *store.Tx, parts []connector.Part) (kept []connector.Part, barred []connector.PartKey, err error) {
	type about struct{ candidate, application string }
	abouts := make([]about, len(parts))
	var candidates []string
	for i, p := range parts {
		abouts[i].candidate, abouts[i].application = w.conn.About(p)
		if c := abouts[i].candidate; c != "" {
			candidates = append(candidates, c)
		}
	}
	slices.Sort(candidates)
	tracked, err := tx.Tracked(ctx, slices.Compact(candidates))
	if err != nil {
		return nil, nil, err
	}
	for i, p := range parts {
		if a := abouts[i]; a.candidate == "" || tracked.Has(a.candidate, a.application) {
			kept = append(kept, p)
		} else {
			barred = append(barred, p.PartKey)
		}
	}
	return kept, barred, nil
}

// there leaves out the withdrawal of parts that are not stored: it would keep their keys, and whom they are
// about cannot be told.
func (w *work) there(ctx context.Context, tx *store.Tx, parts []connector.Part) ([]connector.Part, error) {
	var units []connector.Unit
	for _, p := range parts {
		if p.Raw == nil {
			units = append(units, p.Unit)
		}
	}
	if units == nil {
		return parts, nil
	}
	living, err := tx.LivingKeys(ctx, units)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p connector.Part) bool {
		return p.Raw == nil && !slices.ContainsFunc(living[p.Unit], func(l connector.Part) bool { return l.PartKey == p.PartKey })
	}), nil
}

// said is an error as it is written down. Where not everything may be stored, what the ATS answered is left
// out: it may quote anybody.
func (w *work) said(err error) string {
	if w.restriction.None() {
		return err.Error()
	}
	if broken, ok := errors.AsType[*brokenError](err); ok {
		return (&brokenError{errors.New(w.said(broken.err))}).Error()
	}
	if answer, ok := errors.AsType[*connector.AnswerError](err); ok {
		return fmt.Sprintf("%s %s answered %d", answer.Method, answer.Path, answer.Status)
	}
	if scope, ok := errors.AsType[*connector.ScopeError](err); ok {
		return (&connector.ScopeError{Scope: scope.Scope, Message: "the ATS refused it"}).Error()
	}
	return err.Error()
}

// recut takes out of units what may not be stored of them, and folds them again. Of those of which nothing is
// left, nothing is kept.
func (w *work) recut(ctx context.Context, tx *store.Tx, units []connector.Unit) error {
	stored, err := tx.LivingParts(ctx, units)
	if err != nil {
		return err
	}
	var parts, changed []connector.Part
	for _, u := range units {
		parts = append(parts, stored[u]...)
	}
	kept, barred, err := w.permitted(ctx, tx, parts)
	if err != nil {
		return err
	}
	before := make(map[connector.PartKey]connector.Part, len(parts))
	for _, p := range parts {
		before[p.PartKey] = p
	}
	for _, p := range kept {
		if old := before[p.PartKey]; !bytes.Equal(old.Raw, p.Raw) || old.Version != p.Version {
			changed = append(changed, p)
		}
	}
	if err := tx.RewriteParts(ctx, changed, w.reading); err != nil {
		return err
	}
	erased, err := tx.EraseParts(ctx, barred)
	if err != nil {
		return err
	}
	if w.restriction.OnlyCreated {
		if err := tx.ForgetWithdrawn(ctx, units); err != nil {
			return err
		}
	}
	if !w.whole {
		if err := tx.RewriteReads(ctx, units, w.sealed); err != nil {
			return err
		}
	}
	// All units are folded again, but this one's dependents may have been before it lost something.
	dependents, err := w.dependents(ctx, tx, erased)
	if err != nil {
		return err
	}
	again := slices.Clone(units)
	for _, u := range dependents {
		if !slices.Contains(units, u) {
			again = append(again, u)
		}
	}
	if err := w.fold(ctx, tx, again); err != nil {
		return err
	}
	return tx.ForgetUnits(ctx, units)
}
