package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/access"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
	"cloakroom/internal/search"
)

func signing(t testing.TB, seed byte) checkpoint.Key {
	t.Helper()
	k, err := checkpoint.NewKey([32]byte{seed})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func readEvidence(r io.ReadSeeker, key note.Verifier, witnesses ...note.Verifier) (Checked, error) {
	return Auditor{Key: key, Witnesses: witnesses}.Read(context.Background(), r)
}

const witnessName = "https://witness.example"

// witness lets a witness that signs take what the log has by now, and returns its
// key.
func (w *world) witness(key checkpoint.Key) note.Verifier {
	w.t.Helper()
	tree, err := growTree(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	root, err := tlog.TreeHash(tree.size, tree)
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := key.Sign(checkpoint.Checkpoint{Log: w.log.ID(), Size: tree.size, Root: root})
	if err != nil {
		w.t.Fatal(err)
	}
	private, public, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := cosignature.NewSignerForCosignatureV1(private)
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := note.Open(signed.Note, note.VerifierList(key.Verifier()))
	if err != nil {
		w.t.Fatal(err)
	}
	msg, err := note.Sign(n, signer)
	if err != nil {
		w.t.Fatal(err)
	}
	path := checkpoint.ReceiptPath(w.dir, witnessName)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, msg, 0o600)); err != nil {
		w.t.Fatal(err)
	}
	verifier, err := cosignature.NewVerifierForCosignatureV1(strings.TrimSpace(public))
	if err != nil {
		w.t.Fatal(err)
	}
	return verifier
}

// evidence verifies all of the log, and of others' logs, and returns what it makes of
// that.
func (w *world) evidence(others ...*world) Evidence {
	w.t.Helper()
	return w.evidenceOf(nil, others...)
}

