package app

import (
	"context"
	"fmt"

	"github.com/kladka/kladka/internal/connect"
)

// openConnect prepares what brings customers' accounts in.
func (a *App) openConnect(ctx context.Context) error {
	links, err := a.keys.Derive(ctx, a.Store, "links")
	if err != nil {
		return fmt.Errorf("prepare the key for links: %w", err)
	}
	activation, err := a.keys.Derive(ctx, a.Store, "activation")
	if err != nil {
		return fmt.Errorf("prepare the key for activation tokens: %w", err)
	}
	a.connect = connect.New(connect.Config{
		Store: a.Store, Keys: a.keys, LinkKeys: links, ActivationKeys: activation,
		Connectors: a.tenants.connectors, Connect: a.tenants.connect, Open: a.tenants.open,
		Seal: func(id string, credentials map[string]string) (string, error) {
			return sealCredentials(a.keys, id, credentials)
		},
		Enqueue: a.jobs.Enqueue, PublicURL: func() string { return a.Config.PublicURL },
		OnlyCreated: a.Config.OnlyCreated, Within: checkWithin + a.turns(checkRequests),
		Trail: a.trail, Log: a.Config.Log, Point: a.Config.Point,
	})
	a.close = append(a.close, a.connect.Close)
	return nil
}

// Links makes, lists and revokes links.
func (a *App) Links() connect.Links { return a.connect }
