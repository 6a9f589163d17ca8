package decide

import (
	"context"
	"strings"
	"time"
	"unicode"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// Operation is what one rule of a credential permits, in the configuration's
// words.
type Operation struct {
	Hosts   []string `json:"hosts"`
	Methods []string `json:"methods"`
	Paths   []string `json:"paths"`
	In      []string `json:"in"` // where the placeholder may stand
}

// Offer is one credential that a principal may use.
type Offer struct {
	Credential   string      `json:"credential"`
	Description  string      `json:"description,omitempty"`
	Placeholder  string      `json:"placeholder"`
	Tier         string      `json:"tier"`
	LeaseSeconds int         `json:"lease_seconds"`
	Approval     bool        `json:"approval"` // somebody must approve its use
	Operations   []Operation `json:"operations"`
}

// Discover lists the credentials that are open to who, by name. A ticket vouches
// for its own credential alone, so its holder is shown nothing else.
func (d *Decider) Discover(_ context.Context, who access.Principal) []Offer {
	offers := []Offer{}
	set := d.Inventory()
	known := d.factsOf(set)
	for _, c := range set.Credentials() {
		if who.Ticket || !who.InAny(c.Groups) {
			continue
		}
		f := known.byName[c.Name]
		o := Offer{Credential: c.Name, Description: c.Description, Placeholder: c.Placeholder, Tier: c.Tier.Name,
			LeaseSeconds: int(c.Tier.Lease / time.Second), Approval: f.Approval, Operations: []Operation{}}
		for _, r := range f.Rules {
			o.Operations = append(o.Operations, Operation(r))
		}
		offers = append(offers, o)
	}
	return offers
}

// LeaseRequest asks for a lease with a ticket.
type LeaseRequest struct {
	Principal  access.Principal // by token
	Credential string
	Reason     string // the asker's words, at most 500 bytes; empty: none given
	Session    string // empty: the principal's
}

// Ticket is a lease's ticket. Its text is shown to the asker once, and never
// logged.
type Ticket struct {
	Text       string // with the credential's prefix
	Lease      string // the lease's id
	Credential string
	Ends       time.Time
}

// String keeps the text out of logs.
func (t Ticket) String() string { return shown(t.Credential, "ticket") }

// GoString keeps the text out of logs.
func (t Ticket) GoString() string { return t.String() }

const maxReason = 500

// RequestLease opens a lease with a ticket over a credential whose tier needs
// no approval. The lease is in the log before the ticket is handed out.
func (d *Decider) RequestLease(ctx context.Context, q LeaseRequest) (Ticket, *access.Refusal) {
	now := d.Now()
	c, r := d.requestable(q)
	if r != nil {
		d.countRequest(r.Code)
		return Ticket{}, r
	}
	if q.Session == "" {
		q.Session = q.Principal.Session
	}
	q.Reason = d.factsOf(d.Inventory()).hide(q.Reason)
	text, err := inventory.NewTicket(c.Name)
	if err != nil {
		return Ticket{}, d.unavailable("making a ticket", err)
	}
	l, err := d.Leases.Request(ctx, q.Principal, c.Name, q.Session, q.Reason, inventory.TicketHash(text), c.Tier.Lease, now)
	if err != nil {
		return Ticket{}, d.unavailable("opening a lease", err)
	}
	if l.State != lease.Active || l.Credential != c.Name || l.Principal != q.Principal.ID() {
		return Ticket{}, d.unavailable("opening a lease", lease.ErrConflict)
	}
	if err := d.Log.Append(ctx, leaseEntry(l, now)); err != nil {
		if _, gone := d.Leases.Revoke(context.WithoutCancel(ctx), l.ID, now); gone != nil {
			d.Logger.Error("a lease that is not in the log could not be revoked", "lease", l.ID, "error", gone)
		}
		return Ticket{}, d.unavailable("recording a lease", err)
	}
	return Ticket{Text: c.Prefix + text, Lease: l.ID, Credential: c.Name, Ends: l.Ends}, nil
}

func (d *Decider) countRequest(code access.Code) { d.Observer.Decided(access.Deny, code) }

func (d *Decider) unavailable(what string, err error) *access.Refusal {
	d.Logger.Error("a ticket could not be given", "doing", what, "error", err)
	d.countRequest(access.Unavailable)
	return &access.Refusal{Code: access.Unavailable, Message: "no ticket could be given; try again, then tell the operator of this gateway"}
}

// requestable says whether q may be answered with a ticket. A credential that
// is not open to the asker looks like one that does not exist.
func (d *Decider) requestable(q LeaseRequest) (*inventory.Credential, *access.Refusal) {
	no := func(code access.Code, message string) (*inventory.Credential, *access.Refusal) {
		return nil, &access.Refusal{Code: code, Message: message}
	}
	if !q.Principal.Known() || q.Principal.Ticket {
		return no(access.Unauthenticated, "send a bearer token of a trusted issuer; a ticket cannot ask for another")
	}
	c := d.Inventory().Credential(q.Credential)
	switch {
	case c == nil || !q.Principal.InAny(c.Groups):
		return no(access.NotGranted, "no such credential is open to you; GET /.well-known/cloakroom lists those you may use")
	case c.Tier.Approval != nil:
		return no(access.ApprovalPending, "credential "+c.Name+" needs an approval, and this gateway cannot ask for one yet")
	case len(q.Reason) > maxReason || strings.ContainsFunc(q.Reason, unicode.IsControl):
		return no(access.Denied, "reason: want at most 500 bytes of text without control characters")
	case q.Session != "" && !sessionName(q.Session):
		return no(access.Denied, `session: want 1 to 128 letters, digits, ".", "_", ":" or "-", and no placeholder`)
	}
	return c, nil
}

func leaseEntry(l lease.Lease, now time.Time) record.Entry {
	return record.Entry{Time: now, Lease: &record.Lease{ID: l.ID, Issuer: l.Issuer, Subject: l.Subject, Credential: l.Credential,
		Session: l.Session, Reason: l.Reason, State: l.State.String(), Ticket: true, By: l.Principal, Ends: l.Ends}}
}
