package main

import (
	"context"

	"cloakroom/internal/config"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
)

// openRecordings opens what is recorded, to be read, also while a service records.
func openRecordings(ctx context.Context, cfg *config.Config, root secret.Root) (recordings, error) {
	key, err := recordingKey(cfg, root)
	if err != nil {
		return nil, err
	}
	return recording.OpenReader(ctx, cfg.Record.Dir, key, cfg.Record.Store)
}
