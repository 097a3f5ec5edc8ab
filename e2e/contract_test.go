package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kladka/kladka/e2e/oracle"
)

// Every answer about real records has the keys and types that clients demand, those that the
// SDK in use ignores included.
func TestRequiredKeys(t *testing.T) {
	t.Parallel()
	shapes := readShapes(t)
	c := onSQLite(t)
	u := newUpstream(t, small)
	c.TraffitURL = u.base
	s := start(t, c)
	i := s.connect(u.Name())
	paths := map[string]string{
		"GET /v1/check-api-key": "/v1/check-api-key", "GET /v1/tools/{category}": "/v1/tools/ats",
		"POST /v1/force-sync":                                      "/v1/force-sync",
		"GET /v1/integrations/{integration_id}":                    "/v1/integrations/" + url.PathEscape(i),
		"GET /v1/integrations/{integration_id}/integration-fields": "/v1/integrations/" + url.PathEscape(i) + "/integration-fields",
		"GET /v1/integrations/{integration_id}/custom-fields":      "/v1/integrations/" + url.PathEscape(i) + "/custom-fields",
	}
	for _, list := range oracle.Lists() {
		paths["GET /v1/ats/"+list] = "/v1/ats/" + list + "?page_size=250"
	}
	for operation, path := range paths {
		if shapes[operation] == nil {
			t.Errorf("no shape is known of %s", operation)
			continue
		}
		method, _, _ := strings.Cut(operation, " ")
		status, body := s.call(method, path, i, nil)
		if status != 200 {
			t.Errorf("%s answers %d", operation, status)
			continue
		}
		problems := misfits("", shapes[operation], body)
		for _, p := range problems[:min(len(problems), shown)] {
			t.Errorf("%s: %s", operation, p)
		}
	}
	for _, list := range []string{"interviews", "offers"} {
		status, body := s.call("GET", "/v1/ats/"+list, i, nil)
		if problems := misfits("", shapes["error ats"], body); status != 400 || len(problems) > 0 {
			t.Errorf("%s answers %d: %v", list, status, problems)
		}
	}
}

// readShapes reads what clients demand of answers, by operation.
func readShapes(t *testing.T) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("../internal/api/testdata/required-keys.json")
	if err != nil {
		t.Fatal(err)
	}
	var shapes map[string]any
	if err := json.Unmarshal(raw, &shapes); err != nil {
		t.Fatal(err)
	}
	return shapes
}

// watch looks at all answers on their way to clients.
type watch struct {
	*testing.T
	shapes map[string]any

	mu   sync.Mutex
	seen map[string]bool // shapes that answers were held to
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	return &watch{T: t, shapes: readShapes(t), seen: map[string]bool{}}
}

// before puts itself between clients and a server, and gives its address.
func (w *watch) before(base string) string {
	w.Helper()
	to, err := url.Parse(base)
	if err != nil {
		w.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Accept-Encoding") // answers are to be read here
		},
		ModifyResponse: func(res *http.Response) error {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			res.Body = io.NopCloser(bytes.NewReader(body))
			w.judge(res.Request.Method+" "+res.Request.URL.EscapedPath(), res.StatusCode, body)
			return nil
		},
	}
	h := httptest.NewServer(proxy)
	w.Cleanup(h.Close)
	return h.URL
}

// judge holds an answer to its shape. Operations that clients do not know have none.
func (w *watch) judge(request string, status int, body []byte) {
	shape := w.shape(request)
	if status != http.StatusOK {
		shape = "error general"
		if strings.Contains(request, " /v1/ats/") {
			shape = "error ats"
		}
	}
	if w.shapes[shape] == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[shape] = true
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		w.Errorf("%s answers %d without JSON: %v", request, status, err)
		return
	}
	problems := misfits("", w.shapes[shape], answer)
	for _, p := range problems[:min(len(problems), shown)] {
		w.Errorf("%s, as %s: %s", request, shape, p)
	}
}

// shape names the shape of an operation, by its template.
func (w *watch) shape(request string) string {
	for template := range w.shapes {
		wanted, given := strings.Split(template, "/"), strings.Split(request, "/")
		if slices.EqualFunc(wanted, given, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" }) {
			return template
		}
	}
	return ""
}

// covers checks that answers were held to these shapes.
func (w *watch) covers(shapes ...string) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range shapes {
		if !w.seen[s] {
			w.Errorf("no answer was held to %s", s)
		}
	}
}

// misfits lists where a value is not of a shape: `?` marks a key that may be missing, `|null` one
// that may be null.
func misfits(at string, shape, value any) (out []string) {
	switch shape := shape.(type) {
	case []any:
		list, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s is no array: %v", at, value)}
		}
		for _, v := range list {
			out = append(out, misfits(at+"[]", shape[0], v)...)
		}
	case map[string]any:
		o, ok := value.(object)
		if !ok {
			return []string{fmt.Sprintf("%s is no object: %v", at, value)}
		}
		for key, inner := range shape {
			name, nullable := strings.CutSuffix(key, "|null")
			name, optional := strings.CutSuffix(name, "?")
			v, there := o[name]
			switch {
			case !there && !optional:
				out = append(out, at+"."+name+" is missing")
			case there && !(v == nil && nullable):
				out = append(out, misfits(at+"."+name, inner, v)...)
			}
		}
	case string:
		if !fits(shape, value) {
			out = append(out, fmt.Sprintf("%s is %v, want %s", at, value, shape))
		}
	}
	return out
}

func fits(shape string, value any) bool {
	kind, nullable := strings.CutSuffix(shape, "|null")
	if value == nil {
		return nullable || kind == "any"
	}
	if values, ok := strings.CutPrefix(kind, "enum "); ok {
		return slices.Contains(strings.Fields(values), fmt.Sprint(value))
	}
	switch v := value.(type) {
	case string:
		if kind == "time" {
			_, err := time.Parse("2006-01-02T15:04:05.000Z", v)
			return err == nil
		}
		return kind == "string" || kind == "any"
	case float64:
		return kind == "number" || kind == "any" || kind == "integer" && v == float64(int64(v))
	case bool:
		return kind == "boolean" || kind == "any"
	case []any:
		return kind == "array" || kind == "any"
	default:
		return kind == "object" || kind == "any"
	}
}
