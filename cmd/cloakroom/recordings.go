package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"cloakroom/internal/config"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
)

// openRecordings opens what is recorded, to be read, also while a service records.
func openRecordings(ctx context.Context, cfg *config.Config, root secret.Root) (recordings, error) {
	keys, err := recordingKeys(cfg, root)
	if err != nil {
		return nil, err
	}
	return recording.OpenReader(ctx, cfg.Record.Dir, keys[0], cfg.Record.Store, keys[1:]...)
}

// recordingKeys are the key under which recordings are sealed and, behind it, those
// under which earlier ones may be: the root key's among them.
func recordingKeys(cfg *config.Config, root secret.Root) (keys [][32]byte, err error) {
	sources := slices.Concat([]*secret.Source{cfg.Record.Key}, cfg.Record.OldKeys)
	if cfg.Record.Key != nil {
		sources = append(sources, nil)
	}
	for _, from := range sources {
		key, err := recordingKey(from, root)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// recordingKey reads one; from nil, it follows from the root key.
func recordingKey(from *secret.Source, root secret.Root) ([32]byte, error) {
	if from != nil {
		v, err := from.ReadWith(os.LookupEnv)
		if err != nil {
			return [32]byte{}, err
		}
		if root, err = secret.ParseRoot(string(v.Reveal())); err != nil {
			return [32]byte{}, fmt.Errorf("reading a recording key from %v: %w", from, err)
		}
	}
	return root.Derive("recording")
}

// withKeyHint says what to do where a recording is under a key that is not here.
func withKeyHint(err error) error {
	if errors.Is(err, recording.ErrKey) {
		return hinted{err, "name the key that it was recorded under in record.old_keys"}
	}
	return err
}
