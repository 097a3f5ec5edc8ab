// Package secret encrypts what must not be read from a copy of the database: customers'
// credentials, keys for links.
//
// It uses AES-256-GCM of the standard library. A sealed text names the key that sealed it, so keys
// can be rotated, and is bound to the row that it stands in, so it cannot be moved to another.
package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// howToMake is the command that makes a key.
const howToMake = "head -c 32 /dev/urandom | base64"

// ErrNoKey means that no master key was given and none may be made.
var ErrNoKey = errors.New("no master key: set KLADKA_MASTER_KEY or KLADKA_MASTER_KEY_FILE; `" + howToMake + "` makes a new key")

// ErrWrongKey means that a sealed text was sealed with another key, stands in another row than it
// was sealed for, or was changed.
var ErrWrongKey = errors.New("the master key does not open it")

// Options say where the master key is. The first that is set counts.
type Options struct {
	// Value holds one or more keys, separated by commas: `name:base64`, or one base64 of 32 bytes.
	Value string
	// File holds the same, one key a line. Its mode is the caller's business: containers mount
	// secrets readable by all.
	File string
	// DataDir may hold the file master.key, which only the owner can read.
	DataDir string
	// AllowCreate makes that file when it is missing. It must be off once something is sealed.
	AllowCreate bool
}

// Keyring holds the master keys: the first one seals, all open. It is safe for concurrent use.
type Keyring struct {
	first string
	keys  map[string]cipher.AEAD
}

// Load reads the master keys.
func Load(o Options) (*Keyring, error) {
	if o.Value != "" {
		return parse("KLADKA_MASTER_KEY", strings.Split(o.Value, ","))
	}
	file := o.File
	if file == "" {
		if o.DataDir == "" {
			return nil, ErrNoKey
		}
		file = filepath.Join(o.DataDir, "master.key")
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist) && o.File == "" && o.AllowCreate:
		if err := create(file); err != nil {
			return nil, fmt.Errorf("make the master key: %w", err)
		}
	case errors.Is(err, os.ErrNotExist) && o.File == "":
		return nil, fmt.Errorf("%w (looked for %s too)", ErrNoKey, file)
	case err != nil:
		return nil, fmt.Errorf("read the master key: %w", err)
	case o.File == "" && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows": // which has no such bits and shows them set
		return nil, fmt.Errorf("the master key %s can be read by others: chmod 600 %[1]s", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	return parse(file, strings.Split(string(b), "\n"))
}

// create makes the key file whole or not at all: a crash must not leave half a key, nor lose one
// that something was sealed with. Of several processes that start together one makes the file; the
// others find it.
func create(file string) (err error) {
	var key [KeySize]byte
	_, _ = rand.Read(key[:]) // never fails since Go 1.24
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "master.key.*") // only the owner can read it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key[:]))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// The name must last too. Not every system can sync a folder; those do it by themselves.
	if d, err := os.Open(filepath.Dir(file)); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

func parse(source string, lines []string) (*Keyring, error) {
	r := &Keyring{keys: map[string]cipher.AEAD{}}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, text, named := strings.Cut(line, ":")
		if !named {
			text = line
		}
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != KeySize {
			return nil, fmt.Errorf("%s: a master key is the base64 of %d bytes; `%s` makes one", source, KeySize, howToMake)
		}
		if !named {
			sum := sha256.Sum256(key)
			name = hex.EncodeToString(sum[:4])
		}
		if name == "" || strings.ContainsAny(name, ". ") {
			return nil, fmt.Errorf("%s: the name of a master key must not be empty nor hold dots or spaces", source)
		}
		if r.keys[name] != nil {
			return nil, fmt.Errorf("%s: two master keys are named %s", source, name)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		if r.keys[name], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
		if r.first == "" {
			r.first = name
		}
	}
	if r.first == "" {
		return nil, fmt.Errorf("%s holds no master key; `%s` makes one", source, howToMake)
	}
	return r, nil
}

const version = "v1"

// Seal encrypts a text for a place: `table|column|row`, as Open must name it again.
func (r *Keyring) Seal(plain []byte, place string) string {
	sealed := r.keys[r.first].Seal(nil, nil, plain, []byte(place))
	return version + "." + r.first + "." + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open decrypts what Seal made for the same place. It fails with ErrWrongKey when the key or the
// place is another, or the text was changed.
func (r *Keyring) Open(sealed, place string) ([]byte, error) {
	v, rest, _ := strings.Cut(sealed, ".")
	name, text, ok := strings.Cut(rest, ".")
	if v != version || !ok {
		return nil, fmt.Errorf("open %s: %w: it has no form that is known", place, ErrWrongKey)
	}
	key := r.keys[name]
	if key == nil {
		return nil, fmt.Errorf("open %s: %w: it was sealed with the key %q", place, ErrWrongKey, name)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, ErrWrongKey)
	}
	plain, err := key.Open(nil, nil, b, []byte(place))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, ErrWrongKey)
	}
	return plain, nil
}

