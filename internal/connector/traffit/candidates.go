package traffit

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// foldEmployee makes a candidate and, once they were read, the connections to tags.
func foldEmployee(in input) (connector.Fold, error) {
	id := in.Unit.ID
	owner := in.IDs.ID(ats.Candidates, id)
	row := in.parts.one(kindList)
	if row == nil {
		return sets(
			own[ats.Candidate](ats.Candidates),
			set[ats.CandidateTag](ats.CandidateTags, "candidate_id", owner, nil),
		), nil
	}
	source, err := source(in, row)
	if err != nil {
		return connector.Fold{}, err
	}
	x := pick(ats.Candidates, in.Fields, row)
	c := ats.Candidate{
		RemoteID: id, FirstName: row.opt("name"), LastName: row.opt("lastname"),
		Company: join(row.byName(employerNames)), Title: join(row.byName(positionNames)),
		Source: source, PhoneNumbers: phones(row.text("mobile")), SocialMedia: profiles(row.text("linkedin")),
		Location:     location(row["candidate_location"]),
		CustomFields: x.custom, IntegrationFields: x.integration,
		RemoteCreatedAt: row.time("created_at"), RemoteUpdatedAt: row.time("updated_at"),
	}
	if address := email(row.text("email")); address != nil {
		c.EmailAddresses = []ats.EmailAddress{{EmailAddress: *address}}
	}
	remapped(&c, candidateRemaps, ats.Candidates, in.Fields, row)
	fold := connector.Fold{Fields: x.met, Sets: []connector.Set{own(ats.Candidates, c)}}
	if tags := in.parts.one(kindTags); tags != nil {
		var links []ats.CandidateTag
		seen := map[string]bool{}
		for _, v := range tags.list("tags") {
			if t := scalar(v); t != "" && !seen[t] {
				seen[t] = true
				links = append(links, ats.CandidateTag{CandidateRemoteID: id, TagRemoteID: t})
			}
		}
		fold.Sets = append(fold.Sets, set(ats.CandidateTags, "candidate_id", owner, links))
	}
	return fold, nil
}

// sourceItem gives the dictionary item of the candidate's first source: the row with the
// lowest ID, which is how they came in; later ones are further applications.
func sourceItem(ps parts) object {
	for _, p := range ps.of(kindSource) {
		if item := p.raw.object("dictionary_item"); item != nil {
			return item
		}
	}
	return nil
}

// source is the label of the first source, else the one on the candidate's own row.
func source(in input, row object) (*string, error) {
	item := sourceItem(in.parts)
	if s := item.opt("value"); s != nil {
		return s, nil
	}
	if id := item.id("id"); id != "" {
		known, err := in.other(unit(dictionaryItem, id))
		if err != nil {
			return nil, err
		}
		for _, p := range known.of(dictionary) {
			for _, key := range []string{"value", "name", "label"} {
				if s := p.raw.opt(key); s != nil {
					return s, nil
				}
			}
		}
	}
	if o := row.object("source"); o != nil {
		return o.opt("value"), nil
	}
	return row.opt("source"), nil
}

// The tenant's own fields that say by their name what a candidate does now, and for whom.
// Fields about former employers are not taken.
var (
	positionNames = []string{"position", "current_position", "job_title", "stanowisko", "obecne_stanowisko", "aktualne_stanowisko"}
	employerNames = []string{"company", "current_company", "employer", "current_employer", "pracodawca", "obecny_pracodawca", "aktualny_pracodawca", "firma", "obecna_firma"}
)

// byName gives the first custom field with one of the names that is not empty.
func (o object) byName(names []string) any {
	var best any
	bestKey, rank := "", len(names)
	for key, v := range o {
		if !custom(key) {
			continue
		}
		at := nameAt(key, names)
		if at >= 0 && (at < rank || at == rank && key < bestKey) && join(v) != nil {
			best, bestKey, rank = v, key, at
		}
	}
	return best
}

// nameAt finds the name that a key of the tenant's own has; -1 when it has none of them.
func nameAt(key string, names []string) int {
	return slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(key[1:], name) })
}

var emailPattern = regexp.MustCompile(`^[^\s@<>()\[\],;:"\\]+@[^\s@<>()\[\],;:"\\.]+(\.[^\s@<>()\[\],;:"\\.]+)+$`)

// email gives an address as it was written, or nil when it is none.
func email(s string) *string {
	if !emailPattern.MatchString(s) {
		return nil
	}
	return &s
}

var phoneSeparator = regexp.MustCompile(`(?i)[/,;|\r\n]+|\s(?:lub|or)\s`)

// phoneDigits is how many digits a number has at least that can stand for itself.
const phoneDigits = 7

// phones takes the numbers out of a field of free text that often holds several (seen). It is
// cut at a separator only where a whole number can stand on both sides, since separators are
// also written within numbers. The numbers stay as they were written.
func phones(s string) []ats.PhoneNumber {
	var found []ats.PhoneNumber
	add := func(text string) {
		if text = strings.Trim(text, " \t\r\n,;|/"); countDigits(text) > 0 {
			found = append(found, ats.PhoneNumber{PhoneNumber: text})
		}
	}
	start := 0
	for _, cut := range phoneSeparator.FindAllStringIndex(s, -1) {
		if countDigits(s[start:cut[0]]) >= phoneDigits && countDigits(s[cut[1]:]) >= phoneDigits {
			add(s[start:cut[0]])
			start = cut[1]
		}
	}
	add(s[start:])
	return found
}

func countDigits(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

var linkedinName = regexp.MustCompile(`(?i)linkedin\.com/in/([^/?#\s]+)`)

// profiles reads the LinkedIn field, which holds an address with or without its beginning, or
// only the name.
func profiles(s string) []ats.SocialMedia {
	if s == "" {
		return nil
	}
	p := ats.SocialMedia{Type: ref("LINKEDIN")}
	switch {
	case strings.Contains(s, "://"):
		p.Link = &s
	case strings.Contains(strings.ToLower(s), "linkedin."):
		p.Link = ref("https://" + strings.TrimLeft(s, "/"))
	default:
		p.Username = &s
	}
	if m := linkedinName.FindStringSubmatch(s); m != nil {
		p.Username = &m[1]
	}
	return []ats.SocialMedia{p}
}
