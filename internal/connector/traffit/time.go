package traffit

import (
	"strings"
	"time"
	_ "time/tzdata" // the binary must not depend on the machine's zone files

	"github.com/kladka/kladka/internal/ats"
)

// warsaw is the zone of TRAFFIT's stamps: they carry none, and follow Polish daylight saving
// time (seen).
var warsaw = mustLoad("Europe/Warsaw")

func mustLoad(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone data is part of the binary
	}
	return zone
}

// zoned and naive are the forms that are read. Only "2006-01-02 15:04:05" and the deadline
// "2006/01/02" were seen; a fraction of a second is accepted after any seconds.
var (
	zoned = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700"}
	naive = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02", "2006/01/02"}
)

// parseTime reads a stamp. What cannot be read, or lies outside the years that the API can
// show, is nil: one odd stamp must not stop a sync.
func parseTime(s string) *ats.Time {
	s = strings.TrimSpace(s)
	for _, layout := range zoned {
		if t, err := time.Parse(layout, s); err == nil {
			return instant(t)
		}
	}
	for _, layout := range naive {
		if wall, err := time.Parse(layout, s); err == nil {
			return instant(inWarsaw(wall))
		}
	}
	return nil
}

func instant(t time.Time) *ats.Time {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return nil
	}
	return ref(ats.TimeOf(t))
}

// inWarsaw gives the instant at which clocks in Warsaw showed the wall time, which is given as
// if it were UTC. The hour that autumn repeats is taken as its first, summer reading; a time
// in the hour that spring leaves out is moved on by that hour.
func inWarsaw(wall time.Time) time.Time {
	_, before := wall.Add(-24 * time.Hour).In(warsaw).Zone()
	_, after := wall.Add(24 * time.Hour).In(warsaw).Zone()
	for _, offset := range []int{before, after} {
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, real := t.In(warsaw).Zone(); real == offset {
			return t
		}
	}
	return wall.Add(-time.Duration(before) * time.Second)
}
