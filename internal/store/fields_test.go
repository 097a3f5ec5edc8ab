package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// byKey lists all vendor fields of an integration through pages of two.
func byKey(t *testing.T, s *store.Store, no int64) map[string]store.IntegrationField {
	t.Helper()
	out := map[string]store.IntegrationField{}
	for after := ""; ; {
		page, err := s.IntegrationFields(t.Context(), no, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return out
		}
		for _, f := range page {
			if f.ID <= after {
				t.Fatalf("%s comes after %s", f.ID, after)
			}
			after = f.ID
			out[string(f.Model)+" "+f.Type+" "+f.Key] = f
		}
	}
}

func TestPutFields(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		put := func(fields ...connector.Field) {
			t.Helper()
			for _, no := range []int64{i.No, other.No} {
				if err := s.PutFields(ctx, no, fields); err != nil {
					t.Fatal(err)
				}
			}
		}
		put(
			connector.Field{Model: ats.Jobs, Key: "wage", Type: "CUSTOM", Label: "Wage"},
			connector.Field{Model: ats.Candidates, Key: "wage", Type: "CUSTOM"},
			connector.Field{Model: ats.Jobs, Key: "wage", Type: "DEFAULT"},
			connector.Field{Model: ats.Jobs, Key: "wage", Type: "CUSTOM", Label: "Wage"},
		)
		fields := byKey(t, s, i.No)
		if len(fields) != 3 {
			t.Fatalf("stored %v", fields)
		}
		wage := fields["ats_jobs CUSTOM wage"]
		if want := ats.Namespace(i.ID).ID("integration_field", "ats_jobs\x00CUSTOM\x00wage"); wage.ID != want {
			t.Errorf("its ID is %s, want %s", wage.ID, want)
		}
		if _, err := s.SetPassthrough(ctx, i.No, wage.ID, true); err != nil {
			t.Fatal(err)
		}
		put(connector.Field{Model: ats.Jobs, Key: "wage", Type: "CUSTOM"}) // no label: nothing is known about it
		put(connector.Field{Model: ats.Candidates, Key: "wage", Type: "CUSTOM", Label: "Pay"})
		got, err := s.IntegrationField(ctx, i.No, wage.ID)
		if err != nil {
			t.Fatal(err)
		}
		wage.Passthrough = true
		if d := cmp.Diff(wage, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got := byKey(t, s, i.No)["ats_candidates CUSTOM wage"]; got.Label == nil || *got.Label != "Pay" {
			t.Errorf("a label that came later: %+v", got)
		}
		if got := byKey(t, s, other.No)["ats_jobs CUSTOM wage"]; got.Passthrough || got.ID == wage.ID {
			t.Errorf("another integration's field: %+v", got)
		}
	})
}

// A sync that finds nothing new must not wait for the writer, let alone write.
func TestKnownFieldsAreNotWritten(t *testing.T) {
	s := storetest.SQLite(t).Open(t)
	i := storetest.NewIntegration(t, s)
	fields := []connector.Field{{Model: ats.Jobs, Key: "a", Type: "CUSTOM", Label: "A"}, {Model: ats.Jobs, Key: "b", Type: "CUSTOM"}}
	if err := s.PutFields(t.Context(), i.No, fields); err != nil {
		t.Fatal(err)
	}
	before := lines(t, s, `SELECT total_changes()`)
	if err := s.PutFields(t.Context(), i.No, fields); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, lines(t, s, `SELECT total_changes()`)); d != "" {
		t.Errorf("rows changed (-before +after):\n%s", d)
	}
}

