package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/pgtest"
	"github.com/kladka/kladka/internal/sandbox"
	"github.com/kladka/kladka/internal/store"
)

// patient is an installation that a doctor looks at, with a tenant that was synced.
type patient struct {
	*testing.T
	box *sandbox.Sandbox
	sh  *shell
	id  string
	// front answers in place of the simulator where it says so.
	front atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func newPatient(t *testing.T, synced bool) *patient {
	t.Helper()
	p := &patient{T: t}
	var err error
	if p.box, err = sandbox.New(sandbox.Config{Candidates: 20, Recruitments: 5, Users: 4, Adverts: 2}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if front := p.front.Load(); front == nil || !(*front)(w, r) {
			p.box.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.sh = newShell(t)
	p.sh.env["KLADKA_TRAFFIT_URL"], p.sh.env["KLADKA_PUBLIC_URL"] = server.URL, server.URL+"/public"
	p.sh.env["KLADKA_MASTER_KEY"] = key("q")
	p.sh.stdin = p.box.Credentials().ClientSecret
	p.instead(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/public/healthz")
	})
	p.sh.must(t, "keys", "create", "test")
	wait := []string{"--no-sync"}
	if synced {
		wait = []string{"--wait"}
	}
	p.id = p.sh.must(t, addDemo(wait...)...)
	return p
}

func (p *patient) instead(front func(w http.ResponseWriter, r *http.Request) bool) {
	p.front.Store(&front)
}

// answer gives one answer to all requests below a path.
func (p *patient) answer(path string, status int, body string, headers ...string) {
	p.instead(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, path) {
			return strings.HasPrefix(r.URL.Path, "/public/healthz")
		}
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	})
}

func (p *patient) set(name, value string) {
	p.Helper()
	if err := p.box.Set(name, value); err != nil {
		p.Fatal(err)
	}
}

