package authz

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"cloakroom/internal/access"
)

// The context extensions with which package envoy's routes say who they are.
const (
	routeExtension   = "cloakroom.route"
	clusterExtension = "cloakroom.cluster"
)

var errNoHTTP = errors.New("the check holds no HTTP request")

// requestOf translates Envoy's check. Route and cluster come from the route
// that Envoy took, never from what the client wrote.
func requestOf(in *authv3.CheckRequest) (*access.Request, error) {
	a := in.GetAttributes()
	h := a.GetRequest().GetHttp()
	if h == nil {
		return nil, errNoHTTP
	}
	r := &access.Request{
		Time:    time.Now(),
		Method:  h.GetMethod(),
		Scheme:  h.GetScheme(),
		Path:    h.GetPath(),
		Source:  addressOf(a.GetSource().GetAddress()),
		Route:   a.GetContextExtensions()[routeExtension],
		Cluster: a.GetContextExtensions()[clusterExtension],
	}
	if t := a.GetRequest().GetTime(); t.IsValid() {
		r.Time = t.AsTime()
	}
	r.Authority = h.GetHost()
	r.Headers = headersOf(h)
	r.Body, r.BodyTruncated = bodyOf(h, r)
	r.BodyWhole = isWhole(r)
	return r, nil
}

// headersOf reads header_map, which keeps duplicates, where Envoy fills it
// (encode_raw_headers), else the map of joined lines.
func headersOf(h *authv3.AttributeContext_HttpRequest) []access.Header {
	if lines := h.GetHeaderMap().GetHeaders(); len(lines) > 0 {
		out := make([]access.Header, 0, len(lines))
		for _, l := range lines {
			if !strings.HasPrefix(l.GetKey(), ":") {
				out = append(out, access.Header{Name: l.GetKey(), Value: headerValue(l)})
			}
		}
		return out
	}
	out := make([]access.Header, 0, len(h.GetHeaders()))
	for name, value := range h.GetHeaders() {
		if !strings.HasPrefix(name, ":") {
			out = append(out, access.Header{Name: name, Value: value})
		}
	}
	return out
}

func headerValue(l *corev3.HeaderValue) string {
	if raw := l.GetRawValue(); len(raw) > 0 {
		return string(raw)
	}
	return l.GetValue()
}

// bodyOf is what Envoy sent of the body, nil where it sends none. A body that
// is shorter than its declared length was cut.
func bodyOf(h *authv3.AttributeContext_HttpRequest, r *access.Request) ([]byte, bool) {
	body := h.GetRawBody()
	if len(body) == 0 {
		body = []byte(h.GetBody())
	}
	if len(body) == 0 {
		return nil, false
	}
	for _, partial := range r.Header("x-envoy-auth-partial-body") {
		if partial == "true" {
			return body, true
		}
	}
	return body, false
}

// isWhole tells whether no more of a body can come than r has. Envoy never says
// so: it follows from the length that it holds the client to, else from a route
// on which it waits for the body. There, what is as long as may be seen is not
// known to be all.
func isWhole(r *access.Request) bool {
	if r.BodyTruncated || access.ShowsMessages(r.Route) {
		return false
	}
	if lengths := r.Header("content-length"); len(lengths) > 0 {
		return len(lengths) == 1 && lengths[0] == strconv.Itoa(len(r.Body))
	}
	return access.ChecksBody(r.Route) && len(r.Body) < access.JudgedBody
}

func addressOf(a *corev3.Address) string {
	s := a.GetSocketAddress()
	if s == nil {
		return a.GetPipe().GetPath()
	}
	return net.JoinHostPort(s.GetAddress(), strconv.FormatUint(uint64(s.GetPortValue()), 10))
}
