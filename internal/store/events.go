package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/kladka/kladka/internal/ats"
)

// EventType names what webhooks tell.
type EventType string

// The events about integrations and links.
const (
	IntegrationCreated      EventType = "integration-created"
	IntegrationDeleted      EventType = "integration-deleted"
	IntegrationStateChanged EventType = "integration-state-changed"
	ConnectionFlowFailed    EventType = "connection-flow-failed"
)

// Event is something that happened, as it goes out to webhooks.
type Event struct {
	No          int64 // in the order of the events of an integration
	ID          string
	Integration int64 // 0: none yet
	Type        EventType
	Data        json.RawMessage // the payload, after the contract
	CreatedAt   int64
}

// endUser is the customer, in payloads.
type endUser struct {
	OrganizationName string  `json:"organization_name"`
	CreatorEmail     *string `json:"creator_email"`
	OriginID         *string `json:"origin_id"`
}

// category is that of all tools that there are.
const category = "ATS"

type integrationPayload struct {
	ID        string    `json:"id"`
	Tool      string    `json:"tool"`
	Category  string    `json:"category"`
	EndUser   endUser   `json:"end_user"`
	DeletedAt *ats.Time `json:"deleted_at,omitempty"`
}

func createdPayload(i Integration) integrationPayload {
	return integrationPayload{ID: i.ID, Tool: i.Tool, Category: category, EndUser: i.endUser()}
}

func (i Integration) endUser() endUser {
	return endUser{i.OrganizationName, i.CreatorEmail, i.OriginID}
}

// stateChanged records that an integration's status or setup is another now, in the transaction that
// changed it.
func (s *Store) stateChanged(ctx context.Context, tx *sql.Tx, no int64) error {
	i, err := scanIntegration(tx.QueryRowContext(ctx, `SELECT `+integrationColumns+` FROM integrations WHERE no = $1`, no))
	if err != nil {
		return err
	}
	return s.addEvent(ctx, tx, no, IntegrationStateChanged, struct {
		Tool     string   `json:"integration_tool"`
		ID       string   `json:"integration_id"`
		Category string   `json:"integration_category"`
		EndUser  endUser  `json:"end_user"`
		QA       string   `json:"qa_status"`
		Setup    string   `json:"setup_status"`
		State    string   `json:"state"`
		Updated  ats.Time `json:"updated_at"`
	}{i.Tool, i.ID, category, i.endUser(), "PASSED", i.SetupStatus, i.Status, ats.Milli(s.Now())})
}

// addEvent records an event in the transaction of what it tells, about an integration or none (0). data becomes
// its payload.
func (s *Store) addEvent(ctx context.Context, tx *sql.Tx, integration int64, typ EventType, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO events (id, integration, type, data, created_at) VALUES ($1, NULLIF(CAST($2 AS BIGINT), 0), $3, $4, $5)`,
		ats.NewID(), integration, string(typ), string(text), s.Now()); err != nil {
		return fmt.Errorf("record the event %s: %w", typ, err)
	}
	return nil
}

// Events lists events after a number, oldest first.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT no, id, COALESCE(integration, 0), type, data, created_at FROM events
		WHERE no > $1 ORDER BY no LIMIT $2`, after, limit)
	return collect(rows, err, func(r *sql.Rows) (Event, error) {
		var e Event
		var data string
		err := r.Scan(&e.No, &e.ID, &e.Integration, &e.Type, &data, &e.CreatedAt)
		e.Data = json.RawMessage(data)
		return e, err
	})
}

// PurgeEvents deletes a bounded number of events from before a moment, and reports whether there may be
// more of them.
func (s *Store) PurgeEvents(ctx context.Context, before int64) (more bool, err error) {
	res, err := s.write.ExecContext(ctx, `DELETE FROM events WHERE no IN (SELECT no FROM
		(SELECT no, created_at FROM events ORDER BY no LIMIT $1) AS oldest WHERE created_at < $2)`, purgeAtOnce, before)
	if err != nil {
		return false, fmt.Errorf("purge events: %w", err)
	}
	n, err := res.RowsAffected()
	return n == purgeAtOnce, err
}
