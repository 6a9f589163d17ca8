package approval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// Revocation says what to revoke: one lease; or all of a principal, of a
// credential, of both together; or everything. All but the first leave a bar,
// which keeps new leases from being opened, and so does a lease that was had for
// the asking.
type Revocation struct {
	Lease      string
	Principal  string
	Credential string
	All        bool
	Until      time.Time // when the bar falls; zero: when it is lifted
	Reason     string    // for the agents, by the bar: one lease that leaves none has no reason
}

// Revoked is what came of a Revocation.
type Revoked struct {
	Leases []string   `json:"leases"` // those that this process ended; others end theirs within a second
	Bar    *lease.Bar `json:"bar,omitempty"`
}

// List lists leases that who may see.
func (d *Desk) List(ctx context.Context, who access.Principal, f lease.Filter) ([]lease.Lease, error) {
	if !d.Roles(who).Any() {
		return nil, ErrRole
	}
	ls, err := d.Leases.List(ctx, f, d.Now())
	out := ls[:0]
	for _, l := range ls {
		if d.sees(who, l.Credential) {
			out = append(out, l)
		}
	}
	return out, err
}

// Revoke ends leases. An operator may revoke any, an approver one of theirs. It
// has its effect even if the log cannot be written, which is then an error.
func (d *Desk) Revoke(ctx context.Context, who access.Principal, r Revocation) (Revoked, error) {
	r.Reason = Clean(r.Reason, maxReason)
	if r.Lease != "" {
		if r.Principal != "" || r.Credential != "" || r.All {
			return Revoked{}, errors.New("revoking: name a lease, or all of something, and not both")
		}
		return d.revokeOne(ctx, who, r.Lease, cmp.Or(r.Reason, "the lease was revoked"))
	}
	switch {
	case !d.Roles(who).Operator:
		return Revoked{}, ErrRole
	case r.All == (r.Principal != "" || r.Credential != ""):
		return Revoked{}, errors.New("revoking: name a lease, a principal, a credential, or everything")
	}
	return d.bar(ctx, lease.Bar{Principal: r.Principal, Credential: r.Credential, Until: r.Until, By: who.ID(), Reason: r.Reason})
}

// bar puts a bar up, and records it.
func (d *Desk) bar(ctx context.Context, b lease.Bar) (Revoked, error) {
	now := d.Now()
	b, ended, err := d.Leases.Bar(ctx, b, now)
	out := Revoked{Leases: []string{}, Bar: &b}
	for _, l := range ended {
		out.Leases = append(out.Leases, l.ID)
	}
	entry := record.Entry{Time: now, Bar: &record.Bar{ID: b.ID, Principal: b.Principal, Credential: b.Credential, Until: b.Until, Reason: b.Reason, By: b.By}}
	if logged := d.Log.Append(ctx, entry); logged != nil {
		err = errors.Join(err, fmt.Errorf("recording a bar: %w", logged))
	}
	return out, err
}

func (d *Desk) revokeOne(ctx context.Context, who access.Principal, id, reason string) (Revoked, error) {
	now := d.Now()
	l, err := d.Leases.ByID(ctx, id, now)
	if err != nil {
		return Revoked{}, err
	}
	c := d.Inventory().Credential(l.Credential)
	if !d.Roles(who).Operator && !(who.Human && c != nil && who.InAny(d.approvers(c))) {
		return Revoked{}, ErrRole
	}
	if _, err = d.Leases.Revoke(ctx, id, who.ID(), now); err != nil {
		return Revoked{}, err
	}
	if !l.Ticketless() || l.State != lease.Active || l.Terms.Needs > 0 {
		return Revoked{Leases: []string{id}}, nil
	}
	// The next request would open another at once.
	out, err := d.bar(ctx, lease.Bar{Principal: l.Principal, Credential: l.Credential, Until: l.Ends, By: who.ID(), Reason: reason})
	out.Leases = append([]string{id}, out.Leases...)
	return out, err
}

// Bars lists the bars that stand, for those who have a role.
func (d *Desk) Bars(who access.Principal) ([]lease.Bar, error) {
	if !d.Roles(who).Any() {
		return nil, ErrRole
	}
	return d.Leases.Bars(), nil
}

// Lift takes a bar away. It is an operator's, and in the log before it counts.
func (d *Desk) Lift(ctx context.Context, who access.Principal, id string) error {
	if !d.Roles(who).Operator {
		return ErrRole
	}
	for _, b := range d.Leases.Bars() {
		if b.ID != id {
			continue
		}
		entry := record.Entry{Time: d.Now(), Bar: &record.Bar{ID: b.ID, Principal: b.Principal, Credential: b.Credential, Until: b.Until, Reason: b.Reason, By: who.ID(), Lifted: true}}
		if err := d.Log.Append(ctx, entry); err != nil {
			return fmt.Errorf("recording that a bar is lifted: %w", err)
		}
		return d.Leases.Lift(ctx, id, d.Now())
	}
	return fmt.Errorf("lifting bar %q: %w", id, lease.ErrUnknown)
}
