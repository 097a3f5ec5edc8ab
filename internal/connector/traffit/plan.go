package traffit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// How old a detail may become that nothing announces changes of.
const (
	day                = 24 * time.Hour
	maxAgeOpen         = day
	maxAgeClosed       = 30 * day
	maxAgeWorkflow     = day
	maxAgeRejections   = 7 * day
	maxAgeTags         = 7 * day
	maxAgeDictionaries = 7 * day

	rankOpen, rankClosed = 0, 1
)

// planned is a step of the plan. What it brings stands in kindsOfParts.
type planned struct {
	name            string
	scope           string // of the API client; empty for what is public
	loads, improves []ats.Model
	background      bool
	list            func(*tenant) *connector.List
	each            func(*tenant) *connector.Each
}

// plan holds the steps of a full sync: what is cheap and needed by others comes first. Their names are
// shown to users. Before them go the fields: see Plan.
var plan = []planned{
	{name: "users", scope: "user", loads: []ats.Model{ats.Users, ats.Roles}, list: (*tenant).users},
	{name: "dictionaries", scope: "dictionary", list: (*tenant).dictionaries},
	{name: "dictionary items", scope: "dictionary", each: (*tenant).dictionaryItems},
	{name: "workflows", scope: "workflow", list: (*tenant).workflows},
	{name: "workflow details", scope: "workflow", loads: []ats.Model{ats.ApplicationStages, ats.JobStages}, each: (*tenant).workflowDetails},
	{name: "adverts", loads: []ats.Model{ats.JobPostings}, improves: []ats.Model{ats.Jobs}, list: (*tenant).adverts},
	{name: "recruitments", scope: "recruitment", loads: []ats.Model{ats.Jobs, ats.JobPostings}, list: (*tenant).recruitments},
	{
		name: "recruitment details", scope: "recruitment",
		loads: []ats.Model{ats.Jobs, ats.JobStages, ats.HiringTeam, ats.JobPostings}, each: (*tenant).recruitmentDetails,
	},
	{name: "employees", scope: "employee", loads: []ats.Model{ats.Candidates}, list: (*tenant).employees},
	{name: "history", scope: "employee", loads: []ats.Model{ats.Applications}, list: (*tenant).history},
	{name: "sources", scope: "source", improves: []ats.Model{ats.Candidates}, list: (*tenant).sources},
	{name: "rejection reasons", scope: "recruitment", loads: []ats.Model{ats.RejectionReasons}, each: (*tenant).rejectionReasons},
	{name: "tags", scope: "employee", loads: []ats.Model{ats.Tags, ats.CandidateTags}, background: true, each: (*tenant).tags},
	{name: "activities", scope: "employee", background: true, list: (*tenant).activities},
}

// needed tells whether a step brings something that may be stored.
func (p planned) needed(s ats.Scopes) bool {
	return slices.ContainsFunc(kindsOfParts, func(k kindOfPart) bool { return k.step == p.name && k.needed(s) })
}

// ownModels are the models with fields of the tenant's own, and the scope that their schemas need.
var ownModels = []struct {
	model       ats.Model
	path, scope string
}{
	{ats.Jobs, "/recruitments/", "recruitment"},
	{ats.Candidates, "/employees/", "employee"},
}

// Plan lists the steps of a full sync under the tenant's scopes.
func (t *tenant) Plan() []connector.Step {
	var steps []connector.Step
	for _, m := range ownModels {
		if anyOn(extraFields(m.model), t.scopes) {
			steps = []connector.Step{{Name: "fields", Fields: t.fields}}
		}
	}
	on := func(ms []ats.Model) []ats.Model {
		return slices.DeleteFunc(slices.Clone(ms), func(m ats.Model) bool { return !t.scopes.Model(m) })
	}
	for _, p := range plan {
		if !p.needed(t.scopes) || p.name == "tags" && t.confirmed["tags.shape"] == "missing" {
			continue
		}
		step := connector.Step{Name: p.name, Loads: on(p.loads), Improves: on(p.improves), Background: p.background}
		if p.list != nil {
			step.List = p.list(t)
		} else {
			step.Each = p.each(t)
		}
		steps = append(steps, step)
	}
	return steps
}

