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
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/record"
	"cloakroom/internal/search"
)

// Checked is what an evidence file says, once all that can be checked of it holds.
type Checked struct {
	Made     time.Time     `json:"made"`
	By       string        `json:"by"`
	Version  string        `json:"version"`
	Asked    string        `json:"asked"`
	Key      string        `json:"key"`
	Report   SessionReport `json:"report"`
	Judged   Judged        `json:"judged"`
	Logs     []CheckedLog  `json:"logs"`
	Contents int           `json:"contents"` // exchanges whose content is in the file
}

// CheckedLog is one log in an evidence file.
type CheckedLog struct {
	Log       string           `json:"log"`
	Size      int64            `json:"size"`    // entries that the checkpoint covers
	Entries   int              `json:"entries"` // of them, in the file and proved
	Whole     int64            `json:"whole"`   // entries from the first on of which none is missing
	Gaps      int64            `json:"gaps"`    // entries that are missing before the last one about an exchange
	Witnesses []CheckedWitness `json:"witnesses"`
}

// CheckedWitness is what a witness took of a log.
type CheckedWitness struct {
	Name   string   `json:"name"`
	Size   int64    `json:"size"`
	Covers int      `json:"covers"` // of the entries in the file
	Signed []string `json:"signed"` // names of the witnesses' keys that were given and signed it
}

// ErrEvidence means that a file is no evidence, or that it does not hold.
var ErrEvidence = errors.New("not evidence that holds")

// evidenceMax is the longest line of an evidence file: that of an entry.
const evidenceMax = record.MaxLine + 2

// keptMax is how much of what a file says may have to be remembered, in bytes.
const keptMax = 16 << 20

// Auditor is what an evidence file is checked with.
type Auditor struct {
	// Key is the instance's; nil takes the one that the file names: then it proves no
	// more than that the file is in itself right.
	Key note.Verifier
	// Witnesses are the keys of those that sign: of every log each of them must have
	// signed something.
	Witnesses []note.Verifier
	Values    *search.Search // to be searched for in lines and recordings; nil: none
}

// Read checks an evidence file, and judges what stands in it anew. An error is
// ErrEvidence, but for one of reading. It reads the file twice, and takes memory for what
// exchanges are judged by, their ids, and those that are not whole yet: heldMax at most,
// and for the longest recording.
func (a Auditor) Read(ctx context.Context, r io.ReadSeeker) (Checked, error) {
	judge := newEvidenceJudge()
	judge.values = a.Values
	first, err := a.pass(ctx, r, &evidenceReader{judge: judge, each: judge.remember})
	if err != nil {
		return Checked{}, err
	}
	e, err := a.pass(ctx, r, &evidenceReader{judge: judge, each: judge.join, last: true})
	if err != nil {
		return Checked{}, err
	}
	if !bytes.Equal(first.hash.Sum(nil), e.hash.Sum(nil)) {
		return Checked{}, fmt.Errorf("reading evidence: %w", wrong("it changed while it was read"))
	}
	judge.rest(ctx)
	if err := judge.compare(&e.out); err != nil {
		return Checked{}, fmt.Errorf("reading evidence: %w", err)
	}
	return e.out, ctx.Err()
}

// pass reads all of a file once.
func (a Auditor) pass(ctx context.Context, r io.ReadSeeker, e *evidenceReader) (*evidenceReader, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	e.ctx, e.lines, e.hash, e.key, e.witnesses = ctx, bufio.NewReaderSize(r, evidenceMax), sha256.New(), a.Key, a.Witnesses
	for _, step := range []func() error{e.head, e.report, e.rules, e.logs, e.end} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("reading evidence, line %d: %w", e.at, err)
		}
	}
	return e, nil
}

type evidenceReader struct {
	ctx       context.Context // of one reading, which is one call
	lines     *bufio.Reader
	hash      hash.Hash // of all that was read
	n         int64     // bytes
	at        int       // lines
	line      []byte    // the current one, without its line feed
	key       note.Verifier
	witnesses []note.Verifier
	out       Checked
	judge     *evidenceJudge
	each      func(context.Context, place) error // takes each entry
	last      bool                               // it is read for the last time
	kept      int                                // bytes that are remembered
	signed    map[uint32]bool                    // witnesses that signed of the current log, by their key's hash
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

// keep counts so many bytes that are remembered.
func (e *evidenceReader) keep(n int) error {
	if e.kept += n; e.kept > keptMax {
		return wrong("more than %d bytes of what is not lines of a log", keptMax)
	}
	return nil
}

func (e *evidenceReader) quoted(key string, to *string) error {
	text, err := e.value(key)
	if err != nil {
		return err
	}
	if *to, err = strconv.Unquote(text); err != nil {
		return wrong("%q is not a quoted text", key)
	}
	return e.keep(len(text))
}

// form reads the first line: the file's form, this one or the first.
func (e *evidenceReader) form() error {
	if err := e.next(); err != nil {
		return err
	}
	if string(e.line) != evidenceHead && string(e.line) != evidenceFirst {
		return wrong("want %q", evidenceHead)
	}
	return e.next()
}

// head reads what stands before the report.
func (e *evidenceReader) head() error {
	if err := e.form(); err != nil {
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
		return wrong("it was made with another key, %q", named.Name())
	}
	e.judge.tally.made, e.judge.tally.key = e.out.Made, e.key
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
		if err := errors.Join(e.keep(len(e.line)), e.next()); err != nil {
			return err
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
