package sandbox

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// advertFields are the fields of the public feed (documented; application_form
// and huntoo_link were seen). job_post_id is another name of id in filters.
var advertFields = []string{"id", "advert", "url", "application_form", "valid_start", "valid_end", "awarded", "huntoo_link", "options", "job_post_id"}

// advertPlace ties advert j to an open recruitment: every fifth is the English
// twin of the one before.
func (d *data) advertPlace(j int) (recruitment int, language string) {
	open := d.recruitments - d.firstOpen
	if j%5 == 4 {
		return d.firstOpen + (j-j/5-1)%open, "en"
	}
	return d.firstOpen + (j-j/5)%open, "pl"
}

// advert makes generated advert j. Types are as loose as in the wild: numbers
// as text, JSON in text, a text or a list for the same option (seen).
func (d *data) advert(j int) Row {
	dice := roll(d.seed, kindAdvert, j)
	r, language := d.advertPlace(j)
	recruitment := d.recruitment(r)
	title := jobTitles[d.recruitmentTitle(r)]
	if language == "en" {
		title = jobTitlesEnglish[d.recruitmentTitle(r)]
	}
	place := pick(&dice, cities)
	geo := place.location()
	geolocation := any(string(appendJSON(nil, geo)))
	switch {
	case dice.rare(40, j, 3):
		geolocation = geo
	case dice.rare(60, j, 6):
		geolocation = nil
	}
	value := func(id string, v any) Row { return Row{{"field_id", id}, {"value", v}} }
	var values []Row
	for _, section := range []string{"description", "requirements", "responsibilities", "benefits"} {
		values = append(values, value(section, advertText(&dice, section, title, language)))
	}
	values = append(values, value("geolocation", geolocation))

	about := Row{{"id", recruitment.ID()}, {"nr_ref", recruitment.Value("nrRef")}}
	if client := refID(recruitment.Value("client")); client != 0 && dice.permille(700) {
		about = append(about, Field{"client_id", client}, Field{"workflow_id", recruitment.Value("workflow_id")})
	}
	start := d.clamp(d.recruited[r] + int64(dice.between(hour, 3*day)))
	var end any
	if ends := d.end + int64(dice.between(3*day, 60*day)); dice.permille(750) {
		end = Stamp(ends)
	}
	switch { // a few are over or not yet valid
	case dice.rare(15, j, 11):
		end = Stamp(d.end - 2*day)
	case dice.rare(15, j, 12):
		start, end = d.end+10*day, Stamp(d.end+40*day)
	}
	id := d.advertIDs.id(j)
	page, form := d.advertLinks(id)
	return Row{
		{"id", id},
		{"advert", Row{{"id", 5000 + id}, {"name", title}, {"language", language}, {"values", values}, {"recruitment", about}, {"locations", []Row{}}}},
		{"url", page},
		{"application_form", form},
		{"valid_start", Stamp(start)},
		{"valid_end", end},
		{"awarded", dice.permille(100)},
		{"huntoo_link", nil},
		{"options", d.advertOptions(&dice, place, geolocation, j, Stamp(start))},
	}
}

func (d *data) advertLinks(id int) (page, form string) {
	token := ""
	for n := range 3 {
		token += hex.EncodeToString(strconv.AppendUint(nil, mix(d.seed^uint64(n), uint64(id))%100_000_000, 36))
	}
	return d.public + "/public/an/" + token + "?source=career_page", d.public + "/public/form/a/" + token + "?source=career_page"
}

func (d *data) advertOptions(dice *dice, place city, geolocation any, j int, start Stamp) Row {
	kind := pick(dice, []string{"full_time", "part_time", "contract"})
	row := Row{{"job_type", kind}, {"job_type.translation", map[string]string{"full_time": "Pełny etat", "part_time": "Część etatu", "contract": "Kontrakt B2B"}[kind]}}
	if dice.permille(500) {
		row[0].Value, row[1].Value = []string{kind}, []string{row[1].Value.(string)}
	}
	row = append(row, Field{"job_location", geolocation}, Field{"branches", pick(dice, branches)}, Field{"remote", strconv.Itoa(dice.below(2))},
		Field{"emp_number", strconv.Itoa(1 + dice.below(3))}, Field{"recruitment_deadline", start.Time().AddDate(0, 1, 0).Format("2006/01/02")})
	if dice.permille(150) {
		row = append(row, Field{"note", "Pilne! Klient czeka na 3 CV do piątku."})
	}
	if dice.rare(650, j, 0) {
		lo, rate := 1000*dice.between(5, 20), "month"
		hi := lo + 1000*dice.between(1, 8)
		if dice.permille(300) {
			lo, hi, rate = lo/120, hi/120, "hour"
		}
		row = append(row, Field{"_Salary_MIN", strconv.Itoa(lo)}, Field{"_Salary_MAX", strconv.Itoa(hi)},
			Field{"_Salary_Currency", pick(dice, []string{"PLN", "PLN", "EUR"})}, Field{"_Salary_Rate", rate})
	}
	model := pick(dice, []string{"remote", "hybrid", "office"})
	row = append(row, Field{"_work_model", model},
		Field{"_work_model.translation", map[string]string{"remote": "Zdalna", "hybrid": "Hybrydowa", "office": "Stacjonarna"}[model]},
		Field{"_department", pick(dice, departments)}, Field{"_location", place.name})
	if dice.permille(300) {
		row = append(row, Field{"_stack", []string{pick(dice, skills), pick(dice, skills)}})
	}
	return row
}

