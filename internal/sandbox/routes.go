package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const apiBase = "/api/integration/v2"

// route is an endpoint of the vendor's. One of list, one, file and handle answers
// a GET, if it has one.
type route struct {
	pattern string // below apiBase if there is a scope
	parts   []string
	scope   string
	rows    string // what its rows are, where a switch can change their shape
	// bare endpoints answer a trailing slash by a 301 to the path without it (seen).
	bare bool
	// shuffled rows have their keys in another order each time (seen).
	shuffled bool

	list   func(t *Tenant, ids []int) (listing, bool)
	one    func(t *Tenant, ids []int) (any, bool)
	file   func(t *Tenant, ids []int) (contentType string, content []byte, ok bool)
	handle func(c *call)

	writes map[string]*writing // by method
}

func (rt *route) name() string {
	if rt == nil {
		return "(unknown)"
	}
	if rt.scope != "" {
		return "/" + rt.pattern
	}
	return rt.pattern
}

// endpoint is the name by which switches know the route.
func (rt *route) endpoint() string { return strings.TrimPrefix(rt.pattern, "/") }

// routes are all endpoints: scopes by the vendor's documentation, as others
// tell it. /job_posts/ is documented, but answered 404 by a real tenant; so
// does every path that is not here.
var routes = makeRoutes()

