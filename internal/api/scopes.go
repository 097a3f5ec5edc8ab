package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
)

// ScopeConfig says what is read and done for integrations.
type ScopeConfig struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	IsDefault bool   `json:"is_default" doc:"Whether new integrations get it."`
	Scopes
	CreatedAt string `json:"created_at" format:"date-time"`
	UpdatedAt string `json:"updated_at" format:"date-time"`
}

// Scopes are the settings of models, fields and actions.
type Scopes struct {
	Models  map[string]ModelScopes `json:"models" doc:"By the model's ID, as GET /v1/tools/ats lists it."`
	Actions map[string]string      `json:"actions" doc:"ENABLED, DISABLED or OPTIONAL, by the action's ID."`
}

// ModelScopes are the settings of a model and of its fields.
type ModelScopes struct {
	Setting string            `json:"setting" enum:"ENABLED,DISABLED,OPTIONAL"`
	Fields  map[string]string `json:"fields" doc:"ENABLED, DISABLED or OPTIONAL, by the field's ID; those that are not named are as their model."`
}

// ScopeConfigPath is the address of a scope configuration.
type ScopeConfigPath struct {
	ID string `path:"scope_config_id" doc:"The scope configuration's ID."`
}

func scopeConfig(c store.ScopeConfig) ScopeConfig {
	out := ScopeConfig{
		ID: c.ID, Name: c.Name, IsDefault: c.Default, Scopes: Scopes{map[string]ModelScopes{}, map[string]string{}},
		CreatedAt: ats.Milli(c.CreatedAt).String(), UpdatedAt: ats.Milli(c.UpdatedAt).String(),
	}
	for m, scope := range c.Config.Models {
		shown := ModelScopes{Setting: string(c.Config.Model(m)), Fields: map[string]string{}}
		for f := range scope.Fields {
			shown.Fields[f] = string(c.Config.Field(m, f))
		}
		out.Models[string(m)] = shown
	}
	for a := range c.Config.Actions {
		out.Actions[a] = string(c.Config.Action(a))
	}
	return out
}

// modelScopesInput is ModelScopes as it is sent. A key that it does not know is refused: what is meant to be off
// must not be on for a slip of the pen.
type modelScopesInput struct {
	Setting string            `json:"setting,omitempty" enum:"ENABLED,DISABLED,OPTIONAL" doc:"ENABLED where it is left out."`
	Fields  map[string]string `json:"fields,omitempty" doc:"ENABLED, DISABLED or OPTIONAL, by the field's ID. Fields by which records are told apart cannot be switched off."`
}

// UnmarshalJSON decodes strictly.
func (in *modelScopesInput) UnmarshalJSON(b []byte) error {
	keys, err := keysOf(b)
	if err != nil {
		return fmt.Errorf("models: a model %w", err)
	}
	if fields, ok := keys["fields"]; ok && bytes.HasPrefix(fields, []byte("{")) {
		if _, err := keysOf(fields); err != nil {
			return fmt.Errorf("models: the fields of a model: an object %w", err)
		}
	}
	type plain modelScopesInput
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(in)); err != nil {
		return fmt.Errorf("models: a model has setting and fields, and no other keys: %w", err)
	}
	return nil
}

type scopeConfigInput struct {
	Name    string                      `json:"name" minLength:"1" maxLength:"200" doc:"By which people know it; no other has it."`
	Models  map[string]modelScopesInput `json:"models,omitempty"`
	Actions map[string]string           `json:"actions,omitempty" doc:"ENABLED, DISABLED or OPTIONAL, by the action's ID."`
}

type createScopesIn struct{ Body scopeConfigInput }

// scopes judges a scope configuration that was sent.
func (s *server) scopes(in scopeConfigInput) (string, ats.ScopeConfig, error) {
	var c complaints
	name := c.required("body.name", in.Name, 200)
	config := ats.ScopeConfig{}
	for m, scope := range in.Models {
		one := ats.ModelScope{Setting: ats.Setting(scope.Setting)}
		for f, setting := range scope.Fields {
			if one.Fields == nil {
				one.Fields = map[string]ats.Setting{}
			}
			one.Fields[f] = given(setting)
		}
		if config.Models == nil {
			config.Models = map[ats.Model]ats.ModelScope{}
		}
		config.Models[ats.Model(m)] = one
	}
	for a, setting := range in.Actions {
		if config.Actions == nil {
			config.Actions = map[string]ats.Setting{}
		}
		config.Actions[a] = given(setting)
	}
	for _, p := range connector.CheckScopes(config, s.Tools) {
		c.add("body."+p.Path, "%s", p.Rule)
	}
	return name, config, c.err()
}

