package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/app"
)

// object is a decoded JSON object.
type object = oracle.Object

// server is a running server as its clients see it.
type server struct {
	*testing.T
	config    config
	base, key string
	app       *app.App // nil for one in a process of its own
}

// call sends a request and gives the status and the decoded body.
func (s *server) call(method, path, integration string, body any) (int, object) {
	s.Helper()
	status, out, err := s.try(method, path, integration, body)
	if err != nil {
		s.Fatal(err)
	}
	return status, out
}

func (s *server) try(method, path, integration string, body any) (int, object, error) {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(s.Context(), method, s.base+path, send)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	if integration != "" {
		req.Header.Set("X-Integration-Id", integration)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	var out object
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return 0, nil, fmt.Errorf("%s %s answered %d without JSON: %w", method, path, res.StatusCode, err)
	}
	return res.StatusCode, out, nil
}

// data sends a request that must succeed and gives its data.
func (s *server) data(method, path, integration string, body any) object {
	s.Helper()
	status, out := s.call(method, path, integration, body)
	if status != http.StatusOK {
		s.Fatalf("%s %s answered %d: %v", method, path, status, out["error"])
	}
	data, _ := out["data"].(object)
	return data
}

// list reads all pages of a list, in their order.
func (s *server) list(integration, list string, filters url.Values) []object {
	s.Helper()
	query := url.Values{"page_size": {"250"}}
	for k, v := range filters {
		query[k] = v
	}
	var all []object
	for {
		page := s.data("GET", "/v1/ats/"+list+"?"+query.Encode(), integration, nil)
		for _, r := range page["results"].([]any) {
			all = append(all, r.(object))
		}
		next, more := page["next"].(string)
		if !more {
			return all
		}
		query.Set("cursor", next)
	}
}

// syncWithin bounds a sync in tests. It is far above what one takes.
const syncWithin = 2 * time.Minute

// finish waits for a sync and gives it.
func (s *server) finish(run string) object {
	s.Helper()
	for deadline := time.Now().Add(syncWithin); ; time.Sleep(50 * time.Millisecond) {
		r := s.data("GET", "/v1/syncs/"+run, "", nil)
		if r["ended_at"] != nil {
			return r
		}
		if time.Now().After(deadline) {
			s.Fatalf("sync %s did not end: %s", run, show(r))
		}
	}
}

// sync starts a full sync and waits for its end.
func (s *server) sync(integration string) object {
	s.Helper()
	return s.finish(s.data("POST", "/v1/force-sync", integration, object{"type": "FULL"})["sync_id"].(string))
}

// succeed is sync for one that must succeed.
func (s *server) succeed(integration string) object {
	s.Helper()
	r := s.sync(integration)
	s.succeeded(r)
	return r
}

func (s *server) succeeded(run object) {
	s.Helper()
	if run["state"] != "SUCCEEDED" {
		s.Fatalf("the sync ended %v: %v\n%s", run["state"], run["error"], show(run))
	}
}

// connect connects a tenant and finishes its first sync.
func (s *server) connect(tenant string) string {
	s.Helper()
	i, run := connect(s.T, s.app, tenant)
	s.succeeded(s.finish(run))
	return i
}

// show renders a sync for a failure message.
func show(run object) string {
	var b strings.Builder
	for _, v := range run["steps"].([]any) {
		p := v.(object)
		fmt.Fprintf(&b, "%s %s: done %v of %v, written %v, deleted %v, missing %v", p["state"], p["name"], p["done"], p["total"], p["written"], p["deleted"], p["missing"])
		if p["error"] != nil {
			fmt.Fprintf(&b, ": %v", p["error"])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// step finds a step of a sync.
func step(run object, name string) object {
	for _, p := range run["steps"].([]any) {
		if p.(object)["name"] == name {
			return p.(object)
		}
	}
	return object{}
}
