package ats

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// empty gives an entity of a model that says nothing.
func empty(m Model) Entity {
	switch m {
	case Roles:
		return Role{}
	case Users:
		return User{}
	case ApplicationStages:
		return ApplicationStage{}
	case RejectionReasons:
		return RejectionReason{}
	case Tags:
		return Tag{}
	case Jobs:
		return Job{}
	case JobStages:
		return JobStage{}
	case HiringTeam:
		return HiringTeamMember{}
	case JobPostings:
		return JobPosting{}
	case Candidates:
		return Candidate{}
	case CandidateTags:
		return CandidateTag{}
	case Applications:
		return Application{}
	}
	return nil
}

// Stays reports whether a field of a record that is gone may stay: what tells records apart does also
// when their model is off.
func (s Scopes) Stays(m Model, field string) bool { return FixedField(m, field) || s.Field(m, field) }

// fieldOf names the field that gives a key of an embedded record, where it has another name.
var fieldOf = map[string]string{"hiring_team_roles": "roles", "job_roles": "roles"}

// Strip gives the texts of a stored record without what scopes switch off: they are those of an entity
// that says nothing about it.
func Strip(m Model, own, ref []byte, s Scopes) (strippedOwn, strippedRef []byte, err error) {
	return replace(m, own, ref, func(key string) bool {
		if field, ok := fieldOf[key]; ok {
			key = field
		}
		return s.Stays(m, key)
	})
}

// Forget gives the texts of a stored record of which only our ID is left. Its remote ID is empty.
func Forget(m Model, own, ref []byte) (forgottenOwn, forgottenRef []byte, err error) {
	return replace(m, own, ref, func(key string) bool { return key == "id" })
}

// replace gives the texts of a record with the values of an empty entity for the keys that do not stay.
func replace(m Model, own, ref []byte, stays func(key string) bool) (newOwn, newRef []byte, err error) {
	e := empty(m)
	if e == nil {
		return nil, nil, fmt.Errorf("ats: there is no model %q", m)
	}
	none, err := Render("", e)
	if err != nil {
		return nil, nil, err
	}
	if newOwn, err = replaceIn(own, none.Own, stays); err != nil {
		return nil, nil, fmt.Errorf("ats: strip %s: %w", m, err)
	}
	if len(ref) == 0 {
		return newOwn, ref, nil
	}
	if newRef, err = replaceIn(ref, none.Ref, stays); err != nil {
		return nil, nil, fmt.Errorf("ats: strip %s: %w", m, err)
	}
	return newOwn, newRef, nil
}

// replaceIn keeps the order of an object's keys. One that the empty entity does not have becomes null.
func replaceIn(object, none []byte, stays func(key string) bool) ([]byte, error) {
	var nothing map[string]json.RawMessage
	if err := json.Unmarshal(none, &nothing); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		name, _ := key.(string)
		if !stays(name) {
			if value = nothing[name]; value == nil {
				value = json.RawMessage("null")
			}
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quoted...), ':'), value...)
	}
	return append(out, '}'), nil
}
