package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// Lookback is how far a page with UpdatedAfter reaches back before the given moment. What a
// write stamped is seen only once it is committed, and the clocks of client and server differ;
// so clients get some records twice and none never.
const Lookback = 5 * time.Second

// Cursor is a place in a list: the record after which the next page begins.
type Cursor struct {
	TouchedAt int64
	ID        string
}

// RemoteData gives the raw rows of records as JSON objects, by remote ID. Records that are
// missing from the answer are served without.
type RemoteData func(ctx context.Context, m ats.Model, remoteIDs []string) (map[string][]byte, error)

// Query says which records of a model a page holds. Conditions are ANDed, the values of one
// ORed; nil means no condition. Conditions that a model does not know are an error.
type Query struct {
	Model       ats.Model
	Integration int64
	PageSize    int
	After       *Cursor
	// RemoteData fills remote_data; nil leaves it null.
	RemoteData RemoteData
	// OnlyCreated leaves out applications, and candidates, that were not created through the API.
	OnlyCreated bool

	UpdatedAfter   *int64 // epoch ms; served from Lookback before it
	IncludeDeleted bool
	IDs, RemoteIDs []string

	Outcomes, JobIDs, JobRemoteIDs, CurrentStageIDs []string
	RemoteCreatedAfter                              *int64 // epoch ms, cut to its day in UTC
	Email, FirstName, LastName                      *string
	JobCodes                                        []string
	PostURL, NameContains                           *string
	Statuses, EmploymentTypes, Visibilities         []string
	Emails, Scopes                                  []string
}

// Page is one page of a list.
type Page struct {
	// JSON holds the records as they are served, separated by commas.
	JSON  []byte
	Count int
	// Next is where the next page begins; nil on the last one.
	Next *Cursor
}

// Page reads one page: one query walks the list from the cursor on, one more per nested model
// brings what the records embed, all in one snapshot. Nothing is decoded: stored texts are
// spliced, so that a nested record is never older than the one that embeds it.
func (s *Store) Page(ctx context.Context, q Query) (Page, error) {
	statement, args, err := q.statement()
	if err != nil {
		return Page{}, err
	}
	tx, err := s.read.BeginTx(ctx, snapshot)
	if err != nil {
		return Page{}, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it wrote nothing
	arena, _ := s.arenas.Get().(*[]byte)
	if arena == nil {
		arena = new([]byte)
	}
	p := pageReader{tx: tx, model: q.Model, no: q.Integration, onlyCreated: q.OnlyCreated, arena: (*arena)[:0]}
	defer func() { // its texts were copied into the answer
		*arena = p.arena
		s.arenas.Put(arena)
	}()
	if err := p.readRows(ctx, statement, args); err != nil {
		return Page{}, fmt.Errorf("read a page of %s: %w", q.Model, err)
	}
	var page Page
	if len(p.rows) > q.PageSize {
		p.rows = p.rows[:q.PageSize]
		last := p.rows[q.PageSize-1]
		page.Next = &Cursor{TouchedAt: last.touchedAt, ID: last.id}
	}
	if err := p.readNested(ctx); err != nil {
		return Page{}, fmt.Errorf("read what %s embed: %w", q.Model, err)
	}
	if err := tx.Rollback(); err != nil {
		return Page{}, fmt.Errorf("end of read: %w", err)
	}
	var remote map[string][]byte
	if q.RemoteData != nil && len(p.rows) > 0 {
		ids := make([]string, len(p.rows))
		for i, r := range p.rows {
			ids[i] = r.remoteID
		}
		if remote, err = q.RemoteData(ctx, q.Model, ids); err != nil {
			return Page{}, fmt.Errorf("read the raw rows of %s: %w", q.Model, err)
		}
	}
	page.JSON, page.Count = p.splice(remote), len(p.rows)
	return page, nil
}

// Record reads one record as it is served in its list, deleted or not.
func (s *Store) Record(ctx context.Context, integration int64, m ats.Model, id string) ([]byte, error) {
	page, err := s.Page(ctx, Query{Model: m, Integration: integration, PageSize: 1, IDs: []string{id}, IncludeDeleted: true})
	if err != nil {
		return nil, err
	}
	if page.Count == 0 {
		return nil, fmt.Errorf("%s %s: %w", m, id, ErrNotFound)
	}
	return page.JSON, nil
}

// snapshot makes all queries of a page see one state. SQLite takes it at the first read of any
// transaction and ignores the level; a read-only one begins without the write lock.
var snapshot = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}