// write changes the database behind everybody's back.
func (p *patient) write(statement string, args ...any) {
	p.Helper()
	db, err := sql.Open("sqlite", p.file())
	if err != nil {
		p.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(p.Context(), statement, args...); err != nil {
		p.Fatal(err)
	}
}

func (p *patient) file() string { return filepath.Join(p.sh.env["KLADKA_DATA_DIR"], "kladka.db") }

// said is what TRAFFIT puts into its messages: nobody else may repeat it.
const said = `{"error":"invalid_client","error_description":"Wojciechowska","message":"Wojciechowska"}`

// mustNotShow holds what no output of the doctor may contain.
var mustNotShow = []string{"sandbox-secret", key("q"), "hunter2", "Wojciechowska", "access_token"}

// TestDoctorFinds provokes each finding that can be had from outside.
func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	const healthy = "" // no finding of this level is wanted
	for name, c := range map[string]struct {
		unsynced bool
		prepare  func(p *patient)
		level    string
		detail   string
		advice   string
		exit     int
	}{
		"all is well": {level: healthy},
		"no limit": {
			prepare: func(p *patient) {
				p.sh.env["KLADKA_TRAFFIT_URL"] = "http://{tenant}.traffit.com:1"
				p.write("DELETE FROM integrations")
			},
			level: "warning", detail: "not limited", advice: "KLADKA_TRAFFIT_RPS=5",
		},
		"a high limit": {
			prepare: func(p *patient) {
				p.sh.env["KLADKA_TRAFFIT_URL"], p.sh.env["KLADKA_TRAFFIT_RPS"] = "http://{tenant}.traffit.com:1", "20"
				p.write("DELETE FROM integrations")
			},
			level: "warning", detail: "20 requests a second", advice: "KLADKA_TRAFFIT_RPS=5",
		},
		"a low limit": {
			prepare: func(p *patient) { p.sh.env["KLADKA_TRAFFIT_RPS"] = "0.5"; p.write("DELETE FROM integrations") },
			level:   "warning", detail: "reading 10000 candidates", advice: "raise KLADKA_TRAFFIT_RPS",
		},
		"a bad setting": {
			prepare: func(p *patient) { p.sh.env["KLADKA_DATABASE_URL"] = "mysql://me:hunter2@x" },
			level:   "problem", detail: "postgres://", advice: "correct KLADKA_DATABASE_URL", exit: exitDoctor,
		},
		"no PostgreSQL": {
			prepare: func(p *patient) { p.sh.env["KLADKA_DATABASE_URL"] = "postgres://me:hunter2@127.0.0.1:1/x" },
			level:   "problem", detail: "cannot be opened", advice: "correct KLADKA_DATABASE_URL", exit: exitDoctor,
		},
		"an open data folder": {
			prepare: func(p *patient) { chmod(p, p.sh.env["KLADKA_DATA_DIR"], 0o755) },
			level:   "warning", detail: "others on this machine", advice: "chmod 700",
		},
		"a damaged file": {
			prepare: func(p *patient) { damage(p, p.file()) },
			level:   "problem", detail: "damaged", advice: "restore a backup", exit: exitDoctor,
		},
		"another key": {
			prepare: func(p *patient) { p.sh.env["KLADKA_MASTER_KEY"] = key("r") },
			level:   "problem", detail: "does not match", advice: "KLADKA_MASTER_KEY", exit: exitDoctor,
		},
		"no public URL": {
			prepare: func(p *patient) { p.sh.env["KLADKA_PUBLIC_URL"] = "" },
			level:   "warning", detail: "not set", advice: "set KLADKA_PUBLIC_URL",
		},
		"a public URL where nobody is": {
			prepare: func(p *patient) { p.sh.env["KLADKA_PUBLIC_URL"] = "http://127.0.0.1:1" },
			level:   "warning", detail: "refused", advice: "start the server",
		},
		"a public URL of somebody else": {
			prepare: func(p *patient) { p.sh.env["KLADKA_PUBLIC_URL"] = p.sh.env["KLADKA_TRAFFIT_URL"] },
			level:   "problem", detail: "/healthz answered 404", advice: "correct KLADKA_PUBLIC_URL", exit: exitDoctor,
		},
		"no key": {
			prepare: func(p *patient) { p.write("DELETE FROM api_keys") },
			level:   "warning", detail: "nobody can call", advice: "kladka keys create",
		},
		"no server": {
			level: "warning", detail: "no server is at work", advice: "kladka serve",
		},
		"an overdue sync": {
			prepare: func(p *patient) { p.write("UPDATE integrations SET next_full_at = 1") },
			level:   "warning", detail: "overdue", advice: "kladka serve",
		},
		"no integration": {
			prepare: func(p *patient) { p.write("DELETE FROM integrations") },
			level:   "warning", detail: "none yet", advice: "integrations add",
		},
		"switched off": {
			prepare: func(p *patient) { p.write("UPDATE integrations SET status = 'INACTIVE'") },
			level:   "warning", detail: "switched off", advice: "/enabled",
		},
		"refused for days": {
			prepare: func(p *patient) { p.write("UPDATE integrations SET status = 'INVALID'") },
			level:   "problem", detail: "not synced any more", advice: "kladka integrations reconnect demo", exit: exitDoctor,
		},
		"credentials that nobody can read": {
			prepare: func(p *patient) { p.write("UPDATE integrations SET credentials = ''") },
			level:   "problem", detail: "credentials", advice: "kladka integrations reconnect demo", exit: exitDoctor,
		},
		"refused credentials": {
			prepare: func(p *patient) { p.answer("/oauth2/token", 400, said) },
			level:   "problem", detail: "refuses the client ID", advice: "kladka integrations reconnect demo", exit: exitDoctor,
		},
		"a client of API V1": {
			prepare: func(p *patient) { p.set("client", "v1") },
			level:   "problem", detail: "API V1", advice: "switched off", exit: exitDoctor,
		},
		"no scope at all": {
			prepare: func(p *patient) {
				p.set("scopes.denied", strings.Join(sandbox.Scopes(), ","))
				p.set("oauth.scopes", "refuse")
			},
			level: "problem", detail: "none of the scopes", advice: "ticks the scopes", exit: exitDoctor,
		},
		"scopes that do not hold": {
			prepare: func(p *patient) { p.set("scopes.denied", strings.Join(sandbox.Scopes(), ",")) },
			level:   "problem", detail: "none of the scopes is granted", advice: "ticks the scopes", exit: exitDoctor,
		},
		"a missing scope": {
			prepare: func(p *patient) { p.set("scopes.denied", "source") },
			level:   "warning", detail: "without it: the source of candidates", advice: "ticks the scope",
		},
		"a missing scope that looks like a dead token": {
			prepare: func(p *patient) { p.set("scopes.denied", "source"); p.set("scope.missing", "401") },
			level:   "warning", detail: "without it: the source of candidates", advice: "ticks the scope",
		},
		"a page in place of TRAFFIT": {
			prepare: func(p *patient) { p.set("down", "200html") },
			level:   "problem", detail: "not how TRAFFIT answers", advice: "KLADKA_TRAFFIT_URL", exit: exitDoctor,
		},
		"TRAFFIT is down": {
			prepare: func(p *patient) { p.answer("/oauth2/token", 503, said) },
			level:   "problem", detail: "TRAFFIT answers 503", advice: "wait", exit: exitDoctor,
		},
		"TRAFFIT asks to wait": {
			prepare: func(p *patient) { p.answer("/oauth2/token", 429, said, "Retry-After", "3600") },
			level:   "problem", detail: "asks to wait 1h0m0s", advice: "lower KLADKA_TRAFFIT_RPS", exit: exitDoctor,
		},
		"nobody there": {
			prepare: func(p *patient) { p.sh.env["KLADKA_TRAFFIT_URL"] = "http://127.0.0.1:1" },
			level:   "problem", detail: "cannot be reached", advice: "network", exit: exitDoctor,
		},
		"an address that is not there": {
			prepare: func(p *patient) { p.set("tags.shape", "missing") },
			level:   "warning", detail: "/employees/{id}/tags: it answers 404", advice: "--probe",
		},
		"an address that fails": {
			prepare: func(p *patient) { p.answer("/employees/activities", 500, said) },
			level:   "warning", detail: "/employees/activities: it answers 500", advice: "the next sync tries again",
		},
		"an address that is forbidden": {
			prepare: func(p *patient) { p.answer("/rejections", 403, said) },
			level:   "warning", detail: "/recruitments/{id}/rejections: it answers 403", advice: "ticks the scope",
		},
		"an address that answers nonsense": {
			prepare: func(p *patient) { p.answer("/recruitment_history", 200, "nonsense") },
			level:   "warning", detail: "no usable JSON after", advice: "--probe --save",
		},
		"a clock that is off": {
			prepare: func(p *patient) { off(p, 30*time.Second) },
			level:   "warning", detail: "differs from TRAFFIT's", advice: "NTP",
		},
		"a clock that is far off": {
			prepare: func(p *patient) { off(p, -time.Hour) },
			level:   "problem", detail: "differs from TRAFFIT's by 1h", advice: "NTP", exit: exitDoctor,
		},
		"never synced": {
			unsynced: true, level: "warning", detail: "never synced", advice: "kladka sync demo --wait",
		},
		"a sync that was refused": {
			prepare: func(p *patient) {
				p.write("UPDATE runs SET state = 'AUTHENTICATION_FAILED', error = ?", "the ATS refused the credentials: Wojciechowska")
			},
			level: "problem", detail: "refused the credentials", advice: "kladka integrations reconnect demo", exit: exitDoctor,
		},
		"a sync that timed out": {
			prepare: func(p *patient) {
				p.write("UPDATE runs SET state = 'TIMED_OUT', error = ?", "no progress: GET /x answered 503: Wojciechowska")
			},
			level: "problem", detail: "no usable answer for half an hour", advice: "kladka sync demo --wait", exit: exitDoctor,
		},
		"a sync that failed": {
			prepare: func(p *patient) {
				p.write("UPDATE runs SET state = 'FAILED', error = ?", "users: GET /users/4711 answered 500: Wojciechowska; x")
			},
			level: "problem", detail: "FAILED just now: users: GET /users/{id} answered 500; x", advice: "log of the server", exit: exitDoctor,
		},
		"a sync that was partial": {
			prepare: func(p *patient) {
				p.write("UPDATE runs SET state = 'PARTIALLY_FAILED'")
				p.write("UPDATE run_steps SET missing = 3, error = ? WHERE step = 'sources'", "GET /api/x answered 500: Wojciechowska")
			},
			level: "warning", detail: `step "sources": 3 could not be read: GET /api/x answered 500`, advice: "TRAFFIT's own error",
		},
		"a step without its scope": {
			prepare: func(p *patient) {
				p.write("UPDATE runs SET state = 'PARTIALLY_FAILED'")
				p.write("UPDATE run_steps SET state = 'FAILED', error = ? WHERE step = 'sources'", `the credentials lack the scope "source": Wojciechowska`)
			},
			level: "warning", detail: `lack the scope "source"`, advice: "ticks the scope",
		},
		"a step whose rows moved": {
			prepare: func(p *patient) {
				p.write("UPDATE run_steps SET missing = 2, error = '2 rows moved between the pages and were not seen' WHERE step = 'history'")
			},
			level: "warning", detail: `step "history": 2 could not be read`, advice: "people were at work",
		},
		"a step that nothing is known of": {
			prepare: func(p *patient) { p.write("UPDATE run_steps SET missing = 2 WHERE step = 'history'") },
			level:   "warning", detail: `step "history": 2 could not be read`, advice: "the next sync tries again",
		},
		"a step whose address is not there": {
			prepare: func(p *patient) {
				p.write("UPDATE run_steps SET missing = 2, error = 'GET /api/x answered 404: Wojciechowska' WHERE step = 'tags'")
			},
			level: "warning", detail: `step "tags"`, advice: "--probe",
		},
		"a sync that stands still": {
			prepare: func(p *patient) {
				p.write("UPDATE runs SET state = 'RUNNING', ended_at = NULL, progress_at = 1, created_at = created_at")
			},
			level: "warning", detail: "without progress since", advice: "that a server runs",
		},
		"old data": {
			prepare: func(p *patient) { p.write("UPDATE runs SET ended_at = ended_at - 300000000") },
			level:   "warning", detail: "the data are from 3 days ago", advice: "kladka sync demo --wait",
		},
		"actions that do not end": {
			prepare: func(p *patient) {
				for n, at := range []int64{1, time.Now().UnixMilli()} {
					p.write(`INSERT INTO actions (id, integration, operation, natural_key, content, request_id, state, final, input, effects, answer, owner, lease_until, next_at, created_at)
						VALUES (?1, 1, 'ats_add_application_note', ?1, '', '', 'unknown', 0, '', '{}', '{}', '', 0, 0, ?2)`, fmt.Sprint(n), at)
				}
			},
			level: "warning", detail: "1 write actions have not ended after 10m0s", advice: "kladka actions list demo --open",
		},
		"held deletions": {
			prepare: func(p *patient) {
				for n := range 60 {
					p.write("INSERT INTO nominations (integration, entity, entity_id, run_id, nominated_at, approved) VALUES (1, 'employee', ?, 'r', 1, 0)", fmt.Sprint(n))
				}
			},
			level: "warning", detail: "60 of 20 ats_candidates are missing", advice: "kladka deletions approve",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, !c.unsynced)
			if c.prepare != nil {
				c.prepare(p)
			}
			got := p.sh.run(t.Context(), "doctor", "--json")
			if got.code != c.exit {
				t.Errorf("exit code %d, want %d\n%s%s", got.code, c.exit, got.out, got.err)
			}
			var findings []finding
			if err := json.Unmarshal([]byte(got.out), &findings); err != nil {
				t.Fatalf("%v: %s", err, got.out)
			}
			seen := c.level == healthy
			for _, f := range findings {
				if f.Level != "ok" && f.Advice == "" {
					t.Errorf("nobody says what to do: %+v", f)
				}
				if f.Level == c.level && strings.Contains(f.Detail, c.detail) && strings.Contains(f.Advice, c.advice) {
					seen = true
				}
				if c.level == healthy && f.Level != "ok" && f.What != "worker" {
					t.Errorf("%+v", f)
				}
			}
			if !seen {
				t.Errorf("no %s says %q and advises %q:\n%s", c.level, c.detail, c.advice, got.out)
			}
			for _, hidden := range mustNotShow {
				if strings.Contains(got.out+got.err, hidden) {
					t.Errorf("%q shows:\n%s%s", hidden, got.out, got.err)
				}
			}
		})
	}
}

