package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// recording compares the parts that an entry names, each of which is as of says.
func (r *logRead) recording(ctx context.Context, parts []record.Part, of recorded) error {
	a := r.audit
	packs := a.Parts[r.dir]
	if packs == nil {
		return nil
	}
	for _, p := range parts {
		switch err := packs.Check(ctx, p); {
		case err == nil:
			a.report.Parts++
		case errors.Is(err, recording.ErrGone) && !of.until.IsZero() && of.until.Before(a.Now):
			a.report.Deleted++
		case errors.Is(err, recording.ErrGone), errors.Is(err, recording.ErrErased), errors.Is(err, recording.ErrBroken):
			of.part, of.err = p, err
			r.absent = append(r.absent, of)
		default:
			return err
		}
	}
	return nil
}

// toldPack is what the logs tell of a pack.
type toldPack struct {
	details []string // that may be its hash
	in      Parts    // where it is; nil: no log says that it was closed, or recordings are not looked at
	closed  Finding  // where a log says so
}

// act takes what an act says of recordings.
func (r *logRead) act(at time.Time, act *record.Act, where Finding) {
	a := r.audit
	switch {
	case act.Name == recording.ActErase && !Erases(act, a.Keys):
		where.What = fmt.Sprintf("an act that erases exchange %q, in pack %q, has no signature of the instance, and counts for nothing", act.Exchange, act.Target)
		r.found(where)
	case act.Name == "prune":
		if last, told := a.pruned[act.Target]; !told || at.After(last) {
			a.pruned[act.Target] = at
		}
	case act.Name == recording.ActErase && act.Exchange != "":
		if _, again := a.erased[act.Exchange]; !again {
			a.erased[act.Exchange] = erasure{act.Principal, act.Session, where}
		}
	case act.Name == recording.ActErase:
		a.pack(act)
	case act.Name == "pack":
		t := a.pack(act)
		t.in, t.closed = a.Parts[r.dir], where
	}
}

// Erases tells whether an act says that an exchange, or something in a pack, is erased,
// and one of the keys signed it.
func Erases(act *record.Act, keys []note.Verifier) bool {
	text := []byte(recording.ErasureText(*act))
	return act.Name == recording.ActErase && slices.ContainsFunc(keys, func(k note.Verifier) bool { return k.Verify(text, act.Sig) })
}

func (a *logAudit) pack(act *record.Act) *toldPack {
	t := a.packs[act.Target]
	if t == nil {
		t = &toldPack{}
		a.packs[act.Target] = t
	}
	t.details = append(t.details, act.Detail)
	return t
}

// wholePacks compares packs with what the logs told of them: they have nothing that no
// entry names. One that is gone is told of by the entries of its parts.
func (a *logAudit) wholePacks(ctx context.Context) error {
	erased := func(exchange string) bool { _, is := a.erased[exchange]; return is }
	for _, id := range slices.Sorted(maps.Keys(a.packs)) {
		t := a.packs[id]
		if t.in == nil {
			continue
		}
		err := t.in.CheckPack(ctx, id, t.details, erased)
		if errors.Is(err, recording.ErrBroken) { // it may be erased in now
			if err = a.more(ctx); err == nil {
				err = t.in.CheckPack(ctx, id, t.details, erased)
			}
		}
		switch {
		case err == nil, errors.Is(err, recording.ErrGone):
		case errors.Is(err, recording.ErrBroken):
			t.closed.What = err.Error()
			a.found(t.closed)
		default:
			return err
		}
	}
	return nil
}

// more reads what has come since the logs were read: of what is erased meanwhile they
// tell first.
func (a *logAudit) more(ctx context.Context) error {
	for _, id := range a.ids() {
		if err := a.read[id].lines(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inTime tells whether a service deleted the pack of a part and the part's time was over
// then: a service that is shown a pack under another name deletes it, and says so. The
// time of what a crash left may not be known.
func (a *logAudit) inTime(p recorded) bool {
	at, told := a.pruned[p.part.Pack]
	if p.until.IsZero() {
		return told && p.unended
	}
	return told && !at.Before(p.until) && at.Before(a.Now.Add(clockAhead))
}

// clockAhead is how far the clock of a service may be ahead of the verifier's: a time
// beyond it was made up.
const clockAhead = 24 * time.Hour

// absent judges the parts that are not there as they were: somebody may have erased
// them, or deleted them before their time, and said so.
func (a *logAudit) absent(ctx context.Context) error {
	var all []recorded
	for _, id := range a.ids() {
		all = append(all, a.read[id].absent...)
	}
	if len(all) == 0 {
		return nil
	}
	if err := a.more(ctx); err != nil {
		return err
	}
	unfinished := 0
	for _, p := range all {
		gone := errors.Is(p.err, recording.ErrGone)
		_, toErase := a.erased[p.exchange]
		switch {
		case gone && a.inTime(p):
			a.report.Deleted++
		case toErase && errors.Is(p.err, recording.ErrErased):
			a.report.Erased++
		case toErase && !gone:
			unfinished++
		default:
			p.entry.What = fmt.Sprintf("its recording at byte %d of pack %s: %v", p.part.At, p.part.Pack, p.err)
			a.found(p.entry)
		}
	}
	if unfinished > 0 {
		a.note("of %d parts the erasing has not come to its end: `cloakroom session erase` goes on with it", unfinished)
	}
	return nil
}
