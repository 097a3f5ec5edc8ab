package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/sandbox"
)

func key(letter string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(letter, 32)))
}

// Whatever is wrong with the configuration gives one line that says so and what to do.
func TestBadConfigurationIsOneClearLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := busy(t)
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		want []string
	}{
		"database of another kind": {env: map[string]string{"KLADKA_DATABASE_URL": "mysql://x"}, want: []string{"KLADKA_DATABASE_URL", "postgres://"}},
		"unreachable PostgreSQL": {
			env:  map[string]string{"KLADKA_DATABASE_URL": "postgres://me:hunter2@127.0.0.1:1/none"},
			want: []string{"KLADKA_DATABASE_URL", "check host, port"},
		},
		"unreadable database URL": {
			env:  map[string]string{"KLADKA_DATABASE_URL": "postgres://me:hunter2@host:port/none"},
			want: []string{"KLADKA_DATABASE_URL", "cannot be read"},
		},
		"data folder is a file":  {env: map[string]string{"KLADKA_DATA_DIR": file}, want: []string{"KLADKA_DATA_DIR", file}},
		"no home folder":         {env: map[string]string{"KLADKA_DATA_DIR": ""}, want: []string{"KLADKA_DATA_DIR", "set it to a folder"}},
		"not a database":         {env: map[string]string{"KLADKA_DATABASE_URL": "sqlite:/dev/null"}, want: []string{"KLADKA_DATABASE_URL", "/dev/null"}},
		"negative budget":        {env: map[string]string{"KLADKA_TRAFFIT_RPS": "-1"}, want: []string{"KLADKA_TRAFFIT_RPS", "from 0"}},
		"budget is no number":    {env: map[string]string{"KLADKA_TRAFFIT_RPS": "many"}, want: []string{"traffit-rps"}},
		"log for ever":           {env: map[string]string{"KLADKA_REQUEST_LOG_DAYS": "-1"}, want: []string{"KLADKA_REQUEST_LOG_DAYS", "from 0"}},
		"kept for ever":          {env: map[string]string{"KLADKA_DELETE_AFTER": "for ever"}, want: []string{"delete-after", "14d, 72h or 90m"}},
		"patience without end":   {env: map[string]string{"KLADKA_INVALID_AFTER": "9999d"}, want: []string{"invalid-after", "3650d"}},
		"files of no size":       {env: map[string]string{"KLADKA_MAX_FILE_MB": "0"}, want: []string{"KLADKA_MAX_FILE_MB", "from 1 to 1000"}},
		"files without end":      {env: map[string]string{"KLADKA_MAX_FILE_MB": "1001"}, want: []string{"KLADKA_MAX_FILE_MB", "from 1 to 1000"}},
		"public URL is none":     {env: map[string]string{"KLADKA_PUBLIC_URL": "kladka.example.com"}, want: []string{"KLADKA_PUBLIC_URL", "https://"}},
		"TRAFFIT URL is none":    {env: map[string]string{"KLADKA_TRAFFIT_URL": "{tenant}"}, want: []string{"KLADKA_TRAFFIT_URL", "https://"}},
		"key is too short":       {env: map[string]string{"KLADKA_MASTER_KEY": "c2hvcnQ="}, want: []string{"KLADKA_MASTER_KEY", "32 bytes"}},
		"two keys":               {env: map[string]string{"KLADKA_MASTER_KEY": key("a"), "KLADKA_MASTER_KEY_FILE": file}, want: []string{"KLADKA_MASTER_KEY", "keep one"}},
		"key file is missing":    {env: map[string]string{"KLADKA_MASTER_KEY_FILE": file + ".none"}, want: []string{"KLADKA_MASTER_KEY_FILE", file + ".none"}},
		"key file is empty":      {env: map[string]string{"KLADKA_MASTER_KEY_FILE": file}, want: []string{"KLADKA_MASTER_KEY_FILE", "no master key"}},
		"busy port":              {args: []string{"serve", "--addr", taken}, want: []string{taken, "--addr"}},
		"busy port of the demo":  {args: []string{"demo", "--addr", taken}, want: []string{taken, "--addr"}},
		"no address":             {args: []string{"serve", "--addr", "8080"}, want: []string{"KLADKA_ADDR", ":8080"}},
		"roles on SQLite":        {args: []string{"serve", "--addr", "127.0.0.1:0", "--role", "api"}, want: []string{"--role api", "PostgreSQL"}},
		"unknown switch":         {args: []string{"sandbox", "--addr", "127.0.0.1:0", "--switch", "nonsense=1"}, want: []string{"nonsense"}},
		"unknown command":        {args: []string{"frobnicate"}, want: []string{"frobnicate"}},
		"missing argument":       {args: []string{"keys", "create"}, want: []string{"<name>"}},
		"secret file is missing": {args: append(addDemo()[:7], "--client-secret-file", file+".none", "--organization", "x"), want: []string{"--client-secret-file", file + ".none"}},
		"secret is empty":        {args: addDemo(), want: []string{"--client-secret-file", "no secret"}},
		"nothing to wait for":    {args: addDemo("--wait", "--no-sync"), want: []string{"--wait"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t)
			for k, v := range c.env {
				sh.env[k] = v
			}
			if c.args == nil {
				c.args = []string{"keys", "list"}
			}
			got := sh.run(t.Context(), c.args...)
			if got.code != exitUsage || got.out != "" {
				t.Errorf("exit code %d, want %d; output %q", got.code, exitUsage, got.out)
			}
			clearLine(t, got.err, c.want)
		})
	}
}

