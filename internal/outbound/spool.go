package outbound

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Spool keeps contents that are too large to be held in temporary files.
type Spool struct{ dir string }

const (
	// spoolPattern names the files, and tells them from others' in the system's folder.
	spoolPattern = "kladka-*.spool"
	// spoolMode keeps contents from other users of the machine.
	spoolMode = 0o700
	// spoolLeftover is the age at which a file belongs to nobody who is still working.
	spoolLeftover = time.Hour
	// headSize is how much of a content it takes to tell what it is.
	headSize = 3072
)

// NewSpool makes a spool in a folder, which is made if it is missing; empty for the system's. What
// killed processes left there is removed.
func NewSpool(dir string) (*Spool, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	s := &Spool{dir: dir}
	if err := os.MkdirAll(dir, spoolMode); err != nil {
		return nil, s.problem(err)
	}
	s.sweep()
	// Whether it can be written to is better known now than at the first file.
	f, err := s.create()
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return s, nil
}

// sweep removes leftovers. Those that cannot be removed are another user's, or still in use where
// open files have names; neither is in the way.
func (s *Spool) sweep() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // creating the first file says it better
	}
	for _, e := range entries {
		ours, _ := filepath.Match(spoolPattern, e.Name()) // the pattern is a good one
		info, err := e.Info()
		if ours && err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > spoolLeftover {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}

// SpoolError is an error of the folder in which contents are kept: full, not writable, gone.
type SpoolError struct {
	Dir string
	Err error
}

func (e *SpoolError) Error() string {
	return fmt.Sprintf("keep a file in the folder %s: %v; there must be room, and the right to write", e.Dir, e.Err)
}

// Unwrap gives the cause.
func (e *SpoolError) Unwrap() error { return e.Err }

func (s *Spool) problem(err error) error { return &SpoolError{Dir: s.dir, Err: err} }

// Spooled is a content in a temporary file.
type Spooled struct {
	Size   int64
	SHA256 string // hex
	// Head is the beginning of the content, enough to tell what it is.
	Head []byte

	spool  *Spool
	file   *os.File
	name   string // empty where the file has lost its name already
	closed atomic.Bool
}

// create makes an empty file. Where the system allows it the name goes at once, so that nothing is
// left of the content when the process is killed.
func (s *Spool) create() (*Spooled, error) {
	f, err := os.CreateTemp(s.dir, spoolPattern)
	if err != nil {
		return nil, s.problem(err)
	}
	content := &Spooled{spool: s, file: f}
	if os.Remove(f.Name()) != nil {
		content.name = f.Name()
	}
	return content, nil
}

// written makes the errors of writing tell where the file is, and tells them from the reader's.
type written struct{ *Spooled }

func (w written) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		return n, w.spool.problem(err)
	}
	return n, nil
}

// Keep copies at most limit bytes; a *TooLargeError when there are more. Errors of the reader are
// given as they are, those of the folder as a *SpoolError.
func (s *Spool) Keep(r io.Reader, limit int64) (*Spooled, error) {
	f, err := s.create()
	if err != nil {
		return nil, err
	}
	if err := f.fill(r, limit); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Spooled) fill(r io.Reader, limit int64) error {
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(written{f}, hash), io.LimitReader(r, limit+1))
	if err != nil {
		return err
	}
	if size > limit {
		return &TooLargeError{Limit: limit}
	}
	f.Size, f.SHA256 = size, hex.EncodeToString(hash.Sum(nil))
	f.Head = make([]byte, min(size, headSize))
	if _, err := f.file.ReadAt(f.Head, 0); err != nil {
		return f.spool.problem(err)
	}
	return nil
}

// Open gives the content from its beginning. It may be called again, and by several at once. A
// reader that is in use when the file is closed ends with fs.ErrClosed.
func (f *Spooled) Open() (io.ReadCloser, error) {
	if f.closed.Load() {
		return nil, fmt.Errorf("open a content that was thrown away: %w", fs.ErrClosed)
	}
	return io.NopCloser(io.NewSectionReader(f.file, 0, f.Size)), nil
}

// Close removes the file.
func (f *Spooled) Close() error {
	if f.closed.Swap(true) {
		return nil
	}
	err := f.file.Close()
	if f.name != "" {
		err = errors.Join(err, os.Remove(f.name))
	}
	if err != nil {
		return f.spool.problem(err)
	}
	return nil
}
