package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"cloakroom/internal/bucket"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/mod/sumdb/note"
)

var _ Archive = (*Bucket)(nil)

// Bucket is a witness that is an object store's bucket, better one whose
// objects are locked for a time.
type Bucket struct {
	name   string
	bucket *blob.Bucket
	key    note.Verifier

	mu     sync.Mutex
	looked map[string]bool // by log
}

// NewBucket makes a witness of a bucket that was opened from a URL; key
// verifies what stands in it.
func NewBucket(at string, opened *blob.Bucket, key note.Verifier) (*Bucket, error) {
	if opened == nil || key == nil {
		return nil, errors.New("making a witness: a bucket and a key are required")
	}
	return &Bucket{name: bucket.Name(at), bucket: opened, key: key, looked: map[string]bool{}}, nil
}

// Name implements Witness.
func (b *Bucket) Name() string { return b.name }

// Add implements Witness.
func (b *Bucket) Add(ctx context.Context, c Signed, _ Checkpoint, log History) ([]byte, error) {
	if err := b.look(ctx, c.Log, log); err != nil {
		return nil, err
	}
	object := fmt.Sprintf("%s/%020d", c.Log, c.Size)
	err := bucket.Put(ctx, b.bucket, object, bytes.NewReader(c.Note), &blob.WriterOptions{ContentType: "text/plain; charset=utf-8", IfNotExist: true})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition { // there is one
		return b.same(ctx, object, c)
	}
	if err != nil {
		return nil, fmt.Errorf("telling witness %q: %w", b.name, err)
	}
	return c.Note, nil
}

// look looks once whether a log continues the largest checkpoint that is there.
func (b *Bucket) look(ctx context.Context, id string, log History) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looked[id] {
		return nil
	}
	largest := ""
	err := b.list(ctx, id+"/", "", func(o *blob.ListObject) error { largest = max(largest, o.Key); return nil })
	if err == nil && largest != "" {
		err = b.continued(ctx, largest, log)
	}
	b.looked[id] = err == nil
	return err
}

func (b *Bucket) continued(ctx context.Context, object string, log History) error {
	kept, err := b.read(ctx, object)
	if err != nil {
		return err
	}
	s, err := Open(kept, b.key)
	if err == nil {
		err = log.Continues(s.Checkpoint)
	}
	if err != nil {
		return fmt.Errorf("telling witness %q, which has %q: %w", b.name, object, err)
	}
	return nil
}

// same looks whether an object is a checkpoint like c.
func (b *Bucket) same(ctx context.Context, object string, c Signed) ([]byte, error) {
	kept, err := b.read(ctx, object)
	if err != nil {
		return nil, err
	}
	if there, err := Open(kept, b.key); err != nil || there.Checkpoint != c.Checkpoint {
		return nil, fmt.Errorf("witness %q has taken another checkpoint of %d entries: %w", b.name, c.Size, ErrRewritten)
	}
	return c.Note, nil
}

func (b *Bucket) read(ctx context.Context, object string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := b.bucket.NewReader(ctx, object, nil)
	if err != nil {
		return nil, fmt.Errorf("reading witness %q: %w", b.name, err)
	}
	defer r.Close()
	note, err := io.ReadAll(io.LimitReader(r, noteMax+1))
	if err == nil && len(note) > noteMax {
		err = ErrLong
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q of witness %q: %w", object, b.name, err)
	}
	return note, nil
}

// Logs implements Archive.
func (b *Bucket) Logs(ctx context.Context) ([]string, error) {
	var logs []string
	err := b.list(ctx, "", "/", func(o *blob.ListObject) error {
		if o.IsDir {
			logs = append(logs, strings.TrimSuffix(o.Key, "/"))
		}
		return nil
	})
	return logs, err
}

// Read implements Archive.
func (b *Bucket) Read(ctx context.Context, log string, take func(Kept) error) error {
	return b.list(ctx, log+"/", "", func(o *blob.ListObject) error {
		note, err := b.read(ctx, o.Key)
		if err != nil {
			return err
		}
		return take(Kept{File: b.name + "/" + o.Key, Note: note})
	})
}

func (b *Bucket) list(ctx context.Context, prefix, delimiter string, each func(*blob.ListObject) error) error {
	objects := b.bucket.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
	for {
		o, err := b.next(ctx, objects)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listing witness %q: %w", b.name, err)
		}
		if err := each(o); err != nil {
			return err
		}
	}
}

// next waits only so long: Google's driver waits without end for a store that is down.
func (b *Bucket) next(ctx context.Context, objects *blob.ListIterator) (*blob.ListObject, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return objects.Next(ctx)
}
