package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/connector"
)

// IntegrationField is a vendor's field of one integration.
type IntegrationField struct {
	ID          string
	Model       ats.Model
	Key         string
	Type        string // DEFAULT or CUSTOM
	Label       *string
	Passthrough bool
}

const fieldColumns = `id, model, key, type, label, passthrough`

func scanField(row interface{ Scan(...any) error }) (IntegrationField, error) {
	var f IntegrationField
	var on int64
	err := row.Scan(&f.ID, &f.Model, &f.Key, &f.Type, &f.Label, &on)
	f.Passthrough = on != 0
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return f, err
}

// PutFields notes vendor fields: new ones, and labels that changed. Nothing is written when
// nothing is new. A field that came without a label keeps the one it has.
func (s *Store) PutFields(ctx context.Context, no int64, fields []connector.Field) error {
	i, err := s.IntegrationByNo(ctx, no)
	if err != nil {
		return err
	}
	put, err := newFields(ctx, s.read, ats.Namespace(i.ID), no, fields)
	if err != nil || len(put) == 0 {
		return err
	}
	return s.Transact(ctx, func(tx *sql.Tx) error { return putFields(ctx, tx, no, put) })
}

// PutFields notes vendor fields that were found in what this transaction writes.
func (t *Tx) PutFields(ctx context.Context, fields []connector.Field) error {
	if len(fields) == 0 {
		return nil
	}
	put, err := newFields(ctx, t.tx, t.ids, t.no, fields)
	if err != nil {
		return err
	}
	return putFields(ctx, t.tx, t.no, put)
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// newFields gives those fields that are not stored yet, or under another label.
func newFields(ctx context.Context, db querier, ids ats.Namespace, no int64, fields []connector.Field) ([]IntegrationField, error) {
	known := map[string]IntegrationField{}
	rows, err := db.QueryContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields WHERE integration = $1`, no)
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		f, err := scanField(r)
		known[f.ID] = f
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read vendor fields: %w", err)
	}
	var put []IntegrationField
	for _, f := range fields {
		field := IntegrationField{ID: fieldID(ids, f), Model: f.Model, Key: f.Key, Type: f.Type}
		if f.Label != "" {
			field.Label = &f.Label
		}
		old, seen := known[field.ID]
		if seen && (field.Label == nil || old.Label != nil && *old.Label == *field.Label) {
			continue
		}
		known[field.ID] = field
		put = append(put, field)
	}
	return put, nil
}

// fieldID is the ID of a vendor field, which follows from what it is.
func fieldID(ids ats.Namespace, f connector.Field) string {
	return ids.ID("integration_field", string(f.Model)+"\x00"+f.Type+"\x00"+f.Key)
}

func putFields(ctx context.Context, tx *sql.Tx, no int64, put []IntegrationField) error {
	for _, f := range put {
		if _, err := tx.ExecContext(ctx, `INSERT INTO integration_fields (integration, id, model, key, type, label, passthrough)
			VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (integration, id) DO UPDATE SET label = excluded.label`,
			no, f.ID, string(f.Model), f.Key, f.Type, f.Label); err != nil {
			return fmt.Errorf("note the vendor field %s: %w", f.Key, err)
		}
	}
	return nil
}

// IntegrationFields lists vendor fields by ID, after an ID.
func (s *Store) IntegrationFields(ctx context.Context, no int64, after string, limit int) ([]IntegrationField, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields
		WHERE integration = $1 AND id > $2 ORDER BY id LIMIT $3`, no, after, limit)
	return collect(rows, err, func(r *sql.Rows) (IntegrationField, error) { return scanField(r) })
}

