package main

import (
	"cloakroom/internal/access"
	"cloakroom/internal/config"
	"cloakroom/internal/inventory"
	"cloakroom/internal/recording"
)

// recordsRequests tells whether Envoy is to show the bodies of requests to a host,
// so that they can be recorded.
func recordsRequests(cfg *config.Config, host string) bool {
	return cfg.Record.Mode != config.Off && cfg.Record.Bodies > 0 && inventory.ShowsRequests(cfg.Record.Rules, host)
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
	for _, name := range credentials {
		if c := r.set.Credential(name); c != nil {
			rule.Retention = max(rule.Retention, c.Tier.Retention)
		}
	}
	if rule.Retention == 0 {
		rule.Retention = from.Retention
	}
	return rule
}
