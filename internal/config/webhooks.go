package config

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/secret"
)

// events are what a webhook can be told of.
var events = []string{"approval.asked", "approval.answered", "approval.lapsed", "lease.revoked", "ticket.stolen"}

func (l *loader) webhooks(n *yaml.Node) {
	if n == nil {
		return
	}
	names := map[string]*yaml.Node{}
	l.list(n, "webhooks", func(n *yaml.Node) {
		w, name := l.webhook(n)
		if first := names[w.Name]; first != nil {
			l.fail(name, "give each a name of its own", "webhook %q is declared twice; first on line %d", w.Name, first.Line)
		}
		if w.Name != "" {
			names[w.Name] = name
		}
		l.cfg.Webhooks = append(l.cfg.Webhooks, w)
	})
}

func (l *loader) webhook(n *yaml.Node) (w Webhook, name *yaml.Node) {
	var url, key, form *yaml.Node
	if !l.mapping(n, "a webhook", fields{
		"name": keep(&name), "url": keep(&url), "secret": keep(&key), "form": keep(&form),
		"events":    func(n *yaml.Node) { w.Events = l.texts(n, "events", l.event) },
		"plaintext": l.flag(&w.Plaintext),
	}) {
		return w, nil
	}
	if l.present(n, name, "a webhook", "name", "add name: …, by which logs and metrics speak of it") {
		w.Name, _ = l.text(name, "a webhook's name")
	}
	w.Form = l.form(form)
	if l.present(n, url, "a webhook", "url", `add url: "https://…" or url: {env: NAME}`) {
		w.URL = l.webhookURL(url, &w)
	}
	if key != nil {
		w.Secret = l.webhookSecret(key)
	} else if w.Form == "json" {
		l.fail(n, "add secret: {env: NAME}; make one with: echo whsec_$(openssl rand -base64 32)", "a webhook in the form json has no secret to sign with")
	}
	return w, name
}

func (l *loader) form(n *yaml.Node) string {
	if n == nil {
		return "json"
	}
	s, ok := l.text(n, "json or slack")
	if ok && s != "json" && s != "slack" {
		l.fail(n, "write json or slack", "unknown form %q", s)
	}
	return s
}

func (l *loader) event(n *yaml.Node, s string) bool {
	known := slices.Contains(events, s)
	if !known {
		l.fail(n, suggest(s, slices.Clone(events)), "unknown event %q", s)
	}
	return known
}

// webhookURL reads a URL, or where it is. It is shown nowhere: it may let
// whoever knows it speak.
func (l *loader) webhookURL(n *yaml.Node, w *Webhook) secret.Value {
	if n.Kind == yaml.MappingNode {
		source, v := l.source(n, true)
		w.URLSource = source
		if !v.IsZero() {
			l.judgeURL(n, strings.TrimSpace(string(v.Reveal())), w.Plaintext)
		}
		return secret.Value{}
	}
	s, ok := l.text(n, "a URL, or {env: NAME} or {file: PATH}")
	if !ok {
		return secret.Value{}
	}
	if l.judgeURL(n, s, w.Plaintext) && strings.HasPrefix(s, "https://hooks.slack.com/") {
		l.fail(n, "write url: {env: NAME} or {file: PATH}", "the URL of a Slack webhook is a secret, and stands in the file")
	}
	return secret.New([]byte(s))
}

func (l *loader) judgeURL(n *yaml.Node, text string, plaintext bool) bool {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		l.fail(n, `such as "https://alerts.example.com/cloakroom"`, "not a webhook's URL")
	case u.Scheme == "http" && !plaintext && !loopbackHost(u.Hostname()):
		l.fail(n, "use https, or say plaintext: true if the network is trusted", "what a webhook tells would travel in plaintext")
	default:
		return true
	}
	return false
}

// webhookSecret reads where a secret of Standard Webhooks is.
func (l *loader) webhookSecret(n *yaml.Node) *secret.Source {
	source, v := l.source(n, false)
	if v.IsZero() {
		return source
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(string(v.Reveal())), "whsec_"))
	if err != nil || len(key) < 24 || len(key) > 64 {
		l.fail(n, "make one with: echo whsec_$(openssl rand -base64 32)", `%s: want "whsec_" and 24 to 64 bytes in base64`, source)
	}
	return source
}

// source reads where a secret of our own is: the value is judged as any other,
// and zero where it cannot be had.
func (l *loader) source(n *yaml.Node, weak bool) (*secret.Source, secret.Value) {
	source := &secret.Source{Weak: weak}
	l.value(n, source)
	v, _ := l.read(n, *source)
	return source, v
}
