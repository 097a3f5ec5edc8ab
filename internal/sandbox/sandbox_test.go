package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 3, 14, 30, 0, 0, time.UTC)

func testSandbox(t testing.TB, c Config) *Sandbox {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return testNow }
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is a recorded response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) rows(t testing.TB) []map[string]any {
	t.Helper()
	var out []map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("%v in %.200s", err, a.body)
	}
	return out
}

func (a answer) row(t testing.TB) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("%v in %.200s", err, a.body)
	}
	return out
}

func (a answer) number(t testing.TB, header string) int {
	t.Helper()
	n, err := strconv.Atoi(a.header.Get(header))
	if err != nil {
		t.Fatalf("header %s: %v", header, err)
	}
	return n
}

func do(t testing.TB, h http.Handler, method, path, body string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.Bytes()}
}

// fetch asks a server over the network.
func fetch(t testing.TB, url string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return http.DefaultClient.Do(r)
}

func tokenOf(t testing.TB, s *Sandbox, prefix, client, scope string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"client_id": client, "client_secret": "sandbox-secret", "grant_type": "client_credentials", "scope": scope})
	a := do(t, s, "POST", prefix+"/oauth2/token", string(body), "Content-Type", "application/json")
	if a.status != http.StatusOK {
		t.Fatalf("token: %d %s", a.status, a.body)
	}
	return a.row(t)["access_token"].(string)
}

// client talks to the API with a token.
type client struct {
	s     *Sandbox
	token string
}

func newClient(t testing.TB, s *Sandbox) client {
	return client{s, tokenOf(t, s, "", s.Name()+"_kladka", "")}
}

func (c client) get(t testing.TB, path string, header ...string) answer {
	t.Helper()
	return do(t, c.s, "GET", apiBase+path, "", append([]string{"Authorization", "Bearer " + c.token}, header...)...)
}

// walk reads all pages of a list.
func (c client) walk(t testing.TB, path string, size int, header ...string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for n, pages := 1, 1; n <= pages; n++ {
		a := c.get(t, path, append([]string{"X-Request-Page-Size", strconv.Itoa(size), "X-Request-Current-Page", strconv.Itoa(n)}, header...)...)
		if a.status != http.StatusOK {
			t.Fatalf("%s page %d: %d %s", path, n, a.status, a.body)
		}
		pages = a.number(t, "X-Result-Total-Pages")
		all = append(all, a.rows(t)...)
	}
	return all
}

// decoded is a row as a client reads it.
func decoded(t testing.TB, row any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func truth(t testing.TB, s *Sandbox, entity string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for row := range s.Truth(entity) {
		out = append(out, decoded(t, row))
	}
	return out
}

func allTruth(s *Sandbox) []byte {
	var b bytes.Buffer
	for _, entity := range []string{
		"users", "clients", "crm_persons", "workflows", "recruitments", "employees", "tags", "history",
		"activities", "sources", "adverts", "dictionaries", "rejections",
	} {
		b.WriteString(entity + "\n")
		for row := range s.Truth(entity) {
			b.Write(appendJSON(nil, row))
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func TestDeterminism(t *testing.T) {
	a, b := testSandbox(t, Config{}), testSandbox(t, Config{})
	one := allTruth(a)
	if two := allTruth(b); !bytes.Equal(one, two) {
		t.Error("two sandboxes of the same seed differ")
	}
	for _, s := range []*Sandbox{a, b} {
		if _, err := s.Random(7, 200); err != nil {
			t.Fatal(err)
		}
	}
	changed := allTruth(a)
	if !bytes.Equal(changed, allTruth(b)) {
		t.Error("the same random changes gave different data")
	}
	if bytes.Equal(one, changed) {
		t.Error("random changes changed nothing")
	}
	if bytes.Equal(one, allTruth(testSandbox(t, Config{Seed: 2}))) {
		t.Error("another seed gives the same data")
	}
}

func TestLargeStartsAndPages(t *testing.T) {
	if testing.Short() {
		t.Skip("makes half a million candidates")
	}
	start := time.Now()
	s := testSandbox(t, Config{Candidates: 500_000, Recruitments: 4000, Users: 141, Adverts: 300})
	t.Logf("start: %v, %d history rows, %d activities", time.Since(start), s.history.len(), s.activities.len())
	c := newClient(t, s)
	for _, path := range []string{"/employees/", "/employees/recruitment_history", "/employees/activities", "/sources"} {
		for _, n := range []string{"1", "4000"} {
			start := time.Now()
			a := c.get(t, path, "X-Request-Page-Size", "50", "X-Request-Current-Page", n)
			t.Logf("%s page %s: %v", path, n, time.Since(start))
			if rows := a.rows(t); len(rows) != 50 {
				t.Errorf("%s page %s has %d rows", path, n, len(rows))
			}
		}
	}
	start = time.Now()
	a := c.get(t, "/employees/", "X-Request-Filter", `{"updated_at":{"value":"2026-11-01","comparison":">="}}`)
	t.Logf("updated_at filter: %v, %s rows", time.Since(start), a.header.Get("X-Result-Total-Count"))
	start = time.Now()
	a = c.get(t, "/employees/", "X-Request-Filter", `{"email":{"value":"x@example.com","comparison":"="}}`)
	t.Logf("email filter: %v, %s rows", time.Since(start), a.header.Get("X-Result-Total-Count"))
}

func TestServesOverHTTP(t *testing.T) {
	s := testSandbox(t, Config{})
	server := httptest.NewServer(s)
	defer server.Close()
	res, err := fetch(t, server.URL+"/t/other/_sandbox/credentials")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	var c Credentials
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	if c.ClientID != "other_kladka" || c.BaseURL != server.URL+"/t/other" || len(c.Scopes) != 17 {
		t.Errorf("credentials %+v", c)
	}
}

// BenchmarkPage reads pages of 100 rows with all switches at their defaults.
func BenchmarkPage(b *testing.B) {
	s := testSandbox(b, Config{Candidates: 20_000, Recruitments: 2000})
	c := newClient(b, s)
	for _, path := range []string{"/employees/", "/recruitments/", "/employees/recruitment_history", "/employees/activities"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				c.get(b, path, "X-Request-Page-Size", "100", "X-Request-Current-Page", "7")
			}
		})
	}
}
