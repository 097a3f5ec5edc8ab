package sandbox

import (
	"slices"
	"sort"
	"sync/atomic"
)

// data is a tenant's generated data: functions from a row's number to the row,
// and the integer arrays that tie rows together. It does not change after
// start, but for how dirty it is.
type data struct {
	calendar
	dirt   atomic.Int64
	seed   uint64
	tenant string
	public string // address of the public pages

	candidates, recruitments, users, clients, crmPersons, crmActivities, adverts int

	employeeIDs, recruitmentIDs, userIDs, clientIDs, personIDs, crmActivityIDs,
	advertIDs, sourceIDs, historyIDs, activityIDs sequence

	workflows []workflow
	removed   []state
	states    map[int]state // generated ones, removed ones included
	lists     []dictionary

	recruited    []int64 // when each recruitment was created, rising
	firstOpen    int     // recruitments from here on are open
	apps         []application
	appStart     []uint32 // candidate i has apps[appStart[i]:appStart[i+1]]
	recStart     []uint32 // recruitment r has apps numbered recApps[recStart[r]:recStart[r+1]]
	recApps      []uint32
	sourceStart  []uint32 // candidate i has sources sourceStart[i] up to sourceStart[i+1]
	historyKeys  []uint64 // one per history row in the order of ids, see historyKey
	activityKeys []uint64 // one per activity in the order of ids, see activityKey
}

// application is a candidate in a recruitment.
type application struct {
	candidate, recruitment uint32
	after                  uint32 // seconds from the calendar's start
}

func newData(c Config, tenant string, cal calendar) *data {
	d := &data{
		calendar: cal, seed: mix(c.Seed, hashText(tenant)), tenant: tenant, public: c.PublicURL,
		candidates: c.Candidates, recruitments: c.Recruitments, users: c.Users, adverts: c.Adverts,
		clients: 5 + c.Recruitments/26,
	}
	d.crmPersons = 12 + d.clients*7/3
	d.crmActivities = 10 + d.clients*2/3
	for i, s := range []struct {
		*sequence
		base, stride int
	}{
		{&d.employeeIDs, 1246, 3},
		{&d.recruitmentIDs, 52, 2},
		{&d.userIDs, 28, 3},
		{&d.clientIDs, 6, 4},
		{&d.personIDs, 24, 3},
		{&d.crmActivityIDs, 11, 5},
		{&d.advertIDs, 310, 7},
		{&d.sourceIDs, 5, 2},
		{&d.historyIDs, 19, 3},
		{&d.activityIDs, 1558, 2},
	} {
		*s.sequence = sequence{s.base, s.stride, mix(mix(d.seed, kindIDs), uint64(i))}
	}
	d.workflows, d.removed = makeWorkflows(c.Workflows, Stamp(cal.end-200*day))
	d.states = map[int]state{}
	for _, w := range d.workflows {
		for _, s := range w.states {
			d.states[s.id] = s
		}
	}
	for _, s := range d.removed {
		d.states[s.id] = s
	}
	d.lists = makeDictionaries()
	d.indexRecruitments()
	d.indexApplications()
	d.indexHistory()
	d.indexActivities()
	return d
}

// recent is the time in which today's open recruitments were opened.
const recent = 120 * day

func (d *data) indexRecruitments() {
	open := min(max(d.recruitments*8/100, d.adverts), d.recruitments)
	d.firstOpen = d.recruitments - open
	d.recruited = make([]int64, d.recruitments)
	for r := range d.recruited {
		dice := roll(d.seed, kindRecruitmentCreated, r)
		lo, span, i, n := d.start, d.end-recent-d.start, r, d.firstOpen
		if r >= d.firstOpen {
			lo, span, i, n = d.end-recent, recent-2*day, r-d.firstOpen, open
		}
		slot := span / int64(n)
		d.recruited[r] = officeTime(lo + span*int64(i)/int64(n) + int64(dice.below(int(slot))))
	}
	slices.Sort(d.recruited)
}

