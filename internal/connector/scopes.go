package connector

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kladka/kladka/internal/ats"
)

// ScopeProblem is something in a scope configuration that cannot be: where, and which rule.
type ScopeProblem struct{ Path, Rule string }

func (p ScopeProblem) String() string { return p.Path + ": " + p.Rule }

// CheckScopes judges a scope configuration by what tools have. Problems come in the order of their paths.
func CheckScopes(c ats.ScopeConfig, tools []Tool) []ScopeProblem {
	var out []ScopeProblem
	add := func(path, format string, args ...any) {
		out = append(out, ScopeProblem{path, fmt.Sprintf(format, args...)})
	}
	setting := func(path string, s ats.Setting) {
		if s != "" && s != ats.Enabled && s != ats.Disabled && s != ats.Optional {
			add(path, "must be one of ENABLED, DISABLED, OPTIONAL")
		}
	}
	for m, scope := range c.Models {
		path := "models." + shown(string(m))
		fields, known := fieldsOf(m, tools)
		if !known {
			add(path, "there is no such model; GET /v1/tools/ats lists them")
			continue
		}
		setting(path+".setting", scope.Setting)
		for f, s := range scope.Fields {
			path := path + ".fields." + shown(f)
			switch {
			case !slices.Contains(fields, f):
				add(path, "the model has no such field; GET /v1/tools/ats lists them")
			case ats.FixedField(m, f) && s != ats.Enabled && s != "":
				add(path, "must be ENABLED: records are told apart by it")
			default:
				setting(path, s)
			}
		}
	}
	for a, s := range c.Actions {
		path := "actions." + shown(a)
		if !slices.ContainsFunc(tools, func(t Tool) bool {
			return slices.ContainsFunc(t.Actions, func(c ActionCoverage) bool { return c.ID == a })
		}) {
			add(path, "there is no such action; GET /v1/tools/ats lists them")
			continue
		}
		setting(path, s)
	}
	slices.SortFunc(out, func(a, b ScopeProblem) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// fieldsOf lists the fields of a model that any tool names.
func fieldsOf(m ats.Model, tools []Tool) (fields []string, known bool) {
	for _, t := range tools {
		for _, c := range t.Models {
			if c.Model != m {
				continue
			}
			known = true
			for _, f := range c.Fields {
				fields = append(fields, f.ID)
			}
		}
	}
	return fields, known
}

// shown cuts a name that somebody made up to a length that a message can bear.
func shown(name string) string {
	const long = 60
	name = strings.ToValidUTF8(name, "?")
	if r := []rune(name); len(r) > long {
		return string(r[:long]) + "…"
	}
	return name
}
