package traffit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/outbound"
)

func probeTotals(ctx context.Context, p *probe) (string, string, error) {
	kinds := map[string][]string{}
	for _, c := range []catalog{usersList, workflowsList, recruitmentsList, employeesList, historyList, activitiesList, sourcesList, advertsList} {
		a, _, err := p.listed(ctx, c, 1)
		if _, why := errors.AsType[undecided](err); why {
			continue
		} else if err != nil {
			return "", "", err
		}
		kind := "none"
		if _, ok := headerInt(a.header, "X-Result-Total-Count"); ok {
			kind = "count"
			if _, ok := headerInt(a.header, "X-Result-Total-Pages"); ok {
				kind = "all"
			}
		}
		kinds[kind] = append(kinds[kind], c.name)
	}
	return agree(kinds)
}

func probeBeyond(ctx context.Context, p *probe) (string, string, error) {
	c, first, err := p.some(ctx, 1, recruitmentsList, employeesList, usersList)
	if err != nil {
		return "", "", err
	}
	beyond := first.pages() + 3
	if first.pages() == 0 {
		beyond = 100_000 // ten million rows
	}
	a, err := p.page(ctx, catalog{c.name + "-beyond", c.call}, beyond)
	if err != nil {
		return "", "", err
	}
	rows, list := a.rows()
	switch {
	case a.status == http.StatusBadRequest:
		return "400", "", nil
	case a.status == http.StatusNotFound:
		return "404", "", nil
	case !list:
		return "", "", a.unexpected()
	case len(rows) == 0:
		return "empty", "", nil
	case first.pages() == 0:
		return "", "", undecidedf("%s declares no length and answers %d rows for page %d", c.name, len(rows), beyond)
	}
	last, _, err := p.listed(ctx, c, first.pages())
	if err != nil {
		return "", "", err
	}
	if !slices.Equal(a.ids(), last.ids()) {
		return "", "", undecidedf("%s answers %d rows that are not those of its last page", c.name, len(rows))
	}
	return "last", "", nil
}

// spelling tells what a listing does with a spelling of the sort, which is given ascending.
func (p *probe) spelling(ctx context.Context, ascending string) (string, error) {
	c, _, err := p.some(ctx, 2, recruitmentsList, employeesList, usersList)
	if err != nil {
		return "", err
	}
	r := c.call
	r.page, r.size, r.sort = 1, 2, ascending
	up, err := p.get(ctx, c.name+"-sort", r)
	if err != nil {
		return "", err
	}
	r.sort = strings.Replace(ascending, "ASC", "DESC", 1)
	down, err := p.get(ctx, c.name+"-sort", r)
	if err != nil {
		return "", err
	}
	if up.status == http.StatusBadRequest && down.status == http.StatusBadRequest {
		return refused, nil
	}
	for _, a := range []*reply{up, down} {
		if rows, ok := a.rows(); !ok || len(rows) != 2 {
			return "", a.unexpected()
		}
	}
	a, b := up.ids(), down.ids()
	if compareIDs(a[0], a[1]) < 0 && compareIDs(b[0], b[1]) > 0 {
		return heeded, nil
	}
	return ignored, nil
}

func (p *probe) spellings(ctx context.Context) (field, documented string, err error) {
	if field, err = p.spelling(ctx, byID); err != nil {
		return "", "", err
	}
	documented, err = p.spelling(ctx, byIDPublic)
	return field, documented, err
}

func probeSort(ctx context.Context, p *probe) (string, string, error) {
	field, documented, err := p.spellings(ctx)
	switch {
	case err != nil:
		return "", "", err
	case field == heeded && documented == heeded:
		return "either", "", nil
	case field == heeded:
		return "field", "", nil
	case documented == heeded:
		return "documented", "", nil
	}
	return "", "", undecidedf(`neither spelling sorts: {"id"} is %s, {"sort_by"} is %s`, field, documented)
}

func probeUnknownSort(ctx context.Context, p *probe) (string, string, error) {
	field, documented, err := p.spellings(ctx)
	other := field
	if field == heeded {
		other = documented
	}
	switch {
	case err != nil:
		return "", "", err
	case field == heeded && documented == heeded:
		return "", "", undecided("both spellings are understood")
	case field != heeded && documented != heeded && field != documented:
		return "", "", undecidedf(`{"id"} is %s, {"sort_by"} is %s`, field, documented)
	case other == refused:
		return "refuse", "", nil
	}
	return "ignore", "", nil
}

