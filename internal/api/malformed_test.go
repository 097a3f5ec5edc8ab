package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// served is an operation as the served document describes it.
type served struct {
	method, path string
	query        []parameter
	inPath       []string
	header       bool // X-Integration-Id
	body         map[string]any
	required     bool // the body
}

type parameter struct {
	name   string
	schema map[string]any
}

func (o served) String() string { return o.method + " " + o.path }

// operations lists what the document describes, in order.
func (d document) operations(t testing.TB) []served {
	t.Helper()
	var all []served
	paths, _ := d.dig("paths").(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods, _ := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			op, ok := methods[method].(map[string]any)
			if !ok {
				continue
			}
			o := served{method: strings.ToUpper(method), path: path}
			parameters, _ := op["parameters"].([]any)
			for _, v := range parameters {
				p, _ := v.(map[string]any)
				name, _ := p["name"].(string)
				schema, _ := d.resolve(p["schema"])
				switch p["in"] {
				case "query":
					o.query = append(o.query, parameter{name, schema})
				case "path":
					o.inPath = append(o.inPath, name)
				case "header":
					o.header = o.header || name == "X-Integration-Id"
				}
			}
			body, _ := op["requestBody"].(map[string]any)
			o.required, _ = body["required"].(bool)
			o.body, _ = d.resolve(document{body}.dig("content", "application/json", "schema"))
			all = append(all, o)
		}
	}
	return all
}

// world is what the requests of the tables may name: things of the integration that is asked, and
// of another one.
type world struct {
	mine, others map[string]string // by path parameter
	foreign      []string          // IDs that no answer may hold
}

func newWorld(b *bench) world {
	b.Helper()
	w := world{}
	for id, at := range map[string]*map[string]string{full: &w.mine, withData: &w.others} {
		i, err := b.store.Integration(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		if id == withData {
			b.must2(func() error {
				return b.store.PutFields(b.Context(), i.No, []connector.Field{{Model: ats.Candidates, Key: "wage", Type: "CUSTOM"}, {Model: ats.Jobs, Key: "unit", Type: "CUSTOM"}})
			})
		}
		fields, err := b.store.IntegrationFields(b.Context(), i.No, "", 10)
		if err != nil || len(fields) == 0 {
			b.Fatal(fields, err)
		}
		custom, err := b.store.CustomFields(b.Context(), i.No, "", 10)
		if err != nil || len(custom) == 0 {
			b.Fatal(custom, err)
		}
		run, _, err := b.store.StartRun(b.Context(), ats.NewID(), i.No, "FULL", "api", noWork)
		if err == nil {
			_, _, err = b.store.StartRun(b.Context(), ats.NewID(), i.No, "DELTA", "api", noWork)
		}
		if err != nil {
			b.Fatal(err)
		}
		requests := []store.Request{{ID: trail.NewID()}, {ID: trail.NewID()}, {ID: trail.NewID()}}
		for n := range requests {
			requests[n].Integration, requests[n].Kind, requests[n].Method, requests[n].Run = i.No, store.ATSRequest, "GET", run.ID
		}
		b.must2(func() error { return b.store.AddRequests(b.Context(), requests, nil) })
		*at = map[string]string{
			"request_id": requests[0].ID, "integration_id": id, "integration_field_id": fields[0].ID, "custom_field_id": custom[0].ID, "sync_id": run.ID, "category": "ats", "scope_config_id": "default",
			"job_id": ats.Namespace(id).ID(ats.Jobs, "100"), "candidate_id": ats.Namespace(id).ID(ats.Candidates, "1000"),
			"application_id": ats.Namespace(id).ID(ats.Applications, "1000:100"), "tool": "traffit", "api": "v2", "action": "ats_create_candidate",
		}
		if id == withData {
			for _, f := range fields {
				w.foreign = append(w.foreign, f.ID)
			}
			for _, r := range requests {
				w.foreign = append(w.foreign, r.ID)
			}
		}
	}
	ids := ats.Namespace(withData)
	for m, remote := range map[ats.Model][]string{
		ats.Roles: {"admin"}, ats.Users: {"1", "2"}, ats.ApplicationStages: {"10", "11"}, ats.RejectionReasons: {"5"}, ats.Tags: {"7"},
		ats.Jobs: {"100", "101"}, ats.JobPostings: {"900"}, ats.Candidates: {"1000", "1001", "1002"}, ats.Applications: {"1000:100", "1001:101"},
	} {
		for _, r := range remote {
			w.foreign = append(w.foreign, ids.ID(m, r))
		}
	}
	return w
}

// at is the address of an operation with things of the integration that is asked, but for what
// change says.
func (w world) at(t testing.TB, o served, change map[string]string) string {
	t.Helper()
	path := o.path
	for _, name := range o.inPath {
		value, ok := w.mine[name]
		if !ok {
			t.Fatalf("%s: the tables know no %s; name one in newWorld", o, name)
		}
		value = url.PathEscape(value)
		if v, changed := change[name]; changed {
			value = v
		}
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return path
}

// snapshot is all that a request could have changed.
func (b *bench) snapshot() map[string]string {
	b.Helper()
	out := map[string]string{}
	for _, u := range []string{
		"/v1/integrations", "/v1/integrations/" + full + "/syncs", "/v1/integrations/" + withData + "/syncs",
		"/v1/integrations/" + full + "/integration-fields", "/v1/integrations/" + withData + "/integration-fields",
		"/v1/integrations/" + full + "/custom-fields", "/v1/integrations/" + withData + "/custom-fields",
		"/v1/integrations/" + full, "/v1/integrations/" + full + "/remappings", "/v1/scope-configs",
	} {
		out[u] = read(b, b.do("GET", u, "", nil))
	}
	return out
}

// TestMalformed sends every operation of the document everything that can be wrong with a request
// by the document alone. What is particular to an operation is in particular, which must have
// something for each.
func TestMalformed(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	w := newWorld(b)
	before := b.snapshot()
	counts := map[string]int{}
	methods := map[string][]string{} // by path
	for _, o := range j.operations {
		methods[o.path] = append(methods[o.path], o.method)
	}
	particular := w.particular()
	for _, o := range j.operations {
		t.Run(o.String(), func(t *testing.T) {
			kinds := map[string][]scenario{
				"method": w.wrongMethods(t, o, methods[o.path]),
				"key":    w.badKeys(t, o),
				"query":  w.badQueries(t, o),
				"path":   w.badPaths(t, o),
				"header": w.badHeaders(t, o),
				"body":   w.badBodies(t, o),
				"own":    particular[o.String()],
			}
			for kind, needed := range map[string]bool{
				"method": true, "key": true, "own": true, "query": len(o.query) > 0, "path": len(o.inPath) > 0, "header": o.header, "body": o.body != nil,
			} {
				if needed && len(kinds[kind]) == 0 {
					t.Errorf("there are no malformed requests of the kind %s", kind)
				}
			}
			for kind, all := range kinds {
				for i := range all {
					s := &all[i]
					s.name = kind + " " + s.name
					if s.method == "" {
						s.method = o.method
					}
					if s.url == "" || strings.HasPrefix(s.url, "?") {
						s.url = w.at(t, o, nil) + s.url
					}
					headers := map[string]string{}
					if o.header {
						headers["X-Integration-Id"] = full
					}
					maps.Copy(headers, s.headers)
					s.headers = headers
					for _, id := range w.foreign {
						if !strings.Contains(s.url+s.body, id) {
							s.not = append(s.not, id)
						}
					}
				}
				counts[kind] += len(all)
				if testing.Short() { // a few of each kind
					all = all[:min(len(all), 3)]
				}
				b.run(t, j, all)
			}
		})
		delete(particular, o.String())
	}
	for op := range particular {
		t.Errorf("%s has malformed requests, but is not in the document", op)
	}
	for u, was := range before {
		if is := b.snapshot()[u]; is != was {
			t.Errorf("malformed requests changed %s\nfrom %s\nto   %s", u, was, is)
		}
	}
	t.Logf("%d operations; scenarios by kind: %v", len(j.operations), counts)
}

func (w world) wrongMethods(t testing.TB, o served, allowed []string) []scenario {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(slices.Clone(allowed), http.MethodHead)
	}
	allow := strings.Join(slices.Sorted(slices.Values(allowed)), ", ")
	var all []scenario
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", strings.ToLower(o.method), strings.Repeat("X", 10000)} {
		if slices.Contains(allowed, m) {
			continue
		}
		s := scenario{name: shortened(m), method: m, status: 405, allow: allow, want: []string{badInput, "only " + allow}}
		if m == http.MethodHead {
			s.want = nil
		}
		all = append(all, s)
	}
	return all
}

