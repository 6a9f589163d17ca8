package exchange

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/grant"
	"cloakroom/internal/inventory"
	"cloakroom/internal/recording"
)

// RequestHead is a request's head as the substituting half sees it, after the
// deciding half has let it go.
type RequestHead struct {
	Method, Authority, Path string
	Headers                 []access.Header // without pseudo-headers
	Route, Cluster, Source  string
	Grant                   string // sealed; empty: nobody decided
	Body                    bool   // its body will come, by RequestBody
}

// Change is what becomes of a message's head. For every name in Set, the lines
// of Set take the place of all lines of that name; then Remove is applied to
// the names that are not in Set.
type Change struct {
	Path   string // empty: as it was
	Set    []access.Header
	Remove []string
	// KeepsLength tells that a request's body goes on byte for byte, or that there is
	// none: what the head says of its length stays. Else it must go.
	KeepsLength bool
}

// removedOnTheWayUp never reach a backend: they are ours, or they would let it
// answer in a form that cannot be masked (a part of the body, a form that we
// cannot read), or they would be taken by Envoy or the backend for another
// method, path or destination than the one that was decided.
var removedOnTheWayUp = []string{
	"x-cloakroom-token", "x-cloakroom-session", "proxy-authorization",
	"range", "if-range", "a-im", "accept-charset", "grpc-accept-encoding", "connect-accept-encoding", "sec-websocket-extensions",
}

// RequestHead opens the grant, and puts the values of what it grants in the
// places that it names. A refusal means that the backend must not hear of the
// request. Where Held, it must not hear of it yet.
func (x *Exchange) RequestHead(h RequestHead) (Change, *access.Refusal, error) {
	if x.phase != begun || x.entry.asked {
		return Change{}, nil, ErrOrder
	}
	x.entry.asked, x.entry.source = true, h.Source
	change, r := x.ask(h)
	if r != nil {
		return Change{}, x.told(r), nil
	}
	x.phase = asked
	x.watch()
	x.entry.up, x.entry.declared = x.deps.Now(), declaredLength(h.Headers)
	return change, nil, nil
}

func (x *Exchange) ask(h RequestHead) (Change, *access.Refusal) {
	if r := x.open(h); r != nil {
		return Change{}, r
	}
	if r := x.record(); r != nil {
		return Change{}, r
	}
	found, refused := x.granted(h)
	// before values of ours stand there
	if r := x.asks(x.shown(h)); r != nil {
		return Change{}, r
	}
	if refused != nil {
		return Change{}, refused
	}
	if r := x.carries(h); r != nil {
		return Change{}, r
	}
	change, r := x.substitute(h, found)
	if r != nil {
		return Change{}, r
	}
	if r := x.openUpload(h, &change); r != nil {
		return Change{}, r
	}
	if r := x.spend(found); r != nil {
		return Change{}, r
	}
	change.clear(h.Headers)
	if x.target.Path != h.Path && change.Path == "" {
		change.Path = x.target.Path
	}
	change.KeepsLength = x.up == nil || x.up.reader == nil && x.socket.fill == nil
	return change, nil
}

// clear takes off what must not reach a backend.
func (c *Change) clear(lines []access.Header) {
	for _, line := range lines {
		if slices.Contains(removedOnTheWayUp, line.Name) || strings.HasPrefix(line.Name, "x-envoy-") {
			c.Remove = append(c.Remove, line.Name)
		}
	}
	c.Set = append(c.Set, access.Header{Name: "accept-encoding", Value: "identity"})
}