// IntegrationField reads one vendor field.
func (s *Store) IntegrationField(ctx context.Context, no int64, id string) (IntegrationField, error) {
	return scanField(s.read.QueryRowContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields WHERE integration = $1 AND id = $2`, no, id))
}

// FindIntegrationFields gives the vendor fields of a model that have an ID, or else those that have a key.
func (s *Store) FindIntegrationFields(ctx context.Context, no int64, m ats.Model, named string) ([]IntegrationField, error) {
	for _, column := range []string{"id", "key"} {
		rows, err := s.read.QueryContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields
			WHERE integration = $1 AND model = $2 AND `+column+` = $3 ORDER BY type`, no, string(m), named)
		found, err := collect(rows, err, func(r *sql.Rows) (IntegrationField, error) { return scanField(r) })
		if err != nil {
			return nil, fmt.Errorf("look for a vendor field: %w", err)
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// SetPassthrough switches on or off whether a vendor field is served in integration_fields. It
// takes effect with the next sync, which becomes due and folds the records again.
func (s *Store) SetPassthrough(ctx context.Context, no int64, id string, on bool) (IntegrationField, error) {
	var f IntegrationField
	err := s.Transact(ctx, func(tx *sql.Tx) error {
		if _, err := lockIntegration(ctx, tx, no); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE integration_fields SET passthrough = $1 WHERE integration = $2 AND id = $3 AND passthrough <> $4`,
			flag(on), no, id, flag(on))
		if err != nil {
			return fmt.Errorf("switch the passing through of a field: %w", err)
		}
		n, err := res.RowsAffected()
		if err == nil && n > 0 {
			err = s.expire(ctx, tx, no)
		}
		if err != nil {
			return err
		}
		f, err = scanField(tx.QueryRowContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields WHERE integration = $1 AND id = $2`, no, id))
		return err
	})
	return f, err
}

// CustomField is a key of the operator's own, with the vendor field that it is mapped to in one
// integration (nil when it is not).
type CustomField struct {
	ID          string
	Model       ats.Model
	Key         string
	Label       *string
	Description *string
	Mapped      *IntegrationField
}

// MaxCustomFields bounds how many custom fields there may be: every record has them all.
const MaxCustomFields = 1000

// AddCustomField makes a custom field for all integrations. Its key must not be taken (ErrExists), and there
// must be room for it (ErrTooMany).
func (s *Store) AddCustomField(ctx context.Context, f CustomField) (CustomField, error) {
	var n int64
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM custom_fields`).Scan(&n); err != nil {
		return f, fmt.Errorf("count the custom fields: %w", err)
	}
	if n >= MaxCustomFields {
		return f, fmt.Errorf("custom fields: %w", ErrTooMany)
	}
	made := f
	made.ID = ats.NewID()
	_, err := s.write.ExecContext(ctx, `INSERT INTO custom_fields (id, model, key, label, description, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		made.ID, string(f.Model), f.Key, f.Label, f.Description, s.Now())
	if isUniqueViolation(err) {
		return f, fmt.Errorf("custom field %s of %s: %w", f.Key, f.Model, ErrExists)
	} else if err != nil {
		return f, fmt.Errorf("store the custom field: %w", err)
	}
	return made, nil
}

