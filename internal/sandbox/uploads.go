package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Upload is a file that was uploaded through the API.
type Upload struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	// Label is the type of the file in the words of the tenant's dictionary; empty for none.
	Label   string `json:"label"`
	Public  bool   `json:"public"`
	Size    int    `json:"size"`
	SHA256  string `json:"sha256"` // in hex
	Content []byte `json:"-"`      // not to be changed
}

// maxUploads bounds the bytes of uploaded files that a tenant holds.
const maxUploads = 512 << 20

// Uploads returns the files that were uploaded to a candidate, in their order.
func (t *Tenant) Uploads(employee int) []Upload {
	t.settle(false)
	t.mu.RLock()
	defer t.mu.RUnlock()
	return append([]Upload{}, t.uploads[employee]...)
}

// about is what is known of a file, without its content.
func (u Upload) about() Row {
	return Row{{"name", u.Name}, {"label", u.Label}, {"public", u.Public}, {"size", u.Size}, {"sha256", u.SHA256}}
}

// kind is the type of the content, by the file's extension.
func (u Upload) kind() string {
	_, extension, _ := strings.Cut(u.Name[max(strings.LastIndex(u.Name, "."), 0):], ".")
	switch strings.ToLower(extension) {
	case "pdf":
		return "application/pdf; charset=binary"
	case "docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case "txt":
		return "text/plain; charset=UTF-8"
	}
	return "application/octet-stream"
}

// readUpload reads a multipart form part by part. The names of the parts are
// those that a client sends (told by a client).
func readUpload(c *call) (sent, *failure) {
	form, err := c.r.MultipartReader()
	if err != nil {
		return sent{}, refusal(http.StatusBadRequest, "The request is no multipart form")
	}
	var u Upload
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sent{}, refusal(http.StatusBadRequest, "The form could not be read")
		}
		var failed *failure
		switch name := part.FormName(); name {
		case "file[file]":
			u.Name = part.FileName()
			failed = c.readContent(&u, part)
		case "file[isPublic]", "dictionary_file_type":
			raw, err := io.ReadAll(io.LimitReader(part, 1<<10))
			if err != nil {
				return sent{}, refusal(http.StatusBadRequest, "The form could not be read")
			}
			if text := string(raw); name == "file[isPublic]" {
				u.Public = text == "1"
				if c.strict() && text != "1" && text != "0" {
					failed = refusal(http.StatusBadRequest, "isPublic: This value is not valid")
				}
			} else {
				u.Label = text
			}
		default:
			if c.strict() {
				failed = extraField(name)
			}
		}
		if failed != nil {
			return sent{}, failed
		}
	}
	if u.Name == "" {
		return sent{}, refusal(http.StatusBadRequest, "file: This value should not be blank")
	}
	known := slices.ContainsFunc(c.t.data.lists[dictFileType].items, func(i dictionaryItem) bool { return i.value == u.Label })
	if u.Label != "" && !known {
		if c.s.on("file.label", "refused") {
			return sent{}, refusal(http.StatusBadRequest, "dictionary_file_type: The selected choice is invalid")
		}
		u.Label = ""
	}
	return sent{file: u}, nil
}

// readContent reads a file as long as it is not too large.
func (c *call) readContent(u *Upload, from io.Reader) *failure {
	most := int64(c.s.number("file.max"))
	var b bytes.Buffer
	if c.r.ContentLength > 0 {
		b.Grow(int(min(c.r.ContentLength, most)) + bytes.MinRead)
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(&b, hash), io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return refusal(http.StatusBadRequest, "The form could not be read")
	case n > most:
		return refusal(http.StatusRequestEntityTooLarge, "The file is too large")
	}
	u.Content, u.Size, u.SHA256 = b.Bytes(), b.Len(), hex.EncodeToString(hash.Sum(nil))
	return nil
}

var uploadFields = fieldsOf(
	field("file[file]", "file", true), field("file[isPublic]", "boolean", false), field("dictionary_file_type", "text", false),
)

func planUpload(c *call, ids []int, b sent) (plan, *failure) {
	t, employee := c.t, ids[0]
	switch {
	case !t.employees.has(employee):
		return plan{}, c.goneFor()
	case t.uploadBytes+b.file.Size > maxUploads:
		return plan{}, refusal(http.StatusRequestEntityTooLarge, "The sandbox holds too many files")
	}
	return plan{employee: employee, do: func() (result, bool) {
		row, ok := t.employees.get(employee)
		if !ok {
			return result{}, false
		}
		u := b.file
		t.lastUpload++
		u.ID = t.lastUpload
		t.uploads[employee] = append(t.uploads[employee], u)
		t.uploadBytes += u.Size
		files, _ := row.Value("files").([]Row)
		files = append(slices.Clone(files), Row{{"filename", u.Name}, {"file_uploaded", t.stamp()}})
		t.employees.put(employee, t.touched(row.with("files", files)))
		if c.s.on("file.answer", "id") {
			return result{u.ID, Row{{"id", u.ID}}}, true
		}
		return result{id: u.ID}, true
	}}, nil
}

// upload finds an uploaded file.
func (t *Tenant) upload(employee, id int) (Upload, bool) {
	list := t.uploads[employee]
	i := slices.IndexFunc(list, func(u Upload) bool { return u.ID == id })
	if i < 0 {
		return Upload{}, false
	}
	return list[i], true
}