// part makes a part of what was read.
func part(entity, id, kind, key string, raw any, sent ats.Time) connector.Part {
	return connector.Part{
		PartKey: connector.PartKey{Unit: unit(entity, id), Kind: kind, Part: key},
		Raw:     encode(raw), ObservedAt: sent,
	}
}

// listed makes the part that a unit's own row in a listing is.
func listed(entity string, row object, sent ats.Time) []connector.Part {
	if row.id("id") == "" {
		return nil // it cannot be told from others; it counts as one that never came
	}
	p := part(entity, row.id("id"), kindList, "", row, sent)
	p.Version = row.text("updated_at")
	return []connector.Part{p}
}

// rowKeys are the keys that rows of a listing have, as far as Kladka reads them: those that are
// never empty, and those that are null when they are (seen).
type rowKeys struct{ filled, nullable []string }

var keysOfRows = map[string]rowKeys{
	employee: {
		filled:   []string{"status", "created_at", "updated_at"},
		nullable: []string{"name", "lastname", "email", "mobile", "linkedin", "candidate_location"},
	},
	recruitment: {filled: []string{"name", "nrRef", "is_closed", "created_at", "updated_at"}, nullable: []string{"closing_date"}},
}

// under leaves out the keys that scopes do not let be stored: nobody misses those.
func (k rowKeys) under(o *outline, s ats.Scopes) rowKeys {
	if s.Whole() {
		return k
	}
	cut := func(keys []string) []string {
		return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
			_, stays := o.keeps(key, s)
			return !stays
		})
	}
	return rowKeys{cut(k.filled), cut(k.nullable)}
}

// keysOf gives the keys that a row of an entity's listing has, as far as they are stored.
func (t *tenant) keysOf(entity string) rowKeys {
	kind, _ := kindOf(connector.PartKey{Unit: unit(entity, ""), Kind: kindList})
	return keysOfRows[entity].under(kind.outline, t.scopes)
}

// lacking gives the keys that a row left out. A row without a key says nothing about it, and not
// that it is empty: that would be null. Of a tenant that sends no null at all this cannot be said;
// there, what may be empty and is missing, is.
func (k rowKeys) lacking(o object, sendsNull bool) []string {
	keys := k.filled
	if sendsNull {
		keys = append(k.filled[:len(k.filled):len(k.filled)], k.nullable...)
	}
	var missing []string
	for _, key := range keys {
		if _, there := o[key]; !there {
			missing = append(missing, key)
		}
	}
	return missing
}

// sparse finds the rows of a page that left keys out.
func sparse(page []connector.Row, rows []object, keys rowKeys, sendsNull bool, cut func(object) []connector.Part) {
	for i, o := range rows {
		lacking := keys.lacking(o, sendsNull)
		if lacking == nil || len(page[i].Parts) == 0 {
			continue
		}
		page[i].Parts[0].Complete = func(stored []byte) (connector.Part, bool, error) {
			known := object{}
			if stored != nil {
				v, err := decode(stored)
				if err != nil {
					return connector.Part{}, false, fmt.Errorf("decode what is stored of a row: %w", err)
				}
				known = asObject(v)
			}
			filled, whole := maps.Clone(o), true
			for _, key := range lacking {
				if value, there := known[key]; there {
					filled[key] = value
				} else {
					whole = false
				}
			}
			return cut(filled)[0], whole, nil
		}
	}
}

// always is a maximum age for every rank.
func always(d time.Duration) func(int64) time.Duration { return func(int64) time.Duration { return d } }

