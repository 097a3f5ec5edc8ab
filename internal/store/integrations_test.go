package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/ats"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func TestIntegrationLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		want := store.Integration{
			ID: "traffit:8d1hpPsbjxUkoCoa1veLZGe5", Tool: "traffit", Status: store.StatusActive, SetupStatus: store.SetupSyncing,
			OrganizationName: "Żółw & Syn", CreatorEmail: new("a@b.example"), OriginID: new("42"), Tenant: "zolw",
			Settings: store.Settings{RemoteData: true, FullEvery: 6 * time.Hour},
		}
		added, err := s.AddIntegration(ctx, want, "sealed")
		if err != nil {
			t.Fatal(err)
		}
		want.No, want.CreatedAt = added.No, s.Now()
		byID, err := s.Integration(ctx, want.ID)
		if err != nil {
			t.Fatal(err)
		}
		byNo, err := s.IntegrationByNo(ctx, want.No)
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]store.Integration{"added": added, "by ID": byID, "by number": byNo} {
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
		if _, err := s.AddIntegration(ctx, want, ""); !errors.Is(err, store.ErrExists) {
			t.Errorf("the same ID again: %v, want ErrExists", err)
		}

		if err := s.RemoveIntegration(ctx, want.No); err != nil {
			t.Fatal(err)
		}
		_, byIDErr := s.Integration(ctx, want.ID)
		_, byNoErr := s.IntegrationByNo(ctx, want.No)
		_, credentialsErr := s.Credentials(ctx, want.No)
		for name, err := range map[string]error{
			"by ID": byIDErr, "by number": byNoErr, "its credentials": credentialsErr,
			"new credentials": s.SetCredentials(ctx, want.No, "x"), "removed again": s.RemoveIntegration(ctx, want.No),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("removed, %s: %v, want ErrNotFound", name, err)
			}
		}
		if left := lines(t, s, `SELECT credentials FROM integrations`); len(left) != 1 || left[0] != "" {
			t.Errorf("credentials of a removed integration: %q", left)
		}
		again, err := s.AddIntegration(ctx, want, "sealed")
		if err != nil || again.No == want.No {
			t.Errorf("the ID of a removed integration again: %+v, %v", again, err)
		}
	})
}

func TestIntegrationsArePaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		var want, got []string
		for range 5 {
			want = append(want, storetest.NewIntegration(t, s).ID)
		}
		for after := int64(0); ; {
			page, err := s.Integrations(t.Context(), after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, i := range page {
				got = append(got, i.ID)
				after = i.No
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestNewCredentialsReconnect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		for _, tt := range []struct{ before, after string }{
			{store.StatusInvalid, store.StatusActive}, {store.StatusActive, store.StatusActive}, {store.StatusInactive, store.StatusInactive},
		} {
			i, err := s.AddIntegration(ctx, store.Integration{ID: ats.NewIntegrationID("traffit"), Tool: "traffit", Status: tt.before, Tenant: tt.before}, "old")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetCredentials(ctx, i.No, "new"); err != nil {
				t.Fatal(err)
			}
			i, err = s.IntegrationByNo(ctx, i.No)
			if err != nil || i.Status != tt.after {
				t.Errorf("%s became %s (%v), want %s", tt.before, i.Status, err, tt.after)
			}
			if sealed, err := s.Credentials(ctx, i.No); sealed != "new" || err != nil {
				t.Errorf("credentials %q, %v", sealed, err)
			}
		}
	})
}

func TestSwitchingOnAndOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i := storetest.NewIntegration(t, s)
		for _, tt := range []struct {
			on   bool
			want string
		}{{false, store.StatusInactive}, {false, store.StatusInactive}, {true, store.StatusActive}, {true, store.StatusActive}} {
			if err := s.SetEnabled(ctx, i.No, tt.on); err != nil {
				t.Fatal(err)
			}
			if got, err := s.IntegrationByNo(ctx, i.No); err != nil || got.Status != tt.want {
				t.Errorf("switched to %t: %s, %v", tt.on, got.Status, err)
			}
		}
	})
}

