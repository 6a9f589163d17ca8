package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cloakroom/internal/record"
)

const pruneEvery = time.Hour

// keepHouse takes closed packs to the outside store and deletes those whose time
// is over, until ctx ends.
func (r *Recorder) keepHouse(ctx context.Context) {
	tick := time.NewTicker(r.o.tick)
	defer tick.Stop()
	var pruned time.Time
	packs := shipper{r: r}
	for {
		if r.bucket != nil {
			if err := packs.round(ctx); err != nil {
				r.o.Logger.Error("recording: packs cannot be stored outside, it is tried again", "error", err)
			}
		}
		if now := r.o.Now(); now.Sub(pruned) >= pruneEvery {
			pruned = now
			if err := r.prune(ctx, now); err != nil {
				r.o.Logger.Error("recording: packs could not be deleted, it is tried again", "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// prune deletes the packs whose time is over, here and outside, and what was set
// aside. The log says so first. One that cannot be deleted keeps no other; the first
// such error is returned.
func (r *Recorder) prune(ctx context.Context, now time.Time) error {
	here := r.pruneHere(ctx, now)
	if r.bucket == nil {
		return here
	}
	return errors.Join(here, r.pruneOutside(ctx, now))
}

func (r *Recorder) pruneHere(ctx context.Context, now time.Time) (first error) {
	paths, err := listed(r.dir, closedExt, asideExt)
	if err != nil {
		return err
	}
	for _, path := range paths {
		s, ok := parseName(filepath.Base(path))
		if !ok || !s.over(now, r.o.PackAge) {
			continue
		}
		act := record.Act{Name: "prune", Target: s.id}
		if filepath.Ext(path) == asideExt {
			act.Detail = "set aside"
		} else if _, err := Scan(path, func(Found) error { act.N++; return nil }); err != nil {
			r.o.Logger.Warn("recording: a pack that is deleted is not what it was", "error", err)
		}
		err := r.pruneOne(ctx, path, act, func() error { return r.o.disk.remove(path) })
		if first == nil {
			first = err
		}
	}
	return first
}

func (r *Recorder) pruneOutside(ctx context.Context, now time.Time) (first error) {
	ctx, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	for objects := r.bucket.List(nil); ; {
		o, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return first
		}
		if err != nil {
			return errors.Join(first, fmt.Errorf("listing the outside store: %w", err))
		}
		s, ok := parseName(o.Key)
		if !ok || !s.over(now, r.o.PackAge) {
			continue
		}
		act := record.Act{Name: "prune", Target: s.id}
		err = r.pruneOne(ctx, o.Key, act, func() error { return r.deleteOutside(ctx, o.Key) })
		if first == nil {
			first = err
		}
	}
}

// pruneOne deletes a pack, or what was set aside; the act has as N how many parts it
// held, 0 where they were not counted. What is tried again is not told again.
func (r *Recorder) pruneOne(ctx context.Context, at string, act record.Act, remove func() error) error {
	if !r.told[at] {
		if err := r.o.Log.Append(ctx, record.Entry{Act: &act}); err != nil {
			return fmt.Errorf("deleting pack %q: %w", act.Target, err)
		}
		r.told[at] = true
	}
	if err := remove(); err != nil {
		return fmt.Errorf("deleting pack %q: %w", act.Target, err)
	}
	delete(r.told, at)
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
	base, _, _ := strings.Cut(text, ".")
	fields := strings.Split(base, "-")
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
