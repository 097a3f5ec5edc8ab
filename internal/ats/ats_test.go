package ats_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kladka/kladka/internal/ats"
)

// IDs must never change: clients store them, and a rebuilt database has to give the same.
func TestIDsAreFixed(t *testing.T) {
	const ns ats.Namespace = "traffit:8d1hpPsbjxUkoCoa1veLZGe5"
	tests := []struct {
		model  ats.Model
		remote string
		want   string
	}{
		{ats.Candidates, "1246", "WBkc7iUmkA8Mkcf5DWZHRqh3"},
		{ats.Jobs, "1246", "oUcW2TBbFR7c6a9HFzrzK9B5"},
		{ats.Applications, "6708:52", "yWMAGX1JEVM2VvpAV4A1fyS3"},
	}
	for _, tt := range tests {
		if got := ns.ID(tt.model, tt.remote); got != tt.want {
			t.Errorf("%s %s is %s, want %s", tt.model, tt.remote, got, tt.want)
		}
	}
}

func TestIDForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := ats.Namespace(rapid.String().Draw(t, "namespace"))
		if id := ns.ID(ats.Jobs, rapid.String().Draw(t, "remote ID")); !ats.ValidID(id) {
			t.Errorf("%q is no ID", id)
		}
	})
	if a, b := ats.NewID(), ats.NewID(); a == b || !ats.ValidID(a) {
		t.Errorf("new IDs %s and %s", a, b)
	}
	for id, want := range map[string]bool{
		ats.NewIntegrationID("traffit"): true, "traffit:": false, ats.NewID(): false, "": false,
		":" + ats.NewID(): false, "traffit:0OIl" + ats.NewID()[4:]: false,
	} {
		if got := ats.ValidIntegrationID(id); got != want {
			t.Errorf("ValidIntegrationID(%q) is %v", id, got)
		}
	}
	if ats.Namespace("x").Ref(ats.Jobs, "") != nil {
		t.Error("a missing reference must be nil")
	}
}

func TestTime(t *testing.T) {
	at := time.Date(2026, 10, 25, 2, 30, 0, 7_999_999, time.FixedZone("", 2*3600))
	if got, want := ats.TimeOf(at).String(), "2026-10-25T00:30:00.007Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var back ats.Time
	b, err := json.Marshal(ats.TimeOf(at))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &back); err != nil || back != ats.TimeOf(at) {
		t.Errorf("read back %s, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"yesterday"`), &back); err == nil {
		t.Error("want an error")
	}
}

// Both databases' lower() leaves most of these alone.
func TestFold(t *testing.T) {
	for a, b := range map[string]string{
		"ŁUKASZ": "łukasz", "Żółć": "żółć", "STRASSE": "straße", "é": "e\u0301", "A@B.PL": "a@b.pl",
	} {
		if ats.Fold(a) != ats.Fold(b) {
			t.Errorf("%q and %q differ: %q, %q", a, b, ats.Fold(a), ats.Fold(b))
		}
	}
}

// Nothing is left out and no list is null, however little is known; HTML stays as it is.
func TestRenderLeavesNothingOut(t *testing.T) {
	description := `<p>C++ & "Go"</p>`
	r, err := ats.Render("traffit:x", ats.Job{RemoteID: "60", Description: &description})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(r.Own, &got); err != nil {
		t.Fatal(err)
	}
	id := ats.Namespace("traffit:x").ID(ats.Jobs, "60")
	want := map[string]any{
		"id": id, "remote_id": "60", "description": description,
		"custom_fields": map[string]any{}, "integration_fields": []any{}, "screening_questions": []any{},
	}
	for _, key := range []string{
		"name", "job_code", "confidential", "weekly_hours", "employment_type", "status", "visibility", "category", "department",
		"post_url", "experience_level", "remote_work_status", "salary_amount", "salary_amount_from", "salary_amount_to",
		"salary_currency", "salary_period", "location", "remote_url", "opened_at", "closed_at", "remote_created_at",
		"remote_updated_at", "contact_id",
	} {
		want[key] = nil
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("own (-want +got):\n%s", d)
	}
	if want := fmt.Sprintf(`{"id":%q,"remote_id":"60","name":null}`, id); string(r.Ref) != want {
		t.Errorf("ref %s, want %s", r.Ref, want)
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("disk full")
	err := fmt.Errorf("list jobs: %w", ats.Errorf(ats.InputInvalid, "page_size: %w", cause))
	if got := ats.CodeOf(err); got != ats.InputInvalid {
		t.Errorf("code %s", got)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got := ats.CodeOf(cause); got != ats.Unknown {
		t.Errorf("an internal error has the code %s", got)
	}
}
