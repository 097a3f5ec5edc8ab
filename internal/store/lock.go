package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ErrLocked means that another process works on the embedded database.
var ErrLocked = errors.New("another process works on this database")

// LockWork takes the right to work on an embedded database: one process at a time syncs into a
// SQLite file. The operating system holds the lock and frees it when the process ends, however it
// ends. On PostgreSQL it does nothing: there leases order the workers.
func (s *Store) LockWork() (release func() error, err error) {
	if !s.Embedded() {
		return func() error { return nil }, nil
	}
	path := s.path + ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock beside the database: %w", err)
	}
	if err := lockFile(f); err != nil {
		pid, _ := os.ReadFile(path) // only to name the holder
		closeErr := f.Close()
		if errors.Is(err, errLockHeld) {
			return nil, errors.Join(fmt.Errorf("%w (process %s, lock %s)", ErrLocked, strings.TrimSpace(string(pid)), path), closeErr)
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), closeErr)
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintln(os.Getpid()))); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), f.Close())
	}
	return f.Close, nil // closing frees the lock
}

// lockMigrations keeps processes that open an embedded database together from migrating it at
// once: goose has a lock for PostgreSQL only. It waits until the others are done.
func (s *Store) lockMigrations(ctx context.Context) (release func() error, err error) {
	if !s.Embedded() {
		return func() error { return nil }, nil
	}
	f, err := os.OpenFile(s.path+".migrating", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock for migrations: %w", err)
	}
	for {
		err := lockFile(f)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, errLockHeld) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// errLockHeld is what lockFile gives when another process holds the lock.
var errLockHeld = errors.New("the lock is held")
