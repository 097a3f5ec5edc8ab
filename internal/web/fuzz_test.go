package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzForms sends forms of all kinds: each is answered with a page that says what to do, and nothing that
// was sent becomes a part of the page.
func FuzzForms(f *testing.F) {
	f.Add("form", "sdkv=1.3.0", "credential-tenant=acme&credential-client_id=x&credential-client_secret=y")
	f.Add("form", "token=other", "credential-tenant=%3Cscript%3E&credential-client_id=%22%3E")
	f.Add("confirm", "lang=pl", "attempt=a1&share=ats_jobs&mapping=yes&map-c1=CUSTOM%3Asize&only_created=yes")
	f.Add("confirm", "tool=traffit", "attempt=%00&attempt=a1&map-c1=:::")
	f.Add("done", ";&%zz", "")
	f.Fuzz(func(t *testing.T, step, query, body string) {
		s := newSite(t)
		full(s.fake)
		r, err := http.NewRequest(http.MethodPost, "http://kladka.example.com/connect/", strings.NewReader("token="+strings.NewReplacer("~", "%7E", "+", "%2B", "/", "%2F", "&", "%26", "=", "%3D").Replace(goodToken)+"&"+body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path += step
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("status %d: %s", w.Code, s.log)
		}
		if w.Code < http.StatusMultipleChoices || w.Code >= http.StatusBadRequest {
			p := page{status: w.Code, header: w.Result().Header, body: w.Body.String()}
			if scripts := strings.Count(p.body, "<script"); w.Header().Get("Content-Type") == "text/html; charset=utf-8" && scripts != 1 {
				t.Fatalf("%d scripts: %s", scripts, p.body)
			}
		}
	})
}
