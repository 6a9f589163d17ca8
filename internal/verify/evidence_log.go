package verify

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
)

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
	if err := e.keep(len(id)); err != nil {
		return err
	}
	out := CheckedLog{Log: id, Size: c.Size}
	e.judge.until[id] = uint64(c.Size)
	if out.Witnesses, err = e.took(c.Checkpoint); err != nil {
		return err
	}
	var last record.Line
	for bytes.HasPrefix(e.line, []byte("entry ")) {
		if last, err = e.entry(c.Checkpoint, last, &out); err != nil {
			return err
		}
	}
	e.out.Logs = append(e.out.Logs, out)
	return nil
}

// take counts an entry that was proved.
func (l *CheckedLog) take(p place) {
	seq := p.line.Seq
	l.Entries++
	if p.exchange() != "" {
		l.Gaps = int64(seq) - int64(l.Entries)
	}
	if int64(seq) == l.Whole+1 {
		l.Whole++
	}
	for i := range l.Witnesses {
		if seq <= uint64(l.Witnesses[i].Size) {
			l.Witnesses[i].Covers++
		}
	}
}

// took reads what witnesses took of a log, of which each whose key is given must have
// signed something.
func (e *evidenceReader) took(c checkpoint.Checkpoint) (all []CheckedWitness, err error) {
	const each = 256 // bytes that one is remembered with, but for its name
	e.signed = map[uint32]bool{}
	for bytes.HasPrefix(e.line, []byte("witnessed ")) {
		w, err := e.witnessed(c)
		if err == nil {
			err = e.keep(each)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	for _, v := range e.witnesses {
		if !e.signed[v.KeyHash()] {
			return nil, wrong("nothing of log %q is signed by witness %q", c.Log, v.Name())
		}
	}
	return all, nil
}

// noteMax is the longest note in bytes.
const noteMax = 64 << 10

// note reads a signed note.
func (e *evidenceReader) note() ([]byte, error) {
	msg, err := e.text(noteMax)
	return append(msg, '\n'), err
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
			e.signed[v.KeyHash()] = true
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

// entry reads an entry behind the last one, proves that it is in the tree, and counts it.
func (e *evidenceReader) entry(c checkpoint.Checkpoint, last record.Line, to *CheckedLog) (l record.Line, err error) {
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
	p, err := placeOf(c.Log, l)
	if err != nil {
		return l, wrong("entry %d cannot be read", l.Seq)
	}
	to.take(p)
	if err := e.each(e.ctx, p); err != nil {
		return l, err
	}
	if e.last {
		e.judge.search(&p, Kept, passage{where: "log", text: raw})
	}
	return l, e.content(p)
}
