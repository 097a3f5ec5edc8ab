package sandbox

import "math/bits"

// The kinds of dice: each subject has its own, so that drawing one more value
// for one subject leaves all others as they were.
const (
	kindCreated uint64 = iota + 1
	kindUpdated
	kindPerson
	kindEmployee
	kindFiles
	kindTags
	kindSourceCount
	kindSource
	kindApplications
	kindPath
	kindNoteCount
	kindNote
	kindStageChange
	kindRecruitment
	kindRecruitmentCreated
	kindUser
	kindClient
	kindCRMPerson
	kindCRMActivity
	kindAdvert
	kindProvision
	kindTalent
	kindIDs
	kindShuffle
	kindFailure
)

const golden = 0x9e3779b97f4a7c15

// mix folds b into a; it is the finaliser of splitmix64.
func mix(a, b uint64) uint64 {
	z := a ^ (b+1)*golden
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// hashText gives the number of a text (FNV-1a).
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// dice draws the values of one row: the same seed, kind and number draw the same.
type dice uint64

func roll(seed, kind uint64, i int) dice { return dice(mix(mix(seed, kind), uint64(i))) }

func (d *dice) next() uint64 {
	*d += golden
	return mix(uint64(*d), 0)
}

// below draws from 0 to n-1; 0 when n is not positive.
func (d *dice) below(n int) int {
	v := d.next()
	if n <= 0 {
		return 0
	}
	hi, _ := bits.Mul64(v, uint64(n))
	return int(hi)
}

// between draws from lo to hi, both included.
func (d *dice) between(lo, hi int) int { return lo + d.below(hi-lo+1) }

// permille is true p times in a thousand.
func (d *dice) permille(p int) bool { return d.below(1000) < p }

// rare is true p times in a thousand and for the row whose number is planted,
// so that small data sets have the rarity too.
func (d *dice) rare(p, i, planted int) bool { return d.permille(p) || i == planted }

// weighted draws an index with the given weights.
func (d *dice) weighted(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	v := d.below(sum)
	for i, w := range weights {
		if v -= w; v < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func pick[T any](d *dice, list []T) T { return list[d.below(len(list))] }
