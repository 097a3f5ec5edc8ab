package sandbox

import (
	"slices"
	"sort"
)

// sequence gives generated rows their ids: rising, sparse, not from zero
// (seen), and computable in both directions.
type sequence struct {
	base, stride int
	seed         uint64
}

func (s sequence) id(i int) int {
	return s.base + i*s.stride + int(mix(s.seed, uint64(i))%uint64(s.stride))
}

// index finds the row of an id; ok is false for the unused ids in between.
func (s sequence) index(id int) (i int, ok bool) {
	if id < s.base {
		return 0, false
	}
	i = (id - s.base) / s.stride
	return i, s.id(i) == id
}

// unused is an id beside row i's which no row has: that of somebody deleted long ago.
func (s sequence) unused(i int) int {
	low := s.base + i*s.stride
	return low + (s.id(i)-low+1)%s.stride
}

// table holds an entity's rows: generated ones are made when asked for, and an
// overlay has what was changed, added or deleted since. Rows stand in the order
// of their ids, and any position is found in logarithmic time.
type table[T any] struct {
	ids     sequence
	n       int // generated rows
	make    func(i int) T
	overlay map[int]T // changed and added rows, by id
	added   []int     // ids of the added rows, rising
	gone    []int     // numbers of the deleted generated rows, rising
	last    int       // the highest id ever used
}

func newTable[T any](ids sequence, n int, make func(i int) T) table[T] {
	return table[T]{ids: ids, n: n, make: make, overlay: map[int]T{}, last: ids.base + n*ids.stride}
}

func (t *table[T]) len() int { return t.n - len(t.gone) + len(t.added) }

// locate finds the row at a position. fresh tells that it is as generated, and i its number then.
func (t *table[T]) locate(pos int) (id, i int, fresh bool) {
	if live := t.n - len(t.gone); pos >= live {
		return t.added[pos-live], 0, false
	}
	i = pos + sort.Search(len(t.gone), func(k int) bool { return t.gone[k]-k > pos })
	id = t.ids.id(i)
	if len(t.overlay) > 0 {
		if _, changed := t.overlay[id]; changed {
			return id, i, false
		}
	}
	return id, i, true
}

func (t *table[T]) at(pos int) T {
	id, i, fresh := t.locate(pos)
	if fresh {
		return t.make(i)
	}
	return t.overlay[id]
}

func (t *table[T]) has(id int) bool {
	if i, ok := t.ids.index(id); ok && i < t.n {
		_, deleted := slices.BinarySearch(t.gone, i)
		return !deleted
	}
	_, ok := t.overlay[id]
	return ok
}

func (t *table[T]) get(id int) (row T, ok bool) {
	if row, ok = t.overlay[id]; ok {
		return row, true
	}
	if !t.has(id) {
		return row, false
	}
	i, _ := t.ids.index(id)
	return t.make(i), true
}

// seek returns the position of the first row whose id is above the given one.
func (t *table[T]) seek(id int) int {
	return sort.Search(t.len(), func(pos int) bool {
		at, _, _ := t.locate(pos)
		return at > id
	})
}

// add stores a new row under the next id.
func (t *table[T]) add(make func(id int) T) int {
	t.last++
	t.added = append(t.added, t.last)
	t.overlay[t.last] = make(t.last)
	return t.last
}

// put replaces a row that exists.
func (t *table[T]) put(id int, row T) { t.overlay[id] = row }

// remove deletes a row and says whether it was there.
func (t *table[T]) remove(id int) bool {
	if !t.has(id) {
		return false
	}
	delete(t.overlay, id)
	if i, ok := t.ids.index(id); ok && i < t.n {
		at, _ := slices.BinarySearch(t.gone, i)
		t.gone = slices.Insert(t.gone, at, i)
	} else if at, ok := slices.BinarySearch(t.added, id); ok {
		t.added = slices.Delete(t.added, at, at+1)
	}
	return true
}
