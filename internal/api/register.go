package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// This file and errors.go are the only ones that know huma: they turn plain handlers into
// registered operations and Go types into the OpenAPI document.

// class tells which error codes clients of an operation understand.
type class int

const (
	general    class = iota // PLATFORM codes only
	recruiting              // all codes
)

// operation describes a route.
type operation struct {
	route            string // method and path
	id, summary, doc string
	tag              string
	class            class
	params           []param
	deprecated       bool
	// live operations ask the ATS while the client waits.
	live bool
	// relays: the answer holds what the ATS says, whatever that is.
	relays bool
	// action is the ID of the action that it carries out, where files may come with it.
	action string
	// files are the places of the body in which contents of files may stand.
	files []place
}

// taking is the operation with files that come with an action.
func (o operation) taking(action string, files []place) operation {
	o.action, o.files = action, files
	return o
}

// within is how long a request of the operation may take.
func (o operation) within() time.Duration {
	if o.live {
		return uploadWithin + answerWithin
	}
	return requestTimeout
}

// registrar collects the operations of one API and the document that describes them.
type registrar struct {
	api  huma.API
	mux  *http.ServeMux
	fail func(ctx context.Context, class class, err error) *failure
	// operations holds the operations by route.
	operations map[string]operation
}

func newRegistrar(mux *http.ServeMux, version, serverURL string, fail func(context.Context, class, error) *failure) *registrar {
	useEnvelope()
	cfg := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Kladka",
				Version:     version,
				Description: "Recruiting data of connected ATS tenants in one shape: read from Kladka's own store, never from the ATS during the request.",
			},
			Servers: []*huma.Server{{URL: serverURL}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"key": {Type: "http", Scheme: "bearer", Description: "An API key, made with `kladka keys create`."},
				},
			},
			Security: []map[string][]string{{"key": {}}},
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat},
		DefaultFormat: "application/json",
	}
	r := &registrar{api: humago.New(mux, cfg), mux: mux, fail: fail, operations: map[string]operation{}}
	schemas := r.schemas().Map()
	schemas["ErrorATS"] = errorSchema(recruiting)
	schemas["ErrorGeneral"] = errorSchema(general)
	return r
}

var jsonFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: readJSON}

// readJSON decodes a body.
func readJSON(body []byte, into any) error {
	if !utf8.Valid(body) {
		return errors.New("must be JSON in UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return fmt.Errorf("must be JSON: %w", err)
	}
	whole, err := exactKeys(bytes.TrimSpace(whole), reflect.TypeOf(into))
	if err != nil {
		return err
	}
	err = json.Unmarshal(whole, into)
	if _, bad := errors.AsType[*json.UnmarshalTypeError](err); bad {
		return errors.New("holds a number that is out of range") // types are the validation's business
	}
	return err
}

// exactKeys makes sure that decoding takes the same keys as the validation looks at: of several
// with one name encoding/json takes the last, and it takes names in any case. Of an object that
// goes into a struct it leaves what the struct names.
func exactKeys(value []byte, typ reflect.Type) ([]byte, error) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return value, nil
	case value[0] == '{' && (typ.Kind() == reflect.Struct || typ.Kind() == reflect.Interface):
		keys, err := keysOf(value)
		if err != nil || typ.Kind() == reflect.Interface {
			return value, err
		}
		named := map[string]json.RawMessage{}
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if v, given := keys[name]; given && name != "" {
				if named[name], err = exactKeys(v, f.Type); err != nil {
					return nil, err
				}
			}
		}
		return marshal(named)
	case value[0] == '[' && typ.Kind() == reflect.Slice:
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return nil, err
		}
		for i := range elements {
			var err error
			if elements[i], err = exactKeys(elements[i], typ.Elem()); err != nil {
				return nil, err
			}
		}
		return marshal(elements)
	}
	return value, nil
}

// marshal is json.Marshal without the escaping of HTML, as in all answers.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// keysOf gives the values of an object, which is valid JSON.
func keysOf(object []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(object)) // of valid JSON: it does not fail
	_, _ = d.Token()
	keys := map[string]json.RawMessage{}
	for d.More() {
		key, _ := d.Token()
		name, _ := key.(string)
		if _, twice := keys[name]; twice {
			return nil, fmt.Errorf("has the key %s more than once", quote(name))
		}
		var value json.RawMessage
		_ = d.Decode(&value)
		keys[name] = value
	}
	return keys, nil
}

