package traffit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// mentioned writes mentions as c5, j60, a5:60 and u3.
func mentioned(ms []connector.Mention) string {
	letters := map[ats.Model]string{ats.Candidates: "c", ats.Jobs: "j", ats.Applications: "a", ats.Users: "u"}
	var out []string
	for _, m := range ms {
		out = append(out, letters[m.Model]+m.RemoteID)
	}
	return strings.Join(out, " ")
}

func TestMentions(t *testing.T) {
	for _, tc := range []struct{ path, body, want string }{
		{"", "", ""},
		{"/employees/5", "", "c5"},
		{"employees/5?x=/recruitments/9", "", "c5"},
		{"https://acme.traffit.com/api/integration/v2/employees/5/", "", "c5"},
		{"/api/integration/v2/recruitments/60", "", "j60"},
		{"/users/3", "", "u3"},
		{"/employees/5/recruitments/60/states/7/_move", "{}", "c5 j60 a5:60"},
		{"/recruitments/60/employees/5", "", "j60 c5 a5:60"},
		{"/employees/5/notes", `{"content":"to {\"employee\":{\"id\":6}}"}`, "c5"},
		{"/employees/5/files", `[{"id":77,"name":"cv.pdf"}]`, "c5"},
		{"/employees/5/files/77/content", "%PDF", "c5"},
		{"/employees/activities", `[{"id":1,"type":{"id":2},"employee":{"id":5}},{"id":3,"employee":6}]`, "c5 c6"},
		{"/workflows/9", `{"id":9,"states":[{"id":1}]}`, ""},
		{"/dictionaries/5", `{"id":5}`, ""},
		{"/oauth2/token", `{"access_token":"x"}`, ""},

		{"/employees/", `[{"id":5,"name":"A","source":{"id":9}},{"id":"6"}]`, "c5 c6"},
		{"/employees", `[[{"id":5}]]`, "c5"},
		{"/employees/", `{"id":7}`, "c7"},
		{"/employees/", `[{"id":7}]`, "c7"},
		{"/employees/", `{"employee":{"id":7}}`, "c7"},
		{"/employees/", `{"name":"Jan","email":"5"}`, ""},
		{"/employees/", `{"message":"already exists"}`, ""},
		{"/employees/", `"Not found"`, ""},
		{"/employees/5", `{"id":5,"files":[{"id":8}],"owner":{"id":3},"created_by":{"id":4}}`, "c5 u3"},
		{"/recruitments/", `[{"id":60,"client":{"id":1}},{"id":61}]`, "j60 j61"},
		{"/recruitments/60", `{"id":60,"responsible_person":[{"id":3,"email":"a@b.pl"},{"user":{"id":4}}]}`, "j60 u3 u4"},
		{"/users/", `[{"id":3,"permission_group":{"id":9}}]`, "u3"},
		{"/recruitments/60/employees", `[{"id":5},{"id":6,"source":{"id":1}}]`, "j60 c5 a5:60 c6 a6:60"},
		{"/recruitments/60/states/7", `[{"id":5}]`, "j60 c5 a5:60"},
		{"/recruitments/60/states", `[{"id":7,"workflow":{"id":1}}]`, "j60"},
		{"/recruitments/60/rejections", `[{"id":7,"name":"x"}]`, "j60"},
		{"/employees/5/recruitments", `[{"recruitment":{"id":60},"state":{"id":7}}]`, "c5 j60 a5:60"},
		{"/employees/5/recruitments", `[{"id":60,"state":{"id":7}}]`, "c5 j60 a5:60"},
		{"/employees/recruitment_history", `[{"id":1,"employee":{"id":5},"recruitment":{"id":60}},{"id":2,"recruitment":{"id":"61"},"employee":[{"id":6}]}]`, "c5 j60 a5:60 j61 c6 a6:61"},
		{"/sources", `[{"id":1,"employee":{"id":5},"employee_application":{"recruitment":{"id":60}}}]`, "c5 j60"},
		{"/public/job_posts/published", `[{"id":1,"advert":{"id":2,"recruitment":{"id":60}}}]`, "j60"},

		// What is cut, broken or strange.
		{"/employees/", `[{"id":5,"name":"A"},{"id":6,"na`, "c5 c6"},
		{"/employees/", `[{"id":5},{"id":6`, "c5"},
		{"/employees/", `[{"id":5}]]]`, "c5"},
		{"/employees/", `[{"id":5} {"id":6}]`, "c5"},
		{"/employees/", `<html>`, ""},
		{"/employees/", `[{"id":null},{"id":true},{"id":{"id":5}},{}]`, "c5"},
		{"/employees/" + strings.Repeat("9", maxKey+1), "", ""},
		{"/employees/-5", "", ""},
		{"/employees/5x", "", ""},
		{"/employees/../recruitments/60", "", ""},
		{"/", `[[[[[[{"employee":{"id":5}}]]]]]]`, "c5"},
		{"/employees/", strings.Repeat("[", 100_000), ""},
		{"/employees/", `[{"id":"` + strings.Repeat("9", maxKey+1) + `"}]`, ""},
	} {
		got := mentioned((&traffit{}).Mentions(tc.path, []byte(tc.body)))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s %.100s: (-want +got)\n%s", tc.path, tc.body, diff)
		}
	}
	var many strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&many, `{"id":%d},`, n)
	}
	if n := len((&traffit{}).Mentions("/employees/", []byte("["+many.String()+"0]"))); n != maxMentions {
		t.Errorf("%d mentions", n)
	}
}

// FuzzMentions: few enough, each once, with IDs that both databases can keep; and what a body says is
// not lost by what follows it.
func FuzzMentions(f *testing.F) {
	f.Add("/employees/5/recruitments/60", `[{"id":1,"employee":{"id":5},"recruitment":{"id":60}}]`)
	f.Add("/recruitments/60/employees", `[{"id":5},{"id":61}]`)
	f.Add("/employees/", `{"items":[{"id":"5"},6,"x"]}`)
	f.Add("/users/3", `{"responsible_person":[{"user":{"id":4}}]}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		all := (&traffit{}).Mentions(path, []byte(body))
		seen := map[connector.Mention]bool{}
		for _, m := range all {
			if seen[m] || m.RemoteID == "" || !storable(m.RemoteID) || len(m.RemoteID) > 2*maxKey+1 {
				t.Errorf("%q is mentioned", m)
			}
			seen[m] = true
		}
		if len(all) > maxMentions {
			t.Errorf("%d mentions", len(all))
		}
		whole, more := (&traffit{}).Mentions(path, []byte(body+" ")), (&traffit{}).Mentions(path, []byte(body+" \x00"))
		if json.Valid([]byte(body)) && !cmp.Equal(whole, more) {
			t.Errorf("%v, with something behind it %v", whole, more)
		}
	})
}
