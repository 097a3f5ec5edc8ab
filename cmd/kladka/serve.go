package main

import (
	"net"

	"github.com/kladka/kladka/internal/app"
)

type serveCmd struct {
	Addr     string   `help:"Address to listen on; default: ${default}." default:"127.0.0.1:8080" placeholder:"HOST:PORT" setting:"KLADKA_ADDR"`
	Role     string   `help:"What this process does: ${enum}; default: ${default}. api and worker split the work over several processes and need PostgreSQL." enum:"all,api,worker" default:"all" placeholder:"ROLE"`
	Settings settings `embed:""`
}

// Help is shown by --help.
func (*serveCmd) Help() string {
	return `Serves the API at /v1, keeps the integrations in sync, and runs until it is interrupted. With SQLite, the default, one
process does everything; with PostgreSQL any number may run, split by --role or not.

Examples:

  kladka serve                                            SQLite in the user's data folder
  KLADKA_DATA_DIR=/var/lib/kladka kladka serve --addr :8080
  KLADKA_DATABASE_URL=postgres://kladka@db/kladka kladka serve --role worker

It answers GET /healthz when it runs, GET /readyz when it can serve, GET /metrics for Prometheus, and describes the API
at /openapi.json.`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(s *surroundings) error {
	role := app.Role(c.Role)
	var l net.Listener
	var err error
	if role != app.RoleWorker {
		if l, err = app.Listen(s.ctx, c.Addr); err != nil {
			return err
		}
		defer l.Close() //nolint:errcheck // serving closes it too
	}
	return c.Settings.with(s, func(a *app.App) error { return a.Run(s.ctx, role, l) })
}
