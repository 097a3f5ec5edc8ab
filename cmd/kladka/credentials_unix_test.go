//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/sandbox"
)

// process starts the command in a process of its own, which may leave cores behind.
func process(t *testing.T, dir string, sh *shell, args ...string) (*exec.Cmd, *running) {
	t.Helper()
	p := &running{make(chan int, 1), &buffer{}, &buffer{}}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -c unlimited; exec "$0" "$@"`, os.Args[0]}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), asCommand+"=1", "GOTRACEBACK=crash")
	for name, value := range sh.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(sh.stdin), p.out, p.err
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is read from the state
		p.code <- cmd.ProcessState.ExitCode()
	}()
	return cmd, p
}

// grants is a simulator whose access tokens are known.
type grants struct {
	next   http.Handler
	refuse atomic.Bool // no token any more

	mu     sync.Mutex
	tokens []string
}

func (g *grants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/oauth2/token" {
		g.next.ServeHTTP(w, r)
		return
	}
	if g.refuse.Load() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_client","error_description":"The client credentials are invalid"}`)
		return
	}
	answer := httptest.NewRecorder()
	g.next.ServeHTTP(answer, r)
	var granted struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(answer.Body.Bytes(), &granted) == nil && granted.Token != "" {
		g.mu.Lock()
		g.tokens = append(g.tokens, granted.Token)
		g.mu.Unlock()
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (g *grants) all() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.tokens)
}

// Credentials are nowhere in plain text: not in the files of the database, in what commands print and log, in
// the request log, in the arguments of processes, in messages about errors, nor in what a crash leaves.
func TestCredentialsAreNowhere(t *testing.T) {
	const secret = "s3cr3t+/=&%Zażółć#jaźń-4711"
	simulator, sh := box(t, sandbox.Config{ClientSecret: secret})
	tokens := &grants{next: simulator}
	front := httptest.NewServer(tokens)
	t.Cleanup(front.Close)
	sh.env["KLADKA_LOG_LEVEL"], sh.env["KLADKA_TRAFFIT_URL"] = "debug", front.URL
	dir := t.TempDir()
	var said bytes.Buffer // all that the commands say, and the arguments that others can see
	command := func(args ...string) string {
		_, p := process(t, dir, sh, args...)
		p.ends(t)
		fmt.Fprintln(&said, p.out, p.err)
		return strings.TrimSpace(p.out.String())
	}
	id := command(addDemo()...)
	key := command("keys", "create", "test")
	command("sync", id, "--wait")
	sh.stdin = secret + "x"
	command(addDemo()...) // is refused
	sh.stdin = secret

	server, p := process(t, dir, sh, "serve", "--addr", "127.0.0.1:0")
	p.until(t, "kladka started")
	base := field(t, p.err.String(), "address=")
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", server.Process.Pid))
	if err == nil { // only some systems show them there
		said.Write(arguments)
	}
	// A customer enters them, wrong and right, on the page of a link.
	link, err := url.Parse(command("links", "create", "--organization", "Acme", "--email", "admin@acme.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{secret + "x", secret} {
		res, err := http.PostForm(base+"/connect/form?"+link.RawQuery, url.Values{
			"token": {link.Query().Get("token")}, "credential-tenant": {"demo"}, "credential-client_id": {"demo_kladka"}, "credential-client_secret": {typed},
		})
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(res.Request.URL.Path, "/form") && !strings.Contains(res.Request.URL.Path, "/confirm"); {
			if time.Now().After(deadline) {
				t.Fatalf("the check goes on and on: %s", res.Request.URL.Path)
			}
			keep(t, &said, res)
			if res, err = http.Get(res.Request.URL.String()); err != nil {
				t.Fatal(err)
			}
		}
		if _, rest, _ := strings.Cut(res.Request.URL.Path, "/connect/"); (rest == "confirm") != (typed == secret) {
			t.Errorf("the check of %q ends at %s", typed, res.Request.URL.Path)
		}
		keep(t, &said, res)
	}
	tokens.refuse.Store(true)
	simulator.RevokeTokens()
	for _, c := range [][2]string{
		{"GET", "/v1/integrations/" + id},
		{"GET", "/v1/integrations/" + id + "/requests"},
		{"POST", "/v1/passthrough/traffit/v2"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c[0], base+c[1], strings.NewReader(`{"method":"GET","path":"/users/"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("X-Integration-Id", id)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		keep(t, &said, res)
	}
	command("sync", id, "--wait")
	if err := server.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	p.ends(t)
	if !strings.Contains(p.err.String(), "goroutine ") {
		t.Fatalf("it did not crash:\n%s", p.err)
	}
	fmt.Fprintln(&said, p.out, p.err)

	search := func(what string, content []byte) {
		for _, form := range forms(t, secret) {
			if bytes.Contains(content, form) {
				t.Errorf("the client secret stands in %s as %q", what, form)
			}
		}
		for _, token := range tokens.all() {
			if bytes.Contains(content, []byte(token)) {
				t.Errorf("an access token stands in %s", what)
			}
		}
	}
	search("what commands said", said.Bytes())
	files := 0
	for _, root := range []string{dir, sh.env["KLADKA_DATA_DIR"]} {
		if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			if strings.HasPrefix(d.Name(), "core") {
				t.Errorf("the crash left %s", path)
			}
			content, err := os.ReadFile(path)
			search(path, content)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 || len(tokens.all()) == 0 {
		t.Fatal("there was nothing to search")
	}
}

// keep adds an answer, and the address that it came from, to what was said.
func keep(t *testing.T, said *bytes.Buffer, res *http.Response) {
	t.Helper()
	defer res.Body.Close()
	fmt.Fprintln(said, res.Request.URL, res.Header)
	if _, err := io.Copy(said, res.Body); err != nil {
		t.Fatal(err)
	}
}

// forms are the ways in which a text may stand somewhere.
func forms(t *testing.T, text string) [][]byte {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{
		[]byte(text), quoted[1 : len(quoted)-1], []byte(url.QueryEscape(text)), []byte(url.PathEscape(text)),
		[]byte(strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "=")), []byte(fmt.Sprintf("%x", text)),
	}
}
