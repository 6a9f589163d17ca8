package envoy

import (
	"net/netip"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	previousv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// unheard are the failures of a call that the service has not begun to work on,
// so that another replica may be asked the same.
const unheard = "connect-failure,refused-stream,reset-before-request"

// previousHosts is the rule by which a call is not made to the same replica again.
const previousHosts = "envoy.retry_host_predicates.previous_hosts"

// isName tells whether an address may stand for several replicas: a name of DNS
// does, a Unix socket and an IP address do not.
func isName(address string) bool {
	host, _, err := splitAddress(address)
	_, notIP := netip.ParseAddr(host)
	return err == nil && notIP != nil && !strings.HasPrefix(address, "/")
}

// followReplicas makes c use every replica behind its name that is well, and
// learn within about two seconds that one is not. One that is new is seen within
// the five seconds in which Envoy asks DNS anew.
func followReplicas(c *clusterv3.Cluster, check *corev3.HealthCheck) {
	c.IgnoreHealthOnHostRemoval = true
	// Envoy would make three calls again at a time, and an exchange counts until its end.
	limit := c.CircuitBreakers.Thresholds[0]
	limit.MaxRetries = limit.MaxRequests
	c.CommonLbConfig = &clusterv3.Cluster_CommonLbConfig{
		HealthyPanicThreshold: &typev3.Percent{},
		// Else what befalls a second replica within a second counts a second late.
		UpdateMergeWindow: &durationpb.Duration{},
	}
	check.Interval, check.NoTrafficInterval = durationpb.New(time.Second), durationpb.New(time.Second)
	check.Timeout = durationpb.New(time.Second)
	check.HealthyThreshold, check.UnhealthyThreshold = wrapperspb.UInt32(1), wrapperspb.UInt32(1)
	c.HealthChecks = []*corev3.HealthCheck{check}
}

// grpcHealth asks gRPC's health service, with the key that every call needs.
func (b *builder) grpcHealth() *corev3.HealthCheck {
	ask := &corev3.HealthCheck_GrpcHealthCheck{Authority: serviceCluster}
	if key := b.o.Service.Key; key != "" {
		ask.InitialMetadata = []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: KeyMetadata, Value: key}}}
	}
	return &corev3.HealthCheck{HealthChecker: &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: ask}}
}

// connects asks no more than whether a connection can be made.
func connects() *corev3.HealthCheck {
	return &corev3.HealthCheck{HealthChecker: &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}}}
}

// askAnother lets a call that the service has not heard be made to another
// replica at once: Envoy would wait for up to a second. It takes the longest pause
// for the longest time of a try as well, and people may be waited for in one.
func (b *builder) askAnother() *corev3.RetryPolicy {
	return &corev3.RetryPolicy{
		RetryOn: unheard, NumRetries: wrapperspb.UInt32(2),
		RetryBackOff: &corev3.BackoffStrategy{BaseInterval: durationpb.New(time.Millisecond), MaxInterval: durationpb.New(24 * time.Hour)},
		RetryHostPredicate: []*corev3.RetryPolicy_RetryHostPredicate{{
			Name: previousHosts, ConfigType: &corev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: b.pack(&previousv3.PreviousHostsPredicate{})},
		}},
		HostSelectionRetryMaxAttempts: 3,
	}
}

// askAnotherAgent is the same for the route to the agents' endpoint.
func (b *builder) askAnotherAgent() *routev3.RetryPolicy {
	return &routev3.RetryPolicy{
		RetryOn: unheard, NumRetries: wrapperspb.UInt32(2),
		RetryHostPredicate: []*routev3.RetryPolicy_RetryHostPredicate{{
			Name: previousHosts, ConfigType: &routev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: b.pack(&previousv3.PreviousHostsPredicate{})},
		}},
		HostSelectionRetryMaxAttempts: 3,
	}
}
