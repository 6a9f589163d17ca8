package envoy

import (
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// The filters' names are also the keys under which a route speaks to them.
const (
	trailersFilter = "cloakroom.request_trailers"
	authzFilter    = "envoy.filters.http.ext_authz"
	procFilter     = "envoy.filters.http.ext_proc"
	routerFilter   = "envoy.filters.http.router"
)

func (b *builder) filters() []*hcmv3.HttpFilter {
	fs := []*hcmv3.HttpFilter{b.filter(trailersFilter, dropRequestTrailers())}
	if !b.o.Omit.ExtAuthz {
		fs = append(fs, b.filter(authzFilter, b.extAuthz()))
	}
	if !b.o.Omit.ExtProc {
		f := b.filter(procFilter, b.extProc())
		f.Disabled = true // for what has no route; the table of routes turns it on
		fs = append(fs, f)
	}
	// The agent learns nothing of Envoy's timings, nor the backend of Envoy.
	return append(fs, b.filter(routerFilter, &routerv3.Router{SuppressEnvoyHeaders: true}))
}

func (b *builder) filter(name string, m validated) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{
		Name:       name,
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: b.pack(m)},
	}
}

// dropRequestTrailers takes every trailer off a request: they come after the
// decision, and backends that merge them into the headers would let them
// override what was judged.
func dropRequestTrailers() *headerv3.HeaderMutation {
	return &headerv3.HeaderMutation{Mutations: &headerv3.Mutations{
		RequestTrailersMutations: []*mutationv3.HeaderMutation{{
			Action: &mutationv3.HeaderMutation_RemoveOnMatch_{RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{
				KeyMatcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{
					SafeRegex: &matcherv3.RegexMatcher{Regex: ".*"},
				}},
			}},
		}},
	}}
}

func (b *builder) extAuthz() *authzv3.ExtAuthz {
	m := &authzv3.ExtAuthz{
		Services:            &authzv3.ExtAuthz_GrpcService{GrpcService: b.grpcService()},
		TransportApiVersion: corev3.ApiVersion_V3,
		// Raw, so that Check sees a header that was sent twice, twice.
		EncodeRawHeaders:  true,
		StatusOnError:     &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		ValidateMutations: true,
	}
	m.GetGrpcService().Timeout = durationpb.New(b.o.Timeouts.decision())
	m.WithRequestBody = b.shownToCheck()
	return m
}

// extProc is not told to wait for the body of a request, and sees the response
// whole. A mutation that Envoy will not make is an error, since a header that
// should have gone must not pass in silence.
func (b *builder) extProc() *procv3.ExternalProcessor {
	return &procv3.ExternalProcessor{
		GrpcService:       b.grpcService(),
		ProcessingMode:    headOnly(),
		RequestAttributes: RequestAttributes,
		MessageTimeout:    durationpb.New(b.o.Timeouts.Message),
		MutationRules: &mutationv3.HeaderMutationRules{
			AllowAllRouting: wrapperspb.Bool(false),
			AllowEnvoy:      wrapperspb.Bool(true), // to remove a client's x-envoy-*
			// Envoy would let these be set, and so a message be cut elsewhere
			// than where it ends. The service only ever removes content-length.
			DisallowExpression: &matcherv3.RegexMatcher{
				Regex: "transfer-encoding|connection|upgrade",
			},
			DisallowIsError: wrapperspb.Bool(true),
		},
		MetadataOptions: &procv3.MetadataOptions{
			ForwardingNamespaces: &procv3.MetadataOptions_MetadataNamespaces{Untyped: []string{MetadataNamespace}},
		},
		// The service removes the length of each body that may change (ADR 8).
		AllowContentLengthHeader: true,
		// The route that was judged is the route that is taken.
		RouteCacheAction: procv3.ExternalProcessor_RETAIN,
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
	}
}

// headOnly shows ext_proc the request's head and all of the response.
func headOnly() *procv3.ProcessingMode {
	return &procv3.ProcessingMode{
		RequestHeaderMode:   procv3.ProcessingMode_SEND,
		RequestBodyMode:     procv3.ProcessingMode_NONE,
		RequestTrailerMode:  procv3.ProcessingMode_SKIP,
		ResponseHeaderMode:  procv3.ProcessingMode_SEND,
		ResponseBodyMode:    procv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		ResponseTrailerMode: procv3.ProcessingMode_SEND,
	}
}

func (b *builder) grpcService() *corev3.GrpcService {
	s := &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
		EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: serviceCluster, Authority: serviceCluster},
	}}
	if key := b.o.Service.Key; key != "" {
		s.InitialMetadata = []*corev3.HeaderValue{{Key: KeyMetadata, Value: key}}
	}
	if isName(b.o.Service.Address) {
		s.RetryPolicy = b.askAnother()
	}
	return s
}
