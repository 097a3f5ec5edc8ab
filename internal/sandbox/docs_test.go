package sandbox

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of switches into docs/sandbox.md")

// TestSwitchesAreDocumented compares the tables in docs/sandbox.md with the catalogue.
func TestSwitchesAreDocumented(t *testing.T) {
	const (
		file  = "../../docs/sandbox.md"
		begin = "<!-- What follows is written by go test ./internal/sandbox -run Documented -update -->\n"
		end   = "<!-- Until here. -->\n"
	)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), begin)
	got, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s lacks the lines between which the tables stand", file)
	}
	want := switchTables()
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tables differ from the code; run with -update (-want +got): %s", diff)
	}
}

func switchTables() string {
	var b strings.Builder
	code := func(s string) string {
		if s == "" {
			return "none"
		}
		return "`" + s + "`"
	}
	for _, group := range switchGroups() {
		b.WriteString("\n### " + group.title + "\n\n| Switch | Default | Values | What it does | Evidence |\n|---|---|---|---|---|\n")
		for _, e := range group.switches {
			values := e.kind.values[0]
			if len(e.kind.values) > 1 {
				values = "`" + strings.Join(e.kind.values, "`, `") + "`"
			}
			cells := []string{code(e.name), code(e.value), values, e.about, e.evidence}
			for i := range cells {
				cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
			}
			b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		}
	}
	b.WriteString("\n")
	return b.String()
}