// users reads people and, from their rows, the system roles. TRAFFIT's only job role is not
// listed anywhere; it comes along with each page, so that it exists as soon as anything does.
func (t *tenant) users() *connector.List {
	r := call{path: api + "/users/", scope: "user", size: pageSize, sort: byID}
	list := t.step(r, nil,
		connector.Cover{Entity: user, Kind: kindList, Absent: connector.Nominate},
		connector.Cover{Entity: role, Kind: kindUsers, Absent: connector.Withdraw},
	)
	list.Page = func(ctx context.Context, n int) (connector.Page, error) {
		l, err := t.page(ctx, r, n)
		if err != nil {
			return connector.Page{}, err
		}
		first := true
		return l.page(r, func(row object, sent ats.Time) []connector.Part {
			parts := listed(user, row, sent)
			if group := row.object("permission_group"); group.id("id") != "" {
				parts = append(parts, part(role, group.id("id"), kindUsers, "", group, sent))
			}
			if first && parts != nil {
				first = false
				parts = append(parts, part(role, responsibleRole.ID, kindUsers, "", object{"id": responsibleRole.ID}, sent))
			}
			return parts
		}), nil
	}
	return list
}

// dictionaries reads which dictionaries there are (guess: path and form). They only give the
// labels of sources.
func (t *tenant) dictionaries() *connector.List {
	r := call{path: api + "/dictionaries", scope: "dictionary", size: pageSize, sort: byID}
	return t.step(r, func(row object, sent ats.Time) []connector.Part {
		return listed(dictionary, row, sent)
	}, connector.Cover{Entity: dictionary, Kind: kindList, Absent: connector.Keep})
}

// dictionaryItems reads each dictionary's items. The form is a guess: a list of items, or an
// object that holds one.
func (t *tenant) dictionaryItems() *connector.Each {
	return &connector.Each{
		Of: connector.Cover{Entity: dictionary, Kind: kindList}, Reads: kindDetail,
		MaxAge: always(maxAgeDictionaries),
		Brings: []connector.Cover{{Entity: dictionaryItem, Kind: dictionary}},
		Fetch: func(ctx context.Context, u connector.Unit) ([]connector.Part, error) {
			a, err := t.get(ctx, call{path: api + "/dictionaries/" + pathID(u.ID), scope: "dictionary"})
			if err != nil {
				return nil, err
			}
			items, _ := itemsOf(a.body)
			parts := []connector.Part{part(dictionary, u.ID, kindDetail, "", object{"items": len(items)}, a.sent)}
			for _, item := range items {
				if item.id("id") != "" {
					parts = append(parts, part(dictionaryItem, item.id("id"), dictionary, u.ID, item, a.sent))
				}
			}
			return parts, nil
		},
	}
}

// itemsOf finds the objects of an answer that is a list, or an object with one of the usual
// keys; false when it is neither.
func itemsOf(body []byte) ([]object, bool) {
	v, err := decode(body)
	if err != nil {
		return nil, false
	}
	list, ok := v.([]any)
	if ok && len(list) == 1 {
		if inner, nested := list[0].([]any); nested { // the wrapping of single answers
			list = inner
		}
	}
	// A list of one may also be the wrapped object.
	for o, i := asObject(v), 0; o != nil && i < len(itemKeys); i++ {
		if inner, found := o[itemKeys[i]].([]any); found {
			list, ok = inner, true
			break
		}
	}
	var items []object
	for _, item := range list {
		if o := asObject(item); o != nil {
			items = append(items, o)
		}
	}
	return items, ok
}

var itemKeys = []string{"items", "dictionary_items", "values", "elements", "tags", "rejections"}

// recruitments reads the list, which has other fields than the details (seen).
func (t *tenant) recruitments() *connector.List {
	r := call{path: api + "/recruitments/", scope: "recruitment", size: pageSize, sort: byID, keys: ref(t.keysOf(recruitment))}
	return t.step(r, recruitmentParts, connector.Cover{Entity: recruitment, Kind: kindList, Absent: connector.Nominate})
}

// recruitmentParts makes the part that a recruitment's row in the list is.
func recruitmentParts(row object, sent ats.Time) []connector.Part {
	parts := listed(recruitment, row, sent)
	if closed := row.bool("is_closed"); closed != nil && *closed && parts != nil {
		parts[0].Rank = rankClosed
	}
	return parts
}

