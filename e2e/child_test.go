package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/app"
)

// childEnv holds the settings of a server in a process of its own: this test binary, started again.
const childEnv = "KLADKA_E2E_CHILD"

// What a child says on its standard output.
const (
	saysListening = "listening "
	saysKilled    = "killed at "
)

// serveChild is such a process. It serves until it is killed, kills itself, or is left alone.
func serveChild(settings string) int {
	var c config
	if err := json.Unmarshal([]byte(settings), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { // when the test is no more, there is nothing to read
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	a := c.app(os.Stderr)
	if c.KillAt != "" {
		a.Point = c.killer()
	}
	if err := serve(a, c.Role); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		return 1
	}
	return 0
}

func serve(c app.Config, role app.Role) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	var l net.Listener
	if role == app.RoleWorker {
		fmt.Println(saysListening)
	} else {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		fmt.Println(saysListening + "http://" + l.Addr().String())
	}
	return a.Run(ctx, role, l)
}

// killer ends the process at the given hit of the given point, without a word to anybody.
func (c config) killer() func(string) {
	var mu sync.Mutex
	hits := 0
	return func(point string) {
		if point != c.KillAt {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if hits++; hits < c.KillHit {
			return
		}
		fmt.Println(saysKilled + point)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {}
	}
}

// child is a server in a process of its own.
type child struct {
	*exec.Cmd
	base  string
	point chan string   // the point at which it killed itself
	ended chan struct{} // closed at its end
	once  sync.Once
}

// spawn starts a process and waits until it serves.
func spawn(t *testing.T, c config) *child {
	t.Helper()
	settings, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(settings))
	cmd.Stderr = testLog{t}
	cmd.WaitDelay = time.Second
	// The write end stays open as long as this process lives.
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &child{Cmd: cmd, point: make(chan string, 1), ended: make(chan struct{})}
	listening := make(chan string, 1)
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if base, ok := strings.CutPrefix(lines.Text(), saysListening); ok {
				listening <- base
			}
			if point, ok := strings.CutPrefix(lines.Text(), saysKilled); ok {
				p.point <- point
			}
		}
		_ = cmd.Wait() // it was killed, mostly
	}()
	t.Cleanup(p.kill)
	select {
	case p.base = <-listening:
	case <-p.ended: // it may have killed itself before it could serve
	case <-time.After(30 * time.Second):
		t.Fatal("the process does not serve")
	}
	return p
}

// kill ends the process and waits for its end.
func (p *child) kill() {
	p.once.Do(func() { _ = p.Process.Kill() })
	<-p.ended
}

// alive reports whether the process has not ended.
func (p *child) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
