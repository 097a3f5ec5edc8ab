package store_test

import (
	"database/sql"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// impersonalColumns are texts that cannot hold anything about a person: IDs, states, hashes,
// numbers of runs. With the personal ones they are all text columns of the schema.
var impersonalColumns = map[string]string{
	"meta":                  "name value",
	"integrations":          "id tool status setup_status tenant settings folded_revision scope_config applied_scopes",
	"api_keys":              "id hash prefix",
	"runs":                  "id type state cause owner error_code",
	"run_steps":             "run_id step state cursor",
	"pages":                 "step run_id hash keys",
	"walks":                 "step run_id",
	"loads":                 "model",
	"parts":                 "entity entity_id kind part hash revision",
	"reads":                 "entity entity_id kind revision",
	"dependencies":          "on_entity on_id entity entity_id",
	"nominations":           "entity entity_id run_id",
	"fanouts":               "kind on_entity on_id cursor",
	"changes":               "model record_id operation fields cause",
	"integration_fields":    "id model key type label",
	"custom_fields":         "id model key label description",
	"custom_field_mappings": "custom_field_id integration_field_id",
	"budgets":               "tenant",
	"actions":               "id operation idempotency_key request_id state effects owner",
	"action_slots":          "owner",
	"uploads":               "candidate_id name type",
	"result_links":          "record_id label content",
	"roles":                 "id remote_id own ref hash scope",
	"users":                 "id remote_id hash status role_id",
	"application_stages":    "id remote_id own ref hash",
	"rejection_reasons":     "id remote_id hash",
	"tags":                  "id remote_id hash",
	"jobs":                  "id remote_id hash job_code post_url status visibility employment_type",
	"job_stages":            "id remote_id own ref hash job_id stage_id",
	"hiring_team":           "id remote_id hash job_id user_id",
	"job_postings":          "id remote_id hash job_id",
	"candidates":            "id remote_id hash",
	"candidate_emails":      "candidate_id",
	"candidate_tags":        "id remote_id hash candidate_id tag_id",
	"applications":          "id remote_id hash candidate_id job_id current_stage_id outcome",
	"requests":              "id kind parent run_id action_id route method",
	"request_mentions":      "model record_id request_id",
	"scope_configs":         "id name config",
	"tracked_applications":  "candidate application",
	"remappings":            "model field key type",
	"links":                 "id kind type",
	"attempts":              "id link tool tenant state request_id",
	"events":                "id type",
}

// Invariant 9: every column that may hold a person is known.
func TestEveryTextColumnIsJudged(t *testing.T) {
	db := storetest.SQLite(t)
	s := db.Open(t)
	var schema []string
	err := s.Transact(t.Context(), func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c
			WHERE t.type = 'table' AND c.type IN ('TEXT', 'BLOB') AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'goose_%' AND t.name NOT LIKE 'river_%'`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			schema = append(schema, name)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	judged := map[string]int{}
	for table, columns := range store.PersonalColumns() {
		for _, c := range columns {
			judged[table+"."+c]++
		}
	}
	for table, columns := range impersonalColumns {
		for c := range strings.FieldsSeq(columns) {
			judged[table+"."+c]++
		}
	}
	slices.Sort(schema)
	if d := cmp.Diff(schema, slices.Sorted(maps.Keys(judged))); d != "" {
		t.Errorf("text columns (-schema +judged):\n%s", d)
	}
	for name, n := range judged {
		if n > 1 {
			t.Errorf("%s is in both lists", name)
		}
	}
}

// Invariant 9: the change log holds nothing of what a record says.
func TestChangeLogHoldsNoContents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		for _, name := range []string{"Bożydar-Sekretny", "Bożydar-Tajny"} {
			put(ctx, t, s, i.No, func(ids ats.Namespace) []store.RecordSet { return []store.RecordSet{candidate(t, ids, "1", name)} })
		}
		var all string
		if err := s.Transact(ctx, func(tx *sql.Tx) error {
			rows, err := tx.Query(`SELECT model || record_id || operation || fields || cause FROM changes`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					return err
				}
				all += line
			}
			return rows.Err()
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(all, "Bożydar") || !strings.Contains(all, "first_name") {
			t.Errorf("the log says %q", all)
		}
	})
}
