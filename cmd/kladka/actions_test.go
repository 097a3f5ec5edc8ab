package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestActions(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		key := sh.must(t, "keys", "create", "test")
		id := sh.must(t, addDemo("--wait")...)
		list := func(args ...string) (out []actionJSON) {
			t.Helper()
			if err := json.Unmarshal([]byte(sh.must(t, append([]string{"actions", "list", "demo", "--json"}, args...)...)), &out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got := list(); len(got) != 0 {
			t.Errorf("before anything was done: %+v", got)
		}
		sh.env["KLADKA_LOG_LEVEL"] = "info"
		server := sh.start(ctx, "serve", "--addr", "127.0.0.1:0")
		server.until(t, "kladka started")
		sh.env["KLADKA_LOG_LEVEL"] = "warn"
		url := field(t, server.err.String(), "address=")

		var candidates struct {
			Data struct {
				Results []struct {
					RemoteID string `json:"remote_id"`
				} `json:"results"`
			} `json:"data"`
		}
		_, page := get(t, url+"/v1/ats/candidates?page_size=1", key, id)
		if err := json.Unmarshal([]byte(page), &candidates); err != nil || len(candidates.Data.Results) != 1 {
			t.Fatal(err, candidates)
		}
		who := candidates.Data.Results[0].RemoteID
		at := url + "/v1/ats/candidates/remote:" + who
		if _, got := call(t, "POST", at+"/tags", key, id, `{"tag":{"name":"Hot"}}`); !strings.Contains(got, `"success"`) {
			t.Fatal(got)
		}
		file := `{"attachment":{"name":"cv.txt","content_type":"text/plain","data":"Q1Y=","type":"CV"}}`
		for range 2 {
			if _, got := call(t, "POST", at+"/attachments", key, id, file); !strings.Contains(got, `"success"`) {
				t.Fatal(got)
			}
		}
		got := list()
		if len(got) != 2 || got[0].Operation != "ats_add_candidate_attachment" || got[1].Operation != "ats_add_candidate_tag" {
			t.Fatalf("want the file, sent once, then the tag: %+v", got)
		}
		if open := list("--open"); len(open) != 0 {
			t.Errorf("under way: %+v", open)
		}
		if limited := list("--limit", "1"); len(limited) != 1 {
			t.Errorf("of two, one: %+v", limited)
		}
		var shown actionJSON
		if err := json.Unmarshal([]byte(sh.must(t, "actions", "show", "--json", got[0].ID)), &shown); err != nil {
			t.Fatal(err)
		}
		want := got[0]
		want.Effects = []effectJSON{{Name: "file/1", State: "done", Sent: 1, RemoteID: shown.Effects[0].RemoteID}}
		if d := cmp.Diff(want, shown); d != "" || shown.State != "confirmed" || text(shown.CandidateID) != who || shown.Code != nil {
			t.Errorf("(-want +got):\n%s\n%+v", d, shown)
		}
		if text := sh.must(t, "actions", "show", got[0].ID); !strings.Contains(text, "file/1: done") || !strings.Contains(text, "kladka requests show "+got[0].RequestID) {
			t.Errorf("shown:\n%s", text)
		}
		if text := sh.must(t, "actions", "list", "demo"); strings.Count(text, "\n") != 2 || !strings.Contains(text, "confirmed") {
			t.Errorf("the list:\n%s", text)
		}
		_, metrics := get(t, url+"/metrics", key, id)
		for _, line := range []string{`kladka_actions_open{state="requested"} 0`, `kladka_actions_open{state="sending"} 0`, `kladka_actions_open{state="unknown"} 0`} {
			if !strings.Contains(metrics, line) {
				t.Errorf("%s is missing from the metrics", line)
			}
		}
		for _, bad := range [][]string{{"actions", "show", "nope"}, {"actions", "list", "nobody"}, {"actions", "list", "demo", "--limit", "0"}} {
			if got := sh.run(t.Context(), bad...); got.code == exitOK || strings.Count(strings.TrimSpace(got.err), "\n") > 0 {
				t.Errorf("%v: exit code %d\n%s", bad, got.code, got.err)
			}
		}
		stop()
		if code := server.ends(t); code != exitOK {
			t.Errorf("exit code %d\n%s", code, server.err)
		}
	})
}

func TestFileLabels(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		sh.must(t, addDemo("--no-sync")...)
		labels := func(args ...string) map[string]string {
			t.Helper()
			var out map[string]*string
			if err := json.Unmarshal([]byte(sh.must(t, append([]string{"integrations", "file-labels", "demo", "--json"}, args...)...)), &out); err != nil {
				t.Fatal(err)
			}
			found := map[string]string{}
			for typ, label := range out {
				found[typ] = text(label)
			}
			return found
		}
		for _, step := range []struct {
			set  []string
			want map[string]string
		}{
			{nil, map[string]string{"CV": "", "COVER_LETTER": "", "OTHER": ""}},
			{[]string{"CV=Życiorys", "OTHER=Inne dokumenty"}, map[string]string{"CV": "Życiorys", "COVER_LETTER": "", "OTHER": "Inne dokumenty"}},
			{[]string{"CV=", "COVER_LETTER=List = motywacyjny"}, map[string]string{"CV": "", "COVER_LETTER": "List = motywacyjny", "OTHER": "Inne dokumenty"}},
			{nil, map[string]string{"CV": "", "COVER_LETTER": "List = motywacyjny", "OTHER": "Inne dokumenty"}},
		} {
			if d := cmp.Diff(step.want, labels(step.set...)); d != "" {
				t.Errorf("%v (-want +got):\n%s", step.set, d)
			}
		}
		if text := sh.must(t, "integrations", "file-labels", "demo"); !strings.Contains(text, "Inne dokumenty") || !strings.Contains(text, "the tenant's dictionary") {
			t.Errorf("shown:\n%s", text)
		}
		for _, bad := range []string{"CV", "cv=x", "PHOTO=x", "=x", "CV=a\nb", "CV=" + strings.Repeat("ż", maxFileLabel+1)} {
			got := sh.run(t.Context(), "integrations", "file-labels", "demo", bad)
			if got.code != exitUsage || strings.Count(strings.TrimSpace(got.err), "\n") > 0 {
				t.Errorf("%q: exit code %d\n%s", bad, got.code, got.err)
			}
		}
	})
}
