package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// transition runs an update that changes an integration's status or setup, and records the event when it
// changed something.
func (s *Store) transition(ctx context.Context, tx *sql.Tx, no int64, update string, args ...any) error {
	res, err := tx.ExecContext(ctx, update, args...)
	if err != nil {
		return fmt.Errorf("change the state of an integration: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return s.stateChanged(ctx, tx, no)
}

// SetCredentials replaces an integration's sealed credentials, whose validity the caller has
// verified: one that was INVALID is ACTIVE again. One that was switched off stays off.
func (s *Store) SetCredentials(ctx context.Context, no int64, sealed string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error { return s.setCredentials(ctx, tx, no, sealed) })
}

func (s *Store) setCredentials(ctx context.Context, tx *sql.Tx, no int64, sealed string) error {
	if _, err := lockIntegration(ctx, tx, no); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET credentials = $1, auth_failing_since = NULL, refused_at = NULL, next_full_at = $2,
			replaced_at = $3 WHERE no = $4`, sealed, s.Now(), s.Now(), no); err != nil {
		return fmt.Errorf("store the credentials: %w", err)
	}
	return s.transition(ctx, tx, no, `UPDATE integrations SET status = 'ACTIVE' WHERE no = $1 AND status = 'INVALID'`, no)
}

// refused notes that a sync found the credentials refused, and gives them up when every sync has for as
// long as patience. Of those that came after the sync began it says nothing: it may have used the old ones.
func (s *Store) refused(ctx context.Context, tx *sql.Tx, no, began int64, patience time.Duration) error {
	var replaced bool
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(replaced_at, 0) > $1 FROM integrations WHERE no = $2`, began, no).Scan(&replaced); err != nil || replaced {
		return err
	}
	now := s.Now()
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET auth_failing_since = COALESCE(auth_failing_since, $1)
		WHERE no = $2`, now, no); err != nil {
		return fmt.Errorf("note that the credentials are refused: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET refused_at = $1
		WHERE no = $2 AND refused_at IS NULL AND auth_failing_since <= $3`, now, no, now-patience.Milliseconds()); err != nil {
		return fmt.Errorf("give the credentials up: %w", err)
	}
	return s.transition(ctx, tx, no, `UPDATE integrations SET status = 'INVALID' WHERE no = $1 AND status = 'ACTIVE' AND refused_at IS NOT NULL
		AND deleted_at IS NULL`, no)
}

// ForgetSealed gives up everything that was sealed with a master key that is lost: the next start
// may use a new one. Records, IDs and the change log stay; every integration is INVALID until its
// credentials are entered again.
func (s *Store) ForgetSealed(ctx context.Context) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		for _, stmt := range []string{
			`DELETE FROM meta WHERE name = 'canary' OR name LIKE 'key!_%' ESCAPE '!'`,
			`DELETE FROM attempts`,
		} {
			if _, err := tx.ExecContext(ctx, stmt); err != nil {
				return fmt.Errorf("forget what was sealed: %w", err)
			}
		}
		rows, err := tx.QueryContext(ctx, `UPDATE integrations SET credentials = '', refused_at = COALESCE(refused_at, $1)
			WHERE deleted_at IS NULL RETURNING no`, s.Now())
		all, err := collect(rows, err, scanNo)
		if err != nil {
			return fmt.Errorf("forget what was sealed: %w", err)
		}
		for _, no := range all {
			if err := s.transition(ctx, tx, no, `UPDATE integrations SET status = 'INVALID' WHERE no = $1 AND status = 'ACTIVE'`, no); err != nil {
				return err
			}
		}
		return nil
	})
}

func scanNo(r *sql.Rows) (int64, error) {
	var no int64
	return no, r.Scan(&no)
}

// SetEnabled switches an integration on or off. Switching on makes a sync due, unless its credentials had
// been given up: then it is INVALID again. Switching off asks its runs to stop.
func (s *Store) SetEnabled(ctx context.Context, no int64, enabled bool) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		if enabled {
			return s.transition(ctx, tx, no, `UPDATE integrations SET next_full_at = $1,
				status = CASE WHEN refused_at IS NULL THEN 'ACTIVE' ELSE 'INVALID' END
				WHERE no = $2 AND status = 'INACTIVE' AND deleted_at IS NULL`, s.Now(), no)
		}
		if err := s.transition(ctx, tx, no, `UPDATE integrations SET status = 'INACTIVE'
			WHERE no = $1 AND status <> 'INACTIVE' AND deleted_at IS NULL`, no); err != nil {
			return err
		}
		return stopRuns(ctx, tx, no)
	})
}

