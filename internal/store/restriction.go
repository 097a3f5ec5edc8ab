package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kladka/kladka/internal/ats"
)

// Restriction is what of an ATS may not be stored for an integration. The zero value restricts nothing.
type Restriction struct {
	Off         []string `json:"off,omitempty"` // as ats.Scopes.Off gives it
	OnlyCreated bool     `json:"only_created,omitempty"`
}

// Restriction gives what may not be stored under the settings in force.
func (i Integration) Restriction() Restriction {
	return Restriction{Off: i.Scopes.Off(), OnlyCreated: i.Settings.OnlyCreated}
}

// None reports that everything may be stored.
func (r Restriction) None() bool { return len(r.Off) == 0 && !r.OnlyCreated }

// Wider reports whether something may be stored that another restriction forbids.
func (r Restriction) Wider(than Restriction) bool {
	return than.OnlyCreated && !r.OnlyCreated ||
		slices.ContainsFunc(than.Off, func(what string) bool { return !slices.Contains(r.Off, what) })
}

// Revision tells restrictions apart; it is empty for none.
func (r Restriction) Revision() string {
	if r.None() {
		return ""
	}
	sum := sha256.Sum256([]byte(strconv.FormatBool(r.OnlyCreated) + "\n" + strings.Join(r.Off, "\n")))
	return hex.EncodeToString(sum[:8])
}

// Folding says under which rules an integration's records are folded and its ATS is read.
type Folding struct {
	Revision string      // of the rules of folding
	Under    Restriction // what was not to be stored
	// Reads rises when something may be stored that was not: then all of it is read again.
	Reads int64
	// Change is the moment of the last change of settings that is dealt with, as DataExpiredAt was then.
	Change int64
}

// applied is how Folding stands in applied_scopes.
type applied struct {
	Restriction
	Change int64 `json:"change,omitempty"`
}

// Folding reads the rules under which records were folded.
func (t *Tx) Folding(ctx context.Context) (Folding, error) {
	var f Folding
	var under string
	var a applied
	if err := t.tx.QueryRowContext(ctx, `SELECT folded_revision, applied_scopes, read_revision FROM integrations WHERE no = $1`, t.no).
		Scan(&f.Revision, &under, &f.Reads); err != nil {
		return f, fmt.Errorf("read the rules of folding: %w", err)
	}
	if err := json.Unmarshal([]byte(under), &a); err != nil {
		return f, fmt.Errorf("read the rules of folding: %w", err)
	}
	f.Under, f.Change = a.Restriction, a.Change
	return f, nil
}

// SetFolding notes the rules under which records are folded from now on.
func (t *Tx) SetFolding(ctx context.Context, f Folding) error {
	under, err := json.Marshal(applied{f.Under, f.Change})
	if err != nil {
		return err
	}
	if _, err := t.tx.ExecContext(ctx, `UPDATE integrations SET folded_revision = $1, applied_scopes = $2, read_revision = $3 WHERE no = $4`,
		f.Revision, string(under), f.Reads, t.no); err != nil {
		return fmt.Errorf("note the rules of folding: %w", err)
	}
	return nil
}

// Integration reads the integration as it is now: nobody changes what is folded under other settings
// than these until the write ends.
func (t *Tx) Integration(ctx context.Context) (Integration, error) {
	return readIntegration(ctx, t.tx, t.no)
}

// Unload makes models unreadable until they are loaded again.
func (t *Tx) Unload(ctx context.Context, models []ats.Model) error {
	for _, m := range models {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM loads WHERE integration = $1 AND model = $2`, t.no, string(m)); err != nil {
			return fmt.Errorf("mark %s as not loaded: %w", m, err)
		}
	}
	return nil
}

// RestartRun makes a run begin anew: what it has read so far was read under other settings.
func (t *Tx) RestartRun(ctx context.Context, run string) error {
	if _, err := t.tx.ExecContext(ctx, `DELETE FROM run_steps WHERE run_id = $1`, run); err != nil {
		return fmt.Errorf("begin the run anew: %w", err)
	}
	for _, name := range []string{"pages", "walks"} {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM `+name+` WHERE integration = $1 AND run_id = $2`, t.no, run); err != nil {
			return fmt.Errorf("begin the run anew: %w", err)
		}
	}
	return nil
}

// DropWalks forgets the walks of all steps but the given ones.
func (t *Tx) DropWalks(ctx context.Context, steps []string) error {
	args := []any{t.no}
	for _, s := range steps {
		args = append(args, s)
	}
	for _, name := range []string{"pages", "walks"} {
		if _, err := t.tx.ExecContext(ctx, `DELETE FROM `+name+` WHERE integration = $1 AND step NOT IN (`+placeholders(2, len(steps))+`)`, args...); err != nil {
			return fmt.Errorf("forget the walks of steps that are not taken any more: %w", err)
		}
	}
	return nil
}