// declaredLength is the length of the body as the request declares it, in bytes;
// 0 if it does not. The body itself is not seen here.
func declaredLength(lines []access.Header) int64 {
	n, err := strconv.ParseInt(firstHeader(lines, "content-length"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// open checks the grant against our own view of the request.
func (x *Exchange) open(h RequestHead) *access.Refusal {
	target, err := x.snap.rules.Target(h.Route, h.Cluster, h.Method, h.Path)
	if err != nil {
		return x.refuse(access.Denied, "", "no upstream serves this request")
	}
	if h.Grant == "" {
		return x.refuse(access.NotGranted, "", "nobody has decided on this request")
	}
	g, err := x.deps.Grants.Open(h.Grant, grant.View{
		Method: h.Method, Authority: h.Authority, Path: target.Path,
		Route: h.Route, Cluster: h.Cluster, Source: h.Source,
	}, x.deps.Now())
	if err != nil {
		x.entry.detail = err.Error()
		return x.refuse(access.NotGranted, "", "the decision was not made for this request")
	}
	x.grant, x.target = g, target
	return nil
}

// granted returns the placeholders to substitute: those that count, every one
// of which must be in the grant, under a lease that is live.
func (x *Exchange) granted(h RequestHead) ([]inventory.Found, *access.Refusal) {
	all, overflow := x.snap.rules.Find(x.target, h.Headers)
	if overflow {
		return nil, x.refuse(access.TooLarge, "", "the request holds too many placeholders")
	}
	found := all[:0:0]
	for _, f := range all {
		if !f.Counts {
			continue
		}
		if r := x.allows(f); r != nil {
			return nil, r
		}
		found = append(found, f)
	}
	return found, nil
}

// allows refuses a placeholder that is not in the grant, or whose lease is not
// live, or that the rules permit no more, or whose value is not there.
func (x *Exchange) allows(f inventory.Found) *access.Refusal {
	use, ok := x.use(f)
	switch {
	case !ok:
		return x.refuse(access.NotGranted, "", "a placeholder stands at %s and was not granted there", f.At)
	case !x.permits(f):
		return x.refuse(access.NotGranted, "", "credential %q does not permit this operation with the placeholder at %s any more", f.Name, f.At)
	}
	if r := x.stands(x.deps.Leases.Check(use.Lease, x.deps.Now()), f.Name); r != nil {
		return r
	}
	if _, ok := x.snap.values[f.Name]; !ok {
		return x.refuse(access.Unavailable, "", "the value of credential %q cannot be read now", f.Name)
	}
	if !f.Named {
		x.ticket(f.Text, use.Lease)
	}
	return nil
}

func (x *Exchange) use(f inventory.Found) (access.Use, bool) {
	for _, u := range x.grant.Uses {
		if u.Credential == f.Name && slices.Contains(u.Locations, f.At) {
			return u, true
		}
	}
	return access.Use{}, false
}

// permits asks the rules that came with the values: the decision may have been
// made by those before, when the name stood for another value. And it asks the rules
// in force: a body may still come when what it may carry is permitted no more.
func (x *Exchange) permits(f inventory.Found) bool {
	now := x.deps.Snapshot()
	return x.snap.permits(x.target, f) && (now == x.snap || now.permits(x.target, f))
}

func (s *Snapshot) permits(t access.Target, f inventory.Found) bool {
	in, ok := s.rules.Credential(f.Name).Permits(t)
	return ok && slices.ContainsFunc(in, func(l access.Location) bool { return l.Covers(f.At) })
}

// carries refuses what could not be masked on the way back.
func (x *Exchange) carries(h RequestHead) *access.Refusal {
	for _, line := range h.Headers {
		switch line.Name {
		case "content-type":
			if isGRPCWebText(line.Value) {
				return x.refuse(access.Denied, "", "gRPC-Web is served in its binary form, application/grpc-web, and not as text")
			}
		case "upgrade":
			if !isWebSocket(line.Value) {
				return x.refuse(access.Denied, "", "the only upgrade that is served is to websocket")
			}
			x.socket.asked, x.socket.key = true, firstHeader(h.Headers, "sec-websocket-key")
		}
	}
	if h.Method == "CONNECT" {
		return x.refuse(access.Denied, "", "CONNECT is not served")
	}
	return nil
}

// shown is the head as the agent sent it, with values masked that the agent itself
// sent, and how many by credential.
func (x *Exchange) shown(h RequestHead) (recording.Head, map[string]int) {
	head, masked := x.snap.shown(h.Method, h.Authority, h.Path, h.Headers)
	for _, name := range slices.Sorted(maps.Keys(masked)) {
		x.alarms.alarm(name)
	}
	return head, masked
}

// shown masks a request's head as an agent sent it.
func (s *Snapshot) shown(method, authority, path string, lines []access.Header) (h recording.Head, masked map[string]int) {
	note := func(credential string) {
		if masked == nil {
			masked = make(map[string]int)
		}
		masked[credential]++
	}
	hide := func(text string) string {
		name, ok := s.masks.Contains(text)
		if !ok {
			return text
		}
		note(name)
		return s.Mask(text).String()
	}
	h = recording.Head{Method: hide(method), Authority: hide(authority), Path: hide(path), Headers: make([]access.Header, 0, len(lines))}
	for _, line := range lines {
		if line.Name == "x-forwarded-proto" || strings.HasPrefix(line.Name, "x-envoy-") { // the gateway wrote it
			continue
		}
		if name, ok := s.masks.ContainsFold(line.Name); ok {
			note(name)
			line.Name = "[masked]"
		}
		h.Headers = append(h.Headers, access.Header{Name: line.Name, Value: hide(line.Value)})
	}
	return h, masked
}
