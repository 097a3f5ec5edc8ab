package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// startLog collects the log of a starting server and finds its address in it.
type startLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	address chan string
}

// Write takes some of the log.
func (l *startLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := addressPattern.Match(l.text.Bytes())
	l.text.Write(b)
	if found := addressPattern.FindSubmatch(l.text.Bytes()); found != nil && !before {
		l.address <- string(found[1])
	}
	return len(b), nil
}

var addressPattern = regexp.MustCompile(`address=(http://[0-9.:]+)\s`)

func (l *startLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ready waits until the server answers that it is ready.
func (l *startLog) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	address := ""
	select {
	case address = <-l.address:
	case <-ctx.Done():
		return errors.New("kladka serve does not start")
	}
	client := newClient()
	for ctx.Err() == nil {
		resp, err := client.Get(address + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("kladka serve is not ready")
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
}

// measureStart takes the time until the real command answers with a full database, and what it
// needs when nobody asks anything.
func measureStart(ctx context.Context, b *bench) error {
	binary := filepath.Join(b.dir, "kladka")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/kladka/kladka/cmd/kladka")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build kladka: %w: %s", err, out)
	}
	n := b.rows[0]
	for _, db := range b.databases {
		u, remove, err := db.make(ctx)
		if err != nil {
			return err
		}
		if _, err := b.do("fill", fillConfig{u, n}, nil, ""); err != nil {
			return err
		}
		var starts, idleCPU, idleServer, memory []float64
		for run := range b.runs {
			took, err := b.startOnce(ctx, db, binary, u, run == b.runs-1, &idleCPU, &idleServer, &memory)
			if err != nil {
				return err
			}
			starts = append(starts, milliseconds(took))
		}
		b.table.section("Start and rest on "+db.name, fmt.Sprintf("`kladka serve` with %s candidates; resting for %s.", count(n), b.idle))
		b.table.row("start until /readyz answers 200", "ms", starts, atMost(150))
		b.table.row("CPU at rest", "%", idleCPU, goal{})
		if db.server != 0 {
			b.table.row("CPU of the database's server meanwhile", "%", idleServer, goal{})
		}
		b.table.row("memory at rest", "MB", memory, goal{})
		if err := remove(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startOnce(ctx context.Context, db database, binary, database string, rest bool, cpu, server, memory *[]float64) (took time.Duration, err error) {
	dir, removeDir, err := dataDir(database)
	if err != nil {
		return 0, err
	}
	defer removeDir()
	log := &startLog{address: make(chan string, 1)}
	cmd := exec.CommandContext(ctx, binary, "serve", "--addr", "127.0.0.1:0")
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), "KLADKA_DATA_DIR="+dir, "KLADKA_DATABASE_URL="+database, "KLADKA_TRAFFIT_URL=http://127.0.0.1:1")
	if key := masterKey(database); key != "" {
		cmd.Env = append(cmd.Env, "KLADKA_MASTER_KEY="+key)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if ended := cmd.Wait(); ended != nil && err == nil {
			err = fmt.Errorf("kladka serve: %w: %s", ended, log)
		}
	}()
	if err := log.ready(ctx); err != nil {
		return 0, fmt.Errorf("%w: %s", err, log)
	}
	took = time.Since(began)
	if !rest {
		return took, nil
	}
	select { // let it settle
	case <-ctx.Done():
		return took, context.Cause(ctx)
	case <-time.After(b.idle / 6):
	}
	own, others, from := cpuOf(cmd.Process.Pid), cpuOfTree(db.server), time.Now()
	select {
	case <-ctx.Done():
		return took, context.Cause(ctx)
	case <-time.After(b.idle):
	}
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / time.Since(from).Seconds() }
	*cpu = append(*cpu, percent(cpuOf(cmd.Process.Pid)-own))
	*server = append(*server, percent(cpuOfTree(db.server)-others))
	*memory = append(*memory, megabytes(memoryOf(cmd.Process.Pid)))
	b.say("%s, start: %s, at rest %.2f %% CPU, %.0f MB", db.name, took.Round(time.Millisecond), (*cpu)[0], (*memory)[0])
	return took, nil
}
