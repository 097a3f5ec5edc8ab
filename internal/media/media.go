// Package media tells what kind of file a content is: by its name, and by its first bytes.
package media

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Binary is the type of what is not known.
const Binary = "application/octet-stream"

// The types by extension. The system's own table is not asked: it differs from machine to machine.
var types = map[string]string{
	"pdf":  "application/pdf",
	"doc":  "application/msword",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"odt":  "application/vnd.oasis.opendocument.text",
	"rtf":  "application/rtf",
	"txt":  "text/plain",
	"md":   "text/markdown",
	"csv":  "text/csv",
	"htm":  "text/html",
	"html": "text/html",
	"xml":  "application/xml",
	"json": "application/json",
	"xls":  "application/vnd.ms-excel",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"ods":  "application/vnd.oasis.opendocument.spreadsheet",
	"ppt":  "application/vnd.ms-powerpoint",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odp":  "application/vnd.oasis.opendocument.presentation",
	"png":  "image/png",
	"jpg":  "image/jpeg",
	"jpeg": "image/jpeg",
	"gif":  "image/gif",
	"webp": "image/webp",
	"bmp":  "image/bmp",
	"tif":  "image/tiff",
	"tiff": "image/tiff",
	"heic": "image/heic",
	"svg":  "image/svg+xml",
	"zip":  "application/zip",
	"7z":   "application/x-7z-compressed",
	"rar":  "application/vnd.rar",
	"eml":  "message/rfc822",
	"msg":  "application/vnd.ms-outlook",
	"mp3":  "audio/mpeg",
	"mp4":  "video/mp4",
	"mov":  "video/quicktime",
	"webm": "video/webm",
}

// TypeOf gives the type that a file's name announces, else Binary.
func TypeOf(name string) string {
	if t, ok := types[strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))]; ok {
		return t
	}
	return Binary
}

// programs are never what somebody applies with.
var programs = []string{
	"application/vnd.microsoft.portable-executable", "application/x-elf", "application/x-mach-binary",
	"application/x-java-applet", "application/java-archive", "application/vnd.android.package-archive",
	"application/x-ms-installer", "application/x-ms-shortcut", "application/wasm", "application/x-chrome-extension",
	"application/x-rpm", "application/vnd.debian.binary-package", "application/x-xar", "text/x-shellscript", "text/vbscript", "text/x-msdos-batch",
}

// containers are the formats that others are built of: of a cut or unusual file only they are seen.
var containers = map[string]string{
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   "application/zip",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         "application/zip",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": "application/zip",
	"application/vnd.oasis.opendocument.text":                                   "application/zip",
	"application/vnd.oasis.opendocument.spreadsheet":                            "application/zip",
	"application/vnd.oasis.opendocument.presentation":                           "application/zip",
	"application/msword":            "application/x-ole-storage",
	"application/vnd.ms-excel":      "application/x-ole-storage",
	"application/vnd.ms-powerpoint": "application/x-ole-storage",
	"application/vnd.ms-outlook":    "application/x-ole-storage",
}

// recognised are further types that can be told by their first bytes alone: a content that does
// not show them is none.
var recognised = []string{
	"application/pdf", "application/zip", "application/x-7z-compressed", "application/x-rar-compressed",
	"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff",
}

// MismatchError means that a content is not what it was declared to be.
type MismatchError struct{ Declared, Found string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("looks like %s and not like %s", e.Found, e.Declared)
}

// ProgramError means that a content is a program.
type ProgramError struct{ Found string }

func (e *ProgramError) Error() string { return "is a program (" + e.Found + ")" }

// Check judges the beginning of a content by the type that it was declared to have; empty for none.
// Programs are refused whatever they claim to be. Texts may be any texts. What was not declared may
// be anything else but a page, which a browser would run.
func Check(declared string, head []byte) error {
	found := mimetype.Detect(head)
	name, _, _ := strings.Cut(found.String(), ";")
	for _, p := range programs {
		if within(found, p) {
			return &ProgramError{Found: name}
		}
	}
	declared, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(declared)), ";")
	if declared == "image/jpg" { // many write it so
		declared = "image/jpeg"
	}
	fits := true
	switch container := containers[declared]; {
	case container != "":
		// Old programs write RTF under the name of DOC.
		fits = found.Is(declared) || found.Is(container) || declared == "application/msword" && within(found, "text/rtf")
	case anyIs(recognised, declared):
		fits = within(found, declared)
	case textual(declared):
		fits = within(found, "text/plain")
	case within(found, "text/html") || found.Is("image/svg+xml"):
		declared = cmp.Or(declared, Binary)
		fits = found.Is(declared)
	}
	if !fits {
		return &MismatchError{Declared: declared, Found: name}
	}
	return nil
}

// within reports whether a type is another or a special form of it.
func within(m *mimetype.MIME, name string) bool {
	for ; m != nil; m = m.Parent() {
		if m.Is(name) {
			return true
		}
	}
	return false
}

func anyIs(names []string, declared string) bool {
	m := mimetype.Lookup(declared)
	for _, n := range names {
		if n == declared || m != nil && m.Is(n) {
			return true
		}
	}
	return false
}

func textual(declared string) bool {
	switch declared {
	case "application/json", "application/xml", "application/rtf":
		return true
	}
	return strings.HasPrefix(declared, "text/")
}
