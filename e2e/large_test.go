package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The largest file that there may be, and what more a server may need to pass it on.
const (
	largest     = 25 << 20
	extraMemory = 10 << 20
)

// memory measures the memory of a process.
type memory struct {
	*testing.T
	pid  int
	base string // of the server
}

var residentLine = regexp.MustCompile(`(VmRSS|VmHWM):\s+(\d+) kB`)

// resident gives the resident memory of the process, now and at its highest.
func (m memory) resident() (now, peak int) {
	m.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid))
	if err != nil {
		m.Skip("skipped: this system does not tell how much memory a process has")
	}
	for _, line := range residentLine.FindAllStringSubmatch(string(status), -1) {
		kb, _ := strconv.Atoi(line[2])
		if line[1] == "VmHWM" {
			peak = kb << 10
		} else {
			now = kb << 10
		}
	}
	return now, peak
}

// heap gives what the server says of its own heap: all that it has from the system for it and has not
// given back, and what of it is idle.
func (m memory) heap() string {
	m.Helper()
	metrics := download(m.T, m.base+"/metrics")
	var out []string
	for _, name := range []string{"sys", "idle", "released", "inuse", "alloc"} {
		at := regexp.MustCompile(`(?m)^go_memstats_heap_` + name + `_bytes (\S+)$`).FindStringSubmatch(metrics)
		if at != nil {
			v, _ := strconv.ParseFloat(at[1], 64)
			out = append(out, fmt.Sprintf("%s %.1f", name, v/(1<<20)))
		}
	}
	return strings.Join(out, ", ") + " MiB"
}

// during reports how much the highest resident memory rose above what there was before.
func (m memory) during(what string, do func()) {
	m.Helper()
	// The mark of the highest is set back where the system allows it; else it is that of the start.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.pid), []byte("5"), 0)
	before, mark := m.resident()
	heap := m.heap()
	do()
	_, peak := m.resident()
	m.Logf("%s: %.1f MiB more than the %.1f before (the mark was at %.1f; the heap before: %s; after: %s)",
		what, float64(peak-before)/(1<<20), float64(before)/(1<<20), float64(mark)/(1<<20), heap, m.heap())
	if peak-before >= extraMemory {
		m.Errorf("%s took %d bytes of memory more, want less than %d", what, peak-before, extraMemory)
	}
}

// A file of the largest size goes through a server to TRAFFIT and back without being held.
func TestLargeAttachment(t *testing.T) {
	t.Parallel()
	c := onSQLite(t)
	k := newCrashing(t, c, small)
	first := spawn(t, k.c)
	k.server(first).succeeded(k.server(first).finish(k.run))
	first.kill() // the process that is measured has no memory left from a sync
	p := spawn(t, k.c)
	s := k.server(p)
	f := &fleet{key: k.key, integration: k.integration, bases: []string{p.base}}
	ctx, cancel := context.WithTimeout(t.Context(), syncWithin)
	defer cancel()

	content := make([]byte, largest+1)
	rand.NewChaCha8([32]byte{25}).Read(content) //nolint:errcheck // it never fails
	copy(content, "%PDF-1.7\n")
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = w.Write(content[:size])
	}))
	defer files.Close()

	applications := s.list(k.integration, "applications", nil)
	to := func(n int) (path string, employee int) {
		employee, _ = applicationOf(applications[n])
		return "/v1/ats/applications/" + applications[n]["id"].(string) + "/attachments", employee
	}
	inBody := func(path string, content []byte) (reply, error) {
		// Not made with the JSON encoder: five processes' tests share this one's memory.
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, `{"attachment": {"name": "Zażółć.pdf", "content_type": "application/pdf", "type": "CV", "data": "`)
			b64 := base64.NewEncoder(base64.StdEncoding, w)
			_, _ = b64.Write(content)
			_ = b64.Close()
			_, _ = io.WriteString(w, `"}}`)
			_ = w.Close()
		}()
		return f.send(ctx, wish{path: path}, r)
	}
	byAddress := func(path string, size int) (reply, error) {
		return f.ask(ctx, wish{path: path, body: object{"attachment": object{
			"name": "Zażółć.pdf", "type": "CV", "data_url": files.URL + "/" + strconv.Itoa(size),
		}}})
	}
	must := func(r reply, err error) {
		t.Helper()
		if err != nil || r.status != http.StatusOK {
			t.Fatalf("answered %d: %v %v", r.status, r.body["error"], err)
		}
	}
	arrived := func(employee, size int) {
		t.Helper()
		uploads := k.u.Uploads(employee)
		if len(uploads) != 1 || !bytes.Equal(uploads[0].Content, content[:size]) || uploads[0].Name != "Zażółć.pdf" {
			t.Fatalf("TRAFFIT has %d files of the candidate, or another content", len(uploads))
		}
	}
	back := func(path string, size int) {
		t.Helper()
		found := s.data("GET", path, k.integration, nil)["results"].([]any)
		for _, v := range found {
			a := v.(object)
			if a["file_name"] != "Zażółć.pdf" {
				continue
			}
			if a["type"] != "CV" {
				t.Errorf("the file is of the type %v, want CV", a["type"])
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, a["data_url"].(string), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close() //nolint:errcheck // it was only read
			sum := sha256.New()
			n, err := io.Copy(sum, res.Body)
			if want := sha256.Sum256(content[:size]); err != nil || int(n) != size || hex.EncodeToString(sum.Sum(nil)) != hex.EncodeToString(want[:]) {
				t.Errorf("%d bytes came back, %v; want the %d that were sent", n, err, size)
			}
			return
		}
		t.Errorf("the file is not among the %d of the application", len(found))
	}

	// All of the code has run once before it is measured.
	path, employee := to(0)
	must(inBody(path, content[:1<<16]))
	arrived(employee, 1<<16)
	back(path, 1<<16)

	m := memory{t, p.Process.Pid, p.base}
	path, employee = to(1)
	m.during("25 MiB in the body", func() { must(inBody(path, content[:largest])) })
	arrived(employee, largest)
	m.during("25 MiB back", func() { back(path, largest) })
	for n := 2; ; n++ {
		next, other := to(n)
		if other == employee {
			continue
		}
		path, employee = next, other
		break
	}
	m.during("25 MiB from an address", func() { must(byAddress(path, largest)) })
	arrived(employee, largest)
	m.during("25 MiB back again", func() { back(path, largest) })

	k.u.ResetWrites()
	k.u.ResetRequests()
	r, err := inBody(path, content)
	if err != nil || r.status != http.StatusRequestEntityTooLarge || r.code() != "PLATFORM.INPUT_INVALID" {
		t.Errorf("a file above the limit was answered %d %s, %v", r.status, r.code(), err)
	}
	r, err = byAddress(path, largest+1)
	if err != nil || r.status != http.StatusRequestEntityTooLarge && r.status != http.StatusBadRequest || r.code() != "PLATFORM.INPUT_INVALID" {
		t.Errorf("an address of a file above the limit was answered %d %s, %v", r.status, r.code(), err)
	}
	if requests := k.u.Requests(); requests.Total != 0 || len(k.u.Writes()) != 0 {
		t.Errorf("TRAFFIT got %d requests: %v", requests.Total, requests.Counts)
	}
}
