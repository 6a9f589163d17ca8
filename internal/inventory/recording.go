package inventory

import (
	"slices"

	"cloakroom/internal/access"
)

// Recording says how some exchanges are recorded. All of Credentials, Hosts and
// Paths that are there must hold.
type Recording struct {
	Credentials []string // one of which the exchange may use
	Hosts       []string // lower-case, as an Upstream's Host
	Paths       []string // patterns, as in a Rule
	Bodies      string   // what is kept of bodies: "full", up to the limit, "hash" or "none"
	Bodiless    bool     // bodies of requests to these hosts are not asked for at all
}

// RecordingOf returns the first of the rules that speaks of an exchange with t which
// may use the credentials; false: none does.
func RecordingOf(rules []Recording, t access.Target, credentials []string) (Recording, bool) {
	var r reader
	for _, rule := range rules {
		if rule.speaksOf(t, credentials, &r) {
			return rule, true
		}
	}
	return Recording{}, false
}

// ShowsRequests tells whether the bodies of requests to a host are to be asked for,
// so that they can be recorded.
func ShowsRequests(rules []Recording, host string) bool {
	return !slices.ContainsFunc(rules, func(r Recording) bool { return r.Bodiless && slices.Contains(r.Hosts, host) })
}

func (r *Recording) speaksOf(t access.Target, credentials []string, readings *reader) bool {
	uses := func(name string) bool { return slices.Contains(credentials, name) }
	return (len(r.Credentials) == 0 || slices.ContainsFunc(r.Credentials, uses)) &&
		(len(r.Hosts) == 0 || slices.Contains(r.Hosts, t.Host)) &&
		(len(r.Paths) == 0 || r.matchesAny(t.Path, readings))
}

// matchesAny goes by any reading of the path, unlike a Rule: these rules are there to
// keep less. They hold for a path that cannot be read, unless they keep all.
func (r *Recording) matchesAny(path string, readings *reader) bool {
	all, err := readings.read(path)
	if err != nil {
		return r.Bodies != "full"
	}
	return slices.ContainsFunc(all, func(reading string) bool {
		return slices.ContainsFunc(r.Paths, func(p string) bool { return match(p, reading) })
	})
}
