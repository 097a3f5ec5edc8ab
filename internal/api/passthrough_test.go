package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kladka/kladka/internal/connector"
)

func TestPassthroughRequests(t *testing.T) {
	b := newBench(t, nil)
	b.tenant.pass = answer(200, "application/json", "{}")
	send := func(body string) passed {
		t.Helper()
		if res := b.do("POST", "/v1/passthrough/traffit/v2", body, on(full)); res.StatusCode != 200 {
			t.Fatalf("%s was answered %d: %s", body, res.StatusCode, read(t, res))
		}
		return b.tenant.passed[len(b.tenant.passed)-1]
	}
	for body, want := range map[string]passed{
		`{"method":"GET","path":"/employees/?page=1","params":{"A":"b&c"},"headers":{"X-Request-Filter":"[]"},"data":null,"multipart_form_data":[],"api_options":{"x":"y"}}`: {PassthroughRequest: connector.PassthroughRequest{Method: "GET", Path: "/employees/?page=1", Params: map[string]string{"A": "b&c"}, Header: map[string]string{"X-Request-Filter": "[]"}}},
		`{"method":"POST","path":"x","data":{"Name":"ż<","n":12345678901234567890,"a":{"B":1,"b":2}}}`:                                                                       {PassthroughRequest: connector.PassthroughRequest{Method: "POST", Path: "x", ContentType: "application/json", Size: 57}, Body: `{"Name":"ż<","n":12345678901234567890,"a":{"B":1,"b":2}}`},
		`{"method":"PUT","path":"x","data":[1, 2],"headers":{"content-type":"application/vnd.x+json"}}`:                                                                      {PassthroughRequest: connector.PassthroughRequest{Method: "PUT", Path: "x", ContentType: "application/vnd.x+json", Size: 5}, Body: `[1,2]`},
		`{"method":"PATCH","path":"x","data":"a=\u0000\n"}`:                                                                                                                  {PassthroughRequest: connector.PassthroughRequest{Method: "PATCH", Path: "x", ContentType: "text/plain; charset=utf-8", Size: 4}, Body: "a=\x00\n"},
		`{"method":"DELETE","path":"x","data":false}`:                                                                                                                        {PassthroughRequest: connector.PassthroughRequest{Method: "DELETE", Path: "x", ContentType: "application/json", Size: 5}, Body: `false`},
	} {
		got := send(body)
		want.API = "v2"
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(connector.PassthroughRequest{}, "Open"), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", body, d)
		}
	}
}

