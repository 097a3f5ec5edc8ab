package outbound

import (
	"context"
	"errors"
	"time"
)

// Fetcher reads contents from addresses that users give.
type Fetcher struct {
	Guard Guard
	Spool *Spool
	// Within bounds one fetch (default: a minute).
	Within time.Duration
}

// Fetched is a content that was read from an address.
type Fetched struct {
	*Spooled
	ContentType string // as the other side declared it, without parameters; may be empty
}

// Fetch reads an address, of http or https, and keeps at most limit bytes. Its errors can be told
// to the client: they say what was wrong with the address, without its query.
func (f Fetcher) Fetch(context.Context, string, int64) (Fetched, error) {
	return Fetched{}, errNotBuilt
}

// errNotBuilt keeps the place of what is being built.
var errNotBuilt = errors.New("not built yet")