func (w world) badKeys(testing.TB, served) []scenario {
	var all []scenario
	for name, value := range map[string]string{
		"none": "", "unknown": "Bearer kk_unknown", "blank": " ", "scheme alone": "Bearer", "other scheme": "Basic YTpi", "no scheme": "kk_unknown",
		"NUL": "Bearer \x00", "no UTF-8": "Bearer \xff\xfe", "two": "Bearer a, Bearer b", "statement": "Bearer ' OR 1=1 --", "huge": "Bearer " + strings.Repeat("k", 60000),
	} {
		all = append(all, scenario{
			name: name, headers: map[string]string{"Authorization": value}, status: 401,
			want: []string{`"code":"PLATFORM.AUTHENTICATION_INVALID"`}, not: []string{"kkkk", "OR 1=1"},
		})
	}
	return all
}

// badQueries gives each parameter values that its schema forbids.
func (w world) badQueries(t testing.TB, o served) []scenario {
	t.Helper()
	var all []scenario
	for _, p := range o.query {
		bad := func(name, rule string, values ...string) {
			query := "?"
			for _, v := range values {
				query += p.name + "=" + v + "&"
			}
			all = append(all, scenario{name: p.name + " " + name, url: strings.TrimSuffix(query, "&"), status: 400, want: []string{badInput, "query." + p.name + ": " + rule}})
		}
		bad("no UTF-8", "must be valid UTF-8", "%ff")
		bad("surrogate", "must be valid UTF-8", "%ED%A0%80")
		bad("NUL", "must be valid UTF-8 without NUL", "1%00")
		element := p.schema
		list := p.schema["type"] == "array"
		if list {
			element, _ = p.schema["items"].(map[string]any)
			bad("too many", "must have at most 1000 values, got 1001", strings.Repeat("x,", 1000)+"x")
			bad("too many in many", "must have at most 1000 values, got 1001", slices.Repeat([]string{"x"}, 1001)...)
		} else {
			bad("twice", "must be given once, got it 2 times", "1", "1")
		}
		switch {
		case element["enum"] != nil:
			values, _ := element["enum"].([]any)
			first := fmt.Sprint(values[0])
			for name, v := range map[string]string{
				"unknown": "nope", "other case": swapCase(first), "padded": "%20" + first, "marked": first + "%E2%80%8E", "combined": first + "%CC%81",
				"emoji": "%F0%9F%98%80", "object": "%7B%7D", "long": strings.Repeat("%C5%81", 5000), "one of two": first + ";x",
			} {
				if name == "one of two" {
					all = append(all, scenario{name: p.name + " semicolon", url: "?" + p.name + "=" + v, status: 400, want: []string{badInput, "query: cannot be read"}})
					continue
				}
				bad(name, "must be ", v)
			}
			if !list {
				bad("empty", "must be ", "")
			}
		case element["type"] == "integer":
			low, _ := element["minimum"].(float64)
			high, _ := element["maximum"].(float64)
			for name, v := range map[string]string{
				"below": fmt.Sprint(low - 1), "above": fmt.Sprint(high + 1), "text": "x", "fraction": "1.5", "whole fraction": "1.0", "exponent": "1e2", "leading zero": "01", "beyond float": "1e999",
				"negative zero": "-0", "beyond int64": "9223372036854775808", "wraps to one": "18446744073709551617", "huge": strings.Repeat("9", 50000), "empty": "", "padded": "%201",
				"hexadecimal": "0x10", "underscores": "1_0", "Arabic digit": "%D9%A1", "full width": "%EF%BC%91", "not a number": "NaN", "infinite": "Infinity", "JSON": "[1]", "signed": "%2B1",
			} {
				bad(name, fmt.Sprintf("must be between %v and %v, got ", low, high), v)
			}
		case element["pattern"] != nil:
			for name, v := range map[string]string{
				"word": "yesterday", "empty": "", "impossible day": "2026-02-30", "thirteenth month": "2026-13-01", "hour 25": "2026-01-01T25:00:00Z", "leap second": "2026-01-01T23:59:60Z",
				"offset": "2026-01-01T00:00:00%2B02:00", "small z": "2026-01-01T00:00:00z", "no seconds": "2026-01-01T00:00Z", "space": "2026-01-01%2000:00:00", "epoch": "1767225600",
				"six-digit year": "%2B002026-01-01", "negative year": "-2026-01-01", "line break": "2026-01-01%0A", "Arabic digits": "%D9%A2%D9%A0%D9%A2%D9%A6-01-01", "comma": "2026-01-01T00:00:00,5Z",
				"long": "2026-01-01T00:00:00." + strings.Repeat("1", 50000) + "x",
			} {
				bad(name, "must be a date or a UTC date and time", v)
			}
		case element["type"] == "string" && !list:
			bad("long", "must have at most 500 characters, got 501", strings.Repeat("%C5%BC", 501))
			bad("huge", "must have at most 500 characters", strings.Repeat("x", 60000))
		case list:
		default:
			t.Fatalf("%s: no malformed values are known for %s: %v", o, p.name, p.schema)
		}
	}
	if len(o.query) > 0 {
		all = append(all, scenario{name: "broken escape", url: "?x=%zz", status: 400, want: []string{badInput, "query: cannot be read"}})
		all = append(all, scenario{name: "cut escape", url: "?page_size=%2", status: 400, want: []string{badInput, "query: cannot be read"}})
		all = append(all, scenario{name: "half a million parameters", url: "?" + strings.Repeat("a&", 500000), status: 400, want: []string{badInput, "query: cannot be read"}})
	}
	return all
}

