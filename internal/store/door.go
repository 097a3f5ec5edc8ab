package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kladka/kladka/internal/ats"
)

// SlowWrite bounds a write transaction. What was stamped becomes visible at its commit, and
// updated_after looks back only five seconds, so a slower one rolls back; the caller splits it.
const SlowWrite = 2 * time.Second

// ErrSlow means that a write took longer than SlowWrite and was rolled back: split it.
var ErrSlow = errors.New("the write took too long and was rolled back")

// ErrFenced means that the run belongs to somebody else by now. Nothing was written; stop working on it.
var ErrFenced = errors.New("the run was taken over by another worker")

// Lease is the right to write on behalf of a run. The fence rises at each take-over.
type Lease struct {
	Run   string
	Fence int64
}

// Tx is a write to one integration's records, with the counter row held. All that changes in it
// carries one stamp.
type Tx struct {
	tx    *sql.Tx
	store *Store
	no    int64
	ids   ats.Namespace
	cause string
	now   int64
	seq   int64
	stamp int64
	wrote bool // something took the stamp
	stats Written
}

// Written counts what a write changed.
type Written struct {
	Parts, Created, Updated, Deleted int64
}

// Changed is the number of records that changed.
func (w Written) Changed() int64 { return w.Created + w.Updated + w.Deleted }

// Write runs fn with an integration's counter row locked: the one door through which records
// change. It commits what fn did, or nothing. With a lease it writes only while the run is
// still held under that fence. Cause says in the change log on whose behalf it was.
//
// A write in which nothing changed takes no sequence number and no stamp.
func (s *Store) Write(ctx context.Context, no int64, lease *Lease, cause string, fn func(*Tx) error) (Written, error) {
	txCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sqlTx, err := s.write.BeginTx(txCtx, nil)
	if err != nil {
		return Written{}, fmt.Errorf("begin: %w", err)
	}
	defer sqlTx.Rollback() //nolint:errcheck // after Commit it reports only that it is too late
	t := &Tx{tx: sqlTx, store: s, no: no, cause: cause}
	var id string
	var lastStamp int64
	err = sqlTx.QueryRowContext(txCtx, `UPDATE integrations SET last_seq = last_seq
		WHERE no = $1 AND deleted_at IS NULL RETURNING id, last_seq, last_stamp`, no).Scan(&id, &t.seq, &lastStamp)
	if errors.Is(err, sql.ErrNoRows) {
		return Written{}, fmt.Errorf("integration: %w", ErrNotFound)
	} else if err != nil {
		return Written{}, fmt.Errorf("take the integration's counter: %w", err)
	}
	slow := time.AfterFunc(SlowWrite, func() { cancel(ErrSlow) })
	defer slow.Stop()
	t.ids, t.now = ats.Namespace(id), s.Now()
	t.stamp = max(t.now, lastStamp+1)
	if lease != nil {
		if err := t.hold(txCtx, *lease); err != nil {
			return Written{}, err
		}
	}
	if err := t.finish(txCtx, fn); err != nil {
		if errors.Is(context.Cause(txCtx), ErrSlow) {
			return Written{}, fmt.Errorf("%w: %w", ErrSlow, err)
		}
		return Written{}, err
	}
	return t.stats, nil
}

func (t *Tx) finish(ctx context.Context, fn func(*Tx) error) error {
	if err := fn(t); err != nil {
		return err
	}
	if t.wrote {
		if _, err := t.tx.ExecContext(ctx, `UPDATE integrations SET last_seq = $1, last_stamp = $2 WHERE no = $3`,
			t.seq, t.stamp, t.no); err != nil {
			return fmt.Errorf("move the integration's counter: %w", err)
		}
	}
	if err := t.tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// hold proves that the lease is still ours; the row lock keeps a take-over out until the commit.
func (t *Tx) hold(ctx context.Context, l Lease) error {
	res, err := t.tx.ExecContext(ctx, `UPDATE runs SET fence = fence
		WHERE id = $1 AND fence = $2 AND ended_at IS NULL`, l.Run, l.Fence)
	if err != nil {
		return fmt.Errorf("check the lease of run %s: %w", l.Run, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("run %s: %w", l.Run, ErrFenced), err)
	}
	return nil
}

// Written counts what has changed in this transaction so far.
func (t *Tx) Written() Written { return t.stats }

// SQL gives the transaction for rows that are not records: progress, nominations.
func (t *Tx) SQL() *sql.Tx { return t.tx }

// IDs is the integration's namespace.
func (t *Tx) IDs() ats.Namespace { return t.ids }

// Stamp is the moment that every record changed in this transaction carries.
func (t *Tx) Stamp() int64 { return t.stamp }

// placeholders gives "$from, $from+1, …" for n values.
func placeholders(from, n int) string {
	return string(appendPlaceholders(make([]byte, 0, 7*n), from, n))
}

func appendPlaceholders(b []byte, from, n int) []byte {
	for i := range n {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendInt(append(b, '$'), int64(from+i), 10)
	}
	return b
}

// tuples gives "($from, …), (…)" for rows of width values.
func tuples(from, rows, width int) string {
	b := make([]byte, 0, rows*(7*width+4))
	for i := range rows {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendPlaceholders(append(b, '('), from+i*width, width), ')')
	}
	return string(b)
}

// batches calls fn for slices of at most size elements.
func batches[T any](d dialect, all []T, size int, fn func([]T) error) error {
	for len(all) > 0 {
		n := d.batch(min(size, len(all)), size)
		if err := fn(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
