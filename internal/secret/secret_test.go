package secret_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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

func TestEveryCharacterCounts(t *testing.T) {
	r := load(t, secret.Options{Value: key('a')})
	sealed := r.Seal([]byte("x"), "p")
	for i := range len(sealed) {
		changed := []byte(sealed)
		if changed[i] = 'A'; sealed[i] == 'A' {
			changed[i] = 'B'
		}
		if _, err := r.Open(string(changed), "p"); !errors.Is(err, secret.ErrWrongKey) {
			t.Errorf("%s opens as %s: %v", sealed, changed, err)
		}
	}
	if again := r.Seal([]byte("x"), "p"); again == sealed {
		t.Error("the same text was sealed alike twice: the nonce is not random")
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
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v, want the key alone", files, err)
	}
}

func TestFileHoldsOneKeyALine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("new:"+key('b')+"\r\n\n old:"+key('a')+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := load(t, secret.Options{File: file})
	if s := r.Seal([]byte("x"), "p"); !strings.HasPrefix(s, "v1.new.") {
		t.Errorf("sealed %s, want with the first key", s)
	}
	if _, err := r.Open(load(t, secret.Options{Value: "old:" + key('a')}).Seal([]byte("x"), "p"), "p"); err != nil {
		t.Error(err)
	}
}

// Of processes that start together one makes the key, and all use it.
func TestProcessesMakeOneKey(t *testing.T) {
	dir := t.TempDir()
	texts := make([]string, 16)
	var group sync.WaitGroup
	for i := range texts {
		group.Go(func() {
			r, err := secret.Load(secret.Options{DataDir: dir, AllowCreate: true})
			if err != nil {
				t.Error(err)
				return
			}
			texts[i] = r.Seal([]byte("x"), "p")
		})
	}
	group.Wait()
	r := load(t, secret.Options{DataDir: dir})
	for _, sealed := range texts {
		if _, err := r.Open(sealed, "p"); err != nil {
			t.Error(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left in the folder: %v, %v", files, err)
	}
}

func TestBadKeys(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: the messages name paths and modes of Unix")
	}
	dir := t.TempDir()
	public := t.TempDir()
	open, none := filepath.Join(public, "master.key"), filepath.Join(dir, "none")
	if err := os.WriteFile(open, []byte(key('a')), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		o    secret.Options
		want string
	}{
		{"short", secret.Options{Value: "YWJj"}, "KLADKA_MASTER_KEY: a master key is the base64 of 32 bytes; `head -c 32 /dev/urandom | base64` makes one"},
		{"not base64", secret.Options{Value: "łódź"}, "KLADKA_MASTER_KEY: a master key is the base64 of 32 bytes; `head -c 32 /dev/urandom | base64` makes one"},
		{"same name twice", secret.Options{Value: "a:" + key('a') + ",a:" + key('b')}, "KLADKA_MASTER_KEY: two master keys are named a"},
		{"bad name", secret.Options{Value: "a b:" + key('a')}, "KLADKA_MASTER_KEY: the name of a master key must not be empty nor hold dots or spaces"},
		{"dot in a name", secret.Options{Value: "a.b:" + key('a')}, "KLADKA_MASTER_KEY: the name of a master key must not be empty nor hold dots or spaces"},
		{"no name", secret.Options{Value: ":" + key('a')}, "KLADKA_MASTER_KEY: the name of a master key must not be empty nor hold dots or spaces"},
		{"only blanks", secret.Options{Value: " , "}, "KLADKA_MASTER_KEY holds no master key; `head -c 32 /dev/urandom | base64` makes one"},
		{"missing file", secret.Options{File: none, AllowCreate: true}, "read the master key: stat " + none + ": no such file or directory"},
		{"readable by others", secret.Options{DataDir: public}, "the master key " + open + " can be read by others: chmod 600 " + open},
		{"nothing", secret.Options{}, "no master key: set KLADKA_MASTER_KEY or KLADKA_MASTER_KEY_FILE; `head -c 32 /dev/urandom | base64` makes a new key"},
		{"nothing in the data folder", secret.Options{DataDir: dir}, "no master key: set KLADKA_MASTER_KEY or KLADKA_MASTER_KEY_FILE; " +
			"`head -c 32 /dev/urandom | base64` makes a new key (looked for " + filepath.Join(dir, "master.key") + " too)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := secret.Load(tt.o); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
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
	err := wrong.CheckCanary(t.Context(), f)
	if !errors.Is(err, secret.ErrWrongKey) {
		t.Fatalf("another key: %v, want ErrWrongKey", err)
	}
	for _, want := range []string{"does not match this database", "KLADKA_MASTER_KEY_FILE", "kladka reset-key"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message does not say %q: %v", want, err)
		}
	}
	rotated := load(t, secret.Options{Value: "new:" + key('b') + "," + key('a')})
	if err := rotated.CheckCanary(t.Context(), f); err != nil {
		t.Error("with the old key beside the new one:", err)
	}
}

// TestDerive: a purpose has its own keys, the same for all who ask, and opens nothing of others.
func TestDerive(t *testing.T) {
	f := facts{}
	master := load(t, secret.Options{Value: key('a')})
	derive := func(r *secret.Keyring, purpose string) *secret.Keyring {
		t.Helper()
		out, err := r.Derive(t.Context(), f, purpose)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	sealed := derive(master, "links").Seal([]byte("x"), "p")
	if plain, err := derive(load(t, secret.Options{Value: "new:" + key('b') + "," + key('a')}), "links").Open(sealed, "p"); string(plain) != "x" {
		t.Errorf("another process, with a newer master key beside, opened %q, %v", plain, err)
	}
	for name, other := range map[string]*secret.Keyring{"the master key": master, "another purpose": derive(master, "others")} {
		if _, err := other.Open(sealed, "p"); !errors.Is(err, secret.ErrWrongKey) {
			t.Errorf("%s opens it: %v", name, err)
		}
	}
	if _, err := load(t, secret.Options{Value: key('b')}).Derive(t.Context(), f, "links"); !errors.Is(err, secret.ErrWrongKey) {
		t.Errorf("a foreign master key: %v", err)
	}
	for name, v := range f {
		if strings.Contains(v, "x") && !strings.HasPrefix(v, "v1.") {
			t.Errorf("%s stands open", name)
		}
	}
}
