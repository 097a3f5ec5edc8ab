package api_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
)

// aPDF is the beginning of one.
const aPDF = "%PDF-1.4\n1 0 obj\n"

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// aFile is a file as clients send it.
func aFile(name, contentType, content string) string {
	return fmt.Sprintf(`{"name":%q,"content_type":%q,"data":%q,"type":"CV"}`, name, contentType, base64Of(content))
}

const (
	somebody = `{"first_name":"Anna","last_name":"Nowak","email_address":"anna@example.com"}`
	aLink    = `{"label":"Test","url":"https://example.com/r/1","details":{"custom_field_name_prefix":"Test ","attributes":[{"key":"score","value":"7"}]}}`
)

// actionBodies are bodies that the live operations take.
func actionBodies() map[string]string {
	attachment := `{"attachment":` + aFile("cv.pdf", "application/pdf", aPDF) + `}`
	return map[string]string{
		"POST /v1/ats/candidates":                                 `{"candidate":` + somebody + `,"application":{"job_id":"remote:100"}}`,
		"POST /v1/ats/jobs/{job_id}/applications":                 `{"candidate":` + somebody + `}`,
		"POST /v1/ats/applications/{application_id}/attachments":  attachment,
		"POST /v1/ats/candidates/{candidate_id}/attachments":      attachment,
		"PUT /v1/ats/applications/{application_id}/stage":         `{"stage_id":"remote:10"}`,
		"POST /v1/ats/applications/{application_id}/result-links": aLink,
		"POST /v1/ats/candidates/{candidate_id}/result-links":     aLink,
		"POST /v1/ats/applications/{application_id}/notes":        `{"content":"Good.","content_type":"PLAIN_TEXT"}`,
		"POST /v1/ats/applications/{application_id}/reject":       `{"rejection_reason_id":"remote:5","note":"Too far."}`,
		"POST /v1/ats/candidates/{candidate_id}/tags":             `{"tag":{"name":"VIP"}}`,
		"DELETE /v1/ats/candidates/{candidate_id}/tags":           `{"tag":{"name":"VIP"}}`,
		"POST /v1/ats/import-tracked-application":                 `{"tracked_at":null}`,
		"POST /v1/passthrough/{tool}/{api}":                       `{"method":"GET","path":"/employees/"}`,
	}
}

// wrong makes a scenario of a body that is refused with a complaint about a place.
func wrong(name, body string, want ...string) scenario {
	return scenario{name: name, body: body, status: 400, want: append([]string{badInput}, want...)}
}

