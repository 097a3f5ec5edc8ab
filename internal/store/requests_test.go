package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// logged is a request of the log with both bodies.
func logged(id string, no int64, change func(*store.Request)) store.Request {
	r := store.Request{
		ID: id, Integration: no, Kind: store.ATSRequest, Method: "POST", Address: "https://acme.example.com/x", Status: 200,
		StartedAt: 1000, Took: 12 * time.Millisecond, RequestSize: 7, ResponseSize: 9, RequestBody: new(`{"a":"Łucja"}`), ResponseBody: new("ok"),
	}
	if change != nil {
		change(&r)
	}
	return r
}

func addRequests(t testing.TB, s *store.Store, requests []store.Request, mentions ...store.RequestMention) {
	t.Helper()
	if err := s.AddRequests(t.Context(), requests, mentions); err != nil {
		t.Fatal(err)
	}
}

func requestIDs(t *testing.T, s *store.Store, q store.RequestQuery) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	found, err := s.Requests(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range found {
		if r.RequestBody != nil || r.ResponseBody != nil {
			t.Errorf("the list holds bodies: %+v", r)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

func TestRequestLog(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		call := logged("call", i.No, func(r *store.Request) {
			r.Kind, r.Route, r.Status, r.Failed, r.Error, r.Action = store.APIRequest, "POST /v1/x", 400, true, new("bad"), "act"
			r.RequestCut, r.ResponseCut = true, true
		})
		addRequests(t, s, []store.Request{
			logged("sync", i.No, func(r *store.Request) { r.Run, r.RequestBody, r.ResponseBody = "run", nil, nil }),
			logged("child", i.No, func(r *store.Request) { r.Parent = "call" }),
			logged("later", i.No, func(r *store.Request) { r.Action = "act" }),
			logged("foreign", other.No, func(r *store.Request) { r.Parent, r.Action = "call", "act" }),
			call,
			logged("unconnected", 0, func(r *store.Request) { r.Status, r.Failed, r.Error = 0, true, new("no answer") }),
		})
		addRequests(t, s, []store.Request{logged("call", i.No, nil)}) // an ID that is taken changes nothing

		got, err := s.Request(t.Context(), "call")
		got.No = 0
		if d := cmp.Diff(call, got); d != "" || err != nil {
			t.Errorf("%v, (-want +got):\n%s", err, d)
		}
		if _, err := s.Request(t.Context(), "nope"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown ID: %v", err)
		}
		for name, c := range map[string]struct {
			q    store.RequestQuery
			want string
		}{
			"all":         {store.RequestQuery{Integration: i.No}, "call later child sync"},
			"kind":        {store.RequestQuery{Integration: i.No, Kind: store.APIRequest}, "call"},
			"failed":      {store.RequestQuery{Integration: i.No, Failed: true}, "call"},
			"run":         {store.RequestQuery{Integration: i.No, Run: "run"}, "sync"},
			"action":      {store.RequestQuery{Integration: i.No, Action: "act"}, "call later"},
			"all at once": {store.RequestQuery{Integration: i.No, Action: "act", Kind: store.ATSRequest, Failed: true}, ""},
			"unconnected": {store.RequestQuery{}, "unconnected"},
			"bounded":     {store.RequestQuery{Integration: i.No, Limit: 2}, "call later"},
		} {
			if got := strings.Join(requestIDs(t, s, c.q), " "); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		page, err := s.Requests(t.Context(), store.RequestQuery{Integration: i.No, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(requestIDs(t, s, store.RequestQuery{Integration: i.No, Before: page[1].No}), " "); got != "child sync" {
			t.Errorf("the next page: %q", got)
		}
		made, err := s.RequestsFor(t.Context(), call, 10)
		if err != nil || len(made) != 2 || made[0].ID != "child" || made[1].ID != "later" || made[0].RequestBody == nil {
			t.Errorf("made for the call: %+v, %v", made, err)
		}
		call.Action = ""
		if made, err = s.RequestsFor(t.Context(), call, 10); err != nil || len(made) != 1 {
			t.Errorf("made for the call without an action: %+v, %v", made, err)
		}
	})
}

// Erasing a record removes what the bodies say, of all requests that mention it and of no other.
func TestForgetRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		mention := func(no int64, m ats.Model, record, request string) store.RequestMention {
			return store.RequestMention{Integration: no, Model: m, RecordID: record, RequestID: request}
		}
		addRequests(t, s, []store.Request{
			logged("one", i.No, nil), logged("two", i.No, func(r *store.Request) { r.Failed, r.Error = true, new("Łucja?") }),
			logged("others", i.No, nil), logged("foreign", other.No, nil),
		},
			mention(i.No, ats.Candidates, "c1", "one"), mention(i.No, ats.Candidates, "c1", "two"), mention(i.No, ats.Candidates, "c2", "two"),
			mention(i.No, ats.Candidates, "c1", "one"), mention(i.No, ats.Applications, "c1", "others"), mention(other.No, ats.Candidates, "c1", "foreign"))
		for range 2 { // again, it changes nothing
			if err := s.ForgetRequests(ctx, i.No, ats.Candidates, "c1"); err != nil {
				t.Fatal(err)
			}
		}
		for id, want := range map[string]bool{"one": false, "two": false, "others": true, "foreign": true} {
			r, err := s.Request(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if kept := r.RequestBody != nil && r.ResponseBody != nil; kept != want || (r.RequestBody != nil || r.Error != nil) != want {
				t.Errorf("%s: %+v, its bodies should be kept: %t", id, r, want)
			}
			if r.Status != 200 || r.RequestSize != 7 {
				t.Errorf("%s: that it was made is gone: %+v", id, r)
			}
		}
		if left := lines(t, s, `SELECT model, record_id, request_id FROM request_mentions`); len(left) != 2 {
			t.Errorf("links %q, want the two of the others", left)
		}
	})
}

func TestPurgeRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		var old []store.Request
		for n := range 4500 { // more than two steps
			old = append(old, logged(fmt.Sprint(n), i.No, func(r *store.Request) { r.RequestBody, r.ResponseBody = nil, nil }))
		}
		addRequests(t, s, old, store.RequestMention{Integration: i.No, Model: ats.Jobs, RecordID: "j", RequestID: "7"})
		addRequests(t, s, []store.Request{logged("new", i.No, func(r *store.Request) { r.StartedAt = 2000 })},
			store.RequestMention{Integration: i.No, Model: ats.Jobs, RecordID: "j", RequestID: "new"})
		steps := 0
		for more := true; more; steps++ {
			var err error
			if more, err = s.PurgeRequests(ctx, 2000); err != nil {
				t.Fatal(err)
			}
			if steps > 10 {
				t.Fatal("the purge does not end")
			}
		}
		if steps < 3 {
			t.Errorf("%d steps for 4500 requests: they are not bounded", steps)
		}
		if got := strings.Join(requestIDs(t, s, store.RequestQuery{Integration: i.No}), " "); got != "new" {
			t.Errorf("left: %q", got)
		}
		if left := lines(t, s, `SELECT request_id FROM request_mentions`); len(left) != 1 {
			t.Errorf("links of %q are left", left)
		}
	})
}

