package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kladka/kladka/e2e/oracle"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/sandbox"
	"github.com/kladka/kladka/internal/store"
)

// planted is a small tenant whose texts are found again wherever they go: each holds a word that stands
// nowhere else.
func planted(t *testing.T) *upstream {
	t.Helper()
	u := newUpstream(t, sandbox.Config{Candidates: 12, Recruitments: 8, Users: 4, Adverts: 6})
	word := func(what string, id any) string { return fmt.Sprintf("Zasiane%s%vQ", what, id) }
	plant := func(entity string, id int, p sandbox.Patch) {
		if _, err := u.Update(entity, id, p); err != nil {
			t.Fatalf("plant in %s %d: %v", entity, id, err)
		}
	}
	for _, row := range u.rows("employees") {
		id := int(row["id"].(float64))
		plant("employees", id, sandbox.Patch{
			"name": word("Imie", id), "lastname": word("Nazwisko", id), "email": strings.ToLower(word("mail", id)) + "@example.com",
			"mobile": fmt.Sprintf("+48 700%06d", id), "linkedin": "https://www.linkedin.com/in/" + word("profil", id),
			"candidate_location": word("Miejsce", id), "candidate_about": word("Opis", id), "_Position": word("Stanowisko", id),
			"_education": word("Szkola", id),
			"created_at": fmt.Sprintf("2015-01-02 03:%02d:%02d", id/60%60, id%60), "updated_at": fmt.Sprintf("2016-01-02 03:%02d:%02d", id/60%60, id%60),
		})
		if _, err := u.SetTags(id, []string{word("Tag", id%4)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range u.rows("recruitments") {
		id := int(row["id"].(float64))
		plant("recruitments", id, sandbox.Patch{
			"name": word("Rekrutacja", id), "nrRef": word("Numer", id), "closing_date": fmt.Sprintf("2031-01-02 03:%02d:%02d", id/60%60, id%60),
			"updated_at": fmt.Sprintf("2018-01-02 03:%02d:%02d", id/60%60, id%60),
		})
	}
	for _, row := range u.rows("users") {
		id := int(row["id"].(float64))
		plant("users", id, sandbox.Patch{"name": word("Pracownik", id), "lastname": word("Rekruter", id), "email": strings.ToLower(word("praca", id)) + "@example.com"})
	}
	for _, row := range u.rows("adverts") {
		id := int(row["id"].(float64))
		plant("adverts", id, sandbox.Patch{"advert": map[string]any{
			"name": word("Ogloszenie", id), "values": []any{map[string]any{"field_id": "description", "value": "<p>" + word("Tresc", id) + "</p>"}},
		}})
	}
	return u
}

// listed tells which list shows a model, and where in its records.
var listed = map[ats.Model]struct{ list, in string }{
	ats.Users: {oracle.Users, ""}, ats.Roles: {oracle.Roles, ""}, ats.ApplicationStages: {oracle.Stages, ""}, ats.Tags: {oracle.Tags, ""},
	ats.RejectionReasons: {oracle.RejectionReasons, ""}, ats.Jobs: {oracle.Jobs, ""}, ats.Candidates: {oracle.Candidates, ""},
	ats.Applications: {oracle.Applications, ""}, ats.JobPostings: {oracle.Jobs, "job_postings"},
}

// marks are the words by which the values of a field are found: those that were planted, and planted times
// as they are served and as the ATS wrote them.
func marks(v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			out = append(out, marks(inner)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, marks(inner)...)
		}
	case string:
		at, err := time.Parse("2006-01-02T15:04:05.000Z", v)
		if err != nil {
			return sown.FindAllString(v, -1)
		}
		if at.Year() < 2019 || at.Year() == 2031 {
			return []string{v, at.Add(time.Hour).Format("2006-01-02 15:04:05")} // it is winter in Warsaw
		}
	}
	return out
}

var sown = regexp.MustCompile(`(?i)zasiane[a-z]+\d+q|\+48 700\d{6}`)

// sownIn gives the marks of every field of every model, as far as no other field has them too.
func sownIn(s *server, integration string) map[string][]string {
	of := map[string]map[string]bool{} // field → marks
	owners := map[string]map[string]bool{}
	for _, list := range []string{oracle.Users, oracle.Roles, oracle.Stages, oracle.Tags, oracle.RejectionReasons, oracle.Jobs, oracle.Candidates, oracle.Applications} {
		for m, place := range listed {
			if place.list != list {
				continue
			}
			for _, r := range s.list(integration, list, nil) {
				records := []any{r}
				if place.in != "" {
					records, _ = r[place.in].([]any)
				}
				for _, record := range records {
					for field, v := range record.(object) {
						if embedded[string(m)+"."+field] || ats.FixedField(m, field) || field == "remote_data" || strings.HasSuffix(field, "_id") {
							continue
						}
						name := string(m) + "." + field
						if of[name] == nil {
							of[name] = map[string]bool{}
						}
						for _, mark := range marks(v) {
							if owners[mark] == nil {
								owners[mark] = map[string]bool{}
							}
							of[name][mark], owners[mark][name] = true, true
						}
					}
				}
			}
		}
	}
	out := map[string][]string{}
	for name, all := range of {
		out[name] = []string{}
		for _, mark := range slices.Sorted(maps.Keys(all)) {
			if len(owners[mark]) == 1 {
				out[name] = append(out[name], mark)
			}
		}
	}
	return out
}

// embedded fields show records of other models.
var embedded = map[string]bool{
	"ats_jobs.stages": true, "ats_jobs.hiring_team": true, "ats_jobs.job_postings": true, "ats_candidates.tags": true,
	"ats_candidates.applications": true, "ats_applications.candidate": true, "ats_applications.job": true,
	"ats_applications.current_stage": true, "ats_users.system_roles": true,
}

// found gives those of the marks that stand anywhere in the database: in any column of any table, or, on
// SQLite, anywhere in its files.
func (c config) found(t *testing.T, marks []string) (out []string) {
	t.Helper()
	seen := map[string]bool{}
	search := func(where string, content []byte) {
		for _, mark := range marks {
			if !seen[mark] && bytes.Contains(content, []byte(mark)) {
				seen[mark] = true
				out = append(out, mark+" in "+where)
			}
		}
	}
	tables := `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	if strings.HasPrefix(c.DatabaseURL, "sqlite:") {
		tables = `SELECT name FROM sqlite_master WHERE type = 'table'`
	}
	db := c.open(t)
	rows, err := db.QueryContext(t.Context(), tables)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		search("the table "+name, []byte(strings.Join(texts(t, db, "SELECT * FROM "+name), "\n")))
	}
	if strings.HasPrefix(c.DatabaseURL, "sqlite:") {
		if err := filepath.WalkDir(c.DataDir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			search(filepath.Base(path), content)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// offs lists every model, and every field that the connector claims to fill, as model or model.field.
func offs(s *server) (out []string) {
	s.Helper()
	tools, _ := s.data("GET", "/v1/tools/ats", "", nil)["tools"].([]any)
	coverage := tools[0].(object)["coverage"].(object)
	for _, m := range coverage["read_models"].([]any) {
		model := m.(object)
		if model["coverage_status"] == "UNSUPPORTED" {
			continue
		}
		name := model["id"].(string)
		out = append(out, name)
		for _, f := range model["fields"].([]any) {
			field := f.(object)
			if id := field["id"].(string); field["coverage_status"] != "UNSUPPORTED" && id != "remote_data" && !ats.FixedField(ats.Model(name), id) {
				out = append(out, name+"."+id)
			}
		}
	}
	return out
}

// scopesWithout is a scope configuration in which one thing is off.
func scopesWithout(what string) ats.ScopeConfig {
	model, field, isField := strings.Cut(what, ".")
	if !isField {
		return ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{ats.Model(model): {Setting: ats.Disabled}}}
	}
	return ats.ScopeConfig{Models: map[ats.Model]ats.ModelScope{ats.Model(model): {Fields: map[string]ats.Setting{field: ats.Disabled}}}}
}

// forbidden gives the marks of what scopes switch off. The text of an advert may be stored while either of
// two fields needs it: which one is not known when it is read.
func forbidden(sown map[string][]string, scopes ats.Scopes) (out []string) {
	for name, marks := range sown {
		model, field, _ := strings.Cut(name, ".")
		if !scopes.Field(ats.Model(model), field) && (field != "description_html" || !scopes.Field(ats.Jobs, "description")) {
			out = append(out, marks...)
		}
	}
	return out
}

// What is off at the first sync is never stored, and everything else is there.
func TestDisabledIsNeverStored(t *testing.T) {
	t.Parallel()
	u := planted(t)
	c := onSQLite(t)
	c.TraffitURL = u.base
	whole := start(t, c)
	sown := sownIn(whole, whole.connect(u.Name()))
	for _, what := range offs(whole) {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := onSQLite(t)
			c.TraffitURL = u.base
			s := start(t, c)
			config, err := s.app.Store.AddScopeConfig(t.Context(), "without", scopesWithout(what))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.app.Store.SetDefaultScopeConfig(t.Context(), config.ID); err != nil {
				t.Fatal(err)
			}
			id := s.connect(u.Name())
			scopes := s.only().Scopes
			if all := c.found(t, forbidden(sown, scopes)); len(all) > 0 {
				t.Errorf("stored all the same: %s", strings.Join(all[:min(len(all), shown)], "; "))
			}
			s.othersStay(id, sown, scopes)
		})
	}
}

// only gives the only integration.
func (s *server) only() store.Integration {
	s.Helper()
	all, err := s.app.Store.Integrations(s.Context(), 0, 10)
	if err != nil || len(all) != 1 {
		s.Fatalf("%d integrations: %v", len(all), err)
	}
	return all[0]
}

// narrow gives the only integration another scope configuration.
func (s *server) narrow(config string) ats.Scopes {
	s.Helper()
	if err := s.app.Store.SetScopeConfig(s.Context(), s.only().No, config); err != nil {
		s.Fatal(err)
	}
	return s.only().Scopes
}

// othersStay finds that what is on is served as before: all marks of it, and nothing of what is off.
func (s *server) othersStay(integration string, sown map[string][]string, scopes ats.Scopes) {
	s.Helper()
	var answers strings.Builder
	for _, list := range oracle.Lists() {
		status, body := s.call("GET", "/v1/ats/"+list+"?page_size=250", integration, nil)
		if status != 200 && status != 403 {
			s.Errorf("%s answers %d", list, status)
		}
		fmt.Fprintf(&answers, "%v", body)
	}
	var missing, there []string
	for name, marks := range sown {
		model, field, _ := strings.Cut(name, ".")
		on := scopes.Field(ats.Model(model), field)
		for _, mark := range marks {
			switch has := strings.Contains(answers.String(), mark); {
			case strings.Contains(mark, " ") && !strings.Contains(mark, "+48"): // a time as the ATS writes it
			case on && !has:
				missing = append(missing, name+" "+mark)
			case !on && has:
				there = append(there, name+" "+mark)
			}
		}
	}
	if len(missing) > 0 {
		s.Errorf("%d values that are on are not served: %v", len(missing), missing[:min(len(missing), shown)])
	}
	if len(there) > 0 {
		s.Errorf("%d values that are off are served: %v", len(there), there[:min(len(there), shown)])
	}
}

// What is switched off is hidden at once and erased at the next sync, what is deleted already included;
// what is switched on again is read again, and everything is as before.
func TestSwitchedOffAndOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		u := planted(t)
		c.TraffitURL = u.base
		s := start(t, c)
		i := s.connect(u.Name())
		sown := sownIn(s, i)
		// Some are deleted before.
		for _, row := range u.rows("employees")[:3] {
			if err := u.DeleteEmployee(int(row["id"].(float64))); err != nil {
				t.Fatal(err)
			}
		}
		s.succeed(i)
		for _, what := range offs(s) {
			if _, _, field := strings.Cut(what, "."); field && !*long && !slices.Contains([]string{
				"ats_candidates.first_name", "ats_candidates.email_addresses", "ats_candidates.remote_created_at", "ats_jobs.name", "ats_jobs.description",
				"ats_jobs.job_postings", "ats_applications.rejection_reason_name", "ats_users.email", "ats_candidates.tags",
			}, what) {
				continue
			}
			config, err := s.app.Store.AddScopeConfig(t.Context(), what, scopesWithout(what))
			if err != nil {
				t.Fatal(err)
			}
			scopes := s.narrow(config.ID)
			gone := forbidden(sown, scopes)
			if status, body := s.call("GET", "/v1/ats/candidates?page_size=250&include_deleted=true", i, nil); status == 200 {
				for _, mark := range gone {
					if strings.Contains(fmt.Sprint(body), mark) {
						t.Errorf("%s is off, and %s is served until the next sync", what, mark)
						break
					}
				}
			}
			if d := s.data("GET", "/v1/integrations/"+i, "", nil); d["data_expired_at"] == nil {
				t.Errorf("%s is off, and data_expired_at is null", what)
			}
			s.succeed(i)
			if d := s.data("GET", "/v1/integrations/"+i, "", nil); d["data_expired_at"] != nil {
				t.Errorf("after the sync data_expired_at is %v", d["data_expired_at"])
			}
			if all := c.found(t, gone); len(all) > 0 {
				t.Errorf("%s is off, and %d values are stored all the same: %s", what, len(all), strings.Join(all[:min(len(all), shown)], "; "))
			}
			s.narrow("default")
			s.succeed(i)
			u.equal(s, i)
		}
	})
}

// Only created: nothing of a candidate who was not created through the API is stored or served.
func TestOnlyCreated(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, c config) {
		u := planted(t)
		c.TraffitURL = u.base
		s := start(t, c)
		i := s.connect(u.Name())
		sown := sownIn(s, i)
		// Two new candidates, and one whom TRAFFIT knew before.
		rows := u.rows("employees")
		known := rows[4]
		jobs := s.list(i, oracle.Jobs, nil)
		job := jobs[slices.IndexFunc(jobs, func(j object) bool { return j["status"] == "OPEN" })]["id"].(string)
		created := map[string]bool{}
		for _, email := range []string{"nowa.pierwsza@example.com", "nowy.drugi@example.com", known["email"].(string)} {
			a := s.data("POST", "/v1/ats/jobs/"+job+"/applications", i, object{"candidate": object{
				"first_name": "Nowa", "last_name": "Osoba", "email_address": email,
			}})
			created[a["remote_id"].(string)] = true
		}
		own := map[string]bool{}
		for _, c := range s.list(i, oracle.Candidates, nil) {
			if c["remote_id"] == fmt.Sprint(known["id"]) {
				for _, mark := range marks(c) {
					own[mark] = true
				}
			}
		}
		s.onlyCreated(true)
		s.succeed(i)
		// A newcomer who was not created here comes meanwhile.
		_, err := u.AddEmployee(sandbox.Patch{"name": "Zasianeimie9001Q", "lastname": "Zasianenazwisko9001Q", "email": "zasianemail9001q@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		s.succeed(i)
		var others []string
		for _, name := range []string{"first_name", "last_name", "email_addresses", "phone_numbers", "social_media", "location", "remote_created_at", "remote_updated_at"} {
			for _, mark := range sown["ats_candidates."+name] {
				if !own[mark] {
					others = append(others, mark)
				}
			}
		}
		others = append(others, "Zasianeimie9001Q", "Zasianenazwisko9001Q", "zasianemail9001q")
		if all := c.found(t, others); len(all) > 0 {
			t.Errorf("%d values of others are stored: %s", len(all), strings.Join(all[:min(len(all), shown)], "; "))
		}
		served := map[string]bool{}
		for _, a := range s.list(i, oracle.Applications, nil) {
			served[a["remote_id"].(string)] = true
		}
		if !maps.Equal(served, created) {
			t.Errorf("applications %v are served, not the created ones %v", served, created)
		}
		if n := len(s.list(i, oracle.Candidates, nil)); n != 3 {
			t.Errorf("%d candidates are served", n)
		}
		if n := len(s.list(i, oracle.Jobs, nil)); n != len(jobs) {
			t.Errorf("%d jobs are served, of %d", n, len(jobs))
		}
		s.onlyCreated(false)
		s.succeed(i)
		u.equal(s, i)
	})
}

func (s *server) onlyCreated(on bool) {
	s.Helper()
	if err := s.app.Store.SetOnlyCreated(s.Context(), s.only().No, on); err != nil {
		s.Fatal(err)
	}
}
