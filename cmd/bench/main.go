// Command bench measures Kladka against floors: programs that do the least that could do the same
// work. It prints a table of ratios with their spread and ends by itself.
//
//	go run ./cmd/bench                                # everything, about a quarter of an hour
//	go run ./cmd/bench -size small                    # a quick look
//	go run ./cmd/bench -only serve -db sqlite         # one part, one database
//	go run ./cmd/bench -doc docs/performance.md       # put the table into the document
//
// Whatever is measured, and whatever it is measured against, runs as a process of its own, this
// program in another mode, so that CPU time and memory can be told apart. Nothing but Go is
// needed; without PostgreSQL its half is skipped with a line that says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	if mode := os.Getenv(modeVariable); mode != "" {
		if err := runMode(mode, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", mode, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// size says how much is measured.
type size struct {
	runs int
	// large is how often the large tenant is synced; the one with fewer candidates is synced as often
	// as the rest is run.
	large int
	// candidates, recruitments of the large tenant; fewer are those of the other.
	candidates, recruitments, fewer int
	// rows are the sizes of the databases that are served from.
	rows []int
	// closed and open are how long one measurement of each kind of load takes.
	closed, open time.Duration
	// The paced sync: its tenant, the request budget, and how long each answer takes.
	paced   tenantSize
	rps     float64
	latency time.Duration
	// idle is how long an idle server is watched.
	idle time.Duration
}

var sizes = map[string]size{
	"full": {
		runs: 3, large: 1, candidates: 50_000, recruitments: 4_000, fewer: 5_000, rows: []int{50_000, 500_000},
		closed: 500 * time.Millisecond, open: 2 * time.Second,
		paced: tenantSize{300, 60}, rps: 5, latency: 2 * time.Second, idle: 30 * time.Second,
	},
	"small": {
		runs: 2, large: 1, candidates: 3_000, recruitments: 240, fewer: 600, rows: []int{5_000},
		closed: 250 * time.Millisecond, open: time.Second,
		paced: tenantSize{60, 12}, rps: 20, latency: 500 * time.Millisecond, idle: 2 * time.Second,
	},
	"tiny": { // for the test of this program
		runs: 1, large: 1, candidates: 120, recruitments: 10, fewer: 50, rows: []int{300},
		closed: 50 * time.Millisecond, open: 100 * time.Millisecond,
		paced: tenantSize{20, 4}, rps: 200, latency: 10 * time.Millisecond, idle: 100 * time.Millisecond,
	},
}

// part is one thing to measure.
type part struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

var parts = []part{
	{"sync", measureSyncs},
	{"serve", measureServing},
	{"requests", measureRequests},
	{"start", measureStart},
}

// bench is one run of this program.
type bench struct {
	size
	dir       string // for everything that is written; removed at the end
	profile   string
	log       io.Writer
	databases []database
	table     table
}

// sharedLog takes lines from this program and from those that it started.
type sharedLog struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes a line.
func (l *sharedLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(line)
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.log, format+"\n", args...) }

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	only := flags.String("only", "", "parts to measure, separated by commas: sync, serve, requests, start (default all)")
	db := flags.String("db", "sqlite,postgres", "databases to measure")
	sizeName := flags.String("size", "full", "how much: full or small")
	runs := flags.Int("runs", 0, "how often each figure is taken (default 3, small 2, and once for the large syncs)")
	candidates := flags.Int("candidates", 0, "candidates of the large syncs (default 50,000, small 3,000)")
	profile := flags.String("profile", "", "folder for CPU profiles of the measured server")
	doc := flags.String("doc", "", "document whose table is replaced by this one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{size: sizes[*sizeName], profile: *profile, log: &sharedLog{to: log}}
	if b.runs == 0 {
		return fmt.Errorf("there is no size %q", *sizeName)
	}
	if *runs > 0 {
		b.runs, b.large = *runs, *runs
	}
	if *candidates > 0 {
		b.recruitments = max(1, *candidates*b.recruitments/b.candidates)
		b.candidates, b.fewer = *candidates, max(1, *candidates/10)
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if b.profile != "" {
		if err := os.MkdirAll(b.profile, 0o755); err != nil {
			return err
		}
	}
	if b.dir, err = os.MkdirTemp("", "kladka-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.table.head(*sizeName, b.runs)
	var stop func()
	if b.databases, stop, err = openDatabases(b, strings.Split(*db, ",")); err != nil {
		return err
	}
	defer stop()
	for _, p := range chosen {
		began := time.Now()
		if err := p.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		b.say("%s took %s", p.name, time.Since(began).Round(time.Second))
	}
	fmt.Fprint(out, b.table.String())
	if *doc != "" {
		return replaceTable(*doc, b.table.String())
	}
	return nil
}

func choose(only string) ([]part, error) {
	if only == "" {
		return parts, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %q", name)
		}
		chosen = append(chosen, parts[i])
	}
	return chosen, nil
}
