package traffit

import "sync"

// habit is what was learned of one of a tenant's listings.
type habit struct {
	length    length // of one that does not tell; zero where it was not measured
	spelling  int    // of the sort that works
	sorted    bool   // spelling was found out
	size      int    // the page size that was applied to the last whole page
	sliced    bool   // it is read in slices from the start, since whole pages fail
	fragile   bool   // pages fail for the sake of single rows, so few attempts are made at them
	sendsNull bool   // it holds null for something, or other listings do
	judged    bool   // other listings were asked for that

	newest     int  // the way to its newest rows that works
	unfiltered bool // filters are refused or ignored
}

// habits are those of all listings, by path. They are safe for concurrent use.
type habits struct {
	mu sync.Mutex
	of map[string]habit
}

func newHabits() *habits { return &habits{of: map[string]habit{}} }

func (h *habits) get(path string) habit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[path]
}

// note changes what is known of a listing, and gives it.
func (h *habits) note(path string, change func(*habit)) habit {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := h.of[path]
	change(&known)
	h.of[path] = known
	return known
}
