package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cloakroom/internal/access"
)

// encoded is what Encode writes: the names of the fields are those of the types,
// and locations stand in their text form.
type encoded struct {
	Credentials []encodedCredential
	Upstreams   []Upstream
	Strict      bool
}

type encodedCredential struct {
	Credential
	Rules []encodedRule // in place of Credential's
}

type encodedRule struct {
	Hosts, Methods, Paths, In []string
}

// Encode writes the rules of s as JSON, for Decode. The same Set gives the same
// bytes.
func (s *Set) Encode() ([]byte, error) {
	var e encoded
	for _, c := range s.Credentials() {
		one := encodedCredential{Credential: *c}
		for _, r := range c.Rules {
			rule := encodedRule{Hosts: r.Hosts, Methods: r.Methods, Paths: r.Paths}
			for _, l := range r.In {
				rule.In = append(rule.In, l.String())
			}
			one.Rules = append(one.Rules, rule)
		}
		e.Credentials = append(e.Credentials, one)
	}
	if s != nil {
		e.Strict = s.strict
		for _, route := range slices.Sorted(maps.Keys(s.byRoute)) {
			e.Upstreams = append(e.Upstreams, s.byRoute[route])
		}
	}
	return json.Marshal(e)
}

// Decode makes a Set that permits what the encoded one did. Its placeholders are
// those that were encoded.
func Decode(data []byte) (*Set, error) {
	var e encoded
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, errors.New("decoding rules: not what an inventory encodes")
	}
	var credentials []Credential
	for _, one := range e.Credentials {
		c := one.Credential
		for _, r := range one.Rules {
			rule := Rule{Hosts: r.Hosts, Methods: r.Methods, Paths: r.Paths}
			for _, text := range r.In {
				l, err := access.ParseLocation(text)
				if err != nil {
					return nil, fmt.Errorf("decoding rules: credential %q: %w", c.Name, err)
				}
				rule.In = append(rule.In, l)
			}
			c.Rules = append(c.Rules, rule)
		}
		for err := range faults(c) { // all of them may take much more memory than data
			if err != nil {
				return nil, fmt.Errorf("decoding rules: credential %q: %w", c.Name, err)
			}
		}
		credentials = append(credentials, c)
	}
	s, err := New(Key{}, credentials, e.Upstreams, e.Strict)
	if err != nil {
		return nil, fmt.Errorf("decoding rules: %w", err)
	}
	for _, c := range credentials {
		s.byName[c.Name].Placeholder = c.Placeholder
	}
	return s, nil
}
