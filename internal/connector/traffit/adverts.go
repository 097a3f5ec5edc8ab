package traffit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// translated is the ending of the key that holds another option's label.
const translated = ".translation"

// adverts reads the public feed of published job posts, which needs no token (documented).
func (t *tenant) adverts() *connector.List {
	r := call{path: "/public/job_posts/published", size: pageSize, sort: byIDPublic}
	list := t.step(r, func(row object, sent ats.Time) []connector.Part {
		if row.id("id") == "" {
			return nil
		}
		// The folds do not know the tenant, so a relative address is completed here.
		if address := row.text("url"); strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") {
			row["url"] = t.address(address)
		}
		job := row.object("advert").id("recruitment")
		return []connector.Part{part(recruitment, job, kindAdvert, row.id("id"), row, sent)}
	}, connector.Cover{Entity: recruitment, Kind: kindAdvert, Absent: connector.Withdraw})
	list.Public = true
	return list
}

// advert is one published job post.
type advert struct {
	id      string
	row     object
	values  map[string][]any // by field
	options object
}

func adverts(ps parts) []advert {
	var all []advert
	for _, p := range ps.of(kindAdvert) {
		a := advert{id: p.key, row: p.raw, values: map[string][]any{}, options: p.raw.object("options")}
		for _, v := range p.raw.object("advert").list("values") {
			o := asObject(v)
			a.values[o.text("field_id")] = append(a.values[o.text("field_id")], o["value"])
		}
		all = append(all, a)
	}
	return all
}

// posting makes the unified posting. Being in the feed is what makes it active and public.
func (a advert) posting(job string, rank int) ats.JobPosting {
	return ats.JobPosting{
		RemoteID: a.id, JobRemoteID: job, Rank: int64(rank),
		Title: a.row.object("advert").opt("name"), DescriptionHTML: a.description(),
		Status: ref(active), Visibility: ref("PUBLIC"), URL: a.url(),
	}
}

func (a advert) url() *string { return a.row.opt("url") }

// description joins the texts of the advert, which are HTML, in the order of the career page.
// TRAFFIT gives them no headings, and none are invented.
func (a advert) description() *string {
	var texts []string
	for _, field := range []string{"description", "responsibilities", "requirements", "benefits"} {
		for _, v := range a.values[field] {
			if s, ok := v.(string); ok && scalar(s) != "" {
				texts = append(texts, scalar(s))
			}
		}
	}
	return opt(strings.Join(texts, "\n"))
}

// location takes the place on the map, else the advert's list of places, else the option.
func (a advert) location() *ats.Location {
	for _, v := range a.values["geolocation"] {
		if l := location(v); l != nil {
			return l
		}
	}
	if l := location(a.row.object("advert")["locations"]); l != nil {
		return l
	}
	return location(a.options["job_location"])
}

// option gives an option by name, whatever its case: the label that stands beside it when
// there is one, else the value itself.
func (a advert) option(names ...string) any {
	for _, name := range names {
		for _, wanted := range []string{name + translated, name} {
			for _, key := range a.options.keys() {
				if strings.EqualFold(key, wanted) && join(a.options[key]) != nil {
					return a.options[key]
				}
			}
		}
	}
	return nil
}

// fill sets what only an advert knows of a job.
func (a advert) fill(j *ats.Job) {
	j.Description, j.Location, j.PostURL = a.description(), a.location(), a.url()
	j.EmploymentType = meaning(employmentTypes, a.option("job_type"))
	j.RemoteWorkStatus = meaning(workModels, a.option("_work_model", "work_model"))
	if b := a.options.bool("remote"); j.RemoteWorkStatus == nil && b != nil && *b {
		j.RemoteWorkStatus = ref("REMOTE")
	}
	j.Category = join(a.option("branches"))
	j.Department = join(a.option("_department", "department"))
	j.ExperienceLevel = join(a.option("_experience_level", "experience_level", "_seniority", "_experience"))
	j.SalaryAmount = amount(scalarOf(a.option("_salary", "_salary_amount")))
	j.SalaryAmountFrom = amount(scalarOf(a.option("_salary_min", "_salary_from")))
	j.SalaryAmountTo = amount(scalarOf(a.option("_salary_max", "_salary_to")))
	j.SalaryCurrency = opt(strings.ToUpper(scalarOf(a.option("_salary_currency"))))
	j.SalaryPeriod = meaning(salaryPeriods, a.option("_salary_rate", "_salary_period"))
}

// scalarOf gives a value or the first one of a list.
func scalarOf(v any) string {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	return scalar(v)
}

