package cloakroom_test

import (
	"io"
	"log/slog"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	modev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"cloakroom/authz"
	"cloakroom/envoy"
	"cloakroom/extproc"
	"cloakroom/internal/access"
	"cloakroom/internal/agent"
	"cloakroom/internal/gate"
)

// TestNamesDoNotDrift: package envoy configures Envoy with names that the
// adapters, which never import it, look for. The request is made with package
// envoy's names alone; a value goes up only if both sides mean the same.
func TestNamesDoNotDrift(t *testing.T) {
	if gate.KeyMetadata != envoy.KeyMetadata {
		t.Errorf("the key is sent as %q and awaited as %q", envoy.KeyMetadata, gate.KeyMetadata)
	}
	if agent.Path != envoy.AgentPath {
		t.Errorf("agents are routed at %q and served at %q", envoy.AgentPath, agent.Path)
	}
	if envoy.JudgedBody != access.JudgedBody || !access.ShowsBody("route"+envoy.BodyVariant) || !access.ShowsMessages("route"+envoy.UpgradeVariant) ||
		access.ShowsBody("route"+envoy.CheckVariant) || !access.ChecksBody("route"+envoy.CheckVariant) || !access.ChecksBody("route"+envoy.BodyVariant) {
		t.Errorf("Check sees %d bytes of a body on routes %q and %q, and %d are judged; messages pass on %q",
			envoy.JudgedBody, envoy.BodyVariant, envoy.CheckVariant, access.JudgedBody, envoy.UpgradeVariant)
	}
	p, _ := newTransport(t)
	check, err := authz.New(p.decider, p.codec, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	process, err := extproc.New(p.engine, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	lines := []*corev3.HeaderValue{line("authorization", "Bearer "+key.Placeholder("github")), line("x-cloakroom-token", "agent-7")}
	allowed, err := check.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		ContextExtensions: map[string]string{envoy.RouteExtension: "route", envoy.ClusterExtension: "cluster"},
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "10.0.0.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711}}}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Host: "api.example.com", Path: "/repos/a", HeaderMap: &corev3.HeaderMap{Headers: lines}}},
	}})
	if err != nil || allowed.GetOkResponse() == nil {
		t.Fatalf("got %v, %v", allowed, err)
	}
	if allowed.GetDynamicMetadata().GetFields()[envoy.ExchangeField].GetStringValue() == "" {
		t.Errorf("the access log's field %q is not in %v", envoy.ExchangeField, allowed.GetDynamicMetadata())
	}
	attributes := map[string]string{"xds.route_name": "route", "xds.cluster_name": "cluster", "source.address": "10.0.0.7:4711"}
	fields := map[string]*structpb.Value{}
	for _, name := range envoy.RequestAttributes {
		fields[name] = structpb.NewStringValue(attributes[name])
	}
	s := &stream{say: &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: append(lines[:1:1],
			line(":method", "GET"), line(":authority", "api.example.com"), line(":path", "/repos/a"))}}},
		Attributes:      map[string]*structpb.Struct{"envoy.filters.http.ext_proc": {Fields: fields}},
		MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{envoy.MetadataNamespace: allowed.GetDynamicMetadata()}},
		ProtocolConfig:  &extprocv3.ProtocolConfiguration{ResponseBodyMode: modev3.ProcessingMode_FULL_DUPLEX_STREAMED},
	}}
	if err := process.Process(s); err == nil {
		t.Error("a stream that ended early ended cleanly")
	}
	set := s.got.GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders()
	if len(set) == 0 || string(set[0].GetHeader().GetRawValue()) != "Bearer "+value {
		t.Errorf("got %v", s.got)
	}
}

func line(name, text string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: name, RawValue: []byte(text)}
}

// stream says one message and keeps the answer.
type stream struct {
	grpc.ServerStream
	say *extprocv3.ProcessingRequest
	got *extprocv3.ProcessingResponse
}

func (s *stream) Send(r *extprocv3.ProcessingResponse) error { s.got = r; return nil }

func (s *stream) Recv() (*extprocv3.ProcessingRequest, error) {
	m := s.say
	s.say = nil
	if m == nil {
		return nil, io.EOF
	}
	return m, nil
}
