package store_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func TestKeyLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		key, plain, err := s.CreateKey(ctx, "billing")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^kladka_[A-Za-z0-9_-]{43}$`).MatchString(plain) {
			t.Errorf("the key is %q", plain)
		}
		if !strings.HasPrefix(plain, key.Prefix) || len(key.Prefix) > len("kladka_")+6 {
			t.Errorf("the prefix is %q", key.Prefix)
		}
		if stored := lines(t, s, `SELECT * FROM api_keys`); len(stored) != 1 || strings.Contains(stored[0], plain) {
			t.Errorf("stored as %q", stored)
		}
		for _, wrong := range []string{"", "kladka_", plain + "x", plain[:len(plain)-1], strings.ToUpper(plain)} {
			if _, err := s.KeyByPlain(ctx, wrong); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("key %q: %v, want ErrNotFound", wrong, err)
			}
		}
		db.Clock.Add(time.Second)
		if got, err := s.KeyByPlain(ctx, plain); err != nil || got.ID != key.ID || got.Name != "billing" {
			t.Errorf("found %+v, %v", got, err)
		}

		db.Clock.Add(time.Second)
		other, _, err := s.CreateKey(ctx, "other")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeKey(ctx, key.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.KeyByPlain(ctx, plain); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a revoked key: %v, want ErrNotFound", err)
		}
		for _, id := range []string{key.ID, "none"} {
			if err := s.RevokeKey(ctx, id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("revoke %q: %v, want ErrNotFound", id, err)
			}
		}
		key.LastUsedAt, key.RevokedAt = new(key.CreatedAt+1000), new(key.CreatedAt+2000)
		keys, err := s.Keys(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.APIKey{key, other}, keys); d != "" {
			t.Errorf("keys (-want +got):\n%s", d)
		}
	})
}

func TestKeyUseIsNotedOnceAMinute(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		_, plain, err := s.CreateKey(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		start := s.Now()
		for _, tt := range []struct {
			after time.Duration
			want  time.Duration
		}{{time.Second, time.Second}, {time.Minute, time.Second}, {61 * time.Second, 61 * time.Second}, {2 * time.Minute, 61 * time.Second}} {
			db.Clock.Set(time.UnixMilli(start).Add(tt.after))
			if _, err := s.KeyByPlain(t.Context(), plain); err != nil {
				t.Fatal(err)
			}
			keys, err := s.Keys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := *keys[0].LastUsedAt - start; got != tt.want.Milliseconds() {
				t.Errorf("used after %s, noted %d ms, want %s", tt.after, got, tt.want)
			}
		}
	})
}

// A client does not wait for a sync that is writing.
func TestKeyIsFoundWhileTheWriterIsBusy(t *testing.T) {
	s := storetest.SQLite(t).Open(t)
	_, plain, err := s.CreateKey(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // it only has to end
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := s.KeyByPlain(ctx, plain); err != nil {
		t.Error(err)
	}
}
