package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
)

// Evidence is a report about sessions with all that is needed to check it without
// the instance: the lines of the log that it rests on, each proved to stand in a
// tree whose root is signed, and what witnesses took of that tree. It is a text:
//
//	cloakroom evidence 2
//	made 2026-11-25T12:00:00Z
//	by "cli:ann@ops1"
//	version "v1.2.3"
//	asked "session nightly-build"
//	key cloakroom/0badcafe+89abcdef+AfT…     the instance's, as package checkpoint has it
//	report {"exchanges":3,…}                 SessionReport, its findings apart
//	finding {"what":"leak",…}                each of them
//	rules 5f1e…                              rules that were in force, by the "inventory" of their reload
//	> {"Credentials":[…],…}                  as inventory.Set encodes them
//	log 01kb4v9gz5t0m7x2c8r3n6p1qd           each log, by its id:
//	signed                                   its checkpoint, a signed note
//	> …
//	witnessed "https://witness.example"      what a witness took, with its signature if it makes one
//	> …
//	proof <base64> …                         that the checkpoint continues that one (RFC 6962, 2.1.4.1)
//	entry 17                                 each line that the report rests on, in order
//	> {"v":1,"seq":17,…}
//	proof <base64> …                         that it is leaf 16 of the checkpoint's tree (RFC 6962, 2.1.3.1)
//	content 01kb4va3m2e0x4r9s7t5w8y6zb       only if asked for: what is recorded of an exchange, as text
//	> …
//	recorded                                 the same, as package recording has it: each part in base64
//	> …
//	end
//
// Behind an empty line stands the signature, a note (golang.org/x/mod/sumdb/note)
// of the same key that tells the length and the SHA-256 of all before it, the
// empty line included:
//
//	cloakroom.evidence
//	<bytes, decimal>
//	<base64>
//
//	— cloakroom/0badcafe <signature>
//
// A line of a text begins with "> "; one that is longer than 64 KiB, but for an
// entry's, goes on in lines that begin with "+ ".
type Evidence struct {
	Key       checkpoint.Key
	Made      time.Time
	By        string // who made it
	Version   string // with which program
	Asked     string // what was to be verified, in words
	Report    SessionReport
	Dirs      []string                 // of the logs
	Witnesses []string                 // their names
	Lines     map[string][]record.Line // by log, in order; see Take
	Rules     map[record.Hash][]byte   // see TakeRules
	// Contents is what is recorded of an exchange that has its end in the log in dir, as
	// text; nil: it is left out.
	Contents func(ctx context.Context, dir string, end *record.End) ([]byte, error)
	// Recorded is the same for recording.Parse; nil: it is left out. None: there is nothing
	// any more.
	Recorded func(ctx context.Context, dir string, end *record.End) ([][]byte, error)
}

// Take takes a line that the report rests on: it is a Sessions.Line.
func (e *Evidence) Take(log string, l record.Line) error {
	if e.Lines == nil {
		e.Lines = map[string][]record.Line{}
	}
	e.Lines[log] = append(e.Lines[log], l)
	return nil
}

// TakeRules takes rules that the report rests on: it is a Sessions.Rules.
func (e *Evidence) TakeRules(hash record.Hash, text []byte) {
	if e.Rules == nil {
		e.Rules = map[record.Hash][]byte{}
	}
	e.Rules[hash] = text
}

const (
	evidenceHead  = "cloakroom evidence 2"
	evidenceFirst = "cloakroom evidence 1" // has no rules
	evidenceNote  = "cloakroom.evidence"
	textLine      = 64 << 10
)

// Write writes the evidence. It signs a checkpoint of each log, up to its last
// entry, once that is on disk.
func (e Evidence) Write(ctx context.Context, out io.Writer) error {
	hash := sha256.New()
	w := &evidenceWriter{Writer: bufio.NewWriter(io.MultiWriter(out, hash))}
	if err := e.head(w); err != nil {
		return err
	}
	e.rules(w)
	for _, dir := range e.Dirs {
		if err := e.log(ctx, w, dir); err != nil {
			return fmt.Errorf("writing evidence: %w", err)
		}
	}
	w.line("end", "")
	w.WriteString("\n")
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", evidenceNote, w.n, base64.StdEncoding.EncodeToString(hash.Sum(nil)))
	signed, err := e.Key.SignText(text)
	if err == nil {
		_, err = out.Write(signed)
	}
	if err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	return nil
}

