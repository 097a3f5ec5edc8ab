package traffit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// addFile puts a file on a candidate: applications have none of their own.
func (t *tenant) addFile(ctx context.Context, a *connector.AddFile, j connector.Journal) (connector.Outcome, error) {
	out := connector.Outcome{CandidateID: a.CandidateID, ApplicationID: a.ApplicationID}
	if err := t.uploadFile(ctx, j, connector.FileEffect(0), a.CandidateID, &a.File); err != nil {
		return out, t.orGone(ctx, a.CandidateID, err)
	}
	ctx, cancel := readBack(ctx)
	defer cancel()
	if out.Parts = t.candidateParts(ctx, a.CandidateID); out.Parts == nil {
		j.Warn(stillOld)
	}
	return out, nil
}

// ordinal names a file for the client by its place.
func ordinal(effect string) string { return strings.Replace(effect, "file/", "attachment ", 1) }

// uploadFile puts a file on a candidate as an effect of an action; name tells it from the action's
// other effects, and begins its warnings.
func (t *tenant) uploadFile(ctx context.Context, j connector.Journal, name, employeeID string, f *connector.File) error {
	// Whatever can be read before is: a process that is killed while it sends leaves a question.
	label, err := t.fileLabel(ctx, f.Type)
	if err != nil {
		return err
	}
	done, err := j.Do(ctx, connector.Effect{
		Name: name,
		Look: func(ctx context.Context) (connector.Sight, error) {
			return t.seeFile(ctx, employeeID, f, j.Begun(name))
		},
		Send: func(ctx context.Context) (string, error) { return t.sendFile(ctx, j, name, employeeID, label, f) },
	})
	if err == nil && done.Existed {
		j.Warn("%s: the candidate had a file of this name and content already; it was not sent again", ordinal(name))
	}
	return err
}

// mostCompared bounds the files of a candidate that are compared with one.
const mostCompared = 20

// seeFile looks for a file at a candidate: one of the same name and content. Once it was sent, TRAFFIT
// may have changed the name a little.
func (t *tenant) seeFile(ctx context.Context, employeeID string, f *connector.File, sent bool) (connector.Sight, error) {
	rows, _, err := t.files(ctx, employeeID)
	if err != nil {
		return connector.Sight{}, err
	}
	alike := ats.Fold
	if sent {
		alike = bareName
	}
	sight := connector.Sight{Proven: true}
	compared := 0
	for _, row := range slices.Backward(rows) { // they come in the order of their uploads (told)
		id := row.id("id")
		if id == "" || compared == mostCompared || alike(row.text("name")) != alike(f.Name) {
			continue
		}
		compared++
		same, err := t.hasContent(ctx, employeeID, id, f)
		switch {
		case same:
			return connector.Sight{Found: true, RemoteID: id}, nil
		case ctx.Err() != nil:
			return connector.Sight{}, context.Cause(ctx)
		case err != nil:
			sight.Proven = false // it may be this one
		}
	}
	return sight, nil
}

// bareName is a file's name without what servers change in names that they do not like.
func bareName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'ł': // which is no l with a mark
			return 'l'
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return r
		}
		return -1
	}, norm.NFD.String(ats.Fold(name)))
}

// hasContent reports whether a candidate's file has the content of f.
func (t *tenant) hasContent(ctx context.Context, employeeID, fileID string, f *connector.File) (bool, error) {
	content, err := t.OpenAttachment(ctx, employeeID, fileID)
	if errors.Is(err, connector.ErrGone) {
		return false, nil // listed, and not there (seen)
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = content.Body.Close() }() // it was only read
	if content.Size >= 0 && content.Size != f.Size {
		return false, nil
	}
	sum := sha256.New()
	size, err := io.Copy(sum, io.LimitReader(content.Body, f.Size+1))
	if err != nil {
		return false, fmt.Errorf("read a file of a candidate: %w", err)
	}
	return size == f.Size && hex.EncodeToString(sum.Sum(nil)) == f.SHA256, nil
}

// sendFile uploads a file. A label that TRAFFIT does not take costs the label, not the file.
func (t *tenant) sendFile(ctx context.Context, j connector.Journal, name, employeeID, label string, f *connector.File) (string, error) {
	body, err := f.Open()
	if err != nil {
		return "", err // now it is certain that nothing was sent
	}
	_ = body.Close() // each attempt opens it by itself
	answer, err := t.upload(ctx, employeeID, label, f)
	if invalid(err) && label != "" {
		label = ""
		answer, err = t.upload(ctx, employeeID, label, f)
	}
	if err != nil {
		return "", err
	}
	if label == "" {
		j.Warn("%s: TRAFFIT has no label for files of the type %s; it was uploaded without one", ordinal(name), f.Type)
	}
	return cmp.Or(answer.id("id"), answer.id("file")), nil
}

