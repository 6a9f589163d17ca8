package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/secret"
	"cloakroom/internal/store/sqlite"
)

// newLedger is one of a store beside a log that a service has written once.
func newLedger(t *testing.T) ledger {
	t.Helper()
	cfg := &config.Config{}
	cfg.Record.Dir = filepath.Join(t.TempDir(), "record")
	if log := openPlain(t, cfg); log.Close() != nil {
		t.Fatal("the log does not close")
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	root, _, err := secret.OpenRoot(filepath.Join(t.TempDir(), "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := openLedger(cfg, db, root)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func openPlain(t *testing.T, cfg *config.Config) *record.Log {
	t.Helper()
	log, err := record.Open(cfg.Record.Dir, masker{&service{}}, record.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// acts are the acts that the log tells of.
func acts(t *testing.T, l ledger) (all []record.Act) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.config.Record.Dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var e struct{ Act record.Act }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			all = append(all, e.Act)
		}
	}
	return all
}

// An act that somebody wrote in the store is not taken for one of an operator.
func TestAForgedAct(t *testing.T) {
	l := newLedger(t)
	forged, err := record.SealAct([32]byte{1}, record.Act{Name: "read", By: "cli:mallory@host", Detail: "a lie"}, time.Now())
	if err == nil {
		err = l.db.PutActs(t.Context(), forged)
	}
	if err == nil {
		err = l.leave(t.Context(), record.Act{Name: "lift", Target: "a bar"})
	}
	if err == nil {
		err = l.enter(t.Context(), record.Act{Name: "read", Session: "s"})
	}
	if err != nil {
		t.Fatal(err)
	}
	got := acts(t, l)
	if len(got) != 3 || got[0].Name != "forge" || got[0].By != "" || got[0].Target != forged.ID || strings.Contains(got[0].Detail, "lie") ||
		got[1].Target != "a bar" || got[1].By != operator() || got[2].Session != "s" {
		t.Errorf("the log tells of %+v", got)
	}
}

// While a service holds the log and writes nothing, nothing is entered.
func TestAnActIsNotEntered(t *testing.T) {
	l := newLedger(t)
	log := openPlain(t, l.config)
	defer log.Close()
	err := l.enter(t.Context(), record.Act{Name: "read", Session: "s"})
	var h hinted
	if !errors.As(err, &h) || len(acts(t, l)) != 0 {
		t.Errorf("entered: %v, %v", err, acts(t, l))
	}
}
