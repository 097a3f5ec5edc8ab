package store

import (
	"context"
	"fmt"
	"time"
)

// farAhead is how far ahead a send time can be: every process holds one that is not used yet. One
// that lies farther was reserved by a process whose clock is wrong, and does not count.
const farAhead = 10 * time.Second

// ReserveBudget takes the next free send time of a tenant's request budget, which all processes
// share, and gives how long it is until then. interval is the distance between two requests.
func (s *Store) ReserveBudget(ctx context.Context, tenant string, interval time.Duration) (time.Duration, error) {
	now := s.now()
	var next int64
	err := s.write.QueryRowContext(ctx, `INSERT INTO budgets (tenant, next_at) VALUES ($1, $2)
		ON CONFLICT (tenant) DO UPDATE SET next_at = CASE WHEN budgets.next_at > $3 AND budgets.next_at < $4 THEN budgets.next_at + $5 ELSE $6 END
		RETURNING next_at`,
		tenant, now.Add(interval).UnixMicro(), now.UnixMicro(), now.Add(farAhead+20*interval).UnixMicro(), interval.Microseconds(), now.Add(interval).UnixMicro()).Scan(&next)
	if err != nil {
		return 0, fmt.Errorf("reserve the request budget of %s: %w", tenant, err)
	}
	return time.UnixMicro(next).Add(-interval).Sub(now), nil
}
