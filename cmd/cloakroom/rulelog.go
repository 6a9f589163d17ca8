package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// noteRules tells the log which rules and masks are in force, start at the
// service's start. The rules themselves are kept where they can be.
func (s *service) noteRules(ctx context.Context, start bool) {
	r, at := s.rules.Load(), time.Now() // not when they are kept: decisions are judged by it
	head := s.book.Head()
	entry := record.Reload{Start: start, Revision: r.policy.Revision(), Credentials: len(r.config.Credentials),
		Set: s.snapshot.Load().ID(), Prints: head.Lines, Book: record.Hash(head.SHA256)}
	if err := s.keepRules(ctx, r, &entry); err != nil {
		s.logger.Error("the rules in force are not kept", "error", err)
	}
	s.log.Note(record.Entry{Time: at, Reload: &entry})
}

// keepRules tells the entry what the rules are, by a hash that needs no key, and
// where they are kept.
func (s *service) keepRules(ctx context.Context, r *rules, entry *record.Reload) error {
	text, err := r.set.Encode()
	if err != nil {
		return err
	}
	entry.Inventory = sha256.Sum256(text)
	if s.recorder != nil {
		entry.Rules, err = s.kept.keep(ctx, s.recorder, text)
	}
	return err
}

// keptRules are the rules that were kept last. Its zero value are none.
type keptRules struct {
	mu    sync.Mutex // guards the fields below
	sum   record.Hash
	parts []record.Part
}

// keep keeps rules, unless the same are kept already: most that is put in force are
// values alone.
func (k *keptRules) keep(ctx context.Context, in *recording.Recorder, text []byte) ([]record.Part, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := record.Hash(sha256.Sum256(text))
	// the pack may have been deleted
	gone := func(p record.Part) bool { return in.Check(ctx, p) != nil }
	if k.sum == sum && !slices.ContainsFunc(k.parts, gone) {
		return k.parts, nil
	}
	parts, err := in.Keep(ctx, text)
	if err == nil {
		k.sum, k.parts = sum, parts
	}
	return parts, err
}
