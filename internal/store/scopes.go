package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kladka/kladka/internal/ats"
)

// ScopeConfig is a stored scope configuration. Times are milliseconds since the Unix epoch.
type ScopeConfig struct {
	ID, Name             string
	Config               ats.ScopeConfig
	Default              bool // of new integrations
	CreatedAt, UpdatedAt int64
}

const scopeColumns = `id, name, config, is_default, created_at, updated_at`

func scanScopeConfig(row interface{ Scan(...any) error }) (ScopeConfig, error) {
	var c ScopeConfig
	var config string
	var isDefault int64
	err := row.Scan(&c.ID, &c.Name, &config, &isDefault, &c.CreatedAt, &c.UpdatedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrNotFound
	} else if err != nil {
		return c, fmt.Errorf("read a scope configuration: %w", err)
	}
	c.Default = isDefault != 0
	if err := json.Unmarshal([]byte(config), &c.Config); err != nil {
		return c, fmt.Errorf("read the scope configuration %s: %w", c.ID, err)
	}
	return c, nil
}

// ScopeConfigs lists the scope configurations, oldest first.
func (s *Store) ScopeConfigs(ctx context.Context) ([]ScopeConfig, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+scopeColumns+` FROM scope_configs ORDER BY created_at, id`)
	return collect(rows, err, func(r *sql.Rows) (ScopeConfig, error) { return scanScopeConfig(r) })
}

// ScopeConfig reads one scope configuration; with an empty ID the default one.
func (s *Store) ScopeConfig(ctx context.Context, id string) (ScopeConfig, error) {
	return scanScopeConfig(s.read.QueryRowContext(ctx, `SELECT `+scopeColumns+` FROM scope_configs
		WHERE id = $1 OR $2 = '' AND is_default = 1`, id, id))
}

// ScopeConfigNamed reads the scope configuration of a name.
func (s *Store) ScopeConfigNamed(ctx context.Context, name string) (ScopeConfig, error) {
	return scanScopeConfig(s.read.QueryRowContext(ctx, `SELECT `+scopeColumns+` FROM scope_configs WHERE name = $1`, name))
}

// MaxScopeConfigs bounds how many scope configurations there may be.
const MaxScopeConfigs = 1000

// ErrTooMany is returned when there are as many of something as there may be.
var ErrTooMany = errors.New("there are too many of them")

// AddScopeConfig stores a new scope configuration. Its name must not be taken (ErrExists), and there must
// be room for it (ErrTooMany).
func (s *Store) AddScopeConfig(ctx context.Context, name string, config ats.ScopeConfig) (ScopeConfig, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return ScopeConfig{}, err
	}
	c := ScopeConfig{ID: ats.NewID(), Name: name, Config: config, CreatedAt: s.Now()}
	c.UpdatedAt = c.CreatedAt
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		if err := lockScopeConfigs(ctx, tx); err != nil {
			return err
		}
		var n int64
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM scope_configs`).Scan(&n); err != nil {
			return fmt.Errorf("count the scope configurations: %w", err)
		}
		if n >= MaxScopeConfigs {
			return fmt.Errorf("scope configurations: %w", ErrTooMany)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO scope_configs (`+scopeColumns+`) VALUES ($1, $2, $3, 0, $4, $5)`,
			c.ID, c.Name, string(text), c.CreatedAt, c.UpdatedAt)
		return nameTaken(name, err)
	})
	if err != nil {
		return ScopeConfig{}, err
	}
	return c, nil
}

func nameTaken(name string, err error) error {
	if isUniqueViolation(err) {
		return fmt.Errorf("scope configuration %s: %w", name, ErrExists)
	} else if err != nil {
		return fmt.Errorf("store the scope configuration: %w", err)
	}
	return nil
}

// lockScopeConfigs makes those who change scope configurations, or which one an integration has, take turns, by
// the row that every database begins with. Integrations are locked after it.
func lockScopeConfigs(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `UPDATE scope_configs SET is_default = is_default WHERE id = 'default'`); err != nil {
		return fmt.Errorf("lock the scope configurations: %w", err)
	}
	return nil
}

// UpdateScopeConfig replaces the name and the content of a scope configuration. The data of the integrations
// that have it expire where other things are stored under it.
func (s *Store) UpdateScopeConfig(ctx context.Context, id, name string, config ats.ScopeConfig) (ScopeConfig, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return ScopeConfig{}, err
	}
	var updated ScopeConfig
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		if err := lockScopeConfigs(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE scope_config = $1 AND deleted_at IS NULL ORDER BY no`, id)
		affected, err := collect(rows, err, func(r *sql.Rows) (Integration, error) { return scanIntegration(r) })
		if err != nil {
			return fmt.Errorf("read the integrations of a scope configuration: %w", err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE scope_configs SET name = $1, config = $2, updated_at = $3 WHERE id = $4`, name, string(text), s.Now(), id)
		if err := nameTaken(name, err); err != nil {
			return err
		}
		if updated, err = scanScopeConfig(tx.QueryRowContext(ctx, `SELECT `+scopeColumns+` FROM scope_configs WHERE id = $1`, id)); err != nil {
			return err
		}
		for _, i := range affected {
			if err := s.settle(ctx, tx, i, config, i.Settings); err != nil {
				return err
			}
		}
		return nil
	})
	return updated, err
}

// SetDefaultScopeConfig makes a scope configuration that of new integrations.
func (s *Store) SetDefaultScopeConfig(ctx context.Context, id string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		if err := lockScopeConfigs(ctx, tx); err != nil {
			return err
		}
		if _, err := scanScopeConfig(tx.QueryRowContext(ctx, `SELECT `+scopeColumns+` FROM scope_configs WHERE id = $1`, id)); err != nil {
			return err
		}
		for _, stmt := range []string{
			`UPDATE scope_configs SET is_default = 0 WHERE is_default = 1 AND id <> $1`,
			`UPDATE scope_configs SET is_default = 1 WHERE id = $1`,
		} {
			if _, err := tx.ExecContext(ctx, stmt, id); err != nil {
				return fmt.Errorf("change the default scope configuration: %w", err)
			}
		}
		return nil
	})
}

// SetScopeConfig gives an integration another scope configuration. Its data expire when other things are
// stored under it.
func (s *Store) SetScopeConfig(ctx context.Context, no int64, id string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error { return s.setScopeConfig(ctx, tx, no, id) })
}

func (s *Store) setScopeConfig(ctx context.Context, tx *sql.Tx, no int64, id string) error {
	if err := lockScopeConfigs(ctx, tx); err != nil {
		return err
	}
	config, err := scanScopeConfig(tx.QueryRowContext(ctx, `SELECT `+scopeColumns+` FROM scope_configs WHERE id = $1`, id))
	if err != nil {
		return fmt.Errorf("scope configuration %s: %w", id, err)
	}
	i, err := lockIntegration(ctx, tx, no)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET scope_config = $1 WHERE no = $2`, id, no); err != nil {
		return fmt.Errorf("set the scope configuration: %w", err)
	}
	return s.settle(ctx, tx, i, config.Config, i.Settings)
}
