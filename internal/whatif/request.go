package whatif

import (
	"slices"
	"strconv"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// request is a request that was made anew, with the tickets that it was made with.
type request struct {
	access.Request
	tickets  tickets
	declared string // content-length, as it was sent; empty: none was, or no head is recorded
	coded    bool   // that is not the length of what is recorded
}

// request makes the request of a case anew; else it says why it cannot.
func (j *Judge) request(c Case) (*request, string) {
	d := c.Decision
	upstream := j.upstream(d.Route)
	r := &request{tickets: tickets{}, Request: access.Request{Time: c.Time, Method: d.Method, Authority: d.Authority, Source: d.Source,
		Path: d.Path, Route: d.Route, Cluster: upstream.Cluster}}
	if d.Host != "" { // the log has the path without the upstream's prefix
		r.Path = upstream.Prefix + d.Path
	}
	leases := leasesOf(d)
	if c.Recording == nil {
		if why := r.fromLog(d); why != "" {
			return nil, why
		}
	} else if why := r.fromHead(c.Recording); why != "" {
		return nil, why
	}
	r.Path = r.tickets.revive(r.Path, leases)
	for i := range r.Headers {
		r.Headers[i].Value = r.tickets.reviveHeader(r.Headers[i], leases)
	}
	r.Route = j.route(r, d.Route)
	switch {
	case !access.ChecksBody(r.Route):
		return r, ""
	case c.Recording == nil && j.rules.Policy.WantsBody() && r.Method != "GET" && r.Method != "HEAD":
		return nil, unkept
	}
	return r, r.body(c, leases)
}

// upstream is that of the route, by the new rules; zero: there is none.
func (j *Judge) upstream(route string) inventory.Upstream {
	name, _, _ := strings.Cut(route, "+")
	for _, u := range j.rules.Upstreams {
		if u.Route == name {
			return u
		}
	}
	return inventory.Upstream{}
}

// route is the variant of the route that Envoy would take by the new rules: one on
// which a body is shown, where a credential may stand in it, or people must approve.
func (j *Judge) route(r *request, was string) string {
	name, variant, _ := strings.Cut(was, "+")
	t, err := j.rules.Inventory.Target(was, r.Cluster, r.Method, r.Path)
	looks := variant == "check" || j.rules.Policy.WantsBody() // else it is all one
	switch {
	case variant == "upgrade":
		return was
	case err == nil && len(j.rules.Inventory.BodyUses(t)) > 0:
		return name + "+body"
	case err == nil && looks && j.asksPeople(t):
		return name + "+check"
	}
	return name
}

// asksPeople tells whether people may have to approve such a request.
func (j *Judge) asksPeople(t access.Target) bool {
	return slices.ContainsFunc(j.rules.Inventory.Credentials(), func(c *inventory.Credential) bool {
		_, permitted := c.Permits(t)
		return permitted && c.Tier.Approval != nil
	})
}

// fromHead takes the head as the agent sent it. What is recorded of a body has no
// content codings.
func (r *request) fromHead(t *recording.Transcript) string {
	i := slices.IndexFunc(t.Events, func(e recording.Event) bool { return e.Kind == recording.Request && e.Head != nil })
	if i < 0 {
		return "its recording has no head"
	}
	h := t.Events[i].Head
	r.Method, r.Authority, r.Path = h.Method, h.Authority, h.Path
	for _, line := range h.Headers {
		switch line.Name {
		case "content-encoding":
			r.coded = true
		case "content-length":
			r.declared = line.Value
		default:
			r.Headers = append(r.Headers, line)
		}
	}
	return ""
}

// fromLog puts placeholders where the log says that they stood. Those of the path
// stand in it.
func (r *request) fromLog(d *record.Decision) string {
	if d.PathCut() {
		return "its path is longer than the log keeps"
	}
	put := func(text, location string) string {
		at, err := access.ParseLocation(location)
		switch {
		case err != nil:
			return "a placeholder stood at a place that is not known: " + location
		case at.InFields() || at.InMessages():
			return "a placeholder stood in its body, of which nothing is recorded"
		case at.Kind == access.InHeader && at.Name == "authorization":
			r.Headers = append(r.Headers, access.Header{Name: at.Name, Value: "Bearer " + text})
		case at.Kind == access.InHeader:
			r.Headers = append(r.Headers, access.Header{Name: at.Name, Value: text})
		case at.Kind == access.InCookie:
			r.Headers = append(r.Headers, access.Header{Name: "cookie", Value: at.Name + "=" + text})
		}
		return ""
	}
	for _, u := range d.Uses {
		if why := put(marked(u.Placeholder.Text, u.Lease), u.Location); why != "" {
			return why
		}
	}
	for _, s := range d.Seen {
		if why := put(s.Placeholder.Text, s.Location); why != "" {
			return why
		}
	}
	return ""
}

const unkept = "its body is not recorded"

// ends tells whether what was seen of the body was all of it. A request that was
// refused by its head, or whose body is not asked for, may have had one of which the
// recording knows nothing.
func (r *request) ends(c Case) bool {
	seen := c.Recording.Sent.Bytes
	if declared, err := strconv.ParseInt(r.declared, 10, 64); err == nil {
		return r.coded && seen > 0 || seen >= declared
	}
	return seen > 0 || access.ChecksBody(c.Decision.Route) || r.Method == "GET" || r.Method == "HEAD"
}

// body gives the request as much of its body as is seen before it is decided on.
func (r *request) body(c Case, leases map[string]string) string {
	if c.Recording == nil {
		return "" // its placeholders, if there were any, made it undecidable
	}
	var body []byte
	for _, e := range c.Recording.Events {
		if e.Kind == recording.Sent {
			body = append(body, e.Data...)
		}
	}
	whole := c.Recording.Sent.Kept == c.Recording.Sent.Bytes && r.ends(c)
	if !whole && len(body) < access.JudgedBody {
		return unkept
	}
	text := r.tickets.revive(string(body), leases)
	if len(text) > access.JudgedBody {
		text, whole = text[:access.JudgedBody], false
	}
	r.Body, r.BodyTruncated = []byte(text), !whole
	r.BodyWhole = whole && len(text) < access.JudgedBody
	return ""
}
