package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/sandbox"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	plain := sh.must(t, "keys", "create", "job board")
	if !strings.HasPrefix(plain, "kladka_") || strings.ContainsAny(plain, " \n") {
		t.Errorf("the key does not stand alone: %q", plain)
	}
	var keys []keyJSON
	if err := json.Unmarshal([]byte(sh.must(t, "keys", "list", "--json")), &keys); err != nil || len(keys) != 1 || keys[0].RevokedAt != nil {
		t.Fatalf("%+v, %v", keys, err)
	}
	if list := sh.must(t, "keys", "list"); strings.Contains(list, plain) || !strings.Contains(list, "job board") {
		t.Errorf("list:\n%s", list)
	}
	sh.must(t, "keys", "revoke", "job board")
	if list := sh.must(t, "keys", "list"); !strings.Contains(list, "revoked") {
		t.Errorf("list:\n%s", list)
	}
}

func TestConnectSyncShowRemove(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		id := sh.must(t, addDemo("--no-sync", "--origin-id", "42", "--email", "admin@example.com")...)
		if !ats.ValidIntegrationID(id) {
			t.Fatalf("%q is no integration ID", id)
		}
		got := sh.run(t.Context(), "sync", "demo", "--wait", "--json")
		if got.code != exitOK || !strings.Contains(got.err, "SUCCEEDED") || !strings.Contains(got.err, "employees: done, 20 of 20") {
			t.Fatalf("exit code %d\n%s", got.code, got.err)
		}
		var run runJSON
		if err := json.Unmarshal([]byte(got.out), &run); err != nil || run.State != "SUCCEEDED" || run.CompletedAt == nil || run.Cause != "cli" {
			t.Errorf("%+v, %v", run, err)
		}
		var shown integrationJSON
		if err := json.Unmarshal([]byte(sh.must(t, "integrations", "show", id, "--json")), &shown); err != nil {
			t.Fatal(err)
		}
		if shown.SetupStatus != "COMPLETED" || *shown.OriginID != "42" || shown.Models["ats_candidates"] == nil || len(shown.Syncs) != 1 {
			t.Errorf("%+v", shown)
		}
		if text := sh.must(t, "integrations", "show", id); !strings.Contains(text, "ats_candidates") {
			t.Error(text)
		}
		if got := sh.run(t.Context(), "integrations", "remove", id); got.code != exitUsage {
			t.Errorf("removed without being asked: %d", got.code)
		}
		sh.must(t, "integrations", "remove", id, "--yes")
		if list := sh.must(t, "integrations", "list", "--json"); list != "[]" {
			t.Error(list)
		}
		if again := sh.must(t, addDemo("--no-sync", "--id", id)...); again != id {
			t.Errorf("connected as %s, want %s", again, id)
		}
	})
}

// each runs a test on both databases, with a simulated tenant.
func each(t *testing.T, test func(t *testing.T, sh *shell)) {
	t.Run("sqlite", func(t *testing.T) {
		_, sh := box(t, sandbox.Config{})
		test(t, sh)
	})
	t.Run("postgres", func(t *testing.T) {
		_, sh := box(t, sandbox.Config{})
		sh.env["KLADKA_DATABASE_URL"], sh.env["KLADKA_MASTER_KEY"] = pgtest.URL(t), key("a")
		test(t, sh)
	})
}

