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

// AddScopeConfig stores a new scope configuration. Its name must not be taken (ErrExists).
func (s *Store) AddScopeConfig(ctx context.Context, name string, config ats.ScopeConfig) (ScopeConfig, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return ScopeConfig{}, err
	}
	c := ScopeConfig{ID: ats.NewID(), Name: name, Config: config, CreatedAt: s.Now()}
	c.UpdatedAt = c.CreatedAt
	_, err = s.write.ExecContext(ctx, `INSERT INTO scope_configs (`+scopeColumns+`) VALUES ($1, $2, $3, 0, $4, $5)`,
		c.ID, c.Name, string(text), c.CreatedAt, c.UpdatedAt)
	if isUniqueViolation(err) {
		return ScopeConfig{}, fmt.Errorf("scope configuration %s: %w", name, ErrExists)
	} else if err != nil {
		return ScopeConfig{}, fmt.Errorf("store the scope configuration: %w", err)
	}
	return c, nil
}
