package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// maxBody bounds the body of an admin request.
const maxBody = 1 << 20

// adminRoute is an endpoint below /_sandbox/ (of a further tenant:
// /t/{tenant}/_sandbox/). The vendor has none of these. They need no token, so
// a sandbox must not be reachable by strangers.
type adminRoute struct {
	Method  string `json:"method"`
	Path    string `json:"path"`
	About   string `json:"about"`
	answer  func(t *Tenant, q adminCall) (any, error)
	success int
}

func adminRoutes() []adminRoute {
	list := []adminRoute{
		{Method: "GET", Path: "/_sandbox/truth/{entity}", About: "true rows in the order of ids: ?after=ID&limit=N (default 1000, at most 10000)", answer: adminTruth},
		{Method: "GET", Path: "/_sandbox/requests", About: "counts of API requests by endpoint and status, total, peaks", answer: func(t *Tenant, _ adminCall) (any, error) { return t.Requests(), nil }},
		{Method: "DELETE", Path: "/_sandbox/requests", About: "sets the counts to nothing", answer: func(t *Tenant, _ adminCall) (any, error) { t.ResetRequests(); return nil, nil }},
		{Method: "GET", Path: "/_sandbox/switches", About: "all switches: name, about, default, values, value", answer: func(t *Tenant, _ adminCall) (any, error) { return t.Switches(), nil }},
		{Method: "PUT", Path: "/_sandbox/switches", About: `changes switches: {"name":"value",…}; all of them or none`, answer: adminSwitches},
		{Method: "GET", Path: "/_sandbox/credentials", About: "client_id, client_secret, scopes, base_url", answer: adminCredentials},
		{Method: "POST", Path: "/_sandbox/tokens/revoke", About: "ends all live tokens", answer: func(t *Tenant, _ adminCall) (any, error) {
			return map[string]int{"revoked": t.RevokeTokens()}, nil
		}},
		{Method: "POST", Path: "/_sandbox/random", About: "makes ?n= realistic changes by ?seed= and returns them", answer: adminRandom},

		{Method: "GET", Path: "/_sandbox/writes", About: "writes through the API that took effect: counts by kind, and each with its kind, path, id, employee, recruitment, body", answer: func(t *Tenant, _ adminCall) (any, error) {
			return map[string]any{"counts": t.WriteCounts(), "writes": t.Writes()}, nil
		}},
		{Method: "DELETE", Path: "/_sandbox/writes", About: "forgets which writes took effect, not what they did", answer: func(t *Tenant, _ adminCall) (any, error) { t.ResetWrites(); return nil, nil }},
		{Method: "POST", Path: "/_sandbox/writes/settle", About: "lets the writes take effect that write.late holds back", answer: func(t *Tenant, _ adminCall) (any, error) {
			return map[string]int{"settled": t.SettleWrites()}, nil
		}},
		{Method: "GET", Path: "/_sandbox/employees/{id}/uploads", About: "files uploaded to a candidate: id, name, label, public, size, sha256", answer: func(t *Tenant, q adminCall) (any, error) {
			return t.Uploads(q.id("id")), nil
		}},
		{Method: "GET", Path: "/_sandbox/employees/{id}/notes", About: "notes written to a candidate through the API: id, content as sent", answer: func(t *Tenant, q adminCall) (any, error) {
			return t.Notes(q.id("id")), nil
		}},
		{Method: "PUT", Path: "/_sandbox/employees/{id}/tags", About: `sets a candidate's tags: ["name",…]`, answer: func(t *Tenant, q adminCall) (any, error) {
			var names []string
			if err := q.body(&names); err != nil {
				return nil, err
			}
			return t.SetTags(q.id("id"), names)
		}},
		{Method: "POST", Path: "/_sandbox/employees/{id}/notes", About: `adds an activity of the type note: {"content":text}`, answer: func(t *Tenant, q adminCall) (any, error) {
			var note struct{ Content string }
			if err := q.body(&note); err != nil {
				return nil, err
			}
			return t.AddNote(q.id("id"), note.Content)
		}, success: http.StatusCreated},
		{Method: "POST", Path: "/_sandbox/recruitments/{rid}/employees/{eid}", About: "the candidate applies: returns the history row", answer: func(t *Tenant, q adminCall) (any, error) {
			return t.Apply(q.id("rid"), q.id("eid"))
		}, success: http.StatusCreated},
		{Method: "POST", Path: "/_sandbox/recruitments/{rid}/employees/{eid}/move", About: "moves to {state_id, rejection_id?, description?}: returns closed, opened, activity", answer: func(t *Tenant, q adminCall) (any, error) {
			var m Move
			if err := q.body(&m); err != nil {
				return nil, err
			}
			return t.MoveInRecruitment(q.id("rid"), q.id("eid"), m)
		}},
		{Method: "DELETE", Path: "/_sandbox/recruitments/{rid}/employees/{eid}", About: "takes the candidate out; the history rows go", answer: func(t *Tenant, q adminCall) (any, error) {
			return nil, t.RemoveFromRecruitment(q.id("rid"), q.id("eid"))
		}},
		{Method: "POST", Path: "/_sandbox/workflows/{id}/states", About: "adds a state {name, type, sid?, time_limit?, is_rejection?}; returns the workflow", answer: func(t *Tenant, q adminCall) (any, error) {
			var p StatePatch
			if err := q.body(&p); err != nil {
				return nil, err
			}
			return t.AddState(q.id("id"), p)
		}, success: http.StatusCreated},
		{Method: "PATCH", Path: "/_sandbox/workflows/{id}/states/{sid}", About: "renames or changes a state; returns the workflow", answer: func(t *Tenant, q adminCall) (any, error) {
			var p StatePatch
			if err := q.body(&p); err != nil {
				return nil, err
			}
			return t.UpdateState(q.id("id"), q.id("sid"), p)
		}},
		{Method: "DELETE", Path: "/_sandbox/workflows/{id}/states/{sid}", About: "removes a state; returns the workflow", answer: func(t *Tenant, q adminCall) (any, error) {
			return t.RemoveState(q.id("id"), q.id("sid"))
		}},
		{Method: "PUT", Path: "/_sandbox/workflows/{id}/order", About: "orders the states that are not terminal: [id,…]; returns the workflow", answer: func(t *Tenant, q adminCall) (any, error) {
			var ids []int
			if err := q.body(&ids); err != nil {
				return nil, err
			}
			return t.OrderStates(q.id("id"), ids)
		}},
	}
	for _, e := range entities {
		list = append(list,
			adminRoute{
				Method: "POST", Path: "/_sandbox/" + e.name, About: "adds a row of the given fields and usual ones; returns it", success: http.StatusCreated,
				answer: func(t *Tenant, q adminCall) (any, error) {
					p, err := q.patch()
					if err != nil {
						return nil, err
					}
					return t.Add(e.name, p)
				},
			},
			adminRoute{
				Method: "PATCH", Path: "/_sandbox/" + e.name + "/{id}",
				About: "sets the given fields (null is stored as null; ?absent=a&absent=b takes fields away; ?bump=false leaves updated_at); returns the row",
				answer: func(t *Tenant, q adminCall) (any, error) {
					p, err := q.patch()
					if err != nil {
						return nil, err
					}
					var options []Option
					if q.r.URL.Query().Get("bump") == "false" {
						options = append(options, Quietly)
					}
					return t.Update(e.name, q.id("id"), p, options...)
				},
			},
			adminRoute{
				Method: "DELETE", Path: "/_sandbox/" + e.name + "/{id}", About: "deletes the row; what refers to it stays",
				answer: func(t *Tenant, q adminCall) (any, error) { return nil, t.Delete(e.name, q.id("id")) },
			})
	}
	return list
}