func stopRuns(ctx context.Context, tx *sql.Tx, no int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE runs SET cancel_asked = 1 WHERE integration = $1 AND ended_at IS NULL`, no); err != nil {
		return fmt.Errorf("stop the integration's syncs: %w", err)
	}
	return nil
}

// RemoveIntegration hides an integration at once, forgets its credentials, ends its links and stops its
// runs. Its data go with PurgeRemoved, after a while.
func (s *Store) RemoveIntegration(ctx context.Context, no int64, after time.Duration) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		now := s.Now()
		// Links first, as when one is completed.
		if _, err := tx.ExecContext(ctx, `UPDATE links SET revoked_at = COALESCE(revoked_at, $1) WHERE integration = $2 AND completed_at IS NULL`, now, no); err != nil {
			return fmt.Errorf("end the integration's links: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM attempts WHERE link IN (SELECT id FROM links WHERE integration = $1)`, no); err != nil {
			return fmt.Errorf("forget what was entered on the integration's links: %w", err)
		}
		i, err := lockIntegration(ctx, tx, no)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE integrations SET deleted_at = $1, purge_at = $2, credentials = '', next_full_at = NULL, id = id || '#' || no
			WHERE no = $3`, now, now+after.Milliseconds(), no); err != nil {
			return fmt.Errorf("remove the integration: %w", err)
		}
		if err := stopRuns(ctx, tx, no); err != nil {
			return err
		}
		payload := createdPayload(i)
		payload.DeletedAt = new(ats.Milli(now))
		return s.addEvent(ctx, tx, no, IntegrationDeleted, payload)
	})
}

// Removed is a removed integration whose data are not purged yet.
type Removed struct {
	ID, OrganizationName string
	DeletedAt, PurgeAt   int64
}

// RemovedIntegrations lists the removed integrations whose data are not purged yet, oldest first.
func (s *Store) RemovedIntegrations(ctx context.Context) ([]Removed, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT substr(id, 1, length(id) - length('#' || no)), organization_name, deleted_at, purge_at
		FROM integrations WHERE deleted_at IS NOT NULL ORDER BY no`)
	return collect(rows, err, func(r *sql.Rows) (Removed, error) {
		var i Removed
		return i, r.Scan(&i.ID, &i.OrganizationName, &i.DeletedAt, &i.PurgeAt)
	})
}

// PurgeNow lets the data of a removed integration go at once, and those of others that had its ID
// before. It fails with ErrNotFound when there is none.
func (s *Store) PurgeNow(ctx context.Context, id string) error {
	res, err := s.write.ExecContext(ctx, `UPDATE integrations SET purge_at = $1 WHERE id = $2 || '#' || no AND deleted_at IS NOT NULL`, s.Now(), id)
	if err != nil {
		return fmt.Errorf("let the data of %s go: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNotFound, err)
	}
	return nil
}

// PurgeRemoved deletes a bounded number of rows of removed integrations whose time has come, and reports
// whether more are left. Their events stay: see PurgeEvents.
func (s *Store) PurgeRemoved(ctx context.Context) (more bool, err error) {
	var no int64
	err = s.read.QueryRowContext(ctx, `SELECT no FROM integrations WHERE deleted_at IS NOT NULL AND purge_at <= $1 ORDER BY no LIMIT 1`, s.Now()).Scan(&no)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	names := []string{
		"pages", "walks", "loads", "parts", "reads", "dependencies", "nominations", "fanouts", "changes", "integration_fields", "custom_field_mappings", "candidate_emails",
		"actions", "action_slots", "uploads", "result_links", "requests", "request_mentions", "tracked_applications", "remappings", "links",
	}
	for _, m := range ats.Models() {
		names = append(names, tables[m].name)
	}
	left := false
	for _, name := range names {
		n, err := s.purge(ctx, name, no)
		if err != nil {
			return false, err
		}
		left = left || n > 0
	}
	if left {
		return true, nil
	}
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		for _, stmt := range []string{
			`DELETE FROM run_steps WHERE run_id IN (SELECT id FROM runs WHERE integration = $1)`,
			`DELETE FROM runs WHERE integration = $1`,
			`DELETE FROM integrations WHERE no = $1`,
		} {
			if _, err := tx.ExecContext(ctx, stmt, no); err != nil {
				return fmt.Errorf("purge a removed integration: %w", err)
			}
		}
		return nil
	})
	return true, err
}

// purgeAtOnce bounds how many rows of a table one statement deletes.
const purgeAtOnce = 5000

func (s *Store) purge(ctx context.Context, name string, no int64) (int64, error) {
	res, err := s.write.ExecContext(ctx, s.dialect.deleteSome(name), no, purgeAtOnce)
	if err != nil {
		return 0, fmt.Errorf("purge %s: %w", name, err)
	}
	return res.RowsAffected()
}
