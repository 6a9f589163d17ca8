package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
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
	if s.recorder != nil {
		var err error
		if entry.Rules, err = s.keepRules(ctx, r); err != nil {
			s.logger.Error("the rules in force are not kept", "error", err)
		}
	}
	s.log.Note(record.Entry{Time: at, Reload: &entry})
}

// keptRules are rules that are kept, and where.
type keptRules struct {
	mu    sync.Mutex // guards the fields below
	sum   [sha256.Size]byte
	parts []record.Part
}

// keepRules keeps the rules of r, unless the same are kept already: most that is put in
// force are values alone.
func (s *service) keepRules(ctx context.Context, r *rules) ([]record.Part, error) {
	text, err := r.set.Encode()
	if err != nil {
		return nil, err
	}
	sum, k := sha256.Sum256(text), &s.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sum == sum && s.stand(ctx, k.parts) {
		return k.parts, nil
	}
	parts, err := s.recorder.Keep(ctx, text)
	if err == nil {
		k.sum, k.parts = sum, parts
	}
	return parts, err
}

// stand tells whether parts are there, as the log has named them: somebody may have
// deleted their pack.
func (s *service) stand(ctx context.Context, parts []record.Part) bool {
	return !slices.ContainsFunc(parts, func(p record.Part) bool { return s.recorder.Check(ctx, p) != nil })
}