func makeRoutes() []route {
	row := func(table func(*Tenant) *table[Row]) func(*Tenant, []int) (any, bool) {
		return func(t *Tenant, ids []int) (any, bool) {
			r, ok := table(t).get(ids[0])
			return r, ok
		}
	}
	// rows answers a list about one candidate.
	ofEmployee := func(make func(t *Tenant, employee Row) []Row) func(*Tenant, []int) (listing, bool) {
		return func(t *Tenant, ids []int) (listing, bool) {
			e, ok := t.employees.get(ids[0])
			if !ok {
				return listing{}, false
			}
			return listRows(make(t, e)), true
		}
	}
	ofRecruitment := func(make func(t *Tenant, recruitment Row) listing) func(*Tenant, []int) (listing, bool) {
		return func(t *Tenant, ids []int) (listing, bool) {
			r, ok := t.recruitments.get(ids[0])
			if !ok {
				return listing{}, false
			}
			return make(t, r), true
		}
	}
	all := func(make func(t *Tenant) listing) func(*Tenant, []int) (listing, bool) {
		return func(t *Tenant, _ []int) (listing, bool) { return make(t), true }
	}
	fixed := func(rows func() []Row) func(*Tenant, []int) (listing, bool) {
		return all(func(*Tenant) listing { return listRows(rows()) })
	}
	employees := func(t *Tenant) *table[Row] { return &t.employees }

	list := []route{
		{pattern: "/oauth2/token", handle: serveToken},
		{pattern: "/public/job_posts/published", rows: "advert", list: all((*Tenant).listPublished), handle: servePublished},
		{pattern: "/public/an/list", handle: serveWidget},
		{pattern: "/public/an/{token}", handle: serveAdvertPage},
		{pattern: "/public/form/a/{token}", handle: serveAdvertPage},

		{pattern: "users", rows: "user", scope: "user", list: all(func(t *Tenant) listing { return t.listTable(&t.users, userFields, nil) })},
		{pattern: "users/groups", scope: "user", list: fixed(func() []Row { return groupRows(1, []string{"Rekrutacja IT", "Rekrutacja Produkcja", "Sprzedaż"}) })},
		{pattern: "users/permission_groups", scope: "user", list: fixed(func() []Row { return groupRows(2, permissionGroups) })},
		{pattern: "users/{id}", rows: "user", scope: "user", one: row(func(t *Tenant) *table[Row] { return &t.users })},

		{pattern: "clients", rows: "client", scope: "client", list: all(func(t *Tenant) listing { return t.listTable(&t.clients, clientFields, nil) })},
		{pattern: "clients/{id}", rows: "client", scope: "client", one: row(func(t *Tenant) *table[Row] { return &t.clients })},
		{pattern: "crm_persons", rows: "crm_person", scope: "crm_person", list: all((*Tenant).listCRMPersons)},
		{pattern: "crm_persons/{id}", rows: "crm_person", scope: "crm_person", one: row(func(t *Tenant) *table[Row] { return &t.crmPersons })},
		{pattern: "crm_activities", scope: "crm_activity", list: all(func(t *Tenant) listing { return t.listTable(&t.crmActivities, crmActionFields, nil) })},
		{pattern: "crm_activities/{id}", scope: "crm_activity", one: row(func(t *Tenant) *table[Row] { return &t.crmActivities })},

		{pattern: "workflows", scope: "workflow", bare: true, list: all(func(t *Tenant) listing { return t.listWorkflows((*workflow).summary) })},
		{pattern: "workflows/details", rows: "workflow", scope: "workflow", list: all(func(t *Tenant) listing { return t.listWorkflows((*workflow).detail) })},
		{pattern: "workflows/stats", scope: "workflow", list: all((*Tenant).workflowStats)},
		{pattern: "workflows/{id}", rows: "workflow", scope: "workflow", one: func(t *Tenant, ids []int) (any, bool) {
			w, ok := t.workflow(ids[0])
			if !ok {
				return nil, false
			}
			return t.shown(w).detail(), true
		}},

		{pattern: "recruitments", rows: "recruitment", scope: "recruitment", list: all((*Tenant).listRecruitments)},
		{pattern: "recruitments/{id}", rows: "recruitment", scope: "recruitment", one: row(func(t *Tenant) *table[Row] { return &t.recruitments })},
		{pattern: "recruitments/{id}/states", rows: "state", scope: "recruitment", list: ofRecruitment(func(t *Tenant, r Row) listing { return listRows(t.recruitmentStates(r)) })},
		{pattern: "recruitments/{id}/states/{id}", rows: "employee", scope: "recruitment", shuffled: true, list: func(t *Tenant, ids []int) (listing, bool) {
			return listIDs(t.inState(ids[0], ids[1]), employeeFields, t.employeeInRecruitment), t.recruitments.has(ids[0])
		}},
		{pattern: "recruitments/{id}/employees", rows: "employee", scope: "recruitment", shuffled: true, list: ofRecruitment(func(t *Tenant, r Row) listing {
			return listIDs(t.applicants(r.ID()), append([]string{"source", "owner"}, employeeFields...), t.employeeInRecruitment)
		})},
		{pattern: "recruitments/{id}/employees/{id}", scope: "recruitment", writes: map[string]*writing{
			"POST": {kind: "assign", fields: noFields, read: readMembers(), plan: planAssign},
		}},
		{pattern: "recruitments/{id}/rejections", rows: "rejection", scope: "recruitment", list: ofRecruitment(func(t *Tenant, r Row) listing { return listRows(t.rejectionRows(r.ID())) })},
		{pattern: "recruitments/{id}/job_posts", scope: "recruitment", list: ofRecruitment(func(t *Tenant, r Row) listing { return listRows(t.jobPosts(r.ID())) })},

		{pattern: "employees", rows: "employee", scope: "employee", shuffled: true, list: all((*Tenant).listEmployees), writes: map[string]*writing{
			"POST": {kind: "create", creates: true, fields: writableFields, read: readObject, plan: planCreate},
		}},
		{pattern: "employees/activities", rows: "activity", scope: "employee", list: all((*Tenant).listActivities)},
		{pattern: "employees/recruitment_history", rows: "history", scope: "employee", list: all((*Tenant).listHistory)},
		{pattern: "employees/{id}", rows: "employee", scope: "employee", shuffled: true, one: row(employees), writes: map[string]*writing{
			"PATCH": {kind: "update", fields: writableFields, read: readObject, plan: planPatch},
			"PUT":   {kind: "update", fields: writableFields, read: readObject, plan: planPut},
		}},
		{pattern: "employees/{id}/notes", rows: "employee", scope: "employee", shuffled: true, one: func(t *Tenant, ids []int) (any, bool) {
			e, ok := t.employees.get(ids[0])
			if t.settings().on("notes.answer", "list") {
				return t.notesOf(ids[0]), ok
			}
			return e, ok // not the notes (seen once)
		}, writes: map[string]*writing{
			"POST": {kind: "note", fields: fieldsOf(field("content", "text", true)), read: readMembers("content"), plan: planNote},
		}},
		{pattern: "employees/{id}/activities", rows: "activity", scope: "employee", list: func(t *Tenant, ids []int) (listing, bool) {
			return listIDs(t.activitiesOf(ids[0]), activityFields, func(id int) Row {
				a, _ := t.activities.get(id)
				return t.activityRow(a, false)
			}), t.employees.has(ids[0])
		}},
		{pattern: "employees/{id}/tags", rows: "tag", scope: "employee", list: func(t *Tenant, ids []int) (listing, bool) {
			return listRows(t.tagRows(ids[0])), t.employees.has(ids[0]) && !t.settings().on("tags.shape", "missing")
		}, writes: map[string]*writing{
			"POST": {kind: "tag", there: tagsBy("post"), fields: fieldsOf(field("name", "text", true)), read: readMembers("name"), plan: planTag},
			"PUT":  {kind: "tags", there: tagsBy("put"), fields: noFields, read: readNames, plan: planTags},
		}},
		{pattern: "employees/{id}/tags/{id}", scope: "employee", writes: map[string]*writing{
			"DELETE": {kind: "untag", there: tagsBy("post"), fields: noFields, read: readMembers(), plan: planUntag},
		}},
		// The shape of /sources without the candidate is a guess.
		{pattern: "employees/{id}/sources", rows: "source", scope: "employee", list: func(t *Tenant, ids []int) (listing, bool) {
			return listIDs(t.sourcesOf(ids[0]), sourceFields, func(id int) Row {
				s, _ := t.sources.get(id)
				return s.without("employee")
			}), t.employees.has(ids[0])
		}},
		{pattern: "employees/{id}/provisions", scope: "employee", list: ofEmployee((*Tenant).employeeProvisions)},
		{pattern: "employees/{id}/recruitments", scope: "employee", list: ofEmployee(func(t *Tenant, e Row) []Row { return t.employeeRecruitments(e.ID()) })},
		{pattern: "employees/{id}/recruitments/{id}/states/{id}/_move", scope: "employee", writes: map[string]*writing{
			"POST": {kind: "move", fields: noFields, read: readMembers(), plan: planMove},
		}},
		{pattern: "employees/{id}/recruitments/{id}/states/_move_to_reject_state", scope: "employee", writes: map[string]*writing{
			"POST": {kind: "reject", fields: fieldsOf(field("rejection_id", "integer", true), field("description", "text", false)), read: readMembers("rejection_id", "description"), plan: planReject},
		}},
		{pattern: "employees/{id}/files", scope: "employee", list: ofEmployee((*Tenant).files), writes: map[string]*writing{
			"POST": {kind: "upload", creates: true, fields: uploadFields, read: readUpload, plan: planUpload},
		}},
		{pattern: "employees/{id}/files/{id}", scope: "employee", one: func(t *Tenant, ids []int) (any, bool) {
			e, _ := t.employees.get(ids[0])
			return t.file(e, ids[1])
		}},
		{pattern: "employees/{id}/files/{id}/content", scope: "employee", file: func(t *Tenant, ids []int) (string, []byte, bool) {
			e, _ := t.employees.get(ids[0])
			f, ok := t.file(e, ids[1])
			if !ok || t.vanished(f) {
				return "", nil, false
			}
			kind, content := t.fileContent(e, f)
			return kind, content, true
		}},

		{pattern: "sources", rows: "source", scope: "source", bare: true, list: all((*Tenant).listSources)},
		{pattern: "sources/{id}", rows: "source", scope: "source", one: row(func(t *Tenant) *table[Row] { return &t.sources })},
		{pattern: "talents", scope: "talent", bare: true, list: fixed(talentRows)},
		{pattern: "talents/employees", scope: "talent", list: all((*Tenant).listTalentMembers)},
		{pattern: "dictionaries", scope: "dictionary", list: all(func(t *Tenant) listing { return listRows(t.dictionarySummaries()) })},
		{pattern: "dictionaries/{id}", scope: "dictionary", one: func(t *Tenant, ids []int) (any, bool) {
			d, ok := t.dictionary(ids[0])
			return d.answer(t.settings().text("dictionary.shape")), ok
		}},
		{pattern: "provisions", scope: "provision", bare: true, list: fixed(provisionRows)},
		{pattern: "provisions/types", scope: "provision", list: fixed(provisionTypeRows)},
		{pattern: "forms/{id}", scope: "form", one: func(_ *Tenant, ids []int) (any, bool) { return formDetail(ids[0]) }},
	}
	for i := range list {
		list[i].parts = strings.Split(list[i].pattern, "/")
	}
	return list
}

