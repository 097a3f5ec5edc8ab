package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// The kinds of logged requests.
const (
	APIRequest = "api" // a client asked us
	ATSRequest = "ats" // we asked the ATS
)

// Request is a request in the log. Times are milliseconds since the Unix epoch.
type Request struct {
	No          int64 // rises with the order in which requests were written down
	ID          string
	Integration int64  // 0: an attempt to connect one
	Kind        string // APIRequest or ATSRequest
	// Parent is the API request for which a request to the ATS was made, Run and Action what it was
	// made for; empty for none.
	Parent, Run, Action string
	Route               string // of the API
	Method, Address     string
	Status              int // 0: no answer
	Failed              bool
	Error               *string
	StartedAt           int64
	Took                time.Duration // to the millisecond
	// RequestSize and ResponseSize are the bytes of the bodies.
	RequestSize, ResponseSize int64
	// The bodies as far as they were kept; nil where they were not.
	RequestBody, ResponseBody *string
	RequestCut, ResponseCut   bool // the body was longer than what was kept
}

// RequestMention says that the bodies of a request mention a record.
type RequestMention struct {
	Integration int64
	Model       ats.Model
	RecordID    string
	RequestID   string
}

// AddRequests writes requests down, and the records that requests mention.
func (s *Store) AddRequests(ctx context.Context, requests []Request, mentions []RequestMention) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		if err := batches(s.dialect, requests, rowsPerStatement, func(batch []Request) error {
			args := make([]any, 0, 20*len(batch))
			for _, r := range batch {
				args = append(args, r.ID, r.Integration, r.Kind, orNull(r.Parent), orNull(r.Run), orNull(r.Action), r.Route, r.Method, r.Address,
					r.Status, number(r.Failed), r.Error, r.StartedAt, r.Took.Milliseconds(), r.RequestSize, r.ResponseSize,
					r.RequestBody, r.ResponseBody, number(r.RequestCut), number(r.ResponseCut))
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO requests (id, integration, kind, parent, run_id, action_id, route, method, address,
					status, failed, error, started_at, took, request_size, response_size, request_body, response_body, request_cut, response_cut)
				VALUES `+tuples(1, len(batch), 20)+` ON CONFLICT (id) DO NOTHING`, args...)
			return err
		}); err != nil {
			return fmt.Errorf("write the request log: %w", err)
		}
		if err := batches(s.dialect, mentions, rowsPerStatement, func(batch []RequestMention) error {
			args := make([]any, 0, 4*len(batch))
			for _, m := range batch {
				args = append(args, m.Integration, string(m.Model), m.RecordID, m.RequestID)
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO request_mentions (integration, model, record_id, request_id)
				VALUES `+tuples(1, len(batch), 4)+` ON CONFLICT DO NOTHING`, args...)
			return err
		}); err != nil {
			return fmt.Errorf("write what requests mention: %w", err)
		}
		return nil
	})
}

// orNull stores an empty text as NULL.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// number stores a truth value.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

const (
	requestColumns = `no, id, integration, kind, COALESCE(parent, ''), COALESCE(run_id, ''), COALESCE(action_id, ''), route, method, address,
	status, failed, error, started_at, took, request_size, response_size, request_cut, response_cut`
	requestBodies = `, request_body, response_body`
)

// scanRequest reads a request, with its bodies where they were asked for.
func scanRequest(row interface{ Scan(...any) error }, bodies bool) (Request, error) {
	var r Request
	var failed, took, requestCut, responseCut int64
	into := []any{
		&r.No, &r.ID, &r.Integration, &r.Kind, &r.Parent, &r.Run, &r.Action, &r.Route, &r.Method, &r.Address,
		&r.Status, &failed, &r.Error, &r.StartedAt, &took, &r.RequestSize, &r.ResponseSize, &requestCut, &responseCut,
	}
	if bodies {
		into = append(into, &r.RequestBody, &r.ResponseBody)
	}
	err := row.Scan(into...)
	r.Failed, r.RequestCut, r.ResponseCut = failed != 0, requestCut != 0, responseCut != 0
	r.Took = time.Duration(took) * time.Millisecond
	return r, err
}

