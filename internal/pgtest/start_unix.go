//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// life is the whole life of a server. Standard input is a pipe that only the test process holds
// open: it ends with that process, however the process ends. A line on it asks for a restart.
const life = `
trap '' PIPE INT
trap '"$BIN/pg_ctl" stop --pgdata "$DIR/data" --mode immediate >/dev/null 2>&1; cd /; rm -rf "$DIR"' EXIT
{
	"$BIN/initdb" --pgdata "$DIR/data" --username postgres --auth trust --encoding UTF8 --locale C --no-sync &&
	"$BIN/pg_ctl" start --wait --pgdata "$DIR/data" --log "$DIR/server.log" --options "$OPTIONS"
} >"$DIR/start.log" 2>&1 </dev/null || { cat "$DIR/start.log" "$DIR/server.log" 2>/dev/null; exit 1; }
echo ready
while read -r _; do
	"$BIN/pg_ctl" restart --wait --pgdata "$DIR/data" --log "$DIR/server.log" --mode fast >"$DIR/start.log" 2>&1 </dev/null || { cat "$DIR/start.log"; exit 1; }
	echo ready
done
`

// options of the server. Nothing is worth keeping, and many tests may be connected at once.
const options = `-c listen_addresses= -c unix_socket_directories=%s -c fsync=off -c synchronous_commit=off ` +
	`-c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB`

// start starts a server and waits until it answers.
func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp" // the path of a Unix socket has room for about 100 bytes
	}
	dir, err := os.MkdirTemp(base, "kladka-pg-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", "-c", life) //nolint:noctx // it outlives every test
	cmd.Dir = dir
	cmd.Env = append(environment(), "BIN="+bin, "DIR="+dir, "OPTIONS="+fmt.Sprintf(options, dir))
	// A group of its own keeps an interrupt at the terminal from killing the shell before it cleaned up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if cmd.SysProcAttr.Credential, err = unprivileged(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	lines := bufio.NewScanner(out)
	ready := func() error {
		var said strings.Builder
		for lines.Scan() {
			if lines.Text() == "ready" {
				return nil
			}
			fmt.Fprintln(&said, lines.Text())
		}
		return fmt.Errorf("PostgreSQL does not start:\n%s", said.String())
	}
	if err := ready(); err != nil {
		_ = alive.Close()
		return nil, errors.Join(err, cmd.Wait())
	}
	var mu sync.Mutex
	return &server{
		url: &url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()},
		restart: func() error {
			mu.Lock()
			defer mu.Unlock()
			if _, err := fmt.Fprintln(alive, "restart"); err != nil {
				return err
			}
			return ready()
		},
		stop: func() {
			_ = alive.Close()
			_ = cmd.Wait()
		},
	}, nil
}

// binaries finds the folder with initdb and pg_ctl: that on PATH, else the newest installed.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, newest := "", -1.0
	paths, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	for _, path := range paths {
		bin := filepath.Dir(path)
		if v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64); err == nil && v > newest {
			found, newest = bin, v
		}
	}
	if found == "" {
		return "", errors.Join(ErrMissing, err)
	}
	return found, nil
}

// environment is that of the process without what would change a server: PGDATA, PGHOST, ….
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") {
			env = append(env, v)
		}
	}
	return append(env, "LC_ALL=C")
}

// unprivileged gives root another user to run the server as, which PostgreSQL insists on, and
// the folder to that user. Everybody else stays who they are.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}
