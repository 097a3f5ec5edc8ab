package trail

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/outbound"
)

// maxBody is how much of a body is kept.
const maxBody = 64 << 10

// Body gathers what the log keeps of a body while it passes. It is safe for concurrent use: a
// request's body may still be sent while its answer is read.
type Body struct {
	mu          sync.Mutex
	size        int64
	contentType string
	attached    bool // a file to be saved, whatever its type
	keep        bool
	sink        sink // made with the first bytes
}

// sink makes a text of a body's bytes.
type sink interface {
	io.Writer
	// text gives what is kept, and whether that is not all.
	text() (string, bool)
}

// newBody prepares for a body with these headers. Of one that is not kept only the size is noted.
func newBody(h http.Header, keep bool) *Body {
	return &Body{
		contentType: h.Get("Content-Type"), keep: keep,
		attached: strings.HasPrefix(strings.ToLower(h.Get("Content-Disposition")), "attachment") || h.Get("Content-Encoding") != "",
	}
}

// Write takes the next bytes. It does not fail.
func (b *Body) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size += int64(len(p))
	if !b.keep || len(p) == 0 {
		return len(p), nil
	}
	if b.sink == nil {
		b.sink = sinkFor(b.contentType, b.attached, p)
	}
	return b.sink.Write(p)
}

// reset forgets what passed: it is sent again.
func (b *Body) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size, b.sink = 0, nil
}

// result gives the size of the body and what is kept of it; nil when nothing is.
func (b *Body) result() (size int64, text *string, cut bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sink == nil {
		return b.size, nil, false
	}
	kept, cut := b.sink.text()
	// Both databases hold valid UTF-8 without NUL.
	kept = strings.ReplaceAll(strings.ToValidUTF8(kept, "�"), "\x00", "�")
	return b.size, &kept, cut
}

// sinkFor chooses by the content type, and where that says nothing by the first bytes.
func sinkFor(contentType string, attached bool, first []byte) sink {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	start := strings.TrimLeft(string(first[:min(len(first), 512)]), " \t\r\n\ufeff")
	switch {
	case media == "multipart/form-data" && params["boundary"] != "":
		return newParts(params["boundary"])
	case attached:
		return &contents{media: media}
	case media == "application/x-www-form-urlencoded":
		return &form{}
	case media == "application/json", strings.HasSuffix(media, "+json"), strings.HasPrefix(start, "{"), strings.HasPrefix(start, "["):
		return newJSONText()
	case strings.HasPrefix(media, "text/"), strings.HasSuffix(media, "xml"), media == "" && printable(first):
		return &plain{}
	}
	return &contents{media: media}
}

// printable reports whether bytes look like the beginning of a text.
func printable(b []byte) bool {
	b = b[:min(len(b), 512)]
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 && len(b) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}

// bounded is a text of at most maxBody bytes.
type bounded struct {
	b    strings.Builder
	full bool
}

func (t *bounded) add(p []byte) {
	if room := maxBody - t.b.Len(); len(p) > room {
		p, t.full = p[:room], true
	}
	t.b.Write(p)
}

func (t *bounded) addString(s string) { t.add([]byte(s)) }

// plain is a text as it is.
type plain struct{ bounded }

func (t *plain) Write(p []byte) (int, error) { t.add(p); return len(p), nil }

func (t *plain) text() (string, bool) { return mask(t.b.String()), t.full }

// form is a body of names and values.
type form struct{ plain }

func (t *form) text() (string, bool) {
	return mask(outbound.RedactPairs(t.b.String(), func(name, _ string) bool { return outbound.SecretField(name) })), t.full
}

// contents is what the log does not hold: the contents of a file, or nothing that can be read.
type contents struct {
	media string
	size  int64
}

func (c *contents) Write(p []byte) (int, error) { c.size += int64(len(p)); return len(p), nil }

func (c *contents) text() (string, bool) {
	what := c.media
	if what == "" {
		what = "unknown type"
	}
	return fmt.Sprintf("(%d bytes, %s)", c.size, what), false
}
