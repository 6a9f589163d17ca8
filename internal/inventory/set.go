package inventory

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"cloakroom/internal/access"
)

// Set is an immutable snapshot of the inventory. A nil Set holds nothing.
type Set struct {
	credentials []*Credential // by name
	byName      map[string]*Credential
	byRoute     map[string]Upstream
	inBodies    map[string][]*Credential // by host: those with a location in a body
	strict      bool
}

// New makes a Set of copies. It checks what would otherwise be unsafe to use
// (names, patterns, locations, duplicates) and tells all that is wrong at once,
// joined. With strict, a placeholder outside every location is to be refused.
func New(key Key, credentials []Credential, upstreams []Upstream, strict bool) (*Set, error) {
	s := &Set{byName: map[string]*Credential{}, byRoute: map[string]Upstream{}, inBodies: map[string][]*Credential{}, strict: strict}
	var errs []error
	for _, c := range credentials {
		if err := s.add(key, c); err != nil {
			errs = append(errs, err)
		}
	}
	for _, u := range upstreams {
		if err := s.addUpstream(u); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(s.credentials, func(a, b *Credential) int { return cmp.Compare(a.Name, b.Name) })
	for _, c := range s.credentials {
		s.index(c)
	}
	return s, nil
}

func (s *Set) add(key Key, c Credential) error {
	if err := checkCredential(c); err != nil {
		return err
	}
	if s.byName[c.Name] != nil {
		return errors.New("credential " + quote(c.Name) + ": declared twice")
	}
	c.Groups = slices.Clone(c.Groups)
	c.Rules = slices.Clone(c.Rules)
	for i, r := range c.Rules {
		in := slices.Clone(r.In)
		if len(in) == 0 {
			in = []access.Location{{Kind: access.InCredentials}}
		}
		c.Rules[i] = Rule{slices.Clone(r.Hosts), slices.Clone(r.Methods), slices.Clone(r.Paths), in}
	}
	if a := c.Tier.Approval; a != nil {
		rule := *a
		rule.Approvers = slices.Clone(a.Approvers)
		c.Tier.Approval = &rule
	}
	c.Placeholder = c.Prefix + key.Placeholder(c.Name)
	s.credentials = append(s.credentials, &c)
	s.byName[c.Name] = &c
	return nil
}

func (s *Set) addUpstream(u Upstream) error {
	if err := checkUpstream(u); err != nil {
		return err
	}
	if _, ok := s.byRoute[u.Route]; ok {
		return errors.New("upstream " + quote(u.Host) + ": route " + quote(u.Route) + " is taken")
	}
	s.byRoute[u.Route] = u
	return nil
}

// Credentials lists all credentials by name. They are shared: change nothing.
func (s *Set) Credentials() []*Credential {
	if s == nil {
		return nil
	}
	return slices.Clone(s.credentials)
}

// Credential is the credential of that name, nil if there is none. It is
// shared: change nothing.
func (s *Set) Credential(name string) *Credential {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// Named tells whether a text is exactly the named placeholder of a credential,
// without the credential's prefix.
func (s *Set) Named(text string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(text, mark), "_")
	c := s.Credential(name)
	return c != nil && text == strings.TrimPrefix(c.Placeholder, c.Prefix)
}

// Strict tells whether a placeholder outside every location is to be refused.
func (s *Set) Strict() bool { return s != nil && s.strict }