// RemoveCustomField removes a custom field with its mappings. The data of integrations that map it expire.
func (s *Store) RemoveCustomField(ctx context.Context, id string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT integration FROM custom_field_mappings WHERE custom_field_id = $1 ORDER BY integration`, id)
		mapped, err := collect(rows, err, scanNo)
		if err != nil {
			return fmt.Errorf("read the mappings of a custom field: %w", err)
		}
		for _, no := range mapped {
			if err := s.expire(ctx, tx, no); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM custom_field_mappings WHERE custom_field_id = $1`, id); err != nil {
			return fmt.Errorf("remove the mappings of a custom field: %w", err)
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM custom_fields WHERE id = $1`, id)
		if err != nil {
			return fmt.Errorf("remove a custom field: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrNotFound, err)
		}
		return nil
	})
}

const customFieldQuery = `SELECT c.id, c.model, c.key, c.label, c.description, f.id, f.model, f.key, f.type, f.label, f.passthrough
	FROM custom_fields c
	LEFT JOIN custom_field_mappings m ON m.custom_field_id = c.id AND m.integration = $1
	LEFT JOIN integration_fields f ON f.integration = m.integration AND f.id = m.integration_field_id`

func scanCustomField(row interface{ Scan(...any) error }) (CustomField, error) {
	var c CustomField
	var id, model, key, typ, label sql.NullString
	var on sql.NullInt64
	err := row.Scan(&c.ID, &c.Model, &c.Key, &c.Label, &c.Description, &id, &model, &key, &typ, &label, &on)
	if errors.Is(err, sql.ErrNoRows) {
		return CustomField{}, ErrNotFound
	}
	if id.Valid {
		c.Mapped = &IntegrationField{ID: id.String, Model: ats.Model(model.String), Key: key.String, Type: typ.String, Passthrough: on.Int64 != 0}
		if label.Valid {
			c.Mapped.Label = &label.String
		}
	}
	return c, err
}

// CustomFields lists the custom fields as one integration maps them, by ID, after an ID.
func (s *Store) CustomFields(ctx context.Context, no int64, after string, limit int) ([]CustomField, error) {
	rows, err := s.read.QueryContext(ctx, customFieldQuery+` WHERE c.id > $2 ORDER BY c.id LIMIT $3`, no, after, limit)
	return collect(rows, err, func(r *sql.Rows) (CustomField, error) { return scanCustomField(r) })
}

// CustomField reads one custom field as one integration maps it.
func (s *Store) CustomField(ctx context.Context, no int64, id string) (CustomField, error) {
	return scanCustomField(s.read.QueryRowContext(ctx, customFieldQuery+` WHERE c.id = $2`, no, id))
}

// MapCustomField maps a custom field to a vendor field of the same model, or to nothing (nil). It
// takes effect with the next sync, which becomes due and folds the records again. It fails with
// ErrNotFound when there are no two such fields.
func (s *Store) MapCustomField(ctx context.Context, no int64, id string, fieldID *string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error { return s.mapCustomField(ctx, tx, no, id, fieldID) })
}

func (s *Store) mapCustomField(ctx context.Context, tx *sql.Tx, no int64, id string, fieldID *string) error {
	if _, err := lockIntegration(ctx, tx, no); err != nil {
		return err
	}
	before, err := scanCustomField(tx.QueryRowContext(ctx, customFieldQuery+` WHERE c.id = $2`, no, id))
	switch {
	case errors.Is(err, ErrNotFound) && fieldID == nil:
		return nil
	case err != nil:
		return err
	case before.Mapped == nil && fieldID == nil, before.Mapped != nil && fieldID != nil && before.Mapped.ID == *fieldID:
		return nil
	}
	if fieldID == nil {
		if _, err := tx.ExecContext(ctx, `DELETE FROM custom_field_mappings WHERE integration = $1 AND custom_field_id = $2`, no, id); err != nil {
			return fmt.Errorf("unmap the custom field: %w", err)
		}
		return s.expire(ctx, tx, no)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO custom_field_mappings (integration, custom_field_id, integration_field_id)
		SELECT f.integration, c.id, f.id FROM custom_fields c JOIN integration_fields f ON f.model = c.model
		WHERE f.integration = $1 AND c.id = $2 AND f.id = $3
		ON CONFLICT (integration, custom_field_id) DO UPDATE SET integration_field_id = excluded.integration_field_id`, no, id, *fieldID)
	if err != nil {
		return fmt.Errorf("map the custom field: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNotFound, err)
	}
	return s.expire(ctx, tx, no)
}

// Remapping is a unified field that takes its value from other vendor fields than usual: the first of
// Sources that has one.
type Remapping struct {
	Model   ats.Model
	Field   string
	Sources []IntegrationField
}