func probeFilter(ctx context.Context, p *probe) (string, string, error) {
	answers := map[string][]string{}
	for _, c := range []catalog{employeesList, recruitmentsList} {
		answer, err := p.filtered(ctx, c, condition("updated_at", ">=", p.day(2)))
		if why, ok := errors.AsType[undecided](err); ok {
			return "", "", undecidedf("%s: %s", c.name, why)
		} else if err != nil {
			return "", "", err
		}
		answers[answer] = append(answers[answer], c.name)
	}
	return agree(answers)
}

// filterable finds a listing that a filter on updated_at narrows.
func (p *probe) filterable(ctx context.Context) (catalog, error) {
	for _, c := range []catalog{employeesList, recruitmentsList} {
		answer, err := p.filtered(ctx, c, condition("updated_at", ">=", p.day(2)))
		if answer == heeded {
			return c, nil
		}
		if _, why := errors.AsType[undecided](err); err != nil && !why {
			return c, err
		}
	}
	return catalog{}, undecided("no listing applies a filter on updated_at")
}

// probePrecision finds the row that changed last, and asks for what changed a moment later.
func probePrecision(ctx context.Context, p *probe) (string, string, error) {
	c, err := p.filterable(ctx)
	if err != nil {
		return "", "", err
	}
	a, rows, err := p.listed(ctx, c, 1)
	for tries := 0; err == nil; tries++ {
		newest, stamp, ok := latest(rows)
		if !ok {
			return "", "", undecidedf("no row of %s says when it changed", c.name)
		}
		total, declared := headerInt(a.header, "X-Result-Total-Count")
		if a.filter != "" && (declared && total <= len(rows) || !declared && len(rows) < a.size) {
			return p.momentAfter(ctx, c, newest, stamp)
		}
		if tries == 4 {
			return "", "", undecidedf("too many rows of %s changed on one day", c.name)
		}
		r := c.call
		r.page, r.filter = 1, string(encode(condition("updated_at", ">=", stamp.Format(time.DateOnly))))
		if a, err = p.get(ctx, c.name+"-filter-day", r); err == nil {
			if rows, ok = a.rows(); !ok {
				return "", "", a.unexpected()
			}
			if len(rows) == 0 {
				return "", "", undecidedf("%s answers nothing for the day of a row that it shows", c.name)
			}
		}
	}
	return "", "", err
}

// latest finds the row that changed last, and its stamp in Warsaw.
func latest(rows []object) (id string, at time.Time, found bool) {
	for _, row := range rows {
		if t := row.time("updated_at"); t != nil && row.id("id") != "" {
			if wall := time.UnixMilli(t.Milli()).In(warsaw); !found || wall.After(at) {
				id, at, found = row.id("id"), wall, true
			}
		}
	}
	return id, at, found
}

func (p *probe) momentAfter(ctx context.Context, c catalog, newest string, stamp time.Time) (string, string, error) {
	later := stamp.Add(time.Minute)
	if later.Day() != stamp.Day() {
		return "", "", undecidedf("the last change of %s was right before midnight; probe again later", c.name)
	}
	r := c.call
	r.page, r.filter = 1, string(encode(condition("updated_at", ">=", later.Format(time.DateTime))))
	a, err := p.get(ctx, c.name+"-filter-time", r)
	if err != nil {
		return "", "", err
	}
	_, list := a.rows()
	switch {
	case a.status == http.StatusBadRequest:
		return "", "", undecided("a filter with a time is refused; with a day it is not")
	case !list:
		return "", "", a.unexpected()
	case slices.Contains(a.ids(), newest):
		return "day", "", nil
	}
	return "second", "", nil
}

func probeSeveral(ctx context.Context, p *probe) (string, string, error) {
	c, err := p.filterable(ctx)
	if err != nil {
		return "", "", err
	}
	nothing, everything := p.day(2), "2000-01-01"
	alone, err := p.filtered(ctx, c, condition("created_at", ">=", nothing))
	if err != nil {
		return "", "", err
	}
	if alone != heeded {
		return "", "", undecidedf("a filter on created_at alone is %s", alone)
	}
	var answers []string
	for _, values := range [][2]string{{everything, nothing}, {nothing, everything}} {
		both := condition("created_at", ">=", values[0])
		both["updated_at"] = condition("updated_at", ">=", values[1])["updated_at"]
		answer, err := p.filtered(ctx, c, both)
		if err != nil {
			return "", "", err
		}
		answers = append(answers, answer)
	}
	switch {
	case answers[0] == heeded && answers[1] == heeded:
		return "all", "", nil
	case slices.Contains(answers, refused):
		return "refuse", "", nil
	case answers[0] == heeded || answers[1] == heeded:
		return "first", "", nil
	}
	return "", "", undecided("a filter of two fields filters by neither")
}