// recruitmentDetails reads workflow, responsible people and status, open recruitments first.
func (t *tenant) recruitmentDetails() *connector.Each {
	return &connector.Each{
		Of: connector.Cover{Entity: recruitment, Kind: kindList}, Reads: kindDetail, MaxRank: rankClosed,
		MaxAge: func(rank int64) time.Duration {
			if rank == rankOpen {
				return maxAgeOpen
			}
			return maxAgeClosed
		},
		Fetch: func(ctx context.Context, u connector.Unit) ([]connector.Part, error) {
			o, sent, err := t.single(ctx, "/recruitments/", "recruitment", u)
			if err != nil {
				return nil, err
			}
			return []connector.Part{recruitmentDetail(u.ID, o, sent)}, nil
		},
	}
}

// recruitmentDetail makes the part that a recruitment's own answer is.
func recruitmentDetail(id string, o object, sent ats.Time) connector.Part {
	p := part(recruitment, id, kindDetail, "", o, sent)
	p.Version = o.text("updated_at")
	return p
}

// employees reads the candidates.
func (t *tenant) employees() *connector.List {
	r := call{path: api + "/employees/", scope: "employee", size: pageSize, sort: byID, keys: ref(t.keysOf(employee))}
	return t.step(r, func(row object, sent ats.Time) []connector.Part {
		return listed(employee, row, sent)
	}, connector.Cover{Entity: employee, Kind: kindList, Absent: connector.Nominate})
}

// history reads the stays of candidates in states. A row whose candidate or recruitment is
// missing keeps an empty half in its application's ID, which no record can have.
func (t *tenant) history() *connector.List {
	r := call{path: api + "/employees/recruitment_history", scope: "employee", size: pageSize, sort: byID}
	return t.step(r, moveParts, connector.Cover{Entity: application, Kind: kindMove, Absent: connector.Nominate})
}

// moveParts makes the part that a stay of a candidate in a state is.
func moveParts(row object, sent ats.Time) []connector.Part {
	if row.id("id") == "" {
		return nil
	}
	p := part(application, row.id("employee")+":"+row.id("recruitment"), kindMove, row.id("id"), row, sent)
	p.Version = row.text("updated_at")
	return []connector.Part{p}
}

// sources reads where candidates came from, in smaller pages: see sourcePage.
func (t *tenant) sources() *connector.List {
	r := call{path: api + "/sources", scope: "source", size: sourcePage, sort: byID}
	return t.step(r, sourceParts, connector.Cover{Entity: employee, Kind: kindSource, Absent: connector.Withdraw})
}

// sourceParts makes the part that a source of a candidate is.
func sourceParts(row object, sent ats.Time) []connector.Part {
	if row.id("id") == "" {
		return nil
	}
	return []connector.Part{part(employee, row.id("employee"), kindSource, row.id("id"), row, sent)}
}

// rejectionReasons reads the reasons that open recruitments offer (path documented, form guess).
func (t *tenant) rejectionReasons() *connector.Each {
	return &connector.Each{
		Of: connector.Cover{Entity: recruitment, Kind: kindList}, Reads: kindRejections,
		MaxRank: rankOpen, MaxAge: always(maxAgeRejections),
		Brings: []connector.Cover{{Entity: rejection, Kind: recruitment}},
		Fetch: func(ctx context.Context, u connector.Unit) ([]connector.Part, error) {
			rows, sent, err := t.below(ctx, "/recruitments/", "/rejections", "recruitment", u)
			if err != nil {
				return nil, err
			}
			ids, parts := []string{}, []connector.Part{{}}
			for _, row := range rows {
				if id := row.id("id"); id != "" {
					ids = append(ids, id)
					parts = append(parts, part(rejection, id, recruitment, u.ID, object{"id": id, "name": row.label()}, sent))
				}
			}
			parts[0] = part(recruitment, u.ID, kindRejections, "", object{"rejections": ids}, sent)
			return parts, nil
		},
	}
}

