package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// Link is a stored link, by which a customer connects an account. What its kind, type and settings mean is
// the business of package connect. Times are milliseconds since the Unix epoch.
type Link struct {
	ID, Kind, Type       string
	Integration          int64 // 0: none yet
	Settings             json.RawMessage
	CreatedAt, ExpiresAt int64
	// ExchangedAt is when the integrator asked first for what came of it.
	RevokedAt, CompletedAt, ExchangedAt *int64
}

// The states of an attempt to connect.
const (
	AttemptChecking = "CHECKING"
	AttemptFailed   = "FAILED"
	AttemptReady    = "READY"
	AttemptReplaced = "REPLACED" // by a newer one of the link
)

// AttemptLife is how long an attempt, and with it what the customer entered, is kept.
const AttemptLife = time.Hour

// Attempt is credentials that a customer entered, sealed, and how their check goes. Only attempts that are
// being checked or are ready have credentials.
type Attempt struct {
	ID, Link, Tool, Tenant string
	Credentials            string
	State                  string
	Report                 json.RawMessage
	RequestID              string // under which the request log has it
	CreatedAt, BeatAt      int64
}

// ErrClosed means that a link gives nothing more.
var ErrClosed = errors.New("the link was used, was revoked or has expired")

const linkColumns = `id, kind, type, COALESCE(integration, 0), settings, created_at, expires_at, revoked_at, completed_at, exchanged_at`

func scanLink(row interface{ Scan(...any) error }) (Link, error) {
	var l Link
	var settings string
	err := row.Scan(&l.ID, &l.Kind, &l.Type, &l.Integration, &settings, &l.CreatedAt, &l.ExpiresAt, &l.RevokedAt, &l.CompletedAt, &l.ExchangedAt)
	l.Settings = json.RawMessage(settings)
	if errors.Is(err, sql.ErrNoRows) {
		return l, ErrNotFound
	} else if err != nil {
		return l, fmt.Errorf("read a link: %w", err)
	}
	return l, nil
}

// AddLink stores a new link.
func (s *Store) AddLink(ctx context.Context, l Link) error {
	if _, err := s.write.ExecContext(ctx, `INSERT INTO links (id, kind, type, integration, settings, created_at, expires_at)
		VALUES ($1, $2, $3, NULLIF(CAST($4 AS BIGINT), 0), $5, $6, $7)`, l.ID, l.Kind, l.Type, l.Integration, string(l.Settings), l.CreatedAt, l.ExpiresAt); err != nil {
		return fmt.Errorf("store the link: %w", err)
	}
	return nil
}

// Link reads a link.
func (s *Store) Link(ctx context.Context, id string) (Link, error) {
	return scanLink(s.read.QueryRowContext(ctx, `SELECT `+linkColumns+` FROM links WHERE id = $1`, id))
}

// Links lists links, newest first, before a moment and the ID of a link of that moment.
func (s *Store) Links(ctx context.Context, before int64, beforeID string, limit int) ([]Link, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+linkColumns+` FROM links
		WHERE created_at < $1 OR created_at = $2 AND id < $3 ORDER BY created_at DESC, id DESC LIMIT $4`, before, before, beforeID, limit)
	return collect(rows, err, func(r *sql.Rows) (Link, error) { return scanLink(r) })
}

// RevokeLink makes a link useless, with what was entered on its pages. One that was completed stays so.
func (s *Store) RevokeLink(ctx context.Context, id string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE links SET revoked_at = CASE WHEN completed_at IS NULL THEN COALESCE(revoked_at, $1) END WHERE id = $2`, s.Now(), id)
		if err != nil {
			return fmt.Errorf("revoke the link: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrNotFound, err)
		}
		return forgetAttempts(ctx, tx, id)
	})
}

// forgetAttempts deletes what was entered on a link's pages.
func forgetAttempts(ctx context.Context, tx *sql.Tx, link string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM attempts WHERE link = $1`, link); err != nil {
		return fmt.Errorf("forget the attempts of a link: %w", err)
	}
	return nil
}

// holdLink locks a link that can still be used.
func (s *Store) holdLink(ctx context.Context, tx *sql.Tx, id string) (Link, error) {
	l, err := scanLink(tx.QueryRowContext(ctx, `UPDATE links SET kind = kind
		WHERE id = $1 AND completed_at IS NULL AND revoked_at IS NULL AND expires_at > $2 RETURNING `+linkColumns, id, s.Now()))
	if errors.Is(err, ErrNotFound) {
		return l, ErrClosed
	}
	return l, err
}

