package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kladka/kladka/internal/app"
)

// probeJSON is the report of a probe for scripts, and for us: it names nobody.
type probeJSON struct {
	Version  string        `json:"version"`
	System   string        `json:"system"`
	Database string        `json:"database"`
	Tool     string        `json:"tool"`
	Decided  int           `json:"decided"`
	Requests int           `json:"requests"`
	Refused  int           `json:"refused_as_too_many"`
	Median   float64       `json:"median_seconds"`
	Slowest  float64       `json:"slowest_seconds"`
	Details  []findingJSON `json:"details"`
}

type findingJSON struct {
	Detail  string  `json:"detail"`
	Variant *string `json:"variant"` // null: undecided
	Before  *string `json:"before"`  // what an earlier probe found
	Note    string  `json:"note"`
}

// probe finds out how one integration's TRAFFIT answers.
func (c *doctorCmd) probe(s *surroundings, a *app.App) error {
	i, err := a.FindIntegration(s.ctx, c.Integration)
	if err != nil {
		return err
	}
	save, err := c.saver()
	if err != nil {
		return err
	}
	s.say("Asking TRAFFIT; this takes up to a minute.")
	probed, err := a.Probe(s.ctx, i, save)
	if err != nil {
		return err
	}
	report := probeReport(i.Tool, databaseSystem(a), probed)
	if c.JSON {
		err = printJSON(s.stdout, report)
	} else {
		err = report.print(s)
	}
	if err != nil {
		return err
	}
	for _, f := range report.Details {
		switch {
		case f.Before == nil:
		case f.Variant == nil:
			s.say("%s stays %s, as an earlier probe found.", f.Detail, *f.Before)
		case *f.Variant != *f.Before:
			s.say("%s has changed: it was %s and is %s.", f.Detail, *f.Before, *f.Variant)
		}
	}
	s.say("%d of %d details are decided and stored; the coverage of %s follows them.", report.Decided, len(report.Details), i.OrganizationName)
	if c.Save != "" {
		s.say("The answers are in %s, without anything personal; look at them before you send them.", c.Save)
	}
	return nil
}

// saver writes samples to the folder that was asked for.
func (c *doctorCmd) saver() (func(name string, sample []byte) error, error) {
	if c.Save == "" {
		return nil, nil
	}
	if err := os.MkdirAll(c.Save, 0o700); err != nil {
		return nil, usageError("--save: %w", err)
	}
	return func(name string, sample []byte) error {
		return os.WriteFile(filepath.Join(c.Save, name+".json"), sample, 0o600)
	}, nil
}

// databaseSystem names the database without saying where it is.
func databaseSystem(a *app.App) string {
	kind, _, _ := strings.Cut(a.DatabaseKind(), " ")
	return kind
}

func probeReport(tool, database string, p app.Probed) probeJSON {
	r := probeJSON{
		Version: version(), System: runtime.GOOS + "/" + runtime.GOARCH, Database: database, Tool: tool,
		Requests: p.Traffic.Requests, Refused: p.Traffic.Throttled, Median: p.Traffic.Median.Seconds(), Slowest: p.Traffic.Slowest.Seconds(),
	}
	for _, f := range p.Findings {
		d := findingJSON{Detail: f.Detail, Note: f.Note}
		if f.Variant != "" {
			r.Decided++
			d.Variant = &f.Variant
		}
		if before, known := p.Before[f.Detail]; known {
			d.Before = &before
		}
		r.Details = append(r.Details, d)
	}
	return r
}

func (r probeJSON) print(s *surroundings) error {
	s.print("kladka %s on %s, %s", r.Version, r.System, r.Database)
	s.print("%s: %d of %d details decided with %d requests; answers took %.0f ms (median), %.0f ms at most; %d were refused as too many",
		r.Tool, r.Decided, len(r.Details), r.Requests, r.Median*1000, r.Slowest*1000, r.Refused)
	s.print("")
	t := newTable("DETAIL", "VARIANT", "NOTE")
	for _, d := range r.Details {
		variant, note := orDash(text(d.Variant)), d.Note
		if d.Before != nil && text(d.Variant) != *d.Before {
			note = strings.TrimSuffix(fmt.Sprintf("was %s; %s", *d.Before, note), "; ")
		}
		t.row(d.Detail, variant, note)
	}
	return t.write(s.stdout)
}
