package envoy

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	downstreamLimit  = 8192 // connections of agents, all together
	streamsLimit     = 128  // HTTP/2 streams on one of them
	headerCount      = 128  // headers of one message
	requestHeadersKB = 96   // all headers of one request

	// lingering is how long a connection stays for the client to read the last of
	// it, on HTTP/1.1 also one that is cut: with what a revoke takes to get here,
	// less than a second.
	lingering = 250 * time.Millisecond
)

func (b *builder) listener() *listenerv3.Listener {
	host, port, _ := splitAddress(b.o.Listen) // checked before
	if host == "" {
		host = "0.0.0.0"
	}
	chain := &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: b.pack(b.connectionManager())},
	}}}
	if b.o.TLS != nil {
		chain.TransportSocket = b.downstreamTLS(b.o.TLS)
	}
	return &listenerv3.Listener{
		Name:                          "agents",
		Address:                       tcp(host, port),
		FilterChains:                  []*listenerv3.FilterChain{chain},
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(bufferBytes),
		// With SO_REUSEPORT a second process of this user would silently
		// take a share of the connections, and a taken port would be no error.
		EnableReusePort: wrapperspb.Bool(false),
		ConnectionBalanceConfig: &listenerv3.Listener_ConnectionBalanceConfig{
			BalanceType: &listenerv3.Listener_ConnectionBalanceConfig_ExactBalance_{
				ExactBalance: &listenerv3.Listener_ConnectionBalanceConfig_ExactBalance{},
			},
		},
	}
}

// connectionManager leaves the request as the client wrote it: the service
// judges every reading of the raw path, and the backend gets what was judged.
// So nothing is normalised, merged or unescaped here, and what could be read
// in two ways is refused.
func (b *builder) connectionManager() *hcmv3.HttpConnectionManager {
	t := b.o.Timeouts
	return &hcmv3.HttpConnectionManager{
		StatPrefix:                   "agents",
		CodecType:                    hcmv3.HttpConnectionManager_AUTO,
		RouteSpecifier:               &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: b.routes()},
		HttpFilters:                  b.filters(),
		AccessLog:                    b.accessLog(),
		LocalReplyConfig:             b.localReplies(),
		HttpProtocolOptions:          http1(),
		Http2ProtocolOptions:         http2(),
		CommonHttpProtocolOptions:    b.common(),
		NormalizePath:                wrapperspb.Bool(false),
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_KEEP_UNCHANGED,
		// The connection's peer is the source; a client's x-forwarded-for is
		// neither believed nor added to.
		UseRemoteAddress:           wrapperspb.Bool(true),
		SkipXffAppend:              true,
		InternalAddressConfig:      nobody(),
		ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
		GenerateRequestId:          wrapperspb.Bool(false),
		MaxRequestHeadersKb:        wrapperspb.UInt32(requestHeadersKB),
		RequestHeadersTimeout:      durationpb.New(t.Headers),
		StreamIdleTimeout:          durationpb.New(t.idle()),
		DelayedCloseTimeout:        durationpb.New(lingering),
	}
}

// nobody makes no caller internal, since Envoy obeys the x-envoy-* headers of
// such a one. An empty list would mean the private ranges and loopback.
func nobody() *hcmv3.HttpConnectionManager_InternalAddressConfig {
	return &hcmv3.HttpConnectionManager_InternalAddressConfig{CidrRanges: []*corev3.CidrRange{{
		AddressPrefix: "255.255.255.255", PrefixLen: wrapperspb.UInt32(32),
	}}}
}

func (b *builder) common() *corev3.HttpProtocolOptions {
	underscores := corev3.HttpProtocolOptions_REJECT_REQUEST
	if b.o.AllowUnderscores {
		underscores = corev3.HttpProtocolOptions_ALLOW
	}
	return &corev3.HttpProtocolOptions{
		IdleTimeout:                  durationpb.New(10 * time.Minute),
		MaxHeadersCount:              wrapperspb.UInt32(headerCount),
		HeadersWithUnderscoresAction: underscores,
	}
}

// http1 refuses absolute-form targets: their host and the Host header are two
// opinions on where the request goes. Trailers pass, so that those of a
// response reach the agent masked; those of a request are dropped by a filter.
func http1() *corev3.Http1ProtocolOptions {
	return &corev3.Http1ProtocolOptions{
		AllowAbsoluteUrl: wrapperspb.Bool(false),
		EnableTrailers:   true,
	}
}

// http2 lets an agent ask for a WebSocket over HTTP/2 (RFC 8441), which Envoy
// makes the upgrade of HTTP/1.1 before anybody judges it.
func http2() *corev3.Http2ProtocolOptions {
	return &corev3.Http2ProtocolOptions{
		AllowConnect:                true,
		MaxConcurrentStreams:        wrapperspb.UInt32(streamsLimit),
		InitialStreamWindowSize:     wrapperspb.UInt32(256 << 10),
		InitialConnectionWindowSize: wrapperspb.UInt32(bufferBytes),
	}
}

// overload bounds what agents can open: past the limit Envoy closes new
// connections.
func (b *builder) overload() *overloadv3.OverloadManager {
	return &overloadv3.OverloadManager{ResourceMonitors: []*overloadv3.ResourceMonitor{{
		Name: "envoy.resource_monitors.global_downstream_max_connections",
		ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: b.pack(
			&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: downstreamLimit},
		)},
	}}}
}
