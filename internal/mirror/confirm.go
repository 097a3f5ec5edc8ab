package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// The bounds of confirmation: a run goes on with it for an hour at most, and what looks like a mass
// deletion waits for a person.
const (
	confirmFor  = time.Hour
	massAtLeast = 50
	massShare   = 50 // 2 %

	nominationsAtOnce = 100_000
)

// ConfirmShare is the part of a tenant's request budget that confirmations may take: one in so many.
const ConfirmShare = 5

// confirmDeletions asks the ATS about nominated units, one group a request, and ends the records
// of those that it confirms to be gone. What it does not come to in this run waits for the next.
func (w *work) confirmDeletions(ctx context.Context, s *store.RunStep) error {
	s.Missing, s.Error = 0, nil // an earlier slice's; what is left is looked at again
	confirms := w.tenant.Confirms()
	for _, entity := range w.confirmOrder(confirms) {
		confirm := confirms[entity]
		if err := w.drainFanouts(ctx); err != nil {
			return err
		}
		if err := w.endUnrecorded(ctx, s, entity, confirm); err != nil {
			return err
		}
		held, err := w.heldBack(ctx, entity, confirm)
		if err != nil {
			return err
		}
		if held > 0 {
			s.Missing += held
			s.Error = new(fmt.Sprintf("%d %s are missing from TRAFFIT at once; see `kladka deletions`", held, confirm.Model))
			continue
		}
		if err := w.confirmEntity(ctx, s, entity, confirm); err != nil {
			return err
		}
	}
	return nil
}

// confirmOrder is the order in which the plan's listings name the entities: what cascades comes
// before what it cascades to.
func (w *work) confirmOrder(confirms map[string]connector.Confirm) []string {
	var order []string
	for _, p := range w.plan {
		if p.List == nil {
			continue
		}
		for _, c := range p.List.Covers {
			if _, ok := confirms[c.Entity]; ok && !slices.Contains(order, c.Entity) {
				order = append(order, c.Entity)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(confirms[b].Cascades) - len(confirms[a].Cascades) })
	return order
}

// heldBack is how many nominations of an entity wait for an approval: those that look like a mass
// deletion and were not approved.
func (w *work) heldBack(ctx context.Context, entity string, c connector.Confirm) (int64, error) {
	waiting, err := w.Store.CountNominations(ctx, w.run.Integration, entity)
	if err != nil {
		return 0, err
	}
	living, err := w.Store.CountLiving(ctx, w.run.Integration, c.Model)
	if err != nil {
		return 0, err
	}
	if !LooksLikeAccident(waiting, living) {
		return 0, nil
	}
	return waiting, nil
}

// LooksLikeAccident reports whether so many of a model's living records are missing at once that a
// person has to approve their deletion.
func LooksLikeAccident(missing, living int64) bool {
	return missing > max(massAtLeast, living/massShare)
}

func (w *work) confirmEntity(ctx context.Context, s *store.RunStep, entity string, c connector.Confirm) error {
	nominated, err := w.Store.Nominations(ctx, w.run.Integration, entity, "", nominationsAtOnce)
	if err != nil || len(nominated) == 0 {
		return err
	}
	groups := map[string][]connector.Unit{}
	var order []string
	for _, u := range nominated {
		g := c.Group(u)
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], u)
	}
	late := func() bool { return w.Store.Now()-*s.StartedAt > confirmFor.Milliseconds() }
	if c.Control && !late() {
		if err := w.waitToConfirm(ctx); err != nil {
			return err
		}
		if ok, err := w.control(ctx, entity, c, nominated); err != nil {
			return err
		} else if !ok {
			s.Error = new(fmt.Sprintf("deletions of %s cannot be confirmed: a record that lives was not found either", c.Model))
			s.Missing += int64(len(nominated))
			return nil
		}
	}
	failedInRow := 0
	for _, g := range order {
		if late() {
			w.Log.InfoContext(ctx, "the rest of the deletions is confirmed in the next run", "model", c.Model)
			return nil
		}
		if err := w.waitToConfirm(ctx); err != nil {
			return err
		}
		observed := w.Store.Now()
		present, err := c.Present(ctx, g, groups[g])
		switch {
		case errors.Is(err, connector.ErrGone):
			continue // the group itself is gone; its own confirmation takes its units along
		case err != nil && ctx.Err() == nil && pageFault(err):
			s.Missing += int64(len(groups[g]))
			s.Error = new("deletions could not be confirmed: " + w.said(err))
			if _, down := errors.AsType[*connector.RetryError](err); !down {
				failedInRow = 0
			} else if failedInRow++; failedInRow >= downAfter {
				return nil
			}
			continue
		case err != nil:
			return err
		}
		failedInRow = 0
		for i, u := range groups[g] {
			if err := w.endUnit(ctx, s, c, u, present[i], observed); err != nil {
				return err
			}
		}
		if w.over() {
			return errSliceOver
		}
	}
	return nil
}

