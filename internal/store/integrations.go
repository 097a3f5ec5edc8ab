package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
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
	if i, err = readIntegration(ctx, tx, i.No); err != nil {
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
	return readIntegration(ctx, s.read, no)
}

// readIntegration is IntegrationByNo, also in a transaction.
func readIntegration(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, no int64,
) (Integration, error) {
	return scanIntegration(db.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE no = $1 AND deleted_at IS NULL`, no))
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

// Duplicates gives, by number, the IDs of the other integrations that connect the same account.
func (s *Store) Duplicates(ctx context.Context, nos []int64) (map[int64][]string, error) {
	out := map[int64][]string{}
	if len(nos) == 0 {
		return out, nil
	}
	args := make([]any, len(nos))
	for n, no := range nos {
		args[n] = no
	}
	rows, err := s.read.QueryContext(ctx, `SELECT i.no, d.id FROM integrations i
		JOIN integrations d ON d.tool = i.tool AND d.tenant = i.tenant AND d.no <> i.no AND d.deleted_at IS NULL
		WHERE i.no IN (`+placeholders(1, len(nos))+`) AND i.deleted_at IS NULL ORDER BY i.no, d.no`, args...)
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var no int64
		var id string
		err := r.Scan(&no, &id)
		out[no] = append(out[no], id)
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for other integrations of the accounts: %w", err)
	}
	return out, nil
}
