package traffit

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
)

var update = flag.Bool("update", false, "write docs/traffit.md")

// The page shows the table of details as it is.
func TestPage(t *testing.T) {
	const (
		path       = "../../../docs/traffit.md"
		begin, end = "<!-- details:", "<!-- end of details -->"
	)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	from, to := strings.Index(page, begin), strings.Index(page, end)
	if from < 0 || to < from {
		t.Fatalf("%s lacks its markers", path)
	}
	from += strings.Index(page[from:], "\n") + 1
	want := page[:from] + "\n" + questions(details) + "\n" + page[to:]
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, page); d != "" {
		t.Errorf("%s is stale; run `go test ./internal/connector/traffit -run TestPage -update` (-want +got):\n%s", path, d)
	}
	for _, s := range scopes {
		if !strings.Contains(page, "| `"+s.name+"` |") {
			t.Errorf("the scope %s is missing", s.name)
		}
	}
}

// questions renders details as a Markdown table.
func questions(details []connector.Detail) string {
	var b strings.Builder
	b.WriteString("| detail | evidence | question | variants | what depends on it |\n|---|---|---|---|---|\n")
	for _, d := range details {
		var variants, depends []string
		for _, v := range d.Variants {
			text := fmt.Sprintf("`%s`: %s", v.Name, cell(v.About))
			if v.Without {
				text += " (what depends on it is then not there)"
			}
			variants = append(variants, text)
		}
		for _, what := range d.Depends {
			depends = append(depends, "`"+what+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.ID, d.Evidence, cell(d.About), strings.Join(variants, "<br>"), strings.Join(depends, ", "))
	}
	return b.String()
}

// cell makes a text safe inside a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(text)
}
