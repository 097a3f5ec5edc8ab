package outbound

import (
	"errors"
	"io"
)

// Spool keeps contents that are too large to be held in temporary files.
type Spool struct{ dir string }

// Spooled is a content in a temporary file.
type Spooled struct {
	Size   int64
	SHA256 string // hex
	// Head is the beginning of the content, enough to tell what it is.
	Head []byte
}

// errNotBuilt keeps the place of what is being built.
var errNotBuilt = errors.New("not built yet")

// NewSpool makes a spool in a folder, which is made if it is missing; empty for the system's.
func NewSpool(dir string) (*Spool, error) { return &Spool{dir: dir}, nil }

// Keep copies at most limit bytes; a *TooLargeError when there are more.
func (s *Spool) Keep(io.Reader, int64) (*Spooled, error) { return nil, errNotBuilt }

// Open gives the content from its beginning. It may be called again, and by several at once.
func (f *Spooled) Open() (io.ReadCloser, error) { return nil, errNotBuilt }

// Close removes the file.
func (f *Spooled) Close() error { return nil }
