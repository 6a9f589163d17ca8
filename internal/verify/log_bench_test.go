package verify

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// BenchmarkLogs verifies a log of 40 000 entries: MB/s of its lines.
func BenchmarkLogs(b *testing.B) {
	dir, quiet := filepath.Join(b.TempDir(), "log"), slog.New(slog.DiscardHandler)
	key, err := checkpoint.NewKey([32]byte{7})
	if err != nil {
		b.Fatal(err)
	}
	l, err := record.Open(dir, recordtest.Masker(b), record.Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	k, err := checkpoint.NewKeeper(l, dir, key, checkpoint.Options{Every: time.Hour, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	for range 40_000 {
		l.Note(record.Entry{Decision: &record.Decision{Exchange: record.NewID(time.Now()), Issuer: "https://issuer.example", Subject: "alice",
			Session: "session", Source: "127.0.0.1:12345", Method: "GET", Host: "api.example", Path: "/v1/things/1234567890", Route: "prefix:/api",
			Revision: "0123456789abcdef", Uses: []record.Use{{Credential: "github-read", Location: "header:authorization", Lease: record.NewID(time.Now())}}}})
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	k.Run(context.Background())
	b.ResetTimer()
	for range b.N {
		r, err := Logs{Dirs: []string{dir}, Keys: []note.Verifier{key.Verifier()}, Now: time.Now()}.Verify(context.Background())
		if err != nil || r.Found > 0 {
			b.Fatal(err, told(r))
		}
		b.SetBytes(r.Logs[0].Bytes)
	}
}
