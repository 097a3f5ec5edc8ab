package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/media"
)

// The bodies of the actions, and what they must hold beyond their schema. Complaints name the place
// and the rule but never the value: it may be personal, and complaints are logged.

// Bounds that the schema does not state.
const (
	maxURL      = 2000 // characters
	maxFileName = 200  // bytes
	maxRemoteID = 200  // bytes
)

var (
	contentType = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)
	typeOfFile  = reflect.TypeFor[FileInput]()
)

// RemoteFields holds what only one tool takes. No connector has any.
type RemoteFields struct {
	RemoteFields map[string]any `json:"remote_fields,omitempty" doc:"Inputs of single tools. None are known; what is given is ignored."`
}

// FileInput is a file to upload.
type FileInput struct {
	Name        string `json:"name" example:"CV Zofia Zając.pdf" doc:"The file's name, with its extension."`
	ContentType string `json:"content_type,omitempty" pattern:"^[\\w.-]+\\/[\\w.-]+$" example:"application/pdf" doc:"Required with data. The content is held against it."`
	DataURL     string `json:"data_url,omitempty" doc:"Where the content is fetched from, at once and without credentials. Either this or data."`
	Data        string `json:"data,omitempty" encoding:"base64" doc:"The content in base64."`
}

// AttachmentInput is a file and what it is for.
type AttachmentInput struct {
	FileInput
	Type string `json:"type" enum:"CV,COVER_LETTER,OTHER"`
}

// EmailInput is a further e-mail address.
type EmailInput struct {
	Type    string `json:"type" enum:"PERSONAL,WORK,OTHER"`
	Address string `json:"email_address"`
}

// PhoneInput is a further phone number.
type PhoneInput struct {
	Type   string `json:"type" enum:"PERSONAL,WORK,OTHER"`
	Number string `json:"phone_number"`
}

// LocationInput is where somebody lives.
type LocationInput struct {
	City    string `json:"city,omitempty" maxLength:"200"`
	Country string `json:"country" pattern:"^[A-Z]{2}$" example:"PL" doc:"ISO 3166-1 alpha-2."`
	State   string `json:"state,omitempty" maxLength:"200"`
	Street  string `json:"street_1,omitempty" maxLength:"200"`
	ZipCode string `json:"zip_code,omitempty" maxLength:"50"`
}

// SalaryInput is what somebody wants to earn.
type SalaryInput struct {
	Period string  `json:"period" enum:"MONTH,YEAR"`
	Amount float64 `json:"amount" minimum:"0" maximum:"1000000000000"`
}

// LinkInput is a profile of somebody.
type LinkInput struct {
	URL string `json:"url"`
}

// CandidateInput is somebody who applies. Who is known by the e-mail address gets the application,
// and nothing else about them changes.
type CandidateInput struct {
	FirstName   string         `json:"first_name" minLength:"1" maxLength:"200" example:"Zofia"`
	LastName    string         `json:"last_name" minLength:"1" maxLength:"200" example:"Zając"`
	Email       string         `json:"email_address" example:"zofia@example.com" doc:"By which somebody who is there already is found."`
	MoreEmails  []EmailInput   `json:"additional_email_addresses,omitempty" maxItems:"20"`
	Company     string         `json:"company,omitempty" maxLength:"200"`
	Title       string         `json:"title,omitempty" maxLength:"200"`
	Phone       string         `json:"phone_number,omitempty"`
	MorePhones  []PhoneInput   `json:"additional_phone_numbers,omitempty" maxItems:"20"`
	Location    *LocationInput `json:"location,omitempty"`
	Gender      string         `json:"gender,omitempty" enum:"MALE,FEMALE,OTHER"`
	AvailableOn string         `json:"availability_date,omitempty" doc:"A date, or a date and time of which the date counts."`
	Salary      *SalaryInput   `json:"salary_expectations,omitempty"`
	SocialLinks []LinkInput    `json:"social_links,omitempty" maxItems:"20"`
}

