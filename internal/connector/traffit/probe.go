package traffit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/outbound"
)

const (
	// probeRequests bounds a probe, tokens and repetitions included.
	probeRequests = 60
	// probeTimeout bounds one request: large pages were seen to take more than half a minute.
	probeTimeout = time.Minute
	// tagCandidates is how many candidates are asked for tags until one has some.
	tagCandidates = 20
)

// probes finds out each detail. What cannot be found out by reads says why.
var probes = map[string]func(context.Context, *probe) (variant, note string, err error){
	"totals":              probeTotals,
	"page.beyond":         probeBeyond,
	"sort.spelling":       probeSort,
	"sort.unknown":        probeUnknownSort,
	"filter.updated_at":   probeFilter,
	"filter.precision":    probePrecision,
	"filter.several":      probeSeveral,
	"oauth.scopes":        probeTokenScopes,
	"oauth.error":         probeTokenError,
	"client.v1":           never("it shows only with such a client"),
	"scope.missing":       probeMissingScope,
	"error.shape":         probeErrorShape,
	"gone.status":         probeGone,
	"retry.after":         probeRetryAfter,
	"stamps":              probeStamps,
	"single.wrap":         probeWrap,
	"recruitments.list":   probeRecruitmentList,
	"responsible.shape":   probeResponsible,
	"users.names":         probeUserNames,
	"users.email":         probeUserEmail,
	"tags.shape":          probeTags,
	"rejections.shape":    probeRejections,
	"rejections.ids":      probeRejectionIDs,
	"dictionary.shape":    probeDictionary,
	"sources.value":       probeSources,
	"location.shape":      probeLocation,
	"activity.content":    probeActivities,
	"workflow.stamp":      never("it shows only when somebody changes a workflow"),
	"guid":                probeGUID,
	"adverts.geolocation": probeGeolocation,
	"adverts.options":     probeOptions,
	"write.validation":    never(writesNothing),
	"write.status":        never(writesNothing),
	"write.errors":        never(writesNothing),
	"create.duplicate":    never(writesNothing),
	"create.answer":       never(writesNothing),
	"assign.repeat":       never(writesNothing),
	"assign.closed":       never(writesNothing),
	"assign.state":        never(writesNothing),
	"move.repeat":         never(writesNothing),
	"reject.reason":       never(writesNothing),
	"file.label":          never(writesNothing),
	"file.answer":         never(writesNothing),
	"note.content":        never(writesNothing),
	"tags.write":          never(writesNothing),
	"choice.write":        never(writesNothing),
}

const writesNothing = "it shows only in writes, and a probe writes nothing"

// greedy is the detail that may take many requests; it gets what the others leave.
const greedy = "tags.shape"

func never(why string) func(context.Context, *probe) (string, string, error) {
	return func(context.Context, *probe) (string, string, error) { return "", why, nil }
}

// Probe finds out the details in the order of their table. What is not as expected leaves a detail
// undecided; only a tenant that refuses the credentials or does not answer ends it.
func (t *tenant) Probe(ctx context.Context, save func(name string, sample []byte) error) ([]connector.Finding, error) {
	p := newProbe(t.client, save)
	if _, err := p.tokens.get(ctx); err != nil {
		return nil, err
	}
	findings := make([]connector.Finding, len(details))
	find := func(n int) error {
		id := details[n].ID
		variant, note, err := probes[id](ctx, p)
		if why, ok := errors.AsType[undecided](err); ok {
			variant, note = "", string(why)
		} else if err != nil {
			return err
		}
		findings[n] = connector.Finding{Detail: id, Variant: variant, Note: note}
		return nil
	}
	last := -1
	for n, d := range details {
		if d.ID == greedy {
			last = n
		} else if err := find(n); err != nil {
			return nil, err
		}
	}
	if err := find(last); err != nil {
		return nil, err
	}
	return findings, nil
}

// undecided is why a detail stays open. It names neither IDs nor what TRAFFIT said.
type undecided string