// ofActions is what only the live operations can be asked wrongly.
func (w world) ofActions() map[string][]scenario {
	bodies := actionBodies()
	out := map[string][]scenario{}
	for op, body := range bodies {
		if strings.Contains(op, "passthrough") {
			continue
		}
		all := []scenario{
			{name: "switched off", headers: on(off), body: body, status: 409, want: []string{`"code":"INTEGRATION.INACTIVE"`}},
			{name: "rejected credentials", headers: on(invalid), body: body, status: 401, want: []string{`"code":"INTEGRATION.AUTHENTICATION_INVALID"`}},
			{name: "open setup", headers: on(setup), body: body, status: 409, want: []string{`"code":"INTEGRATION.SETUP_INCOMPLETE"`}},
		}
		for name, key := range map[string]string{"long": strings.Repeat("k", 256), "blank within": "a b", "beyond ASCII": "klucz-ł", "control character": "a\x01", "delete": "a\x7f", "no UTF-8": "\xff"} {
			all = append(all, scenario{name: "key " + name, headers: map[string]string{"X-Integration-Id": full, "Idempotency-Key": key}, body: body, status: 400, want: []string{badInput, "header.Idempotency-Key: "}})
		}
		all = append(all, wrong("remote_fields is a text", strings.TrimSuffix(body, "}")+`,"remote_fields":"x"}`, "body.remote_fields"))
		if strings.Contains(op, "import") {
			all = all[:len(all)-1]
		}
		if strings.Contains(op, "_id}/") && !strings.Contains(op, "job_id") {
			at := strings.NewReplacer("{application_id}", "%s", "{candidate_id}", "%s").Replace(strings.SplitN(op, " ", 2)[1])
			all = append(all, scenario{name: "nothing is loaded yet", headers: on(empty), url: fmt.Sprintf(at, "remote:1000"), body: body, status: 409, want: []string{`"code":"INTEGRATION.SETUP_SYNC_PENDING"`}})
			for name, id := range map[string]string{"remote alone": "remote:", "unknown remote": "remote:9", "remote with more": "remote:1000%20", "remote in capitals": "REMOTE:1000", "remote twice": "remote:remote:1000", "remote statement": "remote:1'%20OR%201=1", "remote way up": "remote:..%2F1000", "remote long": "remote:" + strings.Repeat("1", 20000), "remote NUL": "remote:%00"} {
				all = append(all, scenario{name: name, url: fmt.Sprintf(at, id), body: body, status: 404, want: []string{badInput, "path."}})
			}
		}
		out[op] = all
	}
	add := func(op string, more ...scenario) { out[op] = append(out[op], more...) }
	for _, op := range []string{"POST /v1/ats/candidates", "POST /v1/ats/jobs/{job_id}/applications"} {
		add(op, w.applicants(bodies[op])...)
	}
	for name, id := range map[string]string{"unknown": "111111111111111111111112", "of another integration": w.others["job_id"], "empty": "", "remote alone": "remote:", "odd remote": "remote:1 OR 1", "emoji": "😀", "NUL": `\u0000`, "a candidate's": w.mine["candidate_id"]} {
		add("POST /v1/ats/candidates", wrong("job "+name, `{"candidate":`+somebody+`,"application":{"job_id":"`+id+`"}}`, "body.application.job_id: the integration has no job"))
		add("POST /v1/ats/candidates", wrong("stage "+name, `{"candidate":`+somebody+`,"application":{"job_id":"remote:100","stage_id":"`+id+`"}}`, "body.application.stage_id"))
		add("POST /v1/ats/jobs/{job_id}/applications", wrong("stage "+name, `{"candidate":`+somebody+`,"stage_id":"`+id+`"}`, "body.stage_id"))
		add("PUT /v1/ats/applications/{application_id}/stage", wrong("stage "+name, `{"stage_id":"`+id+`"}`, "body.stage_id: the integration has no stage"))
		add("POST /v1/ats/applications/{application_id}/reject", wrong("reason "+name, `{"rejection_reason_id":"`+id+`"}`, "body.rejection_reason_id: the integration has no rejection reason"))
	}
	add("POST /v1/ats/candidates", wrong("stage of the job's name", `{"candidate":`+somebody+`,"application":{"job_id":"remote:100","stage_id":"remote:12"}}`, "body.application.stage_id: the integration has no stage"))
	add("POST /v1/ats/candidates",
		wrong("no application", `{"candidate":`+somebody+`}`, "application"), wrong("no job", `{"candidate":`+somebody+`,"application":{}}`, "job_id"),
		wrong("job is a number", `{"candidate":`+somebody+`,"application":{"job_id":100}}`, "body.application.job_id"),
		wrong("job twice", `{"candidate":`+somebody+`,"application":{"job_id":"remote:100","job_id":"remote:101"}}`, "more than once"),
		wrong("job in another case", `{"candidate":`+somebody+`,"application":{"JOB_ID":"remote:100"}}`, "job_id"),
		scenario{name: "job before anything is loaded", headers: on(empty), body: `{"candidate":` + somebody + `,"application":{"job_id":"111111111111111111111112"}}`, status: 409, want: []string{`"code":"INTEGRATION.SETUP_SYNC_PENDING"`}})
	add("PUT /v1/ats/applications/{application_id}/stage", wrong("stage is a number", `{"stage_id":10}`, "body.stage_id"))
	for _, op := range []string{"POST /v1/ats/applications/{application_id}/attachments", "POST /v1/ats/candidates/{candidate_id}/attachments"} {
		for _, f := range badFiles() {
			s := wrong(f.name, `{"attachment":`+f.file+`}`, append([]string{f.place("body.attachment")}, f.want...)...)
			if f.tooLarge {
				s.status = 413
			}
			add(op, s)
		}
		add(op, wrong("no file", `{"attachment":null}`, "attachment"), wrong("several", `{"attachment":[]}`, "body.attachment"), wrong("type unknown", strings.Replace(bodies[op], `"CV"`, `"LETTER"`, 1), "body.attachment.type"),
			wrong("no type", `{"attachment":{"name":"a.pdf","data_url":"https://example.com"}}`, "type"))
	}
	for _, op := range []string{"POST /v1/ats/applications/{application_id}/result-links", "POST /v1/ats/candidates/{candidate_id}/result-links"} {
		change := func(name, was, is string, want ...string) {
			add(op, wrong(name, strings.Replace(aLink, was, is, 1), want...))
		}
		change("blank label", `"Test"`, `" "`, "body.label: must not be blank")
		change("long label", `"Test"`, fmt.Sprintf("%q", strings.Repeat("ż", 201)), "body.label: must have at most 200 characters, got 201")
		change("line break in the label", `"Test"`, `"a\nb"`, "body.label: must not have control characters")
		change("NUL in the label", `"Test"`, `"a\u0000"`, "body.label")
		for what, u := range badAddresses() {
			change("address "+what, "https://example.com/r/1", u, "body.url: must ")
		}
		change("no prefix", `"custom_field_name_prefix":"Test ",`, ``, "custom_field_name_prefix")
		change("long prefix", `"Test "`, fmt.Sprintf("%q", strings.Repeat("x", 201)), "body.details.custom_field_name_prefix")
		change("no attributes", `,"attributes":[{"key":"score","value":"7"}]`, ``, "attributes")
		change("number for a value", `"7"`, `7`, "body.details.attributes[0].value")
		change("blank key", `"score"`, `""`, "body.details.attributes[0].key: must not be blank")
		change("key twice", `{"key":"score","value":"7"}`, `{"key":"score","value":"7"},{"key":"score","value":"8"}`, "body.details.attributes[1].key: must differ")
		change("no value", `,"value":"7"`, ``, "value")
		change("long value", `"7"`, fmt.Sprintf("%q", strings.Repeat("x", 10001)), "body.details.attributes[0].value: must have at most 10000 characters, got 10001")
		change("NUL in a value", `"7"`, `"\u0000"`, "body.details.attributes[0].value: must not have control characters")
		change("101 attributes", `{"key":"score","value":"7"}`, strings.Repeat(`{"key":"k","value":"v"},`, 100)+`{"key":"k","value":"v"}`, "body.details.attributes")
		change("bell in a key", `"score"`, `"a\u0007"`, "body.details.attributes[0].key: must not have control characters")
	}
	add("POST /v1/ats/applications/{application_id}/notes",
		wrong("no content", `{"content":"","content_type":"PLAIN_TEXT"}`, "body.content"), wrong("blank", `{"content":" \n\t ","content_type":"PLAIN_TEXT"}`, "body.content: must not be blank"),
		wrong("long", `{"content":"`+strings.Repeat("ż", 100001)+`","content_type":"PLAIN_TEXT"}`, "body.content"), wrong("NUL", `{"content":"a\u0000","content_type":"PLAIN_TEXT"}`, "body.content: must not have control characters"),
		wrong("escape", `{"content":"a\u001b[31m","content_type":"PLAIN_TEXT"}`, "body.content: must not have control characters"), wrong("HTML", `{"content":"a","content_type":"HTML"}`, "body.content_type"), wrong("no kind", `{"content":"a"}`, "content_type"))
	add("POST /v1/ats/applications/{application_id}/reject",
		wrong("long note", `{"rejection_reason_id":"remote:5","note":"`+strings.Repeat("ż", 10001)+`"}`, "body.note"), wrong("NUL in the note", `{"rejection_reason_id":"remote:5","note":"\u0000"}`, "body.note: must not have control characters"))
	for _, op := range []string{"POST /v1/ats/candidates/{candidate_id}/tags", "DELETE /v1/ats/candidates/{candidate_id}/tags"} {
		add(op, wrong("empty", `{"tag":{"name":""}}`, "body.tag.name: must not be blank"), wrong("blank", `{"tag":{"name":"  "}}`, "body.tag.name: must not be blank"), wrong("long", `{"tag":{"name":"`+strings.Repeat("ż", 201)+`"}}`, "body.tag.name: must have at most 200 characters, got 201"),
			wrong("tab", `{"tag":{"name":"a\tb"}}`, "body.tag.name: must not have control characters"), wrong("NUL", `{"tag":{"name":"\u0000"}}`, "body.tag.name"), wrong("no name", `{"tag":{}}`, "name"), wrong("number", `{"tag":{"name":7}}`, "body.tag.name"), wrong("name in another case", `{"tag":{"Name":"x"}}`, "name"))
	}
	unavailable := []string{`"code":"INTEGRATION.ACTION_NOT_AVAILABLE"`, "POST /v1/ats/jobs/{job_id}/applications"}
	add("POST /v1/ats/import-tracked-application", scenario{name: "well-formed", body: `{"tracked_at":"2026-05-31T08:30:00Z","greenhouse":{"id_type":"application_id","application_id":"1"}}`, status: 400, want: unavailable},
		wrong("no moment", `{"tracked_at":"yesterday"}`, "body.tracked_at: must be a date"))
	for _, of := range []string{"applications/{application_id}", "candidates/{candidate_id}"} {
		op := "GET /v1/ats/" + of + "/attachments"
		at := "/v1/ats/" + of[:strings.IndexByte(of, '{')]
		add(op, scenario{name: "switched off", headers: on(off), status: 409, want: []string{`"code":"INTEGRATION.INACTIVE"`}}, scenario{name: "rejected credentials", headers: on(invalid), status: 401, want: []string{`"code":"INTEGRATION.AUTHENTICATION_INVALID"`}},
			scenario{name: "nothing loaded", url: at + "remote:1000/attachments", headers: on(empty), status: 409, want: []string{`"code":"INTEGRATION.SETUP_SYNC_PENDING"`}}, scenario{name: "unknown remote", url: at + "remote:9/attachments", status: 404, want: []string{badInput, "path."}})
	}
	add("GET /v1/ats/applications/{application_id}/attachments", scenario{name: "without a candidate", url: "/v1/ats/applications/remote:x:y/attachments", status: 400, want: []string{badInput, "has no candidate"}})
	add("GET /v1/ats/candidates/{candidate_id}/attachments", scenario{name: "deleted", url: "/v1/ats/candidates/remote:1002/attachments", status: 404, want: []string{badInput, "path.candidate_id"}})
	add("GET /v1/ats/actions/{action}", scenario{name: "by its label", url: "/v1/ats/actions/Create%20candidate", status: 404, want: []string{badInput, "path.action"}}, scenario{name: "none", url: "/v1/ats/actions", status: 404, want: []string{badInput}})
	out["POST /v1/passthrough/{tool}/{api}"] = badPassthrough()
	return out
}