func probeTokenScopes(ctx context.Context, p *probe) (string, string, error) {
	a, err := p.token(ctx)
	if err != nil {
		return "", "", err
	}
	g, err := p.tokens.get(ctx)
	if err != nil {
		return "", "", open(err)
	}
	o := asObject(a.value)
	switch {
	case a.status == http.StatusBadRequest || a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return "refuse", fmt.Sprintf("all %d scopes at once are refused, %d that it has are not", len(allScopes), len(g.scopes)), nil
	case a.status != http.StatusOK || o.text("access_token") == "":
		return "", "", a.unexpected()
	}
	given := strings.Fields(o.text("scope"))
	switch {
	case len(given) == 0:
		return "", "", undecided("the answer does not say which scopes the token has")
	case len(given) >= len(allScopes):
		return "", "", undecided("the client has every scope")
	}
	return "narrow", fmt.Sprintf("%d of %d scopes are given", len(given), len(allScopes)), nil
}

func probeTokenError(ctx context.Context, p *probe) (string, string, error) {
	a, err := p.token(ctx)
	if err != nil {
		return "", "", err
	}
	o := asObject(a.value)
	switch {
	case a.status < http.StatusBadRequest:
		return "", "", undecided("no token was refused, and a wrong secret on purpose could lock the client")
	case a.value == nil:
		return "html", "", nil
	case o.text("error") != "":
		return "oauth", "", nil
	case o.text("message") != "":
		return "message", "", nil
	}
	return "", "", undecidedf("a refusal has the keys %s", form(o))
}

// probeMissingScope asks with a token that was made for another scope alone.
func probeMissingScope(ctx context.Context, p *probe) (string, string, error) {
	g, err := p.tokens.get(ctx)
	if err != nil {
		return "", "", open(err)
	}
	c, _, err := p.some(ctx, 0, workflowsList, usersList, recruitmentsList, employeesList)
	if err != nil {
		return "", "", err
	}
	at := slices.IndexFunc(g.scopes, func(s string) bool { return s != c.scope })
	if at < 0 {
		return "", "", undecided("the client has one scope only")
	}
	other, err := p.askToken(ctx, g.scopes[at:at+1])
	if _, ok := errors.AsType[*scopeRefusal](err); ok {
		return "", "", undecided("a token for one scope alone is refused")
	} else if err != nil {
		return "", "", open(err)
	}
	r := c.call
	r.page, r.size = 1, 1
	a, err := p.exchange(ctx, "scope-missing", r, other.token)
	if err != nil {
		return "", "", err
	}
	switch a.status {
	case http.StatusForbidden:
		return "403", "", nil
	case http.StatusUnauthorized:
		return "401", "", nil
	case http.StatusNotFound:
		return "404", "", nil
	case http.StatusOK:
		return "", "", undecided("a token made for one scope opens others, too")
	}
	return "", "", a.unexpected()
}

// living finds a listing with a row whose own address answers.
func (p *probe) living(ctx context.Context) (catalog, error) {
	for _, c := range []catalog{employeesList, recruitmentsList} {
		_, rows, err := p.listed(ctx, c, 1)
		if _, why := errors.AsType[undecided](err); why || err == nil && len(rows) == 0 {
			continue
		} else if err != nil {
			return c, err
		}
		a, err := p.itself(ctx, strings.TrimSuffix(c.name, "s"), c, rows[0].id("id"))
		if _, why := errors.AsType[undecided](err); err != nil && !why {
			return c, err
		}
		if err == nil && a.status == http.StatusOK && asObject(a.value).id("id") == rows[0].id("id") {
			return c, nil
		}
	}
	return catalog{}, undecided("no record could be read at its own address")
}

// missing asks for a record that no tenant can have: the largest number of 32 bits.
func (p *probe) missing(ctx context.Context) (*reply, error) {
	c, err := p.living(ctx)
	if err != nil {
		return nil, err
	}
	return p.itself(ctx, "gone", c, "2147483647")
}

