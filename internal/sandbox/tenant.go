package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that changes return, wrapped with the details.
var (
	ErrNotFound = errors.New("not found")
	ErrInvalid  = errors.New("invalid")
	ErrConflict = errors.New("conflict")
)

// Tenant is one customer's instance: its data, its credentials and its faults.
type Tenant struct {
	name   string
	config Config
	data   *data
	admin  http.Handler

	current  atomic.Pointer[settings]
	tokens   tokens
	requests requestLog
	turn     atomic.Uint64 // numbers requests, for what differs between them
	burst    atomic.Int64  // answers of 429 still to come

	mu sync.RWMutex // guards all below

	employees, recruitments, users, clients, crmPersons, crmActivities, adverts, sources table[Row]

	history    table[move]
	activities table[activity]
	workflows  []*workflow
	states     map[int]state // with the removed ones, to which history refers
	tagNames   []string
	tagSets    map[int][]int // changed tags, by candidate

	removedApps     map[int]bool   // generated applications taken out of their recruitment
	addedMoves      map[pair][]int // ids of added history rows
	addedTo         map[int][]int  // candidates with added history rows, by recruitment
	addedActivities map[int][]int  // ids by candidate
	addedSources    map[int][]int  // ids by candidate

	// What came through the API.
	writes      []Write
	writeBytes  int // of their bodies
	writeCounts map[string]int
	late        []lateWrite
	notes       map[int][]Note   // by candidate
	uploads     map[int][]Upload // by candidate: the last of the candidate's files
	uploadBytes int
	lastUpload  int // the highest id of an uploaded file
}

func newTenant(c Config, initial *settings, name, public string) *Tenant {
	if public == "" {
		public = "https://" + strings.ToLower(name) + ".traffit.example"
	}
	c.PublicURL = public
	d := newData(c, name, newCalendar(c.Now()))
	t := &Tenant{
		name: name, config: c, data: d,
		employees:     newTable(d.employeeIDs, d.candidates, d.employee),
		recruitments:  newTable(d.recruitmentIDs, d.recruitments, d.recruitment),
		users:         newTable(d.userIDs, d.users, d.user),
		clients:       newTable(d.clientIDs, d.clients, d.client),
		crmPersons:    newTable(d.personIDs, d.crmPersons, d.crmPerson),
		crmActivities: newTable(d.crmActivityIDs, d.crmActivities, d.crmActivity),
		adverts:       newTable(d.advertIDs, d.adverts, d.advert),
		sources:       newTable(d.sourceIDs, int(d.sourceStart[d.candidates]), d.source),
		history:       newTable(d.historyIDs, len(d.historyKeys), d.historyRow),
		activities:    newTable(d.activityIDs, len(d.activityKeys), d.activityRow),
		states:        map[int]state{},
		tagNames:      slices.Clone(tagNames),
		tagSets:       map[int][]int{}, removedApps: map[int]bool{}, addedMoves: map[pair][]int{}, addedTo: map[int][]int{},
		addedActivities: map[int][]int{}, addedSources: map[int][]int{},
		writeCounts: map[string]int{}, notes: map[int][]Note{}, uploads: map[int][]Upload{},
	}
	t.lastUpload = fileID(t.employees.last+roomForEmployees, 0)
	for i := range d.workflows {
		t.workflows = append(t.workflows, d.workflows[i].clone())
	}
	for id, s := range d.states {
		t.states[id] = s
	}
	t.use(initial)
	t.tokens.live = map[string]token{}
	t.requests.reset()
	t.admin = t.adminHandler()
	return t
}

// Name returns the tenant's name.
func (t *Tenant) Name() string { return t.name }

func (t *Tenant) now() time.Time { return t.config.Now() }

func (t *Tenant) stamp() Stamp { return Stamp(t.now().Unix()) }

// serve answers one request; prefix is what stood before path.
func (t *Tenant) serve(w http.ResponseWriter, r *http.Request, prefix, path string) {
	if strings.HasPrefix(path, "/_sandbox/") || path == "/_sandbox" {
		t.settle(false)
		http.StripPrefix(prefix, t.admin).ServeHTTP(w, r)
		return
	}
	if t.config.OnRequest != nil {
		t.config.OnRequest(r)
	}
	c := call{t: t, s: t.settings(), w: &statusWriter{ResponseWriter: w}, r: r, prefix: prefix, path: path, turn: t.turn.Add(1)}
	c.route, c.args = matchRoute(path)
	overLimit := t.requests.begin(c.s.number("rate.limit"))
	defer func() { t.requests.end(r.Method+" "+c.route.name(), c.w.status) }()
	if isWrite(r.Method) {
		defer c.drain()
	}
	if !c.fails(overLimit) {
		t.settle(false)
		c.route.serve(&c)
	}
}

// call is one API request on its way.
type call struct {
	t            *Tenant
	s            *settings // as they were when it came
	w            *statusWriter
	r            *http.Request
	prefix, path string
	route        *route
	args         []string
	turn         uint64
	spoil        spoil // 0 leaves the answer whole
}

// statusWriter remembers the status for the request log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// requestLog counts API requests.
type requestLog struct {
	mu           sync.Mutex
	counts       map[endpointStatus]int
	total        int
	active, peak int
	second       int64
	inSecond     int
	peakSecond   int
}

type endpointStatus struct {
	endpoint string
	status   int
}

// Requests is the count of API requests since the start or the last reset.
type Requests struct {
	Total          int `json:"total"`
	PeakConcurrent int `json:"peak_concurrent"`
	// PeakPerSecond is the most in any second of the wall clock.
	PeakPerSecond int            `json:"peak_per_second"`
	Counts        []RequestCount `json:"counts"`
}

// RequestCount counts the requests to one endpoint that got one status; 0
// stands for a connection that was closed without an answer.
type RequestCount struct {
	Endpoint string `json:"endpoint"`
	Status   int    `json:"status"`
	Count    int    `json:"count"`
}

func (l *requestLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts, l.total, l.peak, l.peakSecond = map[endpointStatus]int{}, 0, l.active, 0
}

// begin counts a request and says whether it is above the limit of its second.
// The wall clock counts here, since the clock of the data may stand still.
func (l *requestLog) begin(limit int) (over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Unix(); now != l.second {
		l.second, l.inSecond = now, 0
	}
	l.inSecond++
	l.total++
	l.active++
	l.peak = max(l.peak, l.active)
	l.peakSecond = max(l.peakSecond, l.inSecond)
	return limit > 0 && l.inSecond > limit
}

func (l *requestLog) end(endpoint string, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active--
	l.counts[endpointStatus{endpoint, status}]++
}

// Requests returns the counts of API requests.
func (t *Tenant) Requests() Requests {
	l := &t.requests
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Requests{Total: l.total, PeakConcurrent: l.peak, PeakPerSecond: l.peakSecond, Counts: []RequestCount{}}
	for key, n := range l.counts {
		out.Counts = append(out.Counts, RequestCount{key.endpoint, key.status, n})
	}
	slices.SortFunc(out.Counts, func(a, b RequestCount) int {
		if n := strings.Compare(a.Endpoint, b.Endpoint); n != 0 {
			return n
		}
		return a.Status - b.Status
	})
	return out
}

// ResetRequests sets the counts to nothing.
func (t *Tenant) ResetRequests() { t.requests.reset() }

// writeJSON answers an admin request.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if row, ok := body.(Row); ok {
		_, _ = w.Write(appendJSON(nil, row))
		return
	}
	if rows, ok := body.([]Row); ok {
		_, _ = w.Write(appendJSON(nil, rows))
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body)
}