func (e Evidence) head(w *evidenceWriter) error {
	report := e.Report
	report.Findings = nil
	sum, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("writing evidence: %w", err)
	}
	w.line(evidenceHead, "")
	w.line("made", e.Made.UTC().Format(time.RFC3339))
	w.line("by", strconv.Quote(e.By))
	w.line("version", strconv.Quote(e.Version))
	w.line("asked", strconv.Quote(e.Asked))
	w.line("key", e.Key.String())
	w.line("report", string(sum))
	for _, f := range e.Report.Findings {
		text, err := json.Marshal(f)
		if err != nil {
			return fmt.Errorf("writing evidence: %w", err)
		}
		w.line("finding", string(text))
	}
	return nil
}

// rules writes the rules, as many as a reader takes.
func (e Evidence) rules(w *evidenceWriter) {
	room := rulesInAll
	for _, hash := range slices.SortedFunc(maps.Keys(e.Rules), func(a, b record.Hash) int { return bytes.Compare(a[:], b[:]) }) {
		text := e.Rules[hash]
		if len(text) > min(room, rulesMax) {
			continue // what was put in under them rests on the maker's word
		}
		room -= len(text)
		w.line("rules", hash.String())
		w.text(text)
	}
}

// log writes what is needed of one log; nothing if the report does not rest on it.
func (e Evidence) log(ctx context.Context, w *evidenceWriter, dir string) error {
	id, err := record.ID(dir)
	if err != nil || len(e.Lines[id]) == 0 {
		return err
	}
	taken := e.taken(dir) // before the tree, which goes on growing
	tree, err := growTree(dir)
	if err != nil {
		return err
	}
	c := checkpoint.Checkpoint{Log: id, Size: tree.size}
	if c.Root, err = tlog.TreeHash(c.Size, tree); err != nil {
		return err
	}
	signed, err := e.Key.Sign(c)
	if err != nil {
		return err
	}
	w.line("log", id)
	w.line("signed", "")
	w.text(signed.Note)
	for _, t := range taken {
		if err := w.witnessed(t, tree); err != nil {
			return err
		}
	}
	for _, l := range e.Lines[id] {
		if err := errors.Join(ctx.Err(), e.entry(w, l, tree), e.content(ctx, w, dir, l)); err != nil {
			return err
		}
	}
	return nil
}

// witnessed is what a witness took.
type witnessed struct {
	name string
	checkpoint.Signed
}

// taken reads what is noted beside the log of what the witnesses took.
func (e Evidence) taken(dir string) (all []witnessed) {
	for _, name := range e.Witnesses {
		msg, err := checkpoint.Receipt(checkpoint.ReceiptPath(dir, name))
		if err != nil {
			continue // it took none; the report of the log says so
		}
		if s, err := checkpoint.Open(msg, e.Key.Verifier()); err == nil {
			all = append(all, witnessed{name, s})
		}
	}
	return all
}

func (w *evidenceWriter) witnessed(t witnessed, tree *grown) error {
	if t.Size > tree.size {
		return fmt.Errorf("witness %q has taken %d entries, and the log has %d: %w", t.name, t.Size, tree.size, checkpoint.ErrRewritten)
	}
	var proof tlog.TreeProof
	if t.Size > 0 && t.Size < tree.size {
		var err error
		if proof, err = tlog.ProveTree(tree.size, t.Size, tree); err != nil {
			return err
		}
	}
	w.line("witnessed", strconv.Quote(t.name))
	w.text(t.Note)
	w.proof(proof)
	return nil
}

func (e Evidence) entry(w *evidenceWriter, l record.Line, tree *grown) error {
	if int64(l.Seq) > tree.size {
		return fmt.Errorf("entry %d: the log has %d", l.Seq, tree.size)
	}
	proof, err := tlog.ProveRecord(tree.size, int64(l.Seq)-1, tree)
	if err != nil {
		return err
	}
	w.line("entry", strconv.FormatUint(l.Seq, 10))
	w.WriteString("> ")
	w.Write(l.Raw)
	w.proof(proof)
	return nil
}

// content writes what is recorded of an exchange behind its end. What is longer than
// a reader takes is not there to be searched.
func (e Evidence) content(ctx context.Context, w *evidenceWriter, dir string, l record.Line) error {
	if e.Contents == nil && e.Recorded == nil {
		return nil
	}
	entry, err := l.Entry()
	if err != nil || entry.End == nil {
		return err
	}
	if e.Contents != nil {
		text, err := e.Contents(ctx, dir, entry.End)
		if err != nil {
			return err
		}
		w.line("content", entry.End.Exchange)
		w.text(text)
	}
	if e.Recorded == nil {
		return nil
	}
	parts, err := e.Recorded(ctx, dir, entry.End)
	if text := encodeParts(parts); err == nil && len(text) > 0 && len(text) <= recordedMax {
		w.line("recorded", "")
		w.text(text)
	}
	return err
}