func probeErrorShape(ctx context.Context, p *probe) (string, string, error) {
	a, err := p.missing(ctx)
	if err != nil {
		return "", "", err
	}
	o := asObject(a.value)
	has := func(key string) bool { _, ok := o[key]; return ok }
	switch {
	case a.status < http.StatusBadRequest:
		return "", "", a.unexpected()
	case a.value == nil && !looksLikeJSON(a.body):
		return "html", "", nil
	case has("error") && !has("message"):
		return "error", "", nil
	case has("message") && has("errors"):
		return "symfony", "", nil
	case has("message") && has("code"):
		return "code", "", nil
	case has("message") && !has("error"):
		return "message", "", nil
	}
	return "", "", undecidedf("an error has the keys %s", form(o))
}

func probeGone(ctx context.Context, p *probe) (string, string, error) {
	a, err := p.missing(ctx)
	if err != nil {
		return "", "", err
	}
	note := ""
	if a.value == nil {
		note = "with a page, which proves nothing"
	}
	switch a.status {
	case http.StatusNotFound:
		return "404", note, nil
	case http.StatusGone:
		return "410", note, nil
	}
	return "", "", a.unexpected()
}

func probeRetryAfter(_ context.Context, p *probe) (string, string, error) {
	h := p.meter.refusal()
	if h == nil {
		return "", "", undecided("no request was one too many, and none is made so on purpose")
	}
	text := strings.TrimSpace(h.Get("Retry-After"))
	_, readable := outbound.RetryAfter(h, p.now())
	switch {
	case text == "":
		return "none", "", nil
	case digits.MatchString(text):
		return "seconds", "", nil
	case readable:
		return "date", "", nil
	}
	return "", "", undecided("Retry-After is neither a number nor a date")
}

func probeStamps(ctx context.Context, p *probe) (string, string, error) {
	kinds := map[string][]string{}
	for _, c := range []catalog{employeesList, recruitmentsList, usersList, historyList} {
		_, rows, err := p.listed(ctx, c, 1)
		if _, why := errors.AsType[undecided](err); why {
			continue
		} else if err != nil {
			return "", "", err
		}
		for _, row := range rows {
			for _, key := range []string{"created_at", "updated_at"} {
				kind := "zoned"
				switch s := row.text(key); {
				case parseTime(s) == nil:
					continue
				case !hasZone(s):
					kind = "naive"
				}
				if !slices.Contains(kinds[kind], c.name) {
					kinds[kind] = append(kinds[kind], c.name)
				}
			}
		}
	}
	return agree(kinds)
}

func hasZone(s string) bool {
	return slices.ContainsFunc(zoned, func(layout string) bool { _, err := time.Parse(layout, s); return err == nil })
}

func probeWrap(ctx context.Context, p *probe) (string, string, error) {
	kinds := map[string][]string{}
	for _, c := range []catalog{employeesList, recruitmentsList, workflowsList} {
		_, rows, err := p.listed(ctx, c, 1)
		if _, why := errors.AsType[undecided](err); why || err == nil && len(rows) == 0 {
			continue
		} else if err != nil {
			return "", "", err
		}
		a, err := p.itself(ctx, strings.TrimSuffix(c.name, "s"), c, rows[0].id("id"))
		if _, why := errors.AsType[undecided](err); why {
			continue
		} else if err != nil {
			return "", "", err
		}
		if a.status != http.StatusOK || asObject(a.value).id("id") == "" {
			continue
		}
		kind := "false"
		if _, list := a.value.([]any); list {
			kind = "true"
		}
		kinds[kind] = append(kinds[kind], c.name)
	}
	return agree(kinds)
}

// inDetail are the fields of a recruitment that its list was seen without.
var inDetail = []string{"workflow_id", "status", "responsible_person"}

func probeRecruitmentList(ctx context.Context, p *probe) (string, string, error) {
	rows, err := p.ends(ctx, recruitmentsList)
	if err != nil {
		return "", "", err
	}
	if len(rows) == 0 {
		return "", "", undecided("there is no recruitment")
	}
	held := func(o object) (names []string) {
		for _, key := range inDetail {
			if _, ok := o[key]; ok {
				names = append(names, key)
			}
		}
		return names
	}
	list := held(rows[0])
	if len(list) == len(inDetail) {
		return "full", "", nil
	}
	a, err := p.itself(ctx, "recruitment", recruitmentsList, rows[0].id("id"))
	if err != nil {
		return "", "", err
	}
	detail := held(asObject(a.value))
	switch {
	case a.status != http.StatusOK:
		return "", "", a.unexpected()
	case len(list) == 0 && len(detail) == len(inDetail):
		return "seen", "", nil
	}
	return "", "", undecidedf("the list has %q of %q, the detail %q", list, inDetail, detail)
}

