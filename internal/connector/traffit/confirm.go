package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// Confirms says how things that a listing no longer shows are proven gone.
func (t *tenant) Confirms() map[string]connector.Confirm {
	return map[string]connector.Confirm{
		user: t.direct(ats.Users, "/users/", "user"),
		employee: t.direct(ats.Candidates, "/employees/", "employee",
			connector.Cascade{Model: ats.Applications, Column: "candidate_id", Entity: application}),
		recruitment: t.direct(ats.Jobs, "/recruitments/", "recruitment",
			connector.Cascade{Model: ats.Applications, Column: "job_id", Entity: application}),
		application: {
			Model:   ats.Applications,
			Group:   func(u connector.Unit) string { _, job := splitApplication(u.ID); return job },
			Present: t.inRecruitment,
		},
	}
}

// direct confirms by reading each unit's own address. Only TRAFFIT's own 404 is a proof.
func (t *tenant) direct(m ats.Model, folder, scope string, cascades ...connector.Cascade) connector.Confirm {
	return connector.Confirm{
		Model: m, Control: true, Cascades: cascades,
		Group: func(u connector.Unit) string { return u.ID },
		Present: func(ctx context.Context, _ string, units []connector.Unit) ([]bool, error) {
			present := make([]bool, len(units))
			for i, u := range units {
				_, _, err := t.single(ctx, folder, scope, u)
				if err != nil && !errors.Is(err, connector.ErrGone) {
					return nil, fmt.Errorf("ask for %s: %w", u, err)
				}
				present[i] = err == nil
			}
			return present, nil
		},
	}
}

// inRecruitment confirms applications: a candidate who was taken off a recruitment is missing
// from its employees. TRAFFIT has no address for a single application.
func (t *tenant) inRecruitment(ctx context.Context, job string, units []connector.Unit) ([]bool, error) {
	if job == "" {
		// Rows of the history that name no recruitment: the history itself is all there is.
		return make([]bool, len(units)), nil
	}
	listed, total, err := t.candidatesIn(ctx, job)
	if err != nil {
		return nil, err
	}
	if len(listed) < total {
		// Whoever is missing may be among those that TRAFFIT counts and does not show.
		r := call{path: api + "/recruitments/" + pathID(job) + "/employees"}
		return nil, r.problem(http.StatusOK, "it shows %d of %d candidates, which proves nobody's absence", len(listed), total)
	}
	present := make([]bool, len(units))
	for i, u := range units {
		candidate, _ := splitApplication(u.ID)
		present[i] = listed[candidate]
	}
	return present, nil
}

// candidatesIn gives the IDs of the candidates of a recruitment, and how many it declares.
func (t *tenant) candidatesIn(ctx context.Context, job string) (listed map[string]bool, total int, err error) {
	r := call{path: api + "/recruitments/" + pathID(job) + "/employees", scope: "recruitment"}
	rows, total, _, err := t.all(ctx, r)
	if answer, ok := errors.AsType[*connector.AnswerError](err); ok && answer.Status == http.StatusNotFound {
		if _, _, gone := t.single(ctx, "/recruitments/", "recruitment", unit(recruitment, job)); errors.Is(gone, connector.ErrGone) {
			return nil, 0, fmt.Errorf("the candidates of recruitment %s: %w", job, gone)
		}
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the candidates of recruitment %s: %w", job, err)
	}
	listed = map[string]bool{}
	for _, row := range rows {
		if id := row.id("id"); id != "" {
			listed[id] = true
		}
	}
	return listed, total, nil
}

// splitApplication gives the candidate and the recruitment of an application's ID.
func splitApplication(id string) (candidate, job string) {
	candidate, job, _ = strings.Cut(id, ":")
	return candidate, job
}
