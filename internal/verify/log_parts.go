package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// recording compares the parts that an entry names, which may be deleted after a
// time; zero: never.
func (r *logRead) recording(ctx context.Context, parts []record.Part, until time.Time, where Finding) error {
	a := r.audit
	packs := a.Parts[r.dir]
	if packs == nil {
		return nil
	}
	for _, p := range parts {
		switch err := packs.Check(ctx, p); {
		case errors.Is(err, recording.ErrGone) && !until.IsZero() && until.Before(a.Now):
			a.report.Deleted++
		case errors.Is(err, recording.ErrGone):
			r.gone = append(r.gone, recorded{p, where})
		case errors.Is(err, recording.ErrBroken):
			a.found(wrongPart(p, where, err))
		case err != nil:
			return err
		default:
			a.report.Parts++
		}
	}
	return nil
}

// pack compares a pack with what the log said when it was closed: it has nothing that
// no entry names. One that is gone is told of by the entries of its parts.
func (r *logRead) pack(ctx context.Context, act *record.Act, where Finding) error {
	packs := r.audit.Parts[r.dir]
	if packs == nil {
		return nil
	}
	err := packs.CheckPack(ctx, act.Target, act.Detail)
	switch {
	case errors.Is(err, recording.ErrGone):
		return nil
	case errors.Is(err, recording.ErrBroken):
		where.What = err.Error()
		r.audit.found(where)
		return nil
	}
	return err
}

func wrongPart(p record.Part, where Finding, err error) Finding {
	where.What = fmt.Sprintf("its recording at byte %d of pack %s: %v", p.At, p.Pack, err)
	return where
}

// gone judges the parts that are not there before their time: somebody may have
// deleted them, and said so.
func (a *logAudit) gone() {
	for _, id := range a.ids() {
		for _, p := range a.read[id].gone {
			if a.pruned[p.part.Pack] {
				a.report.Deleted++
				continue
			}
			a.found(wrongPart(p.part, p.entry, recording.ErrGone))
		}
	}
}