func probeResponsible(ctx context.Context, p *probe) (string, string, error) {
	rows, err := p.ends(ctx, recruitmentsList)
	if err != nil {
		return "", "", err
	}
	for _, row := range rows[:min(5, len(rows))] {
		a, err := p.itself(ctx, "recruitment", recruitmentsList, row.id("id"))
		if err != nil {
			return "", "", err
		}
		v := asObject(a.value)["responsible_person"]
		list, several := v.([]any)
		switch {
		case a.status != http.StatusOK:
			return "", "", a.unexpected()
		case v == nil || several && len(list) == 0:
			continue // nobody; the next one may have somebody
		case several && asObject(list[0]).object("user").id("id") != "":
			return "user", "", nil
		case several && asObject(list[0]).id("id") != "":
			return "list", "", nil
		case !several && asObject(v).id("id") != "":
			return "object", "", nil
		}
		return "", "", undecidedf("responsible_person is a %T of another form", v)
	}
	return "", "", undecidedf("none of %d recruitments has a responsible person", min(5, len(rows)))
}

func probeUserNames(ctx context.Context, p *probe) (string, string, error) {
	_, rows, err := p.listed(ctx, usersList, 1)
	if err != nil {
		return "", "", err
	}
	return present(rows, "users", func(row object) bool { return row.text("name") != "" || row.text("lastname") != "" })
}

// present tells whether any row has something; without rows nobody knows.
func present(rows []object, what string, has func(object) bool) (string, string, error) {
	n := 0
	for _, row := range rows {
		if has(row) {
			n++
		}
	}
	switch {
	case len(rows) == 0:
		return "", "", undecidedf("there are no %s", what)
	case n == 0:
		return "absent", fmt.Sprintf("none of %d %s", len(rows), what), nil
	}
	return "present", fmt.Sprintf("%d of %d %s", n, len(rows), what), nil
}

func probeUserEmail(ctx context.Context, p *probe) (string, string, error) {
	_, rows, err := p.listed(ctx, usersList, 1)
	if err != nil {
		return "", "", err
	}
	for _, row := range rows {
		if email(row.text("email")) != nil {
			return "present", "", nil
		}
	}
	for _, row := range rows {
		if email(row.text("username")) != nil {
			return "username", fmt.Sprintf("none of %d users has an email", len(rows)), nil
		}
	}
	return "", "", undecidedf("none of %d users shows an address", len(rows))
}

// probeTags asks candidates until one has tags. An address that is not there shows at once; it
// counts as missing when several living candidates have none.
func probeTags(ctx context.Context, p *probe) (string, string, error) {
	const enough = 3
	rows, err := p.ends(ctx, employeesList)
	if err != nil {
		return "", "", err
	}
	asked, missing := 0, 0
	for _, row := range rows {
		if asked == tagCandidates || missing == enough {
			break
		}
		id := row.id("id")
		if id == "" {
			continue
		}
		a, err := p.below(ctx, "tags", employeesList, id, "/tags")
		if err != nil {
			return "", "", err
		}
		asked++
		if a.status == http.StatusNotFound || a.status == http.StatusGone {
			own, err := p.itself(ctx, "employee", employeesList, id)
			if err != nil {
				return "", "", err
			}
			if own.status == http.StatusOK && asObject(own.value).id("id") == id {
				missing++
			}
			continue
		}
		if variant, err := items(a, "tags", "tag"); variant != "" || err != nil {
			return variant, fmt.Sprintf("after %d candidates", asked), err
		}
	}
	if missing > 0 && missing == min(enough, asked) {
		return "missing", fmt.Sprintf("%d living candidates have no such address", missing), nil
	}
	return "", "", undecidedf("none of %d candidates has tags", asked)
}