// endUnrecorded ends nominated units that nothing is left to be deleted of: their records went with
// what they belonged to, or never were. There is nothing to ask about, and nobody to wait for.
func (w *work) endUnrecorded(ctx context.Context, s *store.RunStep, entity string, c connector.Confirm) error {
	for {
		units, err := w.Store.NominatedWithoutRecord(ctx, w.run.Integration, entity, c.Model, foldAtOnce)
		if err != nil || len(units) == 0 {
			return err
		}
		for _, u := range units {
			if err := w.endUnit(ctx, s, c, u, false, w.Store.Now()); err != nil {
				return err
			}
			if w.over() {
				return errSliceOver
			}
		}
	}
}

// waitToConfirm waits until the next confirming request is due.
func (w *work) waitToConfirm(ctx context.Context) error {
	timer := time.NewTimer(time.Until(w.confirmed.Add(w.ConfirmEvery)))
	defer timer.Stop()
	select {
	case <-timer.C:
		w.confirmed = time.Now()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// controls is how many living units are asked about before absence counts as no proof: one of them
// may have gone since the listing showed it.
const controls = 5

// control asks about units that live. If even those are not found, absence proves nothing.
func (w *work) control(ctx context.Context, entity string, c connector.Confirm, nominated []connector.Unit) (bool, error) {
	kind := w.listedAs(entity)
	missing := make(map[connector.Unit]bool, len(nominated))
	for _, u := range nominated {
		missing[u] = true
	}
	var after connector.PartKey
	tried := 0
	for {
		living, err := w.Store.Living(ctx, w.run.Integration, entity, kind, after, 1000)
		if err != nil {
			return false, err
		}
		units := make([]connector.Unit, len(living))
		for i, p := range living {
			units[i] = p.Unit
		}
		if found, err := w.findOne(ctx, c, units, missing, &tried); found || tried == controls || err != nil {
			return found, err
		}
		if len(living) < 1000 {
			break
		}
		after = living[len(living)-1].PartKey
	}
	if !w.restriction.OnlyCreated {
		return false, nil
	}
	// Few or none may be kept, but the listing shows others.
	units, err := w.shown(ctx, entity)
	if err != nil {
		return false, err
	}
	return w.findOne(ctx, c, units, missing, &tried)
}

// findOne asks about units that are not missing, until one is found or enough have been tried. An answer that
// is none finds nothing, and ends the search.
func (w *work) findOne(ctx context.Context, c connector.Confirm, units []connector.Unit, missing map[connector.Unit]bool, tried *int) (bool, error) {
	for _, u := range units {
		if missing[u] || *tried == controls {
			continue
		}
		present, err := c.Present(ctx, c.Group(u), []connector.Unit{u})
		if err != nil && pageFault(err) {
			*tried = controls
			return false, nil
		} else if err != nil {
			return false, err
		}
		if *tried++; present[0] {
			return true, nil
		}
	}
	return false, nil
}

// shown gives the units of an entity on the first page of its listing. Nothing of it is stored.
func (w *work) shown(ctx context.Context, entity string) ([]connector.Unit, error) {
	kind := w.listedAs(entity)
	for _, p := range w.plan {
		if p.List == nil || !slices.ContainsFunc(p.List.Covers, func(c connector.Cover) bool { return c.Entity == entity && c.Kind == kind }) {
			continue
		}
		f := w.fetch(ctx, p.List, 1)
		if f.err != nil && pageFault(f.err) {
			return nil, nil
		} else if f.err != nil {
			return nil, f.err
		}
		parts, _, _, err := w.contents(p.List, f)
		if err != nil {
			return nil, err
		}
		var units []connector.Unit
		for _, part := range parts {
			if part.Entity == entity && part.Kind == kind {
				units = append(units, part.Unit)
			}
		}
		return units, nil
	}
	return nil, nil
}

// listedAs is the kind of the part by which the plan lists an entity.
func (w *work) listedAs(entity string) string {
	for _, p := range w.plan {
		if p.List == nil {
			continue
		}
		for _, c := range p.List.Covers {
			if c.Entity == entity && c.Absent == connector.Nominate {
				return c.Kind
			}
		}
	}
	return ""
}

// endUnit draws the conclusion of a confirmation.
func (w *work) endUnit(ctx context.Context, s *store.RunStep, c connector.Confirm, u connector.Unit, present bool, observed int64) error {
	saved := *s
	_, err := w.write(ctx, func(tx *store.Tx) error {
		if err := tx.DropNomination(ctx, u); err != nil {
			return err
		}
		s.Done++
		if !present {
			if err := w.end(ctx, tx, c, u, observed); err != nil {
				return err
			}
		}
		count(s, tx.Written())
		return w.save(ctx, tx, s)
	})
	if err != nil {
		*s = saved
	}
	return err
}

// end withdraws all parts of a unit that is gone and folds again what goes with it.
func (w *work) end(ctx context.Context, tx *store.Tx, c connector.Confirm, u connector.Unit, observed int64) error {
	with, err := w.cascade(ctx, tx, c, u)
	if err != nil {
		return err
	}
	parts, err := tx.LivingParts(ctx, []connector.Unit{u})
	if err != nil {
		return err
	}
	var gone []connector.PartKey
	for _, p := range parts[u] {
		gone = append(gone, p.PartKey)
	}
	for _, p := range w.plan {
		if p.Each == nil || p.Each.Of.Entity != u.Entity {
			continue
		}
		brought, err := broughtBy(ctx, tx, p.Each, u)
		if err != nil {
			return err
		}
		gone = append(gone, brought...)
	}
	if err := tx.ForgetReads(ctx, u); err != nil {
		return err
	}
	// A page that still shows the unit must not be skipped by the next walk.
	for _, p := range w.plan {
		if p.List != nil && slices.ContainsFunc(p.List.Covers, func(k connector.Cover) bool { return k.Entity == u.Entity }) {
			if err := tx.DistrustPages(ctx, p.Name); err != nil {
				return err
			}
		}
	}
	if _, err := w.put(ctx, tx, withdrawn(gone, observed)); err != nil {
		return err
	}
	if len(with) <= foldAtOnce {
		return w.fold(ctx, tx, with)
	}
	deps := make([]store.Dependency, len(with))
	for i, other := range with {
		deps[i] = store.Dependency{Unit: other, On: u}
	}
	if err := tx.SetDependencies(ctx, with, deps); err != nil {
		return err
	}
	return tx.AddFanout(ctx, store.RefoldDependents(u))
}

// cascade gives the units whose records belong to the record of a unit that is gone.
func (w *work) cascade(ctx context.Context, tx *store.Tx, c connector.Confirm, u connector.Unit) ([]connector.Unit, error) {
	var with []connector.Unit
	for _, rule := range c.Cascades {
		after := ""
		for {
			remote, err := tx.RecordsBy(ctx, rule.Model, rule.Column, tx.IDs().ID(c.Model, u.ID), after, 500)
			if err != nil {
				return nil, err
			}
			for _, r := range remote {
				with = append(with, connector.Unit{Entity: rule.Entity, ID: r})
			}
			if len(remote) < 500 {
				break
			}
			after = remote[len(remote)-1]
		}
	}
	return with, nil
}
