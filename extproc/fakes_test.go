package extproc

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
	"cloakroom/internal/grant"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/secret"
)

const planted = "planted-4d7Hq0Zr8LkW1xTb"

var key = inventory.Key{7}

// inSecret is where in a body github may stand.
var inSecret = access.Location{Kind: access.InBody, Name: "/secret"}

func placeholder() string { return key.Placeholder("github") }

// world is an engine with one credential, and what it was told.
type world struct {
	server  *Server
	codec   *grant.Codec
	live    func() bool
	done    chan struct{} // closed when the lease ends
	revoke  chan func()   // not nil: gets what a revoke calls
	atOnce  bool          // the lease was revoked before
	noted   chan struct{} // closed at the first entry, if there is one
	mu      sync.Mutex
	entries []record.Entry
}

func (w *world) Check(string, time.Time) exchange.Standing {
	if w.live() {
		return exchange.Live
	}
	return exchange.Over
}

func (w *world) Spend(id string, now time.Time) exchange.Standing { return w.Check(id, now) }
func (w *world) Done(string) <-chan struct{}                      { return w.done }
func (w *world) CountRefusal(access.Code, string)                 {}

func (w *world) OnRevoke(_ string, cut func()) (stop func()) {
	switch {
	case w.atOnce:
		cut()
	case w.revoke != nil:
		w.revoke <- cut
	}
	return func() {}
}

func (w *world) Note(e record.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
	if w.noted != nil {
		close(w.noted)
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	rules, err := inventory.New(key, []inventory.Credential{{Name: "github",
		Tier: inventory.Tier{Name: "low", Lease: time.Minute}, Groups: []access.Group{{Issuer: "i", Name: "g"}},
		Rules: []inventory.Rule{{Hosts: []string{"api.example.com"}, Methods: []string{"GET"}, Paths: []string{"/**"},
			In: []access.Location{{Kind: access.InCredentials}, inSecret}}}}},
		[]inventory.Upstream{{Host: "api.example.com", Route: "route", Cluster: "cluster"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := exchange.Compile([32]byte{5}, rules, map[string]secret.Value{"github": secret.New([]byte(planted))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{live: func() bool { return true }}
	if w.codec, err = grant.New([32]byte{9}); err != nil {
		t.Fatal(err)
	}
	engine, err := exchange.New(exchange.Deps{Snapshot: func() *exchange.Snapshot { return snapshot },
		Leases: w, Grants: w.codec, Log: w})
	if err != nil {
		t.Fatal(err)
	}
	if w.server, err = New(engine, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return w
}

// request is Envoy's first message: a GET with the placeholder, granted.
func (w *world) request(t testing.TB) *extprocv3.ProcessingRequest {
	t.Helper()
	return w.requestBy(t, "route", modev3.ProcessingMode_NONE)
}

// requestBy is request by a route, with a mode for the request's body.
func (w *world) requestBy(t testing.TB, route string, mode modev3.ProcessingMode_BodySendMode) *extprocv3.ProcessingRequest {
	t.Helper()
	sealed, err := w.codec.Seal(access.Grant{Exchange: "exchange-1", Method: "GET", Authority: "api.example.com", Path: "/x",
		Route: route, Cluster: "cluster", Source: "127.0.0.1:5", Ends: time.Now().Add(30 * time.Second),
		Uses: []access.Use{{Credential: "github", Lease: "lease", Locations: []access.Location{{Kind: access.InHeader, Name: "authorization"}, inSecret}}}})
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) *structpb.Value { return structpb.NewStringValue(s) }
	return &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: lines(
			":method", "GET", ":authority", "api.example.com", ":path", "/x", ":scheme", "http",
			"authorization", "Bearer "+placeholder(), "x-envoy-foo", "1", "accept-encoding", "gzip", "content-type", "application/json")}},
		Attributes: map[string]*structpb.Struct{attributes: {Fields: map[string]*structpb.Value{
			routeName: text(route), clusterName: text("cluster"), source: text("127.0.0.1:5")}}},
		MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
			metadata: {Fields: map[string]*structpb.Value{grantKey: text(sealed), "ext_authz_duration": structpb.NewNumberValue(3)}}}},
		ProtocolConfig: protocol(mode, modev3.ProcessingMode_FULL_DUPLEX_STREAMED),
	}
}

func protocol(up, down modev3.ProcessingMode_BodySendMode) *extprocv3.ProtocolConfiguration {
	return &extprocv3.ProtocolConfiguration{RequestBodyMode: up, ResponseBodyMode: down}
}

func lines(pairs ...string) *corev3.HeaderMap {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, rawLine(pairs[i], pairs[i+1]))
	}
	return m
}

func responseHead(end bool, pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{
		ResponseHeaders: &extprocv3.HttpHeaders{Headers: lines(append([]string{":status", "200"}, pairs...)...), EndOfStream: end}}}
}

func responseBody(text string, end bool) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{
		ResponseBody: &extprocv3.HttpBody{Body: []byte(text), EndOfStream: end}}}
}

func responseTrailers(pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{
		ResponseTrailers: &extprocv3.HttpTrailers{Trailers: lines(pairs...)}}}
}

func requestBody(text string, end bool) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{
		RequestBody: &extprocv3.HttpBody{Body: []byte(text), EndOfStream: end}}}
}

func requestTrailers() *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestTrailers{
		RequestTrailers: &extprocv3.HttpTrailers{Trailers: lines("a", "b")}}}
}

// stream is Envoy's end of a conversation: it says what it was given, and then
// ends as it was told.
type stream struct {
	grpc.ServerStream
	say  []*extprocv3.ProcessingRequest
	end  error         // nil: io.EOF
	last chan struct{} // not nil: closed when the last message was answered
	hang chan struct{} // not nil: after the last message nothing comes until it is closed
	// full, where not nil, is closed when something is sent, which waits for taken.
	full, taken chan struct{}

	got []*extprocv3.ProcessingResponse
}

func (s *stream) Context() context.Context { return context.Background() }

func (s *stream) Send(r *extprocv3.ProcessingResponse) error {
	if s.full != nil {
		close(s.full)
		<-s.taken
	}
	s.got = append(s.got, proto.CloneOf(r)) // as gRPC, which encodes before it returns
	return nil
}

func (s *stream) Recv() (*extprocv3.ProcessingRequest, error) {
	if len(s.say) > 0 {
		m := s.say[0]
		s.say = s.say[1:]
		return m, nil
	}
	if s.last != nil {
		close(s.last)
		s.last = nil
	}
	if s.hang != nil {
		<-s.hang
	}
	if s.end != nil {
		return nil, s.end
	}
	return nil, io.EOF
}
