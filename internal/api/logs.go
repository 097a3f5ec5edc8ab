package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/trail"
)

// named finds out which integration a request is about before anything else of it is judged, so
// that whatever is wrong with it has a log entry.
func (s *server) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(integrationHeader)
		if rest, ok := strings.CutPrefix(r.URL.Path, "/v1/integrations/"); ok {
			id, _, _ = strings.Cut(rest, "/")
		}
		if s.Trail != nil && versioned(r.URL.Path) && ats.ValidIntegrationID(id) && validText(id) {
			// What goes wrong here goes wrong again where the integration is needed, and is answered there.
			if i, err := s.Store.Integration(r.Context(), id); err == nil {
				s.about(r.Context(), i)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// about notes which integration a request is about.
func (s *server) about(ctx context.Context, i store.Integration) {
	info := infoOf(ctx)
	info.integration = i
	if s.Trail != nil {
		info.logURL = s.PublicURL + "/logs/" + info.id
	}
}

// recorded writes calls that are about an integration into the request log. An answer that carries
// an address of the log goes out when the entry is there.
func (s *server) recorded(next http.Handler) http.Handler {
	if s.Trail == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoOf(r.Context())
		call, r := s.Trail.Begin(r, info.id)
		h := &held{ResponseWriter: w, call: call, answer: call.Answer(0, http.Header{})}
		defer func() {
			broken := recover() // once an answer has begun, a panic is how it is broken off
			if i := info.integration; i.ID != "" {
				answer := h.answer
				if broken != nil {
					answer = nil
				}
				call.End(trail.Integration{No: i.No, ID: i.ID, Unkept: info.op.relays && !i.Restriction().None()}, info.route, h.code, answer)
				if h.holding {
					ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), writtenWithin)
					defer cancel()
					s.Trail.Flush(ctx)
				}
			}
			if broken != nil {
				panic(broken)
			}
			h.release()
		}()
		next.ServeHTTP(h, r)
		h.WriteHeader(http.StatusOK)
	})
}

// writtenWithin is how long an answer waits for its log entry when the database is busy. The entry
// comes later then.
const writtenWithin = 3 * time.Second

// maxHeldBack is how much of an answer is held back. Only what is streamed has more.
const maxHeldBack = 256 << 10

// held notes an answer on its way, and holds back those whose log entry has to be there first.
type held struct {
	http.ResponseWriter
	call    *trail.Call
	answer  *trail.Body
	code    int
	holding bool
	back    bytes.Buffer
}

// WriteHeader begins the answer.
func (h *held) WriteHeader(code int) {
	if h.code != 0 {
		return
	}
	h.code, h.answer, h.holding = code, h.call.Answer(code, h.Header()), h.call.Kept(code)
	if !h.holding {
		h.ResponseWriter.WriteHeader(code)
	}
}

// Write goes on with it.
func (h *held) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	_, _ = h.answer.Write(p) // it does not fail
	if h.holding && h.back.Len()+len(p) <= maxHeldBack {
		return h.back.Write(p)
	}
	h.release()
	return h.ResponseWriter.Write(p)
}