// adminCall is an admin request.
type adminCall struct{ r *http.Request }

// id reads a number of the path; a bad one becomes 0, which nothing has.
func (q adminCall) id(name string) int {
	id, _ := strconv.Atoi(q.r.PathValue(name))
	return id
}

func (q adminCall) number(name string, fallback int) (int, error) {
	text := q.r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s is %q, want a whole number from 0", ErrInvalid, name, text)
	}
	return n, nil
}

func (q adminCall) body(into any) error {
	dec := json.NewDecoder(q.r.Body)
	dec.UseNumber()
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) { // no body is an empty one
		return fmt.Errorf("%w: body: %w", ErrInvalid, err)
	}
	return nil
}

func (q adminCall) patch() (Patch, error) {
	p := Patch{}
	if err := q.body(&p); err != nil {
		return nil, err
	}
	if p == nil { // the body was null
		p = Patch{}
	}
	for _, name := range q.r.URL.Query()["absent"] {
		p[name] = Absent
	}
	return p, nil
}

func adminTruth(t *Tenant, q adminCall) (any, error) {
	after, err := q.number("after", 0)
	if err != nil {
		return nil, err
	}
	limit, err := q.number("limit", 1000)
	if err != nil {
		return nil, err
	}
	return t.TruthPage(q.r.PathValue("entity"), after, min(limit, 10_000))
}

