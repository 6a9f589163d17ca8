package record

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// CatchUp applies to ix what the log in dir has beyond it, as a crash leaves
// it. While a service writes the log it does nothing: that one's Follower does;
// nor where none ever wrote one. ErrBroken: the log does not go on from where ix
// is, or its chain does not hold; ix then keeps what it has, because it may be all
// that tells what the log was.
func CatchUp(ctx context.Context, dir string, ix Index) error {
	switch _, err := ID(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	lock, err := lockDir(dir)
	if errors.Is(err, ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	lock.Close() // not kept: a service may start meanwhile, and Apply takes no line twice
	p, err := ix.Applied(ctx)
	if err != nil {
		return err
	}
	r, err := ReadAfter(dir, p)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		lines, broken := r.whole()
		if len(lines) == 0 {
			return broken
		}
		if err := errors.Join(ix.Apply(ctx, lines), broken); err != nil {
			return err
		}
	}
}

// whole reads some of the whole lines that are there, up to what is wrong.
func (r *Reader) whole() (lines []Line, err error) {
	for len(lines) < followBatch {
		l, err := r.Next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		l.Raw = append([]byte(nil), l.Raw...)
		lines = append(lines, l)
	}
	return lines, nil
}
