package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

type doctorCmd struct {
	Integration string   `arg:"" optional:"" help:"Check only this integration (ID or tenant name), in detail; default: all."`
	Probe       bool     `help:"Find out how the integration's TRAFFIT answers where that is not known for certain."`
	Save        string   `help:"With --probe: write the answers to this folder, without anything personal." placeholder:"DIR"`
	JSON        bool     `name:"json" help:"Print the findings as JSON."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*doctorCmd) Help() string {
	return `Checks the configuration, the clock, the data folder, the database, the key, the public URL, and of each integration the
credentials, the scopes, every address that a sync reads, the rate and the last syncs, and says what to do about each
finding. It changes nothing, and sends each tenant some twenty reads. Exit code 5 when something is wrong; warnings
alone are 0.

With --probe it examines one integration only, and only how its TRAFFIT answers where that is not known for certain
(docs/traffit.md lists the open questions): at most 60 reads, behind all else that is asked. It stores what it finds
out; the integration's coverage follows. The report holds no name, no tenant and no ID, so it can be sent to us;
--save DIR adds one file per kind of answer, with texts replaced by their shape and IDs by small numbers. Exit code 1
when TRAFFIT refuses the credentials or does not answer; open questions are 0.

Examples:

  kladka doctor
  kladka doctor acme --probe --save answers`
}

// finding is the outcome of one check.
type finding struct {
	Level  string `json:"level"` // ok, warning, problem
	What   string `json:"what"`
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
}

// exam gathers findings and shows them as they come.
type exam struct {
	s        *surroundings
	quiet    bool
	findings []finding
}

func (e *exam) add(level, what, detail, advice string) {
	f := finding{level, what, oneLine(detail), advice}
	e.findings = append(e.findings, f)
	if e.quiet {
		return
	}
	mark := map[string]string{"ok": "ok  ", "warning": "WARN", "problem": "FAIL"}[level]
	e.s.print("%s  %-14s %s", mark, f.What, f.Detail)
	if f.Advice != "" {
		e.s.print("      %-14s → %s", "", f.Advice)
	}
}

func (e *exam) ok(what, format string, args ...any) {
	e.add("ok", what, fmt.Sprintf(format, args...), "")
}

func (e *exam) warn(what, advice, format string, args ...any) {
	e.add("warning", what, fmt.Sprintf(format, args...), advice)
}

func (e *exam) problem(what, advice, format string, args ...any) {
	e.add("problem", what, fmt.Sprintf(format, args...), advice)
}

// Run examines the installation, or probes an integration.
func (c *doctorCmd) Run(s *surroundings) error {
	switch {
	case c.Probe && c.Integration == "":
		return usageError("--probe needs an integration; `kladka integrations list` shows them")
	case c.Probe:
		return c.Settings.with(s, func(a *app.App) error { return c.probe(s, a) })
	case c.Save != "":
		return usageError("--save goes with --probe")
	}
	e := &exam{s: s, quiet: c.JSON}
	e.ok("version", "kladka %s", version())
	if err := e.examine(c); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(s.stdout, e.findings); err != nil {
			return err
		}
	}
	for _, f := range e.findings {
		if f.Level == "problem" {
			return &exitError{code: exitDoctor}
		}
	}
	return nil
}

func (e *exam) examine(c *doctorCmd) error {
	s := e.s
	config, err := c.Settings.config(s).WithDefaults()
	if err != nil {
		e.setting("configuration", err)
		return nil
	}
	e.ok("configuration", "it can be read")
	e.ownClock(time.Now())
	e.budget(config)
	path, file := strings.CutPrefix(config.DatabaseURL, "sqlite:")
	e.folder(config.DataDir, file)
	if file {
		e.space(filepath.Dir(path), freeSpace)
	}
	if config.Fresh() { // opening would make it, and the doctor changes nothing
		e.warn("database", "start the server, which makes it: kladka serve", "there is none yet at %s", config.DatabaseURL)
		return nil
	}
	a, err := app.Open(s.ctx, config)
	if err != nil {
		if stopped(s.ctx, err) {
			return err
		}
		e.setting("database", err)
		return nil
	}
	defer a.Close() //nolint:errcheck // the doctor only read
	health, err := a.Store.Health(s.ctx, checkFileWithin)
	if err != nil {
		if stopped(s.ctx, err) {
			return err
		}
		e.problem("database", "see that it runs and that its user may read it; then `kladka doctor` again", "%v", err)
	} else {
		e.database(a, health)
	}
	e.ok("key", "the master key opens what is stored")
	e.publicURL(s.ctx, config.PublicURL)
	some, err := chosen(s, a, c.Integration)
	if err != nil {
		return err
	}
	e.keys(a)
	e.worker(a, some)
	if len(some) == 0 {
		e.warn("integrations", "connect a tenant: kladka integrations add traffit --help", "there is none yet")
	}
	for _, i := range some {
		if err := e.integration(a, i, c.Integration != ""); err != nil {
			return err
		}
	}
	if ahead, known := a.ClockSkew(); known {
		e.clock("TRAFFIT's", ahead)
	}
	return nil
}

// setting reports an error of the configuration under the variable's name.
func (e *exam) setting(what string, err error) {
	if c, ok := errors.AsType[*app.ConfigError](err); ok {
		what = c.Setting
		detail := c.Message
		if c.Err != nil {
			detail += ": " + c.Err.Error()
		}
		e.problem(what, "correct "+c.Setting, "%s", detail)
		return
	}
	e.problem(what, "stop what else works on it, or wait a moment; then `kladka doctor` again", "%v", err)
}

// chosen gives the named integration, or all for no name.
func chosen(s *surroundings, a *app.App, named string) ([]store.Integration, error) {
	if named == "" {
		return a.Integrations(s.ctx)
	}
	i, err := a.FindIntegration(s.ctx, named)
	return []store.Integration{i}, err
}
