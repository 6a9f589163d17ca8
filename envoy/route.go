package envoy

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ownHeaders are those that Envoy adds for backends of its own operator; to
// somebody else's they tell where the agent runs.
var ownHeaders = []string{"x-envoy-external-address", "x-envoy-internal", "x-forwarded-proto"}

// routes gives each upstream that is chosen by host a virtual host of its own,
// and those chosen by prefix the one for every other host. Envoy compares
// hosts without case; a port is not looked at, since the route writes the
// upstream's host anew. A final dot, or anything else, is another host.
//
// Envoy does not ask ext_authz about a request that no route takes, so a last
// route takes the rest: Check sees those too, without context extensions.
func (b *builder) routes() *routev3.RouteConfiguration {
	rest := &routev3.VirtualHost{Name: "any", Domains: []string{"*"}, Routes: b.agentRoutes()}
	var hosts []*routev3.VirtualHost
	for _, u := range b.o.Upstreams {
		if u.Prefix != "" {
			rest.Routes = append(rest.Routes, b.variants(u)...)
			continue
		}
		hosts = append(hosts, &routev3.VirtualHost{
			Name: u.Host, Domains: []string{u.Host}, Routes: append(b.agentRoutes(), b.variants(u)...),
		})
	}
	rest.Routes = append(rest.Routes, b.noRoute())
	return &routev3.RouteConfiguration{
		Name:                     "agents",
		VirtualHosts:             append(hosts, rest),
		IgnorePortInHostMatching: true,
		RequestHeadersToRemove:   ownHeaders,
		ValidateClusters:         wrapperspb.Bool(true),
		TypedPerFilterConfig:     b.exchanged(),
	}
}

// variants are the routes of one upstream, the last for what no other takes.
func (b *builder) variants(u Upstream) []*routev3.Route {
	return slices.Concat([]*routev3.Route{b.upgradeRoute(u)}, b.bodyRoutes(u), b.checkRoutes(u), []*routev3.Route{b.upstreamRoute(u, u.Route)})
}

// exchanged turns ext_proc on for every route. It is off where a request is so
// broken that it has none: an answer of Envoy's own codec, sent through a
// filter that waits for the service, is lost when the connection closes.
func (b *builder) exchanged() map[string]*anypb.Any {
	if b.o.Omit.ExtProc {
		return nil
	}
	on := &procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Overrides{Overrides: &procv3.ExtProcOverrides{}}}
	return map[string]*anypb.Any{procFilter: b.pack(on)}
}

// upstreamRoute never retries: a retried exchange would be two requests on one
// grant. It has no timeout for the whole response, which may be a stream of
// events; the idle timeout ends one on which nothing moves.
func (b *builder) upstreamRoute(u Upstream, name string) *routev3.Route {
	match := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	if u.Prefix != "" {
		match.PathSpecifier = &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: u.Prefix}
	}
	r := &routev3.Route{
		Name:  name,
		Match: match,
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier:     &routev3.RouteAction_Cluster{Cluster: u.Cluster},
			HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: u.Host},
			Timeout:              durationpb.New(0),
			IdleTimeout:          durationpb.New(b.o.Timeouts.idle()),
		}},
		TypedPerFilterConfig: map[string]*anypb.Any{},
	}
	if !b.o.Omit.ExtAuthz {
		r.TypedPerFilterConfig[authzFilter] = b.checked(b.headAlone(extensions(u, name)))
	}
	if u.Recorded && !b.o.Omit.ExtProc {
		r.TypedPerFilterConfig[procFilter] = b.bothWays()
	}
	return r
}

// extensions tell Check the route that was taken.
func extensions(u Upstream, name string) map[string]string {
	return map[string]string{RouteExtension: name, ClusterExtension: u.Cluster}
}

func (b *builder) checked(s *authzv3.CheckSettings) *anypb.Any {
	return b.pack(&authzv3.ExtAuthzPerRoute{Override: &authzv3.ExtAuthzPerRoute_CheckSettings{CheckSettings: s}})
}

// headAlone lets no body wait for Check, unless it is to see every one.
func (b *builder) headAlone(extensions map[string]string) *authzv3.CheckSettings {
	return &authzv3.CheckSettings{ContextExtensions: extensions, DisableRequestBodyBuffering: b.o.CheckBody == 0 && b.showsBodies()}
}

// noRoute answers what is left, should Check let it pass.
func (b *builder) noRoute() *routev3.Route {
	const body = `{"error":{"code":"denied","message":"no upstream serves this host and path"}}`
	r := &routev3.Route{
		Name:  noRouteName,
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
			Status: 404,
			Body:   &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: body}},
		}},
		ResponseHeadersToAdd: []*corev3.HeaderValueOption{{
			Header:       &corev3.HeaderValue{Key: "content-type", Value: "application/json"},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}},
	}
	if settings := b.headAlone(nil); settings.DisableRequestBodyBuffering && !b.o.Omit.ExtAuthz {
		r.TypedPerFilterConfig = map[string]*anypb.Any{authzFilter: b.checked(settings)}
	}
	return r
}

// agentRoutes stands first on every host. Envoy matches the path as it was
// sent, so that a path with dot segments is no way in or out of it.
func (b *builder) agentRoutes() []*routev3.Route {
	if b.o.Agent == "" {
		return nil
	}
	action := &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: agentCluster},
		Timeout:          durationpb.New(0),
		IdleTimeout:      durationpb.New(b.o.Timeouts.idle()),
	}
	if isName(b.o.Agent) {
		action.RetryPolicy = b.askAnotherAgent()
	}
	return []*routev3.Route{{
		Name: agentRoute,
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: AgentPath},
		},
		Action:               &routev3.Route_Route{Route: action},
		TypedPerFilterConfig: b.undecided(),
	}}
}

// undecided turns both filters off for the agent endpoint.
func (b *builder) undecided() map[string]*anypb.Any {
	off := map[string]*anypb.Any{}
	for name, omitted := range map[string]bool{authzFilter: b.o.Omit.ExtAuthz, procFilter: b.o.Omit.ExtProc} {
		if !omitted {
			off[name] = b.pack(&routev3.FilterConfig{Disabled: true})
		}
	}
	return off
}