// matchRoute finds the endpoint of a path and the path's variable parts. Fixed
// parts go before variable ones by the order of the table.
func matchRoute(path string) (*route, []string) {
	below, isAPI := strings.CutPrefix(path, apiBase+"/")
	if !isAPI {
		below = path
	}
	parts := strings.Split(strings.TrimSuffix(below, "/"), "/")
	for i := range routes {
		if (routes[i].scope != "") != isAPI {
			continue
		}
		if args, ok := matchParts(routes[i].parts, parts); ok {
			return &routes[i], args
		}
	}
	return nil, nil
}

func matchParts(pattern, parts []string) (args []string, ok bool) {
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, p := range pattern {
		if strings.HasPrefix(p, "{") {
			args = append(args, parts[i])
		} else if p != parts[i] {
			return nil, false
		}
	}
	return args, true
}

// serve answers a request to the route; a nil route is an unknown path.
func (rt *route) serve(c *call) {
	isAPI := strings.HasPrefix(c.path, apiBase)
	scope := ""
	if rt != nil {
		scope = rt.scope
	}
	if isAPI && !c.authorized(scope) {
		return
	}
	var write *writing
	if rt != nil && isWrite(c.r.Method) {
		write = rt.write(c.r.Method, c.s)
	}
	switch {
	case isAPI && (rt == nil || len(rt.methods(c.s)) == 0):
		c.error(http.StatusNotFound)
		return
	case rt == nil:
		c.html(http.StatusNotFound, "<!DOCTYPE html><html><body><h1>404</h1></body></html>")
		return
	case rt.pattern == "/oauth2/token":
		if c.r.Method != http.MethodPost {
			c.notAllowed(http.MethodPost)
			return
		}
	case write == nil && (isWrite(c.r.Method) || !rt.readable()):
		c.notAllowed(rt.methods(c.s)...)
		return
	}
	to, ok := rt.redirect(c.path, c.s.text("redirects"))
	if write != nil {
		to, ok = rt.redirectWrite(c.path, c.s)
	}
	if ok {
		c.w.Header().Set("Location", c.prefix+to)
		c.html(http.StatusMovedPermanently, "")
		return
	}
	if rt.handle != nil {
		rt.handle(c)
		return
	}
	ids := make([]int, len(c.args))
	for i, arg := range c.args {
		var err error
		if ids[i], err = strconv.Atoi(arg); err != nil {
			c.error(http.StatusNotFound)
			return
		}
	}
	switch {
	case write != nil:
		c.write(write, ids)
	case rt.list != nil:
		c.page(ids, false)
	case rt.one != nil:
		c.t.mu.RLock()
		body, ok := rt.one(c.t, ids)
		if ok {
			body = c.shaped(body)
		}
		c.t.mu.RUnlock()
		if !ok {
			c.gone()
			return
		}
		if c.s.yes("single.wrap") { // told by a client's code
			body = []any{body}
		}
		c.json(http.StatusOK, body)
	case rt.file != nil:
		c.t.mu.RLock()
		kind, content, ok := rt.file(c.t, ids)
		c.t.mu.RUnlock()
		if !ok {
			c.gone()
			return
		}
		c.w.Header().Set("Content-Type", kind)
		c.w.WriteHeader(http.StatusOK)
		_, _ = c.w.Write(content)
	}
}

