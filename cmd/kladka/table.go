package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// table is a list for people: columns as wide as their widest value.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{rows: [][]string{head}} }

func (t *table) row(values ...string) { t.rows = append(t.rows, values) }

func (t *table) write(w io.Writer) error {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, v := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(v))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := ""
		for i, v := range row {
			line += v + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(v)+2)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printJSON writes a result for scripts.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// detail prints a line about one thing.
func (s *surroundings) detail(name, text string) { s.print("%-13s %s", name, text) }

// checkLimit judges how many rows are to be listed.
func checkLimit(n int) error {
	if n < 1 || n > 10_000 {
		return usageError("--limit must be between 1 and 10000, not %d", n)
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// stamp renders milliseconds since the epoch as in the API; nil as null.
func stamp(ms *int64) *string {
	if ms == nil {
		return nil
	}
	s := time.UnixMilli(*ms).UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

// ago says for people how long something is past.
func ago(ms *int64, now time.Time) string {
	if ms == nil {
		return "never"
	}
	d := now.Sub(time.UnixMilli(*ms))
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}