func TestPartialSyncSaysWhatIsMissing(t *testing.T) {
	simulated, sh := box(t, sandbox.Config{})
	if err := simulated.Set("scopes.denied", "source"); err != nil {
		t.Fatal(err)
	}
	got := sh.run(t.Context(), addDemo("--accept-missing-scopes", "--wait")...)
	if got.code != exitPartial || !strings.Contains(got.err, "PARTIALLY_FAILED") || !strings.Contains(got.err, "source") {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
	got = sh.run(t.Context(), "doctor")
	if got.code != exitOK || !strings.Contains(got.out, "scope source") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
}

func TestRefusedSyncFails(t *testing.T) {
	simulated, sh := box(t, sandbox.Config{})
	id := sh.must(t, addDemo("--wait")...)
	if err := simulated.Set("scopes.denied", strings.Join(sandbox.Scopes(), ",")); err != nil {
		t.Fatal(err)
	}
	simulated.RevokeTokens()
	if got := sh.run(t.Context(), "sync", id, "--wait"); got.code != exitRun && got.code != exitPartial {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
	if got := sh.run(t.Context(), "doctor", "--json"); got.code != exitDoctor || !json.Valid([]byte(got.out)) {
		t.Errorf("exit code %d\n%s", got.code, got.out)
	}
}

func TestDoctorChangesNothing(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	for range 2 { // the second time it would find what the first had made
		if got := sh.run(t.Context(), "doctor"); got.code != exitOK || !strings.Contains(got.out, "there is none yet") {
			t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
		}
	}
	sh.env["KLADKA_DATABASE_URL"] = "nonsense"
	if got := sh.run(t.Context(), "doctor"); got.code != exitDoctor || !strings.Contains(got.out, "KLADKA_DATABASE_URL") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
}

func TestServe(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		key := sh.must(t, "keys", "create", "test")
		id := sh.must(t, addDemo()...)
		sh.env["KLADKA_LOG_LEVEL"] = "info"
		server := sh.start(ctx, "serve", "--addr", "127.0.0.1:0")
		server.until(t, "kladka started")
		sh.env["KLADKA_LOG_LEVEL"] = "warn"
		url := field(t, server.err.String(), "address=")

		if got := sh.run(t.Context(), "sync", id, "--wait"); got.code != exitOK {
			t.Fatalf("sync beside a server: exit code %d\n%s", got.code, got.err)
		}
		for path, want := range map[string]int{
			"/healthz": 200, "/readyz": 200, "/metrics": 200, "/openapi.json": 200, "/v1/ats/candidates": 200, "/nonsense": 404,
		} {
			if status, body := get(t, url+path, key, id); status != want {
				t.Errorf("GET %s: %d, want %d\n%s", path, status, want, body)
			}
		}
		if sh.env["KLADKA_DATABASE_URL"] == "" {
			got := sh.run(t.Context(), "serve", "--addr", "127.0.0.1:0")
			if got.code != exitFailed {
				t.Errorf("a second server on SQLite: exit code %d", got.code)
			}
			clearLine(t, got.err, []string{"another process works on this database", "stop it"})
		}
		stop()
		if code := server.ends(t); code != exitOK {
			t.Errorf("exit code %d\n%s", code, server.err)
		}
	})
}

// field gives the value behind a name in a log line.
func field(t *testing.T, log, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(log, name)
	if !ok {
		t.Fatalf("%s is missing from %s", name, log)
	}
	return strings.Fields(rest)[0]
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}

// call sends a request as an application would, and gives the status and the body of the answer.
func call(t *testing.T, method, url, key, id, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("X-Integration-Id", id)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func get(t *testing.T, url, key, id string) (int, string) {
	t.Helper()
	return call(t, http.MethodGet, url, key, id, "")
}

func TestSplitRolesOnPostgres(t *testing.T) {
	_, sh := box(t, sandbox.Config{})
	sh.env["KLADKA_DATABASE_URL"], sh.env["KLADKA_MASTER_KEY"], sh.env["KLADKA_LOG_LEVEL"] = pgtest.URL(t), key("a"), "info"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	key := sh.must(t, "keys", "create", "test")
	api := sh.start(ctx, "serve", "--role", "api", "--addr", "127.0.0.1:0")
	worker := sh.start(ctx, "serve", "--role", "worker")
	api.until(t, "kladka started")
	worker.until(t, "kladka started")
	id := sh.must(t, addDemo("--wait")...)
	if status, body := get(t, field(t, api.err.String(), "address=")+"/v1/ats/jobs", key, id); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	stop()
	if a, w := api.ends(t), worker.ends(t); a != exitOK || w != exitOK {
		t.Errorf("exit codes %d and %d\n%s%s", a, w, api.err, worker.err)
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := newShell(t).start(ctx, "sandbox", "--addr", "127.0.0.1:0", "--candidates", "10", "--recruitments", "3", "--switch", "sort.ignore=employees,recruitments", "--json")
	p.until(t, "client_secret")
	var credentials sandbox.Credentials
	if err := json.Unmarshal([]byte(p.out.String()), &credentials); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, credentials.BaseURL+"/_sandbox/", "", ""); status != 200 {
		t.Errorf("status %d", status)
	}
	stop()
	if code := p.ends(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.err)
	}
	if list := newShell(t).must(t, "sandbox", "--list-switches"); !strings.Contains(list, "fail.500") {
		t.Error(list)
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"", "demo", "serve", "sandbox", "keys", "keys create", "keys list", "keys revoke", "integrations", "integrations add",
		"integrations add traffit", "integrations list", "integrations show", "integrations remove", "integrations file-labels",
		"sync", "deletions", "deletions list", "deletions approve", "actions", "actions list", "actions show", "requests", "requests list", "requests show", "doctor", "version",
	} {
		got := newShell(t).run(t.Context(), append(strings.Fields(command), "--help")...)
		if got.code != exitOK || !strings.Contains(got.out, "Usage: kladka "+command) || strings.Contains(got.out, "${") {
			t.Errorf("kladka %s --help: exit code %d\n%s%s", command, got.code, got.out, got.err)
		}
	}
}
