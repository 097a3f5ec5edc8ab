package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A vendor field reaches the records, under its own key and under one of ours, with the next sync.
func TestFields(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		id := sh.must(t, addDemo("--no-sync")...)
		sh.must(t, "sync", id, "--wait")
		var fields []fieldJSON
		if err := json.Unmarshal([]byte(sh.must(t, "fields", "list", "demo", "--json")), &fields); err != nil || len(fields) == 0 {
			t.Fatalf("%d fields, %v", len(fields), err)
		}
		sh.must(t, "fields", "pass", "demo", "candidates", "_nationality")
		custom := sh.must(t, "fields", "add", "candidates", "nationality", "--label", "Nationality")
		sh.must(t, "fields", "map", "demo", "ats_candidates", "nationality", "_nationality")
		list := sh.must(t, "fields", "list", "demo")
		if !strings.Contains(list, "[nationality]") || !strings.Contains(list, "yes") {
			t.Errorf("list:\n%s", list)
		}
		got := sh.run(t.Context(), "sync", id, "--wait", "--json")
		var run runJSON
		if err := json.Unmarshal([]byte(got.out), &run); err != nil || run.State != "SUCCEEDED" {
			t.Errorf("%s%s", got.out, got.err)
		}
		if list := sh.must(t, "fields", "remap", "demo", "candidates.title"); !strings.HasSuffix(list, "usual") || strings.Count(list, "\n") != 1 {
			t.Errorf("the sources of one field:\n%s", list)
		}
		sh.must(t, "fields", "add", "jobs", "budget")
		if again := sh.run(t.Context(), "fields", "add", "jobs", "budget"); again.code != exitFailed || !strings.Contains(again.err, `"budget" of ats_jobs already`) {
			t.Errorf("the same once more: %d, %s", again.code, again.err)
		}
		sh.must(t, "fields", "remove", "jobs.budget")
		sh.must(t, "fields", "remove", custom)
		for _, bad := range [][]string{
			{"fields", "pass", "demo", "candidates", "_none"},
			{"fields", "pass", "demo", "users", "name"},
			{"fields", "map", "demo", "candidates", "nationality", "_nationality"},
			{"fields", "remove", custom},
			{"fields", "remove", "jobs.budget"},
			{"fields", "remove", "users.name"},
			{"fields", "add", "candidates", "Zażółć"},
			{"fields", "list", "nobody"},
		} {
			if got := sh.run(t.Context(), bad...); got.code == exitOK || strings.Count(strings.TrimSpace(got.err), "\n") > 0 {
				t.Errorf("%v: exit code %d\n%s", bad, got.code, got.err)
			}
		}
	})
}

// With a lost key the data stay; a new key and new credentials bring everything back.
func TestLostKeyHasAWayBack(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		id := sh.must(t, addDemo("--no-sync")...)
		sh.must(t, "sync", id, "--wait")
		if sh.env["KLADKA_MASTER_KEY"] != "" {
			sh.env["KLADKA_MASTER_KEY"] = key("z")
		} else if err := os.Remove(filepath.Join(sh.env["KLADKA_DATA_DIR"], "master.key")); err != nil {
			t.Fatal(err)
		}
		if got := sh.run(t.Context(), "reset-key"); got.code != exitUsage {
			t.Errorf("reset without being asked: %d", got.code)
		}
		sh.must(t, "reset-key", "--yes")
		if list := sh.must(t, "integrations", "list"); !strings.Contains(list, id) || !strings.Contains(list, "INVALID") {
			t.Errorf("list:\n%s", list)
		}
		sh.must(t, "integrations", "reconnect", id, "--client-id", "demo_kladka", "--client-secret-file", "-")
		sh.must(t, "sync", id, "--wait")
		if list := sh.must(t, "integrations", "list"); !strings.Contains(list, "ACTIVE") {
			t.Errorf("list:\n%s", list)
		}
	})
}
