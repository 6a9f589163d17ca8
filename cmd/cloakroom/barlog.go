package main

import (
	"context"
	"strings"
	"time"

	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// followBars writes down, until ctx ends, the bars that a command put up, at the
// start those that stand, and every bar that falls before its time. Who lifted it by
// a command, that command's act says.
func (s *service) followBars(ctx context.Context) {
	changes, stop := s.keeper.Subscribe()
	defer stop()
	was := map[string]lease.Bar{}
	for {
		is := map[string]lease.Bar{}
		for _, b := range s.keeper.Bars() {
			is[b.ID] = b
			if _, known := was[b.ID]; !known && strings.HasPrefix(b.By, "cli:") {
				s.noteBar(b, false)
			}
		}
		for id, b := range was {
			if _, stands := is[id]; !stands && (b.Until.IsZero() || time.Now().Before(b.Until)) {
				s.noteBar(b, true)
			}
		}
		was = is
		select {
		case <-changes:
		case <-ctx.Done():
			return
		}
	}
}

func (s *service) noteBar(b lease.Bar, lifted bool) {
	note := &record.Bar{ID: b.ID, Principal: b.Principal, Credential: b.Credential, Until: b.Until, Reason: b.Reason, By: b.By}
	if lifted {
		note.Lifted, note.By = true, ""
	}
	s.log.Note(record.Entry{Time: time.Now(), Bar: note})
}