func (u undecided) Error() string { return string(u) }

func undecidedf(format string, args ...any) error { return undecided(fmt.Sprintf(format, args...)) }

// probe is one look at a tenant. It has a client and a token of its own, and asks nothing twice.
type probe struct {
	*client
	meter   *meter
	renewed bool
	replies map[call]*reply
	samples *samples
}

func newProbe(c *client, save func(string, []byte) error) *probe {
	own, sender := *c, *c.http
	m := &meter{inner: sender.Transport, left: probeRequests}
	sender.Transport, sender.Attempts, sender.AttemptTimeout = m, 2, probeTimeout
	own.http, own.brief, own.habits = &sender, &sender, newHabits()
	p := &probe{client: &own, meter: m, replies: map[call]*reply{}, samples: newSamples(save)}
	own.tokens = &tokens{fetch: own.fetchToken, now: own.now}
	return p
}

// errSpent means that the probe may send no more.
var errSpent = errors.New("the probe's requests are used up")

// meter counts what is sent, and notes a refusal for too many requests.
type meter struct {
	inner http.RoundTripper

	mu        sync.Mutex
	left      int
	throttled http.Header
}

// RoundTrip sends a request unless the probe's are used up.
func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.left--
	spent := m.left < 0
	m.mu.Unlock()
	if spent {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &outbound.RetryAfterError{Err: errSpent} // which is not repeated
	}
	resp, err := m.inner.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		m.mu.Lock()
		m.throttled = resp.Header
		m.mu.Unlock()
	}
	return resp, err
}

func (m *meter) refusal() http.Header {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.throttled
}

// reply is whatever was answered.
type reply struct {
	call
	method string
	status int
	header http.Header
	body   []byte
	value  any // nil when the body is no JSON
}

// get sends a call, unless it was sent before, and keeps what came under a name.
func (p *probe) get(ctx context.Context, name string, r call) (*reply, error) {
	if a := p.replies[r]; a != nil {
		return a, nil
	}
	token := ""
	if r.scope != "" {
		g, err := p.tokens.get(ctx)
		if err != nil {
			return nil, open(err)
		}
		if !slices.Contains(g.scopes, r.scope) {
			return nil, undecidedf("the client lacks the scope %s", r.scope)
		}
		token = g.token
	}
	a, err := p.exchange(ctx, name, r, token)
	if err == nil && a.status == http.StatusUnauthorized && r.scope != "" && !p.renewed {
		p.renewed = true // a further token may have ended the first one
		p.tokens.drop(token)
		return p.get(ctx, name, r)
	}
	if err == nil {
		p.replies[r] = a
	}
	return a, err
}

func (p *probe) exchange(ctx context.Context, name string, r call, token string) (*reply, error) {
	req, err := p.request(ctx, r, token)
	if err != nil {
		return nil, err
	}
	resp, err := p.http.Do(req)
	return p.received(ctx, name, r, req.Method, resp, err)
}

func (p *probe) received(ctx context.Context, name string, r call, method string, resp *outbound.Response, err error) (*reply, error) {
	if err != nil {
		return nil, open(p.unreachable(ctx, r.path, err))
	}
	a := &reply{call: r, method: method, status: resp.Status, header: resp.Header, body: bytes.TrimSpace(resp.Body)}
	if looksLikeJSON(a.body) {
		a.value, _ = decode(a.body) // nil when it is broken
	}
	return a, p.samples.keep(name, a)
}

// open turns an error that is about one request alone into the reason why a detail stays open.
func open(err error) error {
	if errors.Is(err, errSpent) {
		return undecided(errSpent.Error())
	}
	if late, ok := errors.AsType[*outbound.TimeoutError](err); ok {
		return undecided(late.Error())
	}
	answer, answered := errors.AsType[*connector.AnswerError](err)
	_, passes := errors.AsType[*connector.RetryError](err)
	switch {
	case answered && passes:
		return undecidedf("%s answered %d", pattern(answer.Path), answer.Status)
	case answered && answer.Method == http.MethodGet:
		return undecided("the answer is too large")
	}
	return err
}