// badAddresses are none that a file or a result can stand at.
func badAddresses() map[string]string {
	return map[string]string{
		"empty": "", "word": "result", "relative": "/r/1", "without a scheme": "//example.com/r", "file": "file:///etc/passwd", "script": "javascript:alert(1)", "data": "data:text/plain,x", "ftp": "ftp://example.com/x", "no host": "https:///x", "port alone": "https://:443/",
		"password": "https://anna:secret@example.com/", "blank": "https://exa mple.com/", "line break": `https://example.com/\na`, "NUL": `https://example.com/\u0000`, "long": "https://example.com/" + strings.Repeat("x", 2000), "bad escape": "https://example.com/%zz", "open bracket": "https://[::1/",
	}
}

// badFile is a file that is refused, and the place and the words with which.
type badFile struct {
	name, file, at string
	want           []string
	tooLarge       bool
}

// place is where the complaint is, for a file that stands somewhere. Keys are complained about as
// a whole.
func (f badFile) place(at string) string {
	if slices.Contains(f.want, "more than once") {
		return "body: "
	}
	return at + f.at
}

func badFiles() []badFile {
	pdf := aFile("cv.pdf", "application/pdf", aPDF)
	change := func(name, was, is, at string, want ...string) badFile {
		return badFile{name: name, file: strings.Replace(pdf, was, is, 1), at: at, want: want}
	}
	content := func(name, typ, text string, want ...string) badFile {
		return badFile{name: name, file: aFile("cv.pdf", typ, text), at: ".data", want: want}
	}
	data := `"data":"` + base64Of(aPDF) + `"`
	all := []badFile{
		change("no extension", "cv.pdf", "cv", ".name: must have an extension"), change("extension alone", "cv.pdf", ".pdf", ".name"), change("dot at the end", "cv.pdf", "cv.", ".name"), change("dots", "cv.pdf", "...", ".name"), change("empty name", "cv.pdf", "", ".name"), change("blank name", "cv.pdf", " .pdf", ".name"),
		change("slash", "cv.pdf", "../cv.pdf", ".name: must be a name alone"), change("backslash", "cv.pdf", `..\\cv.pdf`, ".name: must be a name alone"), change("NUL", "cv.pdf", `cv\u0000.pdf`, ".name: must not have control characters"), change("line break", "cv.pdf", `cv\r\nX: y.pdf`, ".name: must not have control characters"),
		change("right to left", "cv.pdf", `cv\u202efdp.exe`, ".name: must not have control characters"), change("long name", "cv.pdf", strings.Repeat("ż", 99)+".pdf", ".name: must have at most 200 bytes, got 202"), change("extension in blanks", "cv.pdf", "cv. pdf", ".name"),
		change("name is a number", `"cv.pdf"`, "7", ".name"),
		change("no content type", `"content_type":"application/pdf",`, "", ".content_type: is required with data"), change("content type is a word", "application/pdf", "pdf", ".content_type"), change("content type with a parameter", "application/pdf", "text/plain; charset=utf-8", ".content_type"), change("content type with a line break", "application/pdf", `application/pdf\n`, ".content_type"),
		change("neither", ","+data, "", ": must have data or data_url"), change("both", data, data+`,"data_url":"https://example.com/cv.pdf"`, ": must have either data or data_url, got both"),
		change("empty", data, `"data":""`, ".data: must not be empty"), change("data is null", data, `"data":null`, ": must have data or data_url"), change("data is a number", data, `"data":7`, ".data"), change("data is an object", data, `"data":{}`, ".data"),
		change("data in another case", data, `"DATA":"`+base64Of(aPDF)+`"`, ": must have data or data_url"), change("data twice", data, data+","+data, "", "more than once"),
	}
	for name, text := range map[string]string{
		"word": "hello!", "cut": base64Of(aPDF)[:21], "padding within": "aGk=aGk=", "only padding": "====", "other alphabet": "_-__", "data address": "data:application/pdf;base64,JVBERg==", "blank within": "JVBE RjEu", "Latin": "żółć", "escaped": `\u0141\u00f3`, "surrogate": `\ud83d\ude00`, "lone surrogate": `\ud800`, "NUL": `\u0000`, "trailing text": "JVBERg==x",
	} {
		all = append(all, change("base64 "+name, base64Of(aPDF), text, ".data: must be base64"))
	}
	large := badFile{name: "too large", file: aFile("cv.pdf", "application/pdf", aPDF+strings.Repeat("x", 1<<20)), at: ".data: must have at most 1048576 bytes", tooLarge: true}
	all = append(all, large,
		content("a page for a PDF", "application/pdf", "<!DOCTYPE html><html>", ": looks like text/html and not like application/pdf"), content("text for a PDF", "application/pdf", "hello", ": looks like text/plain"), content("PDF for a picture", "image/png", aPDF, ": looks like application/pdf and not like image/png"),
		content("picture for another", "image/jpeg", "\x89PNG\r\n\x1a\n", ": looks like image/png"), content("program for a PDF", "application/pdf", "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff", ": is a program"), content("program for anything", "application/octet-stream", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00>\x00", ": is a program"),
		content("script for a text", "text/plain", "#!/bin/sh\nrm -rf /\n", ": is a program"), content("a page for anything", "application/octet-stream", "<html><script>alert(1)</script></html>", ": looks like text/html"), content("PDF for a DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", aPDF, ": looks like application/pdf"),
		content("text for a DOC", "application/msword", "hello", ": looks like text/plain"), content("PDF for a text", "text/plain", aPDF, ": looks like application/pdf"), content("zip for a PDF", "application/pdf", "PK\x03\x04\x14\x00\x00\x00\x08\x00", ": looks like application/zip"),
	)
	for what, u := range badAddresses() {
		if what == "empty" {
			continue
		}
		all = append(all, change("address "+what, data, `"data_url":"`+u+`"`, ".data_url: must "))
	}
	return all
}

// applicants is what can be wrong with somebody who applies, in a body that is right apart from that.
func (w world) applicants(body string) []scenario {
	var all []scenario
	set := func(name, key, value string, want ...string) { // of the candidate
		is := strings.Replace(body, `"email_address":"anna@example.com"`, `"email_address":"anna@example.com",`+fmt.Sprintf("%q:%s", key, value), 1)
		all = append(all, wrong(key+" "+name, is, append([]string{"body.candidate." + key}, want...)...))
	}
	beside := func(name, key, value string, want ...string) {
		all = append(all, wrong(key+" "+name, strings.TrimSuffix(body, "}")+fmt.Sprintf(",%q:%s}", key, value), want...))
	}
	change := func(name, was, is string, want ...string) {
		all = append(all, wrong(name, strings.Replace(body, was, is, 1), want...))
	}
	for _, name := range []string{"Anna", "Nowak"} {
		key := map[string]string{"Anna": "first_name", "Nowak": "last_name"}[name]
		change(key+" empty", name, "", "body.candidate."+key)
		change(key+" blank", name, "  ", "body.candidate."+key+": must not be blank")
		change(key+" long", name, strings.Repeat("ż", 201), "body.candidate."+key)
		change(key+" with NUL", name, `A\u0000`, "body.candidate."+key+": must not have control characters")
		change(key+" with a line break", name, `A\nB`, "body.candidate."+key+": must not have control characters")
		change(key+" is a number", `"`+name+`"`, "7", "body.candidate."+key)
		change(key+" in another case", `"`+key+`"`, `"`+strings.ToUpper(key)+`"`, key)
	}
	badEmails := []string{"", "anna", "anna@", "@example.com", "anna@example", "anna@@example.com", "anna example.com", "Anna <anna@example.com>", "anna@example.com, b@example.com", "anna@exa mple.com", "anna@-example.com", "anna@example..com", "anna@.example.com", `anna@example.com\n`, `a\u0000@example.com`, `\"a b\"@example.com`, "anna@[127.0.0.1]", strings.Repeat("a", 250) + "@example.com", "😀"}
	for _, e := range badEmails[:len(badEmails)-1] {
		if strings.HasSuffix(e, `\n`) {
			continue // blanks around an address are no part of it
		}
		change("email_address "+shortened(e), "anna@example.com", e, "body.candidate.email_address: must be an e-mail address")
		set("odd "+shortened(e), "additional_email_addresses", `[{"type":"WORK","email_address":"`+e+`"}]`, "[0].email_address: must be an e-mail address")
	}
	set("without a type", "additional_email_addresses", `[{"email_address":"a@example.com"}]`, "[0]")
	set("of another type", "additional_email_addresses", `[{"type":"HOME","email_address":"a@example.com"}]`, "[0].type")
	set("one instead of many", "additional_email_addresses", `{"type":"WORK","email_address":"a@example.com"}`)
	set("too many", "additional_email_addresses", "["+strings.TrimSuffix(strings.Repeat(`{"type":"WORK","email_address":"a@example.com"},`, 21), ",")+"]")
	for what, v := range map[string]string{"words": `"call me"`, "NUL": `"1\u0000"`, "long": `"` + strings.Repeat("1", 51) + `"`, "line break": `"1\n2"`} {
		set(what, "phone_number", v)
		set(what, "additional_phone_numbers", `[{"type":"WORK","phone_number":`+v+`}]`, "[0].phone_number: must ")
	}
	set("number", "phone_number", "48123")
	for _, key := range []string{"company", "title"} {
		set("long", key, fmt.Sprintf("%q", strings.Repeat("ż", 201)))
		set("NUL", key, `"\u0000"`, ": must not have control characters")
		set("number", key, "1")
	}
	for _, v := range []string{`{}`, `{"city":"Łódź"}`, `{"country":"pl"}`, `{"country":"POL"}`, `{"country":"Poland"}`, `{"country":"XX"}`, `{"country":"ZZ"}`, `{"country":""}`, `{"country":null}`, `"PL"`, `{"country":"PL","city":7}`, `{"country":"PL","city":"\u0000"}`, `{"country":"PL","zip_code":"` + strings.Repeat("9", 51) + `"}`, `{"Country":"PL"}`} {
		set(shortened(v), "location", v)
	}
	for _, v := range []string{`"male"`, `"UNKNOWN"`, `1`, `""`} {
		set(v, "gender", v)
	}
	for _, v := range []string{`"soon"`, `"2026-02-30"`, `"2026-13-01"`, `"31.05.2026"`, `"2026-05-31 08:30"`, `20260531`, `"0000-00-00"`, `"0001-01-01"`, `"99999-01-01"`, `"2026-05-31\n"`} {
		set(v, "availability_date", v)
	}
	for _, v := range []string{`{}`, `{"period":"MONTH"}`, `{"amount":1}`, `{"period":"DAY","amount":1}`, `{"period":"YEAR","amount":-1}`, `{"period":"YEAR","amount":"1"}`, `{"period":"YEAR","amount":1e13}`, `100`} {
		set(v, "salary_expectations", v)
	}
	all = append(all, wrong("salary beyond float", strings.Replace(body, `"email_address"`, `"salary_expectations":{"period":"YEAR","amount":1e999},"email_address"`, 1), "out of range"))
	for what, u := range badAddresses() {
		set(what, "social_links", `[{"url":"`+u+`"}]`, "[0].url: must ")
	}
	set("text", "social_links", `["https://example.com"]`)
	for _, v := range []string{`"x"`, `{"name":7}`, `{"name":"\u0000"}`, `{"id":"a\nb"}`, `{"unified_key":"` + strings.Repeat("x", 201) + `"}`} {
		beside(shortened(v), "source", v, "body.source")
	}
	for what, v := range map[string]string{"nobody": `{}`, "unknown": `{"user_id":"remote:99"}`, "of another integration": fmt.Sprintf(`{"user_id":%q}`, ats.Namespace(withData).ID(ats.Users, "1")), "number": `{"user_id":1}`, "empty": `{"user_id":""}`} {
		beside(what, "sourced_by", v, "user_id")
	}
	for _, v := range []string{`"yes"`, `{"given":"yes"}`, `{"expires_at":"never"}`, `{"expires_at":7}`, `{"given":1}`} {
		beside(v, "gdpr_consent", v, "body.gdpr_consent")
	}
	for _, v := range []string{`{}`, `[{}]`, `[{"question_id":"1"}]`, `[{"answer":"x"}]`, `[{"question_id":1,"answer":"x"}]`, `[{"question_id":"","answer":"x"}]`} {
		beside(v, "screening_question_answers", v, "screening_question_answers")
	}
	for _, v := range []string{`[1]`, `["a",null]`, `{}`, `{"name":"a.pdf"}`, `{"name":"a.pdf","content_type":"application/pdf","data":"!"}`, `{"name":7,"data_url":"https://example.com"}`, `"\u0000"`} {
		beside("answer "+v, "screening_question_answers", `[{"question_id":"1","answer":`+v+`}]`, "body.screening_question_answers[0].answer")
	}
	for _, f := range badFiles() {
		s := wrong("file "+f.name, strings.TrimSuffix(body, "}")+`,"attachments":[`+aFile("ok.txt", "text/plain", "fine")+","+f.file+"]}", append([]string{f.place("body.attachments[1]")}, f.want...)...)
		if f.tooLarge {
			s.status = 413
		}
		all = append(all, s)
	}
	many := strings.TrimSuffix(strings.Repeat(aFile("a.txt", "text/plain", "x")+",", 21), ",")
	beside("21 files", "attachments", "["+many+"]", "body.attachments")
	beside("one instead of many", "attachments", aFile("a.txt", "text/plain", "x"), "body.attachments")
	beside("text", "attachments", `["a.txt"]`, "body.attachments[0]")
	change("candidate is an array", somebody, "["+somebody+"]", "body.candidate")
	change("candidate is null", somebody, "null", "candidate")
	change("key twice", `"first_name":"Anna"`, `"first_name":"Anna","first_name":"Ewa"`, "more than once")
	return all
}

// badPassthrough is what can be wrong with a request of the client's own before it comes to the tool.
func badPassthrough() []scenario {
	pass := func(more string) string { return `{"method":"POST","path":"/x"` + more + `}` }
	form := func(value string) string { return pass(`,"multipart_form_data":[{"name":"f","value":` + value + `}]`) }
	all := []scenario{
		{name: "switched off", headers: on(off), body: pass(""), status: 400, want: []string{badInput, "switched off"}},
		{name: "rejected credentials", headers: on(invalid), body: pass(""), status: 400, want: []string{badInput, "rejects the credentials"}},
		{name: "open setup", headers: on(setup), body: pass(""), status: 400, want: []string{badInput, "open steps"}},
		{name: "other tool", url: "/v1/passthrough/greenhouse/v2", body: pass(""), status: 404, want: []string{badInput, "path.tool"}},
		{name: "other API", url: "/v1/passthrough/traffit/v1", body: pass(""), status: 404, want: []string{badInput, "path.api: must be one of v2"}},
		wrong("no path", `{"method":"GET"}`, "path"), wrong("empty path", `{"method":"GET","path":""}`, "body.path"), wrong("long path", `{"method":"GET","path":"/`+strings.Repeat("x", 8000)+`"}`, "body.path"),
		wrong("OPTIONS", `{"method":"OPTIONS","path":"/"}`, "body.method"), wrong("small letters", `{"method":"get","path":"/"}`, "body.method"), wrong("method with a line break", `{"method":"GET\r\n","path":"/"}`, "body.method"),
		wrong("header is a number", pass(`,"headers":{"a":1}`), "body.headers"), wrong("header is a list", pass(`,"headers":{"a":["b"]}`), "body.headers"), wrong("param is null", pass(`,"params":{"a":{}}`), "body.params"),
		wrong("base64 is a text", pass(`,"response_as_base64":"true"`), "body.response_as_base64"), wrong("data and a form", pass(`,"data":{},"multipart_form_data":[{"name":"a","value":"b"}]`), "must have either data or multipart_form_data"),
		wrong("part without a name", pass(`,"multipart_form_data":[{"value":"b"}]`), "name"), wrong("part without a value", pass(`,"multipart_form_data":[{"name":"b"}]`), "value"),
		wrong("101 parts", pass(`,"multipart_form_data":[`+strings.TrimSuffix(strings.Repeat(`{"name":"a","value":"b"},`, 101), ",")+`]`), "body.multipart_form_data"),
		{name: "large part", body: form(`{"name":"a.bin","data":"` + base64Of(strings.Repeat("x", 1<<20+1)) + `"}`), status: 413, want: []string{badInput, "body.multipart_form_data[0].value.data: must have at most 1048576 bytes"}},
	}
	for what, v := range map[string]string{"number": "1", "null": "null", "list": `["a"]`, "empty file": `{}`, "file without content": `{"name":"a"}`, "both": `{"name":"a","data":"YQ==","data_url":"https://example.com"}`, "odd type": `{"name":"a","content_type":"a/b\r\nX: y","data":"YQ=="}`, "no base64": `{"name":"a","data":"!"}`, "no address": `{"name":"a","data_url":"x"}`, "name is a number": `{"name":1,"data":"YQ=="}`} {
		all = append(all, wrong("part "+what, form(v), "body.multipart_form_data[0]"))
	}
	return slices.Clone(all)
}
