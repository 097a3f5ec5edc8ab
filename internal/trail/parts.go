package trail

import (
	"bufio"
	"bytes"
	"fmt"
	"mime"
	"net/textproto"
)

// parts lists the parts of a multipart form as it passes, each with its size.
type parts struct {
	bounded
	delimiter []byte
	rest      []byte // not told yet from a delimiter, or a part's head
	inHead    bool
	over      bool
	head      string // of the part that is being read
	size      int64
}

// maxHead bounds the head of a part.
const maxHead = 8 << 10

func newParts(boundary string) *parts {
	// The first delimiter needs no line break before it.
	return &parts{delimiter: []byte("\r\n--" + boundary), rest: []byte("\r\n")}
}

func (f *parts) Write(p []byte) (int, error) {
	if f.over || f.full {
		return len(p), nil
	}
	f.rest = append(f.rest, p...)
	for f.step() {
	}
	return len(p), nil
}

// step reads on by a head or a content, and reports whether it did.
func (f *parts) step() bool {
	if !f.inHead {
		at := bytes.Index(f.rest, f.delimiter)
		if at < 0 {
			past := max(0, len(f.rest)-len(f.delimiter)+1)
			f.size += int64(past)
			f.rest = append(f.rest[:0], f.rest[past:]...)
			return false
		}
		f.size += int64(at)
		f.end()
		f.rest, f.inHead = f.rest[at+len(f.delimiter):], true
		return true
	}
	if bytes.HasPrefix(f.rest, []byte("--")) {
		f.over = true
		return false
	}
	end := bytes.Index(f.rest, []byte("\r\n\r\n"))
	if end < 0 {
		f.over = len(f.rest) > maxHead
		return false
	}
	f.head = describe(f.rest[:end+4])
	f.rest, f.inHead, f.size = f.rest[end+4:], false, 0
	return true
}

// end writes down the part whose content has ended.
func (f *parts) end() {
	if f.head != "" {
		f.addString(fmt.Sprintf("%s: %d bytes\n", f.head, f.size))
	}
	f.head = ""
}

// describe names a part by its head.
func describe(head []byte) string {
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(head, []byte("\r\n"))))).ReadMIMEHeader()
	if err != nil {
		return "(unreadable head)"
	}
	_, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil {
		return "(unnamed)"
	}
	text := params["name"]
	if file := params["filename"]; file != "" {
		text += fmt.Sprintf(", file %q", file)
	}
	if media := h.Get("Content-Type"); media != "" {
		text += ", " + media
	}
	return text
}

func (f *parts) text() (string, bool) {
	if !f.over && !f.inHead && f.head != "" { // the body broke off in a content
		f.size += int64(len(f.rest))
		f.head += " (broken off)"
		f.end()
	}
	return f.b.String(), f.full
}