// upload sends a file as a form, whose names other clients use (known from code).
func (t *tenant) upload(ctx context.Context, employeeID, label string, f *connector.File) (object, error) {
	var head bytes.Buffer // which takes every write
	form := multipart.NewWriter(&head)
	_ = form.WriteField("file[isPublic]", "0")
	if label != "" {
		_ = form.WriteField("dictionary_file_type", label)
	}
	_, _ = form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file[file]", f.Name)},
		"Content-Type":        {cmp.Or(f.ContentType, "application/octet-stream")},
	})
	tail := "\r\n--" + form.Boundary() + "--\r\n"
	return t.change(ctx, write{
		method: http.MethodPost, path: employeePath(employeeID) + "/files/", scope: "employee",
		upload: &upload{
			contentType: form.FormDataContentType(),
			size:        int64(head.Len()) + f.Size + int64(len(tail)),
			open: func() (io.ReadCloser, error) {
				content, err := f.Open()
				if err != nil {
					return nil, err
				}
				return struct {
					io.Reader
					io.Closer
				}{io.MultiReader(bytes.NewReader(head.Bytes()), content, strings.NewReader(tail)), content}, nil
			},
		},
	})
}

// usualLabels are the words for types of files in the dictionaries of tenants. That of CVs is known
// from another client's code, the others are guesses.
var usualLabels = map[connector.FileType][]string{
	connector.CV:          {"CV"},
	connector.CoverLetter: {"List motywacyjny", "Cover letter"},
	connector.OtherFile:   {"Inne", "Inny", "Other"},
}

// fileWords are parts of the names of dictionaries of types of files (guess).
var fileWords = []string{"plik", "file", "dokument", "document", "załącznik", "attachment"}

const (
	// labelsAge is how long the tenant's labels are taken as they were read.
	labelsAge = 10 * time.Minute
	// mostDictionaries bounds the search for them.
	mostDictionaries = 30
)

// fileLabel gives the tenant's word for a type of files; empty when none is known.
func (t *tenant) fileLabel(ctx context.Context, kind connector.FileType) (string, error) {
	if label := t.fileLabels[kind]; label != "" {
		return label, nil
	}
	known, err := t.ownLabels.get(t.now, labelsAge, func() (map[connector.FileType]string, error) { return t.readLabels(ctx) })
	if err != nil {
		return "", fmt.Errorf("look for the labels of files: %w", err)
	}
	return known[kind], nil
}

// readLabels looks for the dictionary of types of files. What such dictionaries are called is a
// guess, so that one whose name says nothing has to hold two of the usual labels.
func (t *tenant) readLabels(ctx context.Context) (map[connector.FileType]string, error) {
	dictionaries, _, _, err := t.all(ctx, call{path: api + "/dictionaries", scope: "dictionary", sort: byID, short: true})
	if lasting(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	about := func(d object) bool {
		name := ats.Fold(d.text("name"))
		return slices.ContainsFunc(fileWords, func(word string) bool { return strings.Contains(name, word) })
	}
	rank := func(d object) int {
		if about(d) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(dictionaries, func(a, b object) int { return rank(a) - rank(b) })
	for _, d := range dictionaries[:min(len(dictionaries), mostDictionaries)] {
		if d.id("id") == "" {
			continue
		}
		a, err := t.get(ctx, call{path: api + "/dictionaries/" + pathID(d.id("id")), scope: "dictionary"})
		if lasting(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		items, _ := itemsOf(a.body)
		if found := labelsIn(items); len(found) > 1 || len(found) == 1 && about(d) {
			return found, nil
		}
	}
	return nil, nil
}

// labelsIn finds the usual labels in a dictionary's items.
func labelsIn(items []object) map[connector.FileType]string {
	found := map[connector.FileType]string{}
	for kind, usual := range usualLabels {
		for _, item := range items {
			label := item.label()
			if label != nil && found[kind] == "" && slices.ContainsFunc(usual, func(u string) bool { return ats.Fold(u) == ats.Fold(*label) }) {
				found[kind] = *label
			}
		}
	}
	return found
}

// files lists a candidate's files: IDs and names, no more (seen).
func (t *tenant) files(ctx context.Context, employeeID string) ([]object, ats.Time, error) {
	return t.below(ctx, "/employees/", "/files", "employee", unit(employee, employeeID))
}

// Attachments lists the files of a candidate. When they were uploaded stands in the candidate's own
// row, with the names alone (seen); names that repeat leave that open.
func (t *tenant) Attachments(ctx context.Context, candidateID string) ([]connector.Attachment, error) {
	row, _, err := t.single(ctx, "/employees/", "employee", unit(employee, candidateID))
	if err != nil {
		return nil, err
	}
	files, _, err := t.files(ctx, candidateID)
	if err != nil {
		return nil, err
	}
	dates := map[string][]*ats.Time{}
	for _, v := range row.list("files") {
		f := asObject(v)
		dates[f.text("filename")] = append(dates[f.text("filename")], f.time("file_uploaded"))
	}
	named := map[string]int{}
	for _, f := range files {
		named[f.text("name")]++
	}
	attachments := []connector.Attachment{}
	for _, f := range files {
		a := connector.Attachment{ID: f.id("id"), Name: f.text("name")}
		if a.ID == "" {
			continue
		}
		if at := dates[a.Name]; len(at) == 1 && named[a.Name] == 1 {
			a.CreatedAt = at[0]
		}
		attachments = append(attachments, a)
	}
	return attachments, nil
}

// OpenAttachment begins to read a file's content.
func (t *tenant) OpenAttachment(ctx context.Context, candidateID, attachmentID string) (connector.Content, error) {
	return t.stream(ctx, call{path: employeePath(candidateID) + "/files/" + pathID(attachmentID) + "/content", scope: "employee"})
}
