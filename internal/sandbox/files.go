package sandbox

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// filesPerEmployee bounds the files of one candidate; a file's id has its owner in it.
const filesPerEmployee = 8

func fileID(employee, n int) int { return 100_000 + employee*filesPerEmployee + n }

// roomForEmployees is how many candidates can be added before the ids of their
// files meet those of uploaded ones.
const roomForEmployees = 1_000_000

// employeeFiles makes the files member of a candidate: names and dates, but no
// ids (seen). Names may repeat.
func (d *data) employeeFiles(i int) []Row {
	dice := roll(d.seed, kindFiles, i)
	p := d.employeePerson(i)
	rows := []Row{}
	at := d.employeeCreated(i)
	for n := range dice.weighted(150, 600, 180, 70) {
		name := "CV_" + p.first + "_" + p.last + ".pdf"
		switch dice.weighted(60, 20, 12, 8) {
		case 1:
			name = "CV " + p.last + " " + at.Time().Format("2006") + ".docx"
		case 2:
			name = "list_motywacyjny.pdf"
		case 3:
			name = "CV.pdf"
		}
		rows = append(rows, Row{{"filename", name}, {"file_uploaded", at}})
		if n < 2 {
			at = Stamp(d.later(&dice, int64(at), d.end))
		}
	}
	return rows
}

// files lists a candidate's files in the shape [{"id","name"}], in the order of
// upload (seen).
func (t *Tenant) files(employee Row) []Row {
	rows := []Row{}
	list, _ := employee.Value("files").([]Row)
	uploads := t.uploads[employee.ID()]
	for n, f := range list {
		id := fileID(employee.ID(), n)
		if k := n - len(list) + len(uploads); k >= 0 {
			id = uploads[k].ID
		}
		rows = append(rows, Row{{"id", id}, {"name", f.Value("filename")}})
	}
	return rows
}

func (t *Tenant) file(employee Row, id int) (Row, bool) {
	files := t.files(employee)
	i := slices.IndexFunc(files, func(f Row) bool { return f.ID() == id })
	if i < 0 {
		return nil, false
	}
	return files[i], true
}

// vanished tells of a file that is listed and cannot be had (seen).
func (t *Tenant) vanished(file Row) bool {
	p := t.settings().fraction("files.vanish")
	return p > 0 && share(mix(mix(t.data.seed, hashText("files.vanish")), uint64(file.ID()))) < p
}

// fileContent is what was uploaded, or a small document: the same bytes for the same file.
func (t *Tenant) fileContent(employee, file Row) (contentType string, content []byte) {
	if u, ok := t.upload(employee.ID(), file.ID()); ok {
		return u.kind(), u.Content
	}
	text := fmt.Sprintf("%v %v, file %d", employee.Value("name"), employee.Value("lastname"), file.ID())
	name, _ := file.Value("name").(string)
	switch {
	case strings.HasSuffix(name, ".docx"):
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document", docx(text)
	case strings.HasSuffix(name, ".pdf"):
		return "application/pdf; charset=binary", pdf(text) // the suffix was seen
	}
	return "text/plain; charset=UTF-8", []byte(text + "\n")
}

// pdf makes a one-page document. Its standard font knows no Polish letters.
func pdf(text string) []byte {
	text = strings.Map(func(r rune) rune {
		if r > 126 || r < 32 {
			return '?'
		}
		return r
	}, text)
	text = strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(text)
	stream := "BT /F1 18 Tf 72 760 Td (" + text + ") Tj ET"
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var offsets []int
	for i, body := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return b.Bytes()
}

func docx(text string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" ` +
			`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>` +
			escapeHTML(text) + `</w:t></w:r></w:p></w:body></w:document>`},
	} {
		// A buffer takes every write.
		w, _ := z.Create(part[0])
		_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?>` + part[1]))
	}
	_ = z.Close()
	return b.Bytes()
}
