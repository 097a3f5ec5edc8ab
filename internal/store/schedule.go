package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// InvalidAfter is how long the credentials of an integration may be refused by every sync before it
// counts as INVALID and is not synced any more until somebody reconnects it.
const InvalidAfter = 3 * 24 * time.Hour

// RunEnded draws the conclusions of a run for its integration: when the next one is due, whether the
// credentials still hold, and whether the data are up to date: those of a run that ended under another
// restriction than the one in force now are not, so the next one is due at once.
func (s *Store) RunEnded(ctx context.Context, tx *sql.Tx, run Run, state RunState, under Restriction, next time.Duration) error {
	now := s.Now()
	i, err := scanIntegration(tx.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE no = $1`, run.Integration))
	if errors.Is(err, ErrNotFound) {
		return nil // it was removed
	} else if err != nil {
		return err
	}
	changed := i.Restriction().Revision() != under.Revision()
	if changed && state.Usable() {
		next = 0
	}
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET next_full_at = $1 WHERE no = $2`, now+next.Milliseconds(), run.Integration); err != nil {
		return fmt.Errorf("plan the next sync: %w", err)
	}
	switch {
	case state.Usable():
		_, err = tx.ExecContext(ctx, `UPDATE integrations SET auth_failing_since = NULL, data_expired_at = CASE WHEN $1 = 1 THEN data_expired_at END WHERE no = $2`,
			flag(changed), run.Integration)
	case state == RunAuthentication:
		_, err = tx.ExecContext(ctx, `UPDATE integrations SET auth_failing_since = COALESCE(auth_failing_since, $1),
			status = CASE WHEN status = 'ACTIVE' AND auth_failing_since <= $2 THEN 'INVALID' ELSE status END WHERE no = $3`,
			now, now-InvalidAfter.Milliseconds(), run.Integration)
	}
	if err != nil {
		return fmt.Errorf("note how the credentials do: %w", err)
	}
	return nil
}

// DueFull lists the active integrations whose next full sync is due. Those whose setup waits for the customer
// are not synced.
func (s *Store) DueFull(ctx context.Context) ([]int64, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT no FROM integrations
		WHERE status = 'ACTIVE' AND setup_status <> 'INCOMPLETE' AND deleted_at IS NULL AND next_full_at <= $1 ORDER BY next_full_at`, s.Now())
	return collect(rows, err, func(r *sql.Rows) (int64, error) {
		var no int64
		return no, r.Scan(&no)
	})
}

// CompleteSetup marks the integration's setup as completed.
func (t *Tx) CompleteSetup(ctx context.Context) error {
	_, err := t.tx.ExecContext(ctx, `UPDATE integrations SET setup_status = 'COMPLETED' WHERE no = $1 AND setup_status <> 'COMPLETED'`, t.no)
	return err
}

// CountLiving counts the records of a model that are not marked deleted.
func (s *Store) CountLiving(ctx context.Context, no int64, m ats.Model) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM `+tables[m].name+` WHERE integration = $1 AND remote_deleted_at IS NULL`, no).Scan(&n)
	return n, err
}

// ApproveDeletions lets the confirmation of nominated units go on although they are many.
func (s *Store) ApproveDeletions(ctx context.Context, no int64, entity string) (int64, error) {
	res, err := s.write.ExecContext(ctx, `UPDATE nominations SET approved = 1 WHERE integration = $1 AND entity = $2 AND approved = 0`, no, entity)
	if err != nil {
		return 0, fmt.Errorf("approve deletions: %w", err)
	}
	return res.RowsAffected()
}
