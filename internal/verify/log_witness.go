package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
)

// latest is the checkpoint that stands beside the log.
func (r *logRead) latest() checkpoint.Signed {
	path := checkpoint.LatestPath(r.dir)
	msg, err := checkpoint.Latest(r.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.unsigned = true // is judged once the lines tell when it began
		return checkpoint.Signed{}
	case err != nil:
		r.found(Finding{File: path, What: err.Error()})
		return checkpoint.Signed{}
	}
	return checkpoint.Signed{Checkpoint: r.own(msg, path, 0), Note: msg}
}

// signedSoon is how old a log is at most of which nothing is signed yet.
const signedSoon = 10 * time.Second

// neverSigned tells of a log that has no checkpoint.
func (r *logRead) neverSigned() {
	if len(r.took) == 0 && r.audit.Now.Sub(r.began).Abs() < signedSoon {
		r.audit.note("nothing of log %s is signed yet: it has just begun", r.log)
		return
	}
	r.found(Finding{File: checkpoint.LatestPath(r.dir), What: "no checkpoint: nothing of the log is signed"})
}

// own opens a checkpoint that should be of this log; what is wrong with it is
// told, and nothing is returned then.
func (r *logRead) own(msg []byte, file string, at int64, more ...note.Verifier) checkpoint.Checkpoint {
	s, err := r.audit.open(msg, more...)
	if err == nil && s.Log != r.log {
		err = fmt.Errorf("a checkpoint of log %q", s.Log)
	}
	if err != nil {
		r.found(Finding{File: file, Byte: at, What: err.Error()})
		return checkpoint.Checkpoint{}
	}
	return s.Checkpoint
}

// receipts reads what is noted beside the log of what witnesses have taken.
func (r *logRead) receipts() {
	paths, err := checkpoint.Receipts(r.dir)
	if err != nil {
		r.found(Finding{File: r.dir, What: err.Error()})
	}
	for _, path := range paths {
		msg, err := checkpoint.Receipt(path)
		if err != nil {
			r.found(Finding{File: path, What: err.Error()})
			continue
		}
		r.took[path] = r.own(msg, path, 0, r.cosigner(path)...)
	}
}

func (r *logRead) compareReceipts(ctx context.Context) {
	for _, path := range slices.Sorted(maps.Keys(r.took)) {
		c := r.took[path]
		r.compare(ctx, c, path, 0)
		if c.Size > r.signed.Size {
			r.found(Finding{File: checkpoint.LatestPath(r.dir), What: fmt.Sprintf("a checkpoint of %d entries, and a witness has taken one of %d: it was replaced by an earlier one", r.signed.Size, c.Size)})
		}
	}
}

// cosigner is the key of the witness that must have signed a receipt, if it is
// one that signs.
func (r *logRead) cosigner(path string) []note.Verifier {
	for _, u := range r.audit.Signers {
		if checkpoint.ReceiptPath(r.dir, u.Name()) == path {
			return []note.Verifier{u.Key()}
		}
	}
	return nil
}

// witnesses compares the logs with what witnesses kept.
func (a *logAudit) witnesses(ctx context.Context) error {
	for _, w := range a.Archives {
		logs, err := w.Logs(ctx)
		if err != nil {
			a.found(Finding{File: w.Name(), What: err.Error()})
			continue
		}
		for _, log := range logs {
			if a.read[log] == nil {
				a.stranger(ctx, w, log)
			}
		}
		for _, log := range a.ids() {
			a.read[log].witness(ctx, w)
		}
	}
	return nil
}

