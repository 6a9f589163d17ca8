package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/config"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
	"cloakroom/internal/secret"
	"cloakroom/internal/transcript"
	"cloakroom/internal/whatif"
	"cloakroom/rego"
)

// whatIf is what `session replay` is asked for with --policy or --rules: what would
// become of what was recorded.
type whatIf struct {
	policy string // folder of an author's policy
	rules  string // file of a changed configuration
	since  time.Time
	all    bool
	ask    bool // the policy's http.send happens
	asJSON bool
}

func (w *whatIf) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&w.policy, "policy", "", "decide again by the policy in this folder, and show which decisions would differ")
	f.StringVar(&w.rules, "rules", "", "decide again by the rules of this configuration file")
	f.Var((*moment)(&w.since), "since", "with --policy or --rules: every session's exchanges since then, e.g. 24h")
	f.BoolVar(&w.all, "all", false, "with --policy or --rules: every session's exchanges")
	f.BoolVar(&w.ask, "ask", false, "with --policy or --rules: let the policy ask servers (http.send) about what is recorded")
	f.BoolVar(&w.asJSON, "json", false, "with --policy or --rules: print JSON")
}

// asked tells whether anything is to be decided again.
func (w *whatIf) asked() bool { return w.policy != "" || w.rules != "" }

// everything tells whether it is about more than one session.
func (w *whatIf) everything() bool { return w.all || !w.since.IsZero() }

// arguments asks for a session, or for what stands in its place.
func (w *whatIf) arguments(cmd *cobra.Command, args []string) error {
	switch {
	case w.asked() && w.everything() && len(args) > 0:
		return usageError{hinted{errors.New("--since and --all are about every session, and one is named"), "name one, or say --since or --all"}}
	case w.asked() && w.everything():
		return nil
	case w.asked() && len(args) == 0:
		return usageError{hinted{errors.New("decide which sessions again?"), "name one, or say --since 24h or --all"}}
	case w.everything() || (w.asJSON || w.ask) && !w.asked():
		return usageError{errors.New("--since, --all, --ask and --json belong to --policy or --rules")}
	}
	return oneArg("the session's name, or an exchange's id")(cmd, args)
}

// idle refuses flags that would count for nothing beside --policy or --rules.
func (w *whatIf) idle(given func(flag string) bool) error {
	if !w.asked() {
		return nil
	}
	for _, name := range []string{"step", "curl", "har", "gateway", "speed", "longest-pause"} {
		if given(name) {
			return usageError{fmt.Errorf("--policy and --rules decide again, and play nothing back: --%s goes without them", name)}
		}
	}
	if w.everything() && given("limit") {
		return usageError{hinted{errors.New("--limit is about one session"), "--since 24h decides the latest of all"}}
	}
	return nil
}

// run decides again, and fails if anything differs.
func (w *whatIf) run(cmd *cobra.Command, o *options, s selector) error {
	return withReading(cmd, o, func(ctx context.Context, r reading) error {
		judge, err := w.judge(ctx, r)
		if err != nil {
			return err
		}
		report := newWhatIfReport()
		broken := w.each(ctx, r, s, func(x *transcript.Exchange) error {
			report.add(judge.Judge(ctx, whatif.Case{Time: x.Decision.Time, Decision: x.Decision.Decision, Recording: x.Recording}))
			return nil
		})
		if broken != nil && report.Decided+len(report.why) == 0 { // nothing was read
			return broken
		}
		if err := report.print(cmd.OutOrStdout(), w.asJSON); err != nil {
			return errors.Join(err, broken)
		}
		if n := len(report.Differences); n > 0 {
			return errors.Join(coded{fmt.Errorf("%d of %d decisions would differ", n, report.Decided), exitFailed}, broken)
		}
		if report.Decided == 0 {
			return errors.Join(hinted{errors.New("nothing could be decided again"), "`cloakroom session ls` lists sessions"}, broken)
		}
		return broken
	})
}

