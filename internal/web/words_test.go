package web

import (
	"io/fs"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/connector/traffit"
)

func TestChoiceOfTheLanguage(t *testing.T) {
	l, err := loadLanguages()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ switched, link, browser, want string }{
		"nothing is said":             {"", "", "", "en"},
		"the browser's":               {"", "", "pl", "pl"},
		"of a region":                 {"", "", "de-AT", "de"},
		"the best of several":         {"", "", "nl, fr;q=0.5, it;q=0.8", "it"},
		"refused with zero":           {"", "", "pl;q=0, es;q=0.1", "es"},
		"none that there is":          {"", "", "ja, zh", "en"},
		"nonsense":                    {"", "", ";;q=x,,-", "en"},
		"the link's":                  {"", "fr", "pl", "fr"},
		"a link's that is not there":  {"", "nl", "pl", "pl"},
		"switched":                    {"es", "fr", "pl", "es"},
		"switched to nonsense":        {"xx", "fr", "pl", "fr"},
		"switched to a path":          {"../de", "", "it", "it"},
		"of a browser that likes all": {"", "", "*", "en"},
	} {
		r := httptest.NewRequest("GET", "/connect", nil)
		r.Header.Set("Accept-Language", tc.browser)
		if got := l.choose(tc.switched, tc.link, r); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// The language of a page is that of the guide in it, also for a link that chose one.
func TestGuideSpeaksThePagesLanguage(t *testing.T) {
	s := newSite(t)
	s.visit.Link.Settings.Language = "it"
	s.header.Set("Accept-Language", "pl")
	s.get("").sound(t, "it")
	s.get("", "lang", "de").sound(t, "de")
	slices.Sort(s.languages)
	if got := slices.Compact(s.languages); !slices.Equal(got, []string{"de", "it"}) {
		t.Errorf("guides were asked for in %v", got)
	}
	// The language stays on the way only where it was switched to.
	p := s.post("form", "lang", "de", "credential-tenant", "a", "credential-client_id", "b", "credential-client_secret", "c")
	s.leads(p).sound(t, "de")
	if p := s.post("form", "credential-tenant", "a", "credential-client_id", "b", "credential-client_secret", "c"); strings.Contains(p.header.Get("Location"), "lang=") {
		t.Errorf("the form leads to %s", p.header.Get("Location"))
	}
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestWordsOfAllLanguagesAgree(t *testing.T) {
	english := mustWords(t, "en")
	for _, language := range connector.Languages() {
		w := mustWords(t, language)
		for key, text := range w {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: %q is not in English", language, key)
			}
			if strings.TrimSpace(text) != text || text == "" || strings.Contains(text, "  ") {
				t.Errorf("%s: %q has odd spaces: %q", language, key, text)
			}
			if language != "en" && text == english[key] && len(text) > 12 && key != "pair" {
				t.Errorf("%s: %q is in English: %q", language, key, text)
			}
		}
		for key, text := range english {
			want, got := placeholder.FindAllString(text, -1), placeholder.FindAllString(w[key], -1)
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
				t.Errorf("%s: the placeholders of %q (-en +%s):\n%s", language, key, language, diff)
			}
		}
	}
}

// usedKeys lists the keys that pages and code name, those whose ends are computed included.
func usedKeys(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{"date": true}
	in := regexp.MustCompile(`\.T (?:\(print )?"([a-z_.]+)"`)
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		page, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range in.FindAllSubmatch(page, -1) {
			used[string(m[1])] = true
		}
	}
	for _, key := range []string{"step.of", "pair", "confirm.ask_writes"} { // of the code
		used[key] = true
	}
	ends := map[string][]string{
		"step.":             {"choose", "guide", "form", "check", "confirm"},
		"check.permission_": {"pending", "ok", "failed"},
		"check.endpoint_":   {"pending", "ok", "failed"},
	}
	for _, code := range problems {
		ends["problem."] = append(ends["problem."], string(code)+".title", string(code)+".text")
	}
	for _, name := range []string{"unknown", "too_large", "invalid", "expired", "revoked", "completed", "replaced", "internal"} {
		ends["refused."] = append(ends["refused."], name+".title", name+".text", name+".do")
	}
	for start, all := range ends {
		delete(used, start)
		for _, end := range all {
			used[start+end] = true
		}
	}
	return used
}

func TestWordsAreUsedAndThere(t *testing.T) {
	english, used := mustWords(t, "en"), usedKeys(t)
	for key := range used {
		if _, ok := english[key]; !ok {
			t.Errorf("there are no words for %q", key)
		}
	}
	labels := regexp.MustCompile(`^(model|field|action)\.`)
	for key := range english {
		if !used[key] && !labels.MatchString(key) {
			t.Errorf("%q is used nowhere", key)
		}
	}
}

// What a connector covers has words that people understand.
func TestWhatIsReadHasWords(t *testing.T) {
	english := mustWords(t, "en")
	covers := traffit.New(traffit.Options{}).Tool()
	for _, m := range covers.Models {
		if !covered(m.Status) {
			continue
		}
		if _, ok := english["model."+string(m.Model)]; !ok || !slices.Contains(order, m.Model) {
			t.Errorf("there are no words for %s, or no place", m.Model)
		}
		for _, f := range m.Fields {
			_, own := english["field."+string(m.Model)+"."+f.ID]
			_, ok := english["field."+f.ID]
			if hidden := slices.Contains([]string{"id", "remote_id", "changed_at", "remote_deleted_at", "candidate_id", "job_id", "user_id", "tag_id", "stage_id"}, f.ID); !own && !ok && !hidden {
				t.Errorf("there are no words for %s of %s", f.ID, m.Model)
			}
		}
	}
	for _, a := range covers.Actions {
		if _, ok := english["action."+a.ID]; !ok {
			t.Errorf("there are no words for %s", a.ID)
		}
	}
}

// Every text of a page is in the words.
func TestPagesHoldNoTexts(t *testing.T) {
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	action := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	tag := regexp.MustCompile(`(?s)<[^>]*>`)
	inTag := regexp.MustCompile(`(?:title|aria-label|alt|placeholder|content)="([^"]*)"`)
	letters := regexp.MustCompile(`\p{L}{2,}`)
	for _, name := range names {
		page, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		bare := action.ReplaceAllString(string(page), "")
		texts := []string{tag.ReplaceAllString(bare, " ")}
		for _, m := range inTag.FindAllStringSubmatch(bare, -1) {
			texts = append(texts, m[1])
		}
		for _, text := range texts {
			for _, word := range letters.FindAllString(text, -1) {
				if !slices.Contains([]string{"Kladka", "width", "device", "initial", "scale", "no", "referrer"}, word) {
					t.Errorf("%s: %q is not in the words", name, word)
				}
			}
		}
	}
}

func TestMarked(t *testing.T) {
	w := mustWords(t, "pl")
	if got, want := string(w.Marked("Otwórz „`Settings & <b>`” i `API`.")), `Otwórz „<b lang="en" translate="no">Settings &amp; &lt;b&gt;</b>” i <b lang="en" translate="no">API</b>.`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNamesFromTheRight(t *testing.T) {
	w := mustWords(t, "en")
	if got := w.T("done.again", "organization", "שלום", "tool", "X"); got != "\u2068שלום\u2069 is connected with X again." {
		t.Errorf("%q", got)
	}
	if got := w.T("done.again", "organization", "{tool}", "tool", "X"); got != "{tool} is connected with X again." {
		t.Errorf("%q", got)
	}
}
