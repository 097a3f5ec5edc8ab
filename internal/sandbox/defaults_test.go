package sandbox

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// TestDefaults holds answers of the switches' defaults fast, byte for byte,
// with their headers: a new switch must not change them.
func TestDefaults(t *testing.T) {
	s := testSandbox(t, Config{})
	c := newClient(t, s)
	sum := func(path string) string {
		h := sha256.New()
		for _, header := range [][]string{
			nil,
			{"X-Request-Page-Size", "50", "X-Request-Current-Page", "2"},
			{"X-Request-Page-Size", "200", "X-Request-Current-Page", "99"},
			{"X-Request-Sort", `{"id":"DESC"}`},
			{"X-Request-Filter", `{"updated_at":{"value":"2026-06-15 12:00:00","comparison":">="},"id":{"value":4,"comparison":">="}}`},
			{"X-Request-Filter", `{"nonsense":{"value":1}}`},
			{"X-Response-Metadata", "true"},
		} {
			a := get(t, c, path, header...)
			_, _ = fmt.Fprintln(h, a.status)
			_ = a.header.Write(h)
			_, _ = h.Write(a.body)
		}
		return fmt.Sprintf("%x", h.Sum(nil)[:8])
	}
	// In this order, since the keys of some rows are shuffled by the number of the request.
	for _, test := range []struct{ path, want string }{
		{"/users/", "01af9ae9227bb4b3"},
		{"/users/28", "c411b8266f9edb49"},
		{"/users/29", "c411b8266f9edb49"},
		{"/workflows", "7592d5dd8bd6f5b7"},
		{"/workflows/", "82d593db87b5527b"},
		{"/workflows/details", "3e03147416862f9d"},
		{"/workflows/4", "201d0264e0090af1"},
		{"/workflows/stats", "ade8f7f0928694d3"},
		{"/clients/", "0ee0eb133ca8f990"},
		{"/crm_persons/", "142996ca8de13d54"},
		{"/recruitments/", "c405a39fc616e2e5"},
		{"/recruitments/52", "8a0d755bd7e04a62"},
		{"/recruitments/171", "4fab6578a5ede976"},
		{"/recruitments/171/states", "2100d325d68cde16"},
		{"/recruitments/171/employees", "e49c61dd42d6bff3"},
		{"/recruitments/171/rejections", "ac99073eddbc2cb6"},
		{"/recruitments/171/job_posts", "2619d98a4212589c"},
		{"/employees/", "76d1440b84eab235"},
		{"/employees/activities", "7898de29189f07c7"},
		{"/employees/recruitment_history", "49ffe664f449a732"},
		{"/employees/1248", "dda05495025652c6"},
		{"/employees/1248/notes", "5baca03772306c87"},
		{"/employees/1248/activities", "dcde899a87b3b374"},
		{"/employees/1248/tags", "b6520a2ff504e9af"},
		{"/employees/1248/sources", "2619d98a4212589c"},
		{"/employees/1248/files", "9db7f8864f6aa96f"},
		{"/employees/1250/activities", "c411b8266f9edb49"},
		{"/employees/1251/activities", "c411b8266f9edb49"},
		{"/employees/1252/activities", "eadfe80a6d761080"},
		{"/employees/1251/sources", "c411b8266f9edb49"},
		{"/employees/1250/sources", "c411b8266f9edb49"},
		{"/sources", "815c5d7843fc316c"},
		{"/talents", "d916efde17ba4352"},
		{"/dictionaries/", "7d6887bc559877f1"},
		{"/dictionaries/4", "40d3bc36a592e7d1"},
		{"/public/job_posts/published", "4361b09444720e1e"},
		{"/public/an/list/?limit=5", "ad8596cfffb2d380"},
		{"/nothing", "c411b8266f9edb49"},
	} {
		if got := sum(test.path); got != test.want {
			t.Errorf("%s answers otherwise: sum %s, want %s", test.path, got, test.want)
		}
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(allTruth(s)))[:16]; got != "f6a4303a8042ce16" {
		t.Errorf("the truth is another: sum %s", got)
	}
}

// get asks the API or, without a token, a public page.
func get(t testing.TB, c client, path string, header ...string) answer {
	t.Helper()
	if strings.HasPrefix(path, "/public") {
		return do(t, c.s, "GET", path, "", header...)
	}
	return c.get(t, path, header...)
}
