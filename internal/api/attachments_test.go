package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// attachment is one as clients read it.
type attachment struct {
	ID            string  `json:"id"`
	RemoteID      string  `json:"remote_id"`
	Type          string  `json:"type"`
	FileName      string  `json:"file_name"`
	ContentType   string  `json:"content_type"`
	DataURL       string  `json:"data_url"`
	CreatedAt     *string `json:"remote_created_at"`
	CandidateID   string  `json:"candidate_id"`
	ApplicationID *string `json:"application_id"`
}

func (b *bench) attachments(t *testing.T, j *judge, url string) []attachment {
	t.Helper()
	res := b.do("GET", url, "", on(full))
	body := read(t, res)
	j.check(t, httptest.NewRequest("GET", url, nil), res, body)
	var got struct {
		Data struct{ Results []attachment }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s answered %d: %s", url, res.StatusCode, body)
	}
	if res.Header.Get("Concurrency-Remaining") != "29" {
		t.Error("no slot was taken")
	}
	return got.Data.Results
}

func TestAttachments(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	ids := ats.Namespace(full)
	got := b.attachments(t, j, "/v1/ats/candidates/remote:1000/attachments")
	for n := range got {
		if !strings.HasPrefix(got[n].DataURL, "https://kladka.example.com/files/") || strings.Contains(got[n].DataURL, "1000") {
			t.Errorf("the address is %s", got[n].DataURL)
		}
		got[n].DataURL = ""
	}
	candidate := ids.ID(ats.Candidates, "1000")
	want := []attachment{
		{ID: ids.ID("ats_attachments", "1000:7"), RemoteID: "7", Type: "CV", FileName: `Życiorys "1".pdf`, ContentType: "application/pdf", CreatedAt: new("2026-05-28T20:26:40.000Z"), CandidateID: candidate},
		{ID: ids.ID("ats_attachments", "1000:8"), RemoteID: "8", Type: "OTHER", FileName: "scan", ContentType: "application/octet-stream", CandidateID: candidate},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if of := b.attachments(t, j, "/v1/ats/applications/remote:1000:100/attachments"); len(of) != 2 || of[0].ID != want[0].ID {
		t.Errorf("the application has %+v", of)
	}
	if none := b.attachments(t, j, "/v1/ats/candidates/remote:1001/attachments"); len(none) != 0 {
		t.Errorf("another candidate has %+v", none)
	}
	b.tenant.err = &connector.ScopeError{Scope: "files", Message: "403"}
	if res := b.do("GET", "/v1/ats/candidates/remote:1000/attachments", "", on(full)); res.StatusCode != 403 || !strings.Contains(read(t, res), "INTEGRATION.PERMISSION_MISSING") {
		t.Errorf("without the permission: %d", res.StatusCode)
	}
}

func TestDownloads(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	files := b.attachments(t, j, "/v1/ats/candidates/remote:1000/attachments")
	path := func(n int) string { return strings.TrimPrefix(files[n].DataURL, "https://kladka.example.com") }
	get := func(method, path string) (*http.Response, string) {
		res := b.do(method, path, "", map[string]string{"Authorization": "", "Accept-Encoding": "gzip"})
		return res, read(t, res)
	}
	res, body := get("GET", path(0))
	if res.StatusCode != 200 || body != "%PDF-1.4 life" {
		t.Errorf("answered %d: %q", res.StatusCode, body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/pdf", "Content-Length": "13", "Content-Encoding": "", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-store",
		"Content-Disposition": "attachment; filename*=utf-8''%C5%BByciorys%20%221%22.pdf",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if res, body := get("HEAD", path(0)); res.StatusCode != 200 || body != "" || res.Header.Get("Content-Length") != "13" {
		t.Errorf("HEAD answered %d with %v: %q", res.StatusCode, res.Header, body)
	}
	if res, body := get("GET", path(1)); body != strings.Repeat("scanned ", 1000) || res.Header.Get("Content-Disposition") != "attachment; filename=scan" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("a file of unknown length: %d with %v, %d bytes", res.StatusCode, res.Header, len(body))
	}

	refused := func(name, path string, status int) {
		t.Helper()
		res, body := get("GET", path)
		if res.StatusCode != status || !strings.Contains(body, badInput) || strings.Contains(body, "life") {
			t.Errorf("%s answered %d: %s", name, res.StatusCode, body)
		}
	}
	token := strings.TrimPrefix(path(0), "/files/")
	for n := range token {
		other := byte('A')
		if token[n] == 'A' {
			other = 'B'
		}
		refused("a changed address", "/files/"+token[:n]+string(other)+token[n+1:], 404)
	}
	for name, t2 := range map[string]string{"a word": "x", "cut": token[:len(token)-1], "longer": token + "A", "padded": token + "=", "NUL": "%00", "no UTF-8": "%ff", "dots": "%2E%2E", "two": token + "%2F" + token, "long": strings.Repeat("A", 60000)} {
		refused(name, "/files/"+t2, 404)
	}
	delete(b.tenant.files, "1000:7")
	refused("a file that is gone", path(0), 404)
	b.tenant.err = &connector.RetryError{Err: errors.New("down")}
	if res, body := get("GET", path(1)); res.StatusCode != 503 || !strings.Contains(body, "REMOTE.SERVICE_UNAVAILABLE") {
		t.Errorf("while the ATS is down: %d: %s", res.StatusCode, body)
	}
	b.tenant.err = nil
	b.clock.advance(time.Hour - time.Millisecond)
	if res, _ := get("GET", path(1)); res.StatusCode != 200 {
		t.Errorf("right before the end: %d", res.StatusCode)
	}
	b.clock.advance(time.Millisecond)
	refused("an expired address", path(1), 410)
	fresh := strings.TrimPrefix(b.attachments(t, j, "/v1/ats/candidates/remote:1000/attachments")[1].DataURL, "https://kladka.example.com")
	b.do("PUT", "/v1/integrations/"+full+"/enabled", `{"value":false}`, nil)
	refused("of an integration that is off", fresh, 404)
	b.do("DELETE", "/v1/integrations/"+full, `{}`, nil)
	refused("of a deleted integration", fresh, 404)
	if logs := b.logs.String(); strings.Contains(logs, token[len(token)-20:]) || strings.Contains(logs, "yciorys") || !strings.Contains(logs, "GET /files/{token}") {
		t.Errorf("logged %s", logs)
	}
}

// TestBrokenDownload: a client must not take half a file for the whole.
func TestBrokenDownload(t *testing.T) {
	b := newBench(t, func(d *api.Deps) {
		open := d.Open
		d.Open = func(ctx context.Context, i store.Integration) (connector.Connector, connector.Tenant, error) {
			c, t, err := open(ctx, i)
			return c, breaking{t}, err
		}
	})
	files := b.attachments(t, newJudge(b), "/v1/ats/candidates/remote:1000/attachments")
	server := httptest.NewServer(b.api)
	defer server.Close()
	res, err := server.Client().Get(server.URL + strings.TrimPrefix(files[1].DataURL, "https://kladka.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes pass for the whole", len(body))
	}
}

// breaking files end too early.
type breaking struct{ connector.Tenant }

func (b breaking) OpenAttachment(ctx context.Context, candidate, id string) (connector.Content, error) {
	c, err := b.Tenant.OpenAttachment(ctx, candidate, id)
	c.Body = io.NopCloser(io.MultiReader(io.LimitReader(c.Body, 5000), failingReader{}))
	return c, err
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("broke off") }
