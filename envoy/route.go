package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// routes gives each upstream that is chosen by host a virtual host of its own,
// and those chosen by prefix the one for every other host. Envoy compares
// hosts without case; a port is not looked at, since the route writes the
// upstream's host anew. A final dot, or anything else, is another host.
//
// A request that no route takes reaches Check and ext_proc all the same,
// without context extensions and without a route's name.
func (b *builder) routes() *routev3.RouteConfiguration {
	rest := &routev3.VirtualHost{Name: "any", Domains: []string{"*"}, Routes: b.agentRoutes()}
	var hosts []*routev3.VirtualHost
	for _, u := range b.o.Upstreams {
		if u.Prefix != "" {
			rest.Routes = append(rest.Routes, b.upstreamRoute(u, &routev3.RouteMatch{
				PathSpecifier: &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: u.Prefix},
			}))
			continue
		}
		r := b.upstreamRoute(u, &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
		})
		hosts = append(hosts, &routev3.VirtualHost{
			Name: u.Host, Domains: []string{u.Host}, Routes: append(b.agentRoutes(), r),
		})
	}
	return &routev3.RouteConfiguration{
		Name:                     "agents",
		VirtualHosts:             append(hosts, rest),
		IgnorePortInHostMatching: true,
		ValidateClusters:         wrapperspb.Bool(true),
	}
}

// upstreamRoute never retries: a retried exchange would be two requests on one
// grant. It has no timeout for the whole response, which may be a stream of
// events; the idle timeout ends one on which nothing moves.
func (b *builder) upstreamRoute(u Upstream, match *routev3.RouteMatch) *routev3.Route {
	r := &routev3.Route{
		Name:  u.Route,
		Match: match,
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier:     &routev3.RouteAction_Cluster{Cluster: u.Cluster},
			HostRewriteSpecifier: &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: u.Host},
			Timeout:              durationpb.New(0),
			IdleTimeout:          durationpb.New(b.o.Timeouts.Idle),
		}},
	}
	if !b.o.Omit.ExtAuthz {
		settings := &authzv3.CheckSettings{ContextExtensions: map[string]string{
			RouteExtension: u.Route, ClusterExtension: u.Cluster,
		}}
		r.TypedPerFilterConfig = map[string]*anypb.Any{authzFilter: b.pack(&authzv3.ExtAuthzPerRoute{
			Override: &authzv3.ExtAuthzPerRoute_CheckSettings{CheckSettings: settings},
		})}
	}
	return r
}

// agentRoutes stands first on every host. Envoy matches the path as it was
// sent, so that a path with dot segments is no way in or out of it.
func (b *builder) agentRoutes() []*routev3.Route {
	if b.o.Agent == "" {
		return nil
	}
	return []*routev3.Route{{
		Name: agentRoute,
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: AgentPath},
		},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: agentCluster},
			Timeout:          durationpb.New(0),
			IdleTimeout:      durationpb.New(b.o.Timeouts.Idle),
		}},
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
