package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	sh := newShell(t)
	sh.env["KLADKA_DATABASE_URL"] = "postgres://production" // a demo touches nothing of the real thing
	sh.env["KLADKA_TRAFFIT_URL"] = "https://{tenant}.traffit.com"
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := sh.start(ctx, "demo", "--addr", "127.0.0.1:0", "--candidates", "20")
	p.until(t, "Stop with Ctrl-C.")
	out := p.out.String()
	calls := regexp.MustCompile(`Bearer (\S+)' -H 'X-Integration-Id: (\S+)' '(http://\S+)'`).FindAllStringSubmatch(out, -1)
	if len(calls) < 3 {
		t.Fatalf("no calls to paste in:\n%s", out)
	}
	for _, c := range calls {
		if status, body := get(t, c[3], c[1], c[2]); status != 200 {
			t.Errorf("GET %s: %d %s", c[3], status, body)
		}
	}
	apply := regexp.MustCompile(`Bearer (\S+)' -H 'X-Integration-Id: (\S+)' .* -d '(\{.*\})' (http://\S+/applications)`).FindStringSubmatch(out)
	if apply == nil {
		t.Fatalf("nobody can apply in:\n%s", out)
	}
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, apply[4], strings.NewReader(apply[3]))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"Authorization": "Bearer " + apply[1], "X-Integration-Id": apply[2], "Content-Type": "application/json", "Idempotency-Key": "first",
		} {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "ada@example.com") {
			t.Errorf("applying: %d %s, %v", resp.StatusCode, body, err)
		}
		_ = resp.Body.Close()
	}
	stop()
	if code := p.ends(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoGoesOnWhereItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	integrations := map[string]bool{}
	for range 2 {
		ctx, stop := context.WithCancel(t.Context())
		p := newShell(t).start(ctx, "demo", "--addr", "127.0.0.1:0", "--candidates", "20", "--dir", dir)
		p.until(t, "Stop with Ctrl-C.")
		_, rest, _ := strings.Cut(p.out.String(), "Integration  ")
		integrations[strings.Fields(rest)[0]] = true
		stop()
		if code := p.ends(t); code != exitOK {
			t.Errorf("exit code %d\n%s", code, p.err)
		}
	}
	if len(integrations) != 1 {
		t.Errorf("two starts made the integrations %v", integrations)
	}
}

func TestDemoInterruptedEarly(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := newShell(t).start(ctx, "demo", "--addr", "127.0.0.1:0", "--candidates", "20000")
	p.until(t, "First sync")
	stop()
	if code := p.ends(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, p.err)
	}
}