// tags reads each candidate's tags. The tags themselves are never withdrawn: one candidate's answer
// says nothing about them.
func (t *tenant) tags() *connector.Each {
	return &connector.Each{
		Of: connector.Cover{Entity: employee, Kind: kindList}, Reads: kindTags, MaxAge: always(maxAgeTags),
		Fetch: func(ctx context.Context, u connector.Unit) ([]connector.Part, error) {
			tags, sent, err := t.tagsOf(ctx, u)
			if err != nil {
				return nil, err
			}
			return tagParts(u, tags, sent), nil
		},
	}
}

// tagsOf reads a candidate's tags as {"id","name"} (path documented, form guess).
func (t *tenant) tagsOf(ctx context.Context, u connector.Unit) ([]object, ats.Time, error) {
	rows, sent, err := t.below(ctx, "/employees/", "/tags", "employee", u)
	if err != nil {
		return nil, sent, err
	}
	var tags []object
	for _, row := range rows {
		if inner := row.object("tag"); inner != nil {
			row = inner
		}
		if id := row.id("id"); id != "" {
			o := object{"id": id, "name": nil}
			if name := row.label(); name != nil {
				o["name"] = *name
			}
			tags = append(tags, o)
		}
	}
	return tags, sent, nil
}

// tagParts makes the parts of a candidate's tags, the candidate's own first.
func tagParts(u connector.Unit, tags []object, sent ats.Time) []connector.Part {
	ids, parts := []string{}, []connector.Part{{}}
	for _, o := range tags {
		ids = append(ids, o.id("id"))
		parts = append(parts, part(tag, o.id("id"), kindCandidate, "", o, sent))
	}
	parts[0] = part(employee, u.ID, kindTags, "", object{"tags": ids}, sent)
	return parts
}

// label is the text of a dictionary-like object; nil when it has none.
func (o object) label() *string {
	for _, key := range []string{"name", "value", "label"} {
		if s := o.opt(key); s != nil {
			return s
		}
	}
	return nil
}

// activities reads the log of candidates for one thing: the reason given with a rejection,
// which stands nowhere else (seen). All other rows are personal and leave nothing behind.
func (t *tenant) activities() *connector.List {
	r := call{path: api + "/employees/activities", scope: "employee", size: pageSize, sort: byID}
	return t.step(r, func(row object, sent ats.Time) []connector.Part { return reasonParts(row.id("employee"), row, sent) })
}

// reasonParts makes the part that the reason of a candidate's rejection is; none of another activity.
func reasonParts(employeeID string, row object, sent ats.Time) []connector.Part {
	reason := stageChange(row["content"]).object("rejection")
	at := row.time("activity_date")
	if reason.label() == nil || at == nil || employeeID == "" || row.id("id") == "" {
		return nil
	}
	raw := object{"date": row.text("activity_date"), "rejection": object{"id": reason.id("id"), "name": reason.label()}}
	return []connector.Part{part(rejected, rejectedID(employeeID, *at), kindActivity, row.id("id"), raw, sent)}
}

// rejectedID names the moment of a rejection. TRAFFIT does not say which move an activity
// belongs to; the candidate and the second do (seen).
func rejectedID(employeeID string, at ats.Time) string {
	return fmt.Sprintf("%s@%d", employeeID, at.Milli())
}

// stageChange reads the content of an activity about a stage change: a JSON document inside a
// string (seen), an object, or an object that holds either as its content (known from another
// client). For the text of a note it is nil.
func stageChange(content any) object {
	for range 4 {
		switch v := content.(type) {
		case string:
			inner, err := decode([]byte(v))
			if err != nil {
				return nil
			}
			content = inner
		case map[string]any:
			inner, nested := v["content"]
			if !nested || v["to_state"] != nil {
				return v
			}
			content = inner
		default:
			return nil
		}
	}
	return nil
}
