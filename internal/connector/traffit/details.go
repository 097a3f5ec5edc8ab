package traffit

import "github.com/kladka/kladka/internal/connector"

// details are the wire details that reading and writing depend on and that nobody has confirmed for
// every tenant. A switch of the simulator has the name of each, and its variants for values; the
// connector gets along with all of them. docs/traffit.md is made of this table.
//
// Details of webhooks come with those.
var details = []connector.Detail{
	{
		ID: "totals", Evidence: connector.FromCode,
		About: "Does every listing declare its length in X-Result-* headers?",
		Variants: []connector.Variant{
			{Name: "all", About: "rows and pages are declared"},
			{Name: "count", About: "the number of pages is missing; it is computed"},
			{Name: "none", About: "nothing is declared; the end is looked for"},
		},
	},
	{
		ID: "page.beyond", Evidence: connector.FromCode,
		About: "What does a page beyond the end answer?",
		Variants: []connector.Variant{
			{Name: "empty", About: "an empty list"},
			{Name: "last", About: "the last page once more"},
			{Name: "400", About: "a refusal"},
			{Name: "404", About: "that there is no such page"},
		},
	},
	{
		ID: "sort.spelling", Evidence: connector.FromCode,
		About: "How does the Integration API want X-Request-Sort spelled?",
		Variants: []connector.Variant{
			{Name: "either", About: "both spellings are heeded"},
			{Name: "field", About: `{"id":"ASC"}`},
			{Name: "documented", About: `{"sort_by":"id","direction":"ASC"}`},
		},
	},
	{
		ID: "sort.unknown", Evidence: connector.GuessOnly,
		About: "What happens to a sort in the spelling that is not understood?",
		Variants: []connector.Variant{
			{Name: "ignore", About: "rows come in another order"},
			{Name: "refuse", About: "the request is refused with 400"},
		},
	},
	{
		ID: "filter.updated_at", Evidence: connector.FromCode,
		About: "Does a filter on updated_at narrow the lists of candidates and recruitments?",
		Variants: []connector.Variant{
			{Name: "applied", About: "only younger rows are answered"},
			{Name: "ignored", About: "all rows are answered, as the stage history does with created_at"},
			{Name: "refused", About: "the request is refused with 400"},
		},
	},
	{
		ID: "filter.precision", Evidence: connector.FromCode,
		About: "How exact is the comparison of a date filter?",
		Variants: []connector.Variant{
			{Name: "day", About: "the day alone counts"},
			{Name: "second", About: "the time counts as well"},
		},
	},
	{
		ID: "filter.several", Evidence: connector.GuessOnly,
		About: "What do several fields in one filter do?",
		Variants: []connector.Variant{
			{Name: "all", About: "all must hold"},
			{Name: "first", About: "one of them counts, the others are ignored"},
			{Name: "refuse", About: "the request is refused with 400"},
		},
	},
	{
		ID: "oauth.scopes", Evidence: connector.GuessOnly,
		About: "What follows when a token is asked for a scope that the client lacks?",
		Variants: []connector.Variant{
			{Name: "narrow", About: "a token without it"},
			{Name: "refuse", About: "no token at all"},
		},
	},
	{
		ID: "oauth.error", Evidence: connector.GuessOnly,
		About: "Which form do refusals of the token endpoint have?",
		Variants: []connector.Variant{
			{Name: "oauth", About: `{"error","error_description"}; that there is no such client is then believed at once`},
			{Name: "message", About: `{"message"}; a refusal may pass, and is believed when it lasts`},
			{Name: "html", About: "a page, which is taken the same way"},
		},
	},
	{
		ID: "client.v1", Evidence: connector.GuessOnly,
		About: "How does v2 refuse a client that was made for API V1?",
		Variants: []connector.Variant{
			{Name: "403", About: "a token is given, and every address answers that it is forbidden"},
			{Name: "401", About: "the same with the status of a token that died"},
			{Name: "404", About: "the same with that of what does not exist"},
		},
	},
	{
		ID: "scope.missing", Evidence: connector.Retold,
		About: "Which status tells that a token lacks an endpoint's scope?",
		Variants: []connector.Variant{
			{Name: "403", About: "forbidden"},
			{Name: "401", About: "the same as for a token that died"},
			{Name: "404", About: "the same as for what does not exist"},
		},
	},
	{
		ID: "error.shape", Evidence: connector.Retold,
		About: "Which form do errors of the Integration API have?",
		Variants: []connector.Variant{
			{Name: "code", About: `{"code","message"}`},
			{Name: "message", About: `{"message"}`},
			{Name: "error", About: `{"error"}`},
			{Name: "symfony", About: `{"code","message","errors"}`},
			{Name: "html", About: "a page; a 404 is then no proof of a deletion"},
		},
	},
	{
		ID: "gone.status", Evidence: connector.FromCode,
		About: "Which status tells that a record does not exist?",
		Variants: []connector.Variant{
			{Name: "404", About: "not found"},
			{Name: "410", About: "gone"},
		},
	},
	{
		ID: "retry.after", Evidence: connector.FromCode,
		About: "How does a refusal for too many requests say when to come back?",
		Variants: []connector.Variant{
			{Name: "seconds", About: "Retry-After with a number"},
			{Name: "date", About: "Retry-After with a date"},
			{Name: "none", About: "not at all"},
		},
	},
	{
		ID: "stamps", Evidence: connector.SeenOnce,
		About: "Do stamps carry a zone?",
		Variants: []connector.Variant{
			{Name: "naive", About: "local time of Warsaw without a zone"},
			{Name: "zoned", About: "ISO 8601 with an offset"},
		},
	},
	{
		ID: "single.wrap", Evidence: connector.FromCode,
		About: "Do single objects come in a list of one?",
		Variants: []connector.Variant{
			{Name: "false", About: "as they are"},
			{Name: "true", About: "in a list"},
		},
	},
	{
		ID: "recruitments.list", Evidence: connector.SeenOnce,
		About: "Does the list of recruitments hold what the detail holds?",
		Variants: []connector.Variant{
			{Name: "seen", About: "workflow, status and responsible people only in the detail"},
			{Name: "full", About: "all fields in the list"},
		},
	},
	{
		ID: "responsible.shape", Evidence: connector.FromCode,
		About: "Which form do the responsible people of a recruitment have?",
		Variants: []connector.Variant{
			{Name: "list", About: `[{"id"}]`},
			{Name: "object", About: `{"id"}: one person`},
			{Name: "user", About: `[{"user":{"id"}}]`},
		},
	},
	{
		ID: "users.names", Evidence: connector.FromCode,
		About: "Do users have a name and a last name?",
		Variants: []connector.Variant{
			{Name: "present", About: "yes"},
			{Name: "absent", About: "no; first_name and last_name stay empty", Without: true},
		},
		Depends: []string{"ats_users.first_name", "ats_users.last_name"},
	},
	{
		ID: "users.email", Evidence: connector.FromCode,
		About: "Where does the address of a user stand?",
		Variants: []connector.Variant{
			{Name: "present", About: "in email"},
			{Name: "username", About: "in username"},
		},
	},
	{
		ID: "tags.shape", Evidence: connector.GuessOnly,
		About: "Which form do the tags of a candidate have at /employees/{id}/tags?",
		Variants: []connector.Variant{
			{Name: "plain", About: `[{"id","name"}]`},
			{Name: "value", About: `[{"id","value"}]`},
			{Name: "nested", About: `[{"id","tag":{"id","name"}}]`},
			{Name: "wrapped", About: `{"tags":[…]}`},
			{Name: "missing", About: "there is no such address", Without: true},
		},
		Depends: []string{"ats_tags", "ats_join_candidates_tags", "ats_candidates.tags"},
	},
	{
		ID: "rejections.shape", Evidence: connector.Retold,
		About: "Which form do the rejection reasons of a recruitment have?",
		Variants: []connector.Variant{
			{Name: "plain", About: `[{"id","name"}]`},
			{Name: "value", About: `[{"id","value"}]`},
			{Name: "wrapped", About: `{"rejections":[…]}`},
		},
		Depends: []string{"ats_rejection_reasons"},
	},
	{
		ID: "rejections.ids", Evidence: connector.GuessOnly,
		About: "Do recruitments share their rejection reasons?",
		Variants: []connector.Variant{
			{Name: "global", About: "the same IDs in all"},
			{Name: "recruitment", About: "each has its own; the list then repeats names"},
		},
	},
	{
		ID: "dictionary.shape", Evidence: connector.GuessOnly,
		About: "Which form does a dictionary have at /dictionaries/{id}?",
		Variants: []connector.Variant{
			{Name: "object", About: `{"id","name","items":[…]}`},
			{Name: "list", About: "the items alone"},
			{Name: "values", About: `{"id","name","values":[…]}`},
		},
	},
	{
		ID: "sources.value", Evidence: connector.FromCode,
		About: "Do sources carry the label of their dictionary item?",
		Variants: []connector.Variant{
			{Name: "present", About: "yes"},
			{Name: "absent", About: "no; the dictionary is needed for it"},
		},
	},
	{
		ID: "location.shape", Evidence: connector.GuessOnly,
		About: "Which form does candidate_location have?",
		Variants: []connector.Variant{
			{Name: "object", About: "an object with nine keys"},
			{Name: "json", About: "the same as JSON inside a string"},
		},
		Depends: []string{"ats_candidates.location"},
	},
	{
		ID: "activity.content", Evidence: connector.FromCode,
		About: "Which form does the content of a stage change have in the log of candidates?",
		Variants: []connector.Variant{
			{Name: "text", About: "JSON inside a string"},
			{Name: "object", About: "an object"},
			{Name: "nested", About: "an object whose content is one of these"},
		},
	},
	{
		ID: "workflow.stamp", Evidence: connector.GuessOnly,
		About: "Does updated_at of a workflow move when its states change?",
		Variants: []connector.Variant{
			{Name: "moves", About: "yes"},
			{Name: "still", About: "no; states are read again daily"},
		},
	},
	{
		ID: "guid", Evidence: connector.Retold,
		About: "Is the GUID answered that the schema declares?",
		Variants: []connector.Variant{
			{Name: "never", About: "no; the number is the identity"},
			{Name: "always", About: "yes; the number is the identity all the same"},
		},
	},
	{
		ID: "adverts.geolocation", Evidence: connector.SeenOnce,
		About: "Which form does the place of an advert have?",
		Variants: []connector.Variant{
			{Name: "string", About: "JSON inside a string"},
			{Name: "object", About: "an object"},
		},
	},
	{
		ID: "adverts.options", Evidence: connector.SeenOnce,
		About: "Are the options of an advert texts or lists?",
		Variants: []connector.Variant{
			{Name: "seen", About: "some are lists"},
			{Name: "text", About: "all are texts"},
			{Name: "list", About: "all are lists"},
		},
	},
	{
		ID: "write.validation", Evidence: connector.GuessOnly,
		About: "What happens to a write with a field that does not exist, or a value that it does not take?",
		Variants: []connector.Variant{
			{Name: "lenient", About: "the rest is written; what does not show afterwards is written by itself, then warned about"},
			{Name: "strict", About: "it is refused with 400; a new candidate is then created with name and address, and the rest is written field by field"},
		},
	},
	{
		ID: "write.status", Evidence: connector.FromCode,
		About: "Which status do accepted writes have?",
		Variants: []connector.Variant{
			{Name: "seen", About: "201 for what is created, 204 for the rest"},
			{Name: "200", About: "200 with a body"},
			{Name: "204", About: "204, and 201 where there is a body"},
		},
	},
	{
		ID: "write.errors", Evidence: connector.FromCode,
		About: "Which form do refusals of writes have?",
		Variants: []connector.Variant{
			{Name: "json", About: "that of other errors"},
			{Name: "text", About: "plain text"},
			{Name: "html", About: "a page"},
		},
	},
	{
		ID: "create.duplicate", Evidence: connector.FromCode,
		About: "What follows when a candidate is created whose e-mail address somebody has?",
		Variants: []connector.Variant{
			{Name: "409", About: "a refusal with 409"},
			{Name: "text", About: "a refusal with 400 and the words \"already exists\""},
			{Name: "html", About: "a refusal with 409 and a page"},
			{Name: "taken", About: "a second candidate; only the search before it prevents that"},
		},
	},
	{
		ID: "create.answer", Evidence: connector.FromCode,
		About: "How does the answer to a new candidate name the ID?",
		Variants: []connector.Variant{
			{Name: "id", About: `{"id"}`},
			{Name: "row", About: "with the whole candidate"},
			{Name: "wrapped", About: `[{"id"}]`},
			{Name: "nested", About: `{"employee":{"id"}}`},
		},
	},
	{
		ID: "assign.repeat", Evidence: connector.GuessOnly,
		About: "What follows when a candidate is added to a recruitment once more?",
		Variants: []connector.Variant{
			{Name: "400", About: "a refusal with 400"},
			{Name: "409", About: "a refusal with 409"},
			{Name: "ignored", About: "nothing"},
		},
	},
	{
		ID: "assign.closed", Evidence: connector.GuessOnly,
		About: "Can candidates be added to a closed recruitment?",
		Variants: []connector.Variant{
			{Name: "accepted", About: "yes; Kladka refuses it all the same"},
			{Name: "refused", About: "no"},
		},
	},
	{
		ID: "assign.state", Evidence: connector.GuessOnly,
		About: "In which state do added candidates land?",
		Variants: []connector.Variant{
			{Name: "start", About: "the one of the type start"},
			{Name: "first", About: "the first one by order"},
		},
	},
	{
		ID: "move.repeat", Evidence: connector.GuessOnly,
		About: "What follows when a candidate is moved to the state in which they are?",
		Variants: []connector.Variant{
			{Name: "ignored", About: "nothing"},
			{Name: "again", About: "a second stay in the state"},
			{Name: "refused", About: "a refusal with 400"},
		},
	},
	{
		ID: "reject.reason", Evidence: connector.GuessOnly,
		About: "Does a rejection need a reason?",
		Variants: []connector.Variant{
			{Name: "required", About: "yes; Kladka asks for one in any case"},
			{Name: "optional", About: "no"},
		},
	},
	{
		ID: "file.label", Evidence: connector.GuessOnly,
		About: "What happens to a file whose dictionary_file_type is no label of the dictionary?",
		Variants: []connector.Variant{
			{Name: "ignored", About: "it is taken, and gets none"},
			{Name: "refused", About: "it is refused with 400, and then sent without a label"},
		},
	},
	{
		ID: "file.answer", Evidence: connector.FromCode,
		About: "Does the answer to an upload name the file?",
		Variants: []connector.Variant{
			{Name: "empty", About: "no; it is found by its name and content"},
			{Name: "id", About: `{"id"}`},
		},
	},
	{
		ID: "note.content", Evidence: connector.SeenOnce,
		About: "In which form do notes come back in the log of candidates?",
		Variants: []connector.Variant{
			{Name: "plain", About: "as they were sent"},
			{Name: "html", About: "as HTML"},
		},
	},
	{
		ID: "tags.write", Evidence: connector.GuessOnly,
		About: "How are the tags of a candidate changed?",
		Variants: []connector.Variant{
			{Name: "post", About: `one by one: POST /employees/{id}/tags {"name"}, DELETE /employees/{id}/tags/{tag_id}`},
			{Name: "put", About: "all at once: PUT /employees/{id}/tags with a list of names"},
			{Name: "missing", About: "not through the API", Without: true},
		},
		Depends: []string{"ats_add_candidate_tag", "ats_remove_candidate_tag"},
	},
	{
		ID: "choice.write", Evidence: connector.FromCode,
		About: "How are the values of choice fields written?",
		Variants: []connector.Variant{
			{Name: "seen", About: "candidate_languages and _nationality by the place of the choice in the schema, others by its label"},
			{Name: "index", About: "all by the place"},
			{Name: "label", About: "all by the label"},
			{Name: "either", About: "both are taken"},
		},
	},
}
