package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// shape changes a row on its way out; nil leaves it as it is.
type shape func(Row) Row

// shapes are what is done to rows, by what they are. Each is asked once for a
// request, so that a switch at its default costs nothing for a row.
var shapes = map[string][]func(*call) shape{
	"employee":    {employeeFacts, locationInText, withGUID, emptyFields, sparseFields},
	"recruitment": {recruitmentFieldsOf, responsibleShape, honestStatus, withGUID, emptyFields, sparseFields},
	"client":      {withGUID},
	"crm_person":  {withGUID},
	"user":        {userFacts},
	"workflow":    {orderInWorkflow},
	"state":       {orderOfState},
	"history":     {historyEnd},
	"activity":    {activityContent},
	"source":      {sourceFacts},
	"tag":         {tagShape},
	"rejection":   {rejectionShape},
	"advert":      {advertGeolocation, advertOptionsShape},
}

// shape is all that a request's rows undergo.
func (c *call) shape() shape {
	steps := []shape{}
	for _, of := range append(slices.Clone(shapes[c.route.rows]), zonedStamps) {
		if step := of(c); step != nil {
			steps = append(steps, step)
		}
	}
	if c.route.shuffled {
		steps = append(steps, c.shuffle)
	}
	return func(r Row) Row {
		for _, step := range steps {
			r = step(r)
		}
		return r
	}
}

// shaped is the answer for a single object. A list in its place is of other rows.
func (c *call) shaped(body any) any {
	switch body := body.(type) {
	case Row:
		return c.shape()(body)
	case []Row:
		if zoned := zonedStamps(c); zoned != nil {
			for i := range body {
				body[i] = zoned(body[i])
			}
		}
		return body
	}
	return body
}

// enveloped puts a whole list into an object, where a switch wants that.
func (c *call) enveloped(rows []Row) any {
	switch {
	case c.route.rows == "tag" && c.s.on("tags.shape", "wrapped"):
		return Row{{"tags", rows}}
	case c.route.rows == "rejection" && c.s.on("rejections.shape", "wrapped"):
		return Row{{"rejections", rows}}
	}
	return rows
}

func empty(v any) bool { return v == nil || v == "" }

// references are optional fields whose value is no text.
var references = []string{"created_by", "updated_by", "client", "responsible_person", "files"}

func emptyFields(c *call) shape {
	how := c.s.text("empty")
	known := employeeFields
	switch {
	case how == "seen":
		return nil
	case c.route.rows == "recruitment":
		known = recruitmentShows(c)
	}
	return func(r Row) Row {
		out := make(Row, 0, len(known))
		for _, f := range r {
			switch {
			case !empty(f.Value):
			case how == "absent":
				continue
			case how == "null":
				f.Value = nil
			case !slices.Contains(references, f.Name):
				f.Value = ""
			}
			out = append(out, f)
		}
		if how != "null" {
			return out
		}
		for _, name := range known {
			if _, ok := out.Get(name); !ok {
				out = append(out, Field{name, nil})
			}
		}
		return out
	}
}

func sparseFields(c *call) shape {
	p := c.s.fraction("sparse")
	if p == 0 || c.route.list == nil {
		return nil
	}
	return func(r Row) Row {
		dice := roll(c.t.data.seed, hashText("sparse"), r.ID())
		if share(dice.next()) >= p {
			return r
		}
		var standard []string
		for _, f := range r {
			if f.Name != "id" && !strings.HasPrefix(f.Name, "_") && !empty(f.Value) {
				standard = append(standard, f.Name)
			}
		}
		for range min(1+dice.below(4), len(standard)) {
			r = r.without(pick(&dice, standard))
		}
		return r
	}
}

func zonedStamps(c *call) shape {
	if c.s.on("stamps", "naive") {
		return nil
	}
	return func(r Row) Row { return zoned(r).(Row) }
}

func zoned(v any) any {
	switch v := v.(type) {
	case Stamp:
		// By way of the local text, which is what the vendor keeps: in the doubled
		// hour of autumn both forms say the same.
		local, _ := parseStamp(v.String()) // its own form
		return local.Time().Format(time.RFC3339)
	case Row:
		out := slices.Clone(v)
		for i := range out {
			out[i].Value = zoned(out[i].Value)
		}
		return out
	case []Row:
		out := slices.Clone(v)
		for i := range out {
			out[i] = zoned(out[i]).(Row)
		}
		return out
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = zoned(out[i])
		}
		return out
	}
	return v
}

