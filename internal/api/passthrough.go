package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/media"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/store"
)

// PassthroughInput is a request to the ATS in the client's own words.
type PassthroughInput struct {
	Method  string            `json:"method" enum:"GET,POST,DELETE,PUT,PATCH"`
	Path    string            `json:"path" minLength:"1" maxLength:"8000" doc:"Below the base of the tool's API; may have a query."`
	Headers map[string]string `json:"headers,omitempty" maxProperties:"50" doc:"Credentials are added; they cannot be given."`
	Params  map[string]string `json:"params,omitempty" maxProperties:"100" doc:"Added to the query."`
	Data    anyJSON           `json:"data,omitempty" doc:"An object or an array goes out as JSON, a text as it is."`
	Base64  bool              `json:"response_as_base64,omitempty" doc:"Answer with the body in base64."`
	Form    []FormPart        `json:"multipart_form_data,omitempty" maxItems:"100" doc:"A form instead of data."`
	Options map[string]string `json:"api_options,omitempty" doc:"Not used."`
}

// FormPart is a part of a form.
type FormPart struct {
	Name  string  `json:"name" minLength:"1" maxLength:"500"`
	Value anyJSON `json:"value" doc:"A text, or a file with name, content_type, and data or data_url."`
}

// PassthroughOutput is what the ATS answered.
type PassthroughOutput struct {
	URL     string              `json:"url"`
	Status  int                 `json:"status" doc:"The status that the ATS answered with, whatever it is."`
	Headers map[string]anyValue `json:"headers" doc:"Texts, or arrays of texts for headers that came several times."`
	Data    anyValue            `json:"data" doc:"Parsed JSON, or a text; base64 on demand, and where it is no text."`
}

// anyValue documents a value of any type.
type anyValue struct{ value any }

// Schema allows anything.
func (anyValue) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// MarshalJSON gives the value.
func (v anyValue) MarshalJSON() ([]byte, error) {
	if raw, ok := v.value.(json.RawMessage); ok {
		return raw, nil
	}
	return marshal(v.value)
}

type passIn struct {
	Integration string `header:"X-Integration-Id" doc:"The integration to reach."`
	Tool        string `path:"tool" doc:"The tool's name, as in the integration's ID."`
	API         string `path:"api" doc:"Which API of the tool: v2 for traffit."`
	Body        PassthroughInput
}

func (s *server) passthrough(ctx context.Context, in *passIn) (done[PassthroughOutput], error) {
	none := done[PassthroughOutput]{}
	i, err := s.active(ctx, in.Integration)
	if err != nil {
		return none, err
	}
	if err := s.passable(i, in.Tool, in.API); err != nil {
		return none, err
	}
	request, form, err := s.passing(in, callOf(ctx).contents)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	tenant, err := s.tenant(ctx, i)
	if err != nil {
		return none, err
	}
	if form != nil {
		if err := s.fetch(ctx, form); err != nil {
			return none, err
		}
		if err := form.into(&request); err != nil {
			return none, err
		}
	}
	answer, err := tenant.Passthrough(ctx, request)
	if err != nil {
		return none, notPassed(err)
	}
	out := done[PassthroughOutput]{data: PassthroughOutput{URL: answer.URL, Status: answer.Status, Headers: map[string]anyValue{}}}
	for name, values := range answer.Header {
		out.data.Headers[strings.ToLower(name)] = anyValue{values}
		if len(values) == 1 {
			out.data.Headers[strings.ToLower(name)] = anyValue{values[0]}
		}
	}
	value, binary := passed(answer, in.Body.Base64)
	out.data.Data = anyValue{value}
	if binary {
		out.warnings = append(out.warnings, "The answer is no text; data holds it in base64. Set response_as_base64 to expect that.")
	}
	return out, nil
}

// passable tells why a path of ours leads to no API of the integration's tool, if so.
func (s *server) passable(i store.Integration, tool, api string) error {
	if tool != i.Tool {
		return noSuch("path.tool: the integration is one of %s, not of %s", i.Tool, quote(tool))
	}
	if apis := s.tools[i.Tool].Passthrough; !slices.Contains(apis, api) {
		return noSuch("path.api: must be one of %s, got %s", strings.Join(apis, ", "), quote(api))
	}
	return nil
}

// passing makes the request; its form, if it has one, is still to be completed.
func (s *server) passing(in *passIn, sent *contents) (connector.PassthroughRequest, *form, error) {
	body := in.Body
	request := connector.PassthroughRequest{API: in.API, Method: body.Method, Path: body.Path, Params: body.Params, Header: map[string]string{}}
	var c complaints
	for name, value := range body.Headers {
		if strings.EqualFold(name, "Content-Type") {
			request.ContentType = value
			continue
		}
		request.Header[name] = value
	}
	data := bytes.TrimSpace(body.Data.RawMessage)
	if bytes.Equal(data, []byte("null")) {
		data = nil
	}
	switch {
	case len(body.Form) > 0 && data != nil:
		c.add("body", "must have either data or multipart_form_data, got both")
	case len(body.Form) > 0:
		form := c.form(body.Form, sent)
		return request, form, c.err()
	case data != nil:
		typ := "application/json"
		if data[0] == '"' {
			var text string
			if err := json.Unmarshal(data, &text); err != nil {
				c.add("body.data", "cannot be read")
			}
			data, typ = []byte(text), "text/plain; charset=utf-8"
		}
		request.ContentType = cmp.Or(request.ContentType, typ)
		request.Size = int64(len(data))
		request.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	return request, nil, c.err()
}

// form is a form whose files may still have to be fetched.
type form struct{ parts []formPart }

type formPart struct {
	where, name string
	text        string
	file        *connector.File
}

func (c *complaints) form(parts []FormPart, sent *contents) *form {
	f := &form{}
	for n, p := range parts {
		part := formPart{where: fmt.Sprintf("body.multipart_form_data[%d].value", n), name: p.Name}
		raw := bytes.TrimSpace(p.Value.RawMessage)
		switch {
		case len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &part.text) == nil:
		case len(raw) > 0 && raw[0] == '{':
			in, ok := fileOf(raw)
			if !ok {
				c.add(part.where, "must be a text, or a file with name and data or data_url")
				break
			}
			name := c.required(part.where+".name", in.Name, maxFileName)
			file, _ := c.content(part.where, in, sent) // which may be anything
			file.Name = name
			part.file = &file
		default:
			c.add(part.where, "must be a text, or a file with name and data or data_url")
		}
		f.parts = append(f.parts, part)
	}
	return f
}

