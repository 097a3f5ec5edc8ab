package sandbox

import (
	"fmt"
	"strings"
)

// Change is one thing that [Tenant.Random] did.
type Change struct {
	Kind        string `json:"kind"`
	Employee    int    `json:"employee,omitempty"`
	Recruitment int    `json:"recruitment,omitempty"`
	State       int    `json:"state,omitempty"`
	Rejection   int    `json:"rejection,omitempty"`
	Advert      int    `json:"advert,omitempty"`
}

// Random makes n changes of the kind that a day at work brings, and returns
// them. On the same data the same seed makes the same changes.
func (t *Tenant) Random(seed uint64, n int) ([]Change, error) {
	if n < 0 || n > 100_000 {
		return nil, fmt.Errorf("%w: %d changes, want 0 to 100000", ErrInvalid, n)
	}
	done := make([]Change, 0, n)
	dice := roll(t.data.seed, mix(seed, hashText("random")), 0)
	for misses := 0; len(done) < n && misses < 100*(n+1); {
		if c, ok := t.randomChange(&dice); ok {
			done = append(done, c)
		} else {
			misses++ // nothing to do it to; draw another
		}
	}
	return done, nil
}

func (t *Tenant) randomChange(dice *dice) (Change, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	anyID := func(table *table[Row]) int {
		if table.len() == 0 {
			return 0
		}
		id, _, _ := table.locate(dice.below(table.len()))
		return id
	}
	switch dice.weighted(15, 15, 30, 10, 8, 8, 3, 5, 4, 2) {
	case 0:
		p := dice.person()
		row, err := t.add("employees", Patch{"name": p.first, "lastname": p.last, "email": fmt.Sprintf("%s.%d@mail.example", p.handle("."), dice.below(1e9))})
		return Change{Kind: "add_employee", Employee: row.ID()}, err == nil
	case 1:
		c := Change{Kind: "apply", Employee: anyID(&t.employees), Recruitment: t.openRecruitment(dice)}
		_, err := t.apply(c.Recruitment, c.Employee)
		return c, err == nil
	case 2, 3:
		return t.randomMove(dice)
	case 4:
		c := Change{Kind: "rename_employee", Employee: anyID(&t.employees)}
		_, err := t.update("employees", c.Employee, Patch{"lastname": dice.person().last})
		return c, err == nil
	case 5:
		c := Change{Kind: "tag", Employee: anyID(&t.employees)}
		_, err := t.setTags(c.Employee, []string{pick(dice, tagNames), pick(dice, tagNames)})
		return c, err == nil
	case 6:
		c := Change{Kind: "close_recruitment", Recruitment: t.openRecruitment(dice)}
		_, err := t.update("recruitments", c.Recruitment, Patch{"is_closed": true, "closing_date": t.now()})
		return c, err == nil
	case 7:
		c := Change{Kind: "edit_advert", Advert: anyID(&t.adverts)}
		_, err := t.update("adverts", c.Advert, Patch{"options": map[string]any{"_work_model": pick(dice, []string{"remote", "hybrid", "office"})}})
		return c, err == nil
	case 8:
		c := Change{Kind: "add_recruitment"}
		row, err := t.add("recruitments", Patch{"name": pick(dice, jobTitles)})
		c.Recruitment = row.ID()
		return c, err == nil
	}
	c := Change{Kind: "delete_employee", Employee: anyID(&t.employees)}
	return c, t.remove("employees", c.Employee) == nil
}

// openRecruitment draws one of the later recruitments that is open, 0 if none is found.
func (t *Tenant) openRecruitment(dice *dice) int {
	n := t.recruitments.len()
	late := min(n, 2*(t.data.recruitments-t.data.firstOpen)+10)
	for range 20 {
		if n == 0 {
			break
		}
		if r := t.recruitments.at(n - 1 - dice.below(late)); r.Value("is_closed") == false {
			return r.ID()
		}
	}
	return 0
}

// randomMove moves somebody on, or rejects.
func (t *Tenant) randomMove(dice *dice) (Change, bool) {
	r := t.openRecruitment(dice)
	people := t.applicants(r)
	w, err := t.workflowFor(r)
	if err != nil || len(people) == 0 {
		return Change{}, false
	}
	c := Change{Kind: "move", Recruitment: r, Employee: pick(dice, people)}
	last, _ := current(t.moves(pair{c.Employee, r}))
	if strings.HasPrefix(t.states[last.state].kind, "end-") {
		return Change{}, false
	}
	to := pick(dice, w.states)
	if to.id == last.state || to.kind == "start" {
		return Change{}, false
	}
	if bad, ok := w.of("end-bad"); ok && dice.permille(350) {
		to = bad
	}
	c.State = to.id
	if to.kind == "end-bad" {
		c.Kind, c.Rejection = "reject", t.rejectionID(r, dice.below(len(rejectionNames)))
	}
	_, err = t.move(r, c.Employee, Move{State: c.State, Rejection: c.Rejection})
	return c, err == nil
}
