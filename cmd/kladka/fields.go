package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/app"
	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
)

type fieldsCmd struct {
	List   fieldsListCmd   `cmd:"" help:"List an integration's vendor fields and what becomes of them."`
	Pass   fieldsPassCmd   `cmd:"" help:"Serve a vendor field in integration_fields, or stop it."`
	Add    fieldsAddCmd    `cmd:"" help:"Make a custom field: a key of yours, for all integrations."`
	Map    fieldsMapCmd    `cmd:"" help:"Map a custom field to a vendor field of one integration."`
	Remap  fieldsRemapCmd  `cmd:"" help:"Let a field take its value from other vendor fields of one integration, or show which do."`
	Remove fieldsRemoveCmd `cmd:"" help:"Remove a custom field everywhere."`
}

// Help is shown by --help.
func (*fieldsCmd) Help() string {
	return `Vendor fields are found by the first sync. Changes take effect with the next one, which makes the records anew from what
is stored.

Examples:

  kladka fields list acme
  kladka fields pass acme candidates _nationality
  kladka fields add candidates nationality --label Nationality
  kladka fields map acme candidates nationality _nationality
  kladka fields remap acme jobs.department _department branch
  kladka fields remove candidates.nationality`
}

// fieldModel reads a model that has fields: with or without the API's prefix.
func fieldModel(word string) (ats.Model, error) {
	switch m := ats.Model(word); {
	case m == "candidates" || m == ats.Candidates:
		return ats.Candidates, nil
	case m == "jobs" || m == ats.Jobs:
		return ats.Jobs, nil
	}
	return "", usageError("model %q: only candidates and jobs have fields", word)
}

// allFields reads all vendor fields and all custom fields of an integration.
func allFields(s *surroundings, a *app.App, no int64) ([]store.IntegrationField, []store.CustomField, error) {
	const page = 1000
	var vendor []store.IntegrationField
	for after := ""; ; {
		some, err := a.Store.IntegrationFields(s.ctx, no, after, page)
		if err != nil {
			return nil, nil, err
		}
		vendor = append(vendor, some...)
		if len(some) < page {
			break
		}
		after = some[page-1].ID
	}
	var custom []store.CustomField
	for after := ""; ; {
		some, err := a.Store.CustomFields(s.ctx, no, after, page)
		if err != nil {
			return nil, nil, err
		}
		custom = append(custom, some...)
		if len(some) < page {
			return vendor, custom, nil
		}
		after = some[page-1].ID
	}
}

type fieldsListCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	JSON        bool     `name:"json" help:"Print JSON."`
	Settings    settings `embed:""`
}

// fieldJSON is a vendor field for scripts.
type fieldJSON struct {
	ID           string   `json:"id"`
	Model        string   `json:"model"`
	Key          string   `json:"key"`
	Type         string   `json:"type"`
	Label        *string  `json:"label"`
	Passthrough  bool     `json:"passthrough"`
	CustomFields []string `json:"custom_fields"`
}

// Run lists fields.
func (c *fieldsListCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		vendor, custom, err := allFields(s, a, i.No)
		if err != nil {
			return err
		}
		mapped := map[string][]string{}
		for _, f := range custom {
			if f.Mapped != nil {
				mapped[f.Mapped.ID] = append(mapped[f.Mapped.ID], f.Key)
			}
		}
		out := []fieldJSON{}
		t := newTable("MODEL", "KEY", "LABEL", "TYPE", "PASSED THROUGH", "CUSTOM FIELD")
		for _, f := range vendor {
			keys := append([]string{}, mapped[f.ID]...)
			out = append(out, fieldJSON{f.ID, string(f.Model), f.Key, f.Type, f.Label, f.Passthrough, keys})
			label, pass, key := "-", "-", "-"
			if f.Label != nil {
				label = *f.Label
			}
			if f.Passthrough {
				pass = "yes"
			}
			if len(keys) > 0 {
				key = fmt.Sprint(keys)
			}
			t.row(string(f.Model), f.Key, label, f.Type, pass, key)
		}
		for _, f := range custom {
			if f.Mapped == nil {
				t.row(string(f.Model), "-", "-", "-", "-", f.Key+" (not mapped)")
			}
		}
		switch {
		case c.JSON:
			return printJSON(s.stdout, out)
		case len(vendor) == 0:
			s.say("No vendor field is known yet; the first sync finds them: kladka sync %s --wait", i.ID)
		}
		return t.write(s.stdout)
	})
}

type fieldsPassCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Model       string   `arg:"" help:"candidates or jobs."`
	Key         string   `arg:"" help:"The vendor's key, such as _nationality."`
	Off         bool     `help:"Stop serving it."`
	Settings    settings `embed:""`
}

// Run switches the passing through of a field.
func (c *fieldsPassCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		i, f, err := vendorField(s, a, c.Integration, c.Model, c.Key)
		if err != nil {
			return err
		}
		if _, err := a.Store.SetPassthrough(s.ctx, i.No, f.ID, !c.Off); err != nil {
			return err
		}
		return s.changed(a, i.No)
	})
}

// vendorField finds a vendor field of an integration by its key.
func vendorField(s *surroundings, a *app.App, integration, word, key string) (store.Integration, store.IntegrationField, error) {
	model, err := fieldModel(word)
	if err != nil {
		return store.Integration{}, store.IntegrationField{}, err
	}
	i, err := a.FindIntegration(s.ctx, integration)
	if err != nil {
		return store.Integration{}, store.IntegrationField{}, err
	}
	vendor, _, err := allFields(s, a, i.No)
	if err != nil {
		return store.Integration{}, store.IntegrationField{}, err
	}
	for _, f := range vendor {
		if f.Model == model && f.Key == key {
			return i, f, nil
		}
	}
	return store.Integration{}, store.IntegrationField{}, fmt.Errorf("%s of %s have no field %q; `kladka fields list %s` shows them", model, i.OrganizationName, key, i.ID)
}

// customField finds a custom field by its key.
func customField(s *surroundings, a *app.App, no int64, model ats.Model, key string) (store.CustomField, error) {
	_, custom, err := allFields(s, a, no)
	if err != nil {
		return store.CustomField{}, err
	}
	for _, f := range custom {
		if f.Model == model && f.Key == key {
			return f, nil
		}
	}
	return store.CustomField{}, fmt.Errorf("there is no custom field %q of %s; `kladka fields add` makes one", key, model)
}

type fieldsAddCmd struct {
	Model       string   `arg:"" help:"candidates or jobs."`
	Key         string   `arg:"" help:"Key in custom_fields: small letters, digits and underscores."`
	Label       *string  `help:"What people call it."`
	Description *string  `help:"What it is for."`
	Settings    settings `embed:""`
}

var customKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Run makes a custom field and prints its ID.
func (c *fieldsAddCmd) Run(s *surroundings) error {
	model, err := fieldModel(c.Model)
	if err != nil {
		return err
	}
	if !customKey.MatchString(c.Key) {
		return usageError("key %q: small letters, digits and underscores, beginning with a letter, at most 63", c.Key)
	}
	return c.Settings.with(s, func(a *app.App) error {
		f, err := a.Store.AddCustomField(s.ctx, store.CustomField{Model: model, Key: c.Key, Label: c.Label, Description: c.Description})
		switch {
		case errors.Is(err, store.ErrExists):
			return fmt.Errorf("there is a custom field %q of %s already", c.Key, model)
		case errors.Is(err, store.ErrTooMany):
			return fmt.Errorf("there are %d custom fields already, which is as many as there may be", store.MaxCustomFields)
		case err != nil:
			return err
		}
		s.print("%s", f.ID)
		return nil
	})
}

type fieldsMapCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Model       string   `arg:"" help:"candidates or jobs."`
	Key         string   `arg:"" help:"The custom field's key."`
	Vendor      string   `arg:"" optional:"" help:"The vendor's key; left out, the mapping ends."`
	Settings    settings `embed:""`
}

// Help is shown by --help.
func (*fieldsMapCmd) Help() string {
	return `Examples:

  kladka fields map acme candidates nationality _nationality
  kladka fields map acme candidates nationality              # none any more`
}

// Run maps a custom field.
func (c *fieldsMapCmd) Run(s *surroundings) error {
	model, err := fieldModel(c.Model)
	if err != nil {
		return err
	}
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		custom, err := customField(s, a, i.No, model, c.Key)
		if err != nil {
			return err
		}
		var to *string
		if c.Vendor != "" {
			_, vendor, err := vendorField(s, a, c.Integration, c.Model, c.Vendor)
			if err != nil {
				return err
			}
			to = &vendor.ID
		}
		if err := a.Store.MapCustomField(s.ctx, i.No, custom.ID, to); err != nil {
			return err
		}
		return s.changed(a, i.No)
	})
}

