package config

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// defaultScopes are those of the standard's that name a person.
var defaultScopes = []string{"openid", "profile", "email"}

// admin is read after listen, whose address is the default of its URL.
func (l *loader) admin(n *yaml.Node) {
	a := &l.cfg.Admin
	if address := l.cfg.Listen.Admin; isLoopback(address) && !strings.HasSuffix(address, ":0") {
		a.URL = "http://" + address
	}
	if n == nil {
		return
	}
	var at, login *yaml.Node
	if !l.mapping(n, "admin", fields{
		"url":       func(n *yaml.Node) { at = n; a.URL = l.adminURL(n) },
		"login":     keep(&login),
		"operators": func(n *yaml.Node) { a.Operators = l.groups(n) },
		"approvers": func(n *yaml.Node) { a.Approvers = l.groups(n) },
		"auditors":  func(n *yaml.Node) { a.Auditors = l.groups(n) },
	}) || login == nil {
		return
	}
	if a.URL == "" && at == nil {
		l.fail(login, "add url: https://cloakroom.example.com beside it", "a login that does not know how people reach the page")
	}
	if login.Kind == yaml.SequenceNode {
		l.list(login, "logins", l.login)
	} else {
		l.login(login)
	}
}

// adminURL reads where people reach the admin listener: nothing but a host,
// because the page's paths and cookies are the host's.
func (l *loader) adminURL(n *yaml.Node) string {
	const hint = "write https://cloakroom.example.com"
	text, ok := l.text(n, "the URL of the admin listener")
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil || strings.ContainsAny(text, "#? ") {
		l.fail(n, hint, "%q is not a URL of a scheme and a host alone", text)
		return ""
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopbackHost(u.Hostname())) {
		l.fail(n, hint, "%q: want https, or http on loopback", text)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// login reads how people of one issuer log in.
func (l *loader) login(n *yaml.Node) {
	to := Login{Scopes: slices.Clone(defaultScopes)}
	var issuer, client *yaml.Node
	if !l.mapping(n, "a login", fields{
		"issuer":        keep(&issuer),
		"client_id":     func(n *yaml.Node) { client = n; to.ClientID, _ = l.text(n, "a client's id") },
		"client_secret": func(n *yaml.Node) { to.ClientSecret, _ = l.source(n, true) },
		"cli_client_id": l.into(&to.CLIClientID, "a client's id"),
		"scopes":        func(n *yaml.Node) { to.Scopes = l.texts(n, "scopes", l.scope) },
		"acr":           l.into(&to.ACR, "a class of authentication"),
	}) {
		return
	}
	if l.present(n, client, "a login", "client_id", "add client_id: cloakroom, as the issuer knows this service") &&
		to.CLIClientID == to.ClientID && to.ClientID != "" && to.ClientSecret != nil {
		l.fail(client, "register a public client for the command line", "client %q cannot keep a secret and be public as cli_client_id", to.ClientID)
	}
	if l.present(n, issuer, "a login", "issuer", "add issuer: NAME, of an issuer with human: true") {
		to.Issuer = l.humanIssuer(issuer)
		if slices.ContainsFunc(l.cfg.Admin.Logins, func(o Login) bool { return o.Issuer != "" && o.Issuer == to.Issuer }) {
			l.fail(issuer, "remove one of them", "two logins with one issuer")
		}
	}
	l.cfg.Admin.Logins = append(l.cfg.Admin.Logins, to)
}

// humanIssuer reads the name or the URL of an issuer that people log in with.
func (l *loader) humanIssuer(n *yaml.Node) string {
	name, ok := l.text(n, "an issuer's name")
	if !ok {
		return ""
	}
	var human []string
	for _, i := range l.cfg.Identity.Issuers {
		switch {
		case name != i.Name && name != i.URL:
			if i.Human {
				human = append(human, i.Name)
			}
		case !i.Human:
			l.fail(n, "say human: true at the issuer, if a person stands behind each of its tokens", "nobody logs in with issuer %q: it is not human", name)
			return ""
		default:
			return i.URL
		}
	}
	hint := "declare it under identity.issuers, with human: true"
	if len(human) > 0 {
		hint = suggest(name, human)
	}
	l.fail(n, hint, "unknown issuer %q", name)
	return ""
}

// scope checks a scope (RFC 6749 §3.3), and keeps refresh tokens away: nobody
// would use one.
func (l *loader) scope(n *yaml.Node, s string) bool {
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }):
		l.fail(n, "one scope each: [openid, profile, email]", "%q is not a scope", s)
	case s == "offline_access":
		l.fail(n, "remove it", "scope %q asks for a refresh token, which is not needed", s)
	default:
		return true
	}
	return false
}
