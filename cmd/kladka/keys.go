package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/store"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make an API key and print it, alone, on standard output."`
	List   keysListCmd   `cmd:"" help:"List the API keys."`
	Revoke keysRevokeCmd `cmd:"" help:"End an API key at once."`
}

type keysCreateCmd struct {
	Name     string   `arg:"" help:"What the key is for, such as the name of your application."`
	Settings settings `embed:""`
}

// Help is shown by --help.
func (*keysCreateCmd) Help() string {
	return `The key is shown this once: only its hash is stored.

Example:

  export KOMBO_API_KEY=$(kladka keys create my-job-board)`
}

// Run makes a key.
func (c *keysCreateCmd) Run(s *surroundings) error {
	name := strings.TrimSpace(c.Name)
	if name == "" {
		return usageError("the key needs a name that says what it is for")
	}
	return c.Settings.with(s, func(a *app.App) error {
		key, plain, err := a.Store.CreateKey(s.ctx, name)
		if err != nil {
			return err
		}
		s.print("%s", plain)
		s.say("API key %q was made (ID %s). It is not shown again.", key.Name, key.ID)
		return nil
	})
}

type keysListCmd struct {
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// keyJSON is an API key for scripts.
type keyJSON struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Prefix     string  `json:"prefix"`
	CreatedAt  *string `json:"created_at"`
	LastUsedAt *string `json:"last_used_at"`
	RevokedAt  *string `json:"revoked_at"`
}

// Run lists the keys.
func (c *keysListCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		keys, err := a.Store.Keys(s.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			out := []keyJSON{}
			for _, k := range keys {
				out = append(out, keyJSON{k.ID, k.Name, k.Prefix, stamp(&k.CreatedAt), stamp(k.LastUsedAt), stamp(k.RevokedAt)})
			}
			return printJSON(s.stdout, out)
		}
		if len(keys) == 0 {
			s.say("There is no API key yet. Make one: kladka keys create NAME")
			return nil
		}
		t := newTable("ID", "NAME", "KEY", "MADE", "LAST USED", "STATE")
		for _, k := range keys {
			state := "active"
			if k.RevokedAt != nil {
				state = "revoked"
			}
			now := time.Now()
			t.row(k.ID, k.Name, k.Prefix+"…", ago(&k.CreatedAt, now), ago(k.LastUsedAt, now), state)
		}
		return t.write(s.stdout)
	})
}

type keysRevokeCmd struct {
	Key      string   `arg:"" help:"The key's ID, its name if only one active key has it, or the key itself."`
	Settings settings `embed:""`
}

// Run revokes a key.
func (c *keysRevokeCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		key, err := findKey(s, a, c.Key)
		if err != nil {
			return err
		}
		if err := a.Store.RevokeKey(s.ctx, key.ID); err != nil {
			return err
		}
		s.say("API key %q (ID %s) was revoked.", key.Name, key.ID)
		return nil
	})
}

func findKey(s *surroundings, a *app.App, named string) (store.APIKey, error) {
	if key, err := a.Store.KeyByPlain(s.ctx, named); err == nil {
		return key, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return store.APIKey{}, err
	}
	keys, err := a.Store.Keys(s.ctx)
	if err != nil {
		return store.APIKey{}, err
	}
	var found []store.APIKey
	for _, k := range keys {
		if k.RevokedAt == nil && (k.ID == named || k.Name == named) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return store.APIKey{}, fmt.Errorf("there is no active API key %q; `kladka keys list` shows them", named)
	default:
		return store.APIKey{}, fmt.Errorf("%d active API keys are named %q; give the ID that `kladka keys list` shows", len(found), named)
	}
}
