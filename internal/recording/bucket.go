package recording

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/memblob"   // mem://
	_ "gocloud.dev/blob/s3blob"    // s3://
)

// openBucket opens an outside store.
func openBucket(ctx context.Context, url string) (*blob.Bucket, error) {
	b, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("opening the outside store: %w", err)
	}
	return b, nil
}

// object finds the pack's object in the outside store; nil: it is not there.
func (p *Packs) object(ctx context.Context, id string) (*blob.ListObject, error) {
	o, err := p.bucket.List(&blob.ListOptions{Prefix: id + "-"}).Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for pack %q in the outside store: %w", id, err)
	}
	return o, nil
}

// fetch reads up to n bytes of a pack in the outside store.
func (p *Packs) fetch(ctx context.Context, id string, at, n int64) ([]byte, error) {
	o, err := p.object(ctx, id)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, fmt.Errorf("reading pack %q: %w", id, ErrGone)
	}
	n = max(0, min(n, o.Size-at))
	r, err := p.bucket.NewRangeReader(ctx, o.Key, at, n, nil)
	if err != nil {
		return nil, fmt.Errorf("reading pack %q from the outside store: %w", id, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, n))
	if err != nil {
		return nil, fmt.Errorf("reading pack %q from the outside store: %w", id, err)
	}
	return b, nil
}