// redirect tells where a path goes whose trailing slash is too much, or missing.
// That the main lists which are asked with a slash would insist on it is a guess.
func (rt *route) redirect(path, which string) (to string, ok bool) {
	slash := strings.HasSuffix(path, "/")
	switch {
	case which == "none":
		return "", false
	case rt.bare && slash:
		return strings.TrimRight(path, "/"), true
	case which == "slash" && rt.scope != "" && rt.list != nil && len(rt.parts) == 1 && !rt.bare && !slash:
		return path + "/", true
	}
	return "", false
}

// shuffle puts the keys of a row into another order.
func (c *call) shuffle(row Row) Row {
	out := slices.Clone(row)
	dice := roll(c.t.data.seed, kindShuffle, int(c.turn))
	for i := len(out) - 1; i > 0; i-- {
		j := dice.below(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func (c *call) notAllowed(allow ...string) {
	c.w.Header().Set("Allow", strings.Join(allow, ", "))
	c.error(http.StatusMethodNotAllowed)
}

// servePublished answers the public job feed. Without paging headers it gives
// everything (seen).
func servePublished(c *call) {
	c.w.Header().Set("Access-Control-Allow-Origin", "*")
	c.page(nil, true)
}

// serveWidget answers the feed of the career page's script: {"count","items"}
// by limit (default 10, at most 100) and offset or page (seen).
func serveWidget(c *call) {
	number := func(name string, fallback int) int {
		if n, err := strconv.Atoi(c.r.URL.Query().Get(name)); err == nil && n >= 0 {
			return n
		}
		return fallback
	}
	limit := min(max(number("limit", 10), 1), 100)
	c.t.mu.RLock()
	l := c.t.listPublished()
	offset := number("offset", (max(number("page", 1), 1)-1)*limit)
	items := []Row{}
	for pos := offset; pos < min(offset+limit, l.n); pos++ {
		items = append(items, c.t.widgetItem(l.row(pos)))
	}
	c.t.mu.RUnlock()
	c.w.Header().Set("Access-Control-Allow-Origin", "*")
	c.json(http.StatusOK, Row{{"count", l.n}, {"items", items}})
}

func serveAdvertPage(c *call) {
	c.t.mu.RLock()
	page, ok := c.t.advertPage(c.args[0])
	c.t.mu.RUnlock()
	if !ok {
		c.html(http.StatusNotFound, "<!DOCTYPE html><html><body><h1>404</h1></body></html>")
		return
	}
	c.html(http.StatusOK, page)
}