func adminSwitches(t *Tenant, q adminCall) (any, error) {
	var changes map[string]string
	if err := q.body(&changes); err != nil {
		return nil, err
	}
	if err := t.SetAll(changes); err != nil {
		return nil, err
	}
	return t.Switches(), nil
}

func adminCredentials(t *Tenant, q adminCall) (any, error) {
	c := t.Credentials()
	scheme := "http"
	if q.r.TLS != nil {
		scheme = "https"
	}
	// The handler sees the path without the tenant's prefix, the request line has it.
	prefix := q.r.RequestURI
	if i := len(prefix) - len(q.r.URL.RequestURI()); i > 0 {
		prefix = prefix[:i]
	} else {
		prefix = ""
	}
	c.BaseURL = scheme + "://" + q.r.Host + prefix
	return c, nil
}

func adminRandom(t *Tenant, q adminCall) (any, error) {
	seed, err := q.number("seed", 1)
	if err != nil {
		return nil, err
	}
	n, err := q.number("n", 1)
	if err != nil {
		return nil, err
	}
	return t.Random(uint64(seed), n)
}

func (t *Tenant) adminHandler() http.Handler {
	mux := http.NewServeMux()
	list := adminRoutes()
	for _, route := range list {
		mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err := route.answer(t, adminCall{r})
			switch {
			case errors.Is(err, ErrNotFound):
				adminError(w, http.StatusNotFound, err)
			case errors.Is(err, ErrConflict):
				adminError(w, http.StatusConflict, err)
			case err != nil:
				adminError(w, http.StatusBadRequest, err)
			case answer == nil:
				w.WriteHeader(http.StatusNoContent)
			default:
				writeJSON(w, max(route.success, http.StatusOK), answer)
			}
		})
	}
	slices.SortStableFunc(list, func(a, b adminRoute) int { return compareValues(a.Path, b.Path) })
	mux.HandleFunc("GET /_sandbox/{$}", func(w http.ResponseWriter, _ *http.Request) {
		api := []string{}
		for i := range routes {
			name := routes[i].name()
			if routes[i].scope != "" {
				name = apiBase + name
			}
			if routes[i].readable() {
				api = append(api, name)
			}
			for _, method := range slices.Sorted(maps.Keys(routes[i].writes)) {
				api = append(api, method+" "+name)
			}
		}
		writeJSON(w, http.StatusOK, map[string]any{"tenant": t.name, "admin": list, "api": api})
	})
	return mux
}

func adminError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, Row{{"error", err.Error()}})
}