type fieldsRemapCmd struct {
	Integration string   `arg:"" help:"Integration ID or tenant name."`
	Field       string   `arg:"" optional:"" help:"MODEL.FIELD, such as jobs.department; alone, its sources are shown; left out, those of all fields."`
	Keys        []string `arg:"" optional:"" help:"The vendor's keys or IDs of its fields, in the order in which they are tried."`
	Usual       bool     `help:"Take the value from the usual source again."`
	Settings    settings `embed:""`
}

// maxRemapKeys bounds from how many fields one may take its value, as in the API.
const maxRemapKeys = 10

// Help is shown by --help.
func (*fieldsRemapCmd) Help() string {
	return `The first source that has a value counts. A field that is remapped no longer takes the usual one.

Examples:

  kladka fields remap acme                                    # what can be remapped, and what is
  kladka fields remap acme jobs.department _department branch
  kladka fields remap acme jobs.department --usual`
}

// Run remaps a field.
func (c *fieldsRemapCmd) Run(s *surroundings) error {
	switch {
	case len(c.Keys) > maxRemapKeys:
		return usageError("a field has at most %d sources", maxRemapKeys)
	case c.Usual && len(c.Keys) > 0:
		return usageError("--usual takes no keys")
	}
	return c.Settings.with(s, func(a *app.App) error {
		i, err := a.FindIntegration(s.ctx, c.Integration)
		if err != nil {
			return err
		}
		if c.Field == "" {
			return c.show(s, a, i, func(ats.Model, string) bool { return true })
		}
		word, field, _ := strings.Cut(c.Field, ".")
		model := ats.Model(word)
		if !strings.HasPrefix(word, "ats_") {
			model = ats.Model("ats_" + word)
		}
		if !slices.Contains(a.Remappable(i)[model], field) {
			return usageError("%s: it cannot be remapped; `kladka fields remap %s` lists what can", c.Field, i.ID)
		}
		if len(c.Keys) == 0 && !c.Usual {
			return c.show(s, a, i, func(m ats.Model, f string) bool { return m == model && f == field })
		}
		var ids []string
		for _, key := range c.Keys {
			found, err := a.Store.FindIntegrationFields(s.ctx, i.No, model, key)
			switch {
			case err != nil:
				return err
			case len(found) == 0:
				return fmt.Errorf("%s of %s have no field %q; `kladka fields list %s` shows them", model, i.OrganizationName, key, i.ID)
			case len(found) > 1:
				return fmt.Errorf("several fields of %s have the key %q; give the ID of one, which `kladka fields list %s --json` shows", model, key, i.ID)
			case slices.Contains(ids, found[0].ID):
				return usageError("%s is named twice", key)
			}
			ids = append(ids, found[0].ID)
		}
		if err := a.Store.Remap(s.ctx, i.No, model, field, ids); err != nil {
			return err
		}
		return s.changed(a, i.No)
	})
}

// show lists the fields that are wanted with their sources.
func (c *fieldsRemapCmd) show(s *surroundings, a *app.App, i store.Integration, wanted func(ats.Model, string) bool) error {
	stored, err := a.Store.Remappings(s.ctx, i.No)
	if err != nil {
		return err
	}
	t := newTable("FIELD", "SOURCES")
	remappable := a.Remappable(i)
	for _, m := range ats.Models() {
		for _, f := range remappable[m] {
			if !wanted(m, f) {
				continue
			}
			sources := "usual"
			for _, r := range stored {
				if r.Model != m || r.Field != f {
					continue
				}
				keys := make([]string, len(r.Sources))
				for n, source := range r.Sources {
					keys[n] = source.Key
				}
				sources = strings.Join(keys, ", ")
			}
			t.row(string(m)+"."+f, sources)
		}
	}
	return t.write(s.stdout)
}

type fieldsRemoveCmd struct {
	Field    string   `arg:"" help:"MODEL.KEY, such as candidates.nationality, or the ID that add printed."`
	Settings settings `embed:""`
}

// Run removes a custom field.
func (c *fieldsRemoveCmd) Run(s *surroundings) error {
	return c.Settings.with(s, func(a *app.App) error {
		id := c.Field
		if word, key, named := strings.Cut(c.Field, "."); named {
			model, err := fieldModel(word)
			if err != nil {
				return err
			}
			f, err := customField(s, a, 0, model, key)
			if err != nil {
				return err
			}
			id = f.ID
		}
		err := a.Store.RemoveCustomField(s.ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no custom field with the ID %q; MODEL.KEY names one, too", c.Field)
		}
		if err == nil {
			s.say("Done. Its values are gone with the next sync of the integrations that mapped it.")
		}
		return err
	})
}
