package main

import (
	"context"
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

// thief is a store whose administrator takes acts away, and gives receipts.
type thief struct {
	store
	receipt func(id string) (record.ActRow, error)
	taken   record.ActRow
}

func (s *thief) PutActs(_ context.Context, rows ...record.ActRow) error {
	s.taken = rows[0]
	return nil
}

func (s *thief) Receipt(_ context.Context, id string) (record.ActRow, error) { return s.receipt(id) }

// An act that is gone from the store is not taken for one that the log has; nor is
// one with a receipt that nobody gave, or another's.
func TestAnActThatIsTakenAway(t *testing.T) {
	l := newLedger(t)
	if err := l.enter(t.Context(), record.Act{Name: "read", Session: "first"}); err != nil {
		t.Fatal(err)
	}
	first := acts(t, l)[0].ID
	db, thief := l.db, &thief{store: l.db}
	l.db = thief
	for name, receipt := range map[string]func(id string) (record.ActRow, error){
		"without a receipt": func(string) (record.ActRow, error) { return record.ActRow{}, record.ErrNoReceipt },
		"with the act":      func(string) (record.ActRow, error) { return thief.taken, nil },
		"with another's":    func(string) (record.ActRow, error) { return db.Receipt(t.Context(), first) },
		"with another's of its name": func(id string) (record.ActRow, error) {
			r, err := db.Receipt(t.Context(), first)
			r.ID = id
			return r, err
		},
	} {
		thief.receipt = receipt
		err := l.enter(t.Context(), record.Act{Name: "read", Session: "s"})
		var h hinted
		if !errors.As(err, &h) || len(acts(t, l)) != 1 {
			t.Errorf("%s: entered: %v, and the log tells of %+v", name, err, acts(t, l))
		}
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
		r, err := sealed.OpenReceipt(l.seals, row.ID)
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
