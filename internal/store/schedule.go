package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// InvalidAfter is how long the credentials of an integration may be refused by every sync, unless told
// otherwise, before it counts as INVALID and is not synced any more until somebody reconnects it.
const InvalidAfter = 3 * 24 * time.Hour

// RunEnded draws the conclusions of a run for its integration: when the next one is due, whether the
// credentials still hold, and whether the data are up to date: those of a run that ended under another
// restriction than the one in force now are not, so the next one is due at once. Credentials are given up when
// they were refused for as long as patience.
func (s *Store) RunEnded(ctx context.Context, tx *sql.Tx, run Run, state RunState, under Restriction, next, patience time.Duration) error {
	now, began := s.Now(), run.CreatedAt
	if run.StartedAt != nil {
		began = *run.StartedAt
	}
	i, err := scanIntegration(tx.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE no = $1`, run.Integration))
	if errors.Is(err, ErrNotFound) {
		return nil // it was removed
	} else if err != nil {
		return err
	}
	changed := i.Restriction().Revision() != under.Revision() || i.DataExpiredAt != nil && *i.DataExpiredAt > began
	if changed && state.Usable() {
		next = 0
	}
	// A sync that became due since the run began, because something was changed, is not this one.
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET next_full_at = $1
		WHERE no = $2 AND NOT (next_full_at IS NOT NULL AND next_full_at > $3 AND next_full_at <= $4)`,
		now+next.Milliseconds(), run.Integration, began, now); err != nil {
		return fmt.Errorf("plan the next sync: %w", err)
	}
	switch {
	case state.Usable():
		if _, err := tx.ExecContext(ctx, `UPDATE integrations SET auth_failing_since = NULL, refused_at = NULL,
			data_expired_at = CASE WHEN $1 = 1 THEN data_expired_at END WHERE no = $2`, flag(changed), run.Integration); err != nil {
			return fmt.Errorf("note how the credentials do: %w", err)
		}
		return s.transition(ctx, tx, run.Integration, `UPDATE integrations SET status = 'ACTIVE'
			WHERE no = $1 AND status = 'INVALID' AND deleted_at IS NULL`, run.Integration) // it was synced by hand
	case state == RunAuthentication:
		return s.refused(ctx, tx, run.Integration, began, patience)
	}
	return nil
}

// DueFull lists the active integrations whose next full sync is due. Those whose setup waits for the customer
// are not synced.
func (s *Store) DueFull(ctx context.Context) ([]int64, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT no FROM integrations
		WHERE status = 'ACTIVE' AND setup_status <> 'INCOMPLETE' AND deleted_at IS NULL AND next_full_at <= $1 ORDER BY next_full_at`, s.Now())
	return collect(rows, err, scanNo)
}

// CompleteSetup marks the integration's setup as completed.
func (t *Tx) CompleteSetup(ctx context.Context) error {
	return t.store.transition(ctx, t.tx, t.no, `UPDATE integrations SET setup_status = 'COMPLETED' WHERE no = $1 AND setup_status <> 'COMPLETED'`, t.no)
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
