package secret_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/secret"
)

func key(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), secret.KeySize)))
}

func load(t *testing.T, o secret.Options) *secret.Keyring {
	t.Helper()
	r, err := secret.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealedTextStaysInItsPlace(t *testing.T) {
	r := load(t, secret.Options{Value: key('a')})
	sealed := r.Seal([]byte("hasło"), "integrations|credentials|1")
	if strings.Contains(sealed, "hasło") {
		t.Error("the sealed text shows the plain one")
	}
	plain, err := r.Open(sealed, "integrations|credentials|1")
	if err != nil || string(plain) != "hasło" {
		t.Errorf("opened %q, %v", plain, err)
	}
	for name, try := range map[string]func() ([]byte, error){
		"another row": func() ([]byte, error) { return r.Open(sealed, "integrations|credentials|2") },
		"changed":     func() ([]byte, error) { return r.Open(sealed[:len(sealed)-2]+"AA", "integrations|credentials|1") },
		"cut":         func() ([]byte, error) { return r.Open(sealed[:20], "integrations|credentials|1") },
		"empty":       func() ([]byte, error) { return r.Open("", "integrations|credentials|1") },
		"another key": func() ([]byte, error) {
			return load(t, secret.Options{Value: key('b')}).Open(sealed, "integrations|credentials|1")
		},
		"key by name": func() ([]byte, error) {
			return load(t, secret.Options{Value: "x:" + key('a')}).Open(sealed, "integrations|credentials|1")
		},
		"not a sealed": func() ([]byte, error) { return r.Open("v1.hasło", "integrations|credentials|1") },
	} {
		if _, err := try(); !errors.Is(err, secret.ErrWrongKey) {
			t.Errorf("%s: %v, want ErrWrongKey", name, err)
		}
	}
}

func TestRotation(t *testing.T) {
	old := load(t, secret.Options{Value: "old:" + key('a')})
	sealed := old.Seal([]byte("x"), "p")
	both := load(t, secret.Options{Value: "new:" + key('b') + ",old:" + key('a')})
	if plain, err := both.Open(sealed, "p"); err != nil || string(plain) != "x" {
		t.Errorf("the old key does not open: %q, %v", plain, err)
	}
	if both.Current(sealed) || !both.Current(both.Seal([]byte("x"), "p")) {
		t.Error("the first key must seal")
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := secret.Load(secret.Options{DataDir: dir}); !errors.Is(err, secret.ErrNoKey) {
		t.Errorf("without leave to make one: %v, want ErrNoKey", err)
	}
	sealed := load(t, secret.Options{DataDir: dir, AllowCreate: true}).Seal([]byte("x"), "p")
	info, err := os.Stat(filepath.Join(dir, "master.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info, err)
	}
	if _, err := load(t, secret.Options{DataDir: dir}).Open(sealed, "p"); err != nil {
		t.Error("a second start does not open:", err)
	}
}

func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open.key")
	if err := os.WriteFile(open, []byte(key('a')), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		o    secret.Options
		want string
	}{
		{"short", secret.Options{Value: "YWJj"}, "base64 of 32 bytes"},
		{"not base64", secret.Options{Value: "łódź"}, "base64 of 32 bytes"},
		{"same name twice", secret.Options{Value: "a:" + key('a') + ",a:" + key('b')}, "two master keys"},
		{"bad name", secret.Options{Value: "a b:" + key('a')}, "must not be empty"},
		{"only blanks", secret.Options{Value: " , "}, "holds no master key"},
		{"missing file", secret.Options{File: filepath.Join(dir, "none")}, "read the master key"},
		{"readable by others", secret.Options{File: open}, "chmod 600"},
		{"nothing", secret.Options{}, "KLADKA_MASTER_KEY_FILE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := secret.Load(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

type facts map[string]string

func (f facts) Meta(_ context.Context, name string) (string, error) { return f[name], nil }

func (f facts) SetMeta(_ context.Context, name, value string) error {
	if f[name] == "" {
		f[name] = value
	}
	return nil
}

func TestCanary(t *testing.T) {
	f := facts{}
	if sealed, err := secret.Sealed(t.Context(), f); sealed || err != nil {
		t.Errorf("a new database: %v, %v", sealed, err)
	}
	right, wrong := load(t, secret.Options{Value: key('a')}), load(t, secret.Options{Value: key('b')})
	for range 2 {
		if err := right.CheckCanary(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
	if sealed, err := secret.Sealed(t.Context(), f); !sealed || err != nil {
		t.Errorf("after the first start: %v, %v", sealed, err)
	}
	if err := wrong.CheckCanary(t.Context(), f); !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("another key: %v, want ErrWrongKey", err)
	}
}
