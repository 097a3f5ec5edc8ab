package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one field of an X-Request-Filter. Several are ANDed (guess).
type condition struct {
	field, op string
	operand   []string // several for "in"
	days      []span   // what the operands are in time, for date fields
}

// span is a day in Warsaw, from its first second up to the next day's, or a second.
type span struct{ from, to Stamp }

var operators = []string{"=", "!=", "<=", ">=", "in", "like"} // documented

// readFilter reads the request's filter as far as the endpoint heeds it.
func (c *call) readFilter(known []string) ([]condition, *failure) {
	header, endpoint := c.r.Header.Get("X-Request-Filter"), c.route.endpoint()
	if header != "" && c.s.lists("filter.refuse", endpoint) {
		return nil, refusal(http.StatusBadRequest, "filters are not supported")
	}
	filter, err := parseFilter(header, known, c.s.on("filter.precision", "second"))
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "%s", err.Error())
	}
	switch several := c.s.text("filter.several"); {
	case c.s.lists("filter.ignore", endpoint):
		return nil, nil
	case len(filter) < 2 || several == "all":
		return filter, nil
	case several == "refuse":
		return nil, refusal(http.StatusBadRequest, "filter wants one field")
	}
	return filter[:1], nil
}

// wanted is what a filter asks of one field.
type wanted struct {
	Value      any     `json:"value"`
	Comparison *string `json:"comparison"`
}

// parseFilter reads {"field":{"value":v,"comparison":op},…} in its order.
// Dates count by their day, as clients assume, or to the second.
func parseFilter(header string, known []string, seconds bool) ([]condition, error) {
	if header == "" {
		return nil, nil
	}
	invalid := errors.New("filter is not valid JSON")
	dec := json.NewDecoder(strings.NewReader(header))
	dec.UseNumber()
	switch first, err := dec.Token(); {
	case err == nil && first == nil: // null
		return nil, nil
	case err != nil || first != json.Delim('{'):
		return nil, invalid
	}
	var out []condition
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, invalid
		}
		var want wanted
		if err := dec.Decode(&want); err != nil {
			return nil, invalid
		}
		c, err := newCondition(name.(string), want, known, seconds) // keys are strings
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if _, err := dec.Token(); err != nil {
		return nil, invalid
	}
	return out, nil
}

func newCondition(field string, want wanted, known []string, seconds bool) (condition, error) {
	c := condition{field: field, op: "="}
	if want.Comparison != nil {
		c.op = *want.Comparison
	}
	switch {
	case !slices.Contains(known, field):
		return c, fmt.Errorf("unknown filter field %q", field)
	case !slices.Contains(operators, c.op):
		return c, fmt.Errorf("unknown comparison %q", c.op)
	}
	if c.operand = operands(want.Value, c.op == "in"); c.operand == nil {
		return c, fmt.Errorf("bad value of filter field %q", field)
	}
	if !isDate(field) || c.op == "like" {
		return c, nil
	}
	for _, text := range c.operand {
		if at, ok := parseStamp(text); ok && seconds {
			c.days = append(c.days, span{at, at + 1})
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, text[:min(len(text), 10)], warsaw)
		if err != nil {
			return c, fmt.Errorf("filter field %q wants a date", field)
		}
		from, to := Stamp(day.Unix()), Stamp(day.AddDate(0, 0, 1).Unix())
		if seconds {
			to = from + 1
		}
		c.days = append(c.days, span{from, to})
	}
	return c, nil
}

func isDate(field string) bool {
	return strings.HasSuffix(field, "_at") || field == "date" || strings.HasSuffix(field, "_date") || field == "valid_start" || field == "valid_end"
}

// operands turns a filter's value into texts. A list for "in" may also be a text with commas.
func operands(v any, list bool) []string {
	switch v := v.(type) {
	case string:
		if list {
			return strings.Split(v, ",")
		}
		return []string{v}
	case json.Number:
		return []string{string(v)}
	case bool:
		return []string{strconv.FormatBool(v)}
	case nil:
		return []string{""}
	case []any:
		if !list || len(v) == 0 {
			return nil
		}
		var out []string
		for _, e := range v {
			one := operands(e, false)
			if one == nil {
				return nil
			}
			out = append(out, one...)
		}
		return out
	}
	return nil
}

// match tells whether a field's value fulfils the condition.
func (c *condition) match(v any) bool {
	if c.op == "!=" {
		same := condition{c.field, "=", c.operand, c.days}
		return !same.match(v)
	}
	switch v := v.(type) {
	case Stamp:
		if c.op == "like" {
			return c.match(v.String())
		}
		return slices.ContainsFunc(c.days, func(d span) bool {
			switch c.op {
			case "<=":
				return v < d.to
			case ">=":
				return v >= d.from
			}
			return v >= d.from && v < d.to
		})
	case Row:
		return c.match(v.Value("id")) // a reference compares by its id (guess)
	case []Row:
		return slices.ContainsFunc(v, func(r Row) bool { return c.match(r) })
	case []string:
		return slices.ContainsFunc(v, func(s string) bool { return c.match(s) })
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return c.match(e) })
	}
	for _, operand := range c.operand {
		if c.compare(v, operand) {
			return true
		}
	}
	return false
}

