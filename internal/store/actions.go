package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// ActionState is where an action stands in the journal.
type ActionState string

// The states of an action. Requested: nothing was sent yet. Sending: something was, or is about to
// be. Unknown: it is not known what became of a request, and somebody goes on looking.
const (
	ActionRequested ActionState = "requested"
	ActionSending   ActionState = "sending"
	ActionUnknown   ActionState = "unknown"
	ActionConfirmed ActionState = "confirmed"
	ActionFailed    ActionState = "failed"
)

// ActionLease is how long whoever works on an action, or holds a slot, may be silent before others
// take it over; half of it is a good time to renew it.
const ActionLease = 20 * time.Second

// Action is a row of the journal. Times are milliseconds since the Unix epoch.
type Action struct {
	ID          string
	Integration int64
	Operation   string
	// NaturalKey is the digest of what at most one unfinished action may work on; Content that of all
	// that was asked for.
	NaturalKey, Content string
	// Key is the digest of the client's idempotency key; empty for none.
	Key       string
	RequestID string
	State     ActionState
	// Final: what Answer holds is the answer for good. Otherwise a repeat takes the action up again.
	Final   bool
	Input   string // sealed; empty once the action has ended
	Effects []byte // JSON: what became of each request
	Answer  []byte // JSON
	Owner   string // whoever works on it; a new one at each take-over
	NextAt  int64  // when to look at it again while it is unknown
	// LeaseUntil is in the past when nobody works on it.
	LeaseUntil, CreatedAt int64
	EndedAt               *int64
}

const actionColumns = `id, integration, operation, natural_key, content, COALESCE(idempotency_key, ''), request_id, state, final,
	input, effects, answer, owner, next_at, lease_until, created_at, ended_at`

func scanAction(row interface{ Scan(...any) error }) (Action, error) {
	var a Action
	var final int64
	err := row.Scan(&a.ID, &a.Integration, &a.Operation, &a.NaturalKey, &a.Content, &a.Key, &a.RequestID, &a.State, &final,
		&a.Input, &a.Effects, &a.Answer, &a.Owner, &a.NextAt, &a.LeaseUntil, &a.CreatedAt, &a.EndedAt)
	a.Final = final != 0
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return a, err
}

// Begun says what BeginAction found.
type Begun int

// What BeginAction may find.
const (
	// BegunNew: the row is new and belongs to its owner.
	BegunNew Begun = iota
	// BegunSameKey: the client's idempotency key was used before, for this row.
	BegunSameKey
	// BegunBusy: an unfinished action works on the same thing.
	BegunBusy
	// BegunRepeat: the same was asked for a moment ago, in this row.
	BegunRepeat
)

// BeginAction writes an action into the journal, unless there is one already that counts as the
// same, or that works on the same thing. Without a key, one of the same content counts that ended
// not longer ago than repeat. ErrNotFound: what was in the way ended meanwhile; begin again.
func (s *Store) BeginAction(ctx context.Context, a Action, repeat time.Duration) (row Action, begun Begun, err error) {
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		now := s.Now()
		since := now - repeat.Milliseconds()
		if repeat == 0 {
			since = math.MaxInt64 // nothing counts, not even what another node's clock puts into the future
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO actions (id, integration, operation, natural_key, content, idempotency_key, request_id, state, final,
				input, effects, answer, owner, lease_until, next_at, created_at)
			SELECT $1, $2, $3, $4, $5, NULLIF($6, ''), $7, $8, 0, $9, '{}', '{}', $10, $11, $12, $13
			WHERE NOT EXISTS (SELECT 1 FROM actions WHERE $14 = '' AND integration = $15 AND content = $16 AND operation = $17
				AND ended_at > $18)
			ON CONFLICT DO NOTHING`,
			a.ID, a.Integration, a.Operation, a.NaturalKey, a.Content, a.Key, a.RequestID, string(ActionRequested),
			a.Input, a.Owner, now+ActionLease.Milliseconds(), now, now,
			a.Key, a.Integration, a.Content, a.Operation, since)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 1 {
			// On PostgreSQL the statement may have seen one unfinished that ended before its own turn came.
			var late bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM actions WHERE $1 = '' AND integration = $2 AND content = $3
				AND operation = $4 AND ended_at > $5)`, a.Key, a.Integration, a.Content, a.Operation, since).Scan(&late); err != nil {
				return err
			}
			if late {
				return ErrNotFound // and this row goes with the transaction
			}
			row, begun = a, BegunNew
			row.State, row.CreatedAt, row.NextAt, row.Effects = ActionRequested, now, now, []byte("{}")
			return nil
		}
		for _, q := range []struct {
			begun Begun
			where string
			args  []any
		}{
			{BegunSameKey, `integration = $1 AND operation = $2 AND idempotency_key = NULLIF($3, '')`, []any{a.Integration, a.Operation, a.Key}},
			{BegunBusy, `integration = $1 AND natural_key = $2 AND ended_at IS NULL`, []any{a.Integration, a.NaturalKey}},
			{BegunRepeat, `$1 = '' AND integration = $2 AND content = $3 AND operation = $4 AND ended_at > $5
				ORDER BY created_at DESC, id LIMIT 1`, []any{a.Key, a.Integration, a.Content, a.Operation, since}},
		} {
			found, err := scanAction(tx.QueryRowContext(ctx, `SELECT `+actionColumns+` FROM actions WHERE `+q.where, q.args...))
			if errors.Is(err, ErrNotFound) {
				continue
			}
			row, begun = found, q.begun
			return err
		}
		return ErrNotFound // it ended between the two statements
	})
	if err != nil {
		return Action{}, 0, fmt.Errorf("begin an action: %w", err)
	}
	return row, begun, nil
}

