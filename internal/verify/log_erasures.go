package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// erasure is what an act says of an exchange that is erased.
type erasure struct {
	principal, session string
	entry              Finding
}

// erasures compares the acts that say that exchanges are erased with the entries about
// these: nobody was led to erase another's, and nobody put back what was there.
func (a *logAudit) erasures(ctx context.Context) error {
	there := 0
	for _, id := range a.ids() {
		if len(a.erased) == 0 {
			return nil
		}
		n, err := a.read[id].erasures(ctx)
		if err != nil {
			return err
		}
		there += n
	}
	if there > 0 {
		a.note("%d parts that are erased, as an act says, are there: it was not done, or somebody put them back; `cloakroom session erase` goes on with it", there)
	}
	return nil
}

// erasures is that of one log, and counts the parts that are there. Of a log that is
// broken, which was told, it reads what comes before.
func (r *logRead) erasures(ctx context.Context) (there int, err error) {
	lines, err := record.ReadAfter(r.dir, record.Position{})
	if err != nil {
		return 0, nil
	}
	defer lines.Close()
	for {
		l, err := lines.Next()
		if err == io.EOF || err != nil {
			return there, ctx.Err()
		}
		n, err := r.erasedLine(ctx, l)
		if err != nil {
			return there, err
		}
		there += n
	}
}

// erasedLine compares what acts say with one line, and counts parts that are there.
func (r *logRead) erasedLine(ctx context.Context, l record.Line) (there int, err error) {
	x, err := l.Digest()
	switch {
	case err != nil: // told before
	case x.Decision != nil:
		says, is := r.audit.erased[x.Decision.Exchange], x.Decision
		if says.principal != "" && !(same(says.principal, is.Principal()) && same(says.session, is.Session)) {
			says.entry.What = fmt.Sprintf("exchange %q is erased as one of session %q of %q, and is of session %q of %q", is.Exchange, says.session, says.principal, is.Session, is.Principal())
			r.audit.found(says.entry)
		}
	case x.End != nil:
		if _, erased := r.audit.erased[x.End.Exchange]; erased {
			return r.whole(ctx, l)
		}
	}
	return 0, nil
}

// same tells whether an act says a text of an entry. A value that was declared in between
// is masked in the act alone.
func same(says, is string) bool { return says == is || strings.Contains(says, "[masked]") }

// whole counts the parts that the line of an end names, and that are there as they were.
func (r *logRead) whole(ctx context.Context, l record.Line) (n int, err error) {
	packs := r.audit.Parts[r.dir]
	e, err := l.Entry()
	if packs == nil || err != nil {
		return 0, nil
	}
	for _, p := range e.End.Recording {
		switch err := packs.Check(ctx, p); {
		case err == nil:
			n++
		case !errors.Is(err, recording.ErrGone) && !errors.Is(err, recording.ErrErased) && !errors.Is(err, recording.ErrBroken):
			return n, err
		}
	}
	return n, nil
}
