package inventory

import (
	"slices"
	"strings"

	"cloakroom/internal/access"
)

// Permits tells whether c may be sent to t, and the locations where it may then
// stand: those of every rule that names the host and method and matches every
// reading of the path. A path that cannot be read is not permitted.
func (c *Credential) Permits(t access.Target) (in []access.Location, ok bool) {
	if c == nil {
		return nil, false
	}
	var r reader
	return c.permits(t, &r)
}

// reader keeps a target's readings between credentials.
type reader struct {
	done     bool
	readings []string
	err      error
	one      [1]string
}

func (r *reader) read(path string) ([]string, error) {
	if !r.done {
		r.done = true
		r.one[0] = pathPart(path)
		if plain(r.one[0]) && checkQuery(path[len(r.one[0]):]) == nil {
			r.readings = r.one[:]
		} else {
			r.readings, r.err = Readings(path)
		}
	}
	return r.readings, r.err
}

func (c *Credential) permits(t access.Target, r *reader) (in []access.Location, ok bool) {
	for i := range c.Rules {
		rule := &c.Rules[i]
		if !rule.names(t) {
			continue
		}
		readings, err := r.read(t.Path)
		if err != nil || len(readings) == 0 {
			return nil, false
		}
		if !rule.matchesAll(readings) {
			continue
		}
		ok = true
		for _, l := range rule.In {
			if !slices.Contains(in, l) {
				in = append(in, l)
			}
		}
	}
	return in, ok
}

func (r *Rule) names(t access.Target) bool {
	return t.Host != "" && t.Method != "" && slices.Contains(r.Hosts, t.Host) &&
		(slices.Contains(r.Methods, t.Method) || slices.Contains(r.Methods, "*"))
}

func (r *Rule) matchesAll(readings []string) bool {
	for _, reading := range readings {
		if !slices.ContainsFunc(r.Paths, func(p string) bool { return match(p, reading) }) {
			return false
		}
	}
	return true
}

func pathPart(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}
