// Package ats is the unified recruiting model: the records that Kladka serves, their
// identifiers, their two texts, and the closed set of error codes of the API.
//
// It imports the standard library and golang.org/x/text only, and knows neither a vendor nor a database.
// A connector folds what it read into the types of this package; the store keeps
// them rendered; the API serves them without encoding them again.
package ats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Model names a kind of record. The values are those of the wire contract's
// data-changed webhook, so one name serves the feed, coverage and webhooks.
type Model string

// The models. The last three before the unavailable ones are connections: records
// of their own that the API embeds in the records they connect.
const (
	Users             Model = "ats_users"
	Jobs              Model = "ats_jobs"
	JobPostings       Model = "ats_job_postings"
	Candidates        Model = "ats_candidates"
	ApplicationStages Model = "ats_application_stages"
	Applications      Model = "ats_applications"
	Tags              Model = "ats_tags"
	RejectionReasons  Model = "ats_rejection_reasons"
	Roles             Model = "ats_roles"
	CandidateTags     Model = "ats_join_candidates_tags"
	JobStages         Model = "ats_join_jobs_application_stages"
	HiringTeam        Model = "ats_join_jobs_users"

	Interviews Model = "ats_interviews"
	Offers     Model = "ats_offers"

	// Attachments are read live: nothing is stored, but their IDs are derived like all others, from
	// the candidate's ID, a colon and the file's.
	Attachments Model = "ats_attachments"
)

// Models lists the models that are stored, in the order in which they refer to one another:
// a record's foreign IDs point to models that stand before it.
func Models() []Model {
	return []Model{
		Roles, Users, ApplicationStages, RejectionReasons, Tags,
		Jobs, JobStages, HiringTeam, JobPostings,
		Candidates, CandidateTags, Applications,
	}
}

// Time is an instant with millisecond precision. It renders as the contract wants it:
// YYYY-MM-DDTHH:mm:ss.sssZ, always UTC.
type Time struct{ ms int64 }

// TimeOf converts a time.Time, cutting it to milliseconds.
func TimeOf(t time.Time) Time { return Time{t.UnixMilli()} }

// Milli makes a Time of milliseconds since the Unix epoch.
func Milli(ms int64) Time { return Time{ms} }

// Milli gives the milliseconds since the Unix epoch.
func (t Time) Milli() int64 { return t.ms }

const timeLayout = "2006-01-02T15:04:05.000Z"

// String renders the instant as in the API.
func (t Time) String() string { return time.UnixMilli(t.ms).UTC().Format(timeLayout) }

// AppendTo appends the quoted JSON form.
func (t Time) AppendTo(b []byte) []byte {
	b = append(b, '"')
	b = time.UnixMilli(t.ms).UTC().AppendFormat(b, timeLayout)
	return append(b, '"')
}

// MarshalJSON renders the instant as in the API.
func (t Time) MarshalJSON() ([]byte, error) { return t.AppendTo(make([]byte, 0, 26)), nil }

// UnmarshalJSON reads what MarshalJSON writes, and any RFC 3339 instant.
func (t *Time) UnmarshalJSON(b []byte) error {
	parsed, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("ats: time: %w", err)
	}
	*t = TimeOf(parsed)
	return nil
}

// Record is a rendered record: what the store keeps and compares.
type Record struct {
	Model    Model
	ID       string
	RemoteID string
	// Own is the record's own JSON object: every key but the nested records, the stamps
	// (changed_at, remote_deleted_at) and remote_data, which are spliced in at read.
	Own []byte
	// Ref is the JSON object in which other records embed this one; empty where none does.
	Ref []byte
	// Values holds the columns by which the store filters, joins and sorts this model:
	// string, int64, *int64 or nil, by column name.
	Values map[string]any
	// Emails are the folded addresses by which a candidate is found.
	Emails []string
}

// Entity is one of the unified types of this package.
type Entity interface {
	// record gives the identity and the parts to render; ids derives foreign IDs.
	record(ids Namespace) (Record, any, any)
}

// Render makes the stored form of an entity within an integration.
func Render(ids Namespace, e Entity) (Record, error) {
	r, own, ref := e.record(ids)
	var err error
	if r.Own, err = marshal(own); err != nil {
		return Record{}, fmt.Errorf("render %s %s: %w", r.Model, r.RemoteID, err)
	}
	if ref != nil {
		if r.Ref, err = marshal(ref); err != nil {
			return Record{}, fmt.Errorf("render %s %s for embedding: %w", r.Model, r.RemoteID, err)
		}
	}
	return r, nil
}

// marshal is json.Marshal without HTML escaping: descriptions are HTML, and the escaped
// form would be a sixth larger and differ from what other clients of the contract see.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
