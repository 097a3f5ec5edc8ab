package app

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/mirror"
	"github.com/kladka/kladka/internal/store"
)

// Deletion is how many things of one kind are missing from the ATS and not yet confirmed gone.
type Deletion struct {
	Entity          string // the connector's word
	Model           ats.Model
	Waiting, Living int64
	// Held: they are so many that they wait for an approval. Fewer are asked about by themselves.
	Held bool
}

// Deletions lists what is missing from an integration's ATS.
func (a *App) Deletions(ctx context.Context, i store.Integration) ([]Deletion, error) {
	_, tenant, err := a.tenants.open(ctx, i)
	if err != nil {
		return nil, err
	}
	var out []Deletion
	for entity, confirm := range tenant.Confirms() {
		d := Deletion{Entity: entity, Model: confirm.Model}
		if d.Waiting, err = a.Store.CountNominations(ctx, i.No, entity); err != nil {
			return nil, err
		}
		if d.Living, err = a.Store.CountLiving(ctx, i.No, confirm.Model); err != nil {
			return nil, err
		}
		d.Held = mirror.LooksLikeAccident(d.Waiting, d.Living)
		if d.Waiting > 0 {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(x, y Deletion) int { return cmp.Compare(x.Model, y.Model) })
	return out, nil
}

// Named reports whether somebody who writes a word means this kind: the model's name in the API,
// with or without its prefix, or the connector's word.
func (d Deletion) Named(word string) bool {
	word = strings.ToLower(word)
	return word == d.Entity || word == string(d.Model) || "ats_"+word == string(d.Model)
}