// SourceInput says where somebody comes from.
type SourceInput struct {
	Name       string `json:"name,omitempty" maxLength:"200"`
	UnifiedKey string `json:"unified_key,omitempty" maxLength:"200"`
	ID         string `json:"id,omitempty" maxLength:"200"`
}

// SourcedByInput names the user who found somebody.
type SourcedByInput struct {
	UserID string `json:"user_id" doc:"A user: Kladka's ID, or remote: and the ID of the ATS."`
}

// ConsentInput is somebody's word about the processing of their data.
type ConsentInput struct {
	ExpiresAt string `json:"expires_at,omitempty"`
	Given     *bool  `json:"given,omitempty"`
}

// AnswerInput answers a screening question.
type AnswerInput struct {
	QuestionID string  `json:"question_id" minLength:"1" maxLength:"200"`
	Answer     anyJSON `json:"answer" doc:"A text, a number, true or false, a list of texts, or a file."`
}

// anyJSON is a value of any type, whose form is judged with the file rules at hand.
type anyJSON struct{ json.RawMessage }

// Schema allows anything.
func (anyJSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// ApplicantInput is what both ways of creating an application share.
type ApplicantInput struct {
	Candidate   CandidateInput    `json:"candidate"`
	Attachments []AttachmentInput `json:"attachments,omitempty" maxItems:"20" doc:"The first CV counts as the résumé."`
	Source      *SourceInput      `json:"source,omitempty" deprecated:"true"`
	SourcedBy   *SourcedByInput   `json:"sourced_by,omitempty"`
	Consent     *ConsentInput     `json:"gdpr_consent,omitempty"`
	Answers     []AnswerInput     `json:"screening_question_answers,omitempty" maxItems:"100"`
	RemoteFields
}

// complaints collects what is wrong with a body.
type complaints struct {
	lines    []string
	tooLarge bool
}

func (c *complaints) add(where, format string, args ...any) {
	c.lines = append(c.lines, where+": "+fmt.Sprintf(format, args...))
}

// err gives them all as one answer.
func (c *complaints) err() error {
	if len(c.lines) == 0 {
		return nil
	}
	const most = 20 // of one answer
	lines := c.lines
	if len(lines) > most {
		lines = append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more", len(lines)-most))
	}
	f := newFailure(ats.InputInvalid, strings.Join(lines, "; "))
	if c.tooLarge {
		f.http = http.StatusRequestEntityTooLarge
	}
	return f
}

// line gives a text of one line without blanks around it; a blank one is nothing.
func (c *complaints) line(where, value string) string {
	if strings.ContainsFunc(value, unicode.IsControl) {
		c.add(where, "must not have control characters or line breaks")
	}
	return strings.TrimSpace(value)
}

// required is line for what must not be blank.
func (c *complaints) required(where, value string, most int) string {
	line := c.line(where, value)
	switch n := utf8.RuneCountInString(line); {
	case n == 0:
		c.add(where, "must not be blank")
	case n > most:
		c.add(where, "must have at most %d characters, got %d", most, n)
	}
	return line
}

// text gives a text of several lines.
func (c *complaints) text(where, value string, most int) string {
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }) {
		c.add(where, "must not have control characters but line breaks and tabs")
	}
	if n := utf8.RuneCountInString(value); n > most {
		c.add(where, "must have at most %d characters, got %d", most, n)
	}
	return value
}

