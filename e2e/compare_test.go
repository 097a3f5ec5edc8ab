package e2e

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/e2e/oracle"
)

// shown bounds how many differing records of a list are printed.
const shown = 3

// equal compares all that a server serves of the main tenant with the sandbox's truth, and
// remembers the truth for later comparisons.
func (u *upstream) equal(s *server, integration string) {
	s.Helper()
	u.equalTenant(s, u.Name(), integration)
}

func (u *upstream) equalTenant(s *server, tenant, integration string) {
	s.Helper()
	want := u.expect(tenant, integration)
	for _, list := range oracle.Lists() {
		compare(s.T, list, want[list], keyed(s.T, list, s.list(integration, list, nil)))
	}
	u.past[integration] = append(u.past[integration], want)
	if s.Failed() {
		s.FailNow()
	}
}

// keyed puts served records into the oracle's form: by ID, without changed_at.
func keyed(t *testing.T, list string, served []object) map[string]object {
	t.Helper()
	out := make(map[string]object, len(served))
	for _, r := range served {
		id, _ := r["id"].(string)
		if out[id] != nil {
			t.Errorf("%s %s is served twice", list, id)
		}
		if _, ok := r["changed_at"]; !ok {
			t.Errorf("%s %s has no changed_at", list, id)
		}
		withoutStamps(t, list+" "+id, r)
		out[id] = r
	}
	return out
}

// withoutStamps takes changed_at away, having checked its form, and sorts what has no order.
func withoutStamps(t *testing.T, at string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			withoutStamps(t, at, e)
		}
	case object:
		for _, key := range []string{"changed_at", "remote_deleted_at"} {
			if stamp, ok := v[key]; ok && (stamp != nil || key == "changed_at") {
				text, _ := stamp.(string)
				if _, err := time.Parse("2006-01-02T15:04:05.000Z", text); err != nil {
					t.Errorf("%s: %s is %v", at, key, stamp)
				}
			}
		}
		delete(v, "changed_at")
		for _, key := range []string{"applications", "tags"} {
			if list, ok := v[key].([]any); ok {
				slices.SortFunc(list, func(a, b any) int {
					return strings.Compare(a.(object)["id"].(string), b.(object)["id"].(string))
				})
			}
		}
		for _, e := range v {
			withoutStamps(t, at, e)
		}
	}
}

// anyIndex lets the index of a removed stage be what it was.
var anyIndex = cmp.FilterValues(func(a, b any) bool { return a == oracle.AnyIndex || b == oracle.AnyIndex }, cmp.Ignore())

// compare reports how served records differ from the expected ones.
func compare(t *testing.T, list string, want, got map[string]object) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%s: %d are served, want %d", list, len(got), len(want))
	}
	differing := 0
	ids := maps.Clone(want)
	maps.Copy(ids, got)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if reflect.DeepEqual(want[id], got[id]) { // much faster than Diff, and nearly always so
			continue
		}
		d := cmp.Diff(want[id], got[id], anyIndex)
		if d == "" {
			continue
		}
		if differing++; differing <= shown {
			t.Errorf("%s %s (remote ID %v) differs (-want +got):\n%s", list, id, ids[id]["remote_id"], cut(d))
		}
	}
	if differing > shown {
		t.Errorf("%s: %d records differ in all", list, differing)
	}
}

func cut(s string) string {
	const most = 2500
	if len(s) > most {
		return s[:most] + "\n…"
	}
	return s
}

// deleted gives the records of a list that are served only with include_deleted.
func (s *server) deleted(integration, list string) map[string]object {
	s.Helper()
	out := map[string]object{}
	living := map[string]bool{}
	for _, r := range s.list(integration, list, nil) {
		living[r["id"].(string)] = true
		if r["remote_deleted_at"] != nil {
			s.Errorf("%s %v is deleted and served all the same", list, r["id"])
		}
	}
	for _, r := range s.list(integration, list, url.Values{"include_deleted": {"true"}}) {
		id := r["id"].(string)
		if living[id] != (r["remote_deleted_at"] == nil) {
			s.Errorf("%s %s: deleted at %v, served without include_deleted: %v", list, id, r["remote_deleted_at"], living[id])
		}
		if !living[id] {
			out[id] = r
		}
	}
	return out
}
