package sandbox

// switchGroup is a part of the catalogue.
type switchGroup struct {
	title    string
	switches []switchEntry
}

// switchGroups are all switches. A new one is an entry here and the one place
// that asks for it. The defaults are what was seen, or the likeliest guess.
func switchGroups() []switchGroup {
	return []switchGroup{
		{"Paging and lists", []switchEntry{
			{"page.max", "100", positive, "most rows of a page; larger sizes are cut silently", "seen"},
			{"page.strict", "workflows", names(listEndpoint), "lists that answer 400 to a size above page.max instead of cutting it", "seen"},
			{"page.beyond", "empty", oneOf("empty", "last", "400", "404"), "a page beyond the end: empty, the last page once more, or a status", "guess"},
			{"totals", "all", oneOf("all", "count", "none"), "X-Result headers of lists: all, all but X-Result-Total-Pages, none", "seen; absence told by a client"},
			{"sources.limit", "50", count, "sizes of /sources above it end in a 500; 0 is no limit", "seen"},
			{"ghosts", "", counts(listEndpoint), "rows that are counted in the total but never shown, as in employees:3,history:5; /crm_persons has 3 unless it is named", "seen"},
			{"broken.rows", "", counts(listEndpoint), "rows that make every page which holds them end in a 500, at any size; they are in the truth", "seen"},
			{"broken.endpoints", "", names(anyEndpoint), "endpoints that always end in a 500", "guess"},
			{"order", "id", oneOf("id", "desc", "shuffled", "restless"), "order of rows where no sort was asked for, understood or heeded: by id, by falling id, a fixed shuffled order, another one at each request", "guess"},
			{"churn", "0", fraction, "chance before each list page that something changes, as in a day's work; rows are inserted and deleted too", "seen"},
			{"dangling", "", counts(danglingEndpoint), "further rows of history, activities or sources about candidates or recruitments that do not exist; they are not in the truth", "seen"},
		}},
		{"Filter and sort", []switchEntry{
			{"filter.ignore", "", names(listEndpoint), "lists that take X-Request-Filter and ignore it", "seen for created_at of the history, which always does"},
			{"filter.refuse", "", names(listEndpoint), "lists that answer 400 to any X-Request-Filter", "told by a client"},
			{"filter.precision", "day", oneOf("day", "second"), "what counts of a date in a filter: its day, or its second, where a day is its first second", "told by a client; second is a guess"},
			{"filter.several", "all", oneOf("all", "first", "refuse"), "several fields in one filter: all must match, only the first counts, or 400", "guess"},
			{"sort.ignore", "", names(listEndpoint), "lists that take X-Request-Sort and ignore it", "told by a client"},
			{"sort.spelling", "either", oneOf("either", "field", "documented"), `spelling that the Integration API understands: {"id":"ASC"} is field, {"sort_by":"id","direction":"ASC"} is documented, which the public feed always understands`, "seen and documented"},
			{"sort.unknown", "ignore", oneOf("ignore", "refuse"), "a spelling that is not understood: ignored, or 400", "guess"},
		}},
		{"Hosts and redirects", []switchEntry{
			{"host.www", "serve", oneOf("serve", "refuse"), "hosts that begin with www.: served, or the connection closed, since the certificate does not cover them", "seen"},
			{"redirects", "bare", oneOf("bare", "none", "slash"), "bare: a trailing slash gets a 301 where that was seen; none: never; slash: beyond that, the other main lists redirect to the slash when it is missing", "seen; slash is a guess"},
			{"redirects.writes", "none", oneOf("none", "slash", "bare"), "writes to a path without (slash) or with (bare) its last slash get a 301 to the other form; none: as redirects says", "guess"},
			{"down", "none", oneOf("none", "503html", "200html", "close"), "the whole API is down: an HTML page with 503, one with 200, or connections that end without an answer", "seen"},
		}},
		{"Faults", []switchEntry{
			{"fail.500", "0", fraction, "share of requests that end in a 500", "seen"},
			{"fail.503html", "0", fraction, "share of requests that get an HTML page with 503", "seen"},
			{"fail.cut", "0", fraction, "share of requests whose JSON ends in the middle, short of its Content-Length", "guess"},
			{"fail.garbage", "0", fraction, "share of requests answered 200 without JSON: half of them an HTML page, half a cut JSON text; not the token endpoint", "told by a client"},
			{"fail.object", "0", fraction, `share of list pages that are {"message":…} with 200`, "told by a client"},
			{"fail.close", "0", fraction, "share of requests whose connection ends without an answer", "guess"},
			{"fail.429", "0", fraction, "share of requests that begin a burst of 429", "told by a client"},
			{"burst", "3", positive, "answers of 429 in a row", "guess"},
			{"rate.limit", "0", count, "requests a second above which 429 is answered; 0 is no limit", "guess"},
			{"retry.after", "seconds", oneOf("seconds", "date", "none"), "form of Retry-After with a 429", "told by a client"},
			{"retry.seconds", "1", count, "time that Retry-After tells", "guess"},
			{"latency", "0s", duration, "time added to every answer", "seen"},
			{"slow", "0", fraction, "share of list pages that take slow.time", "seen"},
			{"slow.time", "2s", duration, "time that a slow list page takes", "seen"},
		}},
		{"OAuth and errors", []switchEntry{
			{"token.ttl", "720h0m0s", duration, "how long new tokens live, as expires_in tells", "seen"},
			{"token.life", "0s", duration, "how long new tokens really live; 0s is as told", "told by a client"},
			{"token.uses", "0", count, "requests after which a token dies early; 0 is never", "told by a client"},
			{"client", "valid", oneOf("valid", "v1", "deleted"), "the API client: one that holds; one of API V1, whose tokens nothing of v2 accepts (client.v1); one that was deleted, so that its tokens end and no other is given", "documented that a client has one version; the rest is a guess"},
			{"client.v1", "403", oneOf("403", "401", "404"), "status with which v2 refuses a token of a client of API V1", "guess"},
			{"scopes.denied", "", scopes, "scopes that the client lacks, as in source,file", "documented"},
			{"oauth.scopes", "narrow", oneOf("narrow", "refuse"), "asking for a scope that the client lacks: a token without it, or 400 invalid_scope", "guess"},
			{"oauth.error", "oauth", oneOf("oauth", "message", "html"), `errors of the token endpoint: {"error","error_description"}, {"message"}, an HTML page`, "guess"},
			{"scope.missing", "403", oneOf("403", "401", "404"), "status when the token lacks the endpoint's scope", "documented; 401 and 404 are guesses"},
			{"error.shape", "code", oneOf("code", "message", "error", "symfony", "html"), `errors of the API: {"code","message"} (401 and 403 as OAuth has them), {"message"}, {"error"}, {"code","message":"Validation Failed","errors"}, an HTML page`, "three shapes are documented, none is known"},
			{"gone.status", "404", oneOf("404", "410"), "status of a record that does not exist", "seen; 410 told by a client"},
		}},
		{"Rows in general", []switchEntry{
			{"empty", "seen", oneOf("seen", "null", "absent", "text"), `empty fields of candidates and recruitments: as generated, null, left out, or ""`, "documented to differ"},
			{"sparse", "0", fraction, "share of candidates and recruitments whose rows in lists lack some fields that have a value; never id or custom ones", "documented"},
			{"stamps", "naive", oneOf("naive", "zoned"), "dates with time: local text, or ISO 8601 with the offset, which tells the two hours of autumn apart (in the truth too)", "seen; zoned is a guess"},
			{"guid", "never", oneOf("never", "always"), "whether guid, which schemas declare, arrives", "seen"},
			{"schema", "seen", oneOf("seen", "full", "ignored"), "answer to X-Response-Metadata: with gaps, with every field of the rows, or the rows", "seen; others are guesses"},
			{"single.wrap", "false", boolean, "whether single objects come in a list of one", "told by a client"},
			{"dirt", "1", positive, "multiplies the odds of shared e-mails and reference numbers, polluted and blank names, long phone texts, repeated state names; the truth has them too", "seen"},
		}},
		{"Recruitments and workflows", []switchEntry{
			{"recruitments.list", "seen", oneOf("seen", "full"), "fields of /recruitments: as seen, or those of the detail too", "seen"},
			{"recruitments.detail", "seen", oneOf("seen", "full"), "fields of /recruitments/{id}: as seen, or those of the list too", "seen"},
			{"recruitments.status", "lies", oneOf("lies", "tells"), "status of closed recruitments: active all the same, or closed", "seen"},
			{"responsible.shape", "list", oneOf("list", "object", "user"), "responsible_person: [{id,email}], {id,email}, [{user:{id,email}}]", "seen; others told by a client"},
			{"rejections.shape", "plain", oneOf("plain", "value", "wrapped"), `rejection reasons: [{id,name}], [{id,value}], {"rejections":[…]}`, "guess"},
			{"rejections.ids", "global", oneOf("global", "recruitment"), "whether each recruitment has IDs of its own for the same reasons; the truth has those of open recruitments", "guess"},
			{"workflow.stamp", "moves", oneOf("moves", "still"), "whether updated_at of a workflow moves when its states change", "guess"},
			{"states.order", "seen", oneOf("seen", "plain", "absent"), "order of states: with 9999997 and above for the last ones, 0 to n, or absent", "seen; others are guesses"},
			{"states.rejection", "seen", oneOf("seen", "set"), "is_rejection: mostly false, or true on states of the type end-bad; the truth has it too", "seen, both"},
		}},
		{"Candidates", []switchEntry{
			{"location.shape", "seen", oneOf("seen", "object", "json"), "candidate_location: objects and plain texts, objects alone (in the truth too), objects as JSON in a string", "guess"},
			{"notes.answer", "employee", oneOf("employee", "list"), "answer of /employees/{id}/notes: the candidate, or the notes", "seen once"},
			{"files.vanish", "0", fraction, "share of listed files whose content is answered 404", "seen"},
			{"tags.shape", "plain", oneOf("plain", "value", "nested", "wrapped", "missing"), `tags of a candidate: [{id,name}], [{id,value}], [{id,tag:{id,name}}], {"tags":[…]}, or 404, when the truth has none`, "guess"},
			{"history.end", "absent", oneOf("absent", "null", "text"), `end_date that is not there: left out, null, or ""`, "seen; others are guesses"},
			{"activity.content", "text", oneOf("text", "object", "nested"), "content of a stage change: JSON in a string, an object, or an object whose content is it", "seen; others told by a client"},
			{"sources.value", "seen", oneOf("seen", "absent", "present"), "whether dictionary_item of a source has its label: a quarter, none, all; the truth follows", "seen absent, told by a client"},
		}},
		{"Users and dictionaries", []switchEntry{
			{"users.names", "seen", oneOf("seen", "present", "absent"), "name and lastname of users: some, all, none; the truth follows", "seen"},
			{"users.email", "seen", oneOf("seen", "present", "username"), "email of users: most have it, all, or only in username; the truth follows", "seen, told by a client"},
			{"dictionary.shape", "object", oneOf("object", "list", "values"), "answer of /dictionaries/{id}: {id,name,items}, the items alone, {id,name,values}", "guess"},
		}},
		{"Writes", []switchEntry{
			{"write.validation", "lenient", oneOf("lenient", "strict"), "unknown members and wrong values: ignored, or 400. What must be there and is not gets a 400 in any case", "guess"},
			{"write.status", "seen", oneOf("seen", "200", "204"), "status of accepted writes: 201 for new candidates and files and 204 for the rest; always 200 with a body; 204 without one, and 201 with the body of an answer that has something to tell", "told by a client"},
			{"write.errors", "json", oneOf("json", "text", "html"), "bodies of refused writes: as error.shape says, plain text, an HTML page", "told by a client"},
			{"write.fail", "0", fraction, "share of writes that end in a 500 without any effect", "seen"},
			{"write.lost", "0", fraction, "share of writes that take effect and whose connection then ends without an answer", "told by a client"},
			{"write.unsure", "0", fraction, "share of writes that take effect and then end in a 500", "guess"},
			{"write.late", "0s", duration, "time by the tenant's clock for which nothing shows or knows the effect of a lost or unsure write", "guess"},
			{"create.duplicate", "409", oneOf("409", "text", "html", "taken"), "a new candidate whose e-mail somebody has: 409, 400 with a plain text, 409 with an HTML page, taken all the same", "told by a client"},
			{"create.answer", "id", oneOf("id", "row", "wrapped", "nested"), `answer to a new candidate: {"id"}, the whole row, [{"id"}], {"employee":{"id"}}`, "an id is told by a client"},
			{"choice.write", "seen", oneOf("seen", "index", "label", "either"), "how values of choice fields are taken: candidate_languages and _nationality by the number in the schema and others by label, all by number, all by label, both", "told by a client"},
			{"assign.repeat", "400", oneOf("400", "409", "ignored"), "adding a candidate who is in the recruitment", "guess"},
			{"assign.closed", "accepted", oneOf("accepted", "refused"), "adding to a closed recruitment: accepted, or 400", "guess"},
			{"assign.state", "start", oneOf("start", "first"), "state in which newcomers land: the one of the type start, or the first by order", "guess"},
			{"move.repeat", "ignored", oneOf("ignored", "again", "refused"), "moving to the state in which the candidate is: accepted without effect, a second history row, 400", "guess"},
			{"reject.reason", "required", oneOf("required", "optional"), "rejecting without a reason: 400, or accepted", "guess"},
			{"file.label", "ignored", oneOf("ignored", "refused"), "a dictionary_file_type that is no label of the dictionary: the file gets none, or 400", "guess"},
			{"file.answer", "empty", oneOf("empty", "id"), `answer to an upload: none, or {"id"}`, "guess"},
			{"file.max", "26214400", countUpTo(maxUploads), "bytes above which a file gets a 413", "guess"},
			{"note.content", "plain", oneOf("plain", "html"), "form in which notes come back in activities: as sent, or escaped with <br>; the truth has it too", "guess"},
			{"tags.write", "post", oneOf("post", "put", "missing"), `POST /employees/{id}/tags {"name"} and DELETE /employees/{id}/tags/{tag_id}; PUT /employees/{id}/tags with a list of names; 404 or 405`, "guess"},
		}},
		{"Public feeds", []switchEntry{
			{"adverts.hidden", "hide", oneOf("hide", "show"), "adverts outside their period or of closed recruitments; published in the truth follows", "guess"},
			{"adverts.geolocation", "string", oneOf("string", "object"), "geolocation of an advert: mostly JSON in a string, or always an object", "documented, seen"},
			{"adverts.options", "seen", oneOf("seen", "text", "list"), "options of an advert: as generated, lists joined to one text, single values in a list of one", "seen"},
		}},
	}
}

func switchEntries() []switchEntry {
	var out []switchEntry
	for _, group := range switchGroups() {
		out = append(out, group.switches...)
	}
	return out
}
