package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

// contract is what clients demand of answers, by operation: an object of keys, where `?` marks
// one that may be missing and `|null` one that may be null.
type contract map[string]any

func readContract(t testing.TB) contract {
	t.Helper()
	raw, err := os.ReadFile("testdata/required-keys.json")
	if err != nil {
		t.Fatal(err)
	}
	var c contract
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// operation finds the operation of a request, by its template.
func (c contract) operation(method, path string) string {
	for op := range c {
		if matches(op, method+" "+path) {
			return op
		}
	}
	return ""
}

func matches(template, request string) bool {
	wanted, given := strings.Split(template, "/"), strings.Split(request, "/")
	return slices.EqualFunc(wanted, given, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") && g != "" })
}

// differences lists where a value is not what a shape demands.
func differences(at string, shape, value any) []string {
	switch shape := shape.(type) {
	case string:
		if fits(shape, value) {
			return nil
		}
		return []string{fmt.Sprintf("%s: %v is not %s", at, value, shape)}
	case []any:
		list, ok := value.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v is no array", at, value)}
		}
		var out []string
		for i, v := range list {
			out = append(out, differences(fmt.Sprintf("%s[%d]", at, i), shape[0], v)...)
		}
		return out
	case map[string]any:
		object, ok := value.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v is no object", at, value)}
		}
		var out []string
		for key, s := range shape {
			name, nullable := strings.CutSuffix(key, "|null")
			name, optional := strings.CutSuffix(name, "?")
			v, there := object[name]
			switch {
			case !there && optional:
			case !there:
				out = append(out, fmt.Sprintf("%s.%s: missing", at, name))
			case v == nil && nullable:
			default:
				out = append(out, differences(at+"."+name, s, v)...)
			}
		}
		return out
	}
	return []string{fmt.Sprintf("%s: the contract has a %T", at, shape)}
}

func fits(shape string, value any) bool {
	if value == nil {
		return strings.HasSuffix(shape, "|null") || shape == "any"
	}
	shape = strings.TrimSuffix(shape, "|null")
	if list, ok := strings.CutPrefix(shape, "enum "); ok {
		return slices.Contains(strings.Fields(list), fmt.Sprint(value))
	}
	switch v := value.(type) {
	case string:
		if shape == "time" {
			_, err := time.Parse("2006-01-02T15:04:05.000Z", v)
			return err == nil
		}
		return shape == "string" || shape == "any"
	case float64:
		return shape == "number" || shape == "any" || (shape == "integer" && v == float64(int64(v)))
	case bool:
		return shape == "boolean" || shape == "any"
	case []any:
		return shape == "array" || shape == "any"
	case map[string]any:
		return shape == "object" || shape == "any"
	}
	return false
}

// judge checks answers against the contract and against the document that the server gives out,
// in which unknown keys are forbidden for the purpose.
type judge struct {
	contract   contract
	document   document
	validator  validator.Validator
	operations []served
	seen       map[string]bool
}

func newJudge(b *bench) *judge {
	b.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(read(b, b.do("GET", "/openapi.json", "", nil))), &doc); err != nil {
		b.Fatal(err)
	}
	forbidUnknown(doc["components"])
	raw, err := json.Marshal(doc)
	if err != nil {
		b.Fatal(err)
	}
	parsed, err := libopenapi.NewDocument(raw)
	if err != nil {
		b.Fatal(err)
	}
	v, errs := validator.NewValidator(parsed)
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		for _, p := range problems {
			b.Errorf("openapi: %s: %s", p.Message, p.Reason)
		}
	}
	return &judge{readContract(b), document{doc}, v, document{doc}.operations(b), map[string]bool{}}
}

func forbidUnknown(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, e := range v {
			forbidUnknown(e)
		}
	case []any:
		for _, e := range v {
			forbidUnknown(e)
		}
	}
}

