package api

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/outbound"
)

// Bodies may bring files, as base64 within their JSON. Held as they come, a file of 25 MB would take
// a multiple of that in memory. So the body is sifted while it arrives: files are decoded into the
// spool, and a mark that nobody can guess stands in their place in the small rest, which is then
// treated like any other body.

// Bounds of what a request may bring.
const (
	maxFiles   = 20
	maxAllData = 100 << 20 // or as much as one file may have
	// DefaultMaxFile is how large one file may be unless the server is told otherwise.
	DefaultMaxFile = 25 << 20
)

// place is where in a body the content of a file stands: keys, and "[]" for any element of an array.
type place []string

func placeOf(path string) place {
	return strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".")
}

// deepest is how deep a file may stand. What is deeper need not be told apart.
const deepest = 5

// contents are the files of one request: those that came with it, by their marks, and those that
// were fetched for it.
type contents struct {
	spool           *outbound.Spool
	maxFile, maxAll int64

	secret string
	left   int64 // of maxAll
	byMark map[string]content
	kept   []*outbound.Spooled
}

// content is one file, or what is wrong with it.
type content struct {
	*outbound.Spooled
	problem  string
	tooLarge bool
}

func newContents(spool *outbound.Spool, maxFile int64) *contents {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	all := max(maxAllData, maxFile)
	return &contents{spool: spool, maxFile: maxFile, maxAll: all, secret: hex.EncodeToString(b[:]), left: all, byMark: map[string]content{}}
}

// maxUpload bounds the whole body: base64 takes a third more, escapes and line breaks a bit.
func (c *contents) maxUpload() int64 { return c.maxAll*3/2 + maxBody }

// of gives the content for which a mark stands.
func (c *contents) of(mark string) content {
	if found, ok := c.byMark[mark]; ok {
		return found
	}
	return content{problem: "must be base64"}
}

// keep holds a content until the request is over.
func (c *contents) keep(f *outbound.Spooled) { c.kept = append(c.kept, f) }

