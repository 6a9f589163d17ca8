package decide

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// LeaseRequest asks for a lease with a ticket.
type LeaseRequest struct {
	Principal  access.Principal // by token
	Credential string
	Reason     string          // the asker's words, at most 500 bytes; empty: none given
	Session    string          // empty: the principal's
	Operation  lease.Operation // what it is for; zero: none is named
	Wait       time.Duration   // how long to wait for people, where they must approve; 0: not at all
}

// Ticket is a lease's ticket. Its text is shown to the asker once, and never
// logged.
type Ticket struct {
	Text   string // with the credential's prefix
	Status LeaseStatus
}

// String keeps the text out of logs.
func (t Ticket) String() string { return shown(t.Status.Credential, "ticket") }

// GoString keeps the text out of logs.
func (t Ticket) GoString() string { return t.String() }

const (
	maxReason = 500  // bytes
	maxPath   = 4096 // bytes
)

// RequestLease opens a lease with a ticket. It is in the log before the ticket
// is handed out. Where people must approve it the ticket works once they have.
func (d *Decider) RequestLease(ctx context.Context, q LeaseRequest) (Ticket, *access.Refusal) {
	now := d.Now()
	if q.Session == "" {
		q.Session = q.Principal.Session
	}
	c, r := d.requestable(ctx, q)
	if r != nil {
		d.countRequest(r.Code)
		return Ticket{}, r
	}
	text, err := inventory.NewTicket(c.Name)
	if err != nil {
		return Ticket{}, d.unavailable("making a ticket", err)
	}
	known := d.factsOf(d.Inventory())
	ask := askOf(c, q.Principal, false)
	ask.Session, ask.Reason, ask.Ticket, ask.Operation = q.Session, known.hide(q.Reason), inventory.TicketHash(text), q.Operation
	ask.Operation.Path = known.pin(q.Operation.Path)
	l, err := d.Leases.Request(ctx, ask, now)
	if err != nil && !errors.Is(err, lease.ErrPending) {
		return Ticket{}, d.declined(c.Name, l, err, now)
	}
	if l.Credential != c.Name || l.Principal != q.Principal.ID() || l.State == lease.Active && l.Terms.Needs < ask.Terms.Needs {
		return Ticket{}, d.unavailable("opening a lease", lease.ErrConflict)
	}
	if r := d.logged(ctx, l, now); r != nil {
		return Ticket{}, r
	}
	if l.State == lease.Pending {
		l = d.await(ctx, l, q.Wait)
	}
	switch {
	case l.State == lease.Ended:
		return Ticket{}, d.declined(c.Name, l, nil, d.Now())
	case l.Ticket != ask.Ticket:
		d.countRequest(access.Denied)
		return Ticket{}, no(access.Denied, "you have asked for the same again while this request waited, and were given another ticket: only that one will work")
	}
	return Ticket{Text: c.Prefix + text, Status: d.status(l)}, nil
}

// logged writes down that a lease was opened. One that is not in the log is ended.
func (d *Decider) logged(ctx context.Context, l lease.Lease, now time.Time) *access.Refusal {
	err := d.Log.Append(ctx, record.Entry{Time: now, Lease: record.OfLease(l, l.Principal)})
	if err == nil {
		return nil
	}
	if _, gone := d.Leases.Revoke(context.WithoutCancel(ctx), l.ID, l.Principal, now); gone != nil {
		d.Logger.Error("a lease that is not in the log could not be revoked", "lease", l.ID, "error", gone)
	}
	return d.unavailable("recording a lease", err)
}

// declined is why there is no lease, for who asks for one in so many words.
func (d *Decider) declined(name string, l lease.Lease, err error, now time.Time) *access.Refusal {
	if errors.Is(err, lease.ErrUnavailable) {
		return d.unavailable("opening a lease", err)
	}
	r := d.without(name, l, err, now)
	d.countRequest(r.Code)
	return &r.Refusal
}

func (d *Decider) countRequest(code access.Code) { d.Observer.Decided(access.Deny, code) }

func (d *Decider) unavailable(what string, err error) *access.Refusal {
	d.Logger.Error("a lease could not be served", "doing", what, "error", err)
	d.countRequest(access.Unavailable)
	return &access.Refusal{Code: access.Unavailable, RetryAfter: time.Second,
		Message: "leases cannot be served now; try again, then tell the operator of this gateway"}
}

func no(code access.Code, message string) *access.Refusal {
	return &access.Refusal{Code: code, Message: message}
}

// requestable says whether q may be answered with a ticket. A credential that
// is not open to the asker looks like one that does not exist.
func (d *Decider) requestable(ctx context.Context, q LeaseRequest) (*inventory.Credential, *access.Refusal) {
	if !q.Principal.Known() || q.Principal.Ticket {
		return nil, no(access.Unauthenticated, "send a bearer token of a trusted issuer; a ticket cannot ask for another")
	}
	c := d.Inventory().Credential(q.Credential)
	switch {
	case c == nil || !q.Principal.InAny(c.Groups):
		return nil, no(access.NotGranted, "no such credential is open to you; GET /.well-known/cloakroom lists those you may use")
	case len(q.Reason) > maxReason || !utf8.ValidString(q.Reason) || strings.ContainsFunc(q.Reason, unicode.IsControl):
		return nil, no(access.Denied, "reason: want at most 500 bytes of text without control characters")
	case q.Session != "" && !sessionName(q.Session) && q.Session != q.Principal.Session:
		return nil, no(access.Denied, `session: want 1 to 128 letters, digits, ".", "_", ":" or "-", and no placeholder`)
	case c.Tier.Approval != nil && q.Principal.Unverified:
		return nil, &unverified(c.Name).Refusal
	case c.Tier.Approval != nil && strings.TrimSpace(q.Reason) == "":
		return nil, no(access.Denied, "reason: say in a sentence what you need credential "+c.Name+" for; people read it before they approve")
	}
	if r := operable(c, q.Operation); r != nil {
		return nil, r
	}
	return c, d.astray(ctx, q)
}

// astray refuses an identity token in the asker's words: they are kept, and shown.
func (d *Decider) astray(ctx context.Context, q LeaseRequest) *access.Refusal {
	if _, _, err := d.Identity.Identify(ctx, []access.Header{{Name: "reason", Value: q.Reason}}, q.Operation.Path); err != nil {
		return no(access.Denied, err.Error())
	}
	return nil
}

// operable refuses an operation that the credential does not permit.
func operable(c *inventory.Credential, o lease.Operation) *access.Refusal {
	if o == (lease.Operation{}) {
		return nil
	}
	if !o.Named() || len(o.Path) > maxPath || !strings.HasPrefix(o.Path, "/") || strings.ContainsFunc(o.Method+o.Host+o.Path, notPlain) {
		return no(access.Denied, `operation: want {"method":"GET","host":"api.example.com","path":"/…"}, the path as the API knows it`)
	}
	if _, ok := c.Permits(access.Target{Method: o.Method, Host: o.Host, Path: o.Path}); !ok {
		return no(access.NotGranted, "credential "+c.Name+" does not permit this operation; GET /.well-known/cloakroom lists what it permits")
	}
	return nil
}

func notPlain(r rune) bool { return r <= ' ' || r > '~' }
