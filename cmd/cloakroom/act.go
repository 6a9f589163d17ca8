package main

import (
	"context"
	"log/slog"
	"time"

	"cloakroom/internal/record"
)

const (
	actsPause = 200 * time.Millisecond // between two looks for what commands did
	actsRetry = 2 * time.Second        // after an error
)

// followActs logs what commands did, until ctx ends.
func (s *service) followActs(ctx context.Context) {
	failing, acts := false, newActLog(s.db, s.acts, s.log, s.logger)
	for {
		wait := actsPause
		err := acts.take(ctx)
		if err != nil {
			wait = actsRetry
		}
		if err != nil && !failing && ctx.Err() == nil {
			s.logger.Error("what commands did is not logged; it is tried again", "error", err)
		}
		failing = err != nil
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// actLog writes the acts that the store keeps to the log. It is for one goroutine.
type actLog struct {
	db     record.Acts
	key    [32]byte
	log    *record.Log
	logger *slog.Logger
	has    map[string]record.Receipt // of the latest acts, by id
}

// actsKnown is how many acts are known to be in the log.
const actsKnown = 10_000

func newActLog(db record.Acts, key [32]byte, log *record.Log, logger *slog.Logger) *actLog {
	return &actLog{db, key, log, logger, map[string]record.Receipt{}}
}

// take takes the acts that are there.
func (l *actLog) take(ctx context.Context) error {
	return l.db.TakeActs(ctx, func(r record.ActRow) (*record.ActRow, error) {
		e, err := r.Open(l.key)
		if err != nil {
			return nil, l.forged(ctx, r, err)
		}
		has, known := l.has[r.ID] // one that was put back, or whose receipt the store did not take
		if !known {
			if has, err = l.write(ctx, e); err != nil {
				return nil, err
			}
		}
		receipt, err := record.SealReceipt(l.key, r.ID, has, time.Now())
		return &receipt, err
	})
}

func (l *actLog) write(ctx context.Context, e record.Entry) (record.Receipt, error) {
	at, err := l.log.Place(ctx, e)
	if err != nil {
		return record.Receipt{}, err
	}
	if len(l.has) >= actsKnown {
		clear(l.has)
	}
	has := record.Receipt{Log: l.log.ID(), Seq: at.Seq, Hash: at.Hash}
	l.has[e.Act.ID] = has
	return has, nil
}

// forged tells of an act that this instance did not seal, but not what it says. It
// has no receipt: nobody reads what the log does not tell of.
func (l *actLog) forged(ctx context.Context, r record.ActRow, err error) error {
	l.logger.Error("an act in the store is not this instance's", "error", err)
	return l.log.Append(ctx, record.Entry{Act: &record.Act{Name: "forge", Target: r.ID, Detail: "an act in the store that this instance did not seal"}})
}

// noteAct notes an act of the service's own.
func (s *service) noteAct(name string) {
	s.log.Note(record.Entry{Act: &record.Act{Name: name, Detail: versionText()}})
}
