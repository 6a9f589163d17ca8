package verify

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/access"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
)

// Checked is what an evidence file says, once all that can be checked of it holds.
type Checked struct {
	Made     time.Time     `json:"made"`
	By       string        `json:"by"`
	Version  string        `json:"version"`
	Asked    string        `json:"asked"`
	Key      string        `json:"key"`
	Report   SessionReport `json:"report"`
	Logs     []CheckedLog  `json:"logs"`
	Contents int           `json:"contents"` // exchanges whose content is in the file
}

// CheckedLog is one log in an evidence file.
type CheckedLog struct {
	Log       string           `json:"log"`
	Size      int64            `json:"size"`    // entries that the checkpoint covers
	Entries   int              `json:"entries"` // of them, in the file and proved
	Witnesses []CheckedWitness `json:"witnesses"`
}

// CheckedWitness is what a witness took of a log.
type CheckedWitness struct {
	Name   string   `json:"name"`
	Size   int64    `json:"size"`
	Signed []string `json:"signed"` // names of the witnesses' keys that were given and signed it
}

// ErrEvidence means that a file is no evidence, or that it does not hold.
var ErrEvidence = errors.New("not evidence that holds")

// evidenceMax is the longest line of an evidence file: that of an entry.
const evidenceMax = record.MaxLine + 2

// ReadEvidence checks an evidence file. key is the instance's, nil takes the one
// that the file names: then it proves no more than that the file is in itself
// right. witnesses are the keys of those that sign. An error is ErrEvidence, but
// for one of reading. It takes little memory however long the file is.
func ReadEvidence(r io.Reader, key note.Verifier, witnesses ...note.Verifier) (Checked, error) {
	e := &evidenceReader{lines: bufio.NewReaderSize(r, evidenceMax), hash: sha256.New(), key: key, witnesses: witnesses}
	for _, step := range []func() error{e.head, e.report, e.logs, e.end, e.compare} {
		if err := step(); err != nil {
			return Checked{}, fmt.Errorf("reading evidence, line %d: %w", e.at, err)
		}
	}
	return e.out, nil
}

type evidenceReader struct {
	lines     *bufio.Reader
	hash      hash.Hash // of all that was read
	n         int64     // bytes
	at        int       // lines
	line      []byte    // the current one, without its line feed
	key       note.Verifier
	witnesses []note.Verifier
	out       Checked
	counted   SessionReport // anew, from the entries
	decided   int           // exchanges that may have an end
}

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrEvidence}, args...)...)
}

// next reads a line.
func (e *evidenceReader) next() error {
	line, err := e.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return wrong("a line of more than %d bytes", evidenceMax)
	}
	if err == io.EOF {
		return wrong("it ends too early")
	}
	if err != nil {
		return err
	}
	e.hash.Write(line)
	e.n += int64(len(line))
	e.at++
	e.line = line[:len(line)-1]
	return nil
}

// value is the rest of a line that must have a key; the next line is read.
func (e *evidenceReader) value(key string) (string, error) {
	rest, ok := bytes.CutPrefix(e.line, []byte(key))
	if !ok || len(rest) > 0 && rest[0] != ' ' {
		return "", wrong("want %q", key)
	}
	value := string(bytes.TrimPrefix(rest, []byte(" ")))
	return value, e.next()
}

func (e *evidenceReader) quoted(key string, to *string) error {
	text, err := e.value(key)
	if err != nil {
		return err
	}
	if *to, err = strconv.Unquote(text); err != nil {
		return wrong("%q is not a quoted text", key)
	}
	return nil
}

// head reads what stands before the report.
func (e *evidenceReader) head() error {
	if err := e.next(); err != nil {
		return err
	}
	if _, err := e.value(evidenceHead); err != nil {
		return err
	}
	made, err := e.value("made")
	if err != nil {
		return err
	}
	if e.out.Made, err = time.Parse(time.RFC3339, made); err != nil {
		return wrong("no time")
	}
	for _, field := range []struct {
		key string
		to  *string
	}{{"by", &e.out.By}, {"version", &e.out.Version}, {"asked", &e.out.Asked}} {
		if err := e.quoted(field.key, field.to); err != nil {
			return err
		}
	}
	if e.out.Key, err = e.value("key"); err != nil {
		return err
	}
	named, err := note.NewVerifier(e.out.Key)
	if err != nil {
		return wrong("its key is none")
	}
	if e.key == nil {
		e.key = named
	}
	if named.Name() != e.key.Name() || named.KeyHash() != e.key.KeyHash() {
		return wrong("it was made with another key, %s", named.Name())
	}
	return nil
}

