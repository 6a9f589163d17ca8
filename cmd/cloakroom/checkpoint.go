package main

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/blob"
	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
)

// witnesses are those of a configuration, and the buckets that they need open.
type witnesses struct {
	all     []checkpoint.Witness
	buckets []*blob.Bucket
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
	b, err := blob.OpenBucket(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("opening witness %q: %w", checkpoint.BucketName(at), err)
	}
	w.buckets = append(w.buckets, b)
	return checkpoint.NewBucket(at, b, key)
}

// Close closes the buckets.
func (w *witnesses) Close() error {
	var errs []error
	for _, b := range w.buckets {
		errs = append(errs, b.Close())
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
	s.checkpoints, err = checkpoint.NewKeeper(s.log, cfg.Record.Dir, key, checkpoint.Options{
		Every: cfg.Record.Checkpoint.Every, Witnesses: s.witnesses.all, Heads: s.db, Logger: s.logger})
	return err
}
