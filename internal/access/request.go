package access

import (
	"strings"
	"time"
)

// Request is one attempt to reach a host, as the transport saw it before
// anything was substituted.
type Request struct {
	Time      time.Time // when the transport received it
	Method    string
	Scheme    string
	Authority string   // Host or :authority, untouched
	Path      string   // path and query, untouched
	Headers   []Header // without pseudo-headers
	// Source is the caller's "address:port" as the transport saw it; with
	// Route and Cluster it ties a grant to one connection and one destination.
	Source  string
	Route   string // the route that the transport really took; empty: none
	Cluster string // the cluster that it will dial; empty: none
	// Body is what the transport sent of the body, nil where it sends none.
	Body          []byte
	BodyTruncated bool
	// BodyWhole tells that Body is all that the request holds beside its head, an
	// empty one included. Else more may follow that nobody sees before it is
	// decided on: of a body, or messages of an upgraded connection.
	BodyWhole bool
}

// JudgedBody is how many bytes of a body the deciding half sees at most, where
// it sees any.
const JudgedBody = 64 << 10

// ShowsBody tells whether a route is one on which both halves see the request's
// body: the variant "+body" of its upstream's route.
func ShowsBody(route string) bool { return strings.HasSuffix(route, "+body") }

// ChecksBody tells whether a route is one on which the deciding half sees the
// request's body: "+body", and the variant "+check", where it alone does.
func ChecksBody(route string) bool { return ShowsBody(route) || strings.HasSuffix(route, "+check") }

// ShowsMessages tells whether a route is one on which the substituting half sees
// a WebSocket's messages, where one may carry a value: the variant "+upgrade".
func ShowsMessages(route string) bool { return strings.HasSuffix(route, "+upgrade") }

// Header returns the values of every header line with the lower-case name.
func (r *Request) Header(name string) []string {
	var vs []string
	for _, h := range r.Headers {
		if h.Name == name {
			vs = append(vs, h.Value)
		}
	}
	return vs
}

// Target is where a request really goes, once the route is known.
type Target struct {
	Method string
	Host   string // the upstream's declared host, lower-case
	Path   string // path and query as the backend will see them, before substitution
}