func advertRecruitment(row Row) int {
	advert, _ := row.Value("advert").(Row)
	return refID(advert.Value("recruitment"))
}

// published tells whether the public feed shows an advert now: within its
// period, and its recruitment exists and is open. That the vendor hides the
// others is a guess; the switch adverts.hidden shows them.
func (t *Tenant) published(row Row) bool {
	if t.settings().text("adverts.hidden") == "show" {
		return true
	}
	now := Stamp(t.now().Unix())
	if start, ok := row.Value("valid_start").(Stamp); ok && start > now {
		return false
	}
	if end, ok := row.Value("valid_end").(Stamp); ok && end < now {
		return false
	}
	r, ok := t.recruitments.get(advertRecruitment(row))
	return ok && r.Value("is_closed") != true
}

func (t *Tenant) listPublished() listing {
	var rows []Row
	for pos := range t.adverts.len() {
		if row := t.adverts.at(pos); t.published(row) {
			rows = append(rows, row)
		}
	}
	l := listRows(rows)
	l.fields = advertFields
	l.base = 0 // added adverts come last
	for l.base < l.n && rows[l.base].ID() <= t.data.advertIDs.id(t.adverts.n-1) {
		l.base++
	}
	l.quick = map[string]func(int) any{"job_post_id": func(pos int) any { return rows[pos].ID() }}
	return l
}

// jobPosts lists a recruitment's adverts: [{"id","name","language",
// "multiposting","publications":[{"id","nr_ref","url","valid_start","valid_end"}]}] (documented).
func (t *Tenant) jobPosts(recruitment int) []Row {
	rows := []Row{}
	for pos := range t.adverts.len() {
		row := t.adverts.at(pos)
		if advertRecruitment(row) != recruitment {
			continue
		}
		advert, _ := row.Value("advert").(Row)
		about, _ := advert.Value("recruitment").(Row)
		rows = append(rows, Row{
			{"id", advert.ID()},
			{"name", advert.Value("name")},
			{"language", advert.Value("language")},
			{"multiposting", false},
			{"publications", []Row{append(Row{{"id", row.ID()}, {"nr_ref", about.Value("nr_ref")}}, row.only(false, "url", "valid_start", "valid_end")...)}},
		})
	}
	return rows
}

// widgetItem is an advert in the feed of the career page's own script, which
// dates in Unix seconds (seen).
func (t *Tenant) widgetItem(row Row) Row {
	advert, _ := row.Value("advert").(Row)
	about, _ := advert.Value("recruitment").(Row)
	options, _ := row.Value("options").(Row)
	unix := func(v any) any {
		if s, ok := v.(Stamp); ok {
			return int(s)
		}
		return nil
	}
	recruitment, _ := t.recruitments.get(advertRecruitment(row))
	name, _ := advert.Value("name").(string)
	item := Row{
		{"advertId", advert.ID()},
		{"advertPublishId", row.ID()},
		{"recruitmentId", recruitment.ID()},
		{"nrRef", about.Value("nr_ref")},
		{"name", name},
		{"title", strconv.Itoa(advert.ID()) + " " + name},
		{"url", row.Value("url")},
		{"applicationForm", row.Value("application_form")},
		{"validStart", unix(row.Value("valid_start"))},
		{"validEnd", unix(row.Value("valid_end"))},
		{"language", advert.Value("language")},
		{"confidential", recruitment.Value("is_confidential") == true},
		{"remote", options.Value("remote") == "1"},
		{"job", Row{{"id", advert.ID()}, {"experienceLevel", []string{}}}},
	}
	values, _ := advert.Value("values").([]Row)
	for _, v := range values {
		if id, ok := v.Value("field_id").(string); ok {
			item = append(item, Field{id, v.Value("value")})
		}
	}
	return append(item, Field{"locations", []Row{}}, Field{"headerPhoto", nil}, Field{"_vacStatus", nil})
}

// advertPage is the page behind an advert's link, or its application form.
func (t *Tenant) advertPage(token string) (string, bool) {
	for pos := range t.adverts.len() {
		row := t.adverts.at(pos)
		if url, _ := row.Value("url").(string); !strings.Contains(url, "/"+token+"?") {
			continue
		}
		advert, _ := row.Value("advert").(Row)
		name, _ := advert.Value("name").(string)
		var b strings.Builder
		b.WriteString("<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>" + escapeHTML(name) + "</title></head><body><h1>" + escapeHTML(name) + "</h1>")
		values, _ := advert.Value("values").([]Row)
		for _, v := range values {
			if text, ok := v.Value("value").(string); ok && v.Value("field_id") != "geolocation" {
				b.WriteString(text)
			}
		}
		b.WriteString("</body></html>")
		return b.String(), true
	}
	return "", false
}