// given keeps a setting that was sent empty from being taken for one that was not sent.
func given(setting string) ats.Setting {
	if setting == "" {
		return `""`
	}
	return ats.Setting(setting)
}

func (s *server) listScopeConfigs(ctx context.Context, in *struct{ RawQuery }) (*Results[ScopeConfig], error) {
	q, c, err := paged(in.RawQuery, maxPageSize, "scope-configs", noScope)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.ScopeConfigs(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the scope configurations: %w", err)
	}
	all = slices.DeleteFunc(all, func(one store.ScopeConfig) bool {
		return c.id != "" && (one.CreatedAt < c.at || one.CreatedAt == c.at && one.ID <= c.id)
	})
	return pageOf(all, q.PageSize, scopeConfig, func(one store.ScopeConfig) cursor {
		return cursor{"scope-configs", noScope, one.CreatedAt, one.ID}
	}), nil
}

func (s *server) createScopeConfig(ctx context.Context, in *createScopesIn) (*ScopeConfig, error) {
	name, config, err := s.scopes(in.Body)
	if err != nil {
		return nil, err
	}
	c, err := s.Store.AddScopeConfig(ctx, name, config)
	if errors.Is(err, store.ErrTooMany) {
		return nil, ats.Errorf(ats.InputInvalid, "body: there are %d scope configurations already, which is as many as there may be", store.MaxScopeConfigs)
	}
	return storedScopes(c, name, err)
}

// storedScopes shows a scope configuration that was stored, or tells why it was not.
func storedScopes(c store.ScopeConfig, name string, err error) (*ScopeConfig, error) {
	if errors.Is(err, store.ErrExists) {
		return nil, ats.Errorf(ats.InputInvalid, "body.name: another scope configuration is called %s already", quote(name))
	} else if err != nil {
		return nil, err
	}
	return new(scopeConfig(c)), nil
}

func (s *server) getScopeConfig(ctx context.Context, in *ScopeConfigPath) (*ScopeConfig, error) {
	c, err := s.findScopeConfig(ctx, in.ID, noSuch("path.scope_config_id: there is no scope configuration %s", quote(in.ID)))
	if err != nil {
		return nil, err
	}
	return new(scopeConfig(c)), nil
}

// findScopeConfig reads a scope configuration; none is the error where there is none.
func (s *server) findScopeConfig(ctx context.Context, id string, none error) (store.ScopeConfig, error) {
	if id == "" || !validText(id) {
		return store.ScopeConfig{}, none
	}
	c, err := s.Store.ScopeConfig(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return c, none
	} else if err != nil {
		return c, fmt.Errorf("read scope configuration %s: %w", id, err)
	}
	return c, nil
}

type updateScopesIn struct {
	ScopeConfigPath
	Body scopeConfigInput
}

func (s *server) updateScopeConfig(ctx context.Context, in *updateScopesIn) (*ScopeConfig, error) {
	if _, err := s.getScopeConfig(ctx, &in.ScopeConfigPath); err != nil {
		return nil, err
	}
	name, config, err := s.scopes(in.Body)
	if err != nil {
		return nil, err
	}
	c, err := s.Store.UpdateScopeConfig(ctx, in.ID, name, config)
	return storedScopes(c, name, err)
}

func (s *server) setDefaultScopeConfig(ctx context.Context, in *ScopeConfigPath) (*nothing, error) {
	if _, err := s.getScopeConfig(ctx, in); err != nil {
		return nil, err
	}
	if err := s.Store.SetDefaultScopeConfig(ctx, in.ID); err != nil {
		return nil, err
	}
	return &nothing{}, nil
}

type integrationScopesIn struct {
	IntegrationPath
	Body struct {
		ID string `json:"scope_config_id" doc:"A scope configuration."`
	}
}

func (s *server) setScopeConfig(ctx context.Context, in *integrationScopesIn) (*nothing, error) {
	i, err := s.integration(ctx, in.IntegrationPath.ID)
	if err != nil {
		return nil, err
	}
	none := ats.Errorf(ats.InputInvalid, "body.scope_config_id: there is no scope configuration %s", quote(strings.ToValidUTF8(in.Body.ID, "?")))
	c, err := s.findScopeConfig(ctx, in.Body.ID, none)
	if err != nil {
		return nil, err
	}
	if err := s.Store.SetScopeConfig(ctx, i.No, c.ID); err != nil {
		return nil, fmt.Errorf("give %s other scopes: %w", i.ID, err)
	}
	return &nothing{}, nil
}