func (w *world) evidenceOf(want func(*record.Decision, time.Time) bool, others ...*world) Evidence {
	w.t.Helper()
	s, err := key.Compile([]search.Fingerprint{key.Fingerprint("git", []byte(value)), key.Fingerprint("old", []byte(former))})
	if err != nil {
		w.t.Fatal(err)
	}
	e := Evidence{Key: signing(w.t, 1), Made: noon.Add(time.Hour), By: "cli:ann@ops1", Version: "v1", Asked: "all",
		Witnesses: []string{witnessName, "one that took nothing"}}
	keys := []note.Verifier{signing(w.t, 1).Verifier(), signing(w.t, 2).Verifier()} // the other's is not that of evidence
	v := Sessions{Search: s, Keys: keys, Now: noon.Add(time.Hour), Want: want, Line: e.Take, Rules: e.TakeRules}
	for _, each := range append([]*world{w}, others...) {
		e.Dirs = append(e.Dirs, each.dir)
		v.Replicas = append(v.Replicas, Replica{Dir: each.dir, Packs: each})
	}
	if e.Report, err = v.Verify(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) written(e Evidence) []byte {
	w.t.Helper()
	var b bytes.Buffer
	if err := e.Write(context.Background(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// filled is a log with some sessions in it.
func filled(t *testing.T) (*world, note.Verifier) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.append(record.Entry{Time: noon, Act: &record.Act{Name: "start"}}) // of no session
	w.happen(noon.Add(time.Minute), usual("e1"))
	witness := w.witness(signing(t, 1))
	w.happen(noon.Add(2*time.Minute), usual("e2").gets(`{"token":"`+value+`"}`))
	refused := usual("e3")
	refused.decision.Outcome, refused.decision.Uses, refused.end.Substitutions = access.Deny, nil, nil
	w.happen(noon.Add(3*time.Minute), refused)
	w.append(record.Entry{Time: noon.Add(5 * time.Minute), Decision: &usual("e4").decision})
	return w, witness
}

// TestEvidence writes evidence and checks it with no more than the keys.
func TestEvidence(t *testing.T) {
	w, witness := filled(t)
	e := w.evidence()
	text := w.written(e)
	got, err := readEvidence(bytes.NewReader(text), e.Key.Verifier(), witness)
	if err != nil {
		t.Fatal(err)
	}
	want := Checked{Made: e.Made, By: e.By, Version: e.Version, Asked: e.Asked, Key: e.Key.String(), Report: e.Report, Judged: Judged{Values: 3, Named: 3},
		Logs: []CheckedLog{{Log: w.log.ID(), Size: 10, Entries: 10, Whole: 10, Witnesses: []CheckedWitness{{witnessName, 5, 5, []string{"witness.example"}}}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Report.Found != 1 || got.Report.Findings[0].What != Leak {
		t.Errorf("found %v", got.Report.Findings)
	}
	if bytes.Contains(text, []byte(value)) {
		t.Error("the value stands in the evidence")
	}
	if again := w.written(e); !bytes.Equal(text, again) {
		t.Error("the same evidence is written in another way")
	}
}

// TestEvidenceWithContents carries what was recorded, however long its lines are.
func TestEvidenceWithContents(t *testing.T) {
	w, _ := filled(t)
	e := w.evidence()
	long := strings.Repeat("x", 3*textLine)
	e.Contents = func(_ context.Context, _ string, end *record.End) ([]byte, error) {
		return []byte("\n> " + end.Exchange + "\nend\n" + long), nil
	}
	got, err := readEvidence(bytes.NewReader(w.written(e)), e.Key.Verifier())
	if err != nil || got.Contents != 3 {
		t.Errorf("%d contents: %v", got.Contents, err)
	}
}

// TestHarmedEvidence changes, drops, repeats and moves: nothing passes.
func TestHarmedEvidence(t *testing.T) {
	w, _ := filled(t)
	e := w.evidence()
	text := w.written(e)
	refused := func(name string, harmed []byte, key note.Verifier) {
		t.Helper()
		if _, err := readEvidence(bytes.NewReader(harmed), key); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	own := e.Key.Verifier()
	for range 300 {
		at := r.IntN(len(text))
		changed := bytes.Clone(text)
		changed[at] ^= 1 << r.IntN(7)
		refused("a changed byte", changed, own)
		refused("cut short", text[:at], own)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i := range lines[:len(lines)-1] {
		join := func(parts ...[][]byte) []byte {
			var all []byte
			for _, p := range parts {
				all = append(all, bytes.Join(p, nil)...)
			}
			return all
		}
		refused("a dropped line", join(lines[:i], lines[i+1:]), own)
		refused("a repeated line", join(lines[:i+1], lines[i:]), own)
	}
	refused("another key", text, signing(t, 2).Verifier())
	refused("more behind it", append(bytes.Clone(text), "more\n"...), own)
	refused("nothing", nil, own)
}

// TestDishonestEvidence is signed with the right key, by a program that lies: what
// can be told from the file alone is.
func TestDishonestEvidence(t *testing.T) {
	w, _ := filled(t)
	for name, lie := range map[string]func(e *Evidence){
		"fewer exchanges":      func(e *Evidence) { e.Report.Exchanges-- },
		"more substitutions":   func(e *Evidence) { e.Report.Substitutions++ },
		"an exchange left out": func(e *Evidence) { e.Lines[w.log.ID()] = e.Lines[w.log.ID()][:6] },
		"an entry that is not": func(e *Evidence) {
			l := &e.Lines[w.log.ID()][3] // a decision
			l.Raw = bytes.Replace(l.Raw, []byte("allow"), []byte("allaw"), 1)
		},
		"lines in another order": func(e *Evidence) {
			all := e.Lines[w.log.ID()]
			all[3], all[4] = all[4], all[3]
		},
	} {
		e := w.evidence()
		lie(&e)
		if _, err := readEvidence(bytes.NewReader(w.written(e)), e.Key.Verifier()); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAWitnessThatDidNotSign is one whose key is given: it was asked for.
func TestAWitnessThatDidNotSign(t *testing.T) {
	w, witness := filled(t)
	e := w.evidence()
	other := w.witness(signing(t, 1)) // it took the other's place
	if _, err := readEvidence(bytes.NewReader(w.written(e)), nil, other); err != nil {
		t.Errorf("the one that signed: %v", err)
	}
	if _, err := readEvidence(bytes.NewReader(w.written(e)), nil, other, witness); !errors.Is(err, ErrEvidence) {
		t.Errorf("one that did not: %v", err)
	}
	e.Witnesses = nil
	if _, err := readEvidence(bytes.NewReader(w.written(e)), nil, other); !errors.Is(err, ErrEvidence) {
		t.Errorf("none is in the file: %v", err)
	}
}

// TestHostileEvidence is signed, and says more than anybody must remember.
func TestHostileEvidence(t *testing.T) {
	w, _ := filled(t)
	e := w.evidence()
	long := strings.Repeat("x", 200<<10)
	for range 100 {
		e.Report.Findings = append(e.Report.Findings, SessionFinding{Detail: long})
		e.Report.Found++
	}
	if _, err := readEvidence(bytes.NewReader(w.written(e)), nil); !errors.Is(err, ErrEvidence) {
		t.Errorf("long findings: %v", err)
	}
	e = w.evidence()
	path := checkpoint.ReceiptPath(w.dir, long)
	receipt, err := os.ReadFile(checkpoint.ReceiptPath(w.dir, witnessName))
	if err := errors.Join(err, os.WriteFile(path, receipt, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		e.Witnesses = append(e.Witnesses, long)
	}
	if _, err := readEvidence(bytes.NewReader(w.written(e)), nil); !errors.Is(err, ErrEvidence) {
		t.Errorf("witnesses with long names: %v", err)
	}
}

// TestRewrittenLog has no evidence that goes with what its witness took.
func TestRewrittenLog(t *testing.T) {
	w, _ := filled(t)
	receipt := checkpoint.ReceiptPath(w.dir, witnessName)
	signed, err := signing(t, 1).Sign(checkpoint.Checkpoint{Log: w.log.ID(), Size: 4, Root: tlog.Hash{1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(receipt, signed.Note, 0o600); err != nil {
		t.Fatal(err)
	}
	e := w.evidence()
	if _, err := readEvidence(bytes.NewReader(w.written(e)), e.Key.Verifier()); !errors.Is(err, ErrEvidence) {
		t.Errorf("another root: %v", err)
	}
	if signed, err = signing(t, 1).Sign(checkpoint.Checkpoint{Log: w.log.ID(), Size: 400}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(receipt, signed.Note, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.evidence().Write(context.Background(), &bytes.Buffer{}); !errors.Is(err, checkpoint.ErrRewritten) {
		t.Errorf("rolled back: %v", err)
	}
}

// resign signs what stands before the signature.
func resign(t testing.TB, key checkpoint.Key, text []byte) []byte {
	t.Helper()
	text = append(bytes.Clone(text), '\n')
	sum := sha256.Sum256(text)
	signed, err := key.SignText(fmt.Sprintf("%s\n%d\n%s\n", evidenceNote, len(text), base64.StdEncoding.EncodeToString(sum[:])))
	if err != nil {
		t.Fatal(err)
	}
	return append(text, signed...)
}

var update = flag.Bool("update", false, "write testdata anew")

// TestGoldenEvidence reads files that earlier runs wrote, one of the first form.
func TestGoldenEvidence(t *testing.T) {
	if *update {
		w, _ := filled(t)
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, w.written(w.withContents(w.evidence())), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for path, judged := range map[string]Judged{golden: {Values: 3, Named: 3, Recorded: 3}, goldenFirst: {Values: 3, NoRules: 3, Named: 3}} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := readEvidence(f, signing(t, 1).Verifier())
		if err != nil || got.Report.Exchanges != 4 || !reflect.DeepEqual(got.Judged, judged) {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
	}
}

const (
	golden      = "testdata/evidence.txt"
	goldenFirst = "testdata/evidence-1.txt"
)

// FuzzReadEvidence gives it whatever there is: an error or what was signed.
func FuzzReadEvidence(f *testing.F) {
	for _, path := range []string{golden, goldenFirst} {
		seed, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
		for _, at := range []int{0, 21, 100, 400, 900, 2000, 4000, len(seed) - 1} {
			f.Add(seed[:min(at, len(seed))])
		}
	}
	key := signing(f, 1)
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := readEvidence(bytes.NewReader(text), key.Verifier()); err != nil && !errors.Is(err, ErrEvidence) {
			t.Errorf("got %v", err)
		}
		// Signed anew by whoever has a key, so that the fuzzer gets further.
		if i := bytes.LastIndex(text, []byte("\nend\n")); i >= 0 {
			readEvidence(bytes.NewReader(resign(t, key, text[:i+5])), nil)
		}
	})
}