// Remappings lists the remapped fields of an integration.
func (s *Store) Remappings(ctx context.Context, no int64) ([]Remapping, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT r.model, r.field, f.id, f.model, f.key, f.type, f.label, f.passthrough
		FROM remappings r JOIN integration_fields f ON f.integration = r.integration AND f.model = r.model AND f.key = r.key AND f.type = r.type
		WHERE r.integration = $1 ORDER BY r.model, r.field, r.position`, no)
	var out []Remapping
	_, err = collect(rows, err, func(r *sql.Rows) (struct{}, error) {
		var m Remapping
		var f IntegrationField
		var on int64
		err := r.Scan(&m.Model, &m.Field, &f.ID, &f.Model, &f.Key, &f.Type, &f.Label, &on)
		f.Passthrough = on != 0
		if n := len(out) - 1; n >= 0 && out[n].Model == m.Model && out[n].Field == m.Field {
			out[n].Sources = append(out[n].Sources, f)
		} else {
			m.Sources = []IntegrationField{f}
			out = append(out, m)
		}
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the remapped fields: %w", err)
	}
	return out, nil
}

// Remap lets a unified field take its value from vendor fields of the same model, by their IDs in the order
// in which they are tried; none gives it its usual source again. It takes effect with the next sync, which
// becomes due. It fails with ErrNotFound when one of the vendor fields is not there.
func (s *Store) Remap(ctx context.Context, no int64, m ats.Model, field string, sources []string) error {
	return s.Transact(ctx, func(tx *sql.Tx) error {
		if _, err := lockIntegration(ctx, tx, no); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `DELETE FROM remappings WHERE integration = $1 AND model = $2 AND field = $3 RETURNING position, type, key`,
			no, string(m), field)
		type source struct {
			position int64
			typ, key string
		}
		before, err := collect(rows, err, func(r *sql.Rows) (source, error) {
			var one source
			return one, r.Scan(&one.position, &one.typ, &one.key)
		})
		if err != nil {
			return fmt.Errorf("take a remapping away: %w", err)
		}
		slices.SortFunc(before, func(a, b source) int { return cmp.Compare(a.position, b.position) })
		var after []source
		for position, id := range sources {
			f, err := scanField(tx.QueryRowContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields WHERE integration = $1 AND id = $2 AND model = $3`, no, id, string(m)))
			if err != nil {
				return fmt.Errorf("vendor field %s: %w", id, err)
			}
			one := source{int64(position), f.Type, f.Key}
			after = append(after, one)
			if _, err := tx.ExecContext(ctx, `INSERT INTO remappings (integration, model, field, position, key, type) VALUES ($1, $2, $3, $4, $5, $6)`,
				no, string(m), field, one.position, one.key, one.typ); err != nil {
				return fmt.Errorf("remap %s of %s: %w", field, m, err)
			}
		}
		if slices.Equal(before, after) {
			return nil
		}
		return s.expire(ctx, tx, no)
	})
}

// FieldSettings gathers which vendor fields reach an integration's records, and how.
func (s *Store) FieldSettings(ctx context.Context, no int64) (connector.FieldSettings, error) {
	out := connector.FieldSettings{Passthrough: map[ats.Model][]connector.PassthroughField{}, Custom: map[ats.Model]map[string]string{}}
	rows, err := s.read.QueryContext(ctx, `SELECT `+fieldColumns+` FROM integration_fields WHERE integration = $1 AND passthrough <> 0 ORDER BY key, id`, no)
	fields, err := collect(rows, err, func(r *sql.Rows) (IntegrationField, error) { return scanField(r) })
	if err != nil {
		return out, fmt.Errorf("read the vendor fields that are passed through: %w", err)
	}
	for _, f := range fields {
		out.Passthrough[f.Model] = append(out.Passthrough[f.Model], connector.PassthroughField{ID: f.ID, Key: f.Key, Type: f.Type, Label: f.Label})
	}
	rows, err = s.read.QueryContext(ctx, customFieldQuery+` ORDER BY c.id`, no)
	custom, err := collect(rows, err, func(r *sql.Rows) (CustomField, error) { return scanCustomField(r) })
	if err != nil {
		return out, fmt.Errorf("read the custom fields: %w", err)
	}
	for _, c := range custom {
		if out.Custom[c.Model] == nil {
			out.Custom[c.Model] = map[string]string{}
		}
		out.Custom[c.Model][c.Key] = "" // a custom field that is not mapped is served as null
		if c.Mapped != nil {
			out.Custom[c.Model][c.Key] = c.Mapped.Key
		}
	}
	remapped, err := s.Remappings(ctx, no)
	if err != nil {
		return out, err
	}
	for _, r := range remapped {
		if out.Remapped == nil {
			out.Remapped = map[ats.Model]map[string][]string{}
		}
		if out.Remapped[r.Model] == nil {
			out.Remapped[r.Model] = map[string][]string{}
		}
		for _, f := range r.Sources {
			out.Remapped[r.Model][r.Field] = append(out.Remapped[r.Model][r.Field], f.Key)
		}
	}
	return out, nil
}

// FieldRevision changes whenever the field settings do: then records are folded again.
func FieldRevision(f connector.FieldSettings) string {
	if len(f.Passthrough) == 0 && len(f.Custom) == 0 && len(f.Remapped) == 0 {
		return ""
	}
	// Maps print in key order; quotes keep keys with blanks apart.
	text := fmt.Sprintf("%q", f.Custom)
	for _, m := range ats.Models() {
		for _, p := range f.Passthrough[m] {
			text += fmt.Sprintf("|%s %s %q", m, p.ID, deref(p.Label))
		}
	}
	if len(f.Remapped) > 0 {
		text += fmt.Sprintf("|%q", f.Remapped)
	}
	return Digest([]byte(text))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
