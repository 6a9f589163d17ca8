package main

import (
	"context"
	"crypto/sha256"
	"time"

	"cloakroom/internal/record"
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
		entry.Rules, err = s.recorder.Keep(ctx, text)
	}
	return err
}
