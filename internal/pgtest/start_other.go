//go:build !unix

package pgtest

// start knows Unix only; PGTEST_URL works everywhere.
func start() (*server, error) { return nil, ErrMissing }
