package ats

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Hide takes out of a record, as it is served, what scopes switch off, and out of all that it embeds. Its keys
// stay: those of what is off are null, or empty where the contract forbids null.
func Hide(m Model, record []byte, s Scopes) ([]byte, error) {
	if s.Whole() {
		return record, nil
	}
	hidden, err := hide(m, record, s)
	if err != nil {
		return nil, fmt.Errorf("hide what is off of a record of %s: %w", m, err)
	}
	return hidden, nil
}

// shownAs says of which model the objects are in which records of a connection are served.
var shownAs = map[Model]Model{CandidateTags: Tags, JobStages: ApplicationStages, HiringTeam: Users}

// ofConnection says of which field of which model a key is that a connection adds to what it connects.
var ofConnection = map[string]struct {
	model Model
	field string
}{
	string(Users) + ".hiring_team_roles": {HiringTeam, "roles"},
	string(Users) + ".job_roles":         {HiringTeam, "roles"},
}

// roleScope is what every role has as its scope, by the key under which it is embedded.
var roleScope = map[string]string{"system_roles": `"SYSTEM"`, "job_roles": `"JOB"`}

func hide(m Model, record []byte, s Scopes) ([]byte, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(record, &object); err != nil || object == nil { // null embeds nothing
		return record, err
	}
	for key, value := range object {
		model, field := m, key
		if c, ok := ofConnection[string(m)+"."+key]; ok {
			model, field = c.model, c.field
		}
		inner, embedded := embeds[string(model)+"."+field]
		switch {
		case FixedField(model, field):
		case !s.Field(model, field):
			object[key] = blank(key, value)
		case key == "hiring_team_roles": // the types of the roles
			if !s.Field(Roles, "unified_type") {
				object[key] = blank(key, value)
			}
		case embedded:
			if as, ok := shownAs[inner]; ok {
				inner = as
			}
			all, err := hideAll(inner, key, value, s)
			if err != nil {
				return nil, err
			}
			object[key] = all
		}
	}
	if stage, ok := object["current_stage"]; ok && m == Applications && !s.Field(m, "current_stage_id") {
		object["current_stage"] = blank("current_stage", stage) // it has the ID in it
	}
	return marshal(object)
}

// hideAll hides in an embedded object, or in all of an array.
func hideAll(m Model, key string, value []byte, s Scopes) ([]byte, error) {
	if value[0] != '[' {
		return hide(m, value, s)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(value, &all); err != nil {
		return nil, err
	}
	for i := range all {
		hidden, err := hide(m, all[i], s)
		if err != nil {
			return nil, err
		}
		if scope, ok := roleScope[key]; ok && m == Roles {
			if hidden, err = with(hidden, "scope", scope); err != nil {
				return nil, err
			}
		}
		all[i] = hidden
	}
	return marshal(all)
}

// with sets one key of an object.
func with(object []byte, key, value string) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		return nil, err
	}
	all[key] = json.RawMessage(value)
	return marshal(all)
}

// blank gives what is served in place of a value.
func blank(key string, value []byte) json.RawMessage {
	switch value = bytes.TrimSpace(value); {
	case value[0] == '[':
		return json.RawMessage("[]")
	case key == "custom_fields":
		return json.RawMessage("{}")
	}
	return json.RawMessage("null")
}
