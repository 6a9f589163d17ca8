package verify

import (
	"context"
	"crypto/sha256"
	"errors"

	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// remember takes what the judgement rests on, and searches each line that is of no
// exchange, where all is verified.
func (a *sessionAudit) remember(ctx context.Context, p place) error {
	if p.entry.Reload != nil {
		a.compareBook(p)
	}
	if act := p.entry.Act; act != nil && act.Exchange != "" && Erases(act, a.Keys) {
		if _, again := a.erased[act.Exchange]; !again {
			a.erased[act.Exchange] = p
		}
	}
	if a.Want == nil && !a.isLater(p) {
		a.uses(&p)
		if p.entry.Decision == nil && p.entry.End == nil { // these are searched with their exchange
			a.look(&p)
		}
	}
	return a.judgement.remember(ctx, p)
}

// compareBook tells of fingerprints that the log tells of and that are not there.
func (a *sessionAudit) compareBook(p place) {
	book, r := a.Replicas[p.replica].Book, p.entry.Reload
	if r.Prints != 0 && (r.Prints < 0 || r.Prints >= len(book) || book[r.Prints].SHA256 != r.Book) {
		a.wrong(&p, Fingerprints, "the file of fingerprints has not the lines that it had")
	}
}

// look searches an entry's line.
func (a *sessionAudit) look(p *place) {
	a.search(p, Kept, passage{where: "log", text: p.line.Raw})
}

// rules reads the rules that a reload names; nil if it names none.
func (a *sessionAudit) rules(ctx context.Context, p place) *inventory.Set {
	r := p.entry.Reload
	if len(r.Rules) == 0 {
		return nil
	}
	plain, known := a.plain[r.Rules[0].SHA256]
	if !known || len(r.Rules) > 1 {
		text, err := a.Replicas[p.replica].Packs.Blob(ctx, r.Rules)
		if err == nil {
			plain, err = a.decode(&p, text)
		}
		if err != nil {
			what := Changed
			if errors.Is(err, recording.ErrKey) {
				what = Sealed
			}
			a.wrong(&p, what, "the rules that were put in force cannot be read: "+err.Error())
			return nil
		}
		a.plain[r.Rules[0].SHA256] = plain
	}
	if r.Inventory != (record.Hash{}) && plain != r.Inventory {
		a.wrong(&p, Changed, "the rules that are kept are not those that were put in force")
		return nil
	}
	return a.sets[plain]
}

// decode decodes rules, and searches them, once.
func (a *sessionAudit) decode(p *place, text []byte) (record.Hash, error) {
	plain := record.Hash(sha256.Sum256(text))
	if a.sets[plain] != nil {
		return plain, nil
	}
	set, err := inventory.Decode(text)
	if err != nil {
		return plain, err
	}
	a.sets[plain] = set
	if a.search(p, Kept, passage{where: "rules in force", text: text}) == 0 {
		a.texts[plain] = text
	}
	return plain, nil
}

// uses notes that the report rests on a line.
func (a *sessionAudit) uses(p *place) {
	if a.Line == nil {
		return
	}
	if a.used[p.log] == nil {
		a.used[p.log] = map[uint64]record.Line{}
	}
	a.used[p.log][p.line.Seq] = p.line
}

// tell tells Line of the lines that were used, and Rules of the rules.
func (a *sessionAudit) tell() error {
	if a.Line == nil {
		return nil
	}
	for _, log := range sortedKeys(a.used) {
		for _, seq := range sortedKeys(a.used[log]) {
			if err := a.Line(log, a.used[log][seq]); err != nil {
				return err
			}
		}
		for _, r := range a.inForce[log] {
			hash := r.entry.Reload.Inventory
			if _, used := a.used[log][r.line.Seq]; used && a.Rules != nil && a.texts[hash] != nil {
				a.Rules(hash, a.texts[hash])
			}
		}
	}
	return nil
}
