package main

import (
	"context"
	"fmt"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
)

// openRecorder begins to record, unless recording is off. What an earlier process
// left unended is ended in the log.
func (s *service) openRecorder(ctx context.Context, cfg *config.Config) error {
	if cfg.Record.Mode == config.Off {
		return nil
	}
	key, err := recordingKey(cfg, s.root)
	if err != nil {
		return err
	}
	s.recorder, err = recording.Open(ctx, recording.Options{
		Dir: cfg.Record.Dir, Key: key, Log: s.log, Strict: cfg.Record.Mode == config.Strict, Store: cfg.Record.Store, Logger: s.logger,
		Named: func(text string) bool { return s.rules.Load().set.Named(text) },
	})
	if err != nil {
		return err
	}
	s.metrics.Count("recorded_parts_total", "Parts of recordings that were written.", func() float64 { return float64(s.recorder.Stats().Parts) })
	s.metrics.Count("recorded_bytes_total", "Bytes of recordings that were written.", func() float64 { return float64(s.recorder.Stats().Bytes) })
	s.metrics.Count("recording_failures_total", "Writes and syncs of recordings that failed.", func() float64 { return float64(s.recorder.Stats().Failures) })
	s.metrics.Count("recordings_lost_total", "Parts of recordings that could not be written.", func() float64 { return float64(s.recorder.Stats().Lost) })
	s.metrics.Gauge("recordings_waiting_bytes", "Bytes of packs that wait for the outside store.", func() float64 { return float64(s.recorder.Stats().Waiting) })
	return nil
}

// tapes is what exchanges are recorded on; nil: they are not.
func (s *service) tapes() recording.Tapes {
	if s.recorder == nil {
		return nil
	}
	return s.recorder
}

// recordingKey is the key that recordings are sealed with.
func recordingKey(cfg *config.Config, root secret.Root) ([32]byte, error) {
	if cfg.Record.Key == nil {
		return root.Derive("recording")
	}
	v, err := cfg.Record.Key.Read()
	if err != nil {
		return [32]byte{}, fmt.Errorf("reading the recording key: %w", err)
	}
	own, err := secret.ParseRoot(string(v.Reveal()))
	if err != nil {
		return [32]byte{}, fmt.Errorf("reading the recording key: %w", err)
	}
	return own.Derive("recording")
}

// noteRules tells the log which rules and masks are in force, start at the
// service's start. The rules themselves are kept where they can be.
func (s *service) noteRules(ctx context.Context, start bool) {
	r := s.rules.Load()
	head := s.book.Head()
	entry := record.Reload{Start: start, Revision: r.policy.Revision(), Credentials: len(r.config.Credentials),
		Set: s.snapshot.Load().ID(), Prints: head.Lines, Book: record.Hash(head.SHA256)}
	if s.recorder != nil {
		var err error
		if entry.Rules, err = s.keepRules(ctx, r); err != nil {
			s.logger.Error("the rules in force are not kept", "error", err)
		}
	}
	s.log.Note(record.Entry{Reload: &entry})
}

func (s *service) keepRules(ctx context.Context, r *rules) ([]record.Part, error) {
	text, err := r.set.Encode()
	if err != nil {
		return nil, err
	}
	return s.recorder.Keep(ctx, text)
}