// foreign lists the columns that a list needs of each record to find what it embeds.
var foreign = map[ats.Model]string{
	ats.Users:        "COALESCE(role_id, ''), '', ''",
	ats.Applications: "COALESCE(candidate_id, ''), COALESCE(current_stage_id, ''), COALESCE(job_id, '')",
}

// trackedBy names the column in which the creations through the API name records of a model.
var trackedBy = map[ats.Model]string{ats.Candidates: "candidate", ats.Applications: "application"}

// filter collects conditions and their arguments; numbers rise in the order of the text.
type filter struct {
	args  []any
	where []string
	// selective: a condition has an index of its own that leaves few records.
	selective bool
}

func (f *filter) arg(v any) string {
	f.args = append(f.args, v)
	return fmt.Sprintf("$%d", len(f.args))
}

// list gives placeholders for values. Their number is rounded up to a power of two by repeating
// the last one: otherwise every length would be a statement of its own to prepare and to cache.
func (f *filter) list(values []string) string {
	n := 1
	for n < len(values) {
		n *= 2
	}
	from := len(f.args) + 1
	for i := range n {
		f.args = append(f.args, values[min(i, len(values)-1)])
	}
	return placeholders(from, n)
}

func (f *filter) add(format string, args ...any) {
	f.where = append(f.where, fmt.Sprintf(format, args...))
}

func (f *filter) in(column string, values []string) {
	if values != nil {
		f.add("%s IN (%s)", column, f.list(values))
	}
}

// seek is in for a column that has an index.
func (f *filter) seek(column string, values []string) {
	f.in(column, values)
	f.selective = f.selective || values != nil
}

func (f *filter) equalFolded(column string, value *string) {
	if value != nil {
		f.add("%s = %s", column, f.arg(ats.Fold(*value)))
	}
}

// statement gives the SQL of the page, asking for one record more than it holds.
func (q Query) statement() (string, []any, error) {
	tab, ok := tables[q.Model]
	if !ok {
		return "", nil, fmt.Errorf("model %q is not stored", q.Model)
	}
	if q.PageSize < 1 {
		return "", nil, fmt.Errorf("page size %d: must be positive", q.PageSize)
	}
	for _, l := range [][]string{
		q.IDs, q.RemoteIDs, q.Outcomes, q.JobIDs, q.JobRemoteIDs, q.CurrentStageIDs, q.JobCodes,
		q.Statuses, q.EmploymentTypes, q.Visibilities, q.Emails, q.Scopes,
	} {
		if l != nil && len(l) == 0 {
			return "", nil, fmt.Errorf("query of %s: an empty list of values matches nothing; leave it nil", q.Model)
		}
	}
	f := &filter{args: []any{q.Integration}, where: []string{"integration = $1"}}
	f.seek("id", q.IDs)
	f.seek("remote_id", q.RemoteIDs)
	if !q.IncludeDeleted {
		f.add("remote_deleted_at IS NULL")
	}
	if column, ok := trackedBy[q.Model]; ok && q.OnlyCreated {
		f.add("remote_id IN (SELECT %s FROM tracked_applications WHERE integration = $1)", column)
	}
	if err := q.conditions(f); err != nil {
		return "", nil, err
	}
	// The page index is (integration, touched_at, id). Where another index leaves few records, a
	// planner without statistics may still prefer to walk the whole list, because that saves the
	// sort; the plus sign takes the page index out of its choice.
	touched := "touched_at"
	if f.selective {
		touched = "+touched_at"
	}
	// One lower bound, not two: the cursor's, unless updated_after lies beyond it.
	from, after := int64(0), q.After
	if q.UpdatedAfter != nil {
		from = *q.UpdatedAfter - Lookback.Milliseconds()
	}
	switch {
	case after != nil && after.TouchedAt >= from:
		f.add("(%s, id) > (%s, %s)", touched, f.arg(after.TouchedAt), f.arg(after.ID))
	case q.UpdatedAfter != nil:
		f.add("%s >= %s", touched, f.arg(from))
	}
	columns, ok := foreign[q.Model]
	if !ok {
		columns = "'', '', ''"
	}
	return fmt.Sprintf(`SELECT id, remote_id, changed_at, touched_at, remote_deleted_at, %s, own FROM %s
		WHERE %s ORDER BY %s, id LIMIT %s`, columns, tab.name, strings.Join(f.where, " AND "), touched, f.arg(q.PageSize+1)), f.args, nil
}

