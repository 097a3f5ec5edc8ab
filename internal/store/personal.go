package store

// PersonalColumns lists, by table, every column that may hold something about a person. Erasing
// somebody means to deal with each of them; a test compares the list with the schema, so that a
// new column is either in here or known to be harmless.
//
// The change log is in neither: it holds IDs, operations and field names only.
func PersonalColumns() map[string][]string {
	return map[string][]string{
		"integrations":      {"organization_name", "creator_email", "origin_id", "credentials"},
		"api_keys":          {"name"},
		"parts":             {"raw", "version"},
		"users":             {"own", "ref", "email"},
		"jobs":              {"own", "ref", "name_folded"}, // free text written by people about people
		"job_postings":      {"own", "ref"},
		"candidates":        {"own", "ref", "first_name_folded", "last_name_folded"},
		"candidate_emails":  {"email"},
		"applications":      {"own", "ref"},
		"tags":              {"own", "ref"},
		"candidate_tags":    {"own", "ref"},
		"hiring_team":       {"own", "ref"},
		"reads":             {"version"},
		"run_steps":         {"error"},
		"runs":              {"error"},
		"rejection_reasons": {"own", "ref"},
		"actions":           {"input", "answer", "natural_key", "content"}, // a digest of an address can be guessed
		"requests":          {"address", "error", "request_body", "response_body"},
		"links":             {"settings"},
		"attempts":          {"credentials", "report"},
		"events":            {"data"},
	}
}
