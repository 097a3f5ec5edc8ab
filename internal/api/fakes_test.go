package api_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/api"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
	"github.com/kladka/kladka/internal/secret"
	"github.com/kladka/kladka/internal/store"
)

// actions is a service that notes what it is asked for. Without do, it must not be asked.
type actions struct {
	b  *bench
	do func(store.Integration, action.Request) (action.Answer, error)

	mu      sync.Mutex
	taken   int // slots
	most    int
	entered int
	asked   []action.Request
}

const allSlots = 30

func (a *actions) Enter(context.Context, store.Integration) (action.Slot, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entered++
	if a.taken >= allSlots {
		return action.Slot{Limit: allSlots}, ats.Errorf(ats.ConcurrencyLimited, "all %d slots are taken", allSlots)
	}
	a.taken++
	a.most = max(a.most, a.taken)
	return action.Slot{Limit: allSlots, Remaining: allSlots - a.taken, Leave: func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.taken--
	}}, nil
}

func (a *actions) Do(_ context.Context, i store.Integration, r action.Request) (action.Answer, error) {
	a.mu.Lock()
	a.asked = append(a.asked, r)
	do := a.do
	a.mu.Unlock()
	if do == nil {
		a.b.Errorf("%s was to be carried out: %+v", r.Operation, r.Action)
		return action.Answer{}, errors.New("unwanted")
	}
	return do(i, r)
}

// tenant is an account with two files, that answers passthrough.
type tenant struct {
	connector.Tenant
	b *bench

	mu     sync.Mutex
	err    error // of everything
	files  map[string]string
	passed []passed
	pass   func(connector.PassthroughRequest) (connector.PassthroughAnswer, error)
}

// passed is a request that went through, with its body.
type passed struct {
	connector.PassthroughRequest
	Body string
}

func (t *tenant) Attachments(_ context.Context, candidate string) ([]connector.Attachment, error) {
	if t.err != nil || candidate != "1000" {
		return nil, t.err
	}
	at := ats.Milli(1_780_000_000_000)
	return []connector.Attachment{{ID: "7", Name: `Życiorys "1".pdf`, CreatedAt: &at}, {ID: "8", Name: "scan"}}, nil
}

func (t *tenant) OpenAttachment(_ context.Context, candidate, id string) (connector.Content, error) {
	text, ok := t.files[candidate+":"+id]
	if t.err != nil {
		return connector.Content{}, t.err
	} else if !ok {
		return connector.Content{}, fmt.Errorf("read the file: %w", connector.ErrGone)
	}
	size := int64(len(text))
	if id == "8" {
		size = -1
	}
	return connector.Content{Body: io.NopCloser(strings.NewReader(text)), Size: size}, nil
}

func (t *tenant) Passthrough(_ context.Context, r connector.PassthroughRequest) (connector.PassthroughAnswer, error) {
	p := passed{PassthroughRequest: r}
	if r.Open != nil {
		body, err := r.Open()
		if err != nil {
			return connector.PassthroughAnswer{}, err
		}
		sent, err := io.ReadAll(body)
		if err := errors.Join(err, body.Close()); err != nil {
			return connector.PassthroughAnswer{}, err
		}
		p.Body = string(sent)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed = append(t.passed, p)
	if t.pass == nil {
		t.b.Errorf("%s %s was passed through", r.Method, r.Path)
		return connector.PassthroughAnswer{}, errors.New("unwanted")
	}
	return t.pass(r)
}

func answer(status int, contentType, body string) func(connector.PassthroughRequest) (connector.PassthroughAnswer, error) {
	return func(r connector.PassthroughRequest) (connector.PassthroughAnswer, error) {
		h := http.Header{"X-Twice": {"a", "b"}}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return connector.PassthroughAnswer{URL: "https://acme.example.com/api" + r.Path, Status: status, Header: h, Body: []byte(body)}, nil
	}
}

// uploads knows one file.
type uploads struct{}

func (uploads) UploadedTypes(_ context.Context, _ int64, candidate string) (map[string]connector.FileType, error) {
	if candidate != ats.Namespace(full).ID(ats.Candidates, "1000") {
		return nil, nil
	}
	return map[string]connector.FileType{store.Digest([]byte(`Życiorys "1".pdf`)): connector.CV}, nil
}

// act completes what a server needs for live requests.
func (b *bench) act(d *api.Deps) {
	b.Helper()
	b.actions = &actions{b: b}
	b.tenant = &tenant{b: b, files: map[string]string{"1000:7": "%PDF-1.4 life", "1000:8": strings.Repeat("scanned ", 1000)}}
	spool, err := outbound.NewSpool(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	keys, err := secret.Load(secret.Options{Value: base64.StdEncoding.EncodeToString(make([]byte, secret.KeySize))})
	if err == nil {
		keys, err = keys.Derive(b.Context(), b.store, "links")
	}
	if err != nil {
		b.Fatal(err)
	}
	b.connects(d, keys)
	d.Actions, d.Spool, d.Links, d.Uploads, d.MaxFile = b.actions, spool, keys, uploads{}, 1<<20
	d.Open = func(context.Context, store.Integration) (connector.Connector, connector.Tenant, error) {
		return nil, b.tenant, nil
	}
	d.Fetch = outbound.Fetcher{Guard: outbound.Guard{AllowPrivate: true}, Spool: spool}.Fetch
}
