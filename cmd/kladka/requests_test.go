package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRequests(t *testing.T) {
	each(t, func(t *testing.T, sh *shell) {
		list := func(args ...string) (out []requestJSON) {
			t.Helper()
			if err := json.Unmarshal([]byte(sh.must(t, append([]string{"requests", "list", "--json", "--limit", "1000"}, args...)...)), &out); err != nil {
				t.Fatal(err)
			}
			return out
		}
		secret := sh.stdin
		sh.stdin = "wrong-" + secret
		if got := sh.run(t.Context(), addDemo()...); got.code != exitFailed {
			t.Fatalf("connected with a wrong secret: %s", got.err)
		}
		attempts := list("--failed")
		if len(attempts) == 0 || attempts[0].Method != "POST" || !strings.HasSuffix(attempts[0].Address, "/oauth2/token") || attempts[0].Status < 400 {
			t.Fatalf("attempts to connect: %+v", attempts)
		}
		shown := sh.must(t, "requests", "show", attempts[0].ID)
		if strings.Contains(shown, secret) || !strings.Contains(shown, `"client_secret":"REDACTED"`) || !strings.Contains(shown, "answer:") {
			t.Errorf("the attempt:\n%s", shown)
		}

		sh.stdin = secret
		sh.must(t, addDemo("--wait")...)
		var show requestDetailsJSON
		runs := map[string]int{}
		for n, r := range list("demo") {
			if r.RunID == nil || r.Kind != "ats" || r.Failed {
				t.Errorf("of a sync: %+v", r)
				break
			}
			runs[*r.RunID]++
			if n < 3 {
				if err := json.Unmarshal([]byte(sh.must(t, "requests", "show", "--json", r.ID)), &show); err != nil || show.ResponseBody != nil || show.ResponseSize == 0 || show.ID != r.ID {
					t.Errorf("%+v, %v", show, err)
				}
			}
		}
		if len(runs) != 1 {
			t.Errorf("requests by sync: %v, want those of one", runs)
		}
		if text := sh.must(t, "requests", "list", "demo", "--limit", "2"); strings.Count(text, "\n") != 2 || !strings.Contains(text, "200") {
			t.Errorf("the list:\n%s", text)
		}
		if got := sh.run(t.Context(), "requests", "show", "nope"); got.code != exitFailed {
			t.Errorf("exit code %d", got.code)
		} else {
			clearLine(t, got.err, []string{"nope", "requests list"})
		}
		if got := sh.run(t.Context(), "requests", "list", "--limit", "0"); got.code != exitUsage {
			t.Errorf("exit code %d", got.code)
		}
	})
}

func TestRequestLogIsOff(t *testing.T) {
	for days, want := range map[string]bool{"0": false, "1": true} {
		sh := newShell(t)
		sh.env["KLADKA_TRAFFIT_URL"], sh.env["KLADKA_REQUEST_LOG_DAYS"], sh.stdin = "http://127.0.0.1:1", days, "x"
		if got := sh.run(t.Context(), addDemo()...); got.code != exitFailed {
			t.Fatal(got.err)
		}
		if list := sh.must(t, "requests", "list", "--json"); (list != "[]") != want {
			t.Errorf("for %s days: %s", days, list)
		}
	}
}