func (c *complaints) email(where, value string) string {
	const long = 254
	value = strings.TrimSpace(value)
	a, err := mail.ParseAddress(value)
	if err != nil || a.Name != "" || a.Address != value || len(value) > long || strings.ContainsAny(value, `"<>()[]\`) || !hostLike(value[strings.LastIndex(value, "@")+1:]) {
		c.add(where, "must be an e-mail address")
	}
	return value
}

// hostLike reports whether a name could be that of a mail server.
func hostLike(name string) bool {
	labels := strings.Split(name, ".")
	return len(labels) > 1 && !slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' ||
			strings.ContainsFunc(l, func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '-'
			})
	})
}

func (c *complaints) phone(where, value string) string {
	const long = 50
	value = c.line(where, value)
	if len(value) > long || !strings.ContainsFunc(value, unicode.IsDigit) {
		c.add(where, "must be a phone number of at most %d characters", long)
	}
	return value
}

// address judges the address of a page or a file.
func (c *complaints) address(where, value string) string {
	value = strings.TrimSpace(value)
	u, err := url.Parse(value)
	switch {
	case utf8.RuneCountInString(value) > maxURL:
		c.add(where, "must have at most %d characters", maxURL)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		c.add(where, "must be an address that begins with http:// or https://")
	case u.User != nil:
		c.add(where, "must not hold a user name or a password")
	}
	return value
}

// moment reads a date, or a date and time, as clients write them.
func (c *complaints) moment(where, value string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", time.DateOnly, time.DateOnly + "Z"} {
		if t, err := time.Parse(layout, value); err == nil {
			if t.Year() < 1900 || t.Year() > 9000 {
				break
			}
			return t
		}
	}
	c.add(where, "must be a date or a date and time such as 2026-05-31 or 2026-05-31T08:30:00.000Z")
	return time.Time{}
}

// candidate gives what is said of somebody.
func (c *complaints) candidate(in CandidateInput) connector.NewCandidate {
	const at = "body.candidate."
	out := connector.NewCandidate{
		FirstName: c.required(at+"first_name", in.FirstName, 200), LastName: c.required(at+"last_name", in.LastName, 200),
		Email:   c.email(at+"email_address", in.Email),
		Company: c.line(at+"company", in.Company), Title: c.line(at+"title", in.Title),
		Gender: in.Gender,
	}
	for n, e := range in.MoreEmails {
		out.MoreEmails = append(out.MoreEmails, c.email(fmt.Sprintf("%sadditional_email_addresses[%d].email_address", at, n), e.Address))
	}
	if strings.TrimSpace(in.Phone) != "" {
		out.Phones = append(out.Phones, c.phone(at+"phone_number", in.Phone))
	}
	for n, p := range in.MorePhones {
		out.Phones = append(out.Phones, c.phone(fmt.Sprintf("%sadditional_phone_numbers[%d].phone_number", at, n), p.Number))
	}
	if l := in.Location; l != nil {
		if region, err := language.ParseRegion(l.Country); err != nil || !region.IsCountry() {
			c.add(at+"location.country", "must be a country's code of two letters, after ISO 3166-1")
		}
		given := func(key, value string) *string {
			if value = c.line(at+"location."+key, value); value == "" {
				return nil
			}
			return &value
		}
		out.Location = &ats.Location{
			Country: &l.Country, City: given("city", l.City), State: given("state", l.State),
			Street1: given("street_1", l.Street), ZipCode: given("zip_code", l.ZipCode),
		}
	}
	if in.AvailableOn != "" {
		out.AvailableOn = c.moment(at+"availability_date", in.AvailableOn).Format(time.DateOnly)
	}
	if in.Salary != nil {
		out.Salary = &connector.SalaryExpectation{Period: in.Salary.Period, Amount: in.Salary.Amount}
	}
	for n, l := range in.SocialLinks {
		out.SocialLinks = append(out.SocialLinks, c.address(fmt.Sprintf("%ssocial_links[%d].url", at, n), l.URL))
	}
	return out
}

// applicant gives what is said of somebody beside, and their files.
func (c *complaints) applicant(in ApplicantInput, sent *contents) (connector.NewCandidate, []connector.File) {
	out := c.candidate(in.Candidate)
	if s := in.Source; s != nil {
		for _, given := range []string{c.line("body.source.name", s.Name), c.line("body.source.unified_key", s.UnifiedKey), c.line("body.source.id", s.ID)} {
			if out.Source == "" {
				out.Source = given
			}
		}
	}
	if g := in.Consent; g != nil && (g.Given != nil || g.ExpiresAt != "") {
		out.Consent = &connector.Consent{Given: g.Given}
		if g.ExpiresAt != "" {
			out.Consent.ExpiresAt = new(ats.TimeOf(c.moment("body.gdpr_consent.expires_at", g.ExpiresAt)))
		}
	}
	for n, a := range in.Answers {
		c.answer(fmt.Sprintf("body.screening_question_answers[%d].answer", n), a.Answer.RawMessage, sent)
	}
	out.Answers = len(in.Answers)
	var files []connector.File
	for n, a := range in.Attachments {
		files = append(files, c.attachment(fmt.Sprintf("body.attachments[%d]", n), a, sent))
	}
	return out, files
}

// answer judges the form of an answer to a screening question.
func (c *complaints) answer(where string, raw []byte, sent *contents) {
	var value any
	if json.Unmarshal(raw, &value) == nil {
		switch v := value.(type) {
		case string:
			c.text(where, v, 10000)
			return
		case bool, float64:
			return
		case []any:
			if !slices.ContainsFunc(v, func(e any) bool { _, text := e.(string); return !text }) {
				return
			}
		case map[string]any:
			if in, ok := fileOf(raw); ok {
				c.file(where, in, sent)
				return
			}
		}
	}
	c.add(where, "must be a text, a number, true, false, a list of texts, or a file with name and data or data_url")
}

// fileOf reads a file where something else could stand, too.
func fileOf(raw []byte) (in FileInput, ok bool) {
	exact, err := exactKeys(raw, typeOfFile)
	if err != nil || json.Unmarshal(exact, &in) != nil {
		return in, false
	}
	return in, true
}

// attachment gives a file and what it is for.
func (c *complaints) attachment(where string, in AttachmentInput, sent *contents) connector.File {
	f := c.file(where, in.FileInput, sent)
	f.Type = connector.FileType(in.Type)
	return f
}

// file gives a file that somebody applies with.
func (c *complaints) file(where string, in FileInput, sent *contents) connector.File {
	name := c.fileName(where+".name", in.Name)
	f, head := c.content(where, in, sent)
	f.Name = name
	switch {
	case in.Data == "" || in.DataURL != "":
	case in.ContentType == "":
		c.add(where+".content_type", "is required with data")
	case f.Open == nil: // as is said already
	case f.Size == 0:
		c.add(where+".data", "must not be empty")
	default:
		if err := media.Check(in.ContentType, head); err != nil {
			c.add(where+".data", "%s", err)
		}
	}
	return f
}

// content gives a file without its name, and the beginning of a content that came with the request.
func (c *complaints) content(where string, in FileInput, sent *contents) (f connector.File, head []byte) {
	f.ContentType = in.ContentType
	if in.ContentType != "" && !contentType.MatchString(in.ContentType) { // the schema cannot tell everywhere
		c.add(where+".content_type", "must look like application/pdf")
	}
	switch {
	case in.Data == "" && in.DataURL == "":
		c.add(where, "must have data or data_url")
	case in.Data != "" && in.DataURL != "":
		c.add(where, "must have either data or data_url, got both")
	case in.DataURL != "":
		f.URL = c.address(where+".data_url", in.DataURL)
	default:
		content := sent.of(in.Data)
		if content.problem != "" {
			c.add(where+".data", "%s", content.problem)
			c.tooLarge = c.tooLarge || content.tooLarge
			break
		}
		f.SHA256, f.Size, f.Open, head = content.SHA256, content.Size, content.Open, content.Head
	}
	return f, head
}

// fileName gives a file's name in its composed form.
func (c *complaints) fileName(where, name string) string {
	name = norm.NFC.String(name)
	ext := path.Ext(name)
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }):
		c.add(where, "must not have control characters")
	case strings.ContainsAny(name, `/\`):
		c.add(where, `must be a name alone, without / and \`)
	case len(name) > maxFileName:
		c.add(where, "must have at most %d bytes, got %d", maxFileName, len(name))
	case len(ext) < 2 || strings.Trim(strings.TrimSuffix(name, ext), ". ") == "" || strings.ContainsFunc(ext, unicode.IsSpace):
		c.add(where, "must have an extension, as in cv.pdf")
	}
	return name
}
