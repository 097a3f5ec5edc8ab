package traffit

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kladka/kladka/internal/outbound"
)

// slow is a body of which each read takes a while.
type slow struct {
	ctx   context.Context
	takes time.Duration
}

func (s slow) Read(p []byte) (int, error) {
	select {
	case <-time.After(s.takes):
		return 1, nil
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func (slow) Close() error { return nil }

// A content may come slowly, and be read slowly, but not stand still.
func TestFlowThatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, ctx := newFlow(t.Context())
		f.body = slow{ctx, streamPatience - time.Second}
		for range 10 {
			if _, err := io.ReadFull(f, make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * streamPatience)
		}
		f.body = slow{ctx, streamPatience + time.Second}
		_, err := f.Read(make([]byte, 1))
		if _, late := errors.AsType[*outbound.TimeoutError](err); !late {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}