// check complains about an answer of /v1 that is not as it must be.
func (j *judge) check(t *testing.T, req *http.Request, res *http.Response, body string) {
	t.Helper()
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Errorf("the answer is no JSON: %v", err)
		return
	}
	shape := "error general"
	if strings.HasPrefix(req.URL.Path, "/v1/ats/") {
		shape = "error ats"
	}
	op := j.contract.operation(req.Method, req.URL.EscapedPath())
	if res.StatusCode == http.StatusOK && op != "" {
		shape = op
		j.seen[op] = true
	}
	if res.StatusCode != http.StatusOK || op != "" {
		for _, d := range differences("", j.contract[shape], value) {
			t.Errorf("contract: %s", d)
		}
	}
	at := slices.IndexFunc(j.operations, func(o served) bool { return o.method == req.Method && matches(o.path, req.URL.EscapedPath()) })
	if at < 0 {
		return // the address is not in the document
	}
	req = httptest.NewRequest(req.Method, strings.NewReplacer("{", "", "}", "").Replace(j.operations[at].path), nil)
	copied := *res
	copied.Body = io.NopCloser(strings.NewReader(body))
	if ok, problems := j.validator.ValidateHttpResponse(req, &copied); !ok {
		for _, p := range problems {
			t.Errorf("openapi: %s: %s", p.Message, p.Reason)
			for _, e := range p.SchemaValidationErrors {
				t.Errorf("openapi: %s: %s", e.FieldPath, e.Reason)
			}
		}
	}
}

// TestDocumentKeepsContract compares the document with the contract, also where no connector
// brings data: each demanded key must be promised, with no wider values.
func TestDocumentKeepsContract(t *testing.T) {
	b := newBench(t, nil)
	var doc map[string]any
	if err := json.Unmarshal([]byte(read(t, b.do("GET", "/v1/openapi.json", "", nil))), &doc); err != nil {
		t.Fatal(err)
	}
	d := document{doc}
	for op, shape := range readContract(t) {
		method, path, ok := strings.Cut(op, " ")
		if !ok || strings.HasPrefix(op, "error") {
			continue
		}
		operation, ok := d.dig("paths", path, strings.ToLower(method)).(map[string]any)
		if !ok {
			t.Errorf("%s is not in the document", op)
			continue
		}
		schema := document{operation}.dig("responses", "200", "content", "application/json", "schema")
		for _, problem := range d.compare(op, shape, schema) {
			t.Error(problem)
		}
	}
}

type document struct{ root map[string]any }

func (d document) dig(keys ...string) any {
	var v any = d.root
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// resolve follows references and takes null out of a choice.
func (d document) resolve(schema any) (s map[string]any, nullable bool) {
	s, _ = schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return d.resolve(d.dig(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...))
	}
	if any, ok := s["anyOf"].([]any); ok {
		s, _ = d.resolve(any[0])
		return s, true
	}
	if types, ok := s["type"].([]any); ok {
		return s, slices.Contains(types, "null")
	}
	return s, false
}

func (d document) compare(at string, shape, schema any) []string {
	s, nullable := d.resolve(schema)
	switch shape := shape.(type) {
	case string:
		if nullable && !strings.HasSuffix(shape, "|null") && shape != "any" {
			return []string{at + ": may be null in the document"}
		}
		allowed, closed := strings.CutPrefix(strings.TrimSuffix(shape, "|null"), "enum ")
		if !closed {
			return nil
		}
		values, _ := s["enum"].([]any)
		if len(values) == 0 {
			return []string{at + ": has no enum in the document"}
		}
		for _, v := range values {
			if v != nil && !slices.Contains(strings.Fields(allowed), fmt.Sprint(v)) {
				return []string{fmt.Sprintf("%s: %v is not in the contract", at, v)}
			}
		}
	case []any:
		return d.compare(at+"[]", shape[0], s["items"])
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		required, _ := s["required"].([]any)
		var out []string
		for _, key := range slices.Sorted(maps.Keys(shape)) {
			name, maybe := strings.CutSuffix(key, "|null")
			name, optional := strings.CutSuffix(name, "?")
			p, there := properties[name]
			switch {
			case !there && optional:
			case !there || (!optional && !slices.Contains(required, any(name))):
				out = append(out, at+"."+name+": is not promised in the document")
			default:
				if _, null := d.resolve(p); null && !maybe {
					if _, scalar := shape[key].(string); !scalar {
						out = append(out, at+"."+name+": may be null in the document")
					}
				}
				out = append(out, d.compare(at+"."+name, shape[key], p)...)
			}
		}
		return out
	}
	return nil
}
