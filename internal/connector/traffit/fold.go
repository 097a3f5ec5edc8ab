package traffit

import (
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// parts are the living parts of one unit, decoded.
type parts []decoded

type decoded struct {
	kind, key string
	raw       object
}

// decodeParts decodes the parts and orders those of a kind by number.
func decodeParts(stored []connector.Part) (parts, error) {
	ps := make(parts, 0, len(stored))
	for _, p := range stored {
		if p.Raw == nil {
			continue
		}
		v, err := decode(p.Raw)
		if err != nil {
			return nil, fmt.Errorf("decode the part %s %s %s: %w", p.Unit, p.Kind, p.Part, err)
		}
		ps = append(ps, decoded{p.Kind, p.Part, asObject(v)})
	}
	slices.SortStableFunc(ps, func(a, b decoded) int { return compareIDs(a.key, b.key) })
	return ps, nil
}

// one gives the part of a kind that there is one of; nil when it was never read or is gone.
func (ps parts) one(kind string) object {
	for _, p := range ps {
		if p.kind == kind {
			if p.raw == nil {
				return object{}
			}
			return p.raw
		}
	}
	return nil
}

// of gives the parts of a kind by number.
func (ps parts) of(kind string) parts {
	var out parts
	for _, p := range ps {
		if p.kind == kind {
			out = append(out, p)
		}
	}
	return out
}

// input is what a fold looks at, decoded on demand.
type input struct {
	connector.FoldInput
	parts parts
}

// other gives the parts of another unit.
func (in input) other(u connector.Unit) (parts, error) { return decodeParts(in.Others[u]) }

// exists reports whether another unit's own row is there.
func (in input) exists(u connector.Unit) bool {
	return slices.ContainsFunc(in.Others[u], func(p connector.Part) bool { return p.Kind == kindList })
}

// Fold makes the records of a unit.
func (*traffit) Fold(fi connector.FoldInput) (connector.Fold, error) {
	ps, err := decodeParts(fi.Parts)
	if err != nil {
		return connector.Fold{}, err
	}
	in := input{FoldInput: fi, parts: ps}
	switch fi.Unit.Entity {
	case user:
		return foldUser(in), nil
	case role:
		return foldRole(in), nil
	case state:
		return foldState(in)
	case recruitment:
		return foldRecruitment(in)
	case employee:
		return foldEmployee(in)
	case application:
		return foldApplication(in)
	case rejection:
		return foldRejection(in), nil
	case tag:
		return foldTag(in), nil
	}
	return connector.Fold{}, nil // workflows, pipelines, dictionaries: others look at them
}

// Needs names the other units that a fold looks at.
func (*traffit) Needs(u connector.Unit, stored []connector.Part) []connector.Need {
	ps, err := decodeParts(stored)
	if err != nil {
		return nil // the fold will report it
	}
	switch u.Entity {
	case state, recruitment:
		return []connector.Need{{Unit: allPipelines}}
	case employee:
		if item := sourceItem(ps); item.text("value") == "" && item.id("id") != "" {
			return []connector.Need{{Unit: unit(dictionaryItem, item.id("id"))}}
		}
	case application:
		return applicationNeeds(u, ps)
	}
	return nil
}

// own makes the set of the one record whose remote ID is the unit's.
func own[E ats.Entity](m ats.Model, records ...E) connector.Set {
	return set(m, "", "", records)
}

// set makes the set of records whose column holds the owner.
func set[E ats.Entity](m ats.Model, column, owner string, records []E) connector.Set {
	s := connector.Set{Model: m, Column: column, Owner: owner}
	for _, r := range records {
		s.Records = append(s.Records, r)
	}
	return s
}

func sets(s ...connector.Set) connector.Fold { return connector.Fold{Sets: s} }
