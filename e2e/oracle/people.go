package oracle

import (
	"regexp"
	"strings"
)

// responsible is the one role of hiring teams.
func responsible() Object {
	return Object{"remote_id": "responsible_person", "remote_label": "Responsible person", "scope": "JOB", "unified_type": nil}
}

// addUsers adds users, and the roles: the permission groups that users have and the one of hiring teams.
func (d *deriver) addUsers(out Expected) {
	addRole := func(role Object) {
		o := d.record(Roles, role["remote_id"].(string))
		for k, v := range role {
			o[k] = v
		}
		out.add(Roles, o)
	}
	if len(d.truth["users"]) > 0 {
		addRole(responsible())
	}
	for _, u := range d.truth["users"] {
		o := d.record(Users, u.id())
		for k, v := range person(u) {
			o[k] = v
		}
		o["status"] = nil
		if on, ok := u["is_active"].(bool); ok {
			o["status"] = map[bool]string{true: "ACTIVE", false: "INACTIVE"}[on]
		}
		o["system_roles"] = []any{}
		if group := u.at("permission_group"); group.id() != "" {
			role := Object{"remote_id": group.id(), "remote_label": orNull(text(group["name"])), "scope": "SYSTEM", "unified_type": nil}
			o["system_roles"] = []any{role}
			addRole(role)
		}
		out.add(Users, o)
	}
}

// person gives the names and the address of a user.
func person(u row) Object {
	email := address(u["email"])
	if email == "" {
		email = address(u["username"])
	}
	return Object{"first_name": orNull(text(u["name"])), "last_name": orNull(text(u["lastname"])), "email": orNull(email)}
}

// addCandidates adds candidates with their applications, and the tags that they have.
func (d *deriver) addCandidates(out Expected, applications map[string]*application) {
	labels := map[string]string{}
	for _, list := range d.truth["dictionaries"] {
		for _, item := range list.rows("items") {
			labels[item.id()] = text(item["value"])
		}
	}
	sources := map[string]string{} // of the lowest number, by candidate
	for _, s := range d.truth["sources"] {
		who, item := s.at("employee").id(), s.at("dictionary_item")
		if _, known := sources[who]; known || item.id() == "" {
			continue
		}
		if sources[who] = text(item["value"]); sources[who] == "" {
			sources[who] = labels[item.id()]
		}
	}
	theirs := map[string][]any{}
	for _, a := range applications {
		theirs[a.employee] = append(theirs[a.employee], a.summary(d))
	}
	for _, e := range d.truth["employees"] {
		o := d.record(Candidates, e.id())
		for k, v := range d.contact(e, sources[e.id()]) {
			o[k] = v
		}
		for k, v := range (Object{
			"company": nil, "title": orNull(text(e["_Position"])), "confidential": nil,
			"location": place(e["candidate_location"]), "custom_fields": Object{}, "integration_fields": []any{},
			"remote_created_at": served(e["created_at"]), "remote_updated_at": served(e["updated_at"]),
			"applications": sortByID(append([]any{}, theirs[e.id()]...)), "tags": d.tagsOf(e),
		}) {
			o[k] = v
		}
		out.add(Candidates, o)
		for _, t := range e.rows("tags") {
			tag := d.record(Tags, t.id())
			tag["name"] = orNull(text(t["name"]))
			out.add(Tags, tag)
		}
	}
}

// contact gives what an application shows of its candidate too.
func (d *deriver) contact(e row, source string) Object {
	emails, phones, social := []any{}, []any{}, []any{}
	if a := address(e["email"]); a != "" {
		emails = append(emails, Object{"email_address": a, "type": nil})
	}
	for _, p := range phoneNumbers(text(e["mobile"])) {
		phones = append(phones, Object{"phone_number": p, "type": nil})
	}
	if l := text(e["linkedin"]); l != "" {
		profile := Object{"type": "LINKEDIN", "link": nil, "username": nil}
		if strings.Contains(l, "://") {
			profile["link"] = l
			if _, name, ok := strings.Cut(l, "linkedin.com/in/"); ok {
				profile["username"] = name
			}
		} else {
			profile["username"] = l
		}
		social = append(social, profile)
	}
	return Object{
		"first_name": orNull(text(e["name"])), "last_name": orNull(text(e["lastname"])), "source": orNull(source), "remote_url": nil,
		"email_addresses": emails, "phone_numbers": phones, "social_media": social,
	}
}

func (d *deriver) tagsOf(e row) []any {
	list := []any{}
	for _, t := range e.rows("tags") {
		list = append(list, Object{"id": d.id(Tags, t.id()), "remote_id": t.id(), "name": orNull(text(t["name"]))})
	}
	return sortByID(list)
}

var separator = regexp.MustCompile(`[/,;|\n]|\blub\b|\bor\b`)

// phoneNumbers cuts a field where at least seven digits stand on both sides.
func phoneNumbers(s string) []string {
	digits := func(s string) int { return len(regexp.MustCompile(`\D`).ReplaceAllString(s, "")) }
	var out []string
	rest := s
	for from := 0; ; {
		cut := separator.FindStringIndex(rest[from:])
		if cut == nil {
			break
		}
		left, right := rest[:from+cut[0]], rest[from+cut[1]:]
		if digits(left) >= 7 && digits(right) >= 7 {
			out, rest, from = append(out, strings.TrimSpace(left)), right, 0
			continue
		}
		from += cut[1]
	}
	if digits(rest) > 0 {
		out = append(out, strings.TrimSpace(rest))
	}
	return out
}
