package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

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

// SetRemoteData switches on or off whether raw rows are served where the scope configuration does not
// say. Nothing more is stored for it.
func (s *Store) SetRemoteData(ctx context.Context, no int64, on bool) error {
	return s.changeSettings(ctx, no, func(settings *Settings) { settings.RemoteData = on })
}

// SetOnlyCreated switches on or off that only applications that were created through the API are kept. The
// next sync, which becomes due, erases or reads the others.
func (s *Store) SetOnlyCreated(ctx context.Context, no int64, on bool) error {
	return s.changeSettings(ctx, no, func(settings *Settings) { settings.OnlyCreated = on })
}

// changeSettings changes an integration's settings, without losing what others change meanwhile.
func (s *Store) changeSettings(ctx context.Context, no int64, change func(*Settings)) error {
	return s.Transact(ctx, func(tx *sql.Tx) error { return s.changeSettingsIn(ctx, tx, no, change) })
}

// changeSettingsIn is changeSettings in a transaction. What is stored expires when it would be stored
// differently now.
func (s *Store) changeSettingsIn(ctx context.Context, tx *sql.Tx, no int64, change func(*Settings)) error {
	before, err := lockIntegration(ctx, tx, no)
	if err != nil {
		return err
	}
	settings := before.Settings
	change(&settings)
	changed, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET settings = $1 WHERE no = $2`, string(changed), no); err != nil {
		return fmt.Errorf("store the settings: %w", err)
	}
	return s.settle(ctx, tx, before, before.ScopeConfig.Config, settings)
}

// settle expires what is stored of an integration when it would be stored differently under another scope
// configuration or other settings.
func (s *Store) settle(ctx context.Context, tx *sql.Tx, before Integration, config ats.ScopeConfig, settings Settings) error {
	after := Integration{Settings: settings, Scopes: config.Scopes(settings.Declined, settings.RemoteData)}
	if after.Restriction().Revision() == before.Restriction().Revision() {
		return nil
	}
	return s.expire(ctx, tx, before.No)
}

// lockIntegration reads an integration that was not removed, and keeps others from changing it until the commit.
func lockIntegration(ctx context.Context, tx *sql.Tx, no int64) (Integration, error) {
	res, err := tx.ExecContext(ctx, `UPDATE integrations SET last_seq = last_seq WHERE no = $1 AND deleted_at IS NULL`, no)
	if err != nil {
		return Integration{}, fmt.Errorf("lock the integration: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return Integration{}, errors.Join(ErrNotFound, err)
	}
	return readIntegration(ctx, tx, no)
}

// expire notes that what is stored of an integration does not match its settings any more, and makes a
// sync due. Before anything was read there is nothing to expire.
func (s *Store) expire(ctx context.Context, tx *sql.Tx, no int64) error {
	now := s.Now()
	if _, err := tx.ExecContext(ctx, `UPDATE integrations SET data_expired_at = $1, next_full_at = $2
		WHERE no = $3 AND deleted_at IS NULL AND (last_seq > 0 OR EXISTS (SELECT 1 FROM runs r WHERE r.integration = integrations.no))`,
		now, now, no); err != nil {
		return fmt.Errorf("note that the data do not match the settings: %w", err)
	}
	return nil
}
