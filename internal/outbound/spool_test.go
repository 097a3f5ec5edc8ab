package outbound

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newSpool(t *testing.T) *Spool {
	t.Helper()
	s, err := NewSpool(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files names what is in the spool's folder.
func (s *Spool) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSpool(t *testing.T) {
	s := newSpool(t)
	for _, size := range []int{0, 1, headSize - 1, headSize, headSize + 1, 1 << 20} {
		content := bytes.Repeat([]byte("Kładka\n"), size)[:size]
		f, err := s.Keep(bytes.NewReader(content), int64(size))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if f.Size != int64(size) || f.SHA256 != fmt.Sprintf("%x", sha256.Sum256(content)) || !bytes.Equal(f.Head, content[:min(size, headSize)]) {
			t.Errorf("%d bytes: size %d, hash %s, a head of %d", size, f.Size, f.SHA256, len(f.Head))
		}
		var wg sync.WaitGroup
		for range 4 { // from the beginning, together
			wg.Go(func() {
				r, err := f.Open()
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(r)
				if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%d bytes: read %d, %v", size, len(got), err)
				}
			})
		}
		wg.Wait()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if left := s.files(t); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestSpoolBounds(t *testing.T) {
	s := newSpool(t)
	broken := errors.New("the client hung up")
	for name, tc := range map[string]struct {
		r    io.Reader
		want error
	}{
		"a byte too many":  {strings.NewReader("12345"), &TooLargeError{Limit: 4}},
		"without an end":   {endless{}, &TooLargeError{Limit: 4}},
		"a broken content": {io.MultiReader(strings.NewReader("12"), errReader{broken}), broken},
	} {
		f, err := s.Keep(tc.r, 4)
		var large *TooLargeError
		if f != nil || !errors.Is(err, tc.want) && (!errors.As(err, &large) || !cmp.Equal(large, tc.want)) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if left := s.files(t); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// endless is a content without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestSpoolAfterClose(t *testing.T) {
	s := newSpool(t)
	f, err := s.Keep(strings.NewReader("content"), 100)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Open(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("opened after the end: %v", err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after the end: %v", err)
	}
}

// Other users of the machine can read nothing, and a killed process leaves nothing.
func TestSpoolIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have names and no modes there")
	}
	s := newSpool(t)
	folder, err := os.Stat(s.dir)
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", folder.Mode(), err)
	}
	f, err := s.Keep(strings.NewReader("personal"), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.file.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if names := s.files(t); names != nil {
		t.Errorf("the file has a name: %v", names)
	}
}

func TestSpoolSweeps(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		"kladka-1.spool": 2 * time.Hour, "kladka-2.spool": time.Minute, "photo.jpg": 2 * time.Hour, "kladka-old.txt": 2 * time.Hour,
	} {
		path := filepath.Join(dir, name)
		then := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := NewSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kladka-2.spool", "kladka-old.txt", "photo.jpg"}, s.files(t)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestSpoolSaysWhereItIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewSpool(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a file as folder: %v", err)
	}
	s := newSpool(t)
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keep(strings.NewReader("x"), 1); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), s.dir) {
		t.Errorf("a folder that is gone: %v", err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	f := &Spooled{spool: s, file: full}
	defer f.Close()
	if err := f.fill(strings.NewReader("x"), 1); err == nil || !strings.Contains(err.Error(), s.dir) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("a full disk: %v", err)
	}
}
