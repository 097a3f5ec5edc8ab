package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table is the result of a run, as a Markdown document.
type table struct{ b strings.Builder }

func (t *table) String() string { return t.b.String() }

func (t *table) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

func (t *table) head(size string, runs int) {
	revision := "" // go run does not say
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = ", revision " + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	t.line("%s, %s/%s, %d CPUs%s, size %s, %d runs; each figure: least, median, most.",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), revision, size, runs)
}

// section begins a table of its own.
func (t *table) section(title, note string) {
	t.line("\n**%s.** %s\n", title, note)
	t.line("| | least | median | most | aim | |")
	t.line("|---|--:|--:|--:|--:|---|")
}

// goal is what a figure should be; the zero value is no goal.
type goal struct {
	most, least float64
}

func atMost(v float64) goal  { return goal{most: v} }
func atLeast(v float64) goal { return goal{least: v} }

// row adds a figure that was taken several times.
func (t *table) row(name string, unit string, values []float64, g goal) {
	if len(values) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(values))
	median := sorted[len(sorted)/2]
	if n := len(sorted); n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	aim, met := "", ""
	switch {
	case g.most > 0:
		aim, met = "≤ "+number(g.most), verdict(median <= g.most)
	case g.least > 0:
		aim, met = "≥ "+number(g.least), verdict(median >= g.least)
	}
	if unit != "" {
		name += ", " + unit
	}
	t.line("| %s | %s | %s | %s | %s | %s |", name, number(sorted[0]), number(median), number(sorted[len(sorted)-1]), aim, met)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**not met**"
}

// number prints three digits that count, and no fraction of what is large.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.1:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return count(int(v + 0.5))
}

// count prints a whole number.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// The table of the document stands between these lines.
const (
	tableBegins = "<!-- table: go run ./cmd/bench -doc docs/performance.md -->"
	tableEnds   = "<!-- end of table -->"
)

// replaceTable puts a table into a document.
func replaceTable(path, table string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	from := bytes.Index(doc, []byte(tableBegins))
	to := bytes.Index(doc, []byte(tableEnds))
	if from < 0 || to < from {
		return fmt.Errorf("%s has no place for a table: it needs the lines %q and %q", path, tableBegins, tableEnds)
	}
	out := append([]byte{}, doc[:from]...)
	out = append(out, tableBegins+"\n\n"+table+"\n"...)
	return os.WriteFile(path, append(out, doc[to:]...), 0o644)
}
