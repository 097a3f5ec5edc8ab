package traffit

import (
	"context"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// wish is something that is to be known of a new candidate besides name and address.
type wish struct {
	input string // the client's word for it
	key   string // TRAFFIT's
	forms []any  // values in which TRAFFIT may want it, the likeliest first
	shown func(row object) bool
}

// profile is what a new candidate is made of.
type profile struct {
	core   object // what TRAFFIT takes from everybody
	wishes []wish
	// homeless are the inputs for which there is no field.
	homeless []string
}

// profileOf finds a field for everything that is said of a candidate. The tenant's own fields are asked
// for only when one of them could be needed.
func (t *tenant) profileOf(ctx context.Context, c connector.NewCandidate) (profile, error) {
	p := profile{core: object{"name": c.FirstName, "lastname": c.LastName, "email": c.Email}}
	if len(c.Phones) > 0 {
		p.wish("candidate.phone_number", "mobile", strings.Join(c.Phones, ", "))
	}
	if c.Source != "" {
		// Rows show the source of nobody (seen), so that it is taken for granted.
		p.wishes = append(p.wishes, wish{input: "source", key: "source", forms: []any{c.Source}, shown: func(object) bool { return true }})
	}
	if c.Location != nil {
		p.place(*c.Location, t.confirmed["location.shape"] == "json")
	}
	links := p.linkedIn(c.SocialLinks)
	if len(c.MoreEmails) > 0 {
		p.homeless = append(p.homeless, "candidate.additional_email_addresses")
	}
	if c.SourcedBy != "" {
		p.homeless = append(p.homeless, "sourced_by")
	}
	if c.Answers > 0 {
		p.homeless = append(p.homeless, "screening_question_answers")
	}
	if links == nil && c.Title == "" && c.Company == "" && c.Gender == "" && c.AvailableOn == "" && c.Salary == nil && c.Consent == nil {
		return p, nil
	}
	fields, err := t.employeeFields(ctx)
	if err != nil && !lasting(err) {
		return profile{}, err
	}
	own := ownFields{t, fields, &p}
	if c.Title != "" {
		own.wish("candidate.title", positionNames, c.Title)
	}
	if c.Company != "" {
		own.wish("candidate.company", employerNames, c.Company)
	}
	if c.Gender != "" {
		own.wish("candidate.gender", genderNames, genders[c.Gender]...)
	}
	if c.AvailableOn != "" {
		own.wish("candidate.availability_date", availabilityNames, c.AvailableOn)
	}
	if c.Salary != nil {
		own.salary(*c.Salary)
	}
	if c.Consent != nil {
		own.consent(*c.Consent)
	}
	for _, link := range links {
		own.wish("candidate.social_links", siteNames(link), link)
	}
	p.homeless = slices.Compact(p.homeless)
	return p, nil
}

// wish adds a text for a field that every tenant has.
func (p *profile) wish(input, key, text string) {
	p.wishes = append(p.wishes, wish{input: input, key: key, forms: []any{text}, shown: func(row object) bool { return row.text(key) != "" }})
}

// place adds where a candidate lives, with the nine keys of places on the map.
func (p *profile) place(l ats.Location, inText bool) {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	if text(l.Street1) != "" {
		p.homeless = append(p.homeless, "candidate.location.street_1")
	}
	place := object{
		"country": text(l.Country), "iso": strings.ToLower(text(l.Country)), "region1": text(l.State), "region2": "", "region3": "",
		"postcode": text(l.ZipCode), "locality": text(l.City), "latitude": nil, "longitude": nil,
	}
	forms := []any{place, string(encode(place))}
	if inText {
		slices.Reverse(forms)
	}
	const key = "candidate_location"
	p.wishes = append(p.wishes, wish{input: "candidate.location", key: key, forms: forms, shown: func(row object) bool { return location(row[key]) != nil }})
}

// linkedIn adds the first address of a LinkedIn profile, and gives the other links.
func (p *profile) linkedIn(links []string) (others []string) {
	found := false
	for _, link := range links {
		if !found && siteOf(link) == "linkedin" {
			found = true
			p.wish("candidate.social_links", "linkedin", link)
		} else {
			others = append(others, link)
		}
	}
	return others
}

// siteOf is the name of the site to which a link leads: github of https://www.github.com/somebody.
func siteOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	labels := strings.Split(strings.ToLower(u.Hostname()), ".")
	if len(labels) < 2 {
		return ""
	}
	return labels[len(labels)-2]
}

