package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
)

// pageReader holds the rows of one page and what they embed. Texts are copied once, into one
// arena, and once more into the answer; in between only their places are kept.
type pageReader struct {
	tx          *sql.Tx
	model       ats.Model
	no          int64
	onlyCreated bool
	arena       []byte
	rows        []pageRow
	// nested holds the embedded texts by the position of their key in embeddings and by the ID
	// through which a record finds them.
	nested [4]map[string][]span
}

// span is a text within the arena.
type span struct{ from, to int }

type pageRow struct {
	id, remoteID string
	changedAt    int64
	touchedAt    int64
	deletedAt    sql.NullInt64
	foreign      [3]string
	own          span
}

func (p *pageReader) text(s span) []byte { return p.arena[s.from:s.to] }

// keep copies a text into the arena.
func (p *pageReader) keep(b []byte) span {
	from := len(p.arena)
	p.arena = append(p.arena, b...)
	return span{from, len(p.arena)}
}

func (p *pageReader) readRows(ctx context.Context, statement string, args []any) error {
	rows, err := p.tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var own sql.RawBytes
	for rows.Next() {
		var r pageRow
		if err := rows.Scan(&r.id, &r.remoteID, &r.changedAt, &r.touchedAt, &r.deletedAt,
			&r.foreign[0], &r.foreign[1], &r.foreign[2], &own); err != nil {
			return err
		}
		r.own = p.keep(own)
		p.rows = append(p.rows, r)
	}
	return rows.Err()
}

// embedding says how one key of a record is filled from another table.
type embedding struct {
	key string
	// by is the position of the foreign ID that finds it: -1 for the record's own ID.
	by int
	// one: a single object or null; else an array.
	one bool
	// sql selects the finding ID and the texts to join, in their order. %s takes the list of IDs.
	sql string
	// created is sql for only those that were created through the API, where that matters.
	created string
	// join appends the embedded JSON, made from the selected texts.
	join func(dst []byte, texts []sql.RawBytes) []byte
	// inside: the array goes into the preceding object, not beside it.
	inside bool
}

// embeddings lists what the records of a list hold of others. A connection counts while it lives; a
// record that another points to is shown also after its deletion, since the pointer still stands.
var embeddings = map[ats.Model][]embedding{
	ats.Users: {{
		key: "system_roles", by: 0, join: whole,
		sql: `SELECT id, ref FROM roles WHERE integration = $1 AND id IN (%s) AND remote_deleted_at IS NULL`,
	}},
	ats.Jobs: {
		{key: "stages", by: -1, join: whole, sql: `SELECT l.job_id, s.ref FROM job_stages l
			JOIN application_stages s ON s.integration = l.integration AND s.id = l.stage_id
			WHERE l.integration = $1 AND l.job_id IN (%s) AND l.remote_deleted_at IS NULL AND s.remote_deleted_at IS NULL
			ORDER BY l.job_id, l.rank, l.id`},
		{key: "job_postings", by: -1, join: posting, sql: `SELECT job_id, own FROM job_postings
			WHERE integration = $1 AND job_id IN (%s) AND remote_deleted_at IS NULL ORDER BY job_id, rank, id`},
		{key: "hiring_team", by: -1, join: merged, sql: `SELECT l.job_id, u.ref, l.ref FROM hiring_team l
			JOIN users u ON u.integration = l.integration AND u.id = l.user_id
			WHERE l.integration = $1 AND l.job_id IN (%s) AND l.remote_deleted_at IS NULL AND u.remote_deleted_at IS NULL
			ORDER BY l.job_id, l.rank, l.id`},
	},
	ats.Candidates: {
		{key: "applications", by: -1, join: summary, sql: applicationsOfCandidates + byApplication, created: applicationsOfCandidates +
			` AND a.remote_id IN (SELECT application FROM tracked_applications WHERE integration = $1)` + byApplication},
		{key: "tags", by: -1, join: whole, sql: tagsOfCandidates},
	},
	ats.Applications: {
		{key: "candidate", by: 0, one: true, join: whole, sql: `SELECT id, ref FROM candidates WHERE integration = $1 AND id IN (%s)`},
		{key: "tags", by: 0, join: whole, inside: true, sql: tagsOfCandidates},
		{key: "current_stage", by: 1, one: true, join: whole, sql: `SELECT id, ref FROM application_stages WHERE integration = $1 AND id IN (%s)`},
		{key: "job", by: 2, one: true, join: whole, sql: `SELECT id, ref FROM jobs WHERE integration = $1 AND id IN (%s)`},
	},
}

const (
	applicationsOfCandidates = `SELECT a.candidate_id, a.ref, a.changed_at, COALESCE(s.ref, 'null'), COALESCE(j.ref, 'null')
		FROM applications a
		LEFT JOIN application_stages s ON s.integration = a.integration AND s.id = a.current_stage_id
		LEFT JOIN jobs j ON j.integration = a.integration AND j.id = a.job_id
		WHERE a.integration = $1 AND a.candidate_id IN (%s) AND a.remote_deleted_at IS NULL`
	byApplication = ` ORDER BY a.candidate_id, a.id`
)

