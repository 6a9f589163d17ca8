package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"cloakroom/internal/access"
)

// Derived is what a Follower keeps behind a log. It only holds what the log
// says, and can be made anew from it.
type Derived interface {
	// Applied is the position of the last line applied.
	Applied(ctx context.Context) (Position, error)
	// Apply applies lines, which are in order, in one transaction with the
	// position that they lead to. Lines that are applied already are passed
	// over; a gap is an error and changes nothing.
	Apply(ctx context.Context, lines []Line) error
	// Reset forgets everything of this log.
	Reset(ctx context.Context) error
}

// Index makes the log searchable. recordtest.TestIndex is its contract.
//
// Several logs may share an index: what is Derived is about the one that the
// index was opened for, the rest about all of them.
type Index interface {
	Derived
	// Sessions lists sessions, the one with the latest exchange first.
	Sessions(ctx context.Context, f SessionFilter) ([]Session, error)
	// Exchanges lists a session's exchanges in the order of their decisions, which
	// is that of their times where several logs have some; of more than limit (0:
	// no limit) the latest.
	// Principal "" means every principal's session of that name.
	Exchanges(ctx context.Context, principal, session string, limit int) ([]Exchange, error)
	// Exchange finds one by its id. ErrUnknown: there is none.
	Exchange(ctx context.Context, id string) (Exchange, error)
	// Refusals lists the exchanges since a time that the decision refused, the
	// latest first, at most limit.
	Refusals(ctx context.Context, since time.Time, limit int) ([]Exchange, error)
}

// ErrUnknown means that no exchange has the id.
var ErrUnknown = errors.New("no such exchange")

// SessionFilter says which sessions are wanted. The zero value: the latest 100.
//
// Credential, Host and Outcomes are about the same exchanges of a session: with
// all three, those that were decided so, at that host, and over that credential.
// Since and Until are about these exchanges then, and else about all.
type SessionFilter struct {
	Principal  string           // access.Principal.ID; empty: everyone's
	Credential string           // see DecisionDigest.Credentials
	Host       string           // the upstream's declared host
	Outcomes   []access.Outcome // any of them; empty: any at all
	Since      time.Time        // the last of the exchanges was at or after it
	Until      time.Time        // the first of them was at or before it
	Limit      int              // 0: 100
}

// Narrow tells whether the filter asks for exchanges, and not only for sessions.
func (f SessionFilter) Narrow() bool {
	return f.Credential != "" || f.Host != "" || len(f.Outcomes) > 0
}

// Among are the outcomes, where none are asked for all that there are.
func (f SessionFilter) Among() []access.Outcome {
	if len(f.Outcomes) > 0 {
		return f.Outcomes
	}
	return []access.Outcome{access.Allow, access.Deny, access.NeedsApproval}
}

// UpTo is the filter without sessions that began after the latest exchange that it
// asks for, in microseconds since 1970: of a credential that is used no more, the
// sessions since need not be gone through.
func (f SessionFilter) UpTo(latest int64) SessionFilter {
	if at := time.UnixMicro(latest); f.Until.IsZero() || at.Before(f.Until) {
		f.Until = at
	}
	return f
}

// Most is the limit.
func (f SessionFilter) Most() int {
	if f.Limit <= 0 {
		return 100
	}
	return f.Limit
}

// Between are Since and Until in microseconds since 1970; where there is none, as
// early or late as can be.
func (f SessionFilter) Between() (since, until int64) {
	since, until = math.MinInt64, math.MaxInt64
	if !f.Since.IsZero() {
		since = f.Since.UnixMicro()
	}
	if !f.Until.IsZero() {
		until = f.Until.UnixMicro()
	}
	return since, until
}

// ReadOutcomes reads which outcomes are wanted: one as access.Outcome prints it,
// "refused" for whatever lets nothing pass, "" for any.
func ReadOutcomes(text string) ([]access.Outcome, error) {
	switch text {
	case "":
		return nil, nil
	case "refused":
		return []access.Outcome{access.Deny, access.NeedsApproval}, nil
	}
	for _, o := range []access.Outcome{access.Allow, access.Deny, access.NeedsApproval} {
		if text == o.String() {
			return []access.Outcome{o}, nil
		}
	}
	return nil, fmt.Errorf("reading outcome %q: want allow, deny, needs_approval or refused", text)
}

// Session sums up the exchanges that share a session's name and principal.
type Session struct {
	ID        string
	Principal string // access.Principal.ID; empty: nobody
	First     time.Time
	Last      time.Time // of the latest decision
	Exchanges int
	Refused   int // of them, by the decision
}

// Exchange is a decision joined with the end of its exchange, if that is known.
type Exchange struct {
	Decision     Entry
	End          *Entry
	DecisionLine []byte // as the log has it, with its line feed
	EndLine      []byte // nil if there is no end
}

// ReadExchange reads the lines that an index keeps of an exchange; end is nil if
// there is none.
func ReadExchange(decision, end []byte) (x Exchange, err error) {
	x.DecisionLine, x.EndLine = decision, end
	if x.Decision, err = readEntry(decision); err != nil || end == nil {
		return x, err
	}
	e, err := readEntry(end)
	x.End = &e
	return x, err
}

func readEntry(raw []byte) (Entry, error) {
	l, err := ParseLine(raw)
	if err != nil {
		return Entry{}, err
	}
	return l.Entry()
}