func swapCase(s string) string {
	if lower := strings.ToLower(s); lower != s {
		return lower
	}
	return strings.ToUpper(s)
}

func shortened(s string) string { return s[:min(len(s), 20)] }

// badPaths puts into each place of a path what does not exist, and what is another integration's.
func (w world) badPaths(t testing.TB, o served) []scenario {
	t.Helper()
	var all []scenario
	for _, name := range o.inPath {
		want := []string{badInput, "path." + name}
		if name == "integration_id" {
			want = []string{`"code":"PLATFORM.INTEGRATION_NOT_FOUND"`, "There is no integration"}
		}
		values := map[string]string{
			"unknown": "111111111111111111111112", "unknown with a tool": "traffit:111111111111111111111112", "of another tool": "other:8d1hpPsbjxUkoCoa1veLZGe5", "in capitals": strings.ToUpper(w.mine[name]) + "X",
			"with more": url.PathEscape(w.mine[name]) + "x", "with a space": url.PathEscape(w.mine[name]) + "%20", "with a line break": url.PathEscape(w.mine[name]) + "%0A", "NUL": "%00", "no UTF-8": "%ff", "surrogate": "%ED%A0%80",
			"emoji": "%F0%9F%98%80", "right to left": "%E2%80%AE" + url.PathEscape(w.mine[name]), "dots": "%2E%2E", "way up": "..%2F..%2Fetc%2Fpasswd", "slash": "a%2Fb", "backslash": "..%5C", "statement": "'%20OR%201=1--", "wildcard": "%25",
			"long": strings.Repeat("%C5%81", 20000), "removed": url.PathEscape(removed), "semicolon": url.PathEscape(w.mine[name]) + ";x=1", "braces": "%7B" + name + "%7D", "twice escaped": "traffit%253A8d1hpPsbjxUkoCoa1veLZGe5",
		}
		if w.others[name] != w.mine[name] && name != "integration_id" && (slices.Contains(o.inPath, "integration_id") || o.header) {
			values["of another integration"] = w.others[name]
		}
		for what, v := range values {
			s := scenario{name: name + " " + what, url: w.at(t, o, map[string]string{name: v}), status: 404, want: want}
			if o.body != nil {
				s.body = w.valid(o)
			}
			all = append(all, s)
		}
		all = append(all, scenario{name: name + " empty", url: w.at(t, o, map[string]string{name: ""}), status: 404, want: []string{badInput, "not available in this version"}})
		if !strings.HasSuffix(o.path, "}") || len(o.inPath) > 1 {
			continue
		}
		if o.method != http.MethodGet { // a list stands at the address without the ID
			all[len(all)-1].status, all[len(all)-1].want = 404, []string{badInput}
		}
	}
	return all
}

func (w world) badHeaders(t testing.TB, o served) []scenario {
	if !o.header {
		return nil
	}
	var all []scenario
	for name, v := range map[string]string{
		"none": "", "blank": " ", "word": "traffit", "unknown": "traffit:" + strings.Repeat("9", 24), "removed": removed, "escaped": url.PathEscape(full) + "%20", "quoted": `"` + full + `"`, "of another tool": "other:8d1hpPsbjxUkoCoa1veLZGe5",
		"in capitals": strings.ToUpper(full), "two": full + "," + withData, "NUL": full + "\x00", "no UTF-8": "\xff\xfe", "combined": full + "\u0301", "statement": "' OR 1=1 --", "huge": strings.Repeat("Ł", 30000), "line break": full + "\n",
	} {
		s := scenario{name: name, headers: map[string]string{"X-Integration-Id": v}, status: 404, want: []string{`"code":"PLATFORM.INTEGRATION_NOT_FOUND"`}}
		if o.body != nil {
			s.body = w.valid(o)
		}
		all = append(all, s)
	}
	return all
}

// valid is a body that an operation takes; the tables use it where something else is wrong.
func (w world) valid(o served) string {
	if body := actionBodies()[o.String()]; body != "" {
		return body
	}
	return map[string]string{
		"POST /v1/force-sync":                                                               `{"type":"FULL"}`,
		"PUT /v1/integrations/{integration_id}/enabled":                                     `{"value":true}`,
		"PATCH /v1/integrations/{integration_id}/settings":                                  `{"remote_data":null}`,
		"PUT /v1/integrations/{integration_id}/scope-config":                                `{"scope_config_id":"default"}`,
		"PUT /v1/integrations/{integration_id}/remappings":                                  `{"model":"ats_jobs","field":"department","sources":[]}`,
		"POST /v1/scope-configs":                                                            `{"name":"No phones","models":{"ats_candidates":{"fields":{"phone_numbers":"DISABLED"}}}}`,
		"PUT /v1/scope-configs/{scope_config_id}":                                           `{"name":"Everything"}`,
		"POST /v1/custom-fields":                                                            `{"model":"ats_candidates","key":"another"}`,
		"PATCH /v1/integrations/{integration_id}/integration-fields/{integration_field_id}": `{"enable_passthrough":false}`,
		"PUT /v1/integrations/{integration_id}/custom-fields/{custom_field_id}":             `{"integration_field_id":null}`,
	}[o.String()]
}

