package main

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/blob"
	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/bucket"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
)

// witnesses are those of a configuration, and the buckets that they need open.
type witnesses struct {
	all     []checkpoint.Witness
	buckets []namedBucket
}

// namedBucket is a bucket with its URL.
type namedBucket struct {
	at     string
	bucket *blob.Bucket
}

// openWitnesses opens the configuration's witnesses; key is the log's.
func openWitnesses(ctx context.Context, cfg *config.Config, key note.Verifier) (w witnesses, err error) {
	for _, c := range cfg.Record.Checkpoint.Witnesses {
		var one checkpoint.Witness
		switch {
		case c.Dir != "":
			one, err = checkpoint.NewDir(c.Dir, key)
		case c.URL != "":
			one, err = checkpoint.NewURL(c.URL, c.Key, key)
		default:
			one, err = w.bucket(ctx, c.Bucket, key)
		}
		if err != nil {
			w.Close()
			return witnesses{}, err
		}
		w.all = append(w.all, one)
	}
	return w, nil
}

func (w *witnesses) bucket(ctx context.Context, at string, key note.Verifier) (checkpoint.Witness, error) {
	b, err := bucket.Open(ctx, at)
	if err != nil {
		return nil, hinted{fmt.Errorf("opening a witness: %w", err), bucket.Hint(at)}
	}
	w.buckets = append(w.buckets, namedBucket{at, b})
	return checkpoint.NewBucket(at, b, key)
}

// Close closes the buckets.
func (w *witnesses) Close() error {
	var errs []error
	for _, b := range w.buckets {
		errs = append(errs, b.bucket.Close())
	}
	return errors.Join(errs...)
}

// try asks each bucket whether it can be used, and writes nothing there: what a
// witness has is for good. One that does not answer may do so later.
func (w *witnesses) try(ctx context.Context) error {
	var errs []error
	for _, b := range w.buckets {
		if err := bucket.Try(ctx, b.at, b.bucket, ""); err != nil {
			errs = append(errs, hinted{fmt.Errorf("trying a witness: %w", err), bucket.Hint(b.at)})
		}
	}
	return errors.Join(errs...)
}

// openCheckpoints makes what signs the log.
func (s *service) openCheckpoints(ctx context.Context, cfg *config.Config) error {
	key, err := checkpoint.NewKey(s.keys.Log())
	if err != nil {
		return err
	}
	if s.witnesses, err = openWitnesses(ctx, cfg, key.Verifier()); err != nil {
		return err
	}
	if err := s.witnesses.try(ctx); errors.Is(err, bucket.ErrRefused) {
		return err
	}
	s.checkpoints, err = checkpoint.NewKeeper(s.log, cfg.Record.Dir, key, checkpoint.Options{
		Every: cfg.Record.Checkpoint.Every, Witnesses: s.witnesses.all, Heads: s.db, Logger: s.logger})
	return err
}