// fetch gets the files of a form that stand at addresses.
func (s *server) fetch(ctx context.Context, f *form) error {
	sent := callOf(ctx).contents
	for _, p := range f.parts {
		if p.file == nil || p.file.URL == "" {
			continue
		}
		got, err := s.Fetch(ctx, p.file.URL, min(s.MaxFile, sent.left))
		if err != nil {
			if _, theirs := errors.AsType[*outbound.FetchError](err); theirs {
				return ats.Errorf(ats.InputInvalid, "%s.data_url: %w", p.where, err)
			}
			return fmt.Errorf("fetch a file: %w", err)
		}
		sent.keep(got.Spooled)
		sent.left -= got.Size
		p.file.Size, p.file.Open = got.Size, got.Open
		p.file.ContentType = cmp.Or(p.file.ContentType, got.ContentType)
	}
	return nil
}

// into writes a form down: what stands around the files at once, the files while the request is sent.
func (f *form) into(r *connector.PassthroughRequest) error {
	var around bytes.Buffer
	w := multipart.NewWriter(&around)
	type piece struct {
		text []byte
		file *connector.File
	}
	var pieces []piece
	cut := func(file *connector.File) {
		text := bytes.Clone(around.Bytes())
		around.Reset()
		pieces = append(pieces, piece{text, file})
		r.Size += int64(len(text))
		if file != nil {
			r.Size += file.Size
		}
	}
	for _, p := range f.parts {
		header := textproto.MIMEHeader{}
		disposition := `form-data; name="` + escapeQuotes(p.name) + `"`
		if p.file != nil {
			disposition += `; filename="` + escapeQuotes(p.file.Name) + `"`
			header.Set("Content-Type", cmp.Or(p.file.ContentType, media.Binary))
		}
		header.Set("Content-Disposition", disposition)
		part, err := w.CreatePart(header)
		if err != nil {
			return fmt.Errorf("write a form: %w", err)
		}
		if p.file != nil {
			cut(p.file)
		} else if _, err := io.WriteString(part, p.text); err != nil {
			return fmt.Errorf("write a form: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write a form: %w", err)
	}
	cut(nil)
	r.ContentType = w.FormDataContentType()
	r.Open = func() (io.ReadCloser, error) {
		var all []io.Reader
		var files closers
		for _, p := range pieces {
			all = append(all, bytes.NewReader(p.text))
			if p.file == nil {
				continue
			}
			content, err := p.file.Open()
			if err != nil {
				return nil, errors.Join(err, files.Close())
			}
			all, files = append(all, content), append(files, content)
		}
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(all...), files}, nil
	}
	return nil
}

// closers are closed together.
type closers []io.Closer

func (all closers) Close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// escapeQuotes writes a name as forms do, as browsers would.
func escapeQuotes(name string) string {
	return strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(name)
}

// passed gives a body as the client wants it: parsed when it says that it is JSON and is, a text, or
// base64 when it was wanted or nothing else can carry it.
func passed(answer connector.PassthroughAnswer, wantBase64 bool) (value any, binary bool) {
	encoded := func() any { return base64.StdEncoding.EncodeToString(answer.Body) }
	typ, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	isJSON := typ == "" || typ == "application/json" || typ == "text/json" || strings.HasSuffix(typ, "+json")
	switch {
	case wantBase64:
		return encoded(), false
	case len(answer.Body) == 0:
		return nil, false
	case !utf8.Valid(answer.Body):
		return encoded(), true
	case isJSON && json.Valid(answer.Body):
		return json.RawMessage(answer.Body), false
	}
	return string(answer.Body), false
}

// notPassed gives a code that clients of passthrough understand. That the ATS cannot be reached is
// not the client's fault.
func notPassed(err error) error {
	err = fromATS(err)
	e, ok := errors.AsType[*ats.Error](err)
	if !ok {
		return fmt.Errorf("pass a request through: %w", err)
	}
	switch e.Code {
	case ats.RemoteUnavailable, ats.RemoteRateLimited, ats.RemoteError:
		return beyond(e.Code, e.Message)
	}
	return err
}

// beyond is a failure that has its code's title and status, but not the code.
func beyond(code ats.Code, message string) error {
	f := newFailure(ats.Unknown, message)
	f.Detail.Title, f.http = verdicts[code].title, verdicts[code].status
	return f
}
