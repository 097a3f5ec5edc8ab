package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// The states of an integration: ACTIVE is synced; INVALID has credentials that are refused and
// waits to be reconnected; INACTIVE was switched off by hand.
const (
	StatusActive   = "ACTIVE"
	StatusInvalid  = "INVALID"
	StatusInactive = "INACTIVE"
)

// The states of an integration's setup.
const (
	SetupIncomplete = "INCOMPLETE"
	SetupSyncing    = "FINAL_SYNC_PENDING"
	SetupCompleted  = "COMPLETED"
)

// Settings are what an operator may choose for one integration.
type Settings struct {
	// RemoteData serves the raw rows of the ATS beside the records (off by default).
	RemoteData bool `json:"remote_data,omitempty"`
	// FullEvery is the interval of full syncs; zero means the default.
	FullEvery time.Duration `json:"full_every,omitempty"`
	// Confirmed holds what a probe found out about the ATS: the variant by detail.
	Confirmed map[string]string `json:"confirmed,omitempty"`
	// FileLabels are the tenant's words for types of files, where they are not the usual ones.
	FileLabels map[connector.FileType]string `json:"file_labels,omitempty"`
	// OnlyCreated keeps applications that were created through the API, with their candidates, and no others.
	OnlyCreated bool `json:"only_created,omitempty"`
	// Declined is what the customer does not want to share of what is optional: see ats.ScopeConfig.Scopes.
	Declined []string `json:"declined,omitempty"`
}

// Integration is a customer's connected account. Times are milliseconds since the Unix epoch.
type Integration struct {
	No               int64 // what other tables refer to
	ID               string
	Tool             string
	Status           string
	SetupStatus      string
	OrganizationName string
	CreatorEmail     *string
	OriginID         *string
	Tenant           string // the account at the tool; requests share a budget by it
	Settings         Settings
	ScopeConfig      ScopeConfig
	// Scopes is what the configuration, the customer and the settings allow together.
	Scopes           ats.Scopes
	LastSeq          int64
	NextFullAt       *int64
	AuthFailingSince *int64
	DataExpiredAt    *int64
	CreatedAt        int64
}

const integrationColumns = `no, id, tool, status, setup_status, organization_name, creator_email, origin_id, tenant, settings,
	last_seq, next_full_at, auth_failing_since, data_expired_at, created_at,
	scope_config, (SELECT name FROM scope_configs c WHERE c.id = scope_config), (SELECT config FROM scope_configs c WHERE c.id = scope_config)`

func scanIntegration(row interface{ Scan(...any) error }) (Integration, error) {
	var i Integration
	var settings, config string
	err := row.Scan(&i.No, &i.ID, &i.Tool, &i.Status, &i.SetupStatus, &i.OrganizationName, &i.CreatorEmail, &i.OriginID, &i.Tenant, &settings,
		&i.LastSeq, &i.NextFullAt, &i.AuthFailingSince, &i.DataExpiredAt, &i.CreatedAt,
		&i.ScopeConfig.ID, &i.ScopeConfig.Name, &config)
	if errors.Is(err, sql.ErrNoRows) {
		return Integration{}, ErrNotFound
	} else if err != nil {
		return Integration{}, fmt.Errorf("read an integration: %w", err)
	}
	if err := json.Unmarshal([]byte(settings), &i.Settings); err != nil {
		return Integration{}, fmt.Errorf("read the settings of %s: %w", i.ID, err)
	}
	if err := json.Unmarshal([]byte(config), &i.ScopeConfig.Config); err != nil {
		return Integration{}, fmt.Errorf("read the scopes of %s: %w", i.ID, err)
	}
	i.Scopes = i.ScopeConfig.Config.Scopes(i.Settings.Declined, i.Settings.RemoteData)
	return i, nil
}

// ErrExists is returned when a key that was chosen is taken.
var ErrExists = errors.New("it exists already")

// AddIntegration stores a new integration with its sealed credentials and gives it with its
// number. Its first sync is not due until something starts it. Without a scope configuration it gets the
// default one. A second integration of the same
// account is allowed, but the log warns of it: both read everything, out of one request budget.
func (s *Store) AddIntegration(ctx context.Context, i Integration, sealed string) (Integration, error) {
	err := s.Transact(ctx, func(tx *sql.Tx) (err error) {
		i, err = s.addIntegration(ctx, tx, i, sealed)
		return err
	})
	if err != nil {
		return Integration{}, err
	}
	return i, s.warnOfTwin(ctx, i)
}