func (c *condition) compare(v any, operand string) bool {
	var order int
	switch v := v.(type) {
	case nil:
		return operand == "" && c.op != "like"
	case bool:
		yes, err := strconv.ParseBool(operand)
		return err == nil && yes == v
	case int:
		n, err := strconv.Atoi(strings.TrimSpace(operand))
		if err != nil {
			return false
		}
		order = v - n
	case string:
		// Text compares without regard to case, as MySQL's usual collation does (guess).
		a, b := strings.ToLower(v), strings.ToLower(operand)
		if c.op == "like" {
			return like(a, b)
		}
		order = strings.Compare(a, b)
	default:
		return false
	}
	switch c.op {
	case "<=":
		return order <= 0
	case ">=":
		return order >= 0
	}
	return order == 0
}

// like matches with % for anything; a pattern without % is found anywhere (guess).
func like(s, pattern string) bool {
	if !strings.Contains(pattern, "%") {
		return strings.Contains(s, pattern)
	}
	parts := strings.Split(pattern, "%")
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}

// ordering is an order of rows: by a field, or shuffled.
type ordering struct {
	field   string
	desc    bool
	shuffle uint64
}

// key is what the row at a position is ordered by.
func (o ordering) key(l *listing, pos int) any {
	if o.shuffle == 0 {
		return l.value(pos, o.field)
	}
	id, ok := l.value(pos, "id").(int)
	if !ok {
		id = pos // a ghost
	}
	return int(mix(o.shuffle, uint64(id)) >> 1)
}

// naturalOrder is the order of rows for which no order was asked.
func (c *call) naturalOrder() ordering {
	fixed := mix(c.t.data.seed, hashText("order")) | 1
	switch c.s.text("order") {
	case "desc":
		return ordering{field: "id", desc: true}
	case "shuffled":
		return ordering{shuffle: fixed}
	case "restless":
		return ordering{shuffle: mix(fixed, c.turn) | 1}
	}
	return ordering{field: "id"}
}

// readSort reads the order that the request asks for, as far as it is
// understood and heeded.
func (c *call) readSort(known []string) (ordering, *failure) {
	header := c.r.Header.Get("X-Request-Sort")
	if header == "" {
		return c.naturalOrder(), nil
	}
	order, documented, err := parseSort(header, known)
	if err != nil {
		return order, refusal(http.StatusBadRequest, "%s", err.Error())
	}
	spelling := c.s.text("sort.spelling")
	if c.route.scope == "" && spelling == "field" {
		spelling = "documented" // in public it is
	}
	understood := spelling == "either" || documented == (spelling == "documented")
	switch {
	case !understood && c.s.on("sort.unknown", "refuse"):
		return order, refusal(http.StatusBadRequest, "sort is not understood")
	case !understood, c.s.lists("sort.ignore", c.route.endpoint()):
		return c.naturalOrder(), nil
	}
	return order, nil
}

// parseSort reads both spellings: {"sort_by":"id","direction":"ASC"}
// (documented) and {"id":"ASC"} (seen).
func parseSort(header string, known []string) (o ordering, documented bool, err error) {
	var raw map[string]string
	if err := json.Unmarshal([]byte(header), &raw); err != nil {
		return o, false, fmt.Errorf("sort is not valid JSON")
	}
	direction := "ASC"
	if by, ok := raw["sort_by"]; ok {
		o.field, documented = by, true
		if d, ok := raw["direction"]; ok {
			direction = d
		}
	} else {
		if len(raw) != 1 {
			return o, false, fmt.Errorf("sort wants one field")
		}
		for field, d := range raw {
			o.field, direction = field, d
		}
	}
	if !slices.Contains(known, o.field) {
		return o, false, fmt.Errorf("unknown sort field %q", o.field)
	}
	switch strings.ToUpper(direction) {
	case "ASC":
	case "DESC":
		o.desc = true
	default:
		return o, false, fmt.Errorf("unknown sort direction %q", direction)
	}
	return o, documented, nil
}

// compareValues orders two values of one field; null comes first.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case int:
		if b, ok := b.(int); ok {
			return a - b
		}
	case Stamp:
		if b, ok := b.(Stamp); ok {
			return int(a - b)
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case Row:
		if b, ok := b.(Row); ok {
			return a.ID() - b.ID()
		}
	}
	switch {
	case a == nil && b != nil:
		return -1
	case a != nil && b == nil:
		return 1
	}
	return 0
}
