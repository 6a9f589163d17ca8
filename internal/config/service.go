package config

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"time"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

var decisionPath = regexp.MustCompile(`^[A-Za-z_]\w*(/[A-Za-z_]\w*)+$`)

// defaultFormer is long enough for a backend that caches a value and gives it
// back.
const defaultFormer = 10 * time.Minute

func (l *loader) mask(n *yaml.Node) {
	l.cfg.Mask.Former = defaultFormer
	if n == nil {
		return
	}
	l.mapping(n, "mask", fields{
		"former": func(n *yaml.Node) { l.cfg.Mask.Former = l.duration(n, time.Second) },
	})
}

func (l *loader) policy(n *yaml.Node) {
	if n == nil {
		return
	}
	p := &l.cfg.Policy
	l.mapping(n, "policy", fields{
		"dir": func(n *yaml.Node) {
			if p.Dir = l.path(n, "a folder's path"); p.Dir == "" {
				return
			}
			if info, err := os.Stat(p.Dir); err != nil {
				l.fail(n, "", "folder %q: %v", p.Dir, bare(err))
			} else if !info.IsDir() {
				l.fail(n, "name the folder that holds the .rego files", "%q is not a folder", p.Dir)
			}
		},
		"decision": func(n *yaml.Node) {
			p.Decision, _ = l.text(n, "a rule's path")
			if p.Decision != "" && !decisionPath.MatchString(p.Decision) {
				l.fail(n, "such as cloakroom/decision or envoy/authz/allow", "%q is not the path of a rule", p.Decision)
			}
		},
		"allow_net": func(n *yaml.Node) { p.AllowNet = l.texts(n, "hosts", l.checked(inventory.CheckHost)) },
		"bundle":    func(n *yaml.Node) { l.fail(n, "use dir", "bundles are not supported yet") },
	})
}

func (l *loader) keys(n *yaml.Node) {
	k := &l.cfg.Keys
	at := n
	if n != nil {
		l.mapping(n, "keys", fields{
			"file": func(n *yaml.Node) { at = n; k.File = l.path(n, "a file's path") },
			"env":  func(n *yaml.Node) { at = n; k.Env = l.variable(n) },
		})
	}
	switch {
	case k.File != "" && k.Env != "":
		l.fail(n, "remove one of them", "keys with both a file and an environment variable")
	case k.Env != "":
		if _, err := secret.RootFromEnv(k.Env, l.env); err != nil {
			l.fail(at, "make one with: openssl rand -base64 32", "the root key: %v", errors.Unwrap(err))
		}
	default:
		if k.File == "" {
			k.File = l.resolve("cloakroom.key")
		}
		if _, err := secret.ReadRoot(k.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.fail(at, "", "%v", err)
		}
	}
}