func TestRequestsOfRemovedIntegrationArePurged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		gone, stays := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		addRequests(t, s, []store.Request{logged("gone", gone.No, nil), logged("stays", stays.No, nil)},
			store.RequestMention{Integration: gone.No, Model: ats.Jobs, RecordID: "j", RequestID: "gone"})
		if err := s.RemoveIntegration(ctx, gone.No, 0); err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			var err error
			if more, err = s.PurgeRemoved(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if left := lines(t, s, `SELECT id FROM requests UNION ALL SELECT request_id FROM request_mentions`); len(left) != 1 || left[0] != "stays" {
			t.Errorf("left: %q", left)
		}
	})
}

// Pages and filters of the log walk an index, however long it is.
func TestRequestPlans(t *testing.T) {
	s := storetest.SQLite(t).Open(t)
	for condition, index := range map[string]string{
		"integration = $1 AND no < $2":                    "requests_recent",
		"integration = $1 AND failed = 1":                 "requests_failed",
		"integration = $1 AND run_id = $2":                "requests_run",
		"integration = $1 AND action_id = $2 AND no < $3": "requests_action",
		"integration = $1 AND parent = $2":                "requests_parent",
	} {
		args := make([]any, strings.Count(condition, "$"))
		for n := range args {
			args[n] = int64(n)
		}
		plan := explain(t, s, false, `SELECT id FROM requests WHERE `+condition+` ORDER BY no DESC LIMIT 10`, args)
		if !strings.Contains(plan, index) || strings.Contains(plan, "SCAN") {
			t.Errorf("%s:\n%s", condition, plan)
		}
	}
}

func BenchmarkAddRequests(b *testing.B) {
	s := storetest.SQLite(b).Open(b)
	i := storetest.NewIntegration(b, s)
	var batch []store.Request
	for range 200 {
		batch = append(batch, logged("", i.No, func(r *store.Request) {
			r.Run, r.RequestBody, r.ResponseBody = "7xKXtg2CW87d97TXJSDpbD5j", nil, nil
			r.Address = "https://acme.traffit.com/api/integration/v2/employees/12345/recruitments"
		}))
	}
	for b.Loop() {
		for n := range batch {
			batch[n].ID = ats.NewID()[:16]
		}
		if err := s.AddRequests(context.Background(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "rows/s")
}
