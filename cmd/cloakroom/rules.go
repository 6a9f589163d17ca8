package main

import (
	"context"
	"errors"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/config"
	"cloakroom/internal/console"
	"cloakroom/internal/decide"
	"cloakroom/internal/identity"
	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
	"cloakroom/rego"
)

// rules is what one reading of the configuration puts in force. It never
// changes; a reload replaces it whole.
type rules struct {
	config   *config.Config
	set      *inventory.Set
	verifier *identity.Verifier
	policy   *rego.Policy
	logins   []console.Login
	decider  *decide.Decider // of these rules alone: no decision mixes two readings
}

// compile makes rules of a configuration, without putting them in force.
func (s *service) compile(ctx context.Context, cfg *config.Config) (*rules, error) {
	set, err := inventoryOf(cfg, s.keys)
	if err != nil {
		return nil, err
	}
	verifier, err := identity.New(identityConfig(cfg), identity.Options{Log: s.logger, OnFailure: s.metrics.IssuerFailed})
	if err != nil {
		return nil, err
	}
	policy, err := rego.New(ctx, rego.Options{Dir: cfg.Policy.Dir, Decision: cfg.Policy.Decision, AllowNet: cfg.Policy.AllowNet})
	if err != nil {
		return nil, err
	}
	logins, err := loginsOf(cfg, verifier)
	if err != nil {
		return nil, err
	}
	return &rules{config: cfg, set: set, verifier: verifier, policy: policy, logins: logins}, nil
}

func inventoryOf(cfg *config.Config, keys secret.Keys) (*inventory.Set, error) {
	credentials, upstreams := cfg.Inventory()
	return inventory.New(inventory.Key(keys.Placeholder()), credentials, upstreams, cfg.Strict)
}

func identityConfig(cfg *config.Config) identity.Config {
	out := identity.Config{TokenHeaders: cfg.Identity.TokenHeaders}
	for _, i := range cfg.Identity.Issuers {
		out.Issuers = append(out.Issuers, identity.Issuer{Name: i.Name, URL: i.URL, Audiences: i.Audiences,
			Groups: i.Groups, GroupsAllowed: i.GroupsAllowed, Person: i.Person, Human: i.Human, CAFile: i.CAFile})
	}
	return out
}

// lead gives r its decider, before r is used.
func (s *service) lead(r *rules) (err error) {
	r.decider, err = decide.New(decide.Deps{
		Inventory: func() *inventory.Set { return r.set },
		Identity:  r, Policy: r.policy, Leases: s.keeper, Log: s.decisions, Recorder: s.engine,
		Now: time.Now, Logger: s.logger, Observer: observer{s.metrics, s},
		InForce: func() bool { return s.rules.Load() == r }, Holds: s.holds, AdminURL: r.config.Admin.URL,
	})
	return err
}

// Identify is what package decide asks for: nobody is no error.
func (r *rules) Identify(ctx context.Context, headers []access.Header, path string) (access.Principal, []string, error) {
	who, err := r.verifier.Identify(ctx, headers, path)
	if errors.Is(err, identity.ErrNoToken) {
		err = nil
	}
	return who.Principal, who.Remove, err
}

// Issuers is how many issuers are trusted.
func (r *rules) Issuers() int { return len(r.config.Identity.Issuers) }

// inForce answers by the rules that are in force at the moment of a call.
type inForce struct{ s *service }

func (f inForce) Identify(ctx context.Context, headers []access.Header, path string) (access.Principal, []string, error) {
	return f.s.rules.Load().Identify(ctx, headers, path)
}

func (f inForce) Decide(ctx context.Context, r *access.Request, attributes func() any) access.Decision {
	return f.s.rules.Load().decider.Decide(ctx, r, attributes)
}

func (f inForce) Discover(ctx context.Context, who access.Principal) []decide.Offer {
	return f.s.rules.Load().decider.Discover(ctx, who)
}

func (f inForce) RequestLease(ctx context.Context, q decide.LeaseRequest) (decide.Ticket, *access.Refusal) {
	return f.s.rules.Load().decider.RequestLease(ctx, q)
}

func (f inForce) LeaseStatus(ctx context.Context, who access.Principal, id string, wait time.Duration) (decide.LeaseStatus, *access.Refusal) {
	return f.s.rules.Load().decider.LeaseStatus(ctx, who, id, wait)
}

func (f inForce) ExtendLease(ctx context.Context, who access.Principal, id string, by time.Duration) (decide.LeaseStatus, *access.Refusal) {
	return f.s.rules.Load().decider.ExtendLease(ctx, who, id, by)
}

func (f inForce) EndLease(ctx context.Context, who access.Principal, id string) (decide.LeaseStatus, *access.Refusal) {
	return f.s.rules.Load().decider.EndLease(ctx, who, id)
}
