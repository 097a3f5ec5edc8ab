package app

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// remoteData serves the raw rows of an integration's records: an object by the path that each
// came from, as the connector names it. Where something is switched off they hold what serves the fields
// of their own model, and nothing else.
func (a *App) remoteData(i store.Integration) store.RemoteData {
	conn, ok := a.tenants.connectors[i.Tool]
	if !ok {
		return nil
	}
	return func(ctx context.Context, m ats.Model, remoteIDs []string) (map[string][]byte, error) {
		var units []connector.Unit
		record := make(map[connector.Unit]string, len(remoteIDs))
		for _, id := range remoteIDs {
			if u, ok := conn.UnitOf(m, id); ok {
				units, record[u] = append(units, u), id
			}
		}
		parts, err := a.Store.Raw(ctx, i.No, units)
		if err != nil {
			return nil, err
		}
		single := map[string]map[string]json.RawMessage{}
		several := map[string]map[string][]json.RawMessage{}
		for _, p := range parts {
			if !i.Scopes.Whole() {
				if p.Raw, err = conn.Keep(p.PartKey, p.Raw, i.Scopes.Only(m)); err != nil {
					return nil, fmt.Errorf("cut the raw row of %s: %w", p.Unit, err)
				}
			}
			path, many := conn.Endpoint(p.PartKey)
			id := record[p.Unit]
			switch {
			case path == "" || p.Raw == nil:
			case many:
				if several[id] == nil {
					several[id] = map[string][]json.RawMessage{}
				}
				several[id][path] = append(several[id][path], p.Raw)
			default:
				if single[id] == nil {
					single[id] = map[string]json.RawMessage{}
				}
				single[id][path] = p.Raw
			}
		}
		out := make(map[string][]byte, len(remoteIDs))
		for _, id := range remoteIDs {
			object := map[string]any{}
			for path, raw := range single[id] {
				object[path] = raw
			}
			for path, raws := range several[id] {
				object[path] = raws
			}
			if len(object) == 0 {
				continue
			}
			if out[id], err = json.Marshal(object); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}
