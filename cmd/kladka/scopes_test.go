package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/sandbox"
)

// shown reads an integration as scripts do.
func (sh *shell) shown(t *testing.T, named string) integrationJSON {
	t.Helper()
	var i integrationJSON
	if err := json.Unmarshal([]byte(sh.must(t, "integrations", "show", named, "--json")), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

// What is switched off of an integration goes with the next sync, and comes back with the one after it was
// switched on.
func TestScopesOfAnIntegration(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		noPhones := sh.must(t, "scopes", "create", "No phones", "--off", "candidates.phone_numbers,reject_application", "--optional", "ats_tags")
		id := sh.must(t, addDemo("--no-sync", "--scopes", "No phones")...)
		if i := sh.shown(t, id); i.ScopeConfig != noPhones || i.OnlyCreated {
			t.Fatalf("connected with %+v", i)
		}
		if text := sh.must(t, "scopes", "show", noPhones); !strings.Contains(text, "ats_candidates.phone_numbers") || !strings.Contains(text, "OPTIONAL") {
			t.Error(text)
		}
		sh.must(t, "sync", id, "--wait")
		if i := sh.shown(t, id); i.ExpiredAt != nil || i.Models["ats_candidates"] == nil {
			t.Errorf("after the first sync: %+v", i)
		}
		file := filepath.Join(t.TempDir(), "scopes.json")
		if err := os.WriteFile(file, []byte(sh.must(t, "scopes", "show", noPhones, "--json")), 0o600); err != nil {
			t.Fatal(err)
		}
		copied := sh.must(t, "scopes", "create", "The same", "--file", file)
		sh.must(t, "integrations", "scopes", "demo", "The same")
		if i := sh.shown(t, id); i.ScopeConfig != copied || i.ExpiredAt != nil {
			t.Errorf("with the same scopes under another name: %+v", i)
		}
		sh.must(t, "scopes", "update", "The same", "--on", "candidates.phone_numbers", "--name", "More")
		if i := sh.shown(t, id); i.ExpiredAt == nil {
			t.Error("switched on, and nothing expired")
		}
		if text := sh.must(t, "integrations", "show", id); !strings.Contains(text, "More ("+copied+")") || !strings.Contains(text, "expired") {
			t.Error(text)
		}
		sh.must(t, "sync", id, "--wait")
		if i := sh.shown(t, id); i.ExpiredAt != nil {
			t.Error("still expired after a sync")
		}
		sh.must(t, "scopes", "default", "More")
		var all []scopesJSON
		if err := json.Unmarshal([]byte(sh.must(t, "scopes", "list", "--json")), &all); err != nil || len(all) != 3 {
			t.Fatalf("%+v, %v", all, err)
		}
		for _, c := range all {
			if c.Default != (c.ID == copied) {
				t.Errorf("%s is the default: %v", c.Name, c.Default)
			}
		}
		if all[1].Models[ats.Candidates].Fields["phone_numbers"] != ats.Disabled {
			t.Errorf("the first was changed: %+v", all[1])
		}
		if list := sh.must(t, "scopes", "list"); !strings.Contains(list, "Everything") {
			t.Error(list)
		}
		for _, bad := range [][]string{
			{"scopes", "create", "No phones"},
			{"scopes", "create", " "},
			{"scopes", "create", "x", "--off", "candidates.phones"},
			{"scopes", "create", "x", "--off", "candidates.id"},
			{"scopes", "create", "x", "--off", "nonsense"},
			{"scopes", "create", "x", "--file", file + ".none"},
			{"scopes", "update", "More", "--name", "Everything"},
			{"scopes", "update", "nobody"},
			{"scopes", "show", "nobody"},
			{"scopes", "default", "nobody"},
			{"integrations", "scopes", id, "nobody"},
			addDemo("--scopes", "nobody"),
		} {
			if got := sh.run(t.Context(), bad...); got.code == exitOK || strings.Count(strings.TrimSpace(got.err), "\n") > 0 {
				t.Errorf("%v: exit code %d\n%s", bad, got.code, got.err)
			}
		}
	})
}