func TestSameAccountTwiceWarns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var log bytes.Buffer
		s, err := store.Open(t.Context(), db.URL, store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		add := func(tool, tenant string) store.Integration {
			i, err := s.AddIntegration(t.Context(), store.Integration{ID: ats.NewIntegrationID(tool), Tool: tool, Tenant: tenant}, "sealed")
			if err != nil {
				t.Fatal(err)
			}
			return i
		}
		first := add("traffit", "acme")
		add("traffit", "other")
		add("elsewhere", "acme")
		if log.Len() > 0 {
			t.Errorf("warned of different accounts: %s", &log)
		}
		second := add("traffit", "acme")
		if !strings.Contains(log.String(), first.ID) || !strings.Contains(log.String(), second.ID) {
			t.Errorf("the log says %q", &log)
		}
		log.Reset()
		for _, i := range []store.Integration{first, second} {
			if err := s.RemoveIntegration(t.Context(), i.No); err != nil {
				t.Fatal(err)
			}
		}
		add("traffit", "acme")
		if log.Len() > 0 {
			t.Errorf("warned of removed integrations: %s", &log)
		}
	})
}

// fill puts a row of an integration into every table that holds any, whatever its columns, and
// gives the tables' names.
func fill(t *testing.T, s *store.Store, no int64) []string {
	t.Helper()
	query := postgresColumns
	if s.Embedded() {
		query = sqliteColumns
	}
	columns := map[string][]string{}
	values := map[string][]any{}
	for _, line := range lines(t, s, query) {
		words := strings.Fields(line)
		table, column, _ := strings.Cut(words[0], ".")
		switch {
		case column == "no": // the database counts
			continue
		case column == "integration":
			values[table] = append(values[table], no)
		case words[1] == "int":
			values[table] = append(values[table], int64(1))
		case words[1] == "bytes":
			values[table] = append(values[table], []byte("x"))
		default:
			values[table] = append(values[table], fmt.Sprint("of ", no))
		}
		columns[table] = append(columns[table], column)
	}
	var filled []string
	for table, names := range columns {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " integration ") && table != "run_steps" {
			continue
		}
		marks := make([]string, len(names))
		for n := range marks {
			marks[n] = fmt.Sprint("$", n+1)
		}
		statement := fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, table, strings.Join(names, ", "), strings.Join(marks, ", "))
		if _, err := s.DB().ExecContext(t.Context(), statement, values[table]...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		filled = append(filled, table)
	}
	return filled
}

// Whatever table holds rows of an integration, a removed one leaves none behind.
func TestRemovedIntegrationIsPurged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		gone, stays := storetest.NewIntegration(t, s), storetest.NewIntegration(t, s)
		tables := fill(t, s, gone.No)
		fill(t, s, stays.No)
		if len(tables) < 20 {
			t.Fatalf("only %d tables hold rows of an integration", len(tables))
		}
		purge := func() {
			for rounds := 0; ; rounds++ {
				more, err := s.PurgeRemoved(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if !more {
					return
				}
				if rounds == 10 {
					t.Fatal("it does not end")
				}
			}
		}
		counts := func() map[string]int {
			out := map[string]int{}
			for _, table := range tables {
				out[table] = len(lines(t, s, `SELECT 1 FROM `+table))
			}
			return out
		}
		want := counts()
		purge()
		if d := cmp.Diff(want, counts()); d != "" {
			t.Errorf("nothing was removed, but rows are gone (-want +got):\n%s", d)
		}
		if err := s.RemoveIntegration(ctx, gone.No); err != nil {
			t.Fatal(err)
		}
		purge()
		for table := range want {
			want[table] = 1
		}
		if d := cmp.Diff(want, counts()); d != "" {
			t.Errorf("rows by table (-want +got):\n%s", d)
		}
		if _, err := s.IntegrationByNo(ctx, stays.No); err != nil {
			t.Error(err)
		}
	})
}