func TestPassthroughForms(t *testing.T) {
	b := newBench(t, nil)
	b.tenant.pass = answer(200, "", "")
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cv" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "image/png; x=y")
		_, _ = io.WriteString(w, "fetched")
	}))
	defer web.Close()
	form := func(url string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/files","multipart_form_data":[{"name":"a \"b\"","value":"żółć\n"},{"name":"file[file]","value":{"name":"cv.bin","content_type":"application/x-thing","data":%q}},
			{"name":"file[file]","value":{"name":"Ł\".pdf","data_url":%q}},{"name":"last","value":""},{"name":"empty","value":{"name":"e","data":""}}]}`, base64Of("\x00\xff"+strings.Repeat("x", 100000)), url)
	}
	res := b.do("POST", "/v1/passthrough/traffit/v2", form(web.URL+"/cv"), on(full))
	got := b.tenant.passed
	if len(got) != 1 {
		t.Fatalf("answered %d: %s", res.StatusCode, read(t, res))
	}
	if got[0].Size != int64(len(got[0].Body)) {
		t.Errorf("%d bytes were announced, %d sent", got[0].Size, len(got[0].Body))
	}
	_, params, err := mime.ParseMediaType(got[0].ContentType)
	if err != nil {
		t.Fatal(err)
	}
	type part struct{ Name, File, Type, Content string }
	var parts []part
	r := multipart.NewReader(strings.NewReader(got[0].Body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(content)})
	}
	want := []part{
		{`a %22b%22`, "", "", "żółć\n"}, {"file[file]", "cv.bin", "application/x-thing", "\x00\xff" + strings.Repeat("x", 100000)}, {"file[file]", "Ł%22.pdf", "image/png", "fetched"}, {"last", "", "", ""}, {"empty", "e", "application/octet-stream", ""},
	}
	if d := cmp.Diff(want, parts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	res = b.do("POST", "/v1/passthrough/traffit/v2", form(web.URL+"/other"), on(full))
	if body := read(t, res); res.StatusCode != 400 || !strings.Contains(body, "body.multipart_form_data[2].value.data_url: ") {
		t.Errorf("a file that is not there: %d: %s", res.StatusCode, body)
	}
}

func TestPassthroughAnswers(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	for _, c := range []struct {
		name, contentType, body string
		base64                  bool
		want                    any
		warned                  bool
	}{
		{"JSON", "application/json; charset=utf-8", `{"n":12345678901234567890,"b":"<"}`, false, map[string]any{"n": json.Number("12345678901234567890"), "b": "<"}, false},
		{"JSON by suffix", "application/hal+json", `[]`, false, []any{}, false},
		{"JSON without a type", "", `7`, false, json.Number("7"), false},
		{"broken JSON", "application/json", `{"a":`, false, `{"a":`, false},
		{"page", "text/html", `<p>"ż"</p>`, false, `<p>"ż"</p>`, false},
		{"JSON as text", "text/plain", `{}`, false, `{}`, false},
		{"nothing", "application/json", "", false, nil, false},
		{"binary", "application/pdf", "\xff\x00", false, "/wA=", true},
		{"base64", "application/json", "{}", true, "e30=", false},
		{"nothing in base64", "", "", true, "", false},
	} {
		b.tenant.pass = answer(404, c.contentType, c.body)
		res := b.do("POST", "/v1/passthrough/traffit/v2", fmt.Sprintf(`{"method":"GET","path":"/a","response_as_base64":%v}`, c.base64), on(full))
		body := read(t, res)
		j.check(t, httptest.NewRequest("POST", "/v1/passthrough/traffit/v2", nil), res, body)
		var got struct {
			Data struct {
				URL     string
				Status  int
				Headers map[string]any
				Data    any
			}
			Warnings []any
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&got); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: answered %d: %s", c.name, res.StatusCode, body)
		}
		if d := cmp.Diff(c.want, got.Data.Data); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if got.Data.Status != 404 || got.Data.URL != "https://acme.example.com/api/a" || len(got.Warnings) > 0 != c.warned {
			t.Errorf("%s: %+v", c.name, got)
		}
		headers := map[string]any{"x-twice": []any{"a", "b"}}
		if c.contentType != "" {
			headers["content-type"] = c.contentType
		}
		if d := cmp.Diff(headers, got.Data.Headers); d != "" {
			t.Errorf("%s: headers (-want +got):\n%s", c.name, d)
		}
	}
	for name, c := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"down":        {&connector.RetryError{Err: errors.New("x")}, 503, "PLATFORM.UNKNOWN_ERROR"},
		"no answer":   {&connector.AnswerError{Status: 200}, 502, "PLATFORM.UNKNOWN_ERROR"},
		"credentials": {&connector.AuthError{}, 400, "PLATFORM.INPUT_INVALID"},
		"other":       {errors.New("x"), 500, "PLATFORM.UNKNOWN_ERROR"},
		// Whoever is told to try again may do it twice.
		"unclear": {&connector.UnclearError{Err: &connector.RetryError{Err: errors.New("x")}}, 504, "It is not known what became of the request"},
		"cut off": {&connector.UnclearError{Err: context.DeadlineExceeded}, 504, "It is not known what became of the request"},
	} {
		b.tenant.pass = func(connector.PassthroughRequest) (connector.PassthroughAnswer, error) {
			return connector.PassthroughAnswer{}, c.err
		}
		res := b.do("POST", "/v1/passthrough/traffit/v2", `{"method":"GET","path":"/a"}`, on(full))
		body := read(t, res)
		j.check(t, httptest.NewRequest("POST", "/v1/passthrough/traffit/v2", nil), res, body)
		if res.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: answered %d: %s", name, res.StatusCode, body)
		}
	}
}
