package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"

	"cloakroom/examples/quickstart/idp/provider"
)

// The apps that people log in to, and the secrets of the demonstration.
const (
	pageID, pageSecret = "cloakroom-page", "the-demo-page-is-no-secret"
	cliID              = "cloakroom-cli"
	demoPassword       = "demo"
)

// demoUsers are who may log in unless --user says otherwise.
var demoUsers = []string{
	"alice:alice@example.com:oncall",
	"bob:bob@example.com:oncall,sre",
	"carol:carol@example.com:security",
	"dave:dave@example.com:",
}

// humans are the flags of a provider for people.
type humans struct {
	on               bool
	users            []provider.User
	pages            []string // base URLs
	password, secret string
}

func (h *humans) flags() {
	flag.BoolVar(&h.on, "humans", false, "let people log in")
	flag.Func("user", "`name:email:group1,group2` of a person; may be repeated; \":unverified\" after it: the address is not verified. Default alice, bob, carol and dave", func(s string) error {
		u, err := parseUser(s)
		h.users = append(h.users, u)
		return err
	})
	flag.Func("page", "base `URL` of Cloakroom's page; may be repeated; default http://127.0.0.1:9192", func(s string) error {
		h.pages = append(h.pages, strings.TrimSuffix(s, "/"))
		return nil
	})
	flag.StringVar(&h.password, "password", cmp.Or(os.Getenv("IDP_PASSWORD"), demoPassword), "everybody's `password`; default $IDP_PASSWORD, or "+demoPassword)
	flag.StringVar(&h.secret, "page-secret", pageSecret, "`secret` of the app "+pageID+"; empty: it keeps none")
}

// add puts the people and what they log in to into o.
func (h *humans) add(o *provider.Options) error {
	if !h.on {
		if len(h.users)+len(h.pages) > 0 {
			return errors.New("--user and --page need --humans")
		}
		return nil
	}
	if len(h.users) == 0 {
		for _, text := range demoUsers {
			u, err := parseUser(text)
			if err != nil {
				return err
			}
			h.users = append(h.users, u)
		}
	}
	for _, u := range h.users {
		u.Password = h.password
		o.Users = append(o.Users, u)
	}
	if len(h.pages) == 0 {
		h.pages = []string{"http://127.0.0.1:9192"}
	}
	page := provider.App{ID: pageID, Secret: h.secret}
	for _, text := range h.pages {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return fmt.Errorf("page %q is not a URL", text)
		}
		for _, base := range []string{text, strings.Replace(text, "//127.0.0.1:", "//localhost:", 1)} {
			page.Redirects = append(page.Redirects, base+"/login/callback")
			page.Logouts = append(page.Logouts, base+"/", base+"/login")
		}
	}
	o.Apps = []provider.App{page, {ID: cliID, Native: true, Redirects: []string{"http://127.0.0.1/callback", "http://localhost/callback"}}}
	return nil
}

// explain prints who may log in, and how, without secrets of somebody's own.
func (h *humans) explain(o provider.Options) {
	shown := func(secret, demo string) string {
		if secret != demo {
			return "as given"
		}
		return secret
	}
	for _, u := range o.Users {
		fmt.Printf("user %s, password %s, e-mail %s, groups %s\n", u.Name, shown(u.Password, demoPassword), cmp.Or(u.Email, "none"), cmp.Or(strings.Join(u.Groups, ","), "none"))
	}
	for _, a := range o.Apps {
		secret := "none"
		if a.Secret != "" {
			secret = shown(a.Secret, pageSecret)
		}
		fmt.Printf("app %s, secret %s, comes back to %s\n", a.ID, secret, strings.Join(a.Redirects, " "))
	}
}

func parseUser(s string) (provider.User, error) {
	part := strings.Split(s, ":")
	unverified := len(part) == 4 && part[3] == "unverified"
	if len(part) != 3 && !unverified || part[0] == "" {
		return provider.User{}, errors.New("want name:email:group1,group2 or name:email:group1,group2:unverified")
	}
	return provider.User{Name: part[0], Email: part[1], Unverified: unverified, Groups: list(part[2])}, nil
}