// items tells the form of a list of labelled things; empty for an empty list.
func items(a *reply, wrapper, inner string) (string, error) {
	if a.status != http.StatusOK || a.value == nil {
		return "", a.unexpected()
	}
	if o := asObject(a.value); o != nil {
		if _, wrapped := o[wrapper]; wrapped {
			return "wrapped", nil
		}
	}
	rows, list := a.rows()
	switch {
	case !list:
		return "", undecidedf("%s answers an object with the keys %s", pattern(a.path), form(asObject(a.value)))
	case len(rows) == 0:
		return "", nil
	case inner != "" && rows[0].object(inner) != nil:
		return "nested", nil
	case rows[0].text("name") != "":
		return "plain", nil
	case rows[0].text("value") != "":
		return "value", nil
	}
	return "", undecidedf("%s answers rows with the keys %s", pattern(a.path), form(rows[0]))
}

// rejectionsOf reads the rejection reasons of up to two recruitments, open ones if there are any.
func (p *probe) rejectionsOf(ctx context.Context) ([]*reply, error) {
	rows, err := p.ends(ctx, recruitmentsList)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b object) int { return shut(a) - shut(b) })
	var replies []*reply
	asked := map[string]bool{}
	for _, row := range rows {
		if id := row.id("id"); id != "" && !asked[id] && len(asked) < 2 {
			asked[id] = true
			a, err := p.below(ctx, "rejections", recruitmentsList, id, "/rejections")
			if err != nil {
				return nil, err
			}
			replies = append(replies, a)
		}
	}
	if len(replies) == 0 {
		return nil, undecided("there is no recruitment")
	}
	return replies, nil
}

func shut(recruitment object) int {
	if closed := recruitment.bool("is_closed"); closed != nil && *closed {
		return 1
	}
	return 0
}

func probeRejections(ctx context.Context, p *probe) (string, string, error) {
	replies, err := p.rejectionsOf(ctx)
	if err != nil {
		return "", "", err
	}
	for _, a := range replies {
		if variant, err := items(a, "rejections", ""); variant != "" || err != nil {
			return variant, "", err
		}
	}
	return "", "", undecidedf("none of %d recruitments has rejection reasons", len(replies))
}

func probeRejectionIDs(ctx context.Context, p *probe) (string, string, error) {
	replies, err := p.rejectionsOf(ctx)
	if err != nil {
		return "", "", err
	}
	var sets [][]string
	for _, a := range replies {
		if a.status != http.StatusOK {
			return "", "", a.unexpected()
		}
		var ids []string
		items, _ := itemsOf(a.body)
		for _, item := range items {
			ids = append(ids, item.id("id"))
		}
		if len(ids) > 0 {
			slices.Sort(ids)
			sets = append(sets, ids)
		}
	}
	if len(sets) < 2 {
		return "", "", undecided("there are no two recruitments with rejection reasons")
	}
	common := 0
	for _, id := range sets[0] {
		if slices.Contains(sets[1], id) {
			common++
		}
	}
	switch {
	case slices.Equal(sets[0], sets[1]):
		return "global", "", nil
	case common == 0:
		return "recruitment", "", nil
	}
	return "", "", undecidedf("two recruitments have %d and %d reasons, %d in common", len(sets[0]), len(sets[1]), common)
}

func probeDictionary(ctx context.Context, p *probe) (string, string, error) {
	_, rows, err := p.listed(ctx, dictionariesList, 1)
	if err != nil {
		return "", "", err
	}
	for _, row := range rows[:min(3, len(rows))] {
		a, err := p.itself(ctx, "dictionary", dictionariesList, row.id("id"))
		if err != nil {
			return "", "", err
		}
		if a.status != http.StatusOK || a.value == nil {
			return "", "", a.unexpected()
		}
		o := asObject(a.value)
		for _, key := range []string{"items", "values"} {
			if _, ok := o[key].([]any); ok {
				return map[string]string{"items": "object", "values": "values"}[key], "", nil
			}
		}
		list, several := a.value.([]any)
		if len(list) == 1 { // the wrapping of single answers
			if inner, ok := list[0].([]any); ok {
				list = inner
			}
		}
		switch {
		case !several:
			return "", "", undecidedf("a dictionary has the keys %s", form(o))
		case len(list) > 0:
			return "list", "", nil
		}
	}
	return "", "", undecided("there is no dictionary with items")
}

func probeSources(ctx context.Context, p *probe) (string, string, error) {
	var rows []object
	for page := 1; page <= 2 && len(rows) == 0; page++ { // single pages fail for good (seen)
		var err error
		_, rows, err = p.listed(ctx, sourcesList, page)
		if _, why := errors.AsType[undecided](err); err != nil && (!why || page == 2) {
			return "", "", err
		}
	}
	return present(rows, "sources", func(row object) bool { return row.object("dictionary_item").text("value") != "" })
}

