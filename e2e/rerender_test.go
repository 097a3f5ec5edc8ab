package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/sandbox"
)

// Pages are spliced from stored texts. Whatever happened to nested records, they equal what is
// put together here by decoding, one record after another.
func TestSplicedPages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		// So many recruitments hang on the order of the stages that they are folded in a fan-out.
		u := newUpstream(t, sandbox.Config{Candidates: 150, Recruitments: 260, Adverts: 12})
		c.TraffitURL = u.base
		s := start(t, c)
		i := s.connect(u.Name())
		for round := range 2 {
			if round > 0 {
				u.admin("POST", fmt.Sprintf("random?n=60&seed=%d", 100+round), nil)
				u.renameStates(round)
				c.clock.forward(aWeek)
				s.succeed(i)
			}
			n := newNaive(t, c)
			for _, list := range oracle.Lists() {
				want := n.list(list)
				got := s.list(i, list, url.Values{"include_deleted": {"true"}})
				for at := range got {
					if at < len(want) {
						if d := cmp.Diff(want[at], got[at]); d != "" {
							t.Fatalf("round %d: %s %v (-want +got):\n%s", round, list, got[at]["id"], cut(d))
						}
					}
				}
				if len(want) != len(got) {
					t.Fatalf("round %d: %d %s are served, %d are stored", round, len(got), list, len(want))
				}
			}
		}
	})
}

// renameStates renames the states of every workflow, which many applications show.
func (u *upstream) renameStates(round int) {
	u.t.Helper()
	for _, w := range u.rows("workflows") {
		for n, st := range w["states"].([]any) {
			u.admin("PATCH", fmt.Sprintf("workflows/%v/states/%v", w["id"], st.(object)["id"]), object{"name": fmt.Sprintf("Etap %d/%d", round, n)})
		}
	}
}

// naive renders lists from the tables of one integration.
type naive struct {
	t      *testing.T
	tables map[string][]object // by table, each row with its decoded own and ref
}

func newNaive(t *testing.T, c config) *naive {
	t.Helper()
	n := &naive{t: t, tables: map[string][]object{}}
	db := c.open(t)
	for _, table := range recordTables {
		if table != "candidate_emails" {
			n.tables[table] = objects(t, db, table)
		}
	}
	return n
}

// objects reads a table.
func objects(t *testing.T, db *sql.DB, table string) []object {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []object
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		o := object{}
		for i, v := range values {
			o[columns[i]] = v
		}
		out = append(out, o)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// document decodes a stored text; each caller gets its own copy.
func (n *naive) document(row object, column string) object {
	n.t.Helper()
	var o object
	if err := json.Unmarshal(fmt.Append(nil, row[column]), &o); err != nil {
		n.t.Fatalf("%v: %v", row[column], err)
	}
	return o
}

// find gives the rows of a table whose column holds a value, in the order of rank and ID.
func (n *naive) find(table, column string, value any, living bool) []object {
	var out []object
	for _, r := range n.tables[table] {
		if value != nil && r[column] == value && (!living || r["remote_deleted_at"] == nil) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b object) int {
		x, _ := a["rank"].(int64)
		y, _ := b["rank"].(int64)
		if x != y {
			return int(x - y)
		}
		return strings.Compare(a["id"].(string), b["id"].(string))
	})
	return out
}

// embed gives the one record that a pointer leads to, deleted or not.
func (n *naive) embed(table string, id any) any {
	for _, r := range n.find(table, "id", id, false) {
		return n.document(r, "ref")
	}
	return nil
}

func moment(v any) any {
	ms, ok := v.(int64)
	if !ok {
		return nil
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func (n *naive) tagsOf(candidate any) []any {
	tags := []any{}
	for _, l := range n.find("candidate_tags", "candidate_id", candidate, true) {
		tags = append(tags, n.embed("tags", l["tag_id"]))
	}
	return tags
}

// list renders a list with its deleted records, in the order of the pages.
func (n *naive) list(list string) []object {
	rows := slices.Clone(n.tables[strings.ReplaceAll(list, "-", "_")])
	slices.SortFunc(rows, func(a, b object) int {
		if d := a["touched_at"].(int64) - b["touched_at"].(int64); d != 0 {
			return int(d)
		}
		return strings.Compare(a["id"].(string), b["id"].(string))
	})
	var out []object
	for _, r := range rows {
		o := n.document(r, "own")
		o["changed_at"], o["remote_deleted_at"], o["remote_data"] = moment(r["changed_at"]), moment(r["remote_deleted_at"]), nil
		n.nest(list, r, o)
		out = append(out, o)
	}
	return out
}

// nest puts into a record what it embeds.
func (n *naive) nest(list string, r, o object) {
	switch list {
	case oracle.Users:
		roles := []any{}
		for _, role := range n.find("roles", "id", r["role_id"], true) {
			roles = append(roles, n.document(role, "ref"))
		}
		o["system_roles"] = roles
	case oracle.Jobs:
		stages, posted, team := []any{}, []any{}, []any{}
		for _, l := range n.find("job_stages", "job_id", r["id"], true) {
			for _, st := range n.find("application_stages", "id", l["stage_id"], true) {
				stages = append(stages, n.document(st, "ref"))
			}
		}
		for _, p := range n.find("job_postings", "job_id", r["id"], true) {
			doc := n.document(p, "own")
			doc["remote_data"] = nil
			posted = append(posted, doc)
		}
		for _, l := range n.find("hiring_team", "job_id", r["id"], true) {
			for _, member := range n.find("users", "id", l["user_id"], true) {
				doc := n.document(member, "ref")
				for k, v := range n.document(l, "ref") {
					doc[k] = v
				}
				team = append(team, doc)
			}
		}
		o["stages"], o["job_postings"], o["hiring_team"] = stages, posted, team
	case oracle.Candidates:
		applications := []any{}
		for _, a := range n.find("applications", "candidate_id", r["id"], true) {
			doc := n.document(a, "ref")
			doc["changed_at"] = moment(a["changed_at"])
			doc["current_stage"], doc["job"] = n.embed("application_stages", a["current_stage_id"]), n.embed("jobs", a["job_id"])
			applications = append(applications, doc)
		}
		o["applications"], o["tags"] = applications, n.tagsOf(r["id"])
	case oracle.Applications:
		o["candidate"] = n.embed("candidates", r["candidate_id"])
		if c, ok := o["candidate"].(object); ok {
			c["tags"] = n.tagsOf(r["candidate_id"])
		}
		o["current_stage"], o["job"] = n.embed("application_stages", r["current_stage_id"]), n.embed("jobs", r["job_id"])
	}
}