// Action gives a row of the journal.
func (s *Store) Action(ctx context.Context, id string) (Action, error) {
	a, err := scanAction(s.read.QueryRowContext(ctx, `SELECT `+actionColumns+` FROM actions WHERE id = $1`, id))
	if err != nil {
		return Action{}, fmt.Errorf("read action %s: %w", id, err)
	}
	return a, nil
}

// Actions lists actions, the newest first: those of an integration, with open only unfinished ones.
func (s *Store) Actions(ctx context.Context, no int64, open bool, limit int) ([]Action, error) {
	where := ""
	if open {
		where = " AND ended_at IS NULL"
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+actionColumns+` FROM actions WHERE integration = $1`+where+
		` ORDER BY created_at DESC, id LIMIT $2`, no, limit)
	all, err := collect(rows, err, func(r *sql.Rows) (Action, error) { return scanAction(r) })
	if err != nil {
		return nil, fmt.Errorf("list actions: %w", err)
	}
	return all, nil
}

// OpenActions counts the unfinished actions of all integrations by state.
func (s *Store) OpenActions(ctx context.Context) (map[ActionState]int64, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT state, COUNT(*) FROM actions WHERE ended_at IS NULL GROUP BY state`)
	count := map[ActionState]int64{}
	if _, err := collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var state ActionState
		var n int64
		err := r.Scan(&state, &n)
		count[state] = n
		return struct{}{}, err
	}); err != nil {
		return nil, fmt.Errorf("count unfinished actions: %w", err)
	}
	return count, nil
}

// DueActions lists unfinished actions of active integrations that nobody works on and whose time to
// be looked at has come.
func (s *Store) DueActions(ctx context.Context, limit int) ([]Action, error) {
	now := s.Now()
	rows, err := s.read.QueryContext(ctx, `SELECT `+actionColumns+` FROM actions
		WHERE ended_at IS NULL AND next_at <= $1 AND lease_until < $2
			AND integration IN (SELECT no FROM integrations WHERE status = $3 AND deleted_at IS NULL)
		ORDER BY next_at LIMIT $4`, now, now, StatusActive, limit)
	all, err := collect(rows, err, func(r *sql.Rows) (Action, error) { return scanAction(r) })
	if err != nil {
		return nil, fmt.Errorf("list due actions: %w", err)
	}
	return all, nil
}

// OwnerState is what a process knows of an owner by itself.
type OwnerState int

// What may be known of an owner.
const (
	OwnerElsewhere OwnerState = iota // only its lease tells
	OwnerLives                       // whatever its lease says: the process was stopped for a while, or the clock leapt
	OwnerGone
)

// ClaimAction takes an action over: whoever worked on it writes nothing any more. It succeeds when
// its lease is free or ran out, unless known says better. An ended action is taken up again.
// ErrHeld: somebody works on it, or, for an ended one, another works on the same thing.
func (s *Store) ClaimAction(ctx context.Context, id, owner, input string, known func(owner string) OwnerState) (Action, error) {
	a, err := s.Action(ctx, id)
	if err != nil {
		return Action{}, err
	}
	now := s.Now()
	held := a.Final
	if a.EndedAt == nil {
		state := known(a.Owner)
		held = state == OwnerLives || state == OwnerElsewhere && a.LeaseUntil >= now
	}
	if held {
		return Action{}, ErrHeld
	}
	got, err := scanAction(s.write.QueryRowContext(ctx, `UPDATE actions SET owner = $1, lease_until = $2, ended_at = NULL,
			input = CASE WHEN $3 = '' THEN input ELSE $4 END
		WHERE id = $5 AND owner = $6 AND final = 0 AND lease_until = $7 RETURNING `+actionColumns,
		owner, now+ActionLease.Milliseconds(), input, input, id, a.Owner, a.LeaseUntil))
	if errors.Is(err, ErrNotFound) || isUniqueViolation(err) {
		return Action{}, ErrHeld
	} else if err != nil {
		return Action{}, fmt.Errorf("claim action %s: %w", id, err)
	}
	return got, nil
}

// SaveAction stores how far an action is, which renews its lease. ErrFenced: it belongs to somebody else by now; stop.
func (s *Store) SaveAction(ctx context.Context, a Action) error {
	res, err := s.write.ExecContext(ctx, `UPDATE actions SET state = $1, effects = $2, lease_until = $3 WHERE id = $4 AND owner = $5 AND ended_at IS NULL`,
		string(a.State), string(a.Effects), s.Now()+ActionLease.Milliseconds(), a.ID, a.Owner)
	return fenced(res, err, "save action "+a.ID)
}

// ReleaseAction hands an action on, to be looked at again after a while.
func (s *Store) ReleaseAction(ctx context.Context, a Action, after time.Duration) error {
	res, err := s.write.ExecContext(ctx, `UPDATE actions SET state = $1, effects = $2, lease_until = 0, next_at = $3
		WHERE id = $4 AND owner = $5 AND ended_at IS NULL`, string(a.State), string(a.Effects), s.Now()+after.Milliseconds(), a.ID, a.Owner)
	return fenced(res, err, "release action "+a.ID)
}

// EndAction ends an action with its answer. then runs in the same transaction.
func (s *Store) EndAction(ctx context.Context, a Action, then func(*sql.Tx) error) error {
	final := 0
	if a.Final {
		final = 1
	}
	return s.Transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE actions SET state = $1, effects = $2, answer = $3, final = $4, input = '', lease_until = 0, ended_at = $5
			WHERE id = $6 AND owner = $7 AND ended_at IS NULL`,
			string(a.State), string(a.Effects), string(a.Answer), final, s.Now(), a.ID, a.Owner)
		if err := fenced(res, err, "end action "+a.ID); err != nil {
			return err
		}
		return then(tx)
	})
}

