package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

// What the doctor takes for too much or too little.
const (
	checkFileWithin = 10 * time.Second // a file of some hundred megabytes takes about a second
	minFree         = 1 << 30
	minFreeToWork   = 100 << 20
	maxWAL          = 256 << 20
	minConnections  = 14 // what one process may open
	minPostgres     = 15
	maxSkew         = 10 * time.Second
	maxSkewToWork   = time.Minute
	usualRPS        = 5 // what a tenant was seen to take for hours
)

// ownClock judges our clock by what nobody needs to be asked for.
func (e *exam) ownClock(now time.Time) {
	if now.Year() < 2025 || now.Year() > 2100 {
		e.problem("clock", "set the clock, or let NTP do it", "it says %s", now.UTC().Format(time.RFC3339))
	}
}

// clock judges by how far another clock is ahead of ours: TRAFFIT stamps what is read, and
// processes judge each other's leases by their own clocks.
func (e *exam) clock(whose string, ahead time.Duration) {
	const advice = "set the clocks of both machines, or let NTP do it"
	ahead = ahead.Round(time.Second)
	switch {
	case ahead.Abs() > maxSkewToWork:
		e.problem("clock", advice, "it differs from %s by %v", whose, -ahead)
	case ahead.Abs() > maxSkew:
		e.warn("clock", advice, "it differs from %s by %v", whose, -ahead)
	default:
		e.ok("clock", "it agrees with %s", whose)
	}
}

// budget judges how much each tenant is asked.
func (e *exam) budget(c app.Config) {
	rps := strconv.FormatFloat(c.TraffitRPS, 'g', -1, 64)
	real := c.TraffitURL == ""
	if u, err := url.Parse(strings.ReplaceAll(c.TraffitURL, "{tenant}", "tenant")); err == nil {
		real = real || strings.HasSuffix(u.Hostname(), ".traffit.com")
	}
	switch {
	case real && c.TraffitRPS == 0:
		e.warn("request budget", "set KLADKA_TRAFFIT_RPS=5", "requests to TRAFFIT are not limited; it may lock the client out")
	case real && c.TraffitRPS > usualRPS:
		e.warn("request budget", "set KLADKA_TRAFFIT_RPS=5, or watch for refusals", "%s requests a second to each tenant; more than %d were never seen to last", rps, usualRPS)
	case c.TraffitRPS == 0:
		e.ok("request budget", "not limited")
	case c.TraffitRPS < 1:
		e.warn("request budget", "raise KLADKA_TRAFFIT_RPS; TRAFFIT takes 5", "%s requests a second to each tenant: reading 10000 candidates takes %v at least", rps, time.Duration(11_000/c.TraffitRPS*float64(time.Second)).Round(time.Hour))
	default:
		e.ok("request budget", "%s requests a second to each tenant, over all processes", rps)
	}
}

// space judges what is left on the disk of the database file.
func (e *exam) space(dir string, free func(dir string) (bytes int64, known bool)) {
	const advice = "free some space, or move the data: KLADKA_DATA_DIR"
	left, known := free(dir)
	switch {
	case !known:
	case left < minFreeToWork:
		e.problem("disk", advice, "%s is left for the database; syncs will fail", size(left))
	case left < minFree:
		e.warn("disk", advice, "%s is left for the database", size(left))
	default:
		e.ok("disk", "%s is left for the database", size(left))
	}
}

func size(bytes int64) string {
	const unit = 1024.0
	n := float64(bytes)
	for _, name := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < unit {
			return strconv.FormatFloat(n, 'f', 1, 64) + " " + name
		}
		n /= unit
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " TiB"
}

// database judges what the database says of itself.
func (e *exam) database(a *app.App, h store.Health) {
	what := fmt.Sprintf("%s, version %s, answers in %v; schema %d is up to date; it holds %s", a.DatabaseKind(), h.Version, h.Answers.Round(10*time.Microsecond), h.Schema, size(h.Size))
	if a.Store.Embedded() {
		e.file(h, what)
		return
	}
	e.server(h, what)
}

func (e *exam) file(h store.Health, what string) {
	switch {
	case len(h.Damage) > 0:
		e.problem("database", "stop the server, keep a copy of the file, and restore a backup; or start over with a new file: the same integration ID gives the same record IDs",
			"the file is damaged: %s", strings.Join(h.Damage, "; "))
	case h.Unchecked:
		e.ok("database", "%s, too much to check it whole in %v", what, checkFileWithin)
	default:
		e.ok("database", "%s, and the file is sound", what)
	}
	if h.WAL > maxWAL {
		e.warn("database", "restart the server; see what else has the file open", "%s wait to be written into the main file", size(h.WAL))
	}
}

func (e *exam) server(h store.Health, what string) {
	e.ok("database", "%s", what)
	major, _, _ := strings.Cut(h.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < minPostgres {
		e.problem("database", "upgrade PostgreSQL", "version %s is older than %d, which Kladka is made for", h.Version, minPostgres)
	}
	switch left := h.MaxConnections - h.Connections; {
	case left < minConnections:
		e.warn("database", "raise max_connections, or close what else uses this PostgreSQL", "%d of %d connections are left; a process of Kladka opens up to %d", left, h.MaxConnections, minConnections)
	default:
		e.ok("database", "%d of %d connections are left", left, h.MaxConnections)
	}
	e.clock("the database's", h.Ahead)
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
		e.problem("API keys", "see that the database answers; then `kladka doctor` again", "%v", err)
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
			e.problem("worker", "see that the data folder may be written to", "%v", err)
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
