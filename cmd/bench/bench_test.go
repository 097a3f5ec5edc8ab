package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv(modeVariable) != "" {
		main() // one of the processes that a test started
		return
	}
	os.Exit(m.Run())
}

// TestBench runs every part with the smallest sizes.
func TestBench(t *testing.T) {
	var out, log bytes.Buffer
	doc := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(doc, []byte("before\n"+tableBegins+"\nold\n"+tableEnds+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-size", "tiny", "-doc", doc}, &out, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	for _, want := range []string{"first sync / floor", "same bytes from memory", "open loop, p99", "| **all** |", "taken / least", "/readyz"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q", want)
		}
	}
	// What a sync asks for must all have been prepared, or the tenant's own work is measured too.
	if n := strings.Count(log.String(), "MB, 0 answers were not prepared"); n == 0 || n != strings.Count(log.String(), "answers were not prepared") {
		t.Errorf("a sync asked for something else:\n%s", log.String())
	}
	written, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(written); !strings.HasPrefix(s, "before\n") || !strings.HasSuffix(s, tableEnds+"\nafter\n") || strings.Contains(s, "old") || !strings.Contains(s, "first sync / floor") {
		t.Errorf("the document is\n%s", s)
	}
}

func TestRejects(t *testing.T) {
	for _, args := range [][]string{{"-only", "nothing"}, {"-size", "huge"}, {"-db", "oracle"}} {
		if err := run(t.Context(), args, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.01234: "0.012", 1.234: "1.23", 12.34: "12.3", 123.6: "124", 12345: "12,345", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}
