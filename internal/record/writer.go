package record

import (
	"fmt"
	"time"
)

// writer writes segments. What it has acknowledged is all up to pos.
type writer struct {
	dir   string
	disk  disk
	most  int64
	stats *stats

	pos   Position
	first uint64 // of the current segment; 0: there is none
	size  int64  // of its acknowledged part
	file  file   // nil: the segment is to be settled, or there is none
	buf   []byte
}

// commit writes and syncs the batch. After an error nothing of it counts, and
// the next commit first settles what the disk may have kept.
// most is how many bytes the batch may take.
func (w *writer) commit(batch []*waiting, most int) error {
	if err := w.ready(int64(most)); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	pos := w.assemble(batch)
	if err := w.write(); err != nil {
		w.close()
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.size += int64(len(w.buf))
	w.pos = pos
	w.stats.commits.Add(1)
	w.stats.entries.Add(uint64(len(batch)))
	w.stats.bytes.Add(uint64(len(w.buf)))
	return nil
}

// assemble makes the batch's lines in buf, and returns the position behind.
func (w *writer) assemble(batch []*waiting) Position {
	const keep = 2 * batchMax
	if cap(w.buf) > keep {
		w.buf = nil
	}
	w.buf = w.buf[:0]
	pos := w.pos
	for _, x := range batch {
		start := len(w.buf)
		w.buf = prefix(w.buf, pos)
		w.buf = append(w.buf, x.rest...)
		pos = Position{pos.Seq + 1, hashLine(w.buf[start:])}
		x.at = pos
	}
	return pos
}

// path is the current segment's.
func (w *writer) path() string { return segmentPath(w.dir, w.first) }

// ready makes sure that there is an open segment with room.
func (w *writer) ready(room int64) error {
	if w.first != 0 && w.file == nil {
		if err := w.settle(); err != nil {
			return err
		}
	}
	if w.file != nil && w.size > 0 && w.size+room > w.most {
		w.close()
		w.first = 0
	}
	if w.file != nil {
		return nil
	}
	first := w.pos.Seq + 1
	f, err := w.disk.create(segmentPath(w.dir, first))
	if err != nil {
		return err
	}
	w.file, w.first, w.size = f, first, 0
	if err := w.disk.syncDir(w.dir); err != nil {
		w.close()
		return err
	}
	return nil
}

func (w *writer) write() error {
	if _, err := w.file.Write(w.buf); err != nil {
		return err
	}
	start := time.Now()
	err := w.file.Sync()
	w.stats.syncTime.Add(int64(time.Since(start)))
	return err
}

func (w *writer) close() {
	if w.file != nil {
		w.file.Close() // what counts was synced
		w.file = nil
	}
}