// word is one way to say one of the contract's values.
type word struct {
	pattern *regexp.Regexp
	value   string
}

func words(pairs ...string) []word {
	var ws []word
	for i := 0; i < len(pairs); i += 2 {
		ws = append(ws, word{regexp.MustCompile(`(?i)` + pairs[i]), pairs[i+1]})
	}
	return ws
}

// The labels are the tenant's own, mostly Polish or English. The first pattern that fits wins,
// so the narrower ones stand first.
var (
	employmentTypes = words(
		`sta[żz]|prakty[ck]|\bintern(ship)?\b|trainee|apprentice`, "INTERNSHIP",
		`sezon|season`, "SEASONAL",
		`part.?time|cz[ęe][śs][ćc].*etat|niepe[łl]n|p[óo][łl] etat|1/2`, "PART_TIME",
		`full.?time|pe[łl]n.*(etat|wymiar)|ca[łl]y etat`, "FULL_TIME",
		`b2b|kontrakt|zlecen|o dzie[łl]o|freelance|^contract(or)?$|contract (work|position)`, "CONTRACT",
	)
	workModels = words(
		`hybr|cz[ęe][śs]ciowo zdaln|partly remote`, "HYBRID",
		`zdaln|remote|home.?office`, "REMOTE",
		`stacjon|biur|on.?site|office`, "ON_SITE",
	)
	salaryPeriods = words(
		`month|mies|\bmc\b|^m$`, "MONTH",
		`hour|godz|^h$`, "HOUR",
		`year|annual|rok|rocz|^y$`, "YEAR",
		`week|tyg|tydz|^w$`, "WEEK",
		`day|dzie|dni|^d$`, "DAY",
	)
)

// meaning finds what one of the contract's words a label stands for; nil when none fits.
func meaning(ws []word, v any) *string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		s := scalar(item)
		if i := slices.IndexFunc(ws, func(w word) bool { return s != "" && w.pattern.MatchString(s) }); i >= 0 {
			return ref(ws[i].value)
		}
	}
	return nil
}

var (
	number       = regexp.MustCompile(`[0-9](?:[0-9 .,']*[0-9])?`)
	groups       = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "")
	thousands    = regexp.MustCompile(`^[0-9]{1,3}([.,][0-9]{3})+$`)
	beforeCents  = regexp.MustCompile(`^[0-9]{1,3}(?:[.,][0-9]{3})+([.,][0-9]{1,2})$`)
	withoutMarks = strings.NewReplacer(".", "", ",", "")
)

// amount reads a sum of money as people type it: "12 000", "12.000,50", "12,000.50 PLN". Three
// digits after a mark are thousands. Nil when there is not exactly one number.
func amount(s string) *float64 {
	found := number.FindAllString(strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s), -1)
	if len(found) != 1 || strings.Contains(s, "-"+found[0]) {
		return nil
	}
	text := groups.Replace(found[0])
	switch cents := beforeCents.FindStringSubmatch(text); {
	case thousands.MatchString(text):
		text = withoutMarks.Replace(text)
	case cents != nil:
		text = withoutMarks.Replace(strings.TrimSuffix(text, cents[1])) + "." + cents[1][1:]
	default:
		text = strings.Replace(text, ",", ".", 1)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &n
}

// location reads a place: an object, JSON inside a string, a plain text, or a list of any of
// them, of which the first that says something is taken.
func location(v any) *ats.Location {
	switch v := v.(type) {
	case string:
		s := scalar(v)
		if inner, err := decode([]byte(s)); err == nil && (inner == nil || strings.ContainsAny(s[:1], `{["`)) {
			return location(inner)
		}
		if s != "" {
			return &ats.Location{Raw: &s}
		}
	case []any:
		for _, item := range v {
			if l := location(item); l != nil {
				return l
			}
		}
	case map[string]any:
		return mapped(v)
	}
	return nil
}

// mapped reads a place from the map, which has nine keys (documented for the feed; a guess for candidates).
func mapped(o object) *ats.Location {
	l := ats.Location{City: o.opt("locality"), State: o.opt("region1"), ZipCode: o.opt("postcode"), Country: o.opt("country")}
	var texts []any
	for _, key := range []string{"locality", "region1", "country"} {
		texts = append(texts, o[key])
	}
	l.Raw = join(texts)
	if iso := o.text("iso"); len(iso) == 2 {
		l.Country = ref(strings.ToUpper(iso))
	}
	if l == (ats.Location{}) {
		return nil
	}
	return &l
}
