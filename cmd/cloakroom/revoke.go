package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/transcript"
)

// revocation is what `lease revoke` was asked for.
type revocation struct {
	principal, credential, reason string
	all, sure, asJSON             bool
	lasts                         time.Duration
}

func newLeaseRevoke(o *options) *cobra.Command {
	var r revocation
	c := &cobra.Command{
		Use: "revoke [LEASE]", Short: "End leases at once, on every replica: one, all of a principal or a credential, or everything",
		Long: `End leases at once: one by its id, or all that --principal, --credential or both
name, or with --all everything. Every replica that shares the store hears of it,
and cuts what is in flight, within a second.

What is ended is barred too: nothing new is opened or asked for until "cloakroom
lease lift", or for as long as --for says. One lease that was had for the asking
stays barred for the rest of its time; others have to be asked for anew anyway.`,
		Example: `  cloakroom lease revoke zkj3l5wv2tq7m4p6r8s9a1b2c3
  cloakroom lease revoke --principal "https://idp.example.com#agent-7" --reason "token leaked"
  cloakroom lease revoke --credential github-read --for 1h
  cloakroom lease revoke --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.check(args); err != nil {
				return err
			}
			if r.all {
				if err := confirm(cmd, "End every lease of every principal, and let nobody open a new one?", r.sure); err != nil {
					return err
				}
			}
			return withKeeper(cmd.Context(), o, func(l leases, k *lease.Keeper) error {
				done, err := r.run(cmd.Context(), k, args)
				if err != nil {
					return err
				}
				if err := l.leave(cmd.Context(), done.acts()...); err != nil {
					return err
				}
				return done.print(cmd.OutOrStdout(), r.asJSON)
			})
		},
	}
	r.flags(c)
	return c
}

func (r *revocation) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&r.principal, "principal", "", "all of this principal's (issuer#subject), as lease ls shows it")
	f.StringVar(&r.credential, "credential", "", "all over this credential")
	f.BoolVar(&r.all, "all", false, "everything")
	f.DurationVar(&r.lasts, "for", 0, "keep new ones barred for so long, e.g. 1h (default until lifted)")
	f.StringVar(&r.reason, "reason", "", "why, for those who ask while it is barred, agents too")
	f.BoolVarP(&r.sure, "yes", "y", false, "do not ask before --all")
	f.BoolVar(&r.asJSON, "json", false, "print JSON")
}

// check tells whether it is clear what is to end.
func (r revocation) check(args []string) error {
	wide := r.all || r.principal != "" || r.credential != ""
	var err error
	switch {
	case len(args) > 1:
		err = fmt.Errorf("one lease at a time, not %d", len(args))
	case len(args) == 1 && wide:
		err = errors.New("a lease's id, and more than that lease")
	case len(args) == 1 && (r.lasts != 0 || r.reason != ""):
		err = errors.New("--for and --reason belong to a bar, and one lease's end puts up none")
	case len(args) == 0 && !wide:
		err = hinted{errors.New("nothing to revoke"), "name a lease (cloakroom lease ls), --principal, --credential, or --all"}
	case r.all && (r.principal != "" || r.credential != ""):
		err = errors.New("--all, and not all")
	case r.lasts < 0:
		err = fmt.Errorf("--for %v: want a time to come", r.lasts)
	default:
		return nil
	}
	return usageError{err}
}

// revoked is what a revocation did.
type revoked struct {
	Revoked []shownLease `json:"revoked"`
	Bar     *shownBar    `json:"bar,omitempty"` // nil: none was put up
}

// acts are what the log is told. Of a bar the services tell themselves.
func (r revoked) acts() []record.Act {
	var all []record.Act
	for _, l := range r.Revoked {
		all = append(all, record.Act{Name: "revoke", Target: l.Lease, Principal: l.Principal, Session: l.Session, Detail: "over " + l.Credential})
	}
	return all
}

func (r revocation) run(ctx context.Context, k *lease.Keeper, args []string) (revoked, error) {
	if len(args) == 1 {
		return revokeOne(ctx, k, args[0])
	}
	now := time.Now()
	b := lease.Bar{Principal: r.principal, Credential: r.credential, By: operator(), Reason: r.reason}
	if r.lasts > 0 {
		b.Until = now.Add(r.lasts)
	}
	b, ended, err := k.Bar(ctx, b, now)
	if err != nil {
		return revoked{}, err
	}
	bar := showBar(b)
	out := revoked{Revoked: []shownLease{}, Bar: &bar}
	for _, l := range ended {
		out.Revoked = append(out.Revoked, showLease(l))
	}
	return out, nil
}

// revokeOne ends one lease. One that is had for the asking stays barred until
// its end: the next request would open another at once.
func revokeOne(ctx context.Context, k *lease.Keeper, id string) (revoked, error) {
	now := time.Now()
	l, err := k.Revoke(ctx, id, operator(), now)
	if errors.Is(err, lease.ErrUnknown) {
		return revoked{}, hinted{fmt.Errorf("no lease %q", id), "cloakroom lease ls lists them"}
	}
	if err != nil {
		return revoked{}, err
	}
	out := revoked{Revoked: []shownLease{showLease(l)}}
	if !l.Ticketless() || l.Terms.Needs > 0 {
		return out, nil
	}
	b, _, err := k.Bar(ctx, lease.Bar{Principal: l.Principal, Credential: l.Credential, Until: l.Ends, By: operator(), Reason: "the lease was revoked"}, now)
	if err != nil {
		return out, err
	}
	bar := showBar(b)
	out.Bar = &bar
	return out, nil
}

func (r revoked) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	for _, l := range r.Revoked {
		fmt.Fprintf(w, "revoked lease %s of %s over %s\n", l.Lease, transcript.Visible(l.Principal), l.Credential)
	}
	if r.Bar == nil {
		return nil
	}
	if len(r.Revoked) == 0 {
		fmt.Fprintln(w, "no lease was active")
	}
	_, err := fmt.Fprintf(w, "nothing new is opened for %s over %s %s: cloakroom lease lift %s\n",
		orAll(r.Bar.Principal, "anybody"), orAll(r.Bar.Credential, "any credential"), r.Bar.until(), r.Bar.Bar)
	return err
}
