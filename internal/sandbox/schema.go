package sandbox

import (
	"slices"
	"strings"
)

// schemas answer X-Response-Metadata, which describes an entity in place of its
// rows. As with the vendor (seen), they declare fields that never arrive and
// leave out some that do.
var schemas = map[string]Row{
	"employees": schema(
		field("id", "integer", true), label("name", "text"), label("lastname", "text"), field("email", "email", false),
		field("status", "text", false), field("linkedin_id", "text", false), written(),
		named("mobile", "text"), named("candidate_about", "text"), location("candidate_location"),
		choice("candidate_languages", true, languages), named("linkedin", "text"),
		choice("_nationality", false, countries), choice("_experience", true, experience), choice("_education", true, education),
		named("_technologie", "text"), named("_certificates", "text"), named("_previous_employers", "text"), named("_Position", "text"),
		named("_salary_expectation", "integer"), named("_available_from", "date"), choice("_relocation", false, []string{"Nie", "Tak"}), named("_portfolio", "text"),
	),
	"recruitments": schema(field("id", "integer", true), field("status", "text", true), written(), entity("client", "client_entity")),
	"clients":      schema(field("id", "integer", true), required("name"), written(), choice("status", false, clientStatuses)),
	"crm_persons": schema(field("id", "integer", true), field("name", "text", false), field("lastname", "text", true),
		field("email", "email", false), field("status", "text", true), written(), field("client", "entity", true)),
}

func schema(parts ...Row) Row {
	var fields Row
	for _, p := range parts {
		fields = append(fields, p...)
	}
	return Row{{"fields", fields}}
}

func field(name, kind string, required bool, more ...Field) Row {
	return Row{{name, append(Row{{"type", kind}, {"required", required}, {"structure", []Row{}}}, more...)}}
}

func label(name, kind string) Row { return field(name, kind, false) }

// named fields are those an admin configures; the name is their label.
func named(name, kind string) Row { return field(name, kind, false, Field{"name", labelOf(name)}) }

func required(name string) Row { return field(name, "text", true, Field{"name", labelOf(name)}) }

func labelOf(name string) string { return strings.Trim(strings.ReplaceAll(name, "_", " "), " ") }

func choice(name string, multiple bool, choices []string) Row {
	more := []Field{{"choices", choices}, {"name", labelOf(name)}}
	if multiple {
		more = append([]Field{{"multiple", true}}, more...)
	}
	return field(name, "choice", false, more...)
}

func entity(name, kind string) Row {
	return Row{{name, Row{{"type", kind}, {"required", true}, {"structure", []any{[]any{}}}}}}
}

func location(name string) Row {
	parts := make([]any, 9)
	for i := range parts {
		parts[i] = []any{}
	}
	return Row{{name, Row{{"type", "coordinates_with_location"}, {"required", false}, {"structure", parts}, {"name", labelOf(name)}}}}
}

func written() Row {
	format := Field{"format", "yyyy-MM-dd HH:mm:ss"}
	var row Row
	for _, part := range []Row{
		field("created_at", "datetime", true, format), field("updated_at", "datetime", true, format),
		entity("created_by", "user_entity"), entity("updated_by", "user_entity"),
		field("guid", "text", false), field("synchro_time", "datetime", false, format),
	} {
		row = append(row, part...)
	}
	return row
}

// schemaOf finds an entity's schema, or makes one up from its first row (guess).
// A full one declares whatever the first rows have.
func schemaOf(name string, l listing, full bool) Row {
	s, ok := schemas[name]
	if ok && !full {
		return s
	}
	fields, _ := s.Value("fields").(Row)
	rows := min(l.n, 1)
	if full {
		rows = min(l.n, 500)
	}
	for pos := range rows {
		for _, f := range l.row(pos) {
			if _, declared := fields.Get(f.Name); !declared {
				fields = append(slices.Clone(fields), field(f.Name, kindOf(f.Value), f.Name == "id")...)
			}
		}
	}
	return Row{{"fields", fields}}
}

func kindOf(v any) string {
	switch v.(type) {
	case int:
		return "integer"
	case bool:
		return "boolean"
	case Stamp:
		return "datetime"
	case Row:
		return "entity"
	}
	return "text"
}
