package envoy

import (
	"slices"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// JudgedBody is how many bytes of a request's body Check sees before it
// decides, where it sees any.
const JudgedBody = 64 << 10

// fielded are the content types of bodies that have fields. A body of another
// type, an upload for instance, is not judged, and keeps its length where it is not
// recorded either.
const fielded = `(?i)\s*(application/json|text/json|[^;,\s]+\+json|application/x-www-form-urlencoded|multipart/form-data)\s*(;.*)?`

// streamed are the content types of bodies that are streams of messages, which a
// client may send one by one as answers come.
const streamed = `(?i)\s*application/(grpc|connect\+).*`

// bodyRoutes take the requests in whose body something may be substituted. What
// they do not take goes without: its placeholders are inert.
func (b *builder) bodyRoutes(u Upstream) []*routev3.Route {
	var routes []*routev3.Route
	for _, o := range u.Bodies {
		r := b.operationRoute(u, o, BodyVariant)
		r.Match.Headers = append(r.Match.Headers, header("content-type", &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: fielded}}}))
		grpc := header("content-type", &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "application/grpc"}, IgnoreCase: true})
		grpc.InvertMatch = true // "application/grpc+json" is no JSON, and its stream is never held
		r.Match.Headers = append(r.Match.Headers, grpc)
		b.showBody(r, u)
		routes = append(routes, r)
	}
	return routes
}

// checkRoutes take the requests of which a person may have to approve, and show
// their body to Check: what was approved is what it holds. To the backend it goes as
// it came, with its length where it is not recorded. Streams of messages are not held
// for it.
func (b *builder) checkRoutes(u Upstream) []*routev3.Route {
	var routes []*routev3.Route
	for _, o := range u.Approvals {
		r := b.operationRoute(u, o, CheckVariant)
		messages := header("content-type", &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: streamed}}})
		messages.InvertMatch, messages.TreatMissingHeaderAsEmpty = true, true
		r.Match.Headers = append(r.Match.Headers, messages)
		b.showToCheck(r, u)
		routes = append(routes, r)
	}
	return routes
}

// operationRoute takes the requests of one operation.
func (b *builder) operationRoute(u Upstream, o Operation, variant string) *routev3.Route {
	r := b.upstreamRoute(u, u.Route+variant)
	r.Match.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: o.Path}}
	if o.Method != "*" {
		r.Match.Headers = append(r.Match.Headers, header(":method", &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Exact{Exact: o.Method}}))
	}
	return r
}

func header(name string, match *matcherv3.StringMatcher) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: match}}
}

// showToCheck shows the beginning of the body to Check.
func (b *builder) showToCheck(r *routev3.Route, u Upstream) {
	if !b.o.Omit.ExtAuthz {
		r.TypedPerFilterConfig[authzFilter] = b.checked(&authzv3.CheckSettings{
			ContextExtensions: extensions(u, r.Name), WithRequestBody: judged(JudgedBody)})
	}
}

// showBody shows the beginning of the body to Check, and all of it to ext_proc.
func (b *builder) showBody(r *routev3.Route, u Upstream) {
	b.showToCheck(r, u)
	if !b.o.Omit.ExtProc {
		r.TypedPerFilterConfig[procFilter] = b.bothWays()
	}
}

func judged(bytes uint32) *authzv3.BufferSettings {
	return &authzv3.BufferSettings{MaxRequestBytes: bytes, AllowPartialMessage: true, PackAsBytes: true}
}

// shownToCheck is what Check sees of a body by the filter's own setting. Envoy
// reads from it alone whether bytes stay bytes, so it is there for the sake of
// single routes too; the others then turn it off.
func (b *builder) shownToCheck() *authzv3.BufferSettings {
	switch {
	case b.o.CheckBody > 0:
		return judged(b.o.CheckBody)
	case b.showsBodies():
		return judged(JudgedBody)
	}
	return nil
}

func (b *builder) showsBodies() bool {
	return slices.ContainsFunc(b.o.Upstreams, func(u Upstream) bool { return len(u.Bodies)+len(u.Approvals) > 0 })
}

// bothWays shows ext_proc the request's body too, and with it, as that mode
// demands, its trailers.
func (b *builder) bothWays() *anypb.Any {
	mode := headOnly()
	mode.RequestBodyMode = procv3.ProcessingMode_FULL_DUPLEX_STREAMED
	mode.RequestTrailerMode = procv3.ProcessingMode_SEND
	return b.pack(&procv3.ExtProcPerRoute{Override: &procv3.ExtProcPerRoute_Overrides{
		Overrides: &procv3.ExtProcOverrides{ProcessingMode: mode}}})
}

// expressionSize is how large a compiled expression may be. They are the
// operator's paths; Envoy's own limit, 100, is less than some of those need.
const expressionSize = 64 << 10

func (b *builder) runtime() *bootstrapv3.LayeredRuntime {
	fields, err := structpb.NewStruct(map[string]any{
		"re2.max_program_size.error_level": expressionSize, "re2.max_program_size.warn_level": expressionSize})
	if err != nil {
		b.fail("writing Envoy's runtime: %v", err)
	}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{
		Name:           "cloakroom",
		LayerSpecifier: &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: fields},
	}}}
}
