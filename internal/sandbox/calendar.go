package sandbox

import (
	"math/bits"
	"time"
	_ "time/tzdata" // Warsaw's clock changes, wherever this runs
)

// warsaw is the zone of all stamps (seen).
var warsaw = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		panic(err) // the zone data is embedded
	}
	return loc
}()

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// calendar spreads generated rows over the years from 2019 to the start of the
// clock's day in Warsaw. Later years get more rows than early ones, as in a firm that grows.
type calendar struct {
	start, end int64
	changes    []int64 // clock changes in between
}

func newCalendar(now time.Time) calendar {
	year, month, date := now.In(warsaw).Date()
	c := calendar{
		start: time.Date(2019, 1, 7, 6, 0, 0, 0, time.UTC).Unix(),
		end:   time.Date(year, month, date, 0, 0, 0, 0, warsaw).Unix(),
	}
	for year := 2019; year <= now.Year(); year++ {
		for _, month := range []time.Month{time.March, time.October} {
			t := time.Date(year, month, 31, 1, 0, 0, 0, time.UTC)
			t = t.AddDate(0, 0, -int(t.Weekday())) // the last Sunday, 01:00 UTC
			if u := t.Unix(); u > c.start+day && u < c.end-day {
				c.changes = append(c.changes, u)
			}
		}
	}
	return c
}

// edge is the start of slot i of n. With u, the share of rows still to come,
// (u + 3u²)/4 of the span is left: the last days have four times the usual rows.
func (c calendar) edge(i, n int) int64 {
	rest, all := uint64(n-i), uint64(n)
	hi, lo := bits.Mul64(rest*all+3*rest*rest, uint64(c.end-c.start))
	q, _ := bits.Div64(hi, lo, 4*all*all)
	return c.end - int64(q)
}

// moment draws when row i of n came to be. Where rows are neither rare nor dense,
// one whose slot holds a change of the clocks falls into the hours around it:
// into the doubled hour in autumn.
func (c calendar) moment(d *dice, i, n int) int64 {
	lo, hi := c.edge(i, n), c.edge(i+1, n)
	jitter := d.next()
	if hi-lo > 2*hour && hi-lo < 60*day {
		for _, change := range c.changes {
			if change >= lo && change < hi {
				return change - hour + int64(jitter%(2*hour))
			}
		}
	}
	return c.clamp(officeTime(lo + int64(jitter%uint64(max(hi-lo, 1)))))
}

// officeTime moves a moment within its day so that four of five fall between
// 6 and 17 o'clock UTC. It keeps the order of moments.
func officeTime(t int64) int64 {
	midnight := t - t%day
	s := t - midnight
	switch {
	case s < 2592:
		s = s * 6 * hour / 2592
	case s < 71712:
		s = 6*hour + (s-2592)*11*hour/69120
	default:
		s = 17*hour + (s-71712)*7*hour/14688
	}
	return midnight + s
}

// later draws a moment from t on, within a time and before the end.
func (c calendar) later(d *dice, t, within int64) int64 {
	return t + int64(d.below(int(min(within, c.end-t))))
}

func (c calendar) clamp(t int64) int64 { return min(max(t, c.start), c.end-1) }
