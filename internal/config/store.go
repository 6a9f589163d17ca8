package config

import (
	"net/url"
	"slices"
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
	local := u.Host == "" || loopbackHost(u.Hostname())
	if host := q.Get("host"); host != "" {
		local = strings.HasPrefix(host, "/") // a socket's folder
	}
	if !local && !slices.Contains([]string{"verify-full", "verify-ca"}, q.Get("sslmode")) {
		l.warn(n, "add ?sslmode=verify-full", "whoever stands between us and the store could hide that a lease was revoked")
	}
	if !l.keysNamed {
		l.warn(n, "name one under keys, the same for all", "replicas on one store need one root key, and each would make its own")
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