// clearLine checks that there is one line, apart from a hint to the help, that names all that is wanted.
func clearLine(t *testing.T, text string, want []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > 1 && strings.HasPrefix(lines[1], "Try: kladka") {
		lines = lines[:1]
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "kladka: ") {
		t.Errorf("want one line, got:\n%s", text)
	}
	for _, w := range want {
		if !strings.Contains(lines[0], w) {
			t.Errorf("%q is missing from: %s", w, lines[0])
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Errorf("the password shows: %s", text)
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	sh.env["KLADKA_MASTER_KEY"] = key("a")
	sh.must(t, "keys", "list")
	sh.env["KLADKA_MASTER_KEY"] = key("b")
	got := sh.run(t.Context(), "keys", "list")
	if got.code != exitUsage {
		t.Errorf("exit code %d", got.code)
	}
	clearLine(t, got.err, []string{"KLADKA_MASTER_KEY", "does not match this database"})
}

func TestLostKeyFileIsNotReplaced(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	sh.must(t, "keys", "list")
	if err := os.Remove(filepath.Join(sh.env["KLADKA_DATA_DIR"], "master.key")); err != nil {
		t.Fatal(err)
	}
	got := sh.run(t.Context(), "keys", "list")
	if got.code != exitUsage {
		t.Errorf("exit code %d", got.code)
	}
	clearLine(t, got.err, []string{"KLADKA_MASTER_KEY_FILE", "master.key"})
}

func TestPostgresNeedsAKey(t *testing.T) {
	t.Parallel()
	sh := newShell(t)
	sh.env["KLADKA_DATABASE_URL"] = pgtest.URL(t)
	delete(sh.env, "KLADKA_DATA_DIR")
	got := sh.run(t.Context(), "keys", "list")
	if got.code != exitUsage {
		t.Errorf("exit code %d", got.code)
	}
	clearLine(t, got.err, []string{"KLADKA_MASTER_KEY_FILE", "head -c 32 /dev/urandom"})
	sh.env["KLADKA_MASTER_KEY"] = key("a")
	sh.must(t, "keys", "list")
}

// What is wrong on TRAFFIT's side is said as clearly.
func TestBadCredentialsAreOneClearLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(sh *shell, box *sandbox.Sandbox)
		args    []string
		want    []string
	}{
		"wrong secret":    {prepare: func(sh *shell, _ *sandbox.Sandbox) { sh.stdin = "wrong" }, args: addDemo(), want: []string{"refused", "client secret"}},
		"wrong client ID": {args: append(addDemo(), "--client-id", "nobody"), want: []string{"refused", "client ID"}},
		"missing scope": {
			prepare: func(_ *shell, box *sandbox.Sandbox) { _ = box.Set("scopes.denied", "source,workflow") },
			args:    addDemo(), want: []string{"source", "workflow", "--accept-missing-scopes"},
		},
		"no such tenant": {
			prepare: func(sh *shell, _ *sandbox.Sandbox) { sh.env["KLADKA_TRAFFIT_URL"] += "/no/such/thing" },
			args:    addDemo(), want: []string{"not how TRAFFIT answers", "demo"},
		},
		"no tenant name": {args: append(addDemo(), "--tenant", "not a name"), want: []string{"not a name", "before .traffit.com"}},
		"unreachable": {
			prepare: func(sh *shell, _ *sandbox.Sandbox) { sh.env["KLADKA_TRAFFIT_URL"] = "http://127.0.0.1:1" },
			args:    addDemo(), want: []string{"cannot be reached", "127.0.0.1:1"},
		},
		"bad ID":         {args: addDemo("--id", "traffit:short"), want: []string{"traffit:short", "base58"}},
		"ID of another":  {args: addDemo("--id", "kombo:7xKXtg2CW87d97TXJSDpbD5j"), want: []string{"traffit:"}},
		"no integration": {args: []string{"sync", "nobody"}, want: []string{"nobody", "integrations list"}},
		"no key":         {args: []string{"keys", "revoke", "nobody"}, want: []string{"nobody", "keys list"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			simulated, sh := box(t, sandbox.Config{})
			if c.prepare != nil {
				c.prepare(sh, simulated)
			}
			got := sh.run(t.Context(), c.args...)
			if got.code != exitFailed || got.out != "" {
				t.Errorf("exit code %d, want %d; output %q", got.code, exitFailed, got.out)
			}
			clearLine(t, got.err, c.want)
			if list := sh.must(t, "integrations", "list", "--json"); list != "[]" {
				t.Errorf("something was stored: %s", list)
			}
		})
	}
}
