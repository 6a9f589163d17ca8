// Package recordtest holds the contract of record.Index as a test that every
// index runs, and what tests need to write a log.
package recordtest

import (
	"path/filepath"
	"testing"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/replace"
)

// Epoch is a time for tests.
var Epoch = time.Date(2026, 11, 5, 12, 0, 0, 123456000, time.UTC)

// Masker masks the values, which are named "value".
func Masker(t testing.TB, values ...string) record.Masker {
	t.Helper()
	var secrets []replace.Secret
	for _, v := range values {
		secrets = append(secrets, replace.Secret{Name: "value", Value: []byte(v)})
	}
	set, err := replace.Compile(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return masker{set}
}

type masker struct{ set *replace.Set }

func (m masker) Mask(text string) replace.Masked { return m.set.Mask(text, nil) }

// Lines writes the entries to a log of their own and returns its lines.
func Lines(t testing.TB, entries ...record.Entry) []record.Line {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l, err := record.Open(dir, Masker(t), record.Options{Now: func() time.Time { return Epoch }})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		l.Note(e)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return ReadAll(t, dir)
}

// ReadAll reads the lines of a log and checks their chain.
func ReadAll(t testing.TB, dir string) []record.Line {
	t.Helper()
	r, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return rest(t, r)
}
