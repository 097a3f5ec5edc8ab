package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// elements gives the elements of a page in their order.
func (p page) elements(t *testing.T) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		t.Fatal(err)
	}
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// text is what an element says, with single spaces.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// byID finds an element.
func (p page) byID(t *testing.T, id string) *html.Node {
	t.Helper()
	for _, n := range p.elements(t) {
		if attr(n, "id") == id {
			return n
		}
	}
	t.Fatalf("%q has no element %q:\n%s", p.title, id, p.body)
	return nil
}

// sound tells what people who cannot see a page, or run no scripts, would stumble over.
func (p page) sound(t *testing.T, language string) {
	t.Helper()
	bad := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%q: %s", p.title, fmt.Sprintf(format, args...))
	}
	ids, headings, named := map[string]bool{}, []string(nil), map[string]bool{}
	all := p.elements(t)
	for _, n := range all {
		if id := attr(n, "id"); has(n, "id") {
			if id == "" || ids[id] {
				bad("the ID %q stands twice, or is empty", id)
			}
			ids[id] = true
		}
		if n.Data == "label" {
			named[attr(n, "for")] = true
		}
	}
	for _, n := range all {
		switch n.Data {
		case "html":
			if attr(n, "lang") != language {
				bad("its language is %q, want %q", attr(n, "lang"), language)
			}
		case "h1", "h2", "h3", "h4":
			headings = append(headings, n.Data)
			if text(n) == "" {
				bad("an empty %s", n.Data)
			}
		case "input", "select":
			if attr(n, "type") != "hidden" && !named[attr(n, "id")] && n.Parent.Data != "label" {
				bad("the field %q has no label", attr(n, "name"))
			}
		case "a", "button":
			if text(n) == "" || has(n, "aria-label") && attr(n, "aria-label") == "" {
				bad("a link or button without words to %q", attr(n, "href"))
			}
		case "img":
			if !has(n, "alt") {
				bad("a picture without alt")
			}
		case "script":
			if n.FirstChild != nil {
				bad("a script within the page")
			}
		case "title":
			if text(n) == "" {
				bad("no title")
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				bad("the policy forbids %s", a.Key)
			}
			if a.Key == "aria-describedby" || a.Key == "aria-labelledby" {
				for _, id := range strings.Fields(a.Val) {
					if !ids[id] {
						bad("%s names %q, which is not there", a.Key, id)
					}
				}
			}
		}
	}
	for n, h := range headings {
		if n == 0 && h != "h1" || n > 0 && (h == "h1" || h[1] > headings[n-1][1]+1) {
			bad("the headings go %v", headings)
			break
		}
	}
	p.keepsToken(t)
}

// keepsToken checks that whatever leads on takes the token along, and that nothing leads elsewhere.
func (p page) keepsToken(t *testing.T) {
	t.Helper()
	for _, n := range p.elements(t) {
		if n.Data == "form" {
			found := false
			for d := range n.Descendants() {
				found = found || d.Data == "input" && attr(d, "name") == "token" && attr(d, "value") == goodToken
			}
			if !found || attr(n, "method") != "post" || strings.Contains(attr(n, "action"), "?") || !strings.HasPrefix(attr(n, "action"), "/connect/") {
				t.Errorf("%q: the form to %q does not carry the token in its fields", p.title, attr(n, "action"))
			}
		}
		href := attr(n, "href")
		if n.Data != "a" || strings.HasPrefix(href, "#") {
			continue
		}
		u, err := url.Parse(href)
		if err != nil || u.Host != "" || u.Path != "/connect" && !strings.HasPrefix(u.Path, "/connect/") || u.Query().Get("token") != goodToken {
			t.Errorf("%q: the link to %q does not carry the token", p.title, href)
		}
	}
}
