package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/search"
	"cloakroom/internal/secret"
)

// openLog opens the log, and beside it the book of fingerprints. Until something
// is in force nothing may be written to the log: nothing would mask it.
func (s *service) openLog(cfg *config.Config) error {
	if err := os.MkdirAll(filepath.Dir(cfg.Record.Dir), 0o700); err != nil {
		return fmt.Errorf("making the log's folder: %w", err)
	}
	var err error
	if s.log, err = record.Open(cfg.Record.Dir, masker{s}, record.Options{SegmentBytes: cfg.Record.SegmentBytes, Logger: s.logger}); err != nil {
		return err
	}
	key, err := fingerprintKey(s.root)
	if err != nil {
		return err
	}
	s.book, err = search.OpenBook(bookPath(cfg), key)
	return err
}

func bookPath(cfg *config.Config) string { return filepath.Join(cfg.Record.Dir, "fingerprints") }

func fingerprintKey(root secret.Root) (search.Key, error) {
	key, err := root.Derive("fingerprint")
	if err != nil {
		return search.Key{}, err
	}
	return search.NewKey(key), nil
}

// remember keeps the fingerprints of values before they are in force, so that they
// are searched for in what agents got even when they are in force no more.
func (s *service) remember(current map[string]secret.Value, former map[string][]secret.Value) error {
	var all []search.Value
	for name, v := range current {
		all = append(all, search.Value{Credential: name, Bytes: v.Reveal()})
	}
	for name, vs := range former {
		for _, v := range vs {
			all = append(all, search.Value{Credential: name, Bytes: v.Reveal()})
		}
	}
	return s.book.Add(time.Now(), all)
}

// openCheckpoints opens the log's tree and the witnesses of its checkpoints.
func (s *service) openCheckpoints(ctx context.Context, cfg *config.Config) error {
	key, err := checkpoint.NewKey(s.keys.Log())
	if err != nil {
		return err
	}
	o := checkpoint.Options{Every: cfg.Record.Checkpoint.Every, Logger: s.logger}
	if heads, ok := any(s.db).(checkpoint.Heads); ok && cfg.Store.URL != "" {
		o.Heads = heads
	}
	for _, w := range cfg.Record.Checkpoint.Witnesses {
		witness, err := openWitness(ctx, w, key.Verifier())
		if err != nil {
			return err
		}
		o.Witnesses = append(o.Witnesses, witness)
	}
	if s.checkpoints, err = checkpoint.NewKeeper(s.log, cfg.Record.Dir, key, o); err != nil {
		return err
	}
	s.metrics.Count("checkpoint_failures_total", "Checkpoints that could not be signed, or given to a witness.", func() float64 { return float64(s.checkpoints.Failures()) })
	s.metrics.Gauge("log_unwitnessed", "Entries of the log that some witness has not heard of yet.", func() float64 { return float64(s.checkpoints.Unwitnessed()) })
	return nil
}

// openWitness opens one; key is what checkpoints are signed with.
func openWitness(ctx context.Context, w config.Witness, key note.Verifier) (checkpoint.Witness, error) {
	switch {
	case w.Dir != "":
		return checkpoint.NewDir(w.Dir, key)
	case w.URL != "":
		return checkpoint.NewURL(w.URL, w.Key, key)
	case w.Bucket != "":
		bucket, err := blob.OpenBucket(ctx, w.Bucket)
		if err != nil {
			return nil, fmt.Errorf("opening witness %q: %w", checkpoint.BucketName(w.Bucket), err)
		}
		return checkpoint.NewBucket(w.Bucket, bucket, key)
	}
	return nil, errors.New("opening a witness: none is named")
}