// report reads the report and its findings.
func (e *evidenceReader) report() error {
	text, err := e.value("report")
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), &e.out.Report); err != nil || e.out.Report.Findings != nil {
		return wrong("the report cannot be read")
	}
	for bytes.HasPrefix(e.line, []byte("finding ")) {
		var f SessionFinding
		if len(e.out.Report.Findings) == findingsMax || json.Unmarshal(e.line[len("finding "):], &f) != nil {
			return wrong("a finding cannot be read")
		}
		e.out.Report.Findings = append(e.out.Report.Findings, f)
		if err := e.next(); err != nil {
			return err
		}
	}
	return nil
}

// logsMax is how many logs a file may speak of.
const logsMax = 1000

func (e *evidenceReader) logs() error {
	for !bytes.Equal(e.line, []byte("end")) {
		if len(e.out.Logs) == logsMax {
			return wrong("more than %d logs", logsMax)
		}
		if err := e.log(); err != nil {
			return err
		}
	}
	return nil
}

// log reads one log.
func (e *evidenceReader) log() error {
	id, err := e.value("log")
	if err != nil {
		return err
	}
	if _, err := e.value("signed"); err != nil {
		return err
	}
	msg, err := e.note()
	if err != nil {
		return err
	}
	c, err := checkpoint.Open(msg, e.key)
	if err != nil || c.Log != id {
		return wrong("the checkpoint is not of log %q, or not signed", id)
	}
	if slices.ContainsFunc(e.out.Logs, func(l CheckedLog) bool { return l.Log == id }) {
		return wrong("log %q stands there twice", id)
	}
	out := CheckedLog{Log: id, Size: c.Size}
	for bytes.HasPrefix(e.line, []byte("witnessed ")) {
		w, err := e.witnessed(c.Checkpoint)
		if err != nil {
			return err
		}
		if out.Witnesses = append(out.Witnesses, w); len(out.Witnesses) > logsMax {
			return wrong("more than %d witnesses", logsMax)
		}
	}
	var last record.Line
	for bytes.HasPrefix(e.line, []byte("entry ")) {
		if last, err = e.entry(c.Checkpoint, last); err != nil {
			return err
		}
		out.Entries++
	}
	e.out.Logs = append(e.out.Logs, out)
	return nil
}

// noteMax is the longest note in bytes.
const noteMax = 64 << 10

// note reads a signed note, of which each line is marked.
func (e *evidenceReader) note() ([]byte, error) {
	var msg []byte
	for bytes.HasPrefix(e.line, []byte("> ")) {
		msg = append(append(msg, e.line[2:]...), '\n')
		if len(msg) > noteMax {
			return nil, wrong("a note of more than %d bytes", noteMax)
		}
		if err := e.next(); err != nil {
			return nil, err
		}
	}
	return msg, nil
}

// witnessed reads what a witness took, and proves that c continues it.
func (e *evidenceReader) witnessed(c checkpoint.Checkpoint) (w CheckedWitness, err error) {
	if err := e.quoted("witnessed", &w.Name); err != nil {
		return w, err
	}
	msg, err := e.note()
	if err != nil {
		return w, err
	}
	old, err := checkpoint.Open(msg, e.key)
	if err != nil || old.Log != c.Log || old.Size > c.Size {
		return w, wrong("what witness %q took is no checkpoint of this log", w.Name)
	}
	proof, err := e.proof()
	if err != nil {
		return w, err
	}
	switch {
	case old.Size == 0:
	case old.Size == c.Size && (old.Root != c.Root || len(proof) > 0),
		old.Size < c.Size && tlog.CheckTree(proof, c.Size, c.Root, old.Size, old.Root) != nil:
		return w, wrong("the log does not continue what witness %q took", w.Name)
	}
	w.Size = old.Size
	for _, v := range e.witnesses {
		if _, err := checkpoint.Open(msg, e.key, v); err == nil {
			w.Signed = append(w.Signed, v.Name())
		}
	}
	return w, nil
}

