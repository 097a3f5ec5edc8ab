package media_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"testing"

	"github.com/kladka/kladka/internal/media"
)

func TestTypeOf(t *testing.T) {
	for name, want := range map[string]string{
		"cv.pdf": "application/pdf", "CV.PDF": "application/pdf", "a.b.Docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Życiorys.jpeg": "image/jpeg",
		"x": media.Binary, "x.": media.Binary, ".pdf": "application/pdf", "x.exe": media.Binary, "": media.Binary, "pdf": media.Binary,
	} {
		if got := media.TypeOf(name); got != want {
			t.Errorf("%q is %s, want %s", name, got, want)
		}
	}
}

// zipped makes an archive of empty files.
func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		if _, err := w.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCheck(t *testing.T) {
	docx := zipped(t, "[Content_Types].xml", "_rels/.rels", "word/document.xml")
	const (
		pdf  = "%PDF-1.7\n"
		png  = "\x89PNG\r\n\x1a\n"
		ole  = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
		page = "<!DOCTYPE html><html><body>x</body></html>"
		exe  = "MZ\x90\x00\x03\x00\x00\x00"
		elf  = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00"
		word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	)
	const (
		fine     = "fine"
		mismatch = "mismatch"
		program  = "program"
	)
	for _, c := range []struct{ declared, head, want string }{
		{"application/pdf", pdf, fine},
		{"Application/PDF; x=y", pdf, fine},
		{"application/x-pdf", pdf, fine},
		{"application/pdf", png, mismatch},
		{"application/pdf", "plain", mismatch},
		{"application/pdf", page, mismatch},
		{"application/pdf", exe, program},
		{word, docx, fine},
		{word, zipped(t, "a"), fine}, // unusual ones show only that they are archives
		{word, pdf, mismatch},
		{word, ole, mismatch},
		{"application/zip", docx, fine},
		{"application/msword", ole, fine},
		{"application/msword", `{\rtf1 x}`, fine},
		{"application/msword", docx, mismatch},
		{"image/png", png, fine},
		{"image/jpeg", png, mismatch},
		{"image/jpg", png, mismatch},
		{"image/jpg", "\xff\xd8\xff\xe0", fine},
		{"text/plain", "żółć", fine},
		{"text/plain", page, fine},
		{"text/csv", "a;b\n", fine},
		{"text/plain", pdf, mismatch},
		{"text/plain", elf, program},
		{"text/plain", "#!/bin/sh\necho\n", program},
		{"text/html", page, fine},
		{"application/json", "{", fine},
		{"application/rtf", `{\rtf1 x}`, fine},
		{"application/octet-stream", "\x00\x01", fine},
		{"application/octet-stream", pdf, fine},
		{"application/octet-stream", page, mismatch},
		{"application/octet-stream", exe, program},
		{"", pdf, fine},
		{"", page, mismatch},
		{"", exe, program},
		{"audio/x-unknown", "\x00\x01", fine},
		{"image/svg.xml", `<svg xmlns="http://www.w3.org/2000/svg"/>`, mismatch},
	} {
		err := media.Check(c.declared, []byte(c.head))
		got := fine
		if _, ok := errors.AsType[*media.MismatchError](err); ok {
			got = mismatch
		} else if _, ok := errors.AsType[*media.ProgramError](err); ok {
			got = program
		} else if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q with %.20q: %s, want %s (%v)", c.declared, c.head, got, c.want, err)
		}
	}
}
