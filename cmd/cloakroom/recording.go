package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/bucket"
	"cloakroom/internal/config"
	"cloakroom/internal/inventory"
	"cloakroom/internal/recording"
)

// recordsRequests tells whether Envoy is to show the bodies of requests to a host,
// so that they can be recorded.
func recordsRequests(cfg *config.Config, host string) bool {
	return cfg.Record.Mode != config.Off && cfg.Record.Bodies > 0 && inventory.ShowsRequests(cfg.Record.Rules, host)
}

// openRecorder begins to record, unless recording is off.
func (s *service) openRecorder(ctx context.Context, cfg *config.Config) error {
	if cfg.Record.Mode == config.Off {
		return nil
	}
	keys, err := recordingKeys(cfg, s.root)
	if err != nil {
		return err
	}
	s.recorder, err = recording.Open(ctx, recording.Options{Dir: cfg.Record.Dir, Key: keys[0], OldKeys: keys[1:], Log: s.log,
		Strict: cfg.Record.Mode == config.Strict, Named: func(text string) bool { return s.rules.Load().set.Named(text) }, Store: cfg.Record.Store, Waiting: cfg.Record.Backlog, PerPrincipal: cfg.Record.PerPrincipal, Logger: s.logger})
	if errors.Is(err, bucket.ErrRefused) {
		err = hinted{err, bucket.Hint(cfg.Record.Store)}
	}
	return withKeyHint(err)
}

// tapes are what exchanges are recorded on; nil: recording is off.
func (s *service) tapes() recording.Tapes {
	if s.recorder == nil {
		return nil
	}
	return s.recorder
}

// recordingRule says, by the rules in force, how an exchange is recorded that may use
// the credentials. What is recorded of it is kept as long as any of their tiers asks.
func (s *service) recordingRule(t access.Target, credentials []string) recording.Rule {
	r := s.rules.Load()
	from := r.config.Record
	rule := recording.Rule{Bodies: recording.Full, Limit: from.Bodies}
	if is, ok := inventory.RecordingOf(from.Rules, t, credentials); ok {
		rule.Bodies = recording.Keep(is.Bodies)
	}
	rule.Retention = retentionOf(r.set, credentials, from.Retention)
	return rule
}

// retentionOf is the longest that a tier of the credentials asks for; one that asks for
// nothing of its own, and an exchange without credentials, is for what all asks.
func retentionOf(set *inventory.Set, credentials []string, all time.Duration) (longest time.Duration) {
	for _, name := range credentials {
		if c := set.Credential(name); c != nil {
			longest = max(longest, cmp.Or(c.Tier.Retention, all))
		}
	}
	return cmp.Or(longest, all)
}

// closeRecorder writes what is recorded, before the log ends.
func (s *service) closeRecorder() {
	if s.recorder == nil {
		return
	}
	if err := s.recorder.Close(); err != nil {
		s.logger.Error("closing the recorder", "error", err)
	}
}

// exportRecorder lets the metrics read what the recorder counts.
func (s *service) exportRecorder() {
	if s.recorder == nil {
		return
	}
	count := func(name, help string, of func(recording.Stats) uint64) {
		s.metrics.Count(name, help, func() float64 { return float64(of(s.recorder.Stats())) })
	}
	count("recorded_exchanges_total", "Exchanges whose recording is on disk.", func(t recording.Stats) uint64 { return t.Exchanges })
	count("recorded_bytes_total", "Bytes of recordings written, sealed.", func(t recording.Stats) uint64 { return t.Bytes })
	count("recording_failures_total", "Writes of recordings that failed.", func(t recording.Stats) uint64 { return t.Failures })
	count("recording_lost_total", "Parts of recordings that could not be written.", func(t recording.Stats) uint64 { return t.Lost })
	count("recording_store_failures_total", "Times that the outside store did not take a pack.", func(t recording.Stats) uint64 { return t.Refused })
	count("recording_packs_pruned_total", "Packs that were deleted as their time was over.", func(t recording.Stats) uint64 { return t.Pruned })
	s.metrics.Gauge("recording_waiting_bytes", "Bytes of packs that the outside store has not taken yet.", func() float64 { return float64(s.recorder.Stats().Waiting) })
	s.metrics.Gauge("recording_principals_over_share", "Principals that have used up their share of recording.", func() float64 { return float64(s.recorder.OverShare()) })
	s.metrics.Gauge("recording_stuck_packs", "Packs that the outside store did not take when they were last tried.", func() float64 { return float64(s.recorder.Stats().Stuck) })
	s.metrics.Gauge("recording_ready", "1 where exchanges can be recorded.", func() float64 {
		if s.recorder.Ready("") != nil {
			return 0
		}
		return 1
	})
}
