package api

import (
	"io"

	"github.com/kladka/kladka/internal/outbound"
)

// Sifted is a body without its files, and the files by what stands for them.
type Sifted struct {
	Rest  []byte
	files *contents
}

// Sift reads a body as live routes do.
func Sift(body io.Reader, spool *outbound.Spool, maxFile int64, limit int, paths ...string) (Sifted, error) {
	s := Sifted{files: newContents(spool, maxFile)}
	places := make([]place, len(paths))
	for i, p := range paths {
		places[i] = placeOf(p)
	}
	var err error
	s.Rest, err = sift(body, s.files, places, limit)
	return s, err
}

// Len tells how many files came.
func (s Sifted) Len() int { return len(s.files.byMark) }

// File gives what a text stands for: a file, or what is wrong with it; false when it is only a text.
func (s Sifted) File(mark string) (f *outbound.Spooled, problem string, ok bool) {
	c, ok := s.files.byMark[mark]
	return c.Spooled, c.problem, ok
}

// Close throws the files away.
func (s Sifted) Close() error { return s.files.close() }
