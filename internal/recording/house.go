package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cloakroom/internal/record"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

const pruneEvery = time.Hour

// keepHouse takes closed packs to the outside store and deletes those whose time
// is over, until ctx ends.
func (r *Recorder) keepHouse(ctx context.Context) {
	tick := time.NewTicker(r.o.tick)
	defer tick.Stop()
	var pruned time.Time
	outage := false
	for {
		if now := r.o.Now(); now.Sub(pruned) >= pruneEvery {
			pruned = now
			if err := r.prune(ctx, now); err != nil {
				r.o.Logger.Error("recording: packs could not be deleted, it is tried again", "error", err)
			}
		}
		err := r.ship(ctx)
		if err != nil && !outage {
			r.o.Logger.Error("recording: the outside store does not take a pack, it is tried again", "error", err)
		}
		outage = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ship takes the closed packs to the outside store. One is removed here when it
// was read back there.
func (r *Recorder) ship(ctx context.Context) error {
	if r.bucket == nil {
		return nil
	}
	paths, err := listed(r.dir, closedExt)
	if err != nil {
		return err
	}
	var waiting int64
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			waiting += info.Size()
		}
	}
	r.waiting.Store(waiting)
	for _, path := range paths {
		size, err := r.shipOne(ctx, path)
		if err != nil {
			return fmt.Errorf("storing pack %q outside: %w", path, err)
		}
		r.waiting.Add(-size)
		r.stats.shipped.Add(1)
	}
	return nil
}

// packType is the media type of an object.
const packType = "application/octet-stream"

var errOtherBack = errors.New("what is read back is not what was stored")

func (r *Recorder) shipOne(ctx context.Context, path string) (size int64, err error) {
	lock, err := lockPacks(ctx, r.dir)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	sum, err := hashFile(path)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	key := strings.TrimSuffix(filepath.Base(path), closedExt) + "-" + hex.EncodeToString(sum) + closedExt
	if err := r.bucket.Upload(ctx, key, f, &blob.WriterOptions{ContentType: packType}); err != nil {
		return 0, err
	}
	back, err := r.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return 0, err
	}
	defer back.Close()
	h := sha256.New()
	if size, err = io.Copy(h, back); err != nil {
		return 0, err
	}
	if !bytes.Equal(h.Sum(nil), sum) {
		return 0, errOtherBack
	}
	if err := r.o.disk.remove(path); err != nil {
		return 0, err
	}
	return size, r.o.disk.syncDir(r.dir)
}

// prune deletes the packs whose time is over, here and outside. The log says so
// first.
func (r *Recorder) prune(ctx context.Context, now time.Time) error {
	paths, err := listed(r.dir, closedExt)
	if err != nil {
		return err
	}
	for _, path := range paths {
		s, ok := parseName(filepath.Base(path))
		if !ok || !s.over(now, r.o.PackAge) {
			continue
		}
		parts := 0
		if _, err := Scan(path, func(Found) error { parts++; return nil }); err != nil {
			r.o.Logger.Warn("recording: a pack that is deleted is not what it was", "error", err)
		}
		if err := r.pruneOne(ctx, s.id, parts, func() error { return r.o.disk.remove(path) }); err != nil {
			return err
		}
	}
	if r.bucket == nil {
		return nil
	}
	return r.pruneOutside(ctx, now)
}

func (r *Recorder) pruneOutside(ctx context.Context, now time.Time) error {
	for objects := r.bucket.List(nil); ; {
		o, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing the outside store: %w", err)
		}
		s, ok := parseName(o.Key)
		if !ok || !s.over(now, r.o.PackAge) {
			continue
		}
		if err := r.pruneOne(ctx, s.id, 0, func() error { return r.deleteOutside(ctx, o.Key) }); err != nil {
			return err
		}
	}
}

// deleteOutside deletes an object, unless somebody else was first.
func (p *Packs) deleteOutside(ctx context.Context, key string) error {
	err := p.bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return err
}

// pruneOne deletes a pack of so many parts; 0: it was not counted.
func (r *Recorder) pruneOne(ctx context.Context, id string, parts int, remove func() error) error {
	act := &record.Act{Name: "prune", Target: id, N: parts}
	if err := r.o.Log.Append(ctx, record.Entry{Act: act}); err != nil {
		return fmt.Errorf("deleting pack %q: %w", id, err)
	}
	if err := remove(); err != nil {
		return fmt.Errorf("deleting pack %q: %w", id, err)
	}
	r.stats.pruned.Add(1)
	return nil
}

// name is what a pack's name says.
type name struct {
	id      string
	created time.Time
	keep    time.Duration // 0: for ever
}

// parseName reads the name of a file or an object; ok: it is a pack's.
func parseName(text string) (n name, ok bool) {
	fields := strings.Split(strings.TrimSuffix(text, closedExt), "-")
	if len(fields) < 3 || len(fields[0]) != exchangeLen {
		return name{}, false
	}
	created, err := strconv.ParseInt(fields[1], 10, 64)
	keep, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || err2 != nil || keep < 0 || keep > int64(1<<62/time.Second) {
		return name{}, false
	}
	return name{fields[0], time.Unix(created, 0), time.Duration(keep) * time.Second}, true
}

// over tells whether the time of all its parts is over.
func (n name) over(now time.Time, age time.Duration) bool {
	return n.keep > 0 && now.After(n.created.Add(age+n.keep))
}