// Current reports whether a text was sealed with the key that seals now. A rotation seals the
// others again.
func (r *Keyring) Current(sealed string) bool {
	return strings.HasPrefix(sealed, version+"."+r.first+".")
}

// Meta keeps facts about a database. SetMeta leaves a fact that is set already.
type Meta interface {
	Meta(ctx context.Context, name string) (string, error)
	SetMeta(ctx context.Context, name, value string) error
}

const canary = "canary"

// Sealed reports whether something in the database is sealed already: then a missing key must not
// be replaced by a new one.
func Sealed(ctx context.Context, m Meta) (bool, error) {
	v, err := m.Meta(ctx, canary)
	return v != "", err
}

// CheckCanary proves that the keys belong to the database. The first start leaves a sealed text
// that every later one must be able to open.
func (r *Keyring) CheckCanary(ctx context.Context, m Meta) error {
	sealed, err := m.Meta(ctx, canary)
	if err != nil {
		return err
	}
	if sealed == "" {
		if err := m.SetMeta(ctx, canary, r.Seal([]byte(canary), "meta|value|canary")); err != nil {
			return err
		}
		if sealed, err = m.Meta(ctx, canary); err != nil {
			return err
		}
	}
	if _, err := r.Open(sealed, "meta|value|canary"); err != nil {
		return fmt.Errorf("the master key does not match this database: give the key that it was made with "+
			"(KLADKA_MASTER_KEY, KLADKA_MASTER_KEY_FILE, or master.key in the data folder); "+
			"if that key is lost, `kladka reset-key` starts over with another: %w", err)
	}
	return nil
}

// Derive gives keys for one purpose, which is not to be mixed with what the master keys seal. They
// are made once and stand sealed in the database, so that all processes have the same.
func (r *Keyring) Derive(ctx context.Context, m Meta, purpose string) (*Keyring, error) {
	key, err := r.DeriveKey(ctx, m, purpose)
	if err != nil {
		return nil, err
	}
	return parse("the key for "+purpose, []string{purpose + ":" + base64.StdEncoding.EncodeToString(key)})
}

// DeriveKey gives the bare key for a purpose, by which digests are made that nobody else can make.
func (r *Keyring) DeriveKey(ctx context.Context, m Meta, purpose string) ([]byte, error) {
	name, place := "key_"+purpose, "meta|value|key_"+purpose
	sealed, err := m.Meta(ctx, name)
	if err != nil {
		return nil, err
	}
	if sealed == "" {
		var key [KeySize]byte
		_, _ = rand.Read(key[:]) // never fails since Go 1.24
		if err := m.SetMeta(ctx, name, r.Seal(key[:], place)); err != nil {
			return nil, err
		}
		if sealed, err = m.Meta(ctx, name); err != nil {
			return nil, err
		}
	}
	return r.Open(sealed, place)
}
