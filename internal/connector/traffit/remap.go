package traffit

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// words of the contract's enumerations: of a remapped field no others are taken.
var (
	jobStatuses     = []string{"OPEN", "CLOSED", "DRAFT", "ARCHIVED"}
	jobVisibilities = []string{"PUBLIC", "INTERNAL", "UNLISTED", "CONFIDENTIAL"}
	jobTypes        = []string{"FULL_TIME", "PART_TIME", "CONTRACT", "SEASONAL", "INTERNSHIP"}
	jobPlaces       = []string{"REMOTE", "HYBRID", "TEMPORARY", "ON_SITE"}
	jobPeriods      = []string{"YEAR", "MONTH", "TWO_WEEKS", "WEEK", "DAY", "HOUR"}
)

// remap puts the value of one of the tenant's fields into a field of a record, and reports whether it is
// one that can stand there. Of no value at all, it clears the field.
type remap[E any] func(e *E, v any) bool

// into makes a remap of the way to read a value: nil where it cannot be read.
func into[E, V any](place func(*E) **V, read func(any) *V) remap[E] {
	return func(e *E, v any) bool {
		*place(e) = read(v)
		return *place(e) != nil
	}
}

// several is into for fields that hold several values.
func several[E, V any](place func(*E) *[]V, read func(any) []V) remap[E] {
	return func(e *E, v any) bool {
		*place(e) = read(v)
		return len(*place(e)) > 0
	}
}

// remapping is a field that may take its value from another of the tenant's.
type remapping[E any] struct {
	field string
	remap remap[E]
}

// Which fields can be remapped: all whose meaning does not hold records together.
var (
	jobRemaps = []remapping[ats.Job]{
		{"name", into(func(j *ats.Job) **string { return &j.Name }, textOf)},
		{"job_code", into(func(j *ats.Job) **string { return &j.JobCode }, textOf)},
		{"description", into(func(j *ats.Job) **string { return &j.Description }, textOf)},
		{"confidential", into(func(j *ats.Job) **bool { return &j.Confidential }, boolOf)},
		{"weekly_hours", into(func(j *ats.Job) **float64 { return &j.WeeklyHours }, numberOf)},
		{"employment_type", into(func(j *ats.Job) **string { return &j.EmploymentType }, wordOf(jobTypes))},
		{"status", into(func(j *ats.Job) **string { return &j.Status }, wordOf(jobStatuses))},
		{"visibility", into(func(j *ats.Job) **string { return &j.Visibility }, wordOf(jobVisibilities))},
		{"category", into(func(j *ats.Job) **string { return &j.Category }, textOf)},
		{"department", into(func(j *ats.Job) **string { return &j.Department }, textOf)},
		{"post_url", into(func(j *ats.Job) **string { return &j.PostURL }, textOf)},
		{"experience_level", into(func(j *ats.Job) **string { return &j.ExperienceLevel }, textOf)},
		{"remote_work_status", into(func(j *ats.Job) **string { return &j.RemoteWorkStatus }, wordOf(jobPlaces))},
		{"salary_amount", into(func(j *ats.Job) **float64 { return &j.SalaryAmount }, numberOf)},
		{"salary_amount_from", into(func(j *ats.Job) **float64 { return &j.SalaryAmountFrom }, numberOf)},
		{"salary_amount_to", into(func(j *ats.Job) **float64 { return &j.SalaryAmountTo }, numberOf)},
		{"salary_currency", into(func(j *ats.Job) **string { return &j.SalaryCurrency }, textOf)},
		{"salary_period", into(func(j *ats.Job) **string { return &j.SalaryPeriod }, wordOf(jobPeriods))},
		{"location", into(func(j *ats.Job) **ats.Location { return &j.Location }, location)},
		{"remote_url", into(func(j *ats.Job) **string { return &j.RemoteURL }, textOf)},
		{"opened_at", into(func(j *ats.Job) **ats.Time { return &j.OpenedAt }, timeOf)},
		{"closed_at", into(func(j *ats.Job) **ats.Time { return &j.ClosedAt }, timeOf)},
	}
	candidateRemaps = []remapping[ats.Candidate]{
		{"first_name", into(func(c *ats.Candidate) **string { return &c.FirstName }, textOf)},
		{"last_name", into(func(c *ats.Candidate) **string { return &c.LastName }, textOf)},
		{"company", into(func(c *ats.Candidate) **string { return &c.Company }, textOf)},
		{"title", into(func(c *ats.Candidate) **string { return &c.Title }, textOf)},
		{"confidential", into(func(c *ats.Candidate) **bool { return &c.Confidential }, boolOf)},
		{"source", into(func(c *ats.Candidate) **string { return &c.Source }, textOf)},
		{"phone_numbers", several(func(c *ats.Candidate) *[]ats.PhoneNumber { return &c.PhoneNumbers }, phonesOf)},
		{"email_addresses", several(func(c *ats.Candidate) *[]ats.EmailAddress { return &c.EmailAddresses }, emailsOf)},
		{"social_media", several(func(c *ats.Candidate) *[]ats.SocialMedia { return &c.SocialMedia }, profilesOf)},
		{"location", into(func(c *ats.Candidate) **ats.Location { return &c.Location }, location)},
		{"remote_url", into(func(c *ats.Candidate) **string { return &c.RemoteURL }, textOf)},
	}
)

