package main

import (
	"encoding/base64"
	"path/filepath"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
	"cloakroom/internal/search"
	"cloakroom/internal/secret"
)

// TestATokenIsFoundByItsMark lets a value that is a token through the masks. The
// recording marks it, as it does every token, and it must be found all the same.
func TestATokenIsFoundByItsMark(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	token := b64([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64([]byte(`{"sub":"robot","iat":1700000000}`)) + "." + b64([]byte("a signature of 32 bytes, no more"))
	sealing, finding := [32]byte{1}, search.NewKey([32]byte{2})
	dir := filepath.Join(t.TempDir(), "record")
	none, err := replace.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	log, err := record.Open(dir, plain{none}, record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := recording.Open(t.Context(), recording.Options{Dir: dir, Key: sealing, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	exchange := record.NewID(now)
	tape := r.Begin(exchange, "agent", now, recording.Rule{Bodies: recording.Full, Limit: 1 << 20})
	tape.Head(now, recording.Response, recording.Head{Status: 200, Headers: []access.Header{{Name: "x-token", Value: token}}}, nil)
	for _, text := range []string{`{"token":"` + token + `"}`, "It is " + token + ". ", "_" + token + "_ ", token + "." + token + " ", "%22" + token + "%22 "} {
		tape.Message(now, recording.MessageGot, []byte(text), false, true, nil)
	}
	if err := tape.Flush(now, true); err != nil {
		t.Fatal(err)
	}
	tape.End(now, record.End{Exchange: exchange, Status: 200})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	log.Close()

	var prints []search.Fingerprint
	for _, v := range searched([][32]byte{{3}, sealing}, "robot", secret.New([]byte(token))) {
		prints = append(prints, finding.Fingerprint(v.Credential, v.Bytes))
	}
	s, err := finding.Compile(prints)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range readTranscript(t, dir, sealing, exchange).Events {
		text := e.Data
		if e.Head != nil {
			text = []byte(e.Head.Headers[0].Value)
		}
		if hits := s.Find(text); len(hits) != 1 {
			t.Errorf("%s: %q: found %v", e.Kind, text, hits)
		}
	}
}

// readTranscript reads the recording that the log's only end names.
func readTranscript(t *testing.T, dir string, key [32]byte, exchange string) recording.Transcript {
	t.Helper()
	lines, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	l, err := lines.Next()
	if err != nil {
		t.Fatal(err)
	}
	e, err := l.Entry()
	if err != nil {
		t.Fatal(err)
	}
	packs, err := recording.OpenReader(t.Context(), dir, key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	out, err := packs.Read(t.Context(), exchange, e.End.Recording)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