// close throws all contents away.
func (c *contents) close() error {
	var errs []error
	for _, f := range c.kept {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// take reads a content to its end and gives the mark for it. What is wrong with the content waits
// for the handler, which can name it; an error means that the body cannot be read on.
func (c *contents) take(t *quoted) (mark string, err error) {
	mark = fmt.Sprintf("%s%04x", c.secret, len(c.byMark)) // hexadecimal is base64, too
	found, err := c.read(t)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, t); err != nil {
		return "", err
	}
	c.byMark[mark] = found
	return mark, nil
}

func (c *contents) read(t *quoted) (content, error) {
	if len(c.byMark) >= maxFiles {
		return content{problem: fmt.Sprintf("is one of more than %d files", maxFiles)}, nil
	}
	limit := min(c.maxFile, c.left)
	kept, err := c.spool.Keep(base64.NewDecoder(base64.StdEncoding, t), limit)
	if err == nil {
		c.left -= kept.Size
		c.keep(kept)
		return content{Spooled: kept}, nil
	}
	if t.err != nil && t.err != io.EOF { //nolint:errorlint // io.EOF is never wrapped here
		return content{}, t.err
	}
	if _, full := errors.AsType[*outbound.SpoolError](err); full {
		return content{}, err
	}
	if _, large := errors.AsType[*outbound.TooLargeError](err); large {
		problem := fmt.Sprintf("must have at most %d bytes", c.maxFile)
		if limit < c.maxFile {
			problem = fmt.Sprintf("makes all files together larger than %d bytes", c.maxAll)
		}
		return content{problem: problem, tooLarge: true}, nil
	}
	return content{problem: "must be base64"}, nil
}

// errJSON means that a text within a body is none of JSON.
var errJSON = errors.New("must be JSON")

// sift reads a body without the contents of its files, at most limit bytes. It does not judge the
// rest: only where texts begin and end, and which keys lead to them, matters here.
func sift(body io.Reader, into *contents, places []place, limit int) ([]byte, error) {
	s := &sieve{in: bufio.NewReaderSize(body, 32<<10), into: into, places: places, limit: limit}
	if err := s.run(); err != nil {
		return nil, err
	}
	return s.out.Bytes(), nil
}

type sieve struct {
	in     *bufio.Reader
	out    bytes.Buffer
	limit  int
	into   *contents
	places []place

	depth int
	// levels are the open objects and arrays; deeper ones are only counted.
	levels [deepest]level
}

// level is an open object or array.
type level struct {
	array   bool
	wantKey bool   // the next text is a key
	key     string // of the value that comes next
}

// restTooLarge means that a body is too large even without its files.
type restTooLarge struct{ limit int }

func (e *restTooLarge) Error() string {
	return fmt.Sprintf("the body has more than %d bytes beside its files", e.limit)
}

func (s *sieve) run() error {
	for {
		b, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch b {
		case '"':
			err = s.text()
		case '{', '[':
			s.depth++
			if l := s.level(); l != nil {
				*l = level{array: b == '[', wantKey: b == '{'}
			}
			err = s.put(b)
		case '}', ']':
			s.depth = max(s.depth-1, 0)
			err = s.put(b)
		case ':', ',':
			if l := s.level(); l != nil {
				l.wantKey = b == ',' && !l.array
			}
			err = s.put(b)
		default:
			err = s.put(b)
		}
		if err != nil {
			return err
		}
	}
}

// level is the innermost open object or array; nil when there is none that matters.
func (s *sieve) level() *level {
	if s.depth < 1 || s.depth > deepest {
		return nil
	}
	return &s.levels[s.depth-1]
}

func (s *sieve) put(b ...byte) error {
	if s.out.Len()+len(b) > s.limit {
		return &restTooLarge{s.limit}
	}
	s.out.Write(b)
	return nil
}

// text deals with a text whose first quote was read.
func (s *sieve) text() error {
	l := s.level()
	switch {
	case l != nil && l.wantKey:
		begin := s.out.Len()
		if err := s.copyText(); err != nil {
			return err
		}
		l.key = keyOf(s.out.Bytes()[begin:])
		return nil
	case slices.ContainsFunc(s.places, s.at):
		mark, err := s.into.take(&quoted{in: s.in})
		if err != nil {
			return err
		}
		return s.put([]byte(`"` + mark + `"`)...)
	}
	return s.copyText()
}

// at reports whether the value that begins here stands in a place.
func (s *sieve) at(p place) bool {
	if s.depth != len(p) {
		return false
	}
	for i, name := range p {
		l := s.levels[i]
		if l.array != (name == "[]") || !l.array && l.key != name {
			return false
		}
	}
	return true
}

// keyOf reads a key. Long ones lead nowhere.
func keyOf(raw []byte) string {
	const long = 200
	var key string
	if len(raw) > long || json.Unmarshal(raw, &key) != nil {
		return ""
	}
	return key
}

// copyText copies a text with its quotes as it is.
func (s *sieve) copyText() error {
	if err := s.put('"'); err != nil {
		return err
	}
	for {
		b, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil // whoever reads the rest sees that it breaks off
		} else if err != nil {
			return err
		}
		if err := s.put(b); err != nil || b == '"' {
			return err
		}
		if b == '\\' {
			if b, err = s.in.ReadByte(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := s.put(b); err != nil {
				return err
			}
		}
	}
}

// quoted reads what a text of JSON says, up to its closing quote.
type quoted struct {
	in  *bufio.Reader
	err error // io.EOF at the end of the text
}

func (q *quoted) Read(p []byte) (n int, err error) {
	for q.err == nil && n < len(p) {
		if _, q.err = q.in.Peek(1); q.err != nil {
			if errors.Is(q.err, io.EOF) {
				q.err = errJSON // the body broke off within the text
			}
			break
		}
		ahead, _ := q.in.Peek(min(q.in.Buffered(), len(p)-n)) // they are there
		plain := 0
		for plain < len(ahead) && !special(ahead[plain]) {
			plain++
		}
		n += copy(p[n:], ahead[:plain])
		_, q.err = q.in.Discard(plain)
		if q.err == nil && plain < len(ahead) {
			n += q.special(p[n:])
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, q.err
}

// special characters are those that do not stand for themselves. Bytes beyond ASCII are never
// base64, whatever they stand for.
func special(b byte) bool { return b == '"' || b == '\\' || b < ' ' }

// special reads one such character and gives how many bytes it stands for.
func (q *quoted) special(p []byte) int {
	b, err := q.in.ReadByte()
	if err != nil {
		q.err = err
		return 0
	}
	switch b {
	case '"':
		q.err = io.EOF
		return 0
	case '\\':
		if p[0], q.err = q.escape(); q.err != nil {
			return 0
		}
		return 1
	}
	q.err = errJSON
	return 0
}

// escape reads what follows a backslash. Characters beyond ASCII become a byte that is no base64.
func (q *quoted) escape() (byte, error) {
	b, err := q.in.ReadByte()
	if err != nil {
		return 0, broken(err)
	}
	switch b {
	case '"', '\\', '/':
		return b, nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		var digits [4]byte
		if _, err := io.ReadFull(q.in, digits[:]); err != nil {
			return 0, broken(err)
		}
		var code [2]byte
		if _, err := hex.Decode(code[:], digits[:]); err != nil {
			return 0, errJSON
		}
		if code[0] != 0 || code[1] >= utf8.RuneSelf {
			return 0xff, nil
		}
		return code[1], nil
	}
	return 0, errJSON
}

func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errJSON
	}
	return err
}
