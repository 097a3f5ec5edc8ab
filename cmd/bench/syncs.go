package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tenantProcess is a running tenant.
type tenantProcess struct {
	*process
	tenantReady
}

func (b *bench) startTenant(c tenantConfig) (*tenantProcess, error) {
	p, err := b.start("tenant", c, "")
	if err != nil {
		return nil, err
	}
	t := &tenantProcess{process: p}
	return t, p.read(&t.tenantReady)
}

// counts gives the requests by step since the last call.
func (t *tenantProcess) counts(ctx context.Context) (map[string]int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL+"/_bench/counts", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	counts := map[string]int{}
	return counts, decodeJSON(resp.Body, &counts)
}

func (t *tenantProcess) reorder(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL+"/_bench/reorder", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// taken is what one process took, its part of the database's server included.
type taken struct {
	spent
	server time.Duration
}

func (t taken) all() float64 { return (t.cpu + t.server).Seconds() }

// metered runs a process to its end with an eye on the database's server.
func (b *bench) metered(db database, name string, config, result any, profile string) (taken, error) {
	before := cpuOfTree(db.server)
	s, err := b.do(name, config, result, profile)
	return taken{s, cpuOfTree(db.server) - before}, err
}

// round is one floor and the syncs that are compared with it.
type round struct {
	floorTaken                     taken
	floor                          floorResult
	first, unchanged, shuffled     syncResult
	firstTaken, againTaken, shTake taken
}

// smaller is the size of the tenant with fewer candidates.
func (b *bench) smaller() tenantSize {
	return tenantSize{b.fewer, max(1, b.fewer*b.recruitments/b.candidates)}
}

// measureSyncs compares syncs with a program that only downloads and inserts.
func measureSyncs(ctx context.Context, b *bench) error {
	many, fewer := tenantSize{b.candidates, b.recruitments}, b.smaller()
	large, err := b.startTenant(tenantConfig{tenantSize: many})
	if err != nil {
		return err
	}
	small, err := b.startTenant(tenantConfig{tenantSize: fewer})
	if err != nil {
		return err
	}
	for _, db := range b.databases {
		for _, t := range []struct {
			*tenantProcess
			size tenantSize
			runs int
		}{{small, fewer, b.runs}, {large, many, b.large}} {
			var rounds []round
			for n := range t.runs {
				r, err := b.syncRound(ctx, db, t.tenantProcess, fmt.Sprintf("%d-%d", t.size.Candidates, n))
				if err != nil {
					return fmt.Errorf("%s: %w", db.name, err)
				}
				rounds = append(rounds, r)
			}
			b.syncTable(db, t.size, rounds)
		}
	}
	for _, t := range []*tenantProcess{large, small} {
		if _, err := t.stop(); err != nil {
			return err
		}
	}
	return nil
}

// syncRound takes one figure of each kind, in turn.
func (b *bench) syncRound(ctx context.Context, db database, t *tenantProcess, name string) (r round, err error) {
	u, remove, err := db.make(ctx)
	if err != nil {
		return r, err
	}
	if r.floorTaken, err = b.metered(db, "floor", floorConfig{t.URL, u}, &r.floor, ""); err != nil {
		return r, err
	}
	if err := remove(); err != nil {
		return r, err
	}
	b.say("%s, floor: %d rows, %.1f s CPU", db.name, r.floor.Rows, r.floorTaken.all())
	if u, remove, err = db.make(ctx); err != nil {
		return r, err
	}
	for _, s := range []struct {
		name   string
		result *syncResult
		taken  *taken
	}{{"first", &r.first, &r.firstTaken}, {"unchanged", &r.unchanged, &r.againTaken}, {"reordered", &r.shuffled, &r.shTake}} {
		if s.name == "reordered" {
			if err := t.reorder(ctx); err != nil {
				return r, err
			}
		}
		c := kladkaConfig{Database: u, Tenant: t.URL, ClientID: t.ClientID, Secret: t.Secret, Sync: true, Server: db.server}
		if *s.taken, err = b.metered(db, "kladka", c, s.result, strings.ToLower(db.name)+"-"+s.name+"-"+name); err != nil {
			return r, err
		}
		if s.result.State != "SUCCEEDED" {
			return r, fmt.Errorf("the sync ended %s: %s", s.result.State, s.result.Error)
		}
		counts, err := t.counts(ctx)
		if err != nil {
			return r, err
		}
		b.say("%s, %s sync: %d records in %.1f s, %.1f s CPU, %.0f MB, %d answers were not prepared", db.name, s.name,
			s.result.records(), s.result.Wall.Seconds(), s.taken.all(), megabytes(s.taken.peak), counts["missed"])
		for _, step := range s.result.Steps {
			if step.CPU+step.Database > s.result.Wall/50 {
				b.say("  %-20s %8d read %8d written %7.2f s CPU %7.2f s database %7.2f s", step.Name, step.Done, step.Written,
					step.CPU.Seconds(), step.Database.Seconds(), step.Wall.Seconds())
			}
		}
	}
	return r, remove()
}

// records is how many rows of listings and answers about single things a sync read.
func (r syncResult) records() int64 {
	var n int64
	for _, s := range r.Steps {
		n += s.Done
	}
	return n
}

// single reports whether a step asks for one thing after the other.
func single(step string) bool {
	return slices.Contains([]string{"dictionary items", "workflow details", "recruitment details", "rejection reasons", "tags"}, step)
}

// cost is the CPU time of the steps that read listings, and of those that read single things.
func (r syncResult) cost() (listing, units time.Duration) {
	for _, s := range r.Steps {
		if single(s.Name) {
			units += s.CPU
		} else {
			listing += s.CPU
		}
	}
	return listing, units
}

func (b *bench) syncTable(db database, size tenantSize, rounds []round) {
	each := func(value func(r round) float64) []float64 {
		var out []float64
		for _, r := range rounds {
			out = append(out, value(r))
		}
		return out
	}
	f := rounds[0].floor
	b.table.section(fmt.Sprintf("Syncs of %s candidates on %s", count(size.Candidates), db.name), fmt.Sprintf(
		"%s recruitments; %d rounds. The floor program sends the same %s requests, four at a time, and inserts the %s rows that come as they are, 100 a statement, 1,000 a transaction. "+
			"A record is a row of a listing or an answer about one thing. CPU is that of the process and of the database's server.",
		count(size.Recruitments), len(rounds), count(f.Requests), count(f.Rows)))
	t := &b.table
	t.row("floor program", "CPU s", each(func(r round) float64 { return r.floorTaken.all() }), goal{})
	t.row("first sync", "CPU s", each(func(r round) float64 { return r.firstTaken.all() }), goal{})
	t.row("first sync / floor", "", each(func(r round) float64 { return r.firstTaken.all() / r.floorTaken.all() }), atMost(2))
	t.row("first sync / floor, listings only, without the server", "", each(func(r round) float64 {
		listing, _ := r.first.cost()
		return listing.Seconds() / r.floor.Listing.Seconds()
	}), goal{})
	t.row("first sync / floor, one by one only, without the server", "", each(func(r round) float64 {
		_, units := r.first.cost()
		return units.Seconds() / (r.floorTaken.cpu - r.floor.Listing).Seconds()
	}), goal{})
	t.row("first sync", "records/s", each(func(r round) float64 { return float64(r.first.records()) / r.first.Wall.Seconds() }), atLeast(10_000))
	t.row("unchanged sync", "CPU s", each(func(r round) float64 { return r.againTaken.all() }), goal{})
	t.row("unchanged sync / floor", "", each(func(r round) float64 { return r.againTaken.all() / r.floorTaken.all() }), atMost(0.5))
	t.row("unchanged sync / floor, listings only, without the server", "", each(func(r round) float64 { return r.againTaken.cpu.Seconds() / r.floor.Listing.Seconds() }), goal{})
	t.row("unchanged sync", "records/s", each(func(r round) float64 { return float64(r.unchanged.records()) / r.unchanged.Wall.Seconds() }), atLeast(60_000))
	t.row("unchanged, but keys in another order / floor", "", each(func(r round) float64 { return r.shTake.all() / r.floorTaken.all() }), goal{})
	t.row("memory at most, floor program", "MB", each(func(r round) float64 { return megabytes(r.floorTaken.peak) }), goal{})
	t.row("memory at most, first sync", "MB", each(func(r round) float64 { return megabytes(r.firstTaken.peak) }), atMost(100))
	t.row("memory at most, unchanged sync", "MB", each(func(r round) float64 { return megabytes(r.againTaken.peak) }), atMost(100))
}