func withGUID(c *call) shape {
	if c.s.on("guid", "never") {
		return nil
	}
	return func(r Row) Row {
		dice := roll(c.t.data.seed, hashText(c.route.rows), r.ID())
		a, b := dice.next(), dice.next()
		return r.with("guid", fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff))
	}
}

// employeeFacts are what switches change about candidates in the truth too.
func employeeFacts(c *call) shape {
	if !c.s.on("location.shape", "object") {
		return nil
	}
	return c.t.employeeFacts
}

func (t *Tenant) employeeFacts(r Row) Row {
	name, _ := r.Value("candidate_location").(string)
	if name == "" || !t.settings().on("location.shape", "object") {
		return r
	}
	place := Row{{"locality", name}}
	if i := slices.IndexFunc(cities, func(c city) bool { return c.name == name }); i >= 0 {
		place = cities[i].location()
	}
	return r.with("candidate_location", place)
}

func locationInText(c *call) shape {
	if !c.s.on("location.shape", "json") {
		return nil
	}
	return func(r Row) Row {
		if place, ok := r.Value("candidate_location").(Row); ok {
			return r.with("candidate_location", string(appendJSON(nil, place)))
		}
		return r
	}
}

// recruitmentShows lists the standard fields that an answer has.
func recruitmentShows(c *call) []string {
	switch {
	case c.route.list != nil && c.s.on("recruitments.list", "seen"):
		return recruitmentListFields
	case c.route.list == nil && c.s.on("recruitments.detail", "seen"):
		return recruitmentDetailFields
	}
	return recruitmentFields
}

func recruitmentFieldsOf(c *call) shape {
	fields := recruitmentShows(c)
	custom := c.route.list == nil || c.s.on("recruitments.list", "full")
	return func(r Row) Row { return r.only(custom, fields...) }
}

// Other shapes of the responsible person than a list are told by a client's code.
func responsibleShape(c *call) shape {
	how := c.s.text("responsible.shape")
	if how == "list" {
		return nil
	}
	return func(r Row) Row {
		v, ok := r.Get("responsible_person")
		if !ok {
			return r
		}
		list, _ := v.([]Row)
		if how == "user" {
			wrapped := make([]Row, len(list))
			for i, u := range list {
				wrapped[i] = Row{{"user", u}}
			}
			return r.with("responsible_person", wrapped)
		}
		if len(list) == 0 {
			return r.with("responsible_person", nil)
		}
		return r.with("responsible_person", list[0])
	}
}

func honestStatus(c *call) shape {
	if c.s.on("recruitments.status", "lies") {
		return nil
	}
	return func(r Row) Row {
		if _, ok := r.Get("status"); ok && r.Value("is_closed") == true {
			return r.with("status", "closed")
		}
		return r
	}
}

func userFacts(c *call) shape {
	if c.s.on("users.names", "seen") && c.s.on("users.email", "seen") {
		return nil
	}
	return c.t.userFacts
}

// userFacts are what switches change about users, in the truth too.
func (t *Tenant) userFacts(r Row) Row {
	s := t.settings()
	u, _ := t.data.userIDs.index(r.ID())
	p, address := t.data.userPerson(u)
	username, _ := r.Value("username").(string)
	switch own := r.Value("email"); {
	case s.on("users.email", "username") && !empty(own):
		r = r.with("username", own).without("email")
	case s.on("users.email", "username"):
		r = r.without("email")
	case s.on("users.email", "present") && empty(own) && strings.Contains(username, "@"):
		r = r.with("email", username)
	case s.on("users.email", "present") && empty(own):
		r = r.with("email", address)
	}
	switch named := !empty(r.Value("name")); {
	case s.on("users.names", "absent"):
		r = r.without("name", "lastname")
	case s.on("users.names", "present") && !named:
		r = r.with("name", p.first).with("lastname", p.last)
	}
	return r
}

// orderOf is a state's order in the form that a switch wants, by its place.
func orderOf(how string, r Row, place int) Row {
	if how == "absent" {
		return r.without("order")
	}
	return r.with("order", place)
}