func TestCustomFields(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, other := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		if err := s.PutFields(ctx, i.No, []connector.Field{
			{Model: ats.Jobs, Key: "wage", Type: "CUSTOM", Label: "Wage"}, {Model: ats.Candidates, Key: "wage", Type: "CUSTOM"},
		}); err != nil {
			t.Fatal(err)
		}
		fields := byKey(t, s, i.No)
		ofJob, ofCandidate := fields["ats_jobs CUSTOM wage"], fields["ats_candidates CUSTOM wage"]
		settings := func() connector.FieldSettings {
			t.Helper()
			f, err := s.FieldSettings(ctx, i.No)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		revisions := map[string]string{store.FieldRevision(settings()): "at first"}
		changed := func(by string) {
			t.Helper()
			r := store.FieldRevision(settings())
			if before, ok := revisions[r]; ok {
				t.Errorf("%s: the revision is the one of %q", by, before)
			}
			revisions[r] = by
			if again := store.FieldRevision(settings()); again != r {
				t.Errorf("%s: two revisions of the same settings", by)
			}
		}

		salary, err := s.AddCustomField(ctx, store.CustomField{Model: ats.Jobs, Key: "salary", Label: new("Salary")})
		if err != nil {
			t.Fatal(err)
		}
		changed("add")
		if _, err := s.AddCustomField(ctx, store.CustomField{Model: ats.Jobs, Key: "salary"}); !errors.Is(err, store.ErrExists) {
			t.Errorf("the same key again: %v, want ErrExists", err)
		}
		if err := s.MapCustomField(ctx, i.No, salary.ID, &ofJob.ID); err != nil {
			t.Fatal(err)
		}
		changed("map")
		for name, err := range map[string]error{
			"a field of another model":       s.MapCustomField(ctx, i.No, salary.ID, &ofCandidate.ID),
			"a field of another integration": s.MapCustomField(ctx, other.No, salary.ID, &ofJob.ID),
			"no field":                       s.MapCustomField(ctx, i.No, salary.ID, new("none")),
			"no custom field":                s.MapCustomField(ctx, i.No, "none", &ofJob.ID),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("mapped to %s: %v, want ErrNotFound", name, err)
			}
		}
		salary.Mapped = &ofJob
		got, err := s.CustomField(ctx, i.No, salary.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(salary, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got, err := s.CustomField(ctx, other.No, salary.ID); err != nil || got.Mapped != nil {
			t.Errorf("in another integration: %+v, %v", got, err)
		}

		if _, err := s.SetPassthrough(ctx, i.No, ofCandidate.ID, true); err != nil {
			t.Fatal(err)
		}
		changed("pass through")
		want := connector.FieldSettings{
			Passthrough: map[ats.Model][]connector.PassthroughField{ats.Candidates: {{ID: ofCandidate.ID, Key: "wage", Type: "CUSTOM"}}},
			Custom:      map[ats.Model]map[string]string{ats.Jobs: {"salary": "wage"}},
		}
		if d := cmp.Diff(want, settings()); d != "" {
			t.Errorf("settings (-want +got):\n%s", d)
		}

		if err := s.MapCustomField(ctx, i.No, salary.ID, nil); err != nil {
			t.Fatal(err)
		}
		changed("unmap")
		if err := s.RemoveCustomField(ctx, salary.ID); err != nil {
			t.Fatal(err)
		}
		changed("remove")
		if err := s.RemoveCustomField(ctx, salary.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("removed again: %v, want ErrNotFound", err)
		}
		if all, err := s.CustomFields(ctx, i.No, "", 10); err != nil || len(all) != 0 {
			t.Errorf("left: %v, %v", all, err)
		}
		if _, err := s.SetPassthrough(ctx, i.No, "none", true); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("pass through no field: %v, want ErrNotFound", err)
		}
	})
}

// Keys with blanks and colons must not look like others.
func TestFieldRevisionTellsSettingsApart(t *testing.T) {
	custom := func(m map[string]string) connector.FieldSettings {
		return connector.FieldSettings{Custom: map[ats.Model]map[string]string{ats.Jobs: m}}
	}
	a, b := custom(map[string]string{"a": "b c:d"}), custom(map[string]string{"a": "b", "c": "d"})
	if store.FieldRevision(a) == store.FieldRevision(b) {
		t.Error("different settings have one revision")
	}
	if store.FieldRevision(connector.FieldSettings{}) != "" {
		t.Error("no settings have a revision")
	}
}