// release sends what was held back.
func (h *held) release() {
	if h.holding {
		h.holding = false
		h.ResponseWriter.WriteHeader(h.code)
		_, _ = h.ResponseWriter.Write(h.back.Bytes()) // the client may be gone
		h.back = bytes.Buffer{}
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (h *held) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// LoggedRequest is a request in the log.
type LoggedRequest struct {
	ID            string  `json:"id" doc:"Of a call of this API: its X-Request-Id."`
	IntegrationID *string `json:"integration_id" doc:"Null for attempts to connect."`
	Kind          string  `json:"kind" enum:"api,ats" doc:"api: a call of this API. ats: a request to the ATS."`
	ParentID      *string `json:"parent_id" doc:"The API call for which the ATS was asked."`
	RunID         *string `json:"run_id" doc:"The sync that it belongs to."`
	ActionID      *string `json:"action_id" doc:"The action that it belongs to."`
	Route         *string `json:"route" doc:"The operation of this API."`
	Method        string  `json:"method"`
	Address       string  `json:"address" doc:"Without values that may be secret or personal."`
	Status        *int64  `json:"status" doc:"Null: there was no answer."`
	Failed        bool    `json:"failed"`
	Error         *string `json:"error"`
	StartedAt     string  `json:"started_at" format:"date-time"`
	Duration      int64   `json:"duration_ms"`
	RequestBytes  int64   `json:"request_bytes"`
	ResponseBytes int64   `json:"response_bytes"`
}

// LoggedBodies are the bodies of a request as far as the log keeps them.
type LoggedBodies struct {
	Request     *string `json:"request_body" doc:"Null: not kept. Secrets and contents of files are replaced."`
	RequestCut  bool    `json:"request_body_cut" doc:"There was more of it."`
	Response    *string `json:"response_body" doc:"Null: not kept."`
	ResponseCut bool    `json:"response_body_cut"`
}

// LoggedExchange is a request with its bodies.
type LoggedExchange struct {
	LoggedRequest
	LoggedBodies
}

// LoggedCall is a request with what was asked of the ATS for it.
type LoggedCall struct {
	LoggedExchange
	Requests []LoggedExchange `json:"requests" doc:"Oldest first; at most 100."`
}

// maxShownRequests bounds the requests to the ATS that are shown with a call.
const maxShownRequests = 100

func showRequest(r store.Request, integration *string) LoggedRequest {
	out := LoggedRequest{
		ID: r.ID, IntegrationID: integration, Kind: r.Kind, ParentID: known(r.Parent), RunID: known(r.Run), ActionID: known(r.Action), Route: known(r.Route),
		Method: r.Method, Address: r.Address, Failed: r.Failed, Error: r.Error, StartedAt: ats.Milli(r.StartedAt).String(),
		Duration: r.Took.Milliseconds(), RequestBytes: r.RequestSize, ResponseBytes: r.ResponseSize,
	}
	if r.Status != 0 {
		out.Status = new(int64(r.Status))
	}
	return out
}

func showExchange(r store.Request, integration *string) LoggedExchange {
	return LoggedExchange{showRequest(r, integration), LoggedBodies{r.RequestBody, r.RequestCut, r.ResponseBody, r.ResponseCut}}
}

// known gives nil for an empty text.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// requestParams are the filters of the request log.
func requestParams() []param {
	return []param{
		{
			name: "kind", kind: enumKind, values: []string{store.APIRequest, store.ATSRequest}, doc: "Calls of this API, or requests to the ATS.",
			text: func(q *listQuery, v string) { q.requests.Kind = v },
		},
		{name: "failed", kind: flagKind, doc: "true: only what failed.", flag: func(q *listQuery, on bool) { q.requests.Failed = on }},
		{name: "run", kind: textKind, doc: "Only what belongs to this sync.", text: func(q *listQuery, v string) { q.requests.Run = v }},
		{name: "action", kind: textKind, doc: "Only what belongs to this action.", text: func(q *listQuery, v string) { q.requests.Action = v }},
	}
}

type requestsIn struct {
	RawQuery
	IntegrationPath
}

func (s *server) listRequests(ctx context.Context, in *requestsIn) (*Results[LoggedRequest], error) {
	i, err := s.integration(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	q, c, err := paged(in.RawQuery, maxPageSize, "requests", i.ID, requestParams()...)
	if err != nil {
		return nil, err
	}
	q.requests.Integration, q.requests.Before, q.requests.Limit = i.No, c.at, q.PageSize+1
	found, err := s.Store.Requests(ctx, q.requests)
	if err != nil {
		return nil, err
	}
	return pageOf(found, q.PageSize,
		func(r store.Request) LoggedRequest { return showRequest(r, &i.ID) },
		func(r store.Request) cursor { return cursor{"requests", i.ID, r.No, ""} }), nil
}

type requestPath struct {
	ID string `path:"request_id" doc:"The request's ID: of a call of this API, the X-Request-Id of its answer."`
}

func (s *server) getRequest(ctx context.Context, in *requestPath) (*LoggedCall, error) {
	return s.loggedCall(ctx, in.ID)
}

// loggedCall reads a request with what was asked of the ATS for it.
func (s *server) loggedCall(ctx context.Context, id string) (*LoggedCall, error) {
	none := func() error {
		return noSuch("path.request_id: the log has no request %s; it keeps them for a while only", quote(id))
	}
	if !trail.ValidID(id) {
		return nil, none()
	}
	r, err := s.Store.Request(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, none()
	} else if err != nil {
		return nil, fmt.Errorf("read request %s: %w", id, err)
	}
	var integration *string
	if r.Integration != 0 {
		i, err := s.Store.IntegrationByNo(ctx, r.Integration)
		if errors.Is(err, store.ErrNotFound) {
			return nil, none() // it went with its integration
		} else if err != nil {
			return nil, fmt.Errorf("read the integration of request %s: %w", id, err)
		}
		integration = &i.ID
	}
	out := &LoggedCall{LoggedExchange: showExchange(r, integration), Requests: []LoggedExchange{}}
	if r.Kind != store.APIRequest {
		return out, nil
	}
	made, err := s.Store.RequestsFor(ctx, r, maxShownRequests)
	if err != nil {
		return nil, err
	}
	for _, m := range made {
		out.Requests = append(out.Requests, showExchange(m, integration))
	}
	return out, nil
}

// logPage is what people see at the log_url of an error.
var logPage = template.Must(template.New("log.html").Funcs(template.FuncMap{"pretty": pretty}).ParseFS(assets, "assets/log.html"))

// logStyle is the page's own style, and logPolicy what lets the browser use nothing else.
var (
	logStyle  = mustAsset("assets/log.css")
	logPolicy = func() string {
		sum := sha256.Sum256([]byte(logStyle))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	}()
)

func mustAsset(name string) string {
	b, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return string(b)
}

// pretty lays JSON out for reading; anything else stays as it is.
func pretty(text *string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(*text), "", "  ") != nil {
		return *text
	}
	return b.String()
}

// showLog shows a request to people. Browsers ask for the API key as a password.
func (s *server) showLog(w http.ResponseWriter, r *http.Request) {
	header := r.Header.Get("Authorization")
	if _, password, ok := r.BasicAuth(); ok {
		header = "Bearer " + password
	}
	key, err := s.recognise(r.Context(), header)
	var call *LoggedCall
	if err == nil {
		infoOf(r.Context()).key = key.ID
		call, err = s.loggedCall(r.Context(), r.PathValue("request_id"))
	}
	shown := struct {
		Style   template.CSS
		Call    *LoggedCall
		Problem string
	}{Style: template.CSS(logStyle), Call: call} //nolint:gosec // our own
	status := http.StatusOK
	if err != nil {
		f := s.fail(r.Context(), general, err)
		shown.Problem, status = f.Detail.Message, f.http
		if status == http.StatusUnauthorized {
			shown.Problem = "Give an API key as the password; the user name does not matter."
			w.Header().Set("WWW-Authenticate", `Basic realm="Kladka: an API key as the password", charset="UTF-8"`)
		}
	}
	var page bytes.Buffer
	if err := logPage.Execute(&page, shown); err != nil {
		write(w, s.fail(r.Context(), general, fmt.Errorf("render the log page: %w", err)))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(page.Len()))
	h.Set("Content-Security-Policy", logPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the client may be gone
}
