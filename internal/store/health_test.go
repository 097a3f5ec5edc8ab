package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kladka/kladka/internal/connector"
	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

func TestHealth(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := db.Open(t)
		h, err := s.Health(t.Context(), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if h.Version == "" || h.Schema < 1 || h.Size < 10_000 || len(h.Damage) > 0 || h.Unchecked {
			t.Errorf("%+v", h)
		}
		if !s.Embedded() && (h.Connections < 1 || h.MaxConnections < h.Connections) {
			t.Errorf("%+v", h)
		}
	})
}

// A file that takes too long is not checked, and a damaged one says so.
func TestHealthOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kladka.db")
	open := func() *store.Store {
		s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if h, err := s.Health(t.Context(), time.Nanosecond); err != nil || !h.Unchecked {
		t.Errorf("%+v, %v", h, err)
	}
	for range 400 {
		storetest.NewIntegration(t, s)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damageFile(t, path)
	s = open()
	defer s.Close()
	if h, err := s.Health(t.Context(), time.Minute); err != nil || len(h.Damage) == 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

// damageFile overwrites the last page of a database.
func damageFile(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 4096), info.Size()-4096); err != nil {
		t.Fatal(err)
	}
}

func TestConfirmedDetails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		ctx, s := t.Context(), db.Open(t)
		i, err := s.AddIntegration(ctx, store.Integration{
			ID: "traffit:1", Tool: "traffit", Tenant: "a", Settings: store.Settings{RemoteData: true, FullEvery: time.Hour},
		}, "sealed")
		if err != nil {
			t.Fatal(err)
		}
		first, second := map[string]string{"a": "1", "b": "1"}, map[string]string{"a": "2"}
		if before, err := s.SetConfirmed(ctx, i.No, first); err != nil || len(before) != 0 {
			t.Errorf("before: %v, %v", before, err)
		}
		before, err := s.SetConfirmed(ctx, i.No, second)
		if err != nil {
			t.Fatal(err)
		}
		labels := map[connector.FileType]string{connector.CV: "Życiorys"}
		if _, err := s.SetFileLabels(ctx, i.No, map[connector.FileType]string{connector.CV: "Życiorys", connector.OtherFile: ""}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Integration(ctx, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := store.Settings{RemoteData: true, FullEvery: time.Hour, Confirmed: second, FileLabels: labels}
		if d := cmp.Diff(first, before) + cmp.Diff(want, got.Settings); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if _, err := s.SetConfirmed(ctx, i.No+1, second); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
	})
}
