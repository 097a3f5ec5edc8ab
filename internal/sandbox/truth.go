package sandbox

import (
	"fmt"
	"iter"
	"slices"
)

// truthSource is an entity's true rows by position, in the order of ids.
type truthSource struct {
	n    int
	seek func(after int) int
	row  func(pos int) Row
}

// truths are the entities that the truth knows. Ghosts are not in it.
var truths = map[string]func(t *Tenant) truthSource{
	"users":       func(t *Tenant) truthSource { return truthOf(&t.users, t.userFacts) },
	"clients":     func(t *Tenant) truthSource { return truthOf(&t.clients, nil) },
	"crm_persons": func(t *Tenant) truthSource { return truthOf(&t.crmPersons, nil) },
	// The union of the fields of list and detail.
	"recruitments": func(t *Tenant) truthSource { return truthOf(&t.recruitments, nil) },
	"employees": func(t *Tenant) truthSource {
		return truthOf(&t.employees, func(r Row) Row { return t.employeeFacts(r).with("tags", t.trueTags(r.ID())) })
	},
	"tags": func(t *Tenant) truthSource {
		return truthOf(&t.employees, func(r Row) Row { return Row{{"id", r.ID()}, {"tags", t.trueTags(r.ID())}} })
	},
	"history": func(t *Tenant) truthSource {
		return truthOf(&t.history, t.moveRow)
	},
	"activities": func(t *Tenant) truthSource {
		return truthOf(&t.activities, func(a activity) Row { return t.activityRow(a, true) })
	},
	"sources": func(t *Tenant) truthSource {
		return truthOf(&t.sources, t.sourceFacts)
	},
	// With whether the public feed shows it now.
	"adverts": func(t *Tenant) truthSource {
		return truthOf(&t.adverts, func(r Row) Row { return r.with("published", t.published(r)) })
	},
	"workflows": func(t *Tenant) truthSource {
		var rows []Row
		for _, w := range t.workflows {
			rows = append(rows, t.shown(w).truth())
		}
		return truthList(rows)
	},
	"dictionaries": func(t *Tenant) truthSource {
		var rows []Row
		for _, d := range t.data.lists {
			rows = append(rows, d.truth())
		}
		return truthList(rows)
	},
	"rejections": func(t *Tenant) truthSource { return truthList(t.allRejections()) },
}

func truthOf[T any](table *table[T], row func(T) Row) truthSource {
	return truthSource{table.len(), table.seek, func(pos int) Row {
		if row == nil {
			r, _ := any(table.at(pos)).(Row)
			return r
		}
		return row(table.at(pos))
	}}
}

func truthList(rows []Row) truthSource {
	return truthSource{len(rows), func(after int) int {
		if i := slices.IndexFunc(rows, func(r Row) bool { return r.ID() > after }); i >= 0 {
			return i
		}
		return len(rows)
	}, func(pos int) Row { return rows[pos] }}
}

// TruthPage returns up to limit true rows of an entity whose ids are above
// after, in the order of ids. Entities are users, clients, crm_persons,
// workflows, recruitments, employees, tags (one row per candidate), history,
// activities, sources, adverts, dictionaries and rejections.
func (t *Tenant) TruthPage(entity string, after, limit int) ([]Row, error) {
	source, ok := truths[entity]
	if !ok {
		return nil, fmt.Errorf("%w: no entity %q", ErrNotFound, entity)
	}
	t.settle(false)
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := source(t)
	// A zone tells the two hours of autumn apart, which would otherwise not be in the truth.
	withZone := t.settings().on("stamps", "zoned")
	rows := []Row{}
	for pos := s.seek(after); pos < s.n && len(rows) < limit; pos++ {
		row := s.row(pos)
		if withZone {
			row = zoned(row).(Row)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Truth walks all true rows of an entity in the order of ids. Changes made
// during the walk are seen if they are ahead of it. An unknown entity has no rows.
func (t *Tenant) Truth(entity string) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for after := 0; ; {
			rows, err := t.TruthPage(entity, after, 500)
			if err != nil || len(rows) == 0 {
				return
			}
			for _, row := range rows {
				if !yield(row) {
					return
				}
			}
			after = rows[len(rows)-1].ID()
		}
	}
}
