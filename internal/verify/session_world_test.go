package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/replace"
	"cloakroom/internal/search"
)

const (
	value  = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	former = "what was in force a year ago"
	issuer = "https://dex.example.com"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// world is a log with recordings, made by hand. Its recordings stand in a map.
type world struct {
	t     testing.TB
	dir   string
	log   *record.Log
	tapes map[string]recording.Transcript
	blobs map[record.Hash][]byte
	gone  map[string]error
	set   *inventory.Set
	old   bool // reloads do not tell the hash of their rules
}

func newWorld(t testing.TB) *world { return openWorld(t, false) }

// openWorld is newWorld; with old, its log is one that tells no hash of rules.
func openWorld(t testing.TB, old bool) *world {
	t.Helper()
	w := &world{t: t, old: old, dir: filepath.Join(t.TempDir(), "log"), tapes: map[string]recording.Transcript{},
		blobs: map[record.Hash][]byte{}, gone: map[string]error{}}
	masks, err := replace.Compile([]replace.Secret{{Name: "unrelated", Value: []byte("a value of no interest")}})
	if err != nil {
		t.Fatal(err)
	}
	if w.log, err = record.Open(w.dir, masker{masks}, record.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.log.Close() })
	w.inForce(noon, inventory.Tier{Name: "low", Lease: 15 * time.Minute})
	return w
}

type masker struct{ set *replace.Set }

func (m masker) Mask(text string) replace.Masked { return m.set.Mask(text, nil) }

func (w *world) append(e record.Entry) {
	w.t.Helper()
	if err := w.log.Append(context.Background(), e); err != nil {
		w.t.Fatal(err)
	}
}

// inForce puts rules in force: the credential "git" of a tier, for GET below /a/.
func (w *world) inForce(at time.Time, tier inventory.Tier) {
	w.t.Helper()
	w.reload(at, inventory.Credential{Name: "git", Tier: tier})
}

// describe puts the same rules in force, with words about the credential.
func (w *world) describe(at time.Time, text string) {
	w.t.Helper()
	w.reload(at, inventory.Credential{Name: "git", Description: text, Tier: inventory.Tier{Name: "low", Lease: 15 * time.Minute}})
}

func (w *world) reload(at time.Time, c inventory.Credential) {
	w.t.Helper()
	c.Rules = []inventory.Rule{{Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/a/**"}}}
	set, err := inventory.New(inventory.Key{}, []inventory.Credential{c},
		[]inventory.Upstream{{Host: "api.example.com", Route: "host:api.example.com", Cluster: "upstream:api.example.com"}}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	w.set = set
	r := &record.Reload{Revision: "r1", Credentials: 1, Start: true, Rules: w.kept()}
	if !w.old {
		r.Inventory = r.Rules[0].SHA256
	}
	w.append(record.Entry{Time: at, Reload: r})
}

// kept keeps the rules that were put in force last. They are not sealed.
func (w *world) kept() []record.Part {
	w.t.Helper()
	text, err := w.set.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.blobs[sum(text)] = text
	return []record.Part{{Pack: "p", Size: 1, SHA256: sum(text)}}
}

func sum(text []byte) record.Hash { return sha256.Sum256(text) }

func (w *world) lease(at time.Time, state, ending string) {
	w.append(record.Entry{Time: at, Lease: &record.Lease{ID: "lease1", Issuer: issuer, Subject: "agent", Credential: "git",
		State: state, Ending: ending, Ends: noon.Add(15 * time.Minute)}})
}

// call is an exchange: what its entries say, and what was recorded.
type call struct {
	decision record.Decision
	end      record.End
	tape     recording.Transcript
}

// usual is an exchange that is as it should be.
func usual(id string) *call {
	body := []byte(`{"login":"octocat","token":"ckr_git_0000000000000000000000000k"}`)
	return &call{
		decision: record.Decision{Exchange: id, Issuer: issuer, Subject: "agent", Session: "s1", Method: "GET", Host: "api.example.com",
			Path: "/a/b?c=d", Outcome: access.Allow, Uses: []record.Use{{Credential: "git", Location: "header:authorization",
				Lease: "lease1", LeaseEnds: noon.Add(15 * time.Minute)}}},
		end: record.End{Exchange: id, Status: 200, ResponseBytes: int64(len(body)), Kept: "full", Set: "set1", Until: noon.Add(90 * 24 * time.Hour),
			Substitutions: []record.Substitution{{Credential: "git", Location: "header:authorization", N: 1}}},
		tape: recording.Transcript{Exchange: id, Complete: true, Events: []recording.Event{
			{Kind: recording.Request, Head: &recording.Head{Method: "GET", Authority: "api.example.com", Path: "/a/b?c=d",
				Headers: []access.Header{{Name: "authorization", Value: "Bearer ckr_git_0000000000000000000000000k"}}}},
			{Kind: recording.Response, Head: &recording.Head{Status: 200, Headers: []access.Header{{Name: "content-type", Value: "application/json"}}}},
			{Kind: recording.Got, Data: body},
		}, Got: recording.Sum{Bytes: int64(len(body)), Kept: int64(len(body)), SHA256: sha256.Sum256(body)}},
	}
}

// gets lets the agent get a body in its pieces.
func (c *call) gets(pieces ...string) *call {
	c.tape.Events = c.tape.Events[:2]
	h, n := sha256.New(), 0
	for _, p := range pieces {
		c.tape.Events = append(c.tape.Events, recording.Event{Kind: recording.Got, Data: []byte(p)})
		h.Write([]byte(p))
		n += len(p)
	}
	c.tape.Got = recording.Sum{Bytes: int64(n), Kept: int64(n), SHA256: record.Hash(h.Sum(nil))}
	c.end.ResponseBytes = int64(n)
	return c
}

// happen writes the entries of a call, and its recording.
func (w *world) happen(at time.Time, c *call) {
	w.t.Helper()
	w.tapes[c.tape.Exchange] = c.tape
	if c.end.Recording == nil && c.end.Kept != "" {
		c.end.Recording = []record.Part{{Pack: "p", At: 10, Size: 20, SHA256: record.Hash{1}}}
	}
	w.append(record.Entry{Time: at, Decision: &c.decision})
	w.append(record.Entry{Time: at.Add(time.Second), End: &c.end})
}

func (w *world) Read(_ context.Context, exchange string, parts []record.Part) (recording.Transcript, error) {
	if err := w.gone[exchange]; err != nil {
		return recording.Transcript{}, err
	}
	return w.tapes[exchange], nil
}

func (w *world) Blob(_ context.Context, parts []record.Part) ([]byte, error) {
	if b := w.blobs[parts[0].SHA256]; b != nil {
		return b, nil
	}
	return nil, recording.ErrGone
}

var key = search.NewKey([32]byte{1})

// verify verifies what wants to be, with a present value and a past one.
func (w *world) verify(want func(*record.Decision, time.Time) bool) SessionReport {
	w.t.Helper()
	s, err := key.Compile([]search.Fingerprint{key.Fingerprint("git", []byte(value)), key.Fingerprint("old", []byte(former))})
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := Sessions{Replicas: []Replica{{Dir: w.dir, Packs: w}}, Keys: []note.Verifier{signing(w.t, 1).Verifier()}, Search: s, Now: noon.Add(time.Hour), Want: want}.Verify(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range report.Findings {
		if bytes.Contains(fmt.Append(nil, f), []byte(value)) {
			w.t.Errorf("a finding holds the value: %+v", f)
		}
	}
	return report
}

func std(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