// judge is one for the changed rules.
func (w *whatIf) judge(ctx context.Context, r reading) (*whatif.Judge, error) {
	cfg := *r.config
	if w.rules != "" {
		if _, err := os.Stat(w.rules); err != nil { // whose hint would be about --config
			return nil, fmt.Errorf("reading the rules: %w", err)
		}
		changed, _, err := config.LoadRules(w.rules, os.LookupEnv)
		if err == nil && w.ask {
			err = w.reachesNoFurther(changed, r.config)
		}
		if err != nil {
			return nil, err
		}
		cfg = *changed
	}
	if w.policy != "" {
		if _, err := os.Stat(w.policy); err != nil { // as a folder without a policy, it would change nothing
			return nil, fmt.Errorf("reading the policy: %w", err)
		}
		cfg.Policy.Dir = w.policy
	}
	root, err := existingRoot(r.config)
	if err != nil {
		return nil, err
	}
	rules, err := w.rulesOf(ctx, &cfg, root)
	if err != nil {
		return nil, err
	}
	if rules.Lease, err = pastLeases(ctx, r.db, root); err != nil {
		return nil, err
	}
	return whatif.New(rules)
}

// reachesNoFurther refuses rules whose policy may ask hosts that none may ask so far: who
// proposes a change gets nothing of what is recorded.
func (w *whatIf) reachesNoFurther(changed, inForce *config.Config) error {
	for _, host := range changed.Policy.AllowNet {
		if !slices.Contains(inForce.Policy.AllowNet, host) {
			return hinted{fmt.Errorf("deciding by %q: its policy could send what is recorded to %q, which is not in policy.allow_net of the configuration in force", w.rules, host),
				"take the host out of the changed file, or into the other"}
		}
	}
	return nil
}

// rulesOf are those of a configuration, with the instance's placeholders.
func (w *whatIf) rulesOf(ctx context.Context, cfg *config.Config, root secret.Root) (whatif.Rules, error) {
	keys, err := root.Keys()
	if err != nil {
		return whatif.Rules{}, err
	}
	out := whatif.Rules{Issuers: map[string][]string{}}
	if out.Inventory, err = inventoryOf(cfg, keys); err != nil {
		return out, err
	}
	_, out.Upstreams = cfg.Inventory()
	for _, i := range cfg.Identity.Issuers {
		out.Issuers[i.URL] = i.GroupsAllowed
	}
	out.Policy, err = rego.New(ctx, rego.Options{Dir: cfg.Policy.Dir, Decision: cfg.Policy.Decision, AllowNet: cfg.Policy.AllowNet, AsOf: true, Alone: !w.ask})
	return out, err
}

// pastLeases finds the leases that the store remembers.
func pastLeases(ctx context.Context, db lease.Store, root secret.Root) (func(string) (lease.Lease, bool), error) {
	key, err := root.Derive("lease")
	if err != nil {
		return nil, err
	}
	k, err := lease.NewKeeper(ctx, db, key, lease.Options{Confirm: -1}, time.Now())
	if err != nil {
		return nil, err
	}
	return func(id string) (lease.Lease, bool) {
		l, err := k.ByID(ctx, id, time.Now())
		return l, err == nil && l.ID == id
	}, nil
}

// each reads what is to be decided again, once the log says that it is read.
func (w *whatIf) each(ctx context.Context, r reading, s selector, do func(*transcript.Exchange) error) error {
	if !w.everything() {
		xs, err := r.exchanges(ctx, s, "what if")
		if err != nil {
			return err
		}
		return r.each(ctx, xs, do)
	}
	sessions, err := r.db.Sessions(ctx, record.SessionFilter{Principal: s.principal, Since: w.since, Limit: math.MaxInt32})
	if err != nil {
		return err
	}
	n := 0
	for _, one := range sessions {
		n += one.Exchanges
	}
	if err := r.enter(ctx, record.Act{Name: "read", Target: "every session", N: n, Detail: "what if"}); err != nil {
		return err
	}
	var broken error
	for _, one := range sessions {
		xs, err := r.db.Exchanges(ctx, one.Principal, one.ID, 0)
		if err != nil {
			return err
		}
		xs = slices.DeleteFunc(xs, func(x record.Exchange) bool { return x.Decision.Time.Before(w.since) || x.Decision.Decision == nil })
		broken = errors.Join(broken, r.each(ctx, xs, do))
	}
	return broken
}
