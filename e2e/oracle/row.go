package oracle

import (
	"encoding/json"
	"strings"
	"time"
	_ "time/tzdata" // Warsaw must be known wherever the tests run
)

// row is one of the sandbox's rows.
type row map[string]any

// id gives the row's number as text.
func (r row) id() string { return text(r["id"]) }

// at goes into a nested object; a missing one reads as an empty one.
func (r row) at(key string) row {
	o, _ := r[key].(map[string]any)
	return o
}

// rows gives a list of nested objects.
func (r row) rows(key string) []row {
	list, _ := r[key].([]any)
	var out []row
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

// text gives a string, trimmed, or a number; all else is blank.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// orNull gives null for a blank text.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// texts gives a text, or the texts of a list.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		if s := text(item); s != "" {
			out = append(out, s)
		}
	}
	return out
}

var warsaw = func() *time.Location {
	l, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		panic(err)
	}
	return l
}()

const stamp = "2006-01-02 15:04:05"

// instant reads what Polish clocks showed. The repeated hour of autumn is its first, summer one;
// the hour that spring leaves out moves on by an hour.
func instant(v any) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, text(v)); err == nil {
		return t, true
	}
	wall, err := time.Parse(stamp, text(v))
	if err != nil {
		return time.Time{}, false
	}
	summer, winter := wall.Add(-2*time.Hour), wall.Add(-time.Hour)
	if summer.In(warsaw).Format(stamp) == wall.Format(stamp) {
		return summer, true
	}
	return winter, true
}

// served gives an instant as the API shows it, or null.
func served(v any) any {
	t, ok := instant(v)
	if !ok {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// address gives an e-mail address, or nothing when it is none.
func address(v any) string {
	s := text(v)
	name, host, ok := strings.Cut(s, "@")
	if !ok || name == "" || strings.ContainsAny(s, " \t,;<>()[]\"\\") || strings.Contains(host, "@") || !strings.Contains(strings.Trim(host, "."), ".") {
		return ""
	}
	return s
}

// place reads a location: an object, the same as JSON inside a string, or a plain text.
func place(v any) any {
	if s, ok := v.(string); ok {
		var inner map[string]any
		dec := json.NewDecoder(strings.NewReader(s))
		dec.UseNumber()
		if dec.Decode(&inner) == nil && inner != nil {
			v = inner
		} else if s = strings.TrimSpace(s); s == "" || s == "null" {
			return nil
		} else {
			return location(Object{"raw": s})
		}
	}
	if list, ok := v.([]any); ok {
		for _, item := range list {
			if l := place(item); l != nil {
				return l
			}
		}
		return nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	r := row(o)
	country := text(r["country"])
	if iso := text(r["iso"]); iso != "" {
		country = strings.ToUpper(iso)
	}
	var parts []string
	for _, key := range []string{"locality", "region1", "country"} {
		if s := text(r[key]); s != "" {
			parts = append(parts, s)
		}
	}
	return location(Object{
		"city": orNull(text(r["locality"])), "state": orNull(text(r["region1"])), "zip_code": orNull(text(r["postcode"])),
		"country": orNull(country), "raw": orNull(strings.Join(parts, ", ")),
	})
}

func location(known Object) any {
	l := Object{"city": nil, "country": nil, "raw": nil, "state": nil, "street_1": nil, "street_2": nil, "zip_code": nil}
	for k, v := range known {
		l[k] = v
	}
	return l
}
