package envoy

import (
	"net/netip"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	bufferBytes = 1 << 20 // what Envoy holds for one connection before it pushes back
	// responseHeadersKB is what Envoy takes of an upstream's headers.
	responseHeadersKB = 128
	// upstreamLimit is connections, and requests, open to one upstream.
	upstreamLimit = 4096
	// serviceLimit is above downstreamLimit: an exchange holds a stream for as
	// long as it lasts, so the breaker must not open before the listener stops
	// taking connections.
	serviceLimit = 65536
)

// keepalive makes a service that has stopped (and not closed its socket)
// known: FULL_DUPLEX_STREAMED has no timer of its own. The service must permit
// pings this often.
var keepalive = &corev3.KeepaliveSettings{
	Interval: durationpb.New(time.Second),
	Timeout:  durationpb.New(2 * time.Second),
	// A ping with the first request on a connection that was idle.
	ConnectionIdleInterval: durationpb.New(time.Second),
}

func (b *builder) serviceCluster() *clusterv3.Cluster {
	c := b.cluster(serviceCluster, time.Second, serviceLimit)
	setEndpoint(c, b.o.Service.Address)
	if isName(b.o.Service.Address) {
		followReplicas(c, b.grpcHealth())
	}
	c.TypedExtensionProtocolOptions = b.http2Options(&corev3.Http2ProtocolOptions{
		ConnectionKeepalive: keepalive,
	})
	if t := b.o.Service.TLS; t != nil {
		c.TransportSocket = b.serviceTLS(t, "h2")
	}
	return c
}

func (b *builder) agentCluster() *clusterv3.Cluster {
	c := b.cluster(agentCluster, time.Second, upstreamLimit)
	c.TypedExtensionProtocolOptions = b.http1Options()
	if strings.HasPrefix(b.o.Agent, "/") {
		setEndpoint(c, "unix://"+b.o.Agent)
		return c
	}
	setEndpoint(c, b.o.Agent)
	if isName(b.o.Agent) {
		followReplicas(c, connects())
	}
	c.TransportSocket = b.serviceTLS(b.o.Service.TLS, "http/1.1")
	return c
}

func (b *builder) upstreamCluster(u Upstream) *clusterv3.Cluster {
	c := b.cluster(u.Cluster, b.o.Timeouts.Connect, upstreamLimit)
	setEndpoint(c, u.Address)
	if u.HTTP2 {
		c.TypedExtensionProtocolOptions = b.http2Options(&corev3.Http2ProtocolOptions{AllowConnect: true}) // for WebSockets
	} else {
		c.TypedExtensionProtocolOptions = b.http1Options()
	}
	if u.TLS {
		c.TransportSocket = b.upstreamTLS(u)
	}
	return c
}

func (b *builder) cluster(name string, connect time.Duration, limit uint32) *clusterv3.Cluster {
	n := wrapperspb.UInt32(limit)
	return &clusterv3.Cluster{
		Name:                          name,
		ConnectTimeout:                durationpb.New(connect),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(bufferBytes),
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections: n, MaxPendingRequests: n, MaxRequests: n,
		}}},
	}
}

// setEndpoint points c at one address and chooses the discovery that fits it.
func setEndpoint(c *clusterv3.Cluster, address string) {
	kind := clusterv3.Cluster_STRICT_DNS
	var a *corev3.Address
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		kind, a = clusterv3.Cluster_STATIC, pipe(path, 0)
	} else {
		host, port, _ := splitAddress(address) // checked before
		if _, err := netip.ParseAddr(host); err == nil {
			kind = clusterv3.Cluster_STATIC
		} else {
			c.DnsLookupFamily = clusterv3.Cluster_ALL
		}
		a = tcp(host, port)
	}
	c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: kind}
	c.LoadAssignment = &endpointv3.ClusterLoadAssignment{
		ClusterName: c.Name,
		Endpoints: []*endpointv3.LocalityLbEndpoints{{
			LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: a}},
			}},
		}},
	}
}

// http1Options lets trailers pass: dropped silently, they could not be masked
// or recorded.
func (b *builder) http1Options() map[string]*anypb.Any {
	return b.httpOptions(&httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
			HttpProtocolOptions: &corev3.Http1ProtocolOptions{EnableTrailers: true},
		},
	})
}

func (b *builder) http2Options(o *corev3.Http2ProtocolOptions) map[string]*anypb.Any {
	return b.httpOptions(&httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
			Http2ProtocolOptions: o,
		},
	})
}

func (b *builder) httpOptions(c *httpv3.HttpProtocolOptions_ExplicitHttpConfig) map[string]*anypb.Any {
	m := &httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:          durationpb.New(time.Minute),
			MaxHeadersCount:      wrapperspb.UInt32(headerCount),
			MaxResponseHeadersKb: wrapperspb.UInt32(responseHeadersKB),
		},
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: c},
	}
	return map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": b.pack(m)}
}

func tcp(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

// pipe is a Unix socket; mode is that of a socket that Envoy makes, 0 for one
// that it only dials.
func pipe(path string, mode uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path, Mode: mode}}}
}
