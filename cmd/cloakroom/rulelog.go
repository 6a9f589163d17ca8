package main

import (
	"context"
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

func (s *service) keepRules(ctx context.Context, r *rules) ([]record.Part, error) {
	text, err := r.set.Encode()
	if err != nil {
		return nil, err
	}
	return s.recorder.Keep(ctx, text)
}