func (r *registrar) schemas() huma.Registry { return r.api.OpenAPI().Components.Schemas }

// reply is the envelope of a success.
type reply[T any] struct {
	Status string `json:"status" enum:"success"`
	Data   T      `json:"data"`
}

type envelope[T any] struct{ Body reply[T] }

// handle registers a handler whose answer is encoded.
func handle[I, O any](r *registrar, op operation, handler func(context.Context, *I) (*O, error)) {
	huma.Register(r.api, r.describe(op), func(ctx context.Context, in *I) (*envelope[O], error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, r.fail(ctx, op.class, err)
		}
		return &envelope[O]{reply[O]{"success", *out}}, nil
	})
}

// Warning is something that a client should know although the action succeeded.
type Warning struct {
	Message string `json:"message"`
}

// actionReply is the envelope of what was done in, or asked of, the ATS.
type actionReply[T any] struct {
	Status   string    `json:"status" enum:"success"`
	Data     T         `json:"data"`
	Warnings []Warning `json:"warnings" doc:"What was left out, or is odd."`
}

type actionEnvelope[T any] struct{ Body actionReply[T] }

// done is the answer of an action.
type done[T any] struct {
	data     T
	warnings []string
}

// handleAction registers a handler whose answer may carry warnings.
func handleAction[I, O any](r *registrar, op operation, handler func(context.Context, *I) (done[O], error)) {
	huma.Register(r.api, r.describe(op), func(ctx context.Context, in *I) (*actionEnvelope[O], error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, r.fail(ctx, op.class, err)
		}
		reply := actionReply[O]{Status: "success", Data: out.data, Warnings: make([]Warning, 0, len(out.warnings))}
		for _, w := range out.warnings {
			reply.Warnings = append(reply.Warnings, Warning{w})
		}
		return &actionEnvelope[O]{reply}, nil
	})
}

// spliced is a page of records that are JSON already.
type spliced struct {
	records []byte // separated by commas
	next    *string
}

// handleSpliced registers a handler whose answer goes out as it is.
func handleSpliced[I any](r *registrar, op operation, schema schemaOf, handler func(context.Context, *I) (*spliced, error)) {
	described := r.describe(op)
	described.Responses["200"] = &huma.Response{
		Description: "OK",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: schema(r.schemas())}},
	}
	huma.Register(r.api, described, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, r.fail(ctx, op.class, err)
		}
		return &huma.StreamResponse{Body: out.write}, nil
	})
}

func (p *spliced) write(ctx huma.Context) {
	next := "null"
	if p.next != nil {
		next = strconv.Quote(*p.next) // base64: nothing to escape
	}
	head, tail := `{"status":"success","data":{"next":`+next+`,"results":[`, `]}}`
	ctx.SetHeader("Content-Type", "application/json")
	ctx.SetHeader("Content-Length", strconv.Itoa(len(head)+len(p.records)+len(tail)))
	ctx.SetStatus(http.StatusOK)
	w := ctx.BodyWriter()
	for _, part := range [][]byte{[]byte(head), p.records, []byte(tail)} {
		if _, err := w.Write(part); err != nil {
			return // the client went away
		}
	}
}

func (r *registrar) describe(op operation) huma.Operation {
	r.operations[op.route] = op
	method, path, _ := strings.Cut(op.route, " ")
	failures := "ErrorGeneral"
	if op.class == recruiting {
		failures = "ErrorATS"
	}
	out := huma.Operation{
		Method: method, Path: path, OperationID: op.id, Summary: op.summary, Description: op.doc,
		Tags: []string{op.tag}, Deprecated: op.deprecated,
		Responses: map[string]*huma.Response{"default": {
			Description: "Any other status than 200 comes with an error.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/" + failures}}},
		}},
		MaxBodyBytes: -1, BodyReadTimeout: -1, // received bounds both
	}
	if op.live {
		whole := &huma.Schema{Type: "integer"}
		concurrency := map[string]*huma.Header{
			"Concurrency-Limit":     {Description: "How many actions, and other requests that ask the ATS, the integration may have under way at once.", Schema: whole},
			"Concurrency-Remaining": {Description: "How many more may begin now.", Schema: whole},
		}
		out.Responses["default"].Headers = concurrency
		answered := maps.Clone(concurrency)
		if op.tag == "actions" {
			answered["Idempotent-Replayed"] = &huma.Header{Description: "true for the answer to an earlier request, which is given again.", Schema: &huma.Schema{Type: "string"}}
		}
		out.Responses["200"] = &huma.Response{Headers: answered}
	}
	no := false
	for _, p := range op.params {
		described := &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: p.schema(), Deprecated: p.deprecated}
		if p.kind == listKind || p.kind == enumsKind {
			described.Explode = &no // one value, separated by commas
		}
		out.Parameters = append(out.Parameters, described)
	}
	return out
}

