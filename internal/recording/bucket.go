package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gocloud.dev/blob"
)

// findTime is how long the outside store may take to find a pack: one that is down
// is waited for without end by Google's driver.
const findTime = 30 * time.Second

// object finds the pack's object in the outside store; nil: it is not there.
func (p *Packs) object(ctx context.Context, id string) (*blob.ListObject, error) {
	o, err := p.named(ctx, id+"-")
	if err != nil {
		return nil, fmt.Errorf("looking for pack %q in the outside store: %w", id, err)
	}
	return o, nil
}

// named finds the first object whose name begins so; nil: there is none.
func (p *Packs) named(ctx context.Context, prefix string) (*blob.ListObject, error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	o, err := p.bucket.List(&blob.ListOptions{Prefix: prefix}).Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return o, err
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
