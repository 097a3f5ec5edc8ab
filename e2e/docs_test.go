package e2e

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	coded   = regexp.MustCompile("`[^`\n]*`")
	linked  = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"`)
	headed  = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	proving = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`")
	proved  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)\(`)
)

// Every link of the documentation leads somewhere, something leads to every page, and every test that is named is there.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	files := os.DirFS("..")
	pages, shown := map[string]string{}, map[string]bool{}
	tests := map[string]bool{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 1 && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(files, path)
		if strings.HasSuffix(path, ".md") {
			pages[path] = string(text)
		}
		for _, m := range proved.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil || pages["README.md"] == "" {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for page, text := range pages {
		for _, m := range proving.FindAllStringSubmatch(text, -1) {
			if !tests[m[1]] {
				t.Errorf("%s names the test %s, which is not there", page, m[1])
			}
		}
		text = coded.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			u, err := url.Parse(m[1] + m[2])
			if err != nil || u.Host != "" {
				continue // elsewhere
			}
			to := page
			if u.Path != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(page), u.Path))
			}
			shown[to] = true
			if _, err := fs.Stat(files, to); err != nil {
				t.Errorf("%s leads to %s: %v", page, to, err)
			} else if u.Fragment != "" && !anchors(pages[to])[u.Fragment] {
				t.Errorf("%s leads to %s, which has no heading #%s", page, to, u.Fragment)
			}
		}
	}
	for page := range pages {
		if strings.HasPrefix(page, "docs/") && !shown[page] {
			t.Errorf("nothing leads to %s", page)
		}
	}
}

// anchors are the names by which links lead to the headings of a page.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range headed.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])] = true
	}
	return all
}
