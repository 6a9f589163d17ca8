package main

import (
	"context"
	"errors"

	"cloakroom/internal/bucket"
	"cloakroom/internal/checkpoint"
	"cloakroom/internal/config"
)

// tryBuckets asks every bucket of the configuration whether it can be used. In that of
// recordings it leaves an empty object.
func tryBuckets(ctx context.Context, cfg *config.Config) error {
	store := tryStore(ctx, cfg.Record.Store)
	key, err := checkpoint.NewKey([32]byte{}) // nothing is signed or read
	if err != nil {
		return err
	}
	w, err := openWitnesses(ctx, cfg, key.Verifier())
	if err == nil {
		defer w.Close()
		err = w.try(ctx)
	}
	return errors.Join(store, err)
}

func tryStore(ctx context.Context, at string) error {
	if at == "" {
		return nil
	}
	b, err := bucket.Open(ctx, at)
	if err == nil {
		defer b.Close()
		err = bucket.Try(ctx, at, b, "check.probe")
	}
	if err != nil {
		return hinted{err, bucket.Hint(at)}
	}
	return nil
}
