package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kladka/kladka/internal/store"
	"github.com/kladka/kladka/internal/store/storetest"
)

// TestHoldWork is no test: it is the other process of TestKilledWorkerHoldsNothing.
func TestHoldWork(t *testing.T) {
	url := os.Getenv("STORE_TEST_HOLD")
	if url == "" {
		return
	}
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LockWork(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString("locked\n"); err != nil {
		t.Fatal(err)
	}
	select {} // until it is killed
}

// Invariant 11: who finds the lock held learns by which process, and a killed one holds nothing.
func TestKilledWorkerHoldsNothing(t *testing.T) {
	db := storetest.SQLite(t)
	s := db.Open(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHoldWork$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "STORE_TEST_HOLD="+db.URL)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for said := bufio.NewScanner(out); said.Scan() && said.Text() != "locked"; {
	}
	if _, err = s.LockWork(); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint("process ", cmd.Process.Pid)) {
		t.Errorf("while process %d works: %v", cmd.Process.Pid, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	release, err := s.LockWork()
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestWorkersShareAServer(t *testing.T) {
	db := storetest.Postgres(t)
	for range 2 {
		release, err := db.Open(t).LockWork()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := release(); err != nil {
				t.Error(err)
			}
		}()
	}
}
