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
	"strings"
	"time"

	"cloakroom/internal/bucket"

	"gocloud.dev/gcerrors"
)

const (
	shipTime     = 5 * time.Minute // in which a pack goes outside and is read back
	shipWaitMost = time.Minute
)

var errUnlike = errors.New("what is read back is not what was stored")

// shipper takes closed packs to the outside store. One that it does not take is tried
// again after times that grow, and the others go on.
type shipper struct {
	r       *Recorder
	refused map[string]refusal // by path
}

// refusal is when a pack that was not taken is tried again.
type refusal struct {
	wait  time.Duration
	after time.Time
}

// round takes all that is to be taken now.
func (s *shipper) round(ctx context.Context) error {
	paths, err := listed(s.r.dir, closedExt)
	if err != nil {
		return err
	}
	refused := map[string]refusal{}
	for _, path := range paths {
		if was, ok := s.refused[path]; ok {
			refused[path] = was
		}
	}
	s.refused = refused
	for _, path := range paths {
		if ctx.Err() != nil {
			break
		}
		if !time.Now().Before(refused[path].after) {
			s.try(ctx, path)
		}
	}
	s.r.stuck.Store(int64(len(refused)))
	return nil
}

// try takes a pack outside, or remembers that it was not taken.
func (s *shipper) try(ctx context.Context, path string) {
	r := s.r
	err := r.ship(ctx, path)
	was, again := s.refused[path]
	if err != nil {
		if ctx.Err() != nil { // the service ends
			return
		}
		r.stats.refused.Add(1)
		wait := min(max(2*was.wait, r.o.tick), shipWaitMost)
		s.refused[path] = refusal{wait, time.Now().Add(wait)}
		if !again {
			r.o.Logger.Error("recording: the outside store does not take a pack, it is tried again", "pack", path, "error", err)
		}
		return
	}
	delete(s.refused, path)
	r.stats.shipped.Add(1)
	if again {
		r.o.Logger.Info("recording: the outside store has taken the pack", "pack", path)
	}
}

// ship takes a pack outside. It is removed here when it was read back there; one that
// is there already, as after a crash, is not written again.
func (r *Recorder) ship(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	pack, err := lock(ctx, path) // not the folder's: the store may take its time, and packs are closed meanwhile
	if err != nil {
		return err
	}
	defer pack.Close()
	sum, err := hashFile(path)
	if err != nil {
		return err
	}
	key := objectKey(path, sum)
	err = r.stored(ctx, key, sum)
	if gcerrors.Code(err) == gcerrors.NotFound || errors.Is(err, errUnlike) {
		if err := r.upload(ctx, key, path); err != nil {
			return fmt.Errorf("storing a pack outside: %w", err)
		}
		err = r.stored(ctx, key, sum)
	}
	if err != nil {
		return fmt.Errorf("reading a pack back: %w", err)
	}
	if err := r.o.disk.remove(path); err != nil {
		return err
	}
	return r.o.disk.syncDir(r.dir)
}

// objectKey is the name outside of a closed pack with that hash.
func objectKey(path string, sum []byte) string {
	return strings.TrimSuffix(filepath.Base(path), closedExt) + "-" + hex.EncodeToString(sum) + closedExt
}

func (r *Recorder) upload(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return bucket.Put(ctx, r.bucket, key, f, nil)
}

// stored reads an object whose bytes must have that hash.
func (p *Packs) stored(ctx context.Context, key string, sum []byte) error {
	back, err := p.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return err
	}
	defer back.Close()
	h := sha256.New()
	if _, err := io.Copy(h, back); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), sum) {
		return errUnlike
	}
	return nil
}

// weigh counts the bytes that wait for the outside store.
func (r *Recorder) weigh() {
	if r.bucket == nil {
		return
	}
	paths, err := listed(r.dir, closedExt)
	if err != nil {
		return // who writes there next tells
	}
	var waiting int64
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			waiting += info.Size()
		}
	}
	r.waiting.Store(waiting)
}

// tryStore asks the outside store whether it will take packs. One that does not answer is
// told of, and packs wait for it here.
func (r *Recorder) tryStore(ctx context.Context) error {
	if r.bucket == nil {
		return nil
	}
	object := r.o.Log.ID() + ".probe"
	err := bucket.Try(ctx, r.o.Store, r.bucket, object)
	if errors.Is(err, bucket.ErrSilent) {
		r.o.Logger.Error("recording: the outside store does not answer, packs wait for it", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.deleteOutside(ctx, object); err != nil {
		r.o.Logger.Warn("recording: the outside store lets nothing be deleted; who keeps it must see to the time that packs are kept", "error", err)
	}
	return nil
}

// deleteOutside deletes an object, unless somebody else was first. Google's driver
// calls one that may not be deleted one that is not there, too.
func (p *Packs) deleteOutside(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	err := p.bucket.Delete(ctx, key)
	if gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	there, listing := p.named(ctx, key)
	if listing != nil {
		return listing
	}
	if there != nil {
		return err
	}
	return nil
}
