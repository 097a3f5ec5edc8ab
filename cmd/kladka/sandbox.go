package main

import (
	"encoding/json"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/sandbox"
)

// sandboxSize is how much data the simulator makes up.
type sandboxSize struct {
	Seed         uint64 `help:"Seed of the made-up data: the same seed gives the same data; default: ${default}." default:"1"`
	Candidates   int    `help:"Number of candidates; default: ${default}." default:"300"`
	Recruitments int    `help:"Number of recruitments; default: one for five candidates, at most 4000."`
	Users        int    `help:"Number of users; default: ${default}." default:"12"`
	Adverts      int    `help:"Number of published adverts; default: at most 25."`
}

func (z sandboxSize) config() sandbox.Config {
	c := sandbox.Config{
		Seed: z.Seed, Candidates: z.Candidates, Recruitments: z.Recruitments, Users: z.Users, Adverts: z.Adverts,
	}
	if c.Recruitments == 0 {
		c.Recruitments = min(max(z.Candidates/5, 1), 4000)
	}
	if c.Adverts == 0 {
		c.Adverts = min(c.Recruitments, 25)
	}
	return c
}

type sandboxCmd struct {
	Addr    string            `help:"Address to listen on; default: ${default}." default:"127.0.0.1:8090" placeholder:"HOST:PORT"`
	Tenant  string            `help:"Name of the tenant that is served at the root; any other is made at /t/NAME when first asked for; default: ${default}." default:"demo"`
	Size    sandboxSize       `embed:""`
	Latency time.Duration     `help:"Time added to every API answer, such as 250ms."`
	Switch  map[string]string `help:"Set a switch that changes how the simulator behaves, such as fail.500=0.01 or rate.limit=5. May be repeated." placeholder:"NAME=VALUE"`
	List    bool              `help:"List the switches and end." name:"list-switches"`
	JSON    bool              `help:"Print the credentials as JSON." name:"json"`
}

// Help is shown by --help.
func (*sandboxCmd) Help() string {
	return `Simulates TRAFFIT: OAuth tokens, the Integration API v2, the public job feed, and the habits of real tenants.
Below /_sandbox/ it tells the whole truth about its data, and changes it behind the API's back; GET /_sandbox/ lists how.

Examples:

  kladka sandbox --candidates 44000 --latency 300ms
  kladka sandbox --switch fail.500=0.01 --switch sort.ignore=employees
  curl -X POST 'http://127.0.0.1:8090/_sandbox/random?n=20'      # changes twenty things`
}

// Run serves the simulator until it is interrupted.
func (c *sandboxCmd) Run(s *surroundings) error {
	config := c.Size.config()
	config.Tenant, config.Latency, config.Switches = c.Tenant, c.Latency, c.Switch
	if c.List {
		return listSwitches(s)
	}
	l, err := app.Listen(s.ctx, c.Addr)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // serving closes it too
	base := "http://" + l.Addr().String()
	config.PublicURL = base
	box, err := sandbox.New(config)
	if err != nil {
		return usageError("%w; `kladka sandbox --help` and --list-switches say what there is", err)
	}
	credentials := box.Credentials()
	credentials.BaseURL = base
	if c.JSON {
		if err := json.NewEncoder(s.stdout).Encode(credentials); err != nil {
			return err
		}
	} else {
		s.print("TRAFFIT simulator  %s", base)
		s.print("tenant             %s", box.Name())
		s.print("client ID          %s", credentials.ClientID)
		s.print("client secret      %s", credentials.ClientSecret)
		s.print("admin              %s/_sandbox/", base)
		s.print("")
		s.print("Connect it to a server that runs with KLADKA_TRAFFIT_URL=%s:", base)
		s.print("")
		s.print("  export KLADKA_TRAFFIT_URL=%s", base)
		s.print("  echo %s | %s integrations add traffit --tenant %s --client-id %s \\", credentials.ClientSecret, program(), box.Name(), credentials.ClientID)
		s.print("    --client-secret-file - --organization 'Demo Ltd'")
	}
	return app.ServeHTTP(s.ctx, l, box, s.log)
}

func listSwitches(s *surroundings) error {
	box, err := sandbox.New(sandbox.Config{Candidates: 1, Recruitments: 1, Users: 1, Adverts: 1})
	if err != nil {
		return err
	}
	t := newTable("SWITCH", "DEFAULT", "VALUES", "ABOUT")
	for _, w := range box.Switches() {
		t.row(w.Name, orDash(w.Default), strings.Join(w.Values, "|"), w.About)
	}
	return t.write(s.stdout)
}

// freeListener listens on a loopback port that is free.
func freeListener(s *surroundings) (net.Listener, error) { return app.Listen(s.ctx, "127.0.0.1:0") }

// shellQuote makes a word that a shell reads as it is.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// program is how this command was called, for examples that can be pasted.
func program() string {
	name := os.Args[0]
	if strings.HasSuffix(name, ".test") || slices.Contains([]string{"", "kladka"}, name) {
		return "kladka"
	}
	return shellQuote(name)
}