// conditions adds the filters that not every model has.
func (q Query) conditions(f *filter) error {
	used := q
	take := func(models ...ats.Model) bool { return slices.Contains(models, q.Model) }
	if take(ats.Applications) {
		f.in("outcome", q.Outcomes)
		f.seek("job_id", q.JobIDs)
		if q.JobRemoteIDs != nil {
			f.add("job_id IN (SELECT id FROM jobs WHERE integration = $1 AND remote_id IN (%s))", f.list(q.JobRemoteIDs))
			f.selective = true
		}
		f.seek("current_stage_id", q.CurrentStageIDs)
		used.Outcomes, used.JobIDs, used.JobRemoteIDs, used.CurrentStageIDs = nil, nil, nil, nil
	}
	if take(ats.Applications, ats.Jobs) {
		if q.RemoteCreatedAfter != nil {
			f.add("remote_created_at >= %s", f.arg(startOfDay(*q.RemoteCreatedAfter)))
		}
		used.RemoteCreatedAfter = nil
	}
	if take(ats.Candidates) {
		if q.Email != nil {
			f.add("id IN (SELECT candidate_id FROM candidate_emails WHERE integration = $1 AND email = %s)", f.arg(ats.Fold(*q.Email)))
		}
		f.equalFolded("first_name_folded", q.FirstName)
		f.equalFolded("last_name_folded", q.LastName)
		if q.JobIDs != nil {
			f.add("id IN (SELECT candidate_id FROM applications WHERE integration = $1 AND job_id IN (%s) AND remote_deleted_at IS NULL)", f.list(q.JobIDs))
		}
		// A first name alone has no index and is common anyway: there the walk is right.
		f.selective = f.selective || q.Email != nil || q.LastName != nil || q.JobIDs != nil
		used.Email, used.FirstName, used.LastName, used.JobIDs = nil, nil, nil, nil
	}
	if take(ats.Jobs) {
		f.seek("job_code", q.JobCodes)
		if q.PostURL != nil {
			f.seek("post_url", []string{*q.PostURL})
		}
		f.in("status", q.Statuses)
		f.in("employment_type", q.EmploymentTypes)
		f.in("visibility", q.Visibilities)
		if q.NameContains != nil {
			f.add(`name_folded LIKE %s ESCAPE '\'`, f.arg("%"+wildcards.Replace(ats.Fold(*q.NameContains))+"%"))
		}
		used.JobCodes, used.PostURL, used.Statuses, used.EmploymentTypes, used.Visibilities, used.NameContains = nil, nil, nil, nil, nil, nil
	}
	if take(ats.Users) && q.Emails != nil {
		folded := make([]string, len(q.Emails))
		for i, e := range q.Emails {
			folded[i] = ats.Fold(e)
		}
		f.seek("email", folded)
		used.Emails = nil
	}
	if take(ats.Roles) {
		f.in("scope", q.Scopes)
		used.Scopes = nil
	}
	return used.unknown()
}

// unknown complains about a condition that is still set after the model took its own.
func (q Query) unknown() error {
	for name, set := range map[string]bool{
		"outcomes": q.Outcomes != nil, "job_ids": q.JobIDs != nil, "job_remote_ids": q.JobRemoteIDs != nil,
		"current_stage_ids": q.CurrentStageIDs != nil, "remote_created_after": q.RemoteCreatedAfter != nil,
		"email": q.Email != nil, "first_name": q.FirstName != nil, "last_name": q.LastName != nil,
		"job_codes": q.JobCodes != nil, "post_url": q.PostURL != nil, "statuses": q.Statuses != nil,
		"employment_types": q.EmploymentTypes != nil, "visibilities": q.Visibilities != nil,
		"name_contains": q.NameContains != nil, "emails": q.Emails != nil, "scopes": q.Scopes != nil,
	} {
		if set {
			return fmt.Errorf("%s cannot be filtered by %s", q.Model, name)
		}
	}
	return nil
}

// wildcards takes the meaning from what LIKE would read as a pattern.
var wildcards = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func startOfDay(ms int64) int64 {
	return time.UnixMilli(ms).UTC().Truncate(24 * time.Hour).UnixMilli()
}