// addIntegration stores a new integration and the event that tells of it.
func (s *Store) addIntegration(ctx context.Context, tx *sql.Tx, i Integration, sealed string) (Integration, error) {
	settings, err := json.Marshal(i.Settings)
	if err != nil {
		return Integration{}, err
	}
	i.CreatedAt = s.Now()
	err = tx.QueryRowContext(ctx, `INSERT INTO integrations (id, tool, status, setup_status, organization_name, creator_email, origin_id,
			tenant, credentials, settings, folded_revision, last_seq, last_stamp, created_at, scope_config)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 0, 0, $11,
			COALESCE((SELECT id FROM scope_configs WHERE id = $12), (SELECT id FROM scope_configs WHERE is_default = 1))) RETURNING no`,
		i.ID, i.Tool, i.Status, i.SetupStatus, i.OrganizationName, i.CreatorEmail, i.OriginID, i.Tenant, sealed, string(settings), i.CreatedAt, i.ScopeConfig.ID).Scan(&i.No)
	if isUniqueViolation(err) {
		return Integration{}, fmt.Errorf("integration %s: %w", i.ID, ErrExists)
	} else if err != nil {
		return Integration{}, fmt.Errorf("store integration %s: %w", i.ID, err)
	}
	if i, err = scanIntegration(tx.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE no = $1`, i.No)); err != nil {
		return Integration{}, err
	}
	return i, s.addEvent(ctx, tx, i.No, IntegrationCreated, createdPayload(i))
}

// Integration reads an integration that was not removed, by its public ID.
func (s *Store) Integration(ctx context.Context, id string) (Integration, error) {
	return scanIntegration(s.read.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE id = $1 AND deleted_at IS NULL`, id))
}

// IntegrationByNo reads an integration that was not removed, by its number.
func (s *Store) IntegrationByNo(ctx context.Context, no int64) (Integration, error) {
	return scanIntegration(s.read.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE no = $1 AND deleted_at IS NULL`, no))
}

// Integrations lists the integrations that were not removed, oldest first, after a number.
func (s *Store) Integrations(ctx context.Context, after int64, limit int) ([]Integration, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+integrationColumns+` FROM integrations
		WHERE no > $1 AND deleted_at IS NULL ORDER BY no LIMIT $2`, after, limit)
	return collect(rows, err, func(r *sql.Rows) (Integration, error) { return scanIntegration(r) })
}

// Credentials reads an integration's sealed credentials.
func (s *Store) Credentials(ctx context.Context, no int64) (string, error) {
	var sealed string
	err := s.read.QueryRowContext(ctx, `SELECT credentials FROM integrations WHERE no = $1 AND deleted_at IS NULL`, no).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	return sealed, err
}

// SetCredentials replaces an integration's sealed credentials, whose validity the caller has
// verified: one that was INVALID is ACTIVE again. One that was switched off stays off.
func (s *Store) SetCredentials(ctx context.Context, no int64, sealed string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error { return s.setCredentials(ctx, tx, no, sealed) })
}

func (s *Store) setCredentials(ctx context.Context, tx *sql.Tx, no int64, sealed string) error {
	// The first update keeps others out until the commit.
	var before string
	err := tx.QueryRowContext(ctx, `UPDATE integrations SET last_seq = last_seq WHERE no = $1 AND deleted_at IS NULL RETURNING status`, no).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	} else if err != nil {
		return fmt.Errorf("read the integration's status: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET credentials = $1, auth_failing_since = NULL,
			status = CASE WHEN status = $2 THEN $3 ELSE status END, next_full_at = $4
		WHERE no = $5`, sealed, StatusInvalid, StatusActive, s.Now(), no); err != nil {
		return fmt.Errorf("store the credentials: %w", err)
	}
	if before != StatusInvalid {
		return nil
	}
	return s.stateChanged(ctx, tx, no)
}

// SetConfirmed replaces what is known of an integration's ATS, and gives what was known before.
func (s *Store) SetConfirmed(ctx context.Context, no int64, variants map[string]string) (before map[string]string, err error) {
	err = s.changeSettings(ctx, no, func(settings *Settings) { before, settings.Confirmed = settings.Confirmed, variants })
	return before, err
}

