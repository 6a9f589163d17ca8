package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// logRead is a log that was read, with its tree.
type logRead struct {
	audit *logAudit
	log   string // its id
	dir   string
	scan  *scan
	tree  hashes
	size  int64 // lines

	signed   checkpoint.Signed                // what it says itself; zero: nothing that holds
	took     map[string]checkpoint.Checkpoint // what witnesses have taken, by the receipt's path
	unsigned bool                             // there is no checkpoint beside it
	began    time.Time                        // the time of its first entry
	stored   *storedLeaves                    // the leaves that were signed, nil: they are not known
	strange  int                              // lines that are not those
	named    []naming                         // what it says of other logs
	absent   []recorded                       // parts of recordings that are not there as they were
	indexed  record.Position                  // how far the index should have it
	rows     *expected
}

// naming is a head of another log that an entry names.
type naming struct {
	head  record.Head
	entry Finding
}

// recorded is a part of a recording that an entry names.
type recorded struct {
	part     record.Part
	exchange string // empty: it is not one's
	entry    Finding
	until    time.Time // it may be deleted then; zero: never
	unended  bool      // the next process ended it, which may not know until when it is kept
	err      error     // recording.ErrGone, ErrErased or ErrBroken
}

// hashes are a tree's stored hashes, as tlog has them.
type hashes []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	got := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(h)) {
			return nil, fmt.Errorf("reading a tree: no hash %d", at)
		}
		got[i] = h[at]
	}
	return got, nil
}

// found reports what is wrong with this log.
func (r *logRead) found(f Finding) {
	f.Log = r.log
	r.audit.found(f)
}

// begin prepares the reading of the lines.
func (r *logRead) begin() {
	r.stored = readStored(r.dir, r.signed.Checkpoint)
	r.rows = newExpected(r.indexed)
	r.scan = &scan{dir: r.dir, wrong: r.found}
}

// lines reads the log's lines into its tree; called again, those that have come
// since: a service may be writing.
func (r *logRead) lines(ctx context.Context) (err error) {
	r.scan.take = func(l stood) {
		if failed := r.line(ctx, l); failed != nil && err == nil {
			err = failed
		}
	}
	if failed := r.scan.all(ctx); failed != nil {
		return failed
	}
	return err
}

// end tells what is missing behind the last line.
func (r *logRead) end() {
	if r.scan.torn > 0 {
		r.audit.note("log %s ends with %d bytes of a line that was never acknowledged, or is being written", r.log, r.scan.torn)
	}
	if r.stored == nil {
		return
	}
	r.stored.Close()
	if r.size < r.signed.Size {
		path, at := r.scan.place()
		r.found(Finding{Entry: uint64(r.size) + 1, File: path, Byte: at, What: fmt.Sprintf("entries %d to %d, which were signed, are missing", r.size+1, r.signed.Size)})
	}
}

// reaches tells whether the log has so many entries.
func (r *logRead) reaches(ctx context.Context, size int64) bool {
	if size > r.size {
		if err := r.lines(ctx); err != nil {
			r.found(Finding{File: r.dir, What: err.Error()})
		}
	}
	return size <= r.size
}

// line adds a line to the tree, and takes from it what is compared later.
func (r *logRead) line(ctx context.Context, l stood) error {
	more, err := tlog.StoredHashes(r.size, l.Raw, r.tree)
	if err != nil {
		return fmt.Errorf("growing the tree of log %q: %w", r.dir, err)
	}
	r.tree = append(r.tree, more...)
	where := Finding{Log: r.log, Entry: l.Seq, File: l.file, Byte: l.at}
	if r.stored != nil && r.size < r.signed.Size && r.stored.leaf(r.size) != more[0] {
		if r.strange++; r.strange <= strangeMost {
			where.What = fmt.Sprintf("not the line that was signed as entry %d", r.size+1)
			r.found(where)
		}
	}
	r.size++
	if l.bad {
		return nil
	}
	r.rows.line(l.Line, where)
	return r.entry(ctx, l.Line, where)
}

// strangeMost is how many lines of one log are told that are not those that were
// signed: behind one that was dropped or inserted all are.
const strangeMost = 3

// compared are marks of the entries that are compared with something.
var compared = [][]byte{[]byte(`,"heads":{`), []byte(`"sha256":"`), []byte(`,"lease":{`), []byte(`,"bar":{`), []byte(`,"act":{`)}

// entry takes from an entry what is compared later, and compares what was
// recorded with what it says.
func (r *logRead) entry(ctx context.Context, l record.Line, where Finding) error {
	if !slices.ContainsFunc(compared, func(mark []byte) bool { return bytes.Contains(l.Raw, mark) }) {
		return nil
	}
	e, err := l.Entry()
	if err != nil {
		where.What = err.Error()
		r.found(where)
		return nil
	}
	if r.size == 1 {
		r.began = e.Time
	}
	if e.Act != nil && e.Act.ID != "" {
		r.audit.act(e.Act.ID, where)
	}
	switch {
	case e.Heads != nil:
		for _, h := range e.Heads.Heads {
			r.named = append(r.named, naming{h, where})
		}
	case e.End != nil:
		of := recorded{exchange: e.End.Exchange, entry: where, until: e.End.Until, unended: e.End.Error == recording.Unended}
		return r.recording(ctx, e.End.Recording, of)
	case e.Reload != nil:
		return r.recording(ctx, e.Reload.Rules, recorded{entry: where})
	case r.audit.State != nil && (e.Lease != nil || e.Bar != nil):
		r.audit.told(e, where)
	case e.Act != nil:
		r.act(e.Time, e.Act, where)
	}
	return nil
}

// compare judges a checkpoint of this log that stands in a file.
func (r *logRead) compare(ctx context.Context, c checkpoint.Checkpoint, file string, at int64) {
	where := Finding{File: file, Byte: at}
	switch {
	case c.Log == "": // told before
		return
	case !r.reaches(ctx, c.Size):
		where.Entry = uint64(r.size) + 1
		where.What = fmt.Sprintf("a checkpoint of %d entries, and the log has %d: it was cut short or rolled back", c.Size, r.size)
	case r.root(c.Size) != c.Root:
		where.What = fmt.Sprintf("a checkpoint with another root of the first %d entries: the log was rewritten, or continued twice", c.Size)
	default:
		return
	}
	r.found(where)
}

// root is that of the first n entries, which are there.
func (r *logRead) root(n int64) tlog.Hash {
	root, err := tlog.TreeHash(n, r.tree)
	if err != nil {
		panic(err) // the tree is in memory, and larger
	}
	return root
}

func (r *logRead) sum() LogSum {
	root := r.root(r.size)
	return LogSum{Log: r.log, Dir: r.dir, Entries: r.size, Bytes: r.scan.bytes, Signed: r.signed.Size,
		Root: base64.StdEncoding.EncodeToString(root[:])}
}