func TestSettingsOfAnIntegration(t *testing.T) {
	t.Parallel()
	_, sh := box(t, sandbox.Config{})
	sh.env["KLADKA_ONLY_CREATED"] = "on"
	id := sh.must(t, addDemo("--no-sync")...)
	if i := sh.shown(t, id); !i.OnlyCreated {
		t.Error("the server's default does not count")
	}
	other := sh.must(t, addDemo("--no-sync", "--no-default-only-created")...)
	if i := sh.shown(t, other); i.OnlyCreated {
		t.Error("the flag does not win")
	}
	sh.must(t, "integrations", "only-created", id, "off")
	sh.must(t, "integrations", "remote-data", id, "on")
	sh.must(t, "integrations", "disable", id)
	if i := sh.shown(t, id); i.OnlyCreated || !i.RemoteData || i.Status != "INACTIVE" {
		t.Errorf("%+v", i)
	}
	sh.must(t, "integrations", "enable", id)
	if i := sh.shown(t, id); i.Status != "ACTIVE" {
		t.Errorf("%+v", i)
	}
	if got := sh.run(t.Context(), "integrations", "only-created", id, "perhaps"); got.code != exitUsage {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
}

// A removed integration is kept for a while, unless it shall go at once.
func TestRemovedIntegrationsAreKept(t *testing.T) {
	t.Parallel()
	_, sh := box(t, sandbox.Config{})
	removed := func() (all []removedJSON) {
		t.Helper()
		if err := json.Unmarshal([]byte(sh.must(t, "integrations", "list", "--removed", "--json")), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	id := sh.must(t, addDemo("--wait")...)
	sh.must(t, "integrations", "remove", id, "--yes")
	if all := removed(); len(all) != 1 || all[0].ID != id {
		t.Fatalf("kept: %+v", all)
	}
	if list := sh.must(t, "integrations", "list", "--removed"); !strings.Contains(list, id) {
		t.Error(list)
	}
	sh.must(t, "integrations", "purge", id)
	if all := removed(); len(all) != 0 {
		t.Errorf("kept after the purge: %+v", all)
	}
	if got := sh.run(t.Context(), "integrations", "purge", id); got.code != exitFailed || !strings.Contains(got.err, "--removed") {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
	id = sh.must(t, addDemo("--no-sync")...)
	sh.must(t, "integrations", "remove", id, "--yes", "--now")
	if all := removed(); len(all) != 0 {
		t.Errorf("kept after a removal at once: %+v", all)
	}
	sh.env["KLADKA_DELETE_AFTER"] = "0"
	id = sh.must(t, addDemo("--no-sync")...)
	sh.must(t, "integrations", "remove", id, "--yes")
	if all := removed(); len(all) != 1 || *all[0].PurgeAt != *all[0].DeletedAt {
		t.Errorf("kept although nothing is: %+v", all)
	}
}

// A unified field takes its value from where it is told to.
func TestRemap(t *testing.T) {
	t.Parallel()
	_, sh := box(t, sandbox.Config{})
	id := sh.must(t, addDemo("--wait")...)
	list := sh.must(t, "fields", "remap", id)
	field := ""
	for line := range strings.Lines(list) {
		if name, rest, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "ats_candidates.") && strings.TrimSpace(rest) == "usual" {
			field = name
		}
	}
	if field == "" {
		t.Fatalf("no field of candidates can be remapped:\n%s", list)
	}
	sh.must(t, "fields", "remap", id, strings.TrimPrefix(field, "ats_"), "_nationality")
	if list := sh.must(t, "fields", "remap", id); !strings.Contains(list, "_nationality") {
		t.Error(list)
	}
	if i := sh.shown(t, id); i.ExpiredAt == nil {
		t.Error("nothing expired")
	}
	sh.must(t, "fields", "remap", id, field, "--usual")
	if list := sh.must(t, "fields", "remap", id); strings.Contains(list, "_nationality") {
		t.Error(list)
	}
	for _, bad := range [][]string{
		{"fields", "remap", id, "candidates.id", "_nationality"},
		{"fields", "remap", id, field, "_none"},
		{"fields", "remap", id, field, "_nationality", "_nationality"},
		{"fields", "remap", id, field, "_nationality", "--usual"},
		slices.Concat([]string{"fields", "remap", id, field}, slices.Repeat([]string{"x"}, 11)),
	} {
		if got := sh.run(t.Context(), bad...); got.code == exitOK || strings.Count(strings.TrimSpace(got.err), "\n") > 0 {
			t.Errorf("%v: exit code %d\n%s", bad, got.code, got.err)
		}
	}
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "14d": 14 * 24 * time.Hour, "72h": 72 * time.Hour, "90m": 90 * time.Minute, "3650d": 3650 * 24 * time.Hour,
		"": -1, "d": -1, "-1d": -1, "-1h": -1, "1.5d": -1, "3651d": -1, "99999999999999d": -1, "90000h": -1, "14": -1, "1d12h": -1, "two days": -1,
	} {
		var p period
		if err := p.UnmarshalText([]byte(text)); (err != nil) != (want < 0) || err == nil && time.Duration(p) != want {
			t.Errorf("%q: %v, %v", text, time.Duration(p), err)
		}
	}
}