// badBodies sends what is no JSON, and JSON of other types than the schema's.
func (w world) badBodies(t testing.TB, o served) []scenario {
	t.Helper()
	if o.body == nil {
		return nil
	}
	valid := w.valid(o)
	if valid == "" {
		t.Fatalf("%s: the tables know no valid body; name one in valid", o)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(valid))
	_ = z.Close()
	wide := "\xff\xfe"
	for _, u := range utf16.Encode([]rune(valid)) {
		wide += string([]byte{byte(u), byte(u >> 8)})
	}
	const json, utf8, object = "body: must be JSON", "body: must be JSON in UTF-8", "body: "
	var all []scenario
	bad := func(name, body, want string) {
		all = append(all, scenario{name: name, body: body, status: 400, want: []string{badInput, want}})
	}
	for name, body := range map[string]string{
		"cut": valid[:len(valid)-1], "brace": "{", "closing brace": "}", "blank": " ", "comment": "/**/" + valid, "single quotes": "{'a':1}", "bare key": "{a:1}", "trailing comma": strings.TrimSuffix(valid, "}") + ",}",
		"trailing object": valid + valid, "trailing text": valid + "x", "trailing NUL": valid + "\x00", "NUL": "\x00", "mark of byte order": "\ufeff" + valid, "form": "value=true", "XML": "<a/>", "undefined": `{"x":undefined}`, "not a number": `{"x":NaN}`, "leading zero": `{"x":01}`,
		"plus": `{"x":+1}`, "line break in a text": "{\"x\":\"\n\"}", "broken escape": `{"x":"\q"}`, "cut escape": `{"x":"\u12"}`, "deep arrays": strings.Repeat("[", 400000), "deep objects": strings.Repeat(`{"a":`, 100000), "closed deep": `{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
	} {
		bad(name, body, json)
	}
	for name, body := range map[string]string{"UTF-16": wide, "gzip": zipped.String(), "no UTF-8": `{"x":"` + "\xff" + `"}`, "surrogate in bytes": `{"x":"` + "\xed\xa0\x80" + `"}`, "Latin 2": "{\"x\":\"\xb3\"}"} {
		bad(name, body, utf8)
	}
	for name, body := range map[string]string{"array": "[]", "array of one": "[" + valid + "]", "text": `"x"`, "number": "1", "true": "true", "null": "null", "text of JSON": fmt.Sprintf("%q", valid)} {
		bad(name, body, object)
	}
	bad("key twice", strings.TrimSuffix(valid, "}")+","+strings.TrimPrefix(valid, "{"), "more than once")
	bad("long key twice", `{"`+strings.Repeat("Ł", 50000)+`":1,"`+strings.Repeat("Ł", 50000)+`":1}`, "more than once")
	bad("beyond float", `{"x":1e999}`, "body: holds a number that is out of range")
	bad("huge number", `{"x":`+strings.Repeat("9", 900000)+`}`, "body: holds a number that is out of range")
	for _, s := range []scenario{
		{name: "huge", body: strings.TrimSuffix(valid, "}") + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`},
		{name: "one byte too many", body: valid + strings.Repeat(" ", 1<<20-len(valid)+1)},
		{name: "ten megabytes", body: strings.Repeat("[", 10<<20)},
	} {
		s.status, s.want = 413, []string{badInput, "body: must have at most 1048576 bytes"}
		all = append(all, s)
	}
	for _, ct := range []string{"text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "x", "application/\xff", strings.Repeat("a", 50000)} {
		all = append(all, scenario{name: "content type " + shortened(ct), headers: map[string]string{"Content-Type": ct}, body: valid, status: 415, want: []string{badInput, "body"}})
	}
	all = append(all, scenario{name: "no content type", headers: map[string]string{"Content-Type": ""}, body: "x", status: 400, want: []string{badInput, json}})
	if o.required {
		all = append(all, scenario{name: "none", status: 400, want: []string{badInput, "body"}})
	}
	required, _ := o.body["required"].([]any)
	for _, name := range required {
		for _, body := range []string{`{}`, fmt.Sprintf(`{"%s ":true}`, name), fmt.Sprintf(`{%q:true}`, strings.ToUpper(fmt.Sprint(name)))} {
			bad("without "+fmt.Sprint(name)+" "+body, body, fmt.Sprint(name))
		}
	}
	properties, _ := o.body["properties"].(map[string]any)
	for name, v := range properties {
		schema, _ := v.(map[string]any)
		for what, value := range map[string]string{"null": "null", "boolean": "true", "string": `"FULL "`, "number": "-0", "array": "[]", "object": "{}", "long": fmt.Sprintf("%q", strings.Repeat("x", 100000))} {
			if typed(schema, what) || what == "null" && !slices.Contains(required, any(name)) { // null is the same as nothing
				continue
			}
			bad(name+" "+what, fmt.Sprintf(`{%q:%s}`, name, value), "body."+name)
		}
	}
	return all
}

// typed reports whether a schema allows a kind of value. With an enum it allows none of ours.
func typed(schema map[string]any, what string) bool {
	types, several := schema["type"].([]any)
	if schema["type"] == nil {
		return true
	}
	if !several {
		types = []any{schema["type"]}
	}
	if what == "long" {
		what = "string"
	}
	return slices.Contains(types, any(what)) && (what != "string" || schema["enum"] == nil)
}

