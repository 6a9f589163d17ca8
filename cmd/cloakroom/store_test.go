package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloakroom/internal/config"
	"cloakroom/internal/store/sqlite"
)

// A command that reads brings no store to its version.
func TestOpenExistingMigratesNothing(t *testing.T) {
	cfg := &config.Config{}
	cfg.Store.Path, cfg.Record.Dir = filepath.Join(t.TempDir(), "a.db"), t.TempDir()
	made, err := sqlite.Open(t.Context(), cfg.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(cfg.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	older[63] = 1 // PRAGMA user_version, big endian at offset 60
	if err := os.WriteFile(cfg.Store.Path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := openExisting(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "start the service once") {
		t.Errorf("got %v, %v", db, err)
	}
	if after, err := os.ReadFile(cfg.Store.Path); err != nil || !bytes.Equal(after, older) {
		t.Errorf("it is another file now, %v", err)
	}
}
