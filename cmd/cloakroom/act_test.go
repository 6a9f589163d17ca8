package main

import (
	"database/sql"
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
	"cloakroom/internal/replace"
	"cloakroom/internal/secret"
	"cloakroom/internal/store/sqlite"
)

// newLedger is one of a store beside a log that a service has written once.
func newLedger(t *testing.T) ledger {
	t.Helper()
	cfg := &config.Config{}
	dir := t.TempDir()
	cfg.Record.Dir, cfg.Store.Path = filepath.Join(dir, "record"), filepath.Join(dir, "a.db")
	if log := openPlain(t, cfg); log.Close() != nil {
		t.Fatal("the log does not close")
	}
	db, err := sqlite.Open(t.Context(), cfg.Store.Path)
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
	none, err := replace.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := record.Open(cfg.Record.Dir, plain{none}, record.Options{Logger: slog.New(slog.DiscardHandler)})
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

// tamper does to the database what its administrator can.
func (l ledger) tamper(t *testing.T, statements string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", l.config.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements, args...); err != nil {
		t.Fatal(err)
	}
}

// An act that is gone from the store is not taken for one that the log has; nor is
// one with a receipt that nobody gave, or another's.
func TestAnActThatIsTakenAway(t *testing.T) {
	for name, trigger := range map[string]string{
		"gone":              "DELETE FROM act",
		"with a receipt":    "INSERT INTO receipt VALUES (new.id, new.at, new.body); DELETE FROM act",
		"another's receipt": "INSERT INTO receipt SELECT new.id, at, body FROM receipt; DELETE FROM act",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for a receipt
			l := newLedger(t)
			if err := l.enter(t.Context(), record.Act{Name: "read", Session: "first"}); err != nil {
				t.Fatal(err)
			}
			l.tamper(t, "CREATE TRIGGER t AFTER INSERT ON act BEGIN "+trigger+"; END")
			err := l.enter(t.Context(), record.Act{Name: "read", Session: "s"})
			var h hinted
			if !errors.As(err, &h) || len(acts(t, l)) != 1 {
				t.Errorf("entered: %v, and the log tells of %+v", err, acts(t, l))
			}
		})
	}
}

// A service logs an act once, also one that is put back in the store, and gives its
// receipt again.
func TestAnActThatIsPutBack(t *testing.T) {
	l := newLedger(t)
	log := openPlain(t, l.config)
	defer log.Close()
	service := newActLog(l.db, l.seals, log, slog.New(slog.DiscardHandler))
	row, err := record.SealAct(l.seals, record.Act{Name: "read", Session: "s"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var receipts []record.Receipt
	for range 2 {
		if err := errors.Join(l.db.PutActs(t.Context(), row), service.take(t.Context())); err != nil {
			t.Fatal(err)
		}
		sealed, err := l.db.Receipt(t.Context(), row.ID)
		if err != nil {
			t.Fatal(err)
		}
		l.tamper(t, "DELETE FROM receipt")
		r, err := sealed.OpenReceipt(l.seals)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	want := record.Receipt{Log: log.ID(), Seq: log.Durable().Seq, Hash: log.Durable().Hash}
	if receipts[0] != want || receipts[1] != want {
		t.Errorf("receipts %+v, want %+v", receipts, want)
	}
	if got := acts(t, l); len(got) != 1 || got[0].ID != row.ID {
		t.Errorf("the log tells of %+v", got)
	}
}