func orderInWorkflow(c *call) shape {
	how := c.s.text("states.order")
	if how == "seen" {
		return nil
	}
	return func(r Row) Row {
		states, _ := r.Value("states").([]Row)
		states = slices.Clone(states)
		for i := range states {
			states[i] = orderOf(how, states[i], i)
		}
		return r.with("states", states)
	}
}

func orderOfState(c *call) shape {
	how := c.s.text("states.order")
	if how == "seen" {
		return nil
	}
	return func(r Row) Row {
		w, ok := c.t.workflow(refID(r.Value("workflow")))
		if !ok {
			return r
		}
		return orderOf(how, r, slices.IndexFunc(w.states, func(s state) bool { return s.id == r.ID() }))
	}
}

func historyEnd(c *call) shape {
	how := c.s.text("history.end")
	if how == "absent" {
		return nil
	}
	return func(r Row) Row {
		switch _, ended := r.Get("end_date"); {
		case ended:
			return r
		case how == "null":
			return r.with("end_date", nil)
		}
		return r.with("end_date", "")
	}
}

func activityContent(c *call) shape {
	how := c.s.text("activity.content")
	if how == "text" {
		return nil
	}
	change := c.t.data.activityKind(actStageChange).id
	return func(r Row) Row {
		text, _ := r.Value("content").(string)
		if refID(r.Value("type")) != change || text == "" {
			return r
		}
		content, ok := parsedText(text)
		if !ok {
			return r
		}
		if how == "nested" {
			content = Row{{"content", content}}
		}
		return r.with("content", content)
	}
}

// parsedText reads an object that is JSON inside a string.
func parsedText(text string) (Row, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, false
	}
	row, ok := fromJSON(v).(Row)
	return row, ok
}

func sourceFacts(c *call) shape { return c.t.sourceFacts }

// sourceFacts are a source as it is told; added rows keep a date inside.
func (t *Tenant) sourceFacts(r Row) Row {
	r = r.without("created_at")
	id := refID(r.Value("dictionary_item"))
	switch item, known := t.item(dictSource, id); t.settings().text("sources.value") {
	case "absent":
		return r.with("dictionary_item", ref(id))
	case "present":
		if known {
			return r.with("dictionary_item", item.row())
		}
	}
	return r
}

func tagShape(c *call) shape {
	switch c.s.text("tags.shape") {
	case "value":
		return labelled
	case "nested":
		return func(r Row) Row { return Row{{"id", number(c.args[0])*1000 + tagIndex(r.ID())}, {"tag", r}} }
	}
	return nil
}

func rejectionShape(c *call) shape {
	if c.s.on("rejections.shape", "value") {
		return labelled
	}
	return nil
}

// labelled turns {"id","name"} into the form of dictionary items.
func labelled(r Row) Row { return Row{{"id", r.ID()}, {"value", r.Value("name")}} }

func advertGeolocation(c *call) shape {
	if c.s.on("adverts.geolocation", "string") {
		return nil
	}
	return func(r Row) Row {
		advert, _ := r.Value("advert").(Row)
		values, _ := advert.Value("values").([]Row)
		values = slices.Clone(values)
		for i, v := range values {
			text, _ := v.Value("value").(string)
			if v.Value("field_id") != "geolocation" {
				continue
			}
			if place, ok := parsedText(text); ok {
				values[i] = v.with("value", place)
			}
		}
		return r.with("advert", advert.with("values", values))
	}
}

func advertOptionsShape(c *call) shape {
	how := c.s.text("adverts.options")
	if how == "seen" {
		return nil
	}
	return func(r Row) Row {
		options, _ := r.Value("options").(Row)
		options = slices.Clone(options)
		for i, f := range options {
			switch v := f.Value.(type) {
			case nil, Row:
			case []string:
				if how == "text" {
					options[i].Value = strings.Join(v, ", ")
				}
			case []any:
				if how == "text" {
					parts := make([]string, len(v))
					for k := range v {
						parts[k] = fmt.Sprint(v[k])
					}
					options[i].Value = strings.Join(parts, ", ")
				}
			default:
				if how == "list" {
					options[i].Value = []any{v}
				}
			}
		}
		return r.with("options", options)
	}
}