// SetFileLabels sets the tenant's words for types of files, or forgets them where they are empty, and
// gives all of them.
func (s *Store) SetFileLabels(ctx context.Context, no int64, labels map[connector.FileType]string) (all map[connector.FileType]string, err error) {
	err = s.changeSettings(ctx, no, func(settings *Settings) {
		all = map[connector.FileType]string{}
		maps.Copy(all, settings.FileLabels)
		maps.Copy(all, labels)
		maps.DeleteFunc(all, func(_ connector.FileType, label string) bool { return label == "" })
		settings.FileLabels = all
	})
	return all, err
}

// changeSettings changes an integration's settings, without losing what others change meanwhile.
func (s *Store) changeSettings(ctx context.Context, no int64, change func(*Settings)) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		// The update keeps others out until the commit.
		var text string
		err := tx.QueryRowContext(ctx, `UPDATE integrations SET last_seq = last_seq WHERE no = $1 AND deleted_at IS NULL RETURNING settings`, no).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		} else if err != nil {
			return fmt.Errorf("read the settings: %w", err)
		}
		var settings Settings
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return fmt.Errorf("read the settings: %w", err)
		}
		change(&settings)
		changed, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE integrations SET settings = $1 WHERE no = $2`, string(changed), no); err != nil {
			return fmt.Errorf("store the settings: %w", err)
		}
		return nil
	})
}

// ForgetSealed gives up everything that was sealed with a master key that is lost: the next start
// may use a new one. Records, IDs and the change log stay; every integration is INVALID until its
// credentials are entered again.
func (s *Store) ForgetSealed(ctx context.Context) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		for _, stmt := range []string{
			`DELETE FROM meta WHERE name = 'canary' OR name LIKE 'key!_%' ESCAPE '!'`,
			`DELETE FROM attempts`,
			`UPDATE integrations SET credentials = '', status = CASE WHEN status = 'ACTIVE' THEN 'INVALID' ELSE status END WHERE deleted_at IS NULL`,
		} {
			if _, err := tx.ExecContext(ctx, stmt); err != nil {
				return fmt.Errorf("forget what was sealed: %w", err)
			}
		}
		return nil
	})
}

// SetEnabled switches an integration on or off. Switching on makes a sync due; switching off asks
// its runs to stop.
func (s *Store) SetEnabled(ctx context.Context, no int64, enabled bool) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		if enabled {
			_, err := tx.ExecContext(ctx, `UPDATE integrations SET status = 'ACTIVE', next_full_at = $1 WHERE no = $2 AND status = 'INACTIVE'`, s.Now(), no)
			if err != nil {
				return fmt.Errorf("switch the integration on: %w", err)
			}
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE integrations SET status = 'INACTIVE' WHERE no = $1 AND status <> 'INACTIVE'`, no); err != nil {
			return fmt.Errorf("switch the integration off: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET cancel_asked = 1 WHERE integration = $1 AND ended_at IS NULL`, no); err != nil {
			return fmt.Errorf("stop the integration's syncs: %w", err)
		}
		return nil
	})
}

// RemoveIntegration hides an integration at once, forgets its credentials and stops its runs.
// Its data go with PurgeRemoved.
func (s *Store) RemoveIntegration(ctx context.Context, no int64) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE integrations SET deleted_at = $1, credentials = '', next_full_at = NULL, id = id || '#' || no
			WHERE no = $2 AND deleted_at IS NULL`, s.Now(), no)
		if err != nil {
			return fmt.Errorf("remove the integration: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrNotFound, err)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET cancel_asked = 1 WHERE integration = $1 AND ended_at IS NULL`, no); err != nil {
			return fmt.Errorf("stop the integration's syncs: %w", err)
		}
		return nil
	})
}

// PurgeRemoved deletes a bounded number of rows of removed integrations and reports whether more
// are left.
func (s *Store) PurgeRemoved(ctx context.Context) (more bool, err error) {
	var no int64
	err = s.read.QueryRowContext(ctx, `SELECT no FROM integrations WHERE deleted_at IS NOT NULL ORDER BY no LIMIT 1`).Scan(&no)
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
