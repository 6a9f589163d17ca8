package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloakroom/internal/record"
)

const (
	packsFolder = "packs"
	carriedFile = "carried"
	// appendWait is how long the log may take to say that a pack is closed.
	appendWait = 10 * time.Second
)

// finishAll closes the packs that are settled, which are those not in again, and
// returns again with those that could not be.
func (r *Recorder) finishAll(retired, again []*pack) []*pack {
	for _, p := range retired {
		if slices.Contains(again, p) {
			continue
		}
		now := r.o.Now()
		if now.Before(p.again) {
			again = append(again, p)
			continue
		}
		if err := r.finish(p); err != nil {
			r.o.Logger.Error("recording: a pack could not be closed, it is tried again", "pack", p.id, "error", err)
			p.again = now.Add(r.o.tick)
			again = append(again, p)
		}
	}
	return again
}

// finish closes a pack, all of which is on disk. What stands in it is named in the
// log by then, or in the list of exchanges that go on.
func (r *Recorder) finish(p *pack) error {
	if p.count == 0 {
		if err := r.o.disk.remove(p.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return p.file.Close()
	}
	ctx, stop := context.WithTimeout(context.Background(), commitEvery)
	defer stop()
	packs, err := lock(ctx, r.dir) // what is erased meanwhile would not have the hash that is noted
	if err != nil {
		return err
	}
	defer packs.Close()
	// In this order: what was noted is on disk before a list without it takes the
	// place of the one before.
	if !p.noted {
		if err := r.noteClosed(p.path, p.id, p.count); err != nil {
			return err
		}
		p.noted = true
	}
	if err := r.carry(); err != nil {
		return err
	}
	if err := r.rename(p.path); err != nil {
		return err
	}
	return p.file.Close()
}

// noteClosed notes in the log what a pack holds. All that was noted before is on
// disk then.
func (r *Recorder) noteClosed(path, id string, parts int) error {
	sum, err := hashFile(path)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), appendWait)
	defer stop()
	act := &record.Act{Name: "pack", Target: id, N: parts, Detail: closedDetail(sum)}
	return r.o.Log.Append(ctx, record.Entry{Act: act})
}

// rename gives the file of an open pack the name of a closed one.
func (r *Recorder) rename(path string) error {
	to := strings.TrimSuffix(path, openExt) + closedExt
	if _, err := os.Stat(to); err != nil {
		if err := r.o.disk.rename(path, to); err != nil {
			return err
		}
	}
	return r.o.disk.syncDir(r.dir)
}

// hashFile is a file's SHA-256.
func hashFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// carried is an exchange that goes on while a pack is closed that has parts of it:
// should the process end first, the next one ends it with them.
type carried struct {
	Exchange string     `json:"exchange"`
	Parts    []numbered `json:"parts"`
}

// numbered is a part and its number among its exchange's.
type numbered struct {
	record.Part
	Number int `json:"number"`
}

// carriedAt begins the list: where the log ended when it was made. The ends of
// these exchanges stand behind.
type carriedAt struct {
	Seq  uint64      `json:"seq"`
	Hash record.Hash `json:"hash"`
}

// carry lists the exchanges that have parts and no end in the log.
func (r *Recorder) carry() error {
	at := r.o.Log.Durable()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	err := enc.Encode(carriedAt(at))
	for _, c := range r.goingOn() {
		err = errors.Join(err, enc.Encode(c))
	}
	if err == nil {
		err = writeWhole(r.o.disk, filepath.Join(r.dir, carriedFile), b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("listing the exchanges that go on: %w", err)
	}
	return nil
}

// goingOn are the exchanges that have parts, and no end in the log.
func (r *Recorder) goingOn() (all []carried) {
	r.mu.Lock()
	writers := slices.Collect(maps.Keys(r.tapes))
	r.mu.Unlock()
	for _, w := range writers {
		w.mu.Lock()
		all = appendCarried(all, w.exchange, w.parts)
		w.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.endings {
		all = appendCarried(all, e.exchange, e.parts)
	}
	return all
}

// appendCarried leaves out what has no place yet: it will have one in a pack that
// is open then.
func appendCarried(all []carried, exchange string, parts []*part) []carried {
	c := carried{Exchange: exchange}
	for _, p := range parts {
		if p.payload == nil && !p.lost {
			c.Parts = append(c.Parts, numbered{p.Part, p.number})
		}
	}
	if len(c.Parts) == 0 {
		return all
	}
	return append(all, c)
}

// writeWhole makes a file: a crash leaves all of it, or what was there before.
func writeWhole(d disk, path string, text []byte) error {
	next := path + ".new"
	if err := d.remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := d.create(next)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = d.rename(next, path)
	}
	if err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}
