package integration

import (
	"context"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // that a server may compress with
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// callee is a gRPC service that gives back the value that it got wherever a
// service can.
type callee struct {
	testgrpc.UnimplementedTestServiceServer
	calls chan string // the authorization of each call
}

// key is what the agent sent as a key.
func (c *callee) key(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	got := strings.Join(md.Get("authorization"), ",")
	c.calls <- got
	return strings.TrimPrefix(got, "Bearer ")
}

func echoed(key string, message []byte) *testgrpc.Payload {
	return &testgrpc.Payload{Body: []byte("<" + key + "|" + string(message) + ">")}
}

func metadataOf(key string) metadata.MD {
	return metadata.Pairs("x-raw", key, "x-data-bin", "user:"+key)
}

func (c *callee) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	key := c.key(ctx)
	grpc.SetHeader(ctx, metadataOf(key))
	grpc.SetTrailer(ctx, metadataOf(key))
	if s := in.GetResponseStatus(); s != nil {
		plain := status.New(codes.Code(s.GetCode()), "100% of \""+key+"\" é")
		if !in.GetFillUsername() {
			return nil, plain.Err()
		}
		detailed, err := plain.WithDetails(echoed(key, nil))
		if err != nil {
			return nil, err
		}
		return nil, detailed.Err()
	}
	return &testgrpc.SimpleResponse{Payload: echoed(key, in.GetPayload().GetBody())}, nil
}

func (c *callee) StreamingOutputCall(in *testgrpc.StreamingOutputCallRequest, s testgrpc.TestService_StreamingOutputCallServer) error {
	key := c.key(s.Context())
	for range in.GetResponseParameters() {
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{Payload: echoed(key, in.GetPayload().GetBody())}); err != nil {
			return err
		}
	}
	return nil
}

func (c *callee) FullDuplexCall(s testgrpc.TestService_FullDuplexCallServer) error {
	key := c.key(s.Context())
	for {
		in, err := s.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{Payload: echoed(key, in.GetPayload().GetBody())}); err != nil {
			return err
		}
	}
}

// caller is a gRPC client in front of a world with a callee behind it.
type caller struct {
	*world
	backend *callee
	testgrpc.TestServiceClient
	key, placeholder, stars string
	ctx                     context.Context // with the agent's metadata
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{key: `k"9/<+&%~` + value()[3:], backend: &callee{calls: make(chan string, 100)}}
	c.stars = strings.Repeat("*", len(c.key))
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	testgrpc.RegisterTestServiceServer(server, c.backend)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	c.world = newWorld(t, setup{Values: map[string]string{"DEMO_KEY": c.key},
		Config:    strings.NewReplacer("/v1/**", "/grpc.testing.TestService/*Call").Replace(oneCredential),
		Upstreams: []string{`{host: api.test, http2: true, address: "` + l.Addr().String() + `"}`}})
	c.TestServiceClient = testgrpc.NewTestServiceClient(c.connect("api.test"))
	c.placeholder = c.world.placeholder("demo")
	c.ctx = metadata.AppendToOutgoingContext(t.Context(), "x-cloakroom-token", c.token(agentClient), "x-cloakroom-session", "calls")
	return c
}

