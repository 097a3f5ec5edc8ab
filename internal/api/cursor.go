package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// cursor is a place in a list. It knows to which list it belongs, so that a cursor that strayed
// is told apart from the end of the data; it does not know the filters, which clients repeat and
// may spell out differently from page to page.
type cursor struct {
	list  string // the model or the name of the list
	scope string // the integration's ID; "-" for none
	at    int64
	id    string
}

const cursorVersion = "1"

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(
		[]string{cursorVersion, c.list, c.scope, strconv.FormatInt(c.at, 10), c.id}, " ")))
}

var errCursor = errors.New("is not a cursor that this API gave out; start again without it")

// parseCursor reads a cursor of a list. Padding is allowed: some clients add it.
func parseCursor(text, list, scope string) (*cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errCursor
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) != 5 {
		return nil, errCursor
	}
	if parts[0] != cursorVersion {
		return nil, errors.New("was given out by another version of Kladka; start again without it")
	}
	at, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil || at < 0 || !validText(parts[4]) {
		return nil, errCursor
	}
	if parts[1] != list {
		return nil, fmt.Errorf("belongs to another list (%s)", shorten(strings.ToValidUTF8(parts[1], "?")))
	}
	if parts[2] != scope {
		return nil, errors.New("belongs to another integration")
	}
	return &cursor{list: list, scope: scope, at: at, id: parts[4]}, nil
}