func chmod(p *patient, path string, mode os.FileMode) {
	p.Helper()
	if err := os.Chmod(path, mode); err != nil {
		p.Fatal(err)
	}
}

// damage overwrites pages of a database that nothing needs at once.
func damage(p *patient, path string) {
	p.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		p.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		p.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), info.Size()-4096); err != nil {
		p.Fatal(err)
	}
}

// off makes TRAFFIT's clock differ.
func off(p *patient, by time.Duration) {
	p.instead(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/public/healthz") {
			return true
		}
		w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
		return false
	})
}

// TestDoctorJudges gives the doctor what cannot be had from outside.
func TestDoctorJudges(t *testing.T) {
	t.Parallel()
	disk := func(bytes int64, known bool) func(e *exam) {
		return func(e *exam) { e.space("x", func(string) (int64, bool) { return bytes, known }) }
	}
	endpoint := func(c connector.EndpointCheck) func(e *exam) {
		return func(e *exam) { e.endpoints("acme", []connector.EndpointCheck{c}, true) }
	}
	for name, c := range map[string]struct {
		look          func(e *exam)
		level, detail string
	}{
		"a clock of long ago":   {func(e *exam) { e.ownClock(time.Unix(0, 0)) }, "problem", "1970"},
		"a clock of the future": {func(e *exam) { e.ownClock(time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)) }, "problem", "2150"},
		"a full disk":           {disk(1<<20, true), "problem", "1.0 MiB is left"},
		"a nearly full disk":    {disk(500<<20, true), "warning", "500.0 MiB is left"},
		"a disk with space":     {disk(5<<40, true), "ok", "5.0 TiB is left"},
		"a disk nobody knows":   {disk(0, false), "", ""},
		"a large log":           {func(e *exam) { e.file(store.Health{WAL: 1 << 30}, "x") }, "warning", "1.0 GiB wait"},
		"a very large file":     {func(e *exam) { e.file(store.Health{Unchecked: true}, "x") }, "ok", "too much to check"},
		"an old PostgreSQL":     {func(e *exam) { e.server(store.Health{Version: "14.9 (Debian)", MaxConnections: 100}, "x") }, "problem", "older than 15"},
		"few connections":       {func(e *exam) { e.server(store.Health{Version: "15.1", Connections: 95, MaxConnections: 100}, "x") }, "warning", "5 of 100"},
		"the database's clock": {
			func(e *exam) {
				e.server(store.Health{Version: "15.1", MaxConnections: 100, Ahead: -20 * time.Second}, "x")
			},
			"warning", "differs from the database's by 20s",
		},
		"a slow address": {endpoint(connector.EndpointCheck{Path: "/x", Status: 200, Took: 12 * time.Second}), "warning", "12s for one row"},
		"no answer":      {endpoint(connector.EndpointCheck{Path: "/x", Problem: "it gave no answer", Took: time.Second, Needed: "jobs"}), "warning", "without it: jobs"},
		"a bad request":  {endpoint(connector.EndpointCheck{Path: "/x", Status: 400, Problem: "it answers 400"}), "warning", "answers 400"},
		"too many requests": {
			func(e *exam) { e.traffic("acme", app.Traffic{Requests: 20, Throttled: 4}) }, "warning", "4 of 20 requests were refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := &exam{quiet: true}
			c.look(e)
			found := c.level == ""
			for _, f := range e.findings {
				found = found || f.Level == c.level && strings.Contains(f.Detail, c.detail)
				if f.Level != "ok" && f.Advice == "" {
					t.Errorf("nobody says what to do: %+v", f)
				}
			}
			if !found || c.level == "" && len(e.findings) > 0 {
				t.Errorf("want %s %q, got %+v", c.level, c.detail, e.findings)
			}
		})
	}
}

