package main

import (
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/config"
	"cloakroom/internal/inventory"
	"cloakroom/internal/recording"
)

// TestRecordingRule: the first rule says what is kept of bodies, the tiers how long,
// the longest of those that the exchange may use.
func TestRecordingRule(t *testing.T) {
	credential := func(name string, retention time.Duration) inventory.Credential {
		return inventory.Credential{Name: name, Tier: inventory.Tier{Name: name, Lease: time.Minute, Retention: retention},
			Groups: []access.Group{{Issuer: "https://dex.example.com", Name: "g"}},
			Rules:  []inventory.Rule{{Hosts: []string{"api.test"}, Methods: []string{"GET"}, Paths: []string{"/**"}}}}
	}
	set, err := inventory.New(inventory.Key{1}, []inventory.Credential{credential("short", time.Hour), credential("long", 10*time.Hour), credential("none", 0)},
		[]inventory.Upstream{{Host: "api.test", Route: "r", Cluster: "c"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{}
	s.rules.Store(&rules{set: set, config: &config.Config{Record: config.Record{Bodies: 7, Retention: 5 * time.Hour,
		Rules: []inventory.Recording{{Credentials: []string{"short"}, Bodies: "none"}, {Paths: []string{"/people"}, Bodies: "hash"}}}}})
	for name, tt := range map[string]struct {
		path string
		uses []string
		want recording.Rule
	}{
		"no rule, no tier": {"/", nil, recording.Rule{Bodies: recording.Full, Limit: 7, Retention: 5 * time.Hour}},
		"a path":           {"/people", []string{"none"}, recording.Rule{Bodies: recording.Hash, Limit: 7, Retention: 5 * time.Hour}},
		"a credential":     {"/people", []string{"short"}, recording.Rule{Bodies: recording.None, Limit: 7, Retention: time.Hour}},
		"what all asks":    {"/", []string{"short", "none"}, recording.Rule{Bodies: recording.None, Limit: 7, Retention: 5 * time.Hour}},
		"the longest":      {"/", []string{"short", "long"}, recording.Rule{Bodies: recording.None, Limit: 7, Retention: 10 * time.Hour}},
		"one that is gone": {"/", []string{"gone"}, recording.Rule{Bodies: recording.Full, Limit: 7, Retention: 5 * time.Hour}},
	} {
		if got := s.recordingRule(access.Target{Host: "api.test", Path: tt.path}, tt.uses); got != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestRecordsRequests: bodies are asked for where something of them may be kept.
func TestRecordsRequests(t *testing.T) {
	cfg := config.Config{Record: config.Record{Mode: config.Strict, Bodies: 1, Rules: []inventory.Recording{{Hosts: []string{"files.test"}, Bodiless: true}}}}
	if !recordsRequests(&cfg, "api.test") || recordsRequests(&cfg, "files.test") {
		t.Error("the bodies of the wrong host are asked for")
	}
	for name, change := range map[string]func(*config.Record){
		"recording is off": func(r *config.Record) { r.Mode = config.Off },
		"nothing is kept":  func(r *config.Record) { r.Bodies = 0 },
	} {
		off := cfg
		if change(&off.Record); recordsRequests(&off, "api.test") {
			t.Errorf("%s, and bodies are asked for", name)
		}
	}
}

// TestWhatOfRecordingIsFixed: only what Envoy's routes, or open files, follow from.
func TestWhatOfRecordingIsFixed(t *testing.T) {
	started := &config.Config{Record: config.Record{Mode: config.Strict, Bodies: 1}, Envoy: config.Envoy{Upstreams: []config.Upstream{{Host: "a.test"}}}}
	changed := *started
	changed.Record.Rules = []inventory.Recording{{Hosts: []string{"a.test"}, Bodies: "hash"}}
	if err := routed(&changed, started); err != nil {
		t.Errorf("another way to keep bodies: %v", err)
	}
	changed.Record.Rules = []inventory.Recording{{Hosts: []string{"a.test"}, Bodies: "hash", Bodiless: true}}
	if routed(&changed, started) == nil {
		t.Error("Envoy would have to show no bodies, and nobody says so")
	}
}
