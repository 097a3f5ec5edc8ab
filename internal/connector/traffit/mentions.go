package traffit

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// The bounds of what is looked for: a page of stage moves names three hundred.
const (
	maxMentions = 500
	maxNesting  = 100
)

// Mentions names the records that a request to a path, or its answer, is about. A body may be cut:
// what is whole of it counts.
func (*traffit) Mentions(path string, body []byte) []connector.Mention {
	m := &mentions{seen: map[connector.Mention]bool{}}
	m.path(path)
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	m.body, m.size = d, int64(len(body))
	_, _ = m.value(m.rows, 0) // an error is the end of what can be read
	return m.all
}

// about says what a JSON value is the record of.
type about int

const (
	nothing about = iota
	aUser
	aCandidate
	aJob
)

// entities are the folders of paths, and the keys of objects, whose records are mentioned.
var entities = map[string]about{
	"users": aUser, "employees": aCandidate, "recruitments": aJob,
	"user": aUser, "owner": aUser, "responsible_person": aUser, "employee": aCandidate, "recruitment": aJob,
}

type mentions struct {
	all  []connector.Mention
	seen map[connector.Mention]bool

	// rows is what the answer, or each of its rows, is; candidate and job are those of the path.
	rows           about
	candidate, job string

	body *json.Decoder
	size int64
}

// note notes a record.
func (m *mentions) note(model ats.Model, id string) {
	mention := connector.Mention{Model: model, RemoteID: id}
	if len(m.all) < maxMentions && !m.seen[mention] {
		m.seen[mention] = true
		m.all = append(m.all, mention)
	}
}

// one notes the record of an ID, and the application that it makes together with another record.
func (m *mentions) one(what about, id, candidate, job string) {
	if id == "" {
		return
	}
	switch what {
	case aUser:
		m.note(ats.Users, id)
		return
	case aCandidate:
		m.note(ats.Candidates, id)
		candidate = id
	case aJob:
		m.note(ats.Jobs, id)
		job = id
	}
	if what != nothing && candidate != "" && job != "" {
		m.note(ats.Applications, candidate+":"+job)
	}
}

// path reads what the path says: folders and IDs take turns.
func (m *mentions) path(path string) {
	path, _, _ = strings.Cut(path, "?")
	if _, below, ok := strings.Cut(path, api+"/"); ok {
		path = below
	}
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i := 0; i < len(segments); i += 2 {
		what := entities[segments[i]]
		id := ""
		if i+1 < len(segments) {
			id = segments[i+1]
		}
		switch {
		case id == "" && what != nothing:
			m.rows = what // of a listing, or what was created
		case !digits.MatchString(id) || len(id) > maxKey:
			return // a word: /employees/activities
		case segments[i] == "states" && m.candidate == "":
			m.rows = aCandidate // those in one state of a recruitment
		case i == 0 && i+2 >= len(segments):
			m.rows = what
		}
		m.one(what, id, m.candidate, m.job)
		switch what {
		case aCandidate:
			m.candidate = id
		case aJob:
			m.job = id
		}
	}
}

// errTooDeep ends the reading of a body that nobody wrote by hand.
var errTooDeep = errors.New("too many levels")

// value reads a JSON value and gives its ID: its own or that of the object; of a list, the last one's.
func (m *mentions) value(what about, depth int) (id string, err error) {
	if depth > maxNesting || len(m.all) >= maxMentions {
		return "", errTooDeep
	}
	token, err := m.body.Token()
	if err != nil {
		return "", err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return m.object(what, depth)
		}
		for err == nil && m.body.More() {
			id, err = m.value(what, depth+1)
		}
		return id, m.end(err)
	case json.Number:
		if m.body.InputOffset() == m.size {
			return "", errors.New("the number may go on") // where the body was cut
		}
	}
	if id = idOf(token); digits.MatchString(id) {
		m.one(what, id, m.candidate, m.job)
	}
	return id, nil
}

// object reads an object whose bracket was read.
func (m *mentions) object(what about, depth int) (id string, err error) {
	candidate, job, connects := m.candidate, m.job, false
	for err == nil && m.body.More() {
		var token json.Token
		if token, err = m.body.Token(); err != nil {
			break
		}
		key, _ := token.(string)
		inner := entities[key]
		if depth == 0 && slices.Contains(itemKeys, key) {
			inner = what
		}
		var found string
		found, err = m.value(inner, depth+1)
		switch {
		case found == "":
		case key == "id":
			id = found
		case inner == aCandidate:
			candidate, connects = found, true
		case inner == aJob:
			job, connects = found, true
		}
	}
	// What was cut off behind the ID does not matter.
	if connects && candidate != "" && job != "" {
		m.note(ats.Applications, candidate+":"+job)
	} else if !connects {
		m.one(what, id, candidate, job)
	}
	return id, m.end(err)
}

// end reads the bracket that ends a list or an object, unless reading has ended before.
func (m *mentions) end(err error) error {
	if err == nil {
		_, err = m.body.Token()
	}
	return err
}