// siteNames are the names of fields that may hold a link.
func siteNames(link string) []string {
	site := siteOf(link)
	if site == "" {
		return nil
	}
	return []string{site, site + "_url", site + "_link", site + "_profile"}
}

// The tenant's own fields that may hold what TRAFFIT itself has no field for: their keys or labels,
// in Polish or English (guesses).
var (
	genderNames       = []string{"gender", "sex", "płeć", "plec"}
	availabilityNames = []string{
		"availability_date", "available_from", "available_on", "availability",
		"dostępność", "dostępność od", "dostępny od", "data dostępności", "dostepnosc", "dostepnosc_od", "dostepny_od", "data_dostepnosci",
	}
	salaryNames = []string{
		"salary_expectations", "salary_expectation", "expected_salary", "financial_expectations",
		"oczekiwania finansowe", "oczekiwane wynagrodzenie", "wymagania finansowe",
	}
	consentNames = []string{"gdpr_consent", "gdpr", "consent", "zgoda_rodo", "rodo", "zgoda na przetwarzanie danych", "zgoda na przetwarzanie danych osobowych"}
	expiryNames  = []string{
		"gdpr_consent_expires_at", "gdpr_consent_until", "consent_expires_at", "consent_valid_until",
		"zgoda ważna do", "zgoda_wazna_do", "data ważności zgody", "data_waznosci_zgody",
	}
)

// The words in which such fields may say the contract's values.
var (
	genders = map[string][]string{
		"MALE": {"Mężczyzna", "Male", "Man", "M"}, "FEMALE": {"Kobieta", "Female", "Woman", "K", "F"},
		"OTHER": {"Inna", "Inne", "Other", "Non-binary"},
	}
	yes = []string{"Tak", "Yes", "true", "1"}
	no  = []string{"Nie", "No", "false", "0"}
)

// ownFields looks for places in the tenant's own fields.
type ownFields struct {
	tenant *tenant
	fields []employeeField
	p      *profile
}

// wish adds a value for the first field with one of the names that takes one of the words.
func (o ownFields) wish(input string, names []string, words ...string) {
	f, ok := fieldNamed(o.fields, names...)
	ok = ok && !slices.ContainsFunc(o.p.wishes, func(w wish) bool { return w.key == f.key })
	for i := 0; ok && i < len(words); i++ {
		text := words[i]
		if forms := o.tenant.fieldValue(f, text); forms != nil {
			o.p.wishes = append(o.p.wishes, wish{input: input, key: f.key, forms: forms, shown: func(row object) bool { return fieldShows(f, row, text) }})
			return
		}
	}
	o.p.homeless = append(o.p.homeless, input)
}

// salary says what somebody wants to earn: a text has room for the period, a number is taken as a
// month's (guess).
func (o ownFields) salary(s connector.SalaryExpectation) {
	const input = "candidate.salary_expectations"
	amount := strconv.FormatFloat(s.Amount, 'f', -1, 64)
	f, _ := fieldNamed(o.fields, salaryNames...)
	switch {
	case f.kind == "integer" && s.Period == "MONTH":
		o.wish(input, salaryNames, strconv.FormatFloat(math.Round(s.Amount), 'f', -1, 64))
	case f.kind == "integer" || f.kind == "number":
		if s.Period != "MONTH" {
			o.p.homeless = append(o.p.homeless, input)
			return
		}
		o.wish(input, salaryNames, amount)
	default:
		o.wish(input, salaryNames, amount+" / "+strings.ToLower(s.Period))
	}
}

func (o ownFields) consent(c connector.Consent) {
	if c.Given != nil {
		words := no
		if *c.Given {
			words = yes
		}
		o.wish("gdpr_consent.given", consentNames, words...)
	}
	if c.ExpiresAt != nil {
		o.wish("gdpr_consent.expires_at", expiryNames, c.ExpiresAt.String())
	}
}

// bodies are the forms in which a candidate may be created, the best first: everything in the likeliest
// forms, everything in the others, and no more than the name and the address.
func (p profile) bodies() []object {
	whole := func(n int) object {
		body := object{}
		for key, v := range p.core {
			body[key] = v
		}
		for _, w := range p.wishes {
			body[w.key] = w.forms[min(n, len(w.forms)-1)]
		}
		return body
	}
	bodies := []object{whole(0)}
	if slices.ContainsFunc(p.wishes, func(w wish) bool { return len(w.forms) > 1 }) {
		bodies = append(bodies, whole(1))
	}
	if len(p.wishes) > 0 {
		bodies = append(bodies, p.core)
	}
	return bodies
}
