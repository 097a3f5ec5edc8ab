package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

type doctorCmd struct {
	Integration string   `arg:"" optional:"" help:"Check only this integration (ID or tenant name); default: all."`
	JSON        bool     `name:"json" help:"Print the findings as JSON."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*doctorCmd) Help() string {
	return `Checks the configuration, the data folder, the database, the key, the clock, the public URL, and of each integration the
credentials, the scopes and the last syncs. It changes nothing, and sends each tenant a handful of reads. Exit code 5
when something is wrong; warnings alone are 0.`
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

// Run examines the installation.
func (c *doctorCmd) Run(s *surroundings) error {
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
	e.folder(config.DataDir, strings.HasPrefix(config.DatabaseURL, "sqlite:"))
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
	e.ok("database", "%s answers, its schema is up to date", a.DatabaseKind())
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
		if err := e.integration(a, i); err != nil {
			return err
		}
	}
	e.clock(a, len(some) > 0)
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
	e.problem(what, "", "%v", err)
}

func (e *exam) folder(dir string, used bool) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist) && !used:
	case errors.Is(err, os.ErrNotExist):
		e.ok("data folder", "%s will be made", dir)
	case err != nil:
		e.problem("data folder", "set KLADKA_DATA_DIR to a folder that you may write to", "%v", err)
	case !info.IsDir():
		e.problem("data folder", "set KLADKA_DATA_DIR to a folder", "%s is no folder", dir)
	case info.Mode().Perm()&0o077 != 0 && used:
		e.warn("data folder", "chmod 700 "+shellQuote(dir), "others on this machine can look into %s", dir)
	default:
		e.ok("data folder", "%s", dir)
	}
}

func (e *exam) publicURL(ctx context.Context, url string) {
	if url == "" {
		e.warn("public URL", "set KLADKA_PUBLIC_URL to the address under which others reach the server", "it is not set, so links lead to the listen address")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/healthz", nil)
	if err != nil {
		e.problem("public URL", "correct KLADKA_PUBLIC_URL", "%v", err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.warn("public URL", "start the server, or correct KLADKA_PUBLIC_URL or the proxy in front of it", "%v", err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // only the status matters
	if resp.StatusCode != http.StatusOK {
		e.problem("public URL", "correct KLADKA_PUBLIC_URL or the proxy in front of the server", "%s/healthz answered %d", url, resp.StatusCode)
		return
	}
	e.ok("public URL", "%s leads to a Kladka server", url)
}

func (e *exam) keys(a *app.App) {
	keys, err := a.Store.Keys(e.s.ctx)
	if err != nil {
		e.problem("API keys", "", "%v", err)
		return
	}
	active := 0
	for _, k := range keys {
		if k.RevokedAt == nil {
			active++
		}
	}
	if active == 0 {
		e.warn("API keys", "kladka keys create NAME", "there is none, so nobody can call the API")
		return
	}
	e.ok("API keys", "%d active", active)
}

// worker tells whether somebody is there to sync.
func (e *exam) worker(a *app.App, some []store.Integration) {
	if a.Store.Embedded() {
		release, err := a.Store.LockWork()
		switch {
		case errors.Is(err, store.ErrLocked):
			e.ok("worker", "a server is at work on this database")
			return
		case err != nil:
			e.problem("worker", "", "%v", err)
			return
		}
		_ = release() // it was only to see whether it is free
	}
	late := 0
	now := a.Store.Now()
	for _, i := range some {
		if i.Status == store.StatusActive && i.NextFullAt != nil && now-*i.NextFullAt > (5*time.Minute).Milliseconds() {
			late++
		}
	}
	switch {
	case late > 0:
		e.warn("worker", "start one: kladka serve", "%d integrations wait for a sync that is overdue; no worker seems to run", late)
	case a.Store.Embedded():
		e.warn("worker", "start it: kladka serve", "no server is at work on this database")
	default:
		e.ok("worker", "no sync is overdue")
	}
}

// clock compares ours with that of TRAFFIT, which stamps what is read.
func (e *exam) clock(a *app.App, asked bool) {
	skew := a.ClockSkew().Round(time.Second)
	switch {
	case time.Now().Year() < 2025:
		e.problem("clock", "set the clock, or let NTP do it", "it says %s", time.Now().UTC().Format(time.RFC3339))
	case skew.Abs() > time.Minute:
		e.problem("clock", "set the clock, or let NTP do it", "it differs from TRAFFIT's by %v", -skew)
	case asked && skew != 0:
		e.ok("clock", "it agrees with TRAFFIT's")
	}
}

func (e *exam) integration(a *app.App, i store.Integration) error {
	what := i.Tenant
	switch i.Status {
	case store.StatusInactive:
		e.warn(what, "switch it on: PUT /v1/integrations/"+i.ID+"/enabled", "%s (%s) is switched off", i.OrganizationName, i.ID)
	case store.StatusInvalid:
		e.problem(what, "connect it again with fresh credentials", "the credentials of %s (%s) have been refused for days; it is not synced any more", i.OrganizationName, i.ID)
	default:
		e.ok(what, "%s (%s), setup %s", i.OrganizationName, i.ID, i.SetupStatus)
	}
	report, err := a.Check(e.s.ctx, i)
	if err != nil {
		if stopped(e.s.ctx, err) {
			return err
		}
		e.problem(what, "see the message; then `kladka doctor "+i.Tenant+"` again", "%v", err)
	} else {
		granted := 0
		for _, scope := range report.Scopes {
			if scope.Granted {
				granted++
				continue
			}
			e.warn(what, "an administrator ticks the scope for the API client in TRAFFIT's settings", "scope %s: %s; without it: %s", scope.Scope, scope.Problem, scope.Needed)
		}
		if granted == 0 {
			e.problem(what, "an administrator ticks the scopes for the API client in TRAFFIT's settings", "the credentials hold, but none of the scopes is granted")
		} else {
			e.ok(what, "the credentials hold; %d of %d scopes are granted", granted, len(report.Scopes))
		}
	}
	return e.lastSyncs(a, i)
}

func (e *exam) lastSyncs(a *app.App, i store.Integration) error {
	runs, err := a.Store.Runs(e.s.ctx, i.No, nil, 3)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		e.warn(i.Tenant, "kladka sync "+i.Tenant+" --wait", "it was never synced")
	}
	for n, r := range runs {
		words := fmt.Sprintf("sync of %s: %s", *stamp(&r.CreatedAt), describeRun(r))
		switch {
		case n == 0 && r.EndedAt != nil && !r.State.Usable() && r.State != store.RunCancelled:
			e.problem(i.Tenant, "see the message; then kladka sync "+i.Tenant+" --wait", "%s", words)
		case n == 0 && r.State == store.RunPartial:
			e.warn(i.Tenant, "see the message; the next sync tries again", "%s", words)
		default:
			e.ok(i.Tenant, "%s", words)
		}
	}
	held, err := a.Deletions(e.s.ctx, i)
	if err != nil {
		return nil //nolint:nilerr // the check of the credentials has told
	}
	for _, d := range held {
		if d.Held {
			e.warn(i.Tenant, "if they are really deleted: kladka deletions approve "+i.ID+" "+string(d.Model), "%d of %d %s are missing from TRAFFIT", d.Waiting, d.Living, d.Model)
		}
	}
	return nil
}

// chosen gives the named integration, or all for no name.
func chosen(s *surroundings, a *app.App, named string) ([]store.Integration, error) {
	if named == "" {
		return a.Integrations(s.ctx)
	}
	i, err := a.FindIntegration(s.ctx, named)
	return []store.Integration{i}, err
}
