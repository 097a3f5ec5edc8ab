package sandbox

import (
	"errors"
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
	// Values are those that can be chosen, or one word for their kind: count,
	// fraction, duration, names and the like.
	Values []string `json:"values"`
	Value  string   `json:"value"`
}

// switchEntry is a switch as the catalogue has it. The evidence says where the
// quirk or the doubt comes from: seen, documented, told by a client, or a guess.
type switchEntry struct {
	name, value string
	kind        switchKind
	about       string
	evidence    string
}

// switchKind reads a switch's text into the type its user asks for.
type switchKind struct {
	values []string
	read   func(string) (any, error)
}

func oneOf(values ...string) switchKind {
	return switchKind{values, func(s string) (any, error) {
		if !slices.Contains(values, s) {
			return nil, fmt.Errorf("want one of %s", strings.Join(values, ", "))
		}
		return s, nil
	}}
}

var boolean = switchKind{[]string{"false", "true"}, func(s string) (any, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return nil, errors.New("want true or false")
	}
	return b, nil
}}

var duration = switchKind{[]string{"duration"}, func(s string) (any, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return nil, errors.New("want a duration such as 250ms")
	}
	return d, nil
}}

var fraction = switchKind{[]string{"fraction"}, func(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return nil, errors.New("want a number from 0 to 1")
	}
	return f, nil
}}

// maxCount bounds most numbers that switches take.
const maxCount = 1_000_000

var count, positive = countFrom(0), countFrom(1)

func countFrom(least int) switchKind { return countBetween(least, maxCount) }

func countUpTo(most int) switchKind { return countBetween(0, most) }

func countBetween(least, most int) switchKind {
	return switchKind{[]string{"count"}, func(s string) (any, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		return n, nil
	}}
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// scopes reads a list of OAuth scopes.
var scopes = switchKind{[]string{"scopes"}, func(s string) (any, error) {
	for _, name := range words(s) {
		if !slices.Contains(Scopes(), name) {
			return nil, fmt.Errorf("no scope %q", name)
		}
	}
	return words(s), nil
}}

// names reads a list of endpoints, of those that may be named.
func names(of func(*route) bool) switchKind {
	return switchKind{[]string{"names"}, func(s string) (any, error) {
		out := []string{}
		for _, name := range words(s) {
			endpoint, err := endpointNamed(name, of)
			if err != nil {
				return nil, err
			}
			out = append(out, endpoint)
		}
		return out, nil
	}}
}

// counts reads endpoints with a number each: employees:3,history:5.
func counts(of func(*route) bool) switchKind {
	return switchKind{[]string{"counts"}, func(s string) (any, error) {
		out := map[string]int{}
		for _, word := range words(s) {
			name, number, _ := strings.Cut(word, ":")
			n, err := count.read(number)
			if err != nil {
				return nil, fmt.Errorf("%s: %w after a colon", name, err)
			}
			endpoint, err := endpointNamed(name, of)
			if err != nil {
				return nil, err
			}
			out[endpoint] = n.(int)
		}
		return out, nil
	}}
}

// shortNames are other names of the endpoints that are often meant.
var shortNames = map[string]string{
	"history":    "employees/recruitment_history",
	"activities": "employees/activities",
	"adverts":    "public/job_posts/published",
	"tags":       "employees/{id}/tags",
	"rejections": "recruitments/{id}/rejections",
}

// endpointNamed finds the endpoint of a pattern or a short name.
func endpointNamed(name string, of func(*route) bool) (string, error) {
	pattern, ok := shortNames[name]
	if !ok {
		pattern = strings.TrimPrefix(name, "/")
	}
	i := slices.IndexFunc(routes, func(rt route) bool { return rt.endpoint() == pattern })
	switch {
	case i < 0:
		return "", fmt.Errorf("no endpoint %q", name)
	case !of(&routes[i]):
		return "", fmt.Errorf("endpoint %q has no such thing", name)
	}
	return pattern, nil
}

func anyEndpoint(*route) bool { return true }

func listEndpoint(rt *route) bool { return rt.list != nil }

func danglingEndpoint(rt *route) bool {
	return slices.Contains([]string{"employees/recruitment_history", "employees/activities", "sources"}, rt.pattern)
}

// settings are the switches' values at one moment; they are replaced, not changed.
type settings struct {
	texts  map[string]string
	values map[string]any
}

func defaultSettings() *settings {
	s := &settings{map[string]string{}, map[string]any{}}
	for _, e := range switchEntries() {
		v, err := e.kind.read(e.value)
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
		v, err := entries[i].kind.read(changes[name])
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
func (s *settings) counts(name string) map[string]int  { return s.values[name].(map[string]int) }

// on tells whether a switch that chooses has the given value.
func (s *settings) on(name, value string) bool { return s.text(name) == value }

// lists tells whether a switch names an endpoint.
func (s *settings) lists(name, endpoint string) bool { return slices.Contains(s.names(name), endpoint) }

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
	t.use(next)
	return nil
}

// use puts settings in place. The generated data knows one of them itself.
func (t *Tenant) use(s *settings) {
	t.data.dirt.Store(int64(s.number("dirt")))
	t.current.Store(s)
}

// Switches lists all switches with their values.
func (t *Tenant) Switches() []Switch {
	s := t.settings()
	var out []Switch
	for _, e := range switchEntries() {
		out = append(out, Switch{e.name, e.about + " [" + e.evidence + "]", e.value, e.kind.values, s.texts[e.name]})
	}
	return out
}