func (p param) schema() *huma.Schema {
	s := &huma.Schema{Default: p.def}
	values := func(names []string) (out []any) {
		for _, n := range names {
			out = append(out, n)
		}
		return out
	}
	switch p.kind {
	case textKind:
		s.Type, s.MaxLength = "string", new(maxTextLength)
	case listKind:
		s.Type, s.Items, s.MaxItems = "array", &huma.Schema{Type: "string"}, new(maxValues)
	case enumKind:
		s.Type, s.Enum = "string", values(p.values)
	case enumsKind:
		s.Type, s.Items = "array", &huma.Schema{Type: "string", Enum: values(p.values)}
	case flagKind:
		s.Type, s.Enum = "string", values([]string{"true", "false"})
	case instantKind:
		s.Type, s.Pattern = "string", instantPattern.String()
	case numberKind:
		s.Type, s.Minimum, s.Maximum = "integer", new(float64(p.min)), new(float64(p.max))
	}
	return s
}

// finish completes what huma leaves open and gives the document: null is a value of a nullable
// enum, an answer may grow keys, and the header that names the integration must be sent although
// its absence is reported with a code of its own.
func (r *registrar) finish() ([]byte, error) {
	doc := r.api.OpenAPI()
	for _, s := range r.schemas().Map() {
		settle(s)
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				p.Required = p.Required || p.Name == integrationHeader
			}
		}
	}
	return json.Marshal(doc)
}

func settle(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Nullable && len(s.Enum) > 0 && !slices.Contains(s.Enum, any(nil)) {
		s.Enum = append(s.Enum, nil)
		s.PrecomputeMessages()
	}
	if s.AdditionalProperties == false {
		s.AdditionalProperties = nil
	}
	settle(s.Items)
	for _, p := range s.Properties {
		settle(p)
	}
}

func errorSchema(c class) *huma.Schema {
	var codes []any
	for code := range verdicts {
		if c == recruiting || strings.HasPrefix(string(code), "PLATFORM.") {
			codes = append(codes, string(code))
		}
	}
	slices.SortFunc(codes, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return &huma.Schema{
		Type: "object", Required: []string{"status", "error"},
		Properties: map[string]*huma.Schema{
			"status": {Type: "string", Enum: []any{"error"}},
			"error": {
				Type: "object", Required: []string{"code", "title", "message", "log_url"},
				Properties: map[string]*huma.Schema{
					"code":    {Type: "string", Enum: codes, Description: "What clients branch on."},
					"title":   {Type: "string", Description: "A fixed label of the code."},
					"message": {Type: "string", Description: "What was wrong and what to do."},
					"log_url": {Type: "string", Nullable: true, Format: "uri"},
				},
			},
		},
	}
}

// Resolve keeps the query for the operation's own parameters.
func (q *RawQuery) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	q.values, q.err = url.ParseQuery(u.RawQuery)
	return nil
}

// schemaOf gives the schema of a list's answer.
type schemaOf func(huma.Registry) *huma.Schema

func of[T any]() schemaOf {
	return func(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[reply[Results[T]]](), true, "") }
}

// orNull documents an object that may be null. huma has no word for that.
type orNull[T any] struct{ Value *T }

// Schema gives the object's schema or null.
func (orNull[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{r.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}

// MarshalJSON encodes the object, or null.
func (o orNull[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.Value) }

// literalFalse documents a value that is always false.
type literalFalse struct{}

// Schema allows false alone.
func (literalFalse) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: "boolean", Enum: []any{false}}
}

// MarshalJSON encodes false.
func (literalFalse) MarshalJSON() ([]byte, error) { return []byte("false"), nil }