// particular is what only one operation can be asked wrongly, or oddly.
func (w world) particular() map[string][]scenario {
	none := []string{`"code":"PLATFORM.INTEGRATION_NOT_FOUND"`}
	other := ats.Namespace(withData)
	at := "/v1/integrations/" + full
	out := map[string][]scenario{
		"GET /v1/check-api-key": {
			{name: "odd query", url: "?%zz=%ff&a;b", status: 200},
			{name: "with a body", body: strings.Repeat("[", 2<<20), status: 200},
			{name: "wants a page", headers: map[string]string{"Accept": "text/html"}, status: 200},
			{name: "wants the short name", headers: map[string]string{"Accept": "json"}, status: 200},
			{name: "wants something odd", headers: map[string]string{"Accept": strings.Repeat(";q=,", 9999) + "\xff"}, status: 200},
			{name: "packs oddly", headers: map[string]string{"Accept-Encoding": strings.Repeat("gzip;q=x,", 9999)}, status: 200},
			{name: "escaped", url: "/v1/check%2Dapi-key", status: 200},
			{name: "in capitals", url: "/v1/CHECK-API-KEY", status: 404, want: []string{badInput}},
			{name: "another method by header", headers: map[string]string{"X-HTTP-Method-Override": "DELETE"}, status: 200},
		},
		"POST /v1/force-sync": {
			{name: "type in another case", body: `{"TYPE":"HALF"}`, headers: on(off), status: 400, want: []string{"switched off"}},
			{name: "type twice in cases", body: `{"type":"full","TYPE":"FULL"}`, status: 400, want: []string{"body.type"}},
			{name: "type by a lone surrogate", body: `{"type":"\ud800"}`, status: 400, want: []string{"body.type"}},
			{name: "type with NUL", body: `{"type":"FULL\u0000"}`, status: 400, want: []string{"body.type"}},
			{name: "type in small letters", body: `{"type":"full"}`, status: 400, want: []string{"body.type"}},
			{name: "switched off", headers: on(off), status: 400, want: []string{badInput, "switched off"}},
		},
		"GET /v1/syncs/{sync_id}": {
			{name: "of a record", url: "/v1/syncs/" + other.ID(ats.Jobs, "100"), status: 404, want: []string{badInput, "path.sync_id"}},
			{name: "by an integration", url: "/v1/syncs/" + full, status: 404, want: []string{badInput, "path.sync_id"}},
		},
		"GET /v1/integrations/{integration_id}/syncs": {
			{name: "of a header alone", url: "/v1/integrations/x/syncs", headers: on(full), status: 404, want: none},
			{name: "in JSON", url: at + "/syncs?page_size=%7B%22a%22%3A1%7D", status: 400, want: []string{"query.page_size"}},
		},
		"GET /v1/integrations": {
			{name: "below", url: "/v1/integrations/", status: 404, want: []string{badInput}},
			{name: "page size with a bracket", url: "?page_size[]=0", status: 200},
		},
		"GET /v1/integrations/{integration_id}": {
			{name: "split", url: "/v1/integrations/traffit/" + full[8:], status: 404, want: []string{badInput}},
			{name: "header instead", url: "/v1/integrations/-", headers: on(full), status: 404, want: none},
		},
		"PUT /v1/integrations/{integration_id}/enabled": {
			{name: "in another case beside", body: `{"value":true,"Value":"text"}`, status: 200},
			{name: "in another case", body: `{"VALUE":false}`, status: 400, want: []string{"value"}},
			{name: "sign of kelvin and long s", body: `{"value":true,"valu\u212a":1,"\u017f":2}`, status: 200},
			{name: "zero", body: `{"value":0}`, status: 400, want: []string{"body.value"}},
			{name: "nested", body: `{"value":{"value":false}}`, status: 400, want: []string{"body.value"}},
			{name: "escaped key", body: `{"\u0076alue":1}`, status: 400, want: []string{"body.value"}},
			{name: "escaped key twice", body: `{"\u0076alue":true,"value":true}`, status: 400, want: []string{"more than once"}},
		},
		"DELETE /v1/integrations/{integration_id}": {
			{name: "all", url: "/v1/integrations", status: 405, allow: "GET, HEAD"},
			{name: "by a header", url: "/v1/integrations/x", headers: on(full), status: 404, want: none},
			{name: "long body", url: "/v1/integrations/x", body: strings.Repeat("x", 2<<20), status: 413, want: []string{badInput}},
		},
		"PATCH /v1/integrations/{integration_id}/settings": {
			{name: "nothing", body: `{}`, status: 200, want: []string{`"only_created_applications":false`}},
			{name: "in another case", body: `{"Only_Created_Applications":true,"REMOTE_DATA":true}`, status: 200, want: []string{`"only_created_applications":false`, `"remote_data":false`}},
			{name: "text", body: `{"only_created_applications":"true"}`, status: 400, want: []string{"body.only_created_applications: expected boolean"}},
			{name: "nested", body: `{"remote_data":{"value":true}}`, status: 400, want: []string{"body.remote_data"}},
			{name: "by a header", url: "/v1/integrations/x/settings", headers: on(full), body: `{}`, status: 404, want: none},
		},
		"PUT /v1/integrations/{integration_id}/scope-config": {
			{name: "by name", body: `{"scope_config_id":"Everything"}`, status: 400, want: []string{badInput, "body.scope_config_id: there is no scope configuration"}},
			{name: "empty", body: `{"scope_config_id":""}`, status: 400, want: []string{"body.scope_config_id: there is no scope configuration"}},
			{name: "NUL", body: `{"scope_config_id":"default\u0000"}`, status: 400, want: []string{"body.scope_config_id"}},
			{name: "lone surrogate", body: `{"scope_config_id":"\udc00"}`, status: 400, want: []string{"body.scope_config_id"}},
			{name: "long", body: `{"scope_config_id":"` + strings.Repeat("Ł", 100000) + `"}`, status: 400, want: []string{"body.scope_config_id", "…"}},
		},
		"GET /v1/scope-configs": {
			{name: "below", url: "/v1/scope-configs/", status: 404, want: []string{badInput}},
			{name: "cursor of another list", url: "?cursor=MSBpbnRlZ3JhdGlvbnM", status: 400, want: []string{"query.cursor"}},
		},
		"GET /v1/scope-configs/{scope_config_id}": {
			{name: "by name", url: "/v1/scope-configs/Everything", status: 404, want: []string{badInput, "path.scope_config_id"}},
			{name: "in capitals", url: "/v1/scope-configs/DEFAULT", status: 404, want: []string{badInput, "path.scope_config_id"}},
		},
		"POST /v1/scope-configs":                  w.badScopes(),
		"PUT /v1/scope-configs/{scope_config_id}": w.badScopes(),
		"PUT /v1/scope-configs/{scope_config_id}/default": {
			{name: "of an integration", url: "/v1/scope-configs/" + full + "/default", status: 404, want: []string{badInput, "path.scope_config_id"}},
		},
		"POST /v1/custom-fields": {
			{name: "taken", body: `{"model":"ats_candidates","key":"wage"}`, status: 400, want: []string{badInput, "body.key: there is a custom field wage of ats_candidates already"}},
			{name: "of a model without fields", body: `{"model":"ats_users","key":"x"}`, status: 400, want: []string{"body.model"}},
			{name: "capitals", body: `{"model":"ats_jobs","key":"Wage"}`, status: 400, want: []string{"body.key"}},
			{name: "letters with marks", body: `{"model":"ats_jobs","key":"płaca"}`, status: 400, want: []string{"body.key"}},
			{name: "line break at the end", body: `{"model":"ats_jobs","key":"wage\n"}`, status: 400, want: []string{"body.key"}},
			{name: "empty", body: `{"model":"ats_jobs","key":""}`, status: 400, want: []string{"body.key"}},
			{name: "long", body: `{"model":"ats_jobs","key":"` + strings.Repeat("x", 64) + `"}`, status: 400, want: []string{"body.key"}},
			{name: "label with NUL", body: `{"model":"ats_jobs","key":"x","label":"a\u0000"}`, status: 400, want: []string{"body.label"}},
			{name: "long label", body: `{"model":"ats_jobs","key":"x","label":"` + strings.Repeat("Ł", 201) + `"}`, status: 400, want: []string{"body.label"}},
		},
		"DELETE /v1/custom-fields/{custom_field_id}": {
			{name: "by key", url: "/v1/custom-fields/wage", status: 404, want: []string{badInput, "path.custom_field_id"}},
			{name: "a vendor's field", url: "/v1/custom-fields/" + w.mine["integration_field_id"], status: 404, want: []string{badInput, "path.custom_field_id"}},
			{name: "all", url: "/v1/custom-fields", status: 405, allow: "POST"},
		},
		"GET /v1/integrations/{integration_id}/remappings": {
			{name: "by a header", url: "/v1/integrations/x/remappings", headers: on(full), status: 404, want: none},
		},
		"PUT /v1/integrations/{integration_id}/remappings": {
			{name: "another model", body: `{"model":"ats_users","field":"department","sources":[]}`, status: 400, want: []string{badInput, "body.model: no field of \\\"ats_users\\\" can be remapped"}},
			{name: "another field", body: `{"model":"ats_jobs","field":"name","sources":[]}`, status: 400, want: []string{"body.field: must be one of department, category, got \\\"name\\\""}},
			{name: "no source", body: `{"model":"ats_jobs","field":"department","sources":["nope"]}`, status: 400, want: []string{"body.sources[0]: the integration has no field \\\"nope\\\" of ats_jobs"}},
			{name: "a source of another model", body: `{"model":"ats_jobs","field":"department","sources":["reference","wage"]}`, status: 400, want: []string{"body.sources[1]: the integration has no field"}},
			{name: "another's source", body: fmt.Sprintf(`{"model":"ats_jobs","field":"department","sources":[%q]}`, w.others["integration_field_id"]), status: 400, want: []string{"body.sources[0]"}},
			{name: "twice", body: `{"model":"ats_jobs","field":"department","sources":["reference","reference"]}`, status: 400, want: []string{"body.sources[1]: must differ"}},
			{name: "NUL", body: `{"model":"ats_jobs","field":"department","sources":["\u0000"]}`, status: 400, want: []string{"body.sources[0]: must be valid"}},
			{name: "too many", body: `{"model":"ats_jobs","field":"department","sources":["a","b","c","d","e","f","g","h","i","j","k"]}`, status: 400, want: []string{"body.sources"}},
			{name: "text", body: `{"model":"ats_jobs","field":"department","sources":"reference"}`, status: 400, want: []string{"body.sources"}},
			{name: "long", body: `{"model":"` + strings.Repeat("Ł", 100000) + `","field":"x","sources":[]}`, status: 400, want: []string{"body.model", "…"}},
		},
		"GET /v1/integrations/{integration_id}/integration-fields": {
			{name: "by a header", url: "/v1/integrations/x/integration-fields", headers: on(full), status: 404, want: none},
		},
		"PATCH /v1/integrations/{integration_id}/integration-fields/{integration_field_id}": {
			{name: "another's field", url: at + "/integration-fields/" + w.others["integration_field_id"], body: `{"enable_passthrough":true}`, status: 404, want: []string{badInput, "path.integration_field_id"}},
			{name: "own field under another", url: "/v1/integrations/" + withData + "/integration-fields/" + w.mine["integration_field_id"], body: `{"enable_passthrough":true}`, status: 404, want: []string{badInput, "path.integration_field_id"}},
			{name: "number", body: `{"enable_passthrough":1e999}`, status: 400, want: []string{badInput}},
		},
		"GET /v1/integrations/{integration_id}/custom-fields": {
			{name: "by a header", url: "/v1/integrations/x/custom-fields", headers: on(full), status: 404, want: none},
		},
		"PUT /v1/integrations/{integration_id}/custom-fields/{custom_field_id}": {
			{name: "another's field", body: fmt.Sprintf(`{"integration_field_id":%q}`, w.others["integration_field_id"]), status: 400, want: []string{badInput, "body.integration_field_id: the integration has no field"}},
			{name: "own field under another", url: "/v1/integrations/" + withData + "/custom-fields/" + w.mine["custom_field_id"], body: fmt.Sprintf(`{"integration_field_id":%q}`, w.mine["integration_field_id"]), status: 400, want: []string{badInput, "body.integration_field_id"}},
			{name: "a record", body: fmt.Sprintf(`{"integration_field_id":%q}`, other.ID(ats.Jobs, "100")), status: 400, want: []string{badInput, "body.integration_field_id"}},
			{name: "empty", body: `{"integration_field_id":""}`, status: 400, want: []string{badInput, "body.integration_field_id"}},
			{name: "NUL", body: `{"integration_field_id":"\u0000"}`, status: 400, want: []string{badInput, "body.integration_field_id"}},
			{name: "lone surrogate", body: `{"integration_field_id":"\udc00\ud800"}`, status: 400, want: []string{badInput, "body.integration_field_id"}},
			{name: "right to left", body: `{"integration_field_id":"\u202e\u0301😀"}`, status: 400, want: []string{badInput, "body.integration_field_id"}},
			{name: "long", body: `{"integration_field_id":"` + strings.Repeat("Ł", 100000) + `"}`, status: 400, want: []string{badInput, "body.integration_field_id", "…"}},
			{name: "in another case beside", body: fmt.Sprintf(`{"integration_field_id":null,"Integration_Field_ID":%q}`, w.mine["integration_field_id"]), status: 200, want: []string{`"integration_field":null`}},
		},
		"GET /v1/integrations/{integration_id}/requests": {
			{name: "by a header", url: "/v1/integrations/x/requests", headers: on(full), status: 404, want: none},
			{name: "of another integration's sync", url: at + "/requests?run=" + w.others["sync_id"], status: 200, want: []string{noResult}},
			{name: "of a sync that is none", url: at + "/requests?run=%F0%9F%98%80'%20OR%201=1--", status: 200, want: []string{noResult}},
			{name: "of an action that is none", url: at + "/requests?action=%25", status: 200, want: []string{noResult}},
			{name: "failed twice", url: at + "/requests?failed=true&failed=true", status: 400, want: []string{"query.failed"}},
			{name: "failed as a number", url: at + "/requests?failed=1", status: 400, want: []string{"query.failed: must be true or false"}},
			{name: "kind in capitals", url: at + "/requests?kind=API", status: 400, want: []string{"query.kind: must be one of api, ats"}},
		},
		"GET /v1/requests/{request_id}": {
			{name: "of a sync", url: "/v1/requests/" + w.mine["sync_id"], status: 404, want: []string{badInput, "path.request_id"}},
			{name: "in capitals", url: "/v1/requests/00000000000000AB", status: 404, want: []string{badInput, "path.request_id"}},
			{name: "short", url: "/v1/requests/ab", status: 404, want: []string{badInput, "path.request_id"}},
			{name: "unknown", url: "/v1/requests/0123456789abcdef", status: 404, want: []string{badInput, "path.request_id"}},
			{name: "all", url: "/v1/requests", status: 404, want: []string{badInput}},
		},
		"GET /v1/tools/{category}": {
			{name: "in capitals", url: "/v1/tools/ATS", status: 404, want: []string{badInput, "path.category"}},
			{name: "none", url: "/v1/tools", status: 404, want: []string{badInput}},
		},
	}
	maps.Copy(out, w.ofActions())
	for _, list := range []string{"applications", "candidates", "jobs", "users", "roles", "interviews", "tags", "offers", "rejection-reasons", "application-stages"} {
		out["GET /v1/ats/"+list] = w.ofList(list)
	}
	return out
}