func TestDoctorTellsEachAddressOfOne(t *testing.T) {
	t.Parallel()
	p := newPatient(t, true)
	one, all := p.sh.must(t, "doctor", "demo"), p.sh.must(t, "doctor")
	for _, line := range []string{"GET /api/integration/v2/employees/{id}/tags: 200 after", "GET /public/job_posts/published: 200 after"} {
		if !strings.Contains(one, line) || strings.Contains(all, line) {
			t.Errorf("%q, of one:\n%s\nof all:\n%s", line, one, all)
		}
	}
	for _, line := range []string{"17 of 17 kinds of addresses", "requests of this check were answered"} {
		if !strings.Contains(one, line) || !strings.Contains(all, line) {
			t.Errorf("%q, of one:\n%s\nof all:\n%s", line, one, all)
		}
	}
}

func TestDoctorOnPostgres(t *testing.T) {
	_, sh := box(t, sandbox.Config{})
	sh.env["KLADKA_DATABASE_URL"], sh.env["KLADKA_MASTER_KEY"] = pgtest.URL(t), key("a")
	sh.must(t, addDemo("--wait")...)
	text := sh.must(t, "doctor")
	for _, want := range []string{"postgresql, version", "connections are left", "it agrees with the database's", "no sync is overdue"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		id := sh.must(t, addDemo("--no-sync")...)
		dir := filepath.Join(t.TempDir(), "answers")
		got := sh.run(t.Context(), "doctor", "demo", "--probe", "--save", dir)
		if got.code != exitOK {
			t.Fatalf("exit code %d\n%s%s", got.code, got.out, got.err)
		}
		for _, want := range []string{"traffit: ", "details decided with", "tags.shape ", "plain", "page.beyond", "empty"} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%q is missing:\n%s", want, got.out)
			}
		}
		for _, hidden := range append([]string{id, strings.TrimPrefix(id, "traffit:"), "Demo Ltd", "demo", "http"}, mustNotShow...) {
			if strings.Contains(got.out, hidden) {
				t.Errorf("the report holds %q:\n%s", hidden, got.out)
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) < 15 {
			t.Errorf("%d files, %v", len(files), err)
		}
		for _, file := range files {
			if b, err := os.ReadFile(file); err != nil || !json.Valid(b) {
				t.Errorf("%s: %v", file, err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", file, info.Mode(), err)
			}
		}
	})
}

