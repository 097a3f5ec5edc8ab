package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

type scopesCmd struct {
	List    scopesListCmd    `cmd:"" help:"List the scope configurations."`
	Show    scopesShowCmd    `cmd:"" help:"Show what a scope configuration switches off or lets the customer decline."`
	Create  scopesCreateCmd  `cmd:"" help:"Make a scope configuration."`
	Update  scopesUpdateCmd  `cmd:"" help:"Change a scope configuration, for all integrations that have it."`
	Default scopesDefaultCmd `cmd:"" help:"Make a scope configuration that of new integrations."`
}

// Help is shown by --help.
func (*scopesCmd) Help() string {
	return `A scope configuration says which models and fields are read, and which actions are allowed. What it switches off is hidden
at once, erased by the next sync, and asked of no customer. What it does not name is on, but for remote_data.

Models may be written without ats_. GET /v1/tools/ats lists all models, fields and actions.

Examples:

  kladka scopes create 'No phones' --off candidates.phone_numbers,users --optional candidates.source
  kladka scopes create Sourcing --off reject_application,move_application_to_stage --on candidates.remote_data
  kladka scopes default 'No phones'
  kladka integrations scopes acme 'No phones'`
}

// scopesJSON is a scope configuration for scripts, and in files.
type scopesJSON struct {
	ID        string  `json:"id,omitempty"`
	Name      string  `json:"name,omitempty"`
	Default   bool    `json:"is_default"`
	CreatedAt *string `json:"created_at"`
	UpdatedAt *string `json:"updated_at"`
	ats.ScopeConfig
}

func scopesAsJSON(c store.ScopeConfig) scopesJSON {
	return scopesJSON{c.ID, c.Name, c.Default, stamp(&c.CreatedAt), stamp(&c.UpdatedAt), c.Config}
}

type scopesListCmd struct {
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// Run lists scope configurations.
func (c *scopesListCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		all, err := a.Store.ScopeConfigs(s.ctx)
		if err != nil {
			return err
		}
		integrations, err := a.Integrations(s.ctx)
		if err != nil {
			return err
		}
		uses := map[string]int{}
		for _, i := range integrations {
			uses[i.ScopeConfig.ID]++
		}
		out := []scopesJSON{}
		t := newTable("ID", "NAME", "DEFAULT", "INTEGRATIONS")
		for _, one := range all {
			out = append(out, scopesAsJSON(one))
			isDefault := "-"
			if one.Default {
				isDefault = "yes"
			}
			t.row(one.ID, one.Name, isDefault, fmt.Sprint(uses[one.ID]))
		}
		if c.JSON {
			return printJSON(s.stdout, out)
		}
		return t.write(s.stdout)
	})
}

type scopesShowCmd struct {
	Config   string   `arg:"" help:"Scope configuration, by ID or name."`
	JSON     bool     `name:"json" help:"Print JSON."`
	Settings settings `embed:""`
}

// Run shows a scope configuration.
func (c *scopesShowCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		one, err := a.FindScopeConfig(s.ctx, c.Config)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.stdout, scopesAsJSON(one))
		}
		t := newTable("WHAT", "SETTING")
		for _, m := range ats.Models() {
			scope := one.Config.Models[m]
			if setting := one.Config.Model(m); setting != ats.Enabled {
				t.row(string(m), string(setting))
			}
			for _, f := range slices.Sorted(maps.Keys(scope.Fields)) {
				if setting := one.Config.Field(m, f); setting != (ats.ScopeConfig{}).Field(m, f) {
					t.row(string(m)+"."+f, string(setting))
				}
			}
		}
		for _, action := range slices.Sorted(maps.Keys(one.Config.Actions)) {
			if setting := one.Config.Action(action); setting != ats.Enabled {
				t.row(action, string(setting))
			}
		}
		if len(t.rows) == 1 {
			s.say("%s switches nothing off but remote_data.", one.Name)
			return nil
		}
		return t.write(s.stdout)
	})
}

// scopeFlags say what is on, off or optional.
type scopeFlags struct {
	File     string   `help:"JSON file with models and actions, as show --json prints them; - reads standard input." placeholder:"FILE"`
	Off      []string `help:"Switch off: MODEL, MODEL.FIELD or ACTION." placeholder:"WHAT"`
	Optional []string `help:"Let the customer decline: MODEL, MODEL.FIELD or ACTION." placeholder:"WHAT"`
	On       []string `help:"Switch on: MODEL, MODEL.FIELD or ACTION." placeholder:"WHAT"`
}

// apply gives a configuration as the flags want it: that of the file instead of the one that there was, then
// with what is named.
func (f scopeFlags) apply(s *surroundings, a *app.App, config ats.ScopeConfig) (ats.ScopeConfig, error) {
	if f.File != "" {
		var err error
		if config, err = readScopes(s, f.File); err != nil {
			return config, err
		}
	}
	if config.Models == nil {
		config.Models = map[ats.Model]ats.ModelScope{}
	}
	if config.Actions == nil {
		config.Actions = map[string]ats.Setting{}
	}
	for _, flag := range []struct {
		words   []string
		setting ats.Setting
	}{{f.Off, ats.Disabled}, {f.Optional, ats.Optional}, {f.On, ats.Enabled}} {
		for _, word := range flag.words {
			set(config, a.Tools(), word, flag.setting)
		}
	}
	if problems := a.CheckScopes(config); len(problems) > 0 {
		words := make([]string, len(problems))
		for n, p := range problems {
			words[n] = p.String()
		}
		return config, usageError("%s", strings.Join(words, "; "))
	}
	return config, nil
}