// stranger judges what a witness has of a log that was not read: it is missing
// if it is one of this instance.
func (a *logAudit) stranger(ctx context.Context, w checkpoint.Archive, log string) {
	ours := Finding{}
	err := w.Read(ctx, log, func(k checkpoint.Kept) error {
		if s, err := a.open(k.Note); err == nil && s.Log == log {
			ours = Finding{Log: log, File: k.File, Byte: k.Byte, What: fmt.Sprintf("a checkpoint of %d entries of a log that is missing: name its folder with --log", s.Size)}
		}
		return nil
	})
	switch {
	case err != nil:
		a.found(Finding{Log: log, File: w.Name(), What: err.Error()})
	case ours.What != "":
		a.found(ours)
	default:
		a.note("witness %s has checkpoints of log %s, which are signed with another key", w.Name(), log)
	}
}

// witness compares the log with what one witness kept of it.
func (r *logRead) witness(ctx context.Context, w checkpoint.Archive) {
	var last checkpoint.Checkpoint
	var torn *Finding
	file := w.Name()
	err := w.Read(ctx, r.log, func(k checkpoint.Kept) error {
		file = k.File
		if torn != nil {
			r.found(*torn)
			torn = nil
		}
		if checkpoint.Torn(k.Note, r.log) { // the last may be one that is being written
			torn = &Finding{File: k.File, Byte: k.Byte, What: "a checkpoint without an end"}
			return nil
		}
		c := r.own(k.Note, k.File, k.Byte)
		r.compare(ctx, c, k.File, k.Byte)
		if c.Log != "" && c.Size <= last.Size {
			r.found(Finding{File: k.File, Byte: k.Byte, What: fmt.Sprintf("a checkpoint of %d entries behind one of %d: they were moved or repeated", c.Size, last.Size)})
		}
		if c.Size > last.Size {
			last = c
		}
		r.audit.report.Witnessed++
		return nil
	})
	if err != nil {
		r.found(Finding{File: w.Name(), What: err.Error()})
	}
	r.taken(w.Name(), file, last)
}

// signers asks the witnesses that sign how far they have taken the logs: what is noted
// of that beside a log may have been removed with the rest.
func (a *logAudit) signers(ctx context.Context) error {
	for _, u := range a.Signers {
		for _, id := range a.ids() {
			if r := a.read[id]; r.signed.Size > 0 {
				r.signer(ctx, u)
			}
		}
	}
	return nil
}

func (r *logRead) signer(ctx context.Context, u *checkpoint.URL) {
	n, err := u.Taken(ctx, r.signed)
	noted, some := r.took[checkpoint.ReceiptPath(r.dir, u.Name())]
	where := Finding{File: u.Name()}
	switch {
	case errors.Is(err, checkpoint.ErrRewritten):
		where.What = fmt.Sprintf("it has taken another checkpoint of %d entries: the log was rewritten, or continued twice", r.signed.Size)
	case err != nil:
		r.audit.note("witness %s does not say how far it has taken log %s: %v", u.Name(), r.log, err)
		return
	case !r.reaches(ctx, n):
		where.Entry = uint64(r.size) + 1
		where.What = fmt.Sprintf("it has taken a checkpoint of %d entries, and the log has %d: it was cut short or rolled back", n, r.size)
	case n < noted.Size:
		where.What = fmt.Sprintf("it has taken a checkpoint of %d entries, and its last is of %d: it was cut", noted.Size, n)
	case n > 0 && !some:
		where.What = fmt.Sprintf("it has taken a checkpoint of %d entries, and what was noted of that beside the log is gone", n)
	default:
		r.audit.report.Witnessed++
		return
	}
	r.found(where)
}

// taken compares the last checkpoint that a witness, or the store, has with what
// it has taken.
func (r *logRead) taken(name, file string, last checkpoint.Checkpoint) {
	c, some := r.took[checkpoint.ReceiptPath(r.dir, name)]
	switch {
	case c.Size > last.Size:
		r.found(Finding{File: file, What: fmt.Sprintf("it has taken a checkpoint of %d entries, and its last is of %d: it was cut", c.Size, last.Size)})
	case !some && last.Size == 0:
		r.audit.note("%s has no checkpoint of log %s", file, r.log)
	}
}
