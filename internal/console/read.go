package console

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// Log takes the entries of what was read. *record.Log is one.
type Log interface {
	Append(ctx context.Context, e record.Entry) error
}

// actRead is the name of the act of reading a recording.
const actRead = "read"

// What a recording is read for.
const (
	forPage = "page"
	forAPI  = "api"
	forHAR  = "har"
)

// errNoEntry is in the way of whoever reads while the log cannot be written.
var errNoEntry = errors.New("the log cannot be written now, and nothing of a recording is shown without an entry that says who read it")

// read reads what was recorded of an exchange, once the log says that who does, and
// what for.
func (c *Console) read(ctx context.Context, who access.Principal, x record.Exchange, what string) (transcript.Exchange, error) {
	d := x.Decision.Decision
	if err := c.mayRead(x); err != nil {
		return transcript.Exchange{}, err
	}
	if err := c.note(ctx, who, record.Act{Principal: principalOf(x), Session: d.Session, Exchange: d.Exchange, N: 1, Detail: what}); err != nil {
		return transcript.Exchange{}, err
	}
	return c.contents(ctx, x)
}

// contents reads what was recorded; the log has who reads it.
func (c *Console) contents(ctx context.Context, x record.Exchange) (transcript.Exchange, error) {
	if err := c.mayRead(x); err != nil {
		return transcript.Exchange{}, err
	}
	t, err := c.Recordings.Read(ctx, x.Decision.Decision.Exchange, x.End.End.Recording)
	return transcript.Exchange{Exchange: x, Recording: &t}, transcript.Early(err, x.End.End.Until, c.now())
}

// har reads what was recorded of an exchange as HAR, once the log says so.
func (c *Console) har(ctx context.Context, who access.Principal, x record.Exchange) ([]byte, error) {
	t, err := c.read(ctx, who, x, forHAR)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	one := func(yield func(*transcript.Exchange, error) bool) { yield(&t, nil) }
	err = transcript.WriteHAR(&b, one, cmp.Or(c.Scheme, "http"), c.Version)
	return b.Bytes(), err
}

// mayRead tells what is in the way of reading; nil: there is something to read.
func (c *Console) mayRead(x record.Exchange) error {
	switch {
	case x.End == nil:
		return errNotEnded
	case c.Recordings == nil || len(x.End.End.Recording) == 0:
		return recording.ErrNotRecorded
	}
	return nil
}

// note puts into the log that who, an auditor, reads.
func (c *Console) note(ctx context.Context, who access.Principal, a record.Act) error {
	if !c.Desk.Roles(who).Auditor {
		return errNotAuditor
	}
	a.Name, a.By = actRead, who.ID()
	if err := c.Log.Append(ctx, record.Entry{Act: &a}); err != nil {
		return fmt.Errorf("%w: %w", errNoEntry, err)
	}
	return nil
}

// principalOf is the ID of who asked for an exchange.
func principalOf(x record.Exchange) string {
	return access.Principal{Issuer: x.Decision.Decision.Issuer, Subject: x.Decision.Decision.Subject}.ID()
}