// Request reads a logged request with its bodies.
func (s *Store) Request(ctx context.Context, id string) (Request, error) {
	r, err := scanRequest(s.read.QueryRowContext(ctx, `SELECT `+requestColumns+requestBodies+` FROM requests WHERE id = $1`, id), true)
	if errors.Is(err, sql.ErrNoRows) {
		return Request{}, ErrNotFound
	}
	return r, err
}

// RequestQuery asks for logged requests. Empty fields do not matter.
type RequestQuery struct {
	Integration int64 // 0: attempts to connect one
	Before      int64 // only those whose number is lower
	Kind        string
	Run, Action string
	Failed      bool // only those that failed
	Limit       int
}

// Requests lists logged requests without their bodies, newest first.
func (s *Store) Requests(ctx context.Context, q RequestQuery) ([]Request, error) {
	where, args := []string{"integration = $1"}, []any{q.Integration}
	also := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.Before > 0 {
		also("no < $%d", q.Before)
	}
	if q.Kind != "" {
		also("kind = $%d", q.Kind)
	}
	if q.Run != "" {
		also("run_id = $%d", q.Run)
	}
	if q.Action != "" {
		also("action_id = $%d", q.Action)
	}
	if q.Failed {
		where = append(where, "failed = 1")
	}
	args = append(args, q.Limit)
	rows, err := s.read.QueryContext(ctx, fmt.Sprintf(`SELECT %s FROM requests WHERE %s ORDER BY no DESC LIMIT $%d`,
		requestColumns, strings.Join(where, " AND "), len(args)), args...)
	found, err := collect(rows, err, func(r *sql.Rows) (Request, error) { return scanRequest(r, false) })
	if err != nil {
		return nil, fmt.Errorf("read the request log: %w", err)
	}
	return found, nil
}

// RequestsFor lists, with their bodies and oldest first, the requests to the ATS that were made for
// an API request, or by anybody for the same action.
func (s *Store) RequestsFor(ctx context.Context, r Request, limit int) ([]Request, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+requestColumns+requestBodies+` FROM requests WHERE kind = 'ats' AND no IN (
			SELECT no FROM requests WHERE integration = $1 AND parent = $2 UNION
			SELECT no FROM requests WHERE integration = $3 AND action_id = $4) ORDER BY no LIMIT $5`,
		r.Integration, r.ID, r.Integration, orNull(r.Action), limit)
	found, err := collect(rows, err, func(r *sql.Rows) (Request, error) { return scanRequest(r, true) })
	if err != nil {
		return nil, fmt.Errorf("read what was asked for request %s: %w", r.ID, err)
	}
	return found, nil
}

// ForgetRequests removes the bodies of all logged requests that mention a record, and the errors,
// which may quote them. That the requests were made is kept.
func (s *Store) ForgetRequests(ctx context.Context, no int64, model ats.Model, recordID string) error {
	const those = `(SELECT request_id FROM request_mentions WHERE integration = $1 AND model = $2 AND record_id = $3)`
	err := s.Transact(ctx, func(tx *sql.Tx) error {
		for _, stmt := range []string{
			`UPDATE requests SET request_body = NULL, response_body = NULL, error = NULL WHERE id IN ` + those,
			`DELETE FROM request_mentions WHERE request_id IN ` + those,
		} {
			if _, err := tx.ExecContext(ctx, stmt, no, string(model), recordID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove %s %s from the request log: %w", model, recordID, err)
	}
	return nil
}

// purgeRequestsAtOnce bounds how many logged requests one transaction deletes.
const purgeRequestsAtOnce = 2000

// PurgeRequests deletes a bounded number of logged requests that began before a moment and reports
// whether more may be left. It looks at the oldest: one that was written late goes a little later.
func (s *Store) PurgeRequests(ctx context.Context, before int64) (more bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM (SELECT started_at FROM requests ORDER BY no LIMIT $1) AS oldest WHERE started_at < $2)`,
		purgeRequestsAtOnce, before).Scan(&more)
	if err != nil || !more {
		return false, err
	}
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(no), 0) FROM (SELECT no FROM requests ORDER BY no LIMIT $1) AS oldest`, purgeRequestsAtOnce).Scan(&last); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM request_mentions WHERE request_id IN (SELECT id FROM requests WHERE no <= $1 AND started_at < $2)`, last, before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE no <= $1 AND started_at < $2`, last, before)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("purge the request log: %w", err)
	}
	return true, nil
}