// set gives a model, a field or an action a setting. Whether there is such a thing is for others to judge.
func set(config ats.ScopeConfig, tools []connector.Tool, word string, setting ats.Setting) {
	const prefix = "ats_"
	if !strings.HasPrefix(word, prefix) {
		word = prefix + word
	}
	if slices.ContainsFunc(tools, func(t connector.Tool) bool {
		return slices.ContainsFunc(t.Actions, func(c connector.ActionCoverage) bool { return c.ID == word })
	}) {
		config.Actions[word] = setting
		return
	}
	model, field, isField := strings.Cut(word, ".")
	scope := config.Models[ats.Model(model)]
	if isField {
		fields := maps.Clone(scope.Fields)
		if fields == nil {
			fields = map[string]ats.Setting{}
		}
		fields[field] = setting
		scope.Fields = fields
	} else {
		scope.Setting = setting
	}
	config.Models[ats.Model(model)] = scope
}

func readScopes(s *surroundings, file string) (ats.ScopeConfig, error) {
	const most = 1 << 20
	in := s.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return ats.ScopeConfig{}, usageError("--file: %w", err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return ats.ScopeConfig{}, usageError("--file: %w", err)
	}
	if len(b) > most {
		return ats.ScopeConfig{}, usageError("--file: must have at most %d bytes", most)
	}
	var read scopesJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&read); err != nil {
		return ats.ScopeConfig{}, usageError("--file: must be a JSON object with models and actions: %w", err)
	}
	return read.ScopeConfig, nil
}

// scopesName judges a name as the API does.
func scopesName(name string) (string, error) {
	const most = 200
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > most || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", usageError("name: must be one line of 1 to %d characters", most)
	}
	return name, nil
}

type scopesCreateCmd struct {
	Name     string     `arg:"" help:"By which people know it."`
	Flags    scopeFlags `embed:""`
	Settings settings   `embed:""`
}

// Help is shown by --help.
func (*scopesCreateCmd) Help() string {
	return `Prints its ID. Nothing changes until an integration or a link gets it, or it is made the default.

Examples:

  kladka scopes create 'No phones' --off candidates.phone_numbers --optional tags,candidates.source
  kladka scopes create Copy --file scopes.json`
}

// Run makes a scope configuration and prints its ID.
func (c *scopesCreateCmd) Run(s *surroundings) error {
	name, err := scopesName(c.Name)
	if err != nil {
		return err
	}
	return c.Settings.with(s, func(a *app.App) error {
		config, err := c.Flags.apply(s, a, ats.ScopeConfig{})
		if err != nil {
			return err
		}
		one, err := a.Store.AddScopeConfig(s.ctx, name, config)
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("there is a scope configuration %q already; `kladka scopes update` changes it", name)
		} else if err != nil {
			return err
		}
		s.print("%s", one.ID)
		return nil
	})
}

type scopesUpdateCmd struct {
	Config   string     `arg:"" help:"Scope configuration, by ID or name."`
	Name     string     `help:"Give it another name." placeholder:"NAME"`
	Flags    scopeFlags `embed:""`
	Settings settings   `embed:""`
}

// Help is shown by --help.
func (*scopesUpdateCmd) Help() string {
	return `What is switched off is hidden at once and erased by the next sync of each integration; what is switched on is read by it.

Examples:

  kladka scopes update 'No phones' --on candidates.phone_numbers --off candidates.location
  kladka scopes update 'No phones' --name 'No places'`
}

// Run changes a scope configuration.
func (c *scopesUpdateCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		one, err := a.FindScopeConfig(s.ctx, c.Config)
		if err != nil {
			return err
		}
		name := one.Name
		if c.Name != "" {
			if name, err = scopesName(c.Name); err != nil {
				return err
			}
		}
		config, err := c.Flags.apply(s, a, one.Config)
		if err != nil {
			return err
		}
		_, err = a.Store.UpdateScopeConfig(s.ctx, one.ID, name, config)
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("another scope configuration is called %q already", name)
		} else if err != nil {
			return err
		}
		s.say("Done. Integrations whose data do not match any more are synced again.")
		return nil
	})
}

type scopesDefaultCmd struct {
	Config   string   `arg:"" help:"Scope configuration, by ID or name."`
	Settings settings `embed:""`
}

// Help is shown by --help.
func (*scopesDefaultCmd) Help() string {
	return `Integrations that are there keep theirs. A link may name another one.

Example:

  kladka scopes default 'No phones'`
}

// Run changes the default.
func (c *scopesDefaultCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		one, err := a.FindScopeConfig(s.ctx, c.Config)
		if err != nil {
			return err
		}
		if err := a.Store.SetDefaultScopeConfig(s.ctx, one.ID); err != nil {
			return err
		}
		s.say("New integrations get %s, unless told otherwise.", one.Name)
		return nil
	})
}