// badScopes is what a scope configuration cannot hold.
func (w world) badScopes() []scenario {
	var all []scenario
	for name, c := range map[string][2]string{
		"unknown model":          {`{"name":"x","models":{"ats_nope":{"setting":"DISABLED"}}}`, "body.models.ats_nope: there is no such model"},
		"unknown field":          {`{"name":"x","models":{"ats_candidates":{"fields":{"phones":"DISABLED"}}}}`, "body.models.ats_candidates.fields.phones: the model has no such field"},
		"unknown action":         {`{"name":"x","actions":{"ats_hire":"DISABLED"}}`, "body.actions.ats_hire: there is no such action"},
		"several":                {`{"name":" ","models":{"ats_nope":{}},"actions":{"ats_hire":"DISABLED"}}`, "body.name: must not be blank; body.actions.ats_hire: there is no such action; GET /v1/tools/ats lists them; body.models.ats_nope"},
		"fixed field":            {`{"name":"x","models":{"ats_candidates":{"fields":{"id":"OPTIONAL"}}}}`, "body.models.ats_candidates.fields.id: must be ENABLED"},
		"setting":                {`{"name":"x","models":{"ats_candidates":{"setting":"disabled"}}}`, "setting"},
		"setting of a field":     {`{"name":"x","models":{"ats_candidates":{"fields":{"phone_numbers":"OFF"}}}}`, "body.models.ats_candidates.fields.phone_numbers: must be one of ENABLED, DISABLED, OPTIONAL"},
		"empty setting":          {`{"name":"x","models":{"ats_candidates":{"fields":{"phone_numbers":""}}}}`, "body.models.ats_candidates.fields.phone_numbers: must be one of"},
		"setting of an action":   {`{"name":"x","actions":{"ats_create_application":"no"}}`, "body.actions.ats_create_application: must be one of"},
		"null as a setting":      {`{"name":"x","actions":{"ats_create_application":null}}`, "body.actions"},
		"another key of a model": {`{"name":"x","models":{"ats_candidates":{"filds":{"phone_numbers":"DISABLED"}}}}`, "filds"},
		"key of a model twice":   {`{"name":"x","models":{"ats_candidates":{"setting":"ENABLED","setting":"DISABLED"}}}`, "more than once"},
		"field twice":            {`{"name":"x","models":{"ats_candidates":{"fields":{"phone_numbers":"DISABLED","phone_numbers":"ENABLED"}}}}`, "more than once"},
		"model as a text":        {`{"name":"x","models":{"ats_candidates":"DISABLED"}}`, "body.models"},
		"line break in the name": {`{"name":"a\nb"}`, "body.name"},
		"name with NUL":          {`{"name":"a\u0000"}`, "body.name"},
		"long name":              {`{"name":"` + strings.Repeat("Ł", 201) + `"}`, "body.name"},
		"odd keys":               {`{"name":"x","models":{"\u202e😀\u0000":{}}}`, "body.models."},
		"long keys":              {`{"name":"x","actions":{"` + strings.Repeat("Ł", 100000) + `":"DISABLED"}}`, "…"},
	} {
		all = append(all, scenario{name: name, body: c[0], status: 400, want: []string{badInput, c[1]}})
	}
	var many []string
	for n := range 20000 {
		many = append(many, fmt.Sprintf(`"ats_%d":"DISABLED"`, n))
	}
	return append(all, scenario{name: "many keys", body: `{"name":"x","actions":{` + strings.Join(many, ",") + `}}`, status: 400, want: []string{badInput, "and 19980 more"}})
}