// What a probe finds is stored, changes what is served and asked for, and is replaced by the next.
func TestProbeIsRemembered(t *testing.T) {
	p := newPatient(t, false)
	probe := func() (probeJSON, string) {
		t.Helper()
		got := p.sh.run(t.Context(), "doctor", "demo", "--probe", "--json")
		var report probeJSON
		if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.code != exitOK {
			t.Fatalf("exit code %d, %v\n%s%s", got.code, err, got.out, got.err)
		}
		if report.Requests == 0 || report.Requests > 60 || report.Decided < 20 || report.Median <= 0 {
			t.Errorf("%+v", report)
		}
		return report, got.err
	}
	detail := func(r probeJSON, id string) findingJSON {
		for _, d := range r.Details {
			if d.Detail == id {
				return d
			}
		}
		t.Fatalf("there is no %s", id)
		return findingJSON{}
	}
	first, _ := probe()
	if d := detail(first, "tags.shape"); text(d.Variant) != "plain" || d.Before != nil {
		t.Errorf("%+v", d)
	}
	if got := p.confirmed(); got["tags.shape"] != "plain" || got["oauth.error"] != "" {
		t.Errorf("stored: %v", got)
	}
	p.set("tags.shape", "missing")
	p.answer("/sources", 500, said)
	second, talk := probe()
	if d := detail(second, "tags.shape"); text(d.Variant) != "missing" || text(d.Before) != "plain" {
		t.Errorf("%+v", d)
	}
	if d := detail(second, "sources.value"); d.Variant != nil || text(d.Before) != "present" || !strings.Contains(d.Note, "answered 500") {
		t.Errorf("%+v", d)
	}
	for _, want := range []string{"tags.shape has changed: it was plain and is missing", "sources.value stays present"} {
		if !strings.Contains(talk, want) {
			t.Errorf("%q is missing: %s", want, talk)
		}
	}
	if got := p.confirmed(); got["tags.shape"] != "missing" || got["sources.value"] != "present" {
		t.Errorf("stored: %v", got)
	}
	p.answer("/nowhere", 404, said)
	p.box.ResetRequests()
	sync := p.sh.run(t.Context(), "sync", "demo", "--wait")
	if sync.code != exitOK || strings.Contains(sync.err, "tags:") {
		t.Errorf("exit code %d\n%s", sync.code, sync.err)
	}
	for _, r := range p.box.Requests().Counts {
		if strings.Contains(r.Endpoint, "tags") {
			t.Errorf("%+v", r)
		}
	}
	if text := p.sh.must(t, "doctor", "demo"); strings.Contains(text, "/tags") {
		t.Errorf("the doctor asks for tags:\n%s", text)
	}
}

