package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
)

func TestTenantName(t *testing.T) {
	for in, want := range map[string]string{
		"acme": "acme", " ACME ": "acme", "cloud_recruitment": "cloud_recruitment", "acme-2": "acme-2", "acme.traffit.com": "acme",
		"https://acme.traffit.com/recruitments?x=1": "acme", "http://www.acme.traffit.com:443/": "acme",
		"": "", "a b": "", "acme.example.com": "", "-acme": "", "acme/../x": "acme", "acme@x": "", "żółw": "", "{tenant}": "",
		strings.Repeat("a", 64): "",
	} {
		got, err := tenantName(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestConnect(t *testing.T) {
	good := map[string]string{"tenant": "acme", "client_id": "x", "client_secret": "y"}
	for _, tc := range []struct{ url, want string }{
		{"", "https://acme.traffit.com/x"},
		{"http://127.0.0.1:9000/", "http://127.0.0.1:9000/x"},
		{"http://127.0.0.1:9000/t/{tenant}", "http://127.0.0.1:9000/t/acme/x"},
	} {
		opened, err := New(Options{URL: tc.url}).Connect(connector.Config{Credentials: good})
		if err != nil {
			t.Fatal(err)
		}
		if got := opened.(*tenant).address("/x"); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.url, got, tc.want)
		}
	}
	for _, missing := range []string{"tenant", "client_id", "client_secret"} {
		bad := map[string]string{"tenant": "acme", "client_id": "x", "client_secret": "y"}
		bad[missing] = " "
		if _, err := New(Options{}).Connect(connector.Config{Credentials: bad}); err == nil {
			t.Errorf("connected without %s", missing)
		}
	}
	if _, err := New(Options{URL: "ftp://x"}).Connect(connector.Config{Credentials: good}); err == nil {
		t.Error("connected to an address that is none")
	}
}

func TestTokenIsFetchedOnce(t *testing.T) {
	f := newFake(t)
	f.lists["/users/"] = []string{`{"id":1}`}
	tn := f.open()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := tn.users().Page(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if f.issued != 1 {
		t.Errorf("%d tokens were fetched", f.issued)
	}
}

func TestTokenIsReplacedBeforeItEnds(t *testing.T) {
	f := newFake(t)
	f.ttl = "3600" // also as a string
	f.lists["/users/"] = nil
	now := time.Now()
	tn := f.open(func(c *connector.Config) { c.Now = func() time.Time { return now } })
	for _, tc := range []struct {
		later time.Duration
		want  int
	}{{0, 1}, {54 * time.Minute, 1}, {2 * time.Minute, 2}} {
		now = now.Add(tc.later)
		if _, err := tn.users().Page(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if f.issued != tc.want {
			t.Errorf("after %v: %d tokens, want %d", tc.later, f.issued, tc.want)
		}
	}
}

func TestTokenThatDiesEarly(t *testing.T) {
	f := newFake(t)
	f.lists["/users/"] = []string{`{"id":1}`}
	tn := f.open()
	if _, err := tn.users().Page(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.valid = "revoked"
	f.mu.Unlock()
	if _, err := tn.users().Page(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if f.issued != 2 {
		t.Errorf("%d tokens were fetched", f.issued)
	}
	// When a new one does not help either and no other address takes it, the credentials are the
	// problem, and nothing loops.
	f.mu.Lock()
	f.special[api+"/users/"] = answers(401, `{"message":"no"}`)
	for _, e := range endpoints {
		f.special[e.path] = answers(401, `{"message":"no"}`)
	}
	f.seen = nil
	f.mu.Unlock()
	_, err := tn.users().Page(t.Context(), 1)
	if _, ok := errors.AsType[*connector.AuthError](err); !ok {
		t.Errorf("got %v", err)
	}
	if n := len(f.sent(api + "/users/")); n != 2 {
		t.Errorf("%d requests were sent", n)
	}
	// When another address takes it, this is how the lack of a scope looks.
	f.mu.Lock()
	delete(f.special, api+"/recruitments/")
	f.lists["/recruitments/"] = []string{`{"id":1}`}
	f.mu.Unlock()
	_, err = tn.users().Page(t.Context(), 1)
	if scope, ok := errors.AsType[*connector.ScopeError](err); !ok || scope.Scope != "user" {
		t.Errorf("got %v", err)
	}
}

// A token may serve so few calls that those which share it find it dead again and again.
func TestTokenOfFewUses(t *testing.T) {
	f := newFake(t)
	left := 0
	f.special["/oauth2/token"] = func(w http.ResponseWriter, r *http.Request) { left = 1; f.token(w, r) }
	f.special[api+"/users/"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+f.valid || left == 0 {
			say(w, 401, `{"error":"invalid_token"}`)
			return
		}
		left--
		say(w, 200, `[]`)
	}
	tn := f.open()
	var wg sync.WaitGroup
	for range 16 { // as many as a sync has under way at most
		wg.Go(func() {
			if _, err := tn.users().Page(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	f := newFake(t)
	hold := make(chan struct{})
	f.special["/oauth2/token"] = func(w http.ResponseWriter, r *http.Request) { <-hold; f.token(w, r) }
	f.lists["/users/"] = nil
	tn := f.open()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := tn.users().Page(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(hold)
	if _, err := tn.users().Page(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if f.issued != 1 {
		t.Errorf("the abandoned fetch was not used: %d tokens", f.issued)
	}
}

func TestCheck(t *testing.T) {
	f := newFake(t)
	for _, p := range []string{"/employees/", "/recruitments/", "/workflows", "/users/", "/sources"} {
		f.lists[p] = []string{`{"id":1}`}
	}
	f.granted = []string{"employee", "recruitment", "workflow", "user", "source"}
	f.special[api+"/sources"] = answers(403, `{"error":"insufficient_scope"}`)
	report, err := f.open().Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, s := range report.Scopes {
		got[s.Scope] = s.Granted
		if s.Needed == "" || s.Granted != (s.Problem == "") {
			t.Errorf("%+v", s)
		}
	}
	want := map[string]bool{"employee": true, "recruitment": true, "workflow": true, "user": true, "source": false, "dictionary": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCheckFails(t *testing.T) {
	wrong := func(c *connector.Config) { c.Credentials["client_secret"] = "wrong" }
	for name, tc := range map[string]struct {
		prepare func(*fake)
		change  func(*connector.Config)
		says    string
		as      func(error) bool
	}{
		"wrong secret": {change: wrong, says: "client credentials are invalid", as: is[*connector.AuthError]},
		"no scope":     {prepare: func(f *fake) { f.granted = nil }, says: "none of the scopes", as: is[*connector.ScopeError]},
		"unnamed 400": {
			prepare: func(f *fake) { f.special["/oauth2/token"] = answers(400, `{"message":"Bad Request"}`) },
			says:    "Bad Request", as: is[*connector.AuthError],
		},
		"401": {
			prepare: func(f *fake) { f.special["/oauth2/token"] = answers(401, `{"message":"no"}`) },
			as:      is[*connector.AuthError],
		},
		"no such tenant: a page": {
			prepare: func(f *fake) { f.special["/oauth2/token"] = html(200) },
			says:    `is "acme" the right tenant`, as: is[*connector.AnswerError],
		},
		"no such tenant: 503": {
			prepare: func(f *fake) { f.special["/oauth2/token"] = html(503) },
			says:    `is "acme" the right tenant`, as: is[*connector.RetryError],
		},
		"no token in the answer": {
			prepare: func(f *fake) { f.special["/oauth2/token"] = answers(200, `{"token_type":"Bearer"}`) },
			says:    "no access token", as: is[*connector.AnswerError],
		},
		"nobody there": {
			prepare: func(f *fake) { f.Close() },
			says:    "cannot be reached", as: is[*connector.RetryError],
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			change := tc.change
			if change == nil {
				change = func(*connector.Config) {}
			}
			tn := f.open(change)
			if tc.prepare != nil {
				tc.prepare(f)
			}
			_, err := tn.Check(t.Context(), nil)
			if err == nil || !tc.as(err) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %T: %v", err, err)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wrong") {
				t.Errorf("the secret is in %q", err)
			}
		})
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func gone(err error) bool { return errors.Is(err, connector.ErrGone) }

func TestAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		as     func(error) bool // for a single object
		list   func(error) bool // for a listing
		says   string
	}{
		"a page":          {html(200), is[*connector.AnswerError], is[*connector.AnswerError], "right tenant"},
		"404 page":        {html(404), is[*connector.AnswerError], is[*connector.AnswerError], "right tenant"},
		"404":             {answers(404, `{"message":"Not Found"}`), gone, is[*connector.AnswerError], ""},
		"410":             {answers(410, `{"message":"Gone"}`), gone, is[*connector.AnswerError], ""},
		"403":             {answers(403, `{"error":"insufficient_scope"}`), is[*connector.ScopeError], is[*connector.ScopeError], `"user"`},
		"403 page":        {html(403), is[*connector.AnswerError], is[*connector.AnswerError], ""},
		"400":             {answers(400, `{"message":"bad sort"}`), is[*connector.AnswerError], is[*connector.AnswerError], "bad sort"},
		"500":             {answers(500, `{}`), is[*connector.RetryError], is[*connector.RetryError], ""},
		"503 page":        {html(503), is[*connector.RetryError], is[*connector.RetryError], "right tenant"},
		"429":             {answers(429, `{}`), is[*connector.RetryError], is[*connector.RetryError], ""},
		"cut JSON":        {answers(200, `[{"id":1},{"i`), is[*connector.AnswerError], is[*connector.AnswerError], "broken JSON"},
		"empty":           {answers(200, ``), is[*connector.AnswerError], is[*connector.AnswerError], "empty"},
		"an error object": {answers(200, `{"error":"x"}`), is[*connector.AnswerError], is[*connector.AnswerError], ""},
		"null":            {answers(200, `null`), is[*connector.AnswerError], is[*connector.AnswerError], ""},
		"elsewhere": {
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://evil.example/", 302) },
			is[*connector.AnswerError], is[*connector.AnswerError], "not followed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.special[api+"/users/1"], f.special[api+"/users/"] = tc.answer, tc.answer
			tn := f.open()
			_, _, err := tn.single(t.Context(), "/users/", "user", unit(user, "1"))
			if err == nil || !tc.as(err) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("an object: %T: %v", err, err)
			}
			_, err = tn.users().Page(t.Context(), 1)
			if err == nil || !tc.list(err) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("a listing: %T: %v", err, err)
			}
			if errors.Is(err, connector.ErrGone) {
				t.Error("a listing cannot be gone")
			}
		})
	}
}

func TestRetryAfterReachesTheEngine(t *testing.T) {
	f := newFake(t)
	f.special[api+"/users/"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		say(w, 429, `{}`)
	}
	_, err := f.open().users().Page(t.Context(), 1)
	if later, ok := errors.AsType[*connector.RetryError](err); !ok || later.After != 2*time.Minute {
		t.Errorf("got %v", err)
	}
	if n := len(f.sent(api + "/users/")); n != 1 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestSingleObjects(t *testing.T) {
	f := newFake(t)
	f.objects["/users/1"], f.objects["/users/2"] = `[{"id":1,"email":"a@example.com"}]`, `{"id":"2"}`
	f.objects["/users/3"], f.objects["/users/4"] = `{"id":5}`, `[]`
	tn := f.open()
	for id, want := range map[string]bool{"1": true, "2": true, "3": false, "4": false} {
		_, _, err := tn.single(t.Context(), "/users/", "user", unit(user, id))
		if (err == nil) != want {
			t.Errorf("user %s: %v", id, err)
		}
	}
}

func TestRedirectKeepsHeaders(t *testing.T) {
	f := newFake(t)
	f.lists["/users"] = []string{`{"id":1}`}
	f.special[api+"/users/"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, api+"/users", http.StatusMovedPermanently)
	}
	if _, err := f.open().users().Page(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	r := f.sent(api + "/users")[0]
	if r.Header.Get("X-Request-Page-Size") != "100" || r.Header.Get("X-Request-Sort") != byID || r.Header.Get("Authorization") == "" {
		t.Errorf("headers: %v", r.Header)
	}
}

func TestPages(t *testing.T) {
	many := make([]string, 250)
	for i := range many {
		many[i] = fmt.Sprintf(`{"id":%d}`, i+1)
	}
	for name, tc := range map[string]struct {
		rows          []string
		bare, noPages bool
		want          connector.Page // Total, Pages and Size
	}{
		"declared":                       {rows: many, want: connector.Page{Total: 250, Pages: 3, Size: 100}},
		"pages follow from the total":    {rows: many, noPages: true, want: connector.Page{Total: 250, Pages: 3, Size: 100}},
		"nothing":                        {rows: nil, want: connector.Page{Total: 0, Pages: 1, Size: 100}},
		"undeclared, its end is found":   {rows: many, bare: true, want: connector.Page{Total: 250, Pages: 3, Size: 100}},
		"undeclared, exactly one page":   {rows: many[:100], bare: true, want: connector.Page{Total: 100, Pages: 1, Size: 100}},
		"undeclared, less than one page": {rows: many[:7], bare: true, want: connector.Page{Total: 7, Pages: 1, Size: 100}},
		"undeclared and empty":           {rows: nil, bare: true, want: connector.Page{Total: 0, Pages: 1, Size: 100}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.lists["/users/"], f.bare, f.noPages = tc.rows, tc.bare, tc.noPages
			tn := f.open()
			p, err := tn.users().Page(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if p.Total != tc.want.Total || p.Pages != tc.want.Pages || p.Size != tc.want.Size {
				t.Errorf("total %d, pages %d, size %d", p.Total, p.Pages, p.Size)
			}
			rows, _, _, err := tn.all(t.Context(), call{path: api + "/users/", scope: "user"})
			if err != nil || len(rows) != len(tc.rows) {
				t.Errorf("all of it: %d rows, %v", len(rows), err)
			}
		})
	}
}

func TestUndeclaredWithoutPaging(t *testing.T) {
	f := newFake(t)
	f.special[api+"/workflows"] = answers(200, `[{"id":1},{"id":2}]`)
	p, err := f.open().workflows().Page(t.Context(), 1)
	if err != nil || p.Total != 2 || p.Pages != 1 {
		t.Errorf("total %d, pages %d, %v", p.Total, p.Pages, err)
	}
	n := 0
	f.special[api+"/workflows"] = func(w http.ResponseWriter, _ *http.Request) {
		n++
		say(w, 200, fmt.Sprintf(`[{"id":%d}]`, n))
	}
	if _, err := f.open().workflows().Page(t.Context(), 1); !is[*connector.AnswerError](err) {
		t.Errorf("a listing without an end: %v", err)
	}
}

func TestSourcesInSlices(t *testing.T) {
	f := newFake(t)
	for i := range 73 {
		f.lists["/sources"] = append(f.lists["/sources"], fmt.Sprintf(`{"id":%d,"employee":{"id":1}}`, i+1))
	}
	limit, broken := 10, 0
	f.special[api+"/sources"] = func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.Header.Get("X-Request-Current-Page"))
		size, _ := strconv.Atoi(r.Header.Get("X-Request-Page-Size"))
		if size > limit || (page-1)*size < broken && broken <= page*size {
			say(w, 500, `{}`)
			return
		}
		f.page(w, r, f.lists["/sources"])
	}
	tn := f.open()
	read := func(page, want int, lost []int) {
		t.Helper()
		p, err := tn.sources().Page(t.Context(), page)
		if err != nil || p.Total != 73 || p.Pages != 2 || p.Size != 50 {
			t.Fatalf("page %d: %+v, %v", page, p, err)
		}
		rows, err := p.Rows()
		if err != nil || len(rows) != want {
			t.Errorf("page %d: %d rows, %v", page, len(rows), err)
		}
		if diff := cmp.Diff(lost, p.Lost); diff != "" {
			t.Errorf("page %d: lost rows (-want +got):\n%s", page, diff)
		}
	}
	read(1, 50, nil)
	f.seen = nil
	read(2, 23, nil)
	// Once slices were needed for no row's sake, they are not tried after the whole page but before.
	if n := len(f.sent(api + "/sources")); n != 4 {
		t.Errorf("the second page took %d requests", n)
	}
	limit, broken = 50, 65
	read(1, 50, nil)
	read(2, 22, []int{65})
	// When nothing of a page can be read, it is not single rows that are broken.
	f.special[api+"/sources"] = answers(500, `{}`)
	if _, err := tn.sources().Page(t.Context(), 2); !is[*connector.RetryError](err) {
		t.Errorf("an endpoint that is down: %v", err)
	}
}

// A page with a broken row is read whole but for that row, whatever happens meanwhile: to a listing that
// does not tell its length, while rows go, and when an answer among the many is none.
func TestBrokenRow(t *testing.T) {
	const broken = 150
	for name, tc := range map[string]struct {
		bare   bool
		before func(f *fake, size, nth int) (garbled bool) // the nth request of a size
		rows   int                                         // as the page with the broken row declares
	}{
		"still":      {rows: 250},
		"undeclared": {rows: 250, bare: true},
		"garbled":    {rows: 250, before: func(_ *fake, size, nth int) bool { return size == 1 && nth == 4 }},
		"row goes": {rows: 249, before: func(f *fake, size, nth int) bool {
			if size == sliceSize && nth == 3 {
				f.lists["/users/"] = f.lists["/users/"][1:]
			}
			return false
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.bare = tc.bare
			for id := 1; id <= 250; id++ {
				f.lists["/users/"] = append(f.lists["/users/"], fmt.Sprintf(`{"id":%d}`, id))
			}
			asked := map[int]int{}
			f.special[api+"/users/"] = func(w http.ResponseWriter, r *http.Request) {
				page, _ := strconv.Atoi(r.Header.Get("X-Request-Current-Page"))
				size, _ := strconv.Atoi(r.Header.Get("X-Request-Page-Size"))
				if asked[size]++; tc.before != nil && tc.before(f, size, asked[size]) {
					html(200)(w, r)
					return
				}
				rows := f.lists["/users/"]
				if slices.Contains(rows[min((page-1)*size, len(rows)):min(page*size, len(rows))], fmt.Sprintf(`{"id":%d}`, broken)) {
					say(w, 500, `{}`)
					return
				}
				f.page(w, r, rows)
			}
			tn := f.open()
			seen := map[string]bool{}
			for _, n := range []int{1, 3, 2, 1} { // as a walk does
				p, err := tn.users().Page(t.Context(), n)
				if err != nil || n == 2 && p.Total != tc.rows || p.Pages != 3 || p.Size != 100 || len(p.Lost) > 0 != (n == 2) {
					t.Errorf("page %d: %+v, %v", n, p, err)
					continue
				}
				rows, err := p.Rows()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					seen[r.Key] = true
				}
			}
			for id := 2; id <= 250; id++ {
				if !seen[strconv.Itoa(id)] && id != broken {
					t.Errorf("row %d was not seen", id)
				}
			}
		})
	}
}

// A page is cut in the size that is applied now, and not when TRAFFIT wants to be asked later.
func TestSlicesFollowTheListing(t *testing.T) {
	f := newFake(t)
	for id := 1; id <= 250; id++ {
		f.lists["/users/"] = append(f.lists["/users/"], fmt.Sprintf(`{"id":%d}`, id))
	}
	limit, bad, busy := 0, 3, false
	f.special[api+"/users/"] = func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.Header.Get("X-Request-Current-Page"))
		size, _ := strconv.Atoi(r.Header.Get("X-Request-Page-Size"))
		size = min(size, limit)
		switch {
		case busy && size == sliceSize:
			w.Header().Set("Retry-After", "7")
			say(w, 429, `{}`)
		case (page-1)*size < bad && bad <= page*size:
			say(w, 500, `{}`)
		default:
			r.Header.Set("X-Request-Page-Size", strconv.Itoa(size))
			f.page(w, r, f.lists["/users/"])
		}
	}
	tn := f.open()
	read := func(n, rows int) {
		t.Helper()
		p, err := tn.users().Page(t.Context(), n)
		if err != nil || p.Size != limit {
			t.Fatalf("page %d: %+v, %v", n, p, err)
		}
		if got, err := p.Rows(); err != nil || len(got) != rows {
			t.Errorf("page %d has %d rows, %v", n, len(got), err)
		}
	}
	limit = 7 // and nothing has shown it when the first page fails
	read(1, 6)
	limit, bad, tn = 20, 150, f.open()
	read(1, 20)
	read(8, 19)
	limit = 100
	read(1, 100)
	read(2, 99)
	busy = true
	f.seen = nil
	_, err := tn.users().Page(t.Context(), 2)
	if retry, ok := errors.AsType[*connector.RetryError](err); !ok || retry.After != 7*time.Second {
		t.Errorf("got %v", err)
	}
	if n := len(f.sent(api + "/users/")); n > 6 {
		t.Errorf("%d requests were sent after it wanted none", n)
	}
}

// What a refused or ignored sort and a refused page beyond the end come to.
func TestListHabits(t *testing.T) {
	many := make([]string, 250)
	for i := range many {
		many[i] = fmt.Sprintf(`{"id":%d}`, i+1)
	}
	backwards := slices.Clone(many)
	slices.Reverse(backwards)
	for name, tc := range map[string]struct {
		answer    func(f *fake, w http.ResponseWriter, r *http.Request, page int)
		sort      string // what is sent in the end
		pages     int
		total     int
		undeclare bool
	}{
		"the other spelling": {sort: byIDPublic, pages: 3, total: 250, answer: func(f *fake, w http.ResponseWriter, r *http.Request, _ int) {
			if r.Header.Get("X-Request-Sort") == byIDPublic {
				f.page(w, r, many)
				return
			}
			f.page(w, r, backwards)
		}},
		"the first spelling is refused": {sort: byIDPublic, pages: 3, total: 250, answer: func(f *fake, w http.ResponseWriter, r *http.Request, _ int) {
			if r.Header.Get("X-Request-Sort") == byID {
				say(w, 400, `{"message":"sort"}`)
				return
			}
			f.page(w, r, many)
		}},
		"every sort is refused": {sort: "", pages: 3, total: 250, answer: func(f *fake, w http.ResponseWriter, r *http.Request, _ int) {
			if r.Header.Get("X-Request-Sort") != "" {
				say(w, 400, `{"message":"sort"}`)
				return
			}
			f.page(w, r, many)
		}},
		"no sort is heeded": {sort: byID, pages: 3, total: 250, answer: func(f *fake, w http.ResponseWriter, r *http.Request, _ int) {
			f.page(w, r, backwards)
		}},
		"beyond the end is refused": {sort: byID, pages: 3, total: 250, answer: func(f *fake, w http.ResponseWriter, r *http.Request, page int) {
			if page > 3 {
				say(w, 404, `{"message":"no such page"}`)
				return
			}
			f.page(w, r, many)
		}},
		"undeclared, and beyond the end the last page comes again": {sort: byID, pages: 3, total: 250, undeclare: true, answer: func(f *fake, w http.ResponseWriter, r *http.Request, page int) {
			if page > 3 {
				r.Header.Set("X-Request-Current-Page", "3")
			}
			f.page(w, r, many)
		}},
		"undeclared, and beyond the end is refused": {sort: byID, pages: 3, total: 250, undeclare: true, answer: func(f *fake, w http.ResponseWriter, r *http.Request, page int) {
			if page > 3 {
				say(w, 400, `{"message":"no such page"}`)
				return
			}
			f.page(w, r, many)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.bare = tc.undeclare
			f.special[api+"/users/"] = func(w http.ResponseWriter, r *http.Request) {
				page, _ := strconv.Atoi(r.Header.Get("X-Request-Current-Page"))
				tc.answer(f, w, r, page)
			}
			tn := f.open()
			list := tn.users()
			seen := 0
			for _, n := range []int{1, 3, 2, 5} {
				p, err := list.Page(t.Context(), n)
				if err != nil {
					t.Fatalf("page %d: %v", n, err)
				}
				if p.Pages != tc.pages || p.Total != tc.total || p.Size != 100 {
					t.Errorf("page %d: %d rows on %d pages of %d", n, p.Total, p.Pages, p.Size)
				}
				rows, err := p.Rows()
				if err != nil {
					t.Fatal(err)
				}
				seen += len(rows)
				if sent := f.sent(api + "/users/"); n == 2 && sent[len(sent)-1].Header.Get("X-Request-Sort") != tc.sort {
					t.Errorf("sorted by %q", sent[len(sent)-1].Header.Get("X-Request-Sort"))
				}
			}
			if seen != tc.total {
				t.Errorf("%d rows", seen)
			}
		})
	}
}

// A 200 that is no answer is asked for again.
func TestGarbledAnswers(t *testing.T) {
	f := newFake(t)
	n := 0
	f.special[api+"/users/"] = func(w http.ResponseWriter, r *http.Request) {
		switch n++; n {
		case 1:
			html(200)(w, r)
		case 2:
			say(w, 200, `{"message":"busy"}`)
		default:
			f.page(w, r, []string{`{"id":1}`})
		}
	}
	p, err := f.open().users().Page(t.Context(), 1)
	if err != nil || p.Total != 1 {
		t.Errorf("%d rows, %v", p.Total, err)
	}
}

func TestFields(t *testing.T) {
	f := newFake(t)
	f.objects["/employees/"] = `{"fields":{"_Position":{"type":"text","name":"Stanowisko"},"mobile":{"name":"Telefon"},"_x":{},"id":{}}}`
	f.lists["/recruitments/"] = []string{`{"id":1,"_y":1}`} // it ignores the header
	fields, err := f.open().fields(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, field := range fields {
		got[string(field.Model)+" "+field.Key] = field.Type + " " + field.Label
	}
	for key, want := range map[string]string{
		"ats_candidates _Position": "CUSTOM Stanowisko", "ats_candidates _x": "CUSTOM ", "ats_candidates mobile": "DEFAULT Telefon",
		"ats_candidates linkedin": "DEFAULT LinkedIn", "ats_jobs nrRef": "DEFAULT Reference number",
	} {
		if got[key] != want {
			t.Errorf("%s: %q, want %q", key, got[key], want)
		}
	}
	if len(got) != len(standardFields)+2 || len(got) != len(fields) {
		t.Errorf("%d fields: %v", len(fields), got)
	}
	if r := f.sent(api + "/employees/")[0]; r.Header.Get("X-Response-Metadata") != "true" {
		t.Errorf("headers: %v", r.Header)
	}
}
