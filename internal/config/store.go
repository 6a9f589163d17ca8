package config

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"
)

const storeHint = "write sqlite://cloakroom.db or postgres://user@host/database"

func (l *loader) store(n *yaml.Node) {
	s := &l.cfg.Store
	s.Path = l.resolve("cloakroom.db")
	if n == nil {
		return
	}
	var url, password *yaml.Node
	l.mapping(n, "store", fields{"url": keep(&url), "password": keep(&password)})
	if password != nil {
		s.Password, _ = l.source(password, true)
	}
	if url != nil {
		l.storeURL(url)
	}
	if password != nil && s.URL == "" {
		l.fail(password, "remove it", "a password for a store that takes none")
	}
}

func (l *loader) storeURL(n *yaml.Node) {
	s, ok := l.text(n, "a URL")
	if !ok {
		return
	}
	path, sqlite := strings.CutPrefix(s, "sqlite://")
	switch {
	case strings.HasPrefix(s, "postgres://"), strings.HasPrefix(s, "postgresql://"):
		l.cfg.Store.Path = ""
		l.cfg.Store.URL = s
		l.postgres(n, s)
	case !sqlite || path == "" || strings.ContainsAny(path, "?#"):
		l.fail(n, storeHint, "not the URL of a store")
	default:
		l.cfg.Store.Path = l.resolve(path)
	}
}

// postgres judges the URL of a PostgreSQL database without showing it: it may
// hold a password.
func (l *loader) postgres(n *yaml.Node, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		l.fail(n, storeHint, "not the URL of a store")
		return
	}
	q := u.Query()
	if _, has := u.User.Password(); has || q.Has("password") || q.Has("sslpassword") {
		l.fail(n, "name where it is: password: {env: NAME} or {file: PATH}", "the store's URL holds a password")
	}
	if l.cfg.Store.Password != nil && u.User.Username() == "" {
		l.fail(n, "write postgres://USER@host/database", "the store has a password, and its URL names no user")
	}
	if host := remoteHost(u, q); host != "" {
		l.storeTLS(n, host, q.Get("sslmode"))
	}
	if !l.keysNamed {
		l.warn(n, "name one under keys, the same for all", "replicas on one store need one root key, and each would make its own")
	}
}

// remoteHost is a host of the URL that is not this machine; empty: there is none.
func remoteHost(u *url.URL, q url.Values) string {
	for _, host := range strings.Split(u.Host+","+q.Get("host"), ",") {
		name := (&url.URL{Host: host}).Hostname()
		if host != "" && !strings.HasPrefix(host, "/") && !loopbackHost(name) { // "/" begins a socket's folder
			return name
		}
	}
	return ""
}

// storeTLS judges how the store is reached. Package postgres refuses what anybody
// on the way could take off.
func (l *loader) storeTLS(n *yaml.Node, host, mode string) {
	const hint = "add ?sslmode=verify-full"
	switch mode {
	case "verify-full", "verify-ca":
	case "require", "disable":
		l.warn(n, hint, "whoever stands between here and the store could hide that a lease was revoked")
	default:
		l.fail(n, hint+" (or disable, where the network is trusted)", "whoever stands between here and the store at %q could take TLS off", host)
	}
}

// Name tells which store it is, for people: a path, or a URL without user and
// parameters.
func (s Store) Name() string {
	u, err := url.Parse(s.URL)
	if s.URL == "" || err != nil {
		return s.Path
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