func fenced(res sql.Result, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("%s: %w", doing, ErrFenced), err)
	}
	return nil
}

// RenewActions says that the owners live: of actions, and of slots.
func (s *Store) RenewActions(ctx context.Context, owners []string) error {
	until := s.Now() + ActionLease.Milliseconds()
	return batches(s.dialect, owners, rowsPerStatement, func(batch []string) error {
		args := []any{until}
		for _, o := range batch {
			args = append(args, o)
		}
		for _, table := range []string{"actions", "action_slots"} {
			open := ""
			if table == "actions" {
				open = " AND ended_at IS NULL AND lease_until > 0"
			}
			if _, err := s.write.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET lease_until = $1 WHERE owner IN (%s)%s`,
				table, placeholders(2, len(batch)), open), args...); err != nil {
				return fmt.Errorf("renew the leases of %s: %w", table, err)
			}
		}
		return nil
	})
}

// TakeSlot takes one of an integration's numbered slots and gives how many are left; false when
// none was free.
func (s *Store) TakeSlot(ctx context.Context, no int64, owner string, limit int) (left int, ok bool, err error) {
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		now := s.Now()
		rows, err := tx.QueryContext(ctx, `SELECT slot FROM action_slots WHERE integration = $1 AND lease_until >= $2`, no, now)
		taken, err := collect(rows, err, func(r *sql.Rows) (n int, err error) { return n, r.Scan(&n) })
		if err != nil {
			return err
		}
		busy := make([]bool, limit)
		for _, n := range taken {
			if n < limit {
				busy[n] = true
			}
		}
		left = limit - len(taken)
		for n := range busy {
			if busy[n] {
				continue
			}
			res, err := tx.ExecContext(ctx, `INSERT INTO action_slots (integration, slot, owner, lease_until) VALUES ($1, $2, $3, $4)
				ON CONFLICT (integration, slot) DO UPDATE SET owner = excluded.owner, lease_until = excluded.lease_until
				WHERE action_slots.lease_until < $5`, no, n, owner, now+ActionLease.Milliseconds(), now)
			if err != nil {
				return err
			}
			left--
			if got, err := res.RowsAffected(); err != nil || got == 1 {
				ok = true
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("take a slot for an action: %w", err)
	}
	return max(0, left), ok, nil
}

// LeaveSlot gives a slot back.
func (s *Store) LeaveSlot(ctx context.Context, no int64, owner string) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM action_slots WHERE integration = $1 AND owner = $2`, no, owner); err != nil {
		return fmt.Errorf("leave the slot of an action: %w", err)
	}
	return nil
}

// ClearSlots frees all slots: for the embedded database, when the one process that works on it begins.
func (s *Store) ClearSlots(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM action_slots`); err != nil {
		return fmt.Errorf("clear the slots of actions: %w", err)
	}
	return nil
}

// CandidatesByEmail gives the remote IDs of the living candidates with an address, in any case.
func (s *Store) CandidatesByEmail(ctx context.Context, no int64, folded string) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT c.remote_id FROM candidate_emails e
		JOIN candidates c ON c.integration = e.integration AND c.id = e.candidate_id
		WHERE e.integration = $1 AND e.email = $2 AND c.remote_deleted_at IS NULL ORDER BY c.remote_id LIMIT 50`, no, folded)
	ids, err := collect(rows, err, func(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) })
	if err != nil {
		return nil, fmt.Errorf("look for candidates by address: %w", err)
	}
	return ids, nil
}

