package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Switch is a named setting of a tenant that changes how the simulator behaves.
type Switch struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	Default string `json:"default"`
	Value   string `json:"value"`
}

// switchKind reads a switch's text into the type its user asks for.
type switchKind func(string) (any, error)

type switchEntry struct {
	name, about, value string
	kind               switchKind
}

// switchEntries are all switches. A new one is an entry here and the one place that asks for it.
func switchEntries() []switchEntry {
	return []switchEntry{
		{"adverts.hidden", "adverts outside their period or of closed recruitments: hide or show them in the public feeds", "hide", oneOf("hide", "show")},
		{"dictionary.shape", "answer of /dictionaries/{id}: object ({id,name,items}) or list (the items alone)", "object", oneOf("object", "list")},
		{"down", "the whole API is down: none, 503html (an HTML page), close (connections end without an answer)", "none", oneOf("none", "503html", "close")},
		{"fail.500", "share of API requests, 0 to 1, that end in a 500", "0", fraction},
		{"filter.ignore", "endpoints that take X-Request-Filter and ignore it, as in employees,recruitments", "", names},
		{"ghosts.employees", "candidates that are counted in the total but never answered", "0", count},
		{"latency", "time added to every API answer, as in 250ms", "0s", duration},
		{"rate.limit", "API requests a second above which 429 with Retry-After: 1 is answered; 0 is no limit", "0", count},
		{"responsible.shape", "responsible_person of a recruitment: list ([{id,email}]), object ({id,email}), user ([{user:{id,email}}])", "list", oneOf("list", "object", "user")},
		{"scopes.denied", "scopes that the client lacks, as in source,file: tokens come without them", "", names},
		{"single.wrap", "whether single objects come in a list of one", "false", boolean},
		{"sort.ignore", "endpoints that take X-Request-Sort and ignore it", "", names},
		{"token.ttl", "how long new tokens live", "720h0m0s", duration},
	}
}

func oneOf(values ...string) switchKind {
	return func(s string) (any, error) {
		if !slices.Contains(values, s) {
			return nil, fmt.Errorf("want one of %s", strings.Join(values, ", "))
		}
		return s, nil
	}
}

func duration(s string) (any, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return nil, fmt.Errorf("want a duration such as 250ms")
	}
	return d, nil
}

func count(s string) (any, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("want a whole number from 0")
	}
	return n, nil
}

func fraction(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return nil, fmt.Errorf("want a number from 0 to 1")
	}
	return f, nil
}

func boolean(s string) (any, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return nil, fmt.Errorf("want true or false")
	}
	return b, nil
}

func names(s string) (any, error) {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }), nil
}

// settings are the switches' values at one moment; they are replaced, not changed.
type settings struct {
	texts  map[string]string
	values map[string]any
}

func defaultSettings() *settings {
	s := &settings{map[string]string{}, map[string]any{}}
	for _, e := range switchEntries() {
		v, err := e.kind(e.value)
		if err != nil {
			panic("sandbox: default of switch " + e.name + ": " + err.Error())
		}
		s.texts[e.name], s.values[e.name] = e.value, v
	}
	return s
}

// with returns settings with some switches changed: all of them or none.
func (s *settings) with(changes map[string]string) (*settings, error) {
	out := &settings{maps.Clone(s.texts), maps.Clone(s.values)}
	entries := switchEntries()
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		i := slices.IndexFunc(entries, func(e switchEntry) bool { return e.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: no switch %q", ErrInvalid, name)
		}
		v, err := entries[i].kind(changes[name])
		if err != nil {
			return nil, fmt.Errorf("%w: switch %s is %q: %w", ErrInvalid, name, changes[name], err)
		}
		out.texts[name], out.values[name] = changes[name], v
	}
	return out, nil
}

func (s *settings) duration(name string) time.Duration { return s.values[name].(time.Duration) }
func (s *settings) number(name string) int             { return s.values[name].(int) }
func (s *settings) fraction(name string) float64       { return s.values[name].(float64) }
func (s *settings) text(name string) string            { return s.values[name].(string) }
func (s *settings) yes(name string) bool               { return s.values[name].(bool) }
func (s *settings) names(name string) []string         { return s.values[name].([]string) }

func (t *Tenant) settings() *settings { return t.current.Load() }

// Set changes one switch.
func (t *Tenant) Set(name, value string) error { return t.SetAll(map[string]string{name: value}) }

// SetAll changes several switches at once: all of them or, on an error, none.
func (t *Tenant) SetAll(changes map[string]string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, err := t.settings().with(changes)
	if err != nil {
		return err
	}
	t.current.Store(next)
	return nil
}

// Switches lists all switches with their values.
func (t *Tenant) Switches() []Switch {
	s := t.settings()
	var out []Switch
	for _, e := range switchEntries() {
		out = append(out, Switch{e.name, e.about, e.value, s.texts[e.name]})
	}
	return out
}
