package traffit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// keysOf gives all keys of a JSON value, and a complaint where there is nothing to read.
func keysOf(t *testing.T, at string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		var keys []string
		for key, inner := range v {
			keys = append(keys, keysOf(t, at+"."+key, inner)...)
		}
		return keys
	case []any:
		var keys []string
		for _, inner := range v {
			keys = append(keys, keysOf(t, at+"[]", inner)...)
		}
		return keys
	}
	if s, _ := v.(string); s == "" || s != strings.TrimSpace(s) {
		t.Errorf("%s is %q", at, v)
	}
	return []string{at}
}

// The guide says the same in each language, whole, in other words, and names TRAFFIT's buttons alike.
func TestGuideLanguages(t *testing.T) {
	buttons := []string{
		"Settings", "Integration with the Traffit API", "Integrations", "+ Add client", "Add new API client", "Do you use API V1?",
		"Generate Client Secret", "mycompany_kladka", "https://mycompany.traffit.com", "www",
	}
	var want []string
	seen := map[string]string{}
	for _, language := range connector.Languages() {
		t.Run(language, func(t *testing.T) {
			raw := guideFile(language + ".json")
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			got := keysOf(t, "", v)
			slices.Sort(got)
			if want == nil {
				want = got
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("another shape than in English (-English +%s):\n%s", language, d)
			}
			for _, b := range buttons {
				if !strings.Contains(string(raw), b) {
					t.Errorf("%q is not in it", b)
				}
			}
			text := readGuide(language)
			for _, b := range buttons[:7] {
				if !strings.Contains(string(raw), "`"+b+"`") {
					t.Errorf("%q is not marked as a name", b)
				}
			}
			for name, step := range text.Steps {
				if other, ok := seen[step.Text]; ok {
					t.Errorf("%s reads as it does in %s", name, other)
				}
				seen[step.Text] = language
			}
		})
	}
}

// captionMarks are the numbers by which a caption refers to its picture.
var captionMarks = regexp.MustCompile(`\((\d)\)`)

// A guide has every step with a picture and every credential with a hint, and lists permissions once.
func TestGuide(t *testing.T) {
	c := New(Options{})
	for _, language := range connector.Languages() {
		g := c.Guide(language, ats.Scopes{})
		if len(g.Prerequisites) < 3 {
			t.Errorf("%s: prerequisites %q", language, g.Prerequisites)
		}
		var listed []int
		for n, step := range g.Steps {
			if step.Title == "" || step.Text == "" || step.Caption == "" || len(step.Picture) == 0 {
				t.Errorf("%s: step %d is not whole: %+v", language, n, step)
			}
			if step.Permissions {
				listed = append(listed, n)
			}
			var marks []string
			for _, m := range captionMarks.FindAllStringSubmatch(step.Caption, -1) {
				marks = append(marks, m[1])
			}
			if has := bytes.Count(step.Picture, []byte(`r="13"`)); len(marks) != has || !slices.IsSorted(marks) {
				t.Errorf("%s: the caption of step %d refers to the marks %q, its picture has %d", language, n, marks, has)
			}
		}
		if d := cmp.Diff([]int{3}, listed); d != "" {
			t.Errorf("%s: steps that list permissions (-want +got):\n%s", language, d)
		}
		for _, credential := range c.Credentials() {
			hint := g.Fields[credential.Key]
			if hint.Label == "" || hint.Hint == "" || (hint.Example == "") != credential.Secret {
				t.Errorf("%s: the hint for %s is %+v", language, credential.Key, hint)
			}
		}
	}
	if d := cmp.Diff(c.Guide("en", ats.Scopes{}), c.Guide("xx", ats.Scopes{})); d != "" {
		t.Errorf("a language that there is not (-English +got):\n%s", d)
	}
}

// Pictures can stand in any page: nothing is written in them, nothing runs, nothing is fetched.
func TestGuidePictures(t *testing.T) {
	allowed := []string{"svg", "path", "rect", "circle"}
	for _, name := range guideSteps {
		raw := guideFile(name + ".svg")
		if len(raw) > 6<<10 {
			t.Errorf("%s has %d bytes", name, len(raw))
		}
		for d := xml.NewDecoder(bytes.NewReader(raw)); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				if !slices.Contains(allowed, e.Name.Local) {
					t.Errorf("%s holds <%s>", name, e.Name.Local)
				}
				for _, a := range e.Attr {
					if a.Name.Local != "xmlns" && (strings.Contains(a.Value, ":") || strings.Contains(a.Value, "url(")) || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "style" {
						t.Errorf("%s: <%s %s=%q>", name, e.Name.Local, a.Name.Local, a.Value)
					}
				}
			case xml.CharData:
				if len(bytes.TrimSpace(e)) > 0 {
					t.Errorf("%s holds the text %q", name, e)
				}
			}
		}
	}
}
