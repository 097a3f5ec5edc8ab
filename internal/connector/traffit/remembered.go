package traffit

import (
	"sync"
	"time"
)

// remembered is something about a tenant that is not read for each action. It is safe for concurrent
// use.
type remembered[T any] struct {
	mu   sync.Mutex
	read time.Time // zero: never
	is   T
}

// get gives what was read not longer ago than age, or reads it.
func (m *remembered[T]) get(now func() time.Time, age time.Duration, read func() (T, error)) (T, error) {
	m.mu.Lock()
	is, fresh := m.is, !m.read.IsZero() && now().Sub(m.read) < age
	m.mu.Unlock()
	if fresh {
		return is, nil
	}
	is, err := read()
	if err != nil {
		return is, err
	}
	m.mu.Lock()
	m.is, m.read = is, now()
	m.mu.Unlock()
	return is, nil
}