// indexApplications decides who applied where and when: mostly on the day the
// candidate came, to recruitments opened in the 90 days before.
func (d *data) indexApplications() {
	d.appStart = make([]uint32, d.candidates+1)
	d.sourceStart = make([]uint32, d.candidates+1)
	d.apps = make([]application, 0, d.candidates*3/2)
	perRecruitment := make([]uint32, d.recruitments+1)
	var used [5]int
	for i := range d.candidates {
		dice := roll(d.seed, kindApplications, i)
		created := int64(d.employeeCreated(i))
		got := used[:0]
		for k := range [...]int{0, 1, 2, 3, 4, 5}[dice.weighted(200, 480, 180, 90, 30, 20)] {
			at := created
			if k > 0 || dice.permille(200) {
				at += int64(dice.below(int(d.end - created)))
			}
			r, at := d.recruitmentAt(&dice, at)
			if slices.Contains(got, r) {
				continue
			}
			got = append(got, r)
			d.apps = append(d.apps, application{uint32(i), uint32(r), uint32(d.clamp(at) - d.start)})
			perRecruitment[r+1]++
		}
		d.appStart[i+1] = uint32(len(d.apps))
		count := roll(d.seed, kindSourceCount, i)
		d.sourceStart[i+1] = d.sourceStart[i] + uint32([...]int{0, 1, 2, 3, 4, 6}[count.weighted(280, 270, 200, 120, 70, 60)])
	}
	d.recStart = perRecruitment
	for r := range d.recruitments {
		d.recStart[r+1] += d.recStart[r]
	}
	next := slices.Clone(d.recStart)
	d.recApps = make([]uint32, len(d.apps))
	for a, app := range d.apps {
		d.recApps[next[app.recruitment]] = uint32(a)
		next[app.recruitment]++
	}
}

// recruitmentAt draws a recruitment that was open at a moment. Before the first
// one the moment moves to just after it.
func (d *data) recruitmentAt(dice *dice, at int64) (int, int64) {
	before := func(t int64) int {
		return sort.Search(len(d.recruited), func(r int) bool { return d.recruited[r] >= t })
	}
	draw := dice.next()
	n := before(at)
	if n == 0 {
		return 0, d.recruited[0] + hour
	}
	window := max(n-before(at-90*day), min(n, 3))
	return n - 1 - int(draw%uint64(window)), at
}

// The data has rows about candidates and recruitments that are no more (seen,
// about 0.15 %). Such an application's ids belong to nobody.
type dangling int

const (
	sound dangling = iota
	lostEmployee
	lostRecruitment
)

func (d *data) danglingOf(a int) dangling {
	if len(d.apps) <= 12 {
		return sound
	}
	switch h := mix(d.seed, uint64(a)*2+1) % 1400; {
	case a == 5 || h == 0:
		return lostEmployee
	case a == 12 || h == 1:
		return lostRecruitment
	}
	return sound
}

// applicationIDs returns the ids an application's rows carry.
func (d *data) applicationIDs(a int) (employee, recruitment int) {
	app := d.apps[a]
	employee, recruitment = d.employeeIDs.id(int(app.candidate)), d.recruitmentIDs.id(int(app.recruitment))
	switch d.danglingOf(a) {
	case lostEmployee:
		employee = d.employeeIDs.unused(int(app.candidate))
	case lostRecruitment:
		recruitment = d.recruitmentIDs.unused(int(app.recruitment))
	}
	return employee, recruitment
}

// findApplication is the reverse of applicationIDs, for sound applications.
func (d *data) findApplication(employee, recruitment int) (a int, ok bool) {
	i, ok := d.employeeIDs.index(employee)
	if !ok || i >= d.candidates {
		return 0, false
	}
	r, ok := d.recruitmentIDs.index(recruitment)
	if !ok {
		return 0, false
	}
	for a := int(d.appStart[i]); a < int(d.appStart[i+1]); a++ {
		if int(d.apps[a].recruitment) == r && d.danglingOf(a) == sound {
			return a, true
		}
	}
	return 0, false
}

// author draws a user; most of the work is done by a few (seen).
func (d *data) author(dice *dice) int {
	v := dice.below(d.users)
	if dice.permille(700) {
		v = d.users - 1 - dice.below(min(d.users, 8))
	}
	return d.userIDs.id(v)
}
