package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"time"
)

// modeVariable makes this program one of the processes that are measured.
const modeVariable = "KLADKA_BENCH_MODE"

// mode is what a process does: it reads its configuration, may say something while it works, and
// ends with a result, at the latest when the context ends.
type mode func(ctx context.Context, config []byte, say func(any) error) (any, error)

var modes = map[string]mode{
	"kladka": kladka, // what is measured
	"tenant": tenant, // answers what a sync asks, from memory
	"floor":  floor,  // downloads and inserts
	"memory": memory, // answers pages from memory
	"rows":   rows,   // answers pages from a table of finished rows
	"load":   load,   // sends requests
	"fill":   fill,   // fills a database
}

// setup is the first thing a process reads.
type setup struct {
	Config  json.RawMessage
	Profile string `json:",omitempty"`
}

// outcome is the last thing it says.
type outcome struct {
	Result any
	Peak   int64 // the most memory that it held, in bytes; 0 where that cannot be told
}

// runMode is the life of such a process. It ends when its standard input does, so that it never
// outlives whoever started it.
func runMode(name string, in io.Reader, out io.Writer) error {
	run, ok := modes[name]
	if !ok {
		return errors.New("there is no such mode")
	}
	input := json.NewDecoder(in)
	var s setup
	if err := input.Decode(&s); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends with the process that started this one
		cancel()
	}()
	if s.Profile != "" {
		f, err := os.Create(s.Profile)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // a profile that is cut is seen by its reader
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	output := json.NewEncoder(out)
	result, err := run(ctx, s.Config, output.Encode)
	if err != nil {
		return err
	}
	return output.Encode(outcome{result, peakMemory()})
}

// process is a running process of this program.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

// start starts a process; profile is the name of its CPU profile, empty for none.
func (b *bench) start(name string, config any, profile string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	s := setup{Config: raw}
	if b.profile != "" && profile != "" {
		if s.Profile, err = filepath.Abs(filepath.Join(b.profile, profile+".pprof")); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), modeVariable+"="+name)
	cmd.Stderr = b.log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s process: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, in: in, out: json.NewDecoder(bufio.NewReader(out))}
	if err := json.NewEncoder(in).Encode(s); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

// read reads what the process says next.
func (p *process) read(v any) error {
	if err := p.out.Decode(v); err != nil {
		return errors.Join(fmt.Errorf("the %s process ended too early: %w", p.name, err), p.kill())
	}
	return nil
}

// kill ends the process when something went wrong.
func (p *process) kill() error {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	return p.cmd.Wait()
}

// spent is what a process took.
type spent struct {
	cpu  time.Duration
	peak int64
}

// wait waits for the process's end, and reads its result.
func (p *process) wait(result any) (spent, error) {
	o := outcome{Result: result}
	if err := p.read(&o); err != nil {
		return spent{}, err
	}
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		return spent{}, fmt.Errorf("the %s process: %w", p.name, err)
	}
	return spent{p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), o.Peak}, nil
}

// stop ends a process that serves until it is told to end.
func (p *process) stop() (spent, error) {
	_ = p.in.Close()
	return p.wait(nil)
}

// do runs a process to its end.
func (b *bench) do(name string, config, result any, profile string) (spent, error) {
	p, err := b.start(name, config, profile)
	if err != nil {
		return spent{}, err
	}
	return p.wait(result)
}