// unexpected says that an answer is not one of those that decide.
func (a *reply) unexpected() error {
	what := "a page or nothing"
	switch {
	case a.value != nil:
		what = "JSON"
	case looksLikeJSON(a.body):
		what = "broken JSON"
	}
	return undecidedf("%s answered %d with %s", pattern(a.path), a.status, what)
}

// pattern is a path without the root of the API, and with {id} for IDs.
func pattern(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, api), "/")
	for i, part := range parts {
		if digits.MatchString(part) {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

// rows gives the rows of an answer that is a list.
func (a *reply) rows() ([]object, bool) {
	list, ok := a.value.([]any)
	if a.status != http.StatusOK || !ok {
		return nil, false
	}
	rows := make([]object, 0, len(list))
	for _, v := range list {
		if o, isObject := v.(map[string]any); isObject {
			rows = append(rows, o)
		}
	}
	return rows, true
}

// ids gives the IDs of the rows, in their order.
func (a *reply) ids() []string {
	rows, _ := a.rows()
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.id("id")
	}
	return ids
}

// pages is the declared number of pages; zero when nothing is declared.
func (a *reply) pages() int {
	if n, ok := headerInt(a.header, "X-Result-Total-Pages"); ok {
		return max(n, 1)
	}
	total, ok := headerInt(a.header, "X-Result-Total-Count")
	if !ok {
		return 0
	}
	size := a.size
	if n, ok := headerInt(a.header, "X-Result-Page-Size"); ok && n > 0 {
		size = n
	}
	return max(1, (total+size-1)/size)
}

// catalog is a listing that the probe reads.
type catalog struct {
	name string
	call
}

// The listings of a tenant. They are read unsorted: no spelling of a sort is known to be taken.
var (
	usersList        = catalog{"users", call{path: api + "/users/", scope: "user", size: pageSize}}
	workflowsList    = catalog{"workflows", call{path: api + "/workflows", scope: "workflow", size: pageSize}}
	recruitmentsList = catalog{"recruitments", call{path: api + "/recruitments/", scope: "recruitment", size: pageSize}}
	employeesList    = catalog{"employees", call{path: api + "/employees/", scope: "employee", size: pageSize}}
	historyList      = catalog{"history", call{path: api + "/employees/recruitment_history", scope: "employee", size: 10}}
	activitiesList   = catalog{"activities", call{path: api + "/employees/activities", scope: "employee", size: pageSize}}
	sourcesList      = catalog{"sources", call{path: api + "/sources", scope: "source", size: sliceSize}}
	dictionariesList = catalog{"dictionaries", call{path: api + "/dictionaries", scope: "dictionary", size: pageSize}}
	advertsList      = catalog{"adverts", call{path: "/public/job_posts/published", size: pageSize}}
)

// page reads page n of a listing, whatever it answers.
func (p *probe) page(ctx context.Context, c catalog, n int) (*reply, error) {
	r := c.call
	r.page = n
	return p.get(ctx, c.name, r)
}

// listed reads page n of a listing, which must be one.
func (p *probe) listed(ctx context.Context, c catalog, n int) (*reply, []object, error) {
	a, err := p.page(ctx, c, n)
	if err != nil {
		return nil, nil, err
	}
	rows, ok := a.rows()
	if !ok {
		return a, nil, a.unexpected()
	}
	return a, rows, nil
}

// ends reads the first and the last page of a listing, the last one first: it is livelier.
func (p *probe) ends(ctx context.Context, c catalog) ([]object, error) {
	a, rows, err := p.listed(ctx, c, 1)
	if err != nil || a.pages() < 2 {
		return rows, err
	}
	_, last, err := p.listed(ctx, c, a.pages())
	if _, why := errors.AsType[undecided](err); err != nil && !why {
		return nil, err
	}
	return slices.Concat(last, rows), nil
}

// some finds a listing with at least n rows, trying several.
func (p *probe) some(ctx context.Context, n int, of ...catalog) (catalog, *reply, error) {
	for _, c := range of {
		a, rows, err := p.listed(ctx, c, 1)
		if err == nil && len(rows) >= n {
			return c, a, nil
		}
		if _, why := errors.AsType[undecided](err); err != nil && !why {
			return c, nil, err
		}
	}
	return catalog{}, nil, undecidedf("no listing with at least %d rows could be read", n)
}

// itself reads the own address of a row of a listing.
func (p *probe) itself(ctx context.Context, name string, c catalog, id string) (*reply, error) {
	return p.get(ctx, name, call{path: strings.TrimSuffix(c.path, "/") + "/" + pathID(id), scope: c.scope})
}

// below reads a listing below a row.
func (p *probe) below(ctx context.Context, name string, c catalog, id, sub string) (*reply, error) {
	return p.get(ctx, name, call{path: c.path + pathID(id) + sub, scope: c.scope, page: 1, size: pageSize})
}

// token asks for a token with every scope that TRAFFIT has.
func (p *probe) token(ctx context.Context) (*reply, error) {
	r := call{path: tokenPath}
	if a := p.replies[r]; a != nil {
		return a, nil
	}
	req, err := p.tokenRequest(ctx, allScopes)
	if err != nil {
		return nil, err
	}
	resp, err := p.http.Repeat(req)
	a, err := p.received(ctx, "token", r, req.Method, resp, err)
	if err == nil {
		p.replies[r] = a
	}
	return a, err
}

// allScopes are all that a client can have (seen on two tenants).
var allScopes = strings.Fields("advert advert_publish client crm_activity crm_person dictionary employee file form message " +
	"provision recruitment source talent user webhook workflow")

// condition makes a filter of one field.
func condition(field, comparison, value string) object {
	return object{field: object{"value": value, "comparison": comparison}}
}

// day gives the date in Warsaw some days from now.
func (p *probe) day(from int) string {
	return p.now().In(warsaw).AddDate(0, 0, from).Format(time.DateOnly)
}

// What a listing does with a filter or a sort.
const (
	heeded  = "applied"
	ignored = "ignored"
	refused = "refused"
)

// filtered tells what a listing does with a filter that no row can fulfil.
func (p *probe) filtered(ctx context.Context, c catalog, filter object) (string, error) {
	_, rows, err := p.listed(ctx, c, 1)
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", undecidedf("%s is empty", c.name)
	}
	r := c.call
	r.page, r.size, r.filter = 1, 10, string(encode(filter))
	a, err := p.get(ctx, c.name+"-filter", r)
	if err != nil {
		return "", err
	}
	found, list := a.rows()
	switch {
	case a.status == http.StatusBadRequest:
		return refused, nil
	case !list:
		return "", a.unexpected()
	case len(found) == 0:
		return heeded, nil
	case len(found) == min(len(rows), r.size):
		return ignored, nil
	}
	return "", undecidedf("%s answered %d rows to a filter that none can fulfil", c.name, len(found))
}

// agree gives the answer that several listings have in common.
func agree(answers map[string][]string) (variant, note string, err error) {
	var each []string
	for answer, names := range answers {
		variant = answer
		each = append(each, answer+": "+strings.Join(names, ", "))
	}
	slices.Sort(each)
	switch len(answers) {
	case 0:
		return "", "", undecided("nothing could be read that tells")
	case 1:
		return variant, "seen in " + strings.Join(answers[variant], ", "), nil
	}
	return "", "", undecidedf("they differ: %s", strings.Join(each, "; "))
}

// form tells which keys an object has that matter, as {"id","name"}.
func form(o object) string {
	keys := make([]string, 0, len(o))
	for _, k := range o.keys() {
		if plainKey.MatchString(k) {
			keys = append(keys, k)
		}
	}
	b, err := json.Marshal(keys)
	if err != nil {
		return ""
	}
	return string(b)
}