// confirmed reads what is stored of the patient's integration.
func (p *patient) confirmed() map[string]string {
	p.Helper()
	a, err := app.Open(p.Context(), app.Config{DataDir: p.sh.env["KLADKA_DATA_DIR"], MasterKey: p.sh.env["KLADKA_MASTER_KEY"]})
	if err != nil {
		p.Fatal(err)
	}
	defer a.Close()
	i, err := a.FindIntegration(context.Background(), "demo")
	if err != nil {
		p.Fatal(err)
	}
	return i.Settings.Confirmed
}

func TestProbeFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(p *patient)
		args    []string
		code    int
		says    string
	}{
		"no integration":      {args: []string{"--probe"}, code: exitUsage, says: "needs an integration"},
		"save without probe":  {args: []string{"demo", "--save", "x"}, code: exitUsage, says: "--probe"},
		"unknown integration": {args: []string{"nobody", "--probe"}, code: exitFailed, says: "integrations list"},
		"no folder":           {args: []string{"demo", "--probe", "--save", "/dev/null/x"}, code: exitUsage, says: "--save"},
		"refused":             {prepare: func(p *patient) { p.answer("/oauth2/token", 401, `{"message":"no"}`) }, args: []string{"demo", "--probe"}, code: exitFailed, says: "refused"},
		"nobody there":        {prepare: func(p *patient) { p.sh.env["KLADKA_TRAFFIT_URL"] = "http://127.0.0.1:1" }, args: []string{"demo", "--probe"}, code: exitFailed, says: "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, false)
			if c.prepare != nil {
				c.prepare(p)
			}
			got := p.sh.run(t.Context(), append([]string{"doctor"}, c.args...)...)
			if got.code != c.code || !strings.Contains(got.err, c.says) || got.out != "" {
				t.Errorf("exit code %d, want %d\n%s%s", got.code, c.code, got.out, got.err)
			}
			if known := p.confirmed(); len(known) > 0 {
				t.Errorf("something was stored: %v", known)
			}
		})
	}
}
