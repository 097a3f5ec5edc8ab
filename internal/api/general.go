package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"github.com/kladka/kladka/internal/connector"
)

type checkedKey struct {
	EnvironmentID string `json:"environment_id" doc:"Tells installations of Kladka apart."`
	CustomerID    string `json:"customer_id" doc:"The same: an installation has one customer, its operator."`
}

func (s *server) checkKey(context.Context, *struct{}) (*checkedKey, error) {
	return &checkedKey{EnvironmentID: s.EnvironmentID, CustomerID: s.EnvironmentID}, nil
}

type toolsIn struct {
	Category string `path:"category" doc:"One of hris, ats, assessment, lms; Kladka has tools for ats."`
}

type toolsOut struct {
	Tools []ToolDetails `json:"tools"`
}

// ToolDetails describes a tool and what its connector covers.
type ToolDetails struct {
	ID            string       `json:"id"`
	Label         string       `json:"label"`
	InternalLabel *string      `json:"internal_label"`
	Assets        ToolAssets   `json:"assets"`
	PaidAPI       *string      `json:"paid_api_details_markdown"`
	FastTrack     *string      `json:"fast_track_details_markdown"`
	PartnerOnly   *string      `json:"partner_only_details_markdown"`
	Guide         *string      `json:"connection_guide_url" format:"uri" doc:"How credentials are made: a page for everybody, in the browser's language."`
	Coverage      ToolCoverage `json:"coverage"`
}

// ToolAssets holds addresses of pictures.
type ToolAssets struct {
	Logo  string `json:"logo_url" format:"uri"`
	Icon  string `json:"icon_url" format:"uri"`
	Black string `json:"icon_black_url" format:"uri"`
}

// ToolCoverage says what a connector covers.
type ToolCoverage struct {
	ReadModels   []Covered       `json:"read_models"`
	WriteActions []Covered       `json:"write_actions"`
	Features     []CoveredDetail `json:"features"`
}

// Covered is the coverage of a model or an action, with its fields.
type Covered struct {
	CoveredDetail
	Fields []CoveredField `json:"fields"`
}

// CoveredDetail is the coverage of something with a name.
type CoveredDetail struct {
	ID     string             `json:"id"`
	Label  string             `json:"label"`
	Status connector.Coverage `json:"coverage_status" enum:"SUPPORTED,UNSUPPORTED,NOT_IMPLEMENTED,UNKNOWN"`
}

// CoveredField is the coverage of a field.
type CoveredField struct {
	ID     string             `json:"id"`
	Status connector.Coverage `json:"coverage_status" enum:"SUPPORTED,UNSUPPORTED,NOT_IMPLEMENTED,UNKNOWN"`
}

func (s *server) listTools(_ context.Context, in *toolsIn) (*toolsOut, error) {
	switch in.Category {
	case "ats":
	case "hris", "assessment", "lms":
		return &toolsOut{Tools: []ToolDetails{}}, nil
	default:
		return nil, noSuch("path.category: must be one of hris, ats, assessment, lms, got %s", quote(in.Category))
	}
	out := &toolsOut{Tools: make([]ToolDetails, 0, len(s.Tools))}
	for _, t := range s.Tools {
		t = t.Confirmed(nil) // of tenants in general nothing is
		d := ToolDetails{ID: t.Slug, Label: t.Label, Assets: s.assetsOf(t.Slug), Guide: new(s.PublicURL + "/connect/guide/" + t.Slug), Coverage: ToolCoverage{
			ReadModels: []Covered{}, WriteActions: []Covered{}, Features: []CoveredDetail{},
		}}
		for _, m := range t.Models {
			d.Coverage.ReadModels = append(d.Coverage.ReadModels, Covered{CoveredDetail{string(m.Model), m.Label, m.Status}, coveredFields(m.Fields)})
		}
		for _, a := range t.Actions {
			d.Coverage.WriteActions = append(d.Coverage.WriteActions, Covered{CoveredDetail{a.ID, a.Label, a.Status}, coveredFields(a.Fields)})
		}
		for _, f := range t.Features {
			d.Coverage.Features = append(d.Coverage.Features, CoveredDetail{f.ID, f.Label, f.Status})
		}
		out.Tools = append(out.Tools, d)
	}
	return out, nil
}

func coveredFields(fields []connector.FieldCoverage) []CoveredField {
	out := make([]CoveredField, len(fields))
	for i, f := range fields {
		out[i] = CoveredField{f.ID, f.Status}
	}
	return out
}

func (s *server) assetsOf(tool string) ToolAssets {
	base := s.PublicURL + "/assets/tools/" + tool
	return ToolAssets{Logo: base + ".svg", Icon: base + ".svg", Black: base + "-black.svg"}
}

// asset serves a picture of a tool.
func (s *server) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	files, err := assets.ReadDir("assets/tools")
	if err != nil || !slices.ContainsFunc(files, func(f fs.DirEntry) bool { return f.Name() == name }) {
		write(w, s.fail(r.Context(), general, errors.Join(noSuch("There is no picture %s.", quote(name)), err)))
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	http.ServeFileFS(w, r, assets, "assets/tools/"+name)
}

func (s *server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.doc)
}

// health says that the process lives, ready that it can serve.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"status":"ok","version":%q}`, s.Version)
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if s.Ready != nil {
		if err := s.Ready(r.Context()); err != nil {
			infoOf(r.Context()).err = err
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"not ready"}`))
			return
		}
	}
	_, _ = w.Write([]byte(`{"status":"ok"}`))
}
