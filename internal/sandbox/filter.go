package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// condition is one field of an X-Request-Filter. Several are ANDed (guess).
type condition struct {
	field, op string
	operand   []string // several for "in"
	days      []span   // what the operands are as days, for date fields
}

// span is a day in Warsaw: from its first second up to the next day's.
type span struct{ from, to Stamp }

var operators = []string{"=", "!=", "<=", ">=", "in", "like"} // documented

// parseFilter reads {"field":{"value":v,"comparison":op},…}.
func parseFilter(header string, known []string) ([]condition, error) {
	if header == "" {
		return nil, nil
	}
	var raw map[string]struct {
		Value      any     `json:"value"`
		Comparison *string `json:"comparison"`
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(header)))
	dec.UseNumber()
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("filter is not valid JSON")
	}
	var out []condition
	for _, field := range slices.Sorted(maps.Keys(raw)) {
		c := condition{field: field, op: "="}
		if op := raw[field].Comparison; op != nil {
			c.op = *op
		}
		switch {
		case !slices.Contains(known, field):
			return nil, fmt.Errorf("unknown filter field %q", field)
		case !slices.Contains(operators, c.op):
			return nil, fmt.Errorf("unknown comparison %q", c.op)
		}
		if c.operand = operands(raw[field].Value, c.op == "in"); c.operand == nil {
			return nil, fmt.Errorf("bad value of filter field %q", field)
		}
		if isDate(field) && c.op != "like" {
			for _, text := range c.operand {
				day, err := time.ParseInLocation(time.DateOnly, text[:min(len(text), 10)], warsaw)
				if err != nil {
					return nil, fmt.Errorf("filter field %q wants a date", field)
				}
				// Only the day counts, as clients assume.
				c.days = append(c.days, span{Stamp(day.Unix()), Stamp(day.AddDate(0, 0, 1).Unix())})
			}
		}
		out = append(out, c)
	}
	return out, nil
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

// ordering is an X-Request-Sort.
type ordering struct {
	field string
	desc  bool
}

// parseSort reads both spellings: {"sort_by":"id","direction":"ASC"}
// (documented) and {"id":"ASC"} (seen). Without one the order is by id.
func parseSort(header string, known []string) (ordering, error) {
	o := ordering{field: "id"}
	if header == "" {
		return o, nil
	}
	var raw map[string]string
	if err := json.Unmarshal([]byte(header), &raw); err != nil {
		return o, fmt.Errorf("sort is not valid JSON")
	}
	direction := "ASC"
	if by, ok := raw["sort_by"]; ok {
		o.field = by
		if d, ok := raw["direction"]; ok {
			direction = d
		}
	} else {
		if len(raw) != 1 {
			return o, fmt.Errorf("sort wants one field")
		}
		for field, d := range raw {
			o.field, direction = field, d
		}
	}
	if !slices.Contains(known, o.field) {
		return o, fmt.Errorf("unknown sort field %q", o.field)
	}
	switch strings.ToUpper(direction) {
	case "ASC":
	case "DESC":
		o.desc = true
	default:
		return o, fmt.Errorf("unknown sort direction %q", direction)
	}
	return o, nil
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
