package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

// Record is how the log is kept, and how exchanges are recorded.
type Record struct {
	Dir          string
	SegmentBytes int64 // 0: the log's default
	Checkpoint   Checkpoint

	Mode      string           // one of the following
	Bodies    int64            // bytes of a body to record, each way
	Retention time.Duration    // of what is recorded
	Store     string           // URL of the bucket for closed packs, as gocloud.dev/blob has it; empty: they stay in Dir
	Backlog   int64            // bytes of closed packs that may wait for Store; 0: 4 GiB
	Key       *secret.Source   // of the recording key, 32 bytes in base64; nil: it follows from the root key
	OldKeys   []*secret.Source // of earlier recording keys: what is under them can be read
	// PerPrincipal is how many bytes of recordings one principal may have written in
	// about a day; 0: any number.
	PerPrincipal int64
	Rules        []inventory.Recording // the first that speaks of an exchange holds
}

// The modes of recording.
const (
	Strict  = "strict"  // what cannot be recorded does not happen
	Relaxed = "relaxed" // nothing waits for the record
	Off     = "off"     // the log alone is kept
)

// The defaults of recording, and the least of what it can be told.
const (
	defaultBodies    = 64 << 10
	defaultRetention = 90 * 24 * time.Hour
	minRetention     = time.Hour
	minPerPrincipal  = 1 << 20 // a day
)

func (l *loader) record(n *yaml.Node) {
	r := &l.cfg.Record
	r.Dir, r.Mode, r.Bodies, r.Retention = l.resolve("record"), Strict, defaultBodies, defaultRetention
	r.Checkpoint.Every = defaultEvery
	if n == nil {
		return
	}
	var checkpoint *yaml.Node
	l.mapping(n, "record", fields{
		"dir":       func(n *yaml.Node) { r.Dir = l.path(n, "a folder's path") },
		"mode":      func(n *yaml.Node) { r.Mode = l.oneOf(n, "mode", Strict, Relaxed, Off) },
		"bodies":    func(n *yaml.Node) { r.Bodies = l.size(n, 0, 1<<30) },
		"retention": func(n *yaml.Node) { r.Retention = l.duration(n, minRetention) },
		"store":     func(n *yaml.Node) { r.Store = l.bucket(n) },
		"backlog":   func(n *yaml.Node) { r.Backlog = l.size(n, 1<<20, 1<<40) },
		"key":       func(n *yaml.Node) { r.Key = l.recordingKey(n) },
		"old_keys": func(n *yaml.Node) {
			l.list(n, "old keys", func(n *yaml.Node) { r.OldKeys = append(r.OldKeys, l.recordingKey(n)) })
		},
		"rules": func(n *yaml.Node) {
			l.list(n, "rules", func(n *yaml.Node) { r.Rules = append(r.Rules, l.recording(n)) })
		},
		"per_principal": func(n *yaml.Node) { r.PerPrincipal = l.size(n, minPerPrincipal, 1<<50) },
		"checkpoint":    keep(&checkpoint),
		"segment":       func(n *yaml.Node) { r.SegmentBytes = l.size(n, 64<<10, 4<<30) },
	})
	if checkpoint != nil { // once it is known where the log is
		l.checkpoint(checkpoint)
	}
}

// oneOf reads one of a few words; the first in the place of what is none.
func (l *loader) oneOf(n *yaml.Node, what string, words ...string) string {
	s, ok := l.text(n, "a "+what)
	if ok && slices.Contains(words, s) {
		return s
	}
	if ok {
		l.fail(n, "one of "+strings.Join(words, ", "), "unknown %s %q", what, s)
	}
	return words[0]
}

// bucket reads the URL of a bucket.
func (l *loader) bucket(n *yaml.Node) string {
	s, ok := l.text(n, "a bucket's URL")
	if !ok {
		return ""
	}
	if u, err := url.Parse(s); err != nil || u.User != nil || !namesBucket(u) {
		l.fail(n, "write s3://bucket?region=…, gs://bucket, azblob://container or file:///folder", "not the URL of a bucket")
		return ""
	}
	return s
}

// namesBucket tells whether a URL is of a store that is kept outside, and says which.
func namesBucket(u *url.URL) bool {
	if u.Scheme == "file" {
		return u.Host == "" && len(u.Path) > 1
	}
	return u.Host != "" && slices.Contains([]string{"s3", "gs", "azblob"}, u.Scheme)
}

// recordingKey reads where a recording key is.
func (l *loader) recordingKey(n *yaml.Node) *secret.Source {
	source, v := l.source(n, true)
	if text := string(v.Reveal()); text != "" {
		if _, err := secret.ParseRoot(text); err != nil {
			l.fail(n, "make one with: openssl rand -base64 32", "a recording key: %v", err)
		}
	}
	return source
}

// recording reads a rule of what is kept of bodies.
func (l *loader) recording(n *yaml.Node) (r inventory.Recording) {
	var hosts, bodies, request *yaml.Node
	if !l.mapping(n, "a recording rule", fields{
		"credentials": func(n *yaml.Node) { r.Credentials = l.texts(n, "credentials", l.declared) },
		"hosts":       func(n *yaml.Node) { hosts, r.Hosts = n, l.texts(n, "hosts", l.served) },
		"paths":       func(n *yaml.Node) { r.Paths = l.texts(n, "paths", l.checked(inventory.CheckPattern)) },
		"bodies":      keep(&bodies),
		"request":     keep(&request),
	}) {
		return r
	}
	r.Bodies = "full"
	if bodies != nil {
		r.Bodies = l.oneOf(bodies, "way to keep bodies", "none", "hash", "full")
	}
	if request != nil {
		r.Bodiless = !l.boolean(request)
	}
	switch {
	case bodies == nil && request == nil:
		l.fail(n, "add bodies: hash, bodies: none, or request: false", "a recording rule that says nothing")
	case r.Bodiless && (hosts == nil || len(r.Credentials)+len(r.Paths) > 0):
		l.fail(request, "name hosts, and neither credentials nor paths", "whether Envoy shows the bodies of requests is said of whole hosts")
	}
	return r
}

// declared tells of a credential's name whether there is one.
func (l *loader) declared(n *yaml.Node, name string) bool {
	if l.names[name] == nil {
		l.fail(n, suggest(name, keysOf(l.names)), "no credential %q", name)
		return false
	}
	return true
}

// served tells of a host whether some upstream serves it.
func (l *loader) served(n *yaml.Node, host string) bool {
	if !l.hosts[host] {
		l.fail(n, suggest(host, keysOf(l.hosts)), "no upstream serves host %q", host)
		return false
	}
	return true
}
