package traffit

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/sandbox"
)

func TestSampleKeepsTheFormOnly(t *testing.T) {
	for in, want := range map[string]string{
		`{"id":4711,"name":"Jan","lastname":"Kowalski-Nowak","email":"jan.kowalski@poczta.pl","is_active":true,"mobile":null}`: `{"email":"xxx.xxxxxxxx@xxxxxx.xx","id":101,"is_active":true,"lastname":"xxxxxxxx-xxxxx","mobile":null,"name":"xxx"}`,
		`{"a":{"id":7},"b":[{"id":"7"},{"id":8}],"job_id":8,"created_by":7}`:                                                   `{"a":{"id":101},"b":[{"id":"101"},{"id":102}],"created_by":101,"job_id":102}`,
		`{"mobile":"+48 600 700 800","postcode":"30-001","code":404,"is_closed":1,"latitude":50.0614,"salary":12000}`:          `{"code":404,"is_closed":1,"latitude":0.5,"mobile":"+00 000 000 000","postcode":"00-000","salary":101}`,
		`{"created_at":"2026-02-03 04:05:06","at":"2026-02-03T04:05:06+01:00","by":"2026/02/03","z":"2026-02-03T04:05:06.7Z"}`: `{"at":"0000-00-00T00:00:00+00:00","by":"0000/00/00","created_at":"0000-00-00 00:00:00","z":"0000-00-00T00:00:00.0Z"}`,
		`{"type":"end-bad","status":"active","sid":"cv_check","order":9999997}`:                                                `{"order":9999997,"sid":"cv_check","status":"active","type":"end-bad"}`,
		`{"type":"Jan Kowalski","status":"Zwolniony przez Annę"}`:                                                              `{"status":"xxxxxxxxx xxxxx xxxx","type":"xxx xxxxxxxx"}`,
		`{"content":"{\"to_state\":{\"id\":21,\"name\":\"Odrzucony\"}}"}`:                                                      `{"content":"{\"to_state\":{\"id\":101,\"name\":\"xxxxxxxxx\"}}"}`,
		`{"note":"<p class='jan'>Jan <b>zna</b> Annę</p><script>x('Jan')</script><kowalski>"}`:                                 `{"note":"<p><b></b></p>"}`,
		`{"_technologie":"Go","_ŻółwJan":1,"_work.translation":["x"],"_ab":0,"Jan Kowalski":2,"j@x.pl":3,"4711":4}`:            `{"101":102,"_ab":0,"_texxxxxxxxx":"xx","_woxx.translation":["x"],"_Żóxxxxx":1,"x@x.xx":104,"xxx xxxxxxxx":103}`,
		`{"_jan1":1,"_jan2":1}`: `{"_jax0":1,"_jax0~2":1}`,
		`{"access_token":"0123456789abcdef","token_type":"bearer","scope":"employee jan","expires_in":3600}`: `{"access_token":"(left out)","expires_in":3600,"scope":"employee xxx","token_type":"bearer"}`,
		`["` + strings.Repeat("ż", 1000) + `"]`:                              `["` + strings.Repeat("x", 40) + `…"]`,
		`{"x":` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `}`:    `{"x":` + strings.Repeat("[", 12) + "null" + strings.Repeat("]", 12) + `}`,
		`{"x":[` + strings.TrimSuffix(strings.Repeat("0,", 100), ",") + `]}`: `{"x":[` + strings.TrimSuffix(strings.Repeat("0,", 40), ",") + `]}`,
	} {
		v, err := decode([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if d := cmp.Diff(want, string(encode(newSamples(nil).value("", v, 0)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", in, d)
		}
	}
}

// planted are texts that could be about a person; their letters and digits stand nowhere else.
var planted = []string{
	"Wojciechowska", "Żaneta Wojciechowska", "zaneta.wojciechowska@poczta.example", "+48 698 754 312",
	"<p>Pani <b>Wojciechowska</b> zna <a href=\"mailto:zaneta.wojciechowska@poczta.example\">nas</a></p>",
	`{"to_state":{"id":1,"name":"Wojciechowska"},"description":"Żaneta, tel. 698754312"}`, "https://www.linkedin.com/in/wojciechowska",
	"85010112345", "zł 698754312 za Wojciechowską", "<Wojciechowska>", "2026-01-01 Wojciechowska",
}

// traces are what no sample may hold.
var traces = []string{"wojciech", "żaneta", "zaneta", "698", "754", "312", "85010112345", "sandbox-secret", "demo_kladka"}

// plant puts texts about a person wherever an answer has a text.
func plant(v any, key string, n *int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{"_Wojciechowska_85010112345": 85010112345, "zaneta.wojciechowska@poczta.example": "x", "Wojciechowska": planted, "phone": 698754312}
		for k, inner := range v {
			out[k] = plant(inner, k, n)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = plant(inner, key, n)
		}
		return out
	case string:
		switch key {
		case "access_token", "scope", "field_id", "updated_at", "created_at":
			return v
		}
		*n++
		return planted[*n%len(planted)]
	}
	return v
}

func TestSamplesHoldNobody(t *testing.T) {
	for name, switches := range map[string]map[string]string{
		"ordinary":     nil,
		"refusals":     {"page.beyond": "404", "filter.refuse": "recruitments", "oauth.scopes": "refuse", "scopes.denied": "webhook", "scope.missing": "401"},
		"pages":        {"error.shape": "html", "oauth.error": "html", "oauth.scopes": "refuse", "scopes.denied": "webhook"},
		"other shapes": {"tags.shape": "nested", "activity.content": "nested", "location.shape": "json", "single.wrap": "true", "dictionary.shape": "list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, err := sandbox.New(sandbox.Config{Switches: switches})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := httptest.NewRecorder()
				box.ServeHTTP(answer, r)
				body := answer.Body.Bytes()
				if v, err := decode(body); err == nil {
					n := len(r.URL.Path)
					body = encode(plant(v, "", &n))
				} else {
					body = append(body, "<h1>Wojciechowska, 698754312</h1>Żaneta"...)
				}
				for k, v := range answer.Header() {
					w.Header()[k] = v
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				w.Header().Set("X-Result-Requested-By", "Żaneta Wojciechowska")
				w.Header().Set("Set-Cookie", "who=Wojciechowska")
				w.WriteHeader(answer.Code)
				_, _ = w.Write(body)
			}))
			defer server.Close()
			opened, err := New(Options{URL: server.URL}).Connect(connector.Config{Credentials: map[string]string{
				credentialTenant: "demo", credentialID: box.Credentials().ClientID, credentialSecret: box.Credentials().ClientSecret,
			}})
			if err != nil {
				t.Fatal(err)
			}
			saved := map[string]bool{}
			findings, err := opened.Probe(t.Context(), func(name string, sample []byte) error {
				if saved[name] {
					t.Errorf("%s is saved twice", name)
				}
				saved[name] = true
				if !json.Valid(sample) || len(sample) > 64<<10 {
					t.Errorf("%s: %d bytes, JSON %v", name, len(sample), json.Valid(sample))
				}
				look(t, name, sample)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				look(t, "the note of "+f.Detail, []byte(f.Note))
			}
			for _, kind := range []string{"token", "employees", "employee", "recruitments", "recruitment", "tags", "rejections", "gone", "adverts", "activities", "users", "recruitments-sort"} {
				if !saved[kind] {
					t.Errorf("there is no sample of %s", kind)
				}
			}
		})
	}
}

func look(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, trace := range traces {
		if bytes.Contains(bytes.ToLower(text), []byte(trace)) {
			t.Errorf("%s holds %q:\n%s", where, trace, text)
		}
	}
}