// ofList is what a list can be asked oddly.
func (w world) ofList(name string) []scenario {
	foreign := strings.Join(w.foreign, ",")
	all := []scenario{
		{name: "IDs of another integration", url: "?include_deleted=true&ids=" + foreign, status: 200, want: []string{noResult}},
		{name: "IDs that are none", url: "?ids=%F0%9F%98%80,%E2%80%AE,%CC%81,'--,%25,1e999,-0,%5B%5D,null," + strings.Repeat("%C5%81", 10000), status: 200, want: []string{noResult}},
		{name: "IDs of the ATS that are none", url: "?remote_ids=%F0%9F%98%80,%E2%80%AE,%CC%81,'--,%25,99999999999999999999,-0," + strings.Repeat("%C4%B0", 10000), status: 200, want: []string{noResult}},
		{name: "first year", url: "?updated_after=0000-01-01T00:00:00.000Z", status: 200},
		{name: "last year", url: "?updated_after=9999-12-31T23:59:59." + strings.Repeat("9", 1000) + "Z", status: 200, want: []string{noResult}},
		{name: "unknown parameters", url: "?IDS=x&ids[]=x&%F0%9F%98%80=1&=2&%00", status: 200},
		{name: "key in the query", url: "?api_key=x", headers: map[string]string{"Authorization": ""}, status: 401},
	}
	odd := func(param, value string, want ...string) {
		all = append(all, scenario{name: "odd " + param + " " + shortened(value), url: "?" + param + "=" + value, status: 200, want: want})
	}
	texts := []string{"%C3%9F", "%C4%B0", "%E2%80%AE", "%F0%9F%98%80", "%CC%81", "%EF%BB%BF", "%25", "_", "'", "%5C", "*", strings.Repeat("%F0%9F%98%80", 500), strings.Repeat("%EF%AC%83", 500)}
	switch name {
	case "candidates":
		for _, param := range []string{"email", "first_name", "last_name"} {
			for _, v := range texts {
				odd(param, v, noResult)
			}
		}
		odd("first_name", "%C5%82UCJA", `"remote_id":"1000"`)
		odd("last_name", "z%CC%87o%CC%81%C5%82c%CC%81", `"remote_id":"1000"`) // the marks by themselves
		odd("first_name", "Lucja", noResult)                                  // Ł is no L with a mark
		odd("job_ids", foreign, noResult)
	case "jobs":
		for _, v := range texts {
			if v != "%25" && v != "_" { // a job has them in its name
				odd("name_contains", v, noResult)
			}
			odd("post_url", v, noResult)
		}
		odd("name_contains", "%C5%9B", `"remote_id":"100"`)
		odd("name_contains", "s%CC%81LU", `"remote_id":"100"`)
		odd("remote_created_after", "9999-12-31", noResult)
		odd("remote_created_after", "0000-01-01T00:00:00Z")
	case "applications":
		odd("job_ids", foreign, noResult)
		odd("current_stage_ids", foreign, noResult)
		odd("job_remote_ids", "%F0%9F%98%80,-0,100%20", noResult)
		odd("remote_created_after", "9999-12-31", noResult)
	case "users":
		odd("emails", strings.Join(texts, ","), noResult)
	case "interviews", "offers":
		for i := range all {
			if all[i].status == 200 {
				all[i].status, all[i].want = 400, []string{`"code":"INTEGRATION.MODEL_NOT_AVAILABLE"`}
			}
		}
	}
	return all
}

