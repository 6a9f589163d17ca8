package decide

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// facts is an inventory in the words of policy's input, made once per snapshot.
type facts struct {
	set    *inventory.Set
	byName map[string]*access.CredentialFacts
	byHost map[string][]*inventory.Credential
}

func (d *Decider) factsOf(set *inventory.Set) *facts {
	if f := d.facts.Load(); f != nil && f.set == set {
		return f
	}
	f := newFacts(set)
	d.facts.Store(f)
	return f
}

func newFacts(set *inventory.Set) *facts {
	f := &facts{set: set, byName: map[string]*access.CredentialFacts{}, byHost: map[string][]*inventory.Credential{}}
	for _, c := range set.Credentials() {
		f.byName[c.Name] = credentialFacts(c)
		hosts := map[string]bool{}
		for _, r := range c.Rules {
			for _, h := range r.Hosts {
				if !hosts[h] {
					hosts[h] = true
					f.byHost[h] = append(f.byHost[h], c)
				}
			}
		}
	}
	return f
}

func credentialFacts(c *inventory.Credential) *access.CredentialFacts {
	out := &access.CredentialFacts{Name: c.Name, Description: c.Description, Placeholder: c.Placeholder,
		Tier: c.Tier.Name, Lease: c.Tier.Lease, Approval: c.Tier.Approval != nil, Groups: c.Groups}
	for _, r := range c.Rules {
		in := make([]string, len(r.In))
		for i, l := range r.In {
			in[i] = l.String()
		}
		out.Rules = append(out.Rules, access.RuleFacts{Hosts: r.Hosts, Methods: r.Methods, Paths: r.Paths, In: in})
	}
	return out
}

// maxClosed bounds how many credentials of other groups are tried for a request
// that carries no placeholder: they only make the refusal's words better.
const maxClosed = 64

// operations tells which credentials permit t, one that is open to who alone if
// there is such a one.
func (f *facts) operations(t access.Target, who access.Principal) []access.Operation {
	var closed []*inventory.Credential
	for _, c := range f.byHost[t.Host] {
		if !who.InAny(c.Groups) {
			if len(closed) < maxClosed {
				closed = append(closed, c)
			}
			continue
		}
		if _, ok := c.Permits(t); ok {
			return []access.Operation{{Credential: f.byName[c.Name], Open: true}}
		}
	}
	for _, c := range closed {
		if _, ok := c.Permits(t); ok {
			return []access.Operation{{Credential: f.byName[c.Name]}}
		}
	}
	return nil
}

const (
	mark         = "ckr_"
	suffixLength = 26
)

// hide replaces the suffix of everything that looks like a placeholder and is
// not the named placeholder of a credential: it may be a ticket.
func (f *facts) hide(text string) string {
	return f.replace(text, func(name, _ string) string { return shown(name, "ticket") })
}

// pin is hide for what people approve: in the place of the suffix is a hash, so
// that two texts stay two.
func (f *facts) pin(text string) string {
	return f.replace(text, func(name, placeholder string) string {
		sum := sha256.Sum256([]byte(placeholder))
		return shown(name, hex.EncodeToString(sum[:16]))
	})
}

// replace puts by's text in the place of what may be a ticket.
func (f *facts) replace(text string, by func(name, placeholder string) string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, mark)
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		name, n := cutPlaceholder(text[i:])
		switch c := f.byName[name]; {
		case n == 0:
			n = len(mark)
			fallthrough
		case c != nil && strings.HasSuffix(c.Placeholder, text[i:i+n]):
			out.WriteString(text[:i+n])
		default:
			out.WriteString(text[:i])
			out.WriteString(by(name, text[i:i+n]))
		}
		text = text[i+n:]
	}
}

// cutPlaceholder reads a placeholder at the beginning of s: its name and its
// length; 0: there is none.
func cutPlaceholder(s string) (string, int) {
	name, rest, ok := strings.Cut(s[len(mark):], "_")
	if !ok || name == "" || len(name) > 48 || len(rest) < suffixLength {
		return "", 0
	}
	for i := range suffixLength {
		if c := rest[i]; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z') {
			return "", 0
		}
	}
	return name, len(mark) + len(name) + 1 + suffixLength
}

func shown(name, what string) string { return mark + name + "_[" + what + "]" }
