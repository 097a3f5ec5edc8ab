package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/sandbox"
)

func TestLinks(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		got := sh.run(t.Context(), "links", "create", "--organization", "Acme", "--email", "anna@example.com", "--magic", "--language", "pl", "--scopes", "Everything", "--only-created", "ask")
		if got.code != exitOK || !strings.HasPrefix(got.out, "http://127.0.0.1:8080/connect?token=v1.links.") || strings.Count(got.out, "\n") != 1 || !strings.Contains(got.err, "KLADKA_PUBLIC_URL") {
			t.Fatalf("exit code %d\n%s%s", got.code, got.out, got.err)
		}
		sh.env["KLADKA_PUBLIC_URL"] = "https://kladka.example.com"
		id := sh.must(t, addDemo("--no-sync")...)
		var made linkJSON
		if err := json.Unmarshal([]byte(sh.must(t, "links", "create", "--relink", "demo", "--json")), &made); err != nil || made.Kind != "RELINK" || made.Type != "EMBEDDED" ||
			!strings.HasPrefix(made.Link, "https://kladka.example.com/connect?token=") {
			t.Errorf("%+v, %v", made, err)
		}
		sh.must(t, "fields", "add", "candidates", "notice")
		sh.must(t, "links", "create", "--setup", id, "--magic")
		sh.must(t, "links", "revoke", made.ID)
		var all []linkJSON
		if err := json.Unmarshal([]byte(sh.must(t, "links", "list", "--json")), &all); err != nil || len(all) != 3 {
			t.Fatalf("%+v, %v", all, err)
		}
		states := map[string]string{}
		for _, l := range all {
			states[l.Kind] = l.State
		}
		if states["CONNECT"] != "OPEN" || states["RELINK"] != "REVOKED" || states["SETUP"] != "OPEN" {
			t.Errorf("%v", states)
		}
		if list := sh.must(t, "links", "list"); strings.Contains(list, "token") || !strings.Contains(list, "Acme") {
			t.Error(list)
		}
	})
}

func TestLinksThatMakeNoSense(t *testing.T) {
	_, sh := box(t, sandbox.Config{})
	sh.must(t, addDemo("--no-sync")...)
	for _, args := range [][]string{
		{"create"},
		{"create", "--organization", "Acme"},
		{"create", "--organization", " ", "--email", "a@example.com"},
		{"create", "--organization", "Acme", "--email", "nobody"},
		{"create", "--organization", "Acme", "--email", "a@example.com", "--tool", "lever"},
		{"create", "--organization", "Acme", "--email", "a@example.com", "--language", "cs"},
		{"create", "--organization", "Acme", "--email", "a@example.com", "--only-created", "maybe"},
		{"create", "--relink", "demo", "--setup", "demo"},
		{"create", "--relink", "demo", "--organization", "Acme"},
		{"create", "--relink", "demo", "--map-fields"},
		{"create", "--setup", "demo", "--scopes", "Everything"},
		{"create", "--setup", "demo"}, // there are no custom fields
		{"list", "--limit", "0"},
	} {
		if got := sh.run(t.Context(), append([]string{"links"}, args...)...); got.code != exitUsage || got.out != "" {
			t.Errorf("%v: exit code %d\n%s%s", args, got.code, got.out, got.err)
		}
	}
	for _, args := range [][]string{{"create", "--relink", "nobody"}, {"revoke", "nothing"}, {"create", "--organization", "Acme", "--email", "a@example.com", "--scopes", "nope"}} {
		if got := sh.run(t.Context(), append([]string{"links"}, args...)...); got.code != exitFailed || got.out != "" {
			t.Errorf("%v: exit code %d\n%s%s", args, got.code, got.out, got.err)
		}
	}
}