// proof reads the line of a proof.
func (e *evidenceReader) proof() (hashes []tlog.Hash, err error) {
	text, err := e.value("proof")
	if err != nil {
		return nil, err
	}
	for word := range strings.FieldsSeq(text) {
		h, err := tlog.ParseHash(word)
		if err != nil || len(hashes) == 64 {
			return nil, wrong("a proof cannot be read")
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// entry reads an entry behind the last one, and proves that it is in the tree.
func (e *evidenceReader) entry(c checkpoint.Checkpoint, last record.Line) (l record.Line, err error) {
	number, err := e.value("entry")
	if err != nil {
		return l, err
	}
	raw, ok := bytes.CutPrefix(e.line, []byte("> "))
	if !ok {
		return l, wrong("want an entry")
	}
	raw = append(bytes.Clone(raw), '\n')
	if l, err = record.ParseLine(raw); err != nil || strconv.FormatUint(l.Seq, 10) != number || l.Seq <= last.Seq {
		return l, wrong("it is not entry %q", number)
	}
	if l.Seq == last.Seq+1 && last.Seq > 0 && l.Prev != last.Hash {
		return l, wrong("entry %d does not follow entry %d", l.Seq, last.Seq)
	}
	if err := e.next(); err != nil {
		return l, err
	}
	proof, err := e.proof()
	if err != nil {
		return l, err
	}
	if l.Seq > uint64(c.Size) || tlog.CheckRecord(proof, c.Size, c.Root, int64(l.Seq)-1, tlog.RecordHash(raw)) != nil {
		return l, wrong("entry %d is not proved", l.Seq)
	}
	if err := e.count(l); err != nil {
		return l, err
	}
	return l, e.content()
}

// content passes over what is recorded of an exchange.
func (e *evidenceReader) content() error {
	if !bytes.HasPrefix(e.line, []byte("content ")) {
		return nil
	}
	e.out.Contents++
	for {
		if err := e.next(); err != nil {
			return err
		}
		if !bytes.HasPrefix(e.line, []byte("> ")) && !bytes.HasPrefix(e.line, []byte("+ ")) {
			return nil
		}
	}
}

// count counts what the report must have counted.
func (e *evidenceReader) count(l record.Line) error {
	entry, err := l.Entry()
	if err != nil {
		return wrong("entry %d cannot be read", l.Seq)
	}
	switch {
	case entry.Decision != nil:
		e.counted.Exchanges++
		if entry.Decision.Outcome != access.Allow {
			e.counted.Refused++
		}
		e.decided++
	case entry.End != nil:
		e.decided--
		for _, s := range entry.End.Substitutions {
			e.counted.Substitutions += s.N
		}
	}
	return nil
}

// end reads the signature.
func (e *evidenceReader) end() error {
	if err := e.next(); err != nil {
		return err
	}
	if len(e.line) > 0 {
		return wrong("something stands behind its end")
	}
	want := fmt.Sprintf("%s\n%d\n%s\n", evidenceNote, e.n, base64.StdEncoding.EncodeToString(e.hash.Sum(nil)))
	msg, err := io.ReadAll(io.LimitReader(e.lines, noteMax))
	if err != nil {
		return err
	}
	n, err := note.Open(msg, note.VerifierList(e.key))
	if err != nil {
		return wrong("it is not signed with the key")
	}
	if n.Text != want || bytes.Count(msg, []byte("\n")) != strings.Count(want, "\n")+2 {
		return wrong("it was changed after it was signed")
	}
	return nil
}

// compare compares the report with the entries.
func (e *evidenceReader) compare() error {
	r, c := e.out.Report, e.counted
	if r.Exchanges != c.Exchanges || r.Refused != c.Refused || r.Substitutions != c.Substitutions || r.Unfinished != e.decided {
		return wrong("the report counts other exchanges than the entries show")
	}
	if r.Found < len(r.Findings) {
		return wrong("the report counts fewer findings than it has")
	}
	return nil
}