const tagsOfCandidates = `SELECT l.candidate_id, t.ref FROM candidate_tags l
	JOIN tags t ON t.integration = l.integration AND t.id = l.tag_id
	WHERE l.integration = $1 AND l.candidate_id IN (%s) AND l.remote_deleted_at IS NULL ORDER BY l.candidate_id, l.id`

func whole(dst []byte, texts []sql.RawBytes) []byte { return append(dst, texts[0]...) }

func posting(dst []byte, texts []sql.RawBytes) []byte {
	return append(append(dst, open(texts[0])...), `,"remote_data":null}`...)
}

// merged makes one object of two.
func merged(dst []byte, texts []sql.RawBytes) []byte {
	dst = append(append(dst, open(texts[0])...), ',')
	return append(dst, texts[1][1:]...)
}

// summary is an application as candidates show it.
func summary(dst []byte, texts []sql.RawBytes) []byte {
	dst = append(append(dst, open(texts[0])...), `,"changed_at":`...)
	dst = ats.Milli(parseInt(texts[1])).AppendTo(dst)
	dst = append(append(dst, `,"current_stage":`...), texts[2]...)
	dst = append(append(dst, `,"job":`...), texts[3]...)
	return append(dst, '}')
}

// open takes the closing brace off an object.
func open(object []byte) []byte { return object[:len(object)-1] }

func parseInt(digits []byte) int64 {
	var n int64
	for _, d := range digits {
		n = n*10 + int64(d-'0')
	}
	return n
}

func (p *pageReader) readNested(ctx context.Context) error {
	for i, e := range embeddings[p.model] {
		ids := make([]string, 0, len(p.rows))
		for r := range p.rows {
			if id := p.rows[r].through(e); id != "" {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		if len(ids) == 0 {
			continue
		}
		found := make(map[string][]span, len(ids))
		if err := p.readEmbed(ctx, e, ids, found); err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		p.nested[i] = found
	}
	return nil
}

func (p *pageReader) readEmbed(ctx context.Context, e embedding, ids []string, found map[string][]span) error {
	f, text := filter{args: []any{p.no}}, e.sql
	if p.onlyCreated && e.created != "" {
		text = e.created
	}
	rows, err := p.tx.QueryContext(ctx, fmt.Sprintf(text, f.list(ids)), f.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	var id string
	texts := make([]sql.RawBytes, len(columns)-1)
	into := []any{&id}
	for i := range texts {
		into = append(into, &texts[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		from := len(p.arena)
		p.arena = e.join(p.arena, texts)
		found[id] = append(found[id], span{from, len(p.arena)})
	}
	return rows.Err()
}

// through gives the ID by which a record finds what it embeds.
func (r *pageRow) through(e embedding) string {
	if e.by < 0 {
		return r.id
	}
	return r.foreign[e.by]
}

// splice puts the page together.
func (p *pageReader) splice(remote map[string][]byte) []byte {
	const stamps = len(`,"changed_at":"2006-01-02T15:04:05.000Z","remote_deleted_at":"2006-01-02T15:04:05.000Z","remote_data":null`)
	const keys = 80 // of the longest list of nested keys
	size := 0
	for i := range p.rows {
		size += p.rows[i].own.to - p.rows[i].own.from + stamps + keys + len(remote[p.rows[i].remoteID])
		for j, e := range embeddings[p.model] {
			for _, s := range p.nested[j][p.rows[i].through(e)] {
				size += s.to - s.from + 1
			}
		}
	}
	dst := make([]byte, 0, size)
	for i := range p.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = p.spliceRow(dst, &p.rows[i], remote)
	}
	return dst
}

func (p *pageReader) spliceRow(dst []byte, r *pageRow, remote map[string][]byte) []byte {
	dst = append(append(dst, open(p.text(r.own))...), `,"changed_at":`...)
	dst = ats.Milli(r.changedAt).AppendTo(dst)
	dst = append(dst, `,"remote_deleted_at":`...)
	if r.deletedAt.Valid {
		dst = ats.Milli(r.deletedAt.Int64).AppendTo(dst)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"remote_data":`...)
	if raw, ok := remote[r.remoteID]; ok {
		dst = append(dst, raw...)
	} else {
		dst = append(dst, "null"...)
	}
	list := embeddings[p.model]
	for i, e := range list {
		found := p.nested[i][r.through(e)]
		switch {
		case e.inside:
			if dst[len(dst)-1] == '}' { // not null: there is an object to put it into
				dst = append(p.array(p.key(open(dst), e.key), found), '}')
			}
		case !e.one:
			dst = p.array(p.key(dst, e.key), found)
		case len(found) == 0:
			dst = append(p.key(dst, e.key), "null"...)
		default:
			dst = append(p.key(dst, e.key), p.text(found[0])...)
		}
	}
	return append(dst, '}')
}

func (p *pageReader) key(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	return append(dst, `":`...)
}

func (p *pageReader) array(dst []byte, elements []span) []byte {
	dst = append(dst, '[')
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, p.text(e)...)
	}
	return append(dst, ']')
}
