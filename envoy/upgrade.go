package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

const webSocket = "websocket"

// upgradeRoute takes the requests for a WebSocket; no other request may upgrade.
// Envoy takes the upgrade header off what is none, before it looks for a route,
// and writes it on an extended CONNECT of HTTP/2.
func (b *builder) upgradeRoute(u Upstream) *routev3.Route {
	r := b.upstreamRoute(u, u.Route+UpgradeVariant)
	r.Match.Headers = []*routev3.HeaderMatcher{header("upgrade", &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_Exact{Exact: webSocket}, IgnoreCase: true})}
	r.GetRoute().UpgradeConfigs = []*routev3.RouteAction_UpgradeConfig{{UpgradeType: webSocket}}
	if u.Messages && !b.o.Omit.ExtProc {
		r.TypedPerFilterConfig[procFilter] = b.bothWays()
	}
	return r
}
