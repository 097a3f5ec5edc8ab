package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// APIKey is what is known of a key: never the key itself. Times are milliseconds since the epoch.
type APIKey struct {
	ID         string
	Name       string
	Prefix     string // the first characters, to recognise it by
	CreatedAt  int64
	LastUsedAt *int64 // to the minute
	RevokedAt  *int64
}

const keyColumns = `id, name, prefix, created_at, last_used_at, revoked_at`

func scanKey(row interface{ Scan(...any) error }) (APIKey, error) {
	var k APIKey
	err := row.Scan(&k.ID, &k.Name, &k.Prefix, &k.CreatedAt, &k.LastUsedAt, &k.RevokedAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return k, err
}

// CreateKey makes an API key. The plaintext is given once and stored hashed.
func (s *Store) CreateKey(ctx context.Context, name string) (APIKey, string, error) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	plain := "kladka_" + base64.RawURLEncoding.EncodeToString(b[:])
	k := APIKey{ID: ats.NewID(), Name: name, Prefix: plain[:12], CreatedAt: s.Now()}
	_, err := s.write.ExecContext(ctx, `INSERT INTO api_keys (id, name, hash, prefix, created_at) VALUES ($1, $2, $3, $4, $5)`,
		k.ID, k.Name, hashKey(plain), k.Prefix, k.CreatedAt)
	if err != nil {
		return APIKey{}, "", fmt.Errorf("store the API key: %w", err)
	}
	return k, plain, nil
}

// hashKey needs no salt and no stretching: a key is 256 random bits.
func hashKey(plain string) string {
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

// KeyByPlain finds a key that was not revoked and notes its use, at most once a minute.
func (s *Store) KeyByPlain(ctx context.Context, plain string) (APIKey, error) {
	k, err := scanKey(s.read.QueryRowContext(ctx, `SELECT `+keyColumns+` FROM api_keys WHERE hash = $1 AND revoked_at IS NULL`, hashKey(plain)))
	if err != nil {
		return APIKey{}, err
	}
	if before := s.Now() - time.Minute.Milliseconds(); k.LastUsedAt == nil || *k.LastUsedAt <= before {
		s.noteUse(ctx, k.ID, before)
	}
	return k, nil
}

// noteUse does not let a request wait for a busy writer: another one will note the use.
func (s *Store) noteUse(ctx context.Context, id string, before int64) {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := s.write.ExecContext(ctx, `UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at <= $3)`, s.Now(), id, before)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "the use of an API key could not be noted", "key", id, "error", err)
	}
}

// Keys lists all API keys, oldest first.
func (s *Store) Keys(ctx context.Context) ([]APIKey, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+keyColumns+` FROM api_keys ORDER BY created_at, id`)
	return collect(rows, err, func(r *sql.Rows) (APIKey, error) { return scanKey(r) })
}

// RevokeKey ends a key, named by its ID.
func (s *Store) RevokeKey(ctx context.Context, id string) error {
	res, err := s.write.ExecContext(ctx, `UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, s.Now(), id)
	if err != nil {
		return fmt.Errorf("revoke the API key: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNotFound, err)
	}
	return nil
}
