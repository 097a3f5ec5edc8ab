package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kladka/kladka/internal/secret"
	"github.com/kladka/kladka/internal/store"
)

// openKeys loads the master keys and proves that they belong to the database. A key file is made
// only beside a SQLite file in which nothing is sealed yet: anywhere else a fresh key would hide
// that the old one was lost.
func openKeys(ctx context.Context, c Config, s *store.Store) (*secret.Keyring, error) {
	setting := "KLADKA_MASTER_KEY_FILE"
	if c.MasterKey != "" {
		setting = "KLADKA_MASTER_KEY"
	}
	sealed, err := secret.Sealed(ctx, s)
	if err != nil {
		return nil, err
	}
	keys, err := secret.Load(secret.Options{
		Value: c.MasterKey, File: c.MasterKeyFile, DataDir: c.DataDir,
		AllowCreate: s.Embedded() && !sealed,
	})
	if err == nil {
		err = keys.CheckCanary(ctx, s)
		if err != nil && !errors.Is(err, secret.ErrWrongKey) {
			return nil, err
		}
	}
	if err != nil {
		return nil, &ConfigError{Setting: setting, Message: "the master key cannot be used", Err: err}
	}
	return keys, nil
}

// ResetMasterKey gives up what was sealed with a lost master key, so that the next start can use
// another.
func ResetMasterKey(ctx context.Context, c Config) error {
	c, err := c.WithDefaults()
	if err != nil {
		return err
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(s.ForgetSealed(ctx), s.Close())
}

// credentialsPlace binds sealed credentials to their integration.
func credentialsPlace(id string) string { return "integrations|credentials|" + id }

func sealCredentials(keys *secret.Keyring, id string, credentials map[string]string) (string, error) {
	b, err := json.Marshal(credentials)
	if err != nil {
		return "", fmt.Errorf("seal the credentials: %w", err)
	}
	return keys.Seal(b, credentialsPlace(id)), nil
}

func openCredentials(keys *secret.Keyring, id, sealed string) (map[string]string, error) {
	b, err := keys.Open(sealed, credentialsPlace(id))
	if err != nil {
		return nil, fmt.Errorf("open the credentials of %s: %w", id, err)
	}
	var credentials map[string]string
	if err := json.Unmarshal(b, &credentials); err != nil {
		return nil, fmt.Errorf("read the credentials of %s: %w", id, err)
	}
	return credentials, nil
}
