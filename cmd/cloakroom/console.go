package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/approval"
	"cloakroom/internal/config"
	"cloakroom/internal/console"
	"cloakroom/internal/identity"
	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

// openConsole makes the page and its API, which people reach at the URL, until
// done is closed.
func (s *service) openConsole(at string, done <-chan struct{}) (http.Handler, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, fmt.Errorf("making the console at %q: not a URL", at)
	}
	scheme, _, _ := strings.Cut(gatewayOf(s.rules.Load().config), "://")
	return console.New(console.Deps{
		URL: u, Key: s.page, Desk: s.desk, Index: s.db, Log: s.log, Recordings: s.packs, Scheme: scheme, Done: done, Version: versionText(), Logger: s.logger,
		Logins: func() []console.Login { return s.rules.Load().logins },
		Groups: func() approval.Groups { return adminGroups(s.rules.Load().config) },
		Identify: func(ctx context.Context, headers []access.Header, path string) (access.Principal, error) {
			who, _, err := inForce{s}.Identify(ctx, headers, path)
			return who, err
		},
		Inventory: func() *inventory.Set { return s.rules.Load().set },
		Changes:   s.keeper.Subscribe, Health: s.health,
	})
}

func adminGroups(cfg *config.Config) approval.Groups {
	return approval.Groups{Operators: cfg.Admin.Operators, Approvers: cfg.Admin.Approvers, Auditors: cfg.Admin.Auditors}
}

// loginsOf makes the ways in which people log in.
func loginsOf(cfg *config.Config, v *identity.Verifier) ([]console.Login, error) {
	var all []console.Login
	for _, l := range cfg.Admin.Logins {
		c := identity.LoginConfig{Issuer: l.Issuer, ClientID: l.ClientID, Secret: secretOf(l.ClientSecret), Scopes: l.Scopes, ACR: l.ACR}
		page, err := v.Login(c)
		if err != nil {
			return nil, err
		}
		login := console.Login{Issuer: l.Issuer, Name: nameOf(cfg, l.Issuer), Page: page}
		if c.ClientID, c.Secret = l.CLIClientID, nil; c.ClientID != "" {
			cli, err := v.Login(c)
			if err != nil {
				return nil, err
			}
			login.CLI = &console.CLI{Flow: cli, ClientID: c.ClientID, Scopes: c.Scopes, ACR: c.ACR}
		}
		all = append(all, login)
	}
	return all, nil
}

// secretOf reads a client's secret anew for each login; nil: there is none.
func secretOf(source *secret.Source) func() (string, error) {
	if source == nil {
		return nil
	}
	return func() (string, error) {
		v, err := source.Read()
		return string(v.Reveal()), err
	}
}

func nameOf(cfg *config.Config, issuer string) string {
	i := slices.IndexFunc(cfg.Identity.Issuers, func(i config.Issuer) bool { return i.URL == issuer })
	if i < 0 {
		return issuer
	}
	return cfg.Identity.Issuers[i].Name
}

// health is what must work for requests to go on.
func (s *service) health(context.Context) []console.Health {
	part := func(name string, err error, detail string) console.Health {
		if err != nil {
			detail = err.Error()
		}
		return console.Health{Name: name, OK: err == nil, Detail: detail}
	}
	all := []console.Health{
		part("the log", s.log.Err(), fmt.Sprintf("entries since the start: %d", s.log.Stats().Entries)),
		part("the log's index", s.follower.Err(), fmt.Sprintf("entries behind: %d", s.follower.Lag())),
		part("the store of leases", s.keeper.Err(), fmt.Sprintf("active leases: %d", s.keeper.Active())),
	}
	loaded := s.rules.Load().verifier.Loaded()
	for _, name := range slices.Sorted(maps.Keys(loaded)) {
		h := console.Health{Name: "issuer " + name, OK: !loaded[name].IsZero(), Detail: "its keys were not needed yet, or cannot be had"}
		if h.OK {
			h.Detail = "keys of " + loaded[name].UTC().Format("15:04:05 UTC")
		}
		all = append(all, h)
	}
	failing := s.vault.Failing()
	for _, name := range slices.Sorted(maps.Keys(failing)) {
		all = append(all, part("the value of "+name, failing[name], ""))
	}
	return all
}
