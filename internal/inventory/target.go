package inventory

import (
	"fmt"
	"strings"

	"cloakroom/internal/access"
)

// Target tells where a request goes: the host comes from the route that the
// transport really took, never from what the client wrote. The upstream's
// prefix is taken off path (path and query, untouched). It is an error if there
// is no such route, if the transport would dial another cluster, or if the path
// is not under the prefix. Method is taken as it is.
func (s *Set) Target(route, cluster, method, path string) (access.Target, error) {
	if s == nil {
		return access.Target{}, fmt.Errorf("finding route %q: no upstreams", route)
	}
	route, _, _ = strings.Cut(route, "+") // a route has variants, "host:a+body"
	u, ok := s.byRoute[route]
	switch {
	case !ok:
		return access.Target{}, fmt.Errorf("finding route %q: no upstream has it", route)
	case u.Cluster != cluster:
		return access.Target{}, fmt.Errorf("finding route %q: its cluster is %q, not %q", route, u.Cluster, cluster)
	}
	rest, ok := cutPrefix(path, u.Prefix)
	if !ok {
		return access.Target{}, fmt.Errorf("finding route %q: the path is not under %q", route, u.Prefix+"/")
	}
	return access.Target{Method: method, Host: u.Host, Path: rest}, nil
}

// cutPrefix takes prefix off at a segment's end: "/github" of "/github/x?y"
// leaves "/x?y", of "/github" leaves "/", and "/githubx" is not under it.
func cutPrefix(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	switch {
	case !ok:
		return "", false
	case rest == "" || rest[0] == '?':
		return "/" + rest, prefix != ""
	}
	return rest, rest[0] == '/'
}
