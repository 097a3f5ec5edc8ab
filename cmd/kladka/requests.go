package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

type requestsCmd struct {
	List requestsListCmd `cmd:"" help:"List logged requests, newest first."`
	Show requestsShowCmd `cmd:"" help:"Show one with its bodies and, for a call of the API, what was asked of TRAFFIT for it."`
}

// Help is shown by --help.
func (*requestsCmd) Help() string {
	return `Every call of the API that is about an integration and every request to TRAFFIT is logged for KLADKA_REQUEST_LOG_DAYS
days. Bodies are kept of what changes something, of attempts to connect and of what fails, up to 64 KiB each, without
secrets and without the contents of files.`
}

type requestsListCmd struct {
	Integration string   `arg:"" optional:"" help:"Integration ID or tenant name; without one, attempts to connect a new tenant."`
	Failed      bool     `help:"Only what failed."`
	Limit       int      `help:"How many; default: ${default}." default:"50" placeholder:"N"`
	JSON        bool     `name:"json" help:"Print JSON."`
	Settings    settings `embed:""`
}

// requestJSON is a logged request for scripts.
type requestJSON struct {
	ID           string  `json:"id"`
	Kind         string  `json:"kind"`
	ParentID     *string `json:"parent_id"`
	RunID        *string `json:"run_id"`
	ActionID     *string `json:"action_id"`
	Method       string  `json:"method"`
	Address      string  `json:"address"`
	Status       int     `json:"status"` // 0: no answer
	Failed       bool    `json:"failed"`
	Error        *string `json:"error"`
	StartedAt    *string `json:"started_at"`
	Duration     int64   `json:"duration_ms"`
	RequestSize  int64   `json:"request_bytes"`
	ResponseSize int64   `json:"response_bytes"`
}

// requestDetailsJSON is one with its bodies.
type requestDetailsJSON struct {
	requestJSON
	RequestBody  *string              `json:"request_body"`
	RequestCut   bool                 `json:"request_body_cut"`
	ResponseBody *string              `json:"response_body"`
	ResponseCut  bool                 `json:"response_body_cut"`
	Requests     []requestDetailsJSON `json:"requests,omitempty"`
}

func requestAsJSON(r store.Request) requestJSON {
	return requestJSON{
		r.ID, r.Kind, nullable(r.Parent), nullable(r.Run), nullable(r.Action), r.Method, r.Address, r.Status, r.Failed, r.Error,
		stamp(&r.StartedAt), r.Took.Milliseconds(), r.RequestSize, r.ResponseSize,
	}
}

func requestDetails(r store.Request) requestDetailsJSON {
	return requestDetailsJSON{requestAsJSON(r), r.RequestBody, r.RequestCut, r.ResponseBody, r.ResponseCut, nil}
}

// nullable gives nil for an empty text.
func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Run lists requests.
func (c *requestsListCmd) Run(s *surroundings) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.Settings.with(s, func(a *app.App) error {
		q := store.RequestQuery{Failed: c.Failed, Limit: c.Limit}
		if c.Integration != "" {
			i, err := a.FindIntegration(s.ctx, c.Integration)
			if err != nil {
				return err
			}
			q.Integration = i.No
		}
		found, err := a.Store.Requests(s.ctx, q)
		if err != nil {
			return err
		}
		if c.JSON {
			out := []requestJSON{}
			for _, r := range found {
				out = append(out, requestAsJSON(r))
			}
			return printJSON(s.stdout, out)
		}
		if len(found) == 0 {
			s.say("Nothing is logged.")
			return nil
		}
		t := newTable("ID", "KIND", "WHEN", "STATUS", "TOOK", "REQUEST")
		for _, r := range found {
			t.row(r.ID, r.Kind, ago(&r.StartedAt, time.Now()), statusOf(r), r.Took.String(), r.Method+" "+r.Address)
		}
		return t.write(s.stdout)
	})
}

func statusOf(r store.Request) string {
	if r.Status == 0 {
		return "no answer"
	}
	return fmt.Sprint(r.Status)
}

type requestsShowCmd struct {
	ID       string   `arg:"" help:"The request's ID: of a call of the API, the X-Request-Id of its answer and the end of its log_url."`
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// shownWith bounds the requests to TRAFFIT that are shown with a call of the API.
const shownWith = 100

// Run shows a request.
func (c *requestsShowCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		r, err := a.Store.Request(s.ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the log has no request %q; `kladka requests list INTEGRATION` shows what it has", c.ID)
		} else if err != nil {
			return err
		}
		var made []store.Request
		if r.Kind == store.APIRequest {
			if made, err = a.Store.RequestsFor(s.ctx, r, shownWith); err != nil {
				return err
			}
		}
		if c.JSON {
			out := requestDetails(r)
			for _, m := range made {
				out.Requests = append(out.Requests, requestDetails(m))
			}
			return printJSON(s.stdout, out)
		}
		for n, r := range append([]store.Request{r}, made...) {
			if n > 0 {
				s.print("")
			}
			printRequest(s, r)
		}
		return nil
	})
}

func printRequest(s *surroundings, r store.Request) {
	s.print("%s %s", r.Method, r.Address)
	s.print("  %s, %s, began %s, took %s; ID %s", r.Kind, statusOf(r), *stamp(&r.StartedAt), r.Took, r.ID)
	if r.Error != nil {
		s.print("  error: %s", oneLine(*r.Error))
	}
	for _, b := range []struct {
		name string
		text *string
		cut  bool
	}{{"request", r.RequestBody, r.RequestCut}, {"answer", r.ResponseBody, r.ResponseCut}} {
		if b.text == nil {
			continue
		}
		more := ""
		if b.cut {
			more = " (cut)"
		}
		s.print("  %s%s:\n%s", b.name, more, *b.text)
	}
}
