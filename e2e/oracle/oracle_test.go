package oracle

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// The oracle shares nothing with what it judges.
func TestOnlyStandardLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, ".") {
				t.Errorf("%s imports %s", file, i.Path.Value)
			}
		}
	}
}

// The hour that autumn repeats is its first, summer one; the one that spring leaves out moves on.
func TestInstant(t *testing.T) {
	for wall, want := range map[string]string{
		"2026-10-25 02:30:00": "2026-10-25T00:30:00.000Z",
		"2026-10-25 03:00:00": "2026-10-25T02:00:00.000Z",
		"2026-03-29 02:30:00": "2026-03-29T01:30:00.000Z",
		"2026-01-15 12:00:00": "2026-01-15T11:00:00.000Z",
		"2026-07-15 12:00:00": "2026-07-15T10:00:00.000Z",
	} {
		if got := served(wall); got != want {
			t.Errorf("%s in Warsaw is %v, want %s", wall, got, want)
		}
	}
}
