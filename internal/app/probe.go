package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/budget"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// Probed is what a probe found out.
type Probed struct {
	Findings []connector.Finding
	// Before holds what was known before, by detail. What a probe leaves undecided stays as it was.
	Before  map[string]string
	Traffic Traffic
}

// probeWithin bounds a probe, its requests' turns in the budget apart.
const (
	probeWithin   = 15 * time.Minute
	probeRequests = 60
)

// Probe finds out how an integration's ATS answers, by reads alone and behind everything else that
// is asked of it, and stores what is now known of it.
func (a *App) Probe(ctx context.Context, i store.Integration, save func(name string, sample []byte) error) (Probed, error) {
	conn, tenant, err := a.tenants.open(ctx, i)
	if err != nil {
		return Probed{}, err
	}
	within := probeWithin + a.turns(probeRequests)
	probeCtx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("the probe did not end within %v", within))
	defer cancel()
	probeCtx, seen := withTraffic(budget.WithLane(probeCtx, budget.Background))
	findings, err := tenant.Probe(probeCtx, save)
	if err != nil {
		return Probed{Traffic: seen.sum()}, explain(err)
	}
	if i, err = a.Store.Integration(ctx, i.ID); err != nil {
		return Probed{}, fmt.Errorf("read the integration again: %w", err)
	}
	known := map[string]string{}
	for _, d := range conn.Tool().Details {
		variant := i.Settings.Confirmed[d.ID]
		if n := slices.IndexFunc(findings, func(f connector.Finding) bool { return f.Detail == d.ID && f.Variant != "" }); n >= 0 {
			variant = findings[n].Variant
		}
		if variant != "" {
			known[d.ID] = variant
		}
	}
	before, err := a.Store.SetConfirmed(ctx, i.No, known)
	if err != nil {
		return Probed{}, err
	}
	return Probed{Findings: findings, Before: before, Traffic: seen.sum()}, nil
}