// connect makes a client of an upstream.
func (w *world) connect(host string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(w.gateway, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority(host), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// with is the context of a call with a key.
func (c *caller) with(placeholder string) context.Context {
	return metadata.AppendToOutgoingContext(c.ctx, "authorization", "Bearer "+placeholder)
}

func payload(text string) *testgrpc.Payload { return &testgrpc.Payload{Body: []byte(text)} }

// masked checks metadata that came back.
func (c *caller) masked(t *testing.T, md metadata.MD) {
	t.Helper()
	if raw, data := md.Get("x-raw"), md.Get("x-data-bin"); len(raw) != 1 || raw[0] != c.placeholder || len(data) != 1 || data[0] != "user:"+c.stars {
		t.Errorf("metadata %q and %q", raw, data)
	}
}

// TestGRPC looks at every place of a unary call where a value may come back.
func TestGRPC(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	for _, size := range []int{0, 100, 10 << 20} {
		var header, trailer metadata.MD
		text := strings.Repeat("x", size)
		got, err := c.UnaryCall(c.with(c.placeholder), &testgrpc.SimpleRequest{Payload: payload(text)}, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil || string(got.GetPayload().GetBody()) != "<"+c.stars+"|"+text+">" {
			t.Errorf("%d bytes: %.100v, %v", size, got, err)
		}
		c.masked(t, header)
		c.masked(t, trailer)
		if sent := <-c.backend.calls; sent != "Bearer "+c.key {
			t.Error("the backend did not get the value")
		}
	}
	fail := &testgrpc.SimpleRequest{ResponseStatus: &testgrpc.EchoStatus{Code: int32(codes.NotFound)}}
	var trailer metadata.MD
	_, err := c.UnaryCall(c.with(c.placeholder), fail, grpc.Trailer(&trailer))
	if s := status.Convert(err); s.Code() != codes.NotFound || s.Message() != `100% of "`+c.placeholder+`" é` {
		t.Errorf("an error: %v", err)
	}
	c.masked(t, trailer)
	fail.FillUsername = true // the callee takes it for a wish for details, which hold the message too
	_, err = c.UnaryCall(c.with(c.placeholder), fail)
	s := status.Convert(err)
	if d := s.Details(); s.Message() != `100% of "`+c.stars+`" é` || len(d) != 1 || string(d[0].(*testgrpc.Payload).GetBody()) != "<"+c.stars+"|>" {
		t.Errorf("an error with details: %v, %v", err, d)
	}
	if end := c.session(t, "calls", 5, true)[1].End.End; end.Error != "" || len(end.Masks) != 1 || end.Masks[0].N != 5 || len(end.Substitutions) != 1 {
		t.Errorf("the record: %+v", end)
	}
}

// TestGRPCStreams: a message is there as soon as it was sent, and nobody waits
// for the other.
func TestGRPCStreams(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	down, err := c.StreamingOutputCall(c.with(c.placeholder), &testgrpc.StreamingOutputCallRequest{Payload: payload("p"),
		ResponseParameters: make([]*testgrpc.ResponseParameters, 3)})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := down.Recv(); err != nil || string(got.GetPayload().GetBody()) != "<"+c.stars+"|p>" {
			t.Errorf("%v, %v", got, err)
		}
	}
	if _, err := down.Recv(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
	both, err := c.FullDuplexCall(c.with(c.placeholder))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "", c.placeholder, strings.Repeat("y", 3<<20)} {
		if err := both.Send(&testgrpc.StreamingOutputCallRequest{Payload: payload(text)}); err != nil {
			t.Fatal(err)
		}
		if got, err := both.Recv(); err != nil || string(got.GetPayload().GetBody()) != "<"+c.stars+"|"+text+">" {
			t.Fatalf("%.100v, %v", got, err)
		}
	}
	both.CloseSend()
	if _, err := both.Recv(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
}

// TestGRPCRefused: a refusal takes the form of the protocol, whichever half it
// comes from.
func TestGRPCRefused(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	other := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+c.placeholder)
	for _, tt := range []struct {
		name string
		call func() error
		code codes.Code
		says string
	}{
		{"nobody calls", func() error { _, err := c.UnaryCall(other, &testgrpc.SimpleRequest{}); return err }, codes.Unauthenticated, "unauthenticated"},
		{"not granted", func() error {
			_, err := c.UnaryCall(c.with("ckr_demo_00000000000000000000000000"), &testgrpc.SimpleRequest{})
			return err
		}, codes.PermissionDenied, "unknown_placeholder"},
		{"another method", func() error { _, err := c.EmptyCall(c.with(c.placeholder), &testgrpc.Empty{}); return err }, codes.Unimplemented, "EmptyCall"},
	} {
		err := tt.call()
		if status.Code(err) != tt.code || !strings.Contains(status.Convert(err).Message(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if code := errorCode(status.Convert(err).Message()); tt.code != codes.Unimplemented && code != tt.says {
			t.Errorf("%s: the message is no refusal: %v", tt.name, err)
		}
	}
}

// TestGRPCUnreadable: messages that could not be masked do not come.
func TestGRPCUnreadable(t *testing.T) {
	t.Parallel()
	key := value()
	b := http2Backend(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("content-type", "application/grpc")
		h.Set("trailer", "grpc-status")
		prefix := "\x00\x00\x00\x00\x02"
		switch path.Base(r.URL.Path) {
		case "Declared":
			h.Set("grpc-encoding", "gzip")
		case "Compressed":
			prefix = "\x01\x00\x00\x00\x02"
		case "Cut":
			prefix = "\x00\x00\x00\x00\x05"
		case "Text":
			h.Set("content-type", "application/grpc-web-text")
		}
		io.WriteString(w, prefix+"\x12\x00")
		http.NewResponseController(w).Flush()
		h.Set("grpc-status", "0")
	})
	s := demo(key, b.address())
	s.Config = strings.Replace(s.Config, "/v1/**", "/any.Service/*", 1)
	s.Upstreams = []string{`{host: api.test, http2: true, address: "` + b.address() + `"}`}
	w := newWorld(t, s)
	conn := w.connect("api.test")
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-cloakroom-token", w.token(agentClient))
	const anyError = codes.Code(99)
	for _, tt := range []struct {
		method string
		code   codes.Code
		says   string
	}{
		{"Plain", codes.OK, ""},
		{"Declared", codes.PermissionDenied, "the backend compresses its messages"},
		{"Text", codes.PermissionDenied, "gRPC-Web as text"},
		{"Compressed", anyError, ""}, // a refusal, or the head of the answer has gone by then
		{"Cut", anyError, ""},
	} {
		err := conn.Invoke(ctx, "/any.Service/"+tt.method, &testgrpc.Empty{}, &testgrpc.SimpleResponse{})
		if got := status.Code(err); got != tt.code && (tt.code != anyError || err == nil) || !strings.Contains(status.Convert(err).Message(), tt.says) {
			t.Errorf("%s: %v, want %v %q", tt.method, err, tt.code, tt.says)
		}
	}
}