// TestCursors changes real cursors in every way, and takes them to other lists, integrations and
// filters. A changed one may still be one, but never leads to anything of another integration.
func TestCursors(t *testing.T) {
	b := newBench(t, nil)
	j := newJudge(b)
	w := newWorld(b)
	type place struct{ url, cursor string }
	next := func(url, integration string) string {
		var page struct{ Data struct{ Next *string } }
		body := read(t, b.do("GET", url+"?page_size=1&include_deleted=true", "", on(integration)))
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		if page.Data.Next == nil {
			return ""
		}
		return *page.Data.Next
	}
	var places []place
	foreign := map[string]string{}
	for _, o := range j.operations {
		if !slices.ContainsFunc(o.query, func(p parameter) bool { return p.name == "cursor" }) {
			continue
		}
		at := w.at(t, o, nil)
		if c := next(at, full); c != "" {
			places = append(places, place{at, c})
			foreign[at] = next(w.at(t, o, map[string]string{"integration_id": url.PathEscape(withData)}), withData)
		}
	}
	if len(places) < 9 {
		t.Fatalf("only %d lists have a next page", len(places))
	}
	for _, p := range places {
		ask := func(cursor string) (int, string) {
			res := b.do("GET", p.url+"?include_deleted=true&page_size=250&cursor="+url.QueryEscape(cursor), "", on(full))
			body := read(t, res)
			if res.StatusCode != 200 && (res.StatusCode != 400 || !strings.Contains(body, "query.cursor: ") || len(body) > longError) {
				t.Errorf("%s with %q answered %d: %.500s", p.url, cursor, res.StatusCode, body)
			}
			for _, id := range w.foreign {
				if strings.Contains(body, id) {
					t.Errorf("%s with %q shows what is another integration's: %s", p.url, cursor, body)
				}
			}
			return res.StatusCode, body
		}
		refused := func(what, cursor string) {
			if status, body := ask(cursor); status != 400 {
				t.Errorf("%s with %s answered %d: %.500s", p.url, what, status, body)
			}
		}
		if status, body := ask(p.cursor); status != 200 {
			t.Errorf("%s with its own cursor answered %d: %s", p.url, status, body)
		}
		for n := 1; n < len(p.cursor); n++ {
			ask(p.cursor[:n])
			ask(p.cursor[n:])
			ask(p.cursor[:n-1] + p.cursor[n:])
			ask(p.cursor[:n] + "A" + p.cursor[n:])
			ask(p.cursor[:n] + "\n" + p.cursor[n:])
		}
		for _, q := range places {
			if q.url != p.url {
				refused("the cursor of "+q.url, q.cursor)
			}
		}
		if c := foreign[p.url]; c != p.cursor { // the list of integrations is everybody's
			refused("the cursor of another integration", c)
		}
		for what, c := range map[string]string{
			"a word": "hello", "NUL": "\x00", "two cursors": p.cursor + p.cursor, "a cursor within": p.cursor + "." + p.cursor, "emoji": "😀", "JSON": `{"id":1}`, "long": strings.Repeat("A", 500), "longer": strings.Repeat("A", 60000),
			"padding": "====", "other alphabet": strings.Map(func(r rune) rune { return r + 1 }, p.cursor),
		} {
			refused(what, c)
		}
	}
	// Filters may change from page to page.
	jobs := next("/v1/ats/jobs", full)
	b.run(t, j, []scenario{
		{name: "other filters", url: "/v1/ats/jobs?statuses=ARCHIVED&cursor=" + jobs, headers: on(full), status: 200, want: []string{noResult}},
		{name: "other page size", url: "/v1/ats/jobs?page_size=7&cursor=" + jobs, headers: on(full), status: 200},
		{name: "twice", url: "/v1/ats/jobs?cursor=" + jobs + "&cursor=" + jobs, headers: on(full), status: 400, want: []string{"query.cursor: must be given once"}},
	})
}

// TestMalformedBesideTheAPI asks wrongly for what the document does not describe.
func TestMalformedBesideTheAPI(t *testing.T) {
	b := newBench(t, nil)
	b.deps.Metrics = http.NotFoundHandler()
	withMetrics, err := api.New(b.deps)
	if err != nil {
		t.Fatal(err)
	}
	b.api = withMetrics
	var all []scenario
	for _, path := range []string{"/openapi.json", "/v1/openapi.json", "/healthz", "/readyz", "/metrics", "/assets/tools/traffit.svg", "/files/x"} {
		for _, m := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", strings.Repeat("X", 10000)} {
			all = append(all, scenario{name: shortened(m) + " " + path, method: m, url: path, headers: map[string]string{"Authorization": ""}, body: strings.Repeat("[", 2<<20), status: 405, allow: "GET, HEAD", want: []string{badInput}})
		}
		for name, s := range map[string]string{"slash": path + "/", "doubled": "/" + path, "below": path + "/x", "capitals": strings.ToUpper(path), "dots": path + "/..", "semicolon": path + ";x", "long": path + strings.Repeat("%C5%81", 20000)} {
			if path == "/v1/openapi.json" && name != "doubled" && name != "capitals" { // of /v1, which takes no request without a key
				all = append(all, scenario{name: name + " " + path, url: s, headers: map[string]string{"Authorization": ""}, status: 401})
				continue
			}
			if name == "doubled" {
				s = "http://x" + s
			}
			all = append(all, scenario{name: name + " " + path, url: s, status: 404, want: []string{badInput}})
		}
	}
	for _, name := range []string{"%2E%2E%2Fassets.go", "..%2F..%2Fapi.go", "%00", "%ff", ".", "traffit.svg%00", "tools%2Ftraffit.svg", "TRAFFIT.svg", strings.Repeat("x", 60000)} {
		all = append(all, scenario{name: "picture " + shortened(name), url: "/assets/tools/" + name, status: 404, want: []string{badInput}})
	}
	b.run(t, newJudge(b), all)
}
