package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/connector"
)

// Coverage is that of each integration's own tenant; of the tool in general nothing is confirmed.
func TestCoverageFollowsTheProbe(t *testing.T) {
	b := newBench(t, func(d *api.Deps) {
		d.Tools[0].Details = []connector.Detail{{
			ID: "tags.shape", Variants: []connector.Variant{{Name: "plain"}, {Name: "missing", Without: true}}, Depends: []string{"ats_tags", "ats_jobs.name"},
		}}
	})
	for _, c := range []struct {
		confirmed map[string]string
		status    connector.Coverage // of the model and of the field
		list      int
		filtered  int // jobs found by the field
	}{
		{nil, connector.CoverageUnknown, 200, 1},
		{map[string]string{"tags.shape": "plain"}, connector.Supported, 200, 1},
		{map[string]string{"tags.shape": "missing"}, connector.Unsupported, 400, 0},
		{map[string]string{"tags.shape": "of another version"}, connector.CoverageUnknown, 200, 1},
	} {
		i, err := b.store.Integration(t.Context(), full)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.store.SetConfirmed(t.Context(), i.No, c.confirmed); err != nil {
			t.Fatal(err)
		}
		var shown struct {
			Data struct {
				ReadModels []struct {
					ID        string             `json:"id"`
					Available bool               `json:"is_available"`
					Status    connector.Coverage `json:"coverage_status"`
					Fields    []struct {
						ID     string             `json:"id"`
						Status connector.Coverage `json:"coverage_status"`
					} `json:"fields"`
				} `json:"read_models"`
			}
		}
		answer := func(id string) {
			t.Helper()
			body := read(t, b.do(http.MethodGet, "/v1/integrations/"+id, "", nil))
			if err := json.Unmarshal([]byte(body), &shown); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
		}
		of := func(model, field string) (status connector.Coverage) {
			for _, m := range shown.Data.ReadModels {
				if m.ID != model {
					continue
				}
				status = m.Status
				if m.Available != (status != connector.Unsupported) {
					t.Errorf("%s is %s and available: %v", model, status, m.Available)
				}
				for _, f := range m.Fields {
					if f.ID == field {
						status = f.Status
					}
				}
			}
			return status
		}
		answer(full)
		got := []connector.Coverage{of("ats_tags", ""), of("ats_jobs", "name"), of("ats_jobs", "job_code")}
		if d := cmp.Diff([]connector.Coverage{c.status, c.status, connector.Unsupported}, got); d != "" {
			t.Errorf("%v (-want +got):\n%s", c.confirmed, d)
		}
		res := b.do(http.MethodGet, "/v1/ats/tags", "", map[string]string{"X-Integration-Id": full})
		if body := read(t, res); res.StatusCode != c.list || (c.list == 400) != strings.Contains(body, "INTEGRATION.MODEL_NOT_AVAILABLE") {
			t.Errorf("%v: %d %s", c.confirmed, res.StatusCode, body)
		}
		jobs := read(t, b.do(http.MethodGet, "/v1/ats/jobs?name_contains=tester", "", map[string]string{"X-Integration-Id": full}))
		if n := strings.Count(jobs, `"remote_id":"101"`); (n > 0) != (c.filtered > 0) {
			t.Errorf("%v: %s", c.confirmed, jobs)
		}
		answer(withData)
		if got := of("ats_tags", ""); got != connector.CoverageUnknown {
			t.Errorf("another integration's tags are %s", got)
		}
		tools := read(t, b.do(http.MethodGet, "/v1/tools/ats", "", nil))
		if !strings.Contains(tools, `{"id":"ats_tags","label":"Tags","coverage_status":"UNKNOWN"`) {
			t.Errorf("the tool in general: %s", tools)
		}
	}
}
