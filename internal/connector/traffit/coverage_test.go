package traffit

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// nested names the fields that hold other records, and what must exist for them to be filled.
var nested = map[ats.Model]map[string]ats.Model{
	ats.Users:        {"system_roles": ats.Roles},
	ats.Jobs:         {"stages": ats.JobStages, "job_postings": ats.JobPostings, "hiring_team": ats.HiringTeam},
	ats.Candidates:   {"applications": ats.Applications, "tags": ats.CandidateTags},
	ats.Applications: {"candidate": ats.Candidates, "current_stage": ats.ApplicationStages, "job": ats.Jobs},
}

// Whatever is called supported, or unknown, is really set for a tenant that has everything.
func TestCoverageIsTrue(t *testing.T) {
	settings := connector.FieldSettings{
		Passthrough: map[ats.Model][]connector.PassthroughField{
			ats.Jobs: {{ID: "f", Key: "client", Type: defaultField}}, ats.Candidates: {{ID: "f", Key: "mobile", Type: defaultField}},
		},
		Custom: map[ats.Model]map[string]string{ats.Jobs: {"a": "client"}, ats.Candidates: {"a": "mobile"}},
	}
	set := map[ats.Model]map[string]bool{}
	units := map[connector.Unit]bool{}
	for _, p := range rich() {
		if units[p.Unit] {
			continue
		}
		units[p.Unit] = true
		for _, s := range rich().fold(t, p.Unit, settings).Sets {
			for _, e := range s.Records {
				if set[s.Model] == nil {
					set[s.Model] = map[string]bool{}
				}
				r, err := ats.Render(namespace, e)
				if err != nil {
					t.Fatal(err)
				}
				var own map[string]any
				if err := json.Unmarshal(r.Own, &own); err != nil {
					t.Fatal(err)
				}
				for key, v := range own {
					switch v := v.(type) {
					case nil:
					case []any:
						set[s.Model][key] = set[s.Model][key] || len(v) > 0
					case map[string]any:
						set[s.Model][key] = set[s.Model][key] || len(v) > 0
					default:
						set[s.Model][key] = true
					}
				}
			}
		}
	}
	tool := New(Options{}).Tool()
	covered := map[ats.Model]bool{}
	for _, m := range tool.Models {
		covered[m.Model] = true
		seen := map[string]bool{}
		for _, f := range m.Fields {
			if seen[f.ID] {
				t.Errorf("%s.%s is listed twice", m.Model, f.ID)
			}
			seen[f.ID] = true
			if slices.Contains(stamps, f.ID) {
				continue
			}
			filled := set[m.Model][f.ID]
			if other, ok := nested[m.Model][f.ID]; ok {
				filled = len(set[other]) > 0
			}
			if u, ok := New(Options{}).UnitOf(m.Model, "1"); ok && f.ID == "remote_data" {
				filled = slices.ContainsFunc(rich(), func(p connector.Part) bool {
					path, _ := New(Options{}).Endpoint(p.PartKey)
					return p.Entity == u.Entity && path != ""
				})
			}
			claimed := f.Status == connector.Supported || f.Status == connector.CoverageUnknown
			if claimed != filled {
				t.Errorf("%s.%s is called %s, but filled is %v", m.Model, f.ID, f.Status, filled)
			}
		}
		for key := range set[m.Model] {
			if !seen[key] {
				t.Errorf("%s.%s is filled and not listed", m.Model, key)
			}
		}
	}
	for _, m := range ats.Models() {
		if !covered[m] {
			t.Errorf("%s is not listed", m)
		}
	}
	if len(tool.Actions) != 11 {
		t.Errorf("%d actions", len(tool.Actions))
	}
	for _, f := range tool.Features {
		if f.ID == "passthrough" && (f.Status == connector.Supported) != (len(tool.Passthrough) > 0) {
			t.Errorf("passthrough is called %s, and leads to %v", f.Status, tool.Passthrough)
		}
	}
}

// What rests on a detail is unknown until that is, and actions are no exception.
func TestConfirmedActions(t *testing.T) {
	tool := connector.Tool{
		Details: []connector.Detail{{
			ID: "tags.write", Variants: []connector.Variant{{Name: "post"}, {Name: "missing", Without: true}}, Depends: []string{"add_tag", "create.tags"},
		}},
		Actions: []connector.ActionCoverage{
			{ID: "add_tag", Status: connector.Supported, Fields: []connector.FieldCoverage{{ID: "name", Status: connector.Supported}, {ID: "color", Status: connector.Unsupported}}},
			{ID: "create", Status: connector.Supported, Fields: []connector.FieldCoverage{{ID: "tags", Status: connector.Supported}, {ID: "name", Status: connector.Supported}}},
		},
	}
	for variant, want := range map[string]connector.Coverage{"": connector.CoverageUnknown, "post": connector.Supported, "missing": connector.Unsupported} {
		got := tool.Confirmed(map[string]string{"tags.write": variant}).Actions
		if got[0].Status != want || got[0].Fields[0].Status != want || got[0].Fields[1].Status != connector.Unsupported {
			t.Errorf("%q: %+v", variant, got[0])
		}
		if got[1].Status != connector.Supported || got[1].Fields[0].Status != want || got[1].Fields[1].Status != connector.Supported {
			t.Errorf("%q: %+v", variant, got[1])
		}
	}
	if tool.Actions[0].Status != connector.Supported {
		t.Error("the tool itself has changed")
	}
}