const attemptColumns = `id, link, tool, tenant, credentials, state, report, COALESCE(request_id, ''), created_at, beat_at`

func scanAttempt(row interface{ Scan(...any) error }) (Attempt, error) {
	var a Attempt
	var report string
	err := row.Scan(&a.ID, &a.Link, &a.Tool, &a.Tenant, &a.Credentials, &a.State, &report, &a.RequestID, &a.CreatedAt, &a.BeatAt)
	a.Report = json.RawMessage(report)
	if errors.Is(err, sql.ErrNoRows) {
		return a, ErrNotFound
	} else if err != nil {
		return a, fmt.Errorf("read an attempt: %w", err)
	}
	return a, nil
}

// AddAttempt stores a new attempt of a link, which takes the place of those before it. A link has at most so
// many within AttemptLife (ErrTooMany); one that was used, was revoked or has expired has none (ErrClosed).
func (s *Store) AddAttempt(ctx context.Context, a Attempt, most int) (Attempt, error) {
	a.State, a.CreatedAt = AttemptChecking, s.Now()
	a.BeatAt = a.CreatedAt
	err := s.Transact(ctx, func(tx *sql.Tx) error {
		if _, err := s.holdLink(ctx, tx, a.Link); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM attempts WHERE link = $1 AND created_at > $2`, a.Link, a.CreatedAt-AttemptLife.Milliseconds()).Scan(&n); err != nil {
			return fmt.Errorf("count the attempts of a link: %w", err)
		}
		if n >= most {
			return ErrTooMany
		}
		if _, err := tx.ExecContext(ctx, `UPDATE attempts SET state = $1, credentials = '' WHERE link = $2 AND state IN ($3, $4)`,
			AttemptReplaced, a.Link, AttemptChecking, AttemptReady); err != nil {
			return fmt.Errorf("replace the attempts of a link: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO attempts (id, link, tool, tenant, credentials, state, report, request_id, created_at, beat_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			a.ID, a.Link, a.Tool, a.Tenant, a.Credentials, a.State, string(a.Report), nullable(a.RequestID), a.CreatedAt, a.BeatAt); err != nil {
			return fmt.Errorf("store the attempt: %w", err)
		}
		return nil
	})
	return a, err
}

// Attempt reads an attempt that is not too old.
func (s *Store) Attempt(ctx context.Context, id string) (Attempt, error) {
	return scanAttempt(s.read.QueryRowContext(ctx, `SELECT `+attemptColumns+` FROM attempts WHERE id = $1 AND created_at > $2`,
		id, s.Now()-AttemptLife.Milliseconds()))
}

// SaveAttempt stores how far a check has come, and that somebody is at it. It fails with ErrNotFound when
// nobody waits for the check any more.
func (s *Store) SaveAttempt(ctx context.Context, id string, report json.RawMessage) error {
	return s.changeAttempt(ctx, s.write, `UPDATE attempts SET report = $1, beat_at = $2 WHERE id = $3 AND state = $4`,
		string(report), s.Now(), id, AttemptChecking)
}

// NoteFields stores what was learned of an attempt that is ready.
func (s *Store) NoteFields(ctx context.Context, id string, report json.RawMessage) error {
	return s.changeAttempt(ctx, s.write, `UPDATE attempts SET report = $1 WHERE id = $2 AND state = $3`, string(report), id, AttemptReady)
}

// AttemptIsReady ends a check that went well.
func (s *Store) AttemptIsReady(ctx context.Context, id string, report json.RawMessage) error {
	return s.changeAttempt(ctx, s.write, `UPDATE attempts SET state = $1, report = $2, beat_at = $3 WHERE id = $4 AND state = $5`,
		AttemptReady, string(report), s.Now(), id, AttemptChecking)
}

// execer is a database or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (*Store) changeAttempt(ctx context.Context, db execer, query string, args ...any) error {
	res, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("change the attempt: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNotFound, err)
	}
	return nil
}

// FlowFailed is what an event says of an attempt that failed.
type FlowFailed struct {
	OrganizationName       string
	CreatorEmail, OriginID *string
	LogURL                 string
}

// FailAttempt ends a check that went wrong, or that nobody has been at since a moment: the credentials are
// forgotten, and an event tells of it. It fails with ErrNotFound when the check has ended otherwise.
func (s *Store) FailAttempt(ctx context.Context, a Attempt, silentSince int64, f FlowFailed) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		if err := s.changeAttempt(ctx, tx, `UPDATE attempts SET state = $1, report = $2, credentials = '' WHERE id = $3 AND state = $4 AND beat_at <= $5`,
			AttemptFailed, string(a.Report), a.ID, AttemptChecking, silentSince); err != nil {
			return err
		}
		return s.addEvent(ctx, tx, 0, ConnectionFlowFailed, struct {
			Tool     string  `json:"integration_tool"`
			Category string  `json:"integration_category"`
			EndUser  endUser `json:"end_user"`
			LogURL   string  `json:"log_url"`
		}{a.Tool, category, endUser{f.OrganizationName, f.CreatorEmail, f.OriginID}, f.LogURL})
	})
}

// SilentAttempts lists attempts whose check nobody has been at since a moment.
func (s *Store) SilentAttempts(ctx context.Context, since int64, limit int) ([]Attempt, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+attemptColumns+` FROM attempts
		WHERE state = $1 AND beat_at <= $2 ORDER BY created_at LIMIT $3`, AttemptChecking, since, limit)
	return collect(rows, err, func(r *sql.Rows) (Attempt, error) { return scanAttempt(r) })
}

// keepLinks is how long a link is kept after its end, for those who look for it.
const keepLinks = 30 * 24 * time.Hour

// PurgeLinks deletes attempts that are too old, and links whose end is long past.
func (s *Store) PurgeLinks(ctx context.Context) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM attempts WHERE created_at <= $1`, s.Now()-AttemptLife.Milliseconds()); err != nil {
		return fmt.Errorf("delete old attempts: %w", err)
	}
	if _, err := s.write.ExecContext(ctx, `DELETE FROM links WHERE expires_at <= $1`, s.Now()-keepLinks.Milliseconds()); err != nil {
		return fmt.Errorf("delete old links: %w", err)
	}
	return nil
}

// ExchangeLink notes that the integrator asked for what came of a link. Whoever asks again within a while is
// answered, too: the first answer may have been lost. After that it fails with ErrClosed.
func (s *Store) ExchangeLink(ctx context.Context, id string, again time.Duration) error {
	now := s.Now()
	res, err := s.write.ExecContext(ctx, `UPDATE links SET exchanged_at = COALESCE(exchanged_at, $1)
		WHERE id = $2 AND completed_at IS NOT NULL AND (exchanged_at IS NULL OR exchanged_at > $3)`, now, id, now-again.Milliseconds())
	if err != nil {
		return fmt.Errorf("note that a link was asked for: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrClosed, err)
	}
	return nil
}

// Completion is what a customer's last step changes, all at once.
type Completion struct {
	Link string
	// Attempt is the one whose credentials are taken; it must be ready. Empty: no credentials.
	Attempt string
	// New is the integration to make. Nil: the link's own is changed.
	New *Integration
	// Credentials are sealed for the integration.
	Credentials string
	// ScopeConfig is what comes into force for an integration that there is; empty: no change.
	ScopeConfig string
	// Settings changes those of an integration that there is; nil: no change.
	Settings func(*Settings)
	// Mapping says by custom field where its value comes from; nil: from nowhere.
	Mapping map[string]*connector.Field
	// SetUp ends the setup of an integration that waited for it.
	SetUp bool
	// Run queues the work on the first sync.
	Run func(tx *sql.Tx, r Run) error
}

// CompleteLink carries out a customer's last step, and gives the integration. Of many who try, one does it;
// the others get the same integration and false. It fails with ErrClosed for links that were revoked or have
// expired, with ErrNotFound when there is no such attempt or integration any more.
func (s *Store) CompleteLink(ctx context.Context, c Completion) (i Integration, first bool, err error) {
	err = s.Transact(ctx, func(tx *sql.Tx) error {
		l, err := s.holdLink(ctx, tx, c.Link)
		if errors.Is(err, ErrClosed) {
			i, err = s.completedBy(ctx, tx, c.Link)
			return err
		} else if err != nil {
			return err
		}
		first = true
		if c.Attempt != "" {
			if err := s.changeAttempt(ctx, tx, `DELETE FROM attempts WHERE id = $1 AND link = $2 AND state = $3 AND created_at > $4`,
				c.Attempt, l.ID, AttemptReady, s.Now()-AttemptLife.Milliseconds()); err != nil {
				return err
			}
		}
		if err := forgetAttempts(ctx, tx, l.ID); err != nil {
			return err
		}
		i, err = s.complete(ctx, tx, l, c)
		return err
	})
	if err != nil {
		return Integration{}, false, err
	}
	if first && c.New != nil {
		return i, first, s.warnOfTwin(ctx, i)
	}
	return i, first, nil
}

// completedBy gives the integration of a link that was completed.
func (s *Store) completedBy(ctx context.Context, tx *sql.Tx, link string) (Integration, error) {
	l, err := scanLink(tx.QueryRowContext(ctx, `SELECT `+linkColumns+` FROM links WHERE id = $1 AND completed_at IS NOT NULL`, link))
	if errors.Is(err, ErrNotFound) {
		return Integration{}, ErrClosed
	} else if err != nil {
		return Integration{}, err
	}
	return readIntegration(ctx, tx, l.Integration)
}

// complete makes or changes the integration of a link.
func (s *Store) complete(ctx context.Context, tx *sql.Tx, l Link, c Completion) (i Integration, err error) {
	start := c.New != nil && c.New.SetupStatus != SetupIncomplete
	if c.New != nil {
		i, err = s.addIntegration(ctx, tx, *c.New, c.Credentials)
	} else {
		start, err = s.changeConnected(ctx, tx, l.Integration, c)
		i.No = l.Integration
	}
	if err != nil {
		return i, err
	}
	if i, err = readIntegration(ctx, tx, i.No); err != nil {
		return i, err
	}
	if err := s.mapFields(ctx, tx, i, c.Mapping); err != nil {
		return i, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE links SET completed_at = $1, integration = $2 WHERE id = $3`, s.Now(), i.No, l.ID); err != nil {
		return i, fmt.Errorf("complete the link: %w", err)
	}
	if start {
		_, _, err = s.startRun(ctx, tx, ats.NewID(), i.No, FullSync, "connect", c.Run)
	}
	return i, err
}

// changeConnected applies a completion to an integration that there is, and reports whether its first sync
// can begin.
func (s *Store) changeConnected(ctx context.Context, tx *sql.Tx, no int64, c Completion) (start bool, err error) {
	if c.ScopeConfig != "" {
		if err := s.setScopeConfig(ctx, tx, no, c.ScopeConfig); err != nil {
			return false, err
		}
	}
	before, err := lockIntegration(ctx, tx, no)
	if err != nil {
		return false, err
	}
	if c.Credentials != "" {
		if err := s.setCredentials(ctx, tx, no, c.Credentials); err != nil {
			return false, err
		}
	}
	if c.Settings != nil {
		if err := s.changeSettingsIn(ctx, tx, no, c.Settings); err != nil {
			return false, err
		}
	}
	if !c.SetUp || before.SetupStatus != SetupIncomplete {
		return false, nil
	}
	return true, s.transition(ctx, tx, no, `UPDATE integrations SET setup_status = $1 WHERE no = $2`, SetupSyncing, no)
}

// mapFields maps custom fields to vendor fields, which need not be known yet.
func (s *Store) mapFields(ctx context.Context, tx *sql.Tx, i Integration, mapping map[string]*connector.Field) error {
	for _, id := range slices.Sorted(maps.Keys(mapping)) {
		field := mapping[id]
		if field == nil {
			if err := s.mapCustomField(ctx, tx, i.No, id, nil); err != nil {
				return err
			}
			continue
		}
		put, err := newFields(ctx, tx, ats.Namespace(i.ID), i.No, []connector.Field{*field})
		if err != nil {
			return err
		}
		if err := putFields(ctx, tx, i.No, put); err != nil {
			return err
		}
		if err := s.mapCustomField(ctx, tx, i.No, id, new(fieldID(ats.Namespace(i.ID), *field))); err != nil {
			return err
		}
	}
	return nil
}

// Twin finds the oldest other integration of an account; empty: there is none.
func (s *Store) Twin(ctx context.Context, tool, tenant string, but int64) (string, error) {
	var id string
	err := s.read.QueryRowContext(ctx, `SELECT id FROM integrations WHERE tool = $1 AND tenant = $2 AND no <> $3 AND deleted_at IS NULL ORDER BY no LIMIT 1`,
		tool, tenant, but).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("look for other integrations of the account: %w", err)
	}
	return id, nil
}

// warnOfTwin tells the log when an account has become a second integration.
func (s *Store) warnOfTwin(ctx context.Context, i Integration) error {
	twin, err := s.Twin(ctx, i.Tool, i.Tenant, i.No)
	if err != nil || twin == "" {
		return err
	}
	s.log.WarnContext(ctx, "two integrations connect the same account; remove the one that is not needed", "tool", i.Tool, "tenant", i.Tenant, "first", twin, "second", i.ID)
	return nil
}