// remappable lists the fields that can be remapped, by model.
func remappable() map[ats.Model][]string {
	return map[ats.Model][]string{ats.Jobs: fieldsOf(jobRemaps), ats.Candidates: fieldsOf(candidateRemaps)}
}

func fieldsOf[E any](remaps []remapping[E]) []string {
	var names []string
	for _, r := range remaps {
		names = append(names, r.field)
	}
	return names
}

// remapped changes the fields of a record that take their values from others of the tenant's: from the
// first that has a usable one. Where none has, the field is null, whatever it was by itself.
func remapped[E any](e *E, remaps []remapping[E], m ats.Model, s connector.FieldSettings, from ...object) {
	for _, r := range remaps {
		keys, ok := s.Remapped[m][r.field]
		if !ok {
			continue
		}
		r.remap(e, nil)
		for _, key := range keys {
			if v := labelOf(key, from); v != nil && r.remap(e, v) {
				break
			}
		}
	}
}

// labelOf looks a key up as pick does; a label that stands beside the value of a choice is preferred.
func labelOf(key string, from []object) any {
	for _, o := range from {
		v, ok := o[key]
		if !ok {
			continue
		}
		if label := o[key+translated]; join(label) != nil {
			return label
		}
		return v
	}
	return nil
}

// each gives the values of a list, or the one that is no list.
func each(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// wording gives a text, a number, or the label of a choice.
func wording(v any) string {
	if o := asObject(v); o != nil {
		if label := o.label(); label != nil {
			return *label
		}
		return ""
	}
	return scalar(v)
}

// textOf reads a text; several are joined.
func textOf(v any) *string {
	var texts []any
	for _, item := range each(v) {
		texts = append(texts, wording(item))
	}
	return join(texts)
}

// firstOf reads the first value of a list that can be read.
func firstOf[V any](v any, read func(string) *V) *V {
	for _, item := range each(v) {
		if s := wording(item); s != "" {
			if found := read(s); found != nil {
				return found
			}
		}
	}
	return nil
}

// numberOf reads a number, or an amount as people type it.
func numberOf(v any) *float64 {
	for _, item := range each(v) {
		if written, ok := item.(json.Number); ok {
			if n, err := written.Float64(); err == nil {
				return &n
			}
		}
	}
	return firstOf(v, amount)
}

func timeOf(v any) *ats.Time { return firstOf(v, parseTime) }

// boolOf reads a truth value, also as the label of a choice in Polish or English.
func boolOf(v any) *bool {
	for _, item := range each(v) {
		if b, ok := item.(bool); ok {
			return &b
		}
	}
	return firstOf(v, func(s string) *bool {
		switch strings.ToLower(s) {
		case "1", "true", "tak", "yes":
			return ref(true)
		case "0", "false", "nie", "no":
			return ref(false)
		}
		return nil
	})
}

// wordOf reads one of the contract's words, in any case.
func wordOf(words []string) func(any) *string {
	return func(v any) *string {
		return firstOf(v, func(s string) *string {
			i := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, s) })
			if i < 0 {
				return nil
			}
			return ref(words[i])
		})
	}
}

// partsOf cuts texts where several values stand in one, and leaves out what repeats.
func partsOf(v any, separators string) []string {
	var found []string
	for _, item := range each(v) {
		for _, s := range strings.FieldsFunc(wording(item), func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	return found
}

func emailsOf(v any) []ats.EmailAddress {
	var found []ats.EmailAddress
	for _, s := range partsOf(v, " ,;|/\t\r\n") {
		if address := email(s); address != nil {
			found = append(found, ats.EmailAddress{EmailAddress: *address})
		}
	}
	return found
}

func phonesOf(v any) []ats.PhoneNumber {
	var found []ats.PhoneNumber
	for _, item := range each(v) {
		for _, p := range phones(wording(item)) {
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// profilesOf reads links; what is no link is nobody's profile, since nothing says whose network it is.
func profilesOf(v any) []ats.SocialMedia {
	var found []ats.SocialMedia
	for _, s := range partsOf(v, " ,;|\t\r\n") {
		switch lower := strings.ToLower(s); {
		case strings.Contains(lower, "linkedin."):
			found = append(found, profiles(s)...)
		case strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "http://"):
			found = append(found, ats.SocialMedia{Link: &s})
		}
	}
	return found
}