// Known reports whether there is a living record with a remote ID.
func (s *Store) Known(ctx context.Context, no int64, m ats.Model, remoteID string) (known bool, err error) {
	if err := s.read.QueryRowContext(ctx, fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM %s WHERE integration = $1 AND remote_id = $2 AND remote_deleted_at IS NULL)`,
		tables[m].name), no, remoteID).Scan(&known); err != nil {
		return false, fmt.Errorf("look for a record of %s: %w", m, err)
	}
	return known, nil
}

// PutUpload notes, within a transaction, as what a file was uploaded.
func (s *Store) PutUpload(ctx context.Context, tx *sql.Tx, no int64, candidateID, name string, typ connector.FileType) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO uploads (integration, candidate_id, name, type, uploaded_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (integration, candidate_id, name) DO UPDATE SET type = excluded.type, uploaded_at = excluded.uploaded_at`,
		no, candidateID, Digest([]byte(name)), string(typ), s.Now()); err != nil {
		return fmt.Errorf("note an upload: %w", err)
	}
	return nil
}

// UploadedTypes gives as what files of a candidate were uploaded, by the digest of their names.
func (s *Store) UploadedTypes(ctx context.Context, no int64, candidateID string) (map[string]connector.FileType, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name, type FROM uploads WHERE integration = $1 AND candidate_id = $2`, no, candidateID)
	out := map[string]connector.FileType{}
	if _, err := collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var name string
		var typ connector.FileType
		err := r.Scan(&name, &typ)
		out[name] = typ
		return struct{}{}, err
	}); err != nil {
		return nil, fmt.Errorf("read what was uploaded: %w", err)
	}
	return out, nil
}

// ResultLink gives the digest of the link that was last left at a record under a label; empty when
// none was.
func (s *Store) ResultLink(ctx context.Context, no int64, recordID, label string) (string, error) {
	var content string
	err := s.read.QueryRowContext(ctx, `SELECT content FROM result_links WHERE integration = $1 AND record_id = $2 AND label = $3`,
		no, recordID, label).Scan(&content)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("look for a result link: %w", err)
	}
	return content, nil
}

// PutResultLink notes, within a transaction, which link was left.
func (s *Store) PutResultLink(ctx context.Context, tx *sql.Tx, no int64, recordID, label, content string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO result_links (integration, record_id, label, content, left_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (integration, record_id, label) DO UPDATE SET content = excluded.content, left_at = excluded.left_at`,
		no, recordID, label, content, s.Now()); err != nil {
		return fmt.Errorf("note a result link: %w", err)
	}
	return nil
}

// ForgetActions deletes a bounded number of actions that ended before a moment, and reports whether
// more are left.
func (s *Store) ForgetActions(ctx context.Context, before int64) (more bool, err error) {
	res, err := s.write.ExecContext(ctx, `DELETE FROM actions WHERE id IN (SELECT id FROM actions WHERE ended_at < $1 LIMIT $2)`, before, purgeAtOnce)
	if err != nil {
		return false, fmt.Errorf("forget old actions: %w", err)
	}
	n, err := res.RowsAffected()
	return n == purgeAtOnce, err
}