func probeLocation(ctx context.Context, p *probe) (string, string, error) {
	rows, err := p.ends(ctx, employeesList)
	if err != nil {
		return "", "", err
	}
	kinds := map[string][]string{}
	for _, row := range rows {
		kind := ""
		switch v := row["candidate_location"].(type) {
		case map[string]any:
			kind = "object"
		case string:
			if inner, err := decode([]byte(v)); err == nil && asObject(inner) != nil {
				kind = "json"
			}
		}
		if kind != "" && kinds[kind] == nil {
			kinds[kind] = []string{employeesList.name}
		}
	}
	if len(kinds) == 0 {
		return "", "", undecidedf("none of %d candidates has a place", len(rows))
	}
	return agree(kinds)
}

// probeActivities looks for stage changes in the youngest pages of the log.
func probeActivities(ctx context.Context, p *probe) (string, string, error) {
	first, _, err := p.listed(ctx, activitiesList, 1)
	if err != nil {
		return "", "", err
	}
	kinds := map[string][]string{}
	looked := 0
	for n := max(1, first.pages()); n >= 1 && looked < 3 && len(kinds) == 0; n-- {
		a, rows, err := p.listed(ctx, activitiesList, n)
		if err != nil {
			return "", "", err
		}
		looked++
		for _, row := range rows {
			kind := contentKind(row["content"])
			if kind == "" || kinds[kind] != nil {
				continue
			}
			kinds[kind] = []string{activitiesList.name}
			if err := p.samples.keep("stage-change", &reply{call: a.call, method: a.method, status: a.status, value: []any{map[string]any(row)}}); err != nil {
				return "", "", err
			}
		}
	}
	if len(kinds) == 0 {
		return "", "", undecidedf("%d pages of the log hold no stage change", looked)
	}
	return agree(kinds)
}

// contentKind tells the form of a stage change; empty for anything else.
func contentKind(content any) string {
	if _, moved := stageChange(content)["to_state"]; !moved {
		return ""
	}
	o, isObject := content.(map[string]any)
	switch {
	case !isObject:
		return "text"
	case o["to_state"] != nil:
		return "object"
	}
	return "nested"
}

func probeGUID(ctx context.Context, p *probe) (string, string, error) {
	looked := 0
	for _, c := range []catalog{employeesList, recruitmentsList} {
		_, rows, err := p.listed(ctx, c, 1)
		if _, why := errors.AsType[undecided](err); why {
			continue
		} else if err != nil {
			return "", "", err
		}
		looked += len(rows)
		for _, row := range rows {
			if row.text("guid") != "" {
				return "always", "seen in " + c.name, nil
			}
		}
	}
	if looked == 0 {
		return "", "", undecided("there is no row to look at")
	}
	return "never", fmt.Sprintf("in none of %d rows", looked), nil
}

func probeGeolocation(ctx context.Context, p *probe) (string, string, error) {
	_, rows, err := p.listed(ctx, advertsList, 1)
	if err != nil {
		return "", "", err
	}
	texts, objects := 0, 0
	for _, row := range rows {
		for _, v := range row.object("advert").list("values") {
			if o := asObject(v); o.text("field_id") == "geolocation" {
				switch o["value"].(type) {
				case string:
					texts++
				case map[string]any:
					objects++
				}
			}
		}
	}
	note := fmt.Sprintf("%d texts and %d objects in %d adverts", texts, objects, len(rows))
	switch {
	case texts+objects == 0:
		return "", "", undecidedf("none of %d adverts has a place", len(rows))
	case texts > 0:
		return "string", note, nil // single objects among them were seen
	}
	return "object", note, nil
}

func probeOptions(ctx context.Context, p *probe) (string, string, error) {
	_, rows, err := p.listed(ctx, advertsList, 1)
	if err != nil {
		return "", "", err
	}
	texts, lists := 0, 0
	for _, row := range rows {
		for _, v := range row.object("options") {
			switch v.(type) {
			case string:
				texts++
			case []any:
				lists++
			}
		}
	}
	note := fmt.Sprintf("%d texts and %d lists in %d adverts", texts, lists, len(rows))
	switch {
	case texts+lists < 2:
		return "", "", undecidedf("too few options: %s", note)
	case lists == 0:
		return "text", note, nil
	case texts == 0:
		return "list", note, nil
	}
	return "seen", note, nil
}
