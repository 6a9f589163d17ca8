package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

const webSocket = "websocket"

// upgradeRoute takes the requests for a WebSocket; no other request may upgrade.
// Envoy takes the upgrade header off what is none, before it looks for a route,
// and writes it on an extended CONNECT of HTTP/2.
func (b *builder) upgradeRoute(u Upstream) *routev3.Route {
	r := b.upstreamRoute(u, u.Route+UpgradeVariant)
	r.Match.Headers = []*routev3.HeaderMatcher{{
		Name: "upgrade",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Exact{Exact: webSocket}, IgnoreCase: true,
		}},
	}}
	r.GetRoute().UpgradeConfigs = []*routev3.RouteAction_UpgradeConfig{{UpgradeType: webSocket}}
	if u.Messages && !b.o.Omit.ExtProc {
		mode := headOnly()
		mode.RequestBodyMode = procv3.ProcessingMode_FULL_DUPLEX_STREAMED
		mode.RequestTrailerMode = procv3.ProcessingMode_SEND // as that mode demands
		r.TypedPerFilterConfig[procFilter] = b.pack(&procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Overrides{
			Overrides: &procv3.ExtProcOverrides{ProcessingMode: mode}}})
	}
	return r
}
