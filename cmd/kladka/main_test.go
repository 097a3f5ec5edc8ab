package main

import (
	"bytes"
	"context"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kladka/kladka/internal/sandbox"
)

// asCommand makes this test binary the command itself.
const asCommand = "KLADKA_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	goleak.VerifyTestMain(m,
		// The throw-away PostgreSQL of a test process lives as long as the process.
		goleak.IgnoreTopFunction("os/exec.(*Cmd).watchCtx"))
}

// buffer is a bytes.Buffer that a command may still write to while a test reads it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// shell runs commands in one environment.
type shell struct {
	env   map[string]string
	stdin string
}

// newShell has a data folder of its own and an unlimited budget.
func newShell(t *testing.T) *shell {
	return &shell{env: map[string]string{
		"KLADKA_DATA_DIR": filepath.Join(t.TempDir(), "data"), "KLADKA_TRAFFIT_RPS": "0", "KLADKA_LOG_LEVEL": "warn",
	}}
}

// outcome of a command.
type outcome struct {
	code     int
	out, err string
}

func (sh *shell) run(ctx context.Context, args ...string) outcome {
	p := sh.start(ctx, args...)
	return outcome{<-p.code, p.out.String(), p.err.String()}
}

// must runs a command that has to succeed and gives its result.
func (sh *shell) must(t *testing.T, args ...string) string {
	t.Helper()
	got := sh.run(t.Context(), args...)
	if got.code != exitOK {
		t.Fatalf("kladka %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return strings.TrimSpace(got.out)
}

// running is a command that goes on.
type running struct {
	code     chan int
	out, err *buffer
}

func (sh *shell) start(ctx context.Context, args ...string) *running {
	p := &running{make(chan int, 1), &buffer{}, &buffer{}}
	env := func(name string) (string, bool) { v, ok := sh.env[name]; return v, ok }
	stdin := strings.NewReader(sh.stdin)
	go func() { p.code <- run(ctx, args, env, stdin, p.out, p.err) }()
	return p
}

// until waits for a text in the command's output.
func (p *running) until(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(p.out.String()+p.err.String(), text); time.Sleep(10 * time.Millisecond) {
		select {
		case code := <-p.code:
			t.Fatalf("ended with exit code %d before it said %q\n%s%s", code, text, p.out, p.err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("never said %q\n%s%s", text, p.out, p.err)
		}
	}
}

// ends waits for the end of the command.
func (p *running) ends(t *testing.T) int {
	t.Helper()
	select {
	case code := <-p.code:
		return code
	case <-time.After(20 * time.Second):
		t.Fatalf("it did not stop\n%s%s", p.out, p.err)
		return 0
	}
}

// box is a simulated TRAFFIT and the shell of somebody who works with it.
func box(t *testing.T, c sandbox.Config) (*sandbox.Sandbox, *shell) {
	t.Helper()
	if c.Candidates == 0 {
		c.Candidates, c.Recruitments, c.Users, c.Adverts = 20, 5, 4, 2
	}
	s, err := sandbox.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	sh := newShell(t)
	sh.env["KLADKA_TRAFFIT_URL"] = server.URL
	sh.stdin = s.Credentials().ClientSecret
	return s, sh
}

// addDemo connects the simulated tenant.
func addDemo(more ...string) []string {
	return append([]string{
		"integrations", "add", "traffit", "--tenant", "demo", "--client-id", "demo_kladka",
		"--client-secret-file", "-", "--organization", "Demo Ltd",
	}, more...)
}

// busy gives an address on which somebody listens.
func busy(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
